/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults of scalable mode (chapter 7): what is wrong in which structure, the
 * record that a guest finds, and that everything works again once the
 * structure is mended.
 */
#include <string.h>

#include "tests/qtest/sm.h"

#define VA       UINT64_C(0x7f0000400000)
/* below 2^48 and nothing there */
#define NOWHERE  UINT64_C(0x100000000000)
/* above 2^haw-bits */
#define HIGH     SPEC_BIT(48)
#define ADDR     SPEC_BITS(51, 12)
#define INTR     UINT64_C(0xfee01000)

/* Where a fault is planted. */
typedef enum Place {
    ROOT, CONTEXT, DIRECTORY, PASID,
    FS,         /* first-stage entry of a level */
    SS,         /* second-stage entry of a level */
    SS_PAGE,    /* nested: the one behind the page */
    SS_TABLE,   /* nested: the one behind the first-stage table of a level */
} Place;

#define FIRST  (1u << SPEC_PGTT_FIRST)
#define SECOND (1u << SPEC_PGTT_SECOND)
#define NESTED (1u << SPEC_PGTT_NESTED)
#define PASS   (1u << SPEC_PGTT_PASS)
#define ALL    (FIRST | SECOND | NESTED | PASS)

typedef struct Case {
    const char *name;
    unsigned types;         /* FIRST | ... */
    Place where;
    unsigned level, word;
    uint64_t clear, set;
    bool write;
    uint8_t reason;
} Case;

