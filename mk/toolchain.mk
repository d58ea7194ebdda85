# SPDX-License-Identifier: Apache-2.0
# The compiler: the pass (an LLVM plugin), optmig-cc and its helpers.
DEPS_BUILD += libtomlplusplus-dev

LLVM_CONFIG := llvm-config-$(LLVM)
CXXFLAGS_plugin := -std=c++17 -O2 -fPIC -fno-rtti -fno-exceptions -Wall -Wextra -Wno-unused-parameter -Wno-deprecated-declarations

PASS_SOURCES := $(wildcard toolchain/pass/*.cpp)
PASS_OBJECTS := $(PASS_SOURCES:%.cpp=$(B)/plugin/%.o)

$(B)/plugin/%.o: %.cpp | deps
	@mkdir -p $(@D)
	$(CLANGXX) $(CXXFLAGS_plugin) -isystem $$($(LLVM_CONFIG) --includedir) -Iabi -MMD -MP -c $< -o $@
-include $(PASS_OBJECTS:.o=.d) $(wildcard $(B)/plugin/toolchain/pass/*/*.d)

# Options that make wrong programs, for mutation tests, and what is in their place in what is installed.
PASS_TESTING_OBJECTS := $(B)/plugin/toolchain/pass/testing/Drop.o
PASS_PRODUCT_OBJECTS := $(B)/plugin/toolchain/pass/product/Drop.o
$(PASS): $(PASS_OBJECTS) $(PASS_TESTING_OBJECTS)
$(B)/product/toolchain/optmig-pass.so: $(PASS_OBJECTS) $(PASS_PRODUCT_OBJECTS)
$(PASS) $(B)/product/toolchain/optmig-pass.so:
	@mkdir -p $(@D)
	$(CLANGXX) -shared -o $@ $^

# optmig-cc. Its parts in C, and one file of C++ for the TOML library. optmig-scan is the only one that loads LLVM.
CC_SOURCES := $(addprefix toolchain/cc/,main.c args.c env.c help.c known.c options.c plan.c launch.c run.c util.c map.c stamps.c sections.c image.c finish.c)
# What it is called says what it is: toolchain/cc/args.c.
$(B)/bin/optmig-c++: $(B)/bin/optmig-cc
	ln -sf optmig-cc $@
CFLAGS_host_toolchain_cc_main := -DOPTMIG_VERSION='"$(VERSION)"'
$(B)/host/toolchain/cc/options_toml.o: toolchain/cc/options_toml.cpp | deps
	@mkdir -p $(@D)
	$(CLANGXX) -std=c++17 -O1 -w -MMD -MP -c $< -o $@
$(B)/bin/optmig-cc: $(call objs,host,$(CC_SOURCES)) $(B)/host/toolchain/cc/options_toml.o $(B)/host/libsign.a $(B)/host/libcore.a \
	$(B)/host/libbearssl.a
	@mkdir -p $(@D)
	$(CLANGXX) -o $@ $^ -lcrypto
# The fuzzer of image options: TOML files and -Xoptmig, by the compiler's own code.
$(B)/fuzz/toolchain/cc/options_toml.o: toolchain/cc/options_toml.cpp | deps
	@mkdir -p $(@D)
	$(CLANGXX) -std=c++17 -O1 -g -w -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -MMD -MP -c $< -o $@
$(B)/fuzz/fuzz_options: $(call objs,fuzz,tests/fuzz/fuzz_options.c toolchain/cc/options.c toolchain/cc/util.c) $(B)/fuzz/toolchain/cc/options_toml.o
	$(CLANGXX) -fsanitize=fuzzer,address,undefined -fuse-ld=lld -Wl,--wrap=cc_error -o $@ $^
