/* SPDX-License-Identifier: Apache-2.0 */
// Marks that wait.
//
// A mark may be made anywhere in the interval of its store. So a segment that ends with its block need not look at the flag
// there, if on every way from there a look comes before the next safepoint:
//
//     A: store p         no look here                A: store p
//     br c, B, C                                      br D
//     B: store q, look: p and q                       B: store q
//     C: poll, look: p                                br D
//                                                     D: call, one look before it: p and q
//
// A block at whose end marks wait for its successors "hands on". It does so only if that is not more looks, weighed by the
// probability of the ways, and at most one that stands somewhere else instead of its own.
//
// What it takes to be sound. A look that takes over marks comes before the first safepoint of its block and of the way to it, so it is
// in the interval of the store. Where ways meet, a pointer is marked whichever way was taken: it has to be computed before the meeting
// on all of them, and loaded or stored through on all of them since, for a mark of a wild address would fault; that it names a page
// which nothing was written to on one of them costs a page. How a pointer is aligned is known from the accesses of one way only: of
// two spans of one pointer that become one the smaller alignment counts. Nothing waits over the end of an iteration, or for a look in
// a loop that the store is not in.
#include "Joins.h"
#include "passrt.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/Analysis/BlockFrequencyInfo.h"
#include "llvm/Analysis/BranchProbabilityInfo.h"
#include "llvm/IR/CFG.h"
#include "llvm/IR/Dominators.h"

using namespace llvm;
using namespace optmig;

namespace {

constexpr int64_t PageSize = 1 << OM_CARD_SHIFT;
constexpr int64_t Near = PageSize / 2;                // from a pointer on, where ways meet
constexpr unsigned SuccessorsMax = 4, DepthMax = 4, WaitingMax = 3; // pointers that are kept for a look
constexpr double WorthWhile = 0.7;                    // looks further on for one less here
constexpr double OftenEnough = 0.6;                   // how often what a look marks besides has been stored

class Joiner {
public:
	Joiner(Function &F, FunctionAnalysisManager &FAM, const Options &O, const DenseMap<const BasicBlock *, BlockSegments> &Blocks,
		const PollPlaces &Condition, const PollPlaces &Polls, const BlockSet &PollsAtHead, SmallVectorImpl<Span> &Spans)
		: F(F), DL(F.getDataLayout()), O(O), Blocks(Blocks), Condition(Condition), Polls(Polls), PollsAtHead(PollsAtHead), Spans(Spans),
		  LI(FAM.getResult<LoopAnalysis>(F)), DT(FAM.getResult<DominatorTreeAnalysis>(F)),
		  BPI(FAM.getResult<BranchProbabilityAnalysis>(F)), BFI(FAM.getResult<BlockFrequencyAnalysis>(F)) {}

	unsigned run()
	{
		ReversePostOrderTraversal<Function *> RPO(&F);
		Order.assign(RPO.begin(), RPO.end());
		for (size_t I = 0; I < Order.size(); I++) Number[Order[I]] = I;
		for (const Span &S : Spans) {
			Owners[S.Interval].insert(S.Base);
			if (S.Low < 0 || S.High > Near) Far.insert(S.Base);
		}
		for (BasicBlock *Block : Order)
			if (mayHandOn(*Block)) HandsOn.insert(Block);
		for (bool Changed = true; Changed;) {
			Changed = false;
			findWaiting();
			for (BasicBlock *Block : reverse(Order)) {
				if (!HandsOn.count(Block) || Leaving[Block].empty() || pays(*Block)) continue;
				HandsOn.erase(Block);
				Changed = true;
			}
		}
		return move();
	}

private:
	using Bases = SmallSetVector<Value *, 4>;

	const BlockSegments &segments(const BasicBlock &Block) const { return Blocks.find(&Block)->second; }
	bool own(const BasicBlock &Block, bool Tail) const
	{
		const BlockSegments &S = segments(Block);
		return Owners.count(Tail ? S.Tail : S.Head);
	}

	// Is a look made in the block before its first safepoint, or by whoever it hands on to, whatever waits for it?
	bool looksAnyhow(const BasicBlock &Block) const
	{
		const BlockSegments &S = segments(Block);
		return own(Block, false) || (S.First ? S.FirstPolls : Polls.count(&Block));
	}

	bool mayHandOn(const BasicBlock &Block) const
	{
		const Instruction *End = Block.getTerminator();
		return (isa<BranchInst>(End) || isa<SwitchInst>(End)) && End->getNumSuccessors() <= SuccessorsMax && !Polls.count(&Block) &&
			!segments(Block).Writes;
	}

