/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices: entries of each kind beside one another, device-TLBs, many
 * invalidations, and tables that are no good.
 */
#include "tests/qtest/vfio.h"

#define LOW_VA          (VA & UINT32_MAX)
#define PAGE            PASSED_PAGE
#define LARGE           (UINT64_C(2) << 20)
#define OTHER_DOMAIN    (SM_DOMAIN + 1)

static void put(Sm *s, uint32_t pasid, const GuestPasid *entry)
{
    g_assert_true(guest_pasid_set(&s->b.alloc, s->dir, pasid, entry));
    guest_queue_pasid_cache(&s->b.queue, SPEC_INV_PASID_GRAN_PASID,
                            entry->domain, pasid);
    board_sync(&s->b);
}

static void iotlb(Sm *s, uint16_t domain, uint64_t addr)
{
    guest_queue_iotlb(&s->b.queue, SPEC_GRAN_PAGE, domain, addr, 0, false);
    board_sync(&s->b);
}

/* Pass-through, second stage and both stages with PASIDs, and one that becomes
 * another. */
static void test_entries(void)
{
    GuestPasid pass = { .pgtt = SPEC_PGTT_PASS, .domain = OTHER_DOMAIN };
    GuestPasid second = {
        .pgtt = SPEC_PGTT_SECOND, .domain = OTHER_DOMAIN, .ss_levels = 4,
    };
    uint64_t page, at;
    Sm s;

    vfio_start(&s, OPTIONS ",nesting=auto", SPEC_PGTT_FIRST);
    second.ss = s.ss;
    page = board_pages(&s.b, 2);
    sm_map(&s, VA, page, 1);
    passed_piotlb(&s, SM_PASID, VA);
    g_assert_true(guest_ss_map(&s.b.alloc, s.ss, 4, LOW_VA, page + PAGE, 1,
                               BOARD_RW));
    put(&s, 0x70, &pass);
    put(&s, 0x71, &second);
    sm_good(&s, 0x70, page, page);
    sm_good(&s, 0x71, LOW_VA, page + PAGE);
    sm_good(&s, SM_PASID, VA, page);
    passed_blocked(&s, 0x71, VA, true);
    passed_blocked(&s, 0x70, VA, true);

    at = guest_ss_entry(&s.b.alloc, s.ss, 4, LOW_VA, 1);
    board_put64(&s.b, at, page | BOARD_RW);
    iotlb(&s, OTHER_DOMAIN, LOW_VA);
    sm_good(&s, 0x71, LOW_VA, page);
    board_put64(&s.b, at, 0);
    iotlb(&s, OTHER_DOMAIN, LOW_VA);
    passed_blocked(&s, 0x71, LOW_VA, false);

    put(&s, 0x71, &s.entry);
    sm_good(&s, 0x71, VA, page);
    put(&s, 0x70, &second);
    passed_blocked(&s, 0x70, page, false);
    put(&s, 0x71, &pass);
    sm_good(&s, 0x71, page + PAGE, page + PAGE);
    /* requests without PASID, too */
    put(&s, 0, &pass);
    sm_good(&s, SM_NONE, page, page);
    put(&s, 0, &s.entry);
    sm_good(&s, SM_NONE, VA, page);
    passed_blocked(&s, SM_NONE, page, false);
    vfio_end(&s);
}

static void check_leaf(Sm *s, uint64_t flags)
{
    g_assert_cmphex(board_get64(&s->b, sm_fs_at(s, VA, 1)) &
                    (SPEC_FS_A | SPEC_FS_D | SPEC_FS_EA), ==, flags);
}

