/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of liboptmig-verify. Usage: client IMAGE POLICY CERTIFICATE [EVIDENCE NONCE] [LINEAGE AGE]: files, NONCE and LINEAGE in binary, AGE in
 * seconds. Prints result, reason and what is known; exit status: the result. Besides, what a caller may do wrong is refused.
 */
#include <optmig-verify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct file { char *bytes; size_t size; } read_file(const char *path)
{
	static const size_t most = 1 << 20;
	struct file f = { malloc(most), 0 };
	FILE *from = fopen(path, "rb");

	if (!from || !f.bytes) {
		perror(path);
		exit(99);
	}
	f.size = fread(f.bytes, 1, most, from);
	fclose(from);
	return f;
}

static void want(int condition, const char *what)
{
	if (!condition) {
		printf("WRONG: %s\n", what);
		exit(98);
	}
}

static void misuse(const struct file *certificate)
{
	optmig_verify *v = optmig_verify_new();
	optmig_verdict verdict;

	memset(&verdict, 0x5a, sizeof verdict);
	verdict.size = 8;
	want(optmig_verify_certificate(v, certificate->bytes, certificate->size, &verdict) == OPTMIG_VERIFY_USAGE, "no program");
	want(strstr(optmig_verify_error(v), "which program") != NULL, "words");
	want(optmig_verify_image(v, "/nowhere") == OPTMIG_VERIFY_USAGE && optmig_verify_image(v, "/bin/true") == OPTMIG_VERIFY_USAGE, "no image");
	want(optmig_verify_mrenclave(v, (const uint8_t *)"00112233445566778899aabbccddeeff") == OPTMIG_VERIFY_ACCEPTED, "any program");
	want(optmig_verify_certificate(v, "x", 1, NULL) == OPTMIG_VERIFY_USAGE, "no certificate");
	want(optmig_verify_certificate(v, "", 0, NULL) == OPTMIG_VERIFY_USAGE, "nothing");
	want(optmig_verify_fresh(v, certificate->bytes, certificate->size, "x", 1, "short", 5, NULL) == OPTMIG_VERIFY_USAGE, "a short nonce");
	want(optmig_verify_fresh(v, certificate->bytes, certificate->size, "x", 1, "0123456789abcdef", 16, NULL) == OPTMIG_VERIFY_REFUSED, "no evidence");
	want(optmig_verify_certificate(v, certificate->bytes, certificate->size, &verdict) == OPTMIG_VERIFY_REFUSED, "another program");
	want(verdict.reason_number > 0 && verdict.reason[0] == 0x5a, "no more is written than there is room for");
	want(optmig_verify_lineage(v, (const uint8_t *)"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef") == OPTMIG_VERIFY_USAGE, "no point");
	want(optmig_verify_lineage(v, NULL) == OPTMIG_VERIFY_ACCEPTED, "any lineage");
	want(optmig_verify_policy(v, "nonsense\n", 9) == OPTMIG_VERIFY_ACCEPTED &&
	     optmig_verify_certificate(v, certificate->bytes, certificate->size, NULL) == OPTMIG_VERIFY_USAGE, "a policy that is none");
	optmig_verify_free(v);
	optmig_verify_free(NULL);
}

int main(int argc, char **argv)
{
	optmig_verify *v = optmig_verify_new();
	optmig_verdict verdict = { .size = sizeof verdict };
	struct file policy, certificate, evidence, nonce;
	const char *moves;
	const int demands = argc == 6 && argv[5][0] >= '0' && argv[5][0] <= '9' ? 2 : argc == 8 ? 2 : 0;
	int result;

	if (argc - demands != 4 && argc - demands != 6)
		return 99;
	policy = read_file(argv[2]);
	certificate = read_file(argv[3]);
	misuse(&certificate);
	want(optmig_verify_image(v, argv[1]) == OPTMIG_VERIFY_ACCEPTED && optmig_verify_policy(v, policy.bytes, policy.size) == OPTMIG_VERIFY_ACCEPTED, "demands");
	want(optmig_verify_certificate(v, certificate.bytes, certificate.size, NULL) == OPTMIG_VERIFY_REFUSED, "a debug enclave");
	optmig_verify_debug(v, 1);
	if (demands) {
		const struct file lineage = read_file(argv[argc - 2]);

		want(lineage.size == 64 && optmig_verify_lineage(v, (const uint8_t *)lineage.bytes) == OPTMIG_VERIFY_ACCEPTED, "a lineage");
		optmig_verify_max_age(v, atol(argv[argc - 1]));
	}
	if (argc - demands == 4) {
		result = optmig_verify_certificate(v, certificate.bytes, certificate.size, &verdict);
	} else {
		evidence = read_file(argv[4]);
		nonce = read_file(argv[5]);
		result = optmig_verify_fresh(v, certificate.bytes, certificate.size, evidence.bytes, evidence.size, nonce.bytes, nonce.size, &verdict);
	}
	moves = optmig_verify_migration_policy(v, verdict.mrenclave);
	printf("certified %d, lasts %d\n", verdict.certified, verdict.lineage_lasts);
	printf("%d %s\nplatform %s\nfresh %d, %llu moves\n%s", result, verdict.reason, verdict.platform, verdict.fresh, (unsigned long long)verdict.moves,
		result ? "" : moves ? moves : "no policy\n");
	if (result == OPTMIG_VERIFY_ACCEPTED) {
		optmig_verify_at(v, 1000000000);
		want(optmig_verify_certificate(v, certificate.bytes, certificate.size, &verdict) == OPTMIG_VERIFY_REFUSED, "too early");
		want(!verdict.certified && verdict.lineage_key[0] == 0 && verdict.lineage_key[63] == 0, "nothing of what is refused");
	}
	optmig_verify_free(v);
	return result;
}
