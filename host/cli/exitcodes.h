/* SPDX-License-Identifier: Apache-2.0 */
/* Exit statuses of the commands that speak to other processes; in their manual pages. 125 and 2: load/enclave.h. */
#ifndef OPTMIG_HOST_CLI_EXITCODES_H
#define OPTMIG_HOST_CLI_EXITCODES_H

#define CLI_OK         0
#define CLI_FAILED     1   /* the migration, or the request, failed; the program runs on where it was */
#define CLI_CANCELLED  3
#define CLI_NOTFOUND   5   /* no such program */
#define CLI_PROBLEMS   6   /* `check` found what would not survive */
#define CLI_DETACHED   130 /* the second Ctrl-C: the migration goes on without us */

/* The status for an error of client_open or client_call, after printing it. */
int cli_request_failed(const char *command, const char *object, int error);

#endif
