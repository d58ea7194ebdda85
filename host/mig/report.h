/* SPDX-License-Identifier: Apache-2.0 */
/* A session's report as JSON (names of QEMU's query-migrate where they exist), text and Prometheus metrics. */
#ifndef OPTMIG_HOST_MIG_REPORT_H
#define OPTMIG_HOST_MIG_REPORT_H

#include <stdio.h>
#include "mig.h"
#include "units.h"

struct json_t;

/* QEMU's word for the state: "none", "setup", "active", "device", "postcopy-active", "completed", ... */
const char *mig_status_name(const struct mig_report *report);
/* This engine's own word. */
const char *mig_state_name(uint32_t state);
const char *mig_mode_name(uint32_t mode);
/* Return: OM_EINVAL with words. */
__attribute__((warn_unused_result))
int mig_mode_parse(const char *name, uint32_t *ret_mode);
__attribute__((warn_unused_result))
int mig_tracker_parse(const char *name, uint32_t *ret_tracker);   /* auto, cards, faults */

/* From the stop on the source to the first instruction on the destination. @ret_method, may be NULL: "same-clock" if
 * both hosts read one clock, else "round-trip" (as the source saw it, less half a round trip), or "none". */
uint64_t mig_downtime_ns(const struct mig_report *report, const char **ret_method);

/* A new object, or NULL without memory. */
struct json_t *mig_report_json(const struct mig_report *report);
/* From that object, so that client and enclave process need not share memory. */
void mig_report_text(const struct json_t *report, FILE *to);
void mig_report_prometheus(const struct json_t *report, const char *program, const char *pid, FILE *to);
/* One line of progress, without a newline. */
void mig_report_line(const struct json_t *report, char *line, size_t size);

#endif
