/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host answers to an enclave's calls: lengths, descriptors, addresses, control messages, events, directory entries,
 * times. The runtime is the real one (tests/fuzz/hostcalls/core.h); a program made of the input's bytes makes its calls.
 *
 * Properties: no access outside of the program's buffers (ASan) or the transfer buffer (guard pages); a result is an errno
 * or one that the call can have; what comes with it is well formed; time does not run backwards; and when the runtime
 * refuses to go on, that is the host's fault and not called a mistake of its own. FUZZ_TRACE=1 prints the calls.
 */
#include <dirent.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <fcntl.h>
#include "errors.h"
#include "fuzz.h"
#include "hostcalls/core.h"
#include "hostcalls/host.h"
#include "rt/rt.h"

#define COOKIE      0xc0de0000u
#define ADDRESS_MAX 128u
#define LIST_MAX    5u

/*
 * Arguments: f descriptor, v small number, V any number, p path, g 512 bytes (or NULL, or no address), b and i a buffer
 * (filled) whose size is n, a buffer whose size l points to, A address with its size L, o iovec (filled) with count c,
 * m message header, W array of them with count c, P poll list, e room for events, E an event, t a time, k 128, 8 itself.
 */
static const struct { uint16_t nr; const char *shape; } shapes[] = {
	{ SYS_read, "fbn" }, { SYS_write, "fbn" }, { SYS_pread64, "fbnv" }, { SYS_pwrite64, "fbnv" }, { SYS_readv, "foc" },
	{ SYS_writev, "foc" }, { SYS_preadv, "focv" }, { SYS_pwritev, "focv" }, { SYS_preadv2, "focv0v" }, { SYS_pwritev2, "focv0v" },
	{ SYS_getdents64, "fbn" }, { SYS_getcwd, "bn" }, { SYS_readlink, "pbn" }, { SYS_readlinkat, "fpbn" }, { SYS_getrandom, "bn0" },
	{ SYS_sendto, "fbnVAL" }, { SYS_recvfrom, "fbnVal" }, { SYS_sendmsg, "fmV" }, { SYS_recvmsg, "fmV" }, { SYS_sendmmsg, "fWcV" },
	{ SYS_recvmmsg, "fWcVt" }, { SYS_getsockname, "fal" }, { SYS_getpeername, "fal" }, { SYS_accept, "fal" }, { SYS_accept4, "falV" },
	{ SYS_bind, "fAL" }, { SYS_connect, "fAL" }, { SYS_setsockopt, "fvvbn" }, { SYS_getsockopt, "fvval" }, { SYS_poll, "Pcv" },
	{ SYS_ppoll, "Pct00" }, { SYS_select, "vgggt" }, { SYS_pselect6, "vgggt0" }, { SYS_epoll_ctl, "fvfE" }, { SYS_epoll_wait, "fecv" },
	{ SYS_epoll_pwait, "fecv00" }, { SYS_epoll_pwait2, "fect00" }, { SYS_open, "pVv" }, { SYS_openat, "fpVv" }, { SYS_creat, "pv" },
	{ SYS_stat, "pg" }, { SYS_lstat, "pg" }, { SYS_newfstatat, "fpgv" }, { SYS_statx, "fpvvg" }, { SYS_fcntl, "fvg" },
	{ SYS_ioctl, "fIg" }, { SYS_socket, "vVv" }, { SYS_socketpair, "vVvg" }, { SYS_pipe, "g" }, { SYS_pipe2, "gV" },
	{ SYS_timerfd_create, "vV" }, { SYS_timerfd_settime, "fvgg" }, { SYS_timerfd_gettime, "fg" }, { SYS_sched_getaffinity, "0kg" },
	{ SYS_getgroups, "kg" }, { SYS_clock_gettime, "vg" }, { SYS_close_range, "vv0" }, { SYS_dup2, "ff" }, { SYS_dup3, "ffV" },
	{ SYS_sendfile, "ffgV" }, { SYS_copy_file_range, "fgfgVv" }, { SYS_chdir, "p" }, { SYS_rename, "pp" }, { SYS_unlink, "p" },
	{ SYS_lseek, "fVv" }, { SYS_listen, "fv" }, { SYS_epoll_create1, "0" }, { SYS_eventfd2, "vV" }, { SYS_signalfd4, "fg8V" },
	{ SYS_mq_open, "pVvg" }, { SYS_mq_timedsend, "fbnvt" }, { SYS_mq_timedreceive, "fbngt" }, { SYS_mq_getsetattr, "fgg" }, { SYS_mq_notify, "fg" },
};

