# SPDX-License-Identifier: Apache-2.0
# Static gates. The first two run in `make test` as well; the linters only here, since their versions differ.
DEPS_CHECK := shellcheck codespell cppcheck spin
$(B)/.deps-check: mk/check.mk | deps
	tools/deps $(DEPS_CHECK)
	@touch $@
SHELL_SCRIPTS = $(shell git grep -lE '^\#!.*\b(bash|sh)$$' -- . 2>/dev/null)
## make check          static gates: arrows, licences, linters, the protocol's model
.PHONY: gates shellcheck codespell cppcheck model
check: gates shellcheck codespell cppcheck model
gates:
	tools/gates
## make model          model-check the hand-over protocol with spin
model: $(B)/.deps-check
	tests/model/handover
	tests/model/states
shellcheck: $(B)/.deps-check
	shellcheck -x -S warning $(SHELL_SCRIPTS)
codespell: $(B)/.deps-check
	codespell -L crate,ue,te,nd,fo,inout,mis,ser,bu,ois,childs,onces,chanels,verfy,cancle,uptodate,tje -S './.git,./build,*.json,*.csv,*.b64,*.pem,*.der' .
cppcheck: $(B)/.deps-check
	cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,portability \
		--suppress=missingIncludeSystem --suppress=preprocessorErrorDirective --suppress=unknownMacro -j$(JOBS) -Iabi -Icore -Itee -Ihost core host tee
TESTS += tools/gates tests/docs/gates tests/model/handover tests/model/states
TEST_DEPS += $(B)/.deps-check
