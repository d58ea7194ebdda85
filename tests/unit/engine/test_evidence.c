/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions with real evidence (trusted/engine/evidence.c) and a host between the enclaves and the quoting service that does
 * what it likes: old quotes, quotes of other enclaves and for the other role, other platforms, answers of any size. Of
 * each the right side must say why, the program stays where it is, and can then move to an honest destination.
 *
 * EREPORT comes from a pretended CPU: the instruction faults outside an enclave, and the handler fills in the report.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <ucontext.h>
#include "crypto/ec.h"
#include "evidence/accept/ticket.h"
#include "evidence/demo/quote_build.h"
#include "errors.h"
#include "frame.h"
#include "tests/unit/engine/pair.h"

enum lie { HONEST, OLD_QUOTE, WRONG_ROLE, NO_TARGET, NO_QUOTE, QUOTE_NEGATIVE, QUOTE_LONG, QUOTE_HUGE, QUOTE_CUT, QUOTE_ALTERED,
	QUOTE_OF_NO_TYPE, QUOTE_AS_SGX, QUOTE_AS_GUEST, QUOTE_EMPTY,
	NO_COLLATERAL, COLLATERAL_LONG, COLLATERAL_HUGE, COLLATERAL_OF_ANOTHER };

struct quote { uint8_t bytes[OM_EVIDENCE_MAX]; size_t size; };

static struct pair p;
static struct om_platform platform[2];
static struct sgx_report_body identity[2];
static struct quote now_issued[2], old[2];
static int liar;                      /* the side whose host lies */
static enum lie lie;
static int64_t collateral_age;
static bool booting;                  /* an enclave asks who it is: it is what its image says */

/* The owner's ticket as the source's host hands it over, and what it says. */
static struct { uint8_t bytes[OM_TICKET_MAX]; size_t size; long instead; } given;
static struct om_ticket says;
static uint8_t owner_private[32], owner_public[64], fleet_private[32], fleet_public[64];

static int side_of(const void *address)
{
	Dl_info at, own;

	for (int s = 0; s < 2; s++)
		if (dladdr(address, &at) && dladdr(p.side[s].fake, &own) && at.dli_fbase == own.dli_fbase)
			return s;
	pair_fail(__FILE__, __LINE__, "an enclave that is not of this pair");
}

/* The CPU. */
static void on_enclu(int signo, siginfo_t *info, void *context)
{
	static const uint8_t enclu[] = { 0x0f, 0x01, 0xd7 };
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	struct sgx_report *report = (struct sgx_report *)r[REG_RDX];

	(void)info;
	if (memcmp((const void *)r[REG_RIP], enclu, sizeof enclu) != 0 || r[REG_RAX] != SGX_EREPORT) {
		signal(signo, SIG_DFL);
		return;
	}
	memset(report, 0, sizeof *report);
	if (!booting)
		report->body = identity[side_of(report)];
	else
		report->body.attributes.xfrm = OM_XFRM_AVX512;
	memcpy(report->body.reportdata, (const void *)r[REG_RCX], SGX_REPORTDATA_SIZE);
	r[REG_RIP] += sizeof enclu;
}

static long give(uint8_t *data, const struct quote *q)
{
	memcpy(data, q->bytes, q->size);
	return (long)q->size;
}

