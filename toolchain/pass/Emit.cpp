/* SPDX-License-Identifier: Apache-2.0 */
// Code generation.
//
// A gate is    testb $0xc0,__optmig_attention(%rip) ; jne cold       with the marks of a segment in the cold block.
// A mark is    call __optmig_markSIZE_REG                             in the cold block of a gate; in short loops and interpreters
//              mov %rax,%r11 ; shr $12,%r11 ; cmpw $-1,%gs:(%r11) ; je over ; call ... ; over:      or, for one byte,
//              shr $12,%rax ; cmpb $0,%gs:(%rax) ; jne over ; movb $-1,%gs:(%rax) ; over:
//              and without gates the latter, with the movb in a cold block.
// A poll is    testb $0x3f,__optmig_attention(%rip) ; jne cold       with the call below in the cold block.
// Both are     cmpb $0,__optmig_attention(%rip) ; jne cold           with the marks and then the call in the cold block; the last
//              mark's call is __optmig_markpollSIZE_REG, which goes on to the safepoint.
// Outside innermost loops there is no cold block: je over ; call ... ; over:, one piece of assembly.
//
// A segment has one gate, where all its pointers are known, or none of its own if it ends in a poll or its marks wait for a
// look in another block (Joins.cpp): when a mark is made inside its interval does not matter. The flag and cards are read and written with volatile accesses, so that the code generator neither
// merges nor moves them over a poll. Runtime functions are called from inline assembly with side effects that clobbers no register,
// but r11 for marks: they preserve all others. Such a call may read and write all memory for whoever optimises IR, and the code
// generator moves no store over it; it does not say "memory" besides, since functions that may look at floating-point exceptions
// would get a WAIT behind each.
// Functions with such a call have no red zone: stepping over it at every poll costs more code than it saves.
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
constexpr int64_t NearBase = 1024; // bytes
constexpr unsigned ShortBlocks = 24; // basic blocks of a loop whose marks are spelled out
constexpr unsigned DispatchCases = 32; // of a switch that makes its loop an interpreter
constexpr unsigned BesideMax = 4, DeferMax = 32, All = OM_ATTENTION_POLL | OM_ATTENTION_TRACK;
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

void Emitter::enter(LoopInfo &LI, ArrayRef<Span> Spans, ArrayRef<Instruction *> Polls)
{
	Loops = &LI;
	Short.clear();
	Dispatch.clear();
	for (const Loop *L : LI.getLoopsInPreorder()) {
		if (L->getNumBlocks() <= ShortBlocks) Short.insert(L);
		if (any_of(L->blocks(), [](const BasicBlock *Block) {
				auto *Switch = dyn_cast<SwitchInst>(Block->getTerminator());
				return isa<IndirectBrInst>(Block->getTerminator()) || (Switch && Switch->getNumCases() >= DispatchCases);
			})) Dispatch.insert(L);
	}
	Fixed.clear();
	Fixed.insert(Polls.begin(), Polls.end());
	for (const Span &S : Spans) {
		Fixed.insert(S.At);
		Fixed.insert(S.Gate);
	}
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
	B.CreateCall(FT, InlineAsm::get(FT, Text, Constraints + "~{dirflag},~{flags}", true), Arguments);
}

std::string Emitter::pollText()
{
	return ("testb $$" + Twine(OM_ATTENTION_POLL) + "," + Attention + "(%rip)").str();
}

