/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list is small and changes by hand, so it is read whole and written whole. A reader sees the old list or the new one. Those who
 * change the list lock the directory, so that no change is lost. Comments stay.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "peers.h"
#include "util.h"

#define ROOM 256u       /* for a line more */

struct text { char *data; size_t size; };

/* ---- what a line says ------------------------------------------------------------------------------------------------- */

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("._-@:+", c));
}

static bool name_ok(const char *name, size_t size)
{
	uint8_t key[HOST_KEY_SIZE];

	if (size < 1 || size >= HOST_PEER_NAME || *name == '-' || host_key_parse(name, size, key))
		return false;
	for (size_t i = 0; i < size; i++)
		if (!name_char(name[i]))
			return false;
	return true;
}

bool host_peer_name_ok(const char *name)
{
	return name_ok(name, strnlen(name, HOST_PEER_NAME + 1));
}

/* The next word of a line; its size is 0 at the end. */
static const char *word(const char **at, const char *end, size_t *ret_size)
{
	const char *begin = *at, *stop;

	while (begin < end && blank(*begin))
		begin++;
	for (stop = begin; stop < end && !blank(*stop) && *stop != '#'; stop++)
		;
	*at = stop;
	*ret_size = (size_t)(stop - begin);
	return begin;
}

static uint32_t hash(const void *data, size_t size)
{
	const uint8_t *at = data;
	uint32_t h = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < size; i++)
		h = (h ^ at[i]) * 16777619u;
	return h;
}

/* Return: 0 with a peer, 1 if there is none on the line, OM_EINVAL. */
static int parse_line(const char *at, const char *end, struct host_peer *ret_peer)
{
	struct host_peer peer = { 0 };
	size_t key_size, name_size, more;
	const char *key = word(&at, end, &key_size), *name;

	if (key_size == 0)
		return 1; /* empty, or a comment */
	if (!host_key_parse(key, key_size, peer.key))
		return host_fail(OM_EINVAL, "a peer's key has 64 hexadecimal digits");
	name = word(&at, end, &name_size);
	if (name_size) {
		if (!name_ok(name, name_size))
			return host_fail(OM_EINVAL, "not a peer's name");
		memcpy(peer.name, name, name_size);
	}
	peer.hash[0] = hash(peer.key, sizeof peer.key);
	peer.hash[1] = hash(peer.name, name_size);
	(void)word(&at, end, &more); /* where it begins does not matter */
	if (more)
		return host_fail(OM_EINVAL, "something behind the peer's name");
	*ret_peer = peer;
	return 0;
}

static int add(struct host_peers *peers, const struct host_peer *peer)
{
	for (uint32_t i = 0; i < peers->count; i++) {
		const struct host_peer *other = &peers->peer[i];

		if (other->hash[0] == peer->hash[0] && memcmp(other->key, peer->key, sizeof peer->key) == 0)
			return host_fail(OM_EINVAL, "the same key as in line %u", other->line);
		if (other->hash[1] == peer->hash[1] && peer->name[0] && strcmp(other->name, peer->name) == 0)
			return host_fail(OM_EINVAL, "the same name as in line %u", other->line);
	}
	if (peers->count >= HOST_PEERS_MAX)
		return host_fail(OM_EEXHAUSTED, "more than %u peers", HOST_PEERS_MAX);
	peers->peer[peers->count++] = *peer;
	return 0;
}

int host_peers_parse(const char *text, size_t size, struct host_peers *ret_peers, uint32_t *ret_line)
{
	const char *at = text, *end = text + size;
	uint32_t line = 0;

	ret_peers->count = 0;
	while (at < end) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		struct host_peer peer;
		int error;

		line++;
		*ret_line = line;
		if (!stop || memchr(at, 0, (size_t)(stop - at)))
			error = host_fail(OM_EINVAL, stop ? "a NUL" : "the last line does not end: the file may be cut off");
		else
			error = parse_line(at, stop, &peer);
		if (error == 0) {
			peer.line = line;
			error = add(ret_peers, &peer);
		}
		if (error < 0) {
			ret_peers->count = 0;
			return error;
		}
		at = stop + 1;
	}
	return 0;
}

