/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "evidence/accept/policy_text.h"
#include "evidence/authentic/bare.h"
#include "imagefile.h"
#include "measure.h"
#include "tee.h"
#include "util.h"
#include "verify/verify.h"

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

/* ---- programs ----------------------------------------------------------------------------------------------------------------- */

#define POLICY_TEXT_MAX 32768

int verify_programs_add(struct verify_programs *p, const uint8_t mrenclave[32])
{
	if (p->count == OM_POLICY_MRENCLAVES_MAX)
		return host_fail(OM_EOVERFLOW, "at most %d programs", OM_POLICY_MRENCLAVES_MAX);
	memcpy(p->mrenclave[p->count++], mrenclave, 32);
	return 0;
}

static int policy_text(const struct om_image_header *header, char **ret)
{
	struct om_policy *policy = malloc(sizeof *policy);
	char *text = malloc(POLICY_TEXT_MAX);

	if (!policy || !text) {
		free(policy);
		free(text);
		return host_fail(OM_ENOMEM, "no memory");
	}
	/* One that says nothing is the default, and one that cannot be read lets it move nowhere. */
	if (!header->policy_size)
		om_policy_default(policy);
	if (header->policy_size && (header->policy_size > sizeof header->policy || om_policy_decode(header->policy, header->policy_size, policy)))
		snprintf(text, POLICY_TEXT_MAX, "# this version cannot read it\n");
	else
		(void)om_policy_to_text(policy, text, POLICY_TEXT_MAX);
	free(policy);
	*ret = text;
	return 0;
}

int verify_programs_image(struct verify_programs *p, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint8_t mrenclave[32];
	struct stat is;
	struct om_image image;
	void *file = MAP_FAILED;
	char *text = NULL;
	int error = 0;

	if (fd >= 0 && !fstat(fd, &is) && S_ISREG(is.st_mode) && is.st_size)
		file = mmap(NULL, (size_t)is.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file == MAP_FAILED)
		error = host_fail(OM_EIO, "%s: %s", path, fd < 0 ? strerror(errno) : "no image of optmig-cc");
	else if ((error = om_image_open(file, (uint64_t)is.st_size, false, &image)) != 0)
		error = host_fail(error, "%s: no image of optmig-cc: %s", path, image.reason);
	if (!error)
		error = policy_text(&image.header, &text);
	if (!error) {
		om_measure_image(&image, 0, mrenclave);
		error = verify_programs_add(p, mrenclave);
	}
	if (error)
		free(text);
	else
		p->policy[p->count - 1] = text;
	if (file != MAP_FAILED)
		munmap(file, (size_t)is.st_size);
	if (fd >= 0)
		close(fd);
	return error;
}

const char *verify_programs_policy(const struct verify_programs *p, const uint8_t mrenclave[32])
{
	for (size_t i = 0; i < p->count; i++)
		if (p->policy[i] && !memcmp(p->mrenclave[i], mrenclave, 32))
			return p->policy[i];
	return NULL;
}

void verify_programs_done(struct verify_programs *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->policy[i]);
	p->count = 0;
}

/* ---- the verdict ------------------------------------------------------------------------------------------------------------------ */

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
	for (size_t i = 0; request->programs && i < request->programs->count; i++) {
		if (ret->mrenclave_count == OM_POLICY_MRENCLAVES_MAX)
			return host_fail(OM_EINVAL, "a policy lists at most %d programs", OM_POLICY_MRENCLAVES_MAX);
		memcpy(ret->mrenclave[ret->mrenclave_count++], request->programs->mrenclave[i], 32);
	}
	if (!ret->mrenclave_count)
		return host_fail(OM_EINVAL, "which program? Name its image (--image FILE), or its MRENCLAVE (--mrenclave, or in the policy)");
	if (!request->debug)
		ret->flags &= (uint16_t)~OM_POLICY_DEBUG;
	return 0;
}

static void judge(const struct verify_request *request, struct om_view evidence, struct om_view collateral, struct verify_verdict *ret)
{
	const struct om_guest_offer offer = { .list = request->guests };

	ret->error = om_attest_outside(&ret->policy, evidence, collateral, &offer, request->now, &ret->peer, &ret->reason);
}

/* Some evidence brings its own collateral, since everybody could make it. What is of no known type needs none to be refused. */
static int own_collateral(const struct verify_request *request, struct om_view evidence, uint8_t *buffer, size_t size, struct om_view *ret)
{
	size_t used = 0;
	int error = tee_collateral_public(evidence.data, evidence.size, request->now, buffer, size, &used);

	*ret = (struct om_view) { buffer, used };
	if (error == OM_EUNSUPPORTED && request->kept)
		return request->kept(evidence, request->now, buffer, size, ret);
	return error && error != OM_ETYPE ? host_fail(error, "%s", tee_last_error()) : 0;
}

int verify_judge(const struct verify_request *request, struct verify_verdict *ret)
{
	uint8_t *buffer = malloc(OM_EVIDENCE_MAX + OM_COLLATERAL_MAX);
	struct om_view evidence = request->evidence, collateral = request->collateral;
	int error;

	*ret = (struct verify_verdict) { 0 };
	error = buffer ? read_policy(request, &ret->policy) : host_fail(OM_ENOMEM, "no memory");
	if (!error && om_quote_is_bare(evidence)) {
		if (om_quote_wrap(evidence, buffer, OM_EVIDENCE_MAX, &evidence.size))
			error = host_fail(OM_EINVAL, "the evidence is longer than any is");
		evidence.data = buffer;
	}
	if (!error && !collateral.size)
		error = own_collateral(request, evidence, buffer + OM_EVIDENCE_MAX, OM_COLLATERAL_MAX, &collateral);
	if (!error)
		judge(request, evidence, collateral, ret);
	free(buffer);
	return error;
}
