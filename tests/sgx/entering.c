/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ways in and out: EENTER, ERESUME, EEXIT, asynchronous exits, TCS pages, and the host's own page tables. The same program
 * runs on every implementation of tee.h (SGX_TEST). Reasons in brackets: see pages.h.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "pages.h"

static bool on_hardware_path(void)
{
	struct tee_capabilities caps;

	tee_platform_capabilities(platform, &caps);
	return caps.kind == TEE_HW;
}

/* ---- EENTER, ERESUME, EEXIT -------------------------------------------------------------------------------- */

static void test_entry_state(void)
{
	struct command c = { .op = OP_ENTRY };
	struct tee_run run;

	do_command(1, &c);
	CHECK_EQ(c.a[0], (uint64_t)&c);
	CHECK_EQ(c.a[6], 0);                      /* [EENTER: RAX := (DS:RBX).CSSA] */
	CHECK_EQ(c.a[9], tcs_of(1));              /* RBX, an operand, stays */
	CHECK_EQ(c.a[7], tcs_of(1) + T_BLOCK);    /* [EENTER: TMP_FSBASE := (DS:RBX).OFSBASE + BASEADDR] */
	CHECK_EQ(c.a[8], DATA);                   /* ... and GS likewise */
	c.op = OP_ENTRY;
	memset(c.a, 0, sizeof c.a);
	run = (struct tee_run){ .tcs = tcs_of(2) };
	MUST(tee_enter(enclave, SGX_EENTER, (uint64_t)&c, 11, 22, 33, 44, &run));
	CHECK_EQ(run.function, SGX_EEXIT);
	CHECK_EQ(c.a[1], 11);                     /* the other registers pass: EENTER's Operation names none of them */
	CHECK_EQ(c.a[2], 22);
	CHECK_EQ(c.a[3], 33);
	CHECK_EQ(c.a[4], 44);
}

static void entry_must_fail(uint64_t tcs, uint32_t leaf_number, int vector)
{
	struct command c = { .op = OP_ENTRY };
	struct tee_run run = { .tcs = tcs };

	/* The vDSO reports ERESUME's own faults like those of the enclave. */
	int r = tee_enter(enclave, leaf_number, (uint64_t)&c, 0, 0, 0, 0, &run);
	if (leaf_number != SGX_ERESUME || !on_hardware_path())
		CHECK_EQ(r, OM_ESGX);
	CHECK_EQ(run.function, leaf_number);
	CHECK_EQ(run.exception_vector, vector);
	CHECK_EQ(run.exception_addr, vector == SGX_VECTOR_PF ? tcs : 0);
}

static void test_bad_tcs(void)
{
	static char host_page[4096] __attribute__((aligned(4096)));

	for (uint32_t number = SGX_EENTER; number <= SGX_ERESUME; number++) {
		entry_must_fail(tcs_of(0) + 8, number, SGX_VECTOR_GP);         /* [DS:RBX is not 4KByte Aligned: #GP(0)] */
		entry_must_fail(0x1008, number, SGX_VECTOR_GP);                /* ... which is the first check */
		entry_must_fail(0x1000, number, SGX_VECTOR_PF);                /* [does not resolve within an EPC: #PF(DS:RBX)] */
		entry_must_fail(T_BASE + T_SIZE, number, SGX_VECTOR_PF);
		entry_must_fail((uint64_t)host_page, number, SGX_VECTOR_PF);
		entry_must_fail(HEAP(3), number, SGX_VECTOR_PF);               /* [driver: EAUG]; [PENDING = 1: #PF(DS:RBX)] */
		entry_must_fail(T_BASE + T_DATA, number, SGX_VECTOR_PF);       /* [PT is not PT_TCS: #PF(DS:RBX)] */
	}
	entry_must_fail(tcs_of(0), SGX_ERESUME, SGX_VECTOR_GP);                /* [ERESUME: CSSA = 0: #GP(0)] */
}

static uint64_t spin_flag;
static struct command spin = { .op = OP_SPIN, .a = { (uint64_t)&spin_flag } };

