/* SPDX-License-Identifier: Apache-2.0 */
// Loops that need no poll and no mark in every iteration.
#ifndef OPTMIG_PASS_STRIPS_H
#define OPTMIG_PASS_STRIPS_H

#include "Emit.h"
#include "Polls.h"
#include "Stores.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace optmig {

struct StripResult {
	llvm::SmallVector<CardMark, 8> Marks;
	llvm::SmallPtrSet<const llvm::Instruction *, 16> Covered; // stores that Marks take care of
	BlockSet Strips;                                          // headers of inner loops: no poll on their back-edges
};

// Splits loops into strips and hoists marks. Analyses of F are invalid afterwards if it returns true.
bool makeStrips(llvm::Function &F, llvm::FunctionAnalysisManager &FAM, const Options &O, const FunctionSet &NoPoll,
	llvm::ArrayRef<StoreRequest> Requests, Statistics &Stats, StripResult &Result);

} // namespace optmig

#endif
