/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PostgreSQL loads its procedural language and its dictionaries with dlopen. An enclave loads nothing later: these modules are linked into the
 * server, and the functions below find them by the name of the file that the server asks for. What a module is asked for is its magic block,
 * its _PG_init, and the functions that SQL calls. apps/postgres/table makes the list from the modules' libraries.
 */
#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef void function(void);

#define MODULE(m)      extern function m##_magic;
#define INIT(m)        extern function m##_init;
#define FUNCTION(m, f) extern function f, pg_finfo_##f;
#include "modules.h"
#undef MODULE
#undef INIT
#undef FUNCTION

static const struct { const char *module, *name; function *address; } table[] = {
#define MODULE(m)      { #m, "Pg_magic_func", m##_magic },
#define INIT(m)        { #m, "_PG_init", m##_init },
#define FUNCTION(m, f) { #m, #f, f }, { #m, "pg_finfo_" #f, pg_finfo_##f },
#include "modules.h"
	{ NULL, NULL, NULL }
};

static _Thread_local char message[200];
static _Thread_local const char *error;

/* The module's part of the table is its handle. Its file is DIRECTORY/NAME.so. */
void *dlopen(const char *file, int flags)
{
	const char *slash = file ? strrchr(file, '/') : NULL, *name = slash ? slash + 1 : file;

	(void)flags;
	for (size_t i = 0; name && table[i].module; i++) {
		const size_t size = strlen(table[i].module);

		if (!strncmp(name, table[i].module, size) && (!name[size] || !strcmp(name + size, ".so")))
			return (void *)&table[i];
	}
	snprintf(message, sizeof message, "%s is not among the modules that are linked in", name ? name : "the program itself");
	error = message;
	return NULL;
}

void *dlsym(void *handle, const char *name)
{
	for (size_t i = 0; table[i].module; i++)
		if (handle && !strcmp(table[i].module, *(const char *const *)handle) && !strcmp(table[i].name, name))
			return (void *)table[i].address;
	snprintf(message, sizeof message, "no function %s", name);
	error = message;
	return NULL;
}

int dlclose(void *handle)
{
	(void)handle;
	return 0;
}

char *dlerror(void)
{
	const char *said = error;

	error = NULL;
	return (char *)said;
}
