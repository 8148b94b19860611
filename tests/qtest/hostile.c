/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest that does in scalable mode what no driver would: every reserved
 * field, tables that lead back to themselves or to registers, faults without
 * end.  Each gets the fault that it deserves, and the DMA of an endpoint that
 * is set up properly goes on all the time.
 */
#include "tests/qtest/sm.h"

#define VA      UINT64_C(0x7f0000400000)
#define HAW     48
#define BEYOND  SPEC_BITS(63, HAW)

/* The victim behind the bad tables is endpoint 0; the bystander stands in
 * the other half of the bus, with a context table and a domain of its own. */
typedef struct Hostile {
    Sm s;
    uint64_t page;          /* of the victim, at VA */
    Testdev bystander;
    uint64_t bystander_page;
} Hostile;

static void bystander_tables(Hostile *h)
{
    GuestAlloc *alloc = &h->s.b.alloc;
    uint64_t dir = guest_pasid_dir_new(alloc, 0);
    uint64_t word[4] = { dir | SPEC_SM_CTX_P };
    GuestPasid entry = {
        .pgtt = SPEC_PGTT_FIRST, .domain = SM_DOMAIN + 1, .fs_levels = 4,
    };
    GuestFs fs;

    h->bystander_page = board_pages(&h->s.b, 1);
    g_assert_true(guest_fs_init(&fs, alloc, 4, 0));
    g_assert_true(guest_fs_map(&fs, alloc, VA, h->bystander_page, 1,
                               SM_LEAF));
    entry.fs = fs.table;
    g_assert_true(guest_pasid_set(alloc, dir, 0, &entry));
    g_assert_true(guest_sm_context_set(alloc, h->s.b.root,
                                       pci_source(&h->bystander.pci), word));
}

static void start(Hostile *h, const char *options, unsigned pgtt)
{
    sm_start_with(&h->s, options, "-device viommu-testdev,addr=12", pgtt, 4);
    testdev_init(&h->bystander, &h->s.b.bus, 1);
    bystander_tables(h);
    h->page = board_pages(&h->s.b, 1);
    sm_map(&h->s, VA, h->page, 1);
    sm_flush(&h->s);
}

static void expect_bystander(Hostile *h)
{
    static uint64_t value = 0x0f1e2d3c4b5a6978;
    uint64_t bytes, got = 0;

    value += 0x1111;
    bytes = GUINT64_TO_LE(value);
    g_assert_cmpint(testdev_dma_write(&h->bystander, VA + 0x40, &bytes,
                                      8).why, ==, TD_OK);
    g_assert_cmphex(board_get64(&h->s.b, h->bystander_page + 0x40), ==,
                    value);
    g_assert_cmpint(testdev_dma_read(&h->bystander, VA + 0x40, &got, 8).why,
                    ==, TD_OK);
    g_assert_cmphex(got, ==, bytes);
}

/* Whatever happened has left the victim's tables usable. */
static void expect_recovered(Hostile *h)
{
    sm_flush(&h->s);
    sm_good(&h->s, SM_PASID, VA, h->page);
    expect_bystander(h);
}

/* --- Every bit ----------------------------------------------------------- */

typedef struct Structure {
    const char *name;
    unsigned pgtt;
    unsigned words;
    uint64_t reserved[8];   /* and what follows for the rest is open */
    uint8_t reason;
} Structure;

#define NONE_OF ~UINT64_C(0)

/* Whatever the type is; there is neither snoop control nor are there memory
 * types. */
#define PASID_RESERVED \
    { SPEC_BIT(5) | SPEC_BITS(11, 10) | BEYOND, \
      SPEC_BITS(22, 16) | SPEC_BITS(63, 24), SPEC_BITS(11, 8) | BEYOND, \
      NONE_OF, NONE_OF, NONE_OF, NONE_OF, NONE_OF }

