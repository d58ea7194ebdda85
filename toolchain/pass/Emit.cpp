/* SPDX-License-Identifier: Apache-2.0 */
// Code generation.
//
// A gate is    testb $0xc0,__optmig_attention(%rip) ; jne cold       with the marks of a segment in the cold block.
// A mark is    call __optmig_markSIZE_REG                             in the cold block of a gate; without gates
//              mov %rax,%rcx ; shr $12,%rcx ; cmpb $0,%gs:(%rcx) ; je cold   with "movb $1,%gs:(%rcx)" in the cold block.
// A poll is    testb $0x3f,__optmig_attention(%rip) ; jne cold       with the call below in the cold block.
// Both are     cmpb $0,__optmig_attention(%rip) ; jne cold           with the marks and then the call in the cold block.
//
// A segment has one gate, where all its pointers are known, or none of its own if it ends in a poll: when a mark is made
// inside its interval does not matter. Cards are read and written with volatile accesses, so that the code generator neither merges nor moves them over a
// poll. Runtime functions are called from inline assembly that clobbers no register: they preserve all of them. Functions
// with such a call have no red zone: stepping over it at every poll costs more code than it saves.
#include "Emit.h"
#include "Intervals.h"
#include "Strips.h"
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
constexpr const char Attention[] = "__optmig_attention";
constexpr int64_t MarkSizes[] = {OM_MARK_SIZES};
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

// Marks of a segment go behind one look at the flag. It comes after the last store, so that it does not stand between a load
// and the store of what becomes of it, which would be one instruction.
void Emitter::spans(ArrayRef<Span> Spans)
{
	if (!O.gate) {
		for (const Span &S : Spans) span(S, S.At);
		return;
	}
	SmallVector<std::pair<Instruction *, SmallVector<const Span *, 4>>, 16> Groups;
	for (const Span &S : Spans) {
		bool Joins = O.sink && !Groups.empty() && Groups.back().second.front()->Interval == S.Interval;
		if (!Joins) Groups.push_back({S.At, {}});
		if (O.sink) Groups.back().first = S.Gate;
		Groups.back().second.push_back(&S);
	}
	for (auto &[At, Members] : Groups) {
		Instruction *Cold = branch(At, OM_ATTENTION_TRACK);
		Stats.Gates++;
		for (const Span *S : Members) span(*S, Cold);
	}
}

void Emitter::cards(ArrayRef<CardMark> Marks)
{
	Instruction *Before = nullptr, *Cold = nullptr;
	for (const CardMark &M : Marks) {
		if (M.Before != Before) {
			Cold = O.gate ? branch(M.Before, OM_ATTENTION_TRACK) : M.Before;
			Stats.Gates += O.gate;
		}
		Before = M.Before;
		cold(M.Address, 1, Cold);
	}
}

// A mark of the first and last of Size bytes; behind a gate it may be a call, which is shorter.
void Emitter::cold(Value *Address, int64_t Size, Instruction *Before)
{
	if (!O.gate || !O.calls || !O.conditional) {
		card(Address, Before, !O.gate);
		if (Size == 1) return;
		IRBuilder<> After(Before);
		card(After.CreateAdd(Address, ConstantInt::get(I64, (uint64_t)Size - 1)), Before, !O.gate);
		return;
	}
	Stats.Marks++;
	IRBuilder<> B(Before);
	int64_t Class = *find_if(MarkSizes, [&](int64_t S) { return S >= Size; });
	B.GetInsertBlock()->getParent()->addFnAttr(Attribute::NoRedZone);
	auto *FT = FunctionType::get(Type::getVoidTy(C), {I64}, false);
	// Intel's syntax writes a register without the sign that could not stand in a name.
	B.CreateCall(FT, InlineAsm::get(FT, "call __optmig_mark" + std::to_string(Class) + "_$0", "r,~{dirflag},~{fpsr},~{flags}", true, false,
		InlineAsm::AD_Intel), {Address});
}

void Emitter::span(const Span &S, Instruction *Before)
{
	IRBuilder<> B(Before);
	if (S.High - S.Low > PageSize) {
		Stats.Ranges++;
		call(B, "__optmig_range", {address(B, S.Base, S.Low), address(B, S.Base, S.High)});
		return;
	}
	bool One = onOnePage(S, O) || (O.drop & MarkSpanEnd);
	cold(address(B, S.Base, S.Low), One ? 1 : S.High - S.Low, Before);
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

// The cold block of a look at some bits of the flag: what goes before the instruction that is returned runs only if one is set.
Instruction *Emitter::branch(Instruction *Before, unsigned Bits)
{
	IRBuilder<> B(Before);
	auto *Flag = cast<GlobalVariable>(M.getOrInsertGlobal(Attention, I8));
	Flag->setDSOLocal(true);
	Flag->setVisibility(GlobalValue::HiddenVisibility);
	Value *Byte = B.CreateAlignedLoad(I8, Flag, Align(1), true);
	if (Bits != (OM_ATTENTION_POLL | OM_ATTENTION_TRACK)) Byte = B.CreateAnd(Byte, ConstantInt::get(I8, Bits));
	return SplitBlockAndInsertIfThen(B.CreateICmpNE(Byte, ConstantInt::get(I8, 0)), Before->getIterator(), false, Unlikely);
}

void Emitter::poll(Instruction *Before, ArrayRef<Span> Marks)
{
	Stats.Polls++;
	Stats.Fused += !Marks.empty();
	Instruction *Cold = branch(Before, Marks.empty() ? OM_ATTENTION_POLL : OM_ATTENTION_POLL | OM_ATTENTION_TRACK);
	if (!(O.drop & MarkFused))
		for (const Span &S : Marks) span(S, Cold);
	IRBuilder<> B(Cold);
	call(B, "__optmig_safepoint", {});
}

// Here the marks come behind the poll: they are for the interval that begins with it.
void Emitter::poll(const HeadPoll &Head)
{
	Stats.Polls++;
	Stats.Heads++;
	Instruction *Before = &*Head.Header->getFirstInsertionPt(), *Cold = branch(Before, OM_ATTENTION_POLL | OM_ATTENTION_TRACK);
	IRBuilder<> B(Cold);
	call(B, "__optmig_safepoint", {});
	if (!O.marks || (O.drop & MarkHead)) return;
	for (const HeadPoll::Mark &M : Head.Marks) {
		Value *Pointer = pointerAtHead(M.Pointer, Head, Cold);
		IRBuilder<> At(Cold);
		cold(address(At, Pointer, M.Low), M.High - M.Low, Cold);
	}
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
