/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of `optmig`. A command is one file, host/cli/NAME.c, and one line in the table of main.c.
 *
 * Each tells people what went wrong, and returns its exit status: exitcodes.h has them, and load/enclave.h. Its manual page has its arguments.
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

int cli_run(int argc, char **argv);               /* runs an image in an enclave; argv[0] is "run" */
int cli_run_direct(int argc, char **argv);        /* argv: optmig-exec, path, the program's argv. Settings: the environment's alone */
int cli_info(int argc, char **argv);              /* probes what this machine can do; changes nothing on it */
int cli_image(int argc, char **argv);             /* the image store (store/store.h): add, ls, rm, verify, show */
int cli_migrate(int argc, char **argv);           /* begins a migration, and watches it: the first Ctrl-C cancels, the second detaches */
int cli_receive(int argc, char **argv);           /* waits for one program, and becomes its process */
int cli_ticket(int argc, char **argv);            /* issues and reads owners' tickets, from files alone */
int cli_ps(int argc, char **argv);                /* this user's programs, by their control sockets */
int cli_status(int argc, char **argv);            /* the present or last migration of a program, in short */
int cli_cancel(int argc, char **argv);            /* asks for the end of a migration; the program runs on where it is */
int cli_postcopy(int argc, char **argv);          /* ends the rounds of a migration now */
int cli_check(int argc, char **argv);             /* what would not survive a migration; CLI_PROBLEMS if there is anything */
int cli_recover(int argc, char **argv);           /* has a migration that lost its connections make them anew, and watches it */
int cli_report(int argc, char **argv);            /* the present or last migration in full: JSON, or metrics for Prometheus */
int cli_evidence(int argc, char **argv);          /* fresh evidence of a program here, once or served over HTTP */
int cli_verify(int argc, char **argv);            /* judges evidence as a client does; needs no enclave */
/* What is kept for evidence (verify/verify.h). */
int cli_kept_collateral(struct om_view evidence, int64_t now, uint8_t *buffer, size_t size, struct om_view *ret);
int cli_unlock(int argc, char **argv);            /* gives a program its secrets, sealed to a key that its evidence names */
int cli_upgrade(int argc, char **argv);           /* hands a program's keys and files on to its next build, as its owner */
int cli_file(int argc, char **argv);              /* encrypted files outside of their program: cat, put, ls; for who has the lineage key */
/* A lineage key's file: 32 bytes, or as many in hexadecimal. Return: 0 or OM_E*, with words. */
int cli_read_lineage(const char *path, uint8_t ret_key[32]);
int cli_collateral(int argc, char **argv);        /* the shelf of collateral (collateral/collateral.h): fetch, show, import, export */
int cli_hostkey(int argc, char **argv);           /* this host's key (peer/key.h) */
int cli_peer(int argc, char **argv);              /* the hosts that this one knows (peer/peers.h): add, ls, rm */
int cli_cluster(int argc, char **argv);           /* becomes libexec/optmig-cluster, or returns an exit status */
int cli_gdb(int argc, char **argv);               /* optmig gdb; becomes gdb, or returns an exit status */
int cli_guest(int argc, char **argv);             /* the measured guest: build, measure, ls, exec, id-key, id-block */
int cli_unit(int argc, char **argv);              /* the thin client of optmigd: one verb is one request */
int cli_guest_measure(int argc, char **argv); /* verbs of cli_guest() */
int cli_guest_id_key(int argc, char **argv);      /* the digest by which SNP reports name a key; with --make the key, too */
int cli_guest_id_block(int argc, char **argv);    /* signs the launch of an SNP guest: an ID block and its authentication */
int cli_image_show(int argc, char **argv); /* a verb of cli_image() */

/*
 * getopt_long with our error messages: an unknown option is named, with the nearest known one, and -2 is returned:
 * the command then returns HOST_EXIT_USAGE. @shorts begins with "+" if the options end at the first other argument.
 * Return: as getopt_long, or -2.
 */
int cli_getopt(int argc, char **argv, const char *shorts, const struct option *longs);

#endif
