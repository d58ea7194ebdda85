/* SPDX-License-Identifier: Apache-2.0 */
/* musl's, with larger buffers. */
#include "buffers.h"
#include "../__fdopen.c"
