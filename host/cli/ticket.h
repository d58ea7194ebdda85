/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands around tickets read and write: files of tickets, keys, and JSON of other commands. */
#ifndef OPTMIG_HOST_CLI_TICKET_H
#define OPTMIG_HOST_CLI_TICKET_H

#include "evidence/accept/ticket_text.h"

struct ticket_file { uint8_t bytes[OM_TICKET_MAX]; size_t size; bool delegation; };

/* A ticket or a delegation. Return: OM_EIO; OM_EINVAL if it is neither, with words. */
__attribute__((warn_unused_result))
int ticket_file_read(const char *path, struct ticket_file *ret);
/* Writes a ticket or a delegation as it is in memory, over a file that is there. What an error leaves of the file is not
 * whole. Return: OM_EIO with words. */
__attribute__((warn_unused_result))
int ticket_file_write(const char *path, const uint8_t *bytes, size_t size);

/* Keys on P-256 in PEM, as openssl makes them. A private key's scalar is the caller's to wipe. Return: OM_EIO, OM_EINVAL. */
__attribute__((warn_unused_result))
int ticket_key_private(const char *path, uint8_t ret_private[32], uint8_t ret_public[OM_P256_PUBLIC_BYTES]);
/* A public or a private key, or 128 hexadecimal digits in place of a file. */
__attribute__((warn_unused_result))
int ticket_key_public(const char *path, uint8_t ret_public[OM_P256_PUBLIC_BYTES]);

/* Facts of what a ticket is for; what is not known is false. */
struct ticket_program {
	bool has_mrenclave, has_mrsigner, has_owner, has_instance;
	uint8_t mrenclave[32], mrsigner[32], owner[OM_P256_PUBLIC_BYTES], instance[OM_INSTANCE_SIZE];
	uint64_t move;                   /* 0: not known */
};
/* The program is named; another one than before is OM_EINVAL, with words about `source`. */
__attribute__((warn_unused_result))
int ticket_is_for(const char *source, const uint8_t mrenclave[32], struct ticket_program *program);
/* MRENCLAVE, MRSIGNER and the policy's owner of an image. Return: OM_EIO, OM_EIMAGE. */
__attribute__((warn_unused_result))
int ticket_from_image(const char *path, struct ticket_program *program);
/* What `optmig status --json` printed; "-": standard input. Return: OM_EIO, OM_EINVAL; OM_ESTATE if the program is not there. */
__attribute__((warn_unused_result))
int ticket_from_status(const char *path, struct ticket_program *program);
/* The machine of `optmig info --json`, or the peer of `optmig status --json`. Return: OM_EIO, OM_EINVAL. */
__attribute__((warn_unused_result))
int ticket_host(const char *path, char ret_text[OM_PLACE_TEXT_MAX]);

#endif
