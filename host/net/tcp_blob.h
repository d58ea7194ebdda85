/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The portable form of an established TCP connection, and its encoding. Little-endian, no padding, no trailing bytes:
 *
 *   u32 magic "OMTC"   u16 version   u8 family (4, 6)   u8 state (TCP_*)
 *   u8 flags           u8 tcp options   u8 send window scale   u8 receive window scale
 *   u8[16] local address   u16 port   u8[16] remote address   u16 port   (IPv4: the first 4 bytes, rest zero)
 *   u8[16] name of the interface (link-local IPv6 only, else zero)
 *   u32 first sequence number of the send queue    u32 of the receive queue    u32 MSS    u32 timestamp
 *   u32 snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup
 *   u32 SO_SNDBUF   u32 SO_RCVBUF, as the kernel reports them   u8 which of them are fixed (SO_BUF_LOCK)   u8 zero
 *   u16 pending error   u16 bytes of the list of socket options   u16 zero   the list (net/options.h)
 *   u32 bytes in the receive queue   u32 in the send queue   u32 of these not sent yet
 *   receive queue, send queue
 *
 * A FIN counts neither in the sizes nor in the first sequence numbers; flags tell whether one was sent or received.
 *
 * The timestamp counts milliseconds, or microseconds if a flag says so. Kernels since 6.7 tell by the lowest bit of
 * TCP_TIMESTAMP; in a value of an older one that bit means nothing, so it must not be taken for it.
 *
 * State TCP_CLOSE: a connection that is over, of which the program has not yet seen all. Addresses, windows and sequence
 * numbers are zero then; what counts are the receive queue, the pending error, and the options.
 */
#ifndef OPTMIG_HOST_NET_TCP_BLOB_H
#define OPTMIG_HOST_NET_TCP_BLOB_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_BLOB_MAGIC       0x43544d4fu
#define TCP_BLOB_VERSION     2
#define TCP_BLOB_QUEUE_MAX   (64u << 20)
#define TCP_BLOB_NAME        16

#define TCP_BLOB_FIN_RECEIVED 1u
#define TCP_BLOB_FIN_SENT     2u
#define TCP_BLOB_NONBLOCK     4u
#define TCP_BLOB_MICROSECONDS 8u     /* unit of the timestamp */
#define TCP_BLOB_ELSEWHERE    16u    /* the host had lost the local address: the connection stands without it */
#define TCP_BLOB_REFUSED      32u    /* TCP_CLOSE: never was connected, the attempt failed */
#define TCP_BLOB_FIN_WAITS    64u    /* with FIN_SENT: it has not gone out yet, for want of room in the window or before it */
#define TCP_BLOB_FLAGS_KNOWN  127u

#define TCP_BLOB_OPT_TIMESTAMPS 1u   /* as TCPI_OPT_* */
#define TCP_BLOB_OPT_SACK       2u
#define TCP_BLOB_OPT_WSCALE     4u
#define TCP_BLOB_OPT_KNOWN      7u

struct tcp_blob_address { uint8_t bytes[16]; uint16_t port; };

struct tcp_blob {
	uint8_t family, state, flags, options, send_scale, receive_scale;
	struct tcp_blob_address local, remote;
	char interface[TCP_BLOB_NAME];          /* NUL-terminated or empty */
	uint32_t send_seq, receive_seq, mss, timestamp;
	uint32_t snd_wl1, snd_wnd, max_window, rcv_wnd, rcv_wup;
	uint32_t send_buffer, receive_buffer;
	uint8_t buffer_locks;
	uint16_t error, option_size;
	const uint8_t *option_list;             /* decoding: points into the blob */
	uint32_t receive_size, send_size, unsent_size;
	/* Encoding: filled in by the caller afterwards, see tcp_blob_encode. Decoding: point into the blob. */
	uint8_t *receive_queue, *send_queue;
};

/* Writes everything but the queues' bytes and sets the two pointers to their places.
 * Return: size of the whole blob, or 0 if it does not fit. */
size_t tcp_blob_encode(struct tcp_blob *b, uint8_t *out, size_t capacity);

/* Trust: `in` is hostile. Return: 0, or OM_E* with *b undefined. */
__attribute__((warn_unused_result))
int tcp_blob_decode(struct tcp_blob *b, const uint8_t *in, size_t size);

/* Between kernel addresses and the blob's. @scope: interface index of a link-local address, else 0. */
bool tcp_blob_from_sockaddr(const struct sockaddr_storage *from, struct tcp_blob_address *to, uint8_t *ret_family, uint32_t *ret_scope);
/* @family: 4, else 6. @to: zeros behind what is written. Return: bytes of the address, as bind(2) takes it. */
socklen_t tcp_blob_to_sockaddr(uint8_t family, const struct tcp_blob_address *from, uint32_t scope, struct sockaddr_storage *to);

#endif
