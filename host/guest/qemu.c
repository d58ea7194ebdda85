/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of QEMU for each kind of guest. What is not said here is not there: no default devices, no option ROMs, no file system
 * of the host's, no disk, no reboot.
 */
#include <stdio.h>
#include "guest.h"
#include "util.h"

#define TAIL "disable-legacy=on,iommu_platform=on"   /* the guest chooses what the device may see */

static const char *const ports[] = { OM_GUESTCTL_PORT_CONTROL, OM_GUESTCTL_PORT_STDIN, OM_GUESTCTL_PORT_STDOUT, OM_GUESTCTL_PORT_STDERR };

static void vm(const struct guest_plan *p, struct guest_words *w)
{
	guest_word(w, "-machine");
	guest_word(w, "q35,accel=%s,smm=off,vmport=off", p->kvm ? "kvm" : "tcg");
	guest_word(w, "-cpu");
	/* TCG of QEMU 7.2: with SMAP the guest's kernel dies beneath the software CPU; cmpxchg16b leaves wrong flags behind, which kills it anywhere. */
	guest_word(w, "%s", p->cpu ? p->cpu : p->kvm ? "host" : "max,smap=off,cx16=off");
	guest_word(w, "-m");
	guest_word(w, "%lluM", (unsigned long long)p->memory_mib);
	if (p->firmware) {
		guest_word(w, "-bios");
		guest_word(w, "%s", p->firmware);
	}
}

/* What both kinds have, up to the object that is their own. */
static void confidential(const struct guest_plan *p, const char *machine, const char *cpu, struct guest_words *w)
{
	guest_word(w, "-machine");
	guest_word(w, "q35,accel=kvm,%s,memory-backend=ram1", machine);
	guest_word(w, "-object");
	guest_word(w, "memory-backend-memfd,id=ram1,size=%lluM,share=true,prealloc=false", (unsigned long long)p->memory_mib);
	guest_word(w, "-bios");
	guest_word(w, "%s", p->firmware);
	guest_word(w, "-cpu");
	guest_word(w, "%s", p->cpu ? p->cpu : cpu);
	guest_word(w, "-m");
	guest_word(w, "%lluM", (unsigned long long)p->memory_mib);
	guest_word(w, "-object");
}

static void snp(const struct guest_plan *p, struct guest_words *w)
{
	confidential(p, "smm=off,vmport=off,confidential-guest-support=sev0", "EPYC-v4", w);
	/* Policy: SMT allowed, no debugging, no migration agent. */
	if (p->id_block)
		guest_word(w, "sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x30000,kernel-hashes=on,id-block=%s,id-auth=%s%s",
			p->id_block, p->id_auth, p->author ? ",author-key-enabled=on" : "");
	else
		guest_word(w, "sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,policy=0x30000,kernel-hashes=on");
}

static void tdx(const struct guest_plan *p, struct guest_words *w)
{
	const char *colon = p->quote_service;
	int cid = 0;

	while (colon && *colon && *colon != ':')
		colon++, cid++;
	confidential(p, "kernel-irqchip=split,smm=off,vmport=off,confidential-guest-support=tdx0", "host", w);
	if (p->quote_service)
		guest_word(w, "{\"qom-type\":\"tdx-guest\",\"id\":\"tdx0\",\"quote-generation-socket\":{\"type\":\"vsock\",\"cid\":\"%.*s\",\"port\":\"%s\"}}",
			cid, p->quote_service, *colon ? colon + 1 : "4050");
	else
		guest_word(w, "{\"qom-type\":\"tdx-guest\",\"id\":\"tdx0\"}");
}

static void port(const char *name, const char *socket, struct guest_words *w)
{
	guest_word(w, "-chardev");
	guest_word(w, "socket,id=%s,path=%s", name, socket);
	guest_word(w, "-device");
	guest_word(w, "virtserialport,bus=ports.0,chardev=%s,name=%s", name, name);
}

/* QEMU would give all of them the same one. Two with one IPv4 address cannot be on one network anyway. */
static void nic(const struct guest_net *net, struct guest_words *w)
{
	unsigned a = 0, b = 0, c = 0, d = 0;

	(void)sscanf(net->address, "%3u.%3u.%3u.%3u", &a, &b, &c, &d);
	guest_word(w, "-netdev");
	guest_word(w, "tap,id=net0,ifname=%s,script=no,downscript=no", net->tap);
	guest_word(w, "-device");
	guest_word(w, "virtio-net-pci,netdev=net0,mac=02:6f:%02x:%02x:%02x:%02x,romfile=," TAIL, a & 255, b & 255, c & 255, d & 255);
}

static void devices(const struct guest_plan *p, struct guest_words *w)
{
	char socket[4400];

	guest_word(w, "-device");
	guest_word(w, "virtio-serial-pci,id=ports,max_ports=8," TAIL);
	for (size_t i = 0; i < sizeof ports / sizeof *ports; i++) {
		snprintf(socket, sizeof socket, "%s/%s", p->sockets, ports[i]);
		port(ports[i], socket, w);
	}
	if (p->sp)
		port("optmig.sp", p->sp, w);
	if (p->net)
		nic(p->net, w);
	guest_word(w, "-serial");
	guest_word(w, "file:%s/console", p->sockets);
}

static bool has_comma(const char *text)
{
	for (; text && *text; text++)
		if (*text == ',')
			return true;
	return false;
}

int guest_qemu(const struct guest_plan *p, struct guest_words *ret)
{
	struct guest_words w = { 0 };

	/* QEMU takes lists apart at commas. */
	if (has_comma(p->sockets) || has_comma(p->sp) || (p->net && has_comma(p->net->tap)))
		return host_fail(OM_EINVAL, "QEMU takes no comma in a file's name");
	if (p->kind != GUEST_KIND_VM && !p->firmware)
		return host_fail(OM_EINVAL, "which firmware? (--firmware FILE: OVMF built for AMD SEV or Intel TDX)");
	guest_word(&w, "%s", p->qemu);
	guest_word(&w, "-nodefaults");
	guest_word(&w, "-no-user-config");
	guest_word(&w, "-no-reboot");
	guest_word(&w, "-display");
	guest_word(&w, "none");
	guest_word(&w, "-monitor");
	guest_word(&w, "none");
	(p->kind == GUEST_KIND_SNP ? snp : p->kind == GUEST_KIND_TDX ? tdx : vm)(p, &w);
	guest_word(&w, "-smp");
	guest_word(&w, "%u", p->vcpus);
	guest_word(&w, "-kernel");
	guest_word(&w, "%s", p->folder->kernel);
	guest_word(&w, "-initrd");
	guest_word(&w, "%s", p->folder->initrd);
	guest_word(&w, "-append");
	guest_word(&w, "%s", p->folder->command_line);
	devices(p, &w);
	if (w.failed) {
		guest_words_done(&w);
		return host_fail(OM_ENOMEM, "no memory");
	}
	*ret = w;
	return 0;
}
