/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encrypted files as a program sees them: below one directory the same calls as on the plain files beside it, with the same answers; what
 * a host does to the files while they are open, closed, renamed or removed; and all that across a move.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include "launch.h"
#include "rt/io/roots.h"
#include "rt/rt.h"
#include "unit/unit.h"
#include "fake.h"

extern struct om_launch fake_launch;

static char folder[] = "/tmp/rtio.XXXXXX", name[6][64];
#define ENC(i) name[i]

static void move(bool cancelled)
{
	char words[256] = "";

	if (rt_io_freeze(words, sizeof words))
		fail_msg("freeze: %s", words);
	if (cancelled) {
		assert_int_equal(rt_io_thaw(words, sizeof words), 0);
		return;
	}
	peek_close_host_sides();
	if (rt_io_rebuild(words, sizeof words))
		fail_msg("rebuild: %s", words);
	while (rt_io_claim())
		usleep(100);
	rt_io_let_go();
}

static long put_text(const char *at, int flags, const char *text)
{
	const long fd = CALL(SYS_open, at, flags | O_WRONLY, 0644);

	if (fd < 0)
		return fd;
	assert_int_equal(CALL(SYS_write, fd, text, strlen(text)), strlen(text));
	return CALL(SYS_close, fd);
}

static long get_text(const char *at, char *ret_text, size_t size)
{
	const long fd = CALL(SYS_open, at, O_RDONLY);
	long got;

	if (fd < 0)
		return fd;
	got = CALL(SYS_read, fd, ret_text, size - 1);
	ret_text[got > 0 ? got : 0] = 0;
	assert_int_equal(CALL(SYS_close, fd), 0);
	return got;
}

static void expect_text(const char *at, const char *text)
{
	char found[256];

	assert_int_equal(get_text(at, found, sizeof found), strlen(text));
	assert_string_equal(found, text);
}

/* ---- the host's doing ---- */

static char kept[3][2 << 20];
static ssize_t kept_size[3];

static void host_keep(int which, const char *at)
{
	const int fd = open(at, O_RDONLY);

	assert_true(fd >= 0);
	kept_size[which] = read(fd, kept[which], sizeof kept[which]);
	close(fd);
}

static void host_give(int which, const char *at)
{
	const int fd = open(at, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, kept[which], (size_t)kept_size[which]), kept_size[which]);
	close(fd);
}


/* ---- calls ---- */

static void content(void **state)
{
	struct stat stat;
	char bytes[32];
	long fd;

	(void)state;
	assert_int_equal(put_text(ENC(0), O_CREAT | O_EXCL, "very secret"), 0);
	assert_int_equal(put_text(ENC(0), O_CREAT | O_EXCL, "x"), -EEXIST);
	expect_text(ENC(0), "very secret");
	assert_int_equal(CALL(SYS_stat, ENC(0), &stat), 0);
	assert_int_equal(stat.st_size, 11);
	assert_true(S_ISREG(stat.st_mode));

	fd = CALL(SYS_open, ENC(0), O_RDWR | O_APPEND);
	assert_int_equal(CALL(SYS_write, fd, " indeed", 7), 7);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), 18);
	assert_int_equal(CALL(SYS_pread64, fd, bytes, 6, 5L), 6);
	assert_memory_equal(bytes, "secret", 6);
	assert_int_equal(CALL(SYS_lseek, fd, -6L, SEEK_END), 12);
	assert_int_equal(CALL(SYS_read, fd, bytes, 32), 6);
	assert_int_equal(CALL(SYS_read, fd, bytes, 32), 0);
	assert_int_equal(CALL(SYS_fcntl, fd, F_SETFL, 0), 0);
	assert_int_equal(CALL(SYS_pwrite64, fd, "V", 1, 0L), 1);
	assert_int_equal(CALL(SYS_fcntl, fd, F_SETFL, O_APPEND), 0);
	assert_int_equal(CALL(SYS_pwrite64, fd, "!", 1, 0L), 1); /* as Linux: at the end */
	assert_int_equal(CALL(SYS_fstat, fd, &stat), 0);
	assert_int_equal(stat.st_size, 19);
	assert_int_equal(CALL(SYS_ftruncate, fd, 4), 0);
	assert_int_equal(CALL(SYS_fallocate, fd, 0L, 0L, 6L), 0);
	assert_int_equal(CALL(SYS_fallocate, fd, 3L, 0L, 6L), -EOPNOTSUPP);
	assert_int_equal(CALL(SYS_pread64, fd, bytes, 32, 0L), 6);
	assert_memory_equal(bytes, "Very\0\0", 6);
	assert_int_equal(CALL(SYS_fsync, fd), 0);
	assert_int_equal(CALL(SYS_close, fd), 0);
	assert_int_equal(CALL(SYS_truncate, ENC(0), 4), 0);
	expect_text(ENC(0), "Very");
	assert_int_equal(put_text(ENC(0), O_TRUNC, "new"), 0);
	expect_text(ENC(0), "new");
	fd = CALL(SYS_open, ENC(0), O_WRONLY);
	assert_int_equal(CALL(SYS_read, fd, bytes, 1), -EBADF);
	assert_int_equal(CALL(SYS_close, fd), 0);
	fd = CALL(SYS_open, ENC(0), O_RDONLY);
	assert_int_equal(CALL(SYS_write, fd, bytes, 1), -EBADF);
	assert_int_equal(CALL(SYS_ftruncate, fd, 1), -EINVAL);
	assert_int_equal(CALL(SYS_close, fd), 0);
}

