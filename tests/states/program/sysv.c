/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors for signals, and System V shared memory and semaphores. */
#include "states.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>

enum { SEGMENTS = 4, SETS = 4, VALUES = 5, PAGE = 4096 };
static struct segment {
	int made, id;
	long pages;
	unsigned char *at;
} segments[SEGMENTS];
static struct { int made, id; } sets[SETS];

/* ---- signalfd ----------------------------------------------------------------------------------------------------------- */

/* sigfd SLOT SIGNAL [SIGNAL]: made, or told other signals */
static void do_sigfd(void)
{
	struct slot *s = &slots[(unsigned long)number(1) % SLOTS];
	sigset_t set;

	sigemptyset(&set);
	for (int i = 2; i < 4 && *text(i); i++)
		sigaddset(&set, signal_of(i));
	if (s->kind == SIGNALS)
		say("changed %d", signalfd(s->fd, &set, 0) == s->fd);
	else if (put(1, signalfd(-1, &set, SFD_NONBLOCK), SIGNALS))
		say("ok");
}

static void say_signal(struct slot *s)
{
	struct signalfd_siginfo info;
	long n = read(s->fd, &info, sizeof info);

	if (n < 0)
		say("%s", error_name(errno));
	else
		say("%ld: signal %d code %d pid %d value %d", n, info.ssi_signo == (unsigned)SIGRTMIN + 3 ? 99 : (int)info.ssi_signo,
		    info.ssi_code == SI_TKILL ? SI_USER : info.ssi_code, info.ssi_pid == (unsigned)getpid(), info.ssi_int);
}

static void do_read_signal(void)
{
	struct slot *s = slot(1, SIGNALS);

	if (s)
		say_signal(s);
}

/* ---- files that are memory ------------------------------------------------------------------------------------------------ */

/* memfd SLOT; shmopen SLOT NAME, shmunlink NAME: from there on they are files like any other */
static void do_memfd(void)
{
	if (put(1, memfd_create("states", 0), REGULAR))
		say("ok");
}

static const char *shm_name(int i)
{
	static char name[64];

	snprintf(name, sizeof name, "/dev/shm/optmig-states-%d-%s", getpid(), text(i));
	return name;
}

static void do_shmopen(void)
{
	/* The flags of shm_open() are not the same in all libcs. */
	if (put(1, open(shm_name(2), O_RDWR | O_CREAT | O_CLOEXEC, 0600), REGULAR))
		say("ok");
}

static void do_shmunlink(void)
{
	say("%s", result(unlink(shm_name(1))));
}

/* ---- shared memory ------------------------------------------------------------------------------------------------------- */

static struct segment *segment(int must_be)
{
	struct segment *s = &segments[(unsigned long)number(1) % SEGMENTS];

	if (s->made == must_be)
		return s;
	say("%s", s->made ? "there is one" : "there is none");
	return NULL;
}

static void say_segment(const struct segment *s)
{
	struct shmid_ds ds;

	if (shmctl(s->id, IPC_STAT, &ds) != 0)
		say("%s", error_name(errno));
	else
		say("size %ld attached %ld mode %o times %d %d %d by %d", (long)ds.shm_segsz, (long)ds.shm_nattch, ds.shm_perm.mode, ds.shm_atime != 0,
		    ds.shm_dtime != 0, ds.shm_ctime != 0, ds.shm_cpid == getpid());
}

/* shm NUMBER PAGES */
static void do_shm(void)
{
	struct segment *s = segment(0);

	if (!s)
		return;
	s->pages = 1 + (long)((unsigned long)number(2) % 300);
	s->id = shmget(IPC_PRIVATE, (size_t)s->pages * PAGE - 100, 0600);
	s->made = s->id >= 0;
	s->at = NULL;
	say("%s", result(s->id));
}

/* shmat NUMBER: once more, perhaps */
static void do_attach(void)
{
	struct segment *s = segment(1);
	unsigned char *at;

	if (!s)
		return;
	at = shmat(s->id, NULL, 0);
	say("%s", at == (void *)-1 ? error_name(errno) : "ok");
	if (at != (void *)-1 && s->at)          /* it was attached already: where this one is, only the kernel knows */
		say("detached %s", result(shmdt(at)));
	else if (at != (void *)-1)
		s->at = at;
	say_segment(s);
}

