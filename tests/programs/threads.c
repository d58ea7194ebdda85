/* SPDX-License-Identifier: Apache-2.0 */
/* pthread torture: create, join, detach, cancel, keys, mutex kinds, condition variables, rwlocks, barriers, once, timed
 * waits, semaphores. Prints one line per part, the same everywhere; exit 0 if all is well.
 *     threads [ROUNDS]      all of it so many times (1), each round begins with a line "beat N" if there are several */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int failures;
#define CHECK(c) do { if (!(c)) { printf("FAIL line %d: %s\n", __LINE__, #c); failures++; } } while (0)
#define THREADS 8
#define ROUNDS 20000

static struct timespec in_ms(clockid_t clock, long ms)
{
	struct timespec t;
	clock_gettime(clock, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- mutex ---- */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long counter;
static void *count(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

/* Recursive: alone and among others. */
static pthread_mutex_t again;
static void *nested(void *arg)
{
	for (int i = 0; i < ROUNDS / 10; i++) {
		int depth = i % 3 + 1;

		for (int k = 0; k < depth; k++)
			pthread_mutex_lock(&again);
		counter++;
		for (int k = 0; k < depth; k++)
			pthread_mutex_unlock(&again);
	}
	return arg;
}

static void *stranger(void *arg)
{
	*(int *)arg = pthread_mutex_trylock(&again) == EBUSY && pthread_mutex_unlock(&again) == EPERM;
	return NULL;
}

static void recursive(const pthread_mutexattr_t *a)
{
	pthread_t t[THREADS];
	int refused = 0;

	counter = 0;
	pthread_mutex_init(&again, a);
	CHECK(pthread_mutex_unlock(&again) == EPERM);
	nested(NULL);
	CHECK(pthread_mutex_lock(&again) == 0 && pthread_mutex_lock(&again) == 0);
	for (int held = 2; held > 0; held--) {
		CHECK(pthread_create(&t[0], NULL, stranger, &refused) == 0 && pthread_join(t[0], NULL) == 0 && refused);
		CHECK(pthread_mutex_unlock(&again) == 0);
	}
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, nested, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	CHECK(counter == (THREADS + 1) * (ROUNDS / 10));
	CHECK(pthread_mutex_trylock(&again) == 0 && pthread_mutex_unlock(&again) == 0 && pthread_mutex_destroy(&again) == 0);
}

static void mutexes(void)
{
	pthread_t t[THREADS];
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	struct timespec until;

	counter = 0;
	for (long i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], NULL, count, (void *)i) == 0);
	for (long i = 0; i < THREADS; i++) {
		void *r;
		CHECK(pthread_join(t[i], &r) == 0 && r == (void *)i);
	}
	CHECK(counter == THREADS * ROUNDS);
	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&m, &a);
	CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == 0);
	CHECK(pthread_mutex_unlock(&m) == 0 && pthread_mutex_unlock(&m) == 0);
	recursive(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&m, &a);
	CHECK(pthread_mutex_unlock(&m) == EPERM);
	CHECK(pthread_mutex_lock(&m) == 0 && pthread_mutex_lock(&m) == EDEADLK);
	pthread_mutex_init(&m, NULL);
	pthread_mutex_lock(&m);
	until = in_ms(CLOCK_REALTIME, 30);
	CHECK(pthread_mutex_timedlock(&m, &until) == ETIMEDOUT);
	CHECK(pthread_mutex_trylock(&m) == EBUSY);
	printf("mutexes done\n");
}

/* ---- condition variables: a bounded queue ---- */
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static int queue[16], queued, taken_sum;
static void *produce(void *arg)
{
	for (int i = 1; i <= 2000; i++) {
		pthread_mutex_lock(&lock);
		while (queued == 16)
			pthread_cond_wait(&not_full, &lock);
		queue[queued++] = i;
		pthread_cond_signal(&not_empty);
		pthread_mutex_unlock(&lock);
	}
	return arg;
}
static void *consume(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&lock);
		while (queued == 0)
			pthread_cond_wait(&not_empty, &lock);
		taken_sum += queue[--queued];
		pthread_cond_broadcast(&not_full);
		pthread_mutex_unlock(&lock);
	}
	return arg;
}
static void conditions(void)
{
	pthread_t t[6];
	struct timespec until;
	double before;

	taken_sum = 0;
	for (int i = 0; i < 6; i++)
		pthread_create(&t[i], NULL, i & 1 ? consume : produce, NULL);
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	CHECK(taken_sum == 3 * 2000 * 2001 / 2);
	pthread_mutex_lock(&lock);
	before = now();
	until = in_ms(CLOCK_REALTIME, 50);
	CHECK(pthread_cond_timedwait(&not_empty, &lock, &until) == ETIMEDOUT);
	CHECK(now() - before > 0.045 && now() - before < 2);
	pthread_mutex_unlock(&lock);
	printf("conditions done\n");
}

