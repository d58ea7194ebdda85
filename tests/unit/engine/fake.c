/* SPDX-License-Identifier: Apache-2.0 */
/* See fake.h. Rules of the real runtime that the engine must keep are checked here and reported in fake.broken. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "tests/unit/engine/fake.h"
#include "engine/state.h"
#include "rt/rt.h"
#include "rt/lineage.h"
#include "rt/owner.h"
#include "rt/seal.h"

uint8_t *fake_elrange;
static struct fake fake;
static struct om_image_header header;
const struct om_image_header *rt_image = &header;
struct rt_thread rt_threads[OM_SLOTS_MAX];
int (*rt_owed_fault)(uint64_t address);
static uint64_t *resident_time;
static int64_t time_offset;

void rt_seal_moved(void) { }
void rt_lineage_wipe(void) { }
void rt_owner_wipe(void) { }

struct fake *fake_get(void) { return &fake; }

static void broken(const char *words, uint64_t page)
{
	if (!fake.broken)
		snprintf(fake.broken_words, sizeof fake.broken_words, "%s (page %lu)", words, page);
	fake.broken = true;
}

static void set_pages(uint64_t from, uint64_t to, uint8_t byte)
{
	for (uint64_t i = from; i < to; i++)
		atomic_store(&fake.pagemap[i], byte);
}

void fake_boot(bool receive)
{
	struct om_boot boot = { .version = 1, .flags = receive ? OM_BOOT_RECEIVE : 0,
		.cpu_features = OM_CPU_AESNI };

	fake_elrange = fake.memory = mmap(NULL, (size_t)FAKE_PAGES << 12, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fake.pagemap = aligned_alloc(4096, FAKE_PAGES);
	fake.cards = aligned_alloc(4096, FAKE_PAGES);
	memset((void *)fake.pagemap, 0, FAKE_PAGES);
	memset((void *)fake.cards, 0, FAKE_PAGES);
	header.elrange_size = (uint64_t)FAKE_PAGES << 12;
	header.image_end_offset = (uint64_t)FAKE_HEAP << 12;
	header.heap_offset = (uint64_t)FAKE_HEAP << 12;
	header.slots_offset = (uint64_t)FAKE_SLOTS << 12;
	header.service_slots = OM_SERVICE_SLOTS;
	header.app_threads = 8;
	header.xfrm = OM_XFRM_AVX512;
	set_pages(0, FAKE_DATA, RT_PAGE_IMAGE | RT_PAGE_R);
	set_pages(FAKE_DATA, FAKE_RESIDENT, RT_PAGE_ACCEPTED | RT_PAGE_R | RT_PAGE_W);
	set_pages(FAKE_RESIDENT, FAKE_RESIDENT + 8, RT_PAGE_RESIDENT);
	set_pages(FAKE_RESIDENT + 8, FAKE_HEAP, RT_PAGE_LOCAL);
	set_pages(FAKE_SLOTS, FAKE_PAGES, RT_PAGE_LOCAL);
	set_pages(FAKE_RESIDENT, FAKE_RESIDENT + 3, RT_PAGE_RESIDENT | RT_PAGE_R | RT_PAGE_W);
	resident_time = (uint64_t *)(fake.memory + ((uint64_t)FAKE_RESIDENT << 12));
	if (receive)
		fake.stop = true;
	engine_boot(&boot);
}

void fake_thread(void *tbuf, uint64_t size, bool exception)
{
	static __thread struct rt_tcb mine;
	struct rt_tcb *tcb = &mine;


	tcb->self = tcb;
	tcb->tbuf = tcb->exc_tbuf = tbuf;
	tcb->tbuf_size = tcb->exc_tbuf_size = size;
	tcb->in_exception = exception;
	__asm__ volatile("movq %0, %%fs:32" : : "r"(tcb));
}

/* ---- the application's side ---- */

static void mark(uint64_t page)
{
	if (!atomic_load_explicit(&fake.cards[page], memory_order_relaxed))
		atomic_store_explicit(&fake.cards[page], 1, memory_order_relaxed);
}

