/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding of quotes and collateral; nothing is verified here. Report bodies are copied, since the architectural
 * structure is the layout (sgx_arch.h asserts it) and x86-64 is little-endian.
 */
#include <string.h>
#include "evidence/parse/quote.h"
#include "cursor.h"

#define KEY_TYPE 2   /* ECDSA with P-256 */
#define CERT_PEM 5   /* PCK certificate chain in PEM */
#define CERT_QE  6   /* a QE's report and what certifies it */

static struct om_view view_of(struct om_get *g, size_t size)
{
	const uint8_t *p = om_get_view(g, size);

	return (struct om_view) { p, p ? size : 0 };
}

static void get_header(struct om_get *g, struct om_quote *q)
{
	uint32_t tee;

	q->version = om_get_u16(g);
	if (q->version < 3 || q->version > 5)
		om_get_fail(g, OM_EVERSION);
	if (om_get_u16(g) != KEY_TYPE)
		om_get_fail(g, OM_EUNSUPPORTED);
	tee = om_get_u32(g);
	if (tee != OM_TEE_SGX && (tee != OM_TEE_TDX || q->version == 3))
		om_get_fail(g, OM_EUNSUPPORTED);
	q->tee = tee == OM_TEE_TDX ? OM_TEE_TDX : OM_TEE_SGX;
	q->qe_svn = om_get_u16(g);
	q->pce_svn = om_get_u16(g);
	const uint8_t *vendor = om_get_view(g, 16);
	if (vendor && memcmp(vendor, OM_QUOTE_VENDOR, 16))
		om_get_fail(g, OM_EUNSUPPORTED);
	om_get_bytes(g, q->user_data, sizeof q->user_data);
}

/* Which body follows. Version 5 says it, and must not contradict the TEE; before, the TEE alone decides. */
static void get_descriptor(struct om_get *g, struct om_quote *q)
{
	static const uint32_t sizes[] = {
		[OM_BODY_SGX] = sizeof(struct sgx_report_body), [OM_BODY_TD10] = OM_TD_BODY_10, [OM_BODY_TD15] = OM_TD_BODY_15,
	};
	unsigned type;

	q->kind = q->tee == OM_TEE_SGX ? OM_BODY_SGX : OM_BODY_TD10;
	if (q->version < 5)
		return;
	type = om_get_u16(g);
	if (type < OM_BODY_SGX || type > OM_BODY_TD15) {
		om_get_fail(g, OM_EUNSUPPORTED);
		return;
	}
	if (om_get_u32(g) != sizes[type] || (type == OM_BODY_SGX) != (q->tee == OM_TEE_SGX))
		om_get_fail(g, OM_EINVAL);
	q->kind = (enum om_quote_body)type;
}

static void get_td_body(struct om_get *g, enum om_quote_body kind, struct om_td_body *td)
{
	om_get_bytes(g, td->tee_tcb_svn, sizeof td->tee_tcb_svn);
	om_get_bytes(g, td->mrseam, sizeof td->mrseam);
	om_get_bytes(g, td->mrsignerseam, sizeof td->mrsignerseam);
	om_get_bytes(g, td->seam_attributes, sizeof td->seam_attributes);
	td->attributes = om_get_u64(g);
	td->xfam = om_get_u64(g);
	om_get_bytes(g, td->mrtd, sizeof td->mrtd);
	om_get_bytes(g, td->mrconfigid, sizeof td->mrconfigid);
	om_get_bytes(g, td->mrowner, sizeof td->mrowner);
	om_get_bytes(g, td->mrownerconfig, sizeof td->mrownerconfig);
	om_get_bytes(g, td->rtmr, sizeof td->rtmr);
	om_get_bytes(g, td->reportdata, sizeof td->reportdata);
	if (kind == OM_BODY_TD15) {
		om_get_bytes(g, td->tee_tcb_svn_2, sizeof td->tee_tcb_svn_2);
		om_get_bytes(g, td->mrservicetd, sizeof td->mrservicetd);
	}
}

/* A size that must be all that is left of the reader. */
static void get_rest_size(struct om_get *g, uint32_t size)
{
	if (size != om_get_left(g))
		om_get_fail(g, size < om_get_left(g) ? OM_ETRAILING : OM_ETRUNCATED);
}

