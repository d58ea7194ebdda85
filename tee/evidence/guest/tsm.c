/* SPDX-License-Identifier: Apache-2.0 */
/*
 * configfs-tsm, Linux 6.7 (Documentation/ABI/testing/configfs-tsm): a folder is made, 64 bytes are written, the evidence is read.
 *
 *   report/optmig/provider          "sev_guest", "tdx_guest"
 *                 generation        one more after each write
 *                 privlevel_floor   SNP: the VMPL of this kernel; privlevel: the one asked for
 *                 inblob            64 bytes. What is written counts when the file is closed, and closing says nothing of errors
 *                 outblob           report (bare) or TD quote; made at the first read after a write
 *                 auxblob           SNP: the host's certificate table
 *
 * Whoever else writes there between our write and our reads would get his data into our evidence. So when all has been read, the generation must have grown
 * by just our own writes. Otherwise everything begins again, in a new folder. (The lock keeps our own processes apart; the generation is about others.)
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "evidence/parse/quote.h"
#include "internal.h"

#define REPORTS   "/sys/kernel/config/tsm/report"
#define OUT_MAX   (192u << 10)     /* the kernel's buffer for a quote has grown before */
#define TRIES     4
#define BUSY_MS   90000u           /* the kernel itself gives up a quote after 30 s */
#define PAUSE_MS  1000u

enum { AGAIN = 1 };

struct tsm {
	struct guest_source common;
	int folder;                    /* REPORTS: what is locked */
	char name[24];                 /* of the entry, while there is one */
	bool gone;
	bool without;                  /* the host's certificates do not fit: reports without them come from the device */
	unsigned vmpl;                 /* there */
};

static int entry_open(const struct tsm *t, const char *attribute, int flags)
{
	char path[sizeof REPORTS + 64];

	snprintf(path, sizeof path, REPORTS "/%s/%s", t->name, attribute);
	return guest_kernel()->open(path, flags | O_CLOEXEC, 0);
}

/* Return: 0, or a positive errno. What does not fit is EFBIG. */
static int entry_read(const struct tsm *t, const char *attribute, void *buffer, size_t size, size_t *ret_size)
{
	const struct guest_kernel *k = guest_kernel();
	const int fd = entry_open(t, attribute, O_RDONLY);
	size_t used = 0;
	ssize_t n = 1;
	int number = 0;
	uint8_t more;

	if (fd < 0)
		return errno;
	while (used < size && n) {
		n = k->read(fd, (uint8_t *)buffer + used, size - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			number = errno;
			break;
		}
		used += (size_t)n;
	}
	if (!number && n && k->read(fd, &more, 1) > 0)
		number = EFBIG;
	k->close(fd);
	*ret_size = used;
	return number;
}

static int entry_text(const struct tsm *t, const char *attribute, char *text, size_t size)
{
	size_t used = 0;
	const int number = entry_read(t, attribute, text, size - 1, &used);

	text[number ? 0 : used] = 0;
	text[strcspn(text, "\n")] = 0;
	return number;
}

static int entry_number(const struct tsm *t, const char *attribute, uint64_t *ret)
{
	char text[32], *end;
	const int number = entry_text(t, attribute, text, sizeof text);

	if (number)
		return number;
	*ret = strtoull(text, &end, 10);
	return *text && !*end ? 0 : EPROTO;
}

static int entry_write(const struct tsm *t, const char *attribute, const void *data, size_t size)
{
	const struct guest_kernel *k = guest_kernel();
	const int fd = entry_open(t, attribute, O_WRONLY);
	int number = 0;

	if (fd < 0)
		return errno;
	errno = 0;
	if (k->write(fd, data, size) != (ssize_t)size)
		number = errno ? errno : EIO;
	if (k->close(fd) && !number)
		number = errno;
	return number;
}

static void entry_remove(struct tsm *t)
{
	char path[sizeof REPORTS + 64];

	snprintf(path, sizeof path, REPORTS "/%s", t->name);
	(void)guest_kernel()->rmdir(path);    /* what stays is found and removed next time */
}

