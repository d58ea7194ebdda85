/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated security processor and the guest's side of its port: what it signs is verified as AMD's is, other guests get other keys, and
 * of what the port can do wrong each has its error. The port is a kernel that this test plays.
 */
#include <errno.h>
#include <fcntl.h>
#include "../unit.h"
#include "bytes.h"
#include "collateral/collateral.h"
#include "cursor.h"
#include "evidence/authentic/snp.h"
#include "evidence/guest/kernel.h"
#include "evidence/guest/source.h"
#include "guest/sp/processor.h"
#include "tee.h"
#include "util.h"

#define NOW 1772323200   /* 2026-03-01 */

static const uint8_t chip_a[32] = { 1 }, chip_b[32] = { 2 }, report_id[32] = { 3 };

static struct sp_launch launch_of(uint8_t measurement)
{
	struct sp_launch l = { .policy = OM_SNP_POLICY_ONE | OM_SNP_POLICY_SMT, .svn = 5 };

	memset(l.measurement, measurement, sizeof l.measurement);
	memset(l.host_data, 0xdd, sizeof l.host_data);
	return l;
}

static struct sp *machine(const uint8_t seed[32], struct sp_launch launch)
{
	struct sp *sp = calloc(1, sizeof *sp);

	assert_non_null(sp);
	sp_init(sp, seed, OM_SNP_MILAN, &launch, report_id);
	return sp;
}

/* ---- the processor ---- */

static uint8_t answer[SP_HEAD + SP_ANSWER_MAX];
#define BODY (answer + SP_HEAD + SP_STATUS_SIZE)

static uint32_t u32(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24; }

/* The status of the answer; its form is checked. */
static uint32_t ask(struct sp *sp, uint8_t op, const void *message, size_t size)
{
	const uint8_t head[SP_HEAD] = { (uint8_t)size, (uint8_t)(size >> 8), 0, 0, op, 0, 0x34, 0x12 };
	const size_t got = sp_answer(sp, NOW, head, message, size, answer);

	assert_int_equal(u32(answer), got - SP_HEAD);
	assert_int_equal(answer[4], op);
	assert_int_equal(answer[5], 0);
	assert_memory_equal(answer + 6, head + 6, 2);
	if (u32(answer + SP_HEAD))
		assert_int_equal(got, SP_HEAD + SP_STATUS_SIZE);
	return u32(answer + SP_HEAD);
}

struct chain { uint8_t bytes[3 * OM_X509_MAX]; size_t size; struct om_view crl; };

/* By the reader of real machines' tables. */
static void chain_of(struct om_view table, struct chain *c, struct collateral_bundle *b)
{
	memset(b, 0, sizeof *b);
	b->subject = (struct collateral_subject) { .type = OM_EVIDENCE_SNP, .product = OM_SNP_MILAN, .key = OM_SNP_VCEK };
	assert_int_equal(collateral_table(table, "test", NOW, b), 0);
	c->size = b->part[COLLATERAL_VEK].size + b->part[COLLATERAL_CAS].size;
	assert_true(b->part[COLLATERAL_CAS].size && c->size <= sizeof c->bytes);
	memcpy(c->bytes, b->part[COLLATERAL_VEK].data, b->part[COLLATERAL_VEK].size);
	memcpy(c->bytes + b->part[COLLATERAL_VEK].size, b->part[COLLATERAL_CAS].data, b->part[COLLATERAL_CAS].size);
	c->crl = (struct om_view) { b->part[COLLATERAL_CRL].data, b->part[COLLATERAL_CRL].size };
}

static enum om_attest_reason verdict(const uint8_t report[OM_SNP_REPORT_SIZE], const struct chain *c, const struct om_snp_root *roots, struct om_snp_result *ret)
{
	const struct om_snp_input in = {
		.report = { report, OM_SNP_REPORT_SIZE }, .chain = { c->bytes, c->size }, .crl = c->crl, .now = NOW, .roots = roots, .root_count = OM_AMD_ROOTS,
	};
	enum om_attest_reason why = 999;

	(void)!om_snp_verify(&in, ret, &why);   /* the reason says it */
	return why;
}

