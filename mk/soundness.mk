# SPDX-License-Identifier: Apache-2.0
# Is every store seen? The oracle compares cards with memory, and the source's memory with the destination's.
ORACLE := $(B)/tests/soundness/oracle
$(ORACLE): $(call objs,host,tests/soundness/oracle.c tests/soundness/rounds.c)
	@mkdir -p $(@D)
	$(CLANG) $^ -o $@
TESTS += tests/soundness/mutants tests/soundness/moves
TEST_DEPS += $(ORACLE) $(TOOLCHAIN) $(MIGRATE_PROGRAMS)
# Runtimes in which a page that was given back is used again without one of the rules for it.
KEPT_MUTANTS := $(foreach m,zero guard card,$(B)/tests/soundness/kept-$(m)/librt.a)
$(B)/tests/soundness/kept-%/kept.c: trusted/rt/kept.c tests/soundness/kept_mutants
	@mkdir -p $(@D)
	tests/soundness/kept_mutants spoil $* < $< > $@
$(B)/tests/soundness/kept-%/librt.a: $(B)/tests/soundness/kept-%/kept.c $(B)/trusted/rt.o
	$(CLANG) $(CFLAGS_trusted) $(INC_trusted) -c $< -o $(@D)/kept.o
	$(call trusted_object_as,$(@D)/rt.o,$(@D)/kept.o $(filter-out %/rt/kept.o,$(TRUSTED_OBJS) $(call objs,trusted,$(TRUSTED_TESTING_SRC))),$(TRUSTED_EXPORTS) __optmig_verify_store)
	rm -f $@; $(AR) rcs $@ $(@D)/rt.o
.SECONDARY: $(KEPT_MUTANTS:librt.a=kept.c)
TESTS += tests/soundness/kept_mutants
TEST_DEPS += $(KEPT_MUTANTS) $(MIGRATE_PROGRAMS)

# Random programs against their native builds: a little in the tests, longer in soak, from other seeds every time.
$(B)/.deps-csmith: mk/soundness.mk | deps
	tools/deps csmith libcsmith-dev
	@touch $@
TESTS += tests/soundness/fuzz
TEST_DEPS += $(B)/.deps-csmith $(SYSROOT_VERIFY)/lib/libc.a
FUZZ_SECONDS ?= 900
## make soak-fuzz      random C programs under the oracle and as verify images for FUZZ_SECONDS (900)
.PHONY: soak-fuzz
soak-fuzz: all $(ORACLE) $(B)/.deps-csmith $(SYSROOT_VERIFY)/lib/libc.a
	B=$(B) tests/soundness/fuzz $(FUZZ_SECONDS) $$(date +%s)
## make soak-verify    real programs as verify images for VERIFY_SECONDS (600) of CPU time
VERIFY_SECONDS ?= 600
.PHONY: soak-verify
soak-verify: all $(SYSROOT_VERIFY)/lib/libc.a $(foreach a,kernels bzip2 zstd lua sqlite redis,$(B)/apps/native/$(a)/.built) $(B)/apps/optmig/libevent/.built $(MEMCACHED_CLIENT)
	B=$(B) tests/soundness/verify_apps $(VERIFY_SECONDS)
## make soak-oracle    programs moved again and again, each round watched; real programs under load, compared at each hand-over
MOVES_TIMES ?= 40
.PHONY: soak-oracle
soak-oracle: test-build
	B=$(B) MOVES_TIMES=$(MOVES_TIMES) tests/soundness/moves
	B=$(B) $(ORACLE) tests/integration/migrate_apps
	B=$(B) $(ORACLE) tests/integration/pingpong_redis
