# SPDX-License-Identifier: Apache-2.0
# `make install` puts the tools where PREFIX says. What finds its parts relative to itself (optmig-cc: sysroot,
# runtime, pass) keeps its layout: bin, lib, libexec, sysroot, toolchain and trusted are copied side by side.
#
#   PREFIX/bin/optmig...            tools; PREFIX/bin/x86_64-optmig-linux-musl-... other names of them
#   PREFIX/share/optmig, meson      a CMake toolchain file and a Meson cross file
#   PREFIX/lib/optmig/...           what the compiler needs, in the layout of the build
#   PREFIX/libexec/optmig-interp    the images' program interpreter, with the installed loader's path in it
#   PREFIX/lib/optmig/guest         the measured guest's kernel, if `make guest-kernel` has fetched it
#   PREFIX/include, PREFIX/lib       liboptmig-verify, for clients; PREFIX/lib/pkgconfig has its .pc
#   PREFIX/lib/ocf/resource.d/optmig  the resource agent; Pacemaker looks in /usr/lib/ocf alone
#   PREFIX/share/man, bash-completion, systemd
#
# What tests hang into (faults, the stop test, mutations) is in no installed file: those of $(PRODUCT) take the place of the build's.
INSTALL_ROOT := $(DESTDIR)$(PREFIX)
INSTALL_LIB := $(INSTALL_ROOT)/lib/optmig
INSTALL_PARTS := bin libexec sysroot toolchain trusted lib guest
PRODUCT := $(addprefix $(B)/product/,bin/optmig toolchain/optmig-pass.so trusted/librt.a)
## make install        install below PREFIX (/usr/local); DESTDIR for packaging
install: all $(PRODUCT)
	install -d $(INSTALL_ROOT)/bin $(INSTALL_ROOT)/libexec $(INSTALL_LIB) $(INSTALL_ROOT)/share/man/man1 $(INSTALL_ROOT)/share/man/man5 $(INSTALL_ROOT)/share/man/man8 \
		$(INSTALL_ROOT)/share/bash-completion/completions
	for part in $(INSTALL_PARTS); do \
		[ -d $(B)/$$part ] || continue; \
		install -d $(INSTALL_LIB)/$$part; \
		(cd $(B)/$$part && find . \( -type f -o -type l \) \( ! -name '*.o' -o -name 'crt*.o' \) ! -name '*.d' ! -name '*.log' \
			! -name '*-san' -print0 | tar --null -cf - -T -) | tar --no-same-owner -xf - -C $(INSTALL_LIB)/$$part; \
	done
	for file in $(PRODUCT:$(B)/product/%=%); do rm -f $(INSTALL_LIB)/$$file; cp $(B)/product/$$file $(INSTALL_LIB)/$$file; done
	rm -f $(INSTALL_LIB)/libexec/optmig-interp
	$(call interp,$(PREFIX)/lib/optmig/bin/optmig) -o $(INSTALL_LIB)/libexec/optmig-interp
	for tool in $(INSTALL_LIB)/bin/optmig* $(INSTALL_LIB)/bin/$(TRIPLET)-*; do ln -sf ../lib/optmig/bin/$$(basename $$tool) $(INSTALL_ROOT)/bin/; done
	ln -sf ../lib/optmig/libexec/optmig-interp $(INSTALL_ROOT)/libexec/
	install -d $(INSTALL_ROOT)/share/optmig $(INSTALL_ROOT)/share/meson/cross
	ln -sf ../../lib/optmig/toolchain/optmig.cmake $(INSTALL_ROOT)/share/optmig/
	ln -sf ../../../lib/optmig/toolchain/optmig-meson.txt $(INSTALL_ROOT)/share/meson/cross/optmig
	install -m 644 $(wildcard docs/man/*.1) $(INSTALL_ROOT)/share/man/man1/
	install -m 644 $(wildcard docs/man/*.5) $(INSTALL_ROOT)/share/man/man5/
	install -d $(INSTALL_ROOT)/share/man/man7 $(INSTALL_ROOT)/lib/ocf/resource.d/optmig
	install -m 644 $(wildcard docs/man/*.7) $(INSTALL_ROOT)/share/man/man7/
	install -m 755 host/service/agent/enclave $(INSTALL_ROOT)/lib/ocf/resource.d/optmig/
	install -m 644 $(wildcard docs/man/*.8) $(INSTALL_ROOT)/share/man/man8/
	install -d $(INSTALL_ROOT)/include $(INSTALL_ROOT)/lib/pkgconfig $(INSTALL_ROOT)/share/man/man3
	install -m 644 $(wildcard docs/man/*.3) $(INSTALL_ROOT)/share/man/man3/
	install -m 644 $(B)/verify/optmig-verify.h $(INSTALL_ROOT)/include/
	install -m 644 $(B)/verify/liboptmig-verify.a $(B)/verify/liboptmig-verify.so.1 $(INSTALL_ROOT)/lib/
	ln -sf liboptmig-verify.so.1 $(INSTALL_ROOT)/lib/liboptmig-verify.so
	sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' host/verify/library/liboptmig-verify.pc.in > $(INSTALL_ROOT)/lib/pkgconfig/liboptmig-verify.pc
	install -m 644 docs/completion/optmig.bash $(INSTALL_ROOT)/share/bash-completion/completions/optmig
	ln -sf optmig $(INSTALL_ROOT)/share/bash-completion/completions/optmig-sign
	@if ls docs/systemd/*.service > /dev/null 2>&1; then install -d $(INSTALL_ROOT)/lib/systemd/system; \
		install -m 644 docs/systemd/*.service $(INSTALL_ROOT)/lib/systemd/system/; fi

# What is installed has nothing of the tests in it; and README's first commands, and a page of more, do what is written there.
TESTS += tests/integration/product tests/integration/readme
TEST_DEPS += $(PRODUCT)
