/* SPDX-License-Identifier: Apache-2.0 */
// The pass: makes every store to tracked memory leave a mark in the card table, and every cycle of control flow pass a
// safepoint (abi/passrt.h; invariant S). It runs once per module, after all optimisations of IR, so that nothing later
// adds a store that it has not seen; what the code generator adds (spills, arguments on the stack) is live stack.
//
//   Options    the option table                    Stores     what is written, construct by construct
//   AsmText    what inline assembly can write      Intervals  safepoint intervals, merging
//   Polls      where polls go                      Strips     loops cut into strips; marks before loops
//   Unroll     several iterations between two polls   Joins      marks that wait for a look further on
//   Emit       the code
//
// Running it twice does nothing: the module carries a flag.
#include "Emit.h"
#include "Intervals.h"
#include "AsmText.h"
#include "Joins.h"
#include "Polls.h"
#include "Strips.h"
#include "Stores.h"
#include "Unroll.h"
#include "llvm/IR/DebugInfo.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Passes/PassPlugin.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using namespace optmig;

namespace {

constexpr const char DoneFlag[] = "optmig.done";

// Functions with an annotation, by the annotation's text.
FunctionSet annotated(Module &M, StringRef Text)
{
	FunctionSet Found;
	GlobalVariable *Annotations = M.getNamedGlobal("llvm.global.annotations");
	if (!Annotations || !Annotations->hasInitializer()) return Found;
	auto *Array = dyn_cast<ConstantArray>(Annotations->getInitializer());
	if (!Array) return Found;
	for (Value *Entry : Array->operands()) {
		auto *Struct = dyn_cast<ConstantStruct>(Entry);
		if (!Struct) continue;
		auto *F = dyn_cast<Function>(Struct->getOperand(0)->stripPointerCasts());
		auto *Name = dyn_cast<GlobalVariable>(Struct->getOperand(1)->stripPointerCasts());
		if (!F || !Name || !Name->hasInitializer()) continue;
		auto *String = dyn_cast<ConstantDataSequential>(Name->getInitializer());
		if (String && String->isCString() && String->getAsCString() == Text) Found.insert(F);
	}
	return Found;
}

class OptMigPass : public PassInfoMixin<OptMigPass> {
public:
	explicit OptMigPass(Options O) : O(O) {}
	static bool isRequired() { return true; }

