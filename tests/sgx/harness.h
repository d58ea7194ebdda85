/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the test enclave through tee.h alone, so that every platform runs the same tests. */
#ifndef OPTMIG_TESTS_SGX_HARNESS_H
#define OPTMIG_TESTS_SGX_HARNESS_H

#include <stdio.h>
#include <stdlib.h>
#include "ops.h"
#include "../../tee/tee.h"   /* by its place: cases that lie elsewhere have not tee/ among their folders */

/* The cases say these by their older names (tests/cases/sgx). */
#define sgx_run                  tee_run
#define sgx_enter                tee_enter
#define sgx_modify_types         tee_modify_types
#define sgx_remove_pages         tee_remove_pages
#define sgx_restrict_permissions tee_restrict_permissions

#define T_BASE 0x200000000000ull
#define T_THREADS 4

extern int failures;
#define CHECK(condition) do { if (!(condition)) { failures++; \
	fprintf(stderr, "%s:%d: %s (last error: %s)\n", __FILE__, __LINE__, #condition, tee_last_error()); } } while (0)
#define CHECK_EQ(a, b) do { unsigned long long a_ = (unsigned long long)(a), b_ = (unsigned long long)(b); if (a_ != b_) { \
	failures++; fprintf(stderr, "%s:%d: %s is 0x%llx, should be %s = 0x%llx (last error: %s)\n", __FILE__, __LINE__, \
	#a, a_, #b, b_, tee_last_error()); } } while (0)
#define MUST(call) do { int r_ = (call); if (r_ < 0) { fprintf(stderr, "%s:%d: %s: %d (%s)\n", __FILE__, __LINE__, #call, \
	r_, tee_last_error()); exit(1); } } while (0)

extern struct tee_platform *platform;
extern struct tee_enclave *enclave;
extern uint32_t ssa_frame_pages;   /* of what enclave_up() makes; 1 */

/* ECREATE, EADD, EINIT with attributes as most tests want them. */
void enclave_up(void);
void enclave_down(void);
/* Up to, but without, EINIT. */
void enclave_add(struct sgx_attributes *attributes);
int  enclave_init(const struct sgx_attributes *attributes);
void default_attributes(struct sgx_attributes *attributes);
int  make_sigstruct(const uint8_t mrenclave[32], const struct sgx_attributes *attributes, struct sgx_sigstruct *s);
struct om_measure;
/* What enclave_add() adds, measured independently; and its MRENCLAVE. */
void measure_added(struct om_measure *m);
void expected_mrenclave(uint8_t mrenclave[32]);

static inline uint64_t tcs_of(int slot) { return T_BASE + T_SLOTS + (uint64_t)slot * T_SLOT_SIZE; }

/* EENTER on a slot with a command; the run in *run. */
int enter(int slot, struct command *c, struct tee_run *run);
int resume(int slot, struct tee_run *run);
/* The command must run to its end: exits the test otherwise. */
void do_command(int slot, struct command *c);
/* The command must fault like this; the enclave thread is then at CSSA + 1. */
void must_fault(int slot, struct command *c, int vector, int error_code, uint64_t address);
/* Forgets an interrupted command: by ERESUME of a state that goes straight to EEXIT. */
void abandon(int slot);

/* Leaves with a SECINFO in the data page. Return RAX. */
uint64_t leaf(int slot, uint32_t number, uint64_t secinfo_flags, uint64_t rcx, uint64_t rdx, uint64_t *ret_rflags);
void leaf_must_fault(int slot, uint32_t number, uint64_t rbx, uint64_t rcx, uint64_t rdx, int vector, uint64_t address);
uint64_t eaccept(int slot, uint64_t secinfo_flags, uint64_t address);
void put_secinfo(int slot, uint64_t at, uint64_t flags);

int finish_tests(const char *name);
/* Opens the platform the environment asks for: SGX_TEST=patched (default), strict, hw. */
void open_platform(void);

#endif