static const Structure structures[] = {
    { "root", SPEC_PGTT_FIRST, 1, { SPEC_BITS(11, 1) | BEYOND },
      SPEC_FR_SM_ROOT_RSVD },
    { "context", SPEC_PGTT_FIRST, 4,
      { SPEC_BITS(8, 5) | SPEC_BIT(4) | SPEC_BIT(2) | BEYOND,
        SPEC_BITS(63, 21), NONE_OF, NONE_OF }, SPEC_FR_SM_CTX_RSVD },
    { "directory", SPEC_PGTT_FIRST, 1, { SPEC_BITS(11, 2) | BEYOND },
      SPEC_FR_SM_DIR_RSVD },
    { "PASID, first", SPEC_PGTT_FIRST, 8, PASID_RESERVED,
      SPEC_FR_SM_PASID_RSVD },
    { "PASID, second", SPEC_PGTT_SECOND, 8, PASID_RESERVED,
      SPEC_FR_SM_PASID_RSVD },
    { "PASID, nested", SPEC_PGTT_NESTED, 8, PASID_RESERVED,
      SPEC_FR_SM_PASID_RSVD },
    { "first stage 4", SPEC_PGTT_FIRST, 1,
      { SPEC_FS_PS | SPEC_BITS(51, HAW) }, SPEC_FR_SM_FS_RSVD },
    { "first stage 3", SPEC_PGTT_FIRST, 1, { SPEC_BITS(51, HAW) },
      SPEC_FR_SM_FS_RSVD },
    { "first stage 2", SPEC_PGTT_FIRST, 1, { SPEC_BITS(51, HAW) },
      SPEC_FR_SM_FS_RSVD },
    { "first stage 1", SPEC_PGTT_FIRST, 1, { SPEC_BITS(51, HAW) },
      SPEC_FR_SM_FS_RSVD },
    { "second stage 4", SPEC_PGTT_SECOND, 1,
      { SPEC_SS_PS | SPEC_BITS(51, HAW) }, SPEC_FR_SM_SS_RSVD },
    { "second stage 3", SPEC_PGTT_SECOND, 1, { SPEC_BITS(51, HAW) },
      SPEC_FR_SM_SS_RSVD },
    { "second stage 2", SPEC_PGTT_SECOND, 1, { SPEC_BITS(51, HAW) },
      SPEC_FR_SM_SS_RSVD },
    { "second stage 1", SPEC_PGTT_SECOND, 1, { SPEC_BITS(51, HAW) },
      SPEC_FR_SM_SS_RSVD },
};

static uint64_t place(Hostile *h, const Structure *t)
{
    GuestAlloc *alloc = &h->s.b.alloc;
    uint16_t source = h->s.b.source;

    switch (t->name[0]) {
    case 'r':
        return h->s.b.root + (source >> 8) * 16;
    case 'c':
        return guest_sm_context_addr(alloc, h->s.b.root, source);
    case 'd':
        return h->s.dir + SM_PASID / SPEC_PASIDS_PER_TABLE * 8;
    case 'P':
        return guest_pasid_addr(alloc, h->s.dir, SM_PASID);
    case 'f':
        return sm_fs_at(&h->s, VA, t->name[12] - '0');
    default:
        return sm_ss_at(&h->s, VA, t->name[13] - '0');
    }
}

/* What is open still ends well, or with one record of a known reason. */
static void check_open(Hostile *h, unsigned bit)
{
    Board *b = &h->s.b;
    uint64_t value;
    TestdevResult result;

    sm_use(&h->s, SM_PASID);
    result = testdev_dma_read(&b->dev, VA, &value, sizeof(value));
    if (result.why == TD_BLOCKED) {
        if (board_reg32(b, SPEC_FSTS) & SPEC_FSTS_PPF) {
            Fault fault = board_take_fault(b);

            g_assert_cmphex(fault.reason, >=, SPEC_FR_SM_ROOT_ACCESS);
            g_assert_cmphex(fault.reason, <=, SPEC_FR_SM_FS_UPDATE);
            g_assert_cmphex(fault.source, ==, b->source);
        } else {
            /* the bits that switch the recording off */
            g_assert_cmpuint(bit, ==, 1);
        }
    } else if (result.why != TD_OK) {
        g_assert_cmpint(result.why, ==, TD_NO_TARGET);
    }
    board_no_fault(b);
}

