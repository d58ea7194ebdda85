/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures an image and writes its SIGSTRUCT into the file. The signed attributes are exactly those that the header asks
 * for, DEBUG only if the header asks for it. XFRM is exactly the header's, so that it is the same at both ends of every move. EXINFO is required,
 * since the runtime trusts no one else about fault addresses.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "evidence/accept/policy.h"
#include "hostcall.h"
#include "imagefile.h"
#include "internal.h"
#include "measure.h"

static uint64_t cpu_features(void)
{
	uint32_t a, b, c, d;

	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) ? OM_CPU_SHANI : 0;
}

struct mapped { int fd; void *data; size_t size; };

static int map_file(const char *path, int flags, struct mapped *m)
{
	struct stat st;

	m->fd = open(path, flags | O_CLOEXEC);
	if (m->fd < 0)
		return sign_fail(OM_EIO, "%s: %s", path, strerror(errno));
	if (fstat(m->fd, &st) == 0 && st.st_size > 0) {
		m->size = (size_t)st.st_size;
		m->data = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, m->fd, 0);
		if (m->data != MAP_FAILED)
			return 0;
	}
	close(m->fd);
	return sign_fail(OM_EIO, "%s: cannot be mapped", path);
}

static void unmap_file(struct mapped *m)
{
	munmap(m->data, m->size);
	close(m->fd);
}

static int open_image(const char *path, const struct mapped *m, struct om_image *image)
{
	int r = om_image_open(m->data, m->size, false, image);

	return r < 0 ? sign_fail(r, "%s: %s", path, image->reason) : 0;
}

static void params_of(const struct om_image *image, struct sign_params *p)
{
	memset(p, 0, sizeof *p);
	om_measure_image(image, cpu_features(), p->mrenclave);
	om_image_attributes(image, &p->attributes);
	p->attributemask.flags = ~0ull;
	p->attributemask.xfrm = ~0ull;
	p->miscselect = SGX_MISC_EXINFO;
	p->miscmask = ~0u;
}

/* An image that is to be signed, with the SIGSTRUCT that it has. */
struct target { struct mapped file; struct om_image image; struct sgx_sigstruct old; };

static int open_target(const char *path, int flags, struct target *t)
{
	int r = map_file(path, flags, &t->file);

	if (r < 0)
		return r;
	r = open_image(path, &t->file, &t->image);
	if (r == 0 && !t->image.sigstruct_file_offset)
		r = sign_fail(OM_EIMAGE, "%s: no section %s", path, OM_SIGSTRUCT_SECTION);
	if (r == 0)
		memcpy(&t->old, t->image.file + t->image.sigstruct_file_offset, sizeof t->old);
	else
		unmap_file(&t->file);
	return r;
}

static int write_sigstruct(const char *path, const struct target *t, const struct sgx_sigstruct *s)
{
	return pwrite(t->file.fd, s, sizeof *s, (off_t)t->image.sigstruct_file_offset) == (ssize_t)sizeof *s ? 0 :
		sign_fail(OM_EIO, "%s: %s", path, strerror(errno));
}

static void params_for(const struct target *t, const struct sign_request *request, struct sign_params *p)
{
	params_of(&t->image, p);
	p->isvsvn = request->svn == SIGN_SVN_KEPT ? t->old.isvsvn : (uint16_t)request->svn;
}

/*
 * The program moves to its like only, so a policy that this signature does not satisfy is one that nobody can. What the policy itself
 * is worth was judged when it went into the image; one that cannot be read is the enclave's to refuse.
 */
static int check_own_policy(const struct om_image *image, const struct sgx_sigstruct *s)
{
	struct om_policy policy;
	uint8_t mrsigner[32];
	bool named = false;

	if (om_policy_decode(image->header.policy, image->header.policy_size, &policy))
		return 0;
	if (s->isvsvn < policy.svn_min)
		return sign_fail(OM_EPOLICY, "the image's own policy demands min-svn = %u, and its signature would say %u: -Xoptmig svn=%u when "
			"it is linked, or --svn when it is signed", policy.svn_min, s->isvsvn, policy.svn_min);
	sign_mrsigner(s, mrsigner);
	for (unsigned i = 0; i < policy.signer_count; i++)
		named = named || memcmp(policy.signer[i], mrsigner, sizeof mrsigner) == 0;
	if (policy.signer_count && !named)
		return sign_fail(OM_EPOLICY, "the image's own policy accepts other signers only, so it could never move: "
			"`optmig-sign --signer KEY` prints what this key is called there");
	return 0;
}

