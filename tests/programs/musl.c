/* SPDX-License-Identifier: Apache-2.0 */
/* What docs/libc.md says of the differences between musl and glibc: that they are there. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <glob.h>
#include <iconv.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>
#include <wordexp.h>

static int wrong;

static void is(int as_written, const char *what)
{
	wrong += !as_written;
	printf("%s%s\n", as_written ? "" : "not as docs/libc.md says: ", what);
}

/* 0: it matches, 1: it does not, -1: it is refused. */
static int match(const char *pattern, const char *text, int flags)
{
	regex_t r;
	int result;

	if (regcomp(&r, pattern, flags) != 0)
		return -1;
	result = regexec(&r, text, 0, NULL, 0) != 0;
	regfree(&r);
	return result;
}

static void expressions(void)
{
	is(match("(a)\\1", "a1", REG_EXTENDED) == 0 && match("(a)\\1", "aa", REG_EXTENDED) == 1, "extended back-references mean a digit");
	is(match("\\(a\\)\\1", "aa", 0) == 0 && match("\\(a\\)\\1", "a1", 0) == 1, "basic back-references are there");
	is(match("a{1,255}", "a", REG_EXTENDED) == 0 && match("a{1,256}", "a", REG_EXTENDED) == -1, "255 repetitions at most");
	is(match("a{,3}", "a", REG_EXTENDED) == -1, "no interval without its beginning");
	is(match("[[.hyphen.]]", "-", REG_EXTENDED) == -1 && match("[[=a=]]", "a", REG_EXTENDED) == -1, "no collating elements, no classes of equivalents");
	is(match("\\d", "1", REG_EXTENDED) == 0 && match("\\w\\s", "a ", REG_EXTENDED) == 0, "\\d is a digit");
}

static void numbers(void)
{
	double overflow;

	errno = 0;
	overflow = strtod("0x1p1024", NULL);
	is(isinf(overflow) && errno == 0, "strtod does not tell a hexadecimal overflow");
	errno = 0;
	overflow = strtod("0x1p99999", NULL);
	is(isinf(overflow) && errno == ERANGE, "but a large one");
	errno = 0;
	overflow = strtod("1e400", NULL);
	is(isinf(overflow) && errno == ERANGE, "and a decimal one");
}

struct pair { int key, place; };

static int by_key(const void *a, const void *b)
{
	return ((const struct pair *)a)->key - ((const struct pair *)b)->key;
}

static void sorting(void)
{
	struct pair list[1000];
	int stable = 1;

	for (int i = 0; i < 1000; i++)
		list[i] = (struct pair){ i % 7, i };
	qsort(list, 1000, sizeof *list, by_key);
	for (int i = 1; i < 1000; i++)
		stable &= list[i].key != list[i - 1].key || list[i].place > list[i - 1].place;
	is(!stable, "qsort is not stable");
}

static void locales(void)
{
	struct tm tm = { 0 };
	wordexp_t words;
	iconv_t converter;

	is(setlocale(LC_ALL, "de_DE.UTF-8") && strtod("1,5", NULL) == 1, "every locale is there and has a decimal point");
	setlocale(LC_ALL, "C");
	is(iconv_open("UTF-7", "UTF-8") == (iconv_t)-1 && iconv_open("ASCII//TRANSLIT", "UTF-8") == (iconv_t)-1, "no UTF-7, no transliteration");
	converter = iconv_open("UTF-16", "ISO-8859-15");
	is(converter != (iconv_t)-1 && iconv_close(converter) == 0, "but others");
	is(!strptime("1700000000", "%s", &tm) && !strptime("+0100", "%z", &tm) && !strptime("05", "%V", &tm), "strptime without %s, %z, %V");
	is(!strcmp(strerror(9999), "No error information"), "strerror of what is none");
	is(confstr(_CS_GNU_LIBC_VERSION, NULL, 0) == 0, "no version of glibc");
	is(wordexp("a b", &words, 0) != 0, "no wordexp");
}

static void *own_stack(void *unused)
{
	pthread_attr_t attr;
	size_t size = 0;

	is(pthread_getattr_np(pthread_self(), &attr) == 0 && pthread_attr_getstacksize(&attr, &size) == 0 && size >> 20 == 1, "threads have 1 MiB of stack");
	return unused;
}

int main(void)
{
	pthread_t thread;

	expressions();
	numbers();
	sorting();
	locales();
	is(!dlopen("libm.so.6", RTLD_NOW) && strstr(dlerror(), "not supported"), "no dlopen");
	if (pthread_create(&thread, NULL, own_stack, NULL) == 0)
		pthread_join(thread, NULL);
	return wrong != 0;
}
