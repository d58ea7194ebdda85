/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An enclave of the software CPU inside a guest, from EREPORT to the verdict of another enclave: SNP and TDX. The guest is pretended, and so is its maker's hardware.
 */
#include <string.h>
#include "evidence/accept/policy.h"
#include "evidence/demo/quote_build.h"
#include "evidence/demo/snp_build.h"
#include "evidence/guest/source.h"
#include "harness.h"

#define NOW 1767225600
#define TARGET   (T_BASE + T_DATA + 0x1000)
#define DATA64   (T_BASE + T_DATA + 0x1400)
#define REPORT   (T_BASE + T_DATA + 0x1800)

static struct pretended {
	struct guest_source common;
	struct om_snp_machine machine;
	struct om_snp_report says;
	struct om_platform platform;
	struct om_td_body td;
	unsigned asked, closed;
	int error;
	bool other_data;
} guest;

static int report(struct guest_source *source, const uint8_t data[GUEST_DATA_SIZE], uint8_t *bytes, size_t size, size_t *ret_size, uint8_t *table, size_t table_size,
	size_t *ret_table)
{
	(void)source, (void)table, (void)table_size;
	*ret_table = 0;
	guest.asked++;
	if (guest.error)
		return guest.error;
	if (guest.common.maker == GUEST_TDX) {
		memcpy(guest.td.reportdata, data, GUEST_DATA_SIZE);
		guest.td.reportdata[3] ^= guest.other_data;
		return om_platform_quote_as(&guest.platform, 5, OM_BODY_TD15, NULL, &guest.td, bytes, size, ret_size);
	}
	memcpy(guest.says.report_data, data, GUEST_DATA_SIZE);
	guest.says.report_data[3] ^= guest.other_data;
	*ret_size = OM_SNP_REPORT_SIZE;
	om_snp_machine_report(&guest.machine, &guest.says, bytes);
	return 0;
}

static int key(struct guest_source *source, uint8_t ret_key[GUEST_KEY_SIZE])
{
	(void)source;
	memset(ret_key, 0x31, GUEST_KEY_SIZE);
	return 0;
}

static void close_guest(struct guest_source *source)
{
	(void)source;
	guest.closed++;
}

static void begin(enum guest_maker maker)
{
	static const uint8_t seed[32] = { 4 };
	struct tee_soft_options options = { .guest = &guest.common };

	memset(&guest, 0, sizeof guest);
	guest.common = (struct guest_source) { .name = "a pretended guest", .maker = maker, .emulated = true, .report = report, .key = maker == GUEST_SNP ? key : NULL,
		.close = close_guest };
	om_snp_machine_init(&guest.machine, seed, OM_SNP_TURIN, OM_SNP_VCEK);
	om_snp_machine_fields(&guest.machine, 5, &guest.says);
	memset(guest.says.measurement, 0xab, sizeof guest.says.measurement);
	om_platform_init(&guest.platform, seed, NULL);
	guest.platform.tdx = true;
	memcpy(guest.td.tee_tcb_svn, guest.platform.td_svn, sizeof guest.td.tee_tcb_svn);
	guest.td.attributes = OM_TD_SEPT_VE_DISABLE;
	memset(guest.td.mrtd, 0xcd, sizeof guest.td.mrtd);
	memset(guest.td.rtmr, 0xce, sizeof guest.td.rtmr);
	MUST(tee_platform_open(TEE_AUTO, &options, &platform));
	MUST(tee_thread_attach(platform));
	enclave_up();
}

static void end(void)
{
	enclave_down();
	tee_thread_detach(platform);
	tee_platform_close(platform);
	CHECK_EQ(guest.closed, 1);
}

static void copy_in(uint64_t to, const void *from, size_t size)
{
	do_command(0, &(struct command){ .op = OP_COPY, .a = { to, (uint64_t)from, size } });
}

static void get_report(const struct sgx_targetinfo *target, struct sgx_report *ret)
{
	uint8_t data[64];

	memset(data, 0x5a, sizeof data);
	copy_in(TARGET, target, sizeof *target);
	copy_in(DATA64, data, sizeof data);
	do_command(0, &(struct command){ .op = OP_ENCLU, .a = { SGX_EREPORT, TARGET, DATA64, REPORT } });
	copy_in((uint64_t)ret, (void *)REPORT, sizeof *ret);
}

