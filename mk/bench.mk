# SPDX-License-Identifier: Apache-2.0
# Measurements. Ratios side by side in one run; each target writes JSON to $(B)/bench and a page to docs/.
BENCH_PROGRAMS := $(foreach p,syscalls blocks true,$(B)/bench/programs/$(p)-native $(B)/bench/programs/$(p)-enclave)
$(B)/bench/programs/%-native: bench/programs/%.c | deps
	@mkdir -p $(@D)
	$(CLANG) -O2 -std=gnu17 -D_GNU_SOURCE $< -o $@ -lpthread
$(B)/bench/programs/%-enclave: bench/programs/%.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 -std=gnu17 -D_GNU_SOURCE $< -o $@ -lpthread
# This file is read before the one that names the clients.
BENCH_CLIENTS := $(foreach c,redis memcached http,$(B)/tests/tools/$(c)_client)
$(B)/bench/programs/true-8g: bench/programs/true.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 -Xoptmig heap=8G $< -o $@
$(B)/bench/programs/touch: bench/programs/touch.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 -Xoptmig heap=9G $< -o $@
BENCH_PROGRAMS += $(B)/bench/programs/true-8g $(B)/bench/programs/touch
BENCH_APPS = $(foreach v,optmig native,$(foreach a,redis memcached sqlite kernels leveldb llama,$(B)/apps/$(v)/$(a)/.built))
## make bench-runtime  inside an enclave against native: programs, system calls, start-up
.PHONY: bench-runtime
bench-runtime: all $(BENCH_PROGRAMS) $(BENCH_APPS) $(BENCH_CLIENTS)
	bench/runtime $(BENCH_ARGS)

$(B)/.deps-bench: mk/bench.mk | deps
	tools/deps gnuplot-nox
	tools/deps qemu-system-x86 criu || echo "bench: without QEMU or CRIU to compare with"
	@touch $@
DATAPATH_OBJS := $(B)/host/bench/programs/common.o $(B)/host/libcore.a $(B)/host/libbearssl.a
$(B)/bench/programs/datapath: $(B)/host/bench/programs/datapath.o $(DATAPATH_OBJS)
	@mkdir -p $(@D)
	$(CLANG) $^ -o $@ -lpthread
# User space of the guest that bench/alternatives moves with QEMU, and a kernel for it; neither is installed on this machine.
$(B)/bench/programs/guest: bench/programs/guest.c | deps
	@mkdir -p $(@D)
	$(CLANG) -O2 -static $< -o $@
$(B)/bench/guest-kernel/.unpacked: $(B)/.deps-bench
	@mkdir -p $(@D)
	cd $(@D) && apt-get download "$$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-.*\)/\1/p')" && dpkg-deb -x linux-image-*.deb . && rm -f *.deb
	@touch $@
$(B)/bench/programs/sparse: bench/programs/sparse.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 -Xoptmig heap=1000G -Xoptmig elrange=1024G $< -o $@
## make bench-sparse   does the stop grow with address space? little and much memory, as many pages touched
.PHONY: bench-sparse
bench-sparse: all $(B)/bench/programs/sparse
	bench/sparse $(BENCH_ARGS)
## make bench-cipher   AES-256-GCM of each kind of CPU against OpenSSL on the same, as JSON
.PHONY: bench-cipher
bench-cipher: $(B)/bench/programs/datapath
	bench/cipher $(BENCH_ARGS)
$(B)/bench/programs/checkpoint: $(B)/host/bench/programs/checkpoint.o $(DATAPATH_OBJS)
	@mkdir -p $(@D)
	$(CLANG) $^ -o $@ -lpthread

## make bench-connections  downtime with many TCP connections
.PHONY: bench-connections
bench-connections: all
	bench/connections $(BENCH_ARGS)

