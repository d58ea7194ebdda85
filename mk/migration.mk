# SPDX-License-Identifier: Apache-2.0
# Migration tests: programs built with optmig-cc, moved by the real commands.
MIGRATE_PROGRAMS := $(patsubst tests/programs/migrate/%.c,$(B)/tests/migrate/%,$(wildcard tests/programs/migrate/*.c))
# Debug images: they accept the emulated platform (docs/spec/policy.md).
$(B)/tests/migrate/%: tests/programs/migrate/%.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -Xoptmig debug=1 -O2 -std=gnu17 -D_GNU_SOURCE $< -o $@ -lpthread -lm
# The same program with all the registers that an image can ask for.
MIGRATE_PROGRAMS += $(B)/tests/migrate/vectors512
$(B)/tests/migrate/vectors512: tests/programs/migrate/vectors.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -Xoptmig debug=1 -Xoptmig xfrm=avx512 -O2 -std=gnu17 -D_GNU_SOURCE $< -o $@ -lpthread
# The same program, told of its moves.
MIGRATE_PROGRAMS += $(B)/tests/migrate/attest_told
$(B)/tests/migrate/attest_told: tests/programs/migrate/attest.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -Xoptmig debug=1 -Xoptmig after-move.signal=USR1 -O2 -std=gnu17 -D_GNU_SOURCE $< -o $@ -lpthread
ifneq ($(wildcard trusted/engine),)
TESTS += $(addprefix tests/integration/,mig_again mig_owed mig_hostile mig_canary mig_core mig_liars mig_policy mig_ticket unlock lineage mig_address mig_names mig_attest mig_tls mig_reload mig_files mig_users mig_stream mig_faults mig_modes mig_options mig_hosts mig_untracked mig_control control_schema mig_ends mig_badinput mig_link mig_echo mig_move)
TEST_DEPS += $(MIGRATE_PROGRAMS) $(B)/apps/optmig/lighttpd/.built $(B)/apps/optmig/stunnel/.built
endif

# Calls that a container's filter refuses.
$(B)/tests/tools/seccomp_run: tests/tools/seccomp_run.c | deps
	@mkdir -p $(@D)
	$(CLANG) -std=gnu17 -Wall -Wextra -O1 -D_GNU_SOURCE $< -o $@
TESTS += tests/integration/refused_calls
TEST_DEPS += $(MIGRATE_PROGRAMS) $(B)/tests/tools/seccomp_run

# The transport without an enclave, under ASan and UBSan.
TRANSPORT_SRC := host/util.c core/errors.c tests/unit/host/test_transport.c host/control/channel.c \
	$(addprefix host/move/,hello.c sockets.c units.c bucket.c urgent.c niceness.c report_text.c)
$(B)/tests/unit/host_transport: $(call objs,san,$(TRANSPORT_SRC))
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -ljansson -lpthread -o $@
TESTS += $(B)/tests/unit/host_transport
# Hosts that prove their keys.
PEER_SRC := host/util.c core/errors.c $(addprefix host/move/,hello.c sockets.c opening.c lobby.c knock.c) host/peer/key.c host/peer/peers.c
$(B)/tests/unit/host_peer: $(call objs,san,tests/unit/host/test_peer.c $(PEER_SRC)) $(B)/san/libcore.a $(B)/san/libbearssl.a
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lcmocka -lpthread -o $@
TESTS += $(B)/tests/unit/host_peer
# ... and its threads under TSan. (TSan and the emulator's signal handlers do not get on: enclaves run without it.)
$(B)/tests/unit/host_transport_tsan: $(call objs,tsan,$(TRANSPORT_SRC))
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=thread $^ -lcmocka -ljansson -lpthread -o $@
TESTS += $(B)/tests/unit/host_transport_tsan

# What comes on control sockets, and hellos.
FUZZ_CONTROL_SRC := tests/fuzz/fuzz_control.c host/util.c core/errors.c host/control/channel.c host/move/hello.c
$(B)/fuzz/fuzz_control: $(call objs,fuzz,$(FUZZ_CONTROL_SRC))
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ -ljansson
## make fuzz-control   the fuzzer of control sockets and hellos
.PHONY: fuzz-control
fuzz-control: $(B)/fuzz/fuzz_control
TESTS += tests/fuzz/control_replay
TEST_DEPS += $(B)/fuzz/fuzz_control

# What strangers send before they are known, and lists of peers.
FUZZ_PEER_SRC := tests/fuzz/fuzz_peer.c host/util.c host/move/hello.c host/move/opening.c host/peer/key.c host/peer/peers.c
$(B)/fuzz/fuzz_peer: $(call objs,fuzz,$(FUZZ_PEER_SRC)) $(B)/fuzz/libcore.a $(B)/fuzz/libbearssl.a
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^
## make fuzz-peer      the fuzzer of the hosts' handshake and of lists of peers
.PHONY: fuzz-peer
fuzz-peer: $(B)/fuzz/fuzz_peer
TESTS += tests/fuzz/peer_replay
TEST_DEPS += $(B)/fuzz/fuzz_peer

# Every step of a migration with every fault; `make test` takes some rows.
## make soak-faults    the whole fault table (tests/integration/mig_faults), FAULT_JOBS (8) rows at a time
.PHONY: soak-faults
soak-faults: all $(B)/.deps-test $(MIGRATE_PROGRAMS)
	B=$(B) FAULT_STRIDE=1 tests/integration/mig_faults

# A receiver without rights: what it may ask for, what a hostile one gets, and the fuzzer of its requests.
$(B)/tests/unit/host_priv: $(call objs,host,tests/unit/host/test_priv.c $(HOST_TESTING_SRCS) $(filter-out host/cli/main.c,$(HOST_SRCS)) $(HOST_CORE_SRCS) $(HOST_TEE_SRCS)) $(HOST_EXTRA_ARCHIVES)
	@mkdir -p $(@D)
	$(CLANG) -Wl,--as-needed -pie $^ $(HOST_LIBS) -o $@
TESTS += $(B)/tests/unit/host_priv tests/integration/mig_sandbox
FUZZ_PRIV_SRC := tests/fuzz/fuzz_priv.c host/priv/decode.c host/priv/allowed.c
$(B)/fuzz/fuzz_priv: $(call objs,fuzz,$(FUZZ_PRIV_SRC))
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^
## make fuzz-priv      the fuzzer of what a receiver without rights asks of its server
.PHONY: fuzz-priv
fuzz-priv: $(B)/fuzz/fuzz_priv
TESTS += tests/fuzz/priv_replay
TEST_DEPS += $(B)/fuzz/fuzz_priv
