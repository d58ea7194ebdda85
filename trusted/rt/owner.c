/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's owner: whoever has the private half of the key that the image names (its launch's `secrets.owner`, else its policy's
 * `owner`). core/unlock/unlock.h has the messages. The host carries them, and can lose them.
 *
 *                  GRANT with all that is waited for           ORDER                 threads parked, TAKE
 *       WAITING ------------------------------------> RUNS -----------> STOPPING ---------------------> HANDED ON --END--> gone
 *                                                                                    ^                       |
 *                                                                                    +------- ORDER ---------+
 *
 * WAITING: the stop that a move uses is on from before the first thread could run, so the program has not executed an instruction.
 * From the first ORDER on the stop stays: this enclave never runs the program again, whatever the host does. If a package was lost with its
 * taker, another order makes another package for another taker. Except in RUNS this file owns all connections of the engine. So no move can
 * begin, and no order is obeyed while a move is under way.
 *
 * A question (nonce in, statement and evidence out) makes a fresh X25519 key. A grant is for the open question, and closes
 * that question, whatever comes of the grant. A new question closes the one before. So a grant serves once, in one enclave.
 *
 * Secrets are resident: they move with the program, and lie in memory of the enclave only.
 */
#include "bytes.h"
#include "crypto/wipe.h"
#include "evidence/accept/policy.h"
#include "evidence/parse/envelope.h"
#include "launch.h"
#include "engine/state.h"
#include "rt/internal.h"
#include "rt/io/roots.h"
#include "rt/libmem.h"
#include "rt/lineage.h"
#include "rt/owner.h"
#include "rt/rt.h"
#include "rt/seal.h"
#include "ownercall.h"
#include "unlock/unlock.h"

struct secret { uint32_t at, size; uint8_t name_size; char name[OM_UNLOCK_NAME_MAX + 1]; };
struct secrets { uint32_t count, used; struct secret entry[OM_UNLOCK_NAMES_MAX]; uint8_t bytes[OM_UNLOCK_SECRETS_MAX]; };

RT_RESIDENT static struct secrets secrets;
RT_LOCAL static struct secrets next;                /* what it will be; only in a call */
static struct rt_lock secrets_lock;                 /* readers and the one writer */

static _Atomic uint32_t state, busy;                /* enum om_unlock_state; a call is under way */
RT_LOCAL static uint64_t ignored;                   /* signals, as exec leaves them */

RT_LOCAL static struct {
	bool open;
	uint8_t private[32], hash[32];
} question;
RT_LOCAL static struct { bool given; uint8_t hash[32], to[32], answer[OM_UNLOCK_KEY]; } order;

RT_LOCAL static uint8_t statement[OM_UNLOCK_STATEMENT_MAX], message[OM_UNLOCK_GRANT_MAX], body[OM_UNLOCK_BODY_MAX], inner[OM_UNLOCK_BODY_MAX];
RT_LOCAL static uint8_t evidence[OM_EVIDENCE_MAX], roots[OM_UNLOCK_ROOTS_MAX];

static RT_UNTRUSTED uint8_t *data(void)
{
	return (RT_UNTRUSTED uint8_t *)rt_self()->tbuf + OM_TBUF_DATA;
}

static int no(const char **ret_words, const char *words, int error)
{
	*ret_words = words;
	return error;
}

/* ---- what the image says --------------------------------------------------------------------------------------------------------- */

/* False: it has no owner, and nobody can unlock it. */
static bool owner_key(uint8_t ret_public[OM_P256_PUBLIC])
{
	static struct om_policy p;                  /* one call at a time */

	if (om_launch_owner(rt_launch(), ret_public))
		return true;
	if (om_policy_decode(rt_image->policy, rt_image->policy_size, &p) || !(p.flags & OM_POLICY_OWNER))
		return false;
	memcpy(ret_public, p.owner, OM_P256_PUBLIC);
	return true;
}

static bool wants_key(void)
{
	return rt_launch()->lineage == OM_LINEAGE_OWNER && !rt_lineage_there();
}

