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

# What gdb is given: the script, and the numbers that it goes by.
GDB_PARTS := $(addprefix $(B)/libexec/gdb/,optmig.py layout.py sgx-ptrace.so)
$(B)/libexec/gdb/optmig.py: host/debug/gdb/optmig.py
	@mkdir -p $(@D)
	cp $< $@
$(B)/libexec/gdb/layout.py: abi/debugger.h abi/image.h abi/passrt.h mk/debug.mk
	@mkdir -p $(@D)
	sed -nE 's/^#define (OM_(DEBUG|SLOT|ELRANGE|TP)_[A-Z_]+) +(0x[0-9a-f]+|[0-9]+)( .*)?$$/\1 = \3/p' $(filter %.h,$^) > $@
$(B)/libexec/gdb/sgx-ptrace.so: host/debug/gdb/ptrace.c abi/sgx_arch.h | deps
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_host) $(WARN_STRICT) -fPIC -shared -Iabi $< -ldl -o $@
optmig: $(GDB_PARTS)

DEPS_DEBUG := gdb strace linux-perf
$(B)/.deps-debug: mk/debug.mk | deps
	tools/deps $(DEPS_DEBUG)
	@touch $@
TESTS += tests/integration/debug_trace tests/integration/debug_death tests/integration/debug_perf tests/integration/debug_gdb \
	tests/integration/debug_aep
TEST_DEPS += $(DEBUG_PROGRAMS) $(B)/tests/debug/calls.native $(B)/tests/debug/die.production $(B)/tests/debug/aep $(B)/.deps-debug
$(B)/tests/debug/aep: tests/integration/debug_aep.c abi/sgx_arch.h | deps
	@mkdir -p $(@D)
	$(CLANG) -g -O1 -std=gnu17 -no-pie -Iabi $< -o $@
## make fuzz-debug     the fuzzer of symbols and unwind tables (run it by hand: libFuzzer options)
.PHONY: fuzz-debug
fuzz-debug: $(B)/fuzz/fuzz_debug
$(B)/fuzz/fuzz_debug: $(call objs,fuzz,tests/fuzz/fuzz_debug.c host/debug/symbols.c host/debug/unwind.c)
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^
TESTS += tests/fuzz/debug_replay
TEST_DEPS += $(B)/fuzz/fuzz_debug
