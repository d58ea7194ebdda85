/* SPDX-License-Identifier: Apache-2.0 */
/* Hello encoder and decoder: explicit little-endian offsets, nothing is cast. */
#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "bytes.h"
#include "hello.h"
#include "util.h"

enum {
	AT_MAGIC = 0, AT_VERSION = 8, AT_KIND = 12, AT_CONNECTION = 14, AT_CHANNELS = 16, AT_RESERVED = 18, AT_STATUS = 20,
	AT_SESSION = 24, AT_MRENCLAVE = 40, AT_ELRANGE = 72, AT_TOUCHED = 80, AT_PROGRAM = 88, AT_CLOCK = 152,
	AT_RESERVED2 = 168, AT_TEXT = 256,
};
#define TOUCHED_MAX ((1ull << 40) - 1)
_Static_assert(AT_TEXT + OM_HELLO_TEXT == OM_HELLO_SIZE, "the text ends the hello");

static void put16(uint8_t *at, uint16_t v) { v = htole16(v); memcpy(at, &v, sizeof v); }
static void put32(uint8_t *at, uint32_t v) { v = htole32(v); memcpy(at, &v, sizeof v); }
static void put64(uint8_t *at, uint64_t v) { v = htole64(v); memcpy(at, &v, sizeof v); }
static uint16_t get16(const uint8_t *at) { uint16_t v; memcpy(&v, at, sizeof v); return le16toh(v); }
static uint32_t get32(const uint8_t *at) { uint32_t v; memcpy(&v, at, sizeof v); return le32toh(v); }
static uint64_t get64(const uint8_t *at) { uint64_t v; memcpy(&v, at, sizeof v); return le64toh(v); }

void move_hello_encode(const struct move_hello *hello, uint8_t out[OM_HELLO_SIZE])
{
	memset(out, 0, OM_HELLO_SIZE);
	put64(out + AT_MAGIC, OM_HELLO_MAGIC);
	put32(out + AT_VERSION, OM_HELLO_VERSION);
	put16(out + AT_KIND, hello->kind);
	put16(out + AT_CONNECTION, hello->connection);
	put16(out + AT_CHANNELS, hello->channels);
	put32(out + AT_STATUS, (uint32_t)hello->status);
	memcpy(out + AT_SESSION, hello->session, sizeof hello->session);
	memcpy(out + AT_MRENCLAVE, hello->mrenclave, sizeof hello->mrenclave);
	put64(out + AT_ELRANGE, hello->elrange_size);
	put64(out + AT_TOUCHED, (hello->touched_bytes < TOUCHED_MAX ? hello->touched_bytes : TOUCHED_MAX) |
		(uint64_t)(hello->sockets.count < NET_SPARE_MAX ? hello->sockets.count : NET_SPARE_MAX) << 40 |
		(uint64_t)hello->sockets.v6 << 63);
	memcpy(out + AT_PROGRAM, hello->program, strnlen(hello->program, OM_HELLO_NAME - 1));
	memcpy(out + AT_CLOCK, hello->clock, sizeof hello->clock);
	memcpy(out + AT_TEXT, hello->text, strnlen(hello->text, OM_HELLO_TEXT - 1));
}

/* NUL-padded and without control characters: it may end up on a terminal. */
static bool text_ok(const uint8_t *at, size_t size)
{
	size_t length = strnlen((const char *)at, size);

	if (length == size)
		return false;
	for (size_t i = 0; i < length; i++)
		if (at[i] < ' ' || at[i] == 127)
			return false;
	return om_all_zero(at + length, size - length);
}

int move_hello_decode(const uint8_t in[OM_HELLO_SIZE], struct move_hello *ret_hello)
{
	struct move_hello h = { 0 };

	if (get64(in + AT_MAGIC) != OM_HELLO_MAGIC)
		return host_fail(OM_ETYPE, "the peer does not speak OptMig's protocol");
	h.version = get32(in + AT_VERSION);
	if (h.version != OM_HELLO_VERSION)
		return host_fail(OM_EVERSION, "the peer speaks protocol version %u, this side %u", h.version, OM_HELLO_VERSION);
	h.kind = get16(in + AT_KIND);
	h.connection = get16(in + AT_CONNECTION);
	h.channels = get16(in + AT_CHANNELS);
	h.status = (int32_t)get32(in + AT_STATUS);
	if (h.kind != OM_HELLO_NEW && h.kind != OM_HELLO_RESUME)
		return host_fail(OM_EINVAL, "hello of unknown kind %u", h.kind);
	if (h.channels < 1 || h.channels > OM_MIG_CHANNELS_MAX || h.connection >= OM_CONNECTION_PAGES + h.channels)
		return host_fail(OM_EINVAL, "hello for connection %u of %u channels", h.connection, h.channels);
	if (get16(in + AT_RESERVED) != 0 || !om_all_zero(in + AT_RESERVED2, AT_TEXT - AT_RESERVED2))
		return host_fail(OM_EINVAL, "hello with reserved bytes set");
	if (!text_ok(in + AT_PROGRAM, OM_HELLO_NAME) || !text_ok(in + AT_TEXT, OM_HELLO_TEXT))
		return host_fail(OM_EINVAL, "hello with unprintable text");
	memcpy(h.session, in + AT_SESSION, sizeof h.session);
	memcpy(h.mrenclave, in + AT_MRENCLAVE, sizeof h.mrenclave);
	h.elrange_size = get64(in + AT_ELRANGE);
	h.touched_bytes = get64(in + AT_TOUCHED) & TOUCHED_MAX;
	h.sockets = (struct net_spare_hint){ (uint32_t)(get64(in + AT_TOUCHED) >> 40) & NET_SPARE_MAX, get64(in + AT_TOUCHED) >> 63 };
	memcpy(h.program, in + AT_PROGRAM, sizeof h.program);
	memcpy(h.clock, in + AT_CLOCK, sizeof h.clock);
	memcpy(h.text, in + AT_TEXT, sizeof h.text);
	*ret_hello = h;
	return 0;
}

void move_clock_id(uint8_t ret_id[16])
{
	char text[40] = "";
	unsigned at = 0;
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(ret_id, 0, 16);
	if (fd < 0)
		return;
	if (read(fd, text, sizeof text - 1) <= 0)
		text[0] = 0;
	close(fd);
	for (const char *c = text; at < 32 && *c; c++) {
		unsigned digit;

		if (*c == '-' || sscanf((const char[]){ *c, 0 }, "%1x", &digit) != 1)
			continue;
		ret_id[at / 2] = (uint8_t)(ret_id[at / 2] << 4 | digit);
		at++;
	}
}

bool move_clock_same(const uint8_t a[16], const uint8_t b[16])
{
	return !om_all_zero(a, 16) && memcmp(a, b, 16) == 0;
}
