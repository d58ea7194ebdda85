# SPDX-License-Identifier: Apache-2.0
# Moves between kinds of machines. An optmig on hardware that the software CPU answers: the driver and vDSO of tests/sgx, a quoting library of the test's.
$(B)/tests/hw/libsgx_dcap_ql.so.1: $(call objs,lib,tests/integration/hw_quotes.c) $(B)/lib/libforge.a $(B)/lib/libcore.a $(B)/lib/libbearssl.a
	@mkdir -p $(@D)
	$(CLANG) -shared $^ -o $@
$(B)/tests/hw/optmig: $(call objs,host,$(HOST_TESTING_SRCS) tests/integration/hw_host.c tests/sgx/fakehw.c) $(HOST_OBJS) | $(B)/tests/hw/libsgx_dcap_ql.so.1
	@mkdir -p $(@D)
	$(CLANG) -Wl,--as-needed,--wrap=collateral_quoted,-rpath,$(abspath $(B))/tests/hw -pie $^ $(HOST_LIBS) -o $@
# mig_vm boots guests under emulation and takes minutes on a busy machine: it is soak-tee's. tests/integration/guest boots one for `make test`.
TESTS += tests/integration/mig_kinds
MIXED_DEPS := $(B)/tests/hw/optmig $(B)/apps/optmig/redis/.built $(REDIS_CLIENT) $(B)/.deps-guest $(B)/libexec/optmig-sp
TEST_DEPS += $(MIXED_DEPS)
## make soak-tee       a guest with an emulated processor, and a redis under load through guests and hosts of all kinds, in every mode (TEE_MODES, TEE_SIZE)
.PHONY: soak-tee
soak-tee: all $(B)/.deps-test $(MIXED_DEPS) guest-kernel
	B=$(B) tests/integration/mig_vm
	B=$(B) KINDS_ALL=1 tests/integration/mig_kinds
	B=$(B) tests/soak/tee
## make bench-kinds    downtimes of a redis between machines of different kinds and within one, each pair KINDS_ROUNDS (12) times, and their ratio
.PHONY: bench-kinds
bench-kinds: all $(B)/.deps-test $(MIXED_DEPS)
	@mkdir -p $(B)/bench
	B=$(B) KINDS_ROUNDS=$(or $(KINDS_ROUNDS),12) KINDS_REPORT=$(B)/bench/kinds.json tests/integration/mig_kinds
