/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host of a confidential guest hands to it with a report: the certificates of the host's own key, or often nothing. Authentic and new certificates go
 * onto the shelf, like fetched ones. Certificates of a masked chip or of a demonstration cannot lie there, and go along with this evidence only.
 */
#include <stdlib.h>
#include <string.h>
#include "collateral/carried.h"
#include "evidence/parse/envelope.h"
#include "util.h"

#define FROM "the guest's host"

/* A masked chip has no name, but a kind of key. */
static bool kind_of(struct om_view evidence, struct collateral_subject *ret)
{
	struct om_snp_report report;
	struct om_envelope e;

	if (om_envelope_parse(evidence, &e) || e.type != OM_EVIDENCE_SNP || om_snp_report_parse(e.platform, &report))
		return false;
	*ret = (struct collateral_subject) { .type = OM_EVIDENCE_SNP, .key = report.key };
	return true;
}

static bool on_shelf(const struct collateral_subject *subject)
{
	char name[COLLATERAL_NAME_MAX];
	struct collateral_bundle b;
	bool there;

	collateral_name(subject, name);
	there = collateral_get(name, &b) == 0;
	if (there)
		collateral_bundle_done(&b);
	return there;
}

static void carry(const struct collateral_bundle *b)
{
	uint8_t *form = malloc(OM_COLLATERAL_MAX);
	size_t size;

	if (form && collateral_bundle_form(b, form, OM_COLLATERAL_MAX, &size) == 0)
		collateral_quoted_with((struct om_view) { form, size });
	free(form);
}

void collateral_quoted_in_guest(struct om_view evidence, struct om_view table, int64_t now)
{
	struct collateral_bundle b = { 0 };
	bool named, whole;

	if (!kind_of(evidence, &b.subject)) {
		collateral_quoted(evidence, now);
		return;
	}
	named = collateral_subject_of(evidence, &b.subject) == 0;
	whole = table.size && collateral_table(table, FROM, now, &b) == 0 && b.part[COLLATERAL_VEK].data && b.part[COLLATERAL_CAS].data;
	if (whole && !(named && on_shelf(&b.subject)) && (!named || collateral_put(&b, now)))
		carry(&b);
	else
		collateral_quoted(evidence, now);
	collateral_bundle_done(&b);
}
