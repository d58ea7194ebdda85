/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests and floors: their records, the judgement by them, and lists that a key has signed. A list is judged in the order of its
 * header: what it is, whether it is sound, who signed it, and only then whether it is newer than what this instance has seen.
 */
#include <string.h>
#include "evidence/accept/guests.h"
#include "bytes.h"
#include "crypto/ec.h"
#include "crypto/p384.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"

#define PRODUCT_MAX OM_AMD_TURIN
#define VMPL_MAX    3

static const char label[] = "optmig guest list 1";

static_assert(sizeof(struct om_snp_floor) == 6 && sizeof(struct om_snp_guest) == OM_MEASUREMENT_SIZE + 2 &&
	sizeof(struct om_tdx_guest) == 5 * OM_MEASUREMENT_SIZE + 1 && sizeof(struct om_snp_owner) == OM_SNP_OWNER_NAMED + 6 && sizeof(struct om_signer_key) == 1 + OM_KEY_SIZE_MAX,
	"records are bytes");

bool om_ascending(const void *records, unsigned count, size_t size, size_t key_size)
{
	const uint8_t *at = records;

	for (unsigned i = 1; i < count; i++, at += size)
		if (memcmp(at, at + size, key_size) >= 0)
			return false;
	return true;
}

bool om_floors_sound(const struct om_floors *f)
{
	if (f->snp_count > OM_SNP_FLOORS_MAX || !om_ascending(f->snp, f->snp_count, sizeof f->snp[0], 1) ||
	    f->sgx_date > INT64_MAX || f->tdx_date > INT64_MAX)
		return false;
	for (unsigned i = 0; i < f->snp_count; i++)
		if (f->snp[i].product == 0 || f->snp[i].product > PRODUCT_MAX ||
		    (f->snp[i].fmc && f->snp[i].product != OM_AMD_TURIN))
			return false;
	return true;
}

uint32_t om_snp_owner_svn(const struct om_snp_owner *o)
{
	return o->svn[0] | (uint32_t)o->svn[1] << 8 | (uint32_t)o->svn[2] << 16 | (uint32_t)o->svn[3] << 24;
}

/* Ids, an SVN and a measurement alone are what whoever launches the guest likes: they say something of what a key has signed. */
static bool owners_sound(const struct om_guests *g)
{
	if (g->owner_count > OM_SNP_OWNERS_MAX || !om_ascending(g->owner, g->owner_count, sizeof g->owner[0], OM_SNP_OWNER_NAMED))
		return false;
	for (unsigned i = 0; i < g->owner_count; i++) {
		const struct om_snp_owner *o = &g->owner[i];

		if ((om_all_zero(o->id_key, sizeof o->id_key) && om_all_zero(o->author_key, sizeof o->author_key)) || o->vmpl > VMPL_MAX ||
		    om_snp_owner_svn(o) > OM_SNP_OWNER_SVN_MAX || (o->flags & ~(OM_GUEST_MIGRATABLE | OM_GUEST_KERNEL)))
			return false;
	}
	return true;
}

bool om_guests_sound(const struct om_guests *g)
{
	if (!owners_sound(g) || g->snp_count > OM_SNP_GUESTS_MAX || !om_ascending(g->snp, g->snp_count, sizeof g->snp[0], OM_MEASUREMENT_SIZE) ||
	    g->tdx_count > OM_TDX_GUESTS_MAX || !om_ascending(g->tdx, g->tdx_count, sizeof g->tdx[0], 5 * OM_MEASUREMENT_SIZE))
		return false;
	for (unsigned i = 0; i < g->snp_count; i++)
		if (g->snp[i].vmpl > VMPL_MAX || (g->snp[i].flags & ~(OM_GUEST_MIGRATABLE | OM_GUEST_KERNEL)))
			return false;
	for (unsigned i = 0; i < g->tdx_count; i++)
		if ((g->tdx[i].flags & ~(OM_GUEST_MIGRATABLE | OM_GUEST_RTMR3)) ||
		    (!(g->tdx[i].flags & OM_GUEST_RTMR3) && !om_all_zero(g->tdx[i].rtmr[3], OM_MEASUREMENT_SIZE)))
			return false;
	return true;
}