/* Everything behind the size of the signature's data, which ends where the reader ends. */
static void get_signature_data(struct om_get *g, struct om_quote *q)
{
	q->signature = om_get_view(g, 64);
	q->attestation_key = om_get_view(g, 64);
	if (q->version > 3) {
		if (om_get_u16(g) != CERT_QE)
			om_get_fail(g, OM_EUNSUPPORTED);
		get_rest_size(g, om_get_u32(g));
	}
	q->qe_report = view_of(g, sizeof q->qe_body);
	q->qe_signature = om_get_view(g, 64);
	q->qe_auth = view_of(g, om_get_u16(g));
	if (om_get_u16(g) != CERT_PEM)
		om_get_fail(g, OM_EUNSUPPORTED);
	q->chain = view_of(g, om_get_u32(g));
}

int om_quote_parse(const uint8_t *quote, size_t size, struct om_quote *ret)
{
	struct om_quote q = { 0 };
	struct om_get g;
	uint32_t length;
	int error;

	om_get_init(&g, quote, size);
	get_header(&g, &q);
	get_descriptor(&g, &q);
	if (q.tee == OM_TEE_SGX)
		om_get_bytes(&g, &q.body, sizeof q.body);
	else
		get_td_body(&g, q.kind, &q.td);
	q.signed_part = (struct om_view) { quote, size - om_get_left(&g) };
	length = om_get_u32(&g);
	if (q.version == 3)
		get_rest_size(&g, length);
	else if (length > om_get_left(&g))
		om_get_fail(&g, OM_ETRUNCATED);
	if (g.error)
		return g.error;
	/* from here on the bytes behind do not exist */
	q.size = q.signed_part.size + sizeof length + length;
	om_get_init(&g, g.p, length);
	get_signature_data(&g, &q);
	error = om_get_end(&g);
	if (!error && q.size > OM_QUOTE_MAX) /* what follows may be as long as it likes */
		error = OM_EOVERFLOW;
	if (error)
		return error;
	memcpy(&q.qe_body, q.qe_report.data, sizeof q.qe_body);
	*ret = q;
	return 0;
}

static struct om_view get_item(struct om_get *g)
{
	return view_of(g, om_get_u32(g));
}

int om_collateral_decode(const uint8_t *data, size_t size, struct om_collateral *ret)
{
	struct om_collateral c;
	struct om_get g;
	int error;

	if (size > OM_COLLATERAL_MAX)
		return OM_EOVERFLOW;
	om_get_init(&g, data, size);
	if (om_get_u32(&g) != OM_COLLATERAL_MAGIC)
		om_get_fail(&g, OM_ETYPE);
	if (om_get_u32(&g) != OM_COLLATERAL_VERSION)
		om_get_fail(&g, OM_EVERSION);
	c.root_crl = get_item(&g);
	c.pck_crl = get_item(&g);
	c.tcb_chain = get_item(&g);
	c.tcb_info = get_item(&g);
	c.tcb_signature = get_item(&g);
	c.qe_chain = get_item(&g);
	c.qe_identity = get_item(&g);
	c.qe_signature = get_item(&g);
	error = om_get_end(&g);
	if (!error && (c.tcb_signature.size != 64 || c.qe_signature.size != 64))
		error = OM_EINVAL;
	if (error)
		return error;
	*ret = c;
	return 0;
}

int om_collateral_encode(const struct om_collateral *c, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	const struct om_view items[] = {
		c->root_crl, c->pck_crl, c->tcb_chain, c->tcb_info, c->tcb_signature,
		c->qe_chain, c->qe_identity, c->qe_signature,
	};
	struct om_put p;

	om_put_init(&p, buffer, buffer_size);
	om_put_u32(&p, OM_COLLATERAL_MAGIC);
	om_put_u32(&p, OM_COLLATERAL_VERSION);
	for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
		if (items[i].size > OM_COLLATERAL_MAX)
			return OM_EOVERFLOW;
		om_put_u32(&p, (uint32_t)items[i].size);
		om_put_bytes(&p, items[i].data, items[i].size);
	}
	if (om_put_end(&p) || om_put_size(&p) > OM_COLLATERAL_MAX)
		return OM_EOVERFLOW;
	*ret_size = om_put_size(&p);
	return 0;
}
