/* SPDX-License-Identifier: Apache-2.0 */
// Code generation.
//
// A gate is    cmpb $0,__optmig_track(%rip) ; jne cold                         with the marks of a segment in the cold block.
// A mark is    mov %rax,%rcx ; shr $12,%rcx ; cmpb $0,%gs:(%rcx) ; je cold     with "movb $1,%gs:(%rcx)" in the cold block.
// A poll is    cmpb $0,__optmig_poll(%rip) ; jne cold                          with the call below in the cold block.
// Cards are read and written with volatile accesses, so that the code generator neither merges nor moves them over a
// poll. Runtime functions are called from inline assembly that clobbers no register: they preserve all of them. Functions
// with such a call have no red zone: stepping over it at every poll costs more code than it saves.
#include "Emit.h"
#include "Intervals.h"
#include "passrt.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/MDBuilder.h"
#include "llvm/Transforms/Utils/BasicBlockUtils.h"
#include "llvm/Transforms/Utils/ModuleUtils.h"

using namespace llvm;
using namespace optmig;

namespace {
constexpr unsigned GsSpace = 256;
constexpr int64_t PageSize = 1 << OM_CARD_SHIFT;
constexpr const char PollFlag[] = "__optmig_poll", TrackFlag[] = "__optmig_track";
} // namespace

Emitter::Emitter(Module &M, const Options &O, Statistics &Stats)
	: M(M), C(M.getContext()), O(O), Stats(Stats), I8(Type::getInt8Ty(C)), I64(Type::getInt64Ty(C)),
	  Unlikely(MDBuilder(C).createBranchWeights(1, 100000))
{
}

Value *Emitter::address(IRBuilder<> &B, Value *Pointer, int64_t Offset)
{
	Value *Address = B.CreatePtrToInt(Pointer, I64);
	return Offset ? B.CreateAdd(Address, ConstantInt::getSigned(I64, Offset)) : Address;
}

void Emitter::call(IRBuilder<> &B, StringRef Name, ArrayRef<Value *> Arguments)
{
	static const char *const Registers[] = {"{rdi},", "{rsi},"};
	SmallVector<Type *, 2> Types(Arguments.size(), I64);
	std::string Constraints;
	for (size_t I = 0; I < Arguments.size(); I++) Constraints += Registers[I];
	std::string Text = O.redZone ? ("leaq -128(%rsp),%rsp\n\tcall " + Name + "\n\tleaq 128(%rsp),%rsp").str() : ("call " + Name).str();
	if (!O.redZone) B.GetInsertBlock()->getParent()->addFnAttr(Attribute::NoRedZone);
	auto *FT = FunctionType::get(Type::getVoidTy(C), Types, false);
	B.CreateCall(FT, InlineAsm::get(FT, Text, Constraints + "~{memory},~{dirflag},~{fpsr},~{flags}", true), Arguments);
}

void Emitter::card(Value *Address, Instruction *Before, bool Hot)
{
	Stats.Marks++;
	IRBuilder<> B(Before);
	Value *Card = B.CreateIntToPtr(B.CreateLShr(Address, OM_CARD_SHIFT), PointerType::get(C, GsSpace));
	if (O.conditional) {
		Value *Old = B.CreateAlignedLoad(I8, Card, Align(1), true);
		B.SetInsertPoint(SplitBlockAndInsertIfThen(B.CreateICmpEQ(Old, ConstantInt::get(I8, 0)), Before->getIterator(), false, Hot ? Unlikely : nullptr));
	}
	B.CreateAlignedStore(ConstantInt::get(I8, OM_CARD_DIRTY), Card, Align(1), true);
}

// Both ends lie on one page if the span stays inside one block of its base's alignment.
static bool onOnePage(const Span &S, const Options &O)
{
	int64_t Block = std::min<int64_t>(O.trustAlign || S.Aligned ? (int64_t)S.BaseAlign.value() : 1, PageSize);
	return (S.Low & -Block) == ((S.High - 1) & -Block);
}

// Is the value there before the instruction? Both are in blocks where the value is used later.
static bool isThere(const Value *V, const Instruction *Before)
{
	auto *I = dyn_cast<Instruction>(V);
	return !I || I->getParent() != Before->getParent() || I->comesBefore(Before);
}

