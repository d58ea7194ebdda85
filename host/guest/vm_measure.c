/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch digest of a guest of the kind `vm`: what AMD's processor would measure of kernel, initrd and command line, and of nothing else. A plain
 * guest has no measured firmware, and its virtual CPUs start as QEMU likes; so the digest is of one page, the table of hashes that QEMU writes for
 * a firmware that checks them (kernel-hashes=on), where Debian's and Ubuntu's AmdSev firmware have it.
 *
 *     page   zeros, at 0xc00 { GUID, u16 168, three entries of { GUID, u16 50, SHA-256 }: command line with its NUL, initrd, kernel }, zeros
 *     digest SHA-384( 48 zeros || SHA-384(page) || u16 0x70 || u8 1, normal || 5 zeros || u64 address )
 */
#include <stdlib.h>
#include <string.h>
#include "crypto/sha256.h"
#include "crypto/sha512.h"
#include "cursor.h"
#include "guest/files.h"
#include "guest/guest.h"
#include "guest/sp_start.h"

#define PAGE          4096u
#define TABLE_ADDRESS 0x810c00u
#define TABLE_SIZE    168u
#define ENTRY_SIZE    50u
#define INFO_SIZE     0x70u

/* As they lie in memory: their first three fields are numbers. */
static const uint8_t guid_table[16] = { 0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f, 0xc9, 0x4c, 0xb4, 0x79, 0xa7, 0x93, 0xd4, 0x11, 0xfd, 0x21 };
static const uint8_t guid_command_line[16] = { 0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd, 0x94, 0x4c, 0xaa, 0x78, 0xe7, 0x71, 0x4d, 0x36, 0xab, 0x2a };
static const uint8_t guid_initrd[16] = { 0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a, 0xd7, 0x4b, 0x9a, 0xf1, 0x41, 0xe2, 0x91, 0x69, 0x78, 0x1d };
static const uint8_t guid_kernel[16] = { 0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab, 0x7f, 0x42, 0xb8, 0x35, 0xd5, 0xb1, 0x72, 0xd2, 0x04, 0x5b };

static void entry(struct om_put *p, const uint8_t guid[16], const uint8_t hash[OM_SHA256_SIZE])
{
	om_put_bytes(p, guid, 16);
	om_put_u16(p, ENTRY_SIZE);
	om_put_bytes(p, hash, OM_SHA256_SIZE);
}

static int hash_file(const char *path, uint8_t ret[OM_SHA256_SIZE])
{
	uint8_t *data;
	size_t size;
	int error = guest_file_read(path, &data, &size);

	if (error)
		return error;
	om_sha256(data, size, ret);
	free(data);
	return 0;
}

int guest_vm_measure(const struct guest_folder *folder, uint8_t ret[OM_SHA384_SIZE])
{
	uint8_t page[PAGE] = { 0 }, info[INFO_SIZE] = { 0 }, command_line[OM_SHA256_SIZE], initrd[OM_SHA256_SIZE], kernel[OM_SHA256_SIZE];
	struct om_put p;
	int error = hash_file(folder->kernel, kernel);

	if (!error)
		error = hash_file(folder->initrd, initrd);
	if (error)
		return error;
	om_sha256(folder->command_line, strlen(folder->command_line) + 1, command_line);
	om_put_init(&p, page + TABLE_ADDRESS % PAGE, TABLE_SIZE);
	om_put_bytes(&p, guid_table, sizeof guid_table);
	om_put_u16(&p, TABLE_SIZE);
	entry(&p, guid_command_line, command_line);
	entry(&p, guid_initrd, initrd);
	entry(&p, guid_kernel, kernel);
	om_put_init(&p, info, sizeof info);
	om_put_zeros(&p, OM_SHA384_SIZE);
	om_sha384(page, sizeof page, om_put_room(&p, OM_SHA384_SIZE));
	om_put_u16(&p, INFO_SIZE);
	om_put_u8(&p, 1);
	om_put_zeros(&p, 5);
	om_put_u64(&p, TABLE_ADDRESS - TABLE_ADDRESS % PAGE);
	om_sha384(info, sizeof info, ret);
	return 0;
}
