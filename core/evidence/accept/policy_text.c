/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line is `key = value`; # begins a comment. Naming a key that may stand several times replaces the key's default
 * altogether. So a policy that does not name the key keeps the default, and one that does means what it says.
 *
 * Lines are judged one by one. Then om_policy_fault() judges the whole, and its answer gets the line of the key that it is about.
 * Functions return NULL, or what is wrong in words.
 */
#include <string.h>
#include "evidence/accept/policy_text.h"
#include "bytes.h"
#include "crypto/ec.h"
#include "crypto/p384.h"

#define SGX OM_PLATFORM_BIT(OM_EVIDENCE_SGX)
#define SNP OM_PLATFORM_BIT(OM_EVIDENCE_SNP)
#define TDX OM_PLATFORM_BIT(OM_EVIDENCE_TDX)

struct reader {
	struct om_policy p;
	unsigned line;                           /* the present one */
	unsigned seen[OM_POLICY_KEYS_COUNT];     /* line on which a key was named first; 0: not */
	bool intel, amd;                         /* named as roots */
	uint8_t named;                           /* platforms whose roots were named */
};

static const char too_many[] = "one more than a policy can hold";
static const char twice[] = "this was listed before";
static const char once_only[] = "this key may stand once only";

/* ---- words ---- */

static struct om_view trim(struct om_view v)
{
	while (v.size && (v.data[0] == ' ' || v.data[0] == '\t')) {
		v.data++;
		v.size--;
	}
	while (v.size && strchr(" \t\r", v.data[v.size - 1]) && v.data[v.size - 1])
		v.size--;
	return v;
}

static bool is(struct om_view v, const char *word)
{
	return v.size == strlen(word) && memcmp(v.data, word, v.size) == 0;
}

/* What stands before `mark`, trimmed; *rest goes behind it, or becomes empty. */
static struct om_view cut(struct om_view *rest, uint8_t mark)
{
	const uint8_t *at = rest->size ? memchr(rest->data, mark, rest->size) : NULL;
	struct om_view before = *rest;

	if (at) {
		before.size = (size_t)(at - rest->data);
		rest->data = at + 1;
		rest->size -= before.size + 1;
	} else {
		*rest = (struct om_view) { rest->data + rest->size, 0 };
	}
	return trim(before);
}

static bool hex(struct om_view v, uint8_t *ret, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	if (v.size != 2 * size)
		return false;
	memset(ret, 0, size);
	for (size_t i = 0; i < v.size; i++) {
		const uint8_t c = v.data[i] >= 'A' && v.data[i] <= 'F' ? (uint8_t)(v.data[i] | 0x20) : v.data[i];
		const char *at = c ? strchr(digits, c) : NULL;

		if (!at)
			return false;
		ret[i / 2] = (uint8_t)(ret[i / 2] << 4 | (at - digits));
	}
	return true;
}

static bool number(struct om_view v, unsigned max, unsigned *ret)
{
	return v.size >= 1 && v.size <= 9 && om_digits(v.data, (unsigned)v.size, ret) && *ret <= max;
}

/* YYYY-MM-DD, or that with THH:MM:SSZ. */
static bool date(struct om_view v, uint64_t *ret)
{
	static const char form[] = "0000-00-00T00:00:00Z";
	static const unsigned at[6] = { 0, 5, 8, 11, 14, 17 };
	unsigned f[6] = { 0 };
	int64_t time;

	if (v.size != 10 && v.size != 20)
		return false;
	for (size_t i = 0; i < v.size; i++)
		if (form[i] != '0' && v.data[i] != (uint8_t)form[i])
			return false;
	for (unsigned i = 0; i < (v.size == 10 ? 3 : 6); i++)
		if (!om_digits(v.data + at[i], i ? 2 : 4, &f[i]))
			return false;
	time = om_time_of(f[0], f[1], f[2], f[3], f[4], f[5]);
	*ret = (uint64_t)time;
	return time > 0;
}

