/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies: their bytes and their text, what is no policy and why, and whom one accepts: each key is shown to refuse what it is for,
 * and to accept what differs by one.
 */
#include "unit.h"
#include "evidence/accept/policy.h"
#include "evidence/accept/policy_text.h"
#include "crypto/ec.h"
#include "crypto/p384.h"
#include "crypto/sha256.h"

#define NOW 1767225600   /* 2026-01-01 */
#define BIT(type) OM_PLATFORM_BIT(OM_EVIDENCE_##type)
#define H32 "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"
#define F32 "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
#define M1 H32 "0123456789abcdef0123456789abcdef"
#define M2 F32 "0123456789abcdef0123456789abcdef"
#define FLOOR "min-tcb = snp:genoa bootloader=9 tee=0 snp=23 microcode=72\n"

/* Points of the curves, and their keys. */
static uint8_t private256[32], public256[64], private384[48], public384[96];
static char hex256[129], hex384[193];

static void to_hex(const uint8_t *bytes, size_t size, char *ret)
{
	for (size_t i = 0; i < size; i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
}

static int make_keys(void **state)
{
	const uint8_t seed[48] = { 5 };

	(void)state;
	om_p256_derive(seed, private256, public256);
	om_p384_derive(seed, private384, public384);
	to_hex(public256, sizeof public256, hex256);
	to_hex(public384, sizeof public384, hex384);
	return 0;
}

static struct om_signer_key key256(void)
{
	struct om_signer_key k = { .curve = OM_CURVE_P256 };

	memcpy(k.key, public256, sizeof public256);
	return k;
}

static struct om_signer_key key384(void)
{
	struct om_signer_key k = { .curve = OM_CURVE_P384 };

	memcpy(k.key, public384, sizeof public384);
	return k;
}

/* One with something in every field. */
static struct om_policy rich(void)
{
	struct om_policy p;

	om_policy_default(&p);
	p.flags |= OM_POLICY_OWNER;
	memcpy(p.owner, public256, sizeof p.owner);
	p.platforms = BIT(SGX) | BIT(SNP) | BIT(TDX) | BIT(DEMO);
	p.makers = BIT(SGX) | BIT(SNP);
	p.snp_keys = OM_ACCEPT_VCEK | OM_ACCEPT_VLEK;
	p.statuses = 0x7e;
	p.not_before = NOW;
	p.svn_min = 2;
	p.floors = (struct om_floors) { .sgx_date = 1, .tdx_date = 2, .evaluation = 17, .snp_count = 2,
		.snp = { { OM_AMD_MILAN, 0, 4, 0, 22, 213 }, { OM_AMD_TURIN, 1, 2, 3, 4, 5 } } };
	p.root_count = 2;
	p.root[0].type = OM_EVIDENCE_SGX, memset(p.root[0].hash, 7, 32);
	p.root[1].type = OM_EVIDENCE_TDX, memset(p.root[1].hash, 6, 32);
	p.mrenclave_count = 2;
	memset(p.mrenclave[0], 8, 32);
	memset(p.mrenclave[1], 9, 32);
	p.signer_count = 1;
	memset(p.signer[0], 0x22, 32);
	p.guest_signer_count = 2;
	p.guest_signer[0] = key256();
	p.guest_signer[1] = key384();
	p.guests.snp_count = 2;
	memset(p.guests.snp[0].measurement, 1, 48);
	memset(p.guests.snp[1].measurement, 2, 48);
	p.guests.snp[1].vmpl = 3;
	p.guests.snp[1].flags = OM_GUEST_MIGRATABLE | OM_GUEST_KERNEL;
	p.guests.tdx_count = 1;
	memset(&p.guests.tdx[0], 3, 5 * 48);
	p.guests.tdx[0].flags = OM_GUEST_RTMR3;
	p.guests.owner_count = 2;
	memset(p.guests.owner[0].author_key, 5, 48);
	p.guests.owner[0].flags = OM_GUEST_KERNEL;
	p.guests.owner[1] = (struct om_snp_owner) { .svn = { 1, 2, 3, 4 }, .vmpl = 2, .flags = OM_GUEST_KERNEL | OM_GUEST_MIGRATABLE };
	memset(p.guests.owner[1].id_key, 4, OM_SNP_OWNER_NAMED);
	return p;
}

static void test_bytes(void **state)
{
	struct om_policy p = rich(), q;
	uint8_t bytes[OM_POLICY_BYTES_MAX], again[OM_POLICY_BYTES_MAX];
	const size_t expected = OM_POLICY_HEADER + 64 + 2 * 33 + 2 * 32 + 32 + 2 * 97 + 2 * 6 + 2 * 50 + 241 + 2 * 182;
	size_t size, again_size;

	(void)state;
	assert_int_equal(om_policy_encode(&p, bytes, sizeof bytes, &size), 0);
	assert_int_equal(size, expected);
	assert_int_equal(om_policy_decode(bytes, size, &q), 0);
	assert_memory_equal(&p, &q, sizeof p);
	for (size_t cut = 1; cut < size; cut++)
		assert_true(om_policy_decode(bytes, cut, &q) < 0);
	assert_int_equal(om_policy_decode(bytes, size + 1, &q), OM_ETRAILING);
	assert_int_equal(om_policy_encode(&p, again, size - 1, &again_size), OM_EOVERFLOW);

	/* One encoding per policy: what another bit turns into is no policy, or another one that says so with the same bytes. */
	for (size_t i = 0; i < size * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		if (!om_policy_decode(bytes, size, &q)) {
			assert_true(memcmp(&p, &q, sizeof p) != 0);
			assert_int_equal(om_policy_encode(&q, again, sizeof again, &again_size), 0);
			assert_int_equal(again_size, size);
			assert_memory_equal(again, bytes, size);
		}
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
	}

	/* the default, byte by byte */
	static const uint8_t standard[OM_POLICY_HEADER] = { 'O', 'M', 'P', 'O', 2, 0, 3, 0, 2, 2, 0, 0, 6, 0 };
	om_policy_default(&p);
	assert_int_equal(om_policy_encode(&p, bytes, sizeof bytes, &size), 0);
	assert_int_equal(size, sizeof standard);
	assert_memory_equal(bytes, standard, size);
	assert_int_equal(om_policy_decode(NULL, 0, &q), 0);
	assert_memory_equal(&p, &q, sizeof p);
	bytes[4] = 1;
	assert_int_equal(om_policy_decode(bytes, size, &q), OM_EVERSION);
	bytes[4] = 2;
	bytes[0] = 'o';
	assert_int_equal(om_policy_decode(bytes, size, &q), OM_ETYPE);
}

/* A policy as version 1 wrote it. */
static void test_version_1(void **state)
{
	uint8_t bytes[56] = { 'O', 'M', 'P', 'O', 1, 0, 3, 0, 0, 0, 6, 0, 1, 0, 0, 0 };
	struct om_policy_error error;
	struct om_policy q;

	(void)state;
	memcpy(bytes + 24, om_intel_root, 32);
	assert_int_equal(om_policy_decode(bytes, sizeof bytes, &q), OM_EVERSION);
	assert_int_equal(om_policy_from_text(OM_VIEW(bytes), 0, &q, &error), OM_EVERSION);
	assert_non_null(strstr(error.words, "version"));
}

static void expect_fault(const struct om_policy *p, enum om_policy_key want, const char *words)
{
	enum om_policy_key key = OM_POLICY_KEYS_COUNT;
	const char *fault = om_policy_fault(p, &key);
	uint8_t bytes[OM_POLICY_BYTES_MAX];
	size_t size;

	if (!fault || key != want || !strstr(fault, words))
		fail_msg("'%s' about key %d; expected '%s' about %d", fault ? fault : "fine", (int)key, words, (int)want);
	assert_int_equal(om_policy_encode(p, bytes, sizeof bytes, &size), OM_EINVAL);
}

#define FAULT(change, key, words) do { struct om_policy p = rich(); change; expect_fault(&p, key, words); } while (0)

static void test_faults(void **state)
{
	struct om_policy fine = rich();

	(void)state;
	assert_null(om_policy_fault(&fine, NULL));
	assert_non_null(strstr(om_policy_image_fault(&fine, true, NULL), "mrenclave = same"));
	fine.mrenclave_count = 0;
	assert_null(om_policy_image_fault(&fine, true, NULL));
	/* A production image never gets to what only a debug image does with it. */
	fine.platforms &= (uint8_t)~BIT(DEMO);
	assert_null(om_policy_image_fault(&fine, true, NULL));
	assert_non_null(strstr(om_policy_image_fault(&fine, false, NULL), "counts as a demonstration"));
	fine.guests.snp[0].flags |= OM_GUEST_KERNEL;
	assert_null(om_policy_image_fault(&fine, false, NULL));
	fine.guests.owner[0].flags = 0;
	assert_non_null(strstr(om_policy_image_fault(&fine, false, NULL), "counts as a demonstration"));
	fine.guests.owner[0].flags = OM_GUEST_KERNEL;
	memset(fine.guests.tdx[0].rtmr[1], 0, 48);
	assert_non_null(strstr(om_policy_image_fault(&fine, false, NULL), "counts as a demonstration"));
	FAULT(p.flags |= 8, OM_KEY_DEBUG, "unknown");
	FAULT((p.mrenclave_count = 0, p.flags &= (uint16_t)~OM_POLICY_SAME), OM_KEY_MRENCLAVE, "no program");
	FAULT(memset(p.mrenclave[1], 8, 32), OM_KEY_MRENCLAVE, "twice");
	FAULT(p.signer_count = 0, OM_KEY_MIN_SVN, "without signer");
	FAULT(p.signer_count = 2, OM_KEY_SIGNER, "out of order");
	FAULT(p.platforms = 0, OM_KEY_PLATFORM, "no platform");
	FAULT(p.platforms |= 1, OM_KEY_PLATFORM, "unknown");
	FAULT(p.platforms |= 0x20, OM_KEY_PLATFORM, "unknown");
	FAULT(p.makers |= BIT(DEMO), OM_KEY_ROOT, "not accepted");
	FAULT(p.makers = BIT(SGX), OM_KEY_ROOT, "no root");
	FAULT(p.root[1].hash[0] = p.root[1].type = OM_EVIDENCE_DEMO, OM_KEY_ROOT, "not accepted");
	FAULT(memcpy(p.root[0].hash, om_emulated_root, 32), OM_KEY_ROOT, "platform = demo");
	FAULT(memcpy(p.root[0].hash, om_intel_root, 32), OM_KEY_ROOT, "root = intel");
	FAULT(p.root_count = OM_POLICY_ROOTS_MAX + 1, OM_KEY_ROOT, "too many");
	FAULT((p.platforms = BIT(SNP), p.makers = BIT(SNP)), OM_KEY_ROOT, "not accepted");
	FAULT(p.statuses = 0, OM_KEY_TCB, "no TCB status");
	FAULT(p.statuses |= 1u << OM_TCB_REVOKED, OM_KEY_TCB, "Revoked");
	FAULT(p.statuses |= 1, OM_KEY_TCB, "no TCB status");
	FAULT(p.floors.snp[0].product = 9, OM_KEY_MIN_TCB, "no known");
	FAULT(p.floors.snp[0].fmc = 1, OM_KEY_MIN_TCB, "fmc");
	FAULT(p.floors.snp[1].product = OM_AMD_MILAN, OM_KEY_MIN_TCB, "twice");
	FAULT(p.guest_signer[0] = p.guest_signer[1], OM_KEY_GUEST_SIGNER, "twice");
	FAULT(p.guest_signer[0].key[3] ^= 1, OM_KEY_GUEST_SIGNER, "no public key");
	FAULT(p.guest_signer[0].key[95] = 1, OM_KEY_GUEST_SIGNER, "no public key");
	FAULT(p.guest_signer[1].key[90] ^= 1, OM_KEY_GUEST_SIGNER, "no public key");
	FAULT(p.guests.snp[0].vmpl = 4, OM_KEY_GUEST, "vmpl");
	FAULT(p.guests.snp[0].flags = OM_GUEST_RTMR3, OM_KEY_GUEST, "");
	FAULT(p.guests.tdx[0].flags = 0, OM_KEY_GUEST, "");   /* RTMR3 is not compared, and yet there */
	FAULT(memset(p.guests.snp[0].measurement, 2, 48), OM_KEY_GUEST, "twice");
	/* whom an owner's line names, whatever else it says, is a key */
	FAULT(memset(p.guests.owner[0].author_key, 0, 48), OM_KEY_GUEST, "no key");
	FAULT((memset(p.guests.owner[0].author_key, 0, 48), p.guests.owner[0].family[0] = 1, p.guests.owner[0].svn[0] = 1), OM_KEY_GUEST, "no key");
	FAULT((memset(p.guests.owner[0].author_key, 0, 48), memset(p.guests.owner[0].measurement, 1, 48)), OM_KEY_GUEST, "no key");
	FAULT(p.guests.owner[1].vmpl = 4, OM_KEY_GUEST, "vmpl");
	FAULT(p.guests.owner[1].flags = OM_GUEST_RTMR3, OM_KEY_GUEST, "");
	FAULT(p.guests.owner[1].svn[3] = 0x40, OM_KEY_GUEST, "");
	FAULT(memcpy(&p.guests.owner[1], &p.guests.owner[0], OM_SNP_OWNER_NAMED), OM_KEY_GUEST, "twice");   /* another SVN makes no other owner */
	FAULT(p.guests.owner_count = OM_SNP_OWNERS_MAX + 1, OM_KEY_GUEST, "too many");
	FAULT((p.platforms &= (uint8_t)~BIT(SNP), p.makers &= (uint8_t)~BIT(SNP), p.guests.snp_count = 0, p.floors.snp_count = 0), OM_KEY_GUEST, "not accepted");
	FAULT(p.snp_keys = 0, OM_KEY_SNP_KEY, "snp-key = vcek");
	FAULT(p.snp_keys = 4, OM_KEY_SNP_KEY, "");
	FAULT((p.guests.tdx_count = 0, p.guest_signer_count = 0), OM_KEY_PLATFORM, "add guest");
	FAULT((p.guests.snp_count = 0, p.guests.owner_count = 0, p.guest_signer_count = 0), OM_KEY_PLATFORM, "add guest");
	fine = rich();
	fine.guests.snp_count = 0;
	fine.guest_signer_count = 0;
	assert_null(om_policy_fault(&fine, NULL));
	FAULT((p.floors.snp_count = 0, p.guest_signer_count = 0), OM_KEY_PLATFORM, "needs a floor");
	FAULT(p.not_before = UINT64_MAX, OM_KEY_NOT_BEFORE, "");
	FAULT(p.owner[0] ^= 1, OM_KEY_OWNER, "P-256");
	FAULT(p.flags &= (uint16_t)~OM_POLICY_OWNER, OM_KEY_OWNER, "flag");
}

/* ---- text ---- */

static int from_text(const char *text, struct om_policy *p, struct om_policy_error *error)
{
	return om_policy_from_text((struct om_view) { (const uint8_t *)text, strlen(text) }, 0, p, error);
}

/* 48 bytes of zeros */
#define Z32 "00000000000000000000000000000000"
#define Z96 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
#define ID32 "00112233445566778899aabbccddeeff"
#define DIGITS96 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

/* What is printed reads as the same policy, and says its defaults. */
static void test_printed(void **state)
{
	static const char *const texts[] = {
		"", "debug = no\nroot = intel\n", "platform = demo\nmin-tcb = sgx:2024-01-01\nnot-before = 2025-01-01\n",
		"platform = sgx\nplatform = snp\nsnp-key = vlek\nguest = snp:" DIGITS96 ",kernel,vmpl=2,migratable\n"
			"min-tcb = snp:turin fmc=1 bootloader=9 tee=0 snp=23 microcode=72\nmin-tcb = snp:milan bootloader=9 tee=0 snp=23 microcode=72\n",
		"platform = sgx\nplatform = snp\nmin-tcb = snp:milan bootloader=9 tee=0 snp=23 microcode=72\nguest = snp:id-key=" DIGITS96 ",kernel\n"
			"guest = snp:author-key=" DIGITS96 ",svn=999999999,vmpl=1\nguest = snp:id-key=" DIGITS96 ",author-key=" DIGITS96 ",family=" ID32 "\n"
			"guest = snp:" DIGITS96 ",migratable,image=" ID32 ",author-key=" DIGITS96 "\n",
		"platform = tdx\nroot = tdx:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\nmin-tcb-evaluation = 17\n"
			"guest = tdx:" DIGITS96 "/" DIGITS96 "/" DIGITS96 "/" DIGITS96 "/" DIGITS96 "\ntcb = OutOfDate\n",
		"signer = 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\nmin-svn = 7\n",
	};
	uint8_t one[OM_POLICY_BYTES_MAX], two[OM_POLICY_BYTES_MAX];
	size_t one_size, two_size;
	struct om_policy_error error;
	struct om_policy p, q;
	char text[8192];

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_int_equal(from_text(texts[i], &p, &error), 0);
		assert_in_range(om_policy_to_text(&p, text, sizeof text), 1, sizeof text - 1);
		assert_int_equal(from_text(text, &q, &error), 0);
		assert_int_equal(om_policy_encode(&p, one, sizeof one, &one_size), 0);
		assert_int_equal(om_policy_encode(&q, two, sizeof two, &two_size), 0);
		assert_int_equal(one_size, two_size);
		assert_memory_equal(one, two, one_size);
	}
	assert_int_equal(from_text("", &p, &error), 0);
	(void)om_policy_to_text(&p, text, sizeof text);
	assert_string_equal(text, "mrenclave = same\ndebug = yes\nplatform = sgx\nroot = intel\ntcb = UpToDate\ntcb = SWHardeningNeeded\nnot-before = none\n");
	assert_int_equal(om_policy_to_text(&p, text, 9), strlen("mrenclave = same\ndebug = yes\nplatform = sgx\nroot = intel\ntcb = UpToDate\n"
		"tcb = SWHardeningNeeded\nnot-before = none\n"));
	assert_string_equal(text, "mrenclav");
}

