/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A host that lies, for tests: testing.h has the rule syntax. Rules are parsed once at start; counters are shared by
 * all threads, so a rule's N counts the calls of the whole process.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "sysproxy/sysproxy.h"
#include "testing.h"
#include "util.h"

#define RULES_MAX 16
#define ANY       UINT32_MAX       /* any system call */

enum fault_what { FAULT_ERRNO, FAULT_LONG, FAULT_HUGE, FAULT_LOW, FAULT_FD, FAULT_SHORT, FAULT_GARBLE, FAULT_MAP, FAULT_DENIED };
enum fault_when { WHEN_ONCE, WHEN_FROM, WHEN_EACH };

static struct rule {
	uint32_t nr;
	enum fault_when when;
	uint64_t nth;
	enum fault_what what;
	int error;
	atomic_uint_fast64_t seen;
} rules[RULES_MAX];
static unsigned rule_count;

static const struct { const char *name; int number; } errors[] = {
	{ "EPERM", EPERM }, { "ENOENT", ENOENT }, { "EINTR", EINTR }, { "EIO", EIO }, { "EBADF", EBADF }, { "EAGAIN", EAGAIN },
	{ "ENOMEM", ENOMEM }, { "EACCES", EACCES }, { "EFAULT", EFAULT }, { "EINVAL", EINVAL }, { "EMFILE", EMFILE },
	{ "ENOSPC", ENOSPC }, { "EPIPE", EPIPE }, { "ENOSYS", ENOSYS }, { "ECONNRESET", ECONNRESET }, { "ENOBUFS", ENOBUFS },
};
static const struct { const char *name; enum fault_what what; } lies[] = {
	{ "long", FAULT_LONG }, { "huge", FAULT_HUGE }, { "low", FAULT_LOW }, { "fd", FAULT_FD }, { "short", FAULT_SHORT },
	{ "garble", FAULT_GARBLE }, { "map", FAULT_MAP }, { "denied", FAULT_DENIED },
};

static const struct { const char *name; uint32_t nr; } not_calls[] = {
	{ "any", ANY }, { "sgx-restrict", HOST_HOOK_SGX + OM_HC_SGX_RESTRICT }, { "sgx-modify", HOST_HOOK_SGX + OM_HC_SGX_MODIFY },
	{ "sgx-remove", HOST_HOOK_SGX + OM_HC_SGX_REMOVE }, { "thread-start", HOST_HOOK_SGX + OM_HC_THREAD_START },
};

static int parse_name(const char *name, uint32_t *ret_nr)
{
	for (size_t i = 0; i < sizeof not_calls / sizeof not_calls[0]; i++)
		if (strcmp(name, not_calls[i].name) == 0) {
			*ret_nr = not_calls[i].nr;
			return 0;
		}
	for (uint32_t nr = 0; nr < 512; nr++)
		if (host_syscall_name(nr) && strcmp(host_syscall_name(nr), name) == 0) {
			*ret_nr = nr;
			return 0;
		}
	return host_fail(OM_EINVAL, "OPTMIG_FAULT: no system call \"%s\" on the list", name);
}

static int parse_nth(char *text, struct rule *rule)
{
	size_t length = strlen(text);

	rule->when = WHEN_ONCE;
	if (*text == '%') {
		rule->when = WHEN_EACH;
		text++;
	} else if (length > 0 && text[length - 1] == '+') {
		rule->when = WHEN_FROM;
		text[length - 1] = 0;
	}
	return host_parse_u64(text, 1, UINT64_MAX, &rule->nth);
}

static int parse_what(const char *text, struct rule *rule)
{
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		if (strcasecmp(errors[i].name, text) == 0) {
			rule->what = FAULT_ERRNO;
			rule->error = errors[i].number;
			return 0;
		}
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++)
		if (strcmp(lies[i].name, text) == 0) {
			rule->what = lies[i].what;
			return 0;
		}
	return host_fail(OM_EINVAL, "OPTMIG_FAULT: \"%s\" is no fault", text);
}

