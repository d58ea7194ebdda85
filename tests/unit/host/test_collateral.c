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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_order), cmocka_unit_test(sent_once), cmocka_unit_test(too_long) };

	if (!unit_vector_path("sgx_quote_v3.bin"))
		return UNIT_SKIP;
	return cmocka_run_group_tests(tests, setup, teardown);
}
