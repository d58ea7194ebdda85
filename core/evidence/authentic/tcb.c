/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluation of TCB levels. Levels stand from the newest to the oldest; the first that the platform reaches in all
 * components is its status ("Get TCB Info" of Intel's PCS API, v4). A field that we interpret may stand once only and
 * must be there; fields we do not know are skipped.
 *
 * Trust domains. TEE_TCB_SVN[1] is the version of the TDX module. Modules of version 0 are judged by the platform's levels,
 * all 16 components. Later ones have levels of their own, in tdxModuleIdentities, by which TEE_TCB_SVN[0] is judged; the
 * platform's levels then speak of components 2 to 15 alone. (Verifiers that compare all 16 there call current platforms
 * outdated, or find no level for them.)
 */
#include <string.h>
#include "evidence/authentic/levels.h"

const char *om_tcb_status_words(enum om_tcb_status status)
{
	switch (status) {
#define X(name, number, word) case name: return word;
	OM_TCB_STATUSES(X)
#undef X
	default: return "Unknown";
	}
}

/* Levels of an enclave or a TDX module. The first that is reached is copied; else it stays Unknown. */
static void isv_levels(struct om_json *j, unsigned isv_svn, struct om_level *ret, unsigned *ret_newest)
{
	struct om_level l;
	bool any = false;

	om_json_array(j);
	while (om_json_item(j)) {
		om_level_isv(j, &l);
		if (!any)
			*ret_newest = l.isv_svn;
		any = true;
		if (ret->status == OM_TCB_UNKNOWN && isv_svn >= l.isv_svn)
			*ret = l;
	}
}

/* What a platform's levels say. */
struct platform_levels {
	struct om_level chosen;          /* Unknown: none is reached */
	enum om_tcb_status sgx_status;   /* of the first that is reached without regard to TDX */
	uint8_t  newest_tdx[OM_TCB_COMPONENTS];
	unsigned forms_any, forms_all;
	bool     any;
};

static bool reaches(const uint8_t *svn, const uint8_t *level_svn, unsigned from)
{
	for (unsigned i = from; i < OM_TCB_COMPONENTS; i++)
		if (svn[i] < level_svn[i])
			return false;
	return true;
}

static bool td_reaches(const struct om_td_body *td, const struct om_level *l)
{
	return reaches(td->tee_tcb_svn, l->tdx, td->tee_tcb_svn[1] ? 2 : 0);
}

static void platform_levels(struct om_json *j, const struct om_pck *pck, const struct om_td_body *td, struct platform_levels *p)
{
	struct om_level l;

	om_json_array(j);
	while (om_json_item(j)) {
		om_level_platform(j, &l);
		if (!p->any) {
			memcpy(p->newest_tdx, l.tdx, sizeof p->newest_tdx);
			p->forms_all = l.forms;
		}
		p->any = true;
		p->forms_any |= l.forms;
		p->forms_all &= l.forms;
		if (!reaches(pck->svn, l.sgx, 0) || pck->pce_svn < l.pce_svn)
			continue;
		if (p->sgx_status == OM_TCB_UNKNOWN)
			p->sgx_status = l.status;
		if (p->chosen.status == OM_TCB_UNKNOWN && (!td || td_reaches(td, &l)))
			p->chosen = l;
	}
}

/* Fields both documents have. Return: whether `key` was one of them. */
enum { SEEN_ID = 0x10, SEEN_VERSION = 0x20, SEEN_ISSUED = 0x40, SEEN_NEXT = 0x80, SEEN_EVALUATION = 0x100, SEEN_LEVELS = 0x200,
	SEEN_COMMON = 0x3e0 /* the id apart */ };