static size_t collateral_of(uint8_t *buffer, size_t room)
{
	uint8_t chain[OM_SNP_CHAIN_MAX], crl[OM_X509_MAX];
	size_t chain_size, crl_size, size;

	if (guest.common.maker == GUEST_TDX) {
		MUST(om_platform_collateral(&guest.platform, NOW, buffer, room, &size));
		return size;
	}
	MUST(om_snp_machine_chain(&guest.machine, chain, sizeof chain, &chain_size));
	MUST(om_snp_machine_crl(&guest.machine, NOW, crl, sizeof crl, &crl_size));
	MUST(om_snp_collateral_encode((struct om_view) { chain, chain_size }, (struct om_view) { crl, crl_size }, buffer, room, &size));
	return size;
}

/* Another enclave of the same program, whose policy lists the guest. */
static int judged(struct om_view evidence, const struct sgx_report *peer, enum om_attest_reason *ret_reason)
{
	static uint8_t collateral[OM_COLLATERAL_MAX], bytes[OM_POLICY_BYTES_MAX];
	const bool snp = guest.common.maker == GUEST_SNP;
	struct om_policy p;
	struct om_peer out;
	size_t size;

	om_policy_default(&p);
	p.platforms = OM_PLATFORM_BIT(OM_EVIDENCE_DEMO) | OM_PLATFORM_BIT(snp ? OM_EVIDENCE_SNP : OM_EVIDENCE_TDX);
	p.makers = OM_PLATFORM_BIT(snp ? OM_EVIDENCE_SNP : OM_EVIDENCE_TDX);
	if (snp) {
		p.snp_keys = OM_ACCEPT_VCEK;
		p.floors.snp_count = 1;
		p.floors.snp[0].product = OM_AMD_TURIN;
		p.guests.snp_count = 1;
		memset(p.guests.snp[0].measurement, 0xab, OM_MEASUREMENT_SIZE);
		p.guests.snp[0].flags = OM_GUEST_KERNEL;
	} else {
		p.guests.tdx_count = 1;
		memset(p.guests.tdx[0].mrtd, 0xcd, OM_MEASUREMENT_SIZE);
		memset(p.guests.tdx[0].rtmr, 0xce, 3 * OM_MEASUREMENT_SIZE);
	}
	MUST(om_policy_encode(&p, bytes, sizeof bytes, &size));
	return om_attest_peer(bytes, size, &peer->body, evidence, (struct om_view) { collateral, collateral_of(collateral, sizeof collateral) }, NULL, NOW,
		peer->body.reportdata, &out, ret_reason);
}

