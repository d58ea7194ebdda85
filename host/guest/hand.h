/* SPDX-License-Identifier: Apache-2.0 */
/* What is handed to a guest before its program starts: the network, files, and the start itself (core/guest/control.h). */
#ifndef OPTMIG_HOST_GUEST_HAND_H
#define OPTMIG_HOST_GUEST_HAND_H

#include "guest.h"

/* Return: OM_ECONNECTION. */
__attribute__((warn_unused_result))
int hand_frame(int control, uint8_t type, const void *payload, size_t size);
/* The guest's address and gateway, as texts. Return: OM_ECONNECTION; OM_EOVERFLOW: too long. */
__attribute__((warn_unused_result))
int hand_net(int control, const struct guest_net *net);
/* A file, or a folder with all that is below it. Return: OM_EIO, OM_EINVAL (not where it may be), OM_ECONNECTION. */
__attribute__((warn_unused_result))
int hand_file(int control, const char *host, const char *guest);
/* The last one: the guest starts the program. Arguments as of om_guestctl_start_encode(). Return: OM_ENOMEM, OM_EOVERFLOW,
 * OM_ECONNECTION. */
__attribute__((warn_unused_result))
int hand_start(int control, const struct om_guestctl_start *head, const char *directory, char *const *options, char *const *arguments,
	char *const *environment);

#endif
