/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SGX's architectural structures, exactly as the Intel SDM volume 3D, chapters 35 to 41, lays them out. Nothing of
 * ours is in here. Usable from the enclave, the host and (the constants) assembly.
 *
 * Structures have natural alignment only, since copies of them travel in buffers and files; where the CPU demands
 * more of an operand, SGX_*_ALIGN says so and the caller provides it.
 */
#ifndef OPTMIG_ABI_SGX_ARCH_H
#define OPTMIG_ABI_SGX_ARCH_H

/* ENCLU leaves (SDM 3D 35.2). */
#define SGX_EREPORT      0
#define SGX_EGETKEY      1
#define SGX_EENTER       2
#define SGX_ERESUME      3
#define SGX_EEXIT        4
#define SGX_EACCEPT      5
#define SGX_EMODPE       6
#define SGX_EACCEPTCOPY  7
#define SGX_EDECCSSA     9

/* ENCLS leaves: what the driver does for us. */
#define SGX_ECREATE      0
#define SGX_EADD         1
#define SGX_EINIT        2
#define SGX_EREMOVE      3
#define SGX_EEXTEND      6
#define SGX_EBLOCK       9
#define SGX_ETRACK       12
#define SGX_EAUG         13
#define SGX_EMODPR       14
#define SGX_EMODT        15

/* Codes returned in RAX (SDM 3D 38.4, table "Information and Error Codes"). */
#define SGX_SUCCESS                    0
#define SGX_INVALID_SIG_STRUCT         1
#define SGX_INVALID_ATTRIBUTE          2
#define SGX_BLKSTATE                   3
#define SGX_INVALID_MEASUREMENT        4
#define SGX_NOTBLOCKABLE               5
#define SGX_PG_INVLD                   6
#define SGX_EPC_PAGE_CONFLICT          7
#define SGX_INVALID_SIGNATURE          8
#define SGX_MAC_COMPARE_FAIL           9
#define SGX_PAGE_NOT_BLOCKED           10
#define SGX_NOT_TRACKED                11
#define SGX_VA_SLOT_OCCUPIED           12
#define SGX_CHILD_PRESENT              13
#define SGX_ENCLAVE_ACT                14
#define SGX_ENTRYEPOCH_LOCKED          15
#define SGX_INVALID_EINITTOKEN         16
#define SGX_PREV_TRK_INCMPL            17
#define SGX_PG_IS_SECS                 18
#define SGX_PAGE_ATTRIBUTES_MISMATCH   19
#define SGX_PAGE_NOT_MODIFIABLE        20
#define SGX_PAGE_NOT_DEBUGGABLE        21
#define SGX_INVALID_CPUSVN             32
#define SGX_INVALID_ISVSVN             64
#define SGX_UNMASKED_EVENT             128
#define SGX_INVALID_KEYNAME            256

/* SECINFO.FLAGS (35.10). The page type stands in bits 15:8. */
#define SGX_SECINFO_R         0x01
#define SGX_SECINFO_W         0x02
#define SGX_SECINFO_X         0x04
#define SGX_SECINFO_PENDING   0x08
#define SGX_SECINFO_MODIFIED  0x10
#define SGX_SECINFO_PR        0x20
#define SGX_SECINFO_PERM_MASK 0x07
#define SGX_SECINFO_PT_SHIFT  8
#define SGX_SECINFO_PT_MASK   0xff00
#define SGX_PT_SECS     0
#define SGX_PT_TCS      1
#define SGX_PT_REG      2
#define SGX_PT_VA       3
#define SGX_PT_TRIM     4
#define SGX_PT_SS_FIRST 5
#define SGX_PT_SS_REST  6
#define SGX_SECINFO_SECS 0x000
#define SGX_SECINFO_TCS  0x100
#define SGX_SECINFO_REG  0x200
#define SGX_SECINFO_TRIM 0x400

/* ATTRIBUTES.FLAGS (35.7.1). */
#define SGX_ATTR_INIT           0x001
#define SGX_ATTR_DEBUG          0x002
#define SGX_ATTR_MODE64BIT      0x004
#define SGX_ATTR_PROVISION_KEY  0x010
#define SGX_ATTR_EINITTOKEN_KEY 0x020
#define SGX_ATTR_CET            0x040
#define SGX_ATTR_KSS            0x080
#define SGX_ATTR_AEX_NOTIFY     0x400
/* ATTRIBUTES.XFRM: XCR0's bits. */
#define SGX_XFRM_LEGACY 0x03
#define SGX_XFRM_AVX    0x07
#define SGX_XFRM_AVX512 0xe7

