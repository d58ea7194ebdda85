/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signed lists of guests (docs/spec/policy.md): their text is a policy's, of which the lines about guests and floors count. Keys are
 * OpenSSL's, on P-256 or P-384.
 */
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "evidence/accept/policy_text.h"
#include "internal.h"
#include "sign.h"

#define TEXT_MAX 65536

static EVP_PKEY *read_key(const char *path, struct om_signer_key *ret)
{
	uint8_t point[1 + OM_KEY_SIZE_MAX];
	size_t size = 0;
	FILE *f = fopen(path, "re");
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;

	if (f)
		fclose(f);
	memset(ret, 0, sizeof *ret);
	if (key && EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) == 1 && point[0] == 4)
		ret->curve = size == 65 ? OM_CURVE_P256 : size == 97 ? OM_CURVE_P384 : 0;
	if (ret->curve)
		memcpy(ret->key, point + 1, size - 1);
	if (ret->curve && om_key_valid(ret))
		return key;
	EVP_PKEY_free(key);
	return NULL;
}

static int no_key(const char *path)
{
	return sign_fail(OM_EINVAL, "%s: not a private key on P-256 or P-384 in PEM; make one: openssl genpkey -algorithm EC "
		"-pkeyopt ec_paramgen_curve:P-384 -out %s", path, path);
}

int sign_guest_signer(const char *key_pem, char ret_hex[2 * OM_KEY_SIZE_MAX + 1])
{
	struct om_signer_key public;
	EVP_PKEY *key = read_key(key_pem, &public);

	if (!key)
		return no_key(key_pem);
	EVP_PKEY_free(key);
	for (size_t i = 0; i < om_key_size(public.curve); i++)
		snprintf(ret_hex + 2 * i, 3, "%02x", public.key[i]);
	return 0;
}

static int read_text(const char *path, struct om_policy *ret)
{
	static uint8_t text[TEXT_MAX];
	struct om_policy_error why;
	FILE *f = fopen(path, "re");
	size_t size = f ? fread(text, 1, sizeof text, f) : 0;

	if (!f || ferror(f) || size == sizeof text) {
		int error = sign_fail(OM_EIO, "%s: %s", path, size == sizeof text ? "too long" : strerror(errno));

		if (f)
			fclose(f);
		return error;
	}
	fclose(f);
	if (om_policy_from_text((struct om_view) { text, size }, 0, ret, &why))
		return sign_fail(OM_EINVAL, "%s:%u: %s", path, why.line, why.words);
	return 0;
}

/* r || s, as long as the list says. */
static bool sign(EVP_PKEY *key, const uint8_t hash[48], size_t size, uint8_t *to)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t der[256];
	const uint8_t *at = der;
	size_t der_size = sizeof der;
	ECDSA_SIG *signature = NULL;
	bool good = ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, der, &der_size, hash, size / 2) == 1 &&
		(signature = d2i_ECDSA_SIG(NULL, &at, (long)der_size)) != NULL &&
		BN_bn2binpad(ECDSA_SIG_get0_r(signature), to, (int)size / 2) > 0 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(signature), to + size / 2, (int)size / 2) > 0;

	ECDSA_SIG_free(signature);
	EVP_PKEY_CTX_free(ctx);
	return good;
}

static int write_list(const char *path, const uint8_t *bytes, size_t size)
{
	FILE *f = fopen(path, "we");
	bool good = f && fwrite(bytes, 1, size, f) == size;

	if (f && fclose(f))
		good = false;
	return good ? 0 : sign_fail(OM_EIO, "%s: %s", path, strerror(errno));
}

int sign_guest_list(const char *text, uint64_t version, const char *key_pem, const char *output)
{
	static uint8_t bytes[OM_GUEST_LIST_MAX];
	struct om_guest_list list = { .version = version };
	struct om_signer_key public;
	struct om_policy policy;
	uint8_t hash[48];
	size_t size, signature;
	EVP_PKEY *key;
	int error = read_text(text, &policy);

	if (error)
		return error;
	if (!(key = read_key(key_pem, &public)))
		return no_key(key_pem);
	list.curve = public.curve;
	list.floors = policy.floors;
	list.guests = policy.guests;
	signature = om_key_size(list.curve);
	error = om_guest_list_encode(&list, bytes, sizeof bytes - signature, &size, hash);
	if (error)
		error = sign_fail(error, "%s: no list: a version from 1 on, and guests or floors, not too many", text);
	else if (!sign(key, hash, signature, bytes + size))
		error = sign_fail(OM_EINTERNAL, "the list cannot be signed");
	EVP_PKEY_free(key);
	return error ? error : write_list(output, bytes, size + signature);
}
