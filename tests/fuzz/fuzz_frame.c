/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrives from the other host of a migration: frame headers, control messages, runs of pages. Property: what
 * decodes encodes to the same bytes, and stays within its limits. The first byte chooses.
 */
#include "fuzz.h"
#include "frame.h"

static void header(const uint8_t *data, size_t size)
{
	uint8_t again[OM_FRAME_HEADER];
	struct om_frame frame;

	if (size != OM_FRAME_HEADER || om_frame_decode(data, &frame))
		return;
	om_frame_encode(&frame, again);
	PROPERTY(memcmp(again, data, sizeof again) == 0);
	PROPERTY(frame.length <= OM_FRAME_PAYLOAD_MAX && frame.head <= OM_FRAME_HEAD_MAX && frame.head <= frame.length);
}

static void control(const uint8_t *data, size_t size)
{
	static uint8_t again[OM_CONTROL_MAX];
	struct om_control m;
	size_t again_size;

	if (size > sizeof again || om_control_decode(data, size, &m))
		return;
	PROPERTY(om_control_encode(&m, again, sizeof again, &again_size) == 0);
	PROPERTY(again_size == size && memcmp(again, data, size) == 0);
}

static void runs(const uint8_t *data, size_t size)
{
	const uint64_t limit = 1 << 24;
	struct om_get get;
	struct om_put put;
	uint8_t again[OM_RUN_SIZE];

	om_get_init(&get, data, size);
	for (size_t at = 0; om_get_left(&get); at += OM_RUN_SIZE) {
		struct om_run run;

		om_run_get(&get, limit, &run);
		if (get.error)
			return;
		PROPERTY(run.count && run.first + run.count <= limit);
		om_put_init(&put, again, sizeof again);
		om_run_put(&put, &run);
		PROPERTY(om_put_end(&put) == 0 && memcmp(again, data + at, sizeof again) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parts[])(const uint8_t *, size_t) = { header, control, runs };

	if (size)
		parts[data[0] % 3](data + 1, size - 1);
	return 0;
}
