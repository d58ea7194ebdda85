/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated security processor, asked through its virtio port (sp_wire.h). A plain VM has one if `optmig run --tee vm` started the VM.
 * What the processor says is under the demonstration root, so that everything but AMD's hardware can be tried.
 *
 * The kernel lets one process at a time open the port. The port is opened for each request and closed behind it, so that several programs in one
 * guest take turns; a program that finds the port taken waits. The host can be slow, cut the port off or answer nonsense, and each of these ends with
 * its own words. The host cannot pass off a report that was not asked for, because the report's data are compared with what was sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../base.h"
#include "cursor.h"
#include "errors.h"
#include "evidence/parse/snp.h"
#include "kernel.h"
#include "source.h"
#include "sp_wire.h"

#define PATIENCE_MS  60000u   /* as the kernel's for the real one */
#define STEP_MS      20u
#define DEVICES_MAX  4u       /* of virtio-serial, and ports of each: what is looked at where nobody made links by name */
#define PORTS_MAX    32u

struct vmsp { struct guest_source common; char path[64]; };

/* ---- the port ---- */

static bool exists(const char *path)
{
	const int fd = guest_kernel()->open(path, O_RDONLY | O_CLOEXEC | O_PATH, 0);

	if (fd >= 0)
		guest_kernel()->close(fd);
	return fd >= 0;
}

/* Does a port of sysfs have that name? */
static bool is_named(unsigned device, unsigned port)
{
	char path[64], name[sizeof SP_PORT + 1] = "";
	ssize_t got;
	int fd;

	snprintf(path, sizeof path, "/sys/class/virtio-ports/vport%up%u/name", device, port);
	fd = guest_kernel()->open(path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	got = guest_kernel()->read(fd, name, sizeof name);
	guest_kernel()->close(fd);
	return got == sizeof SP_PORT && memcmp(name, SP_PORT "\n", sizeof SP_PORT) == 0;
}

/* By udev's link, or, without udev, by the names that the kernel knows. */
static bool find_port(char *path, size_t size)
{
	snprintf(path, size, "/dev/virtio-ports/%s", SP_PORT);
	if (exists(path))
		return true;
	if (!exists("/sys/class/virtio-ports"))
		return false;
	for (unsigned device = 0; device < DEVICES_MAX; device++)
		for (unsigned port = 1; port < PORTS_MAX; port++)
			if (is_named(device, port)) {
				snprintf(path, size, "/dev/vport%up%u", device, port);
				return true;
			}
	return false;
}

/* Waits while another process has it. */
static int open_port(const char *path, uint64_t deadline)
{
	for (;;) {
		const int fd = guest_kernel()->open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK, 0);

		if (fd >= 0)
			return fd;
		if (errno == EACCES || errno == EPERM)
			return tee_fail(OM_EPERM, "%s: %s", path, strerror(errno));
		if (errno != EBUSY && errno != EINTR)
			return tee_fail(OM_EIO, "%s: %s", path, strerror(errno));
		if (guest_kernel()->now_ms() >= deadline)
			return tee_fail(OM_ETIMEDOUT, "%s: another process has had it for %u s", path, PATIENCE_MS / 1000);
		guest_kernel()->sleep_ms(STEP_MS);
	}
}

static int cut_off(const char *path)
{
	return tee_fail(OM_EQUOTE, "%s: the host has cut the emulated security processor off; this guest has no more evidence until it is started again", path);
}

static int too_slow(const char *path)
{
	return tee_fail(OM_ETIMEDOUT, "%s: the emulated security processor did not answer within %u s", path, PATIENCE_MS / 1000);
}

static int write_port(const char *path, int fd, const uint8_t *data, size_t size, uint64_t deadline)
{
	while (size) {
		const ssize_t done = guest_kernel()->write(fd, data, size);

		if (done > 0) {
			data += done;
			size -= (size_t)done;
			continue;
		}
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno != EAGAIN)
			return errno == EPIPE || errno == ENODEV ? cut_off(path) : tee_fail(OM_EIO, "%s: %s", path, strerror(errno));
		if (guest_kernel()->now_ms() >= deadline)
			return too_slow(path);
		guest_kernel()->sleep_ms(STEP_MS);
	}
	return 0;
}

