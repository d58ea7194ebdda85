/* SPDX-License-Identifier: Apache-2.0 */
/* What `optmig guest build` has made. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "crypto/sha256.h"
#include "files.h"
#include "guest.h"
#include "load/imageread.h"
#include "util.h"

int guest_folder_default(char *ret, size_t size)
{
	const char *own = getenv("OPTMIG_GUEST"), *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int length;

	if (own && *own)
		length = snprintf(ret, size, "%s", own);
	else if (xdg && *xdg == '/')
		length = snprintf(ret, size, "%s/optmig/guest", xdg);
	else
		length = snprintf(ret, size, "%s/.local/share/optmig/guest", home && *home ? home : "/root");
	return length < 0 || (size_t)length >= size ? host_fail(OM_EINVAL, "the guest's directory has too long a name") : 0;
}

/* A guest that is not what was built would only be refused by its peers, later and with a worse word. */
static int check(const char *path, const json_t *about)
{
	const char *wanted = json_string_value(json_object_get(about, "sha256"));
	uint8_t *data, hash[32];
	char text[65];
	size_t size;
	int error = guest_file_read(path, &data, &size);

	if (error)
		return error;
	om_sha256(data, size, hash);
	free(data);
	host_hash_text(hash, text);
	return wanted && strcmp(wanted, text) == 0 ? 0 : host_fail(OM_EIMAGE, "%s is not what guest.json says: build the guest again", path);
}

static int take(const json_t *all, struct guest_folder *f)
{
	const char *line = json_string_value(json_object_get(all, "command_line"));
	int error;

	if (json_integer_value(json_object_get(all, "version")) != 1 || !line || strlen(line) >= sizeof f->command_line)
		return host_fail(OM_EVERSION, "%s/guest.json is of another version: build the guest again", f->path);
	snprintf(f->command_line, sizeof f->command_line, "%s", line);
	f->any_signer = json_array_size(json_object_get(all, "signers")) == 0;
	snprintf(f->kernel, sizeof f->kernel, "%s/vmlinuz", f->path);
	snprintf(f->initrd, sizeof f->initrd, "%s/initrd", f->path);
	error = check(f->kernel, json_object_get(all, "kernel"));
	return error ? error : check(f->initrd, json_object_get(all, "initrd"));
}

int guest_folder_open(const char *path, struct guest_folder *ret)
{
	struct guest_folder f = { 0 };
	json_error_t why;
	char list[4200];
	json_t *all;
	int error = 0;

	if (path)
		error = (size_t)snprintf(f.path, sizeof f.path, "%s", path) >= sizeof f.path ? OM_EINVAL : 0;
	else
		error = guest_folder_default(f.path, sizeof f.path);
	if (error)
		return error;
	snprintf(list, sizeof list, "%s/guest.json", f.path);
	all = json_load_file(list, JSON_REJECT_DUPLICATES, &why);
	if (!all)
		return host_fail(OM_ENOTFOUND, "%s is no guest (%s); `optmig guest build -o %s` makes one", f.path, why.text, f.path);
	error = take(all, &f);
	json_decref(all);
	if (!error)
		*ret = f;
	return error;
}
