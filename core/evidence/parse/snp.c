/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. A report is read once, field by field in its order; what a version reserves must be zero, so that a field
 * of a later version is never taken for nothing. PLATFORM_INFO is the exception: real machines set bits that are not published.
 */
#include <string.h>
#include "cursor.h"
#include "evidence/parse/snp.h"

#define ECDSA_P384_SHA384 1

enum om_snp_product om_snp_product_of(uint8_t family, uint8_t model)
{
	static const struct { uint8_t family, first, last; enum om_snp_product product; } known[] = {
		{ 0x19, 0x00, 0x0f, OM_SNP_MILAN },
		{ 0x19, 0x10, 0x1f, OM_SNP_GENOA },
		{ 0x19, 0xa0, 0xaf, OM_SNP_GENOA },   /* Bergamo, Siena */
		{ 0x1a, 0x00, 0x11, OM_SNP_TURIN },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (family == known[i].family && model >= known[i].first && model <= known[i].last)
			return known[i].product;
	return OM_SNP_UNKNOWN;
}

const char *om_snp_product_words(enum om_snp_product product)
{
	switch (product) {
	case OM_SNP_MILAN: return "Milan";
	case OM_SNP_GENOA: return "Genoa";
	case OM_SNP_TURIN: return "Turin";
	case OM_SNP_UNKNOWN:
	case OM_SNP_PRODUCTS: break;
	}
	return "unknown";
}

int om_snp_tcb_decode(const uint8_t bytes[OM_SNP_TCB_SIZE], enum om_snp_product product, struct om_snp_tcb *ret)
{
	const bool turin = product == OM_SNP_TURIN;
	const uint8_t *reserved = bytes + (turin ? 4 : 2);
	const unsigned reserved_count = turin ? 3 : 4;

	for (unsigned i = 0; i < reserved_count; i++)
		if (reserved[i])
			return OM_EINVAL;
	*ret = turin ?
		(struct om_snp_tcb) { .fmc = bytes[0], .boot_loader = bytes[1], .tee = bytes[2], .snp = bytes[3], .microcode = bytes[7] } :
		(struct om_snp_tcb) { .boot_loader = bytes[0], .tee = bytes[1], .snp = bytes[6], .microcode = bytes[7] };
	return 0;
}

/* Bytes that are zero because of what is in front of them, not because a later version may use them. */
static void padding(struct om_get *c, size_t size)
{
	const uint8_t *p = om_get_view(c, size);

	for (size_t i = 0; p && i < size; i++)
		if (p[i])
			om_get_fail(c, OM_EINVAL);
}

/* R or S: 72 bytes little-endian, of which a number of 384 bits fills 48. */
static void half(struct om_get *c, uint8_t ret[48])
{
	uint8_t bytes[48];

	om_get_bytes(c, bytes, sizeof bytes);
	padding(c, 24);
	for (size_t i = 0; i < sizeof bytes; i++)
		ret[i] = bytes[sizeof bytes - 1 - i];
}

static void key_info(struct om_get *c, struct om_snp_report *r)
{
	const uint32_t info = om_get_u32(c);
	const uint32_t key = info >> 2 & 7;

	r->author_key_enabled = info & 1;
	r->chip_key_masked = info >> 1 & 1;
	if (key != OM_SNP_VCEK && key != OM_SNP_VLEK) /* 7: not signed at all */
		om_get_fail(c, OM_EUNSUPPORTED);
	r->key = key == OM_SNP_VLEK ? OM_SNP_VLEK : OM_SNP_VCEK;
	/* a masked chip key does not sign */
	if (info >> 5 || (r->chip_key_masked && r->key == OM_SNP_VCEK))
		om_get_fail(c, OM_EINVAL);
}

static void cpuid(struct om_get *c, struct om_snp_report *r)
{
	if (r->version == 2) {
		om_get_zeros(c, 24);
		return;
	}
	r->family = om_get_u8(c);
	r->model = om_get_u8(c);
	r->stepping = om_get_u8(c);
	om_get_zeros(c, 21);
}

static void firmware(struct om_get *c, struct om_snp_firmware *f)
{
	f->build = om_get_u8(c);
	f->minor = om_get_u8(c);
	f->major = om_get_u8(c);
	om_get_zeros(c, 1);
}

static void policy(struct om_get *c, struct om_snp_report *r)
{
	r->policy = om_get_u64(c);
	if (!(r->policy & OM_SNP_POLICY_ONE))
		om_get_fail(c, OM_EINVAL);
	if (r->policy & ~OM_SNP_POLICY_KNOWN)
		om_get_fail(c, OM_EUNSUPPORTED);
}

static void signed_fields(struct om_get *c, struct om_snp_report *r)
{
	r->version = om_get_u32(c);
	if (r->version < 2 || r->version > 5)
		om_get_fail(c, OM_EVERSION);
	r->guest_svn = om_get_u32(c);
	policy(c, r);
	om_get_bytes(c, r->family_id, sizeof r->family_id);
	om_get_bytes(c, r->image_id, sizeof r->image_id);
	r->vmpl = om_get_u32(c);
	if (r->vmpl > 3)
		om_get_fail(c, OM_EINVAL);
	if (om_get_u32(c) != ECDSA_P384_SHA384)
		om_get_fail(c, OM_EUNSUPPORTED);
	om_get_bytes(c, r->current_tcb, sizeof r->current_tcb);
	r->platform_info = om_get_u64(c);
	key_info(c, r);
	om_get_zeros(c, 4);
	om_get_bytes(c, r->report_data, sizeof r->report_data);
	om_get_bytes(c, r->measurement, sizeof r->measurement);
	om_get_bytes(c, r->host_data, sizeof r->host_data);
	om_get_bytes(c, r->id_key_digest, sizeof r->id_key_digest);
	om_get_bytes(c, r->author_key_digest, sizeof r->author_key_digest);
	om_get_bytes(c, r->report_id, sizeof r->report_id);
	om_get_bytes(c, r->report_id_ma, sizeof r->report_id_ma);
	om_get_bytes(c, r->reported_tcb, sizeof r->reported_tcb);
	cpuid(c, r);
	om_get_bytes(c, r->chip_id, sizeof r->chip_id);
	om_get_bytes(c, r->committed_tcb, sizeof r->committed_tcb);
	firmware(c, &r->current);
	firmware(c, &r->committed);
	om_get_bytes(c, r->launch_tcb, sizeof r->launch_tcb);
	if (r->version == 5) {
		r->launch_mitigations = om_get_u64(c);
		r->current_mitigations = om_get_u64(c);
	} else {
		om_get_zeros(c, 16);
	}
	om_get_zeros(c, 152);
}

int om_snp_report_parse(struct om_view bytes, struct om_snp_report *ret)
{
	struct om_snp_report r = { 0 };
	struct om_get c;
	int error;

	om_get_init(&c, bytes.data, bytes.size);
	signed_fields(&c, &r);
	half(&c, r.signature);
	half(&c, r.signature + 48);
	padding(&c, 512 - 2 * 72);
	error = om_get_end(&c);
	if (error)
		return error;
	*ret = r;
	return 0;
}

/*
 * AMD's arcs below 1.3.6.1.4.1.3704.1, each one bit of what has been seen: 1, 2, 4, 5 stand for themselves, 3.N is 8 + N.
 * An SPL that is not known may be a component of the TCB, so it is refused; anything else that is not known says nothing here.
 */
static const uint8_t amd[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01 };
#define STRUCT_VERSION 1
#define PRODUCT_NAME   2
#define HWID           4
#define CSP_ID         5
#define SPL(n)         (8 + (n))
#define SPL_UNKNOWN    SPL(10)
#define SEEN(arc)      (UINT32_C(1) << (arc))

static unsigned arc_of(struct om_view oid)
{
	const uint8_t *tail = oid.data + sizeof amd;

	if (oid.size < sizeof amd || memcmp(oid.data, amd, sizeof amd))
		return 0;
	if (oid.size == sizeof amd)
		return 0;
	if (tail[0] == 3)
		return oid.size == sizeof amd + 2 && tail[1] >= 1 && tail[1] <= 9 ? SPL(tail[1]) : SPL_UNKNOWN;
	return oid.size == sizeof amd + 1 && tail[0] <= 5 ? tail[0] : 0;
}

struct found {
	uint32_t seen;
	uint8_t  spl[10];
	uint64_t struct_version;
	struct om_view hwid, csp;
};

/* Text of an IA5String, printable: it may stand in a report. */
static int text(struct om_view value, size_t max, struct om_view *ret)
{
	struct om_der d;
	struct om_view v;

	om_der_init(&d, value);
	v = om_der_content(&d, 0x16);
	if (!d.error && (v.size == 0 || v.size > max))
		om_der_fail(&d, OM_EINVAL);
	for (size_t i = 0; !d.error && i < v.size; i++)
		if (v.data[i] < 0x20 || v.data[i] > 0x7e)
			om_der_fail(&d, OM_EINVAL);
	*ret = v;
	return om_der_end(&d);
}

static int number(struct om_view value, uint64_t max, uint64_t *ret)
{
	struct om_der d;

	om_der_init(&d, value);
	*ret = om_der_number(&d, OM_DER_INTEGER, max);
	return om_der_end(&d);
}

/* The bytes stand bare; certificates of another age wrap them. Length tells, the first byte may be anything. */
static int hwid(struct om_view value, struct om_view *ret)
{
	if (value.size == 2 + OM_SNP_HWID_MAX && value.data[0] == OM_DER_OCTETS && value.data[1] == OM_SNP_HWID_MAX)
		value = (struct om_view) { value.data + 2, OM_SNP_HWID_MAX };
	if (value.size != OM_SNP_HWID_MAX && value.size != OM_SNP_HWID_TURIN)
		return OM_EINVAL;
	*ret = value;
	return 0;
}

static int interpret(unsigned arc, struct om_view value, struct found *f)
{
	struct om_view name;
	uint64_t n;
	int error;

	switch (arc) {
	case 0:
		return 0; /* somebody else's; a critical one was refused by the parser of certificates */
	case STRUCT_VERSION:
		return number(value, 1, &f->struct_version);
	case PRODUCT_NAME:
		return text(value, 32, &name); /* says which stepping; the product is the report's to say */
	case HWID:
		return hwid(value, &f->hwid);
	case CSP_ID:
		return text(value, OM_SNP_CSP_MAX, &f->csp);
	case SPL_UNKNOWN:
		return OM_EUNSUPPORTED;
	default:
		error = number(value, 255, &n);
		f->spl[arc - SPL(0)] = (uint8_t)n;
		return error;
	}
}

static int find(struct om_view extensions, struct found *f)
{
	struct om_der list;

	om_der_init(&list, extensions);
	while (om_der_peek(&list)) {
		struct om_der d = om_der_enter(&list, OM_DER_SEQUENCE);
		const unsigned arc = arc_of(om_der_content(&d, OM_DER_OID));
		struct om_view value;
		int error;

		(void)om_der_flag(&d); /* errors stick to d */
		value = om_der_content(&d, OM_DER_OCTETS);
		error = om_der_end(&d);
		if (!error && arc && f->seen & SEEN(arc))
			error = OM_EINVAL;
		if (!error)
			error = interpret(arc, value, f);
		if (error)
			return error;
		f->seen |= arc ? SEEN(arc) : 0;
	}
	return om_der_end(&list);
}

/* Exactly the extensions of one layout and one kind of key. */
static int complete(const struct found *f, struct om_snp_certificate *c)
{
	uint32_t want = SEEN(STRUCT_VERSION) | SEEN(PRODUCT_NAME);

	for (unsigned n = 1; n <= 8; n++)
		want |= SEEN(SPL(n));
	c->turin = f->seen & SEEN(SPL(9));
	c->key = f->seen & SEEN(CSP_ID) ? OM_SNP_VLEK : OM_SNP_VCEK;
	if (c->turin)
		want = (want | SEEN(SPL(9))) & ~SEEN(SPL(4));
	want |= c->key == OM_SNP_VLEK ? SEEN(CSP_ID) : SEEN(HWID);
	if (f->seen != want || f->struct_version != c->turin)
		return OM_EINVAL;
	if (c->key == OM_SNP_VCEK && f->hwid.size != (c->turin ? OM_SNP_HWID_TURIN : OM_SNP_HWID_MAX))
		return OM_EINVAL;
	return 0;
}

int om_snp_certificate_parse(struct om_view extensions, struct om_snp_certificate *ret)
{
	/* which SPL stands in which byte of a TCB_VERSION */
	static const uint8_t order[2][OM_SNP_TCB_SIZE] = { { 1, 2, 4, 5, 6, 7, 3, 8 }, { 9, 1, 2, 3, 5, 6, 7, 8 } };
	struct om_snp_certificate c = { 0 };
	struct found f = { 0 };
	int error = find(extensions, &f);

	if (!error)
		error = complete(&f, &c);
	if (error)
		return error;
	for (size_t i = 0; i < sizeof c.tcb; i++)
		c.tcb[i] = f.spl[order[c.turin][i]];
	if (c.key == OM_SNP_VCEK)
		memcpy(c.hwid, f.hwid.data, f.hwid.size);
	c.csp = f.csp;
	*ret = c;
	return 0;
}

static struct om_view get_item(struct om_get *g)
{
	struct om_view v = { .size = om_get_u32(g) };

