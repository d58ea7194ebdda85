# SPDX-License-Identifier: Apache-2.0
# CMake toolchain file: programs for enclaves, by optmig-cc and optmig-c++.
#
#   cmake -S . -B build -DCMAKE_TOOLCHAIN_FILE=$(optmig-cc --print-cmake-toolchain)
#
# It is no cross build, for images run here: no CMAKE_SYSTEM_NAME, so that CMake tries what it builds. Libraries, headers and packages are looked
# for in the compiler's own tree, in CMAKE_PREFIX_PATH and in the environment's OPTMIG_PREFIX, never among the system's, which live
# outside of enclaves; programs are the system's.
get_filename_component(_optmig_file "${CMAKE_CURRENT_LIST_FILE}" REALPATH)
get_filename_component(OPTMIG_ROOT "${_optmig_file}/../.." ABSOLUTE)
set(_optmig_bin "${OPTMIG_ROOT}/bin")

set(CMAKE_C_COMPILER "${_optmig_bin}/optmig-cc")
set(CMAKE_CXX_COMPILER "${_optmig_bin}/optmig-c++")
set(CMAKE_ASM_COMPILER "${_optmig_bin}/optmig-cc")
foreach(_optmig_tool AR RANLIB NM STRIP OBJCOPY)
	string(TOLOWER "${_optmig_tool}" _optmig_name)
	set(CMAKE_${_optmig_tool} "${_optmig_bin}/optmig-${_optmig_name}" CACHE FILEPATH "")
endforeach()
foreach(_optmig_language C CXX)
	set(CMAKE_${_optmig_language}_COMPILER_AR "${_optmig_bin}/optmig-ar" CACHE FILEPATH "")
	set(CMAKE_${_optmig_language}_COMPILER_RANLIB "${_optmig_bin}/optmig-ranlib" CACHE FILEPATH "")
endforeach()
set(PKG_CONFIG_EXECUTABLE "${_optmig_bin}/optmig-pkg-config" CACHE FILEPATH "")

list(APPEND CMAKE_FIND_ROOT_PATH "${OPTMIG_ROOT}/sysroot" ${CMAKE_PREFIX_PATH} $ENV{OPTMIG_PREFIX})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# An image is one static program. The second is read when CMake has said what Linux can.
set(BUILD_SHARED_LIBS OFF CACHE BOOL "an image is one static program")
set(CMAKE_USER_MAKE_RULES_OVERRIDE "${OPTMIG_ROOT}/toolchain/optmig-rules.cmake")
