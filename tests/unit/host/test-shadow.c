/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tables that the host does not walk: shadowed, and compared with what an
 * emulated endpoint behind the same unit gets.
 */
#include <string.h>

#include "tests/lib/unit/host-world.h"

#define OTHER_PAGE  (HOST_DATA + 7 * HOST_PAGE)
#define LARGE       (UINT64_C(2) << 20)
/* second-stage addresses, in 39 bits */
#define IOVA        UINT64_C(0x1240000000)

/* The endpoint and the host's device see the same. */
static void same(Host *h, uint32_t pasid, uint64_t va, uint64_t to)
{
    if (to) {
        scalable_ok(h->s, pasid, va, SM_R | SM_W, to);
        host_good(h, 0, pasid, va, to);
    } else {
        ViommuReply reply;

        g_assert_cmpint(scalable_ask(h->s, pasid, va, SM_R, true, &reply), ==,
                        VIOMMU_FAULT);
        host_blocked(h, 0, pasid, va);
    }
}

static void iotlb(Host *h, uint64_t addr, unsigned am)
{
    guest_queue_iotlb(h->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, addr, am,
                      false);
    fixture_wait(h->f);
}

static void piotlb(Host *h, uint64_t addr, unsigned am)
{
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PRI_PASID, addr,
                       am, false);
    fixture_wait(h->f);
}

/* Addresses of entries. */
static uint64_t fs_at(Host *h, uint64_t va)
{
    return guest_fs_entry(&h->s->fs, h->s->alloc, va, 1, false);
}

static uint64_t ss_at(Host *h, uint64_t addr, unsigned level)
{
    return guest_ss_entry(h->s->alloc, h->s->ss, h->s->ss_levels, addr, level);
}

/* First-stage tables that must not be nested. */
static void test_first_stage(void)
{
    uint64_t at;
    Host h;

    host_start_of(&h, SPEC_PGTT_FIRST, VIOMMU_NESTING_OFF);
    g_assert_false(viommu_host_device_nested(h.device[0]));
    same(&h, PRI_PASID, HOST_VA, HOST_DATA);
    same(&h, SM_NONE, HOST_VA, HOST_DATA);
    same(&h, PRI_PASID, HOST_VA + HOST_PAGE, 0);
    scalable_map(h.s, HOST_VA + HOST_PAGE, OTHER_PAGE, 1);
    piotlb(&h, HOST_VA + HOST_PAGE, 0);
    same(&h, PRI_PASID, HOST_VA + HOST_PAGE, OTHER_PAGE);
    at = fs_at(&h, HOST_VA);
    guest_write64(&h.f->mem, at, 0);
    piotlb(&h, HOST_VA, 0);
    same(&h, PRI_PASID, HOST_VA, 0);
    same(&h, PRI_PASID, HOST_VA + HOST_PAGE, OTHER_PAGE);
    host_end(&h);
}

/* Both stages: a change of the second one, by its addresses, is seen. */
static void test_nested_guest(void)
{
    uint64_t at, word;
    Host h;

    host_start_of(&h, SPEC_PGTT_NESTED, VIOMMU_NESTING_ON);
    scalable_map(h.s, HOST_VA, HOST_DATA, 1);
    piotlb(&h, HOST_VA, 0);
    same(&h, PRI_PASID, HOST_VA, HOST_DATA);
    at = ss_at(&h, SM_BIAS + HOST_DATA, 2);
    word = guest_read64(&h.f->mem, at);
    guest_write64(&h.f->mem, at, word + LARGE);
    iotlb(&h, SM_BIAS + HOST_DATA, 9);
    same(&h, PRI_PASID, HOST_VA, HOST_DATA + LARGE);
    guest_write64(&h.f->mem, at, 0);
    iotlb(&h, SM_BIAS + HOST_DATA, 9);
    same(&h, PRI_PASID, HOST_VA, 0);
    host_end(&h);
}

/* The entry as h->s->entry says now, and all that depends on it. */
static void put_entry(Host *h)
{
    scalable_put_pasid(h->s, PRI_PASID);
    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            PRI_PASID);
    guest_queue_iotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    fixture_wait(h->f);
}

/*
 * The host lets the device go where the tables lead without a word about it.
 * So they say from the start that it was there, and wrote where it may; again
 * after software has cleared that.
 */