static void *spin_thread(void *unused)
{
	(void)unused;
	MUST(tee_thread_attach(platform));
	do_command(3, &spin);
	tee_thread_detach(platform);
	return NULL;
}

static void test_tcs_busy(void)
{
	pthread_t t;

	pthread_create(&t, NULL, spin_thread, NULL);
	while (!__atomic_load_n(&spin.a[1], __ATOMIC_ACQUIRE))
		sched_yield();
	entry_must_fail(tcs_of(3), SGX_EENTER, SGX_VECTOR_GP);   /* [DS:RBX.STATE = ACTIVE: #GP(0)] */
	entry_must_fail(tcs_of(3), SGX_ERESUME, SGX_VECTOR_GP);
	__atomic_store_n(&spin_flag, 1, __ATOMIC_SEQ_CST);
	pthread_join(t, NULL);
}

static void test_cssa_limit(void)
{
	struct command ud = { .op = OP_UD2 };
	struct tee_run run;

	for (int i = 0; i < T_NSSA; i++) {
		MUST(enter(1, &ud, &run));
		CHECK_EQ(run.exception_vector, SGX_VECTOR_UD);
	}
	entry_must_fail(tcs_of(1), SGX_EENTER, SGX_VECTOR_GP);   /* [EENTER: CSSA >= NSSA: #GP(0)] */
	/* Each ERESUME runs into the same UD2 again: [ERESUME: RIP from the SSA frame, CSSA := CSSA - 1]. */
	for (int i = 0; i < 3; i++) {
		MUST(resume(1, &run));
		CHECK_EQ(run.function, SGX_ERESUME);
		CHECK_EQ(run.exception_vector, SGX_VECTOR_UD);
	}
}

/* A state that ERESUME refuses is not lost: mended, it can be resumed. */
static void resume_must_fail(int slot, uint64_t at, uint64_t value)
{
	struct command get = { .op = OP_LOAD64, .a = { at } }, put = { .op = OP_STORE64, .a = { at, value } };
	struct tee_run run = { .tcs = tcs_of(slot) };
	int r;

	do_command(slot, &get);
	do_command(slot, &put);
	r = resume(slot, &run);
	CHECK(r == OM_ESGX || on_hardware_path());
	CHECK_EQ(run.exception_vector, SGX_VECTOR_GP);
	put.a[1] = get.a[1];
	do_command(slot, &put);
}

static void test_resumed_state(void)
{
	const uint64_t frame = tcs_of(2) + T_SSA, gpr = frame + 4096 - SGX_GPRSGX_SIZE;
	struct command ud = { .op = OP_UD2 }, put = { .op = OP_STORE64 };
	struct tee_run run;

	MUST(enter(2, &ud, &run));
	resume_must_fail(2, gpr + SGX_GPR_RIP, 1ull << 47);      /* [ERESUME: TMP_TARGET is not canonical: #GP(0)] */
	resume_must_fail(2, gpr + SGX_GPR_FSBASE, 1ull << 63);   /* [ERESUME: TMP_FSBASE or TMP_GSBASE is not canonical: #GP(0)] */
	resume_must_fail(2, gpr + SGX_GPR_GSBASE, 1ull << 63);
	/* [ERESUME: XRSTOR failed with #GP: STATE := INACTIVE, #GP(0)], which it does (SDM 1, "Operation of XRSTOR") for a bit of
	 * XSTATE_BV beyond the mask and for bytes 8 to 23 of the header. */
	resume_must_fail(2, frame + 512, 1ull << 62);
	resume_must_fail(2, frame + 520, 1);
	resume_must_fail(2, frame + 528, 1);
	/* It looks at nothing else of the header. */
	put.a[0] = frame + 536, put.a[1] = 1;
	do_command(2, &put);
	MUST(resume(2, &run));
	CHECK_EQ(run.function, SGX_ERESUME);
	CHECK_EQ(run.exception_vector, SGX_VECTOR_UD);
	/* [ERESUME: where DBGOPTIN is 0: RFLAGS.TF := 0]: no single step. */
	struct command flags = { .op = OP_LOAD64, .a = { gpr + SGX_GPR_RFLAGS } };
	do_command(2, &flags);
	put.a[0] = gpr + SGX_GPR_RFLAGS, put.a[1] = flags.a[1] | 0x100;
	do_command(2, &put);
	MUST(resume(2, &run));
	CHECK_EQ(run.exception_vector, SGX_VECTOR_UD);
	abandon(2);
}