#define SGX_MISC_EXINFO 1u            /* MISCSELECT (35.7.2): report #PF and #GP in the SSA */

#define SGX_TCS_DBGOPTIN   1u         /* TCS.FLAGS (35.8.1) */
#define SGX_TCS_AEX_NOTIFY 2u

/* Exceptions and EXITINFO (35.9.1.1). */
#define SGX_VECTOR_DE 0
#define SGX_VECTOR_DB 1
#define SGX_VECTOR_BP 3
#define SGX_VECTOR_BR 5
#define SGX_VECTOR_UD 6
#define SGX_VECTOR_GP 13
#define SGX_VECTOR_PF 14
#define SGX_VECTOR_MF 16
#define SGX_VECTOR_AC 17
#define SGX_VECTOR_XM 19
#define SGX_EXITINFO_VECTOR_MASK 0xffu
#define SGX_EXITINFO_TYPE_SHIFT  8
#define SGX_EXITINFO_TYPE_MASK   0x700u
#define SGX_EXITINFO_TYPE_HW     3u   /* exception raised by hardware */
#define SGX_EXITINFO_TYPE_SW     6u   /* #BP */
#define SGX_EXITINFO_VALID       0x80000000u

/* Page-fault error code. The SGX bit: the EPCM refused, not the page table. */
#define SGX_PFEC_P   0x0001
#define SGX_PFEC_W   0x0002
#define SGX_PFEC_U   0x0004
#define SGX_PFEC_I   0x0010
#define SGX_PFEC_SGX 0x8000

/* EGETKEY (35.18). */
#define SGX_KEY_EINITTOKEN     0
#define SGX_KEY_PROVISION      1
#define SGX_KEY_PROVISION_SEAL 2
#define SGX_KEY_REPORT         3
#define SGX_KEY_SEAL           4
#define SGX_KEYPOLICY_MRENCLAVE     0x01
#define SGX_KEYPOLICY_MRSIGNER      0x02
#define SGX_KEYPOLICY_NOISVPRODID   0x04
#define SGX_KEYPOLICY_CONFIGID      0x08
#define SGX_KEYPOLICY_ISVFAMILYID   0x10
#define SGX_KEYPOLICY_ISVEXTPRODID  0x20

/* Alignment that leaf functions demand of their operands. */
#define SGX_SECINFO_ALIGN    64
#define SGX_PAGEINFO_ALIGN   32
#define SGX_TARGETINFO_ALIGN 512
#define SGX_REPORTDATA_ALIGN 128
#define SGX_REPORT_ALIGN     512
#define SGX_KEYREQUEST_ALIGN 512
#define SGX_KEY_ALIGN        16

#define SGX_PAGE_SIZE       4096
#define SGX_EXTEND_SIZE     256
#define SGX_SIGSTRUCT_SIZE  1808
#define SGX_REPORT_SIZE     432
#define SGX_REPORT_BODY_SIZE 384
#define SGX_REPORTDATA_SIZE 64
#define SGX_KEY_SIZE        16
#define SGX_RSA_SIZE        384

/* An SSA frame: XSAVE area at its start; at its end GPRSGX, and below that the MISC region (EXINFO). */
#define SGX_GPRSGX_SIZE 184
#define SGX_EXINFO_SIZE 16

/* Offsets for assembly. */
#define SGX_GPR_RAX      0
#define SGX_GPR_RCX      8
#define SGX_GPR_RDX      16
#define SGX_GPR_RBX      24
#define SGX_GPR_RSP      32
#define SGX_GPR_RBP      40
#define SGX_GPR_RSI      48
#define SGX_GPR_RDI      56
#define SGX_GPR_R8       64
#define SGX_GPR_R9       72
#define SGX_GPR_R10      80
#define SGX_GPR_R11      88
#define SGX_GPR_R12      96
#define SGX_GPR_R13      104
#define SGX_GPR_R14      112
#define SGX_GPR_R15      120
#define SGX_GPR_RFLAGS   128
#define SGX_GPR_RIP      136
#define SGX_GPR_URSP     144
#define SGX_GPR_URBP     152
#define SGX_GPR_EXITINFO 160
#define SGX_GPR_FSBASE   168
#define SGX_GPR_GSBASE   176

/*
 * How our enclaves write ENCLU: the instruction and a 2-byte nop behind it. The nop means nothing to the CPU; it
 * makes room for a 5-byte call, so that an emulator may replace the trap once the page has been measured.
 * Such a call writes its return address at rsp - 8: step over the red zone first where there is one.
 */