static struct call {
	long nr, arg[6];
	void *kept[64];
	unsigned kept_count;
	uint64_t size, count;        /* of the last buffer, of the last list */
	uint64_t address_size;
	uint32_t *length;            /* of the last address */
	struct msghdr *message;
	size_t control_size;
	struct pollfd *polled;
	struct epoll_event *events;
} call;
static int64_t newest_ns;

static void *keep(size_t size)
{
	void *p = malloc(size ? size : 1);

	PROPERTY(p && call.kept_count < 64);
	call.kept[call.kept_count++] = p;
	return p;
}

static uint64_t some_size(void)
{
	uint8_t b = take();

	return b == 255 ? 300000 : b >= 224 ? (uint64_t)(b & 31) << 9 : b;
}

static void *buffer(uint64_t size)
{
	void *p = keep(size);

	memset(p, 0x5a, size);
	return p;
}

static struct iovec *vector(uint64_t count)
{
	struct iovec *iov = keep(count * sizeof *iov);

	call.size = 0;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t size = take();

		iov[i] = (struct iovec){ buffer(size), size };
		call.size += size;
	}
	return iov;
}

static void message(struct msghdr *m)
{
	size_t name = take() & 1 ? take() % (ADDRESS_MAX + 1) : 0, control = take() & 1 ? take() : 0;

	memset(m, 0, sizeof *m);
	m->msg_name = name ? keep(name) : NULL;
	m->msg_namelen = (socklen_t)name;
	m->msg_control = control ? buffer(control) : NULL;
	m->msg_controllen = control;
	if (name)
		take_bytes(m->msg_name, name);
	if (control && take() & 1)
		take_bytes(m->msg_control, control < 24 ? control : 24);
	m->msg_iovlen = take() % (LIST_MAX - 1);
	m->msg_iov = vector(m->msg_iovlen);
	call.message = m;
	call.control_size = control;
}

static const char *path(void)
{
	static const char *const paths[] = { "/a", "b", "/proc/self/stat", "/dev/zero", "/dev/urandom", "../x/./y", "", "/proc/self/exe",
		"/proc/self/fd/3", "/c/x", "/dev/null", "/tmp/file", "/proc/self/maps", "/c/y", "/proc/cpuinfo", "." };

	return paths[take() & 15];
}

static void *general(void)
{
	uint8_t how = take();
	uint8_t *p;

	if (how < 16)
		return NULL;
	if (how < 24)
		return (void *)(uintptr_t)how;
	p = buffer(512);
	take_bytes(p, how & 31);
	p[511] = 0;
	return p;
}

static long list_argument(char letter)
{
	static const unsigned requests[] = { FIONREAD, FIONBIO, TIOCGWINSZ, FIOCLEX, TCGETS, FIOASYNC, TIOCOUTQ, 0x1234 };
	struct mmsghdr *many;

	switch (letter) {
	case 'o':
		call.count = take() % (LIST_MAX + 1);
		return (long)vector(call.count);
	case 'm':
		message(keep(sizeof(struct msghdr)));
		return (long)call.message;
	case 'W':
		call.count = take() % 3;
		many = keep(call.count * sizeof *many);
		for (uint64_t i = 0; i < call.count; i++)
			message(&many[i].msg_hdr);
		call.message = NULL;
		return (long)many;
	case 'P':
		call.count = take() % (LIST_MAX + 1);
		call.polled = keep(call.count * sizeof *call.polled);
		for (uint64_t i = 0; i < call.count; i++)
			call.polled[i] = (struct pollfd){ take() & 15, (short)(take() & 7), 0x7f };
		return (long)call.polled;
	case 'e':
		call.count = 1 + take() % LIST_MAX;
		call.events = buffer(call.count * sizeof *call.events);
		return (long)call.events;
	case 'I':
		return requests[take() & 7];
	default:
		PROPERTY(!"a letter that is none");
		return 0;
	}
}

