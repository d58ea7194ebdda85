/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Was everything that brings code compiled with the pass? Objects say so by a stamp section (abi/passrt.h). The
 * linker drops that section, so the objects themselves are read, those in archives too. The link map lists them. The runtime is
 * the one exception: it is trusted as a whole.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "map.h"
#include "passrt.h"

enum { WARN_MAX = 8 };

/* An archive or object that has been read; few, so a list. */
struct file { const char *path; char *data; size_t size; struct file *next; };

static struct file *load(struct file **files, const char *path)
{
	for (struct file *f = *files; f; f = f->next)
		if (strcmp(f->path, path) == 0) return f;
	struct file *f = cc_alloc(sizeof *f);
	f->path = path;
	f->data = cc_read_file(path, &f->size);
	f->next = *files;
	*files = f;
	return f;
}

static bool good_stamp(const char *at)
{
	struct om_stamp stamp;
	memcpy(&stamp, at, sizeof stamp);
	return stamp.magic == OM_STAMP_MAGIC && stamp.version == OM_PASSRT_VERSION && stamp.kind >= OM_STAMP_INSTRUMENTED &&
		stamp.kind <= OM_STAMP_ANNOTATED;
}

/* Names of source files among the symbols: one for each object that a compiler made. */
static size_t source_count(const char *data, size_t size, const Elf64_Shdr *symbols)
{
	size_t count = 0;
	if (symbols->sh_offset > size || symbols->sh_size > size - symbols->sh_offset) return 0;
	for (size_t at = 0; at + sizeof(Elf64_Sym) <= symbols->sh_size; at += sizeof(Elf64_Sym)) {
		Elf64_Sym symbol;
		memcpy(&symbol, data + symbols->sh_offset + at, sizeof symbol);
		count += ELF64_ST_TYPE(symbol.st_info) == STT_FILE;
	}
	return count;
}

/*
 * Does the relocatable object hold a stamp of this version? ld -r joins the stamps of several objects: all have to be good, and
 * there have to be as many as sources. (optmig-cc -r looks at each object itself.)
 */
static bool object_stamped(const char *data, size_t size)
{
	Elf64_Ehdr eh;
	size_t stamps = 0, sources = 0;
	if (size < sizeof eh) return false;
	memcpy(&eh, data, sizeof eh);
	if (memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_shentsize != sizeof(Elf64_Shdr) || eh.e_shoff > size) return false;
	for (size_t i = 0; i < eh.e_shnum && (i + 1) * sizeof(Elf64_Shdr) <= size - eh.e_shoff; i++) {
		Elf64_Shdr sh;
		memcpy(&sh, data + eh.e_shoff + i * sizeof sh, sizeof sh);
		if (sh.sh_type == SHT_SYMTAB) sources += source_count(data, size, &sh);
		if (sh.sh_type != SHT_PROGBITS || !(sh.sh_flags & SHF_EXCLUDE) || sh.sh_size < sizeof(struct om_stamp) ||
			sh.sh_offset > size || sh.sh_size > size - sh.sh_offset || memcmp(data + sh.sh_offset, &(unsigned){OM_STAMP_MAGIC}, 4)) continue;
		for (size_t at = 0; at + sizeof(struct om_stamp) <= sh.sh_size; at += sizeof(struct om_stamp), stamps++)
			if (!good_stamp(data + sh.sh_offset + at)) return false;
	}
	return stamps > 0 && stamps >= sources;
}

/* The names of a System V archive: short ones in the header, "/N" at offset N of the long-name table, where they end with "/\n". */
static const char *member_name(const char *header, const char *names, size_t names_size)
{
	char name[17];
	snprintf(name, sizeof name, "%.16s", header);
	if (name[0] == '/' && name[1] >= '0' && name[1] <= '9' && names) {
		size_t offset = strtoull(name + 1, NULL, 10), n = 0;
		while (offset + n < names_size && names[offset + n] != '\n') n++;
		if (n && names[offset + n - 1] == '/') n--;
		return cc_format("%.*s", (int)n, names + offset);
	}
	name[strcspn(name, "/ ")] = 0;
	return cc_format("%s", name);
}

