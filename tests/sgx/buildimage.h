/* SPDX-License-Identifier: Apache-2.0 */
/* A small valid image, made in memory: three segments, header, place for a signature. */
#ifndef OPTMIG_TESTS_SGX_BUILDIMAGE_H
#define OPTMIG_TESTS_SGX_BUILDIMAGE_H

#include <elf.h>
#include <string.h>
#include "imagefile.h"

#define BI_SIZE 0x8000
enum { BI_PH = 64, BI_SH = 0x7000, BI_HEADER = 0x1000, BI_TEXT = 0x3100, BI_DATA = 0x5000, BI_SIGSTRUCT = 0x6000,
	BI_STRINGS = 0x6800 };

struct built_image {
	union { uint8_t bytes[BI_SIZE]; Elf64_Ehdr eh; };
};

static inline Elf64_Phdr *bi_ph(struct built_image *b) { return (Elf64_Phdr *)(b->bytes + BI_PH); }
static inline Elf64_Shdr *bi_sh(struct built_image *b) { return (Elf64_Shdr *)(b->bytes + BI_SH); }
static inline struct om_image_header *bi_header(struct built_image *b)
{
	return (struct om_image_header *)(b->bytes + BI_HEADER);
}

static inline void bi_fill_header(struct om_image_header *h)
{
	memset(h, 0, sizeof *h);
	h->magic = OM_IMAGE_MAGIC;
	h->version = OM_IMAGE_VERSION;
	h->elrange_size = OM_ELRANGE_MIN;
	h->xfrm = OM_XFRM_AVX;
	h->image_end_offset = 0x9000;
	h->heap_offset = 0x100000;
	h->heap_size = 0x8000000;
	h->slots_offset = 0x20000000;
	h->app_threads = 2;
	h->service_slots = OM_SERVICE_SLOTS;
	h->pagemap_size = h->cards_size = h->elrange_size >> 12;
	h->cards_offset = h->elrange_size - h->cards_size;
	h->pagemap_offset = h->cards_offset - h->pagemap_size;
	strcpy(h->program_name, "built");
}

static inline void bi_build(struct built_image *b)
{
	static const char strings[] = "\0" OM_HEADER_SECTION "\0" OM_SIGSTRUCT_SECTION "\0.shstrtab";
	Elf64_Phdr *ph = bi_ph(b);
	Elf64_Shdr *sh = bi_sh(b);

	memset(b, 0, sizeof *b);
	memcpy(b->eh.e_ident, ELFMAG, SELFMAG);
	b->eh.e_ident[EI_CLASS] = ELFCLASS64;
	b->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	b->eh.e_type = ET_EXEC;
	b->eh.e_machine = EM_X86_64;
	b->eh.e_phoff = BI_PH, b->eh.e_phentsize = sizeof *ph, b->eh.e_phnum = 3;
	b->eh.e_shoff = BI_SH, b->eh.e_shentsize = sizeof *sh, b->eh.e_shnum = 4, b->eh.e_shstrndx = 3;
	b->eh.e_entry = OM_ELRANGE_BASE + 0x3200;
	/* R: whole pages and a tail. RX: begins and ends inside pages. RW: bss of two pages more. */
	ph[0] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R, .p_offset = 0, .p_vaddr = OM_ELRANGE_BASE,
		.p_filesz = 0x2800, .p_memsz = 0x2800 };
	ph[1] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = BI_TEXT,
		.p_vaddr = OM_ELRANGE_BASE + 0x3100, .p_filesz = 0x1a00, .p_memsz = 0x1a00 };
	ph[2] = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = BI_DATA,
		.p_vaddr = OM_ELRANGE_BASE + 0x6000, .p_filesz = 0x10, .p_memsz = 0x2800 };
	sh[1] = (Elf64_Shdr){ .sh_name = 1, .sh_type = SHT_PROGBITS, .sh_flags = SHF_ALLOC, .sh_offset = BI_HEADER,
		.sh_addr = OM_ELRANGE_BASE + BI_HEADER, .sh_size = sizeof(struct om_image_header) };
	sh[2] = (Elf64_Shdr){ .sh_name = 1 + sizeof OM_HEADER_SECTION, .sh_type = SHT_PROGBITS,
		.sh_offset = BI_SIGSTRUCT, .sh_size = SGX_SIGSTRUCT_SIZE };
	sh[3] = (Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_offset = BI_STRINGS, .sh_size = sizeof strings };
	memcpy(b->bytes + BI_STRINGS, strings, sizeof strings);
	memset(b->bytes + BI_TEXT, 0xcc, 0x1a00);
	memset(b->bytes + BI_DATA, 0xdd, 0x10);
	bi_fill_header(bi_header(b));
}

/* What must hold of any image that om_image_open() accepts. Return: NULL, or what does not. */
static inline const char *bi_property(const struct om_image *image)
{
	static struct om_image_plan plan;
	struct om_image_run run;
	uint64_t end = 0, low = (uint64_t)image->file, tcs = 0, offset, length;

	om_image_plan_begin(&plan, image);
	while (om_image_plan_next(&plan, &run)) {
		uint64_t source = (uint64_t)run.source;

		if (((run.offset | run.length) & 4095) || run.length == 0)
			return "a run is not made of pages";
		if (run.offset < end || run.offset > image->header.elrange_size ||
		    run.length > image->header.elrange_size - run.offset)
			return "runs overlap, are out of order or outside of ELRANGE";
		end = run.offset + run.length;
		if (source && run.source != plan.page.bytes &&
		    (source < low || source - low > image->file_size || run.length > image->file_size - (source - low)))
			return "a run's source is not in the file";
		if ((run.secinfo_flags & (SGX_SECINFO_W | SGX_SECINFO_X)) == (SGX_SECINFO_W | SGX_SECINFO_X))
			return "a run is writable and executable";
		tcs += run.secinfo_flags == SGX_SECINFO_TCS;
	}
	if (tcs != image->header.app_threads + image->header.service_slots)
		return "a thread slot without TCS";
	for (uint32_t i = 0; om_image_bss(image, i, &offset, &length); i++)
		if (((offset | length) & 4095) || length == 0 || offset + length > image->header.image_end_offset)
			return "bss outside of the image";
	return NULL;
}

#endif
