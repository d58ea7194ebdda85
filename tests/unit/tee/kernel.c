/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include "kernel.h"

#define FIRST 1000
#define FILES 16
#define ENTRIES 4

enum what { CLOSED, FOLDER, ATTRIBUTE, SEV, TDX, BOOT, IDENTITY, OTHER };
struct file { enum what what; int entry, flags; char name[24]; uint8_t data[200 << 10]; size_t size, at; bool made, locked; };
struct entry { bool there, asked, fresh; char name[16]; uint64_t generation; unsigned level; uint8_t in[256], out[200 << 10], aux[16384]; size_t in_size, out_size, aux_size; };

struct play play;
static struct file files[FILES];
static struct entry entries[ENTRIES];

size_t play_table(uint8_t *to, size_t room)
{
	static uint8_t table[16384];
	static size_t size;

	if (!size)                             /* RSA takes its time, and there is one machine */
		assert_int_equal(om_snp_machine_table(&play.machine, 1767225600, table, sizeof table, &size), 0);
	assert_true(size <= room);
	memcpy(to, table, size);
	return size;
}

static int fails(int number)
{
	errno = number;
	return -1;
}

static int new_file(enum what what, int flags)
{
	for (int i = 0; i < FILES; i++)
		if (files[i].what == CLOSED) {
			memset(&files[i], 0, sizeof files[i]);
			files[i].what = what;
			files[i].flags = flags;
			return FIRST + i;
		}
	fail_msg("too many open files");
	return -1;
}

static struct file *file_of(int fd)
{
	assert_in_range(fd, FIRST, FIRST + FILES - 1);
	assert_int_not_equal(files[fd - FIRST].what, CLOSED);
	return &files[fd - FIRST];
}

static int find_entry(const char *name)
{
	for (int i = 0; i < ENTRIES; i++)
		if (entries[i].there && !strcmp(entries[i].name, name))
			return i;
	return -1;
}

static int open_attribute(const char *path, int flags)
{
	char entry[16], name[24];
	int at, fd;

	assert_int_equal(sscanf(path, "%15[^/]/%23s", entry, name), 2);
	at = find_entry(entry);
	if (at < 0 || (!strncmp(name, "privlevel", 9) && play.floor_missing) || (!strcmp(name, "auxblob") && play.aux_missing))
		return fails(ENOENT);
	fd = new_file(ATTRIBUTE, flags);
	file_of(fd)->entry = at;
	snprintf(file_of(fd)->name, sizeof file_of(fd)->name, "%s", name);
	return fd;
}

static int k_open(const char *path, int flags, unsigned mode)
{
	static const char reports[] = "/sys/kernel/config/tsm/report";
	const bool below = !strncmp(path, reports, sizeof reports - 1);

	(void)mode;
	assert_true(flags & O_CLOEXEC);
	if (below && play.folder_errno)
		return fails(play.folder_errno);
	if (below && !play.tsm)
		return fails(ENOENT);
	if (below)
		return path[sizeof reports - 1] ? open_attribute(path + sizeof reports, flags) : new_file(FOLDER, flags);
	if (!strcmp(path, "/sys/kernel/config/tsm"))
		return play.configfs ? new_file(OTHER, flags) : fails(ENOENT);
	if (!strcmp(path, "/dev/sev-guest"))
		return play.device_errno ? fails(play.device_errno) : play.sev ? new_file(SEV, flags) : fails(ENOENT);
	if (!strcmp(path, "/dev/tdx_guest"))
		return play.tdx ? new_file(TDX, flags) : fails(ENOENT);
	if (!strcmp(path, "/proc/sys/kernel/random/boot_id"))
		return play.boot_id ? new_file(BOOT, flags) : fails(ENOENT);
	if (!strcmp(path, "/run/optmig-identity")) {
		assert_true(flags & O_NOFOLLOW);
		if (play.no_run)
			return fails(EACCES);
		if (!(flags & O_CREAT) && !play.identity_size)
			assert_true(flags & O_TRUNC);
		if (flags & O_CREAT)
			assert_int_equal(mode, 0600);
		if (flags & O_TRUNC)
			play.identity_size = 0;
		return new_file(IDENTITY, flags);
	}
	return fails(ENOENT);                  /* a machine has much else, and none of it is ours to open */
}

