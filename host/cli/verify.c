/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig verify`: is this the program that I mean, on a platform that I trust? For clients; no enclave is needed. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli.h"
#include "collateral/collateral.h"
#include "evidence/accept/ticket_text.h"
#include "exitcodes.h"
#include "launch.h"
#include "strerror.h"
#include "util.h"
#include "verify/connect.h"

static const char help[] =
	"usage: optmig verify (--quote FILE | --certificate FILE | --connect HOST:PORT) (--image FILE | --mrenclave HEX | --policy FILE) [OPTIONS]\n"
	"       optmig verify --listen ADDRESS:PORT --connect HOST:PORT (--image ... ) [OPTIONS]\n"
	"Judges the evidence that a program in an enclave has of itself: which program it is, on which platform it runs, and whether you\n"
	"accept both. A program reads it from /dev/attestation/quote; a TLS server shows it in its certificate, if it was given\n"
	"/dev/attestation/tls/cert.pem and key.pem.\n\n"
	"  --quote FILE            the evidence: a DCAP quote, or an envelope of docs/spec/policy.md\n"
	"  --certificate FILE      a certificate with evidence, PEM or DER\n"
	"  --connect HOST:PORT     the certificate of a TLS server, which shows in the handshake that it has the key\n"
	"  --evidence URL          with --connect: fresh evidence for the server's key from its host (optmig evidence --listen), over a new nonce, in\n"
	"                          place of what the certificate says of the day on which the server read it. With --certificate, a FILE, and\n"
	"                          --nonce HEX with which the evidence was asked for\n"
	"  --listen ADDRESS:PORT   a proxy for clients in any language: what they send in clear goes on over TLS to --connect, if that\n"
	"                          server is accepted, each time anew\n"
	"  --image FILE            the program that is meant: its image, as optmig-cc linked it (several)\n"
	"  --mrenclave HEX         the same by its measurement (several)\n"
	"  --policy FILE           what else you demand, in the words of optmig-policy(5): platforms, signers, floors\n"
	"  --lineage KEY           the lineage that has to have certified the TLS key, 128 hexadecimal digits as a verdict shows them: of all starts of\n"
	"                          a program that keep its keys and files, and of no other\n"
	"  --max-age SECONDS       refuse a certificate, or fresh evidence, that is older, by the clock of the host on which it was made\n"
	"  --report-data HEX       what it has to carry, 64 bytes or the first of them: a nonce, the hash of a key. Without it nothing says\n"
	"                          that the evidence is of today\n"
	"  --collateral FILE       the maker's certificates and lists, docs/spec/policy.md (default: what `optmig collateral` has stored)\n"
	"  --guests FILE           a signed list of guests\n"
	"  --at TIME               judge as of YYYY-MM-DDTHH:MM:SSZ instead of now\n"
	"  --debug                 accept a debug enclave, which has no secret from its host\n"
	"  --json                  the verdict as JSON\n"
	"Exit status: 0 accepted, 1 refused, or no connection, 2 usage, 5 the collateral is missing.\n"
	"Example: optmig verify --quote q.bin --image ./redis-server --report-data $(printf '%s' \"$nonce\" | sha256sum | cut -c-64)\n";

enum { OPT_QUOTE = 1, OPT_CERTIFICATE, OPT_CONNECT, OPT_LISTEN, OPT_IMAGE, OPT_MRENCLAVE, OPT_POLICY, OPT_DATA, OPT_COLLATERAL, OPT_GUESTS, OPT_AT, OPT_DEBUG, OPT_JSON, OPT_EVIDENCE, OPT_NONCE, OPT_LINEAGE, OPT_MAX_AGE, OPT_HELP };
static const struct option longs[] = {
	{ "quote", required_argument, NULL, OPT_QUOTE },
	{ "certificate", required_argument, NULL, OPT_CERTIFICATE },
	{ "connect", required_argument, NULL, OPT_CONNECT },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "evidence", required_argument, NULL, OPT_EVIDENCE },
	{ "nonce", required_argument, NULL, OPT_NONCE },
	{ "lineage", required_argument, NULL, OPT_LINEAGE },
	{ "max-age", required_argument, NULL, OPT_MAX_AGE },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "mrenclave", required_argument, NULL, OPT_MRENCLAVE },
	{ "policy", required_argument, NULL, OPT_POLICY },
	{ "report-data", required_argument, NULL, OPT_DATA },
	{ "collateral", required_argument, NULL, OPT_COLLATERAL },
	{ "guests", required_argument, NULL, OPT_GUESTS },
	{ "at", required_argument, NULL, OPT_AT },
	{ "debug", no_argument, NULL, OPT_DEBUG },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

#define AGE_MAX 1000000000    /* 31 years */

struct verify {
	struct verify_request request;
	struct verify_programs programs;
	uint8_t data[SGX_REPORTDATA_SIZE];
	bool data_given, json;
	const char *connect, *listen, *evidence;
	uint8_t nonce[OM_NONCE_MAX], lineage[OM_P256_PUBLIC];
	size_t nonce_size;
	struct om_view fresh;                  /* --evidence FILE, once read */
	struct om_view certificate;
};

/* Whole pairs of digits, at least one and at most `most` bytes. Return: how many, or -1. */
int cli_kept_collateral(struct om_view evidence, int64_t now, uint8_t *buffer, size_t size, struct om_view *ret)
{
	struct collateral_subject subject;
	size_t used = 0;
	bool in_force;
	char words[320];
	int error = collateral_subject_of(evidence, &subject);

	*ret = (struct om_view) { buffer, 0 };
	if (error && error != OM_EUNSUPPORTED)
		return 0; /* malformed: the verdict says so, whatever collateral there is */
	if (!error)
		error = collateral_find(evidence, now, buffer, size, &used, &in_force);
	*ret = (struct om_view) { buffer, used };
	if (error != OM_ENOTFOUND && error != OM_EUNSUPPORTED)
		return error;
	snprintf(words, sizeof words, "%s", host_reason());
	return host_fail(OM_ENOTFOUND, "%s (or --collateral FILE)", words);
}

static int hex(const char *text, uint8_t *ret, size_t most)
{
	size_t count = 0;

	for (; *text; text += 2) {
		const char pair[3] = { text[0], text[1], 0 };

		if (count == most || !strchr("0123456789abcdefABCDEF", pair[0]) || !pair[1] || !strchr("0123456789abcdefABCDEF", pair[1]))
			return -1;
		ret[count++] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return count ? (int)count : -1;
}

static int add_program(struct verify *v, const char *value, bool image)
{
	uint8_t mrenclave[32];

	if (image)
		return verify_programs_image(&v->programs, value);
	if (hex(value, mrenclave, 32) != 32)
		return host_fail(OM_EINVAL, "--mrenclave takes 64 hexadecimal digits, not \"%s\"", value);
	return verify_programs_add(&v->programs, mrenclave);
}

static int set_nonce(struct verify *v, const char *value)
{
	const int size = hex(value, v->nonce, sizeof v->nonce);

	if (size < 0)
		return host_fail(OM_EINVAL, "--nonce takes up to %d hexadecimal digits, not \"%s\"", 2 * OM_NONCE_MAX, value);
	v->nonce_size = (size_t)size;
	return 0;
}

static int set_time(struct verify *v, const char *value)
{
	struct tm tm = { 0 };
	const char *end = strptime(value, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return host_fail(OM_EINVAL, "--at takes YYYY-MM-DDTHH:MM:SSZ, not \"%s\"", value);
	v->request.now = timegm(&tm);
	return 0;
}

static int set_lineage(struct verify *v, const char *value)
{
	if (hex(value, v->lineage, sizeof v->lineage) != sizeof v->lineage || !om_p256_valid(v->lineage))
		return host_fail(OM_EINVAL, "--lineage takes a lineage's key, 128 hexadecimal digits, not \"%s\"", value);
	v->request.lineage = v->lineage;
	return 0;
}

static int set_age(struct verify *v, const char *value)
{
	char *end;
	const long seconds = strtol(value, &end, 10);

	if (end == value || *end || seconds < 1 || seconds > AGE_MAX)
		return host_fail(OM_EINVAL, "--max-age takes seconds, 1 to %d, not \"%s\"", AGE_MAX, value);
	v->request.max_age = seconds;
	return 0;
}

static int option(struct verify *v, int c)
{
	switch (c) {
	case OPT_QUOTE:      return verify_read_file(optarg, &v->request.evidence);
	case OPT_CERTIFICATE: return verify_read_file(optarg, &v->certificate);
	case OPT_CONNECT:    v->connect = optarg; return 0;
	case OPT_EVIDENCE:   v->evidence = optarg; return 0;
	case OPT_NONCE:      return set_nonce(v, optarg);
	case OPT_LINEAGE:    return set_lineage(v, optarg);
	case OPT_MAX_AGE:    return set_age(v, optarg);
	case OPT_LISTEN:     v->listen = optarg; return 0;
	case OPT_IMAGE:      return add_program(v, optarg, true);
	case OPT_MRENCLAVE:  return add_program(v, optarg, false);
	case OPT_POLICY:     return verify_read_file(optarg, &v->request.policy);
	case OPT_COLLATERAL: return verify_read_file(optarg, &v->request.collateral);
	case OPT_GUESTS:     return verify_read_file(optarg, &v->request.guests);
	case OPT_AT:         return set_time(v, optarg);
	case OPT_DEBUG:      v->request.debug = true; return 0;
	case OPT_JSON:       v->json = true; return 0;
	default:
		v->data_given = true;
		return hex(optarg, v->data, sizeof v->data) > 0 ? 0 :
			host_fail(OM_EINVAL, "--report-data takes up to 128 hexadecimal digits, not \"%s\"", optarg);
	}
}

/* ---- saying it ------------------------------------------------------------------------------------------------------------------------------------- */

static const char *hex_of(const uint8_t *bytes, size_t size, char ret[2 * SGX_REPORTDATA_SIZE + 1])
{
	for (size_t i = 0; i < size; i++)
		snprintf(ret + 2 * i, 3, "%02x", bytes[i]);
	ret[2 * size] = 0;
	return ret;
}

static const char *date_of(int64_t seconds, char ret[32])
{
	const time_t t = (time_t)seconds;
	struct tm tm;

	if (!seconds || !gmtime_r(&t, &tm) || !strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		ret[0] = 0;
	return ret;
}

static bool is_authentic(const struct verify_verdict *verdict)
{
	return verdict->peer.facts.type != 0;
}

/* Which machine it is, as tickets name it. */
static const char *place_of(const struct om_platform_facts *facts, char ret[OM_PLACE_TEXT_MAX])
{
	struct om_platform_identity identity;

	om_facts_identity(facts, &identity);
	om_identity_text(&identity, ret);
	return ret;
}

static void add_instance(json_t *all, const struct om_instance *instance)
{
	char text[2 * SGX_REPORTDATA_SIZE + 1], date[32];

	json_object_set_new(all, "instance", json_string(hex_of(instance->id, sizeof instance->id, text)));
	json_object_set_new(all, "lineage", json_string(hex_of(instance->lineage, sizeof instance->lineage, text)));
	json_object_set_new(all, "next-move", json_integer((json_int_t)instance->next_move));
	json_object_set_new(all, "guest-list", json_integer((json_int_t)instance->guests_floor));
	json_object_set_new(all, "made", json_string(date_of((int64_t)instance->made, date)));
}

static void add_lineage(json_t *all, const struct verify_verdict *verdict)
{
	char text[2 * SGX_REPORTDATA_SIZE + 1];

	json_object_set_new(all, "lineage-certified", json_boolean(verdict->has_lineage));
	if (!verdict->has_lineage)
		return;
	json_object_set_new(all, "lineage-key", json_string(hex_of(verdict->lineage.public, sizeof verdict->lineage.public, text)));
	json_object_set_new(all, "lineage-lasts", json_boolean(verdict->lineage.kind != OM_LINEAGE_NEW));
}

static void print_json(const struct verify *v, const struct verify_verdict *verdict)
{
	const struct sgx_report_body *body = &verdict->peer.body;
	const struct om_platform_facts *facts = &verdict->peer.facts;
	char text[2 * SGX_REPORTDATA_SIZE + 1], place[OM_PLACE_TEXT_MAX], date[32];
	json_t *all = json_pack("{s:b, s:s, s:i, s:b}", "accepted", verdict->error == 0, "reason", om_attest_reason_words(verdict->reason),
		"reason-number", (int)verdict->reason, "authentic", is_authentic(verdict));

	if (is_authentic(verdict)) {
		json_object_set_new(all, "mrenclave", json_string(hex_of(body->mrenclave, 32, text)));
		json_object_set_new(all, "mrsigner", json_string(hex_of(body->mrsigner, 32, text)));
		json_object_set_new(all, "product", json_integer(body->isvprodid));
		json_object_set_new(all, "svn", json_integer(body->isvsvn));
		json_object_set_new(all, "debug", json_boolean(body->attributes.flags & SGX_ATTR_DEBUG));
		json_object_set_new(all, "report-data", json_string(hex_of(body->reportdata, sizeof body->reportdata, text)));
		json_object_set_new(all, "report-data-checked", json_boolean(v->data_given || !v->request.evidence.data));
		json_object_set_new(all, "platform", json_string(om_evidence_type_words(facts->type)));
		json_object_set_new(all, "platform-id", json_string(place_of(facts, place)));
		json_object_set_new(all, "protected", json_boolean(facts->root_kind != OM_ROOT_DEMO && !(body->attributes.flags & SGX_ATTR_DEBUG)));
		if (facts->status != OM_TCB_UNKNOWN) {
			json_object_set_new(all, "tcb-status", json_string(om_tcb_status_words(facts->status)));
			json_object_set_new(all, "tcb-date", json_string(date_of(facts->tcb_date, date)));
			json_object_set_new(all, "tcb-evaluation", json_integer(facts->evaluation));
		}
		if (verify_programs_policy(&v->programs, body->mrenclave))
			json_object_set_new(all, "migration-policy", json_string(verify_programs_policy(&v->programs, body->mrenclave)));
		json_object_set_new(all, "fresh", json_boolean(verdict->fresh));
		if (verdict->has_instance)
			add_instance(all, &verdict->instance);
		if (!v->request.evidence.data)
			add_lineage(all, verdict);
		json_object_set_new(all, "valid-until", json_string(date_of(verdict->peer.valid_until, date)));
	}
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
}

/* Where the program may be tomorrow: what a verdict on its image accepts with it. */
static void print_moves(const char *policy)
{
	const char *at = policy;

	if (!policy)
		printf("  may move     as its measured policy says, which --image FILE shows\n");
	for (const char *end; at && (end = strchr(at, '\n')); at = end + 1)
		printf("  %-12s %.*s\n", at == policy ? "may move" : "", (int)(end - at), at);
}

static void print_instance(const struct om_instance *instance, bool fresh, int64_t now)
{
	char text[2 * SGX_REPORTDATA_SIZE + 1], date[32];

	printf("  instance     %s, %llu moves %s\n", hex_of(instance->id, sizeof instance->id, text), (unsigned long long)(instance->next_move - 1),
		fresh ? "so far" : "when the server read its certificate");
	if (instance->guests_floor)
		printf("  guests       the list in force has version %llu\n", (unsigned long long)instance->guests_floor);
	else
		printf("  guests       no list in force\n");
	if (*date_of((int64_t)instance->made, date))
		printf("  made         %s by its host's clock, %lld s ago\n", date, (long long)(now - (int64_t)instance->made));
}

static void print_lineage(const struct verify_verdict *verdict)
{
	char text[2 * SGX_REPORTDATA_SIZE + 1];

	if (!verdict->has_lineage) {
		printf("  lineage      none has certified the key\n");
		return;
	}
	printf("  lineage      %s\n", hex_of(verdict->lineage.public, sizeof verdict->lineage.public, text));
	printf("               has certified the key; %s\n", verdict->lineage.kind == OM_LINEAGE_NEW ?
		"it ends with this start: the image keeps none (lineage = new)" : "a restart has the same (--lineage)");
}

static void print_text(const struct verify *v, const struct verify_verdict *verdict)
{
	const struct sgx_report_body *body = &verdict->peer.body;
	const struct om_platform_facts *facts = &verdict->peer.facts;
	char text[2 * SGX_REPORTDATA_SIZE + 1], place[OM_PLACE_TEXT_MAX], date[32];

	printf("%s: %s\n", verdict->error ? "REFUSED" : "accepted", verdict->error ? om_attest_reason_words(verdict->reason) : "all that was demanded holds");
	if (verdict->reason == OM_WHY_PLATFORM)
		printf("  what it accepts stands in its lines `platform = ...` (optmig-policy(5)); without --policy it is sgx\n");
	if (!is_authentic(verdict)) {
		printf("  the evidence is not authentic: what it says of itself is not shown\n");
		return;
	}
	printf("  program      MRENCLAVE %s\n", hex_of(body->mrenclave, 32, text));
	printf("  signed by    MRSIGNER  %s, product %u, SVN %u\n", hex_of(body->mrsigner, 32, text), body->isvprodid, body->isvsvn);
	printf("  platform     %s", om_facts_platform(facts));
	if (facts->status != OM_TCB_UNKNOWN)
		printf(", TCB %s of %.10s, evaluation %u", om_tcb_status_words(facts->status), date_of(facts->tcb_date, date), facts->evaluation);
	printf("\n               %s", place_of(facts, place));
	printf("\n  report data  %s\n", hex_of(body->reportdata, sizeof body->reportdata, text));
	if (!v->data_given && v->request.evidence.data)
		printf("               nobody asked for it: the evidence may be old, or another's (--report-data)\n");
	print_moves(verify_programs_policy(&v->programs, body->mrenclave));
	if (verdict->has_instance)
		print_instance(&verdict->instance, verdict->fresh, v->request.now);
	if (!v->request.evidence.data)
		print_lineage(verdict);
	if (verdict->fresh)
		printf("  fresh        made for this nonce, by the enclave's runtime\n");
	else if (!v->request.evidence.data)
		printf("  fresh        no: of the day on which the server read its certificate; it may have moved since (--evidence URL)\n");
	if (*date_of(verdict->peer.valid_until, date))
		printf("  holds until  %s\n", date);
	if (facts->root_kind == OM_ROOT_DEMO)
		printf("  DEMONSTRATION: the root's key is public, so this proves nothing\n");
	if (body->attributes.flags & SGX_ATTR_DEBUG)
		printf("  DEBUG: its host can read its memory\n");
}

static int check(const struct verify *v)
{
	const int sources = !!v->request.evidence.data + !!v->certificate.data + !!v->connect;

	if (sources != 1)
		return host_fail(OM_EINVAL, "%s (--quote FILE, --certificate FILE or --connect HOST:PORT)", sources ? "one evidence at a time" : "which evidence?");
	if (v->listen && !v->connect)
		return host_fail(OM_EINVAL, "--listen needs --connect HOST:PORT: where to?");
	if (v->evidence && v->request.evidence.data)
		return host_fail(OM_EINVAL, "--evidence is for a certificate's key (--connect, --certificate)");
	if (!v->nonce_size == !!(v->evidence && v->certificate.data))
		return host_fail(OM_EINVAL, v->nonce_size ? "--nonce belongs to --certificate FILE --evidence FILE" : "--evidence FILE needs --nonce HEX, the nonce with which the evidence was asked for");
	if (v->request.evidence.data && (v->request.lineage || v->request.max_age))
		return host_fail(OM_EINVAL, "%s is for a certificate or fresh evidence: a quote alone does not say it", v->request.lineage ? "--lineage" : "--max-age");
	if (v->data_given && !v->request.evidence.data)
		return host_fail(OM_EINVAL, "--report-data is for a quote: a certificate's evidence carries its key");
	return 0;
}

static int parse(struct verify *v, int argc, char **argv)
{
	int c, error = 0;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1 && !error) {
		if (c == 'h' || c == OPT_HELP) {
			fputs(help, stdout);
			return CLI_OK + 1;
		}
		if (c < 0)
			return HOST_EXIT_USAGE + 1;
		error = option(v, c);
	}
	if (!error && optind < argc)
		error = host_fail(OM_EINVAL, "unexpected argument \"%s\"", argv[optind]);
	if (!error)
		error = check(v);
	if (!error && v->evidence && v->certificate.data)
		error = verify_read_file(v->evidence, &v->fresh);
	if (error)
		host_error("verify: %s", host_reason());
	return error ? HOST_EXIT_USAGE + 1 : 0;
}

static int judge(const struct verify *v, struct verify_verdict *ret)
{
	X509 *certificate;
	SSL *tls;
	int error;

	if (v->connect) {
		error = verify_connect(&v->request, v->connect, v->evidence, ret, &tls);
		if (tls) {
			(void)SSL_shutdown(tls);
			close(SSL_get_fd(tls));
			SSL_free(tls);
		}
		return error;
	}
	if (!v->certificate.data)
		return verify_judge(&v->request, ret);
	error = verify_certificate_read(v->certificate, &certificate);
	if (!error) {
		error = v->fresh.data ? verify_fresh(&v->request, certificate, v->fresh, (struct om_view) { v->nonce, v->nonce_size }, ret) :
			verify_certificate(&v->request, certificate, (struct om_view) { 0 }, ret);
		X509_free(certificate);
	}
	return error;
}

static int run(struct verify *v)
{
	struct verify_verdict verdict;
	int error = judge(v, &verdict);

	if (error) {
		host_error("verify: %s", host_reason());
		return error == OM_ENOTFOUND ? CLI_NOTFOUND : error == OM_EINVAL ? HOST_EXIT_USAGE : CLI_FAILED;
	}
	if (!verdict.error && v->data_given && memcmp(verdict.peer.body.reportdata, v->data, sizeof v->data) != 0) {
		verdict.error = OM_EAUTH;
		verdict.reason = OM_WHY_USER_DATA;
	}
	(v->json ? print_json : print_text)(v, &verdict);
	return verdict.error ? CLI_FAILED : CLI_OK;
}

/* What could never be accepted is said before anybody connects. */
static int proxy(const struct verify *v)
{
	struct verify_verdict *verdict = malloc(sizeof *verdict);
	struct verify_request probe = v->request;
	int error;

	probe.evidence = (struct om_view) { (const uint8_t *)"\0", 2 };
	error = verdict ? verify_judge(&probe, verdict) : host_fail(OM_ENOMEM, "no memory");
	free(verdict);
	if (!error)
		error = verify_proxy(&v->request, v->listen, v->connect, v->evidence);
	host_error("verify: %s", host_reason());
	return error == OM_EINVAL ? HOST_EXIT_USAGE : CLI_FAILED;
}

int cli_verify(int argc, char **argv)
{
	struct verify *v = calloc(1, sizeof *v);
	int status;

	if (!v) {
		host_error("verify: no memory");
		return CLI_FAILED;
	}
	v->request.programs = &v->programs;
	v->request.kept = cli_kept_collateral;
	v->request.now = time(NULL);
	status = parse(v, argc, argv);
	status = status ? status - 1 : v->listen ? proxy(v) : run(v);
	free((void *)(uintptr_t)v->request.evidence.data);
	free((void *)(uintptr_t)v->certificate.data);
	free((void *)(uintptr_t)v->fresh.data);
	verify_programs_done(&v->programs);
	free((void *)(uintptr_t)v->request.collateral.data);
	free((void *)(uintptr_t)v->request.guests.data);
	free((void *)(uintptr_t)v->request.policy.data);
	free(v);
	return status;
}
