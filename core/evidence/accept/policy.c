/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies: decoding with every field checked, what may be wrong with one, and the decision. The order of the checks is the order
 * in which reasons are most useful to people.
 */
#include <string.h>
#include "evidence/accept/policy.h"
#include "crypto/ec.h"
#include "crypto/wipe.h"
#include "cursor.h"

#define STATUS_BIT(status) (1u << (status))
#define STATUS_BITS     0x3feu  /* every status but Unknown */
#define SNP_ROOTS_MAX   (2 * OM_AMD_ROOTS + OM_AMD_ROOTS * OM_POLICY_ROOTS_MAX)
#define STATUS_DEFAULT  (STATUS_BIT(OM_TCB_UP_TO_DATE) | STATUS_BIT(OM_TCB_SW_HARDENING_NEEDED))
#define SGX  OM_PLATFORM_BIT(OM_EVIDENCE_SGX)
#define SNP  OM_PLATFORM_BIT(OM_EVIDENCE_SNP)
#define TDX  OM_PLATFORM_BIT(OM_EVIDENCE_TDX)
#define DEMO OM_PLATFORM_BIT(OM_EVIDENCE_DEMO)
#define REAL (SGX | SNP | TDX)
#define JUDGED (SGX | TDX | DEMO)   /* whose maker publishes verdicts */

static_assert(OM_P256_PUBLIC_BYTES == OM_P256_PUBLIC && sizeof(struct om_policy_root) == 1 + OM_ROOT_HASH_SIZE, "records are bytes");

void om_policy_default(struct om_policy *ret)
{
	memset(ret, 0, sizeof *ret);
	ret->flags = OM_POLICY_SAME | OM_POLICY_DEBUG;
	ret->platforms = ret->makers = SGX;
	ret->statuses = STATUS_DEFAULT;
}

/* ---- what may be wrong ---- */

struct fault { enum om_policy_key key; const char *words; };

static const char *is_at(enum om_policy_key *ret_key, enum om_policy_key key, const char *words)
{
	if (ret_key)
		*ret_key = key;
	return words;
}

static bool rooted(const struct om_policy *p, enum om_evidence_type type)
{
	if (p->makers & OM_PLATFORM_BIT(type))
		return true;
	for (unsigned i = 0; i < p->root_count; i++)
		if (p->root[i].type == (unsigned)type)
			return true;
	return false;
}

static const char *roots_fault(const struct om_policy *p)
{
	if (p->root_count > OM_POLICY_ROOTS_MAX || !om_ascending(p->root, p->root_count, sizeof p->root[0], sizeof p->root[0]))
		return "roots are too many, out of order or listed twice";
	if (p->makers & ~(p->platforms & REAL))
		return "a maker's root is listed for a platform that is not accepted: add platform, or take the root out";
	for (unsigned i = 0; i < p->root_count; i++) {
		if (p->root[i].type > OM_EVIDENCE_TDX || !(p->platforms & REAL & OM_PLATFORM_BIT(p->root[i].type)))
			return "a root is listed for a platform that is not accepted: add platform, or take the root out";
		if (om_equal(p->root[i].hash, om_emulated_root, OM_ROOT_HASH_SIZE))
			return "this root vouches for nothing, its private key is public: say platform = demo if that is meant";
		if (p->root[i].type != OM_EVIDENCE_SNP && om_equal(p->root[i].hash, om_intel_root, OM_ROOT_HASH_SIZE))
			return "this is Intel's own root: say root = intel";
	}
	for (enum om_evidence_type t = OM_EVIDENCE_SGX; t <= OM_EVIDENCE_TDX; t++)
		if (p->platforms & OM_PLATFORM_BIT(t) && !rooted(p, t))
			return "an accepted platform has no root: add one, or take the platform out";
	return NULL;
}

