/* SPDX-License-Identifier: Apache-2.0 */
/* optmigd: options, and the order of the beginning. Its end is that of any process: programs do not notice it. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include "cli/cli.h"
#include "control/rundir.h"
#include "move/move.h"
#include "move/units.h"
#include "seen.h"
#include "service.h"
#include "share.h"
#include "strerror.h"
#include "util.h"
#include "web.h"

#define TLS_DIRECTORY "/etc/optmig/tls/"
#define USAGE  2
#define FAILED 1

static const char help[] =
	"usage: optmigd [OPTIONS]\n"
	"Starts programs in enclaves, keeps account of them, and moves them between hosts: optmig-unit(1), docs/fleet.md.\n\n"
	"  --units DIR           the units' files (/etc/optmig/units)\n"
	"  --socket FILE         where `optmig unit` finds it (OPTMIG_SERVICE_SOCKET, or optmigd.sock in the runtime directory)\n"
	"  --state DIR           what is written down of programs (OPTMIG_SERVICE_STATE, or beside the runtime directory)\n"
	"  --keep DIR            what must outlive the machine's start (OPTMIG_SERVICE_KEEP, /var/lib/optmig/service)\n"
	"  --group NAME          its members may use the socket, beside this user\n"
	"  --listen ADDRESS[:PORT]   HTTPS for other hosts (*, port 7780); there is none without a certificate\n"
	"  --certificate FILE, --key FILE, --ca FILE   this host's, and who signs hosts' (/etc/optmig/tls/host.pem, host.key, ca.pem)\n"
	"  --crl FILE            the CA's list of revoked certificates; read again when it changes\n"
	"  --https-user NAME     whose the process is that hears the network (optmigd, or nobody)\n"
	"  --metrics ADDRESS:PORT    figures for Prometheus, to whoever reaches it (none); --metrics-file FILE: for node_exporter\n"
	"  --web [ADDRESS:]PORT  a page for browsers (none; without ADDRESS 127.0.0.1): docs/web.md\n"
	"  --web-readers any|certificate    who sees anything there without a certificate (any on a loopback address, else who has one)\n"
	"  --web-operators NAME[,NAME...]   whose certificates may give orders there (nobody's)\n"
	"  --web-hosts HOST[,HOST...]       other hosts to show, beside the cluster's\n"
	"  --events FILE         what happens, one JSON object a line (the journal's fields alone)\n"
	"  --audit FILE          what was judged of other machines, only ever appended to (.audit.jsonl in --keep)\n"
	"  --receive ADDRESS     where programs come to (the address that the other host asked at)\n"
	"  --fleet DIR           the fleet's key (key.pem) and owners' delegations to it, for tickets (/etc/optmig/fleet)\n"
	"  --accept defined|any  which programs of other hosts are let in: those that have a unit here (default), or any\n"
	"  --bandwidth RATE      what all moves that leave this host may send together (no limit)\n"
	"  --quiet, --verbose    say less, or more\n"
	"  --version\n"
	"HUP reads the units' files again. The programs go on when optmigd ends, and the next optmigd finds them.\n"
	"Exit status: 0 told to end; 1 cannot begin; 2 usage.\n";

enum { OPT_UNITS = 1, OPT_SOCKET, OPT_STATE, OPT_GROUP, OPT_LISTEN, OPT_CERTIFICATE, OPT_KEY, OPT_CA, OPT_USER, OPT_RECEIVE, OPT_ACCEPT, OPT_QUIET,
	OPT_VERBOSE, OPT_VERSION, OPT_HELP, OPT_KEEP, OPT_CRL, OPT_FLEET, OPT_METRICS, OPT_METRICS_FILE, OPT_EVENTS,
	OPT_AUDIT, OPT_BANDWIDTH, OPT_WEB, OPT_WEB_READERS, OPT_WEB_OPERATORS, OPT_WEB_HOSTS };
static const struct option longs[] = {
	{ "units", required_argument, NULL, OPT_UNITS },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "state", required_argument, NULL, OPT_STATE },
	{ "keep", required_argument, NULL, OPT_KEEP },
	{ "group", required_argument, NULL, OPT_GROUP },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "certificate", required_argument, NULL, OPT_CERTIFICATE },
	{ "key", required_argument, NULL, OPT_KEY },
	{ "ca", required_argument, NULL, OPT_CA },
	{ "crl", required_argument, NULL, OPT_CRL },
	{ "https-user", required_argument, NULL, OPT_USER },
	{ "metrics", required_argument, NULL, OPT_METRICS },
	{ "metrics-file", required_argument, NULL, OPT_METRICS_FILE },
	{ "web", required_argument, NULL, OPT_WEB },
	{ "web-readers", required_argument, NULL, OPT_WEB_READERS },
	{ "web-operators", required_argument, NULL, OPT_WEB_OPERATORS },
	{ "web-hosts", required_argument, NULL, OPT_WEB_HOSTS },
	{ "events", required_argument, NULL, OPT_EVENTS },
	{ "audit", required_argument, NULL, OPT_AUDIT },
	{ "receive", required_argument, NULL, OPT_RECEIVE },
	{ "fleet", required_argument, NULL, OPT_FLEET },
	{ "accept", required_argument, NULL, OPT_ACCEPT },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "verbose", no_argument, NULL, OPT_VERBOSE },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "bandwidth", required_argument, NULL, OPT_BANDWIDTH },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static const char *socket_path, *state_path, *keep_path, *metrics_path, *events_path, *audit_path, *web_readers, *web_operators, *web_hosts;
static struct peer_options peers = { .listen = "*:" SERVICE_PORT, .user = "" };

static int set_group(const char *name)
{
	const struct group *group = getgrnam(name);

	if (!group || group->gr_gid == 0)
		return host_fail(OM_EINVAL, "there is no group \"%s\", or it is root's", name);
	service.group = group->gr_gid;
	return 0;
}

static int set_accept(const char *word)
{
	service.accept_any = strcmp(word, "any") == 0;
	return service.accept_any || strcmp(word, "defined") == 0 ? 0 : host_fail(OM_EINVAL, "--accept %s: there are defined and any", word);
}

/* Who may see the page's figures without a certificate: where nobody but this machine reaches it, any. */
static int set_web(void)
{
	peers.web_any = web_readers ? strcmp(web_readers, "any") == 0 : peer_is_loopback(peers.web);
	if (web_readers && !peers.web_any && strcmp(web_readers, "certificate") != 0)
		return host_fail(OM_EINVAL, "--web-readers %s: there are any and certificate", web_readers);
	if (!peers.web && (web_readers || web_operators || web_hosts))
		return host_fail(OM_EINVAL, "--web-readers, --web-operators and --web-hosts are of --web");
	return web_options(web_operators, web_hosts);
}

/* Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv)
{
	bool quiet = host_env_true("OPTMIG_QUIET"), verbose = host_env_true("OPTMIG_VERBOSE");
	uint64_t rate = 0;
	int c, error = 0;

	while (!error && (c = cli_getopt(argc, argv, "hqv", longs)) != -1)
		switch (c) {
		case OPT_UNITS:       service.units_directory = optarg; break;
		case OPT_SOCKET:      socket_path = optarg; break;
		case OPT_STATE:       state_path = optarg; break;
		case OPT_KEEP:        keep_path = optarg; break;
		case OPT_GROUP:       error = set_group(optarg); break;
		case OPT_LISTEN:      peers.listen = optarg; break;
		case OPT_CERTIFICATE: peers.certificate = optarg; break;
		case OPT_KEY:         peers.key = optarg; break;
		case OPT_CA:          peers.ca = optarg; break;
		case OPT_CRL:         peers.crl = optarg; break;
		case OPT_USER:        peers.user = optarg; break;
		case OPT_METRICS:     peers.metrics = optarg; break;
		case OPT_METRICS_FILE: metrics_path = optarg; break;
		case OPT_WEB:         peers.web = optarg; break;
		case OPT_WEB_READERS: web_readers = optarg; break;
		case OPT_WEB_OPERATORS: web_operators = optarg; break;
		case OPT_WEB_HOSTS:   web_hosts = optarg; break;
		case OPT_EVENTS:      events_path = optarg; break;
		case OPT_AUDIT:       audit_path = optarg; break;
		case OPT_FLEET:       service.fleet = optarg; break;
		case OPT_RECEIVE:     service.receive = optarg; break;
		case OPT_ACCEPT:      error = set_accept(optarg); break;
		case OPT_BANDWIDTH:   error = move_parse_rate(optarg, &rate); share_link(rate); break;
		case 'q': case OPT_QUIET:   quiet = true; break;
		case 'v': case OPT_VERBOSE: verbose = true; break;
		case OPT_VERSION:
			puts("optmigd " OPTMIG_VERSION);
			return 1;
		case 'h': case OPT_HELP:
			fputs(help, stdout);
			return 1;
		default:
			return USAGE + 1;
		}
	host_log_options(quiet, verbose);
	if (!error && optind < argc)
		error = host_fail(OM_EINVAL, "unexpected argument %s", argv[optind]);
	if (!error)
		error = set_web();
	if (error)
		host_error("optmigd: %s", host_reason());
	return error ? USAGE + 1 : 0;
}

/* ---- paths ------------------------------------------------------------------------------------------------------------------------------ */

