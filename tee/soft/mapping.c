/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which protection an address has by the kernel's own list. The host may mprotect() or unmap enclave pages, and that is
 * not the EPCM's business. The list is read only when an access was refused that the EPCM allows, so reading may be slow. It runs
 * in a signal handler, so it uses a fixed buffer and system calls alone.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "soft.h"

struct reader { int fd; size_t at, end; char buffer[4096]; };

/* Return: the next byte, -1 at the end. */
static int next(struct reader *r)
{
	ssize_t got;

	if (r->at == r->end) {
		got = read(r->fd, r->buffer, sizeof r->buffer);
		if (got <= 0)
			return -1;
		r->at = 0;
		r->end = (size_t)got;
	}
	return (unsigned char)r->buffer[r->at++];
}

/* A number in hexadecimal and the byte behind it. Return: whether that is `behind`. */
static bool number(struct reader *r, int behind, uint64_t *ret_number)
{
	uint64_t n = 0;
	int c;

	for (; (c = next(r)) != behind; n = n << 4 | (uint64_t)(c >= 'a' ? c - 'a' + 10 : c - '0'))
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	*ret_number = n;
	return true;
}

/* "start-end rwxp ...": one line. */
static bool line(struct reader *r, uint64_t *ret_start, uint64_t *ret_end, uint16_t *ret_allowed)
{
	int c;

	if (!number(r, '-', ret_start) || !number(r, ' ', ret_end))
		return false;
	*ret_allowed = (uint16_t)((next(r) == 'r' ? E_R : 0) | (next(r) == 'w' ? E_W : 0));
	*ret_allowed |= (uint16_t)(next(r) == 'x' ? E_X : 0);
	while ((c = next(r)) != '\n')
		if (c < 0)
			return false;
	return true;
}

uint16_t emu_mapping(uint64_t address)
{
	struct reader r = { .fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC) };
	uint64_t start, end;
	uint16_t allowed, found = 0;

	/* Where it cannot be asked, the fault itself is the answer. */
	if (r.fd < 0)
		return 0;
	while (line(&r, &start, &end, &allowed) && start <= address)
		if (address < end)
			found = allowed;
	close(r.fd);
	return found;
}
