/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Peers in confidential guests, from the envelope to the decision: what the guest's evidence says is bound to the report body beside
 * it, and the policy's lines decide. The machines are pretended ones (tee/evidence/demo).
 */
#include <pthread.h>
#include "image.h"
#include "unit.h"
#include "crypto/ec.h"
#include "evidence/accept/policy.h"
#include "evidence/accept/policy_text.h"
#include "evidence/demo/quote_build.h"
#include "evidence/demo/snp_build.h"

#define NOW 1767225600   /* 2026-01-01 */

struct peer {
	struct sgx_report_body own, body;
	struct om_snp_machine machine;
	struct om_snp_report fields;
	struct om_platform platform;
	struct om_td_body td;
	bool unbound, revoked;
	struct om_guest_offer offer;
	uint64_t list_version;                       /* that was acted upon */
	uint8_t report[OM_QUOTE_MAX], evidence[OM_EVIDENCE_MAX], collateral[OM_COLLATERAL_MAX];
	size_t report_size, evidence_size, collateral_size;
};

/* 48 bytes that are told apart by their number. */
static void digest(uint8_t number, uint8_t ret[48]) { memset(ret, 0x10 + number, 48); }

static void hex(const uint8_t bytes[48], char ret[97])
{
	for (unsigned i = 0; i < 48; i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

static struct peer *fresh(void)
{
	static const uint8_t seed[32] = { 7 };
	struct peer *p = calloc(1, sizeof *p);

	assert_non_null(p);
	p->own.attributes = (struct sgx_attributes){ .flags = SGX_ATTR_INIT | SGX_ATTR_MODE64BIT | SGX_ATTR_DEBUG, .xfrm = 7 };
	memset(p->own.mrenclave, 0x42, 32);
	memset(p->own.reportdata, 0x77, 32);
	p->body = p->own;
	om_snp_machine_init(&p->machine, seed, OM_SNP_GENOA, OM_SNP_VCEK);
	om_snp_machine_fields(&p->machine, 3, &p->fields);
	digest(1, p->fields.measurement);
	om_platform_init(&p->platform, seed, NULL);
	p->platform.tdx = true;
	memcpy(p->td.tee_tcb_svn, p->platform.td_svn, sizeof p->td.tee_tcb_svn);
	p->td.attributes = OM_TD_SEPT_VE_DISABLE;
	digest(2, p->td.mrtd);
	for (uint8_t i = 0; i < 4; i++)
		digest((uint8_t)(3 + i), p->td.rtmr[i]);
	return p;
}

static void bind(const struct peer *p, enum om_evidence_type type, uint8_t ret[OM_EVIDENCE_DATA_SIZE])
{
	om_envelope_report_data(type, (const uint8_t *)&p->body, ret);
	ret[9] ^= p->unbound;
}

static void make_snp(struct peer *p)
{
	uint8_t chain[OM_SNP_CHAIN_MAX], crl[OM_X509_MAX];
	size_t chain_size, crl_size;

	bind(p, OM_EVIDENCE_SNP, p->fields.report_data);
	om_snp_machine_report(&p->machine, &p->fields, p->report);
	p->report_size = OM_SNP_REPORT_SIZE;
	p->machine.revoke_ca = p->revoked;
	assert_int_equal(om_snp_machine_chain(&p->machine, chain, sizeof chain, &chain_size), 0);
	assert_int_equal(om_snp_machine_crl(&p->machine, NOW, crl, sizeof crl, &crl_size), 0);
	assert_int_equal(om_snp_collateral_encode((struct om_view) { chain, chain_size }, (struct om_view) { crl, crl_size },
		p->collateral, sizeof p->collateral, &p->collateral_size), 0);
}

static void make_tdx(struct peer *p)
{
	bind(p, OM_EVIDENCE_TDX, p->td.reportdata);
	assert_int_equal(om_platform_quote_as(&p->platform, 5, OM_BODY_TD15, NULL, &p->td, p->report, sizeof p->report, &p->report_size), 0);
	p->platform.revoke_pck = p->revoked;
	assert_int_equal(om_platform_collateral(&p->platform, NOW, p->collateral, sizeof p->collateral, &p->collateral_size), 0);
}

/* As an enclave does it: on a stack of its size. A sanitizer's frames are larger, and have a larger one. */
#if __has_feature(address_sanitizer)
#define STACK_SIZE (1u << 20)
#else
#define STACK_SIZE OM_SLOT_STACK_SIZE
#endif
struct call {
	const struct peer *p;
	const uint8_t *policy;
	size_t policy_size;
	int64_t now;
	struct om_peer peer;
	enum om_attest_reason reason;
	int error;
};

static void *attest(void *argument)
{
	struct call *c = argument;
	const struct peer *p = c->p;

	c->error = om_attest_peer(c->policy, c->policy_size, &p->own, (struct om_view) { p->evidence, p->evidence_size },
		(struct om_view) { p->collateral, p->collateral_size }, &p->offer, c->now, p->own.reportdata, &c->peer, &c->reason);
	return NULL;
}

static void on_own_stack(struct call *c)
{
	pthread_attr_t attributes;
	pthread_t thread;

	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstacksize(&attributes, STACK_SIZE), 0);
	assert_int_equal(pthread_create(&thread, &attributes, attest, c), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attributes);
}

static void expect(struct peer *p, enum om_evidence_type type, const char *policy_text, int64_t now, int want, enum om_attest_reason want_reason)
{
	static uint8_t policy[OM_POLICY_BYTES_MAX];
	struct call c = { .p = p, .policy = policy, .now = now, .reason = 999 };
	struct om_policy_error why;
	struct om_policy decoded;
	int error;

	error = om_policy_from_text((struct om_view) { (const uint8_t *)policy_text, strlen(policy_text) }, 0, &decoded, &why);
	if (error)
		fail_msg("%s", why.words);
	assert_int_equal(om_policy_encode(&decoded, policy, sizeof policy, &c.policy_size), 0);
	(type == OM_EVIDENCE_SNP ? make_snp : make_tdx)(p);
	assert_int_equal(om_envelope_encode(type, (struct om_view) { p->report, p->report_size },
		(struct om_view) { (const uint8_t *)&p->body, sizeof p->body }, p->evidence, sizeof p->evidence, &p->evidence_size), 0);
	on_own_stack(&c);
	if (c.error != want || c.reason != want_reason)
		fail_msg("%d, %s; expected %d, %s", c.error, om_attest_reason_words(c.reason), want, om_attest_reason_words(want_reason));
	if (!c.error) {
		assert_memory_equal(&c.peer.body, &p->body, sizeof p->body);
		assert_int_equal(c.peer.facts.type, type);
		assert_int_equal(c.peer.facts.root_kind, OM_ROOT_DEMO);
		assert_int_equal(c.peer.list_version, p->list_version);
	}
}

/* @more: further lines. */
static const char *snp_policy(const char *guest, const char *more)
{
	static char text[2048];
	uint8_t bytes[48];
	char measurement[97];

	digest(1, bytes);
	hex(bytes, measurement);
	snprintf(text, sizeof text, "platform = snp\nplatform = demo\nguest = snp:%s%s\n%s", measurement, guest, more);
	return text;
}

#define FLOOR "min-tcb = snp:genoa bootloader=0 tee=0 snp=0 microcode=0\n"

static void test_snp(void **state)
{
	struct peer *p = fresh();

	(void)state;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, 0, OM_WHY_NONE);
	expect(p, OM_EVIDENCE_SNP, snp_policy("", "min-tcb = snp:milan bootloader=0 tee=0 snp=0 microcode=0\n"), NOW, OM_EPOLICY, OM_WHY_FLOOR_PRODUCT);
	expect(p, OM_EVIDENCE_SNP, snp_policy("", "min-tcb = snp:genoa bootloader=0 tee=0 snp=255 microcode=0\n"), NOW, OM_EPOLICY, OM_WHY_FLOOR_SNP);
	expect(p, OM_EVIDENCE_SNP, "platform = demo\n", NOW, OM_EPOLICY, OM_WHY_PLATFORM);
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW - 20ll * 365 * 86400, OM_EEXPIRED, OM_WHY_CERT_TIME);
	p->fields.measurement[47] ^= 1;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, OM_EPOLICY, OM_WHY_GUEST);
	p->fields.measurement[47] ^= 1;
	p->fields.vmpl = 1;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, OM_EPOLICY, OM_WHY_GUEST_VMPL);
	expect(p, OM_EVIDENCE_SNP, snp_policy(",vmpl=1", FLOOR), NOW, 0, OM_WHY_NONE);
	p->fields.vmpl = 0;
	p->fields.policy |= 1ull << 19;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, OM_EDEBUG, OM_WHY_GUEST_DEBUG);
	p->fields.policy ^= 1ull << 19 | 1ull << 18;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, OM_EPOLICY, OM_WHY_GUEST_MIGRATABLE);
	expect(p, OM_EVIDENCE_SNP, snp_policy(",migratable", FLOOR), NOW, 0, OM_WHY_NONE);
	p->fields.policy ^= 1ull << 18;
	p->unbound = true;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, OM_EAUTH, OM_WHY_EVIDENCE_BINDING);
	p->unbound = false;
	p->revoked = true;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, OM_EREVOKED, OM_WHY_REVOKED);
	p->revoked = false;
	p->body.mrenclave[0] ^= 1;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, OM_EIDENTITY, OM_WHY_MRENCLAVE);
	p->body.mrenclave[0] ^= 1;
	p->body.reportdata[0] ^= 1;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, OM_EAUTH, OM_WHY_REPORT_DATA);
	p->body.reportdata[0] ^= 1;
	/* A provider's key speaks for all of its machines. */
	om_snp_machine_init(&p->machine, (const uint8_t[32]) { 7 }, OM_SNP_GENOA, OM_SNP_VLEK);
	om_snp_machine_fields(&p->machine, 3, &p->fields);
	digest(1, p->fields.measurement);
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, OM_EPOLICY, OM_WHY_KIND_OF_KEY);
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR "snp-key = vlek\n"), NOW, 0, OM_WHY_NONE);
	/* Production enclaves take nothing from pretended machines. */
	p->own.attributes.flags &= ~(uint64_t)SGX_ATTR_DEBUG;
	p->body.attributes.flags &= ~(uint64_t)SGX_ATTR_DEBUG;
	{
		char text[2048];

		snprintf(text, sizeof text, "%s", strstr(snp_policy("", FLOOR "snp-key = vlek\n"), "guest"));
		memmove(text + 15, text, strlen(text) + 1);
		memcpy(text, "platform = snp\n", 15);
		expect(p, OM_EVIDENCE_SNP, text, NOW, OM_EPOLICY, OM_WHY_ROOT);
	}
	free(p);
}

