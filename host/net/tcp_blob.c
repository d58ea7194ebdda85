/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding and strict decoding of a dumped connection; no system call is made here, so that it can be fuzzed. */
#include <netinet/tcp.h>
#include <string.h>
#include "cursor.h"
#include "options.h"
#include "tcp_blob.h"

static void put_address(struct om_put *c, const struct tcp_blob_address *a)
{
	om_put_bytes(c, a->bytes, sizeof a->bytes);
	om_put_u16(c, a->port);
}

static void get_address(struct om_get *c, struct tcp_blob_address *a)
{
	om_get_bytes(c, a->bytes, sizeof a->bytes);
	a->port = om_get_u16(c);
}

size_t tcp_blob_encode(struct tcp_blob *b, uint8_t *out, size_t capacity)
{
	struct om_put c;

	om_put_init(&c, out, capacity);
	om_put_u32(&c, TCP_BLOB_MAGIC);
	om_put_u16(&c, TCP_BLOB_VERSION);
	om_put_u8(&c, b->family);
	om_put_u8(&c, b->state);
	om_put_u8(&c, b->flags);
	om_put_u8(&c, b->options);
	om_put_u8(&c, b->send_scale);
	om_put_u8(&c, b->receive_scale);
	put_address(&c, &b->local);
	put_address(&c, &b->remote);
	om_put_bytes(&c, b->interface, sizeof b->interface);
	om_put_u32(&c, b->send_seq);
	om_put_u32(&c, b->receive_seq);
	om_put_u32(&c, b->mss);
	om_put_u32(&c, b->timestamp);
	om_put_u32(&c, b->snd_wl1);
	om_put_u32(&c, b->snd_wnd);
	om_put_u32(&c, b->max_window);
	om_put_u32(&c, b->rcv_wnd);
	om_put_u32(&c, b->rcv_wup);
	om_put_u32(&c, b->send_buffer);
	om_put_u32(&c, b->receive_buffer);
	om_put_u8(&c, b->buffer_locks);
	om_put_u8(&c, 0);
	om_put_u16(&c, b->error);
	om_put_u16(&c, b->option_size);
	om_put_u16(&c, 0);
	om_put_bytes(&c, b->option_list, b->option_size);
	om_put_u32(&c, b->receive_size);
	om_put_u32(&c, b->send_size);
	om_put_u32(&c, b->unsent_size);
	b->receive_queue = om_put_room(&c, b->receive_size);
	b->send_queue = om_put_room(&c, b->send_size);
	return om_put_end(&c) ? 0 : om_put_size(&c);
}