/* Several descriptors of one file are one file, and it outlives the one that opened it. */
static void shared(void **state)
{
	const long a = CALL(SYS_open, ENC(1), O_RDONLY | O_CREAT, 0644), b = CALL(SYS_open, ENC(1), O_RDWR), c = CALL(SYS_dup, b);
	char bytes[8];

	(void)state;
	assert_int_equal(CALL(SYS_write, b, "one", 3), 3);
	assert_int_equal(CALL(SYS_write, c, "two", 3), 3);
	assert_int_equal(CALL(SYS_close, b), 0);
	assert_int_equal(CALL(SYS_read, a, bytes, 8), 6);
	assert_memory_equal(bytes, "onetwo", 6);
	assert_int_equal(CALL(SYS_close, c), 0);
	assert_int_equal(CALL(SYS_pread64, a, bytes, 8, 3L), 3);
	assert_int_equal(CALL(SYS_unlink, ENC(1)), 0);
	assert_int_equal(CALL(SYS_pread64, a, bytes, 8, 3L), 3);
	assert_int_equal(CALL(SYS_open, ENC(1), O_RDONLY), -ENOENT);
	assert_int_equal(put_text(ENC(1), O_CREAT, "another"), 0);
	assert_int_equal(CALL(SYS_pread64, a, bytes, 8, 0L), 6);
	assert_memory_equal(bytes, "onetwo", 6);
	assert_int_equal(CALL(SYS_close, a), 0);
	expect_text(ENC(1), "another");
}

static void names(void **state)
{
	char plain[64];
	long fd;

	(void)state;
	assert_int_equal(put_text(ENC(2), O_CREAT, "two"), 0);
	assert_int_equal(put_text(ENC(3), O_CREAT, "three"), 0);
	fd = CALL(SYS_open, ENC(3), O_RDONLY);
	assert_int_equal(CALL(SYS_rename, ENC(2), ENC(3)), 0);
	expect_text(ENC(3), "two");
	assert_int_equal(CALL(SYS_pread64, fd, plain, 8, 0L), 5);
	assert_int_equal(CALL(SYS_close, fd), 0);
	assert_int_equal(CALL(SYS_open, ENC(2), O_RDONLY), -ENOENT);
	assert_int_equal(CALL(SYS_renameat2, AT_FDCWD, ENC(3), AT_FDCWD, ENC(0), 1), -EEXIST);
	expect_text(ENC(3), "two");
	assert_int_equal(CALL(SYS_renameat2, AT_FDCWD, ENC(3), AT_FDCWD, ENC(0), 2), -EINVAL);
	assert_int_equal(CALL(SYS_rename, ENC(2), ENC(3)), -ENOENT);
	/* an open one */
	fd = CALL(SYS_open, ENC(3), O_RDWR | O_APPEND);
	assert_int_equal(CALL(SYS_rename, ENC(3), ENC(2)), 0);
	assert_int_equal(CALL(SYS_write, fd, "!", 1), 1);
	assert_int_equal(CALL(SYS_close, fd), 0);
	expect_text(ENC(2), "two!");
	/* out, in, links */
	snprintf(plain, sizeof plain, "%s/plain", folder);
	assert_int_equal(CALL(SYS_rename, ENC(2), plain), -EXDEV);
	assert_int_equal(put_text(plain, O_CREAT, "plain"), 0);
	assert_int_equal(CALL(SYS_rename, plain, ENC(3)), -EXDEV);
	assert_int_equal(CALL(SYS_link, ENC(2), ENC(3)), -EPERM);
	assert_int_equal(CALL(SYS_link, ENC(2), plain), -EPERM);
	assert_int_equal(CALL(SYS_symlink, plain, ENC(3)), -EPERM);
	assert_int_equal(CALL(SYS_mknod, ENC(3), S_IFREG | 0644, 0), -EPERM);
	assert_int_equal(CALL(SYS_unlink, ENC(2)), 0);
	assert_int_equal(CALL(SYS_unlink, ENC(2)), -ENOENT);
	/* by its descriptor */
	assert_int_equal(put_text(ENC(2), O_CREAT, "by fd"), 0);
	fd = CALL(SYS_open, ENC(2), O_RDONLY);
	snprintf(plain, sizeof plain, "/proc/self/fd/%ld", fd);
	expect_text(plain, "by fd");
	assert_int_equal(CALL(SYS_close, fd), 0);
}

