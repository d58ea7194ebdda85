/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages in a row, as queues of messages have them (msg.c, io/mqueue.c), in pages of the heap (object.h):
 *
 *     0        first                                     end
 *     | taken  | header content 0.. | header content 0.. |
 *
 * Header and content begin at multiples of 16 bytes. When the taken part in front is larger than the rest, the rest is moved to the front. So
 * each byte of a first-in first-out queue moves once at most. The owner of a row holds a table of its own when it calls; nothing here parks.
 */
#ifndef OPTMIG_TRUSTED_RT_MESSAGES_H
#define OPTMIG_TRUSTED_RT_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_messages {
	uint32_t object;               /* 0: none yet; so is a row of zeros */
	uint32_t count;
	uint64_t bytes;                /* of content */
	uint64_t first, end;
};
struct rt_message { uint64_t key, size, at; };     /* key: the owner's; at: where it lies, until the row is changed */

/* The one behind `*message`, or the first one if that is NULL's worth (all zero); false: there is none. */
bool rt_messages_next(const struct rt_messages *row, struct rt_message *message);
/* A new one with `size` bytes at `app`, in front of `*before`, or behind all if that is NULL. 0, -EFAULT, -ENOMEM: and the row is as before. */
long rt_messages_add(struct rt_messages *row, const struct rt_message *before, uint64_t key, uint64_t app, size_t size);
/* Its content, `size` bytes of it at most, to `app`: bytes, or -EFAULT. */
long rt_messages_get(const struct rt_messages *row, const struct rt_message *message, uint64_t app, size_t size);
/* It goes. */
void rt_messages_remove(struct rt_messages *row, const struct rt_message *message);
/* All go, and the pages with them. */
void rt_messages_end(struct rt_messages *row);

#endif
