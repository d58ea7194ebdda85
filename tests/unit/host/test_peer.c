/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hosts that prove who they are, without an enclave: the key's file, the list of peers, the opening of a connection message by
 * message, and the lobby in which connections wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "crypto/ec.h"
#include "move/knock.h"
#include "move/lobby.h"
#include "util.h"

static char work[] = "/tmp/optmig-peer.XXXXXX";

static const char *below(const char *name)
{
	static char path[4][512];
	static unsigned next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof path[0], "%s/%s", work, name);
	return path[next];
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, mode) == 0);
}

static struct host_key new_key(void)
{
	struct host_key key = { .there = true, .owner = geteuid() };

	assert_int_equal(getrandom(key.private, sizeof key.private, 0), sizeof key.private);
	om_x25519_public(key.private, key.public);
	snprintf(key.directory, sizeof key.directory, "%s", work);
	return key;
}

/* ---- the key ---------------------------------------------------------------------------------------------------------- */

static void test_key_text(void **state)
{
	const struct host_key key = new_key();
	char text[HOST_KEY_TEXT + 1];
	uint8_t back[HOST_KEY_SIZE];

	(void)state;
	host_key_format(key.public, text);
	assert_int_equal(strlen(text), 64);
	assert_true(host_key_parse(text, 64, back));
	assert_memory_equal(back, key.public, sizeof back);
	assert_false(host_key_parse(text, 63, back));
	text[64] = '0';
	assert_false(host_key_parse(text, 65, back));
	text[5] = 'g';
	assert_false(host_key_parse(text, 64, back));
}

