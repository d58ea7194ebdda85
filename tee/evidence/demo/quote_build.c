/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated platform (see the header). Everything follows from two seeds, so that two processes on one machine are
 * the same platform, and two machines are different platforms under one root. Certificates are valid 2020 to 2049.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "evidence/demo/der_build.h"
#include "evidence/demo/quote_build.h"
#include "crypto/ec.h"
#include "crypto/sha256.h"
#include "cursor.h"

#define VALID_FROM 1577836800   /* 2020-01-01 */
#define VALID_TO   2524607999   /* 2049-12-31 23:59:59 */
#define CERT_MAX   OM_X509_MAX
#define CHAIN_MAX  8192
#define JSON_MAX   4096
#define DAY        86400
#define QE_PROD_ID(p) ((p)->tdx ? 2u : 1u)
#define QE_ATTRIBUTES (SGX_ATTR_INIT | SGX_ATTR_MODE64BIT | SGX_ATTR_PROVISION_KEY)

static const char root_cn[] = "OptMig Emulated SGX Root CA";
static const char ca_cn[] = "OptMig Emulated SGX PCK CA";
static const char pck_cn[] = "OptMig Emulated SGX PCK Certificate";
static const char signer_cn[] = "OptMig Emulated SGX TCB Signing";

static void hash_words(const uint8_t *seed, size_t seed_size, const char *words, uint8_t ret[32])
{
	struct om_sha256 s;

	om_sha256_init(&s, 0);
	om_sha256_update(&s, seed, seed_size);
	om_sha256_update(&s, words, strlen(words));
	om_sha256_result(&s, ret);
}

static void derive(const uint8_t *seed, const char *words, struct om_key_pair *ret)
{
	uint8_t hash[32];

	hash_words(seed, 32, words, hash);
	om_p256_derive(hash, ret->private, ret->public);
}