static void evidence_of(enum guest_maker maker, int type, unsigned asked_at_start)
{
	static uint8_t evidence[OM_EVIDENCE_MAX], table[TEE_TABLE_MAX];
	enum om_attest_reason reason = OM_WHY_NONE;
	struct sgx_targetinfo target;
	struct sgx_report r, other;
	uint8_t id_type, id[TEE_ID_SIZE];
	size_t size, again, table_size;

	begin(maker);
	CHECK_EQ(guest.asked, asked_at_start);
	CHECK_EQ(tee_evidence_target(platform, &target), type);
	get_report(&target, &r);
	CHECK_EQ(tee_evidence(platform, &r, evidence, sizeof evidence, &size), 0);
	CHECK_EQ(evidence[0], type);
	CHECK_EQ(judged((struct om_view) { evidence, size }, &r, &reason), 0);
	CHECK_EQ(reason, OM_WHY_NONE);
	/* Bound to just that enclave's report: another's beside it is seen. */
	other = r;
	other.body.isvsvn ^= 1;
	memcpy(evidence + size - sizeof other.body, &other.body, sizeof other.body);
	CHECK_EQ(judged((struct om_view) { evidence, size }, &other, &reason), OM_EAUTH);
	CHECK_EQ(reason, OM_WHY_EVIDENCE_BINDING);
	/* The other kind of guest's word is not this one's. */
	MUST(tee_evidence(platform, &r, evidence, sizeof evidence, &size));
	evidence[0] = type == OM_EVIDENCE_SNP ? OM_EVIDENCE_TDX : OM_EVIDENCE_SNP;
	CHECK(judged((struct om_view) { evidence, size }, &r, &reason) < 0);

	/* Nothing is asked of the guest for a report that its CPU has not made, for another target, or for a buffer that will not do. */
	again = guest.asked;
	other = r;
	other.body.reportdata[0] ^= 1;
	CHECK_EQ(tee_evidence(platform, &other, evidence, sizeof evidence, &size), OM_EAUTH);
	target.measurement[0] ^= 1;
	get_report(&target, &other);
	CHECK_EQ(tee_evidence(platform, &other, evidence, sizeof evidence, &size), OM_EAUTH);
	CHECK_EQ(tee_evidence(platform, &r, evidence, 100, &size), OM_ENOMEM);
	CHECK_EQ(tee_evidence(platform, &r, evidence, 500, &size), OM_ENOMEM);
	CHECK(size > 1184 && size <= OM_EVIDENCE_MAX);
	CHECK_EQ(guest.asked, again);
	/* A kernel that mixes requests up; a source that fails. */
	guest.other_data = true;
	CHECK_EQ(tee_evidence(platform, &r, evidence, sizeof evidence, &size), OM_EQUOTE);
	guest.other_data = false;
	guest.error = OM_ETIMEDOUT;
	CHECK_EQ(tee_evidence(platform, &r, evidence, sizeof evidence, &size), OM_ETIMEDOUT);
	guest.error = 0;
	CHECK_EQ(tee_evidence(platform, &r, evidence, sizeof evidence, &size), 0);
	CHECK_EQ(tee_evidence_table(platform, table, sizeof table, &table_size), 0);
	CHECK_EQ(table_size, 0);
	/* What a ticket would name: under a demonstration root it is a demonstration's. */
	CHECK_EQ(tee_evidence_id(platform, &id_type, id), maker == GUEST_SNP ? 0 : memcmp(guest.platform.instance, (uint8_t[16]) { 0 }, 16) ? 0 : OM_EUNSUPPORTED);
	if (maker == GUEST_SNP) {
		CHECK_EQ(id_type, OM_EVIDENCE_DEMO);
		CHECK(memcmp(id, guest.machine.chip, 8) == 0);
	}
	/* One more enclave, in a guest that is not listed, or that its host can debug. */
	get_report(&(struct sgx_targetinfo) { 0 }, &other);
	guest.says.measurement[0] ^= 1;
	guest.td.rtmr[1][0] ^= 1;
	MUST(tee_evidence(platform, &r, evidence, sizeof evidence, &size));
	CHECK_EQ(judged((struct om_view) { evidence, size }, &r, &reason), OM_EPOLICY);
	CHECK_EQ(reason, OM_WHY_GUEST);
	guest.says.measurement[0] ^= 1;
	guest.td.rtmr[1][0] ^= 1;
	guest.says.policy |= OM_SNP_POLICY_DEBUG;
	guest.td.attributes |= OM_TD_DEBUG;
	MUST(tee_evidence(platform, &r, evidence, sizeof evidence, &size));
	CHECK_EQ(judged((struct om_view) { evidence, size }, &r, &reason), OM_EDEBUG);
	end();
}

/* A platform is not opened in a guest that has nothing to say; the source is closed. */
static void dead(void)
{
	struct tee_soft_options options = { .guest = &guest.common };
	struct tee_platform *none = NULL;

	begin(GUEST_SNP);
	end();
	guest.error = OM_EQUOTE;
	guest.closed = 0;
	CHECK_EQ(tee_platform_open(TEE_AUTO, &options, &none), OM_EQUOTE);
	CHECK(none == NULL);
	CHECK_EQ(guest.closed, 1);
}

int main(void)
{
	evidence_of(GUEST_SNP, OM_EVIDENCE_SNP, 1);
	evidence_of(GUEST_TDX, OM_EVIDENCE_TDX, 0);
	dead();
	return finish_tests("guest");
}
