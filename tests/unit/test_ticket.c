/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets and delegations: one form only; each field altered is refused for that field's reason; every byte is under a signature; and
 * the ids that real evidence shows, or does not show.
 */
#include "unit.h"
#include "evidence/accept/ticket.h"
#include "evidence/accept/ticket_text.h"
#include "crypto/ec.h"

#define NOW 1767225600   /* 2026-01-01 */

/* Keys: the owner's, a fleet's, somebody's. */
enum { OWNER, FLEET, STRANGER, KEYS };
static uint8_t private[KEYS][32], public[KEYS][64];

struct bytes { uint8_t data[OM_TICKET_MAX]; size_t size; };
#define VIEW(b) ((struct om_view) { (b).data, (b).size })

static int make_keys(void **state)
{
	(void)state;
	for (int i = 0; i < KEYS; i++) {
		const uint8_t seed[32] = { (uint8_t)(11 + i) };

		om_p256_derive(seed, private[i], public[i]);
	}
	return 0;
}

static struct om_place place(enum om_evidence_type type, uint8_t id, uint8_t guest)
{
	struct om_place p = { .platform = (uint8_t)type, .flags = (uint8_t)((id ? 0 : OM_PLACE_ANY_ID) | (guest ? OM_PLACE_GUEST : 0)) };
	const bool intel = type == OM_EVIDENCE_SGX || type == OM_EVIDENCE_TDX;

	memset(p.id, id, intel ? OM_PLATFORM_INSTANCE_SIZE : sizeof p.id);
	memset(p.guest, guest, sizeof p.guest);
	return p;
}

static struct om_ticket a_ticket(void)
{
	struct om_ticket t = { .move = 7, .not_after = NOW + 10, .place_count = 3 };

	memset(t.mrenclave, 1, sizeof t.mrenclave);
	memset(t.instance, 2, sizeof t.instance);
	t.place[0] = place(OM_EVIDENCE_SNP, 3, 4);
	t.place[1] = place(OM_EVIDENCE_SGX, 5, 0);
	t.place[2] = place(OM_EVIDENCE_TDX, 0, 6);
	return t;
}

static struct om_delegation a_delegation(void)
{
	struct om_delegation d = { .flags = OM_DELEGATION_ANY_INSTANCE, .first_move = 5, .last_move = 9, .not_after = NOW + 20, .place_count = 3 };

	memcpy(d.key, public[FLEET], sizeof d.key);
	memset(d.program, 1, sizeof d.program);
	d.place[0] = place(OM_EVIDENCE_SGX, 0, 0);
	d.place[1] = place(OM_EVIDENCE_SNP, 3, 0);
	d.place[2] = place(OM_EVIDENCE_TDX, 0, 6);
	return d;
}

static struct bytes delegate(struct om_delegation d, int key)
{
	struct bytes b;
	uint8_t hash[32];

	assert_int_equal(om_delegation_encode(&d, b.data, sizeof b.data, &b.size, hash), 0);
	assert_int_equal(om_p256_sign(private[key], hash, b.data + b.size), 0);
	b.size += OM_TICKET_SIGNATURE;
	return b;
}

static struct bytes issue(struct om_ticket t, const struct bytes *delegation, int key)
{
	struct bytes b;
	uint8_t hash[32];

	assert_int_equal(om_ticket_encode(&t, delegation ? VIEW(*delegation) : (struct om_view) { 0 }, b.data, sizeof b.data, &b.size, hash), 0);
	assert_int_equal(om_p256_sign(private[key], hash, b.data + b.size), 0);
	b.size += OM_TICKET_SIGNATURE;
	return b;
}

/* The engine's side: program, instance and move of a_ticket(), on its way to place[1] of it. */
struct scene {
	struct om_policy p;
	struct sgx_report_body own;
	uint8_t instance[OM_INSTANCE_SIZE];
	uint64_t move;
	struct om_platform_facts facts;
	int64_t now;
};

static struct scene a_scene(void)
{
	struct scene s = { .move = 7, .now = NOW };

