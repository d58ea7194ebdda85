/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An AEX must save and ERESUME restore everything: general registers, flags, zmm0-31, k1-7, MXCSR, x87, FS, GS, and
 * the red zone stays untouched. First fault by fault, then under a storm of signals, on two threads at once.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "harness.h"

#define ROUNDS 1200
#define PATTERN 2112
#define RW (SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W)

static __thread volatile uint64_t storm_hits;
static uint64_t storm_total;

static void on_storm(int signo, void *info, void *uc)
{
	char text[64];

	(void)signo, (void)info, (void)uc;
	storm_hits++;
	__atomic_fetch_add(&storm_total, 1, __ATOMIC_RELAXED);
	snprintf(text, sizeof text, "%f %d", 1.5 * (double)storm_hits, errno);   /* TLS, vector registers, x87 */
	errno = 0;
}

static void check_dump(const uint8_t *pattern, const uint8_t *dump, int slot, uint64_t page)
{
	static const uint64_t gprs[] = { 0x1111111111111111, 0x2222222222222222, 0x3333333333333333, 0x4444444444444444,
		0x5555555555555555, 0x6666666666666666, 0x8888888888888888, 0x9999999999999999, 0xaaaaaaaaaaaaaaaa,
		0xbbbbbbbbbbbbbbbb, 0xcccccccccccccccc, 0xdddddddddddddddd, 0xeeeeeeeeeeeeeeee, 0xffffffffffffffff };
	/* All but the last bit, which follows the rounding mode. */
	static const uint8_t log2e[10] = { 0xbc, 0xf0, 0x17, 0x5c, 0x29, 0x3b, 0xaa, 0xb8, 0xff, 0x3f };
	static const uint8_t pi[10] = { 0x35, 0xc2, 0x68, 0x21, 0xa2, 0xda, 0x0f, 0xc9, 0x00, 0x40 };
	const uint64_t *words = (const uint64_t *)(dump + D_GPR);

	for (int i = 0; i < 14; i++)
		CHECK_EQ(words[i], gprs[i]);
	CHECK_EQ(words[14], page);
	CHECK_EQ(words[15], 0x1234567);
	CHECK_EQ(words[16], 0x7654321);
	CHECK_EQ(words[17] & 0xcd5, 0xcd5);
	CHECK_EQ(words[18], tcs_of(slot) + T_BLOCK);
	CHECK_EQ(words[19], T_BASE + T_DATA);
	CHECK(memcmp(pattern, dump, 2110) == 0);
	CHECK(memcmp(dump + 2113, log2e + 1, 9) == 0);
	CHECK(memcmp(dump + 2129, pi + 1, 9) == 0);
}

static void one_round(int slot, uint64_t page, uint8_t *pattern, uint8_t *dump, bool copy)
{
	struct command c = { .op = OP_REGS, .a = { page, (uint64_t)pattern, (uint64_t)dump } }, get = { .op = OP_LOAD64 };
	struct tee_run run;
	uint64_t flags;

	memset(dump, 0, 4096);
	MUST(enter(slot, &c, &run));
	CHECK_EQ(run.function, SGX_ERESUME);
	CHECK_EQ(run.exception_error_code, 0x8007);
	CHECK_EQ(run.exception_addr, page);
	/* At CSSA 1: look at the frame, repair, and clobber vector registers on the way. */
	get.a[0] = tcs_of(slot) + T_SSA + 4096 - SGX_GPRSGX_SIZE + SGX_GPR_R11;
	do_command(slot, &get);
	CHECK_EQ(get.a[1], 0xbbbbbbbbbbbbbbbb);
	CHECK_EQ(leaf(slot, copy ? SGX_EACCEPTCOPY : SGX_EACCEPT, copy ? RW : RW | SGX_SECINFO_PENDING, page,
		T_BASE + T_RODATA, &flags), SGX_SUCCESS);
	MUST(resume(slot, &run));
	CHECK_EQ(run.function, SGX_EEXIT);
	check_dump(pattern, dump, slot, page);
}

static void *worker(void *argument)
{
	int slot = (int)(intptr_t)argument;
	uint8_t *pattern = aligned_alloc(4096, 4096), *dump = aligned_alloc(4096, 4096);
	uint32_t mxcsr = 0x7f80;
	uint16_t control = 0x0f7f;

	MUST(tee_thread_attach(platform));
	for (int i = 0; i < 4096; i++)
		pattern[i] = (uint8_t)(i * 37 + (i >> 8) + slot);
	memcpy(pattern + 2104, &mxcsr, 4);
	memcpy(pattern + 2108, &control, 2);
	for (int i = 0; i < ROUNDS && failures < 10; i++)
		one_round(slot, T_BASE + T_HEAP + 4096ull * (uint64_t)(slot * ROUNDS + i), pattern, dump, i & 1);
	tee_thread_detach(platform);
	free(pattern);
	free(dump);
	return NULL;
}

/* Signals while nothing else happens: a tight loop and the red zone. */
static void *steady_worker(void *argument)
{
	int slot = (int)(intptr_t)argument;
	struct command count = { .op = OP_COUNT, .a = { T_BASE + T_DATA + 0x1000 * (uint64_t)slot, 4000000 } };
	struct command red = { .op = OP_RED_ZONE, .a = { 1000000 } };

	MUST(tee_thread_attach(platform));
	do_command(slot, &count);
	CHECK_EQ(count.a[2], 0);
	do_command(slot, &red);
	CHECK_EQ(red.a[1], 0);
	tee_thread_detach(platform);
	return NULL;
}

static void run_two(void *(*function)(void *))
{
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, function, (void *)(intptr_t)(i + 1));
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

int main(void)
{
	struct tee_capabilities caps;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM };
	struct itimerspec every = { { 0, 50000 }, { 0, 50000 } };
	timer_t timer;

	open_platform();
	tee_platform_capabilities(platform, &caps);
	if (caps.xfrm != SGX_XFRM_AVX512) {
		puts("skipped: no AVX-512 here");
		return 77;
	}
	MUST(tee_sigaction(SIGALRM, on_storm, SA_RESTART));
	enclave_up();
	run_two(worker);
	enclave_down();
	enclave_up();
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &every, NULL);
	run_two(worker);
	run_two(steady_worker);
	timer_delete(timer);
	CHECK(storm_total > 100);
	printf("%llu signals\n", (unsigned long long)storm_total);
	enclave_down();
	return finish_tests("registers");
}
