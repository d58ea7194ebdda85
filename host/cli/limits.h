/* SPDX-License-Identifier: Apache-2.0 */
/* --user and what goes with it, of the commands that can give a program's process another user's rights (docs/receiver.md). */
#ifndef OPTMIG_HOST_CLI_LIMITS_H
#define OPTMIG_HOST_CLI_LIMITS_H

#include "move/move.h"
#include "priv/priv.h"

struct cli_limits { const char *user, *ports, *owners; };

/* @moves: addresses that may come along. Without a user there is nothing to limit. Return: OM_EINVAL, OM_ENOTFOUND, OM_EPERM, with words. */
__attribute__((warn_unused_result))
int cli_limits_read(const struct cli_limits *given, const struct move_address *moves, uint32_t move_count, struct priv_limits *ret);

#endif
