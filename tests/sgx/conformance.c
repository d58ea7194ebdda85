/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of SGX2, one by one, as an enclave meets them: EAUG, EACCEPT, EACCEPTCOPY, EMODPE, EMODPR, EMODT and EREMOVE, each
 * fault with its vector, code and address, each error code, each page state. Ways in and out are in entering.c. The same program
 * runs on every implementation of tee.h (SGX_TEST). Reasons in brackets: see pages.h.
 */
#include <pthread.h>
#include <string.h>
#include "pages.h"

static bool on_hardware_path(void)
{
	struct tee_capabilities caps;

	tee_platform_capabilities(platform, &caps);
	return caps.kind == TEE_HW;
}

/* ---- EDMM ------------------------------------------------------------------------------------------------ */

static void test_pending(void)
{
	struct tee_stats s;

	/* [driver: the touch adds the page]; [EAUG: PENDING := 1]. "Access-control requirements": a PENDING page is inaccessible. */
	load_must_fault(T_BASE + T_HOLE, 0x8005);
	load_must_fault(HEAP(0), 0x8005);
	store_must_fault(HEAP(1), 0x8007);
	load_must_fault(HEAP(0), 0x8005);        /* touched before: still PENDING */
	new_page(HEAP(0));
	new_page(HEAP(1));
	new_page(HEAP(2));                       /* [EACCEPT: does not resolve within an EPC: #PF]; [driver: adds it, tries again] */
	must_load(HEAP(0), 0);                   /* [EAUG: DS:RCX[32767:0] := 0, R := 1, W := 1, X := 0] */
	must_store(HEAP(1) + 7, 77);
	must_load(HEAP(1) + 7, 77);
	must_load(HEAP(2), 0);
	load_must_fault(HEAP(3), 0x8005);
	CHECK_EQ(eaccept(0, NEW_PAGE, HEAP(0)), SGX_PAGE_ATTRIBUTES_MISMATCH);   /* [EACCEPT: PENDING is not SECINFO's] */
	must_load(HEAP(1) + 7, 77);
	tee_stats_get(enclave, &s);
	CHECK(s.eaccept >= 3 || on_hardware_path());
}

