/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses, and what their answers mean.
 *
 *   Intel   BASE/pckcrl?ca=CA&encoding=der          header SGX-PCK-CRL-Issuer-Chain
 *           BASE/tcb?fmspc=FMSPC[&update=early]     header TCB-Info-Issuer-Chain, of version 3 and some caches SGX-TCB-Info-Issuer-Chain
 *           BASE/qe/identity[?update=early]         header SGX-Enclave-Identity-Issuer-Chain
 *           the root's list: at Intel's own address, of a cache at BASE/rootcacrl (hexadecimal digits)
 *           BASE is .../sgx/certification/vN/, for TCB and QE of trust domains .../tdx/certification/vN/
 *   AMD     KDS/vcek/v1/PRODUCT/HWID?[fmcSPL=N&]blSPL=N&teeSPL=N&snpSPL=N&ucodeSPL=N
 *           KDS/{vcek|vlek}/v1/PRODUCT/{cert_chain|crl}
 *
 * An answer without its issuers' chain is of no use, however good it looks.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "collateral/fetch.h"
#include "evidence/parse/collateral_text.h"
#include "util.h"

#define TIMEOUT_S 60u
#define RETRIES   5u
#define DELAY_S   5u

int collateral_services_init(struct collateral_services *ret)
{
	struct collateral_services s = { .intel = COLLATERAL_PCS, .kds = COLLATERAL_KDS, .timeout_s = TIMEOUT_S, .retries = RETRIES, .delay_s = DELAY_S };
	const char *given = getenv("QCNL_CONF_PATH");
	int error = qcnl_read(given && *given ? given : COLLATERAL_QCNL, &s);

	if (error && (error != OM_ENOTFOUND || (given && *given)))
		return error;
	*ret = s;
	return 0;
}

/* The makers' words for what went wrong. */
static int status(long code, const char *url)
{
	switch (code) {
	case 401: case 403: return host_fail(OM_EPERM, "%s: the service refuses (status %ld): it wants a key, or to be asked by others", url, code);
	case 404: return host_fail(OM_ENOTFOUND, "%s: the service has nothing about this platform (status 404)", url);
	case 429: return host_fail(OM_ECONNECTION, "%s: the service says that it is asked too often (status 429); try again later, or import from a machine that has it", url);
	case 461: return host_fail(OM_ENOTFOUND, "%s: the cache does not know this platform (status 461): register it there", url);
	case 462: return host_fail(OM_ENOTFOUND, "%s: there is no certificate for this platform's TCB (status 462): update its firmware", url);
	case 502: return host_fail(OM_ECONNECTION, "%s: the cache cannot reach Intel's service (status 502)", url);
	default:  return host_fail(OM_EHOST, "%s: status %ld", url, code);
	}
}

/* One part. @chains: names of the header with its issuers, the first that is there counts; NULL: it needs none. */
static int get(const struct collateral_services *s, const char *url, const char *const *chains, int64_t now, struct collateral_part *part)
{
	struct http_answer a = { 0 };
	char *chain = NULL;
	int error = http_get(s, url, &a);

	if (error)
		return error;
	if (a.status != 200)
		error = status(a.status, url);
	else if (!a.size)
		error = host_fail(OM_EHOST, "%s: the answer is empty", url);
	for (unsigned i = 0; !error && chains && chains[i] && !chain; i++)
		chain = http_header(&a, chains[i]);
	if (!error && chains && !chain)
		error = host_fail(OM_EHOST, "%s: the answer has no header %s, so nobody can tell who signed it", url, chains[0]);
	if (!error)
		error = collateral_part_set(part, url, chain, a.body, a.size, now);
	free(chain);
	http_answer_done(&a);
	return error;
}

/* ---- Intel -------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3)))
static int url_of(char ret[COLLATERAL_URL_MAX], const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(ret, COLLATERAL_URL_MAX, format, list);
	va_end(list);
	return length < 0 || (unsigned)length >= COLLATERAL_URL_MAX ? host_fail(OM_EINVAL, "an address of a service is too long") : 0;
}

/* The same service's folder for trust domains. */
static int base_of(const struct collateral_services *s, enum om_evidence_type type, char ret[COLLATERAL_URL_MAX])
{
	const char *sgx = strstr(s->intel, "/sgx/certification/");

	if (type == OM_EVIDENCE_SGX)
		return url_of(ret, "%s", s->intel);
	if (!sgx)
		return host_fail(OM_EINVAL, "%s: no .../sgx/certification/vN/ in it, so where trust domains are asked for is not known", s->intel);
	return url_of(ret, "%.*s/tdx/%s", (int)(sgx - s->intel), s->intel, sgx + strlen("/sgx/"));
}

static int root_list_url(const struct collateral_services *s, char ret[COLLATERAL_URL_MAX])
{
	if (*s->root_list)
		return url_of(ret, "%s", s->root_list);
	if (strstr(s->intel, ".trustedservices.intel.com/"))
		return url_of(ret, COLLATERAL_ROOT_LIST);
	return url_of(ret, "%srootcacrl", s->intel);
}

