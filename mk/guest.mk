# SPDX-License-Identifier: Apache-2.0
# The measured guest: Debian's kernel, our PID 1, and what `optmig guest` puts together with them (docs/tee.md).
#
#   $(B)/guest/kernel/      vmlinuz, modules/*.ko.xz in the order of host/guest/modules, and the package's name
#   $(B)/libexec/optmig-init    PID 1, static
GUEST_KERNEL_PACKAGE := linux-image-6.12.95+deb12-cloud-amd64
GUEST_KERNEL_VERSION := 6.12.95-1~bpo12+1
GUEST_KERNEL_SHA256  := 69c92f43b23821de79576fa4d7c86e2924ae2c1b247a47cc5ed9339e220fbcb7
GUEST_KERNEL_DEB     := $(DL)/$(GUEST_KERNEL_PACKAGE)_$(GUEST_KERNEL_VERSION)_amd64.deb
GUEST_KERNEL         := $(B)/guest/kernel

## make guest-kernel   the measured guest's kernel (Debian's, 34 MB to fetch)
.PHONY: guest-kernel
guest-kernel: $(GUEST_KERNEL)/.unpacked
$(GUEST_KERNEL)/.unpacked: mk/guest.mk host/guest/modules tools/fetch-kernel | deps
	tools/fetch-kernel $(GUEST_KERNEL_PACKAGE) $(GUEST_KERNEL_VERSION) $(GUEST_KERNEL_SHA256) $(GUEST_KERNEL_DEB)
	rm -rf $(GUEST_KERNEL); mkdir -p $(GUEST_KERNEL)/modules $(GUEST_KERNEL)/tree
	dpkg-deb --fsys-tarfile $(GUEST_KERNEL_DEB) | tar -x -C $(GUEST_KERNEL)/tree --no-same-owner ./boot ./lib/modules
	mv $(GUEST_KERNEL)/tree/boot/vmlinuz-* $(GUEST_KERNEL)/vmlinuz
	grep -v '^#' host/guest/modules | nl -w 2 -n rz -s ' ' | while read -r number module; do \
		mv $(GUEST_KERNEL)/tree/lib/modules/*/kernel/$$module.ko.xz $(GUEST_KERNEL)/modules/$$number-$$(basename $$module).ko.xz; done
	rm -rf $(GUEST_KERNEL)/tree
	echo '$(GUEST_KERNEL_PACKAGE) $(GUEST_KERNEL_VERSION)' > $(GUEST_KERNEL)/package
	@touch $@

# Backports keep no version that has been replaced: tests that boot it are skipped where it cannot be had any more, and say so.
.PHONY: guest-kernel-if-any
guest-kernel-if-any: | deps
	@[ -e $(GUEST_KERNEL)/.unpacked ] || $(MAKE) --no-print-directory guest-kernel || echo "guest-kernel: tests that boot it are skipped"

# Nothing of it may depend on the machine that builds: no build id, no path.
GUEST_INIT_SRC := $(wildcard host/guest/init/*.c) host/guest/pump.c core/guest/control.c core/cursor.c core/errors.c
$(B)/libexec/optmig-init: $(call objs,host,$(GUEST_INIT_SRC))
	@mkdir -p $(@D)
	$(CLANG) -static -Wl,--build-id=none,-z,noseparate-code,-s $^ -o $@
all: $(B)/libexec/optmig-init

# One boot, under emulation.
$(B)/.deps-guest: mk/guest.mk | deps
	tools/deps qemu-system-x86 cpio
	@touch $@
$(B)/tests/guest/inside: tests/programs/guest/inside.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 -std=gnu17 -D_GNU_SOURCE -Xoptmig debug=1 -Xoptmig heap=16M -Xoptmig threads=2 $< -o $@
TESTS += tests/integration/guest
TEST_DEPS += $(B)/tests/guest/inside $(B)/libexec/optmig-init guest-kernel-if-any $(B)/.deps-guest

# Tests: launch digests, plain and under ASan and UBSan.
GUEST_MEASURE_SRC := core/guest/firmware.c core/guest/id_block.c core/guest/pe.c core/guest/snp.c core/guest/tdx.c
define guest_measure_test
$(B)/$(1)/tests/unit/test_guest_measure: $(call objs,$(1),tests/unit/test_guest_measure.c $(GUEST_MEASURE_SRC)) $(B)/$(1)/libcore.a $(B)/$(1)/libbearssl.a
	$$(CLANG) $(filter -fsanitize%,$(CFLAGS_$(1))) -o $$@ $$^ -lcmocka -ljansson
TESTS += $(B)/$(1)/tests/unit/test_guest_measure
endef
$(foreach w,host san,$(eval $(call guest_measure_test,$(w))))

# Command lines, what a host lacks, what PID 1 is told; under ASan and UBSan.
GUEST_TEST_SRC := tests/unit/host/test_guest.c host/util.c $(addprefix host/guest/,qemu.c lacks.c words.c files.c cpio.c) core/guest/control.c core/guest/firmware.c
$(B)/tests/unit/host_guest: $(call objs,san,$(GUEST_TEST_SRC)) $(B)/san/libcore.a
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -ljansson -lpthread -o $@
TESTS += $(B)/tests/unit/host_guest

FUZZ_GUEST_SRC := tests/fuzz/fuzz_guest.c core/guest/control.c $(GUEST_MEASURE_SRC)
$(B)/fuzz/fuzz_guest: $(call objs,fuzz,$(FUZZ_GUEST_SRC)) $(B)/fuzz/libcore.a $(B)/fuzz/libbearssl.a
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^
## make fuzz-guest     the fuzzer of firmware tables, and of what PID 1 of the guest is told
.PHONY: fuzz-guest
fuzz-guest: $(B)/fuzz/fuzz_guest
TESTS += tests/fuzz/guest_replay
TEST_DEPS += $(B)/fuzz/fuzz_guest

## make owner-mutants  checks of SNP guests' owners taken out, one at a time: the unit tests must find each (a minute)
.PHONY: owner-mutants
owner-mutants: $(addprefix $(B)/host/tests/unit/test_,policy evidence_guest guest_measure)
	B=$(B) tests/soundness/owner_mutants
