# SPDX-License-Identifier: Apache-2.0
# The host side: `optmig` with its loader, and the images' program interpreter.
HOST_SRCS := $(wildcard host/*.c host/*/*.c host/*/*.S)
HOST_SRCS := $(filter-out host/load/interp.c host/evidence/% host/service/% host/testing/% host/product/%,$(HOST_SRCS)) $(addprefix host/service/,program.c record.c life.c)
# What tests hang into the host, and what is in its place in what is installed: host/testhooks.h.
HOST_TESTING_SRCS := $(wildcard host/testing/*.c tee/evidence/demo/snp_*.c)
HOST_PRODUCT_SRCS := $(wildcard host/product/*.c)
HOST_CORE_SRCS := $(wildcard core/*.c core/*/*.c core/*/*/*.c)
# Without the forger of guests' evidence: only tests make any.
HOST_TEE_SRCS := $(filter-out tee/evidence/demo/snp_%,$(wildcard tee/*.c tee/*/*.c tee/*/*.S tee/*/*/*.c))
HOST_LIBS := -ljansson -lnftables -lmnl -lssl -lcrypto -lpthread -ldl
CFLAGS_host_host_cli_main := -DOPTMIG_VERSION='"$(VERSION)"'
CFLAGS_san_host_cli_main := $(CFLAGS_host_host_cli_main)

## make optmig         the host program, $(B)/bin/optmig
.PHONY: optmig
optmig: $(B)/bin/optmig $(B)/libexec/optmig-interp $(B)/libexec/optmig-evidence
ifneq ($(wildcard tee/platform.c),)
all: optmig
endif
HOST_OBJS := $(call objs,host,$(HOST_SRCS) $(HOST_CORE_SRCS) $(HOST_TEE_SRCS)) $(HOST_EXTRA_ARCHIVES)
$(B)/bin/optmig: $(call objs,host,$(HOST_TESTING_SRCS)) $(HOST_OBJS)
$(B)/product/bin/optmig: $(call objs,host,$(HOST_PRODUCT_SRCS)) $(HOST_OBJS)
$(B)/bin/optmig $(B)/product/bin/optmig:
	@mkdir -p $(@D)
	$(CLANG) -Wl,-z,now,--as-needed -pie $^ $(HOST_LIBS) -o $@
$(B)/bin/optmig-san: $(call objs,san,$(HOST_TESTING_SRCS) $(HOST_SRCS) $(HOST_CORE_SRCS) $(HOST_TEE_SRCS)) $(SAN_EXTRA_ARCHIVES)
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined -pie $^ $(HOST_LIBS) -o $@

# What `optmig evidence --listen` becomes: nothing else has a server for HTTP in it.
$(B)/libexec/optmig-evidence: $(call objs,host,$(wildcard host/evidence/*.c) host/util.c $(addprefix host/control/,client.c channel.c evidence.c rundir.c)) \
		$(B)/host/libcore.a $(B)/host/libbearssl.a
	@mkdir -p $(@D)
	$(CLANG) -Wl,-z,now,--as-needed -pie $^ -ljansson -lmicrohttpd -lpthread -o $@

# $(call interp,path of the loader)
interp = $(CLANG) -std=gnu17 $(WARN) -O2 -ffreestanding -fPIE -fno-stack-protector -fcf-protection=none -nostdlib -static-pie \
	-fuse-ld=lld -Wl,--no-dynamic-linker,--build-id=none,-z,norelro,-z,noseparate-code -DOPTMIG_LOADER_PATH='"$(1)"' host/load/interp.c
$(B)/libexec/optmig-interp: host/load/interp.c mk/host.mk | deps
	@mkdir -p $(@D)
	$(call interp,$(abspath $(B))/bin/optmig) -o $@

# ---- tests ---------------------------------------------------------------------------------------------------
# What host/net asks where it may not itself.
HOST_PRIV_CLIENT := host/priv/client.c host/priv/allowed.c
HOST_NET_SRCS := $(wildcard host/net/*.c) $(HOST_PRIV_CLIENT) host/util.c core/errors.c core/cursor.c
$(B)/tests/tcp_move: $(call objs,san,tests/integration/net/tcp_move.c $(HOST_NET_SRCS))
	@mkdir -p $(@D)
	$(CLANG) -fsanitize=address,undefined $^ -lnftables -lmnl -lpthread -o $@
TESTS += $(B)/tests/tcp_move

# A host that enters where it should not.
$(B)/tests/hostile/optmig: $(call objs,host,$(HOST_TESTING_SRCS) tests/integration/hostile_entries.c) $(HOST_OBJS)
	@mkdir -p $(@D)
	$(CLANG) -Wl,--as-needed,--wrap=tee_enter -pie $^ $(HOST_LIBS) -o $@
TESTS += tests/integration/hostile_entries
TEST_DEPS += $(B)/tests/hostile/optmig $(B)/tests/programs/faults

# The loader's test image: no runtime of ours, only the protocol.
MINI_DIR := tests/integration/load
$(B)/tests/load/mini: $(addprefix $(MINI_DIR)/,mini.c mini_entry.S mini.ld) $(wildcard abi/*.h) $(B)/bin/optmig-sign $(B)/libexec/optmig-interp
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_trusted) -Iabi -DOPTMIG_INTERPRETER='"$(abspath $(B))/libexec/optmig-interp"' -nostdlib -static -no-pie \
		-fuse-ld=lld -Wl,-T,$(MINI_DIR)/mini.ld,--build-id=none,-z,max-page-size=4096,-z,norelro $(filter %.c %.S,$^) -o $@.new
	[ -e $(@D)/key.pem ] || $(B)/bin/optmig-sign --make-key $(@D)/key.pem
	$(B)/bin/optmig-sign --key $(@D)/key.pem $@.new
	mv $@.new $@
TESTS += $(MINI_DIR)/run_test.sh $(B)/tests/load/run_test_san
TEST_DEPS += $(B)/tests/load/mini $(B)/bin/optmig
# The same with ASan and UBSan in everything outside the enclave.
$(B)/tests/load/run_test_san: $(B)/bin/optmig-san $(B)/tests/load/mini
	@printf '#!/bin/sh\nexport ASAN_OPTIONS=detect_leaks=0 OPTMIG=$(B)/bin/optmig-san\nexec $(MINI_DIR)/run_test.sh\n' > $@; chmod +x $@

## make fuzz-tcp-blob  the fuzzer of dumped connections (run it by hand: libFuzzer options)
.PHONY: fuzz-tcp-blob
fuzz-tcp-blob: $(B)/fuzz/fuzz_tcp_blob
$(B)/fuzz/fuzz_tcp_blob: $(call objs,fuzz,tests/fuzz/fuzz_tcp_blob.c host/net/tcp_blob.c host/net/options.c $(HOST_PRIV_CLIENT) host/util.c core/errors.c core/cursor.c)
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^
TESTS += tests/fuzz/tcp_blob_replay.sh
TEST_DEPS += $(B)/fuzz/fuzz_tcp_blob

# Programs in enclaves, seen from outside.
HOST_PROGRAMS := $(patsubst tests/programs/host/%.c,$(B)/tests/host/%,$(wildcard tests/programs/host/*.c))
$(HOST_PROGRAMS): $(B)/tests/host/%: tests/programs/host/%.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 -std=gnu17 -D_GNU_SOURCE -Xoptmig debug=1 $< -o $@
$(B)/tests/host/%.native: tests/programs/host/%.c | deps
	@mkdir -p $(@D)
	$(CLANG) -O2 -std=gnu17 -D_GNU_SOURCE $< -o $@
ifneq ($(wildcard toolchain/cc/main.c),)
TESTS += tests/integration/like_native tests/integration/refusals tests/integration/hostile_host tests/integration/bad_image tests/integration/mapped_writes
TEST_DEPS += $(HOST_PROGRAMS) $(B)/tests/host/like_native.native $(B)/apps/optmig/redis/.built
endif
