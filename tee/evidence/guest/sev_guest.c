/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/sev-guest (Linux: Documentation/virt/coco/sev-guest.rst). One ioctl(2) for each of the firmware's messages (AMD 56860): MSG_REPORT_REQ with the
 * host's certificates, MSG_KEY_REQ.
 *
 *   request 32 B   u8 version of the message, 7 B, u64 address of what is asked, u64 of the answer, u64 exitinfo2: low half the firmware's
 *                  error, high half the host's (1: the certificates need more room, 2: busy)
 *   report         asked: 64 B data, u32 VMPL, 28 zeros [, u64 address and u32 size of the room for certificates, u32 0]
 *                  answered, of 4000 B: u32 status, u32 size, 24 B, report
 *   key            asked: u32 root key = 0 (VCEK), u32 0, u64 what is mixed in, u32 VMPL, u32 guest SVN, u64 TCB
 *                  answered: u32 status, 28 B, key
 *
 * Kernel and firmware encrypt these messages with a key of this boot (VMPCK) and a counter. After any failure but "busy" the kernel wipes the key rather
 * than use a counter twice, and says ENOTTY from then on. So this code tries nothing that is known to fail, and after ENOTTY nothing at all.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "crypto/wipe.h"
#include "internal.h"

#define DEVICE "/dev/sev-guest"
#define GET_REPORT     _IOWR('S', 0, struct message)
#define GET_KEY        _IOWR('S', 1, struct message)
#define GET_EXT_REPORT _IOWR('S', 2, struct message)
#define BUSY_MS  60000u      /* as long as the kernel waits, where it is the kernel that does */
#define PAUSE_MS 2000u
#define VMPL_MAX 3

#define FIRMWARE_INVALID_PARAMETER 0x16
#define FIRMWARE_INVALID_KEY       0x27
#define HOST_INVALID_LENGTH        1

struct message { uint8_t version, pad[7]; uint64_t asked, answer, exitinfo2; };
struct report_asked { uint8_t data[GUEST_DATA_SIZE]; uint32_t vmpl; uint8_t zero[28]; uint64_t certificates; uint32_t certificates_size, pad; };
struct report_answer { uint32_t status, size; uint8_t reserved[24], report[4000 - 32]; };
struct key_asked { uint32_t root, zero; uint64_t fields; uint32_t vmpl, svn; uint8_t tcb[OM_SNP_TCB_SIZE]; };
struct key_answer { uint32_t status; uint8_t reserved[28], key[GUEST_KEY_SIZE]; };
static_assert(sizeof(struct message) == 32 && sizeof(struct report_asked) == 112 && sizeof(struct report_answer) == 4000 &&
	sizeof(struct key_asked) == 32 && sizeof(struct key_answer) == 64, "as the kernel has them");

struct sev {
	struct guest_source common;
	int fd;
	unsigned vmpl;
	bool gone;
};

int guest_fail_wiped(void)
{
	return tee_fail(OM_EQUOTE, "the kernel has wiped its key to the security processor (VMPCK) after a request that failed: "
		"this guest has no evidence until it is started anew");
}

/* Return: 0, or a positive errno; *ret_vmm: the host's error. */
static int ask(int fd, unsigned long what, const void *asked, void *answer, uint64_t *ret_exitinfo2)
{
	const struct guest_kernel *k = guest_kernel();
	const uint64_t end = k->now_ms() + BUSY_MS;

	for (;;) {
		struct message m = { .version = 1, .asked = (uintptr_t)asked, .answer = (uintptr_t)answer };
		int number;

		if (k->ioctl(fd, what, &m) == 0) {
			*ret_exitinfo2 = 0;
			return 0;
		}
		number = errno;
		*ret_exitinfo2 = m.exitinfo2;
		/* Of kernels that leave the waiting to others. The request was not looked at, and comes again as it is. */
		if ((number != EAGAIN && number != EBUSY && number != EINTR) || k->now_ms() >= end)
			return number;
		k->sleep_ms(PAUSE_MS);
	}
}

