# SPDX-License-Identifier: Apache-2.0
FUZZERS := $(addprefix $(B)/fuzz/fuzz_,$(CORE_FUZZ) frame session control tcp_blob hostcalls options)
TESTS += tests/fuzz/boundary_replay
TEST_DEPS += $(B)/fuzz/fuzz_hostcalls $(B)/fuzz/fuzz_options
# Busy servers with a client that does not read; make test does few moves of each.
TESTS += tests/soak/stalled tests/soak/failing
BUSY_DEPS := $(foreach a,redis memcached lighttpd,$(B)/apps/optmig/$(a)/.built) $(REDIS_CLIENT) $(MEMCACHED_CLIENT) $(HTTP_CLIENT)
TEST_DEPS += $(BUSY_DEPS)
## make soak-stalled   redis, memcached, lighttpd with 200 clients and one that does not read, STALLED_MOVES (10) times in each mode
.PHONY: soak-stalled
soak-stalled: all $(B)/.deps-test $(BUSY_DEPS)
	B=$(B) STALLED_MOVES=$(or $(STALLED_MOVES),10) tests/soak/stalled
## make soak-failing   COUNT (1000) failing migrations of one busy redis, after which nothing may differ, for at most FAILING_MINUTES (60)
.PHONY: soak-failing
soak-failing: all $(B)/.deps-test $(BUSY_DEPS)
	B=$(B) COUNT=$(or $(COUNT),1000) tests/soak/failing
## make soak-fuzzers   all fuzz targets, FUZZER_SECONDS (60) each
.PHONY: soak-fuzzers
soak-fuzzers: $(FUZZERS) $(B)/host/tests/fuzz/seeds
	B=$(B) tests/soak/fuzzers
## make soak           soak-fuzzers, soak-states, soak-fleet, then COUNT (2000) migrations of redis under load with faults, for at most SOAK_MINUTES (60), SOAK_JOBS (1) at a time
.PHONY: soak
soak: all $(B)/.deps-test $(B)/apps/optmig/redis/.built $(REDIS_CLIENT) soak-fuzzers soak-states soak-fleet
	B=$(B) tests/soak/soak
