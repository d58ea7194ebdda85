/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig guest id-key` and `id-block`: the owner's keys of SEV-SNP guests, and what they sign. The host gets the signed block alone; the keys stay
 * where they are.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"
#include "crypto/wipe.h"
#include "evidence/accept/policy_text.h"
#include "evidence/accept/ticket_text.h"
#include "evidence/parse/snp.h"
#include "exitcodes.h"
#include "guest/id_files.h"
#include "util.h"

static const char help[] =
	"usage: optmig guest id-key [--make] FILE\n"
	"       optmig guest id-block --key FILE [--author-key FILE] [OPTIONS] -o PREFIX MEASUREMENT\n"
	"The owner of SEV-SNP guests signs how they may be launched. The processor refuses every other launch, and every report names the key that signed. So a\n"
	"policy can name the key in place of each guest's measurement.\n\n"
	"  id-key    prints the digest by which reports name the key in FILE (PEM, P-384)\n"
	"  id-block  signs the launch of the guest with this launch digest (optmig guest measure); writes PREFIX.id-block and PREFIX.id-auth, as QEMU and\n"
	"            `optmig run --tee snp|vm --id-block PREFIX` take them, and prints a line for a policy\n\n"
	"  --make               makes the key; FILE must not be there\n"
	"  --key FILE           the key that signs the block\n"
	"  --author-key FILE    a key that vouches for it\n"
	"  --family HEX, --image HEX   ids, 32 digits: what the owner calls the guest\n"
	"  --svn N              the guest's security version (default: 0)\n"
	"  --guest-policy N     policy of the guest (default: 0x30000: SMT allowed, no debugging, no migration)\n";

enum { OPT_KEY = 1, OPT_AUTHOR, OPT_FAMILY, OPT_IMAGE, OPT_SVN, OPT_POLICY, OPT_OUTPUT, OPT_MAKE, OPT_HELP };
static const struct option longs[] = {
	{ "key", required_argument, NULL, OPT_KEY },
	{ "author-key", required_argument, NULL, OPT_AUTHOR },
	{ "family", required_argument, NULL, OPT_FAMILY },
	{ "image", required_argument, NULL, OPT_IMAGE },
	{ "svn", required_argument, NULL, OPT_SVN },
	{ "guest-policy", required_argument, NULL, OPT_POLICY },
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};
static const struct option key_longs[] = { { "make", no_argument, NULL, OPT_MAKE }, { "help", no_argument, NULL, OPT_HELP }, { 0 } };

/* ---- keys ---- */

struct key { uint8_t private[OM_P384_SIZE], public[OM_P384_PUBLIC]; };

static bool parts_of(EVP_PKEY *pem, struct key *ret)
{
	uint8_t point[1 + OM_P384_PUBLIC];
	BIGNUM *number = NULL;
	size_t size = 0;
	bool good = EVP_PKEY_get_octet_string_param(pem, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &size) == 1 && size == sizeof point && point[0] == 4;

	if (good)
		memcpy(ret->public, point + 1, sizeof ret->public);
	good = good && om_p384_valid(ret->public) && EVP_PKEY_get_bn_param(pem, OSSL_PKEY_PARAM_PRIV_KEY, &number) == 1 &&
		BN_bn2binpad(number, ret->private, sizeof ret->private) == sizeof ret->private;
	BN_clear_free(number);
	return good;
}

/* A key whose passphrase openssl asks for on the terminal is one, too. */
static int read_key(const char *path, struct key *ret)
{
	FILE *f = fopen(path, "re");
	EVP_PKEY *pem;
	bool good;

	if (!f)
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	pem = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	good = pem && parts_of(pem, ret);
	EVP_PKEY_free(pem);
	return good ? 0 : host_fail(OM_EINVAL, "%s: not a private key on P-384 in PEM; make one: optmig guest id-key --make FILE", path);
}

static int make_key(const char *path)
{
	EVP_PKEY *key = EVP_EC_gen("P-384");
	const int fd = key ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	bool good = f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;

	if (f && fclose(f))
		good = false;
	EVP_PKEY_free(key);
	if (good)
		return 0;
	if (fd >= 0)
		unlink(path);
	return host_fail(fd < 0 && errno == EEXIST ? OM_EEXISTS : OM_EIO, "%s: %s", path, strerror(errno));
}

static void print_hex(const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		printf("%02x", bytes[i]);
}

static int end(int error, const char *what)
{
	if (error)
		host_error_cure(error, what);
	return error ? CLI_FAILED : CLI_OK;
}

int cli_guest_id_key(int argc, char **argv)
{
	uint8_t digest[OM_SHA384_SIZE];
	struct key key;
	bool make = false;
	int c, error;

	while ((c = cli_getopt(argc, argv, "h", key_longs)) != -1) {
		if (c == 'h' || c == OPT_HELP) {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (c != OPT_MAKE)
			return HOST_EXIT_USAGE;
		make = true;
	}
	if (optind + 1 != argc) {
		host_error("guest id-key: which file?");
		return HOST_EXIT_USAGE;
	}
	error = make ? make_key(argv[optind]) : 0;
	if (!error)
		error = read_key(argv[optind], &key);
	if (!error) {
		om_wipe(key.private, sizeof key.private);
		om_id_key_digest(key.public, digest);
		print_hex(digest, sizeof digest);
		putchar('\n');
	}
	return end(error, "guest id-key");
}

/* ---- blocks ---- */

struct request { const char *key, *author, *output; struct om_id_block block; };

static bool hex(const char *text, uint8_t *ret, size_t size)
{
	return strlen(text) == 2 * size && om_hex_decode(text, 2 * size, ret, size);
}

/* As manuals and QEMU write it, 0x30000, or in decimal. */
static bool guest_policy(const char *text, uint64_t *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
	return !*end && !errno && *ret & OM_SNP_POLICY_ONE && !(*ret & ~OM_SNP_POLICY_KNOWN);
}

static int option(struct request *r, int c, const char *text)
{
	uint64_t number = 0;

	switch (c) {
	case OPT_KEY:    r->key = text; return 0;
	case OPT_AUTHOR: r->author = text; return 0;
	case 'o': case OPT_OUTPUT: r->output = text; return 0;
	case OPT_FAMILY: return hex(text, r->block.family, sizeof r->block.family) ? 0 : host_fail(OM_EINVAL, "--family %s: 32 hexadecimal digits", text);
	case OPT_IMAGE:  return hex(text, r->block.image, sizeof r->block.image) ? 0 : host_fail(OM_EINVAL, "--image %s: 32 hexadecimal digits", text);
	case OPT_SVN:
		if (host_parse_u64(text, 0, OM_SNP_OWNER_SVN_MAX, &number))
			return host_fail(OM_EINVAL, "--svn %s: 0 to %u", text, OM_SNP_OWNER_SVN_MAX);
		r->block.svn = (uint32_t)number;
		return 0;
	default:
		if (!guest_policy(text, &r->block.policy))
			return host_fail(OM_EINVAL, "--guest-policy %s: no policy of a guest (bit 17 is always set)", text);
		return 0;
	}
}

/* Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv, struct request *r)
{
	int c, error = 0;

	while (!error && (c = cli_getopt(argc, argv, "ho:", longs)) != -1) {
		if (c == 'h' || c == OPT_HELP) {
			fputs(help, stdout);
			return CLI_OK + 1;
		}
		if (c == -2 || c == '?')
			return HOST_EXIT_USAGE + 1;
		error = option(r, c, optarg);
	}
	if (!error && (!r->key || !r->output || optind + 1 != argc))
		error = host_fail(OM_EINVAL, "--key, -o PREFIX and one launch digest are needed");
	if (!error && !hex(argv[optind], r->block.digest, sizeof r->block.digest))
		error = host_fail(OM_EINVAL, "%s: no launch digest of 96 hexadecimal digits", argv[optind]);
	if (error)
		host_error_cure(error, "guest id-block");
	return error ? HOST_EXIT_USAGE + 1 : 0;
}

static int sign(const struct key *key, const uint8_t hash[OM_SHA384_SIZE], uint8_t ret[OM_P384_SIGNATURE])
{
	return om_p384_sign(key->private, hash, ret) ? host_fail(OM_EINTERNAL, "the key does not sign") : 0;
}

/* The line takes all guests that the key signs from this security version on. Whether they cover their kernels is for who signs them to say. */
static void say(const struct request *r, const struct om_id_auth *a)
{
	struct om_guests one = { .owner_count = 1 };
	struct om_snp_owner *o = &one.owner[0];
	char text[1024];

	om_id_key_digest(a->id_key, o->id_key);
	if (a->author)
		om_id_key_digest(a->author_key, o->author_key);
	memcpy(o->family, r->block.family, sizeof o->family);
	memcpy(o->image, r->block.image, sizeof o->image);
	for (unsigned i = 0; i < sizeof o->svn; i++)
		o->svn[i] = (uint8_t)(r->block.svn >> 8 * i);
	(void)om_guests_to_text(&one, text, sizeof text);
	fputs(text, stdout);
}

static int make_block(const struct request *r, struct om_id_auth *a)
{
	static uint8_t block[OM_ID_BLOCK_SIZE], auth[OM_ID_AUTH_SIZE];
	struct key key = { 0 }, author = { 0 };
	uint8_t hash[OM_SHA384_SIZE];
	int error = read_key(r->key, &key);

	if (!error && r->author)
		error = read_key(r->author, &author);
	om_id_block_encode(&r->block, block);
	om_sha384(block, sizeof block, hash);
	memcpy(a->id_key, key.public, sizeof a->id_key);
	memcpy(a->author_key, author.public, sizeof a->author_key);
	a->author = r->author != NULL;
	if (!error)
		error = sign(&key, hash, a->block_signature);
	om_id_key_digest(key.public, hash);
	if (!error && a->author)
		error = sign(&author, hash, a->key_signature);
	om_wipe(&key, sizeof key);
	om_wipe(&author, sizeof author);
	if (error)
		return error;
	om_id_auth_encode(a, auth);
	return guest_id_write(r->output, block, auth);
}

int cli_guest_id_block(int argc, char **argv)
{
	struct request r = { .block.policy = OM_SNP_POLICY_ONE | OM_SNP_POLICY_SMT };
	struct om_id_auth auth = { .author = false };
	int stop = parse(argc, argv, &r), error;

	if (stop)
		return stop - 1;
	error = make_block(&r, &auth);
	if (!error)
		say(&r, &auth);
	return end(error, "guest id-block");
}
