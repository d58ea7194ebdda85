/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TEE contract: an SGX2 CPU, its driver and its evidence, as the host sees them. Two CPUs stand behind it, hw/ (the Linux driver
 * and the vDSO) and soft/ (in process), and for each the evidence of where an enclave runs; nothing outside this folder and
 * core/evidence knows which.
 *
 * Preconditions of the whole interface: offsets and lengths are multiples of 4,096 and inside the enclave;
 * one process may hold one enclave at a given base. Functions return 0 or a negative OM_E* (abi/errors.h);
 * tee_last_error() then has the leaf or ioctl and its code in words. All may be called from any thread unless
 * said otherwise.
 */
#ifndef OPTMIG_TEE_TEE_H
#define OPTMIG_TEE_TEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "errors.h"
#include "sgx_arch.h"

struct tee_platform;
struct tee_enclave;

/*
 * AUTO: hardware if it can be used; else the software CPU with the evidence of the confidential guest that this is; else with evidence that proves nothing,
 * which is all that SOFT has.
 */
enum tee_kind { TEE_AUTO, TEE_HW, TEE_SOFT, TEE_GUEST };
struct guest_source;

/* Options of the emulator; all zero is a good default. */
struct tee_soft_options {
	bool strict;               /* never patch ENCLU sites: each one traps */
	const char *cost_profile;  /* NULL, or a name such as "icelake": cycles charged per leaf */
	bool watch_writes;         /* tests: PAGEMAP_SCAN of this process tells which pages were written (slower) */
	bool sealed;               /* after EINIT nothing can be mapped over ELRANGE, as an EPC page cannot be replaced (Linux 6.10; not
	                              with watch_writes). Such an enclave's address range stays taken as long as its process lives */
	uint64_t xfrm;             /* tests: XFRM bits to offer of those that this CPU has; 0: all */
	const char *platform_dir;  /* emulated platform's keys; NULL: derived from a fixed development seed */
	struct guest_source *guest;/* tests: as if this had been found in a guest (tee/evidence/guest/source.h). Taken over */
};

struct tee_capabilities {
	enum tee_kind kind;        /* for tests; nothing else asks which it is (tools/gates) */
	const char *name;          /* for people: "hardware", "emulator" */
	bool     protects;         /* a security boundary stands between the enclave and this machine's owner: around the enclave, or around this whole guest */
	bool     lasting;          /* seals open after a restart of the machine */
	bool     oracle;           /* the enclave's memory can be compared from outside */
	bool     edmm;
	uint64_t xfrm;             /* XFRM bits an enclave may have here */
	uint64_t epc_bytes;        /* 0: unknown */
	uint64_t elrange_max;
};

/* @emu: NULL: defaults. Return: 0 and a platform for tee_platform_close(); OM_ENOSGX: no hardware, and it was asked for; OM_EUNSUPPORTED: no
 * confidential guest, and it was asked for; OM_EPERM, OM_EQUOTE, OM_ENOMEM, OM_EIO. */
__attribute__((warn_unused_result))
int tee_platform_open(enum tee_kind kind, const struct tee_soft_options *emu, struct tee_platform **ret_platform);
/* NULL is allowed. Its enclaves are destroyed before. */
void tee_platform_close(struct tee_platform *platform);
/* What can be had here. Strings live as long as the platform. */
void tee_platform_capabilities(const struct tee_platform *platform, struct tee_capabilities *ret_caps);
/* One line for people: why this kind was chosen, or why hardware cannot be used. */
const char *tee_platform_describe(const struct tee_platform *platform);

/* ECREATE. Reserves [base, base + size) of this process at exactly `base` and fails with OM_EEXISTS if taken. */
__attribute__((warn_unused_result))
int tee_create(struct tee_platform *platform, uint64_t base, uint64_t size, uint32_t ssa_frame_pages,
	const struct sgx_attributes *attributes, uint32_t miscselect, struct tee_enclave **ret_enclave);
/* EADD (+ EEXTEND of every 256 bytes if `measure`). @source: length bytes, or NULL for zero pages. */
__attribute__((warn_unused_result))
int tee_add_pages(struct tee_enclave *enclave, uint64_t offset, const void *source, uint64_t length,
	const struct sgx_secinfo *secinfo, bool measure);
/* EINIT. */
__attribute__((warn_unused_result))
int tee_init(struct tee_enclave *enclave, const struct sgx_sigstruct *sigstruct);
/* Waits for no one: the caller guarantees that no thread is inside. */
void tee_destroy(struct tee_enclave *enclave);

/* Modelled on struct sgx_enclave_run of <asm/sgx.h>. */
struct tee_run {
	uint64_t tcs;               /* address of the TCS */
	uint32_t function;          /* out: the leaf that ended the run: EEXIT (4), or EENTER/ERESUME (2, 3) with an exception */
	uint16_t exception_vector;  /* out: #PF 14, #UD 6, #GP 13, ... */
	uint16_t exception_error_code;
	uint64_t exception_addr;    /* out: page-aligned */
};

/*
 * EENTER (leaf 2) or ERESUME (leaf 3), as __vdso_sgx_enter_enclave: the registers rdi, rsi, rdx, r8, r9 reach
 * the enclave. Asynchronous signals of the host thread are handled and the enclave resumed, transparently.
 * Context: any thread that called tee_thread_attach(); not from a signal handler. An ERESUME must come from the same stack
 * depth as the EENTER whose code it continues: that code leaves through the frame it was entered from.
 * Return: 0 with *run filled in (EEXIT or exception), or OM_ESGX (TCS busy, not a TCS, CSSA >= NSSA).
 * On hardware ERESUME's own faults cannot be told from the enclave's and are reported as such.
 */
