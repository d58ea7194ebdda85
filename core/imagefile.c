/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image reader and the page plan (see the header). The reader copies what it needs out of the file with bounds
 * checks, then judges the copies; nothing is cast. It accepts only what our own linker script can produce: a static
 * ELF64 executable for x86-64 whose segments lie page-disjoint and ascending inside ELRANGE, none both writable and
 * executable. A stricter reader leaves an attacker fewer shapes to try, and the measurement covers all of them
 * anyway. The reader does not judge code; optmig-cc scans it.
 */
#include <elf.h>
#include <string.h>
#include "evidence/accept/policy.h"
#include "imagefile.h"

#define PAGE_MASK ((uint64_t)OM_PAGE_SIZE - 1)

static uint64_t page_down(uint64_t x) { return x & ~PAGE_MASK; }
/* Context: x at most OM_ELRANGE_MAX and a page, so that it cannot wrap. */
static uint64_t page_up(uint64_t x) { return (x + PAGE_MASK) & ~PAGE_MASK; }

static bool read_at(const struct om_image *image, uint64_t offset, void *to, uint64_t size)
{
	if (offset > image->file_size || size > image->file_size - offset)
		return false;
	memcpy(to, image->file + offset, size);
	return true;
}

static int bad(struct om_image *image, int error, const char *reason)
{
	image->reason = reason;
	return error;
}

static int read_ehdr(struct om_image *image, Elf64_Ehdr *eh)
{
	if (!read_at(image, 0, eh, sizeof *eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0)
		return bad(image, OM_EIMAGE, "not an ELF file");
	if (eh->e_ident[EI_CLASS] != ELFCLASS64 || eh->e_ident[EI_DATA] != ELFDATA2LSB ||
	    eh->e_machine != EM_X86_64)
		return bad(image, OM_EIMAGE, "not an ELF file for x86-64");
	if (eh->e_type != ET_EXEC)
		return bad(image, OM_EIMAGE, "not a static, non-relocatable executable");
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_shentsize != sizeof(Elf64_Shdr))
		return bad(image, OM_EIMAGE, "program or section headers have an unknown size");
	return 0;
}

static int segment_permissions(uint32_t p_flags, uint64_t *ret_flags)
{
	switch (p_flags & (PF_R | PF_W | PF_X)) {
	case PF_R:        *ret_flags = SGX_SECINFO_REG | SGX_SECINFO_R; return 0;
	case PF_R | PF_X: *ret_flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_X; return 0;
	case PF_R | PF_W: *ret_flags = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W; return 0;
	default: return OM_EIMAGE;
	}
}

static int add_segment(struct om_image *image, const Elf64_Phdr *ph)
{
	struct om_image_segment s = { .file_offset = ph->p_offset, .file_size = ph->p_filesz,
		.memory_size = ph->p_memsz };

	if (image->segment_count == OM_IMAGE_SEGMENTS_MAX)
		return bad(image, OM_EIMAGE, "too many segments");
	if (segment_permissions(ph->p_flags, &s.secinfo_flags) != 0)
		return bad(image, OM_EIMAGE, "a segment is neither R, RX nor RW");
	if (ph->p_filesz > ph->p_memsz)
		return bad(image, OM_EIMAGE, "a segment has more bytes in the file than in memory");
	if (ph->p_offset > image->file_size || ph->p_filesz > image->file_size - ph->p_offset)
		return bad(image, OM_EIMAGE, "a segment lies outside of the file");
	if (ph->p_vaddr < OM_ELRANGE_BASE || ph->p_vaddr - OM_ELRANGE_BASE >= OM_ELRANGE_MAX ||
	    ph->p_memsz > OM_ELRANGE_MAX - (ph->p_vaddr - OM_ELRANGE_BASE))
		return bad(image, OM_EELRANGE, "a segment lies outside of ELRANGE");
	s.offset = ph->p_vaddr - OM_ELRANGE_BASE;
	if (image->segment_count > 0 && page_down(s.offset) < om_image_end(image))
		return bad(image, OM_EIMAGE, "segments share a page or are out of order");
	image->segments[image->segment_count++] = s;
	return 0;
}

