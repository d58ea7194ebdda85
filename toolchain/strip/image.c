/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What optmig-strip and optmig-objcopy do to an image. strip(1) writes the section headers somewhere else, and drops bytes that belong to
 * no section: the interpreter's path and the signature. But the ELF header is measured, and with it the place and number of the section headers
 * (cc/image.c has the layout). So here an image keeps all section headers, and what is stripped becomes empty:
 *
 *     loaded segments | interpreter's path | section headers | what stays: signature, names, perhaps symbols
 *
 * The image is still the same enclave with the same signature: no key is needed.
 */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "strip/image.h"

/* A table of sections with names, or NULL. */
static Elf64_Shdr *sections_of(const struct cc_elf *elf, Elf64_Ehdr *ret_header)
{
	Elf64_Ehdr *eh = ret_header;
	if (elf->size < sizeof *eh) return NULL;
	memcpy(eh, elf->data, sizeof *eh);
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_type != ET_EXEC || eh->e_shentsize != sizeof(Elf64_Shdr) ||
		eh->e_shoff > elf->size || (uint64_t)eh->e_shnum * sizeof(Elf64_Shdr) > elf->size - eh->e_shoff || eh->e_shstrndx >= eh->e_shnum) return NULL;
	Elf64_Shdr *table = cc_alloc(eh->e_shnum * sizeof *table);
	memcpy(table, elf->data + eh->e_shoff, eh->e_shnum * sizeof *table);
	for (unsigned i = 0; i < eh->e_shnum; i++)
		if (table[i].sh_type != SHT_NOBITS && (table[i].sh_offset > elf->size || table[i].sh_size > elf->size - table[i].sh_offset)) return NULL;
	return table;
}

static const char *name_of(const struct cc_elf *elf, const Elf64_Ehdr *eh, const Elf64_Shdr *table, unsigned i)
{
	const Elf64_Shdr *names = &table[eh->e_shstrndx];
	const char *name = elf->data + names->sh_offset + table[i].sh_name;
	return table[i].sh_name < names->sh_size && memchr(name, 0, names->sh_size - table[i].sh_name) ? name : "";
}

bool strip_is_image(const struct cc_elf *elf)
{
	Elf64_Ehdr eh;
	const Elf64_Shdr *table = sections_of(elf, &eh);
	for (unsigned i = 0; table && i < eh.e_shnum; i++)
		if (strcmp(name_of(elf, &eh, table, i), ".optmig.sigstruct") == 0) return true;
	return false;
}

void strip_unguard(struct cc_elf *elf)
{
	Elf64_Ehdr eh;
	Elf64_Shdr *table = sections_of(elf, &eh);
	for (unsigned i = 0; table && i < eh.e_shnum; i++) {
		if (!(table[i].sh_flags & SHF_LINK_ORDER)) continue;
		table[i].sh_flags &= ~(Elf64_Xword)SHF_LINK_ORDER;
		table[i].sh_link = 0;
	}
	if (table) memcpy(elf->data + eh.e_shoff, table, eh.e_shnum * sizeof *table);
}

static bool goes(bool debug_only, const char *name)
{
	if (starts_with(name, ".debug") || starts_with(name, ".zdebug") || starts_with(name, ".gdb_index")) return true;
	if (debug_only) return false;
	return strcmp(name, ".symtab") == 0 || strcmp(name, ".strtab") == 0 || strcmp(name, ".comment") == 0;
}

static void empty_sections(struct cc_elf *elf, bool debug_only)
{
	Elf64_Ehdr eh;
	const Elf64_Shdr *old = sections_of(elf, &eh);
	Elf64_Shdr *table = sections_of(elf, &eh);
	uint64_t at = eh.e_shoff + eh.e_shnum * sizeof *table;
	char *out = cc_alloc(elf->size + 64u * eh.e_shnum);
	memcpy(out, elf->data, at);
	for (unsigned i = 0; i < eh.e_shnum; i++) {
		Elf64_Shdr *s = &table[i];
		uint64_t align = s->sh_addralign > 1 && s->sh_addralign <= 64 ? s->sh_addralign : 1;
		if ((s->sh_flags & SHF_ALLOC) || s->sh_type == SHT_NULL || s->sh_type == SHT_NOBITS) continue;
		if (s->sh_offset < eh.e_shoff) continue; /* the interpreter's path */
		if (goes(debug_only, name_of(elf, &eh, old, i))) {
			s->sh_size = s->sh_type == SHT_STRTAB; /* without the empty name others take it for damaged; it is there, as zeros */
			s->sh_info = 0;
			s->sh_offset = at;
			at += s->sh_size;
			continue;
		}
		at = (at + align - 1) & ~(align - 1);
		memcpy(out + at, elf->data + s->sh_offset, s->sh_size);
		s->sh_offset = at;
		at += s->sh_size;
	}
	memcpy(out + eh.e_shoff, table, eh.e_shnum * sizeof *table);
	elf->data = out;
	elf->size = at;
}

int strip_failed(const char *path, const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", strip_name, path, what);
	return 1;
}

/* Another file under the same name: the old one may be running. */
static int replace(const struct cc_elf *elf, const char *output, const struct stat *status, bool dates)
{
	char *temporary = cc_format("%s.XXXXXX", output);
	const struct timespec times[2] = {status->st_atim, status->st_mtim};
	int fd = mkstemp(temporary);
	if (fd < 0) return strip_failed(output, strerror(errno));
	FILE *f = fdopen(fd, "wb");
	bool good = f && fwrite(elf->data, 1, elf->size, f) == elf->size && fflush(f) == 0 && fchmod(fd, status->st_mode & 07777) == 0;
	if (good && geteuid() == 0) good = fchown(fd, status->st_uid, status->st_gid) == 0;
	if (good && dates) good = futimens(fd, times) == 0;
	if (f ? fclose(f) : close(fd)) good = false;
	if (good && rename(temporary, output) == 0) return 0;
	int code = errno;
	(void)unlink(temporary);
	return strip_failed(output, strerror(code));
}

int strip_image(struct cc_elf *elf, const struct strip_request *request)
{
	struct stat status;
	if (stat(elf->path, &status)) return strip_failed(elf->path, strerror(errno));
	if (request->what != STRIP_NOTHING) empty_sections(elf, request->what == STRIP_DEBUG);
	return replace(elf, request->output ? request->output : elf->path, &status, request->dates);
}