static void test_text(void **state)
{
	struct om_policy p, standard;
	struct om_policy_error error;
	uint8_t bytes[OM_POLICY_BYTES_MAX];
	char text[4096];
	size_t size;

	(void)state;
	om_policy_default(&standard);
	assert_int_equal(from_text("", &p, &error), 0);
	assert_memory_equal(&p, &standard, sizeof p);
	assert_int_equal(from_text("# nothing\n\n  \t# to say\r\n", &p, &error), 0);
	assert_memory_equal(&p, &standard, sizeof p);

	snprintf(text, sizeof text,
		"platform = tdx # and\nplatform=snp\nplatform = sgx\nplatform = demo\n tcb = OutOfDate\ndebug = no\nmin-svn = 300\n"
		"signer = " F32 "\nsigner = " H32 "\nroot = amd\nroot = tdx:" H32 "\nroot = intel\nroot = " F32 "\n"
		FLOOR "min-tcb = snp:turin fmc=1 bootloader=2 snp=4 tee=3   microcode=5\nmin-tcb = sgx:2024-01-01\nmin-tcb = tdx:2025-02-03T04:05:06Z\n"
		"min-tcb-evaluation = 17\nsnp-key = vlek\nguest = snp:" M2 ", vmpl=2, kernel, migratable\nguest = snp: " M1 ",kernel\n"
		"guest = tdx:" M1 "/" M2 "/" M1 "/" M2 ",migratable\nguest = tdx:" M1 "/" M2 "/" M1 "/" M2 "/" M2 "\n"
		"guest-signer = %s\nguest-signer = 04%s\nnot-before = 2026-01-01\nowner = 04%s\n", hex384, hex256, hex256);
	if (from_text(text, &p, &error))
		fail_msg("line %u: %s", error.line, error.words);
	assert_int_equal(p.platforms, BIT(SGX) | BIT(SNP) | BIT(TDX) | BIT(DEMO));
	assert_int_equal(p.makers, BIT(SGX) | BIT(SNP) | BIT(TDX));
	assert_int_equal(p.statuses, 1u << OM_TCB_OUT_OF_DATE);
	assert_int_equal(p.flags, OM_POLICY_SAME | OM_POLICY_OWNER);
	assert_int_equal(p.svn_min, 300);
	assert_int_equal(p.signer_count, 2);
	assert_memory_equal(p.signer[0] + 14, "\xee\xff\x00\x11", 4);
	assert_int_equal(p.root_count, 2);
	assert_int_equal(p.root[0].type, OM_EVIDENCE_SGX);
	assert_int_equal(p.root[0].hash[0], 0xff);
	assert_int_equal(p.root[1].type, OM_EVIDENCE_TDX);
	assert_int_equal(p.floors.snp_count, 2);
	assert_memory_equal(&p.floors.snp[0], ((uint8_t[]) { OM_AMD_GENOA, 0, 9, 0, 23, 72 }), 6);
	assert_memory_equal(&p.floors.snp[1], ((uint8_t[]) { OM_AMD_TURIN, 1, 2, 3, 4, 5 }), 6);
	assert_true(p.floors.sgx_date == 1704067200 && p.floors.tdx_date == 1738555506);
	assert_int_equal(p.floors.evaluation, 17);
	assert_int_equal(p.snp_keys, OM_ACCEPT_VLEK);
	assert_int_equal(p.guests.snp_count, 2);
	assert_int_equal(p.guests.snp[0].vmpl, 0);
	assert_int_equal(p.guests.snp[0].measurement[1], 0x11);
	assert_int_equal(p.guests.snp[1].vmpl, 2);
	assert_int_equal(p.guests.snp[1].flags, OM_GUEST_MIGRATABLE | OM_GUEST_KERNEL);
	assert_int_equal(p.guests.snp[0].flags, OM_GUEST_KERNEL);
	assert_int_equal(p.guests.tdx_count, 2);
	assert_int_equal(p.guests.tdx[0].flags, OM_GUEST_MIGRATABLE);
	assert_int_equal(p.guests.tdx[0].rtmr[0][0], 0xff);
	assert_int_equal(p.guests.tdx[1].flags, OM_GUEST_RTMR3);
	assert_int_equal(p.guests.tdx[1].rtmr[3][0], 0xff);
	assert_int_equal(p.guest_signer_count, 2);
	assert_int_equal(p.guest_signer[0].curve, OM_CURVE_P256);
	assert_memory_equal(p.guest_signer[1].key, public384, 96);
	assert_memory_equal(p.owner, public256, 64);
	assert_true(p.not_before == NOW);
	assert_int_equal(om_policy_encode(&p, bytes, sizeof bytes, &size), 0);
	assert_int_equal(om_policy_from_text((struct om_view) { bytes, size }, 0, &standard, &error), 0);
	assert_memory_equal(&p, &standard, sizeof p);
}