/* Keeps the records of a kind in order. */
static const char *insert(void *records, unsigned *count, unsigned max, size_t size, size_t key_size, const void *record)
{
	uint8_t *at = records, *end = at + *count * size;

	if (*count == max)
		return too_many;
	while (at < end && memcmp(at, record, key_size) < 0)
		at += size;
	if (at < end && memcmp(at, record, key_size) == 0)
		return twice;
	memmove(at + size, at, (size_t)(end - at));
	memcpy(at, record, size);
	++*count;
	return NULL;
}
#define INSERT(list, count, max, key_size, record) insert(list, &(count), max, sizeof (list)[0], key_size, record)

/* ---- keys ---- */

/* Is this the first time? Then the default goes. */
static bool first(const struct reader *r, enum om_policy_key key) { return r->seen[key] == r->line; }

static const char *set_mrenclave(struct reader *r, struct om_view value)
{
	uint8_t mrenclave[32];

	if (first(r, OM_KEY_MRENCLAVE))
		r->p.flags &= (uint16_t)~OM_POLICY_SAME;
	if (is(value, "same")) {
		r->p.flags |= OM_POLICY_SAME;
		return NULL;
	}
	if (!hex(value, mrenclave, sizeof mrenclave))
		return "mrenclave is `same`, or 64 hexadecimal digits";
	return INSERT(r->p.mrenclave, r->p.mrenclave_count, OM_POLICY_MRENCLAVES_MAX, 32, mrenclave);
}

static unsigned platform_of(struct om_view v)
{
	static const char *const words[] = { "", "sgx", "snp", "tdx", "demo" };

	for (unsigned i = 1; i < sizeof words / sizeof *words; i++)
		if (is(v, words[i]))
			return i;
	return 0;
}

static const char *set_platform(struct reader *r, struct om_view value)
{
	const unsigned type = platform_of(value);

	if (first(r, OM_KEY_PLATFORM))
		r->p.platforms = 0;
	if (!type)
		return "platform is sgx, snp, tdx or demo";
	if (r->p.platforms & OM_PLATFORM_BIT(type))
		return twice;
	r->p.platforms = (uint8_t)(r->p.platforms | OM_PLATFORM_BIT(type));
	return NULL;
}

static const char *set_root(struct reader *r, struct om_view value)
{
	struct om_policy_root root = { .type = OM_EVIDENCE_SGX };
	struct om_view hash = value, platform;

	if (is(value, "intel") || is(value, "amd")) {
		bool *seen = is(value, "intel") ? &r->intel : &r->amd;

		if (*seen)
			return twice;
		*seen = true;
		r->named |= (uint8_t)(is(value, "intel") ? SGX | TDX : SNP);
		return NULL;
	}
	if (is(value, "emulated") || is(value, "demo"))
		return "the emulated platform's root comes with its evidence and vouches for nothing: say platform = demo";
	if (memchr(value.data, ':', value.size)) {
		platform = cut(&hash, ':');
		root.type = (uint8_t)platform_of(platform);
		hash = trim(hash);
	}
	if (root.type == 0 || root.type > OM_EVIDENCE_TDX || !hex(hash, root.hash, sizeof root.hash))
		return "root is intel, amd, or [sgx:|snp:|tdx:] and 64 hexadecimal digits, the SHA-256 of a root's SubjectPublicKeyInfo";
	r->named |= (uint8_t)OM_PLATFORM_BIT(root.type);
	return INSERT(r->p.root, r->p.root_count, OM_POLICY_ROOTS_MAX, sizeof root, &root);
}

static const char *set_signer(struct reader *r, struct om_view value)
{
	uint8_t signer[32];

	if (!hex(value, signer, sizeof signer))
		return "signer is an MRSIGNER, 64 hexadecimal digits (optmig-sign --signer KEY prints it)";
	return INSERT(r->p.signer, r->p.signer_count, OM_POLICY_SIGNERS_MAX, 32, signer);
}

static const char *set_tcb(struct reader *r, struct om_view value)
{
	if (first(r, OM_KEY_TCB))
		r->p.statuses = 0;
	for (enum om_tcb_status s = OM_TCB_UP_TO_DATE; s <= OM_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION; s++) {
		if (s == OM_TCB_REVOKED)
			continue;
		if (is(value, om_tcb_status_words(s))) {
			r->p.statuses = (uint16_t)(r->p.statuses | 1u << s);
			return NULL;
		}
	}
	return is(value, "Revoked") ? "a revoked platform cannot be accepted" : "tcb is a status in Intel's spelling, as UpToDate";
}

