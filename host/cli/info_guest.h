/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of `optmig info` about the confidential guest that this machine may be: words, and yes or no. It is asked once. */
#ifndef OPTMIG_HOST_CLI_INFO_GUEST_H
#define OPTMIG_HOST_CLI_INFO_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include "tee.h"

#define INFO_WORDS 1024

/* The platform that a program would have here. Return: errors of tee_platform_open(), with its words. */
__attribute__((warn_unused_result))
int info_platform(struct tee_platform **ret_platform);

/* Which TEE, which evidence. */
bool info_guest(char *words, size_t size);
/* There is no guest to say more of, or none that can be read: the line above says why. */
bool info_guest_silent(void);
/* What its measurements are of, and who takes them. */
bool info_guest_measured(char *words, size_t size);
/* The line for a policy. */
bool info_guest_policy(char *words, size_t size);
/* The same by the keys of its ID block, in place of the measurement. */
bool info_guest_owner(char *words, size_t size);
/* How long a seal is good for. */
bool info_guest_keys(char *words, size_t size);

#endif