## make fuzz-options   the fuzzer of image options
.PHONY: fuzz-options
fuzz-options: $(B)/fuzz/fuzz_options
CFLAGS_host_toolchain_cc_scan := -I/usr/lib/llvm-$(LLVM)/include
$(B)/libexec/optmig-scan: $(call objs,host,toolchain/cc/scan.c toolchain/cc/util.c toolchain/cc/map.c)
	@mkdir -p $(@D)
	$(CLANG) -o $@ $^ $$($(LLVM_CONFIG) --ldflags --libs)
$(foreach f,main image objcopy,$(eval CFLAGS_host_toolchain_strip_$(f) := -Itoolchain))
$(B)/bin/optmig-strip: $(call objs,host,$(addprefix toolchain/,strip/main.c strip/image.c cc/util.c cc/run.c))
	@mkdir -p $(@D)
	$(CLANG) -o $@ $^
$(B)/bin/optmig-objcopy: $(call objs,host,$(addprefix toolchain/,strip/objcopy.c strip/image.c cc/util.c cc/run.c))
	@mkdir -p $(@D)
	$(CLANG) -o $@ $^
# Wrappers: archives need nothing special, and symbols are read only, but build systems want the names.
$(B)/bin/optmig-ar $(B)/bin/optmig-ranlib $(B)/bin/optmig-nm: mk/toolchain.mk
	@mkdir -p $(@D)
	printf '#!/bin/sh\nexec llvm-%s-$(LLVM) "$$@"\n' $(patsubst optmig-%,%,$(@F)) > $@; chmod +x $@
$(B)/bin/optmig-pkg-config $(B)/bin/optmig-ld: $(B)/bin/optmig-%: toolchain/cc/%.in
	@mkdir -p $(@D)
	install -m 755 $< $@
$(B)/trusted/image.ld: trusted/boot/image.ld
	@mkdir -p $(@D)
	cp $< $@

# What build systems look for: ./configure --host=x86_64-optmig-linux-musl finds the tools by these names, CMake and Meson are told by files.
TRIPLET := x86_64-optmig-linux-musl
TRIPLET_CC := cc gcc clang
TRIPLET_CXX := c++ g++ clang++
TRIPLET_TOOLS := ar ranlib nm ld strip objcopy pkg-config
TRIPLET_NAMES := $(addprefix $(B)/bin/$(TRIPLET)-,$(TRIPLET_CC) $(TRIPLET_CXX) $(TRIPLET_TOOLS))
$(addprefix $(B)/bin/$(TRIPLET)-,$(TRIPLET_CC)): $(B)/bin/optmig-cc
	ln -sf optmig-cc $@
$(addprefix $(B)/bin/$(TRIPLET)-,$(TRIPLET_CXX)): $(B)/bin/optmig-c++
	ln -sf optmig-c++ $@
$(addprefix $(B)/bin/$(TRIPLET)-,$(TRIPLET_TOOLS)): $(B)/bin/$(TRIPLET)-%: $(B)/bin/optmig-%
	ln -sf optmig-$* $@
BUILD_FILES := $(addprefix $(B)/toolchain/,optmig.cmake optmig-rules.cmake optmig-meson.txt)
$(B)/toolchain/%: toolchain/files/%
	@mkdir -p $(@D)
	install -m 644 $< $@

COMPILER := $(PASS) $(addprefix $(B)/bin/,optmig-cc optmig-c++ optmig-ar optmig-ranlib optmig-nm optmig-ld optmig-strip optmig-objcopy optmig-pkg-config) \
	$(TRIPLET_NAMES) $(BUILD_FILES) $(B)/libexec/optmig-scan $(SYSROOT)/lib/libc.a
$(TOOLCHAIN): $(COMPILER) $(B)/trusted/image.ld $(B)/trusted/librt.a $(B)/libexec/optmig-interp $(B)/bin/optmig
	@touch $@
## make toolchain      optmig-cc with everything that it needs
.PHONY: toolchain compiler
compiler: $(COMPILER)
toolchain: $(TOOLCHAIN)
all: $(TOOLCHAIN)
