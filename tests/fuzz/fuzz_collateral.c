/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of collateral comes from outside: names, bundles, certificate tables, sgx_default_qcnl.conf. Properties: a name that is taken is written the same;
 * a bundle that is taken encodes to one that is taken and has the same parts; what is judged good is in force at a date between its own; addresses of a
 * configuration are of http or https and end in a slash.
 */
#include <stdlib.h>
#include <string.h>
#include "collateral/fetch.h"
#include "fuzz.h"

static void name(const char *text)
{
	struct collateral_subject s, again;
	char written[COLLATERAL_NAME_MAX];

	if (collateral_name_parse(text, &s))
		return;
	collateral_name(&s, written);
	PROPERTY(!collateral_name_parse(written, &again));
	PROPERTY(strcasecmp(written, text) == 0 && memcmp(&s, &again, sizeof s) == 0);
}

static int same(void *context, struct collateral_bundle *b)
{
	const struct collateral_bundle *first = context;

	for (unsigned i = 0; i < COLLATERAL_PARTS; i++) {
		PROPERTY(!b->part[i].data == !first->part[i].data && b->part[i].size == first->part[i].size);
		PROPERTY(!b->part[i].data || memcmp(b->part[i].data, first->part[i].data, b->part[i].size) == 0);
	}
	return 0;
}

static int bundle(void *context, struct collateral_bundle *b)
{
	struct collateral_verdict v;
	size_t size;
	char *text;

	(void)context;
	if (!collateral_judge(b, 1750500000, &v))
		PROPERTY(v.from <= 1750500000 && v.until >= 1750500000);
	if (collateral_bundle_encode(b, &text, &size))
		return 0;
	PROPERTY(!collateral_bundles_decode(text, size, same, b));
	free(text);
	return 0;
}

static void table(struct om_view bytes)
{
	struct collateral_bundle b = { .subject = { .type = OM_EVIDENCE_SNP, .product = OM_SNP_MILAN } };

	for (unsigned key = OM_SNP_VCEK; key <= OM_SNP_VLEK; key++) {
		b.subject.key = (enum om_snp_key)key;
		if (!collateral_table(bytes, "fuzz", 0, &b))
			PROPERTY(b.part[COLLATERAL_VEK].size && b.part[COLLATERAL_VEK].size <= bytes.size);
	}
	collateral_bundle_done(&b);
}

static void configuration(const char *text, size_t size)
{
	struct collateral_services s = { .intel = COLLATERAL_PCS };

	if (qcnl_parse(text, size, &s))
		return;
	PROPERTY(strncmp(s.intel, "http", 4) == 0 && s.intel[strlen(s.intel) - 1] == '/');
	PROPERTY(s.retries <= 20 && s.delay_s <= 300);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct collateral_subject s;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	name(text);
	configuration(text, size);
	if (collateral_bundles_decode(text, size, bundle, NULL)) { /* refused: nothing to hold */ }
	table((struct om_view) { data, size });
	if (collateral_subject_of((struct om_view) { data, size }, &s)) { /* refused */ }
	free(text);
	return 0;
}
