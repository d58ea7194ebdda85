/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What EINIT asks of a SIGSTRUCT by itself, before it looks at the enclave. The emulator's EINIT asks it, and so does whoever judges
 * an image before there is an enclave. Source: SDM 3D 38.3, EINIT.
 */
#include <openssl/bn.h>
#include <string.h>
#include "bytes.h"
#include "crypto/sha256.h"
#include "sigstruct.h"

bool tee_sigstruct_formed(const struct sgx_sigstruct *s)
{
	return memcmp(s->header, SGX_SIGSTRUCT_HEADER, 16) == 0 && memcmp(s->header2, SGX_SIGSTRUCT_HEADER2, 16) == 0 &&
		(s->vendor == 0 || s->vendor == 0x8086) && s->exponent == 3 &&
		om_all_zero(s->reserved1, sizeof s->reserved1) && om_all_zero(s->reserved2, sizeof s->reserved2) &&
		om_all_zero(s->reserved3, sizeof s->reserved3) && om_all_zero(s->reserved4, sizeof s->reserved4);
}

static const uint8_t digest_info[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 };

/* EMSA-PKCS1-v1_5 of the parts that are signed. Source: RFC 8017, 9.2. */
static void padded_hash(const struct sgx_sigstruct *sig, uint8_t ret[384])
{
	const size_t hash_at = 384 - OM_SHA256_SIZE, info_at = hash_at - sizeof digest_info;
	uint8_t covered[128 + 128];

	memset(ret, 0xff, 384);
	ret[0] = 0;
	ret[1] = 1;
	ret[info_at - 1] = 0;
	memcpy(ret + info_at, digest_info, sizeof digest_info);
	memcpy(covered, sig, 128);
	memcpy(covered + 128, &sig->miscselect, 128);
	om_sha256(covered, sizeof covered, ret + hash_at);
}

/*
 * The CPU is given q1 = floor(s^2 / m) and q2 = floor((s^3 - q1 s m) / m), so that it need not divide; and refuses if they are wrong.
 * What is left over is s^3 mod m, the RSA signature's content. Only numbers of libcrypto's are used: keys and digests of it would load
 * its providers, a tenth of what it costs to start an empty program.
 */
bool tee_sigstruct_signed(const struct sgx_sigstruct *sig)
{
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *s, *m, *q1, *q2, *t, *q, *r, *content;
	uint8_t expected[384];
	bool ok = false;

	if (!ctx)
		return false;
	padded_hash(sig, expected);
	BN_CTX_start(ctx);
	s = BN_CTX_get(ctx), m = BN_CTX_get(ctx), q1 = BN_CTX_get(ctx), q2 = BN_CTX_get(ctx);
	t = BN_CTX_get(ctx), q = BN_CTX_get(ctx), r = BN_CTX_get(ctx), content = BN_CTX_get(ctx);
	if (content && BN_lebin2bn(sig->signature, 384, s) && BN_lebin2bn(sig->modulus, 384, m) &&
	    BN_lebin2bn(sig->q1, 384, q1) && BN_lebin2bn(sig->q2, 384, q2) && BN_num_bytes(m) == 384 && BN_cmp(s, m) < 0 &&
	    BN_sqr(t, s, ctx) && BN_div(q, r, t, m, ctx) && BN_cmp(q, q1) == 0 &&
	    BN_mul(t, s, r, ctx) && BN_div(q, r, t, m, ctx) && BN_cmp(q, q2) == 0 &&
	    BN_bin2bn(expected, sizeof expected, content) && BN_cmp(r, content) == 0)
		ok = true;
	BN_CTX_end(ctx);
	BN_CTX_free(ctx);
	return ok;
}
