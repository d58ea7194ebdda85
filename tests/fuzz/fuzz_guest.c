/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a firmware, and as what a host says to PID 1. Properties: a firmware that is understood has a digest or is refused, and each kernel has another
 * one; a start that is decoded is encoded to the same bytes; a path that is allowed lies where the guest itself does not.
 */
#include <stdlib.h>
#include "fuzz.h"
#include "guest/control.h"
#include "guest/id_block.h"
#include "guest/pe.h"
#include "guest/snp.h"
#include "guest/tdx.h"

static void try_firmware(const uint8_t *data, size_t size)
{
	struct om_snp_kernel kernel = { 0 };
	struct om_snp_launch launch = { .vcpus = 2, .sev_features = 1, .kernel = &kernel };
	uint8_t page[OM_GUEST_PAGE] = { 0 }, first[OM_SNP_DIGEST_SIZE], other[OM_SNP_DIGEST_SIZE];
	struct om_firmware fw;
	uint64_t pages = 0;

	/* The tables lie at the end. */
	memcpy(page + sizeof page - (size < sizeof page ? size : sizeof page), data, size < sizeof page ? size : sizeof page);
	if (om_firmware_open(page, sizeof page, &fw))
		return;
	for (uint32_t i = 0; i < fw.sev_count; i++)
		pages += fw.sev[i].size / OM_GUEST_PAGE;
	for (uint32_t i = 0; i < fw.tdx_count; i++)
		pages += fw.tdx[i].size / OM_GUEST_PAGE;
	if (pages > 64)
		return;                 /* only slow */
	(void)!om_tdx_mrtd(&fw, true, first);
	if (om_snp_launch_digest(&fw, &launch, first))
		return;
	kernel.initrd[31] = 1;
	PROPERTY(om_snp_launch_digest(&fw, &launch, other) == 0);
	PROPERTY(memcmp(first, other, sizeof first) != 0);
}

/* An ID block and its authentication: what is accepted is written again as the same bytes; nobody here can sign. */
static void try_id_block(const uint8_t *data, size_t size)
{
	static uint8_t block[OM_ID_BLOCK_SIZE], auth[OM_ID_AUTH_SIZE], again[OM_ID_BLOCK_SIZE];
	struct om_id_owner owner;

	if (size > sizeof block + sizeof auth)
		return;
	memset(block, 0, sizeof block);
	memset(auth, 0, sizeof auth);
	memcpy(block, data, size < sizeof block ? size : sizeof block);
	if (size > sizeof block)
		memcpy(auth, data + sizeof block, size - sizeof block);
	if (om_id_verify(block, auth, &owner))
		return;
	om_id_block_encode(&owner.block, again);
	PROPERTY(memcmp(block, again, sizeof block) == 0);
}

/* A kernel: its digest does not depend on the checksum, and does on its first bytes. */
static void try_kernel(const uint8_t *data, size_t size)
{
	uint8_t first[OM_SHA384_SIZE], other[OM_SHA384_SIZE], *changed;
	uint32_t at;

	if (om_pe_digest(data, size, first))
		return;
	changed = malloc(size);
	PROPERTY(changed);
	memcpy(changed, data, size);
	memcpy(&at, changed + 60, sizeof at);
	changed[at + 24 + 64] ^= 0xff;
	PROPERTY(om_pe_digest(changed, size, other) == 0 && memcmp(first, other, sizeof first) == 0);
	changed[2] ^= 1;
	PROPERTY(om_pe_digest(changed, size, other) || memcmp(first, other, sizeof first) != 0);
	free(changed);
}

static char **vector_of(struct om_guestctl_list list)
{
	char **vector = calloc(list.count + 1, sizeof *vector);
	struct om_guestctl_string s;
	uint32_t count = 0;

	PROPERTY(vector);
	while (om_guestctl_list_next(&list, &s))
		vector[count++] = strndup(s.text, s.size);
	return vector;
}

static void free_vector(char **vector)
{
	for (char **p = vector; *p; p++)
		free(*p);
	free(vector);
}

static void try_start(const uint8_t *data, size_t size)
{
	struct om_guestctl_start start;
	uint8_t *again;
	struct om_put c;
	char **lists[3], *directory;

	if (om_guestctl_start_decode(data, size, &start))
		return;
	lists[0] = vector_of(start.options);
	lists[1] = vector_of(start.arguments);
	lists[2] = vector_of(start.environment);
	directory = strndup(start.directory.text, start.directory.size);
	again = malloc(size);
	om_put_init(&c, again, size);
	om_guestctl_start_encode(&c, &start, directory, lists[0], lists[1], lists[2]);
	PROPERTY(om_put_end(&c) == 0 && om_put_size(&c) == size && memcmp(again, data, size) == 0);
	free(again);
	free(directory);
	for (unsigned i = 0; i < 3; i++)
		free_vector(lists[i]);
}

static void try_path(const char *path, size_t size)
{
	static const char *const never[] = { "/usr/", "/lib", "/etc/ld", "/etc/optmig", "/proc/", "/sys/", "/dev/", "/run/", "/init", "/../", "/./", "//" };

	if (size >= OM_GUESTCTL_PATH_MAX || !om_guestctl_path_allowed(path, size))
		return;
	PROPERTY(path[0] == '/' && path[size - 1] != '/' && !memchr(path, 0, size));
	for (unsigned i = 0; i < sizeof never / sizeof *never; i++)
		PROPERTY(size < strlen(never[i]) || memcmp(path, never[i], strlen(never[i])) != 0 || (i == 1 && size > 4 && path[4] != '/') || (i == 8 && size > 5 && path[5] != '/'));
	for (size_t k = 0; k + 4 <= size; k++)
		PROPERTY(memcmp(path + k, "/../", 4) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t type;
	uint32_t length;

	if (size >= OM_GUESTCTL_FRAME_HEADER && om_guestctl_frame_decode(data, &type, &length) == 0)
		PROPERTY(length <= OM_GUESTCTL_PAYLOAD_MAX);
	try_firmware(data, size);
	try_id_block(data, size);
	try_kernel(data, size);
	try_start(data, size);
	if (size > 0)
		try_path((const char *)data, size);
	return 0;
}
