/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. Everything follows from the seed and the public constants of snp_keys.c: two runs give the same bytes.
 */
#include <string.h>
#include "evidence/demo/der_build.h"
#include "evidence/demo/snp_build.h"
#include "cursor.h"

#define VALID_FROM 1577836800   /* 2020-01-01 */
#define VALID_TO   2524607999   /* 2049-12-31 23:59:59 */
#define DAY        86400

static const char ark_cn[] = "ARK-Demo", ask_cn[] = "SEV-Demo", asvk_cn[] = "SEV-VLEK-Demo";
static const uint8_t ark_serial = 1, ca_serial = 2, vek_serial = 0;

static void hash_words(const uint8_t seed[32], const char *words, uint8_t ret[OM_SHA512_SIZE])
{
	struct om_sha512 s;

	om_sha512_init(&s);
	om_sha512_update(&s, seed, 32);
	om_sha512_update(&s, words, strlen(words));
	om_sha512_result(&s, ret);
}

void om_snp_machine_init(struct om_snp_machine *m, const uint8_t seed[32], enum om_snp_product product, enum om_snp_key key)
{
	static const uint8_t old_tcb[OM_SNP_TCB_SIZE] = { 4, 0, 0, 0, 0, 0, 24, 219 }, new_tcb[OM_SNP_TCB_SIZE] = { 1, 1, 1, 4, 0, 0, 0, 81 };
	const bool turin = product == OM_SNP_TURIN;
	uint8_t hash[OM_SHA512_SIZE];

	memset(m, 0, sizeof *m);
	m->product = product;
	m->key = key;
	m->asvk = key == OM_SNP_VLEK;
	m->ark_key = OM_SNP_DEMO_ARK;
	m->ca_key = OM_SNP_DEMO_CA;
	m->valid_from = VALID_FROM;
	m->valid_to = VALID_TO;
	hash_words(seed, key == OM_SNP_VLEK ? "VLEK" : "VCEK", hash);
	om_p384_derive(hash, m->private, m->public);
	hash_words(seed, "chip", hash);
	memcpy(m->chip, hash, turin ? OM_SNP_HWID_TURIN : OM_SNP_HWID_MAX);
	memcpy(m->tcb, turin ? new_tcb : old_tcb, sizeof m->tcb);
	om_snp_machine_certify(m);
}

static void add_extension(struct om_snp_machine *m, unsigned arc, unsigned sub, uint8_t tag, const void *content, size_t size)
{
	struct om_snp_extension *e = &m->extension[m->extension_count++];
	struct om_der_out o = { e->value, 0, sizeof e->value, false };

	e->arc[0] = (uint8_t)arc;
	e->arc[1] = (uint8_t)sub;
	if (tag == OM_DER_INTEGER)
		om_out_number(&o, tag, content, size);
	else if (tag)
		om_out_element(&o, tag, content, size);
	else
		om_out_bytes(&o, content, size); /* a HWID stands bare */
	e->size = (uint8_t)o.size;
}

void om_snp_machine_certify(struct om_snp_machine *m)
{
	/* the SPL of each byte of a TCB_VERSION */
	static const uint8_t order[2][OM_SNP_TCB_SIZE] = { { 1, 2, 4, 5, 6, 7, 3, 8 }, { 9, 1, 2, 3, 5, 6, 7, 8 } };
	static const char csp[] = "CN=demo.example";
	const bool turin = m->product == OM_SNP_TURIN;
	const uint8_t layout = turin;
	const char *name = om_snp_product_words(m->product);

	m->extension_count = 0;
	add_extension(m, 1, 0, OM_DER_INTEGER, &layout, 1);
	add_extension(m, 2, 0, 0x16, name, strlen(name));
	for (unsigned i = 0; i < OM_SNP_TCB_SIZE; i++)
		add_extension(m, 3, order[turin][i], OM_DER_INTEGER, &m->tcb[i], 1);
	if (m->key == OM_SNP_VLEK)
		add_extension(m, 5, 0, 0x16, csp, sizeof csp - 1);
	else
		add_extension(m, 4, 0, 0, m->chip, turin ? OM_SNP_HWID_TURIN : OM_SNP_HWID_MAX);
}

