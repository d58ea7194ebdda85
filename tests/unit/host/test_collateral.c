/* SPDX-License-Identifier: Apache-2.0 */
/* What a host gives its enclave to judge evidence by: its own shelf's if that is in force, else what came with the peer, else what has run out. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../unit.h"
#include "collateral/carried.h"
#include "evidence/parse/quote.h"
#include "evidence/parse/snp.h"
#include "util.h"

#define IN_FORCE   INT64_C(1750500000)     /* 2025-06-21 */
#define RUN_OUT    INT64_C(1764547200)     /* 2025-12-01 */

static char folder[] = "/tmp/optmig-collateral.XXXXXX";
static struct om_view quote;
static struct collateral_bundle bundle;
static const struct om_view peers = { (const uint8_t *)"what the peer sent", 18 };

static char *document(json_t *all, const char *name, const char *key)
{
	char signature[64], *text;

	snprintf(signature, sizeof signature, "%s_signature", key);
	assert_true(asprintf(&text, "{\"%s\":%s,\"signature\":\"%s\"}", name, json_string_value(json_object_get(all, key)),
		json_string_value(json_object_get(all, signature))) > 0);
	return text;
}

static void part(unsigned which, json_t *all, const char *text, const char *chain)
{
	const char *pem = chain ? json_string_value(json_object_get(all, chain)) : NULL;

	assert_int_equal(collateral_part_set(&bundle.part[which], "test", pem, text, strlen(text), IN_FORCE), 0);
}

static int setup(void **state)
{
	json_t *all = json_load_file(unit_vector_path("sgx_quote_collateral.json"), 0, NULL);
	char *tcb, *qe;
	FILE *f = fopen(unit_vector_path("sgx_quote_v3.bin"), "re");

	(void)state;
	assert_non_null(all);
	assert_non_null(f);
	quote.data = malloc(OM_QUOTE_MAX);
	assert_non_null(quote.data);
	quote.size = fread((void *)(uintptr_t)quote.data, 1, OM_QUOTE_MAX, f);
	fclose(f);
	assert_int_equal(collateral_subject_of(quote, &bundle.subject), 0);
	part(COLLATERAL_ROOT_CRL, all, json_string_value(json_object_get(all, "root_ca_crl")), NULL);
	part(COLLATERAL_PCK_CRL, all, json_string_value(json_object_get(all, "pck_crl")), "pck_crl_issuer_chain");
	tcb = document(all, "tcbInfo", "tcb_info");
	qe = document(all, "enclaveIdentity", "qe_identity");
	part(COLLATERAL_TCB_INFO, all, tcb, "tcb_info_issuer_chain");
	part(COLLATERAL_QE_IDENTITY, all, qe, "qe_identity_issuer_chain");
	free(tcb);
	free(qe);
	json_decref(all);
	assert_non_null(mkdtemp(folder));
	setenv("OPTMIG_COLLATERAL_STORE", folder, 1);
	return 0;
}

static int teardown(void **state)
{
	char path[512], name[COLLATERAL_NAME_MAX];

	(void)state;
	collateral_name(&bundle.subject, name);
	snprintf(path, sizeof path, "%s/%s.json", folder, name);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/floors.json", folder);
	(void)unlink(path);
	snprintf(path, sizeof path, "%s/.lock", folder);
	(void)unlink(path);
	collateral_bundle_done(&bundle);
	free((void *)(uintptr_t)quote.data);
	collateral_forget();
	return rmdir(folder);
}

static uint8_t got[OM_COLLATERAL_MAX];
static size_t got_size;

static int ask(int64_t now)
{
	return collateral_for(quote, now, got, sizeof got, &got_size);
}

static bool is_peers(void)
{
	return got_size == peers.size && memcmp(got, peers.data, peers.size) == 0;
}

