/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig hostkey`: by what other hosts know this one. `optmig peer add|ls|rm`: whom this host knows. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include "cli.h"
#include "exitcodes.h"
#include "peer/peers.h"
#include "util.h"

static const char hostkey_help[] =
	"usage: optmig hostkey [--json]\n"
	"Prints the public key of this host (of this user on this machine), and makes one if there is none. Other hosts take\n"
	"programs from this host, and give programs to it, after `optmig peer add KEY NAME` on those hosts.\n\n"
	"  --json    also the directory of the files host.key and peers\n"
	"Exit status: 0, 1 failed, 2 usage.\n";

static const char peer_help[] =
	"usage: optmig peer add KEY [NAME]\n"
	"       optmig peer ls [--json]\n"
	"       optmig peer rm NAME|KEY\n"
	"The hosts that this one takes programs from, and gives them to. KEY is what `optmig hostkey` prints there. A change holds\n"
	"for all connections that are made from then on. The host itself need not be added.\n\n"
	"Exit status: 0, 1 failed, 2 usage, 5 no such peer.\n";

enum { OPT_JSON = 1, OPT_HELP };
static const struct option longs[] = { { "json", no_argument, NULL, OPT_JSON }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };

/* @max: arguments behind the options. Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv, const char *help, int min, int max, bool *ret_json)
{
	int c;

	*ret_json = false;
	while ((c = cli_getopt(argc, argv, "h", longs)) != -1) {
		if (c == OPT_JSON)
			*ret_json = true;
		else if (c == -2)
			return HOST_EXIT_USAGE + 1;
		else {
			fputs(help, stdout);
			return CLI_OK + 1;
		}
	}
	if (argc - optind < min || argc - optind > max) {
		fputs(help, stderr);
		return HOST_EXIT_USAGE + 1;
	}
	return 0;
}

static int failed(const char *command, int error)
{
	host_error("%s: %s", command, host_reason()); /* its words have the cure */
	return error == OM_ENOTFOUND ? CLI_NOTFOUND : CLI_FAILED;
}

static void print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(value);
}

int cli_hostkey(int argc, char **argv)
{
	struct host_key key;
	char text[HOST_KEY_TEXT];
	bool json;
	int error = parse(argc, argv, hostkey_help, 0, 0, &json);

	if (error)
		return error - 1;
	error = host_key_load(&key);
	if (error)
		return failed("hostkey", error);
	host_key_format(key.public, text);
	if (json)
		print_json(json_pack("{ss ss}", "key", text, "directory", key.directory));
	else
		printf("%s\n", text);
	host_key_done(&key);
	return CLI_OK;
}

static int add(const struct host_key *key, char **arguments)
{
	uint8_t peer[HOST_KEY_SIZE];

	if (!host_key_parse(arguments[0], strlen(arguments[0]), peer)) {
		host_error("peer add: \"%s\" is not a key: `optmig hostkey` on the other host prints it, 64 hexadecimal digits", arguments[0]);
		return HOST_EXIT_USAGE;
	}
	if (arguments[1] && !host_peer_name_ok(arguments[1])) {
		host_error("peer add: \"%s\" is no name for a peer: up to %u letters, digits, and . _ - @ : +", arguments[1], HOST_PEER_NAME - 1);
		return HOST_EXIT_USAGE;
	}
	return host_peers_add(key, peer, arguments[1]);
}

static int ls(const struct host_key *key, bool json)
{
	struct host_peers *peers = malloc(sizeof *peers);
	json_t *list = json_array();
	int error = peers ? host_peers_load(key, peers) : host_fail(OM_ENOMEM, "no memory");

	for (uint32_t i = 0; !error && i < peers->count; i++) {
		char text[HOST_KEY_TEXT];

		host_key_format(peers->peer[i].key, text);
		if (json)
			json_array_append_new(list, json_pack("{ss ss}", "key", text, "name", peers->peer[i].name));
		else
			printf("%s%s%s\n", text, peers->peer[i].name[0] ? "  " : "", peers->peer[i].name);
	}
	if (!error && json)
		print_json(json_incref(list));
	json_decref(list);
	free(peers);
	return error;
}

int cli_peer(int argc, char **argv)
{
	static const struct { const char *name; int min, max; } verbs[] = { { "add", 1, 2 }, { "ls", 0, 0 }, { "rm", 1, 1 } };
	struct host_key key;
	unsigned verb = 0;
	char command[16];
	bool json;
	int error;

	while (argc > 1 && verb < 3 && strcmp(argv[1], verbs[verb].name))
		verb++;
	if (argc < 2 || verb == 3) {
		if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
			fputs(peer_help, stdout);
			return CLI_OK;
		}
		fputs(peer_help, stderr);
		return HOST_EXIT_USAGE;
	}
	error = parse(argc - 1, argv + 1, peer_help, verbs[verb].min, verbs[verb].max, &json);
	if (error)
		return error - 1;
	argv += 1 + optind;
	error = host_key_load(&key);
	if (!error)
		error = verb == 0 ? add(&key, argv) : verb == 1 ? ls(&key, json) : host_peers_remove(&key, argv[0]);
	host_key_done(&key);
	snprintf(command, sizeof command, "peer %s", verbs[verb].name);
	return error == HOST_EXIT_USAGE || error == 0 ? error : failed(command, error);
}
