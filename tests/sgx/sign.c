/* SPDX-License-Identifier: Apache-2.0 */
/* Signing: the signature lands in the file, fits the measurement, is the same every time; bad keys and files. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "buildimage.h"
#include "sign/sign.h"

static int failures;
#define CHECK(condition) do { if (!(condition)) { failures++; \
	fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition, sign_last_error()); } } while (0)

static char directory[] = "/tmp/optmig-sign-XXXXXX", path[2][64], key[64], other_key[64];

static void put(const char *name, const void *data, size_t size)
{
	FILE *f = fopen(name, "wb");

	CHECK(f && fwrite(data, 1, size, f) == size);
	fclose(f);
}

static void get(const char *name, struct built_image *b)
{
	FILE *f = fopen(name, "rb");

	CHECK(f && fread(b, 1, sizeof *b, f) == sizeof *b);
	fclose(f);
}

/* As an explicit key does it. */
static int sign_with(const char *image, const char *pem)
{
	return sign_image(image, &(struct sign_request){ .key_pem = pem, .svn = SIGN_SVN_KEPT });
}

static void test_sign(const struct built_image *image)
{
	static struct built_image a, b;
	struct sgx_sigstruct s;
	uint8_t mrenclave[32];

	put(path[0], image, sizeof *image);
	put(path[1], image, sizeof *image);
	CHECK(sign_make_key(key) == 0);
	CHECK(sign_make_key(key) == OM_EEXISTS);
	CHECK(sign_with(path[0], key) == 0);
	CHECK(sign_with(path[1], key) == 0);
	CHECK(sign_with(path[1], key) == 0);
	get(path[0], &a);
	get(path[1], &b);
	CHECK(memcmp(&a, &b, sizeof a) == 0);
	CHECK(sign_measure(path[0], mrenclave) == 0);
	memcpy(&s, a.bytes + BI_SIGSTRUCT, sizeof s);
	CHECK(memcmp(s.enclavehash, mrenclave, 32) == 0);
	CHECK(s.attributes.flags == SGX_ATTR_MODE64BIT && s.attributemask.flags == ~0ull);
	CHECK(s.attributes.xfrm == OM_XFRM_AVX && s.attributemask.xfrm == ~0ull);
	memset(a.bytes + BI_SIGSTRUCT, 0, sizeof s);
	CHECK(memcmp(&a, image, sizeof a) == 0);   /* nothing else was touched */
	CHECK(sign_make_key(other_key) == 0);
	CHECK(sign_with(path[1], other_key) == 0);
	get(path[1], &b);
	CHECK(memcmp(b.bytes + BI_SIGSTRUCT + 128, s.modulus, 384) != 0);
}

static void test_errors(const struct built_image *image)
{
	static struct built_image bad;

	CHECK(sign_with("/nonexistent/image", key) == OM_EIO);
	CHECK(sign_with(path[0], "/nonexistent/key") == OM_EIO);
	CHECK(sign_with(path[0], path[0]) == OM_EINVAL);
	bad = *image;
	bad.bytes[0] = 0;
	put(path[0], &bad, sizeof bad);
	CHECK(sign_with(path[0], key) == OM_EIMAGE);
	put(path[0], "", 0);
	CHECK(sign_with(path[0], key) == OM_EIO);
}

int main(void)
{
	static struct built_image image;

	if (!mkdtemp(directory))
		return 1;
	for (int i = 0; i < 2; i++)
		snprintf(path[i], sizeof path[i], "%s/image%d", directory, i);
	snprintf(key, sizeof key, "%s/key.pem", directory);
	snprintf(other_key, sizeof other_key, "%s/other.pem", directory);
	bi_build(&image);
	test_sign(&image);
	test_errors(&image);
	unlink(path[0]), unlink(path[1]), unlink(key), unlink(other_key), rmdir(directory);
	return failures != 0;
}
