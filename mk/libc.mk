# SPDX-License-Identifier: Apache-2.0
# libc: Debian's musl source with our architecture directory laid over it, compiled with the pass.
# The source is unpacked and assembled under $(B)/libc; nothing of musl is kept in the repository.
#   variant "plain"    $(B)/sysroot           variant "verify"   $(B)/verify/sysroot: every store is logged
MUSL_VERSION := 1.2.3
MUSL_FILES := musl_1.2.3.orig.tar.gz 7d5b0b6062521e4627e099e4c9dc8248d32a30285e959b7eecaa780cf8cfd4a4 \
	musl_1.2.3-1.debian.tar.xz 8f12cc808dbec030179a25ce2645a4c0b622ee8011c2afcec53b87ec5867a8cc
MUSL_ARCH := x86_64_optmig
# Assembly that writes nothing but its stack, and is exacter than the C in its place.
MUSL_ASM := exp2l expm1l
MUSL_SRC := $(B)/libc/musl-$(MUSL_VERSION)
SYSROOT := $(B)/sysroot
PASS := $(B)/toolchain/optmig-pass.so
SYSROOT_VERIFY := $(B)/verify/sysroot
LIBC_OVERLAY := $(shell find libc/overlay libc/include libc/kernel -type f)

# The same demands as those that optmig-cc makes of programs (toolchain/cc/plan.c).
LIBC_CFLAGS := --target=x86_64-linux-musl -O2 -fPIE -ftls-model=local-exec -fno-stack-protector -fcf-protection=none \
	-fasynchronous-unwind-tables -ffunction-sections -fdata-sections -fomit-frame-pointer \
	-fno-strict-aliasing -frounding-math -w -D__OPTMIG__=1
LIBC_INCLUDE := -I$(TOP)/libc/include -I$(TOP)/abi

# CMSG_NXTHDR: clang warns of its comparison and cast in the program's line, which -Werror makes errors of.
$(MUSL_SRC)/.assembled: $(LIBC_OVERLAY) tools/fetch-source mk/libc.mk | deps
	tools/fetch-source musl $(MUSL_VERSION)-1 $(MUSL_FILES) $(DL)
	rm -rf $(MUSL_SRC)
	mkdir -p $(B)/libc
	tar -xf $(DL)/musl_$(MUSL_VERSION).orig.tar.gz -C $(B)/libc
	cp -a $(MUSL_SRC)/arch/x86_64/bits $(MUSL_SRC)/arch/x86_64/k*.h -t $(MUSL_SRC)/ && mkdir $(MUSL_SRC)/arch/$(MUSL_ARCH) && \
		mv $(MUSL_SRC)/bits $(MUSL_SRC)/k*.h $(MUSL_SRC)/arch/$(MUSL_ARCH)/
	mkdir $(MUSL_SRC)/src/math/$(MUSL_ARCH)
	cp -a $(MUSL_SRC)/src/math/x86_64/*.c $(MUSL_SRC)/src/math/$(MUSL_ARCH)/
	for f in $(MUSL_ASM); do { printf '\043include "optmig-asm.h"\n\tOPTMIG_ASM_MARKS\n\t.text\n'; sed 's/#.*//' $(MUSL_SRC)/src/math/x86_64/$$f.s; \
		printf '\t.section .note.GNU-stack,"",@progbits\n'; } > $(MUSL_SRC)/src/math/$(MUSL_ARCH)/$$f.S; done
	cp -a libc/overlay/. $(MUSL_SRC)/
	sed -i -e 's/__MHDR_END(mhdr) - (unsigned char \*)(cmsg)/(size_t)(&)/' -e 's/(struct cmsghdr \*)__CMSG_NEXT/(struct cmsghdr *)(void *)__CMSG_NEXT/' \
		$(MUSL_SRC)/include/sys/socket.h
	grep -q '(size_t)(__MHDR_END' $(MUSL_SRC)/include/sys/socket.h && grep -q '(void \*)__CMSG_NEXT' $(MUSL_SRC)/include/sys/socket.h
	touch $@

# libc/kernel: headers by which musl's and the kernel's stand in one program, whatever their order. The kernel's Ethernet header says that
# it has defined the structure that musl's defines, too.
# $(call libc_variant,name,object directory,sysroot,OPTMIG_PASS words,more flags)
# "closed": no cycle of calls inside libc leaves a file (tests/toolchain/libc_cycles), so that a function needs no poll at its entry to
# close one. Loops are not unrolled: most of libc is code that is run rarely.
# libm is bounded arithmetic: it is built without polls, which the pass relies on (toolchain/pass/Stores.cpp).
define libc_variant
$(2)/.built: $(MUSL_SRC)/.assembled $(PASS) libc/config.mak.in
	@mkdir -p $(2)
	if [ $(PASS) -nt $$@ -o libc/config.mak.in -nt $$@ -o libc/include/optmig-asm.h -nt $$@ ]; then rm -rf $(2)/obj; fi
	sed -e 's|@SRC@|$(TOP)/$(MUSL_SRC)|; s|@ARCH@|$(MUSL_ARCH)|; s|@CC@|$(CLANG)|; s|@AR@|$(AR)|; s|@RANLIB@|$(RANLIB)|' \
		-e 's|@PREFIX@|$(TOP)/$(3)|; s|@PASS@|$(TOP)/$(PASS)|; s|@CFLAGS@|$(LIBC_CFLAGS) $(LIBC_INCLUDE) $(5)|; s|@WORDS@|$(4)|' \
		libc/config.mak.in > $(2)/config.mak
	$$(MAKE) -s -C $(2) -f $(TOP)/$(MUSL_SRC)/Makefile lib/libc.a lib/crt1.o > $(2)/build.log 2>&1 || { tail -n 30 $(2)/build.log >&2; exit 1; }
	touch $$@