/* One that is there already was left by a process that died: we have the lock. Return: 0, or a positive errno. */
static int entry_make(struct tsm *t)
{
	char path[sizeof REPORTS + 64];

	for (unsigned i = 0; i < 8; i++) {
		snprintf(t->name, sizeof t->name, i ? "optmig-%u" : "optmig", i);
		snprintf(path, sizeof path, REPORTS "/%s", t->name);
		if (guest_kernel()->mkdir(path, 0700) == 0)
			return 0;
		if (errno != EEXIST)
			return errno;
		if (guest_kernel()->rmdir(path) == 0 && guest_kernel()->mkdir(path, 0700) == 0)
			return 0;
	}
	return EEXIST;
}

/* ---- what may go wrong ------------------------------------------------------------------------------------- */

static const char *driver(const struct tsm *t)
{
	return t->common.maker == GUEST_SNP ? "sev-guest" : "tdx_guest";
}

static int unloaded(const struct tsm *t)
{
	return tee_fail(OM_EQUOTE, "the kernel's driver %s is gone: load it again (modprobe %s)", driver(t), driver(t));
}

static bool has_provider(const struct tsm *t)
{
	char text[32];

	return entry_text(t, "provider", text, sizeof text) == 0;
}

static int no_snp(struct tsm *t, int number)
{
	switch (number) {
	case EINVAL:
		return tee_fail(OM_EQUOTE, "the security processor refuses the request (invalid parameter or key)");
	case ENXIO:
		return tee_fail(OM_EQUOTE, "the security processor refuses, by a status that the kernel does not tell");
	case ETIMEDOUT:
		t->gone = true;
		return tee_fail(OM_EQUOTE, "the host has not answered for a minute, and the kernel has wiped its key to the security processor: "
			"this guest has no evidence until it is started anew");
	default:
		/* The kernel says at the next request whether that was the end. */
		return tee_fail(OM_EQUOTE, "no report: %s", strerror(number));
	}
}

static int no_quote(int number)
{
	switch (number) {
	case ETIMEDOUT:
		return tee_fail(OM_ETIMEDOUT, "no quote: the host's quoting service (QGS) has not answered; try again later");
	case EIO:
		return tee_fail(OM_EQUOTE, "no quote: the host refuses, or has no quoting service (QGS): its administrator has to start one");
	case EINVAL:
		return tee_fail(OM_EQUOTE, "no quote: the TDX module refuses the request");
	default:
		return tee_fail(OM_EQUOTE, "no quote: %s", strerror(number));
	}
}

static int failed(struct tsm *t, const char *what, int number)
{
	switch (number) {
	case ENOTTY:
		/* No driver says the same as one without its key. */
		if (t->common.maker != GUEST_SNP || !has_provider(t))
			return unloaded(t);
		t->gone = true;
		return guest_fail_wiped();
	case ENXIO:
		if (!has_provider(t))
			return unloaded(t);
		break;
	case EBUSY: case EAGAIN: case EINTR:
		return tee_fail(OM_ETIMEDOUT, REPORTS ": the kernel was busy for too long (%s); try again later", strerror(number));
	case ENOMEM:
		return tee_fail(OM_ENOMEM, REPORTS ": the kernel has no memory");
	case EACCES: case EPERM: case EROFS:
		return tee_fail(OM_EPERM, "evidence of this guest takes rights that are not there: " REPORTS ": %s", strerror(number));
	case EFBIG:
		return tee_fail(OM_EQUOTE, REPORTS ": %s is longer than any", what);
	case EPROTO: case ENOENT:
		return tee_fail(OM_EIO, REPORTS ": %s: no such attribute, or not as this kernel's documentation has it", what);
	default:
		break;
	}
	return t->common.maker == GUEST_SNP ? no_snp(t, number) : no_quote(number);
}

/* ---- a report ---------------------------------------------------------------------------------------------- */

/* TDX says EBUSY while a request that was given up is still with the host. Return: a positive errno. */
static int read_out(const struct tsm *t, uint8_t *out, size_t *ret_size)
{
	const struct guest_kernel *k = guest_kernel();
	const uint64_t end = k->now_ms() + BUSY_MS;
	int number;

	for (;;) {
		number = entry_read(t, "outblob", out, OUT_MAX, ret_size);
		if ((number != EBUSY && number != EAGAIN && number != EINTR) || k->now_ms() >= end)
			return number;
		k->sleep_ms(PAUSE_MS);
	}
}