static int fetch_intel(const struct collateral_services *s, int64_t now, struct collateral_bundle *b)
{
	static const char *const crl_chain[] = { "SGX-PCK-CRL-Issuer-Chain", NULL };
	static const char *const tcb_chain[] = { "TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain", NULL };
	static const char *const qe_chain[] = { "SGX-Enclave-Identity-Issuer-Chain", NULL };
	const struct collateral_subject *subject = &b->subject;
	char url[COLLATERAL_URL_MAX], base[COLLATERAL_URL_MAX], fmspc[13];
	int error = base_of(s, subject->type, base);

	for (unsigned i = 0; i < sizeof subject->fmspc; i++)
		snprintf(fmspc + 2 * i, 3, "%02x", subject->fmspc[i]);
	if (!error)
		error = root_list_url(s, url);
	if (!error)
		error = get(s, url, NULL, now, &b->part[COLLATERAL_ROOT_CRL]);
	if (!error)
		error = url_of(url, "%spckcrl?ca=%s&encoding=der", s->intel, subject->processor ? "processor" : "platform");
	if (!error)
		error = get(s, url, crl_chain, now, &b->part[COLLATERAL_PCK_CRL]);
	if (!error)
		error = url_of(url, "%stcb?fmspc=%s%s", base, fmspc, subject->early ? "&update=early" : "");
	if (!error)
		error = get(s, url, tcb_chain, now, &b->part[COLLATERAL_TCB_INFO]);
	if (!error)
		error = url_of(url, "%sqe/identity%s", base, subject->early ? "?update=early" : "");
	return error ? error : get(s, url, qe_chain, now, &b->part[COLLATERAL_QE_IDENTITY]);
}

/* ---- AMD ---------------------------------------------------------------------------------------------------- */

static int key_url(const struct collateral_services *s, const struct collateral_subject *subject, char ret[COLLATERAL_URL_MAX])
{
	const bool turin = subject->product == OM_SNP_TURIN;
	char hwid[2 * OM_SNP_HWID_MAX + 1], fmc[16] = "";
	struct om_snp_tcb tcb;

	if (om_snp_tcb_decode(subject->tcb, subject->product, &tcb))
		return host_fail(OM_EINVAL, "the report's TCB is none of this processor's");
	for (unsigned i = 0; i < (turin ? OM_SNP_HWID_TURIN : OM_SNP_HWID_MAX); i++)
		snprintf(hwid + 2 * i, 3, "%02x", subject->hwid[i]);
	if (turin)
		snprintf(fmc, sizeof fmc, "fmcSPL=%u&", tcb.fmc);
	return url_of(ret, "%s/vcek/v1/%s/%s?%sblSPL=%u&teeSPL=%u&snpSPL=%u&ucodeSPL=%u", s->kds, om_snp_product_words(subject->product), hwid, fmc,
		tcb.boot_loader, tcb.tee, tcb.snp, tcb.microcode);
}

static bool list_is_fresh(const struct collateral_part *part, int64_t now)
{
	uint8_t buffer[OM_COLLATERAL_MAX];
	struct om_view der;
	struct om_crl list;

	return part->data && !om_collateral_crl((struct om_view) { part->data, part->size }, buffer, sizeof buffer, &der) &&
		!om_crl_parse_amd(der, &list) && now >= list.this_update && now <= list.next_update;
}

/* The certificate of a chip's key at a TCB never changes, nor do those above it; the service throttles, so it is asked once. */
static int fetch_amd(const struct collateral_services *s, int64_t now, struct collateral_bundle *b)
{
	const struct collateral_subject *subject = &b->subject;
	const char *kind = subject->key == OM_SNP_VLEK ? "vlek" : "vcek", *product = om_snp_product_words(subject->product);
	char url[COLLATERAL_URL_MAX];
	int error = 0;

	if (!b->part[COLLATERAL_VEK].data && subject->key == OM_SNP_VLEK)
		return host_fail(OM_ENOTFOUND, "a cloud provider's certificate (VLEK) is not to be had from AMD: import the guest's certificate table");
	if (!b->part[COLLATERAL_VEK].data) {
		error = key_url(s, subject, url);
		if (!error)
			error = get(s, url, NULL, now, &b->part[COLLATERAL_VEK]);
	}
	if (!error && !b->part[COLLATERAL_CAS].data) {
		error = url_of(url, "%s/%s/v1/%s/cert_chain", s->kds, kind, product);
		if (!error)
			error = get(s, url, NULL, now, &b->part[COLLATERAL_CAS]);
	}
	if (error || list_is_fresh(&b->part[COLLATERAL_CRL], now))
		return error;
	error = url_of(url, "%s/%s/v1/%s/crl", s->kds, kind, product);
	if (!error)
		error = get(s, url, NULL, now, &b->part[COLLATERAL_CRL]);
	if (error != OM_ENOTFOUND || b->part[COLLATERAL_CRL].data)
		return error;
	host_note("%s; without the list nobody sees whether an issuer of keys was revoked", host_reason());
	return 0;
}

int collateral_fetch(const struct collateral_services *services, int64_t now, struct collateral_bundle *b)
{
	return b->subject.type == OM_EVIDENCE_SNP ? fetch_amd(services, now, b) : fetch_intel(services, now, b);
}
