# SPDX-License-Identifier: Apache-2.0
# Unit tests of the migration engine: its real sources with a pretended runtime (tests/unit/mig/fake.h) as a shared object
# that a test loads twice.
MIG_TEST_SRC  := $(filter-out trusted/mig/evidence.c trusted/mig/fresh.c,$(wildcard trusted/mig/*.c)) trusted/product/hooks.c tests/unit/mig/fake.c
MIG_CORE_SRC  := core/errors.c core/cursor.c core/frame.c core/noise.c $(wildcard core/mig/*.c) \
	$(filter-out $(CORE_HOST_SRC),$(wildcard core/crypto/*.c))
MIG_EVIDENCE_SRC := trusted/mig/evidence.c trusted/rt/ereport.c $(filter-out $(CORE_HOST_SRC) core/evidence/write/%,$(wildcard core/evidence/*/*.c))
MIG_TESTS     := modes faults launch owed late

define mig_world
$(B)/$(1)/mig/%.o: %.c | deps
	@mkdir -p $$(@D)
	$$(CLANG) $$(CFLAGS_$(1)) -fPIC -Iabi -Icore -Itrusted -Itee -I. -include tests/unit/mig/base.h $$(CFLAGS_$(1)_$$(subst /,_,$$*)) \
		-MMD -MP -c $$< -o $$@
$(patsubst %,$(B)/$(1)/mig/core/crypto/%.o,ec p384 rsa): $(BEARSSL)/.unpacked
$(B)/$(1)/mig/bearssl/%.o: $(BEARSSL)/.unpacked
	@mkdir -p $$(@D)
	$$(CLANG) $$(filter-out -W% -fsanitize%,$$(CFLAGS_$(1))) -w -fPIC $(BEARSSL_CONFIG) -I$(BEARSSL)/inc -I$(BEARSSL)/src \
		-c $(BEARSSL)/src/$$*.c -o $$@
$(B)/$(1)/mig/engine.so: $(patsubst %.c,$(B)/$(1)/mig/%.o,$(MIG_TEST_SRC) $(MIG_CORE_SRC)) $(patsubst %,$(B)/$(1)/mig/bearssl/%.o,$(BEARSSL_SRC))
	$$(CLANG) $$(filter -fsanitize%,$$(CFLAGS_$(1))) -shared -Wl,-Bsymbolic,--wrap=om_gcm_seal -o $$@ $$^ -lpthread
# The same with real evidence.
$(B)/$(1)/mig/engine-evidence.so: $(patsubst %.c,$(B)/$(1)/mig/%.o,$(MIG_TEST_SRC) $(MIG_CORE_SRC) $(MIG_EVIDENCE_SRC)) \
	$(patsubst %,$(B)/$(1)/mig/bearssl/%.o,$(BEARSSL_SRC))
	$$(CLANG) $$(filter -fsanitize%,$$(CFLAGS_$(1))) -shared -Wl,-Bsymbolic,--wrap=om_gcm_seal -o $$@ $$^ -lpthread
endef
# $(1) world, $(2) test, $(3) engine's suffix, $(4) further archives
define mig_test
$(B)/$(1)/tests/unit/mig/test_$(2): $(B)/$(1)/mig/tests/unit/mig/test_$(2).o $(B)/$(1)/mig/tests/unit/mig/pair.o $(B)/$(1)/mig/engine$(3).so $(4)
	@mkdir -p $$(@D)
	$$(CLANG) $$(filter -fsanitize%,$$(CFLAGS_$(1))) -o $$@ $$(filter %.o %.a,$$^) -lpthread -ldl
$(B)/$(1)/mig/tests/unit/mig/test_$(2).o: CFLAGS_$(1) += -DMIG_OBJECT='"$(B)/$(1)/mig/engine$(3).so"'
TESTS += $(B)/$(1)/tests/unit/mig/test_$(2)
endef
$(foreach w,host san,$(eval $(call mig_world,$(w)))$(foreach t,$(MIG_TESTS),$(eval $(call mig_test,$(w),$(t)))))
$(eval $(call mig_test,san,nonces))
$(eval $(call mig_test,san,spoilt))
$(eval $(call mig_test,san,evidence,-evidence,$(B)/san/libforge.a $(B)/san/libcore.a $(B)/san/libbearssl.a))
# Hosts that call from many threads: with each sanitizer there is for it.
$(eval $(call mig_test,san,hostile))
$(eval $(call mig_world,tsan))
$(eval $(call mig_test,tsan,hostile))
# An engine whose threads are held up at its branches.
MIG_HELD_SRC := $(filter trusted/mig/%,$(MIG_TEST_SRC)) tests/unit/mig/held.c
$(B)/held/mig/%.o: %.c | deps
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_host) -fsanitize-coverage=trace-pc-guard -fPIC -Iabi -Icore -Itrusted -Itee -I. -include tests/unit/mig/base.h \
		-MMD -MP -c $< -o $@
$(B)/host/mig/engine-held.so: $(MIG_HELD_SRC:%.c=$(B)/held/mig/%.o) $(patsubst %.c,$(B)/host/mig/%.o,$(MIG_CORE_SRC) trusted/product/hooks.c tests/unit/mig/fake.c) \
	$(BEARSSL_SRC:%=$(B)/host/mig/bearssl/%.o)
	$(CLANG) -shared -Wl,-Bsymbolic,--wrap=om_gcm_seal -o $@ $^ -lpthread
$(eval $(call mig_test,host,schedule,-held))
$(B)/host/tests/unit/mig/test_sets: $(patsubst %,$(B)/host/mig/%.o,tests/unit/mig/test_sets trusted/mig/set)
	@mkdir -p $(@D)
	$(CLANG) -o $@ $^ -lpthread
TESTS += $(B)/host/tests/unit/mig/test_sets
# Searches its own memory, all of it: not with ASan's redzones.
$(eval $(call mig_test,host,secrets))
-include $(shell find $(B)/host/mig $(B)/san/mig $(B)/tsan/mig $(B)/held/mig -name '*.d' 2>/dev/null)
.PHONY: mig-test
## make mig-test       unit tests of the migration engine only
mig-test: $(B)/host/tests/unit/mig/test_sets $(B)/host/tests/unit/mig/test_secrets $(B)/host/tests/unit/mig/test_schedule $(B)/san/tests/unit/mig/test_nonces $(B)/san/tests/unit/mig/test_evidence $(B)/san/tests/unit/mig/test_spoilt $(foreach w,san tsan,$(B)/$(w)/tests/unit/mig/test_hostile) $(foreach w,host san,$(foreach t,$(MIG_TESTS),$(B)/$(w)/tests/unit/mig/test_$(t)))
	tests/run $^

# Fuzz targets of the protocol.
define mig_fuzz
$(B)/fuzz/fuzz_$(1): $(B)/fuzz/tests/fuzz/fuzz_$(1).o $(B)/fuzz/libcore.a $(B)/fuzz/libbearssl.a
	$$(CLANG) -fsanitize=fuzzer,address,undefined -o $$@ $$^
fuzz-$(1): $(B)/fuzz/fuzz_$(1)
.PHONY: fuzz-$(1)
endef
$(foreach f,frame session,$(eval $(call mig_fuzz,$(f))))
TESTS += tests/fuzz/mig_replay
TEST_DEPS += $(B)/fuzz/fuzz_frame $(B)/fuzz/fuzz_session
## make fuzz-frame     the fuzzer of frames and control messages; fuzz-session: of both session machines
