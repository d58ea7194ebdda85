/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where control sockets live: PROGRAM.PID.sock in OPTMIG_RUNTIME_DIR, or /run/optmig for root, $XDG_RUNTIME_DIR/optmig,
 * else /tmp/optmig-UID. The directory belongs to its user alone (0700).
 */
#ifndef OPTMIG_HOST_DAEMON_RUNDIR_H
#define OPTMIG_HOST_DAEMON_RUNDIR_H

#include <stddef.h>
#include <sys/un.h>

/* @create: make it if it is missing. Return: OM_ENOTFOUND, OM_EPERM (somebody else's), OM_EINVAL (too long). */
__attribute__((warn_unused_result))
int host_rundir(int create, char *ret_path, size_t size);
/* The socket's address. Slashes and unprintable characters of the program's name become '_'. Return: OM_EINVAL. */
__attribute__((warn_unused_result))
int host_control_address(const char *directory, const char *program, int pid, struct sockaddr_un *ret_address);

#endif
