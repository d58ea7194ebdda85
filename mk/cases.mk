# SPDX-License-Identifier: Apache-2.0
# Small programs that must say natively, inside and moved the same: tests/cases. The runner builds and keeps them.
TESTS += tests/cases/all
TEST_DEPS += $(TOOLCHAIN) $(B)/bin/optmig $(foreach l,sign sgx core bearssl,$(B)/host/lib$(l).a)