#define SGX_ENCLU_ASM .byte 0x0f, 0x01, 0xd7, 0x66, 0x90
#define SGX_ENCLU_STR ".byte 0x0f, 0x01, 0xd7, 0x66, 0x90"

#ifndef __ASSEMBLER__
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct sgx_attributes { uint64_t flags, xfrm; };

/* 35.7 */
struct sgx_secs {
	uint64_t size, base;
	uint32_t ssa_frame_size;         /* pages */
	uint32_t miscselect;
	uint64_t cet_leg_bitmap_offset;
	uint8_t  cet_attributes;
	uint8_t  reserved1[15];
	struct sgx_attributes attributes;
	uint8_t  mrenclave[32];
	uint8_t  reserved2[32];
	uint8_t  mrsigner[32];
	uint8_t  reserved3[32];
	uint8_t  configid[64];
	uint16_t isvprodid, isvsvn, configsvn;
	uint8_t  reserved4[3834];
};

/* 35.8. Offsets (OSSA, OENTRY, OFSBASE, OGSBASE) are from the enclave's base, modulo 2^64. */
struct sgx_tcs {
	uint64_t stage;
	uint64_t flags;
	uint64_t ossa;
	uint32_t cssa;
	uint32_t nssa;
	uint64_t oentry;
	uint64_t aep;
	uint64_t ofsbase, ogsbase;
	uint32_t fslimit, gslimit;
	uint64_t ocetssa, prevssp;
	uint8_t  reserved[4008];
};

/* 35.9.1 */
struct sgx_gprsgx {
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rflags, rip, ursp, urbp;
	uint32_t exitinfo;
	uint8_t  reserved[3];
	uint8_t  aex_notify;
	uint64_t fsbase, gsbase;
};

/* 35.9.2.1 */
struct sgx_exinfo {
	uint64_t maddr;                  /* #PF: the address; else 0 */
	uint32_t errcd;
	uint32_t reserved;
};

struct sgx_secinfo {
	uint64_t flags;
	uint8_t  reserved[56];
};

struct sgx_pageinfo { uint64_t linaddr, srcpge, secinfo, secs; };

/* 35.16. The body is what a quote carries. */
struct sgx_report_body {
	uint8_t  cpusvn[16];
	uint32_t miscselect;
	uint8_t  cet_attributes;
	uint8_t  reserved1[11];
	uint8_t  isvextprodid[16];
	struct sgx_attributes attributes;
	uint8_t  mrenclave[32];
	uint8_t  reserved2[32];
	uint8_t  mrsigner[32];
	uint8_t  reserved3[32];
	uint8_t  configid[64];
	uint16_t isvprodid, isvsvn, configsvn;
	uint8_t  reserved4[42];
	uint8_t  isvfamilyid[16];
	uint8_t  reportdata[64];
};

struct sgx_report {
	struct sgx_report_body body;
	uint8_t keyid[32];
	uint8_t mac[16];                 /* AES-CMAC over body with the target's report key */
};

/* 35.17 */
struct sgx_targetinfo {
	uint8_t  measurement[32];
	struct sgx_attributes attributes;
	uint8_t  cet_attributes;
	uint8_t  reserved1;
	uint16_t configsvn;
	uint32_t miscselect;
	uint8_t  reserved2[8];
	uint8_t  configid[64];
	uint8_t  reserved3[384];
};

/* 35.18 */
struct sgx_keyrequest {
	uint16_t keyname, keypolicy, isvsvn;
	uint8_t  cet_attributes_mask;
	uint8_t  reserved1;
	uint8_t  cpusvn[16];
	struct sgx_attributes attributemask;
	uint8_t  keyid[32];
	uint32_t miscmask;
	uint16_t configsvn;
	uint8_t  reserved2[434];
};

/* 35.14. Signed: [0, 128) and [900, 1028). Numbers are little-endian. */
struct sgx_sigstruct {
	uint8_t  header[16];
	uint32_t vendor;
	uint32_t date;                   /* BCD yyyymmdd */
	uint8_t  header2[16];
	uint32_t swdefined;
	uint8_t  reserved1[84];
	uint8_t  modulus[384];
	uint32_t exponent;               /* 3 */
	uint8_t  signature[384];
	uint32_t miscselect, miscmask;
	uint8_t  cet_attributes, cet_attributes_mask;
	uint8_t  reserved2[2];
	uint8_t  isvfamilyid[16];
	struct sgx_attributes attributes, attributemask;
	uint8_t  enclavehash[32];
	uint8_t  reserved3[16];
	uint8_t  isvextprodid[16];
	uint16_t isvprodid, isvsvn;
	uint8_t  reserved4[12];
	uint8_t  q1[384], q2[384];
};

