/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence of an enclave of the software CPU in a confidential guest. The CPU checks what the enclave reported, as a quoting enclave would. Then the
 * guest's evidence is asked for, over a hash of the report (core/evidence/parse/envelope.h).
 *
 *   enclave ──EREPORT for `target`──▶ report ──report_ok()──▶ SHA-512(label, type, body) ──source──▶ SNP report or TD quote
 *
 * The whole guest is trusted: its kernel, whoever is root in it, and this process. The guest's measurement is about these.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/sha256.h"
#include "evidence/parse/quote.h"
#include "evidence/parse/snp.h"
#include "evidence/parse/x509.h"
#include "../../tables.h"
#include "identity.h"
#include "source.h"

struct tee_guest {
	struct guest_source *source;
	enum guest_identity_life life;
	struct om_snp_report report;           /* SNP: as it was when the platform was opened */
	pthread_mutex_t lock;                  /* of what follows, and of the source */
	uint8_t bytes[GUEST_REPORT_MAX];
	uint8_t table[GUEST_TABLE_MAX];        /* that came with the last evidence */
	size_t table_size;
};

static_assert(GUEST_REPORT_MAX + OM_ENVELOPE_HEAD + SGX_REPORT_BODY_SIZE <= OM_EVIDENCE_MAX, "an envelope takes it");

/* Nobody: no enclave can have it for its MRENCLAVE, so that this report key is ours alone. */
static int guest_target(struct tee_platform *platform, struct sgx_targetinfo *ret_target)
{
	static const char label[] = "optmig guest evidence";

	(void)platform;
	memset(ret_target, 0, sizeof *ret_target);
	om_sha256(label, sizeof label, ret_target->measurement);
	ret_target->attributes.flags = SGX_ATTR_INIT | SGX_ATTR_MODE64BIT;
	ret_target->attributes.xfrm = SGX_XFRM_LEGACY;
	return 0;
}

/* Whether it can be read here, and is about the data that were asked about. Of a healthy kernel it is; better found here than by the peer. */
static int check(const struct guest_source *source, const uint8_t *bytes, size_t size, const uint8_t data[GUEST_DATA_SIZE])
{
	struct om_snp_report report;
	struct om_quote quote;
	const uint8_t *about;
	int error;

	if (source->maker == GUEST_SNP) {
		error = om_snp_report_parse((struct om_view) { bytes, size }, &report);
		about = report.report_data;
	} else {
		error = om_quote_parse(bytes, size, &quote);
		about = quote.td.reportdata;
		if (!error && quote.tee != OM_TEE_TDX)
			error = OM_ETYPE;
	}
	if (error == OM_EVERSION || error == OM_EUNSUPPORTED)
		return tee_fail(OM_EQUOTE, "%s: evidence of a version or kind that is not known here: a newer OptMig may know it", source->name);
	if (error)
		return tee_fail(OM_EQUOTE, "%s: evidence that cannot be read", source->name);
	return memcmp(about, data, GUEST_DATA_SIZE) ? tee_fail(OM_EQUOTE, "%s: evidence over other data than what was asked for", source->name) : 0;
}

/* Into g->bytes. Context: the lock is held. */
static int ask(struct tee_guest *g, const uint8_t data[GUEST_DATA_SIZE], size_t *ret_size)
{
	const int r = g->source->report(g->source, data, g->bytes, sizeof g->bytes, ret_size, g->table, sizeof g->table, &g->table_size);

	if (r < 0) {
		g->table_size = 0;
		return r;
	}
	return check(g->source, g->bytes, *ret_size, data);
}

static int give(struct tee_guest *g, const uint8_t data[GUEST_DATA_SIZE], uint8_t *buffer, size_t size, size_t *ret_size)
{
	int r;

	pthread_mutex_lock(&g->lock);
	r = ask(g, data, ret_size);
	if (r == 0 && *ret_size > size)
		r = tee_fail(OM_ENOMEM, "evidence of %zu bytes", *ret_size);
	if (r == 0)
		memcpy(buffer, g->bytes, *ret_size);
	pthread_mutex_unlock(&g->lock);
	return r;
}

