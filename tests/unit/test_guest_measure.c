/* SPDX-License-Identifier: Apache-2.0 */
/* Launch digests (core/guest) against published ones, against ones computed by other means, and against images that are none. */
#include <jansson.h>
#include "unit.h"
#include "guest/id_block.h"
#include "guest/pe.h"
#include "guest/snp.h"
#include "guest/tdx.h"

static json_t *vectors;

static uint64_t number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_integer(value) ? (uint64_t)json_integer_value(value) : strtoull(json_string_value(value), NULL, 16);
}

static void expect_hex(const uint8_t *bytes, size_t size, const char *hex)
{
	size_t wanted;
	uint8_t *expected = unit_hex(hex, &wanted);

	assert_int_equal(size, wanted);
	assert_memory_equal(bytes, expected, size);
	free(expected);
}

static uint8_t *read_vector(const char *name, size_t *ret_size)
{
	char path[300];
	uint8_t *data;

	snprintf(path, sizeof path, "measure/%s", name);
	data = unit_read_file(unit_vector_path(path), ret_size);
	assert_non_null(data);
	return data;
}

/* A firmware of the vectors; "synthetic" is 15 pages of their own number before the AMD one. */
static uint8_t *read_firmware(const char *name, size_t *ret_size)
{
	uint8_t *suffix, *all;

	if (strcmp(name, "synthetic") != 0)
		return read_vector(name, ret_size);
	suffix = read_vector("ovmf_AmdSev_suffix.bin", ret_size);
	all = malloc(16 * OM_GUEST_PAGE);
	assert_non_null(all);
	for (int k = 0; k < 15; k++)
		memset(all + k * OM_GUEST_PAGE, k, OM_GUEST_PAGE);
	memcpy(all + 15 * OM_GUEST_PAGE, suffix, OM_GUEST_PAGE);
	free(suffix);
	*ret_size = 16 * OM_GUEST_PAGE;
	return all;
}

static enum om_snp_vmm vmm_of(const char *name)
{
	return strcmp(name, "qemu") == 0 ? OM_SNP_QEMU : strcmp(name, "gce") == 0 ? OM_SNP_GCE : strcmp(name, "ec2") == 0 ? OM_SNP_EC2 : OM_SNP_EC2_OLD;
}

static void hashes_of(const json_t *from, struct om_snp_kernel *ret)
{
	const char *kernel = json_string_value(json_object_get(from, "kernel_ascii")), *initrd = json_string_value(json_object_get(from, "initrd_ascii"));

	om_snp_kernel_hash(kernel, strlen(kernel), initrd, strlen(initrd), json_string_value(json_object_get(from, "cmdline")), ret);
}

static void run_case(const json_t *c)
{
	const json_t *hashes = json_object_get(c, "kernel_hashes"), *cpu = json_object_get(c, "cpu_family_model_stepping");
	struct om_snp_launch launch = { .vmm = vmm_of(json_string_value(json_object_get(c, "vmm"))), .vcpus = (uint32_t)number(c, "vcpus"),
		.sev_features = number(c, "sev_features") };
	uint8_t digest[OM_SNP_DIGEST_SIZE], *bytes;
	struct om_snp_kernel kernel;
	struct om_firmware fw;
	size_t size;

	bytes = read_firmware(json_string_value(json_object_get(c, "firmware")), &size);
	assert_int_equal(om_firmware_open(bytes, size, &fw), 0);
	if (cpu) {
		launch.cpu_signature = om_cpu_signature((uint32_t)json_integer_value(json_array_get(cpu, 0)), (uint32_t)json_integer_value(json_array_get(cpu, 1)),
			(uint32_t)json_integer_value(json_array_get(cpu, 2)));
		if (launch.vmm == OM_SNP_QEMU)
			assert_int_equal(launch.cpu_signature, number(c, "vmsa_rdx"));
	}
	if (!json_is_null(hashes)) {
		hashes_of(hashes, &kernel);
		launch.kernel = &kernel;
	}
	if (strcmp(json_string_value(json_object_get(c, "expect")), "refuse") == 0) {
		assert_int_equal(om_snp_launch_digest(&fw, &launch, digest), OM_EUNSUPPORTED);
	} else {
		assert_int_equal(om_snp_launch_digest(&fw, &launch, digest), 0);
		expect_hex(digest, sizeof digest, json_string_value(json_object_get(c, "digest_sha384")));
	}
	free(bytes);
}

