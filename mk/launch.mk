# SPDX-License-Identifier: Apache-2.0
# Measured launch: arguments, environment and files under a host that alters them. The test builds its images.
TESTS += tests/integration/launch tests/integration/seal
TEST_DEPS += $(TOOLCHAIN) $(B)/bin/optmig $(B)/bin/optmig-sign