static void test_every_bit(gconstpointer data)
{
    const Structure *t = data;
    Hostile h;

    start(&h, SM_OPTIONS ",strict=on", t->pgtt);
    expect_recovered(&h);
    for (unsigned bit = 0; bit < 64 * t->words; bit++) {
        uint64_t at = place(&h, t) + bit / 64 * 8;
        uint64_t before = board_get64(&h.s.b, at);
        uint64_t mask = SPEC_BIT(bit % 64);

        board_put64(&h.s.b, at, before ^ mask);
        sm_flush(&h.s);
        if (t->reserved[bit / 64] & mask) {
            sm_fault(&h.s, SM_PASID, VA, bit & 1, t->reason);
        } else {
            check_open(&h, bit);
        }
        if (bit % 16 == 0) {
            expect_bystander(&h);
        }
        board_put64(&h.s.b, at, before);
    }
    expect_recovered(&h);
    sm_end(&h.s);
}

/* All bits at once, in each word of each structure. */
static void test_all_ones(gconstpointer data)
{
    const Structure *t = data;
    Hostile h;

    start(&h, SM_OPTIONS, t->pgtt);
    for (unsigned word = 0; word <= t->words; word++) {
        uint64_t at = place(&h, t), before[8];

        for (unsigned i = 0; i < t->words; i++) {
            before[i] = board_get64(&h.s.b, at + 8 * i);
            if (word == i || word == t->words) {
                board_put64(&h.s.b, at + 8 * i, ~UINT64_C(0));
            }
        }
        sm_flush(&h.s);
        /* bit 1 of a first word is FPD, or reserved, or a permission */
        check_open(&h, 1);
        expect_bystander(&h);
        for (unsigned i = 0; i < t->words; i++) {
            board_put64(&h.s.b, at + 8 * i, before[i]);
        }
    }
    expect_recovered(&h);
    sm_end(&h.s);
}

/* --- Tables that are not tables ------------------------------------------ */

/* Each pointer, in the order of the walk, and what says that nothing can be
 * read behind it. */
typedef struct Pointer {
    const char *name;
    unsigned pgtt;
    uint8_t reason;
} Pointer;

static const Pointer pointers[] = {
    { "root", SPEC_PGTT_FIRST, SPEC_FR_SM_CTX_ACCESS },
    { "context", SPEC_PGTT_FIRST, SPEC_FR_SM_DIR_ACCESS },
    { "directory", SPEC_PGTT_FIRST, SPEC_FR_SM_PASID_ACCESS },
    { "first stage 4", SPEC_PGTT_FIRST, SPEC_FR_SM_FS_ACCESS },
    { "first stage 3", SPEC_PGTT_FIRST, SPEC_FR_SM_FS_ACCESS },
    { "first stage 2", SPEC_PGTT_FIRST, SPEC_FR_SM_FS_ACCESS },
    { "second stage 4", SPEC_PGTT_SECOND, SPEC_FR_SM_SS_ACCESS },
    { "second stage 3", SPEC_PGTT_SECOND, SPEC_FR_SM_SS_ACCESS },
    { "second stage 2", SPEC_PGTT_SECOND, SPEC_FR_SM_SS_ACCESS },
};

static void test_not_ram(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(pointers); i++) {
        const Pointer *p = &pointers[i];
        const Structure t = { .name = p->name };
        uint64_t at, before;
        Hostile h;

        start(&h, SM_OPTIONS, p->pgtt);
        at = place(&h, &t);
        before = board_get64(&h.s.b, at);
        for (unsigned n = 0; n < 6; n++) {
            const uint64_t places[6] = {
                BOARD_UNIT, 0xfed98000, h.bystander.base, h.s.b.dev.base,
                0xfee00000, BOARD_HOLE,
            };

            g_test_message("%s at %#" G_GINT64_MODIFIER "x", p->name,
                           places[n]);
            board_put64(&h.s.b, at, (before & ~SPEC_BITS(51, 12)) |
                        (places[n] & ~UINT64_C(0xfff)));
            sm_flush(&h.s);
            if (qtest_is_qemu() && n >= 1 && n <= 4) {
                /* the device answers for what is no table of anybody's */
                sm_use(&h.s, SM_PASID);
                board_dma_blocked(&h.s.b, VA, n & 1);
                board_take_fault(&h.s.b);
            } else {
                sm_fault(&h.s, SM_PASID, VA, n & 1, p->reason);
            }
            expect_bystander(&h);
        }
        board_put64(&h.s.b, at, before);
        expect_recovered(&h);
        sm_end(&h.s);
    }
}