static uint32_t find(const struct secrets *s, struct om_view name)
{
	uint32_t i = 0;

	while (i < s->count && (s->entry[i].name_size != name.size || memcmp(s->entry[i].name, name.data, name.size)))
		i++;
	return i;
}

/* The first secret that the program waits for and does not have; text NULL: it has all. */
static struct om_launch_string missing(const struct secrets *s)
{
	for (uint32_t i = 0; i < rt_launch()->count[OM_LAUNCH_SECRETS]; i++) {
		const struct om_launch_string name = om_launch_string(rt_launch(), OM_LAUNCH_SECRETS, i);

		if (find(s, (struct om_view) { (const uint8_t *)name.text, name.size }) == s->count)
			return name;
	}
	return (struct om_launch_string) { NULL, 0 };
}

bool rt_owner_begin(uint64_t signals_ignored)
{
	uint8_t seal[OM_SEAL_ID];

	if (!missing(&secrets).text && !wants_key() && !rt_seal_waits(seal))
		return false;
	ignored = signals_ignored;
	RT_CHECK(engine_hold());                      /* nobody else has been here */
	rt_stop_begin();
	atomic_store(&state, OM_UNLOCK_IS_WAITING);
	rt_ub_reset();
	rt_tell_number("waits for its owner: optmig unlock", (uint64_t)rt_pid);
	return true;
}

/* By default all but these end a program; those that stop one have nothing to stop. */
bool rt_owner_signal(int signo)
{
	const uint64_t harmless = 1ull << (SIGCHLD - 1) | 1ull << (SIGCONT - 1) | 1ull << (SIGURG - 1) | 1ull << (SIGWINCH - 1) |
		1ull << (SIGSTOP - 1) | 1ull << (SIGTSTP - 1) | 1ull << (SIGTTIN - 1) | 1ull << (SIGTTOU - 1);

	if (atomic_load(&state) == OM_UNLOCK_RUNS)
		return false;
	if (!((harmless | ignored) >> (signo - 1) & 1))
		rt_exit_process(0, signo);
	return true;
}

/* ---- secrets, as the program reads them ---------------------------------------------------------------------------------------- */

uint32_t rt_owner_secret_count(void)
{
	return __atomic_load_n(&secrets.count, __ATOMIC_ACQUIRE);
}

const char *rt_owner_secret_name(uint32_t index)
{
	return secrets.entry[index].name;
}

uint32_t rt_owner_secret_size(uint32_t index)
{
	return rt_owner_secret_read(index, NULL, 0);
}

uint32_t rt_owner_secret_read(uint32_t index, uint8_t *to, uint32_t room)
{
	uint32_t size;

	rt_lock(&secrets_lock);
	size = secrets.entry[index].size;
	if (room)
		memcpy(to, secrets.bytes + secrets.entry[index].at, size < room ? size : room);
	rt_unlock(&secrets_lock);
	return size;
}

void rt_owner_wipe(void)
{
	om_wipe(&secrets, offsetof(struct secrets, bytes) + secrets.used);
}

static void touch(const void *from, size_t size)
{
	const volatile uint8_t *bytes = from;

	for (size_t i = 0; i < size; i += OM_PAGE_SIZE)
		(void)bytes[i];
	if (size)
		(void)bytes[size - 1];
}

/* `next` becomes what there is. Indexes and names stay. Nothing may fault under the lock, so pages come first. */
static void commit(void)
{
	const uint32_t used = secrets.used > next.used ? secrets.used : next.used;

	touch(&secrets, offsetof(struct secrets, bytes));
	touch(secrets.bytes, used);
	rt_lock(&secrets_lock);
	memcpy(secrets.bytes, next.bytes, next.used);
	if (secrets.used > next.used)
		om_wipe(secrets.bytes + next.used, secrets.used - next.used);
	memcpy(secrets.entry, next.entry, sizeof secrets.entry);
	secrets.used = next.used;
	__atomic_store_n(&secrets.count, next.count, __ATOMIC_RELEASE);
	rt_unlock(&secrets_lock);
}

