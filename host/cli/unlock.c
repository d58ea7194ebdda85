/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig unlock` and `optmig upgrade`: what a program's owner does with the program from outside. The enclave is judged as `optmig verify`
 * would judge it. What the owner gives is sealed to a key that the accepted evidence names (core/unlock/unlock.h). So the control socket and
 * everybody behind it carry what they cannot read.
 */
#include <errno.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli.h"
#include "control/client.h"
#include "evidence/authentic/lineage.h"
#include "evidence/parse/envelope.h"
#include "exitcodes.h"
#include "strerror.h"
#include "ticket.h"
#include "unlock/unlock.h"
#include "util.h"
#include "verify/verify.h"

#define DEMANDS \
	"  --image FILE            the program that is meant: its image, as optmig-cc linked it (several)\n" \
	"  --mrenclave HEX         the same by its measurement (several)\n" \
	"  --policy FILE           what else you demand, in the words of optmig-policy(5): platforms, signers, floors\n" \
	"  --collateral FILE       the maker's certificates and lists, docs/spec/policy.md\n" \
	"  --guests FILE           a signed list of guests\n" \
	"  --debug                 accept a debug enclave, which has no secret from its host\n"

static const char unlock_help[] =
	"usage: optmig unlock NAME|PID --key OWNER.pem [--secret NAME=FILE]... [--lineage FILE | --restart] (--image FILE | --mrenclave HEX | --policy FILE) [OPTIONS]\n"
	"Gives a program in an enclave its secrets, end to end encrypted, after its evidence has been judged. A program whose image waits for\n"
	"secrets or for a lineage begins when it has them all; a running program finds new ones as files of /dev/attestation/keys.\n\n"
	"  --key FILE              the owner's private key, P-256, PEM: the one that the image, or its policy, names\n"
	"  --secret NAME=FILE      what the program reads from /dev/attestation/keys/NAME (several)\n"
	"  --lineage FILE          the lineage's key, from which the keys of its encrypted files come: 32 bytes, or 64 hexadecimal digits. Its public\n"
	"                          key, which clients pin, is printed\n"
	"  --restart               the program may open the seal that it was started from: nobody else runs with that lineage any more\n"
	DEMANDS
	"  --rehearse              judge, and say what the program waits for; give nothing\n"
	"  --json                  the outcome as JSON\n"
	"Exit status: 0 done, 1 refused, 2 usage, 5 no such program, or the collateral is missing.\n"
	"Example: optmig unlock lighttpd --key owner.pem --secret tls.pem=server.pem --image ./lighttpd\n";
static const char upgrade_help[] =
	"usage: optmig upgrade OLD NEW --key OWNER.pem [--secret NAME=FILE]... (--image FILE | --mrenclave HEX | --policy FILE) [OPTIONS]\n"
	"Hands the lineage and the secrets of OLD, which runs, to NEW, a new build that has been started and waits for its owner. OLD judges NEW\n"
	"itself: the same signer and product, at no lower security version, on a platform that its policy accepts. OLD's program ends with the order,\n"
	"for good; its process ends when NEW has begun. A NEW that was lost is replaced by another: give the command again.\n\n"
	"  --key FILE              the owner's private key; of both\n"
	"  --secret NAME=FILE      a secret that NEW is to have besides OLD's, or in its place (several)\n"
	DEMANDS
	"                          --image, --mrenclave and --policy have to accept both, OLD and NEW\n"
	"  --rehearse              judge both; order nothing\n"
	"  --json                  the outcome as JSON\n"
	"Exit status: as optmig unlock.\n"
	"Example: optmig upgrade 4711 4712 --key owner.pem --image ./redis-server.old --image ./redis-server\n";

enum { OPT_KEY = 1, OPT_SECRET, OPT_LINEAGE, OPT_RESTART, OPT_IMAGE, OPT_MRENCLAVE, OPT_POLICY, OPT_COLLATERAL, OPT_GUESTS, OPT_DEBUG, OPT_REHEARSE, OPT_JSON, OPT_HELP };
static const struct option longs[] = {
	{ "key", required_argument, NULL, OPT_KEY }, { "secret", required_argument, NULL, OPT_SECRET },
	{ "lineage", required_argument, NULL, OPT_LINEAGE }, { "restart", no_argument, NULL, OPT_RESTART }, { "image", required_argument, NULL, OPT_IMAGE },
	{ "mrenclave", required_argument, NULL, OPT_MRENCLAVE }, { "policy", required_argument, NULL, OPT_POLICY },
	{ "collateral", required_argument, NULL, OPT_COLLATERAL }, { "guests", required_argument, NULL, OPT_GUESTS },
	{ "debug", no_argument, NULL, OPT_DEBUG }, { "rehearse", no_argument, NULL, OPT_REHEARSE }, { "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP }, { 0 },
};

struct secret { char name[OM_UNLOCK_NAME_MAX + 1]; struct om_view bytes; };

/* Secrets are here and in buffers that are cleansed. */
static struct arguments {
	const char *command, *key;
	struct verify_request demand;
	struct verify_programs programs;
	struct secret secret[OM_UNLOCK_NAMES_MAX];
	unsigned secret_count;
	uint8_t lineage[32];
	bool has_lineage, restart, rehearse, json, upgrade;
	const char *target[2];
	uint8_t private[32], public[OM_P256_PUBLIC];
} a;

/* One enclave, asked. */
struct party {
	const char *name;
	struct channel channel;
	bool open;
	uint8_t statement[OM_UNLOCK_STATEMENT_MAX], evidence[OM_EVIDENCE_MAX], hash[32];
	size_t statement_size, evidence_size;
	struct om_unlock_statement says;
	struct verify_verdict verdict;
};
static struct party parties[2];
static uint8_t body[OM_UNLOCK_BODY_MAX], grant[OM_UNLOCK_GRANT_MAX], package[OM_UNLOCK_GRANT_MAX];

/* ---- arguments ---- */

static int add_secret(const char *value)
{
	struct secret *s;
	const char *file = strchr(value, '=');
	const size_t size = file ? (size_t)(file - value) : 0;

	if (!file || !om_unlock_name_ok(value, size))
		return host_fail(OM_EINVAL, "--secret takes NAME=FILE, with a name of letters, digits and ._-, not \"%s\"", value);
	if (a.secret_count == OM_UNLOCK_NAMES_MAX)
		return host_fail(OM_EINVAL, "at most %d secrets", OM_UNLOCK_NAMES_MAX);
	s = &a.secret[a.secret_count];
	memcpy(s->name, value, size);
	for (unsigned i = 0; i < a.secret_count; i++)
		if (strcmp(a.secret[i].name, s->name) == 0)
			return host_fail(OM_EINVAL, "the secret \"%s\" twice", s->name);
	a.secret_count++;
	return verify_read_file(file + 1, &s->bytes);
}

static int by_name(const void *x, const void *y)
{
	return strcmp(((const struct secret *)x)->name, ((const struct secret *)y)->name);
}

int cli_read_lineage(const char *path, uint8_t ret_key[32])
{
	struct om_view file;
	int error = verify_read_file(path, &file);

	if (error)
		return error;
	if (file.size == 32) {
		memcpy(ret_key, file.data, 32);
	} else {
		const size_t digits = file.size && file.data[file.size - 1] == '\n' ? file.size - 1 : file.size;

		if (digits != 64 || !om_hex_decode((const char *)file.data, digits, ret_key, 32))
			error = host_fail(OM_EINVAL, "%s: a lineage has 32 bytes, or 64 hexadecimal digits (openssl rand 32)", path);
	}
	OPENSSL_cleanse((void *)(uintptr_t)file.data, file.size);
	free((void *)(uintptr_t)file.data);
	return error;
}

static int set_lineage(const char *path)
{
	const int error = cli_read_lineage(path, a.lineage);

	a.has_lineage = !error;
	return error;
}

static int add_program(const char *value)
{
	uint8_t mrenclave[32];

	if (strlen(value) != 64 || !om_hex_decode(value, 64, mrenclave, 32))
		return host_fail(OM_EINVAL, "--mrenclave takes 64 hexadecimal digits, not \"%s\"", value);
	return verify_programs_add(&a.programs, mrenclave);
}

static int option(int c)
{
	switch (c) {
	case OPT_KEY:        a.key = optarg; return 0;
	case OPT_SECRET:     return add_secret(optarg);
	case OPT_RESTART:
		a.restart = true;
		return a.upgrade ? host_fail(OM_EINVAL, "upgrade takes the lineage from the old program") : 0;
	case OPT_LINEAGE:    return a.upgrade ? host_fail(OM_EINVAL, "upgrade takes the lineage from the old program") : set_lineage(optarg);
	case OPT_IMAGE:      return verify_programs_image(&a.programs, optarg);
	case OPT_MRENCLAVE:  return add_program(optarg);
	case OPT_POLICY:     return verify_read_file(optarg, &a.demand.policy);
	case OPT_COLLATERAL: return verify_read_file(optarg, &a.demand.collateral);
	case OPT_GUESTS:     return verify_read_file(optarg, &a.demand.guests);
	case OPT_DEBUG:      a.demand.debug = true; return 0;
	case OPT_REHEARSE:   a.rehearse = true; return 0;
	default:             a.json = true; return 0;
	}
}

static int check(int count, char **rest)
{
	if (count != (a.upgrade ? 2 : 1))
		return host_fail(OM_EINVAL, a.upgrade ? "which programs? (OLD and NEW, names or PIDs)" : "which program? (NAME or PID; `optmig ps` lists them)");
	a.target[0] = rest[0];
	a.target[1] = rest[count - 1];
	if (!a.key)
		return host_fail(OM_EINVAL, "by whom? (--key, the owner's private key)");
	if (!a.programs.count && !a.demand.policy.size)
		return host_fail(OM_EINVAL, "which program must it be? (--image FILE, --mrenclave HEX or --policy FILE)");
	if (!a.upgrade && !a.secret_count && !a.has_lineage && !a.restart && !a.rehearse)
		return host_fail(OM_EINVAL, "what shall the program get? (--secret NAME=FILE, --lineage FILE, --restart)");
	qsort(a.secret, a.secret_count, sizeof *a.secret, by_name);
	return ticket_key_private(a.key, a.private, a.public);
}

static int parse(int argc, char **argv)
{
	int c, error = 0;

	while (!error && (c = cli_getopt(argc, argv, "h", longs)) != -1) {
		if (c == 'h' || c == OPT_HELP) {
			fputs(a.upgrade ? upgrade_help : unlock_help, stdout);
			return CLI_OK + 1;
		}
		if (c < 0)
			return HOST_EXIT_USAGE + 1;
		error = option(c);
	}
	if (!error)
		error = check(argc - optind, argv + optind);
	if (error)
		host_error("%s: %s", a.command, host_reason());
	return error ? HOST_EXIT_USAGE + 1 : 0;
}

/* ---- talking ---- */

static int hex_of(const json_t *o, const char *name, uint8_t *to, size_t room, size_t *ret_size)
{
	const char *text = json_string_value(json_object_get(o, name));
	const size_t length = text ? strlen(text) : 0;

	if (!length || length > 2 * room || !om_hex_decode(text, length, to, length / 2))
		return host_fail(OM_EIO, "the program's answer makes no sense (\"%s\")", name);
	*ret_size = length / 2;
	return 0;
}

static int add_hex(json_t *o, const char *name, const uint8_t *bytes, size_t size)
{
	char *text = malloc(2 * size + 1);

	if (!text)
		return host_fail(OM_ENOMEM, "no memory");
	for (size_t i = 0; i < size; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	json_object_set_new(o, name, json_stringn(text, 2 * size));
	free(text);
	return 0;
}

/* Asks, and judges the answer. Return: 0 also if it is refused: p->verdict. */
static int ask(struct party *p, const char *target)
{
	uint8_t nonce[OM_UNLOCK_NONCE], expected[64];
	json_t *arguments = json_object(), *value = NULL;
	struct verify_request request = a.demand;
	int error;

	p->name = target;
	if (RAND_bytes(nonce, sizeof nonce) != 1)
		error = host_fail(OM_EINTERNAL, "no random numbers");
	else
		error = client_open(target, CLIENT_ANY, &p->channel, NULL);
	if (error) {
		json_decref(arguments);
		return error;
	}
	p->open = true;
	(void)add_hex(arguments, "nonce", nonce, sizeof nonce);   /* without it the program complains */
	error = client_call(&p->channel, "unlock-ask", arguments, &value);
	if (!error)
		error = hex_of(value, "statement", p->statement, sizeof p->statement, &p->statement_size);
	if (!error)
		error = hex_of(value, "evidence", p->evidence, sizeof p->evidence, &p->evidence_size);
	json_decref(value);
	if (!error && om_unlock_statement_decode((struct om_view) { p->statement, p->statement_size }, &p->says))
		error = host_fail(OM_EIO, "the program's statement is malformed");
	if (error)
		return error;
	request.evidence = (struct om_view) { p->evidence, p->evidence_size };
	/* An envelope of a quote of SGX may begin as a bare quote does; without its head it is told by its root. */
	if (p->evidence_size > OM_ENVELOPE_HEAD && !om_evidence_of_guest(p->evidence[0] | (unsigned)p->evidence[1] << 8))
		request.evidence = (struct om_view) { p->evidence + OM_ENVELOPE_HEAD, p->evidence_size - OM_ENVELOPE_HEAD };
	error = verify_judge(&request, &p->verdict);
	if (error)
		return error;
	om_unlock_statement_hash((struct om_view) { p->statement, p->statement_size }, p->hash);
	om_unlock_report_data(p->hash, expected);
	if (!p->verdict.error && (memcmp(p->verdict.peer.body.reportdata, expected, sizeof expected) || memcmp(p->says.nonce, nonce, sizeof nonce))) {
		p->verdict.error = OM_EAUTH;
		p->verdict.reason = OM_WHY_REPORT_DATA;
	}
	if (!p->verdict.error && memcmp(p->says.owner, a.public, sizeof a.public))
		return host_fail(OM_EPERM, "the program has another owner than the key in %s", a.key);
	return 0;
}

static int refused(const struct party *p)
{
	if (!p->verdict.error)
		return 0;
	return host_fail(p->verdict.error, "REFUSED: %s", om_attest_reason_words(p->verdict.reason));
}

/* `size` bytes of items in `body`, sealed to @p and signed, in `grant`. */
static int seal(const struct party *p, size_t size, size_t *ret_size, uint8_t ret_answer[OM_UNLOCK_KEY])
{
	uint8_t private[32];
	size_t box = 0;
	int error;

	if (RAND_bytes(private, sizeof private) != 1)
		return host_fail(OM_EINTERNAL, "no random numbers");
	error = om_unlock_box_seal(OM_UNLOCK_BOX_GRANT, p->hash, p->says.key, private, (struct om_view) { body, size },
		grant + OM_UNLOCK_GRANT_HEAD, sizeof grant - OM_UNLOCK_GRANT_HEAD, &box, ret_answer);
	OPENSSL_cleanse(private, sizeof private);
	if (!error)
		error = om_unlock_grant_sign(p->hash, a.private, grant, box, sizeof grant, ret_size);
	return error ? host_fail(error, "%s", om_strerror(error)) : 0;
}

static int put(struct om_put *to, enum om_unlock_type type, const char *name, struct om_view bytes)
{
	const struct om_unlock_item item = { type, { (const uint8_t *)name, strlen(name) }, bytes };

	return om_unlock_item_put(to, &item) ? host_fail(OM_EOVERFLOW, "%s%sis too large: %u bytes of secrets are the limit", name, *name ? " " : "what is given ",
		OM_UNLOCK_SECRETS_MAX) : 0;
}

static int give(struct party *p, struct om_view handed_on)
{
	json_t *arguments, *value = NULL;
	struct om_put to;
	size_t size = 0;
	int error = 0;

	if (a.restart && !(p->says.flags & OM_UNLOCK_WANTS_SEAL))
		return host_fail(OM_ESTATE, "%s does not wait for leave to open a seal: no --restart", p->name);
	arguments = json_object();
	om_put_init(&to, body, sizeof body);
	if (a.has_lineage)
		error = put(&to, OM_UNLOCK_LINEAGE, "", (struct om_view) { a.lineage, sizeof a.lineage });
	if (a.restart && !error)
		error = put(&to, OM_UNLOCK_RESTART, "", (struct om_view) { p->says.seal, sizeof p->says.seal });
	if (!error && handed_on.size)
		error = put(&to, OM_UNLOCK_PACKAGE, "", handed_on);
	for (unsigned i = 0; i < a.secret_count && !error; i++)
		error = put(&to, OM_UNLOCK_SECRET, a.secret[i].name, a.secret[i].bytes);
	if (!error)
		error = seal(p, om_put_size(&to), &size, NULL);
	if (!error)
		error = add_hex(arguments, "grant", grant, size);
	OPENSSL_cleanse(body, sizeof body);
	if (error) {
		json_decref(arguments);
		return error;
	}
	error = client_call(&p->channel, "unlock-grant", arguments, &value);
	json_decref(value);
	return error;
}

/* The old program's package, in `package`. */
static int hand_on(struct party *old, const struct party *heir, size_t *ret_size)
{
	uint8_t answer[OM_UNLOCK_KEY], mac[32], bytes[32 + OM_UNLOCK_STATEMENT_MAX];
	json_t *arguments = json_object(), *value = NULL;
	struct om_put to;
	size_t size = 0;
	int error;

	memcpy(bytes, heir->verdict.peer.body.mrenclave, 32);
	memcpy(bytes + 32, heir->statement, heir->statement_size);
	om_put_init(&to, body, sizeof body);
	error = put(&to, OM_UNLOCK_ORDER, "", (struct om_view) { bytes, 32 + heir->statement_size });
	if (!error)
		error = seal(old, om_put_size(&to), &size, answer);
	if (!error)
		error = add_hex(arguments, "grant", grant, size);
	if (!error)
		error = add_hex(arguments, "evidence", heir->evidence, heir->evidence_size);
	if (error) {
		json_decref(arguments);
		return error;
	}
	error = client_call(&old->channel, "upgrade-order", arguments, &value);
	if (!error)
		error = hex_of(value, "package", package, sizeof package, &size);
	json_decref(value);
	if (!error && size < 32 + OM_UNLOCK_BOX(0))
		error = host_fail(OM_EIO, "the package is too short");
	if (!error) {
		om_unlock_answer_mac(answer, (struct om_view) { package, size - 32 }, mac);
		if (CRYPTO_memcmp(mac, package + size - 32, 32))
			error = host_fail(OM_EAUTH, "the package is not of the enclave that was given the order");
	}
	OPENSSL_cleanse(answer, sizeof answer);
	*ret_size = size - 32;
	return error;
}

/* ---- the outcome ---- */

/* What clients pin of the lineage that is given: its public key. Return: false: a fault that no key has. */
static bool lineage_key(uint8_t ret_public[OM_P256_PUBLIC])
{
	uint8_t private[OM_P256_SIZE];
	const int error = om_lineage_pair(a.lineage, private, ret_public);

	OPENSSL_cleanse(private, sizeof private);
	return !error;
}

static void print_lineage(void)
{
	uint8_t public[OM_P256_PUBLIC];

	if (!lineage_key(public))
		return;
	printf("  lineage      ");
	for (size_t i = 0; i < sizeof public; i++)
		printf("%02x", public[i]);
	printf("\n               for clients: optmig verify --lineage\n");
}

static void print(const struct party *p, const char *outcome)
{
	const struct sgx_report_body *is = &p->verdict.peer.body;

	printf("%s: %s\n  program      MRENCLAVE ", p->name, outcome);
	for (size_t i = 0; i < 32; i++)
		printf("%02x", is->mrenclave[i]);
	printf("\n  platform     %s\n", om_facts_platform(&p->verdict.peer.facts));
	if (p->verdict.peer.facts.root_kind == OM_ROOT_DEMO)
		printf("  DEMONSTRATION: the root's key is public, so this proves nothing, and what was given may be anybody's\n");
	if (is->attributes.flags & SGX_ATTR_DEBUG)
		printf("  DEBUG: its host can read its memory\n");
	if (a.has_lineage)
		print_lineage();
	if (!(p->says.flags & OM_UNLOCK_WAITS))
		return;
	printf("  waited for  %s", p->says.flags & OM_UNLOCK_WANTS_KEY ? " a lineage" : p->says.flags & OM_UNLOCK_WANTS_SEAL ? " leave to open its seal" : "");
	for (unsigned i = 0; i < p->says.count; i++)
		printf(" %.*s", p->says.name[i].size, p->says.name[i].text);
	putchar('\n');
}

static json_t *json_of(const struct party *p, const char *outcome)
{
	uint8_t public[OM_P256_PUBLIC];
	json_t *names = json_array(), *o;

	for (unsigned i = 0; i < p->says.count; i++)
		json_array_append_new(names, json_stringn(p->says.name[i].text, p->says.name[i].size));
	o = json_pack("{ss ss ss sb sb so}", "program", p->name, "outcome", outcome, "platform", om_evidence_type_words(p->verdict.peer.facts.type),
		"waited", p->says.flags & OM_UNLOCK_WAITS, "wants-lineage", p->says.flags & OM_UNLOCK_WANTS_KEY, "wants-secrets", names);
	(void)add_hex(o, "mrenclave", p->verdict.peer.body.mrenclave, 32);   /* without memory there is nothing to print either */
	(void)add_hex(o, "instance", p->says.instance, sizeof p->says.instance);
	if (a.has_lineage && lineage_key(public))
		(void)add_hex(o, "lineage-key", public, sizeof public);
	return o;
}

static void report(const struct party *p, const char *outcome)
{
	json_t *o;

	if (!a.json) {
		print(p, outcome);
		return;
	}
	o = json_of(p, outcome);
	json_dumpf(o, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(o);
}

static int run_unlock(void)
{
	struct party *p = &parties[0];
	int error = ask(p, a.target[0]);

	if (!error)
		error = refused(p);
	if (!error && !a.rehearse)
		error = give(p, (struct om_view) { 0 });
	if (!error)
		report(p, a.rehearse ? "accepted; nothing was given" : p->says.flags & OM_UNLOCK_WAITS ? "unlocked; it has begun" : "it has its secrets");
	return error;
}

static int run_upgrade(void)
{
	struct party *old = &parties[0], *heir = &parties[1];
	json_t *value = NULL;
	size_t size = 0;
	int error = ask(old, a.target[0]);

	if (!error)
		error = refused(old);
	if (!error)
		error = ask(heir, a.target[1]);
	if (!error)
		error = refused(heir);
	if (!error && !(heir->says.flags & OM_UNLOCK_WANTS_KEY))
		error = host_fail(OM_ESTATE, "%s does not wait for a lineage (lineage = \"owner\")", heir->name);
	if (!error && a.rehearse) {
		report(heir, "accepted; nothing was ordered");
		return 0;
	}
	if (!error)
		error = hand_on(old, heir, &size);
	if (!error)
		error = give(heir, (struct om_view) { package, size });
	if (error)
		return error;
	/* It ends in the middle of its answer. */
	(void)client_call(&old->channel, "upgrade-end", NULL, &value);
	json_decref(value);
	report(heir, "it goes on where the old program ended");
	return 0;
}

static int run(int argc, char **argv, bool upgrade)
{
	int error, status;

	a.command = argv[0];
	a.upgrade = upgrade;
	a.demand.programs = &a.programs;
	a.demand.kept = cli_kept_collateral;
	a.demand.now = time(NULL);
	status = parse(argc, argv);
	if (status)
		return status - 1;
	error = upgrade ? run_upgrade() : run_unlock();
	if (error)
		host_error("%s: %s", a.command, host_reason());
	OPENSSL_cleanse(a.private, sizeof a.private);
	OPENSSL_cleanse(a.lineage, sizeof a.lineage);
	for (unsigned i = 0; i < a.secret_count; i++)
		OPENSSL_cleanse((void *)(uintptr_t)a.secret[i].bytes.data, a.secret[i].bytes.size);
	for (size_t i = 0; i < 2; i++)
		if (parties[i].open)
			channel_done(&parties[i].channel);
	return !error ? CLI_OK : error == OM_ENOTFOUND ? CLI_NOTFOUND : error == OM_EINVAL ? HOST_EXIT_USAGE : CLI_FAILED;
}

int cli_unlock(int argc, char **argv)
{
	return run(argc, argv, false);
}

int cli_upgrade(int argc, char **argv)
{
	return run(argc, argv, true);
}