volatile uint8_t *fake_touch(uint64_t page, bool write)
{
	for (;;) {
		uint8_t byte = atomic_load(&fake.pagemap[page]);

		switch (RT_PAGE_STATE(byte)) {
		case RT_PAGE_ACCEPTED:
			if (write && atomic_load_explicit(&fake.track, memory_order_relaxed))
				mark(page);
			return fake.memory + (page << 12);
		case RT_PAGE_RESERVED:
			if (atomic_compare_exchange_strong(&fake.pagemap[page], &byte, (uint8_t)((byte & ~7u) | RT_PAGE_ARRIVING))) {
				memset(fake.memory + (page << 12), 0, 4096);
				atomic_store(&fake.pagemap[page], (uint8_t)((byte & ~7u) | RT_PAGE_ACCEPTED));
				mark(page);
			}
			break;
		case RT_PAGE_OWED:
			if (!rt_owed_fault) {
				broken("owed page without a handler", page);
				return fake.memory + (page << 12);
			}
			(void)rt_owed_fault(rt_page_address(page));
			break;
		case RT_PAGE_ARRIVING:
			if (atomic_load_explicit(&fake.abandoned, memory_order_relaxed))
				pthread_exit(NULL);
			sched_yield();
			break;
		default:
			broken("the application touched a page that is not its own", page);
			return fake.memory + (page << 12);
		}
	}
}

static pthread_mutex_t park_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t park_wake = PTHREAD_COND_INITIALIZER;

bool fake_safepoint(int i)
{
	atomic_store(&fake.epoch_seen[i], atomic_load(&fake.epoch));
	if (!atomic_load(&fake.stop) && !atomic_load(&fake.quit))
		return true;
	pthread_mutex_lock(&park_lock);
	atomic_fetch_sub(&fake.running, 1);
	while (atomic_load(&fake.stop) && !atomic_load(&fake.quit))
		pthread_cond_wait(&park_wake, &park_lock);
	if (!atomic_load(&fake.quit))
		atomic_fetch_add(&fake.running, 1);
	pthread_mutex_unlock(&park_lock);
	return !atomic_load(&fake.quit);
}

static void set_stop(bool stop)
{
	pthread_mutex_lock(&park_lock);
	atomic_store(&fake.stop, stop);
	pthread_cond_broadcast(&park_wake);
	pthread_mutex_unlock(&park_lock);
}

void fake_quit(void)
{
	atomic_store(&fake.quit, true);
	set_stop(atomic_load(&fake.stop));
}

void fake_map(uint64_t page, uint64_t count)
{
	for (uint64_t i = page; i < page + count; i++) {
		atomic_store(&fake.pagemap[i], RT_PAGE_RESERVED | RT_PAGE_R | RT_PAGE_W);
		mark(i);
	}
}

void fake_unmap(uint64_t page)
{
	uint8_t byte = atomic_load(&fake.pagemap[page]);

	while (RT_PAGE_STATE(byte) == RT_PAGE_ARRIVING ||
	       !atomic_compare_exchange_weak(&fake.pagemap[page], &byte, RT_PAGE_FREE))
		byte = atomic_load(&fake.pagemap[page]);
	if (RT_PAGE_STATE(byte) == RT_PAGE_OWED)
		engine_owed_given_up(page);
	memset(fake.memory + (page << 12), 0xdd, 4096);
	mark(page);
}

/* ---- rt.h ---- */

