/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libsgx_dcap_ql.so.1 of a test: the functions of Intel's quoting library that tee/evidence/dcap.c calls, over the demonstration's builder of quotes
 * with another root.
 */
#include <stdint.h>
#include "evidence/authentic/verify.h"
#include "hw_quotes.h"

#define EXPORT __attribute__((visibility("default")))
#define FAILED 0xe001u   /* SGX_QL_ERROR_UNEXPECTED */

EXPORT uint32_t sgx_qe_get_target_info(struct sgx_targetinfo *ret);
EXPORT uint32_t sgx_qe_get_quote_size(uint32_t *ret_size);
EXPORT uint32_t sgx_qe_get_quote(const struct sgx_report *report, uint32_t size, uint8_t *quote);
/* Not Intel's: for the tests, which put it into policies. */
EXPORT void hw_quotes_root(uint8_t ret_root[OM_ROOT_HASH_SIZE]);

EXPORT uint32_t sgx_qe_get_target_info(struct sgx_targetinfo *ret)
{
	struct om_platform p;

	hw_quotes_platform(&p);
	om_platform_target(&p, ret);
	return 0;
}

static int make(const struct sgx_report_body *body, uint8_t *quote, size_t room, size_t *ret_size)
{
	struct om_platform p;

	hw_quotes_platform(&p);
	return om_platform_quote(&p, body, quote, room, ret_size);
}

/* A quote's size does not depend on what it says. */
EXPORT uint32_t sgx_qe_get_quote_size(uint32_t *ret_size)
{
	static const struct sgx_report_body nothing;
	uint8_t quote[OM_QUOTE_MAX];
	size_t size;

	if (make(&nothing, quote, sizeof quote, &size))
		return FAILED;
	*ret_size = (uint32_t)size;
	return 0;
}

EXPORT uint32_t sgx_qe_get_quote(const struct sgx_report *report, uint32_t size, uint8_t *quote)
{
	size_t got;

	return make(&report->body, quote, size, &got) || got != size ? FAILED : 0;
}

EXPORT void hw_quotes_root(uint8_t ret_root[OM_ROOT_HASH_SIZE])
{
	struct om_platform p;

	hw_quotes_platform(&p);
	om_platform_root(&p, ret_root);
}