/* In the order of the Operation section: of two mistakes the first decides. */
static void test_eaccept_operands(void)
{
	uint64_t flags, host = (uint64_t)&flags & ~63ull, reserved[] = { 0x8000000000000000, 0x40 };
	/* [the combination of requested PT, PENDING and MODIFIED is legal: PT_REG with PR or PENDING, not MODIFIED; PT_TCS or PT_TRIM with
	 * MODIFIED alone] */
	const uint64_t illegal[] = { RW, RW | SGX_SECINFO_PENDING | SGX_SECINFO_MODIFIED, RW | SGX_SECINFO_MODIFIED,
		RW | SGX_SECINFO_PR | SGX_SECINFO_MODIFIED, SGX_SECINFO_TCS, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED | SGX_SECINFO_PENDING,
		SGX_SECINFO_TRIM, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED | SGX_SECINFO_PR, SGX_SECINFO_SECS | SGX_SECINFO_PENDING,
		SGX_PT_VA << SGX_SECINFO_PT_SHIFT | SGX_SECINFO_PENDING };

	leaf_must_fault(0, SGX_EACCEPT, SEC + 8, HEAP(4), 0, SGX_VECTOR_GP, 0);       /* [DS:RBX is not 64Byte Aligned: #GP(0)] */
	leaf_must_fault(0, SGX_EACCEPT, host, HEAP(4), 0, SGX_VECTOR_GP, 0);          /* [DS:RBX is not within CR_ELRANGE: #GP(0)] */
	leaf_must_fault(0, SGX_EACCEPT, HEAP(500), HEAP(4) + 64, 0, SGX_VECTOR_PF, HEAP(500));  /* [EPCM(DS:RBX).PENDING: #PF(DS:RBX)] */
	leaf_must_fault(0, SGX_EACCEPT, tcs_of(0), HEAP(4), 0, SGX_VECTOR_PF, tcs_of(0));       /* [EPCM(DS:RBX).PT is not PT_REG] */
	put_secinfo(0, SEC, NEW_PAGE);
	leaf_must_fault(0, SGX_EACCEPT, SEC, HEAP(4) + 64, 0, SGX_VECTOR_GP, 0);      /* [DS:RCX is not 4KByte Aligned: #GP(0)] */
	leaf_must_fault(0, SGX_EACCEPT, SEC, T_BASE + T_SIZE, 0, SGX_VECTOR_GP, 0);   /* [DS:RCX is not within CR_ELRANGE: #GP(0)] */
	put_secinfo(0, SEC + 16, 1);             /* [SCRATCH_SECINFO reserved fields are not zero: #GP(0)] */
	leaf_must_fault(0, SGX_EACCEPT, SEC, HEAP(4), 0, SGX_VECTOR_GP, 0);
	put_secinfo(0, SEC + 16, 0);
	for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
		put_secinfo(0, SEC, NEW_PAGE | reserved[i]);
		leaf_must_fault(0, SGX_EACCEPT, SEC, HEAP(4), 0, SGX_VECTOR_GP, 0);
	}
	for (size_t i = 0; i < sizeof illegal / sizeof *illegal; i++) {
		put_secinfo(0, SEC, illegal[i]);
		leaf_must_fault(0, SGX_EACCEPT, SEC, HEAP(4), 0, SGX_VECTOR_GP, 0);
	}
	/* [accept request matches current EPC page settings: PENDING, MODIFIED, R, W, X, PT; else ZF := 1, RAX := MISMATCH] */
	CHECK_EQ(leaf(0, SGX_EACCEPT, NEW_PAGE | SGX_SECINFO_X, HEAP(4), 0, &flags), SGX_PAGE_ATTRIBUTES_MISMATCH);
	CHECK(flags & 0x40);
	CHECK_EQ(leaf(0, SGX_EACCEPT, NEW_PAGE, HEAP(4), 0, &flags), SGX_SUCCESS);
	CHECK(!(flags & 0x40));                  /* [ZF := 0, RAX := 0] */
	CHECK_EQ(eaccept(0, NEW_PAGE, DATA), SGX_PAGE_ATTRIBUTES_MISMATCH);
	CHECK_EQ(eaccept(0, NEW_PAGE, tcs_of(0)), SGX_PAGE_ATTRIBUTES_MISMATCH);
	/* PR is not among them: what is R, W, X, and not PENDING, can be accepted as restricted; and a new page with PR as well. */
	CHECK_EQ(eaccept(0, RW | SGX_SECINFO_PR, HEAP(4)), SGX_SUCCESS);
	CHECK_EQ(eaccept(0, NEW_PAGE | SGX_SECINFO_PR, HEAP(5)), SGX_SUCCESS);
	must_store(HEAP(5), 1);
	leaf_must_fault(0, 31, SEC, HEAP(4), 0, SGX_VECTOR_GP, 0);   /* SDM 2 (3D), ENCLU: #GP(0), EAX encodes no leaf */
}

static void fill_page(uint64_t at, uint64_t seed)
{
	for (int i = 0; i < 512; i += 73) {
		struct command c = { .op = OP_STORE64, .a = { at + 8 * (uint64_t)i, seed + (uint64_t)i } };
		do_command(0, &c);
	}
}

static void page_must_hold(uint64_t at, uint64_t seed)
{
	for (int i = 0; i < 512; i += 73) {
		struct command c = { .op = OP_LOAD64, .a = { at + 8 * (uint64_t)i } };
		do_command(0, &c);
		CHECK_EQ(c.a[1], seed + (uint64_t)i);
	}
}