static void write_name(struct om_der_out *o, const char *cn)
{
	static const uint8_t oid_cn[] = { 0x55, 0x04, 0x03 };
	const size_t name = om_out_open(o, OM_DER_SEQUENCE), set = om_out_open(o, 0x31), pair = om_out_open(o, OM_DER_SEQUENCE);

	om_out_element(o, OM_DER_OID, oid_cn, sizeof oid_cn);
	om_out_element(o, 0x0c, cn, strlen(cn));
	om_out_close(o, pair);
	om_out_close(o, set);
	om_out_close(o, name);
}

static void write_hash_algorithm(struct om_der_out *o)
{
	static const uint8_t sha384[] = { 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02 };
	const size_t id = om_out_open(o, OM_DER_SEQUENCE);

	om_out_element(o, OM_DER_OID, sha384, sizeof sha384);
	om_out_element(o, 0x05, NULL, 0);
	om_out_close(o, id);
}

/* RSASSA-PSS-params (RFC 4055, 3.1). */
static void write_algorithm(struct om_der_out *o, bool trailer)
{
	static const uint8_t pss[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a };
	static const uint8_t mgf1[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08 };
	const size_t id = om_out_open(o, OM_DER_SEQUENCE);
	size_t params, field, mask;

	om_out_element(o, OM_DER_OID, pss, sizeof pss);
	params = om_out_open(o, OM_DER_SEQUENCE);
	field = om_out_open(o, OM_DER_CONTEXT(0));
	write_hash_algorithm(o);
	om_out_close(o, field);
	field = om_out_open(o, OM_DER_CONTEXT(1));
	mask = om_out_open(o, OM_DER_SEQUENCE);
	om_out_element(o, OM_DER_OID, mgf1, sizeof mgf1);
	write_hash_algorithm(o);
	om_out_close(o, mask);
	om_out_close(o, field);
	field = om_out_open(o, OM_DER_CONTEXT(2));
	om_out_small(o, OM_DER_INTEGER, OM_PSS_SALT);
	om_out_close(o, field);
	if (trailer) {
		field = om_out_open(o, OM_DER_CONTEXT(3));
		om_out_small(o, OM_DER_INTEGER, 1);
		om_out_close(o, field);
	}
	om_out_close(o, params);
	om_out_close(o, id);
}

static void write_rsa_key(struct om_der_out *o, const uint8_t modulus[OM_RSA_SIZE])
{
	static const uint8_t rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 }, exponent[] = { 1, 0, 1 }, none = 0;
	const size_t spki = om_out_open(o, OM_DER_SEQUENCE), id = om_out_open(o, OM_DER_SEQUENCE);
	size_t bits, pair;

	om_out_element(o, OM_DER_OID, rsa, sizeof rsa);
	om_out_element(o, 0x05, NULL, 0);
	om_out_close(o, id);
	bits = om_out_open(o, OM_DER_BITS);
	om_out_bytes(o, &none, 1);
	pair = om_out_open(o, OM_DER_SEQUENCE);
	om_out_number(o, OM_DER_INTEGER, modulus, OM_RSA_SIZE);
	om_out_number(o, OM_DER_INTEGER, exponent, sizeof exponent);
	om_out_close(o, pair);
	om_out_close(o, bits);
	om_out_close(o, spki);
}

static void write_p384_key(struct om_der_out *o, const uint8_t public[OM_P384_PUBLIC])
{
	static const uint8_t ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 }, p384[] = { 0x2b, 0x81, 0x04, 0x00, 0x22 };
	static const uint8_t uncompressed[] = { 0, 4 };
	const size_t spki = om_out_open(o, OM_DER_SEQUENCE), id = om_out_open(o, OM_DER_SEQUENCE);
	size_t bits;

	om_out_element(o, OM_DER_OID, ec, sizeof ec);
	om_out_element(o, OM_DER_OID, p384, sizeof p384);
	om_out_close(o, id);
	bits = om_out_open(o, OM_DER_BITS);
	om_out_bytes(o, uncompressed, sizeof uncompressed);
	om_out_bytes(o, public, OM_P384_PUBLIC);
	om_out_close(o, bits);
	om_out_close(o, spki);
}

static void write_extension(struct om_der_out *o, const uint8_t *oid, size_t oid_size, bool critical, const uint8_t *value, size_t size)
{
	static const uint8_t yes = 0xff;
	const size_t extension = om_out_open(o, OM_DER_SEQUENCE);

	om_out_element(o, OM_DER_OID, oid, oid_size);
	if (critical)
		om_out_element(o, OM_DER_BOOLEAN, &yes, 1);
	om_out_element(o, OM_DER_OCTETS, value, size);
	om_out_close(o, extension);
}