static void test_report(void **state)
{
	struct sp *sp = machine(chip_a, launch_of(0x11));
	struct om_snp_result result;
	struct collateral_bundle bundle;
	struct chain chain;
	uint8_t message[SP_REPORT_REQUEST] = { 0 }, report[OM_SNP_REPORT_SIZE];

	(void)state;
	memset(message, 0xaa, 64);
	assert_int_equal(ask(sp, SP_REPORT, message, sizeof message), SP_OK);
	assert_int_equal(u32(answer + SP_HEAD + 4), OM_SNP_REPORT_SIZE);
	memcpy(report, BODY, sizeof report);
	assert_int_equal(ask(sp, SP_CERTIFICATES, NULL, 0), SP_OK);
	chain_of((struct om_view) { BODY, u32(answer + SP_HEAD + 4) }, &chain, &bundle);
	assert_int_equal(verdict(report, &chain, om_snp_demo_roots, &result), OM_WHY_NONE);
	assert_memory_equal(result.report.report_data, message, 64);
	assert_memory_equal(result.report.measurement, launch_of(0x11).measurement, OM_SHA384_SIZE);
	assert_memory_equal(result.report.host_data, launch_of(0).host_data, 32);
	assert_int_equal(result.report.guest_svn, 5);
	assert_int_equal(result.report.policy, OM_SNP_POLICY_ONE | OM_SNP_POLICY_SMT);
	assert_true(result.crl_checked);
	assert_false(result.report.author_key_enabled);
	assert_true(om_all_zero(result.report.id_key_digest, 48) && om_all_zero(result.report.author_key_digest, 48));
	/* it is nobody's but the demonstration's */
	assert_int_equal(verdict(report, &chain, om_amd_roots, &result), OM_WHY_ROOT);
	/* another chip's report is none of this one's */
	free(sp);
	sp = machine(chip_b, launch_of(0x11));
	assert_int_equal(ask(sp, SP_REPORT, message, sizeof message), SP_OK);
	assert_int_not_equal(verdict(BODY, &chain, om_snp_demo_roots, &result), OM_WHY_NONE);
	collateral_bundle_done(&bundle);
	free(sp);
}

/* What an ID block says is in the report. */
static void test_owner(void **state)
{
	struct sp_launch launch = launch_of(0x11);
	uint8_t message[SP_REPORT_REQUEST] = { 0 };
	struct om_snp_report r;
	struct sp *sp;

	(void)state;
	memset(launch.id_key, 0x1d, sizeof launch.id_key);
	memset(launch.author_key, 0xa0, sizeof launch.author_key);
	memset(launch.family_id, 0xfa, sizeof launch.family_id);
	memset(launch.image_id, 0x1a, sizeof launch.image_id);
	launch.author = true;
	sp = machine(chip_a, launch);
	assert_int_equal(ask(sp, SP_REPORT, message, sizeof message), SP_OK);
	assert_int_equal(om_snp_report_parse((struct om_view) { BODY, OM_SNP_REPORT_SIZE }, &r), 0);
	assert_true(r.author_key_enabled);
	assert_memory_equal(r.id_key_digest, launch.id_key, 48);
	assert_memory_equal(r.author_key_digest, launch.author_key, 48);
	assert_memory_equal(r.family_id, launch.family_id, 16);
	assert_memory_equal(r.image_id, launch.image_id, 16);
	free(sp);
}

static void test_levels(void **state)
{
	struct sp *sp = machine(chip_a, launch_of(0x11));
	uint8_t message[SP_REPORT_REQUEST];

	(void)state;
	for (unsigned at = 0; at < SP_REPORT_REQUEST; at++) {
		memset(message, 0, sizeof message);
		message[at] = 1;   /* data; VMPL 1; the VCEK by name; what is not defined */
		assert_int_equal(ask(sp, SP_REPORT, message, sizeof message), at < 64 || at == 64 || at == 68 ? SP_OK : SP_INVALID_PARAM);
	}
	memset(message, 0, sizeof message);
	message[64] = 3;
	assert_int_equal(ask(sp, SP_REPORT, message, sizeof message), SP_OK);
	message[64] = 4;
	assert_int_equal(ask(sp, SP_REPORT, message, sizeof message), SP_INVALID_PARAM);
	message[64] = 0;
	message[68] = 2;   /* a VLEK, which it has not */
	assert_int_equal(ask(sp, SP_REPORT, message, sizeof message), SP_INVALID_KEY);
	message[68] = 3;
	assert_int_equal(ask(sp, SP_REPORT, message, sizeof message), SP_INVALID_PARAM);
	free(sp);
}