	om_policy_default(&s.p);
	s.p.flags |= OM_POLICY_OWNER;
	memcpy(s.p.owner, public[OWNER], sizeof s.p.owner);
	memset(s.own.mrenclave, 1, sizeof s.own.mrenclave);
	memset(s.own.mrsigner, 9, sizeof s.own.mrsigner);
	memset(s.instance, 2, sizeof s.instance);
	s.facts = (struct om_platform_facts) { .type = OM_EVIDENCE_SGX, .root_kind = OM_ROOT_MAKER };
	memset(s.facts.platform_instance, 5, sizeof s.facts.platform_instance);
	return s;
}

static struct scene snp_scene(void)
{
	struct scene s = a_scene();

	s.facts = (struct om_platform_facts) { .type = OM_EVIDENCE_SNP, .root_kind = OM_ROOT_MAKER };
	memset(s.facts.snp.chip_id, 3, sizeof s.facts.snp.chip_id);
	memset(s.facts.snp.measurement, 4, sizeof s.facts.snp.measurement);
	return s;
}

static enum om_attest_reason admit(const struct scene *s, struct om_view ticket)
{
	uint8_t policy[OM_POLICY_BYTES_MAX];
	enum om_attest_reason why = 999;
	size_t size;
	int error;

	assert_int_equal(om_policy_encode(&s->p, policy, sizeof policy, &size), 0);
	assert_int_equal(om_ticket_needed(policy, size), (s->p.flags & OM_POLICY_OWNER) != 0);
	assert_true(om_ticket_needed(policy, size - 1));
	error = om_ticket_admit(policy, size, &s->own, ticket, s->instance, s->move, &s->facts, s->now, &why);
	assert_int_equal(error == 0, why == OM_WHY_NONE);
	if (error && why != OM_WHY_TICKET_VERSION && why != OM_WHY_CLOCK)
		assert_int_equal(error, OM_ETICKET);
	return why;
}

static void test_accepted(void **state)
{
	struct bytes b = issue(a_ticket(), NULL, OWNER), d = delegate(a_delegation(), OWNER), by_fleet = issue(a_ticket(), &d, FLEET);
	struct scene s = a_scene();
	struct om_view delegation;
	struct om_signed parts;
	struct om_ticket t;

	(void)state;
	assert_int_equal(admit(&s, VIEW(b)), OM_WHY_NONE);
	assert_int_equal(admit(&s, VIEW(by_fleet)), OM_WHY_NONE);
	s = snp_scene();
	assert_int_equal(admit(&s, VIEW(b)), OM_WHY_NONE);
	assert_int_equal(om_ticket_decode(VIEW(by_fleet), &t, &parts, &delegation), 0);
	assert_true(t.delegated);
	assert_int_equal(t.move, 7);
	assert_int_equal(t.place[0].platform, OM_EVIDENCE_SGX);   /* in order now */
	assert_memory_equal(t.delegation.key, public[FLEET], 64);
	assert_int_equal(delegation.size, d.size);
	assert_memory_equal(delegation.data, d.data, d.size);
	assert_ptr_equal(parts.signature, by_fleet.data + by_fleet.size - OM_TICKET_SIGNATURE);
	/* no owner: with a ticket, with none, with nonsense */
	s.p.flags &= (uint16_t)~OM_POLICY_OWNER;
	memset(s.p.owner, 0, sizeof s.p.owner);
	assert_int_equal(admit(&s, VIEW(b)), OM_WHY_NONE);
	assert_int_equal(admit(&s, (struct om_view) { 0 }), OM_WHY_NONE);
	assert_int_equal(admit(&s, (struct om_view) { b.data, 5 }), OM_WHY_NONE);
}

#define CASE(makes, change, why) do { \
		struct scene s = makes(); struct om_ticket t = a_ticket(); int key = OWNER; \
		(void)key; change; \
		struct bytes b = issue(t, NULL, key); \
		assert_int_equal(admit(&s, VIEW(b)), why); \
	} while (0)

