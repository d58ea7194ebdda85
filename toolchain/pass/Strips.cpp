/* SPDX-License-Identifier: Apache-2.0 */
// Strips.
//
// An innermost loop without calls, left only at its latch when an induction variable reaches a bound, is cut into strips
// of K iterations:
//
//     preheader                            preheader
//     H: body                              O: marks of what the strip will write; limit = min(bound, x + K steps)
//        x += step                         H: body                          the loop as it was, with `limit` for `bound`
//        x == bound ? exit : H                x += step
//                                             x == limit ? C : H
//                                          C: x == bound ? exit : O         this back-edge polls
//
// so the poll and the marks are paid once in K iterations and the body is what it would be without the pass. K is such
// that no store advances by more than a page in a strip; the cards of its first and its last byte are then enough. Only
// stores that every iteration executes and whose address advances by a constant are treated so; the others keep their
// marks. Addresses at the start of the strip are computed by a copy of the instructions that compute them in the body.
//
// Loops of few iterations have no poll anyhow (Polls.cpp); their marks go before the loop in the same way.
//
// Marks are placed before a terminator and polls are emitted before marks, so a mark is always in the interval of the
// loop behind it.
#include "Strips.h"
#include "passrt.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/Analysis/ScalarEvolutionExpressions.h"
#include "llvm/IR/Dominators.h"
#include "llvm/Transforms/Utils/LoopUtils.h"

using namespace llvm;
using namespace optmig;

namespace {

constexpr int64_t PageSize = 1 << OM_CARD_SHIFT;
constexpr unsigned StripInstructions = 16384; // between two polls
constexpr uint64_t StripMin = 8;              // iterations; fewer do not pay
constexpr unsigned StripPollMax = 12;          // instructions of a loop that is cut for its poll alone: longer ones gain less than it takes
constexpr int64_t HoistMax = 512;             // bytes that may be marked beyond what a short loop writes
constexpr int64_t HeadStride = 64;            // bytes by which a store may advance that is marked at the loop's head

// Stores with one constant stride and constant distances: bytes [Low, High) of Pointer in the first iteration.
struct Group { Value *Pointer; const SCEV *Key; int64_t Stride, Low, High; SmallVector<const Instruction *, 4> Stores; };

struct Plan {
	BasicBlock *Preheader, *Header, *Latch, *Exit;
	SmallVector<Group, 4> Groups;
	bool Split;
	uint64_t Iterations;          // of a strip; of a short loop: at most
	// of loops that are split: left when Predicate(X, Bound)
	CmpInst::Predicate Predicate;
	PHINode *Induction;
	Value *X, *Bound;
	bool XIsNext;                 // X is the induction variable's next value
	int64_t Step;
};

class Planner {
public:
	Planner(Loop &L, ScalarEvolution &SE, DominatorTree &DT, const Options &O) : L(L), SE(SE), DT(DT), O(O) {}

	bool shape(Plan &P)
	{
		P.Preheader = L.getLoopPreheader();
		P.Header = L.getHeader();
		P.Latch = L.getLoopLatch();
		if (!P.Preheader || !P.Latch || L.getExitingBlock() != P.Latch || !isa<BranchInst>(P.Preheader->getTerminator())) return false;
		auto *Branch = dyn_cast<BranchInst>(P.Latch->getTerminator());
		if (!Branch || !Branch->isConditional()) return false;
		P.Exit = Branch->getSuccessor(Branch->getSuccessor(0) == P.Header);
		return P.Exit != P.Header;
	}

	void collect(ArrayRef<StoreRequest> Requests, Plan &P)
	{
		for (const StoreRequest &R : Requests) {
			if (!L.contains(R.At) || R.Lane >= 0 || (O.drop & R.Class) || R.Class == MarkAsm || R.Size > 512 ||
				!DT.dominates(R.At->getParent(), P.Latch)) continue;
			const SCEV *S = SE.getSCEV(R.Pointer);
			int64_t Stride = 0;
			if (!SE.isLoopInvariant(S, &L)) {
				auto *Rec = dyn_cast<SCEVAddRecExpr>(S);
				auto *By = Rec && Rec->getLoop() == &L && Rec->isAffine() ? dyn_cast<SCEVConstant>(Rec->getStepRecurrence(SE)) : nullptr;
				if (!By || By->getAPInt().getSignificantBits() > 32) continue;
				Stride = By->getAPInt().getSExtValue();
			}
			add(R, S, Stride, P);
		}
	}