static struct fault programs_fault(const struct om_policy *p)
{
	if (p->flags & ~(OM_POLICY_SAME | OM_POLICY_DEBUG | OM_POLICY_OWNER))
		return (struct fault) { OM_KEY_DEBUG, "unknown flags" };
	if (p->mrenclave_count > OM_POLICY_MRENCLAVES_MAX || !om_ascending(p->mrenclave, p->mrenclave_count, 32, 32))
		return (struct fault) { OM_KEY_MRENCLAVE, "MRENCLAVEs are too many, out of order or listed twice" };
	if (!(p->flags & OM_POLICY_SAME) && !p->mrenclave_count)
		return (struct fault) { OM_KEY_MRENCLAVE, "no program is accepted: say mrenclave = same" };
	if (p->signer_count > OM_POLICY_SIGNERS_MAX || !om_ascending(p->signer, p->signer_count, 32, 32))
		return (struct fault) { OM_KEY_SIGNER, "signers are too many, out of order or listed twice" };
	if (p->svn_min && !p->signer_count)
		return (struct fault) { OM_KEY_MIN_SVN, "min-svn means nothing without signer: anybody can sign this image with any version; "
			"add signer = the MRSIGNER whose versions count" };
	return (struct fault) { 0 };
}

static struct fault tcb_fault(const struct om_policy *p)
{
	const bool judged = p->platforms & JUDGED || p->flags & OM_POLICY_DEBUG;

	if (!p->statuses || p->statuses & ~(STATUS_BITS & ~STATUS_BIT(OM_TCB_REVOKED)))
		return (struct fault) { OM_KEY_TCB, "no TCB status, or Revoked, is accepted" };
	if (!judged && p->statuses != STATUS_DEFAULT)
		return (struct fault) { OM_KEY_TCB, "tcb means nothing for SNP, whose maker publishes no verdicts: use min-tcb" };
	if (!om_floors_sound(&p->floors))
		return (struct fault) { OM_KEY_MIN_TCB, "floors are out of order, listed twice or of no known processor (fmc: Turin only)" };
	if (p->floors.snp_count && !(p->platforms & SNP))
		return (struct fault) { OM_KEY_MIN_TCB, "a floor for SNP means nothing without platform = snp" };
	if (p->floors.sgx_date && !(p->platforms & (SGX | DEMO)))
		return (struct fault) { OM_KEY_MIN_TCB, "a floor for SGX means nothing without platform = sgx" };
	if (p->floors.tdx_date && !(p->platforms & TDX))
		return (struct fault) { OM_KEY_MIN_TCB, "a floor for TDX means nothing without platform = tdx" };
	if (p->floors.evaluation && !(p->platforms & JUDGED))
		return (struct fault) { OM_KEY_MIN_EVALUATION, "min-tcb-evaluation means nothing without platform = sgx or tdx" };
	if (p->platforms & SNP && !p->floors.snp_count && !p->guest_signer_count)
		return (struct fault) { OM_KEY_PLATFORM, "platform = snp needs a floor, for AMD publishes no verdicts: add min-tcb = snp:PRODUCT ..., "
			"with zeros if any firmware will do" };
	return (struct fault) { 0 };
}

static const char firmware_only[] = "a guest whose kernel is not measured counts as a demonstration, which this policy does not accept: "
	"say kernel behind the measurement or the owner's key if all that it stands for covers kernel, initrd and command line (SNP); RTMR1 and RTMR2 must not be zero (TDX)";

/* @debug: the enclave may be one, and takes demonstrations. */
static bool lists_firmware_in_vain(const struct om_policy *p, bool debug)
{
	if (p->platforms & DEMO || debug)
		return false;
	for (unsigned i = 0; i < p->guests.snp_count; i++)
		if (!om_snp_guest_covers(&p->guests.snp[i]))
			return true;
	for (unsigned i = 0; i < p->guests.owner_count; i++)
		if (!om_snp_owner_covers(&p->guests.owner[i]))
			return true;
	for (unsigned i = 0; i < p->guests.tdx_count; i++)
		if (!om_tdx_guest_covers(&p->guests.tdx[i]))
			return true;
	return false;
}