static int read_segments(struct om_image *image, const Elf64_Ehdr *eh)
{
	for (unsigned i = 0; i < eh->e_phnum; i++) {
		Elf64_Phdr ph;

		if (eh->e_phoff > image->file_size ||
		    !read_at(image, eh->e_phoff + (uint64_t)i * sizeof ph, &ph, sizeof ph))
			return bad(image, OM_EIMAGE, "program headers lie outside of the file");
		if (ph.p_type == PT_DYNAMIC)
			return bad(image, OM_EIMAGE, "dynamically linked");
		if (ph.p_type != PT_LOAD || ph.p_memsz == 0)
			continue;
		int r = add_segment(image, &ph);
		if (r < 0)
			return r;
	}
	if (image->segment_count == 0)
		return bad(image, OM_EIMAGE, "no segments");
	return 0;
}

/* The segment that holds [offset, offset + size) of ELRANGE with file bytes behind all of it; NULL if none. */
static const struct om_image_segment *segment_of(const struct om_image *image, uint64_t offset, uint64_t size)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct om_image_segment *s = &image->segments[i];
		if (offset >= s->offset && offset - s->offset <= s->file_size &&
		    size <= s->file_size - (offset - s->offset))
			return s;
	}
	return NULL;
}

/* The header must be what the enclave itself will read: in a read-only segment, at the section's address. */
static int take_header(struct om_image *image, const Elf64_Shdr *sh)
{
	const struct om_image_segment *s;

	if (sh->sh_type != SHT_PROGBITS || sh->sh_size != sizeof(struct om_image_header) ||
	    sh->sh_addr < OM_ELRANGE_BASE)
		return bad(image, OM_EIMAGE, "the header section has a wrong type or size");
	s = segment_of(image, sh->sh_addr - OM_ELRANGE_BASE, sh->sh_size);
	if (!s || (s->secinfo_flags & (SGX_SECINFO_W | SGX_SECINFO_X)) ||
	    sh->sh_offset < s->file_offset ||
	    sh->sh_offset - s->file_offset != sh->sh_addr - OM_ELRANGE_BASE - s->offset)
		return bad(image, OM_EIMAGE, "the header section is not in a read-only segment");
	if (!read_at(image, sh->sh_offset, &image->header, sizeof image->header))
		return bad(image, OM_EIMAGE, "the header section lies outside of the file");
	image->header_file_offset = sh->sh_offset;
	return 0;
}

static int take_sigstruct(struct om_image *image, const Elf64_Shdr *sh)
{
	if (sh->sh_type != SHT_PROGBITS || sh->sh_size != SGX_SIGSTRUCT_SIZE || (sh->sh_flags & SHF_ALLOC) ||
	    sh->sh_offset > image->file_size || sh->sh_size > image->file_size - sh->sh_offset)
		return bad(image, OM_EIMAGE, "the signature section has a wrong type, size or place");
	/* Signing must not change what is measured. */
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct om_image_segment *s = &image->segments[i];
		if (sh->sh_offset < s->file_offset + s->file_size && s->file_offset < sh->sh_offset + sh->sh_size)
			return bad(image, OM_EIMAGE, "the signature section overlaps a segment");
	}
	image->sigstruct_file_offset = sh->sh_offset;
	return 0;
}

static bool name_is(const struct om_image *image, const Elf64_Shdr *strings, uint32_t at, const char *name)
{
	char buffer[sizeof OM_SIGSTRUCT_SECTION + 8];
	uint64_t size = strlen(name) + 1;

	if (at > strings->sh_size || size > strings->sh_size - at || size > sizeof buffer ||
	    !read_at(image, strings->sh_offset + at, buffer, size))
		return false;
	return memcmp(buffer, name, size) == 0;
}

