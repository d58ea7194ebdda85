/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run cost: host calls by number and time (the host's view), system calls answered inside (the enclave's view,
 * fetched once at the end), exceptions, SGX operations and memory. One gathering, two printers.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "internal.h"
#include "sysproxy/sysproxy.h"
#include "util.h"

struct totals {
	struct host_slot_stats host;
	struct om_enclave_stats inside;
	struct tee_stats sgx;
	bool inside_known;
};

static const char *const op_names[HOST_OP_MAX] = {
	[OM_HC_SYSCALL] = "syscall", [OM_HC_THREAD_START] = "thread-start", [OM_HC_PARK] = "park", [OM_HC_UNPARK] = "unpark",
	[OM_HC_KICK] = "kick", [OM_HC_EXIT] = "exit", [OM_HC_SGX_RESTRICT] = "sgx-restrict", [OM_HC_SGX_MODIFY] = "sgx-modify",
	[OM_HC_SGX_REMOVE] = "sgx-remove", [OM_HC_SGX_AUGMENT] = "sgx-augment", [OM_HC_QUOTE_TARGET] = "quote-target",
	[OM_HC_QUOTE] = "quote", [OM_HC_COLLATERAL] = "collateral", [OM_HC_TCP_DUMP] = "tcp-dump",
	[OM_HC_TCP_AHEAD] = "tcp-ahead", [OM_HC_TCP_LEAVE] = "tcp-leave", [OM_HC_TCP_STAND] = "tcp-stand",
	[OM_HC_PAPER] = "paper", [OM_HC_PERMIT] = "permit", [OM_HC_SEAL] = "seal",
	[OM_HC_TCP_UNDUMP] = "tcp-undump", [OM_HC_TCP_RESTORE] = "tcp-restore", [OM_HC_TCP_CLAIM] = "tcp-claim",
	[OM_HC_NET_HOLD] = "net-hold", [OM_HC_DATAGRAM] = "datagram", [OM_HC_OPTIONS_GET] = "options-get",
	[OM_HC_OPTIONS_SET] = "options-set", [OM_HC_LOG] = "log", [OM_HC_URGENT_PAGE] = "urgent-page",
	[OM_HC_ROUND] = "round", [OM_HC_TRACE] = "trace", [OM_HC_DEATH] = "death",
};

static void add(struct host_counter *to, const struct host_counter *from)
{
	to->count += from->count;
	to->ns += from->ns;
}

static void add_slot(struct totals *t, const struct host_slot_stats *s)
{
	for (uint32_t i = 0; i < HOST_SYSCALL_MAX; i++)
		add(&t->host.syscall[i], &s->syscall[i]);
	for (uint32_t i = 0; i < HOST_OP_MAX; i++)
		add(&t->host.op[i], &s->op[i]);
	for (uint32_t i = 0; i < 32; i++)
		t->host.faults[i] += s->faults[i];
}

/* The calling thread may be the one that is ending the process from inside a host call: attached, but not entered. */
static bool ask_inside(struct host_enclave *e, struct om_enclave_stats *inside)
{
	uint32_t slot;

	if (host_slot_acquire(e, OM_TBUF_SIZE_MIN, &slot))
		return false;
	if (host_ecall(e, slot, OM_ECALL_STATS, 0, 0)) {
		host_slot_release(e, slot);
		return false;
	}
	memcpy(inside, host_tbuf_data(host_slot_tbuf(e, slot)), sizeof *inside);
	host_slot_release(e, slot);
	return true;
}

static struct totals *gather(struct host_enclave *e)
{
	struct totals *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->inside_known = ask_inside(e, &t->inside);
	for (uint32_t i = 0; i < e->slot_count; i++)
		if (e->slots[i].stats)
			add_slot(t, e->slots[i].stats);
	tee_stats_get(e->sgx, &t->sgx);
	return t;
}

static const char *syscall_label(uint32_t nr, char label[16])
{
	if (host_syscall_name(nr))
		return host_syscall_name(nr);
	snprintf(label, 16, "%u", nr);
	return label;
}

static void print_counter(FILE *f, const char *name, const struct host_counter *c)
{
	if (c->count)
		fprintf(f, "  %-18s %10llu %12.3f ms %9.2f us\n", name, (unsigned long long)c->count, (double)c->ns / 1e6,
			(double)c->ns / (double)c->count / 1e3);
}

