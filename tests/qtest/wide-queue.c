/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The invalidation queue with 256-bit descriptors [VTD 6.5.2]: its
 * geometry, what each descriptor makes fresh, and errors.
 */
#include "tests/qtest/sm.h"

#define VA    UINT64_C(0x7f0000400000)
#define VA_2M (VA + (UINT64_C(4) << 20))
/* a nested page's address between the stages, one of 4 KiB */
#define IPA   UINT64_C(0x4000000000)

/* Both kinds of requests go to the same tables. */
static const uint32_t pasids[] = { SM_PASID, SM_NONE };

static uint32_t pasid_of(uint32_t pasid)
{
    return pasid == SM_NONE ? 0 : pasid;
}

/* --- Geometry ------------------------------------------------------------ */

static void test_sizes(void)
{
    Sm s;

    for (unsigned qs = 0; qs < 8; qs++) {
        unsigned slots = 128u << qs;
        Board *b = &s.b;

        sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
        board_command(b, 0, SPEC_GCMD_QIE);
        g_assert_true(guest_queue_init_wide(&b->queue, &b->alloc, &b->regs,
                                            qs));
        g_assert_cmphex(board_reg64(b, SPEC_IQA), ==,
                        b->queue.addr | SPEC_IQA_DW | qs);
        for (unsigned round = 0; round < 3; round++) {
            g_autofree uint64_t *words = g_new0(uint64_t, 4 * slots);

            for (unsigned i = 0; i < slots; i++) {
                words[4 * i] = GUINT64_TO_LE(SPEC_INV_PASID_CACHE |
                                   (uint64_t)SPEC_INV_PASID_GRAN_GLOBAL <<
                                   SPEC_INV_G_SHIFT);
            }
            qtest_memwrite(b->q, b->queue.addr, words, 32 * slots);
            b->queue.tail = (b->queue.tail + 32 * (slots - 2)) %
                            b->queue.bytes;
            board_sync(b);
            g_assert_cmphex(board_reg64(b, SPEC_IQH), ==, b->queue.tail);
            g_assert_cmphex(board_reg32(b, SPEC_FSTS), ==, 0);
        }
        sm_end(&s);
    }
}

static void test_wrap(void)
{
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
    for (unsigned i = 0; i < 2 * 128 + 3; i++) {
        unsigned before = s.b.queue.tail;

        board_sync(&s.b);
        g_assert_cmphex(board_reg64(&s.b, SPEC_IQH), ==, (before + 32) % 4096);
    }
    sm_end(&s);
}

/* A wait's interrupt, status and order work as with 128 bits. */
static void test_wait(void)
{
    const uint32_t addr = 0xfee03000, data = 0x52;
    uint64_t page;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
    page = board_pages(&s.b, 1);
    board_set32(&s.b, SPEC_IEDATA, data);
    board_set32(&s.b, SPEC_IEADDR, addr);
    board_set32(&s.b, SPEC_IECTL, 0);
    sink_clear(s.b.q);
    for (unsigned i = 1; i < 6; i++) {
        guest_queue_push(&s.b.queue, SPEC_INV_WAIT | SPEC_INV_WAIT_SW |
                         (uint64_t)i << SPEC_INV_WAIT_DATA_SHIFT, page);
    }
    guest_queue_push(&s.b.queue, SPEC_INV_WAIT | SPEC_INV_WAIT_IF |
                     SPEC_INV_WAIT_FN, 0);
    board_sync(&s.b);
    g_assert_cmphex(board_get64(&s.b, page), ==, 5);
    g_assert_cmphex(board_reg32(&s.b, SPEC_ICS), ==, SPEC_ICS_IWC);
    board_expect_event(&s.b, addr, data);
    sm_end(&s);
}

/* --- IOTLB --------------------------------------------------------------- */

