/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig cluster`: host/service/cluster, which lies beside us as a program of its own: .../bin/optmig, .../libexec/optmig-cluster. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"
#include "exitcodes.h"
#include "util.h"

int cli_cluster(int argc, char **argv)
{
	static const char name[] = "/../libexec/optmig-cluster";
	char path[4096];
	const ssize_t got = readlink("/proc/self/exe", path, sizeof path - sizeof name);
	char *slash;

	(void)argc; /* argv ends with NULL */
	if (got <= 0 || (size_t)got >= sizeof path - sizeof name) {
		host_error("cluster: /proc/self/exe: %s", strerror(errno));
		return CLI_FAILED;
	}
	path[got] = 0;
	slash = strrchr(path, '/');
	if (!slash) {
		host_error("cluster: /proc/self/exe has no directory");
		return CLI_FAILED;
	}
	memcpy(slash, name, sizeof name);
	execv(path, argv);
	host_error("cluster: %s: %s", path, strerror(errno));
	return CLI_FAILED;
}
