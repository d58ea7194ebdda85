/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end: evidence over the handshake, in envelopes (core/evidence/parse/envelope.h). REPORTDATA is
 *
 *     SHA-256("optmig 1 evidence" || role u8 || handshake hash) || "optmig 1 evidence of a migration"
 *
 * Role 1 says "I am the source of this session", role 2 "I am its destination: booted to receive, fresh, and waiting for
 * just this session". An enclave emits role 2 only in a session that a destination in AWAIT has begun, and it leaves AWAIT
 * once in its life; so a verified quote of role 2 proves that this enclave has never run the program.
 *
 * The second half tells the engine's words from the program's. A program can have evidence over 64 bytes of its choice (rt/attest.c), or of
 * its clients' choice, but not over bytes with this second half.
 *
 * MRENCLAVE must be our own, whatever else the policy would allow: pages and protocol only fit the same image.
 * A program with an owner goes to a destination only with the owner's ticket (core/evidence/accept/ticket.h). The source asks its host for
 * the ticket when it knows who the destination is. Until then it has sent nothing but its own quote, for parameters say how large the program is.
 *
 * Everything that comes from the host here (target information, evidence, collateral, time) is hostile. A wrong target or wrong
 * evidence fails verification at the other side. A wrong clock can at most let outdated collateral pass.
 */
#include <string.h>
#include "evidence/accept/refusal.h"
#include "evidence/accept/ticket.h"
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "engine/state.h"
#include "sgx_arch.h"

static const char label[] = "optmig 1 evidence";

static_assert(OM_EVIDENCE_MAX <= OM_CONTROL_QUOTE_MAX, "evidence fits a control message");

RT_LOCAL static uint8_t collateral[OM_COLLATERAL_MAX];
RT_LOCAL static uint8_t guests[OM_GUEST_LIST_MAX];
RT_LOCAL static uint8_t ticket[OM_TICKET_MAX];
/* The highest version of a signed list of guests that this instance has acted upon. It is the instance's, so it migrates. */
RT_RESIDENT static uint64_t guests_floor;
RT_LOCAL static char refusal[OM_REFUSAL_MAX];
RT_LOCAL static uint64_t guests_used;                        /* a destination's, by which it judged its source */
RT_LOCAL alignas(512) static struct sgx_targetinfo target;
RT_LOCAL alignas(512) static struct sgx_report report;
RT_LOCAL alignas(128) static uint8_t report_data[SGX_REPORTDATA_SIZE];

static void session_data(enum om_role role, const uint8_t hash[32], uint8_t ret[SGX_REPORTDATA_SIZE])
{
	const uint8_t byte = (uint8_t)role;
	struct om_sha256 s;

	om_sha256_init(&s, 0);
	om_sha256_update(&s, label, sizeof label - 1);
	om_sha256_update(&s, &byte, 1);
	om_sha256_update(&s, hash, 32);
	om_sha256_result(&s, ret);
	memcpy(ret + 32, RT_ENGINE_LABEL, SGX_REPORTDATA_SIZE - 32);
}

static void ereport(void)
{
	rt_ereport(&target, report_data, &report);
}

/* For anybody: what it says of ourselves is wanted. */
static void report_self(void)
{
	memset(&target, 0, sizeof target);
	memset(report_data, 0, sizeof report_data);
	ereport();
}

uint64_t engine_evidence_xfrm(void)
{
	report_self();
	return report.body.attributes.xfrm;
}

static RT_UNTRUSTED uint8_t *transfer_data(void)
{
	return (RT_UNTRUSTED uint8_t *)rt_self()->tbuf + OM_TBUF_DATA;
}

/* @arg0: the size of what is in the transfer buffer, or what else the call wants. */
static long call_host(enum om_hostcall op, uint64_t arg0)
{
	const uint64_t arg[6] = { arg0 };

	return rt_hostcall(op, 0, 0, arg);
}

static int may_move(const char **ret_words)
{
	enum om_attest_reason reason = OM_WHY_NONE;
	const int error = om_attest_may_move(rt_image->policy, rt_image->policy_size, &reason);

	*ret_words = om_attest_reason_words(reason);
	return error;
}

const char *engine_evidence_objection(void)
{
	const char *words;

	return may_move(&words) ? words : NULL;
}