static void published_digests(void **state)
{
	const json_t *cases = json_object_get(vectors, "cases"), *c;
	size_t i;

	(void)state;
	assert_true(json_array_size(cases) >= 22);
	json_array_foreach(cases, i, c)
		run_case(c);
}

static void hash_tables(void **state)
{
	const json_t *tables = json_object_get(vectors, "kernel_hash_tables"), *t;
	uint8_t table[OM_SNP_HASH_TABLE_SIZE];
	struct om_snp_kernel kernel;
	size_t i;

	(void)state;
	assert_true(json_array_size(tables) > 0);
	json_array_foreach(tables, i, t) {
		hashes_of(t, &kernel);
		om_snp_hash_table(&kernel, table);
		expect_hex(table, sizeof table, json_string_value(json_object_get(t, "table_hex")));
	}
}

static void compare_page(const uint8_t *page, const json_t *vmsa)
{
	uint8_t expected[OM_GUEST_PAGE] = { 0 }, *row;
	const json_t *rows = json_object_get(vmsa, "nonzero_bytes_hex"), *value;
	const char *key;
	size_t size;

	json_object_foreach((json_t *)rows, key, value) {
		row = unit_hex(json_string_value(value), &size);
		memcpy(expected + strtoul(key, NULL, 16), row, size);
		free(row);
	}
	assert_memory_equal(page, expected, sizeof expected);
}

static void first_states(void **state)
{
	const json_t *all = json_object_get(vectors, "vmsa");
	uint8_t page[OM_GUEST_PAGE];

	(void)state;
	om_snp_vmsa(OM_SNP_QEMU, 0xfffffff0, om_cpu_signature(25, 1, 1), 1, page);
	compare_page(page, json_object_get(all, "qemu_bsp_milan_features_1"));
	om_snp_vmsa(OM_SNP_QEMU, 0x80b004, om_cpu_signature(25, 1, 1), 1, page);
	compare_page(page, json_object_get(all, "qemu_ap_milan_features_1"));
	om_snp_vmsa(OM_SNP_EC2, 0xfffffff0, 0, 1, page);
	compare_page(page, json_object_get(all, "ec2_bsp_features_1"));
	om_snp_vmsa(OM_SNP_GCE, 0xfffffff0, 0, 1, page);
	compare_page(page, json_object_get(all, "gce_bsp_features_1"));
}

static void firmware_tables(void **state)
{
	const json_t *list = json_object_get(vectors, "firmware"), *f, *sections, *s;
	struct om_firmware fw;
	uint8_t *bytes;
	size_t size, i, k;

	(void)state;
	json_array_foreach(list, i, f) {
		bytes = read_vector(json_string_value(json_object_get(f, "file")), &size);
		assert_int_equal(om_firmware_open(bytes, size, &fw), 0);
		sections = json_object_get(f, "metadata");
		assert_int_equal(fw.sev_count, json_array_size(sections));
		json_array_foreach(sections, k, s) {
			assert_int_equal(fw.sev[k].gpa, number(s, "gpa"));
			assert_int_equal(fw.sev[k].size, number(s, "size"));
			assert_int_equal(fw.sev[k].type, number(s, "type"));
		}
		assert_int_equal(fw.reset_eip, number(f, "reset_eip"));
		assert_true(fw.has_tdx);
		free(bytes);
	}
}

