/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and judges image files; the header says why it is done in this way. */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "hostcall.h"
#include "imageread.h"
#include "measure.h"
#include "sigstruct.h"
#include "strerror.h"
#include "util.h"

#define PROGRESS_BYTES (16u << 20)

static uint64_t cpu_features(void)
{
	uint32_t a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) ? OM_CPU_SHANI : 0;
}

/* A file that ends early was cut off meanwhile. */
static int read_into(int fd, uint8_t *to, uint64_t size)
{
	for (uint64_t at = 0; at < size;) {
		ssize_t got = pread(fd, to + at, size - at, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return host_fail(OM_EIO, "%s", strerror(errno));
		if (got == 0)
			return host_fail(OM_EIMAGE, "it was cut off while it was read");
		at += (uint64_t)got;
	}
	return 0;
}

static int take_bytes(int fd, bool copy, struct host_image *image)
{
	struct stat status;
	int error = 0;

	if (fstat(fd, &status) || !S_ISREG(status.st_mode) || status.st_size == 0)
		return host_fail(OM_EIMAGE, "not a regular file with contents");
	image->size = (uint64_t)status.st_size;
	image->file = copy ? mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) :
		mmap(NULL, image->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (image->file == MAP_FAILED) {
		image->file = NULL;
		return host_fail(copy ? OM_ENOMEM : OM_EIO, "%s", strerror(errno));
	}
	if (copy)
		error = read_into(fd, image->file, image->size);
	return error;
}

/* No key has a modulus of zero; one is there as soon as a signature is. */
static bool is_signed(const struct om_image *image)
{
	static const uint8_t none[SGX_RSA_SIZE];

	return memcmp(image->file + image->sigstruct_file_offset + offsetof(struct sgx_sigstruct, modulus), none, sizeof none) != 0;
}

static int take_image(struct host_image *image)
{
	int error = om_image_open(image->file, image->size, false, &image->image);

	if (error)
		return host_fail(error, "%s", image->image.reason ? image->image.reason : om_strerror(error));
	if (image->image.sigstruct_file_offset == 0)
		return host_fail(OM_EIMAGE, "its signature is gone: it was stripped or copied by a tool that is not optmig-strip or optmig-objcopy");
	if (!is_signed(&image->image))
		return host_fail(OM_ESIGSTRUCT, "the image is not signed yet");
	memcpy(&image->sigstruct, (const uint8_t *)image->file + image->image.sigstruct_file_offset, sizeof image->sigstruct);
	return 0;
}

int host_image_read(int fd, const char *path, bool copy, struct host_image *ret_image)
{
	int error;

	ret_image->file = NULL;
	(void)!memccpy(ret_image->path, path, 0, sizeof ret_image->path - 1);
	ret_image->path[sizeof ret_image->path - 1] = 0;
	error = take_bytes(fd, copy, ret_image);
	if (!error)
		error = take_image(ret_image);
	if (error)
		host_image_done(ret_image);
	return error;
}

int host_image_open(const char *path, bool copy, struct host_image *ret_image)
{
	char resolved[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error;

	ret_image->file = NULL;
	if (fd < 0)
		return host_fail(OM_EIO, "%s", strerror(errno));
	/* Unresolvable (deleted meanwhile): the name as given. */
	error = host_image_read(fd, realpath(path, resolved) ? resolved : path, copy, ret_image);
	close(fd);
	return error;
}

void host_image_done(struct host_image *image)
{
	if (image->file)
		munmap(image->file, image->size);
	image->file = NULL;
}

void host_image_free(struct host_image *image)
{
	if (image)
		host_image_done(image);
	free(image);
}

void host_image_mrsigner(const struct host_image *image, uint8_t ret_mrsigner[32])
{
	struct om_sha256 hash;

	om_sha256_init(&hash, cpu_features());
	om_sha256_update(&hash, image->sigstruct.modulus, sizeof image->sigstruct.modulus);
	om_sha256_result(&hash, ret_mrsigner);
}

int host_image_check_signature(const struct host_image *image)
{
	const struct sgx_sigstruct *s = &image->sigstruct;
	struct sgx_attributes have;

	om_image_attributes(&image->image, &have);
	if (!tee_sigstruct_formed(s))
		return host_fail(OM_ESIGSTRUCT, "its SIGSTRUCT is malformed");
	if (!tee_sigstruct_signed(s))
		return host_fail(OM_ESIGSTRUCT, "its signature is not valid");
	if ((have.flags & s->attributemask.flags) != (s->attributes.flags & s->attributemask.flags) ||
	    (have.xfrm & s->attributemask.xfrm) != (s->attributes.xfrm & s->attributemask.xfrm))
		return host_fail(OM_ESIGSTRUCT, "its attributes are not those that were signed");
	return 0;
}

static void measure(const struct host_image *image, host_image_progress progress, void *context, uint8_t ret_mrenclave[32])
{
	struct om_image_plan plan;
	struct om_image_run run;
	struct om_measure m;
	uint64_t done = 0;

	om_measure_ecreate(&m, cpu_features(), OM_SSA_FRAME_PAGES, image->image.header.elrange_size);
	om_image_plan_begin(&plan, &image->image);
	while (om_image_plan_next(&plan, &run))
		for (uint64_t at = 0; at < run.length; at += OM_PAGE_SIZE) {
			om_measure_page(&m, run.offset + at, run.source ? run.source + at : NULL, run.secinfo_flags, true);
			done += OM_PAGE_SIZE;
			if (progress && done % PROGRESS_BYTES == 0)
				progress(context, done < image->size ? done : image->size);
		}
	om_measure_result(&m, ret_mrenclave);
}

int host_image_verify(const struct host_image *image, host_image_progress progress, void *context)
{
	char have[65], want[65];
	uint8_t mrenclave[32];
	int error = host_image_check_signature(image);

	if (error)
		return error;
	measure(image, progress, context, mrenclave);
	if (memcmp(mrenclave, host_image_signed(image), sizeof mrenclave) == 0)
		return 0;
	host_hash_text(mrenclave, have);
	host_hash_text(host_image_signed(image), want);
	return host_fail(OM_ESIGSTRUCT, "its contents measure %s, signed is %s", have, want);
}

void host_hash_text(const uint8_t hash[32], char ret_text[65])
{
	for (int i = 0; i < 32; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", hash[i]);
}
