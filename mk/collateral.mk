# SPDX-License-Identifier: Apache-2.0
# What the makers of platforms publish (host/collateral): a local service that serves published answers, and the fuzzer of what comes from outside.
TESTS += tests/integration/collateral
TEST_DEPS += $(B)/bin/optmig $(B)/tests/migrate/ram_oracle

# Which collateral an enclave gets, under ASan and UBSan.
COLLATERAL_TEST_SRC := tests/unit/host/test_collateral.c host/util.c $(addprefix host/collateral/,subject.c bundle.c judge.c shelf.c carried.c guest.c table.c)
$(B)/tests/unit/host_collateral: $(call objs,san,$(COLLATERAL_TEST_SRC)) $(B)/san/libforge.a $(B)/san/libcore.a $(B)/san/libbearssl.a
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -ljansson -lcrypto -lpthread -o $@
TESTS += $(B)/tests/unit/host_collateral

FUZZ_COLLATERAL_SRC := tests/fuzz/fuzz_collateral.c host/util.c $(addprefix host/collateral/,subject.c bundle.c judge.c table.c qcnl.c)
$(B)/fuzz/fuzz_collateral: $(call objs,fuzz,$(FUZZ_COLLATERAL_SRC)) $(B)/fuzz/libforge.a $(B)/fuzz/libcore.a $(B)/fuzz/libbearssl.a
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ -ljansson -lcrypto
## make fuzz-collateral the fuzzer of bundles, certificate tables, names and the quoting library's configuration
.PHONY: fuzz-collateral
fuzz-collateral: $(B)/fuzz/fuzz_collateral
TESTS += tests/fuzz/collateral_replay
TEST_DEPS += $(B)/fuzz/fuzz_collateral