static void test_marks(void)
{
    static const unsigned types[] = {
        SPEC_PGTT_SECOND, SPEC_PGTT_FIRST, SPEC_PGTT_NESTED,
    };

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        bool second = types[i] == SPEC_PGTT_SECOND;
        uint64_t a = second ? SPEC_SS_A : SPEC_FS_A;
        uint64_t d = second ? SPEC_SS_D : SPEC_FS_D;
        uint64_t w = second ? SPEC_SS_W : SPEC_FS_RW;
        Host h;

        host_start_of(&h, types[i], types[i] == SPEC_PGTT_NESTED
                                    ? VIOMMU_NESTING_ON : VIOMMU_NESTING_OFF);
        h.s->entry.flags0 |= SPEC_PASID_SSADE;
        put_entry(&h);
        for (unsigned k = 0; k < 2; k++) {
            scalable_map(h.s, HOST_VA + k * HOST_PAGE, HOST_DATA, 1);
        }
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned k = 0; k < 2; k++) {
                uint64_t va = HOST_VA + k * HOST_PAGE;
                uint64_t at = second ? ss_at(&h, va, 1) : fs_at(&h, va);
                uint64_t word = guest_read64(&h.f->mem, at);

                if (round) {
                    g_assert_cmphex(word & (a | d), ==, k ? a : a | d);
                }
                word &= ~(a | d | (k ? w : 0));
                guest_write64(&h.f->mem, at, word);
                if (second) {
                    iotlb(&h, va, 0);
                } else {
                    piotlb(&h, va, 0);
                }
            }
        }
        same(&h, PRI_PASID, HOST_VA, HOST_DATA);
        g_assert_cmphex(guest_reg32(&h.f->regs, SPEC_FSTS), ==, 0);
        host_end(&h);
    }
}

/* Both stages, of which the second one has less than the first one wants:
 * what is not there is seen at once, however large it is. */
static void test_missing_second_stage(void)
{
    uint64_t ss[] = { 0, UINT64_C(0xdeadbee000), FIXTURE_RAM };
    uint64_t good;
    Host h;

    host_start_of(&h, SPEC_PGTT_NESTED, VIOMMU_NESTING_ON);
    scalable_map(h.s, HOST_VA, HOST_DATA, 1);
    piotlb(&h, HOST_VA, 0);
    good = h.s->entry.ss;
    ss[0] = guest_ss_new(h.s->alloc);       /* empty */
    for (size_t i = 0; i < G_N_ELEMENTS(ss); i++) {
        h.s->entry.ss = ss[i];
        put_entry(&h);
        same(&h, PRI_PASID, HOST_VA, 0);
        h.s->entry.ss = good;
        put_entry(&h);
        same(&h, PRI_PASID, HOST_VA, HOST_DATA);
    }
    /* large pages that lead beyond it */
    for (unsigned i = 0; i < 16; i++) {
        scalable_map(h.s, (uint64_t)i << 30, UINT64_C(1) << 50, 3);
    }
    guest_queue_piotlb(h.s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, PRI_PASID, 0,
                       0, false);
    fixture_wait(h.f);
    same(&h, PRI_PASID, 0, 0);
    same(&h, PRI_PASID, HOST_VA, HOST_DATA);
    host_end(&h);
}