static const Case cases[] = {
    { "root: not present", ALL, ROOT, 0, 0, 1, 0, false,
      SPEC_FR_SM_ROOT_P },
    { "root: reserved", ALL, ROOT, 0, 0, 0, 2, true, SPEC_FR_SM_ROOT_RSVD },
    { "root: bit 11", FIRST, ROOT, 0, 0, 0, SPEC_BIT(11), true,
      SPEC_FR_SM_ROOT_RSVD },
    { "root: above the host's width", SECOND, ROOT, 0, 0, 0, HIGH, false,
      SPEC_FR_SM_ROOT_RSVD },
    { "context: not readable", ALL, ROOT, 0, 0, ADDR, NOWHERE, true,
      SPEC_FR_SM_CTX_ACCESS },
    { "context: not present", ALL, CONTEXT, 0, 0, 1, 0, false,
      SPEC_FR_SM_CTX_P },
    { "context: bit 5", ALL, CONTEXT, 0, 0, 0, SPEC_BIT(5), true,
      SPEC_FR_SM_CTX_RSVD },
    { "context: above the host's width", FIRST, CONTEXT, 0, 0, 0, HIGH,
      false, SPEC_FR_SM_CTX_RSVD },
    { "context: bit 85", ALL, CONTEXT, 0, 1, 0, SPEC_BIT(21), false,
      SPEC_FR_SM_CTX_RSVD },
    { "context: bit 127", FIRST, CONTEXT, 0, 1, 0, SPEC_BIT(63), false,
      SPEC_FR_SM_CTX_RSVD },
    { "context: bit 128", FIRST, CONTEXT, 0, 2, 0, 1, false,
      SPEC_FR_SM_CTX_RSVD },
    { "context: bit 255", SECOND, CONTEXT, 0, 3, 0, SPEC_BIT(63), true,
      SPEC_FR_SM_CTX_RSVD },
    { "directory: not readable", ALL, CONTEXT, 0, 0, ADDR, NOWHERE, false,
      SPEC_FR_SM_DIR_ACCESS },
    { "directory: not present", ALL, DIRECTORY, 0, 0, 1, 0, true,
      SPEC_FR_SM_DIR_P },
    { "directory: bit 2", ALL, DIRECTORY, 0, 0, 0, 4, false,
      SPEC_FR_SM_DIR_RSVD },
    { "directory: bit 11", FIRST, DIRECTORY, 0, 0, 0, SPEC_BIT(11), false,
      SPEC_FR_SM_DIR_RSVD },
    { "directory: above the host's width", NESTED, DIRECTORY, 0, 0, 0, HIGH,
      false, SPEC_FR_SM_DIR_RSVD },
    { "PASID entry: not readable", ALL, DIRECTORY, 0, 0, ADDR, NOWHERE, true,
      SPEC_FR_SM_PASID_ACCESS },
    { "PASID entry: not present", ALL, PASID, 0, 0, 1, 0, false,
      SPEC_FR_SM_PASID_P },
    { "PASID entry: bit 5", ALL, PASID, 0, 0, 0, SPEC_BIT(5), false,
      SPEC_FR_SM_PASID_RSVD },
    { "PASID entry: bit 11", ALL, PASID, 0, 0, 0, SPEC_BIT(11), true,
      SPEC_FR_SM_PASID_RSVD },
    { "PASID entry: bit 80", ALL, PASID, 0, 1, 0, SPEC_BIT(16), false,
      SPEC_FR_SM_PASID_RSVD },
    { "PASID entry: bit 86", FIRST, PASID, 0, 1, 0, SPEC_BIT(22), false,
      SPEC_FR_SM_PASID_RSVD },
    { "PASID entry: bit 136", FIRST | NESTED, PASID, 0, 2, 0, SPEC_BIT(8),
      false, SPEC_FR_SM_PASID_RSVD },
    { "PASID entry: first stage above the host's width", FIRST, PASID, 0, 2,
      0, HIGH, false, SPEC_FR_SM_PASID_RSVD },
    { "PASID entry: second stage above the host's width", SECOND | NESTED,
      PASID, 0, 0, 0, HIGH, false, SPEC_FR_SM_PASID_RSVD },
    { "PASID entry: type 0", ALL, PASID, 0, 0, SPEC_BITS(8, 6), 0, false,
      SPEC_FR_SM_PASID_INVALID },
    { "PASID entry: type 7", ALL, PASID, 0, 0, 0, SPEC_BITS(8, 6), false,
      SPEC_FR_SM_PASID_INVALID },
    { "PASID entry: width 0", SECOND | NESTED, PASID, 0, 0, SPEC_BITS(4, 2),
      0, true, SPEC_FR_SM_PASID_INVALID },
    { "PASID entry: width not supported", SECOND | NESTED, PASID, 0, 0,
      SPEC_BITS(4, 2), 3 << SPEC_PASID_AW_SHIFT, true,
      SPEC_FR_SM_PASID_INVALID },
    { "PASID entry: 5 levels not supported", FIRST | NESTED, PASID, 0, 2, 0,
      1 << SPEC_PASID2_FSPM_SHIFT, false, SPEC_FR_SM_PASID_INVALID },
    { "PASID entry: paging mode 3", FIRST | NESTED, PASID, 0, 2, 0,
      3 << SPEC_PASID2_FSPM_SHIFT, false, SPEC_FR_SM_PASID_INVALID },

    { "first stage: top not readable", FIRST, PASID, 0, 2, ADDR, NOWHERE,
      false, SPEC_FR_SM_FS_TOP_ACCESS },
    { "first stage: table not readable", FIRST, FS, 3, 0, ADDR, NOWHERE,
      true, SPEC_FR_SM_FS_ACCESS },
    { "first stage: top entry not present", FIRST | NESTED, FS, 4, 0, 1, 0,
      false, SPEC_FR_SM_FS_P },
    { "first stage: leaf not present", FIRST | NESTED, FS, 1, 0, 1, 0, true,
      SPEC_FR_SM_FS_P },
    { "first stage: PS in the top table", FIRST | NESTED, FS, 4, 0, 0,
      SPEC_FS_PS, false, SPEC_FR_SM_FS_RSVD },
    { "first stage: large page not aligned", FIRST | NESTED, FS, 2, 0, 0,
      SPEC_FS_PS | SPEC_BIT(13), false, SPEC_FR_SM_FS_RSVD },
    { "first stage: above the host's width", FIRST, FS, 1, 0, 0, HIGH, true,
      SPEC_FR_SM_FS_RSVD },
    { "first stage: no write", FIRST | NESTED, FS, 3, 0, SPEC_FS_RW, 0, true,
      SPEC_FR_SM_WRITE },
    { "first stage: supervisor's", FIRST | NESTED, FS, 1, 0, SPEC_FS_US, 0,
      false, SPEC_FR_SM_USER },
    { "first stage: to the interrupt range", FIRST, FS, 1, 0, ADDR, INTR,
      true, SPEC_FR_SM_OUT_INTERRUPT },

    { "second stage: top not readable", SECOND, PASID, 0, 0, ADDR, NOWHERE,
      false, SPEC_FR_SM_SS_TOP_ACCESS },
    { "second stage: table not readable", SECOND, SS, 2, 0, ADDR, NOWHERE,
      true, SPEC_FR_SM_SS_ACCESS },
    { "second stage: not present", SECOND, SS, 1, 0, BOARD_RW, 0, false,
      SPEC_FR_SM_SS_RW },
    { "second stage: PS in the top table", SECOND, SS, 4, 0, 0, SPEC_SS_PS,
      true, SPEC_FR_SM_SS_RSVD },
    { "second stage: above the host's width", SECOND, SS, 1, 0, 0, HIGH,
      false, SPEC_FR_SM_SS_RSVD },
    { "second stage: no read", SECOND, SS, 2, 0, SPEC_SS_R, 0, false,
      SPEC_FR_SM_READ },
    { "second stage: no write", SECOND, SS, 1, 0, SPEC_SS_W, 0, true,
      SPEC_FR_SM_WRITE },
    { "second stage: to the interrupt range", SECOND, SS, 1, 0, ADDR, INTR,
      true, SPEC_FR_SM_OUT_INTERRUPT },

    { "nested: top table not mapped", NESTED, PASID, 0, 2, ADDR, NOWHERE,
      false, SPEC_FR_SM_SS_RW },
    { "nested: a table beyond the second stage", NESTED, FS, 3, 0, 0,
      SPEC_BIT(49), false, SPEC_FR_SM_FS_BEYOND },
    { "nested: tables not readable", NESTED, SS_TABLE, 4, 0, SPEC_SS_R, 0,
      false, SPEC_FR_SM_FS_TOP_READ },
    { "nested: tables not writable", NESTED, SS_TABLE, 2, 0, SPEC_SS_W, 0,
      false, SPEC_FR_SM_FS_WRITE },
    { "nested: page not present", NESTED, SS_PAGE, 1, 0, BOARD_RW, 0, true,
      SPEC_FR_SM_SS_RW },
    { "nested: page reserved", NESTED, SS_PAGE, 1, 0, 0, HIGH, false,
      SPEC_FR_SM_SS_RSVD },
    { "nested: page not writable", NESTED, SS_PAGE, 1, 0, SPEC_SS_W, 0, true,
      SPEC_FR_SM_WRITE },
    { "nested: page not readable", NESTED, SS_PAGE, 1, 0, SPEC_SS_R, 0,
      false, SPEC_FR_SM_READ },
    { "nested: second-stage table not readable", NESTED, SS_PAGE, 2, 0, ADDR,
      NOWHERE, false, SPEC_FR_SM_SS_ACCESS },
    { "nested: page beyond the second stage", NESTED, FS, 1, 0, 0,
      SPEC_BIT(50), false, SPEC_FR_SM_SS_WIDTH },
    { "nested: to the interrupt range", NESTED, SS_PAGE, 1, 0, ADDR, INTR,
      true, SPEC_FR_SM_OUT_INTERRUPT },
};

