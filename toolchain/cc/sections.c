/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program may write has to lie in the segment that moves with the program, whatever the sections are called. The linker script
 * names the usual sections. Others become output sections of their own, with their __start_NAME and __stop_NAME, and the linker
 * puts them behind the runtime's sections, in a segment that never moves. So an image with such sections is linked a second time,
 * by a script that names them too:
 *
 *     segment     linker script          named in the second link
 *     read-only   headers, .rodata, sealed sections
 *     text        runtime, program
 *     tracked     .tdata                 own, TLS, with contents
 *                 .tbss                  own, TLS, zero
 *                 .data                  own, with contents
 *                 .bss                   own, zero
 *     resident, local: .rt.*             nothing of the program
 *
 * The check that follows each link does not rely on this: it compares where the sections are with what the runtime tracks,
 * and refuses what would be lost.
 */
#include <ctype.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "map.h"

/* Writable by their flags, but only the linker writes them: they lie in a segment that is read-only. */
static const char *const sealed[] = {".preinit_array", ".init_array", ".fini_array", ".data.rel.ro", ".got", ".got.plt", NULL};
static const char *const tracked[] = {".tdata", ".tbss", ".data", ".bss", NULL};
/* Other output sections of the script: a section of the program cannot have a second one of the same name. */
static const char *const taken[] = {".interp", ".optmig.header", ".rodata", ".text", ".init", ".fini", ".optmig.sigstruct", NULL};

struct sections { const char *data; const Elf64_Shdr *header; size_t count; const char *names; size_t names_size; };

static bool one_of(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0) return true;
	return false;
}

static const char *name_of(const struct sections *s, const Elf64_Shdr *header)
{
	return header->sh_name < s->names_size ? s->names + header->sh_name : "";
}

/* The linker made the file, so its structure is sound; sizes are checked all the same where they index. */
static int read_sections(const char *data, size_t size, const char *path, struct sections *ret_sections)
{
	Elf64_Ehdr eh;
	struct sections s = {.data = data};
	const Elf64_Shdr *names;
	if (size < sizeof eh) { cc_error("%s is truncated", path); return 1; }
	memcpy(&eh, data, sizeof eh);
	if (eh.e_shentsize != sizeof(Elf64_Shdr) || eh.e_shoff % 8 || eh.e_shoff > size || (uint64_t)eh.e_shnum * sizeof(Elf64_Shdr) > size - eh.e_shoff ||
		eh.e_shstrndx >= eh.e_shnum) { cc_error("%s has no section headers, so what it may write is not known", path); return 1; }
	s.header = (const Elf64_Shdr *)(data + eh.e_shoff);
	s.count = eh.e_shnum;
	names = &s.header[eh.e_shstrndx];
	if (names->sh_offset > size || names->sh_size > size - names->sh_offset || !names->sh_size || data[names->sh_offset + names->sh_size - 1]) {
		cc_error("%s is truncated", path);
		return 1;
	}
	s.names = data + names->sh_offset;
	s.names_size = names->sh_size;
	*ret_sections = s;
	return 0;
}

static bool of_the_program(const char *name, const Elf64_Shdr *header)
{
	return header->sh_flags & SHF_ALLOC && header->sh_flags & SHF_WRITE && header->sh_size && !starts_with(name, ".rt.") && !one_of(sealed, name);
}

/* ---- the second link ---- */

/*
 * A name that is no plain word cannot stand in a script. Its section gets another, which nobody can refer to either: that takes
 * a C identifier. A wildcard may match more sections than this one, all of which belong here.
 */
