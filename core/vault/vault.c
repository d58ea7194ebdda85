/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No engine is built into this tree yet: every encrypted file is refused when it is opened, with EOPNOTSUPP for the program, and none is
 * ever created or read. The file with the tree, the commits and the cache takes this one's place.
 */
#include "vault/vault.h"

int om_vault_create(const struct om_vault_device *device, const uint8_t key[OM_VAULT_KEY_SIZE], const char *name, size_t cache_bytes,
	struct om_vault **ret)
{
	(void)device, (void)key, (void)name, (void)cache_bytes, (void)ret;
	return OM_EUNSUPPORTED;
}

int om_vault_open(const struct om_vault_device *device, const uint8_t key[OM_VAULT_KEY_SIZE], const char *name,
	const struct om_vault_root *expected, size_t cache_bytes, struct om_vault **ret)
{
	(void)device, (void)key, (void)name, (void)expected, (void)cache_bytes, (void)ret;
	return OM_EUNSUPPORTED;
}

int om_vault_peek(const struct om_vault_device *device, const uint8_t key[OM_VAULT_KEY_SIZE], const char *name, uint64_t *ret_size,
	struct om_vault_root *ret_root)
{
	(void)device, (void)key, (void)name, (void)ret_size, (void)ret_root;
	return OM_EUNSUPPORTED;
}

/* Nothing below is reached: there is no open file. */
long om_vault_read(struct om_vault *v, uint64_t offset, void *to, size_t size)
{
	(void)v, (void)offset, (void)to, (void)size;
	return OM_EUNSUPPORTED;
}

long om_vault_write(struct om_vault *v, uint64_t offset, const void *from, size_t size)
{
	(void)v, (void)offset, (void)from, (void)size;
	return OM_EUNSUPPORTED;
}

int om_vault_truncate(struct om_vault *v, uint64_t size) { (void)v, (void)size; return OM_EUNSUPPORTED; }
uint64_t om_vault_size(const struct om_vault *v) { (void)v; return 0; }
int om_vault_commit(struct om_vault *v, bool durable) { (void)v, (void)durable; return OM_EUNSUPPORTED; }
void om_vault_root(const struct om_vault *v, struct om_vault_root *ret) { (void)v; *ret = (struct om_vault_root){ .transaction = 0 }; }
int om_vault_rename_begin(struct om_vault *v, const char *name) { (void)v, (void)name; return OM_EUNSUPPORTED; }
int om_vault_rename_end(struct om_vault *v, bool renamed) { (void)v, (void)renamed; return OM_EUNSUPPORTED; }
void om_vault_close(struct om_vault *v) { (void)v; }
