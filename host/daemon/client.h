/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of control sockets: what `optmig ps`, `migrate` and the others use. */
#ifndef OPTMIG_HOST_DAEMON_CLIENT_H
#define OPTMIG_HOST_DAEMON_CLIENT_H

#include "channel.h"

struct json_t;

#define CLIENT_ANSWER_MS 10000

/* An array of the "info" objects of all programs of this user that run here, by pid. Removes sockets of processes that
 * are gone. A process that does not answer appears with "state": "hung". Return: OM_ENOMEM, OM_EPERM. */
__attribute__((warn_unused_result))
int client_list(struct json_t **ret_list);

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

#endif
