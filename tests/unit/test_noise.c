/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshakes against cacophony's vectors (NN's when present), and their state machines: wrong turns, short and altered
 * messages, points of small order.
 */
#include <jansson.h>
#include "unit.h"
#include "crypto/ec.h"
#include "crypto/gcm.h"
#include "noise_xx.h"

struct pair { struct om_noise initiator, responder; };

static void start(struct pair *p)
{
	uint8_t a[32], b[32];

	unit_random_bytes(a, sizeof a);
	unit_random_bytes(b, sizeof b);
	om_noise_init(&p->initiator, OM_NOISE_INITIATOR, a, "prologue", 8);
	om_noise_init(&p->responder, OM_NOISE_RESPONDER, b, "prologue", 8);
}

static void test_agreement(void **state)
{
	struct pair p;
	uint8_t message[256], payload[256], a[32], b[32], c[32], d[32];
	size_t size, payload_size;

	(void)state;
	start(&p);
	assert_int_equal(om_noise_write(&p.initiator, "hello", 5, message, sizeof message, &size), 0);
	assert_int_equal(size, 37);
	assert_int_equal(om_noise_read(&p.responder, message, size, payload, sizeof payload, &payload_size), 0);
	assert_int_equal(payload_size, 5);
	assert_memory_equal(payload, "hello", 5);
	assert_int_equal(om_noise_hash(&p.responder, a), OM_ESTATE);
	assert_int_equal(om_noise_split(&p.responder, a, b), OM_ESTATE);
	assert_int_equal(om_noise_write(&p.responder, "good day", 8, message, sizeof message, &size), 0);
	assert_int_equal(size, 56);
	assert_int_equal(om_noise_read(&p.initiator, message, size, message, sizeof message, &payload_size), 0);
	assert_int_equal(payload_size, 8);
	assert_memory_equal(message, "good day", 8);
	assert_int_equal(om_noise_hash(&p.initiator, a), 0);
	assert_int_equal(om_noise_hash(&p.responder, b), 0);
	assert_memory_equal(a, b, 32);
	assert_int_equal(om_noise_split(&p.initiator, a, b), 0);
	assert_int_equal(om_noise_split(&p.responder, c, d), 0);
	assert_memory_equal(a, d, 32);
	assert_memory_equal(b, c, 32);
	assert_memory_not_equal(a, b, 32);
	assert_int_equal(om_noise_write(&p.initiator, NULL, 0, message, sizeof message, &size), OM_ESTATE);
	assert_int_equal(om_noise_read(&p.responder, message, 48, payload, sizeof payload, &size), OM_ESTATE);
	om_noise_done(&p.initiator);
	om_noise_done(NULL);
}

static void test_turns(void **state)
{
	struct pair p;
	uint8_t message[256], payload[8];
	size_t size, n;

	(void)state;
	start(&p);
	assert_int_equal(om_noise_write(&p.responder, NULL, 0, message, sizeof message, &size), OM_ESTATE);
	assert_int_equal(om_noise_read(&p.initiator, message, 48, payload, sizeof payload, &n), OM_ESTATE);
	assert_int_equal(om_noise_write(&p.initiator, NULL, 0, message, 31, &size), OM_EOVERFLOW);
	assert_int_equal(om_noise_write(&p.initiator, message, 65535, message, SIZE_MAX, &size), OM_EOVERFLOW);
	assert_int_equal(om_noise_write(&p.initiator, "123456789", 9, message, sizeof message, &size), 0);
	/* too small a buffer changes nothing: the second try works */
	assert_int_equal(om_noise_read(&p.responder, message, size, payload, 8, &n), OM_EOVERFLOW);
	assert_int_equal(om_noise_read(&p.responder, message, 32 + 8, payload, 8, &n), 0);
	assert_int_equal(om_noise_write(&p.initiator, NULL, 0, message, sizeof message, &size), OM_ESTATE);
}