/* Many processes that start at the same time have the same key, and nothing else is left behind. */
static void test_key_race(void **state)
{
	struct host_key key, again;
	int pipes[2];
	struct stat status;

	(void)state;
	setenv("OPTMIG_HOST_DIR", below("race"), 1);
	assert_int_equal(pipe(pipes), 0);
	for (unsigned i = 0; i < 16; i++)
		if (fork() == 0) {
			char byte;

			close(pipes[1]);
			(void)!read(pipes[0], &byte, 1); /* until all are here */
			_exit(host_key_load(&key) == 0 && key.there ? key.public[0] : 255);
		}
	close(pipes[0]);
	close(pipes[1]);
	for (unsigned i = 0; i < 16; i++) {
		int code;

		assert_true(wait(&code) > 0);
		assert_int_equal(host_key_load(&again), 0);
		assert_true(WIFEXITED(code));
		assert_int_equal(WEXITSTATUS(code), again.public[0]);
	}
	assert_int_equal(stat(below("race/host.key"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(status.st_nlink, 1);
	assert_int_equal(stat(below("race"), &status), 0);
	assert_int_equal(unlink(below("race/host.key")), 0);
	assert_int_equal(rmdir(below("race")), 0); /* it is empty */
}

static void refused_key(int error, const char *words)
{
	struct host_key key = { .private = { 1 } };

	assert_int_equal(host_key_load(&key), error);
	assert_non_null(strstr(host_reason(), words));
	assert_false(key.there);
	assert_int_equal(key.private[0], 0);
}

static void test_key_refusals(void **state)
{
	struct host_key key;
	char text[200];

	(void)state;
	setenv("OPTMIG_HOST_DIR", below("refused"), 1);
	assert_int_equal(host_key_load(&key), 0);
	for (unsigned bit = 0; bit < 6; bit++) {
		assert_int_equal(chmod(below("refused/host.key"), 0600 | 1u << bit), 0);
		refused_key(OM_EPERM, "open to others");
	}
	assert_int_equal(chmod(below("refused/host.key"), 0600), 0);
	assert_int_equal(chmod(below("refused"), 0770), 0);
	refused_key(OM_EPERM, "writable by nobody else");
	assert_int_equal(chmod(below("refused"), 0755), 0);
	assert_int_equal(host_key_load(&key), 0);
	snprintf(text, sizeof text, "optmig host key 1\n%064d\nmore", 7);
	write_file(below("refused/host.key"), text, 0600);
	refused_key(OM_EINVAL, "is not a host key");
	for (const char *const *bad = (const char *const[]){ "", "optmig host key 1\n", "optmig host key 2\n", "\n", NULL }; *bad; bad++) {
		write_file(below("refused/host.key"), *bad, 0600);
		refused_key(OM_EINVAL, "is not a host key");
	}
	unlink(below("refused/host.key"));
	assert_int_equal(mkdir(below("refused/host.key"), 0700), 0);
	refused_key(OM_EINVAL, "is not a file");
	rmdir(below("refused/host.key"));
	rmdir(below("refused"));
}

/* ---- peers ------------------------------------------------------------------------------------------------------------ */

#define K1 "1111111111111111111111111111111111111111111111111111111111111111"
#define K2 "2222222222222222222222222222222222222222222222222222222222222222"
#define KA "abcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcdefabcd"

static void test_peers_good(void **state)
{
	static const char text[] = "# who\n\n" K1 " one\n\t " K2 "# no name\n" KA "\tthree # text\n   \n#";
	static struct host_peers peers;
	uint32_t line = 0;

	(void)state;
	assert_int_equal(host_peers_parse(text, sizeof text - 2, &peers, &line), 0); /* without the "#" that does not end */
	assert_int_equal(peers.count, 3);
	assert_string_equal(peers.peer[0].name, "one");
	assert_string_equal(peers.peer[1].name, "");
	assert_string_equal(peers.peer[2].name, "three");
	assert_int_equal(peers.peer[2].key[0], 0xab);
	assert_int_equal(peers.peer[2].line, 5);
	assert_int_equal(host_peers_parse("", 0, &peers, &line), 0);
	assert_int_equal(peers.count, 0);
}

static void test_peers_bad(void **state)
{
	static const struct { const char *text; uint32_t line; const char *words; } bad[] = {
		{ "x\n", 1, "64 hexadecimal" }, { K1 "0\n", 1, "64 hexadecimal" }, { K1 " one two\n", 1, "behind" },
		{ K1 " one\n" K1 " two\n", 2, "line 1" }, { K1 " one\n# x\n" K2 " one\n", 3, "line 1" }, { K1 " one", 1, "does not end" },
		{ "\n" K1 " o\x01ne\n", 2, "name" }, { K1 " " K2 "\n", 1, "name" }, { K1 " -x\n", 1, "name" }, { K1 "\r\n", 1, "64 hexadecimal" },
		{ K1 " 123456789012345678901234567890123456789012345678901234567890abcdX\n", 1, "name" }, { "one " K1 "\n", 1, "64 hexadecimal" },
	};
	static struct host_peers peers;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		uint32_t line = 0;

		assert_int_equal(host_peers_parse(bad[i].text, strlen(bad[i].text), &peers, &line), OM_EINVAL);
		assert_int_equal(line, bad[i].line);
		assert_non_null(strstr(host_reason(), bad[i].words));
		assert_int_equal(peers.count, 0);
	}
	uint32_t line = 0;
	assert_int_equal(host_peers_parse("#\0\n", 3, &peers, &line), OM_EINVAL);
}

static void test_peers_file(void **state)
{
	static const char words[] = "# mine\n" K1 " one # first\n" K2 "\n";
	struct host_key key = new_key(), other = new_key();
	char name[HOST_PEER_NAME];
	static struct host_peers peers;
	char text[300] = "";
	FILE *f;

	(void)state;
	snprintf(key.directory, sizeof key.directory, "%s", below("list"));
	assert_int_equal(mkdir(key.directory, 0700), 0);
	assert_int_equal(host_peers_load(&key, &peers), 0);
	assert_int_equal(peers.count, 0);
	assert_int_equal(host_peer_known(&key, key.public, name), 0);
	assert_int_equal(host_peer_known(&key, other.public, name), OM_EPEER);
	assert_non_null(strstr(host_reason(), "optmig peer add "));
	write_file(below("list/peers"), words, 0644);
	assert_int_equal(host_peers_add(&key, other.public, "other"), 0);
	assert_int_equal(host_peer_known(&key, other.public, name), 0);
	assert_string_equal(name, "other");
	assert_int_equal(host_peers_add(&key, other.public, NULL), OM_EEXISTS);
	assert_int_equal(host_peers_add(&key, key.public, NULL), OM_EEXISTS);
	other.public[0] ^= 1;
	assert_int_equal(host_peers_add(&key, other.public, "one"), OM_EEXISTS);
	assert_int_equal(host_peers_add(&key, other.public, "a b"), OM_EINVAL);
	assert_int_equal(host_peers_remove(&key, "nobody"), OM_ENOTFOUND);
	assert_int_equal(host_peers_remove(&key, ""), OM_ENOTFOUND);
	assert_int_equal(host_peers_remove(&key, "other"), 0);
	f = fopen(below("list/peers"), "r");
	assert_non_null(f);
	assert_int_equal(fread(text, 1, sizeof text - 1, f), sizeof words - 1);
	fclose(f);
	assert_string_equal(text, words); /* comments and all */
	assert_int_equal(host_peers_remove(&key, K2), 0);
	assert_int_equal(host_peers_load(&key, &peers), 0);
	assert_int_equal(peers.count, 1);
	/* What cannot be read whole is nobody, but for oneself. */
	write_file(below("list/peers"), K1 " one\nspoilt\n", 0644);
	memset(other.public, 0x11, sizeof other.public);
	assert_int_equal(host_peer_known(&key, other.public, name), OM_EINVAL);
	assert_non_null(strstr(host_reason(), "peers:2: "));
	assert_int_equal(host_peer_known(&key, key.public, name), 0);
	write_file(below("list/peers"), K1 " one\n", 0664);
	assert_int_equal(host_peer_known(&key, other.public, name), OM_EPERM);
	assert_int_equal(chmod(below("list/peers"), 0644), 0);
	assert_int_equal(host_peer_known(&key, other.public, name), 0);
	unlink(below("list/peers"));
	assert_int_equal(rmdir(key.directory), 0); /* no file of ours is left */
}

/* As many as there may be, in a time that a thousand connections can pay. */
static void test_peers_many(void **state)
{
	static char text[HOST_PEERS_MAX * 80 + 80];
	static struct host_peers peers;
	size_t size = 0;
	uint32_t line = 0;
	uint64_t begin;

	(void)state;
	for (unsigned i = 0; i <= HOST_PEERS_MAX; i++)
		size += (size_t)snprintf(text + size, sizeof text - size, "%064x host-%u\n", i, i);
	assert_int_equal(host_peers_parse(text, size, &peers, &line), OM_EEXHAUSTED);
	assert_int_equal(line, HOST_PEERS_MAX + 1);
	begin = host_monotonic_ns();
	assert_int_equal(host_peers_parse(text, size - 75, &peers, &line), 0);
	printf("%u peers are read in %.0f us\n", peers.count, (double)(host_monotonic_ns() - begin) / 1000);
	assert_int_equal(peers.count, HOST_PEERS_MAX);
}

/* ---- the opening ------------------------------------------------------------------------------------------------------ */

struct pair { struct host_key key[2]; struct move_opening source, target; uint8_t message[MOVE_OPENING_MAX]; size_t size; };

static struct move_hello some_hello(void)
{
	struct move_hello hello = { .kind = OM_HELLO_NEW, .connection = 1, .channels = 2, .program = "program", .text = "/path" };

	memset(hello.session, 's', sizeof hello.session);
	return hello;
}

static int give(struct move_opening *to, const uint8_t *data, size_t size, size_t piece, uint8_t *out, size_t *ret_size)
{
	int error = 0;

	*ret_size = 0;
	while (size > 0 && !error) {
		size_t now = size < piece ? size : piece;

		now = now < move_opening_wants(to) ? now : move_opening_wants(to);
		if (now == 0)
			return OM_ETRAILING;
		memcpy(to->in + to->have, data, now);
		error = move_opening_took(to, now, out, ret_size);
		data += now;
		size -= now;
		if (!error && size > 0 && *ret_size > 0)
			return OM_ETRAILING;
	}
	return error;
}

/* Up to message `to` (1 .. 4), which is in `message` then. */
static void open_until(struct pair *p, unsigned to, size_t piece)
{
	const struct move_hello hello = some_hello();
	uint8_t out[MOVE_OPENING_MAX], ephemeral[2][32];
	size_t size;

	for (unsigned i = 0; i < 2; i++) {
		p->key[i] = new_key();
		assert_int_equal(getrandom(ephemeral[i], 32, 0), 32);
	}
	move_opening_init(&p->source, true, &p->key[0], ephemeral[0]);
	move_opening_init(&p->target, false, &p->key[1], ephemeral[1]);
	assert_int_equal(move_opening_first(&p->source, p->message), 0);
	p->size = OM_OPENING_1;
	if (to >= 2) {
		assert_int_equal(give(&p->target, p->message, p->size, piece, out, &size), 0);
		assert_int_equal(size, OM_OPENING_2);
		memcpy(p->message, out, p->size = size);
	}
	if (to >= 3) {
		assert_int_equal(give(&p->source, p->message, p->size, piece, out, &size), 0);
		assert_int_equal(p->source.stage, MOVE_OPENING_SECOND);
		assert_memory_equal(p->source.peer, p->key[1].public, 32);
		assert_int_equal(move_opening_wants(&p->source), 0);
		assert_int_equal(move_opening_say(&p->source, &hello, p->message), 0);
		p->size = OM_OPENING_3;
	}
	if (to >= 4) {
		struct move_hello heard, answer;

		assert_int_equal(give(&p->target, p->message, p->size, piece, out, &size), 0);
		assert_int_equal(p->target.stage, MOVE_OPENING_SAID);
		assert_memory_equal(p->target.peer, p->key[0].public, 32);
		assert_int_equal(move_opening_heard(&p->target, &heard), 0);
		assert_string_equal(heard.text, "/path");
		answer = heard;
		answer.status = OM_EEXISTS;
		assert_int_equal(move_opening_answer(&p->target, &answer, p->message, &p->size), 0);
		assert_int_equal(p->size, OM_OPENING_ANSWER);
		assert_int_equal(move_opening_answer(&p->target, &answer, out, &size), OM_ESTATE);
	}
}

static void test_opening(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < 3000; piece = piece * 3 + 1) {
		struct move_hello heard;
		struct pair p;
		uint8_t out[MOVE_OPENING_MAX];
		size_t size;

		open_until(&p, 4, piece);
		assert_int_equal(move_opening_heard(&p.source, &heard), OM_ESTATE);
		assert_int_equal(give(&p.source, p.message, p.size, piece, out, &size), 0);
		assert_int_equal(p.source.stage, MOVE_OPENING_DONE);
		assert_int_equal(move_opening_heard(&p.source, &heard), 0);
		assert_int_equal(heard.status, OM_EEXISTS);
		assert_int_equal(move_opening_wants(&p.source), 0);
		move_opening_done(&p.source);
		move_opening_done(&p.target);
	}
}

/* One byte of one message is another: no side ends with a hello, or a proven key, that it should not have. */
static void test_opening_altered(void **state)
{
	(void)state;
	for (unsigned number = 1; number <= 4; number++) {
		size_t whole = number == 1 ? OM_OPENING_1 : number == 2 ? OM_OPENING_2 : number == 3 ? OM_OPENING_3 : OM_OPENING_ANSWER;

		for (size_t at = 0; at < whole; at += 1 + (number > 2 ? 37 : 0)) {
			struct pair p;
			struct move_opening *to;
			uint8_t out[MOVE_OPENING_MAX];
			size_t size;
			int error;

			open_until(&p, number, MOVE_OPENING_MAX);
			to = number % 2 ? &p.target : &p.source;
			p.message[at] ^= 0x40;
			error = give(to, p.message, p.size, MOVE_OPENING_MAX, out, &size);
			if (number == 1 && at >= OM_OPENING_HEAD) {
				assert_int_equal(error, 0);
				assert_int_equal(give(&p.source, out, size, MOVE_OPENING_MAX, p.message, &size), OM_EAUTH);
				to = &p.source;
			} else {
				assert_true(error < 0);
			}
			if (number == 1 && at >= 8 && at < 12) {
				assert_int_equal(error, OM_EVERSION);
				assert_int_equal(size, OM_OPENING_HEAD);
			}
			assert_int_equal(to->stage, MOVE_OPENING_FAILED);
			assert_int_equal(move_opening_wants(to), 0);
			assert_int_equal(to->noise.own_private[0] | to->noise.own_private[31] | to->noise.key[5], 0);
		}
	}
}

/* A refusal is the other host's word, under the header that it came with, and it cannot be played as anything else. */
static void test_refusal(void **state)
{
	uint8_t frame[OM_FRAME_HEADER + OM_OPENING_ANSWER], came[sizeof frame], out[MOVE_OPENING_MAX];
	struct move_hello refusal = some_hello(), heard;
	struct pair p;
	size_t size;

	(void)state;
	open_until(&p, 4, MOVE_OPENING_MAX);
	assert_int_equal(give(&p.source, p.message, p.size, MOVE_OPENING_MAX, out, &size), 0);
	refusal.status = OM_EQUOTE;
	snprintf(refusal.text, sizeof refusal.text, "why");
	for (unsigned i = 0; i < 2; i++) {
		struct move_seal *from = i ? &p.source.seal : &p.target.seal, *to = i ? &p.target.seal : &p.source.seal;

		memset(frame, 0x11, sizeof frame);
		move_seal_refusal(from, &refusal, frame);
		assert_true(from->refused);
		assert_null(memmem(frame, sizeof frame, "why", 3));
		for (size_t at = 0; at < sizeof frame; at += 1 + (at > OM_FRAME_HEADER ? 41 : 0)) {
			memcpy(came, frame, sizeof frame);
			came[at] ^= 4;
			assert_int_equal(move_seal_refused(to, came, sizeof came, &heard), OM_EAUTH);
			assert_false(to->refused && !i);
		}
		memcpy(came, frame, sizeof frame);
		assert_int_equal(move_seal_refused(to, came, sizeof came - 1, &heard), OM_ETRUNCATED);
		assert_int_equal(move_seal_refused(from, came, sizeof came, &heard), OM_EAUTH);          /* one's own, sent back */
		memcpy(came, frame, sizeof frame);
		memcpy(came + OM_FRAME_HEADER, p.message, OM_OPENING_ANSWER);
		assert_int_equal(move_seal_refused(to, came, sizeof came, &heard), OM_EAUTH);            /* the answer, once more */
		memcpy(came, frame, sizeof frame);
		assert_int_equal(move_seal_refused(to, came, sizeof came, &heard), 0);
		assert_true(to->refused);
		assert_int_equal(heard.status, OM_EQUOTE);
		assert_string_equal(heard.text, "why");
	}
	memcpy(came, frame, sizeof frame);
	assert_int_equal(move_seal_refused(&(struct move_seal){ 0 }, came, sizeof came, &heard), OM_EAUTH);
}

/* Another prologue is another protocol; a message of an earlier connection is none of this one. */
static void test_opening_replayed(void **state)
{
	struct pair old, now;
	uint8_t out[MOVE_OPENING_MAX];
	size_t size;

	(void)state;
	open_until(&old, 3, MOVE_OPENING_MAX);
	open_until(&now, 3, MOVE_OPENING_MAX);
	assert_int_equal(give(&now.target, old.message, old.size, MOVE_OPENING_MAX, out, &size), OM_EAUTH);
	assert_int_equal(now.target.stage, MOVE_OPENING_FAILED);
}

static void test_opening_old(void **state)
{
	struct move_hello hello = some_hello(), refusal = { .status = OM_EVERSION, .text = "why" };
	uint8_t bytes[OM_HELLO_SIZE], out[MOVE_OPENING_MAX];
	struct pair p;
	size_t size;

	(void)state;
	open_until(&p, 1, 1);
	move_hello_encode(&hello, bytes);
	bytes[8] = 1;
	assert_int_equal(give(&p.target, bytes, sizeof bytes, 100, out, &size), 0);
	assert_int_equal(p.target.stage, MOVE_OPENING_OLD);
	assert_int_equal(move_opening_answer(&p.target, &refusal, out, &size), 0);
	assert_int_equal(size, OM_HELLO_SIZE);
	bytes[8] = out[8] = 2;
	assert_int_equal(move_hello_decode(out, &refusal), 0);
	assert_int_equal(refusal.status, OM_EVERSION);
	assert_string_equal(refusal.text, "why");
	assert_memory_equal(refusal.session, hello.session, sizeof hello.session);
	/* ... and an old one's answer is none to this one's source */
	open_until(&p, 2, 1);
	bytes[8] = 1;
	assert_int_equal(give(&p.source, bytes, OM_OPENING_HEAD, 100, out, &size), OM_EVERSION);
}

/* ---- the lobby -------------------------------------------------------------------------------------------------------- */

struct server { struct move_lobby *lobby; struct host_key key; int listen_fd, stop[2]; pthread_t thread; uint32_t arrived; struct sockaddr_in at; };

static void *serve(void *argument)
{
	static const uint8_t clock[16];
	struct server *server = argument;
	struct move_arrival arrival;

	while (move_lobby_next(server->lobby, server->stop[0], &arrival) == 0) {
		server->arrived++;
		move_arrival_answer(&arrival, clock, 0);
		close(arrival.fd);
		move_arrival_done(&arrival);
	}
	return NULL;
}

static void server_start(struct server *server)
{
	socklen_t size = sizeof server->at;

	*server = (struct server){ .key = new_key(), .at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	snprintf(server->key.directory, sizeof server->key.directory, "%s", below("lobby"));
	assert_int_equal(mkdir(server->key.directory, 0700), 0);
	server->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(server->listen_fd, (struct sockaddr *)&server->at, size), 0);
	assert_int_equal(listen(server->listen_fd, 128), 0);
	assert_int_equal(getsockname(server->listen_fd, (struct sockaddr *)&server->at, &size), 0);
	assert_int_equal(pipe(server->stop), 0);
	assert_int_equal(move_lobby_new(server->listen_fd, &server->key, &server->lobby), 0);
}

static void server_run(struct server *server)
{
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
	assert_int_equal(write(server->stop[1], "", 1), 1);
	pthread_join(server->thread, NULL);
	move_lobby_free(server->lobby);
	close(server->listen_fd);
	close(server->stop[0]);
	close(server->stop[1]);
	(void)unlink(below("lobby/peers")); /* some tests have none */
	assert_int_equal(rmdir(server->key.directory), 0);
}

static int dial(const struct server *server, unsigned from)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + from) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&server->at, sizeof server->at), 0);
	return fd;
}

