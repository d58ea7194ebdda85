/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hold: three sets of local endpoints in a table of our own, filled in one transaction, and a capture beside them.
 *
 *   hold      open the capture, then fill the sets: a packet that passes between the two is delivered and caught;
 *             TCP takes it for an old duplicate when it comes again
 *   release   let restored connections go on, send what was caught (with a mark that passes the rules), empty the sets,
 *             send what came meanwhile
 *
 * Outgoing traffic flows: what a restored connection sends at once must not wait. Only resets are stopped, and what the kernel
 * would repeat for connections that have been dumped (tcp_dump.c).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <nftables/libnftables.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>
#include "capture.h"
#include "hold.h"
#include "netfilter.h"
#include "packet.h"
#include "priv/priv.h"
#include "spare.h"
#include "tcp.h"
#include "util.h"

#define ELEMENT_TEXT 96u
#define CAPTURES_MAX 32u                  /* one for each call of host_net_hold */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct nft_ctx *nft;               /* its socket owns the table */
static char table[32];                    /* empty: not made */
static struct net_endpoint *endpoints;    /* sorted, all different; NULL: no hold */
static uint32_t endpoint_count;
static int captures[CAPTURES_MAX];
static uint32_t capture_count;
static struct datagram *datagrams, **datagrams_end = &datagrams;

struct datagram {
	struct datagram *next;
	struct om_datagram head;
	uint64_t size;
	uint8_t bytes[];
};

static int run_nft(const char *command)
{
	const char *words;

	if (nft_run_cmd_from_buffer(nft, command) == 0)
		return 0;
	words = nft_ctx_get_error_buffer(nft);
	host_detail("nftables: %s", words ? words : "failed");
	return words && strstr(words, "not permitted") ? -EPERM : -EIO;
}

static const char rules[] =
	"table inet %s {\n"
	"flags owner;\n"
	"set v4 { type inet_proto . ipv4_addr . inet_service; }\n"
	"set v6 { type inet_proto . ipv6_addr . inet_service; }\n"
	"set any { type inet_proto . inet_service; }\n"
	"chain in { type filter hook input priority raw; policy accept;\n"
	"meta mark 0x%x accept\n"
	"meta l4proto . ip daddr . th dport @v4 drop\n"
	"meta l4proto . ip6 daddr . th dport @v6 drop\n"
	"meta l4proto . th dport @any drop\n"
	"}\n"
	"chain out { type filter hook output priority raw; policy accept;\n"
	"meta mark 0x%x drop\n"
	"tcp flags & rst == rst meta l4proto . ip saddr . th sport @v4 drop\n"
	"tcp flags & rst == rst meta l4proto . ip6 saddr . th sport @v6 drop\n"
	"tcp flags & rst == rst meta l4proto . th sport @any drop\n"
	"}\n"
	"}\n";

/*
 * libnftables waits for its netlink socket with select(2), which ends the process at a descriptor of FD_SETSIZE and
 * above. A server with many connections has none below left.
 */
static bool low_descriptor_left(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	/* Another thread may take a few between this look and the library's. */
	return fd >= 0 && fd < FD_SETSIZE - 64;
}

/* The program may have a thousand connections before the library has its socket: it finds these free. Under the lock. */
#define LOW_COUNT 128u
static int low[LOW_COUNT];
static unsigned low_count;

static void keep_low_descriptors(void)
{
	struct rlimit limit;

	/* Few are the program's to miss. */
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < 8u * LOW_COUNT)
		return;
	low[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	low_count = low[0] >= 0;
	while (low_count && low_count < LOW_COUNT && (low[low_count] = fcntl(low[0], F_DUPFD_CLOEXEC, 0)) >= 0)
		low_count++;
}

static void give_low_descriptors(void)
{
	while (low_count > 0)
		close(low[--low_count]);
}

/* Under the lock. */
static int make_context(void)
{
	int error;

	if (nft)
		return 0;
	give_low_descriptors();
	error = net_netfilter_socket(); /* where there is none, the library ends the process */
	if (error)
		return error;
	if (!low_descriptor_left()) {
		host_detail("nftables: no descriptor below %d is left", FD_SETSIZE);
		return -EMFILE;
	}
	nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!nft)
		return -ENOMEM;
	nft_ctx_buffer_output(nft);
	nft_ctx_buffer_error(nft);
	return 0;
}

/* Under the lock. */
static int prepare(void)
{
	char command[sizeof rules + 64];
	const char *why;
	int error;

	if (table[0])
		return 0;
	error = net_netfilter_answers(&why);
	if (error)
		host_detail("nftables: %s", why);
	else
		error = make_context();
	if (error)
		return error;
	snprintf(table, sizeof table, "optmig_%d", (int)getpid());
	snprintf(command, sizeof command, rules, table, HOST_NET_MARK, HOST_NET_SILENT);
	error = run_nft(command);
	if (error)
		table[0] = 0;
	return error;
}

