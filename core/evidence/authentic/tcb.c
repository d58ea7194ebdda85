/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evaluation of TCB levels. Levels stand from the newest to the oldest; the first that the platform reaches in all
 * components is its status ("Get TCB Info" of Intel's PCS API, v4). A field that we interpret may stand once only and
 * must be there; fields we do not know are skipped.
 */
#include <string.h>
#include "evidence/parse/json.h"
#include "evidence/authentic/tcb.h"

#define PLATFORM_COMPONENTS 16

const char *om_tcb_status_words(enum om_tcb_status status)
{
	switch (status) {
#define X(name, number, word) case name: return word;
	OM_TCB_STATUSES(X)
#undef X
	default: return "Unknown";
	}
}

static enum om_tcb_status status_of(struct om_json *j)
{
	const struct om_view word = om_json_string(j);

#define X(name, number, text) if (om_json_is(word, text)) return name;
	OM_TCB_STATUSES(X)
#undef X
	om_json_fail(j, OM_EINVAL);
	return OM_TCB_UNKNOWN;
}

/* Marks a field as seen; the second time is an error. */
static void once(struct om_json *j, unsigned *seen, unsigned bit)
{
	if (*seen & bit)
		om_json_fail(j, OM_EINVAL);
	*seen |= bit;
}

static void require(struct om_json *j, unsigned seen, unsigned bits)
{
	if ((seen & bits) != bits)
		om_json_fail(j, OM_EINVAL);
}

/* One entry of tcbLevels, of a platform or of a QE. */
struct level {
	uint8_t  svn[PLATFORM_COMPONENTS];
	uint16_t pce_svn, isv_svn;
	enum om_tcb_status status;
	int64_t  date;
	uint32_t advisory[OM_ADVISORIES_MAX];
	unsigned advisory_count;
};

enum { SEEN_TCB = 1, SEEN_STATUS = 2, SEEN_DATE = 4, SEEN_ADVISORIES = 8 };

static void component(struct om_json *j, uint8_t *ret_svn)
{
	struct om_view key;
	unsigned seen = 0;

	om_json_object(j);
	while (om_json_key(j, &key)) {
		if (om_json_is(key, "svn")) {
			once(j, &seen, 1);
			*ret_svn = (uint8_t)om_json_number(j, 255);
		} else {
			om_json_skip(j);
		}
	}
	require(j, seen, 1);
}

static void platform_tcb(struct om_json *j, struct level *l)
{
	struct om_view key;
	unsigned seen = 0, count = 0;

	om_json_object(j);
	while (om_json_key(j, &key)) {
		if (om_json_is(key, "sgxtcbcomponents")) {
			once(j, &seen, 1);
			om_json_array(j);
			while (om_json_item(j)) {
				if (count == PLATFORM_COMPONENTS)
					om_json_fail(j, OM_EOVERFLOW);
				else
					component(j, &l->svn[count++]);
			}
		} else if (om_json_is(key, "pcesvn")) {
			once(j, &seen, 2);
			l->pce_svn = (uint16_t)om_json_number(j, 65535);
		} else {
			om_json_skip(j);
		}
	}
	require(j, seen, 3);
	if (count != PLATFORM_COMPONENTS)
		om_json_fail(j, OM_EINVAL);
}

static void qe_tcb(struct om_json *j, struct level *l)
{
	struct om_view key;
	unsigned seen = 0;

	om_json_object(j);
	while (om_json_key(j, &key)) {
		if (om_json_is(key, "isvsvn")) {
			once(j, &seen, 1);
			l->isv_svn = (uint16_t)om_json_number(j, 65535);
		} else {
			om_json_skip(j);
		}
	}
	require(j, seen, 1);
}

/* "INTEL-SA-00289"; others are counted as 0. */
static void advisories(struct om_json *j, struct level *l)
{
	static const char prefix[] = "INTEL-SA-";

	om_json_array(j);
	while (om_json_item(j)) {
		const struct om_view s = om_json_string(j);
		unsigned number = 0;

		if (s.size == sizeof prefix - 1 + 5 && !memcmp(s.data, prefix, sizeof prefix - 1) &&
		    !om_digits(s.data + sizeof prefix - 1, 5, &number))
			number = 0;
		if (l->advisory_count == OM_ADVISORIES_MAX)
			om_json_fail(j, OM_EOVERFLOW);
		else
			l->advisory[l->advisory_count++] = number;
	}
}

static void level(struct om_json *j, bool qe, struct level *l)
{
	struct om_view key;
	unsigned seen = 0;

	memset(l, 0, sizeof *l);
	om_json_object(j);
	while (om_json_key(j, &key)) {
		if (om_json_is(key, "tcb")) {
			once(j, &seen, SEEN_TCB);
			if (qe)
				qe_tcb(j, l);
			else
				platform_tcb(j, l);
		} else if (om_json_is(key, "tcbStatus")) {
			once(j, &seen, SEEN_STATUS);
			l->status = status_of(j);
		} else if (om_json_is(key, "tcbDate")) {
			once(j, &seen, SEEN_DATE);
			l->date = om_json_time(j);
		} else if (om_json_is(key, "advisoryIDs")) {
			once(j, &seen, SEEN_ADVISORIES);
			advisories(j, l);
		} else {
			om_json_skip(j);
		}
	}
	require(j, seen, SEEN_TCB | SEEN_STATUS | SEEN_DATE);
}

static bool platform_reaches(const struct om_pck *pck, const struct level *l)
{
	for (int i = 0; i < PLATFORM_COMPONENTS; i++)
		if (pck->svn[i] < l->svn[i])
			return false;
	return pck->pce_svn >= l->pce_svn;
}

/* Reads all levels; the first that `pck` (or else `qe`) reaches goes into the result. */
static void levels(struct om_json *j, const struct om_pck *pck, const struct sgx_report_body *qe, struct om_tcb_result *r)
{
	struct level l;
	bool found = false;

	om_json_array(j);
	while (om_json_item(j)) {
		level(j, !pck, &l);
		/* cppcheck-suppress nullPointer ; one of pck and qe is given */
		if (found || !(pck ? platform_reaches(pck, &l) : qe->isvsvn >= l.isv_svn))
			continue;
		found = true;
		r->status = l.status;
		r->tcb_date = l.date;
		r->advisory_count = l.advisory_count;
		memcpy(r->advisory, l.advisory, sizeof r->advisory);
	}
}

/* Fields both documents have. Return: whether `key` was one of them. */
enum { SEEN_ID = 0x10, SEEN_VERSION = 0x20, SEEN_ISSUED = 0x40, SEEN_NEXT = 0x80, SEEN_EVALUATION = 0x100, SEEN_LEVELS = 0x200,
	SEEN_COMMON = 0x3f0 };
static bool common(struct om_json *j, struct om_view key, const char *id, unsigned version, unsigned *seen,
	struct om_tcb_result *r)
{
	if (om_json_is(key, "id")) {
		once(j, seen, SEEN_ID);
		if (!om_json_is(om_json_string(j), id))
			om_json_fail(j, OM_EIDENTITY);
	} else if (om_json_is(key, "version")) {
		once(j, seen, SEEN_VERSION);
		if (om_json_number(j, UINT32_MAX) != version)
			om_json_fail(j, OM_EVERSION);
	} else if (om_json_is(key, "issueDate")) {
		once(j, seen, SEEN_ISSUED);
		r->issued = om_json_time(j);
	} else if (om_json_is(key, "nextUpdate")) {
		once(j, seen, SEEN_NEXT);
		r->next_update = om_json_time(j);
	} else if (om_json_is(key, "tcbEvaluationDataNumber")) {
		once(j, seen, SEEN_EVALUATION);
		r->evaluation = (uint32_t)om_json_number(j, UINT32_MAX);
	} else {
		return false;
	}
	return true;
}

/* Fields of bytes, written in hex. */
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
		once(j, seen, fields[i].bit);
		om_json_hex(j, fields[i].to, fields[i].size);
		return true;
	}
	return false;
}

