# SPDX-License-Identifier: Apache-2.0
# core/: pure C for every world, and BearSSL: its elliptic curves and RSA, and its AES-GCM to compare ours with.
#
#   $(B)/<world>/libcore.a      core/crypto, core/evidence, core/noise, cursor, errors
#   $(B)/<world>/libbearssl.a   BearSSL from Debian's source package, unpacked into $(B)/src/bearssl, and the ASN.1 writer of Mbed TLS
#
# Link both, libcore.a first. $(CORE_SRC) is what every world can compile; $(CORE_HOST_SRC) is not for enclaves: policies as people
# write them, collateral as services send it, signing, the hosts' own handshake. Tests of the verifiers link $(B)/<world>/libforge.a before libcore.a: the demo
# platform's certificates and evidence.
CORE_HOST_SRC := core/evidence/accept/policy_text.c core/evidence/accept/ticket_text.c core/evidence/accept/policy_print.c core/evidence/parse/collateral_text.c core/crypto/p384_sign.c core/crypto/rsa_sign.c \
	core/noise_xx.c core/evidence/authentic/bare.c
FORGE_SRC := $(wildcard tee/evidence/demo/*_build.c) $(addprefix tee/evidence/demo/,snp_table.c snp_keys.c)
CORE_SRC := core/errors.c core/cursor.c core/frame.c core/launch.c core/noise.c core/sealfile.c $(wildcard core/mig/*.c core/unlock/*.c core/vault/*.c) \
	$(filter-out $(CORE_HOST_SRC),$(wildcard core/crypto/*.c) $(wildcard core/evidence/*/*.c))

BEARSSL_VERSION := 0.6+dfsg.1-3
BEARSSL_TAR     := bearssl_0.6+dfsg.1.orig.tar.xz
BEARSSL_SHA256  := 102a625bd8f6155260867a50c508df8d8c3f796985dd744df1a68e5cd1a79004
BEARSSL         := $(B)/src/bearssl
BEARSSL_SRC := codec/ccopy codec/dec32be codec/dec64be codec/enc32be codec/enc64be \
	ec/ec_c25519_m31 ec/ec_p256_m31 ec/ec_prime_i31 ec/ec_secp256r1 ec/ec_secp384r1 ec/ec_secp521r1 ec/ecdsa_i31_bits ec/ecdsa_i31_sign_raw ec/ecdsa_i31_vrfy_raw \
	hash/sha2small mac/hmac rand/hmac_drbg \
	int/i31_add int/i31_bitlen int/i31_decmod int/i31_decode int/i31_decred int/i31_encode int/i31_fmont \
	int/i31_iszero int/i31_modpow int/i31_montmul int/i31_muladd int/i31_ninv31 int/i31_rshift int/i31_sub int/i31_tmont \
	int/i32_div32 int/i31_modpow2 int/i62_modpow2 rsa/rsa_i62_pub \
	codec/pemenc x509/asn1enc x509/encode_ec_pk8der x509/encode_ec_rawder
# For signing with P-384 and RSA, which no enclave does.
BEARSSL_SIGN_SRC := hash/sha2big int/i31_mulacc int/i31_reduce rsa/rsa_i62_priv
# Its AES-GCM, for tests to compare ours with.
BEARSSL_TEST_SRC := aead/gcm hash/ghash_ctmul64 symcipher/aes_ct64 symcipher/aes_ct64_ctr symcipher/aes_ct64_enc \
	codec/dec32le codec/enc32le

$(BEARSSL)/.unpacked: mk/core.mk | deps
	tools/fetch-source bearssl $(BEARSSL_VERSION) $(BEARSSL_TAR) $(BEARSSL_SHA256) $(DL)
	rm -rf $(BEARSSL); mkdir -p $(BEARSSL)
	tar -xf $(DL)/$(BEARSSL_TAR) -C $(BEARSSL) --strip-components=1 --no-same-owner
	@touch $@