static void test_text_defaults(void **state)
{
	struct om_policy p;
	struct om_policy_error error;

	(void)state;
	/* A key that may stand several times replaces its default. */
	assert_int_equal(from_text("platform = snp\nguest = snp:" M1 "\n" FLOOR, &p, &error), 0);
	assert_int_equal(p.platforms, BIT(SNP));
	assert_int_equal(p.makers, BIT(SNP));
	assert_int_equal(p.snp_keys, OM_ACCEPT_VCEK);
	assert_int_equal(from_text("root = " H32, &p, &error), 0);
	assert_int_equal(p.makers, 0);
	assert_int_equal(from_text("root = intel", &p, &error), 0);
	assert_int_equal(p.makers, BIT(SGX));
	assert_int_equal(from_text("mrenclave = " H32, &p, &error), 0);
	assert_int_equal(p.flags, OM_POLICY_DEBUG);
	assert_int_equal(from_text("mrenclave = " H32 "\nmrenclave = same", &p, &error), 0);
	assert_int_equal(p.flags, OM_POLICY_DEBUG | OM_POLICY_SAME);
	assert_int_equal(p.mrenclave_count, 1);
	/* the date of the build, unless the text names one or none */
	assert_int_equal(om_policy_from_text((struct om_view) { 0 }, NOW, &p, &error), 0);
	assert_true(p.not_before == NOW);
	static const uint8_t none[] = "not-before = none";
	assert_int_equal(om_policy_from_text((struct om_view) { none, sizeof none - 1 }, NOW, &p, &error), 0);
	assert_true(p.not_before == 0);
}

