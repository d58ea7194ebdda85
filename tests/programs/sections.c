/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Variables in sections of the program's own, of every kind that a compiler or an assembler makes: a program may write them
 * all, and the kernel may. Each counts the same rounds, so none is behind wherever the program has been meanwhile.
 *
 *     sections [beats]      40 rounds; or until TERM, ten times a second, with a line "beat N" for each
 */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define IN(name) __attribute__((section(name), used))
#define PAGE     4096

static volatile long plain = 7;
static volatile long own IN("own_data") = 7;
static volatile long dotted IN(".PyRuntime") = 7;
static volatile long word IN("KEEP") = 7;              /* one of the linker's language */
static volatile long quoted IN(".own_bss,\"aw\",@nobits#");
static volatile long like_data IN(".data.mine") = 7;
static volatile long like_bss IN(".bss.mine");
static volatile long like_rodata IN(".rodata.mine") = 7;
static volatile long like_init IN(".init_data") = 7;
static volatile long like_once IN(".gnu.linkonce.d.mine") = 7;
static volatile char large[3 * PAGE] IN("own_large") __attribute__((aligned(PAGE))) = { 1 };
static char buffer[64] IN("own_buffer");
static _Thread_local volatile long own_thread IN("own_tls") = 7;
static _Thread_local volatile long thread_plain = 7;

/* What the C compiler does not do: zeros that take no room in the file, and variables of threads. */
__asm__(".section own_zero,\"aw\",@nobits\n .balign 4096\n .globl zero\n zero: .zero 8192\n"
	".section own_tls_zero,\"awT\",@nobits\n .balign 8\n .globl thread_zero\n .type thread_zero,@tls_object\n"
	"thread_zero: .zero 262144\n .size thread_zero, 262144\n .text\n");
extern volatile long zero[1024];
extern _Thread_local volatile long thread_zero[32768];

/* A registry: the linker collects, the program walks and writes. */
struct entry { const char *name; volatile long count; };
#define REGISTER(n) static struct entry n IN("registry") __attribute__((aligned(16))) = { #n, 7 }
REGISTER(first);
REGISTER(second);
REGISTER(third);
extern struct entry __start_registry[], __stop_registry[];

/* Constants stay where constants are, and the kernel reads them there. */
static const char words[] IN("own_words") = "constant";
__attribute__((section("own_code"), noinline, used)) static long in_own_code(volatile long a) { return a * 3; }

static volatile sig_atomic_t stop;

static void on_term(int signo)
{
	(void)signo;
	stop = 1;
}

static void count_own(void)
{
	plain++, own++, dotted++, word++, quoted++, like_data++, like_bss++, like_rodata++, like_init++, like_once++;
	large[PAGE + 5]++, large[3 * PAGE - 1]++;
	zero[0]++, zero[1023]++;
	for (struct entry *e = __start_registry; e < __stop_registry; e++)
		e->count++;
}

static void count_thread(void)
{
	own_thread++, thread_plain++, thread_zero[0]++, thread_zero[32767]++;
}

static int wrong_own(long n)
{
	int wrong = 0;

#define WRONG(variable, from) if ((variable) != (from) + n) { wrong++; printf(#variable " %ld, not %ld\n", (long)(variable), (from) + n); }
	WRONG(plain, 7) WRONG(own, 7) WRONG(dotted, 7) WRONG(word, 7) WRONG(quoted, 0) WRONG(like_data, 7) WRONG(like_bss, 0) WRONG(like_rodata, 7)
	WRONG(like_init, 7) WRONG(like_once, 7) WRONG(zero[0], 0) WRONG(zero[1023], 0)
	if (large[PAGE + 5] != (char)n || large[3 * PAGE - 1] != (char)n || large[0] != 1)
		wrong += printf("large is wrong\n") > 0;
	for (struct entry *e = __start_registry; e < __stop_registry; e++)
		WRONG(e->count, 7)
	return wrong + (__stop_registry - __start_registry != 3);
}

static int wrong_thread(long n)
{
	int wrong = 0;

	WRONG(own_thread, 7) WRONG(thread_plain, 7) WRONG(thread_zero[0], 0) WRONG(thread_zero[32767], 0)
	return wrong;
}

/* The kernel writes into a section of the program's own, and reads from one. */
static int wrong_calls(void)
{
	int fd[2], wrong = 0;

	if (pipe(fd) != 0)
		return 1;
	memset(buffer, 0, sizeof buffer);
	wrong += write(fd[1], words, sizeof words) != sizeof words;
	wrong += read(fd[0], buffer, sizeof buffer) != sizeof words;
	wrong += strcmp(buffer, "constant") != 0;
	wrong += write(fd[1], buffer, 4) != 4;
	wrong += read(fd[0], (char *)zero + PAGE + 64, 4) != 4;
	wrong += memcmp((char *)zero + PAGE + 64, "cons", 4) != 0;
	close(fd[0]);
	close(fd[1]);
	return wrong + (in_own_code(14) != 42);
}

static void *other_thread(void *unused)
{
	long n = 0;

	(void)unused;
	while (!stop) {
		count_thread();
		if (wrong_thread(++n))
			return (void *)1;
		usleep(1000);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_term };
	int beats = argc > 1 && strcmp(argv[1], "beats") == 0, wrong = 0;
	pthread_t thread;
	void *end;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGTERM, &action, NULL);
	if (pthread_create(&thread, NULL, other_thread, NULL) != 0)
		return 1;
	for (long n = 1; !wrong && !stop && (beats || n <= 40); n++) {
		count_own();
		count_thread();
		wrong = wrong_own(n) + wrong_thread(n) + wrong_calls();
		if (beats)
			printf("beat %ld\n", n);
		usleep(beats ? 100000 : 1000);
	}
	stop = 1;
	pthread_join(thread, &end);
	wrong += end != NULL;
	printf("%s\n", wrong ? "broken" : "intact");
	return wrong != 0;
}
