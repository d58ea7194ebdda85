# SPDX-License-Identifier: Apache-2.0
# A fleet: the verbs of `optmig cluster`, the resource agent, and three real nodes in namespaces to try them on.
DEPS_FLEET := pacemaker pacemaker-cli-utils corosync resource-agents iproute2 nftables openssl libxml2-utils
# Corosync and Pacemaker are not to start on this machine: --inert.
$(B)/.deps-fleet: mk/fleet.mk tools/deps | deps
	tools/deps --inert $(DEPS_FLEET)
	@touch $@
$(B)/.deps-cluster: mk/fleet.mk | deps
	tools/deps libxml2-dev
	@touch $@

# What `optmig cluster` becomes: nothing else reads XML.
CFLAGS_cluster := -I/usr/include/libxml2
$(foreach f,main tool snapshot plan show drain add,$(eval CFLAGS_host_host_service_cluster_$(f) := $(CFLAGS_cluster)))
$(call objs,host,$(wildcard host/service/cluster/*.c)): | $(B)/.deps-cluster
$(B)/libexec/optmig-cluster: $(call objs,host,$(wildcard host/service/cluster/*.c) host/util.c host/cli/getopt.c host/mig/units.c core/errors.c)
	@mkdir -p $(@D)
	$(CLANG) -Wl,-z,now,--as-needed -pie $^ -lxml2 -ljansson -lpthread -o $@
optmig: $(B)/libexec/optmig-cluster
