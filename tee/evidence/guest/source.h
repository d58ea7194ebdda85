/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a confidential guest gets its evidence: what the maker's hardware (or its imitation) says of this guest, over 64 bytes that we choose.
 *
 *   configfs-tsm       Linux 6.7+: SNP reports with their certificates, TD quotes      tsm.c
 *   /dev/sev-guest     SNP reports on older kernels, and keys on all                    sev_guest.c
 *   /dev/tdx_guest     only says that this is a TD: a quote needs configfs              tdx_guest.c
 *   emulated processor a plain VM whose host plays AMD's processor; proves nothing      vmsp.c
 *
 * All errors are OM_E* with words in tee_last_error(). Context: any thread, one call at a time on one source.
 */
#ifndef OPTMIG_TEE_EVIDENCE_GUEST_SOURCE_H
#define OPTMIG_TEE_EVIDENCE_GUEST_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum guest_maker { GUEST_SNP, GUEST_TDX };

#define GUEST_DATA_SIZE   64
#define GUEST_KEY_SIZE    32
#define GUEST_TABLE_MAX   16384   /* of certificates; the kernel takes no more */
#define GUEST_REPORT_MAX  15872   /* of an envelope's platform part: OM_EVIDENCE_MAX without head and report body */

/*
 * What a request for the derived key selects, and whose: everything that tells this guest from others on the chip. AMD 56860, MSG_KEY_REQ. A future firmware's
 * mitigation vector is not among them: it would lose the key when the host is patched.
 */
#define GUEST_KEY_FIELDS 0x3fu    /* policy, image, family, measurement, guest SVN, TCB */

/* The first member of every source's own structure. */
struct guest_source {
	const char *name;         /* "configfs-tsm", "/dev/sev-guest", "emulated security processor": for people */
	enum guest_maker maker;
	bool emulated;            /* under the demonstration root: proves nothing */
	/*
	 * Evidence over `data`: an SNP report of 1,184 bytes, or a TD quote without what may lie behind it. @table: the certificate table (AMD 56421) that came
	 * along, *ret_table 0 if none did. An emulated source's is complete (VCEK, ASK, ARK, CRL): nobody else could be asked for it.
	 * Return: OM_EQUOTE: refused, and the words say whether for this boot; OM_ETIMEDOUT: busy for too long; OM_ENOMEM: a buffer is too small; OM_EPERM; OM_EIO.
	 */
	int (*report)(struct guest_source *source, const uint8_t data[GUEST_DATA_SIZE], uint8_t *report, size_t size, size_t *ret_size,
		uint8_t *table, size_t table_size, size_t *ret_table);
	/*
	 * The key that this guest, and no other on this chip, derives again after a restart, with GUEST_KEY_FIELDS. NULL where there never is one. Return: as above;
	 * OM_EUNSUPPORTED: there is none here.
	 */
	int (*key)(struct guest_source *source, uint8_t ret_key[GUEST_KEY_SIZE]);
	void (*close)(struct guest_source *source);
};

/*
 * The first that answers, in the order above. Return: OM_EUNSUPPORTED: this is no confidential guest; another error: it is one, or looks like it, and its
 * evidence cannot be had: the words say why.
 */
__attribute__((warn_unused_result))
int guest_source_open(struct guest_source **ret_source);
/* NULL is allowed. */
void guest_source_close(struct guest_source *source);

/* One each. Return: OM_EUNSUPPORTED: not here; else as guest_source_open(). */
__attribute__((warn_unused_result)) int guest_tsm_open(struct guest_source **ret_source);
/* /dev/sev-guest: requests to AMD's firmware by ioctl. OM_ENOMEM. */
__attribute__((warn_unused_result)) int guest_sev_open(struct guest_source **ret_source);
/* A TDX guest whose kernel has no configfs-tsm: never a source, but the words of what to do. OM_EQUOTE: its driver gives no quotes. */
__attribute__((warn_unused_result)) int guest_tdx_open(struct guest_source **ret_source);
/* The emulated security processor behind a port of the virtual machine: under a demonstration root. OM_ENOMEM. */
__attribute__((warn_unused_result)) int guest_vmsp_open(struct guest_source **ret_source);

#endif
