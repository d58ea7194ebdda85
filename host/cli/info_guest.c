/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside somebody's confidential virtual machine: what the maker's hardware says of the machine, and what it does not say. Evidence is about what was measured.
 * Which measurements there are depends on how the machine was started, and a report does not tell that.
 *
 *               by the processor at launch                  by the firmware, as it boots
 *   SEV-SNP     MEASUREMENT: firmware, vCPUs; with kernel   (a virtual TPM's, if there is one: not part of the report)
 *               hashes also kernel, initrd, command line
 *   TDX         MRTD: firmware                              RTMR0 settings, RTMR1 what is booted, RTMR2 what that is given
 */
#include <stdio.h>
#include <string.h>
#include "bytes.h"
#include "evidence/accept/policy_text.h"
#include "evidence/parse/quote.h"
#include "info_guest.h"
#include "testhooks.h"

static struct {
	bool asked, there;
	char why[256];
	struct tee_guest_facts facts;
	enum om_evidence_type type;
	struct om_snp_report snp;
	struct om_td_body td;
} guest;

int info_platform(struct tee_platform **ret_platform)
{
	struct tee_soft_options options = { 0 };
	int error = host_hook_emulator(&options);

	return error ? error : tee_platform_open(TEE_AUTO, &options, ret_platform);
}

static bool read_guest(int type, struct om_view bytes)
{
	struct om_quote quote;

	guest.type = (enum om_evidence_type)type;
	if (guest.type == OM_EVIDENCE_SNP)
		return om_snp_report_parse(bytes, &guest.snp) == 0;
	if (om_quote_parse(bytes.data, bytes.size, &quote) || quote.tee != OM_TEE_TDX)
		return false;
	guest.td = quote.td;
	return true;
}

static void ask(void)
{
	static uint8_t bytes[OM_EVIDENCE_MAX];
	struct tee_platform *platform;
	size_t used;
	int type = info_platform(&platform);

	guest.asked = true;
	if (type == 0) {
		type = tee_guest_look(platform, &guest.facts, bytes, sizeof bytes, &used);
		guest.there = type > 0 && read_guest(type, (struct om_view) { bytes, used });
		tee_platform_close(platform);
	}
	if (!guest.there)
		snprintf(guest.why, sizeof guest.why, "%s", type > 0 ? "what its hardware says cannot be read" : tee_last_error());
}

/* Return: whether this is one, and `words` why not. */
static bool is_guest(char *words, size_t size)
{
	if (!guest.asked)
		ask();
	if (!guest.there)
		snprintf(words, size, "%s", guest.why);
	return guest.there;
}

bool info_guest_silent(void)
{
	char words[256];

	return !is_guest(words, sizeof words);
}

static bool is_snp(void)
{
	return guest.type == OM_EVIDENCE_SNP;
}

static bool can_be_debugged(void)
{
	return is_snp() ? (guest.snp.policy & OM_SNP_POLICY_DEBUG) != 0 : (guest.td.attributes & OM_TD_UNDER_DEBUG) != 0;
}

/* "on Genoa, VMPL 0, signed with the chip's key (VCEK), which is masked" */
static void describe_snp(char *words, size_t size)
{
	const struct om_snp_report *r = &guest.snp;
	const bool vlek = r->key == OM_SNP_VLEK;

	snprintf(words, size, " on %s, VMPL %u, signed with %s%s", r->family ? om_snp_product_words(om_snp_product_of(r->family, r->model)) : "Milan or Genoa",
		(unsigned)r->vmpl, vlek ? "the provider's key (VLEK)" : "the chip's key (VCEK)",
		!vlek && om_all_zero(r->chip_id, sizeof r->chip_id) ? ", the chip's id is masked" : "");
}

bool info_guest(char *words, size_t size)
{
	char more[160] = "";

	if (!is_guest(words, size))
		return false;
	if (is_snp())
		describe_snp(more, sizeof more);
	snprintf(words, size, "%s%s guest%s; evidence by %s%s", guest.facts.emulated ? "emulated " : "", is_snp() ? "SEV-SNP" : "TDX", more, guest.facts.source,
		guest.facts.emulated ? ", which proves nothing" : can_be_debugged() ? "; its host can debug it: nobody accepts that" : "");
	return !can_be_debugged();
}

static bool measured_snp(char *words, size_t size)
{
	snprintf(words, size, "at launch, by the security processor: the firmware; kernel, initrd and command line only if the firmware was started with their hashes "
		"(QEMU: kernel-hashes=on). The report does not tell: without them it counts as a demonstration, and the policy's line must not say kernel");
	return true;
}

static bool measured_tdx(char *words, size_t size)
{
	const bool boot = !om_all_zero(guest.td.rtmr[1], OM_TD_HASH) && !om_all_zero(guest.td.rtmr[2], OM_TD_HASH);

	snprintf(words, size, boot ? "at launch, by the TDX module: the firmware (MRTD); by the firmware: its settings (RTMR0), the kernel or what loads it (RTMR1), "
		"command line and initrd (RTMR2)" : "at launch, by the TDX module: the firmware (MRTD) and no more: RTMR1 or RTMR2 is zero. That counts as a demonstration");
	return boot;
}

bool info_guest_measured(char *words, size_t size)
{
	return is_guest(words, size) && (is_snp() ? measured_snp(words, size) : measured_tdx(words, size));
}

/* A line that takes whatever these keys sign from this version on. Whether all of that covers its kernel is for who signs to say. */
bool info_guest_owner(char *words, size_t size)
{
	struct om_guests one = { .owner_count = 1 };
	struct om_snp_owner *o = &one.owner[0];

	if (!is_guest(words, size))
		return false;
	if (!is_snp() || om_all_zero(guest.snp.id_key_digest, sizeof guest.snp.id_key_digest)) {
		snprintf(words, size, is_snp() ? "none: nobody has signed how this guest may be launched" : "none: TDX has no ID blocks");
		return false;
	}
	memcpy(o->id_key, guest.snp.id_key_digest, sizeof o->id_key);
	if (guest.snp.author_key_enabled)
		memcpy(o->author_key, guest.snp.author_key_digest, sizeof o->author_key);
	memcpy(o->family, guest.snp.family_id, sizeof o->family);
	memcpy(o->image, guest.snp.image_id, sizeof o->image);
	for (unsigned i = 0; i < sizeof o->svn; i++)
		o->svn[i] = (uint8_t)(guest.snp.guest_svn >> 8 * i);
	o->vmpl = (uint8_t)guest.snp.vmpl;
	o->flags = guest.snp.policy & OM_SNP_POLICY_MIGRATE_MA ? OM_GUEST_MIGRATABLE : 0;
	om_guests_to_text(&one, words, size);
	words[strcspn(words, "\n")] = 0;
	return true;
}

bool info_guest_policy(char *words, size_t size)
{
	struct om_guests one = { 0 };

	if (!is_guest(words, size))
		return false;
	if (is_snp()) {
		one.snp_count = 1;
		memcpy(one.snp[0].measurement, guest.snp.measurement, sizeof one.snp[0].measurement);
		one.snp[0].vmpl = (uint8_t)guest.snp.vmpl;
		one.snp[0].flags = guest.snp.policy & OM_SNP_POLICY_MIGRATE_MA ? OM_GUEST_MIGRATABLE : 0;
	} else {
		one.tdx_count = 1;
		memcpy(one.tdx[0].mrtd, guest.td.mrtd, sizeof one.tdx[0].mrtd);
		memcpy(one.tdx[0].rtmr, guest.td.rtmr, 3 * sizeof one.tdx[0].rtmr[0]);
		one.tdx[0].flags = guest.td.attributes & OM_TD_MIGRATABLE ? OM_GUEST_MIGRATABLE : 0;
	}
	om_guests_to_text(&one, words, size);
	words[strcspn(words, "\n")] = 0;
	return true;
}

bool info_guest_keys(char *words, size_t size)
{
	if (!is_guest(words, size))
		return false;
	snprintf(words, size, guest.facts.lasting ? "derived by the security processor for this very guest on this chip: seals open after a restart" :
		guest.facts.shared ? "random for this boot: seals do not open after a restart of this guest" :
		"random for each process: seals open nowhere. /run has to be a tmpfs that this user can write, or /dev/sev-guest readable");
	return guest.facts.lasting;
}
