/* SPDX-License-Identifier: Apache-2.0 */
/* optmig-sign: signs images, in one step or with a key that lies elsewhere; keys, and signed lists of guests. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sign.h"

static const char help[] =
	"usage: optmig-sign [--key FILE] [--svn N] IMAGE     sign IMAGE in place\n"
	"       optmig-sign --prepare DATA [--svn N] IMAGE   write what is to be signed to DATA, for a key that lies elsewhere:\n"
	"                                                    openssl dgst -sha256 -sign KEY -out SIGNATURE DATA\n"
	"       optmig-sign --signature SIGNATURE --public-key FILE IMAGE   bring that signature into IMAGE\n"
	"       optmig-sign --show IMAGE|DATA                print what is signed, and by whom\n"
	"       optmig-sign --measure IMAGE                  print MRENCLAVE\n"
	"       optmig-sign --signer FILE                    print MRSIGNER of what this key (public or private) signs\n"
	"       optmig-sign --make-key FILE                  make an RSA-3072 signing key\n"
	"       optmig-sign --guest-signer KEY               print the key as a policy's guest-signer names it\n"
	"       optmig-sign --guest-list POLICY --version N --key KEY --output LIST\n"
	"                                                    sign the guests and floors of a policy's text, for --guests of\n"
	"                                                    optmig migrate and receive (optmig-policy(5))\n"
	"Without --key, OPTMIG_SIGN_KEY names the key; without both it is the development key, which signs debug images only.\n"
	"Manual: optmig-sign(1).\n";

enum { OPT_KEY = 1, OPT_SVN, OPT_PREPARE, OPT_SIGNATURE, OPT_PUBLIC, OPT_SHOW, OPT_MEASURE, OPT_SIGNER, OPT_MAKE_KEY, OPT_GUEST_SIGNER,
	OPT_GUEST_LIST, OPT_VERSION, OPT_OUTPUT, OPT_HELP, OPT_COUNT };
static const struct option longs[] = {
	{ "key", required_argument, NULL, OPT_KEY },
	{ "svn", required_argument, NULL, OPT_SVN },
	{ "prepare", required_argument, NULL, OPT_PREPARE },
	{ "signature", required_argument, NULL, OPT_SIGNATURE },
	{ "public-key", required_argument, NULL, OPT_PUBLIC },
	{ "show", required_argument, NULL, OPT_SHOW },
	{ "measure", required_argument, NULL, OPT_MEASURE },
	{ "signer", required_argument, NULL, OPT_SIGNER },
	{ "make-key", required_argument, NULL, OPT_MAKE_KEY },
	{ "guest-signer", required_argument, NULL, OPT_GUEST_SIGNER },
	{ "guest-list", required_argument, NULL, OPT_GUEST_LIST },
	{ "version", required_argument, NULL, OPT_VERSION },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};
#define BIT(option) (1u << (option))
/* What goes with what: one action each, which of its options must be there, and which may. */
static const struct { unsigned action, needed, allowed; bool image; } forms[] = {
	{ 0, 0, BIT(OPT_KEY) | BIT(OPT_SVN), true },
	{ BIT(OPT_PREPARE), 0, BIT(OPT_SVN), true },
	{ BIT(OPT_SIGNATURE), BIT(OPT_PUBLIC), 0, true },
	{ BIT(OPT_GUEST_LIST), BIT(OPT_VERSION) | BIT(OPT_KEY) | BIT(OPT_OUTPUT), 0, false },
	{ BIT(OPT_SHOW), 0, 0, false }, { BIT(OPT_MEASURE), 0, 0, false }, { BIT(OPT_SIGNER), 0, 0, false },
	{ BIT(OPT_MAKE_KEY), 0, 0, false }, { BIT(OPT_GUEST_SIGNER), 0, 0, false },
};

static const char *value[OPT_COUNT];
static unsigned given;

static int report(int r)
{
	if (r < 0)
		fprintf(stderr, "optmig-sign: %s\n", sign_last_error());
	return r < 0;
}

static int say(const char *words)
{
	fprintf(stderr, "optmig-sign: %s\n", words);
	return 1;
}

static void print_hash(const char *name, const uint8_t hash[32])
{
	printf("%s", name);
	for (int i = 0; i < 32; i++)
		printf("%02x", hash[i]);
	putchar('\n');
}

static int print(int r, const uint8_t hash[32])
{
	if (r == 0)
		print_hash("", hash);
	return report(r);
}