// Again: the look before may have been for marks only.
void Emitter::safepoint(IRBuilder<> &B, bool Again)
{
	if (!Again || O.redZone) {
		call(B, "__optmig_safepoint", {});
		return;
	}
	(void)flag();
	B.GetInsertBlock()->getParent()->addFnAttr(Attribute::NoRedZone);
	auto *FT = FunctionType::get(Type::getVoidTy(C), {}, false);
	B.CreateCall(FT, InlineAsm::get(FT, pollText() + "\n\tje .Loptmig${:uid}\n\tcall __optmig_safepoint\n.Loptmig${:uid}:",
		"~{dirflag},~{flags}", true));
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

static int64_t blockOf(const Span &S, const Options &O)
{
	return std::min<int64_t>(O.trustAlign || S.Aligned ? (int64_t)S.BaseAlign.value() : 1, PageSize);
}

// Both ends lie on one page if the span stays inside one block of its base's alignment.
static bool onOnePage(const Span &S, const Options &O)
{
	int64_t Block = blockOf(S, O);
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
	SmallVector<std::pair<Instruction *, SmallVector<Span, 4>>, 16> Groups;
	for (const Span &S : Spans) {
		bool Joins = O.sink && !Groups.empty() && Groups.back().second.front().Interval == S.Interval;
		if (!Joins) Groups.push_back({S.At, {}});
		if (O.sink) Groups.back().first = S.Gate;
		Groups.back().second.push_back(S);
	}
	for (auto &[At, Members] : Groups) look(At, OM_ATTENTION_TRACK, Members, false);
}

// Looks at some bits of the flag; if one is set, makes the marks and then calls the safepoint.
void Emitter::look(Instruction *Before, unsigned Bits, ArrayRef<Span> Marks, bool Poll)
{
	Stats.Gates += !Poll;
	if (fitsBeside(Before, Marks)) {
		beside(Before, Bits, Marks, Poll);
		return;
	}
	Instruction *Cold = branch(defer(Before, Marks), Bits);
	for (const Span &S : Marks) Poll = !span(S, Cold, Poll && &S == Marks.end() - 1) && Poll;
	IRBuilder<> B(Cold);
	if (Poll) safepoint(B, Bits == All && spelledOut(Cold));
}

// Where a block of its own does not pay, the calls stand beside the look, which jumps over them.
bool Emitter::fitsBeside(Instruction *Before, ArrayRef<Span> Marks) const
{
	if (!O.gate || !O.calls || !O.conditional || O.redZone || Marks.size() > BesideMax) return false;
	const Loop *L = Loops->getLoopFor(Before->getParent());
	if (L && (O.beside < 2 || (O.beside < 3 && L->isInnermost()))) return false;
	return O.beside && all_of(Marks, [&](const Span &S) { return inRegister(S); });
}

// Is the span's pointer in a register anyhow, or does the code generator fold it into its stores?
bool Emitter::inRegister(const Span &S) const
{
	if (S.High - S.Low > PageSize || isa<Constant>(S.Base)) return false;
	int64_t Low = S.Low, High = S.High;
	if (farFrom(S, Low, High)) return false;
	return !isFolded(S.Base);
}

// An address with an index that only loads and stores use.
bool Emitter::isFolded(const Value *Pointer)
{
	auto *G = dyn_cast<GetElementPtrInst>(Pointer);
	return G && all_of(G->users(), [&](const User *U) {
		auto *Field = dyn_cast<GetElementPtrInst>(U);
		if (Field && Field->hasAllConstantIndices()) return isFolded(Field);
		return isa<LoadInst>(U) || (isa<StoreInst>(U) && cast<StoreInst>(U)->getPointerOperand() == G);
	});
}

// The number, of which the code generator does not know how it changes in a loop.
Value *Emitter::opaque(IRBuilder<> &B, Value *Number)
{
	auto *FT = FunctionType::get(Number->getType(), {Number->getType()}, false);
	return B.CreateCall(FT, InlineAsm::get(FT, "", "=r,0", true), {Number});
}

// The pointer in a cold block. If the loop's own code needs no register for it, strength reduction shall not find it one.
Value *Emitter::inCold(Value *Pointer, Instruction *Before)
{
	if (!O.sink || !O.calls || !isFolded(Pointer)) return Pointer;
	auto *G = cast<GetElementPtrInst>(Pointer);
	const Loop *L = Loops->getLoopFor(G->getParent());
	if (!L || !L->isInnermost()) return Pointer;
	IRBuilder<> B(Before);
	Instruction *Copy = G->clone();
	for (Use &U : drop_begin(Copy->operands()))
		if (!isa<Constant>(U.get()) && U->getType()->isIntegerTy()) U.set(opaque(B, U.get()));
	return B.Insert(Copy);
}

void Emitter::beside(Instruction *Before, unsigned Bits, ArrayRef<Span> Marks, bool Poll)
{
	IRBuilder<> B(Before);
	SmallVector<Value *, 4> Operands;
	SmallVector<Type *, 4> Types;
	std::string Text = Bits == All ? "cmpb $$0," : "testb $$" + std::to_string(Bits) + ",", Constraints;
	Text += (Attention + Twine("(%rip)\n\tje .Loptmig${:uid}")).str();
	(void)flag();
	const bool Spelled = !Marks.empty() && inDispatch(Before);
	for (const Span &S : Marks) {
		int64_t Low = S.Low, High = S.High;
		(void)farFrom(S, Low, High);
		Stats.Marks++;
		Text += "\n\t";
		if (Spelled) Text += spell(Operands.size(), false, High - Low);
		else Text += "call " + markName(High - Low, Poll && &S == Marks.end() - 1) + "_${" + std::to_string(Operands.size()) + ":V}";
		Operands.push_back(S.Base);
		Types.push_back(S.Base->getType());
		Constraints += "r,";
	}
	if (Poll && Spelled) Text += "\n\t" + pollText() + "\n\tje .Loptmig${:uid}";
	if (Poll && (Spelled || Marks.empty())) Text += "\n\tcall __optmig_safepoint";
	B.GetInsertBlock()->getParent()->addFnAttr(Attribute::NoRedZone);
	auto *FT = FunctionType::get(Type::getVoidTy(C), Types, false);
	B.CreateCall(FT, InlineAsm::get(FT, Text + "\n.Loptmig${:uid}:", Constraints + (Marks.empty() ? "" : "~{r11},") + "~{dirflag},~{flags}", true), Operands);
}

// What only code behind the look needs is computed there: in the cold block a counter's old and new value would both live.
// Returns the new place of the look.
Instruction *Emitter::defer(Instruction *Before, ArrayRef<Span> Marks) const
{
	if (!O.sink) return Before;
	Instruction *First = Before;
	unsigned Seen = 0;
	for (Instruction *I = Before->getPrevNode(), *Previous; I && !isa<PHINode>(I) && !isa<CallBase>(I) && Seen < DeferMax; I = Previous, Seen++) {
		Previous = I->getPrevNode();
		bool Pure = isa<BinaryOperator>(I) || isa<CastInst>(I) || isa<GetElementPtrInst>(I) || isa<CmpInst>(I);
		if (!Pure || Fixed.count(I) || any_of(Marks, [&](const Span &S) { return S.Base == I; }) ||
			count_if(I->operands(), [](const Use &U) { return !isa<Constant>(U.get()); }) > 1) continue;
		if (any_of(I->users(), [&](const User *U) {
				auto *At = cast<Instruction>(U);
				return At->getParent() == I->getParent() && !isa<PHINode>(At) && At->comesBefore(First);
			})) continue;
		I->moveBefore(First);
		First = I;
	}
	return First;
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
		cold(M.Address, 0, 1, Cold);
	}
}

