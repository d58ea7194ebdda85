# SPDX-License-Identifier: Apache-2.0
# A fleet: the verbs of `optmig cluster`, the resource agent, and three real nodes in namespaces to try them on.
DEPS_FLEET := pacemaker pacemaker-cli-utils corosync resource-agents iproute2 nftables openssl libxml2-utils
# Corosync and Pacemaker are not to start on this machine: --inert.
$(B)/.deps-fleet: mk/fleet.mk tools/deps | deps
	tools/deps --inert $(DEPS_FLEET)
	@touch $@
DEPS_BUILD += libxml2-dev

# What `optmig cluster` becomes: nothing else reads XML.
CLUSTER_SRCS := $(wildcard host/service/cluster/*.c)
$(foreach s,$(CLUSTER_SRCS),$(eval CFLAGS_host_$(subst /,_,$(basename $(s))) := -I/usr/include/libxml2))
$(B)/libexec/optmig-cluster: $(call objs,host,$(CLUSTER_SRCS) host/util.c host/cli/getopt.c host/move/units.c core/errors.c)
	@mkdir -p $(@D)
	$(CLANG) -Wl,-z,now,--as-needed -pie $^ -lxml2 -ljansson -lpthread -o $@
optmig: $(B)/libexec/optmig-cluster

# A program that witnesses its own life.
$(B)/tests/fleet/witness: tests/fleet/witness.c $(B)/bin/optmig-cc
	@mkdir -p $(@D)
	OPTMIG_QUIET=1 $(B)/bin/optmig-cc -O2 -o $@ $<
FLEET_TEST_DEPS := $(B)/.deps-fleet $(B)/tests/fleet/witness
TESTS += tests/fleet/table tests/fleet/agent tests/fleet/scale
TEST_DEPS += $(FLEET_TEST_DEPS)
## make test-fleet     three nodes with real Corosync and Pacemaker: everything that a cluster does to living programs, all verbs (an hour)
.PHONY: test-fleet demo-fleet
test-fleet: all $(B)/.deps-test $(FLEET_TEST_DEPS)
	B=$(B) tests/fleet/agent
	B=$(B) tests/fleet/table --all
	B=$(B) tests/fleet/verbs
	B=$(B) tests/fleet/scale 40 800 4
	B=$(B) tests/fleet/scale 100 2000 10 10 5
	SCALE_SECONDS=60 B=$(B) tests/fleet/scale 100 2000 10 0
## make soak-fleet     drains of three nodes with faults at random until COUNT (500) programs have moved, for at most SOAK_MINUTES (60)
.PHONY: soak-fleet
soak-fleet: all $(B)/.deps-test $(FLEET_TEST_DEPS) $(B)/apps/optmig/redis/.built $(REDIS_CLIENT)
	B=$(B) COUNT=$(or $(COUNT),500) tests/fleet/soak
## make demo-fleet     three nodes, eight programs under load, each node drained in turn: what their clients saw, a table
FLEET_APPS := $(foreach a,redis memcached lighttpd kernels,$(B)/apps/optmig/$(a)/.built)
demo-fleet: all $(FLEET_APPS) $(REDIS_CLIENT) $(MEMCACHED_CLIENT) $(HTTP_CLIENT) $(B)/.deps-fleet $(B)/.deps-demo
	tools/demo-fleet