static void test_each_field(void **state)
{
	const struct scene none = a_scene();

	(void)state;
	assert_int_equal(admit(&none, (struct om_view) { 0 }), OM_WHY_TICKET);
	CASE(a_scene, key = STRANGER, OM_WHY_TICKET_SIGNATURE);
	CASE(a_scene, key = FLEET, OM_WHY_TICKET_SIGNATURE);
	CASE(a_scene, memcpy(s.p.owner, public[STRANGER], 64), OM_WHY_TICKET_SIGNATURE);
	CASE(a_scene, t.mrenclave[31] ^= 1, OM_WHY_TICKET_PROGRAM);
	CASE(a_scene, s.own.mrenclave[0] ^= 1, OM_WHY_TICKET_PROGRAM);
	CASE(a_scene, t.instance[15] ^= 1, OM_WHY_TICKET_INSTANCE);
	CASE(a_scene, s.instance[0] ^= 1, OM_WHY_TICKET_INSTANCE);
	CASE(a_scene, s.move = 8, OM_WHY_TICKET_USED);
	CASE(a_scene, s.move = UINT64_MAX, OM_WHY_TICKET_USED);
	CASE(a_scene, s.move = 6, OM_WHY_TICKET_EARLY);
	CASE(a_scene, t.move = OM_MOVE_MAX, OM_WHY_TICKET_EARLY);
	CASE(a_scene, s.now = NOW + 10, OM_WHY_NONE);
	CASE(a_scene, s.now = NOW + 11, OM_WHY_TICKET_EXPIRED);
	CASE(a_scene, s.now = INT64_MAX, OM_WHY_TICKET_EXPIRED);
	CASE(a_scene, (s.now = INT64_MAX, t.not_after = 0), OM_WHY_NONE);
	CASE(a_scene, s.now = 0, OM_WHY_CLOCK);
	CASE(a_scene, s.now = -1, OM_WHY_CLOCK);
	CASE(a_scene, s.facts.platform_instance[15] ^= 1, OM_WHY_TICKET_ID);
	CASE(a_scene, memset(s.facts.platform_instance, 0, 16), OM_WHY_TICKET_MASKED);
	CASE(a_scene, (memset(s.facts.platform_instance, 0, 16), t.place[1] = place(OM_EVIDENCE_SGX, 0, 0)), OM_WHY_NONE);
	CASE(a_scene, t.place[1] = place(OM_EVIDENCE_DEMO, 5, 0), OM_WHY_TICKET_PLATFORM);
	CASE(a_scene, s.facts.root_kind = OM_ROOT_OTHER, OM_WHY_NONE);
	/* under a public root nothing is proved: sgx and snp do not mean that */
	CASE(a_scene, s.facts.root_kind = OM_ROOT_DEMO, OM_WHY_TICKET_PLATFORM);
	CASE(snp_scene, s.facts.root_kind = OM_ROOT_DEMO, OM_WHY_TICKET_PLATFORM);
	CASE(snp_scene, (s.facts.root_kind = OM_ROOT_DEMO, t.place[0] = place(OM_EVIDENCE_DEMO, 3, 4)), OM_WHY_NONE);
	CASE(a_scene, (s.facts.root_kind = OM_ROOT_DEMO, t.place[0] = place(OM_EVIDENCE_DEMO, 0, 4)), OM_WHY_TICKET_GUEST);
	CASE(snp_scene, s.facts.snp.chip_id[63] ^= 1, OM_WHY_TICKET_ID);
	CASE(snp_scene, memset(s.facts.snp.chip_id, 0, 64), OM_WHY_TICKET_MASKED);
	CASE(snp_scene, s.facts.snp.measurement[47] ^= 1, OM_WHY_TICKET_GUEST);
	CASE(snp_scene, (s.facts.snp.measurement[47] ^= 1, t.place[0] = place(OM_EVIDENCE_SNP, 3, 0)), OM_WHY_NONE);
	CASE(snp_scene, t.place[0] = place(OM_EVIDENCE_TDX, 3, 4), OM_WHY_TICKET_PLATFORM);
	/* any machine, that guest */
	CASE(snp_scene, (s.facts.type = OM_EVIDENCE_TDX, memset(s.facts.tdx.mrtd, 6, 48)), OM_WHY_NONE);
	CASE(snp_scene, (s.facts.type = OM_EVIDENCE_TDX, memset(s.facts.tdx.mrtd, 7, 48)), OM_WHY_TICKET_GUEST);
}

