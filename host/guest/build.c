/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `optmig guest build`: an initial root file system of exactly what a guest is made of, and a list of it. The same inputs give the same bytes:
 * nothing of this machine, of its user or of the time goes in.
 *
 *     /init                 optmig-init
 *     /usr/bin/optmig       and the libraries that its dynamic linker names, where it names them
 *     /modules/NN-NAME      of the kernel, in the order of loading
 *     /etc/...              what libc wants to know: users, names
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cpio.h"
#include "crypto/sha256.h"
#include "files.h"
#include "guest.h"
#include "load/imageread.h"
#include "util.h"

#define MODULES_MAX   64u
#define LIBRARIES_MAX 64u
#define LINKER        "/lib64/ld-linux-x86-64.so.2"   /* the ABI's name of it */

/* In confidential guests the host is the enemy: the kernel stops at what it cannot explain, keeps root out of itself, and takes no seed from outside. */
/*
 * no_timer_check: under KVM the kernel does without that check by itself. Under emulation, on a machine that has others to run, the ticks that it counts for a moment
 * do not come, and it panics ("IO-APIC + timer doesn't work").
 */
#define COMMAND_LINE "console=ttyS0 quiet panic=-1 oops=panic lockdown=confidentiality random.trust_bootloader=off no_timer_check"

#define NO_ACPI "acpi=off "

struct work {
	const struct guest_build_options *options;
	struct cpio archive;
	json_t *files;
	struct guest_words folders;     /* that are in the archive */
};

static void folder(struct work *w, const char *name, uint32_t mode)
{
	for (size_t i = 0; i < w->folders.count; i++)
		if (strcmp(w->folders.list[i], name) == 0)
			return;
	guest_word(&w->folders, "%s", name);
	cpio_directory(&w->archive, name, mode);
}

/* All folders above it come first. */
static void folders_of(struct work *w, const char *name)
{
	char copy[4096];

	snprintf(copy, sizeof copy, "%s", name);
	for (char *slash = strchr(copy, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		folder(w, copy, 0755);
		*slash = '/';
	}
}

static void add_bytes(struct work *w, const char *name, uint32_t mode, const void *data, size_t size)
{
	uint8_t hash[32];
	char text[65];

	folders_of(w, name);
	cpio_file(&w->archive, name, mode, data, size);
	om_sha256(data, size, hash);
	host_hash_text(hash, text);
	json_object_set_new(w->files, name, json_string(text));
}

static int add_file(struct work *w, const char *name, uint32_t mode, const char *path)
{
	size_t size;
	uint8_t *data;
	int error = guest_file_read(path, &data, &size);

	if (error)
		return error;
	add_bytes(w, name, mode, data, size);
	free(data);
	return 0;
}

static void add_text(struct work *w, const char *name, const char *text)
{
	add_bytes(w, name, 0644, text, strlen(text));
}

/* ---- libraries --------------------------------------------------------------------------------------------------------- */

/* What the dynamic linker would load, by its own word. Return: its output, which the caller closes, or NULL. */
static FILE *ask_linker(const char *program, pid_t *ret_pid)
{
	static char *const nothing[] = { NULL };
	int out[2];

	if (pipe2(out, O_CLOEXEC))
		return NULL;
	*ret_pid = fork();
	if (*ret_pid == 0) {
		if (dup2(out[1], 1) == 1)
			execve(LINKER, (char *const[]){ (char *)LINKER, (char *)"--list", (char *)program, NULL }, nothing);
		_exit(127);
	}
	close(out[1]);
	if (*ret_pid < 0) {
		close(out[0]);
		return NULL;
	}
	return fdopen(out[0], "r");
}

/* "\tlibz.so.1 => /lib/libz.so.1 (0x…)", "\t/lib64/ld-linux-x86-64.so.2 (0x…)", "\tlinux-vdso.so.1 (0x…)". */
static int add_library(struct work *w, char *line)
{
	char *path = strstr(line, "=> "), *end;

	path = path ? path + 3 : line + strspn(line, " \t");
	end = strstr(path, " (0x");
	if (strncmp(path, "not found", 9) == 0)
		return host_fail(OM_ENOTFOUND, "a library of optmig is missing: %s", line);
	if (path[0] != '/' || !end)
		return 0;
	*end = 0;
	return add_file(w, path + 1, 0755, path);
}

static int add_libraries(struct work *w, const char *program)
{
	char *line = NULL;
	size_t room = 0;
	int error = 0, status;
	pid_t pid;
	FILE *answer = ask_linker(program, &pid);

	if (!answer)
		return host_fail(OM_EIO, "%s: %s", LINKER, strerror(errno));
	while (!error && getline(&line, &room, answer) > 0)
		error = add_library(w, line);
	free(line);
	fclose(answer);
	if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status))
		error = error ? error : host_fail(OM_EIO, "%s does not say what %s needs", LINKER, program);
	return error;
}

/* ---- the rest ------------------------------------------------------------------------------------------------------------ */