static long quote(int s, uint8_t *data)
{
	struct quote *q = &now_issued[s];
	struct om_view bare = { q->bytes + OM_ENVELOPE_HEAD, 0 };
	struct sgx_report report;

	memcpy(&report, data, sizeof report);
	CHECK(om_platform_quote(&platform[s], &report.body, q->bytes + OM_ENVELOPE_HEAD, sizeof q->bytes - OM_ENVELOPE_HEAD, &bare.size) == 0);
	CHECK(om_envelope_encode(OM_EVIDENCE_DEMO, bare, (struct om_view) { 0 }, q->bytes, sizeof q->bytes, &q->size) == 0);
	if (liar != s)
		return give(data, q);
	switch (lie) {
	case OLD_QUOTE:      return give(data, &old[s]);
	case WRONG_ROLE:     return give(data, &now_issued[!s]);
	case NO_QUOTE:       return 0;
	case QUOTE_NEGATIVE: return INT64_MIN;
	case QUOTE_LONG:     return OM_CONTROL_QUOTE_MAX + 1;
	case QUOTE_HUGE:     return INT64_MAX;
	case QUOTE_CUT:      return give(data, q) - 1;
	case QUOTE_ALTERED:
		(void)give(data, q);
		data[OM_ENVELOPE_HEAD + 48 + 320] ^= 0x10;   /* REPORTDATA */
		return (long)q->size;
	case QUOTE_OF_NO_TYPE: case QUOTE_AS_SGX: case QUOTE_AS_GUEST:
		(void)give(data, q);
		data[0] = lie == QUOTE_OF_NO_TYPE ? 77 : lie == QUOTE_AS_SGX ? OM_EVIDENCE_SGX : OM_EVIDENCE_TDX;
		return (long)q->size;
	case QUOTE_EMPTY:    return give(data, q) ? OM_ENVELOPE_HEAD : 0;
	default:             return give(data, q);
	}
}

static long collateral(int s, uint8_t *data)
{
	struct om_platform other = platform[!s];
	size_t size;

	if (liar == s && lie == NO_COLLATERAL)
		return -2;
	if (liar == s && lie == COLLATERAL_OF_ANOTHER)
		other.tcb.fmspc[0] ^= 1;
	CHECK(om_platform_collateral(&other, time(NULL) - collateral_age, data, OM_COLLATERAL_MAX, &size) == 0);
	if (liar == s && lie == COLLATERAL_LONG)
		return OM_COLLATERAL_MAX + 1;
	return liar == s && lie == COLLATERAL_HUGE ? INT64_MAX : (long)size;
}

static long paper(uint64_t which, uint8_t *data)
{
	if (which != OM_PAPER_TICKET)
		return 0;
	memcpy(data, given.bytes, given.size);
	return given.instead ? given.instead : (long)given.size;
}

static long answer(int s, enum om_hostcall op, uint8_t *data, uint64_t arg0)
{
	struct sgx_targetinfo target;

	switch (op) {
	case OM_HC_QUOTE_TARGET:
		if (liar == s && lie == NO_TARGET)
			return -2;
		om_platform_target(&platform[s], &target);
		memcpy(data, &target, sizeof target);
		return 0;
	case OM_HC_QUOTE:      return quote(s, data);
	case OM_HC_COLLATERAL: return collateral(s, data);
	case OM_HC_PAPER:      return paper(arg0, data);
	default:               return -38;
	}
}

static long source_host(enum om_hostcall op, uint8_t *data, uint64_t size) { return answer(SOURCE, op, data, size); }
static long target_host(enum om_hostcall op, uint8_t *data, uint64_t size) { return answer(DESTINATION, op, data, size); }

static struct om_image_header *image_of(int s)
{
	return *(struct om_image_header **)dlsym(p.side[s].object, "rt_image");
}

static void set_policy(int s, const struct om_policy *policy)
{
	struct om_image_header *image = image_of(s);
	size_t size = 0;

	if (policy)
		CHECK(om_policy_encode(policy, image->policy, sizeof image->policy, &size) == 0);
	image->policy_size = (uint32_t)size;
}

static void honest(void)
{
	lie = HONEST;
	liar = -1;
	collateral_age = 0;
	for (int s = 0; s < 2; s++) {
		const uint8_t seed[32] = { (uint8_t)(7 + s) };

		om_platform_init(&platform[s], seed, NULL);
		memset(&identity[s], 0, sizeof identity[s]);
		identity[s].attributes.flags = SGX_ATTR_INIT | SGX_ATTR_MODE64BIT | SGX_ATTR_DEBUG;
		identity[s].attributes.xfrm = 0xe7;
		identity[s].isvsvn = 3;
		memset(identity[s].mrenclave, 0x11, sizeof identity[s].mrenclave);
		memset(identity[s].mrsigner, 0x22, sizeof identity[s].mrsigner);
	}
}

