/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EREPORT and EGETKEY. Every key is AES-CMAC, under a key of the platform, over a structure of what the key shall
 * depend on (SDM 3D 38.4, "key dependencies"). The platform's key comes from a seed. The seed is a fixed one for development, or the file `seed` of
 * a platform directory, made at first use. In a confidential guest it is the guest's identity, and nothing is fixed (evidence/guest/identity.c).
 * Only the order of fields in the structure is our own, as each CPU's is Intel's own.
 *
 * Context: signal handler of a thread that was executing enclave code, so libraries may be called. MACs and digests are our own all the same:
 * libcrypto would load its providers, which is a tenth of what it costs to start an empty program.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "crypto/cmac.h"
#include "crypto/sha256.h"
#include "soft.h"

struct key_dependencies {
	uint16_t keyname, keypolicy, isvprodid, isvsvn, configsvn, pad[3];
	uint8_t  owner_epoch[16], cpusvn[16], keyid[32];
	struct sgx_attributes attributes, attributemask;
	uint8_t  mrenclave[32], mrsigner[32], configid[64];
	uint32_t miscselect, miscmask;
};
static_assert(sizeof(struct key_dependencies) % 8 == 0, "no padding");

/* A secret of the platform for one purpose. */
static void platform_secret(const struct emu_platform *p, const char *label, uint8_t *to, size_t size)
{
	uint8_t input[32 + 32] = { 0 }, digest[OM_SHA256_SIZE];

	memcpy(input, p->common.identity, 32);
	snprintf((char *)input + 32, 32, "%s", label);
	om_sha256(input, sizeof input, digest);
	memcpy(to, digest, size);
	OPENSSL_cleanse(input, sizeof input);
	OPENSSL_cleanse(digest, sizeof digest);
}

static void derive(const struct emu_platform *p, const struct key_dependencies *d, uint8_t ret_key[16])
{
	uint8_t root[16];

	platform_secret(p, "key derivation", root, sizeof root);
	om_cmac(root, d, sizeof *d, ret_key);
	OPENSSL_cleanse(root, sizeof root);
}

static int read_seed(const char *directory, uint8_t seed[32])
{
	char path[4096];
	int fd, n = snprintf(path, sizeof path, "%s/seed", directory);
	ssize_t got;

	if (n < 0 || (size_t)n >= sizeof path)
		return tee_fail(OM_EINVAL, "platform directory name too long");
	(void)mkdir(directory, 0700);   /* open() tells what is wrong */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return tee_fail(OM_EIO, "%s: %s", path, strerror(errno));
	got = read(fd, seed, 32);
	if (got == 0 && RAND_bytes(seed, 32) == 1)
		got = write(fd, seed, 32);
	close(fd);
	return got == 32 ? 0 : tee_fail(OM_EIO, "%s: not a platform seed", path);
}

int emu_keys_load(struct emu_platform *platform, const char *directory)
{
	memset(platform->cpusvn, 1, sizeof platform->cpusvn);
	if (directory)
		return read_seed(directory, platform->common.identity);
	memset(platform->common.identity, 0, sizeof platform->common.identity);
	memcpy(platform->common.identity, "OptMig development platform", 27);
	return 0;
}

static struct emu_leaf_result fault(enum emu_leaf_fault kind, uint64_t address)
{
	return (struct emu_leaf_result){ .fault = kind, .address = address & ~(uint64_t)(SGX_PAGE_SIZE - 1),
		.error_code = SGX_PFEC_SGX | SGX_PFEC_U | SGX_PFEC_P };
}

/* An operand: aligned, inside, its page accessible. Return: false with *ret_fault set. */
static bool operand_ok(struct emu_enclave *e, uint64_t address, uint64_t alignment, uint16_t need,
	struct emu_leaf_result *ret_fault)
{
	*ret_fault = fault(EMU_LEAF_GP, 0);
	if ((address & (alignment - 1)) || !emu_contains(e, address))
		return false;
	*ret_fault = fault(EMU_LEAF_PF, address);
	return emu_entry_allows(atomic_load_explicit(&e->epcm[emu_page_of(e, address)], memory_order_acquire), need);
}

/* Fills report->mac as for this target, from body and keyid. */
static void report_mac(const struct emu_platform *p, const struct sgx_targetinfo *target, struct sgx_report *report)
{
	struct key_dependencies d = { .keyname = SGX_KEY_REPORT, .configsvn = target->configsvn,
		.attributes = target->attributes, .miscselect = target->miscselect };
	uint8_t key[16];

	memcpy(d.mrenclave, target->measurement, 32);
	memcpy(d.configid, target->configid, 64);
	memcpy(d.cpusvn, p->cpusvn, 16);
	memcpy(d.keyid, report->keyid, 32);
	derive(p, &d, key);
	om_cmac(key, &report->body, sizeof report->body, report->mac);
	OPENSSL_cleanse(key, sizeof key);
}

bool emu_report_ok(struct tee_platform *platform, const struct sgx_targetinfo *target, const struct sgx_report *report)
{
	struct sgx_report expected = *report;

	report_mac((const struct emu_platform *)platform, target, &expected);
	return CRYPTO_memcmp(expected.mac, report->mac, sizeof expected.mac) == 0;
}

