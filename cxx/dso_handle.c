/* SPDX-License-Identifier: Apache-2.0 */
/* What the compiler names to say whose static objects are destroyed: an image is one program, so any address will do. */
extern void *const __dso_handle;
__attribute__((__visibility__("hidden"))) void *const __dso_handle = (void *)&__dso_handle;
