/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Completes the linked file.
 *
 * The header (abi/image.h) lies in a read-only segment and is measured. What else is measured of the file is the first
 * segment with the ELF and program headers, so these must not depend on where the build happened. Two things in them
 * would: the interpreter's path, and the offset of the section headers behind debug information. Both are therefore
 * put at a place that follows from the loaded part alone:
 *
 *     loaded segments | interpreter's path, one page | section headers | every other section, order kept
 *
 * strip and objcopy would write another file. Two sections are for these tools. One has the interpreter's path, so that the tools leave the path
 * where the kernel finds it, and the loader can say what is wrong. The other section is empty, and its name is the message to the user. The tools take
 * it for debug information, and refuse to remove it because the header refers to it.
 */
#include <elf.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "evidence/accept/policy_text.h"
#include "cc.h"
#include "imagefile.h"

static uint64_t align_up(uint64_t value, uint64_t to) { return (value + to - 1) & ~(to - 1); }

/* The date below which a host's clock is not believed. Only a date that whoever builds again knows, too, can be measured. */
static uint64_t build_date(void)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	char *end = NULL;
	long long date = epoch ? strtoll(epoch, &end, 10) : 0;
	return epoch && *epoch && !*end && date > 0 ? (uint64_t)date : 0;
}

static int no_owner(void)
{
	cc_error("the program waits for what its owner delivers, and nobody is its owner: secrets.owner = \"KEY\", or `owner` in the policy");
	return 1;
}

/* Readable or in bytes; refused here rather than by an enclave that nobody can satisfy (docs/spec/policy.md). */
static int load_policy(const struct cc_options *options, struct om_image_header *h)
{
	struct om_policy_error wrong = { 0, NULL };
	struct om_policy policy;
	char *data = NULL;
	size_t size = 0;
	int error = 0;

	if (!options->policy && cc_launch_wants_owner(&options->launch)) return no_owner();
	if (!options->policy && !build_date()) return 0;
	if (options->policy && !(data = cc_read_file(options->policy, &size))) {
		cc_error("%s: the attestation policy cannot be read", options->policy);
		return 1;
	}
	error = om_policy_from_text((struct om_view){ (const uint8_t *)data, size }, build_date(), &policy, &wrong);
	free(data);
	if (!error && (wrong.words = om_policy_image_fault(&policy, options->debug, NULL))) error = OM_EINVAL;
	if (!error && !(policy.flags & OM_POLICY_OWNER) && cc_launch_wants_owner(&options->launch)) return no_owner();
	if (!error && options->debug && !(policy.flags & OM_POLICY_DEBUG)) {
		error = OM_EINVAL;
		wrong.words = "debug = no, and this is a debug image: it could move to nobody; give a key (-Xoptmig key=FILE), or take the line out";
	}
	if (!error && (error = om_policy_encode(&policy, h->policy, sizeof h->policy, &size)) != 0)
		wrong.words = "the attestation policy takes more than the 4,096 bytes that an image has for it: list less, or use guest-signer";
	if (error && wrong.line) cc_error("%s:%u: %s", options->policy, wrong.line, wrong.words);
	else if (error) cc_error("%s: %s", options->policy ? options->policy : "policy", wrong.words);
	if (error) return 1;
	h->policy_size = (uint32_t)size;
	return 0;
}

/* From the top of ELRANGE downwards: cards, page map, slots. The heap follows the image. */
static void lay_out(struct om_image_header *h, uint64_t heap_size)
{
	uint64_t map_size = h->elrange_size >> 12;
	h->cards_size = h->pagemap_size = map_size;
	h->cards_offset = h->elrange_size - map_size;
	h->pagemap_offset = h->cards_offset - map_size;
	h->slots_offset = h->pagemap_offset - (uint64_t)(h->service_slots + h->app_threads) * OM_SLOT_SIZE;
	h->heap_offset = align_up(h->image_end_offset, 2u << 20);
	h->heap_size = align_up(heap_size, OM_PAGE_SIZE);
}