static const char floor_form[] =
	"a floor for SNP is snp:PRODUCT [fmc=N] bootloader=N tee=N snp=N microcode=N: milan, genoa, or turin with fmc; 0 to 255 each";

static bool product_of(struct om_view v, uint8_t *ret)
{
#define X(name, value, word) if (is(v, word)) { *ret = (value); return true; }
	OM_AMD_PRODUCTS(X)
#undef X
	return false;
}

/* One NAME=N. */
static bool component(struct om_view word, struct om_snp_floor *f, unsigned *seen)
{
	const struct { const char *name; uint8_t *at; } parts[] = {
		{ "bootloader", &f->bootloader }, { "tee", &f->tee }, { "snp", &f->snp }, { "microcode", &f->microcode }, { "fmc", &f->fmc },
	};
	const struct om_view name = cut(&word, '=');
	unsigned value;

	for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (!is(name, parts[i].name))
			continue;
		if (*seen & 1u << i || !number(word, 255, &value))
			return false;
		*seen |= 1u << i;
		*parts[i].at = (uint8_t)value;
		return true;
	}
	return false;
}

static const char *set_snp_floor(struct reader *r, struct om_view value)
{
	struct om_snp_floor f = { 0 };
	unsigned seen = 0;

	value = trim(value);
	if (!product_of(cut(&value, ' '), &f.product))
		return floor_form;
	for (value = trim(value); value.size; value = trim(value))
		if (!component(cut(&value, ' '), &f, &seen))
			return floor_form;
	if (seen != (f.product == OM_AMD_TURIN ? 0x1fu : 0x0fu))
		return floor_form;
	return INSERT(r->p.floors.snp, r->p.floors.snp_count, OM_SNP_FLOORS_MAX, 1, &f);
}

static const char *set_min_tcb(struct reader *r, struct om_view value)
{
	const unsigned type = platform_of(cut(&value, ':'));
	uint64_t *at = type == OM_EVIDENCE_SGX ? &r->p.floors.sgx_date : &r->p.floors.tdx_date;

	if (type == OM_EVIDENCE_SNP)
		return set_snp_floor(r, value);
	if (type != OM_EVIDENCE_SGX && type != OM_EVIDENCE_TDX)
		return "min-tcb is sgx:DATE, tdx:DATE, or snp:PRODUCT and its components";
	if (*at)
		return twice;
	return date(trim(value), at) ? NULL : "a TCB date is YYYY-MM-DD, after 1970-01-01";
}

static const char *set_min_evaluation(struct reader *r, struct om_view value)
{
	unsigned n;

	if (!first(r, OM_KEY_MIN_EVALUATION))
		return once_only;
	if (!number(value, 999999999, &n) || n == 0)
		return "min-tcb-evaluation is a tcbEvaluationDataNumber, 1 or more";
	r->p.floors.evaluation = n;
	return NULL;
}

static const char *set_min_svn(struct reader *r, struct om_view value)
{
	unsigned svn;

	if (!first(r, OM_KEY_MIN_SVN))
		return once_only;
	if (!number(value, 65535, &svn) || svn == 0)
		return "min-svn is 1 to 65535";
	r->p.svn_min = (uint16_t)svn;
	return NULL;
}

static const char *set_snp_key(struct reader *r, struct om_view value)
{
	const uint8_t bit = is(value, "vcek") ? OM_ACCEPT_VCEK : is(value, "vlek") ? OM_ACCEPT_VLEK : 0;

	if (!bit)
		return "snp-key is vcek or vlek";
	if (r->p.snp_keys & bit)
		return twice;
	r->p.snp_keys |= bit;
	return NULL;
}

/* Bits of what stood in a line already; those from SEEN_OWNER_FIRST on make it one of an owner. */
enum { SEEN_ANY = 1, SEEN_MEASUREMENT = 2, SEEN_VMPL = 4, SEEN_OWNER_FIRST = 8, SEEN_OWNER = ~7u };