#define DELEGATED(change, why) do { \
		struct scene s = a_scene(); struct om_ticket t = a_ticket(); struct om_delegation d = a_delegation(); int key = FLEET, by = OWNER; \
		(void)key, (void)by; change; \
		struct bytes given = delegate(d, by), b = issue(t, &given, key); \
		assert_int_equal(admit(&s, VIEW(b)), why); \
	} while (0)

static void test_delegations(void **state)
{
	(void)state;
	DELEGATED(by = FLEET, OM_WHY_DELEGATION_SIGNATURE);          /* to itself */
	DELEGATED(by = STRANGER, OM_WHY_DELEGATION_SIGNATURE);
	DELEGATED(key = OWNER, OM_WHY_TICKET_SIGNATURE);
	DELEGATED(key = STRANGER, OM_WHY_TICKET_SIGNATURE);
	DELEGATED(d.program[0] ^= 1, OM_WHY_DELEGATION_PROGRAM);
	DELEGATED((d.flags |= OM_DELEGATION_SIGNER, memset(d.program, 9, 32)), OM_WHY_NONE);
	DELEGATED((d.flags |= OM_DELEGATION_SIGNER, memset(d.program, 8, 32)), OM_WHY_DELEGATION_PROGRAM);
	DELEGATED(d.flags |= OM_DELEGATION_SIGNER, OM_WHY_DELEGATION_PROGRAM);   /* an MRENCLAVE is no MRSIGNER */
	DELEGATED((d.flags = 0, memset(d.instance, 2, 16)), OM_WHY_NONE);
	DELEGATED((d.flags = 0, memset(d.instance, 3, 16)), OM_WHY_DELEGATION_INSTANCE);
	DELEGATED(d.first_move = 8, OM_WHY_DELEGATION_MOVE);
	DELEGATED(d.last_move = 6, OM_WHY_DELEGATION_MOVE);
	DELEGATED(d.first_move = d.last_move = 7, OM_WHY_NONE);
	DELEGATED((d.not_after = NOW - 1), OM_WHY_DELEGATION_EXPIRED);
	DELEGATED((d.not_after = 0, t.not_after = 0, s.now = INT64_MAX), OM_WHY_NONE);
	DELEGATED((t.not_after = 0, s.now = NOW + 21), OM_WHY_DELEGATION_EXPIRED);
	DELEGATED(s.now = NOW + 11, OM_WHY_TICKET_EXPIRED);
	DELEGATED(s.move = 8, OM_WHY_TICKET_USED);
	/* a place beyond, even if the way leads elsewhere */
	DELEGATED(d.place[0] = place(OM_EVIDENCE_SGX, 6, 0), OM_WHY_DELEGATION_PLACE);
	DELEGATED(t.place[0] = place(OM_EVIDENCE_SNP, 4, 4), OM_WHY_DELEGATION_PLACE);
	DELEGATED(t.place[0] = place(OM_EVIDENCE_SNP, 0, 4), OM_WHY_DELEGATION_PLACE);
	DELEGATED(t.place[0] = place(OM_EVIDENCE_SNP, 3, 0), OM_WHY_NONE);
	DELEGATED(t.place[2] = place(OM_EVIDENCE_TDX, 0, 0), OM_WHY_DELEGATION_PLACE);
	DELEGATED(t.place[2] = place(OM_EVIDENCE_TDX, 7, 6), OM_WHY_NONE);
	DELEGATED(t.place[2] = place(OM_EVIDENCE_DEMO, 0, 0), OM_WHY_DELEGATION_PLACE);
}

