/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The measured launch: what the image says of arguments, environment and files (core/launch.h) becomes a read-only section of it, in an
 * object of its own that is linked in. The hashes of trusted files are taken here. Everything is sorted, so that the same words and the
 * same files make the same image, whatever the order in which a directory lists them.
 *
 * What a debug image does not say is allowed. A production image has to say it.
 */
#include <dirent.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "cc.h"
#include "launch.h"

/* An image that is signed with a key of somebody's own, and no debug image. */
static bool is_production(const struct cc_options *o)
{
	return !o->debug;
}

static bool says_env(const struct cc_launch *l) { return l->pass.given || l->set.count; }
static bool says_files(const struct cc_launch *l) { return l->allowed.given || l->trusted.count || l->encrypted.count; }
static bool says_keys(const struct cc_launch *l) { return l->wait.count || l->owner || l->lineage || l->signal; }

static int check_complete(const struct cc_options *o)
{
	const struct cc_launch *l = &o->launch;
	if (!is_production(o)) return 0;
	if (!l->args.given)
		cc_error("a production image says with which arguments it may be started: args = [...], or args = \"any\"");
	if (!says_env(l))
		cc_error("a production image says which variables its host may give it: env = { pass = [...], set = { NAME = \"VALUE\" } }, or "
			"env = \"any\"");
	if (!says_files(l))
		cc_error("a production image says which files it opens: files = { trusted = [...], allowed = [...] }, or files = \"any\"");
	if (l->args.given && says_env(l) && says_files(l)) return 0;
	cc_note("these lines stand in optmig.toml beside the program (optmig-launch(5)); debug=1 makes a debug image, which needs none");
	return 1;
}

/* ---- trusted files -------------------------------------------------------------------------------------------------------- */

struct file { const char *name, *from; uint64_t size; uint8_t (*hashes)[SHA256_DIGEST_LENGTH]; };
struct files { struct file *item; size_t count, room; struct strv sealed; };

static void add_file(struct files *files, const char *name, const char *from)
{
	if (files->count == files->room) {
		files->room = files->room ? 2 * files->room : 64;
		files->item = realloc(files->item, files->room * sizeof *files->item);
		if (!files->item) { fputs("optmig-cc: out of memory\n", stderr); exit(1); }
	}
	files->item[files->count++] = (struct file){.name = name, .from = from};
}

/* A name as the program says it, without detours. NULL: none that can be trusted. */
static const char *normal(const char *name)
{
	char *text = cc_format("%s/", name); /* room for "." */
	om_launch_normalise(text);
	bool out = starts_with(text, "..") && (!text[2] || text[2] == '/');
	if (!out && strlen(text) + 2 < OM_LAUNCH_PATH) return text;
	cc_error("the image's files: '%s' %s", name, out ? "leads out of the directory in which the program is started: say an absolute name, with { path = NAME, "
		"from = FILE } if it lies elsewhere here" : "is too long");
	return NULL;
}

/* ... of a directory, with '/' at its end. */
static const char *normal_directory(const char *name)
{
	const char *text = normal(name);
	return text && text[strlen(text) - 1] != '/' ? cc_format("%s/", text) : text;
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }
static int by_name(const void *a, const void *b) { return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name); }

/* All regular files below a directory. A link to a directory could lead anywhere, and in circles. */
static int add_directory(struct files *files, const char *name, const char *from)
{
	DIR *d = opendir(from);
	if (!d) { cc_error("files.trusted: %s: %s", from, strerror(errno)); return 1; }
	int status = 0;
	for (struct dirent *e; !status && (e = readdir(d));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")) continue;
		const char *inner = cc_format("%s%s%s", strcmp(name, "./") ? name : "", e->d_name, ""), *path = cc_format("%s/%s", from, e->d_name);
		struct stat s, link;
		if (lstat(path, &link) || stat(path, &s)) { cc_error("files.trusted: %s: %s", path, strerror(errno)); status = 1; }
		else if (S_ISREG(s.st_mode)) add_file(files, inner, path);
		else if (S_ISDIR(link.st_mode)) status = add_directory(files, cc_format("%s/", inner), path);
		else { cc_error("files.trusted: %s is neither a file nor a directory%s", path, S_ISDIR(s.st_mode) ? ", but a link to one: list that, too" : ""); status = 1; }
	}
	closedir(d);
	return status;
}

