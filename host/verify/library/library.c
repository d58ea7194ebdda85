/* SPDX-License-Identifier: Apache-2.0 */
/* liboptmig-verify: the header's functions, over the same judges as `optmig verify`. Only demands are kept between calls. */
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "evidence/accept/facts.h"
#include "launch.h"
#include "util.h"
#include "verify/certificate.h"
#include "optmig-verify.h"

#define NONCE_MIN 16u

struct optmig_verify {
	struct verify_request request;
	struct verify_programs programs;
	int64_t at;
	uint8_t lineage[OM_P256_PUBLIC];
	char error[300];
};

optmig_verify *optmig_verify_new(void)
{
	optmig_verify *v = calloc(1, sizeof *v);

	if (v)
		v->request.programs = &v->programs;
	return v;
}

static void forget(struct om_view *v)
{
	free((void *)(uintptr_t)v->data);
	*v = (struct om_view) { 0 };
}

void optmig_verify_free(optmig_verify *v)
{
	if (!v)
		return;
	forget(&v->request.policy);
	forget(&v->request.collateral);
	forget(&v->request.guests);
	verify_programs_done(&v->programs);
	free(v);
}

const char *optmig_verify_error(const optmig_verify *v)
{
	return v->error;
}

static int say(optmig_verify *v, int result, const char *words)
{
	snprintf(v->error, sizeof v->error, "%s", words);
	return result;
}

/* Of the host's errors, with their words. */
static int result_of(optmig_verify *v, int error)
{
	if (!error)
		return OPTMIG_VERIFY_ACCEPTED;
	return say(v, error == OM_ENOTFOUND ? OPTMIG_VERIFY_COLLATERAL : error == OM_ENOMEM ? OPTMIG_VERIFY_MEMORY : OPTMIG_VERIFY_USAGE, host_reason());
}

/* ---- demands ---------------------------------------------------------------------------------------------------------------------- */

int optmig_verify_image(optmig_verify *v, const char *path)
{
	return result_of(v, verify_programs_image(&v->programs, path));
}

int optmig_verify_mrenclave(optmig_verify *v, const uint8_t mrenclave[32])
{
	return result_of(v, verify_programs_add(&v->programs, mrenclave));
}

static int keep(optmig_verify *v, struct om_view *where, const void *bytes, size_t size)
{
	uint8_t *copy = size && size <= VERIFY_FILE_MAX ? malloc(size) : NULL;

	if (size > VERIFY_FILE_MAX)
		return say(v, OPTMIG_VERIFY_USAGE, "it is too long");
	if (size && !copy)
		return say(v, OPTMIG_VERIFY_MEMORY, "no memory");
	forget(where);
	if (size)
		memcpy(copy, bytes, size);
	*where = (struct om_view) { copy, size };
	return OPTMIG_VERIFY_ACCEPTED;
}

int optmig_verify_policy(optmig_verify *v, const char *text, size_t size)
{
	return keep(v, &v->request.policy, text, size);
}

int optmig_verify_collateral(optmig_verify *v, const void *bytes, size_t size)
{
	return keep(v, &v->request.collateral, bytes, size);
}

int optmig_verify_guests(optmig_verify *v, const void *bytes, size_t size)
{
	return keep(v, &v->request.guests, bytes, size);
}

void optmig_verify_debug(optmig_verify *v, int yes)
{
	v->request.debug = yes != 0;
}

int optmig_verify_lineage(optmig_verify *v, const uint8_t key[64])
{
	if (key && !om_p256_valid(key))
		return say(v, OPTMIG_VERIFY_USAGE, "this is no key of a lineage: no point of P-256");
	if (key)
		memcpy(v->lineage, key, sizeof v->lineage);
	v->request.lineage = key ? v->lineage : NULL;
	return OPTMIG_VERIFY_ACCEPTED;
}

void optmig_verify_max_age(optmig_verify *v, int64_t seconds)
{
	v->request.max_age = seconds > 0 ? seconds : 0;
}

void optmig_verify_at(optmig_verify *v, int64_t seconds)
{
	v->at = seconds;
}

/* ---- verdicts ------------------------------------------------------------------------------------------------------------------- */

