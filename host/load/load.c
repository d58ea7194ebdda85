/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an image file to an initialised enclave.
 *
 * The image is opened once (imageread.h says what follows from that), and the plan reads it once. core/imagefile checks it. What is loaded
 * is what was measured: if a mapped file changes meanwhile, EINIT refuses. On failure everything is undone in reverse order.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "strerror.h"
#include "creds.h"
#include "debug/debug.h"
#include "guest/guest.h"
#include "internal.h"
#include "util.h"

/* Takes over what options->image holds, or opens the file that options->path names. */
static int take_image(struct host_enclave *e, const struct host_load_options *options)
{
	struct host_image *given = options->image;
	int error = given ? 0 : host_image_open(options->path, false, &e->file);
	uint8_t mrsigner[32];

	if (given) {
		e->file = *given;
		given->file = NULL;
	}
	e->image = e->file.image;
	if (error)
		return error;
	host_image_mrsigner(&e->file, mrsigner);
	return guest_admits(mrsigner);
}

static int add_pages(struct host_enclave *e)
{
	struct om_image_plan plan;
	struct om_image_run run;

	om_image_plan_begin(&plan, &e->image);
	while (om_image_plan_next(&plan, &run)) {
		struct sgx_secinfo secinfo = { .flags = run.secinfo_flags };
		int error = tee_add_pages(e->sgx, run.offset, run.source, run.length, &secinfo, true);

		if (error)
			return host_fail(error, "adding pages at offset 0x%llx: %s", (unsigned long long)run.offset, tee_last_error());
	}
	return 0;
}

static int lacks_state(uint64_t missing)
{
	bool avx = missing & ~(uint64_t)OM_XFRM_AVX;

	return host_fail(OM_EUNSUPPORTED, "the image was linked with %s, which this CPU or its kernel does not offer to enclaves; "
		"run it where it is offered, or link it with -Xoptmig xfrm=%s", avx ? "xfrm=avx512" : "AVX", avx ? "avx" : "sse");
}

static int build(struct host_enclave *e, const struct tee_capabilities *caps)
{
	struct sgx_attributes attributes;
	int error;

	if (!caps->edmm)
		return host_fail(OM_ENOSGX, "this SGX has no dynamic memory (SGX2/EDMM), which OptMig needs");
	if (caps->elrange_max && e->image.header.elrange_size > caps->elrange_max)
		return host_fail(OM_EELRANGE, "the image asks for %llu MiB of address range, this CPU allows %llu MiB",
			(unsigned long long)e->image.header.elrange_size >> 20, (unsigned long long)caps->elrange_max >> 20);
	om_image_attributes(&e->image, &attributes);
	if (attributes.xfrm & ~caps->xfrm)
		return lacks_state(attributes.xfrm & ~caps->xfrm);
	error = tee_create(e->platform, OM_ELRANGE_BASE, e->image.header.elrange_size, OM_SSA_FRAME_PAGES, &attributes,
		SGX_MISC_EXINFO, &e->sgx);
	if (error)
		return host_fail(error, "creating the enclave: %s", tee_last_error());
	error = add_pages(e);
	if (error)
		return error;
	memcpy(e->mrenclave, host_image_signed(&e->file), sizeof e->mrenclave);
	error = tee_init(e->sgx, &e->file.sigstruct);
	if (error)
		return host_fail(error, "%s", tee_last_error());
	/* The enclave has its pages now. */
	host_image_done(&e->file);
	e->image.file = NULL;
	return 0;
}

static int make_slots(struct host_enclave *e, bool stats)
{
	pthread_mutex_init(&e->lock, NULL);
	host_cond_init(&e->idle);
	e->stats = stats;
	e->slot_count = e->image.header.service_slots + e->image.header.app_threads;
	e->slots = calloc(e->slot_count, sizeof *e->slots);
	if (!e->slots)
		return host_fail(OM_ENOMEM, "no memory for %u thread slots", e->slot_count);
	for (uint32_t i = 0; i < e->slot_count; i++) {
		e->slots[i].enclave = e;
		e->slots[i].index = i;
		pthread_cond_init(&e->slots[i].start, NULL);
	}
	return 0;
}