/* Only what is evidence of what can lie in that file. */
static int cut(const struct tsm *t, const uint8_t *out, size_t *size)
{
	struct om_quote q;

	if (t->common.maker == GUEST_SNP) {
		if (*size < OM_SNP_REPORT_SIZE)
			return tee_fail(OM_EQUOTE, "a report of %zu bytes", *size);
		*size = OM_SNP_REPORT_SIZE;
		return 0;
	}
	if (om_quote_parse(out, *size < OM_QUOTE_MAX ? *size : OM_QUOTE_MAX, &q) || q.tee != OM_TEE_TDX)
		return tee_fail(OM_EQUOTE, "the host's quoting service has given no quote of a trust domain");
	*size = q.size;
	return 0;
}

/* The level, if the kernel has one that is not 0, and the data. */
static int ask(struct tsm *t, const uint8_t data[GUEST_DATA_SIZE], uint64_t *writes)
{
	uint64_t floor = 0;
	char level[24];
	int number = entry_number(t, "privlevel_floor", &floor);

	if (number && number != ENOENT)
		return failed(t, "privlevel_floor", number);
	if (!number && floor) {
		number = entry_write(t, "privlevel", level, (size_t)snprintf(level, sizeof level, "%llu", (unsigned long long)floor));
		if (number)
			return failed(t, "privlevel", number);
		++*writes;
	}
	number = entry_write(t, "inblob", data, GUEST_DATA_SIZE);
	++*writes;
	return number ? failed(t, "inblob", number) : 0;
}

/* In an entry that is there. Return: AGAIN: somebody else wrote into it. @out: OUT_MAX bytes. */
static int attempt(struct tsm *t, const uint8_t data[GUEST_DATA_SIZE], uint8_t *out, size_t *ret_out, uint8_t *table, size_t table_size, size_t *ret_table,
	bool *ret_again)
{
	uint64_t before, after, writes = 0;
	int number = entry_number(t, "generation", &before), error;

	if (number)
		return failed(t, "generation", number);
	error = ask(t, data, &writes);
	if (error)
		return error;
	number = read_out(t, out, ret_out);
	*ret_again = number == EIO && t->common.maker == GUEST_SNP;
	if (number)
		return failed(t, "outblob", number);
	/* None is no error, and one that does not fit is of no use; the report counts. */
	if (!table_size || entry_read(t, "auxblob", table, table_size, ret_table))
		*ret_table = 0;
	number = entry_number(t, "generation", &after);
	if (number)
		return failed(t, "generation", number);
	return after - before == writes ? cut(t, out, ret_out) : AGAIN;
}

/* @ret_again: the device may do what this cannot. */
static int under_lock(struct tsm *t, const uint8_t data[GUEST_DATA_SIZE], uint8_t *out, size_t *ret_out, uint8_t *table, size_t table_size, size_t *ret_table,
	bool *ret_again)
{
	int error = AGAIN;

	for (unsigned i = 0; i < TRIES && error == AGAIN; i++) {
		const int number = entry_make(t);

		if (number == ENXIO)
			return unloaded(t);
		if (number)
			return failed(t, t->name, number);
		error = attempt(t, data, out, ret_out, table, table_size, ret_table, ret_again);
		entry_remove(t);
	}
	return error == AGAIN ? tee_fail(OM_EQUOTE, REPORTS ": somebody writes into our entry each time that we ask") : error;
}

/*
 * What configfs cannot do is to ask without certificates, and of those that are too many it says EIO, as of much else. The device tells the difference: it
 * answers, or says that the key is gone. Return: OM_EUNSUPPORTED: there is none.
 */
static int by_device(struct tsm *t, const uint8_t data[GUEST_DATA_SIZE], uint8_t *out, size_t *ret_out, size_t *ret_table)
{
	int fd, error = guest_sev_device(&fd);

	if (error)
		return error;
	error = guest_sev_report(fd, &t->vmpl, data, out, NULL, 0, ret_table, &t->gone);
	guest_kernel()->close(fd);
	*ret_out = OM_SNP_REPORT_SIZE;
	t->without = error == 0;
	return error;
}

