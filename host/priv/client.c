/* SPDX-License-Identifier: Apache-2.0 */
/* The receiver's end: one request and its answer at a time, whichever thread asks. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "net/sockopt.h"
#include "net/tcp_blob.h"
#include "util.h"
#include "wire.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct priv_limits limits;        /* of a receiver; fixed */
static bool confined;
static _Atomic int server = -1;          /* the descriptor; never closed, for other threads may be about to use it */
static union priv_message message;       /* under the lock */
static struct priv_answer answer;

void priv_client_begin(const struct priv_limits *given, int fd)
{
	limits = *given;
	confined = true;
	atomic_store(&server, fd);
}

void priv_client_end(void)
{
	if (atomic_exchange(&server, -1) >= 0)
		host_note("the privileged parent has ended: the program runs on, but its connections cannot move, and nobody can give it privileged ports");
}

bool priv_confined(void)
{
	return confined;
}

bool priv_active(void)
{
	return atomic_load(&server) >= 0;
}

/* Under the lock. `message` is filled. Return: 0 or -EPERM; the answer's result is in `answer`. */
static int ask(uint32_t op, uint32_t rest, const int *fds, uint32_t fd_count)
{
	union { struct cmsghdr align; uint8_t bytes[CMSG_SPACE(PRIV_BATCH * sizeof(int))]; } control = { 0 };
	struct iovec piece = { &message, sizeof message.head + rest };
	struct msghdr header = { .msg_iov = &piece, .msg_iovlen = 1 };
	int fd = atomic_load(&server);
	ssize_t done;

	message.head.version = PRIV_VERSION;
	message.head.op = op;
	if (fd_count) {
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		*CMSG_FIRSTHDR(&header) = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(fd_count * sizeof(int)) };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), fds, fd_count * sizeof(int));
	}
	if (fd < 0)
		return -EPERM;
	do
		done = sendmsg(fd, &header, MSG_NOSIGNAL);
	while (done < 0 && errno == EINTR);
	if (done < 0 && (errno == EBADF || errno == ETOOMANYREFS))
		return -errno;                   /* a descriptor of the list; the server is there */
	while (done >= 0 && (done = recv(fd, &answer, sizeof answer, 0)) < 0 && errno == EINTR)
		done = 0;
	if (done >= (ssize_t)offsetof(struct priv_answer, results))
		return 0;
	priv_client_end();
	return -EPERM;
}

static void begin(void)
{
	pthread_mutex_lock(&lock);
	memset(&message.head, 0, sizeof message.head);
}

/* Return: 0 or -errno. */
static int end(uint32_t op, uint32_t rest, const int *fds, uint32_t fd_count)
{
	int error = ask(op, rest, fds, fd_count);

	error = error ? error : answer.result;
	pthread_mutex_unlock(&lock);
	return error;
}

void priv_repair(struct priv_item *list, uint32_t count)
{
	int fds[PRIV_BATCH], error;

	begin();
	message.head.count = count;
	memcpy(message.items, list, count * sizeof *list);
	for (uint32_t i = 0; i < count; i++) {
		fds[i] = list[i].fd;
		message.items[i].fd = message.items[i].result = 0;
	}
	error = ask(PRIV_OP_REPAIR, count * (uint32_t)sizeof *list, fds, count);
	error = error ? error : answer.result ? answer.result : answer.count != count ? -EPROTO : 0;
	for (uint32_t i = 0; i < count; i++)
		list[i].result = error ? error : answer.results[i];
	pthread_mutex_unlock(&lock);
}

int priv_buffer(int fd, int name, int value)
{
	int error;

	if (set_int(fd, SOL_SOCKET, name, value) == 0)
		return 0;
	if (errno != EPERM || !priv_active() || value < 0)
		return -1;
	begin();
	message.head.value = (uint32_t)name;
	message.head.size = (uint32_t)value;
	error = end(PRIV_OP_BUFFER, 0, &fd, 1);
	errno = -error;
	return error ? -1 : 0;
}

/* ---- host calls ------------------------------------------------------------------------------------------------------ */

/* A new socket that is to be in repair mode is so when it is bound, which is the same thread's next step. */
static _Thread_local uint64_t repair_at_bind;      /* its cookie */

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof cookie;

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) ? 0 : cookie;
}

static bool is_at_bind(int fd)
{
	return repair_at_bind && repair_at_bind == cookie_of(fd);
}

static int repair_one(struct priv_item item)
{
	priv_repair(&item, 1);
	return item.result;
}

static bool is_new(int fd)
{
	struct sockaddr_storage name = { 0 };
	socklen_t size = sizeof name;

	return getsockname(fd, (struct sockaddr *)&name, &size) == 0 && ((struct sockaddr_in *)&name)->sin_port == 0;
}

