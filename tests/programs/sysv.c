/* SPDX-License-Identifier: Apache-2.0 */
/* System V shared memory and semaphores: what a program sees of its own; the same as natively. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <time.h>
#include <unistd.h>

#define SIZE 70000

union argument { int val; void *buf; unsigned short *array; };

static const char *name(long n)
{
	static const struct { int number; const char *name; } names[] = { { EINVAL, "EINVAL" }, { ENOENT, "ENOENT" }, { EEXIST, "EEXIST" }, { EIDRM, "EIDRM" },
		{ EAGAIN, "EAGAIN" }, { EFBIG, "EFBIG" }, { ERANGE, "ERANGE" }, { E2BIG, "E2BIG" }, { EINTR, "EINTR" }, { EFAULT, "EFAULT" }, { EACCES, "EACCES" } };

	for (size_t i = 0; n < 0 && i < sizeof names / sizeof *names; i++)
		if (errno == names[i].number)
			return names[i].name;
	return n < 0 ? "another error" : "ok";
}

static const char *got(void *p)
{
	return name(p == (void *)-1 ? -1 : 0);
}

static void say_segment(int id)
{
	struct shmid_ds ds;
	time_t now = time(NULL);

	memset(&ds, 0xee, sizeof ds);
	printf("%s: ", name(shmctl(id, IPC_STAT, &ds)));
	printf("size %zu attached %lu mode %o owner %d %d creator %d times %d %d %d by %d %d\n", ds.shm_segsz, (unsigned long)ds.shm_nattch, ds.shm_perm.mode,
		ds.shm_perm.uid == geteuid(), ds.shm_perm.gid == getegid(), ds.shm_perm.cuid == geteuid() && ds.shm_perm.cgid == getegid(),
		ds.shm_atime == 0 ? 0 : ds.shm_atime <= now && ds.shm_atime > now - 60, ds.shm_dtime == 0 ? 0 : ds.shm_dtime <= now,
		ds.shm_ctime <= now && ds.shm_ctime > now - 60, ds.shm_cpid == getpid(), ds.shm_lpid == getpid());
}

static void segments(void)
{
	key_t key = 0x4f4d0000 + getpid();
	int id = shmget(IPC_PRIVATE, SIZE, 0640), named, other;
	char *p, *again;

	say_segment(id);
	p = shmat(id, NULL, 0);
	printf("attached %s, zeros %d\n", got(p), p[0] == 0 && p[SIZE - 1] == 0);
	memset(p, 'x', SIZE);
	p[SIZE] = 'y';                  /* the last page is whole */
	say_segment(id);
	again = shmat(id, NULL, 0);     /* where does not matter */
	again[5] = 'z';
	printf("the same bytes: %d %c\n", again[4] == 'x', p[5]);
	say_segment(id);
	printf("detached %s", name(shmdt(again)));
	printf(" and it is still %c%c\n", p[4], p[5]);
	printf("advice %s", name(madvise(p, 4096, MADV_DONTNEED)));
	printf(" keeps %c\n", p[4]);
	printf("detached %s, ", name(shmdt(p)));
	say_segment(id);
	printf("twice: %s, nonsense: %s %s\n", name(shmdt(p)), name(shmdt(p + 1)), name(shmdt(&key)));
	p = shmat(id, NULL, SHM_RDONLY);
	printf("again %s: %c%c%c\n", got(p), p[4], p[5], p[SIZE]);
	printf("removed %s while attached: %c, ", name(shmctl(id, IPC_RMID, NULL)), p[4]);
	say_segment(id);
	shmdt(p);
	printf("gone: %s %s\n", name(shmctl(id, IPC_STAT, &(struct shmid_ds){ 0 })), got(shmat(id, NULL, 0)));

	printf("by key: %s", name(shmget(key, 100, 0)));
	named = shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600);
	printf(" %s", name(named));
	printf(" exists: %s", name(shmget(key, 100, IPC_CREAT | IPC_EXCL | 0600)));
	printf(" smaller: %d", shmget(key, 10, 0) == named);
	printf(" larger: %s", name(shmget(key, 101, 0)));
	printf(" zero: %s\n", name(shmget(IPC_PRIVATE, 0, 0600)));
	p = shmat(named, NULL, 0);
	strcpy(p, "kept");
	printf("unmapped %s, ", name(munmap(p, 4096)));
	say_segment(named);
	p = shmat(named, NULL, 0);
	printf("%s\n", p);
	shmctl(named, IPC_RMID, NULL);
	other = shmget(key, 200, IPC_CREAT | 0600);
	printf("another of that key: %d, the old one is %s\n", other != named, p);
	shmdt(p);
	shmctl(other, IPC_RMID, NULL);
	printf("identifiers are not used again: %s\n", name(shmctl(named, IPC_STAT, &(struct shmid_ds){ 0 })));
	id = shmget(IPC_PRIVATE, 3 * 4096, 0600);
	p = shmat(id, NULL, 0);
	printf("address: %s %s\n", got(shmat(id, (char *)0x12345, 0)), got(shmat(-1, NULL, 0)));
	again = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shmdt(p);
	munmap(again, 3 * 4096);
	shmctl(id, IPC_RMID, NULL);
}

