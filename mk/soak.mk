# SPDX-License-Identifier: Apache-2.0
## make soak           COUNT (2000) migrations of redis under load with faults, for at most SOAK_MINUTES (60), SOAK_JOBS (1) at a time
.PHONY: soak
soak: all $(B)/.deps-test $(B)/apps/optmig/redis/.built $(REDIS_CLIENT)
	B=$(B) tests/soak/soak
