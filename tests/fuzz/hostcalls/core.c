/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "rt/internal.h"
#include "rt/mapped.h"
#include "rt/mqueue.h"
#include "rt/object.h"
#include "rt/owner.h"
#include "launch.h"
#include "rt/lineage.h"

/* Of the linker script: what a boot finds zeroed. */
extern char __rt_state_start[], __rt_state_end[];
void *mmap(void *at, size_t size, int protection, int flags, int fd, long offset);
int mprotect(void *at, size_t size, int protection);
int madvise(void *at, size_t size, int advice);

#define GUARD 65536u
#define SLOT  OM_SERVICE_SLOTS
enum { LEAVE_FATAL = 1, LEAVE_STOP };

int core_fatal;
const char *core_words;
struct rt_thread rt_threads[OM_SLOTS_MAX];
int32_t rt_pid = 4242;
volatile unsigned char __optmig_attention;
static const struct om_image_header image = { .heap_size = 1 << 30, .image_end_offset = 1 << 20, .heap_offset = 1 << 21,
	.elrange_size = 1ull << 36, .app_threads = 4, .service_slots = OM_SERVICE_SLOTS, .file_max = 64, .program_name = "fuzz", .xfrm = OM_XFRM_AVX };
const struct om_image_header *rt_image = &image;

static struct rt_tcb tcbs[2];
static struct om_tbuf *tbuf;
static jmp_buf leave;
static bool inside;

/* ---- the rest of the runtime ---- */

