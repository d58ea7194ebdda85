/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     the evidence is under the demonstration root, which proves nothing; the policy accepts Intel's root (sgx): ...
 *                           `-- of the evidence                            `-- of the policy                    `-- the option
 *
 * Only the words know of names; what is accepted was decided before.
 */
#include <string.h>
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "evidence/accept/refusal.h"
#include "evidence/parse/x509.h"

#define SHOWN_MAX 2     /* roots of the policy; the others are counted */
#define SHORT     4     /* bytes of a root that is only to be recognised */

struct words { char *at; size_t left; };

static void add(struct words *w, const char *text)
{
	while (*text && w->left > 1) {
		*w->at++ = *text++;
		w->left--;
	}
}

static void add_hex(struct words *w, const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++)
		add(w, (const char[3]){ digits[bytes[i] >> 4], digits[bytes[i] & 15], 0 });
}

static const char *platform_name(unsigned type)
{
	switch (type) {
	case OM_EVIDENCE_SGX: return "sgx";
	case OM_EVIDENCE_SNP: return "snp";
	case OM_EVIDENCE_TDX: return "tdx";
	default:              return "demo";
	}
}

static const char *maker_name(unsigned type)
{
	return type == OM_EVIDENCE_SNP ? "AMD's root" : "Intel's root";
}

/* The last certificate of a chain. Return: false if there is none. */
static bool last_key(struct om_view pem, uint8_t ret_hash[OM_ROOT_HASH_SIZE])
{
	uint8_t bytes[OM_X509_MAX];
	struct om_view der;
	struct om_x509 cert;
	bool found = false;

	for (unsigned i = 0; i < OM_X509_CHAIN_MAX && om_pem_next(&pem, bytes, sizeof bytes, &der) == 0; i++) {
		found = om_x509_parse(der, &cert) == 0;
		if (found)
			om_sha256(cert.spki.data, cert.spki.size, ret_hash);
	}
	return found;
}

/* A guest's of AMD has its chain beside it, so that its root is not known here. */
static enum om_root_kind root_of(const struct om_envelope *e, uint8_t ret_hash[OM_ROOT_HASH_SIZE], bool *ret_known)
{
	struct om_quote quote;

	*ret_known = e->type != OM_EVIDENCE_SNP && om_quote_parse(e->platform.data, e->platform.size, &quote) == 0 &&
		last_key(quote.chain, ret_hash);
	if (*ret_known ? om_equal(ret_hash, om_emulated_root, OM_ROOT_HASH_SIZE) : e->type == OM_EVIDENCE_DEMO)
		return OM_ROOT_DEMO;
	return *ret_known && om_equal(ret_hash, om_intel_root, OM_ROOT_HASH_SIZE) ? OM_ROOT_MAKER : OM_ROOT_OTHER;
}

/* What the policy accepts. */
static void add_accepted(struct words *w, const struct om_policy *p, const struct sgx_report_body *own)
{
	unsigned count = 0;

	for (unsigned type = OM_EVIDENCE_SGX; type <= OM_EVIDENCE_DEMO; type++) {
		const bool counts = type == OM_EVIDENCE_DEMO ? om_policy_accepts(p, own, type) : p->makers & OM_PLATFORM_BIT(type);

		if (!counts || count++ >= SHOWN_MAX)
			continue;
		add(w, count > 1 ? ", " : "");
		if (type == OM_EVIDENCE_DEMO) {
			add(w, "the demonstration root");
			continue;
		}
		add(w, maker_name(type));
		add(w, " (");
		add(w, platform_name(type));
		add(w, ")");
	}
	for (unsigned i = 0; i < p->root_count; i++) {
		if (count++ >= SHOWN_MAX)
			continue;
		add(w, count > 1 ? ", " : "");
		add(w, platform_name(p->root[i].type));
		add(w, ":");
		add_hex(w, p->root[i].hash, SHORT);
		add(w, "...");
	}
	if (count > SHOWN_MAX)
		add(w, ", ...");
}

/* Of the evidence: a name, or the hash that a policy would list. */
static void add_root(struct words *w, const struct om_envelope *e, enum om_root_kind kind, const uint8_t *hash, bool known)
{
	const bool named = kind != OM_ROOT_OTHER || !known;

	if (kind == OM_ROOT_DEMO) {
		/* Only a liar calls the emulated platform sgx. */
		add(w, e->type == OM_EVIDENCE_SGX ? "the demonstration root and says sgx" : "the demonstration root");
		return;
	}
	if (named)
		add(w, kind == OM_ROOT_MAKER ? maker_name(e->type) : "another root");
	add(w, named ? " (" : "");
	add(w, platform_name(e->type));
	add(w, named ? ")" : ":");
	if (!named)
		add_hex(w, hash, OM_ROOT_HASH_SIZE);
}

static void add_cure(struct words *w, const struct om_envelope *e, enum om_root_kind kind, enum om_attest_reason reason)
{
	if (kind == OM_ROOT_DEMO && e->type != OM_EVIDENCE_SGX)
		add(w, "; for tests: optmig-cc -Xoptmig debug=1, or platform = demo in the policy");
	else if (kind != OM_ROOT_DEMO && e->type != OM_EVIDENCE_DEMO)
		add(w, reason == OM_WHY_PLATFORM || kind == OM_ROOT_MAKER ? "; \"platform =\" in the policy" : "; \"root =\" in the policy");
}

static void add_roots(struct words *w, const struct om_policy *p, const struct sgx_report_body *own, const struct om_envelope *e,
	enum om_attest_reason reason)
{
	uint8_t hash[OM_ROOT_HASH_SIZE];
	bool known;
	const enum om_root_kind kind = root_of(e, hash, &known);

	add(w, "the evidence is under ");
	add_root(w, e, kind, hash, known);
	add(w, ", the policy accepts ");
	add_accepted(w, p, own);
	add_cure(w, e, kind, reason);
}

void om_refusal_words(const uint8_t *policy, size_t policy_size, const struct sgx_report_body *own, struct om_view evidence,
	enum om_attest_reason reason, char ret[OM_REFUSAL_MAX])
{
	struct words w = { ret, OM_REFUSAL_MAX };
	struct om_envelope e;
	struct om_policy p;

	memset(ret, 0, OM_REFUSAL_MAX);
	if ((reason == OM_WHY_PLATFORM || reason == OM_WHY_ROOT) && !om_policy_decode(policy, policy_size, &p) &&
	    !om_envelope_parse(evidence, &e))
		add_roots(&w, &p, own, &e, reason);
	else
		add(&w, om_attest_reason_words(reason));
}
