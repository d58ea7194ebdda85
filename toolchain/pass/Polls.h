/* SPDX-License-Identifier: Apache-2.0 */
// Where polls go, and which functions never reach one.
#ifndef OPTMIG_PASS_POLLS_H
#define OPTMIG_PASS_POLLS_H

#include "Options.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/IR/PassManager.h"
#include "llvm/IR/Function.h"

namespace optmig {

using FunctionSet = llvm::SmallPtrSet<const llvm::Function *, 32>;
using BlockSet = llvm::SmallPtrSet<const llvm::BasicBlock *, 16>;

// Blocks that get a poll before their terminator: the sources of back-edges, save those of short loops.
void findPollBlocks(llvm::Function &F, llvm::FunctionAnalysisManager &FAM, const Options &O,
	llvm::SmallSetVector<llvm::BasicBlock *, 16> &Blocks, unsigned &ShortLoops);

// Functions of this module that neither poll nor call what may.
FunctionSet inferNoPoll(llvm::ArrayRef<llvm::Function *> Functions, llvm::FunctionAnalysisManager &FAM, const Options &O);

// A function polls at its entry if it calls something that may reach a safepoint: then every cycle of the call graph
// has a poll, and so has every loop that was left without one because its body calls.
bool needsEntryPoll(const llvm::Function &F, const FunctionSet &NoPoll);

} // namespace optmig

#endif