static void hosts(void)
{
	p.side[SOURCE].fake->host = source_host;
	p.side[DESTINATION].fake->host = target_host;
}

static void begin(void)
{
	honest();
	booting = true;
	pair_open(&p, OM_MODE_PRECOPY, 1);
	booting = false;
	hosts();
	pair_run(&p, 1, 60);
}

/* It moves; and a destination that has run the program is none any more, as is one that never was. */
static void moves(void)
{
	p.link_down = false;
	pair_begin(&p);
	CHECK(pair_pump(&p, 500));
	CHECK(side_status(&p.side[DESTINATION]).state == OM_MIG_COMPLETED);
	CHECK(pair_runnable(&p) == 1 && side_runs(&p, DESTINATION));
	for (int s = 0; s < 2; s++)
		CHECK(side_call(&p.side[s], OM_ENGINE_DESTINATION_BEGIN, 0, 0, &p.params, sizeof p.params) == OM_ESTATE);
	CHECK(side_call(&p.side[SOURCE], OM_ENGINE_SOURCE_BEGIN, 0, 0, &p.params, sizeof p.params) == OM_ESTATE);
	CHECK(pair_runnable(&p) == 1);
}

/* The session as it is prepared now fails with words that begin so at one side, which the other is told. */
static void refused(const char *what, const char *words)
{
	struct om_mig_status s;
	const char *told;

	pair_begin(&p);
	(void)pair_pump(&p, 100);
	s = side_status(&p.side[SOURCE]);
	told = strncmp(s.reason, "other side: ", 12) == 0 ? s.reason + 12 : s.reason;
	if (s.state != OM_MIG_FAILED || strncmp(told, words, strlen(words)) != 0) {
		fprintf(stderr, "%s: state %u, reason '%s'; expected '%s'\n", what, s.state, s.reason, words);
		CHECK(!"it was refused for the right reason");
	}
	CHECK(!p.side[SOURCE].fake->stop && side_runs(&p, SOURCE));
	CHECK(p.side[DESTINATION].fake->stop && p.side[DESTINATION].fake->resumed == 0);
	/* The spoilt destination stays one. */
	CHECK(side_call(&p.side[DESTINATION], OM_ENGINE_DESTINATION_BEGIN, 0, 0, &p.params, sizeof p.params) == OM_ESTATE);
	printf("%s: %s\n", what, s.reason);
	booting = true;
	pair_fresh_destination(&p);
	booting = false;
	honest();
	hosts();
	for (int side = 0; side < 2; side++)
		set_policy(side, NULL);
}

static const char *words_of(enum om_attest_reason reason) { return om_attest_reason_words(reason); }

/* Each of these once with the source's host lying and once with the destination's. */
static void lies(void)
{
	static const struct { enum lie lie; const char *what, *words; int reason; } table[] = {
		{ OLD_QUOTE, "the quote of an enclave of the same image, of an earlier session", NULL, OM_WHY_REPORT_DATA },
		{ NO_TARGET, "no target information", "this host cannot say for whom its quoting service wants reports", 0 },
		{ NO_QUOTE, "no quote", "this host's quoting service gave no quote", 0 },
		{ QUOTE_NEGATIVE, "a quote of a negative size", "this host's quoting service gave no quote", 0 },
		{ QUOTE_LONG, "a quote that is too long", "this host's quoting service gave no quote", 0 },
		{ QUOTE_HUGE, "a quote of a huge size", "this host's quoting service gave no quote", 0 },
		{ QUOTE_CUT, "a quote without its last byte", NULL, OM_WHY_QUOTE_FORMAT },
		{ NO_COLLATERAL, "no collateral", "this host has no collateral for the other platform's quote", 0 },
		{ COLLATERAL_LONG, "collateral that is too long", "this host has no collateral for the other platform's quote", 0 },
		{ COLLATERAL_HUGE, "collateral of a huge size", "this host has no collateral for the other platform's quote", 0 },
		{ COLLATERAL_OF_ANOTHER, "collateral of another family", NULL, OM_WHY_TCB_INFO },
		{ QUOTE_ALTERED, "an altered quote", NULL, OM_WHY_QUOTE_SIGNATURE },
		{ QUOTE_OF_NO_TYPE, "evidence of an unknown type", NULL, OM_WHY_EVIDENCE_TYPE },
		{ QUOTE_AS_SGX, "a demo quote as Intel's", "the evidence is under the demonstration root and says sgx, the policy accepts Intel's root (sgx)", 0 },
		{ QUOTE_AS_GUEST, "a quote as a guest's evidence", "the evidence is under another root (", 0 },
		{ QUOTE_EMPTY, "evidence that is a type only", NULL, OM_WHY_EVIDENCE_FORMAT },
	};

	for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
		for (liar = 0; liar < 2;) {
			int whose = liar;
			char what[120];

			lie = table[i].lie;
			snprintf(what, sizeof what, "%s's host: %s", whose ? "destination" : "source", table[i].what);
			refused(what, table[i].words ? table[i].words : words_of((enum om_attest_reason)table[i].reason));
			liar = whose + 1;
		}
}

