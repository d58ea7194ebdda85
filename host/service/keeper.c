/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper is the parent of one program, and nothing else, so that the service may end, crash and be replaced while programs run. It outlives
 * the service, takes no commands, and listens to nobody. What it knows stands in records (record.h).
 *
 *     lock ─ records of a program before are gone ─ fork ─ run.json ─ life.json ─▶ the program begins ─ wait ─ end.json ─ life.json ─▶ end
 *
 * - Whoever has the lock is the only keeper. So two services, or a service that was killed between fork and record, start no program twice.
 * - The program begins only after its process has been written down. A keeper that is killed before that leaves no program. A keeper that is
 *   killed after that leaves a program that everybody finds, and whose exit status nobody will know.
 * - The keeper ignores INT, HUP and TERM: who stops a service, or a session, means programs only if he names them.
 *
 * Arguments: DIRECTORY KEEP run|receive USER|- WORKDIR -- COMMAND... The report belongs to USER. Descriptors: 3 the listening socket of a
 * receiver, 4 a pipe on which the keeper says that the program is written down ("+"), or why there is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "record.h"
#include "service.h"
#include "strerror.h"
#include "util.h"

#define LISTEN_FD 3
#define READY_FD  4
#define NOT_BEGUN 125

static const int not_ours[] = { SIGINT, SIGHUP, SIGTERM, SIGPIPE };

struct job { const char *directory, *keep, *role, *user, *work; char **command; const struct passwd *account; };

static _Noreturn void refuse(const char *what, int code)
{
	dprintf(READY_FD, "%s%s%s", what, code ? ": " : "", code ? strerror(code) : "");
	_exit(NOT_BEGUN);
}

static void take_lock(const struct job *job)
{
	char path[RECORD_PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof path, "%s/lock", job->directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		refuse(path, errno);
	if (flock(fd, LOCK_EX | LOCK_NB))
		refuse("a program of this name runs here, or is being started", 0);
}

/* The lock says that no keeper lives, but a program outlives a keeper that was killed, and a supervisor. */
static void check_former(const struct job *job)
{
	static const char *const names[] = { RECORD_RUN, RECORD_INNER };

	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		struct record_process former = { 0 };
		json_t *record;

		if (record_read(job->directory, names[i], &record))
			continue;
		if (json_is_string(json_object_get(record, "boot")) && strcmp(json_string_value(json_object_get(record, "boot")), record_boot()) == 0)
			record_process_read(json_object_get(record, "program"), &former);
		json_decref(record);
		if (record_process_alive(&former))
			refuse("a program of this name runs here, without its keeper", 0);
	}
}

static void clear_records(const struct job *job)
{
	static const char *const old[] = { RECORD_RUN, RECORD_INNER, RECORD_COME, RECORD_HOLD, RECORD_END, RECORD_MOVE, RECORD_STOP, RECORD_REPORT };
	char path[RECORD_PATH_MAX + 32];
	int fd;

	if (strcmp(job->role, "run") == 0)
		record_remove(job->directory, RECORD_BEFORE);
	for (unsigned i = 0; i < sizeof old / sizeof *old; i++)
		record_remove(job->directory, old[i]);
	snprintf(path, sizeof path, "%s/" RECORD_REPORT, job->directory);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || (job->account && fchown(fd, job->account->pw_uid, job->account->pw_gid)))
		refuse(path, errno);
	close(fd);
	setenv("OPTMIG_REPORT_FILE", path, 1);
}