static struct fault guests_fault(const struct om_policy *p)
{
	if (p->guest_signer_count > OM_POLICY_GUEST_SIGNERS_MAX ||
	    !om_ascending(p->guest_signer, p->guest_signer_count, sizeof p->guest_signer[0], sizeof p->guest_signer[0]))
		return (struct fault) { OM_KEY_GUEST_SIGNER, "guest signers are too many, out of order or listed twice" };
	for (unsigned i = 0; i < p->guest_signer_count; i++)
		if (!om_key_valid(&p->guest_signer[i]))
			return (struct fault) { OM_KEY_GUEST_SIGNER, "this is no public key: a point of P-256 or P-384 is needed" };
	if (p->guest_signer_count && !(p->platforms & (SNP | TDX)))
		return (struct fault) { OM_KEY_GUEST_SIGNER, "guest-signer means nothing without platform = snp or tdx" };
	if (!om_guests_sound(&p->guests))
		return (struct fault) { OM_KEY_GUEST, "guests are too many, out of order or listed twice, a vmpl is above 3, or a guest by its owner has no key" };
	if ((p->guests.snp_count + p->guests.owner_count && !(p->platforms & SNP)) || (p->guests.tdx_count && !(p->platforms & TDX)))
		return (struct fault) { OM_KEY_GUEST, "a guest is listed for a platform that is not accepted: add platform, or take the guest out" };
	if (lists_firmware_in_vain(p, p->flags & OM_POLICY_DEBUG))
		return (struct fault) { OM_KEY_GUEST, firmware_only };
	if ((p->platforms & SNP && !p->guests.snp_count && !p->guests.owner_count && !p->guest_signer_count) ||
	    (p->platforms & TDX && !p->guests.tdx_count && !p->guest_signer_count))
		return (struct fault) { OM_KEY_PLATFORM, "no guest of an accepted platform is allowed: add guest or guest-signer" };
	if (p->platforms & SNP ? !p->snp_keys || p->snp_keys & ~(OM_ACCEPT_VCEK | OM_ACCEPT_VLEK) : p->snp_keys != 0)
		return (struct fault) { OM_KEY_SNP_KEY, p->platforms & SNP ? "no kind of key is accepted for SNP: say snp-key = vcek" :
			"snp-key means nothing without platform = snp" };
	return (struct fault) { 0 };
}

static const char *owner_fault(const struct om_policy *p)
{
	static const uint8_t zero[OM_P256_PUBLIC];

	if (p->flags & OM_POLICY_OWNER)
		return om_p256_valid(p->owner) ? NULL : "this is no public key: a point of P-256 is needed";
	return om_equal(p->owner, zero, sizeof zero) ? NULL : "an owner's key without the flag";
}

const char *om_policy_fault(const struct om_policy *p, enum om_policy_key *ret_key)
{
	struct fault f = programs_fault(p);
	const char *words;

	if (f.words)
		return is_at(ret_key, f.key, f.words);
	if (!p->platforms || p->platforms & ~(REAL | DEMO))
		return is_at(ret_key, OM_KEY_PLATFORM, "no platform, or an unknown one, is accepted");
	words = roots_fault(p);
	if (words)
		return is_at(ret_key, OM_KEY_ROOT, words);
	f = tcb_fault(p);
	if (!f.words)
		f = guests_fault(p);
	if (f.words)
		return is_at(ret_key, f.key, f.words);
	if (p->not_before > INT64_MAX)
		return is_at(ret_key, OM_KEY_NOT_BEFORE, "no such date");
	words = owner_fault(p);
	return words ? is_at(ret_key, OM_KEY_OWNER, words) : NULL;
}

const char *om_policy_image_fault(const struct om_policy *p, bool debug, enum om_policy_key *ret_key)
{
	if (p->mrenclave_count || !(p->flags & OM_POLICY_SAME))
		return is_at(ret_key, OM_KEY_MRENCLAVE, "a program moves to itself only, and an image cannot name itself: say mrenclave = same");
	if (!debug && lists_firmware_in_vain(p, false))
		return is_at(ret_key, OM_KEY_GUEST, firmware_only);
	return om_policy_fault(p, ret_key);
}

