# SPDX-License-Identifier: Apache-2.0
# The trusted runtime: everything in trusted/ and what it uses of core/, linked into one object, in $(B)/trusted/librt.a.
#
# One object, so that all names but the interface (abi/passrt.h, the linker script's) can be made local: a program may
# have functions of the same names, and the runtime's memcpy must not be libc's, which marks cards and polls.
TRUSTED_SRC := $(filter-out %/test_% trusted/testing/% trusted/product/%,$(wildcard trusted/*/*.c trusted/*/*.S trusted/rt/io/*.c))
# What tests hang into the runtime, and what is in its place in what is installed: trusted/rt/testhooks.h.
TRUSTED_TESTING_SRC := $(wildcard trusted/testing/*.c trusted/testing/*.S)
TRUSTED_PRODUCT_SRC := $(wildcard trusted/product/*.c)
TRUSTED_CORE_SRC := $(sort $(CORE_SRC))
TRUSTED_OBJS := $(call objs,trusted,$(TRUSTED_SRC) $(TRUSTED_CORE_SRC)) $(patsubst %,$(B)/trusted/bearssl/%.o,$(BEARSSL_SRC)) \
	$(patsubst %,$(B)/trusted/mbedtls/%.o,$(MBEDTLS_SRC))
# The kernel's headers; an enclave has no libc's.
CFLAGS_trusted += -isystem /usr/include/x86_64-linux-gnu -Werror=noderef
LIBRT := $(B)/trusted/librt.a
IMAGE_LD := trusted/boot/image.ld

TRUSTED_EXPORTS := optmig_entry __optmig_attention __optmig_safepoint __optmig_range __optmig_syscall __optmig_syscall_asm \
	__optmig_cpuid \
	$(foreach k,mark markpoll,$(foreach s,1 16 64 256 1024 4096,$(foreach r,rax rbx rcx rdx rsi rdi rbp r8 r9 r10 r12 r13 r14 r15,__optmig_$(k)$(s)_$(r))))
$(B)/trusted/rt.o: $(TRUSTED_OBJS) $(call objs,trusted,$(TRUSTED_TESTING_SRC)) mk/trusted.mk
	$(call trusted_object,$(filter %.o,$^),$(TRUSTED_EXPORTS) __optmig_verify_store)
$(B)/product/trusted/rt.o: $(TRUSTED_OBJS) $(call objs,trusted,$(TRUSTED_PRODUCT_SRC)) mk/trusted.mk
	@mkdir -p $(@D)
	$(call trusted_object,$(filter %.o,$^),$(TRUSTED_EXPORTS))
# $(call trusted_object,objects,names that stay global); trusted_object_as: the object comes first
define trusted_object_as
	$(LLD) -r -o $(1).all $(2)
	$(OBJCOPY) $(addprefix --keep-global-symbol=,$(3)) $(1).all $(1)
	rm -f $(1).all
endef
trusted_object = $(call trusted_object_as,$@,$(1),$(2))
$(B)/trusted/librt.a $(B)/product/trusted/librt.a: %/librt.a: %/rt.o
	rm -f $@; $(AR) rcs $@ $^
.PHONY: trusted
## make trusted        the enclave's runtime, librt.a
trusted: $(LIBRT)
all: trusted

# Ordinary programs inside an enclave: what they print and return is what they would outside. Each is run a second time
# while it is stopped and resumed all the time.
RT_PROGRAMS := $(patsubst tests/programs/%.c,%,$(wildcard tests/programs/*.c))
RT_PROGRAM_OPTIONS := -Xoptmig debug=1 -Xoptmig heap=1G -Xoptmig threads=32 -Xoptmig elrange=4G
$(B)/tests/programs/%: tests/programs/%.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 $(RT_PROGRAM_OPTIONS) -o $@ $<
$(B)/tests/programs/%.test: $(B)/tests/programs/% tests/programs/run
	@printf '#!/bin/sh\nexec tests/programs/run %s\n' $< > $@
	@chmod +x $@
# The same as verify images: every store must have left its mark when its safepoint interval ends.
$(B)/tests/programs/%.verify: tests/programs/%.c $(TOOLCHAIN) $(SYSROOT_VERIFY)/lib/libc.a
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 -Xoptmig verify $(RT_PROGRAM_OPTIONS) -o $@ $<
# Those whose whole output must be as outside.
$(B)/tests/programs/%.native: tests/programs/%.c | deps
	@mkdir -p $(@D)
	$(CLANG) -O2 -std=gnu17 $< -lpthread -o $@
RT_PROGRAMS_NATIVE := proc calls mapped sigqueue clocks signalfd sysv newer shared queues
$(foreach p,$(RT_PROGRAMS_NATIVE),$(eval $(B)/tests/programs/$(p).test $(B)/tests/programs/$(p).verify.test: $(B)/tests/programs/$(p).native))
TESTS += tests/integration/kept $(foreach p,$(RT_PROGRAMS),$(B)/tests/programs/$(p).test $(B)/tests/programs/$(p).verify.test)
.SECONDARY: $(foreach p,$(RT_PROGRAMS),$(B)/tests/programs/$(p) $(B)/tests/programs/$(p).verify)

# The registers that EEXIT leaves behind.
$(B)/tests/unit/boot/initial_state: tests/unit/boot/test_initial_state.c tests/unit/boot/wash.S trusted/boot/initial_state.h | deps
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_host) $(INC_trusted) $(filter %.c %.S,$^) -o $@
TESTS += $(B)/tests/unit/boot/initial_state

# Those that a thread takes along, wherever its CPU puts them.
$(B)/tests/unit/boot/vector: tests/unit/boot/test_vector.c tests/unit/boot/trial.S trusted/boot/vector.h trusted/rt/offsets.h | deps
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_host) $(INC_trusted) $(filter %.c %.S,$^) -o $@
TESTS += $(B)/tests/unit/boot/vector

# The write watch with a pretended EPCM and host.
$(B)/san/tests/unit/test_watch: $(call objs,san,tests/unit/rt/test_watch.c trusted/rt/watch.c)
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_san) $^ -lcmocka -o $@
TESTS += $(B)/san/tests/unit/test_watch

# Rows of messages with pretended objects.
$(B)/san/tests/unit/test_messages: $(call objs,san,tests/unit/rt/test_messages.c trusted/rt/messages.c)
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_san) $^ -lcmocka -o $@
TESTS += $(B)/san/tests/unit/test_messages

# The owner's grants with a pretended runtime: of what they do not call nothing is linked.
$(B)/san/tests/unit/rt/test_owner.o: CFLAGS_san += -ffunction-sections -Iabi -Icore -Itrusted
$(B)/san/tests/unit/test_owner: $(call objs,san,tests/unit/rt/test_owner.c) $(B)/san/libcore.a $(B)/san/libbearssl.a
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_san) $^ -fuse-ld=lld -Wl,--gc-sections -lcmocka -o $@
TESTS += $(B)/san/tests/unit/test_owner

# Untrusted memory in whole words: the enclave's own objects, watched.
WORDS_SRC := trusted/rt/door.c trusted/rt/appmem.c trusted/boot/copy.S core/frame.c core/cursor.c core/mig/stream.c \
	$(wildcard core/crypto/gcm*.c core/crypto/sha256*.c core/crypto/hmac.c)
$(B)/tests/unit/rt/test_words: tests/unit/rt/test_words.c $(call objs,trusted,$(WORDS_SRC)) | deps
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_common) -O1 -D_GNU_SOURCE $(INC_tests) $$(llvm-config-19 --cflags | grep -o -- '-I[^ ]*') -o $@ $^ \
		$$(llvm-config-19 --ldflags --libs) -lcmocka
TESTS += $(B)/tests/unit/rt/test_words