/* A delegation cannot stand where the owner's signature is: its content signed as a ticket's, and the other way round. */
static void test_labels(void **state)
{
	struct om_delegation d = a_delegation();
	struct om_ticket t = a_ticket();
	struct bytes b = issue(t, NULL, OWNER), given = delegate(d, OWNER), signed_once;
	struct scene s = a_scene();
	uint8_t hash[32], other[32];
	size_t size;

	(void)state;
	assert_int_equal(admit(&s, VIEW(given)), OM_WHY_TICKET_FORMAT);
	assert_int_equal(om_delegation_decode(VIEW(b), &d, NULL), OM_ETYPE);
	assert_int_equal(om_delegation_encode(&d, given.data, sizeof given.data, &size, hash), 0);
	assert_int_equal(om_ticket_encode(&t, (struct om_view) { 0 }, b.data, sizeof b.data, &size, other), 0);
	assert_memory_not_equal(hash, other, 32);
	/* the ticket in a ticket, as if it were a delegation */
	b = issue(t, NULL, OWNER);
	signed_once = issue(t, &b, FLEET);
	assert_int_equal(admit(&s, VIEW(signed_once)), OM_WHY_DELEGATION_FORMAT);
}

static void test_every_byte(void **state)
{
	struct bytes d = delegate(a_delegation(), OWNER), both[2] = { issue(a_ticket(), NULL, OWNER), issue(a_ticket(), &d, FLEET) };
	struct scene s = a_scene();

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct bytes *b = &both[i];

		for (size_t cut = 1; cut < b->size; cut++)
			assert_int_equal(admit(&s, (struct om_view) { b->data, cut }), OM_WHY_TICKET_FORMAT);
		b->data[b->size] = 0;
		assert_int_equal(admit(&s, (struct om_view) { b->data, b->size + 1 }), OM_WHY_TICKET_FORMAT);
		for (size_t at = 0; at < b->size; at += 1 + (at > 80) * (unit_random() % 11)) {
			enum om_attest_reason why;

			b->data[at] ^= (uint8_t)(1u << unit_random() % 8);
			why = admit(&s, VIEW(*b));
			assert_true(why == OM_WHY_TICKET_FORMAT || why == OM_WHY_TICKET_VERSION || why == OM_WHY_TICKET_SIGNATURE ||
				why == OM_WHY_DELEGATION_FORMAT || why == OM_WHY_DELEGATION_SIGNATURE);
			*b = i ? issue(a_ticket(), &d, FLEET) : issue(a_ticket(), NULL, OWNER);
		}
		b->data[4] = 2;
		assert_int_equal(admit(&s, VIEW(*b)), OM_WHY_TICKET_VERSION);
	}
}

static int encoded(struct om_ticket t)
{
	uint8_t bytes[OM_TICKET_MAX], hash[32];
	size_t size;

	return om_ticket_encode(&t, (struct om_view) { 0 }, bytes, sizeof bytes, &size, hash);
}

static int encoded_delegation(struct om_delegation d)
{
	uint8_t bytes[OM_TICKET_MAX], hash[32];
	size_t size;

	return om_delegation_encode(&d, bytes, sizeof bytes, &size, hash);
}

#define UNSOUND(change) do { struct om_ticket t = a_ticket(); change; assert_int_equal(encoded(t), OM_EINVAL); } while (0)
#define UNSOUND_D(change) do { struct om_delegation d = a_delegation(); change; assert_int_equal(encoded_delegation(d), OM_EINVAL); } while (0)

