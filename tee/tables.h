/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside tee/: a platform is a CPU and its evidence, each a table. Semantics as in tee.h.
 *
 *   (hw, dcap)    Intel SGX through Linux, quotes of Intel's DCAP library
 *   (soft, snp)   the CPU in software inside an SEV-SNP guest, whose reports name what it runs
 *   (soft, tdx)   the same inside a TDX guest
 *   (soft, demo)  the CPU in software, quotes under a root whose key everybody has
 */
#ifndef OPTMIG_TEE_TABLES_H
#define OPTMIG_TEE_TABLES_H

#include "base.h"
#include "evidence/parse/envelope.h"
#include "tee.h"

struct tee_cpu {
	int (*create)(struct tee_platform *, uint64_t base, uint64_t size, uint32_t ssa_frame_pages,
		const struct sgx_attributes *, uint32_t miscselect, struct tee_enclave **ret_enclave);
	int (*add_pages)(struct tee_enclave *, uint64_t offset, const void *source, uint64_t length,
		const struct sgx_secinfo *, bool measure);
	int (*init)(struct tee_enclave *, const struct sgx_sigstruct *);
	void (*destroy)(struct tee_enclave *);
	int (*enter)(struct tee_enclave *, uint32_t leaf, uint64_t rdi, uint64_t rsi, uint64_t rdx, uint64_t r8,
		uint64_t r9, struct tee_run *);
	int (*restrict_permissions)(struct tee_enclave *, uint64_t offset, uint64_t length, uint64_t permissions,
		uint64_t *ret_done);
	int (*modify_types)(struct tee_enclave *, uint64_t offset, uint64_t length, uint64_t page_type,
		uint64_t *ret_done);
	int (*remove_pages)(struct tee_enclave *, uint64_t offset, uint64_t length, uint64_t *ret_done);
	void (*augment_hint)(struct tee_enclave *, uint64_t offset, uint64_t length);
	int (*thread_attach)(struct tee_platform *);
	void (*thread_detach)(struct tee_platform *);
	/* Is it a report of this platform's, made for that target? NULL where only the CPU's maker can tell. */
	bool (*report_ok)(struct tee_platform *, const struct sgx_targetinfo *, const struct sgx_report *);
	void (*stats)(const struct tee_enclave *, struct tee_stats *);
	void (*close)(struct tee_platform *);
};

/* What of an envelope is the platform's own: the front puts it together and takes it apart. */
struct tee_evidence {
	enum om_evidence_type type;
	int (*target)(struct tee_platform *, struct sgx_targetinfo *);
	int (*evidence)(struct tee_platform *, const struct sgx_report *, uint8_t *buffer, size_t size, size_t *ret_size);
	/* For any platform's evidence of this type, whatever the type of our own. */
	int (*collateral)(struct tee_platform *, const uint8_t *evidence, size_t evidence_size, int64_t now, uint8_t *, size_t, size_t *);
	/* What evidence will say. NULL where nothing else can tell. */
	int (*id)(struct tee_platform *, uint8_t ret_id[TEE_ID_SIZE]);
};

/* All CPUs begin their own structures with these. */
struct tee_platform {
	const struct tee_cpu *cpu;
	const struct tee_evidence *evidence;
	struct tee_capabilities caps;
	uint8_t identity[32];         /* the software CPU's: every key of its is made from it */
	char description[320];
	struct tee_guest *guest;      /* the confidential guest that the evidence is of, or NULL */
	char no_guest[256];           /* why there is none, if it was looked for */
};

struct tee_enclave {
	struct tee_platform *platform;
	uint64_t base, size;
};

/* hw/ and soft/. The evidence is not theirs to choose. */
int tee_soft_open(const struct tee_soft_options *options, struct tee_platform **ret_platform);
/* SGX of this machine, by Linux's driver. To be asked only where tee_hw_unavailable() says NULL. Return: OM_ENOMEM. The caller
 * closes it. */
int tee_hw_open(struct tee_platform **ret_platform);
/* Why hardware cannot be used here, or NULL if it can. */
const char *tee_hw_unavailable(void);

/* evidence/ */
extern const struct tee_evidence tee_dcap, tee_demo, tee_snp, tee_tdx;
struct guest_source;
/* Evidence and identity of this platform are the guest's from now on. The source is taken over, whatever comes of it; an error leaves a platform to be closed. */
int tee_guest_adopt(struct tee_platform *platform, struct guest_source *source);
/* Closes the source and frees the guest. Context: no thread asks it for evidence any more. NULL is fine. */
void tee_guest_free(struct tee_guest *guest);
/* Under a demonstration root. */
bool tee_guest_emulated(const struct tee_platform *platform);

#endif