/* By the keys that signed the launch. What the report says of an author counts only if it says that there is one. */
static void test_owners(void **state)
{
	struct peer *p = fresh();
	char text[512], key[97], author[97];

	(void)state;
	digest(20, p->fields.id_key_digest);
	digest(21, p->fields.author_key_digest);
	hex(p->fields.id_key_digest, key);
	hex(p->fields.author_key_digest, author);
	p->fields.guest_svn = 4;
	memset(p->fields.family_id, 0xab, 16);
	memset(p->fields.image_id, 0xcd, 16);
	snprintf(text, sizeof text, "platform = snp\nplatform = demo\n" FLOOR "guest = snp:id-key=%s,svn=4,family=%032x\n", key, 0);
	memset(strstr(text, "family=") + 7, 'a', 32);
	expect(p, OM_EVIDENCE_SNP, text, NOW, OM_EPOLICY, OM_WHY_GUEST);
	for (char *at = strstr(text, "family=") + 8; *at == 'a'; at += 2)
		*at = 'b';
	expect(p, OM_EVIDENCE_SNP, text, NOW, 0, OM_WHY_NONE);
	p->fields.guest_svn = 3;
	expect(p, OM_EVIDENCE_SNP, text, NOW, OM_EPOLICY, OM_WHY_SNP_GUEST_SVN);
	p->fields.guest_svn = 4;
	p->fields.id_key_digest[47] ^= 1;
	expect(p, OM_EVIDENCE_SNP, text, NOW, OM_EPOLICY, OM_WHY_GUEST);
	p->fields.id_key_digest[47] ^= 1;
	snprintf(text, sizeof text, "platform = snp\nplatform = demo\n" FLOOR "guest = snp:author-key=%s,image=cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd\n", author);
	expect(p, OM_EVIDENCE_SNP, text, NOW, OM_EPOLICY, OM_WHY_GUEST);
	p->fields.author_key_enabled = true;
	expect(p, OM_EVIDENCE_SNP, text, NOW, 0, OM_WHY_NONE);
	p->fields.image_id[15] ^= 1;
	expect(p, OM_EVIDENCE_SNP, text, NOW, OM_EPOLICY, OM_WHY_GUEST);
	p->fields.image_id[15] ^= 1;
	p->fields.author_key_digest[0] ^= 1;
	expect(p, OM_EVIDENCE_SNP, text, NOW, OM_EPOLICY, OM_WHY_GUEST);
	free(p);
}

