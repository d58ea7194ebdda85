/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software CPU's identity in a guest, from which all the CPU's keys come (soft/keys.c). The guest's host must not know the identity. So it is no fixed
 * seed, and lies on no disk.
 *
 *   SHA-256("optmig software CPU 1" || key derived by the security processor)    the same after a restart of the guest, on the same chip
 *   32 random bytes in BOOT_FILE, with the id of this boot                       else: what was sealed before a restart stays closed
 *
 * All processes of the guest share BOOT_FILE, so that one can open what another has sealed. The file has to lie in memory (tmpfs): a container's /run may be
 * on a disk. Where the file cannot lie in memory, the identity is this process's alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "../../tee.h"
#include "identity.h"
#include "internal.h"

#define BOOT_FILE "/run/optmig-identity"
#define BOOT_ID   "/proc/sys/kernel/random/boot_id"
#define ID_SIZE   36

struct kept { char boot[ID_SIZE]; uint8_t identity[32]; };

static bool read_all(int fd, void *buffer, size_t size)
{
	for (size_t used = 0; used < size;) {
		const ssize_t n = guest_kernel()->read(fd, (uint8_t *)buffer + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		used += (size_t)n;
	}
	return true;
}

static bool boot_id(char ret[ID_SIZE])
{
	const int fd = guest_kernel()->open(BOOT_ID, O_RDONLY | O_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	ok = read_all(fd, ret, ID_SIZE);
	guest_kernel()->close(fd);
	return ok;
}

/* Context: the file's lock is held by @fd, which is at its beginning. */
static bool share(int fd, struct kept *fresh, uint8_t ret[32])
{
	const struct guest_kernel *k = guest_kernel();
	struct kept old;
	bool ok;
	int to;

	if (read_all(fd, &old, sizeof old) && memcmp(old.boot, fresh->boot, sizeof old.boot) == 0) {
		memcpy(ret, old.identity, 32);
		om_wipe(&old, sizeof old);
		return true;
	}
	to = k->open(BOOT_FILE, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0);
	if (to < 0)
		return false;
	ok = k->write(to, fresh, sizeof *fresh) == (ssize_t)sizeof *fresh;
	if (k->close(to) || !ok)
		return false;
	memcpy(ret, fresh->identity, 32);
	return true;
}

int guest_identity_of_boot(uint8_t ret[32], bool *ret_shared)
{
	const struct guest_kernel *k = guest_kernel();
	struct kept fresh;
	int fd;

	*ret_shared = false;
	if (k->random(fresh.identity, sizeof fresh.identity))
		return tee_fail(OM_EIO, "no random numbers: %s", strerror(errno));
	memcpy(ret, fresh.identity, 32);
	if (!boot_id(fresh.boot))
		return 0;
	fd = k->open(BOOT_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0) {
		if (k->in_memory(fd) == 1 && k->flock(fd, LOCK_EX) == 0)
			*ret_shared = share(fd, &fresh, ret);
		k->close(fd);
	}
	om_wipe(&fresh, sizeof fresh);
	return 0;
}

int guest_identity(struct guest_source *source, uint8_t ret[32], enum guest_identity_life *ret_life)
{
	static const char label[] = "optmig software CPU 1";
	uint8_t key[GUEST_KEY_SIZE];
	struct om_sha256 s;
	bool shared;
	int r = source->key ? source->key(source, key) : OM_EUNSUPPORTED;

	/* A key that cannot be had now is not one that there is not: with another identity nothing sealed would open. */
	if (r == OM_EUNSUPPORTED) {
		r = guest_identity_of_boot(ret, &shared);
		*ret_life = shared ? GUEST_IDENTITY_BOOT : GUEST_IDENTITY_PROCESS;
		return r;
	}
	if (r)
		return r;
	om_sha256_init(&s, 0);
	om_sha256_update(&s, label, sizeof label - 1);
	om_sha256_update(&s, key, sizeof key);
	om_sha256_result(&s, ret);
	om_wipe(&s, sizeof s);
	om_wipe(key, sizeof key);
	*ret_life = GUEST_IDENTITY_CHIP;
	return 0;
}
