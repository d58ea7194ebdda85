/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted files by name. A file carries its name, so that a host cannot show one in another's place. Hence
 *
 *   - rename is three steps: the file takes both names, the host renames, the file drops the old one. Wherever the power goes, it opens
 *     under the name that the host has for it
 *   - there are no links to an encrypted file, and none lies at an encrypted name
 *   - a file cannot be renamed into the encrypted names or out of them: EXDEV, as between two file systems, so that programs copy it. Nor can a
 *     directory: all files below it would have other names
 *
 * The names' lock is held over the host's call and the note of it in roots.c.
 */
#include "crypto/wipe.h"
#include "rt/io/vault.h"
#include "rt/libmem.h"

void rt_io_vault_bound(const struct rt_io_path *path, char ret_name[LX_PATH_MAX])
{
	const char *start = rt_io_rules_start(), *name = path->real;
	const size_t size = strlen(start);
	uint32_t index;

	/* Is it encrypted wherever the program starts? Then its name is the whole one. (No program starts there.) */
	if (size > 1 && !memcmp(name, start, size) && name[size] == '/' &&
	    om_launch_judge(rt_launch(), name, "/\1", &index) != OM_LAUNCH_IS_ENCRYPTED)
		name += size + 1;
	memcpy(ret_name, name, strlen(name) + 1);
}

static uint32_t root_of(const struct rt_io_path *path, char name[LX_PATH_MAX])
{
	rt_io_vault_bound(path, name);
	return rt_roots_find(name, false);
}

long rt_io_vault_told(const struct rt_io_path *path, long error)
{
	char name[LX_PATH_MAX];
	struct om_vault_root root;

	if (path->verdict != OM_LAUNCH_IS_ENCRYPTED || (error != -ENOENT && error != -ENOTDIR) ||
	    rt_roots_get(root_of(path, name), &root) != RT_ROOT_KNOWN)
		return error;
	rt_vault_complain(name, "the program has written it, and the host says that there is none");
	return -EIO;
}

/* A name is gone, whoever has the file open goes on with it. Under the names' lock. */
static void removed(uint32_t root)
{
	const uint32_t there = rt_vault_of(root);

	rt_roots_set(root, RT_ROOT_REMOVED, NULL);
	if (there)
		rt_vaults[there - 1].root = 0;
}

long rt_io_vault_unlink(const struct rt_io_path *path)
{
	char name[LX_PATH_MAX];
	uint32_t root;
	long error;

	rt_io_vault_bound(path, name);
	rt_vault_names_lock();
	root = rt_roots_find(name, true);
	error = root ? rt_io_zero(rt_host(__NR_unlinkat, path->host_dir, path->untrusted, 0, 0, 0, 0)) : -ENOSPC;
	if (!error)
		removed(root);
	rt_vault_names_unlock();
	return rt_io_vault_told(path, error);
}

/* For a call that has no descriptor of the file. */
static long open_host(const struct rt_io_path *path, uint32_t flags)
{
	uint64_t ub;

	rt_ub_reset();
	ub = rt_io_ub_copy(path->real, strlen(path->real) + 1);
	if (!ub)
		return -ENOMEM;
	return rt_io_checked_fd(rt_host(__NR_openat, (uint64_t)AT_FDCWD, ub, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0, 0, 0));
}

static long enter(const struct rt_io_path *path, const char *name, uint32_t *ret_slot)
{
	const long host_fd = open_host(path, O_RDWR);
	long error;

	if (host_fd < 0)
		return host_fd;
	error = rt_vault_enter(name, (int32_t)host_fd, true, ret_slot);
	rt_io_host_close((int32_t)host_fd);
	return error;
}

long rt_io_vault_truncate_name(const struct rt_io_path *path, int64_t size)
{
	char name[LX_PATH_MAX];
	uint32_t slot;
	long error;

	if (size < 0)
		return -EINVAL;
	rt_io_vault_bound(path, name);
	rt_vault_names_lock();
	error = enter(path, name, &slot);
	if (!error) {
		const struct rt_io_ofd ofd = { .kind = RT_IO_FILE, .file.vault = slot + 1 };

		error = rt_io_vault_truncate(&ofd, size, false);
		rt_vault_leave(slot);
	}
	rt_vault_names_unlock();
	return rt_io_vault_told(path, error);
}

/* ---- rename ----------------------------------------------------------------------------------------------------------------------- */

static long rename_on_host(const struct rt_io_two *two, uint64_t flags)
{
	uint64_t from, to;

	rt_ub_reset();
	from = rt_io_ub_copy(two->from->real, strlen(two->from->real) + 1);
	to = rt_io_ub_copy(two->to->real, strlen(two->to->real) + 1);
	if (!from || !to)
		return -ENOMEM;
	return rt_io_zero(rt_host(__NR_renameat2, (uint64_t)AT_FDCWD, from, (uint64_t)AT_FDCWD, to, flags, 0));
}

/* The slot's file has the name `to` from here on, and its commit is that name's. */
static void take_name(uint32_t slot, uint32_t to, uint32_t blob, uint32_t size)
{
	struct rt_vault *v = &rt_vaults[slot];

	removed(to);
	rt_roots_set(v->root, RT_ROOT_REMOVED, NULL);
	rt_io_blob_free(v->name, v->name_size);
	v->name = blob;
	v->name_size = size;
	v->root = to;
}

static void note_root(uint32_t slot, const struct rt_vault_side *side)
{
	struct om_vault_root root;

	om_vault_root(side->open, &root);
	rt_roots_set(rt_vaults[slot].root, RT_ROOT_KNOWN, &root);
}

