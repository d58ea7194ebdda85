/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signal-driven input: O_ASYNC, FIOASYNC, F_SETSIG, and the owners who are told, of urgent data too (SIGURG).
 *
 *   here    who the owner is, which signal it wants, under which number the descriptor asked for it: resident
 *   host    its process is the owner of every such description; the signal that is asked for is one of its own, of
 *           which the kernel queues one for each description that becomes ready. It says which one (OM_ECALL_IO),
 *           and here that becomes the program's signal for its owner
 *
 * A kernel whose queue is full sends SIGIO instead, which reaches the program as any signal from outside.
 *
 * A migration makes the host side anew, and a descriptor that had become ready meanwhile would not be reported again. So the
 * owner of each descriptor is told once. Programs that use signal-driven input expect signals without news anyhow.
 */
#include "rt/io/io.h"

#define SIGIO_NUMBER 29
#define SIGNALS 64u
#define CODE_KERNEL 0x80
#define CODE_POLL_IN 1
#define POLL_BAND (0x1 | 0x40)       /* POLLIN | POLLRDNORM */

enum { OWNER_TID, OWNER_PID, OWNER_PGRP };   /* F_OWNER_* */

struct owner { int32_t type, id; };

/* The owner is this program or one of its threads, or nobody: no other process could be told of our descriptors. */
static long set_owner(struct rt_io_ofd *ofd, struct owner owner)
{
	long result = 0;

	if (owner.type < OWNER_TID || owner.type > OWNER_PGRP || owner.id < 0)
		return -EINVAL;
	if (owner.id && owner.id != rt_pid && !rt_thread_exists(owner.id))
		return -EPERM;
	if (owner.id && owner.id != rt_pid && owner.type == OWNER_PGRP)
		return -EPERM;
	if (ofd->host_fd >= 0)
		result = rt_io_zero(rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_SETOWN, owner.id != 0, 0, 0, 0)); /* the host's own number */
	if (result)
		return result;
	ofd->owner = owner.id;
	ofd->owner_type = (uint8_t)owner.type;
	return 0;
}

static long set_owner_by_number(struct rt_io_ofd *ofd, int32_t number)
{
	if (number == INT32_MIN)
		return -EINVAL;
	return set_owner(ofd, number < 0 ? (struct owner){ OWNER_PGRP, -number } : (struct owner){ OWNER_PID, number });
}

static int32_t owner_by_number(const struct rt_io_ofd *ofd)
{
	return ofd->owner_type == OWNER_PGRP ? -ofd->owner : ofd->owner;
}

static long set_signal(struct rt_io_ofd *ofd, uint64_t signo)
{
	if (signo > SIGNALS)
		return -EINVAL;
	ofd->async_signal = (uint8_t)signo;
	return 0;
}

long rt_io_async_call(struct rt_io_ofd *ofd, uint32_t command, uint64_t argument)
{
	struct owner owner = { ofd->owner_type, ofd->owner };

	switch (command) {
	case F_SETOWN:
		return set_owner_by_number(ofd, (int32_t)argument);
	case F_GETOWN:
		return owner_by_number(ofd);
	case F_SETOWN_EX:
		return rt_app_get(&owner, argument, sizeof owner) ? -EFAULT : set_owner(ofd, owner);
	case F_GETOWN_EX:
		return rt_app_put(argument, &owner, sizeof owner);
	case F_SETSIG:
		return set_signal(ofd, argument);
	default: /* F_GETSIG */
		return ofd->async_signal;
	}
}

/* ioctl's names for F_SETOWN and F_GETOWN. */
long rt_io_async_ioctl(struct rt_io_ofd *ofd, bool set, uint64_t app)
{
	int32_t number = owner_by_number(ofd);

	if (!set)
		return rt_app_put(app, &number, sizeof number);
	return rt_app_get(&number, app, sizeof number) ? -EFAULT : set_owner_by_number(ofd, number);
}

long rt_io_async_begin(struct rt_io_ofd *ofd)
{
	return rt_io_zero(rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_SETSIG, OM_IO_SIGNAL, 0, 0, 0));
}

static void tell(const struct rt_io_ofd *ofd, int32_t code, uint64_t band)
{
	if (!ofd->owner)
		return;
	rt_signal_ready(ofd->owner_type == OWNER_TID ? ofd->owner : 0, ofd->async_signal ? ofd->async_signal : SIGIO_NUMBER,
		ofd->async_signal ? code : CODE_KERNEL, band, ofd->async_fd);
}

void rt_io_ready(int32_t host_fd, int32_t code, uint64_t band)
{
	for (uint32_t index = 1; index < rt_io_ofd_end; index++) {
		const struct rt_io_ofd *ofd = &rt_io_ofds[index];

		if (ofd->kind != RT_IO_FREE && ofd->host_fd == host_fd && ofd->status & FASYNC)
			tell(ofd, code, band);
	}
}

int rt_io_reapply_async(struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	long error = 0;

	(void)words;
	if (ofd->host_fd < 0 || (!ofd->owner && !(ofd->status & FASYNC)))
		return 0;
	if (ofd->owner)
		error = set_owner(ofd, (struct owner){ ofd->owner_type, ofd->owner });
	if (!error && ofd->status & FASYNC) {
		error = rt_io_async_begin(ofd);
		if (!error)
			error = rt_io_zero(rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_SETFL, ofd->status & LX_SETFL_MASK, 0, 0, 0));
		tell(ofd, CODE_POLL_IN, POLL_BAND);
	}
	return error ? OM_EHOSTSTATE : 0;
}