	PreservedAnalyses run(Module &M, ModuleAnalysisManager &MAM)
	{
		if (M.getModuleFlag(DoneFlag)) return PreservedAnalyses::all();
		M.addModuleFlag(Module::Override, DoneFlag, 1);
		auto &FAM = MAM.getResult<FunctionAnalysisManagerModuleProxy>(M).getManager();
		Statistics Stats;
		FunctionSet Off = annotated(M, AnnotationOff), Marked = annotated(M, AnnotationMarked);
		SmallVector<Function *, 32> Functions;
		for (Function &F : M)
			if (!F.isDeclaration() && !F.hasAvailableExternallyLinkage() && !Off.count(&F)) Functions.push_back(&F);
		for (Function *F : Functions) repairDebugInfo(*F);
		callWeakByTable(M);
		checkModuleAsm(M);
		FunctionSet NoPoll = inferNoPoll(Functions, FAM, O);
		EntryPolls Entry = findEntryPolls(Functions, NoPoll, O);
		ArgumentSet OnStack = O.stackArguments ? inferStackArguments(M, Functions) : ArgumentSet();
		Stats.Functions = Functions.size();
		Stats.NoPoll = NoPoll.size();
		Emitter Emit(M, O, Stats);
		for (Function *F : Functions) instrument(*F, FAM, Emit, Stats, NoPoll, Entry, OnStack, Marked.count(F));
		if (O.marks) Emit.stamp(); // an object without marks is as good as one that has not been here
		if (O.statistics) print(M, Stats);
		return PreservedAnalyses::none();
	}

private:
	void instrument(Function &F, FunctionAnalysisManager &FAM, Emitter &Emit, Statistics &Stats, const FunctionSet &NoPoll, const EntryPolls &Entry,
		const ArgumentSet &OnStack, bool IsMarked)
	{
		// Analyse everything first: emission splits blocks.
		SmallVector<StoreRequest, 32> Requests, Single;
		BlockSet Unrolled;
		if (!F.hasFnAttribute(Attribute::Naked)) Unrolled = unrollLoops(F, FAM, O, NoPoll, Stats);
		if (!Unrolled.empty()) FAM.invalidate(F, PreservedAnalyses::none());
		StoreCollector(F, FAM.getResult<LoopAnalysis>(F), OnStack, IsMarked).collect(Requests);
		if (F.hasFnAttribute(Attribute::Naked)) return; // nothing but assembly, which has been looked at
		Stats.Stores += Requests.size();
		StripResult Strips;
		if (makeStrips(F, FAM, O, NoPoll, Requests, Stats, Strips)) FAM.invalidate(F, PreservedAnalyses::none());
		findHeadPolls(F, FAM, O, Unrolled, Requests, Strips);
		copy_if(Requests, std::back_inserter(Single), [&](const StoreRequest &R) { return !Strips.Covered.count(R.At); });
		SmallSetVector<BasicBlock *, 16> PollBlocks;
		findPollBlocks(F, FAM, O, Strips.Strips, PollBlocks, Stats.ShortLoops);
		SmallPtrSet<const Instruction *, 4> AtCalls;
		SmallVector<Instruction *, 4> EntryPlaces;
		if (Entry.Functions.count(&F)) EntryPlaces = entryPollPlaces(F, FAM, Entry, NoPoll);
		for (Instruction *Place : EntryPlaces) {
			if (Place->isTerminator()) PollBlocks.insert(Place->getParent());
			else AtCalls.insert(Place);
		}
		PollPlaces Condition, Polls;
		for (BasicBlock &Block : F) Condition[&Block] = sinkCondition(Block);
		for (BasicBlock *Block : PollBlocks) Polls[Block] = Condition[Block];
		SmallVector<Span, 32> Spans;
		BlockSet HeadPolls;
		for (const HeadPoll &Head : Strips.Heads) HeadPolls.insert(Head.Header);
		IntervalBuilder Intervals(F, O, Stats, NoPoll, Polls, HeadPolls, AtCalls, FAM.getResult<LoopAnalysis>(F));
		Intervals.build(Single, Spans);
		if (O.marks && O.gate && O.sink && O.fuse && O.merge && O.join) joinGates(F, FAM, O, Intervals.Blocks, Condition, Polls, HeadPolls, Spans, Stats);
		SmallVector<Instruction *, 16> PollPoints;
		for (BasicBlock *Block : PollBlocks) PollPoints.push_back(Condition[Block]);
		copy_if(EntryPlaces, std::back_inserter(PollPoints), [&](const Instruction *Place) { return AtCalls.count(Place); });
		Emit.enter(FAM.getResult<LoopAnalysis>(F), Spans, PollPoints);
		DenseMap<const Instruction *, SmallVector<Span, 4>> AtPoll;
		if (O.marks && O.gate && O.fuse) takeFused(Spans, AtPoll);

		// Polls before marks: what is marked before a terminator is in the interval behind it.
		for (const HeadPoll &Head : Strips.Heads) Emit.poll(Head);
		for (Instruction *Point : PollPoints) Emit.poll(Point, AtPoll.lookup(Point));
		if (O.marks) {
			if (!(O.drop & MarkStrip)) Emit.cards(Strips.Marks);
			Emit.spans(Spans);
			for (const StoreRequest &R : Requests)
				if (R.Lane >= 0 && !(O.drop & R.Class)) Emit.lane(R);
		}
		if (O.verify)
			for (const StoreRequest &R : Requests) Emit.verify(R);
		FAM.invalidate(F, PreservedAnalyses::none());
		if (verifyFunction(F, &errs())) report_fatal_error("OptMig: the pass has broken '" + F.getName() + "', which is a fault of its own", false);
	}

