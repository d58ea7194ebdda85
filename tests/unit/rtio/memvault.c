/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for core/vault with the same promises and none of its speed: the content is in memory, a commit writes all of it behind a head
 * with both names, the transaction and a MAC. (core/vault has tests of its own.)
 */
#include <stdlib.h>
#include <string.h>
#include "crypto/sha256.h"
#include "vault/vault.h"

#define CONTENT_MAX (1u << 20)

struct head {
	struct om_vault_root root;
	char name[2][256];
	uint64_t size;
};

struct om_vault {
	struct om_vault_device device;
	uint8_t key[32];
	struct head head;
	uint8_t content[CONTENT_MAX];
};

static void mac_of(const struct om_vault *v, uint8_t ret_mac[16])
{
	struct om_hmac h;
	struct head head = v->head;
	uint8_t mac[32];

	memset(head.root.mac, 0, sizeof head.root.mac);
	om_hmac_init(&h, v->key, sizeof v->key);
	om_hmac_update(&h, &head, sizeof head);
	om_hmac_update(&h, v->content, head.size);
	om_hmac_result(&h, mac);
	memcpy(ret_mac, mac, 16);
}

static long get(struct om_vault *v, uint64_t offset, void *to, size_t size)
{
	for (size_t done = 0; done < size;) {
		const uint8_t *bytes;
		long got = v->device.read(v->device.context, offset + done, (uint32_t)(size - done), &bytes);

		if (got <= 0)
			return got ? OM_EIO : OM_EAUTH;
		memcpy((uint8_t *)to + done, bytes, (size_t)got);
		done += (size_t)got;
	}
	return 0;
}

static long put(struct om_vault *v, uint64_t offset, const void *from, size_t size)
{
	for (size_t done = 0; done < size;) {
		uint32_t room, some;
		uint8_t *to = v->device.room(v->device.context, &room);

		some = size - done < room ? (uint32_t)(size - done) : room;
		memcpy(to, (const uint8_t *)from + done, some);
		if (v->device.write(v->device.context, offset + done, some) < 0)
			return OM_EIO;
		done += some;
	}
	return 0;
}

static struct om_vault *begin(const struct om_vault_device *device, const uint8_t key[32])
{
	struct om_vault *v = device->alloc(device->context, sizeof *v);

	if (v) {
		memset(v, 0, sizeof *v);
		v->device = *device;
		memcpy(v->key, key, 32);
	}
	return v;
}

int om_vault_create(const struct om_vault_device *device, const uint8_t key[32], const char *name, size_t cache, struct om_vault **ret)
{
	struct om_vault *v = begin(device, key);
	int error;

	(void)cache;
	if (!v)
		return OM_ENOMEM;
	(void)device->random(device->context, v->head.root.file, sizeof v->head.root.file);
	strncpy(v->head.name[0], name, 255);
	error = om_vault_commit(v, false);
	if (error)
		om_vault_close(v);
	else
		*ret = v;
	return error;
}

int om_vault_open(const struct om_vault_device *device, const uint8_t key[32], const char *name, const struct om_vault_root *expected,
	size_t cache, struct om_vault **ret)
{
	struct om_vault *v = begin(device, key);
	uint8_t mac[16];
	long error;

	(void)cache;
	if (!v)
		return OM_ENOMEM;
	error = get(v, 0, &v->head, sizeof v->head);
	if (!error)
		error = v->head.size > CONTENT_MAX ? OM_EAUTH : get(v, sizeof v->head, v->content, v->head.size);
	if (!error) {
		mac_of(v, mac);
		if (memcmp(mac, v->head.root.mac, 16) != 0 || (expected && memcmp(expected, &v->head.root, sizeof *expected) != 0) ||
		    (strcmp(name, v->head.name[0]) != 0 && strcmp(name, v->head.name[1]) != 0))
			error = OM_EAUTH;
	}
	if (error)
		om_vault_close(v);
	else
		*ret = v;
	return (int)error;
}

int om_vault_peek(const struct om_vault_device *device, const uint8_t key[32], const char *name, uint64_t *ret_size, struct om_vault_root *ret_root)
{
	struct om_vault *v;
	int error = om_vault_open(device, key, name, NULL, 0, &v);

	if (error)
		return error;
	*ret_size = v->head.size;
	*ret_root = v->head.root;
	om_vault_close(v);
	return 0;
}

long om_vault_read(struct om_vault *v, uint64_t offset, void *to, size_t size)
{
	if (offset >= v->head.size)
		return 0;
	size = size < v->head.size - offset ? size : v->head.size - offset;
	memcpy(to, v->content + offset, size);
	return (long)size;
}

long om_vault_write(struct om_vault *v, uint64_t offset, const void *from, size_t size)
{
	if (offset > CONTENT_MAX || size > CONTENT_MAX - offset)
		return OM_EOVERFLOW;
	memcpy(v->content + offset, from, size);
	if (offset + size > v->head.size)
		v->head.size = offset + size;
	return (long)size;
}

int om_vault_truncate(struct om_vault *v, uint64_t size)
{
	if (size > CONTENT_MAX)
		return OM_EOVERFLOW;
	if (size < v->head.size)
		memset(v->content + size, 0, v->head.size - size);
	v->head.size = size;
	return 0;
}

uint64_t om_vault_size(const struct om_vault *v)
{
	return v->head.size;
}

int om_vault_commit(struct om_vault *v, bool durable)
{
	long error;

	v->head.root.transaction++;
	mac_of(v, v->head.root.mac);
	error = put(v, 0, &v->head, sizeof v->head);
	if (!error)
		error = put(v, sizeof v->head, v->content, v->head.size);
	if (!error && durable && v->device.sync(v->device.context) < 0)
		error = OM_EIO;
	return (int)error;
}

void om_vault_root(const struct om_vault *v, struct om_vault_root *ret)
{
	*ret = v->head.root;
}

int om_vault_rename_begin(struct om_vault *v, const char *name)
{
	strncpy(v->head.name[1], name, 255);
	return om_vault_commit(v, true);
}

int om_vault_rename_end(struct om_vault *v, bool renamed)
{
	if (renamed)
		memcpy(v->head.name[0], v->head.name[1], 256);
	memset(v->head.name[1], 0, 256);
	return om_vault_commit(v, false);
}

void om_vault_close(struct om_vault *v)
{
	struct om_vault_device device;

	if (!v)
		return;
	device = v->device;
	device.free(device.context, v, sizeof *v);
}
