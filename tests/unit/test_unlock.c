/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between owner and enclave: one form only, every byte is authenticated, and a box opens for one key and one question. */
#include "unit.h"
#include "unlock/unlock.h"

static uint8_t owner_private[32], owner[64];
static uint8_t enclave_private[32] = { 7 }, enclave[32], tool_private[32] = { 9 };
static uint8_t hash[32] = { 3 };

static struct om_unlock_statement a_statement(void)
{
	struct om_unlock_statement s = { .flags = OM_UNLOCK_WAITS | OM_UNLOCK_WANTS_KEY, .count = 2, .nonce = { 1 }, .instance = { 2 } };

	om_x25519_public(enclave_private, s.key);
	memcpy(s.owner, owner, sizeof owner);
	s.name[0] = (struct om_unlock_name) { 5, "a.key" };
	s.name[1] = (struct om_unlock_name) { 5, "token" };
	return s;
}

static int set_up(void **state)
{
	const uint8_t seed[32] = { 1 };

	(void)state;
	om_p256_derive(seed, owner_private, owner);
	om_x25519_public(enclave_private, enclave);
	return 0;
}

static void test_names(void **state)
{
	(void)state;
	assert_true(om_unlock_name_ok("tls.key-1_A", 11));
	assert_true(om_unlock_name_ok("..x", 3));
	assert_false(om_unlock_name_ok("", 0));
	assert_false(om_unlock_name_ok(".", 1));
	assert_false(om_unlock_name_ok("..", 2));
	assert_false(om_unlock_name_ok("a/b", 3));
	assert_false(om_unlock_name_ok("a\0b", 3));
}

static void test_statement(void **state)
{
	struct om_unlock_statement s = a_statement(), back;
	uint8_t bytes[OM_UNLOCK_STATEMENT_MAX + 1], again[OM_UNLOCK_STATEMENT_MAX];
	size_t size, size2;

	(void)state;
	assert_int_equal(om_unlock_statement_encode(&s, bytes, sizeof bytes, &size), 0);
	assert_int_equal(om_unlock_statement_decode((struct om_view) { bytes, size }, &back), 0);
	assert_int_equal(om_unlock_statement_encode(&back, again, sizeof again, &size2), 0);
	assert_int_equal(size, size2);
	assert_memory_equal(bytes, again, size);
	for (size_t cut = 0; cut < size; cut++)
		assert_int_not_equal(om_unlock_statement_decode((struct om_view) { bytes, cut }, &back), 0);
	bytes[size] = 0;
	assert_int_equal(om_unlock_statement_decode((struct om_view) { bytes, size + 1 }, &back), OM_ETRAILING);
	bytes[4] = 2;
	assert_int_equal(om_unlock_statement_decode((struct om_view) { bytes, size }, &back), OM_EVERSION);
	s.name[0] = s.name[1];
	assert_int_equal(om_unlock_statement_encode(&s, bytes, sizeof bytes, &size), OM_EINVAL);
	s = a_statement();
	s.flags = 0x8000;
	assert_int_equal(om_unlock_statement_encode(&s, bytes, sizeof bytes, &size), OM_EINVAL);
}

static int put(struct om_put *to, enum om_unlock_type type, const char *name, const char *bytes, size_t size)
{
	const struct om_unlock_item i = { type, { (const uint8_t *)name, strlen(name) }, { (const uint8_t *)bytes, size } };

	return om_unlock_item_put(to, &i);
}

static void test_items(void **state)
{
	static const char zeros[64];
	uint8_t bytes[512];
	struct om_unlock_item item;
	struct om_view at;
	struct om_put to;
	size_t good;

	(void)state;
	om_put_init(&to, bytes, sizeof bytes);
	assert_int_equal(put(&to, OM_UNLOCK_LINEAGE, "", zeros, 31), OM_EINVAL);
	assert_int_equal(put(&to, OM_UNLOCK_SECRET, "a/b", zeros, 1), OM_EINVAL);
	assert_int_equal(put(&to, OM_UNLOCK_LINEAGE, "name", zeros, 32), OM_EINVAL);
	assert_int_equal(put(&to, OM_UNLOCK_LINEAGE, "", zeros, 32), 0);
	assert_int_equal(put(&to, OM_UNLOCK_SECRET, "a", "", 0), 0);
	assert_int_equal(put(&to, OM_UNLOCK_SECRET, "b", "xyz", 3), 0);
	good = om_put_size(&to);
	at = (struct om_view) { bytes, good };
	assert_int_equal(om_unlock_items_check(at), 0);
	assert_true(om_unlock_item_next(&at, &item) && item.type == OM_UNLOCK_LINEAGE);
	assert_true(om_unlock_item_next(&at, &item) && item.name.size == 1 && !item.bytes.size);
	assert_true(om_unlock_item_next(&at, &item) && item.bytes.size == 3 && item.bytes.data[2] == 'z');
	assert_false(om_unlock_item_next(&at, &item));
	for (size_t cut = 1; cut < good; cut++)
		if (cut != 40 && cut != 49)               /* where an item ends */
			assert_int_not_equal(om_unlock_items_check((struct om_view) { bytes, cut }), 0);
	assert_int_equal(put(&to, OM_UNLOCK_SECRET, "b", "xyz", 3), 0);   /* twice */
	assert_int_equal(om_unlock_items_check((struct om_view) { bytes, om_put_size(&to) }), OM_EINVAL);
	om_put_init(&to, bytes + good, sizeof bytes - good);
	assert_int_equal(put(&to, OM_UNLOCK_LINEAGE, "", zeros, 32), 0);   /* out of order */
	assert_int_equal(om_unlock_items_check((struct om_view) { bytes, good + om_put_size(&to) }), OM_EINVAL);
	bytes[0] = 99;
	assert_int_equal(om_unlock_items_check((struct om_view) { bytes, good }), OM_ETYPE);
}