int om_tcb_info_evaluate(struct om_view json, const struct om_pck *pck, struct om_tcb_result *ret)
{
	enum { SEEN_FMSPC = 1, SEEN_PCEID = 2, SEEN_TYPE = 4 };
	struct om_tcb_result r = { .status = OM_TCB_UNKNOWN };
	uint8_t fmspc[6] = { 0 }, pce_id[2] = { 0 };
	const struct hex_field fields[] = {
		{ "fmspc", SEEN_FMSPC, fmspc, sizeof fmspc }, { "pceId", SEEN_PCEID, pce_id, sizeof pce_id },
	};
	struct om_json j;
	struct om_view key;
	unsigned seen = 0;
	int error;

	om_json_init(&j, json);
	om_json_object(&j);
	while (om_json_key(&j, &key)) {
		if (common(&j, key, "SGX", 3, &seen, &r) || hex_fields(&j, key, fields, sizeof fields / sizeof *fields, &seen)) {
			continue;
		} else if (om_json_is(key, "tcbType")) {
			once(&j, &seen, SEEN_TYPE);
			if (om_json_number(&j, UINT32_MAX) != 0)
				om_json_fail(&j, OM_EUNSUPPORTED);
		} else if (om_json_is(key, "tcbLevels")) {
			once(&j, &seen, SEEN_LEVELS);
			levels(&j, pck, NULL, &r);
		} else {
			om_json_skip(&j);
		}
	}
	require(&j, seen, SEEN_COMMON | SEEN_FMSPC | SEEN_PCEID | SEEN_TYPE);
	error = om_json_end(&j);
	if (error)
		return error;
	if (memcmp(fmspc, pck->fmspc, sizeof fmspc) || memcmp(pce_id, pck->pce_id, sizeof pce_id))
		return OM_EIDENTITY;
	*ret = r;
	return 0;
}

