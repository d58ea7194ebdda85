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

// Functions with a poll at their entry, so that every cycle of the call graph has one. A cycle inside the module gets its
// poll where a depth-first search closes it. A cycle that leaves the module comes back through a function that can be
// called from outside, so those that lead outside again poll; what only such functions call need not. Functions of libc
// that call nobody back do not count as outside.
FunctionSet findEntryPolls(llvm::ArrayRef<llvm::Function *> Functions, const FunctionSet &NoPoll, const Options &O);

} // namespace optmig

#endif
