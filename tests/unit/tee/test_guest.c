/* SPDX-License-Identifier: Apache-2.0 */
/* A confidential guest's evidence, with a kernel that does all that Linux may do: errors, their words, what is asked again and what is not. */
#include <errno.h>
#include "kernel.h"
#include "evidence/guest/identity.h"
#include "evidence/guest/source.h"
#include "evidence/parse/envelope.h"
#include "evidence/parse/quote.h"
#include "errors.h"
#include "tee.h"

static uint8_t data[GUEST_DATA_SIZE], bytes[GUEST_REPORT_MAX], table[GUEST_TABLE_MAX];
static size_t size, table_size;

static struct guest_source *open_source(const char *name)
{
	struct guest_source *s = NULL;
	const int r = guest_source_open(&s);

	if (r)
		fail_msg("%d: %s", r, tee_last_error());
	assert_string_equal(s->name, name);
	return s;
}

static int ask(struct guest_source *s)
{
	unit_random_bytes(data, sizeof data);
	return s->report(s, data, bytes, sizeof bytes, &size, table, sizeof table, &table_size);
}

static void must_say(int got, int error, const char *words)
{
	if (got != error || !strstr(tee_last_error(), words))
		fail_msg("%d, \"%s\"; expected %d, \"%s\"", got, tee_last_error(), error, words);
}

static void is_snp(unsigned vmpl)
{
	struct om_snp_report r;

	assert_int_equal(om_snp_report_parse((struct om_view) { bytes, size }, &r), 0);
	assert_memory_equal(r.report_data, data, sizeof data);
	assert_int_equal(r.vmpl, vmpl);
}

static void has_table(void)
{
	uint8_t expected[GUEST_TABLE_MAX];

	assert_int_equal(table_size, play_table(expected, sizeof expected));
	assert_memory_equal(table, expected, table_size);
}

static void done(struct guest_source *s)
{
	guest_source_close(s);
	play_end();
}

/* ---- configfs-tsm ---- */

static void test_tsm(void **state)
{
	struct guest_source *s;

	(void)state;
	play_begin();
	s = open_source("configfs-tsm");
	assert_int_equal(s->maker, GUEST_SNP);
	assert_false(s->emulated);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(s), 0);
		is_snp(0);
		has_table();
	}
	assert_int_equal(play.requests, 3);
	assert_int_equal(play.privlevel[0], 0);      /* nothing that need not be written */
	/* Certificates are a gift. */
	play.certificates = false;
	assert_int_equal(ask(s), 0);
	assert_int_equal(table_size, 0);
	play.aux_missing = true;
	assert_int_equal(ask(s), 0);
	play.certificates = true;
	play.aux_missing = false;
	/* More than the kernel takes: it says EIO. The device does without them, and is asked at once from then on. */
	play.certificates_huge = true;
	play.vmpl = 1;
	play.requests = 0;
	assert_int_equal(ask(s), 0);
	is_snp(1);
	assert_int_equal(table_size, 0);
	assert_int_equal(play.requests, 3);              /* configfs, and a level that is refused */
	assert_int_equal(ask(s), 0);
	assert_int_equal(play.requests, 4);
	play.ioctl_errno = EIO;
	play.ioctl_times = 1;
	must_say(ask(s), OM_EQUOTE, "/dev/sev-guest: Input/output error");
	must_say(ask(s), OM_EQUOTE, "VMPCK");
	done(s);
	play_begin();
	play.certificates_huge = true;
	s = open_source("configfs-tsm");
	play.sev = false;
	must_say(ask(s), OM_EQUOTE, "no report: Input/output error");
	play.certificates_huge = false;
	assert_int_equal(ask(s), 0);
	assert_int_equal(s->report(s, data, bytes, sizeof bytes, &size, table, 100, &table_size), 0);
	assert_int_equal(table_size, 0);
	assert_int_equal(s->report(s, data, bytes, sizeof bytes, &size, NULL, 0, &table_size), 0);
	assert_int_equal(s->report(s, data, bytes, OM_SNP_REPORT_SIZE - 1, &size, table, sizeof table, &table_size), OM_ENOMEM);
	assert_int_equal(size, OM_SNP_REPORT_SIZE);
	/* An SVSM's answer is a page. */
	play.tail = 4096 - OM_SNP_REPORT_SIZE;
	assert_int_equal(ask(s), 0);
	is_snp(0);
	play.tail = 200u << 10;
	play.tail -= OM_SNP_REPORT_SIZE;
	must_say(ask(s), OM_EQUOTE, "longer than any");
	play.tail = 0;
	play.garbage = true;
	must_say(ask(s), OM_EQUOTE, "a report of 100 bytes");
	done(s);
	/* Kernels without levels, and those at one. */
	play_begin();
	play.floor_missing = true;
	s = open_source("configfs-tsm");
	assert_int_equal(ask(s), 0);
	done(s);
	play_begin();
	play.floor = play.vmpl = 2;
	s = open_source("configfs-tsm");
	assert_int_equal(ask(s), 0);
	is_snp(2);
	assert_string_equal(play.privlevel, "2");
	done(s);
}

