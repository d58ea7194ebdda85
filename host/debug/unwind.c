/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Call frame information, as the x86-64 ABI and the Linux Standard Base (core, 10.6) have it: .eh_frame_hdr is searched for the function,
 * its CIE and FDE are run up to the instruction, the rules that come out of it give the caller's registers.
 *
 * The decoder knows what compilers and this project's assembly write: pointers relative to themselves or absolute, and the expressions of
 * __restore_rt. Everything else ends the list of frames. The tables are read from the enclave, and may be anything. So each record is copied
 * once into memory of our own, cursors carry their end, and loops are bounded by the size of what there is.
 */
#include <elf.h>
#include <string.h>
#include "errors.h"
#include "unwind.h"

#define RECORD_MAX 4096u
#define ROWS_MAX   8u       /* of DW_CFA_remember_state */
#define STACK_MAX  16u

struct cursor { const uint8_t *at, *end; bool bad; uint64_t base; };   /* base: address of `at` less `at` */

static uint64_t take(struct cursor *c, unsigned size)
{
	uint64_t value = 0;

	if (size > (size_t)(c->end - c->at)) {
		c->bad = true;
		c->at = c->end;
		return 0;
	}
	for (unsigned i = 0; i < size; i++)
		value |= (uint64_t)c->at[i] << 8 * i;
	c->at += size;
	return value;
}