void host_net_begin_here(void)
{
	pthread_mutex_lock(&lock);
	(void)make_context(); /* or prepare says why not */
	pthread_mutex_unlock(&lock);
}

static void *begin(void *unused)
{
	(void)unused;
	host_net_begin_here();
	return NULL;
}

void host_net_begin(void)
{
	pthread_t thread;

	pthread_mutex_lock(&lock);
	keep_low_descriptors();
	pthread_mutex_unlock(&lock);
	if (pthread_create(&thread, NULL, begin, NULL) == 0)
		pthread_detach(thread);
}

int64_t host_net_prepare(void)
{
	int error;

	if (priv_active())
		return priv_prepare();
	(void)host_tcp_stamps_tell(); /* to know it when there is no time */
	pthread_mutex_lock(&lock);
	error = prepare();
	pthread_mutex_unlock(&lock);
	return error;
}

static bool endpoint_of(const struct om_net_flow *flow, struct net_endpoint *e)
{
	static const uint8_t zero[16], mapped[12] = { [10] = 0xff, [11] = 0xff };

	memset(e, 0, sizeof *e);
	if (flow->protocol > 255 || flow->local_port == 0)
		return false;
	e->protocol = (uint8_t)flow->protocol;
	e->port = flow->local_port;
	if (flow->family == AF_INET) {
		e->version = 4;
		memcpy(e->address, flow->local_addr, 4);
	} else if (flow->family == AF_INET6 && memcmp(flow->local_addr, mapped, sizeof mapped) == 0) {
		e->version = 4;
		memcpy(e->address, flow->local_addr + 12, 4);
	} else if (flow->family == AF_INET6) {
		e->version = 6;
		memcpy(e->address, flow->local_addr, 16);
	} else {
		return false;
	}
	if (memcmp(e->address, zero, sizeof zero) == 0)
		e->version = 0;
	return true;
}

/* Sorts and drops repetitions. Return: how many are left. */
static uint32_t unique(struct net_endpoint *list, uint32_t count)
{
	uint32_t kept = 0;

	qsort(list, count, sizeof *list, net_endpoint_compare);
	for (uint32_t i = 0; i < count; i++)
		if (kept == 0 || net_endpoint_compare(&list[kept - 1], &list[i]) != 0)
			list[kept++] = list[i];
	return kept;
}

static struct net_endpoint *endpoints_of(const struct om_net_flow *flows, uint32_t count, uint32_t *ret_count)
{
	struct net_endpoint *list = calloc((size_t)count + 1, sizeof *list);
	uint32_t n = 0;

	if (!list)
		return NULL;
	for (uint32_t i = 0; i < count; i++)
		if (endpoint_of(&flows[i], &list[n]))
			n++;
	*ret_count = unique(list, n);
	return list;
}

static size_t element_text(char *to, const struct net_endpoint *e)
{
	char address[INET6_ADDRSTRLEN];

	if (e->version == 0)
		return (size_t)snprintf(to, ELEMENT_TEXT, "%u . %u, ", e->protocol, e->port);
	inet_ntop(e->version == 4 ? AF_INET : AF_INET6, e->address, address, sizeof address);
	return (size_t)snprintf(to, ELEMENT_TEXT, "%u . %s . %u, ", e->protocol, address, e->port);
}

/* Adding what is there already is no error. */
static int fill_sets(const struct net_endpoint *list, uint32_t count)
{
	static const struct { uint8_t version; const char *set; } sets[] = { { 4, "v4" }, { 6, "v6" }, { 0, "any" } };
	char *command = malloc(3 * 64 + (size_t)count * ELEMENT_TEXT + 1), *at = command;
	int error;

	if (!command)
		return -ENOMEM;
	for (unsigned s = 0; s < 3; s++) {
		bool begun = false;

		for (uint32_t i = 0; i < count; i++) {
			if (list[i].version != sets[s].version)
				continue;
			if (!begun)
				at += snprintf(at, 64, "add element inet %s %s { ", table, sets[s].set);
			begun = true;
			at += element_text(at, &list[i]);
		}
		if (begun)
			at += snprintf(at, 4, "}\n");
	}
	*at = 0;
	error = run_nft(command);
	free(command);
	return error;
}

static int empty_sets(void)
{
	char command[192];

	snprintf(command, sizeof command, "flush set inet %s v4\nflush set inet %s v6\nflush set inet %s any\n", table, table, table);
	return run_nft(command);
}

static uint32_t replay(void)
{
	uint32_t sent = 0;

	for (uint32_t i = 0; i < capture_count; i++)
		sent += net_capture_replay(captures[i], endpoints, endpoint_count);
	return sent;
}

/* ---- datagrams that waited in a queue ------------------------------------------------------------------------------ */

