/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence in certificates: what we write, what another implementation wrote, and everything else. */
#include "unit.h"
#include "crypto/sha256.h"
#include "evidence/authentic/lineage.h"
#include "evidence/parse/tagged.h"

/* Claims of a certificate that Gramine made, as published by the authors of the format (interoperability-tests/gramine-cert.pem). */
static const uint8_t gramine[] = {
	0xa1, 0x6b, 'p', 'u', 'b', 'k', 'e', 'y', '-', 'h', 'a', 's', 'h', 0x58, 0x24, 0x82, 0x01, 0x58, 0x20,
	0x5a, 0x5a, 0x5b, 0x2d, 0x17, 0x74, 0x33, 0x04, 0x8e, 0x9d, 0x62, 0x40, 0x9d, 0x1a, 0xcc, 0x4e,
	0xc5, 0x26, 0xc0, 0x6e, 0x29, 0x4d, 0x09, 0xe6, 0x9a, 0x36, 0xcf, 0xf9, 0x36, 0x9e, 0x48, 0x51,
};
#define VIEW(bytes, size) ((struct om_view) { (const uint8_t *)(bytes), size })

static void test_others(void **state)
{
	uint8_t ours[OM_CLAIMS_MAX];
	struct om_claims claims;
	size_t size;

	(void)state;
	assert_int_equal(om_claims_parse(VIEW(gramine, sizeof gramine), &claims), 0);
	assert_int_equal(claims.algorithm, OM_HASH_SHA256);
	assert_int_equal(claims.pubkey_hash.size, 32);
	assert_int_equal(claims.nonce.size, 0);
	assert_int_equal(om_claims_encode(&claims, ours, sizeof ours, &size), 0);
	assert_int_equal(size, sizeof gramine);
	assert_memory_equal(ours, gramine, size);
}

static void test_whole(void **state)
{
	uint8_t evidence[3000], buffer[3300], claims_bytes[OM_CLAIMS_MAX], data[64], hash[32];
	struct om_claims claims, given = { .algorithm = OM_HASH_SHA256, .pubkey_hash = VIEW(evidence, 32) };
	struct om_tagged tagged;
	size_t claims_size, size;

	(void)state;
	for (size_t i = 0; i < sizeof evidence; i++)
		evidence[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= OM_NONCE_MAX; n += 16) {
		given.nonce = VIEW(evidence + 100, n);
		assert_int_equal(om_claims_encode(&given, claims_bytes, sizeof claims_bytes, &claims_size), 0);
		assert_int_equal(om_claims_parse(VIEW(claims_bytes, claims_size), &claims), 0);
		assert_memory_equal(claims.pubkey_hash.data, evidence, 32);
		assert_int_equal(claims.nonce.size, n);
		assert_true(!n || !memcmp(claims.nonce.data, evidence + 100, n));
		for (size_t e = 0; e < sizeof evidence; e = e * 3 + 1) {
			assert_int_equal(om_tagged_encode(VIEW(evidence, e), VIEW(claims_bytes, claims_size), buffer, sizeof buffer, &size), 0);
			assert_true(size <= e + claims_size + OM_TAGGED_HEAD);
			assert_int_equal(om_tagged_parse(VIEW(buffer, size), &tagged), 0);
			assert_int_equal(tagged.evidence.size, e);
			assert_memory_equal(tagged.evidence.data, evidence, e);
			assert_int_equal(tagged.claims.size, claims_size);
			for (size_t cut = 0; cut < size; cut += cut < 40 ? 1 : 97)
				assert_int_not_equal(om_tagged_parse(VIEW(buffer, cut), &tagged), 0);
			assert_int_equal(om_tagged_parse(VIEW(buffer, size + 1), &tagged), OM_ETRAILING);
			assert_int_equal(om_tagged_encode(VIEW(evidence, e), VIEW(claims_bytes, claims_size), buffer, size - 1, &(size_t){ 0 }), OM_EOVERFLOW);
		}
	}
	given.nonce.size = OM_NONCE_MAX + 1;
	assert_int_equal(om_claims_encode(&given, claims_bytes, sizeof claims_bytes, &claims_size), OM_EOVERFLOW);
	given.nonce.size = 0;
	given.pubkey_hash.size = 48;
	assert_int_equal(om_claims_encode(&given, claims_bytes, sizeof claims_bytes, &claims_size), OM_EINVAL);
	om_claims_report_data(VIEW(gramine, sizeof gramine), data);
	om_sha256(gramine, sizeof gramine, hash);
	assert_memory_equal(data, hash, 32);
	for (int i = 32; i < 64; i++)
		assert_int_equal(data[i], 0);
}