static void write_ca_extensions(struct om_der_out *o, unsigned usage)
{
	static const uint8_t usage_oid[] = { 0x55, 0x1d, 0x0f }, constraints_oid[] = { 0x55, 0x1d, 0x13 };
	static const uint8_t is_ca[] = { 0x30, 3, 1, 1, 0xff };
	const uint8_t usage_value[] = { OM_DER_BITS, 2, 1, (uint8_t)usage };

	write_extension(o, usage_oid, sizeof usage_oid, true, usage_value, sizeof usage_value);
	write_extension(o, constraints_oid, sizeof constraints_oid, true, is_ca, sizeof is_ca);
}

static void write_vek_extensions(struct om_der_out *o, const struct om_snp_machine *m)
{
	for (unsigned i = 0; i < m->extension_count; i++) {
		const struct om_snp_extension *e = &m->extension[i];
		const uint8_t oid[] = { 0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01, e->arc[0], e->arc[1] };

		write_extension(o, oid, e->arc[1] ? 10 : 9, false, e->value, e->size);
	}
	if (m->leaf_is_ca)
		write_ca_extensions(o, OM_X509_CERT_SIGN);
}

/* SEQUENCE { tbs, RSASSA-PSS, signature }; the salt is the hash's hash. */
static void write_signed(struct om_der_out *o, const struct om_der_out *tbs, const struct om_snp_ca_key *key, bool trailer)
{
	uint8_t hash[OM_SHA384_SIZE], salt[OM_PSS_SALT], signature[1 + OM_RSA_SIZE] = { 0 };
	const size_t whole = om_out_open(o, OM_DER_SEQUENCE);

	om_sha384(tbs->data, tbs->size, hash);
	om_sha384(hash, sizeof hash, salt);
	if (tbs->overflow || om_rsa_pss_sign(&key->private, hash, salt, signature + 1))
		o->overflow = true;
	om_out_bytes(o, tbs->data, tbs->size);
	write_algorithm(o, trailer);
	om_out_element(o, OM_DER_BITS, signature, sizeof signature);
	om_out_close(o, whole);
}

/* Which of the three; `NULL` for a key stands for the machine's own. */
struct certificate {
	const char *issuer, *subject;
	uint8_t serial;
	const struct om_snp_ca_key *issuer_key, *key;
	unsigned usage;
};

static void write_certificate(struct om_der_out *o, const struct om_snp_machine *m, const struct certificate *c)
{
	uint8_t bytes[OM_X509_MAX];
	struct om_der_out tbs = { bytes, 0, sizeof bytes, false };
	const size_t whole = om_out_open(&tbs, OM_DER_SEQUENCE), version = om_out_open(&tbs, OM_DER_CONTEXT(0));
	size_t validity, wrapper, list;

	om_out_small(&tbs, OM_DER_INTEGER, 2);
	om_out_close(&tbs, version);
	om_out_number(&tbs, OM_DER_INTEGER, &c->serial, 1);
	write_algorithm(&tbs, m->trailer);
	write_name(&tbs, c->issuer);
	validity = om_out_open(&tbs, OM_DER_SEQUENCE);
	om_out_time(&tbs, c->key ? VALID_FROM : m->valid_from);
	om_out_time(&tbs, c->key ? VALID_TO : m->valid_to);
	om_out_close(&tbs, validity);
	write_name(&tbs, c->subject);
	if (c->key)
		write_rsa_key(&tbs, c->key->modulus);
	else
		write_p384_key(&tbs, m->public);
	wrapper = om_out_open(&tbs, OM_DER_CONTEXT(3));
	list = om_out_open(&tbs, OM_DER_SEQUENCE);
	if (c->key)
		write_ca_extensions(&tbs, c->usage);
	else
		write_vek_extensions(&tbs, m);
	om_out_close(&tbs, list);
	om_out_close(&tbs, wrapper);
	om_out_close(&tbs, whole);
	write_signed(o, &tbs, c->issuer_key, m->trailer);
}

static unsigned ark_usage(const struct om_snp_machine *m) { return OM_X509_CERT_SIGN | (m->ark_lists_none ? 0 : OM_X509_CRL_SIGN); }

static const char *ca_name(const struct om_snp_machine *m) { return m->asvk ? asvk_cn : ask_cn; }

