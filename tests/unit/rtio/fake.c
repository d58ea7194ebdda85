/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "fake.h"
#include "net/hold.h"
#include "net/options.h"
#include "net/tcp.h"
#include "rt/mapped.h"
#include "rt/object.h"
#include "rt/owner.h"
#include "rt/mqueue.h"
#include "rt/rt.h"
#include "launch.h"
#include "rt/lineage.h"

struct fake fake;
struct rt_thread rt_threads[OM_SLOTS_MAX];
int32_t rt_pid = 4242;
static const struct om_image_header image = { .heap_size = 1 << 30, .image_end_offset = 1 << 20, .heap_offset = 1 << 21,
	.app_threads = 4, .service_slots = 8, .file_max = 256, .program_name = "fake" };
const struct om_image_header *rt_image = &image;

static _Alignas(4096) uint8_t ub[16 << 20];
static uint64_t ub_used;
static jmp_buf leave;
enum { LEAVE_FATAL = 1, LEAVE_STOP };

void rt_lock(struct rt_lock *lock) { (void)lock; }
void rt_unlock(struct rt_lock *lock) { (void)lock; }
uint64_t rt_mem_used_bytes(void) { return 123 << 12; }
uint64_t rt_file_limit_max(void) { return 256; }
bool rt_file_size_limited(void) { return false; }
uint32_t rt_cpu_count(void) { return 2; }
const struct rt_ids *rt_ids(void) { static const struct rt_ids ids = { .ppid = 1 }; return &ids; }
bool rt_random(void *to, size_t size) { return getrandom(to, size, 0) == (ssize_t)size; }
void rt_signal_thread(struct rt_thread *t, int signo) { (void)t; fake.signals[signo]++; }
void rt_signal_ready(int32_t tid, int signo, int32_t code, uint64_t band, int32_t fd) { (void)tid; (void)code; (void)band; (void)fd; fake.signals[signo]++; }
/* EREPORT is an enclave's; this one says what it was asked. */
long rt_attest_report(const struct sgx_targetinfo *target, const uint8_t data[64], struct sgx_report *ret)
{
	*ret = (struct sgx_report){ .body.attributes.flags = target->attributes.flags };
	memcpy(ret->body.reportdata, data, sizeof ret->body.reportdata);
	return 0;
}
void rt_attest_target(struct sgx_targetinfo *ret) { *ret = (struct sgx_targetinfo){ 0 }; }
long rt_attest_type(void) { return -EACCES; }
long rt_attest_evidence(const uint8_t data[64], const RT_UNTRUSTED void **ret_untrusted, size_t most)
{
	(void)data, (void)ret_untrusted, (void)most;
	return -EACCES;
}
int engine_claims(struct om_view nonce, uint8_t *buffer, size_t *ret_size) { (void)nonce, (void)buffer, (void)ret_size; return OM_ESGX; }
uint64_t engine_instance_move(void) { return 1; }
bool rt_thread_exists(int32_t tid) { return tid == rt_pid; }
void rt_signal_mask_swap(struct rt_thread *t, uint64_t mask) { (void)t; fake.mask = mask; }
bool rt_signal_interrupts(const struct rt_thread *t) { (void)t; return true; }
void rt_park_until(int64_t deadline_ns) { (void)deadline_ns; }
uint64_t rt_signal_pending_any(uint64_t set) { return fake.pending & set; }
bool rt_signal_fetch(struct rt_thread *t, uint64_t set, uint8_t ret_info[RT_SIGNALFD_INFO])
{
	const uint64_t bits = fake.pending & set;

	(void)t;
	if (!bits)
		return false;
	fake.pending &= ~(bits & -bits);
	memset(ret_info, 0, RT_SIGNALFD_INFO);
	ret_info[0] = (uint8_t)(__builtin_ctzll(bits) + 1);
	rt_io_signalfd_told(bits & -bits, false);
	return true;
}
long rt_host_word(long nr, uint64_t host_fd, uint64_t value)
{
	static uint64_t word;

	word = value;
	return rt_host(nr, host_fd, (uint64_t)&word, sizeof word, 0, 0, 0);
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
void rt_time_restore(void) { }
void rt_log(const char *words) { (void)words; }
void rt_tell(const char *words) { (void)words; }
uint64_t rt_cpu_features(void) { return 0; }
struct om_launch fake_launch = { .any = OM_LAUNCH_ANY_ARGS | OM_LAUNCH_ANY_ENV | OM_LAUNCH_ANY_FILES };
const struct om_launch *rt_launch(void) { return &fake_launch; }
long rt_lineage_derive(const char *label, const void *context, size_t size, uint8_t ret_key[32])
{
	(void)context, (void)size;
	memset(ret_key, label[0], 32);
	return 0;
}
uint32_t rt_mapped_count;
bool rt_mapped_shows(uint64_t device, uint64_t inode) { (void)device; (void)inode; return rt_mapped_count != 0; }
void rt_mapped_written(uint64_t device, uint64_t inode, uint64_t offset, uint64_t size) { (void)device; (void)inode; (void)offset; (void)size; }
void rt_mapped_resized(uint64_t device, uint64_t inode) { (void)device; (void)inode; }

static int64_t now(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t rt_monotonic_ns(void) { return now(CLOCK_MONOTONIC) + 5000000000; } /* virtual: never the host's */
int64_t rt_host_monotonic_ns(void) { return now(CLOCK_MONOTONIC); }
int64_t rt_realtime_ns(void) { return now(CLOCK_REALTIME); }

_Noreturn void rt_fatal(int error, const char *words)
{
	fake.fatal = error;
	fake.fatal_words = words;
	longjmp(leave, LEAVE_FATAL);
}

/* ---- transfer buffer ---- */

void rt_ub_reset(void) { ub_used = 0; }
size_t rt_ub_left(void) { return fake.ub_size - ub_used; }

void *rt_ub_alloc(size_t size)
{
	void *at = ub + ub_used;

	if (size > rt_ub_left())
		return NULL;
	ub_used += (size + 15) & ~15UL;
	return at;
}

static void check_ub(const void *p, size_t size)
{
	if ((uintptr_t)p < (uintptr_t)ub || (uintptr_t)p + size > (uintptr_t)ub + fake.ub_size)
		abort();
}

void rt_ub_put(void *untrusted, const void *trusted, size_t size)
{
	check_ub(untrusted, size);
	memcpy(untrusted, trusted, size);
}

void rt_ub_get(void *trusted, const void *untrusted, size_t size)
{
	check_ub(untrusted, size);
	memcpy(trusted, untrusted, size);
}

/* ---- host ---- */

static long host(long nr, const uint64_t arg[6])
{
	long result;

	fake.hostcalls++;
	if (fake.lie_nr == nr && !fake.lie) {
		fake.lie_nr = -1;
		return fake.lie_result;
	}
	result = syscall(nr, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	if (result < 0)
		result = -errno;
	if (fake.lie_nr == nr && fake.lie) {
		fake.lie_nr = -1;
		fake.lie(arg);
	}
	return result;
}

long rt_host(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	const uint64_t arg[6] = { a0, a1, a2, a3, a4, a5 };

	return host(nr, arg);
}

long rt_host_wait_once(long nr, const uint64_t arg[6], bool *ret_again)
{
	*ret_again = false;
	if (fake.stop_in && --fake.stop_in == 0)
		longjmp(leave, LEAVE_STOP);
	return host(nr, arg);
}

long rt_host_wait(long nr, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5)
{
	const uint64_t arg[6] = { a0, a1, a2, a3, a4, a5 };
	bool again;

	return rt_host_wait_once(nr, arg, &again);
}

long rt_hostcall(enum om_hostcall op, uint32_t flags, uint32_t nr, const uint64_t arg[6])
{
	(void)flags;
	(void)nr;
	switch (op) {
	case OM_HC_TCP_DUMP:
		return host_tcp_dump((int)arg[0], &(struct host_tcp_hints){ arg[2] == 1, arg[4] == 1, arg[3] }, arg[1], ub, fake.ub_size);
	case OM_HC_TCP_AHEAD:
		return host_tcp_dump_ahead((const struct om_tcp_wanted *)ub, (uint32_t)arg[0]);
	case OM_HC_TCP_LEAVE:
		return host_tcp_leave((const int32_t *)ub, (uint32_t)arg[0], arg[1] == 1);
	case OM_HC_TCP_UNDUMP:
		if ((int)arg[0] == -1) {
			host_tcp_undump_ahead();
			return 0;
		}
		return host_tcp_undump((int)arg[0], arg[1] == 1);
	case OM_HC_TCP_RESTORE:
		return host_tcp_restore(ub, arg[0], arg[1], arg[2], (enum host_tcp_when)arg[3]);
	case OM_HC_TCP_STAND:
		return host_tcp_stand_all();
	case OM_HC_TCP_CLAIM:
		return host_tcp_claim_all();
	case OM_HC_OPTIONS_GET:
		return net_options_read((int)arg[0], ub);
	case OM_HC_OPTIONS_SET:
		assert(net_options_valid(ub, arg[1]));
		net_options_apply((int)arg[0], ub, arg[1], NET_OPTIONS_NAMED);
		return 0;
	case OM_HC_DATAGRAM:
		return host_net_datagram((const struct om_datagram *)ub, ub + sizeof(struct om_datagram), arg[0] - sizeof(struct om_datagram));
	case OM_HC_NET_HOLD:
		switch ((enum om_net_hold)arg[0]) {
		case OM_NET_RELEASE: return host_net_release();
		case OM_NET_HOLD:    return host_net_hold((const struct om_net_flow *)ub, (uint32_t)arg[1]);
		case OM_NET_RESUME:  return host_tcp_resume_all();
		case OM_NET_HERE:    return 0;
		}
		return -EINVAL;
	default:
		return -ENOSYS;
	}
}

/* ---- system calls ---- */

static rt_syscall_fn *find(long nr)
{
	static const struct rt_syscall_entry *const tables[] = { rt_syscalls_file, rt_syscalls_fd, rt_syscalls_socket,
		rt_syscalls_poll, rt_syscalls_event, rt_syscalls_signalfd, rt_syscalls_mqueue, rt_syscalls_path, rt_syscalls_rw, rt_syscalls_epoll };

	for (unsigned i = 0; i < sizeof tables / sizeof *tables; i++)
		for (const struct rt_syscall_entry *e = tables[i]; e->fn; e++)
			if (e->nr == nr)
				return e->fn;
	abort();
}

long fake_call(long nr, ...)
{
	struct rt_thread *t = &rt_threads[OM_SERVICE_SLOTS];
	rt_syscall_fn *volatile fn = find(nr);
	va_list list;

	va_start(list, nr);
	t->nr = nr;
	for (int i = 0; i < 6; i++)
		t->arg[i] = va_arg(list, long);
	va_end(list);
	t->state = RT_T_RUNNING;
	t->deadline_ns = 0;
	memset(t->syscall_scratch, 0, sizeof t->syscall_scratch);
	fake.fatal = 0;
	switch (setjmp(leave)) {
	case LEAVE_FATAL:
		return FAKE_FATAL;
	case LEAVE_STOP:
		if (fake.stopped)
			fake.stopped();
		break;
	}
	rt_ub_reset();
	return fn(t);
}

void fake_boot(void)
{
	static const char strings[] = "./fake\0arg\0A=b\0C=";

	fake.ub_size = OM_TBUF_SIZE_APP - OM_TBUF_DATA;
	fake.lie_nr = -1;
	rt_threads[OM_SERVICE_SLOTS].tid = rt_pid;
	memcpy(rt_threads[OM_SERVICE_SLOTS].name, "fake", 5);
	rt_ub_reset();
	rt_io_boot(7, NULL);
	rt_io_set_strings((uint64_t)strings, 11, sizeof strings - 11);
}

/* ---- secrets (rt/owner.c): there are none ---- */

uint32_t rt_owner_secret_count(void) { return 0; }
const char *rt_owner_secret_name(uint32_t index) { (void)index; return ""; }
uint32_t rt_owner_secret_size(uint32_t index) { (void)index; return 0; }
uint32_t rt_owner_secret_read(uint32_t index, uint8_t *to, uint32_t room) { (void)index; (void)to; (void)room; return 0; }
