/* SPDX-License-Identifier: Apache-2.0 */
// Reads the text of inline assembly far enough to say what it can write. See AsmText.cpp for the rule.
#ifndef OPTMIG_PASS_ASMTEXT_H
#define OPTMIG_PASS_ASMTEXT_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace optmig {

struct AsmVerdict {
	bool Writes = false;     // may write memory other than its operands
	bool Safepoint = false;  // calls something, or issues a system call
	std::string Instruction; // the one that decided `Writes`
};

AsmVerdict readAsmText(llvm::StringRef Template);

} // namespace optmig

#endif
