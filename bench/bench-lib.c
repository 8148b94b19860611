/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the library takes for a translation and an invalidation, without a
 * machine around it.  Prints lines of "NAME NANOSECONDS"; the best of
 * many short runs, because what disturbs a run only makes it longer.
 *
 * usage: bench-lib [MODE...]      (default: each of modes.c)
 */
#include <hw/iommu/viommu-smmuv3.h>
#include <hw/iommu/viommu-vtd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bench/modes.h"
#include "tests/lib/vtd-spec.h"

#define RAM_SIZE    (UINT64_C(128) << 20)
#define TABLES      (UINT64_C(1) << 20)
/* nothing need be there: the library only translates */
#define DATA        (UINT64_C(1) << 36)
#define MIDDLE      (UINT64_C(1) << 37)
#define PAGES       (UINT64_C(1) << 20)
#define MANY        16384u
#define MOST        131072u
#define SOURCE      0x0018
#define RUNS        40
#define ACCESSES    200000u
/* Descriptors between two waits: less than a queue page holds. */
#define BATCH       100u

typedef struct Bench {
    const BenchMode *mode;
    Viommu *unit;
    GuestRam ram;
    GuestMem mem;
    GuestAlloc alloc;
    GuestRegs regs;
    BenchQueue queue;
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

static Viommu *vtd_new(const BenchMode *mode, unsigned iotlb_bits,
                       const ViommuOps *ops, void *opaque, GError **error)
{
    ViommuVtdConfig config;

    viommu_vtd_config_init(&config);
    config.scalable_mode = mode->scalable;
    config.first_stage = mode->fs_levels != 0;
    config.nested = mode->pgtt == SPEC_PGTT_NESTED;
    config.pasid_bits = mode->with_pasid ? 20 : 0;
    config.aw_bits = mode->fs_levels == 5 ? 57 : 48;
    config.iotlb_bits = (uint8_t)iotlb_bits;
    return viommu_vtd_new(&config, ops, opaque, error);
}

static Viommu *smmu_new(const BenchMode *mode, unsigned iotlb_bits,
                        const ViommuOps *ops, void *opaque, GError **error)
{
    ViommuSmmuv3Config config;

    viommu_smmuv3_config_init(&config);
    config.stage1 = mode->smmu != SMMUV3_S2;
    config.stage2 = mode->smmu != SMMUV3_S1;
    config.ssid_bits = mode->with_pasid ? 20 : 0;
    config.iotlb_bits = (uint8_t)iotlb_bits;
    return viommu_smmuv3_new(&config, ops, opaque, error);
}

static Bench *bench_new(const BenchMode *mode, unsigned iotlb_bits)
{
    static const ViommuOps ops = {
        .send_msi = on_msi, .run_later = on_run_later,
    };
    static const BenchTables tables = {
        .pages = PAGES, .data = DATA, .data_pages = PAGES, .middle = MIDDLE,
    };
    Bench *b = g_new0(Bench, 1);
    GError *error = NULL;
    ViommuRam ram = { .addr = 0, .size = RAM_SIZE };

    b->mode = mode;
    b->ram = (GuestRam) { 0, RAM_SIZE, NULL };
    b->ram.host = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->ram.host == MAP_FAILED) {
        die("no memory");
    }
    ram.host = b->ram.host;
    b->unit = (mode->smmu ? smmu_new : vtd_new)(mode, iotlb_bits, &ops, b,
                                                &error);
    if (!b->unit) {
        die(error->message);
    }
    if (viommu_set_ram(b->unit, &ram, 1)) {
        die("the unit does not take its RAM");
    }
    b->mem = guest_mem_from_ram(&b->ram);
    b->regs = (GuestRegs) { reg_read, reg_write, b };
    guest_alloc_init(&b->alloc, &b->mem, TABLES, RAM_SIZE - TABLES);
    if (!bench_mode_start(mode, &tables, &b->alloc, &b->regs, SOURCE,
                          &b->queue)) {
        die("the unit does not take its tables");
    }
    return b;
}