/* Where libc looks for the size of threads' stacks: as the linker's -z stack-size says it. */
static void stack_fill(struct cc_elf *elf, uint64_t size)
{
	Elf64_Ehdr eh;
	memcpy(&eh, elf->data, sizeof eh);
	if (size > OM_THREAD_STACK_MAX) {
		cc_note("stack=%lluK: threads have %u MiB, the most that libc gives by this; pthread_attr_setstacksize gives more",
			(unsigned long long)size >> 10, OM_THREAD_STACK_MAX >> 20);
		size = OM_THREAD_STACK_MAX;
	}
	for (int i = 0; i < eh.e_phnum; i++) {
		char *at = elf->data + eh.e_phoff + (size_t)i * sizeof(Elf64_Phdr);
		Elf64_Phdr ph;
		memcpy(&ph, at, sizeof ph);
		if (ph.p_type != PT_GNU_STACK) continue;
		ph.p_memsz = (size + OM_PAGE_SIZE - 1) & ~(uint64_t)(OM_PAGE_SIZE - 1);
		memcpy(at, &ph, sizeof ph);
	}
}

int cc_header_fill(struct cc_elf *elf, const struct cc_options *options, const char *output)
{
	struct om_image image;
	if (om_image_open(elf->data, elf->size, true, &image) < 0) { cc_error("%s: %s", output, image.reason ? image.reason : "not an image"); return 1; }
	const char *slash = strrchr(output, '/'), *name = options->name ? options->name : slash ? slash + 1 : output;
	struct om_image_header h = {
		.magic = OM_IMAGE_MAGIC,
		.version = OM_IMAGE_VERSION,
		.flags = (options->debug ? OM_IMAGE_DEBUG : 0) | (options->verify ? OM_IMAGE_VERIFY : 0) | (options->untracked ? OM_IMAGE_UNTRACKED : 0),
		.elrange_size = options->elrange,
		.image_end_offset = om_image_end(&image),
		.app_threads = (uint32_t)options->threads,
		.service_slots = OM_SERVICE_SLOTS,
		.file_max = (uint32_t)options->files,
		.xfrm = options->xfrm,
	};
	if (h.elrange_size & (h.elrange_size - 1)) { cc_error("elrange=%lluM is not a power of two", (unsigned long long)h.elrange_size >> 20); return 1; }
	lay_out(&h, options->heap);
	if (load_policy(options, &h)) return 1;
	snprintf(h.program_name, sizeof h.program_name, "%.63s", name);
	SHA256((const unsigned char *)&h, sizeof h, h.program_id);
	const char *reason = NULL;
	if (om_image_check_header(&h, h.image_end_offset, &reason) < 0) {
		cc_error("%s: %s; change heap, threads or elrange (-Xoptmig elrange=128G)", output, reason);
		return 1;
	}
	memcpy(elf->data + image.header_file_offset, &h, sizeof h);
	stack_fill(elf, options->stack);
	return 0;
}

/* End of what PT_LOAD segments take of the file; *ret_interp: index of PT_INTERP or -1. */
static uint64_t loaded_end(const char *data, const Elf64_Ehdr *eh, int *ret_interp)
{
	uint64_t end = eh->e_phoff + (uint64_t)eh->e_phnum * sizeof(Elf64_Phdr);
	*ret_interp = -1;
	for (int i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr ph;
		memcpy(&ph, data + eh->e_phoff + (size_t)i * sizeof ph, sizeof ph);
		if (ph.p_type == PT_INTERP) *ret_interp = i;
		if (ph.p_type == PT_LOAD && ph.p_offset + ph.p_filesz > end) end = ph.p_offset + ph.p_filesz;
	}
	return end;
}

#define GUARD  ".debug: a signed image; strip it with optmig-strip"
#define INTERP ".optmig.interp"

/* The table of sections with two more, and what was added to the names; see the top. NULL: there is no header, or there are no names. */
static Elf64_Shdr *guarded_sections(const struct cc_elf *elf, const Elf64_Ehdr *eh, uint64_t interp_at, const char **ret_names)
{
	if (eh->e_shstrndx >= eh->e_shnum) return NULL;
	Elf64_Shdr *table = cc_alloc((eh->e_shnum + 2u) * sizeof *table), *names = &table[eh->e_shstrndx], *header = NULL;
	memcpy(table, elf->data + eh->e_shoff, eh->e_shnum * sizeof *table);
	if (names->sh_offset > elf->size || names->sh_size > elf->size - names->sh_offset) return NULL;
	for (unsigned i = 0; i < eh->e_shnum && !header; i++) {
		const char *name = elf->data + names->sh_offset + table[i].sh_name;
		if (table[i].sh_name < names->sh_size && names->sh_size - table[i].sh_name >= sizeof OM_HEADER_SECTION &&
			memcmp(name, OM_HEADER_SECTION, sizeof OM_HEADER_SECTION) == 0) header = &table[i];
	}
	if (!header) return NULL;
	header->sh_flags |= SHF_LINK_ORDER;
	header->sh_link = eh->e_shnum;
	table[eh->e_shnum] = (Elf64_Shdr){.sh_name = (Elf64_Word)names->sh_size, .sh_type = SHT_PROGBITS, .sh_addralign = 1};
	table[eh->e_shnum + 1] = (Elf64_Shdr){.sh_name = (Elf64_Word)(names->sh_size + sizeof GUARD), .sh_type = SHT_PROGBITS,
		.sh_offset = interp_at, .sh_size = OM_PAGE_SIZE, .sh_addralign = 1};
	*ret_names = GUARD "\0" INTERP;
	return table;
}

