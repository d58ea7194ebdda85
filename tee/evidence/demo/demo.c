/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence that proves nothing, in real formats: a quoting enclave as the software CPU might have one. It quotes what an enclave of
 * this platform reported to it, and nothing else: the CPU checks the report's MAC first. Its certificates lead to a root whose key
 * is public, so that such quotes are worth nothing outside of development (quote_build.h).
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include "evidence/demo/quote_build.h"
#include "../../tables.h"

/* Keys are made anew for each call: quotes are rare, and nothing is kept that need be wiped later. */
static struct om_platform *quoting_platform(const struct tee_platform *platform)
{
	struct om_platform *p = malloc(sizeof *p);

	if (p)
		om_platform_init(p, platform->identity, NULL);
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

const struct tee_evidence tee_demo = {
	.type = OM_EVIDENCE_DEMO, .target = demo_target, .evidence = demo_evidence, .collateral = demo_collateral,
};