/* A way to make a page at an address fresh. */
typedef struct Way {
    const char *name;
    bool piotlb;
    unsigned gran;
    int64_t offset;         /* of the descriptor's address */
    unsigned am;
    bool ih;
} Way;

static const Way ways[] = {
    { "PASID", true, SPEC_GRAN_DOMAIN, 0, 0, false },
    { "page", true, SPEC_GRAN_PAGE, 0, 0, false },
    { "page, leaf only", true, SPEC_GRAN_PAGE, 0, 0, true },
    { "16 pages", true, SPEC_GRAN_PAGE, 0x3000, 4, true },
    { "512 pages", true, SPEC_GRAN_PAGE, 0, 9, false },
    { "2^18 pages", true, SPEC_GRAN_PAGE, 0x10000000, 18, true },
    { "2^30 pages", true, SPEC_GRAN_PAGE, 0, 30, false },
    { "2^52 pages", true, SPEC_GRAN_PAGE, 0, 52, true },
    { "domain", false, SPEC_GRAN_DOMAIN, 0, 0, false },
    { "global", false, SPEC_GRAN_GLOBAL, 0, 0, false },
};

static void go(Sm *s, const Way *way, uint32_t pasid, uint64_t addr)
{
    uint64_t mask = way->am < 52 ? (UINT64_C(4096) << way->am) - 1 : ~0ull;

    /* an address with bits below the mask is one of a larger range */
    addr = (addr & ~mask) + ((addr + way->offset) & mask & ~0xfffull);
    if (way->piotlb) {
        guest_queue_piotlb(&s->b.queue, way->gran, SM_DOMAIN,
                           pasid_of(pasid), addr, way->am, way->ih);
    } else {
        guest_queue_iotlb(&s->b.queue, way->gran, SM_DOMAIN, addr, way->am,
                          way->ih);
    }
    board_sync(&s->b);
}

/* The page moves, comes back, and goes away. */
static void test_leaf(gconstpointer data)
{
    uint64_t page[2];
    Sm s;

    sm_start(&s, SM_OPTIONS, GPOINTER_TO_UINT(data), 4);
    page[0] = board_pages(&s.b, 1);
    page[1] = board_pages(&s.b, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        for (size_t n = 0; n < G_N_ELEMENTS(pasids); n++) {
            uint32_t pasid = pasids[n];

            g_test_message("%s, %s PASID", ways[i].name,
                           pasid == SM_NONE ? "without" : "with");
            sm_map(&s, VA, page[0], 1);
            sm_flush(&s);
            sm_good(&s, pasid, VA, page[0]);
            sm_map(&s, VA, page[1], 1);
            sm_either(&s, pasid, VA, page[0], page[1]);
            go(&s, &ways[i], pasid, VA);
            sm_good(&s, pasid, VA, page[1]);
            sm_map(&s, VA, page[0], 1);
            go(&s, &ways[i], pasid, VA);
            sm_good(&s, pasid, VA, page[0]);
            sm_map_flags(&s, VA, page[0], 1, SPEC_FS_P | SPEC_FS_US);
            go(&s, &ways[i], pasid, VA);
            sm_reads(&s, pasid, VA, page[0]);
            sm_fault(&s, pasid, VA, true, SPEC_FR_SM_WRITE);
            board_put64(&s.b, sm_fs_at(&s, VA, 1), 0);
            go(&s, &ways[i], pasid, VA);
            sm_fault(&s, pasid, VA, false, SPEC_FR_SM_FS_P);
        }
    }
    sm_end(&s);
}

