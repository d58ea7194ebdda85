/* SPDX-License-Identifier: Apache-2.0 */
// What a function writes: every instruction that can store to tracked memory, as a list of requests for marks.
#ifndef OPTMIG_PASS_STORES_H
#define OPTMIG_PASS_STORES_H

#include "Options.h"
#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"

namespace optmig {

// "From Pointer on, Size bytes are written by At." A scatter becomes one request per lane.
struct StoreRequest {
	llvm::Instruction *At;
	llvm::Value *Pointer;
	uint64_t Size;
	llvm::Align Alignment;
	MarkClass Class;
	int Lane = -1;               // scatter: lane of the vector Pointer
	llvm::Value *Mask = nullptr; // scatter: only where the lane's bit is set
};

// Attribute annotations that the header optmig.h makes.
constexpr const char AnnotationMarked[] = "optmig:marked"; // what the pass cannot see is marked by the author
constexpr const char AnnotationOff[] = "optmig:off";       // the whole function is left alone

// Size above which libc's memcpy, memmove and memset may poll. What is not larger never does, so such a call does not
// end a safepoint interval; what is larger, or of unknown size, is marked by libc itself, chunk by chunk.
constexpr uint64_t MemNoPollMax = 4096;

using ArgumentSet = llvm::SmallPtrSet<const llvm::Argument *, 32>;

// Arguments of static functions that at every call point into the stack of a caller: live, hence always sent.
ArgumentSet inferStackArguments(llvm::Module &M, llvm::ArrayRef<llvm::Function *> Functions);

class StoreCollector {
public:
	StoreCollector(llvm::Function &F, llvm::LoopInfo &LI, const ArgumentSet &OnStack, bool Annotated)
		: F(F), DL(F.getDataLayout()), LI(LI), OnStack(OnStack), Annotated(Annotated) {}
	// Appends the requests in program order. Constructs that cannot be covered are reported as compile errors.
	void collect(llvm::SmallVectorImpl<StoreRequest> &Requests);

private:
	void add(llvm::Instruction *At, llvm::Value *Pointer, uint64_t Size, llvm::Align Alignment, MarkClass Class);
	void addScatter(llvm::IntrinsicInst &I);
	void visit(llvm::Instruction &I);
	void visitCall(llvm::CallBase &Call);
	void visitIntrinsic(llvm::IntrinsicInst &I);
	void visitInlineAsm(llvm::CallBase &Call);
	bool onlyOwnStack(llvm::Value *Pointer) const;
	void refuse(llvm::Instruction &I, const llvm::Twine &What);

	llvm::Function &F;
	const llvm::DataLayout &DL;
	llvm::LoopInfo &LI;
	const ArgumentSet &OnStack;
	bool Annotated;
	llvm::SmallVectorImpl<StoreRequest> *Out = nullptr;
};

// True if the call may reach a safepoint before it returns. `NoPoll` are the functions known not to.
bool mayReachSafepoint(const llvm::Instruction &I, const llvm::SmallPtrSetImpl<const llvm::Function *> &NoPoll);

} // namespace optmig

#endif