/* Somebody else in our entry; entries that others left. */
static void test_interference(void **state)
{
	struct guest_source *s;

	(void)state;
	for (unsigned times = 0; times < 6; times++) {
		play_begin();
		s = open_source("configfs-tsm");
		play.interfere = times;
		if (times < 4) {
			assert_int_equal(ask(s), 0);
			is_snp(0);
		} else {
			must_say(ask(s), OM_EQUOTE, "somebody writes into our entry");
		}
		assert_int_equal(play.requests, times < 4 ? times + 1 : 4);
		done(s);
	}
	/* A write that did not count is no other case. */
	play_begin();
	s = open_source("configfs-tsm");
	assert_int_equal(ask(s), 0);
	play.lost = 1;
	must_say(ask(s), OM_EQUOTE, "refuses the request");       /* a fresh entry has nothing to read */
	assert_int_equal(ask(s), 0);
	is_snp(0);
	done(s);
	/* Left behind by one that died. */
	play_begin();
	assert_int_equal(played.mkdir("/sys/kernel/config/tsm/report/optmig", 0700), 0);
	s = open_source("configfs-tsm");
	assert_int_equal(ask(s), 0);
	done(s);
	play_begin();
	assert_int_equal(played.mkdir("/sys/kernel/config/tsm/report/optmig", 0700), 0);
	play.stuck = true;
	s = open_source("configfs-tsm");
	assert_int_equal(ask(s), 0);
	is_snp(0);
	done(s);
}

static void test_lock(void **state)
{
	struct guest_source *s;

	(void)state;
	play_begin();
	s = open_source("configfs-tsm");
	play.locked_until = play.now + 70000;         /* one that waits for a busy host */
	assert_int_equal(ask(s), 0);
	assert_true(play.now >= 70000);
	play.locked_until = UINT64_MAX;
	play.requests = 0;
	must_say(ask(s), OM_ETIMEDOUT, "in use by another process");
	assert_int_equal(play.requests, 0);
	assert_true(play.waited < 300000);
	play.no_locks = true;
	assert_int_equal(ask(s), 0);
	done(s);
}

