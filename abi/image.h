/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Layout of an OptMig image and of the enclave's address range. Shared by the signing tool, the loader
 * and the runtime; core/imagefile.c turns an ELF file into the exact list of pages that is added and measured.
 *
 *   base + 0          ELF segments: headers+rodata (R), text (RX), app data+bss (RW, tracked),
 *                     runtime data+bss (RW, resident), runtime data+bss (RW, local)
 *   heap_offset       heap: libc's brk/mmap, tracked, EDMM on demand, heap_size bytes
 *   ...               unused
 *   slots_offset      thread slots, OM_SLOT_SIZE each (below)
 *   pagemap_offset    one byte per page of ELRANGE: the runtime's page states     (resident, EDMM)
 *   cards_offset      one byte per page of ELRANGE: the card table                (local, EDMM)
 *   base + elrange_size
 *
 * One thread slot. Slots 0 .. OM_SERVICE_SLOTS-1 serve the host's control and migration threads; application
 * threads use the rest. "measured" pages are added before EINIT, the others by EDMM.
 *
 *   page   0       TCS                                            measured
 *   page   1-2     SSA, OM_NSSA frames of OM_SSA_FRAME_PAGES      measured (zero)
 *   page   3       struct rt_tcb; FS base at EENTER               measured (zero)
 *   page   4       guard, never in the enclave
 *   page   5-12    exception stack (CSSA = 1) and bounce page     measured (zero)
 *   page  13       guard
 *   page  14-29    runtime stack (CSSA = 0)                       measured for slot 0, EDMM for others
 *   page  30-31    guard
 */
#ifndef OPTMIG_ABI_IMAGE_H
#define OPTMIG_ABI_IMAGE_H

#define OM_PAGE_SIZE          4096
#define OM_ELRANGE_BASE       0x200000000000
#define OM_ELRANGE_MIN        0x40000000      /* 1 GiB */
#define OM_ELRANGE_MAX        0x10000000000   /* 1 TiB */
#define OM_ELRANGE_DEFAULT    0x1000000000    /* 64 GiB */

#define OM_SERVICE_SLOTS      8
#define OM_APP_THREADS_MAX    1016
#define OM_SLOTS_MAX          (OM_SERVICE_SLOTS + OM_APP_THREADS_MAX)
#define OM_SLOT_SIZE          0x20000
#define OM_NSSA               2
#define OM_SSA_FRAME_PAGES    1
#define OM_SLOT_TCS           0x0000
#define OM_SLOT_SSA           0x1000
#define OM_SLOT_TCB           0x3000
#define OM_SLOT_EXC_STACK     0x5000          /* lowest address */
#define OM_SLOT_EXC_STACK_SIZE 0x8000
#define OM_SLOT_STACK         0xe000
#define OM_SLOT_STACK_SIZE    0x10000

/* XFRM that an image may ask for; the enclave has just this, everywhere. AVX is the default, for every maker's servers have it. */
#define OM_XFRM_SSE           0x03
#define OM_XFRM_AVX           0x07
#define OM_XFRM_AVX512        0xe7

#define OM_IMAGE_MAGIC        0x31474d4954504fULL   /* "OPTIMG1" */
#define OM_IMAGE_VERSION      2
#define OM_HEADER_SECTION     ".optmig.header"      /* in rodata, so measured; filled in by optmig-cc after linking */
#define OM_SIGSTRUCT_SECTION  ".optmig.sigstruct"   /* not loaded; 1,808 bytes */
#define OM_POLICY_MAX         4096

#define OM_IMAGE_DEBUG        1u   /* sign with the debug attribute */
#define OM_IMAGE_VERIFY       2u   /* verify build: stores are logged */
#define OM_IMAGE_UNTRACKED    4u   /* holds code without marks: only modes that do not trust cards may move it */

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Fixed size, little-endian, no padding. All offsets are from the ELRANGE base, multiples of 4,096. */
struct om_image_header {
	uint64_t magic;
	uint32_t version;
	uint32_t flags;            /* OM_IMAGE_* */
	uint64_t elrange_size;     /* power of two */
	uint64_t image_end_offset; /* end of the last ELF segment, rounded up */
	uint64_t heap_offset, heap_size;
	uint64_t slots_offset;
	uint32_t app_threads, service_slots;
	uint64_t pagemap_offset, pagemap_size;
	uint64_t cards_offset, cards_size;
	uint32_t file_max;         /* size of the descriptor table */
	uint32_t policy_size;      /* bytes used in policy */
	uint8_t  program_id[32];   /* SHA-256 of name and options; for people, identity is MRENCLAVE */
	char     program_name[64]; /* NUL-terminated */
	uint64_t xfrm;             /* OM_XFRM_*: the processor state that exists in the enclave */
	uint8_t  reserved[56];     /* zero */
	uint8_t  policy[OM_POLICY_MAX]; /* attestation policy, see docs/spec/policy.md */
};
#endif
#endif
