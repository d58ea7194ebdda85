/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seeds DIRECTORY: writes a seed corpus for each fuzz target of core/ to DIRECTORY/TARGET/, from what the emulated
 * platform issues. Deterministic.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "crypto/ec.h"
#include "evidence/accept/policy_text.h"
#include "evidence/accept/ticket_text.h"
#include "evidence/authentic/lineage.h"
#include "evidence/parse/tagged.h"
#include "unlock/unlock.h"
#include "sealfile.h"
#include "launch.h"
#include "evidence/demo/quote_build.h"
#include "evidence/demo/snp_build.h"

static const char *directory;

static void seed(const char *target, const char *name, struct om_view content)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", directory, target);
	(void)mkdir(path, 0777); /* may be there already; fopen tells */
	snprintf(path, sizeof path, "%s/%s/%s", directory, target, name);
	f = fopen(path, "wb");
	if (!f || fwrite(content.data, 1, content.size, f) != content.size || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static void chain(const char *prefix, struct om_view pem)
{
	uint8_t buffer[OM_X509_MAX];
	struct om_view der;
	char name[64];

	seed("x509", prefix, pem);
	for (int i = 0; !om_pem_next(&pem, buffer, sizeof buffer, &der); i++) {
		struct om_x509 c;

		snprintf(name, sizeof name, "%s-%d", prefix, i);
		seed("x509", name, der);
		if (!om_x509_parse(der, &c) && c.sgx.size)
			seed("x509", "sgx-extension", c.sgx);
	}
}

/* A report, its certificates and the list of a pretended machine; and all of it as one. */
static void snp(const char *prefix, enum om_snp_product product, enum om_snp_key key, uint32_t version)
{
	static uint8_t all[OM_SNP_REPORT_SIZE + OM_SNP_CHAIN_MAX], crl[OM_X509_MAX];
	const uint8_t id[32] = { 1 };
	struct om_snp_machine m;
	struct om_snp_report fields;
	struct om_x509 c;
	struct om_der d;
	size_t size, crl_size;
	char name[64];

	om_snp_machine_init(&m, id, product, key);
	m.trailer = version & 1;
	om_snp_machine_fields(&m, version, &fields);
	om_snp_machine_report(&m, &fields, all);
	if (om_snp_machine_chain(&m, all + OM_SNP_REPORT_SIZE, OM_SNP_CHAIN_MAX, &size) ||
	    om_snp_machine_crl(&m, 1767225600, crl, sizeof crl, &crl_size))
		exit(1);
	snprintf(name, sizeof name, "%s-report", prefix);
	seed("snp", name, (struct om_view) { all, OM_SNP_REPORT_SIZE });
	snprintf(name, sizeof name, "%s-evidence", prefix);
	seed("snp", name, (struct om_view) { all, OM_SNP_REPORT_SIZE + size });
	snprintf(name, sizeof name, "%s-crl", prefix);
	seed("snp", name, (struct om_view) { crl, crl_size });
	om_der_init(&d, (struct om_view) { all + OM_SNP_REPORT_SIZE, size });
	for (int i = 0; om_der_peek(&d); i++) {
		const struct om_view der = om_der_element(&d, OM_DER_SEQUENCE);

		snprintf(name, sizeof name, "%s-certificate-%d", prefix, i);
		seed("snp", name, der);
		snprintf(name, sizeof name, "%s-extensions-%d", prefix, i);
		if (!om_x509_parse_amd(der, &c))
			seed("snp", name, c.extensions);
	}
}

/* Trust domains: each version and body with something behind it, and their collateral. */
static void trust_domains(void)
{
	static const struct { const char *name; uint16_t version; enum om_quote_body kind; } quotes[] = {
		{ "v4-sgx", 4, OM_BODY_SGX }, { "v4-td", 4, OM_BODY_TD10 }, { "v5-sgx", 5, OM_BODY_SGX }, { "v5-td10", 5, OM_BODY_TD10 },
		{ "v5-td15", 5, OM_BODY_TD15 },
	};
	static uint8_t buffer[OM_COLLATERAL_MAX], text[OM_COLLATERAL_MAX];
	const uint8_t id[32] = { 2 };
	const struct sgx_report_body body = { .isvsvn = 1 };
	struct om_td_body td = { .tee_tcb_svn = { 5, 1, 3 }, .tee_tcb_svn_2 = { 6, 1, 3 } };
	struct om_platform platform;
	struct om_collateral c;
	size_t size;
	int n;

	om_platform_init(&platform, id, NULL);
	platform.tdx = true;
	for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
		if (om_platform_quote_as(&platform, quotes[i].version, quotes[i].kind, &body, &td, buffer, OM_QUOTE_MAX, &size))
			exit(1);
		memset(buffer + size, 0, 70);
		seed("quote", quotes[i].name, (struct om_view) { buffer, size + 70 });
	}
	/* the fuzz target's TD is of SVN 4 */
	platform.td_svn[0] = 4;
	platform.td_svn[2] = 2;
	for (int i = 0; i < 2; i++) {
		platform.module_status = i ? OM_TCB_OUT_OF_DATE : OM_TCB_UP_TO_DATE;
		if (om_platform_collateral(&platform, 1767225600, buffer, sizeof buffer, &size) || om_collateral_decode(buffer, size, &c))
			exit(1);
		seed("collateral_json", i ? "tdx-tcb-info-old" : "tdx-tcb-info", c.tcb_info);
	}
	seed("collateral_json", "td-qe-identity", c.qe_identity);
	seed("quote", "pck-crl", c.pck_crl);
	seed("quote", "chain", c.tcb_chain);
	n = snprintf((char *)text, sizeof text, "{\"tcbInfo\":%.*s,\"signature\":\"%0128d\"}", (int)c.tcb_info.size,
		(const char *)c.tcb_info.data, 0);
	seed("quote", "document", (struct om_view) { text, (size_t)n });
}

