/* SPDX-License-Identifier: Apache-2.0 */
// What can a piece of inline assembly write?
//
// The memory operands that the statement declares are known to the pass and marked by it. This file looks for writes
// that are NOT declared: through a register inside the template, or by an instruction with an implied destination. The
// text is AT&T syntax, where the destination is the last operand. An instruction is harmless if
//   - it has no explicit memory operand "disp(base,index)" in last place, or that operand is on the stack, or the
//     instruction only reads its operands (cmp, test, bt, prefetch, ...), and
//   - it is none of the instructions with an implied destination (movs, stos, xsave, maskmov, ...).
// Exchange instructions write both operands. Calls are harmless here, since the callee marks what it writes, but
// they end the safepoint interval. When in doubt the answer is "writes": the author then annotates the statement
// (OPTMIG_ASM_MARKED of optmig.h, which puts the words "optmig:marked" into the template).
#include "AsmText.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace llvm;
using namespace optmig;

namespace {

// Instructions whose destination stands nowhere in the operands.
bool hasImpliedDestination(StringRef M)
{
	static const char *const Prefixes[] = {"movs", "stos", "ins", "xsave", "fxsave", "fsave", "fnsave", "maskmov",
		"clzero", "movdir", "enqcmd", "encl", "enclu", "wrss", "wruss", "vpscatter", "vscatter"};
	// movss, movsd with operands, movsx and movsl-with-two-operands are checked by the caller.
	for (const char *P : Prefixes)
		if (M.starts_with(P)) return true;
	return false;
}

bool onlyReads(StringRef M)
{
	static const char *const Prefixes[] = {"cmp", "test", "prefetch", "clflush", "clwb", "cldemote", "ucomis", "comis",
		"vucomis", "vcomis", "vtest", "ptest", "vptest", "fld", "fild", "fadd", "fmul", "fsub", "fdiv", "fcom", "nop", "verr",
		"verw", "ldmxcsr", "vldmxcsr", "fldcw", "fldenv", "frstor", "fxrstor", "xrstor", "invlpg", "mul", "imul", "div", "idiv",
		"push", "jmp", "call"};
	if (M.starts_with("cmpxchg")) return false;
	for (const char *P : Prefixes)
		if (M.starts_with(P)) return true;
	if (M.starts_with("j") || M.starts_with("loop") || M == "xbegin") return true;
	return M == "bt" || M == "btl" || M == "btq" || M == "btw";
}

// Splits at commas outside parentheses.
void splitOperands(StringRef Text, SmallVectorImpl<StringRef> &Operands)
{
	unsigned Depth = 0;
	size_t Start = 0;
	for (size_t I = 0; I < Text.size(); I++) {
		if (Text[I] == '(' || Text[I] == '{') Depth++;
		else if ((Text[I] == ')' || Text[I] == '}') && Depth) Depth--;
		else if (Text[I] == ',' && !Depth) { Operands.push_back(Text.slice(Start, I).trim()); Start = I + 1; }
	}
	StringRef Last = Text.substr(Start).trim();
	if (!Last.empty()) Operands.push_back(Last);
}

// "disp(base...)", a bare symbol, a segment override, or an offset from a declared operand ("8+$0"). A declared operand
// itself is "$0" or "${1:k}", an immediate "$$5" (LLVM's spelling).
bool isUndeclaredMemory(StringRef Operand)
{
	if (Operand.starts_with("*") || Operand.starts_with("$$")) return false; // a jump's target, an immediate
	if (Operand.starts_with("%fs:") || Operand.starts_with("%gs:")) return true;
	size_t Paren = Operand.find('(');
	if (Paren != StringRef::npos) {
		StringRef Base = Operand.substr(Paren + 1).ltrim();
		return !(Base.starts_with("%rsp") || Base.starts_with("%esp"));
	}
	return !(Operand.starts_with("%") || Operand.starts_with("$") || Operand.starts_with("{"));
}

bool isPrefix(StringRef M)
{
	return StringSwitch<bool>(M)
		.Cases("lock", "rep", "repe", "repz", "repne", "repnz", "notrack", "data16", true)
		.Cases("xacquire", "xrelease", "bnd", "addr32", "rex", "rex64", true)
		.Default(false);
}

// A directive that emits bytes hides instructions; other directives emit none.
bool directiveHidesCode(StringRef D, StringRef Section)
{
	bool Emits = StringSwitch<bool>(D).Cases(".byte", ".word", ".short", ".long", ".int", ".quad", true)
		.Cases(".octa", ".2byte", ".4byte", ".8byte", ".insn", ".incbin", true).Default(false);
	return Emits && Section == "text";
}

// Runtime entries that return without a safepoint.
bool neverParks(ArrayRef<StringRef> Operands)
{
	return Operands.size() == 1 && (Operands[0] == "__optmig_range" || Operands[0] == "__optmig_verify_store" || Operands[0] == "__optmig_cpuid");
}

struct Reader {
	AsmVerdict Verdict;
	StringRef Section = "text";