static void copies(void **state)
{
	char plain[64], bytes[16];
	off_t offset = 1;
	long in, out;

	(void)state;
	snprintf(plain, sizeof plain, "%s/copy", folder);
	assert_int_equal(put_text(ENC(4), O_CREAT | O_TRUNC, "0123456789"), 0);
	in = CALL(SYS_open, ENC(4), O_RDONLY);
	out = CALL(SYS_open, plain, O_RDWR | O_CREAT | O_TRUNC, 0644);
	assert_int_equal(CALL(SYS_sendfile, out, in, &offset, 4), 4);
	assert_int_equal(offset, 5);
	assert_int_equal(CALL(SYS_copy_file_range, in, 0L, out, 0L, 100L, 0L), 10);
	assert_int_equal(CALL(SYS_lseek, in, 0, SEEK_CUR), 10);
	assert_int_equal(CALL(SYS_pread64, out, bytes, 16, 0L), 14);
	assert_memory_equal(bytes, "12340123456789", 14);
	assert_int_equal(CALL(SYS_close, in), 0);
	in = CALL(SYS_open, ENC(4), O_RDWR);
	assert_int_equal(CALL(SYS_lseek, out, 4, SEEK_SET), 4);
	assert_int_equal(CALL(SYS_copy_file_range, out, 0L, in, &offset, 3L, 0L), 3);
	assert_int_equal(offset, 8);
	assert_int_equal(CALL(SYS_close, out), 0);
	assert_int_equal(CALL(SYS_close, in), 0);
	expect_text(ENC(4), "0123401289");
}

/* ---- a hostile host ---- */

static void attacks(void **state)
{
	char text[64];
	struct stat stat;
	long fd;

	(void)state;
	assert_int_equal(put_text(ENC(0), O_CREAT | O_TRUNC, "first"), 0);
	host_keep(0, ENC(0));
	assert_int_equal(put_text(ENC(0), O_TRUNC, "second"), 0);
	host_keep(1, ENC(0));
	host_give(0, ENC(0));                            /* rolled back, closed */
	assert_int_equal(get_text(ENC(0), text, sizeof text), -EIO);
	assert_int_equal(CALL(SYS_stat, ENC(0), &stat), -EIO);
	assert_int_equal(CALL(SYS_truncate, ENC(0), 0), -EIO);
	assert_int_equal(CALL(SYS_rename, ENC(0), ENC(5)), -EIO);
	assert_int_equal(put_text(ENC(0), O_TRUNC, "third"), -EIO);
	host_give(1, ENC(0));
	expect_text(ENC(0), "second");
	assert_int_equal(truncate(ENC(0), 0), 0);        /* emptied */
	assert_int_equal(get_text(ENC(0), text, sizeof text), -EIO);
	unlink(ENC(0));                                  /* taken away */
	assert_int_equal(get_text(ENC(0), text, sizeof text), -EIO);
	assert_int_equal(put_text(ENC(0), O_CREAT, "x"), -EIO);
	unlink(ENC(0));
	assert_int_equal(CALL(SYS_access, ENC(0), F_OK), -EIO);
	assert_int_equal(CALL(SYS_stat, ENC(0), &stat), -EIO);
	assert_int_equal(mkdir(ENC(0), 0755), 0);
	assert_int_equal(CALL(SYS_stat, ENC(0), &stat), -EIO);
	rmdir(ENC(0));
	host_give(1, ENC(0));
	assert_int_equal(put_text(ENC(1), O_CREAT | O_TRUNC, "other"), 0);
	host_keep(0, ENC(1));
	host_give(0, ENC(0));                            /* another file's content */
	assert_int_equal(get_text(ENC(0), text, sizeof text), -EIO);
	host_give(1, ENC(0));
	fd = CALL(SYS_open, ENC(0), O_RDWR);
	assert_int_equal(rename(ENC(1), ENC(0)), 0);     /* swapped while it is open */
	assert_int_equal(CALL(SYS_open, ENC(0), O_RDONLY), -EIO);
	assert_int_equal(CALL(SYS_pread64, fd, text, 6, 0L), 6);
	assert_int_equal(CALL(SYS_close, fd), 0);
	host_give(0, ENC(1));
	host_give(1, ENC(0));
	expect_text(ENC(1), "other");
	assert_int_equal(CALL(SYS_unlink, ENC(1)), 0);   /* removed, and shown again */
	host_give(0, ENC(1));
	assert_int_equal(get_text(ENC(1), text, sizeof text), -EIO);
	assert_int_equal(put_text(ENC(1), O_CREAT, "x"), -EIO);
	assert_int_equal(CALL(SYS_stat, ENC(1), &stat), -EIO);
	unlink(ENC(1));
	assert_int_equal(put_text(ENC(1), O_CREAT, "again"), 0);
	assert_int_equal(CALL(SYS_rename, ENC(1), ENC(5)), 0); /* renamed, and shown under the old name */
	host_keep(0, ENC(5));
	host_give(0, ENC(1));
	assert_int_equal(get_text(ENC(1), text, sizeof text), -EIO);
	unlink(ENC(1));
	expect_text(ENC(5), "again");
	/* a host that says it has renamed and has not */
	fake.lie_nr = SYS_renameat2;
	fake.lie_result = 0;
	assert_int_equal(CALL(SYS_rename, ENC(5), ENC(1)), 0);
	assert_int_equal(get_text(ENC(1), text, sizeof text), -EIO);
	assert_int_equal(get_text(ENC(5), text, sizeof text), -EIO);
	assert_int_equal(rename(ENC(5), ENC(1)), 0);
	expect_text(ENC(1), "again");
}

