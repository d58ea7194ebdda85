/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host calls, one function each. Arguments were written by the enclave: its mistakes must not break the host, so
 * every slot number and length is checked here, and every pointer of a system call by host/sysproxy.
 */
#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include "collateral/carried.h"
#include "debug/debug.h"
#include "evidence/parse/quote.h"
#include "testhooks.h"
#include "internal.h"
#include "net/hold.h"
#include "net/options.h"
#include "net/tcp.h"
#include "priv/priv.h"
#include "sysproxy/sysproxy.h"
#include "util.h"

#define URGENT_REST_MAX 100000000u

static void before_bind(struct host_slot *slot)
{
	const struct host_hooks *hooks = &slot->enclave->hooks;

	if (hooks->before_bind)
		hooks->before_bind(hooks->context);
}

static int64_t do_syscall(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	if (tbuf->nr == SYS_bind)
		before_bind(slot);
	/* The first thing that a destination's engine does on its host: the program's file mask. */
	if (tbuf->nr == SYS_umask && slot->index < OM_SERVICE_SLOTS && slot->enclave->hooks.rebuilding)
		slot->enclave->hooks.rebuilding(slot->enclave->hooks.context);
	return host_sysproxy(&slot->wait, tbuf, tbuf_size);
}

static struct host_slot *other_slot(struct host_slot *slot, uint64_t index)
{
	return index < slot->enclave->slot_count ? &slot->enclave->slots[index] : NULL;
}

static int64_t do_unpark(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	struct host_slot *other = other_slot(slot, tbuf->arg[0]);

	(void)tbuf_size;
	if (!other)
		return -EINVAL;
	host_wait_permit(&other->wait);
	return 0;
}

static int64_t do_kick(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	struct host_slot *other = other_slot(slot, tbuf->arg[0]);

	(void)tbuf_size;
	if (!other)
		return -EINVAL;
	host_wait_kick(&other->wait);
	return 0;
}

static int64_t do_park(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	(void)tbuf_size;
	return host_wait_park(&slot->wait, (int64_t)tbuf->arg[0]);
}

static int64_t do_thread_start(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	if (tbuf->arg[0] >= slot->enclave->slot_count)
		return -EINVAL;
	switch ((tbuf->arg[1] ? host_ready_thread : host_start_thread)(slot->enclave, (uint32_t)tbuf->arg[0])) {
	case 0:
		return host_hook_after(HOST_HOOK_SGX + OM_HC_THREAD_START, tbuf, tbuf_size, 0);
	case OM_EINVAL:
		return -EINVAL;
	default:
		return -EAGAIN;
	}
}

static int64_t do_exit(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	const struct host_hooks *hooks = &slot->enclave->hooks;
	int status = (int)(tbuf->arg[0] & 255), signo = tbuf->arg[1] <= 64 ? (int)tbuf->arg[1] : 0;

	(void)tbuf_size;
	debug_trace_end(status, signo);
	if (hooks->program_exit)
		hooks->program_exit(hooks->context, status, signo);
	host_exit(status, signo);
}

static int64_t do_sgx(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	uint64_t offset = tbuf->arg[0], length = tbuf->arg[1], done = 0, size = slot->enclave->image.header.elrange_size;
	struct tee_enclave *sgx = slot->enclave->sgx;
	int64_t injected;
	int error = 0;

	(void)tbuf_size;
	if (host_hook_before(HOST_HOOK_SGX + tbuf->op, &injected))
		return OM_EHOST;
	if ((offset | length) % OM_PAGE_SIZE || offset > size || length > size - offset)
		return OM_EINVAL;
	switch (tbuf->op) {
	case OM_HC_SGX_RESTRICT:
		error = tee_restrict_permissions(sgx, offset, length, tbuf->arg[2], &done);
		break;
	case OM_HC_SGX_MODIFY:
		error = tee_modify_types(sgx, offset, length, tbuf->arg[2], &done);
		break;
	case OM_HC_SGX_REMOVE:
		error = tee_remove_pages(sgx, offset, length, &done);
		break;
	case OM_HC_SGX_AUGMENT:
		tee_augment_hint(sgx, offset, length);
		break;
	}
	if (error)
		host_detail("%s (op %u, offset 0x%llx, length 0x%llx, done 0x%llx)", tee_last_error(), tbuf->op,
			(unsigned long long)offset, (unsigned long long)length, (unsigned long long)done);
	return error;
}