/* In the order of the Operation section: of two mistakes the first decides. */
static void test_eacceptcopy_operands(void)
{
	const uint64_t pending = HEAP(501), to = HEAP(13), from = HEAP(10);

	put_secinfo(0, SEC, RW);
	leaf_must_fault(0, SGX_EACCEPTCOPY, SEC + 8, to, from, SGX_VECTOR_GP, 0);         /* [DS:RBX is not 64Byte Aligned: #GP(0)] */
	leaf_must_fault(0, SGX_EACCEPTCOPY, pending, to + 1, from, SGX_VECTOR_GP, 0);     /* [DS:RCX or DS:RDX is not 4KByte Aligned: #GP(0)] */
	leaf_must_fault(0, SGX_EACCEPTCOPY, pending, to, from + 8, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EACCEPTCOPY, pending, to, 0x1000, SGX_VECTOR_GP, 0);       /* [RBX, RCX or RDX not within CR_ELRANGE: #GP(0)] */
	leaf_must_fault(0, SGX_EACCEPTCOPY, pending, 0x1000, from, SGX_VECTOR_GP, 0);
	leaf_must_fault(0, SGX_EACCEPTCOPY, pending, to, pending, SGX_VECTOR_PF, pending);   /* [EPCM(DS:RBX).PENDING: #PF(DS:RBX)] */
	put_secinfo(0, SEC + 8, 1);              /* [SCRATCH_SECINFO reserved fields are not zero, R = 0 and W = 1, or PT is not PT_REG: #GP(0)] */
	leaf_must_fault(0, SGX_EACCEPTCOPY, SEC, to, pending, SGX_VECTOR_GP, 0);
	put_secinfo(0, SEC + 8, 0);
	put_secinfo(0, SEC, SGX_SECINFO_REG | SGX_SECINFO_W);
	leaf_must_fault(0, SGX_EACCEPTCOPY, SEC, to, pending, SGX_VECTOR_GP, 0);
	put_secinfo(0, SEC, SGX_SECINFO_TCS);
	leaf_must_fault(0, SGX_EACCEPTCOPY, SEC, to, pending, SGX_VECTOR_GP, 0);
	put_secinfo(0, SEC, RW);
	leaf_must_fault(0, SGX_EACCEPTCOPY, SEC, to, pending + 4096, SGX_VECTOR_PF, pending + 4096);  /* [EPCM(DS:RDX).PENDING: #PF(DS:RDX)] */
	leaf_must_fault(0, SGX_EACCEPTCOPY, SEC, DATA, tcs_of(0), SGX_VECTOR_PF, tcs_of(0));      /* ... before the target is looked at */
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW, tcs_of(0), from, NULL), SGX_PAGE_ATTRIBUTES_MISMATCH);  /* [EPCM(DS:RCX).PT is not PT_REG] */
}

static void test_eacceptcopy(void)
{
	uint64_t flags;

	new_page(HEAP(10));
	fill_page(HEAP(10), 4711);
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW, HEAP(11), HEAP(10), &flags), SGX_SUCCESS);
	CHECK(!(flags & 0x40));                  /* [ZF := 0, RAX := 0] */
	page_must_hold(HEAP(11), 4711);          /* [DS:RCX[32767:0] := DS:RDX[32767:0]] */
	load_must_fault(HEAP(12), 0x8005);       /* PENDING is as good as never touched */
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, SGX_SECINFO_REG | SGX_SECINFO_R, HEAP(12), HEAP(11), NULL), SGX_SUCCESS);
	page_must_hold(HEAP(12), 4711);
	/* SDM 3D (May 2018), EACCEPTCOPY, Operation: "EPCM(DS:RCX).W <- SCRATCH_SECINFO.FLAGS.W", and R and X likewise. */
	store_must_fault(HEAP(12), 0x8007);
	page_must_hold(HEAP(12), 4711);
	put_secinfo(0, SEC, RW);
	(void)leaf(0, SGX_EMODPE, RW, HEAP(12), 0, NULL);   /* ... and the enclave alone can give W back */
	must_store(HEAP(12), 1);
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, SGX_SECINFO_REG, HEAP(16), HEAP(11), NULL), SGX_SUCCESS);
	load_must_fault(HEAP(16), 0x8005);
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW, HEAP(11), HEAP(10), &flags), SGX_PAGE_ATTRIBUTES_MISMATCH);
	CHECK(flags & 0x40);                     /* [EPCM(DS:RCX).PENDING is not 1: ZF := 1, RAX := MISMATCH] */
	test_eacceptcopy_operands();
	load_must_fault(HEAP(13), 0x8005);
	new_page(HEAP(14));                      /* a source that was accepted and never touched */
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW, HEAP(13), HEAP(14), NULL), SGX_SUCCESS);
	must_load(HEAP(13), 0);
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW | SGX_SECINFO_X, HEAP(15), T_BASE + T_CODE, NULL), SGX_SUCCESS);
	must_store(HEAP(15), 0xc3);              /* ret */
	do_command(0, &(struct command){ .op = OP_CALL, .a = { HEAP(15) } });   /* [X := SCRATCH_SECINFO.FLAGS.X] */
	/* PENDING, MODIFIED and PR of SECINFO are in none of the checks. */
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW | SGX_SECINFO_PENDING, HEAP(17), HEAP(10), NULL), SGX_SUCCESS);
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW | SGX_SECINFO_MODIFIED, HEAP(18), HEAP(10), NULL), SGX_SUCCESS);
	CHECK_EQ(leaf(0, SGX_EACCEPTCOPY, RW | SGX_SECINFO_PR, HEAP(19), HEAP(10), NULL), SGX_SUCCESS);
	page_must_hold(HEAP(19), 4711);
}

