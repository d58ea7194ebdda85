/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record locks (fcntl). The host's kernel decides who gets a lock; we note which ranges are held, so that the source
 * of a migration can give them up and the destination can take them again.
 *
 * Owners. POSIX locks belong to the process and an inode: owner 0, found by (device, inode), whichever description
 * took them. They vanish when any descriptor of that inode is closed. OFD locks belong to one description.
 *
 * A held range is one node in the list of its inode's bucket. Setting a range first cuts it out of what the same owner
 * holds (this may split a node in two), then adds it unless the request was to unlock. SQLite does this tens of
 * thousands of times per second on a handful of ranges, hence no searching beyond one bucket.
 */
#include "rt/io/migrate.h"
#include "rt/io/vault.h"

#define BUCKETS 1024u

struct held {
	uint64_t device, inode;
	int64_t  start, end;         /* [start, end], end = INT64_MAX for "to the end of the file" */
	uint32_t ofd;                /* description through which it is taken again */
	uint32_t owner;              /* 0: the process (POSIX); else the description (OFD) */
	uint32_t type;               /* F_RDLCK, F_WRLCK */
	uint32_t next;
};

static RT_RESIDENT struct held helds[RT_IO_LOCK_MAX];
static RT_RESIDENT uint32_t buckets[BUCKETS], free_held, held_end, held_count;

static uint32_t *bucket_of(const struct rt_io_file *file)
{
	return &buckets[(file->inode ^ file->device * 31) % BUCKETS];
}

/* ---- the list; table lock held ---------------------------------------------------------------------------------------- */

static uint32_t held_new(void)
{
	uint32_t index = free_held;

	if (index)
		free_held = helds[index].next;
	else if (held_end < RT_IO_LOCK_MAX - 1)
		index = ++held_end;
	if (index)
		held_count++;
	return index;
}

static void held_unlink(uint32_t *link)
{
	uint32_t index = *link;

	*link = helds[index].next;
	helds[index].next = free_held;
	free_held = index;
	held_count--;
}

static bool same(const struct held *held, const struct rt_io_file *file, uint32_t owner)
{
	return held->inode == file->inode && held->device == file->device && held->owner == owner;
}

/* Removes [start, end] from what the owner holds. At most one node can need splitting: owners' ranges do not overlap. */
static bool cut(struct rt_io_file *file, uint32_t owner, int64_t start, int64_t end)
{
	uint32_t *link = bucket_of(file);

	while (*link) {
		struct held *held = &helds[*link];
		uint32_t second;

		if (!same(held, file, owner) || held->end < start || held->start > end) {
			link = &held->next;
		} else if (held->start < start && held->end > end) {
			second = held_new();
			if (!second)
				return false;
			helds[second] = *held;
			helds[second].start = end + 1;
			held->end = start - 1;
			held->next = second;
			return true;
		} else if (held->start < start) {
			held->end = start - 1;
			link = &held->next;
		} else if (held->end > end) {
			held->start = end + 1;
			link = &held->next;
		} else {
			held_unlink(link);
		}
	}
	return true;
}

static bool add(struct rt_io_ofd *ofd, uint32_t owner, uint32_t type, int64_t start, int64_t end)
{
	uint32_t *bucket = bucket_of(&ofd->file), index = held_new();

	if (!index)
		return false;
	helds[index] = (struct held){ ofd->file.device, ofd->file.inode, start, end, rt_io_index(ofd), owner, type, *bucket };
	*bucket = index;
	return true;
}

/* ---- fcntl ------------------------------------------------------------------------------------------------------------ */

/* The host answers with absolute numbers only if asked with them: make the range absolute first. */
static long absolute(struct rt_io_ofd *ofd, struct lx_flock *lock, int64_t *ret_end)
{
	int64_t base = 0, start;

	if (lock->whence != LX_SEEK_SET) {
		long place;

		if (lock->whence == LX_SEEK_CUR) {
			place = rt_io_position_get(ofd);
		} else if (lock->whence == LX_SEEK_END) {
			struct stat stat;
			uint64_t ub = rt_io_ub_space(256);

			place = rt_io_kept(ofd) ? rt_io_kept_size(ofd) : ub ? rt_io_zero(rt_host(__NR_fstat, (uint64_t)ofd->host_fd, ub, 0, 0, 0, 0)) : -ENOMEM;
			if (!place && !rt_io_kept(ofd)) {
				rt_ub_get(&stat, (void *)ub, sizeof stat);
				place = stat.st_size;
			}
		} else {
			return -EINVAL;
		}
		if (place < 0)
			return place;
		base = place;
	}
	if (__builtin_add_overflow(base, lock->start, &start))
		return -EOVERFLOW;
	if (lock->length < 0) {
		*ret_end = start - 1;
		start += lock->length;
	} else if (lock->length == 0) {
		*ret_end = INT64_MAX;
	} else if (__builtin_add_overflow(start, lock->length - 1, ret_end)) {
		return -EOVERFLOW;
	}
	if (start < 0)
		return -EINVAL;
	lock->whence = LX_SEEK_SET;
	lock->start = start;
	lock->length = *ret_end == INT64_MAX ? 0 : *ret_end - start + 1;
	return 0;
}