bool priv_setsockopt(int fd, int level, int name, const void *value, socklen_t size, int64_t *ret_result)
{
	int number;

	if (level == SOL_SOCKET && (name == SO_RCVBUFFORCE || name == SO_SNDBUFFORCE) && confined && size == sizeof number) {
		memcpy(&number, value, sizeof number);
		*ret_result = priv_buffer(fd, name, number) ? -errno : 0;
		return true;
	}
	if (level != IPPROTO_TCP || name != TCP_REPAIR || !priv_active() || size != sizeof number)
		return false;
	memcpy(&number, value, sizeof number);
	if (number == TCP_REPAIR_ON && is_new(fd)) {
		repair_at_bind = cookie_of(fd);
		*ret_result = 0;
	} else if (number != TCP_REPAIR_ON && is_at_bind(fd)) {
		repair_at_bind = 0;              /* never was on */
		*ret_result = 0;
	} else {
		*ret_result = repair_one((struct priv_item){ .fd = fd, .what = number == TCP_REPAIR_ON ? PRIV_REPAIR_ON : PRIV_REPAIR_OFF,
			.value = number == TCP_REPAIR_ON ? 0 : (int16_t)number });
	}
	return true;
}

/* An IP address and port. */
static bool item_of(const void *address, size_t size, struct priv_item *ret)
{
	struct sockaddr_storage name = { 0 };
	struct tcp_blob_address a;
	uint32_t scope = 0;
	uint8_t family;

	if (!address || size < sizeof(struct sockaddr_in) || size > sizeof name)
		return false;
	memcpy(&name, address, size);
	if ((name.ss_family != AF_INET && (name.ss_family != AF_INET6 || size < sizeof(struct sockaddr_in6))) ||
	    !tcp_blob_from_sockaddr(&name, &a, &family, &scope))
		return false;
	*ret = (struct priv_item){ .family = name.ss_family, .port = a.port, .scope = scope };
	memcpy(ret->address, a.bytes, sizeof ret->address);
	return true;
}

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t size = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) || type == SOCK_STREAM;
}

bool priv_bind(int fd, const void *address, socklen_t size, int64_t *ret_result)
{
	bool repairing = is_at_bind(fd);
	struct priv_item item;

	repair_at_bind = 0;
	if (!confined || !item_of(address, size, &item))
		return false;
	if (repairing) {
		item.fd = fd;
		item.what = PRIV_REPAIR_ON | PRIV_REPAIR_BIND;
		*ret_result = repair_one(item);
		return true;
	}
	*ret_result = priv_may_bind(address, size, is_stream(fd));
	if (*ret_result || item.port == 0 || item.port >= limits.first_unprivileged)
		return *ret_result != 0;
	begin();
	message.items[0] = item;
	*ret_result = end(PRIV_OP_BIND, sizeof item, &fd, 1);
	return true;
}

bool priv_chown(int directory, const char *path, uint32_t uid, uint32_t gid, int flags, int64_t *ret_result)
{
	int fd;

	if (!priv_active() || !path || fchownat(directory, path, uid, gid, flags) == 0 || errno != EPERM)
		return false;                    /* the same once more says the same */
	fd = openat(directory, path, O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0));
	if (fd < 0)
		return false;                    /* the call itself says why */
	begin();
	message.head.first = uid;
	message.head.second = gid;
	*ret_result = end(PRIV_OP_CHOWN, 0, &fd, 1);
	close(fd);
	return *ret_result != -EPERM;            /* no socket's file: as for anybody else */
}

int priv_may_bind(const void *address, size_t size, bool stream)
{
	struct priv_item item;

	if (!confined || !item_of(address, size, &item) || item.port == 0)
		return 0;
	return priv_port_allowed(&limits, item.port, !stream) ? 0 : -EACCES;
}

int priv_may_own(uint32_t uid, uint32_t gid)
{
	return !confined || priv_owner_allowed(&limits, uid, gid) ? 0 : -EACCES;
}

/* ---- packets --------------------------------------------------------------------------------------------------------- */

int priv_fin(int fd, uint32_t seq, uint32_t ack, uint16_t window)
{
	begin();
	message.head.first = seq;
	message.head.second = ack;
	message.head.value = window;
	return end(PRIV_OP_FIN, 0, &fd, 1);
}

int priv_datagram(const struct om_datagram *datagram, const uint8_t *bytes, uint64_t size)
{
	if (size > PRIV_DATAGRAM_MAX)
		return -EMSGSIZE;
	begin();
	message.head.size = (uint32_t)size;
	message.datagram.head = *datagram;
	memcpy(message.datagram.bytes, bytes, size);
	return end(PRIV_OP_DATAGRAM, (uint32_t)(sizeof *datagram + size), NULL, 0);
}

int priv_prepare(void)
{
	begin();
	return end(PRIV_OP_PREPARE, 0, NULL, 0);
}

int priv_hold(const struct om_net_flow *flows, uint32_t count)
{
	int error = 0;

	for (uint32_t done = 0; done < count && !error;) {
		uint32_t some = count - done < PRIV_FLOWS_MAX ? count - done : PRIV_FLOWS_MAX;

		begin();
		message.head.count = some;
		memcpy(message.flows, flows + done, some * sizeof *flows);
		error = end(PRIV_OP_HOLD, some * (uint32_t)sizeof *flows, NULL, 0);
		done += some;
	}
	return error;
}

int priv_lift(bool send)
{
	begin();
	message.head.value = send;
	return end(PRIV_OP_LIFT, 0, NULL, 0);
}

int priv_move(enum priv_move what, const struct net_address *address)
{
	uint32_t i = 0;

	while (i < limits.address_count && memcmp(&limits.addresses[i], address, sizeof *address))
		i++;
	if (i == limits.address_count)
		return -EPERM;
	begin();
	message.head.first = i;
	message.head.value = what;
	return end(PRIV_OP_MOVE, 0, NULL, 0);
}
