# SPDX-License-Identifier: Apache-2.0
# Migration tests: programs built with optmig-cc, moved by the real commands.
MIGRATE_PROGRAMS := $(patsubst tests/programs/migrate/%.c,$(B)/tests/migrate/%,$(wildcard tests/programs/migrate/*.c))
# Debug images: they accept the emulated platform (docs/spec/policy.md).
$(B)/tests/migrate/%: tests/programs/migrate/%.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -Xoptmig debug=1 -O2 -std=gnu17 -D_GNU_SOURCE $< -o $@ -lpthread -lm
ifneq ($(wildcard trusted/mig),)
TESTS += $(addprefix tests/integration/,mig_again mig_modes mig_untracked mig_control mig_badinput mig_link mig_echo mig_move)
TEST_DEPS += $(MIGRATE_PROGRAMS)
endif

# The transport without an enclave, under ASan and UBSan.
TRANSPORT_SRC := host/util.c core/errors.c tests/unit/host/test_transport.c host/daemon/channel.c \
	$(addprefix host/mig/,hello.c link.c units.c bucket.c urgent.c)
$(B)/tests/unit/host_transport: $(call objs,san,$(TRANSPORT_SRC))
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -ljansson -lpthread -o $@
TESTS += $(B)/tests/unit/host_transport
