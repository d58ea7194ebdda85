/* SPDX-License-Identifier: Apache-2.0 */
/* Seals: what goes in comes out, with the same platform's key and no bit altered; and nothing comes out otherwise. */
#include "unit.h"
#include "sealfile.h"

static const struct om_seal facts = { .flags = OM_SEAL_DEBUG, .isvsvn = 0x1234, .cpusvn = { 1, 2 }, .keyid = { 3 }, .mrenclave = { 4 }, .id = { 5 } };
static const uint8_t key[16] = "platform's key 1", other[16] = "platform's key 2";
static const uint8_t secret[OM_SEAL_SECRET] = "thirty-two bytes that are secret";
static uint8_t bytes[OM_SEAL_SIZE];

static int make(void **state)
{
	(void)state;
	return om_seal_make(&facts, key, secret, bytes);
}

static void test_round(void **state)
{
	uint8_t found[OM_SEAL_SECRET];
	struct om_seal s = { 0 };

	(void)state;
	assert_int_equal(om_seal_decode(bytes, sizeof bytes, &s), 0);
	assert_int_equal(s.flags, facts.flags);
	assert_int_equal(s.isvsvn, facts.isvsvn);
	assert_memory_equal(s.cpusvn, facts.cpusvn, sizeof s.cpusvn);
	assert_memory_equal(s.keyid, facts.keyid, sizeof s.keyid);
	assert_memory_equal(s.mrenclave, facts.mrenclave, sizeof s.mrenclave);
	assert_memory_equal(s.id, facts.id, sizeof s.id);
	assert_int_equal(om_seal_open(bytes, key, found), 0);
	assert_memory_equal(found, secret, sizeof secret);
	for (size_t i = 0; i + 8 <= sizeof bytes; i++)
		assert_memory_not_equal(bytes + i, secret, 8);
}

static void test_other_platform(void **state)
{
	const uint8_t zero[OM_SEAL_SECRET] = { 0 };
	uint8_t found[OM_SEAL_SECRET];

	(void)state;
	memcpy(found, secret, sizeof found);
	assert_int_equal(om_seal_open(bytes, other, found), OM_EAUTH);
	assert_memory_equal(found, zero, sizeof zero);
}

static void test_altered(void **state)
{
	uint8_t found[OM_SEAL_SECRET];
	struct om_seal s;

	(void)state;
	for (size_t i = 0; i < 8 * sizeof bytes; i++) {
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(om_seal_open(bytes, key, found), OM_EAUTH);
		if (i / 8 < 12 || (i / 8 >= 114 && i / 8 < OM_SEAL_HEAD))
			assert_int_not_equal(om_seal_decode(bytes, sizeof bytes, &s), 0);
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t size = 0; size < sizeof bytes; size++)
		assert_int_not_equal(om_seal_decode(bytes, size, &s), 0);
}

static void test_flags(void **state)
{
	struct om_seal s = facts;

	(void)state;
	s.flags = 2;
	assert_int_equal(om_seal_make(&s, key, secret, bytes), OM_EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_round, make), cmocka_unit_test_setup(test_other_platform, make),
		cmocka_unit_test_setup(test_altered, make), cmocka_unit_test(test_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
