/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware kit's witness: asks for evidence over its argument and writes it to a file. A public program: it has no secret. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char evidence[65536];

int main(int argc, char **argv)
{
	static char data[64];
	ssize_t size;
	int fd;

	if (argc != 3)
		return fprintf(stderr, "usage: evidence NONCE FILE\n"), 2;
	strncpy(data, argv[1], sizeof data - 1);
	fd = open("/dev/attestation/user_report_data", O_WRONLY);
	if (fd < 0 || write(fd, data, sizeof data) != sizeof data)
		return perror("/dev/attestation/user_report_data"), 1;
	close(fd);
	fd = open("/dev/attestation/attestation_type", O_RDONLY);
	if (fd < 0 || (size = read(fd, data, sizeof data - 1)) < 0)
		return perror("/dev/attestation/attestation_type"), 1;
	close(fd);
	printf("%.*s\n", (int)size, data);
	fd = open("/dev/attestation/quote", O_RDONLY);
	if (fd < 0 || (size = read(fd, evidence, sizeof evidence)) < 0)
		return perror("/dev/attestation/quote"), 1;
	close(fd);
	fd = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, evidence, (size_t)size) != size)
		return perror(argv[2]), 1;
	return 0;
}
