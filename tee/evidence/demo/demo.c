/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence that proves nothing, in real formats: a quoting enclave as the software CPU might have one. It quotes what an enclave of
 * this platform reported to it, and nothing else: the CPU checks the report's MAC first. Its certificates lead to a root whose key
 * is public, so that such quotes are worth nothing outside of development (quote_build.h).
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "crypto/sha256.h"
#include "evidence/demo/quote_build.h"
#include "../../tables.h"

/*
 * The software CPU is the same on every machine, so that any two can be told from each other only by what this adds: the machine's id,
 * hashed, or a name that somebody gave it, to have several on one machine. Whoever makes demo evidence says which machine it is.
 */
static void instance_id(uint8_t ret[16])
{
	static const char label[] = "optmig demo platform";
	const char *name = getenv("OPTMIG_DEMO_PLATFORM");
	uint8_t hash[OM_SHA256_SIZE];
	char words[256] = "";
	struct om_sha256 s;

	if (!name || !*name) {
		FILE *f = fopen("/etc/machine-id", "re");

		if (!f || fread(words, 1, 32, f) != 32)
			(void)gethostname(words, sizeof words - 1);   /* the next best; no name is one, too */
		if (f)
			fclose(f);
		name = words;
	}
	om_sha256_init(&s, 0);
	om_sha256_update(&s, label, sizeof label);
	om_sha256_update(&s, name, strlen(name));
	om_sha256_result(&s, hash);
	memcpy(ret, hash, 16);
}

/* Keys are made anew for each call: quotes are rare, and nothing is kept that need be wiped later. */
static struct om_platform *quoting_platform(const struct tee_platform *platform)
{
	struct om_platform *p = malloc(sizeof *p);

	if (!p)
		return NULL;
	om_platform_init(p, platform->identity, NULL);
	instance_id(p->instance);
	return p;
}

static void done(struct om_platform *p)
{
	OPENSSL_cleanse(p, sizeof *p);
	free(p);
}

static int demo_target(struct tee_platform *platform, struct sgx_targetinfo *ret_target)
{
	struct om_platform *p = quoting_platform(platform);

	if (!p)
		return tee_fail(OM_ENOMEM, "no memory");
	om_platform_target(p, ret_target);
	done(p);
	return 0;
}

static int demo_evidence(struct tee_platform *platform, const struct sgx_report *report, uint8_t *quote, size_t quote_size,
	size_t *ret_size)
{
	struct sgx_targetinfo target;
	struct om_platform *p;
	int r = demo_target(platform, &target);

	if (r < 0)
		return r;
	if (!platform->cpu->report_ok(platform, &target, report))
		return tee_fail(OM_EAUTH, "the report is not from this platform, or not made for its quoting enclave");
	if (!(p = quoting_platform(platform)))
		return tee_fail(OM_ENOMEM, "no memory");
	r = om_platform_quote(p, &report->body, quote, quote_size, ret_size);
	if (r == OM_EOVERFLOW) {
		*ret_size = OM_QUOTE_MAX;
		r = tee_fail(OM_ENOMEM, "a quote takes up to %d bytes", OM_QUOTE_MAX);
	}
	done(p);
	return r;
}

static int demo_collateral(struct tee_platform *platform, const uint8_t *quote, size_t quote_size, int64_t now, uint8_t *buffer,
	size_t buffer_size, size_t *ret_size)
{
	struct om_platform *p = quoting_platform(platform);
	int r;

	(void)quote;   /* all emulated platforms share one TCB */
	(void)quote_size;
	if (!p)
		return tee_fail(OM_ENOMEM, "no memory");
	r = om_platform_collateral(p, now, buffer, buffer_size, ret_size);
	if (r == OM_EOVERFLOW) {
		*ret_size = OM_COLLATERAL_MAX;
		r = tee_fail(OM_ENOMEM, "collateral takes up to %d bytes", OM_COLLATERAL_MAX);
	}
	done(p);
	return r;
}

static int demo_id(struct tee_platform *platform, uint8_t ret_id[TEE_ID_SIZE])
{
	(void)platform;
	memset(ret_id, 0, TEE_ID_SIZE);
	instance_id(ret_id);
	return 0;
}

const struct tee_evidence tee_demo = {
	.type = OM_EVIDENCE_DEMO, .target = demo_target, .evidence = demo_evidence, .collateral = demo_collateral, .id = demo_id,
};
