# SPDX-License-Identifier: Apache-2.0
# Real programs moved many times under load.
TESTS += tests/integration/pingpong_redis
TEST_DEPS += $(B)/apps/optmig/redis/.built $(REDIS_CLIENT)