static bool name_ok(const char name[TCP_BLOB_NAME])
{
	size_t length = strnlen(name, TCP_BLOB_NAME);

	for (size_t i = length; i < TCP_BLOB_NAME; i++)
		if (name[i])
			return false;
	for (size_t i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/')
			return false;
	return length < TCP_BLOB_NAME;
}

static bool state_ok(uint8_t state, uint8_t flags)
{
	unsigned fins = flags & (TCP_BLOB_FIN_RECEIVED | TCP_BLOB_FIN_SENT);

	if (flags & TCP_BLOB_FIN_WAITS && (!(flags & TCP_BLOB_FIN_SENT) || state == TCP_FIN_WAIT2))
		return false;
	switch (state) {
	case TCP_ESTABLISHED: return fins == 0;
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:   return fins == TCP_BLOB_FIN_SENT;
	case TCP_CLOSE_WAIT:  return fins == TCP_BLOB_FIN_RECEIVED;
	case TCP_LAST_ACK:
	case TCP_CLOSING:     return fins == (TCP_BLOB_FIN_RECEIVED | TCP_BLOB_FIN_SENT);
	case TCP_CLOSE:       return fins == 0;
	default:              return false;
	}
}

static bool address_ok(uint8_t family, const struct tcp_blob_address *a)
{
	static const uint8_t zero[12];

	return a->port != 0 && (family == 6 || memcmp(a->bytes + 4, zero, sizeof zero) == 0);
}

static bool alive_ok(const struct tcp_blob *b)
{
	return address_ok(b->family, &b->local) && address_ok(b->family, &b->remote) && b->mss >= 64 && b->mss <= 65535 &&
		b->max_window >= b->snd_wnd && !(b->flags & TCP_BLOB_REFUSED) && b->error == 0;
}

static bool fields_ok(const struct tcp_blob *b)
{
	return (b->family == 4 || b->family == 6) && !(b->flags & ~TCP_BLOB_FLAGS_KNOWN) && !(b->options & ~TCP_BLOB_OPT_KNOWN) &&
		b->send_scale <= 14 && b->receive_scale <= 14 && state_ok(b->state, b->flags) && name_ok(b->interface) &&
		b->buffer_locks <= 3 && b->send_buffer <= INT32_MAX && b->receive_buffer <= INT32_MAX &&
		b->error < 4096 && (b->state == TCP_CLOSE || alive_ok(b));
}

static void get_queues(struct om_get *c, struct tcp_blob *b)
{
	b->receive_size = om_get_u32(c);
	b->send_size = om_get_u32(c);
	b->unsent_size = om_get_u32(c);
	if (b->receive_size > TCP_BLOB_QUEUE_MAX || b->send_size > TCP_BLOB_QUEUE_MAX || b->unsent_size > b->send_size) {
		om_get_fail(c, OM_EINVAL);
		return;
	}
	b->receive_queue = (uint8_t *)om_get_view(c, b->receive_size);
	b->send_queue = (uint8_t *)om_get_view(c, b->send_size);
}

int tcp_blob_decode(struct tcp_blob *b, const uint8_t *in, size_t size)
{
	struct om_get c;

	memset(b, 0, sizeof *b);
	om_get_init(&c, in, size);
	if (om_get_u32(&c) != TCP_BLOB_MAGIC)
		return OM_ETYPE;
	if (om_get_u16(&c) != TCP_BLOB_VERSION)
		return OM_EVERSION;
	b->family = om_get_u8(&c);
	b->state = om_get_u8(&c);
	b->flags = om_get_u8(&c);
	b->options = om_get_u8(&c);
	b->send_scale = om_get_u8(&c);
	b->receive_scale = om_get_u8(&c);
	get_address(&c, &b->local);
	get_address(&c, &b->remote);
	om_get_bytes(&c, b->interface, sizeof b->interface);
	b->send_seq = om_get_u32(&c);
	b->receive_seq = om_get_u32(&c);
	b->mss = om_get_u32(&c);
	b->timestamp = om_get_u32(&c);
	b->snd_wl1 = om_get_u32(&c);
	b->snd_wnd = om_get_u32(&c);
	b->max_window = om_get_u32(&c);
	b->rcv_wnd = om_get_u32(&c);
	b->rcv_wup = om_get_u32(&c);
	b->send_buffer = om_get_u32(&c);
	b->receive_buffer = om_get_u32(&c);
	b->buffer_locks = om_get_u8(&c);
	om_get_zeros(&c, 1);
	b->error = om_get_u16(&c);
	b->option_size = om_get_u16(&c);
	om_get_zeros(&c, 2);
	if (!fields_ok(b))
		return OM_EINVAL;
	b->option_list = om_get_view(&c, b->option_size);
	if (!b->option_list || !net_options_valid(b->option_list, b->option_size))
		return OM_EINVAL;
	get_queues(&c, b);
	if (b->state == TCP_CLOSE && b->send_size)
		return OM_EINVAL;
	return om_get_end(&c);
}

bool tcp_blob_from_sockaddr(const struct sockaddr_storage *from, struct tcp_blob_address *to, uint8_t *ret_family, uint32_t *ret_scope)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)from;

	memset(to, 0, sizeof *to);
	*ret_scope = 0;
	if (from->ss_family == AF_INET) {
		memcpy(to->bytes, &v4->sin_addr, 4);
		to->port = ntohs(v4->sin_port);
		*ret_family = 4;
		return true;
	}
	if (from->ss_family != AF_INET6)
		return false;
	memcpy(to->bytes, &v6->sin6_addr, 16);
	to->port = ntohs(v6->sin6_port);
	*ret_family = 6;
	if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
		*ret_scope = v6->sin6_scope_id;
	return true;
}

socklen_t tcp_blob_to_sockaddr(uint8_t family, const struct tcp_blob_address *from, uint32_t scope, struct sockaddr_storage *to)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)to;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)to;

	memset(to, 0, sizeof *to);
	if (family == 4) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(from->port);
		memcpy(&v4->sin_addr, from->bytes, 4);
		return sizeof *v4;
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = htons(from->port);
	memcpy(&v6->sin6_addr, from->bytes, 16);
	v6->sin6_scope_id = scope;
	return sizeof *v6;
}