/* BIN/optmigd: BIN/optmig, and BIN/../libexec/... */
static int find_programs(void)
{
	char self[3900], *slash;
	const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);

	if (length <= 0)
		return host_fail(OM_EIO, "/proc/self/exe: %s", strerror(errno));
	self[length] = 0;
	slash = strrchr(self, '/');
	*slash = 0;
	snprintf(service.optmig, sizeof service.optmig, "%s/optmig", self);
	slash = strrchr(self, '/');
	*slash = 0;
	snprintf(service.keeper, sizeof service.keeper, "%s/libexec/optmig-keeper", self);
	snprintf(service.https, sizeof service.https, "%s/libexec/optmigd-https", self);
	if (access(service.optmig, X_OK) || access(service.keeper, X_OK) || access(service.https, X_OK))
		return host_fail(OM_ENOTFOUND, "%s, %s or %s is missing", service.optmig, service.keeper, service.https);
	return 0;
}

static int check_ours(const char *path)
{
	struct stat status;

	if (lstat(path, &status) || !S_ISDIR(status.st_mode) || status.st_uid != geteuid() || status.st_mode & (S_IWGRP | S_IWOTH))
		return host_fail(OM_EPERM, "%s is not a directory of this user alone", path);
	return 0;
}

/* mkdir -p */
static int find_keep(void)
{
	int error = record_keep(keep_path, service.state, record_usual(state_path), service.keep, sizeof service.keep);

	for (char *slash = service.keep + 1; !error; slash++) {
		slash = strchrnul(slash, '/');
		const char was = *slash;

		*slash = 0;
		if (mkdir(service.keep, was ? 0755 : 0700) && errno != EEXIST)
			error = host_fail(OM_EIO, "%s: %s; --keep names another place", service.keep, strerror(errno));
		*slash = was;
		if (!was)
			break;
	}
	return error ? error : check_ours(service.keep);
}

/* The records' directory: ours alone to write to, and the programs' users must be able to reach their report in it. */
static int find_state(void)
{
	int error = record_folder(state_path, service.state, sizeof service.state);

	if (error)
		return error;
	if (mkdir(service.state, 0711) && errno != EEXIST)
		return host_fail(OM_EIO, "%s: %s", service.state, strerror(errno));
	return check_ours(service.state);
}

/* What systemd says to this process is nobody else's. */
static int make_environment(void)
{
	static const char *const ours[] = { "NOTIFY_SOCKET=", "LISTEN_", "WATCHDOG_", "JOURNAL_STREAM=", "INVOCATION_ID=", "MAINPID=", "OPTMIG_LISTEN_FD=",
		"OPTMIG_REPORT_FILE=" };
	size_t count = 0;

	while (environ[count])
		count++;
	service.environment = calloc(count + 1, sizeof *service.environment);
	if (!service.environment)
		return host_fail(OM_ENOMEM, "no memory");
	for (size_t from = 0, to = 0; from < count; from++) {
		bool is_ours = false;

		for (unsigned i = 0; i < sizeof ours / sizeof *ours; i++)
			is_ours |= strncmp(environ[from], ours[i], strlen(ours[i])) == 0;
		if (!is_ours)
			service.environment[to++] = environ[from];
	}
	return 0;
}