struct qe_identity {
	uint8_t  miscselect[4], miscselect_mask[4];
	uint8_t  attributes[16], attributes_mask[16];
	uint8_t  mrsigner[32];
	uint16_t isv_prod_id;
};

static bool masked_equal(const void *value, const uint8_t *want, const uint8_t *mask, size_t size)
{
	const uint8_t *v = value;

	for (size_t i = 0; i < size; i++)
		if ((v[i] & mask[i]) != (want[i] & mask[i]))
			return false;
	return true;
}

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

int om_qe_identity_evaluate(struct om_view json, const struct sgx_report_body *qe, struct om_tcb_result *ret)
{
	struct om_tcb_result r = { .status = OM_TCB_UNKNOWN };
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
	unsigned seen = 0;
	int error;

	om_json_init(&j, json);
	om_json_object(&j);
	while (om_json_key(&j, &key)) {
		if (common(&j, key, "QE", 2, &seen, &r) || hex_fields(&j, key, fields, sizeof fields / sizeof *fields, &seen)) {
			continue;
		} else if (om_json_is(key, "isvprodid")) {
			once(&j, &seen, 0x2000);
			q.isv_prod_id = (uint16_t)om_json_number(&j, 65535);
		} else if (om_json_is(key, "tcbLevels")) {
			once(&j, &seen, SEEN_LEVELS);
			levels(&j, NULL, qe, &r);
		} else {
			om_json_skip(&j);
		}
	}
	require(&j, seen, SEEN_COMMON | 0x300f);
	error = om_json_end(&j);
	if (error)
		return error;
	if (!is_that_qe(&q, qe))
		return OM_EIDENTITY;
	*ret = r;
	return 0;
}

enum om_tcb_status om_tcb_merge(enum om_tcb_status platform, enum om_tcb_status qe)
{
	if (platform == OM_TCB_UNKNOWN || qe == OM_TCB_UNKNOWN)
		return OM_TCB_UNKNOWN;
	if (platform == OM_TCB_REVOKED || qe == OM_TCB_REVOKED)
		return OM_TCB_REVOKED;
	if (qe == OM_TCB_UP_TO_DATE)
		return platform;
	if (qe != OM_TCB_OUT_OF_DATE)
		return platform > qe ? platform : qe; /* not used by Intel for QEs; the worse of the two */
	switch (platform) {
	case OM_TCB_CONFIGURATION_NEEDED:
	case OM_TCB_CONFIGURATION_AND_SW_HARDENING:
	case OM_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED:
		return OM_TCB_OUT_OF_DATE_CONFIGURATION_NEEDED;
	default:
		return OM_TCB_OUT_OF_DATE;
	}
}