static void bench_free(Bench *b)
{
    viommu_free(b->unit);
    munmap(b->ram.host, RAM_SIZE);
    g_free(b);
}

/* Translates page @i and checks the answer. */
static void access_page(Bench *b, uint64_t i)
{
    ViommuRequest req = {
        .source = SOURCE,
        .pasid = b->mode->with_pasid ? BENCH_PASID : VIOMMU_NO_PASID,
        .addr = BENCH_IOVA + i * BENCH_PAGE, .access = VIOMMU_READ,
    };
    uint64_t to = b->mode->pgtt == SPEC_PGTT_PASS ? req.addr
                                                  : DATA + i * BENCH_PAGE;
    ViommuReply reply;

    viommu_dma_begin();
    if (viommu_translate(b->unit, &req, &reply) != VIOMMU_OK ||
        reply.addr != to) {
        die("a translation is wrong");
    }
    viommu_dma_end();
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1;
    return *state >> 33;
}

/* The time of one translation of @pages pages, a power of two. */
static double translate_ns(Bench *b, unsigned pages, bool random)
{
    double best = 1e18;
    uint64_t state = 1;
    unsigned page = 0;

    for (unsigned i = 0; i < pages; i++) {
        access_page(b, i);
    }
    for (unsigned run = 0; run < RUNS; run++) {
        double start = now_ns();

        for (unsigned i = 0; i < ACCESSES; i++) {
            access_page(b, random ? next_random(&state) & (pages - 1)
                                  : page++ & (pages - 1));
        }
        best = MIN(best, (now_ns() - start) / ACCESSES);
    }
    return best;
}

static void translations(const BenchMode *mode)
{
    Bench *b = bench_new(mode, 16);

    printf("lib-%s-hit-8 %.1f\n", mode->name, translate_ns(b, 8, false));
    printf("lib-%s-hit-16384 %.1f\n", mode->name,
           translate_ns(b, MANY, false));
    bench_free(b);
    /* so few entries that each access walks */
    b = bench_new(mode, 4);
    printf("lib-%s-walk-131072 %.1f\n", mode->name,
           translate_ns(b, MOST, true));
    bench_free(b);
}

/* --- Invalidations ------------------------------------------------------- */

static void context_global(Bench *b, unsigned i)
{
    (void)i;
    guest_queue_context(&b->queue.vtd, SPEC_GRAN_GLOBAL, 0, 0, 0);
}

static void context_domain(Bench *b, unsigned i)
{
    (void)i;
    guest_queue_context(&b->queue.vtd, SPEC_GRAN_DOMAIN, BENCH_DOMAIN, 0, 0);
}

static void context_device(Bench *b, unsigned i)
{
    (void)i;
    guest_queue_context(&b->queue.vtd, SPEC_GRAN_DEVICE, BENCH_DOMAIN,
                        SOURCE, 0);
}