/* ---- the file --------------------------------------------------------------------------------------------------------- */

static void peers_path(const struct host_key *key, char ret_path[4096])
{
	snprintf(ret_path, 4096, "%s/" HOST_PEERS_FILE, key->directory);
}

static int check_file(const struct host_key *key, const char *path, int fd)
{
	struct stat status;

	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		return host_fail(OM_EINVAL, "%s is not a file", path);
	if ((status.st_uid != key->owner && status.st_uid != 0) || status.st_mode & (S_IWGRP | S_IWOTH))
		return host_fail(OM_EPERM, "%s can be written by others, who could make this host know anybody: look at it, then chown and chmod 644", path);
	if (status.st_size > HOST_PEERS_SIZE)
		return host_fail(OM_EEXHAUSTED, "%s is larger than %u bytes", path, HOST_PEERS_SIZE);
	return 0;
}

/* The whole file, with room for a line more; empty if there is none. The caller frees. */
static int read_text(const struct host_key *key, struct text *ret_text)
{
	struct text text = { malloc(HOST_PEERS_SIZE + ROOM), 0 };
	char path[4096];
	int fd, error = 0;

	if (!text.data)
		return host_fail(OM_ENOMEM, "no memory");
	peers_path(key, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno != ENOENT)
		error = host_fail(OM_EPERM, "%s: %s", path, strerror(errno));
	if (fd >= 0) {
		error = check_file(key, path, fd);
		while (!error && text.size < HOST_PEERS_SIZE) {
			ssize_t n = read(fd, text.data + text.size, HOST_PEERS_SIZE - text.size);

			if (n < 0)
				error = host_fail(OM_EIO, "%s: %s", path, strerror(errno));
			if (n <= 0)
				break;
			text.size += (size_t)n;
		}
		close(fd);
	}
	if (error) {
		free(text.data);
		return error;
	}
	*ret_text = text;
	return 0;
}

static int parse_text(const struct host_key *key, const struct text *text, struct host_peers *ret_peers)
{
	char path[4096], words[256];
	uint32_t line = 0;
	int error = host_peers_parse(text->data, text->size, ret_peers, &line);

	if (!error)
		return 0;
	peers_path(key, path);
	snprintf(words, sizeof words, "%s", host_reason());
	return host_fail(error, "%s:%u: %s", path, line, words);
}

int host_peers_load(const struct host_key *key, struct host_peers *ret_peers)
{
	struct text text;
	int error = read_text(key, &text);

	if (error)
		return error;
	error = parse_text(key, &text, ret_peers);
	free(text.data);
	return error;
}

int host_peer_known(const struct host_key *key, const uint8_t peer[HOST_KEY_SIZE], char ret_name[HOST_PEER_NAME])
{
	struct host_peers *peers;
	char text[HOST_KEY_TEXT];
	int error;

	if (memcmp(peer, key->public, HOST_KEY_SIZE) == 0) {
		snprintf(ret_name, HOST_PEER_NAME, "this host");
		return 0;
	}
	peers = malloc(sizeof *peers);
	error = peers ? host_peers_load(key, peers) : host_fail(OM_ENOMEM, "no memory");
	if (!error) {
		host_key_format(peer, text);
		error = host_fail(OM_EPEER, "its key is not known here; if `optmig hostkey` prints the same key on that host, say here: optmig peer add %s NAME", text);
		for (uint32_t i = 0; i < peers->count && error; i++)
			if (memcmp(peers->peer[i].key, peer, HOST_KEY_SIZE) == 0) {
				snprintf(ret_name, HOST_PEER_NAME, "%.*s", peers->peer[i].name[0] ? 63 : 16, peers->peer[i].name[0] ? peers->peer[i].name : text);
				error = 0;
			}
	}
	free(peers);
	return error;
}

/* ---- changes ---------------------------------------------------------------------------------------------------------- */