void om_guests_get_head(struct om_get *g, struct om_floors *floors, struct om_guests *guests)
{
	floors->sgx_date = om_get_u64(g);
	floors->tdx_date = om_get_u64(g);
	floors->evaluation = om_get_u32(g);
	floors->snp_count = om_get_u8(g);
	guests->snp_count = om_get_u8(g);
	guests->tdx_count = om_get_u8(g);
	guests->owner_count = om_get_u8(g);
	if (floors->snp_count > OM_SNP_FLOORS_MAX || guests->snp_count > OM_SNP_GUESTS_MAX || guests->tdx_count > OM_TDX_GUESTS_MAX ||
	    guests->owner_count > OM_SNP_OWNERS_MAX)
		om_get_fail(g, OM_EINVAL);
}

void om_guests_get_records(struct om_get *g, struct om_floors *floors, struct om_guests *guests)
{
	if (g->error)   /* the counts are not to be trusted */
		return;
	om_get_bytes(g, floors->snp, floors->snp_count * sizeof floors->snp[0]);
	om_get_bytes(g, guests->snp, guests->snp_count * sizeof guests->snp[0]);
	om_get_bytes(g, guests->tdx, guests->tdx_count * sizeof guests->tdx[0]);
	om_get_bytes(g, guests->owner, guests->owner_count * sizeof guests->owner[0]);
}

void om_guests_put_head(struct om_put *put, const struct om_floors *floors, const struct om_guests *guests)
{
	om_put_u64(put, floors->sgx_date);
	om_put_u64(put, floors->tdx_date);
	om_put_u32(put, floors->evaluation);
	om_put_u8(put, (uint8_t)floors->snp_count);
	om_put_u8(put, (uint8_t)guests->snp_count);
	om_put_u8(put, (uint8_t)guests->tdx_count);
	om_put_u8(put, (uint8_t)guests->owner_count);
}

void om_guests_put_records(struct om_put *put, const struct om_floors *floors, const struct om_guests *guests)
{
	om_put_bytes(put, floors->snp, floors->snp_count * sizeof floors->snp[0]);
	om_put_bytes(put, guests->snp, guests->snp_count * sizeof guests->snp[0]);
	om_put_bytes(put, guests->tdx, guests->tdx_count * sizeof guests->tdx[0]);
	om_put_bytes(put, guests->owner, guests->owner_count * sizeof guests->owner[0]);
}

/* ---- judgement ---- */

static int no(enum om_attest_reason *ret_reason, enum om_attest_reason reason, int error)
{
	*ret_reason = reason;
	return error;
}

/* Component by component, never as one number. */
static bool reaches(const struct om_platform_facts *facts, const struct om_snp_floor *f)
{
	return facts->snp.fmc >= f->fmc && facts->snp.bootloader >= f->bootloader && facts->snp.tee >= f->tee &&
		facts->snp.snp >= f->snp && facts->snp.microcode >= f->microcode;
}

bool om_floors_name(const struct om_floors *floors, enum om_amd_product product)
{
	for (unsigned i = 0; i < floors->snp_count; i++)
		if (floors->snp[i].product == (unsigned)product)
			return true;
	return false;
}

static int check_snp_floors(const struct om_floors *floors, const struct om_platform_facts *facts, bool product_needed,
	enum om_attest_reason *ret_reason)
{
	for (unsigned i = 0; i < floors->snp_count; i++) {
		if (floors->snp[i].product != (unsigned)facts->snp.product)
			continue;
		return reaches(facts, &floors->snp[i]) ? 0 : no(ret_reason, OM_WHY_FLOOR_SNP, OM_EPOLICY);
	}
	return product_needed ? no(ret_reason, OM_WHY_FLOOR_PRODUCT, OM_EPOLICY) : 0;
}