/* Every bit of the second message, and every length below its own, is refused for good. */
static void test_altered(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		struct pair p;
		uint8_t message[64], payload[64];
		size_t size, n;
		int error;

		start(&p);
		assert_int_equal(om_noise_write(&p.initiator, "x", 1, message, sizeof message, &size), 0);
		if (i == 0)
			message[32] ^= 1; /* in clear, but the hash of the handshake covers it */
		assert_int_equal(om_noise_read(&p.responder, message, size, payload, sizeof payload, &n), 0);
		assert_int_equal(om_noise_write(&p.responder, "y", 1, message, sizeof message, &size), 0);
		if (i > 0 && i < 49)
			size = (size_t)i;
		else if (i >= 49)
			message[unit_random() % (31 + 1)] ^= (uint8_t)(1u << unit_random() % 7);
		error = om_noise_read(&p.initiator, message, size, payload, sizeof payload, &n);
		assert_true(error == (i && i < 48 ? OM_ETRUNCATED : OM_EAUTH));
		assert_int_equal(p.initiator.state, OM_NOISE_FAILED);
		assert_int_equal(om_noise_read(&p.initiator, message, size, payload, sizeof payload, &n), OM_ESTATE);
	}
}

static void test_small_order(void **state)
{
	struct pair p;
	uint8_t message[64] = { 0 }, payload[64];
	size_t size, n;

	(void)state;
	start(&p);
	assert_int_equal(om_noise_read(&p.responder, message, 32, payload, sizeof payload, &n), 0);
	assert_int_equal(om_noise_write(&p.responder, NULL, 0, message, sizeof message, &size), OM_EAUTH);
	assert_int_equal(p.responder.state, OM_NOISE_FAILED);
}

static const char *string(json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }

static void check_transport(const uint8_t key[32], uint64_t counter, json_t *message)
{
	size_t size;
	uint8_t *payload = unit_hex(string(message, "payload"), &size), *want = unit_hex(string(message, "ciphertext"), NULL);
	uint8_t nonce[12] = { 0 }, out[256];
	struct om_gcm g;

	nonce[11] = (uint8_t)counter;
	om_gcm_init(&g, key, 0);
	assert_int_equal(om_gcm_seal(&g, nonce, NULL, 0, payload, size, out, out + size), 0);
	assert_memory_equal(out, want, size + 16);
	free(payload);
	free(want);
}

static void check_vector(json_t *vector)
{
	size_t prologue_size, size, n, i;
	uint8_t *prologue = unit_hex(string(vector, "init_prologue"), &prologue_size);
	uint8_t *a = unit_hex(string(vector, "init_ephemeral"), NULL), *b = unit_hex(string(vector, "resp_ephemeral"), NULL);
	uint8_t *want_hash = unit_hex(string(vector, "handshake_hash"), NULL);
	uint8_t message[256], payload[256], key[2][32], hash[32];
	struct om_noise side[2];
	json_t *m;

	om_noise_init(&side[0], OM_NOISE_INITIATOR, a, prologue, prologue_size);
	om_noise_init(&side[1], OM_NOISE_RESPONDER, b, prologue, prologue_size);
	json_array_foreach(json_object_get(vector, "messages"), i, m) {
		size_t payload_size, want_size;
		uint8_t *want_payload, *want;

		if (i >= 2) {
			check_transport(key[i % 2], (i - 2) / 2, m);
			continue;
		}
		want_payload = unit_hex(string(m, "payload"), &payload_size);
		want = unit_hex(string(m, "ciphertext"), &want_size);
		assert_int_equal(om_noise_write(&side[i], want_payload, payload_size, message, sizeof message, &size), 0);
		assert_int_equal(size, want_size);
		assert_memory_equal(message, want, size);
		assert_int_equal(om_noise_read(&side[1 - i], message, size, payload, sizeof payload, &n), 0);
		assert_int_equal(n, payload_size);
		assert_memory_equal(payload, want_payload, n);
		if (i == 1)
			assert_int_equal(om_noise_split(&side[0], key[0], key[1]), 0);
		free(want_payload);
		free(want);
	}
	assert_int_equal(om_noise_hash(&side[0], hash), 0);
	assert_memory_equal(hash, want_hash, 32);
	free(prologue); free(a); free(b); free(want_hash);
}