/* Nested: second stage has the page here, one of 4 KiB. */
#define IPA UINT64_C(0x4000000000)

static uint64_t place(Sm *s, const Case *c, uint32_t pasid)
{
    GuestAlloc *alloc = &s->b.alloc;
    uint64_t table;

    switch (c->where) {
    case ROOT:
        return s->b.root + (s->b.source >> 8) * 16 +
               ((s->b.source >> 7) & 1) * 8;
    case CONTEXT:
        return guest_sm_context_addr(alloc, s->b.root, s->b.source) +
               8 * c->word;
    case DIRECTORY:
        return s->dir + pasid / SPEC_PASIDS_PER_TABLE * 8;
    case PASID:
        return guest_pasid_addr(alloc, s->dir, pasid) + 8 * c->word;
    case FS:
        return sm_fs_at(s, VA, c->level);
    case SS:
        return sm_ss_at(s, VA, c->level);
    case SS_PAGE:
        return sm_ss_at(s, IPA, c->level);
    default:
        table = sm_fs_at(s, VA, c->level) & ~UINT64_C(0xfff);
        return sm_ss_at(s, table + SM_BIAS, 2);
    }
}

/* One page at VA; returns where it is. */
static uint64_t map_page(Sm *s, unsigned pgtt)
{
    uint64_t page = board_pages(&s->b, 1);

    if (pgtt == SPEC_PGTT_NESTED) {
        g_assert_true(guest_ss_map(&s->b.alloc, s->ss, s->ss_levels, IPA,
                                   page, 1, BOARD_RW));
        g_assert_true(guest_fs_map(&s->fs, &s->b.alloc, VA, IPA, 1,
                                   SM_LEAF));
    } else if (pgtt != SPEC_PGTT_PASS) {
        sm_map(s, VA, page, 1);
    }
    return page;
}