static bool common(struct om_json *j, struct om_view key, const char *id, unsigned *ret_version, unsigned *seen,
	struct om_tcb_result *r)
{
	if (om_json_is(key, "id")) {
		om_json_once(j, seen, SEEN_ID);
		if (!om_json_is(om_json_string(j), id))
			om_json_fail(j, OM_EIDENTITY);
	} else if (om_json_is(key, "version")) {
		om_json_once(j, seen, SEEN_VERSION);
		*ret_version = (unsigned)om_json_number(j, UINT32_MAX);
	} else if (om_json_is(key, "issueDate")) {
		om_json_once(j, seen, SEEN_ISSUED);
		r->issued = om_json_time(j);
	} else if (om_json_is(key, "nextUpdate")) {
		om_json_once(j, seen, SEEN_NEXT);
		r->next_update = om_json_time(j);
	} else if (om_json_is(key, "tcbEvaluationDataNumber")) {
		om_json_once(j, seen, SEEN_EVALUATION);
		r->evaluation = (uint32_t)om_json_number(j, UINT32_MAX);
	} else {
		return false;
	}
	return true;
}

/* Fields of bytes, written in hex of either case. */
struct hex_field {
	const char *name;
	unsigned bit;
	uint8_t *to;
	size_t size;
};

/* Return: whether `key` was one of them. */
static bool hex_fields(struct om_json *j, struct om_view key, const struct hex_field *fields, size_t count, unsigned *seen)
{
	for (size_t i = 0; i < count; i++) {
		if (!om_json_is(key, fields[i].name))
			continue;
		om_json_once(j, seen, fields[i].bit);
		om_json_hex(j, fields[i].to, fields[i].size);
		return true;
	}
	return false;
}

static bool masked_equal(const void *value, const uint8_t *want, const uint8_t *mask, size_t size)
{
	const uint8_t *v = value;

	for (size_t i = 0; i < size; i++)
		if ((v[i] & mask[i]) != (want[i] & mask[i]))
			return false;
	return true;
}

/* tdxModule, or an entry of tdxModuleIdentities. */
struct module {
	uint8_t  mrsigner[OM_TD_HASH], attributes[8], mask[8];
	unsigned version;                /* of an entry: the number in its id */
	struct om_level level;           /* that the TD reaches; Unknown: none */
	unsigned newest;                 /* ISV SVN of its newest level */
	bool     there;
};

static unsigned hex_value(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10u : c >= 'a' && c <= 'f' ? c - 'a' + 10u : 16;
}

/* "TDX_0A" is version 10; letters in either case. 256: something else. */
static unsigned module_version(struct om_view id)
{
	unsigned high, low;

	if (id.size != 6 || (id.data[0] | 0x20) != 't' || (id.data[1] | 0x20) != 'd' || (id.data[2] | 0x20) != 'x' || id.data[3] != '_')
		return 256;
	high = hex_value(id.data[4]);
	low = hex_value(id.data[5]);
	return high < 16 && low < 16 ? high << 4 | low : 256;
}

/* @identity: an entry of the list, which has an id and levels. */
static void module(struct om_json *j, bool identity, unsigned isv_svn, struct module *m)
{
	enum { SEEN_SIGNER = 1, SEEN_ATTRIBUTES = 2, SEEN_MASK = 4 };
	const struct hex_field fields[] = {
		{ "mrsigner", SEEN_SIGNER, m->mrsigner, sizeof m->mrsigner },
		{ "attributes", SEEN_ATTRIBUTES, m->attributes, sizeof m->attributes },
		{ "attributesMask", SEEN_MASK, m->mask, sizeof m->mask },
	};
	struct om_view key;
	unsigned seen = 0;

	memset(m, 0, sizeof *m);
	om_json_object(j);
	while (om_json_key(j, &key)) {
		if (hex_fields(j, key, fields, sizeof fields / sizeof *fields, &seen)) {
			continue;
		} else if (identity && om_json_is(key, "id")) {
			om_json_once(j, &seen, SEEN_ID);
			m->version = module_version(om_json_string(j));
		} else if (identity && om_json_is(key, "tcbLevels")) {
			om_json_once(j, &seen, SEEN_LEVELS);
			isv_levels(j, isv_svn, &m->level, &m->newest);
		} else {
			om_json_skip(j);
		}
	}
	om_json_require(j, seen, SEEN_SIGNER | SEEN_ATTRIBUTES | SEEN_MASK | (identity ? SEEN_ID | SEEN_LEVELS : 0));
	m->there = true;
}

