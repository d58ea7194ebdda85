/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which blocks of the device are taken. There are three maps: of now, of the last commit, and of the last durable commit. A block is
 * given out if it is free in all three, so that whichever commit is found after a crash has its blocks as they were.
 */
#include "vault/internal.h"

#define MAPS 3

static uint64_t **map_of(struct space *s, int i)
{
	return i == 0 ? &s->now : i == 1 ? &s->last : &s->safe;
}

static bool has(const uint64_t *map, uint64_t at)
{
	return map[at / 64] >> (at % 64) & 1;
}

int vault_space_reserve(struct om_vault *v, uint64_t blocks)
{
	struct space *s = &v->space;
	uint64_t words = s->words ? s->words : 512, *more[MAPS];

	if (blocks > BLOCKS_MAX)
		return OM_ENOMEM;
	while (words * 64 < blocks)
		words *= 2;
	if (words == s->words)
		return 0;
	for (int i = 0; i < MAPS; i++)
		more[i] = v->device.alloc(v->device.context, words * 8);
	for (int i = 0; i < MAPS; i++) {
		if (!more[0] || !more[1] || !more[2]) {
			if (more[i])
				v->device.free(v->device.context, more[i], words * 8);
			continue;
		}
		memset(more[i], 0, words * 8);
		if (s->words) {
			memcpy(more[i], *map_of(s, i), s->words * 8);
			om_wipe(*map_of(s, i), s->words * 8);
			v->device.free(v->device.context, *map_of(s, i), s->words * 8);
		}
		*map_of(s, i) = more[i];
	}
	if (!more[0] || !more[1] || !more[2])
		return OM_ENOMEM;
	s->words = words;
	return 0;
}

void vault_space_free_all(struct om_vault *v)
{
	for (int i = 0; i < MAPS; i++)
		if (*map_of(&v->space, i)) {
			om_wipe(*map_of(&v->space, i), v->space.words * 8);
			v->device.free(v->device.context, *map_of(&v->space, i), v->space.words * 8);
		}
	v->space = (struct space) { 0 };
}

bool vault_space_take(struct om_vault *v, uint64_t at)
{
	struct space *s = &v->space;

	if (at < FIRST || at >= s->words * 64 || has(s->now, at))
		return false;
	s->now[at / 64] |= 1ull << (at % 64);
	if (at >= s->end)
		s->end = at + 1;
	return true;
}

void vault_space_release(struct om_vault *v, uint64_t at)
{
	struct space *s = &v->space;

	s->now[at / 64] &= ~(1ull << (at % 64));
	if (at < s->from)
		s->from = at;
}

static bool is_free(const struct space *s, uint64_t at)
{
	return !has(s->now, at) && !has(s->last, at) && !has(s->safe, at);
}

int64_t vault_space_find(struct om_vault *v, uint64_t most, uint64_t *ret_at)
{
	struct space *s = &v->space;
	uint64_t at = s->from < FIRST ? FIRST : s->from, n = 0;
	int error;

	/* Whole words that are full are passed over at once. */
	while (at < s->words * 64 && !is_free(s, at))
		at += at % 64 == 0 && (s->now[at / 64] | s->last[at / 64] | s->safe[at / 64]) == UINT64_MAX ? 64 : 1;
	s->from = at;
	error = vault_space_reserve(v, at + most);
	if (error)
		return error;
	while (n < most && is_free(s, at + n))
		n++;
	*ret_at = at;
	return (int64_t)n;
}

void vault_space_committed(struct om_vault *v, bool durable)
{
	memcpy(v->space.last, v->space.now, v->space.words * 8);
	if (durable)
		memcpy(v->space.safe, v->space.now, v->space.words * 8);
	v->space.from = FIRST;
	v->space.end = vault_space_end(v);
}

void vault_space_maybe(struct om_vault *v)
{
	for (uint64_t i = 0; i < v->space.words; i++)
		v->space.last[i] |= v->space.now[i];
}

uint64_t vault_space_end(const struct om_vault *v)
{
	const struct space *s = &v->space;

	for (uint64_t i = s->words; i-- > 0;) {
		const uint64_t any = s->now[i] | s->last[i] | s->safe[i];

		if (any)
			return i * 64 + 64 - (uint64_t)__builtin_clzll(any);
	}
	return FIRST;
}