	v.data = om_get_view(g, v.size);
	return v;
}

int om_snp_collateral_decode(struct om_view data, struct om_view *ret_chain, struct om_view *ret_crl)
{
	struct om_view chain, crl;
	struct om_get g;
	int error;

	om_get_init(&g, data.data, data.size);
	if (om_get_u32(&g) != OM_SNP_COLLATERAL_MAGIC)
		om_get_fail(&g, OM_ETYPE);
	if (om_get_u32(&g) != OM_SNP_COLLATERAL_VERSION)
		om_get_fail(&g, OM_EVERSION);
	chain = get_item(&g);
	crl = get_item(&g);
	error = om_get_end(&g);
	if (error)
		return error;
	*ret_chain = chain;
	*ret_crl = crl;
	return 0;
}

int om_snp_collateral_encode(struct om_view chain, struct om_view crl, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	struct om_put put;

	om_put_init(&put, buffer, buffer_size);
	om_put_u32(&put, OM_SNP_COLLATERAL_MAGIC);
	om_put_u32(&put, OM_SNP_COLLATERAL_VERSION);
	om_put_u32(&put, (uint32_t)chain.size);
	om_put_bytes(&put, chain.data, chain.size);
	om_put_u32(&put, (uint32_t)crl.size);
	om_put_bytes(&put, crl.data, crl.size);
	if (om_put_end(&put))
		return OM_EOVERFLOW;
	*ret_size = om_put_size(&put);
	return 0;
}