# Certificates are written with it. It wants memory for a function that nothing here calls.
MBEDTLS_VERSION := 2.28.3-1
MBEDTLS_TAR     := mbedtls_2.28.3.orig.tar.gz
MBEDTLS_SHA256  := 3b4953aa55a681e084d31892d9904cc5328d6b4958ea57b90ae4b4f94ae69a8d
MBEDTLS         := $(B)/src/mbedtls
MBEDTLS_SRC     := asn1write
$(MBEDTLS)/.unpacked: mk/core.mk | deps
	tools/fetch-source mbedtls $(MBEDTLS_VERSION) $(MBEDTLS_TAR) $(MBEDTLS_SHA256) $(DL)
	rm -rf $(MBEDTLS); mkdir -p $(MBEDTLS)
	tar -xf $(DL)/$(MBEDTLS_TAR) -C $(MBEDTLS) --strip-components=1 --no-same-owner
	@touch $@
MBEDTLS_CONFIG := -isystem $(MBEDTLS)/include -DMBEDTLS_CONFIG_FILE='"$(TOP)/core/evidence/write/mbedtls.h"'

# No CPUID, no entropy source, no clock, no vector units: an enclave has or wants none of them from here.
BEARSSL_CONFIG := -DBR_AES_X86NI=0 -DBR_SSE2=0 -DBR_RDRAND=0 -DBR_USE_URANDOM=0 -DBR_USE_GETENTROPY=0 \
	-DBR_USE_UNIX_TIME=0 -DBR_USE_WIN32_RAND=0 -DBR_USE_WIN32_TIME=0

define core_world
$(B)/$(1)/bearssl/%.o: $(BEARSSL)/.unpacked
	@mkdir -p $$(@D)
	$$(CLANG) $$(filter-out -W%,$$(CFLAGS_$(1))) -w $(if $(filter san fuzz,$(1)),-fno-sanitize=undefined) $(BEARSSL_CONFIG) \
		-I$(BEARSSL)/inc -I$(BEARSSL)/src -c $(BEARSSL)/src/$$*.c -o $$@
$(B)/$(1)/mbedtls/%.o: $(MBEDTLS)/.unpacked core/evidence/write/mbedtls.h
	@mkdir -p $$(@D)
	$$(CLANG) $$(filter-out -W%,$$(CFLAGS_$(1))) -w -ffunction-sections $(if $(filter san fuzz,$(1)),-fno-sanitize=undefined) $(MBEDTLS_CONFIG) \
		-c $(MBEDTLS)/library/$$*.c -o $$@
$(B)/$(1)/libbearssl.a: $(patsubst %,$(B)/$(1)/mbedtls/%.o,$(MBEDTLS_SRC)) $(patsubst %,$(B)/$(1)/bearssl/%.o,$(BEARSSL_SRC) $(if $(filter trusted,$(1)),,$(BEARSSL_SIGN_SRC) $(BEARSSL_TEST_SRC)))
	rm -f $$@; $$(AR) rcs $$@ $$^
$(B)/$(1)/libcore.a: $(call objs,$(1),$(CORE_SRC) $(if $(filter trusted,$(1)),,$(CORE_HOST_SRC)))
	rm -f $$@; $$(AR) rcs $$@ $$^
$(B)/$(1)/libforge.a: $(call objs,$(1),$(FORGE_SRC))
	rm -f $$@; $$(AR) rcs $$@ $$^
# Vector instructions stay in the objects that say so; gcm.c and sha256.c choose among them.
CFLAGS_$(1)_core_crypto_gcm_aesni := -maes -mpclmul -mssse3
CFLAGS_$(1)_core_crypto_gcm_vaes := -mprfchw -mavx512f -mavx512bw -mvaes -mvpclmulqdq -maes -mpclmul
CFLAGS_$(1)_core_crypto_gcm_vaes256 := -mprfchw -mavx2 -mvaes -mvpclmulqdq -maes -mpclmul
CFLAGS_$(1)_core_crypto_sha256_ni := -msha -msse4.1
CFLAGS_$(1)_core_crypto_cmac := -maes
$(foreach f,ec p384 p384_sign rsa rsa_sign,$(eval CFLAGS_$(1)_core_crypto_$(f) := -isystem $(BEARSSL)/inc))
$(patsubst %,$(B)/$(1)/core/crypto/%.o,ec p384 p384_sign rsa rsa_sign): $(BEARSSL)/.unpacked
CFLAGS_$(1)_core_evidence_write_certificate := -isystem $(BEARSSL)/inc $(MBEDTLS_CONFIG)
$(B)/$(1)/core/evidence/write/certificate.o: $(BEARSSL)/.unpacked $(MBEDTLS)/.unpacked
endef
$(foreach w,host san tsan fuzz trusted,$(eval $(call core_world,$(w))))
# The host program takes core's objects as they are.
HOST_EXTRA_ARCHIVES += $(B)/host/libbearssl.a
SAN_EXTRA_ARCHIVES += $(B)/san/libbearssl.a
CORE_OBJS_TRUSTED := $(call objs,trusted,$(CORE_SRC))

