/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which confidential guests, and which versions of platforms, are good enough: records that stand in policies and in signed lists.
 *
 * Digests in a measured policy never change: a patched kernel would be a guest that a living program may not enter. So a policy
 * may name a key instead, and that key signs lists. Little-endian (docs/spec/policy.md):
 *
 *    0  u32 magic "OMGL"   u16 format = 1   u8 curve of the key: 1 P-256, 2 P-384   u8 0
 *    8  u64 version: a later list has a higher one
 *   16  floors, 24 B:  u64 TCB date SGX   u64 TCB date TDX   u32 evaluation number   u8 counts: SNP floors, SNP guests, TDX guests, SNP owners
 *   40  records: SNP floors, SNP guests, TDX guests, SNP owners
 *       signature, r || s, 64 or 96 B, over "optmig guest list 1" || everything before it
 *
 * The records of a kind ascend, so that there is one way to write what they say.
 */
#ifndef OPTMIG_CORE_EVIDENCE_ACCEPT_GUESTS_H
#define OPTMIG_CORE_EVIDENCE_ACCEPT_GUESTS_H

#include "evidence/accept/facts.h"
#include "cursor.h"

#define OM_SNP_FLOORS_MAX   8
#define OM_SNP_GUESTS_MAX   32
#define OM_TDX_GUESTS_MAX   16
#define OM_SNP_OWNERS_MAX   8
#define OM_SNP_OWNER_SVN_MAX 999999999u
#define OM_SNP_OWNER_NAMED  176   /* of a record: what names the owner and his guests */
#define OM_GUEST_LIST_MAGIC 0x4c474d4fu
#define OM_GUEST_LIST_FORMAT 1
#define OM_GUEST_LIST_HEADER 40
#define OM_GUEST_LIST_MAX   8192
#define OM_FLOORS_SIZE      24

#define OM_GUEST_MIGRATABLE 1u   /* SNP: MIGRATE_MA, TDX: MIGRATABLE may be set: who may move the guest is trusted as the guest is */
#define OM_GUEST_RTMR3      2u   /* TDX: RTMR3 is compared, too */
#define OM_GUEST_KERNEL     4u   /* SNP: the measurement covers kernel, initrd and command line. No report tells; whoever lists it says so */

/* Bytes, as they are encoded: no padding, one order. */
struct om_snp_floor { uint8_t product, fmc, bootloader, tee, snp, microcode; };
struct om_snp_guest { uint8_t measurement[OM_MEASUREMENT_SIZE], vmpl, flags; };   /* vmpl: the highest number allowed */
struct om_tdx_guest { uint8_t mrtd[OM_MEASUREMENT_SIZE], rtmr[4][OM_MEASUREMENT_SIZE], flags; };
/*
 * Guests by the keys that signed their launch (ID block), for which a digest of the id key or of the author key is named, or both. Zero is not
 * compared: no SHA-384 is zero, and ids of zero are those of a guest without an ID block. svn: the lowest GUEST_SVN, little-endian.
 */
struct om_snp_owner { uint8_t id_key[48], author_key[48], measurement[OM_MEASUREMENT_SIZE], family[16], image[16], svn[4], vmpl, flags; };

/* Zero is no floor. */
struct om_floors {
	uint64_t sgx_date, tdx_date;     /* seconds since 1970 */
	uint32_t evaluation;
	unsigned snp_count;
	struct om_snp_floor snp[OM_SNP_FLOORS_MAX];
};
struct om_guests {
	unsigned snp_count, tdx_count, owner_count;
	struct om_snp_guest snp[OM_SNP_GUESTS_MAX];
	struct om_tdx_guest tdx[OM_TDX_GUESTS_MAX];
	struct om_snp_owner owner[OM_SNP_OWNERS_MAX];
};

enum om_curve { OM_CURVE_P256 = 1, OM_CURVE_P384 };
#define OM_KEY_SIZE_MAX 96
struct om_signer_key { uint8_t curve, key[OM_KEY_SIZE_MAX]; };   /* x || y; what the curve does not need is zero */
/* x || y: 64 or 96; 0 for no curve. A signature, r || s, is as long. */
size_t om_key_size(unsigned curve);
/* A point of that curve, its rest zero. */
bool om_key_valid(const struct om_signer_key *key);

