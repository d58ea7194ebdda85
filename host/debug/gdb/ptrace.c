/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded into gdb for enclaves of the hardware. The registers of a thread that is interrupted inside are in its SSA frame only. The kernel's
 * ptrace() shows the AEP, an ENCLU of the vDSO with ERESUME in rax and the TCS in rbx. A debug enclave's SSA can be read and written
 * (EDBGRD, EDBGWR: /proc/PID/mem), so ptrace() is answered from there:
 *
 *   GETREGS, PEEKUSER of registers     at the AEP: from GPRSGX of the last SSA frame
 *   SETREGS, POKEUSER                  likewise, into it; the registers outside stay
 *   GETREGSET, SETREGSET (XSTATE)      the SSA frame's XSAVE area, legacy part and AVX
 *   SINGLESTEP                         TF in the SSA frame, and go on: the CPU steps inside if the thread has entered with TCS.FLAGS.DBGOPTIN
 *   ATTACH, SEIZE                      sets DBGOPTIN in the TCS that OPTMIG_GDB_TCS names ("first count stride"); in force from the next EENTER on
 *
 * An INT3 that gdb has put into the enclave's code (EDBGWR goes through page permissions) is #BP there with DBGOPTIN, an AEX, and SIGTRAP at
 * the AEP: Linux leaves #BP and #DB out of the exceptions that its vDSO returns (arch/x86/entry/vdso/extable.c).
 *
 * Anything else, and any thread that is not at an AEP, gets what the kernel says. SDM 3D: 35.9 (SSA), 39.2 (debugging).
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>
#include "sgx_arch.h"

#define TF          0x100ull
#define PAGE        4096u
#define LEAF_RESUME 3u
#define TCS_FLAGS   8u
#define TCS_OSSA    16u
#define TCS_CSSA    24u
#define STEPPED_MAX 4096u

typedef long ptrace_fn(int request, pid_t pid, void *address, void *data);

static ptrace_fn *kernel;

__attribute__((constructor)) static void find_kernel(void)
{
	void *found = dlsym(RTLD_NEXT, "ptrace");

	memcpy(&kernel, &found, sizeof kernel);
}

static bool move(pid_t pid, uint64_t address, void *buffer, size_t size, bool write)
{
	char path[64];
	ssize_t done;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	done = write ? pwrite(fd, buffer, size, (off_t)address) : pread(fd, buffer, size, (off_t)address);
	close(fd);
	return done == (ssize_t)size;
}

/* Address of the thread's last SSA frame (one page), if it is at an AEP. The enclave's base: where its TCS says that OSSA is relative to. */
static bool at_aep(pid_t pid, struct user_regs_struct *outside, uint64_t *ret_frame)
{
	uint64_t first = 0, ossa;
	uint32_t cssa;
	uint8_t code[3];
	const char *slots = getenv("OPTMIG_GDB_TCS"), *base = getenv("OPTMIG_GDB_BASE");

	if (!slots || sscanf(slots, "%lx", &first) != 1)
		return false;
	if (kernel(PTRACE_GETREGS, pid, NULL, outside) || outside->rax != LEAF_RESUME || outside->rbx < first || outside->rbx % PAGE ||
	    !move(pid, outside->rip, code, sizeof code, false) || memcmp(code, "\x0f\x01\xd7", sizeof code) ||
	    !move(pid, outside->rbx + TCS_OSSA, &ossa, sizeof ossa, false) || !move(pid, outside->rbx + TCS_CSSA, &cssa, sizeof cssa, false) || !cssa)
		return false;
	*ret_frame = (base ? strtoull(base, NULL, 16) : 0) + ossa + (uint64_t)(cssa - 1) * PAGE;
	return true;
}

static uint64_t gpr_of(uint64_t frame)
{
	return frame + PAGE - SGX_GPRSGX_SIZE;
}

/* Threads that were sent on with TF in their SSA frames. gdb has one thread that calls ptrace(). */
static pid_t stepped[STEPPED_MAX];

static bool forget_step(pid_t pid)
{
	for (unsigned i = 0; i < STEPPED_MAX; i++)
		if (stepped[i] == pid) {
			stepped[i] = 0;
			return true;
		}
	return false;
}

static void note_step(pid_t pid)
{
	(void)forget_step(pid);
	for (unsigned i = 0; i < STEPPED_MAX; i++)
		if (!stepped[i]) {
			stepped[i] = pid;
			return;
		}
}

static bool read_inside(pid_t pid, uint64_t frame, struct sgx_gprsgx *g)
{
	if (!move(pid, gpr_of(frame), g, sizeof *g, false))
		return false;
	if (forget_step(pid)) {
		g->rflags &= ~TF;
		return move(pid, gpr_of(frame), g, sizeof *g, true);
	}
	return true;
}

static void to_user(const struct sgx_gprsgx *g, struct user_regs_struct *r)
{
	r->rax = r->orig_rax = g->rax, r->rcx = g->rcx, r->rdx = g->rdx, r->rbx = g->rbx, r->rsp = g->rsp, r->rbp = g->rbp, r->rsi = g->rsi, r->rdi = g->rdi;
	r->r8 = g->r8, r->r9 = g->r9, r->r10 = g->r10, r->r11 = g->r11, r->r12 = g->r12, r->r13 = g->r13, r->r14 = g->r14, r->r15 = g->r15;
	r->eflags = g->rflags, r->rip = g->rip, r->fs_base = g->fsbase, r->gs_base = g->gsbase;
	r->orig_rax = ~0ull;         /* no system call was interrupted */
}