__attribute__((warn_unused_result))
int tee_enter(struct tee_enclave *enclave, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx,
	uint64_t r8, uint64_t r9, struct tee_run *run);

/* Once per host thread before its first tee_enter (signal stack, syscall trap); and before it ends. */
__attribute__((warn_unused_result))
int tee_thread_attach(struct tee_platform *platform);
/* See above. */
void tee_thread_detach(struct tee_platform *platform);

/* Host signal handlers that must run while a thread may be inside the enclave are installed through this
 * (as sigaction with SA_SIGINFO), so that the emulator can restore the host's FS and GS first. */
__attribute__((warn_unused_result))
int tee_sigaction(int signo, void (*handler)(int, void *siginfo, void *ucontext), int sa_flags);

/* EMODPR / EMODT / EREMOVE by the driver's ioctls; `ret_done` counts bytes done before an error. Return: OM_EINVAL where Linux's driver
 * says EINVAL: W without R, a page type that the change does not fit; OM_ESGX for all else that it or the leaf refuses: no page, PENDING,
 * MODIFIED, not trimmed or not accepted; OM_EUNSUPPORTED: what the emulator cannot enforce in a sealed enclave (docs/emulator.md). */
__attribute__((warn_unused_result))
int tee_restrict_permissions(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t permissions, uint64_t *ret_done);
/* As above; @page_type: SGX_PT_TRIM or SGX_PT_TCS. */
__attribute__((warn_unused_result))
int tee_modify_types(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t page_type, uint64_t *ret_done);
/* As above: pages that are trimmed and whose trimming the enclave has accepted. */
__attribute__((warn_unused_result))
int tee_remove_pages(struct tee_enclave *enclave, uint64_t offset, uint64_t length, uint64_t *ret_done);
/* A hint that the enclave will soon EACCEPT [offset, offset + length): EAUG ahead where the driver can. Never fails. */
void tee_augment_hint(struct tee_enclave *enclave, uint64_t offset, uint64_t length);

/* Target information of the platform's quoting enclave (return: enum om_evidence_type), and evidence over a report made for it: an envelope
 * (core/evidence/parse/envelope.h). @report: 432 bytes from EREPORT. @evidence: caller's buffer. Return: OM_ENOMEM if too small (then *ret_size is the need). */
__attribute__((warn_unused_result))
int tee_evidence_target(struct tee_platform *platform, struct sgx_targetinfo *ret_target);
/* As above. Trust: the report is the enclave's word; a report of another platform's is refused where this CPU can tell. */
__attribute__((warn_unused_result))
int tee_evidence(struct tee_platform *platform, const struct sgx_report *report, uint8_t *evidence, size_t evidence_size, size_t *ret_size);

#define TEE_ID_SIZE 64
/* The machine as evidence of this platform will name it, and tickets do: enum om_evidence_type, an id and zeros. Return: OM_EUNSUPPORTED
 * where only evidence can tell. */
__attribute__((warn_unused_result))
int tee_evidence_id(struct tee_platform *platform, uint8_t *ret_type, uint8_t ret_id[TEE_ID_SIZE]);

/* Collateral for verifying such evidence, of this kind of platform or another, as core/evidence takes it, in force at `now` (seconds since 1970). Return: OM_ENOMEM as
 * above; OM_EUNSUPPORTED where the platform's vendor would have to be asked: the caller
 * looks into what was fetched of it. */
__attribute__((warn_unused_result))
int tee_collateral(struct tee_platform *platform, const uint8_t *evidence, size_t evidence_size, int64_t now,
	uint8_t *buffer, size_t buffer_size, size_t *ret_size);

/*
 * Collateral that nobody has to be asked for: that of evidence which proves nothing. Return: as tee_collateral(); OM_EUNSUPPORTED for evidence of
 * any maker; OM_ETYPE: of no known type.
 */
__attribute__((warn_unused_result))
int tee_collateral_public(const uint8_t *evidence, size_t evidence_size, int64_t now, uint8_t *buffer, size_t buffer_size, size_t *ret_size);

/*
 * The certificate table that came with the last evidence from the guest's host (AMD 56421; host/collateral/table.c reads it). *ret_size 0: none. Trust: hostile.
 * Return: OM_ENOMEM.
 */
#define TEE_TABLE_MAX 16384
/* *ret_size: bytes of the table in `buffer`. Context: any thread. */
__attribute__((warn_unused_result))
int tee_evidence_table(struct tee_platform *platform, uint8_t *buffer, size_t size, size_t *ret_size);

/* For people: of the confidential guest that this is, what its maker's hardware says of it over 64 zeros, an SNP report or a TD quote. Return: enum
 * om_evidence_type; OM_EUNSUPPORTED: it is none, or one whose evidence cannot be had (the words say why); OM_EQUOTE, OM_ETIMEDOUT. */
struct tee_guest_facts {
	const char *source;        /* "configfs-tsm", ... */
	bool emulated;             /* proves nothing */
	bool lasting, shared;      /* keys: after a restart of the guest; by all processes in it */
};
/* *ret_size: bytes of the report or quote in `buffer`. */
__attribute__((warn_unused_result))
int tee_guest_look(struct tee_platform *platform, struct tee_guest_facts *ret_facts, uint8_t *buffer, size_t size, size_t *ret_size);

struct tee_stats { uint64_t enter, resume, aex, eaccept, eacceptcopy, emodpe, eaug, pages_resident; };
/* Counts since the enclave was created; 0 for what this CPU does not count. */
void tee_stats_get(const struct tee_enclave *enclave, struct tee_stats *ret_stats);

/* Words for the last failure of this thread. Static buffer per thread. */
const char *tee_last_error(void);

#endif
