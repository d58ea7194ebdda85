# SPDX-License-Identifier: Apache-2.0
# Load clients of the demo, the tests and the benchmarks.
REDIS_CLIENT := $(B)/tests/tools/redis_client
MEMCACHED_CLIENT := $(B)/tests/tools/memcached_client
HTTP_CLIENT := $(B)/tests/tools/http_client
$(REDIS_CLIENT) $(MEMCACHED_CLIENT) $(HTTP_CLIENT): $(B)/tests/tools/%: tests/tools/%.c tests/tools/netclient.c tests/tools/netclient.h | deps
	@mkdir -p $(@D)
	$(CLANG) $(filter-out -Wmissing-prototypes,$(CFLAGS_host)) $(filter %.c,$^) -o $@ -lpthread
$(B)/.deps-demo: mk/demo.mk | deps
	tools/deps curl iproute2 nftables openssl
	@touch $@
## make demo           move a real redis with data and clients (DEMO_SIZE=4G), print and save the report
demo: all $(B)/apps/optmig/redis/.built $(REDIS_CLIENT) $(B)/.deps-demo
	tools/demo
## make demo-owner     a production redis with an owner: measured launch, tickets, and what is refused; a table
demo-owner: all $(B)/apps/optmig/redis/.built $(REDIS_CLIENT) $(B)/.deps-demo
	tools/demo-owner
## make demo-attested  a TLS server and SQLite on an encrypted file: secrets from the owner, verified by clients, moved, upgraded; a table
demo-attested: all $(B)/apps/optmig/lighttpd/.built $(B)/apps/optmig/sqlite/.built $(HTTP_CLIENT) $(B)/.deps-demo
	tools/demo-attested
## make demo-tee       a production redis under load moves from a host into a confidential guest, to another guest, and back: QEMU, emulated processor; a table
demo-tee: all $(B)/apps/optmig/redis/.built $(REDIS_CLIENT) $(B)/.deps-demo guest-kernel
	tools/deps qemu-system-x86
	tools/demo-tee
## make demo-containers  a redis under load moves from a host into a podman container, into one of another host, and back; what containers need; a table
demo-containers: all $(B)/apps/optmig/redis/.built $(REDIS_CLIENT) $(B)/.deps-demo
	tools/deps podman crun
	tools/demo-containers
.PHONY: demo-owner demo-attested demo-tee demo-containers
