/* SPDX-License-Identifier: Apache-2.0 */
// Small loops that count towards nothing known are unrolled, so that a poll is paid once in several iterations.
#ifndef OPTMIG_PASS_UNROLL_H
#define OPTMIG_PASS_UNROLL_H

#include "Emit.h"
#include "Polls.h"

namespace optmig {

// Headers of the loops that were unrolled. Analyses of F are invalid afterwards if there are any.
BlockSet unrollLoops(llvm::Function &F, llvm::FunctionAnalysisManager &FAM, const Options &O, const FunctionSet &NoPoll, Statistics &Stats);

} // namespace optmig

#endif