static const char *tdx_policy(const char *more)
{
	static char text[2048];
	uint8_t bytes[48];
	char part[4][97];

	for (uint8_t i = 0; i < 4; i++) {
		digest((uint8_t)(2 + i), bytes);
		hex(bytes, part[i]);
	}
	snprintf(text, sizeof text, "platform = tdx\nplatform = demo\nguest = tdx:%s/%s/%s/%s\n%s", part[0], part[1], part[2], part[3], more);
	return text;
}

static void test_tdx(void **state)
{
	struct peer *p = fresh();

	(void)state;
	expect(p, OM_EVIDENCE_TDX, tdx_policy(""), NOW, 0, OM_WHY_NONE);
	expect(p, OM_EVIDENCE_TDX, "platform = demo\n", NOW, OM_EPOLICY, OM_WHY_PLATFORM);
	expect(p, OM_EVIDENCE_TDX, tdx_policy("min-tcb = tdx:2030-01-01\n"), NOW, OM_EPOLICY, OM_WHY_TCB_DATE);
	p->td.rtmr[3][0] ^= 1;                       /* the line does not name it */
	expect(p, OM_EVIDENCE_TDX, tdx_policy(""), NOW, 0, OM_WHY_NONE);
	p->td.rtmr[2][0] ^= 1;
	expect(p, OM_EVIDENCE_TDX, tdx_policy(""), NOW, OM_EPOLICY, OM_WHY_GUEST);
	p->td.rtmr[2][0] ^= 1;
	p->td.attributes |= 1;
	expect(p, OM_EVIDENCE_TDX, tdx_policy(""), NOW, OM_EDEBUG, OM_WHY_GUEST_DEBUG);
	p->td.attributes = 0;
	expect(p, OM_EVIDENCE_TDX, tdx_policy(""), NOW, OM_EPOLICY, OM_WHY_GUEST_SEPT_VE);
	p->td.attributes = OM_TD_SEPT_VE_DISABLE | OM_TD_MIGRATABLE;
	expect(p, OM_EVIDENCE_TDX, tdx_policy(""), NOW, OM_EPOLICY, OM_WHY_GUEST_MIGRATABLE);
	p->td.attributes = OM_TD_SEPT_VE_DISABLE;
	p->unbound = true;
	expect(p, OM_EVIDENCE_TDX, tdx_policy(""), NOW, OM_EAUTH, OM_WHY_EVIDENCE_BINDING);
	p->unbound = false;
	p->revoked = true;
	expect(p, OM_EVIDENCE_TDX, tdx_policy(""), NOW, OM_EREVOKED, OM_WHY_REVOKED);
	p->revoked = false;
	p->platform.module_status = OM_TCB_OUT_OF_DATE;
	expect(p, OM_EVIDENCE_TDX, tdx_policy(""), NOW, OM_EPOLICY, OM_WHY_TCB_STATUS);
	free(p);
}