/* The bytes of each entry one behind the other; `with` replaces entry `index`, or is a new one. */
static int put_secret(struct om_view name, struct om_view with)
{
	const uint32_t index = find(&next, name);
	struct secret *e = &next.entry[index];

	if (index == OM_UNLOCK_NAMES_MAX)
		return OM_EEXHAUSTED;
	if (index < next.count) {
		memmove(next.bytes + e->at, next.bytes + e->at + e->size, next.used - e->at - e->size);
		for (uint32_t i = 0; i < next.count; i++)
			if (next.entry[i].at > e->at)
				next.entry[i].at -= e->size;
		next.used -= e->size;
	} else {
		memcpy(e->name, name.data, name.size);
		e->name[name.size] = 0;
		e->name_size = (uint8_t)name.size;
		next.count++;
	}
	if (with.size > sizeof next.bytes - next.used)
		return OM_EEXHAUSTED;
	e->at = next.used;
	e->size = (uint32_t)with.size;
	memcpy(next.bytes + next.used, with.data, with.size);
	next.used += e->size;
	return 0;
}

/* ---- the question --------------------------------------------------------------------------------------------------------------------- */

static void close_question(void)
{
	om_wipe(&question, sizeof question);
}

/* @ret_seal: the lineage of the seal that waits, or zeros. */
static uint16_t flags(uint8_t ret_seal[OM_SEAL_ID])
{
	const uint32_t now = atomic_load(&state);

	return (uint16_t)((rt_seal_waits(ret_seal) ? OM_UNLOCK_WANTS_SEAL : 0) | (now == OM_UNLOCK_IS_WAITING ? OM_UNLOCK_WAITS : 0) | (wants_key() ? OM_UNLOCK_WANTS_KEY : 0) |
		(rt_lineage_there() ? OM_UNLOCK_HAS_KEY : 0) |
		(now == OM_UNLOCK_IS_STOPPING || now == OM_UNLOCK_IS_HANDED_ON ? OM_UNLOCK_HANDED_ON : 0));
}

static long ask(const char **ret_words)
{
	static struct om_unlock_statement s;        /* one call at a time */
	const RT_UNTRUSTED void *untrusted;
	uint8_t report_data[SGX_REPORTDATA_SIZE];
	uint64_t size64;
	size_t size;
	long got;

	close_question();
	s = (struct om_unlock_statement) { 0 };
	s.flags = flags(s.seal);
	if (!owner_key(s.owner))
		return no(ret_words, "the image names no owner: neither secrets.owner, nor `owner` in its policy", OM_EPERM);
	rt_ub_get(s.nonce, data(), sizeof s.nonce);
	if (!rt_random(question.private, sizeof question.private))
		return no(ret_words, "the CPU's random number generator does not answer", OM_ESGX);
	om_x25519_public(question.private, s.key);
	memcpy(s.instance, engine_instance_id(), sizeof s.instance);
	for (; s.count < rt_launch()->count[OM_LAUNCH_SECRETS] && s.count < OM_UNLOCK_NAMES_MAX; s.count++) {
		const struct om_launch_string name = om_launch_string(rt_launch(), OM_LAUNCH_SECRETS, s.count);

		s.name[s.count].size = (uint8_t)name.size;
		memcpy(s.name[s.count].text, name.text, name.size);
	}
	if (om_unlock_statement_encode(&s, statement, sizeof statement, &size))
		return no(ret_words, "the image waits for too many secrets", OM_EIMAGE);
	om_unlock_statement_hash((struct om_view) { statement, size }, question.hash);
	om_unlock_report_data(question.hash, report_data);
	got = rt_attest_own(report_data, &untrusted, sizeof evidence);
	if (got < 0 || size + (size_t)got > rt_self()->tbuf_size - OM_TBUF_DATA)
		return no(ret_words, "this host's quoting service gave no quote", OM_EQUOTE);
	rt_ub_get(evidence, untrusted, (size_t)got);
	rt_ub_put(data(), statement, size);
	rt_ub_put(data() + size, evidence, (size_t)got);
	size64 = size;
	rt_ub_put(rt_self()->tbuf->arg, &size64, sizeof size64);
	question.open = true;
	return (long)size + got;
}

/* ---- the grant ---------------------------------------------------------------------------------------------------------------------------- */