$(3)/lib/libc.a: $(2)/.built $(B)/libc/libbuiltins.a
	rm -rf $(3)
	$$(MAKE) -s -C $(2) -f $(TOP)/$(MUSL_SRC)/Makefile install-headers >> $(2)/build.log 2>&1
	mkdir -p $(3)/lib
	cp libc/include/*.h $(3)/include/
	for d in asm-generic mtd; do ln -sfn /usr/include/$$$$d $(3)/include/$$$$d; done
	cp -rs /usr/include/linux $(3)/include/
	mv $(3)/include/linux/libc-compat.h $(3)/include/linux/libc-compat.kernel.h
	cp -r libc/kernel/. $(3)/include/
	sed -i -e '/^struct ethhdr {/i #if !defined __UAPI_DEF_ETHHDR || !__UAPI_DEF_ETHHDR' -e '/^struct ethhdr {/,/^};/{/^};/a #endif' -e '}' \
		$(3)/include/netinet/if_ether.h
	ln -sfn /usr/include/x86_64-linux-gnu/asm $(3)/include/asm
	cp $(B)/libc/libbuiltins.a $(3)/lib/liboptmig_builtins.a
	for l in m rt pthread crypt util xnet resolv dl; do printf '!<arch>\n' > $(3)/lib/lib$$$$l.a; done
	cp $(2)/lib/crt1.o $(3)/lib/
	cp $(2)/lib/libc.a $(3)/lib/libc.a.tmp && mv $(3)/lib/libc.a.tmp $$@
endef
$(eval $(call libc_variant,plain,$(B)/libc/plain,$(SYSROOT),closed unroll=0,))
# The yardstick of bench/pass: no marks, no polls.
SYSROOT_BARE := $(B)/bench/bare/sysroot
$(eval $(call libc_variant,bare,$(B)/libc/bare,$(SYSROOT_BARE),marks=0 polls=0,-DOPTMIG_BARE=1))
$(eval $(call libc_variant,verify,$(B)/libc/verify,$(SYSROOT_VERIFY),verify closed unroll=0,-DOPTMIG_VERIFY=1))

# compiler-rt's arithmetic helpers come compiled; those that are pure functions of their arguments are taken and
# stamped as annotated. tests/toolchain/libc checks that they write nothing but the stack.
BUILTINS := ashlti3 ashrti3 lshrti3 clzti2 ctzti2 ffsti2 popcountdi2 popcountsi2 popcountti2 paritysi2 paritydi2 parityti2 bswapdi2 bswapsi2 \
	divti3 modti3 udivti3 umodti3 udivmodti4 multi3 negti2 cmpti2 ucmpti2 muloti4 \
	divsc3 divdc3 divxc3 mulsc3 muldc3 mulxc3 powisf2 powidf2 powixf2 powitf2 \
	fixdfti fixsfti fixxfti fixunsdfti fixunssfti fixunsxfti fixunsxfdi floattidf floattisf floattixf floatuntidf floatuntisf \
	floatuntixf extendhfsf2 truncdfhf2 truncsfhf2 truncsfbf2 truncdfbf2 extendbfsf2 fp_mode \
	addtf3 subtf3 multf3 divtf3 comparetf2 extenddftf2 extendsftf2 extendxftf2 extendhftf2 trunctfdf2 trunctfsf2 trunctfxf2 \
	trunctfhf2 fixtfdi fixtfsi fixtfti fixunstfdi fixunstfsi fixunstfti floatditf floatsitf floattitf floatunditf floatunsitf floatuntitf
$(B)/libc/libbuiltins.a: mk/libc.mk libc/include/optmig-asm.h | deps
	rm -rf $(B)/libc/builtins $@
	mkdir -p $(B)/libc/builtins
	printf '#include "optmig-asm.h"\nOPTMIG_ASM_MARKS\n' | $(CLANG) --target=x86_64-linux-gnu -Ilibc/include -x assembler-with-cpp -c - -o $(B)/libc/builtins/stamp.o
	$(OBJCOPY) --dump-section .optmig.stamp=$(B)/libc/builtins/stamp $(B)/libc/builtins/stamp.o && rm $(B)/libc/builtins/stamp.o
	cd $(B)/libc/builtins && $(AR) x $$($(CLANG) --target=x86_64-linux-gnu -print-resource-dir)/lib/linux/libclang_rt.builtins-x86_64.a $(BUILTINS:%=%.c.o)
	for o in $(B)/libc/builtins/*.o; do \
		$(OBJCOPY) --add-section .optmig.stamp=$(B)/libc/builtins/stamp --set-section-flags .optmig.stamp=exclude,readonly $$o; done
	$(AR) rcs $@ $(B)/libc/builtins/*.o

## make libc           musl with our overlay, in $(B)/sysroot
libc: $(SYSROOT)/lib/libc.a
libc-verify: $(SYSROOT_VERIFY)/lib/libc.a
.PHONY: libc libc-verify

$(B)/tests/unit/test_strings: tests/unit/test_strings.c $(wildcard libc/overlay/src/string/x86_64_optmig/*) | deps
	@mkdir -p $(@D)
	$(CLANG) -std=gnu17 -O2 -fno-builtin -w $< -o $@
TESTS += $(B)/tests/unit/test_strings