static int parse_seed(const char *seed_text, const char *rate_text)
{
	uint64_t seed, rate;
	int error = host_parse_u64(seed_text, 0, UINT64_MAX, &seed);

	if (!error)
		error = host_parse_u64(rate_text, 1, UINT32_MAX, &rate);
	if (!error)
		testing_seed(seed, rate);
	return error;
}

static int parse_rule(char *text, struct rule *rule)
{
	char *save, *name = strtok_r(text, ":", &save), *nth = strtok_r(NULL, ":", &save), *what = strtok_r(NULL, ":", &save);
	int error;

	if (!name || !nth || !what)
		return host_fail(OM_EINVAL, "OPTMIG_FAULT: a rule is NAME:NTH:WHAT");
	if (strcmp(name, "seed") == 0)
		return parse_seed(nth, what);
	error = parse_name(name, &rule->nr);
	if (!error)
		error = parse_nth(nth, rule);
	return error ? error : parse_what(what, rule);
}

int testing_lies_setup(void)
{
	const char *value = getenv("OPTMIG_FAULT");
	char text[512], *save, *one;
	int error = 0;

	if (!value || !*value)
		return 0;
	if (strlen(value) >= sizeof text)
		return host_fail(OM_EINVAL, "OPTMIG_FAULT is too long");
	memcpy(text, value, strlen(value) + 1);
	for (one = strtok_r(text, ",", &save); one && !error; one = strtok_r(NULL, ",", &save)) {
		if (rule_count == RULES_MAX)
			return host_fail(OM_EINVAL, "OPTMIG_FAULT: at most %d rules", RULES_MAX);
		error = parse_rule(one, &rules[rule_count]);
		rule_count += strncmp(one, "seed", 5) != 0; /* strtok has ended it behind its name */
	}
	if (error)
		return error;
	host_error("FAULT INJECTION IS ON (OPTMIG_FAULT=%s): system calls of this program fail or lie on purpose", value);
	return 0;
}

static bool due(struct rule *rule, uint32_t nr)
{
	uint64_t seen;

	if (rule->nr == ANY ? nr >= HOST_HOOK_SGX : rule->nr != nr)
		return false;
	seen = atomic_fetch_add(&rule->seen, 1) + 1;
	switch (rule->when) {
	case WHEN_ONCE: return seen == rule->nth;
	case WHEN_FROM: return seen >= rule->nth;
	case WHEN_EACH: return seen % rule->nth == 0;
	}
	return false;
}

bool testing_lies_before(uint32_t nr, int64_t *ret_result)
{
	for (unsigned i = 0; i < rule_count; i++)
		if (rules[i].what == FAULT_ERRNO && due(&rules[i], nr)) {
			*ret_result = -rules[i].error;
			return true;
		}
	return false;
}

int64_t testing_lies_after(uint32_t nr, struct om_tbuf *tbuf, uint64_t tbuf_size, int64_t result)
{
	for (unsigned i = 0; i < rule_count; i++) {
		if (rules[i].what == FAULT_ERRNO || !due(&rules[i], nr))
			continue;
		switch (rules[i].what) {
		case FAULT_LONG:   return (result < 0 ? 0 : result) + (int64_t)tbuf_size + 1;
		case FAULT_HUGE:   return INT64_MAX;
		case FAULT_LOW:    return -4096;
		case FAULT_FD:     return 0x7fffffff;
		case FAULT_SHORT:  return result > 0 ? result / 2 : result;
		case FAULT_GARBLE: memset((uint8_t *)tbuf + OM_TBUF_DATA, 0xa5, tbuf_size - OM_TBUF_DATA); return result;
		case FAULT_MAP:    testing_map_over(); return result;
		case FAULT_DENIED: usleep(20000); return -EAGAIN;
		case FAULT_ERRNO:  break;
		}
	}
	return result;
}