static void test_box(void **state)
{
	const struct om_view secret = { (const uint8_t *)"a secret", 8 };
	const uint8_t other_hash[32] = { 4 }, other_private[32] = { 8 }, small[32] = { 0 };
	uint8_t box[OM_UNLOCK_BOX(8)], body[8], answer[32], answer2[32];
	size_t size, used;

	(void)state;
	assert_int_equal(om_unlock_box_seal(OM_UNLOCK_BOX_GRANT, hash, enclave, tool_private, secret, box, sizeof box, &size, answer), 0);
	assert_int_equal(size, sizeof box);
	assert_int_equal(om_unlock_box_open(OM_UNLOCK_BOX_GRANT, hash, enclave_private, OM_VIEW(box), body, sizeof body, &used, answer2), 0);
	assert_memory_equal(body, secret.data, 8);
	assert_memory_equal(answer, answer2, 32);
	assert_int_equal(om_unlock_box_open(OM_UNLOCK_BOX_PACKAGE, hash, enclave_private, OM_VIEW(box), body, sizeof body, &used, NULL), OM_EAUTH);
	assert_int_equal(om_unlock_box_open(OM_UNLOCK_BOX_GRANT, other_hash, enclave_private, OM_VIEW(box), body, sizeof body, &used, NULL), OM_EAUTH);
	assert_int_equal(om_unlock_box_open(OM_UNLOCK_BOX_GRANT, hash, other_private, OM_VIEW(box), body, sizeof body, &used, NULL), OM_EAUTH);
	assert_int_equal(om_unlock_box_open(OM_UNLOCK_BOX_GRANT, hash, enclave_private, OM_VIEW(box), body, 7, &used, NULL), OM_EOVERFLOW);
	assert_int_equal(om_unlock_box_seal(OM_UNLOCK_BOX_GRANT, hash, small, tool_private, secret, box, sizeof box, &size, NULL), OM_EAUTH);
	assert_int_equal(om_unlock_box_seal(OM_UNLOCK_BOX_GRANT, hash, enclave, tool_private, secret, box, sizeof box - 1, &size, NULL), OM_EOVERFLOW);
	/* Byte 31's highest bit is masked by X25519, but the key's derivation takes it in. */
	for (size_t i = 0; i < sizeof box; i++) {
		box[i] ^= 0x80;
		assert_int_not_equal(om_unlock_box_open(OM_UNLOCK_BOX_GRANT, hash, enclave_private, OM_VIEW(box), body, sizeof body, &used, NULL), 0);
		box[i] ^= 0x80;
	}
}

static void test_grant(void **state)
{
	uint8_t grant[OM_UNLOCK_GRANT(8) + 1], stranger_private[32], stranger[64];
	const uint8_t seed[32] = { 2 }, other_hash[32] = { 4 };
	struct om_view box;
	size_t box_size, size;

	(void)state;
	om_p256_derive(seed, stranger_private, stranger);
	assert_int_equal(om_unlock_box_seal(OM_UNLOCK_BOX_GRANT, hash, enclave, tool_private, (struct om_view) { (const uint8_t *)"a secret", 8 },
		grant + OM_UNLOCK_GRANT_HEAD, sizeof grant - OM_UNLOCK_GRANT_HEAD, &box_size, NULL), 0);
	assert_int_equal(om_unlock_grant_sign(hash, owner_private, grant, box_size, sizeof grant, &size), 0);
	assert_int_equal(om_unlock_grant_check((struct om_view) { grant, size }, hash, owner, &box), 0);
	assert_int_equal(box.size, box_size);
	assert_int_equal(om_unlock_grant_check((struct om_view) { grant, size }, other_hash, owner, &box), OM_ESEQ);
	assert_int_equal(om_unlock_grant_check((struct om_view) { grant, size }, hash, stranger, &box), OM_EAUTH);
	grant[size] = 0;
	assert_int_equal(om_unlock_grant_check((struct om_view) { grant, size + 1 }, hash, owner, &box), OM_ETRAILING);
	for (size_t i = 0; i < size; i++) {
		assert_int_not_equal(om_unlock_grant_check((struct om_view) { grant, i }, hash, owner, &box), 0);
		grant[i] ^= 1;
		assert_int_not_equal(om_unlock_grant_check((struct om_view) { grant, size }, hash, owner, &box), 0);
		grant[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names), cmocka_unit_test(test_statement), cmocka_unit_test(test_items),
		cmocka_unit_test(test_box), cmocka_unit_test(test_grant) };

	return cmocka_run_group_tests(tests, set_up, NULL);
}
