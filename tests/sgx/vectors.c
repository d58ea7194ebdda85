/* SPDX-License-Identifier: Apache-2.0 */
/* Somebody else's enclave: MRENCLAVE, MRSIGNER and SIGSTRUCT as others computed them. */
#include <openssl/evp.h>
#include <string.h>
#include "harness.h"
#include "measure.h"

#define PAGES 6
static uint8_t image[PAGES * 4096], sigstruct_bytes[SGX_SIGSTRUCT_SIZE];

static bool load(const char *name, uint8_t *to, size_t size)
{
	const char *directory = getenv("OPTMIG_VECTORS");
	char path[4096];
	FILE *f;
	bool ok;

	snprintf(path, sizeof path, "%s/%s", directory ? directory : "../shared/vectors", name);
	f = fopen(path, "rb");
	if (!f) {
		printf("skipped: no %s (set OPTMIG_VECTORS)\n", path);
		return false;
	}
	ok = fread(to, 1, size, f) == size && fgetc(f) == EOF;
	fclose(f);
	CHECK(ok);
	return ok;
}

static uint64_t flags_of(int page)
{
	return page == 0 ? SGX_SECINFO_TCS : SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W | SGX_SECINFO_X;
}

static void hex_must_be(const uint8_t hash[32], const char *hex)
{
	char text[65];

	for (int i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	CHECK(strcmp(text, hex) == 0);
}

static void test_measurement(const struct sgx_sigstruct *s)
{
	struct om_measure m;
	uint8_t mrenclave[32], mrsigner[32];

	om_measure_ecreate(&m, 0, 1, 0x8000);
	for (int i = 0; i < PAGES; i++)
		om_measure_page(&m, (uint64_t)i * 4096, image + i * 4096, flags_of(i), true);
	om_measure_result(&m, mrenclave);
	hex_must_be(mrenclave, "b999536238fcf4e9d360ef6cd3e0c20ef8a684c7b93f74a9c4a4c6d517d61fc0");
	CHECK(memcmp(mrenclave, s->enclavehash, 32) == 0);
	EVP_Digest(s->modulus, sizeof s->modulus, mrsigner, NULL, EVP_sha256(), NULL);
	hex_must_be(mrsigner, "2f9f8fd4fe12d77232f1d87571ca8252ca27714efe7705e46222cffd5a22e8c4");
}

/* EINIT of the emulator takes the foreign signature over the foreign enclave, and no other. */
static void test_einit(const struct sgx_sigstruct *s)
{
	struct sgx_attributes a = { SGX_ATTR_MODE64BIT, SGX_XFRM_LEGACY };
	struct sgx_sigstruct bad = *s;

	MUST(tee_create(platform, T_BASE, 0x8000, 1, &a, 0, &enclave));
	for (int i = 0; i < PAGES; i++) {
		struct sgx_secinfo secinfo = { .flags = flags_of(i) };
		MUST(tee_add_pages(enclave, (uint64_t)i * 4096, image + i * 4096, 4096, &secinfo, true));
	}
	bad.signature[7] ^= 1;
	CHECK_EQ(tee_init(enclave, &bad), OM_ESIGSTRUCT);
	CHECK_EQ(tee_init(enclave, s), 0);
	enclave_down();
}

int main(void)
{
	struct sgx_sigstruct s;

	if (!load("sgx_mrenclave_encl.bin", image, sizeof image) ||
	    !load("sgx_mrenclave_encl.sigstruct", sigstruct_bytes, sizeof sigstruct_bytes))
		return failures ? 1 : 77;
	memcpy(&s, sigstruct_bytes, sizeof s);
	open_platform();
	test_measurement(&s);
	test_einit(&s);
	return finish_tests("vectors");
}
