# SPDX-License-Identifier: Apache-2.0
# C++: libunwind, libc++abi and libc++ of Debian's LLVM source package, compiled with optmig-c++ and installed in the sysroot. The package is
# 160 MB; only these three folders (and one file of compiler-rt) are unpacked.
#
#   $(B)/cxx/src            the sources             $(B)/cxx/plain/...      the objects
#   $(B)/cxx/plain/key      what the objects were made from: it changes with the content of the pass, the headers and the flags, not
#                           with their dates, so a compiler that was built again and came out the same costs nothing here
LLVM_SOURCE := 19.1.7
CXX_PACKAGE := llvm-toolchain-19 1:19.1.7-3~deb12u1
CXX_FILES := llvm-toolchain-19_19.1.7.orig.tar.xz ae498f3bc58ae2d9f64ef5f0c035c4240152bf015a5b7738b15c22e93bdc97ce
CXX_SRC := $(B)/cxx/src
CXX_PARTS := libcxx/src libcxx/include libcxx/vendor/llvm libcxxabi/src libcxxabi/include libunwind/src libunwind/include \
	compiler-rt/lib/builtins/gcc_personality_v0.c

$(CXX_SRC)/.unpacked: mk/libcxx.mk tools/fetch-source | deps
	tools/fetch-source $(CXX_PACKAGE) $(CXX_FILES) $(DL)
	rm -rf $(CXX_SRC)
	mkdir -p $(CXX_SRC)
	tar -xJf $(DL)/$(firstword $(CXX_FILES)) -C $(CXX_SRC) --strip-components=1 $(CXX_PARTS:%=llvm-toolchain-19_$(LLVM_SOURCE)/%) \
		$(foreach h,int_lib.h int_endianness.h int_types.h int_util.h int_math.h int_util.c,llvm-toolchain-19_$(LLVM_SOURCE)/compiler-rt/lib/builtins/$(h))
	touch $@

# The sources by name, since they are not there yet when this is read.
LIBCXX_NAMES := algorithm any atomic barrier bind call_once charconv chrono condition_variable condition_variable_destructor error_category \
	exception expected fstream functional future hash ios ios.instantiations iostream legacy_pointer_safety locale memory memory_resource \
	mutex mutex_destructor new_handler new_helpers optional ostream print random random_shuffle regex shared_mutex stdexcept string strstream \
	system_error thread typeinfo valarray variant vector verbose_abort ryu/d2fixed ryu/d2s ryu/f2s filesystem/directory_entry \
	filesystem/directory_iterator filesystem/filesystem_clock filesystem/filesystem_error filesystem/operations filesystem/path
LIBCXXABI_NAMES := abort_message cxa_aux_runtime cxa_default_handlers cxa_demangle cxa_exception cxa_exception_storage cxa_guard cxa_handlers \
	cxa_personality cxa_vector cxa_virtual fallback_malloc private_typeinfo stdlib_exception stdlib_new_delete \
	stdlib_stdexcept stdlib_typeinfo

CXX_FLAGS := -O2 -w -ffunction-sections -fdata-sections -DNDEBUG
CXX_FLAGS_libcxx := -std=c++23 -fvisibility=hidden -fvisibility-inlines-hidden -D_LIBCPP_BUILDING_LIBRARY -DLIBCXX_BUILDING_LIBCXXABI \
	-I$(CXX_SRC)/libcxx/src -I$(CXX_SRC)/libcxxabi/include
CXX_FLAGS_libcxxabi := -std=c++23 -fvisibility=hidden -fvisibility-inlines-hidden -D_LIBCXXABI_BUILDING_LIBRARY -D_LIBCPP_BUILDING_LIBRARY \
	-DLIBCXXABI_USE_LLVM_UNWINDER -I$(CXX_SRC)/libcxx/src -I$(CXX_SRC)/libcxxabi/include
CXX_FLAGS_libunwind := -I$(CXX_SRC)/libunwind/include -std=c++17 -fno-exceptions -fno-rtti -D_LIBUNWIND_IS_NATIVE_ONLY
CXX_FLAGS_c := -I$(CXX_SRC)/libunwind/include -std=c99 -fexceptions -D_GNU_SOURCE -D_LIBUNWIND_IS_NATIVE_ONLY

CXX_LIBS := c++ c++abi unwind
CXX_INPUTS := mk/libcxx.mk cxx/config_site.h

