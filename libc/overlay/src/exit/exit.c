/* SPDX-License-Identifier: Apache-2.0 */
/* exit, which destroys the calling thread's thread_local objects before anything else ends, as C++ wants it: musl's knows of none. What is
 * not linked does nothing: atexit.c, stdio's files and cxx/thread_atexit.cpp define the names that are weak here. */
#include <stdlib.h>
#include "libc.h"

static void nothing(void) {}
weak_alias(nothing, __thread_objects_end);
weak_alias(nothing, __funcs_on_exit);
weak_alias(nothing, __stdio_exit);
weak_alias(nothing, _fini);

void __thread_objects_end(void);

extern weak hidden void (*const __fini_array_start[])(void), (*const __fini_array_end[])(void);

_Noreturn void exit(int code)
{
	__thread_objects_end();
	__funcs_on_exit();
	for (void (*const *f)(void) = __fini_array_end; f > __fini_array_start;) (*--f)();
	_fini();
	__stdio_exit();
	_Exit(code);
}
