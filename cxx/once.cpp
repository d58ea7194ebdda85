/* SPDX-License-Identifier: Apache-2.0 */
// pthread_once for programs with exceptions. libc's own leaves its control at "under way" when the function that it calls
// throws, so that the next caller waits for ever, and its cleanup handler in the list of a thread that has left its frame.
// As with other libcs, the exception goes on to the caller, and who comes next tries again.
#include <pthread.h>
#include <climits>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" {
int __pthread_once(pthread_once_t *control, void (*init)());
void _pthread_cleanup_push(struct __ptcb *cb, void (*f)(void *), void *x);
void _pthread_cleanup_pop(struct __ptcb *cb, int run);
}

namespace {

// Source: musl, src/thread/pthread_once.c: 0 not done, 1 under way, 2 done, 3 under way and somebody waits.
constexpr int NotDone = 0, Awaited = 3;

void nothing(void *) {}

} // namespace

extern "C" __attribute__((visibility("default"))) int pthread_once(pthread_once_t *control, void (*init)())
{
	struct __ptcb mine;
	int status;

	_pthread_cleanup_push(&mine, nothing, nullptr);
	try {
		status = __pthread_once(control, init);
	} catch (...) {
		_pthread_cleanup_pop(&mine, 0); // and with it what libc has put behind it
		if (__atomic_exchange_n(control, NotDone, __ATOMIC_SEQ_CST) == Awaited)
			(void)syscall(SYS_futex, control, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, INT_MAX); // nobody to wake is no failure
		throw;
	}
	_pthread_cleanup_pop(&mine, 0);
	return status;
}
