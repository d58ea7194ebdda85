# SPDX-License-Identifier: Apache-2.0
# The TEE contract and its implementations: one library for host tools and tests. It measures enclaves with core's
# code, so tee may include core.
INC_tee += -Icore
CFLAGS_host_tee_soft_leaf := -mgeneral-regs-only -fno-stack-protector -U_FORTIFY_SOURCE
CFLAGS_host_tee_soft_epcm := $(CFLAGS_host_tee_soft_leaf)
CFLAGS_host_tee_soft_huge := $(CFLAGS_host_tee_soft_leaf)
CFLAGS_san_tee_soft_leaf := $(CFLAGS_host_tee_soft_leaf) -fno-sanitize=all
CFLAGS_san_tee_soft_epcm := $(CFLAGS_san_tee_soft_leaf)
CFLAGS_san_tee_soft_huge := $(CFLAGS_san_tee_soft_leaf)
CFLAGS_host_tee_soft_thread := -mfsgsbase
CFLAGS_san_tee_soft_thread := -mfsgsbase

TEE_SRC := $(wildcard tee/*.c tee/*/*.c tee/*/*.S tee/*/*/*.c)
TEE_LIBS := -lcrypto -ldl -lpthread

define tee_library
$$(B)/$(1)/libtee.a: $$(call objs,$(1),$$(TEE_SRC) core/measure.c core/imagefile.c)
	@rm -f $$@
	$$(AR) rcs $$@ $$^
endef
$(foreach w,host san,$(eval $(call tee_library,$(w))))

# Linking a program that uses it: objects, $(B)/host/libtee.a, libcore.a, libbearssl.a, $(TEE_LIBS).
all: $(B)/host/libtee.a $(B)/host/libsgx.a
# The name by which cases outside of the tree link it.
$(B)/host/libsgx.a: $(B)/host/libtee.a
	ln -sf libtee.a $@

# Signing: a library (for optmig-cc too) and a tool. A user of libsign.a links libcrypto.
SIGN_SRC := toolchain/sign/key.c toolchain/sign/sigstruct.c toolchain/sign/sign.c
$(B)/host/libsign.a: $(call objs,host,$(SIGN_SRC) core/measure.c core/imagefile.c core/crypto/sha256.c core/crypto/sha256_ni.c)
	@rm -f $@
	$(AR) rcs $@ $^
$(B)/bin/optmig-sign: $(call objs,host,toolchain/sign/main.c toolchain/sign/guests.c) $(B)/host/libsign.a $(B)/host/libcore.a $(B)/host/libbearssl.a
	@mkdir -p $(@D)
	$(CLANG) -o $@ $^ -lcrypto
all: $(B)/bin/optmig-sign

# Tests. The suite runs as it is against each implementation.
SGX_TEST_OBJS := $(call objs,host,tests/sgx/enclave.S tests/sgx/harness.c tests/sgx/fakehw.c)
$(B)/tests/sgx/%: $(B)/host/tests/sgx/%.o $(SGX_TEST_OBJS) $(B)/host/libsign.a $(B)/host/libtee.a \
		$(B)/host/libcore.a $(B)/host/libbearssl.a
	@mkdir -p $(@D)
	$(CLANG) -o $@ $^ $(TEE_LIBS)
# ... and under ASan and UBSan.
$(B)/tests/sgx/%-san: $(B)/san/tests/sgx/%.o $(call objs,san,tests/sgx/enclave.S tests/sgx/harness.c tests/sgx/fakehw.c $(SIGN_SRC)) \
		$(B)/san/libtee.a $(B)/san/libcore.a $(B)/san/libbearssl.a
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined -o $@ $^ $(TEE_LIBS)
# The same test with SGX_TEST=strict or hw.
$(B)/tests/sgx/%.strict: $(B)/tests/sgx/%
	@printf '#!/bin/sh\nSGX_TEST=strict exec %s\n' $< > $@; chmod +x $@
$(B)/tests/sgx/%.hw: $(B)/tests/sgx/%
	@printf '#!/bin/sh\nSGX_TEST=hw exec %s\n' $< > $@; chmod +x $@
SGX_TESTS := vectors $(foreach t,conformance entering registers stress einit keys,$(t) $(t).strict $(t).hw $(t)-san)
SGX_TESTS := $(addprefix $(B)/tests/sgx/,$(SGX_TESTS) sealed sealed-san sign image image-san)

$(B)/tests/sgx/sign: $(call objs,host,tests/sgx/sign.c) $(B)/host/libsign.a $(B)/host/libcore.a $(B)/host/libbearssl.a
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

# The kernel's own selftests of SGX, from Debian's linux-source: built by its own rules, with kernel_shim.c in place of a
# kernel with SGX. Its enclave wants gcc: clang gives its table of functions relocations, which nobody applies.
KERNEL_SGX_VERSION := 6.1.176-1
KERNEL_SGX_SHA256  := 5c6107fa255358b69faed173bee5bb45ebfe501cd78d74d784e4b46ff4ef761b
KERNEL_SGX_TAR     := $(DL)/linux-sgx-selftests.tar
KERNEL_SGX_FILES   := tools/testing/selftests/sgx tools/testing/selftests/kselftest.h tools/testing/selftests/kselftest_harness.h \
	arch/x86/include/asm/sgx.h arch/x86/include/asm/enclu.h arch/x86/include/uapi/asm/sgx.h
KERNEL_SGX         := $(B)/src/linux-sgx
KERNEL_SGX_TESTS   := $(KERNEL_SGX)/tools/testing/selftests/sgx
$(KERNEL_SGX)/.unpacked: mk/tee.mk tools/fetch-linux | deps
	tools/deps gcc libc6-dev
	tools/fetch-linux $(KERNEL_SGX_VERSION) $(KERNEL_SGX_SHA256) $(KERNEL_SGX_TAR) $(KERNEL_SGX_FILES)
	rm -rf $(KERNEL_SGX); mkdir -p $(KERNEL_SGX)/include/linux
	tar -xf $(KERNEL_SGX_TAR) -C $(KERNEL_SGX)
	touch $(KERNEL_SGX)/include/linux/bits.h $@
KERNEL_SGX_CALLS := open stat close mmap munmap mprotect ioctl getauxval
$(B)/kernel-sgx/%.o: $(KERNEL_SGX)/.unpacked tests/sgx/kernel_shim.h
	@mkdir -p $(@D)
	$(CLANG) -w -g -fPIC -I$(KERNEL_SGX)/include -include tests/sgx/kernel_shim.h -c $(KERNEL_SGX_TESTS)/$*.c -o $@
	$(OBJCOPY) $(foreach c,$(KERNEL_SGX_CALLS),--redefine-sym $(c)=shim_$(c)) $@
$(addprefix $(B)/kernel-sgx/,call.o sign_key.o): $(B)/kernel-sgx/%.o: $(KERNEL_SGX)/.unpacked
	@mkdir -p $(@D)
	$(CLANG) -I$(KERNEL_SGX_TESTS) -c $(KERNEL_SGX_TESTS)/$*.S -o $@
$(B)/kernel-sgx/test_encl.elf: $(KERNEL_SGX)/.unpacked
	@mkdir -p $(@D)
	cd $(KERNEL_SGX_TESTS) && gcc -w -static -nostdlib -nostartfiles -fPIC -fno-stack-protector -mrdrnd -I$(TOP)/$(KERNEL_SGX)/include \
		-include $(TOP)/tests/sgx/kernel_shim.h -T test_encl.lds test_encl.c test_encl_bootstrap.S -o $(TOP)/$@ \
		-Wl,--build-id=none,--no-warn-execstack
$(B)/kernel-sgx/test_sgx: $(patsubst %,$(B)/kernel-sgx/%.o,main load sigstruct call sign_key) \
		$(call objs,host,tests/sgx/kernel_shim.c tests/sgx/fakehw.c) $(B)/host/libtee.a $(B)/host/libcore.a $(B)/host/libbearssl.a
	$(CLANG) -Wl,-z,noexecstack -o $@ $^ $(TEE_LIBS)
TEST_DEPS += $(B)/kernel-sgx/test_sgx $(B)/kernel-sgx/test_encl.elf
SGX_TESTS += tests/sgx/kernel-selftests

TESTS += $(SGX_TESTS)
## make sgx-test       the tests of the software CPU and the driver only
.PHONY: sgx-test
sgx-test: $(SGX_TESTS) | $(B)/kernel-sgx/test_sgx $(B)/kernel-sgx/test_encl.elf
	tests/run $^
