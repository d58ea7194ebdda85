/* SPDX-License-Identifier: Apache-2.0 */
// The pass that is installed: no option makes wrong programs.
#include "../Options.h"

const char *const optmig::testingOptions[] = {nullptr};

bool optmig::testingOption(llvm::StringRef, llvm::StringRef, Options &, std::string &) { return false; }

unsigned optmig::testingPlace(const llvm::Instruction &) { return 0; }