static int guest_evidence(struct tee_platform *platform, const struct sgx_report *report, uint8_t *buffer, size_t size, size_t *ret_size)
{
	uint8_t data[OM_EVIDENCE_DATA_SIZE];
	struct sgx_targetinfo target;

	*ret_size = GUEST_REPORT_MAX;
	(void)guest_target(platform, &target);   /* cannot fail */
	if (!platform->cpu->report_ok(platform, &target, report))
		return tee_fail(OM_EAUTH, "the report is not from this platform, or not made for its evidence");
	om_envelope_report_data(platform->evidence->type, (const uint8_t *)&report->body, data);
	/* Before anybody is asked: a request is not repeated for a buffer's sake. */
	if (size < (platform->guest->source->maker == GUEST_SNP ? OM_SNP_REPORT_SIZE : GUEST_REPORT_MAX))
		return tee_fail(OM_ENOMEM, "evidence takes up to %d bytes", GUEST_REPORT_MAX);
	return give(platform->guest, data, buffer, size, ret_size);
}

/* The chip as the report names it: a VLEK is no chip's. */
static int snp_id(struct tee_platform *platform, uint8_t ret_id[TEE_ID_SIZE])
{
	static const uint8_t zero[OM_SNP_HWID_MAX];
	const struct om_snp_report *r = &platform->guest->report;

	static_assert(sizeof zero == TEE_ID_SIZE, "a chip's id");
	if (!memcmp(r->chip_id, zero, sizeof zero))
		return tee_fail(OM_EUNSUPPORTED, r->key == OM_SNP_VLEK ? "the provider's key (VLEK) is not one chip's, and the report names none" :
			"this machine masks the id of its chip: only its administrator can change that");
	memcpy(ret_id, r->chip_id, TEE_ID_SIZE);
	return 0;
}

/* Of the certificate in a quote, which costs one. */
static int tdx_id(struct tee_platform *platform, uint8_t ret_id[TEE_ID_SIZE])
{
	static const uint8_t zero[TEE_ID_SIZE];
	uint8_t bytes[OM_X509_MAX];
	struct tee_guest *g = platform->guest;
	struct om_x509 x;
	struct om_quote quote;
	struct om_view der;
	struct om_pck pck;
	size_t size;
	int r;

	pthread_mutex_lock(&g->lock);
	r = ask(g, zero, &size);
	if (r == 0 && (om_quote_parse(g->bytes, size, &quote) || om_pem_next(&quote.chain, bytes, sizeof bytes, &der) || om_x509_parse(der, &x) ||
	    om_pck_parse(x.sgx, &pck)))
		r = tee_fail(OM_EQUOTE, "the certificate in the quote cannot be read");
	pthread_mutex_unlock(&g->lock);
	if (r < 0)
		return r;
	if (!memcmp(pck.instance, zero, sizeof pck.instance))
		return tee_fail(OM_EUNSUPPORTED, "the certificate of this machine names no platform instance");
	memset(ret_id, 0, TEE_ID_SIZE);
	memcpy(ret_id, pck.instance, sizeof pck.instance);
	return 0;
}

/* What the makers publish is fetched, kept and found elsewhere; what came with the evidence is in tee_evidence_table(). */
static int guest_collateral(struct tee_platform *platform, const uint8_t *evidence, size_t evidence_size, int64_t now, uint8_t *buffer, size_t buffer_size,
	size_t *ret_size)
{
	(void)platform, (void)evidence, (void)evidence_size, (void)now, (void)buffer, (void)buffer_size, (void)ret_size;
	return tee_fail(OM_EUNSUPPORTED, "the makers' collateral is not the platform's own to make");
}