void rt_lock(struct rt_lock *lock)
{
	if (fake.locking)
		fake.locking();
	while (__atomic_exchange_n(&lock->word, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}
void rt_yield(void) { atomic_fetch_add(&fake.yields, 1); sched_yield(); }
void rt_unlock(struct rt_lock *lock) { __atomic_store_n(&lock->word, 0, __ATOMIC_RELEASE); }

bool rt_random(void *to, size_t size)
{
	return getentropy(to, size) == 0;
}

_Noreturn void rt_fatal(int error, const char *words)
{
	fprintf(stderr, "rt_fatal %d: %s\n", error, words);
	abort();
}

void rt_ub_put(void *untrusted, const void *trusted, size_t size) { memcpy(untrusted, trusted, size); }
void rt_ub_get(void *trusted, const void *untrusted, size_t size) { memcpy(trusted, untrusted, size); }

long rt_hostcall(enum om_hostcall op, uint32_t flags, uint32_t nr, const uint64_t arg[6])
{
	(void)flags; (void)nr;
	if (op != OM_HC_URGENT_PAGE)
		return fake.host ? fake.host(op, (uint8_t *)rt_self()->tbuf + OM_TBUF_DATA, arg[0]) : -38;
	if (arg[0] == 0) {
		if (atomic_load(&fake.abandoned))
			pthread_exit(NULL);
		sched_yield();
		return 0;
	}
	return fake.urgent((uint8_t *)rt_self()->exc_tbuf + OM_TBUF_DATA, arg[0]);
}

uint8_t *rt_pagemap(void) { return (uint8_t *)fake.pagemap; }
uint8_t *rt_cards(void) { return (uint8_t *)fake.cards; }
void rt_cards_mark(uint64_t address, size_t size)
{
	(void)size;                        /* the engine marks single pages */
	mark(rt_page_index(address));
}
bool rt_mem_used(uint64_t page_index)
{
	for (uint64_t i = page_index & ~4095ull; i < (page_index | 4095); i++)
		if (atomic_load_explicit(&fake.pagemap[i], memory_order_relaxed))
			return true;
	return false;
}

uint8_t rt_cards_stripes(uint64_t page_index, bool clear)
{
	uint8_t stripes = 0;

	(void)clear;
	for (uint64_t i = 0; i < 8; i++)
		for (uint64_t page = (page_index & ~4095ull) + i * RT_STRIPE_PAGES; page < (page_index & ~4095ull) + (i + 1) * RT_STRIPE_PAGES; page++)
			if (fake.cards[page] || RT_PAGE_STATE(atomic_load(&fake.pagemap[page])) == RT_PAGE_ACCEPTED)
				stripes |= (uint8_t)(1u << i);
	return stripes;
}

uint64_t rt_cards_next(uint64_t page_index) { return page_index; }

bool rt_mem_copy_out(void *trusted, uint64_t page)
{
	uint8_t state = RT_PAGE_STATE(atomic_load(&fake.pagemap[page]));

	if (state != RT_PAGE_ACCEPTED && state != RT_PAGE_RESIDENT)
		return false;
	memcpy(trusted, fake.memory + (page << 12), 4096);
	return true;
}

/* In the enclave, though the page map says otherwise. */
static _Atomic bool ahead[FAKE_PAGES];

int rt_mem_accept_over(uint64_t address, size_t size, uint8_t protection)
{
	for (uint64_t p = rt_page_index(address); p < rt_page_index(address + size); p++) {
		uint8_t state = RT_PAGE_STATE(atomic_load(&fake.pagemap[p]));

		if (state != RT_PAGE_FREE && state != RT_PAGE_RESERVED)
			broken("accepted twice", p);
		memset(fake.memory + (p << 12), 0xdd, 4096);
		atomic_store(&ahead[p], false);
		atomic_store(&fake.pagemap[p], RT_PAGE_ACCEPTED | protection);
		mark(p);
	}
	return 0;
}

void rt_mem_accept_ahead(uint64_t address, size_t size)
{
	for (uint64_t p = rt_page_index(address); p < rt_page_index(address + size); p++)
		if (RT_PAGE_STATE(atomic_load(&fake.pagemap[p])) <= RT_PAGE_RESERVED)
			atomic_store(&ahead[p], true);
}

int rt_mem_settle(uint64_t address, size_t size)
{
	for (uint64_t p = rt_page_index(address); p < rt_page_index(address + size); p++)
		atomic_store(&ahead[p], false);
	return 0;
}

int rt_mem_trim(uint64_t address, size_t size)
{
	for (uint64_t p = rt_page_index(address); p < rt_page_index(address + size); p++) {
		if (RT_PAGE_STATE(atomic_load(&fake.pagemap[p])) != RT_PAGE_ACCEPTED)
			broken("trimmed though it is not there", p);
		memset(fake.memory + (p << 12), 0xee, 4096);
		atomic_store(&fake.pagemap[p], RT_PAGE_FREE);
		mark(p);
		atomic_fetch_add(&fake.trims, 1);
	}
	return fake.trim_fails ? OM_EHOST : 0;
}

int rt_mem_accept_copy(uint64_t address, const void *source, uint8_t protection)
{
	uint64_t p = rt_page_index(address);

	if (atomic_load(&ahead[p]))
		broken("accept-copied though it was accepted ahead", p);
	if (RT_PAGE_STATE(atomic_load(&fake.pagemap[p])) == RT_PAGE_ACCEPTED)
		atomic_fetch_add(&fake.placed_twice, 1);
	if ((uint64_t)source & 4095)
		broken("source of EACCEPTCOPY is not aligned", p);
	if (atomic_load(&fake.copies_refused)) {
		atomic_fetch_sub(&fake.copies_refused, 1);
		return OM_ESGX;
	}
	memcpy(fake.memory + (p << 12), source, 4096);
	atomic_store(&fake.pagemap[p], RT_PAGE_ACCEPTED | protection);
	return 0;
}

void rt_stop_begin(void) { set_stop(true); }
uint32_t rt_stop_poll(void) { sched_yield(); return atomic_load(&fake.running); }
int rt_ready_all(void) { return 0; }
void rt_resume_all(void)
{
	if (fake.rebuilt && !fake.claimed)
		broken("threads run before all is claimed", 0);
	atomic_fetch_add(&fake.resumed, 1);
	set_stop(false);
}
/* Write permissions are the CPU's: programs in real enclaves test that tracker. */
int rt_watch(uint64_t index, uint64_t count)
{
	(void)count;
	broken("rt_watch", index);
	return 0;
}

void rt_watch_counts(uint64_t *ret_pages, uint64_t *ret_faults)
{
	*ret_pages = *ret_faults = 0;
}

uint64_t rt_handshake_begin(void) { return atomic_fetch_add(&fake.epoch, 1) + 1; }
bool rt_handshake_done(uint64_t epoch)
{
	sched_yield();
	if (atomic_load(&fake.running) == 0)
		return true;
	for (uint32_t i = 0; i < atomic_load(&fake.running); i++)
		if (atomic_load(&fake.epoch_seen[i]) < epoch)
			return false;
	return true;
}
void rt_track(uint8_t who, bool wanted)
{
	if (wanted)
		atomic_fetch_or(&fake.track, who);
	else
		atomic_fetch_and(&fake.track, (uint8_t)~who);
}
void rt_throttle_set(uint64_t sleep_ns) { (void)sleep_ns; }

int64_t rt_monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec + time_offset;
}
int64_t rt_host_monotonic_ns(void) { return rt_monotonic_ns(); }
int64_t rt_realtime_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}
void rt_time_save(void) { *resident_time = (uint64_t)rt_monotonic_ns(); }
void rt_time_restore(void)
{
	if ((int64_t)*resident_time > rt_monotonic_ns())
		broken("time runs backwards", 0);
}