static void test_trim(void)
{
	uint64_t done;

	for (int i = 20; i < 60; i++) {
		new_page(HEAP(i));
		must_store(HEAP(i), 9);
	}
	CHECK_EQ(tee_remove_pages(enclave, T_HEAP + 20 * 4096, 4096, &done), OM_ESGX);   /* [driver: type is not TRIM: EPERM] */
	MUST(tee_modify_types(enclave, T_HEAP + 20 * 4096, 2 * 4096, SGX_PT_TRIM, &done));
	CHECK_EQ(done, 2 * 4096);
	load_must_fault(HEAP(20), 0x8005);       /* [EMODT: MODIFIED := 1, R := 0, W := 0, X := 0] */
	store_must_fault(HEAP(21), 0x8007);
	CHECK_EQ(tee_remove_pages(enclave, T_HEAP + 20 * 4096, 4096, &done), OM_ESGX);   /* [driver: not accepted: EPERM] */
	CHECK_EQ(tee_modify_types(enclave, T_HEAP + 20 * 4096, 4096, SGX_PT_TRIM, &done), OM_EINVAL);   /* [driver: neither REG nor TCS] */
	CHECK_EQ(eaccept(0, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED | SGX_SECINFO_R, HEAP(20)),
		SGX_PAGE_ATTRIBUTES_MISMATCH);   /* [EACCEPT: EPCM(DS:RCX).R is not SECINFO's] */
	CHECK_EQ(eaccept(0, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED, HEAP(20)), SGX_SUCCESS);
	load_must_fault(HEAP(20), 0x8005);       /* "Access-control requirements": PT_TRIM is no page to be accessed */
	must_load(HEAP(22), 9);
	MUST(tee_remove_pages(enclave, T_HEAP + 20 * 4096, 4096, &done));
	load_must_fault(HEAP(20), 0x8005);
	new_page(HEAP(20));                      /* and it starts again at zero */
	must_load(HEAP(20), 0);
	CHECK_EQ(eaccept(0, SGX_SECINFO_TRIM | SGX_SECINFO_MODIFIED, HEAP(21)), SGX_SUCCESS);
	MUST(tee_remove_pages(enclave, T_HEAP + 21 * 4096, 4096, &done));
	trim(HEAP(22), 38 * 4096);               /* across lazily filled chunks */
	for (int i = 21; i < 60; i += 5)
		load_must_fault(HEAP(i), 0x8005);
	CHECK_EQ(tee_modify_types(enclave, T_HEAP + 600 * 4096, 4096, SGX_PT_TRIM, &done), OM_ESGX);   /* [driver: no page there: EFAULT] */
	CHECK_EQ(tee_modify_types(enclave, T_HEAP, 4096, SGX_PT_REG, &done), OM_EINVAL);               /* [driver: neither TCS nor TRIM] */
	CHECK_EQ(tee_modify_types(enclave, T_SIZE, 4096, SGX_PT_TRIM, &done), OM_EINVAL);              /* [driver: beyond the enclave] */
	/* [driver: TCS to TCS: EINVAL; a page added without R or W to TCS: EPERM; EMODT: PENDING: SGX_PAGE_NOT_MODIFIABLE, EFAULT] */
	CHECK_EQ(tee_modify_types(enclave, T_SLOTS, 4096, SGX_PT_TCS, &done), OM_EINVAL);
	CHECK_EQ(tee_modify_types(enclave, T_RODATA, 4096, SGX_PT_TCS, &done), OM_ESGX);
	load_must_fault(HEAP(61), 0x8005);
	CHECK_EQ(tee_modify_types(enclave, T_HEAP + 61 * 4096, 4096, SGX_PT_TRIM, &done), OM_ESGX);
	CHECK_EQ(done, 0);
	new_page(HEAP(61));
	/* [EMODT: PR := 0]: a restriction that nobody accepted does not stand in the way. */
	MUST(tee_restrict_permissions(enclave, T_HEAP + 61 * 4096, 4096, SGX_SECINFO_R, &done));
	trim(HEAP(61), 4096);
}

