/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scalable mode as a guest sees it: capabilities, each way to translate
 * with and without PASID, accessed and dirty bits, modes.
 */
#include "tests/qtest/sm.h"

#define VA    UINT64_C(0x7f0000400000)
#define VA_2M (VA + (UINT64_C(4) << 20))
#define VA_1G UINT64_C(0x7f0080000000)
#define WIDE  SM_OPTIONS ",aw-bits=57"

/* --- Capabilities -------------------------------------------------------- */

typedef struct Caps {
    const char *options;
    uint64_t ecap, ecap_not;
    uint64_t cap, cap_not;
} Caps;

#define SM_ECAPS (SPEC_ECAP_SMTS | SPEC_ECAP_SSTS | SPEC_ECAP_FSTS | \
                  SPEC_ECAP_NEST | SPEC_ECAP_PASID | SPEC_ECAP_SSADS | \
                  SPEC_ECAP_EAFS | SPEC_ECAP_ERS | SPEC_ECAP_SRS | \
                  SPEC_ECAP_PSS | SPEC_ECAP_PRS | SPEC_ECAP_VCS | \
                  SPEC_ECAP_RPS)
#define SM_CAPS  (SPEC_CAP_FS1GP | SPEC_CAP_FS5LP)

static const Caps caps[] = {
    { "", 0, SM_ECAPS, 0, SM_CAPS },
    { "x-scalable-mode=on", SPEC_ECAP_SMTS | SPEC_ECAP_SSTS,
      SPEC_ECAP_FSTS | SPEC_ECAP_NEST | SPEC_ECAP_PASID | SPEC_ECAP_SSADS |
      SPEC_ECAP_PRS | SPEC_ECAP_VCS, 0, SM_CAPS },
    { "scalable-mode=on,fsts=on", SPEC_ECAP_SMTS | SPEC_ECAP_FSTS,
      SPEC_ECAP_SSTS | SPEC_ECAP_NEST | SPEC_ECAP_PASID, SPEC_CAP_FS1GP,
      SPEC_CAP_FS5LP },
    { "x-scalable-mode=on,x-flts=on,nested=on,aw-bits=57,fs1gp=off",
      SPEC_ECAP_FSTS | SPEC_ECAP_SSTS | SPEC_ECAP_NEST, SPEC_ECAP_EAFS,
      SPEC_CAP_FS5LP, SPEC_CAP_FS1GP },
    { "x-scalable-mode=on,pasid-bits=16,dirty-tracking=on",
      SPEC_ECAP_PASID | UINT64_C(15) << 35 | SPEC_ECAP_SSADS,
      SPEC_ECAP_FSTS | SPEC_BIT(39), 0, SM_CAPS },
    { "x-scalable-mode=on,x-pasid-mode=on,x-flts=on,extended-access=on",
      SPEC_ECAP_PASID | UINT64_C(19) << 35 | SPEC_ECAP_EAFS, SPEC_ECAP_SSTS,
      SPEC_CAP_FS1GP, SPEC_CAP_FS5LP },
};

static void test_capabilities(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(caps); i++) {
        const Caps *c = &caps[i];
        uint64_t ecap, cap;
        Board b;

        g_test_message("'%s'", c->options);
        board_start(&b, c->options);
        ecap = board_reg64(&b, SPEC_ECAP);
        cap = board_reg64(&b, SPEC_CAP);
        g_assert_cmphex(ecap & (c->ecap | c->ecap_not), ==, c->ecap);
        g_assert_cmphex(cap & (c->cap | c->cap_not), ==, c->cap);
        board_end(&b);
    }
}

/* --- Translation --------------------------------------------------------- */

/* All three page sizes, by both kinds of request, twice: walked, cached. */
static void check_sizes(Sm *s, uint64_t va)
{
    const uint64_t large = 0x8000000;
    uint64_t page = board_pages(&s->b, 1);
    uint64_t va_1g = (va | 0x3fffffff) + 1;

    sm_map(s, va, page, 1);
    sm_map(s, va + (4 << 20), large, 2);
    sm_map(s, va_1g, 0, 3);
    for (unsigned i = 0; i < 2; i++) {
        sm_good(s, SM_NONE, va + 0x128, page + 0x128);
        sm_good(s, SM_PASID, va + 0xff8, page + 0xff8);
        sm_good(s, SM_NONE, va + (4 << 20) + 0x1ffff8, large + 0x1ffff8);
        sm_good(s, SM_PASID, va + (4 << 20), large);
        sm_good(s, SM_NONE, va_1g + 0x9000010, 0x9000010);
        sm_good(s, SM_PASID, va_1g + 0xa123450, 0xa123450);
    }
}

