# SPDX-License-Identifier: Apache-2.0
# Real programs from Debian's source packages, or npm's, built by their own build systems: apps/NAME/recipe.
# $(B)/apps/optmig/NAME with optmig-cc, $(B)/apps/native/NAME with the same clang and the system's libc.
APPS := $(notdir $(patsubst %/recipe,%,$(wildcard apps/*/recipe)))
DEPS_APPS := tcl pkg-config cmake perl openssl
$(B)/.deps-apps: mk/apps.mk | deps
	tools/deps $(DEPS_APPS)
	@touch $@

define app_rules
$(B)/apps/optmig/$(1)/.built: apps/build $$(filter-out %.md %/suite,$$(wildcard apps/$(1)/*)) $$(TOOLCHAIN) | $(B)/.deps-apps
	B=$(B) DL=$(DL) JOBS=$(JOBS) apps/build $(1) optmig $$(@D)
	@touch $$@
$(B)/apps/native/$(1)/.built: apps/build $$(filter-out %.md %/suite,$$(wildcard apps/$(1)/*)) | $(B)/.deps-apps
	B=$(B) DL=$(DL) JOBS=$(JOBS) apps/build $(1) native $$(@D)
	@touch $$@
$(B)/apps/bare/$(1)/.built: apps/build $$(filter-out %.md %/suite,$$(wildcard apps/$(1)/*)) $$(TOOLCHAIN) $(B)/bench/bare/sysroot/lib/libc.a | $(B)/.deps-apps
	B=$(B) DL=$(DL) JOBS=$(JOBS) apps/build $(1) bare $$(@D)
	@touch $$@
$(B)/apps/%/$(1)/.suite: apps/$(1)/suite $(B)/apps/%/$(1)/.built
	B=$(B) DL=$(DL) JOBS=$(JOBS) apps/build $(1) $$* $$(@D) suite
	@touch $$@
## make app-NAME       build apps/NAME with optmig-cc (apps-native-NAME: natively)
app-$(1): $(B)/apps/optmig/$(1)/.built
app-native-$(1): $(B)/apps/native/$(1)/.built
app-suite-$(1): $(B)/apps/native/$(1)/.suite $(B)/apps/optmig/$(1)/.suite
.PHONY: app-$(1) app-native-$(1) app-suite-$(1)
endef
$(foreach a,$(APPS),$(eval $(call app_rules,$(a))))
$(B)/apps/optmig/memcached/.built: $(B)/apps/optmig/libevent/.built
$(B)/apps/native/memcached/.built: $(B)/apps/native/libevent/.built
$(foreach v,optmig native bare,$(eval $(B)/apps/$(v)/lighttpd/.built: $(B)/apps/$(v)/mbedtls/.built))
$(foreach v,optmig native bare,$(eval $(B)/apps/$(v)/stunnel/.built: $(B)/apps/$(v)/openssl/.built))
# Its initdb, which starts the server again and again, is the native one.
$(foreach v,optmig bare,$(eval $(B)/apps/$(v)/postgres/.built: $(B)/apps/native/postgres/.built))
# Those whose bench programs use the kernels' harness.
$(foreach a,libsvm openssl sqlite,$(B)/apps/optmig/$(a)/.built $(B)/apps/native/$(a)/.built): apps/kernels/bench.c apps/kernels/bench.h
# Only measured (bench/suite): the tests do not need them.
BENCH_APPS_ONLY := libsvm openssl lighttpd
# Only in `make apps-all` (apps/all), which has the time for them.
SLOW_APPS := leveldb minisat fasttext snappy llama postgres
# Libraries that others of them use.
LIBRARY_APPS := zlib
APPS := $(filter-out $(BENCH_APPS_ONLY) $(SLOW_APPS) $(LIBRARY_APPS),$(APPS))
$(B)/apps/bare/memcached/.built: $(B)/apps/bare/libevent/.built
CXX_APPS := leveldb minisat fasttext snappy llama
$(CXX_APPS:%=$(B)/apps/optmig/%/.built): $(B)/.toolchain-cxx
$(CXX_APPS:%=$(B)/apps/native/%/.built): $(B)/cxx/native/c++
$(foreach v,optmig native bare,$(eval $(B)/apps/$(v)/minisat/.built: $(B)/apps/$(v)/zlib/.built))
$(B)/apps/optmig/llama/.built $(B)/apps/native/llama/.built: tools/fetch-npm
## make apps           build all programs of apps/ with optmig-cc
.PHONY: apps apps-native
apps: $(foreach a,$(APPS),$(B)/apps/optmig/$(a)/.built)
apps-native: $(foreach a,$(APPS),$(B)/apps/native/$(a)/.built)

# Each program inside an enclave against its native build.
APP_TESTS := sqlite compress lua redis memcached kernels
TESTS += $(APP_TESTS:%=tests/apps/%) tests/toolchain/fetch_npm tests/toolchain/apps_all
TEST_DEPS += $(foreach a,$(APPS),$(B)/apps/optmig/$(a)/.built $(B)/apps/native/$(a)/.built) \
	$(B)/tests/tools/redis_client $(B)/tests/tools/memcached_client
APPS_ALL_TOOLS := $(foreach t,redis_client memcached_client http_client,$(B)/tests/tools/$(t))
## make apps-all       every program of apps/, natively and inside: built, its own suite, moved in the middle; a table. Goes on where it stopped
.PHONY: apps-all
apps-all: all $(APPS_ALL_TOOLS) $(B)/.deps-apps
	B=$(B) DL=$(DL) JOBS=$(JOBS) apps/all $(NAMES)
