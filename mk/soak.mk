# SPDX-License-Identifier: Apache-2.0
FUZZERS := $(addprefix $(B)/fuzz/fuzz_,$(CORE_FUZZ) frame session control tcp_blob hostcalls options)
TESTS += tests/fuzz/boundary_replay
TEST_DEPS += $(B)/fuzz/fuzz_hostcalls $(B)/fuzz/fuzz_options
## make soak-fuzzers   all fuzz targets, FUZZER_SECONDS (60) each
.PHONY: soak-fuzzers
soak-fuzzers: $(FUZZERS) $(B)/host/tests/fuzz/seeds
	B=$(B) tests/soak/fuzzers
## make soak           soak-fuzzers, soak-states, then COUNT (2000) migrations of redis under load with faults, for at most SOAK_MINUTES (60), SOAK_JOBS (1) at a time
.PHONY: soak
soak: all $(B)/.deps-test $(B)/apps/optmig/redis/.built $(REDIS_CLIENT) soak-fuzzers soak-states
	B=$(B) tests/soak/soak