/* The driver's report_new(): errors as they reach read(2). */
static int make_out(struct entry *e)
{
	struct om_snp_report f = play.says;

	play.requests++;
	if (play.wiped)
		return ENOTTY;
	if (play.out_times) {
		play.out_times--;
		if (play.out_errno != EBUSY && play.out_errno != EINVAL && play.out_errno != ENXIO && play.out_errno != ENOMEM && !strcmp(play.provider, "sev_guest"))
			play.wiped = true;
		return play.out_errno;
	}
	if (e->in_size != 64)
		return EINVAL;
	if (play.certificates_huge)
		return EIO;                    /* and nothing is wiped */
	memset(e->out, play.garbage ? 0x5a : 0, sizeof e->out);
	if (!play.provider || !strcmp(play.provider, "sev_guest")) {
		if (e->level < play.vmpl)
			return EINVAL;
		f.vmpl = e->level;
		memcpy(f.report_data, e->in, 64);
		f.report_data[0] ^= play.other_data;
		if (!play.garbage)
			om_snp_machine_report(&play.machine, &f, e->out);
		e->out_size = play.garbage ? 100 : OM_SNP_REPORT_SIZE;
		if (play.certificates)
			e->aux_size = play_table(e->aux, sizeof e->aux);
	} else {
		memcpy(play.td.reportdata, e->in, 64);
		play.td.reportdata[0] ^= play.other_data;
		if (!play.garbage)
			assert_int_equal(om_platform_quote_as(&play.platform, 4, OM_BODY_TD10, NULL, &play.td, e->out, OM_QUOTE_MAX, &e->out_size), 0);
		else
			e->out_size = 8192;
	}
	e->out_size += play.tail;
	e->fresh = true;
	return 0;
}

static void text(struct file *f, const char *words)
{
	f->size = (size_t)snprintf((char *)f->data, sizeof f->data, "%s\n", words);
}

/* At the first read. Return: errno. */
static int make(struct file *f)
{
	struct entry *e = &entries[f->entry];
	char number[32];
	int error;

	if (!strcmp(f->name, "generation")) {
		snprintf(number, sizeof number, "%llu", (unsigned long long)e->generation);
		text(f, number);
		return 0;
	}
	if (!play.provider)
		return !strcmp(f->name, "outblob") ? ENOTTY : ENXIO;
	if (!strcmp(f->name, "provider")) {
		text(f, play.provider);
		return 0;
	}
	if (!strcmp(f->name, "privlevel_floor")) {
		snprintf(number, sizeof number, "%u", play.floor);
		text(f, number);
		return 0;
	}
	if (!e->in_size)
		return EINVAL;
	if (!strcmp(f->name, "outblob") && e->asked && play.interfere) {
		play.interfere--;
		e->generation++;
		e->in[5] ^= 1;
		e->fresh = false;
	}
	if (!e->fresh && (error = make_out(e)) != 0)
		return error;
	if (!strcmp(f->name, "outblob"))
		memcpy(f->data, e->out, f->size = e->out_size);
	else if (!strcmp(f->name, "auxblob"))
		memcpy(f->data, e->aux, f->size = e->aux_size);
	else
		return EACCES;
	return 0;
}

static ssize_t k_read(int fd, void *buffer, size_t size)
{
	struct file *f = file_of(fd);
	size_t n;

	if (f->what == ATTRIBUTE && !f->made) {
		const int error = make(f);

		if (error)
			return fails(error);
		f->made = true;
	}
	if (f->what == BOOT)
		f->size = (size_t)snprintf((char *)f->data, sizeof f->data, "%s\n", play.boot_id);
	if (f->what == IDENTITY)
		memcpy(f->data, play.identity, f->size = play.identity_size);
	n = f->size - f->at < size ? f->size - f->at : size;
	if (n > 1000 && size > 1000)
		n = 1000;                      /* in pieces */
	memcpy(buffer, f->data + f->at, n);
	f->at += n;
	return (ssize_t)n;
}