void om_platform_init(struct om_platform *p, const uint8_t seed[32], const char *root_name)
{
	uint8_t root_seed[32], ppid[32], instance[32];

	memset(p, 0, sizeof *p);
	hash_words(NULL, 0, root_name ? root_name : "OptMig emulated root: this key is public and proves nothing", root_seed);
	derive(root_seed, "root", &p->root);
	derive(root_seed, "PCK CA", &p->ca);
	derive(root_seed, "TCB signing", &p->signer);
	derive(seed, "PCK", &p->pck);
	derive(seed, "attestation key", &p->attestation);
	hash_words(seed, 32, "PPID", ppid);
	memcpy(p->ppid, ppid, sizeof p->ppid);
	hash_words(seed, 32, "platform instance", instance);
	memcpy(p->instance, instance, sizeof p->instance);
	hash_words(NULL, 0, "OptMig emulated quoting enclave", p->qe_mrenclave);
	hash_words(NULL, 0, "OptMig emulated quoting enclave's signer", p->qe_mrsigner);
	p->qe_svn = 1;
	memset(p->tcb.svn, 1, sizeof p->tcb.svn);
	memset(p->tcb.cpu_svn, 1, sizeof p->tcb.cpu_svn);
	p->tcb.pce_svn = 1;
	memcpy(p->tcb.fmspc, "\xe0\x00\x00\x00\x00\x01", sizeof p->tcb.fmspc);
	p->status = p->qe_status = p->module_status = OM_TCB_UP_TO_DATE;
	memcpy(p->td_svn, (const uint8_t[]) { 5, 1, 3 }, 3);
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

static void write_spki(struct om_der_out *o, const uint8_t public[64])
{
	static const uint8_t head[] = {
		0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
		0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
	};

	om_out_bytes(o, head, sizeof head);
	om_out_bytes(o, public, 64);
}

/* A serial number: the key's hash, positive. */
static void serial_of(const uint8_t public[64], uint8_t ret[16])
{
	uint8_t hash[32];

	om_sha256(public, 64, hash);
	memcpy(ret, hash, 16);
	ret[0] = (uint8_t)((ret[0] & 0x7f) | 0x40);
}

/* One arc below 1.2.840.113741.1.13.1: SEQUENCE { OID, value }; the value is written by the caller before close. */
static size_t open_sgx(struct om_der_out *o, unsigned arc, unsigned sub)
{
	uint8_t oid[11] = { 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, (uint8_t)arc, (uint8_t)sub };
	const size_t opened = om_out_open(o, OM_DER_SEQUENCE);

	om_out_element(o, OM_DER_OID, oid, arc == 0 ? 9 : sub == 0 ? 10 : 11);
	return opened;
}

static void sgx_octets(struct om_der_out *o, unsigned arc, unsigned sub, const uint8_t *bytes, size_t size)
{
	const size_t opened = open_sgx(o, arc, sub);

	om_out_element(o, OM_DER_OCTETS, bytes, size);
	om_out_close(o, opened);
}

static void sgx_number(struct om_der_out *o, unsigned arc, unsigned sub, uint8_t tag, unsigned value)
{
	const size_t opened = open_sgx(o, arc, sub);

	om_out_small(o, tag, value);
	om_out_close(o, opened);
}

static void write_sgx_extension(struct om_der_out *o, const struct om_platform *p)
{
	static const uint8_t none[sizeof p->instance];
	const size_t extension = open_sgx(o, 0, 0), octets = om_out_open(o, OM_DER_OCTETS);
	const size_t list = om_out_open(o, OM_DER_SEQUENCE);
	size_t tcb, tcb_list;

	sgx_octets(o, 1, 0, p->ppid, sizeof p->ppid);
	tcb = open_sgx(o, 2, 0);
	tcb_list = om_out_open(o, OM_DER_SEQUENCE);
	for (unsigned i = 0; i < 16; i++)
		sgx_number(o, 2, i + 1, OM_DER_INTEGER, p->tcb.svn[i]);
	sgx_number(o, 2, 17, OM_DER_INTEGER, p->tcb.pce_svn);
	sgx_octets(o, 2, 18, p->tcb.cpu_svn, sizeof p->tcb.cpu_svn);
	om_out_close(o, tcb_list);
	om_out_close(o, tcb);
	sgx_octets(o, 3, 0, p->tcb.pce_id, sizeof p->tcb.pce_id);
	sgx_octets(o, 4, 0, p->tcb.fmspc, sizeof p->tcb.fmspc);
	sgx_number(o, 5, 0, OM_DER_ENUMERATED, 0);
	if (memcmp(p->instance, none, sizeof none))
		sgx_octets(o, 6, 0, p->instance, sizeof p->instance);
	om_out_close(o, list);
	om_out_close(o, octets);
	om_out_close(o, extension);
}

/* @path_length: -1 for an end entity. */
static void write_extensions(struct om_der_out *o, int path_length, const struct om_platform *sgx)
{
	static const uint8_t usage_oid[] = { 0x55, 0x1d, 0x0f }, constraints_oid[] = { 0x55, 0x1d, 0x13 }, yes = 0xff;
	const uint8_t ca_usage[] = { OM_DER_BITS, 2, 1, OM_X509_CERT_SIGN | OM_X509_CRL_SIGN };
	const uint8_t end_usage[] = { OM_DER_BITS, 2, 6, OM_X509_DIGITAL_SIGNATURE | 0x40 };
	const size_t wrapper = om_out_open(o, OM_DER_CONTEXT(3)), list = om_out_open(o, OM_DER_SEQUENCE);
	size_t extension = om_out_open(o, OM_DER_SEQUENCE), octets, constraints;

	om_out_element(o, OM_DER_OID, usage_oid, sizeof usage_oid);
	om_out_element(o, OM_DER_BOOLEAN, &yes, 1);
	om_out_element(o, OM_DER_OCTETS, path_length < 0 ? end_usage : ca_usage, sizeof ca_usage);
	om_out_close(o, extension);
	extension = om_out_open(o, OM_DER_SEQUENCE);
	om_out_element(o, OM_DER_OID, constraints_oid, sizeof constraints_oid);
	om_out_element(o, OM_DER_BOOLEAN, &yes, 1);
	octets = om_out_open(o, OM_DER_OCTETS);
	constraints = om_out_open(o, OM_DER_SEQUENCE);
	if (path_length >= 0) {
		om_out_element(o, OM_DER_BOOLEAN, &yes, 1);
		om_out_small(o, OM_DER_INTEGER, (unsigned)path_length);
	}
	om_out_close(o, constraints);
	om_out_close(o, octets);
	om_out_close(o, extension);
	if (sgx)
		write_sgx_extension(o, sgx);
	om_out_close(o, list);
	om_out_close(o, wrapper);
}

/* Appends a certificate in PEM. */
static void write_certificate(struct om_der_out *pem, const char *issuer_cn, const struct om_key_pair *issuer,
	const char *cn, const uint8_t public[64], int path_length, const struct om_platform *sgx)
{
	uint8_t tbs_bytes[CERT_MAX], der_bytes[CERT_MAX], serial[16];
	struct om_der_out tbs = { tbs_bytes, 0, sizeof tbs_bytes, false }, der = { der_bytes, 0, sizeof der_bytes, false };
	const size_t whole = om_out_open(&tbs, OM_DER_SEQUENCE), version = om_out_open(&tbs, OM_DER_CONTEXT(0));
	size_t validity;

	om_out_small(&tbs, OM_DER_INTEGER, 2);
	om_out_close(&tbs, version);
	serial_of(public, serial);
	om_out_number(&tbs, OM_DER_INTEGER, serial, sizeof serial);
	om_out_algorithm(&tbs);
	write_name(&tbs, issuer_cn);
	validity = om_out_open(&tbs, OM_DER_SEQUENCE);
	om_out_time(&tbs, VALID_FROM);
	om_out_time(&tbs, VALID_TO);
	om_out_close(&tbs, validity);
	write_name(&tbs, cn);
	write_spki(&tbs, public);
	write_extensions(&tbs, path_length, sgx);
	om_out_close(&tbs, whole);
	om_out_signed(&der, (struct om_view) { tbs.data, tbs.size }, issuer->private);
	if (tbs.overflow || der.overflow)
		pem->overflow = true;
	om_out_pem(pem, (struct om_view) { der.data, der.size });
}

static void write_crl(struct om_der_out *o, const char *cn, const struct om_key_pair *issuer, int64_t now,
	const uint8_t *const *revoked, unsigned revoked_count)
{
	uint8_t tbs_bytes[CERT_MAX], serial[16];
	static const uint8_t number_oid[] = { 0x55, 0x1d, 0x14 }, number[] = { OM_DER_INTEGER, 1, 1 };
	struct om_der_out tbs = { tbs_bytes, 0, sizeof tbs_bytes, false };
	const size_t whole = om_out_open(&tbs, OM_DER_SEQUENCE);
	size_t wrapper, list, entry;

	om_out_small(&tbs, OM_DER_INTEGER, 1);
	om_out_algorithm(&tbs);
	write_name(&tbs, cn);
	om_out_time(&tbs, now - DAY);
	om_out_time(&tbs, now + 30 * DAY);
	if (revoked_count) {
		list = om_out_open(&tbs, OM_DER_SEQUENCE);
		for (unsigned i = 0; i < revoked_count; i++) {
			entry = om_out_open(&tbs, OM_DER_SEQUENCE);
			serial_of(revoked[i], serial);
			om_out_number(&tbs, OM_DER_INTEGER, serial, sizeof serial);
			om_out_time(&tbs, now - DAY);
			om_out_close(&tbs, entry);
		}
		om_out_close(&tbs, list);
	}
	wrapper = om_out_open(&tbs, OM_DER_CONTEXT(0));
	list = om_out_open(&tbs, OM_DER_SEQUENCE);
	entry = om_out_open(&tbs, OM_DER_SEQUENCE);
	om_out_element(&tbs, OM_DER_OID, number_oid, sizeof number_oid);
	om_out_element(&tbs, OM_DER_OCTETS, number, sizeof number);
	om_out_close(&tbs, entry);
	om_out_close(&tbs, list);
	om_out_close(&tbs, wrapper);
	om_out_close(&tbs, whole);
	if (tbs.overflow)
		o->overflow = true;
	om_out_signed(o, (struct om_view) { tbs.data, tbs.size }, issuer->private);
}

void om_platform_root(const struct om_platform *p, uint8_t ret_root[32])
{
	uint8_t bytes[128];
	struct om_der_out spki = { bytes, 0, sizeof bytes, false };

	write_spki(&spki, p->root.public);
	om_sha256(spki.data, spki.size, ret_root);
}

void om_platform_target(const struct om_platform *p, struct sgx_targetinfo *ret_target)
{
	memset(ret_target, 0, sizeof *ret_target);
	memcpy(ret_target->measurement, p->qe_mrenclave, sizeof ret_target->measurement);
	ret_target->attributes = (struct sgx_attributes) { QE_ATTRIBUTES, SGX_XFRM_LEGACY };
}

static int sign(const struct om_key_pair *key, const void *data, size_t size, uint8_t ret_signature[64])
{
	uint8_t hash[32];

	om_sha256(data, size, hash);
	return om_p256_sign(key->private, hash, ret_signature);
}

/* The quoting enclave's report: REPORTDATA binds the attestation key and the authentication data. */
static void qe_report(const struct om_platform *p, const uint8_t auth[32], struct sgx_report_body *ret)
{
	struct om_sha256 hash;

	memset(ret, 0, sizeof *ret);
	memcpy(ret->cpusvn, p->tcb.cpu_svn, sizeof ret->cpusvn);
	ret->attributes = (struct sgx_attributes) { QE_ATTRIBUTES, SGX_XFRM_LEGACY };
	memcpy(ret->mrenclave, p->qe_mrenclave, sizeof ret->mrenclave);
	memcpy(ret->mrsigner, p->qe_mrsigner, sizeof ret->mrsigner);
	ret->isvprodid = QE_PROD_ID(p);
	ret->isvsvn = p->qe_svn;
	om_sha256_init(&hash, 0);
	om_sha256_update(&hash, p->attestation.public, 64);
	om_sha256_update(&hash, auth, 32);
	om_sha256_result(&hash, ret->reportdata);
}

static void put_td_body(struct om_put *put, enum om_quote_body kind, const struct om_td_body *td)
{
	om_put_bytes(put, td->tee_tcb_svn, sizeof td->tee_tcb_svn);
	om_put_bytes(put, td->mrseam, sizeof td->mrseam);
	om_put_bytes(put, td->mrsignerseam, sizeof td->mrsignerseam);
	om_put_bytes(put, td->seam_attributes, sizeof td->seam_attributes);
	om_put_u64(put, td->attributes);
	om_put_u64(put, td->xfam);
	om_put_bytes(put, td->mrtd, sizeof td->mrtd);
	om_put_bytes(put, td->mrconfigid, sizeof td->mrconfigid);
	om_put_bytes(put, td->mrowner, sizeof td->mrowner);
	om_put_bytes(put, td->mrownerconfig, sizeof td->mrownerconfig);
	om_put_bytes(put, td->rtmr, sizeof td->rtmr);
	om_put_bytes(put, td->reportdata, sizeof td->reportdata);
	if (kind == OM_BODY_TD15) {
		om_put_bytes(put, td->tee_tcb_svn_2, sizeof td->tee_tcb_svn_2);
		om_put_bytes(put, td->mrservicetd, sizeof td->mrservicetd);
	}
}

/* The part that the attestation key signs. */
static void put_signed_part(struct om_put *put, const struct om_platform *p, uint16_t version, enum om_quote_body kind,
	const struct sgx_report_body *body, const struct om_td_body *td)
{
	om_put_u16(put, version);
	om_put_u16(put, 2);
	om_put_u32(put, kind == OM_BODY_SGX ? OM_TEE_SGX : OM_TEE_TDX);
	om_put_u16(put, version == 3 ? p->qe_svn : 0);
	om_put_u16(put, version == 3 ? p->tcb.pce_svn : 0);
	om_put_bytes(put, OM_QUOTE_VENDOR, 16);
	om_put_bytes(put, p->ppid, 16);
	om_put_zeros(put, 4);
	if (version == 5) {
		om_put_u16(put, (uint16_t)kind);
		om_put_u32(put, kind == OM_BODY_SGX ? sizeof *body : kind == OM_BODY_TD10 ? OM_TD_BODY_10 : OM_TD_BODY_15);
	}
	if (kind == OM_BODY_SGX)
		om_put_bytes(put, body, sizeof *body);
	else
		put_td_body(put, kind, td);
}

int om_platform_quote_as(const struct om_platform *p, uint16_t version, enum om_quote_body kind, const struct sgx_report_body *body,
	const struct om_td_body *td, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	uint8_t chain_bytes[CHAIN_MAX], auth[32], signature[64], qe_signature[64];
	struct om_der_out chain = { chain_bytes, 0, sizeof chain_bytes, false };
	struct sgx_report_body qe;
	struct om_put put;
	size_t size;

	write_certificate(&chain, ca_cn, &p->ca, pck_cn, p->pck.public, -1, p);
	write_certificate(&chain, root_cn, &p->root, ca_cn, p->ca.public, 0, NULL);
	write_certificate(&chain, root_cn, &p->root, root_cn, p->root.public, 1, NULL);
	hash_words(p->ppid, sizeof p->ppid, "QE authentication data", auth);
	qe_report(p, auth, &qe);
	om_put_init(&put, buffer, buffer_size);
	put_signed_part(&put, p, version, kind, body, td);
	if (om_put_end(&put))
		return OM_EOVERFLOW;
	if (sign(&p->attestation, buffer, om_put_size(&put), signature) || sign(&p->pck, &qe, sizeof qe, qe_signature))
		return OM_EINTERNAL;
	size = sizeof qe + 64 + 2 + sizeof auth + 2 + 4 + chain.size;
	om_put_u32(&put, (uint32_t)(64 + 64 + (version > 3 ? OM_QUOTE_WRAPPER : 0) + size));
	om_put_bytes(&put, signature, sizeof signature);
	om_put_bytes(&put, p->attestation.public, 64);
	if (version > 3) {
		om_put_u16(&put, 6);
		om_put_u32(&put, (uint32_t)size);
	}
	om_put_bytes(&put, &qe, sizeof qe);
	om_put_bytes(&put, qe_signature, sizeof qe_signature);
	om_put_u16(&put, sizeof auth);
	om_put_bytes(&put, auth, sizeof auth);
	om_put_u16(&put, 5);
	om_put_u32(&put, (uint32_t)chain.size);
	om_put_bytes(&put, chain.data, chain.size);
	if (om_put_end(&put) || chain.overflow)
		return OM_EOVERFLOW;
	*ret_size = om_put_size(&put);
	return 0;
}

int om_platform_quote(const struct om_platform *p, const struct sgx_report_body *body,
	uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	return om_platform_quote_as(p, 3, OM_BODY_SGX, body, NULL, buffer, buffer_size, ret_size);
}

struct text { char bytes[JSON_MAX]; size_t size; };

__attribute__((format(printf, 2, 3)))
static void print(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->bytes + t->size, sizeof t->bytes - t->size, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof t->bytes - t->size)
		t->size += (size_t)n;
}

