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
-include $(PASS_OBJECTS:.o=.d)

$(PASS): $(PASS_OBJECTS)
	@mkdir -p $(@D)
	$(CLANGXX) -shared -o $@ $^