/* Each error of reading outblob, once. */
static void test_tsm_errors(void **state)
{
	static const struct { const char *provider; int number, error; const char *words; bool final; } rows[] = {
		{ "sev_guest", EINVAL, OM_EQUOTE, "invalid parameter or key", false },
		{ "sev_guest", ENXIO, OM_EQUOTE, "a status that the kernel does not tell", false },
		{ "sev_guest", ENOMEM, OM_ENOMEM, "no memory", false },
		{ "sev_guest", EIO, OM_EQUOTE, "VMPCK", true },      /* the device is asked whether that was the end */
		{ "sev_guest", EBADMSG, OM_EQUOTE, "no report: Bad message", true },
		{ "sev_guest", ETIMEDOUT, OM_EQUOTE, "until it is started anew", true },
		{ "sev_guest", ENOTTY, OM_EQUOTE, "until it is started anew", true },
		{ "tdx_guest", EINVAL, OM_EQUOTE, "the TDX module refuses", false },
		{ "tdx_guest", EIO, OM_EQUOTE, "has no quoting service (QGS)", false },
		{ "tdx_guest", ETIMEDOUT, OM_ETIMEDOUT, "quoting service (QGS) has not answered", false },
		{ "tdx_guest", ENOMEM, OM_ENOMEM, "no memory", false },
		{ "tdx_guest", ENOTTY, OM_EQUOTE, "driver tdx_guest is gone", false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct guest_source *s;
		unsigned before;

		play_begin();
		play.provider = rows[i].provider;
		s = open_source("configfs-tsm");
		play.out_errno = rows[i].number;
		play.out_times = 1;
		must_say(ask(s), rows[i].error, rows[i].words);
		if (!rows[i].final) {
			assert_int_equal(ask(s), 0);
			done(s);
			continue;
		}
		must_say(ask(s), OM_EQUOTE, "VMPCK");
		must_say(ask(s), OM_EQUOTE, "VMPCK");
		before = play.requests;
		must_say(ask(s), OM_EQUOTE, "VMPCK");
		assert_int_equal(play.requests, before); /* nothing is asked of what cannot answer any more */
		must_say(s->key(s, data), OM_EQUOTE, "VMPCK");
		assert_int_equal(play.requests, before);
		done(s);
	}
}

static void test_busy(void **state)
{
	static const char *const providers[] = { "sev_guest", "tdx_guest" };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct guest_source *s;

		play_begin();
		play.provider = providers[i];
		s = open_source("configfs-tsm");
		play.out_errno = EBUSY;
		play.out_times = 20;
		assert_int_equal(ask(s), 0);
		assert_int_equal(play.waited, 20000);
		play.out_times = FOREVER;
		must_say(ask(s), OM_ETIMEDOUT, "busy for too long");
		assert_in_range(play.waited, 80000, 130000);
		done(s);
	}
}

/* The driver goes and comes. */
static void test_unloaded(void **state)
{
	struct guest_source *s;

	(void)state;
	play_begin();
	s = open_source("configfs-tsm");
	play.provider = NULL;
	must_say(ask(s), OM_EQUOTE, "driver sev-guest is gone");
	play.provider = "sev_guest";
	assert_int_equal(ask(s), 0);
	play.mkdir_errno = EACCES;
	must_say(ask(s), OM_EPERM, "takes rights");
	play.mkdir_errno = EROFS;
	must_say(ask(s), OM_EPERM, "Read-only");
	done(s);
}

static void test_tdx(void **state)
{
	struct guest_source *s;
	struct om_quote q;
	size_t plain;

	(void)state;
	play_begin();
	play.provider = "tdx_guest";
	play.aux_missing = play.floor_missing = true;
	play.sev = false;
	s = open_source("configfs-tsm");
	assert_int_equal(s->maker, GUEST_TDX);
	assert_null(s->key);
	assert_int_equal(ask(s), 0);
	plain = size;
	assert_int_equal(om_quote_parse(bytes, size, &q), 0);
	assert_int_equal(q.size, size);
	assert_memory_equal(q.td.reportdata, data, sizeof data);
	for (unsigned i = 0; i < 4; i++) {
		static const size_t tails[] = { 1, 70, 3065, 128 << 10 };

		play.tail = tails[i];
		assert_int_equal(ask(s), 0);
		assert_int_equal(size, plain);
	}
	play.tail = 0;
	assert_int_equal(s->report(s, data, bytes, plain - 1, &size, table, sizeof table, &table_size), OM_ENOMEM);
	assert_int_equal(size, plain);
	play.garbage = true;
	must_say(ask(s), OM_EQUOTE, "no quote of a trust domain");
	done(s);
}

/* ---- which source ---- */

static void no_source(int error, const char *words)
{
	struct guest_source *s = NULL;

	must_say(guest_source_open(&s), error, words);
	assert_null(s);
	play_end();
}

static void nothing(void)
{
	play_begin();
	play.tsm = play.configfs = play.sev = false;
	play.provider = NULL;
}

