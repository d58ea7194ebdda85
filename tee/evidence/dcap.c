/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes of real platforms, by Intel's DCAP quoting library. It is looked up at run time: it is in no Debian, and a
 * machine that only runs enclaves does not need it.
 */
#include <dlfcn.h>
#include <pthread.h>
#include "../tables.h"

static struct {
	uint32_t (*get_target_info)(struct sgx_targetinfo *);
	uint32_t (*get_quote_size)(uint32_t *);
	uint32_t (*get_quote)(const struct sgx_report *, uint32_t, uint8_t *);
} dcap;

static void load(void)
{
	void *library = dlopen("libsgx_dcap_ql.so.1", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return;
	*(void **)&dcap.get_target_info = dlsym(library, "sgx_qe_get_target_info");
	*(void **)&dcap.get_quote_size = dlsym(library, "sgx_qe_get_quote_size");
	*(void **)&dcap.get_quote = dlsym(library, "sgx_qe_get_quote");
}

static int need_library(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, load);
	if (!dcap.get_target_info || !dcap.get_quote_size || !dcap.get_quote)
		return tee_fail(OM_EUNSUPPORTED, "no quotes without Intel's libsgx_dcap_ql.so.1: install libsgx-dcap-ql");
	return 0;
}

static int dcap_target(struct tee_platform *platform, struct sgx_targetinfo *ret_target)
{
	uint32_t code;
	int r = need_library();

	(void)platform;
	if (r < 0)
		return r;
	code = dcap.get_target_info(ret_target);
	return code == 0 ? 0 : tee_fail(OM_EQUOTE, "sgx_qe_get_target_info: 0x%x", code);
}

static int dcap_evidence(struct tee_platform *platform, const struct sgx_report *report, uint8_t *quote, size_t quote_size,
	size_t *ret_size)
{
	uint32_t need, code;
	int r = need_library();

	(void)platform;
	if (r < 0)
		return r;
	if ((code = dcap.get_quote_size(&need)) != 0)
		return tee_fail(OM_EQUOTE, "sgx_qe_get_quote_size: 0x%x", code);
	*ret_size = need;
	if (need > quote_size)
		return tee_fail(OM_ENOMEM, "a quote takes %u bytes", need);
	if ((code = dcap.get_quote(report, need, quote)) != 0)
		return tee_fail(OM_EQUOTE, "sgx_qe_get_quote: 0x%x", code);
	return 0;
}

/* What Intel publishes is fetched, kept and found elsewhere. */
static int dcap_collateral(struct tee_platform *platform, const uint8_t *quote, size_t quote_size, int64_t now, uint8_t *buffer,
	size_t buffer_size, size_t *ret_size)
{
	(void)platform, (void)quote, (void)quote_size, (void)now, (void)buffer, (void)buffer_size, (void)ret_size;
	return tee_fail(OM_EUNSUPPORTED, "Intel's collateral is not the platform's own to make");
}

const struct tee_evidence tee_dcap = {
	.type = OM_EVIDENCE_SGX, .target = dcap_target, .evidence = dcap_evidence, .collateral = dcap_collateral,
};