/* Large pages, cut and made whole; pages without memory behind them. */
static void test_second_stage(void)
{
    ViommuHostStats before, after;
    Host h;

    host_start_of(&h, SPEC_PGTT_SECOND, VIOMMU_NESTING_AUTO);
    scalable_map(h.s, IOVA, HOST_DATA, 2);
    iotlb(&h, IOVA, 9);
    same(&h, PRI_PASID, IOVA + 0x1238, HOST_DATA + 0x1238);
    same(&h, SM_NONE, IOVA + LARGE - 8, HOST_DATA + LARGE - 8);
    same(&h, SM_NONE, IOVA + LARGE, 0);

    /* nothing has changed: nothing is mapped or unmapped */
    before = host_stats(&h);
    iotlb(&h, IOVA, 9);
    iotlb(&h, IOVA + 3 * HOST_PAGE, 0);
    guest_queue_iotlb(h.s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    fixture_wait(h.f);
    after = host_stats(&h);
    g_assert_cmpuint(after.shadow_maps, ==, before.shadow_maps);
    g_assert_cmpuint(after.shadow_unmaps, ==, before.shadow_unmaps);

    /* a page in its middle goes elsewhere */
    guest_write64(&h.f->mem, ss_at(&h, IOVA, 2), 0);
    for (unsigned i = 0; i < 512; i++) {
        scalable_map(h.s, IOVA + i * HOST_PAGE,
                     i == 100 ? OTHER_PAGE + LARGE : HOST_DATA + i * HOST_PAGE,
                     1);
    }
    iotlb(&h, IOVA + 100 * HOST_PAGE, 0);
    same(&h, SM_NONE, IOVA + 100 * HOST_PAGE, OTHER_PAGE + LARGE);
    same(&h, SM_NONE, IOVA + 99 * HOST_PAGE, HOST_DATA + 99 * HOST_PAGE);
    same(&h, SM_NONE, IOVA + 101 * HOST_PAGE, HOST_DATA + 101 * HOST_PAGE);
    same(&h, SM_NONE, IOVA, HOST_DATA);

    /* a large page of which the end has no memory; one that has none */
    scalable_map(h.s, IOVA + 2 * LARGE, FIXTURE_RAM - LARGE, 2);
    scalable_map(h.s, IOVA + 3 * LARGE, FIXTURE_RAM, 2);
    scalable_map(h.s, IOVA + (UINT64_C(1) << 30), 0, 3);
    iotlb(&h, IOVA, 18);
    iotlb(&h, IOVA + (UINT64_C(1) << 30), 18);
    host_good(&h, 0, SM_NONE, IOVA + 2 * LARGE, FIXTURE_RAM - LARGE);
    host_blocked(&h, 0, SM_NONE, IOVA + 3 * LARGE);
    host_good(&h, 0, SM_NONE, IOVA + (UINT64_C(1) << 30) + HOST_DATA,
              HOST_DATA);
    host_good(&h, 0, SM_NONE, IOVA + (UINT64_C(1) << 30) + FIXTURE_RAM - 8,
              FIXTURE_RAM - 8);
    host_blocked(&h, 0, SM_NONE, IOVA + (UINT64_C(1) << 30) + FIXTURE_RAM);
    host_end(&h);
}

/* Read-only pages, and other tables for the same entry. */
static void test_rights(void)
{
    uint64_t ss;
    Host h;

    host_start_of(&h, SPEC_PGTT_SECOND, VIOMMU_NESTING_AUTO);
    g_assert_true(guest_ss_map(h.s->alloc, h.s->ss, h.s->ss_levels, IOVA,
                               HOST_DATA, 1, SPEC_SS_R));
    iotlb(&h, IOVA, 0);
    g_assert_cmpint(host_read(&h, 0, PRI_PASID, IOVA), ==, TD_OK);
    host_set(&h, 0, TD_DST, IOVA);
    g_assert_cmpint(host_command(&h, 0, TD_WRITE), ==, TD_BLOCKED);
    guest_write64(&h.f->mem, ss_at(&h, IOVA, 1),
                  HOST_DATA | SPEC_SS_R | SPEC_SS_W);
    iotlb(&h, IOVA, 0);
    same(&h, PRI_PASID, IOVA, HOST_DATA);

    ss = guest_ss_new(h.s->alloc);
    g_assert_true(guest_ss_map(h.s->alloc, ss, h.s->ss_levels, IOVA,
                               OTHER_PAGE, 1, SPEC_SS_R | SPEC_SS_W));
    h.s->entry.ss = ss;
    put_entry(&h);
    host_good(&h, 0, PRI_PASID, IOVA, OTHER_PAGE);
    host_end(&h);
}

typedef struct World {
    Host h;
    uint32_t seed;
    uint64_t to[64];        /* of each page; 0 is none */
} World;

static uint32_t draw(World *w, uint32_t below)
{
    w->seed = w->seed * 1664525 + 1013904223;
    return (w->seed >> 8) % below;
}

/* Random changes of 64 pages, each followed by an invalidation that covers
 * it, of this or a larger size. */
static void test_random(void)
{
    World *w = g_new0(World, 1);
    Host *h = &w->h;

    w->seed = g_test_rand_int();
    host_start_of(h, SPEC_PGTT_SECOND, VIOMMU_NESTING_AUTO);
    for (unsigned i = 0; i < 200 * fixture_scale(); i++) {
        unsigned first = draw(w, 64), n = 1 + draw(w, 4), am = 0;

        n = MIN(n, 64 - first);
        for (unsigned k = first; k < first + n; k++) {
            w->to[k] = draw(w, 3) ? HOST_DATA + draw(w, 256) * HOST_PAGE : 0;
            g_assert_true(guest_ss_map(h->s->alloc, h->s->ss, h->s->ss_levels,
                                       IOVA + k * HOST_PAGE, w->to[k], 1,
                                       w->to[k] ? SPEC_SS_R | SPEC_SS_W : 0));
        }
        while ((first >> am) != ((first + n - 1) >> am)) {
            am++;
        }
        iotlb(h, IOVA + ((first >> am) << am) * HOST_PAGE, am + draw(w, 2));
        for (unsigned k = 0; k < 8; k++) {
            unsigned page = k < 2 ? first + draw(w, n) : draw(w, 64);

            same(h, draw(w, 2) ? SM_NONE : PRI_PASID,
                 IOVA + page * HOST_PAGE, w->to[page]);
        }
    }
    host_end(h);
    g_free(w);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-shadow/first-stage", test_first_stage);
    g_test_add_func("/host-shadow/nested-guest", test_nested_guest);
    g_test_add_func("/host-shadow/missing-second-stage",
                    test_missing_second_stage);
    g_test_add_func("/host-shadow/second-stage", test_second_stage);
    g_test_add_func("/host-shadow/rights", test_rights);
    g_test_add_func("/host-shadow/random", test_random);
    g_test_add_func("/host-shadow/marks", test_marks);
    return g_test_run();
}