static void test_hostile(void **state)
{
	struct sp *sp = machine(chip_a, launch_of(0x11));
	static const uint8_t page[SP_REQUEST_MAX], head[SP_HEAD] = { 96, 0, 0, 0, SP_REPORT, 1, 0, 0 };

	(void)state;
	for (unsigned op = 0; op < 256; op++)
		for (size_t size = 0; size < 200; size++) {
			const bool good = (op == SP_REPORT && size == SP_REPORT_REQUEST) || (op == SP_KEY && size == SP_KEY_REQUEST) || (op == SP_CERTIFICATES && !size);

			if (!good)
				assert_int_equal(ask(sp, (uint8_t)op, page, size), SP_INVALID_PARAM);
		}
	assert_int_equal(ask(sp, SP_REPORT, page, sizeof page), SP_INVALID_PARAM);
	assert_int_equal(sp_answer(sp, NOW, head, page, SP_REPORT_REQUEST, answer), SP_HEAD + SP_STATUS_SIZE);   /* the reserved byte */
	free(sp);
}

struct key { uint8_t bytes[SP_KEY_SIZE]; };

static uint32_t key_of(struct sp *sp, uint32_t root, uint64_t fields, uint32_t vmpl, uint32_t svn, const uint8_t tcb[OM_SNP_TCB_SIZE], struct key *ret)
{
	uint8_t message[SP_KEY_REQUEST];
	struct om_put p;
	uint32_t status;

	om_put_init(&p, message, sizeof message);
	om_put_u32(&p, root);
	om_put_u32(&p, 0);
	om_put_u64(&p, fields);
	om_put_u32(&p, vmpl);
	om_put_u32(&p, svn);
	om_put_bytes(&p, tcb, OM_SNP_TCB_SIZE);
	assert_int_equal(om_put_end(&p), 0);
	status = ask(sp, SP_KEY, message, sizeof message);
	if (!status)
		memcpy(ret, BODY, sizeof *ret);
	return status;
}

static bool same(const struct key *a, const struct key *b) { return !memcmp(a, b, sizeof *a); }

/* Each difference between two launches is seen by those keys that select it, and by no others. */
static void test_keys(void **state)
{
	static const uint8_t lower[OM_SNP_TCB_SIZE] = { 0 };
	struct sp_launch base = launch_of(0x11), other[4];
	struct sp *sp = machine(chip_a, base);
	uint8_t tcb[OM_SNP_TCB_SIZE];
	struct key a, b;

	(void)state;
	memcpy(tcb, sp->machine.tcb, sizeof tcb);
	for (unsigned i = 0; i < 4; i++)
		other[i] = base;
	other[0].policy |= OM_SNP_POLICY_SINGLE;
	other[1].image_id[15] = 1;
	other[2].family_id[0] = 1;
	other[3].measurement[47] ^= 1;
	for (unsigned i = 0; i < 4; i++) {
		struct sp *sp2 = machine(chip_a, other[i]);

		for (uint64_t fields = 0; fields <= SP_FIELDS; fields++) {
			assert_int_equal(key_of(sp, 0, fields, 0, 5, tcb, &a), SP_OK);
			assert_int_equal(key_of(sp2, 0, fields, 0, 5, tcb, &b), SP_OK);
			assert_int_equal(same(&a, &b), !(fields >> i & 1));
		}
		free(sp2);
	}
	for (uint64_t fields = 0; fields <= SP_FIELDS; fields++) {
		assert_int_equal(key_of(sp, 0, fields, 0, 5, tcb, &a), SP_OK);
		assert_int_equal(key_of(sp, 0, fields, 0, 4, tcb, &b), SP_OK);
		assert_int_equal(same(&a, &b), !(fields & SP_FIELD_SVN));
		assert_int_equal(key_of(sp, 0, fields, 0, 5, lower, &b), SP_OK);
		assert_int_equal(same(&a, &b), !(fields & SP_FIELD_TCB));
		assert_int_equal(key_of(sp, 1, fields, 0, 5, tcb, &b), SP_OK);
		assert_false(same(&a, &b));
		assert_int_equal(key_of(sp, 0, fields, 1, 5, tcb, &b), SP_OK);
		assert_false(same(&a, &b));
		assert_int_equal(key_of(sp, 0, fields ^ 1, 0, 5, tcb, &b), SP_OK);
		assert_false(same(&a, &b));
	}
	free(sp);
	sp = machine(chip_b, base);
	assert_int_equal(key_of(sp, 0, SP_FIELDS, 0, 5, tcb, &b), SP_OK);
	assert_false(same(&a, &b));
	free(sp);
}