/* What nobody can issue nobody can use: the reader refuses the same, by its own check of the same form. */
static void test_unsound(void **state)
{
	struct bytes b = issue(a_ticket(), NULL, OWNER);
	struct om_place swap[2];
	struct om_ticket got;

	(void)state;
	UNSOUND(memset(t.mrenclave, 0, 32));
	UNSOUND(memset(t.instance, 0, 16));
	UNSOUND(t.move = 0);
	UNSOUND(t.move = OM_MOVE_MAX + UINT64_C(1));
	UNSOUND(t.not_after = UINT64_MAX);
	UNSOUND(t.place_count = 0);
	UNSOUND(t.place_count = OM_TICKET_PLACES_MAX + 1);
	UNSOUND(t.place[2] = t.place[1]);
	UNSOUND(t.place[0].platform = 0);
	UNSOUND(t.place[0].platform = OM_EVIDENCE_TYPES_END);
	UNSOUND(t.place[0].flags |= 4);
	UNSOUND(t.place[0].zero[1] = 1);
	UNSOUND(t.place[0].flags |= OM_PLACE_ANY_ID);
	UNSOUND(memset(t.place[0].id, 0, 64));
	UNSOUND(t.place[0].flags &= (uint8_t)~OM_PLACE_GUEST);
	UNSOUND(memset(t.place[0].guest, 0, 48));
	UNSOUND(t.place[1].id[16] = 1);
	UNSOUND(t.place[1] = place(OM_EVIDENCE_SGX, 5, 1));
	UNSOUND_D(d.flags |= 4);
	UNSOUND_D(d.key[0] ^= 1);
	UNSOUND_D(memset(d.program, 0, 32));
	UNSOUND_D(d.instance[0] = 1);
	UNSOUND_D(d.flags = 0);
	UNSOUND_D(d.first_move = 0);
	UNSOUND_D(d.first_move = 10);
	UNSOUND_D(d.last_move = OM_MOVE_MAX + UINT64_C(1));
	UNSOUND_D(d.not_after = UINT64_MAX);
	UNSOUND_D(d.place_count = 0);
	/* places out of order */
	memcpy(swap, b.data + 80, sizeof swap);
	memcpy(b.data + 80, &swap[1], sizeof swap[1]);
	memcpy(b.data + 80 + sizeof swap[1], &swap[0], sizeof swap[0]);
	assert_int_equal(om_ticket_decode(VIEW(b), &got, NULL, NULL), OM_EINVAL);
	assert_int_equal(om_ticket_decode((struct om_view) { b.data, OM_TICKET_MAX + 1 }, &got, NULL, NULL), OM_EOVERFLOW);
	/* the largest there is */
	got = a_ticket();
	for (got.place_count = 0; got.place_count < OM_TICKET_PLACES_MAX; got.place_count++)
		got.place[got.place_count] = place(OM_EVIDENCE_SNP, (uint8_t)(3 + got.place_count), 0);
	b = issue(got, NULL, OWNER);
	assert_int_equal(om_ticket_decode(VIEW(b), &got, NULL, NULL), 0);
}

/* Tools know less than an engine, and are told by NULL and 0. */
static void test_partial(void **state)
{
	struct bytes d = delegate(a_delegation(), STRANGER), b = issue(a_ticket(), &d, FLEET), forged = issue(a_ticket(), &d, STRANGER);
	struct om_ticket_case c = { 0 };
	enum om_attest_reason why;

	(void)state;
	assert_int_equal(om_ticket_judge(VIEW(b), &c, &why), 0);
	assert_int_equal(om_ticket_judge(VIEW(forged), &c, &why), OM_ETICKET);
	assert_int_equal(why, OM_WHY_TICKET_SIGNATURE);
	c.owner = public[OWNER];
	assert_int_equal(om_ticket_judge(VIEW(b), &c, &why), OM_ETICKET);
	assert_int_equal(why, OM_WHY_DELEGATION_SIGNATURE);
}

static void test_words(void **state)
{
	(void)state;
	/* they reach the other side and the report whole */
	for (unsigned i = OM_WHY_TICKET_FORMAT; i <= OM_WHY_DELEGATION_PLACE; i++)
		assert_in_range(strlen(om_attest_reason_words((enum om_attest_reason)i)), 40, 170);
	assert_in_range(strlen(om_attest_reason_words(OM_WHY_TICKET)), 40, 170);
}

#define GUEST "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define SNP_ANY_GUEST "snp:any,guest=" GUEST
#define SGX_ANY_GUEST "sgx:any,guest=" GUEST

