/* SPDX-License-Identifier: Apache-2.0 */
/* What takes long elsewhere, or on another day: OPTMIG_SLOW=WHAT:MS[,WHAT:MS...] */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "testing.h"
#include "util.h"

#define MS_MAX 60000u

static const char *const names[] = { "report", "quote", "answer" };
#define COUNT (sizeof names / sizeof *names)
static uint64_t wait_ms[COUNT];

static int find(const char *what, size_t *ret_at)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(names[i], what) == 0) {
			*ret_at = i;
			return 0;
		}
	return host_fail(OM_EINVAL, "OPTMIG_SLOW: there is no \"%s\"", what);
}

int testing_slow_setup(void)
{
	const char *value = getenv("OPTMIG_SLOW");
	char text[128], *save, *one;
	int error = 0;

	if (!value || !*value)
		return 0;
	if (strlen(value) >= sizeof text)
		return host_fail(OM_EINVAL, "OPTMIG_SLOW is too long");
	memcpy(text, value, strlen(value) + 1);
	for (one = strtok_r(text, ",", &save); one && !error; one = strtok_r(NULL, ",", &save)) {
		char *colon = strchr(one, ':');
		size_t at = 0;

		if (!colon)
			return host_fail(OM_EINVAL, "OPTMIG_SLOW: WHAT:MS");
		*colon = 0;
		error = find(one, &at);
		if (!error)
			error = host_parse_u64(colon + 1, 0, MS_MAX, &wait_ms[at]);
	}
	return error;
}

void testing_slow(const char *what)
{
	size_t at;

	if (find(what, &at) == 0 && wait_ms[at])
		usleep((useconds_t)wait_ms[at] * 1000);
}