static int read_sections(struct om_image *image, const Elf64_Ehdr *eh)
{
	Elf64_Shdr strings, sh;

	if (eh->e_shoff > image->file_size || eh->e_shstrndx >= eh->e_shnum ||
	    !read_at(image, eh->e_shoff + (uint64_t)eh->e_shstrndx * sizeof strings, &strings, sizeof strings))
		return bad(image, OM_EIMAGE, "no section headers (stripped too far?)");
	if (strings.sh_offset > image->file_size || strings.sh_size > image->file_size - strings.sh_offset)
		return bad(image, OM_EIMAGE, "section names lie outside of the file (cut off?)");
	for (unsigned i = 0; i < eh->e_shnum; i++) {
		int r = 0;

		if (!read_at(image, eh->e_shoff + (uint64_t)i * sizeof sh, &sh, sizeof sh))
			return bad(image, OM_EIMAGE, "section headers lie outside of the file");
		if (name_is(image, &strings, sh.sh_name, OM_HEADER_SECTION))
			r = image->header_file_offset ? bad(image, OM_EIMAGE, "two headers") :
				take_header(image, &sh);
		else if (name_is(image, &strings, sh.sh_name, OM_SIGSTRUCT_SECTION))
			r = image->sigstruct_file_offset ? bad(image, OM_EIMAGE, "two signatures") :
				take_sigstruct(image, &sh);
		if (r < 0)
			return r;
	}
	if (image->header_file_offset == 0)
		return bad(image, OM_EIMAGE, "no section " OM_HEADER_SECTION);
	return 0;
}

static int take_entry(struct om_image *image, uint64_t entry)
{
	const struct om_image_segment *s;

	s = entry >= OM_ELRANGE_BASE ? segment_of(image, entry - OM_ELRANGE_BASE, 1) : NULL;
	if (!s || !(s->secinfo_flags & SGX_SECINFO_X))
		return bad(image, OM_EIMAGE, "the entry point is not in an executable segment");
	image->entry_offset = entry - OM_ELRANGE_BASE;
	return 0;
}

int om_image_open(const void *file, uint64_t file_size, bool raw, struct om_image *image)
{
	Elf64_Ehdr eh;
	int r;

	memset(image, 0, sizeof *image);
	image->file = file;
	image->file_size = file_size;
	if ((r = read_ehdr(image, &eh)) < 0 || (r = read_segments(image, &eh)) < 0 ||
	    (r = read_sections(image, &eh)) < 0 || (r = take_entry(image, eh.e_entry)) < 0)
		return r;
	return raw ? 0 : om_image_check_header(&image->header, om_image_end(image), &image->reason);
}

/* [offset, offset + size) is page-aligned, not before *end, and inside the range; moves *end behind it. */
static bool area_follows(uint64_t offset, uint64_t size, uint64_t limit, uint64_t *end)
{
	if (((offset | size) & PAGE_MASK) || offset < *end || offset > limit || size > limit - offset)
		return false;
	*end = offset + size;
	return true;
}

/* Another version's policy would be refused at the first move, inside; said here, it costs nobody a start. */
static bool policy_is_older(const struct om_image_header *h)
{
	uint32_t magic;
	uint16_t version;

	if (h->policy_size < sizeof magic + sizeof version)
		return false;
	memcpy(&magic, h->policy, sizeof magic);
	memcpy(&version, h->policy + sizeof magic, sizeof version);
	return magic == OM_POLICY_MAGIC && version != OM_POLICY_VERSION;
}