static long test(struct rt_io_ofd *ofd, uint32_t command, struct lx_flock *lock, uint64_t app)
{
	uint64_t ub = rt_io_ub_copy(lock, sizeof *lock);
	long error = ub ? rt_io_zero(rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, command, ub, 0, 0, 0)) : -ENOMEM;

	return error ? error : rt_ub_to_app(app, (void *)ub, sizeof *lock);
}

long rt_io_lock_call(struct rt_thread *t, struct rt_io_ofd *ofd, uint32_t command, uint64_t app)
{
	struct lx_flock lock;
	uint32_t owner = command >= F_OFD_GETLK ? rt_io_index(ofd) : 0;
	int64_t end;
	uint64_t ub;
	long error;
	bool noted;

	(void)t;
	if (rt_app_get(&lock, app, sizeof lock))
		return -EFAULT;
	if (ofd->kind != RT_IO_FILE)
		return -EINVAL;
	error = absolute(ofd, &lock, &end);
	if (error)
		return error;
	if (command == F_GETLK || command == F_OFD_GETLK)
		return test(ofd, command, &lock, app);
	ub = rt_io_ub_copy(&lock, sizeof lock);
	if (!ub)
		return -ENOMEM;
	error = rt_io_zero(command == F_SETLKW || command == F_OFD_SETLKW ?
		rt_host_wait(__NR_fcntl, (uint64_t)ofd->host_fd, command, ub, 0, 0, 0) :
		rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, command, ub, 0, 0, 0));
	if (error)
		return error;
	rt_io_lock();
	noted = cut(&ofd->file, owner, lock.start, end) &&
		(lock.type == F_UNLCK || add(ofd, owner, (uint32_t)lock.type, lock.start, end));
	rt_io_unlock();
	if (noted)
		return 0;
	/* No room to note it: give it back rather than lose it in a migration. */
	lock.type = F_UNLCK;
	rt_ub_put((void *)ub, &lock, sizeof lock);
	(void)rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, owner ? F_OFD_SETLK : F_SETLK, ub, 0, 0, 0);
	return -ENOLCK;
}

/* A note never has to move to another description of the inode: closing any of them drops all. */
/* What an owner holds of a file is forgotten. True if there was anything. */
static bool forget_all(const struct rt_io_file *file, uint32_t owner)
{
	bool had_any = false;

	rt_io_lock();
	for (uint32_t *link = bucket_of(file); *link;) {
		struct held *held = &helds[*link];

		if (same(held, file, owner)) {
			had_any = true;
			held_unlink(link);
		} else {
			link = &held->next;
		}
	}
	rt_io_unlock();
	return had_any;
}

void rt_io_lock_number_closed(const struct rt_io_ofd *ofd)
{
	struct lx_flock all = { .type = F_UNLCK, .whence = LX_SEEK_SET };
	uint64_t ub;

	if (!held_count || !forget_all(&ofd->file, 0))
		return;
	/* The host descriptor may stay open for other numbers and mappings, so the host must be told. */
	ub = rt_io_ub_copy(&all, sizeof all);
	if (ub)
		(void)rt_host(__NR_fcntl, (uint64_t)ofd->host_fd, F_SETLK, ub, 0, 0, 0);
}

void rt_io_lock_ended(const struct rt_io_ofd *ofd)
{
	if (held_count)
		(void)forget_all(&ofd->file, rt_io_index(ofd));
}

/* ---- migration ----------------------------------------------------------------------------------------------------- */

static long set_on_host(const struct held *held, uint32_t type)
{
	struct lx_flock lock = { .type = (int16_t)type, .whence = LX_SEEK_SET, .start = held->start };
	uint64_t ub;

	lock.length = held->end == INT64_MAX ? 0 : held->end - held->start + 1;
	rt_ub_reset();
	ub = rt_io_ub_copy(&lock, sizeof lock);
	return rt_io_zero(rt_host(__NR_fcntl, (uint64_t)rt_io_ofds[held->ofd].host_fd, held->owner ? F_OFD_SETLK : F_SETLK, ub, 0, 0, 0));
}

/* The host's close has taken them, where the program has unmapped only. Until they are back somebody else may get one. */
void rt_io_lock_host_closed(const struct rt_io_file *file)
{
	for (uint32_t n = 0; held_count; n++) {
		struct held found = { .inode = 0 };
		uint32_t passed = 0, index;

		rt_io_lock();
		for (index = *bucket_of(file); index; index = helds[index].next)
			if (same(&helds[index], file, 0) && passed++ == n) {
				found = helds[index];
				break;
			}
		rt_io_unlock();
		if (!index)
			return;
		if (set_on_host(&found, found.type))
			rt_log("a record lock was lost to another process while a mapping of its file ended");
	}
}