/*
 * From the host's memory to items in `body`. The question is closed.
 * @ret_answer: of the grant's exchange, the caller's to wipe; NULL: not wanted. @ret_hash, @ret_private: of the question; NULL likewise.
 */
static int open_grant(uint64_t size, size_t *ret_size, uint8_t ret_answer[OM_UNLOCK_KEY], uint8_t ret_hash[32], uint8_t ret_private[32],
	const char **ret_words)
{
	uint8_t owner[OM_P256_PUBLIC], private[32], hash[32];
	struct om_view box;
	int error;

	if (!question.open)
		return no(ret_words, "nobody has asked: a grant serves once, and for the last question", OM_ESEQ);
	memcpy(private, question.private, sizeof private);
	memcpy(hash, question.hash, sizeof hash);
	close_question();
	*ret_words = "the grant is too large";
	error = OM_EOVERFLOW;
	if (size > sizeof message || size > rt_self()->tbuf_size - OM_TBUF_DATA)
		goto out;
	rt_ub_get(message, data(), size);
	*ret_words = "the image names no owner";
	error = OM_EPERM;
	if (!owner_key(owner))
		goto out;
	error = om_unlock_grant_check((struct om_view) { message, size }, hash, owner, &box);
	*ret_words = error == OM_ESEQ ? "the grant is for another question, or another enclave" : error == OM_EAUTH ?
		"the grant is not signed by the program's owner" : "the grant is malformed";
	if (!error) {
		error = om_unlock_box_open(OM_UNLOCK_BOX_GRANT, hash, private, box, body, sizeof body, ret_size, ret_answer);
		*ret_words = "the grant is sealed to another key";
	}
	if (!error) {
		error = om_unlock_items_check((struct om_view) { body, *ret_size });
		*ret_words = "what the grant holds is malformed";
	}
	if (!error && ret_hash)
		memcpy(ret_hash, hash, sizeof hash);
	if (!error && ret_private)
		memcpy(ret_private, private, sizeof private);
out:
	om_wipe(private, sizeof private);
	return error;
}

/* What a grant, and a package in it, come to. */
struct gain { const uint8_t *lineage, *restart; struct om_view roots; };

/* Items into `next` and *gain. Secrets of a package come first, so that the owner's own outrank them. */
static int gather(struct om_view items, bool package, struct gain *gain, const char **ret_words)
{
	struct om_unlock_item item;
	int error = 0;

	while (!error && om_unlock_item_next(&items, &item))
		switch (item.type) {
		case OM_UNLOCK_LINEAGE:
			if (gain->lineage)
				return no(ret_words, "a lineage twice: from its owner and in a package", OM_EINVAL);
			gain->lineage = item.bytes.data;
			break;
		case OM_UNLOCK_RESTART:
			if (package)
				return no(ret_words, "leave to open a seal comes from the owner only", OM_EINVAL);
			gain->restart = item.bytes.data;
			break;
		case OM_UNLOCK_SECRET:
			error = put_secret(item.name, item.bytes);
			*ret_words = "the program's secrets are too many, or too large";
			break;
		case OM_UNLOCK_ROOTS:
			if (!package)
				return no(ret_words, "roots of encrypted files come in a package only", OM_EINVAL);
			gain->roots = item.bytes;
			break;
		case OM_UNLOCK_PACKAGE:
			if (package)
				return no(ret_words, "a package in a package", OM_EINVAL);
			break;                              /* was opened before */
		default:
			return no(ret_words, "the grant holds what this program cannot take", OM_EUNSUPPORTED);
		}
	return error;
}

static int open_package(struct om_view items, const uint8_t hash[32], const uint8_t private[32], struct gain *gain, const char **ret_words)
{
	struct om_unlock_item item;
	size_t size;
	int error;

	while (om_unlock_item_next(&items, &item)) {
		if (item.type != OM_UNLOCK_PACKAGE)
			continue;
		*ret_words = "the package is not for this enclave, or was altered";
		error = om_unlock_box_open(OM_UNLOCK_BOX_PACKAGE, hash, private, item.bytes, inner, sizeof inner, &size, NULL);
		if (!error)
			error = om_unlock_items_check((struct om_view) { inner, size });
		return error ? error : gather((struct om_view) { inner, size }, true, gain, ret_words);
	}
	return 0;
}

