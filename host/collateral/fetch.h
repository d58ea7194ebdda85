/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the makers' services, or caches of them, over HTTP: Intel's PCS (version 4, and caches that speak version 3), a PCCS, AMD's KDS. The one place
 * of the host that goes out to a third party; only `optmig collateral fetch` does it.
 */
#ifndef OPTMIG_HOST_COLLATERAL_FETCH_H
#define OPTMIG_HOST_COLLATERAL_FETCH_H

#include "collateral/collateral.h"

#define COLLATERAL_URL_MAX 1024u
#define COLLATERAL_PCS  "https://api.trustedservices.intel.com/sgx/certification/v4/"
#define COLLATERAL_ROOT_LIST "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der"
#define COLLATERAL_KDS  "https://kdsintf.amd.com"
#define COLLATERAL_QCNL "/etc/sgx_default_qcnl.conf"

struct collateral_services {
	char intel[COLLATERAL_URL_MAX];         /* .../sgx/certification/vN/ */
	char root_list[COLLATERAL_URL_MAX];     /* "": by the service: Intel's own address, or its rootcacrl */
	char kds[COLLATERAL_URL_MAX];
	char ca_file[COLLATERAL_URL_MAX];       /* "": the system's */
	bool insecure;                          /* any certificate of the server will do: all that is fetched is signed */
	bool early;
	unsigned timeout_s, retries, delay_s;   /* of one request; after the first; before the first of these, then doubled */
};

/* ---- HTTP (http.c) ------------------------------------------------------------------------------------------ */

struct http_answer {
	long status;
	uint8_t *body;
	size_t size;
	char *headers;                          /* of the last answer, lines as they came; never NULL after success */
};

/*
 * GET; tries again where that may help (429 and Retry-After, 502 to 504, no connection, cut off). Return: 0 with any other status; OM_ETIMEDOUT,
 * OM_ECONNECTION, OM_EOVERFLOW, OM_EUNSUPPORTED (no libcurl) with words that name the address.
 */
__attribute__((warn_unused_result))
int http_get(const struct collateral_services *services, const char *url, struct http_answer *ret);
/* Frees body and headers, and leaves an answer without either: a second call does nothing. */
void http_answer_done(struct http_answer *a);
/* The value of a header, malloc()ed; names are compared without case. NULL: there is none. */
char *http_header(const struct http_answer *a, const char *name);

/* ---- the quoting library's configuration (qcnl.c) ------------------------------------------------------------ */

/* Its file, JSON with comments. Takes what concerns collateral. Return: OM_ENOTFOUND: no such file; OM_EINVAL. */
__attribute__((warn_unused_result))
int qcnl_read(const char *path, struct collateral_services *services);
/* The same of a text. */
__attribute__((warn_unused_result))
int qcnl_parse(const char *text, size_t size, struct collateral_services *services);

/* ---- what to ask (fetch.c) ----------------------------------------------------------------------------------- */

/* Defaults, then $QCNL_CONF_PATH or COLLATERAL_QCNL, if it is there. */
__attribute__((warn_unused_result))
int collateral_services_init(struct collateral_services *ret);
/*
 * Everything about b->subject; parts that are there already are replaced if they have to be (AMD's certificates are for ever). Nothing is stored.
 * Return: errors of http_get(); OM_ENOTFOUND: the service has nothing; OM_EHOST: it answered something else.
 */
__attribute__((warn_unused_result))
int collateral_fetch(const struct collateral_services *services, int64_t now, struct collateral_bundle *b);

#endif