int om_floors_check(const struct om_floors *floors, const struct om_platform_facts *facts, bool product_needed,
	enum om_attest_reason *ret_reason)
{
	const uint64_t date = facts->type == OM_EVIDENCE_TDX ? floors->tdx_date : floors->sgx_date;
	int error = 0;

	if (facts->type == OM_EVIDENCE_SNP)
		error = check_snp_floors(floors, facts, product_needed, ret_reason);
	else if (date && facts->tcb_date < (int64_t)date)
		error = no(ret_reason, OM_WHY_TCB_DATE, OM_EPOLICY);
	else if (facts->evaluation < floors->evaluation)
		error = no(ret_reason, OM_WHY_TCB_EVALUATION, OM_EPOLICY);
	if (!error)
		*ret_reason = OM_WHY_NONE;
	return error;
}

bool om_snp_guest_covers(const struct om_snp_guest *guest)
{
	return guest->flags & OM_GUEST_KERNEL;
}

bool om_snp_owner_covers(const struct om_snp_owner *owner)
{
	return owner->flags & OM_GUEST_KERNEL;
}

bool om_tdx_guest_covers(const struct om_tdx_guest *guest)
{
	return !om_all_zero(guest->rtmr[1], OM_MEASUREMENT_SIZE) && !om_all_zero(guest->rtmr[2], OM_MEASUREMENT_SIZE);
}

/* What a line says beside which guest it is. */
static enum om_attest_reason lets_in(uint8_t vmpl, uint8_t flags, const struct om_platform_facts *facts, bool demo)
{
	if (!(flags & OM_GUEST_KERNEL) && !demo)
		return OM_WHY_GUEST_KERNEL;
	if (facts->snp.vmpl > vmpl)
		return OM_WHY_GUEST_VMPL;
	if (facts->snp.policy & OM_GUEST_POLICY_MIGRATE_MA && !(flags & OM_GUEST_MIGRATABLE))
		return OM_WHY_GUEST_MIGRATABLE;
	return OM_WHY_NONE;
}

static enum om_attest_reason by_measurement(const struct om_snp_guest *g, const struct om_platform_facts *facts, bool demo)
{
	return om_equal(g->measurement, facts->snp.measurement, OM_MEASUREMENT_SIZE) ? lets_in(g->vmpl, g->flags, facts, demo) : OM_WHY_GUEST;
}

static bool named(const uint8_t *wanted, const uint8_t *have, size_t size)
{
	return om_all_zero(wanted, size) || om_equal(wanted, have, size);
}

static enum om_attest_reason by_owner(const struct om_snp_owner *o, const struct om_platform_facts *facts, bool demo)
{
	if (!named(o->id_key, facts->snp.id_key, sizeof o->id_key) || !named(o->author_key, facts->snp.author_key, sizeof o->author_key) ||
	    !named(o->measurement, facts->snp.measurement, sizeof o->measurement) || !named(o->family, facts->snp.family, sizeof o->family) ||
	    !named(o->image, facts->snp.image, sizeof o->image))
		return OM_WHY_GUEST;
	return facts->snp.guest_svn < om_snp_owner_svn(o) ? OM_WHY_SNP_GUEST_SVN : lets_in(o->vmpl, o->flags, facts, demo);
}

/* A guest may stand there by its measurement and by its owners: one line that allows it is enough. Else the first that names it says why not. */
static int check_snp_guest(const struct om_guests *guests, const struct om_platform_facts *facts, bool demo, enum om_attest_reason *ret_reason)
{
	const unsigned count = guests->snp_count + guests->owner_count;
	enum om_attest_reason why = OM_WHY_GUEST;

	if (facts->snp.policy & OM_GUEST_POLICY_DEBUG)
		return no(ret_reason, OM_WHY_GUEST_DEBUG, OM_EDEBUG);
	for (unsigned i = 0; i < count; i++) {
		const enum om_attest_reason one = i < guests->snp_count ? by_measurement(&guests->snp[i], facts, demo) :
			by_owner(&guests->owner[i - guests->snp_count], facts, demo);

		if (one == OM_WHY_NONE)
			return 0;
		if (why == OM_WHY_GUEST)
			why = one;
	}
	return no(ret_reason, why, OM_EPOLICY);
}

