/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ioctl: a list of requests whose argument is one structure without pointers, carried to the host and back, and the few
 * that are answered here or need more. What is not on the list is not there (ENOTTY).
 *
 * Interfaces (netdevice(7)) are the host's: a program that keeps an index or an address across a migration keeps the
 * source's. They can be asked about, not changed: EPERM, as without CAP_NET_ADMIN.
 */
#include <linux/sockios.h>
#include "rt/io/vault.h"

#define IFREQ_SIZE 40u
#define LIST_MAX 65536u

enum { IN = 1, OUT = 2, BOTH = IN | OUT, VALUE = 4 };

static const struct request { uint32_t number; uint16_t size, way; } requests[] = {
	{ FIONREAD, 4, OUT }, { TIOCOUTQ, 4, OUT }, { SIOCOUTQNSD, 4, OUT }, { SIOCATMARK, 4, OUT }, { FIOQSIZE, 8, OUT },
	{ SIOCGSTAMP_OLD, 16, OUT }, { SIOCGSTAMPNS_OLD, 16, OUT },
	/* terminals */
	{ TCGETS, 36, OUT }, { TCSETS, 36, IN }, { TCSETSW, 36, IN }, { TCSETSF, 36, IN },
	{ LX_TCGETS2, 44, OUT }, { LX_TCSETS2, 44, IN }, { LX_TCSETSW2, 44, IN }, { LX_TCSETSF2, 44, IN },
	{ TIOCGWINSZ, 8, OUT }, { TIOCSWINSZ, 8, IN }, { TIOCGPGRP, 4, OUT }, { TIOCGSID, 4, OUT },
	{ TIOCMGET, 4, OUT }, { TIOCMSET, 4, IN }, { TIOCMBIS, 4, IN }, { TIOCMBIC, 4, IN },
	{ TIOCGPTN, 4, OUT }, { TIOCSPTLCK, 4, IN }, { TIOCGPTLCK, 4, OUT }, { TIOCPKT, 4, IN }, { TIOCGPKT, 4, OUT },
	{ TIOCGEXCL, 4, OUT }, { TIOCGETD, 4, OUT }, { TIOCSIG, 0, VALUE },
	{ TCSBRK, 0, VALUE }, { TCSBRKP, 0, VALUE }, { TCXONC, 0, VALUE }, { TCFLSH, 0, VALUE }, { TIOCEXCL, 0, VALUE }, { TIOCNXCL, 0, VALUE },
	/* interfaces: struct ifreq */
	{ SIOCGIFNAME, IFREQ_SIZE, BOTH }, { SIOCGIFFLAGS, IFREQ_SIZE, BOTH }, { SIOCGIFADDR, IFREQ_SIZE, BOTH },
	{ SIOCGIFDSTADDR, IFREQ_SIZE, BOTH }, { SIOCGIFBRDADDR, IFREQ_SIZE, BOTH }, { SIOCGIFNETMASK, IFREQ_SIZE, BOTH },
	{ SIOCGIFMETRIC, IFREQ_SIZE, BOTH }, { SIOCGIFMEM, IFREQ_SIZE, BOTH }, { SIOCGIFMTU, IFREQ_SIZE, BOTH },
	{ SIOCGIFHWADDR, IFREQ_SIZE, BOTH }, { SIOCGIFSLAVE, IFREQ_SIZE, BOTH }, { SIOCGIFINDEX, IFREQ_SIZE, BOTH },
	{ SIOCGIFPFLAGS, IFREQ_SIZE, BOTH }, { SIOCGIFCOUNT, IFREQ_SIZE, BOTH }, { SIOCGIFTXQLEN, IFREQ_SIZE, BOTH },
	{ SIOCGIFMAP, IFREQ_SIZE, BOTH }, { SIOCGMIIPHY, IFREQ_SIZE, BOTH }, { SIOCGMIIREG, IFREQ_SIZE, BOTH },
};

static const struct request *find(uint32_t number)
{
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
		if (requests[i].number == number)
			return &requests[i];
	return NULL;
}

static long carry(struct rt_io_ofd *ofd, const struct request *request, uint64_t app)
{
	uint8_t structure[64] = {0};
	uint64_t ub = app;
	long result;

	if (request->way & IN && rt_app_get(structure, app, request->size))
		return -EFAULT;
	if (request->way != VALUE) {
		ub = rt_io_ub_copy(structure, sizeof structure);
		if (!ub)
			return -ENOMEM;
	}
	result = rt_io_zero(rt_host(__NR_ioctl, (uint64_t)ofd->host_fd, request->number, ub, 0, 0, 0));
	if (result < 0 || !(request->way & OUT))
		return result;
	return rt_ub_to_app(app, (void *)ub, request->size);
}

/* SIOCGIFCONF: a length and a pointer. Without the pointer the length of everything is asked for. */
static long list_interfaces(struct rt_io_ofd *ofd, uint64_t app)
{
	struct { int32_t size; uint32_t pad; uint64_t list; } ask, answer;
	uint64_t list, ub;
	uint32_t room;
	long result;

	if (rt_app_get(&ask, app, sizeof ask))
		return -EFAULT;
	if (ask.size < 0)
		return -EINVAL;
	room = (uint32_t)ask.size < LIST_MAX ? (uint32_t)ask.size : LIST_MAX;
	list = ask.list ? rt_io_ub_space(room ? room : 1) : 0;
	answer = ask;
	answer.size = ask.list ? (int32_t)room : 0;
	answer.list = list;
	ub = rt_io_ub_copy(&answer, sizeof answer);
	if (!ub || (ask.list && !list))
		return -ENOMEM;
	result = rt_io_zero(rt_host(__NR_ioctl, (uint64_t)ofd->host_fd, SIOCGIFCONF, ub, 0, 0, 0));
	if (result < 0)
		return result;
	rt_ub_get(&answer, (void *)ub, sizeof answer);
	if (answer.size < 0 || (ask.list && (uint32_t)answer.size > room))
		rt_fatal(OM_EHOST, "host returned a longer list of interfaces than asked for");
	if (ask.list && answer.size && rt_ub_to_app(ask.list, (void *)list, (uint32_t)answer.size))
		return -EFAULT;
	return rt_app_put(app, &answer.size, sizeof answer.size);
}

