/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measures an image and writes its SIGSTRUCT into the file. The attributes signed: exactly those the header asks
 * for, DEBUG only if it does; XFRM exactly the header's, so that it is the same at both ends of every move; EXINFO required,
 * since the runtime trusts no one else about fault addresses.
 */
#include <cpuid.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
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

int sign_image(const char *path, const char *key_pem)
{
	struct mapped m;
	struct om_image image;
	struct sign_params params;
	struct sgx_sigstruct sigstruct;
	int r = map_file(path, O_RDWR, &m);

	if (r < 0)
		return r;
	if ((r = open_image(path, &m, &image)) < 0)
		goto out;
	if (!image.sigstruct_file_offset) {
		r = sign_fail(OM_EIMAGE, "%s: no section %s", path, OM_SIGSTRUCT_SECTION);
		goto out;
	}
	params_of(&image, &params);
	if ((r = sign_sigstruct(&params, key_pem, &sigstruct)) < 0)
		goto out;
	if (pwrite(m.fd, &sigstruct, sizeof sigstruct, (off_t)image.sigstruct_file_offset) !=
			(ssize_t)sizeof sigstruct)
		r = sign_fail(OM_EIO, "%s: %s", path, strerror(errno));
out:
	unmap_file(&m);
	return r;
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
