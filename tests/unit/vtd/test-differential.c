/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cached translations compared with the reference walker: random tables,
 * random updates, each followed by an invalidation that the architecture
 * demands for it [VTD 6.5] and no broader one than drawn.
 *
 * Between an update and its invalidation a few requests are made, whose
 * answers may be old or new: they fill the caches with the mixtures that an
 * invalidation must then clear.
 */
#include <inttypes.h>
#include <string.h>

#include "tests/lib/unit/differential.h"

#define STEPS 600

/* --- Comparing ----------------------------------------------------------- */

static bool ref_read(void *opaque, uint64_t addr, void *buf, size_t size)
{
    World *w = opaque;

    if (addr >= w->f->ram.size || w->f->ram.size - addr < size) {
        return false;
    }
    w->f->mem.read(w->f->mem.opaque, addr, buf, size);
    return true;
}

static void mismatch(World *w, const char *what, uint16_t source,
                     uint64_t addr, unsigned access, const VtdRefAnswer *ref,
                     ViommuStatus status, const ViommuReply *reply)
{
    ViommuReply fresh;
    ViommuStatus fresh_status;

    /* with empty caches: is it the caches or the walk that is wrong? */
    guest_ccmd(&w->f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, NULL);
    guest_iotlb(&w->f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false, NULL);
    fresh_status = fixture_request(w->f, source, addr, access,
                                   VIOMMU_UNTRANSLATED, true, &fresh);
    g_error("%s: source %04x address %#" PRIx64 " access %u "
            "(step %u, after %s; aw %u haw %u cm %d sc %d iotlb %u)\n"
            "# expected: ok %d address %#" PRIx64 " access %u page %#" PRIx64
            " reasons %#" PRIx64 " snoop %d interrupt %d fpd %d\n"
            "# answered: status %d address %#" PRIx64 " access %u size %#"
            PRIx64 " reason %#x snoop %d interrupt %d\n"
            "# with empty caches: status %d address %#" PRIx64 " access %u"
            " reason %#x",
            what, source, addr, access, w->step, w->last, w->config.aw_bits,
            w->ref.haw_bits, w->config.caching_mode, w->config.snoop_control,
            w->config.iotlb_bits,
            ref->ok, ref->addr, ref->access, ref->page, ref->reasons[0],
            ref->snoop, ref->interrupt, ref->fpd,
            status, reply->addr, reply->access, reply->size, reply->reason,
            reply->snoop, reply->interrupt, fresh_status, fresh.addr,
            fresh.access, fresh.reason);
}

/* The answer for @addr claims to hold for reply->size bytes: ask for others. */
static void compare_range(World *w, uint16_t source, uint64_t addr,
                          unsigned access, const VtdRefAnswer *ref,
                          ViommuStatus status, const ViommuReply *reply)
{
    uint64_t mask = reply->size - 1;    /* size 0 gives all ones */
    uint64_t base = addr & ~mask;
    uint64_t probes[4] = { base, base + mask, base + (rand64(w) & mask),
                           SPEC_MSI_BASE };

    for (unsigned i = 0; i < G_N_ELEMENTS(probes); i++) {
        VtdRefAnswer other;

        if ((probes[i] & ~mask) != base) {
            continue;
        }
        vtd_ref_translate(&w->ref, source, probes[i], access, &other);
        if (other.interrupt && status != VIOMMU_OK) {
            continue;
        }
        if (other.ok != (status == VIOMMU_OK) ||
            other.interrupt != ref->interrupt ||
            (other.ok && other.addr - ref->addr != probes[i] - addr) ||
            (other.ok && other.access != ref->access)) {
            mismatch(w, "the size covers an address with another answer",
                     source, addr, access, ref, status, reply);
        }
    }
}

static void check_record(World *w, uint16_t source, uint64_t addr,
                         unsigned access, const VtdRefAnswer *ref,
                         const ViommuReply *reply, bool probe)
{
    const GuestRegs *regs = &w->f->regs;
    uint64_t at = guest_frcd_offset(regs, 0);
    uint32_t fsts = guest_reg32(regs, SPEC_FSTS);
    uint64_t lo, hi;
    unsigned fri = (fsts & SPEC_FSTS_FRI) >> SPEC_FSTS_FRI_SHIFT;
    bool recorded = (fsts & SPEC_FSTS_PPF) != 0;

    if (recorded != (!probe && !ref->fpd && !ref->protected_memory)) {
        mismatch(w, recorded ? "recorded" : "not recorded", source, addr,
                 access, ref, VIOMMU_FAULT, reply);
    }
    if (!recorded) {
        return;
    }
    lo = guest_reg64(regs, at + fri * 16);
    hi = guest_reg64(regs, at + fri * 16 + 8);
    if (!(hi & SPEC_FRCD_HI_F) || lo != (addr & SPEC_FRCD_LO_FI) ||
        (hi & SPEC_FRCD_HI_SID) != source ||
        (hi & SPEC_FRCD_HI_FR) >> SPEC_FRCD_HI_FR_SHIFT != reply->reason ||
        (hi & SPEC_FRCD_HI_PP) ||
        (access == VIOMMU_READ && !(hi & SPEC_FRCD_HI_T1)) ||
        (access == VIOMMU_WRITE && (hi & SPEC_FRCD_HI_T1)) ||
        (hi & SPEC_FRCD_HI_AT)) {
        g_printerr("# record %u: %#" PRIx64 " %#" PRIx64 "\n", fri, hi, lo);
        mismatch(w, "another fault is recorded", source, addr, access, ref,
                 VIOMMU_FAULT, reply);
    }
    guest_set_reg64(regs, at + fri * 16 + 8, SPEC_FRCD_HI_F);
}