static bool changes_interfaces(uint32_t number)
{
	switch (number) {
	case SIOCADDRT: case SIOCDELRT: case SIOCSARP: case SIOCDARP: case SIOCSRARP: case SIOCDRARP:
	case SIOCSIFNAME: case SIOCSIFFLAGS: case SIOCSIFADDR: case SIOCSIFDSTADDR: case SIOCSIFBRDADDR: case SIOCSIFNETMASK:
	case SIOCSIFMETRIC: case SIOCSIFMEM: case SIOCSIFMTU: case SIOCSIFHWADDR: case SIOCSIFHWBROADCAST: case SIOCSIFENCAP:
	case SIOCSIFSLAVE: case SIOCADDMULTI: case SIOCDELMULTI: case SIOCSIFPFLAGS: case SIOCDIFADDR: case SIOCSIFTXQLEN:
	case SIOCSIFMAP: case SIOCSIFLINK: case SIOCSMIIREG: case SIOCSIFBR: case SIOCSIFVLAN: case SIOCBRADDBR: case SIOCBRDELBR:
	case SIOCBONDENSLAVE: case SIOCBONDRELEASE: case SIOCBRADDIF: case SIOCBRDELIF: case SIOCSHWTSTAMP:
		return true;
	default:
		return false;
	}
}

/* What is left of a trusted or encrypted file, and its size, are not the host's to tell. */
static long ask_kept(const struct rt_io_ofd *ofd, uint32_t number, uint64_t app)
{
	const int64_t size = rt_io_kept_size(ofd), left = size - rt_io_position_get(ofd);
	const int32_t short_left = (int32_t)left;

	if (number == FIOQSIZE)
		return rt_app_put(app, &size, sizeof size);
	return rt_app_put(app, &short_left, sizeof short_left);
}

static long host_request(struct rt_io_ofd *ofd, uint32_t number, uint64_t app)
{
	const struct request *request = find(number);

	if (ofd->host_fd < 0)
		return -ENOTTY;
	if (rt_io_kept(ofd) && (number == FIONREAD || number == FIOQSIZE))
		return ask_kept(ofd, number, app);
	if (request)
		return carry(ofd, request, app);
	if (ofd->kind != RT_IO_SOCKET)
		return -ENOTTY;
	if (number == SIOCGIFCONF)
		return list_interfaces(ofd, app);
	if (number == SIOCETHTOOL)
		return -EOPNOTSUPP; /* as a driver without it: its argument is a list of pointers to structures of many sizes */
	return changes_interfaces(number) ? -EPERM : -ENOTTY;
}

/* The other end of a pseudoterminal whose master this is. */
static long open_peer(struct rt_io_ofd *ofd, uint32_t flags)
{
	if (ofd->host_fd < 0)
		return -ENOTTY;
	return rt_io_install_host(RT_IO_OTHER, rt_host(__NR_ioctl, (uint64_t)ofd->host_fd, TIOCGPTPEER, flags | O_NOCTTY | O_CLOEXEC, 0, 0, 0),
		flags & (O_ACCMODE | LX_SETFL_MASK), flags & O_CLOEXEC ? FD_CLOEXEC : 0, NULL);
}

static long change_status(struct rt_io_ofd *ofd, uint32_t flag, uint64_t app)
{
	int32_t on;

	if (rt_app_get(&on, app, sizeof on))
		return -EFAULT;
	return rt_io_set_status(ofd, on ? ofd->status | flag : ofd->status & ~flag);
}

long rt_io_ioctl(struct rt_thread *t)
{
	uint64_t fd = (uint32_t)t->arg[0], app = (uint64_t)t->arg[2];
	struct rt_io_ofd *ofd = rt_io_get(fd);

	if (!ofd || ofd->status & O_PATH)
		return -EBADF;
	switch ((uint32_t)t->arg[1]) {
	case FIOCLEX:
		rt_io_fds[fd].flags |= FD_CLOEXEC;
		return 0;
	case FIONCLEX:
		rt_io_fds[fd].flags &= ~(uint32_t)FD_CLOEXEC;
		return 0;
	case FIONBIO:
		return change_status(ofd, O_NONBLOCK, app);
	case FIOASYNC:
		if (!(ofd->status & FASYNC))
			ofd->async_fd = (int32_t)fd;
		return change_status(ofd, FASYNC, app);
	case TIOCGPTPEER:
		return open_peer(ofd, (uint32_t)app);
	case FIOSETOWN: case SIOCSPGRP:
		return ofd->kind == RT_IO_SOCKET ? rt_io_async_ioctl(ofd, true, app) : -ENOTTY;
	case FIOGETOWN: case SIOCGPGRP:
		return ofd->kind == RT_IO_SOCKET ? rt_io_async_ioctl(ofd, false, app) : -ENOTTY;
	default:
		return host_request(ofd, (uint32_t)t->arg[1], app);
	}
}
