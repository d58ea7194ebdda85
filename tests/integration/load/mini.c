/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enclave without our runtime, for the loader's tests: it speaks abi/hostcall.h and does what its first argument
 * says. So a failure of these tests is the loader's.
 */
#include <stdint.h>
#include <sys/syscall.h>
#include "errors.h"
#include "hostcall.h"
#include "image.h"
#include "sgx_arch.h"

#define SERVICE   OM_SERVICE_SLOTS
#define MAIN      SERVICE
#define OTHER     (SERVICE + 1)
#define HEAP      0x100000u

__attribute__((section(OM_HEADER_SECTION), used)) static const struct om_image_header header = {
	.magic = OM_IMAGE_MAGIC, .version = OM_IMAGE_VERSION, .flags = OM_IMAGE_DEBUG, .elrange_size = OM_ELRANGE_MIN,
	.image_end_offset = 0x8000, .heap_offset = HEAP, .heap_size = 0x100000, .slots_offset = 0x200000,
	.app_threads = 8, .service_slots = OM_SERVICE_SLOTS, .pagemap_offset = 0x400000, .pagemap_size = 0x40000,
	.cards_offset = 0x440000, .cards_size = 0x40000, .file_max = 16, .program_name = "mini", .xfrm = OM_XFRM_AVX,
};

__attribute__((section(".interp"), used)) static const char interpreter[] = OPTMIG_INTERPRETER;

void mini_main(uint64_t ecall, struct om_tbuf *tbuf, uint64_t size, uint64_t r8);
void mini_exception(uint64_t ecall, struct om_tbuf *tbuf);
void mini_hostcall(void);
void mini_hostcall_exc(void);

static char mode[32] = { 1 };
static volatile uint32_t signals_seen, other_done, last_signal;
static struct om_tbuf *tbufs[16] = { (struct om_tbuf *)1 };

static uint32_t slot(void)
{
	uint64_t tcb;

	__asm__ volatile("rdfsbase %0" : "=r"(tcb));
	return (uint32_t)((tcb - OM_ELRANGE_BASE - 0x200000) / OM_SLOT_SIZE);
}

static int64_t call(uint32_t op, uint32_t flags, uint32_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	struct om_tbuf *t = tbufs[slot()];

	t->exit = OM_EXIT_HOSTCALL;
	t->op = op;
	t->flags = flags;
	t->nr = nr;
	t->arg[0] = a, t->arg[1] = b, t->arg[2] = c, t->arg[3] = t->arg[4] = t->arg[5] = 0;
	mini_hostcall();
	return t->ret;
}

static uint64_t put(const char *text, uint64_t at)
{
	char *data = (char *)tbufs[slot()] + OM_TBUF_DATA + at;
	uint64_t n = 0;

	for (; text[n]; n++)
		data[n] = text[n];
	data[n] = 0;
	return n;
}

static uint64_t data_address(void)
{
	return (uint64_t)(uintptr_t)tbufs[slot()] + OM_TBUF_DATA;
}

static void say(const char *text)
{
	uint64_t n = put(text, 0);

	call(OM_HC_SYSCALL, 0, SYS_write, 1, data_address(), n);
}

static _Noreturn void quit(uint64_t status, uint64_t signo)
{
	for (;;)
		call(OM_HC_EXIT, 0, 0, status, signo, 0);
}

static void check(int condition, const char *what)
{
	if (condition)
		return;
	say("failed: ");
	say(what);
	say("\n");
	quit(1, 0);
}

static int is(const char *word)
{
	int i = 0;

	for (; word[i] && word[i] == mode[i]; i++) {
	}
	return word[i] == mode[i];
}

static void nap(uint64_t ns)
{
	uint64_t *t = (uint64_t *)data_address();

	t[0] = 0, t[1] = ns;
	call(OM_HC_SYSCALL, 0, SYS_nanosleep, data_address(), 0, 0);
}

