/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of host/evidence: one GET with a new nonce. It goes in clear: an answer that is not the enclave's word over that nonce is refused. */
#include <openssl/err.h>
#include <openssl/http.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "evidence/parse/envelope.h"
#include "util.h"
#include "verify/connect.h"

#define URL_MAX   600
#define PATIENCE_S 10
#define ANSWER_MAX (OM_EVIDENCE_MAX + OM_CLAIMS_MAX + OM_TAGGED_HEAD)

static int make_url(const char *url, const uint8_t nonce[VERIFY_NONCE_SIZE], char ret[URL_MAX])
{
	static const char path[] = "/evidence?nonce=";
	size_t used = strlen(url);

	if (strncmp(url, "http://", 7) != 0)
		return host_fail(OM_EINVAL, "%s: the endpoint speaks http:// (what it says proves itself)", url);
	while (used && url[used - 1] == '/')
		used--;
	if (used + sizeof path + 2 * VERIFY_NONCE_SIZE > URL_MAX)
		return host_fail(OM_EINVAL, "the URL is too long");
	used = (size_t)snprintf(ret, URL_MAX, "%.*s%s", (int)used, url, path);
	for (size_t i = 0; i < VERIFY_NONCE_SIZE; i++)
		used += (size_t)snprintf(ret + used, URL_MAX - used, "%02x", nonce[i]);
	return 0;
}

/* To the end of the connection, which does not block: what is cut off, or too long, is malformed to who judges it. */
static int take(BIO *body, struct om_view *ret)
{
	const time_t end = time(NULL) + PATIENCE_S;
	uint8_t *bytes = malloc(ANSWER_MAX);
	size_t used = 0, got;

	if (!bytes)
		return host_fail(OM_ENOMEM, "no memory");
	while (used < ANSWER_MAX) {
		if (BIO_read_ex(body, bytes + used, ANSWER_MAX - used, &got) == 1)
			used += got;
		else if (!BIO_should_retry(body) || BIO_wait(body, end, 10) != 1)
			break;
	}
	*ret = (struct om_view) { bytes, used };
	return 0;
}

int verify_fetch(const char *url, uint8_t ret_nonce[VERIFY_NONCE_SIZE], struct om_view *ret)
{
	char whole[URL_MAX];
	unsigned long code;
	BIO *body;
	int error;

	if (RAND_bytes(ret_nonce, VERIFY_NONCE_SIZE) != 1)
		return host_fail(OM_EIO, "no random numbers");
	error = make_url(url, ret_nonce, whole);
	if (error)
		return error;
	ERR_clear_error();
	body = OSSL_HTTP_get(whole, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, "application/cbor", 0, ANSWER_MAX, PATIENCE_S);
	if (!body) {
		code = ERR_peek_last_error();
		return host_fail(OM_ECONNECTION, "no evidence from %s: %s", url, code && ERR_reason_error_string(code) ? ERR_reason_error_string(code) : "no answer");
	}
	error = take(body, ret);
	BIO_free_all(body);
	return error;
}