/* An upper table is replaced: without IH it goes, too. */
static void test_tables(gconstpointer data)
{
    uint64_t page[2];
    Sm s;

    sm_start(&s, SM_OPTIONS, GPOINTER_TO_UINT(data), 4);
    page[0] = board_pages(&s.b, 1);
    page[1] = board_pages(&s.b, 1);
    sm_map(&s, VA, page[0], 1);
    for (unsigned level = 2; level <= 4; level++) {
        for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
            uint64_t at = sm_fs_at(&s, VA, level), old, fresh;

            if (ways[i].ih) {
                continue;
            }
            g_test_message("level %u, %s", level, ways[i].name);
            old = board_get64(&s.b, at);
            sm_flush(&s);
            sm_good(&s, SM_PASID, VA, page[0]);
            /* a new table, empty at first, then with another page */
            fresh = board_pages(&s.b, 1);
            board_put64(&s.b, at, (fresh + s.fs.bias) | SM_LEAF);
            go(&s, &ways[i], SM_PASID, VA);
            sm_fault(&s, SM_PASID, VA, false, SPEC_FR_SM_FS_P);
            sm_fault(&s, SM_PASID, VA + 0x1000, true, SPEC_FR_SM_FS_P);
            sm_map(&s, VA, page[1], 1);
            go(&s, &ways[i], SM_PASID, VA);
            sm_good(&s, SM_PASID, VA, page[1]);
            board_put64(&s.b, at, old);
            go(&s, &ways[i], SM_PASID, VA);
            sm_good(&s, SM_PASID, VA, page[0]);
        }
    }
    sm_end(&s);
}

/* A large page goes by any address in it, and each page of a range
 * [VTD 6.5.2.4]. */
static void test_ranges(gconstpointer data)
{
    const uint64_t large[2] = { 0x2000000, 0x2200000 };
    uint64_t pages;
    Sm s;

    sm_start(&s, SM_OPTIONS, GPOINTER_TO_UINT(data), 4);
    sm_map(&s, VA_2M, large[0], 2);
    sm_good(&s, SM_PASID, VA_2M + 0x5000, large[0] + 0x5000);
    sm_good(&s, SM_PASID, VA_2M + 0x1ff000, large[0] + 0x1ff000);
    sm_map(&s, VA_2M, large[1], 2);
    guest_queue_piotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, SM_PASID,
                       VA_2M + 0x7000, 0, true);
    board_sync(&s.b);
    sm_good(&s, SM_PASID, VA_2M + 0x5000, large[1] + 0x5000);
    sm_good(&s, SM_PASID, VA_2M + 0x1ff000, large[1] + 0x1ff000);

    pages = board_pages(&s.b, 32);
    for (unsigned i = 0; i < 16; i++) {
        sm_map(&s, VA + 0x1000 * i, pages + 0x1000 * i, 1);
        sm_reads(&s, SM_PASID, VA + 0x1000 * i, pages + 0x1000 * i);
    }
    for (unsigned i = 0; i < 16; i++) {
        sm_map(&s, VA + 0x1000 * i, pages + 0x10000 + 0x1000 * i, 1);
    }
    guest_queue_piotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, SM_PASID, VA,
                       4, true);
    board_sync(&s.b);
    for (unsigned i = 0; i < 16; i++) {
        sm_good(&s, SM_PASID, VA + 0x1000 * i,
                pages + 0x10000 + 0x1000 * i);
    }
    sm_end(&s);
}

/* Second stage alone: its descriptors have no PASID. */
static void test_second(void)
{
    static const Way second[] = {
        { "page", false, SPEC_GRAN_PAGE, 0, 0, false },
        { "page, leaf only", false, SPEC_GRAN_PAGE, 0, 0, true },
        { "8 pages", false, SPEC_GRAN_PAGE, 0, 3, true },
        { "2^18 pages", false, SPEC_GRAN_PAGE, 0, 18, false },
        { "domain", false, SPEC_GRAN_DOMAIN, 0, 0, false },
        { "global", false, SPEC_GRAN_GLOBAL, 0, 0, false },
    };
    uint64_t page[2];
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_SECOND, 4);
    page[0] = board_pages(&s.b, 1);
    page[1] = board_pages(&s.b, 1);
    for (size_t i = 0; i < G_N_ELEMENTS(second); i++) {
        for (size_t n = 0; n < G_N_ELEMENTS(pasids); n++) {
            uint32_t pasid = pasids[n];

            g_test_message("%s", second[i].name);
            sm_map(&s, VA, page[0], 1);
            sm_flush(&s);
            sm_good(&s, pasid, VA, page[0]);
            sm_map(&s, VA, page[1], 1);
            sm_either(&s, pasid, VA, page[0], page[1]);
            go(&s, &second[i], pasid, VA);
            sm_good(&s, pasid, VA, page[1]);
            board_put64(&s.b, sm_ss_at(&s, VA, 1), 0);
            go(&s, &second[i], pasid, VA);
            sm_fault(&s, pasid, VA, true, SPEC_FR_SM_SS_RW);
        }
    }
    sm_end(&s);
}

