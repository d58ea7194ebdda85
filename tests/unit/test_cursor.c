/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cursors and checked arithmetic at their edges.
 */
#include "unit.h"
#include "check.h"
#include "cursor.h"

static void test_numbers(void **state)
{
	uint8_t buffer[32];
	struct om_put p;
	struct om_get g;

	(void)state;
	om_put_init(&p, buffer, sizeof buffer);
	om_put_u8(&p, 0x01);
	om_put_u16(&p, 0x0302);
	om_put_u32(&p, 0x07060504);
	om_put_u64(&p, 0x0f0e0d0c0b0a0908);
	om_put_bytes(&p, "\x10\x11", 2);
	om_put_zeros(&p, 3);
	assert_int_equal(om_put_end(&p), 0);
	assert_int_equal(om_put_size(&p), 20);
	for (size_t i = 0; i < 17; i++)
		assert_int_equal(buffer[i], i + 1);
	om_get_init(&g, buffer, om_put_size(&p));
	assert_int_equal(om_get_u8(&g), 0x01);
	assert_int_equal(om_get_u16(&g), 0x0302);
	assert_int_equal(om_get_u32(&g), 0x07060504);
	assert_true(om_get_u64(&g) == 0x0f0e0d0c0b0a0908);
	assert_memory_equal(om_get_view(&g, 2), "\x10\x11", 2);
	assert_int_equal(om_get_end(&g), OM_ETRAILING);
	om_get_zeros(&g, 3);
	assert_int_equal(om_get_end(&g), 0);
}

static void test_failures_stick(void **state)
{
	const uint8_t data[4] = { 1, 2, 3, 4 };
	uint8_t to[8];
	struct om_get g;
	struct om_put p;

	(void)state;
	om_get_init(&g, data, sizeof data);
	memset(to, 0xff, sizeof to);
	om_get_bytes(&g, to, 5);
	assert_int_equal(to[0], 0);
	assert_int_equal(om_get_u8(&g), 0);
	assert_null(om_get_view(&g, 0));
	assert_int_equal(om_get_left(&g), 0);
	om_get_fail(&g, OM_ETYPE);
	assert_int_equal(om_get_end(&g), OM_ETRUNCATED);

	om_get_init(&g, data, sizeof data);
	om_get_zeros(&g, 2);
	assert_int_equal(om_get_end(&g), OM_EVERSION);
	om_get_init(&g, data, sizeof data);
	om_get_skip(&g, SIZE_MAX);
	assert_int_equal(om_get_end(&g), OM_ETRUNCATED);
	om_get_init(&g, NULL, 0);
	assert_non_null(om_get_view(&g, 0));
	assert_int_equal(om_get_end(&g), 0);
	assert_int_equal(om_get_u64(&g), 0);
	assert_int_equal(om_get_end(&g), OM_ETRUNCATED);

	om_put_init(&p, to, 3);
	om_put_u16(&p, 7);
	om_put_u16(&p, 7);
	om_put_u8(&p, 7);
	assert_null(om_put_room(&p, 0));
	assert_int_equal(om_put_end(&p), OM_EOVERFLOW);
	assert_int_equal(om_put_size(&p), 2);
	om_put_init(&p, NULL, 0);
	assert_int_equal(om_put_end(&p), 0);
	om_put_u8(&p, 0);
	assert_int_equal(om_put_end(&p), OM_EOVERFLOW);
}

static void test_arithmetic(void **state)
{
	uint32_t x;
	uint64_t y;

	(void)state;
	assert_true(om_add_u32(0xfffffffe, 1, &x) && x == 0xffffffff);
	assert_false(om_add_u32(0xffffffff, 1, &x));
	assert_true(om_mul_u64(UINT64_C(1) << 32, UINT64_C(0xffffffff), &y));
	assert_false(om_mul_u64(UINT64_C(1) << 32, UINT64_C(1) << 32, &y));
	assert_true(om_range_ok(10, 0, 10));
	assert_true(om_range_ok(3, 7, 10));
	assert_false(om_range_ok(3, 8, 10));
	assert_false(om_range_ok(11, 0, 10));
	assert_false(om_range_ok(3, UINT64_MAX, 10));
	assert_true(om_is_aligned(8192, 4096));
	assert_false(om_is_aligned(8193, 4096));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_failures_stick),
		cmocka_unit_test(test_arithmetic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
