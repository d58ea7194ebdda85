/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that XSAVE would save is alive in registers while the program moves: in loops, in loops whose signal handler runs
 * for long meanwhile, at faults and in system calls of its own assembly. Each thread has one set of components in use and leaves the others as they are.
 *
 *     vectors sse|avx|avx512        prints "beat" lines; ends at SIGTERM with "intact"
 *     vectors spoil HOW             returns from a handler that has spoilt its frame: dies of SIGSEGV; or, of a frame that says
 *                                   that nothing is in use ("initial"), prints "initial"
 *
 * The handler looks at the signal frame as Linux documents it, and changes two registers there.
 */
#include <optmig.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum level { X87, SSE, AVX, AVX512, LEVELS };

struct state {
	uint8_t  vector[32][64];
	uint64_t mask[8];
	uint8_t  st[8][16];          /* ten bytes each */
	uint32_t mxcsr;
	uint16_t control, pad;
};

#define SIXTEEN "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15"
#define XMM "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#define ALL ".irp n," SIXTEEN ",16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
#define EACH(list, what) list what "\n.endr\n"
#define FROM_0 ".irp n," SIXTEEN "\n"
#define MASKS ".irp n,0,1,2,3,4,5,6,7\n"
/* Offsets in struct state. */
#define O_MASK 2048
#define O_ST   2112
_Static_assert(offsetof(struct state, mask) == O_MASK && offsetof(struct state, st) == O_ST, "offsets");

#define LOAD_X87 EACH(".irp n,7,6,5,4,3,2,1,0\n", "fldt 2112+16*\\n(%0)") "fldcw 2244(%0)\nldmxcsr 2240(%0)\n"
#define STORE_X87 EACH(MASKS, "fstpt 2112+16*\\n(%0)") "fnstcw 2244(%0)\nstmxcsr 2240(%0)\n"
_Static_assert(offsetof(struct state, mxcsr) == 2240 && offsetof(struct state, control) == 2244, "offsets");

#define APART __attribute__((noinline))

APART static void load(const struct state *s, enum level level)
{
	if (level == SSE)
		__asm__ volatile(OPTMIG_ASM_MARKED EACH(FROM_0, "movdqu 64*\\n(%0), %%xmm\\n") :: "r"(s) : XMM, "memory");
	else if (level == AVX)
		__asm__ volatile(OPTMIG_ASM_MARKED EACH(FROM_0, "vmovdqu 64*\\n(%0), %%ymm\\n") :: "r"(s) : XMM, "memory");
	else if (level == AVX512)
		__asm__ volatile(OPTMIG_ASM_MARKED EACH(ALL, "vmovdqu64 64*\\n(%0), %%zmm\\n") EACH(MASKS, "kmovq 2048+8*\\n(%0), %%k\\n")
			:: "r"(s) : XMM, "memory");
	__asm__ volatile(OPTMIG_ASM_MARKED LOAD_X87 :: "r"(s) : "memory");
}

/* And leaves things as the ABI wants them. */
APART static void store(struct state *s, enum level level)
{
	static const uint32_t mxcsr = 0x1f80;
	static const uint16_t control = 0x37f;

	OPTMIG_MARK(s, sizeof *s);
	if (level == SSE)
		__asm__ volatile(OPTMIG_ASM_MARKED EACH(FROM_0, "movdqu %%xmm\\n, 64*\\n(%0)") :: "r"(s) : "memory");
	else if (level == AVX)
		__asm__ volatile(OPTMIG_ASM_MARKED EACH(FROM_0, "vmovdqu %%ymm\\n, 64*\\n(%0)") "vzeroupper\n" :: "r"(s) : XMM, "memory");
	else if (level == AVX512)
		__asm__ volatile(OPTMIG_ASM_MARKED EACH(ALL, "vmovdqu64 %%zmm\\n, 64*\\n(%0)") EACH(MASKS, "kmovq %%k\\n, 2048+8*\\n(%0)") "vzeroupper\n"
			:: "r"(s) : XMM, "memory");
	__asm__ volatile(OPTMIG_ASM_MARKED STORE_X87 :: "r"(s) : "memory");
	__asm__ volatile("fldcw %0; ldmxcsr %1" :: "m"(control), "m"(mxcsr));
}

