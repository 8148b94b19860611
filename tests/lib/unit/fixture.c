/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

static void on_msi(void *opaque, const ViommuMsi *msi)
{
    Fixture *f = opaque;

    pthread_mutex_lock(&f->lock);
    g_array_append_vals(f->msis, msi, 1);
    pthread_mutex_unlock(&f->lock);
    if (f->msi) {
        f->msi(f, msi);
    }
}

static void on_invalidate(void *opaque, const ViommuInvalidation *inv)
{
    Fixture *f = opaque;

    pthread_mutex_lock(&f->lock);
    g_array_append_vals(f->invalidations, inv, 1);
    pthread_mutex_unlock(&f->lock);
    if (f->invalidated) {
        f->invalidated(f, inv);
    }
}

static bool on_devtlb(void *opaque, const ViommuInvalidation *inv)
{
    Fixture *f = opaque;

    on_invalidate(opaque, inv);
    if (f->devtlb) {
        return f->devtlb(f, inv);
    }
    return !g_atomic_int_get(&f->device_silent);
}

static bool on_drained(void *opaque)
{
    Fixture *f = opaque;

    f->asked++;
    return !f->drained || f->drained(f);
}

static void on_page_response(void *opaque, const ViommuPageResponse *response)
{
    Fixture *f = opaque;

    pthread_mutex_lock(&f->lock);
    g_array_append_vals(f->responses, response, 1);
    pthread_mutex_unlock(&f->lock);
    if (f->page_response) {
        f->page_response(f, response);
    }
}

static void on_stall_resume(void *opaque, uint32_t source, uint16_t tag,
                            ViommuResume action)
{
    Fixture *f = opaque;
    FixtureResume resume = { source, tag, action };

    pthread_mutex_lock(&f->lock);
    g_array_append_vals(f->resumes, &resume, 1);
    pthread_mutex_unlock(&f->lock);
}

static void on_set_line(void *opaque, unsigned line, bool level)
{
    Fixture *f = opaque;

    if (level && line < G_N_ELEMENTS(f->pulses)) {
        g_atomic_int_inc(&f->pulses[line]);
    }
}

static void on_run_later(void *opaque)
{
    Fixture *f = opaque;

    g_atomic_int_set(&f->run_wanted, 1);
}

static int on_read(void *opaque, uint64_t addr, void *buf, size_t size)
{
    Fixture *f = opaque;

    if (f->outside_read) {
        return f->outside_read(f, addr, buf, size);
    }
    memset(buf, 0, size);
    memcpy(buf, &f->outside_value, MIN(size, sizeof(f->outside_value)));
    return f->outside_result;
}

static int on_write(void *opaque, uint64_t addr, const void *buf, size_t size)
{
    Fixture *f = opaque;

    (void)addr;
    if (f->outside_result == 0) {
        memcpy(&f->outside_value, buf, MIN(size, sizeof(f->outside_value)));
    }
    return f->outside_result;
}

static void on_ram_written(void *opaque, uint64_t addr, uint64_t size)
{
    Fixture *f = opaque;

    if (f->ram_written) {
        f->ram_written(f, addr, size);
    }
}

static const ViommuOps ops = {
    .send_msi = on_msi,
    .invalidate = on_invalidate,
    .devtlb_invalidate = on_devtlb,
    .drained = on_drained,
    .page_response = on_page_response,
    .stall_resume = on_stall_resume,
    .set_line = on_set_line,
    .run_later = on_run_later,
    .mem_read = on_read,
    .mem_write = on_write,
    .ram_written = on_ram_written,
};

const ViommuOps *fixture_ops(void)
{
    return &ops;
}

static uint64_t regs_read(void *opaque, uint64_t offset, unsigned size)
{
    Fixture *f = opaque;

    return viommu_mmio_read(f->unit, offset, size);
}

static void regs_write(void *opaque, uint64_t offset, uint64_t value,
                       unsigned size)
{
    Fixture *f = opaque;

    viommu_mmio_write(f->unit, offset, value, size);
    fixture_run(f);
}

void fixture_run(Fixture *f)
{
    /* a queue of 2^15 entries in batches is far below this */
    for (unsigned i = 0; i < 100000; i++) {
        if (!g_atomic_int_compare_and_exchange(&f->run_wanted, 1, 0)) {
            return;
        }
        viommu_run(f->unit);
    }
    g_error("the unit wants to run for ever");
}

void fixture_wait(Fixture *f)
{
    if (!guest_queue_wait(&f->queue)) {
        g_error("the queue stopped: FSTS %#x, IQH %#" PRIx64 ", IQT %#" PRIx64
                ", IQERCD %#" PRIx64,
                guest_reg32(&f->regs, SPEC_FSTS),
                guest_reg64(&f->regs, SPEC_IQH),
                guest_reg64(&f->regs, SPEC_IQT),
                guest_reg64(&f->regs, SPEC_IQERCD));
    }
}

void fixture_wait_long(Fixture *f)
{
    gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

    if (guest_queue_wait(&f->queue)) {
        return;
    }
    while (!guest_queue_done(&f->queue)) {
        fixture_run(f);
        if (g_get_monotonic_time() > end) {
            g_error("an invalidation wait did not complete");
        }
        g_thread_yield();
    }
}