static int knock(const struct server *server, const struct host_key *key, unsigned from, struct move_hello *ret_answer)
{
	const struct move_hello hello = some_hello();
	struct move_knock knock = { .key = key, .to = "there", .pinned = true, .handshake_ms = 3000, .answer_ms = 3000 };
	int fd = dial(server, from), error;

	memcpy(knock.peer, server->key.public, sizeof knock.peer);
	error = move_knock(&knock, fd, -1, &hello, ret_answer);
	close(fd);
	return error;
}

static void test_lobby(void **state)
{
	struct server server;
	struct host_key stranger = new_key();
	struct move_knock wrong = { .key = &stranger, .to = "there", .pinned = true, .handshake_ms = 3000, .answer_ms = 3000 };
	struct move_hello answer, hello = some_hello();
	int silent[3], fd;

	(void)state;
	server_start(&server);
	server_run(&server);
	for (unsigned i = 0; i < 3; i++)
		silent[i] = dial(&server, 0);
	assert_int_equal(knock(&server, &server.key, 0, &answer), 0);
	assert_int_equal(answer.status, 0);
	assert_int_equal(knock(&server, &stranger, 0, &answer), 0);
	assert_int_equal(answer.status, OM_EPEER);
	assert_non_null(strstr(answer.text, "optmig peer add "));
	/* It becomes known without anything being started anew, and stops being so. */
	assert_int_equal(host_peers_add(&server.key, stranger.public, "friend"), 0);
	assert_int_equal(knock(&server, &stranger, 0, &answer), 0);
	assert_int_equal(answer.status, 0);
	assert_int_equal(host_peers_remove(&server.key, "friend"), 0);
	assert_int_equal(knock(&server, &stranger, 0, &answer), 0);
	assert_int_equal(answer.status, OM_EPEER);
	/* A source that expects somebody else says nothing of itself. */
	fd = dial(&server, 0);
	assert_int_equal(move_knock(&wrong, fd, -1, &hello, &answer), OM_EPEER);
	close(fd);
	assert_int_equal(server.arrived, 2);
	for (unsigned i = 0; i < 3; i++)
		close(silent[i]);
	server_stop(&server);
}