/* Of evidence that cannot be had the enclave learns no more than that; whoever looks here wants to know why. Once for each reason. */
static void tell_why(const char *words)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static char told[256];
	bool again;

	pthread_mutex_lock(&lock);
	again = strncmp(told, words, sizeof told - 1) == 0;
	snprintf(told, sizeof told, "%s", words);
	pthread_mutex_unlock(&lock);
	if (again)
		host_detail("%s", words);
	else
		host_error("no evidence: %s", words);
}

static int64_t do_quote_target(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	struct sgx_targetinfo target;
	int type = tee_evidence_target(slot->enclave->platform, &target);

	(void)tbuf_size;
	if (type < 0) {
		tell_why(tee_last_error());
		return type;
	}
	memcpy(host_tbuf_data(tbuf), &target, sizeof target);
	return type;
}

/* Evidence of this platform goes out: what it is judged by goes along with it, if it is here. */
static void quoted(struct tee_platform *platform, struct om_view evidence)
{
	const int64_t now = (int64_t)time(NULL);
	uint8_t *buffer;
	size_t size;

	if (!host_hook_collateral_carried()) {
		buffer = malloc(TEE_TABLE_MAX);
		size = 0;
		if (buffer && tee_evidence_table(platform, buffer, TEE_TABLE_MAX, &size))
			size = 0;
		collateral_quoted_in_guest(evidence, (struct om_view) { buffer, size }, now);
		free(buffer);
		return;
	}
	buffer = malloc(OM_COLLATERAL_MAX);
	if (buffer && tee_collateral(platform, evidence.data, evidence.size, now, buffer, OM_COLLATERAL_MAX, &size) == 0)
		collateral_quoted_with((struct om_view) { buffer, size });
	free(buffer);
}

int host_quote(struct host_enclave *e, const struct sgx_report *report, uint8_t *buffer, size_t room, size_t *ret_size)
{
	int error;

	host_hook_slow("quote");
	error = tee_evidence(e->platform, report, buffer, room, ret_size);
	if (error)
		tell_why(tee_last_error());
	else
		quoted(e->platform, (struct om_view) { buffer, *ret_size });
	return error;
}

static int64_t do_quote(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	struct sgx_report report;
	size_t size = 0;
	int error;

	memcpy(&report, host_tbuf_data(tbuf), sizeof report);
	error = host_quote(slot->enclave, &report, host_tbuf_data(tbuf), tbuf_size - OM_TBUF_DATA, &size);
	return error ? error : (int64_t)size;
}

/* What everybody can make is made; all else was published by a maker, and fetched (`optmig collateral`), or comes with the peer. */
static int find_collateral(struct tee_platform *platform, struct om_view evidence, uint8_t *buffer, size_t room, size_t *ret_size)
{
	const int64_t now = (int64_t)time(NULL);
	int error = OM_EUNSUPPORTED;

	if (!host_hook_collateral_carried())
		error = tee_collateral(platform, evidence.data, evidence.size, now, buffer, room, ret_size);
	if (error && error != OM_EUNSUPPORTED)
		host_detail("%s", tee_last_error());
	if (error != OM_EUNSUPPORTED)
		return error;
	error = collateral_for(evidence, now, buffer, room, ret_size);
	if (error)
		host_note("%s", host_reason());
	return error;
}