static void test_which(void **state)
{
	(void)state;
	nothing();
	no_source(OM_EUNSUPPORTED, "this is no confidential guest");
	/* Older kernels; configfs without its driver, not mounted, not ours to use. */
	nothing();
	play.sev = true;
	done(open_source("/dev/sev-guest"));
	nothing();
	play.tsm = play.sev = true;
	done(open_source("/dev/sev-guest"));
	nothing();
	play.tsm = play.sev = true;
	play.provider = "arm_cca_guest";
	done(open_source("/dev/sev-guest"));
	for (unsigned i = 0; i < 3; i++) {
		static const int numbers[] = { EACCES, EPERM, EROFS };

		play_begin();
		play.mkdir_errno = numbers[i];
		done(open_source("/dev/sev-guest"));
		play_begin();
		play.mkdir_errno = numbers[i];
		play.device_errno = EACCES;
		no_source(OM_EPERM, "takes rights that are not there");
		play_begin();
		play.mkdir_errno = numbers[i];
		play.sev = false;
		play.tdx = true;
		no_source(OM_EPERM, "takes rights that are not there");
	}
	play_begin();
	play.folder_errno = EACCES;
	play.device_errno = EACCES;
	no_source(OM_EPERM, "/sys/kernel/config/tsm/report");
	/* A trust domain without configfs. */
	nothing();
	play.tdx = true;
	no_source(OM_EQUOTE, "mount -t configfs");
	nothing();
	play.tdx = play.configfs = true;
	no_source(OM_EQUOTE, "modprobe tdx_guest");
}

static void leaf(unsigned at, uint32_t number, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	memcpy(play.cpuid[at], (uint32_t[5]) { number, a, b, c, d }, sizeof play.cpuid[at]);
}

static void hyper_v(uint32_t max, uint32_t isolation, uint32_t a, uint32_t b)
{
	uint32_t words[3];

	nothing();
	memcpy(words, "Microsoft Hv", 12);
	leaf(0, 1, 0, 0, 1u << 31, 0);
	leaf(1, 0x40000000, max, words[0], words[1], words[2]);
	leaf(2, 0x40000003, 0, isolation, 0, 0);
	leaf(3, 0x4000000c, a, b, 0, 0);
}

static void test_recognised(void **state)
{
	uint32_t words[3];

	(void)state;
	hyper_v(0x4000000c, 1u << 22, 1, 2);
	no_source(OM_EQUOTE, "SEV-SNP guest with a paravisor, as Azure's are");
	hyper_v(0x4000000c, 1u << 22, 1, 0x23);
	no_source(OM_EQUOTE, "TDX guest with a paravisor, as Azure's are");
	hyper_v(0x4000000b, 1u << 22, 1, 2);
	no_source(OM_EUNSUPPORTED, "no confidential guest");
	hyper_v(0x4000000c, 0, 1, 2);
	no_source(OM_EUNSUPPORTED, "no confidential guest");
	hyper_v(0x4000000c, 1u << 22, 0, 2);
	no_source(OM_EUNSUPPORTED, "no confidential guest");
	hyper_v(0x4000000c, 1u << 22, 1, 1);
	no_source(OM_EUNSUPPORTED, "no confidential guest");
	nothing();
	memcpy(words, "IntelTDX    ", 12);
	leaf(0, 1, 0, 0, 1u << 31, 0);
	leaf(1, 0, 0x21, 0, 0, 0);
	leaf(2, 0x21, 0, words[0], words[2], words[1]);
	no_source(OM_EQUOTE, "modprobe tdx_guest");
	nothing();
	leaf(0, 1, 0, 0, 1u << 31, 0);
	leaf(1, 0x80000000, 0x8000001f, 0, 0, 0);
	leaf(2, 0x8000001f, 1u << 4, 0, 0, 0);
	no_source(OM_EUNSUPPORTED, "modprobe sev-guest");
	nothing();
	leaf(1, 0x80000000, 0x8000001f, 0, 0, 0);         /* the host itself */
	leaf(2, 0x8000001f, 1u << 4, 0, 0, 0);
	no_source(OM_EUNSUPPORTED, "no confidential guest");
}

/* ---- /dev/sev-guest ---- */

static struct guest_source *device(void)
{
	play_begin();
	play.tsm = false;
	return open_source("/dev/sev-guest");
}

