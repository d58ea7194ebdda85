/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are memory (object.h): memfd_create, and the names in /dev/shm, which libc's shm_open and sem_open use. The directory is the
 * program's own: the program does not see the host's names there, nor the host the program's. Content, names and seals move with the program.
 */
#include "rt/io/migrate.h"
#include "rt/object.h"

#define ARG(i) ((uint64_t)t->arg[i])
#define NAMES_MAX 512u
#define NAME_SIZE 256u
#define PIECE     4096u
#define OWNER_BITS 7u

#define MFD_CLOEXEC 1u
#define MFD_ALLOW_SEALING 2u
enum { SEAL_SEAL = 1, SEAL_SHRINK = 2, SEAL_GROW = 4, SEAL_WRITE = 8, SEAL_FUTURE_WRITE = 16, SEALS = 31 };

struct facts {
	uint32_t mode, uid, gid, links, seals;
	int64_t  changed, modified, accessed;          /* ns */
	char     name[64];                             /* of a memfd, perhaps cut off; "": it has another name, or none */
};
struct name { uint32_t object; char text[NAME_SIZE]; };
static RT_RESIDENT struct facts facts[RT_OBJECTS_MAX + 1];
static RT_RESIDENT struct name names[NAMES_MAX];
static RT_RESIDENT uint32_t names_end;

static const char folder[] = "/dev/shm/";

/* The name in /dev/shm that a path means, or NULL. */
static const char *name_of(const char *path)
{
	const char *c = path, *name;

	for (const char *f = folder; *f; f++, c++)
		if (*c != *f)
			return NULL;
	name = c;
	while (*c && *c != '/')
		c++;
	return *name && !*c && !(name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]))) ? name : NULL;
}

bool rt_io_memory_named(const char *path)
{
	return name_of(path) != NULL;
}

