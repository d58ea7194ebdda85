/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated security processor of a guest of the kind `vm`: optmig-sp, a process beside QEMU's (host/guest/sp). Its chip is this host's
 * (`chip`, beside the host's key), as a machine has one: what its guests derive is there again when they are started again.
 */
#ifndef OPTMIG_HOST_GUEST_SP_START_H
#define OPTMIG_HOST_GUEST_SP_START_H

#include <stdint.h>
#include <sys/types.h>

/*
 * @measurement: 48 bytes, the launch digest. @id_block: prefix of files (id_files.h), or NULL. @folder: where its socket is made, "optmig.sp"; it is gone when QEMU has connected.
 * Return: 0 once QEMU can connect; OM_EIO, OM_EINVAL with words. The process ends with the connection, and with its parent.
 */
__attribute__((warn_unused_result))
int guest_sp_start(const uint8_t measurement[48], const char *id_block, const char *folder, pid_t *ret_pid);

#endif