int om_image_check_header(const struct om_image_header *h, uint64_t image_end_offset, const char **ret_reason)
{
	uint64_t end = image_end_offset, map_size = h->elrange_size >> 12, slots;
	const char *reason = NULL;
	int error = OM_EIMAGE;

	if (h->magic != OM_IMAGE_MAGIC)
		reason = "the header is not filled in (not linked by optmig-cc?)";
	else if (h->version != OM_IMAGE_VERSION)
		reason = "another version of the image format", error = OM_EVERSION;
	else if (h->flags & ~(OM_IMAGE_DEBUG | OM_IMAGE_VERIFY | OM_IMAGE_UNTRACKED))
		reason = "unknown flags in the header";
	else if (h->elrange_size < OM_ELRANGE_MIN || h->elrange_size > OM_ELRANGE_MAX ||
		 (h->elrange_size & (h->elrange_size - 1)))
		reason = "elrange is not a power of two between 1 GiB and 1 TiB";
	else if (h->image_end_offset != image_end_offset)
		reason = "the header belongs to another image";
	else if (h->service_slots != OM_SERVICE_SLOTS || h->app_threads == 0 ||
		 h->app_threads > OM_APP_THREADS_MAX)
		reason = "number of threads out of range";
	else if (h->policy_size > OM_POLICY_MAX || !memchr(h->program_name, 0, sizeof h->program_name))
		reason = "policy or program name too long";
	else if (h->xfrm != OM_XFRM_SSE && h->xfrm != OM_XFRM_AVX && h->xfrm != OM_XFRM_AVX512)
		reason = "the processor state (xfrm) is none that OptMig knows";
	else if (policy_is_older(h))
		reason = "the attestation policy is of another version: link the image again", error = OM_EVERSION;
	if (reason)
		goto fail;

	slots = ((uint64_t)h->service_slots + h->app_threads) * OM_SLOT_SIZE;
	if (!area_follows(h->heap_offset, h->heap_size, h->elrange_size, &end) ||
	    !area_follows(h->slots_offset, slots, h->elrange_size, &end) ||
	    h->pagemap_size != map_size ||
	    !area_follows(h->pagemap_offset, h->pagemap_size, h->elrange_size, &end) ||
	    h->cards_size != map_size ||
	    !area_follows(h->cards_offset, h->cards_size, h->elrange_size, &end)) {
		reason = "image, heap, thread slots, page map and cards do not fit or overlap", error = OM_EELRANGE;
		goto fail;
	}
	for (size_t i = 0; i < sizeof h->reserved; i++)
		if (h->reserved[i]) {
			reason = "reserved bytes of the header are not zero";
			goto fail;
		}
	return 0;
fail:
	*ret_reason = reason;
	return error;
}

uint64_t om_image_end(const struct om_image *image)
{
	const struct om_image_segment *last;

	if (image->segment_count == 0)
		return 0;
	last = &image->segments[image->segment_count - 1];
	return page_up(last->offset + last->memory_size);
}

void om_image_attributes(const struct om_image *image, struct sgx_attributes *ret_attributes)
{
	ret_attributes->flags = SGX_ATTR_MODE64BIT |
		((image->header.flags & OM_IMAGE_DEBUG) ? (uint64_t)SGX_ATTR_DEBUG : 0);
	ret_attributes->xfrm = image->header.xfrm;
}

void om_image_plan_begin(struct om_image_plan *plan, const struct om_image *image)
{
	memset(plan, 0, sizeof *plan);
	plan->image = image;
}

/* Pages with file bytes: [page_down(offset), page_up(offset + file_size)); empty if there are none. */
static uint64_t added_size(const struct om_image_segment *s)
{
	return s->file_size == 0 ? 0 : page_up(s->offset + s->file_size) - page_down(s->offset);
}

/* One page of the segment whose bytes come from the file only in part. */
static void fill_partial(struct om_image_plan *plan, const struct om_image_segment *s, uint64_t page)
{
	uint64_t from = page > s->offset ? page : s->offset;
	uint64_t file_end = s->offset + s->file_size;
	uint64_t to = page + OM_PAGE_SIZE < file_end ? page + OM_PAGE_SIZE : file_end;

	memset(plan->page.bytes, 0, sizeof plan->page.bytes);
	memcpy(plan->page.bytes + (from - page), plan->image->file + s->file_offset + (from - s->offset), to - from);
}

