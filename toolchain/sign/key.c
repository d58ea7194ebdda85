/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing keys: RSA-3072 with exponent 3, the only kind that SGX takes. A missing development key is made, so that a first
 * `make` needs no ceremony. Production keys are given by name.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "internal.h"

static __thread char last_error[512];

int sign_fail(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(last_error, sizeof last_error, format, args);
	va_end(args);
	return error;
}

const char *sign_last_error(void)
{
	return last_error;
}

static EVP_PKEY *generate(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	EVP_PKEY *key = NULL;
	BIGNUM *e = BN_new();

	if (ctx && e && BN_set_word(e, 3) && EVP_PKEY_keygen_init(ctx) > 0 &&
	    EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 3072) > 0 && EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e) > 0)
		(void)EVP_PKEY_keygen(ctx, &key);   /* key stays NULL on failure */
	BN_free(e);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Written beside and linked into place: of two that race, one key wins and both use it. */
int sign_make_key(const char *key_pem)
{
	char temporary[4096];
	EVP_PKEY *key;
	FILE *f;
	int fd, r = 0, n = snprintf(temporary, sizeof temporary, "%s.%ld", key_pem, (long)getpid());

	if (n < 0 || (size_t)n >= sizeof temporary)
		return sign_fail(OM_EINVAL, "key file name too long");
	if (access(key_pem, F_OK) == 0)
		return sign_fail(OM_EEXISTS, "%s: already exists", key_pem);
	if (!(key = generate()))
		return sign_fail(OM_EINTERNAL, "cannot generate an RSA key");
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f || !PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) || fflush(f) != 0)
		r = sign_fail(OM_EIO, "%s: %s", temporary, strerror(errno));
	else if (link(temporary, key_pem) != 0)
		r = sign_fail(errno == EEXIST ? OM_EEXISTS : OM_EIO, "%s: %s", key_pem, strerror(errno));
	if (f)
		fclose(f);
	unlink(temporary);
	EVP_PKEY_free(key);
	return r;
}

static void make_parents(char *path)
{
	for (char *p = path + 1; (p = strchr(p, '/')); p++) {
		*p = 0;
		(void)mkdir(path, 0700);   /* the open that follows reports what went wrong */
		*p = '/';
	}
}

static const char *named_by_environment(void)
{
	const char *name = getenv("OPTMIG_SIGN_KEY");

	return name && *name ? name : NULL;
}

bool sign_key_is_development(const char *key_pem)
{
	return !key_pem && !named_by_environment();
}

static int development_key(char *path, size_t size)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	int n = config && *config ? snprintf(path, size, "%s/optmig/sign-key.pem", config) :
		snprintf(path, size, "%s/.config/optmig/sign-key.pem", home && *home ? home : "/root");
	int r;

	if (n < 0 || (size_t)n >= size)
		return sign_fail(OM_EINVAL, "key file name too long");
	if (access(path, F_OK) == 0)
		return 0;
	make_parents(path);
	r = sign_make_key(path);
	if (r == OM_EIO)
		return sign_fail(r, "no development key can be made (%s): name one in OPTMIG_SIGN_KEY; optmig-sign --make-key FILE makes it",
			path);
	return r == OM_EEXISTS ? 0 : r;
}

static bool fit_for_sgx(EVP_PKEY *key)
{
	BIGNUM *e = NULL;
	bool ok = EVP_PKEY_get_bits(key) == 3072 && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) &&
		BN_is_word(e, 3);

	BN_free(e);
	return ok;
}

static int no_file(const char *key_pem)
{
	return sign_fail(OM_EIO, "%s: %s; optmig-sign --make-key FILE makes a key", key_pem, strerror(errno));
}

static int take(EVP_PKEY *key, const char *key_pem, EVP_PKEY **ret_key)
{
	if (!key || !fit_for_sgx(key)) {
		EVP_PKEY_free(key);
		return sign_fail(OM_EINVAL, "%s: not an RSA-3072 key with exponent 3", key_pem);
	}
	*ret_key = key;
	return 0;
}

int sign_key_load(const char *key_pem, EVP_PKEY **ret_key)
{
	char path[4096];
	EVP_PKEY *key;
	FILE *f;

	if (sign_key_is_development(key_pem)) {
		int r = development_key(path, sizeof path);
		if (r < 0)
			return r;
		key_pem = path;
	} else if (!key_pem) {
		key_pem = named_by_environment();
	}
	f = fopen(key_pem, "re");
	if (!f)
		return no_file(key_pem);
	key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	return take(key, key_pem, ret_key);
}

int sign_public_load(const char *key_pem, EVP_PKEY **ret_key)
{
	FILE *f = fopen(key_pem, "re");
	EVP_PKEY *key;

	if (!f)
		return no_file(key_pem);
	key = PEM_read_PUBKEY(f, NULL, NULL, NULL);
	rewind(f);
	if (!key)
		key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	return take(key, key_pem, ret_key);
}