int rt_io_freeze(char *words, size_t size)
{
	if (fake.running)
		broken("frozen while threads run", fake.running);
	fake.frozen++;
	if (fake.freeze_error)
		snprintf(words, size, "a descriptor of the test");
	return fake.freeze_error;
}
int rt_io_thaw(char *words, size_t size)
{
	if (fake.thaw_error)
		snprintf(words, size, "a lock of the test");
	if (fake.discarded)
		broken("thawed after all was let go of", 0);
	fake.thawed++;
	return fake.thaw_error;
}
int rt_identity_arrive(char *words, size_t size) { (void)words; (void)size; return 0; }
int rt_io_rebuild(char *words, size_t size)
{
	fake.rebuilt++;
	if (fake.rebuild_error)
		snprintf(words, size, "a socket of the test");
	return fake.rebuild_error;
}
void rt_io_let_go(void) { }
void rt_io_discard(void) { fake.discarded++; }
void rt_io_forget(void) { fake.forgotten++; }
bool rt_slots_wipe(void) { return true; }

uint64_t rt_mem_wipe(uint64_t page, uint64_t end, uint64_t count)
{
	for (; page < end && count; page++) {
		if (RT_PAGE_STATE(atomic_load(&fake.pagemap[page])) != RT_PAGE_ACCEPTED)
			continue;
		memset(fake.memory + (page << 12), 0, 4096);
		count--;
	}
	return page;
}
uint64_t rt_io_claim(void)
{
	uint64_t wait = fake.claim ? fake.claim() : 0;

	fake.claims++;
	if (fake.claimed || fake.rebuilt != 1)
		broken("claimed twice, or nothing that was rebuilt", fake.rebuilt);
	fake.claimed = wait == 0;
	return wait;
}
int rt_io_check(char *words, size_t size) { (void)words; (void)size; return 0; }

