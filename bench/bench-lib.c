/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the library takes for a translation and an invalidation, without a
 * machine around it.  Prints lines of "NAME NANOSECONDS"; the best of
 * several runs, because what disturbs a run only makes it longer.
 */
#include <hw/iommu/viommu-vtd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/lib/vtd-spec.h"
#include "tests/lib/vtd-tables.h"

#define RAM_SIZE    (UINT64_C(64) << 20)
#define TABLES      (UINT64_C(1) << 20)
#define IOVA        UINT64_C(0x4000000000)
#define PAGE        UINT64_C(4096)
#define PAGES       65536u
#define SOURCE      0x0018
#define DOMAIN      5
#define RUNS        5
#define ACCESSES    4000000u
/* Descriptors between two waits: less than a queue page holds. */
#define BATCH       200u

typedef struct Bench {
    Viommu *unit;
    GuestRam ram;
    GuestMem mem;
    GuestAlloc alloc;
    GuestRegs regs;
    GuestQueue queue;
    uint64_t table;
    bool run_wanted;
} Bench;

static void die(const char *what)
{
    fprintf(stderr, "bench-lib: %s\n", what);
    exit(1);
}

static double now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static void on_msi(void *opaque, const ViommuMsi *msi)
{
    (void)opaque;
    (void)msi;
}

static void on_run_later(void *opaque)
{
    ((Bench *)opaque)->run_wanted = true;
}

static uint64_t reg_read(void *opaque, uint64_t offset, unsigned size)
{
    return viommu_mmio_read(((Bench *)opaque)->unit, offset, size);
}

static void reg_write(void *opaque, uint64_t offset, uint64_t value,
                      unsigned size)
{
    viommu_mmio_write(((Bench *)opaque)->unit, offset, value, size);
}

static void bench_tables(Bench *b)
{
    GuestContext ctx = {
        .tt = SPEC_TT_MULTI, .levels = 4, .domain = DOMAIN,
    };
    uint64_t root = guest_root_new(&b->alloc);

    b->table = ctx.table = guest_ss_new(&b->alloc);
    if (!guest_context_set(&b->alloc, root, SOURCE, &ctx) ||
        !guest_ss_map_range(&b->alloc, b->table, 4, IOVA, 0,
                            PAGES * PAGE, SPEC_SS_R | SPEC_SS_W) ||
        !guest_set_root(&b->regs, root) ||
        !guest_queue_init(&b->queue, &b->alloc, &b->regs, 0) ||
        !guest_command(&b->regs, SPEC_GCMD_TE, 0)) {
        die("the unit does not take its tables");
    }
}

static Bench *bench_new(unsigned iotlb_bits)
{
    static const ViommuOps ops = {
        .send_msi = on_msi, .run_later = on_run_later,
    };
    Bench *b = g_new0(Bench, 1);
    ViommuVtdConfig config;
    GError *error = NULL;
    ViommuRam ram = { .addr = 0, .size = RAM_SIZE };

    b->ram = (GuestRam) { 0, RAM_SIZE, NULL };
    b->ram.host = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->ram.host == MAP_FAILED) {
        die("no memory");
    }
    ram.host = b->ram.host;
    viommu_vtd_config_init(&config);
    config.aw_bits = 48;
    config.iotlb_bits = iotlb_bits;
    b->unit = viommu_vtd_new(&config, &ops, b, &error);
    if (!b->unit) {
        die(error->message);
    }
    if (viommu_set_ram(b->unit, &ram, 1)) {
        die("the unit does not take its RAM");
    }
    b->mem = guest_mem_from_ram(&b->ram);
    b->regs = (GuestRegs) { reg_read, reg_write, b };
    guest_alloc_init(&b->alloc, &b->mem, TABLES, RAM_SIZE - TABLES);
    bench_tables(b);
    return b;
}

static void bench_free(Bench *b)
{
    viommu_free(b->unit);
    munmap(b->ram.host, RAM_SIZE);
    g_free(b);
}

/* Translates page @i and checks the answer. */
static void access_page(Bench *b, unsigned i)
{
    ViommuRequest req = {
        .source = SOURCE, .pasid = VIOMMU_NO_PASID,
        .addr = IOVA + i * PAGE, .access = VIOMMU_READ,
    };
    ViommuReply reply;

    viommu_dma_begin();
    if (viommu_translate(b->unit, &req, &reply) != VIOMMU_OK ||
        reply.addr != i * PAGE) {
        die("a translation is wrong");
    }
    viommu_dma_end();
}

/* The time of one translation, with @pages pages in turn. */
static double translate_ns(Bench *b, unsigned pages)
{
    double best = 1e18;

    for (unsigned i = 0; i < pages; i++) {
        access_page(b, i);
    }
    for (unsigned run = 0; run < RUNS; run++) {
        double start = now_ns();

        for (unsigned i = 0, page = 0; i < ACCESSES; i++) {
            access_page(b, page);
            page = page + 1 == pages ? 0 : page + 1;
        }
        best = MIN(best, (now_ns() - start) / ACCESSES);
    }
    return best;
}

static void finish_queue(Bench *b)
{
    bool done = guest_queue_wait(&b->queue);

    while (!done && b->run_wanted) {
        b->run_wanted = false;
        viommu_run(b->unit);
        done = guest_queue_done(&b->queue);
    }
    if (!done) {
        die("an invalidation does not come to its end");
    }
}

/*
 * The time of one page-selective invalidation with @entries other pages
 * cached.  The invalidated pages are not: what is measured is what the
 * others cost.
 */
static double invalidate_ns(Bench *b, unsigned entries)
{
    double best = 1e18;

    guest_queue_iotlb(&b->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    finish_queue(b);
    for (unsigned i = 0; i < entries; i++) {
        access_page(b, i);
    }
    for (unsigned run = 0; run < 20 * RUNS; run++) {
        double start = now_ns();

        for (unsigned i = 0; i < BATCH; i++) {
            guest_queue_iotlb(&b->queue, SPEC_GRAN_PAGE, DOMAIN,
                              IOVA + (PAGES - 1 - i) * PAGE, 0, true);
        }
        finish_queue(b);
        best = MIN(best, (now_ns() - start) / BATCH);
    }
    return best;
}

int main(void)
{
    static const unsigned entries[] = { 8, 1000, 60000 };
    Bench *b = bench_new(16);

    printf("lib-hit-8 %.1f\n", translate_ns(b, 8));
    printf("lib-hit-16384 %.1f\n", translate_ns(b, 16384));
    for (unsigned i = 0; i < G_N_ELEMENTS(entries); i++) {
        printf("lib-invalidate-%u %.1f\n", entries[i],
               invalidate_ns(b, entries[i]));
    }
    bench_free(b);
    /* so few entries that each access walks */
    b = bench_new(4);
    printf("lib-walk-16384 %.1f\n", translate_ns(b, 16384));
    bench_free(b);
    return 0;
}