/* The evidence comes in where the collateral goes out. */
static int64_t do_collateral(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	uint64_t evidence_size = tbuf->arg[0];
	uint8_t *evidence;
	size_t size = 0;
	int error;

	if (evidence_size > tbuf_size - OM_TBUF_DATA)
		return OM_EINVAL;
	evidence = malloc(evidence_size + 1);
	if (!evidence)
		return OM_ENOMEM;
	memcpy(evidence, host_tbuf_data(tbuf), evidence_size);
	error = find_collateral(slot->enclave->platform, (struct om_view) { evidence, evidence_size }, host_tbuf_data(tbuf),
		tbuf_size - OM_TBUF_DATA, &size);
	free(evidence);
	return error ? error : (int64_t)size;
}

static int64_t do_paper(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	if (tbuf->arg[0] >= OM_PAPERS)
		return OM_EUNSUPPORTED;
	if (tbuf->arg[0] == OM_PAPER_SEAL)
		return host_seal_read(slot->enclave, host_tbuf_data(tbuf), tbuf_size - OM_TBUF_DATA);
	return host_paper_read((enum om_paper)tbuf->arg[0], host_tbuf_data(tbuf), tbuf_size - OM_TBUF_DATA);
}

static int64_t do_seal(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	if (tbuf->arg[0] > tbuf_size - OM_TBUF_DATA)
		return OM_EINVAL;
	return host_seal_keep(slot->enclave, host_tbuf_data(tbuf), tbuf->arg[0], tbuf->arg[1] == OM_SEAL_KEEP_SAME);
}

static int64_t do_urgent_page(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	const struct host_hooks *hooks = &slot->enclave->hooks;

	if (tbuf->arg[0] == 0) { /* somebody else waits for this page already */
		struct timespec rest = { .tv_nsec = (long)(tbuf->arg[1] < URGENT_REST_MAX ? tbuf->arg[1] : URGENT_REST_MAX) };

		nanosleep(&rest, NULL);
		return 0;
	}
	if (!hooks->urgent_page || tbuf->arg[0] > tbuf_size - OM_TBUF_DATA)
		return OM_EUNSUPPORTED;
	return hooks->urgent_page(hooks->context, host_tbuf_data(tbuf), tbuf->arg[0], tbuf_size - OM_TBUF_DATA);
}

static int64_t do_tcp_dump(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	const struct host_tcp_hints hints = { .attempt = tbuf->arg[2] == 1, .kind = tbuf->arg[3], .nonblock = tbuf->arg[4] == 1 };

	(void)slot;
	return host_tcp_dump((int)tbuf->arg[0], &hints, tbuf->arg[1], host_tbuf_data(tbuf), tbuf_size - OM_TBUF_DATA);
}

static int64_t do_tcp_ahead(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	(void)slot;
	if (tbuf->arg[0] > (tbuf_size - OM_TBUF_DATA) / sizeof(struct om_tcp_wanted))
		return -EINVAL;
	return host_tcp_dump_ahead((const struct om_tcp_wanted *)host_tbuf_data(tbuf), (uint32_t)tbuf->arg[0]);
}

static int64_t do_tcp_leave(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	(void)slot;
	if (tbuf->arg[0] > (tbuf_size - OM_TBUF_DATA) / sizeof(int32_t))
		return -EINVAL;
	return host_tcp_leave((const int32_t *)host_tbuf_data(tbuf), (uint32_t)tbuf->arg[0], tbuf->arg[1] == 1);
}

static int64_t do_tcp_undump(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	(void)slot;
	(void)tbuf_size;
	if ((int)tbuf->arg[0] == -1) {
		host_tcp_undump_ahead();
		return 0;
	}
	return host_tcp_undump((int)tbuf->arg[0], tbuf->arg[1] == 1);
}