static ssize_t k_write(int fd, const void *buffer, size_t size)
{
	struct file *f = file_of(fd);

	assert_true(f->at + size <= sizeof f->data);
	memcpy(f->data + f->at, buffer, size);
	f->at += size;
	f->size = f->at;
	if (f->what == IDENTITY)
		memcpy(play.identity, f->data, play.identity_size = f->size);
	return (ssize_t)size;
}

static void count_write(struct file *f)
{
	struct entry *e = &entries[f->entry];

	if (play.lost) {
		play.lost--;
		return;
	}
	e->generation++;
	e->fresh = false;
	if (!strcmp(f->name, "inblob")) {
		memcpy(e->in, f->data, e->in_size = f->size);
		e->asked = true;
	} else if (!strcmp(f->name, "privlevel")) {
		snprintf(play.privlevel, sizeof play.privlevel, "%.*s", (int)f->size, (char *)f->data);
		e->level = (unsigned)atoll(play.privlevel);
	}
}

static int k_close(int fd)
{
	struct file *f = file_of(fd);

	if (f->what == ATTRIBUTE && (f->flags & O_ACCMODE) == O_WRONLY)
		count_write(f);
	f->what = CLOSED;
	return 0;
}

static int k_flock(int fd, int operation)
{
	struct file *f = file_of(fd);

	if (operation == LOCK_UN) {
		f->locked = false;
		return 0;
	}
	if (play.no_locks)
		return fails(ENOLCK);
	if (play.now < play.locked_until)
		return fails(EWOULDBLOCK);
	assert_false(f->locked);
	f->locked = true;
	play.locks++;
	return 0;
}

static int k_mkdir(const char *path, unsigned mode)
{
	const char *name = strrchr(path, '/') + 1;

	(void)mode;
	if (play.mkdir_errno)
		return fails(play.mkdir_errno);
	if (!play.provider)
		return fails(ENXIO);
	if (find_entry(name) >= 0)
		return fails(EEXIST);
	for (int i = 0; i < ENTRIES; i++)
		if (!entries[i].there) {
			memset(&entries[i], 0, sizeof entries[i]);
			entries[i].there = true;
			snprintf(entries[i].name, sizeof entries[i].name, "%s", name);
			play.entries++;
			return 0;
		}
	return fails(ENOSPC);
}

static int k_rmdir(const char *path)
{
	const int at = find_entry(strrchr(path, '/') + 1);

	if (at < 0)
		return fails(ENOENT);
	if (at == 0 && play.stuck)
		return fails(EBUSY);
	for (int i = 0; i < FILES; i++)
		assert_false(files[i].what == ATTRIBUTE && files[i].entry == at);
	entries[at].there = false;
	return 0;
}

/* ---- /dev/sev-guest ---- */

struct message { uint8_t version, pad[7]; uint64_t asked, answer, exitinfo2; };

static int answer_report(const uint8_t *asked, uint8_t *answer)
{
	struct om_snp_report f = play.says;
	uint32_t status = play.status, size = play.size ? play.size : OM_SNP_REPORT_SIZE;

	memcpy(&f.vmpl, asked + 64, 4);
	memcpy(f.report_data, asked, 64);
	if (f.vmpl < play.vmpl)
		status = 0x16;
	memset(answer, 0, 4000);
	memcpy(answer, &status, 4);
	if (status)
		return 0;
	memcpy(answer + 4, &size, 4);
	om_snp_machine_report(&play.machine, &f, answer + 32);
	return 0;
}

/* Depends on all that is asked for. */
static int answer_key(const uint8_t *asked, uint8_t *answer)
{
	memcpy(play.key_request, asked, 32);
	play.key_requests++;
	memset(answer, 0, 64);
	memcpy(answer, &play.status, 4);
	for (unsigned i = 0; i < 32 && !play.status; i++)
		answer[32 + i] = (uint8_t)(asked[i] + play.machine.private[i]);
	return 0;
}