/* [EEXIT: RBX is not canonical: #GP(0)] */
static void test_exit_target(void)
{
	struct command c = { .op = OP_EXIT_RAW, .a = { 1ull << 47 } };

	must_fault(0, &c, SGX_VECTOR_GP, 0, 0);
	c.a[0] = 0xffff000000000000;
	must_fault(0, &c, SGX_VECTOR_GP, 0, 0);
}

/* EEXIT from the enclave's own stack: [EEXIT: FS and GS from CR_SAVE_FS, CR_SAVE_GS; RIP := RBX]; RSP is the enclave's. setjmp
 * takes it from there. */
static jmp_buf after_raw_exit;

static void raw_exit_target(void)
{
	longjmp(after_raw_exit, 1);
}

static void test_exit_from_enclave_stack(void)
{
	struct command c = { .op = OP_EXIT_RAW, .a = { (uint64_t)raw_exit_target } };
	struct tee_run run;

#if __has_feature(address_sanitizer)
	return;   /* its longjmp wants to know every stack */
#endif
	if (setjmp(after_raw_exit) == 0) {
		MUST(enter(2, &c, &run));
		CHECK(!"EEXIT went elsewhere");
	}
	/* TLS works, and the TCS is free again. */
	CHECK(strlen(tee_last_error()) < 256);
	do_command(2, &(struct command){ .op = OP_ENTRY });
}

/* ---- exceptions ------------------------------------------------------------------------------------------ */

/* Which exceptions are reported and how: "Enclave exiting events" and, for EXITINFO and EXINFO, "Enclave access control and data
 * structures"; must_fault() looks at both. */
static void test_exceptions(void)
{
	struct command c = { .op = OP_UD2 };

	must_fault(0, &c, SGX_VECTOR_UD, 0, 0);
	c.op = OP_HLT;
	must_fault(0, &c, SGX_VECTOR_GP, 0, 0);                /* SDM 2, HLT: #GP(0) if the privilege level is not 0 */
	c.op = OP_DIVIDE;
	must_fault(0, &c, SGX_VECTOR_DE, 0, 0);
	/* SDM 3A, "Page-fault exceptions": the SGX flag is set only where there is no ordinary page fault. */
	c = LOAD(0x10000);
	must_fault(0, &c, SGX_VECTOR_PF, 4, 0x10000);
	c = STORE(0x10000);
	must_fault(0, &c, SGX_VECTOR_PF, 6, 0x10000);
	c = LOAD(0x1234567890123456);
	must_fault(0, &c, SGX_VECTOR_GP, 0, 0);                /* SDM 1, "Canonical addressing" */
}

/* "Enclave operation", table "Illegal instructions inside an enclave". */
static void test_illegal_instructions(void)
{
	struct command c = { .op = OP_SYSCALL };

	must_fault(0, &c, SGX_VECTOR_UD, 0, 0);                /* SYSCALL: #UD */
	c.op = OP_INT80;
	must_fault(0, &c, SGX_VECTOR_UD, 0, 0);                /* INT n: #UD */
	/* ENCLU[EENTER], ENCLU[ERESUME]: #GP, an enclave cannot be entered from within one. */
	leaf_must_fault(0, SGX_EENTER, tcs_of(1), 0, 0, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_ERESUME, tcs_of(1), 0, 0, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EENTER, DATA, 0, 0, SGX_VECTOR_GP, 0);
}

/* "Enclave access control and data structures", "Access-control requirements": what the EPCM does not allow is #PF with
 * PFEC.SGX, and P with it (SDM 3A, "Page-fault exceptions"). */
