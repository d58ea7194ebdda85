# SPDX-License-Identifier: Apache-2.0
# Of optmig.cmake: libraries that a project calls SHARED or MODULE are built as STATIC, and CMake says so.
set_property(GLOBAL PROPERTY TARGET_SUPPORTS_SHARED_LIBS FALSE)