	// Are the groups' spans within a page for at least Least iterations? Those that are not are left out.
	uint64_t fit(Plan &P, uint64_t Most, uint64_t Least)
	{
		erase_if(P.Groups, [&](const Group &G) { return spanOf(G, Least) > PageSize; });
		for (const Group &G : P.Groups)
			if (G.Stride) Most = std::min<uint64_t>(Most, (uint64_t)(PageSize - (G.High - G.Low)) / (uint64_t)std::abs(G.Stride) + 1);
		return Most;
	}

	static int64_t spanOf(const Group &G, uint64_t Iterations)
	{
		return std::abs(G.Stride) * (int64_t)(Iterations - 1) + (G.High - G.Low);
	}

	bool bound(Plan &P)
	{
		auto *Branch = cast<BranchInst>(P.Latch->getTerminator());
		auto *Compare = dyn_cast<ICmpInst>(Branch->getCondition());
		if (!Compare || isa<SCEVCouldNotCompute>(SE.getExitCount(&L, P.Latch))) return false;
		P.X = Compare->getOperand(0);
		P.Bound = Compare->getOperand(1);
		P.Predicate = Compare->getPredicate();
		if (L.isLoopInvariant(P.X)) { std::swap(P.X, P.Bound); P.Predicate = CmpInst::getSwappedPredicate(P.Predicate); }
		if (Branch->getSuccessor(0) == P.Header) P.Predicate = CmpInst::getInversePredicate(P.Predicate);
		return L.isLoopInvariant(P.Bound) && induction(P) && predicateFits(P);
	}

private:
	void add(const StoreRequest &R, const SCEV *S, int64_t Stride, Plan &P)
	{
		for (Group &G : P.Groups) {
			auto *Distance = G.Stride == Stride ? dyn_cast<SCEVConstant>(SE.getMinusSCEV(S, G.Key)) : nullptr;
			if (!Distance || Distance->getAPInt().getSignificantBits() > 16) continue;
			int64_t Low = std::min(G.Low, Distance->getAPInt().getSExtValue());
			int64_t High = std::max(G.High, Distance->getAPInt().getSExtValue() + (int64_t)R.Size);
			if (High - Low > PageSize / 4) continue;
			G.Low = Low;
			G.High = High;
			G.Stores.push_back(R.At);
			return;
		}
		if (canCopy(R.Pointer, 0)) P.Groups.push_back({R.Pointer, S, Stride, 0, (int64_t)R.Size, {R.At}});
	}

	// Can the value be computed before the loop from the values with which it starts?
	bool canCopy(const Value *V, unsigned Depth)
	{
		auto *I = dyn_cast<Instruction>(V);
		if (!I || !L.contains(I)) return true;
		if (auto *Phi = dyn_cast<PHINode>(I)) return Phi->getParent() == L.getHeader();
		if (Depth > 6 || !(isa<GetElementPtrInst>(I) || isa<BinaryOperator>(I) || isa<CastInst>(I)) || I->isIntDivRem()) return false;
		return all_of(I->operands(), [&](const Use &U) { return canCopy(U.get(), Depth + 1); });
	}

	bool induction(Plan &P)
	{
		for (PHINode &Phi : P.Header->phis()) {
			P.XIsNext = Phi.getIncomingValueForBlock(P.Latch) == P.X;
			if (!P.XIsNext && &Phi != P.X) continue;
			auto *Rec = SE.isSCEVable(Phi.getType()) ? dyn_cast<SCEVAddRecExpr>(SE.getSCEV(&Phi)) : nullptr;
			auto *By = Rec && Rec->getLoop() == &L && Rec->isAffine() ? dyn_cast<SCEVConstant>(Rec->getStepRecurrence(SE)) : nullptr;
			if (!By || By->getAPInt().getSignificantBits() > 16 || By->isZero()) return false;
			P.Induction = &Phi;
			P.Step = By->getAPInt().getSExtValue();
			return Phi.getType()->isPointerTy() || Phi.getType()->getIntegerBitWidth() >= 32;
		}
		return false;
	}

	static bool predicateFits(const Plan &P)
	{
		switch (P.Predicate) {
		case CmpInst::ICMP_EQ: return true;
		case CmpInst::ICMP_UGE: case CmpInst::ICMP_UGT: case CmpInst::ICMP_SGE: case CmpInst::ICMP_SGT: return P.Step > 0;
		case CmpInst::ICMP_ULE: case CmpInst::ICMP_ULT: case CmpInst::ICMP_SLE: case CmpInst::ICMP_SLT: return P.Step < 0;
		default: return false;
		}
	}