static void start(void)
{
	atomic_store(&state, OM_UNLOCK_RUNS);
	engine_let_go();
	rt_resume_all();
}

/* May all of it be taken? Changes nothing. */
static int check_gain(const struct gain *gain, bool waits, const char **ret_words)
{
	uint8_t seal[OM_SEAL_ID];
	const bool sealed = rt_seal_waits(seal);

	if (gain->lineage && !wants_key())
		return no(ret_words, "the program does not wait for a lineage", OM_ESTATE);
	if (!gain->lineage && wants_key())
		return no(ret_words, "the program waits for a lineage, and the grant has none (--lineage)", OM_EINVAL);
	if (gain->restart && (!sealed || !om_equal(gain->restart, seal, sizeof seal)))
		return no(ret_words, "no seal of that lineage waits to be opened", OM_ESTATE);
	if (!gain->restart && sealed)
		return no(ret_words, "the program waits for leave to open its seal (--restart)", OM_EINVAL);
	if (missing(&next).text)
		return no(ret_words, "the program waits for a secret that the grant does not have (--secret)", OM_EINVAL);
	/* A program that runs may have looked at its files already. */
	if (gain->roots.size && (!waits || rt_vault_import_check(gain->roots.data, gain->roots.size)))
		return no(ret_words, waits ? "the package's roots of encrypted files are not any that this build knows" :
			"the program has begun, and a package with roots of encrypted files comes too late", waits ? OM_EINVAL : OM_ESTATE);
	return 0;
}

static int take_grant(size_t size, const uint8_t hash[32], const uint8_t private[32], const char **ret_words)
{
	const struct om_view items = { body, size };
	const bool waits = atomic_load(&state) == OM_UNLOCK_IS_WAITING;
	struct gain gain = { 0 };
	int error;

	next = secrets;
	error = open_package(items, hash, private, &gain, ret_words);
	if (!error)
		error = gather(items, false, &gain, ret_words);
	if (!error)
		error = check_gain(&gain, waits, ret_words);
	if (error)
		return error;
	/* Only the CPU can refuse now, and it comes first. What follows cannot fail: a grant is taken whole, or not at all. */
	if (gain.restart) {
		error = rt_seal_grant();
		if (error)
			return no(ret_words, "the seal does not open any more", error);
	}
	if (gain.lineage)
		RT_CHECK(rt_lineage_set(gain.lineage) == 0);
	if (gain.roots.size)
		RT_CHECK(rt_vault_import(gain.roots.data, gain.roots.size) == 0);
	commit();
	if (waits)
		start();
	return 0;
}

static int grant(uint64_t size, const char **ret_words)
{
	uint8_t hash[32], private[32];
	const uint32_t now = atomic_load(&state);
	size_t used;
	int error;

	if (now != OM_UNLOCK_RUNS && now != OM_UNLOCK_IS_WAITING)
		return no(ret_words, "the program has been stopped for good, for an upgrade", OM_ESTATE);
	if (engine_busy() || engine_arriving())
		return no(ret_words, "the program moves, or has moved away", OM_ESTATE);
	error = open_grant(size, &used, NULL, hash, private, ret_words);
	if (!error)
		error = take_grant(used, hash, private, ret_words);
	om_wipe(private, sizeof private);
	om_wipe(body, sizeof body);
	om_wipe(inner, sizeof inner);
	om_wipe(&next, sizeof next);
	return error;
}

/* ---- the order ------------------------------------------------------------------------------------------------------------------------------ */