static int64_t do_tcp_restore(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	if (tbuf->arg[0] > tbuf_size - OM_TBUF_DATA)
		return -EINVAL;
	before_bind(slot);
	return host_tcp_restore(host_tbuf_data(tbuf), tbuf->arg[0], tbuf->arg[1], tbuf->arg[2],
		tbuf->arg[3] == 1 ? HOST_TCP_LATER : tbuf->arg[3] == 2 ? HOST_TCP_SOON : HOST_TCP_NOW);
}

static int64_t do_tcp_stand(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	(void)slot;
	(void)tbuf;
	(void)tbuf_size;
	return host_tcp_stand_all();
}

static int64_t do_tcp_claim(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	(void)slot;
	(void)tbuf;
	(void)tbuf_size;
	return host_tcp_claim_all();
}

static int64_t do_net_hold(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	switch ((enum om_net_hold)tbuf->arg[0]) {
	case OM_NET_RELEASE:
		return host_net_release();
	case OM_NET_HOLD:
		if (tbuf->arg[1] > (tbuf_size - OM_TBUF_DATA) / sizeof(struct om_net_flow))
			return -EINVAL;
		return host_net_hold((const struct om_net_flow *)host_tbuf_data(tbuf), (uint32_t)tbuf->arg[1]);
	case OM_NET_RESUME:
		host_net_arrive();
		return host_tcp_resume_all();
	case OM_NET_HERE:
		before_bind(slot);
		return 0;
	}
	return -EINVAL;
}

static int64_t do_datagram(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	uint64_t size = tbuf->arg[0];
	struct om_datagram head;

	(void)slot;
	if (size < sizeof head || size > tbuf_size - OM_TBUF_DATA)
		return -EINVAL;
	memcpy(&head, host_tbuf_data(tbuf), sizeof head);
	return host_net_datagram(&head, (const uint8_t *)host_tbuf_data(tbuf) + sizeof head, size - sizeof head);
}

static int64_t do_options_get(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	(void)slot;
	return tbuf_size - OM_TBUF_DATA < NET_OPTIONS_MAX ? -ENOBUFS : net_options_read((int)tbuf->arg[0], host_tbuf_data(tbuf));
}

static int64_t do_options_set(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	uint64_t size = tbuf->arg[1];

	(void)slot;
	if (size > tbuf_size - OM_TBUF_DATA || !net_options_valid(host_tbuf_data(tbuf), size))
		return -EINVAL;
	net_options_apply((int)tbuf->arg[0], host_tbuf_data(tbuf), size, NET_OPTIONS_NAMED);
	return 0;
}

static int64_t do_permit(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	(void)slot;
	switch ((enum om_permit)tbuf->arg[0]) {
	case OM_PERMIT_NAME:
		return tbuf->arg[1] > tbuf_size - OM_TBUF_DATA ? -EINVAL : priv_may_bind(host_tbuf_data(tbuf), tbuf->arg[1], tbuf->arg[2] == 1);
	case OM_PERMIT_OWNER:
		return priv_may_own((uint32_t)tbuf->arg[1], (uint32_t)tbuf->arg[2]);
	}
	return -EINVAL;
}

static int64_t do_log(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	const char *from = (const char *)host_tbuf_data(tbuf);
	size_t size = tbuf->arg[0] < 500 ? tbuf->arg[0] : 500;
	char words[501];

	(void)tbuf_size;
	for (size_t i = 0; i < size; i++)
		words[i] = (unsigned char)from[i] >= 32 && from[i] != 0x7f ? from[i] : ' ';
	words[size] = 0;
	(tbuf->arg[1] ? host_note : host_detail)("%s: %s", slot->enclave->image.header.program_name, words);
	return 0;
}

static int64_t do_round(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	static const char *const names[] = { [OM_ROUND_TAKE] = "take", [OM_ROUND_COPY] = "copy", [OM_ROUND_STOP] = "stop" };
	uint64_t point = tbuf->arg[0], number = tbuf->arg[1], tracker = tbuf->arg[2];
	char words[64];

	(void)tbuf_size;
	if (point < OM_ROUND_TAKE || point > OM_ROUND_STOP)
		return OM_EINVAL;
	snprintf(words, sizeof words, "%s:%u:%u", names[point], (unsigned)(number < 99999 ? number : 99999), (unsigned)(tracker & 3));
	host_hook_spectator(slot->enclave, words, NULL);
	return 0;
}