/* The modules that a TD was launched under and runs under; the same unless it was updated under a running TD. */
struct modules { struct module zero, launched, now; };

static void module_identities(struct om_json *j, const struct om_td_body *td, struct modules *ms)
{
	uint32_t seen[8] = { 0 };
	struct module m;

	om_json_array(j);
	while (om_json_item(j)) {
		module(j, true, td->tee_tcb_svn[0], &m);
		if (j->error || m.version > 255)
			continue;
		if (seen[m.version / 32] & UINT32_C(1) << m.version % 32)
			om_json_fail(j, OM_EINVAL);
		seen[m.version / 32] |= UINT32_C(1) << m.version % 32;
		if (m.version == td->tee_tcb_svn[1])
			ms->launched = m;
		if (m.version == td->tee_tcb_svn_2[1])
			ms->now = m;
	}
}

static bool is_that_module(const struct module *m, const struct om_td_body *td)
{
	return m->there && !memcmp(m->mrsigner, td->mrsignerseam, sizeof m->mrsigner) &&
		masked_equal(td->seam_attributes, m->attributes, m->mask, sizeof m->mask);
}

/* Does the TD run under the newest module and microcode now, whatever it was launched under? (TEE_TCB_SVN_2) */
static bool runs_newest(const struct om_td_body *td, const struct modules *ms, const struct platform_levels *p)
{
	const uint8_t *now = td->tee_tcb_svn_2;
	const unsigned want = now[1] ? ms->now.newest : p->newest_tdx[0];

	return (now[1] == 0 || ms->now.there) && now[0] >= want && now[2] >= p->newest_tdx[2];
}

static bool needs_configuration(enum om_tcb_status s)
{
	return s == OM_TCB_CONFIGURATION_NEEDED || s == OM_TCB_CONFIGURATION_AND_SW_HARDENING ||
		s == OM_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
}

/* Only the module that it was launched under is outdated: a launch would cure it. */
static enum om_tcb_status relaunch(const struct om_tcb_result *r, enum om_tcb_status sgx)
{
	if (r->module_status != OM_TCB_OUT_OF_DATE || sgx < OM_TCB_UP_TO_DATE || sgx > OM_TCB_CONFIGURATION_AND_SW_HARDENING ||
	    (r->status != OM_TCB_OUT_OF_DATE && r->status != OM_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED))
		return OM_TCB_UNKNOWN;
	return needs_configuration(sgx) || needs_configuration(r->status) ?
		OM_TCB_TD_RELAUNCH_ADVISED_CONFIGURATION : OM_TCB_TD_RELAUNCH_ADVISED;
}

/* Platform and module to one verdict. */
static int judge_td(const struct om_td_body *td, const struct modules *ms, const struct platform_levels *p, struct om_tcb_result *r)
{
	const struct module *m = td->tee_tcb_svn[1] ? &ms->launched : &ms->zero;
	static const uint8_t none[sizeof td->tee_tcb_svn_2];

	if (!is_that_module(m, td))
		return OM_ENOTFOUND;
	if (td->tee_tcb_svn[1]) {
		r->module_status = m->level.status;
		if (r->tcb_date > m->level.date)
			r->tcb_date = m->level.date;
		if (!om_advisories_add(&r->advisories, &m->level.advisories))
			return OM_EOVERFLOW;
		r->status = om_tcb_merge(r->status, r->module_status);
	}
	if (memcmp(td->tee_tcb_svn_2, none, sizeof none) && runs_newest(td, ms, p)) /* else TDX 1.0 */
		r->relaunch = relaunch(r, p->sgx_status);
	return 0;
}

