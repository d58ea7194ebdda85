# SPDX-License-Identifier: Apache-2.0
# The host's service (host/service): optmigd, its keeper of programs, and its process that hears the network.
DEPS_BUILD += libsystemd-dev libgnutls28-dev
SERVICE_MAIN := $(filter-out host/service/keeper.c host/service/https.c host/service/https_filter.c host/service/wire.c,$(wildcard host/service/*.c))
# Units, and what they say.
SERVICE_UNIT := host/service/unit.c host/mig/units.c host/mig/report.c host/util.c
SERVICE_SRCS := $(sort $(SERVICE_MAIN) $(SERVICE_UNIT) $(wildcard host/store/*.c) host/load/imageread.c tee/sigstruct.c core/measure.c core/imagefile.c \
	$(addprefix host/daemon/,client.c channel.c rundir.c) host/mig/link.c host/cli/getopt.c)
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
$(B)/libexec/optmig-keeper: $(call objs,host,host/service/keeper.c host/service/record.c host/util.c) $(B)/host/libcore.a
	@mkdir -p $(@D)
	$(CLANG) -Wl,-z,now,--as-needed -pie $^ -ljansson -o $@
$(B)/libexec/optmigd-https: $(call objs,host,$(addprefix host/service/,https.c https_filter.c wire.c) host/daemon/channel.c $(SERVICE_UNIT)) $(B)/host/libcore.a
	@mkdir -p $(@D)
	$(CLANG) -Wl,-z,now,--as-needed -pie $^ -lmicrohttpd -lgnutls -lcurl -ljansson -lcrypto -lpthread -o $@
