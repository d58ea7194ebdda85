/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door to untrusted memory. Everything here is read exactly once and written in whole, aligned 8-byte words, as
 * INTEL-SA-00615 and SA-00657 ask: a partial access could expose or take in stale data of another domain. Ranges that
 * do not begin or end at a word are widened to it; the extra bytes are of the same tbuf (its parts are multiples of
 * 16) and nobody's secret.
 */
#include "rt/internal.h"
#include "rt/libmem.h"

bool rt_untrusted_ok(const void *untrusted, size_t size)
{
	uint64_t begin = (uint64_t)untrusted, end = begin + size;
	uint64_t low = OM_ELRANGE_BASE, high = low + rt_image->elrange_size;

	return end >= begin && (end <= low || begin >= high);
}

bool rt_tbuf_ok(const struct om_tbuf *tbuf, uint64_t size)
{
	return ((uint64_t)tbuf & (OM_PAGE_SIZE - 1)) == 0 && size >= OM_TBUF_SIZE_MIN && size <= OM_TBUF_SIZE_MAX &&
		rt_untrusted_ok(tbuf, size);
}

static uint64_t *used_of(struct rt_tcb *tcb)
{
	return tcb->in_exception ? &tcb->exc_ub_used : &tcb->ub_used;
}

static uint64_t data_size(const struct rt_tcb *tcb)
{
	return (tcb->in_exception ? tcb->exc_tbuf_size : tcb->tbuf_size) - OM_TBUF_DATA;
}

void rt_ub_reset(void)
{
	*used_of(rt_self()) = 0;
}

void *rt_ub_alloc(size_t size)
{
	struct rt_tcb *tcb = rt_self();
	uint64_t *used = used_of(tcb), left = data_size(tcb) - *used;
	void *at = (char *)rt_tbuf(tcb) + OM_TBUF_DATA + *used;

	if (size > left)
		return NULL;
	*used += (size + 15) & ~15ULL; /* the data size is a multiple of 16 */
	return at;
}

size_t rt_ub_left(void)
{
	struct rt_tcb *tcb = rt_self();

	return data_size(tcb) - *used_of(tcb);
}

static void check(const void *untrusted, size_t size)
{
	if (RT_UNLIKELY(!rt_untrusted_ok(untrusted, size)))
		rt_fatal(OM_EINTERNAL, "an address inside the enclave was taken for untrusted memory");
}

/* Replaces bytes [from, to) of the aligned word. */
static void merge_word(uint64_t *word, const uint8_t *bytes, unsigned from, unsigned to)
{
	uint64_t value = rt_ub_read64(word);

	for (unsigned i = from; i < to; i++)
		value = (value & ~(0xffULL << (8 * i))) | (uint64_t)*bytes++ << (8 * i);
	rt_ub_write64(word, value);
}

void rt_ub_put(void *untrusted, const void *trusted, size_t size)
{
	const uint8_t *from = trusted;
	uint64_t at = (uint64_t)untrusted;
	unsigned skew = at & 7;

	check(untrusted, size);
	if (size == 0)
		return;
	if (skew) {
		unsigned end = size < 8 - skew ? skew + (unsigned)size : 8;
		merge_word((uint64_t *)(at - skew), from, skew, end);
		from += end - skew;
		size -= end - skew;
		at += end - skew;
	}
	if (size >= 8)
		memcpy((void *)at, from, size & ~7ULL);
	if (size & 7)
		merge_word((uint64_t *)(at + (size & ~7ULL)), from + (size & ~7ULL), 0, size & 7);
}

static void split_word(const uint64_t *word, uint8_t *bytes, unsigned from, unsigned to)
{
	uint64_t value = rt_ub_read64(word);

	for (unsigned i = from; i < to; i++)
		*bytes++ = (uint8_t)(value >> (8 * i));
}

void rt_ub_get(void *trusted, const void *untrusted, size_t size)
{
	uint8_t *to = trusted;
	uint64_t at = (uint64_t)untrusted;
	unsigned skew = at & 7;

	check(untrusted, size);
	if (size == 0)
		return;
	if (skew) {
		unsigned end = size < 8 - skew ? skew + (unsigned)size : 8;
		split_word((const uint64_t *)(at - skew), to, skew, end);
		to += end - skew;
		size -= end - skew;
		at += end - skew;
	}
	if (size >= 8)
		memcpy(to, (const void *)at, size & ~7ULL);
	if (size & 7)
		split_word((const uint64_t *)(at + (size & ~7ULL)), to + (size & ~7ULL), 0, size & 7);
	__asm__ volatile ("" : : : "memory");
}

void rt_tbuf_finish(struct rt_tcb *tcb, enum om_exit how, const uint64_t *arg, unsigned count)
{
	struct om_tbuf *tbuf = rt_tbuf(tcb);

	for (unsigned i = 0; i < count; i++)
		rt_ub_write64(&tbuf->arg[i], arg[i]);
	rt_ub_write64(&tbuf->exit, how); /* and op = 0 */
}

void rt_tbuf_set_ret(struct rt_tcb *tcb, int64_t ret)
{
	rt_ub_write64(&rt_tbuf(tcb)->ret, (uint64_t)ret);
}
