/* SPDX-License-Identifier: Apache-2.0 */
// Collects what a function writes.
//
// The rule for completeness: every instruction of which LLVM says mayWriteToMemory() is either in one of the lists
// below, or a call (the callee marks for itself), or a compile error. What needs no mark:
//   - stores that go only to the function's own allocas, or through an argument to those of a caller: the live stack
//     is always sent;
//   - by-value arguments, spills and pushes, for the same reason;
//   - memcpy, memmove and memset that end up as calls: libc's own mark what they write. Those of small constant size
//     may be expanded in place by the code generator, so they are marked here.
#include "Stores.h"
#include "AsmText.h"
#include "llvm/Analysis/ValueTracking.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/IntrinsicsX86.h"

using namespace llvm;
using namespace optmig;

namespace {

// Intrinsics that LLVM models as writing but that change no byte of memory, or only runtime state.
bool writesNothing(Intrinsic::ID ID)
{
	switch (ID) {
	case Intrinsic::assume:
	case Intrinsic::sideeffect:
	case Intrinsic::pseudoprobe:
	case Intrinsic::lifetime_start:
	case Intrinsic::lifetime_end:
	case Intrinsic::invariant_start:
	case Intrinsic::invariant_end:
	case Intrinsic::launder_invariant_group:
	case Intrinsic::experimental_noalias_scope_decl:
	case Intrinsic::dbg_declare:
	case Intrinsic::dbg_value:
	case Intrinsic::dbg_label:
	case Intrinsic::dbg_assign:
	case Intrinsic::var_annotation:
	case Intrinsic::ptr_annotation:
	case Intrinsic::annotation:
	case Intrinsic::codeview_annotation:
	case Intrinsic::donothing:
	case Intrinsic::prefetch:
	case Intrinsic::trap:
	case Intrinsic::debugtrap:
	case Intrinsic::ubsantrap:
	case Intrinsic::vaend:
	case Intrinsic::stacksave:
	case Intrinsic::stackrestore:
	case Intrinsic::localescape:
	case Intrinsic::eh_sjlj_longjmp:
	case Intrinsic::readcyclecounter:
	case Intrinsic::get_rounding:
	case Intrinsic::set_rounding:
	case Intrinsic::set_fpenv:
	case Intrinsic::reset_fpenv:
	case Intrinsic::set_fpmode:
	case Intrinsic::reset_fpmode:
	case Intrinsic::arithmetic_fence:
	case Intrinsic::x86_sse_sfence:
	case Intrinsic::x86_sse2_lfence:
	case Intrinsic::x86_sse2_mfence:
	case Intrinsic::x86_sse2_pause:
	case Intrinsic::x86_sse2_clflush:
	case Intrinsic::x86_clflushopt:
	case Intrinsic::x86_clwb:
	case Intrinsic::x86_cldemote:
	case Intrinsic::x86_sse_ldmxcsr:
	case Intrinsic::x86_rdtsc:
	case Intrinsic::x86_rdtscp:
	case Intrinsic::x86_rdpmc:
	case Intrinsic::x86_rdrand_16:
	case Intrinsic::x86_rdrand_32:
	case Intrinsic::x86_rdrand_64:
	case Intrinsic::x86_rdseed_16:
	case Intrinsic::x86_rdseed_32:
	case Intrinsic::x86_rdseed_64:
	case Intrinsic::x86_xgetbv:
	case Intrinsic::x86_rdpid:
	case Intrinsic::x86_mmx_emms:
	case Intrinsic::x86_avx_vzeroall:
	case Intrinsic::x86_avx_vzeroupper:
	case Intrinsic::x86_flags_read_u64:
	case Intrinsic::x86_flags_write_u64:
		return true;
	default:
		return false;
	}
}

// Intrinsics that write a fixed number of bytes through one pointer argument.
struct PlainWriter { Intrinsic::ID ID; unsigned Argument; uint64_t Size; };
const PlainWriter PlainWriters[] = {
	{Intrinsic::vastart, 0, 24},
	{Intrinsic::vacopy, 0, 24},
	{Intrinsic::eh_sjlj_setjmp, 0, 40},
	{Intrinsic::x86_sse_stmxcsr, 0, 4},
	{Intrinsic::x86_sse2_maskmov_dqu, 2, 16},
	{Intrinsic::x86_mmx_maskmovq, 2, 8},
	{Intrinsic::x86_mmx_movnt_dq, 0, 8},
	{Intrinsic::x86_avx_maskstore_ps, 0, 16},
	{Intrinsic::x86_avx_maskstore_pd, 0, 16},
	{Intrinsic::x86_avx_maskstore_ps_256, 0, 32},
	{Intrinsic::x86_avx_maskstore_pd_256, 0, 32},
	{Intrinsic::x86_avx2_maskstore_d, 0, 16},
	{Intrinsic::x86_avx2_maskstore_q, 0, 16},
	{Intrinsic::x86_avx2_maskstore_d_256, 0, 32},
	{Intrinsic::x86_avx2_maskstore_q_256, 0, 32},
	{Intrinsic::x86_directstore32, 0, 4},
	{Intrinsic::x86_directstore64, 0, 8},
	{Intrinsic::x86_movdir64b, 0, 64},
};

bool isPlainMemFunction(StringRef Name) { return Name == "memcpy" || Name == "memmove" || Name == "memset" || Name == "mempcpy"; }

// Constant byte count of a memory intrinsic or a direct call of the libc function, or nothing.
std::optional<uint64_t> constantMemSize(const CallBase &Call)
{
	const Value *Length = nullptr;
	if (auto *Mem = dyn_cast<AnyMemIntrinsic>(&Call)) Length = Mem->getLength();
	else if (const Function *F = Call.getCalledFunction())
		if (isPlainMemFunction(F->getName()) && Call.arg_size() == 3) Length = Call.getArgOperand(2);
	if (auto *C = dyn_cast_or_null<ConstantInt>(Length)) return C->getZExtValue();
	return std::nullopt;
}

// Expanded in place whatever its size.
bool isAlwaysInline(const CallBase &Call) { return isa<MemCpyInlineInst>(Call) || isa<MemSetInlineInst>(Call); }

// The stack of this function or of one that is still active. A null pointer is never stored through.
bool pointsToStack(const Value *Object, const ArgumentSet &OnStack)
{
	auto *A = dyn_cast<Argument>(Object);
	return isa<AllocaInst>(Object) || isa<UndefValue>(Object) || (A && OnStack.count(A));
}

} // namespace

