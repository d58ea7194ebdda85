# SPDX-License-Identifier: Apache-2.0
# Is every store seen? The oracle compares cards with memory, and the source's memory with the destination's.
ORACLE := $(B)/tests/soundness/oracle
$(ORACLE): $(call objs,host,tests/soundness/oracle.c)
	@mkdir -p $(@D)
	$(CLANG) $^ -o $@
TESTS += tests/soundness/mutants tests/soundness/moves
TEST_DEPS += $(ORACLE) $(TOOLCHAIN) $(MIGRATE_PROGRAMS)