/* NAME=HEX, once, and not zero, which would be compared with nothing. */
static bool snp_id(struct om_view name, struct om_view value, struct om_snp_owner *o, unsigned *seen)
{
	const struct { const char *name; uint8_t *at; size_t size; } ids[] = {
		{ "id-key", o->id_key, sizeof o->id_key }, { "author-key", o->author_key, sizeof o->author_key },
		{ "family", o->family, sizeof o->family }, { "image", o->image, sizeof o->image },
	};

	for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
		const unsigned bit = SEEN_OWNER_FIRST << (i + 1);

		if (!is(name, ids[i].name))
			continue;
		if (*seen & bit || !hex(value, ids[i].at, ids[i].size) || om_all_zero(ids[i].at, ids[i].size))
			return false;
		*seen |= bit;
		return true;
	}
	return false;
}

static bool snp_word(struct om_view word, struct om_snp_owner *o, unsigned *seen)
{
	const uint8_t flag = is(word, "migratable") ? OM_GUEST_MIGRATABLE : is(word, "kernel") ? OM_GUEST_KERNEL : 0;
	struct om_view name;
	unsigned n;

	if (flag) {
		if (o->flags & flag)
			return false;
		o->flags |= flag;
		return true;
	}
	name = cut(&word, '=');
	word = trim(word);
	if (is(name, "vmpl")) {
		if (*seen & SEEN_VMPL || !number(word, 3, &n))
			return false;
		*seen |= SEEN_VMPL;
		o->vmpl = (uint8_t)n;
		return true;
	}
	if (is(name, "svn")) {
		if (*seen & SEEN_OWNER_FIRST || !number(word, OM_SNP_OWNER_SVN_MAX, &n) || n == 0)
			return false;
		*seen |= SEEN_OWNER_FIRST;
		for (unsigned i = 0; i < sizeof o->svn; i++)
			o->svn[i] = (uint8_t)(n >> 8 * i);
		return true;
	}
	return snp_id(name, word, o, seen);
}

static const char *set_snp_guest(struct reader *r, struct om_view value)
{
	static const char form[] = "a guest is snp:MEASUREMENT, 96 hexadecimal digits, and [,kernel][,vmpl=0..3][,migratable]; by its owner it is "
		"snp:[MEASUREMENT,]id-key=DIGEST[,author-key=DIGEST], one of them or both, and [,family=ID][,image=ID][,svn=N], 32 digits an id, none of zeros";
	struct om_snp_owner o = { .flags = 0 };
	struct om_snp_guest g;
	unsigned seen = 0;

	while (value.size || !seen) {
		const bool first_word = !seen;
		struct om_view word = cut(&value, ',');

		seen |= SEEN_ANY;
		if (first_word && hex(word, o.measurement, sizeof o.measurement))
			seen |= SEEN_MEASUREMENT;
		else if (!snp_word(word, &o, &seen))
			return form;
	}
	if (!(seen & SEEN_OWNER)) {
		memcpy(g.measurement, o.measurement, sizeof g.measurement);
		g.vmpl = o.vmpl;
		g.flags = o.flags;
		return seen & SEEN_MEASUREMENT ? INSERT(r->p.guests.snp, r->p.guests.snp_count, OM_SNP_GUESTS_MAX, sizeof g.measurement, &g) : form;
	}
	if (om_all_zero(o.id_key, sizeof o.id_key) && om_all_zero(o.author_key, sizeof o.author_key))
		return "family, image and svn mean nothing without id-key or author-key: who launches a guest may choose them";
	return seen & SEEN_MEASUREMENT && om_all_zero(o.measurement, sizeof o.measurement) ? form :
		INSERT(r->p.guests.owner, r->p.guests.owner_count, OM_SNP_OWNERS_MAX, OM_SNP_OWNER_NAMED, &o);
}