static void test_vectors(void **state)
{
	const char *path = unit_vector_path("noise_cacophony_nn.json");
	json_t *root, *vector;
	size_t i, count = 0;

	(void)state;
	if (!path)
		skip();
	root = json_load_file(path, 0, NULL);
	assert_non_null(root);
	json_array_foreach(json_object_get(root, "vectors"), i, vector) {
		if (strcmp(string(vector, "protocol_name"), "Noise_NN_25519_AESGCM_SHA256"))
			continue;
		check_vector(vector);
		count++;
	}
	assert_int_not_equal(count, 0);
	json_decref(root);
}

/* ---- XX ---------------------------------------------------------------------------------------------------------------- */

/* Noise_XX_25519_AESGCM_SHA256 of cacophony's vectors (public domain): three messages, then three of the transport. */
static const struct { const char *payload, *message; } xx_messages[] = {
	{ "4c756477696720766f6e204d69736573",
	  "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d69736573" },
	{ "4d757272617920526f746862617264",
	  "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f144808843757117acceb05bd7a45733bc22015c97a9d0cbaf41b80446d5988ff5127235d7"
	  "6b79eade70f473d6a4ef521fdcbeda5340d01e028ba793fc059f2724a83af05f12dda0448a7621a926b379a92477fd" },
	{ "462e20412e20486179656b",
	  "c90f1cf77eba4e50edb038991565e36c9758943a989229b6051244dc4fbecb6946744b401af2ee1a5881b65fbb87fd07cb6a328ececc9ce6ce84c399dc332d4f"
	  "d521fa4bb7f467ce909395" },
	{ "4361726c204d656e676572", "bc3fa77f6aca3e8466d7dc6bea10013e88a6a29add5132b461806c" },
	{ "4a65616e2d426170746973746520536179", "250b01074cdfe0df2ecf8ccbf1737b15a2ddb5b52fd9a396604e9c793cee3b3bb9" },
	{ "457567656e2042f6686d20766f6e2042617765726b", "449d4d433b3cdc3d02bf6fc881774b9df54366ebcffb9689bb13f14709822cd7ef42bcdb4d" },
};
static const char xx_prologue[] = "4a6f686e2047616c74",
	xx_static[2][65] = { "e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1", "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893" },
	xx_ephemeral[2][65] = { "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a", "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b" },
	xx_hash[] = "1b7aefb1125762aa21a252890d00af54519638b76437444538f9a52f21e2e0dc";

static void xx_side(struct om_noise_xx *s, bool initiator, const uint8_t *own, const uint8_t *ephemeral, const void *prologue, size_t size)
{
	uint8_t public[32];

	om_x25519_public(own, public);
	om_noise_xx_init(s, initiator ? OM_NOISE_INITIATOR : OM_NOISE_RESPONDER, own, public, ephemeral, prologue, size);
}

static void xx_transport(const uint8_t key[32], unsigned i, const uint8_t *payload, size_t size, const uint8_t *want)
{
	uint8_t nonce[12], out[64];
	struct om_gcm g;

	om_noise_nonce((i - 3) / 2, nonce);
	om_gcm_init(&g, key, 0);
	assert_int_equal(om_gcm_seal(&g, nonce, NULL, 0, payload, size, out, out + size), 0);
	assert_memory_equal(out, want, size + 16);
}

