/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "guest_options.h"
#include "util.h"

static bool any;        /* an option that means nothing without --tee */

static int set_kind(struct guest_run_options *g, const char *name)
{
	static const char *const names[] = { [GUEST_KIND_VM] = "vm", [GUEST_KIND_SNP] = "snp", [GUEST_KIND_TDX] = "tdx" };

	for (int i = GUEST_KIND_VM; i <= GUEST_KIND_TDX; i++)
		if (strcmp(name, names[i]) == 0) {
			g->kind = i;
			return 1;
		}
	return host_fail(OM_EINVAL, "--tee %s: snp, tdx or vm", name);
}

/* "4G", "512M", MiB without a letter. */
static int set_memory(struct guest_run_options *g, const char *text)
{
	char number[32];
	uint64_t value, unit = 1;
	size_t size = strlen(text);

	if (size > 0 && size < sizeof number && (text[size - 1] == 'G' || text[size - 1] == 'M')) {
		unit = text[size - 1] == 'G' ? 1024 : 1;
		size--;
	}
	snprintf(number, sizeof number, "%.*s", size < sizeof number ? (int)size : 0, text);
	if (host_parse_u64(number, 1, 1 << 24, &value) || value * unit < 256 || value * unit > 1 << 24)
		return host_fail(OM_EINVAL, "--memory %s: at least 256M, as 4G", text);
	g->memory_mib = value * unit;
	return 1;
}

static int copy_value(char *to, size_t size, const char *from, size_t length)
{
	if (length == 0 || length >= size)
		return OM_EINVAL;
	memcpy(to, from, length);
	to[length] = 0;
	return 0;
}

/* "tap=NAME,address=A/B[,gateway=G]". */
static int set_net(struct guest_run_options *g, const char *text)
{
	struct guest_net net = { 0 };
	int error = 0;

	for (const char *at = text; !error && *at; at += *at == ',') {
		size_t length = strcspn(at, ",");

		if (strncmp(at, "tap=", 4) == 0)
			error = copy_value(net.tap, sizeof net.tap, at + 4, length - 4);
		else if (strncmp(at, "address=", 8) == 0)
			error = copy_value(net.address, sizeof net.address, at + 8, length - 8);
		else if (strncmp(at, "gateway=", 8) == 0)
			error = copy_value(net.gateway, sizeof net.gateway, at + 8, length - 8);
		else
			error = OM_EINVAL;
		at += length;
	}
	if (error || !net.tap[0] || !net.address[0] || !strchr(net.address, '/') || strspn(net.address, "0123456789./") != strlen(net.address))
		return host_fail(OM_EINVAL, "--net %s: tap=NAME,address=A/B[,gateway=G], of IPv4", text);
	g->net = net;
	return 1;
}

/* Absolute, without "." and "..", whether it is there or not: a name in the guest. */
static char *plain_name(const char *path)
{
	char resolved[PATH_MAX];

	return realpath(path, resolved) ? strdup(resolved) : NULL;
}

static int add_file(struct guest_run_options *g, const char *text)
{
	const char *equals = strchr(text, '=');
	char *host = equals ? strndup(text, (size_t)(equals - text)) : strdup(text), *guest;

	if (!host)
		return host_fail(OM_ENOMEM, "no memory");
	guest = equals ? strdup(equals + 1) : plain_name(host);
	if (!guest)
		return host_fail(OM_ENOTFOUND, "--file %s: %s", host, strerror(errno));
	if (g->file_count >= GUEST_FILES_MAX)
		return host_fail(OM_EINVAL, "at most %u files and folders", GUEST_FILES_MAX);
	g->files[g->file_count++] = (struct guest_file){ host, guest };
	return 1;
}

static int set_cpus(struct guest_run_options *g, const char *text)
{
	uint64_t value;

	if (host_parse_u64(text, 1, GUEST_VCPUS_MAX, &value))
		return host_fail(OM_EINVAL, "--cpus %s: 1 to %u", text, GUEST_VCPUS_MAX);
	g->vcpus = (uint32_t)value;
	return 1;
}

static int set_accel(struct guest_run_options *g, const char *text)
{
	if (strcmp(text, "kvm") != 0 && strcmp(text, "tcg") != 0)
		return host_fail(OM_EINVAL, "--accel %s: kvm or tcg", text);
	g->kvm = text[0] == 'k';
	return 1;
}

/* Options that name a file of this host: the guest gets the file, at a place of its own. */
static int forward_file(struct guest_run_options *g, const char *option, const char *path)
{
	const char *slash = strrchr(path, '/');
	char guest[PATH_MAX];

	if (g->file_count >= GUEST_FILES_MAX)
		return host_fail(OM_EINVAL, "at most %u files and folders", GUEST_FILES_MAX);
	snprintf(guest, sizeof guest, OM_GUESTCTL_IMAGES "/%s", slash ? slash + 1 : path);
	guest_word(&g->forwarded, "--%s=%s", option, guest);
	g->files[g->file_count++] = (struct guest_file){ strdup(path), strdup(guest) };
	return 0;
}

static int forward(struct guest_run_options *g, const struct option *longs, int option, const char *argument)
{
	const struct option *o = longs;

	while (o->name && o->val != option)
		o++;
	if (option == 'q' || option == 'v' || option == 'h')
		guest_word(&g->forwarded, "-%c", option);
	else if (!o->name)
		return 0;               /* a wrong one: whoever looks at it next says so */
	else if (o->has_arg && (strcmp(o->name, "image") == 0 || strcmp(o->name, "guests") == 0))
		return forward_file(g, o->name, argument);
	else if (o->has_arg)
		guest_word(&g->forwarded, "--%s=%s", o->name, argument);
	else
		guest_word(&g->forwarded, "--%s", o->name);
	return 0;
}

int cli_guest_option(struct guest_run_options *g, const struct option *longs, int option, const char *argument)
{
	if (option >= CLI_OPT_DRY_RUN && option <= CLI_OPT_PROCESSOR)
		any = true;
	switch (option) {
	case CLI_OPT_TEE:      return set_kind(g, argument);
	case CLI_OPT_NET:      return set_net(g, argument);
	case CLI_OPT_FILE:     return add_file(g, argument);
	case CLI_OPT_MEMORY:   return set_memory(g, argument);
	case CLI_OPT_CPUS:     return set_cpus(g, argument);
	case CLI_OPT_ACCEL:    return set_accel(g, argument);
	case CLI_OPT_DRY_RUN:  g->dry_run = true; return 1;
	case CLI_OPT_FOLDER:    g->folder = argument; return 1;
	case CLI_OPT_CPU:      g->cpu = argument; return 1;
	case CLI_OPT_FIRMWARE: g->firmware = argument; return 1;
	case CLI_OPT_QEMU:     g->qemu = argument; return 1;
	case CLI_OPT_QGS:      g->quote_service = argument; return 1;
	case CLI_OPT_ID_BLOCK: g->id_block = argument; return 1;
	case CLI_OPT_PROCESSOR: g->processor = argument; return 1;
	default:               return forward(g, longs, option, argument);
	}
}

int cli_guest_end(struct guest_run_options *g)
{
	if (!g->kind)
		return any ? host_fail(OM_EINVAL, "options of a guest go with --tee snp|tdx|vm") : 0;
	return g->forwarded.failed ? host_fail(OM_ENOMEM, "no memory") : 0;
}
