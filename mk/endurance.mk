# SPDX-License-Identifier: Apache-2.0
# Real programs moved many times under load.
TESTS += tests/integration/pingpong_redis tests/integration/migrate_apps
TEST_DEPS += $(foreach a,redis memcached sqlite lua kernels,$(B)/apps/optmig/$(a)/.built) $(REDIS_CLIENT) $(MEMCACHED_CLIENT)
