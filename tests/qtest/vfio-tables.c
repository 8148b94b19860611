/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices: entries of each kind beside one another, device-TLBs, many
 * invalidations, and tables that are no good.
 */
#include "tests/qtest/vfio.h"

#define LOW_VA          (VA & UINT32_MAX)
#define PAGE            PASSED_PAGE
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
    g_test_add_func("/vfio/domains", test_domains);
    g_test_add_func("/vfio/device-tlb", test_device_tlb);
    g_test_add_func("/vfio/many", test_many);
    g_test_add_func("/vfio/bad-tables", test_bad_tables);
    if (!qtest_is_qemu()) {
        g_test_add_func("/vfio/unplug", test_unplug);
    }
}