static _Noreturn void be_program(const struct job *job, int go)
{
	sigset_t none;
	char word;

	/* Not before it is written down; if the keeper is gone, not at all. */
	if (read(go, &word, 1) != 1)
		_exit(NOT_BEGUN);
	close(go);
	close(READY_FD);
	if (chdir(job->work)) {
		host_error("%s: %s", job->work, strerror(errno));
		_exit(NOT_BEGUN);
	}
	for (unsigned i = 0; i < sizeof not_ours / sizeof *not_ours; i++)
		signal(not_ours[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (strcmp(job->role, "receive") == 0)
		setenv("OPTMIG_LISTEN_FD", "3", 1); /* host/move/receive.c */
	execv(job->command[0], job->command);
	host_error("%s: %s", job->command[0], strerror(errno));
	_exit(NOT_BEGUN);
}

static int write_run(const struct job *job, const struct record_process *program)
{
	struct record_process keeper;

	if (!record_process_get(getpid(), &keeper))
		return OM_EHOST;
	return record_write(job->directory, RECORD_RUN, json_pack("{ss ss sI so so}", "role", job->role, "boot", record_boot(), "began",
		(json_int_t)time(NULL), "keeper", record_process_json(&keeper), "program", record_process_json(program)));
}

static void write_end(const struct job *job, const struct record_process *program, int status)
{
	const bool signalled = WIFSIGNALED(status);

	if (record_write(job->directory, RECORD_END, json_pack("{sI sI ss si}", "pid", (json_int_t)program->pid, "ended", (json_int_t)time(NULL),
	    "how", signalled ? "signal" : "status", signalled ? "signal" : "status", signalled ? WTERMSIG(status) : WEXITSTATUS(status))))
		host_error("%s", host_reason());
}

/* What the records come to, beyond this boot. */
static int settle(const struct job *job)
{
	struct service_unit u = { 0 };
	const char *slash = strrchr(job->directory, '/');

	snprintf(u.name, sizeof u.name, "%s", slash ? slash + 1 : job->directory);
	snprintf(u.directory, sizeof u.directory, "%s", job->directory);
	snprintf(u.keep, sizeof u.keep, "%s", job->keep);
	return life_settle(&u);
}

/* Only the program's descriptors stay with it, and none with the keeper. */
static void forget_streams(const struct job *job)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < LISTEN_FD && null >= 0; fd++)
		(void)dup2(null, fd);
	if (null > 2)
		close(null);
	if (strcmp(job->role, "receive") == 0)
		close(LISTEN_FD);
}

/*
 * A program of a user's has a supervisor (docs/receiver.md), and lives on if that is killed: then it is our child. Return: false if there is
 * none.
 */
static bool find_heir(const struct job *job, struct record_process *ret)
{
	char path[64];
	FILE *list;
	int pid;
	bool found = false;

	snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
	list = job->account ? fopen(path, "re") : NULL;
	while (list && !found && fscanf(list, "%d", &pid) == 1) {
		struct stat status;

		snprintf(path, sizeof path, "/proc/%d", pid);
		found = stat(path, &status) == 0 && status.st_uid == job->account->pw_uid && record_process_get(pid, ret);
	}
	if (list)
		fclose(list);
	return found;
}

/* Return: how the program ended; @program: which process it was at last. */
static int wait_end(const struct job *job, struct record_process *program)
{
	int status = 0;

	for (;;) {
		const pid_t pid = waitpid(-1, &status, 0);

		if (pid < 0 && errno != EINTR)
			_exit(1);
		if (pid != program->pid)
			continue;
		if (!find_heir(job, program))
			return status;
		if (write_run(job, program))
			host_error("%s", host_reason());
	}
}

static _Noreturn void keep(const struct job *job)
{
	struct record_process program;
	int go[2], status;
	pid_t pid;

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	take_lock(job);
	check_former(job);
	clear_records(job);
	if (pipe2(go, O_CLOEXEC))
		refuse("pipe", errno);
	pid = fork();
	if (pid < 0)
		refuse("fork", errno);
	if (pid == 0) {
		close(go[1]);
		be_program(job, go[0]);
	}
	close(go[0]);
	if (!record_process_get(pid, &program) || write_run(job, &program) || settle(job))
		refuse(host_reason(), 0); /* the pipe ends with us, and with it the program that has not begun */
	if (write(go[1], "+", 1) != 1 || write(READY_FD, "+", 1) != 1)
		(void)0; /* the program is gone, or the service: both are seen to below, and by the next one */
	close(go[1]);
	close(READY_FD);
	forget_streams(job);
	status = wait_end(job, &program);
	write_end(job, &program, status);
	if (settle(job))
		host_error("%s", host_reason());
	_exit(0);
}

static const struct passwd *account_of(const char *user)
{
	const struct passwd *account = getpwnam(user);
	uint64_t number;

	if (!account && host_parse_u64(user, 1, UINT32_MAX - 1, &number) == 0)
		account = getpwuid((uid_t)number);
	if (!account)
		refuse("the unit's user does not exist", 0);
	return account;
}

int main(int argc, char **argv)
{
	struct job job;

	if (argc < 8 || strcmp(argv[6], "--") != 0) {
		host_error("this is started by optmigd");
		return 2;
	}
	job = (struct job){ .directory = argv[1], .keep = argv[2], .role = argv[3], .user = argv[4], .work = argv[5], .command = argv + 7 };
	if (strcmp(job.user, "-") != 0)
		job.account = account_of(job.user);
	/* Nobody's child and in nobody's session. */
	switch (fork()) {
	case -1: refuse("fork", errno);
	case 0:  break;
	default: _exit(0);
	}
	setsid();
	for (unsigned i = 0; i < sizeof not_ours / sizeof *not_ours; i++)
		signal(not_ours[i], SIG_IGN);
	prctl(PR_SET_NAME, "optmig-keeper", 0, 0, 0);
	keep(&job);
}
