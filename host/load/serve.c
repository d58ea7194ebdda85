/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The enter loop of abi/hostcall.h: enter a slot, carry out its host calls, handle its exceptions, until the call is
 * done. Used by application threads and by service calls alike.
 *
 *   enter(EENTER, ecall) --EEXIT--> HOSTCALL: dispatch, EENTER with OM_ECALL_RETURN
 *          |    ^                   anything else: done
 *      exception |
 *          v    | ERESUME
 *   enter(EENTER, OM_ECALL_EXCEPTION, second tbuf) --> HOSTCALL: dispatch, ...; DONE; FATAL
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "internal.h"
#include "util.h"

static void *map_buffer(uint64_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

int host_slot_prepare(struct host_slot *slot, uint64_t tbuf_size)
{
	if (tbuf_size < OM_TBUF_SIZE_MIN || tbuf_size > OM_TBUF_SIZE_MAX || tbuf_size % OM_PAGE_SIZE)
		return host_fail(OM_EINVAL, "a transfer buffer of %llu bytes", (unsigned long long)tbuf_size);
	if (slot->tbuf && slot->tbuf_size != tbuf_size) {
		munmap(slot->tbuf, slot->tbuf_size);
		slot->tbuf = NULL;
	}
	if (!slot->tbuf)
		slot->tbuf = map_buffer(tbuf_size);
	if (!slot->exc_tbuf)
		slot->exc_tbuf = map_buffer(OM_TBUF_SIZE_EXC);
	if (slot->enclave->stats && !slot->stats)
		slot->stats = calloc(1, sizeof *slot->stats);
	if (!slot->tbuf || !slot->exc_tbuf || (slot->enclave->stats && !slot->stats))
		return host_fail(OM_ENOMEM, "no memory for the transfer buffers of slot %u", slot->index);
	slot->tbuf_size = tbuf_size;
	return 0;
}

/* The words come from the enclave: bounded and made printable, for they end up on a terminal. */
static _Noreturn void refuse(const struct host_slot *slot, const struct om_tbuf *tbuf)
{
	char words[256];
	int signo = (int)tbuf->arg[2];

	memcpy(words, (const uint8_t *)tbuf + OM_TBUF_DATA, sizeof words - 1);
	words[sizeof words - 1] = 0;
	for (char *c = words; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	host_fail((int)tbuf->arg[0], "the enclave refuses to go on: %s (detail 0x%llx, slot %u)",
		words[0] ? words : "no reason given", (unsigned long long)tbuf->arg[1], slot->index);
	host_error_cure((int)(int64_t)tbuf->arg[0], slot->enclave->image.header.program_name);
	host_exit(HOST_EXIT_FAILED, signo > 0 && signo <= 64 ? signo : 0);
}

uint64_t host_slot_tcs(const struct host_slot *slot)
{
	return OM_ELRANGE_BASE + slot->enclave->image.header.slots_offset + (uint64_t)slot->index * OM_SLOT_SIZE + OM_SLOT_TCS;
}

/* For outcall.S: of what the exception interrupted. */
static uint64_t registers_of(const struct host_slot *slot)
{
	return host_slot_tcs(slot) - OM_SLOT_TCS + OM_SLOT_SSA + OM_SSA_FRAME_PAGES * OM_PAGE_SIZE - SGX_GPRSGX_SIZE;
}

/* CSSA is 1. Returns when the interrupted code can be resumed. */
static int serve_exception(struct host_slot *slot, const struct tee_run *cause)
{
	enum om_ecall ecall = OM_ECALL_EXCEPTION;

	if (slot->stats && cause->exception_vector < 32)
		slot->stats->faults[cause->exception_vector]++;
	for (;;) {
		struct tee_run run = { .tcs = host_slot_tcs(slot) };
		int error = tee_enter(slot->enclave->sgx, SGX_EENTER, ecall, (uintptr_t)slot->exc_tbuf, OM_TBUF_SIZE_EXC, 0, 0, &run);

		if (error)
			return host_fail(error, "entering the exception handler of slot %u: %s", slot->index, tee_last_error());
		if (run.function != SGX_EEXIT)
			return host_fail(OM_ESGX, "exception %u at 0x%llx inside the exception handler of slot %u (after exception %u at 0x%llx)",
				run.exception_vector, (unsigned long long)run.exception_addr, slot->index,
				cause->exception_vector, (unsigned long long)cause->exception_addr);
		switch (slot->exc_tbuf->exit) {
		case OM_EXIT_HOSTCALL:
			host_dispatch_exception(slot, slot->exc_tbuf, OM_TBUF_SIZE_EXC, registers_of(slot));
			ecall = OM_ECALL_RETURN;
			break;
		case OM_EXIT_DONE:
			return 0;
		case OM_EXIT_FATAL:
			refuse(slot, slot->exc_tbuf);
		default:
			return host_fail(OM_EINTERNAL, "exit %u from the exception handler", slot->exc_tbuf->exit);
		}
	}
}

int host_slot_serve(struct host_slot *slot, enum om_ecall ecall, uint64_t r8, uint64_t r9, uint32_t *ret_exit)
{
	uint32_t leaf = SGX_EENTER;

	for (;;) {
		struct tee_run run = { .tcs = host_slot_tcs(slot) };
		int error = tee_enter(slot->enclave->sgx, leaf, ecall, (uintptr_t)slot->tbuf, slot->tbuf_size, r8, r9, &run);

		if (error)
			return host_fail(error, "entering slot %u: %s", slot->index, tee_last_error());
		if (run.function != SGX_EEXIT) {
			error = serve_exception(slot, &run);
			if (error)
				return error;
			leaf = SGX_ERESUME;
			continue;
		}
		leaf = SGX_EENTER;
		switch (slot->tbuf->exit) {
		case OM_EXIT_HOSTCALL:
			host_dispatch_call(slot, slot->tbuf, slot->tbuf_size, host_slot_tcs(slot) - OM_SLOT_TCS + OM_SLOT_TCB);
			ecall = OM_ECALL_RETURN;
			r8 = r9 = 0;
			break;
		case OM_EXIT_DONE:
		case OM_EXIT_PARKED:
		case OM_EXIT_THREAD:
			*ret_exit = slot->tbuf->exit;
			return 0;
		case OM_EXIT_FATAL:
			refuse(slot, slot->tbuf);
		default:
			return host_fail(OM_EINTERNAL, "exit %u from slot %u", slot->tbuf->exit, slot->index);
		}
	}
}

int host_thread_attach(struct host_enclave *e)
{
	int error = tee_thread_attach(e->platform);

	return error ? host_fail(error, "%s", tee_last_error()) : 0;
}

void host_thread_detach(struct host_enclave *e)
{
	tee_thread_detach(e->platform);
}

int host_ecall(struct host_enclave *e, uint32_t index, enum om_ecall ecall, uint64_t r8, uint64_t r9)
{
	struct host_slot *slot = &e->slots[index];
	uint32_t exit;
	int error;

	host_wait_bind(&slot->wait);
	error = host_slot_serve(slot, ecall, r8, r9, &exit);
	host_wait_unbind(&slot->wait);
	if (error)
		return error;
	return exit == OM_EXIT_DONE ? 0 : host_fail(OM_EINTERNAL, "exit %u from service slot %u", exit, index);
}

int host_slot_acquire(struct host_enclave *e, uint64_t size, uint32_t *ret_slot)
{
	uint32_t found = 0;
	int error;

	pthread_mutex_lock(&e->lock);
	for (uint32_t i = HOST_SLOT_SIGNALS + 1; i < e->image.header.service_slots && !found; i++)
		if (!e->slots[i].acquired) {
			e->slots[i].acquired = true;
			found = i;
		}
	pthread_mutex_unlock(&e->lock);
	if (!found)
		return host_fail(OM_EEXHAUSTED, "all %u service slots are in use", e->image.header.service_slots);
	error = host_slot_prepare(&e->slots[found], size);
	if (error) {
		host_slot_release(e, found);
		return error;
	}
	*ret_slot = found;
	return 0;
}

void host_slot_release(struct host_enclave *e, uint32_t slot)
{
	pthread_mutex_lock(&e->lock);
	e->slots[slot].acquired = false;
	pthread_mutex_unlock(&e->lock);
}

struct om_tbuf *host_slot_tbuf(struct host_enclave *e, uint32_t slot)
{
	return e->slots[slot].tbuf;
}

int host_slot_resize(struct host_enclave *e, uint32_t slot, uint64_t size)
{
	return host_slot_prepare(&e->slots[slot], size);
}