static void test_xx_vector(void **state)
{
	size_t prologue_size, n;
	uint8_t *prologue = unit_hex(xx_prologue, &prologue_size), *hash = unit_hex(xx_hash, NULL);
	uint8_t message[256], payload[256], key[2][2][32], peer[32];
	struct om_noise_xx side[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *own = unit_hex(xx_static[i], NULL), *ephemeral = unit_hex(xx_ephemeral[i], NULL);

		xx_side(&side[i], i == 0, own, ephemeral, prologue, prologue_size);
		free(own);
		free(ephemeral);
	}
	for (unsigned i = 0; i < sizeof xx_messages / sizeof *xx_messages; i++) {
		size_t size, want_size, payload_size;
		uint8_t *want_payload = unit_hex(xx_messages[i].payload, &payload_size), *want = unit_hex(xx_messages[i].message, &want_size);

		if (i < 3) {
			assert_int_equal(om_noise_xx_peer(&side[1 - i % 2], peer), OM_ESTATE);
			assert_int_equal(om_noise_xx_write(&side[i % 2], want_payload, payload_size, message, sizeof message, &size), 0);
			assert_int_equal(size, want_size);
			assert_memory_equal(message, want, size);
			assert_int_equal(om_noise_xx_read(&side[1 - i % 2], message, size, payload, sizeof payload, &n), 0);
			assert_int_equal(n, payload_size);
			assert_memory_equal(payload, want_payload, n);
			if (i > 0) {
				assert_int_equal(om_noise_xx_peer(&side[1 - i % 2], peer), 0);
				assert_memory_equal(peer, side[i % 2].own_public, 32);
			}
		} else {
			for (unsigned j = 0; j < 2 && i == 3; j++)
				assert_int_equal(om_noise_xx_split(&side[j], key[j][0], key[j][1]), 0);
			assert_memory_equal(key[0][0], key[1][1], 32);
			assert_memory_equal(key[0][1], key[1][0], 32);
			xx_transport(key[i % 2][0], i, want_payload, payload_size, want);
		}
		free(want_payload);
		free(want);
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(om_noise_xx_hash(&side[i], message), 0);
		assert_memory_equal(message, hash, 32);
	}
	free(prologue);
	free(hash);
}

/* Two sides that have come to message `to`, and that message, of `size` bytes, with a payload of 9. */
static void xx_until(struct om_noise_xx side[2], unsigned to, uint8_t message[256], size_t *ret_size)
{
	uint8_t own[32], ephemeral[32], payload[64];
	size_t n;

	for (unsigned i = 0; i < 2; i++) {
		unit_random_bytes(own, sizeof own);
		unit_random_bytes(ephemeral, sizeof ephemeral);
		xx_side(&side[i], i == 0, own, ephemeral, "p", 1);
	}
	for (unsigned i = 0; i <= to; i++) {
		assert_int_equal(om_noise_xx_write(&side[i % 2], "a payload", 9, message, 256, ret_size), 0);
		if (i < to)
			assert_int_equal(om_noise_xx_read(&side[1 - i % 2], message, *ret_size, payload, sizeof payload, &n), 0);
	}
}

static void assert_wiped(const struct om_noise_xx *s)
{
	static const uint8_t zero[32];

	assert_int_equal(s->state, OM_NOISE_XX_FAILED);
	assert_memory_equal(s->own_private, zero, 32);
	assert_memory_equal(s->private, zero, 32);
	assert_memory_equal(s->key, zero, 32);
}

/* Every byte of every message, and every length below its own. What is in clear in the first spoils the second. */
static void test_xx_altered(void **state)
{
	struct om_noise_xx side[2];
	uint8_t message[256], payload[256];
	size_t size, n;

	(void)state;
	for (unsigned number = 0; number < 3; number++) {
		xx_until(side, number, message, &size);
		const size_t whole = size;

		for (size_t at = 0; at < whole; at++) {
			struct om_noise_xx *reader = &side[1 - number % 2];
			int error;

			xx_until(side, number, message, &size);
			message[at] ^= (uint8_t)(1u << unit_random() % 7);
			error = om_noise_xx_read(reader, message, size, payload, sizeof payload, &n);
			if (number == 0) {
				assert_int_equal(error, 0);
				assert_int_equal(om_noise_xx_write(&side[1], NULL, 0, message, sizeof message, &size), 0);
				assert_int_equal(om_noise_xx_read(&side[0], message, size, payload, sizeof payload, &n), OM_EAUTH);
				assert_wiped(&side[0]);
			} else {
				assert_int_equal(error, OM_EAUTH);
				assert_wiped(reader);
				assert_int_equal(om_noise_xx_peer(reader, payload), OM_ESTATE);
			}
			xx_until(side, number, message, &size);
			error = om_noise_xx_read(reader, message, at, payload, sizeof payload, &n);
			assert_true(error == OM_ETRUNCATED || error == OM_EAUTH || (number == 0 && at >= 32));
		}
	}
}