static void test_instance(void **state)
{
	const struct om_instance is = { .id = { 1, 2, 3, [15] = 9 }, .lineage = { 5, [15] = 6 }, .next_move = UINT64_MAX - 1, .guests_floor = 0x0102030405060708,
		.made = 1767225600 };
	const uint8_t hash[64] = { 7 }, nonce[OM_NONCE_MAX] = { 8 };
	struct om_claims claims, given = { .algorithm = OM_HASH_SHA256, .pubkey_hash = VIEW(hash, 32), .nonce = VIEW(nonce, sizeof nonce), .has_instance = true,
		.instance = is };
	uint8_t bytes[OM_CLAIMS_MAX], plain[64], fresh[64];
	size_t size, none;

	(void)state;
	assert_int_equal(om_claims_encode(&given, bytes, sizeof bytes, &size), 0);
	assert_int_equal(om_claims_parse(VIEW(bytes, size), &claims), 0);
	assert_true(claims.has_instance && !claims.has_lineage);
	assert_memory_equal(claims.instance.id, is.id, sizeof is.id);
	assert_memory_equal(claims.instance.lineage, is.lineage, sizeof is.lineage);
	assert_true(claims.instance.next_move == is.next_move && claims.instance.guests_floor == is.guests_floor && claims.instance.made == is.made);
	assert_int_equal(claims.nonce.size, sizeof nonce);
	om_claims_report_data(VIEW(bytes, size), plain);
	om_fresh_report_data(VIEW(bytes, size), fresh);
	assert_memory_equal(plain, fresh, 32);
	assert_memory_equal(fresh + 32, OM_FRESH_LABEL, 32);
	/* Cut off, or with bytes behind, at any place; and an instance of another length. */
	for (size_t cut = 0; cut < size; cut++)
		assert_int_not_equal(om_claims_parse(VIEW(bytes, cut), &claims), 0);
	bytes[size - OM_INSTANCE_CLAIM - 1]--;
	assert_int_not_equal(om_claims_parse(VIEW(bytes, size - 1), &claims), 0);
	given.nonce.size = 0;
	assert_int_equal(om_claims_encode(&given, bytes, sizeof bytes, &none), 0);
	assert_true(none < size);
	assert_int_equal(om_claims_parse(VIEW(bytes, none), &claims), 0);
	assert_true(claims.has_instance && !claims.nonce.size);
	/* Everything at its longest has room. */
	given = (struct om_claims) { .algorithm = OM_HASH_SHA512, .pubkey_hash = VIEW(hash, 64), .nonce = VIEW(nonce, sizeof nonce), .has_instance = true, .has_lineage = true };
	assert_int_equal(om_claims_encode(&given, bytes, sizeof bytes, &size), 0);
	assert_int_equal(om_claims_parse(VIEW(bytes, size), &claims), 0);
	assert_true(claims.has_lineage && claims.pubkey_hash.size == 64);
	for (size_t cut = 0; cut < size; cut++)
		assert_int_not_equal(om_claims_parse(VIEW(bytes, cut), &claims), 0);
}

static void certify(struct om_claims *c, const uint8_t secret[OM_LINEAGE_KEY])
{
	uint8_t private[OM_P256_SIZE], hash[32];

	c->has_instance = c->has_lineage = true;
	assert_int_equal(om_lineage_pair(secret, private, c->lineage.public), 0);
	om_lineage_name(c->lineage.public, c->instance.lineage);
	om_lineage_hash(c, hash);
	assert_int_equal(om_p256_sign(private, hash, c->lineage.signature), 0);
}

