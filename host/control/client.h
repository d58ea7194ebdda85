/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of control sockets: what `optmig ps`, `migrate` and the others use. */
#ifndef OPTMIG_HOST_CONTROL_CLIENT_H
#define OPTMIG_HOST_CONTROL_CLIENT_H

#include <stddef.h>
#include <stdint.h>
#include "channel.h"

struct json_t;

#define CLIENT_ANSWER_MS 10000

/* An array of the "info" objects of all programs of this user that run here, by pid. Removes sockets of processes that
 * are gone. A process that does not answer appears with "state": "hung". Return: OM_ENOMEM, OM_EPERM. */
__attribute__((warn_unused_result))
int client_list(struct json_t **ret_list);

/* A program of this user that runs an image here. */
struct client_program {
	int pid;                /* of the process behind its control socket, as the kernel says */
	char *image;            /* the file, as the process says */
};
/* Those that say that they run the image with this MRENCLAVE. Give the list to client_programs_free(). Return: OM_ENOMEM, OM_EPERM. */
__attribute__((warn_unused_result))
int client_programs(const uint8_t mrenclave[32], struct client_program **ret_list, size_t *ret_count);
/* Frees the list and the strings in it. NULL with a count of 0 is fine. */
void client_programs_free(struct client_program *list, size_t count);

/* What NAME means when several processes have it: the one that ... */
enum client_want {
	CLIENT_ANY,
	CLIENT_RUNNING,         /* ... runs the program (a waiting receiver does not) */
	CLIENT_MIGRATING,       /* ... migrates, the source rather than the destination */
};
/* Connects to the process with that pid, or with that program name. Return: OM_ENOTFOUND; OM_EINVAL if several fit,
 * with their pids in the words. */
__attribute__((warn_unused_result))
int client_open(const char *name_or_pid, enum client_want want, struct channel *ret_channel, struct json_t **ret_info);

/* One request and its answer's "return" (the caller's), events in between are skipped. Takes over `arguments`, may be
 * NULL. Return: the error of the answer, OM_ECONNECTION, OM_ETIMEDOUT. */
__attribute__((warn_unused_result))
int client_call(struct channel *channel, const char *command, struct json_t *arguments, struct json_t **ret_value);

/* The same with another limit than CLIENT_ANSWER_MS; -1: none. */
__attribute__((warn_unused_result))
int client_call_for(struct channel *channel, const char *command, struct json_t *arguments, int timeout_ms, struct json_t **ret_value);
/* To whoever listens there; a socket of nobody is removed. Return: OM_ENOTFOUND, OM_EINVAL (too long a name), OM_EIO. */
__attribute__((warn_unused_result))
int client_connect(const char *path, struct channel *ret_channel);

/* Fresh evidence of a program (the command "evidence"; evidence.c). @nonce: in hexadecimal digits. @ret: @room bytes. Return: errors of both
 * above; OM_EINTERNAL: the answer is none. */
__attribute__((warn_unused_result))
int client_evidence(const char *program, const char *nonce, uint8_t *ret, size_t room, size_t *ret_size);

#endif