static void test_text_errors(void **state)
{
	static const struct { const char *text; unsigned line; const char *words; } bad[] = {
		{ "\nroot", 2, "KEY = VALUE" }, { "root =", 1, "missing" }, { "= x", 1, "no such key" }, { "colour = red", 1, "no such key" },
		{ "root = mine", 1, "SubjectPublicKeyInfo" }, { "root = demo:" H32, 1, "SubjectPublicKeyInfo" },
		{ "root = emulated", 1, "platform = demo" }, { "root = demo", 1, "platform = demo" }, { "root = intel\nroot = intel", 2, "before" },
		{ "root = amd", 1, "platform = snp" }, { "platform = demo\nroot = intel", 2, "platform = sgx or tdx" },
		{ "root = snp:" H32, 1, "not accepted" }, { "root = " H32 "\nroot = sgx:" H32, 2, "before" },
		{ "tcb = Revoked", 1, "revoked" }, { "tcb = uptodate", 1, "spelling" },
		{ "debug = no\nplatform = snp\nguest = snp:" M1 ",kernel\n" FLOOR "tcb = UpToDate", 5, "min-tcb" },
		{ "debug = no\nplatform = snp\nguest = snp:" M1 ",kernel\n" FLOOR "tcb = SWHardeningNeeded\ntcb = UpToDate", 5, "min-tcb" },
		{ "min-svn = 2", 1, "means nothing without signer" }, { "signer = " H32 "\nmin-svn = 65536", 2, "1 to 65535" },
		{ "signer = " H32 "\nmin-svn = 1x", 2, "1 to 65535" }, { "signer = " H32 "\nmin-svn = 0", 2, "1 to 65535" },
		{ "signer = " H32 "\nmin-svn = 1\nmin-svn = 1", 3, "once" }, { "signer = 12", 1, "MRSIGNER" },
		{ "signer = " H32 "\nsigner = " H32, 2, "before" },
		{ "debug = maybe", 1, "yes or no" }, { "debug = no\ndebug = yes", 2, "once" },
		{ "mrenclave = 1234", 1, "64" }, { "mrenclave = same same", 1, "64" },
		{ "platform = sev", 1, "sgx, snp, tdx or demo" }, { "platform = sgx\nplatform = sgx", 2, "before" },
		{ "platform = snp\n" FLOOR, 1, "add guest" }, { "platform = tdx", 1, "add guest" },
		{ "platform = snp\nguest = snp:" M1, 1, "needs a floor" },
		{ "guest = snp:" M1, 1, "add platform" }, { "guest = tdx:" M1 "/" M1 "/" M1 "/" M1, 1, "add platform" },
		{ "guest = " M1, 1, "snp:MEASUREMENT" }, { "guest = snp:" H32, 1, "96" }, { "guest = snp:" M1 ",", 1, "snp:MEASUREMENT" },
		{ "guest = snp:" M1 ",vmpl=4", 1, "vmpl" }, { "guest = snp:" M1 ",kernel,kernel", 1, "kernel" },
		{ "debug = no\nplatform = snp\n" FLOOR "guest = snp:" M1, 4, "counts as a demonstration" },
		{ "debug = no\nplatform = tdx\nguest = tdx:" M1 "/" M1 "/" Z96 "/" M1, 3, "counts as a demonstration" },
		 { "guest = snp:" M1 ",vmpl=1,vmpl=1", 1, "vmpl" }, { "guest = snp:" M1 ",level=1", 1, "vmpl" },
		{ "guest = snp:id-key=" H32, 1, "id-key=DIGEST" }, { "guest = snp:id-key=" Z96, 1, "id-key=DIGEST" }, { "guest = snp:author-key=" Z96, 1, "id-key=DIGEST" },
		{ "guest = snp:id-key=" M1 ",id-key=" M1, 1, "id-key=DIGEST" }, { "guest = snp:id-key=" M1 "," M1, 1, "id-key=DIGEST" },
		{ "guest = snp:" Z96 ",id-key=" M1, 1, "id-key=DIGEST" }, { "guest = snp:id-key=" M1 ",family=" Z32, 1, "id-key=DIGEST" },
		{ "guest = snp:id-key=" M1 ",image=1", 1, "id-key=DIGEST" }, { "guest = snp:id-key=" M1 ",svn=0", 1, "id-key=DIGEST" },
		{ "guest = snp:id-key=" M1 ",svn=1,svn=1", 1, "id-key=DIGEST" }, { "guest = snp:id-key=" M1 ",svn=1000000000", 1, "id-key=DIGEST" },
		{ "guest = snp:id-key=" M1 ",svn=-1", 1, "id-key=DIGEST" }, { "guest = snp:id-key=" M1 ",", 1, "snp:MEASUREMENT" }, { "guest = snp:kernel", 1, "snp:MEASUREMENT" },
		{ "guest = snp:" M1 ",svn=1", 1, "who launches" }, { "guest = snp:family=" ID32, 1, "who launches" }, { "guest = snp:" M1 ",image=" ID32 ",kernel", 1, "who launches" },
		{ "guest = snp:id-key=" M1 ",kernel\nguest = snp:id-key=" M1 ",svn=2", 2, "before" }, { "guest = snp:id-key=" M1, 1, "add platform" },
		{ "debug = no\nplatform = snp\n" FLOOR "guest = snp:id-key=" M1, 4, "counts as a demonstration" },
		{ "guest = tdx:" M1 "/" M1 "/" M1, 1, "RTMR2" }, { "guest = tdx:" M1 "/" M1 "/" M1 "/" M1 "/" M1 "/" M1, 1, "RTMR2" },
		{ "guest = tdx:" M1 "/" M1 "/" M1 "/" M1 "/", 1, "RTMR2" }, { "guest = tdx:" M1 "/" M1 "/" M1 "/" M1 ",vmpl=1", 1, "RTMR2" },
		{ "guest = snp:" M1 "\nguest = snp:" M1 ",vmpl=1", 2, "before" },
		{ FLOOR, 1, "platform = snp" }, { "min-tcb = tdx:2024-01-01", 1, "platform = tdx" }, { "min-tcb = 2024-01-01", 1, "sgx:DATE" },
		{ "min-tcb = sgx:2024-02-30", 1, "YYYY-MM-DD" }, { "min-tcb = sgx:2024-1-1", 1, "YYYY-MM-DD" }, { "min-tcb = sgx:2024-01-01T00:00:00", 1, "YYYY-MM-DD" },
		{ "min-tcb = sgx:2024-01-01\nmin-tcb = sgx:2024-01-02", 2, "before" }, { FLOOR FLOOR, 2, "before" },
		{ "min-tcb = snp:rome bootloader=9 tee=0 snp=23 microcode=72", 1, "milan" }, { "min-tcb = snp:milan bootloader=9 tee=0 snp=23", 1, "microcode" },
		{ "min-tcb = snp:milan bootloader=9 tee=0 snp=23 microcode=256", 1, "255" }, { "min-tcb = snp:milan fmc=0 bootloader=9 tee=0 snp=23 microcode=2", 1, "fmc" },
		{ "min-tcb = snp:turin bootloader=9 tee=0 snp=23 microcode=2", 1, "fmc" }, { "min-tcb = snp:milan bootloader=9 tee=0 tee=0 snp=23 microcode=72", 1, "PRODUCT" },
		{ "min-tcb-evaluation = 0", 1, "1 or more" }, { "min-tcb-evaluation = 5\nmin-tcb-evaluation = 6", 2, "once" },
		{ "snp-key = vcek", 1, "platform = snp" }, { "snp-key = ark", 1, "vcek or vlek" }, { "snp-key = vcek\nsnp-key = vcek", 2, "before" },
		{ "guest-signer = " H32 H32, 1, "P-384" }, { "owner = " H32 H32, 1, "P-256" }, { "owner = " H32, 1, "P-256" },
		{ "not-before = 2026-01-01\nnot-before = none", 2, "once" }, { "not-before = soon", 1, "YYYY" },
	};
	struct om_policy p;
	struct om_policy_error error;
	char text[600];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		error = (struct om_policy_error) { 999, "" };
		if (from_text(bad[i].text, &p, &error) != OM_EINVAL || error.line != bad[i].line || !strstr(error.words, bad[i].words))
			fail_msg("%s: line %u, '%s'; expected line %u, '%s'", bad[i].text, error.line, error.words, bad[i].line, bad[i].words);
	}
	snprintf(text, sizeof text, "guest-signer = %s", hex256);
	assert_int_equal(from_text(text, &p, &error), OM_EINVAL);
	assert_non_null(strstr(error.words, "means nothing"));
	snprintf(text, sizeof text, "owner = %s\nowner = %s", hex256, hex256);
	assert_int_equal(from_text(text, &p, &error), OM_EINVAL);
	assert_int_equal(error.line, 2);
	char many[OM_POLICY_SIGNERS_MAX * 80 + 80] = "";   /* one more than fits */
	for (unsigned i = 0; i <= OM_POLICY_SIGNERS_MAX; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), "signer = %02x%.62s\n", OM_POLICY_SIGNERS_MAX - i, F32);
	assert_int_equal(from_text(many, &p, &error), OM_EINVAL);
	assert_int_equal(error.line, OM_POLICY_SIGNERS_MAX + 1);
	assert_non_null(strstr(error.words, "one more than"));
}

/* ---- whom it accepts ---- */

struct scene {
	struct om_policy p;
	struct om_guest_list *list;
	struct sgx_report_body own, peer;
	struct om_platform_facts facts;
};

static struct scene sgx_scene(void)
{
	struct scene s = { .facts = { .type = OM_EVIDENCE_SGX, .root_kind = OM_ROOT_MAKER, .status = OM_TCB_UP_TO_DATE, .tcb_date = 1000,
		.evaluation = 17 } };

	om_policy_default(&s.p);
	s.own.attributes.flags = SGX_ATTR_INIT | SGX_ATTR_MODE64BIT;
	s.own.attributes.xfrm = 7;
	s.own.isvsvn = 3;
	memset(s.own.mrenclave, 0x11, 32);
	memset(s.own.mrsigner, 0x22, 32);
	memcpy(&s.peer, &s.own, sizeof s.peer);
	return s;
}