/* [VTD 3.7] */
static void test_second(void)
{
    for (unsigned levels = 3; levels <= 5; levels++) {
        uint64_t va = levels == 3 ? UINT64_C(0x3f00400000)
                                  : levels == 4 ? VA : VA << 9;
        Sm s;

        g_test_message("%u levels", levels);
        sm_start(&s, WIDE, SPEC_PGTT_SECOND, levels);
        check_sizes(&s, va);
        sm_fault(&s, SM_PASID, va + 0x1000, true, SPEC_FR_SM_SS_RW);
        sm_fault(&s, SM_NONE, UINT64_C(1) << (levels == 3 ? 39 : levels == 4
                                              ? 48 : 57), false,
                 SPEC_FR_SM_WIDTH);
        sm_end(&s);
    }
}

static void check_canonical(Sm *s, unsigned levels)
{
    uint64_t half = UINT64_C(1) << (levels == 4 ? 47 : 56);
    uint64_t page = board_pages(&s->b, 1);

    sm_map(s, half - 0x1000, page, 1);
    sm_map(s, -half, page + 0x800, 1);
    guest_write64(&s->b.mem, sm_fs_at(s, -half, 1),
                  (page + s->fs.bias) | SM_LEAF);
    sm_good(s, SM_PASID, half - 8, page + 0xff8);
    sm_good(s, SM_NONE, -half + 8, page + 8);
    sm_fault(s, SM_PASID, half, false, SPEC_FR_SM_CANONICAL);
    sm_fault(s, SM_NONE, -half - 8, true, SPEC_FR_SM_CANONICAL);
}

/* [VTD 3.6] */
static void test_first(void)
{
    for (unsigned levels = 4; levels <= 5; levels++) {
        Sm s;

        g_test_message("%u levels", levels);
        sm_start(&s, WIDE, SPEC_PGTT_FIRST, levels);
        check_sizes(&s, levels == 4 ? VA : VA << 8);
        check_canonical(&s, levels);
        sm_end(&s);
    }
}

/* First stage over second: sizes that differ, either way [VTD 3.8]. */
static void test_nested(void)
{
    const uint64_t ipa = UINT64_C(0x4000000000);
    uint64_t page[2];
    Sm s;

    for (unsigned levels = 4; levels <= 5; levels++) {
        g_test_message("%u levels", levels);
        sm_start(&s, WIDE, SPEC_PGTT_NESTED, levels);
        page[0] = board_pages(&s.b, 1);
        page[1] = board_pages(&s.b, 1);
        sm_map(&s, VA, page[0], 1);
        /* 2 MiB over 4 KiB */
        for (unsigned i = 0; i < 2; i++) {
            g_assert_true(guest_ss_map(&s.b.alloc, s.ss, s.ss_levels,
                                       ipa + 0x5000 * i, page[i], 1,
                                       BOARD_RW));
        }
        g_assert_true(guest_fs_map(&s.fs, &s.b.alloc, VA_2M, ipa, 2,
                                   SM_LEAF));
        /* 1 GiB over 2 MiB: where second stage has RAM */
        g_assert_true(guest_fs_map(&s.fs, &s.b.alloc, VA_1G, SM_BIAS, 3,
                                   SM_LEAF));
        for (unsigned i = 0; i < 2; i++) {
            sm_good(&s, SM_NONE, VA + 0x18, page[0] + 0x18);
            sm_good(&s, SM_PASID, VA + 0x20, page[0] + 0x20);
            sm_good(&s, SM_NONE, VA_2M + 0x5ff8, page[1] + 0xff8);
            sm_good(&s, SM_PASID, VA_2M + 0x10, page[0] + 0x10);
            sm_good(&s, SM_PASID, VA_1G + page[1], page[1]);
        }
        sm_fault(&s, SM_PASID, VA_2M + 0x1000, true, SPEC_FR_SM_SS_RW);
        sm_fault(&s, SM_NONE, VA_1G + SM_SPAN, false, SPEC_FR_SM_SS_RW);
        check_canonical(&s, levels);
        sm_end(&s);
    }
}