/* The host of a session stays known to it, whatever becomes of the file. */
static void test_lobby_pin(void **state)
{
	struct server server;
	struct host_key peer = new_key();
	struct move_hello answer;

	(void)state;
	server_start(&server);
	move_lobby_pin(server.lobby, peer.public);
	write_file(below("lobby/peers"), "spoilt\n", 0644);
	server_run(&server);
	assert_int_equal(knock(&server, &peer, 0, &answer), 0);
	assert_int_equal(answer.status, 0);
	server_stop(&server);
}

static bool is_open(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) < 0;
}

/* Whoever is in the middle of its opening when nobody is taken any more is told so; who is silent keeps nobody for long, and who comes later waits. */
static void test_lobby_close(void **state)
{
	const struct move_hello hello = some_hello();
	struct server server;
	struct move_opening opening;
	struct move_hello answer;
	struct pollfd later;
	uint8_t ephemeral[32] = { 5 }, out[MOVE_OPENING_MAX], back[MOVE_OPENING_MAX], nothing[MOVE_OPENING_MAX];
	int silent, spoke, fd;
	uint64_t begin;
	size_t size;

	(void)state;
	server_start(&server);
	server_run(&server);
	silent = dial(&server, 0);
	spoke = dial(&server, 0);
	move_opening_init(&opening, true, &server.key, ephemeral);
	assert_int_equal(move_opening_first(&opening, out), 0);
	assert_int_equal(send(spoke, out, OM_OPENING_1, 0), OM_OPENING_1);
	assert_int_equal(recv(spoke, back, OM_OPENING_2, MSG_WAITALL), OM_OPENING_2);
	assert_int_equal(give(&opening, back, OM_OPENING_2, MOVE_OPENING_MAX, nothing, &size), 0);
	assert_int_equal(write(server.stop[1], "", 1), 1);
	pthread_join(server.thread, NULL);
	fd = dial(&server, 0);
	assert_int_equal(move_opening_say(&opening, &hello, out), 0);
	assert_int_equal(send(spoke, out, OM_OPENING_3, 0), OM_OPENING_3);
	begin = host_monotonic_ns();
	move_lobby_close(server.lobby, "come again");
	server.lobby = NULL;
	assert_in_range((host_monotonic_ns() - begin) / 1000000, MOVE_LOBBY_CLOSE_MS, MOVE_LOBBY_CLOSE_MS + 5000);
	assert_int_equal(recv(spoke, back, OM_OPENING_ANSWER, MSG_WAITALL), OM_OPENING_ANSWER);
	assert_int_equal(give(&opening, back, OM_OPENING_ANSWER, MOVE_OPENING_MAX, nothing, &size), 0);
	assert_int_equal(move_opening_heard(&opening, &answer), 0);
	assert_int_equal(answer.status, OM_EEXISTS);
	assert_string_equal(answer.text, "come again");
	assert_false(is_open(silent));
	assert_true(is_open(fd));
	later = (struct pollfd){ .fd = server.listen_fd, .events = POLLIN };
	assert_int_equal(poll(&later, 1, 0), 1);
	close(silent);
	close(spoke);
	close(fd);
	move_opening_done(&opening);
	server.thread = 0;
	close(server.listen_fd);
	close(server.stop[0]);
	close(server.stop[1]);
	assert_int_equal(rmdir(server.key.directory), 0);
}

