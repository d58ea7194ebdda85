/* SPDX-License-Identifier: Apache-2.0 */
/*
 * poll, ppoll, select and pselect6: one list of host descriptors, in the transfer buffer.
 *
 * Entry i of the host's list belongs to entry i of the application's; what has no host descriptor (closed, negative,
 * answered inside) stands there as -1, which the host skips, and is judged here. select becomes a poll.
 *
 * Timeouts become a deadline once per call, so that a stop in between does not prolong them. That goes for the timeouts of
 * sockets too (SO_RCVTIMEO, SO_SNDTIMEO): the host begins them anew whenever a call is issued again.
 */
#include "rt/io/io.h"

#define ARG(i) ((uint64_t)t->arg[i])
#define BATCH 64u
#define SECOND 1000000000LL

struct poll_entry { int32_t fd; int16_t events, revents; };

static int ms_until(int64_t deadline_ns)
{
	int64_t left = deadline_ns - rt_monotonic_ns();

	left = left / 1000000 + (left % 1000000 > 0);
	return left <= 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

int rt_io_remaining_ms(struct rt_thread *t, int64_t timeout_ns)
{
	if (timeout_ns < 0)
		return -1;
	if (timeout_ns == 0)
		return 0;
	if (!t->deadline_ns && __builtin_add_overflow(rt_monotonic_ns(), timeout_ns, &t->deadline_ns))
		t->deadline_ns = INT64_MAX;
	return ms_until(t->deadline_ns);
}

long rt_io_timeout_ns(const struct lx_timespec *timeout, int64_t *ret_ns)
{
	if (timeout->sec < 0 || timeout->nsec < 0 || timeout->nsec >= SECOND)
		return -EINVAL;
	*ret_ns = timeout->sec >= INT64_MAX / SECOND ? INT64_MAX : timeout->sec * SECOND + timeout->nsec;
	return 0;
}

long rt_io_mask(struct rt_thread *t, uint64_t app_mask, uint64_t size)
{
	uint64_t mask;

	if (!app_mask)
		return 0;
	if (size != sizeof mask)
		return -EINVAL;
	if (rt_app_get(&mask, app_mask, sizeof mask))
		return -EFAULT;
	rt_signal_mask_swap(t, mask);
	return 0;
}

/* ---- the list ------------------------------------------------------------------------------------------------------------- */

/* What is known of a descriptor without the host; 0 if the host must be asked. */
static int16_t ready_inside(const struct rt_io_ofd *ofd, int16_t events)
{
	if (!ofd)
		return POLLNVAL;
	if (ofd->host_fd < 0)
		return events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
	if (ofd->kind == RT_IO_SOCKET && ofd->socket.pending_first)
		return events & (POLLIN | POLLRDNORM);
	return ofd->kind == RT_IO_EPOLL && rt_io_epoll_pending(ofd) ? events & (POLLIN | POLLRDNORM) : 0;
}

/* Fills in the host's side of one entry. True if it is ready already. */
static bool prepare(struct poll_entry *entry, struct rt_io_ofd *ofd)
{
	if (ofd && ofd->kind == RT_IO_MQUEUE)
		rt_io_mqueue_watch(ofd);
	if (ofd && ofd->kind == RT_IO_SIGNALFD)
		entry->events &= POLLIN | POLLRDNORM; /* the counter behind it could be written */
	entry->revents = ready_inside(ofd, entry->events);
	entry->fd = ofd && !entry->revents ? ofd->host_fd : -1;
	return entry->revents != 0;
}

/* What the host says, reduced to what can be. POLLNVAL comes from a close by another thread meanwhile. */
static int16_t result_of(const struct poll_entry *host, int16_t events)
{
	return host->revents & (events | POLLERR | POLLHUP | POLLNVAL);
}

bool rt_io_host_ready(const struct rt_io_ofd *ofd, int16_t events)
{
	struct poll_entry entry = { .fd = ofd->host_fd, .events = events };
	uint64_t ub = rt_io_ub_copy(&entry, sizeof entry);

	if (!ub || rt_io_checked(rt_host(__NR_poll, ub, 1, 0, 0, 0, 0), 1) <= 0)
		return false;
	rt_ub_get(&entry, (void *)ub, sizeof entry);
	return entry.revents & events;
}

/* Waits; result >= 0 means the list is filled in. */
static long host_poll(struct rt_thread *t, uint64_t ub, uint32_t count, bool ready, int64_t timeout_ns)
{
	for (;;) {
		int left_ms = ready ? 0 : rt_io_remaining_ms(t, timeout_ns);
		uint64_t arg[6] = { ub, count, (uint64_t)(int64_t)left_ms, 0, 0, 0 };
		bool again = false;
		long result;

		if (left_ms == 0)
			return rt_io_checked(rt_host(__NR_poll, arg[0], arg[1], arg[2], 0, 0, 0), count);
		result = rt_io_checked(rt_host_wait_once(__NR_poll, arg, &again), count);
		if (!again && result != 0)
			return result;
		/* Interrupted for nothing, or a timeout that has to be confirmed by our own clock. */
	}
}

long rt_io_wait_again(struct rt_thread *t, const struct rt_io_ofd *ofd, bool writing)
{
	struct poll_entry entry = { .fd = ofd->host_fd, .events = writing ? POLLOUT : POLLIN };
	int64_t timeout_ns = rt_io_option_timeout_ns(ofd, writing), *deadline_ns = (int64_t *)&t->syscall_scratch[RT_IO_SCRATCH_DEADLINE];
	uint64_t ub;

	if (!timeout_ns || !rt_io_blocking(ofd))
		return 0;
	if (!*deadline_ns) {
		if (__builtin_add_overflow(rt_monotonic_ns(), timeout_ns, deadline_ns))
			*deadline_ns = INT64_MAX;
		return 0;
	}
	ub = rt_io_ub_copy(&entry, sizeof entry);
	if (!ub)
		return -ENOMEM;
	for (;;) {
		int left_ms = ms_until(*deadline_ns);
		uint64_t arg[6] = { ub, 1, (uint64_t)left_ms, 0, 0, 0 };
		bool again;
		long result = rt_io_checked(rt_host_wait_once(__NR_poll, arg, &again), 1);

		if (!again && (result != 0 || left_ms == 0))
			return result == 0 ? -EAGAIN : result > 0 ? 0 : result;
	}
}

static uint64_t list_space(uint64_t count)
{
	return count * sizeof(struct poll_entry) > rt_ub_left() ? 0 : rt_io_ub_space(count ? count * sizeof(struct poll_entry) : 16);
}

/* ---- poll ------------------------------------------------------------------------------------------------------------------- */

/* True in *ret_ready if any entry needs no wait. */
static long poll_in(uint64_t app, uint32_t count, uint64_t ub, bool *ret_ready)
{
	struct poll_entry batch[BATCH];

	*ret_ready = false;
	for (uint32_t done = 0; done < count;) {
		uint32_t some = count - done < BATCH ? count - done : BATCH;

		if (rt_app_get(batch, app + done * sizeof *batch, some * sizeof *batch))
			return -EFAULT;
		for (uint32_t i = 0; i < some; i++)
			if (batch[i].fd < 0)
				batch[i].fd = -1;
			else if (prepare(&batch[i], rt_io_get((uint32_t)batch[i].fd)))
				*ret_ready = true;
		rt_ub_put((void *)(ub + done * sizeof *batch), batch, some * sizeof *batch);
		done += some;
	}
	return 0;
}

static long poll_out(uint64_t app, uint32_t count, uint64_t ub)
{
	struct poll_entry host[BATCH], batch[BATCH];
	long ready = 0;

	for (uint32_t done = 0; done < count;) {
		uint32_t some = count - done < BATCH ? count - done : BATCH;

		rt_ub_get(host, (void *)(ub + done * sizeof *host), some * sizeof *host);
		if (rt_app_get(batch, app + done * sizeof *batch, some * sizeof *batch))
			return -EFAULT;
		for (uint32_t i = 0; i < some; i++) {
			int16_t known = batch[i].fd < 0 ? 0 : ready_inside(rt_io_get((uint32_t)batch[i].fd), batch[i].events);

			batch[i].revents = batch[i].fd < 0 ? 0 : known ? known : result_of(&host[i], batch[i].events);
			ready += batch[i].revents != 0;
		}
		if (rt_app_put(app + done * sizeof *batch, batch, some * sizeof *batch))
			return -EFAULT;
		done += some;
	}
	return ready;
}

static long poll_all(struct rt_thread *t, int64_t timeout_ns)
{
	uint32_t count = (uint32_t)t->arg[1];
	uint64_t ub;
	bool ready;
	long result;

	if (count > RT_IO_FD_MAX)
		return -EINVAL;
	ub = list_space(count);
	if (!ub)
		return -ENOMEM;
	result = poll_in(ARG(0), count, ub, &ready);
	if (!result)
		result = host_poll(t, ub, count, ready, timeout_ns);
	return result < 0 ? result : poll_out(ARG(0), count, ub);
}

static long sys_poll(struct rt_thread *t)
{
	int32_t ms = (int32_t)t->arg[2];

	return poll_all(t, ms < 0 ? -1 : ms * 1000000LL);
}

static long timeout_in(uint64_t app, int64_t *ret_ns)
{
	struct lx_timespec timeout;

	*ret_ns = -1;
	if (!app)
		return 0;
	if (rt_app_get(&timeout, app, sizeof timeout))
		return -EFAULT;
	return rt_io_timeout_ns(&timeout, ret_ns);
}

static long sys_ppoll(struct rt_thread *t)
{
	int64_t ns;
	long error = timeout_in(ARG(2), &ns);

	if (!error)
		error = rt_io_mask(t, ARG(3), ARG(4));
	return error ? error : poll_all(t, ns);
}

/* ---- select ---------------------------------------------------------------------------------------------------------------- */

/* As Linux: the three sets, and what each of their bits waits for and is set by. */
static const struct { int16_t events, results; } sets[3] = {
	{ POLLRDNORM | POLLRDBAND | POLLIN, POLLRDNORM | POLLRDBAND | POLLIN | POLLHUP | POLLERR },
	{ POLLWRBAND | POLLWRNORM | POLLOUT, POLLWRBAND | POLLWRNORM | POLLOUT | POLLERR },
	{ POLLPRI, POLLPRI },
};

static long words_in(struct rt_thread *t, uint32_t word, uint32_t limit, uint64_t ret_bits[3])
{
	for (int set = 0; set < 3; set++) {
		ret_bits[set] = 0;
		if (ARG(set + 1) && rt_app_get(&ret_bits[set], ARG(set + 1) + word * 8ULL, 8))
			return -EFAULT;
		if (limit - word * 64 < 64)
			ret_bits[set] &= (1ULL << (limit - word * 64)) - 1;
	}
	return 0;
}

static int16_t select_events(const uint64_t bits[3], uint32_t bit)
{
	int16_t events = 0;

	for (int set = 0; set < 3; set++)
		if (bits[set] >> bit & 1)
			events |= sets[set].events;
	return events;
}

/* First the count, then the list: the buffer need only hold the bits that are set. */
static long select_count(struct rt_thread *t, uint32_t limit)
{
	uint64_t bits[3];
	long count = 0;

	for (uint32_t word = 0; word * 64 < limit; word++) {
		if (words_in(t, word, limit, bits))
			return -EFAULT;
		count += __builtin_popcountll(bits[0] | bits[1] | bits[2]);
	}
	return count;
}

static long select_in(struct rt_thread *t, uint32_t limit, uint64_t ub, uint32_t count, bool *ret_ready)
{
	uint64_t bits[3];
	uint32_t at = 0;

	*ret_ready = false;
	for (uint32_t word = 0; word * 64 < limit; word++) {
		if (words_in(t, word, limit, bits))
			return -EFAULT;
		for (uint64_t rest = bits[0] | bits[1] | bits[2]; rest && at < count; rest &= rest - 1, at++) {
			uint32_t bit = (uint32_t)__builtin_ctzll(rest);
			struct poll_entry entry = { .events = select_events(bits, bit) };
			struct rt_io_ofd *ofd = rt_io_get(word * 64 + bit);

			if (!ofd)
				return -EBADF;
			if (prepare(&entry, ofd))
				*ret_ready = true;
			rt_ub_put((void *)(ub + at * sizeof entry), &entry, sizeof entry);
		}
	}
	return 0;
}

static long select_out(struct rt_thread *t, uint32_t limit, uint64_t ub, uint32_t count)
{
	uint64_t bits[3];
	uint32_t at = 0;
	long ready = 0;

	for (uint32_t word = 0; word * 64 < limit; word++) {
		uint64_t out[3] = {0};

		if (words_in(t, word, limit, bits))
			return -EFAULT;
		for (uint64_t rest = bits[0] | bits[1] | bits[2]; rest && at < count; rest &= rest - 1, at++) {
			uint32_t bit = (uint32_t)__builtin_ctzll(rest);
			int16_t events = select_events(bits, bit), known = ready_inside(rt_io_get(word * 64 + bit), events);
			struct poll_entry host;

			rt_ub_get(&host, (void *)(ub + at * sizeof host), sizeof host);
			known = known ? known : result_of(&host, events);
			for (int set = 0; set < 3; set++)
				if (bits[set] >> bit & 1 && known & sets[set].results) {
					out[set] |= 1ULL << bit;
					ready++;
				}
		}
		for (int set = 0; set < 3; set++)
			if (ARG(set + 1) && rt_app_put(ARG(set + 1) + word * 8ULL, &out[set], 8))
				return -EFAULT;
	}
	return ready;
}

/* The remaining time is not written back; libc does not look at it. */
static long select_all(struct rt_thread *t, int64_t timeout_ns)
{
	uint32_t limit = (uint32_t)t->arg[0];
	long count, result;
	uint64_t ub;
	bool ready;

	if ((int32_t)limit < 0)
		return -EINVAL;
	if (limit > RT_IO_FD_MAX)
		limit = RT_IO_FD_MAX;
	count = select_count(t, limit);
	if (count < 0)
		return count;
	ub = list_space((uint64_t)count);
	if (!ub)
		return -ENOMEM;
	result = select_in(t, limit, ub, (uint32_t)count, &ready);
	if (!result)
		result = host_poll(t, ub, (uint32_t)count, ready, timeout_ns);
	return result < 0 ? result : select_out(t, limit, ub, (uint32_t)count);
}

static long sys_select(struct rt_thread *t)
{
	struct lx_timeval timeout;
	int64_t ns = -1;

	if (ARG(4)) {
		if (rt_app_get(&timeout, ARG(4), sizeof timeout))
			return -EFAULT;
		if (timeout.sec < 0 || timeout.usec < 0)
			return -EINVAL;
		ns = timeout.sec >= INT64_MAX / SECOND - 1000 ? INT64_MAX :
			(timeout.sec + timeout.usec / 1000000) * SECOND + timeout.usec % 1000000 * 1000;
	}
	return select_all(t, ns);
}

static long sys_pselect6(struct rt_thread *t)
{
	uint64_t mask[2] = {0};
	int64_t ns;
	long error = timeout_in(ARG(4), &ns);

	if (!error && ARG(5) && rt_app_get(mask, ARG(5), sizeof mask))
		error = -EFAULT;
	if (!error)
		error = rt_io_mask(t, mask[0], mask[1]);
	return error ? error : select_all(t, ns);
}

const struct rt_syscall_entry rt_syscalls_poll[] = {
	{ __NR_poll, 0, sys_poll }, { __NR_ppoll, 0, sys_ppoll },
	{ __NR_select, 0, sys_select }, { __NR_pselect6, 0, sys_pselect6 },
	{ 0, 0, NULL },
};
