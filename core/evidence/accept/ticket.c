/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets and delegations: their one form, and the judgement. A delegation's limits are limits on the ticket: every place that the
 * ticket allows must lie within one that the delegation allows. So whether a key may sign a ticket is known when the ticket is issued,
 * and not only at the move.
 */
#include <string.h>
#include "evidence/accept/ticket.h"
#include "bytes.h"
#include "crypto/ec.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "cursor.h"

#define TICKET_HEADER     80
#define DELEGATION_HEADER 152
#define BIT(type) (1u << (type))
#define WITH_GUEST (BIT(OM_EVIDENCE_SNP) | BIT(OM_EVIDENCE_TDX) | BIT(OM_EVIDENCE_DEMO))

static const char ticket_label[] = "optmig ticket 1", delegation_label[] = "optmig delegation 1";

static_assert(sizeof(struct om_place) == 116 && OM_TICKET_SIGNATURE == OM_P256_SIGNATURE, "records are bytes");
static_assert(OM_DELEGATION_MAX <= UINT16_MAX, "its size is 16 bits");

/* ---- places ---- */

/* An id that is not there is `any`, in so many words, and what a platform cannot have is not named. */
static bool place_sound(const struct om_place *p)
{
	const bool intel = p->platform == OM_EVIDENCE_SGX || p->platform == OM_EVIDENCE_TDX;

	if (!om_evidence_type_words(p->platform) || p->flags & ~(OM_PLACE_ANY_ID | OM_PLACE_GUEST) || p->zero[0] || p->zero[1])
		return false;
	if (om_all_zero(p->id, sizeof p->id) != ((p->flags & OM_PLACE_ANY_ID) != 0))
		return false;
	if (intel && !om_all_zero(p->id + OM_PLATFORM_INSTANCE_SIZE, sizeof p->id - OM_PLATFORM_INSTANCE_SIZE))
		return false;
	if (p->flags & OM_PLACE_GUEST && !(WITH_GUEST & BIT(p->platform)))
		return false;
	return om_all_zero(p->guest, sizeof p->guest) == !(p->flags & OM_PLACE_GUEST);
}

static bool places_sound(const struct om_place *places, unsigned count)
{
	if (count == 0 || count > OM_TICKET_PLACES_MAX || !om_ascending(places, count, sizeof *places, sizeof *places))
		return false;
	for (unsigned i = 0; i < count; i++)
		if (!place_sound(&places[i]))
			return false;
	return true;
}

static void sort_places(struct om_place *places, unsigned count)
{
	for (unsigned i = 1; i < count && i < OM_TICKET_PLACES_MAX; i++)
		for (unsigned j = i; j > 0 && memcmp(&places[j - 1], &places[j], sizeof *places) > 0; j--) {
			const struct om_place later = places[j - 1];

			places[j - 1] = places[j];
			places[j] = later;
		}
}

static bool same_guest(const struct om_place *limit, const uint8_t guest[OM_MEASUREMENT_SIZE])
{
	return !(limit->flags & OM_PLACE_GUEST) || om_equal(limit->guest, guest, OM_MEASUREMENT_SIZE);
}

/* Is everything that `place` allows allowed by `limit`? A place without id or guest has zeros there, which no limit names. */
static bool within(const struct om_place *limit, const struct om_place *place)
{
	return limit->platform == place->platform && (limit->flags & OM_PLACE_ANY_ID || om_equal(limit->id, place->id, sizeof place->id)) &&
		same_guest(limit, place->guest);
}

static bool all_within(const struct om_delegation *d, const struct om_ticket *t)
{
	for (unsigned i = 0; i < t->place_count; i++) {
		bool one = false;

		for (unsigned j = 0; j < d->place_count && !one; j++)
			one = within(&d->place[j], &t->place[i]);
		if (!one)
			return false;
	}
	return true;
}

/* The reason of the place that came closest. */
static enum om_attest_reason judge_places(const struct om_ticket *t, const struct om_platform_identity *is)
{
	const bool masked = om_all_zero(is->id, sizeof is->id);
	enum om_attest_reason why = OM_WHY_TICKET_PLATFORM;

	for (unsigned i = 0; i < t->place_count; i++) {
		const struct om_place *p = &t->place[i];

		if (p->platform != is->platform)
			continue;
		if (p->flags & OM_PLACE_ANY_ID || (!masked && om_equal(p->id, is->id, sizeof p->id))) {
			if (same_guest(p, is->guest))
				return OM_WHY_NONE;
			why = OM_WHY_TICKET_GUEST;
		} else if (why != OM_WHY_TICKET_GUEST) {
			why = masked ? OM_WHY_TICKET_MASKED : OM_WHY_TICKET_ID;
		}
	}
	return why;
}

