/* SPDX-License-Identifier: Apache-2.0 */
/* Socket options of a connection that move along: one list for reading, writing and checking. */
#ifndef OPTMIG_HOST_NET_TCP_OPTIONS_H
#define OPTMIG_HOST_NET_TCP_OPTIONS_H

#include "tcp_blob.h"

void tcp_options_read(int fd, struct tcp_blob *b);
/* Options that are not on the list, or that this kernel refuses, are left out: none of them loses data. */
void tcp_options_apply(int fd, const struct tcp_blob *b);

#endif