/* Tables as nobody has used them yet: accessed bits must be set again. */
static void forget_bits(Sm *s)
{
    for (unsigned level = 1; level <= s->fs.levels; level++) {
        uint64_t at = sm_fs_at(s, VA, level);

        board_put64(&s->b, at, board_get64(&s->b, at) &
                    ~(SPEC_FS_A | SPEC_FS_D));
    }
}

static void check_case(Sm *s, const Case *c, unsigned pgtt, uint64_t page)
{
    static const uint32_t pasids[] = { SM_PASID, SM_NONE };
    uint64_t va = pgtt == SPEC_PGTT_PASS ? page : VA;

    for (size_t i = 0; i < G_N_ELEMENTS(pasids); i++) {
        uint64_t at = place(s, c, pasids[i] == SM_NONE ? 0 : pasids[i]);
        uint64_t before = board_get64(&s->b, at);

        board_put64(&s->b, at, (before & ~c->clear) | c->set);
        if (c->where == SS_TABLE) {
            forget_bits(s);
        }
        sm_flush(s);
        /* twice: what is cached of it must say the same */
        for (unsigned n = 0; n < 2; n++) {
            sm_fault(s, pasids[i], va + 0x128, c->write, c->reason);
        }
        board_put64(&s->b, at, before);
        sm_flush(s);
        sm_good(s, pasids[i], va + 0x128, page + 0x128);
    }
}

static const char *const caching[] = { "", ",caching-mode=on" };

/* [VTD 9.2] [VTD 9.4] [VTD 9.6] [VTD 9.7] */
static void test_cases(gconstpointer data)
{
    unsigned pgtt = GPOINTER_TO_UINT(data);
    uint64_t page;
    Sm s;

    for (size_t n = 0; n < G_N_ELEMENTS(caching); n++) {
        g_autofree char *options = g_strdup_printf("%s%s", SM_OPTIONS,
                                                   caching[n]);

        sm_start(&s, options, pgtt, 4);
        page = map_page(&s, pgtt);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
            if (cases[i].types & (1u << pgtt)) {
                g_test_message("%s%s", cases[i].name, caching[n]);
                check_case(&s, &cases[i], pgtt, page);
            }
        }
        sm_end(&s);
    }
}

/* --- FPD ----------------------------------------------------------------- */

/* The bit in each of the three places; what lies behind is not recorded, in
 * entries that are not present either, but is still blocked. */