static const char *set_tdx_guest(struct reader *r, struct om_view value)
{
	static const char form[] = "a guest is tdx:MRTD/RTMR0/RTMR1/RTMR2[/RTMR3], 96 hexadecimal digits each, and [,migratable]";
	struct om_view digests = cut(&value, ',');
	struct om_tdx_guest g = { .flags = 0 };
	unsigned count;

	if (!hex(cut(&digests, '/'), g.mrtd, sizeof g.mrtd))
		return form;
	for (count = 0; digests.size; count++)
		if (count == 4 || !hex(cut(&digests, '/'), g.rtmr[count], sizeof g.rtmr[0]))
			return form;
	if (count < 3 || (value.size && !is(trim(value), "migratable")))
		return form;
	g.flags = (uint8_t)((count == 4 ? OM_GUEST_RTMR3 : 0) | (value.size ? OM_GUEST_MIGRATABLE : 0));
	return INSERT(r->p.guests.tdx, r->p.guests.tdx_count, OM_TDX_GUESTS_MAX, 5 * OM_MEASUREMENT_SIZE, &g);
}

static const char *set_guest(struct reader *r, struct om_view value)
{
	const bool open = strchr(",/=:", value.data[value.size - 1]) != NULL;   /* something would have to follow */

	switch (open ? 0 : platform_of(cut(&value, ':'))) {
	case OM_EVIDENCE_SNP: return set_snp_guest(r, value);
	case OM_EVIDENCE_TDX: return set_tdx_guest(r, value);
	default:              return "guest is snp:MEASUREMENT or tdx:MRTD/RTMR0/RTMR1/RTMR2";
	}
}

/* x and y, with or without the 04 of an uncompressed point before them. */
static bool point(struct om_view v, size_t size, uint8_t *ret)
{
	if (v.size == 2 * size + 2 && v.data[0] == '0' && v.data[1] == '4')
		v = (struct om_view) { v.data + 2, v.size - 2 };
	return hex(v, ret, size);
}

static const char *set_guest_signer(struct reader *r, struct om_view value)
{
	static const char form[] = "guest-signer is a public key, x and y: 128 hexadecimal digits of P-256 or 192 of P-384";
	struct om_signer_key key = { .curve = OM_CURVE_P256 };

	if (!point(value, OM_P256_PUBLIC, key.key)) {
		memset(&key, 0, sizeof key);
		key.curve = OM_CURVE_P384;
		if (!point(value, OM_P384_PUBLIC, key.key))
			return form;
	}
	if (!om_key_valid(&key))
		return form;
	return INSERT(r->p.guest_signer, r->p.guest_signer_count, OM_POLICY_GUEST_SIGNERS_MAX, sizeof key, &key);
}

static const char *set_owner(struct reader *r, struct om_view value)
{
	if (!first(r, OM_KEY_OWNER))
		return once_only;
	if (!point(value, OM_P256_PUBLIC, r->p.owner) || !om_p256_valid(r->p.owner))
		return "owner is a public key of P-256, x and y: 128 hexadecimal digits";
	r->p.flags |= OM_POLICY_OWNER;
	return NULL;
}

static const char *set_not_before(struct reader *r, struct om_view value)
{
	if (!first(r, OM_KEY_NOT_BEFORE))
		return once_only;
	r->p.not_before = 0;
	if (is(value, "none"))
		return NULL;
	return date(value, &r->p.not_before) ? NULL : "not-before is a date, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ, or none";
}

static const char *set_debug(struct reader *r, struct om_view value)
{
	if (!first(r, OM_KEY_DEBUG))
		return once_only;
	r->p.flags &= (uint16_t)~OM_POLICY_DEBUG;
	if (is(value, "yes"))
		r->p.flags |= OM_POLICY_DEBUG;
	return is(value, "yes") || is(value, "no") ? NULL : "debug is yes or no";
}