static int read_port(const char *path, int fd, uint8_t *data, size_t size, uint64_t deadline)
{
	while (size) {
		const uint64_t now = guest_kernel()->now_ms();
		ssize_t got;

		if (now >= deadline)
			return too_slow(path);
		if (guest_kernel()->poll(fd, (int)(deadline - now)) == 0)
			continue;
		got = guest_kernel()->read(fd, data, size);
		if (got == 0)
			return cut_off(path);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got < 0)
			return errno == EPIPE || errno == ENODEV ? cut_off(path) : tee_fail(OM_EIO, "%s: %s", path, strerror(errno));
		data += got;
		size -= (size_t)got;
	}
	return 0;
}

/* ---- a request and its answer ---- */

static int nonsense(const char *path, const char *what) { return tee_fail(OM_EQUOTE, "%s: the emulated security processor's answer %s", path, what); }

/* The answer with that op and number; those to others, who have gone, are passed over. @answer: SP_ANSWER_MAX bytes. */
static int read_answer(const char *path, int fd, const uint8_t request[SP_HEAD], uint64_t deadline, uint8_t *answer, size_t *ret_size)
{
	for (;;) {
		uint8_t head[SP_HEAD];
		struct om_get c;
		uint32_t size;
		int r = read_port(path, fd, head, sizeof head, deadline);

		if (r < 0)
			return r;
		om_get_init(&c, head, sizeof head);
		size = om_get_u32(&c);
		if (size < SP_STATUS_SIZE || size > SP_ANSWER_MAX)
			return nonsense(path, "has a size that none has");
		if ((r = read_port(path, fd, answer, size, deadline)) < 0)
			return r;
		*ret_size = size;
		if (memcmp(head + 4, request + 4, SP_HEAD - 4) == 0)
			return 0;
	}
}

static int converse(const char *path, int fd, enum sp_op op, const uint8_t *message, size_t size, uint64_t deadline, uint8_t *answer,
	size_t *ret_size)
{
	uint8_t request[SP_HEAD + SP_REPORT_REQUEST], number[2];
	struct om_put p;
	int r;

	if (RAND_bytes(number, sizeof number) != 1)
		return tee_fail(OM_EIO, "no random numbers");
	om_put_init(&p, request, sizeof request);
	om_put_u32(&p, (uint32_t)size);
	om_put_u8(&p, op);
	om_put_u8(&p, 0);
	om_put_bytes(&p, number, sizeof number);
	om_put_bytes(&p, message, size);
	if (om_put_end(&p))
		return tee_fail(OM_EINTERNAL, "a request of %zu bytes", size);
	r = write_port(path, fd, request, om_put_size(&p), deadline);
	return r < 0 ? r : read_answer(path, fd, request, deadline, answer, ret_size);
}

/* @answer: SP_ANSWER_MAX bytes, of a status of success. */
static int ask(struct vmsp *v, enum sp_op op, const uint8_t *message, size_t size, uint8_t *answer, size_t *ret_size)
{
	const uint64_t deadline = guest_kernel()->now_ms() + PATIENCE_MS;
	const int fd = open_port(v->path, deadline);
	struct om_get c;
	uint32_t status;
	int r;

	if (fd < 0)
		return fd;
	r = converse(v->path, fd, op, message, size, deadline, answer, ret_size);
	guest_kernel()->close(fd);
	if (r < 0)
		return r;
	om_get_init(&c, answer, *ret_size);
	status = om_get_u32(&c);
	return status ? tee_fail(OM_EQUOTE, "%s: the emulated security processor refused with status 0x%x", v->path, status) : 0;
}

/* What an answer has behind its status: u32 size, zeros, as many bytes as it says. */
static int unwrap(struct vmsp *v, const uint8_t *answer, size_t answer_size, uint8_t *to, size_t room, size_t *ret_size)
{
	struct om_get c;
	uint32_t size;

	om_get_init(&c, answer, answer_size);
	om_get_skip(&c, 4);
	size = om_get_u32(&c);
	if (size != answer_size - SP_STATUS_SIZE)
		return nonsense(v->path, "has not the size that it says");
	*ret_size = size;
	if (size > room)
		return tee_fail(OM_ENOMEM, "evidence takes %u bytes", size);
	memcpy(to, answer + SP_STATUS_SIZE, size);
	return 0;
}

