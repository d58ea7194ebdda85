/* SPDX-License-Identifier: Apache-2.0 */
// Who destroys thread_local objects: the thread's end, by a key of pthreads, and libc's exit for the thread that calls it. libc++abi's own,
// where libc has no part in it, has a static object do the latter: after other static objects, which C++ says end later.
#include <pthread.h>
#include <cstdlib>

namespace {

struct Object {
	void (*destroy)(void *);
	void *object;
	Object *next;
};
thread_local Object *objects; // the newest first
thread_local bool expected;   // its end will come by here
pthread_key_t key;
pthread_once_t once = PTHREAD_ONCE_INIT;
bool usable;

void destroy_all(void *)
{
	while (Object *head = objects) { // more may come while they go
		objects = head->next;
		head->destroy(head->object);
		std::free(head);
	}
	expected = false;
}

void make_key() { usable = pthread_key_create(&key, destroy_all) == 0; }

} // namespace

extern "C" void __thread_objects_end() { destroy_all(nullptr); }

extern "C" __attribute__((visibility("default"))) int __cxa_thread_atexit(void (*destroy)(void *), void *object, void *)
{
	if (!expected) {
		if (pthread_once(&once, make_key) || !usable || pthread_setspecific(key, &key)) return -1;
		expected = true;
	}
	auto *head = static_cast<Object *>(std::malloc(sizeof(Object)));
	if (!head) return -1;
	*head = {destroy, object, objects};
	objects = head;
	return 0;
}