static void test_pass_through(void)
{
    uint64_t page;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_PASS, 4);
    page = board_pages(&s.b, 1);
    sm_good(&s, SM_NONE, page, page);
    sm_good(&s, SM_PASID, page + 0x100, page + 0x100);
    sm_fault(&s, SM_PASID, UINT64_C(1) << 48, false, SPEC_FR_SM_WIDTH);
    sm_fault(&s, SM_NONE, UINT64_C(1) << 48, true, SPEC_FR_SM_WIDTH);
    sm_end(&s);
    sm_start(&s, SM_OPTIONS ",pt=off", SPEC_PGTT_PASS, 4);
    sm_fault(&s, SM_PASID, page, false, SPEC_FR_SM_PASID_INVALID);
    sm_end(&s);
}

/* Each PASID has its own type and its own tables at the same time [VTD 3.4.3]
 * [VTD 9.5]. */
static void test_apart(void)
{
    static const unsigned pgtt[] = {
        SPEC_PGTT_FIRST, SPEC_PGTT_SECOND, SPEC_PGTT_NESTED, SPEC_PGTT_PASS,
        SPEC_PGTT_FIRST, SPEC_PGTT_SECOND,
    };
    uint64_t page[G_N_ELEMENTS(pgtt)];
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_SECOND, 4);
    for (unsigned i = 0; i < G_N_ELEMENTS(pgtt); i++) {
        /* the last two are neighbours in one table of PASIDs */
        uint32_t pasid = i < 4 ? 64 * i + 7 : 500 + i;
        GuestPasid keep;

        page[i] = board_pages(&s.b, 1);
        sm_tables(&s, pgtt[i], 4);
        s.entry.domain = SM_DOMAIN + i;
        sm_put_pasid(&s, pasid);
        keep = s.entry;
        if (pgtt[i] != SPEC_PGTT_PASS) {
            sm_map(&s, VA, page[i], 1);
        }
        g_assert_cmpint(keep.pgtt, ==, pgtt[i]);
    }
    sm_flush(&s);
    for (unsigned n = 0; n < 2; n++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(pgtt); i++) {
            uint32_t pasid = i < 4 ? 64 * i + 7 : 500 + i;
            uint64_t va = pgtt[i] == SPEC_PGTT_PASS ? page[i] : VA;

            sm_good(&s, pasid, va, page[i]);
        }
    }
    sm_fault(&s, 8, VA, false, SPEC_FR_SM_PASID_P);
    sm_end(&s);
}

/* A second endpoint, in the other half of the bus: the other context table,
 * and a PASID directory of its own. */
static void test_two_endpoints(void)
{
    uint64_t page[2], other_dir, word[4] = { 0 };
    GuestPasid entry;
    GuestFs first;
    Testdev devs[2];
    Sm s;

    sm_start_with(&s, SM_OPTIONS, "-device viommu-testdev,addr=12",
                  SPEC_PGTT_FIRST, 4);
    devs[0] = s.b.dev;
    testdev_init(&devs[1], &s.b.bus, 1);
    g_assert_cmphex(pci_source(&devs[1].pci), ==, 0x12 << 3);
    page[0] = board_pages(&s.b, 1);
    page[1] = board_pages(&s.b, 1);
    sm_map(&s, VA, page[0], 1);
    first = s.fs;

    other_dir = guest_pasid_dir_new(&s.b.alloc, 0);
    word[0] = other_dir | SPEC_SM_CTX_P | SPEC_SM_CTX_PASIDE;
    g_assert_true(guest_sm_context_set(&s.b.alloc, s.b.root,
                                       pci_source(&devs[1].pci), word));
    g_assert_true(guest_fs_init(&s.fs, &s.b.alloc, 4, 0));
    entry = s.entry;
    entry.fs = s.fs.table;
    entry.domain++;
    g_assert_true(guest_pasid_set(&s.b.alloc, other_dir, 0, &entry));
    g_assert_true(guest_pasid_set(&s.b.alloc, other_dir, SM_PASID & 0x1fff,
                                  &entry));
    sm_map(&s, VA, page[1], 1);
    g_assert_cmphex(first.table, !=, s.fs.table);
    for (unsigned i = 0; i < 4; i++) {
        s.b.dev = devs[i % 2];
        s.b.source = pci_source(&s.b.dev.pci);
        sm_good(&s, SM_NONE, VA + 8 * i, page[i % 2] + 8 * i);
        sm_good(&s, SM_PASID, VA + 8 * i, page[i % 2] + 8 * i);
    }
    /* 2^7 tables of 2^6: the smallest directory ends here */
    sm_fault(&s, 0x2000, VA, false, SPEC_FR_SM_PASID_RANGE);
    sm_end(&s);
}