static void print_hex(struct text *t, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		print(t, "%02X", bytes[i]);
}

static void print_times(struct text *t, int64_t now)
{
	const time_t from = (time_t)(now - DAY), to = (time_t)(now + 30 * DAY);
	char a[40] = "", b[40] = "";
	struct tm tm;

	if (gmtime_r(&from, &tm))
		(void)strftime(a, sizeof a, "%Y-%m-%dT%H:%M:%SZ", &tm); /* 20 characters */
	if (gmtime_r(&to, &tm))
		(void)strftime(b, sizeof b, "%Y-%m-%dT%H:%M:%SZ", &tm);
	print(t, "\"issueDate\":\"%s\",\"nextUpdate\":\"%s\",", a, b);
}

static void print_components(struct text *t, const char *name, const uint8_t svn[16])
{
	print(t, "\"%s\":[", name);
	for (int i = 0; i < 16; i++)
		print(t, "%s{\"svn\":%u}", i ? "," : "", svn[i]);
	print(t, "],");
}

/* The module, whose version and SVN its first components are. */
static void print_module(struct text *t, const struct om_platform *p)
{
	static const char fields[] = "\"mrsigner\":\"000000000000000000000000000000000000000000000000"
		"000000000000000000000000000000000000000000000000\",\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\"";

	print(t, "\"tdxModule\":{%s},\"tdxModuleIdentities\":[{\"id\":\"TDX_%02X\",%s,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":%u},"
		"\"tcbDate\":\"2024-01-01T00:00:00Z\",\"tcbStatus\":\"%s\"}]}],", fields, p->td_svn[1], fields, p->td_svn[0],
		om_tcb_status_words(p->module_status));
}