static void the_order(void **state)
{
	struct om_collateral c;

	(void)state;
	collateral_forget();
	assert_int_equal(ask(IN_FORCE), OM_ENOTFOUND);
	assert_non_null(strstr(host_reason(), "optmig collateral fetch sgx-"));
	assert_int_equal(collateral_received(peers), 0);
	assert_int_equal(ask(IN_FORCE), 0);
	assert_true(is_peers());
	/* Own, in force: before the peer's. */
	assert_int_equal(collateral_put(&bundle, IN_FORCE), 0);
	assert_int_equal(ask(IN_FORCE), 0);
	assert_int_equal(om_collateral_decode(got, got_size, &c), 0);
	/* Own has run out: the peer's; without that, own, so that the enclave says what is wrong. */
	assert_int_equal(ask(RUN_OUT), 0);
	assert_true(is_peers());
	collateral_forget();
	assert_int_equal(ask(RUN_OUT), 0);
	assert_int_equal(om_collateral_decode(got, got_size, &c), 0);
	/* What does not fit the caller's buffer is not written. */
	assert_int_equal(collateral_received(peers), 0);
	assert_int_not_equal(collateral_for(quote, RUN_OUT, got, peers.size - 1, &got_size), 0);
}

static void sent_once(void **state)
{
	struct om_collateral c;
	size_t size;

	(void)state;
	collateral_forget();
	assert_int_equal(collateral_to_send(got), 0);
	collateral_quoted(quote, RUN_OUT);              /* has run out: not worth sending */
	assert_int_equal(collateral_to_send(got), 0);
	collateral_quoted(quote, IN_FORCE);
	size = collateral_to_send(got);
	assert_int_equal(om_collateral_decode(got, size, &c), 0);
	assert_int_equal(collateral_to_send(got), 0);
	collateral_quoted(quote, IN_FORCE);
	collateral_forget();
	assert_int_equal(collateral_to_send(got), 0);
}

static void too_long(void **state)
{
	static uint8_t bytes[OM_COLLATERAL_MAX + 1];

	(void)state;
	assert_int_equal(collateral_received((struct om_view) { bytes, sizeof bytes }), OM_EOVERFLOW);
	assert_int_equal(collateral_received((struct om_view) { bytes, sizeof bytes - 1 }), 0);
	collateral_forget();
}

/* ---- in a guest: AMD's, as a host hands it to its guest with a report --------------------------------------------- */

#define AMD_IN_FORCE INT64_C(1772323200)   /* 2026-03-01 */
#define VLEK_IN_FORCE INT64_C(1748736000)  /* 2025-06-01 */

static uint8_t evidence_bytes[OM_EVIDENCE_MAX], table_bytes[16384];
static struct om_view evidence, table;

static void load(const char *name, uint8_t **ret, size_t *ret_size)
{
	char path[64];

	snprintf(path, sizeof path, "snp/%s", name);
	*ret = unit_read_file(unit_vector_path(path), ret_size);
	assert_non_null(*ret);
}

static void envelope(const char *name, bool masked)
{
	static const uint8_t body[SGX_REPORT_BODY_SIZE];
	uint8_t *report;
	size_t size;

	load(name, &report, &size);
	if (masked)
		memset(report + 0x1a0, 0, 64);
	assert_int_equal(om_envelope_encode(OM_EVIDENCE_SNP, (struct om_view) { report, size }, OM_VIEW(body), evidence_bytes, sizeof evidence_bytes, &evidence.size), 0);
	evidence.data = evidence_bytes;
	free(report);
}

