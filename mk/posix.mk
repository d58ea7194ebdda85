# SPDX-License-Identifier: Apache-2.0
# The Open POSIX test suite, fetched as Debian's source package: a sample in the tests, all of it in soak. Natively with the same libc.
$(B)/.deps-posix: mk/posix.mk | deps
	tools/deps musl-tools
	@touch $@
TESTS += tests/posix/sample
TEST_DEPS += $(B)/.deps-posix $(TOOLCHAIN)
## make soak-posix     the whole Open POSIX test suite inside, against its native runs (half an hour)
.PHONY: soak-posix
soak-posix: all $(B)/.deps-posix
	B=$(B) tests/posix/suite --all