// Greatest fixed point: all arguments of functions whose calls are all known, less those that some call contradicts.
ArgumentSet optmig::inferStackArguments(Module &M, ArrayRef<Function *> Functions)
{
	ArgumentSet Set;
	for (const Function *F : Functions) {
		if (!F->hasLocalLinkage() || F->isVarArg() || !all_of(F->uses(), [](const Use &U) {
				auto *Call = dyn_cast<CallBase>(U.getUser());
				return Call && Call->isCallee(&U);
			})) continue;
		for (const Argument &A : F->args())
			if (A.getType()->isPointerTy() && !F->use_empty()) Set.insert(&A);
	}
	auto contradicted = [&](const Argument *A) {
		return any_of(A->getParent()->users(), [&](const User *U) {
			auto *Call = cast<CallBase>(U);
			SmallVector<const Value *, 4> Objects;
			if (Call->arg_size() <= A->getArgNo()) return true;
			getUnderlyingObjects(Call->getArgOperand(A->getArgNo()), Objects, nullptr, 12);
			return !all_of(Objects, [&](const Value *V) { return isa<ConstantPointerNull>(V) || pointsToStack(V, Set); });
		});
	};
	for (bool Changed = true; Changed;) {
		SmallVector<const Argument *, 8> Out;
		for (const Argument *A : Set)
			if (contradicted(A)) Out.push_back(A);
		for (const Argument *A : Out) Set.erase(A);
		Changed = !Out.empty();
	}
	return Set;
}

bool StoreCollector::onlyOwnStack(Value *Pointer) const
{
	SmallVector<const Value *, 4> Objects;
	getUnderlyingObjects(Pointer, Objects, &LI, 12);
	return all_of(Objects, [&](const Value *V) { return pointsToStack(V, OnStack); });
}

