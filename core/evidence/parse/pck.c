/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intel's SGX extension of PCK certificates ("Intel SGX PCK Certificate and CRL Profile Specification", 1.3.5):
 *
 *   SEQUENCE of SEQUENCE { OID 1.2.840.113741.1.13.1.N, value }
 *     N = 1 PPID   2 TCB   3 PCE-ID   4 FMSPC   5 SGX type   6 instance   7 configuration
 *   TCB: SEQUENCE of SEQUENCE { OID ...2.M, value }    M = 1..16 component SVN   17 PCESVN   18 CPUSVN
 */
#include <string.h>
#include "evidence/parse/x509.h"

static const uint8_t base[] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01 };

/* Last arc of an OID that is `base`, `prefix` bytes that follow, and one arc more; 0 if it is not. */
static unsigned last_arc(struct om_view oid, struct om_view prefix)
{
	const size_t size = sizeof base + prefix.size + 1;

	if (oid.size != size || memcmp(oid.data, base, sizeof base) || oid.data[size - 1] >= 0x80)
		return 0;
	if (prefix.size && memcmp(oid.data + sizeof base, prefix.data, prefix.size))
		return 0;
	return oid.data[size - 1];
}

static void octets(struct om_der *d, uint8_t *to, size_t size)
{
	const struct om_view v = om_der_content(d, OM_DER_OCTETS);

	if (!d->error && v.size != size)
		om_der_fail(d, OM_EINVAL);
	if (!d->error)
		memcpy(to, v.data, size);
}

static int tcb(struct om_der *d, struct om_pck *p)
{
	static const uint8_t two[] = { 2 };
	struct om_der list = om_der_enter(d, OM_DER_SEQUENCE);
	uint32_t seen = 0;

	while (om_der_peek(&list)) {
		struct om_der e = om_der_enter(&list, OM_DER_SEQUENCE);
		const unsigned arc = last_arc(om_der_content(&e, OM_DER_OID), OM_VIEW(two));
		int error;

		if (arc >= 1 && arc <= 16)
			p->svn[arc - 1] = (uint8_t)om_der_number(&e, OM_DER_INTEGER, 255);
		else if (arc == 17)
			p->pce_svn = (uint16_t)om_der_number(&e, OM_DER_INTEGER, 65535);
		else if (arc == 18)
			octets(&e, p->cpu_svn, sizeof p->cpu_svn);
		else
			om_der_fail(&e, OM_EINVAL);
		error = om_der_end(&e);
		if (error)
			return error;
		if (seen & UINT32_C(1) << arc)
			return OM_EINVAL;
		seen |= UINT32_C(1) << arc;
	}
	if (seen != 0x7fffe)
		return OM_EINVAL;
	return om_der_end(&list);
}

int om_pck_parse(struct om_view extension, struct om_pck *ret)
{
	struct om_pck p = { 0 };
	struct om_der d, list;
	unsigned seen = 0;
	int error;

	om_der_init(&d, extension);
	list = om_der_enter(&d, OM_DER_SEQUENCE);
	while (om_der_peek(&list)) {
		struct om_der e = om_der_enter(&list, OM_DER_SEQUENCE);
		const unsigned arc = last_arc(om_der_content(&e, OM_DER_OID), (struct om_view) { 0 });

		error = 0;
		if (arc == 2) {
			error = tcb(&e, &p);
		} else if (arc == 3) {
			octets(&e, p.pce_id, sizeof p.pce_id);
		} else if (arc == 4) {
			octets(&e, p.fmspc, sizeof p.fmspc);
		} else if (arc == 6) {
			octets(&e, p.instance, sizeof p.instance);
		} else {
			(void)om_der_element(&e, om_der_peek(&e)); /* says nothing that we use; errors stick to e */
		}
		if (!error)
			error = om_der_end(&e);
		if (error)
			return error;
		if ((arc >= 2 && arc <= 4) || arc == 6) {
			if (seen & 1u << arc)
				return OM_EINVAL;
			seen |= 1u << arc;
		}
	}
	error = om_der_end(&list);
	if (!error)
		error = om_der_end(&d);
	if (!error && (seen & 0x1c) != 0x1c)
		error = OM_EINVAL;
	if (error)
		return error;
	*ret = p;
	return 0;
}