/* Allowed and refused system calls, pointers in and out of the buffer. */
static void proxy(void)
{
	uint64_t inside = data_address(), n = put("/dev/zero", 0);
	int64_t fd = call(OM_HC_SYSCALL, 0, SYS_openat, (uint64_t)-100, inside, 0);

	(void)n;
	check(fd >= 3, "open");
	check(call(OM_HC_SYSCALL, 0, SYS_read, (uint64_t)fd, inside, 4096) == 4096, "read");
	check(call(OM_HC_SYSCALL, 0, SYS_read, (uint64_t)fd, (uint64_t)(uintptr_t)tbufs[MAIN], 16) == -14, "read into the header");
	check(call(OM_HC_SYSCALL, 0, SYS_read, (uint64_t)fd, inside + OM_TBUF_SIZE_APP - OM_TBUF_DATA - 8, 16) == -14, "read past the end");
	check(call(OM_HC_SYSCALL, 0, SYS_read, (uint64_t)fd, inside, ~0ull) == -14, "read of a size that wraps");
	check(call(OM_HC_SYSCALL, 0, SYS_read, (uint64_t)fd, (uint64_t)(uintptr_t)&mode, 1) == -14, "read into the enclave");
	check(call(OM_HC_SYSCALL, 0, SYS_execve, inside, 0, 0) == -38, "execve");
	check(call(OM_HC_SYSCALL, 0, SYS_mmap, 0, 4096, 0) == -38, "mmap");
	check(call(OM_HC_SYSCALL, 0, 0xffffffff, 0, 0, 0) == -38, "no such call");
	check(call(OM_HC_SYSCALL, 0, SYS_ioctl, (uint64_t)fd, 0x1234, inside) == -25, "ioctl");
	check(call(999, 0, 0, 0, 0, 0) == -38, "no such host call");
	check(call(OM_HC_UNPARK, 0, 0, 1000, 0, 0) == -22, "unpark of no slot");
	check(call(OM_HC_THREAD_START, 0, 0, 3, 0, 0) == -22, "start of a service slot");
	check(call(OM_HC_SYSCALL, 0, SYS_close, (uint64_t)fd, 0, 0) == 0, "close");
}

static void other_thread(void)
{
	if (is("park"))
		for (int i = 0; i < 1000; i++) {
			check(call(OM_HC_PARK, 0, 0, ~0ull, 0, 0) == 0, "park");
			call(OM_HC_UNPARK, 0, 0, MAIN, 0, 0);
		}
	if (is("kick")) {
		/* No sleep lasts: each of these would take an hour. The first kicks may come early or late. */
		for (int i = 0; i < 300; i++) {
			uint64_t *t = (uint64_t *)data_address();

			t[0] = 3600, t[1] = 0;
			other_done = (uint32_t)i + 1;
			check(call(OM_HC_SYSCALL, OM_HCF_INTERRUPTIBLE, SYS_nanosleep, data_address(), 0, 0) == -4, "kick");
		}
		other_done = 1000;
	}
	if (is("threads"))
		__atomic_fetch_add(&other_done, 1, __ATOMIC_SEQ_CST);
}

static void main_thread(void)
{
	if (is("hello"))
		say("hello from the enclave\n");
	else if (is("proxy"))
		proxy();
	else if (is("exit7"))
		quit(7, 0);
	else if (is("term"))
		quit(0, 15);
	else if (is("park")) {
		check(call(OM_HC_PARK, 0, 0, 1000000, 0, 0) == -110, "timeout");
		call(OM_HC_THREAD_START, 0, 0, OTHER, 0, 0);
		for (int i = 0; i < 1000; i++) {
			call(OM_HC_UNPARK, 0, 0, OTHER, 0, 0);
			check(call(OM_HC_PARK, 0, 0, ~0ull, 0, 0) == 0, "park");
		}
	} else if (is("kick")) {
		call(OM_HC_THREAD_START, 0, 0, OTHER, 0, 0);
		for (uint32_t i = 1; i <= 300; i++) {
			while (other_done < i)
				__builtin_ia32_pause();
			for (uint32_t spin = 0; spin < i * 20; spin++)
				__builtin_ia32_pause();
			call(OM_HC_KICK, 0, 0, OTHER, 0, 0);
		}
		while (other_done < 1000)
			nap(1000000);
	} else if (is("threads")) {
		for (uint32_t i = 0; i < 200; i++) {
			check(call(OM_HC_THREAD_START, 0, 0, OTHER + i % 7, 0, 0) == 0, "start");
			while (other_done <= i)
				nap(10000);
		}
	} else if (is("signal")) {
		say("ready\n");
		while (signals_seen < 3)
			nap(1000000);
		quit(last_signal, 0);
	} else if (is("forever")) {
		say("ready\n");
		for (;;)
			nap(1000000);
	} else if (is("fault")) {
		volatile uint64_t *heap = (uint64_t *)(OM_ELRANGE_BASE + HEAP);

		for (int i = 0; i < 16; i++)
			heap[i * 512] = (uint64_t)i;
		for (int i = 0; i < 16; i++)
			check(heap[i * 512] == (uint64_t)i, "heap");
	} else if (is("million")) {
		for (int i = 0; i < 1000000; i++)
			call(OM_HC_SYSCALL, OM_HCF_INTERRUPTIBLE, SYS_getppid, 0, 0, 0);
	} else if (is("wild"))
		*(volatile char *)(OM_ELRANGE_BASE + 0x3f000000) = 1;
	quit(0, 0);
}

