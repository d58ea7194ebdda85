/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host that the fuzzer plays: to each call it gives the answer of an honest kernel that invents its files, and then
 * spoils what the input says: the result, some words of what it points to, the whole buffer, or bytes that were just read.
 * When the input is used up, everything fails.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include "core.h"
#include "host.h"

struct input input;
static uint64_t tags[16];
static unsigned tag_count;
static int64_t fresh_fd, now_ns;

uint8_t take(void)
{
	return input.left ? (input.left--, *input.next++) : 0;
}

uint64_t take64(void)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | take();
	return value;
}

void take_bytes(void *to, uint64_t size)
{
	uint8_t *at = to;

	while (size--)
		*at++ = take();
}

void host_reset(void)
{
	tag_count = 0;
	fresh_fd = 100;
	now_ns = 1000000000;
}

/* ---- an honest answer ---- */

static void *at(const struct om_tbuf *tbuf, uint64_t size, uint64_t address, uint64_t need)
{
	uint64_t begin = (uint64_t)tbuf + OM_TBUF_DATA, end = (uint64_t)tbuf + size;

	return address >= begin && address <= end && need <= end - address ? (void *)address : NULL;
}

static int64_t answer_stat(struct stat *st)
{
	static const uint32_t kinds[] = { S_IFREG, S_IFREG, S_IFREG, S_IFDIR, S_IFDIR, S_IFCHR, S_IFIFO, S_IFSOCK };

	if (!st)
		return -EFAULT;
	*st = (struct stat){ .st_mode = kinds[take() & 7] | 0644, .st_nlink = 1, .st_size = 100, .st_ino = 7, .st_dev = 1 };
	return 0;
}

static int64_t answer_dents(uint8_t *to, uint64_t room)
{
	static const char *const names[] = { ".", "..", "file" };
	uint64_t used = 0;

	for (unsigned i = 0; to && i < 3 && room - used >= 24; i++) {
		struct dirent64 *d = (struct dirent64 *)(to + used);

		memset(d, 0, 24);
		d->d_ino = i + 1;
		d->d_reclen = 24;
		strcpy(d->d_name, names[i]);
		used += 24;
	}
	return (int64_t)used;
}

static int64_t answer_epoll(struct epoll_event *events, uint64_t room)
{
	uint64_t count = 0;

	for (; events && count < room && count < tag_count; count++) {
		events[count].events = EPOLLIN;
		events[count].data.u64 = tags[count];
	}
	return (int64_t)count;
}

static int64_t answer_message(const struct om_tbuf *tbuf, uint64_t size, uint64_t address)
{
	struct msghdr *m = at(tbuf, size, address, sizeof *m);
	struct iovec *iov = m ? at(tbuf, size, (uint64_t)m->msg_iov, sizeof *iov) : NULL;
	struct cmsghdr *c = m && m->msg_controllen >= 24 ? at(tbuf, size, (uint64_t)m->msg_control, 24) : NULL;

	if (!iov)
		return -EFAULT;
	m->msg_namelen = m->msg_name ? 16 : 0;
	m->msg_controllen = c ? 24 : 0;
	if (c)
		*c = (struct cmsghdr){ .cmsg_len = 20, .cmsg_level = SOL_SOCKET, .cmsg_type = take() & 3 };
	return iov->iov_len < 9 ? (int64_t)iov->iov_len : 9;
}

static int64_t answer_address(const struct om_tbuf *tbuf, uint64_t size, uint64_t address, uint64_t length_address)
{
	struct sockaddr_in *sin = at(tbuf, size, address, sizeof *sin);
	uint32_t *length = at(tbuf, size, length_address, 4);

	if (!sin || !length)
		return 0;
	*sin = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = 0x3930, .sin_addr.s_addr = 0x0100007f };
	*length = 16;
	return 0;
}

static int64_t answer_poll(struct pollfd *list, uint64_t count)
{
	int64_t ready = 0;

	for (uint64_t i = 0; list && i < count; i++) {
		list[i].revents = list[i].fd >= 0 ? list[i].events : 0;
		ready += list[i].revents != 0;
	}
	return ready;
}

static void note_tag(const struct epoll_event *event)
{
	if (event)
		tags[tag_count++ % 16] = event->data.u64;
	if (tag_count > 16)
		tag_count = 16;
}

