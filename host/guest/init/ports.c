/* SPDX-License-Identifier: Apache-2.0 */
/* The virtio ports: there is no udev, so their names are looked up in sysfs, and linked as udev would. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "init.h"

#define CLASS "/sys/class/virtio-ports"
#define LINKS "/dev/virtio-ports"

static void link_one(const char *device)
{
	char path[300], name[64], target[300];
	ssize_t size;
	int fd;

	snprintf(path, sizeof path, CLASS "/%s/name", device);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	size = fd < 0 ? -1 : read(fd, name, sizeof name - 1);
	if (fd >= 0)
		close(fd);
	if (size < 1)
		return;
	name[size] = 0;
	name[strcspn(name, "\n")] = 0;
	if (!name[0] || name[0] == '.' || strchr(name, '/'))
		return;
	snprintf(target, sizeof target, "../%s", device);
	snprintf(path, sizeof path, LINKS "/%s", name);
	(void)symlink(target, path);    /* mostly there already */
}

void ports_link(void)
{
	DIR *folder = opendir(CLASS);
	struct dirent *entry;

	(void)mkdir(LINKS, 0755);
	while (folder && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			link_one(entry->d_name);
	if (folder)
		closedir(folder);
}

int port_open(const char *name, unsigned timeout_ms)
{
	char path[300];

	snprintf(path, sizeof path, LINKS "/%s", name);
	for (unsigned waited = 0;; waited += 10) {
		struct timespec pause = { .tv_nsec = 10000000 };
		int fd;

		ports_link();
		fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0 || waited >= timeout_ms)
			return fd;
		nanosleep(&pause, NULL);
	}
}

/* Return: false if it will not come any more. */
static bool wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	while (poll(&p, 1, -1) < 0)
		if (errno != EINTR)
			return false;
	return p.revents & events;
}

bool port_write(int fd, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size > 0) {
		ssize_t n = write(fd, p, size);

		if (n < 0 && errno == EAGAIN && wait_for(fd, POLLOUT))
			continue;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		size -= (size_t)n;
	}
	return true;
}

bool port_read(int fd, void *data, size_t size)
{
	uint8_t *p = data;

	while (size > 0) {
		ssize_t n = read(fd, p, size);

		if (n < 0 && errno == EAGAIN && wait_for(fd, POLLIN))
			continue;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		size -= (size_t)n;
	}
	return true;
}

bool frame_send(int fd, uint8_t type, const void *payload, size_t size)
{
	uint8_t header[OM_GUESTCTL_FRAME_HEADER];

	om_guestctl_frame_encode(type, (uint32_t)size, header);
	return port_write(fd, header, sizeof header) && port_write(fd, payload, size);
}

void send_failed(struct init *init, const char *format, ...)
{
	uint8_t payload[600];
	char words[512];
	struct om_put c;
	va_list args;

	va_start(args, format);
	vsnprintf(words, sizeof words, format, args);
	va_end(args);
	say("%s", words);
	om_put_init(&c, payload, sizeof payload);
	om_guestctl_put_string(&c, words);
	if (init->control >= 0 && !om_put_end(&c))
		(void)frame_send(init->control, OM_GUESTCTL_FAILED, payload, om_put_size(&c));  /* whoever does not read it does not want it */
}