/* The grant has one item: it names the heir. Its evidence is in `evidence`. */
static int judge_heir(size_t size, size_t evidence_size, uint8_t ret_hash[32], uint8_t ret_key[32], const char **ret_words)
{
	static struct om_unlock_statement heir;     /* one call at a time */
	uint8_t report_data[SGX_REPORTDATA_SIZE];
	struct om_view items = { body, size };
	struct om_unlock_item item;

	if (!om_unlock_item_next(&items, &item) || item.type != OM_UNLOCK_ORDER || items.size)
		return no(ret_words, "that is no order to hand the program on", OM_ETYPE);
	item.name = (struct om_view) { item.bytes.data + 32, item.bytes.size - 32 };
	if (om_unlock_statement_decode(item.name, &heir))
		return no(ret_words, "the order's statement is malformed", OM_EINVAL);
	if (~heir.flags & (OM_UNLOCK_WAITS | OM_UNLOCK_WANTS_KEY))
		return no(ret_words, "the next build does not wait for a lineage (lineage = \"owner\")", OM_ESTATE);
	om_unlock_statement_hash(item.name, ret_hash);
	om_unlock_report_data(ret_hash, report_data);
	memcpy(ret_key, heir.key, sizeof heir.key);
	return engine_evidence_heir((struct om_view) { evidence, evidence_size }, report_data, item.bytes.data, ret_words);
}

static int take_order(size_t size, size_t evidence_size, const uint8_t answer[OM_UNLOCK_KEY], const char **ret_words)
{
	uint8_t hash[32], key[32];
	const int error = judge_heir(size, evidence_size, hash, key, ret_words);

	if (error)
		return error;
	if (!rt_lineage_there())
		return no(ret_words, "the program has no lineage to hand on", OM_ESTATE);
	if (rt_vault_export(NULL, 0) > (long)sizeof roots)
		return no(ret_words, "the program has used too many encrypted files to hand them on", OM_EEXHAUSTED);
	if (atomic_load(&state) == OM_UNLOCK_RUNS) {
		atomic_store(&state, OM_UNLOCK_IS_STOPPING);
		rt_stop_begin();
	}
	memcpy(order.hash, hash, sizeof hash);
	memcpy(order.to, key, sizeof key);
	memcpy(order.answer, answer, sizeof order.answer);
	order.given = true;
	return 0;
}

static int take_up_order(uint64_t size, uint64_t evidence_size, const char **ret_words)
{
	uint8_t answer[OM_UNLOCK_KEY];
	size_t used;
	int error;

	if (atomic_load(&state) == OM_UNLOCK_IS_WAITING)
		return no(ret_words, "the program waits for its owner: it has nothing to hand on", OM_ESTATE);
	if (size > sizeof message || evidence_size > sizeof evidence || size + evidence_size > rt_self()->tbuf_size - OM_TBUF_DATA)
		return no(ret_words, "the order is too large", OM_EOVERFLOW);
	/* Before evidence is judged: a move would use the same memory for that. */
	if (atomic_load(&state) == OM_UNLOCK_RUNS && !engine_hold())
		return no(ret_words, "the program moves, or has moved away", OM_ESTATE);
	rt_ub_get(evidence, data() + size, evidence_size);
	error = open_grant(size, &used, answer, NULL, NULL, ret_words);
	if (!error)
		error = take_order(used, evidence_size, answer, ret_words);
	if (atomic_load(&state) == OM_UNLOCK_RUNS)
		engine_let_go();
	om_wipe(answer, sizeof answer);
	om_wipe(body, sizeof body);
	return error;
}

/* What the program has written to encrypted files is on the host's, or there is an error; and which state of each file is the last. */
static int put_roots(struct om_put *put)
{
	const struct om_unlock_item none = { .type = OM_UNLOCK_ROOTS };
	struct om_unlock_item item = none;
	long size;

	if (rt_io_vault_sync_all(true))
		return OM_EIO;
	size = rt_vault_export(roots, sizeof roots);
	if (size < 0)
		return OM_EEXHAUSTED;
	item.bytes = (struct om_view) { roots, (size_t)size };
	return size ? om_unlock_item_put(put, &item) : 0;
}