/* Nested: the second stage changes behind a page, and behind a table. */
static void test_nested(void)
{
    static const Way below[] = {
        { "page", false, SPEC_GRAN_PAGE, 0, 0, false },
        { "page, leaf only", false, SPEC_GRAN_PAGE, 0, 0, true },
        { "domain", false, SPEC_GRAN_DOMAIN, 0, 0, false },
        { "global", false, SPEC_GRAN_GLOBAL, 0, 0, false },
    };
    const uint64_t ipa_table = IPA + 0x10000;
    uint64_t page[2], table, copy;
    GuestAlloc *alloc;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_NESTED, 4);
    alloc = &s.b.alloc;
    page[0] = board_pages(&s.b, 1);
    page[1] = board_pages(&s.b, 1);
    copy = board_pages(&s.b, 1);
    g_assert_true(guest_fs_map(&s.fs, alloc, VA, IPA, 1, SM_LEAF));
    table = sm_fs_at(&s, VA, 1) & ~UINT64_C(0xfff);
    /* in the copy of the last table, the page is found by another address */
    board_put64(&s.b, copy + (sm_fs_at(&s, VA, 1) & 0xfff),
                (page[1] + SM_BIAS) | SM_LEAF);
    board_put64(&s.b, sm_fs_at(&s, VA, 2), ipa_table | SM_LEAF);
    for (size_t i = 0; i < G_N_ELEMENTS(below); i++) {
        for (size_t n = 0; n < G_N_ELEMENTS(pasids); n++) {
            uint32_t pasid = pasids[n];

            g_test_message("%s", below[i].name);
            g_assert_true(guest_ss_map(alloc, s.ss, 4, ipa_table, table, 1,
                                       BOARD_RW));
            g_assert_true(guest_ss_map(alloc, s.ss, 4, IPA, page[0], 1,
                                       BOARD_RW));
            sm_flush(&s);
            sm_good(&s, pasid, VA, page[0]);
            g_assert_true(guest_ss_map(alloc, s.ss, 4, IPA, page[1], 1,
                                       BOARD_RW));
            sm_either(&s, pasid, VA, page[0], page[1]);
            go(&s, &below[i], pasid, IPA);
            sm_good(&s, pasid, VA, page[1]);
            g_assert_true(guest_ss_unmap(alloc, s.ss, 4, IPA, 1));
            go(&s, &below[i], pasid, IPA);
            sm_fault(&s, pasid, VA, false, SPEC_FR_SM_SS_RW);
            g_assert_true(guest_ss_map(alloc, s.ss, 4, ipa_table, copy, 1,
                                       BOARD_RW));
            go(&s, &below[i], pasid, ipa_table);
            sm_good(&s, pasid, VA, page[1]);
        }
    }
    sm_end(&s);
}

/* --- PASID cache and contexts -------------------------------------------- */

/* After a PASID entry has changed: its cache, then the IOTLB [VTD 6.5.3.3]. */
static void forget_pasid(Sm *s, unsigned gran, uint32_t pasid)
{
    guest_queue_pasid_cache(&s->b.queue, gran, SM_DOMAIN, pasid_of(pasid));
    guest_queue_piotlb(&s->b.queue, SPEC_GRAN_DOMAIN, SM_DOMAIN,
                       pasid_of(pasid), 0, 0, false);
    board_sync(&s->b);
}