static void iotlb_global(Bench *b, unsigned i)
{
    (void)i;
    guest_queue_iotlb(&b->queue.vtd, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
}

static void iotlb_domain(Bench *b, unsigned i)
{
    (void)i;
    guest_queue_iotlb(&b->queue.vtd, SPEC_GRAN_DOMAIN, BENCH_DOMAIN, 0, 0,
                      false);
}

static void iotlb_page(Bench *b, unsigned i)
{
    guest_queue_iotlb(&b->queue.vtd, SPEC_GRAN_PAGE, BENCH_DOMAIN,
                      BENCH_IOVA + i * BENCH_PAGE, 0, true);
}

static void pasid_cache_global(Bench *b, unsigned i)
{
    (void)i;
    guest_queue_pasid_cache(&b->queue.vtd, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
}

static void pasid_cache_domain(Bench *b, unsigned i)
{
    (void)i;
    guest_queue_pasid_cache(&b->queue.vtd, SPEC_INV_PASID_GRAN_DOMAIN,
                            BENCH_DOMAIN, 0);
}

static void pasid_cache_pasid(Bench *b, unsigned i)
{
    (void)i;
    guest_queue_pasid_cache(&b->queue.vtd, SPEC_INV_PASID_GRAN_PASID,
                            BENCH_DOMAIN, BENCH_PASID);
}

static void piotlb_pasid(Bench *b, unsigned i)
{
    (void)i;
    guest_queue_piotlb(&b->queue.vtd, SPEC_GRAN_DOMAIN, BENCH_DOMAIN,
                       BENCH_PASID, 0, 0, false);
}

/*
 * One of the first 1000 pages.  The work for further ones is the same to 2 %
 * of the instructions, whatever is cached, but their places in the cache
 * would have to come from the host's memory, unless they were filled just now.
 */
static uint64_t warm_page(unsigned i)
{
    return BENCH_IOVA + i % 1000 * BENCH_PAGE;
}

static void piotlb_page(Bench *b, unsigned i)
{
    guest_queue_piotlb(&b->queue.vtd, SPEC_GRAN_PAGE, BENCH_DOMAIN, BENCH_PASID,
                       warm_page(i), 0, true);
}

static void iec_global(Bench *b, unsigned i)
{
    (void)i;
    guest_queue_iec(&b->queue.vtd, true, 0, 0);
}

static void iec_index(Bench *b, unsigned i)
{
    guest_queue_iec(&b->queue.vtd, false, (uint16_t)i, 0);
}

static void push_smmu(Bench *b, uint64_t command, uint64_t operand)
{
    guest_smmu_push(&b->queue.smmu, command | CMD_ASID(BENCH_ASID) |
                    CMD_VMID(b->mode->smmu == SMMUV3_S1 ? 0 : BENCH_VMID),
                    operand);
}

static void tlbi_va(Bench *b, unsigned i)
{
    push_smmu(b, CMD_NH_VA, (BENCH_IOVA + i * BENCH_PAGE) | CMD_LEAF);
}

static void tlbi_va_tables(Bench *b, unsigned i)
{
    push_smmu(b, CMD_NH_VA, BENCH_IOVA + i * BENCH_PAGE);
}

/* 16 pages; of the first 1000, because further ones would have to come from
 * the host's memory, whatever is cached in them. */
static void tlbi_range(Bench *b, unsigned i)
{
    push_smmu(b, CMD_NH_VA | CMD_NUM(15),
              (BENCH_IOVA + i % 62 * 16 * BENCH_PAGE) | CMD_TG_4K | CMD_LEAF);
}

static void tlbi_asid(Bench *b, unsigned i)
{
    (void)i;
    push_smmu(b, CMD_NH_ASID, 0);
}

static void tlbi_vmid(Bench *b, unsigned i)
{
    (void)i;
    push_smmu(b, CMD_NH_ALL, 0);
}

static void tlbi_all(Bench *b, unsigned i)
{
    (void)i;
    push_smmu(b, CMD_NSNH_ALL, 0);
}

static void tlbi_ipa(Bench *b, unsigned i)
{
    push_smmu(b, CMD_S2_IPA, warm_page(i) | CMD_LEAF);
}

static void tlbi_s12_vmall(Bench *b, unsigned i)
{
    (void)i;
    push_smmu(b, CMD_S12_VMALL, 0);
}

static void cfgi_ste(Bench *b, unsigned i)
{
    (void)i;
    guest_smmu_push(&b->queue.smmu, CMD_CFGI_STE | CMD_SID(SOURCE), CMD_LEAF);
}

typedef struct Granularity {
    const char *name;
    const char *mode;
    void (*push)(Bench *b, unsigned i);
} Granularity;

static const Granularity granularities[] = {
    { "context-global", "legacy", context_global },
    { "context-domain", "legacy", context_domain },
    { "context-device", "legacy", context_device },
    { "iotlb-global", "legacy", iotlb_global },
    { "iotlb-domain", "legacy", iotlb_domain },
    { "iotlb-page", "legacy", iotlb_page },
    { "iec-global", "legacy", iec_global },
    { "iec-index", "legacy", iec_index },
    { "context-device-scalable", "pasid-nested", context_device },
    { "pasid-cache-global", "pasid-nested", pasid_cache_global },
    { "pasid-cache-domain", "pasid-nested", pasid_cache_domain },
    { "pasid-cache-pasid", "pasid-nested", pasid_cache_pasid },
    { "piotlb-pasid", "pasid-nested", piotlb_pasid },
    { "piotlb-page", "pasid-nested", piotlb_page },
    { "iotlb-page-nested", "pasid-nested", iotlb_page },
    { "tlbi-va", "smmu-s1", tlbi_va },
    { "tlbi-va-tables", "smmu-s1", tlbi_va_tables },
    { "tlbi-va-range", "smmu-s1", tlbi_range },
    { "tlbi-asid", "smmu-s1", tlbi_asid },
    { "tlbi-vmid", "smmu-s1", tlbi_vmid },
    { "tlbi-all", "smmu-s1", tlbi_all },
    { "cfgi-ste", "smmu-s1", cfgi_ste },
    { "tlbi-ipa", "smmu-s2", tlbi_ipa },
    { "tlbi-s12-vmall", "smmu-s2", tlbi_s12_vmall },
    { "tlbi-va-nested", "smmu-nested", tlbi_va },
    { "tlbi-ipa-nested", "smmu-nested", tlbi_ipa },
    { "tlbi-vmid-nested", "smmu-nested", tlbi_vmid },
};

static bool queue_done(const Bench *b)
{
    return b->mode->smmu ? guest_smmu_commands_done(&b->queue.smmu)
                         : guest_queue_done(&b->queue.vtd);
}

static void finish_queue(Bench *b)
{
    bool done;

    if (b->mode->smmu) {
        guest_smmu_push(&b->queue.smmu, CMD_SYNC, 0);
        guest_smmu_ring(&b->queue.smmu);
    } else {
        guest_queue_wait(&b->queue.vtd);
    }
    done = queue_done(b);
    while (!done && b->run_wanted) {
        b->run_wanted = false;
        viommu_run(b->unit);
        done = queue_done(b);
    }
    if (!done) {
        die("an invalidation does not come to its end");
    }
}

/*
 * The time of one invalidation, with the wait behind a batch of them shared
 * out.  Page-selective ones go through the cached pages, and on behind them,
 * so that with many cached, each finds one.
 */
static double invalidate_ns(Bench *b, const Granularity *g, unsigned entries)
{
    double best = 1e18;

    (b->mode->smmu ? tlbi_all : iotlb_global)(b, 0);
    finish_queue(b);
    for (unsigned i = 0; i < entries; i++) {
        access_page(b, i);
    }
    for (unsigned run = 0; run < RUNS; run++) {
        double start = now_ns();

        for (unsigned i = 0; i < BATCH; i++) {
            g->push(b, run * BATCH + i);
        }
        finish_queue(b);
        best = MIN(best, (now_ns() - start) / BATCH);
    }
    return best;
}

static void invalidations(const BenchMode *mode)
{
    static const unsigned entries[] = { 8, 1000, 1000000 };
    Bench *b = bench_new(mode, 20);

    for (unsigned i = 0; i < G_N_ELEMENTS(granularities); i++) {
        const Granularity *g = &granularities[i];

        for (unsigned k = 0; k < G_N_ELEMENTS(entries) &&
                             !strcmp(g->mode, mode->name); k++) {
            printf("lib-%s-%u %.1f\n", g->name, entries[k],
                   invalidate_ns(b, g, entries[k]));
        }
    }
    bench_free(b);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!bench_mode_find(argv[i])) {
            die("unknown mode");
        }
    }
    for (unsigned i = 0; i < bench_modes_n; i++) {
        const BenchMode *mode = &bench_modes[i];

        if (argc == 1 ||
            g_strv_contains((const char *const *)argv + 1, mode->name)) {
            translations(mode);
            invalidations(mode);
            fflush(stdout);
        }
    }
    return 0;
}
