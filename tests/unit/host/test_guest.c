/* SPDX-License-Identifier: Apache-2.0 */
/* The measured guest from outside: QEMU's command lines, what a host lacks, what PID 1 is told, and where files may lie. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../unit.h"
#include "guest/cpio.h"
#include "guest/guest.h"
#include "util.h"

static char root[] = "/tmp/optmig-guest-unit-XXXXXX";

static const struct guest_folder folder = { .kernel = "/g/vmlinuz", .initrd = "/g/initrd", .command_line = "console=ttyS0 quiet" };
static const struct guest_net net = { .tap = "tap0", .address = "192.0.2.2/24" };

static void write_file(const char *name, mode_t mode, const char *text)
{
	char path[200], *slash;
	int fd;

	snprintf(path, sizeof path, "%s%s", root, name);
	for (slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		(void)mkdir(path, 0755);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static const char *in_root(const char *name)
{
	static char paths[4][200];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s%s", root, name);
	return path;
}

/* ---- command lines ----------------------------------------------------------------------------------------------------- */

static void expect_line(const struct guest_plan *plan, const char *const *expected)
{
	struct guest_words words = { 0 };
	size_t i = 0;

	assert_int_equal(guest_qemu(plan, &words), 0);
	for (; expected[i]; i++) {
		assert_true(i < words.count);
		assert_string_equal(words.list[i], expected[i]);
	}
	assert_int_equal(i, words.count);
	guest_words_done(&words);
}

#define TAIL ",disable-legacy=on,iommu_platform=on"
#define BEGIN "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none"
#define BOOT "-kernel", "/g/vmlinuz", "-initrd", "/g/initrd", "-append", "console=ttyS0 quiet"
#define PORT(name) "-chardev", "socket,id=" name ",path=/s/" name, "-device", "virtserialport,bus=ports.0,chardev=" name ",name=" name
#define PORTS "-device", "virtio-serial-pci,id=ports,max_ports=8" TAIL, PORT("optmig.control"), PORT("optmig.stdin"), PORT("optmig.stdout"), PORT("optmig.stderr")
#define NIC "-netdev", "tap,id=net0,ifname=tap0,script=no,downscript=no", "-device", "virtio-net-pci,netdev=net0,mac=02:6f:c0:00:02:02,romfile=" TAIL
#define CONSOLE "-serial", "file:/s/console"

