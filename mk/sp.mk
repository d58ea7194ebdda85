# SPDX-License-Identifier: Apache-2.0
# optmig-sp, the emulated security processor of a plain guest (host/guest/sp), and the guest's side of it (tee/evidence/guest/vmsp.c).
SP_SRCS := $(wildcard host/guest/sp/*.c) host/guest/id_files.c core/guest/id_block.c host/util.c $(addprefix tee/evidence/demo/,snp_build.c snp_table.c snp_keys.c der_build.c)
$(B)/libexec/optmig-sp: $(call objs,host,$(SP_SRCS)) $(B)/host/libcore.a $(B)/host/libbearssl.a
	@mkdir -p $(@D)
	$(CLANG) -Wl,-z,now,--as-needed -pie $^ -lcrypto -lpthread -o $@
all: $(B)/libexec/optmig-sp
TESTS += tests/integration/guest_sp
TEST_DEPS += $(B)/libexec/optmig-sp

# Both sides without a port between them, plain and under ASan and UBSan.
SP_TEST_SRC := tests/unit/host/test_sp.c host/guest/sp/processor.c host/util.c tee/base.c $(addprefix tee/evidence/guest/,vmsp.c linux.c) \
	$(addprefix host/collateral/,subject.c bundle.c table.c)
define sp_test
$(B)/$(1)/tests/unit/host_sp: $(call objs,$(1),$(SP_TEST_SRC)) $(B)/$(1)/libforge.a $(B)/$(1)/libcore.a $(B)/$(1)/libbearssl.a
	@mkdir -p $$(@D)
	$$(CLANG) $(filter -fsanitize%,$(CFLAGS_$(1))) $$^ -lcmocka -ljansson -lcrypto -lpthread -o $$@
TESTS += $(B)/$(1)/tests/unit/host_sp
endef
$(foreach w,host san,$(eval $(call sp_test,$(w))))

$(B)/fuzz/fuzz_sp: $(call objs,fuzz,tests/fuzz/fuzz_sp.c host/guest/sp/processor.c) $(B)/fuzz/libforge.a $(B)/fuzz/libcore.a $(B)/fuzz/libbearssl.a
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^
## make fuzz-sp        the fuzzer of what a guest asks of the emulated security processor
.PHONY: fuzz-sp
fuzz-sp: $(B)/fuzz/fuzz_sp
TESTS += tests/fuzz/sp_replay
TEST_DEPS += $(B)/fuzz/fuzz_sp