static void test_sev(void **state)
{
	struct guest_source *s = device();

	(void)state;
	assert_int_equal(ask(s), 0);
	is_snp(0);
	has_table();
	assert_int_equal(play.requests, 1);
	play.certificates_huge = true;
	assert_int_equal(ask(s), 0);
	is_snp(0);
	assert_int_equal(table_size, 0);
	assert_int_equal(play.requests, 3);
	play.certificates_huge = false;
	assert_int_equal(s->report(s, data, bytes, sizeof bytes, &size, table, 100, &table_size), 0);
	assert_int_equal(table_size, 0);
	assert_int_equal(s->report(s, data, bytes, 100, &size, table, sizeof table, &table_size), OM_ENOMEM);
	/* A kernel at another level finds it once. */
	play.vmpl = 2;
	play.requests = 0;
	assert_int_equal(ask(s), 0);
	is_snp(2);
	assert_int_equal(play.requests, 3);
	assert_int_equal(ask(s), 0);
	assert_int_equal(play.requests, 4);
	play.vmpl = 4;
	must_say(ask(s), OM_EQUOTE, "status 0x16");
	play.vmpl = 0;
	play.status = 0x1f;
	must_say(ask(s), OM_EQUOTE, "status 0x1f");
	play.status = 0;
	play.size = 1000;
	must_say(ask(s), OM_EQUOTE, "a report of 1000 bytes");
	done(s);
}

static void test_sev_errors(void **state)
{
	static const struct { int number; uint64_t info; int error; const char *words; } rows[] = {
		{ EIO, 0x16, OM_EQUOTE, "(firmware 0x16, host 0x0)" }, { EBADMSG, 0, OM_EQUOTE, "Bad message" }, { EIO, 7ull << 32, OM_EQUOTE, "host 0x7" },
		{ ETIMEDOUT, 2ull << 32, OM_EQUOTE, "until it is started anew" }, { ENOTTY, 0, OM_EQUOTE, "until it is started anew" },
	};
	struct guest_source *s;
	unsigned before;

	(void)state;
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		s = device();
		play.ioctl_errno = rows[i].number;
		play.exitinfo2 = rows[i].info;
		play.ioctl_times = 1;
		must_say(ask(s), rows[i].error, rows[i].words);
		assert_int_equal(play.requests, 1);      /* not tried again: each failure wipes */
		must_say(ask(s), OM_EQUOTE, "VMPCK");
		before = play.requests;
		must_say(ask(s), OM_EQUOTE, "VMPCK");
		assert_int_equal(play.requests, before);
		done(s);
	}
	/* Busy, as kernels tell it that do not wait themselves. */
	s = device();
	for (unsigned i = 0; i < 3; i++) {
		static const int numbers[] = { EAGAIN, EBUSY, EINTR };

		play.ioctl_errno = numbers[i];
		play.ioctl_times = 5;
		assert_int_equal(ask(s), 0);
	}
	play.waited = 0;
	play.ioctl_times = FOREVER;
	must_say(ask(s), OM_ETIMEDOUT, "busy for a minute");
	assert_in_range(play.waited, 50000, 70000);
	play.ioctl_times = 0;
	assert_int_equal(ask(s), 0);
	done(s);
	play_begin();
	play.tsm = false;
	play.device_errno = EACCES;
	no_source(OM_EPERM, "/dev/sev-guest: Permission denied");
}

/* ---- keys and identities ---- */

static void identity(uint8_t ret[32], enum guest_identity_life want)
{
	struct guest_source *s;
	enum guest_identity_life life;

	assert_int_equal(guest_source_open(&s), 0);
	assert_int_equal(guest_identity(s, ret, &life), 0);
	assert_int_equal(life, want);
	guest_source_close(s);
}

