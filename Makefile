# SPDX-License-Identifier: Apache-2.0
# OptMig: one non-recursive graph. Every folder's rules stand in mk/<folder>.mk.
#
#   make            build everything: host tools, compiler, libc, runtime
#   make demo       build redis, migrate it live, print the report
#   make test       all tests;  make check  static gates;  make bench-*  measurements
#   make help       the full list
.DEFAULT_GOAL := all
include mk/config.mk
include mk/rules.mk
include $(filter-out mk/config.mk mk/rules.mk mk/test.mk,$(wildcard mk/*.mk))
# Comes last: by then all fragments have added their tests.
include mk/test.mk