/* What write protection of a program's pages rests on (trusted/rt/watch.c). */
static void test_watch(void)
{
	const uint64_t read_only = SGX_SECINFO_REG | SGX_SECINFO_R, first = HEAP(2500), count = 1030;      /* across 2 MiB */
	uint64_t done = 0;

	for (uint64_t i = 0; i < count; i++)
		CHECK_EQ(eaccept(0, RW | SGX_SECINFO_PENDING, first + i * 4096), SGX_SUCCESS);
	for (uint64_t i = 0; i < count; i += 3)              /* the others were never touched */
		must_store(first + i * 4096, (uint8_t)(i + 1));
	/* A host that says it did, and did nothing. */
	CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, first), SGX_PAGE_ATTRIBUTES_MISMATCH);
	MUST(tee_restrict_permissions(enclave, first - T_BASE, count * 4096, SGX_SECINFO_R, &done));
	CHECK_EQ(done, count * 4096);
	/* Or only half of it: what is asked for is compared with what is [EACCEPT: R, W, X]. */
	CHECK_EQ(eaccept(0, RW | SGX_SECINFO_PR, first), SGX_PAGE_ATTRIBUTES_MISMATCH);
	for (uint64_t i = 0; i < count; i++)
		CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, first + i * 4096), SGX_SUCCESS);
	for (uint64_t i = 0; i < count; i += 103) {
		must_load(first + i * 4096, i % 3 ? 0 : (uint8_t)(i + 1));
		store_must_fault(first + i * 4096, 0x8007);
		must_load(first + i * 4096, i % 3 ? 0 : (uint8_t)(i + 1));
		/* Restricting again does not give anything back [EMODPR: W := W & SCRATCH_SECINFO.FLAGS.W]; EACCEPT is due again. */
		MUST(tee_restrict_permissions(enclave, first + i * 4096 - T_BASE, 4096, SGX_SECINFO_R | SGX_SECINFO_W, &done));
		CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, first + i * 4096), SGX_SUCCESS);
		store_must_fault(first + i * 4096, 0x8007);
		(void)leaf(0, SGX_EMODPE, RW, first + i * 4096, 0, NULL);
		must_store(first + i * 4096, 7);   /* [EMODPE: W := W | SCRATCH_SECINFO.FLAGS.W] */
		must_load(first + i * 4096, 7);
		/* Its neighbours stay as they are. */
		if (i + 1 < count)
			store_must_fault(first + (i + 1) * 4096, 0x8007);
	}
	/* EMODPE before EACCEPT: the request no longer fits, and the page is writable. */
	MUST(tee_restrict_permissions(enclave, first - T_BASE, 4096, SGX_SECINFO_R, &done));
	(void)leaf(0, SGX_EMODPE, RW, first, 0, NULL);
	CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, first), SGX_PAGE_ATTRIBUTES_MISMATCH);
	must_store(first, 8);
	must_load(first, 8);
}

