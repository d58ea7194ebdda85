/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of /proc/self: which names there are, and what they mean (see the header). Decides, and changes nothing. */
#include "rt/io/procself.h"
#include "rt/owner.h"

/* ---- threads ------------------------------------------------------------------------------------------------------------------- */

bool rt_io_own_thread_shown(const struct rt_thread *t)
{
	uint32_t state = __atomic_load_n(&t->state, __ATOMIC_ACQUIRE);

	return (state == RT_T_RUNNING || state == RT_T_PARKED) && !(t->flags & RT_TF_INTERNAL);
}

uint32_t rt_io_own_slots_end(void)
{
	uint32_t end = (uint32_t)rt_image->service_slots + rt_image->app_threads;

	return end < OM_SLOTS_MAX ? end : OM_SLOTS_MAX;
}

struct rt_thread *rt_io_own_thread(uint64_t tid)
{
	for (uint32_t slot = rt_image->service_slots; slot < rt_io_own_slots_end(); slot++)
		if (tid == (uint64_t)rt_threads[slot].tid && rt_io_own_thread_shown(&rt_threads[slot]))
			return &rt_threads[slot];
	return NULL;
}

const struct rt_io_own_row rt_io_own_rows[RT_IO_OWN_ROWS] = {
	{ "task", TASK, NULL }, { "fd", FDS, NULL }, { "exe", EXE, NULL }, { "cwd", CWD, NULL }, { "root", ROOT, NULL },
	{ "cmdline", CMDLINE, NULL }, { "environ", ENVIRON, NULL }, { "comm", COMM, NULL },
	{ "stat", TEXT, rt_io_make_stat }, { "statm", TEXT, rt_io_make_statm }, { "status", TEXT, rt_io_make_status },
	{ "maps", TEXT, rt_io_make_maps }, { "smaps", TEXT, rt_io_make_smaps }, { "smaps_rollup", TEXT, rt_io_make_smaps_rollup },
	{ "limits", TEXT, rt_io_make_limits },
};

/* If the next component of *at is `word`, goes past it. */
static bool word_is(const char **at, const char *word)
{
	const char *c = *at;

	while (*c == '/')
		c++;
	while (*word && *c == *word)
		c++, word++;
	if (*word || (*c && *c != '/'))
		return false;
	*at = c;
	return true;
}

static bool word_number(const char **at, uint64_t *ret_number)
{
	const char *c = *at;
	uint64_t number = 0;

	while (*c == '/')
		c++;
	if (*c < '0' || *c > '9')
		return false;
	for (; *c >= '0' && *c <= '9'; c++) {
		if (number > UINT32_MAX)
			return false;
		number = number * 10 + (uint64_t)(*c - '0');
	}
	if (*c && *c != '/')
		return false;
	*ret_number = number;
	*at = c;
	return true;
}

static bool at_end(const char *at)
{
	while (*at == '/')
		at++;
	return !*at;
}

static void missing(struct rt_io_own *own, int error)
{
	own->node = MISSING;
	own->error = error;
}

static void decode_fd(struct rt_io_own *own, const char *at)
{
	uint64_t fd;

	if (!word_number(&at, &fd) || !rt_io_get(fd)) {
		missing(own, -ENOENT);
		return;
	}
	own->node = FD;
	own->fd = (uint32_t)fd;
	own->rest = at;
}

static void decode_below(struct rt_io_own *own, const char *at);

static void decode_task(struct rt_io_own *own, const char *at)
{
	uint64_t tid;

	if (own->tid || !word_number(&at, &tid) || !rt_io_own_thread(tid)) {
		missing(own, -ENOENT);
		return;
	}
	own->node = THREAD;
	own->tid = (int32_t)tid;
	decode_below(own, at);
}

