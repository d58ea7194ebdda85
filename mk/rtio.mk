# SPDX-License-Identifier: Apache-2.0
# Tests of trusted/rt/io on plain Linux: the descriptor code with a faked core runtime, this kernel as the host.
RTIO_TEST_SRC := $(wildcard trusted/rt/io/*.c) $(addprefix tests/unit/rtio/,fake.c peek.c appmem.c) $(wildcard host/net/*.c) host/priv/client.c host/priv/allowed.c host/util.c core/errors.c core/cursor.c
define rtio_test
$(B)/$(1)/tests/unit/test_$(2): $(call objs,$(1),tests/unit/rtio/test_$(2).c $(RTIO_TEST_SRC)) $(B)/$(1)/libcore.a $(B)/$(1)/libbearssl.a
	@mkdir -p $$(@D)
	$$(CLANG) $$(CFLAGS_$(1)) $$^ -lcmocka -lnftables -lmnl -lpthread -o $$@
TESTS += $(B)/$(1)/tests/unit/test_$(2)
endef
$(foreach t,rtio rtio_migrate rtio_vault,$(eval $(call rtio_test,san,$(t))))

# Descriptors of every kind inside an enclave, alone and while the program is stopped and resumed all the time.
$(B)/tests/io/io: tests/programs/io.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 -Xoptmig debug=1 $< -o $@
TESTS += $(B)/tests/io/io tests/integration/io_stops
TEST_DEPS += $(B)/tests/io/io

# What a host may answer: the same code and its door, host calls and clocks, with a fuzzer as the host.
FUZZ_HOSTCALLS_SRC := $(addprefix tests/fuzz/,fuzz_hostcalls.c hostcalls/core.c hostcalls/host.c hostcalls/peek.c) tests/unit/rtio/appmem.c $(wildcard trusted/rt/io/*.c) \
	$(addprefix trusted/rt/,door.c hostcall.c time.c cputime.c identity.c creds.c attest.c)
CFLAGS_fuzz_trusted_rt_identity := -mrdrnd
$(B)/fuzz/fuzz_hostcalls: $(call objs,fuzz,$(FUZZ_HOSTCALLS_SRC)) $(B)/fuzz/libcore.a $(B)/fuzz/libbearssl.a tests/fuzz/hostcalls/state.ld
	$(CLANG) -fsanitize=fuzzer,address,undefined -fuse-ld=lld -Wl,-T,tests/fuzz/hostcalls/state.ld -Wl,--wrap=rt_ub_get \
		-o $@ $(filter %.o %.a,$^)
## make fuzz-hostcalls the fuzzer of what a host answers to an enclave's calls
.PHONY: fuzz-hostcalls
fuzz-hostcalls: $(B)/fuzz/fuzz_hostcalls