/* The PASID's own tables in the unit's registers. */
static void test_tops(void)
{
    static const struct {
        unsigned pgtt, word;
        uint64_t at;
        uint8_t reason;
    } tops[] = {
        { SPEC_PGTT_FIRST, 2, BOARD_UNIT, SPEC_FR_SM_FS_TOP_ACCESS },
        { SPEC_PGTT_SECOND, 0, BOARD_UNIT, SPEC_FR_SM_SS_TOP_ACCESS },
        { SPEC_PGTT_NESTED, 0, BOARD_UNIT, SPEC_FR_SM_SS_TOP_ACCESS },
        { SPEC_PGTT_NESTED, 2, BOARD_UNIT, SPEC_FR_SM_SS_RW },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(tops); i++) {
        uint64_t at, before;
        Hostile h;

        start(&h, SM_OPTIONS, tops[i].pgtt);
        at = guest_pasid_addr(&h.s.b.alloc, h.s.dir, SM_PASID) +
             8 * tops[i].word;
        before = board_get64(&h.s.b, at);
        board_put64(&h.s.b, at, (before & 0xfff) | tops[i].at);
        sm_flush(&h.s);
        sm_fault(&h.s, SM_PASID, VA, false, tops[i].reason);
        expect_bystander(&h);
        board_put64(&h.s.b, at, before);
        expect_recovered(&h);
        sm_end(&h.s);
    }
}

/* Nested: second stage puts first-stage tables into registers. */
static void test_nested_not_ram(void)
{
    const uint64_t ipa = UINT64_C(0x4000000000);
    Hostile h;

    start(&h, SM_OPTIONS, SPEC_PGTT_NESTED);
    g_assert_true(guest_ss_map(&h.s.b.alloc, h.s.ss, 4, ipa, BOARD_UNIT, 1,
                               BOARD_RW));
    for (unsigned level = 2; level <= 4; level++) {
        uint64_t at = sm_fs_at(&h.s, VA, level);
        uint64_t before = board_get64(&h.s.b, at);

        board_put64(&h.s.b, at, ipa | SM_LEAF);
        sm_flush(&h.s);
        sm_fault(&h.s, SM_PASID, VA, true, SPEC_FR_SM_FS_ACCESS);
        expect_bystander(&h);
        board_put64(&h.s.b, at, before);
    }
    expect_recovered(&h);
    sm_end(&h.s);
}

/* --- Loops --------------------------------------------------------------- */

/* One table is all levels: the last of them is then the page. */
static void test_loop_first(void)
{
    uint64_t table, va;
    Hostile h;

    start(&h, SM_OPTIONS, SPEC_PGTT_FIRST);
    table = h.s.fs.table;
    /* entry 7 leads to the table itself */
    board_put64(&h.s.b, table + 7 * 8, table | SM_LEAF);
    va = UINT64_C(7) << 39 | UINT64_C(7) << 30 | 7 << 21 | 7 << 12;
    sm_flush(&h.s);
    sm_reads(&h.s, SM_PASID, va + 0xff8, table + 0xff8);
    /* it is marked as a table and as a page */
    g_assert_cmphex(board_get64(&h.s.b, table + 7 * 8), ==,
                    table | SM_LEAF | SPEC_FS_A);
    /* DMA that writes the entry which translates it */
    sm_use(&h.s, SM_PASID);
    g_assert_cmpint(testdev_fill(&h.s.b.dev, va + 7 * 8, 8, 0).why, ==,
                    TD_OK);
    g_assert_cmphex(board_get64(&h.s.b, table + 7 * 8), ==, 0);
    sm_flush(&h.s);
    sm_fault(&h.s, SM_PASID, va, false, SPEC_FR_SM_FS_P);
    expect_recovered(&h);
    sm_end(&h.s);
}