struct om_guest_list {
	uint64_t version;
	uint8_t  curve;
	struct om_floors floors;
	struct om_guests guests;
};

/* Records ascend strictly by their first `key_size` bytes. */
bool om_ascending(const void *records, unsigned count, size_t size, size_t key_size);
/* Counts within bounds, records ascending, no unknown flags, nothing where nothing is meant. Trust: whatever has been read, or
 * put together. */
bool om_guests_sound(const struct om_guests *guests);
/* Counts within bounds, records ascending, products known, dates that are dates; FMC for Turin alone. */
bool om_floors_sound(const struct om_floors *floors);
/* The header part (OM_FLOORS_SIZE). Counts are bounded here (OM_EINVAL), soundness is the caller's. Trust: hostile. */
void om_guests_get_head(struct om_get *g, struct om_floors *floors, struct om_guests *guests);
/* The records, after om_guests_get_head() has their counts. After an error it reads nothing. */
void om_guests_get_records(struct om_get *g, struct om_floors *floors, struct om_guests *guests);
/* The header part. Counts must be sound: they have a byte each. */
void om_guests_put_head(struct om_put *put, const struct om_floors *floors, const struct om_guests *guests);
/* The records, in the order of om_guests_get_records(). What has no room fails in `put`. */
void om_guests_put_records(struct om_put *put, const struct om_floors *floors, const struct om_guests *guests);

/* Is there an SNP floor for that product? */
bool om_floors_name(const struct om_floors *floors, enum om_amd_product product);
/*
 * Return: 0 and *ret_reason = OM_WHY_NONE; OM_EPOLICY, OM_EDEBUG with the reason: is this platform not below the floors? Without an
 * SNP floor for its product a processor is below them, if `product_needed`.
 */
__attribute__((warn_unused_result))
int om_floors_check(const struct om_floors *floors, const struct om_platform_facts *facts, bool product_needed,
	enum om_attest_reason *ret_reason);
/*
 * Is the guest one of these, and as it is written there? Nothing is said for platforms without a guest.
 * @demo: evidence that proves nothing is accepted. A measurement of firmware alone is no more: whoever boots the same firmware has it, with any kernel.
 */
__attribute__((warn_unused_result))
int om_guests_check(const struct om_guests *guests, const struct om_platform_facts *facts, bool demo, enum om_attest_reason *ret_reason);
/* Does its measurement cover the kernel, initial RAM disk and command line? Else the firmware alone. */
bool om_snp_guest_covers(const struct om_snp_guest *guest);
/* Does the owner vouch that all guests that it signs are measured with their kernel? */
bool om_snp_owner_covers(const struct om_snp_owner *owner);
/* The least guest SVN that the owner's guests must have; little-endian in the record. */
uint32_t om_snp_owner_svn(const struct om_snp_owner *owner);
/* By the firmware into RTMR1 and RTMR2: what it boots, and what that is given. Zero is nothing. */
bool om_tdx_guest_covers(const struct om_tdx_guest *guest);

/*
 * @keys: one of them must have signed it.
 * @floor: the highest version that this instance has accepted from anybody. It is part of the instance's state and moves with it; the
 * caller raises it to the list's version when it acts upon the list, and not before.
 * Return: 0; OM_ETYPE, OM_EVERSION, OM_ETRUNCATED, OM_ETRAILING, OM_EINVAL (OM_WHY_GUEST_LIST_FORMAT); OM_EAUTH
 * (OM_WHY_GUEST_LIST_SIGNATURE); OM_EPOLICY (OM_WHY_GUEST_LIST_OLD). Trust: the list is hostile.
 */
__attribute__((warn_unused_result))
int om_guest_list_accept(struct om_view list, const struct om_signer_key *keys, unsigned key_count, uint64_t floor,
	struct om_guest_list *ret, enum om_attest_reason *ret_reason);
/*
 * Everything but the signature, which the caller adds: for tools. @ret_hash: what is signed; 32 bytes count for P-256, 48 for P-384.
 * Return: 0, OM_EINVAL, OM_EOVERFLOW.
 */
__attribute__((warn_unused_result))
int om_guest_list_encode(const struct om_guest_list *list, uint8_t *buffer, size_t buffer_size, size_t *ret_size, uint8_t ret_hash[48]);

#endif
