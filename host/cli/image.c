/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig image add|ls|rm|verify`: the image store of this machine (host/store). `show` is image_show.c's. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli.h"
#include "exitcodes.h"
#include "store/store.h"
#include "strerror.h"
#include "util.h"

static const char help[] =
	"usage: optmig image add FILE [--user NAME] [--ports LIST] [--owners LIST]\n"
	"       optmig image ls [--json]\n"
	"       optmig image rm NAME|MRENCLAVE...\n"
	"       optmig image verify [--json] [NAME|MRENCLAVE...]\n"
	"       optmig image show [--json] FILE\n"
	"The image store: `optmig receive` starts a program that another host offers only if its image is here. The\n"
	"other host names the image by MRENCLAVE, the hash of all that its enclave starts with, never by a path.\n\n"
	"  add      copy an image built by optmig-cc into the store, after its signature and measurement were checked\n"
	"  ls       list the images: program, MRENCLAVE, debug or production, size, user, when it was added\n"
	"  rm       take images out; programs that run go on\n"
	"  verify   measure the images again: all, or those named\n"
	"  show     what an image file is, allows and leaves to its host\n\n"
	"NAME is a program's name, MRENCLAVE its first eight digits or more; both must mean one image only.\n"
	"`optmig image add --help` has the options that say what the program may do here.\n"
	"Exit status: 0 done, 1 failed, 2 usage, 5 no such image, 6 verify found a damaged image.\n";

static const char help_add[] =
	"usage: optmig image add FILE [--user NAME] [--ports LIST] [--owners LIST]\n"
	"Copies the image FILE into the store and prints its program, MRENCLAVE, MRSIGNER and kind. A file is refused\n"
	"whose signature is not valid, or not over these contents. An image that is in the store already is stored anew;\n"
	"it keeps what its program may do unless one of the options is given.\n\n"
	"What the program may do here; without --user it has the receiver's own rights:\n"
	"  --user NAME     the account as which the program runs\n"
	"  --ports LIST    ports that it may bind: PORT[-PORT][/tcp|/udp],... ; default: those that any user may bind\n"
	"  --owners LIST   owners that it may give files to: USER, USER:GROUP or :GROUP,... ; default: its own account\n\n"
	"  optmig image add ./redis-server --user redis --ports 6379/tcp\n";

static const char help_ls[] = "usage: optmig image ls [--json]\nLists the images of the store, and on stderr what in it cannot be used.\n";
static const char help_rm[] = "usage: optmig image rm NAME|MRENCLAVE...\n"
	"Takes images out of the store. Programs that run, and receptions under way, go on. A damaged image is removed by\n"
	"its MRENCLAVE. Nothing is removed if one of the names means no image, or several.\n";
static const char help_verify[] = "usage: optmig image verify [--json] [NAME|MRENCLAVE...]\n"
	"Measures the images of the store again and checks their signatures and entries. Exit status 6 if one is damaged.\n";

enum { OPT_JSON = 1, OPT_USER, OPT_PORTS, OPT_OWNERS, OPT_HELP };

/* Digits of an MRENCLAVE in a table. */
#define SHORT 16

static int failed(const char *command, const char *object, int error)
{
	host_error("image %s: %s: %s", command, object, host_reason());
	if (error != OM_EINVAL && error != OM_EPERM && error != OM_ENOTFOUND) /* their words have the cure */
		host_error("  %s", om_errcure(error));
	return error == OM_ENOTFOUND ? CLI_NOTFOUND : CLI_FAILED;
}

static void size_text(uint64_t size, char text[32])
{
	const double k = (double)size / 1024;

	snprintf(text, 32, k < 1024 ? "%.0f KiB" : k < 1024 * 1024 ? "%.1f MiB" : "%.1f GiB",
		k < 1024 ? k : k < 1024 * 1024 ? k / 1024 : k / 1024 / 1024);
}

static void time_text(int64_t seconds, char text[32])
{
	const time_t at = (time_t)seconds;
	struct tm tm;

	if (!localtime_r(&at, &tm) || !strftime(text, 32, "%Y-%m-%d %H:%M", &tm))
		snprintf(text, 32, "?");
}

/* ---- add -------------------------------------------------------------------------------------------------- */

static void print_rights(const struct store_rights *rights)
{
	char text[80];

	if (rights->user[0])
		printf("  user       %s\n", rights->user);
	for (uint32_t i = 0; i < rights->port_count; i++) {
		store_ports_format(&rights->ports[i], text, sizeof text);
		printf(i ? ",%s" : "  ports      %s", text);
	}
	if (rights->port_count)
		putchar('\n');
	for (uint32_t i = 0; i < rights->owner_count; i++) {
		store_owner_format(&rights->owners[i], text, sizeof text);
		printf(i ? ",%s" : "  owners     %s", text);
	}
	if (rights->owner_count)
		putchar('\n');
}

static void print_entry(const struct store_entry *entry)
{
	char mrenclave[65], mrsigner[65], size[32];

	host_hash_text(entry->mrenclave, mrenclave);
	host_hash_text(entry->mrsigner, mrsigner);
	size_text(entry->size_bytes, size);
	printf("%s\n  MRENCLAVE  %s\n  MRSIGNER   %s\n  kind       %s\n  size       %s\n", entry->name, mrenclave, mrsigner,
		entry->debug ? "debug (whoever runs it can read its memory)" : "production", size);
	print_rights(&entry->rights);
}

/* Return: 0, or an exit status + 1. */
static int parse_add(int argc, char **argv, struct store_rights *rights, bool *ret_given, const char **ret_file)
{
	static const struct option longs[] = { { "user", required_argument, NULL, OPT_USER }, { "ports", required_argument, NULL, OPT_PORTS },
		{ "owners", required_argument, NULL, OPT_OWNERS }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	int c, error = 0;

	while (!error && (c = cli_getopt(argc, argv, "h", longs)) != -1) {
		*ret_given |= c == OPT_USER || c == OPT_PORTS || c == OPT_OWNERS;
		switch (c) {
		case OPT_USER:   error = store_user_parse(optarg, rights); break;
		case OPT_PORTS:  error = store_ports_parse(optarg, rights); break;
		case OPT_OWNERS: error = store_owners_parse(optarg, rights); break;
		case 'h': case OPT_HELP:
			fputs(help_add, stdout);
			return CLI_OK + 1;
		default:
			return HOST_EXIT_USAGE + 1;
		}
	}
	/* Without a user the program has the receiver's rights: a list would read as a limit and be none. */
	if (!error && (rights->port_count || rights->owner_count) && !rights->user[0])
		error = host_fail(OM_EINVAL, "--ports and --owners say what --user NAME may do: name the user, too");
	if (!error && argc - optind != 1)
		error = host_fail(OM_EINVAL, argc == optind ? "which FILE?" : "one FILE at a time");
	if (error) {
		host_error("image add: %s", host_reason());
		return HOST_EXIT_USAGE + 1;
	}
	*ret_file = argv[optind];
	return 0;
}

static int run_add(int argc, char **argv)
{
	struct store_rights rights = { 0 };
	struct store_entry entry;
	struct store store;
	const char *file;
	bool given = false;
	int stop = parse_add(argc, argv, &rights, &given, &file), error;

	if (stop)
		return stop - 1;
	error = store_open(true, &store);
	if (!error) {
		error = store_add(&store, file, given ? &rights : NULL, &entry);
		store_close(&store);
	}
	if (error) {
		(void)failed("add", file, error);
		return CLI_FAILED;
	}
	print_entry(&entry);
	return CLI_OK;
}

/* ---- ls --------------------------------------------------------------------------------------------------- */

/* For ls, rm and verify. Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv, const char *text, bool *ret_json)
{
	static const struct option longs[] = { { "json", no_argument, NULL, OPT_JSON }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };
	int c;

	while ((c = cli_getopt(argc, argv, "h", ret_json ? longs : longs + 1)) != -1)
		switch (c) {
		case OPT_JSON: *ret_json = true; break;
		case 'h': case OPT_HELP:
			fputs(text, stdout);
			return CLI_OK + 1;
		default:
			return HOST_EXIT_USAGE + 1;
		}
	return 0;
}

/* A store that is not there is one without images. Return: 0 with *ret_there, or an exit status + 1. */
static int open_store(const char *command, struct store *ret_store, bool *ret_there)
{
	int error = store_open(false, ret_store);

	*ret_there = !error;
	return error && error != OM_ENOTFOUND ? failed(command, "store", error) + 1 : 0;
}

static json_t *entry_json(const struct store_entry *entry)
{
	char mrenclave[65], mrsigner[65], text[80];
	json_t *ports = json_array(), *owners = json_array();

	host_hash_text(entry->mrenclave, mrenclave);
	host_hash_text(entry->mrsigner, mrsigner);
	for (uint32_t i = 0; i < entry->rights.port_count; i++) {
		store_ports_format(&entry->rights.ports[i], text, sizeof text);
		json_array_append_new(ports, json_string(text));
	}
	for (uint32_t i = 0; i < entry->rights.owner_count; i++) {
		store_owner_format(&entry->rights.owners[i], text, sizeof text);
		json_array_append_new(owners, json_string(text));
	}
	return json_pack("{ss ss ss sb sI sI ss so so}", "name", entry->name, "mrenclave", mrenclave, "mrsigner", mrsigner, "debug", entry->debug,
		"size-bytes", (json_int_t)entry->size_bytes, "added", (json_int_t)entry->added_s, "user", entry->rights.user, "ports", ports,
		"owners", owners);
}

static void print_json(json_t *value)
{
	json_dumpf(value, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(value);
}

struct listing { json_t *list; const char *store; unsigned shown, problems; };

static void list_one(void *context, const char *name, const struct store_entry *entry, int error)
{
	struct listing *l = context;
	char size[32], added[32], mrenclave[65];

	if (error) {
		host_error("image ls: %.64s: %s", name, host_reason());
		l->problems++;
		return;
	}
	if (l->list) {
		json_t *object = entry_json(entry);

		host_hash_text(entry->mrenclave, mrenclave);
		json_object_set_new(object, "file", json_sprintf("%s/%s/image", l->store, mrenclave));
		json_array_append_new(l->list, object);
		return;
	}
	if (!l->shown++)
		printf("%-20s %-*s %-10s %9s %-12s %s\n", "PROGRAM", SHORT, "MRENCLAVE", "KIND", "SIZE", "USER", "ADDED");
	host_hash_text(entry->mrenclave, mrenclave);
	size_text(entry->size_bytes, size);
	time_text(entry->added_s, added);
	printf("%-20s %-*.*s %-10s %9s %-12s %s\n", entry->name, SHORT, SHORT, mrenclave, entry->debug ? "debug" : "production", size,
		entry->rights.user[0] ? entry->rights.user : "-", added);
}

static int run_ls(int argc, char **argv)
{
	struct listing listing = { 0 };
	bool json = false, there;
	struct store store;
	int stop = parse(argc, argv, help_ls, &json), error = 0;

	if (stop)
		return stop - 1;
	if (optind < argc) {
		host_error("image ls: unexpected argument \"%s\"", argv[optind]);
		return HOST_EXIT_USAGE;
	}
	stop = open_store("ls", &store, &there);
	if (stop)
		return stop - 1;
	listing.list = json ? json_array() : NULL;
	listing.store = store.path;
	if (there) {
		error = store_visit(&store, list_one, &listing);
		store_close(&store);
	}
	if (json)
		print_json(listing.list);
	else if (!listing.shown && !listing.problems)
		host_note("no images here; `optmig image add FILE` adds one");
	if (error)
		return failed("ls", "store", error);
	return listing.problems ? CLI_FAILED : CLI_OK;
}

/* ---- rm and verify ---------------------------------------------------------------------------------------- */

/* The images that the arguments mean. @ret_list: the caller's to free(). Return: 0, or an exit status + 1. */
static int select_all(const char *command, const struct store *store, char **names, size_t count, uint8_t (**ret_list)[32])
{
	uint8_t (*list)[32] = calloc(count, sizeof *list);

	for (size_t i = 0; i < count; i++) {
		int error = list ? store_select(store, names[i], list[i]) : host_fail(OM_ENOMEM, "no memory");

		if (error) {
			free(list);
			return failed(command, names[i], error) + 1;
		}
	}
	*ret_list = list;
	return 0;
}

static int run_rm(int argc, char **argv)
{
	uint8_t (*list)[32] = NULL;
	struct store store;
	size_t count;
	int stop = parse(argc, argv, help_rm, NULL), error;

	if (stop)
		return stop - 1;
	count = (size_t)(argc - optind);
	if (!count) {
		host_error("image rm: which image? (NAME or MRENCLAVE; `optmig image ls` lists them)");
		return HOST_EXIT_USAGE;
	}
	error = store_open(false, &store);
	if (error)
		return failed("rm", argv[optind], error);
	stop = select_all("rm", &store, argv + optind, count, &list);
	for (size_t i = 0; i < count && !stop; i++) {
		error = store_remove(&store, list[i]);
		/* Named twice, or removed by somebody else just now: it is gone. */
		if (error && error != OM_ENOTFOUND)
			stop = failed("rm", argv[optind + (int)i], error) + 1;
	}
	free(list);
	store_close(&store);
	return stop ? stop - 1 : CLI_OK;
}

struct check {
	const struct store *store;
	bool json;
	json_t *list;
	uint64_t begin_ns, said_ns;
	char object[96];
	unsigned checked, damaged;
};

/* Once a second, from the second second on. */
static void say_progress(void *context, uint64_t done_bytes)
{
	struct check *c = context;
	const uint64_t now = host_monotonic_ns();
	char size[32];

	if (now - c->begin_ns < 1000000000u || now - c->said_ns < 1000000000u)
		return;
	c->said_ns = now;
	size_text(done_bytes, size);
	host_note("image verify: %u checked, measuring %s (%s done)", c->checked, c->object, size);
}

static void check_one(void *context, const char *name, const struct store_entry *entry, int error)
{
	struct check *c = context;
	char reason[512];

	snprintf(c->object, sizeof c->object, "%s%s%.*s", entry ? entry->name : "", entry ? " " : "", SHORT, name);
	say_progress(c, 0);
	if (!error)
		error = store_verify(c->store, entry->mrenclave, say_progress, c);
	snprintf(reason, sizeof reason, "%s", error ? host_reason() : "");
	c->checked++;
	c->damaged += error != 0;
	if (c->json) {
		json_t *object = entry ? entry_json(entry) : json_pack("{ss}", "entry", name);

		json_object_set_new(object, "intact", json_boolean(!error));
		if (error) {
			json_object_set_new(object, "error", json_string(om_errname(error)));
			json_object_set_new(object, "reason", json_string(reason));
		}
		json_array_append_new(c->list, object);
	} else if (error) {
		printf("damaged  %s: %s\n", c->object, reason);
	} else {
		printf("intact   %s\n", c->object);
	}
}

struct wanted { struct check *check; const uint8_t (*list)[32]; size_t count; };

static void check_wanted(void *context, const char *name, const struct store_entry *entry, int error)
{
	const struct wanted *w = context;
	char hex[65];

	for (size_t i = 0; i < w->count; i++) {
		host_hash_text(w->list[i], hex);
		if (strcmp(hex, name) == 0) {
			check_one(w->check, name, entry, error);
			return;
		}
	}
}

static int verify_store(struct check *check, char **names, size_t count)
{
	struct wanted wanted = { check, NULL, count };
	uint8_t (*list)[32] = NULL;
	int stop = count ? select_all("verify", check->store, names, count, &list) : 0, error;

	if (stop)
		return stop - 1;
	wanted.list = (const uint8_t (*)[32])list;
	error = count ? store_visit(check->store, check_wanted, &wanted) : store_visit(check->store, check_one, check);
	free(list);
	return error ? failed("verify", "store", error) : check->damaged ? CLI_PROBLEMS : CLI_OK;
}

static int run_verify(int argc, char **argv)
{
	struct check check = { .begin_ns = host_monotonic_ns() };
	struct store store;
	bool there;
	int stop = parse(argc, argv, help_verify, &check.json), status = CLI_OK;

	if (!stop)
		stop = open_store("verify", &store, &there);
	if (stop)
		return stop - 1;
	check.store = &store;
	check.list = check.json ? json_array() : NULL;
	if (there) {
		status = verify_store(&check, argv + optind, (size_t)(argc - optind));
		store_close(&store);
	} else if (optind < argc) {
		status = failed("verify", argv[optind], OM_ENOTFOUND);
	}
	if (check.json)
		print_json(check.list);
	return status;
}

/* ---- the command ------------------------------------------------------------------------------------------ */

static const struct { const char *name; int (*run)(int argc, char **argv); } verbs[] = {
	{ "add", run_add }, { "ls", run_ls }, { "rm", run_rm }, { "show", cli_image_show }, { "verify", run_verify },
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static int unknown(const char *name)
{
	const char *names[VERB_COUNT + 1] = { NULL }, *nearest;

	for (size_t i = 0; i < VERB_COUNT; i++)
		names[i] = verbs[i].name;
	nearest = host_did_you_mean(name, names);
	if (nearest)
		host_error("image: unknown command \"%s\"; did you mean \"%s\"?", name, nearest);
	else
		host_error("image: unknown command \"%s\"; `optmig image --help` lists them", name);
	return HOST_EXIT_USAGE;
}

int cli_image(int argc, char **argv)
{
	if (argc < 2) {
		fputs(help, stderr);
		return HOST_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(help, stdout);
		return CLI_OK;
	}
	for (size_t i = 0; i < VERB_COUNT; i++)
		if (strcmp(argv[1], verbs[i].name) == 0) {
			static char name[32]; /* for messages about options */

			snprintf(name, sizeof name, "image %s", verbs[i].name);
			argv[1] = name;
			return verbs[i].run(argc - 1, argv + 1);
		}
	return unknown(argv[1]);
}
