/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include "guest/id_files.h"
#include "util.h"

static int name(const char *prefix, const char *suffix, char ret[PATH_MAX])
{
	return snprintf(ret, PATH_MAX, "%s%s", prefix, suffix) < PATH_MAX ? 0 : host_fail(OM_EINVAL, "%s: too long for a file's name", prefix);
}

/* @size: of the text, without its NUL. */
static int read_text(const char *prefix, const char *suffix, char *ret, size_t size)
{
	char path[PATH_MAX], more[3] = "";
	int error = name(prefix, suffix, path);
	FILE *f;

	if (error)
		return error;
	f = fopen(path, "re");
	if (!f)
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	if (fread(ret, 1, size, f) != size || fread(more, 1, sizeof more, f) > 1 || (more[0] && more[0] != '\n'))
		error = host_fail(OM_EINVAL, "%s: not %zu characters of base64", path, size);
	fclose(f);
	ret[size] = 0;
	return error;
}

static bool from_base64(const char *text, uint8_t *ret, size_t size, size_t room)
{
	const int length = (int)strlen(text);

	/* OpenSSL counts the padding as bytes; and it is lenient where other decoders are not. */
	return (size_t)length * 3 / 4 <= room && EVP_DecodeBlock(ret, (const uint8_t *)text, length) == length / 4 * 3 &&
		(size_t)length / 4 * 3 - size < 3;
}

int guest_id_read(const char *prefix, struct guest_id *ret)
{
	uint8_t block[OM_ID_BLOCK_SIZE + 3], auth[OM_ID_AUTH_SIZE + 3];
	int error = read_text(prefix, ".id-block", ret->block, GUEST_ID_BLOCK_TEXT - 1);

	if (!error)
		error = read_text(prefix, ".id-auth", ret->auth, GUEST_ID_AUTH_TEXT - 1);
	if (error)
		return error;
	if (!from_base64(ret->block, block, OM_ID_BLOCK_SIZE, sizeof block) || !from_base64(ret->auth, auth, OM_ID_AUTH_SIZE, sizeof auth))
		return host_fail(OM_EINVAL, "%s: an ID block and its authentication in base64 are needed (optmig guest id-block)", prefix);
	error = om_id_verify(block, auth, &ret->owner);
	if (error)
		return host_fail(error, "%s: %s", prefix, error == OM_EAUTH ? "a signature of the ID block does not hold" :
			"no ID block of version 1 with keys on P-384");
	return 0;
}

static int write_text(const char *prefix, const char *suffix, const uint8_t *bytes, size_t size)
{
	char path[PATH_MAX], text[GUEST_ID_AUTH_TEXT];
	int error = name(prefix, suffix, path);
	FILE *f;
	bool good;

	if (error)
		return error;
	(void)EVP_EncodeBlock((uint8_t *)text, bytes, (int)size);
	f = fopen(path, "we");
	good = f && fprintf(f, "%s\n", text) > 0;
	if (f && fclose(f))
		good = false;
	return good ? 0 : host_fail(OM_EIO, "%s: %s", path, strerror(errno));
}

int guest_id_write(const char *prefix, const uint8_t block[OM_ID_BLOCK_SIZE], const uint8_t auth[OM_ID_AUTH_SIZE])
{
	int error = write_text(prefix, ".id-block", block, OM_ID_BLOCK_SIZE);

	return error ? error : write_text(prefix, ".id-auth", auth, OM_ID_AUTH_SIZE);
}

int guest_id_allows(const struct guest_id *id, const uint8_t measurement[OM_SHA384_SIZE], uint64_t policy)
{
	if (memcmp(id->owner.block.digest, measurement, OM_SHA384_SIZE) != 0)
		return host_fail(OM_EPOLICY, "the ID block is for another launch digest: make one for this guest (optmig guest id-block)");
	if (id->owner.block.policy != policy)
		return host_fail(OM_EPOLICY, "the ID block is for a guest with policy 0x%llx, this one has 0x%llx", (unsigned long long)id->owner.block.policy,
			(unsigned long long)policy);
	return 0;
}