/* --- Accessed and dirty -------------------------------------------------- */

static uint64_t fs_bits(Sm *s, uint64_t va, unsigned level)
{
    return board_get64(&s->b, sm_fs_at(s, va, level)) &
           (SPEC_FS_A | SPEC_FS_D | SPEC_FS_EA);
}

static uint64_t ss_bits(Sm *s, uint64_t addr, unsigned level)
{
    return board_get64(&s->b, sm_ss_at(s, addr, level)) &
           (SPEC_SS_A | SPEC_SS_D);
}

static void check_fs_bits(Sm *s, uint64_t va, unsigned leaf, uint64_t bits,
                          uint64_t leaf_bits)
{
    for (unsigned level = leaf; level <= s->fs.levels; level++) {
        g_assert_cmphex(fs_bits(s, va, level), ==,
                        bits | (level == leaf ? leaf_bits : 0));
    }
}

/* [VTD 3.6.2] */
static void test_first_bits(gconstpointer data)
{
    unsigned pgtt = GPOINTER_TO_UINT(data);
    uint64_t page;
    Sm s;

    for (unsigned levels = 4; levels <= 5; levels++) {
        sm_start(&s, WIDE, pgtt, levels);
        page = board_pages(&s.b, 1);
        sm_map(&s, VA, page, 1);
        sm_map(&s, VA_2M, 0x2000000, 2);
        check_fs_bits(&s, VA, 1, 0, 0);
        sm_reads(&s, SM_PASID, VA, page);
        check_fs_bits(&s, VA, 1, SPEC_FS_A, 0);
        /* from here on it is cached, but the first write must say so */
        sm_reads(&s, SM_PASID, VA, page);
        check_fs_bits(&s, VA, 1, SPEC_FS_A, 0);
        sm_writes(&s, SM_PASID, VA, page);
        check_fs_bits(&s, VA, 1, SPEC_FS_A, SPEC_FS_D);
        sm_writes(&s, SM_NONE, VA_2M + 0x3000, 0x2003000);
        check_fs_bits(&s, VA_2M, 2, SPEC_FS_A, SPEC_FS_D);
        /* cleared, and not noticed before an invalidation; then again */
        board_put64(&s.b, sm_fs_at(&s, VA, 1), (page + s.fs.bias) | SM_LEAF);
        sm_flush(&s);
        sm_writes(&s, SM_PASID, VA, page);
        check_fs_bits(&s, VA, 1, SPEC_FS_A, SPEC_FS_D);
        /* a refused write is none */
        sm_map_flags(&s, VA + 0x1000, page, 1, SPEC_FS_P | SPEC_FS_US);
        sm_fault(&s, SM_PASID, VA + 0x1000, true, SPEC_FR_SM_WRITE);
        g_assert_cmphex(fs_bits(&s, VA + 0x1000, 1) & SPEC_FS_D, ==, 0);
        /* extended accessed, with EAFE only */
        s.entry.flags2 = SPEC_PASID2_EAFE;
        sm_put_pasid(&s, SM_PASID);
        sm_flush(&s);
        sm_reads(&s, SM_PASID, VA, page);
        check_fs_bits(&s, VA, 1, SPEC_FS_A | SPEC_FS_EA, SPEC_FS_D);
        /* the PASID entry is cached now */
        sm_map(&s, VA + 0x2000, page, 1);
        sm_reads(&s, SM_PASID, VA + 0x2000, page);
        check_fs_bits(&s, VA + 0x2000, 1, SPEC_FS_A | SPEC_FS_EA, 0);
        sm_end(&s);
    }
}

