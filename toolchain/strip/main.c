/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optmig-strip: strip for images; objects, archives and everything else go to llvm-strip.
 *
 * strip(1) writes the section headers somewhere else and drops what it takes for no section: the interpreter's path and the
 * signature. But the ELF header is measured, and with it where the section headers are and how many (cc/image.c has the
 * layout). So here an image keeps all of them, and what is stripped becomes empty:
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
#include "cc/cc.h"

#define STRIP "llvm-strip-19"

struct arguments {
	struct strv options, files;
	const char *output;
	bool debug_only, dates;
};

static int failed(const char *path, const char *what)
{
	fprintf(stderr, "optmig-strip: %s: %s\n", path, what);
	return 1;
}

/* Options whose value is the next word. */
static bool takes_value(const char *word)
{
	static const char *const words[] = {"-o", "-K", "-N", "-R", "-F", "-I", "-O", "--keep-symbol", "--strip-symbol", "--remove-section",
		"--keep-section", "--output-target", "--input-target", "--target"};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(word, words[i]) == 0) return true;
	return false;
}

static bool is_one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0) return true;
	return false;
}

static int parse(int argc, char **argv, struct arguments *a)
{
	static const char *const debug[] = {"-g", "-S", "-d", "--strip-debug", NULL}, *const dates[] = {"-p", "--preserve-dates", NULL};
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		if (word[0] != '-' || !word[1]) { strv_add(&a->files, word); continue; }
		if (takes_value(word) && i + 1 == argc) return failed(word, "needs a value");
		if (strcmp(word, "-o") == 0) { a->output = argv[++i]; continue; }
		a->debug_only |= is_one_of(word, debug);
		a->dates |= is_one_of(word, dates);
		strv_add(&a->options, word);
		if (takes_value(word)) strv_add(&a->options, argv[++i]);
	}
	return 0;
}

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

static bool is_image(const struct cc_elf *elf)
{
	Elf64_Ehdr eh;
	const Elf64_Shdr *table = sections_of(elf, &eh);
	for (unsigned i = 0; table && i < eh.e_shnum; i++)
		if (strcmp(name_of(elf, &eh, table, i), ".optmig.sigstruct") == 0) return true;
	return false;
}

static bool goes(const struct arguments *a, const char *name)
{
	if (starts_with(name, ".debug") || starts_with(name, ".zdebug") || starts_with(name, ".gdb_index")) return true;
	if (a->debug_only) return false;
	return strcmp(name, ".symtab") == 0 || strcmp(name, ".strtab") == 0 || strcmp(name, ".comment") == 0;
}

static void empty_sections(struct cc_elf *elf, const struct arguments *a)
{
	Elf64_Ehdr eh;
	Elf64_Shdr *table = sections_of(elf, &eh);
	uint64_t at = eh.e_shoff + eh.e_shnum * sizeof *table;
	char *out = cc_alloc(elf->size + 64u * eh.e_shnum);
	memcpy(out, elf->data, at);
	for (unsigned i = 0; i < eh.e_shnum; i++) {
		Elf64_Shdr *s = &table[i];
		uint64_t align = s->sh_addralign > 1 && s->sh_addralign <= 64 ? s->sh_addralign : 1;
		if ((s->sh_flags & SHF_ALLOC) || s->sh_type == SHT_NULL || s->sh_type == SHT_NOBITS) continue;
		if (goes(a, name_of(elf, &eh, table, i))) { s->sh_size = s->sh_info = 0; s->sh_offset = at; continue; }
		at = (at + align - 1) & ~(align - 1);
		memcpy(out + at, elf->data + s->sh_offset, s->sh_size);
		s->sh_offset = at;
		at += s->sh_size;
	}
	memcpy(out + eh.e_shoff, table, eh.e_shnum * sizeof *table);
	elf->data = out;
	elf->size = at;
}

/* Another file under the same name: the old one may be running. */
static int replace(const struct cc_elf *elf, const char *output, const struct stat *status, bool dates)
{
	char *temporary = cc_format("%s.XXXXXX", output);
	const struct timespec times[2] = {status->st_atim, status->st_mtim};
	int fd = mkstemp(temporary);
	if (fd < 0) return failed(output, strerror(errno));
	FILE *f = fdopen(fd, "wb");
	bool good = f && fwrite(elf->data, 1, elf->size, f) == elf->size && fflush(f) == 0 && fchmod(fd, status->st_mode & 07777) == 0;
	if (good && geteuid() == 0) good = fchown(fd, status->st_uid, status->st_gid) == 0;
	if (good && dates) good = futimens(fd, times) == 0;
	if (f ? fclose(f) : close(fd)) good = false;
	if (good && rename(temporary, output) == 0) return 0;
	int code = errno;
	(void)unlink(temporary);
	return failed(output, strerror(code));
}

static int strip_image(struct cc_elf *elf, const struct arguments *a)
{
	struct stat status;
	if (stat(elf->path, &status)) return failed(elf->path, strerror(errno));
	empty_sections(elf, a);
	return replace(elf, a->output ? a->output : elf->path, &status, a->dates);
}

static int strip_other(const char *file, const struct arguments *a)
{
	struct strv command = {0};
	strv_add(&command, STRIP);
	strv_extend(&command, &a->options);
	if (a->output) { strv_add(&command, "-o"); strv_add(&command, a->output); }
	if (file) strv_add(&command, file);
	if (file) return cc_run(&command, false);
	cc_exec(&command, false);
}

int main(int argc, char **argv)
{
	struct arguments a = {0};
	int status = 0;
	if (parse(argc, argv, &a)) return 1;
	if (!a.files.count) return strip_other(NULL, &a); /* --version and the like */
	if (a.output && a.files.count > 1) return failed(a.output, "-o names the result of one file");
	for (size_t i = 0; i < a.files.count; i++) {
		struct cc_elf elf = {.path = a.files.item[i]};
		elf.data = cc_read_file(elf.path, &elf.size);
		if ((elf.data && is_image(&elf) ? strip_image(&elf, &a) : strip_other(elf.path, &a)) != 0) status = 1;
	}
	return status;
}
