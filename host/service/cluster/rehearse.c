/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan, rehearsed: each program goes the whole way to its planned place but the last step (`optmig unit move --rehearse`). A rehearsal finds what a rule
 * cannot know: keys, evidence, tickets, rights, addresses and files at the other host. A program stands still for as long as the move of its state without
 * its memory takes. Nothing in the cluster changes. A real move that is ordered meanwhile waits for the rehearsal's end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cluster.h"
#include "load/enclave.h"
#include "util.h"

#define TOOL(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define DEFAULT_AT_A_TIME 4u

struct rehearsal { const json_t *snapshot; json_t *plan; };

static void one(void *context, size_t i)
{
	const struct rehearsal *r = context;
	json_t *row = json_array_get(r->plan, i), *said = NULL;
	const json_t *program = json_object_get(json_object_get(r->snapshot, "programs"), cluster_text(row, "program"));
	const char *to = cluster_text(row, "to");
	int error;

	if (!*to)
		return;
	error = cluster_optmig(TOOL("unit", "move", cluster_text(program, "name"), "--to", cluster_address(json_object_get(json_object_get(r->snapshot, "nodes"), to), to),
		"--rehearse", "--json"), &said);
	json_object_set_new(row, "rehearsed", json_boolean(!error));
	if (error)
		json_object_set_new(row, "reason", json_string(host_reason()));
	else
		json_object_set(row, "standstill-ms", json_object_get(json_object_get(said, "report"), "downtime"));
	json_decref(said);
}

int cluster_rehearse(const json_t *snapshot, const char *node, json_t *plan, bool *ret_all)
{
	struct rehearsal rehearsal = { .snapshot = snapshot, .plan = plan };
	const long limit = strtol(cluster_text(snapshot, "migration-limit"), NULL, 10);
	char *us = NULL;
	json_t *row;
	size_t i;
	int error = cluster_own_name(&us);

	if (error)
		return error;
	/* One host orders no rehearsal of another: each makes a program stand still. */
	if (strcmp(us, node) != 0)
		error = host_fail(OM_EPERM, "a rehearsal is ordered where the programs are: say this on %s (this is %.100s)", node, us);
	free(us);
	if (error)
		return error;
	cluster_each(json_array_size(plan), limit > 0 ? (unsigned)limit : DEFAULT_AT_A_TIME, one, &rehearsal);
	*ret_all = true;
	json_array_foreach(plan, i, row)
		*ret_all = *ret_all && cluster_true(row, "rehearsed");
	return 0;
}
