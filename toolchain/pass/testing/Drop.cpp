/* SPDX-License-Identifier: Apache-2.0 */
// 'drop=CLASS': marks of a class are left out, so that the program is wrong and a test has something to find.
#include "../Options.h"
#include "llvm/IR/CFG.h"
#include "llvm/IR/Dominators.h"
#include "llvm/IR/Instructions.h"
#include <cstdlib>

using namespace llvm;
using namespace optmig;

namespace {

struct DropClass { const char *Name; MarkClass Class; };
const DropClass DropClasses[] = {
	{"store", MarkStore}, {"atomic", MarkAtomic}, {"mem", MarkMem}, {"masked", MarkMasked},
	{"asm", MarkAsm}, {"intrinsic", MarkIntrinsic}, {"span-end", MarkSpanEnd}, {"strip", MarkStrip},
	{"head", MarkHead}, {"fused", MarkFused}, {"invoke", MarkInvoke},
	{"landingpad", MarkLandingPad}, {"cleanup", MarkCleanup}, {"guard", MarkGuard}, {"coroutine", MarkCoroutine},
	{"noreturn", MarkNoReturn}, {"terminator", MarkTerminator},
	{"join", MarkJoin}, {"entry", MarkEntry},
};

// The call of a function of that name which stands before every way to the instruction.
bool behindCallOf(const Instruction &At, StringRef Name)
{
	Function &F = const_cast<Function &>(*At.getFunction());
	const DominatorTree Tree(F);
	for (const BasicBlock &Block : F)
		for (const Instruction &I : Block)
			if (auto *Call = dyn_cast<CallBase>(&I))
				if (Call->getCalledFunction() && Call->getCalledFunction()->getName() == Name && Tree.dominates(Call, &At)) return true;
	return false;
}

bool behindLandingPad(const BasicBlock &At)
{
	Function &F = const_cast<Function &>(*At.getParent());
	const DominatorTree Tree(F);
	for (const BasicBlock &Block : F)
		if (Block.isLandingPad() && Tree.dominates(&Block, &At)) return true;
	return false;
}

// The block's end, or that of those that it can only lead to.
const Instruction *comesTo(const BasicBlock *Block)
{
	for (unsigned Steps = 0; Steps < 32 && Block->getSingleSuccessor(); Steps++) Block = Block->getSingleSuccessor();
	return Block->getTerminator();
}

} // namespace

unsigned optmig::testingPlace(const Instruction &At)
{
	const BasicBlock &Block = *At.getParent();
	const Instruction *End = comesTo(&Block);
	unsigned Place = 0;
	if (At.isTerminator()) Place |= MarkTerminator;
	if (behindLandingPad(Block)) Place |= isa<ResumeInst>(End) ? MarkCleanup : MarkLandingPad;
	if (behindCallOf(At, "__cxa_guard_acquire")) Place |= MarkGuard;
	if (Block.getTerminatingMustTailCall()) Place |= MarkCoroutine;
	if (isa<UnreachableInst>(End)) Place |= MarkNoReturn;
	return Place;
}

const char *const optmig::testingOptions[] = {"drop", nullptr};

bool optmig::testingOption(StringRef Name, StringRef Value, Options &Into, std::string &Problem)
{
	if (Name != "drop") return false;
	const char *Test = getenv("OPTMIG_PASS_TEST");
	if (!Test || StringRef(Test) != "1") {
		Problem = "'drop' makes wrong programs; it is for mutation tests with OPTMIG_PASS_TEST=1";
		return true;
	}
	for (const DropClass &Class : DropClasses)
		if (Value == Class.Name) { Into.drop |= Class.Class; return true; }
	Problem = ("unknown mark class '" + Value + "'").str();
	return true;
}
