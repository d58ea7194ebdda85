/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress goes to stderr: on a terminal one line that is written over, else a plain line now and then. The report goes
 * to stdout. The enclave process sends events. A lost connection to that process after the hand-over means that it has ended.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli.h"
#include "control/client.h"
#include "exitcodes.h"
#include "json_text.h"
#include "move/report.h"
#include "util.h"
#include "watch.h"

#define PLAIN_EVERY_MS 2000
#define POLL_MS        200

static volatile sig_atomic_t signals_seen;

static void on_signal(int signo)
{
	(void)signo;
	signals_seen++;
}

void cli_watch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void clear_line(bool terminal)
{
	if (terminal)
		fputs("\r\033[K", stderr);
}

static void print_progress(const json_t *report, bool terminal)
{
	static uint64_t last_ns;
	struct winsize window;
	char line[512];
	uint64_t now = host_monotonic_ns();

	if (!terminal && last_ns != 0 && now - last_ns < PLAIN_EVERY_MS * 1000000ull)
		return;
	last_ns = now;
	move_report_line(report, line, sizeof line);
	if (!terminal) {
		host_note("%s", line);
		return;
	}
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 1 && window.ws_col < strlen(line))
		line[window.ws_col - 1] = 0;
	fprintf(stderr, "\r%s\033[K", line);
}

static void print_end(const json_t *report, const char *command, const char *program, bool json)
{
	if (json) {
		json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
		putchar('\n');
	} else {
		move_report_text(report, stdout);
	}
	fflush(stdout);
	if (!*json_text(report, "error"))
		return;
	host_error("%s: %s: %s", command, program, json_text(report, "error-desc"));
	host_error("  %s", json_text(report, "error-cure"));
}

static int status_of(const json_t *report)
{
	const char *status = json_text(report, "status");

	if (strcmp(status, "completed") == 0 || strcmp(status, "rehearsed") == 0)
		return CLI_OK;
	return strcmp(status, "cancelled") == 0 ? CLI_CANCELLED : CLI_FAILED;
}

/* What the signals so far ask for. Return: true to detach. */
static bool heed_signals(struct channel *channel, const char *command, bool *cancelled, bool want_cancel)
{
	if (signals_seen >= 2)
		return true;
	if ((signals_seen || want_cancel) && !*cancelled) {
		*cancelled = true;
		if (channel_send(channel, json_pack("{ss}", "command", "cancel")) == 0)
			host_note("%s: cancelling%s", command, signals_seen ? "; once more to let it go on without this command" : "");
	}
	return false;
}

int cli_watch(struct channel *channel, const char *command, const char *program, bool json, uint64_t timeout_ms)
{
	bool terminal = isatty(STDERR_FILENO) && !json, cancelled = false, paused = false;
	uint64_t end_ns = timeout_ms ? host_monotonic_ns() + timeout_ms * 1000000 : UINT64_MAX;

	for (;;) {
		json_t *event, *report;
		int status, error;

		if (heed_signals(channel, command, &cancelled, host_monotonic_ns() > end_ns)) {
			clear_line(terminal);
			host_error("%s: detached; the migration goes on, see `optmig status %s`", command, program);
			return CLI_DETACHED;
		}
		error = channel_receive(channel, POLL_MS, &event);
		if (error == OM_ETIMEDOUT)
			continue;
		if (error) {
			clear_line(terminal);
			host_error("%s: %s: the process ended without a report; if it was killed, the program ended with it", command, program);
			return CLI_FAILED;
		}
		report = json_object_get(event, "report");
		if (!report) { /* the answer to our cancel */
			if (channel_error_of(event))
				host_error("%s: %s", command, host_reason());
			json_decref(event);
			continue;
		}
		if (strcmp(json_text(event, "event"), "end") == 0) {
			clear_line(terminal);
			print_end(report, command, program, json);
			status = status_of(report);
			json_decref(event);
			return status;
		}
		if (strcmp(json_text(report, "phase"), "reconnecting") == 0 && !paused)
			host_note("%s: connection to %s lost, trying to reconnect", command, json_text(report, "peer"));
		paused = strcmp(json_text(report, "phase"), "reconnecting") == 0;
		print_progress(report, terminal);
		json_decref(event);
	}
}