/* The hardware itself writes to the guest's tables, as the entry says. */
static void test_bits(void)
{
    uint64_t page;
    Sm s;

    vfio_start(&s, NESTED, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    passed_piotlb(&s, SM_PASID, VA);
    sm_reads(&s, SM_PASID, VA, page);
    check_leaf(&s, SPEC_FS_A);
    sm_writes(&s, SM_PASID, VA, page);
    check_leaf(&s, SPEC_FS_A | SPEC_FS_D);

    s.entry.flags2 |= SPEC_PASID2_EAFE | SPEC_PASID2_SRE;
    put(&s, SM_PASID, &s.entry);
    sm_map(&s, VA, page, 1);
    passed_piotlb(&s, SM_PASID, VA);
    sm_reads(&s, SM_PASID, VA, page);
    check_leaf(&s, SPEC_FS_A | SPEC_FS_EA);

    /* a privileged request writes where nobody may, unless WPE forbids it */
    sm_map_flags(&s, VA, page, 1, SPEC_FS_P);
    passed_piotlb(&s, SM_PASID, VA);
    testdev_set(&s.b.dev, TD_PASID, TD_PASID_ENABLE | TD_PASID_PRIV |
                SM_PASID);
    board_dma_writes(&s.b, VA, page);
    s.entry.flags2 |= SPEC_PASID2_WPE;
    put(&s, SM_PASID, &s.entry);
    board_dma_reads(&s.b, VA, page);
    board_dma_blocked(&s.b, VA, true);
    passed_blocked(&s, SM_PASID, VA, false);
    vfio_end(&s);
}

/* Of two address spaces, one is invalidated. */
static void test_domains(void)
{
    GuestPasid entry;
    GuestFs fs;
    uint64_t page;
    Sm s;

    vfio_start(&s, NESTED, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 3);
    g_assert_true(guest_fs_init(&fs, &s.b.alloc, 4, 0));
    entry = s.entry;
    entry.domain = OTHER_DOMAIN;
    entry.fs = fs.table;
    sm_map(&s, VA, page, 1);
    g_assert_true(guest_fs_map(&fs, &s.b.alloc, VA, page + PAGE, 1,
                               SM_LEAF));
    put(&s, 0x42, &entry);
    passed_piotlb(&s, SM_PASID, VA);
    sm_good(&s, 0x42, VA, page + PAGE);
    sm_good(&s, SM_PASID, VA, page);
    g_assert_true(guest_fs_map(&fs, &s.b.alloc, VA, page + 2 * PAGE, 1,
                               SM_LEAF));
    guest_queue_piotlb(&s.b.queue, SPEC_GRAN_DOMAIN, OTHER_DOMAIN, 0x42, 0,
                       0, false);
    board_sync(&s.b);
    sm_good(&s, 0x42, VA, page + 2 * PAGE);
    sm_good(&s, SM_PASID, VA, page);
    vfio_end(&s);
}

/* What the device's own TLB keeps goes with an invalidation. */
static void test_device_tlb(void)
{
    uint32_t pasids[] = { SM_NONE, SM_PASID };
    uint64_t page;
    Sm s;

    vfio_start(&s, NESTED, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 2);
    testdev_set(&s.b.dev, TD_CONTROL, TD_CONTROL_ATS);
    for (size_t i = 0; i < G_N_ELEMENTS(pasids); i++) {
        uint32_t pasid = pasids[i];
        uint64_t hits = testdev_get(&s.b.dev, TD_ATC_HITS);

        for (unsigned n = 0; n < 4; n++) {
            uint64_t pa = page + (n & 1) * PAGE;

            sm_map(&s, VA, pa, 1);
            passed_piotlb(&s, pasid == SM_NONE ? 0 : pasid, VA);
            sm_drop(&s, pasid, VA, PAGE);
            board_sync(&s.b);
            sm_good(&s, pasid, VA, pa);
            sm_good(&s, pasid, VA, pa);
        }
        g_assert_cmpuint(testdev_get(&s.b.dev, TD_ATC_HITS), >, hits);
    }
    g_assert_cmpuint(testdev_get(&s.b.dev, TD_ATC_INVALIDATIONS), !=, 0);
    g_assert_cmpuint(testdev_get(&s.b.dev, TD_STALE_USES), ==, 0);
    vfio_end(&s);
}

/* A batch is one call of the host, be it pages one by one or a range. */
static void test_many(void)
{
    enum { N = 100, RANGE = 7 };
    uint64_t page, calls = 0;
    Sm s;

    vfio_start(&s, NESTED, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 2);
    for (unsigned round = 0; round < 3; round++) {
        uint64_t pa = page + (round & 1) * PAGE;

        for (unsigned i = 0; i < N; i++) {
            sm_map(&s, VA + i * PAGE, pa, 1);
        }
        if (!qtest_is_qemu()) {
            calls = vfio_usage(&s, "invalidation-calls");
        }
        for (unsigned i = 0; round < 2 && i < N; i++) {
            guest_queue_piotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN,
                               SM_PASID, VA + i * PAGE, 0, false);
        }
        guest_queue_piotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, SM_PASID,
                           VA, RANGE, false);
        board_sync(&s.b);
        if (!qtest_is_qemu()) {
            g_assert_cmpuint(vfio_usage(&s, "invalidation-calls"), ==,
                             calls + 1);
        }
        for (unsigned i = 0; i < N; i += 9) {
            sm_good(&s, SM_PASID, VA + i * PAGE, pa);
        }
    }
    vfio_end(&s);
}