long engine_evidence_make(enum om_role role, const uint8_t hash[32], uint8_t *ret_quote, size_t room, const char **ret_words)
{
	long size = may_move(ret_words);

	if (size)
		return size;
	*ret_words = "this host cannot say for whom its quoting service wants reports";
	if (call_host(OM_HC_QUOTE_TARGET, 0) < 0)
		return OM_EQUOTE;
	rt_ub_get(&target, transfer_data(), sizeof target);
	session_data(role, hash, report_data);
	ereport();
	rt_ub_put(transfer_data(), &report, sizeof report);
	*ret_words = "this host's quoting service gave no quote";
	size = call_host(OM_HC_QUOTE, sizeof report);
	if (size <= 0)
		return size < 0 && size >= OM_EINTERNAL ? size : OM_EQUOTE;
	if ((size_t)size > room)
		return OM_EHOST;
	rt_ub_get(ret_quote, transfer_data(), (size_t)size);
	return size;
}

/* A paper into `to`. Return: its size, 0: none, or OM_EHOST. */
static long ask_for(enum om_paper paper, uint8_t *to, size_t room)
{
	const long got = call_host(OM_HC_PAPER, paper);

	if (got < 0 || (size_t)got > room)
		return OM_EHOST;
	rt_ub_get(to, transfer_data(), (size_t)got);
	return got;
}

static void add(struct om_mig_status *status, const char *words)
{
	const size_t used = strlen(status->peer);

	engine_words(status->peer + used, sizeof status->peer - used, words);
}

static void describe(const struct om_peer *peer, struct om_mig_status *status, struct om_mig_identity *ret_peer)
{
	struct om_platform_identity is;

	om_facts_identity(&peer->facts, &is);
	ret_peer->peer_platform = is.platform;
	memcpy(ret_peer->peer_id, is.id, sizeof ret_peer->peer_id);
	memcpy(ret_peer->peer_guest, is.guest, sizeof ret_peer->peer_guest);
	memcpy(status->peer_mrenclave, peer->body.mrenclave, sizeof status->peer_mrenclave);
	engine_words(status->peer, sizeof status->peer, om_facts_platform(&peer->facts));
	if (peer->facts.status == OM_TCB_UNKNOWN)   /* its maker publishes no verdicts */
		return;
	add(status, ", TCB ");
	add(status, om_tcb_status_words(peer->facts.status));
}

/* None is no error: then the policy's own lines decide. */
static int ask_for_guests(struct om_guest_offer *ret)
{
	const long got = ask_for(OM_PAPER_GUESTS, guests, sizeof guests);

	*ret = (struct om_guest_offer) { .floor = guests_floor };
	if (got < 0)
		return (int)got;
	ret->list = (struct om_view) { guests, (size_t)got };
	return 0;
}

/* What evidence is judged by, of this host: *ret_collateral lies in `collateral`. */
static int ask_for_papers(struct om_view evidence, struct om_view *ret_collateral, struct om_guest_offer *ret_offer, const char **ret_words)
{
	long got;

	*ret_words = "this host has no collateral for the other platform's quote";
	rt_ub_put(transfer_data(), evidence.data, evidence.size);
	got = call_host(OM_HC_COLLATERAL, evidence.size);
	if (got < 0 || (size_t)got > sizeof collateral)
		return OM_EQUOTE;
	rt_ub_get(collateral, transfer_data(), (size_t)got);
	*ret_collateral = (struct om_view) { collateral, (size_t)got };
	*ret_words = "this host's list of guests cannot be read (--guests)";
	return ask_for_guests(ret_offer);
}

/* The owner's word, if there is an owner. A source alone can ask for it: where the program is going, and which move that is. */
static int admit(const struct om_peer *peer, const char **ret_words)
{
	enum om_attest_reason reason = OM_WHY_NONE;
	long got;
	int error;

	if (!om_ticket_needed(rt_image->policy, rt_image->policy_size))
		return 0;
	got = ask_for(OM_PAPER_TICKET, ticket, sizeof ticket);
	*ret_words = "this host cannot read the ticket that it was given (--ticket), or it is too long for one";
	if (got < 0)
		return (int)got;
	error = om_ticket_admit(rt_image->policy, rt_image->policy_size, &report.body, (struct om_view) { ticket, (size_t)got },
		engine_instance_id(), engine_instance_move(), &peer->facts, rt_realtime_ns() / 1000000000, &reason);
	*ret_words = om_attest_reason_words(reason);
	return error;
}

