/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host threads that enter enclaves. Each gets a slot of one arena: its emu_thread, a guard page, its signal stack.
 * A signal handler knows its thread by the stack it runs on, before it can use FS:
 *
 *     slot + 0        struct emu_thread
 *     slot + 0x2000   guard page
 *     slot + 0x3000   signal stack, up to ET_SLOT_SIZE
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>
#include "soft.h"
#include "raw.h"

#define GUARD 0x2000
#define STACK 0x3000
static_assert(sizeof(struct emu_thread) <= GUARD, "emu_thread");

uint64_t emu_arena, emu_arena_size;
uint64_t emu_cookie;   /* marks the frames of switch.S; random, so that no stray word looks like it */
static pthread_mutex_t arena_lock = PTHREAD_MUTEX_INITIALIZER;

static struct emu_thread *slot_at(uint64_t i)
{
	return (struct emu_thread *)(emu_arena + i * ET_SLOT_SIZE);
}

/* Context: arena_lock held. */
static struct emu_thread *take_slot(void)
{
	if (!emu_arena) {
		void *p = mmap(NULL, (uint64_t)EMU_THREADS_MAX * ET_SLOT_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p == MAP_FAILED)
			return NULL;
		/* Registers of the emulated CPU: hardware keeps them in the enclave's SSA, which no core dump has. */
		(void)madvise(p, (uint64_t)EMU_THREADS_MAX * ET_SLOT_SIZE, MADV_DONTDUMP);
		if (getrandom(&emu_cookie, sizeof emu_cookie, 0) != sizeof emu_cookie)
			return NULL;
		emu_arena = (uint64_t)p;
		emu_arena_size = (uint64_t)EMU_THREADS_MAX * ET_SLOT_SIZE;
	}
	for (uint64_t i = 0; i < EMU_THREADS_MAX; i++) {
		struct emu_thread *t = slot_at(i);

		if (atomic_load_explicit(&t->tid, memory_order_relaxed))
			continue;
		if (mprotect((char *)t + GUARD, STACK - GUARD, PROT_NONE) != 0)
			return NULL;
		memset(t, 0, sizeof *t);
		atomic_store_explicit(&t->tid, gettid(), memory_order_relaxed);
		return t;
	}
	return NULL;
}

int emu_thread_attach(struct tee_platform *platform)
{
	struct emu_thread *t = emu_self();
	stack_t stack;

	(void)platform;
	if (t)
		return 0;
	pthread_mutex_lock(&arena_lock);
	t = take_slot();
	pthread_mutex_unlock(&arena_lock);
	if (!t)
		return tee_fail(OM_EEXHAUSTED, "no room for another emulator thread");
	t->host_fs = __builtin_ia32_rdfsbase64();
	t->host_gs = __builtin_ia32_rdgsbase64();
	__asm__("movq %%cs, %0; movq %%ss, %1" : "=r"(t->cs), "=r"(t->ss));
	stack = (stack_t){ .ss_sp = (char *)t + STACK, .ss_size = ET_SLOT_SIZE - STACK };
	if (sigaltstack(&stack, &t->old_stack) != 0) {
		atomic_store_explicit(&t->tid, 0, memory_order_relaxed);
		return tee_fail(OM_EIO, "sigaltstack: %s", strerror(errno));
	}
	emu_self_set(t);
	return 0;
}

void emu_thread_detach(struct tee_platform *platform)
{
	struct emu_thread *t = emu_self();

	(void)platform;
	if (!t)
		return;
	if (t->trap_enclave)
		prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
	sigaltstack(&t->old_stack, NULL);
	emu_self_set(NULL);
	atomic_store_explicit(&t->tid, 0, memory_order_release);
}

int emu_thread_trap_syscalls(struct emu_thread *t, struct emu_enclave *e)
{
	/* Kernels before 6.17 have no inclusive ranges: there system calls of enclave code go through, unnoticed. */
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, EMU_PR_SYS_DISPATCH_INCLUSIVE_ON, e->common.base, e->common.size,
			NULL) == 0)
		e->platform->syscall_trap = true;
	t->trap_enclave = e;
	return 0;
}
