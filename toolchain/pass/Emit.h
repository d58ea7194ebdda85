/* SPDX-License-Identifier: Apache-2.0 */
// Emits the code: marks, ranges, polls, the verify build's log.
#ifndef OPTMIG_PASS_EMIT_H
#define OPTMIG_PASS_EMIT_H

#include "Options.h"
#include "Stores.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

namespace optmig {

struct Span;
struct HeadPoll;
struct CardMark { llvm::Value *Address; llvm::Instruction *Before; }; // a mark of one card, before an instruction

struct Statistics {
	unsigned Functions = 0, NoPoll = 0, Stores = 0, Merged = 0, Available = 0, Marks = 0, Ranges = 0, Polls = 0, ShortLoops = 0, Strips = 0, Hoisted = 0, Gates = 0, Fused = 0, Unrolled = 0, Heads = 0, Waiting = 0;
};

class Emitter {
public:
	Emitter(llvm::Module &M, const Options &O, Statistics &Stats);
	// The function that follows: its loops, which stay true, and all places where something goes.
	void enter(llvm::LoopInfo &LI, llvm::ArrayRef<Span> Spans, llvm::ArrayRef<llvm::Instruction *> Polls);
	void spans(llvm::ArrayRef<Span> Spans);         // marks of spans, one gate for a segment
	void cards(llvm::ArrayRef<CardMark> Marks);
	void lane(const StoreRequest &Request);         // one lane of a scatter
	void verify(const StoreRequest &Request);       // log the store
	void poll(llvm::Instruction *Before, llvm::ArrayRef<Span> Marks = {}); // and marks of what was stored before it
	void poll(const HeadPoll &Head);
	void stamp();                                   // the object's stamp section

private:
	bool span(const Span &S, llvm::Instruction *Before, bool Poll = false);
	void card(llvm::Value *Address, llvm::Instruction *Before, bool Hot);
	bool cold(llvm::Value *Pointer, int64_t Low, int64_t High, llvm::Instruction *Before, bool Poll = false);
	bool spelledOut(const llvm::Instruction *Before) const;
	void inLine(llvm::IRBuilder<> &B, llvm::Value *Pointer, int64_t Low, int64_t High);
	bool inDispatch(const llvm::Instruction *Before) const;
	static std::string spell(size_t Operand, bool InPlace, int64_t Size);
	static std::string pollText();
	static std::string markName(int64_t Size, bool Poll);
	bool farFrom(const Span &S, int64_t &Low, int64_t &High) const;
	void look(llvm::Instruction *Before, unsigned Bits, llvm::ArrayRef<Span> Marks, bool Poll);
	bool fitsBeside(llvm::Instruction *Before, llvm::ArrayRef<Span> Marks) const;
	bool inRegister(const Span &S) const;
	static bool isFolded(const llvm::Value *Pointer);
	static llvm::Value *opaque(llvm::IRBuilder<> &B, llvm::Value *Number);
	llvm::Value *inCold(llvm::Value *Pointer, llvm::Instruction *Before);
	void beside(llvm::Instruction *Before, unsigned Bits, llvm::ArrayRef<Span> Marks, bool Poll);
	llvm::Instruction *defer(llvm::Instruction *Before, llvm::ArrayRef<Span> Marks) const;
	llvm::GlobalVariable *flag();
	llvm::Instruction *branch(llvm::Instruction *Before, unsigned Bits);
	void safepoint(llvm::IRBuilder<> &B, bool Again);
	void call(llvm::IRBuilder<> &B, llvm::StringRef Name, llvm::ArrayRef<llvm::Value *> Arguments);
	llvm::Value *address(llvm::IRBuilder<> &B, llvm::Value *Pointer, int64_t Offset);

	llvm::Module &M;
	llvm::LLVMContext &C;
	const Options &O;
	Statistics &Stats;
	llvm::Type *I8, *I64;
	llvm::MDNode *Unlikely;
	bool FlagUsed = false;
	llvm::LoopInfo *Loops = nullptr;
	llvm::SmallPtrSet<const llvm::Loop *, 16> Short;          // loops of few blocks
	llvm::SmallPtrSet<const llvm::Loop *, 16> Dispatch;       // interpreters: loops with a jump to one of many places
	llvm::SmallPtrSet<const llvm::Instruction *, 32> Fixed; // code goes before these
};

} // namespace optmig

#endif