/* ---- bytes ---- */

static void get_header(struct om_get *g, struct om_policy *p)
{
	if (om_get_u32(g) != OM_POLICY_MAGIC)
		om_get_fail(g, OM_ETYPE);
	if (om_get_u16(g) != OM_POLICY_VERSION)
		om_get_fail(g, OM_EVERSION);
	p->flags = om_get_u16(g);
	p->platforms = om_get_u8(g);
	p->makers = om_get_u8(g);
	p->snp_keys = om_get_u8(g);
	om_get_zeros(g, 1);
	p->statuses = om_get_u16(g);
	p->svn_min = om_get_u16(g);
	p->not_before = om_get_u64(g);
	om_guests_get_head(g, &p->floors, &p->guests);
	p->root_count = om_get_u8(g);
	p->mrenclave_count = om_get_u8(g);
	p->signer_count = om_get_u8(g);
	p->guest_signer_count = om_get_u8(g);
	om_get_zeros(g, 4);
	if (p->root_count > OM_POLICY_ROOTS_MAX || p->mrenclave_count > OM_POLICY_MRENCLAVES_MAX ||
	    p->signer_count > OM_POLICY_SIGNERS_MAX || p->guest_signer_count > OM_POLICY_GUEST_SIGNERS_MAX)
		om_get_fail(g, OM_EINVAL);
}

int om_policy_decode(const uint8_t *data, size_t size, struct om_policy *ret)
{
	struct om_policy p = { 0 };
	struct om_get g;
	int error;

	if (size == 0) {
		om_policy_default(ret);
		return 0;
	}
	om_get_init(&g, data, size);
	get_header(&g, &p);
	if (!g.error) {
		if (p.flags & OM_POLICY_OWNER)
			om_get_bytes(&g, p.owner, sizeof p.owner);
		om_get_bytes(&g, p.root, p.root_count * sizeof p.root[0]);
		om_get_bytes(&g, p.mrenclave, p.mrenclave_count * sizeof p.mrenclave[0]);
		om_get_bytes(&g, p.signer, p.signer_count * sizeof p.signer[0]);
		om_get_bytes(&g, p.guest_signer, p.guest_signer_count * sizeof p.guest_signer[0]);
		om_guests_get_records(&g, &p.floors, &p.guests);
	}
	error = om_get_end(&g);
	if (!error && om_policy_fault(&p, NULL))
		error = OM_EINVAL;
	if (error)
		return error;
	*ret = p;
	return 0;
}

int om_policy_encode(const struct om_policy *p, uint8_t *buffer, size_t buffer_size, size_t *ret_size)
{
	struct om_put put;

	if (om_policy_fault(p, NULL))
		return OM_EINVAL;
	om_put_init(&put, buffer, buffer_size);
	om_put_u32(&put, OM_POLICY_MAGIC);
	om_put_u16(&put, OM_POLICY_VERSION);
	om_put_u16(&put, p->flags);
	om_put_u8(&put, p->platforms);
	om_put_u8(&put, p->makers);
	om_put_u8(&put, p->snp_keys);
	om_put_u8(&put, 0);
	om_put_u16(&put, p->statuses);
	om_put_u16(&put, p->svn_min);
	om_put_u64(&put, p->not_before);
	om_guests_put_head(&put, &p->floors, &p->guests);
	om_put_u8(&put, (uint8_t)p->root_count);
	om_put_u8(&put, (uint8_t)p->mrenclave_count);
	om_put_u8(&put, (uint8_t)p->signer_count);
	om_put_u8(&put, (uint8_t)p->guest_signer_count);
	om_put_zeros(&put, 4);
	if (p->flags & OM_POLICY_OWNER)
		om_put_bytes(&put, p->owner, sizeof p->owner);
	om_put_bytes(&put, p->root, p->root_count * sizeof p->root[0]);
	om_put_bytes(&put, p->mrenclave, p->mrenclave_count * sizeof p->mrenclave[0]);
	om_put_bytes(&put, p->signer, p->signer_count * sizeof p->signer[0]);
	om_put_bytes(&put, p->guest_signer, p->guest_signer_count * sizeof p->guest_signer[0]);
	om_guests_put_records(&put, &p->floors, &p->guests);
	if (om_put_end(&put))
		return OM_EOVERFLOW;
	*ret_size = om_put_size(&put);
	return 0;
}