/* ---- bytes ---- */

static void get_places(struct om_get *g, unsigned count, struct om_place *ret)
{
	if (count > OM_TICKET_PLACES_MAX)
		om_get_fail(g, OM_EINVAL);
	if (!g->error)
		om_get_bytes(g, ret, count * sizeof *ret);
}

static void get_head(struct om_get *g, uint32_t magic)
{
	if (om_get_u32(g) != magic)
		om_get_fail(g, OM_ETYPE);
	if (om_get_u16(g) != OM_TICKET_VERSION)
		om_get_fail(g, OM_EVERSION);
}

/* The rest of the input is the signature over all that was read. */
static int get_signature(struct om_get *g, struct om_view bytes, struct om_signed *ret)
{
	struct om_signed s = { .content = { bytes.data, bytes.size - om_get_left(g) } };
	int error;

	s.signature = om_get_view(g, OM_TICKET_SIGNATURE);
	error = om_get_end(g);
	if (!error && ret)
		*ret = s;
	return error;
}

static bool delegation_sound(const struct om_delegation *d)
{
	const bool any = d->flags & OM_DELEGATION_ANY_INSTANCE;

	return !(d->flags & ~(OM_DELEGATION_ANY_INSTANCE | OM_DELEGATION_SIGNER)) && om_p256_valid(d->key) &&
		!om_all_zero(d->program, sizeof d->program) && om_all_zero(d->instance, sizeof d->instance) == any &&
		d->first_move >= 1 && d->first_move <= d->last_move && d->last_move <= OM_MOVE_MAX && d->not_after <= INT64_MAX && places_sound(d->place, d->place_count);
}

int om_delegation_decode(struct om_view bytes, struct om_delegation *ret, struct om_signed *ret_signed)
{
	struct om_delegation d = { 0 };
	struct om_signed parts;
	struct om_get g;
	int error;

	if (bytes.size > OM_DELEGATION_MAX)
		return OM_EOVERFLOW;
	om_get_init(&g, bytes.data, bytes.size);
	get_head(&g, OM_DELEGATION_MAGIC);
	d.flags = om_get_u16(&g);
	om_get_bytes(&g, d.key, sizeof d.key);
	om_get_bytes(&g, d.program, sizeof d.program);
	om_get_bytes(&g, d.instance, sizeof d.instance);
	d.first_move = om_get_u64(&g);
	d.last_move = om_get_u64(&g);
	d.not_after = om_get_u64(&g);
	d.place_count = om_get_u8(&g);
	om_get_zeros(&g, 7);
	get_places(&g, d.place_count, d.place);
	error = get_signature(&g, bytes, &parts);
	if (!error && !delegation_sound(&d))
		error = OM_EINVAL;
	if (error)
		return error;
	*ret = d;
	if (ret_signed)
		*ret_signed = parts;
	return 0;
}

static bool ticket_sound(const struct om_ticket *t)
{
	return !om_all_zero(t->mrenclave, sizeof t->mrenclave) && !om_all_zero(t->instance, sizeof t->instance) && t->move >= 1 && t->move <= OM_MOVE_MAX &&
		t->not_after <= INT64_MAX && places_sound(t->place, t->place_count);
}

/* All but the delegation's content. */
static int decode_ticket(struct om_view bytes, struct om_ticket *t, struct om_signed *ret_signed, struct om_view *ret_delegation)
{
	struct om_get g;
	int error;

	if (bytes.size > OM_TICKET_MAX)
		return OM_EOVERFLOW;
	om_get_init(&g, bytes.data, bytes.size);
	get_head(&g, OM_TICKET_MAGIC);
	om_get_zeros(&g, 2);
	om_get_bytes(&g, t->mrenclave, sizeof t->mrenclave);
	om_get_bytes(&g, t->instance, sizeof t->instance);
	t->move = om_get_u64(&g);
	t->not_after = om_get_u64(&g);
	t->place_count = om_get_u8(&g);
	om_get_zeros(&g, 1);
	ret_delegation->size = om_get_u16(&g);
	om_get_zeros(&g, 4);
	get_places(&g, t->place_count, t->place);
	ret_delegation->data = om_get_view(&g, ret_delegation->size);
	t->delegated = ret_delegation->size != 0;
	error = get_signature(&g, bytes, ret_signed);
	return error ? error : ticket_sound(t) ? 0 : OM_EINVAL;
}