static int envelopes(struct om_view quote)
{
	static const uint8_t report[1184] = { 2 }, body[SGX_REPORT_BODY_SIZE] = { 1 };
	uint8_t bytes[OM_EVIDENCE_MAX];
	size_t size;

	if (om_envelope_encode(OM_EVIDENCE_DEMO, quote, (struct om_view) { 0 }, bytes, sizeof bytes, &size))
		return 1;
	seed("quote", "envelope-demo", (struct om_view) { bytes, size });
	if (om_envelope_encode(OM_EVIDENCE_SNP, OM_VIEW(report), OM_VIEW(body), bytes, sizeof bytes, &size))
		return 1;
	seed("quote", "envelope-snp", (struct om_view) { bytes, size });
	return 0;
}

#define MEASUREMENT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
static const char *const texts[] = {
	"# policy\nmrenclave = same\nroot = intel\ntcb = UpToDate\ndebug = no\n",
	"platform = snp\nroot = amd\nsnp-key = vcek\nsnp-key = vlek\nguest = snp:" MEASUREMENT ",kernel,vmpl=1,migratable\n"
		"min-tcb = snp:genoa bootloader=9 tee=0 snp=23 microcode=72\nmin-tcb = snp:turin fmc=1 bootloader=9 tee=0 snp=23 microcode=72\n",
	"platform = tdx\nplatform = sgx\nguest = tdx:" MEASUREMENT "/" MEASUREMENT "/" MEASUREMENT "/" MEASUREMENT "\nmin-tcb = tdx:2024-03-13\n"
		"min-tcb = sgx:2024-03-13T00:00:00Z\nmin-tcb-evaluation = 17\nnot-before = 2026-01-01\n",
	"platform = snp\nguest = snp:id-key=" MEASUREMENT ",kernel,svn=3\nguest = snp:" MEASUREMENT ",author-key=" MEASUREMENT ",vmpl=1,migratable,"
		"family=00112233445566778899aabbccddeeff,image=00112233445566778899aabbccddeeff\nmin-tcb = snp:genoa bootloader=9 tee=0 snp=23 microcode=72\n",
	("mrenclave = 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
		"signer = 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\nmin-svn = 2\nplatform = demo\n"),
};