/* [VTD 3.7.2] */
static void test_second_bits(void)
{
    uint64_t page;
    Sm s;

    for (unsigned levels = 3; levels <= 5; levels++) {
        const uint64_t va = UINT64_C(0x3f00400000);

        sm_start(&s, WIDE, SPEC_PGTT_SECOND, levels);
        page = board_pages(&s.b, 1);
        sm_map(&s, va, page, 1);
        sm_good(&s, SM_PASID, va, page);
        for (unsigned level = 1; level <= levels; level++) {
            g_assert_cmphex(ss_bits(&s, va, level), ==, 0);
        }
        s.entry.flags0 = SPEC_PASID_SSADE;
        sm_put_pasid(&s, SM_PASID);
        sm_flush(&s);
        sm_reads(&s, SM_PASID, va, page);
        for (unsigned level = 1; level <= levels; level++) {
            g_assert_cmphex(ss_bits(&s, va, level), ==, SPEC_SS_A);
        }
        sm_writes(&s, SM_PASID, va, page);
        for (unsigned level = 1; level <= levels; level++) {
            g_assert_cmphex(ss_bits(&s, va, level), ==,
                            level == 1 ? SPEC_SS_A | SPEC_SS_D : SPEC_SS_A);
        }
        /* dirty tracking: clear, invalidate, and see the next write */
        board_put64(&s.b, sm_ss_at(&s, va, 1), page | BOARD_RW);
        guest_queue_iotlb(&s.b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, va, 0,
                          true);
        board_sync(&s.b);
        sm_reads(&s, SM_PASID, va, page);
        g_assert_cmphex(ss_bits(&s, va, 1), ==, SPEC_SS_A);
        sm_writes(&s, SM_PASID, va, page);
        g_assert_cmphex(ss_bits(&s, va, 1), ==, SPEC_SS_A | SPEC_SS_D);
        sm_end(&s);
    }
}

/* Nested with SSADE: pages and tables are dirty when they are written [VTD 3.8]
 * [VTD 3.7.2]. */
static void test_nested_bits(void)
{
    const uint64_t ipa = UINT64_C(0x4000000000);
    uint64_t page;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_NESTED, 4);
    s.entry.flags0 = SPEC_PASID_SSADE;
    sm_put_pasid(&s, SM_PASID);
    sm_flush(&s);
    page = board_pages(&s.b, 2);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(guest_ss_map(&s.b.alloc, s.ss, 4, ipa + 0x1000 * i,
                                   page + 0x1000 * i, 1, BOARD_RW));
        g_assert_true(guest_fs_map(&s.fs, &s.b.alloc, VA + 0x1000 * i,
                                   ipa + 0x1000 * i, 1,
                                   i ? SPEC_FS_P | SPEC_FS_US : SM_LEAF));
    }
    sm_reads(&s, SM_PASID, VA, page);
    g_assert_cmphex(ss_bits(&s, ipa, 1), ==, SPEC_SS_A);
    /* the accessed bits of first-stage tables were writes to these */
    g_assert_cmphex(ss_bits(&s, s.entry.fs, 2), ==, SPEC_SS_A | SPEC_SS_D);
    sm_writes(&s, SM_PASID, VA, page);
    g_assert_cmphex(ss_bits(&s, ipa, 1), ==, SPEC_SS_A | SPEC_SS_D);
    g_assert_cmphex(fs_bits(&s, VA, 1), ==, SPEC_FS_A | SPEC_FS_D);
    /* what the first stage refuses does not dirty the second */
    sm_fault(&s, SM_PASID, VA + 0x1000, true, SPEC_FR_SM_WRITE);
    g_assert_cmphex(ss_bits(&s, ipa + 0x1000, 1) & SPEC_SS_D, ==, 0);
    sm_end(&s);
}

/* --- Modes --------------------------------------------------------------- */

/* All DMA is blocked and nothing is recorded; then all is as before
 * [VTD 3.4.4]. */