static void describe(const struct verify_verdict *is, optmig_verdict *ret)
{
	const struct sgx_report_body *body = &is->peer.body;
	const struct om_platform_facts *facts = &is->peer.facts;

	*ret = (optmig_verdict) { .reason_number = is->error ? (int32_t)is->reason : 0 };
	snprintf(ret->reason, sizeof ret->reason, "%s", is->error ? om_attest_reason_words(is->reason) : "all that was demanded holds");
	if (!facts->type)
		return;
	snprintf(ret->platform, sizeof ret->platform, "%s", om_facts_platform(facts));
	if (facts->status != OM_TCB_UNKNOWN)
		snprintf(ret->tcb_status, sizeof ret->tcb_status, "%s", om_tcb_status_words(facts->status));
	memcpy(ret->mrenclave, body->mrenclave, sizeof ret->mrenclave);
	memcpy(ret->mrsigner, body->mrsigner, sizeof ret->mrsigner);
	memcpy(ret->report_data, body->reportdata, sizeof ret->report_data);
	ret->product = body->isvprodid;
	ret->svn = body->isvsvn;
	ret->debug = (body->attributes.flags & SGX_ATTR_DEBUG) != 0;
	ret->demonstration = facts->root_kind == OM_ROOT_DEMO;
	ret->valid_until = is->peer.valid_until;
	ret->fresh = is->fresh;
	if (!is->has_instance)
		return;
	memcpy(ret->instance, is->instance.id, sizeof ret->instance);
	memcpy(ret->lineage, is->instance.lineage, sizeof ret->lineage);
	ret->moves = is->instance.next_move ? is->instance.next_move - 1 : 0;
	ret->guest_list = is->instance.guests_floor;
	ret->made = (int64_t)is->instance.made;
	ret->certified = is->has_lineage;
	ret->lineage_lasts = is->has_lineage && is->lineage.kind != OM_LINEAGE_NEW;
	if (is->has_lineage)
		memcpy(ret->lineage_key, is->lineage.public, sizeof ret->lineage_key);
}

/* What a caller of another version has no room for is left out. */
static int give(optmig_verify *v, int error, const struct verify_verdict *is, optmig_verdict *ret)
{
	optmig_verdict all;
	uint32_t size;

	if (error)
		return result_of(v, error);
	if (ret) {
		size = ret->size;
		describe(is, &all);
		all.size = size;
		memcpy(ret, &all, size < sizeof all ? size : sizeof all);
	}
	return is->error ? OPTMIG_VERIFY_REFUSED : OPTMIG_VERIFY_ACCEPTED;
}

static struct verify_request request_of(const optmig_verify *v)
{
	struct verify_request r = v->request;

	r.now = v->at ? v->at : (int64_t)time(NULL);
	return r;
}

int optmig_verify_quote(optmig_verify *v, const void *quote, size_t size, const uint8_t report_data[64], optmig_verdict *ret)
{
	struct verify_verdict *is = malloc(sizeof *is);
	struct verify_request request = request_of(v);
	int error;

	if (!is)
		return say(v, OPTMIG_VERIFY_MEMORY, "no memory");
	request.evidence = (struct om_view) { quote, size };
	error = verify_judge(&request, is);
	if (!error && !is->error && memcmp(is->peer.body.reportdata, report_data, SGX_REPORTDATA_SIZE) != 0)
		is->reason = OM_WHY_USER_DATA;
	else if (!error && !is->error && (request.lineage || request.max_age))
		is->reason = request.lineage ? OM_WHY_LINEAGE_NONE : OM_WHY_AGE_NONE;
	if (!error && !is->error && is->reason)
		is->error = OM_EAUTH;
	error = give(v, error, is, ret);
	free(is);
	return error;
}

static int of_certificate(optmig_verify *v, struct om_view file, const struct om_view *fresh, struct om_view nonce, optmig_verdict *ret)
{
	struct verify_verdict *is = malloc(sizeof *is);
	const struct verify_request request = request_of(v);
	X509 *certificate = NULL;
	int error = is ? verify_certificate_read(file, &certificate) : host_fail(OM_ENOMEM, "no memory");

	if (!error)
		error = fresh ? verify_fresh(&request, certificate, *fresh, nonce, is) : verify_certificate(&request, certificate, nonce, is);
	error = give(v, error, is, ret);
	X509_free(certificate);
	free(is);
	return error;
}

int optmig_verify_certificate(optmig_verify *v, const void *certificate, size_t size, optmig_verdict *ret)
{
	return of_certificate(v, (struct om_view) { certificate, size }, NULL, (struct om_view) { 0 }, ret);
}

int optmig_verify_fresh(optmig_verify *v, const void *certificate, size_t certificate_size, const void *evidence, size_t evidence_size,
	const void *nonce, size_t nonce_size, optmig_verdict *ret)
{
	const struct om_view fresh = { evidence, evidence_size };

	if (nonce_size < NONCE_MIN || nonce_size > OM_NONCE_MAX)
		return say(v, OPTMIG_VERIFY_USAGE, "a nonce has 16 to 64 bytes");
	return of_certificate(v, (struct om_view) { certificate, certificate_size }, &fresh, (struct om_view) { nonce, nonce_size }, ret);
}

const char *optmig_verify_migration_policy(const optmig_verify *v, const uint8_t mrenclave[32])
{
	return verify_programs_policy(&v->programs, mrenclave);
}