	Loop &L;
	ScalarEvolution &SE;
	DominatorTree &DT;
	const Options &O;
};

class Builder {
public:
	Builder(Plan &P, const BlockSet &Inside, StripResult &Result) : P(P), Inside(Inside), Result(Result) {}

	void hoist()
	{
		for (PHINode &Phi : P.Header->phis()) Start[&Phi] = Phi.getIncomingValueForBlock(P.Preheader);
		IRBuilder<> B(P.Preheader->getTerminator());
		Result.Strips.insert(P.Header);
		marks(B, B.getInt64(P.Iterations - 1), 1, false);
	}

	void split()
	{
		LLVMContext &C = P.Header->getContext();
		Function *F = P.Header->getParent();
		BasicBlock *Outer = BasicBlock::Create(C, "strip", F, P.Header), *Check = BasicBlock::Create(C, "strip.end", F);
		Check->moveAfter(P.Latch);
		IRBuilder<> B(Outer);
		P.Preheader->getTerminator()->replaceSuccessorWith(P.Header, Outer);
		for (PHINode &Phi : P.Header->phis()) {
			PHINode *New = B.CreatePHI(Phi.getType(), 2);
			New->addIncoming(Phi.getIncomingValueForBlock(P.Preheader), P.Preheader);
			New->addIncoming(Phi.getIncomingValueForBlock(P.Latch), Check);
			Start[&Phi] = New;
		}
		for (PHINode &Phi : P.Header->phis()) {
			int At = Phi.getBasicBlockIndex(P.Preheader);
			Phi.setIncomingValue((unsigned)At, Start[&Phi]);
			Phi.setIncomingBlock((unsigned)At, Outer);
		}
		Instruction *End = B.CreateBr(P.Header);
		B.SetInsertPoint(End);
		Value *Distance;
		Value *Limit = limit(B, Distance);
		bool Exact = P.Predicate == CmpInst::ICMP_EQ;
		marks(B, Distance, std::abs(P.Step), !Exact);

		auto *Branch = cast<BranchInst>(P.Latch->getTerminator());
		IRBuilder<> Inner(Branch), Last(Check);
		Value *Over = Inner.CreateICmp(P.Predicate, P.X, Limit);
		Inner.CreateCondBr(Over, Check, P.Header)->setDebugLoc(Branch->getDebugLoc());
		auto *Unused = cast<Instruction>(Branch->getCondition());
		Branch->eraseFromParent();
		if (Unused->use_empty()) Unused->eraseFromParent();
		Last.CreateCondBr(Last.CreateICmp(P.Predicate, P.X, P.Bound), P.Exit, Outer);
		P.Exit->replacePhiUsesWith(P.Latch, Check);
		Result.Strips.insert(P.Header);
	}

private:
	// The strip's bound, and how far the induction variable moves in it (as i64, not negative).
	Value *limit(IRBuilder<> &B, Value *&Distance)
	{
		Type *I64 = B.getInt64Ty();
		Value *First = Start[P.Induction];
		bool Pointer = First->getType()->isPointerTy(), Up = P.Step > 0;
		auto plus = [&](Value *V, int64_t By) {
			return Pointer ? B.CreatePtrAdd(V, B.getInt64((uint64_t)By)) : B.CreateAdd(V, ConstantInt::getSigned(V->getType(), By));
		};
		auto number = [&](Value *V) { return Pointer ? B.CreatePtrToInt(V, I64) : V; };
		if (P.XIsNext) First = plus(First, P.Step);
		Value *X = number(First), *Bound = number(P.Bound);
		Value *Left = Up ? B.CreateSub(Bound, X) : B.CreateSub(X, Bound);
		int64_t Most = std::abs(P.Step) * (int64_t)(P.Iterations - 1);
		Value *Whole = B.CreateICmpUGT(Left, ConstantInt::get(Left->getType(), (uint64_t)Most));
		int64_t Correction = 0;
		if (P.Predicate != CmpInst::ICMP_EQ) {
			// At most one iteration if the bound has been passed before the first.
			bool Signed = CmpInst::isSigned(P.Predicate);
			Value *Ahead = Up ? (Signed ? B.CreateICmpSGT(Bound, X) : B.CreateICmpUGT(Bound, X))
				: (Signed ? B.CreateICmpSLT(Bound, X) : B.CreateICmpULT(Bound, X));
			Whole = B.CreateAnd(Whole, Ahead);
			Left = B.CreateSelect(Ahead, Left, ConstantInt::get(Left->getType(), 0));
			if (P.Predicate == CmpInst::ICMP_UGT || P.Predicate == CmpInst::ICMP_SGT) Correction = -1;
			if (P.Predicate == CmpInst::ICMP_ULT || P.Predicate == CmpInst::ICMP_SLT) Correction = 1;
		}
		Distance = B.CreateZExt(B.CreateSelect(Whole, ConstantInt::get(Left->getType(), (uint64_t)Most), Left), I64);
		return B.CreateSelect(Whole, plus(First, P.Step * (int64_t)(P.Iterations - 1) + Correction), P.Bound);
	}

