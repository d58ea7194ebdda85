# SPDX-License-Identifier: Apache-2.0
REDIS_CLIENT := $(B)/tests/tools/redis_client
$(REDIS_CLIENT): tests/tools/redis_client.c | deps
	@mkdir -p $(@D)
	$(CLANG) $(CFLAGS_host) $< -o $@ -lpthread
$(B)/.deps-demo: mk/demo.mk | deps
	tools/deps iproute2 nftables
	@touch $@
## make demo           move a real redis with data and clients (DEMO_SIZE=4G), print and save the report
demo: all $(B)/apps/optmig/redis/.built $(REDIS_CLIENT) $(B)/.deps-demo
	tools/demo
