/* SPDX-License-Identifier: Apache-2.0 */
/*
 * optmig-cc: what its steps hand to each other.
 *
 *   env      OPTMIG_* variables                     -> struct cc_env
 *   args     command line                           -> struct cc_args    (what was asked)
 *   plan     args + env                             -> argument vectors for clang   (what will be run)
 *   launch   what the image says of its start       -> an object with a measured section (core/launch.h)
 *   run      runs them
 *   sections the linked file: what the program may write has to lie where it is tracked
 *   finish   the linked file: check objects, scan code, fill the header, make it executable, sign
 *
 * Errors are printed where they are found, by cc_error(), with what to do about them; functions then return
 * nonzero. It is a short-lived process: memory is never freed, and running out of it ends the process.
 */
#ifndef OPTMIG_TOOLCHAIN_CC_H
#define OPTMIG_TOOLCHAIN_CC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "image.h"
#include "toml.h"

/* What libc takes from PT_GNU_STACK (__init_tls): at least its own default, at most this. */
#define OM_THREAD_STACK_DEFAULT (1u << 20)
#define OM_THREAD_STACK_MAX     (8u << 20)

/* A growing, NULL-terminated vector of strings. */
struct strv { char **item; size_t count, room; };
/* Appends a copy of `text`. Without memory the program ends, as with all allocations here. */
void strv_add(struct strv *v, const char *text);
/* Appends what cc_format() makes. */
void strv_addf(struct strv *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends all of `more`. */
void strv_extend(struct strv *v, const struct strv *more);
/* Is the very text among them? */
bool strv_has(const struct strv *v, const char *text);
/* printf into new memory, which nobody frees: the compiler is short-lived. */
char *cc_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *cc_read_file(const char *path, size_t *ret_size);   /* NULL if it cannot be read; NUL-terminated */
void *cc_alloc(size_t size);                              /* zeroed; never NULL */
bool starts_with(const char *text, const char *prefix);   /* an empty prefix: always */

/* "optmig-cc: error: ..." on standard error. */
void cc_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "optmig-cc: note: ..." on standard error. */
void cc_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The candidate nearest to `word` within a few letters, or NULL. */
const char *cc_nearest(const char *word, const char *const *candidates, size_t count);

/* ---- env.c ---- */
struct cc_env {
	const char *root, *clang, *cflags, *key, *options;
	bool verbose, keep, quiet;
};
/* What the environment says; strings live as long as the process. A variable that is nearly one of ours is told of. Return:
 * nonzero, which was told: the compiler's tree is not to be found. */
int cc_env_read(struct cc_env *ret_env);

/* ---- launch.c: with what the program may be started, and which files it may open ---- */
struct cc_list { bool given, any; struct strv item; };
struct cc_launch {
	struct cc_list args, pass, allowed; /* args: without argv[0] */
	const char *argv0;                  /* NULL: the program's name */
	struct strv set;                    /* NAME=VALUE */
	struct strv trusted, from;          /* names as the program says them, and which files optmig-cc reads for them */
	struct strv encrypted, wait;        /* wait: names of secrets */
	const char *owner, *lineage, *signal; /* NULL: unsaid */
};

/* ---- options.c: image options, from (in rising order) defaults, the TOML file, OPTMIG_OPTIONS, -Xoptmig ---- */
struct cc_options {
	uint64_t heap, elrange, threads, files, stack;   /* stack: of a thread whose attributes do not say */
	uint64_t svn;              /* ISV SVN, of the signature */
	enum cc_answer { CC_UNSAID, CC_NO, CC_YES } debug_said;
	bool debug;                /* settled: what was said, else whether only the development key signs */
	bool verify;
	const char *key;           /* PEM; NULL: the development key, which makes itself */
	uint64_t xfrm;             /* OM_XFRM_* */
	const char *policy, *name;
	struct strv allow;         /* objects that need no stamp */
	struct cc_launch launch;
	bool untracked;            /* out: the link took one of them */
	bool sign;                 /* no: for a key that lies elsewhere */
	/* how the image is made; for tests */
	const char *runtime, *script, *sysroot;
	bool scan, interp;
};
/* What holds when no option says otherwise. */
void cc_options_default(struct cc_options *o);
/* What follows from several options and the environment, when all have been read. */
void cc_options_settle(struct cc_options *o, const struct cc_env *env);
/* @where names the origin for messages. */
int cc_options_set(struct cc_options *o, const char *key, const char *value, const char *where);
/* Several options as OPTMIG_OPTIONS and -Xoptmig have them: KEY=VALUE, or KEY for one that is on or off, with white space
 * between. Return: nonzero at the first that is none, which was told; those before it are set. */
int cc_options_words(struct cc_options *o, const char *words, const char *where);
/* <output>.optmig.toml, else optmig.toml next to the output, if there is one. */
int cc_options_file(struct cc_options *o, const char *output);

/* ---- args.c ---- */
enum cc_mode {
	CC_PASS_THROUGH,  /* information, or nothing to do: clang answers */
	CC_PREPROCESS,    /* -E, -M, -MM, -fsyntax-only */
	CC_COMPILE,       /* -c, -S */
	CC_PARTIAL,       /* -r: a relocatable object */
	CC_LINK,
};
struct cc_input { const char *path, *language; };  /* language: of -x, or NULL */
enum cc_word_kind { CC_WORD_INPUT, CC_WORD_LINK };
struct cc_word { enum cc_word_kind kind; size_t input; const char *text; };  /* in order of the command line */
struct cc_args {
	enum cc_mode mode;
	const char *output;
	struct strv common;                        /* for every run of clang */
	struct cc_input *input; size_t input_count;
	struct cc_word *word; size_t word_count;   /* inputs and linker words, in order */
	struct strv image_options;                 /* -Xoptmig */
	bool dependencies, dependency_file;        /* -MD or -MMD; -MF */
	bool help, version;                        /* --help, --version */
	bool needs_crt;                            /* neither -nostdlib nor -nostartfiles */
	bool cxx_driver, cxx;                      /* called as optmig-c++; or a source is C++ */
	bool cxx_library, no_cxx_library;          /* link libc++ and its parts; asked not to */
};
/* Takes the command line apart as clang would; response files (@FILE) are read. Strings live as long as the process. Return:
 * nonzero after an error, which was told. */
int cc_args_parse(int argc, char **argv, struct cc_args *ret_args);
/* Is it compiled (and not only linked)? By its language, else by its name. */
bool cc_is_source(const struct cc_input *input);
/* Is it C++, likewise? */
bool cc_is_cxx(const struct cc_input *input);

/* ---- plan.c ---- */
struct cc_plan {
	struct strv *compile; size_t compile_count; /* one per source when linking, else at most one */
	struct strv link;                           /* empty: no link */
	const char *output, *map, *temporary;       /* temporary: directory, removed at the end */
	bool finish;
};
/* The commands to be run. Makes the temporary directory where it links; the caller removes it. Return: nonzero after an error,
 * which was told. */
int cc_plan_make(const struct cc_args *args, const struct cc_env *env, const struct cc_options *options, struct cc_plan *ret_plan);

/* launch.c: adds the object to the link. Return: nonzero after an error. */
int cc_launch_link(struct cc_plan *plan, const struct cc_env *env, const struct cc_options *options);
/* Does the program wait for an owner that only the policy can name? */
bool cc_launch_wants_owner(const struct cc_launch *launch);

/* ---- run.c ---- */
int cc_run(const struct strv *command, bool verbose);             /* exit status of the child */
/* Becomes that command. @verbose: prints it before. */
_Noreturn void cc_exec(const struct strv *command, bool verbose);
/* With the files in it; there are no folders in it. What fails is left. */
void cc_remove_directory(const char *path);
/* --help, on standard output. */
void cc_help(void);

/* ---- known.c: programs that need a switch ---- */
int cc_known_print(const char *program);      /* NULL: all. Return: an exit status */
void cc_known_hint(const char *path);         /* of an object or library that was refused; says what is known, once */

/* ---- after the link ---- */
struct cc_map;
/* The linked file in memory. */
struct cc_elf { char *data; size_t size; const char *path; };
/* stamps.c: every object that brought code carries a stamp of the pass, or is excused. */
int cc_stamps_check(const struct cc_map *map, struct cc_options *options);
/* sections.c: writable sections that the linker script does not name; links again if there are any. */
int cc_sections_place(struct cc_plan *plan, const struct cc_env *env, const struct cc_options *options);
/* ... and is all that the program may write where the runtime looks for it? */
int cc_sections_check(const struct cc_elf *elf, const struct cc_map *map, const struct cc_options *options);
/* image.c: the header; the interpreter's name and a file layout that does not depend on paths. */
int cc_header_fill(struct cc_elf *elf, const struct cc_options *options, const char *output);
/* Lays the file out anew behind what is loaded, with `interp` as its program interpreter, and replaces elf's memory. Return:
 * nonzero after an error, which was told. */
int cc_interp_place(struct cc_elf *elf, const char *interp);
/* Takes the interpreter's program header out: the kernel then starts the file as an ordinary process, which tests of the
 * compiler want. Return: 0. */
int cc_interp_remove(struct cc_elf *elf);
/* finish.c: all of it */
int cc_finish(const struct cc_plan *plan, const struct cc_env *env, struct cc_options *options);
/* The stamps of a partial link (-r): none is excused, since its objects have one stamp in the end. Return: nonzero after an
 * error, which was told. */
int cc_partial_check(const struct cc_plan *plan, const struct cc_options *options);

#endif