static void tcb_info(const struct om_platform *p, int64_t now, struct text *t)
{
	t->size = 0;
	print(t, "{\"id\":\"%s\",\"version\":3,", p->tdx ? "TDX" : "SGX");
	print_times(t, now);
	print(t, "\"fmspc\":\"");
	print_hex(t, p->tcb.fmspc, sizeof p->tcb.fmspc);
	print(t, "\",\"pceId\":\"");
	print_hex(t, p->tcb.pce_id, sizeof p->tcb.pce_id);
	print(t, "\",\"tcbType\":0,\"tcbEvaluationDataNumber\":1,");
	if (p->tdx)
		print_module(t, p);
	print(t, "\"tcbLevels\":[{\"tcb\":{");
	print_components(t, "sgxtcbcomponents", p->tcb.svn);
	if (p->tdx)
		print_components(t, "tdxtcbcomponents", p->td_svn);
	print(t, "\"pcesvn\":%u},\"tcbDate\":\"2024-01-01T00:00:00Z\",\"tcbStatus\":\"%s\"}]}", p->tcb.pce_svn,
		om_tcb_status_words(p->status));
}

static void qe_identity(const struct om_platform *p, int64_t now, struct text *t)
{
	t->size = 0;
	print(t, "{\"id\":\"%s\",\"version\":2,", p->tdx ? "TD_QE" : "QE");
	print_times(t, now);
	print(t, "\"tcbEvaluationDataNumber\":1,\"miscselect\":\"00000000\",\"miscselectMask\":\"FFFFFFFF\","
		"\"attributes\":\"%02X000000000000000000000000000000\",\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\","
		"\"mrsigner\":\"", QE_ATTRIBUTES & 0xfb);
	print_hex(t, p->qe_mrsigner, sizeof p->qe_mrsigner);
	print(t, "\",\"isvprodid\":%u,\"tcbLevels\":[{\"tcb\":{\"isvsvn\":%u},\"tcbDate\":\"2024-01-01T00:00:00Z\","
		"\"tcbStatus\":\"%s\"}]}", QE_PROD_ID(p), p->qe_svn, om_tcb_status_words(p->qe_status));
}

