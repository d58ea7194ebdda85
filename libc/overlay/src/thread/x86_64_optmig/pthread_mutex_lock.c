/* SPDX-License-Identifier: Apache-2.0 */
/* musl's, with a shorter way for recursive mutexes: its own takes four calls for them. A mutex that is held is in its
 * owner's list, as musl has it (pthread_mutex_trylock.c). */
#include "mutex_fast.h"

static int lock_recursive(pthread_mutex_t *m)
{
	pthread_t self = __pthread_self();
	volatile void *next = self->robust_list.head;

	if ((m->_m_lock & 0x3fffffff) == self->tid && m->_m_count != INT_MAX) {
		m->_m_count++;
		return 0;
	}
	if (m->_m_lock || fast_cas(&m->_m_lock, 0, self->tid))
		return EBUSY;
	m->_m_next = next;
	m->_m_prev = &self->robust_list.head;
	if (next != &self->robust_list.head)
		*(volatile void *volatile *)((char *)next - sizeof(void *)) = &m->_m_next;
	self->robust_list.head = &m->_m_next;
	return 0;
}

int __pthread_mutex_lock(pthread_mutex_t *m)
{
	int type = m->_m_type;

	if ((type & 15) == PTHREAD_MUTEX_NORMAL ? !fast_cas(&m->_m_lock, 0, EBUSY) : type == PTHREAD_MUTEX_RECURSIVE && !lock_recursive(m))
		return 0;
	return __pthread_mutex_timedlock(m, 0);
}

weak_alias(__pthread_mutex_lock, pthread_mutex_lock);