# The whole: results gather in $(B)/bench, bench/write-page writes docs/benchmarks.md of them.
BENCH_SUITE := $(foreach v,optmig native,$(foreach a,kernels sqlite libsvm openssl,$(B)/apps/$(v)/$(a)/.built)) $(foreach a,redis memcached lighttpd,$(B)/apps/optmig/$(a)/.built)
.PHONY: bench bench-full bench-programs
bench-programs: all $(BENCH_SUITE) $(BENCH_CLIENTS) $(B)/bench/programs/datapath $(B)/bench/programs/checkpoint $(B)/bench/programs/guest \
	$(B)/bench/guest-kernel/.unpacked $(B)/.deps-bench $(B)/.deps-demo
## make bench          short: footprints to 2 GB, the suite at 512 MB, baselines; docs/benchmarks.md
bench: bench-programs
	bench/micro --sizes 500M,1G,2G --modes stop,postcopy,auto
	bench/micro --keep --sizes 1G --modes stop,auto --profiles icelake
	bench/micro --sizes 1G --modes auto,postcopy --timeline
	bench/suite --size 512M
	bench/alternatives --sizes 1G,2G
	bench/write-page
## make bench-migrate  every mode from 256 MB to 8 GB and several dirty rates; an hour
.PHONY: bench-migrate
bench-migrate: bench-programs
	bench/micro --keep --sizes 256M,512M,1G,2G,4G,8G
	bench/micro --keep --sizes 1G,4G --rates 200,4000,0
	bench/suite --keep --size 4Gi --only redis --modes stop,auto,hybrid,postcopy
	bench/write-page
## make bench-full     1 to 20 GB, all modes, three rounds, profiles, shaped links, the suite at 2 GB; hours
bench-full: bench-programs
	bench/micro --sizes 256M,512M,1G,2G,4G,8G --modes stop,precopy,hybrid,postcopy,auto --rounds 3
	bench/micro --keep --sizes 1G,4G --rates 200,4000,0
	bench/micro --keep --sizes 16G,20G --modes stop,postcopy,auto --rounds 3
	bench/micro --keep --sizes 4G --modes stop,auto,postcopy --locality zipf --rates 0 --rounds 3
	bench/micro --keep --sizes 1G,4G --modes stop,postcopy,auto --profiles icelake --rounds 3
	bench/micro --keep --sizes 1G,4G --modes stop,postcopy,auto --links veth,1,10,25
	bench/micro --sizes 8G --modes auto,postcopy --timeline
	bench/suite --size 2G --rounds 3
	bench/alternatives --sizes 1G,2G,4G --rounds 3
	bench/write-page

$(B)/bench/programs/writes-optmig: bench/programs/writes.c $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-cc -O2 -Xoptmig debug=1 $< -o $@
$(B)/bench/programs/writes-bare: bench/programs/writes.c $(TOOLCHAIN) $(B)/bench/bare/sysroot/lib/libc.a
	@mkdir -p $(@D)
	OPTMIG_PASS="marks=0 polls=0" $(B)/bin/optmig-cc -O2 -Xoptmig debug=1 -Xoptmig "sysroot=$(SYSROOT_BARE) allow-uninstrumented=." $< -o $@
BENCH_PASS_APPS := libevent memcached redis sqlite lua zstd kernels
## make bench-pass     what marks and polls cost: programs with the pass against the same without, idle and during rounds
.PHONY: bench-pass bench-pass-programs
bench-pass-programs: all $(foreach a,$(BENCH_PASS_APPS),$(foreach v,optmig bare native,$(B)/apps/$(v)/$(a)/.built)) \
	$(B)/bench/programs/writes-optmig $(B)/bench/programs/writes-bare $(B)/tests/tools/memcached_client $(B)/.deps-bench
bench-pass: bench-pass-programs
	bench/pass --page $(BENCH_ARGS)
## make bench-instructions  executed instructions with the pass against without, counted under qemu-user; a busy machine does not matter
.PHONY: bench-instructions
bench-instructions: all $(B)/bench/bare/sysroot/lib/libc.a $(foreach a,bzip2 lua sqlite,$(B)/apps/native/$(a)/.built)
	tools/deps qemu-user
	bench/instructions $(BENCH_ARGS)
