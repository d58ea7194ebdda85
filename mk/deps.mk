# SPDX-License-Identifier: Apache-2.0
# Debian packages the build and the tests need. `deps` asks apt only when something is missing.
DEPS_BUILD := clang-19 lld-19 llvm-19 llvm-19-dev llvm-19-tools libclang-rt-19-dev libjansson-dev libssl-dev \
	libnftables-dev libmnl-dev libcurl4-openssl-dev libmicrohttpd-dev libcmocka-dev dpkg-dev python3 linux-libc-dev
## make deps           install the Debian packages that are missing
deps: $(B)/.deps
$(B)/.deps: mk/deps.mk tools/deps
	@mkdir -p $(B)
	tools/deps $(DEPS_BUILD)
	@touch $@
