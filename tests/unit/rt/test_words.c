/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every access to untrusted memory is made of whole aligned words (trusted/rt/door.c). The enclave's own objects run here against
 * pages that may not be touched: each access faults, is noted with its address and its instruction, and is let through for one step.
 * LLVM's disassembler says how wide it was, the signal frame's mask register which bytes of it a masked access takes.
 *
 *   door      rt_ub_put, rt_ub_get        any alignment, any length
 *   appmem    rt_app_to_ub, rt_ub_to_app  aligned, any length, program's side at any alignment; copy.S
 *   stream    mig_stream_seal, _open      page frames with each cipher this CPU has
 *
 * The watcher itself is tried first on accesses that must not pass.
 */
#include <cpuid.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>
#include "../unit.h"
#include "mig/stream.h"
#include "rt/rt.h"

enum { PAGE = 4096, REGION = 8 * PAGE, CODE = 16, SEEN_MAX = 1 << 16, TRAP = 0x100 };

/* What the objects ask of the rest of the enclave. */
static const struct om_image_header image = { .elrange_size = 1 << 20, .heap_offset = 0, .heap_size = 1 << 20 };
const struct om_image_header *rt_image = &image;
static uint8_t cards[256], pagemap[256];
extern volatile unsigned char __optmig_attention;
volatile unsigned char __optmig_attention;
char __rt_tracked_start[1], __rt_tracked_end[1], __rt_text_end[1];
bool rt_tbuf_ok(const struct om_tbuf *tbuf, uint64_t size);
uint8_t *rt_cards(void) { return cards; }
uint8_t *rt_pagemap(void) { return pagemap; }
bool rt_mem_used(uint64_t page) { (void)page; return true; }
void rt_cards_noted(uint64_t page, uint64_t count) { (void)page, (void)count; }
_Noreturn void rt_fatal(int error, const char *words) { (void)error; fputs(words, stderr); abort(); }

/* ---- the watcher ---- */

struct access { uint64_t at, mask; uint8_t code[CODE]; };

static uint8_t *region, *program;
static struct access *seen;
static volatile unsigned seen_count;
static volatile bool in_step;
static size_t mask_offset;             /* of k0 in the signal frame's state; 0: there is none */

static void on_fault(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint64_t at = (uint64_t)info->si_addr;
	struct access *a = &seen[seen_count];

	if (signo == SIGTRAP) {
		uc->uc_mcontext.gregs[REG_EFL] &= ~TRAP;
		in_step = false;
		mprotect(region, REGION, PROT_NONE);
		return;
	}
	if (in_step || at < (uint64_t)region || at >= (uint64_t)region + REGION || seen_count == SEEN_MAX)
		abort();
	*a = (struct access){ .at = at, .mask = ~0ULL };
	memcpy(a->code, (const void *)uc->uc_mcontext.gregs[REG_RIP], CODE);
	/* EVEX, whose last payload byte names the mask register: 0 is none. */
	if (mask_offset && a->code[0] == 0x62 && a->code[3] & 7)
		memcpy(&a->mask, (const uint8_t *)uc->uc_mcontext.fpregs + mask_offset + 8 * (a->code[3] & 7), 8);
	seen_count++;
	in_step = true;
	mprotect(region, REGION, PROT_READ | PROT_WRITE);
	uc->uc_mcontext.gregs[REG_EFL] |= TRAP;
}

static LLVMDisasmContextRef disassembler;

static bool has(const char *text, const char *part) { return strstr(text, part) != NULL; }

/* Bytes of memory that the instruction touches at once; with elements, as many as the mask says. 0: not known. */
static unsigned width_of(const struct access *a, char *ret_text, size_t size)
{
	unsigned vector, element;
	size_t length = LLVMDisasmInstruction(disassembler, (uint8_t *)a->code, CODE, 0, ret_text, size);
	char name[32] = "";

	if (!length || sscanf(ret_text, " %31s", name) != 1)
		return 0;
	if (!strncmp(name, "rep", 3) || has(ret_text, "movsq") || has(ret_text, "movsb"))
		return has(ret_text, "movsq") ? 8 : has(ret_text, "movsb") ? 1 : 0;
	vector = has(ret_text, "%zmm") ? 64 : has(ret_text, "%ymm") ? 32 : has(ret_text, "%xmm") ? 16 : 0;
	if (vector) {
		if (has(name, "movq") || has(name, "movlp") || has(name, "movhp"))
			return 8;
		if (has(name, "extract") || has(name, "insert") || has(name, "broadcast"))
			return 0;
		if (!has(ret_text, "{%k"))
			return vector;
		element = has(name, "8") ? 1 : has(name, "16") ? 2 : has(name, "64") ? 8 : 4;
		/* From the first byte on, without holes: else it is several accesses. */
		if (a->mask & (a->mask + 1) && a->mask != ~0ULL)
			return 0;
		vector /= element;
		return element * (unsigned)__builtin_popcountll(vector == 64 ? a->mask : a->mask & ((1ULL << vector) - 1));
	}
	switch (name[strlen(name) - 1]) {
	case 'q': return 8;
	case 'l': return 4;
	case 'w': return 2;
	case 'b': return 1;
	}
	return 0;
}