void StoreCollector::refuse(Instruction &I, const Twine &What)
{
	F.getContext().diagnose(DiagnosticInfoUnsupported(F, "OptMig cannot see what memory " + What +
		" writes; mark it with OPTMIG_MARK() and declare the function OPTMIG_MARKS_ITSELF (<optmig.h>)", I.getDebugLoc()));
}

void StoreCollector::add(Instruction *At, Value *Pointer, uint64_t Size, Align Alignment, MarkClass Class)
{
	unsigned Space = Pointer->getType()->getPointerAddressSpace();
	if (Space != 0) {
		if (!Annotated) refuse(*At, "a store to address space " + Twine(Space));
		return;
	}
	if (Size && !onlyOwnStack(Pointer)) Out->push_back({At, Pointer, Size, Alignment, Class});
}

void StoreCollector::addScatter(IntrinsicInst &I)
{
	auto *Type = dyn_cast<FixedVectorType>(I.getArgOperand(0)->getType());
	if (!Type) { refuse(I, "a scatter of scalable vectors"); return; }
	uint64_t Size = DL.getTypeStoreSize(Type->getElementType());
	for (unsigned Lane = 0; Lane < Type->getNumElements(); Lane++) {
		StoreRequest Request = {&I, I.getArgOperand(1), Size, Align(1), MarkMasked};
		Request.Lane = (int)Lane;
		Request.Mask = I.getArgOperand(3);
		Out->push_back(Request);
	}
}

void StoreCollector::visitIntrinsic(IntrinsicInst &I)
{
	Intrinsic::ID ID = I.getIntrinsicID();
	if (!I.mayWriteToMemory() || writesNothing(ID)) return;
	if (auto *Mem = dyn_cast<AnyMemIntrinsic>(&I)) {
		std::optional<uint64_t> Size = constantMemSize(I);
		if (isAlwaysInline(I) && !Size) refuse(I, "an inline memory intrinsic of variable size");
		else if (Size && (*Size <= MemNoPollMax || isAlwaysInline(I)))
			add(&I, Mem->getRawDest(), *Size, Mem->getDestAlign().valueOrOne(), MarkMem);
		return;
	}
	switch (ID) {
	case Intrinsic::masked_store: // lanes that are off are marked as well
	case Intrinsic::masked_compressstore:
	case Intrinsic::vp_store:
		add(&I, I.getArgOperand(1), DL.getTypeStoreSize(I.getArgOperand(0)->getType()), Align(1), MarkMasked);
		return;
	case Intrinsic::masked_scatter:
		addScatter(I);
		return;
	default:
		break;
	}
	for (const PlainWriter &Writer : PlainWriters)
		if (Writer.ID == ID) { add(&I, I.getArgOperand(Writer.Argument), Writer.Size, Align(1), MarkIntrinsic); return; }
	if (I.onlyAccessesInaccessibleMemory() || Annotated) return;
	// Constrained floating point changes only the floating-point environment; others by their arguments.
	if (isa<ConstrainedFPIntrinsic>(I)) return;
	for (Value *Argument : I.args())
		if (Argument->getType()->isPtrOrPtrVectorTy() && !(Argument->getType()->isPointerTy() && onlyOwnStack(Argument))) {
			refuse(I, "the intrinsic " + I.getCalledFunction()->getName());
			return;
		}
}