static int get_report(struct vmsp *v, uint8_t *answer, const uint8_t data[GUEST_DATA_SIZE], uint8_t *report, size_t size, size_t *ret_size,
	struct om_snp_report *ret_fields)
{
	uint8_t message[SP_REPORT_REQUEST] = { 0 };   /* VMPL 0, whatever key there is */
	size_t answer_size;
	int r;

	memcpy(message, data, GUEST_DATA_SIZE);
	r = ask(v, SP_REPORT, message, sizeof message, answer, &answer_size);
	if (r == 0)
		r = unwrap(v, answer, answer_size, report, size, ret_size);
	if (r < 0)
		return r;
	if (om_snp_report_parse((struct om_view) { report, *ret_size }, ret_fields) < 0)
		return nonsense(v->path, "is no report");
	return memcmp(ret_fields->report_data, data, GUEST_DATA_SIZE) ? nonsense(v->path, "is a report of something else") : 0;
}

static int vmsp_report(struct guest_source *source, const uint8_t data[GUEST_DATA_SIZE], uint8_t *report, size_t size, size_t *ret_size,
	uint8_t *table, size_t table_size, size_t *ret_table)
{
	struct vmsp *v = (struct vmsp *)source;
	uint8_t *answer = malloc(SP_ANSWER_MAX);
	struct om_snp_report fields;
	size_t answer_size;
	int r;

	if (!answer)
		return tee_fail(OM_ENOMEM, "no memory");
	r = get_report(v, answer, data, report, size, ret_size, &fields);
	if (r == 0)
		r = ask(v, SP_CERTIFICATES, NULL, 0, answer, &answer_size);
	if (r == 0)
		r = unwrap(v, answer, answer_size, table, table_size, ret_table);
	free(answer);
	return r;
}

/* Everything that can be selected, the highest that this guest may name: SVN and TCB are those that its report has. */
static int vmsp_key(struct guest_source *source, uint8_t ret_key[GUEST_KEY_SIZE])
{
	static const uint8_t nothing[GUEST_DATA_SIZE];
	struct vmsp *v = (struct vmsp *)source;
	uint8_t report[OM_SNP_REPORT_SIZE], message[SP_KEY_REQUEST], *answer = malloc(SP_ANSWER_MAX);
	struct om_snp_report fields;
	struct om_put p;
	size_t size;
	int r;

	if (!answer)
		return tee_fail(OM_ENOMEM, "no memory");
	r = get_report(v, answer, nothing, report, sizeof report, &size, &fields);
	if (r == 0) {
		om_put_init(&p, message, sizeof message);
		om_put_zeros(&p, 8);                     /* ROOT_KEY_SELECT: the chip's */
		om_put_u64(&p, GUEST_KEY_FIELDS);
		om_put_u32(&p, 0);                       /* VMPL */
		om_put_u32(&p, fields.guest_svn);
		om_put_bytes(&p, fields.committed_tcb, sizeof fields.committed_tcb);
		r = ask(v, SP_KEY, message, sizeof message, answer, &size);
	}
	if (r == 0 && size != SP_STATUS_SIZE + GUEST_KEY_SIZE)
		r = nonsense(v->path, "is no key");
	if (r == 0)
		memcpy(ret_key, answer + SP_STATUS_SIZE, GUEST_KEY_SIZE);
	OPENSSL_cleanse(answer, SP_ANSWER_MAX);
	free(answer);
	return r;
}

static void vmsp_close(struct guest_source *source) { free(source); }

int guest_vmsp_open(struct guest_source **ret_source)
{
	struct vmsp *v = calloc(1, sizeof *v);

	if (!v)
		return tee_fail(OM_ENOMEM, "no memory");
	v->common = (struct guest_source) {
		.name = "emulated security processor", .maker = GUEST_SNP, .emulated = true,
		.report = vmsp_report, .key = vmsp_key, .close = vmsp_close,
	};
	if (!find_port(v->path, sizeof v->path)) {
		free(v);
		return tee_fail(OM_EUNSUPPORTED, "no port %s", SP_PORT);
	}
	*ret_source = &v->common;
	return 0;
}