/* Tables that lie nowhere, or lead there, block; then good ones work. */
static void test_bad_tables(void)
{
    GuestPasid bad;
    uint64_t page;
    Sm s;

    vfio_start(&s, NESTED, SPEC_PGTT_FIRST);
    page = board_pages(&s.b, 1);
    bad = s.entry;
    bad.fs = UINT64_C(0xdeadbee000);
    put(&s, SM_PASID, &bad);
    passed_blocked(&s, SM_PASID, VA, false);
    passed_blocked(&s, SM_PASID, VA, true);
    put(&s, 0, &bad);
    passed_blocked(&s, SM_NONE, VA, true);
    put(&s, SM_PASID, &s.entry);
    put(&s, 0, &s.entry);
    sm_map(&s, VA, BOARD_HOLE, 1);
    passed_piotlb(&s, SM_PASID, VA);
    passed_blocked(&s, SM_PASID, VA, false);
    sm_map(&s, VA, page, 1);
    passed_piotlb(&s, SM_PASID, VA);
    sm_good(&s, SM_PASID, VA, page);
    passed_piotlb(&s, 0, VA);
    sm_good(&s, SM_NONE, VA, page);
    vfio_end(&s);
}

/* --- Whatever comes ------------------------------------------------------ */

/* An entry of any type, with tables that are there, or are not, or hold
 * nothing. */
static void any_entry(Sm *s, GRand *rand, uint32_t pasid, uint64_t empty)
{
    static const uint8_t types[] = {
        SPEC_PGTT_FIRST, SPEC_PGTT_SECOND, SPEC_PGTT_NESTED, SPEC_PGTT_PASS,
    };
    GuestPasid entry = s->entry;
    uint64_t at = guest_pasid_addr(&s->b.alloc, s->dir, pasid);

    entry.pgtt = types[g_rand_int_range(rand, 0, G_N_ELEMENTS(types))];
    entry.domain = (uint16_t)(SM_DOMAIN + g_rand_int_range(rand, 0, 3));
    entry.ss = s->ss;
    entry.ss_levels = 4;
    switch (g_rand_int_range(rand, 0, 8)) {
    case 0:
        entry.fs = (uint64_t)g_rand_int(rand) << 12;
        break;
    case 1:
        entry.ss = (uint64_t)g_rand_int(rand) << 12;
        break;
    case 2:
        entry.ss = empty;
        break;
    case 3:
        entry.flags2 = SPEC_PASID2_EAFE | SPEC_PASID2_SRE | SPEC_PASID2_WPE;
        break;
    default:
        break;
    }
    g_assert_true(guest_pasid_set(&s->b.alloc, s->dir, pasid, &entry));
    if (g_rand_int_range(rand, 0, 4) == 0) {
        /* gone, or broken in any word */
        unsigned word = (unsigned)g_rand_int_range(rand, 0, 8);

        board_put64(&s->b, at + 8 * word, word ? g_rand_int(rand) : 0);
    }
}

