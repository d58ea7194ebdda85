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
 *     tls/cert.pem        a certificate with evidence that names its key (core/evidence/parse/tagged.h), so that a server that knows
 *     tls/key.pem         nothing of enclaves is attested by naming two files
 *     keys/NAME           a secret from the program's owner (owner.c), for reading; there as soon as it has been given
 *
 * The content of a file is made when the file is opened. The two files that are written belong to the process and move with it. Reports and
 * quotes are of the machine on which they are made. The key is made when it is first asked for. It moves, too, so a certificate that is read
 * after a move has new evidence for the same key. Any other name does not exist: the host's files of that name are not shown.
 */
#include "crypto/sha256.h"
#include "crypto/wipe.h"
#include "evidence/parse/envelope.h"
#include "evidence/parse/tagged.h"
#include "evidence/write/certificate.h"
#include "rt/io/procself.h"
#include "rt/owner.h"

const struct rt_io_own_row rt_io_attest_rows[RT_IO_ATTEST_ROWS] = {
	{ "attestation_type", ATTEST_TYPE, NULL }, { "user_report_data", ATTEST_DATA, NULL }, { "target_info", ATTEST_TARGET, NULL },
	{ "my_target_info", ATTEST_MY_TARGET, NULL }, { "report", ATTEST_REPORT, NULL }, { "quote", ATTEST_QUOTE, NULL },
	{ "tls", ATTEST_TLS, NULL }, { "keys", ATTEST_KEYS, NULL },
};
const struct rt_io_own_row rt_io_tls_rows[RT_IO_TLS_ROWS] = { { "cert.pem", ATTEST_CERT, NULL }, { "key.pem", ATTEST_KEY, NULL } };

RT_RESIDENT static uint8_t user_data[SGX_REPORTDATA_SIZE];
RT_RESIDENT static struct sgx_targetinfo target_info;
RT_RESIDENT static struct { uint8_t private[OM_P256_SIZE], public[OM_P256_PUBLIC]; bool there; } key;

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

