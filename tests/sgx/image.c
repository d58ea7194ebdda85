/* SPDX-License-Identifier: Apache-2.0 */
/* The image reader: a valid image's plan page by page, what is refused, and that no damage harms the reader. */
#include <stdio.h>
#include <stdlib.h>
#include "buildimage.h"
#include "measure.h"

static int failures;
#define CHECK(condition) do { if (!(condition)) { failures++; \
	fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); } } while (0)

static struct built_image good;

static void test_plan(void)
{
	const uint64_t r = SGX_SECINFO_REG | SGX_SECINFO_R, rx = r | SGX_SECINFO_X, rw = r | SGX_SECINFO_W;
	const struct { uint64_t offset, length, flags; } want[] = { { 0, 0x2000, r }, { 0x2000, 0x1000, r },
		{ 0x3000, 0x1000, rx }, { 0x4000, 0x1000, rx }, { 0x6000, 0x1000, rw },
		{ 0x20000000, 0x1000, SGX_SECINFO_TCS }, { 0x20001000, 0x2000, rw }, { 0x20003000, 0x1000, rw },
		{ 0x20005000, 0x8000, rw }, { 0x2000e000, 0x10000, rw }, { 0x20020000, 0x1000, SGX_SECINFO_TCS } };
	struct om_image image;
	struct om_image_plan plan;
	struct om_image_run run;
	uint64_t offset, length;

	CHECK(om_image_open(&good, sizeof good, false, &image) == 0);
	CHECK(bi_property(&image) == NULL);
	om_image_plan_begin(&plan, &image);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		CHECK(om_image_plan_next(&plan, &run));
		CHECK(run.offset == want[i].offset && run.length == want[i].length && run.secinfo_flags == want[i].flags);
		if (i == 1)
			CHECK(run.source[0x7ff] == good.bytes[0x27ff] && run.source[0x800] == 0);
		if (i == 2)
			CHECK(run.source[0xff] == 0 && run.source[0x100] == 0xcc && run.source[0xfff] == 0xcc);
		if (i == 3)
			CHECK(run.source[0xaff] == 0xcc && run.source[0xb00] == 0);
		if (i == 4)
			CHECK(run.source[0xf] == 0xdd && run.source[0x10] == 0);
		if (i == 5) {
			const struct sgx_tcs *tcs = (const struct sgx_tcs *)run.source;
			uint64_t gs = OM_ELRANGE_BASE + tcs->ogsbase, address = OM_ELRANGE_BASE + 0x123456;
			CHECK(tcs->ossa == 0x20001000 && tcs->nssa == 2 && tcs->oentry == 0x3200);
			CHECK(tcs->ofsbase == 0x20003000);
			CHECK(gs + (address >> 12) == OM_ELRANGE_BASE + image.header.cards_offset + 0x123);
		}
	}
	CHECK(om_image_bss(&image, 0, &offset, &length) && offset == 0x7000 && length == 0x2000);
	CHECK(!om_image_bss(&image, 1, &offset, &length));
}

/* A change must be refused with this code; the image is rebuilt for each. */
#define REFUSED(error, change) do { struct om_image image_; static struct built_image b; b = good; change; \
	int r_ = om_image_open(&b, sizeof b, false, &image_); CHECK(r_ == (error)); CHECK(r_ == 0 || image_.reason); } while (0)

