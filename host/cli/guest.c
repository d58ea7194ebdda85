/* SPDX-License-Identifier: Apache-2.0 */
/* `optmig guest`: the measured guest. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "exitcodes.h"
#include "guest/commands.h"
#include "guest/guest.h"
#include "load/imageread.h"
#include "util.h"

static const char help[] =
	"usage: optmig guest build [-o DIR] [--signer HEX|IMAGE]... [--no-acpi] [--kernel DIR] [--optmig FILE] [--init FILE]\n"
	"       optmig guest measure [DIR] [--firmware FILE] [OPTIONS]\n"
	"       optmig guest id-key [--make] FILE\n"
	"       optmig guest id-block --key FILE [OPTIONS] -o PREFIX MEASUREMENT\n"
	"       optmig guest ls\n"
	"       optmig guest exec NAME COMMAND [ARGUMENTS]\n"
	"The guest in which programs run on AMD SEV-SNP and Intel TDX: kernel, first process and optmig, nothing else.\n\n"
	"  build     makes DIR/vmlinuz, DIR/initrd, DIR/guest.json; the same each time\n"
	"  measure   what the processor will say of the guest; `optmig guest measure --help`\n"
	"  id-key, id-block   sign how SEV-SNP guests may be launched, for policies that name the key; `optmig guest id-block --help`\n"
	"  ls        the guests of this user that run here\n"
	"  exec      `optmig COMMAND` inside: migrate, status, cancel, postcopy, recover, report, ps, check, info, ...\n\n"
	"  -o, --output DIR       default: OPTMIG_GUEST, or ~/.local/share/optmig/guest\n"
	"  --signer HEX|IMAGE     the guest runs images of this MRSIGNER only (may be repeated); without it the guest runs any image,\n"
	"                         and its measurement proves nothing about the images\n"
	"  --no-acpi              the guest's kernel reads none of the host's ACPI tables, which nobody measures on SEV-SNP; one CPU\n"
	"  --kernel DIR           another kernel: DIR/vmlinuz and DIR/modules/\n"
	"  --optmig FILE, --init FILE   other programs than those beside this one\n"
	"`optmig run --tee` and `optmig receive --tee` put a program into the guest.\n";

enum { OPT_OUTPUT = 1, OPT_SIGNER, OPT_NO_ACPI, OPT_KERNEL, OPT_OPTMIG, OPT_INIT, OPT_HELP };
static const struct option build_longs[] = {
	{ "output", required_argument, NULL, OPT_OUTPUT },
	{ "signer", required_argument, NULL, OPT_SIGNER },
	{ "no-acpi", no_argument, NULL, OPT_NO_ACPI },
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "optmig", required_argument, NULL, OPT_OPTMIG },
	{ "init", required_argument, NULL, OPT_INIT },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static bool is_hash(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* A hash, or an image that has the signer. */
static int add_signer(struct guest_build_options *o, const char *text)
{
	struct host_image *image;
	uint8_t mrsigner[32];
	char digits[65];
	int error;

	if (o->signer_count >= GUEST_SIGNERS_MAX)
		return host_fail(OM_EINVAL, "at most %u signers", GUEST_SIGNERS_MAX);
	if (is_hash(text)) {
		o->signers[o->signer_count++] = text;
		return 0;
	}
	image = calloc(1, sizeof *image);
	if (!image)
		return host_fail(OM_ENOMEM, "no memory");
	error = host_image_open(text, false, image);
	if (!error) {
		host_image_mrsigner(image, mrsigner);
		host_hash_text(mrsigner, digits);
		o->signers[o->signer_count++] = strdup(digits);
	}
	host_image_free(image);
	return error;
}

/* Return: 0, or an exit status + 1. */
static int parse_build(int argc, char **argv, struct guest_build_options *o)
{
	int c, error = 0;

	while ((c = cli_getopt(argc, argv, "ho:", build_longs)) != -1 && !error) {
		switch (c) {
		case 'o': case OPT_OUTPUT: o->output = optarg; break;
		case OPT_SIGNER: error = add_signer(o, optarg); break;
		case OPT_NO_ACPI: o->no_acpi = true; break;
		case OPT_KERNEL: o->kernel = optarg; break;
		case OPT_OPTMIG: o->optmig = optarg; break;
		case OPT_INIT:   o->init = optarg; break;
		case 'h': case OPT_HELP:
			fputs(help, stdout);
			return CLI_OK + 1;
		default:
			return HOST_EXIT_USAGE + 1;
		}
	}
	if (!error && optind < argc)
		error = host_fail(OM_EINVAL, "unexpected argument %s", argv[optind]);
	if (error)
		host_error_cure(error, "guest build");
	return error ? HOST_EXIT_USAGE + 1 : 0;
}

static int build(int argc, char **argv)
{
	struct guest_build_options o = { 0 };
	char folder[4096];
	int error = guest_build_defaults(&o), stop;

	if (error) {
		host_error_cure(error, "guest build");
		return CLI_FAILED;
	}
	stop = parse_build(argc, argv, &o);
	if (stop)
		return stop - 1;
	if (!o.output) {
		error = guest_folder_default(folder, sizeof folder);
		o.output = folder;
	}
	if (!error)
		error = guest_build(&o);
	if (error) {
		host_error_cure(error, "guest build");
		return CLI_FAILED;
	}
	if (o.signer_count == 0)
		host_note("the guest runs any image: its measurement proves nothing about what runs in it (--signer)");
	printf("%s\n", o.output);
	return CLI_OK;
}

static int execute(int argc, char **argv)
{
	if (argc < 3) {
		host_error("guest exec: which guest, and which command? (optmig guest ls)");
		return HOST_EXIT_USAGE;
	}
	return commands_exec(argv[1], argv + 2);
}

int cli_guest(int argc, char **argv)
{
	static const struct { const char *name; int (*run)(int argc, char **argv); } verbs[] = {
		{ "build", build }, { "measure", cli_guest_measure }, { "id-key", cli_guest_id_key }, { "id-block", cli_guest_id_block }, { "exec", execute },
	};

	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(help, argc < 2 ? stderr : stdout);
		return argc < 2 ? HOST_EXIT_USAGE : CLI_OK;
	}
	if (strcmp(argv[1], "ls") == 0)
		return commands_list();
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	host_error("guest: what is \"%s\"? (build, measure, id-key, id-block, ls, exec)", argv[1]);
	return HOST_EXIT_USAGE;
}
