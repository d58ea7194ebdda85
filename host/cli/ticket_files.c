/* SPDX-License-Identifier: Apache-2.0 */
/* See ticket.h. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "crypto/ec.h"
#include "crypto/sha256.h"
#include "imagefile.h"
#include "ticket.h"
#include "util.h"

#define JSON_MAX (1u << 20)

static int no_file(const char *path)
{
	return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
}

/* ---- tickets ---- */

int ticket_file_read(const char *path, struct ticket_file *ret)
{
	static struct om_delegation d;
	static struct om_ticket t;
	struct om_view bytes = { ret->bytes, 0 };
	uint8_t more;
	FILE *f = fopen(path, "re");
	bool good;

	if (!f)
		return no_file(path);
	ret->size = bytes.size = fread(ret->bytes, 1, sizeof ret->bytes, f);
	good = fread(&more, 1, 1, f) == 0 && !ferror(f);
	fclose(f);
	ret->delegation = om_delegation_decode(bytes, &d, NULL) == 0;
	if (good && (ret->delegation || om_ticket_decode(bytes, &t, NULL, NULL) == 0))
		return 0;
	return host_fail(OM_EINVAL, "%s: no ticket, or it is cut off or of another version: copy it again from where it was issued", path);
}

int ticket_file_write(const char *path, const uint8_t *bytes, size_t size)
{
	FILE *f = fopen(path, "we");
	bool good = f && fwrite(bytes, 1, size, f) == size;

	if (f && fclose(f))
		good = false;
	return good ? 0 : no_file(path);
}

/* ---- keys ---- */

/* Only a key on P-256 has a public point of this size that lies on it. */
static bool public_of(EVP_PKEY *key, uint8_t ret[OM_P256_PUBLIC_BYTES])
{
	uint8_t point[1 + OM_P256_PUBLIC_BYTES];
	size_t size = 0;

	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) != 1 || size != sizeof point || point[0] != 4)
		return false;
	memcpy(ret, point + 1, sizeof point - 1);
	return om_p256_valid(ret);
}

static bool private_of(EVP_PKEY *key, uint8_t ret[32])
{
	BIGNUM *number = NULL;
	bool good = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 && BN_bn2binpad(number, ret, 32) == 32;

	BN_clear_free(number);
	return good;
}

/* A key whose passphrase openssl asks for on the terminal is one, too. */
static EVP_PKEY *read_key(const char *path, bool private)
{
	FILE *f = fopen(path, "re");
	EVP_PKEY *key = f ? private ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : PEM_read_PUBKEY(f, NULL, NULL, NULL) : NULL;

	if (f)
		fclose(f);
	return key;
}

static int no_key(const char *path, const char *kind)
{
	return host_fail(OM_EINVAL, "%s: not a %s key on P-256 in PEM; make one: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out FILE",
		path, kind);
}

int ticket_key_private(const char *path, uint8_t ret_private[32], uint8_t ret_public[OM_P256_PUBLIC_BYTES])
{
	EVP_PKEY *key = read_key(path, true);
	const bool good = key && public_of(key, ret_public) && private_of(key, ret_private);

	EVP_PKEY_free(key);
	return good ? 0 : access(path, R_OK) ? no_file(path) : no_key(path, "private");
}

int ticket_key_public(const char *path, uint8_t ret_public[OM_P256_PUBLIC_BYTES])
{
	EVP_PKEY *key;
	bool good;

	if (om_hex_decode(path, strlen(path), ret_public, OM_P256_PUBLIC_BYTES))
		return om_p256_valid(ret_public) ? 0 : host_fail(OM_EINVAL, "%s: these digits are no point of P-256", path);
	key = read_key(path, false);
	if (!key)
		key = read_key(path, true);
	good = key && public_of(key, ret_public);
	EVP_PKEY_free(key);
	return good ? 0 : access(path, R_OK) ? no_file(path) : no_key(path, "private or public");
}

/* ---- what a ticket is for ---- */

int ticket_is_for(const char *source, const uint8_t mrenclave[32], struct ticket_program *program)
{
	if (program->has_mrenclave && memcmp(program->mrenclave, mrenclave, sizeof program->mrenclave))
		return host_fail(OM_EINVAL, "%s: another program than the one that was named before", source);
	program->has_mrenclave = true;
	memcpy(program->mrenclave, mrenclave, sizeof program->mrenclave);
	return 0;
}