	// clang gives the dispatcher that it makes for target_clones the debug information of the function that it dispatches to, and
	// its calls no line. The back end does not mind; the verifier below would call it our fault. Such a function has no source.
	static void repairDebugInfo(Function &F)
	{
		if (!F.getSubprogram() || !verifyFunction(F)) return;
		stripDebugInfo(F);
		if (verifyFunction(F, &errs())) report_fatal_error("OptMig: '" + F.getName() + "' was broken before the pass saw it", false);
	}

	// A function that may be missing is at address 0 then, which a direct call in an image does not reach.
	static void callWeakByTable(Module &M)
	{
		for (Function &F : M)
			if (F.hasExternalWeakLinkage()) F.addFnAttr(Attribute::NonLazyBind);
	}

	// Spans of segments that end in a poll, by the poll's place.
	static void takeFused(SmallVectorImpl<Span> &Spans, DenseMap<const Instruction *, SmallVector<Span, 4>> &AtPoll)
	{
		for (const Span &S : Spans)
			if (S.Poll) AtPoll[S.Poll].push_back(S);
		erase_if(Spans, [](const Span &S) { return S.Poll != nullptr; });
	}

	// A look at the flag overwrites the processor's condition codes: what only the terminator asks for is computed behind it.
	// Returns the first instruction of that.
	static Instruction *sinkCondition(BasicBlock &Block)
	{
		Instruction *End = Block.getTerminator();
		SmallVector<Instruction *, 4> Work = {End};
		for (unsigned Moved = 0; !Work.empty() && Moved < 8;)
			for (Value *Operand : Work.pop_back_val()->operands()) {
				auto *I = dyn_cast<Instruction>(Operand);
				if (!I || I->getParent() != &Block || !I->hasOneUse() || !I->getType()->isIntegerTy(1)) continue;
				if (!isa<CmpInst>(I) && !isa<BinaryOperator>(I) && !isa<SelectInst>(I) && !isa<FreezeInst>(I)) continue;
				I->moveBefore(End);
				End = I;
				Work.push_back(I);
				Moved++;
			}
		return End;
	}

	// File-scope assembly carries whole functions. It may call, but not write except to the stack.
	static void checkModuleAsm(Module &M)
	{
		AsmVerdict Verdict = readAsmText(M.getModuleInlineAsm());
		if (Verdict.Writes)
			M.getContext().emitError("OptMig cannot see what memory this file-scope assembly writes (" + Verdict.Instruction +
				"); mark it there and put OPTMIG_ASM_MARKED at its start (<optmig.h>)");
	}

	static void print(Module &M, const Statistics &S)
	{
		errs() << "optmig: " << M.getName() << ": functions " << S.Functions << " without poll " << S.NoPoll << " stores " << S.Stores
			<< " merged " << S.Merged << " available " << S.Available << " marks " << S.Marks << " ranges " << S.Ranges << " polls "
			<< S.Polls << " short loops " << S.ShortLoops << " strips " << S.Strips << " hoisted " << S.Hoisted << " gates " << S.Gates
			<< " fused " << S.Fused << " unrolled " << S.Unrolled << " at heads " << S.Heads << " waiting " << S.Waiting << "\n";
	}

	Options O;
};

// Options that do not parse end the compilation: a wrong program would be worse.
Options mustParse(Expected<Options> Parsed)
{
	if (Parsed) return *Parsed;
	report_fatal_error(Parsed.takeError(), false);
}

} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK __attribute__((visibility("default"))) PassPluginLibraryInfo llvmGetPassPluginInfo()
{
	return {LLVM_PLUGIN_API_VERSION, "OptMig", "1", [](PassBuilder &PB) {
		PB.registerOptimizerLastEPCallback([](ModulePassManager &MPM, OptimizationLevel) {
			MPM.addPass(OptMigPass(mustParse(optionsFromEnvironment())));
		});
		PB.registerPipelineParsingCallback([](StringRef Name, ModulePassManager &MPM, ArrayRef<PassBuilder::PipelineElement>) {
			if (!Name.consume_front("optmig")) return false;
			Options Start = mustParse(optionsFromEnvironment());
			Name.consume_front("<");
			Name.consume_back(">");
			MPM.addPass(OptMigPass(mustParse(parseOptions(Name, Start))));
			return true;
		});
	}};
}
