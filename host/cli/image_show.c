/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig image show FILE`: what an image is, what it allows, and what it leaves to its host.
 *
 * A file may come from anybody, and what is printed here decides whether it is trusted. So everything is read from the bytes that are
 * measured. Header and launch stand at a fixed place behind the program headers. Nobody measures the section headers, so they have to agree
 * with that place. MRENCLAVE is computed. Texts of the file are printed without control characters.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"
#include "evidence/accept/policy_text.h"
#include "imagefile.h"
#include "launch.h"
#include "measure.h"
#include "strerror.h"
#include "util.h"

struct shown {
	struct om_image image;
	const uint8_t *file;
	uint64_t size;
	uint8_t mrenclave[32], mrsigner[32];
	bool is_signed;              /* by mrsigner, and over these contents */
	uint16_t svn;
	struct om_launch launch;
	char policy[32768];
};

/* ---- reading ---------------------------------------------------------------------------------------------------------------- */

static int map_file(const char *path, struct shown *s)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat stat;
	void *at = MAP_FAILED;

	if (fd < 0 || fstat(fd, &stat))
		host_error("image show: %s: %s", path, strerror(errno));
	else if (!S_ISREG(stat.st_mode) || stat.st_size == 0)
		host_error("image show: %s: not a regular file with contents", path);
	else if ((at = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		host_error("image show: %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (at == MAP_FAILED)
		return OM_EIO;
	s->file = at;
	s->size = (uint64_t)stat.st_size;
	return 0;
}

static uint64_t up(uint64_t value, uint64_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/* What optmig-cc's linker script says: ELF header, program headers, header, launch, each from a multiple of 64 on. */
static int find_launch(struct shown *s)
{
	const struct om_image_segment *first = &s->image.segments[0];
	uint64_t at, left, size = OM_LAUNCH_HEAD;
	Elf64_Ehdr eh;
	uint64_t magic = 0;

	memcpy(&eh, s->file, sizeof eh); /* om_image_open() has looked at it */
	at = up(eh.e_phoff + (uint64_t)eh.e_phnum * sizeof(Elf64_Phdr), 64);
	if (first->offset || first->file_offset || eh.e_phoff != sizeof eh || at != s->image.header_file_offset)
		return OM_EIMAGE;
	at = up(at + sizeof(struct om_image_header), 64);
	left = first->file_size > at ? first->file_size - at : 0;
	if (left >= sizeof magic)
		memcpy(&magic, s->file + at, sizeof magic);
	if (magic != OM_LAUNCH_MAGIC)
		return om_launch_decode(NULL, 0, &s->launch);
	if (left >= 12 && s->file[at + 8] != OM_LAUNCH_VERSION)
		return OM_EVERSION;
	/* Its length follows from what it says: what is behind it belongs to others. */
	size = om_launch_extent(s->file + at, left);
	return size ? om_launch_decode(s->file + at, size, &s->launch) : OM_ETRUNCATED;
}

static BIGNUM *number(const uint8_t little[384])
{
	return BN_lebin2bn(little, 384, NULL);
}

/* RSA with exponent 3 and PKCS #1 v1.5 padding over the parts of SIGSTRUCT that are signed (SDM 3D 38.13). */
static bool signature_is_good(const struct sgx_sigstruct *sig)
{
	static const uint8_t prefix[] = { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
		0x04, 0x20 };
	uint8_t signed_bytes[256], expected[384], found[384];
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *n = number(sig->modulus), *x = number(sig->signature), *e = BN_new(), *r = BN_new();
	bool good = false;

	memcpy(signed_bytes, sig, 128);
	memcpy(signed_bytes + 128, (const uint8_t *)sig + 900, 128);
	memset(expected, 0xff, sizeof expected);
	expected[0] = 0;
	expected[1] = 1;
	expected[384 - 32 - sizeof prefix - 1] = 0;
	memcpy(expected + 384 - 32 - sizeof prefix, prefix, sizeof prefix);
	SHA256(signed_bytes, sizeof signed_bytes, expected + 384 - 32);
	if (ctx && n && x && e && r && BN_is_odd(n) && BN_num_bits(n) == 3072 && BN_cmp(x, n) < 0 && BN_set_word(e, 3) && BN_mod_exp(r, x, e, n, ctx) &&
	    BN_bn2binpad(r, found, sizeof found) == (int)sizeof found)
		good = sig->exponent == 3 && memcmp(found, expected, sizeof found) == 0;
	BN_free(n);
	BN_free(x);
	BN_free(e);
	BN_free(r);
	BN_CTX_free(ctx);
	return good;
}

static void read_signature(struct shown *s)
{
	struct sgx_sigstruct sig;

	if (!s->image.sigstruct_file_offset)
		return;
	memcpy(&sig, s->file + s->image.sigstruct_file_offset, sizeof sig);
	SHA256(sig.modulus, sizeof sig.modulus, s->mrsigner);
	s->svn = sig.isvsvn;
	s->is_signed = memcmp(sig.enclavehash, s->mrenclave, sizeof s->mrenclave) == 0 && signature_is_good(&sig);
}

static int read_image(const char *path, struct shown *s)
{
	struct om_policy policy;
	int error = map_file(path, s);

	if (error)
		return error;
	error = om_image_open(s->file, s->size, false, &s->image);
	if (error) {
		host_error("image show: %s: %s", path, s->image.reason ? s->image.reason : om_strerror(error));
		return error;
	}
	error = find_launch(s);
	if (error) {
		host_error("image show: %s: %s", path, error == OM_EIMAGE ? "its header is not where optmig-cc puts it" :
			error == OM_EVERSION ? "what it says of its launch is of another version: link it again" :
			"what it says of its arguments, environment and files is damaged");
		return error;
	}
	error = om_policy_decode(s->image.header.policy, s->image.header.policy_size, &policy);
	if (error) {
		host_error("image show: %s: its attestation policy is damaged", path);
		return error;
	}
	(void)om_policy_to_text(&policy, s->policy, sizeof s->policy); /* there is room for any */
	om_measure_image(&s->image, 0, s->mrenclave);
	read_signature(s);
	return 0;
}

/* ---- texts of the file -------------------------------------------------------------------------------------------------------- */

static void hex(const uint8_t *bytes, size_t size, char *ret_text)
{
	for (size_t i = 0; i < size; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

/* No terminal is moved by it, no line added. The caller frees. */
static char *plain(struct om_launch_string s)
{
	char *text = malloc(4 * (size_t)s.size + 1), *at = text;

	for (uint32_t i = 0; text && i < s.size; i++) {
		const unsigned char c = (unsigned char)s.text[i];

		if (c >= ' ' && c < 0x7f && c != '\\')
			*at++ = (char)c;
		else
			at += snprintf(at, 5, c == '\\' ? "\\\\" : "\\x%02x", c);
	}
	if (text)
		*at = 0;
	return text;
}

static struct om_launch_string string_of(const struct shown *s, enum om_launch_list list, uint32_t i)
{
	return om_launch_string(&s->launch, list, i);
}

/* ---- for people ----------------------------------------------------------------------------------------------------------------- */

static void print_line(const char *title, const char *format, struct om_launch_string string)
{
	char *text = plain(string);

	printf("%-12s ", title);
	printf(format, text ? text : "?");
	putchar('\n');
	free(text);
}

static const char *lineage(const struct shown *s)
{
	static const char *const names[] = { [OM_LINEAGE_NEW] = "new", [OM_LINEAGE_SEAL] = "seal", [OM_LINEAGE_OWNER] = "owner" };

	return names[s->launch.lineage];
}

/* As the image's options call it. */
static const char *signal_name(const struct shown *s)
{
	static char number[12];
	const char *name = sigabbrev_np((int)s->launch.after_move);

	snprintf(number, sizeof number, "%u", s->launch.after_move);
	return name ? name : number;
}

static void print_list(const struct shown *s, const char *title, const char *format, enum om_launch_list list)
{
	for (uint32_t i = 0; i < s->launch.count[list]; i++)
		print_line(i ? "" : title, format, string_of(s, list, i));
}

static void print_trusted(const struct shown *s)
{
	for (uint32_t i = 0; i < s->launch.count[OM_LAUNCH_TRUSTED]; i++) {
		char *name = plain(string_of(s, OM_LAUNCH_TRUSTED, i)), digits[65];
		uint8_t hash[OM_SHA256_SIZE];

		om_launch_file_hash(&s->launch, i, hash);
		hex(hash, sizeof hash, digits);
		printf("%-12s %s  %llu  %s\n", i ? "" : "trusted", digits, (unsigned long long)om_launch_file_size(&s->launch, i), name ? name : "?");
		free(name);
	}
}

static void print_policy(const struct shown *s)
{
	const char *at = s->policy;

	for (const char *end; (end = strchr(at, '\n')); at = end + 1)
		printf("%-12s %.*s\n", at == s->policy ? "policy" : "", (int)(end - at), at);
}

/* What the lists above mean, and what they do not say. */
static void print_host(const struct shown *s)
{
	const struct om_launch *l = &s->launch;

	puts("\nLeft to the host:");
	if (s->image.header.flags & OM_IMAGE_DEBUG)
		puts("  - everything: this is a debug image, whose memory its host can read and write");
	if (l->any & OM_LAUNCH_ANY_ARGS)
		puts("  - the arguments, argv[0] too");
	if (l->any & OM_LAUNCH_ANY_ENV)
		puts("  - the environment, but for the variables that are set above");
	else if (l->count[OM_LAUNCH_PASS])
		puts("  - the values of the variables that are passed, and whether they are there");
	if (l->any & OM_LAUNCH_ANY_FILES)
		puts(om_launch_rules_files(l) ? "  - the content of all files but the trusted ones, and what names other than theirs lead to" : "  - the content of all files");
	else if (l->count[OM_LAUNCH_ALLOWED])
		puts("  - the content of the files that are allowed");
	puts("  - whether a file is there and can be opened, its times, owners and permissions");
	puts("  - standard input, inherited descriptors, everything that comes from the network, clocks, host and user names, signals");
	if (!s->is_signed)
		puts("\nThe signature is not valid for these contents: the image cannot be started.");
}

/* The vector registers that exist inside; every host that it goes to must offer them. */
static const char *vector_state(uint64_t xfrm)
{
	return xfrm & ~(uint64_t)OM_XFRM_AVX ? "avx512" : xfrm & ~(uint64_t)OM_XFRM_SSE ? "avx" : "sse";
}

static void print_text(const struct shown *s)
{
	const struct om_image_header *h = &s->image.header;
	char digits[65];

	print_line("name", "%s", (struct om_launch_string){ h->program_name, (uint32_t)strnlen(h->program_name, sizeof h->program_name) });
	printf("%-12s %s\n", "kind", h->flags & OM_IMAGE_DEBUG ? "debug" : "production");
	hex(s->mrenclave, sizeof s->mrenclave, digits);
	printf("%-12s %s\n", "MRENCLAVE", digits);
	hex(s->mrsigner, sizeof s->mrsigner, digits);
	printf("%-12s %s%s\n", "MRSIGNER", s->image.sigstruct_file_offset ? digits : "none", s->is_signed ? "" : " (not of these contents)");
	printf("%-12s %u\n", "SVN", s->svn);
	printf("%-12s heap %llu MiB, %u threads, %u descriptors\n", "limits", (unsigned long long)h->heap_size >> 20, h->app_threads, h->file_max);
	printf("%-12s %s\n", "xfrm", vector_state(h->xfrm));
	print_policy(s);
	if (s->launch.any & OM_LAUNCH_ANY_ARGS)
		printf("%-12s any\n", "args");
	print_list(s, "args", "\"%s\"", OM_LAUNCH_ARGS);
	printf("%-12s %s\n", "env", s->launch.any & OM_LAUNCH_ANY_ENV ? "any" : s->launch.count[OM_LAUNCH_PASS] ? "only what follows" :
		s->launch.count[OM_LAUNCH_SET] ? "only what is set" : "none");
	print_list(s, "  pass", "%s", OM_LAUNCH_PASS);
	print_list(s, "  set", "%s", OM_LAUNCH_SET);
	printf("%-12s %s\n", "files", !(s->launch.any & OM_LAUNCH_ANY_FILES) ? "only what follows" :
		om_launch_rules_files(&s->launch) ? "any; those that follow are checked" : "any");
	print_trusted(s);
	print_list(s, "  all of", "%s", OM_LAUNCH_SEALED);
	print_list(s, "encrypted", "%s", OM_LAUNCH_ENCRYPTED);
	print_list(s, "allowed", "%s", OM_LAUNCH_ALLOWED);
	print_line("lineage", "%s", (struct om_launch_string){ lineage(s), (uint32_t)strlen(lineage(s)) });
	print_list(s, "waits for", "%s", OM_LAUNCH_SECRETS);
	print_list(s, "unlocked by", "%s", OM_LAUNCH_UNLOCK);
	if (s->launch.after_move)
		printf("%-12s %s\n", "after a move", signal_name(s));
	print_host(s);
}

/* ---- for programs ----------------------------------------------------------------------------------------------------------------- */

static json_t *json_list(const struct shown *s, enum om_launch_list list)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < s->launch.count[list]; i++) {
		char *text = plain(string_of(s, list, i));

		json_array_append_new(array, json_string(text ? text : "?"));
		free(text);
	}
	return array;
}

static json_t *json_any(const struct shown *s, uint32_t flag, enum om_launch_list list)
{
	return s->launch.any & flag ? json_string("any") : json_list(s, list);
}

static json_t *json_trusted(const struct shown *s)
{
	json_t *array = json_array();

	for (uint32_t i = 0; i < s->launch.count[OM_LAUNCH_TRUSTED]; i++) {
		char *name = plain(string_of(s, OM_LAUNCH_TRUSTED, i)), digits[65];
		uint8_t hash[OM_SHA256_SIZE];

		om_launch_file_hash(&s->launch, i, hash);
		hex(hash, sizeof hash, digits);
		json_array_append_new(array, json_pack("{s:s, s:I, s:s}", "path", name ? name : "?", "size",
			(json_int_t)om_launch_file_size(&s->launch, i), "hash", digits));
		free(name);
	}
	return array;
}

static void print_json(const struct shown *s)
{
	const struct om_image_header *h = &s->image.header;
	char mrenclave[65], mrsigner[65], *name = plain((struct om_launch_string){ h->program_name, (uint32_t)strnlen(h->program_name, sizeof h->program_name) });
	json_t *all;

	hex(s->mrenclave, sizeof s->mrenclave, mrenclave);
	hex(s->mrsigner, sizeof s->mrsigner, mrsigner);
	all = json_pack("{s:s, s:b, s:s, s:s, s:b, s:i, s:s}", "name", name ? name : "?", "debug", (h->flags & OM_IMAGE_DEBUG) != 0, "mrenclave", mrenclave,
		"mrsigner", mrsigner, "signature_valid", s->is_signed, "svn", s->svn, "policy", s->policy);
	json_object_set_new(all, "xfrm", json_string(vector_state(h->xfrm)));
	json_object_set_new(all, "args", json_any(s, OM_LAUNCH_ANY_ARGS, OM_LAUNCH_ARGS));
	json_object_set_new(all, "env", json_pack("{s:o, s:o}", "pass", json_any(s, OM_LAUNCH_ANY_ENV, OM_LAUNCH_PASS), "set", json_list(s, OM_LAUNCH_SET)));
	json_object_set_new(all, "files", json_pack("{s:o, s:o, s:o}", "trusted", json_trusted(s), "trusted_directories", json_list(s, OM_LAUNCH_SEALED),
		"allowed", json_any(s, OM_LAUNCH_ANY_FILES, OM_LAUNCH_ALLOWED)));
	json_object_set_new(json_object_get(all, "files"), "encrypted", json_list(s, OM_LAUNCH_ENCRYPTED));
	json_object_set_new(all, "lineage", json_string(lineage(s)));
	json_object_set_new(all, "secrets", json_pack("{s:o, s:o}", "wait", json_list(s, OM_LAUNCH_SECRETS), "owner", json_list(s, OM_LAUNCH_UNLOCK)));
	json_object_set_new(all, "after_move", s->launch.after_move ? json_string(signal_name(s)) : json_null());
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
	free(name);
}

int cli_image_show(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	static struct shown s;
	bool json = false;
	int c;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case 'j': json = true; break;
		case 'h':
			puts("usage: optmig image show [--json] FILE\nSays what an image is and allows, and what it leaves to its host.");
			return 0;
		default:  return HOST_EXIT_USAGE;
		}
	if (optind + 1 != argc) {
		host_error("image show: which image? `optmig image show FILE`");
		return HOST_EXIT_USAGE;
	}
	if (read_image(argv[optind], &s))
		return 1;
	if (json)
		print_json(&s);
	else
		print_text(&s);
	return s.is_signed ? 0 : 1;
}
