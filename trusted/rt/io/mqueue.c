/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of POSIX message queues. Queues and messages are the runtime's own (rt/mqueue.c); what waits for a descriptor (poll, select, epoll)
 * waits in the host's kernel, so each description has an event counter of the host's behind it, which is ready as the queue is:
 *
 *     empty    0                  can be written
 *     between  1                  can be read and written
 *     full     the most it takes  can be read
 *
 * The counter exists from the first time on that anybody asks. It is emptied and set after every change, which is an edge, as the kernel's
 * wake-up is one. A lying host can only make a program ask in vain, or wait.
 */
#include "rt/io/migrate.h"
#include "rt/mqueue.h"

#define ARG(i) ((uint64_t)t->arg[i])
#define FULL  (UINT64_MAX - 1)

struct lx_mq_attr { int64_t flags, most, size, count, reserved[4]; };

static RT_RESIDENT uint32_t first;      /* of all, linked by mqueue.next */
static RT_RESIDENT _Atomic uint32_t holder;     /* of the list and of all counters, across calls of the host */

/* ---- the counter --------------------------------------------------------------------------------------------------------------- */

/* `holder` is held, or nobody else runs. */
static void set_counter(const struct rt_io_ofd *ofd)
{
	struct rt_mqueue_facts facts;

	rt_mqueue_facts(ofd->mqueue.queue, &facts);
	(void)rt_host_word(__NR_read, (uint64_t)ofd->host_fd, 0);      /* it never blocks; nothing to read: it is 0 already */
	if (facts.count)
		(void)rt_host_word(__NR_write, (uint64_t)ofd->host_fd, facts.count < facts.most ? 1 : FULL);
}

static void changed(uint32_t queue)
{
	rt_hold(&holder);
	for (uint32_t at = first; at; at = rt_io_ofds[at].mqueue.next)
		if (rt_io_ofds[at].mqueue.queue == queue && rt_io_ofds[at].mqueue.watched)
			set_counter(&rt_io_ofds[at]);
	rt_let_go(&holder);
}

void rt_io_mqueue_watch(struct rt_io_ofd *ofd)
{
	if (ofd->mqueue.watched)
		return;
	rt_hold(&holder);
	ofd->mqueue.watched = 1;
	set_counter(ofd);
	rt_let_go(&holder);
}

/* ---- descriptors ----------------------------------------------------------------------------------------------------------------- */

void rt_io_mqueue_closing(const struct rt_io_ofd *ofd)
{
	uint32_t *at = &first;

	rt_hold(&holder);
	while (*at && *at != rt_io_index(ofd))
		at = &rt_io_ofds[*at].mqueue.next;
	if (*at)
		*at = ofd->mqueue.next;
	rt_let_go(&holder);
	rt_mqueue_put(ofd->mqueue.queue);
}

void rt_io_mqueue_number_closed(const struct rt_io_ofd *ofd)
{
	(void)rt_mqueue_notify(ofd->mqueue.queue, 0);  /* the process' registration goes with the first of its numbers */
}

static long install(uint32_t queue, uint32_t flags)
{
	long host_fd = rt_io_room(1) ? rt_io_checked_fd(rt_host(__NR_eventfd2, 0, O_NONBLOCK | O_CLOEXEC, 0, 0, 0, 0)) : -EMFILE;
	struct rt_io_ofd *ofd = host_fd < 0 ? NULL : rt_io_ofd_new(RT_IO_MQUEUE, (int32_t)host_fd, flags & (O_ACCMODE | O_NONBLOCK));

	if (!ofd) {
		rt_mqueue_put(queue);
		if (host_fd >= 0)
			rt_io_host_close((int32_t)host_fd);
		return host_fd < 0 ? host_fd : -ENFILE;
	}
	ofd->mqueue.queue = queue;
	rt_hold(&holder);
	ofd->mqueue.next = first;
	first = rt_io_index(ofd);
	rt_let_go(&holder);
	return rt_io_install(ofd, 0, FD_CLOEXEC);        /* always, as the kernel's */
}

static long sys_mq_open(struct rt_thread *t)
{
	const uint32_t flags = (uint32_t)t->arg[1];
	char name[RT_MQUEUE_NAME];
	struct lx_mq_attr attr;
	uint32_t queue;
	long r = rt_app_get_string(name, ARG(0), sizeof name);

	if (r < 0)
		return r;
	if (flags & O_CREAT && ARG(3) && rt_app_get(&attr, ARG(3), sizeof attr) < 0)
		return -EFAULT;
	r = rt_mqueue_open(name, flags, flags & O_CREAT ? (uint32_t)t->arg[2] & 0777 & ~rt_io_umask() : 0,
		flags & O_CREAT && ARG(3) ? (const int64_t[2]){ attr.most, attr.size } : NULL, &queue);
	return r ? r : install(queue, flags);
}

static long sys_mq_unlink(struct rt_thread *t)
{
	char name[RT_MQUEUE_NAME];
	long r = rt_app_get_string(name, ARG(0), sizeof name);

	return r < 0 ? r : rt_mqueue_unlink(name);
}

static struct rt_io_ofd *get(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = rt_io_get((uint32_t)t->arg[0]);

	return ofd && ofd->kind == RT_IO_MQUEUE ? ofd : NULL;
}