void StoreCollector::visitInlineAsm(CallBase &Call)
{
	auto *Asm = cast<InlineAsm>(Call.getCalledOperand());
	if (!Call.mayWriteToMemory()) return;
	// It writes and may throw: behind it there are two places, and in the one nobody knows how far it came.
	if (isa<InvokeInst>(Call) && !Annotated) {
		F.getContext().diagnose(DiagnosticInfoInlineAsm(Call, "OptMig cannot mark what assembly writes that unwinds; call a function that does it"));
		return;
	}
	bool Clobbers = false;
	unsigned Argument = 0;
	for (const InlineAsm::ConstraintInfo &Constraint : Asm->ParseConstraints()) {
		if (Constraint.Type == InlineAsm::isClobber) {
			for (const std::string &Code : Constraint.Codes) Clobbers |= Code == "{memory}";
			continue;
		}
		bool HasArgument = Constraint.Type == InlineAsm::isInput || (Constraint.Type == InlineAsm::isOutput && Constraint.isIndirect);
		if (!HasArgument) continue;
		// With a memory clobber an operand that is declared as input may be written, too: old code does that.
		if (Constraint.isIndirect) {
			Type *Element = Call.getParamElementType(Argument);
			uint64_t Size = Element ? DL.getTypeStoreSize(Element).getFixedValue() : 1;
			add(&Call, Call.getArgOperand(Argument), Size, Align(1), MarkAsm);
		}
		Argument++;
	}
	if (!Clobbers || Annotated) return;
	AsmVerdict Verdict = readAsmText(Asm->getAsmString());
	if (Asm->getDialect() == InlineAsm::AD_Intel && !StringRef(Asm->getAsmString()).trim().empty())
		Verdict = {true, true, "Intel syntax"};
	if (Verdict.Writes)
		F.getContext().diagnose(DiagnosticInfoInlineAsm(Call, "OptMig cannot see what memory this assembly writes (" +
			Verdict.Instruction + "); declare it as an output (\"=m\"), or mark it with OPTMIG_MARK() and put OPTMIG_ASM_MARKED "
			"at the start of the template (<optmig.h>)"));
}

void StoreCollector::visitCall(CallBase &Call)
{
	if (Call.isInlineAsm()) { visitInlineAsm(Call); return; }
	// A direct call of memcpy may still be expanded by the code generator.
	std::optional<uint64_t> Size = constantMemSize(Call);
	if (Size && *Size <= MemNoPollMax) add(&Call, Call.getArgOperand(0), *Size, Align(1), MarkMem);
}

void StoreCollector::visit(Instruction &I)
{
	if (auto *Store = dyn_cast<StoreInst>(&I))
		add(&I, Store->getPointerOperand(), DL.getTypeStoreSize(Store->getValueOperand()->getType()), Store->getAlign(),
			Store->isAtomic() ? MarkAtomic : MarkStore);
	else if (auto *RMW = dyn_cast<AtomicRMWInst>(&I))
		add(&I, RMW->getPointerOperand(), DL.getTypeStoreSize(RMW->getType()), RMW->getAlign(), MarkAtomic);
	else if (auto *Exchange = dyn_cast<AtomicCmpXchgInst>(&I))
		add(&I, Exchange->getPointerOperand(), DL.getTypeStoreSize(Exchange->getNewValOperand()->getType()), Exchange->getAlign(), MarkAtomic);
	else if (auto *Argument = dyn_cast<VAArgInst>(&I))
		add(&I, Argument->getPointerOperand(), 24, Align(1), MarkIntrinsic);
	else if (auto *Intrinsic = dyn_cast<IntrinsicInst>(&I))
		visitIntrinsic(*Intrinsic);
	else if (auto *Call = dyn_cast<CallBase>(&I))
		visitCall(*Call);
	else if (I.mayWriteToMemory() && !isa<FenceInst>(I) && !isa<LoadInst>(I)) // volatile and ordered loads count as writing
		refuse(I, Twine("the instruction ") + I.getOpcodeName());
}

void StoreCollector::collect(SmallVectorImpl<StoreRequest> &Requests)
{
	Out = &Requests;
	for (BasicBlock &Block : F)
		for (Instruction &I : Block) visit(I);
}

bool optmig::mayReachSafepoint(const Instruction &I, const SmallPtrSetImpl<const Function *> &NoPoll)
{
	auto *Call = dyn_cast<CallBase>(&I);
	if (!Call) return false;
	if (Call->isInlineAsm()) {
		auto *Asm = cast<InlineAsm>(Call->getCalledOperand());
		return readAsmText(Asm->getAsmString()).Safepoint;
	}
	if (isAlwaysInline(*Call)) return false;
	std::optional<uint64_t> Size = constantMemSize(*Call);
	if (isa<AnyMemIntrinsic>(Call) || Size) return !Size || *Size > MemNoPollMax;
	// Other intrinsics become instructions, or functions of libm, which is built without polls.
	if (isa<IntrinsicInst>(Call)) return false;
	const Function *Callee = Call->getCalledFunction();
	return !Callee || !NoPoll.count(Callee);
}
