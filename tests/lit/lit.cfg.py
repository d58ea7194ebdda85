# SPDX-License-Identifier: Apache-2.0
import os
import lit.formats

config.name = 'optmig-pass'
config.test_format = lit.formats.ShTest(True)
config.suffixes = ['.ll', '.c']
config.test_source_root = os.path.dirname(__file__)
top = os.path.abspath(os.path.join(config.test_source_root, '..', '..'))
build = os.path.abspath(os.environ.get('B', 'build'))
config.test_exec_root = os.path.join(build, 'tests', 'lit')
llvm = '/usr/lib/llvm-19/bin'
plugin = os.path.join(build, 'toolchain', 'optmig-pass.so')
config.environment['PATH'] = llvm + ':' + os.environ['PATH']
for name in ('OPTMIG_PASS', 'OPTMIG_PASS_TEST'):
    config.environment.pop(name, None)
# %pass runs the pass alone; %marks shows marks only, %cc compiles C with it.
config.substitutions.append(('%pass', f'opt -load-pass-plugin={plugin} -S -passes'))
config.substitutions.append(('%marks', f"opt -load-pass-plugin={plugin} -S '-passes=optmig<polls=0;conditional=0;gate=0>'"))
config.substitutions.append(('%plugin', plugin))
config.substitutions.append(('%polls', f"opt -load-pass-plugin={plugin} -S '-passes=optmig<marks=0>'"))
config.substitutions.append(('%cc', f'clang --target=x86_64-linux-musl -I{top}/libc/include -D__OPTMIG__=1 -fpass-plugin={plugin} -O1'))
