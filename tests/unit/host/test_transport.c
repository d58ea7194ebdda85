/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's transport without an enclave: hellos, numbers with units, the token bucket, frames on sockets, JSON lines,
 * and the matching of urgent replies to waiting threads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <endian.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "control/channel.h"
#include "move/internal.h"
#include "move/report.h"
#include "move/units.h"

/* What the tested files want of the rest. */
static unsigned losses;
void move_lose(struct host_move *move, int error, bool eof)
{
	(void)move;
	(void)error;
	(void)eof;
	losses++;
}

/* ---- hello -------------------------------------------------------------------------------------------------------- */

static struct move_hello good_hello(void)
{
	struct move_hello h = { .kind = OM_HELLO_NEW, .connection = 3, .channels = 2, .status = OM_EEXISTS,
		.elrange_size = 1ull << 36, .touched_bytes = 12345678901, .sockets = { 10000, true }, .program = "redis-server", .text = "/usr/bin/redis-server" };

	for (unsigned i = 0; i < sizeof h.session; i++)
		h.session[i] = (uint8_t)(i + 1);
	memset(h.mrenclave, 0xab, sizeof h.mrenclave);
	memset(h.clock, 7, sizeof h.clock);
	return h;
}

static void test_hello_round_trip(void **state)
{
	struct move_hello in = good_hello(), out;
	uint8_t bytes[OM_HELLO_SIZE];

	(void)state;
	move_hello_encode(&in, bytes);
	assert_int_equal(move_hello_decode(bytes, &out), 0);
	in.version = OM_HELLO_VERSION;
	assert_memory_equal(&in, &out, sizeof in);
}

static void refuse(unsigned at, uint8_t value, int error)
{
	struct move_hello in = good_hello(), out = { .kind = 77 };
	uint8_t bytes[OM_HELLO_SIZE];

	move_hello_encode(&in, bytes);
	bytes[at] = value;
	assert_int_equal(move_hello_decode(bytes, &out), error);
	assert_int_equal(out.kind, 77);
}

static void test_hello_refusals(void **state)
{
	(void)state;
	refuse(0, 0, OM_ETYPE);
	refuse(8, 99, OM_EVERSION);
	refuse(12, 9, OM_EINVAL);
	refuse(14, 4, OM_EINVAL);       /* connections 0 .. 3 exist */
	refuse(16, 0, OM_EINVAL);
	refuse(16, OM_MIG_CHANNELS_MAX + 1, OM_EINVAL);
	refuse(18, 1, OM_EINVAL);
	refuse(88, '\n', OM_EINVAL);
	refuse(88 + 63, 'x', OM_EINVAL);
	refuse(168, 1, OM_EINVAL);
	refuse(255, 1, OM_EINVAL);
	refuse(256, 27, OM_EINVAL);
	refuse(1023, 'x', OM_EINVAL);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

static void test_units(void **state)
{
	static const struct { const char *text; uint64_t ns; } times[] = { { "10ms", 10000000 }, { "10", 10000000 }, { "1.5s", 1500000000 },
		{ "250us", 250000 }, { "7ns", 7 }, { "2min", 120000000000 }, { "0", 0 } };
	static const struct { const char *text; uint64_t bytes; } rates[] = { { "1G", 1 << 30 }, { "500m", 500 << 20 }, { "off", 0 },
		{ "10Gbit", 1250000000 }, { "123", 123 }, { "64kB/s", 65536 } };
	static const char *const bad[] = { "", "ms", "-1", "1x", "1 ms", "ten", "1e999", "99999999999999999999", "nan", "0x10ms", "+5" };
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		assert_int_equal(move_parse_duration(times[i].text, &value), 0);
		assert_int_equal(value, times[i].ns);
	}
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		assert_int_equal(move_parse_rate(rates[i].text, &value), 0);
		assert_int_equal(value, rates[i].bytes);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(move_parse_duration(bad[i], &value), OM_EINVAL);
		assert_int_equal(move_parse_rate(bad[i], &value), OM_EINVAL);
	}
}

