# SPDX-License-Identifier: Apache-2.0
# The fuzzer of states (tests/states): one interpreter of its scripts, natively and in an enclave.
STATES_SRC := $(wildcard tests/states/program/*.c)
$(B)/tests/states/native: $(STATES_SRC) tests/states/program/states.h | deps
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_common) -O1 $(STATES_SRC) -o $@ -lpthread
$(B)/tests/states/inside: $(STATES_SRC) tests/states/program/states.h $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -Xoptmig heap=256M -Xoptmig threads=32 -Xoptmig debug=1 -std=gnu17 -O2 $(STATES_SRC) -o $@ -lpthread
STATES := $(B)/tests/states/native $(B)/tests/states/inside
TESTS += tests/states/minute
TEST_DEPS += $(STATES)
## make soak-states    the fuzzer of states for STATES_SECONDS (3600), STATES_JOBS (2) scripts at a time, from STATES_SEED (the time) on
STATES_SECONDS ?= 3600
STATES_JOBS ?= 2
STATES_SEED ?= $(shell date +%s)
.PHONY: soak-states
soak-states: all $(B)/.deps-test $(STATES)
	for script in tests/states/slow/*; do B=$(B) tests/states/fuzz --script $$script || exit 1; done
	B=$(B) tests/states/fuzz --seconds $(STATES_SECONDS) --jobs $(STATES_JOBS) --seed $(STATES_SEED) --known tests/states/known --minimise 600
## make soak-mutants   faults of each kind put back, one at a time: the fuzzer of states must find each within ten minutes (hours)
.PHONY: soak-mutants
soak-mutants: all $(B)/.deps-test $(STATES)
	tests/states/mutants