static void command_lines(void **state)
{
	struct guest_plan p = { .kind = GUEST_KIND_VM, .folder = &folder, .qemu = "qemu-system-x86_64", .vcpus = 2, .memory_mib = 2048, .sockets = "/s" };

	(void)state;
	expect_line(&p, (const char *const[]){ BEGIN, "-machine", "q35,accel=tcg,smm=off,vmport=off", "-cpu", "max,smap=off,cx16=off", "-m", "2048M",
		"-smp", "2", BOOT, PORTS, CONSOLE, NULL });
	p.kvm = true;
	p.net = &net;
	p.sp = "/s/sp";
	expect_line(&p, (const char *const[]){ BEGIN, "-machine", "q35,accel=kvm,smm=off,vmport=off", "-cpu", "host", "-m", "2048M", "-smp", "2", BOOT, PORTS,
		"-chardev", "socket,id=optmig.sp,path=/s/sp", "-device", "virtserialport,bus=ports.0,chardev=optmig.sp,name=optmig.sp", NIC, CONSOLE, NULL });
	p = (struct guest_plan){ .kind = GUEST_KIND_SNP, .folder = &folder, .qemu = "qemu-system-x86_64", .vcpus = 4, .memory_mib = 8192, .sockets = "/s",
		.firmware = "/f/OVMF.amdsev.fd", .cpu = "EPYC-Milan", .net = &net };
	expect_line(&p, (const char *const[]){ BEGIN, "-machine", "q35,accel=kvm,smm=off,vmport=off,confidential-guest-support=sev0,memory-backend=ram1",
		"-object", "memory-backend-memfd,id=ram1,size=8192M,share=true,prealloc=false",
		"-bios", "/f/OVMF.amdsev.fd", "-cpu", "EPYC-Milan", "-m", "8192M",
		"-object", "sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x30000,kernel-hashes=on", "-smp", "4", BOOT, PORTS, NIC, CONSOLE, NULL });
	p.id_block = "QkxPQ0s=";
	p.id_auth = "QVVUSA==";
	p.net = NULL;
	for (int author = 0; author < 2; author++) {
		p.author = author;
		expect_line(&p, (const char *const[]){ BEGIN, "-machine", "q35,accel=kvm,smm=off,vmport=off,confidential-guest-support=sev0,memory-backend=ram1",
			"-object", "memory-backend-memfd,id=ram1,size=8192M,share=true,prealloc=false",
			"-bios", "/f/OVMF.amdsev.fd", "-cpu", "EPYC-Milan", "-m", "8192M", "-object",
			author ? "sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x30000,kernel-hashes=on,id-block=QkxPQ0s=,id-auth=QVVUSA==,author-key-enabled=on" :
			"sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x30000,kernel-hashes=on,id-block=QkxPQ0s=,id-auth=QVVUSA==",
			"-smp", "4", BOOT, PORTS, CONSOLE, NULL });
	}
	p = (struct guest_plan){ .kind = GUEST_KIND_TDX, .folder = &folder, .qemu = "qemu-system-x86_64", .vcpus = 1, .memory_mib = 1024, .sockets = "/s",
		.firmware = "/f/OVMF.inteltdx.fd", .quote_service = "2:4050" };
	expect_line(&p, (const char *const[]){ BEGIN, "-machine",
		"q35,accel=kvm,kernel-irqchip=split,smm=off,vmport=off,confidential-guest-support=tdx0,memory-backend=ram1",
		"-object", "memory-backend-memfd,id=ram1,size=1024M,share=true,prealloc=false",
		"-bios", "/f/OVMF.inteltdx.fd", "-cpu", "host", "-m", "1024M",
		"-object", "{\"qom-type\":\"tdx-guest\",\"id\":\"tdx0\",\"quote-generation-socket\":{\"type\":\"vsock\",\"cid\":\"2\",\"port\":\"4050\"}}", "-smp", "1", BOOT, PORTS, CONSOLE, NULL });
}

static void refused_lines(void **state)
{
	struct guest_plan p = { .kind = GUEST_KIND_SNP, .folder = &folder, .qemu = "qemu", .vcpus = 1, .memory_mib = 512, .sockets = "/s" };
	struct guest_words words = { 0 };

	(void)state;
	assert_int_equal(guest_qemu(&p, &words), OM_EINVAL);    /* no firmware */
	p.kind = GUEST_KIND_VM;
	p.sockets = "/s,path=/x";
	assert_int_equal(guest_qemu(&p, &words), OM_EINVAL);
	assert_null(words.list);
}

/* ---- what a host lacks ----------------------------------------------------------------------------------------------------- */

static void versions(void **state)
{
	unsigned major = 0, minor = 0;

	(void)state;
	assert_true(guest_qemu_version("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)", &major, &minor));
	assert_int_equal(major, 7);
	assert_int_equal(minor, 2);
	assert_true(guest_qemu_version("QEMU emulator version 10.0.2", &major, &minor));
	assert_int_equal(major, 10);
	assert_false(guest_qemu_version("qemu-img version 7.2.0", &major, &minor));
	assert_false(guest_qemu_version("QEMU emulator version x.1", &major, &minor));
	assert_false(guest_qemu_version("QEMU emulator version 9", &major, &minor));
	assert_false(guest_qemu_version("", &major, &minor));
}

static void expect_lack(const struct guest_plan *plan, int error, const char *words)
{
	assert_int_equal(guest_lacks(plan, root), error);
	if (error)
		assert_non_null(strstr(host_reason(), words));
}

static void set_qemu(const char *version)
{
	char text[200];

	snprintf(text, sizeof text, "#!/bin/sh\necho 'QEMU emulator version %s'\n", version);
	(void)unlink(in_root("/qemu"));
	write_file("/qemu", 0755, text);
}