/* [VTD 6.5.2.2] */
static void test_pasid_cache(void)
{
    static const unsigned grans[] = {
        SPEC_INV_PASID_GRAN_DOMAIN, SPEC_INV_PASID_GRAN_PASID,
        SPEC_INV_PASID_GRAN_GLOBAL,
    };
    uint64_t page[2];
    GuestFs old, new;
    GuestPasid entry;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
    page[0] = board_pages(&s.b, 1);
    page[1] = board_pages(&s.b, 1);
    entry = s.entry;
    old = s.fs;
    sm_map(&s, VA, page[0], 1);
    g_assert_true(guest_fs_init(&new, &s.b.alloc, 4, 0));
    s.fs = new;
    sm_map(&s, VA, page[1], 1);
    for (size_t i = 0; i < G_N_ELEMENTS(grans); i++) {
        for (size_t n = 0; n < G_N_ELEMENTS(pasids); n++) {
            uint32_t pasid = pasids[n], number = pasid_of(pasid);
            uint64_t at = guest_pasid_addr(&s.b.alloc, s.dir, number);

            g_test_message("granularity %u", grans[i]);
            s.entry = entry;
            sm_put_pasid(&s, number);
            sm_flush(&s);
            sm_good(&s, pasid, VA, page[0]);
            s.entry.fs = new.table;
            sm_put_pasid(&s, number);
            sm_either(&s, pasid, VA, page[0], page[1]);
            forget_pasid(&s, grans[i], pasid);
            sm_good(&s, pasid, VA, page[1]);
            /* another type: no tables at all */
            s.entry.pgtt = SPEC_PGTT_PASS;
            sm_put_pasid(&s, number);
            forget_pasid(&s, grans[i], pasid);
            sm_good(&s, pasid, page[0], page[0]);
            board_put64(&s.b, at, 0);
            forget_pasid(&s, grans[i], pasid);
            sm_fault(&s, pasid, VA, true, SPEC_FR_SM_PASID_P);
        }
    }
    g_assert_cmphex(old.table, !=, new.table);
    sm_end(&s);
}

/* The context entry points at another directory. */
static void test_context(void)
{
    static const unsigned grans[] = {
        SPEC_GRAN_GLOBAL, SPEC_GRAN_DOMAIN, SPEC_GRAN_DEVICE,
    };
    uint64_t page[2], dirs[2];
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
    page[0] = board_pages(&s.b, 1);
    page[1] = board_pages(&s.b, 1);
    sm_map(&s, VA, page[0], 1);
    dirs[0] = s.dir;
    dirs[1] = s.dir = guest_pasid_dir_new(&s.b.alloc, SM_PDTS);
    g_assert_true(guest_fs_init(&s.fs, &s.b.alloc, 4, 0));
    s.entry.fs = s.fs.table;
    sm_map(&s, VA, page[1], 1);
    sm_put_pasid(&s, 0);
    sm_put_pasid(&s, SM_PASID);
    for (size_t i = 0; i < 2 * G_N_ELEMENTS(grans); i++) {
        for (size_t n = 0; n < G_N_ELEMENTS(pasids); n++) {
            sm_either(&s, pasids[n], VA, page[0], page[1]);
        }
        s.ctx[0] = (s.ctx[0] & ~SPEC_SM_CTX_DIR) | dirs[i % 2];
        sm_put_context(&s);
        /* 6.5.3.1: all three caches */
        guest_queue_context(&s.b.queue, grans[i / 2], SM_DOMAIN, s.b.source,
                            0);
        guest_queue_pasid_cache(&s.b.queue, SPEC_INV_PASID_GRAN_DOMAIN,
                                SM_DOMAIN, 0);
        guest_queue_iotlb(&s.b.queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0,
                          false);
        board_sync(&s.b);
        for (size_t n = 0; n < G_N_ELEMENTS(pasids); n++) {
            sm_good(&s, pasids[n], VA, page[i % 2]);
        }
    }
    sm_end(&s);
}