/* Which forms of levels a document of this kind consists of, all of them. */
static bool right_forms(const struct platform_levels *p, unsigned version, bool tdx)
{
	const unsigned want = tdx ? OM_FORM_SGX | OM_FORM_TDX : version == 2 ? OM_FORM_FLAT : OM_FORM_SGX;

	return !p->any || (p->forms_all == want && p->forms_any == want);
}

int om_tcb_info_evaluate(struct om_view json, const struct om_pck *pck, const struct om_td_body *td, struct om_tcb_result *ret)
{
	enum { SEEN_FMSPC = 1, SEEN_PCEID = 2, SEEN_TYPE = 4, SEEN_MODULE = 8, SEEN_MODULES = 0x400 };
	struct om_tcb_result r = { .status = OM_TCB_UNKNOWN, .module_status = OM_TCB_UP_TO_DATE };
	struct platform_levels levels = { .any = false };
	struct modules ms = { .zero = { .there = false } };
	uint8_t fmspc[6] = { 0 }, pce_id[2] = { 0 };
	const struct hex_field fields[] = {
		{ "fmspc", SEEN_FMSPC, fmspc, sizeof fmspc }, { "pceId", SEEN_PCEID, pce_id, sizeof pce_id },
	};
	struct om_json j;
	struct om_view key;
	unsigned seen = 0, version = 0;
	int error;

	om_json_init(&j, json);
	om_json_object(&j);
	while (om_json_key(&j, &key)) {
		if (common(&j, key, td ? "TDX" : "SGX", &version, &seen, &r) ||
		    hex_fields(&j, key, fields, sizeof fields / sizeof *fields, &seen)) {
			continue;
		} else if (om_json_is(key, "tcbType")) {
			om_json_once(&j, &seen, SEEN_TYPE);
			if (om_json_number(&j, UINT32_MAX) != 0)
				om_json_fail(&j, OM_EUNSUPPORTED);
		} else if (td && om_json_is(key, "tdxModule")) {
			om_json_once(&j, &seen, SEEN_MODULE);
			module(&j, false, 0, &ms.zero);
		} else if (td && om_json_is(key, "tdxModuleIdentities")) {
			om_json_once(&j, &seen, SEEN_MODULES);
			module_identities(&j, td, &ms);
		} else if (om_json_is(key, "tcbLevels")) {
			om_json_once(&j, &seen, SEEN_LEVELS);
			platform_levels(&j, pck, td, &levels);
		} else {
			om_json_skip(&j);
		}
	}
	om_json_require(&j, seen, SEEN_COMMON | SEEN_FMSPC | SEEN_PCEID | SEEN_TYPE | (td ? SEEN_MODULE : 0));
	error = om_json_end(&j);
	if (error)
		return error;
	/* version 2 knows SGX alone, and does not say so */
	if (version != 3 && (td || version != 2))
		return OM_EVERSION;
	if (!(seen & SEEN_ID) != (version == 2) || !right_forms(&levels, version, td != NULL))
		return OM_EINVAL;
	if (memcmp(fmspc, pck->fmspc, sizeof fmspc) || memcmp(pce_id, pck->pce_id, sizeof pce_id))
		return OM_EIDENTITY;
	r.status = levels.chosen.status;
	r.tcb_date = levels.chosen.date;
	r.advisories = levels.chosen.advisories;
	error = td ? judge_td(td, &ms, &levels, &r) : 0;
	if (error)
		return error;
	*ret = r;
	return 0;
}

struct qe_identity {
	uint8_t  miscselect[4], miscselect_mask[4];
	uint8_t  attributes[16], attributes_mask[16];
	uint8_t  mrsigner[32];
	uint16_t isv_prod_id;
};

