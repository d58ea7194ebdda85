/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of `optmig cluster`: thin over Pacemaker's own tools. Nothing here decides where a program runs; that is Pacemaker's
 * scheduler, which is asked beforehand (crm_simulate) and told by its own means (standby, constraints, meta attributes).
 *
 * What is known is one JSON document, a snapshot, which is also what --json prints:
 *
 *     { "dc": NAME, "quorum": bool,
 *       "nodes":    { NAME: { "state": "online|draining|drained|offline|maintenance|unclean", "standby": bool, "online": bool,
 *                             "memory": MiB, "used": MiB, "programs": [ID...], "moves": n } },
 *       "programs": { ID:   { "name": NAME, "role": TEXT, "nodes": [NAME...], "blocked": bool, "managed": bool, "failed": bool, "pending": TEXT,
 *                             "memory": MiB, "restart": TEXT, "move": TEXT, "life": TEXT, "home": NAME, "target-role": TEXT, "priority": n,
 *                             "failure": { "node", "task", "status", "reason" } } } }
 *
 * Errors: OM_E* with words in host_reason(), as everywhere in host/.
 */
#ifndef OPTMIG_HOST_SERVICE_CLUSTER_CLUSTER_H
#define OPTMIG_HOST_SERVICE_CLUSTER_CLUSTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLUSTER_OUTPUT_MAX  (64u << 20)     /* of a tool: a CIB of thousands of programs */
#define CLUSTER_ARGUMENTS   24u
#define CLUSTER_TICK_MS     300

/* Exit statuses beside those of exitcodes.h. */
#define CLUSTER_REFUSED 7   /* a plan in which a program has nowhere to go; nothing was changed */

/* ---- tool.c ---- */

/* Runs a tool (NULL-terminated; found on PATH and in the sbin folders). @input may be NULL. @cib_file: Pacemaker's tools work on that file instead of
 * the cluster; may be NULL. @ret_output: the caller's, zero-terminated; may be NULL. @ret_status: may be NULL; then another exit status than 0 is an error
 * whose words are the tool's. Return: OM_EIO, OM_ENOTFOUND (no such tool), OM_EOVERFLOW, OM_ENOMEM. */
__attribute__((warn_unused_result))
int cluster_tool(const char *const *arguments, const char *input, const char *cib_file, char **ret_output, int *ret_status);
/* One attribute of the CIB's, set (@value) or taken away (NULL). */
__attribute__((warn_unused_result))
int cluster_standby(const char *node, bool on, const char *cib_file);
__attribute__((warn_unused_result))
int cluster_meta(const char *program, const char *name, const char *value);
__attribute__((warn_unused_result))
int cluster_property(const char *name, const char *value);
/* Clears a program's failures, so that the cluster looks where it is and goes on. */
__attribute__((warn_unused_result))
int cluster_cleanup(const char *program);
/* What the optmigd of a node says of a program: its status' object. Return: OM_ECONNECTION if it does not answer. */
__attribute__((warn_unused_result))
int cluster_unit_status(const char *name, const char *node, json_t **ret_status);

/* ---- snapshot.c ---- */

/* The caller's. Return: OM_ECONNECTION (no cluster here), OM_EINTERNAL (not the tools' XML). */
__attribute__((warn_unused_result))
int cluster_read(json_t **ret_snapshot);
/* A crm_simulate's result: "programs": { ID: [NAME...] } of where they would be. */
__attribute__((warn_unused_result))
int cluster_simulated(const char *xml, json_t **ret_places);

/* Members of the snapshot. */
const char *cluster_text(const json_t *object, const char *name);       /* "" if there is none */
bool cluster_true(const json_t *object, const char *name);
bool cluster_has(const json_t *array, const char *text);
void cluster_print(json_t *value);                                      /* as --json does; takes it over */

/* ---- plan.c ---- */

/* Where the programs of a node would go if it were on standby: [ { "program", "from", "to" | "reason" } ]. */
__attribute__((warn_unused_result))
int cluster_plan(const json_t *snapshot, const char *node, json_t **ret_plan);
void cluster_plan_print(const json_t *plan);

/* ---- the verbs ---- */

int cluster_hosts(int argc, char **argv);
int cluster_moves(int argc, char **argv);
int cluster_plan_verb(int argc, char **argv);
int cluster_drain(int argc, char **argv);
int cluster_undrain(int argc, char **argv);
int cluster_add(int argc, char **argv);
int cluster_rm(int argc, char **argv);
int cluster_fresh(int argc, char **argv);

#endif
