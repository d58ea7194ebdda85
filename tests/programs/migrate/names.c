/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program knows about itself stays over a migration: names of threads, /proc/self, and what was open there.
 *     names SECONDS      prints "beat" lines, then "intact" or what was wrong
 */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define THREADS 4
#define CHECK(c) do { if (!(c)) { printf("line %d: %s\n", __LINE__, #c); wrong++; } } while (0)

static int wrong;
static pthread_t threads[THREADS];
static pid_t tids[THREADS];
static pthread_barrier_t born;

static void *wait_forever(void *arg)
{
	*(pid_t *)arg = gettid();
	pthread_barrier_wait(&born);
	for (;;)
		pause();
}

static int tasks(DIR *dir)
{
	int count = 0;

	for (struct dirent *e; (e = readdir(dir));)
		count += e->d_name[0] != '.';
	return count;
}

static void look(int comm, int environment, int moved)
{
	char name[32], want[32], path[64], text[4096], again[4096];
	ssize_t length;

	for (int i = 0; i < THREADS; i++) {
		snprintf(want, sizeof want, "thread %d.%d", i, moved);
		CHECK(pthread_getname_np(threads[i], name, sizeof name) == 0 && strcmp(name, want) == 0);
	}
	length = pread(comm, name, sizeof name - 1, 0);
	CHECK(length > 0);
	name[length > 0 ? length : 0] = 0;
	snprintf(want, sizeof want, "thread 0.%d\n", moved);
	CHECK(strcmp(name, want) == 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", comm);
	snprintf(want, sizeof want, "/proc/%d/task/%d", getpid(), tids[0]);
	length = readlink(path, text, sizeof text);
	CHECK(length > (ssize_t)strlen(want) && memcmp(text, want, strlen(want)) == 0);
	length = pread(environment, text, sizeof text, 0);
	environment = open("/proc/self/environ", O_RDONLY);
	CHECK(length > 0 && read(environment, again, sizeof again) == length && memcmp(text, again, (size_t)length) == 0);
	close(environment);
}

int main(int argc, char **argv)
{
	time_t end = time(NULL) + (argc > 1 ? strtol(argv[1], NULL, 10) : 3);
	char name[64];
	int comm, environment = open("/proc/self/environ", O_RDONLY);
	DIR *half;

	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_barrier_init(&born, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, wait_forever, &tids[i]);
	pthread_barrier_wait(&born);
	snprintf(name, sizeof name, "/proc/self/task/%d/comm", tids[0]);
	comm = open(name, O_RDWR);
	printf("ready\n");
	for (int beat = 1; time(NULL) < end; beat++) {
		for (int i = 0; i < THREADS; i++) {
			snprintf(name, sizeof name, "thread %d.%d", i, beat);
			CHECK(pthread_setname_np(threads[i], name) == 0);
		}
		half = opendir("/proc/self/task");
		CHECK(half && readdir(half) && readdir(half) && readdir(half));
		usleep(50000);           /* most moves fall here */
		look(comm, environment, beat);
		CHECK(tasks(half) == THREADS);
		closedir(half);
		printf("beat %d\n", beat);
	}
	printf("%s\n", wrong ? "WRONG" : "intact");
	return wrong != 0;
}
