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

/* The words of --cpu-features. */
static json_t *cpu_features(void)
{
	json_t *list = json_array();
	unsigned a, b = 0, c = 0, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
		return list;
	if (b & bit_AVX2)
		json_array_append_new(list, json_string("avx2"));
	if (b & bit_AVX512F)
		json_array_append_new(list, json_string("avx512"));
	if (c & bit_VAES)
		json_array_append_new(list, json_string("vaes"));
	if (b & bit_SHA)
		json_array_append_new(list, json_string("sha"));
	return list;
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
	if (host)
		add_platform(host);
	return host;
}