/* ---- encryption: the linker sends the engine's calls of om_gcm_seal() here ---- */

int __real_om_gcm_seal(const struct om_gcm *g, const uint8_t nonce[12], const void *aad, size_t aad_size, const void *plain,
	size_t size, void *ret_cipher, uint8_t ret_tag[16]);
int __wrap_om_gcm_seal(const struct om_gcm *g, const uint8_t nonce[12], const void *aad, size_t aad_size, const void *plain,
	size_t size, void *ret_cipher, uint8_t ret_tag[16]);

int __wrap_om_gcm_seal(const struct om_gcm *g, const uint8_t nonce[12], const void *aad, size_t aad_size, const void *plain,
	size_t size, void *ret_cipher, uint8_t ret_tag[16])
{
	if (fake.sealing)
		fake.sealing(g->round_key[0], nonce);   /* the first two round keys are the key */
	if (fake.spoil && aad_size == OM_FRAME_HEADER) {
		static __thread uint8_t spoilt[OM_FRAME_PAYLOAD_MAX];

		/* The header is the caller's own array, and goes out behind this. */
		memcpy(spoilt, plain, size);
		fake.spoil((uint8_t *)(uintptr_t)aad, aad_size, spoilt, size);
		plain = spoilt;
	}
	return __real_om_gcm_seal(g, nonce, aad, aad_size, plain, size, ret_cipher, ret_tag);
}

/* ---- evidence: a pretended quote is its REPORTDATA in clear; tests of the real one link trusted/engine/evidence.c ---- */

__attribute__((weak))
uint64_t engine_evidence_xfrm(void)
{
	return header.xfrm;
}

__attribute__((weak))
const char *engine_evidence_objection(void)
{
	return NULL;
}

__attribute__((weak))
long engine_evidence_make(enum om_role role, const uint8_t hash[32], uint8_t *ret_quote, size_t room, const char **ret_words)
{
	(void)room; (void)ret_words;
	memcpy(ret_quote, hash, 32);
	ret_quote[32] = (uint8_t)role;
	return 33;
}

__attribute__((weak))
int engine_evidence_check(enum om_role role, const uint8_t hash[32], const uint8_t *quote, size_t size,
	struct om_mig_status *ret_status, struct om_mig_identity *ret_peer, const char **ret_words)
{
	(void)ret_peer;
	engine_words(ret_status->peer, sizeof ret_status->peer, "pretended");
	*ret_words = "pretended quote is for another session";
	if (fake.evidence_error) {
		*ret_words = fake.evidence_error;
		return OM_EPOLICY;
	}
	return size == 33 && memcmp(quote, hash, 32) == 0 && quote[32] == role ? 0 : OM_EQUOTE;
}

void rt_signal_moved(void)
{
}

long engine_fresh(RT_UNTRUSTED struct om_tbuf *tbuf, uint64_t nonce_size)
{
	(void)tbuf, (void)nonce_size;
	return OM_EQUOTE;
}

__attribute__((weak))
int engine_evidence_arrive(const char **ret_words)
{
	(void)ret_words;
	return 0;
}