static void fill(struct state *s, uint64_t seed, enum level level)
{
	uint8_t *bytes = (uint8_t *)s;

	for (size_t i = 0; i < offsetof(struct state, st); i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		bytes[i] = (uint8_t)(seed >> 56);
	}
	memset(s->st, 0, sizeof s->st);
	for (int i = 0; i < 8; i++) {
		const long double value = (long double)(seed >> 8) / (i + 3) + i;
		memcpy(s->st[i], &value, 10);
	}
	s->mxcsr = 0x1f80 | (uint32_t)(seed >> 60 & 3) << 13;
	s->control = (uint16_t)(0x37f | (seed >> 58 & 3) << 10);
	s->pad = 0;
	/* What the level has not is not loaded; it is not stored either. */
	for (int i = 0; i < 32; i++)
		if (level == X87 || (level < AVX512 && i >= 16))
			memset(s->vector[i], 0, 64);
		else if (level < AVX512)
			memset(s->vector[i] + (level == SSE ? 16 : 32), 0, level == SSE ? 48 : 32);
	if (level < AVX512)
		memset(s->mask, 0, sizeof s->mask);
}

/* ---- a thread ---- */

struct worker {
	enum level level;
	volatile bool armed;         /* the registers hold `now`, whatever safepoint comes */
	struct state now;
	_Atomic uint64_t rounds, frames;
	pthread_t thread;
};

static struct worker workers[LEVELS];
static _Thread_local struct worker *self;
static volatile sig_atomic_t over;
static volatile unsigned spins = 60000;

static _Noreturn void broken(const char *words, int level, int where)
{
	printf("BROKEN: %s, level %d, at %d\n", words, level, where);
	fflush(stdout);
	_exit(1);
}

APART static void spin(unsigned times)
{
	for (unsigned i = 0; i < times; i++)
		__asm__ volatile("" : "+r"(i));
}

/* Linux: the legacy area, what lies beyond it at 464, XSTATE_BV at 512, upper halves of YMM at 576. */
static void look(const ucontext_t *uc)
{
	uint8_t *area = (uint8_t *)uc->uc_mcontext.fpregs;
	struct state *s = &self->now;
	uint32_t word;
	uint64_t present, components, bump;

	if (!(uc->uc_flags & 1))
		broken("no UC_FP_XSTATE", self->level, 0);
	memcpy(&word, area + 464, sizeof word);
	memcpy(&components, area + 472, sizeof components);
	if (word != 0x46505853 || (components & 3) != 3)
		broken("no FP_XSTATE_MAGIC1", self->level, 0);
	memcpy(&word, area + 480, sizeof word);
	memcpy(&word, area + word, sizeof word);
	if (word != 0x46505845)
		broken("no FP_XSTATE_MAGIC2", self->level, 0);
	memcpy(&present, area + 512, sizeof present);
	if (memcmp(area, &s->control, 2) || memcmp(area + 24, &s->mxcsr, 4))
		broken("control words in the frame", self->level, 0);
	for (int i = 0; i < 8; i++)
		if (memcmp(area + 32 + 16 * i, s->st[i], 10))
			broken("x87 in the frame", self->level, i);
	for (int i = 0; self->level >= SSE && i < 16; i++)
		if (!(present & 2) || memcmp(area + 160 + 16 * i, s->vector[i], 16))
			broken("XMM in the frame", self->level, i);
	for (int i = 0; self->level >= AVX && i < 16; i++)
		if (!(present & 4) || memcmp(area + 576 + 16 * i, s->vector[i] + 16, 16))
			broken("YMM in the frame", self->level, i);
	/* A change counts when the handler returns. */
	for (int at = 0; at <= 16 && self->level >= (at ? AVX : SSE); at += 16) {
		memcpy(&bump, s->vector[15] + at, sizeof bump);
		bump++;
		memcpy(s->vector[15] + at, &bump, sizeof bump);
		memcpy(area + (at ? 576 : 160) + 16 * 15, &bump, sizeof bump);
	}
}

static void on_usr1(int signo, siginfo_t *info, void *context)
{
	struct state other;
	bool was_armed = self && self->armed;

	(void)signo, (void)info;
	if (!was_armed)
		return;
	self->armed = false;
	look(context);
	/* Nothing of these is left in the registers, and the frame stays where it is while the program moves. */
	fill(&other, self->rounds ^ 0x5555, self->level);
	load(&other, self->level);
	spin(4 * spins);
	store(&other, self->level);
	self->frames++;
	self->armed = true;
}