/* A patched guest, which no policy of a living program can name. */
static void test_list(void **state)
{
	static const uint8_t seed[32] = { 9 }, other_seed[32] = { 10 };
	static uint8_t bytes[OM_GUEST_LIST_MAX], private[32], public[64], other[32], ignored[64];
	struct om_guest_list list = { .version = 5, .curve = OM_CURVE_P256, .guests.snp_count = 1 };
	struct peer *p = fresh();
	char signer[160] = "guest-signer = ", text[512];
	uint8_t hash[48];
	size_t size;

	(void)state;
	om_p256_derive(seed, private, public);
	om_p256_derive(other_seed, other, ignored);
	for (unsigned i = 0; i < 64; i++)
		snprintf(signer + 15 + 2 * i, 3, "%02x", public[i]);
	snprintf(text, sizeof text, FLOOR "%s\n", signer);
	digest(9, p->fields.measurement);
	digest(9, list.guests.snp[0].measurement);
	expect(p, OM_EVIDENCE_SNP, snp_policy("", text), NOW, OM_EPOLICY, OM_WHY_GUEST_LIST_NONE);
	assert_int_equal(om_guest_list_encode(&list, bytes, sizeof bytes, &size, hash), 0);
	assert_int_equal(om_p256_sign(private, hash, bytes + size), 0);
	p->offer.list = (struct om_view) { bytes, size + 64 };
	p->list_version = 5;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", text), NOW, 0, OM_WHY_NONE);
	p->offer.floor = 5;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", text), NOW, 0, OM_WHY_NONE);
	p->offer.floor = 6;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", text), NOW, OM_EPOLICY, OM_WHY_GUEST_LIST_OLD);
	p->offer.floor = 0;
	/* A policy without the word for it does not look at lists. */
	p->list_version = 0;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, OM_EPOLICY, OM_WHY_GUEST);
	digest(1, p->fields.measurement);
	expect(p, OM_EVIDENCE_SNP, snp_policy("", FLOOR), NOW, 0, OM_WHY_NONE);
	assert_int_equal(om_p256_sign(other, hash, bytes + size), 0);
	expect(p, OM_EVIDENCE_SNP, snp_policy("", text), NOW, OM_EAUTH, OM_WHY_GUEST_LIST_SIGNATURE);
	bytes[0] ^= 1;
	expect(p, OM_EVIDENCE_SNP, snp_policy("", text), NOW, OM_ETYPE, OM_WHY_GUEST_LIST_FORMAT);
	list.version = 0;
	assert_int_equal(om_guest_list_encode(&list, bytes, sizeof bytes, &size, hash), OM_EINVAL);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_snp), cmocka_unit_test(test_owners), cmocka_unit_test(test_tdx), cmocka_unit_test(test_list) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
