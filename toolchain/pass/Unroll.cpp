/* SPDX-License-Identifier: Apache-2.0 */
// Unrolling.
//
// "while (a[i] < pivot) i++" is three instructions, and a poll adds two. A loop of which no bound is known cannot be cut
// into strips (Strips.cpp), but it can do a few iterations between two polls if it is unrolled, exits and all. That is
// done with innermost loops that are small, call nothing, and write only where the marks of all iterations can be made
// at once at the loop's head (findHeadPolls): a gate in every copy would cost what the polls have cost.
#include "Unroll.h"
#include "Strips.h"
#include "llvm/Analysis/AssumptionCache.h"
#include "llvm/Analysis/OptimizationRemarkEmitter.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/Dominators.h"
#include "llvm/Transforms/Utils/LoopSimplify.h"
#include "llvm/Transforms/Utils/LoopUtils.h"
#include "llvm/Transforms/Utils/UnrollLoop.h"

using namespace llvm;
using namespace optmig;

namespace {
constexpr unsigned CopiesMax = 8, BlocksMax = 6;

unsigned copies(const Loop &L, const Options &O)
{
	unsigned Instructions = 0, Copies = 1;
	for (const BasicBlock *Block : L.blocks())
		for (const Instruction &I : Block->instructionsWithoutDebug()) Instructions += !isa<PHINode>(I) && !isa<GetElementPtrInst>(I);
	// The smallest gain most; the last copies of longer ones are much code for little.
	const unsigned Most = Instructions <= 4 ? O.unroll : O.unroll * 3 / 4;
	while (Copies < CopiesMax && Copies * 2 * Instructions <= Most) Copies *= 2;
	return Copies;
}
} // namespace

BlockSet optmig::unrollLoops(Function &F, FunctionAnalysisManager &FAM, const Options &O, const FunctionSet &NoPoll, Statistics &Stats)
{
	BlockSet Headers;
	if (!O.polls || !O.unroll || F.hasOptSize() || F.hasOptNone()) return Headers;
	auto &LI = FAM.getResult<LoopAnalysis>(F);
	auto &SE = FAM.getResult<ScalarEvolutionAnalysis>(F);
	auto &DT = FAM.getResult<DominatorTreeAnalysis>(F);
	auto &AC = FAM.getResult<AssumptionAnalysis>(F);
	auto &TTI = FAM.getResult<TargetIRAnalysis>(F);
	auto &Remarks = FAM.getResult<OptimizationRemarkEmitterAnalysis>(F);
	for (Loop *L : LI.getLoopsInPreorder()) {
		if (!L->isInnermost() || L->getNumBlocks() > BlocksMax || isShortLoop(L, SE, O)) continue;
		unsigned Copies = copies(*L, O);
		if (Copies < 2 || !L->getLoopPreheader() || !L->getLoopLatch() || !L->isSafeToClone() || canStrip(*L, SE, DT, O, NoPoll) ||
			!canPollAtHead(*L, SE, DT, O, NoPoll)) continue;
		simplifyLoop(L, &DT, &LI, &SE, &AC, nullptr, false);
		formLCSSA(*L, DT, &LI, &SE);
		if (!L->isLoopSimplifyForm()) continue;
		BasicBlock *Header = L->getHeader();
		UnrollLoopOptions How = {Copies, true, false, false, false, true, nullptr};
		if (UnrollLoop(L, How, &LI, &SE, &DT, &AC, &TTI, &Remarks, true) != LoopUnrollResult::PartiallyUnrolled) continue;
		Headers.insert(Header);
		Stats.Unrolled++;
	}
	return Headers;
}
