/* SPDX-License-Identifier: Apache-2.0 */
// Poll placement.
//
// A thread must reach a poll soon whatever it does, so every cycle of control flow carries one: each back-edge (found
// by depth-first search, so irreducible loops and computed gotos count too), and every cycle of the call graph an entry
// poll. That stands not at the entry but before the calls that may lead back, or further up: who comes back has passed it. Innermost loops of a
// small constant number of iterations are short and go without.
#include "Polls.h"
#include "Stores.h"
#include "llvm/ADT/DepthFirstIterator.h"
#include "llvm/Analysis/BlockFrequencyInfo.h"
#include "llvm/Analysis/CFG.h"
#include "llvm/Analysis/LoopInfo.h"
#include "llvm/Analysis/ScalarEvolution.h"
#include "llvm/IR/Dominators.h"
#include "llvm/ADT/StringSet.h"
#include <map>

using namespace llvm;
using namespace optmig;

bool optmig::isShortLoop(Loop *L, ScalarEvolution &SE, const Options &O)
{
	if (!L->isInnermost()) return false;
	unsigned Trips = SE.getSmallConstantMaxTripCount(L);
	return Trips != 0 && Trips <= O.shortLoop;
}

void optmig::findPollBlocks(Function &F, FunctionAnalysisManager &FAM, const Options &O, const BlockSet &Strips,
	SmallSetVector<BasicBlock *, 16> &Blocks, unsigned &ShortLoops)
{
	if (!O.polls) return;
	LoopInfo &LI = FAM.getResult<LoopAnalysis>(F);
	ScalarEvolution &SE = FAM.getResult<ScalarEvolutionAnalysis>(F);
	SmallVector<std::pair<const BasicBlock *, const BasicBlock *>, 16> Edges;
	FindFunctionBackedges(F, Edges);
	for (auto &[From, To] : Edges) {
		if (Strips.count(To)) continue;
		Loop *L = LI.getLoopFor(const_cast<BasicBlock *>(To));
		if (L && L->getHeader() == To && L->contains(const_cast<BasicBlock *>(From)) && isShortLoop(L, SE, O)) { ShortLoops++; continue; }
		Blocks.insert(const_cast<BasicBlock *>(From));
	}
}

static bool mayPoll(const Function &F, const FunctionSet &NoPoll)
{
	for (const BasicBlock &Block : F)
		for (const Instruction &I : Block)
			if (mayReachSafepoint(I, NoPoll)) return true;
	return false;
}

FunctionSet optmig::inferNoPoll(ArrayRef<Function *> Functions, FunctionAnalysisManager &FAM, const Options &O)
{
	FunctionSet NoPoll;
	SmallVector<Function *, 32> Candidates;
	for (Function *F : Functions) {
		SmallSetVector<BasicBlock *, 16> Blocks;
		unsigned Ignored = 0;
		findPollBlocks(*F, FAM, O, BlockSet(), Blocks, Ignored);
		if (Blocks.empty() && !F->isInterposable() && !F->hasFnAttribute(Attribute::Naked)) Candidates.push_back(F);
	}
	// Least fixed point: recursion never gets in.
	for (bool Changed = true; Changed;) {
		Changed = false;
		for (Function *F : Candidates) {
			if (NoPoll.count(F) || mayPoll(*F, NoPoll)) continue;
			NoPoll.insert(F);
			Changed = true;
		}
	}
	return NoPoll;
}