static void any_invalidation(Sm *s, GRand *rand, uint32_t pasid)
{
    GuestQueue *queue = &s->b.queue;
    uint16_t domain = (uint16_t)(SM_DOMAIN + g_rand_int_range(rand, 0, 3));
    unsigned am = (unsigned)g_rand_int_range(rand, 0, 10);
    uint64_t va = VA & ~((PAGE << am) - 1);

    switch (g_rand_int_range(rand, 0, 7)) {
    case 0:
        guest_queue_piotlb(queue, SPEC_GRAN_PAGE, domain, pasid, va, am,
                           false);
        break;
    case 1:
        guest_queue_piotlb(queue, SPEC_GRAN_DOMAIN, domain, pasid, 0, 0,
                           false);
        break;
    case 2:
        guest_queue_iotlb(queue, SPEC_GRAN_DOMAIN, domain, 0, 0, false);
        break;
    case 3:
        guest_queue_iotlb(queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
        break;
    case 4:
        guest_queue_pasid_cache(queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
        break;
    case 5:
        sm_drop(s, pasid, va, PAGE << am);
        break;
    default:
        guest_queue_context(queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
        break;
    }
}

/* Entries, tables, invalidations and DMA in any order: the host is asked for
 * nothing that it refuses, and what is good at the end works. */
static void test_any(void)
{
    static const uint32_t pasids[] = { 0, 1, 0x55, SM_PASID };
    uint32_t seed = g_test_rand_int();
    GRand *rand = g_rand_new_with_seed(seed);
    GuestPasid good;
    uint64_t page, empty, value = 0;
    Sm s;

    g_test_message("seed %u", seed);
    vfio_start(&s, OPTIONS ",nesting=auto", SPEC_PGTT_FIRST);
    good = s.entry;
    page = board_pages(&s.b, 2);
    empty = board_pages(&s.b, 1);
    for (uint64_t at = 0; at < BOARD_RAM; at += LARGE) {
        g_assert_true(guest_ss_map(&s.b.alloc, s.ss, 4, at, at, 2, BOARD_RW));
    }
    for (unsigned i = 0; i < 150; i++) {
        uint32_t pasid = pasids[g_rand_int_range(rand, 0,
                                                 G_N_ELEMENTS(pasids))];

        if (g_rand_int_range(rand, 0, 2)) {
            any_entry(&s, rand, pasid, empty);
            guest_queue_pasid_cache(&s.b.queue, SPEC_INV_PASID_GRAN_PASID,
                                    SM_DOMAIN, pasid);
        }
        sm_map(&s, VA, g_rand_int_range(rand, 0, 4) ? page : BOARD_HOLE, 1);
        any_invalidation(&s, rand, pasid);
        board_sync(&s.b);
        testdev_set(&s.b.dev, TD_CONTROL,
                    g_rand_int_range(rand, 0, 2) ? TD_CONTROL_ATS : 0);
        sm_use(&s, pasid ? pasid : SM_NONE);
        testdev_dma_write(&s.b.dev, g_rand_int_range(rand, 0, 2) ? VA : page,
                          &value, sizeof(value));
    }
    testdev_set(&s.b.dev, TD_CONTROL, 0);
    s.entry = good;
    sm_map(&s, VA, page, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(pasids); i++) {
        put(&s, pasids[i], &good);
        passed_piotlb(&s, pasids[i], VA);
        sm_use(&s, pasids[i] ? pasids[i] : SM_NONE);
        board_dma_good(&s.b, VA, page);
    }
    g_assert_cmpuint(testdev_get(&s.b.dev, TD_STALE_USES), ==, 0);
    g_rand_free(rand);
    vfio_end(&s);
}

/* viommu-machine's board lets go of the device, with everything bound. */
static void test_unplug(void)
{
    uint64_t page;
    Sm s;

    for (unsigned i = 0; i < 2; i++) {
        vfio_start(&s, NESTED, SPEC_PGTT_FIRST);
        page = board_pages(&s.b, 1);
        sm_map(&s, VA, page, 1);
        passed_piotlb(&s, SM_PASID, VA);
        sm_good(&s, SM_PASID, VA, page);
        g_free(qtest_special(s.b.q, "viommu-host unplug d0"));
        g_assert_cmphex(pci_config_read(&s.b.dev.pci, 0, 2), ==, 0xffff);
        /* the two entries: without a PASID, and with one */
        g_assert_cmpuint(vfio_usage(&s, "unbinds"), ==, 2);
        /* the unit goes on */
        passed_piotlb(&s, SM_PASID, VA);
        passed_pasid_cache(&s, SM_PASID);
        vfio_end(&s);
    }
}

void vfio_add_table_tests(void)
{
    g_test_add_func("/vfio/entries", test_entries);
    g_test_add_func("/vfio/bits", test_bits);
    g_test_add_func("/vfio/domains", test_domains);
    g_test_add_func("/vfio/device-tlb", test_device_tlb);
    g_test_add_func("/vfio/many", test_many);
    g_test_add_func("/vfio/bad-tables", test_bad_tables);
    g_test_add_func("/vfio/any", test_any);
    if (!qtest_is_qemu()) {
        g_test_add_func("/vfio/unplug", test_unplug);
    }
}