static void clear_records(World *w)
{
    const GuestRegs *regs = &w->f->regs;

    for (unsigned i = 0; i < w->config.fault_records; i++) {
        guest_set_reg64(regs, guest_frcd_offset(regs, i) + 8, SPEC_FRCD_HI_F);
    }
}

static void compare(World *w, uint16_t source, uint64_t addr, unsigned access,
                    bool probe)
{
    VtdRefAnswer ref;
    ViommuReply reply;
    ViommuStatus status;

    vtd_ref_translate(&w->ref, source, addr, access, &ref);
    status = fixture_request(w->f, source, addr, access, VIOMMU_UNTRANSLATED,
                             probe, &reply);
    if (ref.interrupt) {
        if (access == VIOMMU_WRITE &&
            (status != VIOMMU_OK || !reply.interrupt)) {
            mismatch(w, "interrupt range", source, addr, access, &ref,
                     status, &reply);
        }
        /* a read there may record what it likes: start clean */
        clear_records(w);
        return;
    }
    w->compared++;
    if (ref.ok != (status == VIOMMU_OK) || (reply.size & (reply.size - 1))) {
        mismatch(w, "result", source, addr, access, &ref, status, &reply);
    }
    if (ref.ok) {
        w->granted++;
        if (reply.addr != ref.addr || reply.interrupt || reply.reason ||
            (access & ~reply.access) ||
            (reply.access & (VIOMMU_READ | VIOMMU_WRITE) & ~ref.access) ||
            (ref.translated && reply.snoop != ref.snoop)) {
            mismatch(w, "translation", source, addr, access, &ref, status,
                     &reply);
        }
    } else {
        w->faulted++;
        if (reply.access || (reply.size && reply.size < 4096) ||
            (!ref.protected_memory && !vtd_ref_allows(&ref, reply.reason))) {
            mismatch(w, "fault", source, addr, access, &ref, status, &reply);
        }
        check_record(w, source, addr, access, &ref, &reply, probe);
    }
    compare_range(w, source, addr, access, &ref, status, &reply);
}

uint64_t world_address(World *w)
{
    uint64_t addr = w->addresses[below(w, ADDRESSES)];

    return addr + (chance(w, 85) ? below(w, 4096) : rand64(w) % 0x400000);
}

void world_compare(World *w, unsigned n)
{
    static const unsigned accesses[] = {
        VIOMMU_READ, VIOMMU_WRITE, VIOMMU_READ, VIOMMU_WRITE,
        VIOMMU_READ | VIOMMU_WRITE,
    };

    while (n--) {
        compare(w, w->sources[below(w, SOURCES)].id, world_address(w),
                accesses[below(w, G_N_ELEMENTS(accesses))], chance(w, 10));
    }
}

/* --- Worlds -------------------------------------------------------------- */

static void draw_addresses(World *w)
{
    for (unsigned i = 0; i < ADDRESSES; i++) {
        w->addresses[i] = random_page(w->rand, w->config.aw_bits);
    }
    random_near_interrupts(w->addresses);
}

static void draw_config(World *w, bool caching_mode)
{
    ViommuVtdConfig *c = &w->config;

    fixture_config(c);
    c->aw_bits = (uint8_t)(39 + 9 * below(w, 3));
    c->haw_bits = chance(w, 30) ? 0 : (uint8_t)(39 + below(w, 14));
    c->fault_records = chance(w, 50) ? 1 : 4;
    c->caching_mode = caching_mode;
    c->pass_through = chance(w, 80);
    c->snoop_control = chance(w, 50);
    c->device_iotlb = chance(w, 50);
    c->stale_tm = c->device_iotlb && chance(w, 50);
    c->dma_drain = chance(w, 50);
    c->enhanced_set_pointer = chance(w, 30);
    c->iotlb_bits = (uint8_t)(4 + below(w, 8));
    if (c->haw_bits && c->haw_bits < c->aw_bits && chance(w, 50)) {
        c->aw_bits = 39;
    }
}