static void test_restrict(void)
{
	const uint64_t page = HEAP(70), read_only = SGX_SECINFO_REG | SGX_SECINFO_R;
	uint64_t done;

	new_page(page);
	new_page(page + 4096);                   /* stays untouched until it is read-only */
	must_store(page, 5);
	MUST(tee_restrict_permissions(enclave, page - T_BASE, 2 * 4096, SGX_SECINFO_R, &done));
	CHECK_EQ(done, 2 * 4096);
	must_load(page, 5);                      /* [EMODPR: R := R & SCRATCH_SECINFO.FLAGS.R; PR := 1, which forbids nothing] */
	store_must_fault(page, 0x8007);
	store_must_fault(page + 4096, 0x8007);
	must_load(page + 4096, 0);
	store_must_fault(page + 4096, 0x8007);
	CHECK_EQ(eaccept(0, RW | SGX_SECINFO_PR, page), SGX_PAGE_ATTRIBUTES_MISMATCH);
	CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, page), SGX_SUCCESS);
	CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, page), SGX_SUCCESS);   /* [EACCEPT: EPCM.PR is compared with nothing] */
	store_must_fault(page, 0x8007);
	(void)leaf(0, SGX_EMODPE, RW, page, 0, NULL);
	must_store(page, 6);
	must_load(page, 6);
	CHECK_EQ(tee_restrict_permissions(enclave, T_HEAP + 601 * 4096, 4096, SGX_SECINFO_R, &done), OM_ESGX);   /* [driver: no page: EFAULT] */
	load_must_fault(HEAP(72), 0x8005);
	CHECK_EQ(tee_restrict_permissions(enclave, page + 2 * 4096 - T_BASE, 4096, SGX_SECINFO_R, &done), OM_ESGX);   /* [EMODPR: PENDING] */
	CHECK_EQ(eaccept(0, read_only | SGX_SECINFO_PR, page + 4096), SGX_SUCCESS);
	trim(page + 4096, 4096);
	new_page(page + 4096);                   /* a new life, writable */
	must_store(page + 4096, 3);
	/* [driver: not a regular page: EINVAL] */
	CHECK_EQ(tee_restrict_permissions(enclave, T_SLOTS, 4096, SGX_SECINFO_R, &done), OM_EINVAL);
	/* [EMODPR: R = 0 and W = 1: #GP(0)], which the driver answers with EINVAL: all else may be asked for. */
	CHECK_EQ(tee_restrict_permissions(enclave, page + 4096 - T_BASE, 4096, SGX_SECINFO_W, &done), OM_EINVAL);
	CHECK_EQ(tee_restrict_permissions(enclave, page + 4096 - T_BASE, 4096, 8, &done), OM_EINVAL);
}

static void trim_tcs(uint64_t page)
{
	uint64_t done;

	/* [EMODT: MODIFIED is not 0: SGX_PAGE_NOT_MODIFIABLE] */
	CHECK_EQ(tee_modify_types(enclave, page - T_BASE, 4096, SGX_PT_TRIM, &done), OM_ESGX);
	put_secinfo(0, SEC, SGX_SECINFO_TCS | SGX_SECINFO_MODIFIED);
	leaf_must_fault(0, SGX_EACCEPT, SEC, page, 0, SGX_VECTOR_GP, 0);   /* [EACCEPT: CSSA >= NSSA, or STATE is not 0: #GP(0)] */
}

/* Without R: nothing, or X alone. The page is as it was when its permissions are back. */
static void test_restrict_all(void)
{
	const uint64_t page = HEAP(75);
	uint64_t done = 0;

	new_page(page);
	must_store(page, 0xc3);                  /* ret */
	MUST(tee_restrict_permissions(enclave, page - T_BASE, 4096, 0, &done));
	CHECK_EQ(done, 4096);
	load_must_fault(page, 0x8005);
	store_must_fault(page, 0x8007);
	CHECK_EQ(eaccept(0, SGX_SECINFO_REG | SGX_SECINFO_PR, page), SGX_SUCCESS);
	put_secinfo(0, SEC, SGX_SECINFO_REG | SGX_SECINFO_W);
	leaf_must_fault(0, SGX_EMODPE, SEC, page, 0, SGX_VECTOR_GP, 0);   /* [EMODPE: EPCM.R = 0, SECINFO.R = 0 and W = 1: #GP(0)] */
	(void)leaf(0, SGX_EMODPE, SGX_SECINFO_REG | SGX_SECINFO_R, page, 0, NULL);
	must_load(page, 0xc3);
	(void)leaf(0, SGX_EMODPE, SGX_SECINFO_REG | SGX_SECINFO_W, page, 0, NULL);   /* ... but with R there, W alone is well */
	must_store(page, 0xc3);
	(void)leaf(0, SGX_EMODPE, RW | SGX_SECINFO_X, page, 0, NULL);
	MUST(tee_restrict_permissions(enclave, page - T_BASE, 4096, SGX_SECINFO_X, &done));
	CHECK_EQ(eaccept(0, SGX_SECINFO_REG | SGX_SECINFO_X | SGX_SECINFO_PR, page), SGX_SUCCESS);
	do_command(0, &(struct command){ .op = OP_CALL, .a = { page } });
	store_must_fault(page, 0x8007);
	trim(page, 4096);
	new_page(page);
	must_store(page, 1);
	/* A page that nobody may read can become a TCS: [EMODT] asks for no permission. */
	MUST(tee_restrict_permissions(enclave, page - T_BASE, 4096, 0, &done));
	MUST(tee_modify_types(enclave, page - T_BASE, 4096, SGX_PT_TCS, &done));
	trim_tcs(page);
}

