/* SPDX-License-Identifier: Apache-2.0 */
/* A session's report as JSON (names of QEMU's query-migrate where they exist), text and Prometheus metrics. */
#ifndef OPTMIG_HOST_MOVE_REPORT_H
#define OPTMIG_HOST_MOVE_REPORT_H

#include <stdio.h>
#include "move.h"
#include "units.h"

struct json_t;

/* QEMU's word for the state: "none", "setup", "active", "device", "postcopy-active", "completed", ... */
const char *move_status_name(const struct move_report *report);
/* This engine's own word. */
const char *move_state_name(uint32_t state);
/* Of enum om_mig_mode; "unknown" for any other number. */
const char *move_mode_name(uint32_t mode);
/* Return: OM_EINVAL with words. */
__attribute__((warn_unused_result))
int move_mode_parse(const char *name, uint32_t *ret_mode);
__attribute__((warn_unused_result))
int move_tracker_parse(const char *name, uint32_t *ret_tracker);   /* auto, cards, faults */

/* From the stop on the source to the first instruction on the destination. @ret_method, may be NULL: "same-clock" if
 * both hosts read one clock, else "round-trip" (as the source saw it, less half a round trip), or "none". */
uint64_t move_downtime_ns(const struct move_report *report, const char **ret_method);

/* A new object, or NULL without memory. */
struct json_t *move_report_json(const struct move_report *report);
/* From that object, so that client and enclave process need not share memory. */
void move_report_text(const struct json_t *report, FILE *to);
/* The same object as metrics in Prometheus' text format. @program, @pid: labels, as they are. */
void move_report_prometheus(const struct json_t *report, const char *program, const char *pid, FILE *to);
/* One line of progress, without a newline. */
void move_report_line(const struct json_t *report, char *line, size_t size);

#endif
