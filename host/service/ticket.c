/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets for programs that have an owner (docs/spec/ticket.md). The fleet's key, to which the owner has delegated, signs each ticket for one move.
 *
 *     FLEET/key.pem         the fleet's private key; ours alone to read. It is read by `optmig ticket issue`, once for each ticket, and goes nowhere else
 *     FLEET/NAME.delegation what owners have delegated to it: `optmig ticket delegate`
 *
 * The destination's host says which machine it is (`host`). Its evidence shows that to the program's enclave, which has the last word.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "json_text.h"
#include "seen.h"
#include "strerror.h"
#include "util.h"

#define KEY       "key.pem"
#define ENDING    ".delegation"
#define EXPIRES   "10min"               /* it is judged at the beginning of the move */
#define ASK_S     30u
#define TICKET_MAX 8192u
#define FROM      "ticket-from.json"
#define TO        "ticket-to.json"
#define OUT       "ticket"
#define WORDS_MAX 400u
#define PATH_LONG 4600u

static int check_key(const char *name, const char *path)
{
	struct stat status;

	if (stat(path, &status) && errno == ENOENT)
		return host_fail(OM_ETICKET, "%s moves with its owner's ticket only, and this host has no key to issue one with (%s): give the owner's with --ticket, or "
			"move it from a host that has the fleet's key", name, path);
	if (stat(path, &status))
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	if (!S_ISREG(status.st_mode) || (status.st_uid != geteuid() && status.st_uid != 0) || status.st_mode & (S_IRWXG | S_IRWXO))
		return host_fail(OM_EPERM, "%s: others may read the fleet's key (chmod 600)", path);
	return 0;
}

/* What the peer is, as `optmig info --json` has it. */
static int ask_place(const char *to, json_t **ret)
{
	json_t *host = NULL;
	int error = peer_call(to, "host", NULL, ASK_S, &host);

	if (error)
		return error;
	*ret = json_incref(json_object_get(host, "platform"));
	json_decref(host);
	return *ret ? 0 : host_fail(OM_ETICKET, "%s does not say what machine it is", to);
}

/* The last line that it says is why it fails. Return: 0 if it has written a ticket. */
static int run(const char *const *argv, char words[WORDS_MAX])
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char said[2048], *line;
	size_t used = 0;
	ssize_t got;
	pid_t pid;
	int err[2], code, status = -1;

	if (pipe2(err, O_CLOEXEC))
		return host_fail(OM_EIO, "pipe: %s", strerror(errno));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, err[1], 2);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID); /* a key with a passphrase finds no terminal to ask at */
	code = posix_spawn(&pid, service.optmig, &actions, &attributes, (char **)(uintptr_t)argv, service.environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	close(err[1]);
	while (code == 0 && used < sizeof said - 1 && (got = read(err[0], said + used, sizeof said - 1 - used)) > 0)
		used += (size_t)got;
	close(err[0]);
	if (code)
		return host_fail(OM_EIO, "%s: %s", service.optmig, strerror(code));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	said[used] = 0;
	line = strstr(said, "ticket issue: ");
	line = line ? line + strlen("ticket issue: ") : said;
	line[strcspn(line, "\n")] = 0;
	snprintf(words, WORDS_MAX, "%s", *line ? line : "optmig ticket issue says nothing");
	return OM_ETICKET;
}

/* With the image's file its owner and signer are judged, too. That may be another by now. */
static int issue(const struct service_unit *u, const char *key, const char *delegation, const char *image, char words[WORDS_MAX])
{
	char from[PATH_LONG], to[PATH_LONG], out[PATH_LONG];
	const char *argv[24];
	unsigned n = 0;

	snprintf(from, sizeof from, "%s/" FROM, u->directory);
	snprintf(to, sizeof to, "%s/" TO, u->directory);
	snprintf(out, sizeof out, "%s/" OUT, u->directory);
	for (const char *const *word = (const char *const[]){ service.optmig, "ticket", "issue", "--key", key, "--delegation", delegation, "--to-host", to, "--expires",
	     EXPIRES, "-o", out, "--from", from, NULL }; *word; word++)
		argv[n++] = *word;
	if (*image == '/' && access(image, R_OK) == 0) {
		argv[n++] = "--image";
		argv[n++] = image;
	}
	argv[n] = NULL;
	return run(argv, words);
}