static long address_argument(char letter)
{
	if (letter == 'l') {
		call.length = keep(sizeof *call.length);
		*call.length = (uint32_t)call.address_size;
		return (long)call.length;
	}
	call.address_size = take() % (ADDRESS_MAX + 1);
	void *p = buffer(call.address_size);
	if (letter == 'A' && call.address_size >= 16)
		take_bytes(p, 16);
	return (long)p;
}

static long argument(char letter)
{
	struct epoll_event *event;
	int64_t *time;

	switch (letter) {
	case 'f': return take() & 15;
	case 'v': return take();
	case 'V': return (long)(take() & 1 ? take() | (uint32_t)take() << 8 | (uint32_t)(take() & 15) << 16 : take() & 3);
	case 'p': return (long)path();
	case 'g': return (long)general();
	case 'b':
		call.size = some_size();
		return (long)buffer(call.size);
	case 'n': return (long)call.size;
	case 'L': return (long)call.address_size;
	case 'c': return (long)call.count;
	case 'k': return 128;
	case '8': return 8;
	case 'a': case 'A': case 'l': return address_argument(letter);
	case 'E':
		event = keep(sizeof *event);
		*event = (struct epoll_event){ .events = take() | (uint32_t)(take() & 0xf0) << 24, .data.u64 = COOKIE | take() };
		return (long)event;
	case 't':
		time = keep(16);
		time[0] = take() & 3;
		time[1] = take();
		return (long)time;
	case '0': return 0;
	default: return list_argument(letter);
	}
}

/* ---- properties ---- */

static void check_directory(const uint8_t *at, long size)
{
	while (size > 0) {
		const struct dirent64 *d = (const struct dirent64 *)at;

		PROPERTY(size > (long)offsetof(struct dirent64, d_name) && d->d_reclen > offsetof(struct dirent64, d_name) && d->d_reclen <= size);
		PROPERTY(memchr(d->d_name, 0, d->d_reclen - offsetof(struct dirent64, d_name)));
		at += d->d_reclen;
		size -= d->d_reclen;
	}
}

static void check_poll(long result)
{
	long ready = 0;

	for (uint64_t i = 0; i < call.count; i++) {
		const struct pollfd *p = &call.polled[i];

		PROPERTY(!(p->revents & ~(p->events | POLLERR | POLLHUP | POLLNVAL)));
		ready += p->revents != 0;
	}
	PROPERTY(ready == result);
}

static void check_size(long result)
{
	switch (call.nr) {
	case SYS_recvfrom:
		if (call.arg[3] & MSG_TRUNC)
			return;
		/* fallthrough */
	case SYS_read: case SYS_write: case SYS_pread64: case SYS_pwrite64: case SYS_readv: case SYS_writev: case SYS_preadv: case SYS_pwritev:
	case SYS_preadv2: case SYS_pwritev2: case SYS_getdents64: case SYS_readlink: case SYS_readlinkat: case SYS_sendto: case SYS_getcwd:
	case SYS_getrandom:
		PROPERTY((uint64_t)result <= call.size);
		return;
	case SYS_epoll_wait: case SYS_epoll_pwait: case SYS_epoll_pwait2: case SYS_sendmmsg: case SYS_recvmmsg:
		PROPERTY((uint64_t)result <= call.count);
		return;
	case SYS_open: case SYS_openat: case SYS_socket: case SYS_accept: case SYS_accept4: case SYS_dup: case SYS_epoll_create1: case SYS_eventfd2:
		PROPERTY(result < 64);
		return;
	}
}

/* Nothing but what was measured, whatever the host says. */
static void check_trusted(long result)
{
	PROPERTY(result <= CORE_TRUSTED_SIZE);
	for (long i = 0; i < result; i++)
		PROPERTY(((const uint8_t *)call.arg[1])[i] == 0);
}

