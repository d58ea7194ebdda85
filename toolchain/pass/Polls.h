/* SPDX-License-Identifier: Apache-2.0 */
// Where polls go, and which functions never reach one.
#ifndef OPTMIG_PASS_POLLS_H
#define OPTMIG_PASS_POLLS_H

#include "Options.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/IR/PassManager.h"
#include "llvm/IR/Function.h"

namespace optmig {

using FunctionSet = llvm::SmallPtrSet<const llvm::Function *, 32>;
using BlockSet = llvm::SmallPtrSet<const llvm::BasicBlock *, 16>;

// An innermost loop of so few iterations that it needs no poll.
bool isShortLoop(llvm::Loop *L, llvm::ScalarEvolution &SE, const Options &O);

// Blocks that get a poll before their terminator: the sources of back-edges, save those of short loops and those to
// the headers in Strips.
void findPollBlocks(llvm::Function &F, llvm::FunctionAnalysisManager &FAM, const Options &O, const BlockSet &Strips,
	llvm::SmallSetVector<llvm::BasicBlock *, 16> &Blocks, unsigned &ShortLoops);

// Functions of this module that neither poll nor call what may.
FunctionSet inferNoPoll(llvm::ArrayRef<llvm::Function *> Functions, llvm::FunctionAnalysisManager &FAM, const Options &O);

// Functions with a poll before whatever they call that may lead back to them, so that every cycle of the call graph has one. A
// cycle inside the module gets its poll where a depth-first search closes it. A cycle that leaves the module comes back through a
// function that can be called from outside, so those that lead outside again poll; what only such functions call need not.
// Functions of libc that call nobody back do not count as outside.
struct EntryPolls {
	FunctionSet Functions;      // that poll
	FunctionSet Known, Leading; // those of the module; those of them from which a cycle may be closed
	bool Closed = false, AtEntry = false;

	// May the call lead back to the function that makes it?
	bool leadsBack(const llvm::Instruction &I, const FunctionSet &NoPoll) const;
};
EntryPolls findEntryPolls(llvm::ArrayRef<llvm::Function *> Functions, const FunctionSet &NoPoll, const Options &O);

// Where the polls of such a function go: before calls that may lead back, or terminators that every way to such calls passes, where that
// is run least often. A way that makes no such call has no poll then.
llvm::SmallVector<llvm::Instruction *, 4> entryPollPlaces(llvm::Function &F, llvm::FunctionAnalysisManager &FAM, const EntryPolls &Entry,
	const FunctionSet &NoPoll);

} // namespace optmig

#endif
