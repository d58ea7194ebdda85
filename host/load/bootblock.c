/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The boot block: what the program may know of the place where it starts (arguments, environment, identity, limits,
 * CPU features). All of it is untrusted inside; a wrong value costs availability, never secrecy.
 */
#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "internal.h"
#include "sysproxy/sysproxy.h"
#include "util.h"

/* As the kernel: a third of it would do, but configure scripts probe large argument lists. */
#define STRINGS_MAX (16u * 1024 * 1024)
/* Descriptors of this process itself: control socket and its clients, a migration's connections, files that are read while
 * the program stands still. */

static uint64_t cpu_features(void)
{
	unsigned a, b, c, d;
	uint64_t features = 0;

	if (__get_cpuid(1, &a, &b, &c, &d) && (c & bit_AES) && (c & bit_PCLMUL))
		features |= OM_CPU_AESNI;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return features;
	if (b & bit_AVX2)
		features |= OM_CPU_AVX2;
	if ((b & bit_AVX512F) && (b & bit_AVX512BW) && (b & bit_AVX512VL) && (b & bit_AVX512DQ))
		features |= OM_CPU_AVX512;
	if ((c & bit_VAES) && (c & bit_VPCLMULQDQ))
		features |= OM_CPU_VAES;
	if (b & 1u << 29)
		features |= OM_CPU_SHANI;
	return features;
}

/*
 * A program moves where all is that its start was told of. Where processors differ, whoever starts it says what all of them have: "none", or names with
 * commas between them. AES-NI is never hidden: there is no other cipher.
 */
static int reduce(const char *list, uint64_t *features)
{
	static const struct { const char *name; uint64_t bit; } known[] = {
		{ "avx2", OM_CPU_AVX2 }, { "avx512", OM_CPU_AVX512 }, { "vaes", OM_CPU_VAES }, { "sha", OM_CPU_SHANI }, { "none", 0 },
	};
	uint64_t told = OM_CPU_AESNI;

	for (const char *at = list; at; ) {
		const size_t length = strcspn(at, ",");
		size_t i = 0;

		while (i < sizeof known / sizeof *known && (strlen(known[i].name) != length || strncmp(known[i].name, at, length) != 0))
			i++;
		if (i == sizeof known / sizeof *known)
			return host_fail(OM_EINVAL, "--cpu-features %s: avx2, avx512, vaes, sha, with commas between them, or none", list);
		told |= known[i].bit;
		at = at[length] ? at + length + 1 : NULL;
	}
	*features &= told;
	return 0;
}

static uint32_t count_strings(char *const *list, uint64_t *size)
{
	uint32_t count = 0;

	for (; list[count]; count++)
		*size += strlen(list[count]) + 1;
	return count;
}

static char *append_strings(char *to, char *const *list)
{
	for (; *list; list++)
		to = stpcpy(to, *list) + 1;
	return to;
}

static uint32_t standard_streams = 7;
static uint64_t inherited[OM_INHERITED_MAX / 64];
static struct rlimit own_files;                 /* as this process was started with */