#define LOCKS_PIECE 32768u

static bool is_locked_here(uint64_t inode)
{
	for (uint32_t bucket = 0; held_count && bucket < BUCKETS; bucket++)
		for (uint32_t index = buckets[bucket]; index; index = helds[index].next)
			if (helds[index].inode == inode)
				return true;
	for (uint32_t index = 1; index < rt_io_ofd_end; index++)
		if (rt_io_ofds[index].kind == RT_IO_FILE && rt_io_ofds[index].file.flock && rt_io_ofds[index].file.inode == inode)
			return true;
	return false;
}

static bool any_lock(void)
{
	for (uint32_t index = 1; index < rt_io_ofd_end; index++)
		if (rt_io_ofds[index].kind == RT_IO_FILE && rt_io_ofds[index].file.flock)
			return true;
	return held_count != 0;
}

/* A line of /proc/locks: "1: -> POSIX ADVISORY WRITE 4711 08:02:131 0 EOF". The arrow: one that waits. */
static bool waits_for_ours(const char *line, const char *end)
{
	bool arrow = false;
	const char *colon = NULL;
	uint64_t inode = 0;
	unsigned colons = 0;

	for (const char *c = line; c < end; c++) {
		arrow = arrow || (c + 1 < end && c[0] == '-' && c[1] == '>');
		if (*c == ' ' && colons != 3)
			colons = 0;
		if (*c == ':' && ++colons == 2 && c - line > 8)
			colon = c;
	}
	if (!arrow || !colon)
		return false;
	for (const char *c = colon + 1; c < end && *c >= '0' && *c <= '9'; c++)
		inode = inode * 10 + (uint64_t)(*c - '0');
	return is_locked_here(inode);
}

bool rt_io_lock_waited_for(void)
{
	static const char name[] = "/proc/locks";
	static RT_LOCAL char text[LOCKS_PIECE];
	uint64_t path, ub;
	long fd, got, used = 0;
	bool found = false;

	if (!any_lock())
		return false;
	rt_ub_reset();
	path = rt_io_ub_copy(name, sizeof name);
	ub = rt_io_ub_space(LOCKS_PIECE);
	fd = path && ub ? rt_io_checked_fd(rt_host(__NR_openat, (uint64_t)AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0, 0, 0)) : -ENOMEM;
	if (fd < 0)
		return false;
	/* Whole lines are looked at; the rest waits for the next piece. */
	while (!found && (got = rt_io_checked(rt_host(__NR_read, (uint64_t)fd, ub, LOCKS_PIECE - (uint64_t)used, 0, 0, 0),
			LOCKS_PIECE - (size_t)used)) > 0) {
		char *line = text, *end;

		rt_ub_get(text + used, (void *)ub, (size_t)got);
		used += got;
		for (end = line; end < text + used; end++)
			if (*end == '\n') {
				found = found || waits_for_ours(line, end);
				line = end + 1;
			}
		used = text + used - line;
		memmove(text, line, (size_t)used);
		if (used == LOCKS_PIECE)
			used = 0;
	}
	rt_io_host_close((int32_t)fd);
	return found;
}

int rt_io_lock_release_all(void)
{
	for (uint32_t bucket = 0; held_count && bucket < BUCKETS; bucket++)
		for (uint32_t index = buckets[bucket]; index; index = helds[index].next)
			if (set_on_host(&helds[index], F_UNLCK))
				return OM_EHOSTSTATE;
	return 0;
}

/* On another host the reopened files have other inode numbers. */
static void rehash(void)
{
	uint32_t all = 0, index, next;

	for (uint32_t bucket = 0; bucket < BUCKETS; bucket++) {
		for (index = buckets[bucket]; index; index = next) {
			next = helds[index].next;
			helds[index].next = all;
			all = index;
		}
		buckets[bucket] = 0;
	}
	for (index = all; index; index = next) {
		const struct rt_io_file *file = &rt_io_ofds[helds[index].ofd].file;

		next = helds[index].next;
		helds[index].device = file->device;
		helds[index].inode = file->inode;
		helds[index].next = *bucket_of(file);
		*bucket_of(file) = index;
	}
}

int rt_io_lock_take_all(char *words, size_t size)
{
	if (held_count)
		rehash();
	for (uint32_t bucket = 0; held_count && bucket < BUCKETS; bucket++)
		for (uint32_t index = buckets[bucket]; index; index = helds[index].next)
			if (set_on_host(&helds[index], helds[index].type)) {
				struct rt_io_words text = { words, size, 0 };

				rt_io_words_add(&text, "a record lock of descriptor ");
				rt_io_words_number(&text, (uint64_t)rt_io_number_of(&rt_io_ofds[helds[index].ofd]));
				rt_io_words_add(&text, " is held by another process");
				return OM_EHOSTSTATE;
			}
	return 0;
}
