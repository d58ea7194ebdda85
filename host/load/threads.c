/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host threads of application slots: enclave.h has the states. A host thread is kept when its application thread parks
 * or ends, because both happen often (every migration, every short-lived thread) and waking one is cheaper than making
 * one. Its stack is small: all it runs is the enter loop.
 */
#include <string.h>
#include "creds.h"
#include <time.h>
#include <unistd.h>
#include "internal.h"
#include "util.h"

#define THREAD_STACK (256u * 1024)

static void serve_once(struct host_slot *slot)
{
	struct timespec used = { 0, 0 };
	uint32_t exit;
	int error;

	host_creds_take_on();
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	host_wait_bind(&slot->wait);
	error = host_slot_serve(slot, OM_ECALL_THREAD, (uint64_t)gettid(),
		(uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec, &exit);
	host_wait_unbind(&slot->wait);
	if (!error && exit == OM_EXIT_DONE)
		error = host_fail(OM_EINTERNAL, "application slot %u ended like a service call", slot->index);
	if (error) {
		host_error_cure(error, slot->enclave->image.header.program_name);
		host_exit(HOST_EXIT_FAILED, 0);
	}
}

/* Under the lock. Returns false if the thread shall end. */
static bool wait_for_start(struct host_slot *slot)
{
	struct host_enclave *e = slot->enclave;

	if (slot->start_pending) {
		slot->start_pending = false;
		return true;
	}
	slot->state = HOST_T_WAITING;
	if (--e->running == 0)
		pthread_cond_broadcast(&e->idle);
	while (slot->state == HOST_T_WAITING && !e->closing)
		pthread_cond_wait(&slot->start, &e->lock);
	return slot->state == HOST_T_RUNNING;
}

static void *thread_main(void *argument)
{
	struct host_slot *slot = argument;
	struct host_enclave *e = slot->enclave;
	int error = host_thread_attach(e);

	if (error) {
		host_error_cure(error, "host thread");
		host_exit(HOST_EXIT_FAILED, 0);
	}
	pthread_mutex_lock(&e->lock);
	while (slot->serve_first || wait_for_start(slot)) {
		slot->serve_first = false;
		pthread_mutex_unlock(&e->lock);
		serve_once(slot);
		pthread_mutex_lock(&e->lock);
	}
	slot->state = HOST_T_NONE;
	pthread_mutex_unlock(&e->lock);
	host_thread_detach(e);
	pthread_mutex_lock(&e->lock);
	e->threads--;
	pthread_cond_broadcast(&e->idle);
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* Under the lock, state NONE. It enters the slot at once, or waits to be started. */
static int create_thread(struct host_slot *slot, bool serve_first)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int error = host_slot_prepare(slot, OM_TBUF_SIZE_APP);

	if (error)
		return error;
	slot->serve_first = serve_first;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, THREAD_STACK);
	error = pthread_create(&thread, &attributes, thread_main, slot);
	pthread_attr_destroy(&attributes);
	if (error)
		return host_fail(OM_ENOMEM, "host thread: %s", strerror(error));
	slot->state = HOST_T_RUNNING;
	slot->enclave->threads++;
	slot->enclave->running++;
	return 0;
}

static int application_slot(struct host_enclave *e, uint32_t index, struct host_slot **ret_slot)
{
	if (index < e->image.header.service_slots || index >= e->slot_count)
		return host_fail(OM_EINVAL, "slot %u is not an application slot", index);
	*ret_slot = &e->slots[index];
	return 0;
}

int host_ready_thread(struct host_enclave *e, uint32_t index)
{
	struct host_slot *slot;
	int error = application_slot(e, index, &slot);

	if (error)
		return error;
	pthread_mutex_lock(&e->lock);
	if (slot->state == HOST_T_NONE)
		error = create_thread(slot, false);
	pthread_mutex_unlock(&e->lock);
	return error;
}

int host_start_thread(struct host_enclave *e, uint32_t index)
{
	struct host_slot *slot;
	int error = application_slot(e, index, &slot);

	if (error)
		return error;
	pthread_mutex_lock(&e->lock);
	switch (slot->state) {
	case HOST_T_NONE:
		error = create_thread(slot, true);
		break;
	case HOST_T_WAITING:
		slot->state = HOST_T_RUNNING;
		e->running++;
		pthread_cond_signal(&slot->start);
		break;
	case HOST_T_RUNNING:
		slot->start_pending = true;
		break;
	}
	pthread_mutex_unlock(&e->lock);
	return error;
}

uint32_t host_threads_running(struct host_enclave *e)
{
	uint32_t running;

	pthread_mutex_lock(&e->lock);
	running = e->running;
	pthread_mutex_unlock(&e->lock);
	return running;
}

int host_wait_idle(struct host_enclave *e, uint64_t timeout_ms)
{
	struct timespec deadline;
	int error = 0;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += (time_t)(timeout_ms / 1000);
	deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (deadline.tv_nsec >= 1000000000)
		deadline.tv_sec++, deadline.tv_nsec -= 1000000000;
	pthread_mutex_lock(&e->lock);
	while (e->running > 0 && !error)
		error = pthread_cond_timedwait(&e->idle, &e->lock, &deadline);
	error = e->running > 0 ? host_fail(OM_ETIMEDOUT, "%u threads are still inside the enclave", e->running) : 0;
	pthread_mutex_unlock(&e->lock);
	return error;
}

void host_threads_end(struct host_enclave *e)
{
	pthread_mutex_lock(&e->lock);
	e->closing = true;
	for (uint32_t i = 0; i < e->slot_count; i++)
		pthread_cond_broadcast(&e->slots[i].start);
	while (e->threads > 0)
		pthread_cond_wait(&e->idle, &e->lock);
	pthread_mutex_unlock(&e->lock);
}
