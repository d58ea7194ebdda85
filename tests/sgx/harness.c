/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>
#include "errors.h"
#include "fakehw.h"
#include "harness.h"
#include "measure.h"
#include "sign/sign.h"

int failures;
struct tee_platform *platform;
struct tee_enclave *enclave;
uint32_t ssa_frame_pages = 1;

static uint8_t page[4096] __attribute__((aligned(4096)));

/* Every run of pages of the test enclave, in order; both EADD and the independent measurement walk it. */
typedef void add_function(uint64_t offset, const void *source, uint64_t length, uint64_t flags, void *context);

static void walk(add_function *add, void *context)
{
	const uint64_t rx = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_X, rw = SGX_SECINFO_REG | SGX_SECINFO_R | SGX_SECINFO_W;

	add(T_CODE, test_enclave_start, (uint64_t)(test_enclave_end - test_enclave_start), rx, context);
	memset(page, 0xa5, sizeof page);
	add(T_RODATA, page, sizeof page, SGX_SECINFO_REG | SGX_SECINFO_R, context);
	add(T_DATA, NULL, 4 * 4096, rw, context);
	for (int slot = 0; slot < T_THREADS; slot++) {
		uint64_t at = T_SLOTS + (uint64_t)slot * T_SLOT_SIZE;
		struct sgx_tcs tcs = { .ossa = at + T_SSA, .nssa = T_NSSA, .oentry = T_CODE, .ofsbase = at + T_BLOCK,
			.ogsbase = T_DATA, .fslimit = 0xffffffff, .gslimit = 0xffffffff };
		uint64_t *block = (uint64_t *)page;

		add(at, &tcs, sizeof tcs, SGX_SECINFO_TCS, context);
		add(at + T_SSA, NULL, T_NSSA * 4096, rw, context);
		memset(page, 0, sizeof page);
		block[0] = T_BASE + at + T_BLOCK;
		for (int i = 0; i < T_NSSA; i++)
			block[(B_FRAMES + 64 * i + B_STACK) / 8] = T_BASE + at + T_STACKS + (uint64_t)(i + 1) * T_STACK_SIZE;
		add(at + T_BLOCK, page, sizeof page, rw, context);
		add(at + T_STACKS, NULL, T_NSSA * T_STACK_SIZE, rw, context);
	}
}

static void add_to_enclave(uint64_t offset, const void *source, uint64_t length, uint64_t flags, void *context)
{
	struct sgx_secinfo secinfo = { .flags = flags };

	(void)context;
	MUST(tee_add_pages(enclave, offset, source, length, &secinfo, true));
}

static void add_to_measure(uint64_t offset, const void *source, uint64_t length, uint64_t flags, void *context)
{
	for (uint64_t at = 0; at < length; at += 4096)
		om_measure_page(context, offset + at, source ? (const uint8_t *)source + at : NULL, flags, true);
}

void measure_added(struct om_measure *m)
{
	om_measure_ecreate(m, 0, ssa_frame_pages, T_SIZE);
	walk(add_to_measure, m);
}

void expected_mrenclave(uint8_t mrenclave[32])
{
	struct om_measure m;

	measure_added(&m);
	om_measure_result(&m, mrenclave);
}

void default_attributes(struct sgx_attributes *attributes)
{
	struct tee_capabilities caps;

	tee_platform_capabilities(platform, &caps);
	attributes->flags = SGX_ATTR_MODE64BIT | SGX_ATTR_DEBUG;
	attributes->xfrm = caps.xfrm;
}

void enclave_add(struct sgx_attributes *attributes)
{
	MUST(tee_create(platform, T_BASE, T_SIZE, ssa_frame_pages, attributes, SGX_MISC_EXINFO, &enclave));
	walk(add_to_enclave, NULL);
}

int make_sigstruct(const uint8_t mrenclave[32], const struct sgx_attributes *attributes, struct sgx_sigstruct *s)
{
	struct sign_params p = { .attributes = *attributes, .attributemask = { ~0ull, 3 }, .miscselect = SGX_MISC_EXINFO,
		.miscmask = ~0u, .isvprodid = 7, .isvsvn = 3 };
	const char *build = getenv("B");
	char key[4096];
	int r;

	memcpy(p.mrenclave, mrenclave, 32);
	snprintf(key, sizeof key, "%s/tests/sgx/key.pem", build ? build : "build");
	r = sign_make_key(key);
	if (r < 0 && r != OM_EEXISTS) {
		fprintf(stderr, "%s\n", sign_last_error());
		return r;
	}
	r = sign_sigstruct(&p, key, s);
	if (r < 0)
		fprintf(stderr, "%s\n", sign_last_error());
	return r;
}

