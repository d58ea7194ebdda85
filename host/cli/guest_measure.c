/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig guest measure`: what the processor will say of a guest. One digest for each way in which it may be started, since the first state of the
 * vCPUs is measured: their number, the CPU model, the host kernel's features.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "exitcodes.h"
#include "guest/files.h"
#include "guest/guest.h"
#include "guest/snp.h"
#include "guest/tdx.h"
#include "load/imageread.h"
#include "util.h"

#define LIST_MAX 16u

static const char help[] =
	"usage: optmig guest measure [DIR] [--firmware FILE] [OPTIONS]\n"
	"Prints what goes into the measurement of the guest in DIR (default: as `optmig guest build`): SHA-256 of kernel, initrd and command\n"
	"line, and whose images the guest runs. Then prints what the processor will say of the guest: the SEV-SNP launch digest, and those of a\n"
	"TDX guest's registers that can be computed. Without a firmware it is the digest of a plain guest (vm).\n\n"
	"  --tee snp|tdx|vm     that alone\n"
	"  --firmware FILE      OVMF for AMD SEV (with kernel hashes) or Intel TDX\n"
	"  --cpus LIST          numbers of vCPUs, as 1,2,4 (default: 2)\n"
	"  --cpu LIST           models of QEMU, or family.model.stepping as 25.1.1 (default: EPYC-v4)\n"
	"  --features LIST      SEV_FEATURES, by the host's kernel (default: 0x1,0x21)\n"
	"  --vmm qemu|ec2|gce   who makes the guest (default: qemu)\n"
	"  --policy             lines for a policy (optmig-policy(5))\n"
	"  --json\n";

enum { OPT_TEE = 1, OPT_FIRMWARE, OPT_CPUS, OPT_CPU, OPT_FEATURES, OPT_VMM, OPT_POLICY, OPT_JSON, OPT_HELP };
static const struct option longs[] = {
	{ "tee", required_argument, NULL, OPT_TEE },
	{ "firmware", required_argument, NULL, OPT_FIRMWARE },
	{ "cpus", required_argument, NULL, OPT_CPUS },
	{ "cpu", required_argument, NULL, OPT_CPU },
	{ "features", required_argument, NULL, OPT_FEATURES },
	{ "vmm", required_argument, NULL, OPT_VMM },
	{ "policy", no_argument, NULL, OPT_POLICY },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

struct cpu { char name[40]; uint32_t signature; };

static struct measuring {
	const char *firmware_path;
	uint64_t vcpus[LIST_MAX], features[LIST_MAX];
	struct cpu cpus[LIST_MAX];
	unsigned vcpu_count, feature_count, cpu_count;
	enum om_snp_vmm vmm;
	bool policy, json;
	char tee;                       /* first letter of the only one asked for, or 0 */
	struct guest_folder folder;
	struct om_snp_kernel hashes;
	uint8_t *firmware_bytes, *initrd;
	size_t initrd_size;
	struct om_firmware firmware;
	json_t *out;
} m = { .vmm = OM_SNP_QEMU };

static void hex_of(const uint8_t *bytes, size_t size, char *to)
{
	for (size_t i = 0; i < size; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
}

/* Calls `each` for every word between commas. */
static int for_list(const char *text, int (*each)(const char *word))
{
	char word[64];
	int error = 0;

	while (!error) {
		size_t size = strcspn(text, ",");

		if (size == 0 || size >= sizeof word)
			return host_fail(OM_EINVAL, "not a list: %s", text);
		memcpy(word, text, size);
		word[size] = 0;
		error = each(word);
		if (!text[size])
			break;
		text += size + 1;
	}
	return error;
}

static int add_number(const char *word, uint64_t *list, unsigned *count, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t value = strtoull(word, &end, 0);

	if (*end || *word == '-' || value < min || value > max || *count >= LIST_MAX)
		return host_fail(OM_EINVAL, "%s is not a number from %llu to %llu (and at most %u of them)", word, (unsigned long long)min,
			(unsigned long long)max, LIST_MAX);
	list[(*count)++] = value;
	return 0;
}

static int add_vcpus(const char *word)
{
	return add_number(word, m.vcpus, &m.vcpu_count, 1, OM_SNP_VCPUS_MAX);
}

static int add_features(const char *word)
{
	return add_number(word, m.features, &m.feature_count, 1, UINT64_MAX);
}

static int add_cpu(const char *word)
{
	struct cpu *cpu = &m.cpus[m.cpu_count];
	unsigned family, model, stepping;
	char rest;

	if (m.cpu_count >= LIST_MAX || strlen(word) >= sizeof cpu->name)
		return host_fail(OM_EINVAL, "at most %u CPU models", LIST_MAX);
	if (sscanf(word, "%u.%u.%u%c", &family, &model, &stepping, &rest) == 3 && family < 270 && model < 256 && stepping < 16)
		cpu->signature = om_cpu_signature(family, model, stepping);
	else
		cpu->signature = om_cpu_signature_of(word);
	if (!cpu->signature)
		return host_fail(OM_EINVAL, "%s is no EPYC of QEMU's (EPYC-v4, EPYC-Milan, EPYC-Genoa, EPYC-Turin, ...), nor family.model.stepping", word);
	snprintf(cpu->name, sizeof cpu->name, "%s", word);
	m.cpu_count++;
	return 0;
}

static int set_vmm(const char *name)
{
	if (strcmp(name, "qemu") != 0 && strcmp(name, "ec2") != 0 && strcmp(name, "gce") != 0)
		return host_fail(OM_EINVAL, "--vmm %s: qemu, ec2 or gce", name);
	m.vmm = name[0] == 'q' ? OM_SNP_QEMU : name[0] == 'e' ? OM_SNP_EC2 : OM_SNP_GCE;
	return 0;
}

static int set_tee(const char *name)
{
	if (strcmp(name, "snp") != 0 && strcmp(name, "tdx") != 0 && strcmp(name, "vm") != 0)
		return host_fail(OM_EINVAL, "--tee %s: snp, tdx or vm", name);
	m.tee = name[0];
	return 0;
}

/* Return: 0, or an exit status + 1. */
static int parse(int argc, char **argv)
{
	int c, error = 0;

	while (!error && (c = cli_getopt(argc, argv, "h", longs)) != -1) {
		switch (c) {
		case OPT_TEE:      error = set_tee(optarg); break;
		case OPT_FIRMWARE: m.firmware_path = optarg; break;
		case OPT_CPUS:     error = for_list(optarg, add_vcpus); break;
		case OPT_CPU:      error = for_list(optarg, add_cpu); break;
		case OPT_FEATURES: error = for_list(optarg, add_features); break;
		case OPT_VMM:      error = set_vmm(optarg); break;
		case OPT_POLICY:   m.policy = true; break;
		case OPT_JSON:     m.json = true; break;
		case 'h': case OPT_HELP:
			fputs(help, stdout);
			return CLI_OK + 1;
		default:
			return HOST_EXIT_USAGE + 1;
		}
	}
	if (!error && optind + 1 < argc)
		error = host_fail(OM_EINVAL, "unexpected argument %s", argv[optind + 1]);
	if (!error && !m.vcpu_count)
		error = add_vcpus("2");
	if (!error && !m.cpu_count)
		error = add_cpu("EPYC-v4");
	if (!error && !m.feature_count)
		error = for_list("0x1,0x21", add_features);
	if (error)
		host_error_cure(error, "guest measure");
	return error ? HOST_EXIT_USAGE + 1 : 0;
}

static int read_inputs(const char *folder)
{
	size_t size;
	int error = guest_folder_open(folder, &m.folder);

	if (!error)
		error = guest_hashes(&m.folder, &m.hashes, &m.initrd, &m.initrd_size);
	if (!error && !m.firmware_path && m.tee && m.tee != 'v')
		error = host_fail(OM_EINVAL, "of which firmware? (--firmware FILE)");
	if (error || !m.firmware_path || m.tee == 'v')
		return error;
	error = guest_file_read(m.firmware_path, &m.firmware_bytes, &size);
	if (error)
		return error;
	error = om_firmware_open(m.firmware_bytes, size, &m.firmware);
	if (error)
		return host_fail(error, "%s is no OVMF image with tables for SEV or TDX", m.firmware_path);
	if (!m.firmware.has_sev && !m.firmware.has_tdx)
		return host_fail(OM_EUNSUPPORTED, "%s has been built neither for SEV nor for TDX", m.firmware_path);
	return 0;
}

/* A digest of ours is over the hashes of the kernel, so a policy may rely on it. Where any image may run that is worth nothing. */
static const char *kernel_word(void)
{
	return m.folder.any_signer ? "" : ",kernel";
}

/* ---- what is said ------------------------------------------------------------------------------------------------------ */

static void say_snp(const char *tee, unsigned vcpus, const char *cpu, uint64_t features, const uint8_t digest[OM_SNP_DIGEST_SIZE])
{
	char text[2 * OM_SNP_DIGEST_SIZE + 1];

	hex_of(digest, OM_SNP_DIGEST_SIZE, text);
	if (m.json)
		json_array_append_new(json_object_get(m.out, "snp"), json_pack("{ss si ss sI ss}", "tee", tee, "vcpus", vcpus, "cpu", cpu, "sev_features",
			(json_int_t)features, "launch_digest", text));
	else if (m.policy)
		printf("# %s, %u vCPUs, %s, features 0x%llx\nguest = snp:%s%s\n", tee, vcpus, cpu, (unsigned long long)features, text, kernel_word());
	else
		printf("%-4s %3u vCPUs  %-12s features 0x%02llx  %s\n", tee, vcpus, cpu, (unsigned long long)features, text);
}

static void say_tdx(const char *name, const uint8_t *value, const char *words)
{
	char text[2 * OM_TDX_MEASURE_SIZE + 1] = "";

	if (value)
		hex_of(value, OM_TDX_MEASURE_SIZE, text);
	if (m.json)
		json_object_set_new(json_object_get(m.out, "tdx"), name, value ? json_string(text) : json_null());
	else if (m.policy)
		printf("# TDX %s %s%s\n", name, text, words);
	else
		printf("tdx  %-18s %s%s\n", name, text, words);
}

static void say_inputs(void)
{
	char kernel[65], initrd[65], line[65];

	host_hash_text(m.hashes.kernel, kernel);
	host_hash_text(m.hashes.initrd, initrd);
	host_hash_text(m.hashes.command_line, line);
	if (m.json) {
		m.out = json_pack("{si ss ss ss ss sb s[] s{}}", "version", 1, "kernel_sha256", kernel, "initrd_sha256", initrd, "command_line_sha256", line,
			"command_line", m.folder.command_line, "any_image", m.folder.any_signer, "snp", "tdx");
	} else if (!m.policy) {
		printf("kernel        %s\ninitrd        %s\ncommand line  %s  %s\n", kernel, initrd, line, m.folder.command_line);
		printf("images        %s\n", m.folder.any_signer ?
			"any: evidence of this guest proves nothing about what runs in it (guest build --signer)" : "of the signers that it was built for");
	} else if (m.folder.any_signer) {
		puts("# this guest runs any image (guest build --signer): without the word \"kernel\" it counts as a demonstration");
	}
}

static int measure_snp(void)
{
	uint8_t digest[OM_SNP_DIGEST_SIZE];
	int error = 0;

	for (unsigned c = 0; c < m.cpu_count && !error; c++)
		for (unsigned f = 0; f < m.feature_count && !error; f++)
			for (unsigned v = 0; v < m.vcpu_count && !error; v++) {
				const struct om_snp_launch launch = { .vmm = m.vmm, .vcpus = (uint32_t)m.vcpus[v], .cpu_signature = m.cpus[c].signature,
					.sev_features = m.features[f], .kernel = &m.hashes };

				error = om_snp_launch_digest(&m.firmware, &launch, digest);
				if (!error)
					say_snp("snp", launch.vcpus, m.cpus[c].name, launch.sev_features, digest);
			}
	return error;
}

static int measure_vm(void)
{
	uint8_t digest[OM_SNP_DIGEST_SIZE];
	char text[2 * OM_SNP_DIGEST_SIZE + 1];

	om_snp_plain_digest(&m.hashes, digest);
	hex_of(digest, sizeof digest, text);
	if (m.json)
		json_object_set_new(m.out, "measurement", json_string(text));
	else if (m.policy)
		printf("# a plain guest, on an emulated processor\nguest = snp:%s%s\n", text, kernel_word());
	else
		printf("vm            %s\n", text);
	return 0;
}

/* The file as it lies there: older hosts have altered it before the firmware sees it. */
static int measure_rtmr1(void)
{
	uint8_t value[OM_TDX_MEASURE_SIZE], *kernel;
	size_t size;
	int error = guest_file_read(m.folder.kernel, &kernel, &size);

	if (error)
		return error;
	error = om_tdx_rtmr1(kernel, size, value);
	free(kernel);
	if (error)
		say_tdx("RTMR1", NULL, "not computed: the kernel has no EFI stub");
	else
		say_tdx("RTMR1", value, "  (QEMU from 10.2 on, or OVMF of edk2-stable202505 or later)");
	return 0;
}

static int measure_tdx(void)
{
	static const uint8_t zero[OM_TDX_MEASURE_SIZE];
	uint8_t value[OM_TDX_MEASURE_SIZE];
	int error = om_tdx_mrtd(&m.firmware, false, value);

	if (error)
		return error;
	say_tdx("MRTD", value, "");
	error = om_tdx_mrtd(&m.firmware, true, value);
	if (error)
		return error;
	say_tdx("MRTD_two_passes", value, "  (hosts that add all pages of a section first)");
	say_tdx("RTMR0", NULL, "not computed: memory size, the VMM's ACPI tables, variables of the firmware");
	error = measure_rtmr1();
	if (error)
		return error;
	om_tdx_rtmr2(m.folder.command_line, m.initrd, m.initrd_size, value);
	say_tdx("RTMR2", value, "");
	say_tdx("RTMR3", zero, "");
	say_tdx("MRSEAM", NULL, "not of the guest: the host's TDX module; TDATTRIBUTES and XFAM: how the VMM has configured it");
	return 0;
}

static int measure(const char *folder)
{
	int error = read_inputs(folder);
	/* OVMF's AmdSev build has tables for TDX as well, and its build for both takes no kernel hashes: each is asked for what it is for. */
	bool snp = m.tee ? m.tee == 's' : m.firmware.has_hash_table, tdx = m.tee ? m.tee == 't' : !snp && m.firmware.has_tdx;

	if (error)
		return error;
	say_inputs();
	if (!m.firmware_path || m.tee == 'v')
		return measure_vm();
	error = tdx ? measure_tdx() : measure_snp();
	if (error == OM_EUNSUPPORTED)
		return host_fail(error, "%s does not measure the kernel (no section for kernel hashes): use OVMF's AmdSev build", m.firmware_path);
	return error ? host_fail(error, "%s has been built for another purpose, or is not whole", m.firmware_path) : 0;
}

int cli_guest_measure(int argc, char **argv)
{
	int stop = parse(argc, argv), error;

	if (stop)
		return stop - 1;
	error = measure(optind < argc ? argv[optind] : NULL);
	if (error) {
		host_error_cure(error, "guest measure");
		return CLI_FAILED;
	}
	if (m.json) {
		json_dumpf(m.out, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
		putchar('\n');
	}
	return CLI_OK;
}
