/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake against cacophony's vectors (when present), and its state machine: wrong turns, short and altered
 * messages, points of small order.
 */
#include <jansson.h>
#include "unit.h"
#include "crypto/gcm.h"
#include "noise.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agreement),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_altered),
		cmocka_unit_test(test_small_order),
		cmocka_unit_test(test_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
