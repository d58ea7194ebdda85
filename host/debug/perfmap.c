/* SPDX-License-Identifier: Apache-2.0 */
/*
 * perf takes the names of functions in memory that no file is mapped to from /tmp/perf-PID.map: lines of address, size and name (jit-interface.txt
 * of Linux' perf). An enclave's memory is such memory. The file stays when the process ends, for `perf report`
 * reads it then.
 *
 * It is made anew and never written through what lies there: /tmp is everybody's.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "debug.h"
#include "load/imageread.h"
#include "symbols.h"
#include "util.h"

static int write_map(const struct debug_symbols *symbols, const char *path)
{
	int fd;
	FILE *f;

	(void)unlink(path);          /* of an earlier process of this number; the next line says if it could not be removed */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	f = fd < 0 ? NULL : fdopen(fd, "w");
	if (!f)
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	for (size_t i = 0; i < symbols->count; i++)
		fprintf(f, "%" PRIx64 " %" PRIx64 " %s\n", symbols->list[i].address, symbols->list[i].size, symbols->list[i].name);
	if (fclose(f))
		return host_fail(OM_EIO, "%s: %s", path, strerror(errno));
	return 0;
}

int debug_perf_map(const struct host_enclave *e)
{
	struct debug_symbols symbols;
	struct host_image image;
	char path[64];
	int error = debug_image_only(e, "--perf-map");

	if (error)
		return error;
	error = host_image_open(host_image_path(e), false, &image);
	if (error)
		return error;
	if (memcmp(host_image_signed(&image), host_image_mrenclave(e), 32))
		error = host_fail(OM_EIMAGE, "%s is another image by now", host_image_path(e));
	else if (debug_symbols_read(image.file, image.size, &symbols))
		error = host_fail(OM_EIMAGE, "%s: its symbol table cannot be read", host_image_path(e));
	host_image_done(&image);
	if (error)
		return error;
	snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
	if (symbols.count)
		error = write_map(&symbols, path);
	else
		error = host_fail(OM_EIMAGE, "%s has no symbol table: it was stripped", host_image_path(e));
	debug_symbols_done(&symbols);
	return error;
}