/* A host gets one thing after the other; each time the next one that is missing is named. */
static void lacking(void **state)
{
	struct guest_plan p = { .kind = GUEST_KIND_SNP, .folder = &folder, .qemu = in_root("/qemu"), .vcpus = 1, .memory_mib = 512, .sockets = "/s",
		.firmware = in_root("/firmware") };
	const char *vector;

	(void)state;
	expect_lack(&p, OM_EUNSUPPORTED, "sev_snp");
	write_file("/sys/module/kvm_amd/parameters/sev_snp", 0644, "N\n");
	expect_lack(&p, OM_EUNSUPPORTED, "sev_snp");
	write_file("/sys/module/kvm_amd/parameters/sev_snp", 0644, "Y\n");
	expect_lack(&p, OM_EUNSUPPORTED, "/dev/sev");
	write_file("/dev/sev", 0600, "");
	expect_lack(&p, OM_EUNSUPPORTED, "/dev/kvm");
	write_file("/dev/kvm", 0600, "");
	expect_lack(&p, OM_EUNSUPPORTED, "cannot be started");
	set_qemu("9.0.2");
	expect_lack(&p, OM_EUNSUPPORTED, "takes 9.1 or later");
	set_qemu("9.1.0");
	expect_lack(&p, OM_EIO, "firmware");
	write_file("/firmware", 0644, "not this");
	expect_lack(&p, OM_EUNSUPPORTED, "no OVMF image");
	vector = unit_vector_path("measure/ovmf_OvmfX64_suffix.bin");
	if (vector) {
		p.firmware = vector;
		expect_lack(&p, OM_EUNSUPPORTED, "does not measure the kernel");
		p.firmware = unit_vector_path("measure/ovmf_AmdSev_suffix.bin");
		expect_lack(&p, 0, "");
	}
	p.kind = GUEST_KIND_TDX;
	expect_lack(&p, OM_EUNSUPPORTED, "kvm_intel");
	write_file("/sys/module/kvm_intel/parameters/tdx", 0644, "Y\n");
	expect_lack(&p, OM_EUNSUPPORTED, "takes 10.1 or later");
	set_qemu("10.1.0");
	if (vector)
		expect_lack(&p, 0, "");
	p = (struct guest_plan){ .kind = GUEST_KIND_VM, .qemu = in_root("/qemu"), .net = &(struct guest_net){ .tap = "optmig-no-tap" } };
	expect_lack(&p, OM_ENOTFOUND, "optmig-no-tap");
	p.net = NULL;
	set_qemu("7.2.22");
	expect_lack(&p, 0, "");
	set_qemu("6.2.0");
	expect_lack(&p, OM_EUNSUPPORTED, "takes 7.2 or later");
}

/* ---- what PID 1 is told ------------------------------------------------------------------------------------------------------ */