static void begin(void)
{
	const struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &action, NULL);     /* cmocka has its own for each test */
	sigaction(SIGTRAP, &action, NULL);
	seen_count = 0;
	mprotect(region, REGION, PROT_NONE);
}

/* Return: how many accesses were not of whole aligned words. @times: how often each byte was touched; NULL if that does not matter. */
static unsigned end(uint64_t from, size_t size, unsigned times)
{
	static uint8_t count[REGION];
	unsigned bad = 0;

	mprotect(region, REGION, PROT_READ | PROT_WRITE);
	memset(count, 0, sizeof count);
	for (unsigned i = 0; i < seen_count; i++) {
		char text[128];
		unsigned width = width_of(&seen[i], text, sizeof text);

		if (width == 0 || width % 8 || seen[i].at % 8) {
			if (!bad++ && times)
				printf("%u bytes at %#lx: %s\n", width, seen[i].at - (uint64_t)region, text);
		}
		for (unsigned j = 0; j < width && seen[i].at + j < (uint64_t)region + REGION; j++)
			count[seen[i].at + j - (uint64_t)region]++;
	}
	for (size_t i = 0; times && i < size; i++)
		if (count[from - (uint64_t)region + i] != times) {
			if (!bad++)
				printf("byte %zu of %zu was touched %u times\n", i, size, count[from - (uint64_t)region + i]);
		}
	return bad;
}

/* ---- the watcher is watched ---- */