static void test_permissions(void)
{
	struct command c = { .op = OP_CALL, .a = { DATA } };

	load_must_fault(tcs_of(0), 0x8005);       /* a TCS has R = W = X = 0 [EADD] */
	store_must_fault(tcs_of(0), 0x8007);
	must_load(T_BASE + T_CODE, 0x49);
	store_must_fault(T_BASE + T_CODE, 0x8007);
	must_load(T_BASE + T_RODATA + 5, 0xa5);
	store_must_fault(T_BASE + T_RODATA + 5, 0x8007);
	must_store(DATA, 0xc3);
	must_fault(0, &c, SGX_VECTOR_PF, 0x8015, DATA);
}

/* ---- TCS pages ------------------------------------------------------------------------------------------- */

static void make_tcs(uint64_t at, const struct sgx_tcs *tcs)
{
	struct command copy = { .op = OP_COPY, .a = { at, (uint64_t)tcs, sizeof *tcs } };
	uint64_t done;

	new_page(at);
	do_command(0, &copy);
	MUST(tee_modify_types(enclave, at - T_BASE, 4096, SGX_PT_TCS, &done));
}

static struct sgx_tcs good_tcs(void)
{
	const uint64_t model = tcs_of(2) - T_BASE;

	return (struct sgx_tcs){ .ossa = model + T_SSA, .nssa = 2, .oentry = T_CODE, .ofsbase = model + T_BLOCK, .ogsbase = T_DATA,
		.fslimit = ~0u, .gslimit = ~0u };
}

/* A page becomes a TCS, runs, is trimmed and removed. */
static void test_dynamic_tcs(void)
{
	const uint64_t at = HEAP(100);
	struct sgx_tcs tcs = good_tcs();
	struct command c = { .op = OP_ENTRY };
	struct tee_run run = { .tcs = at };

	make_tcs(at, &tcs);
	entry_must_fail(at, SGX_EENTER, SGX_VECTOR_PF);          /* [EENTER: MODIFIED = 1: #PF(DS:RBX)] */
	load_must_fault(at, 0x8005);                             /* [EMODT: R := 0, W := 0, X := 0] */
	CHECK_EQ(eaccept(0, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED, at), SGX_SUCCESS);
	MUST(tee_enter(enclave, SGX_EENTER, (uint64_t)&c, 0, 0, 0, 0, &run));
	CHECK_EQ(run.function, SGX_EEXIT);
	CHECK_EQ(c.a[9], at);
	load_must_fault(at, 0x8005);
	trim(at, 4096);
	entry_must_fail(at, SGX_EENTER, SGX_VECTOR_PF);          /* [driver: EAUG]; [EENTER: PENDING = 1] */
}

/* Fields that EACCEPT looks at: then the page cannot even be accepted. */
static void tcs_must_not_be_accepted(uint64_t at, const struct sgx_tcs *tcs)
{
	make_tcs(at, tcs);
	put_secinfo(0, SEC, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED);
	leaf_must_fault(0, SGX_EACCEPT, SEC, at, 0, SGX_VECTOR_GP, 0);
}

/* Fields that only entering looks at. */
static void tcs_must_not_be_entered(uint64_t at, const struct sgx_tcs *tcs)
{
	make_tcs(at, tcs);
	CHECK_EQ(eaccept(0, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED, at), SGX_SUCCESS);
	entry_must_fail(at, SGX_EENTER, SGX_VECTOR_GP);
}

/* Frames of four pages: [EENTER: FOR EACH TMP_SSA_PAGE = TMP_SSA to TMP_SSA + TMP_XSIZE], which is one page, and [TMP_GPR := TMP_SSA + 4096 *
 * SSAFRAMESIZE - sizeof(GPRSGX_AREA)] have to be there; what lies between is nobody's concern. */
