/* SPDX-License-Identifier: Apache-2.0 */
/* OM_ECALL_INIT. */
#ifndef OPTMIG_TRUSTED_BOOT_BOOT_H
#define OPTMIG_TRUSTED_BOOT_BOOT_H

#include <stdbool.h>
#include <stdint.h>

/* @boot: untrusted address of struct om_boot, @size with its strings. On return arg[0] of the tbuf is the main slot. */
void rt_boot(uint64_t boot, uint64_t size);
/* The main thread's stack while it is built, downwards. Both end the enclave when there is no room. */
struct rt_stack { uint64_t low, top, rsp; };
/* Bytes below what lies there; s->rsp points to them then. No alignment is made. */
void rt_stack_push(struct rt_stack *s, const void *bytes, uint64_t size);

/* ---- launch.c ---- */
/* Decodes what the image says of its launch. */
void rt_launch_boot(uint64_t cpu_features);
/* Arguments, each with its NUL, and behind them the environment: on the stack, which only this slot uses yet. */
struct rt_strings { uint64_t at, size; uint32_t argc, envc; };
/* Makes of the host's what the image allows; ends the enclave, with the reason, if that cannot be. */
void rt_launch_strings(struct rt_stack *stack, struct rt_strings *strings);

/* It has finished. */
bool rt_booted(void);

#endif