int om_ticket_decode(struct om_view bytes, struct om_ticket *ret, struct om_signed *ret_signed, struct om_view *ret_delegation)
{
	struct om_view delegation = { 0 };
	struct om_ticket t = { 0 };
	struct om_signed parts;
	int error = decode_ticket(bytes, &t, &parts, &delegation);

	if (!error && t.delegated)
		error = om_delegation_decode(delegation, &t.delegation, NULL);
	if (error)
		return error;
	*ret = t;
	if (ret_signed)
		*ret_signed = parts;
	if (ret_delegation)
		*ret_delegation = delegation;
	return 0;
}

static void hash_signed(const char *label, struct om_view content, uint8_t ret_hash[32])
{
	struct om_sha256 s;

	om_sha256_init(&s, 0);
	om_sha256_update(&s, label, strlen(label));
	om_sha256_update(&s, content.data, content.size);
	om_sha256_result(&s, ret_hash);
}

int om_delegation_encode(struct om_delegation *d, uint8_t *buffer, size_t buffer_size, size_t *ret_size, uint8_t ret_hash[32])
{
	struct om_put put;

	sort_places(d->place, d->place_count);
	if (!delegation_sound(d))
		return OM_EINVAL;
	om_put_init(&put, buffer, buffer_size);
	om_put_u32(&put, OM_DELEGATION_MAGIC);
	om_put_u16(&put, OM_TICKET_VERSION);
	om_put_u16(&put, d->flags);
	om_put_bytes(&put, d->key, sizeof d->key);
	om_put_bytes(&put, d->program, sizeof d->program);
	om_put_bytes(&put, d->instance, sizeof d->instance);
	om_put_u64(&put, d->first_move);
	om_put_u64(&put, d->last_move);
	om_put_u64(&put, d->not_after);
	om_put_u8(&put, (uint8_t)d->place_count);
	om_put_zeros(&put, 7);
	om_put_bytes(&put, d->place, d->place_count * sizeof d->place[0]);
	if (om_put_end(&put))
		return OM_EOVERFLOW;
	*ret_size = om_put_size(&put);
	hash_signed(delegation_label, (struct om_view) { buffer, *ret_size }, ret_hash);
	return 0;
}

int om_ticket_encode(struct om_ticket *t, struct om_view delegation, uint8_t *buffer, size_t buffer_size, size_t *ret_size, uint8_t ret_hash[32])
{
	struct om_put put;

	sort_places(t->place, t->place_count);
	if (!ticket_sound(t) || delegation.size > OM_DELEGATION_MAX)
		return OM_EINVAL;
	om_put_init(&put, buffer, buffer_size);
	om_put_u32(&put, OM_TICKET_MAGIC);
	om_put_u16(&put, OM_TICKET_VERSION);
	om_put_u16(&put, 0);
	om_put_bytes(&put, t->mrenclave, sizeof t->mrenclave);
	om_put_bytes(&put, t->instance, sizeof t->instance);
	om_put_u64(&put, t->move);
	om_put_u64(&put, t->not_after);
	om_put_u8(&put, (uint8_t)t->place_count);
	om_put_u8(&put, 0);
	om_put_u16(&put, (uint16_t)delegation.size);
	om_put_u32(&put, 0);
	om_put_bytes(&put, t->place, t->place_count * sizeof t->place[0]);
	om_put_bytes(&put, delegation.data, delegation.size);
	if (om_put_end(&put))
		return OM_EOVERFLOW;
	*ret_size = om_put_size(&put);
	hash_signed(ticket_label, (struct om_view) { buffer, *ret_size }, ret_hash);
	return 0;
}

/* ---- the judgement ---- */

static int no(enum om_attest_reason *ret_reason, enum om_attest_reason reason, int error)
{
	*ret_reason = reason;
	return error;
}

static bool signed_by(const uint8_t key[OM_P256_PUBLIC], const char *label, const struct om_signed *s)
{
	uint8_t hash[32];

	hash_signed(label, s->content, hash);
	return om_p256_verify(key, hash, s->signature) == 0;
}

static bool differs(const uint8_t *known, const uint8_t *named, size_t size)
{
	return known && !om_equal(known, named, size);
}

static bool expired(uint64_t not_after, int64_t now)
{
	return not_after && now && (now < 0 || (uint64_t)now > not_after);
}

static enum om_attest_reason judge_delegation(const struct om_ticket *t, const struct om_ticket_case *c)
{
	const struct om_delegation *d = &t->delegation;

