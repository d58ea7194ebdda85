/* SPDX-License-Identifier: Apache-2.0 */
/* Which source there is, and what the sources of Linux share. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include "bytes.h"
#include "../../tee.h"
#include "internal.h"

#define LOCK_MS  200000u      /* a request waits a minute for the host, a quote half of one; several may stand in line */
#define PAUSE_MS 50u

int guest_lock(int fd, const char *what)
{
	const struct guest_kernel *k = guest_kernel();
	const uint64_t end = k->now_ms() + LOCK_MS;

	while (k->flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;             /* a file system without locks: the kernel keeps requests apart, too */
		if (k->now_ms() >= end)
			return tee_fail(OM_ETIMEDOUT, "%s is in use by another process for minutes", what);
		k->sleep_ms(PAUSE_MS);
	}
	return 0;
}

void guest_unlock(int fd)
{
	(void)guest_kernel()->flock(fd, LOCK_UN);
}

size_t guest_table_used(const uint8_t *table, size_t size)
{
	enum { ENTRY = 24 };
	size_t used = 0;

	for (size_t at = 0; at + ENTRY <= size; at += ENTRY) {
		uint32_t offset, length;

		if (om_all_zero(table + at, ENTRY))
			return at ? (used > at + ENTRY ? used : at + ENTRY) : 0;
		memcpy(&offset, table + at + 16, 4);
		memcpy(&length, table + at + 20, 4);
		if (offset > size || length > size - offset)
			return 0;
		if (offset + length > used)
			used = offset + length;
	}
	return 0;
}

/* ---- guests without a source ------------------------------------------------------------------------------- */

static bool says(uint32_t leaf, const char *words)
{
	uint32_t r[4];

	guest_kernel()->cpuid(leaf, r);
	return memcmp(&r[1], words, 4) == 0 && memcmp(&r[2], words + 4, 4) == 0 && memcmp(&r[3], words + 8, 4) == 0;
}

/*
 * Hyper-V's leaves (Hypervisor Top Level Functional Specification): 0x40000003 EBX bit 22 isolation, 0x4000000c EAX bit 0 a paravisor, EBX low four bits the
 * kind: 2 SNP, 3 TDX. A paravisor runs at the highest level of the guest, and what reports the guest sees were asked for by it.
 */
static const char *paravisor(void)
{
	uint32_t r[4];

	if (!says(0x40000000, "Microsoft Hv"))
		return NULL;
	guest_kernel()->cpuid(0x40000000, r);
	if (r[0] < 0x4000000c)
		return NULL;
	guest_kernel()->cpuid(0x40000003, r);
	if (!(r[1] & 1u << 22))
		return NULL;
	guest_kernel()->cpuid(0x4000000c, r);
	if (!(r[0] & 1) || ((r[1] & 15) != 2 && (r[1] & 15) != 3))
		return NULL;
	return (r[1] & 15) == 2 ? "this is an SEV-SNP guest with a paravisor, as Azure's are: the data in its reports are the paravisor's (they name the virtual TPM's key), "
		"so that they cannot name an enclave. Not supported" :
		"this is a TDX guest with a paravisor, as Azure's are: the data in its quotes are the paravisor's (they name the virtual TPM's key), "
		"so that they cannot name an enclave. Not supported";
}

const char *guest_recognise(bool *ret_sure)
{
	uint32_t r[4];
	const char *words;

	*ret_sure = true;
	guest_kernel()->cpuid(1, r);
	if (!(r[2] & 1u << 31))           /* no hypervisor */
		return NULL;
	words = paravisor();
	if (words)
		return words;
	guest_kernel()->cpuid(0, r);
	if (r[0] >= 0x21) {
		/* EBX, EDX, ECX: "IntelTDX    " */
		guest_kernel()->cpuid(0x21, r);
		if (memcmp(&r[1], "Inte", 4) == 0 && memcmp(&r[3], "lTDX", 4) == 0)
			return "this is a TDX guest whose kernel has no driver for evidence: modprobe tdx_guest";
	}
	guest_kernel()->cpuid(0x80000000, r);
	if (r[0] < 0x8000001f)
		return NULL;
	/* Some hypervisors hand this on to all of their guests. */
	*ret_sure = false;
	guest_kernel()->cpuid(0x8000001f, r);
	return r[0] & 1u << 4 ? "this looks like an SEV-SNP guest whose kernel has no driver for evidence: modprobe sev-guest" : NULL;
}

int guest_source_open(struct guest_source **ret_source)
{
	static int (*const sources[])(struct guest_source **) = { guest_tsm_open, guest_sev_open, guest_tdx_open, guest_vmsp_open };
	char forbidden[256] = "";
	const char *words;
	bool sure;

	for (unsigned i = 0; i < sizeof sources / sizeof *sources; i++) {
		const int r = sources[i](ret_source);

		/* One that this user may not ask says that there is one; the next may be open to him. */
		if (r == OM_EPERM && !*forbidden)
			snprintf(forbidden, sizeof forbidden, "%s", tee_last_error());
		if (r != OM_EUNSUPPORTED && r != OM_EPERM && !(*forbidden && r < 0))
			return r;
	}
	if (*forbidden)
		return tee_fail(OM_EPERM, "%s", forbidden);
	words = guest_recognise(&sure);
	return tee_fail(words && sure ? OM_EQUOTE : OM_EUNSUPPORTED, "%s", words ? words : "this is no confidential guest");
}

void guest_source_close(struct guest_source *source)
{
	if (source)
		source->close(source);
}
