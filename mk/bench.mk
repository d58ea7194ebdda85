# SPDX-License-Identifier: Apache-2.0
# Measurements. Ratios side by side in one run; each target writes JSON to $(B)/bench and a page to docs/.
BENCH_PROGRAMS := $(foreach p,syscalls true,$(B)/bench/programs/$(p)-native $(B)/bench/programs/$(p)-enclave)
$(B)/bench/programs/%-native: bench/programs/%.c | deps
	@mkdir -p $(@D)
	$(CLANG) -O2 -std=gnu17 -D_GNU_SOURCE $< -o $@ -lpthread
$(B)/bench/programs/%-enclave: bench/programs/%.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 -std=gnu17 -D_GNU_SOURCE $< -o $@ -lpthread
BENCH_APPS = $(foreach v,optmig native,$(foreach a,redis memcached sqlite kernels,$(B)/apps/$(v)/$(a)/.built))
## make bench-runtime  inside an enclave against native: programs, system calls, start-up
.PHONY: bench-runtime
bench-runtime: all $(BENCH_PROGRAMS) $(BENCH_APPS) $(REDIS_CLIENT) $(MEMCACHED_CLIENT)
	bench/runtime $(BENCH_ARGS)

$(B)/.deps-bench: mk/bench.mk | deps
	tools/deps gnuplot-nox
	@touch $@
DATAPATH_OBJS := $(B)/host/libcore.a $(B)/host/libbearssl.a
$(B)/bench/programs/datapath: $(B)/host/bench/programs/datapath.o $(DATAPATH_OBJS)
	@mkdir -p $(@D)
	$(CLANG) $^ -o $@ -lpthread
## make bench-migrate  downtime, gap, total time against footprint and mode (BENCH_ARGS="--sizes 1G --modes stop,auto")
.PHONY: bench-migrate
bench-migrate: all $(B)/bench/programs/datapath $(B)/apps/optmig/kernels/.built $(B)/.deps-bench
	bench/migrate $(BENCH_ARGS)
