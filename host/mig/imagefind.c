/* SPDX-License-Identifier: Apache-2.0 */
/* Looks for an image by its measurement, as its signature states it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "imagefile.h"
#include "imagefind.h"
#include "sgx_arch.h"
#include "util.h"

/* Return: false if there is no such image. */
static bool read_mrenclave(const char *path, uint8_t ret_mrenclave[32])
{
	struct sgx_sigstruct sigstruct;
	struct om_image image;
	struct stat status;
	void *file = MAP_FAILED;
	bool ok = false;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0)
		file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return false;
	if (om_image_open(file, (size_t)status.st_size, false, &image) == 0 && image.sigstruct_file_offset != 0) {
		memcpy(&sigstruct, (const uint8_t *)file + image.sigstruct_file_offset, sizeof sigstruct);
		memcpy(ret_mrenclave, sigstruct.enclavehash, 32);
		ok = true;
	}
	munmap(file, (size_t)status.st_size);
	return ok;
}

struct search { const struct mig_hello *hello; char *path; unsigned others; };

static bool try(struct search *s, const char *path)
{
	uint8_t mrenclave[32];

	if (!read_mrenclave(path, mrenclave))
		return false;
	if (memcmp(mrenclave, s->hello->mrenclave, 32)) {
		s->others++;
		return false;
	}
	snprintf(s->path, 4096, "%s", path);
	return true;
}

static bool try_directories(struct search *s, const char *list)
{
	while (*list) {
		size_t length = strcspn(list, ":");
		char path[4096];

		if (length > 0 && length < sizeof path - OM_HELLO_NAME - 2) {
			snprintf(path, sizeof path, "%.*s/%s", (int)length, list, s->hello->program);
			if (try(s, path))
				return true;
		}
		list += length + (list[length] == ':');
	}
	return false;
}

int mig_image_find(const struct mig_hello *hello, const char *named, char ret_path[4096])
{
	const char *directories = getenv("OPTMIG_IMAGE_PATH");
	struct search search = { .hello = hello, .path = ret_path };
	uint8_t mrenclave[32];

	if (named) {
		if (!read_mrenclave(named, mrenclave))
			return host_fail(OM_EIMAGE, "%s is not a signed OptMig image", named);
		snprintf(ret_path, 4096, "%s", named);
		return 0;
	}
	if (hello->text[0] == '/' && try(&search, hello->text))
		return 0;
	if (!strchr(hello->program, '/') && hello->program[0] && try_directories(&search, directories && *directories ? directories : "."))
		return 0;
	if (search.others)
		return host_fail(OM_EIDENTITY, "the image of %s here has another measurement than the source's (%02x%02x%02x%02x...)",
			hello->program, hello->mrenclave[0], hello->mrenclave[1], hello->mrenclave[2], hello->mrenclave[3]);
	return host_fail(OM_ENOTFOUND, "no image of %s here (looked at %s and for OPTMIG_IMAGE_PATH); copy it there or use --image",
		hello->program, hello->text[0] ? hello->text : "no path");
}
