/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder. A bundle is one file. It appears by rename(2), with its contents on the disk before. So a reader sees the old bundle or the new one, and
 * a writer that fails leaves the old one. Readers trust nothing in the folder, since everything is signed.
 *
 * Floors: services and caches may hand out what was true once. A bundle may be no older than what this folder has seen: Intel's
 * tcbEvaluationDataNumber, one floor for each feed ("early" runs ahead), and thisUpdate of each list. (CRLNumber says nothing: Intel's is always 1.)
 * Floors are remembered even when the bundle is removed. Whoever can write to the folder can lower them. What a program itself demands stands in its
 * policy (min-tcb-evaluation), which is measured.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "collateral/collateral.h"
#include "util.h"

#define PATH_SIZE 4096
#define SUFFIX ".json"
#define FLOORS "floors" SUFFIX

/* ---- where it is -------------------------------------------------------------------------------------------- */

static const char *home(void)
{
	const char *given = getenv("HOME");
	const struct passwd *account = given && *given == '/' ? NULL : getpwuid(geteuid());

	return account ? account->pw_dir : given && *given == '/' ? given : "";
}

int collateral_path(char *ret_path, size_t size)
{
	const char *own = getenv("OPTMIG_COLLATERAL_STORE"), *xdg = getenv("XDG_DATA_HOME");
	int length;

	if (own && *own && *own != '/')
		return host_fail(OM_EINVAL, "OPTMIG_COLLATERAL_STORE is \"%.200s\"; it must be an absolute path", own);
	if (own && *own)
		length = snprintf(ret_path, size, "%s", own);
	else if (geteuid() == 0)
		length = snprintf(ret_path, size, COLLATERAL_OF_ROOT);
	else if (xdg && *xdg == '/')
		length = snprintf(ret_path, size, "%s/optmig/collateral", xdg);
	else if (*home() == '/')
		length = snprintf(ret_path, size, "%s/.local/share/optmig/collateral", home());
	else
		length = snprintf(ret_path, size, "%s", "");
	return length < 0 || (size_t)length >= size ? host_fail(OM_EINVAL, "the collateral's folder has too long a name") : 0;
}

static int make_folder(const char *path)
{
	char part[PATH_SIZE];

	if (!*path)
		return host_fail(OM_ENOTFOUND, "no folder for collateral: this user has no home directory, and OPTMIG_COLLATERAL_STORE names none");
	for (const char *slash = path + 1;; slash++) {
		slash = strchrnul(slash, '/');
		snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
		/* It is public, so that other users' programs find it, too. Above it may lie what we may not write to. */
		if (mkdir(part, 0755) && errno != EEXIST && (!*slash || (errno != EACCES && errno != EPERM && errno != EROFS)))
			return host_fail(OM_EPERM, "%s: %s", part, strerror(errno));
		if (!*slash)
			return 0;
	}
}

/* ---- files -------------------------------------------------------------------------------------------------- */

/* The caller frees. Return: OM_ENOTFOUND without words. */
static int read_file(const char *path, char **ret_text, size_t *ret_size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat is;
	char *text = NULL;
	int error = 0;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? OM_ENOTFOUND : host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	if (fstat(fd, &is) || !S_ISREG(is.st_mode) || is.st_size > COLLATERAL_FILE_MAX)
		error = host_fail(OM_EIO, "%s: no file, or too large a one", path);
	else if (!(text = malloc((size_t)is.st_size + 1)))
		error = host_fail(OM_ENOMEM, "no memory");
	else if (host_read_all(fd, text, (size_t)is.st_size))
		error = host_fail(OM_EIO, "%s: cannot be read", path);
	close(fd);
	if (error) {
		free(text);
		return error;
	}
	*ret_text = text;
	*ret_size = (size_t)is.st_size;
	return 0;
}

static int write_file(const char *folder, const char *name, const char *text, size_t size)
{
	char path[PATH_SIZE + 256], fresh[PATH_SIZE + 256];
	int fd, error = 0;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	snprintf(fresh, sizeof fresh, "%s/.new", folder); /* one writer at a time */
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return host_fail(errno == EACCES || errno == EROFS ? OM_EPERM : OM_EIO, "%s: %s", fresh, strerror(errno));
	if (host_write_all(fd, text, size) || fchmod(fd, 0644) || fsync(fd))
		error = host_fail(OM_EIO, "%s: %s", fresh, strerror(errno));
	close(fd);
	if (!error && rename(fresh, path))
		error = host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	if (error)
		(void)unlink(fresh);
	return error;
}

static int lock(const char *folder, int *ret_fd)
{
	char path[PATH_SIZE + 16];
	int fd, code;

	snprintf(path, sizeof path, "%s/.lock", folder);
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return host_fail(OM_EPERM, "%s: %s", path, strerror(errno));
	do
		code = flock(fd, LOCK_EX);
	while (code && errno == EINTR);
	if (code) {
		close(fd);
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	}
	*ret_fd = fd;
	return 0;
}

/* ---- floors ------------------------------------------------------------------------------------------------- */

struct floor { const char *name, *what; int64_t value; };

/* What of a bundle must not be older than before, by the names of the floors. Return: how many. */
static unsigned floors_of(const struct collateral_subject *s, const struct collateral_verdict *v, struct floor ret[3])
{
	static const char *const arks[OM_SNP_PRODUCTS] = { "", "ark-crl-milan", "ark-crl-genoa", "ark-crl-turin" };

	if (s->type == OM_EVIDENCE_SNP) {
		ret[0] = (struct floor) { arks[s->product], "AMD's revocation list", v->root_crl };
		return 1;
	}
	ret[0] = (struct floor) { s->early ? "evaluation-early" : "evaluation-standard", "tcbEvaluationDataNumber", v->evaluation };
	ret[1] = (struct floor) { "root-crl", "the root's revocation list", v->root_crl };
	ret[2] = (struct floor) { s->processor ? "pck-crl-processor" : "pck-crl-platform", "the revocation list of platforms", v->key_crl };
	return 3;
}

/* A list that is not there at all is no older one, unless there was one. */
static int raise_floors(const char *folder, const struct collateral_subject *s, const struct collateral_verdict *v, json_t **ret_floors)
{
	char path[PATH_SIZE + 16], *text;
	struct floor floor[3];
	json_t *floors;
	size_t size;
	int error;

	snprintf(path, sizeof path, "%s/" FLOORS, folder);
	error = read_file(path, &text, &size);
	if (error && error != OM_ENOTFOUND)
		return error;
	floors = error ? json_object() : json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	if (!error)
		free(text);
	if (!json_is_object(floors)) {
		json_decref(floors);
		return host_fail(OM_EINVAL, "%s is damaged; what was seen last is not known: look at it, then remove it", path);
	}
	for (unsigned i = 0, count = floors_of(s, v, floor); i < count; i++) {
		const int64_t seen = json_integer_value(json_object_get(floors, floor[i].name));

		if (floor[i].value < seen) {
			json_decref(floors);
			return host_fail(OM_EEXPIRED, "%s is older (%lld) than one that was seen here before (%lld, " FLOORS "): the service or cache is behind, or lies",
				floor[i].what, (long long)floor[i].value, (long long)seen);
		}
		json_object_set_new(floors, floor[i].name, json_integer(floor[i].value));
	}
	*ret_floors = floors;
	return 0;
}

/* The floors rise before the bundle appears: a crash between leaves an old bundle that nothing older can replace. */
static int put_locked(const char *folder, const struct collateral_bundle *b, const struct collateral_verdict *verdict)
{
	char name[COLLATERAL_NAME_MAX], file[COLLATERAL_NAME_MAX + sizeof SUFFIX], *text = NULL, *floor_text = NULL;
	json_t *floors = NULL;
	size_t size;
	int error = raise_floors(folder, &b->subject, verdict, &floors);

	collateral_name(&b->subject, name);
	snprintf(file, sizeof file, "%s" SUFFIX, name);
	if (!error)
		error = collateral_bundle_encode(b, &text, &size);
	if (!error && !(floor_text = json_dumps(floors, JSON_INDENT(1) | JSON_SORT_KEYS)))
		error = host_fail(OM_ENOMEM, "no memory");
	if (!error)
		error = write_file(folder, FLOORS, floor_text, strlen(floor_text));
	if (!error)
		error = write_file(folder, file, text, size);
	json_decref(floors);
	free(floor_text);
	free(text);
	return error;
}

int collateral_put(const struct collateral_bundle *b, int64_t now)
{
	struct collateral_verdict verdict;
	char folder[PATH_SIZE];
	int fd, error = collateral_judge(b, now, &verdict);

	if (!error)
		error = collateral_path(folder, sizeof folder);
	if (!error)
		error = make_folder(folder);
	if (!error)
		error = lock(folder, &fd);
	if (error)
		return error;
	error = put_locked(folder, b, &verdict);
	close(fd);
	return error;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

static int take(void *context, struct collateral_bundle *b)
{
	struct collateral_bundle *to = context;

	if (to->part[0].data)
		return host_fail(OM_EINVAL, "more than one bundle in a file");
	*to = *b;
	memset(b->part, 0, sizeof b->part);
	return 0;
}

static int read_bundle(const char *folder, const char *name, struct collateral_bundle *ret)
{
	char path[PATH_SIZE + 256], words[256], *text;
	struct collateral_bundle b = { 0 };
	size_t size;
	int error;

	snprintf(path, sizeof path, "%s/%s" SUFFIX, folder, name);
	error = read_file(path, &text, &size);
	if (error)
		return error;
	error = collateral_bundles_decode(text, size, take, &b);
	free(text);
	if (error) {
		collateral_bundle_done(&b);
		snprintf(words, sizeof words, "%s", host_reason());
		return host_fail(OM_EIO, "%s is damaged: %s", path, words);
	}
	*ret = b;
	return 0;
}

/* Own one, then root's. Return: how many. */
static unsigned folders(char ret[2][PATH_SIZE])
{
	unsigned count = 0;

	if (collateral_path(ret[0], PATH_SIZE) == 0 && ret[0][0])
		count = 1;
	if (!getenv("OPTMIG_COLLATERAL_STORE") && !(count && strcmp(ret[0], COLLATERAL_OF_ROOT) == 0))
		snprintf(ret[count++], PATH_SIZE, COLLATERAL_OF_ROOT);
	return count;
}

int collateral_get(const char *name, struct collateral_bundle *ret)
{
	char folder[2][PATH_SIZE];
	int error = OM_ENOTFOUND;

	for (unsigned i = 0, count = folders(folder); i < count && error == OM_ENOTFOUND; i++)
		error = read_bundle(folder[i], name, ret);
	return error;
}

static int each_of(const char *folder, int (*each)(void *context, struct collateral_bundle *b), void *context)
{
	struct dirent **names;
	int count = scandir(folder, &names, NULL, alphasort), error = 0;

	for (int i = 0; i < count; i++) {
		char *dot = strstr(names[i]->d_name, SUFFIX);
		struct collateral_bundle b = { 0 };

		if (!error && names[i]->d_name[0] != '.' && dot && !dot[sizeof SUFFIX - 1] && strcmp(names[i]->d_name, FLOORS)) {
			*dot = 0;
			error = read_bundle(folder, names[i]->d_name, &b);
			if (!error)
				error = each(context, &b);
			collateral_bundle_done(&b);
		}
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return error;
}

int collateral_each(int (*each)(void *context, struct collateral_bundle *b), void *context)
{
	char folder[2][PATH_SIZE];
	int error = 0;

	for (unsigned i = 0, count = folders(folder); i < count && !error; i++)
		error = each_of(folder[i], each, context);
	return error;
}

/* ---- for evidence -------------------------------------------------------------------------------------------- */

/* One bundle of one folder. Return: 0: it is in the buffer; OM_ENOTFOUND. */
static int try(const char *folder, const struct collateral_subject *s, int64_t now, uint8_t *buffer, size_t size, size_t *ret_size, bool *ret_in_force)
{
	struct collateral_bundle b;
	struct collateral_verdict verdict;
	char name[COLLATERAL_NAME_MAX];
	int error;

	collateral_name(s, name);
	error = read_bundle(folder, name, &b);
	if (error)
		return error;
	*ret_in_force = collateral_judge(&b, now, &verdict) == 0;
	error = collateral_bundle_form(&b, buffer, size, ret_size);
	collateral_bundle_done(&b);
	return error;
}

/* The names under which it may lie: both feeds of Intel's; a report of version 2 does not say whether it is of Milan or Genoa. */
static unsigned names_of(const struct collateral_subject *s, struct collateral_subject ret[2])
{
	ret[0] = ret[1] = *s;
	if (s->type != OM_EVIDENCE_SNP)
		ret[1].early = true;
	else if (s->product == OM_SNP_MILAN)
		ret[1].product = OM_SNP_GENOA;
	else
		return 1;
	return 2;
}

int collateral_find(struct om_view evidence, int64_t now, uint8_t *buffer, size_t size, size_t *ret_size, bool *ret_in_force)
{
	struct collateral_subject s, as[2];
	char folder[2][PATH_SIZE], name[COLLATERAL_NAME_MAX];
	int error = collateral_subject_of(evidence, &s), found = OM_ENOTFOUND;
	unsigned folder_count, name_count;

	if (error)
		return error;
	folder_count = folders(folder);
	name_count = names_of(&s, as);
	for (unsigned i = 0; i < folder_count; i++) {
		for (unsigned k = 0; k < name_count; k++) {
			error = try(folder[i], &as[k], now, buffer, size, ret_size, ret_in_force);
			if (!error && *ret_in_force)
				return 0;
			if (error != OM_ENOTFOUND && found)
				found = error;
		}
	}
	if (found == OM_ENOTFOUND) {
		collateral_name(&s, name);
		return host_fail(OM_ENOTFOUND, "the maker's certificates and lists for this platform are not here: optmig collateral fetch %s", name);
	}
	return found;
}
