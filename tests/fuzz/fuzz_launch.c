/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured launch. Properties: what decodes encodes to the same bytes; names that are normal stay so and are shorter; an absolute name
 * that is trusted is trusted wherever the program starts, and none that the lists do not name is allowed.
 */
#include "fuzz.h"
#include "launch.h"

enum { STRINGS = 64, TEXT = 256 };

/* Small ones only: what is to be encoded has to stand somewhere. */
static void again(const struct om_launch *l, const uint8_t *data, size_t size)
{
	static char texts[OM_LAUNCH_LISTS][STRINGS][TEXT];
	static const char *lists[OM_LAUNCH_LISTS][STRINGS];
	static uint8_t bytes[1 << 16];
	struct om_launch_file files[STRINGS];
	struct om_launch_source source = { .any = l->any, .lineage = l->lineage, .after_move = l->after_move, .file = files };
	const uint8_t *hashes = l->hashes;

	for (unsigned list = 0; list < OM_LAUNCH_LISTS; list++) {
		if (l->count[list] > STRINGS)
			return;
		for (uint32_t i = 0; i < l->count[list]; i++) {
			const struct om_launch_string s = om_launch_string(l, list, i);

			if (s.size >= TEXT)
				return;
			memcpy(texts[list][i], s.text, s.size);
			texts[list][i][s.size] = 0;
			lists[list][i] = texts[list][i];
		}
		source.list[list] = lists[list];
		source.count[list] = l->count[list];
	}
	for (uint32_t i = 0; i < l->count[OM_LAUNCH_TRUSTED]; i++) {
		const uint64_t file_size = om_launch_file_size(l, i);

		files[i] = (struct om_launch_file){ file_size, (const void *)hashes };
		hashes += (file_size + OM_LAUNCH_BLOCK - 1) / OM_LAUNCH_BLOCK * OM_SHA256_SIZE;
	}
	PROPERTY(om_launch_size(&source) == size);
	if (size > sizeof bytes)
		return;
	PROPERTY(!om_launch_encode(&source, bytes, size) && !memcmp(bytes, data, size));
}

static void lists(const struct om_launch *l)
{
	uint8_t hash[OM_SHA256_SIZE];
	char path[OM_LAUNCH_PATH];
	uint32_t index;

	for (uint32_t i = 0; i < l->count[OM_LAUNCH_TRUSTED]; i++) {
		const struct om_launch_string s = om_launch_string(l, OM_LAUNCH_TRUSTED, i);

		om_launch_file_hash(l, i, hash);
		PROPERTY(!om_launch_block_size(l, i, UINT64_MAX / OM_LAUNCH_BLOCK));
		memcpy(path, s.text, s.size);
		path[s.size] = 0;
		if (path[0] == '/')
			PROPERTY(om_launch_judge(l, path, "/etc", &index) == OM_LAUNCH_IS_TRUSTED && index == i);
	}
	for (uint32_t i = 0; i < l->count[OM_LAUNCH_ENCRYPTED]; i++) {
		const struct om_launch_string s = om_launch_string(l, OM_LAUNCH_ENCRYPTED, i);

		memcpy(path, s.text, s.size);
		path[s.size] = 0;
		/* What is said to be encrypted is never the host's in plain. */
		if (path[0] == '/')
			PROPERTY(om_launch_normalise(path) && om_launch_judge(l, path, "/etc", &index) != OM_LAUNCH_IS_ALLOWED);
	}
	PROPERTY(l->any & OM_LAUNCH_ANY_FILES || l->count[OM_LAUNCH_ALLOWED] || om_launch_judge(l, "/etc/x", "/", &index) != OM_LAUNCH_IS_ALLOWED);
	for (uint32_t i = 0; i < l->count[OM_LAUNCH_SET]; i++) {
		const struct om_launch_string s = om_launch_string(l, OM_LAUNCH_SET, i);

		PROPERTY(!om_launch_passes(l, s.text, (size_t)((const char *)memchr(s.text, '=', s.size) - s.text)));
	}
}

static void names(const uint8_t *data, size_t size)
{
	static const struct om_launch none = { .any = OM_LAUNCH_ANY_FILES };
	char path[OM_LAUNCH_PATH + 2], other[OM_LAUNCH_PATH + 2];
	uint32_t index;
	size_t length;

	size = size < OM_LAUNCH_PATH - 1 ? size : OM_LAUNCH_PATH - 1;
	memcpy(path, data, size);
	path[size] = 0;
	size = strlen(path);
	length = om_launch_normalise(path);
	PROPERTY(length == strlen(path) && (length <= size || !strcmp(path, ".")));
	PROPERTY(!strstr(path, "//") && (length == 1 || path[length - 1] != '/'));
	memcpy(other, path, length + 1);
	PROPERTY(om_launch_normalise(other) == length && !strcmp(path, other));
	if (path[0] == '/') {
		PROPERTY(!strstr(path, "/../") && !strstr(path, "/./") && (length < 3 || strcmp(path + length - 3, "/..")));
		PROPERTY(om_launch_judge(&none, path, "/", &index) == OM_LAUNCH_IS_ALLOWED);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct om_launch l;

	names(data, size);
	PROPERTY(om_launch_extent(data, size) <= size);
	if (om_launch_decode(data, size, &l) || !size)
		return 0;
	PROPERTY(om_launch_extent(data, size) == size);
	again(&l, data, size);
	lists(&l);
	return 0;
}