static struct scene snp_scene(void)
{
	struct scene s = sgx_scene();
	struct om_policy_error error;

	assert_int_equal(from_text("platform = snp\nguest = snp:" M1 ",vmpl=1,kernel\n" FLOOR, &s.p, &error), 0);
	s.facts = (struct om_platform_facts) { .type = OM_EVIDENCE_SNP, .root_kind = OM_ROOT_MAKER, .snp = { .product = OM_AMD_GENOA,
		.bootloader = 9, .snp = 23, .microcode = 72, .policy = 0x30000, .vmpl = 1 } };
	memcpy(s.facts.snp.measurement, s.p.guests.snp[0].measurement, 48);
	return s;
}

static struct scene tdx_scene(void)
{
	struct scene s = sgx_scene();
	struct om_policy_error error;

	assert_int_equal(from_text("platform = tdx\nguest = tdx:" M1 "/" M2 "/" M1 "/" M2, &s.p, &error), 0);
	s.facts.type = OM_EVIDENCE_TDX;
	s.facts.tdx.attributes = OM_TD_SEPT_VE_DISABLE;
	memcpy(s.facts.tdx.mrtd, s.p.guests.tdx[0].mrtd, 48);
	memcpy(s.facts.tdx.rtmr, s.p.guests.tdx[0].rtmr, 4 * 48);
	memset(s.facts.tdx.rtmr[3], 5, 48);   /* the guest may extend it as it likes, unless a line says otherwise */
	return s;
}

static void expect(const struct scene *s, const char *what, int want, enum om_attest_reason want_reason)
{
	enum om_attest_reason reason = OM_WHY_REPORT_DATA;
	const char *fault = om_policy_fault(&s->p, NULL);
	const int error = om_policy_check(&s->p, s->list, &s->own, &s->peer, &s->facts, &reason);

	if (fault)
		fail_msg("%s: %s", what, fault);
	if (error != want || reason != want_reason)
		fail_msg("%s: %d, %s; expected %d, %s", what, error, om_attest_reason_words(reason), want, om_attest_reason_words(want_reason));
}