/* A thin archive holds names only, relative to where it lies itself. */
static bool thin_member_stamped(struct file **files, const char *archive, const char *member)
{
	const char *slash = strrchr(archive, '/');
	if (slash && member[0] != '/') member = cc_format("%.*s%s", (int)(slash + 1 - archive), archive, member);
	const struct file *f = load(files, member);
	return f->data && object_stamped(f->data, f->size);
}

/* A member of an archive. One of several of the same name without a stamp makes the answer no. */
static bool member_stamped(struct file **files, const struct file *f, const char *member)
{
	bool found = false, thin = f->data && f->size >= 8 && memcmp(f->data, "!<thin>\n", 8) == 0;
	const char *names = NULL;
	size_t names_size = 0;
	for (size_t at = 8; f->data && at + 60 <= f->size;) {
		const char *header = f->data + at;
		bool is_names = header[0] == '/' && header[1] == '/', is_index = header[0] == '/' && (header[1] == ' ' || header[1] == 'S');
		size_t size = strtoull(cc_format("%.10s", header + 48), NULL, 10), data = at + 60;
		size_t held = thin && !is_names && !is_index ? 0 : size;
		if (held > f->size - data) return false;
		if (is_names) {
			names = f->data + data;
			names_size = size;
		} else if (!is_index && strcmp(member_name(header, names, names_size), member) == 0) {
			if (thin ? !thin_member_stamped(files, f->path, member) : !object_stamped(f->data + data, size)) return false;
			found = true;
		}
		at = data + held + (held & 1);
	}
	return found;
}

static bool stamped(struct file **files, const char *object)
{
	const char *open = strrchr(object, '(');
	if (open && object[strlen(object) - 1] == ')') {
		const char *archive = cc_format("%.*s", (int)(open - object), object);
		return member_stamped(files, load(files, archive), cc_format("%.*s", (int)strlen(open) - 2, open + 1));
	}
	struct file *f = load(files, object);
	return f->data && object_stamped(f->data, f->size);
}

static bool is_own(const char *object, const struct cc_options *options)
{
	return starts_with(object, options->runtime) || object[0] == '<'; /* "<internal>": the linker's own */
}

static bool excused(const char *object, const struct cc_options *options)
{
	for (size_t i = 0; i < options->allow.count; i++)
		if (strstr(object, options->allow.item[i])) return true;
	return false;
}

static void warn_let_in(const struct strv *objects)
{
	if (!objects->count) return;
	fputs("optmig-cc: warning: without marks of the pass; a migration finds what they write by write protection (--tracker faults):", stderr);
	for (size_t i = 0; i < objects->count && i < WARN_MAX; i++) fprintf(stderr, " %s", objects->item[i]);
	if (objects->count > WARN_MAX) fprintf(stderr, " and %zu more", objects->count - WARN_MAX);
	fputc('\n', stderr);
}

int cc_stamps_check(const struct cc_map *map, struct cc_options *options)
{
	struct file *files = NULL;
	struct strv checked = {0}, let_in = {0};
	size_t missing = 0;
	const char *first = NULL;
	for (size_t i = 0; i < map->count; i++) {
		const struct cc_section *s = &map->section[i];
		bool seen = !starts_with(s->name, ".text") && !starts_with(s->name, ".init") && !starts_with(s->name, ".fini");
		for (size_t j = checked.count; j-- > 0 && !seen;) seen = strcmp(checked.item[j], s->object) == 0;
		if (seen || !s->size) continue;
		strv_add(&checked, s->object);
		if (is_own(s->object, options) || stamped(&files, s->object)) continue;
		if (excused(s->object, options)) { strv_add(&let_in, s->object); continue; }
		if (!missing++) cc_error("these objects were not compiled with this version of optmig-cc, so what they write could be lost in a migration:");
		fprintf(stderr, "    %s\n", s->object);
		if (!first) first = s->object;
	}
	if (!missing) {
		warn_let_in(&let_in);
		options->untracked = let_in.count > 0;
		return 0;
	}
	fputs("  compile them with optmig-cc; assembly declares its marks with OPTMIG_ASM_MARKS (<optmig-asm.h>);\n"
		"  or link with -Xoptmig allow-uninstrumented=NAME,NAME: what they write is then found by\n"
		"  write protection, which makes the program slower while it moves\n", stderr);
	cc_known_hint(first);
	return 1;
}
