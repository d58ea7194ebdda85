/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the page in the browser shows (docs/web.md): this host as it sees itself, other hosts as their optmigd tell, and what the cluster's own tools say.
 *
 *     https (page.c) ─ "web" ─▶ web.c ─▶ the units here ─ at most twice a second, whoever asks
 *                                  └ collector ─▶ other hosts' "overview", `optmig cluster hosts` ─ only while somebody looks
 *     https (page.c) ─ "web-act" ─▶ web_act.c ─▶ `optmig cluster plan|drain|undrain`
 */
#ifndef OPTMIG_HOST_SERVICE_WEB_H
#define OPTMIG_HOST_SERVICE_WEB_H

#include "service.h"

#define WEB_ENDED_MAX     64u           /* moves that have ended and are remembered */
#define WEB_HOSTS_MAX     256u
#define WEB_ROWS_MAX      4000u         /* units of all hosts together */
#define WEB_STATE_MAX     (768u << 10)  /* bytes of what https is told: a line of the pair has more room */
#define WEB_OPERATORS_MAX 64u

/* @operators, @hosts: names with commas between, or NULL. Both outlive the process. Return: OM_EINVAL with words. Context: main, before any thread. */
__attribute__((warn_unused_result))
int web_options(const char *operators, const char *hosts);
/* This host alone, for other hosts and the page: {"name", "version", "memory-total", ..., "units": [...], "ended": [...]}. Return: NULL without memory. */
json_t *web_overview(void);
/* What the page shows. @all: to somebody with a certificate: other hosts, peers, reasons; else what docs/metrics.md has. @by: who, or
 * NULL: of an operator it has "operator". Return: NULL without memory. */
json_t *web_state(bool all, const char *by);
/* A move has ended. @report: its own. Context: the unit's follower. */
void web_ended(const char *unit, const json_t *report);
/* An order of an operator's, as the command line would give it. @arguments: {"by", "verb", "node"}. Trust: https has checked the certificate; that the name is an
 * operator's, the verb one of four and the node one of the cluster's is checked here. Return: OM_EPERM, OM_EINVAL, OM_ESTATE (no such node), OM_EEXHAUSTED, OM_EIO; a plan in which
 * a program has nowhere to go is no error. */
__attribute__((warn_unused_result))
int web_act(const json_t *arguments, json_t **ret);
/* Is that an operator's name? */
bool web_is_operator(const char *name);
/* The cluster's snapshot as it was last read, the caller's; NULL: there is none. Context: any. */
json_t *web_cluster(void);

/* Runs a program of ours and takes what it prints. @ret_output: the caller's. @ret_status: its exit status, 128 and more: a signal. Return: OM_EIO, OM_ETIMEDOUT (it was killed), OM_EOVERFLOW. */
__attribute__((warn_unused_result))
int web_run(const char *const *argv, unsigned seconds, bool with_errors, size_t most, char **ret_output, int *ret_status);

#endif