static void test_fpd(void)
{
    static const Case fpd[] = {
        { "context", ALL, CONTEXT, 0, 0, 0, SPEC_SM_CTX_FPD, false, 0 },
        { "directory", ALL, DIRECTORY, 0, 0, 0, SPEC_DIR_FPD, false, 0 },
        { "PASID entry", ALL, PASID, 0, 0, 0, SPEC_PASID_FPD, false, 0 },
    };
    static const struct {
        Case fault;
        unsigned quiet;     /* how many of fpd[] come before it */
    } behind[] = {
        { { "", ALL, ROOT, 0, 0, 1, 0, false, SPEC_FR_SM_ROOT_P }, 0 },
        { { "", ALL, CONTEXT, 0, 0, 1, 0, false, SPEC_FR_SM_CTX_P }, 1 },
        { { "", ALL, CONTEXT, 0, 0, 0, SPEC_BIT(5), false,
            SPEC_FR_SM_CTX_RSVD }, 1 },
        { { "", ALL, DIRECTORY, 0, 0, 1, 0, false, SPEC_FR_SM_DIR_P }, 2 },
        { { "", ALL, PASID, 0, 0, 1, 0, false, SPEC_FR_SM_PASID_P }, 3 },
        { { "", ALL, FS, 1, 0, 1, 0, false, SPEC_FR_SM_FS_P }, 3 },
        { { "", ALL, FS, 2, 0, SPEC_FS_RW, 0, true, SPEC_FR_SM_WRITE }, 3 },
    };
    uint64_t page;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
    page = map_page(&s, SPEC_PGTT_FIRST);
    for (size_t i = 0; i < G_N_ELEMENTS(behind); i++) {
        const Case *c = &behind[i].fault;
        uint64_t at = place(&s, c, SM_PASID);
        uint64_t good = board_get64(&s.b, at);

        board_put64(&s.b, at, (good & ~c->clear) | c->set);
        for (unsigned n = 0; n < G_N_ELEMENTS(fpd); n++) {
            uint64_t where = fpd[n].where == c->where
                             ? at : c->where == ROOT
                             ? 0 : place(&s, &fpd[n], SM_PASID);
            uint64_t before = where ? board_get64(&s.b, where) : 0;

            g_test_message("fault %zu, FPD in the %s", i, fpd[n].name);
            if (where) {
                board_put64(&s.b, where, before | fpd[n].set);
            }
            sm_flush(&s);
            if (n < behind[i].quiet) {
                sm_silent(&s, SM_PASID, VA, c->write);
            } else if (fpd[n].where != PASID || c->where != DIRECTORY) {
                sm_fault(&s, SM_PASID, VA, c->write, c->reason);
            }
            if (where) {
                board_put64(&s.b, where, before);
            }
        }
        board_put64(&s.b, at, good);
        sm_flush(&s);
        sm_good(&s, SM_PASID, VA, page);
    }
    sm_end(&s);
}

/* FPD of an entry that is cached. */
static void test_fpd_cached(void)
{
    uint64_t page;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
    page = map_page(&s, SPEC_PGTT_FIRST);
    s.entry.flags0 = SPEC_PASID_FPD;
    sm_put_pasid(&s, SM_PASID);
    sm_flush(&s);
    for (unsigned i = 0; i < 2; i++) {
        sm_good(&s, SM_PASID, VA, page);
        sm_silent(&s, SM_PASID, VA + 0x1000, i);
        sm_fault(&s, SM_NONE, VA + 0x1000, i, SPEC_FR_SM_FS_P);
    }
    sm_end(&s);
}

/* --- Others -------------------------------------------------------------- */

static void test_root_not_readable(void)
{
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_PASS, 4);
    g_assert_true(guest_set_root(&s.b.regs, NOWHERE |
                                 SPEC_TTM_SCALABLE << SPEC_RTADDR_TTM_SHIFT));
    sm_flush(&s);
    sm_fault(&s, SM_PASID, VA, false, SPEC_FR_SM_ROOT_ACCESS);
    sm_fault(&s, SM_NONE, VA, true, SPEC_FR_SM_ROOT_ACCESS);
    /* the unit's own registers are no place for tables */
    g_assert_true(guest_set_root(&s.b.regs, BOARD_UNIT |
                                 SPEC_TTM_SCALABLE << SPEC_RTADDR_TTM_SHIFT));
    sm_flush(&s);
    sm_fault(&s, SM_PASID, VA, false, SPEC_FR_SM_ROOT_ACCESS);
    sm_end(&s);
}

