/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each invalidation, through the registers and through the queue: after it
 * the old translation is never used again.  Before it, it may be.
 */
#include "tests/qtest/board.h"

#define IOVA UINT64_C(0x123400000)

/* How an invalidation is given. */
typedef enum Way {
    REGISTERS,
    REGISTER_HALVES,    /* 32-bit accesses */
    QUEUE,
} Way;

static const char *const way_names[] = { "registers", "halves", "queue" };

static void context_halves(Board *b, unsigned gran, uint16_t domain,
                           uint16_t source, unsigned fm)
{
    board_set32(b, SPEC_CCMD, (uint32_t)source << 16 | domain);
    board_set32(b, SPEC_CCMD + 4,
                SPEC_BIT(31) | gran << (SPEC_CCMD_CIRG_SHIFT - 32) | fm);
    g_assert_cmphex(board_reg32(b, SPEC_CCMD + 4) & SPEC_BIT(31), ==, 0);
}

/* Context cache; the IOTLB is the caller's. */
static void flush_context(Board *b, Way way, unsigned gran, uint16_t domain,
                          uint16_t source, unsigned fm)
{
    unsigned actual;

    switch (way) {
    case REGISTERS:
        g_assert_true(guest_ccmd(&b->regs, gran, domain, source, fm,
                                 &actual));
        /* what was asked, or something coarser */
        g_assert_cmpuint(actual, >=, 1);
        g_assert_cmpuint(actual, <=, gran);
        break;
    case REGISTER_HALVES:
        context_halves(b, gran, domain, source, fm);
        break;
    case QUEUE:
        guest_queue_context(&b->queue, gran, domain, source, fm);
        board_sync(b);
        break;
    }
}

static void iotlb_halves(Board *b, unsigned gran, uint16_t domain,
                         uint64_t addr, unsigned am, bool ih)
{
    uint64_t iva = guest_iva_offset(&b->regs);

    board_set32(b, iva, (uint32_t)addr | am | (ih ? SPEC_IVA_IH : 0));
    board_set32(b, iva + 4, addr >> 32);
    board_set32(b, iva + SPEC_IOTLB_FROM_IRO, 0);
    board_set32(b, iva + SPEC_IOTLB_FROM_IRO + 4,
                SPEC_BIT(31) | gran << (SPEC_IOTLB_IIRG_SHIFT - 32) | domain);
    g_assert_cmphex(board_reg32(b, iva + SPEC_IOTLB_FROM_IRO + 4) &
                    SPEC_BIT(31), ==, 0);
}

static void flush_iotlb(Board *b, Way way, unsigned gran, uint16_t domain,
                        uint64_t addr, unsigned am, bool ih)
{
    unsigned actual;

    switch (way) {
    case REGISTERS:
        g_assert_true(guest_iotlb(&b->regs, gran, domain, addr, am, ih,
                                  &actual));
        g_assert_cmpuint(actual, >=, 1);
        g_assert_cmpuint(actual, <=, gran);
        break;
    case REGISTER_HALVES:
        iotlb_halves(b, gran, domain, addr, am, ih);
        break;
    case QUEUE:
        guest_queue_iotlb(&b->queue, gran, domain, addr, am, ih);
        board_sync(b);
        break;
    }
}

static void start(Board *b, Way way, const char *options)
{
    board_start(b, options);
    board_translate(b, 4);
    if (way == QUEUE) {
        board_queue(b, 1);
    }
}

/* DMA reaches one of the two. */
static void dma_either(Board *b, uint64_t iova, uint64_t one, uint64_t other)
{
    uint64_t value = 0;

    board_put64(b, one, 1);
    board_put64(b, other, 2);
    g_assert_cmpint(testdev_dma_read(&b->dev, iova, &value, 8).why, ==,
                    TD_OK);
    value = GUINT64_FROM_LE(value);
    g_assert_true(value == 1 || value == 2);
}

typedef struct IotlbCase {
    const char *name;
    unsigned gran;
    uint64_t addr;
    unsigned am;
    bool ih;
} IotlbCase;

