/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig collateral`: what the makers of platforms publish, fetched and kept for those who judge evidence. */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "cli.h"
#include "collateral/fetch.h"
#include "exitcodes.h"
#include "strerror.h"
#include "util.h"
#include "verify/verify.h"

static const char help[] =
	"usage: optmig collateral fetch [NAME...] [--evidence FILE] [OPTIONS]\n"
	"       optmig collateral show [NAME...] [--at TIME] [--json]\n"
	"       optmig collateral import FILE... [--at TIME]\n"
	"       optmig collateral import --table FILE --evidence FILE [OPTIONS]\n"
	"       optmig collateral export [NAME...] [--output FILE]\n"
	"Keeps the collateral that evidence of SGX, TDX and SNP platforms is judged by: certificates, revocation lists, TCB information.\n"
	"Moves and `optmig verify` find it by themselves. A NAME is one of\n"
	"  sgx-FMSPC-platform  sgx-FMSPC-processor  tdx-FMSPC-platform       each also with -early behind it\n"
	"  snp-PRODUCT-vcek-HWID-TCB  snp-PRODUCT-vlek-TCB                   PRODUCT: milan, genoa, turin\n"
	"and a command that lacks collateral says its name. New collateral replaces old collateral only if it is signed by its maker, in force,\n"
	"and no older than what was seen before.\n\n"
	"  fetch                   asks the makers' services, or a cache of them; without NAME and evidence for all that is kept, anew\n"
	"    --evidence FILE       for the platform of this evidence: an envelope, a quote, a report\n"
	"    --service URL         Intel's service or a PCCS, .../sgx/certification/v4/ (default: of sgx_default_qcnl.conf, else Intel's)\n"
	"    --root-crl URL        where the list of Intel's root is, if not where it should be\n"
	"    --qcnl FILE           another sgx_default_qcnl.conf\n"
	"    --kds URL             AMD's service or a cache of it (default: https://kdsintf.amd.com)\n"
	"    --cacert FILE         certificates that the server's may lead to\n"
	"    --insecure            any certificate of the server will do; what it sends is signed in any case\n"
	"    --timeout S, --retries N, --retry-delay S   of one request (60, 5, 5; the delay doubles; a service may ask for another)\n"
	"  show                    what is kept, and until when it is in force; exit status 1 if something is not in force\n"
	"  import                  what `export` wrote on another machine\n"
	"    --table FILE          the certificate table of an extended report (auxblob); with --evidence, the report\n"
	"  export                  all that is kept, or NAMEs, to standard output or a file\n"
	"  --at TIME               as of YYYY-MM-DDTHH:MM:SSZ instead of now\n"
	"Exit status: 0 done, 1 failed (what was there is as before), 2 usage, 5 there is none.\n"
	"Example: optmig collateral fetch --evidence quote.bin\n";

enum { OPT_EVIDENCE = 1, OPT_SERVICE, OPT_ROOT, OPT_QCNL, OPT_KDS, OPT_CACERT, OPT_INSECURE, OPT_TIMEOUT, OPT_RETRIES, OPT_DELAY, OPT_TABLE, OPT_OUTPUT, OPT_AT,
	OPT_JSON, OPT_HELP };
static const struct option longs[] = {
	{ "evidence", required_argument, NULL, OPT_EVIDENCE },
	{ "service", required_argument, NULL, OPT_SERVICE },
	{ "root-crl", required_argument, NULL, OPT_ROOT },
	{ "qcnl", required_argument, NULL, OPT_QCNL },
	{ "kds", required_argument, NULL, OPT_KDS },
	{ "cacert", required_argument, NULL, OPT_CACERT },
	{ "insecure", no_argument, NULL, OPT_INSECURE },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "retries", required_argument, NULL, OPT_RETRIES },
	{ "retry-delay", required_argument, NULL, OPT_DELAY },
	{ "table", required_argument, NULL, OPT_TABLE },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "at", required_argument, NULL, OPT_AT },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

struct request {
	const char *service, *root, *qcnl, *kds, *cacert, *timeout, *retries, *delay, *table, *output;
	struct om_view evidence;
	bool insecure, json;
	int64_t now;
	char **names;                           /* what is left of the command line */
	int count;
	json_t *list;                           /* of show --json */
	unsigned done, failed;
	struct collateral_services services;
};

/* ---- show ----------------------------------------------------------------------------------------------------- */

static const char *date_of(int64_t seconds, char ret[32])
{
	const time_t t = (time_t)seconds;
	struct tm tm;

	if (!seconds || !gmtime_r(&t, &tm) || !strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm))
		ret[0] = 0;
	return ret;
}

static void show_json(struct request *r, const struct collateral_bundle *b, int error, const struct collateral_verdict *v)
{
	json_t *one = json_object(), *parts = json_object();
	char name[COLLATERAL_NAME_MAX], date[32];

	collateral_name(&b->subject, name);
	json_object_set_new(one, "name", json_string(name));
	json_object_set_new(one, "in-force", json_boolean(!error));
	if (error)
		json_object_set_new(one, "why", json_string(host_reason()));
	if (!error || error == OM_EEXPIRED) {
		json_object_set_new(one, "from", json_string(date_of(v->from, date)));
		json_object_set_new(one, "until", json_string(date_of(v->until, date)));
		if (v->evaluation)
			json_object_set_new(one, "tcb-evaluation", json_integer(v->evaluation));
		if (v->root_crl)
			json_object_set_new(one, "root-crl-of", json_string(date_of(v->root_crl, date)));
		if (v->key_crl)
			json_object_set_new(one, "pck-crl-of", json_string(date_of(v->key_crl, date)));
	}
	for (unsigned i = 0; i < COLLATERAL_PARTS; i++)
		if (b->part[i].data)
			json_object_set_new(parts, collateral_part_name(b->subject.type, i), json_pack("{s:s, s:s, s:I}", "from", b->part[i].url,
				"time", date_of(b->part[i].time, date), "bytes", (json_int_t)b->part[i].size));
	json_object_set_new(one, "parts", parts);
	json_array_append_new(r->list, one);
}

static void show_text(const struct collateral_bundle *b, int error, const struct collateral_verdict *v)
{
	char name[COLLATERAL_NAME_MAX], date[32];

	collateral_name(&b->subject, name);
	if (error)
		printf("%s: NOT IN FORCE: %s\n", name, host_reason());
	else
		printf("%s: in force until %s", name, date_of(v->until, date));
	if (!error && v->evaluation)
		printf(", TCB evaluation %u", v->evaluation);
	if (!error)
		putchar('\n');
	for (unsigned i = 0; i < COLLATERAL_PARTS; i++)
		if (b->part[i].data)
			printf("  %-12s %7zu bytes, %s, %s\n", collateral_part_name(b->subject.type, i), b->part[i].size, date_of(b->part[i].time, date), b->part[i].url);
		else if (collateral_part_name(b->subject.type, i))
			printf("  %-12s there is none\n", collateral_part_name(b->subject.type, i));
}

static int show_one(void *context, struct collateral_bundle *b)
{
	struct request *r = context;
	struct collateral_verdict v = { 0 };
	const int error = collateral_judge(b, r->now, &v);

	r->done++;
	r->failed += error != 0;
	if (r->json)
		show_json(r, b, error, &v);
	else
		show_text(b, error, &v);
	return 0;
}

/* Those that are named, else all. */
static int each_named(struct request *r, int (*each)(void *context, struct collateral_bundle *b))
{
	int error = r->count ? 0 : collateral_each(each, r);

	for (int i = 0; i < r->count && !error; i++) {
		struct collateral_bundle b = { 0 };

		error = collateral_get(r->names[i], &b);
		if (error == OM_ENOTFOUND)
			error = host_fail(OM_ENOTFOUND, "there is no \"%s\"; `optmig collateral show` lists what there is", r->names[i]);
		if (!error)
			error = each(r, &b);
		collateral_bundle_done(&b);
	}
	return error;
}

static int do_show(struct request *r)
{
	int error;

	r->list = r->json ? json_array() : NULL;
	error = each_named(r, show_one);
	if (r->json && !error) {
		json_dumpf(r->list, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (!error && !r->done) {
		printf("there is none\n");
	}
	json_decref(r->list);
	return error;
}

/* ---- fetch ---------------------------------------------------------------------------------------------------- */

static int number(const char *text, unsigned most, const char *option, unsigned *ret)
{
	uint64_t value;

	if (!text)
		return 0;
	if (host_parse_u64(text, 0, most, &value))
		return host_fail(OM_EINVAL, "%s takes a number up to %u, not \"%s\"", option, most, text);
	*ret = (unsigned)value;
	return 0;
}

static int url(const char *text, const char *option, bool folder, char ret[COLLATERAL_URL_MAX])
{
	const size_t length = text ? strlen(text) : 0;

	if (!text)
		return 0;
	if ((strncmp(text, "https://", 8) && strncmp(text, "http://", 7)) || length + 2 > COLLATERAL_URL_MAX)
		return host_fail(OM_EINVAL, "%s takes the address of a service, https://..., not \"%.100s\"", option, text);
	snprintf(ret, COLLATERAL_URL_MAX, "%s%s", text, folder && text[length - 1] != '/' ? "/" : "");
	return 0;
}

static int services(struct request *r)
{
	struct collateral_services *s = &r->services;
	int error = collateral_services_init(s);

	if (r->qcnl)
		error = qcnl_read(r->qcnl, s);
	if (!error)
		error = url(r->service, "--service", true, s->intel);
	if (!error)
		error = url(r->root, "--root-crl", false, s->root_list);
	if (!error)
		error = url(r->kds, "--kds", false, s->kds);
	if (!error && r->cacert && strlen(r->cacert) >= sizeof s->ca_file)
		error = host_fail(OM_EINVAL, "--cacert: too long a name");
	if (!error && r->cacert)
		snprintf(s->ca_file, sizeof s->ca_file, "%s", r->cacert);
	if (!error)
		error = number(r->timeout, 3600, "--timeout", &s->timeout_s);
	if (!error && !s->timeout_s)
		error = host_fail(OM_EINVAL, "--timeout takes at least one second");
	if (!error)
		error = number(r->retries, 20, "--retries", &s->retries);
	if (!error)
		error = number(r->delay, 300, "--retry-delay", &s->delay_s);
	s->insecure |= r->insecure;
	return error;
}

/* AMD's certificates are taken over; all else is asked for anew. What fails says so, and the others go on. */
static int fetch_one(void *context, struct collateral_bundle *old)
{
	struct request *r = context;
	struct collateral_bundle b = { .subject = old->subject };
	char name[COLLATERAL_NAME_MAX];
	int error = 0;

	collateral_name(&b.subject, name);
	for (unsigned i = 0; i < COLLATERAL_PARTS && !error && collateral_of_amd(&b.subject); i++)
		if (old->part[i].data)
			error = collateral_part_copy(&b.part[i], &old->part[i]);
	if (!error)
		error = collateral_fetch(&r->services, r->now, &b);
	if (!error)
		error = collateral_put(&b, r->now);
	collateral_bundle_done(&b);
	r->done++;
	r->failed += error != 0;
	if (error)
		host_error("collateral: %s: %s%s", name, host_reason(), old->part[0].data ? "; what is there stays" : "");
	else
		printf("%s\n", name);
	return 0;
}

static int fetch_subject(struct request *r, const struct collateral_subject *s)
{
	struct collateral_bundle b = { .subject = *s }, old = { 0 };
	char name[COLLATERAL_NAME_MAX];
	int error;

	collateral_name(s, name);
	error = collateral_get(name, &old);
	/* A bundle that cannot be read is as good as none. */
	error = fetch_one(r, error ? &b : &old);
	collateral_bundle_done(&old);
	return error;
}

static int do_fetch(struct request *r)
{
	struct collateral_subject s;
	int error = services(r);

	if (!error && r->evidence.data) {
		error = collateral_subject_of(r->evidence, &s);
		if (!error) {
			s.early = !collateral_of_amd(&s) && r->services.early;
			error = fetch_subject(r, &s);
		}
	}
	for (int i = 0; i < r->count && !error; i++) {
		error = collateral_name_parse(r->names[i], &s);
		if (!error)
			error = fetch_subject(r, &s);
	}
	if (!error && !r->count && !r->evidence.data) {
		error = collateral_each(fetch_one, r);
		if (!error && !r->done)
			error = host_fail(OM_ENOTFOUND, "there is nothing to renew: name a platform, or give its evidence (--evidence FILE)");
	}
	return error;
}

/* ---- import and export ---------------------------------------------------------------------------------------- */

static int import_one(void *context, struct collateral_bundle *b)
{
	struct request *r = context;
	char name[COLLATERAL_NAME_MAX];
	const int error = collateral_put(b, r->now);

	collateral_name(&b->subject, name);
	r->done++;
	r->failed += error != 0;
	if (error)
		host_error("collateral: %s: %s", name, host_reason());
	else
		printf("%s\n", name);
	return 0;
}

/* The table's certificates; those above the key's may be missing there, as AMD publishes them: then they are asked for. */
static int import_table(struct request *r)
{
	struct collateral_bundle b = { 0 };
	struct om_view table = { 0 };
	int error = collateral_subject_of(r->evidence, &b.subject);

	if (!error && !collateral_of_amd(&b.subject))
		error = host_fail(OM_EINVAL, "only SNP has such a table");
	if (!error)
		error = verify_read_file(r->table, &table);
	if (!error)
		error = collateral_table(table, r->table, r->now, &b);
	if (!error && !b.part[COLLATERAL_CAS].data) {
		error = services(r);
		if (!error)
			error = collateral_fetch(&r->services, r->now, &b);
	}
	if (!error)
		error = import_one(r, &b);
	free((void *)(uintptr_t)table.data);
	collateral_bundle_done(&b);
	return error;
}

static int do_import(struct request *r)
{
	int error = 0;

	if (r->table && !r->evidence.data)
		return host_fail(OM_EINVAL, "--table needs --evidence FILE: whose certificates are these?");
	if (r->table)
		return import_table(r);
	if (!r->count)
		return host_fail(OM_EINVAL, "which file?");
	for (int i = 0; i < r->count && !error; i++) {
		struct om_view file;

		error = verify_read_file(r->names[i], &file);
		if (error)
			break;
		error = collateral_bundles_decode((const char *)file.data, file.size, import_one, r);
		free((void *)(uintptr_t)file.data);
	}
	return error;
}

static int export_one(void *context, struct collateral_bundle *b)
{
	struct request *r = context;
	json_t *one = NULL;
	size_t size;
	char *text;
	const int error = collateral_bundle_encode(b, &text, &size);

	if (error)
		return error;
	one = json_loadb(text, size, 0, NULL);
	free(text);
	r->done++;
	return json_array_append_new(r->list, one) ? host_fail(OM_ENOMEM, "no memory") : 0;
}

static int do_export(struct request *r)
{
	FILE *to = stdout;
	int error;

	r->list = json_array();
	error = each_named(r, export_one);
	if (!error && !r->done)
		error = host_fail(OM_ENOTFOUND, "there is none");
	if (!error && r->output && !(to = fopen(r->output, "we")))
		error = host_fail(OM_EIO, "%s cannot be written", r->output);
	if (!error && (json_dumpf(r->list, to, JSON_INDENT(1)) || fputc('\n', to) == EOF || fflush(to)))
		error = host_fail(OM_EIO, "the collateral cannot be written");
	if (to && to != stdout && fclose(to) && !error)
		error = host_fail(OM_EIO, "%s cannot be written", r->output);
	json_decref(r->list);
	return error;
}

/* ---- the command line ------------------------------------------------------------------------------------------ */

static int set_time(struct request *r, const char *value)
{
	struct tm tm = { 0 };
	const char *end = strptime(value, "%Y-%m-%dT%H:%M:%SZ", &tm);

	if (!end || *end)
		return host_fail(OM_EINVAL, "--at takes YYYY-MM-DDTHH:MM:SSZ, not \"%s\"", value);
	r->now = timegm(&tm);
	return 0;
}

static int option(struct request *r, int c)
{
	switch (c) {
	case OPT_EVIDENCE: return r->evidence.data ? host_fail(OM_EINVAL, "one --evidence at a time") : verify_read_file(optarg, &r->evidence);
	case OPT_SERVICE:  r->service = optarg; return 0;
	case OPT_ROOT:     r->root = optarg; return 0;
	case OPT_QCNL:     r->qcnl = optarg; return 0;
	case OPT_KDS:      r->kds = optarg; return 0;
	case OPT_CACERT:   r->cacert = optarg; return 0;
	case OPT_INSECURE: r->insecure = true; return 0;
	case OPT_TIMEOUT:  r->timeout = optarg; return 0;
	case OPT_RETRIES:  r->retries = optarg; return 0;
	case OPT_DELAY:    r->delay = optarg; return 0;
	case OPT_TABLE:    r->table = optarg; return 0;
	case OPT_OUTPUT:   r->output = optarg; return 0;
	case OPT_AT:       return set_time(r, optarg);
	default:           r->json = true; return 0;
	}
}

static int parse(struct request *r, int argc, char **argv)
{
	int c, error = 0;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1 && !error) {
		if (c == 'h' || c == OPT_HELP) {
			fputs(help, stdout);
			return CLI_OK + 1;
		}
		if (c < 0)
			return HOST_EXIT_USAGE + 1;
		error = option(r, c);
	}
	if (error)
		host_error("collateral: %s", host_reason());
	r->names = argv + optind;
	r->count = argc - optind;
	return error ? HOST_EXIT_USAGE + 1 : 0;
}

int cli_collateral(int argc, char **argv)
{
	static const struct { const char *name; int (*run)(struct request *r); } verbs[] = {
		{ "fetch", do_fetch }, { "show", do_show }, { "import", do_import }, { "export", do_export },
	};
	struct request r = { .now = time(NULL) };
	int (*run)(struct request *r) = NULL;
	int status, error;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		fputs(help, stdout);
		return CLI_OK;
	}
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs && argc > 1; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			run = verbs[i].run;
	if (!run) {
		host_error("collateral: fetch, show, import or export?%s%s", argc > 1 ? " Not " : "", argc > 1 ? argv[1] : "");
		return HOST_EXIT_USAGE;
	}
	status = parse(&r, argc - 1, argv + 1);
	if (status)
		return status - 1;
	error = run(&r);
	free((void *)(uintptr_t)r.evidence.data);
	if (error)
		host_error("collateral: %s", host_reason());
	return error == OM_ENOTFOUND ? CLI_NOTFOUND : error == OM_EINVAL ? HOST_EXIT_USAGE : error || r.failed ? CLI_FAILED : CLI_OK;
}