static void test_derived(void **state)
{
	uint8_t first[32], again[32], key[32];
	struct guest_source *s;
	uint64_t fields;
	uint32_t root, vmpl, svn;

	(void)state;
	for (unsigned tsm = 0; tsm < 2; tsm++) {
		play_begin();
		play.tsm = tsm;
		play.floor = play.vmpl = tsm ? 1 : 0;
		identity(tsm ? again : first, GUEST_IDENTITY_CHIP);
		memcpy(&root, play.key_request, 4);
		memcpy(&fields, play.key_request + 8, 8);
		memcpy(&vmpl, play.key_request + 16, 4);
		memcpy(&svn, play.key_request + 20, 4);
		assert_int_equal(root, 0);
		assert_int_equal(fields, 0x3f);          /* fewer, and other guests on this chip have the same */
		assert_int_equal(vmpl, tsm);
		assert_int_equal(svn, play.says.guest_svn);
		assert_memory_equal(play.key_request + 24, play.says.reported_tcb, 8);
		play_end();
	}
	play_begin();
	identity(again, GUEST_IDENTITY_CHIP);
	assert_memory_equal(first, again, 32);
	assert_int_equal(play.identity_size, 0);         /* nothing of it lies anywhere */
	play.says.guest_svn++;
	identity(again, GUEST_IDENTITY_CHIP);
	assert_memory_not_equal(first, again, 32);
	play_end();
	/* It is not the key itself, and never zero. */
	s = device();
	assert_int_equal(s->key(s, key), 0);
	assert_memory_not_equal(key, first, 32);
	/* Refused, or wiped: no other identity takes its place. */
	play.status = 0x16;
	assert_int_not_equal(s->key(s, key), 0);
	done(s);
	for (unsigned i = 0; i < 2; i++) {
		enum guest_identity_life life;

		play_begin();
		assert_int_equal(guest_source_open(&s), 0);
		play.wiped = i == 0;
		play.device_errno = i == 0 ? 0 : EMFILE;
		assert_int_not_equal(guest_identity(s, key, &life), 0);
		done(s);
	}
}

static void test_random(void **state)
{
	uint8_t first[32], again[32];
	bool shared;

	(void)state;
	/* configfs without the device, and TDX. */
	for (unsigned i = 0; i < 2; i++) {
		play_begin();
		play.sev = false;
		play.provider = i ? "tdx_guest" : "sev_guest";
		identity(first, GUEST_IDENTITY_BOOT);
		identity(again, GUEST_IDENTITY_BOOT);
		assert_memory_equal(first, again, 32);
		play.boot_id = "11234567-89ab-cdef-0123-456789abcdef";
		identity(again, GUEST_IDENTITY_BOOT);
		assert_memory_not_equal(first, again, 32);
		memcpy(first, again, 32);
		/* A file that was cut off is made anew, and kept. */
		play.identity_size = 40;
		identity(again, GUEST_IDENTITY_BOOT);
		assert_memory_not_equal(first, again, 32);
		identity(first, GUEST_IDENTITY_BOOT);
		assert_memory_equal(first, again, 32);
		/* Never on a disk, which is the host's to read. */
		play.identity_size = 0;
		play.run_is_disk = true;
		identity(first, GUEST_IDENTITY_PROCESS);
		assert_int_equal(play.identity_size, 0);
		identity(again, GUEST_IDENTITY_PROCESS);
		assert_memory_not_equal(first, again, 32);
		play.run_is_disk = false;
		play.no_run = true;
		identity(again, GUEST_IDENTITY_PROCESS);
		play.no_run = false;
		play.boot_id = NULL;
		identity(again, GUEST_IDENTITY_PROCESS);
		play_end();
	}
	play_begin();
	assert_int_equal(guest_identity_of_boot(first, &shared), 0);
	assert_true(shared);
	play_end();
}

/* ---- platforms ---- */

static struct tee_platform *platform(enum tee_kind kind, const char *words, bool protects, bool lasting)
{
	struct tee_capabilities caps;
	struct tee_platform *p = NULL;
	const int r = tee_platform_open(kind, NULL, &p);

	if (r)
		fail_msg("%d: %s", r, tee_last_error());
	tee_platform_capabilities(p, &caps);
	if (!strstr(tee_platform_describe(p), words))
		fail_msg("%s", tee_platform_describe(p));
	assert_int_equal(caps.protects, protects);
	assert_int_equal(caps.lasting, lasting);
	return p;
}

static void is_type(struct tee_platform *p, int type)
{
	struct sgx_targetinfo target;

	assert_int_equal(tee_evidence_target(p, &target), type);
	assert_int_equal(target.attributes.flags & SGX_ATTR_DEBUG, 0);
}