static void test_large_frame(void)
{
	const uint64_t ssa = T_SLOTS + T_SSA;
	struct command c = { .op = OP_UD2 };
	struct tee_run run;
	uint64_t done;

	ssa_frame_pages = T_NSSA;
	enclave_up();
	MUST(tee_modify_types(enclave, ssa + 4096, 2 * 4096, SGX_PT_TRIM, &done));
	MUST(enter(0, &c, &run));                 /* and the exit finds its frame */
	CHECK_EQ(run.exception_vector, SGX_VECTOR_UD);
	MUST(resume(0, &run));
	CHECK_EQ(run.exception_vector, SGX_VECTOR_UD);
	MUST(tee_modify_types(enclave, ssa + 3 * 4096 + T_SLOT_SIZE, 4096, SGX_PT_TRIM, &done));
	CHECK_EQ(enter(1, &c, &run), OM_ESGX);    /* [EPCM(DS:TMP_GPR).MODIFIED = 1: #PF(DS:TMP_GPR)] */
	CHECK_EQ(run.exception_vector, SGX_VECTOR_PF);
	CHECK_EQ(run.exception_addr, T_BASE + ssa + 3 * 4096 + T_SLOT_SIZE);
	MUST(tee_modify_types(enclave, ssa + 2 * T_SLOT_SIZE, 4096, SGX_PT_TRIM, &done));
	CHECK_EQ(enter(2, &c, &run), OM_ESGX);
	CHECK_EQ(run.exception_addr, T_BASE + ssa + 2 * T_SLOT_SIZE);
	enclave_down();
	ssa_frame_pages = 1;
}

static void test_tcs_fields(void)
{
	uint64_t at = HEAP(110);
	struct sgx_tcs t;

	/* [EACCEPT: RESERVED is not 0: #GP(0)], [EACCEPT: DBGOPTIN is not 0 or CSSA >= NSSA or AEP is not 0 or STATE is not 0: #GP(0)] */
	t = good_tcs(), t.reserved[4007] = 1, tcs_must_not_be_accepted(at, &t), at += 4096;
	t = good_tcs(), t.flags = SGX_TCS_DBGOPTIN, tcs_must_not_be_accepted(at, &t), at += 4096;
	t = good_tcs(), t.nssa = 0, tcs_must_not_be_accepted(at, &t), at += 4096;
	t = good_tcs(), t.cssa = t.nssa, tcs_must_not_be_accepted(at, &t), at += 4096;
	t = good_tcs(), t.aep = 1, tcs_must_not_be_accepted(at, &t), at += 4096;
	t = good_tcs(), t.stage = 1, tcs_must_not_be_accepted(at, &t), at += 4096;
	/* [EENTER: OSSA is not 4KByte Aligned: #GP(0)], [OFSBASE or OGSBASE is not 4KByte Aligned: #GP(0)], [TMP_FSBASE or
	 * TMP_GSBASE is not canonical: #GP(0)], [reserved bits of FLAGS: #GP(0)], [TMP_TARGET is not canonical: #GP(0)] */
	t = good_tcs(), t.ossa += 8, tcs_must_not_be_entered(at, &t), at += 4096;
	t = good_tcs(), t.ofsbase += 8, tcs_must_not_be_entered(at, &t), at += 4096;
	t = good_tcs(), t.ogsbase += 8, tcs_must_not_be_entered(at, &t), at += 4096;
	t = good_tcs(), t.ofsbase = 1ull << 62, tcs_must_not_be_entered(at, &t), at += 4096;
	t = good_tcs(), t.ogsbase = 1ull << 62, tcs_must_not_be_entered(at, &t), at += 4096;
	t = good_tcs(), t.flags = 4, tcs_must_not_be_entered(at, &t), at += 4096;
	t = good_tcs(), t.oentry = 1ull << 62, tcs_must_not_be_entered(at, &t), at += 4096;
	/* CSSA < NSSA is all that is asked: the thread begins at the second frame. [EENTER: TMP_SSA := OSSA + BASEADDR + 4096 *
	 * SSAFRAMESIZE * CSSA] */
	t = good_tcs(), t.cssa = 1;
	make_tcs(at, &t);
	CHECK_EQ(eaccept(0, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED, at), SGX_SUCCESS);
	struct command c = { .op = OP_ENTRY };
	struct tee_run run = { .tcs = at };
	MUST(tee_enter(enclave, SGX_EENTER, (uint64_t)&c, 0, 0, 0, 0, &run));
	CHECK_EQ(c.a[6], 1);
	/* An SSA frame that is not there: [EENTER: PENDING = 1 (EAUG), VALID = 0: #PF(DS:TMP_SSA_PAGE)]. */
	t = good_tcs(), t.ossa = HEAP(200) - T_BASE, at += 4096;
	make_tcs(at, &t);
	CHECK_EQ(eaccept(0, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED, at), SGX_SUCCESS);
	run = (struct tee_run){ .tcs = at };
	CHECK_EQ(tee_enter(enclave, SGX_EENTER, (uint64_t)&c, 0, 0, 0, 0, &run), OM_ESGX);
	CHECK_EQ(run.exception_vector, SGX_VECTOR_PF);
	CHECK_EQ(run.exception_addr, HEAP(200));
}