/* Every byte of the tables may be anything: it is refused or understood, and nothing outside is read (ASan). */
static void altered_firmware(void **state)
{
	uint8_t *bytes, digest[OM_SNP_DIGEST_SIZE];
	struct om_snp_launch launch = { .vcpus = 1, .sev_features = 1 };
	struct om_firmware fw;
	size_t size;

	(void)state;
	bytes = read_vector("ovmf_AmdSev_suffix.bin", &size);
	assert_int_not_equal(om_firmware_open(bytes, size - 1, &fw), 0);
	assert_int_not_equal(om_firmware_open(bytes, 0, &fw), 0);
	for (size_t at = 0; at < size; at++) {
		static const uint8_t others[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
		uint8_t was = bytes[at];

		for (unsigned i = 0; i < sizeof others; i++) {
			bytes[at] = others[i];
			if (om_firmware_open(bytes, size, &fw) == 0) {
				/* Sections of absurd sizes would only take time. */
				uint64_t sum = 0;

				for (uint32_t k = 0; k < fw.sev_count; k++)
					sum += fw.sev[k].size;
				if (at % 16 == 0 && sum < 1 << 20)
					(void)!om_snp_launch_digest(&fw, &launch, digest);
				(void)!om_tdx_mrtd(&fw, false, digest);
			}
		}
		bytes[at] = was;
	}
	free(bytes);
}

static void cpu_models(void **state)
{
	(void)state;
	assert_int_equal(om_cpu_signature_of("EPYC-v4"), 0x800f12);
	assert_int_equal(om_cpu_signature_of("EPYC"), 0x800f12);
	assert_int_equal(om_cpu_signature_of("EPYC-Rome-v2"), 0x830f10);
	assert_int_equal(om_cpu_signature_of("EPYC-Milan"), 0xa00f11);
	assert_int_equal(om_cpu_signature_of("EPYC-Genoa-v1"), 0xa10f10);
	assert_int_equal(om_cpu_signature_of("EPYC-Turin"), 0xb00f00);
	assert_int_equal(om_cpu_signature_of("EPYC-"), 0);
	assert_int_equal(om_cpu_signature_of("EPYC-v"), 0);
	assert_int_equal(om_cpu_signature_of("host"), 0);
	assert_int_equal(om_cpu_signature_of(""), 0);
}

/* It changes with all that goes in, and is that of a page with the table. */
static void plain_guest(void **state)
{
	uint8_t first[OM_SNP_DIGEST_SIZE], other[OM_SNP_DIGEST_SIZE];
	struct om_snp_kernel kernel;

	(void)state;
	om_snp_kernel_hash("k", 1, "i", 1, "c", &kernel);
	om_snp_plain_digest(&kernel, first);
	expect_hex(first, sizeof first, "3c1e8cf48a945bbf5f8fa6c35e96633fd4556f4fc5fedc65136bc5e2fdf8d42bfb7687fb1106c204a16d2501103de554");
	for (unsigned i = 0; i < sizeof kernel; i += 32) {
		((uint8_t *)&kernel)[i] ^= 1;
		om_snp_plain_digest(&kernel, other);
		assert_memory_not_equal(first, other, sizeof first);
		((uint8_t *)&kernel)[i] ^= 1;
	}
}

/* Made up here: two pages that are measured, one that is only added, one that comes later. The digests are of a few lines of Python's hashlib. */
static void tdx_digests(void **state)
{
	static uint8_t image[3 * OM_GUEST_PAGE];
	struct om_firmware fw = { .bytes = image, .size = sizeof image, .has_tdx = true, .tdx_count = 3, .tdx = {
		{ .offset = OM_GUEST_PAGE, .raw_size = 2 * OM_GUEST_PAGE, .gpa = 0xffffe000, .size = 2 * OM_GUEST_PAGE, .attributes = OM_TDX_EXTEND },
		{ .gpa = 0x810000, .size = OM_GUEST_PAGE },
		{ .gpa = 0x900000, .size = OM_GUEST_PAGE, .attributes = OM_TDX_AUGMENT },
	} };
	uint8_t digest[OM_TDX_MEASURE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof image; i++)
		image[i] = (uint8_t)(i * 7 + i / 256);
	assert_int_equal(om_tdx_mrtd(&fw, false, digest), 0);
	expect_hex(digest, sizeof digest, "cf613ce37c962dcfb40cf3bf9f766ca8deab474c34e40c9c9e6c33232de8ed60819b2444618f57d97bba972316156c39");
	assert_int_equal(om_tdx_mrtd(&fw, true, digest), 0);
	expect_hex(digest, sizeof digest, "b2b321e3b2d60cbf6dd006433c12b18f3d4c75acc0b1200a704daccf8ca1aca5be8ba03979ef2d71e31485bcbf0bb5c1");
	om_tdx_rtmr2("console=ttyS0 quiet", "initrd image\n", 13, digest);
	expect_hex(digest, sizeof digest, "18ec57b7a1402cd1468c4168f06bc60aae202d219b2ef36939d1b379c2f132f36872c9a0443361c3b1458d35234ca8db");
	fw.tdx[0].raw_size = 3 * OM_GUEST_PAGE;
	fw.tdx[0].size = 3 * OM_GUEST_PAGE;
	assert_int_equal(om_tdx_mrtd(&fw, false, digest), OM_EIMAGE);
	fw.has_tdx = false;
	assert_int_equal(om_tdx_mrtd(&fw, false, digest), OM_EIMAGE);
}

/* ---- kernels as the firmware measures them ---- */

#define PE_AT      0x40u
#define PE_OPT     (PE_AT + 24)
#define PE_SECTION (PE_OPT + 0xa0)
#define PE_SIZE    0x280u

static void put_u32(uint8_t *at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

/* Headers of 0x200 bytes, a section at 0x240 before one at 0x200 in the table, 0x10 bytes behind them, and certificates of 0x10. */
static void pe_make(uint8_t image[PE_SIZE])
{
	for (size_t i = 0; i < PE_SIZE; i++)
		image[i] = (uint8_t)(i * 5 + 1);
	memcpy(image, "MZ", 2);
	put_u32(image + 60, PE_AT);
	memcpy(image + PE_AT, "PE\0\0", 4);
	put_u32(image + PE_AT + 4, 0x8664 | 2 << 16);
	put_u32(image + PE_AT + 20, 0xa0);
	put_u32(image + PE_OPT, 0x20b);
	put_u32(image + PE_OPT + 60, 0x200);
	put_u32(image + PE_OPT + 108, 6);
	put_u32(image + PE_OPT + 144, 0x270);
	put_u32(image + PE_OPT + 148, 0x10);
	put_u32(image + PE_SECTION + 16, 0x20);
	put_u32(image + PE_SECTION + 20, 0x240);
	put_u32(image + PE_SECTION + 40 + 16, 0x40);
	put_u32(image + PE_SECTION + 40 + 20, 0x200);
}

static bool pe_left_out(size_t at)
{
	return (at >= PE_OPT + 64 && at < PE_OPT + 68) || (at >= PE_OPT + 144 && at < PE_OPT + 152) || at >= 0x270;
}

static void kernel_digests(void **state)
{
	uint8_t image[PE_SIZE], left[PE_SIZE], digest[OM_SHA384_SIZE], other[OM_SHA384_SIZE], rtmr[OM_TDX_MEASURE_SIZE];
	size_t count = 0;

	(void)state;
	pe_make(image);
	for (size_t i = 0; i < PE_SIZE; i++)
		if (!pe_left_out(i))
			left[count++] = image[i];
	om_sha384(left, count, other);
	assert_int_equal(om_pe_digest(image, PE_SIZE, digest), 0);
	assert_memory_equal(digest, other, sizeof digest);
	assert_int_equal(om_tdx_rtmr1(image, PE_SIZE, rtmr), 0);
	for (size_t cut = 0; cut < PE_SIZE; cut++)
		assert_true(om_pe_digest(image, cut, other) == OM_EIMAGE || memcmp(digest, other, sizeof digest) != 0);
	/* Every byte is in the digest, or left out, or leads where no image goes on. */
	for (size_t i = 0; i < PE_SIZE; i++) {
		const bool size = i >= PE_OPT + 148 && i < PE_OPT + 152;

		image[i] ^= 0x80;
		if (om_pe_digest(image, PE_SIZE, other) == 0)
			assert_int_equal(memcmp(digest, other, sizeof digest) == 0, pe_left_out(i) && !size);
		image[i] ^= 0x80;
	}
	/* signed later: the same */
	put_u32(image + PE_OPT + 144, 0);
	put_u32(image + PE_OPT + 148, 0);
	assert_int_equal(om_pe_digest(image, 0x270, other), 0);
	assert_memory_equal(digest, other, sizeof digest);
	put_u32(image + PE_SECTION + 20, 0xfffffff0);
	assert_int_equal(om_pe_digest(image, 0x270, other), OM_EIMAGE);
	assert_int_equal(om_tdx_rtmr1(image, 0x270, rtmr), OM_EIMAGE);
}

/* ---- ID blocks ---- */

static uint8_t id_private[OM_P384_SIZE], author_private[OM_P384_SIZE];

/* A sound one with both keys. */
static void id_make(struct om_id_block *b, struct om_id_auth *a, uint8_t block[OM_ID_BLOCK_SIZE], uint8_t auth[OM_ID_AUTH_SIZE])
{
	static const uint8_t seeds[2][OM_P384_SIZE] = { { 1 }, { 2 } };
	uint8_t hash[OM_SHA384_SIZE];

	*b = (struct om_id_block) { .svn = 0x01020304, .policy = 0x30000 };
	memset(b->digest, 0xd1, sizeof b->digest);
	memset(b->family, 0xfa, sizeof b->family);
	memset(b->image, 0x1a, sizeof b->image);
	om_p384_derive(seeds[0], id_private, a->id_key);
	om_p384_derive(seeds[1], author_private, a->author_key);
	a->author = true;
	om_id_block_encode(b, block);
	om_sha384(block, OM_ID_BLOCK_SIZE, hash);
	assert_int_equal(om_p384_sign(id_private, hash, a->block_signature), 0);
	om_id_key_digest(a->id_key, hash);
	assert_int_equal(om_p384_sign(author_private, hash, a->key_signature), 0);
	om_id_auth_encode(a, auth);
}

static void id_blocks(void **state)
{
	static uint8_t block[OM_ID_BLOCK_SIZE], auth[OM_ID_AUTH_SIZE];
	uint8_t key[OM_SHA384_SIZE], author[OM_SHA384_SIZE], hash[OM_SHA384_SIZE];
	struct om_id_owner owner;
	struct om_id_block b;
	struct om_id_auth a, other;

	(void)state;
	id_make(&b, &a, block, auth);
	om_id_key_digest(a.id_key, key);
	om_id_key_digest(a.author_key, author);
	assert_int_equal(om_id_verify(block, auth, &owner), 0);
	assert_memory_equal(&owner.block, &b, sizeof b);
	assert_true(owner.author);
	assert_memory_equal(owner.id_key, key, sizeof key);
	assert_memory_equal(owner.author_key, author, sizeof author);
	/* every bit of what is signed, and every byte of what signs or must be zero */
	for (unsigned i = 0; i < OM_ID_BLOCK_SIZE; i++) {
		block[i] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(om_id_verify(block, auth, &owner), i >= 0x50 && i < 0x54 ? OM_EVERSION : OM_EAUTH);
		block[i] ^= (uint8_t)(1u << i % 8);
	}
	for (unsigned i = 0; i < OM_ID_AUTH_SIZE; i += i % 61 == 60 ? 7 : 1) {
		auth[i] ^= 0x10;
		assert_int_not_equal(om_id_verify(block, auth, &owner), 0);
		auth[i] ^= 0x10;
	}
	assert_int_equal(om_id_verify(block, auth, &owner), 0);
	/* without an author; the author's parts have to be gone then */
	auth[4] = 0;
	assert_int_equal(om_id_verify(block, auth, &owner), OM_EVERSION);
	other = a;
	other.author = false;
	om_id_auth_encode(&other, auth);
	assert_int_equal(om_id_verify(block, auth, &owner), 0);
	assert_false(owner.author);
	memset(author, 0, sizeof author);
	assert_memory_equal(owner.author_key, author, sizeof author);
	/* an author who has signed another key; a key that has signed another block; each other's */
	other = a;
	om_sha384("another key", 11, hash);
	assert_int_equal(om_p384_sign(author_private, hash, other.key_signature), 0);
	om_id_auth_encode(&other, auth);
	assert_int_equal(om_id_verify(block, auth, &owner), OM_EAUTH);
	other = a;
	assert_int_equal(om_p384_sign(id_private, hash, other.block_signature), 0);
	om_id_auth_encode(&other, auth);
	assert_int_equal(om_id_verify(block, auth, &owner), OM_EAUTH);
	other = a;
	memcpy(other.block_signature, a.key_signature, sizeof a.key_signature);
	om_id_auth_encode(&other, auth);
	assert_int_equal(om_id_verify(block, auth, &owner), OM_EAUTH);
	other = a;
	memset(other.id_key, 0, sizeof other.id_key);   /* no point of the curve */
	om_id_auth_encode(&other, auth);
	assert_int_equal(om_id_verify(block, auth, &owner), OM_EAUTH);
}

/* One that others have made and signed. */
static void published_id_block(void **state)
{
	const json_t *v = json_object_get(vectors, "id_block");
	struct om_id_owner owner;
	uint8_t *block, *auth, again[OM_ID_BLOCK_SIZE];
	size_t size;

	(void)state;
	auth = read_vector(json_string_value(json_object_get(v, "id_auth_block_file")), &size);
	assert_int_equal(size, OM_ID_AUTH_SIZE);
	block = unit_hex(json_string_value(json_object_get(v, "id_block_hex")), &size);
	assert_int_equal(size, OM_ID_BLOCK_SIZE);
	assert_int_equal(om_id_verify(block, auth, &owner), 0);
	assert_true(owner.author);
	expect_hex(owner.id_key, sizeof owner.id_key, json_string_value(json_object_get(v, "id_key_digest_sha384")));
	expect_hex(owner.author_key, sizeof owner.author_key, json_string_value(json_object_get(v, "author_key_digest_sha384")));
	assert_int_equal(owner.block.policy, 0x30000);
	om_id_block_encode(&owner.block, again);
	assert_memory_equal(again, block, sizeof again);
	block[0] ^= 1;
	assert_int_equal(om_id_verify(block, auth, &owner), OM_EAUTH);
	free(block);
	free(auth);
}

int main(void)
{
	const struct CMUnitTest own[] = { cmocka_unit_test(cpu_models), cmocka_unit_test(tdx_digests), cmocka_unit_test(plain_guest), cmocka_unit_test(kernel_digests), cmocka_unit_test(id_blocks) };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_digests), cmocka_unit_test(hash_tables), cmocka_unit_test(first_states), cmocka_unit_test(firmware_tables),
		cmocka_unit_test(altered_firmware), cmocka_unit_test(published_id_block),
	};
	const char *path;
	int failed = cmocka_run_group_tests(own, NULL, NULL);

	if (failed)
		return failed;
	path = unit_vector_path("measure/snp_launch_digests.json");
	if (!path)
		return UNIT_SKIP;
	vectors = json_load_file(path, 0, NULL);
	if (!vectors)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(vectors);
	return failed;
}