static bool is_tdx_guest(const struct om_tdx_guest *g, const struct om_platform_facts *facts)
{
	const unsigned count = g->flags & OM_GUEST_RTMR3 ? 4 : 3;

	return om_equal(g->mrtd, facts->tdx.mrtd, OM_MEASUREMENT_SIZE) && om_equal(g->rtmr, facts->tdx.rtmr, count * OM_MEASUREMENT_SIZE);
}

/* The same guest may stand there twice, with and without RTMR3: one line that allows it is enough. */
static int check_tdx_guest(const struct om_guests *guests, const struct om_platform_facts *facts, bool demo, enum om_attest_reason *ret_reason)
{
	bool known = false, migratable = false, covers = demo;

	if (facts->tdx.attributes & OM_TD_UNDER_DEBUG)
		return no(ret_reason, OM_WHY_GUEST_DEBUG, OM_EDEBUG);
	for (unsigned i = 0; i < guests->tdx_count; i++) {
		if (is_tdx_guest(&guests->tdx[i], facts)) {
			known = true;
			covers |= om_tdx_guest_covers(&guests->tdx[i]);
			migratable |= (guests->tdx[i].flags & OM_GUEST_MIGRATABLE) != 0;
		}
	}
	if (!known)
		return no(ret_reason, OM_WHY_GUEST, OM_EPOLICY);
	if (!covers)
		return no(ret_reason, OM_WHY_GUEST_KERNEL, OM_EPOLICY);
	if (!(facts->tdx.attributes & OM_TD_SEPT_VE_DISABLE))
		return no(ret_reason, OM_WHY_GUEST_SEPT_VE, OM_EPOLICY);
	if (facts->tdx.attributes & OM_TD_MIGRATABLE && !migratable)
		return no(ret_reason, OM_WHY_GUEST_MIGRATABLE, OM_EPOLICY);
	return 0;
}

int om_guests_check(const struct om_guests *guests, const struct om_platform_facts *facts, bool demo, enum om_attest_reason *ret_reason)
{
	int error = 0;

	if (facts->type == OM_EVIDENCE_SNP)
		error = check_snp_guest(guests, facts, demo, ret_reason);
	else if (facts->type == OM_EVIDENCE_TDX)
		error = check_tdx_guest(guests, facts, demo, ret_reason);
	if (!error)
		*ret_reason = OM_WHY_NONE;
	return error;
}

/* ---- keys and signed lists ---- */

size_t om_key_size(unsigned curve)
{
	return curve == OM_CURVE_P256 ? OM_P256_PUBLIC : curve == OM_CURVE_P384 ? OM_P384_PUBLIC : 0;
}

bool om_key_valid(const struct om_signer_key *key)
{
	const size_t size = om_key_size(key->curve);

	if (!size || !om_all_zero(key->key + size, sizeof key->key - size))
		return false;
	return key->curve == OM_CURVE_P256 ? om_p256_valid(key->key) : om_p384_valid(key->key);
}

static void hash_list(unsigned curve, struct om_view content, uint8_t ret_hash[48])
{
	struct om_sha256 narrow;
	struct om_sha512 wide;

	memset(ret_hash, 0, 48);
	if (curve == OM_CURVE_P256) {
		om_sha256_init(&narrow, 0);
		om_sha256_update(&narrow, label, sizeof label - 1);
		om_sha256_update(&narrow, content.data, content.size);
		om_sha256_result(&narrow, ret_hash);
	} else {
		om_sha384_init(&wide);
		om_sha512_update(&wide, label, sizeof label - 1);
		om_sha512_update(&wide, content.data, content.size);
		om_sha384_result(&wide, ret_hash);
	}
}