static void write_leaf(struct om_der_out *o, const struct om_snp_machine *m)
{
	const struct certificate vek = {
		ca_name(m), m->key == OM_SNP_VLEK ? "SEV-VLEK" : "SEV-VCEK", vek_serial, &om_snp_demo_keys[m->ca_key], NULL, 0,
	};

	write_certificate(o, m, &vek);
}

static int finish(const struct om_der_out *o, size_t *ret_size)
{
	if (o->overflow)
		return OM_EOVERFLOW;
	*ret_size = o->size;
	return 0;
}

int om_snp_machine_leaf(const struct om_snp_machine *m, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	struct om_der_out o = { buffer, 0, buffer_size, false };

	write_leaf(&o, m);
	return finish(&o, ret_size);
}

int om_snp_machine_chain(const struct om_snp_machine *m, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	const struct om_snp_ca_key *ark = &om_snp_demo_keys[m->ark_key], *ca = &om_snp_demo_keys[m->ca_key];
	const struct certificate middle = {
		ark_cn, ca_name(m), ca_serial, ark, ca, m->ca_signs_none ? OM_X509_CRL_SIGN : OM_X509_CERT_SIGN,
	};
	const struct certificate root = { ark_cn, ark_cn, ark_serial, ark, ark, ark_usage(m) };
	struct om_der_out o = { buffer, 0, buffer_size, false };

	write_leaf(&o, m);
	write_certificate(&o, m, &middle);
	write_certificate(&o, m, &root);
	return finish(&o, ret_size);
}

int om_snp_machine_crl(const struct om_snp_machine *m, int64_t now, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	static const uint8_t number_oid[] = { 0x55, 0x1d, 0x14 }, number[] = { OM_DER_INTEGER, 1, 1 };
	/* a leaf's serial says nothing here: the ARK issued none; and an odd one */
	const uint8_t serials[] = { vek_serial, 0x77, ca_serial };
	uint8_t bytes[OM_X509_MAX];
	struct om_der_out tbs = { bytes, 0, sizeof bytes, false }, o = { buffer, 0, buffer_size, false };
	const size_t whole = om_out_open(&tbs, OM_DER_SEQUENCE);
	size_t wrapper, list, entry;

	om_out_small(&tbs, OM_DER_INTEGER, 1);
	write_algorithm(&tbs, m->trailer);
	write_name(&tbs, ark_cn);
	om_out_time(&tbs, now - DAY);
	om_out_time(&tbs, now + 30 * DAY);
	list = om_out_open(&tbs, OM_DER_SEQUENCE);
	for (unsigned i = 0; i < (m->revoke_ca ? 3u : 2u); i++) {
		entry = om_out_open(&tbs, OM_DER_SEQUENCE);
		om_out_number(&tbs, OM_DER_INTEGER, &serials[i], 1);
		om_out_time(&tbs, now - DAY);
		om_out_close(&tbs, entry);
	}
	om_out_close(&tbs, list);
	wrapper = om_out_open(&tbs, OM_DER_CONTEXT(0));
	list = om_out_open(&tbs, OM_DER_SEQUENCE);
	write_extension(&tbs, number_oid, sizeof number_oid, false, number, sizeof number);
	om_out_close(&tbs, list);
	om_out_close(&tbs, wrapper);
	om_out_close(&tbs, whole);
	write_signed(&o, &tbs, &om_snp_demo_keys[m->ark_key], m->trailer);
	return finish(&o, ret_size);
}

void om_snp_machine_fields(const struct om_snp_machine *m, uint32_t version, struct om_snp_report *ret)
{
	static const struct { uint8_t family, model, stepping; } cpuid[OM_SNP_PRODUCTS] = {
		[OM_SNP_MILAN] = { 0x19, 0x01, 1 }, [OM_SNP_GENOA] = { 0x19, 0x11, 1 }, [OM_SNP_TURIN] = { 0x1a, 0x02, 1 },
	};

	memset(ret, 0, sizeof *ret);
	ret->version = version;
	ret->policy = OM_SNP_POLICY_ONE | OM_SNP_POLICY_SMT;
	ret->platform_info = OM_SNP_PLATFORM_SMT | OM_SNP_PLATFORM_ECC | OM_SNP_PLATFORM_ALIAS;
	ret->key = m->key;
	memset(ret->report_id_ma, 0xff, sizeof ret->report_id_ma);
	memcpy(ret->current_tcb, m->tcb, sizeof m->tcb);
	memcpy(ret->reported_tcb, m->tcb, sizeof m->tcb);
	memcpy(ret->committed_tcb, m->tcb, sizeof m->tcb);
	memcpy(ret->launch_tcb, m->tcb, sizeof m->tcb);
	if (version > 2) {
		ret->family = cpuid[m->product].family;
		ret->model = cpuid[m->product].model;
		ret->stepping = cpuid[m->product].stepping;
	}
	if (m->key == OM_SNP_VCEK)
		memcpy(ret->chip_id, m->chip, sizeof m->chip);
	ret->current = ret->committed = (struct om_snp_firmware) { .build = 0x1d, .minor = 0x37, .major = 1 };
}