static void do_detach(void)
{
	struct segment *s = segment(1);

	if (!s || !s->at)
		return;
	say("%s", result(shmdt(s->at)));
	s->at = NULL;
	say_segment(s);
	s->made = shmctl(s->id, IPC_STAT, &(struct shmid_ds){ 0 }) == 0;
}

static void do_remove(void)
{
	struct segment *s = segment(1);

	if (!s)
		return;
	say("%s", result(shmctl(s->id, IPC_RMID, NULL)));
	s->made = s->at != NULL;
	say_segment(s);
}

/* shmput NUMBER PAGE VALUE */
static void do_put(void)
{
	struct segment *s = segment(1);

	if (s && s->at)
		memset(s->at + (long)((unsigned long)number(2) % (unsigned long)s->pages) * PAGE, (int)number(3), 2000);
}

/* ---- semaphores ----------------------------------------------------------------------------------------------------------- */

static int set_of(void)
{
	unsigned i = (unsigned)number(1) % SETS;

	if (!sets[i].made)
		say("no such set");
	return sets[i].made ? sets[i].id : -1;
}

static void do_sem(void)
{
	unsigned i = (unsigned)number(1) % SETS;

	if (sets[i].made) {
		say("there is one");
		return;
	}
	sets[i].id = semget(IPC_PRIVATE, VALUES, 0600);
	sets[i].made = sets[i].id >= 0;
	say("%s", result(sets[i].id));
}

/* semop SET NUMBER OP: without waiting */
static void do_semop(void)
{
	struct sembuf op = { (unsigned short)((unsigned long)number(2) % VALUES), (short)number(3), IPC_NOWAIT };
	int id = set_of();

	if (id >= 0)
		say("%s", result(semop(id, &op, 1)));
}

static void do_semrm(void)
{
	int id = set_of();

	if (id < 0)
		return;
	say("%s", result(semctl(id, 0, IPC_RMID)));
	sets[(unsigned)number(1) % SETS].made = 0;
}

static unsigned long sum(const unsigned char *at, long size)
{
	unsigned long n = 0;

	for (long i = 0; i < size; i++)
		n = n * 31 + at[i];
	return n;
}

void look_sysv(void)
{
	for (struct slot *s = slots; s < slots + SLOTS; s++)
		if (s->kind == SIGNALS) {
			printf("signals of %d\n", slot_number(s));
			say_signal(s);
			say_signal(s);
			say("poll %s", poll_words(poll_now(s->fd, POLLIN | POLLOUT)));
		}
	for (int i = 0; i < SEGMENTS; i++)
		if (segments[i].made) {
			printf("segment %d\n", i);
			say_segment(&segments[i]);
			if (!segments[i].at && shmctl(segments[i].id, IPC_STAT, &(struct shmid_ds){ 0 }) == 0)
				segments[i].at = shmat(segments[i].id, NULL, 0);
			say("content %lx", segments[i].at && segments[i].at != (void *)-1 ? sum(segments[i].at, segments[i].pages * PAGE) : 0);
			say("removed %s", result(shmctl(segments[i].id, IPC_RMID, NULL)));
			say("detached %s", result(shmdt(segments[i].at)));
			say_segment(&segments[i]);
		}
	for (int i = 0; i < SETS; i++)
		if (sets[i].made) {
			unsigned short v[VALUES] = { 0 };

			printf("semaphores %d\n", i);
			say("%s", result(semctl(sets[i].id, 0, GETALL, v)));
			for (int n = 0; n < VALUES; n++)
				say("value %d by %d", v[n], semctl(sets[i].id, n, GETPID) == getpid());
			say("removed %s", result(semctl(sets[i].id, 0, IPC_RMID)));
		}
}

const struct op ops_sysv[] = {
	{ "memfd", do_memfd }, { "shmopen", do_shmopen }, { "shmunlink", do_shmunlink }, { "sigfd", do_sigfd }, { "sigread", do_read_signal }, { "shm", do_shm }, { "shmat", do_attach }, { "shmdt", do_detach }, { "shmrm", do_remove },
	{ "shmput", do_put }, { "sem", do_sem }, { "semop", do_semop }, { "semrm", do_semrm }, { NULL, NULL },
};