/* What the host's disk says is what the program hears, and what could not be written is not there. */
static void host_errors(void **state)
{
	long fd;

	(void)state;
	fd = CALL(SYS_open, ENC(3), O_RDWR | O_CREAT, 0644);
	assert_int_equal(CALL(SYS_write, fd, "a", 1), 1);
	fake.lie_nr = SYS_pwrite64;
	fake.lie_result = -ENOSPC;
	assert_int_equal(CALL(SYS_fsync, fd), -ENOSPC);
	assert_int_equal(CALL(SYS_fsync, fd), 0);
	assert_int_equal(CALL(SYS_write, fd, "b", 1), 1);
	fake.lie_nr = SYS_fdatasync;
	fake.lie_result = -EIO;
	assert_int_equal(CALL(SYS_fsync, fd), -EIO);
	/* The kernel may have dropped it: nothing is called durable any more until the file is opened again, as it was. */
	assert_int_equal(CALL(SYS_fdatasync, fd), -EIO);
	assert_int_equal(CALL(SYS_write, fd, "b", 1), -EIO);
	assert_int_equal(CALL(SYS_close, fd), -EIO);
	expect_text(ENC(3), "a");
	fd = CALL(SYS_open, ENC(3), O_RDWR);
	assert_int_equal(CALL(SYS_write, fd, "c", 1), 1);
	fake.lie_nr = SYS_pwrite64;
	fake.lie_result = -EDQUOT;
	assert_int_equal(CALL(SYS_close, fd), -EDQUOT);
}

/* ---- moving ---- */

static void moves(void **state)
{
	char text[64], words[256] = "";
	long fd;

	(void)state;
	assert_int_equal(put_text(ENC(4), O_CREAT | O_TRUNC, "closed"), 0);
	host_keep(0, ENC(4));
	assert_int_equal(put_text(ENC(4), O_APPEND, " later"), 0);
	host_keep(1, ENC(4));
	fd = CALL(SYS_open, ENC(5), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644);
	assert_int_equal(fd < 0 ? fd : 0, 0);
	assert_int_equal(CALL(SYS_write, fd, "open", 4), 4);
	move(true);
	assert_int_equal(CALL(SYS_write, fd, " on", 3), 3);
	move(false);
	assert_int_equal(CALL(SYS_lseek, fd, 0, SEEK_CUR), 7);
	assert_int_equal(CALL(SYS_write, fd, " there", 6), 6);
	assert_int_equal(CALL(SYS_fcntl, fd, F_GETFL) & (O_ACCMODE | O_APPEND), O_RDWR | O_APPEND);
	expect_text(ENC(5), "open on there");
	expect_text(ENC(4), "closed later");
	host_give(0, ENC(4));                            /* of a file that is closed, there */
	assert_int_equal(get_text(ENC(4), text, sizeof text), -EIO);
	host_give(1, ENC(4));
	/* the destination's host shows an older one, and the source goes on */
	assert_int_equal(CALL(SYS_fsync, fd), 0);
	host_keep(0, ENC(5));
	assert_int_equal(CALL(SYS_write, fd, "!", 1), 1);
	assert_int_equal(rt_io_freeze(words, sizeof words), 0);
	host_keep(1, ENC(5));
	host_give(0, ENC(5));
	peek_close_host_sides();
	assert_int_equal(rt_io_rebuild(words, sizeof words), OM_EHOSTSTATE);
	assert_non_null(strstr(words, "encrypted file"));
	host_give(1, ENC(5));
	assert_int_equal(rt_io_rebuild(words, sizeof words), 0);
	while (rt_io_claim())
		usleep(100);
	rt_io_let_go();
	expect_text(ENC(5), "open on there!");
	assert_int_equal(CALL(SYS_close, fd), 0);
}