namespace {

// Functions that never call a function of the program: what calls them is not recursive because of them.
bool callsNobodyBack(StringRef Name)
{
	static const StringSet<> Names = {"memcpy", "memmove", "memset", "memcmp", "memchr", "memrchr", "strlen", "strnlen", "strcmp",
		"strncmp", "strcasecmp", "strcpy", "strncpy", "strcat", "strncat", "strchr", "strrchr", "strstr", "strspn",
		"strcspn", "strtol", "strtoul", "strtoll", "strtoull", "strtod", "malloc", "calloc", "realloc", "free", "read", "write",
		"pread", "pwrite", "lseek", "gettimeofday", "clock_gettime", "time", "abort", "exit", "__errno_location",
		"pthread_mutex_lock", "pthread_mutex_unlock", "pthread_mutex_trylock", "snprintf", "vsnprintf", "__assert_fail",
		"sprintf", "vsprintf", "strdup", "strndup", "strpbrk", "strncasecmp", "memmem", "strchrnul", "stpcpy", "stpncpy", "strerror",
		"strtok_r", "atoi", "atol", "atof", "toupper", "tolower", "isalpha", "isdigit", "isspace", "isalnum", "isupper", "islower",
		"posix_memalign", "aligned_alloc", "malloc_usable_size", "open", "close", "stat", "fstat", "lstat", "unlink", "ftruncate",
		"fsync", "fdatasync", "access", "getcwd", "readlink", "mkdir", "rmdir", "fcntl", "ioctl", "mmap", "munmap", "mremap", "readv",
		"writev", "send", "recv", "sendto", "recvfrom", "sendmsg", "recvmsg", "accept", "accept4", "socket", "bind", "listen",
		"connect", "setsockopt", "getsockopt", "poll", "select", "epoll_wait", "epoll_ctl", "getpid", "geteuid", "getuid", "sysconf",
		"getenv", "isatty", "nanosleep", "usleep", "sleep", "localtime_r", "gmtime_r", "localtime", "gmtime", "mktime", "strftime",
		"pthread_self", "pthread_equal", "pthread_cond_signal", "pthread_cond_broadcast", "pthread_cond_wait", "pthread_mutex_init",
		"pthread_mutex_destroy", "pthread_mutexattr_init", "pthread_mutexattr_settype", "pthread_mutexattr_destroy", "rand", "random",
		"rand_r", "srand", "srandom"};
	return Names.contains(Name);
}

// The call graph as far as this module knows it.
class CallGraph {
public:
	CallGraph(ArrayRef<Function *> Functions, const FunctionSet &NoPoll, bool Closed) : Closed(Closed), Known(Functions.begin(), Functions.end())
	{
		for (Function *F : Functions)
			for (BasicBlock &Block : *F)
				for (Instruction &I : Block)
					if (mayReachSafepoint(I, NoPoll)) edge(*F, cast<CallBase>(I));
	}

	EntryPolls polls(ArrayRef<Function *> Functions)
	{
		FunctionSet Found, Closing;
		addCallers(Functions, Outside);
		for (const Function *F : Functions) {
			if (Outside.count(F) && (!F->hasLocalLinkage() || F->hasAddressTaken())) Found.insert(F);
			if (!State.count(F)) search(F, Closing);
		}
		Found.insert(Closing.begin(), Closing.end());
		addCallers(Functions, Closing);
		Closing.insert(Outside.begin(), Outside.end());
		return {std::move(Found), std::move(Known), std::move(Closing), Closed};
	}

private:
	// Whoever calls one of a set belongs to it.
	void addCallers(ArrayRef<Function *> Functions, FunctionSet &Set)
	{
		for (bool Changed = true; Changed;) {
			Changed = false;
			for (const Function *F : Functions)
				if (!Set.count(F) && any_of(Callees[F], [&](const Function *To) { return Set.count(To); })) {
					Set.insert(F);
					Changed = true;
				}
		}
	}

	void edge(const Function &F, const CallBase &Call)
	{
		const Function *To = Call.isInlineAsm() ? nullptr : Call.getCalledFunction();
		if (Closed && !Known.count(To)) return;
		if (Call.isInlineAsm()) Outside.insert(&F);
		else if (!To || To->isInterposable() || (!Known.count(To) && !callsNobodyBack(To->getName()))) Outside.insert(&F);
		else if (Known.count(To)) Callees[&F].insert(To);
	}

	// Depth first, without recursion of our own. Who is reached again while its own search is open closes a cycle.
	void search(const Function *From, FunctionSet &Found)
	{
		enum { Open = 1, Done };
		SmallVector<std::pair<const Function *, unsigned>, 32> Path = {{From, 0}};
		State[From] = Open;
		while (!Path.empty()) {
			auto &[F, Next] = Path.back();
			const auto &To = Callees[F];
			if (Next == To.size()) { State[F] = Done; Path.pop_back(); continue; }
			const Function *Callee = To[Next++];
			unsigned &S = State[Callee];
			if (S == Open) Found.insert(Callee);
			if (S) continue;
			S = Open;
			Path.push_back({Callee, 0});
		}
	}

