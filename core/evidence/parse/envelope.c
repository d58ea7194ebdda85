/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "evidence/parse/envelope.h"
#include "crypto/sha512.h"
#include "crypto/wipe.h"
#include "cursor.h"

static const char label[] = "optmig evidence 1";

const char *om_evidence_type_words(unsigned type)
{
	static const char *const words[] = { NULL, "SGX", "SNP", "TDX", "demo" };

	return type < sizeof words / sizeof *words ? words[type] : NULL;
}

const char *om_evidence_attestation_type(long type)
{
	static const char *const words[] = { "none", "dcap", "snp", "tdx", "demo" };

	return words[type > 0 && type < OM_EVIDENCE_TYPES_END ? type : 0];
}

bool om_evidence_of_guest(enum om_evidence_type type)
{
	return type == OM_EVIDENCE_SNP || type == OM_EVIDENCE_TDX;
}

int om_envelope_parse(struct om_view data, struct om_envelope *ret)
{
	struct om_envelope e = { 0 };
	size_t body_size = 0;
	struct om_get g;
	unsigned type;
	int error;

	if (data.size > OM_EVIDENCE_MAX)
		return OM_EOVERFLOW;
	om_get_init(&g, data.data, data.size);
	type = om_get_u16(&g);
	if (!om_evidence_type_words(type))
		return g.error ? g.error : OM_ETYPE;
	e.type = (enum om_evidence_type)type;
	if (om_evidence_of_guest(e.type))
		body_size = SGX_REPORT_BODY_SIZE;
	if (om_get_left(&g) <= body_size)   /* the platform's part is never empty */
		return OM_ETRUNCATED;
	e.platform.size = om_get_left(&g) - body_size;
	e.platform.data = om_get_view(&g, e.platform.size);
	if (body_size) {
		e.body_bytes.size = body_size;
		e.body_bytes.data = om_get_view(&g, body_size);
	}
	error = om_get_end(&g);
	if (error)
		return error;
	if (body_size)
		memcpy(&e.body, e.body_bytes.data, body_size);
	*ret = e;
	return 0;
}

int om_envelope_encode(enum om_evidence_type type, struct om_view platform, struct om_view body, uint8_t *buffer, size_t buffer_size,
	size_t *ret_size)
{
	struct om_put put;
	uint8_t *to;

	if (!om_evidence_type_words((unsigned)type) || platform.size == 0 ||
	    body.size != (om_evidence_of_guest(type) ? SGX_REPORT_BODY_SIZE : 0))
		return OM_EINVAL;
	if (platform.size > OM_EVIDENCE_MAX - OM_ENVELOPE_HEAD - body.size)
		return OM_EOVERFLOW;
	om_put_init(&put, buffer, buffer_size);
	om_put_u16(&put, (uint16_t)type);
	to = om_put_room(&put, platform.size);
	if (to)
		memmove(to, platform.data, platform.size);
	om_put_bytes(&put, body.data, body.size);
	if (om_put_end(&put))
		return OM_EOVERFLOW;
	*ret_size = om_put_size(&put);
	return 0;
}

void om_envelope_report_data(enum om_evidence_type type, const uint8_t body[SGX_REPORT_BODY_SIZE], uint8_t ret[OM_EVIDENCE_DATA_SIZE])
{
	const uint8_t number[2] = { (uint8_t)type, (uint8_t)((unsigned)type >> 8) };
	struct om_sha512 s;

	om_sha512_init(&s);
	om_sha512_update(&s, label, sizeof label - 1);
	om_sha512_update(&s, number, sizeof number);
	om_sha512_update(&s, body, SGX_REPORT_BODY_SIZE);
	om_sha512_result(&s, ret);
}

bool om_envelope_bound(const struct om_envelope *e, const uint8_t report_data[OM_EVIDENCE_DATA_SIZE])
{
	uint8_t expected[OM_EVIDENCE_DATA_SIZE];

	if (e->body_bytes.size != SGX_REPORT_BODY_SIZE)
		return false;
	om_envelope_report_data(e->type, e->body_bytes.data, expected);
	return om_equal(expected, report_data, sizeof expected);
}