int enclave_init(const struct sgx_attributes *attributes)
{
	struct sgx_sigstruct s;
	uint8_t mrenclave[32];

	expected_mrenclave(mrenclave);
	MUST(make_sigstruct(mrenclave, attributes, &s));
	return tee_init(enclave, &s);
}

void enclave_up(void)
{
	struct sgx_attributes a;

	default_attributes(&a);
	enclave_add(&a);
	MUST(enclave_init(&a));
}

void enclave_down(void)
{
	tee_destroy(enclave);
	enclave = NULL;
}

/*
 * Every entry is made from the top of the same stack: enclave code that was interrupted leaves through the frame it
 * was entered from, so ERESUME must build its frame at the same place.
 */
struct entry { int slot; uint32_t leaf; uint64_t rdi; struct tee_run *run; int result; };
static __thread uint8_t entry_stack[65536] __attribute__((aligned(64)));

static void enter_on_stack(struct entry *e)
{
	*e->run = (struct tee_run){ .tcs = tcs_of(e->slot) };
	e->result = tee_enter(enclave, e->leaf, e->rdi, 0, 0, 0, 0, e->run);
}

static int enter_leaf(int slot, uint32_t number, uint64_t rdi, struct tee_run *run)
{
	struct entry e = { slot, number, rdi, run, 0 };

	__asm__ volatile("movq %%rsp, %%rbx; movq %1, %%rsp; call *%2; movq %%rbx, %%rsp"
		:: "D"(&e), "r"(entry_stack + sizeof entry_stack), "r"(enter_on_stack)
		: "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "memory", "cc");
	return e.result;
}

int enter(int slot, struct command *c, struct tee_run *run)
{
	return enter_leaf(slot, SGX_EENTER, (uint64_t)c, run);
}

int resume(int slot, struct tee_run *run)
{
	return enter_leaf(slot, SGX_ERESUME, 0, run);
}

void do_command(int slot, struct command *c)
{
	struct tee_run run;

	MUST(enter(slot, c, &run));
	if (run.function != SGX_EEXIT) {
		fprintf(stderr, "op %llu: exception %u code 0x%x at 0x%llx\n", (unsigned long long)c->op,
			run.exception_vector, run.exception_error_code, (unsigned long long)run.exception_addr);
		exit(1);
	}
}

/* A nested entry rewrites the interrupted state so that it begins again, with a command that ends at once. */
void abandon(int slot)
{
	uint64_t frame = tcs_of(slot) + T_SSA, gpr = frame + 4096 - SGX_GPRSGX_SIZE;
	struct command fix = { .op = OP_STORE64, .a = { gpr + SGX_GPR_RIP, T_BASE + T_CODE } };
	struct command quit = { .op = OP_ENTRY };
	struct tee_run run;

	/* Restart at the entry point with the registers EENTER would give at CSSA 0. */
	do_command(slot, &fix);
	fix.a[0] = gpr + SGX_GPR_RAX, fix.a[1] = 0;
	do_command(slot, &fix);
	fix.a[0] = gpr + SGX_GPR_RDI, fix.a[1] = (uint64_t)&quit;
	do_command(slot, &fix);
	/* rcx, rsp and rbp as at the last entry, which was made from the same place. */
	struct command get = { .op = OP_LOAD64, .a = { T_BASE + 0 } };
	const uint64_t block = tcs_of(slot) + T_BLOCK + B_FRAMES + 64;
	static const struct { uint64_t from, to; } moves[] = { { B_RETURN, SGX_GPR_RCX }, { B_RSP, SGX_GPR_RSP },
		{ B_RBP, SGX_GPR_RBP } };
	for (int i = 0; i < 3; i++) {
		get.a[0] = block + moves[i].from;
		do_command(slot, &get);
		fix.a[0] = gpr + moves[i].to, fix.a[1] = get.a[1];
		do_command(slot, &fix);
	}
	MUST(resume(slot, &run));
	CHECK_EQ(run.function, SGX_EEXIT);
}

void must_fault(int slot, struct command *c, int vector, int error_code, uint64_t address)
{
	struct tee_run run;

	MUST(enter(slot, c, &run));
	CHECK_EQ(run.function, SGX_ERESUME);
	CHECK_EQ(run.exception_vector, vector);
	CHECK_EQ(run.exception_error_code, error_code);
	CHECK_EQ(run.exception_addr, address);
	if (run.function == SGX_EEXIT)
		return;
	/* What the enclave itself is told, which no host can forge. */
	struct command get = { .op = OP_LOAD64 };
	uint64_t gpr = tcs_of(slot) + T_SSA + 4096 - SGX_GPRSGX_SIZE;
	get.a[0] = gpr + SGX_GPR_EXITINFO;
	do_command(slot, &get);
	CHECK_EQ(get.a[1] & 0xffffffff, vector | SGX_EXITINFO_TYPE_HW << 8 | SGX_EXITINFO_VALID);
	get.a[0] = gpr - SGX_EXINFO_SIZE;
	do_command(slot, &get);
	CHECK_EQ(get.a[1], address);
	get.a[0] += 8;
	do_command(slot, &get);
	CHECK_EQ(get.a[1] & 0xffffffff, error_code);
	abandon(slot);
}

void put_secinfo(int slot, uint64_t at, uint64_t flags)
{
	struct command c = { .op = OP_STORE64, .a = { at, flags } };

	do_command(slot, &c);
}

uint64_t leaf(int slot, uint32_t number, uint64_t secinfo_flags, uint64_t rcx, uint64_t rdx, uint64_t *ret_rflags)
{
	struct command c = { .op = OP_ENCLU, .a = { number, T_BASE + T_DATA + 0x40 + 0x40 * (uint64_t)slot, rcx, rdx } };

	put_secinfo(slot, c.a[1], secinfo_flags);
	do_command(slot, &c);
	CHECK_EQ(c.a[1], T_BASE + T_DATA + 0x40 + 0x40 * (uint64_t)slot);
	CHECK_EQ(c.a[2], rcx);
	CHECK_EQ(c.a[3], rdx);
	/* [EACCEPT, EACCEPTCOPY: ZF := RAX is not 0, CF, PF, AF, OF, SF := 0]; EMODPE has neither a result nor flags. */
	if (number == SGX_EACCEPT || number == SGX_EACCEPTCOPY)
		CHECK_EQ(c.a[4] & 0x8d5, c.a[0] ? 0x40 : 0);
	if (number == SGX_EMODPE) {
		CHECK_EQ(c.a[0], SGX_EMODPE);
		CHECK_EQ(c.a[4], c.a[5]);
	}
	if (ret_rflags)
		*ret_rflags = c.a[4];
	return c.a[0];
}

void leaf_must_fault(int slot, uint32_t number, uint64_t rbx, uint64_t rcx, uint64_t rdx, int vector, uint64_t address)
{
	struct command c = { .op = OP_ENCLU, .a = { number, rbx, rcx, rdx } };

	must_fault(slot, &c, vector, vector == SGX_VECTOR_PF ? 0x8005 : 0, address);
}

uint64_t eaccept(int slot, uint64_t secinfo_flags, uint64_t address)
{
	return leaf(slot, SGX_EACCEPT, secinfo_flags, address, 0, NULL);
}

void open_platform(void)
{
	const char *mode = getenv("SGX_TEST");   /* strict; hw: the driver played; real: this machine's */
	struct tee_soft_options options = { .strict = mode && strcmp(mode, "strict") == 0 };
	const bool played = mode && strcmp(mode, "hw") == 0, real = mode && strcmp(mode, "real") == 0;

	if (played)
		fakehw_install();
	MUST(tee_platform_open(played || real ? TEE_HW : TEE_SOFT, &options, &platform));
	MUST(tee_thread_attach(platform));
}

int finish_tests(const char *name)
{
	if (failures)
		fprintf(stderr, "%s: %d checks failed\n", name, failures);
	return failures != 0;
}