static void test_platform(void **state)
{
	uint8_t type, id[TEE_ID_SIZE];
	struct tee_guest_facts facts;
	struct tee_platform *p;

	(void)state;
	play_begin();
	p = platform(TEE_AUTO, "inside this SNP guest, evidence by configfs-tsm, keys derived", true, true);
	is_type(p, OM_EVIDENCE_SNP);
	assert_int_equal(tee_evidence_id(p, &type, id), 0);
	assert_int_equal(type, OM_EVIDENCE_SNP);
	assert_memory_equal(id, play.machine.chip, sizeof id);
	memset(data, 0, sizeof data);
	assert_int_equal(tee_guest_look(p, &facts, bytes, sizeof bytes, &size), OM_EVIDENCE_SNP);
	is_snp(0);
	assert_true(facts.lasting && !facts.emulated);
	assert_int_equal(tee_evidence_table(p, table, sizeof table, &table_size), 0);
	has_table();
	assert_int_equal(tee_evidence_table(p, table, 10, &table_size), OM_ENOMEM);
	play.other_data = true;
	must_say(tee_guest_look(p, &facts, bytes, sizeof bytes, &size), OM_EQUOTE, "over other data");
	play.other_data = false;
	play.says.version = 6;
	must_say(tee_guest_look(p, &facts, bytes, sizeof bytes, &size), OM_EQUOTE, "not known here");
	tee_platform_close(p);
	play_end();
	/* Masked; debug. */
	play_begin();
	memset(play.says.chip_id, 0, sizeof play.says.chip_id);
	play.says.policy |= OM_SNP_POLICY_DEBUG;
	p = platform(TEE_GUEST, "which its host can debug", false, true);
	must_say(tee_evidence_id(p, &type, id), OM_EUNSUPPORTED, "masks");
	tee_platform_close(p);
	play_end();
	play_begin();
	play.provider = "tdx_guest";
	p = platform(TEE_AUTO, "inside this TDX guest, evidence by configfs-tsm, keys random, until this guest is restarted", true, false);
	is_type(p, OM_EVIDENCE_TDX);
	assert_int_equal(play.requests, 0);              /* a quote costs seconds */
	memset(play.platform.instance, 0, sizeof play.platform.instance);
	must_say(tee_evidence_id(p, &type, id), OM_EUNSUPPORTED, "names no platform instance");
	memset(play.platform.instance, 0x3c, sizeof play.platform.instance);
	assert_int_equal(tee_evidence_id(p, &type, id), 0);
	assert_int_equal(type, OM_EVIDENCE_TDX);
	assert_memory_equal(id, play.platform.instance, 16);
	assert_int_equal(id[16], 0);
	tee_platform_close(p);
	play_end();
	/* Evidence that there is, and cannot be had: a program runs, and nobody is told more than is true. */
	play_begin();
	play.wiped = true;
	p = platform(TEE_AUTO, "no security boundary; no evidence: the kernel has wiped", false, false);
	is_type(p, OM_EVIDENCE_DEMO);
	must_say(tee_guest_look(p, &facts, bytes, sizeof bytes, &size), OM_EUNSUPPORTED, "wiped");
	tee_platform_close(p);
	p = NULL;
	must_say(tee_platform_open(TEE_GUEST, NULL, &p), OM_EQUOTE, "wiped");
	assert_null(p);
	play_end();
	/* No guest: as ever. The emulator, if it is asked for, looks for none. */
	nothing();
	p = platform(TEE_AUTO, "no security boundary; no hardware", false, true);
	is_type(p, OM_EVIDENCE_DEMO);
	tee_platform_close(p);
	must_say(tee_platform_open(TEE_GUEST, NULL, &p), OM_EUNSUPPORTED, "no confidential guest");
	play_end();
	play_begin();
	p = platform(TEE_SOFT, "no security boundary", false, true);
	is_type(p, OM_EVIDENCE_DEMO);
	assert_int_equal(play.locks, 0);
	tee_platform_close(p);
	play_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tsm), cmocka_unit_test(test_interference), cmocka_unit_test(test_lock), cmocka_unit_test(test_tsm_errors),
		cmocka_unit_test(test_busy), cmocka_unit_test(test_unloaded), cmocka_unit_test(test_tdx), cmocka_unit_test(test_which), cmocka_unit_test(test_recognised),
		cmocka_unit_test(test_sev), cmocka_unit_test(test_sev_errors), cmocka_unit_test(test_derived), cmocka_unit_test(test_random), cmocka_unit_test(test_platform),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
