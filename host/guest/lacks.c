/* SPDX-License-Identifier: Apache-2.0 */
/* What this host lacks for a guest, found before QEMU is started: its own words come late, and are about itself. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "files.h"
#include "guest.h"
#include "guest/firmware.h"
#include "util.h"

bool guest_qemu_version(const char *text, unsigned *ret_major, unsigned *ret_minor)
{
	static const char before[] = "QEMU emulator version ";
	char *end;
	unsigned long major, minor;

	if (strncmp(text, before, sizeof before - 1) != 0)
		return false;
	text += sizeof before - 1;
	major = strtoul(text, &end, 10);
	if (end == text || *end != '.' || major > 1000)
		return false;
	text = end + 1;
	minor = strtoul(text, &end, 10);
	if (end == text || minor > 1000)
		return false;
	*ret_major = (unsigned)major;
	*ret_minor = (unsigned)minor;
	return true;
}

/* Its first line. */
static bool ask_version(const char *qemu, char *line, size_t size)
{
	int out[2], status;
	ssize_t got;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC))
		return false;
	pid = fork();
	if (pid == 0) {
		if (dup2(out[1], 1) == 1)
			execlp(qemu, qemu, "--version", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	got = pid < 0 ? -1 : read(out[0], line, size - 1);
	close(out[0]);
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	if (got <= 0)
		return false;
	line[got] = 0;
	line[strcspn(line, "\n")] = 0;
	return true;
}

static int lacks_qemu(const struct guest_plan *p)
{
	static const struct { unsigned major, minor; } least[] = { [GUEST_KIND_VM] = { 7, 2 }, [GUEST_KIND_SNP] = { 9, 1 }, [GUEST_KIND_TDX] = { 10, 1 } };
	unsigned major, minor;
	char line[200];

	if (!ask_version(p->qemu, line, sizeof line) || !guest_qemu_version(line, &major, &minor))
		return host_fail(OM_EUNSUPPORTED, "%s cannot be started; Debian's package is qemu-system-x86 (--qemu FILE names another)", p->qemu);
	if (major > least[p->kind].major || (major == least[p->kind].major && minor >= least[p->kind].minor))
		return 0;
	return host_fail(OM_EUNSUPPORTED, "QEMU %u.%u is too old for such a guest: it takes %u.%u or later (--qemu FILE names another)", major, minor,
		least[p->kind].major, least[p->kind].minor);
}

/* A module's parameter is "Y" or "1". */
static bool parameter_is_on(const char *root, const char *path)
{
	char full[4200], value = 0;
	int fd;

	snprintf(full, sizeof full, "%s%s", root, path);
	fd = open(full, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = 0;
	close(fd);
	return value == 'Y' || value == '1';
}

static int lacks_device(const char *root, const char *path)
{
	char full[4200];

	snprintf(full, sizeof full, "%s%s", root, path);
	if (access(full, R_OK | W_OK) == 0)
		return 0;
	if (errno == EACCES)
		return host_fail(OM_EPERM, "%s: %s; join the group that owns it", path, strerror(errno));
	return host_fail(OM_EUNSUPPORTED, "%s: %s", path, strerror(errno));
}

/* A firmware for another purpose would boot, and prove nothing. */
static int lacks_firmware(const struct guest_plan *p)
{
	struct om_firmware fw;
	uint8_t *bytes;
	size_t size;
	int error = guest_file_read(p->firmware, &bytes, &size);

	if (error)
		return error;
	error = om_firmware_open(bytes, size, &fw);
	free(bytes);
	if (error)
		return host_fail(OM_EUNSUPPORTED, "%s is no OVMF image with tables for SEV or TDX", p->firmware);
	if (p->kind == GUEST_KIND_SNP && !(fw.has_sev && fw.has_hash_table))
		return host_fail(OM_EUNSUPPORTED, "%s does not measure the kernel: use OVMF's AmdSev build", p->firmware);
	return p->kind == GUEST_KIND_TDX && !fw.has_tdx ? host_fail(OM_EUNSUPPORTED, "%s is not for TDX", p->firmware) : 0;
}

/* By its name in this network namespace, which /sys may not be of. */
static int lacks_tap(const char *name)
{
	return if_nametoindex(name) ? 0 : host_fail(OM_ENOTFOUND, "there is no tap device %s (ip tuntap add %s mode tap)", name, name);
}

static int lacks_snp(const char *root)
{
	if (!parameter_is_on(root, "/sys/module/kvm_amd/parameters/sev_snp"))
		return host_fail(OM_EUNSUPPORTED, "this host runs no SEV-SNP guests: the parameter sev_snp of kvm_amd is not on "
			"(an EPYC of the third generation or later, SNP on in the firmware, Linux 6.11 or later)");
	return lacks_device(root, "/dev/sev");
}

static int lacks_tdx(const char *root)
{
	if (!parameter_is_on(root, "/sys/module/kvm_intel/parameters/tdx"))
		return host_fail(OM_EUNSUPPORTED, "this host runs no TDX guests: the parameter tdx of kvm_intel is not on "
			"(a Xeon with TDX, TDX on in the firmware, Linux 6.16 or later with kvm_intel.tdx=1)");
	return 0;
}

int guest_lacks(const struct guest_plan *p, const char *root)
{
	int error = 0;

	if (p->kind == GUEST_KIND_SNP)
		error = lacks_snp(root);
	else if (p->kind == GUEST_KIND_TDX)
		error = lacks_tdx(root);
	if (!error && (p->kind != GUEST_KIND_VM || p->kvm))
		error = lacks_device(root, "/dev/kvm");
	if (!error)
		error = lacks_qemu(p);
	if (!error && p->firmware)
		error = lacks_firmware(p);
	if (!error && p->net)
		error = lacks_tap(p->net->tap);
	return error;
}