#define SGX_SIGSTRUCT_HEADER  "\x06\x00\x00\x00\xe1\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00"
#define SGX_SIGSTRUCT_HEADER2 "\x01\x01\x00\x00\x60\x00\x00\x00\x60\x00\x00\x00\x01\x00\x00\x00"

#define SGX_ASSERT_AT(type, field, offset) static_assert(offsetof(struct type, field) == (offset), #type "." #field)
static_assert(sizeof(struct sgx_secs) == 4096, "SECS");
SGX_ASSERT_AT(sgx_secs, attributes, 48);
SGX_ASSERT_AT(sgx_secs, mrenclave, 64);
SGX_ASSERT_AT(sgx_secs, mrsigner, 128);
SGX_ASSERT_AT(sgx_secs, isvprodid, 256);
static_assert(sizeof(struct sgx_tcs) == 4096, "TCS");
SGX_ASSERT_AT(sgx_tcs, ossa, 16);
SGX_ASSERT_AT(sgx_tcs, oentry, 32);
SGX_ASSERT_AT(sgx_tcs, ofsbase, 48);
SGX_ASSERT_AT(sgx_tcs, fslimit, 64);
SGX_ASSERT_AT(sgx_tcs, ocetssa, 72);
static_assert(sizeof(struct sgx_gprsgx) == SGX_GPRSGX_SIZE, "GPRSGX");
SGX_ASSERT_AT(sgx_gprsgx, r15, SGX_GPR_R15);
SGX_ASSERT_AT(sgx_gprsgx, rflags, SGX_GPR_RFLAGS);
SGX_ASSERT_AT(sgx_gprsgx, ursp, SGX_GPR_URSP);
SGX_ASSERT_AT(sgx_gprsgx, exitinfo, SGX_GPR_EXITINFO);
SGX_ASSERT_AT(sgx_gprsgx, aex_notify, 167);
SGX_ASSERT_AT(sgx_gprsgx, gsbase, SGX_GPR_GSBASE);
static_assert(sizeof(struct sgx_exinfo) == SGX_EXINFO_SIZE, "EXINFO");
static_assert(sizeof(struct sgx_secinfo) == 64, "SECINFO");
static_assert(sizeof(struct sgx_pageinfo) == 32, "PAGEINFO");
static_assert(sizeof(struct sgx_report_body) == SGX_REPORT_BODY_SIZE, "REPORT body");
static_assert(sizeof(struct sgx_report) == SGX_REPORT_SIZE, "REPORT");
SGX_ASSERT_AT(sgx_report_body, attributes, 48);
SGX_ASSERT_AT(sgx_report_body, mrenclave, 64);
SGX_ASSERT_AT(sgx_report_body, mrsigner, 128);
SGX_ASSERT_AT(sgx_report_body, isvprodid, 256);
SGX_ASSERT_AT(sgx_report_body, isvfamilyid, 304);
SGX_ASSERT_AT(sgx_report_body, reportdata, 320);
static_assert(sizeof(struct sgx_targetinfo) == 512, "TARGETINFO");
SGX_ASSERT_AT(sgx_targetinfo, configsvn, 50);
SGX_ASSERT_AT(sgx_targetinfo, configid, 64);
static_assert(sizeof(struct sgx_keyrequest) == 512, "KEYREQUEST");
SGX_ASSERT_AT(sgx_keyrequest, attributemask, 24);
SGX_ASSERT_AT(sgx_keyrequest, miscmask, 72);
static_assert(sizeof(struct sgx_sigstruct) == SGX_SIGSTRUCT_SIZE, "SIGSTRUCT");
SGX_ASSERT_AT(sgx_sigstruct, modulus, 128);
SGX_ASSERT_AT(sgx_sigstruct, signature, 516);
SGX_ASSERT_AT(sgx_sigstruct, miscselect, 900);
SGX_ASSERT_AT(sgx_sigstruct, isvfamilyid, 912);
SGX_ASSERT_AT(sgx_sigstruct, attributes, 928);
SGX_ASSERT_AT(sgx_sigstruct, enclavehash, 960);
SGX_ASSERT_AT(sgx_sigstruct, isvprodid, 1024);
SGX_ASSERT_AT(sgx_sigstruct, q1, 1040);

#endif
#endif
