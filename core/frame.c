/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See the header. The order of checks is the one of the specification: version, kind, connection, lengths, reserved
 * fields. State and sequence are checked by the session and the stream, before authentication; contents after it.
 */
#include "frame.h"
#include "image.h"

enum { CONTROL_HEADER = 8 };

static bool connection_fits(unsigned kind, uint16_t connection)
{
	switch (kind) {
	case OM_FRAME_NOISE: case OM_FRAME_CONTROL: case OM_FRAME_RESUME:
		return connection == OM_CONNECTION_CONTROL;
	case OM_FRAME_REQUEST: case OM_FRAME_REPLY:
		return connection == OM_CONNECTION_URGENT;
	case OM_FRAME_PAGES: case OM_FRAME_ACK:
		return connection >= OM_CONNECTION_PAGES && connection < OM_CONNECTION_PAGES + OM_MIG_CHANNELS_MAX;
	default:
		return false;
	}
}

static bool lengths_fit(unsigned kind, uint32_t length, uint16_t head)
{
	if (kind == OM_FRAME_PAGES || kind == OM_FRAME_REPLY) {
		uint32_t pages = kind == OM_FRAME_PAGES ? OM_FRAME_PAGES_MAX : OM_URGENT_PAGES_MAX;

		return head >= OM_RUN_SIZE && head <= OM_FRAME_HEAD_MAX && head % OM_RUN_SIZE == 0 &&
			length >= head + (uint32_t)OM_FRAME_TAG &&
			(length - head - OM_FRAME_TAG) % OM_PAGE_SIZE == 0 &&
			(length - head - OM_FRAME_TAG) / OM_PAGE_SIZE <= pages;
	}
	if (head != 0)
		return false;
	return length >= OM_FRAME_TAG && length <= OM_CONTROL_MAX + OM_FRAME_TAG;
}

int om_frame_decode(const uint8_t header[OM_FRAME_HEADER], struct om_frame *ret_frame)
{
	struct om_get c;
	struct om_frame frame;
	unsigned version, kind;
	int error;

	om_get_init(&c, header, OM_FRAME_HEADER);
	version = om_get_u8(&c);
	kind = om_get_u8(&c);
	frame.connection = om_get_u16(&c);
	frame.length = om_get_u32(&c);
	frame.sequence = om_get_u64(&c);
	frame.epoch = om_get_u32(&c);
	frame.head = om_get_u16(&c);
	if (version != OM_WIRE_VERSION)
		return OM_EVERSION;
	if (!connection_fits(kind, frame.connection))
		return OM_ETYPE;
	if (!lengths_fit(kind, frame.length, frame.head))
		return OM_EOVERFLOW;
	om_get_zeros(&c, 2);
	error = om_get_end(&c);
	if (error)
		return error;
	frame.kind = (enum om_frame_kind)kind;
	*ret_frame = frame;
	return 0;
}

void om_frame_encode(const struct om_frame *frame, uint8_t ret_header[OM_FRAME_HEADER])
{
	struct om_put c;

	om_put_init(&c, ret_header, OM_FRAME_HEADER);
	om_put_u8(&c, OM_WIRE_VERSION);
	om_put_u8(&c, (uint8_t)frame->kind);
	om_put_u16(&c, frame->connection);
	om_put_u32(&c, frame->length);
	om_put_u64(&c, frame->sequence);
	om_put_u32(&c, frame->epoch);
	om_put_u16(&c, frame->head);
	om_put_zeros(&c, 2);
}

/* ---- runs ---- */

void om_run_get(struct om_get *c, uint64_t page_limit, struct om_run *ret_run)
{
	uint64_t place = om_get_u64(c);
	uint64_t amount = om_get_u64(c);
	unsigned type = (unsigned)(place >> 40) & 0xff;

	*ret_run = (struct om_run) {
		.first = place & 0xffffffffff, .type = (enum om_run_type)type,
		.state = (uint8_t)(place >> 48), .count = (uint32_t)amount,
	};
	if (place >> 56 || amount >> 32)
		om_get_fail(c, OM_EVERSION);
	else if (type < OM_RUN_CONTENT || type > OM_RUN_RESIDENT_ZERO)
		om_get_fail(c, OM_ETYPE);
	else if (ret_run->count == 0 || ret_run->first >= page_limit || ret_run->count > page_limit - ret_run->first)
		om_get_fail(c, OM_EOVERFLOW);
}

