/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "cursor.h"
#include "evidence/demo/snp_table.h"

#define ENTRY 24
enum { VEK, CA, ARK, CRL, PARTS };

static const uint8_t vlek[16] = { 0xa8, 0x07, 0x4b, 0xc2, 0xa2, 0x5a, 0x48, 0x3e, 0xaa, 0xe6, 0x39, 0xc0, 0x45, 0xa0, 0xb8, 0xa1 };
static const uint8_t guids[PARTS][16] = {
	[VEK] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd },
	[CA]  = { 0x4a, 0xb7, 0xb3, 0x79, 0xbb, 0xac, 0x4f, 0xe4, 0xa0, 0x2f, 0x05, 0xae, 0xf3, 0x27, 0xc7, 0x82 },
	[ARK] = { 0xc0, 0xb4, 0x06, 0xa4, 0xa8, 0x03, 0x49, 0x52, 0x97, 0x43, 0x3f, 0xb6, 0x01, 0x4c, 0xd0, 0xae },
	[CRL] = { 0x92, 0xf8, 0x1b, 0xc3, 0x58, 0x11, 0x4d, 0x3d, 0x97, 0xff, 0xd1, 0x9f, 0x88, 0xdc, 0x67, 0xea },
};

int om_snp_machine_table(const struct om_snp_machine *m, int64_t now, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	uint8_t chain[OM_SNP_CHAIN_MAX], crl[OM_X509_MAX];
	struct om_view part[PARTS];
	struct om_der d;
	struct om_put put;
	size_t chain_size, crl_size, at = (PARTS + 1) * ENTRY;

	if (om_snp_machine_chain(m, chain, sizeof chain, &chain_size) || om_snp_machine_crl(m, now, crl, sizeof crl, &crl_size))
		return OM_EOVERFLOW;
	om_der_init(&d, (struct om_view) { chain, chain_size });
	for (unsigned i = VEK; i <= ARK; i++)
		part[i] = om_der_element(&d, OM_DER_SEQUENCE);
	part[CRL] = (struct om_view) { crl, crl_size };
	om_put_init(&put, buffer, buffer_size);
	for (unsigned i = 0; i < PARTS; i++) {
		om_put_bytes(&put, i == VEK && m->key == OM_SNP_VLEK ? vlek : guids[i], 16);
		om_put_u32(&put, (uint32_t)at);
		om_put_u32(&put, (uint32_t)part[i].size);
		at += part[i].size;
	}
	om_put_zeros(&put, ENTRY);
	for (unsigned i = 0; i < PARTS; i++)
		om_put_bytes(&put, part[i].data, part[i].size);
	if (om_put_end(&put))
		return OM_EOVERFLOW;
	*ret_size = om_put_size(&put);
	return 0;
}
