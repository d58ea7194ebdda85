/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal frames on the application's stack, in the kernel's (and musl's) layout:
 *
 *     rsp  -> return address (the restorer)      rdi = signal number
 *             siginfo, 128 bytes                 rsi = its address
 *             ucontext                           rdx = its address
 *             what sigreturn needs to run an interrupted system call again
 *
 * The interrupted context is either a system call (struct rt_call_frame: only what a call preserves is defined, the
 * result is in rax) or a poll or fault (struct rt_full_frame and a vector area: everything). sigreturn loads all of it
 * back from the ucontext, where the handler may have changed it, maybe on another machine.
 *
 * fpregs is as Linux documents it: the legacy 512 bytes, what follows them (in their bytes 464 to 511), XSTATE_BV, and at
 * 576 the upper halves of YMM registers. Behind that Linux has the CPU's layout, and this has docs/spec/vector-state.md's.
 *
 * A call that was interrupted and shall be restarted shows as an rip one byte before its return address (abi/passrt.h).
 */
#include "rt/internal.h"
#include "rt/libmem.h"

#define FRAME_MAGIC 0x656d617246676953ULL

struct lx_ucontext {
	uint64_t flags, link;
	uint64_t stack_base;
	uint32_t stack_flags, pad;
	uint64_t stack_size;
	uint64_t regs[RT_REG_COUNT];
	uint64_t fpregs;                      /* address of a vector area, or of fpregs_mem */
	uint64_t reserved[8];
	uint64_t mask, mask_rest[15];
	uint8_t  fpregs_mem[512];
};

struct sigframe {
	uint64_t return_address;
	struct rt_siginfo info;
	uint8_t  info_rest[128 - sizeof(struct rt_siginfo)];
	struct lx_ucontext uc;
	uint64_t magic;
	uint64_t vectors;                     /* application address, 0: none, the legacy area in uc counts */
	uint64_t restart_rip;                 /* rip is still this: run the stored call again; 0: no */
	uint64_t restart_app_rsp;
	long     nr, arg[6];
	int64_t  deadline_ns;
	uint64_t scratch[4];
	uint64_t in_interval;                 /* it was a fault: what is interrupted is no safepoint */
};

/* An interrupted place in the application. */
struct context {
	uint64_t regs[RT_REG_COUNT];
	uint64_t vectors;                     /* address of the vector area, 0: a system call */
	uint32_t mxcsr;
	uint16_t x87_control;
	bool     restartable, in_interval;
};

uint64_t rt_signal_stack(struct rt_thread *t, const struct rt_sigaction *action, uint64_t rsp, bool *ret_switched)
{
	bool on = t->altstack_size && rsp - t->altstack_base < t->altstack_size;

	*ret_switched = (action->flags & SA_ONSTACK) && t->altstack_size && !on;
	return *ret_switched ? (t->altstack_base + t->altstack_size) & ~15ULL : (rsp - 128) & ~15ULL;
}

static bool restartable(const struct rt_thread *t)
{
	switch (t->nr) {
	case __NR_poll: case __NR_ppoll: case __NR_select: case __NR_pselect6:
	case __NR_semop: case __NR_semtimedop: case __NR_msgsnd: case __NR_msgrcv:
	case __NR_epoll_wait: case __NR_epoll_pwait: case __NR_epoll_pwait2:
	case __NR_nanosleep: case __NR_clock_nanosleep: case __NR_rt_sigtimedwait: case __NR_rt_sigsuspend: case __NR_pause:
		return false;
	case __NR_futex:
		return t->arg[3] == 0;
	default:
		return true;
	}
}

static _Noreturn void stack_fault(void)
{
	rt_exit_process(0, SIGSEGV); /* as Linux: a frame cannot be put down or read */
}

static void read_app(void *to, uint64_t app, size_t size)
{
	if (rt_app_get(to, app, size) < 0)
		stack_fault();
}

static void from_call(struct rt_thread *t, long result, const struct rt_call_frame *f, struct context *c)
{
	c->regs[RT_REG_R15] = f->r15;
	c->regs[RT_REG_R14] = f->r14;
	c->regs[RT_REG_R13] = f->r13;
	c->regs[RT_REG_R12] = f->r12;
	c->regs[RT_REG_RBX] = f->rbx;
	c->regs[RT_REG_RBP] = f->rbp;
	c->regs[RT_REG_RIP] = f->rip;
	c->regs[RT_REG_RSP] = t->app_rsp + sizeof *f;
	c->regs[RT_REG_RAX] = (uint64_t)result;
	c->regs[RT_REG_EFL] = 0x202;
	c->mxcsr = f->mxcsr;
	c->x87_control = f->x87_control;
	c->restartable = result == -EINTR && restartable(t);
}

static void from_full(const struct rt_call_frame *call, struct context *c)
{
	struct rt_full_frame f;

	read_app(&f, call->rbx, sizeof f);
	c->regs[RT_REG_R8] = f.r8;
	c->regs[RT_REG_R9] = f.r9;
	c->regs[RT_REG_R10] = f.r10;
	c->regs[RT_REG_R11] = f.r11;
	c->regs[RT_REG_R12] = f.r12;
	c->regs[RT_REG_R13] = f.r13;
	c->regs[RT_REG_R14] = f.r14;
	c->regs[RT_REG_R15] = f.r15;
	c->regs[RT_REG_RDI] = f.rdi;
	c->regs[RT_REG_RSI] = f.rsi;
	c->regs[RT_REG_RBP] = f.rbp;
	c->regs[RT_REG_RBX] = f.rbx;
	c->regs[RT_REG_RDX] = f.rdx;
	c->regs[RT_REG_RAX] = f.rax;
	c->regs[RT_REG_RCX] = f.rcx;
	c->regs[RT_REG_RSP] = f.rsp;
	c->regs[RT_REG_RIP] = f.rip;
	c->regs[RT_REG_EFL] = f.rflags;
	c->vectors = call->r12;
}

static void context_of(struct rt_thread *t, long result, struct context *c)
{
	struct rt_call_frame call;

	memset(c, 0, sizeof *c);
	read_app(&call, t->app_rsp, sizeof call);
	if (t->nr == RT_SYS_POLL || t->nr == RT_SYS_FAULT)
		from_full(&call, c);
	else
		from_call(t, result, &call, c);
}

void rt_sigframe_death(struct rt_thread *t, int signo, uint64_t address)
{
	struct om_death death;
	struct context c;

	if (!(rt_image->flags & OM_IMAGE_DEBUG))
		return;
	context_of(t, -EINTR, &c);
	death = (struct om_death) { .signo = (uint32_t)signo, .address = address, .rip = c.regs[RT_REG_RIP], .rsp = c.regs[RT_REG_RSP],
		.rbp = c.regs[RT_REG_RBP], .rbx = c.regs[RT_REG_RBX], .r12 = c.regs[RT_REG_R12], .r13 = c.regs[RT_REG_R13],
		.r14 = c.regs[RT_REG_R14], .r15 = c.regs[RT_REG_R15] };
	rt_trace_death(t, &death);
}

static void store_restart(struct sigframe *f, struct rt_thread *t, struct context *c)
{
	c->regs[RT_REG_RIP]--;
	f->restart_rip = c->regs[RT_REG_RIP];
	f->restart_app_rsp = t->app_rsp;
	f->nr = t->nr;
	memcpy(f->arg, t->arg, sizeof f->arg);
	f->deadline_ns = t->deadline_ns;
	memcpy(f->scratch, t->syscall_scratch, sizeof f->scratch);
}

/* Legacy FXSAVE layout: all a system call preserves of it. */
static void store_legacy(struct lx_ucontext *uc, const struct context *c)
{
	memcpy(&uc->fpregs_mem[0], &c->x87_control, 2);
	memcpy(&uc->fpregs_mem[24], &c->mxcsr, 4);
}

/* Source: Linux, arch/x86/include/uapi/asm/sigcontext.h (struct _fpx_sw_bytes) and ucontext.h. */
#define FP_XSTATE_MAGIC1 0x46505853u
#define FP_XSTATE_MAGIC2 0x46505845u
#define UC_FP_XSTATE     1u

struct extended {
	uint32_t magic1, size_with_magic2;
	uint64_t components;
	uint32_t size, padding[7];
};
#define AT_EXTENDED 464

/* What the vector area holds beyond its legacy part, where programs look for that. */
static void describe_vectors(uint64_t area)
{
	const uint32_t magic2 = FP_XSTATE_MAGIC2, size = rt_image->xfrm & RT_VECTOR_BIT_HI16_ZMM ? RT_VECTOR_SIZE :
		rt_image->xfrm & RT_VECTOR_BIT_AVX ? RT_VECTOR_AVX + 256 : RT_VECTOR_AVX;
	const struct extended words = { .magic1 = FP_XSTATE_MAGIC1, .size_with_magic2 = size + (uint32_t)sizeof magic2,
		.components = rt_image->xfrm, .size = size };

	if (rt_app_put(area + AT_EXTENDED, &words, sizeof words) < 0 || rt_app_put(area + size, &magic2, sizeof magic2) < 0)
		stack_fault();
}

/* What the handler has made of it is loaded by instructions that fault in the runtime: judged as the kernel does. */
static bool vectors_good(uint64_t area)
{
	uint64_t header[8], reserved = 0;
	uint32_t mxcsr;

	if ((area & 63) || !rt_app_range_ok(area, RT_VECTOR_ROOM, true) || rt_app_get(header, area + RT_VECTOR_HEADER, sizeof header) < 0 ||
	    rt_app_get(&mxcsr, area + 24, sizeof mxcsr) < 0)
		return false;
	for (unsigned i = 1; i < 8; i++)
		reserved |= header[i];
	return !(header[0] & ~rt_image->xfrm) && !reserved && !(mxcsr & ~0xffffu);
}

static _Noreturn void deliver(struct rt_thread *t, const struct rt_siginfo *info, const struct rt_sigaction *action,
	struct context *c, uint64_t stack_rsp, uint64_t return_mask)
{
	uint64_t regs[RT_REG_COUNT] = { 0 }, at;
	struct sigframe f;
	bool switched;

	memset(&f, 0, sizeof f);
	f.return_address = action->restorer;
	f.info = *info;
	f.magic = FRAME_MAGIC;
	f.vectors = c->vectors;
	f.in_interval = c->in_interval;
	if (c->restartable && (action->flags & SA_RESTART))
		store_restart(&f, t, c);
	at = rt_signal_stack(t, action, stack_rsp, &switched);
	if (switched)
		t->alt_rsp = stack_rsp;
	at = ((at - sizeof f) & ~15ULL) - 8;
	f.uc.stack_base = t->altstack_base;
	f.uc.stack_size = t->altstack_size;
	memcpy(f.uc.regs, c->regs, sizeof f.uc.regs);
	f.uc.mask = return_mask;
	f.uc.fpregs = c->vectors ? c->vectors : at + offsetof(struct sigframe, uc.fpregs_mem);
	f.uc.flags = c->vectors ? UC_FP_XSTATE : 0;
	if (c->vectors)
		describe_vectors(c->vectors);
	else
		store_legacy(&f.uc, c);
	if (rt_app_put(at, &f, sizeof f) < 0)
		stack_fault();
	regs[RT_REG_RDI] = (uint64_t)info->signo;
	regs[RT_REG_RSI] = at + offsetof(struct sigframe, info);
	regs[RT_REG_RDX] = at + offsetof(struct sigframe, uc);
	regs[RT_REG_RSP] = at;
	regs[RT_REG_RIP] = action->handler;
	regs[RT_REG_EFL] = 0x202;
	rt_app_restore(regs, rt_initial_state);
}

_Noreturn void rt_sigframe_enter(struct rt_thread *t, const struct rt_siginfo *info, const struct rt_sigaction *action,
	long result, uint64_t return_mask)
{
	struct context c;

	rt_trace_signal(t, info->signo, info->code, info->a);
	context_of(t, result, &c);
	c.in_interval = t->nr == RT_SYS_FAULT;
	if (c.in_interval)
		c.regs[RT_REG_CR2] = info->a;
	deliver(t, info, action, &c, t->app_rsp, return_mask);
}

/* What is loaded for a context that was a system call: control words, everything else initial. */
static bool build_vectors(uint8_t area[RT_VECTOR_AVX], const struct lx_ucontext *uc)
{
	memset(area, 0, RT_VECTOR_AVX);
	memcpy(&area[0], &uc->fpregs_mem[0], 2);
	memcpy(&area[24], &uc->fpregs_mem[24], 4);
	area[RT_VECTOR_HEADER] = 1; /* XSTATE_BV: x87 */
	return !area[26] && !area[27];
}

long rt_sigreturn(struct rt_thread *t)
{
	uint8_t area[RT_VECTOR_AVX] __attribute__((aligned(64)));
	uint64_t at = t->app_rsp + sizeof(struct rt_call_frame) - 8, mask;
	struct rt_sigaction action;
	struct rt_siginfo info;
	struct context c;
	struct sigframe f;

	/* The call of the restorer has overwritten the return address with its own, nothing else. */
	read_app(&f, at, sizeof f);
	if (f.magic != FRAME_MAGIC)
		stack_fault();
	t->sig_mask = f.uc.mask & ~(SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP));
	if (t->alt_rsp && f.uc.regs[RT_REG_RSP] - t->altstack_base >= t->altstack_size)
		t->alt_rsp = 0;
	if (f.restart_rip && f.uc.regs[RT_REG_RIP] == f.restart_rip) {
		t->nr = f.nr;
		memcpy(t->arg, f.arg, sizeof t->arg);
		t->deadline_ns = f.deadline_ns;
		memcpy(t->syscall_scratch, f.scratch, sizeof t->syscall_scratch);
		t->app_rsp = f.restart_app_rsp;
		return rt_syscall_again(t);
	}
	if (rt_signal_next(t, &info, &action, &mask)) {
		memset(&c, 0, sizeof c);
		memcpy(c.regs, f.uc.regs, sizeof c.regs);
		c.vectors = f.vectors;
		c.in_interval = f.in_interval != 0;
		memcpy(&c.x87_control, &f.uc.fpregs_mem[0], 2);
		memcpy(&c.mxcsr, &f.uc.fpregs_mem[24], 4);
		/* The vector area of the interrupted place lies below its stack pointer: stay below both. */
		deliver(t, &info, &action, &c, f.vectors ? f.vectors : c.regs[RT_REG_RSP], mask);
	}
	/* The rest of the interval stores, too, and its marks may have been before the fault. */
	if (f.in_interval)
		rt_cards_mark_all();
	if (!(f.vectors ? vectors_good(f.vectors) : build_vectors(area, &f.uc)))
		stack_fault();
	rt_app_restore(f.uc.regs, f.vectors ? (const void *)f.vectors : area);
}
