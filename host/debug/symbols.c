/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .symtab of an ELF file: its functions, and the labels in code that assembly leaves without a type. Where several names stand at one
 * address, a function's goes before a label's, and a global name before a local one.
 */
#include <elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "errors.h"
#include "symbols.h"

struct table { const Elf64_Sym *symbols; size_t count; const char *names; uint64_t names_size; };

static bool inside(uint64_t size, uint64_t offset, uint64_t length)
{
	return offset <= size && length <= size - offset;
}

static const Elf64_Shdr *section(const uint8_t *file, uint64_t size, const Elf64_Ehdr *eh, uint64_t index)
{
	const Elf64_Shdr *s = (const Elf64_Shdr *)(file + eh->e_shoff) + index;

	return index < eh->e_shnum && (s->sh_type == SHT_NOBITS || inside(size, s->sh_offset, s->sh_size)) ? s : NULL;
}

/* Return: 0 with an empty table if there is none. */
static int find_table(const uint8_t *file, uint64_t size, struct table *ret)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)file;

	*ret = (struct table) { 0 };
	if (size < sizeof *eh || memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != ELFCLASS64)
		return OM_EIMAGE;
	if (!eh->e_shnum)
		return 0;
	if (eh->e_shoff % 8 || eh->e_shentsize != sizeof(Elf64_Shdr) || !inside(size, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(Elf64_Shdr)))
		return OM_EIMAGE;
	for (uint32_t i = 0; i < eh->e_shnum; i++) {
		const Elf64_Shdr *s = section(file, size, eh, i), *names = s && s->sh_type == SHT_SYMTAB ? section(file, size, eh, s->sh_link) : NULL;

		if (!s || (s->sh_type == SHT_SYMTAB && (!names || names->sh_type != SHT_STRTAB || s->sh_offset % 8 || !names->sh_size || file[names->sh_offset + names->sh_size - 1])))
			return OM_EIMAGE;
		if (names)
			*ret = (struct table) { (const Elf64_Sym *)(file + s->sh_offset), s->sh_size / sizeof(Elf64_Sym),
				(const char *)file + names->sh_offset, names->sh_size };
	}
	return 0;
}

static bool in_code(const uint8_t *file, uint64_t size, uint16_t index)
{
	const Elf64_Shdr *s = section(file, size, (const Elf64_Ehdr *)file, index);

	return s && s->sh_flags & SHF_EXECINSTR;
}

static bool wanted(const uint8_t *file, uint64_t size, const struct table *t, const Elf64_Sym *s)
{
	unsigned type = ELF64_ST_TYPE(s->st_info);

	return (type == STT_FUNC || type == STT_NOTYPE) && s->st_shndx != SHN_UNDEF && s->st_shndx < SHN_LORESERVE && s->st_name < t->names_size &&
		t->names[s->st_name] && t->names[s->st_name] != '$' && in_code(file, size, s->st_shndx);
}

/* Lower is better. */
static unsigned rank(const Elf64_Sym *s)
{
	return (ELF64_ST_TYPE(s->st_info) == STT_FUNC ? 0 : 2) + (ELF64_ST_BIND(s->st_info) == STB_LOCAL);
}

static int by_address(const void *x, const void *y)
{
	const Elf64_Sym *a = *(const Elf64_Sym *const *)x, *b = *(const Elf64_Sym *const *)y;

	if (a->st_value != b->st_value)
		return a->st_value < b->st_value ? -1 : 1;
	return rank(a) != rank(b) ? (rank(a) < rank(b) ? -1 : 1) : a->st_name < b->st_name ? -1 : 1;
}

static void fill(struct debug_symbols *ret, const Elf64_Sym *const *sorted, size_t count, const struct table *t)
{
	for (size_t i = 0; i < count; i++) {
		if (ret->count && ret->list[ret->count - 1].address == sorted[i]->st_value)
			continue;
		ret->list[ret->count++] = (struct debug_symbol) { sorted[i]->st_value, sorted[i]->st_size, ret->names + sorted[i]->st_name };
	}
	memcpy(ret->names, t->names, t->names_size);
	for (size_t i = 0; i < ret->count; i++) {
		struct debug_symbol *s = &ret->list[i];
		uint64_t room = i + 1 < ret->count ? ret->list[i + 1].address - s->address : UINT64_MAX - s->address;

		if (s->size > room || (!s->size && i + 1 < ret->count))
			s->size = room;
	}
}

int debug_symbols_read(const uint8_t *file, uint64_t size, struct debug_symbols *ret)
{
	struct debug_symbols made = { 0 };
	const Elf64_Sym **sorted;
	struct table t;
	size_t count = 0;
	int error = find_table(file, size, &t);

	if (error)
		return error;
	sorted = calloc(t.count + 1, sizeof *sorted);
	made.list = calloc(t.count + 1, sizeof *made.list);
	made.names = malloc(t.names_size + 1);
	if (!sorted || !made.list || !made.names) {
		free(sorted);
		debug_symbols_done(&made);
		return OM_ENOMEM;
	}
	for (size_t i = 0; i < t.count; i++)
		if (wanted(file, size, &t, &t.symbols[i]))
			sorted[count++] = &t.symbols[i];
	qsort(sorted, count, sizeof *sorted, by_address);
	if (count)
		fill(&made, sorted, count, &t);
	free(sorted);
	*ret = made;
	return 0;
}

void debug_symbols_done(struct debug_symbols *symbols)
{
	free(symbols->list);
	free(symbols->names);
	*symbols = (struct debug_symbols) { 0 };
}

const struct debug_symbol *debug_symbols_find(const struct debug_symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->list[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low && address - symbols->list[low - 1].address < symbols->list[low - 1].size ? &symbols->list[low - 1] : NULL;
}