static bool next_of_segment(struct om_image_plan *plan, struct om_image_run *run)
{
	const struct om_image_segment *s = &plan->image->segments[plan->segment];
	uint64_t page = page_down(s->offset) + plan->position;
	uint64_t whole_end = page_down(s->offset + s->file_size);

	if (plan->position >= added_size(s))
		return false;
	run->offset = page;
	run->secinfo_flags = s->secinfo_flags;
	if (page >= s->offset && page < whole_end) {
		run->length = whole_end - page;
		run->source = plan->image->file + s->file_offset + (page - s->offset);
	} else {
		run->length = OM_PAGE_SIZE;
		fill_partial(plan, s, page);
		run->source = plan->page.bytes;
	}
	plan->position += run->length;
	return true;
}

static void build_tcs(struct sgx_tcs *tcs, const struct om_image *image, uint64_t slot_offset)
{
	memset(tcs, 0, sizeof *tcs);
	tcs->ossa = slot_offset + OM_SLOT_SSA;
	tcs->nssa = OM_NSSA;
	tcs->oentry = image->entry_offset;
	tcs->ofsbase = slot_offset + OM_SLOT_TCB;
	/* GS base = address of the cards - (base >> 12), so that gs:[address >> 12] is the card of address. */
	tcs->ogsbase = image->header.cards_offset - ((uint64_t)OM_ELRANGE_BASE >> 12);
	tcs->fslimit = tcs->gslimit = 0xffffffffu;
}

static const struct slot_step { uint64_t offset, length, secinfo_flags; bool first_slot_only; } slot_steps[] = {
	{ OM_SLOT_TCS, OM_PAGE_SIZE, SGX_SECINFO_TCS, false },
	{ OM_SLOT_SSA, OM_NSSA * OM_SSA_FRAME_PAGES * OM_PAGE_SIZE, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W, false },
	{ OM_SLOT_TCB, OM_PAGE_SIZE, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W, false },
	{ OM_SLOT_EXC_STACK, OM_SLOT_EXC_STACK_SIZE, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W, false },
	{ OM_SLOT_STACK, OM_SLOT_STACK_SIZE, SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W, true },
};
#define SLOT_STEPS (sizeof slot_steps / sizeof slot_steps[0])

static bool next_of_slots(struct om_image_plan *plan, struct om_image_run *run)
{
	const struct om_image_header *h = &plan->image->header;

	for (; plan->slot < h->service_slots + h->app_threads; plan->slot++, plan->step = 0) {
		uint64_t slot_offset = h->slots_offset + (uint64_t)plan->slot * OM_SLOT_SIZE;
		const struct slot_step *step;

		if (plan->step == SLOT_STEPS || (slot_steps[plan->step].first_slot_only && plan->slot > 0))
			continue;
		step = &slot_steps[plan->step++];
		run->offset = slot_offset + step->offset;
		run->length = step->length;
		run->secinfo_flags = step->secinfo_flags;
		run->source = NULL;
		if (step->secinfo_flags == SGX_SECINFO_TCS) {
			build_tcs(&plan->page.tcs, plan->image, slot_offset);
			run->source = plan->page.bytes;
		}
		return true;
	}
	return false;
}

bool om_image_plan_next(struct om_image_plan *plan, struct om_image_run *ret_run)
{
	for (; plan->segment < plan->image->segment_count; plan->segment++, plan->position = 0)
		if (next_of_segment(plan, ret_run))
			return true;
	return next_of_slots(plan, ret_run);
}

bool om_image_bss(const struct om_image *image, uint32_t index, uint64_t *ret_offset, uint64_t *ret_length)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct om_image_segment *s = &image->segments[i];
		uint64_t from = page_down(s->offset) + added_size(s), to = page_up(s->offset + s->memory_size);

		if (from >= to || index-- > 0)
			continue;
		*ret_offset = from;
		*ret_length = to - from;
		return true;
	}
	return false;
}