static void platforms(void)
{
	const uint8_t seed[32] = { 9 };

	for (int s = 0; s < 2; s++) {
		platform[s].status = OM_TCB_OUT_OF_DATE;
		refused("a platform that is out of date", words_of(OM_WHY_TCB_STATUS));
		platform[s].status = OM_TCB_REVOKED;
		refused("a platform whose TCB is revoked", words_of(OM_WHY_REVOKED));
		platform[s].qe_status = OM_TCB_OUT_OF_DATE;
		refused("a quoting enclave that is out of date", words_of(OM_WHY_TCB_STATUS));
		platform[s].revoke_pck = true;
		refused("a revoked platform", words_of(OM_WHY_REVOKED));
		om_platform_init(&platform[s], seed, "another root");
		refused("another root", "the evidence is under demo:");
	}
	collateral_age = 60 * 86400;
	refused("collateral of two months ago", words_of(OM_WHY_CRL_TIME));
}

/* One side's enclave is altered in what its CPU says of it. */
static void unlike(int s)
{
	identity[s].attributes.flags |= 1u << 4;   /* PROVISIONKEY */
	refused("an enclave with the provisioning key", words_of(OM_WHY_ATTRIBUTES));
	identity[s].attributes.xfrm = 7;
	refused("an enclave with fewer vector registers", words_of(OM_WHY_XFRM));
	identity[s].miscselect = 1;
	refused("an enclave that saves more at exceptions", words_of(OM_WHY_MISCSELECT));
}

static void set_both(const struct om_policy *policy)
{
	set_policy(SOURCE, policy);
	set_policy(DESTINATION, policy);
}

static void enclaves(void)
{
	struct om_policy policy;

	for (int s = 0; s < 2; s++) {
		om_policy_default(&policy);
		policy.platforms |= OM_PLATFORM_BIT(OM_EVIDENCE_DEMO);
		set_both(&policy);
		identity[s].attributes.flags &= ~(uint64_t)SGX_ATTR_DEBUG;
		refused(s ? "a debug source to a release destination" : "a debug destination to a release source", words_of(OM_WHY_DEBUG));
		identity[s].mrenclave[0] ^= 1;
		refused("another program", words_of(OM_WHY_MRENCLAVE));
		/* Listed or not: pages fit the same image only. */
		memset(policy.mrenclave[0], 0x11, 32);
		memset(policy.mrenclave[1], 0x44, 32);
		policy.mrenclave_count = 2;
		set_both(&policy);
		memset(identity[s].mrenclave, 0x44, 32);
		refused("another program that the policy lists", "the other enclave is not the same program (MRENCLAVE differs)");
		unlike(s);
		om_policy_default(&policy);
		policy.signer_count = 1;
		memset(policy.signer[0], 0x22, 32);
		policy.svn_min = 3;
		set_policy(!s, &policy);
		identity[s].isvsvn = 2;
		refused("an old version of the enclave", words_of(OM_WHY_SVN));
		set_policy(!s, &policy);
		memset(identity[s].mrsigner, 0x23, 32);
		refused("an enclave that somebody else has signed", words_of(OM_WHY_SIGNER));
	}
	for (int s = 0; s < 2; s++)
		identity[s].attributes.xfrm = SGX_XFRM_AVX;
	refused("enclaves with other processor state than their image's", "an enclave has other processor state (XFRM) than its image asks for: "
		"it was signed by somebody else");
	for (int s = 0; s < 2; s++)
		identity[s].attributes.flags &= ~(uint64_t)SGX_ATTR_DEBUG;
	refused("release enclaves on emulated platforms that no policy lists", "the evidence is under the demonstration root, the policy accepts Intel's root (sgx);");
}

