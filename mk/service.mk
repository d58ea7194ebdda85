# SPDX-License-Identifier: Apache-2.0
# The host's service (host/service): optmigd, its keeper of programs, and its process that hears the network.
DEPS_BUILD += libsystemd-dev libgnutls28-dev
SERVICE_MAIN := $(filter-out host/service/keeper.c host/service/https.c host/service/https_filter.c host/service/page.c host/service/wire.c host/service/trust.c,$(wildcard host/service/*.c))
# Units, and what they say.
SERVICE_UNIT := host/service/unit.c host/move/units.c host/move/report.c host/util.c
SERVICE_SRCS := $(sort $(SERVICE_MAIN) $(SERVICE_UNIT) $(wildcard host/store/*.c) host/load/imageread.c tee/sigstruct.c core/measure.c core/imagefile.c \
	$(addprefix host/control/,client.c channel.c rundir.c) host/move/sockets.c host/cli/getopt.c)
CFLAGS_host_host_service_main := -DOPTMIG_VERSION='"$(VERSION)"'
CFLAGS_host_host_service_host := -DOPTMIG_VERSION='"$(VERSION)"'
CFLAGS_host_host_service_unit_file := -Itoolchain
CFLAGS_san_host_service_unit_file := -Itoolchain
## make optmigd        the host's service, $(B)/bin/optmigd
.PHONY: optmigd
SERVICE_PROGRAMS := $(B)/bin/optmigd $(B)/libexec/optmig-keeper $(B)/libexec/optmigd-https
optmigd: $(SERVICE_PROGRAMS)
all: optmigd
$(B)/bin/optmigd: $(call objs,host,$(SERVICE_SRCS)) $(B)/host/toolchain/cc/options_toml.o $(B)/host/libcore.a $(B)/host/libbearssl.a
	@mkdir -p $(@D)
	$(CLANGXX) -Wl,-z,now,--as-needed -pie $^ -ljansson -lsystemd -lcrypto -lpthread -o $@
$(B)/libexec/optmig-keeper: $(call objs,host,$(addprefix host/service/,keeper.c record.c life.c program.c) \
	$(addprefix host/control/,client.c channel.c rundir.c) host/util.c) $(B)/host/libcore.a
	@mkdir -p $(@D)
	$(CLANG) -Wl,-z,now,--as-needed -pie $^ -ljansson -o $@
$(B)/libexec/optmigd-https: $(call objs,host,$(addprefix host/service/,https.c https_filter.c page.c page_files.S trust.c wire.c) host/control/channel.c $(SERVICE_UNIT)) $(B)/host/libcore.a
	@mkdir -p $(@D)
	$(CLANG) -Wl,-z,now,--as-needed -pie $^ -lmicrohttpd -lgnutls -lcurl -ljansson -lssl -lcrypto -lpthread -o $@
# The page's files are part of the program.
$(B)/host/host/service/page_files.o: $(wildcard host/service/web/*)

# ---- tests ---------------------------------------------------------------------------------------------------
SERVICE_UNIT_TEST := tests/unit/service/test_unit.c host/service/divide.c host/service/unit_file.c host/service/record.c host/service/wire.c host/control/rundir.c $(SERVICE_UNIT) core/errors.c
CFLAGS_san_tests_unit_service_test_unit := -Itoolchain
$(B)/san/toolchain/cc/options_toml.o: toolchain/cc/options_toml.cpp | deps
	@mkdir -p $(@D)
	$(CLANGXX) -std=c++17 -O1 -g -w -fsanitize=address,undefined -fno-sanitize-recover=undefined -MMD -MP -c $< -o $@
$(B)/tests/unit/service_unit: $(call objs,san,$(SERVICE_UNIT_TEST)) $(B)/san/toolchain/cc/options_toml.o
	@mkdir -p $(@D)
	$(CLANGXX) -fsanitize=address,undefined $^ -lcmocka -ljansson -lpthread -o $@
TESTS += $(B)/tests/unit/service_unit

# What other hosts send.
$(B)/fuzz/fuzz_service: $(call objs,fuzz,tests/fuzz/fuzz_service.c host/service/wire.c $(SERVICE_UNIT) core/errors.c)
	$(CLANG) -fsanitize=fuzzer,address,undefined -o $@ $^ -ljansson
## make fuzz-service   the fuzzer of what other hosts' optmigd send
.PHONY: fuzz-service
fuzz-service: $(B)/fuzz/fuzz_service
TESTS += tests/fuzz/service_replay
TEST_DEPS += $(B)/fuzz/fuzz_service

$(B)/tests/tools/other_clock.so: tests/tools/other_clock.c
	@mkdir -p $(@D)
	$(CLANG) -std=gnu17 -O2 -Wall -Wextra -Werror -shared -fPIC $< -o $@

ifneq ($(wildcard trusted/engine),)
TESTS += tests/integration/service tests/integration/service_badinput tests/integration/service_boot tests/integration/service_certificates tests/integration/service_ticket tests/integration/service_metrics tests/integration/service_web
TEST_DEPS += $(MIGRATE_PROGRAMS) $(SERVICE_PROGRAMS) $(B)/tests/tools/other_clock.so
endif

# The page in a browser: a large package, so it is not of `make test`.
DEPS_WEB := chromium chromium-driver libnss3-tools fonts-dejavu-core openssl iproute2
$(B)/.deps-web: mk/service.mk tools/deps | deps
	tools/deps $(DEPS_WEB)
	@touch $@
## make test-web       the page in a headless Chromium: two hosts, a cluster of three, 500 moves; screenshots in $(B)/web (half an hour)
.PHONY: test-web
test-web: all $(B)/.deps-test $(B)/.deps-web $(MIGRATE_PROGRAMS) $(B)/.deps-fleet $(B)/tests/fleet/witness
	B=$(B) tests/integration/service_web
	B=$(B) SERVICE_PAGE_MOVES=$(or $(MOVES),500) tests/integration/service_page
	B=$(B) tests/fleet/web