void fixture_config(ViommuVtdConfig *config)
{
    viommu_vtd_config_init(config);
    config->aw_bits = 48;
    config->fault_records = 8;
    config->interrupt_remapping = true;
    config->extended_interrupt_mode = true;
    config->posted_interrupts = true;
    config->protected_memory = true;
    config->device_iotlb = true;
    config->iotlb_bits = 8;
}

void fixture_set_ram(Fixture *f)
{
    ViommuRam ram = {
        .addr = f->ram.base, .size = f->ram.size, .host = f->ram.host,
    };

    g_assert_cmpint(viommu_set_ram(f->unit, &ram, 1), ==, 0);
}

static Viommu *make_vtd(const void *config, const ViommuOps *with,
                        void *opaque, GError **error)
{
    return viommu_vtd_new(config, with, opaque, error);
}

Fixture *fixture_new(const ViommuVtdConfig *config)
{
    return fixture_new_of(make_vtd, config);
}

Fixture *fixture_new_of(FixtureMake *make, const void *config)
{
    Fixture *f = g_new0(Fixture, 1);
    GError *error = NULL;

    pthread_mutex_init(&f->lock, NULL);
    f->msis = g_array_new(FALSE, FALSE, sizeof(ViommuMsi));
    f->invalidations = g_array_new(FALSE, FALSE, sizeof(ViommuInvalidation));
    f->responses = g_array_new(FALSE, FALSE, sizeof(ViommuPageResponse));
    f->resumes = g_array_new(FALSE, FALSE, sizeof(FixtureResume));
    f->outside_result = -ENXIO;
    f->unit = make(config, &ops, f, &error);
    g_assert_no_error(error);
    g_assert_nonnull(f->unit);

    f->ram.base = 0;
    f->ram.size = FIXTURE_RAM;
    f->ram.host = mmap(NULL, FIXTURE_RAM, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    g_assert_true(f->ram.host != MAP_FAILED);
    f->mem = guest_mem_from_ram(&f->ram);
    f->regs = (GuestRegs) { regs_read, regs_write, f };
    guest_alloc_init(&f->alloc, &f->mem, FIXTURE_TABLES,
                     FIXTURE_RAM - FIXTURE_TABLES);
    fixture_set_ram(f);
    return f;
}

void fixture_free(Fixture *f)
{
    viommu_free(f->unit);
    munmap(f->ram.host, FIXTURE_RAM);
    g_array_unref(f->msis);
    g_array_unref(f->invalidations);
    g_array_unref(f->responses);
    g_array_unref(f->resumes);
    pthread_mutex_destroy(&f->lock);
    g_free(f);
}

ViommuStatus fixture_ask(Fixture *f, const ViommuRequest *req,
                         ViommuReply *reply)
{
    ViommuStatus status;

    memset(reply, 0xa5, sizeof(*reply));
    viommu_dma_begin();
    status = viommu_translate(f->unit, req, reply);
    viommu_dma_end();
    return status;
}

ViommuStatus fixture_request(Fixture *f, uint16_t source, uint64_t addr,
                             unsigned access, ViommuKind kind, bool probe,
                             ViommuReply *reply)
{
    ViommuRequest req = {
        .source = source,
        .pasid = VIOMMU_NO_PASID,
        .addr = addr,
        .access = (uint8_t)access,
        .kind = kind,
        .probe = probe,
    };

    return fixture_ask(f, &req, reply);
}

ViommuStatus fixture_translate(Fixture *f, uint16_t source, uint64_t addr,
                               unsigned access, ViommuReply *reply)
{
    return fixture_request(f, source, addr, access, VIOMMU_UNTRANSLATED,
                           false, reply);
}

unsigned fixture_msis(Fixture *f)
{
    unsigned n;

    pthread_mutex_lock(&f->lock);
    n = f->msis->len;
    pthread_mutex_unlock(&f->lock);
    return n;
}

ViommuMsi fixture_msi(Fixture *f, unsigned i)
{
    ViommuMsi msi = { 0 };

    pthread_mutex_lock(&f->lock);
    if (i < f->msis->len) {
        msi = g_array_index(f->msis, ViommuMsi, i);
    }
    pthread_mutex_unlock(&f->lock);
    return msi;
}

void fixture_forget(Fixture *f)
{
    pthread_mutex_lock(&f->lock);
    g_array_set_size(f->msis, 0);
    g_array_set_size(f->invalidations, 0);
    g_array_set_size(f->responses, 0);
    g_array_set_size(f->resumes, 0);
    pthread_mutex_unlock(&f->lock);
}

void fixture_simple(Fixture *f, Simple *s, uint16_t source, uint16_t domain,
                    unsigned levels)
{
    GuestContext ctx = { .levels = (uint8_t)levels, .domain = domain };

    s->root = guest_root_new(&f->alloc);
    s->table = guest_ss_new(&f->alloc);
    s->levels = levels;
    ctx.table = s->table;
    g_assert_true(guest_context_set(&f->alloc, s->root, source, &ctx));
    g_assert_true(guest_set_root(&f->regs, s->root));
    g_assert_true(guest_queue_init(&f->queue, &f->alloc, &f->regs, 0));
    guest_queue_context(&f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    guest_queue_iotlb(&f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    fixture_wait(f);
    g_assert_true(guest_command(&f->regs, SPEC_GCMD_TE, 0));
}

unsigned fixture_scale(void)
{
    const char *text = g_getenv("VIOMMU_TEST_SCALE");
    guint64 scale = text ? g_ascii_strtoull(text, NULL, 10) : 1;

    return (unsigned)CLAMP(scale, 1, 1000000);
}