static int boot(struct host_enclave *e, const struct host_load_options *options, uint32_t *ret_main_slot)
{
	struct om_boot *block;
	uint64_t size;
	int error = host_clock_start(e);

	if (error)
		return error;
	error = host_slot_prepare(&e->slots[HOST_SLOT_CONTROL], OM_TBUF_SIZE_APP);
	if (error)
		return error;
	error = host_bootblock_build(e, options, &block, &size);
	if (error)
		return error;
	error = host_ecall(e, HOST_SLOT_CONTROL, OM_ECALL_INIT, (uintptr_t)block, size);
	free(block);
	if (error)
		return error;
	*ret_main_slot = (uint32_t)e->slots[HOST_SLOT_CONTROL].tbuf->arg[0];
	/* 0: it waits for its owner, and is started from inside. */
	if (*ret_main_slot && !(options->boot_flags & OM_BOOT_RECEIVE) &&
	    (*ret_main_slot < e->image.header.service_slots || *ret_main_slot >= e->slot_count))
		return host_fail(OM_EINTERNAL, "the enclave named slot %u for its main thread", *ret_main_slot);
	return 0;
}

int host_enclave_load(const struct host_load_options *options, struct host_enclave **ret_enclave, uint32_t *ret_main_slot)
{
	struct tee_capabilities caps;
	struct host_enclave *e = calloc(1, sizeof *e);
	uint64_t begin = host_monotonic_ns(), built;
	int error;

	if (!e)
		return host_fail(OM_ENOMEM, "no memory");
	host_clock_anchor();
	error = take_image(e, options);
	if (!error && options->boot_flags & OM_BOOT_TRACE)
		error = debug_image_only(e, "--trace");
	if (error)
		goto fail;
	error = tee_platform_open(options->kind, &options->emu, &e->platform);
	if (error) {
		error = host_fail(error, "%s", tee_last_error());
		goto fail;
	}
	tee_platform_capabilities(e->platform, &caps);
	error = build(e, &caps);
	if (error)
		goto fail;
	error = host_wait_setup();
	if (!error)
		error = host_creds_setup();
	if (!error)
		error = make_slots(e, options->stats);
	if (error)
		goto fail;
	error = host_thread_attach(e);
	if (error)
		goto fail;
	built = host_monotonic_ns();
	e->load_ns = built - begin;
	error = boot(e, options, ret_main_slot);
	if (error) {
		host_thread_detach(e);
		goto fail;
	}
	e->init_ns = host_monotonic_ns() - built;
	if (options->perf_map && (error = debug_perf_map(e))) {
		host_thread_detach(e);
		goto fail;
	}
	host_detail("enclave ready: built in %.1f ms, booted in %.1f ms", (double)e->load_ns / 1e6, (double)e->init_ns / 1e6);
	*ret_enclave = e;
	return 0;
fail:
	host_enclave_free(e);
	return error;
}

static void free_slot(struct host_slot *slot)
{
	if (slot->tbuf)
		munmap(slot->tbuf, slot->tbuf_size);
	if (slot->exc_tbuf)
		munmap(slot->exc_tbuf, OM_TBUF_SIZE_EXC);
	free(slot->stats);
	pthread_cond_destroy(&slot->start);
}

void host_enclave_free(struct host_enclave *e)
{
	if (!e)
		return;
	if (e->slots)
		host_threads_end(e);
	host_clock_stop(e);
	if (e->sgx)
		tee_destroy(e->sgx);
	if (e->slots) {
		for (uint32_t i = 0; i < e->slot_count; i++)
			free_slot(&e->slots[i]);
		free(e->slots);
		pthread_cond_destroy(&e->idle);
		pthread_mutex_destroy(&e->lock);
	}
	if (e->platform)
		tee_platform_close(e->platform);
	host_image_done(&e->file);
	free(e);
}

void host_set_hooks(struct host_enclave *e, const struct host_hooks *hooks)
{
	e->hooks = *hooks;
}

const struct om_image_header *host_image_header(const struct host_enclave *e)
{
	return &e->image.header;
}

const char *host_image_path(const struct host_enclave *e)
{
	return e->file.path;
}

const uint8_t *host_image_mrenclave(const struct host_enclave *e)
{
	return e->mrenclave;
}

struct tee_platform *host_platform(const struct host_enclave *e)
{
	return e->platform;
}

struct tee_enclave *host_sgx(const struct host_enclave *e)
{
	return e->sgx;
}
