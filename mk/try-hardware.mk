# SPDX-License-Identifier: Apache-2.0
# The kit for people who have the hardware: conformance, evidence, migration and benchmark, and one file that says what passed.
$(B)/tools/hardware/evidence: tools/hardware/evidence.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 -Xoptmig debug=1 $< -o $@
KIT_DEPS = $(B)/tools/hardware/evidence $(addprefix $(B)/tests/sgx/,conformance entering registers stress einit keys) \
	$(B)/apps/optmig/redis/.built $(REDIS_CLIENT) $(B)/.deps-demo
## make hardware-kit   try this machine's TEE and write one file that says what passed (docs/hardware-kit.md; KIT_ARGS)
.PHONY: hardware-kit
hardware-kit: all $(KIT_DEPS) $(foreach v,optmig native,$(B)/apps/$(v)/kernels/.built) $(B)/bench/programs/datapath $(KERNEL_SGX)/.unpacked
	tools/hardware/kit $(KIT_ARGS)
TESTS += tests/integration/hardware_kit
TEST_DEPS += $(B)/tools/hardware/evidence