static int take_image(const char *path, const uint8_t *file, size_t size, struct ticket_program *program)
{
	struct sgx_sigstruct sigstruct;
	struct om_policy policy;
	struct om_image image;

	if (om_image_open(file, size, false, &image))
		return host_fail(OM_EIMAGE, "%s: %s", path, image.reason);
	if (!image.sigstruct_file_offset)
		return host_fail(OM_EIMAGE, "%s: it is not signed", path);
	memcpy(&sigstruct, file + image.sigstruct_file_offset, sizeof sigstruct);
	if (ticket_is_for(path, sigstruct.enclavehash, program))
		return OM_EINVAL;
	om_sha256(sigstruct.modulus, sizeof sigstruct.modulus, program->mrsigner);
	program->has_mrsigner = true;
	if (image.header.policy_size <= sizeof image.header.policy &&
	    om_policy_decode(image.header.policy, image.header.policy_size, &policy) == 0 && policy.flags & OM_POLICY_OWNER) {
		memcpy(program->owner, policy.owner, sizeof program->owner);
		program->has_owner = true;
	}
	return 0;
}

int ticket_from_image(const char *path, struct ticket_program *program)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error;
	void *file = MAP_FAILED;
	struct stat is;

	if (fd < 0)
		return no_file(path);
	if (fstat(fd, &is) == 0 && S_ISREG(is.st_mode) && is.st_size > 0)
		file = mmap(NULL, (size_t)is.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return host_fail(OM_EIMAGE, "%s: no image", path);
	error = take_image(path, file, (size_t)is.st_size, program);
	munmap(file, (size_t)is.st_size);
	return error;
}

static int read_json(const char *path, json_t **ret)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	static char text[JSON_MAX];
	json_error_t why;
	size_t size;

	if (!f)
		return no_file(path);
	size = fread(text, 1, sizeof text, f);
	if (f != stdin)
		fclose(f);
	*ret = size < sizeof text ? json_loadb(text, size, JSON_REJECT_DUPLICATES, &why) : NULL;
	if (!json_is_object(*ret)) {
		json_decref(*ret);
		return host_fail(OM_EINVAL, "%s: not the output of an optmig command with --json", path);
	}
	return 0;
}

static bool hex_member(const json_t *o, const char *name, uint8_t *to, size_t size)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text && om_hex_decode(text, strlen(text), to, size);
}

int ticket_from_status(const char *path, struct ticket_program *program)
{
	uint8_t mrenclave[32];
	const json_t *move;
	json_t *o;
	int error = read_json(path, &o);

	if (error)
		return error;
	move = json_object_get(o, "next-move");
	program->has_instance = hex_member(o, "instance", program->instance, sizeof program->instance);
	program->move = json_is_integer(move) && json_integer_value(move) > 0 ? (uint64_t)json_integer_value(move) : 0;
	error = hex_member(o, "mrenclave", mrenclave, sizeof mrenclave) ? ticket_is_for(path, mrenclave, program) :
		host_fail(OM_EINVAL, "%s: not the output of `optmig status --json`", path);
	if (!error && (!program->has_instance || !program->move))
		error = host_fail(OM_ESTATE, "%s: the program is not there (it has moved away, or has not come yet): ask where it runs", path);
	json_decref(o);
	return error;
}

int ticket_host(const char *path, char ret_text[OM_PLACE_TEXT_MAX])
{
	const char *text, *words = NULL;
	struct om_platform_identity is;
	const json_t *probe;
	json_t *o;
	int error = read_json(path, &o);

	if (error)
		return error;
	probe = json_object_get(o, "platform-id");
	text = json_string_value(probe ? json_object_get(probe, "detail") : json_object_get(o, "peer-platform"));
	if (!text)
		words = "neither the output of `optmig info --json` nor that of `optmig status --json` of a program that has met another host";
	else if (probe && !json_is_true(json_object_get(probe, "available")))
		words = text;
	else
		words = om_identity_from_text(text, &is);
	if (words)
		error = host_fail(OM_EINVAL, "%s: %s", path, words);
	else
		snprintf(ret_text, OM_PLACE_TEXT_MAX, "%s", text);
	json_decref(o);
	return error;
}