/* In the order of the Operation section: of two mistakes the first decides. */
static void test_emodpe_operands(void)
{
	const uint64_t pending = HEAP(502), page = HEAP(80);

	put_secinfo(0, SEC, RW);
	leaf_must_fault(0, SGX_EMODPE, SEC + 8, page, 0, SGX_VECTOR_GP, 0);               /* [DS:RBX is not 64Byte Aligned: #GP(0)] */
	leaf_must_fault(0, SGX_EMODPE, pending, page + 8, 0, SGX_VECTOR_GP, 0);           /* [DS:RCX is not 4KByte Aligned: #GP(0)] */
	leaf_must_fault(0, SGX_EMODPE, pending, 0x1000, 0, SGX_VECTOR_GP, 0);             /* [RBX or RCX not within CR_ELRANGE: #GP(0)] */
	leaf_must_fault(0, SGX_EMODPE, pending, pending + 4096, 0, SGX_VECTOR_PF, pending);   /* [EPCM(DS:RBX).PENDING: #PF(DS:RBX)] */
	put_secinfo(0, SEC + 8, 1);
	leaf_must_fault(0, SGX_EMODPE, SEC, pending, 0, SGX_VECTOR_GP, 0);                /* [reserved fields are not zero: #GP(0)] */
	put_secinfo(0, SEC + 8, 0);
	put_secinfo(0, SEC, SGX_SECINFO_REG | SGX_SECINFO_W);
	leaf_must_fault(0, SGX_EMODPE, SEC, pending, 0, SGX_VECTOR_PF, pending);          /* [EPCM(DS:RCX).PENDING: #PF(DS:RCX)] ... */
	leaf_must_fault(0, SGX_EMODPE, SEC, tcs_of(0), 0, SGX_VECTOR_PF, tcs_of(0));      /* [... or PT is not PT_REG], before W without R */
	(void)leaf(0, SGX_EMODPE, SGX_SECINFO_TCS | SGX_SECINFO_R, page, 0, NULL);        /* SECINFO's PT is in none of the checks */
}

static void test_emodpe(void)
{
	new_page(HEAP(80));
	must_store(HEAP(80), 0xc3);
	struct command call = { .op = OP_CALL, .a = { HEAP(80) } };
	must_fault(0, &call, SGX_VECTOR_PF, 0x8015, HEAP(80));
	(void)leaf(0, SGX_EMODPE, RW | SGX_SECINFO_X, HEAP(80), 0, NULL);
	do_command(0, &call);                    /* [X := X | SCRATCH_SECINFO.FLAGS.X] */
	must_store(HEAP(80), 0xc3);
	test_emodpe_operands();
	trim(HEAP(80), 4096);
	new_page(HEAP(80));                      /* X is gone */
	must_store(HEAP(80), 0xc3);
	must_fault(0, &call, SGX_VECTOR_PF, 0x8015, HEAP(80));
}

/* ---- threads --------------------------------------------------------------------------------------------- */

#define RACE_PAGES 400

static void *race_thread(void *argument)
{
	int slot = (int)(intptr_t)argument;
	uint64_t *won = calloc(1, sizeof *won);

	MUST(tee_thread_attach(platform));
	for (int i = 0; i < RACE_PAGES; i++)
		*won += eaccept(slot, NEW_PAGE, HEAP(1000 + i)) == SGX_SUCCESS;
	tee_thread_detach(platform);
	return won;
}

/* Of several threads that accept the same page exactly one succeeds: the others find it no longer PENDING. [EPC page in use: #GP(0)]
 * is what the CPU may answer too; the emulator lets them wait. */
static void test_accept_race(void)
{
	pthread_t t[2];
	uint64_t total = 0;
	void *won;

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, race_thread, (void *)(intptr_t)(2 + i));
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], &won);
		total += *(uint64_t *)won;
		free(won);
	}
	CHECK_EQ(total, RACE_PAGES);
}

int main(void)
{
	open_platform();
	enclave_up();
	test_pending();
	test_eaccept_operands();
	test_eacceptcopy();
	test_trim();
	test_restrict();
	test_restrict_all();
	test_watch();
	test_emodpe();
	test_accept_race();
	enclave_down();
	tee_thread_detach(platform);
	tee_platform_close(platform);
	return finish_tests("conformance");
}