#define CASE(make, change, error, reason) \
	do { struct scene s = make(); change; expect(&s, #change, error, reason); } while (0)
#define DEBUG_BOTH(s) ((s).own.attributes.flags |= SGX_ATTR_DEBUG, (s).peer.attributes.flags |= SGX_ATTR_DEBUG)

static void test_alike(void **state)
{
	(void)state;
	CASE(sgx_scene, (void)0, 0, OM_WHY_NONE);
	CASE(sgx_scene, s.peer.attributes.flags &= ~(uint64_t)SGX_ATTR_INIT, OM_EPOLICY, OM_WHY_NOT_INITIALIZED);
	CASE(sgx_scene, s.peer.attributes.flags &= ~(uint64_t)SGX_ATTR_MODE64BIT, OM_EPOLICY, OM_WHY_NOT_INITIALIZED);
	CASE(sgx_scene, s.peer.mrenclave[31] ^= 1, OM_EIDENTITY, OM_WHY_MRENCLAVE);
	CASE(sgx_scene, (s.peer.mrenclave[31] ^= 1, s.p.mrenclave_count = 1, memcpy(s.p.mrenclave[0], s.peer.mrenclave, 32)), 0, OM_WHY_NONE);
	CASE(sgx_scene, (s.p.flags = OM_POLICY_DEBUG, s.p.mrenclave_count = 1), OM_EIDENTITY, OM_WHY_MRENCLAVE);
	CASE(sgx_scene, s.peer.attributes.flags |= SGX_ATTR_DEBUG, OM_EDEBUG, OM_WHY_DEBUG);
	CASE(sgx_scene, s.own.attributes.flags |= SGX_ATTR_DEBUG, OM_EDEBUG, OM_WHY_DEBUG);
	CASE(sgx_scene, DEBUG_BOTH(s), 0, OM_WHY_NONE);
	CASE(sgx_scene, (DEBUG_BOTH(s), s.p.flags = OM_POLICY_SAME), OM_EDEBUG, OM_WHY_DEBUG);
	/* every other attribute: PROVISIONKEY and EINITTOKENKEY, CET, KSS, AEXNOTIFY, and those to come; either way round */
	for (unsigned bit = 0; bit < 64; bit++) {
		const uint64_t one = 1ull << bit;

		if (one & (SGX_ATTR_INIT | SGX_ATTR_MODE64BIT | SGX_ATTR_DEBUG))
			continue;
		CASE(sgx_scene, s.peer.attributes.flags |= one, OM_EPOLICY, OM_WHY_ATTRIBUTES);
		CASE(sgx_scene, s.own.attributes.flags |= one, OM_EPOLICY, OM_WHY_ATTRIBUTES);
		CASE(sgx_scene, s.peer.attributes.xfrm ^= one, OM_EPOLICY, OM_WHY_XFRM);
	}
	CASE(sgx_scene, s.peer.cet_attributes = 1, OM_EPOLICY, OM_WHY_ATTRIBUTES);
	CASE(sgx_scene, s.peer.miscselect = 1, OM_EPOLICY, OM_WHY_MISCSELECT);
	CASE(sgx_scene, s.own.miscselect = 1u << 31, OM_EPOLICY, OM_WHY_MISCSELECT);
	CASE(sgx_scene, s.peer.mrsigner[0] ^= 1, 0, OM_WHY_NONE);
	CASE(sgx_scene, (s.p.signer_count = 1, memset(s.p.signer[0], 0x22, 32)), 0, OM_WHY_NONE);
	CASE(sgx_scene, (s.p.signer_count = 1, memset(s.p.signer[0], 0x23, 32)), OM_EPOLICY, OM_WHY_SIGNER);
	CASE(sgx_scene, (s.p.signer_count = 1, memset(s.p.signer[0], 0x22, 32), s.p.svn_min = 3), 0, OM_WHY_NONE);
	CASE(sgx_scene, (s.p.signer_count = 1, memset(s.p.signer[0], 0x22, 32), s.p.svn_min = 4), OM_EPOLICY, OM_WHY_SVN);
}

/* Seen by one who is no enclave: nothing has to be like it, and nothing is accepted for its sake. */
static void test_outside(void **state)
{
	(void)state;
#define OUTSIDE(change, error, reason) do { struct scene s = sgx_scene(); enum om_attest_reason why = OM_WHY_NONE; \
	s.p.flags = OM_POLICY_DEBUG; s.p.mrenclave_count = 1; memcpy(s.p.mrenclave[0], s.peer.mrenclave, 32); change; \
	assert_int_equal(om_policy_check(&s.p, NULL, NULL, &s.peer, &s.facts, &why), error); \
	if (error) assert_int_equal(why, reason); } while (0)
	OUTSIDE((void)0, 0, OM_WHY_NONE);
	OUTSIDE(s.p.mrenclave_count = 0, OM_EIDENTITY, OM_WHY_MRENCLAVE);
	OUTSIDE((s.p.mrenclave_count = 0, s.p.flags |= OM_POLICY_SAME), OM_EIDENTITY, OM_WHY_MRENCLAVE);
	OUTSIDE(s.peer.attributes.flags |= SGX_ATTR_DEBUG, 0, OM_WHY_NONE);
	OUTSIDE((s.peer.attributes.flags |= SGX_ATTR_DEBUG, s.p.flags = 0), OM_EDEBUG, OM_WHY_DEBUGGABLE);
	OUTSIDE(s.peer.attributes.flags &= ~(uint64_t)SGX_ATTR_INIT, OM_EPOLICY, OM_WHY_NOT_INITIALIZED);
	OUTSIDE(s.peer.attributes.xfrm ^= 0xe0, 0, OM_WHY_NONE);
	OUTSIDE(s.peer.miscselect ^= 1, 0, OM_WHY_NONE);
	OUTSIDE((s.p.signer_count = 1, memset(s.p.signer[0], 0x23, 32)), OM_EPOLICY, OM_WHY_SIGNER);
	OUTSIDE(s.facts.status = OM_TCB_OUT_OF_DATE, OM_EPOLICY, OM_WHY_TCB_STATUS);
	/* A debug enclave's demo evidence counts for another debug enclave, not here. */
	OUTSIDE((s.peer.attributes.flags |= SGX_ATTR_DEBUG, s.facts.type = OM_EVIDENCE_DEMO, s.facts.root_kind = OM_ROOT_DEMO), OM_EPOLICY, OM_WHY_PLATFORM);
	OUTSIDE((s.p.platforms |= BIT(DEMO), s.facts.type = OM_EVIDENCE_DEMO, s.facts.root_kind = OM_ROOT_DEMO), 0, OM_WHY_NONE);
	OUTSIDE(s.facts.root_kind = OM_ROOT_DEMO, OM_EPOLICY, OM_WHY_ROOT);
#undef OUTSIDE
}

static void test_platforms(void **state)
{
	(void)state;
	CASE(sgx_scene, s.facts.status = OM_TCB_OUT_OF_DATE, OM_EPOLICY, OM_WHY_TCB_STATUS);
	CASE(sgx_scene, s.facts.status = OM_TCB_UNKNOWN, OM_EPOLICY, OM_WHY_TCB_STATUS);
	CASE(sgx_scene, s.facts.status = OM_TCB_REVOKED, OM_EPOLICY, OM_WHY_TCB_STATUS);
	CASE(sgx_scene, s.p.floors.sgx_date = 1000, 0, OM_WHY_NONE);
	CASE(sgx_scene, s.p.floors.sgx_date = 1001, OM_EPOLICY, OM_WHY_TCB_DATE);
	CASE(sgx_scene, s.p.floors.evaluation = 17, 0, OM_WHY_NONE);
	CASE(sgx_scene, s.p.floors.evaluation = 18, OM_EPOLICY, OM_WHY_TCB_EVALUATION);
	CASE(sgx_scene, s.facts.type = OM_EVIDENCE_DEMO, OM_EPOLICY, OM_WHY_PLATFORM);
	CASE(sgx_scene, (s.facts.type = OM_EVIDENCE_DEMO, s.facts.root_kind = OM_ROOT_DEMO, s.p.platforms |= BIT(DEMO)), 0, OM_WHY_NONE);
	CASE(sgx_scene, (DEBUG_BOTH(s), s.facts.type = OM_EVIDENCE_DEMO, s.facts.root_kind = OM_ROOT_DEMO), 0, OM_WHY_NONE);
	CASE(sgx_scene, s.facts.root_kind = OM_ROOT_DEMO, OM_EPOLICY, OM_WHY_ROOT);
	CASE(sgx_scene, s.facts.root_kind = OM_ROOT_OTHER, OM_EPOLICY, OM_WHY_ROOT);
	CASE(sgx_scene, (s.p.root_count = 1, s.p.root[0].type = OM_EVIDENCE_SGX, memset(s.p.root[0].hash, 4, 32), memset(s.facts.root, 4, 32),
		s.facts.root_kind = OM_ROOT_OTHER), 0, OM_WHY_NONE);
	CASE(sgx_scene, (s.p.root_count = 1, s.p.root[0].type = OM_EVIDENCE_SGX, memset(s.p.root[0].hash, 4, 32), s.p.makers = 0),
		OM_EPOLICY, OM_WHY_ROOT);
	for (enum om_evidence_type t = OM_EVIDENCE_SNP; t <= OM_EVIDENCE_TDX; t++)
		CASE(sgx_scene, s.facts.type = t, OM_EPOLICY, OM_WHY_PLATFORM);
}

static void test_snp(void **state)
{
	(void)state;
	CASE(snp_scene, (void)0, 0, OM_WHY_NONE);
	CASE(snp_scene, s.facts.type = OM_EVIDENCE_SGX, OM_EPOLICY, OM_WHY_PLATFORM);
	CASE(snp_scene, s.peer.attributes.xfrm = 3, OM_EPOLICY, OM_WHY_XFRM);
	CASE(snp_scene, s.facts.root_kind = OM_ROOT_OTHER, OM_EPOLICY, OM_WHY_ROOT);
	CASE(snp_scene, s.facts.root_kind = OM_ROOT_DEMO, OM_EPOLICY, OM_WHY_ROOT);
	CASE(snp_scene, (s.facts.root_kind = OM_ROOT_DEMO, s.p.platforms |= BIT(DEMO)), 0, OM_WHY_NONE);
	CASE(snp_scene, s.facts.snp.vlek = true, OM_EPOLICY, OM_WHY_KIND_OF_KEY);
	CASE(snp_scene, (s.facts.snp.vlek = true, s.p.snp_keys = OM_ACCEPT_VLEK), 0, OM_WHY_NONE);
	CASE(snp_scene, s.p.snp_keys = OM_ACCEPT_VLEK, OM_EPOLICY, OM_WHY_KIND_OF_KEY);
	CASE(snp_scene, s.facts.snp.bootloader--, OM_EPOLICY, OM_WHY_FLOOR_SNP);
	CASE(snp_scene, s.facts.snp.snp--, OM_EPOLICY, OM_WHY_FLOOR_SNP);
	CASE(snp_scene, s.facts.snp.microcode--, OM_EPOLICY, OM_WHY_FLOOR_SNP);
	CASE(snp_scene, s.p.floors.snp[0].tee++, OM_EPOLICY, OM_WHY_FLOOR_SNP);
	CASE(snp_scene, (s.facts.snp.bootloader--, s.facts.snp.microcode = 255), OM_EPOLICY, OM_WHY_FLOOR_SNP);   /* no number as a whole */
	CASE(snp_scene, s.facts.snp.microcode = 255, 0, OM_WHY_NONE);
	CASE(snp_scene, s.facts.snp.product = OM_AMD_TURIN, OM_EPOLICY, OM_WHY_FLOOR_PRODUCT);
	CASE(snp_scene, (s.facts.snp.product = OM_AMD_TURIN, s.p.floors.snp[0] = (struct om_snp_floor) { OM_AMD_TURIN, 1, 0, 0, 0, 0 }),
		OM_EPOLICY, OM_WHY_FLOOR_SNP);
	CASE(snp_scene, s.facts.snp.policy |= 1u << 19, OM_EDEBUG, OM_WHY_GUEST_DEBUG);
	CASE(snp_scene, s.facts.snp.policy |= 1u << 18, OM_EPOLICY, OM_WHY_GUEST_MIGRATABLE);
	CASE(snp_scene, (s.facts.snp.policy |= 1u << 18, s.p.guests.snp[0].flags |= OM_GUEST_MIGRATABLE), 0, OM_WHY_NONE);
	CASE(snp_scene, s.facts.snp.vmpl = 0, 0, OM_WHY_NONE);
	CASE(snp_scene, s.facts.snp.vmpl = 2, OM_EPOLICY, OM_WHY_GUEST_VMPL);
	CASE(snp_scene, s.facts.snp.measurement[47] ^= 1, OM_EPOLICY, OM_WHY_GUEST);
	/* firmware alone: a demonstration */
	CASE(snp_scene, s.p.guests.snp[0].flags = 0, OM_EPOLICY, OM_WHY_GUEST_KERNEL);
	CASE(snp_scene, (s.p.guests.snp[0].flags = 0, s.p.platforms |= BIT(DEMO)), 0, OM_WHY_NONE);
	CASE(snp_scene, (s.p.guests.snp[0].flags = 0, DEBUG_BOTH(s)), 0, OM_WHY_NONE);
	CASE(snp_scene, (s.p.guests.snp[0].flags = 0, s.p.flags &= (uint16_t)~OM_POLICY_DEBUG, s.p.platforms |= BIT(DEMO)), 0, OM_WHY_NONE);
	/* as in debug images: a guest under the demo root is judged as any other */
	CASE(snp_scene, (DEBUG_BOTH(s), s.facts.root_kind = OM_ROOT_DEMO, s.facts.snp.measurement[0] ^= 1), OM_EPOLICY, OM_WHY_GUEST);
}

/* A guest whose launch two keys have signed, and no line with its measurement. */
static struct scene owner_scene(void)
{
	struct scene s = snp_scene();
	struct om_policy_error error;

	assert_int_equal(from_text("platform = snp\nguest = snp:" M1 ",id-key=" M2 ",author-key=" M1 ",family=" ID32 ",image=" ID32 ",svn=300,vmpl=1,kernel\n" FLOOR,
		&s.p, &error), 0);
	memcpy(s.facts.snp.id_key, s.p.guests.owner[0].id_key, 48);
	memcpy(s.facts.snp.author_key, s.p.guests.owner[0].author_key, 48);
	memcpy(s.facts.snp.measurement, s.p.guests.owner[0].measurement, 48);
	memcpy(s.facts.snp.family, s.p.guests.owner[0].family, 16);
	memcpy(s.facts.snp.image, s.p.guests.owner[0].image, 16);
	s.facts.snp.guest_svn = 300;
	return s;
}

/* Each part of the line is compared, byte by byte; what it does not say is not. */
static void test_owners(void **state)
{
#define OWNER s.p.guests.owner[0]
	(void)state;
	CASE(owner_scene, (void)0, 0, OM_WHY_NONE);
	for (unsigned i = 0; i < 48; i++) {
		CASE(owner_scene, s.facts.snp.id_key[i] ^= 1, OM_EPOLICY, OM_WHY_GUEST);
		CASE(owner_scene, s.facts.snp.author_key[i] ^= 0x80, OM_EPOLICY, OM_WHY_GUEST);
		CASE(owner_scene, s.facts.snp.measurement[i] ^= 1, OM_EPOLICY, OM_WHY_GUEST);
		CASE(owner_scene, s.facts.snp.family[i % 16] ^= 1, OM_EPOLICY, OM_WHY_GUEST);
		CASE(owner_scene, s.facts.snp.image[i % 16] ^= 1, OM_EPOLICY, OM_WHY_GUEST);
	}
	/* no ID block, no author */
	CASE(owner_scene, memset(s.facts.snp.id_key, 0, 48), OM_EPOLICY, OM_WHY_GUEST);
	CASE(owner_scene, memset(s.facts.snp.author_key, 0, 48), OM_EPOLICY, OM_WHY_GUEST);
	CASE(owner_scene, (memset(OWNER.measurement, 0, 48), s.facts.snp.measurement[0] ^= 1), 0, OM_WHY_NONE);
	CASE(owner_scene, (memset(OWNER.family, 0, 16), s.facts.snp.family[0] ^= 1), 0, OM_WHY_NONE);
	CASE(owner_scene, (memset(OWNER.image, 0, 16), s.facts.snp.image[0] ^= 1), 0, OM_WHY_NONE);
	CASE(owner_scene, (memset(OWNER.author_key, 0, 48), s.facts.snp.author_key[0] ^= 1), 0, OM_WHY_NONE);
	CASE(owner_scene, (memset(OWNER.author_key, 0, 48), s.facts.snp.id_key[0] ^= 1), OM_EPOLICY, OM_WHY_GUEST);
	CASE(owner_scene, (memset(OWNER.id_key, 0, 48), s.facts.snp.id_key[0] ^= 1), 0, OM_WHY_NONE);
	CASE(owner_scene, (memset(OWNER.id_key, 0, 48), s.facts.snp.author_key[0] ^= 1), OM_EPOLICY, OM_WHY_GUEST);
	/* security versions: a number of four bytes */
	CASE(owner_scene, s.facts.snp.guest_svn = 299, OM_EPOLICY, OM_WHY_SNP_GUEST_SVN);
	CASE(owner_scene, s.facts.snp.guest_svn = 44, OM_EPOLICY, OM_WHY_SNP_GUEST_SVN);
	CASE(owner_scene, s.facts.snp.guest_svn = UINT32_MAX, 0, OM_WHY_NONE);
	CASE(owner_scene, (memset(OWNER.svn, 0, 4), s.facts.snp.guest_svn = 0), 0, OM_WHY_NONE);
	CASE(owner_scene, (OWNER.svn[3] = 1, s.facts.snp.guest_svn = 0x1ffffff), 0, OM_WHY_NONE);
	CASE(owner_scene, (OWNER.svn[3] = 2, s.facts.snp.guest_svn = 0x1ffffff), OM_EPOLICY, OM_WHY_SNP_GUEST_SVN);
	/* what holds of every guest */
	CASE(owner_scene, OWNER.flags = 0, OM_EPOLICY, OM_WHY_GUEST_KERNEL);
	CASE(owner_scene, (OWNER.flags = 0, s.p.platforms |= BIT(DEMO)), 0, OM_WHY_NONE);
	CASE(owner_scene, (OWNER.flags = 0, DEBUG_BOTH(s)), 0, OM_WHY_NONE);
	CASE(owner_scene, s.facts.snp.vmpl = 2, OM_EPOLICY, OM_WHY_GUEST_VMPL);
	CASE(owner_scene, s.facts.snp.policy |= 1u << 18, OM_EPOLICY, OM_WHY_GUEST_MIGRATABLE);
	CASE(owner_scene, (s.facts.snp.policy |= 1u << 18, OWNER.flags |= OM_GUEST_MIGRATABLE), 0, OM_WHY_NONE);
	CASE(owner_scene, s.facts.snp.policy |= 1u << 19, OM_EDEBUG, OM_WHY_GUEST_DEBUG);
	CASE(owner_scene, s.facts.snp.bootloader--, OM_EPOLICY, OM_WHY_FLOOR_SNP);
	CASE(owner_scene, s.facts.root_kind = OM_ROOT_DEMO, OM_EPOLICY, OM_WHY_ROOT);
	/* one line that allows it is enough, whichever stands first; a line that names another guest says nothing of this one */
	CASE(owner_scene, (s.p.guests.snp_count = 1, memcpy(s.p.guests.snp[0].measurement, OWNER.measurement, 48)), 0, OM_WHY_NONE);
	CASE(owner_scene, (s.p.guests.snp_count = 1, s.p.guests.snp[0].flags = OM_GUEST_KERNEL, s.p.guests.snp[0].vmpl = 1,
		memcpy(s.p.guests.snp[0].measurement, OWNER.measurement, 48), s.facts.snp.guest_svn = 1), 0, OM_WHY_NONE);
	CASE(owner_scene, (s.p.guests.owner_count = 2, s.p.guests.owner[1] = OWNER, s.p.guests.owner[1].image[0] ^= 0xff, s.facts.snp.image[0] ^= 0xff), 0, OM_WHY_NONE);
	CASE(owner_scene, (s.p.guests.owner_count = 2, s.p.guests.owner[1] = OWNER, memset(OWNER.image, 0, 16), s.facts.snp.guest_svn = 1,
		s.p.guests.owner[1].svn[1] = 0, s.p.guests.owner[1].svn[0] = 1), 0, OM_WHY_NONE);
#undef OWNER
}

static void test_tdx(void **state)
{
	(void)state;
	CASE(tdx_scene, (void)0, 0, OM_WHY_NONE);
	for (unsigned bit = 0; bit < 8; bit++)
		CASE(tdx_scene, s.facts.tdx.attributes |= 1u << bit, OM_EDEBUG, OM_WHY_GUEST_DEBUG);
	CASE(tdx_scene, s.facts.tdx.attributes = 0, OM_EPOLICY, OM_WHY_GUEST_SEPT_VE);
	CASE(tdx_scene, s.facts.tdx.attributes |= 1u << 29, OM_EPOLICY, OM_WHY_GUEST_MIGRATABLE);
	CASE(tdx_scene, (s.facts.tdx.attributes |= 1u << 29, s.p.guests.tdx[0].flags = OM_GUEST_MIGRATABLE), 0, OM_WHY_NONE);
	CASE(tdx_scene, s.facts.tdx.attributes |= 1ull << 63, 0, OM_WHY_NONE);   /* PERFMON */
	CASE(tdx_scene, s.facts.tdx.mrtd[0] ^= 1, OM_EPOLICY, OM_WHY_GUEST);
	for (unsigned i = 0; i < 3; i++)
		CASE(tdx_scene, s.facts.tdx.rtmr[i][47] ^= 1, OM_EPOLICY, OM_WHY_GUEST);
	CASE(tdx_scene, s.facts.tdx.rtmr[3][0] ^= 1, 0, OM_WHY_NONE);
	for (unsigned i = 1; i < 3; i++) {
		CASE(tdx_scene, (memset(s.facts.tdx.rtmr[i], 0, 48), memset(s.p.guests.tdx[0].rtmr[i], 0, 48)), OM_EPOLICY, OM_WHY_GUEST_KERNEL);
		CASE(tdx_scene, (memset(s.facts.tdx.rtmr[i], 0, 48), memset(s.p.guests.tdx[0].rtmr[i], 0, 48), DEBUG_BOTH(s)), 0, OM_WHY_NONE);
	}
	CASE(tdx_scene, (memset(s.facts.tdx.rtmr[0], 0, 48), memset(s.p.guests.tdx[0].rtmr[0], 0, 48)), 0, OM_WHY_NONE);
	CASE(tdx_scene, (s.p.guests.tdx[0].flags = OM_GUEST_RTMR3, memcpy(s.p.guests.tdx[0].rtmr[3], s.facts.tdx.rtmr[3], 48)), 0, OM_WHY_NONE);
	CASE(tdx_scene, (s.p.guests.tdx[0].flags = OM_GUEST_RTMR3, memcpy(s.p.guests.tdx[0].rtmr[3], s.facts.tdx.rtmr[3], 47)), OM_EPOLICY, OM_WHY_GUEST);
	CASE(tdx_scene, s.facts.status = OM_TCB_OUT_OF_DATE, OM_EPOLICY, OM_WHY_TCB_STATUS);
	CASE(tdx_scene, s.p.floors.tdx_date = 1001, OM_EPOLICY, OM_WHY_TCB_DATE);
	CASE(tdx_scene, s.p.floors.evaluation = 18, OM_EPOLICY, OM_WHY_TCB_EVALUATION);
}

/* ---- signed lists ---- */

static struct om_guest_list list_of(unsigned curve)
{
	struct om_guest_list l = { .version = 7, .curve = (uint8_t)curve };
	struct om_policy p = rich();

	l.floors = p.floors;
	l.guests = p.guests;
	return l;
}

static size_t sign_list(const struct om_guest_list *l, uint8_t *buffer, size_t room)
{
	uint8_t hash[48];
	size_t size;

	assert_int_equal(om_guest_list_encode(l, buffer, room, &size, hash), 0);
	assert_true(size + 96 <= room);
	assert_int_equal(l->curve == OM_CURVE_P256 ? om_p256_sign(private256, hash, buffer + size) : om_p384_sign(private384, hash, buffer + size), 0);
	return size + om_key_size(l->curve);
}

static void test_lists(void **state)
{
	const struct om_signer_key both[2] = { key256(), key384() };
	uint8_t bytes[OM_GUEST_LIST_MAX], hash[48], expected[32];
	enum om_attest_reason reason;
	struct om_guest_list l, got;
	size_t size, content;

	(void)state;
	for (unsigned curve = OM_CURVE_P256; curve <= OM_CURVE_P384; curve++) {
		const struct om_signer_key *other = &both[curve == OM_CURVE_P256];

		l = list_of(curve);
		size = sign_list(&l, bytes, sizeof bytes);
		assert_int_equal(om_guest_list_accept((struct om_view) { bytes, size }, both, 2, 0, &got, &reason), 0);
		assert_int_equal(reason, OM_WHY_NONE);
		assert_memory_equal(&got, &l, sizeof l);
		assert_int_equal(om_guest_list_accept((struct om_view) { bytes, size }, both, 2, 7, &got, &reason), 0);
		assert_int_equal(om_guest_list_accept((struct om_view) { bytes, size }, both, 2, 8, &got, &reason), OM_EPOLICY);
		assert_int_equal(reason, OM_WHY_GUEST_LIST_OLD);
		assert_int_equal(om_guest_list_accept((struct om_view) { bytes, size }, other, 1, 0, &got, &reason), OM_EAUTH);
		assert_int_equal(reason, OM_WHY_GUEST_LIST_SIGNATURE);
		assert_int_equal(om_guest_list_accept((struct om_view) { bytes, size }, both, 0, 0, &got, &reason), OM_EAUTH);
		for (size_t cut = 0; cut < size; cut++) {
			assert_true(om_guest_list_accept((struct om_view) { bytes, cut }, both, 2, 0, &got, &reason) < 0);
			assert_int_equal(reason, OM_WHY_GUEST_LIST_FORMAT);
		}
		assert_int_equal(om_guest_list_accept((struct om_view) { bytes, size + 1 }, both, 2, 0, &got, &reason), OM_ETRAILING);
		for (size_t i = 0; i < size; i += 1 + (i > 64) * (unit_random() % 23)) {   /* every byte of the header, and others */
			bytes[i] ^= (uint8_t)(1u << unit_random() % 8);
			assert_true(om_guest_list_accept((struct om_view) { bytes, size }, both, 2, 0, &got, &reason) < 0);
			sign_list(&l, bytes, sizeof bytes);
		}
	}
	/* what is signed has a label of its own */
	l = list_of(OM_CURVE_P256);
	assert_int_equal(om_guest_list_encode(&l, bytes, sizeof bytes, &content, hash), 0);
	memmove(bytes + 19, bytes, content);
	memcpy(bytes, "optmig guest list 1", 19);
	om_sha256(bytes, content + 19, expected);
	assert_memory_equal(hash, expected, 32);
	/* signed and yet wrong */
	l.guests.snp[0].vmpl = 4;
	assert_int_equal(om_guest_list_encode(&l, bytes, sizeof bytes, &content, hash), OM_EINVAL);
	l = list_of(3);
	assert_int_equal(om_guest_list_encode(&l, bytes, sizeof bytes, &content, hash), OM_EINVAL);
}

static void set_list(struct scene *s, struct om_guest_list *list, const char *text)
{
	struct om_policy q;
	struct om_policy_error error;

	memset(list, 0, sizeof *list);
	assert_int_equal(from_text(text, &q, &error), 0);
	list->floors = q.floors;
	list->guests = q.guests;
	s->list = list;
	s->p.guest_signer[s->p.guest_signer_count++] = key256();
}

/* The list adds guests to those of the policy, and floors to its floors. */
static void test_list_in_force(void **state)
{
	static const char m2[] = "platform = snp\nguest = snp:" M2 ",kernel\n" FLOOR, owned[] = "platform = snp\nguest = snp:id-key=" M2 ",svn=7,vmpl=1,kernel\n" FLOOR;
	struct om_guest_list list;

	(void)state;
	CASE(snp_scene, (s.p.guest_signer[s.p.guest_signer_count++] = key256(), s.facts.snp.measurement[0] ^= 1), OM_EPOLICY, OM_WHY_GUEST_LIST_NONE);
	CASE(snp_scene, (s.p.guest_signer[s.p.guest_signer_count++] = key256()), 0, OM_WHY_NONE);
	CASE(snp_scene, set_list(&s, &list, m2), 0, OM_WHY_NONE);
	CASE(snp_scene, (set_list(&s, &list, m2), memcpy(s.facts.snp.measurement, list.guests.snp[0].measurement, 48), s.facts.snp.vmpl = 0), 0, OM_WHY_NONE);
	CASE(snp_scene, (set_list(&s, &list, m2), list.guests.snp[0].flags = 0, memcpy(s.facts.snp.measurement, list.guests.snp[0].measurement, 48), s.facts.snp.vmpl = 0),
		OM_EPOLICY, OM_WHY_GUEST_KERNEL);
	CASE(snp_scene, (set_list(&s, &list, m2), memcpy(s.facts.snp.measurement, list.guests.snp[0].measurement, 48)), OM_EPOLICY, OM_WHY_GUEST_VMPL);
	CASE(snp_scene, (set_list(&s, &list, m2), s.facts.snp.measurement[9] ^= 1), OM_EPOLICY, OM_WHY_GUEST);
	/* by owners, too; a newer list demands a newer guest */
	CASE(owner_scene, (set_list(&s, &list, owned), s.facts.snp.measurement[0] ^= 1), 0, OM_WHY_NONE);
	CASE(owner_scene, (set_list(&s, &list, owned), s.facts.snp.measurement[0] ^= 1, s.facts.snp.guest_svn = 6), OM_EPOLICY, OM_WHY_SNP_GUEST_SVN);
	CASE(owner_scene, (set_list(&s, &list, owned), s.facts.snp.measurement[0] ^= 1, s.facts.snp.id_key[0] ^= 1), OM_EPOLICY, OM_WHY_GUEST);
	/* a list without the policy's word for it counts for nothing */
	CASE(snp_scene, (set_list(&s, &list, m2), s.p.guest_signer_count = 0, memcpy(s.facts.snp.measurement, list.guests.snp[0].measurement, 48)),
		OM_EPOLICY, OM_WHY_GUEST);
	CASE(snp_scene, (set_list(&s, &list, m2), list.floors.snp[0].snp = 24), OM_EPOLICY, OM_WHY_FLOOR_SNP);
	CASE(snp_scene, (set_list(&s, &list, m2), list.floors.snp_count = 0), 0, OM_WHY_NONE);
	CASE(snp_scene, (set_list(&s, &list, m2), s.p.floors.snp_count = 0), 0, OM_WHY_NONE);
	CASE(snp_scene, (set_list(&s, &list, m2), s.p.floors.snp_count = 0, s.facts.snp.snp = 1), OM_EPOLICY, OM_WHY_FLOOR_SNP);
	CASE(snp_scene, (set_list(&s, &list, m2), s.p.floors.snp[0].product = OM_AMD_MILAN, s.facts.snp.product = OM_AMD_TURIN), OM_EPOLICY, OM_WHY_FLOOR_PRODUCT);
	CASE(snp_scene, (set_list(&s, &list, m2), s.p.floors.snp_count = 0, list.floors.snp_count = 0), OM_EPOLICY, OM_WHY_FLOOR_PRODUCT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_version_1),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_printed),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_defaults),
		cmocka_unit_test(test_text_errors),
		cmocka_unit_test(test_alike), cmocka_unit_test(test_outside),
		cmocka_unit_test(test_platforms),
		cmocka_unit_test(test_snp),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_tdx),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_list_in_force),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
