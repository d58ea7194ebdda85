/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a migration's end in front of a terminal or a log: progress, Ctrl-C, final report. */
#ifndef OPTMIG_HOST_CLI_WATCH_H
#define OPTMIG_HOST_CLI_WATCH_H

#include <stdbool.h>
#include "control/channel.h"

/* Before anything is asked for: from here on INT and TERM are noted, not deadly. */
void cli_watch_signals(void);
/*
 * Follows the events on `channel` until the end of the migration and prints the report. The first INT or TERM cancels,
 * the second detaches. @timeout_ms: cancel after that time, 0: never.
 * Return: the exit status.
 */
int cli_watch(struct channel *channel, const char *command, const char *program, bool json, uint64_t timeout_ms);

#endif