static void check_result(long result)
{
	PROPERTY(result >= -4095);
	if (result < 0)
		return;
	if ((call.nr == SYS_read || call.nr == SYS_pread64) && core_trusted(call.arg[0]))
		check_trusted(result);
	check_size(result);
	if (call.nr == SYS_getdents64)
		check_directory((const uint8_t *)call.arg[1], result);
	if (call.polled)
		check_poll(result);
	for (long i = 0; call.events && i < result; i++)
		PROPERTY((call.events[i].data.u64 & ~0xffull) == COOKIE && !(call.events[i].events & (EPOLLET | EPOLLONESHOT)));
	if (call.length && call.nr != SYS_getsockopt)
		PROPERTY(*call.length <= ADDRESS_MAX);
	if (call.message && call.nr == SYS_recvmsg)
		PROPERTY(call.message->msg_controllen <= call.control_size && call.message->msg_namelen <= ADDRESS_MAX);
}

static long look_at_clock(void)
{
	int64_t now = rt_monotonic_ns();

	PROPERTY(now >= newest_ns);
	newest_ns = now;
	return 0;
}

/* ---- a migration, as far as the host's answers go ---- */

static char words[100];
static long freeze(void) { return rt_io_freeze(words, sizeof words); }
static long thaw(void) { return rt_io_thaw(words, sizeof words); }
static long survey(void) { return rt_io_check(words, sizeof words); }
static long rebuild(void)
{
	long error = rt_io_rebuild(words, sizeof words);

	if (!error)
		rt_io_let_go();
	return error;
}
static long save(void) { rt_time_save(); return 0; }

static bool moved(void)
{
	bool other_host = take() & 1;
	long result;

	memset(words, 0, sizeof words);
	if (core_do(survey) < 0 || core_do(save) < 0)
		return false;
	result = core_do(freeze);
	if (result == CORE_FATAL)
		return false;
	PROPERTY(result == 0 || result == OM_EHOSTSTATE);
	result = core_do(result == 0 && other_host ? rebuild : thaw);
	PROPERTY(result == 0 || result == OM_EHOSTSTATE || result == CORE_FATAL);
	PROPERTY(memchr(words, 0, sizeof words));
	return result == 0;
}

/* ---- the program ---- */

static bool one_call(void)
{
	const uint16_t *numbers;
	unsigned count = core_calls(&numbers), at = take();
	const char *shape = "fgggvv";
	long result;

	memset(&call, 0, sizeof call);
	if (at >= 128) /* those with a shape are the interesting ones */
		call.nr = shapes[at % (sizeof shapes / sizeof *shapes)].nr;
	else
		call.nr = numbers[at % count];
	for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++)
		if (shapes[i].nr == call.nr)
			shape = shapes[i].shape;
	for (unsigned i = 0; shape[i]; i++)
		call.arg[i] = argument(shape[i]);
	result = core_call(call.nr, call.arg);
	while (result == CORE_STOP) {
		if (take() & 1 && !moved())
			break;
		result = core_again();
	}
	if (getenv("FUZZ_TRACE"))
		fprintf(stderr, "call %ld: %ld %s\n", call.nr, result, result == CORE_FATAL ? core_words : "");
	if (result != CORE_FATAL && result != CORE_STOP)
		check_result(result);
	for (unsigned i = 0; i < call.kept_count; i++)
		free(call.kept[i]);
	return result != CORE_FATAL && result != CORE_STOP;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct om_clock clock;
	uint8_t how;

	input = (struct input){ data, size, false, false };
	host_reset();
	how = take();
	input.racing = how & 1;
	input.stopping = how & 2;
	take_bytes(&clock, how & 4 ? sizeof clock : 0);
	clock.seq = 0;
	newest_ns = INT64_MIN;
	core_boot(how & 4 ? &clock : NULL, how & 8);
	while (input.left && core_fatal == 0) {
		if (!one_call() || core_do(look_at_clock) < 0)
			break;
		if (input.left && take() >= 0xe0 && !moved())
			break;
	}
	PROPERTY(core_fatal == 0 || core_fatal == OM_EHOST || core_fatal == OM_ENOMEM);
	return 0;
}