/* ---- the decision ---- */

static bool is_debug(const struct sgx_report_body *body) { return (body->attributes.flags & SGX_ATTR_DEBUG) != 0; }

bool om_policy_accepts(const struct om_policy *p, const struct sgx_report_body *own, enum om_evidence_type type)
{
	return p->platforms & OM_PLATFORM_BIT(type) || (type == OM_EVIDENCE_DEMO && own && is_debug(own));
}

size_t om_policy_roots(const struct om_policy *p, enum om_evidence_type type, uint8_t ret[OM_POLICY_ROOTS_MAX + 1][OM_ROOT_HASH_SIZE])
{
	size_t count = 0;

	if (type == OM_EVIDENCE_DEMO)
		memcpy(ret[count++], om_emulated_root, OM_ROOT_HASH_SIZE);
	else if (type != OM_EVIDENCE_SNP && p->makers & OM_PLATFORM_BIT(type))
		memcpy(ret[count++], om_intel_root, OM_ROOT_HASH_SIZE);
	for (unsigned i = 0; i < p->root_count; i++)
		if (p->root[i].type == (unsigned)type)
			memcpy(ret[count++], p->root[i].hash, OM_ROOT_HASH_SIZE);
	return count;
}

static bool among(const uint8_t (*list)[32], unsigned count, const uint8_t one[32])
{
	for (unsigned i = 0; i < count; i++)
		if (om_equal(list[i], one, 32))
			return true;
	return false;
}

static int no(enum om_attest_reason *ret_reason, enum om_attest_reason reason, int error)
{
	*ret_reason = reason;
	return error;
}

/* Two that move state between them are alike in all that the CPU does for them. */
static int check_likeness(const struct sgx_report_body *own, const struct sgx_report_body *body, enum om_attest_reason *ret_reason)
{
	if (body->attributes.flags != own->attributes.flags || body->cet_attributes != own->cet_attributes)
		return no(ret_reason, OM_WHY_ATTRIBUTES, OM_EPOLICY);
	if (body->attributes.xfrm != own->attributes.xfrm)
		return no(ret_reason, OM_WHY_XFRM, OM_EPOLICY);
	if (body->miscselect != own->miscselect)
		return no(ret_reason, OM_WHY_MISCSELECT, OM_EPOLICY);
	return 0;
}

static int check_program(const struct om_policy *p, const struct sgx_report_body *own, const struct sgx_report_body *body,
	enum om_attest_reason *ret_reason)
{
	const uint64_t needed = SGX_ATTR_INIT | SGX_ATTR_MODE64BIT;
	int error;

	if ((body->attributes.flags & needed) != needed)
		return no(ret_reason, OM_WHY_NOT_INITIALIZED, OM_EPOLICY);
	if (!(p->flags & OM_POLICY_SAME && own && om_equal(own->mrenclave, body->mrenclave, 32)) &&
	    !among(p->mrenclave, p->mrenclave_count, body->mrenclave))
		return no(ret_reason, OM_WHY_MRENCLAVE, OM_EIDENTITY);
	if ((own && is_debug(own) != is_debug(body)) || (is_debug(body) && !(p->flags & OM_POLICY_DEBUG)))
		return no(ret_reason, own ? OM_WHY_DEBUG : OM_WHY_DEBUGGABLE, OM_EDEBUG);
	error = own ? check_likeness(own, body, ret_reason) : 0;
	if (error)
		return error;
	if (p->signer_count && !among(p->signer, p->signer_count, body->mrsigner))
		return no(ret_reason, OM_WHY_SIGNER, OM_EPOLICY);
	if (body->isvsvn < p->svn_min)
		return no(ret_reason, OM_WHY_SVN, OM_EPOLICY);
	return 0;
}