// A mark of the first and last of the bytes [Low, High) from Pointer on; behind a gate it may be a call, which is shorter.
// A pointer stays a pointer: as a number it would be another induction variable to the code generator.
// If that call can do what comes next, a poll, it does so, and the result is true.
bool Emitter::cold(Value *Pointer, int64_t Low, int64_t High, Instruction *Before, bool Poll)
{
	IRBuilder<> B(Before);
	if (!O.gate || !O.calls || !O.conditional) {
		Value *Address = address(B, Pointer, Low);
		card(Address, Before, !O.gate);
		if (High - Low == 1) return false;
		IRBuilder<> After(Before);
		card(After.CreateAdd(Address, ConstantInt::get(I64, (uint64_t)(High - Low - 1))), Before, !O.gate);
		return false;
	}
	Stats.Marks++;
	bool Spelled = spelledOut(Before);
	if (Spelled && isInt<32>(Low) && isInt<32>(High)) { // what a displacement can say
		inLine(B, Pointer, Low, High);
		return false;
	}
	if (Low && Pointer->getType()->isPointerTy()) Pointer = B.CreatePtrAdd(Pointer, ConstantInt::getSigned(I64, Low));
	else if (Low) Pointer = B.CreateAdd(Pointer, ConstantInt::getSigned(I64, Low));
	if (Spelled) {
		inLine(B, Pointer, 0, High - Low);
		return false;
	}
	B.GetInsertBlock()->getParent()->addFnAttr(Attribute::NoRedZone);
	auto *FT = FunctionType::get(Type::getVoidTy(C), {Pointer->getType()}, false);
	B.CreateCall(FT, InlineAsm::get(FT, "call " + markName(High - Low, Poll) + "_${0:V}", "r,~{r11},~{dirflag},~{flags}", true), {Pointer});
	return Poll;
}

