/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "collateral/carried.h"
#include "evidence/parse/quote.h"
#include "util.h"

struct piece { uint8_t *data; size_t size; };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct piece own, carried;

/* Takes it over. */
static void set(struct piece *to, struct piece piece)
{
	pthread_mutex_lock(&lock);
	free(to->data);
	*to = piece;
	pthread_mutex_unlock(&lock);
}

static bool copy(struct om_view from, struct piece *ret)
{
	ret->data = malloc(from.size + 1);
	ret->size = from.size;
	if (ret->data)
		memcpy(ret->data, from.data, from.size);
	return ret->data != NULL;
}

void collateral_quoted_with(struct om_view collateral)
{
	struct piece piece;

	if (collateral.size <= OM_COLLATERAL_MAX && copy(collateral, &piece))
		set(&own, piece);
}

void collateral_quoted(struct om_view evidence, int64_t now)
{
	uint8_t *buffer = malloc(OM_COLLATERAL_MAX);
	size_t size;
	bool in_force;

	/* The peer may have better than what has expired. */
	if (buffer && collateral_find(evidence, now, buffer, OM_COLLATERAL_MAX, &size, &in_force) == 0 && in_force)
		collateral_quoted_with((struct om_view) { buffer, size });
	free(buffer);
}

size_t collateral_to_send(uint8_t *buffer)
{
	struct piece piece;

	pthread_mutex_lock(&lock);
	piece = own;
	own = (struct piece) { 0 };
	pthread_mutex_unlock(&lock);
	if (piece.size)
		memcpy(buffer, piece.data, piece.size);
	free(piece.data);
	return piece.size;
}

int collateral_received(struct om_view collateral)
{
	struct piece piece;

	if (collateral.size > OM_COLLATERAL_MAX)
		return host_fail(OM_EOVERFLOW, "the peer's collateral is longer than any");
	if (!copy(collateral, &piece))
		return host_fail(OM_ENOMEM, "no memory");
	set(&carried, piece);
	return 0;
}

void collateral_forget(void)
{
	set(&own, (struct piece) { 0 });
	set(&carried, (struct piece) { 0 });
}

static int take_carried(uint8_t *buffer, size_t size, size_t *ret_size)
{
	int error = OM_ENOTFOUND;

	pthread_mutex_lock(&lock);
	if (carried.size && carried.size <= size) {
		memcpy(buffer, carried.data, carried.size);
		*ret_size = carried.size;
		error = 0;
	}
	pthread_mutex_unlock(&lock);
	return error;
}

int collateral_for(struct om_view evidence, int64_t now, uint8_t *buffer, size_t size, size_t *ret_size)
{
	bool in_force = false;
	int error = collateral_find(evidence, now, buffer, size, ret_size, &in_force);

	if (!error && in_force)
		return 0;
	if (take_carried(buffer, size, ret_size) == 0)
		return 0;
	return error;
}