int64_t host_net_datagram(const struct om_datagram *datagram, const uint8_t *bytes, uint64_t size)
{
	struct datagram *d;

	if ((datagram->family != AF_INET && datagram->family != AF_INET6) || size > 65535)
		return -EINVAL;
	d = malloc(sizeof *d + size);
	if (!d)
		return -ENOMEM;
	*d = (struct datagram){ .head = *datagram, .size = size };
	memcpy(d->bytes, bytes, size);
	pthread_mutex_lock(&lock);
	*datagrams_end = d;
	datagrams_end = &d->next;
	pthread_mutex_unlock(&lock);
	return 0;
}

/* An IPv6 socket may have them from IPv4. */
int host_net_send_datagram(const struct om_datagram *head, const uint8_t *bytes, uint64_t size)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct tcp_blob_address local = { .port = head->local_port }, remote = { .port = head->remote_port };
	bool four = head->family == AF_INET || memcmp(head->remote_addr, mapped, sizeof mapped) == 0;
	size_t skip = four && head->family == AF_INET6 ? 12 : 0, length = four ? 4 : 16;

	if (priv_active())
		return priv_datagram(head, bytes, size);
	memcpy(local.bytes, head->local_addr + skip, length);
	memcpy(remote.bytes, head->remote_addr + skip, length);
	return host_packet_send_datagram(four ? 4 : 6, &remote, &local, head->ttl, head->tos, bytes, size);
}

/* Under the lock. */
static void take_datagrams(bool send)
{
	while (datagrams) {
		struct datagram *d = datagrams;
		int error = send ? host_net_send_datagram(&d->head, d->bytes, d->size) : 0;

		if (error)
			host_error("a datagram that had been received is lost: %s", strerror(-error));
		datagrams = d->next;
		free(d);
	}
	datagrams_end = &datagrams;
}

/* ---- */

static void *close_captures(void *list)
{
	for (int *fd = list; *fd >= 0; fd++)
		close(*fd);
	free(list);
	return NULL;
}

/* Closing a packet socket waits for every CPU, 5 to 20 ms: not for the connections to wait for. */
static void discard_captures(void)
{
	int *list = malloc((capture_count + 1) * sizeof *list);
	pthread_t thread;

	if (!list)
		return;
	memcpy(list, captures, capture_count * sizeof *list);
	list[capture_count] = -1;
	capture_count = 0;
	if (pthread_create(&thread, NULL, close_captures, list))
		close_captures(list);
	else
		pthread_detach(thread);
}

static void forget(void)
{
	discard_captures();
	free(endpoints);
	endpoints = NULL;
	endpoint_count = 0;
}

/* Takes over what `list` holds. */
static int remember(const struct net_endpoint *list, uint32_t count, int capture)
{
	struct net_endpoint *all = realloc(endpoints, ((size_t)endpoint_count + count) * sizeof *all);

	if (!all)
		return -ENOMEM;
	memcpy(all + endpoint_count, list, count * sizeof *all);
	endpoint_count = unique(all, endpoint_count + count);
	endpoints = all;
	if (capture >= 0)
		captures[capture_count++] = capture;
	return 0;
}

/* Under the lock. */
static int hold(const struct net_endpoint *list, uint32_t count)
{
	int capture, error = prepare();

	if (error || count == 0)
		return error;
	if (capture_count == CAPTURES_MAX)
		return -ENOSPC;
	capture = net_capture_open(list, count);
	if (capture < 0)
		host_detail("held packets will be dropped, not sent on: %s", strerror(-capture));
	error = fill_sets(list, count);
	if (!error)
		error = remember(list, count, capture);
	if (error && capture >= 0)
		close(capture);
	return error;
}

int64_t host_net_hold(const struct om_net_flow *flows, uint32_t count)
{
	struct net_endpoint *list;
	uint32_t n = 0;
	int error;

	if (priv_active())
		return priv_hold(flows, count);
	list = endpoints_of(flows, count, &n);
	if (!list)
		return -ENOMEM;
	pthread_mutex_lock(&lock);
	error = hold(list, n);
	pthread_mutex_unlock(&lock);
	free(list);
	return error;
}

static int64_t lift(bool send)
{
	uint32_t sent;
	int error = 0;

	pthread_mutex_lock(&lock);
	take_datagrams(send);
	if (priv_active()) {
		error = priv_lift(send);
	} else if (endpoints) {
		sent = replay();
		error = empty_sets();
		sent += replay();
		host_detail("%u held packets sent on", sent);
		forget();
	}
	pthread_mutex_unlock(&lock);
	return error;
}

void host_net_arrive(void)
{
	pthread_mutex_lock(&lock);
	take_datagrams(true);
	pthread_mutex_unlock(&lock);
}

int64_t host_net_release(void)
{
	int resumed = host_tcp_resume_all();
	int64_t lifted = lift(true);

	net_spare_drop();
	return resumed ? resumed : lifted;
}

int64_t host_net_abandon(void)
{
	host_tcp_forget_all();
	net_spare_drop();
	return lift(false);
}

void host_net_close(void)
{
	pthread_mutex_lock(&lock);
	if (nft)
		nft_ctx_free(nft);
	nft = NULL;
	table[0] = 0;
	pthread_mutex_unlock(&lock);
}
