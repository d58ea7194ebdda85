/* SPDX-License-Identifier: Apache-2.0 */
/* Which image the destination starts for a hello. */
#ifndef OPTMIG_HOST_MOVE_IMAGEFIND_H
#define OPTMIG_HOST_MOVE_IMAGEFIND_H

#include "hello.h"
#include "load/imageread.h"
#include "store/store.h"

struct move_image {
	struct host_image image;
	bool stored;                    /* it comes from the store, and `entry` says what its program may do */
	struct store_entry entry;
};

/*
 * The image with the hello's MRENCLAVE, opened, and judged in so far as host/load/imageread.h says. The first of these:
 *
 *     named                      `receive --image FILE`, and then nothing else
 *     the image store            whose images were measured when they came there
 *     OPTMIG_IMAGE_PATH          every file in these directories; nobody else may write to them, or to the file
 *     a program of this user     that runs on this very machine, so that its image is started here already
 *
 * Nothing but MRENCLAVE is taken from the hello: no name or path of a peer is ever opened. @ret_image is big; the caller gives its
 * image to host_image_done(). Return: OM_ENOTFOUND; OM_EIDENTITY if the named file is another image; OM_EPERM if others may write to
 * the store; OM_EIMAGE, OM_ESIGSTRUCT. Trust: the hello is hostile.
 */
__attribute__((warn_unused_result))
int move_image_find(const struct move_hello *hello, const char *named, struct move_image *ret_image);

#endif