/* PASIDE, and the size of the directory. */
static void test_pasid_enable(void)
{
    uint64_t page;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
    page = map_page(&s, SPEC_PGTT_FIRST);
    s.ctx[0] &= ~SPEC_SM_CTX_PASIDE;
    sm_put_context(&s);
    sm_flush(&s);
    sm_fault(&s, SM_PASID, VA, true, SPEC_FR_SM_PASIDE);
    sm_fault(&s, 0, VA, false, SPEC_FR_SM_PASIDE);
    sm_good(&s, SM_NONE, VA, page);
    s.ctx[0] |= SPEC_SM_CTX_PASIDE;
    sm_put_context(&s);
    sm_flush(&s);
    sm_good(&s, 0, VA, page);
    for (unsigned pdts = 0; pdts < 8; pdts++) {
        uint32_t end = 1u << (pdts + 7 + 6);

        s.dir = guest_pasid_dir_new(&s.b.alloc, pdts);
        sm_put_pasid(&s, 0);
        sm_put_pasid(&s, end - 1);
        s.ctx[0] = s.dir | SPEC_SM_CTX_P | SPEC_SM_CTX_PASIDE |
                   pdts << SPEC_SM_CTX_PDTS_SHIFT;
        sm_put_context(&s);
        sm_flush(&s);
        sm_good(&s, end - 1, VA, page);
        sm_good(&s, SM_NONE, VA, page);
        sm_fault(&s, end - 2, VA, false, SPEC_FR_SM_PASID_P);
        if (end < 1u << 20) {
            sm_fault(&s, end, VA, true, SPEC_FR_SM_PASID_RANGE);
            sm_fault(&s, (1u << 20) - 1, VA, false, SPEC_FR_SM_PASID_RANGE);
        }
    }
    sm_end(&s);
}

/* Nested: the second stage lets the top table be read, but not another. */
static void test_table_read(void)
{
    const uint64_t ipa = IPA + 0x5000;
    uint64_t page, table;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_NESTED, 4);
    page = map_page(&s, SPEC_PGTT_NESTED);
    for (unsigned level = 1; level <= 3; level++) {
        uint64_t above = sm_fs_at(&s, VA, level + 1);
        uint64_t before = board_get64(&s.b, above);

        /* the table by a page of its own */
        table = sm_fs_at(&s, VA, level) & ~UINT64_C(0xfff);
        g_assert_true(guest_ss_map(&s.b.alloc, s.ss, s.ss_levels, ipa, table,
                                   1, BOARD_RW));
        board_put64(&s.b, above, ipa | SM_LEAF);
        sm_flush(&s);
        sm_good(&s, SM_PASID, VA, page);
        g_assert_true(guest_ss_map(&s.b.alloc, s.ss, s.ss_levels, ipa, table,
                                   1, SPEC_SS_W));
        sm_flush(&s);
        sm_fault(&s, SM_PASID, VA, false, SPEC_FR_SM_FS_READ);
        sm_fault(&s, SM_NONE, VA, true, SPEC_FR_SM_FS_READ);
        board_put64(&s.b, above, before);
    }
    sm_end(&s);
}

/* What is not announced is reserved, or not supported. */
static void test_not_announced(void)
{
    static const struct {
        const char *options;
        unsigned pgtt, word;
        bool context;
        uint64_t set;
        uint8_t reason;
    } table[] = {
        { "x-scalable-mode=on,x-flts=on", SPEC_PGTT_FIRST, 0, true,
          SPEC_SM_CTX_PASIDE, SPEC_FR_SM_CTX_RSVD },
        { "x-scalable-mode=on,x-flts=on", SPEC_PGTT_FIRST, 0, true,
          SPEC_SM_CTX_DTE, SPEC_FR_SM_CTX_RSVD },
        { "x-scalable-mode=on,x-flts=on", SPEC_PGTT_FIRST, 0, true,
          SPEC_SM_CTX_PRE, SPEC_FR_SM_CTX_RSVD },
        { "x-scalable-mode=on,x-flts=on", SPEC_PGTT_FIRST, 1, true, 1,
          SPEC_FR_SM_CTX_RSVD },
        { "x-scalable-mode=on,x-flts=on", SPEC_PGTT_FIRST, 2, false,
          SPEC_PASID2_EAFE, SPEC_FR_SM_PASID_RSVD },
        { "x-scalable-mode=on,pasid-bits=4", SPEC_PGTT_SECOND, 0, false,
          SPEC_PASID_SSADE, SPEC_FR_SM_PASID_RSVD },
        { "x-scalable-mode=on", SPEC_PGTT_FIRST, 0, false, 0,
          SPEC_FR_SM_PASID_INVALID },
        { "x-scalable-mode=on", SPEC_PGTT_NESTED, 0, false, 0,
          SPEC_FR_SM_PASID_INVALID },
        { "x-scalable-mode=on,x-flts=on", SPEC_PGTT_SECOND, 0, false, 0,
          SPEC_FR_SM_PASID_INVALID },
        { "x-scalable-mode=on,x-flts=on", SPEC_PGTT_NESTED, 0, false, 0,
          SPEC_FR_SM_PASID_INVALID },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        uint64_t at;
        Sm s;

        g_test_message("%s, word %u", table[i].options, table[i].word);
        sm_start(&s, table[i].options, table[i].pgtt, 4);
        if (!strstr(table[i].options, "pasid-bits")) {
            s.ctx[0] &= ~SPEC_SM_CTX_PASIDE;
            sm_put_context(&s);
        }
        at = table[i].context
             ? guest_sm_context_addr(&s.b.alloc, s.b.root, s.b.source)
             : guest_pasid_addr(&s.b.alloc, s.dir, 0);
        at += 8 * table[i].word;
        board_put64(&s.b, at, board_get64(&s.b, at) | table[i].set);
        sm_flush(&s);
        sm_fault(&s, SM_NONE, VA, false, table[i].reason);
        sm_end(&s);
    }
}