static int lock(const struct host_key *key, int *ret_fd)
{
	int fd = open(key->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC), code;

	if (fd < 0)
		return host_fail(OM_EPERM, "%s: %s", key->directory, strerror(errno));
	do
		code = flock(fd, LOCK_EX);
	while (code && errno == EINTR);
	if (code) {
		code = errno;
		close(fd);
		return host_fail(OM_EIO, "%s: %s", key->directory, strerror(code));
	}
	*ret_fd = fd;
	return 0;
}

/* An addition is a line at the end; the file is taken only if it is good with it. */
static int apply_add(struct text *text, struct host_peers *peers, const uint8_t peer[HOST_KEY_SIZE], const char *name)
{
	char digits[HOST_KEY_TEXT];

	host_key_format(peer, digits);
	for (uint32_t i = 0; i < peers->count; i++) {
		const struct host_peer *other = &peers->peer[i];

		if (memcmp(other->key, peer, HOST_KEY_SIZE) == 0)
			return host_fail(OM_EEXISTS, "that key is known already%s%s", other->name[0] ? ", as " : "", other->name);
		if (name && strcmp(other->name, name) == 0)
			return host_fail(OM_EEXISTS, "the name %s is another key's; `optmig peer rm %s` first", name, name);
	}
	if (peers->count >= HOST_PEERS_MAX || text->size + 2 * HOST_KEY_SIZE + HOST_PEER_NAME + 2 > HOST_PEERS_SIZE)
		return host_fail(OM_EEXHAUSTED, "there are %u peers, and there is no room for more", peers->count);
	text->size += (size_t)snprintf(text->data + text->size, ROOM, "%s%s%s\n", digits, name ? " " : "", name ? name : "");
	return 0;
}

static int apply_remove(struct text *text, const struct host_peers *peers, const char *which)
{
	uint8_t key[HOST_KEY_SIZE];
	const bool is_key = host_key_parse(which, strlen(which), key);
	uint32_t line = 0;
	char *at = text->data, *stop;

	for (uint32_t i = 0; i < peers->count && !line; i++)
		if (is_key ? memcmp(peers->peer[i].key, key, sizeof key) == 0 : strcmp(peers->peer[i].name, which) == 0)
			line = peers->peer[i].line;
	if (!line || !*which)
		return host_fail(OM_ENOTFOUND, "no peer has that %s", is_key ? "key" : "name");
	while (--line)
		at = strchr(at, '\n') + 1;
	stop = strchr(at, '\n') + 1;
	memmove(at, stop, (size_t)(text->data + text->size - stop));
	text->size -= (size_t)(stop - at);
	return 0;
}

/* Reads, lets `which` or `peer` be applied, and writes, under the lock. */
static int change(const struct host_key *key, const uint8_t *peer, const char *name)
{
	struct host_peers *peers = malloc(sizeof *peers);
	struct text text = { 0 };
	int fd = -1, error = peers ? lock(key, &fd) : host_fail(OM_ENOMEM, "no memory");

	if (!error)
		error = read_text(key, &text);
	if (!error)
		error = parse_text(key, &text, peers);
	if (!error)
		error = peer ? apply_add(&text, peers, peer, name) : apply_remove(&text, peers, name);
	if (!error)
		error = host_key_write_file(key->directory, HOST_PEERS_FILE, 0644, text.data, text.size, false);
	if (fd >= 0)
		close(fd); /* and with it the lock */
	free(text.data);
	free(peers);
	return error;
}

int host_peers_add(const struct host_key *key, const uint8_t peer[HOST_KEY_SIZE], const char *name)
{
	if (memcmp(peer, key->public, HOST_KEY_SIZE) == 0)
		return host_fail(OM_EEXISTS, "that is this host's own key, which it knows");
	if (name && !host_peer_name_ok(name))
		return host_fail(OM_EINVAL, "\"%s\" is no name for a peer: up to %u letters, digits, and . _ - @ : +", name, HOST_PEER_NAME - 1);
	return change(key, peer, name);
}

int host_peers_remove(const struct host_key *key, const char *which)
{
	return change(key, NULL, which);
}