static void paths(void **state)
{
	static const char *const good[] = { "/data", "/data/x", "/srv/u/redis.conf", "/tmp/a", "/etc/hosts", "/etc/resolv.conf", "/image/p", "/usrx/a", "/a/.b", "/a/..b", "/srv/etc/ld.so.preload" };
	static const char *const bad[] = { "", "/", "a", "//a", "/a/", "/a//b", "/./a", "/a/.", "/a/../usr/x", "/..", "/usr", "/usr/lib/x", "/etc", "/etc/passwd",
		"/etc/ld.so.preload", "/etc/optmig/guest-signers", "/etc/hosts/x", "/lib64/x", "/dev/x", "/proc/1/mem", "/sys/x", "/run/x", "/init", "/modules/x", "/bin/sh", "/sbin/x" };

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (!om_guestctl_path_allowed(good[i], strlen(good[i])))
			fail_msg("%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (om_guestctl_path_allowed(bad[i], strlen(bad[i])))
			fail_msg("%s", bad[i]);
	assert_false(om_guestctl_path_allowed("/a\0b", 4));
}

static void frames(void **state)
{
	uint8_t header[OM_GUESTCTL_FRAME_HEADER], type;
	uint32_t size;

	(void)state;
	om_guestctl_frame_encode(OM_GUESTCTL_DATA, 77, header);
	assert_int_equal(om_guestctl_frame_decode(header, &type, &size), 0);
	assert_int_equal(type, OM_GUESTCTL_DATA);
	assert_int_equal(size, 77);
	header[6] = 1;
	assert_int_equal(om_guestctl_frame_decode(header, &type, &size), OM_EVERSION);
	om_guestctl_frame_encode(OM_GUESTCTL_DATA, OM_GUESTCTL_PAYLOAD_MAX + 1, header);
	assert_int_equal(om_guestctl_frame_decode(header, &type, &size), OM_EOVERFLOW);
}

static void starts(void **state)
{
	static char option[] = "-v", path[] = "/p", empty[] = "", words[] = "a b", variable[] = "A=1";
	static char *const options[] = { option, NULL }, *const arguments[] = { path, empty, words, NULL }, *const environment[] = { variable, NULL }, *const none[] = { NULL };
	struct om_guestctl_start head = { .verb = OM_GUESTCTL_RUN, .terminal = true, .rows = 24, .columns = 80 }, got;
	struct om_guestctl_string s;
	uint8_t payload[300];
	struct om_put c;

	(void)state;
	om_put_init(&c, payload, sizeof payload);
	om_guestctl_start_encode(&c, &head, "/d", options, arguments, environment);
	assert_int_equal(om_put_end(&c), 0);
	assert_int_equal(om_guestctl_start_decode(payload, om_put_size(&c), &got), 0);
	assert_true(got.terminal && got.rows == 24 && got.columns == 80 && got.verb == OM_GUESTCTL_RUN);
	assert_true(got.directory.size == 2 && memcmp(got.directory.text, "/d", 2) == 0);
	assert_true(got.options.count == 1 && got.arguments.count == 3 && got.environment.count == 1);
	for (unsigned i = 0; arguments[i]; i++) {
		assert_true(om_guestctl_list_next(&got.arguments, &s));
		assert_true(s.size == strlen(arguments[i]) && memcmp(s.text, arguments[i], s.size) == 0);
	}
	assert_false(om_guestctl_list_next(&got.arguments, &s));
	for (size_t size = 0; size < om_put_size(&c); size++)
		assert_int_not_equal(om_guestctl_start_decode(payload, size, &got), 0);
	payload[om_put_size(&c)] = 0;
	assert_int_equal(om_guestctl_start_decode(payload, om_put_size(&c) + 1, &got), OM_ETRAILING);
	/* A receiver has no program, and a program is not none. */
	head.verb = OM_GUESTCTL_RECEIVE;
	om_put_init(&c, payload, sizeof payload);
	om_guestctl_start_encode(&c, &head, "/", options, arguments, environment);
	assert_int_equal(om_guestctl_start_decode(payload, om_put_size(&c), &got), OM_EINVAL);
	om_put_init(&c, payload, sizeof payload);
	om_guestctl_start_encode(&c, &head, "/", options, none, none);
	assert_int_equal(om_guestctl_start_decode(payload, om_put_size(&c), &got), 0);
}

/* ---- the archive ------------------------------------------------------------------------------------------------------------- */

static void archive(void **state)
{
	static const char header[] = "070701" "00000001" "000081A4" "00000000" "00000000" "00000001" "00000000" "00000003" "00000000" "00000000" "00000000"
		"00000000" "00000004" "00000000";
	struct cpio c = { .next = 1 };

	(void)state;
	cpio_file(&c, "a/b", 0644, "xyz", 3);
	assert_int_equal(c.size, 116 + 4);      /* header and name on a multiple of four, then three bytes and one */
	assert_memory_equal(c.bytes, header, sizeof header - 1);
	assert_memory_equal(c.bytes + 110, "a/b\0\0\0xyz\0", 10);
	assert_int_equal(cpio_end(&c), 0);
	assert_int_equal(c.size % 512, 0);
	free(c.bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_lines), cmocka_unit_test(refused_lines), cmocka_unit_test(versions), cmocka_unit_test(lacking), cmocka_unit_test(paths),
		cmocka_unit_test(frames), cmocka_unit_test(starts), cmocka_unit_test(archive),
	};
	char command[100];
	int failed;

	if (!mkdtemp(root))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command) ? 1 : failed;
}