static bool equal(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

/* Table lock held. */
static struct name *find(const char *text)
{
	for (uint32_t i = 0; i < names_end; i++)
		if (names[i].object && equal(names[i].text, text))
			return &names[i];
	return NULL;
}

static long take_name(const char *text, uint32_t object)
{
	uint32_t place = 0, size = 0;

	while (text[size])
		size++;
	if (size >= NAME_SIZE)
		return -ENAMETOOLONG;
	while (place < names_end && names[place].object)
		place++;
	if (place == NAMES_MAX)
		return -ENOSPC;
	memcpy(names[place].text, text, size + 1);
	names[place].object = object;
	facts[object].links++;
	if (place == names_end)
		names_end++;
	return 0;
}

/* ---- descriptions ------------------------------------------------------------------------------------------------------------- */

/* Takes over a reference on the object. */
static long install(uint32_t object, uint32_t status, uint32_t flags)
{
	struct rt_io_ofd *ofd = rt_io_ofd_new(RT_IO_MEMORY, -1, status);

	if (!ofd) {
		rt_object_put(object);
		return -ENFILE;
	}
	ofd->memory.object = object;
	return rt_io_install(ofd, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

static uint32_t make(uint32_t mode, uint32_t seals)
{
	const struct rt_ids *ids = rt_ids();
	const uint32_t object = rt_object_new();
	const int64_t now = rt_realtime_ns();

	if (object)
		facts[object] = (struct facts){ .mode = mode, .uid = ids->euid, .gid = ids->egid, .seals = seals, .changed = now, .modified = now,
			.accessed = now };
	return object;
}

static long sys_memfd_create(struct rt_thread *t)
{
	const uint32_t flags = (uint32_t)t->arg[1];
	char name[250];
	uint32_t object;
	long size = rt_app_get_string(name, ARG(0), sizeof name);

	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	if (size < 0)
		return size == -ENAMETOOLONG ? -EINVAL : size;
	object = make(0777, flags & MFD_ALLOW_SEALING ? 0 : SEAL_SEAL);
	if (!object)
		return -ENFILE;
	memcpy(facts[object].name, name, (size_t)size < sizeof facts->name ? (size_t)size + 1 : sizeof facts->name - 1);
	return install(object, O_RDWR | O_LARGEFILE, flags & MFD_CLOEXEC ? O_CLOEXEC : 0);
}

/* The host process' umask; reading it means setting it. */
uint32_t rt_io_umask(void)
{
	const long mask = rt_host(__NR_umask, 077, 0, 0, 0, 0, 0);

	(void)rt_host(__NR_umask, mask >= 0 && mask <= 0777 ? (uint64_t)mask : 022, 0, 0, 0, 0, 0); /* cannot fail */
	return mask >= 0 && mask <= 0777 ? (uint32_t)mask : 022;
}

/* `want`: of read 4 and write 2. */
static bool may(const struct facts *f, uint32_t want)
{
	const struct rt_ids *ids = rt_ids();
	const uint32_t have = ids->euid == f->uid ? f->mode >> 6 : ids->egid == f->gid ? f->mode >> 3 : f->mode;

	return ids->euid == 0 || !(want & OWNER_BITS & ~have);
}

static long open_name(const char *name, uint32_t flags, uint32_t mode)
{
	const uint32_t access = flags & O_ACCMODE, fresh = flags & O_CREAT ? make(mode & 07777 & ~rt_io_umask(), SEAL_SEAL) : 0;
	struct name *there;
	uint32_t object = 0;
	long error = 0;

	rt_io_lock();
	there = find(name);
	if (there)
		object = there->object;
	else if (fresh)
		error = take_name(name, fresh);
	rt_io_unlock();
	if (object)
		rt_object_again(object);
	if (fresh && (object || error))
		rt_object_put(fresh);
	else if (fresh)
		rt_object_again(object = fresh);       /* one is the name's, one the descriptor's */
	if (!object)
		return error ? error : flags & O_CREAT ? -ENFILE : -ENOENT;
	if (there && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		error = -EEXIST;
	else if (flags & O_DIRECTORY)
		error = -ENOTDIR;
	else if (there && !may(&facts[object], (access != O_WRONLY ? 4 : 0) | (access != O_RDONLY ? 2 : 0)))
		error = -EACCES;
	if (!error && flags & O_TRUNC && access != O_RDONLY)
		error = rt_object_resize(object, 0);
	if (error) {
		rt_object_put(object);
		return error;
	}
	return install(object, (flags & ~(uint32_t)(O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_CLOEXEC)) | O_LARGEFILE, flags);
}

bool rt_io_memory_open(const char *path, uint32_t flags, uint64_t mode, long *ret)
{
	const char *name = name_of(path);

	if (name)
		*ret = flags & O_PATH ? -EINVAL : open_name(name, flags, (uint32_t)mode);
	return name != NULL;
}

long rt_io_memory_again(const struct rt_io_ofd *ofd, uint32_t flags)
{
	rt_object_again(ofd->memory.object);
	return install(ofd->memory.object, (flags & ~(uint32_t)(O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_CLOEXEC)) | O_LARGEFILE, flags);
}

bool rt_io_memory_unlink(const char *path, long *ret)
{
	const char *text = name_of(path);
	struct name *name;
	uint32_t object = 0;

	if (!text)
		return false;
	rt_io_lock();
	name = find(text);
	if (name) {
		object = name->object;
		name->object = 0;
		facts[object].links--;
	}
	rt_io_unlock();
	if (object)
		rt_object_put(object);
	*ret = object ? 0 : -ENOENT;
	return true;
}

bool rt_io_memory_link(const char *from, const char *to, long *ret)
{
	const char *old = name_of(from), *new = name_of(to);
	struct name *name;
	uint32_t object = 0;

	if (!old && !new)
		return false;
	*ret = -EXDEV;
	if (!old || !new)
		return true;
	rt_io_lock();
	name = find(old);
	object = name ? name->object : 0;
	*ret = !object ? -ENOENT : find(new) ? -EEXIST : take_name(new, object);
	rt_io_unlock();
	if (!*ret)
		rt_object_again(object);
	return true;
}

void rt_io_memory_closing(const struct rt_io_ofd *ofd)
{
	rt_object_put(ofd->memory.object);
}

/* ---- content --------------------------------------------------------------------------------------------------------------------- */

long rt_io_memory_read(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset)
{
	uint64_t at = offset < 0 ? ofd->memory.position : (uint64_t)offset;
	uint8_t piece[PIECE];
	long done = 0;

	while (span->total) {
		long got = rt_object_read(ofd->memory.object, at, piece, span->total < sizeof piece ? span->total : sizeof piece);

		if (got > 0 && rt_io_span_put(span, piece, (uint64_t)got))
			got = -EFAULT;
		if (got <= 0) {
			done = done ? done : got;
			break;
		}
		at += (uint64_t)got;
		done += got;
	}
	if (offset < 0 && done > 0)
		ofd->memory.position = at;
	return done;
}

static bool sealed(const struct rt_io_ofd *ofd, uint64_t end)
{
	const uint32_t seals = facts[ofd->memory.object].seals;

	return seals & (SEAL_WRITE | SEAL_FUTURE_WRITE) || (seals & SEAL_GROW && end > rt_object_size(ofd->memory.object));
}

long rt_io_memory_write(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset)
{
	uint64_t at = offset < 0 ? ofd->memory.position : (uint64_t)offset;
	const bool append = ofd->status & O_APPEND;
	uint8_t piece[PIECE];
	long done = 0;

	if (sealed(ofd, (append ? rt_object_size(ofd->memory.object) : at) + span->total))
		return -EPERM;
	while (span->total) {
		const uint64_t some = span->total < sizeof piece ? span->total : sizeof piece;
		long put = rt_io_span_get(span, piece, some) ? -EFAULT : rt_object_write(ofd->memory.object, &at, piece, some, append);

		if (put < 0) {
			done = done ? done : put == -ENOMEM ? -ENOSPC : put;
			break;
		}
		at += some;
		done += (long)some;
	}
	if (offset < 0 && done > 0)
		ofd->memory.position = at;
	if (done > 0)
		facts[ofd->memory.object].modified = facts[ofd->memory.object].changed = rt_realtime_ns();
	return done;
}

long rt_io_memory_seek(struct rt_io_ofd *ofd, int64_t offset, uint32_t whence)
{
	offset = rt_io_seek_target(offset, whence, (int64_t)ofd->memory.position, (int64_t)rt_object_size(ofd->memory.object));
	if (offset < 0)
		return offset;
	ofd->memory.position = (uint64_t)offset;
	return offset;
}

long rt_io_memory_resize(struct rt_io_ofd *ofd, int64_t size)
{
	const uint64_t now = rt_object_size(ofd->memory.object);
	const uint32_t seals = facts[ofd->memory.object].seals;
	long r;

	if (size < 0 || (ofd->status & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	if ((seals & SEAL_GROW && (uint64_t)size > now) || (seals & SEAL_SHRINK && (uint64_t)size < now))
		return -EPERM;
	r = rt_object_resize(ofd->memory.object, (uint64_t)size);
	if (!r)
		facts[ofd->memory.object].modified = facts[ofd->memory.object].changed = rt_realtime_ns();
	return r == -ENOMEM ? -ENOSPC : r;
}

/* Pages come when they are touched; what is not kept free for them can be missing then, as everywhere in an enclave. */
long rt_io_memory_allocate(struct rt_io_ofd *ofd, uint32_t mode, int64_t offset, int64_t size)
{
	int64_t end;

	if ((ofd->status & O_ACCMODE) == O_RDONLY)
		return -EBADF;
	if (offset < 0 || size <= 0)
		return -EINVAL;
	if (mode & ~LX_FALLOC_KEEP_SIZE)
		return -EOPNOTSUPP;
	if (__builtin_add_overflow(offset, size, &end))
		return -EFBIG;
	return mode || (uint64_t)end <= rt_object_size(ofd->memory.object) ? 0 : rt_io_memory_resize(ofd, end);
}

long rt_io_memory_seals(struct rt_io_ofd *ofd, bool add, uint64_t seals)
{
	struct facts *f = &facts[ofd->memory.object];

	if (!add)
		return (long)f->seals;
	if ((ofd->status & O_ACCMODE) == O_RDONLY || f->seals & SEAL_SEAL)
		return -EPERM;
	if (seals & ~(uint64_t)SEALS)
		return -EINVAL;
	if (seals & SEAL_WRITE && rt_object_writers(ofd->memory.object))
		return -EBUSY;
	f->seals |= (uint32_t)seals;
	return 0;
}

/* ---- mappings ---------------------------------------------------------------------------------------------------------------------- */

uint32_t rt_io_map_object(int fd, bool writing, long *ret_error)
{
	const struct rt_io_ofd *ofd = rt_io_get((uint32_t)fd);

	*ret_error = !ofd || ofd->kind != RT_IO_MEMORY ? -EBADF :
		writing && facts[ofd->memory.object].seals & (SEAL_WRITE | SEAL_FUTURE_WRITE) ? -EPERM : 0;
	return *ret_error ? 0 : ofd->memory.object;
}

/* ---- facts --------------------------------------------------------------------------------------------------------------------------- */

static void describe(uint32_t object, struct stat *ret)
{
	const struct facts *f = &facts[object];
	const uint64_t size = rt_object_size(object);

	*ret = (struct stat){ .st_dev = 1, .st_ino = rt_object_number(object), .st_mode = LX_S_IFREG | f->mode, .st_nlink = f->links, .st_uid = f->uid,
		.st_gid = f->gid, .st_size = (int64_t)size, .st_blksize = OM_PAGE_SIZE, .st_blocks = (int64_t)((size + OM_PAGE_SIZE - 1) / OM_PAGE_SIZE * 8),
		.st_atime = (uint64_t)f->accessed / 1000000000, .st_atime_nsec = (uint64_t)f->accessed % 1000000000,
		.st_mtime = (uint64_t)f->modified / 1000000000, .st_mtime_nsec = (uint64_t)f->modified % 1000000000,
		.st_ctime = (uint64_t)f->changed / 1000000000, .st_ctime_nsec = (uint64_t)f->changed % 1000000000 };
}

void rt_io_memory_stat(const struct rt_io_ofd *ofd, struct stat *ret)
{
	describe(ofd->memory.object, ret);
}

bool rt_io_memory_stat_name(const char *path, struct stat *ret_stat, long *ret)
{
	const char *text = name_of(path);
	struct name *name;

	if (!text)
		return false;
	rt_io_lock();
	name = find(text);
	if (name)
		describe(name->object, ret_stat);
	rt_io_unlock();
	*ret = name ? 0 : -ENOENT;
	return true;
}

long rt_io_memory_chmod(const struct rt_io_ofd *ofd, uint32_t mode)
{
	struct facts *f = &facts[ofd->memory.object];

	if (rt_ids()->euid && rt_ids()->euid != f->uid)
		return -EPERM;
	f->mode = mode & 07777;
	f->changed = rt_realtime_ns();
	return 0;
}

void rt_io_memory_link_text(const struct rt_io_ofd *ofd, struct rt_io_words *words)
{
	for (uint32_t i = 0; i < names_end; i++)
		if (names[i].object == ofd->memory.object) {
			rt_io_words_add(words, folder);
			rt_io_words_add(words, names[i].text);
			return;
		}
	rt_io_words_add(words, facts[ofd->memory.object].name[0] ? "/memfd:" : folder);
	rt_io_words_add(words, facts[ofd->memory.object].name);
	rt_io_words_add(words, " (deleted)");
}

const struct rt_syscall_entry rt_syscalls_memfd[] = {
	{ __NR_memfd_create, 0, sys_memfd_create },
	{ 0, 0, NULL },
};