static int collect(const struct cc_launch *l, struct files *files)
{
	for (size_t i = 0; i < l->trusted.count; i++) {
		const char *name = l->trusted.item[i], *from = l->from.item[i];
		bool directory = *name && name[strlen(name) - 1] == '/';
		if (!*name) { cc_error("files.trusted: an empty name"); return 1; }
		if (!(name = directory ? normal_directory(name) : normal(name))) return 1;
		if (!directory) { add_file(files, name, from); continue; }
		if (!strv_has(&files->sealed, name)) strv_add(&files->sealed, name);
		if (add_directory(files, name, from)) return 1;
	}
	if (files->count) qsort(files->item, files->count, sizeof *files->item, by_name);
	if (files->sealed.count) qsort(files->sealed.item, files->sealed.count, sizeof(char *), by_text);
	/* Listed by itself and in a directory: once is enough, if both mean the same file here. */
	size_t kept = 0;
	for (size_t i = 0; i < files->count; i++) {
		struct stat a, b;
		if (!kept || strcmp(files->item[kept - 1].name, files->item[i].name)) { files->item[kept++] = files->item[i]; continue; }
		if (stat(files->item[kept - 1].from, &a) || stat(files->item[i].from, &b) || a.st_dev != b.st_dev || a.st_ino != b.st_ino) {
			cc_error("files.trusted: %s is listed twice, as %s and %s", files->item[i].name, files->item[kept - 1].from, files->item[i].from);
			return 1;
		}
	}
	files->count = kept;
	return 0;
}

static int hash(struct file *file)
{
	static unsigned char block[OM_LAUNCH_BLOCK];
	struct stat s;
	size_t room = 0, n;
	FILE *f = fopen(file->from, "rb");
	if (!f || fstat(fileno(f), &s)) { cc_error("files.trusted: %s: %s", file->from, strerror(errno)); if (f) fclose(f); return 1; }
	if (!S_ISREG(s.st_mode)) { cc_error("files.trusted: %s is no regular file%s", file->from, S_ISDIR(s.st_mode) ? ": say it with '/' at its end" : ""); fclose(f); return 1; }
	for (size_t count = 0; (n = fread(block, 1, sizeof block, f)) > 0; count++) {
		if (count == room) {
			room = room ? 2 * room : 16;
			file->hashes = realloc(file->hashes, room * sizeof *file->hashes);
			if (!file->hashes) { fputs("optmig-cc: out of memory\n", stderr); exit(1); }
		}
		SHA256(block, n, file->hashes[count]);
		file->size += n;
	}
	bool failed = ferror(f) || file->size != (uint64_t)s.st_size;
	fclose(f);
	if (failed) cc_error("files.trusted: %s changes while it is read", file->from);
	return failed;
}

/* ---- the section ------------------------------------------------------------------------------------------------------------ */

static int sorted_paths(const struct strv *from, const char *key, struct strv *ret)
{
	for (size_t i = 0; i < from->count; i++) {
		const char *name = from->item[i];
		if (!*name) { cc_error("%s: an empty name", key); return 1; }
		name = name[strlen(name) - 1] == '/' ? normal_directory(name) : normal(name);
		if (!name) return 1;
		if (!strcmp(name, ".")) name = "./";
		if (!strv_has(ret, name)) strv_add(ret, name);
	}
	if (ret->count) qsort(ret->item, ret->count, sizeof(char *), by_text);
	return 0;
}

static int sorted_names(const struct strv *from, struct strv *ret)
{
	for (size_t i = 0; i < from->count; i++) {
		const char *name = from->item[i], *star = strchr(name, '*');
		if (!*name || strchr(name, '=') || (star && star[1])) {
			cc_error("env.pass: '%s' is no name of a variable, nor the beginning of some with '*' behind it", name);
			return 1;
		}
		if (!strv_has(ret, name)) strv_add(ret, name);
	}
	if (ret->count) qsort(ret->item, ret->count, sizeof(char *), by_text);
	return 0;
}

