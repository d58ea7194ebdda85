/* SPDX-License-Identifier: Apache-2.0 */
// Safepoint intervals and the merging of marks inside them.
#ifndef OPTMIG_PASS_INTERVALS_H
#define OPTMIG_PASS_INTERVALS_H

#include "Emit.h"
#include "Stores.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/Analysis/LoopInfo.h"

namespace optmig {

// Marks for the bytes [Base + Low, Base + High), to be made before At.
struct Span {
	llvm::Value *Base;
	int64_t Low, High;
	llvm::Align BaseAlign;
	bool Aligned;          // the alignment follows from the base object, not from what an access promised
	llvm::Instruction *At;
	unsigned Interval;     // spans of one number are in one segment
	llvm::Instruction *Gate = nullptr; // where a gate for the whole segment goes: behind its last store
	llvm::Instruction *Poll = nullptr; // the poll, before this, that the segment reaches
};

// Where polls stand that end an interval: before these instructions, by block; before a terminator, what only it asks for or it.
using PollPlaces = llvm::DenseMap<const llvm::BasicBlock *, llvm::Instruction *>;

// What Joins.cpp has to know of a block.
struct BlockSegments {
	llvm::Instruction *First = nullptr; // its first safepoint; what is not one ends with the block
	bool FirstPolls = false;            // there is a poll before that call
	bool Writes = false;                // its terminator does
	unsigned Head = 0, Tail = 0;        // the intervals that begin with the block and end with it
};

class IntervalBuilder {
public:
	IntervalBuilder(llvm::Function &F, const Options &O, Statistics &Stats,
		const llvm::SmallPtrSetImpl<const llvm::Function *> &NoPoll, const PollPlaces &PollsAtEnd,
		const llvm::SmallPtrSetImpl<const llvm::BasicBlock *> &PollsAtHead, const llvm::SmallPtrSetImpl<const llvm::Instruction *> &PollsAtCalls, const llvm::LoopInfo &LI)
		: F(F), DL(F.getDataLayout()), O(O), Stats(Stats), NoPoll(NoPoll), PollsAtEnd(PollsAtEnd), PollsAtHead(PollsAtHead), PollsAtCalls(PollsAtCalls), LI(LI) {}
	void build(llvm::ArrayRef<StoreRequest> Requests, llvm::SmallVectorImpl<Span> &Spans);
	llvm::DenseMap<const llvm::BasicBlock *, BlockSegments> Blocks; // filled by build()

private:
	// A fact: since the last safepoint, on every path, these bytes of Base have been marked.
	struct Fact { llvm::Value *Base; int64_t Low, High; };
	using Facts = llvm::SmallVector<Fact, 8>;
	struct Item { const StoreRequest *Request; llvm::Value *Base; int64_t Low, High; llvm::Align BaseAlign; bool Aligned; };

	// The bytes near behind a base that are stored anywhere in the function.
	struct Hull { int64_t Low, High; const llvm::BasicBlock *Block; bool Several; };

	void addToHull(const Item &I);
	void widen(const llvm::Value *Base, int64_t &Low, int64_t &High) const;
	Facts factsAtEntry(llvm::BasicBlock &Block) const;
	const llvm::Loop *quietLoop(const llvm::BasicBlock &Header) const;
	Item itemOf(const StoreRequest &Request) const;
	void flush(llvm::SmallVectorImpl<Item> &Segment, Facts &Known, llvm::SmallVectorImpl<Span> &Spans);
	void finish(llvm::SmallVectorImpl<Item> &Segment, Facts &Known, llvm::SmallVectorImpl<Span> &Spans, llvm::Instruction *Poll);
	void mergeBase(llvm::MutableArrayRef<Item> Items, Facts &Known, llvm::SmallVectorImpl<Span> &Spans);
	static bool covered(const Facts &Known, llvm::Value *Base, int64_t Low, int64_t High);

	llvm::Function &F;
	const llvm::DataLayout &DL;
	const Options &O;
	Statistics &Stats;
	const llvm::SmallPtrSetImpl<const llvm::Function *> &NoPoll;
	const PollPlaces &PollsAtEnd;
	const llvm::SmallPtrSetImpl<const llvm::BasicBlock *> &PollsAtHead;
	const llvm::SmallPtrSetImpl<const llvm::Instruction *> &PollsAtCalls; // before them
	const llvm::LoopInfo &LI;
	llvm::DenseMap<const llvm::BasicBlock *, Facts> AtEnd;
	llvm::DenseMap<const llvm::Value *, Hull> Hulls;
	unsigned Segments = 1;
};

} // namespace optmig

#endif