int engine_evidence_heir(struct om_view evidence, const uint8_t expected[SGX_REPORTDATA_SIZE], const uint8_t mrenclave[32], const char **ret_words)
{
	static uint8_t policy[OM_POLICY_BYTES_MAX];        /* all connections are owned: one call at a time */
	static struct om_policy p;
	enum om_attest_reason reason = OM_WHY_NONE;
	struct om_guest_offer offer;
	struct om_view papers;
	struct om_peer peer;
	size_t size;
	int error;

	report_self();
	*ret_words = "this image's own attestation policy is malformed";
	error = om_policy_decode(rt_image->policy, rt_image->policy_size, &p);
	if (error)
		return error;
	/* The owner's order takes the place of "the same program", and of nothing else that the policy says. */
	p.flags &= (uint16_t)~OM_POLICY_SAME;
	p.mrenclave_count = 1;
	memcpy(p.mrenclave[0], mrenclave, 32);
	error = om_policy_encode(&p, policy, sizeof policy, &size);
	if (error)
		return error;
	error = om_attest_glance(policy, size, &report.body, evidence, rt_realtime_ns() / 1000000000, &reason);
	*ret_words = om_attest_reason_words(reason);
	if (error)
		return error;
	error = ask_for_papers(evidence, &papers, &offer, ret_words);
	if (error)
		return error;
	error = om_attest_peer(policy, size, &report.body, evidence, papers, &offer,
		rt_realtime_ns() / 1000000000, expected, &peer, &reason);
	*ret_words = om_attest_reason_words(reason);
	if (error)
		return error;
	*ret_words = "the next build is signed by somebody else (MRSIGNER differs)";
	if (!om_equal(peer.body.mrsigner, report.body.mrsigner, sizeof peer.body.mrsigner))
		return OM_EIDENTITY;
	*ret_words = "the next build is another product (ISVPRODID differs)";
	if (peer.body.isvprodid != report.body.isvprodid)
		return OM_EIDENTITY;
	*ret_words = "the next build's security version is lower (ISVSVN)";
	return peer.body.isvsvn < report.body.isvsvn ? OM_EPOLICY : 0;
}

/* A source's floor rises at once; that of a destination will come with the instance. */
static void acted_upon(enum om_role peer, uint64_t version)
{
	if (peer == OM_ROLE_SOURCE)
		guests_used = version;
	else if (version > guests_floor)
		guests_floor = version;
}

uint64_t engine_evidence_floor(void)
{
	return guests_floor;
}

int engine_evidence_arrive(const char **ret_words)
{
	if (guests_used && guests_used < guests_floor) {
		*ret_words = om_attest_reason_words(OM_WHY_GUEST_LIST_OLD);
		return OM_EPOLICY;
	}
	if (guests_used > guests_floor)
		guests_floor = guests_used;
	return 0;
}

static const char *refused(struct om_view evidence, enum om_attest_reason reason)
{
	om_refusal_words(rt_image->policy, rt_image->policy_size, &report.body, evidence, reason, refusal);
	return refusal;
}

int engine_evidence_check(enum om_role role, const uint8_t hash[32], const uint8_t *quote, size_t size,
	struct om_mig_status *ret_status, struct om_mig_identity *ret_peer, const char **ret_words)
{
	enum om_attest_reason reason = OM_WHY_NONE;
	const struct om_view evidence = { quote, size };
	struct om_guest_offer offer;
	struct om_peer peer;
	uint8_t expected[SGX_REPORTDATA_SIZE];
	struct om_view papers;
	int error;

	report_self();
	error = om_attest_glance(rt_image->policy, rt_image->policy_size, &report.body, evidence, rt_realtime_ns() / 1000000000, &reason);
	*ret_words = refused(evidence, reason);
	if (error)
		return error;

	error = ask_for_papers(evidence, &papers, &offer, ret_words);
	if (error)
		return error;

	session_data(role, hash, expected);
	error = om_attest_peer(rt_image->policy, rt_image->policy_size, &report.body, evidence,
		papers, &offer, rt_realtime_ns() / 1000000000, expected, &peer, &reason);
	*ret_words = refused(evidence, reason);
	if (error)
		return error;
	if (!om_equal(peer.body.mrenclave, report.body.mrenclave, sizeof peer.body.mrenclave)) {
		*ret_words = "the other enclave is not the same program (MRENCLAVE differs)";
		return OM_EIDENTITY;
	}
	/* Parked vector state is only what the image says, and whoever signed it says the same to the CPU; the peer's is the same as ours. */
	if (report.body.attributes.xfrm != rt_image->xfrm) {
		*ret_words = "an enclave has other processor state (XFRM) than its image asks for: it was signed by somebody else";
		return OM_EIDENTITY;
	}
	describe(&peer, ret_status, ret_peer);
	if (role != OM_ROLE_SOURCE) {
		error = admit(&peer, ret_words);
		if (error)
			return error;
	}
	acted_upon(role, peer.list_version);
	return 0;
}