/* A 1 GiB page without the capability. */
static void test_no_fs1gp(void)
{
    Sm s;

    sm_start(&s, SM_OPTIONS ",fs1gp=off", SPEC_PGTT_FIRST, 4);
    sm_map(&s, VA & ~UINT64_C(0x3fffffff), 0, 3);
    sm_fault(&s, SM_PASID, VA, false, SPEC_FR_SM_FS_RSVD);
    sm_end(&s);
}

/* Faults of different PASIDs are different faults. */
static void test_records(void)
{
    Board *b;
    Sm s;

    sm_start(&s, SM_OPTIONS, SPEC_PGTT_FIRST, 4);
    b = &s.b;
    for (unsigned i = 0; i < 4; i++) {
        sm_use(&s, i == 3 ? SM_NONE : 4 * i + 1);
        board_dma_blocked(b, VA + 0x1000 * (i & 1), i & 1);
    }
    for (unsigned i = 0; i < 4; i++) {
        uint64_t at = guest_frcd_offset(&b->regs, i);
        uint64_t hi = board_reg64(b, at + 8);

        g_assert_cmphex(board_reg64(b, at), ==, VA + 0x1000 * (i & 1));
        g_assert_cmphex(hi & SPEC_FRCD_HI_F, ==, SPEC_FRCD_HI_F);
        g_assert_cmphex(hi & SPEC_FRCD_HI_PP, ==,
                        i == 3 ? 0 : SPEC_FRCD_HI_PP);
        g_assert_cmphex((hi & SPEC_FRCD_HI_PN) >> SPEC_FRCD_HI_PN_SHIFT, ==,
                        i == 3 ? 0 : 4 * i + 1);
        g_assert_cmphex(hi & SPEC_FRCD_HI_T1, ==,
                        i & 1 ? 0 : SPEC_FRCD_HI_T1);
        board_clear_fault(b, i);
    }
    board_no_fault(b);
    sm_end(&s);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *path;
        unsigned pgtt;
    } types[] = {
        { "/scalable-faults/first", SPEC_PGTT_FIRST },
        { "/scalable-faults/second", SPEC_PGTT_SECOND },
        { "/scalable-faults/nested", SPEC_PGTT_NESTED },
        { "/scalable-faults/pass-through", SPEC_PGTT_PASS },
    };

    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        g_test_add_data_func(types[i].path, GUINT_TO_POINTER(types[i].pgtt),
                             test_cases);
    }
    g_test_add_func("/scalable-faults/fpd", test_fpd);
    g_test_add_func("/scalable-faults/fpd-cached", test_fpd_cached);
    g_test_add_func("/scalable-faults/root-not-readable",
                    test_root_not_readable);
    g_test_add_func("/scalable-faults/pasid-enable", test_pasid_enable);
    g_test_add_func("/scalable-faults/table-read", test_table_read);
    g_test_add_func("/scalable-faults/not-announced", test_not_announced);
    g_test_add_func("/scalable-faults/no-1g", test_no_fs1gp);
    g_test_add_func("/scalable-faults/records", test_records);
    return g_test_run();
}