static void test_keys_refused(void **state)
{
	struct sp *sp = machine(chip_a, launch_of(0x11));
	uint8_t tcb[OM_SNP_TCB_SIZE];
	struct key k;

	(void)state;
	memcpy(tcb, sp->machine.tcb, sizeof tcb);
	assert_int_equal(key_of(sp, 0, SP_FIELDS, 0, 6, tcb, &k), SP_INVALID_PARAM);
	assert_int_equal(key_of(sp, 2, SP_FIELDS, 0, 5, tcb, &k), SP_INVALID_PARAM);
	assert_int_equal(key_of(sp, 0, SP_FIELDS + 1, 0, 5, tcb, &k), SP_INVALID_PARAM);
	assert_int_equal(key_of(sp, 0, UINT64_C(1) << 63, 0, 5, tcb, &k), SP_INVALID_PARAM);
	assert_int_equal(key_of(sp, 0, SP_FIELDS, 4, 5, tcb, &k), SP_INVALID_PARAM);
	for (unsigned i = 0; i < sizeof tcb; i++) {
		tcb[i]++;   /* whatever the other components are */
		assert_int_equal(key_of(sp, 0, SP_FIELDS, 0, 5, tcb, &k), SP_INVALID_PARAM);
		assert_int_equal(key_of(sp, 0, 0, 0, 5, tcb, &k), SP_INVALID_PARAM);
		tcb[i]--;
	}
	assert_int_equal(key_of(sp, 0, SP_FIELDS, 0, 5, tcb, &k), SP_OK);
	free(sp);
}

/* ---- the guest's side, over a port that is played ---- */

enum trouble { NONE, BUSY, BUSY_FOR_EVER, FORBIDDEN, NO_DEVICE, CUT_BEFORE, CUT_WITHIN, PIPE, FULL_FOR_EVER, SILENT, STALE, OTHERS, SHORT, LONG, ALTERED, REFUSED, BYTEWISE };

static struct {
	struct sp *sp;
	enum trouble trouble;
	bool by_name;              /* udev made a link */
	unsigned opened, tries;
	uint64_t now;
	uint8_t out[2 * sizeof answer], request[SP_HEAD + SP_REQUEST_MAX];
	size_t out_size, out_at, in;
} port;

#define PORT_FD 77
#define NAME_FD 78
#define OTHER_FD 79

static int fail_with(int error) { errno = error; return -1; }