/* Each of them covers the page at IOVA. */
static const IotlbCase iotlb_cases[] = {
    { "global", SPEC_GRAN_GLOBAL, 0, 0, false },
    { "domain", SPEC_GRAN_DOMAIN, 0, 0, false },
    { "page", SPEC_GRAN_PAGE, IOVA, 0, false },
    { "page, leaf only", SPEC_GRAN_PAGE, IOVA, 0, true },
    { "8 pages", SPEC_GRAN_PAGE, IOVA, 3, false },
    { "512 pages, leaf only", SPEC_GRAN_PAGE, IOVA, 9, true },
    { "1 GiB", SPEC_GRAN_PAGE, IOVA & ~UINT64_C(0x3fffffff), 18, false },
};

static void leaf_changes(Board *b, Way way, const IotlbCase *c)
{
    uint64_t page[2] = { board_pages(b, 1), board_pages(b, 1) };

    g_test_message("%s: %s", way_names[way], c->name);
    board_map(b, IOVA, page[0], BOARD_RW);
    flush_iotlb(b, way, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    board_dma_good(b, IOVA, page[0]);
    /* moved */
    board_map(b, IOVA, page[1], BOARD_RW);
    dma_either(b, IOVA, page[0], page[1]);
    flush_iotlb(b, way, c->gran, BOARD_DOMAIN, c->addr, c->am, c->ih);
    board_dma_good(b, IOVA, page[1]);
    /* less is allowed */
    board_map(b, IOVA, page[1], SPEC_SS_R);
    flush_iotlb(b, way, c->gran, BOARD_DOMAIN, c->addr, c->am, c->ih);
    board_dma_reads(b, IOVA, page[1]);
    board_dma_fault(b, IOVA, true, SPEC_FR_WRITE);
    /* more is allowed */
    board_map(b, IOVA, page[1], BOARD_RW);
    flush_iotlb(b, way, c->gran, BOARD_DOMAIN, c->addr, c->am, c->ih);
    board_dma_good(b, IOVA, page[1]);
    /* taken away */
    board_map(b, IOVA, 0, 0);
    flush_iotlb(b, way, c->gran, BOARD_DOMAIN, c->addr, c->am, c->ih);
    board_dma_fault(b, IOVA, false, SPEC_FR_READ);
    /* and there again: not-present entries are not cached, so no
     * invalidation is needed */
    board_map(b, IOVA, page[0], BOARD_RW);
    board_dma_good(b, IOVA, page[0]);
}

/* [VTD 6.2.4] [VTD 6.5.1.2] [VTD 11.4.6.3] */
static void test_leaf(gconstpointer data)
{
    Way way = GPOINTER_TO_INT(data);
    Board b;

    start(&b, way, "");
    for (size_t i = 0; i < G_N_ELEMENTS(iotlb_cases); i++) {
        leaf_changes(&b, way, &iotlb_cases[i]);
    }
    board_end(&b);
}

/* Tables in the middle change: each invalidation without the leaf-only hint
 * drops what is remembered of them. */
static void table_changes(Board *b, Way way, const IotlbCase *c,
                          unsigned level)
{
    uint64_t page[2] = { board_pages(b, 1), board_pages(b, 1) };
    uint64_t at, old, table;

    g_test_message("%s: %s, level %u", way_names[way], c->name, level);
    board_map(b, IOVA, page[0], BOARD_RW);
    flush_iotlb(b, way, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    board_dma_good(b, IOVA, page[0]);
    /* the same path below a new table at this place */
    at = board_entry(b, IOVA, level);
    old = board_get64(b, at);
    board_put64(b, at, 0);
    board_map(b, IOVA, page[1], BOARD_RW);
    dma_either(b, IOVA, page[0], page[1]);
    flush_iotlb(b, way, c->gran, BOARD_DOMAIN, c->addr, c->am, false);
    board_dma_good(b, IOVA, page[1]);
    /* what it held is gone with it */
    table = board_get64(b, at);
    board_put64(b, at, 0);
    flush_iotlb(b, way, c->gran, BOARD_DOMAIN, c->addr, c->am, false);
    board_dma_fault(b, IOVA, false, SPEC_FR_READ);
    /* a neighbour in the same table: its tables were remembered, too */
    board_put64(b, at, old);
    board_dma_good(b, IOVA, page[0]);
    board_put64(b, at, table);
    flush_iotlb(b, way, c->gran, BOARD_DOMAIN, c->addr, c->am, false);
    board_map(b, IOVA + 4096, page[0], BOARD_RW);
    board_dma_good(b, IOVA + 4096, page[0]);
    board_dma_good(b, IOVA, page[1]);
    board_put64(b, at, 0);
    flush_iotlb(b, way, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
}

/* [VTD 6.2.5] */
static void test_tables(gconstpointer data)
{
    Way way = GPOINTER_TO_INT(data);
    Board b;

    start(&b, way, "");
    for (size_t i = 0; i < G_N_ELEMENTS(iotlb_cases); i++) {
        for (unsigned level = 2; level <= 4; level++) {
            if (!iotlb_cases[i].ih) {
                table_changes(&b, way, &iotlb_cases[i], level);
            }
        }
    }
    board_end(&b);
}

/* Any one page of a large page drops it. */
static void test_large(gconstpointer data)
{
    Way way = GPOINTER_TO_INT(data);
    const uint64_t probe = 0x1f000;
    Board b;

    start(&b, way, "");
    for (unsigned leaf = 2; leaf <= 3; leaf++) {
        uint64_t base = IOVA & ~((UINT64_C(1) << (3 + 9 * leaf)) - 1);
        uint64_t page = board_pages(&b, 1);
        uint64_t size = UINT64_C(1) << (3 + 9 * leaf);
        uint64_t first = leaf == 2 ? board_pages(&b, 512) : 0;
        /* inside of RAM and not where tables are */
        uint64_t offset = leaf == 2 ? probe : page;

        g_test_message("%s: level %u", way_names[way], leaf);
        base &= ~(size - 1);
        board_map_leaf(&b, base, first, leaf, BOARD_RW);
        flush_iotlb(&b, way, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
        board_dma_good(&b, base + offset, first + offset);
        board_map_leaf(&b, base, first, leaf, SPEC_SS_R);
        /* not the page that is used, but another one of the large page */
        flush_iotlb(&b, way, SPEC_GRAN_PAGE, BOARD_DOMAIN,
                    base + size - 4096, 0, true);
        board_dma_reads(&b, base + offset, first + offset);
        board_dma_fault(&b, base + offset, true, SPEC_FR_WRITE);
        /* broken up into small pages */
        board_put64(&b, board_entry(&b, base, leaf), 0);
        board_map(&b, base + offset, page, BOARD_RW);
        flush_iotlb(&b, way, SPEC_GRAN_PAGE, BOARD_DOMAIN, base, 0, false);
        board_dma_good(&b, base + offset, page);
        board_dma_fault(&b, base + offset + 4096, true, SPEC_FR_WRITE);
        /* and put together again */
        board_map_leaf(&b, base, first, leaf, BOARD_RW);
        flush_iotlb(&b, way, SPEC_GRAN_PAGE, BOARD_DOMAIN, base,
                    MIN(9 * (leaf - 1), 18), false);
        board_dma_good(&b, base + offset, first + offset);
        board_put64(&b, board_entry(&b, base, leaf), 0);
        flush_iotlb(&b, way, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    }
    board_end(&b);
}

/* Every page of the range, whatever it was aligned to, and the masked address
 * bits do not count [VTD 6.5.2.3]. */
static void test_ranges(gconstpointer data)
{
    Way way = GPOINTER_TO_INT(data);
    const unsigned n = 64;
    uint64_t pages;
    Board b;

    start(&b, way, "");
    pages = board_pages(&b, 2 * n);
    for (unsigned am = 0; am <= 6; am++) {
        unsigned count = 1u << am;

        for (unsigned first = 0; first < n; first += count) {
            for (unsigned i = first; i < first + count; i++) {
                board_map(&b, IOVA + 4096 * i, pages + 4096 * i, BOARD_RW);
            }
            flush_iotlb(&b, way, SPEC_GRAN_DOMAIN, BOARD_DOMAIN, 0, 0,
                        false);
            for (unsigned i = first; i < first + count; i += 3) {
                board_dma_reads(&b, IOVA + 4096 * i, pages + 4096 * i);
            }
            for (unsigned i = first; i < first + count; i++) {
                board_map(&b, IOVA + 4096 * i, pages + 4096 * (n + i),
                          BOARD_RW);
            }
            flush_iotlb(&b, way, SPEC_GRAN_PAGE, BOARD_DOMAIN,
                        IOVA + 4096 * (first + count - 1), am, true);
            for (unsigned i = first; i < first + count; i += 3) {
                board_dma_reads(&b, IOVA + 4096 * i, pages + 4096 * (n + i));
            }
            if (first + count >= 16) {
                break;
            }
        }
    }
    board_end(&b);
}

/* --- Context entries ----------------------------------------------------- */

typedef struct ContextCase {
    const char *name;
    unsigned gran;
    uint16_t sid_xor;   /* the source that is named differs in these bits */
    unsigned fm;        /* which the function mask covers */
} ContextCase;

static const ContextCase context_cases[] = {
    { "global", SPEC_GRAN_GLOBAL, 0, 0 },
    { "domain", SPEC_GRAN_DOMAIN, 0, 0 },
    { "device", SPEC_GRAN_DEVICE, 0, 0 },
    { "device, mask 1", SPEC_GRAN_DEVICE, 4, 1 },
    { "device, mask 2", SPEC_GRAN_DEVICE, 6, 2 },
    { "device, mask 3", SPEC_GRAN_DEVICE, 7, 3 },
};

/*
 * The entry changes from tables to pass-through and back, to other tables
 * of another domain, and away.
 */
static void context_changes(Board *b, Way way, const ContextCase *c)
{
    const uint64_t iova = 0x6000000000;
    uint64_t page[2] = { board_pages(b, 1), board_pages(b, 1) };
    uint64_t lo = board_context_lo(b), hi = board_context_hi(b);
    uint16_t source = b->source ^ c->sid_xor;
    uint64_t table = guest_ss_new(&b->alloc);

    g_test_message("%s: %s", way_names[way], c->name);
    g_assert_true(guest_ss_map(&b->alloc, table, 3, iova & SPEC_BITS(38, 0),
                               page[1], 1, BOARD_RW));
    board_map(b, iova & SPEC_BITS(38, 0), page[0], BOARD_RW);
    board_context(b, lo, hi);
    flush_context(b, way, SPEC_GRAN_GLOBAL, 0, 0, 0);
    flush_iotlb(b, way, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    board_dma_good(b, iova & SPEC_BITS(38, 0), page[0]);

    board_context(b, SPEC_CTX_P | SPEC_TT_PASS << SPEC_CTX_TT_SHIFT, hi);
    flush_context(b, way, c->gran, BOARD_DOMAIN, source, c->fm);
    flush_iotlb(b, way, SPEC_GRAN_DOMAIN, BOARD_DOMAIN, 0, 0, false);
    board_dma_good(b, page[0], page[0]);

    board_context(b, SPEC_CTX_P | table,
                  SPEC_AW_39 | 99 << SPEC_CTX_HI_DID_SHIFT);
    flush_context(b, way, c->gran, BOARD_DOMAIN, source, c->fm);
    flush_iotlb(b, way, SPEC_GRAN_DOMAIN, BOARD_DOMAIN, 0, 0, false);
    board_dma_good(b, iova & SPEC_BITS(38, 0), page[1]);

    board_context(b, 0, 0);
    flush_context(b, way, c->gran, 99, source, c->fm);
    flush_iotlb(b, way, SPEC_GRAN_DOMAIN, 99, 0, 0, false);
    board_dma_fault(b, iova & SPEC_BITS(38, 0), true,
                    SPEC_FR_CTX_NOT_PRESENT);
    /* not present is not cached: nothing to invalidate */
    board_context(b, lo, hi);
    board_dma_good(b, iova & SPEC_BITS(38, 0), page[0]);
}

/* [VTD 6.2.2] [VTD 6.5.1.1] [VTD 11.4.6.1] */
static void test_contexts(gconstpointer data)
{
    Way way = GPOINTER_TO_INT(data);
    Board b;

    start(&b, way, "pt=on");
    for (size_t i = 0; i < G_N_ELEMENTS(context_cases); i++) {
        context_changes(&b, way, &context_cases[i]);
    }
    board_end(&b);
}

/* The function mask, seen from each function of a device [VTD 6.5.2.1]. */
static void test_functions(gconstpointer data)
{
    static const uint16_t bits[] = { 0, 4, 6, 7 };
    Way way = GPOINTER_TO_INT(data);
    g_autoptr(GString) more = g_string_new(NULL);
    Testdev dev[8];
    uint64_t page;
    Board b;

    for (unsigned f = 0; f < 8; f++) {
        g_string_append_printf(more, "-device viommu-testdev,addr=6.%u,"
                               "multifunction=on ", f);
    }
    board_start_with(&b, "", more->str);
    board_translate(&b, 4);
    if (way == QUEUE) {
        board_queue(&b, 1);
    }
    page = board_pages(&b, 1);
    board_map(&b, IOVA, page, BOARD_RW);
    for (unsigned f = 0; f < 8; f++) {
        testdev_init(&dev[f], &b.bus, 1 + f);
        g_assert_cmphex(pci_source(&dev[f].pci), ==, 6 << 3 | f);
    }
    for (unsigned fm = 0; fm < 4; fm++) {
        for (unsigned named = 0; named < 8; named++) {
            g_test_message("%s: mask %u, function %u", way_names[way], fm,
                           named);
            for (unsigned f = 0; f < 8; f++) {
                g_assert_true(guest_context_set_raw(
                    &b.alloc, b.root, 6 << 3 | f, board_context_lo(&b),
                    board_context_hi(&b)));
                g_assert_cmpint(testdev_dma_read(&dev[f], IOVA, NULL,
                                                 8).why, ==, TD_OK);
            }
            for (unsigned f = 0; f < 8; f++) {
                g_assert_true(guest_context_clear(&b.alloc, b.root,
                                                  6 << 3 | f));
            }
            flush_context(&b, way, SPEC_GRAN_DEVICE, BOARD_DOMAIN,
                          6 << 3 | named, fm);
            flush_iotlb(&b, way, SPEC_GRAN_DOMAIN, BOARD_DOMAIN, 0, 0,
                        false);
            for (unsigned f = 0; f < 8; f++) {
                if (!((f ^ named) & ~bits[fm])) {
                    g_assert_cmpint(testdev_dma_read(&dev[f], IOVA, NULL,
                                                     8).why, ==, TD_BLOCKED);
                }
            }
            flush_context(&b, way, SPEC_GRAN_GLOBAL, 0, 0, 0);
        }
    }
    board_end(&b);
}

/* The root entry's context table pointer changes. */
static void test_root_entries(gconstpointer data)
{
    Way way = GPOINTER_TO_INT(data);
    uint64_t page[2], table, entry;
    Board b;

    start(&b, way, "");
    page[0] = board_pages(&b, 1);
    page[1] = board_pages(&b, 1);
    board_map(&b, IOVA, page[0], BOARD_RW);
    board_dma_good(&b, IOVA, page[0]);
    entry = board_get64(&b, b.root);
    board_put64(&b, b.root, 0);
    table = b.table;
    b.table = guest_ss_new(&b.alloc);
    board_map(&b, IOVA, page[1], BOARD_RW);
    board_context(&b, board_context_lo(&b), board_context_hi(&b));
    g_assert_cmphex(board_get64(&b, b.root), !=, entry);
    flush_context(&b, way, SPEC_GRAN_GLOBAL, 0, 0, 0);
    flush_iotlb(&b, way, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    board_dma_good(&b, IOVA, page[1]);
    board_put64(&b, b.root, entry);
    b.table = table;
    flush_context(&b, way, SPEC_GRAN_GLOBAL, 0, 0, 0);
    flush_iotlb(&b, way, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    board_dma_good(&b, IOVA, page[0]);
    board_end(&b);
}

/* --- Requests that are no requests --------------------------------------- */

static void test_bad_requests(void)
{
    uint64_t iva;
    unsigned actual;
    uint64_t page;
    Board b;

    start(&b, REGISTERS, "");
    page = board_pages(&b, 1);
    board_map(&b, IOVA, page, BOARD_RW);
    /* granularity 0 is reserved: done, and reported as not done */
    g_assert_true(guest_iotlb(&b.regs, 0, 0, 0, 0, false, &actual));
    g_assert_cmpuint(actual, ==, 0);
    g_assert_true(guest_ccmd(&b.regs, 0, 0, 0, 0, &actual));
    g_assert_cmpuint(actual, ==, 0);
    /* more than CAP.MAMV */
    g_assert_true(guest_iotlb(&b.regs, SPEC_GRAN_PAGE, BOARD_DOMAIN, 0, 19,
                              false, &actual));
    g_assert_cmpuint(actual, ==, 0);
    g_assert_true(guest_iotlb(&b.regs, SPEC_GRAN_PAGE, BOARD_DOMAIN, 0, 63,
                              false, &actual));
    g_assert_cmpuint(actual, ==, 0);
    /* without IVT and ICC nothing starts, and nothing claims to run */
    iva = guest_iva_offset(&b.regs);
    board_set64(&b, iva + 8, UINT64_C(1) << SPEC_IOTLB_IIRG_SHIFT);
    g_assert_cmphex(board_reg64(&b, iva + 8) & SPEC_IOTLB_IVT, ==, 0);
    board_dma_good(&b, IOVA, page);
    board_no_fault(&b);
    board_end(&b);
}

/* Many pages, more than any cache holds, then all of them away. */
static void test_volume(gconstpointer data)
{
    Way way = GPOINTER_TO_INT(data);
    const unsigned n = 512;
    TestdevResult result;
    uint64_t pages, tables;
    Board b;

    start(&b, way, "iotlb-bits=4");
    pages = board_pages(&b, 1);
    for (unsigned i = 0; i < n; i++) {
        board_map(&b, IOVA + 4096 * i, pages, BOARD_RW);
    }
    result = testdev_fill(&b.dev, IOVA, 4096 * n, 7);
    g_assert_cmpint(result.why, ==, TD_OK);
    tables = board_entry(&b, IOVA, 2);
    board_put64(&b, tables, 0);
    flush_iotlb(&b, way, SPEC_GRAN_PAGE, BOARD_DOMAIN, IOVA, 9, false);
    for (unsigned i = 0; i < n; i += 37) {
        board_dma_fault(&b, IOVA + 4096 * i, false, SPEC_FR_READ);
    }
    board_end(&b);
}

static void add(const char *name, GTestDataFunc func)
{
    for (int way = REGISTERS; way <= QUEUE; way++) {
        g_autofree char *path = g_strdup_printf("/invalidate/%s/%s", name,
                                                way_names[way]);

        g_test_add_data_func(path, GINT_TO_POINTER(way), func);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("leaf", test_leaf);
    add("tables", test_tables);
    add("large", test_large);
    add("ranges", test_ranges);
    add("contexts", test_contexts);
    add("functions", test_functions);
    add("root-entries", test_root_entries);
    add("volume", test_volume);
    g_test_add_func("/invalidate/bad-requests", test_bad_requests);
    return g_test_run();
}
