/* SPDX-License-Identifier: Apache-2.0 */
/* What svm.cpp needs of a C++ library, under its mangled names. */
#include <stdlib.h>

void *operator_new_array(size_t size) __asm__("_Znam");
void *operator_new(size_t size) __asm__("_Znwm");
void operator_delete_array(void *p) __asm__("_ZdaPv");
void operator_delete(void *p) __asm__("_ZdlPv");
void operator_delete_sized(void *p, size_t size) __asm__("_ZdlPvm");
void pure_virtual(void) __asm__("__cxa_pure_virtual");

void *operator_new(size_t size)
{
	void *p = malloc(size ? size : 1);
	if (!p)
		abort(); /* there are no exceptions here */
	return p;
}

void *operator_new_array(size_t size) { return operator_new(size); }
void operator_delete(void *p) { free(p); }
void operator_delete_array(void *p) { free(p); }
void operator_delete_sized(void *p, size_t size) { (void)size; free(p); }
void pure_virtual(void) { abort(); }