const struct tee_evidence tee_snp = {
	.type = OM_EVIDENCE_SNP, .target = guest_target, .evidence = guest_evidence, .collateral = guest_collateral, .id = snp_id,
};
const struct tee_evidence tee_tdx = {
	.type = OM_EVIDENCE_TDX, .target = guest_target, .evidence = guest_evidence, .collateral = guest_collateral, .id = tdx_id,
};

/* ---- the platform ------------------------------------------------------------------------------------------ */

void tee_guest_free(struct tee_guest *g)
{
	if (!g)
		return;
	guest_source_close(g->source);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static const char *const kinds[2][2] = { { "SNP guest", "emulated SNP guest" }, { "TDX guest", "emulated TDX guest" } };

static void describe(struct tee_platform *p, const struct tee_guest *g)
{
	static const char *const lives[] = { [GUEST_IDENTITY_PROCESS] = "of this process only", [GUEST_IDENTITY_BOOT] = "random, until this guest is restarted",
		[GUEST_IDENTITY_CHIP] = "derived for this guest on this chip" };
	const bool snp = g->source->maker == GUEST_SNP, debug = snp && g->report.policy & OM_SNP_POLICY_DEBUG;

	p->caps.name = kinds[!snp][g->source->emulated];
	p->caps.protects = !g->source->emulated && !debug;
	p->caps.lasting = g->life == GUEST_IDENTITY_CHIP;
	snprintf(p->description, sizeof p->description, "SGX2 in software inside this %s%s, evidence by %s, keys %s", p->caps.name,
		debug ? ", which its host can debug" : "", g->source->name, lives[g->life]);
}

int tee_guest_adopt(struct tee_platform *p, struct guest_source *source)
{
	static const uint8_t data[GUEST_DATA_SIZE];
	struct tee_guest *g = calloc(1, sizeof *g);
	size_t size;
	int r;

	if (!g) {
		guest_source_close(source);
		return tee_fail(OM_ENOMEM, "no memory");
	}
	p->guest = g;
	pthread_mutex_init(&g->lock, NULL);
	g->source = source;
	p->evidence = source->maker == GUEST_SNP ? &tee_snp : &tee_tdx;
	/* One that has no evidence to give is found now, not when the program shall move. A quote would take seconds. */
	r = source->maker == GUEST_SNP ? ask(g, data, &size) : 0;
	if (r == 0 && source->maker == GUEST_SNP)
		r = om_snp_report_parse((struct om_view) { g->bytes, size }, &g->report);
	if (r == 0)
		r = guest_identity(source, p->identity, &g->life);
	if (r == 0)
		describe(p, g);
	return r;
}

int tee_guest_look(struct tee_platform *platform, struct tee_guest_facts *ret_facts, uint8_t *buffer, size_t size, size_t *ret_size)
{
	static const uint8_t data[GUEST_DATA_SIZE];
	struct tee_guest *g = platform->guest;
	int r;

	if (!g)
		return tee_fail(OM_EUNSUPPORTED, "%s", *platform->no_guest ? platform->no_guest : "not looked for");
	r = give(g, data, buffer, size, ret_size);
	if (r < 0)
		return r;
	*ret_facts = (struct tee_guest_facts) { .source = g->source->name, .emulated = g->source->emulated, .lasting = g->life == GUEST_IDENTITY_CHIP,
		.shared = g->life != GUEST_IDENTITY_PROCESS };
	return (int)platform->evidence->type;
}

bool tee_guest_emulated(const struct tee_platform *platform)
{
	return platform->guest && platform->guest->source->emulated;
}

int tee_evidence_table(struct tee_platform *platform, uint8_t *buffer, size_t size, size_t *ret_size)
{
	struct tee_guest *g = platform->guest;
	int r = 0;

	*ret_size = 0;
	if (!g)
		return 0;
	pthread_mutex_lock(&g->lock);
	if (g->table_size > size)
		r = tee_fail(OM_ENOMEM, "a table of %zu bytes", g->table_size);
	else
		memcpy(buffer, g->table, g->table_size);
	*ret_size = g->table_size;
	pthread_mutex_unlock(&g->lock);
	return r;
}
