/* SPDX-License-Identifier: Apache-2.0 */
// 'drop=CLASS': marks of a class are left out, so that the program is wrong and a test has something to find.
#include "../Options.h"
#include <cstdlib>

using namespace llvm;
using namespace optmig;

namespace {

struct DropClass { const char *Name; MarkClass Class; };
const DropClass DropClasses[] = {
	{"store", MarkStore}, {"atomic", MarkAtomic}, {"mem", MarkMem}, {"masked", MarkMasked},
	{"asm", MarkAsm}, {"intrinsic", MarkIntrinsic}, {"span-end", MarkSpanEnd}, {"strip", MarkStrip},
	{"head", MarkHead}, {"fused", MarkFused}, {"invoke", MarkInvoke},
};

} // namespace

const char *const optmig::testingOptions[] = {"drop", nullptr};

bool optmig::testingOption(StringRef Name, StringRef Value, Options &Into, std::string &Problem)
{
	if (Name != "drop") return false;
	const char *Test = getenv("OPTMIG_PASS_TEST");
	if (!Test || StringRef(Test) != "1") {
		Problem = "'drop' makes wrong programs; it is for mutation tests with OPTMIG_PASS_TEST=1";
		return true;
	}
	for (const DropClass &Class : DropClasses)
		if (Value == Class.Name) { Into.drop |= Class.Class; return true; }
	Problem = ("unknown mark class '" + Value + "'").str();
	return true;
}
