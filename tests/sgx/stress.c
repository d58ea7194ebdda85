/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads live on interleaved pages of the same 64 KiB chunks: each accepts, copies, writes, restricts, trims and
 * removes its own, while its neighbours' touches fill pages around. A page must never hold anything but what its owner
 * put there, and a page that was removed must always fault.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include "harness.h"

#define THREADS 3
#define PAGES   48
#define ROUNDS  6000
#define RW      (SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W)

enum state { ABSENT, FRESH, WRITTEN, READ_ONLY };
struct owned { enum state state; uint64_t value; };

static uint64_t word(int slot, uint64_t at)
{
	struct command c = { .op = OP_LOAD64, .a = { at + 0x7f8 } };

	do_command(slot, &c);
	return c.a[1];
}

static void write_page(int slot, uint64_t at, uint64_t value)
{
	do_command(slot, &(struct command){ .op = OP_STORE64, .a = { at + 0x7f8, value } });
}

static void remove_page(int slot, uint64_t at)
{
	uint64_t done;

	MUST(tee_modify_types(enclave, at - T_BASE, 4096, SGX_PT_TRIM, &done));
	CHECK_EQ(eaccept(slot, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED, at), SGX_SUCCESS);
	MUST(tee_remove_pages(enclave, at - T_BASE, 4096, &done));
}

static void step(int slot, uint64_t at, struct owned *o, uint64_t random)
{
	struct command load = { .op = OP_LOAD64, .a = { at } };
	uint64_t done;

	switch (o->state) {
	case ABSENT:
		if (random & 1) {
			must_fault(slot, &load, SGX_VECTOR_PF, 0x8005, at);
		} else if (random & 2) {
			CHECK_EQ(eaccept(slot, RW | SGX_SECINFO_PENDING, at), SGX_SUCCESS);
			*o = (struct owned){ FRESH, 0 };
		} else {
			CHECK_EQ(leaf(slot, SGX_EACCEPTCOPY, RW, at, T_BASE + T_RODATA, NULL), SGX_SUCCESS);
			*o = (struct owned){ WRITTEN, 0xa5a5a5a5a5a5a5a5 };
		}
		return;
	case READ_ONLY:
		CHECK_EQ(word(slot, at), o->value);
		if (random & 1) {
			(void)leaf(slot, SGX_EMODPE, RW, at, 0, NULL);
			o->state = WRITTEN;
		} else {
			remove_page(slot, at);
			*o = (struct owned){ ABSENT, 0 };
		}
		return;
	case FRESH:
	case WRITTEN:
		if (random & 8)
			CHECK_EQ(word(slot, at), o->value);
		if (random & 1) {
			write_page(slot, at, random);
			*o = (struct owned){ WRITTEN, random };
		} else if (random & 2) {
			remove_page(slot, at);
			*o = (struct owned){ ABSENT, 0 };
		} else if (random & 4) {
			MUST(tee_restrict_permissions(enclave, at - T_BASE, 4096, SGX_SECINFO_R, &done));
			CHECK_EQ(eaccept(slot, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_PR, at), SGX_SUCCESS);
			o->state = READ_ONLY;
		}
		return;
	}
}

static void *worker(void *argument)
{
	int slot = (int)(intptr_t)argument;
	struct owned owned[PAGES];
	uint64_t x = 0x9e3779b97f4a7c15u * (uint64_t)(slot + 1);

	memset(owned, 0, sizeof owned);
	MUST(tee_thread_attach(platform));
	for (int i = 0; i < ROUNDS && failures < 10; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		uint64_t mine = x % PAGES;
		step(slot, T_BASE + T_HEAP + 4096 * (mine * THREADS + (uint64_t)slot), &owned[mine], x >> 20);
	}
	tee_thread_detach(platform);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	open_platform();
	enclave_up();
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, worker, (void *)(intptr_t)i);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	enclave_down();
	return finish_tests("stress");
}