/* The first delegation that covers this move. */
static int try_all(const struct service_unit *u, const char *image)
{
	char key[PATH_LONG], path[PATH_LONG], words[WORDS_MAX] = "";
	DIR *folder = opendir(service.fleet);
	const struct dirent *file;
	int error = OM_ENOTFOUND;

	snprintf(key, sizeof key, "%s/" KEY, service.fleet);
	while (folder && error && (file = readdir(folder))) {
		const size_t length = strlen(file->d_name);

		if (*file->d_name == '.' || length <= strlen(ENDING) || strcmp(file->d_name + length - strlen(ENDING), ENDING) != 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", service.fleet, file->d_name);
		error = issue(u, key, path, image, words);
	}
	if (folder)
		closedir(folder);
	if (!error)
		host_note("%s: a ticket is issued, by %s", u->name, path);
	if (error == OM_ENOTFOUND)
		return host_fail(OM_ETICKET, "%s moves with its owner's ticket only, and no owner has delegated to this host's fleet (%s/*" ENDING ")", u->name, service.fleet);
	return error ? host_fail(OM_ETICKET, "%s moves with its owner's ticket only, and no delegation in %s covers this move: %s", u->name, service.fleet, words) : 0;
}

static int read_ticket(const struct service_unit *u, char **ret)
{
	uint8_t bytes[TICKET_MAX];
	char path[PATH_LONG];
	ssize_t size = -1;
	int fd;

	snprintf(path, sizeof path, "%s/" OUT, u->directory);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		size = read(fd, bytes, sizeof bytes);
		close(fd);
	}
	*ret = size > 0 ? malloc(2 * (size_t)size + 1) : NULL;
	if (!*ret)
		return host_fail(OM_EIO, "%s: %s", path, size > 0 ? "no memory" : "it cannot be read");
	for (ssize_t i = 0; i < size; i++)
		snprintf(*ret + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

int ticket_for(const struct service_unit *u, const struct program *p, const char *to, char **ret)
{
	char key[PATH_LONG], words[WORDS_MAX];
	json_t *place = NULL;
	int error;

	*ret = NULL;
	if (!json_is_true(json_object_get(p->info, "owned")))
		return 0;
	snprintf(key, sizeof key, "%s/" KEY, service.fleet);
	error = check_key(u->name, key);
	if (!error)
		error = ask_place(to, &place);
	if (!error)
		error = record_write(u->directory, TO, place);
	if (!error)
		error = record_write(u->directory, FROM, json_incref(p->info));
	if (!error)
		error = try_all(u, json_text(p->info, "image"));
	if (!error)
		error = read_ticket(u, ret);
	snprintf(words, sizeof words, "%s", host_reason());
	record_remove(u->directory, TO);
	record_remove(u->directory, FROM);
	record_remove(u->directory, OUT);
	if (error)
		return host_fail(error, "%s", words);
	metrics_add(METRIC_TICKETS, "", 1);
	audit_write(json_pack("{ss ss ss sO sO sO}", "unit", u->name, "verdict", "ticket-issued", "peer", to, "mrenclave", json_object_get(p->info, "mrenclave"), "instance",
		json_object_get(p->info, "instance"), "move", json_object_get(p->info, "next-move")));
	socket_tell(json_pack("{ss ss ss sO sO}", "event", "ticket", "name", u->name, "to", to, "instance", json_object_get(p->info, "instance"), "move",
		json_object_get(p->info, "next-move")));
	return 0;
}