static bool root_counts(const struct om_policy *p, const struct sgx_report_body *own, const struct om_platform_facts *facts)
{
	switch (facts->root_kind) {
	case OM_ROOT_MAKER: return p->makers & OM_PLATFORM_BIT(facts->type);
	case OM_ROOT_DEMO:  return om_policy_accepts(p, own, OM_EVIDENCE_DEMO);
	case OM_ROOT_OTHER: break;
	}
	for (unsigned i = 0; i < p->root_count; i++)
		if (p->root[i].type == (unsigned)facts->type && om_equal(p->root[i].hash, facts->root, OM_ROOT_HASH_SIZE))
			return true;
	return false;
}

static int check_platform(const struct om_policy *p, const struct om_guest_list *list, const struct sgx_report_body *own,
	const struct om_platform_facts *facts, enum om_attest_reason *ret_reason)
{
	int error = 0;

	if (!om_policy_accepts(p, own, facts->type))
		return no(ret_reason, OM_WHY_PLATFORM, OM_EPOLICY);
	if (!root_counts(p, own, facts))
		return no(ret_reason, OM_WHY_ROOT, OM_EPOLICY);
	if (facts->type == OM_EVIDENCE_SNP) {
		if (!(p->snp_keys & (facts->snp.vlek ? OM_ACCEPT_VLEK : OM_ACCEPT_VCEK)))
			return no(ret_reason, OM_WHY_KIND_OF_KEY, OM_EPOLICY);
	} else if (!(p->statuses & STATUS_BIT(facts->status))) {
		return no(ret_reason, OM_WHY_TCB_STATUS, OM_EPOLICY);
	}
	error = om_floors_check(&p->floors, facts, !list, ret_reason);
	if (!error && list)
		error = om_floors_check(&list->floors, facts, !om_floors_name(&p->floors, facts->snp.product), ret_reason);
	return error;
}

/* Listed in the policy, or else in the signed list. */
static int check_guest(const struct om_policy *p, const struct om_guest_list *list, const struct sgx_report_body *own,
	const struct om_platform_facts *facts, enum om_attest_reason *ret_reason)
{
	const bool demo = om_policy_accepts(p, own, OM_EVIDENCE_DEMO);
	int error = om_guests_check(&p->guests, facts, demo, ret_reason);

	if (error && *ret_reason == OM_WHY_GUEST && p->guest_signer_count)
		error = list ? om_guests_check(&list->guests, facts, demo, ret_reason) : no(ret_reason, OM_WHY_GUEST_LIST_NONE, OM_EPOLICY);
	return error;
}

int om_policy_check(const struct om_policy *p, const struct om_guest_list *list, const struct sgx_report_body *own,
	const struct sgx_report_body *body, const struct om_platform_facts *facts, enum om_attest_reason *ret_reason)
{
	int error = check_program(p, own, body, ret_reason);

	if (!error)
		error = check_platform(p, list, own, facts, ret_reason);
	if (!error)
		error = check_guest(p, list, own, facts, ret_reason);
	return error;
}

/* AMD's own roots, others that the policy names for any product, and the pretended machine's where its like is accepted. */
static size_t snp_roots(const struct om_policy *p, const struct sgx_report_body *own, struct om_snp_root ret[SNP_ROOTS_MAX])
{
	size_t count = 0;

	for (unsigned i = 0; p->makers & OM_PLATFORM_BIT(OM_EVIDENCE_SNP) && i < OM_AMD_ROOTS; i++)
		ret[count++] = om_amd_roots[i];
	for (unsigned i = 0; om_policy_accepts(p, own, OM_EVIDENCE_DEMO) && i < OM_AMD_ROOTS; i++)
		ret[count++] = om_snp_demo_roots[i];
	for (unsigned i = 0; i < p->root_count; i++) {
		if (p->root[i].type != OM_EVIDENCE_SNP)
			continue;
		for (enum om_snp_product product = OM_SNP_MILAN; product < OM_SNP_PRODUCTS; product++) {
			ret[count].product = product;
			memcpy(ret[count++].hash, p->root[i].hash, OM_ROOT_HASH_SIZE);
		}
	}
	return count;
}

