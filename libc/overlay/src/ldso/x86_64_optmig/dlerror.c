/* SPDX-License-Identifier: Apache-2.0 */
/* musl's, with its part in the end of a thread under a name of its own: the allocator has the hook (malloc/optmig). */
#define __dl_thread_cleanup __dlerror_thread_cleanup
#include "../dlerror.c"