/* A name as a file, or as a directory, is listed once. */
static int check_once(const struct strv *encrypted, const struct strv *other, const char *key)
{
	for (size_t i = 0; i < encrypted->count; i++)
		if (strv_has(other, encrypted->item[i])) {
			cc_error("%s is in files.encrypted and in %s: which of them is meant?", encrypted->item[i], key);
			return 1;
		}
	return 0;
}

/* ---- keys and secrets --------------------------------------------------------------------------------------------------------- */

static const char *const lineages[] = {[OM_LINEAGE_NEW] = "new", [OM_LINEAGE_SEAL] = "seal", [OM_LINEAGE_OWNER] = "owner"};

static int lineage_of(const struct cc_launch *l, uint32_t *ret)
{
	*ret = OM_LINEAGE_NEW;
	for (uint32_t i = 0; l->lineage && i < OM_LINEAGES; i++) {
		if (strcmp(l->lineage, lineages[i])) continue;
		*ret = i;
		return 0;
	}
	if (l->lineage) cc_error("lineage = \"%s\": \"new\", \"seal\" or \"owner\" (optmig-launch(5))", l->lineage);
	return l->lineage != NULL;
}

/* As the C library calls it, with or without SIG, or its number. */
static int signal_of(const char *name, uint32_t *ret)
{
	*ret = 0;
	if (!name) return 0;
	char *end;
	unsigned long number = strtoul(name, &end, 10);
	for (int i = 1; *end && i < 32; i++) {
		const char *abbreviation = sigabbrev_np(i);
		if (!abbreviation || strcmp(abbreviation, starts_with(name, "SIG") ? name + 3 : name)) continue;
		number = (unsigned long)i;
		end += strlen(end);
	}
	if (*end || !number || !om_launch_signal_is_good(number)) {
		cc_error("after-move.signal = \"%s\": no signal that a program can be told by: \"HUP\", \"USR1\", ...", name);
		return 1;
	}
	*ret = (uint32_t)number;
	return 0;
}

static int sorted_secrets(const struct strv *from, struct strv *ret)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	for (size_t i = 0; i < from->count; i++) {
		const char *name = from->item[i];
		if (!*name || strlen(name) > OM_LAUNCH_SECRET || name[strspn(name, letters)] || !strcmp(name, ".") || !strcmp(name, "..")) {
			cc_error("secrets.wait: '%s' is no name of a secret: at most %u letters, digits, dots, underscores and hyphens", name, OM_LAUNCH_SECRET);
			return 1;
		}
		if (!strv_has(ret, name)) strv_add(ret, name);
	}
	if (ret->count) qsort(ret->item, ret->count, sizeof(char *), by_text);
	return 0;
}

static int owner_of(const struct cc_launch *l, struct strv *ret)
{
	if (!l->owner) return 0;
	if (strlen(l->owner) != OM_LAUNCH_OWNER || l->owner[strspn(l->owner, "0123456789abcdef")]) {
		cc_error("secrets.owner: the owner's key is %u lower-case hexadecimal digits, as in a policy's `owner`", OM_LAUNCH_OWNER);
		return 1;
	}
	strv_add(ret, l->owner);
	return 0;
}

bool cc_launch_wants_owner(const struct cc_launch *l)
{
	return !l->owner && (l->wait.count || (l->lineage && !strcmp(l->lineage, lineages[OM_LINEAGE_OWNER])));
}

/* ---- all together ------------------------------------------------------------------------------------------------------------- */

static void put_list(struct om_launch_source *source, enum om_launch_list list, const struct strv *from)
{
	source->list[list] = (const char *const *)from->item;
	source->count[list] = (uint32_t)from->count;
}

static int encode(struct om_launch_source *source, struct files *files, const char *path)
{
	struct om_launch_file *facts = cc_alloc(files->count * sizeof *facts);
	struct strv names = {0};
	for (size_t i = 0; i < files->count; i++) {
		if (hash(&files->item[i])) return 1;
		facts[i] = (struct om_launch_file){files->item[i].size, files->item[i].hashes};
		strv_add(&names, files->item[i].name);
	}
	put_list(source, OM_LAUNCH_TRUSTED, &names);
	put_list(source, OM_LAUNCH_SEALED, &files->sealed);
	source->file = facts;
	size_t size = om_launch_size(source);
	void *bytes = cc_alloc(size);
	if (!size || om_launch_encode(source, bytes, size)) {
		cc_error("the image's arguments, environment and files take too much: 64 MiB, and 65,536 entries in a list, are the limits");
		return 1;
	}
	FILE *f = fopen(path, "wb");
	bool good = f && fwrite(bytes, 1, size, f) == size;
	if (f && fclose(f)) good = false;
	free(bytes);
	if (!good) cc_error("%s: %s", path, strerror(errno));
	return !good;
}