static long rename_open(uint32_t slot, const struct rt_io_two *two, uint64_t flags, uint32_t to, const char *name)
{
	struct rt_vault_side *side = rt_vault_hold(slot);
	const uint32_t size = (uint32_t)strlen(name) + 1, blob = rt_io_blob_new(size); /* before: nothing may fail once it is renamed */
	long error = !side->open ? -EIO : blob ? 0 : -ENOMEM, renamed = 1;

	side->error = 0;
	if (blob)
		memcpy(rt_io_blob_at(blob), name, size);
	if (!error)
		error = om_vault_rename_begin(side->open, name);
	error = error ? rt_vault_errno(slot, error) : 0;
	if (error)
		goto out;
	note_root(slot, side);
	side->changed = 0;
	renamed = rename_on_host(two, flags);
	if (!renamed)
		take_name(slot, to, blob, size);
	/* Has it both names, this can wait: the next commit says which one it is. */
	if (om_vault_rename_end(side->open, !renamed))
		side->changed = 1;
	note_root(slot, side);
	error = renamed;
out:
	if (renamed)
		rt_io_blob_free(blob, size);
	rt_vault_let_go(slot);
	return error;
}

long rt_io_vault_rename(struct rt_io_two two, uint64_t flags)
{
	char from[LX_PATH_MAX], to[LX_PATH_MAX];
	uint32_t slot, number;
	long error;

	if (two.from->verdict != two.to->verdict)
		return -EXDEV;
	if (flags & ~(uint64_t)LX_RENAME_NOREPLACE)
		return -EINVAL;
	rt_io_vault_bound(two.from, from);
	rt_io_vault_bound(two.to, to);
	rt_vault_names_lock();
	number = rt_roots_find(to, true);
	error = number ? enter(two.from, from, &slot) : -ENOSPC;
	if (error == -EISDIR)
		error = -EXDEV;
	if (!error) {
		if (strcmp(from, to) != 0)
			error = rename_open(slot, &two, flags, number, to);
		else if (flags)
			error = -EEXIST;
		rt_vault_leave(slot);
	}
	rt_vault_names_unlock();
	return rt_io_vault_told(two.from, error);
}

/* ---- facts ------------------------------------------------------------------------------------------------------------------------- */

/* Of a file that nobody has open. */
static long peek(const struct rt_io_path *path, const char *name, uint32_t number, uint64_t *ret_size)
{
	static RT_LOCAL struct rt_vault_side side;         /* under the names' lock */
	uint8_t key[OM_VAULT_KEY_SIZE];
	struct om_vault_root known;
	const enum rt_root_state state = rt_roots_get(number, &known);
	long host_fd = open_host(path, O_RDONLY), error;

	if (host_fd < 0)
		return host_fd;
	side.host_fd = (int32_t)host_fd + 1;
	side.error = 0;
	rt_vault_device_init(&side);
	error = rt_vault_key(key);
	if (!error)
		error = om_vault_peek(&side.device, key, name, state == RT_ROOT_KNOWN ? &known : NULL, ret_size);
	om_wipe(key, sizeof key);
	rt_io_host_close((int32_t)host_fd);
	if (error == OM_ENOTFOUND) {                     /* no commit was ever made of it */
		*ret_size = 0;
		return 0;
	}
	if (error == OM_EAUTH)
		rt_vault_complain(name, "what the host shows is not what the program wrote there last");
	return error == OM_EUNSUPPORTED ? -EOPNOTSUPP : error == OM_EIO && side.error ? side.error : error == OM_ENOMEM ? -ENOMEM : error == OM_EAUTH || error == OM_EIO ? -EIO : error;
}

static long size_by_name(const struct rt_io_path *path, uint64_t *ret_size)
{
	char name[LX_PATH_MAX];
	struct om_vault_root root;
	uint32_t number, there;
	enum rt_root_state state;
	long error = 0;

	rt_vault_names_lock();
	number = root_of(path, name);
	there = rt_vault_of(number);
	state = rt_roots_get(number, &root);
	if (there) {
		const struct rt_io_ofd ofd = { .kind = RT_IO_FILE, .file.vault = there };

		*ret_size = (uint64_t)rt_io_vault_size(&ofd);
	} else if (state == RT_ROOT_REMOVED) {
		rt_vault_complain(name, "the program has removed it, and the host shows one");
		error = -EIO;
	} else {
		error = peek(path, name, number, ret_size);
	}
	rt_vault_names_unlock();
	return error;
}

long rt_io_vault_stat(const struct rt_io_path *path, struct stat *stat)
{
	const uint32_t type = stat->st_mode & LX_S_IFMT;
	char name[LX_PATH_MAX];
	struct om_vault_root root;
	uint64_t size = 0;
	long error;

	if (type == LX_S_IFDIR)                          /* is the host's word, unless we know better */
		return rt_roots_get(root_of(path, name), &root) == RT_ROOT_KNOWN ? -EIO : 0;
	if (type != LX_S_IFREG)
		return -EACCES;
	if (path->vault) {
		const struct rt_io_ofd ofd = { .kind = RT_IO_FILE, .file.vault = path->vault };

		size = (uint64_t)rt_io_vault_size(&ofd);
		error = 0;
	} else {
		error = size_by_name(path, &size);
	}
	if (error)
		return error;
	stat->st_size = (int64_t)size;
	stat->st_blocks = (int64_t)((size + 511) / 512);
	stat->st_blksize = 65536;
	return 0;
}
