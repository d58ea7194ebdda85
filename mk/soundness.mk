# SPDX-License-Identifier: Apache-2.0
# Is every store seen? The oracle compares cards with memory, and the source's memory with the destination's.
ORACLE := $(B)/tests/soundness/oracle
$(ORACLE): $(call objs,host,tests/soundness/oracle.c tests/soundness/rounds.c)
	@mkdir -p $(@D)
	$(CLANG) $^ -o $@
TESTS += tests/soundness/mutants tests/soundness/moves
TEST_DEPS += $(ORACLE) $(TOOLCHAIN) $(MIGRATE_PROGRAMS)
# Runtimes without one of the rules that tests/soundness/rt_mutants knows: its name, and the file that has it.
# $(1) name, $(2) file of trusted/rt
define rt_mutant
$(B)/tests/soundness/rt-$(1)/$(2).c: trusted/rt/$(2).c tests/soundness/rt_mutants
	@mkdir -p $$(@D)
	tests/soundness/rt_mutants spoil $(1) < $$< > $$@
$(B)/tests/soundness/rt-$(1)/librt.a: $(B)/tests/soundness/rt-$(1)/$(2).c $(B)/trusted/rt.o
	$$(CLANG) $$(CFLAGS_trusted) $$(INC_trusted) -c $$< -o $$(@D)/$(2).o
	$$(call trusted_object_as,$$(@D)/rt.o,$$(@D)/$(2).o $$(filter-out %/rt/$(2).o,$$(TRUSTED_OBJS) $$(call objs,trusted,$$(TRUSTED_TESTING_SRC))),$$(TRUSTED_EXPORTS) __optmig_verify_store)
	rm -f $$@; $$(AR) rcs $$@ $$(@D)/rt.o
TEST_DEPS += $(B)/tests/soundness/rt-$(1)/librt.a
endef
$(foreach m,zero guard card,$(eval $(call rt_mutant,$(m),kept)))
$(eval $(call rt_mutant,touched,map))
$(eval $(call rt_mutant,noted,appmem))
TESTS += tests/soundness/rt_mutants
TEST_DEPS += $(MIGRATE_PROGRAMS)

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