/* Texts, and the bytes that they stand for; a policy with keys, and a list that one of them has signed. */
static int policies(void)
{
	static uint8_t bytes[OM_POLICY_BYTES_MAX + OM_GUEST_LIST_MAX];
	const uint8_t secret[32] = { 3 };
	struct om_guest_list list = { .version = 3, .curve = OM_CURVE_P256 };
	struct om_policy_error error;
	struct om_policy p = { 0 };
	uint8_t private[32], hash[48];
	char name[32];
	size_t size;

	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		const struct om_view text = { (const uint8_t *)texts[i], strlen(texts[i]) };

		if (om_policy_from_text(text, 0, &p, &error) || om_policy_encode(&p, bytes, sizeof bytes, &size))
			return 1;
		snprintf(name, sizeof name, "text-%u", i);
		seed("policy", name, text);
		snprintf(name, sizeof name, "bytes-%u", i);
		seed("policy", name, (struct om_view) { bytes, size });
		if (i == 1) {
			list.guests = p.guests;
			list.floors = p.floors;
			p.guest_signer_count = 1;
			p.guest_signer[0].curve = OM_CURVE_P256;
			om_p256_derive(secret, private, p.guest_signer[0].key);
			p.flags |= OM_POLICY_OWNER;
			memcpy(p.owner, p.guest_signer[0].key, sizeof p.owner);
			if (om_policy_encode(&p, bytes, sizeof bytes, &size))
				return 1;
			seed("policy", "keys", (struct om_view) { bytes, size });
		}
	}
	if (om_guest_list_encode(&list, bytes, sizeof bytes, &size, hash) || om_p256_sign(private, hash, bytes + size))
		return 1;
	seed("policy", "list", (struct om_view) { bytes, size + OM_P256_SIGNATURE });
	return 0;
}

/* Claims of all kinds, and a frame around them. */
static int tagged(void)
{
	const uint8_t secret[OM_LINEAGE_KEY] = { 5 };
	uint8_t claims[OM_CLAIMS_MAX], bytes[OM_CLAIMS_MAX + 64], hash[32] = { 4 }, private[OM_P256_SIZE];
	struct om_claims c = { .algorithm = OM_HASH_SHA256, .pubkey_hash = { hash, sizeof hash } };
	size_t claims_size, size;

	if (om_claims_encode(&c, claims, sizeof claims, &size))
		return 1;
	seed("tagged", "claims", (struct om_view) { claims, size });
	c.nonce = (struct om_view) { hash, 16 };
	c.has_instance = true;
	c.instance = (struct om_instance) { .id = { 1 }, .next_move = 2, .guests_floor = 3, .made = 1767225600 };
	if (om_claims_encode(&c, claims, sizeof claims, &claims_size) ||
	    om_tagged_encode((struct om_view) { hash, sizeof hash }, (struct om_view) { claims, claims_size }, bytes, sizeof bytes, &size))
		return 1;
	seed("tagged", "fresh", (struct om_view) { claims, claims_size });
	seed("tagged", "evidence", (struct om_view) { bytes, size });
	c.has_lineage = true;
	if (om_lineage_pair(secret, private, c.lineage.public))
		return 1;
	om_lineage_name(c.lineage.public, c.instance.lineage);
	om_lineage_hash(&c, hash);
	if (om_p256_sign(private, hash, c.lineage.signature) || om_claims_encode(&c, claims, sizeof claims, &claims_size))
		return 1;
	seed("tagged", "lineage", (struct om_view) { claims, claims_size });
	return 0;
}

/* A place, a delegation, and a ticket by it. */
static int tickets(void)
{
	static uint8_t given[OM_DELEGATION_MAX], bytes[OM_TICKET_MAX];
	static const char place[] = "snp:any,guest=" MEASUREMENT;
	const uint8_t secret[32] = { 3 };
	struct om_delegation d = { .flags = OM_DELEGATION_ANY_INSTANCE, .first_move = 1, .last_move = 9, .program = { 1 }, .place_count = 1 };
	struct om_ticket t = { .move = 2, .mrenclave = { 1 }, .instance = { 2 }, .not_after = 1767225600, .place_count = 2 };
	uint8_t private[32], hash[32];
	size_t size;

	om_p256_derive(secret, private, d.key);
	if (om_place_from_text(place, &d.place[0]) || om_place_from_text(place, &t.place[0]) ||
	    om_place_from_text("sgx:00112233445566778899aabbccddeeff", &t.place[1]))
		return 1;
	seed("ticket", "place", (struct om_view) { (const uint8_t *)place, sizeof place - 1 });
	if (om_ticket_encode(&t, (struct om_view) { 0 }, bytes, sizeof bytes, &size, hash) || om_p256_sign(private, hash, bytes + size))
		return 1;
	seed("ticket", "ticket", (struct om_view) { bytes, size + OM_TICKET_SIGNATURE });
	if (om_delegation_encode(&d, given, sizeof given, &size, hash) || om_p256_sign(private, hash, given + size))
		return 1;
	seed("ticket", "delegation", (struct om_view) { given, size += OM_TICKET_SIGNATURE });
	if (om_ticket_encode(&t, (struct om_view) { given, size }, bytes, sizeof bytes, &size, hash) || om_p256_sign(private, hash, bytes + size))
		return 1;
	seed("ticket", "delegated", (struct om_view) { bytes, size + OM_TICKET_SIGNATURE });
	return 0;
}

