/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. A request is decoded whole before anything is done for it: its size, what is reserved in it, then whether this guest may
 * have what it names. The guest runs at VMPL 0, as one does that no other software shares its machine with.
 */
#include <string.h>
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "cursor.h"
#include "evidence/demo/snp_table.h"
#include "processor.h"

#define VMPL_MAX        3u
#define REPORT_VERSION  3u

/* KEY_SEL of a report: which key shall sign. */
enum { SIGN_ANY, SIGN_VCEK, SIGN_VLEK };

static void secret(const uint8_t seed[32], const char *words, uint8_t ret[32])
{
	om_hmac(seed, 32, words, strlen(words), ret);
}

void sp_init(struct sp *sp, const uint8_t seed[32], enum om_snp_product product, const struct sp_launch *launch, const uint8_t report_id[32])
{
	struct om_snp_report *g = &sp->guest;

	om_snp_machine_init(&sp->machine, seed, product, OM_SNP_VCEK);
	secret(seed, "keys of this chip", sp->root[0]);
	secret(seed, "keys of machines without a migration agent", sp->root[1]);
	om_snp_machine_fields(&sp->machine, REPORT_VERSION, g);
	g->policy = launch->policy;
	g->guest_svn = launch->svn;
	memcpy(g->measurement, launch->measurement, sizeof g->measurement);
	memcpy(g->family_id, launch->family_id, sizeof g->family_id);
	memcpy(g->image_id, launch->image_id, sizeof g->image_id);
	memcpy(g->host_data, launch->host_data, sizeof g->host_data);
	g->author_key_enabled = launch->author;
	memcpy(g->id_key_digest, launch->id_key, sizeof g->id_key_digest);
	memcpy(g->author_key_digest, launch->author_key, sizeof g->author_key_digest);
	memcpy(g->report_id, report_id, sizeof g->report_id);
}

/* ---- answers ---- */

/* The head of an answer to that request; the message follows. */
static void put_head(struct om_put *p, const uint8_t head[SP_HEAD], size_t size)
{
	om_put_u32(p, (uint32_t)size);
	om_put_u8(p, head[4]);
	om_put_u8(p, 0);
	om_put_bytes(p, head + 6, 2);
}

size_t sp_refuse(const uint8_t head[SP_HEAD], enum sp_status status, uint8_t *answer)
{
	struct om_put p;

	om_put_init(&p, answer, SP_HEAD + SP_STATUS_SIZE);
	put_head(&p, head, SP_STATUS_SIZE);
	om_put_u32(&p, status);
	om_put_zeros(&p, SP_STATUS_SIZE - 4);
	return om_put_size(&p);
}

/* What follows a status of success and the size of what it is. */
static size_t put_sized(const uint8_t head[SP_HEAD], const uint8_t *what, size_t size, uint8_t *answer)
{
	struct om_put p;

	om_put_init(&p, answer, SP_HEAD + SP_ANSWER_MAX);
	put_head(&p, head, SP_STATUS_SIZE + size);
	om_put_u32(&p, SP_OK);
	om_put_u32(&p, (uint32_t)size);
	om_put_zeros(&p, SP_STATUS_SIZE - 8);
	om_put_bytes(&p, what, size);
	return om_put_size(&p);
}

/* ---- MSG_REPORT_REQ ---- */

struct report_request { uint8_t data[64]; uint32_t vmpl, key; };

static enum sp_status decode_report(const uint8_t *message, size_t size, struct report_request *r)
{
	struct om_get c;

	om_get_init(&c, message, size);
	om_get_bytes(&c, r->data, sizeof r->data);
	r->vmpl = om_get_u32(&c);
	r->key = om_get_u32(&c);
	om_get_zeros(&c, SP_REPORT_REQUEST - sizeof r->data - 8);
	if (om_get_end(&c) || r->vmpl > VMPL_MAX || r->key > SIGN_VLEK)
		return SP_INVALID_PARAM;
	return r->key == SIGN_VLEK ? SP_INVALID_KEY : SP_OK;   /* none is loaded */
}

static size_t answer_report(struct sp *sp, const uint8_t head[SP_HEAD], const uint8_t *message, size_t size, uint8_t *answer)
{
	uint8_t report[OM_SNP_REPORT_SIZE];
	struct report_request r;
	const enum sp_status status = decode_report(message, size, &r);

	if (status)
		return sp_refuse(head, status, answer);
	memcpy(sp->guest.report_data, r.data, sizeof r.data);
	sp->guest.vmpl = r.vmpl;
	om_snp_machine_report(&sp->machine, &sp->guest, report);
	return put_sized(head, report, sizeof report, answer);
}

