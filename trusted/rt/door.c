/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one door to untrusted memory. The host may map a device there. A read or write of less than a word could then take in, or
 * expose, what another domain left in the CPU's buffers (INTEL-SA-00615, INTEL-SA-00657). So the rule for every access from inside is:
 *
 *     its address and its length are multiples of 8, and each byte is read once
 *
 * A vector register's 16 to 64 bytes at such an address are whole words too, wherever a cache line ends. Bulk copies are MOVSQ: MOVSB
 * may be carried out in any pieces. Ranges that do not begin or end at a word are widened to it; the extra bytes are of the same
 * tbuf (its size and its parts are multiples of 16) and nobody's secret.
 *
 * Three parts access untrusted memory: this file, rt_copy_try (boot/copy.S) on behalf of appmem.c, and the cipher. The cipher seals page
 * frames and blocks of encrypted files straight into a transfer buffer, and opens them straight from it (engine/export.c, import.c, postcopy.c,
 * io/vault_device.c). The lengths of these are multiples of 16, and no other frame is handled so. tests/unit/rt/test_words.c watches each
 * of the three instruction by instruction.
 */
#include "rt/internal.h"

#define REP_WORDS 64u

typedef uint64_t word __attribute__((__aligned__(1), __may_alias__));

bool rt_untrusted_ok(const RT_UNTRUSTED void *untrusted, size_t size)
{
	uint64_t begin = (uint64_t)untrusted, end = begin + size;
	uint64_t low = OM_ELRANGE_BASE, high = low + rt_image->elrange_size;

	return end >= begin && (end <= low || begin >= high);
}

bool rt_tbuf_ok(const RT_UNTRUSTED struct om_tbuf *tbuf, uint64_t size)
{
	return ((uint64_t)tbuf & (OM_PAGE_SIZE - 1)) == 0 && (size & 15) == 0 && size >= OM_TBUF_SIZE_MIN && size <= OM_TBUF_SIZE_MAX &&
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

RT_UNTRUSTED void *rt_ub_alloc(size_t size)
{
	struct rt_tcb *tcb = rt_self();
	uint64_t *used = used_of(tcb), left = data_size(tcb) - *used;
	RT_UNTRUSTED char *at = (RT_UNTRUSTED char *)rt_tbuf(tcb) + OM_TBUF_DATA + *used;

	if (size > left)
		return NULL;
	*used += (size + 15) & ~15ULL; /* the data size is a multiple of 16: rt_tbuf_ok */
	return at;
}

RT_UNTRUSTED uint64_t *rt_ub_last_word(void)
{
	struct rt_tcb *tcb = rt_self();

	return (RT_UNTRUSTED uint64_t *)((RT_UNTRUSTED char *)rt_tbuf(tcb) + OM_TBUF_DATA + data_size(tcb)) - 1;
}

size_t rt_ub_left(void)
{
	struct rt_tcb *tcb = rt_self();

	return data_size(tcb) - *used_of(tcb);
}

static void check(const RT_UNTRUSTED void *untrusted, size_t size)
{
	if (RT_UNLIKELY(!rt_untrusted_ok(untrusted, size)))
		rt_fatal(OM_EINTERNAL, "an address inside the enclave was taken for untrusted memory");
}

/* One of the two lies in untrusted memory, at a multiple of 8. */
static void copy_words(void *to, const void *from, size_t count)
{
	if (count >= REP_WORDS) {
		__asm__ volatile ("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
		return;
	}
	for (size_t i = 0; i < count; i++)
		((volatile word *)to)[i] = ((const volatile word *)from)[i];
}

/* Replaces bytes [from, to) of the aligned word. */
static void merge_word(RT_UNTRUSTED uint64_t *word, const uint8_t *bytes, unsigned from, unsigned to)
{
	uint64_t value = rt_ub_read64(word);

	for (unsigned i = from; i < to; i++)
		value = (value & ~(0xffULL << (8 * i))) | (uint64_t)*bytes++ << (8 * i);
	rt_ub_write64(word, value);
}

void rt_ub_put(RT_UNTRUSTED void *untrusted, const void *trusted, size_t size)
{
	const uint8_t *from = trusted;
	uint64_t at = (uint64_t)untrusted;
	unsigned skew = at & 7;

	check(untrusted, size);
	if (size == 0)
		return;
	if (skew) {
		unsigned end = size < 8 - skew ? skew + (unsigned)size : 8;
		merge_word((RT_UNTRUSTED uint64_t *)(at - skew), from, skew, end);
		from += end - skew;
		size -= end - skew;
		at += end - skew;
	}
	copy_words((void *)at, from, size / 8);
	if (size & 7)
		merge_word((RT_UNTRUSTED uint64_t *)(at + (size & ~7ULL)), from + (size & ~7ULL), 0, size & 7);
}

static void split_word(const RT_UNTRUSTED uint64_t *word, uint8_t *bytes, unsigned from, unsigned to)
{
	uint64_t value = rt_ub_read64(word);

	for (unsigned i = from; i < to; i++)
		*bytes++ = (uint8_t)(value >> (8 * i));
}

void rt_ub_get(void *trusted, const RT_UNTRUSTED void *untrusted, size_t size)
{
	uint8_t *to = trusted;
	uint64_t at = (uint64_t)untrusted;
	unsigned skew = at & 7;

	check(untrusted, size);
	if (size == 0)
		return;
	if (skew) {
		unsigned end = size < 8 - skew ? skew + (unsigned)size : 8;
		split_word((const RT_UNTRUSTED uint64_t *)(at - skew), to, skew, end);
		to += end - skew;
		size -= end - skew;
		at += end - skew;
	}
	copy_words(to, (const void *)at, size / 8);
	if (size & 7)
		split_word((const RT_UNTRUSTED uint64_t *)(at + (size & ~7ULL)), to + (size & ~7ULL), 0, size & 7);
	__asm__ volatile ("" : : : "memory");
}

void rt_tbuf_finish(struct rt_tcb *tcb, enum om_exit how, const uint64_t *arg, unsigned count)
{
	RT_UNTRUSTED struct om_tbuf *tbuf = rt_tbuf(tcb);

	for (unsigned i = 0; i < count; i++)
		rt_ub_write64(&tbuf->arg[i], arg[i]);
	rt_ub_write64(&tbuf->exit, how); /* and op = 0 */
}

void rt_tbuf_set_ret(struct rt_tcb *tcb, int64_t ret)
{
	rt_ub_write64(&rt_tbuf(tcb)->ret, (uint64_t)ret);
}