void rt_io_attest_forget(void)
{
	om_wipe(&key, sizeof key);
	om_wipe(user_data, sizeof user_data);
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
	char text[8];
	struct rt_io_words w = { text, sizeof text, 0 };

	rt_io_words_add(&w, om_evidence_attestation_type(rt_attest_type()));
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

/* Blobs: `room` bytes, of which `size` are used. */
struct part { uint32_t blob, room; size_t size; };

static long part_new(struct part *p, size_t room)
{
	*p = (struct part) { .blob = rt_io_blob_new((uint32_t)room), .room = (uint32_t)room };
	return p->blob ? 0 : -ENOMEM;
}

static void part_free(const struct part *p)
{
	rt_io_blob_free(p->blob, p->room);
}

static struct om_view part_view(const struct part *p)
{
	return (struct om_view) { rt_io_blob_at(p->blob), p->size };
}

/* A quote stands in an envelope, with its type before it. What reads Gramine's file knows only the quote. */
static long make_quote(const uint8_t data[SGX_REPORTDATA_SIZE], struct rt_io_virtual *content)
{
	const RT_UNTRUSTED void *untrusted;
	const long size = rt_attest_evidence(data, &untrusted, OM_EVIDENCE_MAX);
	struct part envelope;
	const uint8_t *at;
	size_t head;
	long error;

	if (size < 0)
		return size;
	if (size <= OM_ENVELOPE_HEAD)
		return -EACCES;
	error = part_new(&envelope, (size_t)size);
	if (error)
		return error;
	rt_ub_get(rt_io_blob_at(envelope.blob), untrusted, (size_t)size);
	at = rt_io_blob_at(envelope.blob);
	head = om_evidence_of_guest(at[0] | (unsigned)at[1] << 8) ? 0 : OM_ENVELOPE_HEAD;
	error = fill(content, at + head, (size_t)size - head);
	part_free(&envelope);
	return error;
}

/* ---- tls/ ------------------------------------------------------------------------------------------------------------------------------------------- */

/* The process' key. One that asks first makes it; who was faster does not matter. */
static long own_key(uint8_t ret_private[OM_P256_SIZE], uint8_t ret_public[OM_P256_PUBLIC])
{
	uint8_t seed[32];

	if (!rt_random(seed, sizeof seed))
		return -EIO;
	om_p256_derive(seed, ret_private, ret_public);
	om_wipe(seed, sizeof seed);
	rt_io_lock();
	if (!key.there) {
		memcpy(key.private, ret_private, sizeof key.private);
		memcpy(key.public, ret_public, sizeof key.public);
		key.there = true;
	}
	memcpy(ret_private, key.private, sizeof key.private);
	memcpy(ret_public, key.public, sizeof key.public);
	rt_io_unlock();
	return 0;
}

static void hash_key(const uint8_t public[OM_P256_PUBLIC], uint8_t ret[32])
{
	uint8_t spki[OM_SPKI_SIZE];

	om_spki_write(public, spki);
	om_sha256(spki, sizeof spki, ret);
}

long rt_io_attest_key_hash(uint8_t ret[32])
{
	uint8_t private[OM_P256_SIZE], public[OM_P256_PUBLIC];
	const long error = own_key(private, public);

	om_wipe(private, sizeof private);
	if (!error)
		hash_key(public, ret);
	return error;
}

/* Claims of the key, and evidence over them. A move in between would make them of two machines: then once more. */
static long make_claimed(uint8_t claims[OM_CLAIMS_MAX], size_t *ret_size, struct rt_io_virtual *ret_quote)
{
	uint8_t data[SGX_REPORTDATA_SIZE];

	for (;;) {
		const uint64_t move = engine_instance_move();
		long error;

		if (engine_claims((struct om_view) { 0 }, claims, ret_size))
			return -EIO;
		om_claims_report_data((struct om_view) { claims, *ret_size }, data);
		error = make_quote(data, ret_quote);
		if (error || move == engine_instance_move())
			return error;
		rt_io_blob_free(ret_quote->blob, ret_quote->size);
	}
}

/* As the certificate's extension has it. */
static long make_evidence(struct part *ret)
{
	struct rt_io_virtual quote = { 0 };
	uint8_t claims[OM_CLAIMS_MAX];
	size_t size;
	long error = make_claimed(claims, &size, &quote);

	if (error)
		return error;
	error = part_new(ret, quote.size + size + OM_TAGGED_HEAD);
	if (!error && om_tagged_encode((struct om_view) { rt_io_blob_at(quote.blob), quote.size }, (struct om_view) { claims, size },
	    rt_io_blob_at(ret->blob), ret->room, &ret->size))
		error = -EIO;
	rt_io_blob_free(quote.blob, quote.size);
	return error;
}

static long make_der(struct part *ret)
{
	uint8_t private[OM_P256_SIZE], public[OM_P256_PUBLIC];
	struct om_certificate c = { .private = private, .public = public, .name = rt_image->program_name };
	struct part evidence = { 0 };
	long error = own_key(private, public);

	if (!error && !rt_random(c.serial, sizeof c.serial))
		error = -EIO;
	if (!error)
		error = make_evidence(&evidence);
	if (!error)
		error = part_new(ret, evidence.size + OM_CERTIFICATE_OVERHEAD);
	c.evidence = part_view(&evidence);
	if (!error && om_certificate_write(&c, rt_io_blob_at(ret->blob), ret->room, &ret->size))
		error = -EIO;
	om_wipe(private, sizeof private);
	part_free(&evidence);
	return error;
}

static long make_certificate(struct rt_io_virtual *content)
{
	struct part der = { 0 }, pem = { 0 };
	long error = make_der(&der);

	if (!error)
		error = part_new(&pem, OM_PEM_ROOM(der.size));
	if (!error && om_pem_write(part_view(&der), "CERTIFICATE", rt_io_blob_at(pem.blob), pem.room, &pem.size))
		error = -EIO;
	if (!error)
		error = fill(content, rt_io_blob_at(pem.blob), pem.size);
	part_free(&der);
	part_free(&pem);
	return error;
}

static long make_key(struct rt_io_virtual *content)
{
	uint8_t private[OM_P256_SIZE], public[OM_P256_PUBLIC];
	char pem[OM_EC_KEY_PEM_MAX];
	size_t size;
	long error = own_key(private, public);

	if (!error)
		error = om_ec_key_write(private, public, pem, sizeof pem, &size) ? -EIO : fill(content, pem, size);
	om_wipe(private, sizeof private);
	om_wipe(pem, sizeof pem);
	return error;
}

/* It may be replaced meanwhile, by one of another size. */
static long make_secret(uint32_t index, struct rt_io_virtual *content)
{
	uint32_t size = rt_owner_secret_size(index);

	for (;;) {
		const uint32_t room = size;

		content->size = room;
		content->blob = rt_io_blob_new(room ? room : 1);
		if (!content->blob)
			return -ENOMEM;
		memset(rt_io_blob_at(content->blob), 0, room);     /* the pages are there: the copy may not fault */
		size = rt_owner_secret_read(index, rt_io_blob_at(content->blob), room);
		if (size == room)
			return 0;
		rt_io_blob_free(content->blob, room ? room : 1);
	}
}

static long make(enum rt_io_own_node node, struct rt_io_virtual *content)
{
	switch (node) {
	case ATTEST_TYPE:      return make_type(content);
	case ATTEST_MY_TARGET: return make_my_target(content);
	case ATTEST_REPORT:    return make_report(content);
	case ATTEST_CERT:      return make_certificate(content);
	case ATTEST_KEY:       return make_key(content);
	default:               return make_quote(user_data, content);
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
	if (own->node == ATTEST_SECRET) {
		error = make_secret(own->fd, &content);
		return error ? error : rt_io_virtual_new(content, O_RDONLY, flags);
	}
	error = make(own->node, &content);
	return error ? error : rt_io_virtual_new(content, O_RDONLY, flags);
}

uint64_t rt_io_attest_size(const struct rt_io_ofd *ofd)
{
	uint64_t size = ofd->virt.size;

	if (written(ofd->virt.node))
		(void)content_of(ofd->virt.node, &size);
	return size;
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