static void test_addresses(void **state)
{
	static const struct { const char *text, *host, *port; } good[] = { { "a:1", "a", "1" }, { "a", "a", "7777" },
		{ "1.2.3.4:5", "1.2.3.4", "5" }, { "[::1]:5", "::1", "5" }, { "::1", "::1", "7777" }, { "[::1]", "::1", "7777" }, { "*:0", "*", "0" } };
	static const char *const bad[] = { "7777", "7777:7777", "a:", "[::1", "[::1]x", "[::1]:" };
	struct move_endpoint address;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(move_endpoint_parse(good[i].text, &address), 0);
		assert_string_equal(address.host, good[i].host);
		assert_string_equal(address.port, good[i].port);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(move_endpoint_parse(bad[i], &address), OM_EINVAL);
}

static void test_bucket(void **state)
{
	struct move_bucket bucket;
	uint64_t now = 1000000000, sent = 0, begin = now;

	(void)state;
	move_bucket_init(&bucket, 0);
	assert_int_equal(move_bucket_take(&bucket, 1 << 30, now), 0);
	move_bucket_set_rate(&bucket, 100 << 20);
	while (sent < 50u << 20) {
		now += 1000 + move_bucket_take(&bucket, 256 << 10, now);
		sent += 256 << 10;
	}
	/* 50 MiB at 100 MiB/s: half a second, but for the burst. */
	assert_in_range(now - begin, 470000000, 510000000);
	move_bucket_done(&bucket);
}

static void test_niceness(void **state)
{
	struct move_niceness n = { .may_return = true };

	(void)state;
	assert_int_equal(move_niceness_want(&n, false), MOVE_NICE_PAGES);
	assert_int_equal(move_niceness_want(&n, true), MOVE_NICE_POSTCOPY);
	/* A tenth of a second of work with a tenth of the processor. */
	move_niceness_note(&n, 99000000, 9900000);
	assert_int_equal(move_niceness_want(&n, true), MOVE_NICE_POSTCOPY);
	move_niceness_note(&n, 1000000, 100000);
	assert_int_equal(move_niceness_want(&n, true), MOVE_NICE_STARVED);
	/* With two thirds it stays as it is: it has them because it is less nice. */
	move_niceness_note(&n, 120000000, 80000000);
	assert_int_equal(move_niceness_want(&n, true), MOVE_NICE_STARVED);
	move_niceness_note(&n, 120000000, 100000000);
	assert_int_equal(move_niceness_want(&n, true), MOVE_NICE_POSTCOPY);
	/* A third is enough for one that is nice. */
	move_niceness_note(&n, 120000000, 40000000);
	assert_int_equal(move_niceness_want(&n, true), MOVE_NICE_POSTCOPY);
	/* Whoever cannot come back does not go there. */
	n.may_return = false;
	assert_int_equal(move_niceness_want(&n, true), MOVE_NICE_STARVED);
}

static void test_label(void **state)
{
	char text[8192] = "";
	FILE *to = fmemopen(text, sizeof text, "w");
	json_t *report = json_pack("{ss ss}", "role", "source", "mode", "auto");

	(void)state;
	assert_non_null(to);
	assert_non_null(report);
	move_report_prometheus(report, "a\"b\\c\nd", "7", to);
	assert_int_equal(fclose(to), 0);
	assert_non_null(strstr(text, "{program=\"a\\\"b\\\\c\\nd\",pid=\"7\","));
	json_decref(report);
}

/* ---- frames ------------------------------------------------------------------------------------------------------- */

static size_t make_frame(uint8_t *frame, uint32_t length, uint64_t sequence, uint32_t epoch)
{
	memset(frame, 0, OM_FRAME_HEADER);
	frame[0] = OM_WIRE_VERSION;
	length = htole32(length);
	sequence = htole64(sequence);
	epoch = htole32(epoch);
	memcpy(frame + OM_FRAME_OFFSET_LENGTH, &length, 4);
	memcpy(frame + OM_FRAME_OFFSET_SEQUENCE, &sequence, 8);
	memcpy(frame + OM_FRAME_OFFSET_EPOCH, &epoch, 4);
	memset(frame + OM_FRAME_HEADER, (int)(le64toh(sequence) & 255), le32toh(length));
	return OM_FRAME_HEADER + le32toh(length);
}