static int64_t answer_call(const struct om_tbuf *tbuf, uint64_t size)
{
	const uint64_t *arg = tbuf->arg;
	int64_t *times;
	int *two;

	switch (tbuf->nr) {
	case SYS_openat: case SYS_open: case SYS_socket: case SYS_epoll_create1: case SYS_eventfd2: case SYS_timerfd_create: case SYS_dup:
		return fresh_fd++;
	case SYS_accept4:
		(void)answer_address(tbuf, size, arg[1], arg[2]);
		return fresh_fd++;
	case SYS_pipe2: case SYS_socketpair:
		two = at(tbuf, size, arg[tbuf->nr == SYS_pipe2 ? 0 : 3], 8);
		if (two)
			two[0] = (int)fresh_fd++, two[1] = (int)fresh_fd++;
		return two ? 0 : -EFAULT;
	case SYS_fstat:
		return answer_stat(at(tbuf, size, arg[1], sizeof(struct stat)));
	case SYS_newfstatat:
		return answer_stat(at(tbuf, size, arg[2], sizeof(struct stat)));
	case SYS_fcntl:
		return arg[1] == F_DUPFD_CLOEXEC ? fresh_fd++ : arg[1] == F_GETFL ? O_RDWR : 0;
	case SYS_read: case SYS_pread64: case SYS_write: case SYS_pwrite64: case SYS_sendto: case SYS_readlinkat: {
		uint64_t most = take() * 4u, asked = tbuf->nr == SYS_readlinkat ? arg[3] : arg[2];
		void *content = tbuf->nr == SYS_pread64 ? at(tbuf, size, arg[1], asked) : NULL;

		if (content)
			memset(content, 0, asked);
		return (int64_t)(asked < most ? asked : most);
	}
	case SYS_recvfrom:
		(void)answer_address(tbuf, size, arg[4], arg[5]);
		return arg[2] < 5 ? (int64_t)arg[2] : 5;
	case SYS_recvmsg:
		return answer_message(tbuf, size, arg[1]);
	case SYS_getsockname: case SYS_getpeername:
		return answer_address(tbuf, size, arg[1], arg[2]);
	case SYS_getdents64:
		return answer_dents(at(tbuf, size, arg[1], arg[2]), arg[2]);
	case SYS_epoll_ctl:
		note_tag(at(tbuf, size, arg[3], sizeof(struct epoll_event)));
		return 0;
	case SYS_epoll_wait:
		return answer_epoll(at(tbuf, size, arg[1], arg[2] * sizeof(struct epoll_event)), arg[2]);
	case SYS_poll:
		return answer_poll(at(tbuf, size, arg[0], arg[1] * sizeof(struct pollfd)), arg[1]);
	case SYS_clock_gettime:
		times = at(tbuf, size, arg[1], 16);
		now_ns += take() * 1000;
		if (times)
			times[0] = now_ns / 1000000000, times[1] = now_ns % 1000000000;
		return 0;
	default:
		return 0;
	}
}

/* ---- and what becomes of it ---- */

static int64_t spoil_result(const struct om_tbuf *tbuf, unsigned how, int64_t honest)
{
	switch (how) {
	case 1:  return take();
	case 2:  return -(int64_t)take();
	case 3:  return (int64_t)take64();
	case 4:  return (int64_t)tbuf->arg[2];
	case 5:  return (int64_t)tbuf->arg[2] + 1;
	case 6:  return (int64_t)(take() << 8 | take());
	case 7:  return honest * 2 + 1;
	default: return honest;
	}
}

static void spoil_data(struct om_tbuf *tbuf, uint64_t size, unsigned how)
{
	uint8_t *data = (uint8_t *)tbuf + OM_TBUF_DATA, *to;
	uint64_t some, seed;

	switch (how) {
	case 1: /* near the beginning */
		some = take() & 31;
		take_bytes(data + 4 * take(), some);
		return;
	case 2: /* all that is likely in use */
		seed = take();
		for (unsigned i = 0; i < 8192; i++)
			data[i] = (uint8_t)((seed = seed * 6364136223846793005u + 1442695040888963407u) >> 56);
		return;
	case 3: /* where an argument points to, and a little behind */
		some = take();
		to = at(tbuf, size, tbuf->arg[some % 5] + (some >> 4), 32);
		if (to)
			take_bytes(to, 1 + (take() & 31));
		return;
	}
}

void fuzz_host(struct om_tbuf *tbuf, uint64_t size)
{
	unsigned how = take();
	int64_t result;

	if (tbuf->op == OM_HC_LOG || !input.left) {
		tbuf->ret = -EIO;
		return;
	}
	result = tbuf->op == OM_HC_SYSCALL ? answer_call(tbuf, size) : tbuf->op == OM_HC_TCP_RESTORE ? fresh_fd++ :
		tbuf->op == OM_HC_TCP_DUMP ? take() * 8 : 0;
	if (how & 0x80) {
		result = spoil_result(tbuf, how & 7, result);
		spoil_data(tbuf, size, how >> 3 & 3);
	}
	tbuf->ret = result;
	/* The call itself is the enclave's to remember. */
	if ((how & 0xe0) == 0xe0) {
		tbuf->nr = take();
		tbuf->op = take();
		tbuf->arg[take() % 6] = take64();
	}
}

void fuzz_read(void *untrusted, uint64_t size)
{
	if (input.racing && size > 0 && take() & 0x80)
		((uint8_t *)untrusted)[take() % size] ^= take();
}

bool fuzz_stop(void)
{
	return input.stopping && input.left && take() == 0x55;
}