static int k_ioctl(int fd, unsigned long request, void *argument)
{
	struct message *m = argument;
	uint64_t room;
	uint32_t room_size;

	assert_int_equal(file_of(fd)->what, SEV);
	assert_int_equal(m->version, 1);
	m->exitinfo2 = 0xff;
	play.requests++;
	if (play.wiped)
		return fails(ENOTTY);
	if (play.ioctl_times) {
		play.ioctl_times--;
		m->exitinfo2 = play.exitinfo2;
		if (play.ioctl_errno != EAGAIN && play.ioctl_errno != EBUSY && play.ioctl_errno != EINTR)
			play.wiped = true;
		return fails(play.ioctl_errno);
	}
	switch (request) {
	case 0xc0205302ul:
		memcpy(&room, (uint8_t *)(uintptr_t)m->asked + 96, 8);
		memcpy(&room_size, (uint8_t *)(uintptr_t)m->asked + 104, 4);
		assert_true(room_size <= 0x4000 && room_size % 4096 == 0 && room % 4096 == 0);
		if (play.certificates_huge) {
			room_size = 0x8000;
			memcpy((uint8_t *)(uintptr_t)m->asked + 104, &room_size, 4);
			m->exitinfo2 = 1ull << 32;
			return fails(EIO);
		}
		if (play.certificates)
			(void)play_table((uint8_t *)(uintptr_t)room, room_size);
		return answer_report((uint8_t *)(uintptr_t)m->asked, (uint8_t *)(uintptr_t)m->answer);
	case 0xc0205300ul: return answer_report((uint8_t *)(uintptr_t)m->asked, (uint8_t *)(uintptr_t)m->answer);
	case 0xc0205301ul: return answer_key((uint8_t *)(uintptr_t)m->asked, (uint8_t *)(uintptr_t)m->answer);
	default:           return fails(ENOTTY);
	}
}

static int k_poll(int fd, int timeout_ms)
{
	(void)fd, (void)timeout_ms;
	return 0;
}

static int k_in_memory(int fd)
{
	(void)file_of(fd);
	return !play.run_is_disk;
}

static int k_random(void *buffer, size_t size)
{
	unit_random_bytes(buffer, size);
	return 0;
}

static uint64_t k_now(void)
{
	return play.now;
}

static void k_sleep(unsigned ms)
{
	play.now += ms;
	play.waited += ms;
	assert_true(play.waited < 3600000);    /* nothing waits for ever */
}

static void k_cpuid(uint32_t leaf, uint32_t ret[4])
{
	memset(ret, 0, 16);
	for (unsigned i = 0; i < 8; i++)
		if (play.cpuid[i][0] == leaf) {
			memcpy(ret, &play.cpuid[i][1], 16);
			return;
		}
}

const struct guest_kernel played = {
	.open = k_open, .close = k_close, .read = k_read, .write = k_write, .ioctl = k_ioctl, .flock = k_flock, .mkdir = k_mkdir, .rmdir = k_rmdir, .poll = k_poll,
	.in_memory = k_in_memory, .random = k_random, .now_ms = k_now, .sleep_ms = k_sleep, .cpuid = k_cpuid,
};

void play_begin(void)
{
	static const uint8_t seed[32] = { 11 };

	memset(&play, 0, sizeof play);
	memset(entries, 0, sizeof entries);
	play.tsm = play.configfs = play.sev = play.certificates = true;
	play.provider = "sev_guest";
	play.boot_id = "01234567-89ab-cdef-0123-456789abcdef";
	om_snp_machine_init(&play.machine, seed, OM_SNP_GENOA, OM_SNP_VCEK);
	om_snp_machine_fields(&play.machine, 3, &play.says);
	memset(play.says.measurement, 0xab, sizeof play.says.measurement);
	play.says.guest_svn = 7;
	om_platform_init(&play.platform, seed, NULL);
	play.platform.tdx = true;
	memcpy(play.td.tee_tcb_svn, play.platform.td_svn, sizeof play.td.tee_tcb_svn);
	play.td.attributes = OM_TD_SEPT_VE_DISABLE;
	memset(play.td.mrtd, 0xcd, sizeof play.td.mrtd);
	guest_kernel_use(&played);
}

void play_end(void)
{
	for (int i = 0; i < FILES; i++)
		assert_int_equal(files[i].what, CLOSED);
	for (int i = 0; i < ENTRIES; i++)
		assert_true(!entries[i].there || (i == 0 && play.stuck));
	guest_kernel_use(NULL);
}