static void test_frames(void **state)
{
	static uint8_t frame[OM_FRAME_MAX + 1], got[OM_FRAME_MAX];
	size_t size;
	uint32_t n;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(move_receive_frame(fd[1], got, false, &n), OM_ETIMEDOUT);
	size = make_frame(frame, 1000, 5, 0);
	assert_int_equal(move_send(fd[0], frame, size), 0);
	assert_int_equal(move_receive_frame(fd[1], got, false, &n), 0);
	assert_int_equal(n, size);
	assert_memory_equal(frame, got, size);
	size = make_frame(frame, OM_FRAME_PAYLOAD_MAX, 6, 0);
	frame[OM_FRAME_OFFSET_LENGTH]++;
	assert_int_equal(move_send(fd[0], frame, OM_FRAME_HEADER), 0);
	assert_int_equal(move_receive_frame(fd[1], got, true, &n), OM_ETYPE);
	size = make_frame(frame, 100, 7, 0);
	assert_int_equal(move_send(fd[0], frame, size - 1), 0);
	shutdown(fd[0], SHUT_WR);
	assert_int_equal(move_receive_frame(fd[1], got, true, &n), OM_ETRUNCATED);
	assert_int_equal(move_receive_frame(fd[1], got, true, &n), 0);
	assert_int_equal(n, 0);
	close(fd[0]);
	close(fd[1]);
}

/* ---- urgent ------------------------------------------------------------------------------------------------------- */

#define ASKERS 8
#define ASKS   500

static struct host_move host;

static void *ask(void *argument)
{
	uint64_t base = (uintptr_t)argument * 1000000;
	uint8_t data[4096];

	for (uint64_t i = 1; i <= ASKS; i++) {
		size_t size = make_frame(data, 16, base + i, 3);
		int64_t got = move_urgent_page(&host, data, size, sizeof data);

		if (got != (int64_t)(OM_FRAME_HEADER + 100 + i % 50) || data[OM_FRAME_HEADER] != (uint8_t)((base + i) & 255))
			return (void *)1;
	}
	return NULL;
}

/* Answers in an order of its own, with frames nobody asked for in between. */
static void *answer(void *argument)
{
	int fd = *(int *)argument;
	uint64_t waiting[ASKERS];
	unsigned count = 0, done = 0;
	uint8_t frame[OM_FRAME_MAX];

	while (done < ASKERS * ASKS) {
		uint64_t sequence;
		uint32_t n;

		while (count < ASKERS && move_receive_frame(fd, frame, count == 0, &n) == 0) {
			memcpy(&sequence, frame + OM_FRAME_OFFSET_SEQUENCE, 8);
			waiting[count++] = le64toh(sequence);
		}
		sequence = waiting[--count];
		if (done++ % 7 == 0 && move_send(fd, frame, make_frame(frame, 10, sequence, 2)))
			return (void *)1;
		if (move_send(fd, frame, make_frame(frame, (uint32_t)(100 + sequence % 1000000 % 50), sequence, 3)))
			return (void *)1;
	}
	return NULL;
}