	// What waits at the beginning of each block and at its end.
	void findWaiting()
	{
		Coming.clear();
		Leaving.clear();
		for (BasicBlock *Block : Order) {
			Bases &In = Coming[Block];
			for (BasicBlock *Pred : predecessors(Block))
				if (HandsOn.count(Pred) && Number.count(Pred) && Number[Pred] < Number[Block]) In.insert(Leaving[Pred].begin(), Leaving[Pred].end());
			if (!HandsOn.count(Block)) continue;
			Bases Out;
			if (!segments(*Block).First) Out = In;
			auto Own = Owners.find(segments(*Block).Tail);
			if (Own != Owners.end()) Out.insert(Own->second.begin(), Own->second.end());
			Leaving[Block] = std::move(Out);
		}
	}

	bool pays(const BasicBlock &Block)
	{
		if (Leaving[&Block].size() > WaitingMax) return false;
		double Looks = 0, Places = 0;
		for (const BasicBlock *To : successors(&Block)) {
			if (!takes(Block, *To)) return false;
			double P = probability(Block, *To);
			Looks += P * looks(*To);
			Places += places(*To);
		}
		return Places <= 1 && (Looks <= WorthWhile || (Looks <= 1 && Places < 1));
	}

	double probability(const BasicBlock &From, const BasicBlock &To) const
	{
		BranchProbability P = BPI.getEdgeProbability(&From, &To);
		return (double)P.getNumerator() / P.getDenominator();
	}

	// How many looks are made from the block on that would not be made otherwise.
	double looks(const BasicBlock &Block, unsigned Depth = 0) const
	{
		if (looksAnyhow(Block)) return 0;
		if (segments(Block).First || !HandsOn.count(&Block) || Depth == DepthMax) return 1;
		double Sum = 0;
		for (const BasicBlock *To : successors(&Block)) Sum += probability(Block, *To) * looks(*To, Depth + 1);
		return Sum;
	}

	// And in how many places; one that several blocks hand on to counts in part.
	double places(const BasicBlock &Block, unsigned Depth = 0) const
	{
		if (looksAnyhow(Block)) return 0;
		if (segments(Block).First || !HandsOn.count(&Block) || Depth == DepthMax) return 1.0 / (double)std::max<size_t>(pred_size(&Block), 1);
		double Sum = 0;
		for (const BasicBlock *To : successors(&Block)) Sum += places(*To, Depth + 1);
		return Sum;
	}

	// Can a look there take over what waits at the end of From?
	bool takes(const BasicBlock &From, const BasicBlock &To)
	{
		if (Number[&To] <= Number[&From] || PollsAtHead.count(&To)) return false;
		const Loop *L = LI.getLoopFor(&To);
		if (L && !L->contains(&From)) return false;
		if (To.getSinglePredecessor()) return true; // both ways of one branch may lead here, but then it has two
		if (!looksAnyhow(To) && !all_of(predecessors(&To), [&](const BasicBlock *P) { return HandsOn.count(P) && !Leaving[P].empty(); })) return false;
		return all_of(Leaving[&From], [&](Value *Base) { return known(Base, To) && oftenStored(Base, To); });
	}

	bool oftenStored(Value *Base, const BasicBlock &At)
	{
		double Stored = 0, All = 0;
		for (const BasicBlock *P : predecessors(&At)) {
			double Often = (double)BFI.getBlockFreq(P).getFrequency() * probability(*P, At) / (double)std::count(succ_begin(P), succ_end(P), &At);
			All += Often;
			if (HandsOn.count(P) && Leaving[P].count(Base)) Stored += Often;
		}
		return Stored >= OftenEnough * All;
	}

	// Is the pointer computed on all ways to the block, and something loaded or stored through it on all of them since?
	bool known(Value *Base, const BasicBlock &At)
	{
		auto *Definition = dyn_cast<Instruction>(Base);
		if (Far.count(Base)) return false;
		if (isa<Constant>(Base)) return isa<GlobalVariable>(Base) && !cast<GlobalVariable>(Base)->hasExternalWeakLinkage();
		if (Definition && !DT.properlyDominates(Definition->getParent(), &At)) return false;
		const BlockSet &Used = uses(Base);
		const BasicBlock *From = Definition ? Definition->getParent() : &F.getEntryBlock();
		SmallVector<const BasicBlock *, 16> Work(pred_begin(&At), pred_end(&At));
		SmallPtrSet<const BasicBlock *, 16> Seen;
		while (!Work.empty()) {
			const BasicBlock *Block = Work.pop_back_val();
			if (!Seen.insert(Block).second || Used.count(Block) || !DT.isReachableFromEntry(Block)) continue;
			if (Block == From) return false;
			append_range(Work, predecessors(Block));
		}
		return true;
	}