/* Before anything is touched: what an ancestor knew. Of two records one is a file, one was removed. */
static void heir(void **state)
{
	uint8_t bytes[128] = { 1, [64] = 2 }, back[128];
	const uint32_t known = RT_ROOT_KNOWN, removed = RT_ROOT_REMOVED, neither = 3;

	(void)state;
	memset(bytes + 16, 7, sizeof(struct om_vault_root));
	memcpy(bytes + 56, &known, 4);
	memcpy(bytes + 120, &neither, 4);
	assert_int_equal(rt_vault_import(bytes, sizeof bytes), -EINVAL);
	memcpy(bytes + 120, &removed, 4);
	assert_int_equal(rt_vault_import(bytes, sizeof bytes - 1), -EINVAL);
	bytes[80] = 1;                                   /* a root of what is not there */
	assert_int_equal(rt_vault_import(bytes, sizeof bytes), -EINVAL);
	bytes[80] = 0;
	bytes[60] = 1;                                   /* a link of the table's own */
	assert_int_equal(rt_vault_import(bytes, sizeof bytes), -EINVAL);
	bytes[60] = 0;
	assert_int_equal(rt_vault_import_check(bytes, sizeof bytes), 0);
	assert_int_equal(rt_vault_export(NULL, 0), 0);
	assert_int_equal(rt_vault_import(bytes, sizeof bytes), 0);
	assert_int_equal(rt_vault_export(back, sizeof back), sizeof back);
	assert_memory_equal(bytes, back, sizeof back);
}

/* An heir is one before it has files of its own. */
static void inheritance(void **state)
{
	const long size = rt_vault_export(NULL, 0);
	uint8_t *bytes = malloc((size_t)size + 64);

	(void)state;
	assert_true(size > 0 && size % 64 == 0);
	assert_int_equal(rt_vault_export(bytes, (size_t)size - 1), -ENOSPC);
	assert_int_equal(rt_vault_export(bytes, (size_t)size), size);
	assert_int_equal(rt_vault_import_check(bytes, (size_t)size), -EBUSY);
	assert_int_equal(rt_vault_import(bytes, (size_t)size), -EBUSY);
	free(bytes);
}

static int make_launch(void **state)
{
	static char encrypted[64];
	static const char *list[] = { encrypted };
	static uint8_t bytes[1024];
	const struct om_launch_source source = { .any = OM_LAUNCH_ANY_ARGS | OM_LAUNCH_ANY_ENV | OM_LAUNCH_ANY_FILES,
		.list = { [OM_LAUNCH_ENCRYPTED] = list }, .count = { [OM_LAUNCH_ENCRYPTED] = 1 } };

	(void)state;
	snprintf(encrypted, sizeof encrypted, "%s/enc/", folder);
	if (mkdir(encrypted, 0755) || om_launch_encode(&source, bytes, om_launch_size(&source)) ||
	    om_launch_decode(bytes, om_launch_size(&source), &fake_launch))
		return 1;
	for (int i = 0; i < 6; i++)
		snprintf(name[i], sizeof name[i], "%s/enc/%d", folder, i);
	fake_boot();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heir), cmocka_unit_test(content), cmocka_unit_test(shared), cmocka_unit_test(names), cmocka_unit_test(copies),
		cmocka_unit_test(attacks), cmocka_unit_test(host_errors), cmocka_unit_test(moves), cmocka_unit_test(inheritance),
	};

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	return cmocka_run_group_tests(tests, make_launch, NULL);
}
