/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seccomp_run CALL=ERROR... COMMAND [ARGUMENT...]
 *
 * Runs a command under a seccomp filter that answers some calls with an error, as containers' filters do:
 *
 *     netfilter     socket(AF_NETLINK, ..., NETLINK_NETFILTER)
 *     userfaultfd   userfaultfd()
 *     dispatch      prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_INCLUSIVE_ON, ...), unknown before Linux 6.17
 *
 * ERROR: EPERM, EAFNOSUPPORT, EPROTONOSUPPORT, EINVAL or ENOSYS.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CALLS_MAX 4
#define DISPATCH  59   /* PR_SET_SYSCALL_USER_DISPATCH */
#define ANY       (-1)

struct condition { int argument; uint32_t value; };
static const struct { const char *name; long number; struct condition conditions[2]; } calls[] = {
	{ "netfilter", SYS_socket, { { 0, AF_NETLINK }, { 2, NETLINK_NETFILTER } } },
	{ "userfaultfd", SYS_userfaultfd, { { ANY, 0 }, { ANY, 0 } } },
	{ "dispatch", SYS_prctl, { { 0, DISPATCH }, { 1, 2 } } },
};
static const struct { const char *name; uint32_t number; } errors[] = { { "EPERM", EPERM }, { "EAFNOSUPPORT", EAFNOSUPPORT },
	{ "EPROTONOSUPPORT", EPROTONOSUPPORT }, { "EINVAL", EINVAL }, { "ENOSYS", ENOSYS } };

static struct sock_filter filter[2 + 8 * CALLS_MAX + 1];
static unsigned short length;

static void add(struct sock_filter instruction)
{
	filter[length++] = instruction;
}

static uint32_t argument_at(int i)
{
	return (uint32_t)(offsetof(struct seccomp_data, args) + (size_t)i * 8);
}

/* The call's number is loaded; every comparison that fails jumps to behind the answer, where it is loaded again. */
static void refuse(size_t call, uint32_t error)
{
	unsigned short first = length, end;

	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[call].number, 0, 0));
	for (int i = 0; i < 2; i++) {
		if (calls[call].conditions[i].argument == ANY)
			continue;
		add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument_at(calls[call].conditions[i].argument)));
		add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[call].conditions[i].value, 0, 0));
	}
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
	end = length;
	for (unsigned short i = first; i < end; i++)
		if (BPF_CLASS(filter[i].code) == BPF_JMP)
			filter[i].jf = (uint8_t)(end - i - 1);
	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
}

/* CALL=ERROR. Return: whether it is one. */
static int parse(const char *text)
{
	const char *equals = strchr(text, '=');

	for (size_t c = 0; equals && c < sizeof calls / sizeof *calls; c++)
		for (size_t e = 0; e < sizeof errors / sizeof *errors; e++)
			if (strlen(calls[c].name) == (size_t)(equals - text) && !strncmp(text, calls[c].name, (size_t)(equals - text)) &&
			    !strcmp(equals + 1, errors[e].name)) {
				refuse(c, errors[e].number);
				return 1;
			}
	return 0;
}

int main(int argc, char **argv)
{
	struct sock_fprog program = { .filter = filter };
	int at = 1;

	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	while (at < argc && at <= CALLS_MAX && parse(argv[at]))
		at++;
	if (at == argc || at == 1) {
		fputs("usage: seccomp_run CALL=ERROR... COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	program.len = length;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
		perror("seccomp_run");
		return 2;
	}
	execvp(argv[at], argv + at);
	perror(argv[at]);
	return 127;
}