// Where a program stays long a call costs more, while marks are wanted, than its code is worth.
bool Emitter::spelledOut(const Instruction *Before) const
{
	const Loop *L = Loops->getLoopFor(Before->getParent());
	return O.inLine > 2 || (O.inLine > 1 && L) || (O.inLine && L && Short.count(L));
}

// Is it in an interpreter's loop? Its indirect jumps are predicted by the branches taken before; a call is two, a mark that is
// spelled out one, as the look is that jumps over it.
bool Emitter::inDispatch(const Instruction *Before) const
{
	if (O.inLine > 2) return true;
	for (const Loop *L = O.inLine ? Loops->getLoopFor(Before->getParent()) : nullptr; L; L = L->getParentLoop())
		if (Dispatch.count(L)) return true;
	return false;
}

// One piece of assembly, so that strength reduction sees a pointer and no number that it would count along.
void Emitter::inLine(IRBuilder<> &B, Value *Pointer, int64_t Low, int64_t High)
{
	const bool Both = High - Low > 1;
	const std::string Offset = Low ? "leaq " + std::to_string(Low) + "($1),$0\n\t" : "";
	std::string Constraints = Low ? "=&r,r," : Both ? "r," : "=r,0,";
	Type *Result = Low || !Both ? I64 : Type::getVoidTy(C);
	if (Both) Constraints += "~{r11},";
	auto *FT = FunctionType::get(Result, {Pointer->getType()}, false);
	B.GetInsertBlock()->getParent()->addFnAttr(Attribute::NoRedZone);
	B.CreateCall(FT, InlineAsm::get(FT, Offset + spell(0, !Both, High - Low), Constraints + "~{dirflag},~{flags}", true), {Pointer});
}

// A mark of Size bytes from an operand on, which is lost if InPlace; r11 is, if not. For more than one byte both cards are looked
// at at once, and a call does the rest.
std::string Emitter::spell(size_t Operand, bool InPlace, int64_t Size)
{
	const std::string Number = std::to_string(Operand), From = "${" + Number + "}", Over = ".Loptmig${:uid}_" + Number;
	const std::string Temporary = InPlace ? From : "%r11";
	std::string Text = InPlace ? "" : "movq " + From + "," + Temporary + "\n\t";
	Text += "shrq $$" + std::to_string(OM_CARD_SHIFT) + "," + Temporary + "\n\t";
	if (Size > 1) {
		Text += "cmpw $$-1,%gs:(" + Temporary + ")\n\tje " + Over + "\n\tcall " + markName(Size, false) + "_${" + Number + ":V}\n" + Over + ":";
	} else {
		Text += "cmpb $$0,%gs:(" + Temporary + ")\n\tjne " + Over + "\n\tmovb $$" + std::to_string(OM_CARD_DIRTY) + ",%gs:(" + Temporary +
			")\n" + Over + ":";
	}
	return Text;
}

std::string Emitter::markName(int64_t Size, bool Poll)
{
	return (Poll ? "__optmig_markpoll" : "__optmig_mark") + std::to_string(*find_if(MarkSizes, [&](int64_t S) { return S >= Size; }));
}