	// First and last byte of each group. Distance / Step is the number of iterations less one, rounded up with Rounded.
	void marks(IRBuilder<> &B, Value *Distance, int64_t Step, bool Rounded)
	{
		Instruction *Before = &*B.GetInsertPoint();
		for (const Group &G : P.Groups) {
			Value *At = B.CreatePtrToInt(copyBefore(G.Pointer, Start, Inside, Before), B.getInt64Ty());
			Value *Moved = nullptr;
			if (G.Stride && G.Stride % Step == 0 && !isa<ConstantInt>(Distance)) {
				Moved = B.CreateMul(Distance, ConstantInt::getSigned(B.getInt64Ty(), G.Stride / Step));
				if (Rounded) Moved = B.CreateAdd(Moved, ConstantInt::getSigned(B.getInt64Ty(), G.Stride));
			} else if (G.Stride) {
				Moved = ConstantInt::getSigned(B.getInt64Ty(), G.Stride * (int64_t)(P.Iterations - 1));
			}
			auto mark = [&](bool Last, int64_t Offset) {
				Value *Address = Last && Moved ? B.CreateAdd(At, Moved) : At;
				if (Offset) Address = B.CreateAdd(Address, ConstantInt::getSigned(B.getInt64Ty(), Offset));
				Result.Marks.push_back({Address, Before});
			};
			mark(G.Stride < 0, G.Low);
			if (G.Stride || G.High - G.Low > 1) mark(G.Stride > 0, G.High - 1);
			for (const Instruction *Store : G.Stores) Result.Covered.insert(Store);
		}
	}

	Plan &P;
	const BlockSet &Inside;
	StripResult &Result;
	DenseMap<Value *, Value *> Start;
};

bool callsNothing(const Loop &L, const FunctionSet &NoPoll, unsigned &Instructions, bool &Vector)
{
	Instructions = 0;
	Vector = false;
	for (const BasicBlock *Block : L.blocks())
		for (const Instruction &I : *Block) {
			if (mayReachSafepoint(I, NoPoll)) return false;
			Vector |= I.getType()->isVectorTy();
			Instructions++;
		}
	return true;
}

} // namespace

Value *optmig::copyBefore(Value *V, const DenseMap<Value *, Value *> &Start, const BlockSet &Inside, Instruction *Before)
{
	if (Value *Replaced = Start.lookup(V)) return Replaced;
	auto *I = dyn_cast<Instruction>(V);
	if (!I || !Inside.count(I->getParent())) return V;
	Instruction *Copy = I->clone();
	Copy->dropPoisonGeneratingFlags();
	for (Use &U : Copy->operands()) U.set(copyBefore(U.get(), Start, Inside, Before));
	Copy->insertBefore(Before);
	return Copy;
}

bool optmig::canStrip(Loop &L, ScalarEvolution &SE, DominatorTree &DT, const Options &O, const FunctionSet &NoPoll)
{
	Plan P;
	unsigned Instructions;
	bool Vector;
	Planner Planner(L, SE, DT, O);
	return O.strip > 1 && Planner.shape(P) && callsNothing(L, NoPoll, Instructions, Vector) && Planner.bound(P);
}