// One look at the flag for all spans of a block whose pointers are known at the first of them.
void Emitter::spans(ArrayRef<Span> Spans)
{
	if (!O.gate) {
		for (const Span &S : Spans) span(S, S.At);
		return;
	}
	SmallVector<SmallVector<const Span *, 4>, 16> Groups;
	for (const Span &S : Spans) {
		bool Joins = false;
		if (!Groups.empty()) {
			const Span *First = Groups.back().front();
			Joins = First->Interval == S.Interval && (First->At == S.At || First->At->comesBefore(S.At)) && isThere(S.Base, First->At);
		}
		if (!Joins) Groups.emplace_back();
		Groups.back().push_back(&S);
	}
	for (auto &Group : Groups) {
		Instruction *Cold = gate(Group.front()->At);
		for (const Span *S : Group) span(*S, Cold);
	}
}

void Emitter::cards(ArrayRef<CardMark> Marks)
{
	Instruction *Before = nullptr, *Cold = nullptr;
	for (const CardMark &M : Marks) {
		if (M.Before != Before) Cold = O.gate ? gate(M.Before) : M.Before;
		Before = M.Before;
		card(M.Address, Cold, !O.gate);
	}
}

void Emitter::span(const Span &S, Instruction *Before)
{
	IRBuilder<> B(Before);
	if (S.High - S.Low > PageSize) {
		Stats.Ranges++;
		call(B, "__optmig_range", {address(B, S.Base, S.Low), address(B, S.Base, S.High)});
		return;
	}
	card(address(B, S.Base, S.Low), Before, !O.gate);
	if (onOnePage(S, O) || (O.drop & MarkSpanEnd)) return;
	IRBuilder<> After(Before);
	card(address(After, S.Base, S.High - 1), Before, !O.gate);
}

void Emitter::lane(const StoreRequest &Request)
{
	IRBuilder<> B(Request.At);
	Value *On = B.CreateExtractElement(Request.Mask, (uint64_t)Request.Lane);
	Value *Pointer = B.CreateExtractElement(Request.Pointer, (uint64_t)Request.Lane);
	Instruction *Inside = SplitBlockAndInsertIfThen(On, Request.At->getIterator(), false);
	IRBuilder<> In(Inside);
	card(address(In, Pointer, 0), Inside, true);
	IRBuilder<> Last(Inside);
	card(address(Last, Pointer, (int64_t)Request.Size - 1), Inside, true);
}

void Emitter::verify(const StoreRequest &Request)
{
	Instruction *Before = Request.At;
	Value *Pointer = Request.Pointer;
	if (Request.Lane >= 0) {
		IRBuilder<> B(Before);
		Value *On = B.CreateExtractElement(Request.Mask, (uint64_t)Request.Lane);
		Pointer = B.CreateExtractElement(Pointer, (uint64_t)Request.Lane);
		Before = SplitBlockAndInsertIfThen(On, Before->getIterator(), false);
	}
	IRBuilder<> B(Before);
	call(B, "__optmig_verify_store", {address(B, Pointer, 0), ConstantInt::get(I64, Request.Size)});
}

Value *Emitter::flag(IRBuilder<> &B, StringRef Name)
{
	auto *Flag = cast<GlobalVariable>(M.getOrInsertGlobal(Name, I8));
	Flag->setDSOLocal(true);
	Flag->setVisibility(GlobalValue::HiddenVisibility);
	return B.CreateICmpNE(B.CreateAlignedLoad(I8, Flag, Align(1), true), ConstantInt::get(I8, 0));
}

// Marks go before the instruction that is returned: they are made only while somebody wants them.
Instruction *Emitter::gate(Instruction *Before)
{
	Stats.Gates++;
	IRBuilder<> B(Before);
	return SplitBlockAndInsertIfThen(flag(B, TrackFlag), Before->getIterator(), false, Unlikely);
}

void Emitter::poll(Instruction *Before)
{
	Stats.Polls++;
	IRBuilder<> B(Before);
	B.SetInsertPoint(SplitBlockAndInsertIfThen(flag(B, PollFlag), Before->getIterator(), false, Unlikely));
	call(B, "__optmig_safepoint", {});
}

void Emitter::stamp()
{
	struct om_stamp Stamp = {OM_STAMP_MAGIC, OM_PASSRT_VERSION, OM_STAMP_INSTRUMENTED};
	StringRef Bytes(reinterpret_cast<const char *>(&Stamp), sizeof Stamp);
	auto *Init = ConstantDataArray::getString(C, Bytes, false);
	auto *Global = new GlobalVariable(M, Init->getType(), true, GlobalValue::PrivateLinkage, Init, "__optmig_stamp");
	Global->setSection(OM_STAMP_SECTION);
	Global->setAlignment(Align(4));
	Global->setMetadata(LLVMContext::MD_exclude, MDNode::get(C, {}));
	appendToCompilerUsed(M, {Global});
}
