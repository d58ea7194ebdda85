/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig ticket`: the owner's side of core/evidence/accept/ticket.h. Everything is done from files, so that it can be done where the key
 * is, far from any enclave. What is issued is judged as an engine would before it is written.
 */
#include <inttypes.h>
#include <jansson.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli.h"
#include "crypto/ec.h"
#include "exitcodes.h"
#include "move/units.h"
#include "ticket.h"
#include "util.h"

#define BEST_EFFORT "best effort: by the clock of the host that the program leaves"

static const char help[] =
	"usage: optmig ticket issue    --key KEY (--from STATUS | --instance ID --move N --image FILE) --to PLACE -o FILE\n"
	"       optmig ticket delegate --key OWNER --to-key FLEET --image FILE --instance ID|any --to PLACE -o FILE\n"
	"       optmig ticket show     [--json] FILE\n"
	"       optmig ticket check    [--json] [--key KEY] [--image FILE] [--from STATUS] [--at PLACE] FILE\n"
	"       optmig ticket key      KEY\n"
	"A program whose policy names an owner moves only with a ticket: one move of one instance, to the place that the ticket names.\n\n"
	"  --key FILE            issue: the owner's private key, or the fleet's with --delegation; delegate: the owner's; check: the owner's,\n"
	"                        public or private, or 128 hexadecimal digits\n"
	"  --delegation FILE     the owner's word on the fleet's key, made by `delegate`\n"
	"  --from FILE           program, instance and next move from the output of `optmig status --json` (-: standard input)\n"
	"  --instance ID         32 hexadecimal digits (`optmig status` shows them); delegate: or any\n"
	"  --move N              the number of the move that is allowed (`optmig status` shows the next)\n"
	"  --image FILE          the program, by its image\n"
	"  --mrenclave HEX       the program, by its measurement\n"
	"  --signer HEX          delegate: all programs of that MRSIGNER\n"
	"  --to PLACE            where the program may go: PLATFORM:ID[,guest=MEASUREMENT], or PLATFORM:any (may be repeated)\n"
	"                        PLATFORM is sgx, snp, tdx or demo; ID is a platform instance id, SNP's CHIP_ID\n"
	"  --to-host FILE        the same, from the output of `optmig info --json` on that host (may be repeated)\n"
	"  --moves FIRST-LAST    delegate: numbers of the moves that may be allowed (all)\n"
	"  --expires TIME        not after: YYYY-MM-DD[THH:MM:SSZ], or 30min, 8h from now; " BEST_EFFORT "\n"
	"  --at PLACE            check: would the ticket allow a move to that place? (or --to-host)\n"
	"  -o, --output FILE     where to write the ticket or delegation\n"
	"  --json                for scripts\n\n"
	"Example: the first move of ./server, started on host A, to host B\n"
	"  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out owner.pem       the owner's key, kept by the owner\n"
	"  optmig ticket key owner.pem                                                         the line `owner = ...` of the policy\n"
	"  A$ optmig status --json server > status.json       B$ optmig info --json > b.json\n"
	"  optmig ticket issue --key owner.pem --from status.json --to-host b.json --expires 1h -o server.ticket\n"
	"  A$ optmig migrate server --to B:7777 --ticket server.ticket\n\n"
	"Exit status: 0 done, or allowed; 1 failed, or not allowed; 2 usage. See optmig-ticket(1).\n";

enum { OPT_KEY = 1, OPT_TO_KEY, OPT_DELEGATION, OPT_FROM, OPT_INSTANCE, OPT_MOVE, OPT_MOVES, OPT_IMAGE, OPT_MRENCLAVE, OPT_SIGNER, OPT_TO,
	OPT_TO_HOST, OPT_EXPIRES, OPT_AT, OPT_JSON, OPT_HELP };
static const struct option longs[] = {
	{ "key", required_argument, NULL, OPT_KEY },
	{ "to-key", required_argument, NULL, OPT_TO_KEY },
	{ "delegation", required_argument, NULL, OPT_DELEGATION },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "instance", required_argument, NULL, OPT_INSTANCE },
	{ "move", required_argument, NULL, OPT_MOVE },
	{ "moves", required_argument, NULL, OPT_MOVES },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "mrenclave", required_argument, NULL, OPT_MRENCLAVE },
	{ "signer", required_argument, NULL, OPT_SIGNER },
	{ "to", required_argument, NULL, OPT_TO },
	{ "to-host", required_argument, NULL, OPT_TO_HOST },
	{ "expires", required_argument, NULL, OPT_EXPIRES },
	{ "at", required_argument, NULL, OPT_AT },
	{ "output", required_argument, NULL, 'o' },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};
#define BIT(option) (UINT64_C(1) << ((option) == 'o' ? 0 : (option)))

/* Which options each verb knows: what would have no effect is an error. */
static const struct verb { const char *name; uint64_t options; bool file; } verbs[] = {
	{ "issue", BIT(OPT_KEY) | BIT(OPT_DELEGATION) | BIT(OPT_FROM) | BIT(OPT_INSTANCE) | BIT(OPT_MOVE) | BIT(OPT_IMAGE) | BIT(OPT_MRENCLAVE) |
		BIT(OPT_TO) | BIT(OPT_TO_HOST) | BIT(OPT_EXPIRES) | BIT('o') | BIT(OPT_JSON), false },
	{ "delegate", BIT(OPT_KEY) | BIT(OPT_TO_KEY) | BIT(OPT_INSTANCE) | BIT(OPT_MOVES) | BIT(OPT_IMAGE) | BIT(OPT_MRENCLAVE) | BIT(OPT_SIGNER) |
		BIT(OPT_TO) | BIT(OPT_TO_HOST) | BIT(OPT_EXPIRES) | BIT('o') | BIT(OPT_JSON), false },
	{ "show", BIT(OPT_JSON), true },
	{ "check", BIT(OPT_KEY) | BIT(OPT_FROM) | BIT(OPT_INSTANCE) | BIT(OPT_MOVE) | BIT(OPT_IMAGE) | BIT(OPT_MRENCLAVE) | BIT(OPT_AT) |
		BIT(OPT_TO_HOST) | BIT(OPT_JSON), true },
	{ "key", 0, true },
};

struct arguments {
	const struct verb *verb;
	uint64_t seen;
	const char *key, *to_key, *delegation, *output, *file, *at;
	struct ticket_program program;
	bool any_instance;
	uint64_t first_move, last_move, not_after;
	unsigned place_count;
	struct om_place place[OM_TICKET_PLACES_MAX];
	char host[OM_PLACE_TEXT_MAX];    /* the last --to-host */
	bool json;
};

/* ---- options ---- */

static int get_hex(const char *what, const char *text, uint8_t *to, size_t size)
{
	return om_hex_decode(text, strlen(text), to, size) ? 0 : host_fail(OM_EINVAL, "%s: %zu hexadecimal digits", what, 2 * size);
}

static int get_time(const char *text, uint64_t *ret)
{
	struct tm tm = { 0 };
	uint64_t ns;
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	time_t at;

	if (end && *end == 'T')
		end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (end && !*end) {
		at = timegm(&tm);
		*ret = (uint64_t)at;
		return at > 0 ? 0 : host_fail(OM_EINVAL, "no date after 1970");
	}
	if (move_parse_duration(text, &ns) || ns < 1000000000)
		return host_fail(OM_EINVAL, "YYYY-MM-DD, YYYY-MM-DDTHH:MM:SSZ, or a time from now such as 30min or 8h");
	*ret = (uint64_t)time(NULL) + ns / 1000000000;
	return 0;
}

static int get_moves(const char *text, uint64_t *ret_first, uint64_t *ret_last)
{
	char first[24];
	const char *dash = strchr(text, '-');
	int error;

	if (!dash || (size_t)(dash - text) >= sizeof first)
		return host_fail(OM_EINVAL, "FIRST-LAST, such as 1-100");
	memcpy(first, text, (size_t)(dash - text));
	first[dash - text] = 0;
	error = host_parse_u64(first, 1, OM_MOVE_MAX, ret_first);
	return error ? error : host_parse_u64(dash + 1, *ret_first, OM_MOVE_MAX, ret_last);
}

static int add_place(struct arguments *a, const char *text)
{
	const char *words;

	if (a->place_count == OM_TICKET_PLACES_MAX)
		return host_fail(OM_EINVAL, "at most %d places", OM_TICKET_PLACES_MAX);
	words = om_place_from_text(text, &a->place[a->place_count]);
	if (words)
		return host_fail(OM_EINVAL, "%s", words);
	a->place_count++;
	return 0;
}

static int add_host(struct arguments *a, const char *path)
{
	const int error = ticket_host(path, a->host);

	return error ? error : a->verb->options & BIT(OPT_TO) ? add_place(a, a->host) : 0;
}

static int get_instance(struct arguments *a, const char *text)
{
	a->any_instance = a->verb->options & BIT(OPT_TO_KEY) && strcmp(text, "any") == 0;
	a->program.has_instance = !a->any_instance;
	return a->any_instance ? 0 : get_hex("an instance id", text, a->program.instance, sizeof a->program.instance);
}

static int option(struct arguments *a, int c)
{
	uint8_t mrenclave[32];
	int error;

	switch (c) {
	case OPT_KEY:        a->key = optarg; return 0;
	case OPT_TO_KEY:     a->to_key = optarg; return 0;
	case OPT_DELEGATION: a->delegation = optarg; return 0;
	case OPT_FROM:       return ticket_from_status(optarg, &a->program);
	case OPT_INSTANCE:   return get_instance(a, optarg);
	case OPT_MOVE:       return host_parse_u64(optarg, 1, OM_MOVE_MAX, &a->program.move);
	case OPT_MOVES:      return get_moves(optarg, &a->first_move, &a->last_move);
	case OPT_IMAGE:      return ticket_from_image(optarg, &a->program);
	case OPT_MRENCLAVE:
		error = get_hex("MRENCLAVE", optarg, mrenclave, sizeof mrenclave);
		return error ? error : ticket_is_for(optarg, mrenclave, &a->program);
	case OPT_SIGNER:
		a->program.has_mrsigner = true;
		return get_hex("MRSIGNER", optarg, a->program.mrsigner, sizeof a->program.mrsigner);
	case OPT_TO:         return add_place(a, optarg);
	case OPT_TO_HOST:    return add_host(a, optarg);
	case OPT_EXPIRES:    return get_time(optarg, &a->not_after);
	case OPT_AT:         a->at = optarg; return 0;
	case 'o':            a->output = optarg; return 0;
	default:             a->json = true; return 0;
	}
}

static const struct verb *verb_named(const char *name)
{
	const char *names[sizeof verbs / sizeof *verbs + 1] = { NULL }, *nearest;

	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		names[i] = verbs[i].name;
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	}
	nearest = host_did_you_mean(name, names);
	if (nearest)
		host_error("ticket: no \"%s\"; did you mean \"%s\"?", name, nearest);
	else
		host_error("ticket: issue, delegate, show, check or key? (optmig ticket --help)");
	return NULL;
}

static const char *name_of(int c)
{
	const struct option *o = longs;

	while (o->name && o->val != c)
		o++;
	return o->name ? o->name : "?";
}

/* Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv, struct arguments *a)
{
	int c;

	while ((c = cli_getopt(argc, argv, "ho:", longs)) != -1) {
		if (c == 'h' || c == OPT_HELP) {
			fputs(help, stdout);
			return CLI_OK + 1;
		}
		if (c == -2)
			return HOST_EXIT_USAGE + 1;
		if (!(a->verb->options & BIT(c))) {
			host_error("ticket %s: --%s means nothing here", a->verb->name, name_of(c));
			return HOST_EXIT_USAGE + 1;
		}
		a->seen |= BIT(c);
		if (option(a, c)) {
			host_error("ticket %s: %s: %s", a->verb->name, optarg, host_reason());
			return HOST_EXIT_USAGE + 1;
		}
	}
	a->file = argv[optind];
	if (a->seen & BIT(OPT_FROM) && a->seen & (BIT(OPT_INSTANCE) | BIT(OPT_MOVE))) {
		host_error("ticket %s: --from says which instance and move; leave out --instance and --move, or --from", a->verb->name);
		return HOST_EXIT_USAGE + 1;
	}
	if (argc - optind == (a->verb->file ? 1 : 0))
		return 0;
	host_error(a->verb->file ? "ticket %s: which file?" : "ticket %s: no file but in options", a->verb->name);
	return HOST_EXIT_USAGE + 1;
}

static int fault(const struct arguments *a)
{
	host_error("ticket %s: %s", a->verb->name, host_reason());
	return CLI_FAILED;
}

static int missing(const struct arguments *a, const char *words)
{
	host_error("ticket %s: %s", a->verb->name, words);
	return HOST_EXIT_USAGE;
}

/* ---- words ---- */

static void hex(const uint8_t *bytes, size_t size, char *to)
{
	for (size_t i = 0; i < size; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

static json_t *hex_json(const uint8_t *bytes, size_t size)
{
	char text[2 * OM_P256_PUBLIC_BYTES + 1];

	hex(bytes, size, text);
	return json_string(text);
}

static json_t *places_json(const struct om_place *places, unsigned count)
{
	json_t *list = json_array();
	char text[OM_PLACE_TEXT_MAX];

	for (unsigned i = 0; i < count; i++) {
		om_place_text(&places[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

static void add_expiry(json_t *o, uint64_t not_after)
{
	const time_t at = (time_t)not_after;
	char text[64] = "a date beyond all calendars";
	struct tm tm;

	if (!not_after)
		return;
	if (gmtime_r(&at, &tm))
		(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);   /* fits, or the words stay */
	json_object_set_new(o, "expires", json_string(text));
	json_object_set_new(o, "expires-note", json_string(BEST_EFFORT));
}

static json_t *delegation_json(const struct om_delegation *d)
{
	json_t *o = json_pack("{so so}", "key", hex_json(d->key, sizeof d->key),
		d->flags & OM_DELEGATION_SIGNER ? "mrsigner" : "mrenclave", hex_json(d->program, sizeof d->program));

	json_object_set_new(o, "instance", d->flags & OM_DELEGATION_ANY_INSTANCE ? json_string("any") : hex_json(d->instance, sizeof d->instance));
	json_object_set_new(o, "first-move", json_integer((json_int_t)d->first_move));
	if (d->last_move < OM_MOVE_MAX)
		json_object_set_new(o, "last-move", json_integer((json_int_t)d->last_move));
	json_object_set_new(o, "to", places_json(d->place, d->place_count));
	add_expiry(o, d->not_after);
	return o;
}

static json_t *ticket_json(const struct om_ticket *t)
{
	json_t *o = json_pack("{so so sI so}", "mrenclave", hex_json(t->mrenclave, sizeof t->mrenclave), "instance",
		hex_json(t->instance, sizeof t->instance), "move", (json_int_t)t->move, "to", places_json(t->place, t->place_count));

	add_expiry(o, t->not_after);
	if (t->delegated)
		json_object_set_new(o, "delegation", delegation_json(&t->delegation));
	return o;
}

static const char *member(const json_t *o, const char *name)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text ? text : "";
}

/* The same members as lines. */
static void print_lines(const json_t *o, const char *indent)
{
	static const char *const names[] = { "key", "mrenclave", "mrsigner", "instance" };
	const json_t *place, *to = json_object_get(o, "to");
	size_t i;

	for (i = 0; i < sizeof names / sizeof *names; i++)
		if (*member(o, names[i]))
			printf("%s%-12s%s\n", indent, names[i], member(o, names[i]));
	if (json_object_get(o, "move"))
		printf("%s%-12s%" JSON_INTEGER_FORMAT "\n", indent, "move", json_integer_value(json_object_get(o, "move")));
	if (json_object_get(o, "first-move"))
		printf("%s%-12sfrom %" JSON_INTEGER_FORMAT, indent, "moves", json_integer_value(json_object_get(o, "first-move")));
	if (json_object_get(o, "last-move"))
		printf(" to %" JSON_INTEGER_FORMAT, json_integer_value(json_object_get(o, "last-move")));
	if (json_object_get(o, "first-move"))
		putchar('\n');
	json_array_foreach(to, i, place)
		printf("%s%-12s%s\n", indent, i ? "" : "to", json_string_value(place));
	if (*member(o, "expires"))
		printf("%s%-12s%s (%s)\n", indent, "expires", member(o, "expires"), member(o, "expires-note"));
	else
		printf("%s%-12snever\n", indent, "expires");
}

/* Takes over `o`. */
static int print(json_t *o, bool json, const char *title)
{
	const json_t *delegation = json_object_get(o, "delegation");

	if (json) {
		json_dumpf(o, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		printf("%s\n", title);
		print_lines(o, "  ");
		if (delegation) {
			puts("  by a key that the owner delegated to:");
			print_lines(delegation, "    ");
		}
	}
	json_decref(o);
	return CLI_OK;
}

/* ---- verbs ---- */

static int sign_and_write(const struct arguments *a, uint8_t *bytes, size_t size, const uint8_t hash[32], const uint8_t private[32])
{
	int error = om_p256_sign(private, hash, bytes + size);

	if (error)
		return host_fail(error, "%s: the key cannot sign", a->key);
	return ticket_file_write(a->output, bytes, size + OM_TICKET_SIGNATURE);
}

/* As an engine would judge it that knows what is known here. */
static int judge_own(const struct ticket_program *p, const uint8_t *owner, struct om_view bytes)
{
	struct om_ticket_case c = { .owner = owner, .mrenclave = p->mrenclave, .mrsigner = p->has_mrsigner ? p->mrsigner : NULL,
		.now = (int64_t)time(NULL) };
	enum om_attest_reason why;
	const int error = om_ticket_judge(bytes, &c, &why);

	return error ? host_fail(error, "%s", om_attest_reason_words(why)) : 0;
}

static int make_ticket(const struct arguments *a, struct om_ticket *t, const uint8_t private[32], const uint8_t public[OM_P256_PUBLIC_BYTES])
{
	static uint8_t bytes[OM_TICKET_MAX];
	struct ticket_file given = { .size = 0 };
	const struct ticket_program *p = &a->program;
	uint8_t hash[32];
	size_t size;
	int error;

	if (a->delegation && ticket_file_read(a->delegation, &given))
		return OM_EINVAL;
	if (a->delegation && !given.delegation)
		return host_fail(OM_EINVAL, "%s: a ticket, and no delegation", a->delegation);
	if (!a->delegation && p->has_owner && memcmp(p->owner, public, sizeof p->owner))
		return host_fail(OM_EINVAL, "%s: the image has another owner; a fleet's key needs its --delegation", a->key);
	memcpy(t->mrenclave, p->mrenclave, sizeof t->mrenclave);
	memcpy(t->instance, p->instance, sizeof t->instance);
	t->move = p->move;
	t->not_after = a->not_after;
	t->place_count = a->place_count;
	memcpy(t->place, a->place, sizeof t->place);
	error = om_ticket_encode(t, (struct om_view) { given.bytes, given.size }, bytes, sizeof bytes - OM_TICKET_SIGNATURE, &size, hash);
	if (error)
		return host_fail(error, "these places, or a place twice, do not make a ticket");
	error = om_p256_sign(private, hash, bytes + size);
	if (!error)
		error = judge_own(p, !a->delegation ? public : p->has_owner ? p->owner : NULL, (struct om_view) { bytes, size + OM_TICKET_SIGNATURE });
	if (error)
		return error;
	error = sign_and_write(a, bytes, size, hash, private);
	return error ? error : om_ticket_decode((struct om_view) { bytes, size + OM_TICKET_SIGNATURE }, t, NULL, NULL);
}

static int issue(struct arguments *a)
{
	static struct om_ticket t;
	uint8_t private[32], public[OM_P256_PUBLIC_BYTES];
	int error;

	if (!a->key)
		return missing(a, "who issues it? (--key, a private key)");
	if (!a->program.has_mrenclave)
		return missing(a, "for which program? (--from, --image or --mrenclave)");
	if (!a->program.has_instance || !a->program.move)
		return missing(a, "for which instance and which of its moves? (--from, or --instance and --move; `optmig status` shows both)");
	if (!a->place_count)
		return missing(a, "to where? (--to PLATFORM:ID or --to-host; PLATFORM:any if every machine of that kind will do)");
	if (!a->output)
		return missing(a, "into which file? (-o)");
	error = ticket_key_private(a->key, private, public);
	if (!error)
		error = make_ticket(a, &t, private, public);
	OPENSSL_cleanse(private, sizeof private);
	return error ? fault(a) : print(ticket_json(&t), a->json, "a ticket for one move:");
}

static int fill_delegation(const struct arguments *a, struct om_delegation *d)
{
	const struct ticket_program *p = &a->program;
	const bool by_signer = a->seen & BIT(OPT_SIGNER);
	const int error = ticket_key_public(a->to_key, d->key);

	if (error)
		return error;
	d->flags = (uint16_t)((a->any_instance ? OM_DELEGATION_ANY_INSTANCE : 0) | (by_signer ? OM_DELEGATION_SIGNER : 0));
	memcpy(d->program, by_signer ? p->mrsigner : p->mrenclave, sizeof d->program);
	memcpy(d->instance, p->instance, sizeof d->instance);
	d->first_move = a->first_move ? a->first_move : 1;
	d->last_move = a->last_move ? a->last_move : OM_MOVE_MAX;
	d->not_after = a->not_after;
	d->place_count = a->place_count;
	memcpy(d->place, a->place, sizeof d->place);
	return 0;
}

static int delegate(struct arguments *a)
{
	static uint8_t bytes[OM_DELEGATION_MAX];
	static struct om_delegation d;
	uint8_t private[32], public[OM_P256_PUBLIC_BYTES], hash[32];
	size_t size;
	int error;

	if (!a->key || !a->to_key)
		return missing(a, "whose word, and on whose key? (--key, the owner's private key; --to-key, the fleet's)");
	if (!(a->seen & (BIT(OPT_IMAGE) | BIT(OPT_MRENCLAVE) | BIT(OPT_SIGNER))))
		return missing(a, "for which program? (--image, --mrenclave, or --signer for all of that MRSIGNER)");
	if (a->seen & BIT(OPT_SIGNER) && a->seen & (BIT(OPT_IMAGE) | BIT(OPT_MRENCLAVE)))
		return missing(a, "one program, or all of one signer: not both");
	if (!a->program.has_instance && !a->any_instance)
		return missing(a, "for which instance? (--instance ID, or --instance any)");
	if (!a->place_count)
		return missing(a, "to where? (--to PLATFORM:ID or --to-host; PLATFORM:any if every machine of that kind will do)");
	if (!a->output)
		return missing(a, "into which file? (-o)");
	error = ticket_key_private(a->key, private, public);
	if (!error && a->program.has_owner && memcmp(a->program.owner, public, sizeof public))
		error = host_fail(OM_EINVAL, "%s: the image has another owner", a->key);
	if (!error)
		error = fill_delegation(a, &d);
	if (!error && om_delegation_encode(&d, bytes, sizeof bytes - OM_TICKET_SIGNATURE, &size, hash))
		error = host_fail(OM_EINVAL, "these places, or a place twice, do not make a delegation");
	if (!error)
		error = sign_and_write(a, bytes, size, hash, private);
	OPENSSL_cleanse(private, sizeof private);
	return error ? fault(a) : print(delegation_json(&d), a->json, "a delegation, by which this key may sign tickets:");
}

static int show(struct arguments *a)
{
	static struct om_delegation d;
	static struct om_ticket t;
	struct ticket_file file;
	struct om_view bytes;

	if (ticket_file_read(a->file, &file))
		return fault(a);
	bytes = (struct om_view) { file.bytes, file.size };
	if (file.delegation)
		return om_delegation_decode(bytes, &d, NULL) ? fault(a) : print(delegation_json(&d), a->json,
			"a delegation, by which this key may sign tickets:");
	return om_ticket_decode(bytes, &t, NULL, NULL) ? fault(a) : print(ticket_json(&t), a->json, "a ticket for one move:");
}

/* What the judgement did not look at, since nobody said. */
static json_t *not_checked(const struct om_ticket_case *c, const struct om_ticket *t)
{
	const struct { bool known; const char *what; } facts[] = {
		{ c->owner, "the owner's signature (--key, or --image)" }, { c->mrenclave, "the program (--from, --image)" },
		{ c->instance, "the instance (--from, --instance)" }, { c->move, "the move (--from, --move)" },
		{ c->destination, "the destination (--at, --to-host)" },
		{ c->mrsigner || !t->delegated || !(t->delegation.flags & OM_DELEGATION_SIGNER), "the program's signer (--image)" },
	};
	json_t *list = json_array();

	for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
		if (!facts[i].known)
			json_array_append_new(list, json_string(facts[i].what));
	return list;
}

static int answer(json_t *unknown, int error, enum om_attest_reason why, bool expires, bool json)
{
	const char *words = error ? om_attest_reason_words(why) : "this ticket allows the move, as far as it was looked at";
	const json_t *one;
	json_t *o;
	size_t i;

	if (json) {
		o = json_pack("{sb ss si so ss}", "allowed", !error, "reason", words, "reason-number", (int)why, "not-checked", unknown, "expires-note", BEST_EFFORT);
		json_dumpf(o, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(o);
		return error ? CLI_FAILED : CLI_OK;
	}
	printf("%s\n", words);
	if (expires)
		puts("its expiry is " BEST_EFFORT);
	json_array_foreach(unknown, i, one)
		printf("not looked at: %s\n", json_string_value(one));
	json_decref(unknown);
	return error ? CLI_FAILED : CLI_OK;
}

static int check(struct arguments *a)
{
	static struct om_ticket t;
	const struct ticket_program *p = &a->program;
	struct om_ticket_case c = { .now = (int64_t)time(NULL) };
	const char *at = a->at ? a->at : *a->host ? a->host : NULL, *words = NULL;
	uint8_t owner[OM_P256_PUBLIC_BYTES];
	struct om_platform_identity is;
	enum om_attest_reason why;
	struct ticket_file file;
	struct om_view bytes;
	int error = ticket_file_read(a->file, &file);

	if (!error && file.delegation)
		error = host_fail(OM_EINVAL, "%s: a delegation, and no ticket", a->file);
	if (!error && a->key)
		error = ticket_key_public(a->key, owner);
	if (!error && at && (words = om_identity_from_text(at, &is)))
		error = host_fail(OM_EINVAL, "%s: %s", at, words);
	if (error)
		return fault(a);
	c.owner = a->key ? owner : p->has_owner ? p->owner : NULL;
	c.mrenclave = p->has_mrenclave ? p->mrenclave : NULL;
	c.mrsigner = p->has_mrsigner ? p->mrsigner : NULL;
	c.instance = p->has_instance ? p->instance : NULL;
	c.move = p->move;
	c.destination = at ? &is : NULL;
	bytes = (struct om_view) { file.bytes, file.size };
	if (om_ticket_decode(bytes, &t, NULL, NULL))
		return fault(a);
	error = om_ticket_judge(bytes, &c, &why);
	return answer(not_checked(&c, &t), error, why, t.not_after || t.delegation.not_after, a->json);
}

static int key(struct arguments *a)
{
	uint8_t public[OM_P256_PUBLIC_BYTES];
	char text[2 * sizeof public + 1];

	if (ticket_key_public(a->file, public))
		return fault(a);
	hex(public, sizeof public, text);
	printf("owner = %s\n", text);
	return CLI_OK;
}

int cli_ticket(int argc, char **argv)
{
	static int (*const run[])(struct arguments *) = { issue, delegate, show, check, key };
	static struct arguments a;
	int stop;

	if (argc < 2) {
		host_error("ticket: issue, delegate, show, check or key? (optmig ticket --help)");
		return HOST_EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(help, stdout);
		return CLI_OK;
	}
	a.verb = verb_named(argv[1]);
	if (!a.verb)
		return HOST_EXIT_USAGE;
	stop = parse(argc - 1, argv + 1, &a);
	return stop ? stop - 1 : run[a.verb - verbs](&a);
}