int sign_image(const char *path, const struct sign_request *request)
{
	struct target t;
	struct sign_params params;
	struct sgx_sigstruct sigstruct;
	int r = open_target(path, O_RDWR, &t);

	if (r < 0)
		return r;
	if (sign_key_is_development(request->key_pem) && !request->unguarded && !(t.image.header.flags & OM_IMAGE_DEBUG)) {
		r = sign_fail(OM_EINVAL, "%s is a production image: say with which key it is to be signed (--key FILE)", path);
		goto out;
	}
	params_for(&t, request, &params);
	r = sign_sigstruct(&params, request->key_pem, &sigstruct);
	if (r == 0)
		r = check_own_policy(&t.image, &sigstruct);
	if (r == 0)
		r = write_sigstruct(path, &t, &sigstruct);
out:
	unmap_file(&t.file);
	return r;
}

int sign_prepare(const char *path, const struct sign_request *request, uint8_t ret_data[SIGN_DATA_SIZE])
{
	struct target t;
	struct sign_params params;
	struct sgx_sigstruct sigstruct;
	int r = open_target(path, O_RDWR, &t);

	if (r < 0)
		return r;
	params_for(&t, request, &params);
	sign_sigstruct_fill(&params, &sigstruct);
	r = write_sigstruct(path, &t, &sigstruct);
	if (r == 0)
		sign_sigstruct_data(&sigstruct, ret_data);
	unmap_file(&t.file);
	return r;
}

/* Date and SVN are those of the preparation; the rest has to be what this image demands, now. */
int sign_complete(const char *path, const char *key_pem, const uint8_t *signature, size_t size)
{
	struct target t;
	struct sign_params params;
	struct sgx_sigstruct expected;
	uint8_t prepared[SIGN_DATA_SIZE], data[SIGN_DATA_SIZE];
	EVP_PKEY *key;
	int r = open_target(path, O_RDWR, &t);

	if (r < 0)
		return r;
	params_of(&t.image, &params);
	params.isvsvn = t.old.isvsvn;
	sign_sigstruct_fill(&params, &expected);
	expected.date = t.old.date;
	sign_sigstruct_data(&expected, data);
	sign_sigstruct_data(&t.old, prepared);
	if (memcmp(data, prepared, sizeof data) != 0) {
		r = sign_fail(OM_ESTATE, "%s is not prepared, or was changed since: optmig-sign --prepare DATA %s", path, path);
		goto out;
	}
	if ((r = sign_public_load(key_pem, &key)) < 0)
		goto out;
	r = sign_sigstruct_complete(&expected, key, signature, size);
	EVP_PKEY_free(key);
	if (r == 0)
		r = check_own_policy(&t.image, &expected);
	if (r == 0)
		r = write_sigstruct(path, &t, &expected);
out:
	unmap_file(&t.file);
	return r;
}

/* A file of just that size is what sign_prepare() gave. */
static bool is_data(const struct mapped *m)
{
	return m->size == SIGN_DATA_SIZE && memcmp(m->data, SGX_SIGSTRUCT_HEADER, 16) == 0;
}

int sign_read(const char *path, struct sgx_sigstruct *ret_sigstruct, bool *ret_signed)
{
	struct mapped m;
	struct target t;
	int r = map_file(path, O_RDONLY, &m);

	if (r < 0)
		return r;
	if (is_data(&m)) {
		memset(ret_sigstruct, 0, sizeof *ret_sigstruct);
		memcpy(ret_sigstruct, m.data, 128);
		memcpy(&ret_sigstruct->miscselect, (const uint8_t *)m.data + 128, 128);
		*ret_signed = false;
		unmap_file(&m);
		return 0;
	}
	unmap_file(&m);
	if ((r = open_target(path, O_RDONLY, &t)) < 0)
		return r;
	*ret_sigstruct = t.old;
	*ret_signed = sign_sigstruct_holds(&t.old);
	unmap_file(&t.file);
	return 0;
}

int sign_measure(const char *path, uint8_t ret_mrenclave[32])
{
	struct mapped m;
	struct om_image image;
	int r = map_file(path, O_RDONLY, &m);

	if (r < 0)
		return r;
	if ((r = open_image(path, &m, &image)) == 0)
		om_measure_image(&image, cpu_features(), ret_mrenclave);
	unmap_file(&m);
	return r;
}
