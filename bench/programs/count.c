/* SPDX-License-Identifier: Apache-2.0 */
/* Plugin of qemu-user: counts the instructions that a program executes, into the file $OPTMIG_COUNT. Declares the few names of
 * qemu-plugin.h (version 1 of that interface) itself, since Debian 12 has no package with the header. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct qemu_plugin_tb;
typedef uint64_t qemu_plugin_id_t;
extern int qemu_plugin_version;
int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, void (*translated)(qemu_plugin_id_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *to, uint64_t value);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*leaving)(qemu_plugin_id_t, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);

enum { INLINE_ADD_U64 = 0 };
int qemu_plugin_version = 1;
static uint64_t count;

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &count, qemu_plugin_tb_n_insns(tb));
}

static void leaving(qemu_plugin_id_t id, void *data)
{
	const char *path = getenv("OPTMIG_COUNT");
	FILE *to = path ? fopen(path, "w") : NULL;

	(void)id;
	(void)data;
	if (to) {
		fprintf(to, "%llu\n", (unsigned long long)count);
		fclose(to);
	}
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
	(void)info;
	(void)argc;
	(void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, leaving, NULL);
	return 0;
}
