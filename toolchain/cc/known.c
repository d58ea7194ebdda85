/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that need further switches beside CC=optmig-cc, mostly because they bring assembly that no pass has seen. `optmig-cc --print-known-switches`
 * prints the table, and a failed link prints a program's entry if it recognises the program. docs/build-systems.md has the table, too (a test
 * compares). A program is recognised by the folders that it is built in and by its libraries: gmp-6.2.1, gmp, libgmp.a.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <limits.h>
#include "cc.h"

static const struct known { const char *program, *command, *why; } known[] = {
	{"curl", "./configure --with-openssl=PREFIX (or --without-ssl)", "its libraries have to be built for enclaves, too"},
	{"dav1d", "meson setup -Denable_asm=false", "assembly"},
	{"dnsmasq", "make COPTS=-DNO_INOTIFY", "inotify does not exist inside, and it ends without"},
	{"ffmpeg", "./configure --disable-x86asm --disable-inline-asm", "assembly"},
	{"gmp", "./configure --disable-assembly", "assembly (mpn)"},
	{"libgcrypt", "./configure --disable-asm", "assembly (mpi, ciphers)"},
	{"libjpeg-turbo", "cmake -DWITH_SIMD=OFF", "assembly"},
	{"libsodium", "./configure --disable-asm", "assembly"},
	{"libvpx", "./configure --target=generic-gnu", "assembly"},
	{"mbedtls", "scripts/config.py unset MBEDTLS_HAVE_ASM (and MBEDTLS_AESNI_C, MBEDTLS_PADLOCK_C)", "inline assembly that writes memory"},
	{"nettle", "./configure --disable-assembler --disable-shared", "assembly"},
	{"nginx", "./configure --with-cc=optmig-cc --without-http_rewrite_module --without-http_gzip_module; nginx.conf: daemon off; master_process off;", "fork does not exist inside; PCRE and zlib have to be built for enclaves"},
	{"openssl", "./Configure linux-generic64 no-asm no-shared no-dso no-engine no-async", "assembly; contexts that it switches by itself"},
	{"perl", "./Configure -des -Dcc=optmig-cc -Uusedl", "there are no plug-ins"},
	{"python", "./configure --disable-shared MODULE_BUILDTYPE=static (modules: Modules/Setup.local, *static*)", "there are no plug-ins"},
	{"redis", "make MALLOC=libc", "so it is tested here; jemalloc was not tried"},
	{"x264", "./configure --disable-asm", "assembly"},
	{"zstd", "CPPFLAGS=\"-DZSTD_DISABLE_ASM=1 -DDYNAMIC_BMI2=0\" make ZSTD_NO_ASM=1", "assembly"},
};

static void print(const struct known *k, FILE *to)
{
	fprintf(to, "%-14s %s\n%-14s     (%s)\n", k->program, k->command, "", k->why);
}

/* Is the word the program's name, or its library's, perhaps with a version? */
static bool names(const char *word, size_t size, const char *program)
{
	size_t n = strlen(program);
	bool lib = size > 3 && strncmp(word, "lib", 3) == 0 && strncmp(program, "lib", 3) != 0;
	if (lib) { word += 3; size -= 3; }
	if (size < n || strncasecmp(word, program, n) != 0) return false;
	return size == n || strchr("-_.", word[n]) || isdigit((unsigned char)word[n]);
}

static const struct known *known_in_path(const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/(");
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			if (names(path, n, known[i].program)) return &known[i];
		path += n;
		path += *path != 0;
	}
	return NULL;
}

int cc_known_print(const char *program)
{
	int found = 0;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (program && !names(program, strlen(program), known[i].program)) continue; /* also "gmp-6.3" */
		print(&known[i], stdout);
		found = 1;
	}
	if (!found) fprintf(stderr, "optmig-cc: no switches are known for %s; if it has assembly, look for an option like --disable-asm\n", program);
	return !found;
}

void cc_known_hint(const char *path)
{
	static const struct known *told;
	const struct known *k = known_in_path(path);
	char directory[PATH_MAX];
	if (!k && path[0] != '/' && getcwd(directory, sizeof directory)) k = known_in_path(directory);
	if (!k || k == told) return;
	told = k;
	cc_note("this looks like %s, which is known to need: %s", k->program, k->command);
}
