# SPDX-License-Identifier: Apache-2.0
# The worlds a C file can be compiled for. Each has its own object tree, its own flags and,
# folder by folder, only the include paths that the dependency arrows allow
# (docs/architecture.md; tools/gates checks the sources as well).
#
#   host      host tools and host-side libraries           $(B)/host/<path>.o
#   san       the same with ASan and UBSan                 $(B)/san/<path>.o
#   tsan      the same with TSan: what runs without an enclave   $(B)/tsan/<path>.o
#   fuzz      the same with libFuzzer coverage and ASan    $(B)/fuzz/<path>.o
#   trusted   enclave runtime; never built with the pass   $(B)/trusted/<path>.o
#
# $(call objs,world,sources) gives the object names.

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef -Wpointer-arith -Wwrite-strings
WARN_STRICT := -Wconversion -Wno-sign-conversion

CFLAGS_common  := -std=gnu17 -g $(WARN)
CFLAGS_host    := $(CFLAGS_common) -O2 -D_GNU_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CFLAGS_san     := $(CFLAGS_common) -O1 -D_GNU_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
CFLAGS_tsan    := $(CFLAGS_common) -O1 -D_GNU_SOURCE -fsanitize=thread -fno-omit-frame-pointer
CFLAGS_fuzz    := $(CFLAGS_common) -O1 -D_GNU_SOURCE -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -DOPTMIG_FUZZ=1
# Freestanding, position independent, no red-zone games with signals, nothing that needs a canary or an unwinder.
CFLAGS_trusted := $(CFLAGS_common) $(WARN_STRICT) -O2 --target=x86_64-linux-musl -ffreestanding -fno-builtin-printf -fPIE -fvisibility=hidden \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fcf-protection=none -ftls-model=local-exec -mno-red-zone \
	-mfsgsbase -mrdrnd -mxsave -DOPTMIG_TRUSTED=1

# Allowed include paths, by top folder (docs/architecture.md, "Layers").
INC_abi       := -Iabi
INC_core      := -Iabi -Icore
INC_trusted   := -Iabi -Icore -Itrusted
INC_tee       := -Iabi -Itee
INC_toolchain := -Iabi -Icore -Itoolchain
INC_host      := -Iabi -Icore -Itee -Ihost
INC_tests     := -Iabi -Icore -Itee -Ihost -Itrusted -Itoolchain -Itests
INC_bench     := -Iabi -Icore

top_folder = $(firstword $(subst /, ,$(1)))
objs = $(patsubst %,$(B)/$(1)/%.o,$(basename $(2)))
STRICT_core := $(WARN_STRICT)

# All objects depend on the packages being there; order-only, so that nothing is rebuilt.
define world_rules
$$(B)/$(1)/%.o: %.c | deps
	@mkdir -p $$(@D)
	$$(CLANG) $$(CFLAGS_$(1)) $$(STRICT_$$(call top_folder,$$*)) $$(INC_$$(call top_folder,$$*)) $$(CFLAGS_$(1)_$$(subst /,_,$$*)) -MMD -MP -c $$< -o $$@
$$(B)/$(1)/%.o: %.S | deps
	@mkdir -p $$(@D)
	$$(CLANG) $$(filter --target=% -f% -D%,$$(CFLAGS_$(1))) $$(INC_$$(call top_folder,$$*)) -MMD -MP -c $$< -o $$@
endef
$(foreach w,host san tsan fuzz trusted,$(eval $(call world_rules,$(w))))
-include $(shell find $(B)/host $(B)/san $(B)/tsan $(B)/fuzz $(B)/trusted -name '*.d' 2>/dev/null)

.PHONY: all demo test check bench install help clean deps soak
help:
	@sed -n 's/^#   //p' Makefile; grep -hE '^## ' mk/*.mk | sed 's/^## /  /' | sort -u
clean:
	rm -rf $(B)
