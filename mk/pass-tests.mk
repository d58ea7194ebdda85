# SPDX-License-Identifier: Apache-2.0
# Tests of the compiler and libc that need no enclave: an image linked with the shim is an ordinary process.
SHIM := $(B)/tests/shim/librt.a
$(SHIM): tests/pass/shim/shim.c tests/pass/shim/shim.S abi/passrt.h abi/marks.h | deps
	@mkdir -p $(@D)
	$(CLANG) -std=gnu17 -O2 $(WARN) -ffreestanding -mgeneral-regs-only -mno-red-zone -fno-stack-protector -fPIE -Iabi -c tests/pass/shim/shim.c -o $(@D)/shim_c.o
	$(CLANG) -Iabi -c tests/pass/shim/shim.S -o $(@D)/shim_S.o
	rm -f $@; $(AR) rcs $@ $(@D)/shim_c.o $(@D)/shim_S.o

TEST_DEPS += $(SHIM) $(TOOLCHAIN) $(SYSROOT_VERIFY)/lib/libc.a $(SYSROOT_VERIFY)/lib/libunwind.a
TESTS += tests/lit/run tests/pass/verify tests/pass/mutants tests/toolchain/libc tests/toolchain/libc_cycles tests/toolchain/cc tests/toolchain/sign tests/toolchain/sections tests/toolchain/buildsystems