	if (d->flags & OM_DELEGATION_SIGNER ? differs(c->mrsigner, d->program, sizeof d->program) :
	    !om_equal(t->mrenclave, d->program, sizeof d->program))
		return OM_WHY_DELEGATION_PROGRAM;
	if (!(d->flags & OM_DELEGATION_ANY_INSTANCE) && !om_equal(t->instance, d->instance, sizeof d->instance))
		return OM_WHY_DELEGATION_INSTANCE;
	if (t->move < d->first_move || t->move > d->last_move)
		return OM_WHY_DELEGATION_MOVE;
	if (expired(d->not_after, c->now))
		return OM_WHY_DELEGATION_EXPIRED;
	return all_within(d, t) ? OM_WHY_NONE : OM_WHY_DELEGATION_PLACE;
}

static enum om_attest_reason judge(const struct om_ticket *t, const struct om_ticket_case *c)
{
	enum om_attest_reason why = OM_WHY_NONE;

	if (differs(c->mrenclave, t->mrenclave, sizeof t->mrenclave))
		return OM_WHY_TICKET_PROGRAM;
	if (differs(c->instance, t->instance, sizeof t->instance))
		return OM_WHY_TICKET_INSTANCE;
	if (c->move && t->move != c->move)
		return t->move < c->move ? OM_WHY_TICKET_USED : OM_WHY_TICKET_EARLY;
	if (t->delegated)
		why = judge_delegation(t, c);
	if (why == OM_WHY_NONE && expired(t->not_after, c->now))
		why = OM_WHY_TICKET_EXPIRED;
	if (why == OM_WHY_NONE && c->destination)
		why = judge_places(t, c->destination);
	return why;
}

int om_ticket_judge(struct om_view ticket, const struct om_ticket_case *c, enum om_attest_reason *ret_reason)
{
	struct om_signed own, given;
	struct om_view delegation;
	struct om_ticket t = { 0 };
	int error;

	if (ticket.size == 0)
		return no(ret_reason, OM_WHY_TICKET, OM_ETICKET);
	error = decode_ticket(ticket, &t, &own, &delegation);
	if (error)
		return no(ret_reason, error == OM_EVERSION ? OM_WHY_TICKET_VERSION : OM_WHY_TICKET_FORMAT, error == OM_EVERSION ? error : OM_ETICKET);
	if (t.delegated && om_delegation_decode(delegation, &t.delegation, &given))
		return no(ret_reason, OM_WHY_DELEGATION_FORMAT, OM_ETICKET);
	if (t.delegated && c->owner && !signed_by(c->owner, delegation_label, &given))
		return no(ret_reason, OM_WHY_DELEGATION_SIGNATURE, OM_ETICKET);
	if ((t.delegated || c->owner) && !signed_by(t.delegated ? t.delegation.key : c->owner, ticket_label, &own))
		return no(ret_reason, OM_WHY_TICKET_SIGNATURE, OM_ETICKET);
	*ret_reason = judge(&t, c);
	return *ret_reason == OM_WHY_NONE ? 0 : OM_ETICKET;
}

bool om_ticket_needed(const uint8_t *policy, size_t policy_size)
{
	struct om_policy p;

	return om_policy_decode(policy, policy_size, &p) != 0 || p.flags & OM_POLICY_OWNER;
}

int om_ticket_admit(const uint8_t *policy, size_t policy_size, const struct sgx_report_body *own, struct om_view ticket,
	const uint8_t instance[OM_INSTANCE_SIZE], uint64_t move, const struct om_platform_facts *destination, int64_t now,
	enum om_attest_reason *ret_reason)
{
	struct om_platform_identity is;
	struct om_policy p;
	int error = om_policy_decode(policy, policy_size, &p);

	if (error)
		return no(ret_reason, error == OM_EVERSION ? OM_WHY_POLICY_VERSION : OM_WHY_POLICY_FORMAT, error == OM_EVERSION ? error : OM_EPOLICY);
	if (!(p.flags & OM_POLICY_OWNER))
		return no(ret_reason, OM_WHY_NONE, 0);
	om_facts_identity(destination, &is);
	/* What is not known is not looked at; an engine knows everything, or refuses. */
	if (move == 0 || now <= 0)
		return no(ret_reason, OM_WHY_CLOCK, OM_EHOST);
	return om_ticket_judge(ticket, &(struct om_ticket_case) { .owner = p.owner, .mrenclave = own->mrenclave, .mrsigner = own->mrsigner,
		.instance = instance, .move = move, .now = now, .destination = &is }, ret_reason);
}