/* Lineage, roots and secrets as items, into `body`. */
static int fill_package(size_t *ret_size)
{
	uint8_t key[RT_LINEAGE_SIZE];
	struct om_unlock_item item = { .type = OM_UNLOCK_LINEAGE, .bytes = { key, sizeof key } };
	bool done[OM_UNLOCK_NAMES_MAX] = { false };
	struct om_put put;
	int error = rt_lineage_give(key);

	om_put_init(&put, body, sizeof body);
	if (!error)
		error = om_unlock_item_put(&put, &item);
	om_wipe(key, sizeof key);
	if (!error)
		error = put_roots(&put);
	item.type = OM_UNLOCK_SECRET;
	for (uint32_t n = 0; !error && n < secrets.count; n++) {
		uint32_t least = secrets.count;

		for (uint32_t i = 0; i < secrets.count; i++)
			if (!done[i] && (least == secrets.count || strcmp(secrets.entry[i].name, secrets.entry[least].name) < 0))
				least = i;
		done[least] = true;
		item.name = (struct om_view) { (const uint8_t *)secrets.entry[least].name, secrets.entry[least].name_size };
		item.bytes = (struct om_view) { secrets.bytes + secrets.entry[least].at, secrets.entry[least].size };
		error = om_unlock_item_put(&put, &item);
	}
	*ret_size = om_put_size(&put);
	return error;
}

static long take(const char **ret_words)
{
	uint8_t private[32];
	size_t size, box = 0;
	int error;

	if (!order.given)
		return no(ret_words, "no order has been given", OM_ESTATE);
	if (rt_stop_poll())
		return 0;
	if (!rt_random(private, sizeof private))
		return no(ret_words, "the CPU's random number generator does not answer", OM_ESGX);
	error = fill_package(&size);
	if (!error)
		error = om_unlock_box_seal(OM_UNLOCK_BOX_PACKAGE, order.hash, order.to, private, (struct om_view) { body, size }, message,
			sizeof message - 32, &box, NULL);
	om_wipe(private, sizeof private);
	om_wipe(body, sizeof body);
	if (error)
		return no(ret_words, error == OM_EIO ? "encrypted files cannot be written: the order stands, try again" : "the package cannot be made", error);
	if (box + 32 > rt_self()->tbuf_size - OM_TBUF_DATA)
		return no(ret_words, "the package does not fit into the host's buffer", OM_EOVERFLOW);
	om_unlock_answer_mac(order.answer, (struct om_view) { message, box }, message + box);
	rt_ub_put(data(), message, box + 32);
	om_wipe(&order, sizeof order);
	atomic_store(&state, OM_UNLOCK_IS_HANDED_ON);
	return (long)box + 32;
}

static int end(const char **ret_words)
{
	if (atomic_load(&state) != OM_UNLOCK_IS_HANDED_ON)
		return no(ret_words, "nothing has been handed on", OM_ESTATE);
	rt_io_vault_drop_all();                     /* they are committed, and the heir's */
	rt_lineage_wipe();
	rt_owner_wipe();
	for (uint64_t page = 0; page < rt_image->elrange_size >> 12; )
		page = rt_mem_wipe(page, rt_image->elrange_size >> 12, 4096);
	(void)rt_slots_wipe();
	rt_io_forget_all();
	rt_exit_process(0, 0);
}

/* ---- calls ------------------------------------------------------------------------------------------------------------------------------------ */

static long dispatch(uint64_t op, const uint64_t arg[2], const char **ret_words)
{
	switch (op) {
	case OM_UNLOCK_ASK:      return ask(ret_words);
	case OM_UNLOCK_GRANT_IN: return grant(arg[0], ret_words);
	case OM_UNLOCK_ORDER_IN: return take_up_order(arg[0], arg[1], ret_words);
	case OM_UNLOCK_TAKE:     return take(ret_words);
	case OM_UNLOCK_END:      return end(ret_words);
	default:                 return no(ret_words, "no such operation", OM_EINVAL);
	}
}

long rt_owner_call(uint64_t op)
{
	const char *words = "";
	uint64_t arg[2];
	long ret;

	if (op == OM_UNLOCK_STATE)
		return (long)atomic_load(&state);
	rt_ub_get(arg, rt_self()->tbuf->arg, sizeof arg);
	if (atomic_exchange(&busy, 1)) {
		words = "somebody else talks to it";
		ret = OM_ESTATE;
	} else {
		ret = dispatch(op, arg, &words);
		atomic_store(&busy, 0);
	}
	if (ret < 0)
		rt_ub_put(data(), words, strlen(words) + 1);
	return ret;
}