static void test_abort(void)
{
    static const unsigned pgtt[] = { SPEC_PGTT_FIRST, SPEC_PGTT_PASS };
    uint64_t page, va;
    Sm s;

    for (size_t i = 0; i < G_N_ELEMENTS(pgtt); i++) {
        sm_start(&s, SM_OPTIONS, pgtt[i], 4);
        page = board_pages(&s.b, 1);
        va = pgtt[i] == SPEC_PGTT_PASS ? page : VA;
        if (pgtt[i] == SPEC_PGTT_FIRST) {
            sm_map(&s, va, page, 1);
        }
        sm_good(&s, SM_PASID, va, page);
        sm_good(&s, SM_NONE, va, page);
        sm_set_mode(&s, SPEC_TTM_ABORT);
        sm_flush(&s);
        board_put64(&s.b, page, 0x55);
        for (unsigned write = 0; write < 2; write++) {
            sm_silent(&s, SM_PASID, va, write);
            sm_silent(&s, SM_NONE, va, write);
        }
        g_assert_cmphex(board_get64(&s.b, page), ==, 0x55);
        sm_set_mode(&s, SPEC_TTM_SCALABLE);
        sm_flush(&s);
        sm_good(&s, SM_PASID, va, page);
        sm_good(&s, SM_NONE, va, page);
        sm_end(&s);
    }
}

/* Legacy tables and back, with translation on all the time. */
static void test_switch(void)
{
    uint64_t root, page, legacy;
    GuestContext ctx = {
        .tt = SPEC_TT_MULTI, .levels = 4, .domain = SM_DOMAIN,
    };
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
    page = board_pages(&s.b, 1);
    legacy = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    sm_good(&s, SM_NONE, VA, page);
    root = guest_root_new(&s.b.alloc);
    ctx.table = guest_ss_new(&s.b.alloc);
    g_assert_true(guest_context_set(&s.b.alloc, root, s.b.source, &ctx));
    g_assert_true(guest_ss_map(&s.b.alloc, ctx.table, 4, VA, legacy, 1,
                               BOARD_RW));
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(guest_set_root(&s.b.regs, root));
        sm_flush(&s);
        sm_good(&s, SM_NONE, VA, legacy);
        sm_fault(&s, SM_PASID, VA, false, SPEC_FR_SM_ROOT_TTM_PASID);
        sm_set_mode(&s, SPEC_TTM_SCALABLE);
        sm_flush(&s);
        sm_good(&s, SM_NONE, VA, page);
        sm_good(&s, SM_PASID, VA, page);
    }
    sm_end(&s);
}

/* The mode that RTADDR shows counts only with the command [VTD 11.4.5]. */
static void test_mode_latched(void)
{
    uint64_t page;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
    page = board_pages(&s.b, 1);
    sm_map(&s, VA, page, 1);
    board_set64(&s.b, SPEC_RTADDR, s.b.root |
                (uint64_t)SPEC_TTM_ABORT << SPEC_RTADDR_TTM_SHIFT);
    sm_flush(&s);
    sm_good(&s, SM_NONE, VA, page);
    board_command(&s.b, SPEC_GCMD_SRTP, 0);
    sm_silent(&s, SM_NONE, VA, false);
    /* translation off: no table is looked at, abort or not */
    board_command(&s.b, 0, SPEC_GCMD_TE);
    sm_good(&s, SM_NONE, page, page);
    board_reset(&s.b);
    g_assert_cmphex(board_reg64(&s.b, SPEC_RTADDR), ==, 0);
    g_assert_cmphex(board_reg64(&s.b, SPEC_IQA), ==, 0);
    sm_end(&s);
}

int main(int argc, char **argv)
{
    gpointer first = GUINT_TO_POINTER(SPEC_PGTT_FIRST);
    gpointer nested = GUINT_TO_POINTER(SPEC_PGTT_NESTED);

    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scalable/capabilities", test_capabilities);
    g_test_add_func("/scalable/second", test_second);
    g_test_add_func("/scalable/first", test_first);
    g_test_add_func("/scalable/nested", test_nested);
    g_test_add_func("/scalable/pass-through", test_pass_through);
    g_test_add_func("/scalable/pasids-apart", test_apart);
    g_test_add_func("/scalable/two-endpoints", test_two_endpoints);
    g_test_add_data_func("/scalable/bits/first", first, test_first_bits);
    g_test_add_data_func("/scalable/bits/nested-first", nested,
                         test_first_bits);
    g_test_add_func("/scalable/bits/second", test_second_bits);
    g_test_add_func("/scalable/bits/nested", test_nested_bits);
    g_test_add_func("/scalable/abort", test_abort);
    g_test_add_func("/scalable/switch", test_switch);
    g_test_add_func("/scalable/mode-latched", test_mode_latched);
    return g_test_run();
}
