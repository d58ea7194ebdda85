/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written down of a program, so that a service that is started anew knows what the last one knew. A record is a hint: whether a
 * process is there the kernel says, and what it does its control socket.
 *
 *     STATE                    OPTMIG_SERVICE_STATE; else the runtime directory with "-service" behind its name
 *       NAME/                  0711
 *         lock                 flock(2): its keeper's, as long as that lives. So no program is started twice, whoever starts it
 *         unit.json            the unit that `define` gave, or that it was started with
 *         run.json             by the keeper, before the program begins: role, keeper and program (pid, start time, boot)
 *         inner.json           by the service: the process that has the program in it, where another stands above it (docs/receiver.md)
 *         end.json             by the keeper: how the program ended
 *         report.json          by the program's process: how its last migration ended (OPTMIG_REPORT_FILE)
 *         move.json            by the service, before it asks the program to go: to whom
 *         stop.json            by the service, before it ends the program: why
 *         hold.json            by the service, when what has failed is ordered to stop: it is not begun again by itself
 *         before.json          by the service, before it receives: what it was until then. A reception that fails changes nothing of it
 *         come.json            by the service: its receiver has become the program
 *         listen.json          by the service: where its receiver listens
 *         output               what the program prints, where there is no journal
 *
 *     KEEP                     OPTMIG_SERVICE_KEEP; else /var/lib/optmig/service, or STATE with "-keep" behind it where that is another than usual
 *       NAME/life.json         by the keeper and the service (life.c): what outlives the machine's start
 *
 * STATE need not outlive that, and says nothing of programs that were begun before: numbers of processes mean nothing then. KEEP does.
 * Each appears whole, by rename(2); but report.json, whose writer has no rights here, is written in place and counts if it can be read.
 */
#ifndef OPTMIG_HOST_SERVICE_RECORD_H
#define OPTMIG_HOST_SERVICE_RECORD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RECORD_PATH_MAX 512u

#define RECORD_RUN    "run.json"
#define RECORD_INNER  "inner.json"
#define RECORD_HOLD   "hold.json"
#define RECORD_END    "end.json"
#define RECORD_MOVE   "move.json"
#define RECORD_STOP   "stop.json"
#define RECORD_BEFORE "before.json"
#define RECORD_COME   "come.json"
#define RECORD_LISTEN "listen.json"
#define RECORD_UNIT   "unit.json"
#define RECORD_REPORT "report.json"
#define RECORD_LIFE   "life.json"

/* STATE. @given: by an option, or NULL. Return: OM_EINVAL (no whole path, or too long), OM_ENOTFOUND, OM_EPERM (of the runtime directory). */
__attribute__((warn_unused_result))
int record_folder(const char *given, char *ret, size_t size);

/* KEEP. @given: by an option, or NULL. @state: STATE; @usual: neither an option nor the environment says where that is. Return: OM_EINVAL. */
__attribute__((warn_unused_result))
int record_keep(const char *given, const char *state, bool usual, char *ret, size_t size);
/* Neither the environment nor `given` says where STATE is. */
bool record_usual(const char *given);

/* A process and no other: numbers are used again. */
struct record_process { pid_t pid; uint64_t start_ticks; };

/* Return: false if there is none, or it has ended and is only waited for. */
bool record_process_get(pid_t pid, struct record_process *ret);
/* Is it still that process, and not another with its number? False for a pid of 0, and for one that has ended and is only waited for. */
bool record_process_alive(const struct record_process *process);
/* Since when, CLOCK_REALTIME seconds. */
int64_t record_process_since(const struct record_process *process);
/* {"pid": N, "start": N}, of this boot; @ret: pid 0 if it is of another boot, or nonsense. */
json_t *record_process_json(const struct record_process *process);
/* Trust: the record may be anything. */
void record_process_read(const json_t *object, struct record_process *ret);

/* Writes directory/name whole, on the disk before it is seen; gives the object up. Return: OM_EIO, OM_ENOMEM. */
__attribute__((warn_unused_result))
int record_write(const char *directory, const char *name, json_t *object);
/* Return: OM_ENOTFOUND (none, or none that can be read). */
__attribute__((warn_unused_result))
int record_read(const char *directory, const char *name, json_t **ret);
/* A record that is not there is fine; that it stays after an error is not told. */
void record_remove(const char *directory, const char *name);

/* The boot's number, for records. Context: any thread. */
const char *record_boot(void);

#endif