/* A statement, items, and a signed grant. */
static int unlocks(void)
{
	struct om_unlock_statement s = { .flags = OM_UNLOCK_WAITS, .key = { 5 }, .count = 1, .name[0] = { 5, "token" } };
	const struct om_unlock_item items[] = { { OM_UNLOCK_RESTART, { 0 }, { s.seal, sizeof s.seal } },
		{ OM_UNLOCK_SECRET, { (const uint8_t *)"token", 5 }, { (const uint8_t *)"secret", 6 } } };
	const uint8_t secret[32] = { 3 }, hash[32] = { 1 };
	uint8_t bytes[OM_UNLOCK_STATEMENT_MAX], private[32], public[64];
	struct om_put put;
	size_t size;

	om_p256_derive(secret, private, public);
	if (om_unlock_statement_encode(&s, bytes, sizeof bytes, &size))
		return 1;
	seed("unlock", "statement", (struct om_view) { bytes, size });
	om_put_init(&put, bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof items / sizeof *items; i++)
		if (om_unlock_item_put(&put, &items[i]))
			return 1;
	seed("unlock", "items", (struct om_view) { bytes, om_put_size(&put) });
	memset(bytes + OM_UNLOCK_GRANT_HEAD, 7, OM_UNLOCK_BOX(8));
	if (om_unlock_grant_sign(hash, private, bytes, OM_UNLOCK_BOX(8), sizeof bytes, &size))
		return 1;
	seed("unlock", "grant", (struct om_view) { bytes, size });
	return 0;
}

/* Steps of a program and of its host; fuzz_vault.c has their numbers. */
static void vaults(void)
{
	static const uint8_t steps[][72] = {
		/* altered, moved, brought back, cut off, and opened as the last commit and as any */
		{ 0x15, 0, 0, 0, 0x20, 0x4e, 0x18, 0, 0, 0, 0, 0, 0xa4, 0, 0, 0, 0, 0, 0x15, 0x10, 0x27, 0, 0x10, 0x27, 0x18, 0, 0, 0, 0, 0, 0xa0, 0x05, 0x20, 0, 0x40, 0,
			0x6f, 0, 0, 0, 0, 0, 0x70, 1, 0x00, 0, 0, 0, 0xff, 0x7f, 0x71, 1, 0xa3, 0, 0, 0, 0, 0, 0x70, 1, 0x74, 1 },
		/* a rename, commits without barriers, a host that fails */
		{ 0x01, 0xff, 0x0f, 0, 0xff, 0x3f, 0x04, 0, 0, 0, 0, 0, 0x05, 1, 0, 0, 0, 0, 0xa6, 0, 0, 0, 5, 0, 0x01, 0, 0x40, 0, 0xff, 0x2f, 0x03, 0, 0, 0, 0, 0,
			0xa6, 0, 0, 0, 0, 0, 0x03, 0, 0, 0, 0, 0, 0x70, 0, 0x02, 100, 0, 0, 0, 0, 0x03, 0, 0, 0, 0, 0, 0xa7, 7, 0, 0, 3, 0 },
		/* what only its author could write: a tree, a superblock */
		{ 0x01, 0, 0, 0, 0xff, 0x7f, 0x03, 0, 0, 0, 0, 0, 0x06, 0, 0, 0, 0, 0, 0xe8, 2, 0x10, 0, 0, 5, 0, 1, 6, 0, 3, 6, 0, 0, 7, 0, 0, 1, 0, 0, 2, 0, 0, 0x71, 0,
			0xe0, 0, 0, 0, 0, 0xff, 0x10, 0x01, 0, 0, 0, 0xff, 0x10, 0x03 },
		{ 0xe9, 1, 9, 0, 0, 20, 1, 1, 0, 0x71, 0, 0x02, 9, 0, 0, 0, 0, 0x03, 0, 0, 0, 0, 0, 0x71, 0, 0xe9, 2, 6, 0, 0, 0, 1, 1, 0, 0x71, 0, 0xe0, 0, 1, 0, 30, 0xff, 0x10 },
	};

	for (unsigned i = 0; i < sizeof steps / sizeof *steps; i++) {
		char name[32];

		snprintf(name, sizeof name, "steps-%u", i);
		seed("vault", name, (struct om_view) { steps[i], sizeof steps[i] });
	}
}

