/* SPDX-License-Identifier: Apache-2.0 */
/* optmig-sign: signs an image, prints its measurement, or makes a key. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sign.h"

static int usage(int status)
{
	fputs("usage: optmig-sign [--key FILE] IMAGE     sign IMAGE in place\n"
	      "       optmig-sign --measure IMAGE        print MRENCLAVE\n"
	      "       optmig-sign --signer FILE          print MRSIGNER of what this key signs\n"
	      "       optmig-sign --make-key FILE        make an RSA-3072 signing key\n"
	      "       optmig-sign --guest-signer KEY     print the key as a policy's guest-signer names it\n"
	      "       optmig-sign --guest-list POLICY --version N --key KEY --output LIST\n"
	      "                                          sign the guests and floors of a policy's text, for --guests of\n"
	      "                                          optmig migrate and receive (optmig-policy(5))\n", status ? stderr : stdout);
	return status;
}

static int report(int r)
{
	if (r < 0)
		fprintf(stderr, "optmig-sign: %s\n", sign_last_error());
	return r < 0;
}

static int print(int r, const uint8_t hash[32])
{
	for (int i = 0; r == 0 && i < 32; i++)
		printf("%02x%s", hash[i], i == 31 ? "\n" : "");
	return report(r);
}

static int guest_list(char **argument)
{
	char *end;
	unsigned long long version;

	if (strcmp(argument[1], "--version") || strcmp(argument[3], "--key") || strcmp(argument[5], "--output"))
		return usage(2);
	errno = 0;
	version = strtoull(argument[2], &end, 10);
	if (errno || *end || end == argument[2] || argument[2][0] == '-')
		return usage(2);
	return report(sign_guest_list(argument[0], version, argument[4], argument[6]));
}

int main(int argc, char **argv)
{
	uint8_t hash[32];
	char hex[193];

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return usage(0);
	if (argc == 3 && strcmp(argv[1], "--measure") == 0)
		return print(sign_measure(argv[2], hash), hash);
	if (argc == 3 && strcmp(argv[1], "--signer") == 0)
		return print(sign_signer(argv[2], hash), hash);
	if (argc == 3 && strcmp(argv[1], "--make-key") == 0)
		return report(sign_make_key(argv[2]));
	if (argc == 3 && strcmp(argv[1], "--guest-signer") == 0) {
		int r = sign_guest_signer(argv[2], hex);

		if (r == 0)
			puts(hex);
		return report(r);
	}
	if (argc == 9 && strcmp(argv[1], "--guest-list") == 0)
		return guest_list(argv + 2);
	if (argc == 4 && strcmp(argv[1], "--key") == 0)
		return report(sign_image(argv[3], argv[2]));
	if (argc == 2 && argv[1][0] != '-')
		return report(sign_image(argv[1], NULL));
	return usage(2);
}