/* A lineage's signature holds for one key of one instance, and for nothing else. */
static void test_lineage(void **state)
{
	const uint8_t secret[OM_LINEAGE_KEY] = { 1 }, other_secret[OM_LINEAGE_KEY] = { 2 };
	uint8_t hash[32] = { 7 }, other_hash[32] = { 8 }, bytes[OM_CLAIMS_MAX];
	struct om_claims mine = { .algorithm = OM_HASH_SHA256, .pubkey_hash = VIEW(hash, 32), .instance = { .id = { 1 }, .next_move = 3, .made = 1767225600 },
		.lineage.kind = 1 };
	struct om_claims theirs = mine, c;
	size_t size, lineage_at;

	(void)state;
	certify(&mine, secret);
	certify(&theirs, other_secret);
	assert_int_equal(om_lineage_verify(&mine), 0);
	assert_int_equal(om_lineage_verify(&theirs), 0);
	assert_memory_not_equal(mine.lineage.public, theirs.lineage.public, OM_P256_PUBLIC);
	assert_int_equal(om_claims_encode(&mine, bytes, sizeof bytes, &size), 0);
	assert_int_equal(om_claims_parse(VIEW(bytes, size), &c), 0);
	assert_int_equal(om_lineage_verify(&c), 0);

	c = mine;
	c.pubkey_hash = VIEW(other_hash, 32);
	assert_int_equal(om_lineage_verify(&c), OM_EAUTH);              /* another TLS key */
	c = mine;
	c.instance.id[15] ^= 1;
	assert_int_equal(om_lineage_verify(&c), OM_EAUTH);              /* another instance */
	c = mine;
	c.instance.next_move++;
	assert_int_equal(om_lineage_verify(&c), OM_EAUTH);
	c = mine;
	c.instance.made++;
	assert_int_equal(om_lineage_verify(&c), OM_EAUTH);              /* younger than it is */
	c = mine;
	c.lineage.kind = 0;
	assert_int_equal(om_lineage_verify(&c), OM_EAUTH);
	c = mine;
	c.algorithm = OM_HASH_SHA384;
	assert_int_equal(om_lineage_verify(&c), OM_EAUTH);
	c = mine;
	c.lineage = theirs.lineage;
	assert_int_equal(om_lineage_verify(&c), OM_EAUTH);              /* signed by another than the instance names */
	memcpy(c.instance.lineage, theirs.instance.lineage, sizeof c.instance.lineage);
	assert_int_equal(om_lineage_verify(&c), 0);                     /* ... which is simply another lineage: the caller sees that */
	c = mine;
	memcpy(c.lineage.public, theirs.lineage.public, sizeof c.lineage.public);
	memcpy(c.instance.lineage, theirs.instance.lineage, sizeof c.instance.lineage);
	assert_int_equal(om_lineage_verify(&c), OM_EAUTH);              /* its key, a signature of ours */
	c = mine;
	memset(c.lineage.signature, 0, sizeof c.lineage.signature);
	assert_int_equal(om_lineage_verify(&c), OM_EAUTH);
	c = mine;
	c.has_instance = false;
	assert_int_equal(om_lineage_verify(&c), OM_EAUTH);
	c = mine;
	c.has_lineage = false;
	assert_int_equal(om_lineage_verify(&c), OM_ENOTFOUND);
	/* Whatever bit of the claims is altered: another form, no lineage, or a signature that does not hold. */
	lineage_at = size - OM_LINEAGE_CLAIM;
	for (size_t at = 0; at < size; at++) {
		bytes[at] ^= 0x20;
		if (!om_claims_parse(VIEW(bytes, size), &c))
			assert_int_not_equal(om_lineage_verify(&c), 0);
		else
			assert_true(at < lineage_at);
		bytes[at] ^= 0x20;
	}
}

static void refused(const char *what, const uint8_t *bytes, size_t size, bool claims)
{
	struct om_tagged t;
	struct om_claims c;

	if (!(claims ? om_claims_parse(VIEW(bytes, size), &c) : om_tagged_parse(VIEW(bytes, size), &t)))
		fail_msg("accepted: %s", what);
}

static void test_refused(void **state)
{
	static const uint8_t good[] = { 0xd9, 0xea, 0x60, 0x82, 0x41, 1, 0x41, 2 };
	static const struct { const char *what; uint8_t bytes[12]; size_t size; } tags[] = {
		{ "another tag", { 0xd9, 0xea, 0x61, 0x82, 0x41, 1, 0x41, 2 }, 8 },
		{ "no tag", { 0x82, 0x41, 1, 0x41, 2 }, 5 },
		{ "a longer head for the tag", { 0xda, 0, 0, 0xea, 0x60, 0x82, 0x41, 1, 0x41, 2 }, 10 },
		{ "three items", { 0xd9, 0xea, 0x60, 0x83, 0x41, 1, 0x41, 2, 0x40 }, 9 },
		{ "no end of the array", { 0xd9, 0xea, 0x60, 0x9f, 0x41, 1, 0x41, 2, 0xff }, 9 },
		{ "text for bytes", { 0xd9, 0xea, 0x60, 0x82, 0x61, 'a', 0x41, 2 }, 8 },
		{ "a length that is not the shortest", { 0xd9, 0xea, 0x60, 0x82, 0x58, 1, 1, 0x41, 2 }, 9 },
		{ "a length beyond the end", { 0xd9, 0xea, 0x60, 0x82, 0x41, 1, 0x5a, 0xff, 0xff, 0xff, 0xff }, 11 },
		{ "eight bytes of length", { 0xd9, 0xea, 0x60, 0x82, 0x5b, 0, 0, 0, 0, 0, 0, 0 }, 12 },
	};
	struct om_tagged t;
	uint8_t altered[sizeof gramine];
	struct om_claims c;

	(void)state;
	assert_int_equal(om_tagged_parse(VIEW(good, sizeof good), &t), 0);
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		refused(tags[i].what, tags[i].bytes, tags[i].size, false);
	/* Whatever byte of the frame around the hash is altered. */
	for (size_t i = 0; i < 19; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(altered, gramine, sizeof altered);
			altered[i] ^= (uint8_t)(1u << bit);
			assert_int_not_equal(om_claims_parse(VIEW(altered, sizeof altered), &c), 0);
		}
	refused("no claim at all", (const uint8_t[]){ 0xa0 }, 1, true);
	refused("a nonce alone", (const uint8_t[]){ 0xa1, 0x65, 'n', 'o', 'n', 'c', 'e', 0x41, 1 }, 9, true);
	refused("nothing", (const uint8_t[]){ 0 }, 0, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others), cmocka_unit_test(test_whole), cmocka_unit_test(test_instance), cmocka_unit_test(test_lineage),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