static void test_text(void **state)
{
	static const char *const good[] = { "sgx:00112233445566778899aabbccddeeff", "tdx:any", "demo:0011223344556677", SNP_ANY_GUEST, "snp:59790fb1c39f35c1",
		"snp:4ffb5cb4fd594f3fee6528fc3fb10370bb38abe89dcd5ba2cf0ab6a11df2ca282add516bef45a890a8c9f9732bdca68f9f3f16c42e846030a800295dbeb19ba5",
		"demo:00112233445566778899aabbccddeeff" };
	static const char *const bad[] = { "", "sgx", "sgx:", "sgx:masked", "sev:any", "SNP:any", "sgx:00", "sgx:0011223344556677", SGX_ANY_GUEST, "snp:any,guest=", "snp:any,",
		"tdx:00000000000000000000000000000000", "tdx:0011223344556677889gaabbccddeeff", "snp,guest=:any", "snp:any,guest=0011" };
	char text[OM_PLACE_TEXT_MAX];
	struct om_platform_identity identity;
	struct om_place p;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_null(om_place_from_text(good[i], &p));
		om_place_text(&p, text);
		assert_string_equal(text, good[i]);
		assert_int_equal(om_identity_from_text(good[i], &identity) == NULL, !strstr(good[i], "any"));
		if (!strstr(good[i], "any")) {
			om_identity_text(&identity, text);
			assert_string_equal(text, good[i]);
		}
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_non_null(om_place_from_text(bad[i], &p));
	assert_null(om_identity_from_text("snp:masked", &identity));
	om_identity_text(&identity, text);
	assert_string_equal(text, "snp:masked");
}

/* ---- real evidence ---- */

static uint8_t *vector(const char *file, size_t *ret_size)
{
	const char *path = unit_vector_path(file);
	uint8_t *data;

	if (!path)
		skip();
	data = unit_read_file(path, ret_size);
	assert_non_null(data);
	return data;
}

static void pck_of(const char *file, struct om_pck *ret)
{
	uint8_t der[OM_X509_MAX], *quote;
	struct om_x509 certificate;
	struct om_view chain, one;
	struct om_quote q;
	size_t size;

	quote = vector(file, &size);
	assert_int_equal(om_quote_parse(quote, size, &q), 0);
	chain = q.chain;
	assert_int_equal(om_pem_next(&chain, der, sizeof der, &one), 0);
	assert_int_equal(om_x509_parse(one, &certificate), 0);
	assert_int_equal(om_pck_parse(certificate.sgx, ret), 0);
	free(quote);
}