void rt_lock(struct rt_lock *lock) { (void)lock; }
void rt_unlock(struct rt_lock *lock) { (void)lock; }
uint64_t rt_mem_used_bytes(void) { return 123 << 12; }
void rt_mem_limit(uint64_t address_space, uint64_t data) { (void)address_space; (void)data; }
void rt_signal_thread(struct rt_thread *t, int signo) { (void)t; (void)signo; }
void rt_signal_ready(int32_t tid, int signo, int32_t code, uint64_t band, int32_t fd) { (void)tid; (void)signo; (void)code; (void)band; (void)fd; }
void rt_ereport(const struct sgx_targetinfo *target, const uint8_t data[64], struct sgx_report *ret)
{
	(void)target;
	memset(ret, 0, sizeof *ret);
	memcpy(ret->body.reportdata, data, sizeof ret->body.reportdata);
}
bool rt_thread_exists(int32_t tid) { return tid == rt_pid; }
void rt_signal_mask_swap(struct rt_thread *t, uint64_t mask) { (void)t; (void)mask; }
bool rt_signal_deliverable(const struct rt_thread *t) { (void)t; return false; }
bool rt_signal_interrupts(const struct rt_thread *t) { (void)t; return false; }
/* Who waits for a signal gets it the next time. */
static uint64_t pending_signals;
uint64_t rt_signal_pending_any(uint64_t set) { return pending_signals & set; }
bool rt_signal_fetch(struct rt_thread *t, uint64_t set, uint8_t ret_info[RT_SIGNALFD_INFO])
{
	const uint64_t bits = pending_signals & set;

	(void)t;
	pending_signals = bits ? pending_signals & ~bits : set;
	memset(ret_info, 1, RT_SIGNALFD_INFO);
	rt_io_signalfd_told(bits, false);
	return bits;
}
/* There is no memory for objects. */
uint32_t rt_object_new(void) { return 0; }
void rt_object_again(uint32_t object) { (void)object; }
void rt_object_put(uint32_t object) { (void)object; }
uint64_t rt_object_number(uint32_t object) { return object; }
uint64_t rt_object_size(uint32_t object) { (void)object; return 0; }
uint32_t rt_object_writers(uint32_t object) { (void)object; return 0; }
long rt_object_resize(uint32_t object, uint64_t size) { (void)object; (void)size; return -ENOMEM; }
long rt_object_read(uint32_t object, uint64_t offset, void *trusted, size_t size) { (void)object; (void)offset; (void)trusted; (void)size; return 0; }
long rt_object_write(uint32_t object, uint64_t *offset, const void *trusted, size_t size, bool append)
{
	(void)object, (void)offset, (void)trusted, (void)size, (void)append;
	return -ENOMEM;
}
/* One queue of messages, of two: how many are there. */
static uint64_t queued;
long rt_mqueue_open(const char *name, uint32_t flags, uint32_t mode, const int64_t attributes[2], uint32_t *ret_queue)
{
	(void)name, (void)flags, (void)mode, (void)attributes;
	*ret_queue = 1;
	return 0;
}
void rt_mqueue_put(uint32_t queue) { (void)queue; }
long rt_mqueue_unlink(const char *name) { (void)name; return -ENOENT; }
long rt_mqueue_send(struct rt_thread *t, uint32_t queue, bool blocking)
{
	(void)t, (void)queue, (void)blocking;
	return queued < 2 ? (queued++, 0) : -EAGAIN;
}
long rt_mqueue_receive(struct rt_thread *t, uint32_t queue, bool blocking)
{
	(void)t, (void)queue, (void)blocking;
	return queued ? (queued--, 1) : -EAGAIN;
}
long rt_mqueue_notify(uint32_t queue, uint64_t event) { (void)queue; (void)event; return 0; }
long rt_mqueue_change(uint32_t queue, int64_t mode, int64_t uid, int64_t gid) { (void)queue; (void)mode; (void)uid; (void)gid; return 0; }
void rt_mqueue_facts(uint32_t queue, struct rt_mqueue_facts *ret_facts)
{
	(void)queue;
	*ret_facts = (struct rt_mqueue_facts){ .number = 1, .most = 2, .size = 10, .count = queued, .bytes = queued, .notify = -1, .name = "queue" };
}
void rt_hold(_Atomic uint32_t *holder) { *holder = 1; }
void rt_let_go(_Atomic uint32_t *holder) { *holder = 0; }
uint64_t rt_cpu_features(void) { return 0; }
uint32_t rt_mapped_count;
bool rt_mapped_shows(uint64_t device, uint64_t inode) { (void)device; (void)inode; return rt_mapped_count != 0; }
void rt_mapped_written(uint64_t device, uint64_t inode, uint64_t offset, uint64_t size) { (void)device; (void)inode; (void)offset; (void)size; }
void rt_mapped_resized(uint64_t device, uint64_t inode) { (void)device; (void)inode; }
uint64_t rt_main_stack_size(const struct om_boot *boot) { (void)boot; return 8 << 20; }
uint32_t rt_slot_count(void) { return SLOT + 1; }
struct rt_thread *rt_thread_by_tid(int32_t tid) { (void)tid; return &rt_threads[SLOT]; }
void rt_sigqueue_limit(uint64_t soft_limit) { (void)soft_limit; }
struct rt_tcb *rt_tcb_of(uint32_t slot) { return &tcbs[slot == SLOT]; }

#define NOT_HERE(name) long name(struct rt_thread *t) { (void)t; return -ENOSYS; }
NOT_HERE(rt_sys_setitimer) NOT_HERE(rt_sys_getitimer) NOT_HERE(rt_sys_alarm) NOT_HERE(rt_sys_timer_create)
NOT_HERE(rt_sys_timer_settime) NOT_HERE(rt_sys_timer_gettime) NOT_HERE(rt_sys_timer_delete) NOT_HERE(rt_sys_timer_getoverrun)
NOT_HERE(rt_timer_loop)

_Atomic bool rt_ended;
_Noreturn void rt_fatal_again(void) { abort(); }
_Noreturn void rt_fatal(int error, const char *words)
{
	core_fatal = error;
	core_words = words;
	if (!inside)
		abort();
	longjmp(leave, LEAVE_FATAL);
}

_Noreturn void rt_park_self(void)
{
	__optmig_attention = 0;
	if (!inside)
		abort();
	longjmp(leave, LEAVE_STOP);
}

void rt_leave_for_call(struct rt_tcb *tcb)
{
	fuzz_host(tcb->tbuf, tcb->tbuf_size);
	if (tcb->tbuf->flags & OM_HCF_INTERRUPTIBLE && fuzz_stop()) {
		__optmig_attention = RT_POLL_STOP; /* and if the call was done, the next one that waits stops */
		if (tcb->tbuf->ret == 0)
			tcb->tbuf->ret = -EINTR;
	}
}

