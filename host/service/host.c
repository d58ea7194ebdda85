/* SPDX-License-Identifier: Apache-2.0 */
/* What this host has and is: for placement, and for whoever looks. */
#include <cpuid.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include "image.h"
#include "service.h"
#include "util.h"

#define INFO_MAX 65536u

/* Bytes of a line of /proc/meminfo. */
static uint64_t memory(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kilobytes = 0;
	char line[128];

	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, name, strlen(name)) == 0 && sscanf(line + strlen(name), ": %llu", &kilobytes) == 1)
			break;
	if (file)
		fclose(file);
	return kilobytes * 1024;
}

/* The units that have something here: all but those that are stopped, moved or failed. */
static json_t *present(void)
{
	json_t *names = json_array();

	pthread_mutex_lock(&service.lock);
	struct service_unit *u = service.units;
	pthread_mutex_unlock(&service.lock);
	for (; u; u = u->next) {
		struct program p;

		program_look(u, true, &p);
		if (p.state != STATE_STOPPED && p.state != STATE_MOVED && p.state != STATE_FAILED)
			json_array_append_new(names, json_string(u->name));
		program_done(&p);
	}
	return names;
}

/* What programs that are on their way here will need. */
static uint64_t reserved(void)
{
	uint64_t sum = 0, bytes;

	pthread_mutex_lock(&service.lock);
	struct service_unit *u = service.units;
	pthread_mutex_unlock(&service.lock);
	for (; u; u = u->next) {
		struct program p;

		pthread_mutex_lock(&service.lock);
		bytes = u->defined ? u->unit.memory_bytes : 0;
		pthread_mutex_unlock(&service.lock);
		program_look(u, bytes > 0, &p);
		if (p.alive && (p.state == STATE_RECEIVING || p.state == STATE_OWED))
			sum += bytes;
		program_done(&p);
	}
	return sum;
}

/* `optmig info --json`, asked once: hardware does not change. */
static char info_text[INFO_MAX];
static void ask_info(void)
{
	const char *argv[] = { service.optmig, "info", "--json", NULL };
	posix_spawn_file_actions_t actions;
	size_t used = 0;
	ssize_t got;
	pid_t pid;
	int out[2];

	if (pipe2(out, O_CLOEXEC))
		return;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	if (posix_spawn(&pid, service.optmig, &actions, NULL, (char **)(uintptr_t)argv, service.environment))
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	while (used < sizeof info_text - 1 && (got = read(out[0], info_text + used, sizeof info_text - 1 - used)) > 0)
		used += (size_t)got;
	close(out[0]);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}

static bool is_listed(const char *word, const char *list)
{
	const size_t length = strlen(word);

	for (const char *at = list; at && *at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (strncmp(at, word, length) == 0 && (at[length] == ',' || at[length] == 0))
			return true;
	return false;
}

/* The words of --cpu-features: what programs that begin or arrive here are told of (host/load/bootblock.c), which is less than there is if
 * OPTMIG_CPU_FEATURES says so. */
static json_t *cpu_features(void)
{
	const unsigned avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512VL | bit_AVX512DQ, vaes = bit_VAES | bit_VPCLMULQDQ;
	const char *told = getenv("OPTMIG_CPU_FEATURES");
	json_t *list = json_array();
	unsigned a, b = 0, c = 0, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return list;
	const struct { const char *word; bool is; } all[] = { { "avx2", b & bit_AVX2 }, { "avx512", (b & avx512) == avx512 }, { "vaes", (c & vaes) == vaes },
		{ "sha", b & bit_SHA } };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].is && (!told || !*told || is_listed(all[i].word, told)))
			json_array_append_new(list, json_string(all[i].word));
	return list;
}

/* The vector registers that an enclave can have here, as images name them. */
static const char *vector_state(const json_t *platform, const char *kind)
{
	const char *detail = json_string_value(json_object_get(json_object_get(platform, kind), "detail")), *at = detail ? strstr(detail, "XFRM 0x") : NULL;
	const unsigned long long xfrm = at ? strtoull(at + 5, NULL, 16) : 0;

	return (xfrm & OM_XFRM_AVX512) == OM_XFRM_AVX512 ? "avx512" : (xfrm & OM_XFRM_AVX) == OM_XFRM_AVX ? "avx" : "sse";
}

/* The evidence that a program here has, and its vector registers: of the best that there is, unless OPTMIG_SGX says otherwise. */
static void add_evidence(json_t *host, const json_t *platform)
{
	const char *kind = getenv("OPTMIG_SGX"), *guest = json_string_value(json_object_get(json_object_get(platform, "guest-policy"), "detail"));
	const bool hardware = json_is_true(json_object_get(json_object_get(platform, "hardware"), "available"));
	const bool in_guest = json_is_true(json_object_get(json_object_get(platform, "guest"), "available"));
	const bool is_emulator = kind && strcmp(kind, "emu") == 0;

	if (!platform)
		return;
	if (hardware && !is_emulator && !(kind && strcmp(kind, "guest") == 0)) {
		json_object_set_new(host, "evidence", json_string("sgx"));
	} else if (in_guest && !is_emulator) {
		const char *word = guest ? strstr(guest, "snp:") : NULL;

		word = word ? word : guest ? strstr(guest, "tdx:") : NULL;
		json_object_set_new(host, "evidence", json_string(word && *word == 't' ? "tdx" : "snp"));
		if (word)
			json_object_set_new(host, "guest", json_stringn(word, strcspn(word, ", \n")));
	} else {
		json_object_set_new(host, "evidence", json_string("demo"));
	}
	json_object_set_new(host, "xfrm", json_string(vector_state(platform, hardware && !is_emulator ? "hardware" : "emulator")));
}

/* What can run enclaves, and the EPC's size. */
static void add_platform(json_t *host)
{
	static const struct { const char *probe, *name; } kinds[] = { { "hardware", "sgx" }, { "guest", "guest" }, { "emulator", "emulator" } };
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	json_t *info, *list = json_array();
	unsigned long long mib = 0;
	const char *epc;

	pthread_once(&once, ask_info);
	info = json_loads(info_text, 0, NULL);
	for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (json_is_true(json_object_get(json_object_get(info, kinds[i].probe), "available")))
			json_array_append_new(list, json_string(kinds[i].name));
	epc = json_string_value(json_object_get(json_object_get(info, "epc"), "detail"));
	if (epc && sscanf(epc, "%llu MiB", &mib) != 1)
		mib = 0;
	json_object_set_new(host, "tee", list);
	json_object_set_new(host, "epc-total", json_integer((json_int_t)(mib << 20)));
	add_evidence(host, info);
	if (info)
		json_object_set(host, "platform", info);
	json_decref(info);
}

json_t *service_host(void)
{
	struct utsname name;
	json_t *host;

	uname(&name);
	host = json_pack("{ss ss ss sI sI sI so sI}", "name", name.nodename, "kernel", name.release, "version", OPTMIG_VERSION,
		"memory-total", (json_int_t)memory("MemTotal"), "memory-free", (json_int_t)memory("MemAvailable"), "memory-reserved", (json_int_t)reserved(),
		"cpu-features", cpu_features(), "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN));
	if (host) {
		json_object_set_new(host, "programs", present());
		add_platform(host);
	}
	return host;
}