/* Platform instance ids by the certificates' own bytes; a Processor CA's has none. */
static void test_platform_instances(void **state)
{
	static const struct { const char *file, *id; bool tdx; } table[] = {
		{ "tdx/v4_gce_00806f05.bin", "861035813e96d6262d411e0094a60ad0", true },
		{ "tdx/v5_90c06f.bin", "056d0350250988808a9d09103f3e54d5", true },
		{ "dcap/sgx_2023-05_icx_azure/quote.bin", "a49bacfdde72ceff7c115732b86197f9", false },
		{ "sgx_quote_v3.bin", "masked", false },
		{ "dcap/sgx_2023-05_old_v3api/quote.bin", "masked", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct scene s = a_scene();
		struct om_attest_result result = { 0 };
		struct om_platform_identity identity;
		char text[OM_PLACE_TEXT_MAX], expected[64];
		struct om_ticket t = a_ticket();
		struct om_pck pck;
		struct bytes b;

		pck_of(table[i].file, &pck);
		memcpy(result.platform, pck.instance, sizeof result.platform);
		if (table[i].tdx)
			om_facts_of_tdx(&result, &s.facts);
		else
			om_facts_of_sgx(OM_EVIDENCE_SGX, &result, &s.facts);
		om_facts_identity(&s.facts, &identity);
		om_identity_text(&identity, text);
		snprintf(expected, sizeof expected, "%s:%s", table[i].tdx ? "tdx" : "sgx", table[i].id);
		assert_string_equal(text, expected);
		t.place_count = 1;
		if (!strcmp(table[i].id, "masked")) {
			t.place[0] = place(OM_EVIDENCE_SGX, 5, 0);
			b = issue(t, NULL, OWNER);
			assert_int_equal(admit(&s, VIEW(b)), OM_WHY_TICKET_MASKED);
			continue;
		}
		assert_null(om_place_from_text(expected, &t.place[0]));
		b = issue(t, NULL, OWNER);
		assert_int_equal(admit(&s, VIEW(b)), OM_WHY_NONE);
		t.place[0].id[3] ^= 1;
		b = issue(t, NULL, OWNER);
		assert_int_equal(admit(&s, VIEW(b)), OM_WHY_TICKET_ID);
	}
}

static void test_chips(void **state)
{
	static const struct { const char *report, *leaf, *chain[2]; bool vlek; int64_t now; const char *id; } table[] = {
		{ "snp/milan_v3_report.bin", "snp/milan_v3_vcek.pem", { "snp/milan_ask.der", "snp/milan_ark.der" }, false, 1772323200,
			"4ffb5cb4fd594f3fee6528fc3fb10370bb38abe89dcd5ba2cf0ab6a11df2ca282add516bef45a890a8c9f9732bdca68f9f3f16c42e846030a800295dbeb19ba5" },
		{ "snp/turin_v5_report.bin", "snp/turin_v5_vcek.pem", { "snp/turin_ask.der", "snp/turin_ark.der" }, false, 1772323200, "59790fb1c39f35c1" },
		{ "snp/milan_vlek_report.bin", "snp/milan_vlek.der", { "snp/milan_asvk.der", "snp/milan_ark.der" }, true, 1748736000, "masked" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		size_t report_size, sizes[3], size = 0;
		uint8_t *report = vector(table[i].report, &report_size), chain[16384], *parts[3] = { vector(table[i].leaf, &sizes[0]),
			vector(table[i].chain[0], &sizes[1]), vector(table[i].chain[1], &sizes[2]) };
		struct om_platform_identity identity;
		struct om_snp_result result;
		enum om_attest_reason why = OM_WHY_NONE;
		struct om_ticket t = a_ticket();
		struct scene s = a_scene();
		char text[OM_PLACE_TEXT_MAX], expected[160];
		struct bytes b;

		for (int j = 0; j < 3; j++) {
			assert_true(sizes[j] <= sizeof chain - size);
			memcpy(chain + size, parts[j], sizes[j]);
			size += sizes[j];
			free(parts[j]);
		}
		assert_int_equal(om_snp_verify(&(struct om_snp_input) { .report = { report, report_size }, .chain = { chain, size }, .crl_optional = true,
			.now = table[i].now, .roots = om_amd_roots, .root_count = OM_AMD_ROOTS }, &result, &why), 0);
		free(report);
		om_facts_of_snp(&result, &s.facts);
		assert_int_equal(s.facts.snp.vlek, table[i].vlek);
		om_facts_identity(&s.facts, &identity);
		om_identity_text(&identity, text);
		snprintf(expected, sizeof expected, "snp:%s,", table[i].id);
		assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
		t.place_count = 1;
		if (table[i].vlek)
			t.place[0] = place(OM_EVIDENCE_SNP, 3, 0);
		else
			assert_null(om_place_from_text(text, &t.place[0]));
		b = issue(t, NULL, OWNER);
		assert_int_equal(admit(&s, VIEW(b)), table[i].vlek ? OM_WHY_TICKET_MASKED : OM_WHY_NONE);
		t.place[0] = place(OM_EVIDENCE_SNP, 0, 0);
		memcpy(t.place[0].guest, s.facts.snp.measurement, sizeof t.place[0].guest);
		t.place[0].flags |= OM_PLACE_GUEST;
		b = issue(t, NULL, OWNER);
		assert_int_equal(admit(&s, VIEW(b)), OM_WHY_NONE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted), cmocka_unit_test(test_each_field), cmocka_unit_test(test_delegations), cmocka_unit_test(test_labels),
		cmocka_unit_test(test_every_byte), cmocka_unit_test(test_unsound), cmocka_unit_test(test_partial), cmocka_unit_test(test_words),
		cmocka_unit_test(test_text), cmocka_unit_test(test_platform_instances), cmocka_unit_test(test_chips),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
