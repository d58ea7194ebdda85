/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig info`: what this machine can do, and why not more. Each line is one probe: a name, yes or no, and words that
 * say what follows from it. Nothing is changed on the machine; the TCP_REPAIR probe opens a socket and closes it.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/capability.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <nftables/libnftables.h>
#include "cli.h"
#include "evidence/accept/ticket_text.h"
#include "info_guest.h"
#include "net/netfilter.h"
#include "tee.h"
#include "strerror.h"
#include "util.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
/* Debian 12's headers are too old for these. */
#define SYS_DISPATCH_INCLUSIVE_ON 2
#define UFFD_EXACT_ADDRESS (1ull << 11)

struct probe {
	const char *name, *title;
	bool (*run)(char *words, size_t size);
};

#define WORDS(...) (void)snprintf(words, size, __VA_ARGS__)

static bool cpu_bit(uint32_t leaf, uint32_t subleaf, unsigned reg, unsigned bit)
{
	unsigned r[4];

	return __get_cpuid_count(leaf, subleaf, &r[0], &r[1], &r[2], &r[3]) && (r[reg] >> bit & 1);
}

static bool probe_cpu_sgx(char *words, size_t size)
{
	bool sgx = cpu_bit(7, 0, 1, 2), sgx1 = sgx && cpu_bit(0x12, 0, 0, 0), sgx2 = sgx && cpu_bit(0x12, 0, 0, 1);

	if (!sgx)
		WORDS("the CPU has no SGX, or the firmware hides it");
	else if (!sgx1)
		WORDS("the CPU has SGX, but the firmware has not enabled it");
	else
		WORDS("SGX1%s, launch control %s", sgx2 ? " and SGX2" : " only; OptMig needs SGX2",
			cpu_bit(7, 0, 2, 30) ? "yes" : "no (Linux' driver needs it)");
	return sgx2;
}

static bool probe_epc(char *words, size_t size)
{
	uint64_t total = 0;

	for (unsigned i = 2; i < 16 && cpu_bit(7, 0, 1, 2); i++) {
		unsigned a, b, c, d;

		if (!__get_cpuid_count(0x12, i, &a, &b, &c, &d) || (a & 15) != 1)
			break;
		total += (uint64_t)(d & 0xfffff) << 32 | (c & 0xfffff000u);
	}
	WORDS("%llu MiB of protected memory", (unsigned long long)total >> 20);
	return total > 0;
}

static bool probe_driver(char *words, size_t size)
{
	int fd = open("/dev/sgx_enclave", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		WORDS("/dev/sgx_enclave can be opened");
		return true;
	}
	if (errno == ENOENT)
		WORDS("no /dev/sgx_enclave: the kernel has no SGX driver or found no SGX");
	else
		WORDS("/dev/sgx_enclave: %s%s", strerror(errno), errno == EACCES ? "; join the group that owns it" : "");
	return false;
}

static bool probe_platform(enum tee_kind kind, char *words, size_t size)
{
	struct tee_soft_options none = { 0 };
	struct tee_platform *platform;
	struct tee_capabilities caps;
	int error = tee_platform_open(kind, &none, &platform);

	if (error) {
		WORDS("%s", tee_last_error());
		return false;
	}
	tee_platform_capabilities(platform, &caps);
	WORDS("%s; EDMM %s, XFRM 0x%llx", tee_platform_describe(platform), caps.edmm ? "yes" : "no (too old a kernel)",
		(unsigned long long)caps.xfrm);
	tee_platform_close(platform);
	return caps.edmm;
}

static bool probe_hw(char *words, size_t size)
{
	return probe_platform(TEE_HW, words, size);
}

/* Behind the words on a call that failed: where a filter decides, it is the likely cause. */
static const char *cause(int number)
{
	if (!host_filtered())
		return "";
	return number == EPERM || number == EACCES ? ": a seccomp filter, as containers have, forbids the call" :
		number == ENOSYS ? ": the kernel has none, or a seccomp filter, as containers have, hides it" : "";
}

static bool probe_userfaultfd(char *words, size_t size)
{
	const uint64_t needed = UFFD_FEATURE_SIGBUS | UFFD_EXACT_ADDRESS | UFFD_FEATURE_PAGEFAULT_FLAG_WP;
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = { .api = UFFD_API };

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api)) {
		WORDS("the emulator needs it; %s%s", strerror(errno), cause(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	close(fd);
	WORDS("the emulator's page protection%s", (api.features & needed) == needed ? "" : " needs more of it: Linux 5.18 or later");
	return (api.features & needed) == needed;
}

static bool probe_emu(char *words, size_t size)
{
	char why[256];

	if (!probe_userfaultfd(why, sizeof why)) {
		WORDS("no userfaultfd (see below)");
		return false;
	}
	return probe_platform(TEE_SOFT, words, size);
}

/* What evidence of this machine will say, where that is known without any. */
static bool platform_id(char ret[OM_PLACE_TEXT_MAX], const char **ret_why)
{
	static char words[256];
	struct om_platform_identity identity = { 0 };
	struct tee_platform *platform;
	bool ok = false;

	if (info_platform(&platform)) {
		*ret_why = "enclaves cannot run here";
		return false;
	}
	ok = tee_evidence_id(platform, &identity.platform, identity.id) == 0;
	if (ok)
		om_identity_text(&identity, ret);
	snprintf(words, sizeof words, "%s", ok ? "" : tee_last_error());
	*ret_why = words;
	tee_platform_close(platform);
	return ok;
}

static bool probe_platform_id(char *words, size_t size)
{
	char text[OM_PLACE_TEXT_MAX];
	const char *why;
	bool ok = platform_id(text, &why);

	WORDS("%s", ok ? text : why);
	return ok;
}

/* As the emulator does it, over addresses where there is no code. */
static bool probe_sud(char *words, size_t size)
{
	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, SYS_DISPATCH_INCLUSIVE_ON, 0x1000, 0x1000, NULL)) {
		const char *filter = cause(errno);

		WORDS("on the emulator system calls of enclave code go through instead of faulting%s",
			*filter ? filter : ": that needs Linux 6.17 or later");
		return false;
	}
	(void)prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0); /* has just been switched on */
	WORDS("the emulator traps stray system calls");
	return true;
}

static bool probe_tcp_repair(char *words, size_t size)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	bool ok = fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) == 0;

	if (ok)
		WORDS("established connections can move");
	else
		WORDS("established connections cannot move: %s%s", strerror(errno), errno == EPERM ? " (needs CAP_NET_ADMIN)" : "");
	if (fd >= 0)
		close(fd);
	return ok;
}

/* The kernel is asked first: the library ends the process where it cannot open its socket. */
static bool probe_nftables(char *words, size_t size)
{
	const char *why;
	struct nft_ctx *ctx;
	bool ok;

	if (net_netfilter_answers(&why)) {
		WORDS("traffic cannot be held, so programs with connections cannot move: %s", why);
		return false;
	}
	ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!ctx) {
		WORDS("libnftables does not start");
		return false;
	}
	nft_ctx_buffer_output(ctx);
	nft_ctx_buffer_error(ctx);
	ok = nft_run_cmd_from_buffer(ctx, "list tables") == 0;
	nft_ctx_free(ctx);
	WORDS(ok ? "traffic can be held while connections move" : "traffic cannot be held: nf_tables refuses");
	return ok;
}

static bool probe_vaes(char *words, size_t size)
{
	bool vaes = cpu_bit(7, 0, 2, 9) && cpu_bit(7, 0, 2, 10), avx512 = cpu_bit(7, 0, 1, 16) && cpu_bit(7, 0, 1, 30);
	bool avx2 = cpu_bit(7, 0, 1, 5);

	WORDS("%s", vaes && avx512 ? "VAES and AVX-512: encryption at full speed, on 512 bits at a time in images linked with xfrm=avx512" :
		vaes && avx2 ? "VAES: encryption at full speed, on 256 bits at a time" :
		cpu_bit(1, 0, 2, 25) ? "AES-NI only: encryption at about 3 GB/s" : "no AES instructions: encryption is slow");
	return vaes && avx2;
}

static const struct probe probes[] = {
	{ "cpu-sgx2", "CPU", probe_cpu_sgx },
	{ "epc", "EPC", probe_epc },
	{ "sgx-driver", "SGX driver", probe_driver },
	{ "hardware", "hardware enclaves", probe_hw },
	{ "emulator", "emulated enclaves", probe_emu },
	{ "platform-id", "platform", probe_platform_id },
	{ "guest", "confidential guest", info_guest },
	{ "guest-measured", "measured", info_guest_measured },
	{ "guest-policy", "policy line", info_guest_policy },
	{ "guest-owner", "by its owner", info_guest_owner },
	{ "guest-keys", "keys of the guest", info_guest_keys },
	{ "userfaultfd", "userfaultfd", probe_userfaultfd },
	{ "syscall-dispatch", "system call trap", probe_sud },
	{ "fast-crypto", "vector AES", probe_vaes },
	{ "tcp-repair", "TCP_REPAIR", probe_tcp_repair },
	{ "nftables", "nftables", probe_nftables },
};
#define PROBE_COUNT (sizeof probes / sizeof probes[0])

/* What there is to say of a guest, where there is none: its first line says so. JSON has all members, always. */
static bool left_out(const struct probe *p)
{
	return strncmp(p->name, "guest-", 6) == 0 && info_guest_silent();
}

static void print_text(void)
{
	for (size_t i = 0; i < PROBE_COUNT; i++) {
		char words[INFO_WORDS] = "";
		bool yes;

		if (left_out(&probes[i]))
			continue;
		yes = probes[i].run(words, sizeof words);
		printf("%-18s %-4s %s\n", probes[i].title, yes ? "yes" : "no", words);
	}
}

static int print_json(void)
{
	json_t *all = json_object();

	for (size_t i = 0; i < PROBE_COUNT; i++) {
		char words[INFO_WORDS] = "";
		bool yes = probes[i].run(words, sizeof words);

		json_object_set_new(all, probes[i].name, json_pack("{s:b, s:s}", "available", yes, "detail", words));
	}
	json_dumpf(all, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
	return 0;
}

int cli_info(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool json = false;
	int c;

	while ((c = cli_getopt(argc, argv, "h", longs)) != -1)
		switch (c) {
		case 'j': json = true; break;
		case 'h': puts("usage: optmig info [--json]\nSays what this machine can do, and why not more."); return 0;
		default:  return HOST_EXIT_USAGE;
		}
	if (optind < argc) {
		host_error("info: unexpected argument \"%s\"", argv[optind]);
		return HOST_EXIT_USAGE;
	}
	if (json)
		return print_json();
	print_text();
	return 0;
}