	// The blocks that load or store through a pointer, near behind it: when their ends are reached, that has been done. What lies near
	// behind the pointer, too, is then at most one page further, the card of which can be looked at whatever it is.
	const BlockSet &uses(Value *Base)
	{
		auto [Found, New] = UsedIn.try_emplace(Base);
		if (!New) return Found->second;
		SmallVector<std::pair<Value *, int64_t>, 8> Work = {{Base, 0}};
		while (!Work.empty()) {
			auto [V, Offset] = Work.pop_back_val();
			for (User *U : V->users()) {
				auto *I = dyn_cast<Instruction>(U);
				if (!I || I->getFunction() != &F) continue;
				if (getLoadStorePointerOperand(I) == V) Found->second.insert(I->getParent());
				auto *G = dyn_cast<GetElementPtrInst>(I);
				APInt By(64, (uint64_t)Offset);
				if (G && G->getPointerOperand() == V && G->accumulateConstantOffset(DL, By) && By.sge(0) && By.slt(Near)) Work.push_back({G, By.getSExtValue()});
			}
		}
		return Found->second;
	}

	void add(SmallVectorImpl<Span> &To, const Span &S)
	{
		for (Span &Old : To) {
			int64_t Low = std::min(Old.Low, S.Low), High = std::max(Old.High, S.High);
			if (Old.Base != S.Base || High - Low > PageSize) continue;
			Old.Low = Low;
			Old.High = High;
			Old.BaseAlign = std::min(Old.BaseAlign, S.BaseAlign);
			Old.Aligned &= S.Aligned;
			return;
		}
		To.push_back(S);
	}

	// Where a look goes before what ends the block: nothing may stand between a tail call that must be one and its return.
	Instruction *endOf(BasicBlock &Block) const
	{
		Instruction *Tail = Block.getTerminatingMustTailCall();
		return Tail ? Tail : Condition.lookup(&Block);
	}

	unsigned move()
	{
		MapVector<unsigned, SmallVector<Span, 4>> Groups;
		for (const Span &S : Spans) Groups[S.Interval].push_back(S);
		DenseMap<const BasicBlock *, SmallVector<Span, 4>> Handed;
		unsigned Moved = 0;
		for (BasicBlock *Block : Order) {
			const BlockSegments &S = segments(*Block);
			SmallVector<Span, 4> In;
			for (BasicBlock *Pred : predecessors(Block)) {
				auto Found = Handed.find(Pred);
				if (Found == Handed.end()) continue;
				for (const Span &Waiting : Found->second) add(In, Waiting);
			}
			const bool Through = !S.First;
			SmallVector<Span, 4> Out;
			if (HandsOn.count(Block) && !Leaving[Block].empty()) {
				Out = Groups[S.Tail];
				Groups[S.Tail].clear();
				Moved += !Out.empty();
				for (const Span &Waiting : In)
					if (Through) add(Out, Waiting);
				Handed[Block] = Out;
				if (Through) continue;
			}
			if (In.empty() || (O.drop & MarkJoin)) continue;
			SmallVector<Span, 4> &Here = Groups[S.Head];
			Instruction *Poll = Through ? Polls.lookup(Block) : S.FirstPolls ? S.First : nullptr;
			Instruction *Gate = !Here.empty() ? Here.front().Gate : Through ? endOf(*Block) : S.First;
			for (Span &Waiting : In) {
				Waiting.Interval = S.Head;
				Waiting.At = Waiting.Gate = Gate;
				Waiting.Poll = Poll;
				add(Here, Waiting);
			}
		}
		Spans.clear();
		for (auto &[Interval, Members] : Groups) Spans.append(Members.begin(), Members.end());
		return Moved;
	}

	Function &F;
	const DataLayout &DL;
	const Options &O;
	const DenseMap<const BasicBlock *, BlockSegments> &Blocks;
	const PollPlaces &Condition, &Polls;
	const BlockSet &PollsAtHead;
	SmallVectorImpl<Span> &Spans;
	LoopInfo &LI;
	DominatorTree &DT;
	BranchProbabilityInfo &BPI;
	BlockFrequencyInfo &BFI;
	SmallVector<BasicBlock *, 32> Order;
	DenseMap<const BasicBlock *, size_t> Number;
	DenseMap<unsigned, Bases> Owners; // the pointers of each interval's spans
	SmallPtrSet<const Value *, 8> Far; // of which some span is not near
	SmallPtrSet<const BasicBlock *, 32> HandsOn;
	DenseMap<const BasicBlock *, Bases> Coming, Leaving;
	DenseMap<const Value *, BlockSet> UsedIn;
};

} // namespace

void optmig::joinGates(Function &F, FunctionAnalysisManager &FAM, const Options &O, const DenseMap<const BasicBlock *, BlockSegments> &Blocks,
	const PollPlaces &Condition, const PollPlaces &Polls, const BlockSet &PollsAtHead, SmallVectorImpl<Span> &Spans, Statistics &Stats)
{
	if (!Spans.empty()) Stats.Waiting += Joiner(F, FAM, O, Blocks, Condition, Polls, PollsAtHead, Spans).run();
}