static bool number(const char *text, unsigned long long max, unsigned long long *ret_value)
{
	char *end;

	errno = 0;
	*ret_value = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !*end && !errno && *ret_value <= max;
}

static int show(const char *path)
{
	struct sgx_sigstruct s;
	uint8_t mrsigner[32];
	bool is_signed;
	int r = sign_read(path, &s, &is_signed);

	if (r < 0)
		return report(r);
	print_hash("mrenclave:  ", s.enclavehash);
	sign_mrsigner(&s, mrsigner);
	if (is_signed)
		print_hash("mrsigner:   ", mrsigner);
	else
		printf("mrsigner:   not signed\n");
	printf("svn:        %u\ndate:       %04x-%02x-%02x\ndebug:      %s\nattributes: %#llx, XFRM %#llx\n", s.isvsvn, s.date >> 16,
		s.date >> 8 & 0xff, s.date & 0xff, s.attributes.flags & SGX_ATTR_DEBUG ? "yes: no place for secrets" : "no",
		(unsigned long long)s.attributes.flags, (unsigned long long)s.attributes.xfrm);
	return 0;
}

static int prepare(const char *image, const struct sign_request *request)
{
	uint8_t data[SIGN_DATA_SIZE];
	int r = sign_prepare(image, request, data);
	FILE *f;
	bool good;

	if (r < 0)
		return report(r);
	f = fopen(value[OPT_PREPARE], "we");
	good = f && fwrite(data, 1, sizeof data, f) == sizeof data;
	if (f && fclose(f))
		good = false;
	if (!good)
		fprintf(stderr, "optmig-sign: %s: %s\n", value[OPT_PREPARE], strerror(errno));
	return !good;
}

static int complete(const char *image)
{
	uint8_t signature[385];
	FILE *f = fopen(value[OPT_SIGNATURE], "re");
	size_t size = f ? fread(signature, 1, sizeof signature, f) : 0;

	if (!f) {
		fprintf(stderr, "optmig-sign: %s: %s\n", value[OPT_SIGNATURE], strerror(errno));
		return 1;
	}
	fclose(f);
	return report(sign_complete(image, value[OPT_PUBLIC], signature, size));
}

static int sign(const char *image)
{
	struct sign_request request = { .key_pem = value[OPT_KEY], .svn = SIGN_SVN_KEPT };
	unsigned long long svn;

	if (value[OPT_SVN] && !number(value[OPT_SVN], UINT16_MAX, &svn))
		return say("--svn takes a number from 0 to 65535");
	if (value[OPT_SVN])
		request.svn = (int)svn;
	if (value[OPT_SIGNATURE])
		return complete(image);
	return value[OPT_PREPARE] ? prepare(image, &request) : report(sign_image(image, &request));
}

static int guest_list(void)
{
	unsigned long long version;

	if (!number(value[OPT_VERSION], ULLONG_MAX, &version))
		return say("--version takes a number");
	return report(sign_guest_list(value[OPT_GUEST_LIST], version, value[OPT_KEY], value[OPT_OUTPUT]));
}

static int guest_signer(void)
{
	char hex[193];
	int r = sign_guest_signer(value[OPT_GUEST_SIGNER], hex);

	if (r == 0)
		puts(hex);
	return report(r);
}

static int act(const char *image)
{
	uint8_t hash[32];

	if (image)
		return sign(image);
	if (value[OPT_SHOW])
		return show(value[OPT_SHOW]);
	if (value[OPT_MEASURE])
		return print(sign_measure(value[OPT_MEASURE], hash), hash);
	if (value[OPT_SIGNER])
		return print(sign_signer(value[OPT_SIGNER], hash), hash);
	if (value[OPT_MAKE_KEY])
		return report(sign_make_key(value[OPT_MAKE_KEY]));
	return value[OPT_GUEST_SIGNER] ? guest_signer() : guest_list();
}

/* Each option once; the set of them is one of `forms`. */
static bool fits(int images)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		unsigned must = forms[i].action | forms[i].needed;

		if ((given & must) == must && !(given & ~(must | forms[i].allowed)) && images == forms[i].image)
			return true;
	}
	return false;
}

int main(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == OPT_HELP) {
			fputs(help, stdout);
			return 0;
		}
		if (c == '?' || given & BIT(c)) {
			fputs(help, stderr);
			return 2;
		}
		given |= BIT(c);
		value[c] = optarg;
	}
	if (!fits(argc - optind)) {
		fputs(help, stderr);
		return 2;
	}
	return act(optind < argc ? argv[optind] : NULL);
}
