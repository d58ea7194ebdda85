/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A careless program with a TLS key: at its start and whenever it gets HUP it leaves certificate and key in a directory, and a quote over the
 * 64 bytes of the file "data" there, whatever they are. Prints "shown N". TERM ends it.
 *
 *     shown DIRECTORY
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char bytes[65536];

static void copy(const char *from, const char *to)
{
	const int in = open(from, O_RDONLY), out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	const ssize_t size = in < 0 ? -1 : read(in, bytes, sizeof bytes);

	if (size < 0 || out < 0 || write(out, bytes, (size_t)size) != size) {
		perror(from);
		exit(1);
	}
	close(in);
	close(out);
}

int main(int argc, char **argv)
{
	sigset_t set;
	int signo = SIGHUP;

	if (argc != 2 || chdir(argv[1]))
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int n = 1; signo == SIGHUP; n++) {
		copy("/dev/attestation/tls/cert.pem", "cert.pem");
		copy("/dev/attestation/tls/key.pem", "key.pem");
		if (access("data", R_OK) == 0) {
			const int in = open("data", O_RDONLY), data = open("/dev/attestation/user_report_data", O_WRONLY);

			if (read(in, bytes, 64) != 64 || write(data, bytes, 64) != 64)
				return 1;
			close(in);
			close(data);
			copy("/dev/attestation/quote", "quote");
		}
		printf("shown %d\n", n);
		if (sigwait(&set, &signo))
			return 1;
	}
	return 0;
}