bool optmig::canPollAtHead(Loop &L, ScalarEvolution &SE, DominatorTree &DT, const Options &O, const FunctionSet &NoPoll)
{
	const DataLayout &DL = L.getHeader()->getDataLayout();
	SmallVector<StoreRequest, 4> Requests;
	unsigned Instructions;
	bool Vector;
	if (!callsNothing(L, NoPoll, Instructions, Vector)) return false;
	for (BasicBlock *Block : L.blocks())
		for (Instruction &I : *Block) {
			auto *Store = dyn_cast<StoreInst>(&I);
			if (!Store && I.mayWriteToMemory() && !isa<LoadInst>(I)) return false;
			if (Store) Requests.push_back({Store, Store->getPointerOperand(), DL.getTypeStoreSize(Store->getValueOperand()->getType()), Store->getAlign(), MarkStore});
		}
	if (Requests.empty()) return true;
	Plan P;
	P.Latch = L.getLoopLatch();
	if (!O.gate || !O.fuse || !O.merge) return false;
	Planner(L, SE, DT, O).collect(Requests, P);
	size_t Found = 0;
	for (const Group &G : P.Groups) {
		Found += G.Stores.size();
		if (std::abs(G.Stride) > HeadStride) return false;
	}
	return Found == Requests.size();
}

void optmig::findHeadPolls(Function &F, FunctionAnalysisManager &FAM, const Options &O, const BlockSet &Headers,
	ArrayRef<StoreRequest> Requests, StripResult &Result)
{
	if (Headers.empty()) return;
	auto &LI = FAM.getResult<LoopAnalysis>(F);
	auto &SE = FAM.getResult<ScalarEvolutionAnalysis>(F);
	auto &DT = FAM.getResult<DominatorTreeAnalysis>(F);
	for (Loop *L : LI.getLoopsInPreorder()) {
		Plan P;
		P.Latch = L->getLoopLatch();
		if (!Headers.count(L->getHeader()) || Result.Strips.count(L->getHeader()) || !L->isInnermost() || !P.Latch || isShortLoop(L, SE, O)) continue;
		Planner(*L, SE, DT, O).collect(Requests, P);
		HeadPoll Head = {L->getHeader(), BlockSet(L->block_begin(), L->block_end()), {}};
		for (const Group &G : P.Groups) {
			if (G.High - G.Low > PageSize) continue;
			Head.Marks.push_back({G.Pointer, G.Low, G.High});
			Result.Covered.insert(G.Stores.begin(), G.Stores.end());
		}
		if (Head.Marks.empty()) continue;
		Result.Strips.insert(Head.Header);
		Result.Heads.push_back(std::move(Head));
	}
}

bool optmig::makeStrips(Function &F, FunctionAnalysisManager &FAM, const Options &O, const FunctionSet &NoPoll,
	ArrayRef<StoreRequest> Requests, Statistics &Stats, StripResult &Result)
{
	if (!O.polls || !O.strip) return false;
	auto &LI = FAM.getResult<LoopAnalysis>(F);
	auto &SE = FAM.getResult<ScalarEvolutionAnalysis>(F);
	auto &DT = FAM.getResult<DominatorTreeAnalysis>(F);
	SmallVector<Plan, 8> Plans;
	SmallVector<BlockSet, 8> Insides;
	for (Loop *L : LI.getLoopsInPreorder()) {
		Plan P;
		unsigned Instructions;
		bool Vector;
		Planner Plan(*L, SE, DT, O);
		if (!L->isInnermost() || !Plan.shape(P) || !callsNothing(*L, NoPoll, Instructions, Vector)) continue;
		if (O.merge) Plan.collect(Requests, P);
		unsigned Trips = SE.getSmallConstantMaxTripCount(L);
		P.Split = !isShortLoop(L, SE, O);
		if (P.Split) {
			if ((O.strip == 1 && !Vector) || !Plan.bound(P)) continue;
			P.Iterations = Plan.fit(P, std::max<uint64_t>(StripInstructions / Instructions, StripMin), StripMin);
			if (P.Predicate != CmpInst::ICMP_EQ) P.Iterations--; // marks are rounded up by one iteration
			if (P.Groups.empty() && !Vector && (O.strip == 2 || Instructions > StripPollMax)) continue;
			formLCSSA(*L, DT, &LI, &SE);
			Stats.Strips++;
		} else {
			bool Exact = SE.getSmallConstantTripCount(L) == Trips;
			Plan.fit(P, Trips, Trips);
			erase_if(P.Groups, [&](const Group &G) { return !Exact && Planner::spanOf(G, Trips) > HoistMax; });
			P.Iterations = Trips;
			if (P.Groups.empty() || (Trips < 2 && Exact)) continue;
			Stats.Hoisted++;
		}
		Plans.push_back(P);
		Insides.emplace_back(L->block_begin(), L->block_end());
	}
	for (size_t I = 0; I < Plans.size(); I++) {
		Builder B(Plans[I], Insides[I], Result);
		if (Plans[I].Split) B.split();
		else B.hoist();
	}
	return !Plans.empty();
}