/* What the image's own policy says before it looks at anybody. */
static void own_policies(void)
{
	struct om_policy policy;

	om_policy_default(&policy);
	policy.not_before = (uint64_t)time(NULL) + 1000;
	set_both(&policy);
	refused("a clock behind the image's date", words_of(OM_WHY_CLOCK));
	policy.not_before -= 100000;
	set_both(&policy);
	policy.floors.evaluation = 2;
	set_policy(SOURCE, &policy);
	refused("old TCB information", words_of(OM_WHY_TCB_EVALUATION));
	om_policy_default(&policy);
	set_policy(DESTINATION, &policy);
	image_of(DESTINATION)->policy[4] = 1;
	refused("a policy of version 1", words_of(OM_WHY_POLICY_VERSION));
}

/* ---- tickets ---- */

static void owners_policy(void)
{
	struct om_policy policy;

	om_policy_default(&policy);
	policy.flags |= OM_POLICY_OWNER;
	memcpy(policy.owner, owner_public, sizeof policy.owner);
	set_both(&policy);
}

/* Both sides have an owner's policy, and the source's host a ticket that is right; the caller spoils it and signs again. */
static void owned(void)
{
	const uint8_t owner[32] = { 4 }, fleet[32] = { 5 };
	struct om_mig_identity is = side_identity(&p.side[SOURCE]);

	om_p256_derive(owner, owner_private, owner_public);
	om_p256_derive(fleet, fleet_private, fleet_public);
	owners_policy();
	memset(&says, 0, sizeof says);
	memset(says.mrenclave, 0x11, sizeof says.mrenclave);
	memcpy(says.instance, is.instance, sizeof says.instance);
	says.move = is.next_move;
	CHECK(is.next_move == 1);
	says.place_count = 1;
	says.place[0].platform = OM_EVIDENCE_DEMO;
	memcpy(says.place[0].id, platform[DESTINATION].instance, sizeof platform[DESTINATION].instance);
	given.size = 0;
	given.instead = 0;
}

static void sign_ticket(const uint8_t private[32], struct om_view delegation)
{
	uint8_t hash[32];

	CHECK(om_ticket_encode(&says, delegation, given.bytes, sizeof given.bytes - OM_TICKET_SIGNATURE, &given.size, hash) == 0);
	CHECK(om_p256_sign(private, hash, given.bytes + given.size) == 0);
	given.size += OM_TICKET_SIGNATURE;
}

static void sign_by_owner(void) { sign_ticket(owner_private, (struct om_view) { 0 }); }

static void sign_delegated(uint64_t first_move, uint64_t last_move)
{
	static uint8_t bytes[OM_DELEGATION_MAX];
	struct om_delegation d = { .flags = OM_DELEGATION_ANY_INSTANCE, .first_move = first_move, .last_move = last_move, .place_count = 1 };
	uint8_t hash[32];
	size_t size;

	memcpy(d.key, fleet_public, sizeof d.key);
	memset(d.program, 0x11, sizeof d.program);
	d.place[0] = (struct om_place) { .platform = OM_EVIDENCE_DEMO, .flags = OM_PLACE_ANY_ID };
	CHECK(om_delegation_encode(&d, bytes, sizeof bytes, &size, hash) == 0);
	CHECK(om_p256_sign(owner_private, hash, bytes + size) == 0);
	sign_ticket(fleet_private, (struct om_view) { bytes, size + OM_TICKET_SIGNATURE });
}