static bool signed_by(const struct om_signer_key *key, unsigned curve, const uint8_t hash[48], const uint8_t *signature)
{
	if (key->curve != curve)
		return false;
	return (curve == OM_CURVE_P256 ? om_p256_verify(key->key, hash, signature) : om_p384_verify(key->key, hash, signature)) == 0;
}

static int decode_list(struct om_view bytes, struct om_guest_list *ret, struct om_view *ret_content, const uint8_t **ret_signature)
{
	struct om_get g;
	int error;

	if (bytes.size > OM_GUEST_LIST_MAX)
		return OM_EOVERFLOW;
	om_get_init(&g, bytes.data, bytes.size);
	if (om_get_u32(&g) != OM_GUEST_LIST_MAGIC)
		om_get_fail(&g, OM_ETYPE);
	if (om_get_u16(&g) != OM_GUEST_LIST_FORMAT)
		om_get_fail(&g, OM_EVERSION);
	ret->curve = om_get_u8(&g);
	om_get_zeros(&g, 1);
	if (!om_key_size(ret->curve))
		om_get_fail(&g, OM_EINVAL);
	ret->version = om_get_u64(&g);
	om_guests_get_head(&g, &ret->floors, &ret->guests);
	om_guests_get_records(&g, &ret->floors, &ret->guests);
	*ret_content = (struct om_view) { bytes.data, bytes.size - om_get_left(&g) };
	*ret_signature = om_get_view(&g, om_key_size(ret->curve));
	error = om_get_end(&g);
	if (!error && (!ret->version || !om_floors_sound(&ret->floors) || !om_guests_sound(&ret->guests)))
		error = OM_EINVAL;
	return error;
}

int om_guest_list_accept(struct om_view bytes, const struct om_signer_key *keys, unsigned key_count, uint64_t floor,
	struct om_guest_list *ret, enum om_attest_reason *ret_reason)
{
	struct om_guest_list list = { 0 };
	const uint8_t *signature;
	struct om_view content;
	uint8_t hash[48];
	bool authentic = false;
	int error = decode_list(bytes, &list, &content, &signature);

	if (error)
		return no(ret_reason, OM_WHY_GUEST_LIST_FORMAT, error);
	hash_list(list.curve, content, hash);
	for (unsigned i = 0; i < key_count && !authentic; i++)
		authentic = signed_by(&keys[i], list.curve, hash, signature);
	if (!authentic)
		return no(ret_reason, OM_WHY_GUEST_LIST_SIGNATURE, OM_EAUTH);
	if (list.version < floor)
		return no(ret_reason, OM_WHY_GUEST_LIST_OLD, OM_EPOLICY);
	*ret = list;
	*ret_reason = OM_WHY_NONE;
	return 0;
}

int om_guest_list_encode(const struct om_guest_list *list, uint8_t *buffer, size_t buffer_size, size_t *ret_size, uint8_t ret_hash[48])
{
	struct om_put put;

	if (!om_key_size(list->curve) || !list->version || !om_floors_sound(&list->floors) || !om_guests_sound(&list->guests))
		return OM_EINVAL;
	om_put_init(&put, buffer, buffer_size);
	om_put_u32(&put, OM_GUEST_LIST_MAGIC);
	om_put_u16(&put, OM_GUEST_LIST_FORMAT);
	om_put_u8(&put, list->curve);
	om_put_u8(&put, 0);
	om_put_u64(&put, list->version);
	om_guests_put_head(&put, &list->floors, &list->guests);
	om_guests_put_records(&put, &list->floors, &list->guests);
	if (om_put_end(&put))
		return OM_EOVERFLOW;
	*ret_size = om_put_size(&put);
	hash_list(list->curve, (struct om_view) { buffer, *ret_size }, ret_hash);
	return 0;
}