/* Before any descriptor of ours is there. Without /proc each number is tried. */
static void note_inherited(void)
{
	DIR *list = opendir("/proc/self/fd");
	const struct dirent *entry;

	for (int fd = 3; !list && fd < (int)OM_INHERITED_MAX; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			inherited[fd / 64] |= 1ull << fd % 64;
	while (list && (entry = readdir(list))) {
		uint64_t fd;

		if (host_parse_u64(entry->d_name, 3, OM_INHERITED_MAX - 1, &fd) == 0 && (int)fd != dirfd(list))
			inherited[fd / 64] |= 1ull << fd % 64;
	}
	if (list)
		closedir(list);
}

/* The program's limit is kept inside. This process takes all it may have, so that its own descriptors are beside the program's. */
static void raise_limit(void)
{
	struct rlimit all;

	if (getrlimit(RLIMIT_NOFILE, &own_files))
		own_files = (struct rlimit){ 1024, 1024 };
	all = (struct rlimit){ own_files.rlim_max, own_files.rlim_max };
	(void)setrlimit(RLIMIT_NOFILE, &all); /* raising to the hard limit is always allowed */
}

/*
 * How many descriptors the program may have, of at most @wanted. Some are kept for this process: without them nobody could ask
 * it anything, nor move the program, when the program has used all of its own. Root has them on top of the hard limit.
 */
static uint64_t files_for_program(uint64_t wanted)
{
	uint64_t hard = own_files.rlim_max;
	struct rlimit more;

	if (wanted > hard)
		wanted = hard;
	if (hard - wanted >= HOST_FILES_RESERVED)
		return wanted;
	more = (struct rlimit){ wanted + HOST_FILES_RESERVED, wanted + HOST_FILES_RESERVED };
	if (setrlimit(RLIMIT_NOFILE, &more) == 0)
		return wanted;
	return hard > 2 * HOST_FILES_RESERVED ? hard - HOST_FILES_RESERVED : hard / 2;
}

void host_streams_note(void)
{
	note_inherited();
	raise_limit();
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0) {
			standard_streams &= ~(1u << fd);
			/* Takes the lowest free number, which is fd. Without /dev/null the next file will: nothing to do about it. */
			(void)!open("/dev/null", O_RDWR);
		}
}

static uint64_t limit(int resource)
{
	struct rlimit limits;

	return getrlimit(resource, &limits) ? RLIM_INFINITY : limits.rlim_cur;
}

static uint32_t usable_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) ? 1 : (uint32_t)CPU_COUNT(&set);
}

int host_bootblock_build(const struct host_enclave *e, const struct host_load_options *options,
	struct om_boot **ret_boot, uint64_t *ret_size)
{
	uint64_t strings_size = 0;
	uint32_t argc = count_strings(options->argv, &strings_size), envc = count_strings(options->envp, &strings_size);
	uint64_t features = cpu_features();
	struct om_boot *boot;

	if (options->cpu_features && reduce(options->cpu_features, &features))
		return OM_EINVAL;
	if (strings_size > STRINGS_MAX)
		return host_fail(OM_EINVAL, "arguments and environment take %llu bytes, the limit is %u",
			(unsigned long long)strings_size, STRINGS_MAX);
	boot = calloc(1, sizeof *boot + strings_size);
	if (!boot)
		return host_fail(OM_ENOMEM, "no memory for the boot block");
	boot->version = OM_HOSTCALL_VERSION;
	boot->flags = options->boot_flags;
	boot->argc = argc;
	boot->envc = envc;
	boot->strings_size = strings_size;
	boot->clock = (uintptr_t)e->clock;
	boot->cpu_features = features;
	boot->pid = (uint32_t)getpid();
	boot->ppid = (uint32_t)getppid();
	boot->uid = getuid();
	boot->euid = geteuid();
	boot->gid = getgid();
	boot->egid = getegid();
	boot->cpu_count = usable_cpus();
	boot->std_kind = standard_streams;
	boot->file_limit_max = files_for_program(e->image.header.file_max);
	boot->file_limit = own_files.rlim_cur < boot->file_limit_max ? own_files.rlim_cur : boot->file_limit_max;
	host_sysproxy_files(boot->file_limit_max);
	if (!(options->boot_flags & OM_BOOT_RECEIVE))
		memcpy(boot->inherited, inherited, sizeof boot->inherited);
	host_signals_noted(&boot->signals_ignored, &boot->signals_blocked);
	boot->stack_limit = limit(RLIMIT_STACK);
	(void)gethostname(boot->host_name, sizeof boot->host_name - 1); /* an empty name is a fine answer */
	append_strings(append_strings((char *)(boot + 1), options->argv), options->envp);
	*ret_boot = boot;
	*ret_size = sizeof *boot + strings_size;
	return 0;
}