/* DWARF's variable-length numbers. @is_signed: the highest bit that is there fills the rest. */
static uint64_t take_leb(struct cursor *c, bool is_signed)
{
	uint64_t value = 0, byte;
	unsigned shift = 0;

	do {
		byte = take(c, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80 && !c->bad);
	if (is_signed && shift < 64 && byte & 0x40)
		value |= ~0ull << shift;
	return value;
}

static uint64_t take_uleb(struct cursor *c)
{
	return take_leb(c, false);
}

static int64_t take_sleb(struct cursor *c)
{
	return (int64_t)take_leb(c, true);
}

static uint64_t take_pointer(struct cursor *c, uint8_t encoding)
{
	uint64_t here = c->base + (uint64_t)c->at, value;

	switch (encoding & 0x0f) {
	case 0x00: case 0x04: case 0x0c: value = take(c, 8); break;
	case 0x03: value = take(c, 4); break;
	case 0x0b: value = (uint64_t)(int64_t)(int32_t)take(c, 4); break;
	default: c->bad = true; return 0;
	}
	if ((encoding & 0x70) == 0x10)
		return here + value;
	c->bad |= (encoding & 0x70) != 0;
	return value;
}

/* ---- which record ------------------------------------------------------------------------------------------------------ */

int debug_unwind_begin(struct debug_unwinder *u, debug_reader *read, uint64_t elf)
{
	struct { uint8_t version, pointer, count, table; int32_t frames; uint32_t entries; } head;
	Elf64_Ehdr eh;

	*u = (struct debug_unwinder) { .read = read };
	if (!read(elf, &eh, sizeof eh) || memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_phentsize != sizeof(Elf64_Phdr))
		return OM_EIMAGE;
	for (uint32_t i = 0; i < eh.e_phnum; i++) {
		Elf64_Phdr ph;

		if (read(elf + eh.e_phoff + i * sizeof ph, &ph, sizeof ph) && ph.p_type == PT_GNU_EH_FRAME)
			u->header = ph.p_vaddr;
	}
	if (!u->header || !read(u->header, &head, sizeof head) || head.version != 1 || head.pointer != 0x1b || head.count != 0x03 || head.table != 0x3b)
		return OM_EIMAGE;
	u->count = head.entries;
	return 0;
}

/* Address of the FDE of the last function that begins at or before `pc`; 0: none. */
static uint64_t find_fde(const struct debug_unwinder *u, uint64_t pc)
{
	uint32_t low = 0, high = u->count;
	int32_t entry[2] = { 0 };

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (!u->read(u->header + 12 + 8ull * middle, entry, sizeof entry))
			return 0;
		if (u->header + (uint64_t)(int64_t)entry[0] <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	return low && u->read(u->header + 12 + 8ull * (low - 1), entry, sizeof entry) ? u->header + (uint64_t)(int64_t)entry[1] : 0;
}

struct record { uint8_t bytes[RECORD_MAX]; struct cursor c; };

/* The body of a CIE or FDE, behind its length. */
static bool read_record(const struct debug_unwinder *u, uint64_t address, struct record *r)
{
	uint32_t length;

	if (!u->read(address, &length, sizeof length) || length < 4 || length > sizeof r->bytes || !u->read(address + 4, r->bytes, length))
		return false;
	r->c = (struct cursor) { r->bytes, r->bytes + length, false, address + 4 - (uint64_t)r->bytes };
	return true;
}

struct cie {
	uint64_t code_factor, return_register;
	int64_t data_factor;
	uint8_t pointers;
	bool augmented, signal;
};

static bool read_cie(struct cursor *c, struct cie *ret)
{
	uint8_t version;
	const char *augmentation;
	struct cursor data;
	uint64_t length;

	*ret = (struct cie) { 0 };
	if (take(c, 4) != 0)
		return false;
	version = (uint8_t)take(c, 1);
	augmentation = (const char *)c->at;
	if ((version != 1 && version != 3) || !memchr(c->at, 0, (size_t)(c->end - c->at)))
		return false;
	c->at += strlen(augmentation) + 1;
	ret->code_factor = take_uleb(c);
	ret->data_factor = take_sleb(c);
	ret->return_register = version == 1 ? take(c, 1) : take_uleb(c);
	if (*augmentation == 0)
		return !c->bad;
	if (*augmentation++ != 'z')
		return false;
	ret->augmented = true;
	length = take_uleb(c);
	if (c->bad || length > (uint64_t)(c->end - c->at))
		return false;
	data = *c;
	data.end = c->at + length;
	c->at += length;
	for (; *augmentation; augmentation++)
		switch (*augmentation) {
		case 'R': ret->pointers = (uint8_t)take(&data, 1); break;
		case 'P': {
			uint8_t encoding = (uint8_t)take(&data, 1);

			(void)take_pointer(&data, encoding & 0x7f);
			break;
		}
		case 'L': (void)take(&data, 1); break;
		case 'S': ret->signal = true; break;
		default: return false;
		}
	return !data.bad;
}

/* ---- rules ------------------------------------------------------------------------------------------------------------- */

enum rule_kind { SAME, UNDEFINED, AT_OFFSET, IS_OFFSET, IN_REGISTER, AT_EXPRESSION, IS_EXPRESSION };
struct rule { enum rule_kind kind; int64_t value; const uint8_t *code; size_t size; };
struct row {
	struct rule cfa;            /* IS_OFFSET: register in cfa_register; or IS_EXPRESSION */
	uint64_t cfa_register;
	struct rule of[DEBUG_REGISTERS];
};

static void set_rule(struct row *row, uint64_t which, struct rule rule)
{
	if (which < DEBUG_REGISTERS)
		row->of[which] = rule;
}

static struct rule expression(struct cursor *c, enum rule_kind kind)
{
	uint64_t size = take_uleb(c);
	struct rule rule = { kind, 0, c->at, size };

	if (size > (uint64_t)(c->end - c->at)) {
		c->bad = true;
		return (struct rule) { UNDEFINED, 0, NULL, 0 };
	}
	c->at += size;
	return rule;
}

/* Whatever the record says: offsets wrap around. */
static int64_t scaled(uint64_t value, const struct cie *cie)
{
	return (int64_t)(value * (uint64_t)cie->data_factor);
}

struct machine { struct row row, initial, saved[ROWS_MAX]; unsigned depth; uint64_t location; };

static bool run_long(struct machine *m, struct cursor *c, const struct cie *cie, uint8_t op)
{
	uint64_t which;

	switch (op) {
	case 0x00: return true;                                                        /* nop */
	case 0x01: m->location = take_pointer(c, cie->pointers); return true;          /* set_loc */
	case 0x02: m->location += take(c, 1) * cie->code_factor; return true;          /* advance_loc1, 2, 4 */
	case 0x03: m->location += take(c, 2) * cie->code_factor; return true;
	case 0x04: m->location += take(c, 4) * cie->code_factor; return true;
	case 0x05:                                                                     /* offset_extended */
		which = take_uleb(c);
		set_rule(&m->row, which, (struct rule) { AT_OFFSET, scaled(take_uleb(c), cie), NULL, 0 });
		return true;
	case 0x06:                                                                     /* restore_extended */
		which = take_uleb(c);
		if (which < DEBUG_REGISTERS)
			m->row.of[which] = m->initial.of[which];
		return true;
	case 0x07: set_rule(&m->row, take_uleb(c), (struct rule) { UNDEFINED, 0, NULL, 0 }); return true;
	case 0x08: set_rule(&m->row, take_uleb(c), (struct rule) { SAME, 0, NULL, 0 }); return true;
	case 0x09:                                                                     /* register */
		which = take_uleb(c);
		set_rule(&m->row, which, (struct rule) { IN_REGISTER, (int64_t)take_uleb(c), NULL, 0 });
		return true;
	case 0x0a:                                                                     /* remember_state */
		if (m->depth == ROWS_MAX)
			return false;
		m->saved[m->depth++] = m->row;
		return true;
	case 0x0b:                                                                     /* restore_state */
		if (m->depth == 0)
			return false;
		m->row = m->saved[--m->depth];
		return true;
	case 0x0c:                                                                     /* def_cfa */
		m->row.cfa_register = take_uleb(c);
		m->row.cfa = (struct rule) { IS_OFFSET, (int64_t)take_uleb(c), NULL, 0 };
		return true;
	case 0x0d: m->row.cfa_register = take_uleb(c); return true;
	case 0x0e: m->row.cfa = (struct rule) { IS_OFFSET, (int64_t)take_uleb(c), NULL, 0 }; return true;
	case 0x0f: m->row.cfa = expression(c, IS_EXPRESSION); return true;
	case 0x10: which = take_uleb(c); set_rule(&m->row, which, expression(c, AT_EXPRESSION)); return true;
	case 0x11:                                                                     /* offset_extended_sf */
		which = take_uleb(c);
		set_rule(&m->row, which, (struct rule) { AT_OFFSET, scaled((uint64_t)take_sleb(c), cie), NULL, 0 });
		return true;
	case 0x12:                                                                     /* def_cfa_sf */
		m->row.cfa_register = take_uleb(c);
		m->row.cfa = (struct rule) { IS_OFFSET, scaled((uint64_t)take_sleb(c), cie), NULL, 0 };
		return true;
	case 0x13: m->row.cfa = (struct rule) { IS_OFFSET, scaled((uint64_t)take_sleb(c), cie), NULL, 0 }; return true;
	case 0x14:                                                                     /* val_offset */
		which = take_uleb(c);
		set_rule(&m->row, which, (struct rule) { IS_OFFSET, scaled(take_uleb(c), cie), NULL, 0 });
		return true;
	case 0x16: which = take_uleb(c); set_rule(&m->row, which, expression(c, IS_EXPRESSION)); return true;
	case 0x2e: (void)take_uleb(c); return true;                                    /* GNU_args_size */
	default: return false;
	}
}

/* Up to the row of `pc`. */
static bool run(struct machine *m, struct cursor *c, const struct cie *cie, uint64_t pc)
{
	while (c->at < c->end && !c->bad) {
		uint8_t op = (uint8_t)take(c, 1), low = op & 0x3f;

		switch (op >> 6) {
		case 1: m->location += low * cie->code_factor; break;
		case 2: set_rule(&m->row, low, (struct rule) { AT_OFFSET, scaled(take_uleb(c), cie), NULL, 0 }); break;
		case 3:
			if (low < DEBUG_REGISTERS)
				m->row.of[low] = m->initial.of[low];
			break;
		default:
			if (!run_long(m, c, cie, op))
				return false;
		}
		if (m->location > pc)
			return true;
	}
	return !c->bad;
}

/* ---- what they give ---------------------------------------------------------------------------------------------------- */

static bool evaluate(const struct debug_unwinder *u, const struct debug_frame *f, const struct rule *rule, uint64_t start, uint64_t *ret)
{
	struct cursor c = { rule->code, rule->code + rule->size, false, 0 };
	uint64_t stack[STACK_MAX] = { start };
	unsigned n = 1;

	while (c.at < c.end && !c.bad) {
		uint8_t op = (uint8_t)take(&c, 1);

		if (n == STACK_MAX)
			return false;
		if (op >= 0x30 && op <= 0x4f)                                          /* lit */
			stack[n++] = op - 0x30u;
		else if (op >= 0x70 && op <= 0x70 + DEBUG_RIP) {                       /* breg */
			if (!(f->known & 1u << (op - 0x70)))
				return false;
			stack[n++] = f->r[op - 0x70] + (uint64_t)take_sleb(&c);
		} else if (op == 0x06) {                                               /* deref */
			if (!n || !u->read(stack[n - 1], &stack[n - 1], 8))
				return false;
		} else if (op == 0x08)
			stack[n++] = take(&c, 1);
		else if (op == 0x09)
			stack[n++] = (uint64_t)(int64_t)(int8_t)take(&c, 1);
		else if (op == 0x0a)
			stack[n++] = take(&c, 2);
		else if (op == 0x0c)
			stack[n++] = take(&c, 4);
		else if (op == 0x10)
			stack[n++] = take_uleb(&c);
		else if (op == 0x11)
			stack[n++] = (uint64_t)take_sleb(&c);
		else if (op == 0x23 && n) {                                            /* plus_uconst */
			stack[n - 1] += take_uleb(&c);
		} else if ((op == 0x22 || op == 0x1c || op == 0x1a) && n > 1) {        /* plus, minus, and */
			n--;
			stack[n - 1] = op == 0x22 ? stack[n - 1] + stack[n] : op == 0x1c ? stack[n - 1] - stack[n] : stack[n - 1] & stack[n];
		} else
			return false;
	}
	if (c.bad || !n)
		return false;
	*ret = stack[n - 1];
	return true;
}

static void apply(const struct debug_unwinder *u, const struct debug_frame *f, const struct row *row, uint64_t cfa, unsigned which,
	struct debug_frame *next)
{
	const struct rule *rule = &row->of[which];
	uint64_t value = f->r[which], at;
	bool known = f->known & 1u << which;

	switch (rule->kind) {
	case SAME: known &= which != DEBUG_RIP; break;
	case UNDEFINED: known = false; break;
	case AT_OFFSET: known = u->read(cfa + (uint64_t)rule->value, &value, 8); break;
	case IS_OFFSET: value = cfa + (uint64_t)rule->value; known = true; break;
	case IN_REGISTER:
		known = (uint64_t)rule->value < DEBUG_REGISTERS && f->known & 1u << rule->value;
		value = known ? f->r[rule->value] : 0;
		break;
	case AT_EXPRESSION: known = evaluate(u, f, rule, cfa, &at) && u->read(at, &value, 8); break;
	case IS_EXPRESSION: known = evaluate(u, f, rule, cfa, &value); break;
	}
	next->r[which] = value;
	next->known |= known ? 1u << which : 0;
}

static bool leave(const struct debug_unwinder *u, struct debug_frame *f, const struct row *row, const struct cie *cie)
{
	struct debug_frame next = { .exact = cie->signal };
	uint64_t cfa;

	if (row->cfa.kind == IS_EXPRESSION) {
		if (!evaluate(u, f, &row->cfa, 0, &cfa))
			return false;
	} else {
		if (row->cfa_register >= DEBUG_REGISTERS || !(f->known & 1u << row->cfa_register))
			return false;
		cfa = f->r[row->cfa_register] + (uint64_t)row->cfa.value;
	}
	for (unsigned i = 0; i < DEBUG_REGISTERS; i++)
		apply(u, f, row, cfa, i, &next);
	if (row->of[DEBUG_RSP].kind == SAME) {
		next.r[DEBUG_RSP] = cfa;
		next.known |= 1u << DEBUG_RSP;
	}
	if (cie->return_register != DEBUG_RIP || !(next.known & 1u << DEBUG_RIP) || !next.r[DEBUG_RIP])
		return false;
	*f = next;
	return true;
}

bool debug_unwind(const struct debug_unwinder *u, struct debug_frame *f)
{
	const uint64_t pc = f->r[DEBUG_RIP] - !f->exact;
	uint64_t fde_at = find_fde(u, pc), begin, length;
	struct machine m = { 0 };
	struct record cie_record, fde_record;
	struct cursor *c = &fde_record.c;
	struct cie cie;
	uint32_t back;

	if (!fde_at || !read_record(u, fde_at, &fde_record))
		return false;
	back = (uint32_t)take(c, 4);
	if (!back || !read_record(u, fde_at + 4 - back, &cie_record) || !read_cie(&cie_record.c, &cie))
		return false;
	begin = take_pointer(c, cie.pointers);
	length = take_pointer(c, cie.pointers & 0x0f);
	if (cie.augmented) {
		uint64_t skip = take_uleb(c);

		if (skip > (uint64_t)(c->end - c->at))
			return false;
		c->at += skip;
	}
	if (c->bad || pc < begin || pc - begin >= length)
		return false;
	m.location = 0;
	if (!run(&m, &cie_record.c, &cie, UINT64_MAX))
		return false;
	m.initial = m.row;
	m.location = begin;
	return run(&m, c, &cie, pc) && leave(u, f, &m.row, &cie);
}