/* The linker made the file, so its structure is sound; sizes are checked all the same where they index. */
int cc_interp_place(struct cc_elf *elf, const char *interp)
{
	static const char no_sections[] = "%s has no section headers";
	const size_t names_more = sizeof GUARD + sizeof INTERP;
	const char *more = NULL;
	Elf64_Ehdr eh;
	int interp_index;
	if (elf->size < sizeof eh) { cc_error("%s is truncated", elf->path); return 1; }
	memcpy(&eh, elf->data, sizeof eh);
	uint64_t table_size = (uint64_t)eh.e_shnum * sizeof(Elf64_Shdr), page = OM_PAGE_SIZE;
	if (eh.e_shentsize != sizeof(Elf64_Shdr) || eh.e_shoff > elf->size || table_size > elf->size - eh.e_shoff) { cc_error(no_sections, elf->path); return 1; }
	uint64_t end = loaded_end(elf->data, &eh, &interp_index);
	if (strlen(interp) >= page) { cc_error("the path %s is too long", interp); return 1; }

	uint64_t interp_at = align_up(end, page), table_at = interp_at + page;
	Elf64_Shdr *sections = guarded_sections(elf, &eh, interp_at, &more);
	if (!sections) { cc_error(no_sections, elf->path); return 1; }
	table_size += 2 * sizeof *sections;
	uint64_t at = table_at + table_size;
	char *out = cc_alloc(elf->size + 4 * page + table_size + 64u * eh.e_shnum + names_more);
	memcpy(out, elf->data, end);
	for (unsigned i = 0; i < eh.e_shnum; i++) {
		Elf64_Shdr *s = &sections[i];
		if ((s->sh_flags & SHF_ALLOC) || s->sh_type == SHT_NULL || s->sh_type == SHT_NOBITS) continue;
		at = align_up(at, s->sh_addralign > 1 && s->sh_addralign <= 64 ? s->sh_addralign : 1);
		if (s->sh_offset > elf->size || s->sh_size > elf->size - s->sh_offset) { cc_error("%s is truncated", elf->path); return 1; }
		memcpy(out + at, elf->data + s->sh_offset, s->sh_size);
		s->sh_offset = at;
		at += s->sh_size;
		if (i != eh.e_shstrndx) continue;
		memcpy(out + at, more, names_more);
		s->sh_size += names_more;
		at += names_more;
	}
	sections[eh.e_shnum].sh_offset = at;
	memcpy(out + interp_at, interp, strlen(interp));
	memcpy(out + table_at, sections, table_size);
	eh.e_shoff = table_at;
	eh.e_shnum = (Elf64_Half)(eh.e_shnum + 2);
	memcpy(out, &eh, sizeof eh);
	if (interp_index >= 0) {
		/* Fixed size: the kernel takes the path up to its NUL. */
		Elf64_Phdr ph = {.p_type = PT_INTERP, .p_flags = PF_R, .p_offset = interp_at, .p_filesz = page, .p_memsz = page, .p_align = 1};
		memcpy(out + eh.e_phoff + (size_t)interp_index * sizeof ph, &ph, sizeof ph);
	}
	elf->data = out;
	elf->size = at;
	return 0;
}

int cc_interp_remove(struct cc_elf *elf)
{
	Elf64_Ehdr eh;
	int index;
	memcpy(&eh, elf->data, sizeof eh);
	(void)loaded_end(elf->data, &eh, &index); /* only the index is wanted */
	if (index >= 0) memset(elf->data + eh.e_phoff + (size_t)index * sizeof(Elf64_Phdr), 0, sizeof(Elf64_Phdr));
	return 0;
}