/* MISCSELECT stands in the document as a big-endian number, ATTRIBUTES as bytes in memory order. */
static bool is_that_qe(const struct qe_identity *q, const struct sgx_report_body *qe)
{
	const uint8_t misc[4] = {
		(uint8_t)(qe->miscselect >> 24), (uint8_t)(qe->miscselect >> 16),
		(uint8_t)(qe->miscselect >> 8), (uint8_t)qe->miscselect,
	};

	return masked_equal(misc, q->miscselect, q->miscselect_mask, 4) &&
		masked_equal(&qe->attributes, q->attributes, q->attributes_mask, 16) &&
		!memcmp(qe->mrsigner, q->mrsigner, 32) && qe->isvprodid == q->isv_prod_id;
}

int om_qe_identity_evaluate(struct om_view json, enum om_tee tee, const struct sgx_report_body *qe, struct om_tcb_result *ret)
{
	struct om_tcb_result r = { .status = OM_TCB_UNKNOWN, .module_status = OM_TCB_UP_TO_DATE };
	struct om_level chosen = { .status = OM_TCB_UNKNOWN };
	struct qe_identity q = { 0 };
	const struct hex_field fields[] = {
		{ "miscselect", 1, q.miscselect, sizeof q.miscselect },
		{ "miscselectMask", 2, q.miscselect_mask, sizeof q.miscselect_mask },
		{ "attributes", 4, q.attributes, sizeof q.attributes },
		{ "attributesMask", 8, q.attributes_mask, sizeof q.attributes_mask },
		{ "mrsigner", 0x1000, q.mrsigner, sizeof q.mrsigner },
	};
	struct om_json j;
	struct om_view key;
	unsigned seen = 0, version = 0, newest = 0;
	int error;

	om_json_init(&j, json);
	om_json_object(&j);
	while (om_json_key(&j, &key)) {
		if (common(&j, key, tee == OM_TEE_TDX ? "TD_QE" : "QE", &version, &seen, &r) ||
		    hex_fields(&j, key, fields, sizeof fields / sizeof *fields, &seen)) {
			continue;
		} else if (om_json_is(key, "isvprodid")) {
			om_json_once(&j, &seen, 0x2000);
			q.isv_prod_id = (uint16_t)om_json_number(&j, 65535);
		} else if (om_json_is(key, "tcbLevels")) {
			om_json_once(&j, &seen, SEEN_LEVELS);
			isv_levels(&j, qe->isvsvn, &chosen, &newest);
		} else {
			om_json_skip(&j);
		}
	}
	om_json_require(&j, seen, SEEN_COMMON | SEEN_ID | 0x300f);
	error = om_json_end(&j);
	if (error)
		return error;
	if (version != 2)
		return OM_EVERSION;
	if (!is_that_qe(&q, qe))
		return OM_EIDENTITY;
	r.status = chosen.status;
	r.tcb_date = chosen.date;
	r.advisories = chosen.advisories;
	*ret = r;
	return 0;
}

enum om_tcb_status om_tcb_merge(enum om_tcb_status platform, enum om_tcb_status part)
{
	if (platform == OM_TCB_UNKNOWN || part == OM_TCB_UNKNOWN)
		return OM_TCB_UNKNOWN;
	if (platform == OM_TCB_REVOKED || part == OM_TCB_REVOKED)
		return OM_TCB_REVOKED;
	if (part == OM_TCB_UP_TO_DATE)
		return platform;
	if (part != OM_TCB_OUT_OF_DATE)
		return platform > part ? platform : part; /* not used by Intel for parts; the worse of the two */
	switch (platform) {
	case OM_TCB_CONFIGURATION_NEEDED:
	case OM_TCB_CONFIGURATION_AND_SW_HARDENING:
	case OM_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED:
		return OM_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
	default:
		return OM_TCB_OUT_OF_DATE;
	}
}

enum om_tcb_status om_tcb_conclude(const struct om_tcb_result *platform, const struct om_tcb_result *qe)
{
	if (platform->relaunch != OM_TCB_UNKNOWN && qe->status == OM_TCB_UP_TO_DATE)
		return platform->relaunch;
	return om_tcb_merge(platform->status, qe->status);
}