static void test_refused(void)
{
	REFUSED(OM_EIMAGE, b.bytes[1] = 'X');
	REFUSED(OM_EIMAGE, b.eh.e_type = ET_DYN);
	REFUSED(OM_EIMAGE, b.eh.e_machine = EM_386);
	REFUSED(OM_EIMAGE, b.eh.e_phoff = ~0ull);
	REFUSED(OM_EIMAGE, b.eh.e_phentsize = 1);
	REFUSED(OM_EIMAGE, b.eh.e_shoff = sizeof b - 8);
	REFUSED(OM_EIMAGE, b.eh.e_shnum = 0);
	REFUSED(OM_EIMAGE, bi_sh(&b)[b.eh.e_shstrndx].sh_offset = sizeof b - 1);
	REFUSED(OM_EIMAGE, bi_sh(&b)[b.eh.e_shstrndx].sh_size = ~0ull);
	REFUSED(OM_EIMAGE, b.eh.e_entry = OM_ELRANGE_BASE);
	REFUSED(OM_EIMAGE, b.eh.e_entry = 0);
	REFUSED(OM_EIMAGE, b.eh.e_entry = OM_ELRANGE_BASE + 0x3100 + 0x1a00);
	REFUSED(OM_EIMAGE, bi_ph(&b)[1].p_flags = PF_R | PF_W | PF_X);
	REFUSED(OM_EIMAGE, bi_ph(&b)[1].p_type = PT_DYNAMIC);
	REFUSED(OM_EIMAGE, bi_ph(&b)[2].p_filesz = 0x2801);
	REFUSED(OM_EIMAGE, bi_ph(&b)[2].p_offset = sizeof b - 1);
	REFUSED(OM_EIMAGE, bi_ph(&b)[2].p_vaddr = OM_ELRANGE_BASE + 0x4fff);
	REFUSED(OM_EELRANGE, bi_ph(&b)[2].p_vaddr = 0x1000);
	REFUSED(OM_EELRANGE, bi_ph(&b)[2].p_memsz = ~0ull);
	REFUSED(OM_EIMAGE, bi_ph(&b)[2].p_memsz += 0x1000);
	REFUSED(OM_EIMAGE, bi_sh(&b)[1].sh_size--);
	REFUSED(OM_EIMAGE, bi_sh(&b)[1].sh_addr += 4096);
	REFUSED(OM_EIMAGE, bi_sh(&b)[1].sh_name = 0);
	REFUSED(OM_EIMAGE, bi_sh(&b)[2].sh_size++);
	REFUSED(OM_EIMAGE, bi_sh(&b)[2].sh_offset = BI_TEXT);
	REFUSED(OM_EIMAGE, bi_sh(&b)[2].sh_offset = ~0ull);
	REFUSED(OM_EIMAGE, bi_sh(&b)[2].sh_flags = SHF_ALLOC);
	REFUSED(OM_EIMAGE, bi_header(&b)->magic = 0);
	REFUSED(OM_EVERSION, bi_header(&b)->version++);
	REFUSED(OM_EIMAGE, bi_header(&b)->flags = 64);
	REFUSED(OM_EIMAGE, bi_header(&b)->elrange_size += 4096);
	REFUSED(OM_EIMAGE, bi_header(&b)->elrange_size = OM_ELRANGE_MAX * 2);
	REFUSED(OM_EIMAGE, bi_header(&b)->image_end_offset += 4096);
	REFUSED(OM_EIMAGE, bi_header(&b)->app_threads = 0);
	REFUSED(OM_EIMAGE, bi_header(&b)->app_threads = OM_APP_THREADS_MAX + 1);
	REFUSED(OM_EELRANGE, bi_header(&b)->heap_offset = 0x8000);
	REFUSED(OM_EELRANGE, bi_header(&b)->heap_size = 0x20000000);
	REFUSED(OM_EELRANGE, bi_header(&b)->heap_size = ~4095ull);
	REFUSED(OM_EELRANGE, bi_header(&b)->slots_offset += 1);
	REFUSED(OM_EELRANGE, bi_header(&b)->cards_offset += 4096);
	REFUSED(OM_EELRANGE, bi_header(&b)->pagemap_size -= 4096);
	REFUSED(OM_EIMAGE, bi_header(&b)->policy_size = OM_POLICY_MAX + 1);
	REFUSED(OM_EVERSION, (memcpy(bi_header(&b)->policy, "OMPO\1\0", 6), bi_header(&b)->policy_size = 56));
	REFUSED(OM_EVERSION, (memcpy(bi_header(&b)->policy, "OMPO\2\1", 6), bi_header(&b)->policy_size = 6));
	REFUSED(0, (memcpy(bi_header(&b)->policy, "OMPO\2\0", 6), bi_header(&b)->policy_size = 6));
	REFUSED(OM_EIMAGE, memset(bi_header(&b)->program_name, 'x', 64));
	REFUSED(OM_EIMAGE, bi_header(&b)->xfrm = 0);
	REFUSED(OM_EIMAGE, bi_header(&b)->xfrm = 0xe5);
	REFUSED(OM_EIMAGE, bi_header(&b)->xfrm |= 1 << 17);
	REFUSED(0, bi_header(&b)->xfrm = OM_XFRM_SSE);
	REFUSED(0, bi_header(&b)->xfrm = OM_XFRM_AVX512);
	REFUSED(OM_EIMAGE, bi_header(&b)->reserved[55] = 1);
	REFUSED(0, (void)b);
}

/* Any byte of what is added changes MRENCLAVE; the signature's bytes do not. */
static void test_measured(void)
{
	struct om_image image;
	static struct built_image b;
	uint8_t base[32], other[32];
	static const struct { uint32_t at; bool measured; } bytes[] = { { 0x900, true }, { BI_TEXT + 5, true },
		{ BI_DATA, true }, { BI_SIGSTRUCT, false }, { BI_HEADER + offsetof(struct om_image_header, policy) + 77, true } };

	CHECK(om_image_open(&good, sizeof good, false, &image) == 0);
	om_measure_image(&image, 0, base);
	for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
		b = good;
		b.bytes[bytes[i].at] ^= 1;
		CHECK(om_image_open(&b, sizeof b, false, &image) == 0);
		om_measure_image(&image, 0, other);
		CHECK((memcmp(base, other, 32) != 0) == bytes[i].measured);
	}
}

/* Truncations and random damage, in a buffer of the exact size so that ASan sees every step outside. */
static void test_damage(void)
{
	struct om_image image;
	uint64_t x = 88172645463325252ull;

	for (uint64_t size = 0; size < sizeof good; size += size < 0x200 ? 1 : 61) {
		uint8_t *copy = malloc(size ? size : 1);
		memcpy(copy, &good, size);
		if (om_image_open(copy, size, false, &image) == 0)
			CHECK(bi_property(&image) == NULL);
		free(copy);
	}
	for (int i = 0; i < 200000; i++) {
		static struct built_image b;
		b = good;
		for (int k = 0; k < 1 + i % 3; k++) {
			static const uint32_t areas[][2] = { { 0, 64 }, { BI_PH, 168 }, { BI_SH, 256 }, { BI_HEADER, 200 } };
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			uint32_t a = x & 3;
			b.bytes[areas[a][0] + (x >> 8) % areas[a][1]] = x & 0x10000000 ? 0xff : (uint8_t)(x >> 32);
		}
		if (om_image_open(&b, sizeof b, false, &image) == 0) {
			const char *broken = bi_property(&image);
			if (broken)
				fprintf(stderr, "%s\n", broken);
			CHECK(!broken);
		}
	}
}

int main(void)
{
	bi_build(&good);
	test_plan();
	test_refused();
	test_measured();
	test_damage();
	return failures != 0;
}
