/* SPDX-License-Identifier: Apache-2.0 */
// Loops that need no poll and no mark in every iteration.
#ifndef OPTMIG_PASS_STRIPS_H
#define OPTMIG_PASS_STRIPS_H

#include "Emit.h"
#include "Polls.h"
#include "Stores.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace optmig {

// A loop that polls at its head, and marks there what the iterations up to the next poll may write.
struct HeadPoll {
	struct Mark { llvm::Value *Pointer; int64_t Low, High; };
	llvm::BasicBlock *Header;
	BlockSet Inside;
	llvm::SmallVector<Mark, 2> Marks;
};

struct StripResult {
	llvm::SmallVector<CardMark, 8> Marks;
	llvm::SmallPtrSet<const llvm::Instruction *, 16> Covered; // stores that Marks take care of
	BlockSet Strips;                                          // headers of inner loops: no poll on their back-edges
	llvm::SmallVector<HeadPoll, 2> Heads;                     // their headers are in Strips, their stores in Covered
};

// Splits loops into strips and hoists marks. Analyses of F are invalid afterwards if it returns true.
bool makeStrips(llvm::Function &F, llvm::FunctionAnalysisManager &FAM, const Options &O, const FunctionSet &NoPoll,
	llvm::ArrayRef<StoreRequest> Requests, Statistics &Stats, StripResult &Result);

// Would makeStrips() split this loop?
bool canStrip(llvm::Loop &L, llvm::ScalarEvolution &SE, llvm::DominatorTree &DT, const Options &O, const FunctionSet &NoPoll);

// Can everything that the loop writes be marked at its head, before it is written?
bool canPollAtHead(llvm::Loop &L, llvm::ScalarEvolution &SE, llvm::DominatorTree &DT, const Options &O, const FunctionSet &NoPoll);

// Fills Heads with those of the loops at Headers that have stores, for as many of the stores as can be marked at the head.
void findHeadPolls(llvm::Function &F, llvm::FunctionAnalysisManager &FAM, const Options &O, const BlockSet &Headers,
	llvm::ArrayRef<StoreRequest> Requests, StripResult &Result);

// Copies the computation of V, as far as it is inside the loop, before an instruction, with the loop's phis replaced by what Start
// says of them there.
llvm::Value *copyBefore(llvm::Value *V, const llvm::DenseMap<llvm::Value *, llvm::Value *> &Start, const BlockSet &Inside,
	llvm::Instruction *Before);

} // namespace optmig

#endif