/* Refused by the source, and before it has said how large the program is: PARAMS would be the destination's. */
static void barred(const char *what, enum om_attest_reason why)
{
	struct om_mig_status t;

	pair_begin(&p);
	(void)pair_pump(&p, 100);
	t = side_status(&p.side[DESTINATION]);
	CHECK(t.ram_total == 0 && t.ram_transferred == 0 && t.normal_pages + t.duplicate_pages == 0);
	CHECK(side_identity(&p.side[SOURCE]).peer_platform == OM_EVIDENCE_DEMO);
	CHECK(side_next_move(&p.side[SOURCE]) == 1 && side_next_move(&p.side[DESTINATION]) == 0);
	pair_fresh_destination(&p);
	hosts();
	owners_policy();
	refused(what, words_of(why));
}

#define BARRED(what, change, why) do { owned(); change; barred(what, why); } while (0)

static void tickets(void)
{
	BARRED("an owner, and no ticket", (void)0, OM_WHY_TICKET);
	BARRED("a cut ticket", (sign_by_owner(), given.size--), OM_WHY_TICKET_FORMAT);
	BARRED("a ticket of somebody", sign_ticket(fleet_private, (struct om_view) { 0 }), OM_WHY_TICKET_SIGNATURE);
	BARRED("another program's ticket", (says.mrenclave[0] ^= 1, sign_by_owner()), OM_WHY_TICKET_PROGRAM);
	BARRED("another instance's ticket", (says.instance[0] ^= 1, sign_by_owner()), OM_WHY_TICKET_INSTANCE);
	BARRED("a ticket for a later move", (says.move = 2, sign_by_owner()), OM_WHY_TICKET_EARLY);
	BARRED("an expired ticket", (says.not_after = (uint64_t)time(NULL) - 1, sign_by_owner()), OM_WHY_TICKET_EXPIRED);
	BARRED("a ticket to the source's machine", (memcpy(says.place[0].id, platform[SOURCE].instance, 16), sign_by_owner()), OM_WHY_TICKET_ID);
	BARRED("a ticket to SGX, and a pretended one", (says.place[0].platform = OM_EVIDENCE_SGX, sign_by_owner()), OM_WHY_TICKET_PLATFORM);
	BARRED("a machine without an id", (memset(platform[DESTINATION].instance, 0, 16), sign_by_owner()), OM_WHY_TICKET_MASKED);
	BARRED("a fleet's ticket beyond its moves", sign_delegated(2, 9), OM_WHY_DELEGATION_MOVE);
	owned();
	given.instead = OM_TICKET_MAX + 1;
	refused("a ticket that is too long", "this host cannot read the ticket that it was given (--ticket), or it is too long for one");
	owned();
	given.instead = INT64_MIN;
	refused("a ticket of a negative size", "this host cannot read the ticket that it was given (--ticket), or it is too long for one");
}

/* Without an owner nobody asks, so a host that has no such thing is no hindrance. */
static void no_owner(void)
{
	set_both(NULL);
	given.instead = INT64_MIN;
	moves();
	given.instead = 0;
}

/* With the right one it moves, once; each side counts one move at most. */
static void ticket_moves(bool delegated)
{
	owned();
	if (delegated)
		sign_delegated(1, 1);
	else
		sign_by_owner();
	moves();
	CHECK(side_next_move(&p.side[SOURCE]) == 0 && side_next_move(&p.side[DESTINATION]) == 2);
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_enclu, .sa_flags = SA_SIGINFO };

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);   /* a CPU with SGX */
	begin();
	moves();
	memcpy(old, now_issued, sizeof old);
	pair_close(&p);

	begin();
	lies();
	/* Who speaks second can have the other's quote by then. */
	liar = DESTINATION;
	lie = WRONG_ROLE;
	refused("the source's own quote, of this very session, for the destination's", words_of(OM_WHY_REPORT_DATA));
	platforms();
	enclaves();
	own_policies();
	tickets();
	ticket_moves(false);
	pair_close(&p);

	begin();
	ticket_moves(true);
	pair_close(&p);
	begin();
	no_owner();
	pair_close(&p);
	return 0;
}