/* A seal; and what one enclave hands on to another about files that are known, removed, and known again. */
static int handed_on(void)
{
	const struct om_seal seal = { .flags = OM_SEAL_DEBUG, .isvsvn = 3, .cpusvn = { 1 }, .keyid = { 2 }, .mrenclave = { 3 }, .id = { 4 } };
	const uint8_t platform[16] = { 5 }, secret[OM_SEAL_SECRET] = { 6 };
	uint8_t bytes[OM_SEAL_SIZE], records[3][64] = { { 1 }, { 2 }, { 1 } };

	if (om_seal_make(&seal, platform, secret, bytes))
		return 1;
	seed("seal", "seal", (struct om_view) { bytes, sizeof bytes });
	records[0][16] = records[2][17] = 9;             /* the file; its state follows the root */
	records[0][56] = records[2][56] = 1;
	records[1][56] = 2;
	seed("roots", "three", (struct om_view) { records[0], sizeof records });
	seed("roots", "two", (struct om_view) { records[0], 128 });
	return 0;
}

/* With something in each list, and with nothing but two flags. */
static int launches(void)
{
	static uint8_t bytes[4096], hashes[3][OM_SHA256_SIZE] = { { 1 }, { 2 }, { 3 } };
	const struct om_launch_file files[] = { { 70000, hashes }, { 1, hashes + 2 } };
	const char *const args[] = { "program", "-x" }, *const pass[] = { "LANG", "LC_*" }, *const set[] = { "A=1" }, *const allowed[] = { "/data/", "log" },
		*const sealed[] = { "/etc/app/" }, *const trusted[] = { "/etc/app/a", "b" }, *const encrypted[] = { "/data/db/", "state" },
		*const wait[] = { "db.key", "token" }, *const owner[] = { "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" };
	const struct om_launch_source sources[] = {
		{ .list = { args, pass, set, allowed, sealed, trusted, encrypted, wait, owner }, .count = { 2, 2, 1, 2, 1, 2, 2, 2, 1 }, .file = files,
			.lineage = OM_LINEAGE_SEAL, .after_move = 1 },
		{ .any = OM_LAUNCH_ANY_ENV | OM_LAUNCH_ANY_FILES, .list = { args }, .count = { 2 } },
	};

	for (size_t i = 0; i < 2; i++) {
		const size_t size = om_launch_size(&sources[i]);

		if (!size || size > sizeof bytes || om_launch_encode(&sources[i], bytes, size))
			return 1;
		seed("launch", i ? "flags" : "lists", (struct om_view) { bytes, size });
	}
	seed("launch", "path", (struct om_view) { (const uint8_t *)"/a/../b/./c//d/..", 17 });
	return 0;
}

int main(int argc, char **argv)
{
	static uint8_t quote[OM_QUOTE_MAX], collateral[OM_COLLATERAL_MAX];
	const uint8_t id[32] = { 1 };
	const struct sgx_report_body body = { .isvsvn = 1 };
	struct om_platform platform;
	struct om_quote q;
	struct om_collateral c;
	size_t size, quote_size;

	if (argc != 2)
		return 2;
	directory = argv[1];
	om_platform_init(&platform, id, NULL);
	platform.revoke_ca = platform.revoke_signer = true;
	if (om_platform_quote(&platform, &body, quote, sizeof quote, &size) || om_quote_parse(quote, size, &q))
		return 1;
	quote_size = size;
	seed("quote", "quote", (struct om_view) { quote, size });
	chain("pck-chain", q.chain);
	if (om_platform_collateral(&platform, 1767225600, collateral, sizeof collateral, &size) ||
	    om_collateral_decode(collateral, size, &c))
		return 1;
	seed("quote", "collateral", (struct om_view) { collateral, size });
	chain("tcb-chain", c.tcb_chain);
	seed("x509", "root-crl", c.root_crl);
	seed("x509", "pck-crl", c.pck_crl);
	seed("collateral_json", "tcb-info", c.tcb_info);
	seed("collateral_json", "qe-identity", c.qe_identity);
	snp("milan", OM_SNP_MILAN, OM_SNP_VCEK, 2);
	snp("genoa", OM_SNP_GENOA, OM_SNP_VLEK, 3);
	snp("turin", OM_SNP_TURIN, OM_SNP_VCEK, 5);
	trust_domains();
	if (envelopes((struct om_view) { quote, quote_size }) || policies() || tickets() || unlocks() || handed_on() || tagged() || launches())
		return 1;
	vaults();
	seed("cursor", "bytes", (struct om_view) { quote, 64 });
	seed("noise", "message", (struct om_view) { quote, 96 });
	return 0;
}
