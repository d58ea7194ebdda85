/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What another enclave hands on about encrypted files (trusted/rt/io/roots.c). Properties: what is taken is given on as the same bytes, but for names
 * that come twice, of which the last counts; what is refused leaves nothing.
 */
#include "fuzz.h"
#include "rt/io/roots.c"

static _Atomic uint32_t locked;

void rt_io_lock(void) { PROPERTY(!locked++); }
void rt_io_unlock(void) { PROPERTY(locked--); }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t again[1 << 20];
	const long error = rt_vault_import(data, size);
	struct om_vault_root root;

	PROPERTY(!error || (error == -EINVAL && !count));
	PROPERTY(rt_vault_export(NULL, 0) == (long)(count * sizeof *records) && count * sizeof *records <= size);
	if (count)
		PROPERTY(rt_vault_export(again, count * sizeof *records - 1) == -ENOSPC);
	PROPERTY(rt_vault_export(again, sizeof again) == (long)(count * sizeof *records));
	if (count * sizeof *records == size)
		PROPERTY(!memcmp(again, data, size));
	for (uint32_t i = 0; !error && i < size / sizeof *records; i++) {
		struct record r;
		uint32_t last = i;

		memcpy(&r, data + i * sizeof r, sizeof r);
		for (uint32_t j = i + 1; j < size / sizeof r; j++)
			if (!memcmp(data + j * sizeof r, r.name, sizeof r.name))
				last = j;
		memcpy(&r, data + last * sizeof r, sizeof r);
		PROPERTY(rt_roots_get(lookup(r.name), &root) == (enum rt_root_state)r.state && !memcmp(&root, &r.root, sizeof root));
	}
	memset(records, 0, count * sizeof *records);
	memset(chains, 0, sizeof chains);
	count = 0;
	return 0;
}