/* ---- rwlock, barrier, once, semaphore ---- */
static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int onces, shared[2], serial;
static sem_t sem;
static void first(void) { onces++; }
static void *mixed(void *arg)
{
	long me = (long)arg;

	pthread_once(&once, first);
	for (int i = 0; i < 2000; i++) {
		if (me == 0) {
			pthread_rwlock_wrlock(&rw);
			shared[0]++;
			shared[1]++;
			pthread_rwlock_unlock(&rw);
		} else {
			pthread_rwlock_rdlock(&rw);
			CHECK(shared[0] == shared[1]);
			pthread_rwlock_unlock(&rw);
		}
	}
	for (int i = 0; i < 100; i++)
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_fetch_add(&serial, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 500; i++) {
		sem_wait(&sem);
		sem_post(&sem);
	}
	return NULL;
}
static void others(void)
{
	pthread_t t[4];
	struct timespec until = in_ms(CLOCK_REALTIME, 20);

	shared[0] = shared[1] = serial = 0;
	pthread_barrier_init(&barrier, NULL, 4);
	sem_init(&sem, 0, 2);
	for (long i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, mixed, (void *)i);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	CHECK(onces == 1 && shared[0] == 2000 && serial == 100);
	sem_wait(&sem);
	sem_wait(&sem);
	CHECK(sem_timedwait(&sem, &until) == -1 && errno == ETIMEDOUT);
	CHECK(sem_trywait(&sem) == -1 && errno == EAGAIN);
	printf("rwlocks, barriers, once, semaphores done\n");
}

/* ---- keys, cancel, detach, many short threads ---- */
static pthread_key_t key;
static int destroyed, cleaned, detached_done;
static __thread int tls = 42;
static __thread char tls_zero[100];
static void destroy(void *value) { destroyed += value == (void *)5; }
static void clean(void *arg) { (void)arg; cleaned++; }
static void *with_key(void *arg)
{
	CHECK(tls == 42 && tls_zero[50] == 0);
	tls = 7;
	tls_zero[50] = 1;
	pthread_setspecific(key, (void *)5);
	return arg;
}
static void *wait_for_cancel(void *arg)
{
	pthread_cleanup_push(clean, NULL);
	if (arg)
		for (;;)
			pthread_testcancel();
	for (;;)
		sleep(100);
	pthread_cleanup_pop(0);
	return NULL;
}
static void *detached(void *arg)
{
	__atomic_fetch_add(&detached_done, 1, __ATOMIC_SEQ_CST);
	return arg;
}
static void lives(void)
{
	pthread_attr_t a;
	pthread_t t;
	void *r;

	destroyed = cleaned = detached_done = 0;
	CHECK(pthread_key_create(&key, destroy) == 0);
	for (int i = 0; i < 300; i++) {
		CHECK(pthread_create(&t, NULL, with_key, NULL) == 0);
		pthread_join(t, NULL);
	}
	CHECK(destroyed == 300 && tls == 42);
	for (long i = 0; i < 10; i++) {
		CHECK(pthread_create(&t, NULL, wait_for_cancel, (void *)(i & 1)) == 0);
		if (i & 2)
			usleep(2000);
		CHECK(pthread_cancel(t) == 0);
		CHECK(pthread_join(t, &r) == 0 && r == PTHREAD_CANCELED);
	}
	CHECK(cleaned == 10);
	pthread_attr_init(&a);
	pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < 100; i++) {
		int e = pthread_create(&t, &a, detached, NULL);
		if (e == EAGAIN) {
			usleep(1000);
			i--;
			continue;
		}
		CHECK(e == 0);
	}
	for (int i = 0; i < 2000 && __atomic_load_n(&detached_done, __ATOMIC_SEQ_CST) < 100; i++)
		usleep(1000);
	CHECK(detached_done == 100);
	pthread_key_delete(key);
	printf("keys, cancel, detach done\n");
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : 1;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (long round = 0; round < rounds; round++) {
		if (rounds > 1)
			printf("beat %ld\n", round);
		mutexes();
		conditions();
		others();
		lives();
	}
	printf(failures ? "%d failures\n" : "all threads well\n", failures);
	return failures != 0;
}