/* Places: an address has its share, and its oldest silent connection makes room for its own next one; others lose nothing. */
static void test_lobby_places(void **state)
{
	enum { MORE = 30 };
	struct server server;
	struct move_hello answer;
	int other, many[MOVE_LOBBY_ADDRESS + MORE], spoke;
	struct host_key stranger = new_key();
	struct move_opening opening;
	uint8_t ephemeral[32] = { 5 }, message[OM_OPENING_1], back[OM_OPENING_2];
	unsigned open = 0;

	(void)state;
	server_start(&server);
	server_run(&server);
	other = dial(&server, 1);
	spoke = dial(&server, 0);
	move_opening_init(&opening, true, &stranger, ephemeral);
	assert_int_equal(move_opening_first(&opening, message), 0);
	assert_int_equal(send(spoke, message, sizeof message, 0), sizeof message);
	assert_int_equal(recv(spoke, back, sizeof back, MSG_WAITALL), sizeof back);
	for (unsigned i = 0; i < MOVE_LOBBY_ADDRESS + MORE; i++)
		many[i] = dial(&server, 0);
	assert_int_equal(knock(&server, &server.key, 0, &answer), 0); /* gets in, and when it is through all are counted */
	for (unsigned i = 0; i < MOVE_LOBBY_ADDRESS + MORE; i++)
		open += is_open(many[i]);
	assert_int_equal(open, MOVE_LOBBY_ADDRESS - 2);
	assert_false(is_open(many[0]));
	assert_true(is_open(many[MOVE_LOBBY_ADDRESS + MORE - 1]));
	assert_true(is_open(spoke));            /* it is the oldest, but has said more */
	assert_true(is_open(other));
	for (unsigned from = 2; from < MOVE_LOBBY_MAX + 10; from++)
		assert_int_equal(knock(&server, &stranger, from, &answer), 0);
	for (unsigned i = 0; i < MOVE_LOBBY_ADDRESS + MORE; i++)
		close(many[i]);
	close(other);
	close(spoke);
	move_opening_done(&opening);
	server_stop(&server);
}