static void test_loop_second(void)
{
    uint64_t table, va;
    Hostile h;

    start(&h, SM_OPTIONS, SPEC_PGTT_SECOND);
    table = h.s.ss;
    board_put64(&h.s.b, table + 7 * 8, table | BOARD_RW);
    va = UINT64_C(7) << 39 | UINT64_C(7) << 30 | 7 << 21 | 7 << 12;
    sm_flush(&h.s);
    sm_good(&h.s, SM_PASID, va + 0xff8, table + 0xff8);
    board_put64(&h.s.b, table + 0xff8, 0);
    expect_recovered(&h);
    sm_end(&h.s);
}

/* Both stages are one and the same page. */
static void test_loop_nested(void)
{
    const uint64_t flags = SM_LEAF | BOARD_RW;
    uint64_t table, va, entry;
    Hostile h;

    start(&h, SM_OPTIONS, SPEC_PGTT_NESTED);
    table = board_pages(&h.s.b, 1);
    va = UINT64_C(7) << 39 | UINT64_C(7) << 30 | 7 << 21 | 7 << 12;
    board_put64(&h.s.b, table + 7 * 8, va | flags);
    h.s.entry.fs = va;
    h.s.entry.ss = table;
    /* stage 2 takes "va" in the entry for an address that it has not */
    entry = guest_pasid_addr(&h.s.b.alloc, h.s.dir, SM_PASID + 1);
    g_assert_cmphex(entry, !=, 0);
    sm_put_pasid(&h.s, SM_PASID + 1);
    sm_flush(&h.s);
    sm_use(&h.s, SM_PASID + 1);
    board_dma_blocked(&h.s.b, va, false);
    board_take_fault(&h.s.b);
    expect_bystander(&h);
    /* as a loop that does lead somewhere */
    board_put64(&h.s.b, table + 7 * 8, table | flags);
    for (unsigned i = 0; i < 2; i++) {
        h.s.entry.fs = i ? table : va;
        sm_put_pasid(&h.s, SM_PASID + 1);
        sm_flush(&h.s);
        sm_use(&h.s, SM_PASID + 1);
        board_dma_blocked(&h.s.b, va, false);
        board_take_fault(&h.s.b);
        expect_bystander(&h);
    }
    expect_recovered(&h);
    sm_end(&h.s);
}

/* Root, context, directory and PASID table are one page. */
static void test_loop_contexts(void)
{
    uint64_t before;
    Fault fault;
    Hostile h;

    start(&h, SM_OPTIONS, SPEC_PGTT_FIRST);
    before = board_get64(&h.s.b, h.s.b.root);
    /* endpoint 00:03.0 finds its context behind the root's entries */
    board_put64(&h.s.b, h.s.b.root, h.s.b.root | SPEC_ROOT_P);
    for (unsigned i = 0; i < 4; i++) {
        board_put64(&h.s.b, h.s.b.root + h.s.b.source * SPEC_SM_CTX_SIZE +
                    8 * i, i ? 0 : h.s.b.root | SPEC_SM_CTX_P);
    }
    sm_flush(&h.s);
    /* the root's first entry is now the directory's, too, and a PASID's: a
     * present one of no known type, or with bits that must be zero */
    sm_use(&h.s, SM_NONE);
    board_dma_blocked(&h.s.b, VA, true);
    fault = board_take_fault(&h.s.b);
    g_assert_true(fault.reason == SPEC_FR_SM_PASID_INVALID ||
                  fault.reason == SPEC_FR_SM_PASID_RSVD);
    expect_bystander(&h);
    for (unsigned i = 0; i < 4; i++) {
        board_put64(&h.s.b, h.s.b.root + h.s.b.source * SPEC_SM_CTX_SIZE +
                    8 * i, 0);
    }
    board_put64(&h.s.b, h.s.b.root, before);
    expect_recovered(&h);
    sm_end(&h.s);
}