static const char *set(struct reader *r, enum om_policy_key key, struct om_view value)
{
	static const char *(*const setters[OM_POLICY_KEYS_COUNT])(struct reader *, struct om_view) = {
		[OM_KEY_MRENCLAVE] = set_mrenclave, [OM_KEY_PLATFORM] = set_platform, [OM_KEY_ROOT] = set_root, [OM_KEY_SIGNER] = set_signer,
		[OM_KEY_MIN_SVN] = set_min_svn, [OM_KEY_TCB] = set_tcb, [OM_KEY_MIN_TCB] = set_min_tcb,
		[OM_KEY_MIN_EVALUATION] = set_min_evaluation, [OM_KEY_SNP_KEY] = set_snp_key, [OM_KEY_GUEST] = set_guest,
		[OM_KEY_GUEST_SIGNER] = set_guest_signer, [OM_KEY_NOT_BEFORE] = set_not_before, [OM_KEY_OWNER] = set_owner,
		[OM_KEY_DEBUG] = set_debug,
	};

	if (!r->seen[key])
		r->seen[key] = r->line;
	return setters[key](r, value);
}

/* ---- lines and the whole ---- */

static const char *read_line(struct reader *r, struct om_view line)
{
	struct om_view key, rest;

	line = cut(&line, '#');
	if (line.size == 0)
		return NULL;
	if (!memchr(line.data, '=', line.size))
		return "a line is KEY = VALUE";
	rest = line;
	key = cut(&rest, '=');
	rest = trim(rest);
	if (rest.size == 0)
		return "a value is missing";
#define X(name, word) if (is(key, word)) return set(r, name, rest);
	OM_POLICY_KEYS(X)
#undef X
	return "no such key; there are mrenclave, platform, root, signer, min-svn, tcb, min-tcb, min-tcb-evaluation, snp-key, guest, "
		"guest-signer, not-before, owner and debug";
}

/* What the text left to defaults that depend on other lines. */
static const char *complete(struct reader *r, enum om_policy_key *ret_key)
{
	const uint8_t real = (uint8_t)(r->p.platforms & (SGX | SNP | TDX));

	*ret_key = OM_KEY_ROOT;
	if (r->intel && !(real & (SGX | TDX)))
		return "root = intel means nothing without platform = sgx or tdx";
	if (r->amd && !(real & SNP))
		return "root = amd means nothing without platform = snp";
	r->p.makers = (uint8_t)(real & (~r->named | (r->intel ? SGX | TDX : 0) | (r->amd ? SNP : 0)));
	*ret_key = OM_KEY_TCB;
	if (r->seen[OM_KEY_TCB] && r->p.platforms == SNP && !(r->p.flags & OM_POLICY_DEBUG))
		return "tcb means nothing for SNP, whose maker publishes no verdicts: use min-tcb";
	if (real & SNP && !r->seen[OM_KEY_SNP_KEY])
		r->p.snp_keys = OM_ACCEPT_VCEK;
	return om_policy_fault(&r->p, ret_key);
}

static int wrong(struct om_policy_error *ret_error, unsigned line, const char *words)
{
	*ret_error = (struct om_policy_error) { line, words };
	return OM_EINVAL;
}

static int from_bytes(struct om_view bytes, struct om_policy *ret, struct om_policy_error *ret_error)
{
	const int error = om_policy_decode(bytes.data, bytes.size, ret);

	(void)wrong(ret_error, 0, error == OM_EVERSION ? "these are bytes of another version of policies: write the text again" :
		"these bytes are no policy");
	return error;
}

int om_policy_from_text(struct om_view text, uint64_t not_before, struct om_policy *ret, struct om_policy_error *ret_error)
{
	struct reader r = { .line = 0 };
	enum om_policy_key key;
	const char *words;

	if (text.size >= 4 && memcmp(text.data, "OMPO", 4) == 0)
		return from_bytes(text, ret, ret_error);
	om_policy_default(&r.p);
	r.p.not_before = not_before;
	while (text.size) {
		const uint8_t *end = memchr(text.data, '\n', text.size);
		const size_t length = end ? (size_t)(end - text.data) : text.size;

		r.line++;
		words = read_line(&r, (struct om_view) { text.data, length });
		if (words)
			return wrong(ret_error, r.line, words);
		text.data += length + (end != NULL);
		text.size -= length + (end != NULL);
	}
	words = complete(&r, &key);
	if (words)
		return wrong(ret_error, r.seen[key], words);
	*ret = r.p;
	return 0;
}
