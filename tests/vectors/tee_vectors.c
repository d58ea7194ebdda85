/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tee_vectors: judges every piece of published evidence and compares. One line each: files, verdict, what was expected, ok or
 * DIFFERS; then the total. Exits 1 if one differs or one of several files is missing, 77 if the vectors are not here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "vectors/tee_vectors.h"

static const struct tee_group *const groups[] = { &tee_group_dcap, &tee_group_snp };

/* A buffer of exactly the file's size, so that ASan sees a byte too many. False if it is not there. */
static bool read_file(const char *folder, const char *name, struct om_view *ret)
{
	char path[4096];
	uint8_t *data = NULL;
	long size = -1;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "rb");
	if (!f)
		return false;
	if (!fseek(f, 0, SEEK_END) && (size = ftell(f)) > 0 && !fseek(f, 0, SEEK_SET))
		data = malloc((size_t)size);
	if (data && fread(data, 1, (size_t)size, f) != (size_t)size) {
		free(data);
		data = NULL;
	}
	fclose(f);
	*ret = (struct om_view) { data, data ? (size_t)size : 0 };
	return data != NULL;
}

static void print_files(const struct tee_vector *v)
{
	int width = 0;

	for (int i = 0; i < TEE_FILES_MAX && v->files[i]; i++)
		width += printf("%s%s", i ? " " : "", v->files[i]);
	if (v->note)
		width += printf(" (%s)", v->note);
	printf("%*s", width < 110 ? 110 - width : 0, "");
}

/* Return: 0 as expected, 1 if not, -1 if files are missing. */
static int check(const struct tee_group *g, const struct tee_vector *v, const char *folder)
{
	struct om_view files[TEE_FILES_MAX] = { { 0 } };
	struct tee_verdict got = { .why = OM_WHY_NONE };
	int differs = 0, count = 0;

	while (count < TEE_FILES_MAX && v->files[count] && read_file(folder, v->files[count], &files[count]))
		count++;
	print_files(v);
	if (count < TEE_FILES_MAX && v->files[count]) {
		printf(" | %s is missing\n", v->files[count]);
		differs = -1;
	} else {
		g->judge(v, files, &got);
		differs = got.why != v->want || (got.why == OM_WHY_NONE && v->detail && strcmp(got.detail, v->detail) != 0);
		printf(" | %s%s%s | %s%s%s | %s\n", om_attest_reason_words(got.why), *got.detail ? ": " : "", got.detail,
			om_attest_reason_words(v->want), v->detail ? ": " : "", v->detail ? v->detail : "", differs ? "DIFFERS" : "ok");
	}
	while (count-- > 0)
		free((void *)(uintptr_t)files[count].data);
	return differs;
}

int main(void)
{
	const char *folder = getenv("OPTMIG_VECTORS");
	unsigned total = 0, differ = 0, missing = 0;

	if (!folder)
		folder = "../shared/vectors";
	for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
		printf("%s: verdict | expected |\n", groups[g]->name);
		for (size_t i = 0; i < groups[g]->count; i++) {
			const int result = check(groups[g], &groups[g]->vectors[i], folder);

			total++;
			differ += result > 0;
			missing += result < 0;
		}
	}
	printf("%u vectors: %u as expected, %u differ, %u missing\n", total, total - differ - missing, differ, missing);
	if (missing == total) {
		printf("%s has none of them; OPTMIG_VECTORS names the folder of published test vectors\n", folder);
		return 77;
	}
	return differ || missing;
}