static int authenticate_snp(const struct om_policy *p, const struct sgx_report_body *own, const struct om_envelope *e,
	struct om_view collateral, int64_t now, struct om_peer *ret, enum om_attest_reason *ret_reason)
{
	struct om_snp_root roots[SNP_ROOTS_MAX];
	struct om_snp_input in = { .report = e->platform, .crl_optional = true, .now = now, .roots = roots };
	struct om_snp_result result;
	int error;

	if (om_snp_collateral_decode(collateral, &in.chain, &in.crl))
		return no(ret_reason, OM_WHY_COLLATERAL_FORMAT, OM_EQUOTE);
	in.root_count = snp_roots(p, own, roots);
	error = om_snp_verify(&in, &result, ret_reason);
	if (error)
		return error;
	if (!om_envelope_bound(e, result.report.report_data))
		return no(ret_reason, OM_WHY_EVIDENCE_BINDING, OM_EAUTH);
	ret->body = e->body;
	ret->valid_until = result.valid_until;
	om_facts_of_snp(&result, &ret->facts);
	return 0;
}

/* Is the evidence authentic, under a root that counts? A guest's has to speak of the report body beside it. */
static int authenticate_quote(const struct om_policy *p, const struct sgx_report_body *own, const struct om_envelope *e,
	struct om_view collateral, int64_t now, struct om_peer *ret, enum om_attest_reason *ret_reason)
{
	uint8_t roots[OM_POLICY_ROOTS_MAX + 1][OM_ROOT_HASH_SIZE];
	struct om_attest_input in = { .quote = e->platform, .collateral = collateral, .now = now, .roots = roots };
	struct om_attest_result result;
	int error;

	in.tee = e->type == OM_EVIDENCE_TDX ? OM_TEE_TDX : OM_TEE_SGX;
	in.root_count = om_policy_roots(p, e->type, roots);
	if (in.tee == OM_TEE_TDX && om_policy_accepts(p, own, OM_EVIDENCE_DEMO))
		memcpy(roots[in.root_count++], om_emulated_root, OM_ROOT_HASH_SIZE);
	error = om_attest_verify(&in, &result, ret_reason);
	if (error)
		return error;
	ret->valid_until = result.valid_until;
	if (in.tee == OM_TEE_SGX) {
		ret->body = result.body;
		om_facts_of_sgx(e->type, &result, &ret->facts);
		return 0;
	}
	if (!om_envelope_bound(e, result.td.reportdata))
		return no(ret_reason, OM_WHY_EVIDENCE_BINDING, OM_EAUTH);
	ret->body = e->body;
	om_facts_of_tdx(&result, &ret->facts);
	return 0;
}

static int own_policy(const uint8_t *policy, size_t policy_size, struct om_policy *ret, enum om_attest_reason *ret_reason)
{
	const int error = om_policy_decode(policy, policy_size, ret);

	if (error == OM_EVERSION)
		return no(ret_reason, OM_WHY_POLICY_VERSION, OM_EVERSION);
	return error ? no(ret_reason, OM_WHY_POLICY_FORMAT, OM_EPOLICY) : 0;
}

int om_attest_may_move(const uint8_t *policy, size_t policy_size, enum om_attest_reason *ret_reason)
{
	struct om_policy p;
	const int error = own_policy(policy, policy_size, &p, ret_reason);

	return error ? error : no(ret_reason, OM_WHY_NONE, 0);
}