static void test_watcher(void **state)
{
	uint64_t word;
	uint8_t *at = region + 64;
	size_t count = 16;
	uint8_t bytes[64] = { 0 };

	(void)state;
	begin();
	*(volatile uint64_t *)at = 1;
	word = *(volatile uint64_t *)at;
	assert_int_equal(end((uint64_t)at, 8, 2), 0);
	begin();
	*(volatile uint8_t *)at = (uint8_t)word;
	assert_int_equal(end((uint64_t)at, 1, 0), 1);
	begin();
	word = *(volatile uint32_t *)at;
	assert_int_equal(end((uint64_t)at, 4, 0), 1);
	begin();
	*(volatile uint64_t *)(at + 4) = word;
	assert_int_equal(end((uint64_t)at, 8, 0), 1);
	begin();
	void *to = at;
	const void *from = bytes;
	__asm__ volatile ("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
	assert_true(end((uint64_t)at, 16, 0) >= 1);
	begin();
	__asm__ volatile ("movdqu %1, %%xmm0; movdqu %%xmm0, (%0)" : : "r"(at + 4), "m"(bytes) : "xmm0", "memory");
	assert_int_equal(end((uint64_t)at, 16, 0), 1);
	if (!mask_offset)
		return;
	for (unsigned bits = 1; bits <= 16; bits++) {
		begin();
		__asm__ volatile ("kmovq %1, %%k3; vmovdqu8 %%zmm0, (%0) %{%%k3%}" : : "r"(at), "r"((1ULL << bits) - 1) : "memory");
		assert_int_equal(end((uint64_t)at, bits, 0), bits % 8 != 0);
	}
}

/* ---- the door ---- */

static void test_door(void **state)
{
	static const size_t sizes[] = { 250, 504, 511, 512, 513, 519, 520 };
	uint8_t bytes[4096], back[4096];

	(void)state;
	/* What the arena in a transfer buffer takes for granted. */
	assert_true(rt_tbuf_ok((const struct om_tbuf *)region, OM_TBUF_SIZE_MIN + 16));
	assert_false(rt_tbuf_ok((const struct om_tbuf *)region, OM_TBUF_SIZE_MIN + 8));
	assert_false(rt_tbuf_ok((const struct om_tbuf *)(region + 16), OM_TBUF_SIZE_MIN));
	unit_random_bytes(bytes, sizeof bytes);
	for (unsigned skew = 0; skew < 8; skew++)
		for (size_t s = 0; s < 26 + (skew % 3 ? 0 : sizeof sizes / sizeof *sizes); s++) {
			size_t size = s < 26 ? s : sizes[s - 26];
			uint8_t *at = region + 128 + skew;

			memset(region, 0xa5, PAGE * 2);
			begin();
			rt_ub_put(at, bytes, size);
			assert_int_equal(end((uint64_t)at, 0, 1), 0);
			assert_memory_equal(at, bytes, size);
			assert_int_equal(at[-1], 0xa5);
			assert_int_equal(at[size], 0xa5);
			begin();
			rt_ub_get(back, at, size);
			assert_int_equal(end((uint64_t)at, size, 1), 0);
			assert_memory_equal(back, bytes, size);
		}
}

static void test_program(void **state)
{
	(void)state;
	unit_random_bytes(program, PAGE * 2);
	for (unsigned skew = 0; skew < 3; skew++)
		for (size_t s = 0; s < 90 + (skew ? 2 : 16); s++) {
			size_t size = s < 90 ? s : 2040 + s - 90;
			uint64_t app = (uint64_t)program + skew;
			uint8_t *at = region + 64;

			begin();
			assert_int_equal(rt_app_to_ub(at, app, size), 0);
			assert_int_equal(end((uint64_t)at, 0, 1), 0);
			assert_memory_equal(at, program + skew, size);
			unit_random_bytes(at, size);
			begin();
			assert_int_equal(rt_ub_to_app(app, at, size), 0);
			assert_int_equal(end((uint64_t)at, 0, 1), 0);
			assert_memory_equal(at, program + skew, size);
		}
}

/* ---- frames ---- */

static void frames(uint64_t features)
{
	static const uint8_t secret_bytes[32] = { 7 };
	static uint8_t plain[OM_FRAME_HEAD_MAX + 3 * PAGE], back[sizeof plain];
	struct mig_secret secret;
	struct mig_stream out, in;

	memcpy(secret.bytes, secret_bytes, 32);
	unit_random_bytes(plain, sizeof plain);
	mig_stream_init(&out, &secret, 0, OM_CONNECTION_PAGES, MIG_TO_DESTINATION, MIG_KEY_FRAMES, features);
	mig_stream_init(&in, &secret, 0, OM_CONNECTION_PAGES, MIG_TO_DESTINATION, MIG_KEY_FRAMES, features);
	for (unsigned skew = 0; skew < 64; skew += 8)
		for (size_t runs = 1; runs <= 24; runs++) {
			size_t head = runs * OM_RUN_SIZE, pages = runs == 11 && skew == 24 ? 1 : 0, size = 0, length = head + pages * PAGE;
			uint8_t *at = region + 256 + skew;
			uint8_t header[OM_FRAME_HEADER];
			struct om_frame frame;

			memset(region, 0x5a, REGION);
			begin();
			assert_int_equal(mig_stream_seal(&out, OM_FRAME_PAGES, (uint16_t)head, plain, length, at, &size), 0);
			assert_int_equal(end((uint64_t)at, size, 1), 0);
			assert_int_equal(size, OM_FRAME_HEADER + length + OM_FRAME_TAG);
			assert_int_equal(at[-1], 0x5a);
			assert_int_equal(at[size], 0x5a);
			memcpy(header, at, sizeof header);
			assert_int_equal(om_frame_decode(header, &frame), 0);
			begin();
			assert_int_equal(mig_stream_open(&in, &frame, header, at + OM_FRAME_HEADER, back), 0);
			assert_int_equal(end((uint64_t)at + OM_FRAME_HEADER, size - OM_FRAME_HEADER, 1), 0);
			assert_memory_equal(plain, back, length);
		}
}

static void test_frames(void **state)
{
	uint64_t features = unit_features();

	(void)state;
	frames(OM_CPU_AESNI);
	if ((features & UNIT_VAES256) == UNIT_VAES256)
		frames(OM_CPU_AESNI | UNIT_VAES256);
	if ((features & UNIT_VAES) == UNIT_VAES)
		frames(OM_CPU_AESNI | UNIT_VAES);
}

static int setup(void **state)
{
	unsigned a, b, c, d;

	(void)state;
	region = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	program = mmap((void *)OM_ELRANGE_BASE, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	seen = calloc(SEEN_MAX, sizeof *seen);
	assert_true(region != MAP_FAILED && program == (void *)OM_ELRANGE_BASE && seen);
	if (__builtin_cpu_supports("avx512bw") && __get_cpuid_count(13, 5, &a, &b, &c, &d))
		mask_offset = b;
	LLVMInitializeX86TargetInfo();
	LLVMInitializeX86TargetMC();
	LLVMInitializeX86Disassembler();
	disassembler = LLVMCreateDisasm("x86_64-linux-gnu", NULL, 0, NULL, NULL);
	return disassembler ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_watcher), cmocka_unit_test(test_door), cmocka_unit_test(test_program), cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