/* In caching mode what is not present is remembered, and forgotten. */
static void test_caching_mode(void)
{
    uint64_t page;
    Sm s;

    sm_start(&s, SM_OPTIONS ",caching-mode=on", SPEC_PGTT_FIRST, 4);
    page = board_pages(&s.b, 1);
    sm_fault(&s, SM_PASID, VA, false, SPEC_FR_SM_FS_P);
    sm_map(&s, VA, page, 1);
    guest_queue_piotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, SM_PASID, VA,
                       0, false);
    board_sync(&s.b);
    sm_good(&s, SM_PASID, VA, page);
    sm_fault(&s, SM_PASID + 1, VA, false, SPEC_FR_SM_PASID_P);
    sm_put_pasid(&s, SM_PASID + 1);
    /* entries that are not present are in domain 0 */
    guest_queue_pasid_cache(&s.b.queue, SPEC_INV_PASID_GRAN_PASID, 0,
                            SM_PASID + 1);
    board_sync(&s.b);
    sm_good(&s, SM_PASID + 1, VA, page);
    sm_end(&s);
}

/* Otherwise it is not: what appears is there at once. */
static void test_present(void)
{
    uint64_t page;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
    page = board_pages(&s.b, 1);
    sm_fault(&s, SM_PASID, VA, false, SPEC_FR_SM_FS_P);
    sm_map(&s, VA, page, 1);
    sm_good(&s, SM_PASID, VA, page);
    sm_fault(&s, SM_PASID + 1, VA, false, SPEC_FR_SM_PASID_P);
    sm_put_pasid(&s, SM_PASID + 1);
    sm_good(&s, SM_PASID + 1, VA, page);
    s.ctx[0] &= ~SPEC_SM_CTX_P;
    sm_put_context(&s);
    sm_flush(&s);
    sm_fault(&s, SM_NONE, VA, true, SPEC_FR_SM_CTX_P);
    sm_fault(&s, SM_PASID, VA, true, SPEC_FR_SM_CTX_P);
    s.ctx[0] |= SPEC_SM_CTX_P;
    sm_put_context(&s);
    sm_good(&s, SM_NONE, VA, page);
    sm_good(&s, SM_PASID, VA, page);
    sm_end(&s);
}

int main(int argc, char **argv)
{
    gpointer first = GUINT_TO_POINTER(SPEC_PGTT_FIRST);
    gpointer nested = GUINT_TO_POINTER(SPEC_PGTT_NESTED);

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/wide-queue/sizes", test_sizes);
    g_test_add_func("/wide-queue/wrap", test_wrap);
    g_test_add_func("/wide-queue/wait", test_wait);
    g_test_add_data_func("/wide-queue/leaf/first", first, test_leaf);
    g_test_add_data_func("/wide-queue/leaf/nested", nested, test_leaf);
    g_test_add_data_func("/wide-queue/tables/first", first, test_tables);
    g_test_add_data_func("/wide-queue/tables/nested", nested, test_tables);
    g_test_add_data_func("/wide-queue/ranges/first", first, test_ranges);
    g_test_add_data_func("/wide-queue/ranges/nested", nested, test_ranges);
    g_test_add_func("/wide-queue/second", test_second);
    g_test_add_func("/wide-queue/nested", test_nested);
    g_test_add_func("/wide-queue/pasid-cache", test_pasid_cache);
    g_test_add_func("/wide-queue/context", test_context);
    g_test_add_func("/wide-queue/caching-mode", test_caching_mode);
    g_test_add_func("/wide-queue/present", test_present);
    return g_test_run();
}
