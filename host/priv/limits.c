/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator allows, in words and in numbers. Names are looked up here, once, before anything comes from the network. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "priv.h"
#include "util.h"

#define WORD_MAX 80u

static int find_user(const char *name, uint32_t *ret_uid, uint32_t *ret_gid)
{
	const struct passwd *found = getpwnam(name);
	uint64_t number;

	if (!found && *name >= '0' && *name <= '9' && host_parse_u64(name, 0, UINT32_MAX - 1, &number) == 0)
		found = getpwuid((uid_t)number);
	if (!found)
		return host_fail(OM_ENOTFOUND, "there is no user \"%s\"", name);
	*ret_uid = found->pw_uid;
	*ret_gid = found->pw_gid;
	return 0;
}

static int find_group(const char *name, uint32_t *ret_gid)
{
	const struct group *found = getgrnam(name);
	uint64_t number;

	if (found) {
		*ret_gid = found->gr_gid;
		return 0;
	}
	if (*name < '0' || *name > '9' || host_parse_u64(name, 0, UINT32_MAX - 1, &number))
		return host_fail(OM_ENOTFOUND, "there is no group \"%s\"", name);
	*ret_gid = (uint32_t)number;
	return 0;
}

/* A line of two numbers, or one. */
static bool read_numbers(const char *path, unsigned *a, unsigned *b)
{
	FILE *file = fopen(path, "re");
	int got = file ? fscanf(file, "%u %u", a, b) : 0;

	if (file)
		fclose(file);
	return got >= (b == a ? 1 : 2);
}

static void know_host(struct priv_limits *limits)
{
	unsigned first = 32768, last = 60999, unprivileged = 1024;

	(void)read_numbers("/proc/sys/net/ipv4/ip_local_port_range", &first, &last); /* the kernel's own choice, then */
	if (!read_numbers("/proc/sys/net/ipv4/ip_unprivileged_port_start", &unprivileged, &unprivileged))
		unprivileged = 1024;
	limits->ephemeral = (struct priv_range){ (uint16_t)first, (uint16_t)last };
	limits->first_unprivileged = (uint16_t)unprivileged;
}

int priv_limits_init(struct priv_limits *limits, const char *user)
{
	int count = PRIV_GROUPS_MAX, error;
	const struct passwd *found;

	memset(limits, 0, sizeof *limits);
	error = find_user(user, &limits->uid, &limits->gid);
	if (error)
		return error;
	if (limits->uid == 0)
		return host_fail(OM_EINVAL, "--user root takes no rights away; name a user of the program's own");
	found = getpwuid(limits->uid);
	if (!found || strlen(found->pw_name) >= sizeof limits->user)
		return host_fail(OM_EINVAL, "the name of user %s is too long", user);
	memcpy(limits->user, found->pw_name, strlen(found->pw_name) + 1);
	if (getgrouplist(limits->user, limits->gid, limits->groups, &count) < 0)
		return host_fail(OM_EINVAL, "user %s is in more than %u groups", limits->user, PRIV_GROUPS_MAX);
	limits->group_count = (uint32_t)count;
	know_host(limits);
	return 0;
}

/* The next word of a list. Return: 1, 0 at the end, or OM_EINVAL. */
static int next_word(const char **at, char word[WORD_MAX])
{
	size_t length = strcspn(*at, ",");

	if (!**at)
		return 0;
	if (length == 0 || length >= WORD_MAX)
		return host_fail(OM_EINVAL, "an empty or too long word in a list: \"%s\"", *at);
	memcpy(word, *at, length);
	word[length] = 0;
	*at += length;
	if (**at == ',' && !*++*at)
		return host_fail(OM_EINVAL, "a list ends with a comma");
	return 1;
}

static int add_ports(struct priv_limits *limits, char *word)
{
	char *dash = strchr(word, '-');
	uint64_t first, last;
	int error;

	if (limits->port_count == PRIV_RANGES_MAX)
		return host_fail(OM_EINVAL, "at most %u ports or ranges of ports", PRIV_RANGES_MAX);
	if (dash)
		*dash = 0;
	error = host_parse_u64(word, 1, 65535, &first);
	last = first;
	if (!error && dash)
		error = host_parse_u64(dash + 1, 1, 65535, &last);
	if (error)
		return error;
	if (last < first)
		return host_fail(OM_EINVAL, "the range of ports %s-%s is empty", word, dash + 1);
	limits->ports[limits->port_count++] = (struct priv_range){ (uint16_t)first, (uint16_t)last };
	return 0;
}

int priv_limits_ports(struct priv_limits *limits, const char *list)
{
	char word[WORD_MAX];
	int more, error = 0;

	limits->ports_given = true;
	while (!error && (more = next_word(&list, word)) != 0)
		error = more < 0 ? more : add_ports(limits, word);
	return error;
}

static int add_owner(struct priv_limits *limits, char *word)
{
	char *colon = strchr(word, ':');
	struct priv_owner owner = { 0 };
	uint32_t unused;
	int error = 0;

	if (limits->owner_count == PRIV_OWNERS_MAX)
		return host_fail(OM_EINVAL, "at most %u owners", PRIV_OWNERS_MAX);
	if (colon)
		*colon = 0;
	owner.any_user = colon == word;
	if (!owner.any_user)
		error = find_user(word, &owner.uid, colon ? &unused : &owner.gid);
	if (!error && colon)
		error = find_group(colon + 1, &owner.gid);
	if (!error)
		limits->owners[limits->owner_count++] = owner;
	return error;
}

int priv_limits_owners(struct priv_limits *limits, const char *list)
{
	char word[WORD_MAX];
	int more, error = 0;

	while (!error && (more = next_word(&list, word)) != 0)
		error = more < 0 ? more : add_owner(limits, word);
	return error;
}

int priv_limits_address(struct priv_limits *limits, const char *text)
{
	if (limits->address_count == PRIV_ADDRESSES_MAX)
		return host_fail(OM_EINVAL, "at most %u addresses", PRIV_ADDRESSES_MAX);
	return net_address_parse(text, &limits->addresses[limits->address_count++]);
}
