/* SPDX-License-Identifier: Apache-2.0 */
// Poll placement.
//
// A thread must reach a poll soon whatever it does, so every cycle of control flow carries one: each back-edge (found
// by depth-first search, so irreducible loops and computed gotos count too), and the entry of each function that
// calls something which may itself reach a safepoint. Innermost loops of a small constant number of iterations and no
// calls are short and go without.
#include "Polls.h"
#include "Stores.h"
#include "llvm/Analysis/CFG.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/ScalarEvolution.h"

using namespace llvm;
using namespace optmig;

static bool isShortLoop(Loop *L, ScalarEvolution &SE, const Options &O)
{
	if (!L->isInnermost()) return false;
	unsigned Trips = SE.getSmallConstantMaxTripCount(L);
	return Trips != 0 && Trips <= O.shortLoop;
}

void optmig::findPollBlocks(Function &F, FunctionAnalysisManager &FAM, const Options &O,
	SmallSetVector<BasicBlock *, 16> &Blocks, unsigned &ShortLoops)
{
	if (!O.polls) return;
	LoopInfo &LI = FAM.getResult<LoopAnalysis>(F);
	ScalarEvolution &SE = FAM.getResult<ScalarEvolutionAnalysis>(F);
	SmallVector<std::pair<const BasicBlock *, const BasicBlock *>, 16> Edges;
	FindFunctionBackedges(F, Edges);
	for (auto &[From, To] : Edges) {
		Loop *L = LI.getLoopFor(const_cast<BasicBlock *>(To));
		if (L && L->getHeader() == To && L->contains(const_cast<BasicBlock *>(From)) && isShortLoop(L, SE, O)) { ShortLoops++; continue; }
		Blocks.insert(const_cast<BasicBlock *>(From));
	}
}

FunctionSet optmig::inferNoPoll(ArrayRef<Function *> Functions, FunctionAnalysisManager &FAM, const Options &O)
{
	FunctionSet NoPoll;
	SmallVector<Function *, 32> Candidates;
	for (Function *F : Functions) {
		SmallSetVector<BasicBlock *, 16> Blocks;
		unsigned Ignored = 0;
		findPollBlocks(*F, FAM, O, Blocks, Ignored);
		if (Blocks.empty() && !F->isInterposable() && !F->hasFnAttribute(Attribute::Naked)) Candidates.push_back(F);
	}
	// Least fixed point: recursion never gets in.
	for (bool Changed = true; Changed;) {
		Changed = false;
		for (Function *F : Candidates) {
			if (NoPoll.count(F) || needsEntryPoll(*F, NoPoll)) continue;
			NoPoll.insert(F);
			Changed = true;
		}
	}
	return NoPoll;
}

bool optmig::needsEntryPoll(const Function &F, const FunctionSet &NoPoll)
{
	for (const BasicBlock &Block : F)
		for (const Instruction &I : Block)
			if (mayReachSafepoint(I, NoPoll)) return true;
	return false;
}
