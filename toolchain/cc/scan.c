/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optmig-scan IMAGE [MAP [RUNTIME [XFRM]]]: disassembles what the image may execute and names every instruction that an enclave must not
 * contain. RUNTIME is the archive whose code is trusted. Exit status 1 if there is one. Vector instructions for registers that
 * XFRM (OM_XFRM_*) lacks are only noted, for the program may never come to them. The scan is a program of its own, because LLVM takes time to load and
 * most runs of optmig-cc do not need it.
 *
 * The disassembly is linear, begun anew at every symbol, so that data between functions cannot put it out of step.
 * The scan judges code that the compiler and honest authors made. It is no barrier against hostile code, and need not be one:
 * in an enclave these instructions fault.
 */
#include <elf.h>
#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "image.h"
#include "map.h"

struct ban { const char *mnemonic; const char *cure; };

/* Source: SDM 3D, 36.6.1, "Illegal Instructions Inside an Enclave"; and what only the kernel may use. */
static const struct ban bans[] = {
	{"syscall", "call libc's syscall(); in inline assembly compiled by optmig-cc the mnemonic is replaced by itself"},
	{"sysenter", "call libc's syscall()"},
	{"int", "call libc's syscall()"},
	{"cpuid", "use __builtin_cpu_supports() or <cpuid.h>; in inline assembly compiled by optmig-cc the mnemonic is replaced by itself"},
	{"in", "ports do not exist inside an enclave"}, {"inb", "ports do not exist inside an enclave"},
	{"inw", "ports do not exist inside an enclave"}, {"inl", "ports do not exist inside an enclave"},
	{"insb", "ports do not exist inside an enclave"}, {"insw", "ports do not exist inside an enclave"},
	{"insl", "ports do not exist inside an enclave"}, {"outb", "ports do not exist inside an enclave"},
	{"outw", "ports do not exist inside an enclave"}, {"outl", "ports do not exist inside an enclave"},
	{"outsb", "ports do not exist inside an enclave"}, {"outsw", "ports do not exist inside an enclave"},
	{"outsl", "ports do not exist inside an enclave"},
	{"hlt", "use __builtin_trap()"},
	{"rdmsr", "privileged"}, {"wrmsr", "privileged"}, {"cli", "privileged"}, {"sti", "privileged"},
	{"rdpmc", "performance counters do not exist inside an enclave"},
	{"sgdtq", "privileged"}, {"sidtq", "privileged"}, {"sldtw", "privileged"}, {"sldtl", "privileged"}, {"sldtq", "privileged"},
	{"strw", "privileged"}, {"strl", "privileged"}, {"strq", "privileged"},
	{"vmcall", "no hypervisor calls inside an enclave"}, {"vmfunc", "no hypervisor calls inside an enclave"},
	{"vmmcall", "no hypervisor calls inside an enclave"}, {"getsec", "privileged"}, {"iretq", "privileged"}, {"iretl", "privileged"},
	{"lcallq", "no far calls inside an enclave"}, {"lcalll", "no far calls inside an enclave"},
	{"ljmpq", "no far jumps inside an enclave"}, {"ljmpl", "no far jumps inside an enclave"},
	{"lretq", "no far returns inside an enclave"}, {"lretl", "no far returns inside an enclave"},
	{"rsm", "privileged"}, {"invd", "privileged"}, {"wbinvd", "privileged"}, {"swapgs", "privileged"},
	{"wrgsbase", "GS is the card table's"}, {"wrgsbasel", "GS is the card table's"}, {"wrgsbaseq", "GS is the card table's"},
};
static const struct ban enclu = {"enclu", "only the runtime may use ENCLU"};

struct scan {
	LLVMDisasmContextRef disassembler;
	const struct cc_map *map;
	const char *runtime;
	uint64_t xfrm;
	unsigned found, missing;   /* missing: instructions for registers that there will not be; the first is at: */
	uint64_t missing_at;
};

static const struct ban *banned(const struct scan *s, const char *mnemonic, uint64_t address)
{
	if (strcmp(mnemonic, enclu.mnemonic) == 0)
		return s->runtime && starts_with(cc_map_object(s->map, address), s->runtime) ? NULL : &enclu;
	for (size_t i = 0; i < sizeof bans / sizeof *bans; i++)
		if (strcmp(mnemonic, bans[i].mnemonic) == 0) return &bans[i];
	return NULL;
}

static void report(struct scan *s, const struct ban *ban, uint64_t address)
{
	if (s->found++ < 20)
		cc_error("%s in function %s of %s (at 0x%llx): not allowed inside an enclave; %s", ban->mnemonic, cc_map_symbol(s->map, address),
			cc_map_object(s->map, address), (unsigned long long)address, ban->cure);
}

/* Which of OM_XFRM_* the instruction wants. Source: SDM 2, 2.3 (VEX) and 2.7 (EVEX): in 64-bit mode C4, C5 and 62 are nothing else. */
static uint64_t state_needed(const uint8_t *code, size_t size, const char *text)
{
	size_t at = 0;
	while (at + 1 < size && (code[at] == 0x64 || code[at] == 0x65 || code[at] == 0x67)) at++;
	if (code[at] == 0x62) return OM_XFRM_AVX512;
	if (code[at] != 0xc4 && code[at] != 0xc5) return OM_XFRM_SSE;
	for (const char *p = strchr(text, '%'); p; p = strchr(p + 1, '%'))
		if (p[1] == 'k') return OM_XFRM_AVX512;
	return strstr(text, "%ymm") || strstr(text, "%xmm") ? OM_XFRM_AVX : OM_XFRM_SSE; /* the rest has general registers only */
}

