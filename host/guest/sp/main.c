/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optmig-sp: the security processor of one plain guest (processor.h). It is a process beside the guest's QEMU, which connects to the socket and
 * makes the guest's port of it. Whoever launches the guest tells optmig-sp how the guest was launched, as the host's kernel tells the firmware. What
 * the guest says is hostile. There is one guest and one connection: when the connection ends, so does the process.
 *
 *     optmig-sp --listen SOCKET --measurement HEX [--policy N] [--svn N | --id-block PREFIX] [--seed FILE] [--host-data HEX]
 *
 * "listening" on standard output says that QEMU can connect.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "cursor.h"
#include "evidence/accept/ticket_text.h"
#include "guest/id_files.h"
#include "processor.h"
#include "util.h"

#define EXIT_USAGE 2

struct options { const char *listen, *seed, *id_block; struct sp_launch launch; bool measured; };

static const struct option longs[] = {
	{ "listen", required_argument, NULL, 'l' },
	{ "measurement", required_argument, NULL, 'm' },
	{ "policy", required_argument, NULL, 'p' },
	{ "svn", required_argument, NULL, 'v' },
	{ "id-block", required_argument, NULL, 'i' },
	{ "seed", required_argument, NULL, 's' },
	{ "host-data", required_argument, NULL, 'd' },
	{ NULL, 0, NULL, 0 },
};

static bool hex(const char *text, uint8_t *ret, size_t size) { return strlen(text) == 2 * size && om_hex_decode(text, 2 * size, ret, size); }

static bool option(struct options *o, int letter)
{
	uint64_t number;

	switch (letter) {
	case 'l':
		o->listen = optarg;
		return true;
	case 's':
		o->seed = optarg;
		return true;
	case 'i':
		o->id_block = optarg;
		return true;
	case 'm':
		return (o->measured = hex(optarg, o->launch.measurement, sizeof o->launch.measurement));
	case 'd':
		return hex(optarg, o->launch.host_data, sizeof o->launch.host_data);
	case 'p':
		return host_parse_u64(optarg, 0, OM_SNP_POLICY_KNOWN, &o->launch.policy) == 0 && o->launch.policy & OM_SNP_POLICY_ONE;
	case 'v':
		if (host_parse_u64(optarg, 0, UINT32_MAX, &number) < 0)
			return false;
		o->launch.svn = (uint32_t)number;
		return true;
	default:
		return false;
	}
}

/* Return: false after words. */
static bool read_options(int argc, char **argv, struct options *o)
{
	int letter, which = 0;

	o->launch.policy = OM_SNP_POLICY_ONE | OM_SNP_POLICY_SMT;
	while ((letter = getopt_long(argc, argv, "", longs, &which)) != -1)
		if (!option(o, letter)) {
			if (letter != '?')
				host_error("--%s: %s is no value of it", longs[which].name, optarg);
			return false;
		}
	if (o->listen && o->measured && optind == argc && !(o->id_block && o->launch.svn))
		return true;
	host_error("usage: optmig-sp --listen SOCKET --measurement HEX [--policy N] [--svn N | --id-block PREFIX] [--seed FILE] [--host-data HEX]");
	return false;
}

/* As the firmware ends a launch: what the owner has not signed does not come to run. */
static int finish_launch(const char *prefix, struct sp_launch *launch)
{
	static struct guest_id id;
	int error = guest_id_read(prefix, &id);

	if (!error)
		error = guest_id_allows(&id, launch->measurement, launch->policy);
	if (error)
		return error;
	launch->svn = id.owner.block.svn;
	memcpy(launch->family_id, id.owner.block.family, sizeof launch->family_id);
	memcpy(launch->image_id, id.owner.block.image, sizeof launch->image_id);
	memcpy(launch->id_key, id.owner.id_key, sizeof launch->id_key);
	memcpy(launch->author_key, id.owner.author_key, sizeof launch->author_key);
	launch->author = id.owner.author;
	return 0;
}

/* The chip is the file's, which is made at first use; without one it is another each time. */
static int read_seed(const char *path, uint8_t seed[32])
{
	ssize_t got = 0;
	int fd;

	if (!path)
		return getrandom(seed, 32, 0) == 32 ? 0 : host_fail(OM_EIO, "no random numbers: %s", strerror(errno));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	(void)flock(fd, LOCK_EX);   /* two guests that start on a chip that is not made yet */
	got = read(fd, seed, 32);
	if (got == 0 && getrandom(seed, 32, 0) == 32)
		got = write(fd, seed, 32);
	close(fd);
	return got == 32 ? 0 : host_fail(OM_EIO, "%s: not a chip's seed of 32 bytes", path);
}

/* The one connection that there will be. */
static int connection(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = -1;

	if (strlen(path) >= sizeof name.sun_path)
		return host_fail(OM_EINVAL, "%s: too long for a socket's name", path);
	memcpy(name.sun_path, path, strlen(path));
	if (listener >= 0 && bind(listener, (struct sockaddr *)&name, sizeof name) == 0 && listen(listener, 1) == 0) {
		puts("listening");
		fflush(stdout);
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		unlink(path);
	}
	if (fd < 0)
		(void)host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	if (listener >= 0)
		close(listener);
	return fd < 0 ? OM_EIO : fd;
}

/* Until the guest's machine is gone. Return: 0; OM_EOVERFLOW: it has said what cannot be read to its end. */
static int serve(struct sp *sp, int fd)
{
	static uint8_t message[SP_REQUEST_MAX], answer[SP_HEAD + SP_ANSWER_MAX];
	uint8_t head[SP_HEAD];

	while (host_read_all(fd, head, sizeof head) == 0) {
		struct om_get c;
		uint32_t size;

		om_get_init(&c, head, sizeof head);
		size = om_get_u32(&c);
		if (size > sizeof message) {
			(void)host_write_all(fd, answer, sp_refuse(head, SP_INVALID_LENGTH, answer));   /* it may have gone */
			return host_fail(OM_EOVERFLOW, "the guest asked with %u bytes, more than a page", size);
		}
		if (host_read_all(fd, message, size) < 0 ||
		    host_write_all(fd, answer, sp_answer(sp, (int64_t)time(NULL), head, message, size, answer)) < 0)
			break;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct options o;
	static struct sp sp;
	uint8_t seed[32], report_id[32];
	int fd, error;

	if (!read_options(argc, argv, &o))
		return EXIT_USAGE;
	prctl(PR_SET_DUMPABLE, 0);
	signal(SIGPIPE, SIG_IGN);
	error = o.id_block ? finish_launch(o.id_block, &o.launch) : 0;
	if (!error)
		error = read_seed(o.seed, seed);
	if (!error && getrandom(report_id, sizeof report_id, 0) != (ssize_t)sizeof report_id)
		error = host_fail(OM_EIO, "no random numbers: %s", strerror(errno));
	if (error) {
		host_error_cure(error, host_reason());
		return 1;
	}
	sp_init(&sp, seed, OM_SNP_MILAN, &o.launch, report_id);
	explicit_bzero(seed, sizeof seed);
	fd = connection(o.listen);
	error = fd < 0 ? fd : serve(&sp, fd);
	if (error)
		host_error_cure(error, host_reason());
	return error ? 1 : 0;
}
