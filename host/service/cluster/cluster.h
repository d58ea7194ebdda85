/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of `optmig cluster`: thin over Pacemaker's own tools. Nothing here decides where a program runs; that is Pacemaker's
 * scheduler, which is asked beforehand (crm_simulate) and told by its own means (standby, constraints, meta attributes).
 *
 * What is known is one JSON document, a snapshot, which is also what --json prints:
 *
 *     { "dc": NAME, "quorum": bool, "migration-limit": TEXT, "batch-limit": TEXT,
 *       "nodes":    { NAME: { "state": "online|draining|drained|offline|maintenance|unclean", "standby": bool, "online": bool,
 *                             "memory": MiB, "used": MiB, "programs": [ID...], "moves": n, "id": TEXT, "has": { ATTRIBUTE: TEXT } } },
 *       "programs": { ID:   { "name": NAME, "role": TEXT, "nodes": [NAME...], "blocked": bool, "managed": bool, "failed": bool, "pending": TEXT,
 *                             "memory": MiB, "restart": TEXT, "move": TEXT, "life": TEXT, "home": NAME, "target-role": TEXT, "priority": n,
 *                             "needs": { "attributes": [NAME...], "evidence": [NAME...], "guests": [TEXT...] },
 *                             "failure": { "node", "task", "status", "reason" }, "failed-at": [NODE...] } } }
 *
 * Errors: OM_E* with words in host_reason(), as everywhere in host/.
 */
#ifndef OPTMIG_HOST_SERVICE_CLUSTER_CLUSTER_H
#define OPTMIG_HOST_SERVICE_CLUSTER_CLUSTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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
/* A program's meta attribute. @value: NULL: deleted. Return: as cluster_tool(). */
__attribute__((warn_unused_result))
int cluster_meta(const char *program, const char *name, const char *value);
/* A property of the whole cluster's. @value: never NULL. Return: as cluster_tool(). */
__attribute__((warn_unused_result))
int cluster_property(const char *name, const char *value);
/* Clears a program's failures, so that the cluster looks where it is and goes on. */
__attribute__((warn_unused_result))
int cluster_cleanup(const char *program);
/* Our own command `optmig`, whose answer is JSON. Return: OM_ECONNECTION (its words), OM_EIO. */
__attribute__((warn_unused_result))
int cluster_optmig(const char *const *arguments, json_t **ret);
/* Where the optmigd of a node of the snapshot is: its attribute optmig-address, or its name. */
const char *cluster_address(const json_t *node, const char *name);
/* What the optmigd of a node says of its host. @name: NULL, the one here. */
__attribute__((warn_unused_result))
int cluster_host(const json_t *node, const char *name, json_t **ret);
/* What the optmigd of a node says of a program: its status' object; "stopped" if it knows of none. @name: NULL, the one here. Return: OM_ECONNECTION if it does
 * not answer. Context: any thread. */
__attribute__((warn_unused_result))
int cluster_unit_status(const char *program, const json_t *node, const char *name, json_t **ret_status);
/* The name of the node that this is; the caller's. */
__attribute__((warn_unused_result))
int cluster_own_name(char **ret);
/* As XML has it, in an attribute. */
void cluster_escaped(FILE *to, const char *text);

/* ---- snapshot.c ---- */

/* The caller's. Return: OM_ECONNECTION (no cluster here), OM_EINTERNAL (not the tools' XML). */
__attribute__((warn_unused_result))
int cluster_read(json_t **ret_snapshot);
/* The configuration and state that the last cluster_read() of this thread has read, with those nodes on standby: the caller's. */
__attribute__((warn_unused_result))
int cluster_leaving(const json_t *nodes, char **ret_xml);
/* A crm_simulate's result: { ID: [NAME] } of those that would go elsewhere. */
__attribute__((warn_unused_result))
int cluster_simulated(const char *xml, json_t **ret_places);

/* Members of the snapshot. */
const char *cluster_text(const json_t *object, const char *name);       /* "" if there is none */
bool cluster_true(const json_t *object, const char *name);              /* false if there is none, or it is no `true` */
bool cluster_has(const json_t *array, const char *text);                /* in an array of strings alone; false for NULL */
void cluster_print(json_t *value);                                      /* as --json does; takes it over */

/* ---- pool.c ---- */

/* @run for 0 to @count - 1, so many at a time, from threads. */
void cluster_each(size_t count, unsigned at_a_time, void (*run)(void *context, size_t i), void *context);

/* ---- plan.c, rehearse.c ---- */

/* Where the programs of those nodes would go if all of them were on standby: [ { "program", "from", "to" | "reason" } ]. */
__attribute__((warn_unused_result))
int cluster_plan(const json_t *snapshot, const json_t *from, json_t **ret_plan);
/* The plan for people, a line for each row, on standard output. Those that were rehearsed say how it went. */
void cluster_plan_print(const json_t *plan);
/* Rehearses the plan of that node, which must be this one: each row has "rehearsed" and perhaps "reason" then. Return: OM_EPERM (another node). */
__attribute__((warn_unused_result))
int cluster_rehearse(const json_t *snapshot, const char *node, json_t *plan, bool *ret_all);

/* ---- features.c: what nodes have and programs need ---- */

/* Asks the nodes of which nothing is known, and writes what they have. */
__attribute__((warn_unused_result))
int cluster_publish_missing(json_t *snapshot);
/* Writes the rules of a program, an object as the snapshot's. @features: what it was told of its processor, or NULL. Return: OM_ENOTFOUND (no image). */
__attribute__((warn_unused_result))
int cluster_rules(const char *id, const json_t *program, const json_t *features);
/* The same for a program that is not there yet, for <constraints>; "" if it can be anywhere. */
__attribute__((warn_unused_result))
int cluster_rules_xml(const char *id, const json_t *program, char **ret);
/* What it was told of its processor, as its rules have it; the caller's. */
json_t *cluster_needed_features(const json_t *program);
/* Does the node lack what the program needs? @ret: what, in words. */
bool cluster_lacks(const json_t *node, const json_t *program, char *ret, size_t size);

/* ---- the verbs ---- */

int cluster_hosts(int argc, char **argv);         /* nodes: state, memory promised to programs, the programs there, moves */
int cluster_moves(int argc, char **argv);         /* what moves, waits for its turn, or cannot; --follow: until nothing does */
int cluster_plan_verb(int argc, char **argv);     /* what a drain would do, or its rehearsal. CLUSTER_REFUSED: a program has no place */
int cluster_drain(int argc, char **argv);         /* moves all programs off a node; ends when the node's own optmigd says so */
int cluster_undrain(int argc, char **argv);       /* a node takes programs again; --home: those that the drain moved away come back */
int cluster_add(int argc, char **argv);           /* gives a program to the cluster, which starts it */
int cluster_rm(int argc, char **argv);            /* takes a program out; one that runs is ended only with --stop */
int cluster_fresh(int argc, char **argv);         /* starts a program afresh that has ended: what was in its memory is lost */
int cluster_discard(int argc, char **argv);        /* ends what is left of a program that is lost */
int cluster_limits(int argc, char **argv);        /* sets limits of moves, and prints them */
int cluster_features(int argc, char **argv);      /* asks each node's optmigd what programs find there, and writes it as node attributes */
int cluster_rules_verb(int argc, char **argv);    /* writes a program's location rules anew; the resource agent calls it, too */

#endif
