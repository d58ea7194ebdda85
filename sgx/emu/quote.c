/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated platform's quoting enclave. It quotes what an enclave of this platform reported to it, and nothing
 * else: the report's MAC is checked first. Its certificates lead to a root whose key is public, so that such quotes
 * are worth nothing outside of development (core/attest/quote_build.h).
 */
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>
#include "attest/quote_build.h"
#include "emu.h"

/* Keys are made anew for each call: quotes are rare, and nothing is kept that need be wiped later. */
static struct om_platform *quoting_platform(const struct sgx_platform *platform)
{
	struct om_platform *p = malloc(sizeof *p);

	if (p)
		om_platform_init(p, ((const struct emu_platform *)platform)->seed, NULL);
	return p;
}

static void done(struct om_platform *p)
{
	OPENSSL_cleanse(p, sizeof *p);
	free(p);
}

int emu_quote_target(struct sgx_platform *platform, struct sgx_targetinfo *ret_target)
{
	struct om_platform *p = quoting_platform(platform);

	if (!p)
		return sgx_fail(OM_ENOMEM, "no memory");
	om_platform_target(p, ret_target);
	done(p);
	return 0;
}

int emu_quote(struct sgx_platform *platform, const struct sgx_report *report, uint8_t *quote, size_t quote_size,
	size_t *ret_size)
{
	struct sgx_report expected = *report;
	struct sgx_targetinfo target;
	struct om_platform *p;
	int r = emu_quote_target(platform, &target);

	if (r < 0)
		return r;
	if (!emu_report_mac((const struct emu_platform *)platform, &target, &expected) ||
	    CRYPTO_memcmp(expected.mac, report->mac, sizeof expected.mac) != 0)
		return sgx_fail(OM_EAUTH, "the report is not from this platform, or not made for its quoting enclave");
	if (!(p = quoting_platform(platform)))
		return sgx_fail(OM_ENOMEM, "no memory");
	r = om_platform_quote(p, &report->body, quote, quote_size, ret_size);
	if (r == OM_EOVERFLOW) {
		*ret_size = OM_QUOTE_MAX;
		r = sgx_fail(OM_ENOMEM, "a quote takes up to %d bytes", OM_QUOTE_MAX);
	}
	done(p);
	return r;
}

int emu_collateral(struct sgx_platform *platform, const uint8_t *quote, size_t quote_size, int64_t now, uint8_t *buffer,
	size_t buffer_size, size_t *ret_size)
{
	struct om_platform *p = quoting_platform(platform);
	int r;

	(void)quote;   /* all emulated platforms share one TCB */
	(void)quote_size;
	if (!p)
		return sgx_fail(OM_ENOMEM, "no memory");
	r = om_platform_collateral(p, now, buffer, buffer_size, ret_size);
	if (r == OM_EOVERFLOW) {
		*ret_size = OM_COLLATERAL_MAX;
		r = sgx_fail(OM_ENOMEM, "collateral takes up to %d bytes", OM_COLLATERAL_MAX);
	}
	done(p);
	return r;
}
