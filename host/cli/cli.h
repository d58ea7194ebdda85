/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of `optmig`. A command is one file, host/cli/NAME.c, and one line in the table of main.c.
 */
#ifndef OPTMIG_HOST_CLI_CLI_H
#define OPTMIG_HOST_CLI_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include "enclave_options.h"
#include "verify/verify.h"

struct cli_command {
	const char *name;
	const char *summary;                    /* for `optmig help` */
	int (*run)(int argc, char **argv);      /* argv[0] is the command's name; returns the exit status */
};

int cli_run(int argc, char **argv);
int cli_run_direct(int argc, char **argv);
int cli_info(int argc, char **argv);
int cli_image(int argc, char **argv);
int cli_migrate(int argc, char **argv);
int cli_receive(int argc, char **argv);
int cli_ticket(int argc, char **argv);
int cli_ps(int argc, char **argv);
int cli_status(int argc, char **argv);
int cli_cancel(int argc, char **argv);
int cli_postcopy(int argc, char **argv);
int cli_check(int argc, char **argv);
int cli_recover(int argc, char **argv);
int cli_report(int argc, char **argv);
int cli_evidence(int argc, char **argv);
int cli_verify(int argc, char **argv);
/* What is kept for evidence (verify/verify.h). */
int cli_kept_collateral(struct om_view evidence, int64_t now, uint8_t *buffer, size_t size, struct om_view *ret);
int cli_unlock(int argc, char **argv);
int cli_upgrade(int argc, char **argv);
int cli_file(int argc, char **argv);
/* A lineage key's file: 32 bytes, or as many in hexadecimal. Return: 0 or OM_E*, with words. */
int cli_read_lineage(const char *path, uint8_t ret_key[32]);
int cli_collateral(int argc, char **argv);
int cli_hostkey(int argc, char **argv);
int cli_peer(int argc, char **argv);
int cli_cluster(int argc, char **argv);
int cli_gdb(int argc, char **argv);               /* optmig gdb; becomes gdb, or returns an exit status */
int cli_guest(int argc, char **argv);
int cli_unit(int argc, char **argv);
int cli_guest_measure(int argc, char **argv); /* verbs of cli_guest() */
int cli_guest_id_key(int argc, char **argv);
int cli_guest_id_block(int argc, char **argv);
int cli_image_show(int argc, char **argv); /* a verb of cli_image() */

/*
 * getopt_long with our error messages: an unknown option is named, with the nearest known one, and -2 is returned:
 * the command then returns HOST_EXIT_USAGE. @shorts begins with "+" if the options end at the first other argument.
 * Return: as getopt_long, or -2.
 */
int cli_getopt(int argc, char **argv, const char *shorts, const struct option *longs);

#endif
