/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte chooses. A list of peers: what is taken is written again and taken as the same list; an error names a line that is
 * there. What comes on a new connection, in pieces: a side that awaits bytes awaits at most a message; nobody who has not seen its
 * messages gets it to prove a key or to believe a hello; a failed handshake has forgotten its secrets. A destination that has been
 * given a good first message goes on from there; so does one that a host without a good third one talks to.
 */
#include "fuzz.h"
#include "move/opening.h"
#include "peer/peers.h"

static void write_again(const struct host_peers *peers)
{
	static char text[HOST_PEERS_SIZE];
	static struct host_peers again;
	size_t size = 0;
	uint32_t line = 0;

	for (uint32_t i = 0; i < peers->count; i++) {
		host_key_format(peers->peer[i].key, text + size);
		size += HOST_KEY_TEXT - 1;
		size += (size_t)snprintf(text + size, sizeof text - size, " %s\n", peers->peer[i].name);
		PROPERTY(!peers->peer[i].name[0] || host_peer_name_ok(peers->peer[i].name));
	}
	PROPERTY(host_peers_parse(text, size, &again, &line) == 0 && again.count == peers->count);
	for (uint32_t i = 0; i < peers->count; i++)
		PROPERTY(!memcmp(again.peer[i].key, peers->peer[i].key, HOST_KEY_SIZE) && !strcmp(again.peer[i].name, peers->peer[i].name));
}

static void list(const uint8_t *data, size_t size)
{
	static struct host_peers peers;
	uint32_t line = 0, lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	if (host_peers_parse((const char *)data, size, &peers, &line))
		PROPERTY(peers.count == 0 && line >= 1 && line <= lines);
	else
		write_again(&peers);
}

static void check_wiped(const struct move_opening *o)
{
	static const uint8_t zero[32];

	if (o->stage == MOVE_OPENING_FAILED)
		PROPERTY(!memcmp(o->noise.own_private, zero, 32) && !memcmp(o->noise.private, zero, 32) && !memcmp(o->noise.key, zero, 32));
}

/* Return: false when the side has had enough. */
static bool feed(struct move_opening *o, const uint8_t *data, size_t size)
{
	uint8_t out[MOVE_OPENING_MAX];

	while (size > 0) {
		size_t wants = move_opening_wants(o), piece = 1 + data[0] % 64 * 32, out_size;

		PROPERTY(wants <= MOVE_OPENING_MAX - o->have);
		if (wants == 0)
			return false;
		piece = piece < size ? piece : size;
		piece = piece < wants ? piece : wants;
		memcpy(o->in + o->have, data, piece);
		if (move_opening_took(o, piece, out, &out_size)) {
			PROPERTY(out_size == 0 || out_size == OM_OPENING_HEAD);
			PROPERTY(o->stage == MOVE_OPENING_FAILED && move_opening_wants(o) == 0);
			return false;
		}
		PROPERTY(out_size == 0 || out_size == OM_OPENING_2);
		data += piece;
		size -= piece;
	}
	return true;
}

static void never_known(struct move_opening *o, const uint8_t *data, size_t size)
{
	const struct move_hello refusal = { .status = OM_EVERSION, .text = "why" };
	struct move_hello heard;
	uint8_t out[MOVE_OPENING_MAX];
	size_t out_size;

	feed(o, data, size);
	PROPERTY(o->stage != MOVE_OPENING_SAID && o->stage != MOVE_OPENING_DONE && move_opening_heard(o, &heard));
	check_wiped(o);
	if (o->stage == MOVE_OPENING_OLD)
		PROPERTY(move_opening_answer(o, &refusal, out, &out_size) == 0 && out_size == OM_HELLO_SIZE);
	move_opening_done(o);
}

static void opening(const uint8_t *data, size_t size)
{
	static const uint8_t ephemeral[2][32] = { { 1, 2, 3 }, { 4, 5, 6 } };
	static struct host_key key = { .private = { 9 } };
	struct move_opening source, destination;
	uint8_t first[OM_OPENING_1], out[MOVE_OPENING_MAX];
	size_t out_size;

	if (!key.there) {
		struct om_noise_xx noise; /* it computes public keys */

		om_noise_xx_init(&noise, OM_NOISE_INITIATOR, key.private, key.public, key.private, "", 0);
		PROPERTY(om_noise_xx_write(&noise, NULL, 0, out, sizeof out, &out_size) == 0);
		memcpy(key.public, noise.public, 32);
		key.there = true;
	}
	move_opening_init(&destination, false, &key, ephemeral[0]);
	never_known(&destination, data, size);
	move_opening_init(&source, true, &key, ephemeral[1]);
	PROPERTY(move_opening_first(&source, first) == 0);
	never_known(&source, data, size);
	move_opening_init(&destination, false, &key, ephemeral[0]);
	memcpy(destination.in, first, sizeof first);
	/* in two pieces, as wants says */
	PROPERTY(move_opening_wants(&destination) == OM_OPENING_HEAD);
	PROPERTY(move_opening_took(&destination, OM_OPENING_HEAD, out, &out_size) == 0);
	PROPERTY(move_opening_took(&destination, OM_OPENING_1 - OM_OPENING_HEAD, out, &out_size) == 0 && out_size == OM_OPENING_2);
	never_known(&destination, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 8)
		list(data + 1, size - 1);
	else
		opening(data + 1, size - 1); /* dear: eleven multiplications on the curve */
	return 0;
}