static int64_t do_trace(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	struct om_trace trace;

	(void)tbuf_size;
	memcpy(&trace, host_tbuf_data(tbuf), sizeof trace);
	debug_trace(slot->index, &trace);
	return 0;
}

static int64_t do_death(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	struct om_death death;

	(void)tbuf_size;
	memcpy(&death, host_tbuf_data(tbuf), sizeof death);
	debug_death(slot->enclave, &death);
	return 0;
}

static host_call_fn *const functions[HOST_OP_MAX] = {
	[OM_HC_SYSCALL] = do_syscall,
	[OM_HC_THREAD_START] = do_thread_start,
	[OM_HC_PARK] = do_park,
	[OM_HC_UNPARK] = do_unpark,
	[OM_HC_KICK] = do_kick,
	[OM_HC_EXIT] = do_exit,
	[OM_HC_SGX_RESTRICT] = do_sgx,
	[OM_HC_SGX_MODIFY] = do_sgx,
	[OM_HC_SGX_REMOVE] = do_sgx,
	[OM_HC_SGX_AUGMENT] = do_sgx,
	[OM_HC_QUOTE_TARGET] = do_quote_target,
	[OM_HC_QUOTE] = do_quote,
	[OM_HC_COLLATERAL] = do_collateral,
	[OM_HC_PAPER] = do_paper,
	[OM_HC_TCP_DUMP] = do_tcp_dump,
	[OM_HC_TCP_AHEAD] = do_tcp_ahead,
	[OM_HC_TCP_LEAVE] = do_tcp_leave,
	[OM_HC_TCP_UNDUMP] = do_tcp_undump,
	[OM_HC_TCP_RESTORE] = do_tcp_restore,
	[OM_HC_TCP_STAND] = do_tcp_stand,
	[OM_HC_TCP_CLAIM] = do_tcp_claim,
	[OM_HC_NET_HOLD] = do_net_hold,
	[OM_HC_DATAGRAM] = do_datagram,
	[OM_HC_OPTIONS_GET] = do_options_get,
	[OM_HC_OPTIONS_SET] = do_options_set,
	[OM_HC_PERMIT] = do_permit,
	[OM_HC_SEAL] = do_seal,
	[OM_HC_LOG] = do_log,
	[OM_HC_URGENT_PAGE] = do_urgent_page,
	[OM_HC_ROUND] = do_round,
	[OM_HC_TRACE] = do_trace,
	[OM_HC_DEATH] = do_death,
};

static void count(struct host_slot *slot, uint32_t op, uint32_t nr, uint64_t ns)
{
	slot->stats->op[op].count++;
	slot->stats->op[op].ns += ns;
	if (op == OM_HC_SYSCALL && nr < HOST_SYSCALL_MAX) {
		slot->stats->syscall[nr].count++;
		slot->stats->syscall[nr].ns += ns;
	}
}

static int64_t carry_out(uint32_t op, struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	return host_hook_call(functions[op], slot, tbuf, tbuf_size);
}

void host_dispatch(struct host_slot *slot, struct om_tbuf *tbuf, uint64_t tbuf_size)
{
	uint32_t op = tbuf->op, nr = tbuf->nr;
	uint64_t begin;

	if (op >= HOST_OP_MAX || !functions[op]) {
		tbuf->ret = -ENOSYS;
		return;
	}
	if (!slot->stats) {
		tbuf->ret = carry_out(op, slot, tbuf, tbuf_size);
		return;
	}
	begin = host_monotonic_ns();
	tbuf->ret = carry_out(op, slot, tbuf, tbuf_size);
	count(slot, op, nr, host_monotonic_ns() - begin);
}