/* --- Faults without end -------------------------------------------------- */

static void test_fault_flood(void)
{
    Hostile h;

    for (unsigned records = 1; records <= 256; records *= 16) {
        g_autofree char *options =
            g_strdup_printf(SM_OPTIONS ",fault-records=%u", records);

        start(&h, options, SPEC_PGTT_FIRST);
        /* 4096 addresses, each with a PASID of its own */
        testdev_set(&h.s.b.dev, TD_LENGTH, 16 << 20);
        testdev_set(&h.s.b.dev, TD_LOOP_COUNT, 4096);
        testdev_set(&h.s.b.dev, TD_LOOP_SIZE, 8);
        testdev_set(&h.s.b.dev, TD_LOOP_STRIDE, 4096);
        for (unsigned i = 0; i < 8; i++) {
            sm_use(&h.s, i < 4 ? SM_PASID : SM_PASID + i);
            testdev_set(&h.s.b.dev, TD_SRC, VA + (16 << 20) * (i + 1));
            testdev_set(&h.s.b.dev, TD_LOOP_FLAGS, i & 1);
            testdev_run(&h.s.b.dev, TD_LOOP);
            g_assert_cmpuint(testdev_get(&h.s.b.dev, TD_LOOP_FAILURES), ==,
                             4096);
            expect_bystander(&h);
        }
        g_assert_cmphex(board_reg32(&h.s.b, SPEC_FSTS) & 3, ==,
                        SPEC_FSTS_PFO | SPEC_FSTS_PPF);
        for (unsigned i = 0; i < records; i++) {
            g_assert_true(board_fault(&h.s.b, i).valid);
            board_clear_fault(&h.s.b, i);
        }
        board_set32(&h.s.b, SPEC_FSTS, SPEC_FSTS_PFO);
        board_no_fault(&h.s.b);
        sm_fault(&h.s, SM_PASID, VA + 0x1000, true, SPEC_FR_SM_FS_P);
        expect_recovered(&h);
        sm_end(&h.s);
    }
}

/* A million PASIDs, none of which is there. */
static void test_pasid_flood(void)
{
    Hostile h;

    start(&h, SM_OPTIONS, SPEC_PGTT_FIRST);
    for (unsigned i = 0; i < 3000; i++) {
        sm_use(&h.s, (i * 347) & 0xfffff);
        testdev_set(&h.s.b.dev, TD_SRC, VA + 0x1000);
        testdev_set(&h.s.b.dev, TD_LENGTH, 8);
        g_assert_cmpint(testdev_run(&h.s.b.dev, TD_READ).why, ==,
                        TD_BLOCKED);
    }
    expect_bystander(&h);
    for (unsigned i = 0; i < 8; i++) {
        board_clear_fault(&h.s.b, i);
    }
    board_set32(&h.s.b, SPEC_FSTS, SPEC_FSTS_PFO);
    expect_recovered(&h);
    sm_end(&h.s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(structures); i++) {
        g_autofree char *bit = g_strdup_printf("/hostile/every-bit/%s",
                                               structures[i].name);
        g_autofree char *ones = g_strdup_printf("/hostile/all-ones/%s",
                                                structures[i].name);

        g_test_add_data_func(bit, &structures[i], test_every_bit);
        g_test_add_data_func(ones, &structures[i], test_all_ones);
    }
    g_test_add_func("/hostile/not-ram", test_not_ram);
    g_test_add_func("/hostile/tops", test_tops);
    g_test_add_func("/hostile/nested-not-ram", test_nested_not_ram);
    g_test_add_func("/hostile/loop/first", test_loop_first);
    g_test_add_func("/hostile/loop/second", test_loop_second);
    g_test_add_func("/hostile/loop/nested", test_loop_nested);
    g_test_add_func("/hostile/loop/contexts", test_loop_contexts);
    g_test_add_func("/hostile/fault-flood", test_fault_flood);
    g_test_add_func("/hostile/pasid-flood", test_pasid_flood);
    return g_test_run();
}