# $(call cxx_variant,name,sysroot,words for optmig-c++)
define cxx_variant
CXX_$(1) := env OPTMIG_OPTIONS= OPTMIG_PASS= OPTMIG_CFLAGS= $(B)/bin/optmig-c++ $(3) $(CXX_FLAGS)
CC_$(1) := env OPTMIG_OPTIONS= OPTMIG_PASS= OPTMIG_CFLAGS= $(B)/bin/optmig-cc $(3) $(CXX_FLAGS)
$(B)/cxx/$(1)/headers: $(CXX_SRC)/.unpacked $(2)/lib/libc.a cxx/config_site.h
	rm -rf $(2)/include/c++
	mkdir -p $(2)/include/c++/v1 $$(@D)
	cp -R $(CXX_SRC)/libcxx/include/. $(2)/include/c++/v1/
	rm -f $(2)/include/c++/v1/CMakeLists.txt $(2)/include/c++/v1/*.in
	cp cxx/config_site.h $(2)/include/c++/v1/__config_site
	cp $(CXX_SRC)/libcxx/vendor/llvm/default_assertion_handler.in $(2)/include/c++/v1/__assertion_handler
	cp $(CXX_SRC)/libcxxabi/include/*.h $(2)/include/c++/v1/
	cp $(CXX_SRC)/libunwind/include/*.h $(2)/include/
	touch $$@
$(B)/cxx/$(1)/key.looked: $(B)/cxx/$(1)/headers $(CXX_INPUTS) $(PASS) $(B)/bin/optmig-c++
	{ $(CLANG) --version; cat $(PASS) cxx/config_site.h; echo '$(CXX_FILES) $(CXX_FLAGS_libcxx) $(CXX_FLAGS_libcxxabi) $(CXX_FLAGS_libunwind) $(CXX_FLAGS_c)'; \
		find $(2)/include -type f | LC_ALL=C sort | xargs cat; \
		OPTMIG_CLANG=true OPTMIG_VERBOSE=1 $$(CXX_$(1)) -c x.cc 2>&1 | sed 's|$(abspath $(B))|B|g'; } | sha256sum > $$@
	cmp -s $$@ $(B)/cxx/$(1)/key || cp $$@ $(B)/cxx/$(1)/key
$(B)/cxx/$(1)/key: $(B)/cxx/$(1)/key.looked
	@:
$(foreach l,libcxx libcxxabi libunwind,
$(B)/cxx/$(1)/$(l)/%.o: $(B)/cxx/$(1)/key
	@mkdir -p $$(@D)
	$$(CXX_$(1)) $$(CXX_FLAGS_$(l)) -c $(CXX_SRC)/$(l)/src/$$*.cpp -o $$@
)
$(B)/cxx/$(1)/c/%.o: $(B)/cxx/$(1)/key
	@mkdir -p $$(@D)
	$$(CC_$(1)) $$(CXX_FLAGS_c) -c $$(firstword $$(wildcard $(CXX_SRC)/*/src/$$*.c $(CXX_SRC)/compiler-rt/lib/builtins/$$*.c cxx/$$*.c cxx/$$*.S)) -o $$@
$(B)/cxx/$(1)/c/registers.o: cxx/registers.S libc/include/optmig-asm.h
$(B)/cxx/$(1)/c/dso_handle.o: cxx/dso_handle.c
$(B)/cxx/$(1)/once.o: cxx/once.cpp $(B)/cxx/$(1)/key
	$$(CXX_$(1)) -std=c++17 -c cxx/once.cpp -o $$@
$(B)/cxx/$(1)/thread_atexit.o: cxx/thread_atexit.cpp $(B)/cxx/$(1)/key
	$$(CXX_$(1)) -std=c++17 -fno-exceptions -c cxx/thread_atexit.cpp -o $$@
$(2)/lib/libc++.a: $(LIBCXX_NAMES:%=$(B)/cxx/$(1)/libcxx/%.o) $(B)/cxx/$(1)/once.o
$(2)/lib/libc++abi.a: $(LIBCXXABI_NAMES:%=$(B)/cxx/$(1)/libcxxabi/%.o) $(B)/cxx/$(1)/c/dso_handle.o $(B)/cxx/$(1)/thread_atexit.o
$(2)/lib/libunwind.a: $(B)/cxx/$(1)/libunwind/libunwind.o $(addprefix $(B)/cxx/$(1)/c/,UnwindLevel1.o UnwindLevel1-gcc-ext.o registers.o gcc_personality_v0.o int_util.o)
$(CXX_LIBS:%=$(2)/lib/lib%.a): $(B)/cxx/$(1)/headers
	rm -f $$@
	$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(eval $(call cxx_variant,plain,$(SYSROOT),))
