# SPDX-License-Identifier: Apache-2.0
# Encrypted files as programs see them, moved and under a host that alters them. What a program has below e/, where it is started, is encrypted.
VAULT_CC := $(B)/bin/optmig-cc -O2 -std=gnu17 -D_GNU_SOURCE -Xoptmig debug=1 -Xoptmig heap=64M -Xoptmig elrange=1G -Xoptmig threads=4
$(B)/tests/vault/steps: tests/programs/vault/steps.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	printf 'files = { encrypted = ["e/"], allowed = "any" }\n' > $(@D)/optmig.toml
	$(VAULT_CC) $< -o $@
$(B)/tests/vault/seal/ledger: tests/programs/vault/ledger.c $(B)/apps/optmig/sqlite/.built
	@mkdir -p $(@D)
	printf 'lineage = "seal"\nfiles = { encrypted = ["e/"], allowed = "any" }\n' > $(@D)/optmig.toml
	$(VAULT_CC) -I$(B)/apps/optmig/sqlite $< $(B)/apps/optmig/sqlite/sqlite3.o -o $@
$(B)/tests/vault/native/steps: tests/programs/vault/steps.c | deps
	@mkdir -p $(@D)
	$(CLANG) -O2 -std=gnu17 -D_GNU_SOURCE $< -o $@
$(B)/tests/vault/native/ledger: tests/programs/vault/ledger.c $(B)/apps/native/sqlite/.built
	@mkdir -p $(@D)
	$(CLANG) -O2 -std=gnu17 -D_GNU_SOURCE -I$(B)/apps/native/sqlite $< $(B)/apps/native/sqlite/sqlite3.o -lpthread -lm -o $@
# The objects of the unmodified server, linked once more: what it has below e/ is encrypted.
$(B)/tests/vault/redis/redis-server: $(B)/apps/optmig/redis/.built
	@mkdir -p $(@D)
	printf 'lineage = "seal"\nfiles = { encrypted = ["e/"], allowed = "any" }\n' > $(@D)/optmig.toml
	$(B)/bin/optmig-cc -Xoptmig debug=1 -Xoptmig heap=256M -Xoptmig elrange=2G $(B)/apps/optmig/redis/src/src/*.o \
		$(addprefix $(B)/apps/optmig/redis/src/deps/,hiredis/libhiredis.a lua/src/liblua.a hdr_histogram/libhdrhistogram.a) -lm -ldl -lpthread -o $@
VAULT_PROGRAMS := $(addprefix $(B)/tests/vault/,steps seal/ledger redis/redis-server native/steps native/ledger)
TESTS += $(addprefix tests/integration/,vault vault_redis vault_upgrade vault_canary file)
TEST_DEPS += $(VAULT_PROGRAMS)
## make vault-mutants  faults put into the encrypted files, one at a time: the unit test must find each (minutes)
.PHONY: vault-mutants
vault-mutants: $(B)/host/tests/unit/test_vault
	B=$(B) tests/soundness/vault_mutants
