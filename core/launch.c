/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured launch: decoding, looking up, encoding (see the header). A launch is checked once and as a whole when it is decoded; from then
 * on its numbers and offsets are believed. Lists are sorted, so that a name is found by halving, however many files an image trusts.
 */
#include <assert.h>
#include <string.h>
#include "cursor.h"
#include "launch.h"

/* In the head: the size of the strings, behind the counts. */
#define AT_STRINGS (16 + 4 * (size_t)OM_LAUNCH_LISTS)

static_assert(AT_STRINGS + 12 == OM_LAUNCH_HEAD, "the size, lineage, and signal");

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t get_u64(const uint8_t *at)
{
	return get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
}

static uint64_t blocks_of(uint64_t size)
{
	return size / OM_LAUNCH_BLOCK + (size % OM_LAUNCH_BLOCK != 0);
}

/* As strings are sorted: by bytes, a string before those that it begins. */
static int compare(struct om_launch_string a, struct om_launch_string b)
{
	const int order = memcmp(a.text, b.text, a.size < b.size ? a.size : b.size);

	return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* ---- normal paths ------------------------------------------------------------------------------------------------------- */

static bool is(const char *name, size_t size, const char *word)
{
	return size == strlen(word) && !memcmp(name, word, size);
}

size_t om_launch_normalise(char *path)
{
	const bool absolute = path[0] == '/';
	const char *from = path;
	size_t to = absolute, floor = to; /* what lies before `floor` is the root, or ".." that nothing takes back */

	for (;;) {
		size_t size = 0;

		while (*from == '/')
			from++;
		if (!*from)
			break;
		while (from[size] && from[size] != '/')
			size++;
		if (is(from, size, "..") && (to > floor || absolute)) {
			while (to > floor && path[to - 1] != '/')
				to--;
			if (to > floor)
				to--;
		} else if (!is(from, size, ".")) {
			const bool stays = is(from, size, "..");

			if (to > (size_t)absolute)
				path[to++] = '/';
			memmove(path + to, from, size);
			to += size;
			if (stays)
				floor = to;
		}
		from += size;
	}
	if (!to)
		path[to++] = '.';
	path[to] = 0;
	return to;
}

static bool leads_out(const char *path)
{
	return path[0] == '.' && path[1] == '.' && (!path[2] || path[2] == '/');
}

/* Also of a directory's, which ends in '/': the root and the start are "/" and "./". */
static bool path_is_normal(struct om_launch_string s, bool directory)
{
	char path[OM_LAUNCH_PATH], again[OM_LAUNCH_PATH];
	size_t size = s.size;

	if (!size || size >= sizeof path || (s.text[size - 1] == '/' && !directory))
		return false;
	if (s.text[size - 1] == '/' && size > 1)
		size--;
	memcpy(path, s.text, size);
	path[size] = 0;
	memcpy(again, path, size + 1);
	/* What leads out of the start may be anything on the host: its name is to be absolute. */
	return om_launch_normalise(again) == size && !memcmp(path, again, size) && !leads_out(path) && (directory || !is(path, size, "."));
}

/* ---- decoding ----------------------------------------------------------------------------------------------------------- */

struct om_launch_string om_launch_string(const struct om_launch *l, enum om_launch_list list, uint32_t index)
{
	const uint32_t number = l->first[list] + index;
	const uint32_t begin = number ? get_u32(l->ends + 4 * ((size_t)number - 1)) : 0;

	return (struct om_launch_string){ (const char *)l->strings + begin, get_u32(l->ends + 4 * (size_t)number) - begin };
}

uint64_t om_launch_file_size(const struct om_launch *l, uint32_t index)
{
	return get_u64(l->files + 16 * (size_t)index);
}

static bool secret_is_good(struct om_launch_string s)
{
	for (uint32_t i = 0; i < s.size; i++) {
		const char c = s.text[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
			return false;
	}
	/* It is the name of a file. */
	return s.size && s.size <= OM_LAUNCH_SECRET && !is(s.text, s.size, ".") && !is(s.text, s.size, "..");
}

/* -1: no lower-case hex digit. */
static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool owner_is_good(struct om_launch_string s)
{
	for (uint32_t i = 0; i < s.size; i++)
		if (digit(s.text[i]) < 0)
			return false;
	return s.size == OM_LAUNCH_OWNER;
}

bool om_launch_owner(const struct om_launch *l, uint8_t ret_public[OM_LAUNCH_OWNER / 2])
{
	struct om_launch_string s;

	if (!l->count[OM_LAUNCH_UNLOCK])
		return false;
	s = om_launch_string(l, OM_LAUNCH_UNLOCK, 0);
	for (uint32_t i = 0; i < OM_LAUNCH_OWNER / 2; i++)
		ret_public[i] = (uint8_t)(digit(s.text[2 * i]) << 4 | digit(s.text[2 * i + 1]));
	return true;
}

static bool string_is_good(enum om_launch_list list, struct om_launch_string s)
{
	const char *equals = memchr(s.text, '=', s.size);

	if (memchr(s.text, 0, s.size) || s.size >= OM_LAUNCH_ARGUMENT)
		return false;
	switch (list) {
	case OM_LAUNCH_ARGS:    return true;
	case OM_LAUNCH_PASS:    return s.size && !equals && (!memchr(s.text, '*', s.size) || memchr(s.text, '*', s.size) == s.text + s.size - 1);
	case OM_LAUNCH_SET:     return equals && equals != s.text;
	case OM_LAUNCH_ALLOWED:
	case OM_LAUNCH_ENCRYPTED: return path_is_normal(s, s.size && s.text[s.size - 1] == '/');
	case OM_LAUNCH_SECRETS: return secret_is_good(s);
	case OM_LAUNCH_UNLOCK:  return owner_is_good(s);
	case OM_LAUNCH_SEALED:  return s.size && s.text[s.size - 1] == '/' && path_is_normal(s, true);
	default:                return path_is_normal(s, false);
	}
}

/* Two values of one variable would be one too many. */
static bool ascends(enum om_launch_list list, struct om_launch_string a, struct om_launch_string b)
{
	if (list == OM_LAUNCH_SET) {
		a.size = (uint32_t)((const char *)memchr(a.text, '=', a.size) + 1 - a.text);
		b.size = (uint32_t)((const char *)memchr(b.text, '=', b.size) + 1 - b.text);
	}
	return list == OM_LAUNCH_ARGS || compare(a, b) < 0;
}

static int check_strings(const struct om_launch *l)
{
	for (unsigned list = 0; list < OM_LAUNCH_LISTS; list++)
		for (uint32_t i = 0; i < l->count[list]; i++) {
			const struct om_launch_string s = om_launch_string(l, (enum om_launch_list)list, i);

			if (!string_is_good((enum om_launch_list)list, s))
				return OM_EINVAL;
			if (i && !ascends((enum om_launch_list)list, om_launch_string(l, (enum om_launch_list)list, i - 1), s))
				return OM_EINVAL;
		}
	return 0;
}

/* A list says something only where not everything is allowed. */
static int check_counts(const struct om_launch *l)
{
	if (l->any & ~(OM_LAUNCH_ANY_ARGS | OM_LAUNCH_ANY_ENV | OM_LAUNCH_ANY_FILES) || l->lineage >= OM_LINEAGES)
		return OM_EVERSION;
	if (!om_launch_signal_is_good(l->after_move) || l->count[OM_LAUNCH_UNLOCK] > 1)
		return OM_EINVAL;
	for (unsigned list = 0; list < OM_LAUNCH_LISTS; list++)
		if (l->count[list] > OM_LAUNCH_STRINGS)
			return OM_EINVAL;
	if (!(l->any & OM_LAUNCH_ANY_ARGS) != !!l->count[OM_LAUNCH_ARGS])
		return OM_EINVAL;
	if ((l->any & OM_LAUNCH_ANY_ENV && l->count[OM_LAUNCH_PASS]) || (l->any & OM_LAUNCH_ANY_FILES && l->count[OM_LAUNCH_ALLOWED]))
		return OM_EINVAL;
	return 0;
}

static int check_ends(const struct om_launch *l, uint32_t total, uint32_t strings_size)
{
	uint32_t before = 0;

	for (uint32_t i = 0; i < total; i++) {
		const uint32_t end = get_u32(l->ends + 4 * (size_t)i);

		if (end < before || end > strings_size)
			return OM_EINVAL;
		before = end;
	}
	return before == strings_size ? 0 : OM_EINVAL;
}

/* Files lie behind each other among the hashes. */
static int check_files(struct om_launch *l)
{
	l->hash_count = 0;
	for (uint32_t i = 0; i < l->count[OM_LAUNCH_TRUSTED]; i++) {
		const uint64_t blocks = blocks_of(om_launch_file_size(l, i));

		if (get_u64(l->files + 16 * (size_t)i + 8) != l->hash_count || blocks > OM_LAUNCH_MAX / OM_SHA256_SIZE)
			return OM_EINVAL;
		l->hash_count += blocks;
	}
	return l->hash_count > OM_LAUNCH_MAX / OM_SHA256_SIZE ? OM_EINVAL : 0;
}

static size_t to_eight(size_t size)
{
	return -size & 7;
}

static bool has(const struct om_launch *l, enum om_launch_list list, struct om_launch_string s, uint32_t *ret_index);

static bool has_this(const struct om_launch *l, enum om_launch_list list, const char *text, uint32_t size)
{
	uint32_t index;

	return has(l, list, (struct om_launch_string){ text, size }, &index);
}

/* A name is listed once: as encrypted, or as something else. */
static int check_encrypted(const struct om_launch *l)
{
	for (uint32_t i = 0; i < l->count[OM_LAUNCH_ENCRYPTED]; i++) {
		const struct om_launch_string s = om_launch_string(l, OM_LAUNCH_ENCRYPTED, i);

		for (unsigned list = OM_LAUNCH_ALLOWED; list <= OM_LAUNCH_TRUSTED; list++)
			if (has_this(l, (enum om_launch_list)list, s.text, s.size))
				return OM_EINVAL;
	}
	return 0;
}

int om_launch_decode(const void *bytes, size_t size, struct om_launch *ret)
{
	struct om_launch l = { .any = OM_LAUNCH_ANY_ARGS | OM_LAUNCH_ANY_ENV | OM_LAUNCH_ANY_FILES };
	uint32_t total = 0, strings_size;
	struct om_get c;
	int error;

	if (!size) {
		*ret = l;
		return 0;
	}
	om_get_init(&c, bytes, size);
	if (om_get_u64(&c) != OM_LAUNCH_MAGIC || om_get_u32(&c) != OM_LAUNCH_VERSION)
		om_get_fail(&c, OM_EVERSION);
	l.any = om_get_u32(&c);
	for (unsigned list = 0; list < OM_LAUNCH_LISTS; list++) {
		l.count[list] = om_get_u32(&c);
		l.first[list] = total;
		total += l.count[list] <= OM_LAUNCH_STRINGS ? l.count[list] : 0;
	}
	strings_size = om_get_u32(&c);
	l.lineage = om_get_u32(&c);
	l.after_move = om_get_u32(&c);
	if (!c.error && (size > OM_LAUNCH_MAX || (error = check_counts(&l))))
		om_get_fail(&c, size > OM_LAUNCH_MAX ? OM_EINVAL : error);
	l.ends = om_get_view(&c, 4 * (size_t)total);
	om_get_zeros(&c, to_eight(4 * (size_t)total));
	l.files = om_get_view(&c, 16 * (size_t)l.count[OM_LAUNCH_TRUSTED]);
	if (!c.error && ((error = check_ends(&l, total, strings_size)) || (error = check_files(&l))))
		om_get_fail(&c, error);
	l.hashes = om_get_view(&c, OM_SHA256_SIZE * (size_t)l.hash_count);
	l.strings = om_get_view(&c, strings_size);
	om_get_zeros(&c, to_eight(strings_size));
	error = om_get_end(&c);
	if (!error)
		error = check_strings(&l);
	if (!error)
		error = check_encrypted(&l);
	if (!error)
		*ret = l;
	return error;
}

size_t om_launch_extent(const void *bytes, size_t size)
{
	uint64_t strings = 0, hashes = 0, at = OM_LAUNCH_HEAD;
	uint32_t files;
	const uint8_t *head = bytes;

	if (size < OM_LAUNCH_HEAD)
		return 0;
	for (unsigned list = 0; list < OM_LAUNCH_LISTS; list++)
		strings += get_u32(head + 16 + 4 * (size_t)list);
	files = get_u32(head + 16 + 4 * OM_LAUNCH_TRUSTED);
	at += (4 * strings + 7) & ~7ull;
	for (uint32_t i = 0; i < files; i++, at += 16) {
		if (at > size || size - at < 16)
			return 0;
		hashes += blocks_of(get_u64(head + at));
		if (hashes > OM_LAUNCH_MAX / OM_SHA256_SIZE)
			return 0;
	}
	at += OM_SHA256_SIZE * hashes + ((get_u32(head + AT_STRINGS) + 7ull) & ~7ull);
	return at <= size ? (size_t)at : 0;
}

/* ---- files -------------------------------------------------------------------------------------------------------------- */

static uint64_t first_hash(const struct om_launch *l, uint32_t index)
{
	return get_u64(l->files + 16 * (size_t)index + 8);
}

uint32_t om_launch_block_size(const struct om_launch *l, uint32_t index, uint64_t number)
{
	const uint64_t size = om_launch_file_size(l, index);

	if (number >= blocks_of(size))
		return 0;
	return number == size / OM_LAUNCH_BLOCK ? (uint32_t)(size % OM_LAUNCH_BLOCK) : OM_LAUNCH_BLOCK;
}

bool om_launch_block_is(const struct om_launch *l, uint32_t index, uint64_t number, const void *bytes, uint64_t features)
{
	const uint32_t size = om_launch_block_size(l, index, number);
	uint8_t hash[OM_SHA256_SIZE];
	struct om_sha256 s;

	if (!size)
		return false;
	om_sha256_init(&s, features);
	om_sha256_update(&s, bytes, size);
	om_sha256_result(&s, hash);
	return !memcmp(hash, l->hashes + OM_SHA256_SIZE * (first_hash(l, index) + number), sizeof hash);
}

void om_launch_file_hash(const struct om_launch *l, uint32_t index, uint8_t ret_hash[OM_SHA256_SIZE])
{
	const uint64_t blocks = blocks_of(om_launch_file_size(l, index));
	const uint8_t *hashes = l->hashes + OM_SHA256_SIZE * first_hash(l, index);

	if (blocks == 1)
		memcpy(ret_hash, hashes, OM_SHA256_SIZE);
	else
		om_sha256(hashes, OM_SHA256_SIZE * (size_t)blocks, ret_hash);
}

/* ---- looking up --------------------------------------------------------------------------------------------------------- */

/* The first string of the list that is not before @s. */
static uint32_t find(const struct om_launch *l, enum om_launch_list list, struct om_launch_string s)
{
	uint32_t low = 0, high = l->count[list];

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (compare(om_launch_string(l, list, middle), s) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has(const struct om_launch *l, enum om_launch_list list, struct om_launch_string s, uint32_t *ret_index)
{
	const uint32_t at = find(l, list, s);

	if (at == l->count[list] || compare(om_launch_string(l, list, at), s))
		return false;
	*ret_index = at;
	return true;
}

/* Is it itself, or with a '/' behind it, the beginning of one of the list? @directory ends in '/'. */
static bool is_above(const struct om_launch *l, enum om_launch_list list, struct om_launch_string directory)
{
	const uint32_t at = find(l, list, directory);
	struct om_launch_string s;

	if (at == l->count[list])
		return false;
	s = om_launch_string(l, list, at);
	return s.size >= directory.size && !memcmp(s.text, directory.text, directory.size);
}

/* The longest directory of the list that the path is, or lies below: its length, or 0. */
static uint32_t below(const struct om_launch *l, enum om_launch_list list, const char *path, uint32_t size)
{
	char name[OM_LAUNCH_PATH + 1];
	uint32_t index;

	if (!l->count[list] || size >= OM_LAUNCH_PATH)
		return 0;
	memcpy(name, path, size);
	name[size] = '/';
	for (uint32_t end = size + (size != 1 || path[0] != '/'); end > 0; end--)
		if (name[end - 1] == '/' && has(l, list, (struct om_launch_string){ name, end }, &index))
			return end;
	return path[0] != '/' && has(l, list, (struct om_launch_string){ "./", 2 }, &index);
}

static bool above(const struct om_launch *l, const char *path, uint32_t size)
{
	char name[OM_LAUNCH_PATH + 1];
	struct om_launch_string directory = { name, size };

	if (size >= OM_LAUNCH_PATH)
		return false;
	memcpy(name, path, size);
	if (size != 1 || path[0] != '/')
		name[directory.size++] = '/';
	return is_above(l, OM_LAUNCH_TRUSTED, directory) || is_above(l, OM_LAUNCH_ALLOWED, directory) || is_above(l, OM_LAUNCH_SEALED, directory) ||
		is_above(l, OM_LAUNCH_ENCRYPTED, directory);
}

/* The path's name below the start, or NULL. The start itself is ".". */
static const char *relative(const char *path, const char *start)
{
	const size_t size = strlen(start);

	if (size == 1)
		return path[1] ? path + 1 : ".";
	if (memcmp(path, start, strlen(path) < size ? strlen(path) : size) || strlen(path) < size)
		return NULL;
	return !path[size] ? "." : path[size] == '/' ? path + size + 1 : NULL;
}

static bool has_relative(const struct om_launch *l)
{
	for (unsigned list = OM_LAUNCH_ALLOWED; list <= OM_LAUNCH_ENCRYPTED; list++) {
		const uint32_t count = l->count[list];

		/* Sorted: what does not begin with '/' stands at an end. */
		if (count && (om_launch_string(l, (enum om_launch_list)list, 0).text[0] != '/' ||
		    om_launch_string(l, (enum om_launch_list)list, count - 1).text[0] != '/'))
			return true;
	}
	return false;
}

/* Only here: below a directory whose files are trusted, and none of them. */
#define IS_SEALED ((enum om_launch_verdict)(OM_LAUNCH_IS_TRUSTED + 1))

/* How deep the list goes with the name: 0 not at all, UINT32_MAX it has it. */
static uint32_t depth(const struct om_launch *l, enum om_launch_list list, struct om_launch_string s)
{
	uint32_t index;

	return has(l, list, s, &index) ? UINT32_MAX : below(l, list, s.text, s.size);
}

/* What the lists say of one name. Of directories whose files are trusted, encrypted or allowed the one that lies deepest counts; of the
 * first and another that are equal the first. */
static enum om_launch_verdict judge(const struct om_launch *l, const char *path, uint32_t *ret_index)
{
	const uint32_t size = (uint32_t)strlen(path);
	const struct om_launch_string s = { path, size };
	uint32_t sealed, encrypted, allowed;

	if (has(l, OM_LAUNCH_TRUSTED, s, ret_index))
		return OM_LAUNCH_IS_TRUSTED;
	sealed = below(l, OM_LAUNCH_SEALED, path, size);
	encrypted = depth(l, OM_LAUNCH_ENCRYPTED, s);
	allowed = depth(l, OM_LAUNCH_ALLOWED, s);
	if (encrypted > sealed && encrypted > allowed)
		return OM_LAUNCH_IS_ENCRYPTED;
	if (allowed > sealed)
		return OM_LAUNCH_IS_ALLOWED;
	if (above(l, path, size))
		return OM_LAUNCH_IS_ABOVE;
	return sealed ? IS_SEALED : OM_LAUNCH_IS_UNLISTED;
}

/* The start, or a directory on the way to it. */
static bool leads_to_start(const char *path, const char *start)
{
	const size_t size = strlen(path);

	return size == 1 || (strlen(start) >= size && !memcmp(start, path, size) && (!start[size] || start[size] == '/'));
}

enum om_launch_verdict om_launch_judge(const struct om_launch *l, const char *path, const char *start, uint32_t *ret_index)
{
	const char *short_path = relative(path, start);
	enum om_launch_verdict a = judge(l, path, ret_index), b = OM_LAUNCH_IS_UNLISTED;

	if (a == OM_LAUNCH_IS_TRUSTED)
		return a;
	if (short_path)
		b = judge(l, short_path, ret_index);
	if (b == OM_LAUNCH_IS_TRUSTED)
		return b;
	/* The host says where the program starts: it gains nothing by it. */
	if (a == IS_SEALED || b == IS_SEALED)
		return OM_LAUNCH_IS_UNLISTED;
	if (a < b)
		a = b;
	if (a == OM_LAUNCH_IS_UNLISTED && leads_to_start(path, start) && has_relative(l))
		a = OM_LAUNCH_IS_ABOVE;
	return a == OM_LAUNCH_IS_UNLISTED && l->any & OM_LAUNCH_ANY_FILES ? OM_LAUNCH_IS_ALLOWED : a;
}

bool om_launch_passes(const struct om_launch *l, const char *name, size_t size)
{
	for (uint32_t i = 0; i < l->count[OM_LAUNCH_SET]; i++) {
		const struct om_launch_string s = om_launch_string(l, OM_LAUNCH_SET, i);

		if (s.size > size && s.text[size] == '=' && !memcmp(s.text, name, size))
			return false;
	}
	for (uint32_t i = 0; i < l->count[OM_LAUNCH_PASS]; i++) {
		const struct om_launch_string s = om_launch_string(l, OM_LAUNCH_PASS, i);
		const bool open = s.text[s.size - 1] == '*';

		if (open ? size >= s.size - 1 && !memcmp(s.text, name, s.size - 1) : s.size == size && !memcmp(s.text, name, size))
			return true;
	}
	return l->any & OM_LAUNCH_ANY_ENV;
}

/* ---- encoding ----------------------------------------------------------------------------------------------------------- */

struct sizes { uint64_t strings, text, hashes, total; };

static struct sizes sizes_of(const struct om_launch_source *source)
{
	struct sizes s = { 0 };

	for (unsigned list = 0; list < OM_LAUNCH_LISTS; list++) {
		s.strings += source->count[list];
		for (uint32_t i = 0; i < source->count[list]; i++)
			s.text += strlen(source->list[list][i]);
	}
	for (uint32_t i = 0; i < source->count[OM_LAUNCH_TRUSTED]; i++)
		s.hashes += blocks_of(source->file[i].size);
	s.total = OM_LAUNCH_HEAD + ((4 * s.strings + 7) & ~7ull) + 16ull * source->count[OM_LAUNCH_TRUSTED] + OM_SHA256_SIZE * s.hashes +
		((s.text + 7) & ~7ull);
	return s;
}

size_t om_launch_size(const struct om_launch_source *source)
{
	const uint64_t total = sizes_of(source).total;

	return total <= OM_LAUNCH_MAX ? (size_t)total : 0;
}

static void put_head(struct om_put *c, const struct om_launch_source *source, const struct sizes *s)
{
	om_put_u64(c, OM_LAUNCH_MAGIC);
	om_put_u32(c, OM_LAUNCH_VERSION);
	om_put_u32(c, source->any);
	for (unsigned list = 0; list < OM_LAUNCH_LISTS; list++)
		om_put_u32(c, source->count[list]);
	om_put_u32(c, (uint32_t)s->text);
	om_put_u32(c, source->lineage);
	om_put_u32(c, source->after_move);
}

static void put_files(struct om_put *c, const struct om_launch_source *source)
{
	uint64_t hashes = 0;

	for (uint32_t i = 0; i < source->count[OM_LAUNCH_TRUSTED]; i++) {
		om_put_u64(c, source->file[i].size);
		om_put_u64(c, hashes);
		hashes += blocks_of(source->file[i].size);
	}
	for (uint32_t i = 0; i < source->count[OM_LAUNCH_TRUSTED]; i++)
		if (source->file[i].size)
			om_put_bytes(c, source->file[i].hashes, OM_SHA256_SIZE * (size_t)blocks_of(source->file[i].size));
}

int om_launch_encode(const struct om_launch_source *source, void *buffer, size_t size)
{
	const struct sizes s = sizes_of(source);
	struct om_launch check;
	uint32_t end = 0;
	struct om_put c;
	int error;

	if (s.total > OM_LAUNCH_MAX)
		return OM_EINVAL;
	om_put_init(&c, buffer, size);
	put_head(&c, source, &s);
	for (unsigned list = 0; list < OM_LAUNCH_LISTS; list++)
		for (uint32_t i = 0; i < source->count[list]; i++)
			om_put_u32(&c, end += (uint32_t)strlen(source->list[list][i]));
	om_put_zeros(&c, to_eight(4 * (size_t)s.strings));
	put_files(&c, source);
	for (unsigned list = 0; list < OM_LAUNCH_LISTS; list++)
		for (uint32_t i = 0; i < source->count[list]; i++)
			om_put_bytes(&c, source->list[list][i], strlen(source->list[list][i]));
	om_put_zeros(&c, to_eight((size_t)s.text));
	error = om_put_end(&c);
	return error ? error : om_launch_decode(buffer, om_put_size(&c), &check);
}