/* Context: the lock is held. */
static int one_way_or_another(struct tsm *t, const uint8_t data[GUEST_DATA_SIZE], uint8_t *out, size_t *ret_out, uint8_t *table, size_t table_size,
	size_t *ret_table)
{
	bool again = t->without;
	int error = again ? 0 : under_lock(t, data, out, ret_out, table, table_size, ret_table, &again);

	if (!again)
		return error;
	error = by_device(t, data, out, ret_out, ret_table);
	return error == OM_EUNSUPPORTED ? no_snp(t, EIO) : error;
}

static int tsm_report(struct guest_source *source, const uint8_t data[GUEST_DATA_SIZE], uint8_t *report, size_t size, size_t *ret_size, uint8_t *table,
	size_t table_size, size_t *ret_table)
{
	struct tsm *t = (struct tsm *)source;
	uint8_t *out;
	size_t used = 0;
	int error;

	*ret_size = GUEST_REPORT_MAX;
	*ret_table = 0;
	if (t->gone)
		return guest_fail_wiped();
	out = malloc(OUT_MAX);
	error = out ? guest_lock(t->folder, REPORTS) : tee_fail(OM_ENOMEM, "no memory");
	if (!error) {
		error = one_way_or_another(t, data, out, &used, table, table_size, ret_table);
		guest_unlock(t->folder);
	}
	if (!error) {
		*ret_size = used;
		if (used > size)
			error = tee_fail(OM_ENOMEM, "evidence takes %zu bytes", used);
		else
			memcpy(report, out, used);
	}
	free(out);
	return error;
}

/* There are no keys in configfs; the driver's device has them. */
static int tsm_key(struct guest_source *source, uint8_t ret_key[GUEST_KEY_SIZE])
{
	struct tsm *t = (struct tsm *)source;

	return t->gone ? guest_fail_wiped() : guest_snp_key(source, -1, ret_key, &t->gone);
}

static void tsm_close(struct guest_source *source)
{
	struct tsm *t = (struct tsm *)source;

	guest_kernel()->close(t->folder);
	free(t);
}

/* Whose evidence it would be. Context: the lock is held. */
static int find_provider(struct tsm *t)
{
	char provider[32];
	int number = entry_make(t);

	if (number == ENXIO)
		return tee_fail(OM_EUNSUPPORTED, "configfs-tsm has no driver");
	if (number)
		return failed(t, t->name, number);
	number = entry_text(t, "provider", provider, sizeof provider);
	entry_remove(t);
	if (number == ENXIO || number == ENOTTY)
		return tee_fail(OM_EUNSUPPORTED, "configfs-tsm has no driver");
	if (number)
		return failed(t, "provider", number);
	if (!strcmp(provider, "sev_guest"))
		t->common.maker = GUEST_SNP;
	else if (!strcmp(provider, "tdx_guest"))
		t->common.maker = GUEST_TDX;
	else
		return tee_fail(OM_EUNSUPPORTED, "configfs-tsm: evidence of \"%s\" is not known here", provider);
	t->common.key = t->common.maker == GUEST_SNP ? tsm_key : NULL;
	return 0;
}

int guest_tsm_open(struct guest_source **ret_source)
{
	const struct guest_kernel *k = guest_kernel();
	const int folder = k->open(REPORTS, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct tsm *t;
	int error;

	if (folder < 0 && (errno == ENOENT || errno == ENOTDIR))
		return tee_fail(OM_EUNSUPPORTED, "there is no " REPORTS);
	if (folder < 0)
		return tee_fail(errno == EACCES || errno == EPERM ? OM_EPERM : OM_EIO, REPORTS ": %s", strerror(errno));
	t = calloc(1, sizeof *t);
	error = t ? guest_lock(folder, REPORTS) : tee_fail(OM_ENOMEM, "no memory");
	if (!error) {
		t->common = (struct guest_source) { .name = "configfs-tsm", .report = tsm_report, .close = tsm_close };
		t->folder = folder;
		error = find_provider(t);
		guest_unlock(folder);
	}
	if (error) {
		k->close(folder);
		free(t);
		return error;
	}
	*ret_source = &t->common;
	return 0;
}