void rt_leave_for_call_exception(struct rt_tcb *tcb)
{
	(void)tcb;
	abort();
}

/* The door, with the host looking on. */
void __real_rt_ub_get(void *trusted, const void *untrusted, size_t size);
void __wrap_rt_ub_get(void *trusted, const void *untrusted, size_t size);
void __wrap_rt_ub_get(void *trusted, const void *untrusted, size_t size)
{
	__real_rt_ub_get(trusted, untrusted, size);
	fuzz_read((void *)untrusted, size);
}

/* ---- calls ---- */

static const struct rt_syscall_entry *const tables[] = { rt_syscalls_file, rt_syscalls_fd, rt_syscalls_socket, rt_syscalls_poll,
	rt_syscalls_event, rt_syscalls_signalfd, rt_syscalls_mqueue, rt_syscalls_path, rt_syscalls_rw, rt_syscalls_epoll, rt_syscalls_time, rt_syscalls_identity, rt_syscalls_creds };
enum { TABLES = sizeof tables / sizeof *tables };

unsigned core_calls(const uint16_t **ret_numbers)
{
	static uint16_t numbers[512];
	static unsigned count;

	for (unsigned i = 0; i < TABLES && count == 0; i++)
		for (const struct rt_syscall_entry *e = tables[i]; e->fn; e++)
			/* Sleeping is the clocks' and the scheduler's, and goes by the time that the fuzzer makes up. */
			if (e->nr < 512 && e->nr != __NR_nanosleep && e->nr != __NR_clock_nanosleep)
				numbers[count++] = e->nr;
	*ret_numbers = numbers;
	return count;
}

static rt_syscall_fn *find(long nr)
{
	for (unsigned i = 0; i < TABLES; i++)
		for (const struct rt_syscall_entry *e = tables[i]; e->fn; e++)
			if (e->nr == nr)
				return e->fn;
	abort();
}

static long guarded(rt_syscall_fn *call, long (*fn)(void))
{
	long result;

	inside = true;
	rt_ub_reset();
	switch (setjmp(leave)) {
	case 0:
		result = call ? call(&rt_threads[SLOT]) : fn();
		break;
	case LEAVE_FATAL:
		result = CORE_FATAL;
		break;
	default:
		result = CORE_STOP;
	}
	inside = false;
	return result;
}

long core_call(long nr, const long arg[6])
{
	struct rt_thread *t = &rt_threads[SLOT];

	t->nr = nr;
	memcpy(t->arg, arg, sizeof t->arg);
	t->deadline_ns = 0;
	memset(t->syscall_scratch, 0, sizeof t->syscall_scratch);
	return guarded(find(nr), NULL);
}

long core_again(void)
{
	return guarded(find(rt_threads[SLOT].nr), NULL);
}

long core_do(long (*fn)(void))
{
	return guarded(NULL, fn);
}

/* ---- boot ---- */

static struct om_tbuf *map_tbuf(void)
{
	char *at = mmap(NULL, OM_TBUF_SIZE_APP + 2 * GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mprotect(at, GUARD, 0) || mprotect(at + GUARD + OM_TBUF_SIZE_APP, GUARD, 0))
		abort();
	return (struct om_tbuf *)(at + GUARD);
}

uint64_t engine_instance_move(void) { return 1; }
/* The engine's, which asks the host for nothing but the time. */
int engine_claims(struct om_view nonce, uint8_t *buffer, size_t *ret_size)
{
	uint8_t hash[32];
	struct om_claims claims = { .algorithm = OM_HASH_SHA256, .pubkey_hash = { hash, sizeof hash }, .nonce = nonce, .has_instance = true };

	if (rt_io_attest_key_hash(hash))
		return OM_ESGX;
	claims.instance.made = (uint64_t)rt_realtime_ns();
	return om_claims_encode(&claims, buffer, OM_CLAIMS_MAX, ret_size);
}
long rt_lineage_derive(const char *label, const void *context, size_t size, uint8_t ret_key[RT_LINEAGE_SIZE])
{
	(void)context, (void)size;
	memset(ret_key, label[0], RT_LINEAGE_SIZE);
	return 0;
}

