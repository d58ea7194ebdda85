# SPDX-License-Identifier: Apache-2.0
# liboptmig-verify: for clients of programs in enclaves, without enclaves. The judges are those of `optmig verify`, compiled for a shared library;
# of both libraries nothing but optmig_verify_* can be linked against.
#
#   $(B)/verify/liboptmig-verify.so.1, .so, .a, optmig-verify.h
CFLAGS_lib := $(CFLAGS_host) -fPIC -fvisibility=hidden
$(eval $(call world_rules,lib))
$(eval $(call core_world,lib))
-include $(shell find $(B)/lib -name '*.d' 2>/dev/null)
VERIFY_SRCS := host/verify/library/library.c host/verify/verify.c host/verify/certificate.c host/util.c core/imagefile.c core/measure.c tee/base.c \
	tee/evidence/public.c tee/evidence/demo/quote_build.c tee/evidence/demo/der_build.c
VERIFY_PARTS := $(call objs,lib,$(VERIFY_SRCS)) $(B)/lib/libcore.a $(B)/lib/libbearssl.a
VERIFY_LIB := $(addprefix $(B)/verify/,liboptmig-verify.so liboptmig-verify.a optmig-verify.h)
## make liboptmig-verify   the library for clients, in $(B)/verify
.PHONY: liboptmig-verify
liboptmig-verify: $(VERIFY_LIB)
all: liboptmig-verify
$(B)/verify/liboptmig-verify.so.1: $(VERIFY_PARTS) host/verify/library/exports.map
	@mkdir -p $(@D)
	$(CLANG) -shared -Wl,-soname,liboptmig-verify.so.1,-z,now,-z,defs,--as-needed,--gc-sections,--version-script=host/verify/library/exports.map \
		$(VERIFY_PARTS) -lcrypto -lpthread -o $@
$(B)/verify/liboptmig-verify.so: $(B)/verify/liboptmig-verify.so.1
	ln -sf liboptmig-verify.so.1 $@
# One object, so that what is ours inside can be hidden from whoever links it.
$(B)/verify/liboptmig-verify.a: $(VERIFY_PARTS)
	@mkdir -p $(@D)
	$(LLD) -r $^ -o $(@D)/all.o
	$(OBJCOPY) --wildcard --keep-global-symbol='optmig_verify_*' $(@D)/all.o
	rm -f $@; $(AR) rcs $@ $(@D)/all.o
$(B)/verify/optmig-verify.h: host/verify/library/optmig-verify.h
	@mkdir -p $(@D)
	cp $< $@

# A client that knows the header and the library, and nothing else of ours.
verify_client = @mkdir -p $(@D); $(CLANG) -std=c99 -Wall -Wextra -pedantic -O1 -g -I$(B)/verify $<
$(B)/tests/verify/client: tests/programs/verify/client.c $(VERIFY_LIB)
	$(verify_client) -L$(B)/verify -loptmig-verify -Wl,-rpath,$(abspath $(B))/verify -o $@
$(B)/tests/verify/client-static: tests/programs/verify/client.c $(VERIFY_LIB)
	$(verify_client) $(B)/verify/liboptmig-verify.a -lcrypto -lpthread -o $@
TEST_DEPS += $(B)/tests/verify/client $(B)/tests/verify/client-static
