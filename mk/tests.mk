# SPDX-License-Identifier: Apache-2.0
# Tests are executables or scripts (0 pass, 1 fail, 77 skip). Fragments add theirs:
#   TESTS      += path to run           TEST_DEPS += what must be built first, if it is not the path itself
# This file sorts last of those that matter only by name; `=` expansion makes the order irrelevant.
DEPS_TEST = libcmocka-dev iproute2 nftables
export B DL
export OPTMIG_VECTORS ?= $(TOP)/../shared/vectors
$(B)/.deps-test: mk/tests.mk | deps
	tools/deps $(DEPS_TEST)
	@touch $@
## make test           build everything and run all tests (TEST_FILTER=regex for some)
test: all $(B)/.deps-test
	+$(MAKE) --no-print-directory -j$(JOBS) test-build
	tests/run $(sort $(TESTS))
.PHONY: test-build
test-build: $$(sort $$(filter $(B)/%,$$(TESTS)) $$(TEST_DEPS))
.SECONDEXPANSION:
