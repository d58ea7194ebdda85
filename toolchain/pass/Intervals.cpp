/* SPDX-License-Identifier: Apache-2.0 */
// Intervals and merging.
//
// A segment is a run of instructions of one block without a safepoint inside. In a segment all stores to one base
// pointer (constant offsets stripped) whose bytes lie within one page's length become one span, marked before the
// first of them in program order: the base is available there, since that store uses it. A span of at most a page's
// length touches at most two pages, those of its first and its last byte, so two marks cover it.
//
// Facts about marks already made flow forward over block boundaries where every predecessor has them and no safepoint
// lies between. Blocks that end with a poll, and predecessors not yet seen, hand nothing on; but a loop without a
// safepoint changes nothing of what is known before it.
#include "Intervals.h"
#include "passrt.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/PostOrderIterator.h"
#include "llvm/IR/CFG.h"

using namespace llvm;
using namespace optmig;

static constexpr int64_t PageSize = 1 << OM_CARD_SHIFT, HullMax = 1024;

bool IntervalBuilder::covered(const Facts &Known, Value *Base, int64_t Low, int64_t High)
{
	return any_of(Known, [&](const Fact &K) { return K.Base == Base && K.Low <= Low && High <= K.High; });
}

// The loop of which the block is the header, if there is no safepoint in it: what is known before it stays known.
const Loop *IntervalBuilder::quietLoop(const BasicBlock &Header) const
{
	const Loop *L = LI.getLoopFor(&Header);
	if (!L || L->getHeader() != &Header) return nullptr;
	for (const BasicBlock *Block : L->blocks()) {
		if (PollsAtEnd.count(Block) || PollsAtHead.count(Block)) return nullptr;
		for (const Instruction &I : *Block)
			if (mayReachSafepoint(I, NoPoll)) return nullptr;
	}
	return L;
}

IntervalBuilder::Facts IntervalBuilder::factsAtEntry(BasicBlock &Block) const
{
	Facts Common;
	bool First = true;
	if (!O.available || PollsAtHead.count(&Block)) return Common;
	const Loop *Quiet = quietLoop(Block);
	for (BasicBlock *Pred : predecessors(&Block)) {
		if (Quiet && Quiet->contains(Pred)) continue;
		auto Found = AtEnd.find(Pred);
		if (Found == AtEnd.end() || PollsAtEnd.count(Pred)) return Facts();
		if (First) { Common = Found->second; First = false; continue; }
		erase_if(Common, [&](const Fact &K) { return !covered(Found->second, K.Base, K.Low, K.High); });
	}
	return Common;
}

IntervalBuilder::Item IntervalBuilder::itemOf(const StoreRequest &Request) const
{
	Value *Base = Request.Pointer;
	APInt Offset(64, 0);
	if (O.merge) Base = Base->stripAndAccumulateConstantOffsets(DL, Offset, true);
	int64_t Low = Offset.getSExtValue();
	// An access at Base + Low that is aligned to A says that Base is aligned to gcd(A, Low).
	uint64_t Promised = Request.Alignment.value();
	if (Low) Promised = std::min<uint64_t>(Promised, (uint64_t)Low & -(uint64_t)Low);
	Align Known = Base->getPointerAlignment(DL);
	bool Aligned = Known.value() >= Promised;
	return {&Request, Base, Low, Low + (int64_t)Request.Size, std::max(Align(Promised), Known), Aligned};
}

// A call that marks may as well mark what other blocks store through the same pointer: they need no look then.
void IntervalBuilder::widen(const Value *Base, int64_t &Low, int64_t &High) const
{
	auto Found = Hulls.find(Base);
	if (Found == Hulls.end() || !Found->second.Several || Low < 0 || High > HullMax) return;
	Low = std::min(Low, Found->second.Low);
	High = std::max(High, Found->second.High);
}

void IntervalBuilder::addToHull(const Item &I)
{
	if (I.Low < 0 || I.High > HullMax) return;
	auto [Found, New] = Hulls.try_emplace(I.Base, Hull{I.Low, I.High, I.Request->At->getParent(), false});
	if (New) return;
	Hull &H = Found->second;
	H.Low = std::min(H.Low, I.Low);
	H.High = std::max(H.High, I.High);
	H.Several |= H.Block != I.Request->At->getParent();
}

// Items of one base, in program order.
void IntervalBuilder::mergeBase(MutableArrayRef<Item> Items, Facts &Known, SmallVectorImpl<Span> &Spans)
{
	Instruction *At = Items.front().Request->At;
	Align BaseAlign = Items.front().BaseAlign;
	bool Aligned = true;
	for (const Item &I : Items) {
		Aligned = I.BaseAlign > BaseAlign ? I.Aligned : (I.BaseAlign == BaseAlign ? Aligned && I.Aligned : Aligned);
		BaseAlign = std::max(BaseAlign, I.BaseAlign);
	}
	stable_sort(Items, [](const Item &A, const Item &B) { return A.Low < B.Low; });
	for (size_t I = 0; I < Items.size();) {
		int64_t Low = Items[I].Low, High = Items[I].High;
		size_t Next = I + 1;
		while (Next < Items.size() && std::max(High, Items[Next].High) - Low <= PageSize)
			High = std::max(High, Items[Next++].High);
		Stats.Merged += Next - I - 1;
		widen(Items[I].Base, Low, High);
		Spans.push_back({Items[I].Base, Low, High, BaseAlign, Aligned, At, Segments});
		Known.push_back({Items[I].Base, Low, High});
		I = Next;
	}
}

// Behind the last store; before it if what it says in the condition codes is asked for behind it.
static Instruction *gateOf(Instruction *Last)
{
	bool Says = isa<AtomicCmpXchgInst>(Last) || isa<AtomicRMWInst>(Last);
	return Last->isTerminator() || Says ? Last : Last->getNextNode();
}

void IntervalBuilder::flush(SmallVectorImpl<Item> &Segment, Facts &Known, SmallVectorImpl<Span> &Spans)
{
	MapVector<Value *, SmallVector<Item, 4>> ByBase;
	for (const Item &I : Segment) {
		if (O.available && covered(Known, I.Base, I.Low, I.High)) { Stats.Available++; continue; }
		ByBase[I.Base].push_back(I);
	}
	size_t First = Spans.size();
	Instruction *Last = Segment.empty() ? nullptr : Segment.back().Request->At;
	for (auto &[Base, Items] : ByBase) mergeBase(Items, Known, Spans);
	for (Span &S : drop_begin(Spans, First)) S.Gate = gateOf(Last);
	Segment.clear();
	Segments++;
}

// The segment in front of a poll, or of a block's terminator; what the terminator itself writes comes behind the poll.
void IntervalBuilder::finish(SmallVectorImpl<Item> &Segment, Facts &Known, SmallVectorImpl<Span> &Spans, Instruction *Poll)
{
	size_t First = Spans.size();
	flush(Segment, Known, Spans);
	for (Span &S : drop_begin(Spans, First)) S.Poll = Poll;
	if (Poll) Known.clear();
}

void IntervalBuilder::build(ArrayRef<StoreRequest> Requests, SmallVectorImpl<Span> &Spans)
{
	DenseMap<const Instruction *, SmallVector<const StoreRequest *, 1>> ByInstruction;
	for (const StoreRequest &R : Requests)
		if (R.Lane < 0 && !(O.drop && (O.drop & (R.Class | testingPlace(*R.At))))) {
			ByInstruction[R.At].push_back(&R);
			if (O.widen && O.available && O.gate && O.calls) addToHull(itemOf(R));
		}
	ReversePostOrderTraversal<Function *> Order(&F);
	for (BasicBlock *Block : Order) {
		Facts Known = factsAtEntry(*Block);
		SmallVector<Item, 16> Segment;
		BlockSegments &Info = Blocks[Block];
		Info.Head = Info.Tail = Segments;
		for (Instruction &I : *Block) {
			bool Safepoint = mayReachSafepoint(I, NoPoll);
			if (I.isTerminator()) Info.Tail = Segments;
			if (I.isTerminator()) finish(Segment, Known, Spans, PollsAtEnd.lookup(Block));
			if (PollsAtCalls.count(&I)) {
				size_t Before = Spans.size();
				finish(Segment, Known, Spans, &I);
				if (O.drop & MarkEntry) Spans.truncate(Before);
			}
			if (Safepoint && !Info.First) {
				Info.First = &I;
				Info.FirstPolls = PollsAtCalls.count(&I);
			}
			if (Safepoint) flush(Segment, Known, Spans);
			if (Safepoint && !(isa<InvokeInst>(I) && (O.drop & MarkInvoke))) Known.clear();
			auto Found = ByInstruction.find(&I);
			if (Found == ByInstruction.end()) continue;
			Info.Writes |= I.isTerminator();
			for (const StoreRequest *R : Found->second) {
				Segment.push_back(itemOf(*R));
				if (!O.merge && !Safepoint) flush(Segment, Known, Spans);
			}
			// Assembly that both calls and writes: it may write on either side of the safepoint, so mark on both.
			if (!Safepoint || I.isTerminator()) continue;
			size_t First = Spans.size();
			flush(Segment, Known, Spans);
			for (Span &Before : drop_begin(Spans, First)) Before.Gate = &I;
			Known.clear();
			First = Spans.size();
			for (const StoreRequest *R : Found->second) Segment.push_back(itemOf(*R));
			flush(Segment, Known, Spans);
			for (Span &After : drop_begin(Spans, First)) After.At = After.Gate = I.getNextNode();
		}
		flush(Segment, Known, Spans);
		AtEnd[Block] = std::move(Known);
	}
}
