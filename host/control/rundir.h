/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where control sockets live: PROGRAM.PID.sock in OPTMIG_RUNTIME_DIR, or /run/optmig for root, $XDG_RUNTIME_DIR/optmig,
 * else /tmp/optmig-UID. The directory belongs to its user alone (0700). A receiver that root has made another user's (host/priv) has
 * one beside root's, with "-UID" behind its name; root looks there too.
 */
#ifndef OPTMIG_HOST_CONTROL_RUNDIR_H
#define OPTMIG_HOST_CONTROL_RUNDIR_H

#include <jansson.h>
#include <stddef.h>
#include <sys/un.h>

#define HOST_RUNDIR_MAX 100u

/* @create: make it if it is missing. Return: OM_ENOTFOUND, OM_EPERM (somebody else's), OM_EINVAL (too long). */
__attribute__((warn_unused_result))
int host_rundir(int create, char *ret_path, size_t size);
/* Root: the directories of receivers that are other users'. Nothing for anybody else. */
void host_rundir_others(void (*each)(const char *directory, void *context), void *context);
/* The socket's address. Slashes and unprintable characters of the program's name become '_'. Return: OM_EINVAL. */
__attribute__((warn_unused_result))
int host_control_address(const char *directory, const char *program, int pid, struct sockaddr_un *ret_address);

#endif