static void from_user(const struct user_regs_struct *r, struct sgx_gprsgx *g)
{
	g->rax = r->rax, g->rcx = r->rcx, g->rdx = r->rdx, g->rbx = r->rbx, g->rsp = r->rsp, g->rbp = r->rbp, g->rsi = r->rsi, g->rdi = r->rdi;
	g->r8 = r->r8, g->r9 = r->r9, g->r10 = r->r10, g->r11 = r->r11, g->r12 = r->r12, g->r13 = r->r13, g->r14 = r->r14, g->r15 = r->r15;
	g->rflags = r->eflags, g->rip = r->rip, g->fsbase = r->fs_base, g->gsbase = r->gs_base;
}

static long failed(int error)
{
	errno = error;
	return -1;
}

static long registers(bool write, pid_t pid, uint64_t frame, struct user_regs_struct *outside, struct user_regs_struct *r)
{
	struct sgx_gprsgx g;

	if (!read_inside(pid, frame, &g))
		return failed(EIO);
	if (write) {
		from_user(r, &g);
		return move(pid, gpr_of(frame), &g, sizeof g, true) ? 0 : failed(EIO);
	}
	*r = *outside;
	to_user(&g, r);
	return 0;
}

/* One word of struct user: of the registers, from inside. */
static long one_register(bool write, pid_t pid, uint64_t frame, struct user_regs_struct *outside, size_t at, long *word)
{
	struct user_regs_struct r = { 0 };

	if (registers(false, pid, frame, outside, &r))
		return -1;
	memcpy(write ? (char *)&r + at : (char *)word, write ? (char *)word : (char *)&r + at, sizeof *word);
	return write ? registers(true, pid, frame, outside, &r) : 0;
}

/* The kernel's area is the CPU's standard layout, as the SSA frame's is: it is longer, and its first part is what the frame has. */
static long vectors(bool write, pid_t pid, uint64_t frame, int request, void *type, struct iovec *v)
{
	const size_t most = PAGE - SGX_GPRSGX_SIZE - SGX_EXINFO_SIZE;
	long result = write ? 0 : kernel(request, pid, type, v);
	size_t size = v->iov_len < most ? v->iov_len : most;
	uint8_t software[48];

	if (result)
		return result;
	if (write)
		return move(pid, frame, v->iov_base, size, true) ? 0 : failed(EIO);
	/* What the kernel says of its format in bytes that are left to software: which components there are. */
	if (v->iov_len < 512)
		return failed(EIO);
	memcpy(software, (uint8_t *)v->iov_base + 464, sizeof software);
	if (!move(pid, frame, v->iov_base, size, false))
		return failed(EIO);
	memcpy((uint8_t *)v->iov_base + 464, software, sizeof software);
	return 0;
}

static long step(pid_t pid, uint64_t frame, void *address, void *data)
{
	struct sgx_gprsgx g;

	if (!move(pid, gpr_of(frame), &g, sizeof g, false))
		return failed(EIO);
	g.rflags |= TF;
	if (!move(pid, gpr_of(frame), &g, sizeof g, true))
		return failed(EIO);
	note_step(pid);
	return kernel(PTRACE_CONT, pid, address, data);
}

static void opt_in(pid_t pid)
{
	const char *slots = getenv("OPTMIG_GDB_TCS");
	uint64_t first, flags;
	unsigned count, stride;

	if (!slots || sscanf(slots, "%lx %x %x", &first, &count, &stride) != 3)
		return;
	for (unsigned i = 0; i < count; i++)
		if (move(pid, first + (uint64_t)i * stride + TCS_FLAGS, &flags, sizeof flags, false) && !(flags & SGX_TCS_DBGOPTIN)) {
			flags |= SGX_TCS_DBGOPTIN;
			(void)move(pid, first + (uint64_t)i * stride + TCS_FLAGS, &flags, sizeof flags, true);
		}
}

/* Return: true if it has been answered. */
static bool inside(int request, pid_t pid, void *address, void *data, long *ret)
{
	struct user_regs_struct outside;
	uint64_t frame;
	bool user = request == PTRACE_PEEKUSER || request == PTRACE_POKEUSER;
	bool set = request == PTRACE_GETREGSET || request == PTRACE_SETREGSET;

	if (user && (uint64_t)address >= sizeof outside)
		return false;
	if (set && (uint64_t)address != NT_X86_XSTATE)
		return false;
	if ((!user && !set && request != PTRACE_GETREGS && request != PTRACE_SETREGS && request != PTRACE_SINGLESTEP) || !at_aep(pid, &outside, &frame))
		return false;
	switch (request) {
	case PTRACE_GETREGS: *ret = registers(false, pid, frame, &outside, data); break;
	case PTRACE_SETREGS: *ret = registers(true, pid, frame, &outside, data); break;
	case PTRACE_PEEKUSER: *ret = one_register(false, pid, frame, &outside, (size_t)address, data); break;
	case PTRACE_POKEUSER: *ret = one_register(true, pid, frame, &outside, (size_t)address, (long *)&data); break;
	case PTRACE_SINGLESTEP: *ret = step(pid, frame, address, data); break;
	default: *ret = vectors(request == PTRACE_SETREGSET, pid, frame, request, address, data); break;
	}
	return true;
}

long ptrace(enum __ptrace_request request, ...)
{
	long result, word = 0;
	void *address, *data;
	va_list args;
	pid_t pid;
	bool peeks = request == PTRACE_PEEKUSER || request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA;

	va_start(args, request);
	pid = va_arg(args, pid_t);
	address = va_arg(args, void *);
	data = va_arg(args, void *);
	va_end(args);
	if (inside((int)request, pid, address, peeks ? &word : data, &result))
		return peeks && !result ? word : result;
	result = kernel((int)request, pid, address, data);
	if (result == 0 && (request == PTRACE_ATTACH || (int)request == PTRACE_SEIZE))
		opt_in(pid);
	return result;
}