// What a call marks for a span, from its base on, which is in a register anyhow. It may begin before the span if that touches
// no other page than the one before it. False if the base is too far away.
bool Emitter::farFrom(const Span &S, int64_t &Low, int64_t &High) const
{
	bool One = onOnePage(S, O) || (O.drop & MarkSpanEnd);
	Low = S.Low;
	High = One ? Low + 1 : S.High;
	if (Low == 0) return false;
	if (Low < 0 || Low >= NearBase || S.High > PageSize || (O.drop & MarkSpanEnd)) return true;
	High = One && S.High <= blockOf(S, O) ? 1 : S.High;
	Low = 0;
	return false;
}

// True if what it has put there does the poll that comes next, too.
bool Emitter::span(const Span &S, Instruction *Before, bool Poll)
{
	int64_t Low, High;
	if (S.High - S.Low > PageSize) {
		IRBuilder<> B(Before);
		Stats.Ranges++;
		call(B, "__optmig_range", {address(B, S.Base, S.Low), address(B, S.Base, S.High)});
		return false;
	}
	if (!O.calls || farFrom(S, Low, High)) {
		Low = S.Low;
		High = onOnePage(S, O) || (O.drop & MarkSpanEnd) ? Low + 1 : S.High;
	}
	return cold(inCold(S.Base, Before), Low, High, Before, Poll);
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

GlobalVariable *Emitter::flag()
{
	auto *Flag = cast<GlobalVariable>(M.getOrInsertGlobal(Attention, I8));
	Flag->setDSOLocal(true);
	Flag->setVisibility(GlobalValue::HiddenVisibility);
	if (!FlagUsed) appendToCompilerUsed(M, {Flag}); // assembly names it
	FlagUsed = true;
	return Flag;
}

// The cold block of a look at some bits of the flag: what goes before the instruction that is returned runs only if one is set.
Instruction *Emitter::branch(Instruction *Before, unsigned Bits)
{
	IRBuilder<> B(Before);
	Value *Byte = B.CreateAlignedLoad(I8, flag(), Align(1), true);
	if (Bits != All) Byte = B.CreateAnd(Byte, ConstantInt::get(I8, Bits));
	return SplitBlockAndInsertIfThen(B.CreateICmpNE(Byte, ConstantInt::get(I8, 0)), Before->getIterator(), false, Unlikely, nullptr, Loops);
}

void Emitter::poll(Instruction *Before, ArrayRef<Span> Marks)
{
	Stats.Polls++;
	Stats.Fused += !Marks.empty();
	look(Before, Marks.empty() ? OM_ATTENTION_POLL : All, O.drop & MarkFused ? ArrayRef<Span>() : Marks, true);
}

// Here the marks come behind the poll: they are for the interval that begins with it.
void Emitter::poll(const HeadPoll &Head)
{
	Stats.Polls++;
	Stats.Heads++;
	Instruction *Before = &*Head.Header->getFirstInsertionPt(), *Cold = branch(Before, All);
	IRBuilder<> B(Cold);
	safepoint(B, spelledOut(Cold));
	if (!O.marks || (O.drop & MarkHead)) return;
	DenseMap<Value *, Value *> Start;
	SmallVector<Instruction *, 4> Hidden;
	for (PHINode &Phi : Head.Header->phis()) {
		Start[&Phi] = Phi.getType()->isIntegerTy() && O.sink && !Head.Marks.empty() ? opaque(B, &Phi) : &Phi;
		if (Start[&Phi] != &Phi) Hidden.push_back(cast<Instruction>(Start[&Phi]));
	}
	BlockSet Inside = Head.Inside;
	Inside.insert(Before->getParent()); // what was behind the header's phis
	for (const HeadPoll::Mark &M : Head.Marks) cold(copyBefore(M.Pointer, Start, Inside, Cold), M.Low, M.High, Cold);
	for (Instruction *I : Hidden)
		if (I->use_empty()) I->eraseFromParent();
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
