/* SPDX-License-Identifier: Apache-2.0 */
/*
 * seeds DIRECTORY: writes a seed corpus for each fuzz target of core/ to DIRECTORY/TARGET/, from what the emulated
 * platform issues. Deterministic.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "evidence/accept/policy.h"
#include "evidence/demo/quote_build.h"

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

int main(int argc, char **argv)
{
	static uint8_t quote[OM_QUOTE_MAX], collateral[OM_COLLATERAL_MAX], policy[4096];
	const uint8_t id[32] = { 1 };
	const struct sgx_report_body body = { .isvsvn = 1 };
	struct om_platform platform;
	struct om_quote q;
	struct om_collateral c;
	struct om_policy p;
	size_t size;

	if (argc != 2)
		return 2;
	directory = argv[1];
	om_platform_init(&platform, id, NULL);
	platform.revoke_ca = platform.revoke_signer = true;
	if (om_platform_quote(&platform, &body, quote, sizeof quote, &size) || om_quote_parse(quote, size, &q))
		return 1;
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
	om_policy_default(&p);
	p.mrenclave_count = 2;
	if (om_policy_encode(&p, policy, sizeof policy, &size))
		return 1;
	seed("policy", "policy", (struct om_view) { policy, size });
	static const uint8_t text[] = "# policy\nmrenclave = same\nroot = intel\ntcb = UpToDate\ndebug = no\nmin-svn = 2\n";
	seed("policy", "text", (struct om_view) { text, sizeof text - 1 });
	seed("cursor", "bytes", (struct om_view) { quote, 64 });
	seed("noise", "message", (struct om_view) { quote, 96 });
	return 0;
}