static void test_urgent(void **state)
{
	pthread_t askers[ASKERS], answerer;
	void *bad;
	int fd[2];

	(void)state;
	assert_int_equal(move_urgent_init(&host.urgent), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	move_urgent_up(&host.urgent, fd[0]);
	pthread_create(&answerer, NULL, answer, &fd[1]);
	for (uintptr_t i = 0; i < ASKERS; i++)
		pthread_create(&askers[i], NULL, ask, (void *)(i + 1));
	for (unsigned i = 0; i < ASKERS; i++) {
		pthread_join(askers[i], &bad);
		assert_null(bad);
	}
	pthread_join(answerer, &bad);
	assert_null(bad);
	assert_int_equal(losses, 0);
	move_urgent_down(&host.urgent, false);
	close(fd[0]);
	close(fd[1]);
}

static void *ask_once(void *argument)
{
	uint8_t data[4096];
	size_t size = make_frame(data, 16, (uintptr_t)argument, 0);

	return (void *)(intptr_t)move_urgent_page(&host, data, size, sizeof data);
}

/* The link breaks under all waiters; they come back when it is up again. */
static void test_urgent_break(void **state)
{
	pthread_t askers[4];
	uint8_t frame[64];
	int fd[2], again[2];

	(void)state;
	losses = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, again), 0);
	move_urgent_up(&host.urgent, fd[0]);
	for (uintptr_t i = 0; i < 4; i++)
		pthread_create(&askers[i], NULL, ask_once, (void *)i);
	for (unsigned i = 0; i < 4; i++) {
		uint32_t n;

		assert_int_equal(move_receive_frame(fd[1], frame, true, &n), 0);
	}
	close(fd[1]);
	for (uint32_t users = 1; users > 0; usleep(1000)) {
		pthread_mutex_lock(&host.urgent.lock);
		users = host.urgent.users;
		pthread_mutex_unlock(&host.urgent.lock);
	}
	move_urgent_down(&host.urgent, false);
	move_urgent_up(&host.urgent, again[0]);
	for (unsigned i = 0; i < 4; i++) {
		void *got;

		pthread_join(askers[i], &got);
		assert_int_equal((intptr_t)got, -EAGAIN);
	}
	assert_int_equal(losses, 1);
	move_urgent_down(&host.urgent, false);
	close(fd[0]);
	close(again[0]);
	close(again[1]);
}

/* ---- JSON lines --------------------------------------------------------------------------------------------------- */

static void test_channel(void **state)
{
	struct channel a, b;
	json_t *object;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	channel_init(&a, fd[0]);
	channel_init(&b, fd[1]);
	assert_int_equal(channel_send(&a, json_pack("{si}", "x", 1)), 0);
	assert_int_equal(channel_send(&a, json_pack("{si}", "x", 2)), 0);
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(channel_receive(&b, 1000, &object), 0);
		assert_int_equal(json_integer_value(json_object_get(object, "x")), i);
		json_decref(object);
	}
	assert_int_equal(channel_receive(&b, 10, &object), OM_ETIMEDOUT);
	assert_int_equal(write(fd[0], "{\"x\":", 5), 5);
	assert_int_equal(channel_receive(&b, 10, &object), OM_ETIMEDOUT);
	assert_int_equal(write(fd[0], "3}\n[1]\n{\"x\":1,\"x\":2}\n", 21), 21);
	assert_int_equal(channel_receive(&b, 1000, &object), 0);
	json_decref(object);
	assert_int_equal(channel_receive(&b, 1000, &object), OM_EINVAL);
	assert_int_equal(channel_receive(&b, 1000, &object), OM_EINVAL);
	channel_done(&a);
	assert_int_equal(channel_receive(&b, 1000, &object), OM_ECONNECTION);
	channel_done(&b);
}

static void test_channel_limit(void **state)
{
	struct channel b;
	json_t *object;
	char junk[4096];
	int fd[2], error = OM_ETIMEDOUT;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	channel_init(&b, fd[1]);
	memset(junk, 'x', sizeof junk);
	for (size_t sent = 0; sent < CHANNEL_LINE_MAX + 65536 && error == OM_ETIMEDOUT; sent += sizeof junk) {
		assert_int_equal(write(fd[0], junk, sizeof junk), sizeof junk);
		error = channel_receive(&b, 1, &object);
	}
	assert_int_equal(error, OM_EOVERFLOW);
	channel_done(&b);
	close(fd[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello_round_trip), cmocka_unit_test(test_hello_refusals), cmocka_unit_test(test_units),
		cmocka_unit_test(test_addresses), cmocka_unit_test(test_bucket), cmocka_unit_test(test_niceness), cmocka_unit_test(test_label), cmocka_unit_test(test_frames),
		cmocka_unit_test(test_urgent), cmocka_unit_test(test_urgent_break), cmocka_unit_test(test_channel),
		cmocka_unit_test(test_channel_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
