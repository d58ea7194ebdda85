/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pretended confidential guest: reports of a pretended security processor, with its certificates. OPTMIG_TEST_GUEST is a list of words, separated by commas:
 *
 *     measurement=96 digits   policy=NUMBER   vmpl=N   svn=N    what the report says; policy 0x30000
 *     id-key=96 digits   author-key=96 digits   no-author        digests of an ID block; the report does not say that there is an author
 *     seed=WORD                                                 which machine; "test"
 *     masked   no-key   no-table   wiped                        it names no chip; derives no keys; brings no certificates; answers nothing more after the first report
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "crypto/sha256.h"
#include "evidence/demo/snp_table.h"
#include "evidence/guest/source.h"
#include "base.h"
#include "testing.h"
#include "util.h"

struct pretended {
	struct guest_source common;
	struct om_snp_machine machine;
	struct om_snp_report says;
	bool no_table, wiped;
	unsigned reports;
};

static int report(struct guest_source *source, const uint8_t data[GUEST_DATA_SIZE], uint8_t *bytes, size_t size, size_t *ret_size, uint8_t *table, size_t table_size,
	size_t *ret_table)
{
	struct pretended *p = (struct pretended *)source;

	*ret_size = OM_SNP_REPORT_SIZE;
	*ret_table = 0;
	if (size < OM_SNP_REPORT_SIZE)
		return OM_ENOMEM;
	if (p->wiped && p->reports++)
		return tee_fail(OM_EQUOTE, "the kernel has wiped its key");
	memcpy(p->says.report_data, data, sizeof p->says.report_data);
	om_snp_machine_report(&p->machine, &p->says, bytes);
	return p->no_table || !table_size ? 0 : om_snp_machine_table(&p->machine, (int64_t)time(NULL), table, table_size, ret_table);
}

/* Of all that a real one would mix in. */
static int key(struct guest_source *source, uint8_t ret_key[GUEST_KEY_SIZE])
{
	const struct pretended *p = (const struct pretended *)source;
	struct om_sha256 s;

	om_sha256_init(&s, 0);
	om_sha256_update(&s, p->machine.private, sizeof p->machine.private);
	om_sha256_update(&s, p->says.measurement, sizeof p->says.measurement);
	om_sha256_update(&s, &p->says.policy, sizeof p->says.policy);
	om_sha256_update(&s, &p->says.guest_svn, sizeof p->says.guest_svn);
	om_sha256_result(&s, ret_key);
	return 0;
}

static void close_guest(struct guest_source *source)
{
	free(source);
}

static bool digest(const char *text, uint8_t ret[48])
{
	for (unsigned i = 0; i < 48; i++) {
		unsigned byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		ret[i] = (uint8_t)byte;
	}
	return text[96] == 0;
}

static bool is(char *word, const char *name, char **ret_value)
{
	const size_t length = strlen(name);

	*ret_value = word + length + 1;
	return strncmp(word, name, length) == 0 && word[length] == '=';
}

static bool set(struct pretended *p, char *word)
{
	char *value;

	if (is(word, "measurement", &value))
		return digest(value, p->says.measurement);
	if (is(word, "policy", &value))
		p->says.policy = strtoull(value, NULL, 0);
	else if (is(word, "vmpl", &value))
		p->says.vmpl = (uint32_t)strtoul(value, NULL, 0);
	else if (is(word, "svn", &value))
		p->says.guest_svn = (uint32_t)strtoul(value, NULL, 0);
	else if (is(word, "id-key", &value))
		return digest(value, p->says.id_key_digest);
	else if (is(word, "author-key", &value))
		return (p->says.author_key_enabled = digest(value, p->says.author_key_digest));
	else if (strcmp(word, "no-author") == 0)
		p->says.author_key_enabled = false;
	else if (strcmp(word, "masked") == 0)
		memset(p->says.chip_id, 0, sizeof p->says.chip_id);
	else if (strcmp(word, "no-key") == 0)
		p->common.key = NULL;
	else if (strcmp(word, "no-table") == 0)
		p->no_table = true;
	else if (strcmp(word, "wiped") == 0)
		p->wiped = true;
	else
		return is(word, "seed", &value);
	return true;
}

int testing_guest(struct guest_source **ret_source)
{
	const char *given = getenv("OPTMIG_TEST_GUEST");
	struct pretended *p;
	uint8_t seed[32];
	char *text, *word, *next;
	const char *name;

	if (!given || !*given)
		return 0;
	p = calloc(1, sizeof *p);
	text = strdup(given);
	if (!p || !text)
		return host_fail(OM_ENOMEM, "no memory");
	p->common = (struct guest_source) { .name = "a pretended guest", .maker = GUEST_SNP, .emulated = true, .report = report, .key = key, .close = close_guest };
	name = strstr(given, "seed=");
	name = name ? name + 5 : "test";
	om_sha256(name, strcspn(name, ","), seed);
	om_snp_machine_init(&p->machine, seed, OM_SNP_GENOA, OM_SNP_VCEK);
	om_snp_machine_fields(&p->machine, 3, &p->says);
	for (word = strtok_r(text, ",", &next); word; word = strtok_r(NULL, ",", &next))
		if (!set(p, word))
			return host_fail(OM_EINVAL, "OPTMIG_TEST_GUEST: \"%s\"", word);
	free(text);
	*ret_source = &p->common;
	return 0;
}