/* What follows the name of a process' or thread's directory. */
static void decode_below(struct rt_io_own *own, const char *at)
{
	for (unsigned i = 0; i < RT_IO_OWN_ROWS && !at_end(at); i++) {
		if (!word_is(&at, rt_io_own_rows[i].name))
			continue;
		own->node = rt_io_own_rows[i].node;
		own->name = rt_io_own_rows[i].name;
		own->make = rt_io_own_rows[i].make;
		own->rest = at;
		if (own->node == TASK && own->tid)
			missing(own, -ENOENT);
		else if (own->node == TASK && !at_end(at))
			decode_task(own, at);
		else if (own->node == FDS && !at_end(at))
			decode_fd(own, at);
		else if (!rt_io_own_is_directory(own->node) && !rt_io_own_is_link(own->node) && *at)
			missing(own, -ENOTDIR);
		return;
	}
	if (!at_end(at))
		missing(own, -ENOENT);
}

static void decode_secret(struct rt_io_own *own, const char *at)
{
	for (uint32_t i = 0; i < rt_owner_secret_count(); i++) {
		if (!word_is(&at, rt_owner_secret_name(i)))
			continue;
		own->node = ATTEST_SECRET;
		own->name = rt_owner_secret_name(i);
		own->fd = i;
		if (*at)
			missing(own, -ENOTDIR);
		return;
	}
	if (!at_end(at))
		missing(own, -ENOENT);
}

static void decode_attest(struct rt_io_own *own, const char *at, const struct rt_io_own_row *rows, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (!word_is(&at, rows[i].name))
			continue;
		own->node = rows[i].node;
		own->name = rows[i].name;
		if (own->node == ATTEST_TLS)
			decode_attest(own, at, rt_io_tls_rows, RT_IO_TLS_ROWS);
		else if (own->node == ATTEST_KEYS)
			decode_secret(own, at);
		else if (*at)
			missing(own, -ENOTDIR);
		return;
	}
	if (!at_end(at))
		missing(own, -ENOENT);
}

static bool decode_dev(const char *path, struct rt_io_own *own)
{
	static const char *const streams[] = { "stdin", "stdout", "stderr" };

	if (word_is(&path, "attestation")) {
		*own = (struct rt_io_own){ .node = ATTEST, .rest = "" };
		decode_attest(own, path, rt_io_attest_rows, RT_IO_ATTEST_ROWS);
		return true;
	}
	*own = (struct rt_io_own){ .node = FDS, .rest = "" };
	if (word_is(&path, "fd")) {
		if (!at_end(path))
			decode_fd(own, path);
		return true;
	}
	for (uint32_t fd = 0; fd < 3; fd++)
		if (word_is(&path, streams[fd])) {
			*own = (struct rt_io_own){ .node = rt_io_get(fd) ? FD : MISSING, .error = -ENOENT, .fd = fd, .rest = path };
			return true;
		}
	return false;
}

bool rt_io_own_decode(const char *path, struct rt_io_own *own)
{
	const char *at = path;
	uint64_t pid = 0;

	/* Nearly every path fails here. */
	if (path[0] != '/' || (path[1] != 'p' && path[1] != 'd'))
		return false;
	if (word_is(&at, "dev"))
		return decode_dev(at, own);
	if (!word_is(&at, "proc"))
		return false;
	*own = (struct rt_io_own){ .node = OWN, .rest = "" };
	if (word_is(&at, "thread-self")) {
		own->node = *at ? THREAD : THREAD_SELF;
		own->tid = rt_self()->thread->tid;
	} else if (word_is(&at, "self")) {
		own->node = *at ? OWN : SELF;
	} else if (!word_number(&at, &pid) || pid != (uint64_t)rt_pid) {
		return false;
	}
	decode_below(own, at);
	return true;
}

void rt_io_own_add_directory(struct rt_io_words *w, enum rt_io_own_node node, int32_t tid)
{
	if (node == ATTEST || node == ATTEST_KEYS || node == ATTEST_TLS || rt_io_own_is_attest(node)) {
		rt_io_words_add(w, node == ATTEST_KEYS || node == ATTEST_SECRET ? "/dev/attestation/keys" : node == ATTEST_TLS || node == ATTEST_CERT || node == ATTEST_KEY ? "/dev/attestation/tls" : "/dev/attestation");
		return;
	}
	rt_io_words_line(w, "/proc/", (uint32_t)rt_pid, "");
	if (tid)
		rt_io_words_line(w, "/task/", (uint32_t)tid, "");
	rt_io_words_add(w, node == TASK ? "/task" : node == FDS ? "/fd" : "");
}
