/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include "guest/control.h"

int om_guestctl_frame_decode(const uint8_t header[OM_GUESTCTL_FRAME_HEADER], uint8_t *ret_type, uint32_t *ret_size)
{
	struct om_get c;
	uint32_t size;
	uint8_t type;
	int error;

	om_get_init(&c, header, OM_GUESTCTL_FRAME_HEADER);
	size = om_get_u32(&c);
	type = om_get_u8(&c);
	om_get_zeros(&c, 3);
	error = om_get_end(&c);
	if (error)
		return error;
	if (size > OM_GUESTCTL_PAYLOAD_MAX)
		return OM_EOVERFLOW;
	*ret_type = type;
	*ret_size = size;
	return 0;
}

void om_guestctl_frame_encode(uint8_t type, uint32_t size, uint8_t ret_header[OM_GUESTCTL_FRAME_HEADER])
{
	struct om_put c;

	om_put_init(&c, ret_header, OM_GUESTCTL_FRAME_HEADER);
	om_put_u32(&c, size);
	om_put_u8(&c, type);
	om_put_zeros(&c, 3);
}

void om_guestctl_put_string(struct om_put *c, const char *text)
{
	size_t size = strlen(text);

	if (size > OM_GUESTCTL_STRING_MAX) {
		if (!c->error)
			c->error = OM_EOVERFLOW;
		return;
	}
	om_put_u32(c, (uint32_t)size);
	om_put_bytes(c, text, size);
}

void om_guestctl_put_list(struct om_put *c, char *const *list)
{
	uint32_t count = 0;

	while (list && list[count])
		count++;
	om_put_u32(c, count);
	for (uint32_t i = 0; i < count; i++)
		om_guestctl_put_string(c, list[i]);
}

struct om_guestctl_string om_guestctl_get_string(struct om_get *c, uint32_t max)
{
	struct om_guestctl_string s = { .text = "", .size = om_get_u32(c) };
	const uint8_t *bytes;

	if (s.size > max) {
		om_get_fail(c, OM_EOVERFLOW);
		return (struct om_guestctl_string){ .text = "" };
	}
	bytes = om_get_view(c, s.size);
	if (!bytes)
		return (struct om_guestctl_string){ .text = "" };
	if (s.size > 0 && memchr(bytes, 0, s.size)) {
		om_get_fail(c, OM_EINVAL);
		return (struct om_guestctl_string){ .text = "" };
	}
	s.text = (const char *)bytes;
	return s;
}

struct om_guestctl_list om_guestctl_get_list(struct om_get *c)
{
	struct om_guestctl_list list = { 0 };

	list.count = om_get_u32(c);
	list.bytes = c->p;
	if (list.count > OM_GUESTCTL_LIST_MAX)
		om_get_fail(c, OM_EOVERFLOW);
	for (uint32_t i = 0; i < list.count && !c->error; i++)
		(void)om_guestctl_get_string(c, OM_GUESTCTL_STRING_MAX);  /* only that it is one: om_guestctl_list_next() gives it */
	if (c->error)
		return (struct om_guestctl_list){ 0 };
	list.size = (uint32_t)(c->p - list.bytes);
	return list;
}

bool om_guestctl_list_next(struct om_guestctl_list *list, struct om_guestctl_string *ret)
{
	struct om_get c;

	if (list->count == 0)
		return false;
	om_get_init(&c, list->bytes, list->size);
	*ret = om_guestctl_get_string(&c, OM_GUESTCTL_STRING_MAX);
	list->size -= (uint32_t)(c.p - list->bytes);
	list->bytes = c.p;
	list->count--;
	return true;
}

void om_guestctl_start_encode(struct om_put *c, const struct om_guestctl_start *head, const char *directory, char *const *options,
	char *const *arguments, char *const *environment)
{
	om_put_u8(c, (uint8_t)head->verb);
	om_put_u8(c, head->terminal);
	om_put_u16(c, head->rows);
	om_put_u16(c, head->columns);
	om_guestctl_put_string(c, directory);
	om_guestctl_put_list(c, options);
	om_guestctl_put_list(c, arguments);
	om_guestctl_put_list(c, environment);
}

int om_guestctl_start_decode(const uint8_t *payload, size_t size, struct om_guestctl_start *ret)
{
	struct om_guestctl_start s = { 0 };
	uint8_t verb, terminal;
	struct om_get c;
	int error;

	om_get_init(&c, payload, size);
	verb = om_get_u8(&c);
	terminal = om_get_u8(&c);
	s.rows = om_get_u16(&c);
	s.columns = om_get_u16(&c);
	s.directory = om_guestctl_get_string(&c, OM_GUESTCTL_PATH_MAX - 1);
	s.options = om_guestctl_get_list(&c);
	s.arguments = om_guestctl_get_list(&c);
	s.environment = om_guestctl_get_list(&c);
	error = om_get_end(&c);
	if (error)
		return error;
	if ((verb != OM_GUESTCTL_RUN && verb != OM_GUESTCTL_RECEIVE) || terminal > 1 || (verb == OM_GUESTCTL_RUN) != (s.arguments.count > 0))
		return OM_EINVAL;
	s.verb = verb;
	s.terminal = terminal;
	*ret = s;
	return 0;
}

/* Of these, the guest itself consists; /etc has more of it than what is listed as the host's. */
static const char *const reserved[] = { "bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "proc", "sys", "dev", "run", "init", "modules", "etc" };
static const char *const etc_allowed[] = { "hosts", "resolv.conf", "localtime", "services", "protocols" };

static bool is_one_of(const char *text, size_t size, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == size && memcmp(list[i], text, size) == 0)
			return true;
	return false;
}

static bool is_plain(const char *path, size_t size)
{
	if (size < 2 || size >= OM_GUESTCTL_PATH_MAX || path[0] != '/' || memchr(path, 0, size))
		return false;
	for (size_t i = 0; i < size;) {
		size_t start = ++i;

		while (i < size && path[i] != '/')
			i++;
		if (i == start || i - start > 255 || (path[start] == '.' && (i - start == 1 || (i - start == 2 && path[start + 1] == '.'))))
			return false;
	}
	return true;
}

bool om_guestctl_path_allowed(const char *path, size_t size)
{
	const char *first = path + 1, *end = path + size, *slash;

	if (!is_plain(path, size))
		return false;
	slash = memchr(first, '/', (size_t)(end - first));
	if (slash && slash - first == 3 && memcmp(first, "etc", 3) == 0)
		return is_one_of(slash + 1, (size_t)(end - slash - 1), etc_allowed, sizeof etc_allowed / sizeof *etc_allowed);
	return !is_one_of(first, (size_t)((slash ? slash : end) - first), reserved, sizeof reserved / sizeof *reserved);
}