# Unit tests, plain and under ASan and UBSan.
CORE_TESTS := attest policy ticket unlock vault tagged certificate cursor crypto crypto_vectors crypto_wide evidence_guest evidence_snp evidence_tdx gcm launch noise predict sealfile
define core_test
$(B)/$(1)/tests/unit/test_$(2): $(B)/$(1)/tests/unit/test_$(2).o $(B)/$(1)/libforge.a $(B)/$(1)/libcore.a $(B)/$(1)/libbearssl.a
	$$(CLANG) $(filter -fsanitize%,$(CFLAGS_$(1))) -o $$@ $$^ -lcmocka -ljansson -lcrypto
CFLAGS_$(1)_tests_unit_test_$(2) := -isystem $(BEARSSL)/inc
$(B)/$(1)/tests/unit/test_$(2).o: $(BEARSSL)/.unpacked
TESTS += $(B)/$(1)/tests/unit/test_$(2)
endef
$(foreach w,host san,$(foreach t,$(CORE_TESTS),$(eval $(call core_test,$(w),$(t)))))
$(foreach w,host san,$(eval $(B)/$(w)/tests/unit/test_evidence_tdx: $(B)/$(w)/tests/vectors/dcap_files.o))

# Published evidence and its verdicts, plain and under ASan and UBSan.
define tee_vectors
$(B)/$(1)/tests/vectors/tee_vectors: $(call objs,$(1),$(wildcard tests/vectors/*.c)) $(B)/$(1)/libcore.a $(B)/$(1)/libbearssl.a
	$$(CLANG) $(filter -fsanitize%,$(CFLAGS_$(1))) -o $$@ $$^ -ljansson
TESTS += $(B)/$(1)/tests/vectors/tee_vectors
endef
$(foreach w,host san,$(eval $(call tee_vectors,$(w))))
.PHONY: tee-vectors
## make tee-vectors    published evidence of every kind: one line each with its verdict and the expected one, and the total
tee-vectors: $(B)/host/tests/vectors/tee_vectors
	$<

# Fuzz targets of core/; tests/fuzz/replay runs them over their seeds.
CORE_FUZZ := quote snp x509 collateral_json policy ticket unlock tagged cursor noise launch vault seal roots
define core_fuzz
$(B)/fuzz/fuzz_$(1): $(B)/fuzz/tests/fuzz/fuzz_$(1).o $(B)/fuzz/libforge.a $(B)/fuzz/libcore.a $(B)/fuzz/libbearssl.a
	$$(CLANG) -fsanitize=fuzzer,address,undefined -o $$@ $$^
fuzz-$(1): $(B)/fuzz/fuzz_$(1)
.PHONY: fuzz-$(1)
endef
$(foreach f,$(CORE_FUZZ),$(eval $(call core_fuzz,$(f))))
$(B)/host/tests/fuzz/seeds: $(B)/host/tests/fuzz/seeds.o $(B)/host/libforge.a $(B)/host/libcore.a $(B)/host/libbearssl.a
	$(CLANG) -o $@ $^
TEST_DEPS += $(foreach f,$(CORE_FUZZ),$(B)/fuzz/fuzz_$(f)) $(B)/host/tests/fuzz/seeds
TESTS += tests/fuzz/replay
## make fuzz-NAME      a fuzz target of core/: quote snp x509 collateral_json policy ticket unlock tagged cursor noise launch vault seal roots (run it by hand)
.PHONY: core-test
## make core-test      the tests of core/ only
core-test: $(foreach w,host san,$(foreach t,$(CORE_TESTS),$(B)/$(w)/tests/unit/test_$(t)))
	tests/run $^