/* An object with these bytes. */
static int assemble(struct cc_plan *plan, const struct cc_env *env, const char *bytes)
{
	const char *source = cc_format("%s/launch.s", plan->temporary), *object = cc_format("%s/launch.o", plan->temporary);
	FILE *f = fopen(source, "w");
	if (!f) { cc_error("%s: %s", source, strerror(errno)); return 1; }
	fprintf(f, "\t.section %s,\"a\",@progbits\n\t.balign 64\n\t.incbin \"%s\"\n\t.section .note.GNU-stack,\"\",@progbits\n", OM_LAUNCH_SECTION, bytes);
	if (fclose(f)) { cc_error("%s: %s", source, strerror(errno)); return 1; }
	struct strv command = {0};
	strv_add(&command, env->clang);
	strv_add(&command, "--target=x86_64-linux-musl");
	strv_add(&command, "-c");
	strv_add(&command, source);
	strv_add(&command, "-o");
	strv_add(&command, object);
	strv_add(&plan->link, object);
	return cc_run(&command, env->verbose);
}

int cc_launch_link(struct cc_plan *plan, const struct cc_env *env, const struct cc_options *o)
{
	const struct cc_launch *l = &o->launch;
	const char *slash = strrchr(plan->output, '/'), *bytes = cc_format("%s/launch.bin", plan->temporary);
	bool loose = !is_production(o);
	struct strv args = {0}, pass = {0}, set = {0}, allowed = {0}, encrypted = {0}, wait = {0}, owner = {0};
	struct files files = {0};

	if (check_complete(o)) return 1;
	if (l->argv0 && (l->args.any || !l->args.given)) { cc_error("argv0 says something only together with args = [...]"); return 1; }
	if (!l->args.given && !says_env(l) && !says_files(l) && !says_keys(l)) return 0; /* no section: everything is allowed */
	struct om_launch_source source = {0};
	if (l->args.any || !l->args.given) source.any |= OM_LAUNCH_ANY_ARGS;
	if (l->pass.any || (!l->pass.given && loose)) source.any |= OM_LAUNCH_ANY_ENV;
	if (l->allowed.any || (!l->allowed.given && loose)) source.any |= OM_LAUNCH_ANY_FILES;
	if (!(source.any & OM_LAUNCH_ANY_ARGS)) strv_add(&args, l->argv0 ? l->argv0 : o->name ? o->name : slash ? slash + 1 : plan->output);
	strv_extend(&args, &l->args.item);
	strv_extend(&set, &l->set);
	if (set.count) qsort(set.item, set.count, sizeof(char *), by_text);
	if (sorted_names(&l->pass.item, &pass) || sorted_paths(&l->allowed.item, "files.allowed", &allowed) || collect(l, &files)) return 1;
	if (sorted_paths(&l->encrypted, "files.encrypted", &encrypted) || check_once(&encrypted, &allowed, "files.allowed")) return 1;
	if (check_once(&encrypted, &l->trusted, "files.trusted") || check_once(&encrypted, &files.sealed, "files.trusted")) return 1;
	if (sorted_secrets(&l->wait, &wait) || owner_of(l, &owner) || lineage_of(l, &source.lineage) || signal_of(l->signal, &source.after_move)) return 1;
	put_list(&source, OM_LAUNCH_ARGS, &args);
	put_list(&source, OM_LAUNCH_PASS, &pass);
	put_list(&source, OM_LAUNCH_SET, &set);
	put_list(&source, OM_LAUNCH_ALLOWED, &allowed);
	put_list(&source, OM_LAUNCH_ENCRYPTED, &encrypted);
	put_list(&source, OM_LAUNCH_SECRETS, &wait);
	put_list(&source, OM_LAUNCH_UNLOCK, &owner);
	return encode(&source, &files, bytes) || assemble(plan, env, bytes);
}