/* ---- the host's page tables ------------------------------------------------------------------------------ */

/* SDM 3A, "Page-fault exceptions": an ordinary page fault, without the SGX flag, comes before any of the EPCM's. The enclave goes on
 * when the host gives back what it took. */
static void test_host_protection(uint64_t page, bool touched, int protection, const struct command *access, int code)
{
	struct command c = *access;
	struct tee_run run;

	if (touched)
		must_store(page, 3);
	MUST(mprotect((void *)page, 4096, protection));
	MUST(enter(0, &c, &run));
	CHECK_EQ(run.function, SGX_ERESUME);
	CHECK_EQ(run.exception_vector, SGX_VECTOR_PF);
	CHECK_EQ(run.exception_error_code, code);
	CHECK_EQ(run.exception_addr, page);
	MUST(resume(0, &run));                    /* nothing has changed */
	CHECK_EQ(run.exception_error_code, code);
	MUST(mprotect((void *)page, 4096, PROT_READ | PROT_WRITE));
	MUST(resume(0, &run));
	CHECK_EQ(run.function, SGX_EEXIT);
}

static void test_page_tables(void)
{
	const uint64_t old = DATA + 0x2000, fresh = HEAP(300), empty = HEAP(301);
	struct tee_run run;

	alarm(60);                                /* an endless loop is a failure, not a reason to wait */
	test_host_protection(old, true, PROT_READ, &STORE(old), 7);
	test_host_protection(old, true, PROT_NONE, &STORE(old), 6);
	test_host_protection(old, true, PROT_NONE, &LOAD(old), 4);
	new_page(fresh);
	test_host_protection(fresh, false, PROT_READ, &STORE(fresh), 7);
	must_load(fresh, 1);
	/* Not even in the enclave yet: the driver is asked only for what the mapping allows. */
	MUST(mprotect((void *)empty, 4096, PROT_NONE));
	struct command load = LOAD(empty);
	MUST(enter(0, &load, &run));
	CHECK_EQ(run.exception_error_code, 4);
	MUST(mprotect((void *)empty, 4096, PROT_READ | PROT_WRITE));
	MUST(resume(0, &run));                    /* EAUG, PENDING */
	CHECK_EQ(run.exception_error_code, 0x8005);
	abandon(0);
	/* A page whose permissions have been taken by both: given back one after the other. */
	MUST(mprotect((void *)old, 4096, PROT_READ));
	uint64_t done = 0;
	MUST(tee_restrict_permissions(enclave, old - T_BASE, 4096, SGX_SECINFO_R, &done));
	struct command store = STORE(old);
	MUST(enter(0, &store, &run));
	CHECK_EQ(run.exception_error_code, 7);
	MUST(mprotect((void *)old, 4096, PROT_READ | PROT_WRITE));
	MUST(resume(0, &run));
	CHECK_EQ(run.exception_error_code, 0x8007);
	abandon(0);
	alarm(0);
}

int main(void)
{
	open_platform();
	enclave_up();
	test_entry_state();
	test_bad_tcs();
	test_tcs_busy();
	test_exit_target();
	test_exit_from_enclave_stack();
	test_resumed_state();
	test_exceptions();
	test_illegal_instructions();
	test_permissions();
	test_dynamic_tcs();
	test_tcs_fields();
	test_page_tables();
	test_cssa_limit();
	enclave_down();
	enclave_up();                            /* the range is free again */
	do_command(0, &(struct command){ .op = OP_ENTRY });
	enclave_down();
	test_large_frame();
	tee_thread_detach(platform);
	tee_platform_close(platform);
	return finish_tests("entering");
}