static void report_body(const struct emu_enclave *e, const uint8_t reportdata[64], struct sgx_report_body *b)
{
	const struct sgx_secs *s = &e->secs;

	memset(b, 0, sizeof *b);
	memcpy(b->cpusvn, e->platform->cpusvn, 16);
	b->miscselect = s->miscselect;
	b->attributes = s->attributes;
	memcpy(b->mrenclave, s->mrenclave, 32);
	memcpy(b->mrsigner, s->mrsigner, 32);
	memcpy(b->configid, s->configid, 64);
	b->isvprodid = s->isvprodid;
	b->isvsvn = s->isvsvn;
	b->configsvn = s->configsvn;
	memcpy(b->reportdata, reportdata, 64);
}

struct emu_leaf_result emu_ereport(struct emu_enclave *e, uint64_t rbx, uint64_t rcx, uint64_t rdx)
{
	struct emu_leaf_result f;
	struct sgx_targetinfo target;
	struct sgx_report report;

	if (!operand_ok(e, rbx, SGX_TARGETINFO_ALIGN, E_R, &f) || !operand_ok(e, rcx, SGX_REPORTDATA_ALIGN, E_R, &f) ||
	    !operand_ok(e, rdx, SGX_REPORT_ALIGN, E_R | E_W, &f))
		return f;
	memcpy(&target, (const void *)rbx, sizeof target);
	for (size_t i = 0; i < sizeof target.reserved3; i++)
		if (target.reserved3[i])
			return fault(EMU_LEAF_GP, 0);
	report_body(e, (const uint8_t *)rcx, &report.body);
	platform_secret(e->platform, "report key id", report.keyid, sizeof report.keyid);
	report_mac(e->platform, &target, &report);
	memcpy((void *)rdx, &report, sizeof report);
	EMU_CHARGE(e, report);
	return (struct emu_leaf_result){ .fault = EMU_LEAF_OK };
}

static bool svn_allowed(const uint8_t requested[16], const uint8_t current[16])
{
	for (int i = 0; i < 16; i++)
		if (requested[i] > current[i])
			return false;
	return true;
}

/* Fills the dependencies that a request of this enclave leads to. Return: 0 or the code for RAX. */
static uint32_t dependencies_of(const struct emu_enclave *e, const struct sgx_keyrequest *k, struct key_dependencies *d)
{
	const struct sgx_secs *s = &e->secs;
	const uint64_t always = SGX_ATTR_INIT | SGX_ATTR_DEBUG;

	*d = (struct key_dependencies){ .keyname = k->keyname };
	memcpy(d->keyid, k->keyid, 32);
	switch (k->keyname) {
	case SGX_KEY_REPORT:
		d->attributes = s->attributes;
		d->configsvn = s->configsvn;
		d->miscselect = s->miscselect;
		memcpy(d->mrenclave, s->mrenclave, 32);
		memcpy(d->configid, s->configid, 64);
		memcpy(d->cpusvn, e->platform->cpusvn, 16);
		return 0;
	case SGX_KEY_SEAL:
		if (!svn_allowed(k->cpusvn, e->platform->cpusvn))
			return SGX_INVALID_CPUSVN;
		if (k->isvsvn > s->isvsvn)
			return SGX_INVALID_ISVSVN;
		d->keypolicy = k->keypolicy;
		d->isvprodid = s->isvprodid;
		d->isvsvn = k->isvsvn;
		d->attributemask = (struct sgx_attributes){ k->attributemask.flags | always, k->attributemask.xfrm };
		d->attributes = (struct sgx_attributes){ s->attributes.flags & d->attributemask.flags,
			s->attributes.xfrm & d->attributemask.xfrm };
		d->miscmask = k->miscmask;
		d->miscselect = s->miscselect & k->miscmask;
		memcpy(d->cpusvn, k->cpusvn, 16);
		if (k->keypolicy & SGX_KEYPOLICY_MRENCLAVE)
			memcpy(d->mrenclave, s->mrenclave, 32);
		if (k->keypolicy & SGX_KEYPOLICY_MRSIGNER)
			memcpy(d->mrsigner, s->mrsigner, 32);
		return 0;
	case SGX_KEY_PROVISION:
	case SGX_KEY_PROVISION_SEAL:
	case SGX_KEY_EINITTOKEN:
		return SGX_INVALID_ATTRIBUTE;   /* for Intel's own enclaves */
	default:
		return SGX_INVALID_KEYNAME;
	}
}

struct emu_leaf_result emu_egetkey(struct emu_enclave *e, uint64_t rbx, uint64_t rcx)
{
	struct emu_leaf_result f;
	struct sgx_keyrequest request;
	struct key_dependencies d;
	uint8_t key[16];
	uint32_t code;

	if (!operand_ok(e, rbx, SGX_KEYREQUEST_ALIGN, E_R, &f) || !operand_ok(e, rcx, SGX_KEY_ALIGN, E_R | E_W, &f))
		return f;
	memcpy(&request, (const void *)rbx, sizeof request);
	for (size_t i = 0; i < sizeof request.reserved2; i++)
		if (request.reserved2[i])
			return fault(EMU_LEAF_GP, 0);
	/* The policies beyond these need KSS, which the emulator's enclaves do not use. */
	if (request.reserved1 || (request.keypolicy & ~(SGX_KEYPOLICY_MRENCLAVE | SGX_KEYPOLICY_MRSIGNER)))
		return fault(EMU_LEAF_GP, 0);
	code = dependencies_of(e, &request, &d);
	if (code == 0) {
		derive(e->platform, &d, key);
		memcpy((void *)rcx, key, sizeof key);
	}
	OPENSSL_cleanse(key, sizeof key);
	EMU_CHARGE(e, getkey);
	return (struct emu_leaf_result){ .fault = EMU_LEAF_OK, .code = code };
}