/* ---- MSG_KEY_REQ ---- */

struct key_request { uint32_t root, vmpl, svn; uint64_t fields; uint8_t tcb[OM_SNP_TCB_SIZE]; };

/* A key of what was may be asked for, none of what will be; by component, as no number orders them. */
static bool tcb_reached(const uint8_t asked[OM_SNP_TCB_SIZE], const uint8_t committed[OM_SNP_TCB_SIZE])
{
	for (unsigned i = 0; i < OM_SNP_TCB_SIZE; i++)
		if (asked[i] > committed[i])
			return false;
	return true;
}

static enum sp_status decode_key(const struct sp *sp, const uint8_t *message, size_t size, struct key_request *k)
{
	struct om_get c;

	om_get_init(&c, message, size);
	k->root = om_get_u32(&c);
	om_get_zeros(&c, 4);
	k->fields = om_get_u64(&c);
	k->vmpl = om_get_u32(&c);
	k->svn = om_get_u32(&c);
	om_get_bytes(&c, k->tcb, sizeof k->tcb);
	if (om_get_end(&c) || k->root > 1 || k->fields & ~(uint64_t)SP_FIELDS || k->vmpl > VMPL_MAX)
		return SP_INVALID_PARAM;
	if (k->svn > sp->guest.guest_svn || !tcb_reached(k->tcb, sp->guest.committed_tcb))
		return SP_INVALID_PARAM;
	return SP_OK;
}

/* What was selected, in one order; each field has one size, so that no two selections read alike. */
static size_t put_selected(const struct om_snp_report *g, const struct key_request *k, uint8_t *to, size_t room)
{
	struct om_put p;

	om_put_init(&p, to, room);
	om_put_u64(&p, k->fields);
	om_put_u32(&p, k->vmpl);
	if (k->fields & SP_FIELD_POLICY)
		om_put_u64(&p, g->policy);
	if (k->fields & SP_FIELD_IMAGE)
		om_put_bytes(&p, g->image_id, sizeof g->image_id);
	if (k->fields & SP_FIELD_FAMILY)
		om_put_bytes(&p, g->family_id, sizeof g->family_id);
	if (k->fields & SP_FIELD_MEASUREMENT)
		om_put_bytes(&p, g->measurement, sizeof g->measurement);
	if (k->fields & SP_FIELD_SVN)
		om_put_u32(&p, k->svn);
	if (k->fields & SP_FIELD_TCB)
		om_put_bytes(&p, k->tcb, sizeof k->tcb);
	return om_put_size(&p);
}

static size_t answer_key(struct sp *sp, const uint8_t head[SP_HEAD], const uint8_t *message, size_t size, uint8_t *answer)
{
	uint8_t selected[128], key[SP_KEY_SIZE];
	struct key_request k;
	struct om_put p;
	const enum sp_status status = decode_key(sp, message, size, &k);

	if (status)
		return sp_refuse(head, status, answer);
	om_hmac(sp->root[k.root], sizeof sp->root[k.root], selected, put_selected(&sp->guest, &k, selected, sizeof selected), key);
	om_put_init(&p, answer, SP_HEAD + SP_ANSWER_MAX);
	put_head(&p, head, SP_STATUS_SIZE + sizeof key);
	om_put_u32(&p, SP_OK);
	om_put_zeros(&p, SP_STATUS_SIZE - 4);
	om_put_bytes(&p, key, sizeof key);
	om_wipe(key, sizeof key);
	return om_put_size(&p);
}

/* ---- certificates ---- */

static size_t answer_certificates(const struct sp *sp, int64_t now, const uint8_t head[SP_HEAD], size_t size, uint8_t *answer)
{
	uint8_t table[SP_TABLE_MAX];
	size_t table_size;

	if (size || om_snp_machine_table(&sp->machine, now, table, sizeof table, &table_size))
		return sp_refuse(head, SP_INVALID_PARAM, answer);
	return put_sized(head, table, table_size, answer);
}

size_t sp_answer(struct sp *sp, int64_t now, const uint8_t head[SP_HEAD], const uint8_t *message, size_t size, uint8_t *answer)
{
	if (head[5])
		return sp_refuse(head, SP_INVALID_PARAM, answer);
	switch (head[4]) {
	case SP_REPORT:
		return answer_report(sp, head, message, size, answer);
	case SP_KEY:
		return answer_key(sp, head, message, size, answer);
	case SP_CERTIFICATES:
		return answer_certificates(sp, now, head, size, answer);
	default:
		return sp_refuse(head, SP_INVALID_PARAM, answer);
	}
}