static void judge_state(struct scan *s, const uint8_t *code, size_t size, const char *text, uint64_t address)
{
	if (!(state_needed(code, size, text) & ~s->xfrm)) return;
	if (s->runtime && starts_with(cc_map_object(s->map, address), s->runtime)) return; /* it asks first */
	if (s->missing++ == 0) s->missing_at = address;
}

static void scan_range(struct scan *s, uint8_t *bytes, uint64_t size, uint64_t address)
{
	char text[256];
	for (uint64_t at = 0; at < size;) {
		size_t n = LLVMDisasmInstruction(s->disassembler, bytes + at, size - at, address + at, text, sizeof text);
		if (!n) { at++; continue; }
		if (s->xfrm) judge_state(s, bytes + at, n, text, address + at);
		/* Prefixes are printed before the mnemonic. */
		for (char *rest = text, *word; (word = strsep(&rest, " \t"));) {
			if (!*word) continue;
			const struct ban *ban = banned(s, word, address + at);
			if (ban) { report(s, ban, address + at); break; }
			if (strcmp(word, "rep") && strcmp(word, "repne") && strcmp(word, "lock") && strcmp(word, "data16")) break;
		}
		at += n;
	}
}

static void scan_segment(struct scan *s, uint8_t *bytes, uint64_t size, uint64_t address)
{
	uint64_t from = address, end = address + size;
	for (size_t i = 0; i < s->map->symbol_count && from < end; i++) {
		uint64_t to = s->map->symbol[i].address;
		if (to <= from) continue;
		if (to > end) to = end;
		scan_range(s, bytes + (from - address), to - from, from);
		from = to;
	}
	if (from < end) scan_range(s, bytes + (from - address), end - from, from);
}

static int scan_file(struct scan *s, uint8_t *data, size_t size, const char *path)
{
	Elf64_Ehdr eh;
	if (size < sizeof eh || memcmp(data, ELFMAG, SELFMAG)) { cc_error("%s: not an ELF file", path); return 1; }
	memcpy(&eh, data, sizeof eh);
	for (unsigned i = 0; i < eh.e_phnum && eh.e_phoff + (i + 1) * sizeof(Elf64_Phdr) <= size; i++) {
		Elf64_Phdr ph;
		memcpy(&ph, data + eh.e_phoff + i * sizeof ph, sizeof ph);
		if (ph.p_type == PT_DYNAMIC) { cc_error("%s is dynamically linked; an image is static", path); s->found++; }
		if (ph.p_type != PT_LOAD || !(ph.p_flags & PF_X)) continue;
		if (ph.p_flags & PF_W) { cc_error("%s has a segment that is writable and executable", path); s->found++; }
		if (ph.p_offset > size || ph.p_filesz > size - ph.p_offset) { cc_error("%s is truncated", path); return 1; }
		scan_segment(s, data + ph.p_offset, ph.p_filesz, ph.p_vaddr);
	}
	for (unsigned i = 0; i < eh.e_shnum && eh.e_shoff + (i + 1) * sizeof(Elf64_Shdr) <= size; i++) {
		Elf64_Shdr sh;
		memcpy(&sh, data + eh.e_shoff + i * sizeof sh, sizeof sh);
		if ((sh.sh_type == SHT_RELA || sh.sh_type == SHT_REL) && (sh.sh_flags & SHF_ALLOC) && sh.sh_size) {
			cc_error("%s has relocations that would have to be applied when it starts (an ifunc?)", path);
			s->found++;
		}
	}
	return s->found != 0;
}

int main(int argc, char **argv)
{
	struct cc_map map = {0};
	size_t size = 0;
	if (argc < 2 || argc > 5) { fputs("usage: optmig-scan IMAGE [LINK-MAP [RUNTIME [XFRM]]]\n", stderr); return 2; }
	uint8_t *data = (uint8_t *)cc_read_file(argv[1], &size);
	if (!data || (argc > 2 && cc_map_read(argv[2], &map))) { cc_error("%s cannot be read", data ? argv[2] : argv[1]); return 2; }
	LLVMInitializeX86TargetInfo();
	LLVMInitializeX86TargetMC();
	LLVMInitializeX86Disassembler();
	struct scan s = {
		.disassembler = LLVMCreateDisasm("x86_64-unknown-linux-musl", NULL, 0, NULL, NULL),
		.map = &map,
		.runtime = argc > 3 ? argv[3] : NULL,
		.xfrm = argc > 4 ? strtoull(argv[4], NULL, 0) : 0,
	};
	if (!s.disassembler) { cc_error("LLVM has no disassembler for x86-64"); return 2; }
	int status = scan_file(&s, data, size, argv[1]);
	if (s.found > 20) cc_error("... and %u more", s.found - 20);
	if (s.missing)
		cc_note("function %s of %s and %u instructions in all are for %s, which the image will not have: if the program gets to "
			"them, it dies of SIGILL (-Xoptmig xfrm=%s)", cc_map_symbol(&map, s.missing_at), cc_map_object(&map, s.missing_at), s.missing,
			s.xfrm == OM_XFRM_SSE ? "AVX" : "AVX-512", s.xfrm == OM_XFRM_SSE ? "avx" : "avx512");
	return status;
}
