/* SPDX-License-Identifier: Apache-2.0 */
// Options of the pass: one table, read from the environment variable OPTMIG_PASS ("verify polls=0") or from the
// pipeline text ("optmig<verify;polls=0>"). An unknown word is an error that suggests the nearest one.
#ifndef OPTMIG_PASS_OPTIONS_H
#define OPTMIG_PASS_OPTIONS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/IR/Instruction.h"
#include "llvm/Support/Error.h"
#include <string>

namespace optmig {

// Classes of marks, for the mutation tests: each names one way a store comes to be covered.
enum MarkClass : unsigned {
	MarkStore = 1u << 0,     // plain stores
	MarkAtomic = 1u << 1,    // atomicrmw, cmpxchg, atomic stores
	MarkMem = 1u << 2,       // memcpy, memmove, memset of constant size
	MarkMasked = 1u << 3,    // masked, scatter and compress stores
	MarkAsm = 1u << 4,       // memory outputs of inline assembly
	MarkIntrinsic = 1u << 5, // the other intrinsics that write memory
	MarkSpanEnd = 1u << 6,   // the second mark of a span that may cross a page
	MarkHead = 1u << 8,      // the marks at the head of an unrolled loop
	MarkFused = 1u << 9,     // the marks of a segment that ends in a poll
	MarkStrip = 1u << 7,     // the marks before a strip or a short loop
	MarkInvoke = 1u << 10,   // the marks behind a call that may throw, of what was marked before it
	// By where the store stands (testingPlace):
	MarkLandingPad = 1u << 11,  // where a call unwinds to
	MarkCleanup = 1u << 12,     // on the way to a resume
	MarkGuard = 1u << 13,       // between a guard's acquisition and its release
	MarkCoroutine = 1u << 14,   // before a coroutine's tail call
	MarkNoReturn = 1u << 15,    // before a call that does not return
	MarkTerminator = 1u << 16,  // by a terminator itself
	MarkJoin = 1u << 17,        // that wait for a look further on
	MarkEntry = 1u << 18,       // at a poll for recursion, of what was stored before it
};

struct Options {
	bool marks = true;
	bool polls = true;
	bool verify = false;      // log every store for the check at the next safepoint
	bool conditional = true;  // read the card first
	bool merge = true;        // one mark per base pointer and interval
	bool available = true;    // no mark where all paths have made it in this interval
	bool trustAlign = true;   // an access never crosses a multiple of its declared alignment
	bool entryPolls = true;   // polls at entries only where recursion needs them
	bool closed = false;      // libc: no cycle of calls leaves the module but through functions that poll at their entry
	bool redZone = false;     // functions that poll keep their red zone; the poll's call steps over it
	bool stackArguments = true; // no marks through arguments that always point to a caller's stack
	bool gate = true;         // marks are skipped while nobody wants them
	bool sink = true;         // one gate for a segment, where the last of its pointers is known
	bool fuse = true;         // one look for a poll and the marks of the segment before it
	bool join = true;         // marks wait for a look that every way on passes
	bool calls = true;        // marks behind a gate are calls: less code
	bool widen = true;        // a mark covers what other blocks store through its pointer
	bool statistics = false;
	unsigned beside = 2;      // calls beside the look: 0 never, 1 outside loops, 2 outside innermost loops, 3 everywhere
	unsigned inLine = 1;      // marks spelled out instead of called: 0 never, 1 in short loops and interpreters, 2 in loops, 3 everywhere
	unsigned strip = 3;       // strip-mining: 0 none, 1 vector loops, 2 and loops with affine stores, 3 all that can be counted, if short or with such stores
	unsigned shortLoop = 128; // innermost loops of at most so many iterations get no poll
	unsigned unroll = 32;     // small loops without a known bound are unrolled to about so many instructions; 0: not
	unsigned drop = 0;        // MarkClass bits left out; mutation tests only
};

// testing/ or product/: options that make wrong programs, for mutation tests. True: Name is one of them, and Problem says what is wrong
// with it, if anything; empty names are none.
bool testingOption(llvm::StringRef Name, llvm::StringRef Value, Options &Into, std::string &Problem);
extern const char *const testingOptions[]; // their names, NULL at the end
unsigned testingPlace(const llvm::Instruction &At); // the classes of marks that an instruction's place adds

llvm::Expected<Options> parseOptions(llvm::StringRef Text, Options Start);
llvm::Expected<Options> optionsFromEnvironment();

} // namespace optmig

#endif