static int failed(int number, uint64_t exitinfo2, bool *ret_gone)
{
	switch (number) {
	case ENOTTY:
		*ret_gone = true;
		return guest_fail_wiped();
	case EAGAIN: case EBUSY: case EINTR:
		return tee_fail(OM_ETIMEDOUT, DEVICE ": the host was busy for a minute; try again later");
	case ETIMEDOUT:
		*ret_gone = true;
		return tee_fail(OM_EQUOTE, DEVICE ": the host has not answered for a minute, and the kernel has wiped its key to the security processor: "
			"this guest has no evidence until it is started anew");
	case ENOMEM:
		return tee_fail(OM_ENOMEM, DEVICE ": the kernel has no memory");
	case EACCES: case EPERM:
		return tee_fail(OM_EPERM, DEVICE ": not permitted");
	default:
		/* The kernel says at the next request whether that was the end. */
		return tee_fail(OM_EQUOTE, DEVICE ": %s (firmware 0x%x, host 0x%x)", strerror(number), (unsigned)(exitinfo2 & 0xffffffff), (unsigned)(exitinfo2 >> 32));
	}
}

static int refused(uint32_t status)
{
	return tee_fail(OM_EQUOTE, "the security processor refuses: status 0x%x", status);
}

/* With certificates, where the host's fit. @room: GUEST_TABLE_MAX bytes of whole pages, or NULL. What is asked comes back changed. */
static int ask_report(int fd, struct report_asked *asked, uint8_t *room, struct report_answer *answer, uint64_t *ret_exitinfo2)
{
	int number;

	if (room) {
		memset(room, 0, GUEST_TABLE_MAX);
		asked->certificates = (uintptr_t)room;
		asked->certificates_size = GUEST_TABLE_MAX;
		number = ask(fd, GET_EXT_REPORT, asked, answer, ret_exitinfo2);
		/* The kernel has kept its counter good by a request of its own; the size that would do is in `asked` now, and more than it can take. */
		if (number != EIO || *ret_exitinfo2 >> 32 != HOST_INVALID_LENGTH)
			return number;
		memset(room, 0, GUEST_TABLE_MAX);
	}
	return ask(fd, GET_REPORT, asked, answer, ret_exitinfo2);
}

int guest_sev_report(int fd, unsigned *vmpl, const uint8_t data[GUEST_DATA_SIZE], uint8_t report[OM_SNP_REPORT_SIZE], uint8_t *table, size_t table_size,
	size_t *ret_table, bool *ret_gone)
{
	struct report_answer *answer = calloc(1, sizeof *answer);
	uint8_t *room = aligned_alloc(4096, GUEST_TABLE_MAX);
	uint64_t exitinfo2 = 0;
	int error = answer && room ? 0 : tee_fail(OM_ENOMEM, "no memory");

	*ret_table = 0;
	for (unsigned level = *vmpl; !error; level++) {
		struct report_asked asked = { .vmpl = level };
		int number;

		memcpy(asked.data, data, sizeof asked.data);
		number = ask_report(fd, &asked, table_size ? room : NULL, answer, &exitinfo2);
		if (number) {
			error = failed(number, exitinfo2, ret_gone);
		} else if ((answer->status == FIRMWARE_INVALID_PARAMETER || answer->status == FIRMWARE_INVALID_KEY) && level < VMPL_MAX) {
			continue;      /* this kernel runs at a lower level than asked for, and has not said at which */
		} else if (answer->status) {
			error = refused(answer->status);
		} else if (answer->size != OM_SNP_REPORT_SIZE) {
			error = tee_fail(OM_EQUOTE, DEVICE ": a report of %u bytes", answer->size);
		} else {
			*vmpl = level;
			break;
		}
	}
	if (!error) {
		const size_t used = table_size ? guest_table_used(room, GUEST_TABLE_MAX) : 0;

		memcpy(report, answer->report, OM_SNP_REPORT_SIZE);
		if (used && used <= table_size) {
			memcpy(table, room, used);
			*ret_table = used;
		}
	}
	free(answer);
	free(room);
	return error;
}

/*
 * The TCB that is mixed in is the one for which the chip's own key (VCEK) was derived, from which this one is: older firmware cannot derive it, and it changes
 * when that changes.
 */
