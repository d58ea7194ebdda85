/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy as text, the inverse of policy_text.c. The printed text reads as the same policy, with two exceptions: platforms of one maker of
 * which only one has the maker's root, and numbers beyond those that a text may have. Defaults are printed, too, so that readers need not
 * know them.
 */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include "evidence/accept/policy_text.h"
#include "bytes.h"

#define SGX OM_PLATFORM_BIT(OM_EVIDENCE_SGX)
#define SNP OM_PLATFORM_BIT(OM_EVIDENCE_SNP)
#define TDX OM_PLATFORM_BIT(OM_EVIDENCE_TDX)

struct text { char *at; size_t size, used; };

__attribute__((format(printf, 2, 3)))
static void put(struct text *t, const char *format, ...)
{
	const size_t room = t->used < t->size ? t->size - t->used : 0;
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(room ? t->at + t->used : NULL, room, format, list);
	va_end(list);
	t->used += n > 0 ? (size_t)n : 0;
}

static void put_hex(struct text *t, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		put(t, "%02x", bytes[i]);
}

static void put_key(struct text *t, const char *key, const uint8_t *bytes, size_t size)
{
	put(t, "%s = ", key);
	put_hex(t, bytes, size);
	put(t, "\n");
}

static void put_date(struct text *t, const char *key, uint64_t seconds)
{
	const time_t at = (time_t)seconds;
	struct tm tm;

	if (seconds > OM_POLICY_LAST_DATE || !gmtime_r(&at, &tm))
		put(t, "# %s%llu seconds after 1970\n", key, (unsigned long long)seconds);
	else
		put(t, "%s%04d-%02d-%02dT%02d:%02d:%02dZ\n", key, tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static const char *const platforms[] = { "", "sgx", "snp", "tdx", "demo" };

static void put_roots(struct text *t, const struct om_policy *p)
{
	const uint8_t intel = (uint8_t)(p->platforms & (SGX | TDX));

	if (intel && (p->makers & (SGX | TDX)) == intel)
		put(t, "root = intel\n");
	else if (p->makers & (SGX | TDX))
		put(t, "# root of %s: Intel's\n", p->makers & SGX ? "sgx" : "tdx");
	if (p->makers & SNP)
		put(t, "root = amd\n");
	for (unsigned i = 0; i < p->root_count; i++) {
		put(t, "root = %s:", platforms[p->root[i].type]);
		put_hex(t, p->root[i].hash, sizeof p->root[i].hash);
		put(t, "\n");
	}
}

static const char *product(uint8_t value)
{
#define X(name, number, word) if (value == (number)) return word;
	OM_AMD_PRODUCTS(X)
#undef X
	return "unknown";
}

static void put_floors(struct text *t, const struct om_floors *f)
{
	if (f->sgx_date)
		put_date(t, "min-tcb = sgx:", f->sgx_date);
	if (f->tdx_date)
		put_date(t, "min-tcb = tdx:", f->tdx_date);
	for (unsigned i = 0; i < f->snp_count; i++) {
		const struct om_snp_floor *s = &f->snp[i];

		put(t, "min-tcb = snp:%s", product(s->product));
		if (s->product == OM_AMD_TURIN)
			put(t, " fmc=%u", s->fmc);
		put(t, " bootloader=%u tee=%u snp=%u microcode=%u\n", s->bootloader, s->tee, s->snp, s->microcode);
	}
	if (f->evaluation)
		put(t, "%smin-tcb-evaluation = %u\n", f->evaluation > OM_POLICY_LAST_EVALUATION ? "# " : "", f->evaluation);
}

static void put_named(struct text *t, const char **separator, const char *name, const uint8_t *bytes, size_t size)
{
	if (om_all_zero(bytes, size))
		return;
	put(t, "%s%s", *separator, name);
	put_hex(t, bytes, size);
	*separator = ",";
}

static void put_owner(struct text *t, const struct om_snp_owner *o)
{
	const char *separator = "guest = snp:";

	put_named(t, &separator, "", o->measurement, sizeof o->measurement);
	put_named(t, &separator, "id-key=", o->id_key, sizeof o->id_key);
	put_named(t, &separator, "author-key=", o->author_key, sizeof o->author_key);
	put_named(t, &separator, "family=", o->family, sizeof o->family);
	put_named(t, &separator, "image=", o->image, sizeof o->image);
	if (om_snp_owner_svn(o))
		put(t, ",svn=%u", om_snp_owner_svn(o));
	put(t, "%s,vmpl=%u%s\n", o->flags & OM_GUEST_KERNEL ? ",kernel" : "", o->vmpl, o->flags & OM_GUEST_MIGRATABLE ? ",migratable" : "");
}

static void put_guests(struct text *t, const struct om_guests *g)
{
	for (unsigned i = 0; i < g->snp_count; i++) {
		put(t, "guest = snp:");
		put_hex(t, g->snp[i].measurement, sizeof g->snp[i].measurement);
		put(t, "%s,vmpl=%u%s\n", g->snp[i].flags & OM_GUEST_KERNEL ? ",kernel" : "", g->snp[i].vmpl,
			g->snp[i].flags & OM_GUEST_MIGRATABLE ? ",migratable" : "");
	}
	for (unsigned i = 0; i < g->owner_count; i++)
		put_owner(t, &g->owner[i]);
	for (unsigned i = 0; i < g->tdx_count; i++) {
		const struct om_tdx_guest *x = &g->tdx[i];

		put(t, "guest = tdx:");
		put_hex(t, x->mrtd, sizeof x->mrtd);
		for (unsigned r = 0; r < (x->flags & OM_GUEST_RTMR3 ? 4u : 3u); r++) {
			put(t, "/");
			put_hex(t, x->rtmr[r], sizeof x->rtmr[r]);
		}
		put(t, "%s\n", x->flags & OM_GUEST_MIGRATABLE ? ",migratable" : "");
	}
}

static void put_who(struct text *t, const struct om_policy *p)
{
	if (p->flags & OM_POLICY_SAME)
		put(t, "mrenclave = same\n");
	for (unsigned i = 0; i < p->mrenclave_count; i++)
		put_key(t, "mrenclave", p->mrenclave[i], 32);
	for (unsigned i = 0; i < p->signer_count; i++)
		put_key(t, "signer", p->signer[i], 32);
	if (p->svn_min)
		put(t, "min-svn = %u\n", p->svn_min);
	put(t, "debug = %s\n", p->flags & OM_POLICY_DEBUG ? "yes" : "no");
}

size_t om_policy_to_text(const struct om_policy *p, char *buffer, size_t size)
{
	struct text t = { buffer, size, 0 };

	if (size)
		buffer[0] = 0;
	put_who(&t, p);
	for (unsigned i = 1; i < sizeof platforms / sizeof *platforms; i++)
		if (p->platforms & OM_PLATFORM_BIT(i))
			put(&t, "platform = %s\n", platforms[i]);
	put_roots(&t, p);
	for (enum om_tcb_status s = OM_TCB_UP_TO_DATE; s <= OM_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION; s++)
		if (p->statuses & 1u << s && !(p->platforms == SNP && !(p->flags & OM_POLICY_DEBUG)))
			put(&t, "tcb = %s\n", om_tcb_status_words(s));
	put_floors(&t, &p->floors);
	if (p->snp_keys & OM_ACCEPT_VCEK)
		put(&t, "snp-key = vcek\n");
	if (p->snp_keys & OM_ACCEPT_VLEK)
		put(&t, "snp-key = vlek\n");
	put_guests(&t, &p->guests);
	for (unsigned i = 0; i < p->guest_signer_count; i++)
		put_key(&t, "guest-signer", p->guest_signer[i].key, om_key_size(p->guest_signer[i].curve));
	if (p->not_before)
		put_date(&t, "not-before = ", p->not_before);
	else
		put(&t, "not-before = none\n");
	if (p->flags & OM_POLICY_OWNER)
		put_key(&t, "owner", p->owner, sizeof p->owner);
	return t.used;
}

size_t om_guests_to_text(const struct om_guests *guests, char *buffer, size_t size)
{
	struct text t = { buffer, size, 0 };

	if (size)
		buffer[0] = 0;
	put_guests(&t, guests);
	return t.used;
}
