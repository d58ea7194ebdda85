/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding of quotes and collateral; nothing is verified here. Report bodies are copied, since the architectural
 * structure is the layout (sgx_arch.h asserts it) and x86-64 is little-endian.
 */
#include <string.h>
#include "evidence/parse/quote.h"
#include "cursor.h"

#define VERSION  3
#define KEY_TYPE 2   /* ECDSA with P-256 */
#define CERT_PEM 5   /* PCK certificate chain in PEM */

static struct om_view view_of(struct om_get *g, size_t size)
{
	const uint8_t *p = om_get_view(g, size);

	return (struct om_view) { p, p ? size : 0 };
}

static void get_header(struct om_get *g, struct om_quote *q)
{
	if (om_get_u16(g) != VERSION)
		om_get_fail(g, OM_EVERSION);
	if (om_get_u16(g) != KEY_TYPE)
		om_get_fail(g, OM_EUNSUPPORTED);
	om_get_zeros(g, 4);
	q->qe_svn = om_get_u16(g);
	q->pce_svn = om_get_u16(g);
	const uint8_t *vendor = om_get_view(g, 16);
	if (vendor && memcmp(vendor, OM_QUOTE_VENDOR, 16))
		om_get_fail(g, OM_EUNSUPPORTED);
	om_get_bytes(g, q->user_data, sizeof q->user_data);
}

int om_quote_parse(const uint8_t *quote, size_t size, struct om_quote *ret)
{
	struct om_quote q = { .signed_part = { quote, OM_QUOTE_SIGNED } };
	struct om_get g;
	int error;

	if (size > OM_QUOTE_MAX)
		return OM_EOVERFLOW;
	om_get_init(&g, quote, size);
	get_header(&g, &q);
	om_get_bytes(&g, &q.body, sizeof q.body);
	if (om_get_u32(&g) != om_get_left(&g))
		om_get_fail(&g, om_get_left(&g) ? OM_ETRAILING : OM_ETRUNCATED);
	q.signature = om_get_view(&g, 64);
	q.attestation_key = om_get_view(&g, 64);
	q.qe_report = view_of(&g, sizeof q.qe_body);
	q.qe_signature = om_get_view(&g, 64);
	q.qe_auth = view_of(&g, om_get_u16(&g));
	if (om_get_u16(&g) != CERT_PEM)
		om_get_fail(&g, OM_EUNSUPPORTED);
	q.chain = view_of(&g, om_get_u32(&g));
	error = om_get_end(&g);
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
