# SPDX-License-Identifier: Apache-2.0
# Tests of the image store (host/store) and of what a receiver starts.
STORE_TEST_SRC := tests/unit/store/test_store.c $(wildcard host/store/*.c) host/load/imageread.c host/util.c tee/sigstruct.c \
	core/errors.c core/measure.c core/imagefile.c core/crypto/sha256.c core/crypto/sha256_ni.c
$(B)/tests/unit/store_test: $(call objs,san,$(STORE_TEST_SRC))
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -ljansson -lcrypto -lpthread -o $@
# It has to be told of a real image.
$(B)/tests/unit/store: $(B)/tests/unit/store_test $(B)/tests/load/mini
	@printf '#!/bin/sh\nOPTMIG_TEST_IMAGE=%s exec %s\n' $(B)/tests/load/mini $< > $@; chmod +x $@
TESTS += $(B)/tests/unit/store

# What a receiver starts, and what it opens meanwhile.
$(B)/tests/tools/watch_calls: tests/tools/watch_calls.c | deps
	@mkdir -p $(@D)
	$(CLANG) -std=gnu17 -Wall -Wextra -O1 -D_GNU_SOURCE $< -o $@
ifneq ($(wildcard trusted/engine),)
TESTS += tests/integration/mig_images
TEST_DEPS += $(MIGRATE_PROGRAMS) $(B)/tests/tools/watch_calls $(B)/tests/load/mini
endif

# What stands in an entry.
FUZZ_STORE_SRC := tests/fuzz/fuzz_store_entry.c $(filter-out tests/unit/%,$(STORE_TEST_SRC))
$(B)/fuzz/fuzz_store_entry: $(call objs,fuzz,$(FUZZ_STORE_SRC))
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ -ljansson -lcrypto -lpthread
## make fuzz-store     the fuzzer of the image store's entries
.PHONY: fuzz-store
fuzz-store: $(B)/fuzz/fuzz_store_entry
TESTS += tests/fuzz/store_replay
TEST_DEPS += $(B)/fuzz/fuzz_store_entry
