/* SPDX-License-Identifier: Apache-2.0 */
/* musl's, with a shorter way: see mutex_fast.h. */
#include "mutex_fast.h"

static int any_unlock(pthread_mutex_t *m);
#pragma push_macro("weak_alias")
#undef weak_alias
#define weak_alias(old, new)
#define __pthread_mutex_unlock any_unlock
#include "../pthread_mutex_unlock.c"
#undef __pthread_mutex_unlock
#pragma pop_macro("weak_alias")

static int unlock_recursive(pthread_mutex_t *m)
{
	pthread_t self = __pthread_self();
	volatile void *prev, *next;

	if (m->_m_lock != self->tid)
		return any_unlock(m);
	if (m->_m_count) {
		m->_m_count--;
		return 0;
	}
	prev = m->_m_prev;
	next = m->_m_next;
	*(volatile void *volatile *)prev = next;
	if (next != &self->robust_list.head)
		*(volatile void *volatile *)((char *)next - sizeof(void *)) = prev;
	m->_m_lock = 0;
	return 0;
}

int __pthread_mutex_unlock(pthread_mutex_t *m)
{
	/* One thread: nobody waits. */
	if (libc.threads_minus_1 || m->_m_waiters)
		return any_unlock(m);
	if (m->_m_type == PTHREAD_MUTEX_RECURSIVE)
		return unlock_recursive(m);
	if (m->_m_type != PTHREAD_MUTEX_NORMAL || m->_m_lock < 0)
		return any_unlock(m);
	m->_m_lock = 0;
	return 0;
}

weak_alias(__pthread_mutex_unlock, pthread_mutex_unlock);
