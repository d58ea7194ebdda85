/* SPDX-License-Identifier: Apache-2.0 */
// The option table. A new option is one row.
#include "Options.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdlib>

using namespace llvm;
using namespace optmig;

namespace {

struct BoolOption { const char *Name; bool Options::*Member; };
const BoolOption BoolOptions[] = {
	{"marks", &Options::marks},
	{"polls", &Options::polls},
	{"verify", &Options::verify},
	{"conditional", &Options::conditional},
	{"merge", &Options::merge},
	{"available", &Options::available},
	{"trust-align", &Options::trustAlign},
	{"entry-polls", &Options::entryPolls},
	{"closed", &Options::closed},
	{"red-zone", &Options::redZone},
	{"stack-arguments", &Options::stackArguments},
	{"gate", &Options::gate},
	{"sink", &Options::sink},
	{"fuse", &Options::fuse},
	{"join", &Options::join},
	{"calls", &Options::calls},
	{"widen", &Options::widen},
	{"statistics", &Options::statistics},
};

Error complain(const Twine &Text) { return createStringError(inconvertibleErrorCode(), "OPTMIG_PASS: " + Text); }

Error unknownWord(StringRef Name)
{
	StringRef Best;
	unsigned BestDistance = 4;
	auto consider = [&](StringRef Candidate) {
		unsigned Distance = Name.edit_distance(Candidate);
		if (Distance < BestDistance) { BestDistance = Distance; Best = Candidate; }
	};
	for (const BoolOption &Option : BoolOptions) consider(Option.Name);
	consider("short-loop");
	consider("strip");
	consider("beside");
	consider("inline");
	consider("unroll");
	for (const char *const *Name = testingOptions; *Name; Name++) consider(*Name);
	if (Best.empty()) return complain("unknown option '" + Name + "'");
	return complain("unknown option '" + Name + "', did you mean '" + Best + "'?");
}

Error applyWord(StringRef Word, Options &Into)
{
	auto [Name, Value] = Word.split('=');
	for (const BoolOption &Option : BoolOptions)
		if (Name == Option.Name) {
			if (!Value.empty() && Value != "0" && Value != "1") return complain("'" + Name + "' is 0 or 1");
			Into.*Option.Member = Value != "0";
			return Error::success();
		}
	if (Name == "short-loop") {
		if (Value.getAsInteger(10, Into.shortLoop)) return complain("'short-loop' needs a number of iterations");
		return Error::success();
	}
	if (Name == "unroll") {
		if (Value.getAsInteger(10, Into.unroll)) return complain("'unroll' needs a number of instructions");
		return Error::success();
	}
	if (Name == "strip") {
		if (Value.getAsInteger(10, Into.strip) || Into.strip > 3) return complain("'strip' is 0 to 3");
		return Error::success();
	}
	if (Name == "beside") {
		if (Value.getAsInteger(10, Into.beside) || Into.beside > 3) return complain("'beside' is 0 to 3");
		return Error::success();
	}
	if (Name == "inline") {
		if (Value.getAsInteger(10, Into.inLine) || Into.inLine > 3) return complain("'inline' is 0 to 3");
		return Error::success();
	}
	std::string Problem;
	if (testingOption(Name, Value, Into, Problem)) return Problem.empty() ? Error(Error::success()) : complain(Problem);
	return unknownWord(Name);
}

} // namespace

Expected<Options> optmig::parseOptions(StringRef Text, Options Start)
{
	SmallVector<StringRef, 8> Words;
	StringRef Rest = Text;
	while (!Rest.empty()) {
		size_t End = Rest.find_first_of(" ;,");
		StringRef Word = Rest.substr(0, End);
		Rest = End == StringRef::npos ? StringRef() : Rest.substr(End + 1);
		if (Word.empty()) continue;
		if (Error E = applyWord(Word, Start)) return std::move(E);
	}
	return Start;
}

Expected<Options> optmig::optionsFromEnvironment()
{
	const char *Text = getenv("OPTMIG_PASS");
	return parseOptions(Text ? Text : "", Options());
}
