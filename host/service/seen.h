/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is seen of programs and moves: figures for Prometheus (metrics.c), events (events.c), and what was judged of other machines (audit.c).
 * docs/metrics.md names all of it. None of it decides anything, and none of it can fail an order.
 */
#ifndef OPTMIG_HOST_SERVICE_SEEN_H
#define OPTMIG_HOST_SERVICE_SEEN_H

#include "service.h"

/* ---- metrics.c ----------------------------------------------------------------------------------------------------------------------------- */

enum metric { METRIC_MOVES, METRIC_FAILURES, METRIC_BYTES, METRIC_ROUNDS, METRIC_DOWNTIME, METRIC_GAP, METRIC_STARTS, METRIC_PROGRAM_FAILURES, METRIC_RESTARTS,
	METRIC_KILLS, METRIC_VERDICTS, METRIC_TICKETS, METRIC_COUNT };
/* Adds to a counter. @labels: `a="b",c="d"` or "": made of words that need no quoting. */
void metrics_add(enum metric metric, const char *labels, double amount);
/* Into a histogram of seconds. */
void metrics_observe(enum metric metric, const char *labels, double seconds);
/* The whole page; the caller's to free. Return: NULL without memory. */
char *metrics_text(void);
/* Writes it to a file, whole, every ten seconds and after each move; for node_exporter. Return: OM_EINVAL, OM_ENOMEM. */
__attribute__((warn_unused_result))
int metrics_file_begin(const char *path);
/* Has the file written soon, by its own thread. Nothing happens if none was begun. Context: any thread. */
void metrics_file_now(void);

/* ---- events.c ------------------------------------------------------------------------------------------------------------------------------ */

/* @path: JSON lines are appended to it; NULL: the journal alone. Return: OM_EIO. */
__attribute__((warn_unused_result))
int events_open(const char *path);
/* After HUP: the file may have been renamed. */
void events_reopen(void);
/* Of those that `watch` has, without what is long. */
void events_note(const json_t *event);

/* ---- audit.c ------------------------------------------------------------------------------------------------------------------------------- */

/* @path: NULL: in KEEP. Return: OM_EIO. */
__attribute__((warn_unused_result))
int audit_open(const char *path);
/* One more line; gives the object up. */
void audit_write(json_t *entry);

/* ---- seen.c -------------------------------------------------------------------------------------------------------------------------------- */

/* A report of a migration, as its program's process has sent it. Context: the unit's follower. */
void seen_report(struct service_unit *u, const json_t *report, bool ended);
/* A number of a report by its path, as "ram.total"; 0 if there is none. */
double seen_number(const json_t *report, const char *path);
/* The longest time that the program stood, in seconds: the downtime, or in post-copy the longest wait for a page. */
double seen_gap(const json_t *report);
/* Does a move go on? @report: or NULL. */
bool seen_moves(enum service_state state, const json_t *report);
/* "out" at the source, else "in". */
const char *seen_direction(const json_t *report);
/* A move that was refused before the program's process knew of it. */
void seen_refused(const char *name, const char *to, int error);

#endif
