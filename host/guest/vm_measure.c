/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include "files.h"
#include "guest.h"
#include "guest/snp.h"

int guest_hashes(const struct guest_folder *folder, struct om_snp_kernel *ret, uint8_t **ret_initrd, size_t *ret_initrd_size)
{
	uint8_t *kernel, *initrd;
	size_t kernel_size, initrd_size;
	int error = guest_file_read(folder->kernel, &kernel, &kernel_size);

	if (error)
		return error;
	error = guest_file_read(folder->initrd, &initrd, &initrd_size);
	if (!error) {
		om_snp_kernel_hash(kernel, kernel_size, initrd, initrd_size, folder->command_line, ret);
		*ret_initrd = initrd;
		*ret_initrd_size = initrd_size;
	}
	free(kernel);
	return error;
}

int guest_vm_measure(const struct guest_folder *folder, uint8_t ret[48])
{
	struct om_snp_kernel hashes;
	uint8_t *initrd;
	size_t size;
	int error = guest_hashes(folder, &hashes, &initrd, &size);

	if (error)
		return error;
	free(initrd);
	om_snp_plain_digest(&hashes, ret);
	return 0;
}
