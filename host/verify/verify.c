/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "evidence/accept/policy_text.h"
#include "imagefile.h"
#include "measure.h"
#include "tee.h"
#include "util.h"
#include "verify/verify.h"

#define QUOTE_KEY_TYPES(type) ((type) == 2 || (type) == 3)   /* ECDSA; at offset 2 of a quote */

int verify_read_file(const char *path, struct om_view *ret)
{
	struct stat is = { 0 };
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t *data = NULL;
	int error;

	if (fd < 0 || fstat(fd, &is))
		error = host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(is.st_mode))
		error = host_fail(OM_EIO, "%s: not a regular file", path);
	else if (is.st_size > VERIFY_FILE_MAX)
		error = host_fail(OM_EOVERFLOW, "%s: more than %u bytes", path, VERIFY_FILE_MAX);
	else if (!(data = malloc((size_t)is.st_size + 1)))
		error = host_fail(OM_ENOMEM, "no memory");
	else
		error = host_read_all(fd, data, (size_t)is.st_size) ? host_fail(OM_EIO, "%s: cannot be read", path) : 0;
	if (fd >= 0)
		close(fd);
	if (error) {
		free(data);
		return error;
	}
	*ret = (struct om_view) { data, (size_t)is.st_size };
	return 0;
}

int verify_measure(const char *path, uint8_t ret[32])
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat is = { 0 };
	struct om_image image;
	void *file = MAP_FAILED;
	int error = 0;

	if (fd >= 0 && !fstat(fd, &is) && S_ISREG(is.st_mode) && is.st_size)
		file = mmap(NULL, (size_t)is.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED)
		error = host_fail(OM_EIO, "%s: %s", path, fd < 0 ? strerror(errno) : "no image of optmig-cc");
	else if ((error = om_image_open(file, (uint64_t)is.st_size, false, &image)) != 0)
		error = host_fail(error, "%s: no image of optmig-cc: %s", path, image.reason);
	else
		om_measure_image(&image, 0, ret);
	if (file != MAP_FAILED)
		munmap(file, (size_t)is.st_size);
	if (fd >= 0)
		close(fd);
	return error;
}

static int read_policy(const struct verify_request *request, struct om_policy *ret)
{
	struct om_policy_error wrong = { 0 };
	int error = 0;

	if (request->policy.size)
		error = om_policy_from_text(request->policy, 0, ret, &wrong);
	else
		om_policy_default(ret);
	if (error)
		return host_fail(OM_EINVAL, "the policy, line %u: %s", wrong.line, wrong.words);
	for (size_t i = 0; i < request->mrenclave_count; i++) {
		if (ret->mrenclave_count == OM_POLICY_MRENCLAVES_MAX)
			return host_fail(OM_EINVAL, "a policy lists at most %d programs", OM_POLICY_MRENCLAVES_MAX);
		memcpy(ret->mrenclave[ret->mrenclave_count++], request->mrenclave[i], 32);
	}
	if (!ret->mrenclave_count)
		return host_fail(OM_EINVAL, "which program? Name its image (--image FILE), or its MRENCLAVE (--mrenclave, or in the policy)");
	if (!request->debug)
		ret->flags &= (uint16_t)~OM_POLICY_DEBUG;
	return 0;
}

/* A bare quote begins with its version and the kind of its key, an envelope with a type, behind which a quote's version stands. */
static bool is_bare_quote(struct om_view e)
{
	return e.size > 4 && e.data[1] == 0 && e.data[3] == 0 && e.data[0] >= 3 && e.data[0] <= 5 && QUOTE_KEY_TYPES(e.data[2]);
}

/* Demo evidence brings its own, from the public root. */
static int demo_collateral(struct om_view evidence, int64_t now, uint8_t *buffer, size_t size, struct om_view *ret)
{
	const struct tee_soft_options options = { 0 };
	struct tee_platform *platform;
	size_t used = 0;
	int error = tee_platform_open(TEE_SOFT, &options, &platform);

	if (error)
		return host_fail(error, "%s", tee_last_error());
	error = tee_collateral(platform, evidence.data, evidence.size, now, buffer, size, &used);
	if (error)
		error = host_fail(error, "%s", tee_last_error());
	tee_platform_close(platform);
	*ret = (struct om_view) { buffer, used };
	return error;
}

static void judge(const struct verify_request *request, struct om_view evidence, struct om_view collateral, struct verify_verdict *ret)
{
	const struct om_guest_offer offer = { .list = request->guests };

	ret->error = om_attest_outside(&ret->policy, evidence, collateral, &offer, request->now, &ret->peer, &ret->reason);
}

/* Does a bare quote lead to the public root, as far as it leads anywhere? The root is looked at before all else of a chain. */
static bool is_demo(const struct verify_request *request, struct om_view envelope, struct om_view collateral)
{
	struct verify_verdict probe;

	om_policy_default(&probe.policy);
	probe.policy.platforms = OM_PLATFORM_BIT(OM_EVIDENCE_DEMO);
	judge(request, envelope, collateral, &probe);
	return probe.reason != OM_WHY_ROOT;
}

/* @ret: the envelope around a bare quote, in `buffer`. */
static int wrap(enum om_evidence_type type, struct om_view quote, uint8_t *buffer, struct om_view *ret)
{
	size_t size;
	const int error = om_envelope_encode(type, quote, (struct om_view) { 0 }, buffer, OM_EVIDENCE_MAX, &size);

	if (error)
		return host_fail(OM_EINVAL, "the evidence is longer than any is");
	*ret = (struct om_view) { buffer, size };
	return 0;
}

/* @buffer: OM_EVIDENCE_MAX + OM_COLLATERAL_MAX bytes. */
static int prepare(const struct verify_request *request, uint8_t *buffer, struct om_view *evidence, struct om_view *collateral)
{
	struct om_view demo = { 0 };
	int error = is_bare_quote(*evidence) ? wrap(OM_EVIDENCE_DEMO, *evidence, buffer, evidence) : 0;
	const bool bare = evidence->data == buffer;

	if (!error && evidence->size && evidence->data[0] == OM_EVIDENCE_DEMO)
		error = demo_collateral(*evidence, request->now, buffer + OM_EVIDENCE_MAX, OM_COLLATERAL_MAX, &demo);
	if (error)
		return error;
	if (bare && !is_demo(request, *evidence, demo)) {
		buffer[0] = OM_EVIDENCE_SGX;
		demo = (struct om_view) { 0 };
	}
	*collateral = request->collateral.size ? request->collateral : demo;
	if (evidence->size < OM_ENVELOPE_HEAD || !om_evidence_type_words(evidence->data[0] | (unsigned)evidence->data[1] << 8))
		return 0;                      /* no collateral helps that */
	return collateral->size ? 0 : host_fail(OM_ENOTFOUND, "the maker's certificates and lists are needed to judge this evidence (--collateral FILE)");
}

int verify_judge(const struct verify_request *request, struct verify_verdict *ret)
{
	uint8_t *buffer = malloc(OM_EVIDENCE_MAX + OM_COLLATERAL_MAX);
	struct om_view evidence = request->evidence, collateral;
	int error;

	*ret = (struct verify_verdict) { 0 };
	error = buffer ? read_policy(request, &ret->policy) : host_fail(OM_ENOMEM, "no memory");
	if (!error)
		error = prepare(request, buffer, &evidence, &collateral);
	if (!error)
		judge(request, evidence, collateral, ret);
	free(buffer);
	return error;
}
