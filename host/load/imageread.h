/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image's bytes in this process, judged before there is an enclave.
 *
 * What is judged must be what is loaded, whoever writes to the file or puts another in its place meanwhile:
 *
 *   - the file is opened once; a name is never used twice;
 *   - SIGSTRUCT is copied out once, and the copy that was checked is the one that EINIT gets;
 *   - an image whose origin is not ours to trust is copied to private memory as a whole: nothing written to the file after that
 *     matters, and a file that is cut off meanwhile does not end this process (SIGBUS);
 *   - a file that only we may write (the image store) is mapped. If its bytes change all the same, the pages added have another
 *     measurement than the copy of SIGSTRUCT names, and EINIT refuses: an enclave that is not initialised cannot be entered.
 *
 * So ENCLAVEHASH of the copied SIGSTRUCT decides alone which code can run. Measuring before building only makes the refusal cheap and
 * its reason clear.
 */
#ifndef OPTMIG_HOST_LOAD_IMAGEREAD_H
#define OPTMIG_HOST_LOAD_IMAGEREAD_H

#include <stdbool.h>
#include <stdint.h>
#include "imagefile.h"

struct host_image {
	void *file;                     /* private memory or a mapping; NULL: none */
	uint64_t size;
	struct om_image image;          /* borrows `file` */
	struct sgx_sigstruct sigstruct;
	char path[4096];                /* for people */
};

/* Called now and then with the bytes of the file that are measured. */
typedef void (*host_image_progress)(void *context, uint64_t done_bytes);

/*
 * Reads an open file. @fd: the caller's; may be closed afterwards. @copy: into private memory. @path: for people.
 * Return: OM_EIMAGE, OM_ESIGSTRUCT (there is none), OM_EIO, OM_ENOMEM; *ret_image is then empty. Trust: the file is hostile.
 */
__attribute__((warn_unused_result))
int host_image_read(int fd, const char *path, bool copy, struct host_image *ret_image);
/* Opens it first. A FIFO or device is refused without waiting for it. */
__attribute__((warn_unused_result))
int host_image_open(const char *path, bool copy, struct host_image *ret_image);
/* Unmaps the file; the descriptor was never its own. What was returned from inside of the file is gone. A second call does nothing. */
void host_image_done(struct host_image *image);
/* The same, and free(): for one that stands in memory of its own, as it is too big for the stacks and TLS of our threads. NULL is fine. */
void host_image_free(struct host_image *image);

/* MRENCLAVE that the signature names. */
static inline const uint8_t *host_image_signed(const struct host_image *image) { return image->sigstruct.enclavehash; }
/* MRSIGNER that EINIT will compute: SHA-256 of SIGSTRUCT's modulus. Whether the signature holds is not asked. Source: SDM 3D, EINIT. */
void host_image_mrsigner(const struct host_image *image, uint8_t ret_mrsigner[32]);
/* Whether EINIT could accept its SIGSTRUCT: form, signature, attributes. Contents are not looked at. Return: OM_ESIGSTRUCT. */
__attribute__((warn_unused_result))
int host_image_check_signature(const struct host_image *image);
/* The same, and that the contents have the measurement that was signed. @progress may be NULL. Return: OM_ESIGSTRUCT. */
__attribute__((warn_unused_result))
int host_image_verify(const struct host_image *image, host_image_progress progress, void *context);

/* Lower-case hexadecimal of 32 bytes. */
void host_hash_text(const uint8_t hash[32], char ret_text[65]);

#endif
