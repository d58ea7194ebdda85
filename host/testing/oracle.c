/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The watcher reads this process's memory itself. The code here only tells the watcher when. That opens nothing that
 * was closed: whoever may read /proc/PID/mem of an emulator's process sees the enclave anyway.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "testing.h"
#include "util.h"

static int ask(const char *path, const char *words, size_t size)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;
	char answer;

	if (fd < 0 || strlen(path) >= sizeof to.sun_path) {
		if (fd >= 0)
			close(fd);
		return host_fail(OM_EINVAL, "OPTMIG_ORACLE: no socket");
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
		error = host_fail(OM_ECONNECTION, "OPTMIG_ORACLE=%s: %s", path, strerror(errno));
	else
		error = host_write_all(fd, words, size);
	if (!error)
		error = host_read_all(fd, &answer, 1);
	close(fd);
	return error;
}

void testing_oracle(struct host_enclave *enclave, const char *point, const uint8_t *session)
{
	const char *path = getenv("OPTMIG_ORACLE");
	struct tee_capabilities caps;
	char words[4352], hex[33] = "-";
	int size, error;

	if (!path || !*path)
		return;
	tee_platform_capabilities(host_platform(enclave), &caps);
	if (!caps.oracle)
		return;
	for (int i = 0; session && i < 16; i++)
		snprintf(hex + 2 * i, 3, "%02x", session[i]);
	size = snprintf(words, sizeof words, "%s %d %s %s\n", point, (int)getpid(), hex, host_image_path(enclave));
	error = size < (int)sizeof words ? ask(path, words, (size_t)size) : host_fail(OM_EINVAL, "the image's path is too long");
	if (error) {
		host_error_cure(error, "oracle");
		host_exit(HOST_EXIT_FAILED, 0);
	}
}
