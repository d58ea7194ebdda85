/* SPDX-License-Identifier: Apache-2.0 */
// Marks that wait for a look further on.
#ifndef OPTMIG_PASS_JOINS_H
#define OPTMIG_PASS_JOINS_H

#include "Emit.h"
#include "Intervals.h"
#include "Polls.h"

namespace optmig {

// Moves the spans of segments at the ends of blocks to looks that come later in the same interval, where that is fewer looks.
// Condition says where a look before a block's terminator goes, Polls where polls stand, PollsAtHead which blocks begin with one.
void joinGates(llvm::Function &F, llvm::FunctionAnalysisManager &FAM, const Options &O,
	const llvm::DenseMap<const llvm::BasicBlock *, BlockSegments> &Blocks, const PollPlaces &Condition, const PollPlaces &Polls,
	const BlockSet &PollsAtHead, llvm::SmallVectorImpl<Span> &Spans, Statistics &Stats);

} // namespace optmig

#endif
