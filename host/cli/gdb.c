/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig gdb NAME|PID|PROGRAM`: gdb at a program that runs, or at one that is started for it and waits until gdb is there.
 *
 *     attach:  NAME or PID -> control socket: pid, image -> gdb -p PID
 *     start:   fork; the child is `optmig run --wait-debugger=FD PROGRAM ...`, and writes a byte when its enclave stands -> gdb -p CHILD
 *
 * gdb takes the place of this process. What it has to know of enclaves is in libexec/gdb (host/debug/gdb).
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli.h"
#include "control/client.h"
#include "exitcodes.h"
#include "load/enclave.h"
#include "load/imageread.h"
#include "util.h"

#define WORDS_MAX 512

static const char help[] =
	"usage: optmig gdb [OPTIONS] NAME|PID|PROGRAM [ARGUMENTS] [-- GDB-ARGUMENTS]\n"
	"Debugs a program in a debug image: one that runs here, or PROGRAM (a path), which is started and waits for gdb's \"continue\".\n\n"
	"  --symbols FILE         the image before it was stripped, or what optmig-strip --only-keep-debug wrote\n"
	"  --emu, --hw, ...       with PROGRAM: options of optmig-run(1) that take no argument\n"
	"In gdb: `optmig threads`, $tls(\"NAME\"). After a move, attach where the program is now.\n";

enum { OPT_SYMBOLS = 1, OPT_HELP, OPT_EMU, OPT_HW, OPT_GUEST, OPT_STRICT };
static const struct option longs[] = {
	{ "symbols", required_argument, NULL, OPT_SYMBOLS },
	{ "emu", no_argument, NULL, OPT_EMU },
	{ "hw", no_argument, NULL, OPT_HW },
	{ "guest", no_argument, NULL, OPT_GUEST },
	{ "emu-strict", no_argument, NULL, OPT_STRICT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

struct words { char *list[WORDS_MAX]; unsigned count; };

static void add(struct words *w, const char *word)
{
	if (w->count < WORDS_MAX - 1)
		w->list[w->count++] = (char *)word;
}

static int find_self(char *ret, size_t size)
{
	const ssize_t got = readlink("/proc/self/exe", ret, size - 1);

	if (got < 0)
		return host_fail(OM_EIO, "/proc/self/exe: %s", strerror(errno));
	ret[got] = 0;
	return 0;
}

/* ../libexec/gdb/NAME of this program. */
static int find_part(const char *name, char *ret, size_t size)
{
	char self[4096];
	char *slash;
	int error = find_self(self, sizeof self);

	if (error)
		return error;
	slash = strrchr(self, '/');
	if (!slash)
		return host_fail(OM_EIO, "/proc/self/exe has no directory");
	*slash = 0;
	if ((size_t)snprintf(ret, size, "%s/../libexec/gdb/%s", self, name) >= size)
		return host_fail(OM_EINVAL, "too long a path");
	return access(ret, R_OK) ? host_fail(OM_EIO, "%s: %s", ret, strerror(errno)) : 0;
}

/* The thread slots' TCS, for the preloaded part that sets DBGOPTIN: "first count stride", addresses in hexadecimal. */
static void note_slots(const struct om_image_header *header)
{
	char text[64];

	snprintf(text, sizeof text, "%llx %x %x", (unsigned long long)(OM_ELRANGE_BASE + header->slots_offset + OM_SLOT_TCS),
		header->service_slots + header->app_threads, OM_SLOT_SIZE);
	setenv("OPTMIG_GDB_TCS", text, 1);
	snprintf(text, sizeof text, "%llx", (unsigned long long)OM_ELRANGE_BASE);
	setenv("OPTMIG_GDB_BASE", text, 1);
}

static int check_image(const char *path)
{
	struct host_image *image = calloc(1, sizeof *image);
	int error = image ? host_image_open(path, false, image) : host_fail(OM_ENOMEM, "no memory");

	if (!error && !(image->image.header.flags & OM_IMAGE_DEBUG))
		error = host_fail(OM_EDEBUG, "%s is a production image, which nobody can look into; build it with -Xoptmig debug=1", path);
	if (!error)
		note_slots(&image->image.header);
	host_image_free(image);
	return error;
}

/* Return: the child, stopped where its enclave stands, or OM_E*. */
static int start_program(const struct words *run)
{
	int ends[2], error;
	char byte, option[32], self[4096];
	pid_t child;

	error = find_self(self, sizeof self);
	if (error)
		return error;
	if (pipe2(ends, O_CLOEXEC))
		return host_fail(OM_EIO, "pipe: %s", strerror(errno));
	child = fork();
	if (child < 0)
		return host_fail(OM_ENOMEM, "fork: %s", strerror(errno));
	if (child == 0) {
		struct words w = *run;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);          /* when gdb ends, so does what it has started */
		(void)fcntl(ends[1], F_SETFD, 0);
		snprintf(option, sizeof option, "--wait-debugger=%d", ends[1]);
		w.list[2] = option;
		execv(self, w.list);
		_exit(HOST_EXIT_FAILED);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1) {
		(void)waitpid(child, NULL, 0);
		return host_fail(OM_ESTATE, "it did not come to its start");
	}
	close(ends[0]);
	return child;
}

static int become_gdb(int pid, const char *symbols, const struct words *more, bool hardware)
{
	char script[4200], preload[4200], number[16];
	struct words w = { .count = 0 };
	int error = find_part("optmig.py", script, sizeof script);

	if (!error && hardware)
		error = find_part("sgx-ptrace.so", preload, sizeof preload);
	if (error)
		return error;
	if (hardware)
		setenv("LD_PRELOAD", preload, 1);
	setenv("OPTMIG_GDB_SYMBOLS", symbols, 1);
	snprintf(number, sizeof number, "%d", pid);
	add(&w, "gdb");
	add(&w, "-q");
	/* libthread_db takes the program's thread pointer for glibc's. */
	add(&w, "-iex"), add(&w, "set libthread-db-search-path /");
	add(&w, "-iex"), add(&w, "set debuginfod enabled off");
	add(&w, "-p"), add(&w, number);
	add(&w, "-x"), add(&w, script);
	for (unsigned i = 0; i < more->count; i++)
		add(&w, more->list[i]);
	w.list[w.count] = NULL;
	execvp(w.list[0], w.list);
	return host_fail(OM_EIO, "gdb: %s (Debian's package gdb)", strerror(errno));
}

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "";
}

static int attach(const char *target, const char *symbols, const struct words *more)
{
	struct channel channel;
	json_t *info;
	int error = client_open(target, CLIENT_RUNNING, &channel, &info);

	if (error)
		return cli_request_failed("gdb", target, error);
	channel_done(&channel);
	error = check_image(member(info, "image"));
	if (!error)
		error = become_gdb((int)json_integer_value(json_object_get(info, "pid")), symbols ? symbols : member(info, "image"), more,
			strcmp(member(info, "sgx"), "hardware") == 0);
	host_error_cure(error, target);
	json_decref(info);
	return CLI_FAILED;
}

/* Behind the last "--". */
static void split(int argc, char **argv, int *ret_argc, struct words *ret_more)
{
	int at = argc;

	for (int i = argc - 1; i > 0 && at == argc; i--)
		if (strcmp(argv[i], "--") == 0)
			at = i;
	for (int i = at + 1; i < argc; i++)
		add(ret_more, argv[i]);
	*ret_argc = at;
}

int cli_gdb(int argc, char **argv)
{
	struct words more = { .count = 0 }, run = { .count = 0 };
	const char *symbols = NULL;
	int c, pid, error;

	split(argc, argv, &argc, &more);
	add(&run, "optmig"), add(&run, "run"), add(&run, NULL);          /* --wait-debugger */
	while ((c = cli_getopt(argc, argv, "+h", longs)) != -1)
		switch (c) {
		case OPT_SYMBOLS: symbols = optarg; break;
		case OPT_EMU:    add(&run, "--emu"); break;
		case OPT_HW:     add(&run, "--hw"); break;
		case OPT_GUEST:  add(&run, "--guest"); break;
		case OPT_STRICT: add(&run, "--emu-strict"); break;
		case 'h': case OPT_HELP:
			fputs(help, stdout);
			return CLI_OK;
		default:
			return HOST_EXIT_USAGE;
		}
	if (optind >= argc) {
		host_error("gdb: which program? (see `optmig gdb --help`)");
		return HOST_EXIT_USAGE;
	}
	if (!strchr(argv[optind], '/'))
		return attach(argv[optind], symbols, &more);
	for (int i = optind; i < argc; i++)
		add(&run, argv[i]);
	error = check_image(argv[optind]);
	if (!error) {
		pid = start_program(&run);
		error = pid < 0 ? pid : become_gdb(pid, symbols ? symbols : argv[optind], &more, access("/dev/sgx_enclave", F_OK) == 0);
	}
	host_error_cure(error, argv[optind]);
	return CLI_FAILED;
}
