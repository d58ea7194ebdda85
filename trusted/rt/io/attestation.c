/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/attestation: evidence for the program, under the names that Gramine's programs know, with their meaning there:
 *
 *     attestation_type    whose evidence `quote` gives: dcap (SGX), snp, tdx, demo (proves nothing), none
 *     user_report_data    64 bytes that report and quote shall carry; what is shorter is filled up with zeros, what is longer cut off
 *     target_info         512 bytes: for which enclave `report` is made
 *     my_target_info      this enclave's
 *     report              432 bytes of EREPORT, for local attestation
 *     quote               evidence for anybody: a DCAP quote; of a confidential guest the envelope (core/evidence/parse/envelope.h)
 *
 * What is read is made when the file is opened. The two that are written belong to the process and move with it; reports and quotes
 * are of the machine on which they are made. A name that is not one of these is not there: the host's files of that name are not shown.
 */
#include "evidence/parse/envelope.h"
#include "rt/io/procself.h"

const struct rt_io_own_row rt_io_attest_rows[RT_IO_ATTEST_ROWS] = {
	{ "attestation_type", ATTEST_TYPE, NULL }, { "user_report_data", ATTEST_DATA, NULL }, { "target_info", ATTEST_TARGET, NULL },
	{ "my_target_info", ATTEST_MY_TARGET, NULL }, { "report", ATTEST_REPORT, NULL }, { "quote", ATTEST_QUOTE, NULL },
};

RT_RESIDENT static uint8_t user_data[SGX_REPORTDATA_SIZE];
RT_RESIDENT static struct sgx_targetinfo target_info;

static bool written(enum rt_io_own_node node)
{
	return node == ATTEST_DATA || node == ATTEST_TARGET;
}

static uint8_t *content_of(enum rt_io_own_node node, uint64_t *ret_size)
{
	*ret_size = node == ATTEST_DATA ? sizeof user_data : sizeof target_info;
	return node == ATTEST_DATA ? user_data : (uint8_t *)&target_info;
}

bool rt_io_attest_writable(enum rt_io_own_node node)
{
	return written(node);
}

/* ---- what is made ------------------------------------------------------------------------------------------------------------------------ */

static long fill(struct rt_io_virtual *content, const void *bytes, size_t size)
{
	content->size = (uint32_t)size;
	content->blob = rt_io_blob_new(content->size);
	if (!content->blob)
		return -ENOMEM;
	memcpy(rt_io_blob_at(content->blob), bytes, size);
	return 0;
}

static long make_type(struct rt_io_virtual *content)
{
	const long type = rt_attest_type();
	char text[8];
	struct rt_io_words w = { text, sizeof text, 0 };

	rt_io_words_add(&w, type == OM_EVIDENCE_SGX ? "dcap" : type == OM_EVIDENCE_SNP ? "snp" : type == OM_EVIDENCE_TDX ? "tdx" :
		type == OM_EVIDENCE_DEMO ? "demo" : "none");
	return fill(content, text, w.used);
}

static long make_my_target(struct rt_io_virtual *content)
{
	struct sgx_targetinfo target;

	rt_attest_target(&target);
	return fill(content, &target, sizeof target);
}

static long make_report(struct rt_io_virtual *content)
{
	struct sgx_report report;
	const long error = rt_attest_report(&target_info, user_data, &report);

	return error ? error : fill(content, &report, sizeof report);
}

/* A quote stands in an envelope, with its type before it. What reads Gramine's file knows only the quote. */
static long make_quote(struct rt_io_virtual *content)
{
	const void *untrusted;
	const long size = rt_attest_evidence(user_data, &untrusted, OM_EVIDENCE_MAX);
	uint8_t type[OM_ENVELOPE_HEAD];
	uint32_t head;

	if (size < 0)
		return size;
	if (size <= OM_ENVELOPE_HEAD)
		return -EACCES;
	rt_ub_get(type, untrusted, sizeof type);
	head = om_evidence_of_guest(type[0] | (unsigned)type[1] << 8) ? 0 : OM_ENVELOPE_HEAD;
	content->size = (uint32_t)size - head;
	content->blob = rt_io_blob_new(content->size);
	if (!content->blob)
		return -ENOMEM;
	rt_ub_get(rt_io_blob_at(content->blob), (const uint8_t *)untrusted + head, content->size);
	return 0;
}

static long make(enum rt_io_own_node node, struct rt_io_virtual *content)
{
	switch (node) {
	case ATTEST_TYPE:      return make_type(content);
	case ATTEST_MY_TARGET: return make_my_target(content);
	case ATTEST_REPORT:    return make_report(content);
	default:               return make_quote(content);
	}
}

/* ---- what is asked of a name --------------------------------------------------------------------------------------------------------- */

long rt_io_attest_open(const struct rt_io_own *own, uint32_t flags)
{
	struct rt_io_virtual content = { .node = (uint8_t)own->node, .name = own->name };
	uint64_t size;
	uint8_t *kept;
	long error;

	if (written(own->node)) {
		kept = content_of(own->node, &size);
		if (flags & O_TRUNC && (flags & O_ACCMODE) != O_RDONLY)
			memset(kept, 0, size);
		return rt_io_virtual_new(content, flags & O_ACCMODE, flags);
	}
	if ((flags & O_ACCMODE) != O_RDONLY)
		return -EACCES;
	error = make(own->node, &content);
	return error ? error : rt_io_virtual_new(content, O_RDONLY, flags);
}

/* Of the two that are written: as they are now, not as they were when the file was opened. */
long rt_io_attest_read(struct rt_io_ofd *ofd, struct rt_io_span *span, int64_t offset)
{
	uint64_t size;
	const uint8_t *kept = content_of(ofd->virt.node, &size);

	return rt_io_virtual_give(ofd, kept, size, span, offset);
}

/* What is written at the beginning replaces all; what follows in further calls goes on behind it. */
long rt_io_attest_write(struct rt_io_ofd *ofd, struct rt_io_span *span)
{
	uint64_t size, asked = span->total, at = ofd->virt.offset, some;
	uint8_t *kept = content_of(ofd->virt.node, &size), bytes[sizeof target_info] = { 0 };

	some = at < size ? size - at : 0;
	some = asked < some ? asked : some;
	if (rt_io_span_get(span, bytes, some))
		return -EFAULT;
	memcpy(kept + (at < size ? at : size), bytes, at ? some : size);
	ofd->virt.offset = at + asked;
	return (long)asked;
}
