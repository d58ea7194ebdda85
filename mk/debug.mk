# SPDX-License-Identifier: Apache-2.0
# Looking into programs in debug images: host/debug, docs/debugging.md.
DEBUG_PROGRAMS := $(patsubst tests/programs/debug/%.c,$(B)/tests/debug/%,$(wildcard tests/programs/debug/*.c))
$(DEBUG_PROGRAMS): $(B)/tests/debug/%: tests/programs/debug/%.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -g -O1 -Xoptmig debug=1 -Xoptmig heap=256M -Xoptmig threads=16 -Xoptmig elrange=2G $< -o $@
$(B)/tests/debug/%.native: tests/programs/debug/%.c | deps
	@mkdir -p $(@D)
	$(CLANG) -O1 -std=gnu17 $< -lpthread -o $@
$(B)/tests/debug/die.production: tests/programs/debug/die.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -g -O1 -Xoptmig debug=0 -Xoptmig args=any -Xoptmig env=any -Xoptmig files=any -Xoptmig heap=256M -Xoptmig threads=16 -Xoptmig elrange=2G $< -o $@
DEPS_DEBUG := gdb strace linux-perf
$(B)/.deps-debug: mk/debug.mk | deps
	tools/deps $(DEPS_DEBUG)
	@touch $@
TESTS += tests/integration/debug_trace tests/integration/debug_death tests/integration/debug_perf
TEST_DEPS += $(DEBUG_PROGRAMS) $(B)/tests/debug/calls.native $(B)/tests/debug/die.production $(B)/.deps-debug
