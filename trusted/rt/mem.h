/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between mem.c (pages) and mmap.c (system calls). Indexes and counts are pages; ranges lie inside the heap unless said
 * otherwise.
 */
#ifndef OPTMIG_TRUSTED_RT_MEM_H
#define OPTMIG_TRUSTED_RT_MEM_H

#include <stdbool.h>
#include <stdint.h>
#include "rt/rt.h"

/* RT_PAGE_* of PROT_*: what may be written may be read; nothing is executable. */
uint8_t rt_mem_protection(long prot);
/* RLIMIT_AS and RLIMIT_DATA: no run is found any more, and the break does not move, beyond either. */
void rt_mem_limit(uint64_t address_space, uint64_t data);
/* Exactly these pages, if all are FREE and the limits allow it: RESERVED then, with that protection. */
bool rt_mem_claim_at(uint64_t index, uint64_t count, uint8_t protection);
/* The limits of address space and data have room for those pages of the range that are not mapped. */
bool rt_mem_may_replace(uint64_t index, uint64_t count);
/* Whatever is there becomes fresh memory, without being free in between. Parks like rt_mem_release. */
void rt_mem_replace(struct rt_thread *t, uint64_t index, uint64_t count, uint8_t protection);
/* To FREE, or back to RESERVED (reads as zero again) if `keep`. May park between pieces if t is not NULL; safe to run
 * again. */
void rt_mem_release(struct rt_thread *t, uint64_t index, uint64_t count, bool keep);
/* The pages leave the enclave and are mapped as before: fresh, if they may be touched. Does not park. */
void rt_mem_discard(uint64_t index, uint64_t count);
/* Changes the protection of what is mapped there; what is not is left out. Does not park. */
void rt_mem_protect(uint64_t index, uint64_t count, uint8_t protection);
/* No page of the range is FREE. May be wrong a moment later. */
bool rt_mem_all_mapped(uint64_t index, uint64_t count);
/* The new break, or the old one if that cannot be. */
uint64_t rt_mem_brk(struct rt_thread *t, uint64_t wanted);

/* ---- memlock.c ---- */
/* mlock and munlock of a range: what the program is told of it. Nothing is ever paged out by the runtime. */
void rt_memlock_set(uint64_t index, uint64_t pages, bool locked);
void rt_memlock_new(uint64_t index, uint64_t pages);          /* just mapped: locked, if all that comes is to be */
/* MCL_FUTURE: what is mapped from now on is locked. */
void rt_memlock_future(bool locked);
/* Is a page of the range locked? */
bool rt_memlock_any(uint64_t index, uint64_t pages);
/* Bytes that are locked. */
uint64_t rt_memlock_bytes(void);

/* ---- watch.c ---- */
/* A write fault at a page: true if it was watched and is not any more. Runs at CSSA 1. */
bool rt_watch_fault(uint64_t index);
/* Pages that are ARRIVING by the caller can be written. */
void rt_watch_lift(uint64_t index, uint64_t count);

/* ---- kept.c ---- */
#define RT_KEPT_RUN_MAX 2048u   /* pages: of a longer run that is given back none stays */
/* The pages, accepted and ARRIVING by the caller, become FREE by it and stay in the enclave: true; or they are too many. */
bool rt_kept_put(uint64_t index, uint64_t count);
/* The page, accepted and ARRIVING by the caller, is kept whatever its state will be, and without a limit. */
void rt_kept_ahead(uint64_t index);
/* Is any page kept at all? */
bool rt_kept_any(void);
bool rt_kept_full(void);                             /* no room for a long run */
/* The page was kept and is the caller's now: rt_kept_use() must follow. */
bool rt_kept_take(uint64_t index);
/* Makes kept pages of the caller's fresh: zeroed if they may be written, out of the enclave if not. Their cards are marked. */
void rt_kept_use(uint64_t index, uint64_t count, uint8_t protection);

#endif