static char *statement(const char *name, size_t number, bool tls)
{
	bool plain = !one_of(taken, name);
	char *pattern = cc_format("%s", name);
	for (char *c = pattern; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_.$-", *c)) { *c = '?'; plain = false; }
	const char *quote = plain ? "\"" : "", *out = plain ? name : cc_format(".optmig.own.%zu", number); /* quoted: it may be a word of the language */
	return cc_format("\t\"%s\" : { %s *(EXCLUDE_FILE(*librt.a:*) %s%s%s) } :tracked%s\n", out, plain ? "" : "INPUT_SECTION_FLAGS(SHF_WRITE)",
		quote, pattern, quote, tls ? " :tls" : "");
}

/* `script` with the statements behind the comment that says `own KIND`. NULL: there is no such comment. */
static char *insert(const char *script, const char *kind, const struct strv *statements)
{
	const char *mark = cc_format("/* own %s */\n", kind), *at = strstr(script, mark);
	char *text = at ? cc_format("%.*s", (int)(at + strlen(mark) - script), script) : NULL;
	for (size_t i = 0; text && i < statements->count; i++) text = cc_format("%s%s", text, statements->item[i]);
	return text ? cc_format("%s%s", text, at + strlen(mark)) : NULL;
}

static int write_script(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	bool good = f && fputs(text, f) >= 0;
	if (f && fclose(f) != 0) good = false;
	if (!good) cc_error("%s cannot be written", path);
	return !good;
}

static int link_again(struct cc_plan *plan, const struct cc_env *env, const struct cc_options *options, const struct strv own[4])
{
	char *text = cc_read_file(options->script, NULL), *path = cc_format("%s/image.ld", plan->temporary);
	for (size_t kind = 0; text && kind < 4; kind++) text = insert(text, tracked[kind], &own[kind]);
	if (!text) { cc_error("%s has no place for sections of the program's own", options->script); return 1; }
	if (write_script(path, text)) return 1;
	for (size_t i = 0; i < plan->link.count; i++)
		if (starts_with(plan->link.item[i], "-Wl,-T,")) plan->link.item[i] = cc_format("-Wl,-T,%s", path);
	return cc_run(&plan->link, env->verbose);
}

int cc_sections_place(struct cc_plan *plan, const struct cc_env *env, const struct cc_options *options)
{
	struct sections s;
	struct strv own[4] = {0};
	size_t size = 0, count = 0;
	char *data = cc_read_file(plan->output, &size);
	if (!data) { cc_error("%s cannot be read", plan->output); return 1; }
	if (read_sections(data, size, plan->output, &s)) return 1;
	for (size_t i = 0; i < s.count; i++) {
		const Elf64_Shdr *header = &s.header[i];
		const char *name = name_of(&s, header);
		bool tls = header->sh_flags & SHF_TLS;
		if (!of_the_program(name, header) || one_of(tracked, name) || header->sh_flags & SHF_EXECINSTR) continue;
		strv_add(&own[(tls ? 0 : 2) + (header->sh_type == SHT_NOBITS)], statement(name, count++, tls));
	}
	free(data);
	return count ? link_again(plan, env, options, own) : 0;
}

/* ---- the check ---- */

static bool is_runtime(const char *object, const struct cc_options *options)
{
	return starts_with(object, options->runtime);
}

/* The linker script knows the runtime by its name. */
static bool named_like_runtime(const char *object, const struct cc_options *options)
{
	const char *slash = strrchr(options->runtime, '/'), *open = strrchr(object, '(');
	const char *name = slash ? slash + 1 : options->runtime;
	size_t length = strlen(name);
	return open && (size_t)(open - object) >= length && memcmp(open - length, name, length) == 0;
}

/* Variables of threads that begin as zero take no addresses of their own: others may have them. */
static bool is_tls_zero(const Elf64_Shdr *header)
{
	return header->sh_flags & SHF_TLS && header->sh_type == SHT_NOBITS;
}

static bool in_tls_zero(const struct sections *s, const char *output)
{
	for (size_t i = 0; i < s->count; i++)
		if (is_tls_zero(&s->header[i]) && strcmp(name_of(s, &s->header[i]), output) == 0) return true;
	return false;
}

static int check_output(const struct sections *s, const struct cc_map *map, const char *path)
{
	int bad = 0;
	for (size_t i = 0; i < s->count; i++) {
		const Elf64_Shdr *header = &s->header[i];
		const char *name = name_of(s, header);
		uint64_t begin = header->sh_addr, end = begin + header->sh_size;
		if (!of_the_program(name, header)) continue;
		if (is_tls_zero(header)) end = begin;
		if (header->sh_flags & SHF_EXECINSTR) {
			cc_error("%s: section %s is writable and executable, which no page of an image is; give code and data sections of their own", path, name);
			bad = 1;
		} else if (begin < map->tracked_start || end > map->tracked_end) {
			cc_error("%s: what the program writes in section %s would be lost in a migration; give it a name that does not begin "
				"like one of the linker's", path, name);
			bad = 1;
		}
	}
	return bad;
}

static int check_input(const struct sections *s, const struct cc_map *map, const struct cc_options *options)
{
	int bad = 0;
	for (size_t i = 0; i < map->count; i++) {
		const struct cc_section *in = &map->section[i];
		bool moves = in->address >= map->tracked_start && in->address < map->tracked_end;
		if (!in->size || !in->address || in->object[0] == '<' || in_tls_zero(s, in->out)) continue; /* "<internal>": the linker's own */
		if (is_runtime(in->object, options)) {
			if (!moves) continue;
			cc_error("%s: section %s of the runtime would move with the program", in->object, in->name);
		} else if (named_like_runtime(in->object, options)) {
			cc_error("%s would be taken for the runtime because of its name, and what it writes would be lost in a migration; rename the archive",
				in->object);
		} else if (in->address >= map->tracked_end) {
			cc_error("%s: what is written in section %s would be lost in a migration; give it a name that does not begin with .rt", in->object, in->name);
		} else {
			continue;
		}
		bad = 1;
	}
	return bad;
}

int cc_sections_check(const struct cc_elf *elf, const struct cc_map *map, const struct cc_options *options)
{
	struct sections s;
	if (!map->tracked_start || !map->tracked_end) { cc_error("%s does not say what moves", options->script); return 1; }
	if (read_sections(elf->data, elf->size, elf->path, &s)) return 1;
	return check_output(&s, map, elf->path) | check_input(&s, map, options);
}