	const bool Closed; // nobody outside calls back, or who does polls
	FunctionSet Known, Outside;
	std::map<const Function *, SmallSetVector<const Function *, 8>> Callees;
	std::map<const Function *, unsigned> State;
};

} // namespace

EntryPolls optmig::findEntryPolls(ArrayRef<Function *> Functions, const FunctionSet &NoPoll, const Options &O)
{
	if (!O.polls) return EntryPolls();
	if (O.entryPolls) return CallGraph(Functions, NoPoll, O.closed).polls(Functions);
	EntryPolls All;
	All.AtEntry = true;
	for (const Function *F : Functions)
		if (mayPoll(*F, NoPoll)) All.Functions.insert(F);
	return All;
}

// As CallGraph::edge() sees it.
bool EntryPolls::leadsBack(const Instruction &I, const FunctionSet &NoPoll) const
{
	if (!mayReachSafepoint(I, NoPoll)) return false;
	auto &Call = cast<CallBase>(I);
	const Function *To = Call.isInlineAsm() ? nullptr : Call.getCalledFunction();
	if (Closed && !Known.count(To)) return false;
	if (!To || To->isInterposable()) return true;
	return Known.count(To) ? Leading.count(To) : !callsNobodyBack(To->getName());
}

namespace {

// Chooses places by the dominator tree, leaves first: a block's own, or those that have been found for the blocks below it.
class Placer {
public:
	Placer(Function &F, FunctionAnalysisManager &FAM, const EntryPolls &Entry, const FunctionSet &NoPoll)
		: DT(FAM.getResult<DominatorTreeAnalysis>(F)), BFI(FAM.getResult<BlockFrequencyAnalysis>(F)), Entry(Entry), NoPoll(NoPoll) {}

	SmallVector<Instruction *, 4> places()
	{
		SmallVector<const DomTreeNode *, 32> Order(depth_first(DT.getRootNode()));
		for (const DomTreeNode *N : reverse(Order)) choose(*N);
		return std::move(Best[DT.getRootNode()].Places);
	}

private:
	static constexpr size_t PlacesMax = 4;
	static constexpr double WorthWhile = 0.7; // how often several places may be passed, for one
	struct Choice { SmallVector<Instruction *, 4> Places; double Often = 0; };

	void choose(const DomTreeNode &N)
	{
		BasicBlock *Block = N.getBlock();
		Choice &C = Best[&N];
		auto Call = find_if(*Block, [&](const Instruction &I) { return Entry.leadsBack(I, NoPoll); });
		const double Often = (double)BFI.getBlockFreq(Block).getFrequency();
		if (Call != Block->end()) {
			C = {{&*Call}, Often};
			return;
		}
		for (const DomTreeNode *Below : N) {
			Choice &Old = Best[Below];
			append_range(C.Places, Old.Places);
			C.Often += Old.Often;
			Best.erase(Below);
		}
		if (C.Places.empty()) return;
		if (C.Places.size() > PlacesMax || C.Often > Often * (C.Places.size() > 1 ? WorthWhile : 1)) C = {{Block->getTerminator()}, Often};
	}

	DominatorTree &DT;
	BlockFrequencyInfo &BFI;
	const EntryPolls &Entry;
	const FunctionSet &NoPoll;
	std::map<const DomTreeNode *, Choice> Best;
};

} // namespace

SmallVector<Instruction *, 4> optmig::entryPollPlaces(Function &F, FunctionAnalysisManager &FAM, const EntryPolls &Entry, const FunctionSet &NoPoll)
{
	if (!Entry.AtEntry) return Placer(F, FAM, Entry, NoPoll).places();
	Instruction *Start = &*F.getEntryBlock().getFirstInsertionPt();
	while (isa<AllocaInst>(Start)) Start = Start->getNextNode();
	return {Start};
}