/* A host that is known cannot come as often as it likes. */
static void test_lobby_rate(void **state)
{
	struct server server;
	struct move_hello answer;
	unsigned good = 0, tries = 0;
	uint64_t begin = host_monotonic_ns(), took;

	(void)state;
	server_start(&server);
	server_run(&server);
	do {
		assert_int_equal(knock(&server, &server.key, 0, &answer), 0);
		good += answer.status == 0;
		assert_true(answer.status == 0 || answer.status == OM_EEXHAUSTED);
	} while (answer.status == 0 && ++tries < 1500);
	took = host_monotonic_ns() - begin;
	/* A machine on which this is not fast enough says nothing. */
	assert_true(answer.status || took > tries * (1000000000ull / MOVE_LOBBY_RATE) / 2);
	assert_in_range(good, answer.status ? MOVE_LOBBY_BURST : 0, MOVE_LOBBY_BURST + 1 + took * MOVE_LOBBY_RATE / 1000000000);
	server_stop(&server);
}

/* ... nor begin migrations; and that is not forgotten when the process starts over. Another host is another matter. */
static void test_lobby_begins(void **state)
{
	struct server server;
	struct move_arrival arrival = { .name = "one" };
	unsigned good = 0;

	(void)state;
	unsetenv("OPTMIG_HOSTS_HEARD");
	server_start(&server);
	memset(arrival.opening.peer, 7, sizeof arrival.opening.peer);
	for (unsigned i = 0; i < MOVE_LOBBY_BEGINS + 5; i++) {
		good += move_lobby_begin(server.lobby, &arrival) == 0;
		if (i % 10 == 9) {
			move_lobby_free(server.lobby);
			assert_int_equal(move_lobby_new(server.listen_fd, &server.key, &server.lobby), 0);
		}
	}
	assert_in_range(good, MOVE_LOBBY_BEGINS, MOVE_LOBBY_BEGINS + 1);
	assert_int_equal(move_lobby_begin(server.lobby, &arrival), OM_EEXHAUSTED);
	arrival.opening.peer[3] = 8;
	assert_int_equal(move_lobby_begin(server.lobby, &arrival), 0);
	for (const char *const *odd = (const char *const[]){ "", ":", "x:1", ",,", K1 ":", K1 ":x", K1 ":99,", NULL }; *odd; odd++) {
		move_lobby_free(server.lobby);
		setenv("OPTMIG_HOSTS_HEARD", *odd, 1);
		assert_int_equal(move_lobby_new(server.listen_fd, &server.key, &server.lobby), 0);
		assert_int_equal(move_lobby_begin(server.lobby, &arrival), 0);
	}
	server_run(&server);
	server_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_text), cmocka_unit_test(test_key_race), cmocka_unit_test(test_key_refusals),
		cmocka_unit_test(test_peers_good), cmocka_unit_test(test_peers_bad), cmocka_unit_test(test_peers_file), cmocka_unit_test(test_peers_many),
		cmocka_unit_test(test_opening), cmocka_unit_test(test_opening_altered), cmocka_unit_test(test_opening_replayed),
		cmocka_unit_test(test_opening_old), cmocka_unit_test(test_refusal),
		cmocka_unit_test(test_lobby), cmocka_unit_test(test_lobby_close), cmocka_unit_test(test_lobby_pin), cmocka_unit_test(test_lobby_places), cmocka_unit_test(test_lobby_rate),
		cmocka_unit_test(test_lobby_begins),
	};
	int failed;

	if (!mkdtemp(work))
		return 1;
	host_log_options(true, false);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(work);
	return failed;
}