	void writes(StringRef Statement) { if (!Verdict.Writes) { Verdict.Writes = true; Verdict.Instruction = Statement.str(); } }

	void directive(StringRef Statement)
	{
		auto [Name, Rest] = Statement.split(' ');
		Rest = Rest.trim();
		if (Name == ".text" || Name == ".previous" || Name == ".popsection") Section = "text";
		else if (Name == ".data" || Name == ".bss" || Name == ".rodata") Section = "data";
		else if (Name == ".section" || Name == ".pushsection") Section = Rest.contains("\"ax\"") || Rest.starts_with(".text") ? "text" : "data";
		else if (directiveHidesCode(Name, Section)) writes(Statement);
	}

	void instruction(StringRef Statement)
	{
		StringRef Rest = Statement.trim();
		StringRef Mnemonic;
		do {
			size_t End = Rest.find_first_of(" \t");
			Mnemonic = Rest.substr(0, End);
			Rest = End == StringRef::npos ? StringRef() : Rest.substr(End + 1).trim();
		} while (isPrefix(Mnemonic) && !Rest.empty());
		std::string Lower = Mnemonic.lower();
		SmallVector<StringRef, 4> Operands;
		splitOperands(Rest, Operands);
		classify(Lower, Operands, Statement);
	}

	void classify(StringRef M, ArrayRef<StringRef> Operands, StringRef Statement)
	{
		if (M == "syscall" || M == "sysenter" || (M.starts_with("call") && !neverParks(Operands))) Verdict.Safepoint = true;
		if (M.starts_with("${") || M.starts_with("$")) { writes(Statement); return; } // the mnemonic is an operand
		// The string instructions without operands, and those with an implied destination. A "movsd %xmm0, %xmm1", "movsbl"
		// or "movslq" has two operands that say where it writes.
		bool TwoOperandMove = (M.starts_with("movs") || M.starts_with("insert")) && Operands.size() >= 2 &&
			!Statement.contains("(%rdi)") && !Statement.contains("(%edi)");
		if (hasImpliedDestination(M) && !TwoOperandMove) { writes(Statement); return; }
		if (onlyReads(M)) return;
		bool WritesAll = M.starts_with("xchg") || M.starts_with("xadd");
		for (size_t I = 0; I < Operands.size(); I++)
			if ((WritesAll || I + 1 == Operands.size()) && isUndeclaredMemory(Operands[I])) { writes(Statement); return; }
	}

	void statement(StringRef Text)
	{
		Text = Text.trim();
		// Labels before the instruction.
		for (;;) {
			size_t Colon = Text.find(':');
			if (Colon == StringRef::npos) break;
			StringRef Label = Text.substr(0, Colon);
			if (Label.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$") != StringRef::npos) break;
			if (Label.empty()) break;
			Text = Text.substr(Colon + 1).trim();
		}
		if (Text.empty()) return;
		if (Text.front() == '.') directive(Text);
		else instruction(Text);
	}
};

} // namespace

AsmVerdict optmig::readAsmText(StringRef Template)
{
	Reader R;
	SmallVector<StringRef, 16> Lines;
	Template.split(Lines, '\n');
	for (StringRef Line : Lines) {
		Line = Line.split('#').first;
		SmallVector<StringRef, 4> Statements;
		Line.split(Statements, ';');
		for (StringRef Statement : Statements) R.statement(Statement);
	}
	if (Template.contains("optmig:marked")) R.Verdict.Writes = false;
	return R.Verdict;
}
