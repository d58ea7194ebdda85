/* SPDX-License-Identifier: Apache-2.0 */
/* They are plain sockets, without an address: nobody sees them, and the process' end closes them. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "spare.h"

#define LEAVE_FREE 256u                /* descriptors, for everything else */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct spares { int *fds; uint32_t count; bool v6; } spares;
static bool late;                      /* one was wanted that was not there: who makes more now takes descriptors from those that come */

static int ask(int fd, int name)
{
	int value = -1;
	socklen_t size = sizeof value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) ? -1 : value;
}

struct net_spare_hint net_spare_count(void)
{
	uint32_t four = 0, six = 0;
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;

	while (dir && (e = readdir(dir))) {
		int fd = (int)strtol(e->d_name, NULL, 10);   /* "." and "..": 0 */

		if (ask(fd, SO_PROTOCOL) == IPPROTO_TCP && ask(fd, SO_ACCEPTCONN) == 0)
			(ask(fd, SO_DOMAIN) == AF_INET6 ? &six : &four)[0]++;
	}
	if (dir)
		closedir(dir);
	return (struct net_spare_hint){ six > four ? six : four, six > four };
}

static uint32_t allowed(uint32_t count)
{
	struct rlimit limit;
	uint64_t most = getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < LEAVE_FREE ? 0 : limit.rlim_cur - LEAVE_FREE;

	most = most < NET_SPARE_MAX ? most : NET_SPARE_MAX;
	return count < most ? count : (uint32_t)most;
}

static int make(bool v6)
{
	return socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* They may have been dropped meanwhile. Return: false, no more. */
static bool add(const int *fds, int fd)
{
	bool wanted;

	pthread_mutex_lock(&lock);
	wanted = fd >= 0 && spares.fds == fds && !late;
	if (wanted)
		spares.fds[spares.count++] = fd;
	pthread_mutex_unlock(&lock);
	if (fd >= 0 && !wanted)
		close(fd);
	return wanted;
}

void net_spare_make(struct net_spare_hint hint)
{
	uint32_t count = allowed(hint.count);
	int *fds = calloc(count + 1, sizeof *fds);
	bool begun;

	pthread_mutex_lock(&lock);
	begun = fds && !spares.fds && !late;
	if (begun)
		spares = (struct spares){ fds, 0, hint.v6 };
	pthread_mutex_unlock(&lock);
	if (!begun)
		free(fds);
	while (begun && count-- > 0 && add(fds, make(hint.v6)))
		;
}

int net_spare_take(int family)
{
	bool kind;
	int fd = -1;

	pthread_mutex_lock(&lock);
	kind = !spares.fds || spares.v6 == (family == AF_INET6);
	if (kind && spares.count)
		fd = spares.fds[--spares.count];
	late = late || (kind && fd < 0);
	pthread_mutex_unlock(&lock);
	if (fd < 0)
		fd = make(family == AF_INET6);
	return fd < 0 ? -errno : fd;
}

static void *close_all(void *argument)
{
	struct spares *all = argument;

	while (all->count > 0)
		close(all->fds[--all->count]);
	free(all->fds);
	free(all);
	return NULL;
}

void net_spare_drop(void)
{
	struct spares *all = NULL;
	pthread_t thread;

	pthread_mutex_lock(&lock);
	late = true;
	if (spares.fds && (all = malloc(sizeof *all))) {
		*all = spares;
		spares = (struct spares){ 0 };
	}
	pthread_mutex_unlock(&lock);
	if (!all)
		return;
	if (!all->count || pthread_create(&thread, NULL, close_all, all))
		close_all(all);
	else
		pthread_detach(thread);
}
