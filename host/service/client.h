/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the local socket: socket.c and commands.c. */
#ifndef OPTMIG_HOST_SERVICE_CLIENT_H
#define OPTMIG_HOST_SERVICE_CLIENT_H

#include "service.h"

struct client {
	struct channel channel;         /* read by its thread alone; written to with the lock of all clients */
	bool watches, broken;
	struct client *next;
};

/* From now on it hears of everything. */
void socket_watch(struct client *client);

#endif