static int play_open(const char *path, int flags, unsigned mode)
{
	(void)mode;
	if (flags & O_PATH)
		return (strcmp(path, "/sys/class/virtio-ports") == 0 ? port.sp != NULL : port.by_name) ? OTHER_FD : fail_with(ENOENT);
	if (strcmp(path, "/sys/class/virtio-ports/vport1p2/name") == 0)
		return NAME_FD;
	if (strcmp(path, "/sys/class/virtio-ports/vport1p1/name") == 0)
		return OTHER_FD;
	if (strcmp(path, port.by_name ? "/dev/virtio-ports/optmig.sp" : "/dev/vport1p2"))
		return fail_with(ENOENT);
	assert_int_equal(flags, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	assert_int_equal(port.opened, 0);
	if (port.trouble == FORBIDDEN)
		return fail_with(EACCES);
	if (port.trouble == NO_DEVICE)
		return fail_with(ENXIO);
	if (port.trouble == BUSY_FOR_EVER || (port.trouble == BUSY && ++port.tries < 10))
		return fail_with(EBUSY);
	port.opened++;
	port.in = port.out_size = port.out_at = 0;
	return PORT_FD;
}

static int play_close(int fd)
{
	if (fd == PORT_FD)
		port.opened--;
	return 0;
}

static void put_answer(const uint8_t *data, size_t size)
{
	memcpy(port.out + port.out_size, data, size);
	port.out_size += size;
}

static void spoil(size_t size)
{
	struct om_put p;

	if (port.trouble == STALE || port.trouble == OTHERS) {      /* an answer to somebody who has gone comes first */
		answer[port.trouble == STALE ? 6 : 4] ^= 1;
		put_answer(answer, size);
		answer[port.trouble == STALE ? 6 : 4] ^= 1;
	}
	if (port.trouble == CUT_WITHIN)
		size /= 2;
	if (port.trouble == REFUSED)
		size = sp_refuse(answer, SP_INVALID_KEY, answer);
	if (port.trouble == SHORT || port.trouble == LONG) {
		om_put_init(&p, answer, 4);
		om_put_u32(&p, port.trouble == LONG ? SP_ANSWER_MAX + 1 : SP_STATUS_SIZE - 1);
	}
	if (port.trouble == ALTERED)
		BODY[0x50] ^= 1;                                     /* report data */
	put_answer(answer, size);
}

static ssize_t play_write(int fd, const void *data, size_t size)
{
	assert_int_equal(fd, PORT_FD);
	if (port.trouble == PIPE)
		return fail_with(EPIPE);
	if (port.trouble == FULL_FOR_EVER)
		return fail_with(EAGAIN);
	if (port.trouble == BYTEWISE)
		size = 1;
	memcpy(port.request + port.in, data, size);
	port.in += size;
	if (port.in >= SP_HEAD && port.in == SP_HEAD + u32(port.request))
		spoil(sp_answer(port.sp, NOW, port.request, port.request + SP_HEAD, port.in - SP_HEAD, answer));
	return (ssize_t)size;
}

static int play_poll(int fd, int timeout_ms)
{
	assert_int_equal(fd, PORT_FD);
	assert_true(timeout_ms > 0);
	if (port.trouble != SILENT)
		return 1;
	port.now += (uint64_t)timeout_ms;
	return 0;
}

static ssize_t play_read(int fd, void *buffer, size_t size)
{
	if (fd == NAME_FD || fd == OTHER_FD) {
		const char *name = fd == NAME_FD ? SP_PORT "\n" : "other\n";

		memcpy(buffer, name, strlen(name));
		return (ssize_t)strlen(name);
	}
	assert_int_equal(fd, PORT_FD);
	if (port.trouble == CUT_BEFORE)
		return 0;
	if (size > port.out_size - port.out_at)
		size = port.out_size - port.out_at;
	if (port.trouble == BYTEWISE && size)
		size = 1;
	memcpy(buffer, port.out + port.out_at, size);
	port.out_at += size;
	return (ssize_t)size;
}

static uint64_t play_now(void) { return port.now; }
static void play_sleep(unsigned ms) { port.now += ms; }

static const struct guest_kernel played = {
	.open = play_open, .close = play_close, .read = play_read, .write = play_write, .poll = play_poll, .now_ms = play_now, .sleep_ms = play_sleep,
};

static uint8_t report[GUEST_REPORT_MAX], table[GUEST_TABLE_MAX];

static int get(enum trouble trouble, size_t *ret_report, size_t *ret_table)
{
	static const uint8_t data[GUEST_DATA_SIZE] = { 1, 2, 3 };
	struct guest_source *source;
	int r;

	port.trouble = trouble;
	port.tries = 0;
	assert_int_equal(guest_vmsp_open(&source), 0);
	r = source->report(source, data, report, sizeof report, ret_report, table, sizeof table, ret_table);
	assert_int_equal(port.opened, 0);
	source->close(source);
	return r;
}

static void test_port(void **state)
{
	struct sp_launch launch = launch_of(0x22);
	struct guest_source *source;
	struct om_snp_result result;
	struct collateral_bundle bundle;
	struct chain chain;
	struct key key;
	size_t size, table_size;
	static const enum trouble bearable[] = { NONE, BUSY, STALE, OTHERS, BYTEWISE };

	(void)state;
	guest_kernel_use(&played);
	assert_int_equal(guest_vmsp_open(&source), OM_EUNSUPPORTED);   /* no such bus */
	port.sp = machine(chip_a, launch);
	for (unsigned i = 0; i < 2 * sizeof bearable / sizeof *bearable; i++) {
		port.by_name = i & 1;
		memset(report, 0, sizeof report);
		assert_int_equal(get(bearable[i / 2], &size, &table_size), 0);
		assert_int_equal(size, OM_SNP_REPORT_SIZE);
		chain_of((struct om_view) { table, table_size }, &chain, &bundle);
		assert_int_equal(verdict(report, &chain, om_snp_demo_roots, &result), OM_WHY_NONE);
		assert_int_equal(result.report.report_data[2], 3);
		collateral_bundle_done(&bundle);
	}
	port.trouble = NONE;
	assert_int_equal(guest_vmsp_open(&source), 0);
	assert_true(source->emulated && source->maker == GUEST_SNP);
	assert_int_equal(source->report(source, report, report, SP_STATUS_SIZE, &size, table, sizeof table, &table_size), OM_ENOMEM);
	assert_int_equal(source->key(source, key.bytes), 0);
	source->close(source);
	assert_int_equal(key_of(port.sp, 0, SP_FIELDS, 0, 5, port.sp->machine.tcb, &(struct key) { 0 }), SP_OK);
	assert_memory_equal(BODY, key.bytes, sizeof key.bytes);
	free(port.sp);
	port.sp = NULL;
	guest_kernel_use(NULL);
}

static void test_port_troubles(void **state)
{
	static const struct { enum trouble trouble; int error; const char *words; } rows[] = {
		{ BUSY_FOR_EVER, OM_ETIMEDOUT, "another process" }, { FORBIDDEN, OM_EPERM, "denied" }, { NO_DEVICE, OM_EIO, "No such device" },
		{ CUT_BEFORE, OM_EQUOTE, "cut" }, { CUT_WITHIN, OM_EQUOTE, "cut" }, { PIPE, OM_EQUOTE, "cut" }, { FULL_FOR_EVER, OM_ETIMEDOUT, "did not answer" },
		{ SILENT, OM_ETIMEDOUT, "did not answer" }, { SHORT, OM_EQUOTE, "size" }, { LONG, OM_EQUOTE, "size" },
		{ ALTERED, OM_EQUOTE, "something else" }, { REFUSED, OM_EQUOTE, "0x27" },
	};
	struct guest_source *source;
	uint8_t key[GUEST_KEY_SIZE] = { 0 }, zero[GUEST_KEY_SIZE] = { 0 };
	size_t size, table_size;

	(void)state;
	guest_kernel_use(&played);
	port.sp = machine(chip_a, launch_of(0x22));
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
		const uint64_t begin = port.now;

		assert_int_equal(get(rows[i].trouble, &size, &table_size), rows[i].error);
		if (!strstr(tee_last_error(), rows[i].words))
			fail_msg("\"%s\": \"%s\" expected", tee_last_error(), rows[i].words);
		assert_true(port.now - begin <= 61000);
		assert_int_equal(guest_vmsp_open(&source), 0);
		assert_int_equal(source->key(source, key), rows[i].error);
		assert_memory_equal(key, zero, sizeof key);
		source->close(source);
	}
	free(port.sp);
	port.sp = NULL;
	guest_kernel_use(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report), cmocka_unit_test(test_owner), cmocka_unit_test(test_levels), cmocka_unit_test(test_hostile), cmocka_unit_test(test_keys),
		cmocka_unit_test(test_keys_refused), cmocka_unit_test(test_port), cmocka_unit_test(test_port_troubles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
