# SPDX-License-Identifier: Apache-2.0
# Unit tests of the migration engine: its real sources with a pretended runtime (tests/unit/engine/fake.h) as a shared object
# that a test loads twice.
ENGINE_TEST_SRC  := $(filter-out trusted/engine/evidence.c trusted/engine/fresh.c,$(wildcard trusted/engine/*.c)) trusted/product/hooks.c tests/unit/engine/fake.c
ENGINE_CORE_SRC  := core/errors.c core/cursor.c core/frame.c core/noise.c $(wildcard core/mig/*.c) \
	$(filter-out $(CORE_HOST_SRC),$(wildcard core/crypto/*.c))
ENGINE_EVIDENCE_SRC := trusted/engine/evidence.c trusted/rt/ereport.c $(filter-out $(CORE_HOST_SRC) core/evidence/write/%,$(wildcard core/evidence/*/*.c))
ENGINE_TESTS     := modes faults launch owed late

define engine_world
$(B)/$(1)/engine/%.o: %.c | deps
	@mkdir -p $$(@D)
	$$(CLANG) $$(CFLAGS_$(1)) -fPIC -Iabi -Icore -Itrusted -Itee -I. -include tests/unit/engine/base.h $$(CFLAGS_$(1)_$$(subst /,_,$$*)) \
		-MMD -MP -c $$< -o $$@
$(patsubst %,$(B)/$(1)/engine/core/crypto/%.o,ec p384 rsa): $(BEARSSL)/.unpacked
$(B)/$(1)/engine/bearssl/%.o: $(BEARSSL)/.unpacked
	@mkdir -p $$(@D)
	$$(CLANG) $$(filter-out -W% -fsanitize%,$$(CFLAGS_$(1))) -w -fPIC $(BEARSSL_CONFIG) -I$(BEARSSL)/inc -I$(BEARSSL)/src \
		-c $(BEARSSL)/src/$$*.c -o $$@
$(B)/$(1)/engine/engine.so: $(patsubst %.c,$(B)/$(1)/engine/%.o,$(ENGINE_TEST_SRC) $(ENGINE_CORE_SRC)) $(patsubst %,$(B)/$(1)/engine/bearssl/%.o,$(BEARSSL_SRC))
	$$(CLANG) $$(filter -fsanitize%,$$(CFLAGS_$(1))) -shared -Wl,-Bsymbolic,--wrap=om_gcm_seal -o $$@ $$^ -lpthread
# The same with real evidence.
$(B)/$(1)/engine/engine-evidence.so: $(patsubst %.c,$(B)/$(1)/engine/%.o,$(ENGINE_TEST_SRC) $(ENGINE_CORE_SRC) $(ENGINE_EVIDENCE_SRC)) \
	$(patsubst %,$(B)/$(1)/engine/bearssl/%.o,$(BEARSSL_SRC))
	$$(CLANG) $$(filter -fsanitize%,$$(CFLAGS_$(1))) -shared -Wl,-Bsymbolic,--wrap=om_gcm_seal -o $$@ $$^ -lpthread
endef
# $(1) world, $(2) test, $(3) engine's suffix, $(4) further archives
define engine_test
$(B)/$(1)/tests/unit/engine/test_$(2): $(B)/$(1)/engine/tests/unit/engine/test_$(2).o $(B)/$(1)/engine/tests/unit/engine/pair.o $(B)/$(1)/engine/engine$(3).so $(4)
	@mkdir -p $$(@D)
	$$(CLANG) $$(filter -fsanitize%,$$(CFLAGS_$(1))) -o $$@ $$(filter %.o %.a,$$^) -lpthread -ldl
$(B)/$(1)/engine/tests/unit/engine/test_$(2).o: CFLAGS_$(1) += -DENGINE_OBJECT='"$(B)/$(1)/engine/engine$(3).so"'
TESTS += $(B)/$(1)/tests/unit/engine/test_$(2)
endef
$(foreach w,host san,$(eval $(call engine_world,$(w)))$(foreach t,$(ENGINE_TESTS),$(eval $(call engine_test,$(w),$(t)))))
$(eval $(call engine_test,san,nonces))
$(eval $(call engine_test,san,spoilt))
$(eval $(call engine_test,san,evidence,-evidence,$(B)/san/libforge.a $(B)/san/libcore.a $(B)/san/libbearssl.a))
# Hosts that call from many threads: with each sanitizer there is for it.
$(eval $(call engine_test,san,hostile))
$(eval $(call engine_world,tsan))
$(eval $(call engine_test,tsan,hostile))
# An engine whose threads are held up at its branches.
ENGINE_HELD_SRC := $(filter trusted/engine/%,$(ENGINE_TEST_SRC)) tests/unit/engine/held.c
$(B)/held/engine/%.o: %.c | deps
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_host) -fsanitize-coverage=trace-pc-guard -fPIC -Iabi -Icore -Itrusted -Itee -I. -include tests/unit/engine/base.h \
		-MMD -MP -c $< -o $@
$(B)/host/engine/engine-held.so: $(ENGINE_HELD_SRC:%.c=$(B)/held/engine/%.o) $(patsubst %.c,$(B)/host/engine/%.o,$(ENGINE_CORE_SRC) trusted/product/hooks.c tests/unit/engine/fake.c) \
	$(BEARSSL_SRC:%=$(B)/host/engine/bearssl/%.o)
	$(CLANG) -shared -Wl,-Bsymbolic,--wrap=om_gcm_seal -o $@ $^ -lpthread
$(eval $(call engine_test,host,schedule,-held))
$(B)/host/tests/unit/engine/test_sets: $(patsubst %,$(B)/host/engine/%.o,tests/unit/engine/test_sets trusted/engine/set)
	@mkdir -p $(@D)
	$(CLANG) -o $@ $^ -lpthread
TESTS += $(B)/host/tests/unit/engine/test_sets
# Searches its own memory, all of it: not with ASan's redzones.
$(eval $(call engine_test,host,secrets))
-include $(shell find $(B)/host/engine $(B)/san/engine $(B)/tsan/engine $(B)/held/engine -name '*.d' 2>/dev/null)
.PHONY: engine-test
## make engine-test    unit tests of the migration engine only
engine-test: $(B)/host/tests/unit/engine/test_sets $(B)/host/tests/unit/engine/test_secrets $(B)/host/tests/unit/engine/test_schedule $(B)/san/tests/unit/engine/test_nonces $(B)/san/tests/unit/engine/test_evidence $(B)/san/tests/unit/engine/test_spoilt $(foreach w,san tsan,$(B)/$(w)/tests/unit/engine/test_hostile) $(foreach w,host san,$(foreach t,$(ENGINE_TESTS),$(B)/$(w)/tests/unit/engine/test_$(t)))
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