void om_run_put(struct om_put *c, const struct om_run *run)
{
	om_put_u64(c, run->first | (uint64_t)run->type << 40 | (uint64_t)run->state << 48);
	om_put_u64(c, run->count);
}

/* ---- control messages ---- */

static void put_body(struct om_put *c, const struct om_control *m)
{
	switch (m->type) {
	case OM_CTL_QUOTE:
		om_put_u8(c, (uint8_t)m->quote.role);
		om_put_zeros(c, 3);
		om_put_u32(c, m->quote.quote_size);
		om_put_bytes(c, m->quote.quote, m->quote.quote_size);
		break;
	case OM_CTL_PARAMS:
		om_put_u32(c, m->params.channels);
		om_put_u8(c, m->params.hold);
		om_put_zeros(c, 3);
		om_put_u64(c, m->params.page_limit);
		om_put_u64(c, m->params.xfrm);
		om_put_u64(c, m->params.cpu_features);
		om_put_u64(c, m->params.pages);
		break;
	case OM_CTL_ROUND:
		om_put_u32(c, m->round.round);
		om_put_u8(c, m->round.echo);
		om_put_zeros(c, 3);
		om_put_u64(c, m->round.stamp);
		break;
	case OM_CTL_COMPLETE:
		om_put_u32(c, m->complete.channels);
		om_put_zeros(c, 4);
		om_put_u64(c, m->complete.owed);
		for (uint32_t i = 0; i < m->complete.channels && i < OM_MIG_CHANNELS_MAX; i++)
			om_put_u64(c, m->complete.frames[i]);
		break;
	case OM_CTL_PREPARED:
		om_put_u64(c, m->prepared.rebuild_ns);
		break;
	case OM_CTL_STARTED: case OM_CTL_RUNS:
		om_put_u64(c, m->started.run_realtime_ns);
		om_put_u64(c, m->started.restore_ns);
		break;
	case OM_CTL_ABORT:
	case OM_CTL_CANCEL:
		om_put_u32(c, (uint32_t)m->reason.error);
		om_put_u32(c, m->reason.words_size);
		om_put_bytes(c, m->reason.words, m->reason.words_size);
		break;
	case OM_CTL_PLACED:
		om_put_u64(c, m->placed.run_realtime_ns);
		om_put_u64(c, m->placed.requests);
		om_put_u64(c, m->placed.dropped);
		om_put_u64(c, m->placed.faults);
		om_put_u64(c, m->placed.fault_ns);
		om_put_u64(c, m->placed.fault_max_ns);
		for (int i = 0; i < OM_FAULT_BUCKETS; i++)
			om_put_u64(c, m->placed.histogram[i]);
		break;
	case OM_CTL_READY: case OM_CTL_START: case OM_CTL_FINISH:
		break;
	}
}

int om_control_encode(const struct om_control *message, uint8_t *buffer, size_t size, size_t *ret_size)
{
	struct om_put c, header;
	int error;

	om_put_init(&c, buffer, size);
	om_put_zeros(&c, CONTROL_HEADER);
	put_body(&c, message);
	error = om_put_end(&c);
	if (error)
		return error;
	om_put_init(&header, buffer, CONTROL_HEADER);
	om_put_u16(&header, (uint16_t)message->type);
	om_put_u16(&header, 0);
	om_put_u32(&header, (uint32_t)(om_put_size(&c) - CONTROL_HEADER));
	*ret_size = om_put_size(&c);
	return om_put_end(&header);
}

static void get_quote(struct om_get *c, struct om_control *m)
{
	unsigned role = om_get_u8(c);

	om_get_zeros(c, 3);
	m->quote.quote_size = om_get_u32(c);
	m->quote.quote = om_get_view(c, m->quote.quote_size);
	m->quote.role = (enum om_role)role;
	if (role != OM_ROLE_SOURCE && role != OM_ROLE_DESTINATION)
		om_get_fail(c, OM_ETYPE);
	if (m->quote.quote_size > OM_CONTROL_QUOTE_MAX)
		om_get_fail(c, OM_EOVERFLOW);
}