static void test_xx_turns(void **state)
{
	struct om_noise_xx side[2];
	uint8_t message[256], payload[64], key[32];
	size_t size, n;

	(void)state;
	xx_until(side, 0, message, &size);
	assert_int_equal(om_noise_xx_write(&side[0], NULL, 0, payload, sizeof payload, &n), OM_ESTATE);
	assert_int_equal(om_noise_xx_write(&side[1], NULL, 0, payload, sizeof payload, &n), OM_ESTATE);
	assert_int_equal(om_noise_xx_split(&side[0], payload, payload + 32), OM_ESTATE);
	assert_int_equal(om_noise_xx_hash(&side[0], key), OM_ESTATE);
	/* too small a buffer changes nothing: the second try works */
	assert_int_equal(om_noise_xx_read(&side[1], message, size, payload, 8, &n), OM_EOVERFLOW);
	assert_int_equal(om_noise_xx_read(&side[1], message, size, payload, 9, &n), 0);
	assert_int_equal(om_noise_xx_write(&side[1], "xy", 2, message, OM_NOISE_XX_OVERHEAD_2 + 1, &size), OM_EOVERFLOW);
	assert_int_equal(om_noise_xx_write(&side[1], "xy", 2, message, OM_NOISE_XX_OVERHEAD_2 + 2, &size), 0);
	assert_int_equal(om_noise_xx_write(&side[1], NULL, 0, message, sizeof message, &size), OM_ESTATE);
	om_noise_xx_done(NULL);
}

/* A key of small order, as ephemeral or as static key, of either side: RFC 7748's list, and one written with more than the prime. */
static void test_xx_small_order(void **state)
{
	static const char *const points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};

	(void)state;
	for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
		uint8_t *point = unit_hex(points[i], NULL), message[256], payload[64];
		struct om_noise_xx side[2];
		size_t size, n;

		/* as the initiator's ephemeral: the responder's DH fails when it writes */
		xx_until(side, 0, message, &size);
		memcpy(message, point, 32);
		assert_int_equal(om_noise_xx_read(&side[1], message, size, payload, sizeof payload, &n), 0);
		assert_int_equal(om_noise_xx_write(&side[1], NULL, 0, message, sizeof message, &size), OM_EAUTH);
		assert_wiped(&side[1]);
		/* as the responder's */
		xx_until(side, 1, message, &size);
		memcpy(message, point, 32);
		assert_int_equal(om_noise_xx_read(&side[0], message, size, payload, sizeof payload, &n), OM_EAUTH);
		assert_wiped(&side[0]);
		/* as static keys, by a side that knows how to seal them */
		for (unsigned number = 1; number < 3; number++) {
			xx_until(side, number - 1, message, &size);
			assert_int_equal(om_noise_xx_read(&side[number % 2], message, size, payload, sizeof payload, &n), 0);
			memcpy(side[number % 2].own_public, point, 32);
			if (om_noise_xx_write(&side[number % 2], NULL, 0, message, sizeof message, &size) == 0) {
				assert_int_equal(om_noise_xx_read(&side[1 - number % 2], message, size, payload, sizeof payload, &n), OM_EAUTH);
				assert_wiped(&side[1 - number % 2]);
			}
		}
		free(point);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agreement),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_small_order),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_xx_vector),
		cmocka_unit_test(test_xx_altered),
		cmocka_unit_test(test_xx_turns),
		cmocka_unit_test(test_xx_small_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
