/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig run PROGRAM [ARGUMENTS]`, and direct execution of an image.
 *
 *     options -> signals blocked -> enclave loaded -> statistics hook -> main thread started -> signals served
 *
 * The process ends in host_exit(), called by the thread whose host call says so.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"
#include "guest_options.h"
#include "control/control.h"
#include "debug/debug.h"
#include "guest/files.h"
#include "limits.h"
#include "net/hold.h"
#include "peer/key.h"
#include "testhooks.h"
#include "util.h"

struct run_options {
	struct host_load_options load;
	bool stats;
	const char *stats_json;
	const char *environment;
	uint64_t debugger_fd;           /* of `optmig gdb`: where to say that the enclave stands; 0: none */
	struct guest_run_options guest;
	struct cli_limits given;
	struct move_address moves[MOVE_ADDRESSES_MAX];
	uint32_t move_count;
};

static struct run_options options;      /* read by the exit hook */
static struct priv_limits limits;

static const char help[] =
	"usage: optmig run [OPTIONS] PROGRAM [ARGUMENTS]\n"
	"Runs a program built with optmig-cc in an enclave; so does ./PROGRAM itself.\n\n"
	CLI_ENCLAVE_HELP
	"  --stats                at exit, print host calls, exceptions and memory on stderr\n"
	"  --stats-json FILE      the same as JSON\n"
	"  --environment FILE     the program's environment, each entry ended by a NUL, in place of the present one\n"
	"  --user NAME            as root: give all rights up for this user's; a privileged parent does what limits allow\n"
	"  --allow-ports LIST, --allow-owners LIST, --move-address ADDRESS/PREFIX@INTERFACE   with --user: the limits (optmig-receive(1))\n"
	"  --quiet, --verbose     say less, or more, on stderr\n"
	CLI_GUEST_HELP;

enum { OPT_STATS = 1, OPT_STATS_JSON, OPT_ENVIRONMENT, OPT_USER, OPT_PORTS, OPT_OWNERS, OPT_MOVE, OPT_QUIET, OPT_VERBOSE, OPT_HELP, OPT_MEASURED, OPT_DEBUGGER };
static const struct option longs[] = {
	CLI_ENCLAVE_LONG_OPTIONS,
	CLI_GUEST_LONG_OPTIONS,
	{ "environment", required_argument, NULL, OPT_ENVIRONMENT },
	{ "user", required_argument, NULL, OPT_USER },
	{ "allow-ports", required_argument, NULL, OPT_PORTS },
	{ "allow-owners", required_argument, NULL, OPT_OWNERS },
	{ "move-address", required_argument, NULL, OPT_MOVE },
	{ "stats", no_argument, NULL, OPT_STATS },
	{ "stats-json", required_argument, NULL, OPT_STATS_JSON },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "wait-debugger", required_argument, NULL, OPT_DEBUGGER },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "heap", required_argument, NULL, OPT_MEASURED },
	{ "threads", required_argument, NULL, OPT_MEASURED },
	{ "elrange", required_argument, NULL, OPT_MEASURED },
	{ NULL, 0, NULL, 0 },
};

static const struct option *all_options(void)
{
	static struct option all[sizeof longs / sizeof *longs + 4];
	unsigned count = sizeof longs / sizeof *longs - 1;

	memcpy(all, longs, sizeof longs);
	for (const struct option *more = host_test_hooks.run_options; more && more->name; more++)
		all[count++] = *more;
	return all;
}

static int add_move(const char *value)
{
	if (options.move_count >= MOVE_ADDRESSES_MAX || strlen(value) >= sizeof options.moves[0].text)
		return host_fail(OM_EINVAL, "at most %u addresses, each ADDRESS/PREFIX@INTERFACE", MOVE_ADDRESSES_MAX);
	snprintf(options.moves[options.move_count++].text, sizeof options.moves[0].text, "%s", value);
	return 0;
}

static int check_limits(void)
{
	if (options.given.user && options.guest.kind)
		return host_fail(OM_EINVAL, "--user does not go with --tee: in a guest there is nobody else");
	if (options.move_count && !options.given.user)
		return host_fail(OM_EINVAL, "--move-address goes with --user: it limits what comes along later (optmig migrate --move-address)");
	return cli_limits_read(&options.given, options.moves, options.move_count, &limits);
}

static int check_debugging(void)
{
	if (options.guest.kind && (options.load.boot_flags & OM_BOOT_TRACE || options.load.perf_map))
		return host_fail(OM_EINVAL, "--trace and --perf-map do not go with --tee: a guest shows its host nothing of its programs");
	return cli_enclave_options_end(&options.load);
}

/* Return: 0 go on, 1 done (help), -1 usage error. */
static int parse(int argc, char **argv)
{
	bool quiet = host_env_true("OPTMIG_QUIET"), verbose = host_log_verbose();
	int c, ours;

	while ((c = cli_getopt(argc, argv, "+hqv", all_options())) != -1) {
		ours = cli_guest_option(&options.guest, all_options(), c, optarg);
		if (ours < 0) {
			host_error("run: %s", host_reason());
			return -1;
		}
		if (ours > 0 || cli_enclave_option(&options.load, c, optarg))
			continue;
		switch (c) {
		case OPT_STATS:      options.stats = true; break;
		case OPT_USER:       options.given.user = optarg; break;
		case OPT_PORTS:      options.given.ports = optarg; break;
		case OPT_OWNERS:     options.given.owners = optarg; break;
		case OPT_MOVE:
			if (add_move(optarg)) {
				host_error("run: %s", host_reason());
				return -1;
			}
			break;
		case OPT_DEBUGGER:
			if (host_parse_u64(optarg, 3, 1 << 20, &options.debugger_fd)) {
				host_error("run: --wait-debugger is for `optmig gdb` alone");
				return -1;
			}
			break;
		case OPT_ENVIRONMENT: options.environment = optarg; break;
		case OPT_STATS_JSON: options.stats_json = optarg; break;
		case 'q': case OPT_QUIET:   quiet = true; break;
		case 'v': case OPT_VERBOSE: verbose = true; break;
		case 'h': case OPT_HELP:
			fputs(help, stdout);
			return 1;
		case OPT_MEASURED:
			host_error("run: heap, threads and elrange are measured into the image and cannot be changed when it is run; "
				"build it again with `optmig-cc -Xoptmig heap=8G` or an optmig.toml next to the program");
			return -1;
		default:
			if (!host_test_hooks.run_option || host_test_hooks.run_option(c, optarg))
				return -1;
		}
	}
	host_log_options(quiet, verbose);
	if (cli_guest_end(&options.guest) == 0 && check_limits() == 0 && check_debugging() == 0)
		return 0;
	host_error("run: %s", host_reason());
	return -1;
}

static void write_stats_json(struct host_enclave *enclave, const char *path)
{
	json_t *stats = host_stats_json(enclave);

	if (!stats || json_dump_file(stats, path, JSON_INDENT(2) | JSON_SORT_KEYS))
		host_error("--stats-json: %s cannot be written", path);
	json_decref(stats);
}

static void print_stats(void *context)
{
	if (options.stats)
		host_stats_print(context, stderr);
	if (options.stats_json)
		write_stats_json(context, options.stats_json);
}

/* Without a control socket the program runs all the same; it only cannot be asked to migrate. */
static int control(struct host_enclave *enclave)
{
	struct host_move *move;
	int error = move_new(enclave, &move);

	if (!error && host_control_start(enclave, move))
		host_note("no control socket: %s", host_reason());
	return error;
}

/* A name without a slash is looked up in PATH, as a shell would; then here. */
static const char *find_program(const char *name)
{
	static char found[4096];
	const char *path = getenv("PATH");
	struct stat status;

	if (strchr(name, '/') || !path)
		return name;
	while (*path) {
		size_t length = strcspn(path, ":");
		int n = snprintf(found, sizeof found, "%.*s/%s", (int)length, path, name);

		if (length > 0 && n > 0 && (size_t)n < sizeof found && access(found, X_OK) == 0 && stat(found, &status) == 0 &&
			S_ISREG(status.st_mode))
			return found;
		path += length + (path[length] == ':');
	}
	return name;
}

/* Entries that each end with a NUL. They live as long as the process. */
static int read_environment(const char *path, char *const **ret)
{
	size_t size = 0, count = 0;
	char *text, **list;
	int error = guest_file_read(path, (uint8_t **)&text, &size);

	if (error)
		return error;
	for (size_t i = 0; i < size; i++)
		count += text[i] == 0;
	list = calloc(count + 1, sizeof *list);
	if (!list || (size > 0 && text[size - 1])) {
		free(list);
		free(text);
		return host_fail(OM_EINVAL, "%s: its last entry has no end", path);
	}
	for (size_t i = 0, at = 0; i < count; at += strlen(text + at) + 1)
		list[i++] = text + at;
	*ret = list;
	return 0;
}

/* The program's process as that user's, and beside it a parent that serves it, as a receiver's does. */
static int confine(void)
{
	const struct priv_hooks nothing = { 0 };
	const struct host_key *key;
	int error = priv_may_begin();

	/* Read while it may be: the program will want it when it moves. */
	if (!error)
		error = host_key_own(&key);
	if (!error)
		error = priv_begin(&limits, -1);
	if (!error)
		error = priv_watch(&nothing);
	if (!error)
		priv_settled();
	return error;
}

static int start(const char *path, char *const *argv)
{
	struct host_enclave *enclave;
	uint32_t main_slot;
	int error;

	options.load.path = path;
	options.load.argv = argv;
	options.load.envp = environ;
	options.load.stats = options.stats || options.stats_json;
	error = options.given.user ? confine() : 0;
	host_signals_block(false);
	if (!error)
		error = host_hook_setup();
	if (!error && options.environment)
		error = read_environment(options.environment, &options.load.envp);
	if (!error)
		error = host_enclave_load(&options.load, &enclave, &main_slot);
	if (error) {
		host_error_cure(error, path);
		return HOST_EXIT_FAILED;
	}
	cli_enclave_announce(enclave);
	if (options.load.stats)
		host_at_exit(print_stats, enclave);
	error = control(enclave);
	if (!error)
		host_net_begin();
	if (!error && options.debugger_fd)
		error = debug_wait(enclave, (int)options.debugger_fd);
	if (!error && main_slot)
		error = host_start_thread(enclave, main_slot);
	if (!error)
		error = host_hook_started(enclave);
	if (error) {
		host_error_cure(error, path);
		return HOST_EXIT_FAILED;
	}
	host_serve_signals(enclave);
}

int cli_run(int argc, char **argv)
{
	int parsed;

	if (cli_enclave_defaults(&options.load)) {
		host_error("run: %s", host_reason());
		return HOST_EXIT_USAGE;
	}
	parsed = parse(argc, argv);
	if (parsed)
		return parsed > 0 ? 0 : HOST_EXIT_USAGE;
	if (optind >= argc) {
		host_error("run: which program? (see `optmig run --help`)");
		return HOST_EXIT_USAGE;
	}
	if (options.guest.kind) {
		argv[optind] = (char *)find_program(argv[optind]);
		return guest_run(&options.guest, OM_GUESTCTL_RUN, argv + optind);
	}
	return start(find_program(argv[optind]), argv + optind);
}

/* argv: "optmig-exec", path, argv of the program. Settings come from the environment alone. */
int cli_run_direct(int argc, char **argv)
{
	if (argc < 3) {
		host_error("optmig-exec is started by the images themselves; use `optmig run PROGRAM`");
		return HOST_EXIT_USAGE;
	}
	if (cli_enclave_defaults(&options.load)) {
		host_error("%s", host_reason());
		return HOST_EXIT_USAGE;
	}
	options.stats = host_env_true("OPTMIG_STATS");
	options.stats_json = getenv("OPTMIG_STATS_JSON");
	return start(argv[1], argv + 2);
}