static void get_params(struct om_get *c, struct om_control *m)
{
	unsigned hold;

	m->params.channels = om_get_u32(c);
	hold = om_get_u8(c);
	om_get_zeros(c, 3);
	if (m->params.channels == 0 || m->params.channels > OM_MIG_CHANNELS_MAX)
		om_get_fail(c, OM_EOVERFLOW);
	m->params.hold = hold == 1;
	if (hold > 1)
		om_get_fail(c, OM_ETYPE);
	m->params.page_limit = om_get_u64(c);
	m->params.xfrm = om_get_u64(c);
	m->params.cpu_features = om_get_u64(c);
	m->params.pages = om_get_u64(c);
}

static void get_round(struct om_get *c, struct om_control *m)
{
	unsigned echo;

	m->round.round = om_get_u32(c);
	echo = om_get_u8(c);
	om_get_zeros(c, 3);
	m->round.stamp = om_get_u64(c);
	m->round.echo = echo == 1;
	if (echo > 1)
		om_get_fail(c, OM_ETYPE);
}

static uint32_t get_channels(struct om_get *c)
{
	uint32_t channels = om_get_u32(c);

	om_get_zeros(c, 4);
	if (channels == 0 || channels > OM_MIG_CHANNELS_MAX)
		om_get_fail(c, OM_EOVERFLOW);
	return channels;
}

static void get_reason(struct om_get *c, struct om_control *m)
{
	m->reason.error = (int32_t)om_get_u32(c);
	m->reason.words_size = om_get_u32(c);
	if (m->reason.words_size > OM_REASON_MAX)
		om_get_fail(c, OM_EOVERFLOW);
	m->reason.words = (const char *)om_get_view(c, m->reason.words_size);
}

static void get_body(struct om_get *c, struct om_control *m)
{
	switch (m->type) {
	case OM_CTL_QUOTE:
		get_quote(c, m);
		break;
	case OM_CTL_PARAMS:
		get_params(c, m);
		break;
	case OM_CTL_ROUND:
		get_round(c, m);
		break;
	case OM_CTL_COMPLETE:
		m->complete.channels = get_channels(c);
		m->complete.owed = om_get_u64(c);
		for (uint32_t i = 0; i < OM_MIG_CHANNELS_MAX; i++)
			m->complete.frames[i] = i < m->complete.channels ? om_get_u64(c) : 0;
		break;
	case OM_CTL_PREPARED:
		m->prepared.rebuild_ns = om_get_u64(c);
		break;
	case OM_CTL_STARTED: case OM_CTL_RUNS:
		m->started.run_realtime_ns = om_get_u64(c);
		m->started.restore_ns = om_get_u64(c);
		break;
	case OM_CTL_ABORT:
	case OM_CTL_CANCEL:
		get_reason(c, m);
		break;
	case OM_CTL_PLACED:
		m->placed.run_realtime_ns = om_get_u64(c);
		m->placed.requests = om_get_u64(c);
		m->placed.dropped = om_get_u64(c);
		m->placed.faults = om_get_u64(c);
		m->placed.fault_ns = om_get_u64(c);
		m->placed.fault_max_ns = om_get_u64(c);
		for (int i = 0; i < OM_FAULT_BUCKETS; i++)
			m->placed.histogram[i] = om_get_u64(c);
		break;
	case OM_CTL_READY: case OM_CTL_START: case OM_CTL_FINISH:
		break;
	}
}

int om_control_decode(const uint8_t *data, size_t size, struct om_control *ret_message)
{
	struct om_control m = { .type = OM_CTL_QUOTE };
	struct om_get c;
	unsigned type, reserved;
	uint32_t body;
	int error;

	om_get_init(&c, data, size);
	type = om_get_u16(&c);
	reserved = om_get_u16(&c);
	body = om_get_u32(&c);
	if (c.error)
		return c.error;
	if (type < OM_CTL_QUOTE || type > OM_CTL_RUNS)
		return OM_ETYPE;
	if (reserved)
		return OM_EVERSION;
	if (body != om_get_left(&c))
		return body > om_get_left(&c) ? OM_ETRUNCATED : OM_ETRAILING;
	m.type = (enum om_control_type)type;
	get_body(&c, &m);
	error = om_get_end(&c);
	if (error)
		return error;
	*ret_message = m;
	return 0;
}