static void replace(struct text *t, const char *by)
{
	if (!by)
		return;
	t->size = 0;
	print(t, "%s", by);
}

int om_platform_collateral(const struct om_platform *p, int64_t now, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	uint8_t root_crl_bytes[CERT_MAX], pck_crl_bytes[CERT_MAX], chain_bytes[CHAIN_MAX], tcb_signature[64], qe_signature[64];
	struct om_der_out root_crl = { root_crl_bytes, 0, sizeof root_crl_bytes, false };
	struct om_der_out pck_crl = { pck_crl_bytes, 0, sizeof pck_crl_bytes, false };
	struct om_der_out chain = { chain_bytes, 0, sizeof chain_bytes, false };
	const uint8_t *revoked[2];
	const uint8_t *const pck = p->pck.public;
	unsigned revoked_count = 0;
	struct text tcb, qe;

	if (p->revoke_ca)
		revoked[revoked_count++] = p->ca.public;
	if (p->revoke_signer)
		revoked[revoked_count++] = p->signer.public;
	write_crl(&root_crl, root_cn, &p->root, now, revoked, revoked_count);
	write_crl(&pck_crl, ca_cn, &p->ca, now, &pck, p->revoke_pck);
	write_certificate(&chain, root_cn, &p->root, signer_cn, p->signer.public, -1, NULL);
	write_certificate(&chain, root_cn, &p->root, root_cn, p->root.public, 1, NULL);
	tcb_info(p, now, &tcb);
	qe_identity(p, now, &qe);
	replace(&tcb, p->tcb_info);
	replace(&qe, p->qe_identity);
	if (sign(&p->signer, tcb.bytes, tcb.size, tcb_signature) || sign(&p->signer, qe.bytes, qe.size, qe_signature))
		return OM_EINTERNAL;
	if (root_crl.overflow || pck_crl.overflow || chain.overflow)
		return OM_EOVERFLOW;
	const struct om_collateral c = {
		.root_crl = { root_crl.data, root_crl.size },
		.pck_crl = { pck_crl.data, pck_crl.size },
		.tcb_chain = { chain.data, chain.size },
		.tcb_info = { (const uint8_t *)tcb.bytes, tcb.size },
		.tcb_signature = OM_VIEW(tcb_signature),
		.qe_chain = { chain.data, chain.size },
		.qe_identity = { (const uint8_t *)qe.bytes, qe.size },
		.qe_signature = OM_VIEW(qe_signature),
	};
	return om_collateral_encode(&c, buffer, buffer_size, ret_size);
}