static void print_inside(FILE *f, const struct om_enclave_stats *s)
{
	fprintf(f, "inside: %llu system calls answered without leaving, %llu left; %llu exceptions, %llu threads\n",
		(unsigned long long)s->syscalls_inside, (unsigned long long)(s->syscalls - s->syscalls_inside),
		(unsigned long long)s->exceptions, (unsigned long long)s->threads);
	fprintf(f, "pages: %llu accepted, %llu tracked, %llu resident; %llu stops, %llu handshakes\n",
		(unsigned long long)s->pages_accepted, (unsigned long long)s->pages_tracked, (unsigned long long)s->pages_resident,
		(unsigned long long)s->safepoint_stops, (unsigned long long)s->handshakes);
}

void host_stats_print(struct host_enclave *e, void *file)
{
	struct totals *t = gather(e);
	char label[16];
	FILE *f = file;

	if (!t)
		return;
	fprintf(f, "optmig: %s: built in %.1f ms, booted in %.1f ms\n", e->image.header.program_name, (double)e->load_ns / 1e6,
		(double)e->init_ns / 1e6);
	fprintf(f, "host calls         %12s %15s %12s\n", "count", "time", "each");
	for (uint32_t i = 0; i < HOST_OP_MAX; i++)
		if (i != OM_HC_SYSCALL && op_names[i])
			print_counter(f, op_names[i], &t->host.op[i]);
	print_counter(f, "system calls", &t->host.op[OM_HC_SYSCALL]);
	for (uint32_t i = 0; i < HOST_SYSCALL_MAX; i++)
		print_counter(f, syscall_label(i, label), &t->host.syscall[i]);
	if (t->inside_known)
		print_inside(f, &t->inside);
	fprintf(f, "SGX: %llu EENTER, %llu ERESUME, %llu AEX, %llu EAUG, %llu EACCEPT, %llu EACCEPTCOPY, %llu EMODPE; %llu MiB of EPC\n",
		(unsigned long long)t->sgx.enter, (unsigned long long)t->sgx.resume, (unsigned long long)t->sgx.aex,
		(unsigned long long)t->sgx.eaug, (unsigned long long)t->sgx.eaccept, (unsigned long long)t->sgx.eacceptcopy,
		(unsigned long long)t->sgx.emodpe, (unsigned long long)t->sgx.pages_resident >> 8);
	fflush(f);
	free(t);
}

static void put_counter(json_t *object, const char *name, const struct host_counter *c)
{
	if (c->count)
		json_object_set_new(object, name, json_pack("{s:I, s:I}", "count", (json_int_t)c->count, "ns", (json_int_t)c->ns));
}

static json_t *inside_json(const struct om_enclave_stats *s)
{
	json_t *calls = json_object();
	char label[16];

	for (uint32_t i = 0; i < 512; i++)
		if (s->syscall_count[i])
			json_object_set_new(calls, syscall_label(i, label), json_integer((json_int_t)s->syscall_count[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "hostcalls", (json_int_t)s->hostcalls,
		"syscalls", (json_int_t)s->syscalls, "syscalls-inside", (json_int_t)s->syscalls_inside,
		"pages-accepted", (json_int_t)s->pages_accepted, "pages-tracked", (json_int_t)s->pages_tracked,
		"pages-resident", (json_int_t)s->pages_resident, "exceptions", (json_int_t)s->exceptions,
		"page-faults-owed", (json_int_t)s->page_faults_owed, "stops", (json_int_t)s->safepoint_stops,
		"handshakes", (json_int_t)s->handshakes, "threads", (json_int_t)s->threads, "syscall-count", calls);
}

static json_t *sgx_json(const struct tee_stats *s)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "eenter", (json_int_t)s->enter, "eresume", (json_int_t)s->resume,
		"aex", (json_int_t)s->aex, "eaug", (json_int_t)s->eaug, "eaccept", (json_int_t)s->eaccept,
		"eacceptcopy", (json_int_t)s->eacceptcopy, "emodpe", (json_int_t)s->emodpe, "epc-pages", (json_int_t)s->pages_resident);
}

json_t *host_stats_json(struct host_enclave *e)
{
	struct totals *t = gather(e);
	json_t *ops = json_object(), *calls = json_object(), *all;
	char label[16];

	if (!t || !ops || !calls)
		return NULL;
	for (uint32_t i = 0; i < HOST_OP_MAX; i++)
		if (op_names[i])
			put_counter(ops, op_names[i], &t->host.op[i]);
	for (uint32_t i = 0; i < HOST_SYSCALL_MAX; i++)
		put_counter(calls, syscall_label(i, label), &t->host.syscall[i]);
	all = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o}", "program", e->image.header.program_name, "build-ns", (json_int_t)e->load_ns,
		"boot-ns", (json_int_t)e->init_ns, "host-calls", ops, "system-calls", calls, "sgx", sgx_json(&t->sgx));
	if (all && t->inside_known)
		json_object_set_new(all, "inside", inside_json(&t->inside));
	free(t);
	return all;
}
