/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig receive --listen ADDRESS`: wait for one enclave and become it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"
#include "control/control.h"
#include "exitcodes.h"
#include "guest_options.h"
#include "limits.h"
#include "testhooks.h"
#include "move/units.h"
#include "util.h"

static const char help[] =
	"usage: optmig receive [OPTIONS] --listen ADDRESS[:PORT]\n"
	"Waits for a program that `optmig migrate` sends, and becomes it: its exit status, signals, standard streams.\n\n"
	"  --listen ADDRESS[:PORT]   port 7777 unless given, 0: any; * listens everywhere\n"
	"  --image FILE              take only programs of this image; without it, of the images that were given to this\n"
	"                            receiver: `optmig image add`, then the directories of OPTMIG_IMAGE_PATH, then those\n"
	"                            of this user's programs that run on this very machine\n"
	"  --move-address ADDRESS/PREFIX@INTERFACE   this address comes along (may be repeated)\n"
	"  --user NAME               as root: give all rights up for this user's; a privileged parent does what limits allow\n"
	"  --allow-ports LIST        with --user: ports of the program, as 80,7000-7010 (any from 1024 on)\n"
	"  --allow-owners LIST       with --user: owners of its UNIX sockets, as USER,USER:GROUP,:GROUP (the user and its groups)\n"
	"  --guests FILE             a signed list of guests, by which the program judges the source, too (optmig-policy(5))\n"
	"  --patience TIME           before the hand-over: wait so long for a source that was lost (1min)\n"
	"  --wait TIME               end if nobody has come by then (for ever)\n"
	"  --once                    end after a migration that failed, instead of waiting for the next\n"
	CLI_ENCLAVE_HELP
	"  --quiet, --verbose        say less, or more, on stderr\n"
	CLI_GUEST_HELP
	"Exit status: the program's; 1 cannot listen, 2 usage, 125 failed (with --once), 130 interrupted.\n";

enum { OPT_LISTEN = 1, OPT_IMAGE, OPT_MOVE, OPT_GUESTS, OPT_PATIENCE, OPT_WAIT, OPT_ONCE, OPT_USER, OPT_PORTS, OPT_OWNERS, OPT_QUIET, OPT_VERBOSE, OPT_HELP };
static const struct option longs[] = {
	CLI_ENCLAVE_LONG_OPTIONS,
	CLI_GUEST_LONG_OPTIONS,
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "move-address", required_argument, NULL, OPT_MOVE },
	{ "user", required_argument, NULL, OPT_USER },
	{ "allow-ports", required_argument, NULL, OPT_PORTS },
	{ "allow-owners", required_argument, NULL, OPT_OWNERS },
	{ "guests", required_argument, NULL, OPT_GUESTS },
	{ "patience", required_argument, NULL, OPT_PATIENCE },
	{ "wait", required_argument, NULL, OPT_WAIT },
	{ "once", no_argument, NULL, OPT_ONCE },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static struct cli_limits given;
static struct priv_limits limits;
static struct guest_run_options guest;
static struct move_receive_options options = { .patience_ns = 60000000000u };

static int ready(struct host_enclave *enclave, struct host_move *move)
{
	cli_enclave_announce(enclave);
	if (host_control_start(enclave, move))
		host_note("no control socket: %s", host_reason());
	return 0;
}

static int add_move(const char *value)
{
	if (options.move_count >= MOVE_ADDRESSES_MAX || strlen(value) >= sizeof options.moves[0].text)
		return host_fail(OM_EINVAL, "at most %u addresses, each ADDRESS/PREFIX@INTERFACE", MOVE_ADDRESSES_MAX);
	snprintf(options.moves[options.move_count++].text, sizeof options.moves[0].text, "%s", value);
	return 0;
}

/* Who the receiver becomes, and what the program may do there. */
static int set_limits(void)
{
	if (given.user)
		options.limits = &limits;
	return cli_limits_read(&given, options.moves, options.move_count, &limits);
}

/* Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv)
{
	bool quiet = host_env_true("OPTMIG_QUIET"), verbose = host_log_verbose();
	int c, error = 0, ours;

	while (!error && (c = cli_getopt(argc, argv, "hqv", longs)) != -1) {
		ours = cli_guest_option(&guest, longs, c, optarg);
		if (ours < 0)
			error = ours;
		if (ours || cli_enclave_option(&options.load, c, optarg))
			continue;
		switch (c) {
		case OPT_LISTEN: error = move_endpoint_parse(optarg, &options.listen); break;
		case OPT_IMAGE:  options.load.path = optarg; break;
		case OPT_GUESTS: error = host_paper_set_file(OM_PAPER_GUESTS, optarg); break;
		case OPT_MOVE:   error = add_move(optarg); break;
		case OPT_PATIENCE: error = move_parse_duration(optarg, &options.patience_ns); break;
		case OPT_WAIT:   error = move_parse_duration(optarg, &options.wait_ns); break;
		case OPT_ONCE:   options.once = true; break;
		case OPT_USER:   given.user = optarg; break;
		case OPT_PORTS:  given.ports = optarg; break;
		case OPT_OWNERS: given.owners = optarg; break;
		case 'q': case OPT_QUIET:   quiet = true; break;
		case 'v': case OPT_VERBOSE: verbose = true; break;
		case 'h': case OPT_HELP:
			fputs(help, stdout);
			return CLI_OK + 1;
		default:
			return HOST_EXIT_USAGE + 1;
		}
	}
	host_log_options(quiet, verbose);
	if (!error)
		error = cli_guest_end(&guest);
	if (!error && guest.kind && !options.load.path)
		error = host_fail(OM_EINVAL, "with --tee: of which image? (--image FILE)");
	if (!error && guest.kind && given.user)
		error = host_fail(OM_EINVAL, "--user does not go with --tee: in a guest there is nobody else");
	if (!error && optind < argc)
		error = host_fail(OM_EINVAL, "unexpected argument %s", argv[optind]);
	if (!error && !options.listen.port[0])
		error = host_fail(OM_EINVAL, "where? (--listen ADDRESS:PORT)");
	if (!error && guest.kind && (options.load.boot_flags & OM_BOOT_TRACE || options.load.perf_map))
		error = host_fail(OM_EINVAL, "--trace and --perf-map do not go with --tee: a guest shows its host nothing of its programs");
	if (!error && !guest.kind)
		error = set_limits();
	if (!error)
		error = cli_enclave_options_end(&options.load);
	if (error)
		host_error("receive: %s", host_reason());
	return error ? HOST_EXIT_USAGE + 1 : 0;
}

int cli_receive(int argc, char **argv)
{
	int error = cli_enclave_defaults(&options.load), stop;

	if (error) {
		host_error("receive: %s", host_reason());
		return HOST_EXIT_USAGE;
	}
	stop = parse(argc, argv);
	if (stop)
		return stop - 1;
	if (guest.kind)
		return guest_run(&guest, OM_GUESTCTL_RECEIVE, NULL);
	options.ready = ready;
	options.undo = host_control_remove;
	options.restart_argv = argv - 1; /* main() passed its own, one further */
	error = host_hook_setup();
	if (!error)
		error = move_receive(&options);
	host_error_cure(error, "receive");
	return CLI_FAILED;
}