/* What needs no cryptography: the clock, and whether evidence of this kind can count at all. */
static int look(const struct om_policy *p, const struct sgx_report_body *own, struct om_view evidence, int64_t now,
	struct om_envelope *ret_envelope, enum om_attest_reason *ret_reason)
{
	int error;

	if (now < (int64_t)p->not_before)
		return no(ret_reason, OM_WHY_CLOCK, OM_EEXPIRED);
	error = om_envelope_parse(evidence, ret_envelope);
	if (error)
		return no(ret_reason, error == OM_ETYPE ? OM_WHY_EVIDENCE_TYPE : OM_WHY_EVIDENCE_FORMAT, OM_EQUOTE);
	if (!om_policy_accepts(p, own, ret_envelope->type))
		return no(ret_reason, OM_WHY_PLATFORM, OM_EPOLICY);
	return no(ret_reason, OM_WHY_NONE, 0);
}

static int glance(const uint8_t *policy, size_t policy_size, const struct sgx_report_body *own, struct om_view evidence, int64_t now,
	struct om_policy *ret_policy, struct om_envelope *ret_envelope, enum om_attest_reason *ret_reason)
{
	const int error = own_policy(policy, policy_size, ret_policy, ret_reason);

	return error ? error : look(ret_policy, own, evidence, now, ret_envelope, ret_reason);
}

int om_attest_glance(const uint8_t *policy, size_t policy_size, const struct sgx_report_body *own, struct om_view evidence,
	int64_t now, enum om_attest_reason *ret_reason)
{
	struct om_envelope e;
	struct om_policy p;

	return glance(policy, policy_size, own, evidence, now, &p, &e, ret_reason);
}

/* What has been looked at: is it authentic, and does the policy accept it? */
static int judge(const struct om_policy *p, const struct sgx_report_body *own, const struct om_envelope *e, struct om_view collateral,
	const struct om_guest_offer *offer, int64_t now, struct om_peer *ret, enum om_attest_reason *ret_reason)
{
	struct om_guest_list list = { 0 };
	int error = e->type == OM_EVIDENCE_SNP ? authenticate_snp(p, own, e, collateral, now, ret, ret_reason) :
		authenticate_quote(p, own, e, collateral, now, ret, ret_reason);

	if (!error && p->guest_signer_count && offer && offer->list.size)
		error = om_guest_list_accept(offer->list, p->guest_signer, p->guest_signer_count, offer->floor, &list, ret_reason);
	ret->list_version = list.version;
	if (!error)
		error = om_policy_check(p, list.version ? &list : NULL, own, &ret->body, &ret->facts, ret_reason);
	return error;
}

int om_attest_outside(const struct om_policy *p, struct om_view evidence, struct om_view collateral, const struct om_guest_offer *offer,
	int64_t now, struct om_peer *ret_peer, enum om_attest_reason *ret_reason)
{
	struct om_envelope e;
	int error = look(p, NULL, evidence, now, &e, ret_reason);

	*ret_peer = (struct om_peer) { 0 };
	return error ? error : judge(p, NULL, &e, collateral, offer, now, ret_peer, ret_reason);
}

int om_attest_peer(const uint8_t *policy, size_t policy_size, const struct sgx_report_body *own,
	struct om_view evidence, struct om_view collateral, const struct om_guest_offer *offer, int64_t now,
	const uint8_t report_data[SGX_REPORTDATA_SIZE], struct om_peer *ret_peer, enum om_attest_reason *ret_reason)
{
	struct om_peer peer = { 0 };
	struct om_envelope e;
	struct om_policy p;
	int error = glance(policy, policy_size, own, evidence, now, &p, &e, ret_reason);

	if (!error)
		error = judge(&p, own, &e, collateral, offer, now, &peer, ret_reason);
	if (error)
		return error;
	if (!om_equal(peer.body.reportdata, report_data, SGX_REPORTDATA_SIZE))
		return no(ret_reason, OM_WHY_REPORT_DATA, OM_EAUTH);
	*ret_reason = OM_WHY_NONE;
	*ret_peer = peer;
	return 0;
}
