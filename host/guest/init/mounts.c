/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest has before anybody speaks to it: file systems, modules, names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "init.h"

#define MODULE_COMPRESSED 4     /* MODULE_INIT_COMPRESSED_FILE; Debian 12's headers have it in <linux/module.h> only */
#define MODULES "/modules"

static void mount_one(const char *type, const char *where, unsigned long flags, const char *data)
{
	(void)mkdir(where, 0755);       /* mostly there */
	if (mount(type, where, type, flags, data) && errno != EBUSY)
		say("%s on %s: %s", type, where, strerror(errno));
}

void init_mount(void)
{
	const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	mount_one("proc", "/proc", plain, NULL);
	mount_one("sysfs", "/sys", plain, NULL);
	mount_one("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
	mount_one("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "ptmxmode=0666,mode=0620");
	mount_one("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
	mount_one("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755");
	mount_one("tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777");
	(void)symlink("/proc/self/fd", "/dev/fd");
	(void)symlink("/proc/self/fd/0", "/dev/stdin");
	(void)symlink("/proc/self/fd/1", "/dev/stdout");
	(void)symlink("/proc/self/fd/2", "/dev/stderr");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void load(const char *name)
{
	char path[300];
	int fd;

	snprintf(path, sizeof path, MODULES "/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	/* ENODEV: what it drives is not here; EEXIST: it is built in. */
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", MODULE_COMPRESSED) && errno != ENODEV && errno != EEXIST))
		say("%s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void init_modules(void)
{
	char *names[64];
	size_t count = 0;
	struct dirent *entry;
	DIR *folder = opendir(MODULES);

	while (folder && count < sizeof names / sizeof *names && (entry = readdir(folder)))
		if (entry->d_name[0] != '.' && (names[count] = strdup(entry->d_name)))
			count++;
	if (folder)
		closedir(folder);
	qsort(names, count, sizeof *names, by_name);
	for (size_t i = 0; i < count; i++) {
		load(names[i]);
		free(names[i]);
	}
	if (access("/sys/kernel/config", F_OK) == 0)
		mount_one("configfs", "/sys/kernel/config", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

const char *init_shut(void)
{
	static const char *const folders[] = { "/etc", "/lib", "/lib64", "/modules", "/usr" };

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		if (mount(folders[i], folders[i], NULL, MS_BIND, NULL) ||
			mount(NULL, folders[i], NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL))
			return strerror(errno);
	return NULL;
}

/* Another one each time: what is derived from it must not be the same in two guests. */
static void make_machine_id(void)
{
	unsigned char id[16];
	char text[34];
	int fd;

	if (getrandom(id, sizeof id, 0) != sizeof id)
		return;
	for (unsigned i = 0; i < sizeof id; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
	text[32] = '\n';
	fd = open("/etc/machine-id", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0444);
	if (fd < 0 || write(fd, text, 33) != 33)
		say("/etc/machine-id: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

void init_names(void)
{
	if (sethostname("optmig", 6))
		say("sethostname: %s", strerror(errno));
	make_machine_id();
}