/* Two services with the same records would order the same. */
static int lock_state(void)
{
	char path[RECORD_PATH_MAX];
	int fd;

	snprintf(path, sizeof path, "%s/.lock", service.state);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	return flock(fd, LOCK_EX | LOCK_NB) ? host_fail(OM_EEXISTS, "%s: an optmigd runs already", service.state) : 0; /* open as long as we are */
}

static const char *find_socket(void)
{
	static char path[HOST_RUNDIR_MAX + 16];
	const char *given = socket_path ? socket_path : getenv("OPTMIG_SERVICE_SOCKET");
	char runtime[HOST_RUNDIR_MAX];

	if (given && *given)
		return given;
	if (host_rundir(1, runtime, sizeof runtime))
		return "";
	snprintf(path, sizeof path, "%s/optmigd.sock", runtime);
	return path;
}

/* What stands where it is looked for without being named. */
static int find_certificates(void)
{
	const unsigned given = (peers.certificate != NULL) + (peers.key != NULL) + (peers.ca != NULL);

	if (given == 0 && access(TLS_DIRECTORY "host.pem", F_OK) != 0) {
		host_note("no certificate in " TLS_DIRECTORY ": other hosts cannot be asked, and do not ask (optmigd(8))");
		return 0;
	}
	peers.certificate = peers.certificate ? peers.certificate : TLS_DIRECTORY "host.pem";
	peers.key = peers.key ? peers.key : TLS_DIRECTORY "host.key";
	peers.ca = peers.ca ? peers.ca : TLS_DIRECTORY "ca.pem";
	return 0;
}

/* ---- signals ---------------------------------------------------------------------------------------------------------------------------- */

static void *signals_main(void *argument)
{
	sigset_t *set = argument;
	int signo;

	for (;;) {
		if (sigwait(set, &signo))
			continue;
		if (signo == SIGHUP) {
			units_load();
			peer_reload();
			events_reopen();
			continue;
		}
		host_note("optmigd ends; programs go on");
		_exit(0);
	}
	return NULL;
}

static int hear_signals(void)
{
	static sigset_t set;
	pthread_t thread;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return pthread_create(&thread, NULL, signals_main, &set) ? host_fail(OM_ENOMEM, "no thread") : 0;
}

static int begin(int *ret_fd)
{
	int error = find_programs();

	if (!error)
		error = make_environment();
	if (!error)
		error = find_state();
	if (!error)
		error = find_keep();
	if (!error)
		error = lock_state();
	if (!error)
		error = events_open(events_path);
	if (!error)
		error = audit_open(audit_path);
	if (!error)
		error = find_certificates();
	if (!error)
		error = hear_signals();
	/* Before anybody asks for one. */
	if (!error)
		units_load();
	if (!error)
		error = peer_begin(&peers);
	if (!error && metrics_path)
		error = metrics_file_begin(metrics_path);
	if (!error)
		error = socket_open(find_socket(), ret_fd);
	return error;
}

int main(int argc, char **argv)
{
	int fd, stop;

	service.units_directory = "/etc/optmig/units";
	service.fleet = "/etc/optmig/fleet";
	service.began = time(NULL);
	host_cond_init(&service.changed);
	umask(022);
	stop = parse(argc, argv);
	if (stop)
		return stop - 1;
	if (begin(&fd)) {
		host_error("optmigd: %s", host_reason());
		return FAILED;
	}
	(void)sd_notify(0, "READY=1\nSTATUS=serving"); /* nothing where there is no systemd */
	host_error("ready on %s", find_socket());
	boot_begin();
	socket_serve(fd);
}
