/* SPDX-License-Identifier: Apache-2.0 */
/* optmig-cc --help: what is ours; the rest is clang's (optmig-cc --help=clang). */
#include <stdio.h>
#include "cc.h"

void cc_help(void)
{
	fputs(
		"usage: optmig-cc [COMPILER OPTIONS] [-Xoptmig KEY=VALUE]... FILE...\n"
		"A drop-in for cc whose programs run whole inside an SGX2 enclave and can be moved while they run.\n"
		"\n"
		"  ./configure CC=optmig-cc AR=optmig-ar RANLIB=optmig-ranlib STRIP=optmig-strip && make\n"
		"  make CC=optmig-cc\n"
		"  optmig-cc -O2 -o server server.c -lpthread && ./server\n"
		"\n"
		"Image options: -Xoptmig KEY=VALUE when linking, OPTMIG_OPTIONS=\"KEY=VALUE ...\", or a TOML file OUTPUT.optmig.toml or\n"
		"optmig.toml beside the program. Those that matter inside are measured into the image.\n"
		"  heap=8G       largest heap; memory is taken as it is touched   threads=64   application threads at the same time\n"
		"  elrange=64G   the enclave's address range, a power of two      files=16384  open descriptors\n"
		"  stack=1M      stack of a thread, as the linker's -z stack-size says it; at most 8M\n"
		"  key=FILE      signs a production image (PEM); without it the development key signs a debug image (optmig-sign(1))\n"
		"  debug=1       a debug enclave: accepts the emulator, no secrets  policy=FILE  attestation policy (optmig-policy(5))\n"
		"  sign=0        not signed here: for a key that lies elsewhere (optmig-sign(1))\n"
		"  xfrm=avx      vector registers that exist inside, and at both ends of a move: sse, avx, avx512\n"
		"  name=TEXT     program name                                     svn=N        ISV SVN of the signature (0)\n"
		"  args, env, files.trusted, files.allowed   what the host may decide (optmig-launch(5)); =any: everything\n"
		"  files.encrypted, secrets.wait, secrets.owner, lineage, after-move.signal   keys, secrets, moves (optmig-launch(5))\n"
		"  allow-uninstrumented=OBJECT,...   link objects that were not built with the pass; page faults find what they write (optmig-cc(1))\n"
		"\n"
		"Environment: OPTMIG_CFLAGS, OPTMIG_OPTIONS, OPTMIG_SIGN_KEY (PEM), OPTMIG_VERBOSE=1, OPTMIG_KEEP=1, OPTMIG_ROOT, OPTMIG_CLANG.\n"
		"optmig-c++ is the same for C++: libc++ is linked, also for other libraries' names (-lstdc++).\n"
		"Not possible: -shared (an enclave is one static image), OpenMP, -flto (ignored with a note).\n"
		"  cmake -DCMAKE_TOOLCHAIN_FILE=\"$(optmig-cc --print-cmake-toolchain)\" ...\n"
		"  meson setup --cross-file \"$(optmig-cc --print-meson-cross)\" ...\n"
		"  ./configure --host=x86_64-optmig-linux-musl finds all tools by their names\n"
		"optmig-cc --print-known-switches [PROGRAM] lists programs that need further switches.\n"
		"PKG_CONFIG=optmig-pkg-config finds libraries that were built for enclaves, not the system's.\n"
		"All other options are clang's: optmig-cc --help=clang lists them. Manual: optmig-cc(1).\n", stdout);
}