static void fatal(struct om_tbuf *t, int64_t error, uint64_t detail, uint64_t signo, const char *words)
{
	char *data = (char *)t + OM_TBUF_DATA;

	t->exit = OM_EXIT_FATAL;
	t->arg[0] = (uint64_t)error, t->arg[1] = detail, t->arg[2] = signo;
	for (uint64_t n = 0; words[n]; n++)
		data[n] = words[n], data[n + 1] = 0;
}

/* CSSA 1: accepts the heap page that was touched, anything else is the end. */
void mini_exception(uint64_t ecall, struct om_tbuf *tbuf)
{
	uint64_t gpr = OM_ELRANGE_BASE + 0x200000 + slot() * OM_SLOT_SIZE + OM_SLOT_SSA + 4096 - SGX_GPRSGX_SIZE;
	uint64_t address = *(uint64_t *)(gpr - SGX_EXINFO_SIZE) & ~4095ull, status;
	struct sgx_secinfo secinfo __attribute__((aligned(64))) = { .flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W | SGX_SECINFO_PENDING };

	(void)ecall;
	if (address < OM_ELRANGE_BASE + HEAP || address >= OM_ELRANGE_BASE + HEAP + 0x100000) {
		fatal(tbuf, OM_EHOST, address, 11, "touched what is not mapped\x1b[2J");
		return;
	}
	/* A host call out of the handler. */
	tbuf->exit = OM_EXIT_HOSTCALL;
	tbuf->op = OM_HC_SGX_AUGMENT;
	tbuf->arg[0] = address - OM_ELRANGE_BASE;
	tbuf->arg[1] = 4096;
	mini_hostcall_exc();
	__asm__ volatile(SGX_ENCLU_STR : "=a"(status) : "a"((uint64_t)SGX_EACCEPT), "b"(&secinfo), "c"(address) : "memory", "cc");
	if (status)
		fatal(tbuf, OM_ESGX, status, 11, "EACCEPT");
	else
		tbuf->exit = OM_EXIT_DONE;
}

/* Booted as a destination, before anything has been attested: what a foreign image could do there. */
static void leave_mark(struct om_tbuf *tbuf)
{
	say("mini runs, and nobody has asked who it is\n");
	tbuf->exit = OM_EXIT_DONE;
}

static void init(const struct om_boot *boot)
{
	const char *arguments = (const char *)(boot + 1);
	int i = 0;

	while (*arguments++) {
	}
	for (; boot->argc > 1 && arguments[i] && i < 31; i++)
		mode[i] = arguments[i];
	mode[i] = 0;
}

void mini_main(uint64_t ecall, struct om_tbuf *tbuf, uint64_t size, uint64_t r8)
{
	(void)size;
	tbufs[slot()] = tbuf;
	tbuf->exit = OM_EXIT_DONE;
	switch (ecall) {
	case OM_ECALL_INIT:
		init((const struct om_boot *)r8);
		if (((const struct om_boot *)r8)->flags & OM_BOOT_RECEIVE)
			leave_mark(tbuf);
		if (is("refuse"))
			fatal(tbuf, OM_EVERSION, 42, 0, "wrong boot block");
		tbuf->arg[0] = MAIN;
		break;
	case OM_ECALL_THREAD:
		if (slot() == MAIN)
			main_thread();
		other_thread();
		tbuf->exit = OM_EXIT_THREAD;
		break;
	case OM_ECALL_SIGNAL:
		last_signal = (uint32_t)r8;
		signals_seen++;
		if (is("forever"))
			call(OM_HC_EXIT, 0, 0, 0, r8, 0);
		break;
	}
}