static void world_run(guint32 seed, bool caching_mode, uint64_t totals[2])
{
    World world = { .rand = g_rand_new_with_seed(seed), .last = "start" };
    World *w = &world;

    draw_config(w, caching_mode);
    w->f = fixture_new(&w->config);
    w->ref = (VtdRef) {
        .read = ref_read,
        .opaque = w,
        .cap = guest_reg64(&w->f->regs, SPEC_CAP),
        .ecap = guest_reg64(&w->f->regs, SPEC_ECAP),
        .haw_bits = w->config.haw_bits ? w->config.haw_bits
                                       : MIN(w->config.aw_bits, 52u),
        .tm_allowed = w->config.device_iotlb && w->config.stale_tm,
    };
    draw_addresses(w);
    for (unsigned i = 0; i < SOURCES; i++) {
        static const uint16_t ids[SOURCES] = {
            0x0000, 0x0008, 0x000c, 0x0010, 0x0100, 0x01ff, 0xff00, 0xffff,
        };
        w->sources[i] = (Source) { .id = ids[i] };
    }
    g_assert_true(guest_queue_init(&w->f->queue, &w->f->alloc, &w->f->regs,
                                   0));
    w->pages = w->f->alloc.next;
    world_reprogram(w);
    g_assert_true(guest_command(&w->f->regs, SPEC_GCMD_TE, 0));
    w->ref.gsts = guest_reg32(&w->f->regs, SPEC_GSTS);

    for (w->step = 0; w->step < STEPS; w->step++) {
        unsigned n = 1 + below(w, 3);

        while (n--) {
            world_change(w);
        }
        world_compare(w, 12);
    }
    /* a world in which nothing works tests nothing */
    g_assert_cmpuint(w->granted, >, w->compared / 50);
    g_assert_cmpuint(w->faulted, >, w->compared / 50);
    totals[0] += w->granted;
    totals[1] += w->faulted;
    fixture_free(w->f);
    g_rand_free(w->rand);
}

static void test_worlds(const void *data)
{
    bool caching_mode = GPOINTER_TO_INT(data) != 0;
    unsigned n = 40 * fixture_scale();
    uint64_t totals[2] = { 0 };

    for (unsigned i = 0; i < n; i++) {
        guint32 seed = (guint32)g_test_rand_int();

        world_run(seed, caching_mode, totals);
    }
    g_test_message("%u worlds: %" PRIu64 " translations and %" PRIu64
                   " faults are as the reference has them", n, totals[0],
                   totals[1]);
}

/*
 * An upper table is replaced under which only one page was ever used, so that
 * invalidating this one page, without the hint, is enough [VTD 6.5.2.3].
 */
static void test_upper_levels(void)
{
    const uint64_t iova = UINT64_C(0x4080604000);
    ViommuVtdConfig config;

    for (unsigned levels = 3; levels <= 5; levels++) {
        for (unsigned level = 2; level <= levels; level++) {
            for (unsigned by_queue = 0; by_queue < 2; by_queue++) {
                Fixture *f;
                Simple s;
                ViommuReply reply;
                uint64_t at, old, other;

                fixture_config(&config);
                config.aw_bits = 57;
                f = fixture_new(&config);
                fixture_simple(f, &s, 0x100, 1, levels);
                g_assert_true(guest_ss_map(&f->alloc, s.table, levels, iova,
                                           0x1000, 1, SPEC_SS_R));
                /* the same path, through other tables, to another page */
                other = guest_ss_new(&f->alloc);
                g_assert_true(guest_ss_map(&f->alloc, other, levels, iova,
                                           0x2000, 1, SPEC_SS_R));
                fixture_translate(f, 0x100, iova, VIOMMU_READ, &reply);
                g_assert_cmphex(reply.addr, ==, 0x1000);
                at = guest_ss_entry(&f->alloc, s.table, levels, iova, level);
                old = guest_ss_entry(&f->alloc, other, levels, iova, level);
                guest_write64(&f->mem, at, guest_read64(&f->mem, old));
                if (by_queue) {
                    guest_queue_iotlb(&f->queue, SPEC_GRAN_PAGE, 1, iova, 0,
                                      false);
                    fixture_wait(f);
                } else {
                    g_assert_true(guest_iotlb(&f->regs, SPEC_GRAN_PAGE, 1,
                                              iova, 0, false, NULL));
                }
                fixture_translate(f, 0x100, iova, VIOMMU_READ, &reply);
                g_assert_cmphex(reply.addr, ==, 0x2000);
                /* nor may a neighbour be found through the old tables */
                g_assert_true(guest_ss_map(&f->alloc, other, levels,
                                           iova + 4096, 0x3000, 1,
                                           SPEC_SS_R));
                fixture_translate(f, 0x100, iova + 4096, VIOMMU_READ, &reply);
                g_assert_cmphex(reply.addr, ==, 0x3000);
                fixture_free(f);
            }
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/differential/plain", GINT_TO_POINTER(0),
                         test_worlds);
    g_test_add_data_func("/differential/caching-mode", GINT_TO_POINTER(1),
                         test_worlds);
    g_test_add_func("/differential/upper-levels", test_upper_levels);
    return g_test_run();
}