static int no_dots(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_modules(struct work *w)
{
	char path[4200], file[4600], name[300];
	struct dirent **entries;
	int count, error = 0;

	snprintf(path, sizeof path, "%s/modules", w->options->kernel);
	count = scandir(path, &entries, no_dots, by_bytes);
	if (count < 0)
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
		snprintf(name, sizeof name, "modules/%s", entries[i]->d_name);
		if (!error)
			error = add_file(w, name, 0644, file);
		free(entries[i]);
	}
	free(entries);
	return error;
}

static void add_signers(struct work *w)
{
	char text[GUEST_SIGNERS_MAX * 65 + 1];
	size_t size = 0;

	for (unsigned i = 0; i < w->options->signer_count; i++)
		size += (size_t)snprintf(text + size, sizeof text - size, "%s\n", w->options->signers[i]);
	if (size > 0)
		add_bytes(w, &GUEST_SIGNERS_FILE[1], 0444, text, size);
}

static int fill(struct work *w)
{
	static const char *const folders[] = { "dev", "etc", "proc", "run", "sys", "tmp" };
	int error;

	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
		folder(w, folders[i], 0755);
	add_text(w, "etc/group", "root:x:0:\nnogroup:x:65534:\n");
	add_text(w, "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n");
	add_text(w, "etc/passwd", "root:x:0:0:root:/:/nonexistent\nnobody:x:65534:65534:nobody:/nonexistent:/nonexistent\n");
	add_signers(w);
	error = add_file(w, "init", 0755, w->options->init);
	if (!error)
		error = add_file(w, "usr/bin/optmig", 0755, w->options->optmig);
	if (!error)
		error = add_libraries(w, w->options->optmig);
	if (!error)
		error = add_modules(w);
	if (!error)
		error = cpio_end(&w->archive);
	return error;
}

static json_t *described(const char *file, const void *data, size_t size)
{
	uint8_t hash[32];
	char text[65];

	om_sha256(data, size, hash);
	host_hash_text(hash, text);
	return json_pack("{ss ss sI}", "file", file, "sha256", text, "size", (json_int_t)size);
}

static json_t *signers_of(const struct guest_build_options *o)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < o->signer_count; i++)
		json_array_append_new(list, json_string(o->signers[i]));
	return list;
}

/* The package's name and version, a line beside the kernel; a kernel of one's own has none. */
static json_t *package_of(const char *kernel)
{
	char path[4200], line[200] = "";
	FILE *f;

	snprintf(path, sizeof path, "%s/package", kernel);
	f = fopen(path, "re");
	if (f && !fgets(line, sizeof line, f))
		line[0] = 0;
	if (f)
		fclose(f);
	line[strcspn(line, "\n")] = 0;
	return line[0] ? json_string(line) : json_null();
}

static int write_list(struct work *w, const uint8_t *kernel, size_t kernel_size)
{
	const struct guest_build_options *o = w->options;
	json_t *all = json_pack("{si ss so so so so sO}", "version", 1, "command_line", o->no_acpi ? NO_ACPI COMMAND_LINE : COMMAND_LINE, "kernel", described("vmlinuz", kernel, kernel_size),
		"package", package_of(o->kernel), "initrd", described("initrd", w->archive.bytes, w->archive.size), "signers", signers_of(o), "files", w->files);
	char *text = all ? json_dumps(all, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL, *line = NULL;
	int error = text && asprintf(&line, "%s\n", text) > 0 ? guest_file_write(o->output, "guest.json", line, strlen(line)) : OM_ENOMEM;

	json_decref(all);
	free(text);
	free(line);
	return error;
}

static int write_all(struct work *w)
{
	const struct guest_build_options *o = w->options;
	char path[4200];
	uint8_t *kernel;
	size_t size;
	int error;

	snprintf(path, sizeof path, "%s/vmlinuz", o->kernel);
	error = guest_file_read(path, &kernel, &size);
	if (error)
		return error;
	error = guest_file_write(o->output, "vmlinuz", kernel, size);
	if (!error)
		error = guest_file_write(o->output, "initrd", w->archive.bytes, w->archive.size);
	if (!error)
		error = write_list(w, kernel, size);
	free(kernel);
	return error;
}

int guest_build(const struct guest_build_options *options)
{
	struct work w = { .options = options, .archive.next = 1, .files = json_object() };
	int error = w.files ? guest_folder_make(options->output) : OM_ENOMEM;

	if (!error)
		error = fill(&w);
	if (!error && w.folders.failed)
		error = OM_ENOMEM;
	if (!error)
		error = write_all(&w);
	free(w.archive.bytes);
	json_decref(w.files);
	guest_words_done(&w.folders);
	return error;
}

int guest_build_defaults(struct guest_build_options *options)
{
	static char optmig[4096], init[4200], kernel[4200];
	ssize_t size = readlink("/proc/self/exe", optmig, sizeof optmig - 1);
	char *slash;

	if (size < 0)
		return host_fail(OM_EIO, "/proc/self/exe: %s", strerror(errno));
	optmig[size] = 0;
	slash = strrchr(optmig, '/');
	snprintf(init, sizeof init, "%.*s/../libexec/optmig-init", (int)(slash - optmig), optmig);
	snprintf(kernel, sizeof kernel, "%.*s/../guest/kernel", (int)(slash - optmig), optmig);
	options->optmig = optmig;
	options->init = init;
	options->kernel = kernel;
	return 0;
}