static long sys_mq_timedsend(struct rt_thread *t)
{
	const struct rt_io_ofd *ofd = get(t);
	uint32_t queue;
	long r;

	if (!ofd || (ofd->status & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	queue = ofd->mqueue.queue;
	r = rt_mqueue_send(t, queue, rt_io_blocking(ofd));
	if (!r)
		changed(queue);
	return r;
}

static long sys_mq_timedreceive(struct rt_thread *t)
{
	const struct rt_io_ofd *ofd = get(t);
	uint32_t queue;
	long r;

	if (!ofd || (ofd->status & O_ACCMODE) == O_WRONLY)
		return -EBADF;
	queue = ofd->mqueue.queue;
	r = rt_mqueue_receive(t, queue, rt_io_blocking(ofd));
	if (r >= 0)
		changed(queue);
	return r;
}

static long sys_mq_notify(struct rt_thread *t)
{
	const struct rt_io_ofd *ofd = get(t);

	return ofd ? rt_mqueue_notify(ofd->mqueue.queue, ARG(1)) : -EBADF;
}

static long sys_mq_getsetattr(struct rt_thread *t)
{
	struct rt_io_ofd *ofd = get(t);
	struct lx_mq_attr now = { 0 }, next = { 0 };
	struct rt_mqueue_facts facts;

	if (ARG(1) && rt_app_get(&next, ARG(1), sizeof next) < 0)
		return -EFAULT;
	if (ARG(1) && next.flags & ~(int64_t)O_NONBLOCK)
		return -EINVAL;
	if (!ofd)
		return -EBADF;
	rt_mqueue_facts(ofd->mqueue.queue, &facts);
	now = (struct lx_mq_attr){ .flags = ofd->status & O_NONBLOCK, .most = (int64_t)facts.most, .size = (int64_t)facts.size, .count = (int64_t)facts.count };
	if (ARG(1))
		ofd->status = (ofd->status & ~(uint32_t)O_NONBLOCK) | (uint32_t)next.flags;
	return ARG(2) ? rt_app_put(ARG(2), &now, sizeof now) : 0;
}

/* ---- what a file would tell ------------------------------------------------------------------------------------------------------- */

static void add_number(struct rt_io_words *words, const char *name, uint64_t number, size_t width)
{
	size_t end;

	rt_io_words_add(words, name);
	end = words->used + width;
	rt_io_words_number(words, number);
	while (words->used < end)
		rt_io_words_add(words, " ");
}

long rt_io_mqueue_read(struct rt_io_ofd *ofd, struct rt_io_span *span)
{
	struct rt_mqueue_facts facts;
	char text[128];
	struct rt_io_words words = { text, sizeof text, 0 };
	uint64_t size;

	rt_mqueue_facts(ofd->mqueue.queue, &facts);
	add_number(&words, "QSIZE:", facts.bytes, 10);
	add_number(&words, " NOTIFY:", facts.notify >= 0 ? (uint64_t)facts.notify : 0, 5);
	add_number(&words, " SIGNO:", (uint64_t)facts.signo, 5);
	add_number(&words, " NOTIFY_PID:", facts.notify >= 0 ? (uint64_t)rt_pid : 0, 6);
	rt_io_words_add(&words, "\n");
	if (ofd->mqueue.position >= words.used)
		return 0;
	size = words.used - ofd->mqueue.position;
	size = size < span->total ? size : span->total;
	if (rt_io_span_put(span, text + ofd->mqueue.position, size))
		return -EFAULT;
	ofd->mqueue.position += (uint32_t)size;
	return (long)size;
}

void rt_io_mqueue_stat(const struct rt_io_ofd *ofd, struct stat *ret)
{
	struct rt_mqueue_facts facts;

	rt_mqueue_facts(ofd->mqueue.queue, &facts);
	*ret = (struct stat){ .st_dev = 1, .st_ino = facts.number, .st_mode = LX_S_IFREG | facts.mode, .st_nlink = facts.links, .st_uid = facts.uid,
		.st_gid = facts.gid, .st_size = 80, .st_blksize = OM_PAGE_SIZE, .st_atime = (uint64_t)facts.modified,
		.st_mtime = (uint64_t)facts.modified, .st_ctime = (uint64_t)facts.changed };
}

void rt_io_mqueue_link_text(const struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	struct rt_mqueue_facts facts;

	rt_mqueue_facts(ofd->mqueue.queue, &facts);
	rt_io_words_add(words, "/");
	rt_io_words_add(words, facts.name);
	if (!facts.links)
		rt_io_words_add(words, " (deleted)");
}

/* A destination: nobody else runs. */
int rt_io_mqueue_make(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	long host_fd = rt_io_checked_fd(rt_host(__NR_eventfd2, 0, O_NONBLOCK | O_CLOEXEC, 0, 0, 0, 0));

	if (host_fd < 0)
		return rt_io_refuse(words, ofd, "the message queue's descriptor cannot be made again");
	ofd->host_fd = (int32_t)host_fd;
	if (ofd->mqueue.watched)
		set_counter(ofd);
	return 0;
}

const struct rt_syscall_entry rt_syscalls_mqueue[] = {
	{ __NR_mq_open, 0, sys_mq_open }, { __NR_mq_unlink, 0, sys_mq_unlink }, { __NR_mq_timedsend, 0, sys_mq_timedsend },
	{ __NR_mq_timedreceive, 0, sys_mq_timedreceive }, { __NR_mq_notify, 0, sys_mq_notify }, { __NR_mq_getsetattr, 0, sys_mq_getsetattr },
	{ 0, 0, NULL },
};
