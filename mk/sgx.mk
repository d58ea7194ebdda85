# SPDX-License-Identifier: Apache-2.0
# The TEE contract and its implementations: one library for host tools and tests. It measures enclaves with core's
# code, so sgx may include core.
INC_sgx += -Icore
CFLAGS_host_sgx_emu_leaf := -mgeneral-regs-only -fno-stack-protector -U_FORTIFY_SOURCE
CFLAGS_host_sgx_emu_epcm := $(CFLAGS_host_sgx_emu_leaf)
CFLAGS_host_sgx_emu_huge := $(CFLAGS_host_sgx_emu_leaf)
CFLAGS_san_sgx_emu_leaf := $(CFLAGS_host_sgx_emu_leaf) -fno-sanitize=all
CFLAGS_san_sgx_emu_epcm := $(CFLAGS_san_sgx_emu_leaf)
CFLAGS_san_sgx_emu_huge := $(CFLAGS_san_sgx_emu_leaf)
CFLAGS_host_sgx_emu_thread := -mfsgsbase
CFLAGS_san_sgx_emu_thread := -mfsgsbase

SGX_SRC := sgx/platform.c $(wildcard sgx/emu/*.c sgx/emu/*.S sgx/hw/*.c sgx/hw/*.S) core/measure.c core/imagefile.c
SGX_LIBS := -lcrypto -ldl -lpthread

define sgx_library
$$(B)/$(1)/libsgx.a: $$(call objs,$(1),$$(SGX_SRC))
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
$(foreach w,host san,$(eval $(call sgx_library,$(w))))

# Linking a program that uses it: objects, $(B)/host/libsgx.a, libcore.a, libbearssl.a, $(SGX_LIBS).
all: $(B)/host/libsgx.a

# Signing: a library (for optmig-cc too) and a tool. A user of libsign.a links libcrypto.
SIGN_SRC := toolchain/sign/key.c toolchain/sign/sigstruct.c toolchain/sign/sign.c
$(B)/host/libsign.a: $(call objs,host,$(SIGN_SRC) core/measure.c core/imagefile.c core/crypto/sha256.c core/crypto/sha256_ni.c)
	@rm -f $@
	$(AR) rcs $@ $^
$(B)/bin/optmig-sign: $(call objs,host,toolchain/sign/main.c) $(B)/host/libsign.a
	@mkdir -p $(@D)
	$(CLANG) -o $@ $^ -lcrypto
all: $(B)/bin/optmig-sign

# Tests. The suite runs as it is against each implementation.
SGX_TEST_OBJS := $(call objs,host,tests/sgx/enclave.S tests/sgx/harness.c tests/sgx/fakehw.c)
$(B)/tests/sgx/%: $(B)/host/tests/sgx/%.o $(SGX_TEST_OBJS) $(B)/host/libsign.a $(B)/host/libsgx.a \
		$(B)/host/libcore.a $(B)/host/libbearssl.a
	@mkdir -p $(@D)
	$(CLANG) -o $@ $^ $(SGX_LIBS)
# ... and under ASan and UBSan.
$(B)/tests/sgx/%-san: $(B)/san/tests/sgx/%.o $(call objs,san,tests/sgx/enclave.S tests/sgx/harness.c tests/sgx/fakehw.c $(SIGN_SRC)) \
		$(B)/san/libsgx.a $(B)/san/libcore.a $(B)/san/libbearssl.a
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined -o $@ $^ $(SGX_LIBS)
# The same test with SGX_TEST=strict or hw.
$(B)/tests/sgx/%.strict: $(B)/tests/sgx/%
	@printf '#!/bin/sh\nSGX_TEST=strict exec %s\n' $< > $@; chmod +x $@
$(B)/tests/sgx/%.hw: $(B)/tests/sgx/%
	@printf '#!/bin/sh\nSGX_TEST=hw exec %s\n' $< > $@; chmod +x $@
SGX_TESTS := vectors $(foreach t,conformance entering registers stress einit keys,$(t) $(t).strict $(t).hw $(t)-san)
SGX_TESTS := $(addprefix $(B)/tests/sgx/,$(SGX_TESTS) sign image image-san)

$(B)/tests/sgx/sign: $(call objs,host,tests/sgx/sign.c) $(B)/host/libsign.a
	@mkdir -p $(@D)
	$(CLANG) -o $@ $^ -lcrypto
IMAGE_SRC := core/imagefile.c core/measure.c core/crypto/sha256.c core/crypto/sha256_ni.c
$(B)/tests/sgx/image: $(call objs,host,tests/sgx/image.c $(IMAGE_SRC))
	@mkdir -p $(@D)
	$(CLANG) -o $@ $^
$(B)/tests/sgx/image-san: $(call objs,san,tests/sgx/image.c $(IMAGE_SRC))
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined -o $@ $^
## make fuzz-imagefile the fuzzer of the image reader (run it by hand: libFuzzer options)
.PHONY: fuzz-imagefile
fuzz-imagefile: $(B)/fuzz/fuzz_imagefile
$(B)/fuzz/fuzz_imagefile: $(call objs,fuzz,tests/fuzz/fuzz_imagefile.c core/imagefile.c)
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^

TESTS += $(SGX_TESTS)
## make sgx-test       the tests of sgx/ only
.PHONY: sgx-test
sgx-test: $(SGX_TESTS)
	tests/run $^