static void on_ill(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	(void)signo, (void)info;
	look(context);
	spin(spins / 4);
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	self->frames++;
}

/* The kernel's convention preserves them all; a signal may come here, too, and its frame is that of a call. */
APART static void call(void)
{
	static const struct timespec millisecond = { .tv_nsec = 1000000 };
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(SYS_nanosleep), "D"(&millisecond), "S"(NULL) : "rcx", "r11", "memory");
	if (result != 0 && result != -EINTR)
		over = -1;
}

static void *work(void *argument)
{
	struct worker *w = self = argument;
	struct state then;

	while (!over) {
		fill(&w->now, w->rounds * 4 + (unsigned)w->level, w->level);
		memset(&then, 0, sizeof then);
		load(&w->now, w->level);
		w->armed = true;
		spin(spins);
		w->armed = false;
		if (w->rounds % 4 == 0)
			__asm__ volatile("ud2");
		if (w->rounds % 64 == 1)
			call();
		store(&then, w->level);
		if (memcmp(&then, &w->now, sizeof then)) {
			int at = 0;

			while (((uint8_t *)&then)[at] == ((uint8_t *)&w->now)[at])
				at++;
			broken("a register", w->level, at);
		}
		w->rounds++;
	}
	return NULL;
}

/* ---- frames that cannot be, and one that can ---- */

static const char *how;

static void on_ill_spoil(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint8_t *area = (uint8_t *)uc->uc_mcontext.fpregs;
	uint64_t present;

	(void)signo, (void)info;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	memcpy(&present, area + 512, sizeof present);
	if (strcmp(how, "component") == 0)
		present |= 1ull << 62;
	else if (strcmp(how, "initial") == 0)
		present = 0;
	else if (strcmp(how, "compacted") == 0)
		area[520 + 7] = 0x80;
	else if (strcmp(how, "mxcsr") == 0)
		area[27] = 0x80;
	memcpy(area + 512, &present, sizeof present);
}

static int spoil(void)
{
	struct sigaction ill = { .sa_sigaction = on_ill_spoil, .sa_flags = SA_SIGINFO };
	static struct state before, after;

	sigaction(SIGILL, &ill, NULL);
	fill(&before, 7, SSE);
	load(&before, SSE);
	__asm__ volatile("ud2");
	store(&after, SSE);
	for (int i = 0; i < 16; i++)
		for (int at = 0; at < 16; at++)
			if (after.vector[i][at])
				broken("XMM is not initial", SSE, i);
	if (after.control != 0x37f || after.mxcsr != before.mxcsr)
		broken("control words", SSE, after.control);
	printf("initial\n");
	return 0;
}

static void on_term(int signo) { (void)signo; over = 1; }

int main(int argc, char **argv)
{
	static const char *const names[LEVELS] = { "x87", "sse", "avx", "avx512" };
	struct sigaction usr1 = { .sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO | SA_RESTART }, ill = { .sa_sigaction = on_ill, .sa_flags = SA_SIGINFO };
	int top = 0, beat = 0;

	if (argc > 2 && strcmp(argv[1], "spoil") == 0) {
		how = argv[2];
		return spoil();
	}
	while (top < LEVELS && strcmp(argc > 1 ? argv[1] : "avx", names[top]))
		top++;
	if (top == LEVELS)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGUSR1, &usr1, NULL);
	sigaction(SIGILL, &ill, NULL);
	signal(SIGTERM, on_term);
	for (int i = 0; i <= top; i++) {
		workers[i].level = (enum level)i;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return 1;
	}
	printf("ready\n");
	while (!over) {
		uint64_t least = UINT64_MAX;

		for (int i = 0; i <= top; i++) {
			pthread_kill(workers[i].thread, SIGUSR1);
			least = workers[i].rounds < least ? workers[i].rounds : least;
		}
		if (least / 20 > (uint64_t)beat)
			printf("beat %d\n", beat = (int)(least / 20));
		nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
	}
	for (int i = 0; i <= top; i++) {
		pthread_join(workers[i].thread, NULL);
		if (!workers[i].frames)
			broken("no signal frame", i, 0);
		printf("%s: %lu rounds, %lu frames\n", names[i], workers[i].rounds, workers[i].frames);
	}
	if (over < 0)
		broken("a system call", 0, over);
	printf("intact\n");
	return 0;
}