static void put_firmware(struct om_put *p, const struct om_snp_firmware *f)
{
	om_put_u8(p, f->build);
	om_put_u8(p, f->minor);
	om_put_u8(p, f->major);
	om_put_u8(p, 0);
}

/* R and S as 72 bytes little-endian, of which 24 are zero already. */
static void put_signature(uint8_t report[OM_SNP_REPORT_SIZE], const uint8_t signature[OM_P384_SIGNATURE])
{
	for (size_t half = 0; half < 2; half++)
		for (size_t i = 0; i < 48; i++)
			report[OM_SNP_REPORT_SIGNED + 72 * half + i] = signature[48 * half + 47 - i];
}

void om_snp_report_write(const struct om_snp_report *f, uint8_t ret_report[OM_SNP_REPORT_SIZE])
{
	struct om_put p;

	memset(ret_report, 0, OM_SNP_REPORT_SIZE);
	om_put_init(&p, ret_report, OM_SNP_REPORT_SIZE);
	om_put_u32(&p, f->version);
	om_put_u32(&p, f->guest_svn);
	om_put_u64(&p, f->policy);
	om_put_bytes(&p, f->family_id, sizeof f->family_id);
	om_put_bytes(&p, f->image_id, sizeof f->image_id);
	om_put_u32(&p, f->vmpl);
	om_put_u32(&p, 1);
	om_put_bytes(&p, f->current_tcb, sizeof f->current_tcb);
	om_put_u64(&p, f->platform_info);
	om_put_u32(&p, (uint32_t)f->author_key_enabled | (uint32_t)f->chip_key_masked << 1 | (uint32_t)f->key << 2);
	om_put_zeros(&p, 4);
	om_put_bytes(&p, f->report_data, sizeof f->report_data);
	om_put_bytes(&p, f->measurement, sizeof f->measurement);
	om_put_bytes(&p, f->host_data, sizeof f->host_data);
	om_put_bytes(&p, f->id_key_digest, sizeof f->id_key_digest);
	om_put_bytes(&p, f->author_key_digest, sizeof f->author_key_digest);
	om_put_bytes(&p, f->report_id, sizeof f->report_id);
	om_put_bytes(&p, f->report_id_ma, sizeof f->report_id_ma);
	om_put_bytes(&p, f->reported_tcb, sizeof f->reported_tcb);
	om_put_u8(&p, f->family);
	om_put_u8(&p, f->model);
	om_put_u8(&p, f->stepping);
	om_put_zeros(&p, 21);
	om_put_bytes(&p, f->chip_id, sizeof f->chip_id);
	om_put_bytes(&p, f->committed_tcb, sizeof f->committed_tcb);
	put_firmware(&p, &f->current);
	put_firmware(&p, &f->committed);
	om_put_bytes(&p, f->launch_tcb, sizeof f->launch_tcb);
	om_put_u64(&p, f->launch_mitigations);
	om_put_u64(&p, f->current_mitigations);
	put_signature(ret_report, f->signature);
}

void om_snp_machine_report(const struct om_snp_machine *m, const struct om_snp_report *fields, uint8_t ret_report[OM_SNP_REPORT_SIZE])
{
	om_snp_report_write(fields, ret_report);
	om_snp_machine_sign(m, ret_report);
}

void om_snp_machine_sign(const struct om_snp_machine *m, uint8_t report[OM_SNP_REPORT_SIZE])
{
	uint8_t hash[OM_SHA384_SIZE], signature[OM_P384_SIGNATURE] = { 0 };

	om_sha384(report, OM_SNP_REPORT_SIGNED, hash);
	(void)om_p384_sign(m->private, hash, signature); /* fails only for a key that om_p384_derive() never makes */
	put_signature(report, signature);
}