/* ---- semaphores --------------------------------------------------------------------------------------------------------- */

static int sem;

static long operate(int number, int op, int flags)
{
	struct sembuf b = { (unsigned short)number, (short)op, (short)flags };

	return semop(sem, &b, 1);
}

static void say_values(void)
{
	unsigned short v[5] = { 0 };

	semctl(sem, 0, GETALL, (union argument){ .array = v });
	printf("values %d %d %d %d %d, pid %d\n", v[0], v[1], v[2], v[3], v[4], semctl(sem, 2, GETPID) == getpid());
}

static void *wait_one(void *arg)
{
	long n = operate((int)(intptr_t)arg & 15, (int)(intptr_t)arg >> 4 ? 0 : -2, 0);

	return (void *)(intptr_t)(n < 0 ? errno : 0);
}

static int wait_until(int number, int command)
{
	for (int i = 0; i < 5000 && semctl(sem, number, command) != 1; i++)
		nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
	return semctl(sem, number, command);
}

static void nothing(int signo)
{
	(void)signo;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void semaphores(void)
{
	struct sembuf many[3] = { { 0, 1, 0 }, { 1, -1, IPC_NOWAIT }, { 2, 1, 0 } };
	struct sigaction action = { .sa_handler = nothing, .sa_flags = SA_RESTART };
	struct semid_ds ds;
	pthread_t thread;
	void *result;
	int64_t before;

	sem = semget(IPC_PRIVATE, 5, 0600);
	semctl(sem, 0, SETALL, (union argument){ .array = (unsigned short[]){ 1, 0, 3, 4, 5 } });
	say_values();
	printf("all or none: %s, ", name(semop(sem, many, 3)));
	say_values();
	many[1].sem_op = 2;
	printf("all: %s, ", name(semop(sem, many, 3)));
	say_values();
	printf("zero: %s", name(operate(2, 0, IPC_NOWAIT)));
	printf(" less: %s", name(operate(2, -9, IPC_NOWAIT)));
	printf(" number: %s", name(operate(5, 1, 0)));
	printf(" range: %s", name(operate(2, 32767, 0)));
	printf(" none: %s", name(semop(sem, many, 0)));
	printf(" many: %s", name(semop(sem, many, 501)));
	printf(" value: %s", name(semctl(sem, 1, SETVAL, (union argument){ .val = 32768 })));
	printf(" index: %s\n", name(semctl(sem, 9, GETVAL)));
	printf("undo: %s\n", name(operate(3, -1, SEM_UNDO)));
	semctl(sem, 1, SETVAL, (union argument){ .val = 0 });
	pthread_create(&thread, NULL, wait_one, (void *)1);
	printf("waiting: %d %d\n", wait_until(1, GETNCNT), semctl(sem, 1, GETZCNT));
	operate(1, 1, 0);
	operate(1, 1, 0);
	pthread_join(thread, &result);
	printf("woken: %d, ", (int)(intptr_t)result);
	say_values();
	pthread_create(&thread, NULL, wait_one, (void *)(16 + 3));
	printf("waiting for zero: %d\n", wait_until(3, GETZCNT));
	operate(3, -3, 0);
	pthread_join(thread, &result);
	printf("woken: %d, ", (int)(intptr_t)result);
	say_values();
	before = now_ms();
	printf("in time: %s", name(semtimedop(sem, many + 1, 1, &(struct timespec){ 0, 0 })));
	many[1] = (struct sembuf){ 1, -30, 0 };
	printf(" %s", name(semtimedop(sem, many + 1, 1, &(struct timespec){ 0, 50000000 })));
	printf(" after %d\n", now_ms() - before >= 50);
	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&thread, NULL, wait_one, (void *)3);
	wait_until(3, GETNCNT);
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, &result);
	printf("a handler: %d\n", (int)(intptr_t)result == EINTR);
	semctl(sem, 0, IPC_STAT, (union argument){ .buf = &ds });
	printf("mode %o owner %d count %lu used %d\n", ds.sem_perm.mode, ds.sem_perm.uid == geteuid(), (unsigned long)ds.sem_nsems, ds.sem_otime != 0);
	pthread_create(&thread, NULL, wait_one, (void *)3);
	wait_until(3, GETNCNT);
	printf("removed: %s", name(semctl(sem, 0, IPC_RMID)));
	pthread_join(thread, &result);
	printf(" %d, then %s\n", (int)(intptr_t)result == EIDRM, name(operate(0, 1, 0)));
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	segments();
	semaphores();
	return 0;
}
