/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured launch at start (core/launch.h): which arguments and environment the program finds.
 *
 * Arguments that the image fixes are compared with the host's, if the host gives any beside argv[0], so that nobody believes that another
 * command line has had an effect. The program then finds the image's arguments, argv[0] too. Of the environment only what the image lists gets
 * through. All this is done before the first instruction of the program, on the stack that the program will find. The host's strings are copied
 * in once, at the top. Kept strings are copied below them, and the rest is wiped.
 */
#include "boot/boot.h"
#include "launch.h"
#include "rt/internal.h"
#include "rt/libmem.h"

static RT_LOCAL struct om_launch launch;
static RT_LOCAL uint64_t features;

const struct om_launch *rt_launch(void)
{
	return &launch;
}

uint64_t rt_cpu_features(void)
{
	return features;
}

/* Wide vectors only if the enclave has the registers. */
static uint64_t enabled(void)
{
	switch (rt_image->xfrm) {
	case OM_XFRM_SSE:    return OM_CPU_SHANI;
	case OM_XFRM_AVX512: return OM_CPU_SHANI | OM_CPU_AVX2 | OM_CPU_VAES | OM_CPU_AVX512;
	default:             return OM_CPU_SHANI | OM_CPU_AVX2 | OM_CPU_VAES;
	}
}

void rt_launch_boot(uint64_t cpu_features)
{
	const int error = om_launch_decode(__rt_launch_start, (size_t)(__rt_launch_end - __rt_launch_start), &launch);

	features = cpu_features & enabled();
	if (error == OM_EVERSION)
		rt_fatal(error, "the image's section .optmig.launch is of another version: link it again");
	if (error)
		rt_fatal(OM_EIMAGE, "the image's section .optmig.launch is damaged");
}

static const char *next(const char *string)
{
	return string + strlen(string) + 1;
}

/* They all end before the block does. Return: the first of the environment. */
static const char *check_count(const struct rt_strings *host)
{
	const char *at = (const char *)host->at, *end = at + host->size, *environment = NULL;

	for (uint64_t i = 0; i < (uint64_t)host->argc + host->envc; i++) {
		if (i == host->argc)
			environment = at;
		if (at >= end)
			rt_fatal(OM_EHOST, "the boot block has fewer strings than it says");
		at = next(at);
	}
	return environment ? environment : at;
}

/* ---- arguments -------------------------------------------------------------------------------------------------------------- */

struct line { char text[250]; size_t used; };

static void add(struct line *l, const char *text, size_t size)
{
	const size_t room = sizeof l->text - 1 - l->used;

	size = size < room ? size : room;
	memcpy(l->text + l->used, text, size);
	l->used += size;
	l->text[l->used] = 0;
}

static void add_words(struct line *l, const char *words)
{
	add(l, words, strlen(words));
}

static void add_number(struct line *l, uint32_t number)
{
	char digits[10];
	unsigned at = sizeof digits;

	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	add(l, digits + at, sizeof digits - at);
}

static void add_string(struct line *l, struct om_launch_string s)
{
	add_words(l, "\"");
	add(l, s.text, s.size < 64 ? s.size : 64);
	add_words(l, s.size > 64 ? "...\"" : "\"");
}

_Noreturn static void refuse(uint32_t index, const char *given)
{
	struct line line = { .used = 0 };

	add_words(&line, "argument ");
	add_number(&line, index);
	if (given) {
		add_words(&line, " is ");
		add_string(&line, (struct om_launch_string){ given, (uint32_t)strlen(given) });
	} else {
		add_words(&line, " is missing");
	}
	add_words(&line, "; the image allows ");
	if (index < launch.count[OM_LAUNCH_ARGS])
		add_string(&line, om_launch_string(&launch, OM_LAUNCH_ARGS, index));
	else
		add_words(&line, "no more");
	add_words(&line, " (optmig image show)");
	rt_fatal(OM_EINVAL, line.text);
}

/* A host that gives none leaves it to the image. */
static void compare_arguments(const struct rt_strings *host)
{
	const char *at = (const char *)host->at;

	if (host->argc <= 1)
		return;
	at = next(at);
	for (uint32_t i = 1; i < host->argc || i < launch.count[OM_LAUNCH_ARGS]; i++) {
		struct om_launch_string s = { "", 0 };

		if (i < launch.count[OM_LAUNCH_ARGS])
			s = om_launch_string(&launch, OM_LAUNCH_ARGS, i);
		if (i >= host->argc)
			refuse(i, NULL);
		if (i >= launch.count[OM_LAUNCH_ARGS] || strlen(at) != s.size || memcmp(at, s.text, s.size))
			refuse(i, at);
		at = next(at);
	}
}

/* ---- what the program finds --------------------------------------------------------------------------------------------------- */

/* Written upwards from `at`; 0: only counted. */
struct writer { uint64_t at, size; uint32_t count; };

static void put(struct writer *w, const char *text, uint64_t size)
{
	if (w->at && (rt_app_put(w->at + w->size, text, size) < 0 || rt_app_put(w->at + w->size + size, "", 1) < 0))
		rt_fatal(OM_ENOMEM, "no memory for the main thread's stack");
	w->size += size + 1;
	w->count++;
}

static void put_list(struct writer *w, enum om_launch_list list)
{
	for (uint32_t i = 0; i < launch.count[list]; i++) {
		const struct om_launch_string s = om_launch_string(&launch, list, i);

		put(w, s.text, s.size);
	}
}

static void put_arguments(struct writer *w, const struct rt_strings *host)
{
	const char *at = (const char *)host->at;

	put_list(w, OM_LAUNCH_ARGS);
	for (uint32_t i = 0; i < host->argc && launch.any & OM_LAUNCH_ANY_ARGS; i++, at = next(at))
		put(w, at, strlen(at));
}

/* A string without '=' is no variable of that name. */
static void put_environment(struct writer *w, const struct rt_strings *host, const char *at)
{
	put_list(w, OM_LAUNCH_SET);
	for (uint32_t i = 0; i < host->envc; i++, at = next(at)) {
		const char *equals = memchr(at, '=', strlen(at));

		if (equals && equals != at && om_launch_passes(&launch, at, (size_t)(equals - at)))
			put(w, at, strlen(at));
	}
}

void rt_launch_strings(struct rt_stack *stack, struct rt_strings *strings)
{
	const struct rt_strings host = *strings;
	const char *environment;
	struct writer arguments = { 0 }, variables = { 0 };

	if (launch.any & OM_LAUNCH_ANY_ARGS && launch.any & OM_LAUNCH_ANY_ENV && !launch.count[OM_LAUNCH_SET])
		return;
	environment = check_count(&host);
	if (!(launch.any & OM_LAUNCH_ANY_ARGS))
		compare_arguments(&host);
	put_arguments(&arguments, &host);
	put_environment(&variables, &host, environment);
	strings->size = arguments.size + variables.size;
	if (strings->size > (stack->rsp - stack->low) / 2)
		rt_fatal(OM_ENOMEM, "arguments and environment do not fit onto the stack");
	stack->rsp = (stack->rsp - strings->size) & ~15ULL;
	strings->at = stack->rsp;
	strings->argc = arguments.count;
	strings->envc = variables.count;
	variables = (struct writer){ strings->at + arguments.size, 0, 0 };
	arguments = (struct writer){ strings->at, 0, 0 };
	put_arguments(&arguments, &host);
	put_environment(&variables, &host, environment);
	if (rt_app_zero(host.at, host.size) < 0)
		rt_fatal(OM_ENOMEM, "no memory for the main thread's stack");
}
