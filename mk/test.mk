# SPDX-License-Identifier: Apache-2.0
# What is tested. Every fragment adds its tests:
#   TESTS      += path to run: an executable or script (0 pass, 1 fail, 77 skip); built first if it lies in $(B)
#   TEST_DEPS  += whatever else must be built before the tests run
DEPS_TEST := libcmocka-dev python3-jsonschema iproute2 nftables python3-cryptography python3-yaml autoconf automake libtool cmake gdb meson openssl pkg-config
export B DL
export OPTMIG_VECTORS ?= $(TOP)/../shared/vectors
$(B)/.deps-test: mk/test.mk | deps
	tools/deps $(DEPS_TEST)
	@touch $@
.PHONY: test-build
test-build: all $(B)/.deps-test $(sort $(filter $(B)/%,$(TESTS)) $(TEST_DEPS))
## make test           build everything and run all tests (TEST_FILTER=regex for some)
test: | deps
	+$(MAKE) --no-print-directory -j$(JOBS) test-build
	tests/run $(sort $(TESTS))
