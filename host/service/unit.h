/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Units: what the service is told of a program, in a file NAME.toml or by the command `define` (docs/man/optmig-units.5).
 *
 *     key             value                                          heeded
 *     name            the unit's; of a file, the file's              -
 *     image           a file, or in the image store a program's      at the next start
 *                     name or an MRENCLAVE
 *     arguments       list                                           at the next start
 *     environment     table                                          at the next start
 *     user, ports, owners, move-address, directory, output           at the next start
 *     start           order | boot                                   when the machine starts
 *     restart         never | fresh                                  at once
 *     move            live | stop | never                            at once
 *     mode, downtime-limit, bandwidth, memory, stop-timeout,         at once
 *     stop-kill
 *
 * Whatever the source, a unit is one JSON object whose values are texts, lists of texts and a table of texts; unit_read() is the only
 * code that decides what is one. Unknown keys and other types are errors.
 */
#ifndef OPTMIG_HOST_SERVICE_UNIT_H
#define OPTMIG_HOST_SERVICE_UNIT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNIT_NAME_MAX   64u             /* bytes, with the NUL */
#define UNIT_TEXT_MAX   4096u           /* of one value */
#define UNIT_LIST_MAX   256u            /* values in a list or table */
#define UNIT_FILE_MAX   65536u          /* bytes of a unit's file */

enum unit_move { UNIT_MOVE_LIVE, UNIT_MOVE_STOP, UNIT_MOVE_NEVER };

struct unit {
	json_t *object;                 /* what the texts below point into */
	const char *name, *image, *user, *ports, *owners, *directory, *output, *mode;   /* NULL: not given, but for the name and image */
	const json_t *arguments, *environment, *move_addresses;                         /* NULL: not given */
	bool at_boot;                   /* the machine's first optmigd starts it */
	bool fresh;                     /* may be started again though its memory is lost */
	bool stop_kill;                 /* what has been told to end, and does not in time, is killed */
	enum unit_move move;
	uint64_t downtime_ns, bandwidth, memory_bytes, stop_ns;                         /* 0: not given (stop_ns: never) */
};

/* Letters, digits, "-", "_" and ".", not at the beginning a ".". */
bool unit_name_ok(const char *name);
/* Copies. @ret: the caller's to unit_done(). Return: OM_EINVAL with words. Trust: the object may be anything. */
__attribute__((warn_unused_result))
int unit_read(const json_t *object, struct unit *ret);
/* Gives the object up. What pointed into it is gone. */
void unit_done(struct unit *unit);

/* Do its user and owners exist, is the user not root, and are its ports some? Return: OM_EINVAL, OM_ENOTFOUND. */
__attribute__((warn_unused_result))
int unit_check_accounts(const struct unit *unit);

/* What differs, as a list of keys: @ret_now is heeded at once, @ret_later at the next start. NULL as `a`: nothing was there. */
void unit_compare(const struct unit *a, const struct unit *b, json_t **ret_now, json_t **ret_later);

/* A file NAME.toml: its name is the unit's. Return: OM_EINVAL with words that name the file, OM_ENOTFOUND, OM_EPERM (others may write
 * to it), OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int unit_file_read(const char *path, struct unit *ret);

#endif