static void put32(uint8_t *to, size_t value)
{
	for (unsigned i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

/* In the order of the slots. @ca, @ark: NULL: left out. */
static void make_table(const char *key, bool vlek, const char *ca, const char *ark)
{
	static const char *const guids[] = { "63da758de6644564adc5f4b93be8accd", "a8074bc2a25a483eaae639c045a0b8a1", "4ab7b379bbac4fe4a02f05aef327c782",
		"c0b406a4a803495297433fb6014cd0ae" };
	const struct { const char *guid, *file; } parts[] = { { guids[vlek], key }, { guids[2], ca }, { guids[3], ark } };
	size_t at = 24 * 4, entry = 0;

	memset(table_bytes, 0, sizeof table_bytes);
	for (unsigned i = 0; i < 3; i++) {
		uint8_t *guid, *data;
		size_t size;

		if (!parts[i].file)
			continue;
		load(parts[i].file, &data, &size);
		guid = unit_hex(parts[i].guid, NULL);
		memcpy(table_bytes + entry, guid, 16);
		put32(table_bytes + entry + 16, at);
		put32(table_bytes + entry + 20, size);
		memcpy(table_bytes + at, data, size);
		entry += 24;
		at += size;
		free(guid);
		free(data);
	}
	table = (struct om_view) { table_bytes, at };
}

/* What goes along with the evidence now: certificates, or nothing. */
static bool goes_along(int64_t now)
{
	struct om_view chain, crl;
	size_t size;

	collateral_forget();
	collateral_quoted_in_guest(evidence, table, now);
	size = collateral_to_send(got);
	if (!size)
		return false;
	assert_int_equal(om_snp_collateral_decode((struct om_view) { got, size }, &chain, &crl), 0);
	assert_true(chain.size > 3000);
	assert_int_equal(crl.size, 0);
	return true;
}

static bool on_shelf(bool remove)
{
	struct collateral_subject subject;
	struct collateral_bundle b;
	char name[COLLATERAL_NAME_MAX], path[512];

	if (collateral_subject_of(evidence, &subject))
		return false;
	collateral_name(&subject, name);
	if (collateral_get(name, &b))
		return false;
	assert_string_equal(b.part[COLLATERAL_VEK].url, "the guest's host");
	collateral_bundle_done(&b);
	snprintf(path, sizeof path, "%s/%s.json", folder, name);
	if (remove)
		assert_int_equal(unlink(path), 0);
	return true;
}

static void in_a_guest(void **state)
{
	(void)state;
	envelope("genoa_v5_report.bin", false);
	table = (struct om_view) { 0 };
	assert_false(goes_along(AMD_IN_FORCE));
	make_table("genoa_v5_vcek.der", false, "genoa_ask.der", "genoa_ark.der");
	assert_true(goes_along(AMD_IN_FORCE));
	assert_true(on_shelf(false));
	/* It is known now: without a table, too. */
	table = (struct om_view) { 0 };
	assert_true(goes_along(AMD_IN_FORCE));
	assert_true(on_shelf(true));
	/* Half of it, or what is of another product, nobody can use. */
	make_table("genoa_v5_vcek.der", false, NULL, NULL);
	assert_false(goes_along(AMD_IN_FORCE));
	assert_false(on_shelf(false));
	make_table("genoa_v5_vcek.der", false, "milan_ask.der", "milan_ark.der");
	(void)goes_along(AMD_IN_FORCE);                 /* the enclave will say so */
	assert_false(on_shelf(false));
	/* A masked chip has no name, and its certificates go along all the same. */
	envelope("genoa_v5_report.bin", true);
	make_table("genoa_v5_vcek.der", false, "genoa_ask.der", "genoa_ark.der");
	assert_true(goes_along(AMD_IN_FORCE));
	assert_false(on_shelf(false));
	/* A provider's key. */
	envelope("milan_vlek_report.bin", false);
	make_table("milan_vlek.der", false, "milan_asvk.der", "milan_ark.der");
	assert_false(goes_along(VLEK_IN_FORCE));        /* as if it were a VCEK */
	make_table("milan_vlek.der", true, "milan_asvk.der", "milan_ark.der");
	assert_true(goes_along(VLEK_IN_FORCE));
	assert_true(on_shelf(true));
	/* Hostile ones: cut anywhere, and with any byte of the entries altered. */
	for (size_t cut = 0; cut < 24 * 5; cut++) {
		make_table("milan_vlek.der", true, "milan_asvk.der", "milan_ark.der");
		table.size = cut;
		assert_false(goes_along(VLEK_IN_FORCE));
		table.size = sizeof table_bytes;
		table_bytes[cut] ^= 0x80;
		(void)goes_along(VLEK_IN_FORCE);
		(void)on_shelf(true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_order), cmocka_unit_test(sent_once), cmocka_unit_test(too_long), cmocka_unit_test(in_a_guest) };

	if (!unit_vector_path("sgx_quote_v3.bin"))
		return UNIT_SKIP;
	return cmocka_run_group_tests(tests, setup, teardown);
}