int guest_sev_key(int fd, const struct om_snp_report *report, uint8_t ret_key[GUEST_KEY_SIZE], bool *ret_gone)
{
	struct key_asked asked = { .fields = GUEST_KEY_FIELDS, .vmpl = report->vmpl, .svn = report->guest_svn };
	struct key_answer answer = { 0 };
	uint64_t exitinfo2;
	int error, number;

	memcpy(asked.tcb, report->reported_tcb, sizeof asked.tcb);
	number = ask(fd, GET_KEY, &asked, &answer, &exitinfo2);
	error = number ? failed(number, exitinfo2, ret_gone) : answer.status ? refused(answer.status) : 0;
	if (!error)
		memcpy(ret_key, answer.key, GUEST_KEY_SIZE);
	om_wipe(&answer, sizeof answer);
	return error;
}

int guest_snp_key(struct guest_source *source, int device, uint8_t ret_key[GUEST_KEY_SIZE], bool *ret_gone)
{
	const uint8_t data[GUEST_DATA_SIZE] = { 0 };
	uint8_t bytes[OM_SNP_REPORT_SIZE];
	struct om_snp_report report;
	size_t size, none;
	int fd = device, error = device < 0 ? guest_sev_device(&fd) : 0;

	if (error)
		return error;
	error = source->report(source, data, bytes, sizeof bytes, &size, NULL, 0, &none);
	if (!error && om_snp_report_parse((struct om_view) { bytes, size }, &report))
		error = tee_fail(OM_EQUOTE, "the security processor's report cannot be read");
	if (!error)
		error = guest_lock(fd, DEVICE);
	if (!error) {
		error = guest_sev_key(fd, &report, ret_key, ret_gone);
		guest_unlock(fd);
	}
	if (device < 0)
		guest_kernel()->close(fd);
	return error;
}

static int sev_report(struct guest_source *source, const uint8_t data[GUEST_DATA_SIZE], uint8_t *report, size_t size, size_t *ret_size, uint8_t *table,
	size_t table_size, size_t *ret_table)
{
	struct sev *s = (struct sev *)source;
	int error;

	*ret_size = OM_SNP_REPORT_SIZE;
	if (size < OM_SNP_REPORT_SIZE)
		return tee_fail(OM_ENOMEM, "a report takes %d bytes", OM_SNP_REPORT_SIZE);
	if (s->gone)
		return guest_fail_wiped();
	error = guest_lock(s->fd, DEVICE);
	if (error)
		return error;
	error = guest_sev_report(s->fd, &s->vmpl, data, report, table, table_size, ret_table, &s->gone);
	guest_unlock(s->fd);
	return error;
}

static int sev_key(struct guest_source *source, uint8_t ret_key[GUEST_KEY_SIZE])
{
	struct sev *s = (struct sev *)source;

	return guest_snp_key(source, s->fd, ret_key, &s->gone);
}

static void sev_close(struct guest_source *source)
{
	struct sev *s = (struct sev *)source;

	guest_kernel()->close(s->fd);
	free(s);
}

int guest_sev_device(int *ret_fd)
{
	const int fd = guest_kernel()->open(DEVICE, O_RDWR | O_CLOEXEC, 0);

	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
		return tee_fail(OM_EUNSUPPORTED, "there is no " DEVICE);
	if (fd < 0)
		return tee_fail(errno == EACCES || errno == EPERM ? OM_EPERM : OM_EIO, DEVICE ": %s", strerror(errno));
	*ret_fd = fd;
	return 0;
}

int guest_sev_open(struct guest_source **ret_source)
{
	struct sev *s;
	int fd, error = guest_sev_device(&fd);

	if (error)
		return error;
	s = calloc(1, sizeof *s);
	if (!s) {
		guest_kernel()->close(fd);
		return tee_fail(OM_ENOMEM, "no memory");
	}
	s->common = (struct guest_source) { .name = DEVICE, .maker = GUEST_SNP, .report = sev_report, .key = sev_key, .close = sev_close };
	s->fd = fd;
	*ret_source = &s->common;
	return 0;
}