static const struct om_clock *boot_clock;
static struct om_launch launch;

const struct om_launch *rt_launch(void)
{
	return &launch;
}

static void make_launch(bool ruled)
{
	static const char *const args[] = { "fuzz" }, *const allowed[] = { "/a", "/proc/1/", "b" }, *const trusted[] = { "/tmp/file" },
		*const encrypted[] = { "/c/" };
	static const uint8_t zeros[CORE_TRUSTED_SIZE];
	static uint8_t bytes[512], hash[1][OM_SHA256_SIZE];
	const struct om_launch_file file = { CORE_TRUSTED_SIZE, hash };
	const struct om_launch_source source = { .any = OM_LAUNCH_ANY_ENV, .list = { [OM_LAUNCH_ARGS] = args, [OM_LAUNCH_ALLOWED] = allowed,
		[OM_LAUNCH_TRUSTED] = trusted, [OM_LAUNCH_ENCRYPTED] = encrypted }, .count = { [OM_LAUNCH_ARGS] = 1, [OM_LAUNCH_ALLOWED] = 3, [OM_LAUNCH_TRUSTED] = 1, [OM_LAUNCH_ENCRYPTED] = 1 }, .file = &file };
	size_t size = ruled ? om_launch_size(&source) : 0;

	om_sha256(zeros, sizeof zeros, hash[0]);
	if (size > sizeof bytes || (size && om_launch_encode(&source, bytes, size)) || om_launch_decode(bytes, size, &launch))
		abort();
}

static long boot(void)
{
	static const char strings[] = "./fuzz\0arg\0HOME=/"; /* arguments, environment */
	static const uint64_t inherited[OM_INHERITED_MAX / 64] = { 0xf00 }; /* above what the program opens at first */
	struct om_boot b = { .version = OM_HOSTCALL_VERSION, .cpu_count = 2, .file_limit = 64, .file_limit_max = 64, .host_name = "host" };

	rt_time_boot((uint64_t)boot_clock);
	rt_io_boot(7, inherited);
	rt_identity_boot(&b);
	rt_io_set_strings((uint64_t)strings, 11, sizeof strings - 11);
	return 0;
}

void core_boot(const struct om_clock *clock, bool ruled)
{
	struct rt_tcb *tcb = &tcbs[1];

	make_launch(ruled);

	if (!tbuf)
		tbuf = map_tbuf();
	if (madvise(__rt_state_start, (size_t)(__rt_state_end - __rt_state_start), MADV_DONTNEED))
		abort();
	if (madvise(tbuf, OM_TBUF_SIZE_APP, MADV_DONTNEED))
		abort();
	memset(tcbs, 0, sizeof tcbs);
	*tcb = (struct rt_tcb){ .self = tcb, .slot = SLOT, .tbuf = tbuf, .tbuf_size = OM_TBUF_SIZE_APP, .thread = &rt_threads[SLOT] };
	rt_threads[SLOT] = (struct rt_thread){ .slot = SLOT, .tid = rt_pid, .state = RT_T_RUNNING };
	__asm__ volatile ("movq %0, %%fs:32" : : "r"(tcb) : "memory"); /* rt_self(); glibc leaves this word alone */
	__optmig_attention = 0;
	core_fatal = 0;
	boot_clock = clock;
	(void)core_do(boot); /* a refusal is in core_fatal */
}

/* ---- secrets (rt/owner.c): one, of a size that a host cannot choose ---- */

static const char secret[] = "a secret of the program's owner";
uint32_t rt_owner_secret_count(void) { return 1; }
const char *rt_owner_secret_name(uint32_t index) { (void)index; return "token"; }
uint32_t rt_owner_secret_size(uint32_t index) { (void)index; return sizeof secret; }
uint32_t rt_owner_secret_read(uint32_t index, uint8_t *to, uint32_t room)
{
	(void)index;
	memcpy(to, secret, room < sizeof secret ? room : sizeof secret);
	return sizeof secret;
}