$(eval $(call cxx_variant,verify,$(SYSROOT_VERIFY),-Xoptmig verify=1))

# optmig-cc with all that a C++ program needs.
CXX_TOOLCHAIN := $(B)/.toolchain-cxx
$(CXX_TOOLCHAIN): $(TOOLCHAIN) $(CXX_LIBS:%=$(SYSROOT)/lib/lib%.a)
	@touch $@
## make cxx            libc++, libc++abi and libunwind in $(B)/sysroot; cxx-verify: of the kind in which every store is logged
.PHONY: cxx cxx-verify
cxx: $(CXX_TOOLCHAIN)
cxx-verify: $(CXX_LIBS:%=$(SYSROOT_VERIFY)/lib/lib%.a)
all: $(CXX_TOOLCHAIN)

# The same library as Debian builds it, for the native half of comparisons. It is unpacked, not installed: it would drive out others. The
# unwinder is the system's: glibc's own frames are unwound with that one.
CXX_NATIVE := libc++-19-dev 21e79a3c1557f0dbc8dc2dd1f123523ab08784a8fa2204c0ef7937e3c9baad95 \
	libc++abi-19-dev 78d59818a21a756868670d7b27d2737fd33b23f7597585d56e0656dd059147d9
$(B)/cxx/native/c++: mk/libcxx.mk cxx/native tools/fetch-binary | deps
	tools/fetch-binary $(lastword $(CXX_PACKAGE)) $(CXX_NATIVE) $(DL) $(@D)
	install -m 755 cxx/native $@

# C++ inside against C++ outside, where another library stands under it; and moved in the middle.
$(B)/tests/programs/cxx: tests/programs/cxx.cpp $(CXX_TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-c++ -std=c++20 -O2 $(RT_PROGRAM_OPTIONS) -o $@ $<
$(B)/tests/programs/cxx.verify: tests/programs/cxx.cpp $(CXX_TOOLCHAIN) $(CXX_LIBS:%=$(SYSROOT_VERIFY)/lib/lib%.a)
	@mkdir -p $(@D)
	$(B)/bin/optmig-c++ -std=c++20 -O2 -Xoptmig verify $(RT_PROGRAM_OPTIONS) -o $@ $<
$(B)/tests/programs/cxx.native: tests/programs/cxx.cpp | deps
	@mkdir -p $(@D)
	$(CLANGXX) -std=c++20 -O2 $< -lpthread -o $@
$(B)/tests/programs/cxx.test $(B)/tests/programs/cxx.verify.test: $(B)/tests/programs/cxx.native
$(B)/tests/migrate/cxx: tests/programs/migrate/cxx.cpp $(CXX_TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-c++ -Xoptmig debug=1 -std=c++20 -O2 $< -o $@ -lpthread
.SECONDARY: $(B)/tests/programs/cxx $(B)/tests/programs/cxx.verify
# What came after C++20, against the same library outside. Small optimisation only, since the compiler takes long enough for its headers.
$(B)/tests/programs/cxx23: tests/programs/cxx23.cpp $(CXX_TOOLCHAIN)
	@mkdir -p $(@D)
	$(B)/bin/optmig-c++ -std=c++23 -O1 -Wno-deprecated-declarations $(RT_PROGRAM_OPTIONS) -o $@ $<
$(B)/tests/programs/cxx23.native: tests/programs/cxx23.cpp $(B)/cxx/native/c++ | deps
	@mkdir -p $(@D)
	$(B)/cxx/native/c++ -std=c++23 -O1 -Wno-deprecated-declarations $< -lpthread -o $@
$(B)/tests/programs/cxx23.test: $(B)/tests/programs/cxx23.native
.SECONDARY: $(B)/tests/programs/cxx23
TESTS += $(B)/tests/programs/cxx.test $(B)/tests/programs/cxx23.test tests/integration/mig_cxx tests/toolchain/cxx
TEST_DEPS += $(B)/tests/migrate/cxx $(CXX_TOOLCHAIN)
## make soak-cxx       C++ and its library as a verify image: every store must have left its mark (builds the library again for that)
.PHONY: soak-cxx
soak-cxx: all $(B)/tests/programs/cxx.verify.test
	B=$(B) tests/run $(B)/tests/programs/cxx.verify.test
