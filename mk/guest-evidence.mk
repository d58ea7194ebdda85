# SPDX-License-Identifier: Apache-2.0
# Evidence of confidential guests: its sources in Linux, with a kernel that is played (tests/unit/tee).
define guest_evidence_test
$(B)/$(1)/tests/unit/tee/test_guest: $(call objs,$(1),tests/unit/tee/test_guest.c tests/unit/tee/kernel.c) $(B)/$(1)/libtee.a $(B)/$(1)/libcore.a $(B)/$(1)/libbearssl.a
	@mkdir -p $$(@D)
	$$(CLANG) $(filter -fsanitize%,$(CFLAGS_$(1))) -o $$@ $$^ -lcmocka $$(TEE_LIBS)
endef
$(foreach w,host san,$(eval $(call guest_evidence_test,$(w))))
TESTS += $(B)/san/tests/unit/tee/test_guest
# ... and from EREPORT to the verdict.
TESTS += $(B)/tests/sgx/guest $(B)/tests/sgx/guest-san
