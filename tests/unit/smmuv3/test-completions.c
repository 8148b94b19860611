/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: what a translation completion says [SMMU 3.9.1] [SMMU 13.7].  Each
 * override of a stream table entry, with each permission of each stage, is
 * asked for in each way, and held against the specification's pseudocode
 * [SMMU 13.7.1].
 */
#include "tests/lib/unit/smmu.h"

#define SSID    5u
#define VA      UINT64_C(0x7f1234000000)
#define IPA     UINT64_C(0x8000000000)
#define PA      UINT64_C(0x00300000)
#define PAGE    UINT64_C(0x1000)
#define KINDS   16u
#define RW      (VIOMMU_READ | VIOMMU_WRITE)
#define RWX     (RW | VIOMMU_EXEC)

enum { USE_INCOMING, RESERVED, UNPRIVILEGED, PRIVILEGED };  /* PRIVCFG */
enum { DATA = 2, INSTRUCTION = 3 };                         /* INSTCFG */

/* --- The rules ----------------------------------------------------------- */

typedef struct Rights {
    bool r, w, x;
} Rights;

typedef struct Asked {
    bool pasid, nw, exe, priv;
} Asked;

typedef struct Completion {
    bool r, w, exe, priv;
} Completion;

/* Stage 1 (VMSAv8-64): AP[2:1], UXN and PXN. */
static Rights stage1(unsigned kind, bool privileged)
{
    bool user = kind & 1, ro = kind & 2, uxn = kind & 4, pxn = kind & 8;

    if (!privileged) {
        return (Rights) { user, user && !ro, !uxn };
    }
    /* What a user can write is not executed with privilege. */
    return (Rights) { true, !ro, !pxn && !(user && !ro) };
}

static uint64_t stage1_page(unsigned kind)
{
    return SMMUV3_PTE_AF | (kind & 1 ? SMMUV3_PTE_USER : 0) |
           (kind & 2 ? SMMUV3_PTE_RDONLY : 0) |
           (kind & 4 ? SMMUV3_PTE_UXN : 0) | (kind & 8 ? SMMUV3_PTE_PXN : 0);
}

/* Stage 2: S2AP and XN[1:0]. */
static Rights stage2(unsigned kind, bool privileged)
{
    static const bool user_x[4] = { true, true, false, false };
    static const bool priv_x[4] = { true, false, false, true };
    unsigned xn = kind >> 2;

    return (Rights) {
        kind & 1, kind & 2, privileged ? priv_x[xn] : user_x[xn],
    };
}

static uint64_t stage2_page(unsigned kind)
{
    return SMMUV3_PTE_AF | SMMUV3_PTE_MEMATTR |
           (kind & 1 ? SMMUV3_PTE_S2R : 0) | (kind & 2 ? SMMUV3_PTE_S2W : 0) |
           FIELD_PUT(kind >> 2, PTE_S2_XN);
}

static bool effective(unsigned privcfg, const Asked *tr)
{
    return privcfg == PRIVILEGED ||
           (privcfg != UNPRIVILEGED && tr->pasid && tr->priv);
}

/* The pseudocode, line by line [SMMU 13.7.1]. */
static Completion rule(unsigned instcfg, Asked tr, Rights ttd)
{
    Completion tc;

    if (!tr.pasid) {
        tr.priv = false;
        tr.exe = false;
    }
    tc.priv = tr.priv;
    tc.w = ttd.w;
    switch (instcfg) {
    case INSTRUCTION:
        tc.r = ttd.x;
        tc.exe = tr.exe && ttd.x;
        break;
    case DATA:
        tc.r = ttd.r;
        tc.exe = tr.exe && ttd.r;
        break;
    default:
        tc.r = ttd.r;
        tc.exe = tr.exe && ttd.r && ttd.x;
        break;
    }
    return tc;
}

/* --- Streams ------------------------------------------------------------- */

static void no_stage2(ViommuSmmuv3Config *config)
{
    config->stage2 = false;
}

/* Substreams have descriptors of their own; what has none is as 0. */
static Smmu *new_stream(unsigned kind, unsigned eats)
{
    Smmu *s = smmu_test_new_with(kind, kind & 2 ? NULL : no_stage2);

    s->ste.eats = eats;
    s->ste.s1cdmax = 4;
    s->ste.s1dss = S1DSS_SSID0;
    smmu_test_put_cd(s, SSID);
    smmu_test_put_ste(s);
    return s;
}

static void set_overrides(Smmu *s, unsigned privcfg, unsigned instcfg)
{
    smmu_test_change(s, smmu_test_ste_at(s) + 8,
                     FIELD_MASK(STE_PRIVCFG) | FIELD_MASK(STE_INSTCFG),
                     FIELD_PUT(privcfg, STE_PRIVCFG) |
                     FIELD_PUT(instcfg, STE_INSTCFG));
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    smmu_test_sync(s);
}

static ViommuStatus ask(Smmu *s, const Asked *tr, uint64_t addr,
                        ViommuReply *reply)
{
    return smmu_test_request(s, tr->pasid ? SSID : VIOMMU_NO_PASID, addr,
                             VIOMMU_READ | (tr->nw ? 0 : VIOMMU_WRITE) |
                             (tr->exe ? VIOMMU_EXEC : 0) |
                             (tr->priv ? VIOMMU_PRIV : 0),
                             VIOMMU_TRANSLATION, reply);
}

/* @at: where, if there is anything. */
static void check(Smmu *s, const Asked *tr, uint64_t addr, Completion tc,
                  uint64_t at)
{
    ViommuReply reply;
    uint64_t word[4];
    unsigned access = (tc.r ? VIOMMU_READ : 0) | (tc.w ? VIOMMU_WRITE : 0) |
                      (tc.exe ? VIOMMU_EXEC : 0);

    g_assert_cmpint(ask(s, tr, addr, &reply), ==, VIOMMU_OK);
    if (reply.access != access || reply.privileged != tc.priv) {
        g_error("pasid %d nw %d exe %d priv %d at %#" G_GINT64_MODIFIER "x: "
                "access %#x priv %d, expected %#x and %d", tr->pasid, tr->nw,
                tr->exe, tr->priv, addr, reply.access, reply.privileged,
                access, tc.priv);
    }
    g_assert_false(reply.global);
    g_assert_false(reply.untranslated_only);
    g_assert_false(smmu_test_event(s, word));
    if (access) {
        g_assert_cmphex(reply.addr, ==, at);
        g_assert_cmphex(reply.size, ==, PAGE);
    }
}

static Asked asked(unsigned bits)
{
    return (Asked) { bits & 1, bits & 2, bits & 4, bits & 8 };
}

/* --- Tests --------------------------------------------------------------- */

/* Stage 1 alone: 16 overrides, 16 pages, 16 requests [SMMU 13.7.1]. */
static void test_stage1(void)
{
    Smmu *s = new_stream(SMMUV3_S1, 1);

    for (unsigned k = 0; k < KINDS; k++) {
        g_assert_true(guest_tables_map(&s->s1, VA + k * PAGE, PA + k * PAGE,
                                       3, stage1_page(k)));
    }
    for (unsigned cfg = 0; cfg < 16; cfg++) {
        set_overrides(s, cfg & 3, cfg >> 2);
        for (unsigned i = 0; i < KINDS * 16; i++) {
            unsigned k = i / 16;
            Asked tr = asked(i % 16);
            Rights ttd = stage1(k, effective(cfg & 3, &tr));

            check(s, &tr, VA + k * PAGE, rule(cfg >> 2, tr, ttd),
                  PA + k * PAGE);
        }
    }
    smmu_test_free(s);
}

/* Both stages; with split-stage ATS, the address is the one between. */
static void check_nested(Smmu *s, bool split)
{
    for (unsigned k = 0; k < KINDS * KINDS; k++) {
        uint64_t offset = k * PAGE;

        g_assert_true(guest_tables_map(&s->s1, VA + offset, IPA + offset, 3,
                                       stage1_page(k / KINDS)));
        g_assert_true(guest_tables_map(&s->s2, IPA + offset, PA + offset, 3,
                                       stage2_page(k % KINDS)));
    }
    for (unsigned cfg = 0; cfg < 16; cfg++) {
        set_overrides(s, cfg & 3, cfg >> 2);
        for (unsigned i = 0; i < KINDS * KINDS * 16; i++) {
            unsigned k = i / 16;
            Asked tr = asked(i % 16);
            bool priv = effective(cfg & 3, &tr);
            Rights a = stage1(k / KINDS, priv), b = stage2(k % KINDS, priv);
            Rights ttd = { a.r && b.r, a.w && b.w, a.x && b.x };

            check(s, &tr, VA + k * PAGE, rule(cfg >> 2, tr, ttd),
                  (split ? IPA : PA) + k * PAGE);
        }
    }
}

static void test_nested(void)
{
    Smmu *s = new_stream(SMMUV3_NESTED, 1);

    check_nested(s, false);
    smmu_test_free(s);
}

/* [SMMU 13.6.3] */
static void test_split(void)
{
    Smmu *s = new_stream(SMMUV3_NESTED, 2);

    check_nested(s, true);
    smmu_test_free(s);
}

/*
 * Transactions by the same rules: they need what a completion of the same kind
 * would grant, and more than that is granted to none [SMMU 13.1.4].
 */
static void test_transactions(void)
{
    Smmu *s = new_stream(SMMUV3_S1, 1);

    for (unsigned k = 0; k < KINDS; k++) {
        g_assert_true(guest_tables_map(&s->s1, VA + k * PAGE, PA + k * PAGE,
                                       3, stage1_page(k)));
    }
    for (unsigned i = 0; i < 16 * KINDS * 8; i++) {
        unsigned cfg = i / (KINDS * 8), k = i / 8 % KINDS;
        unsigned privcfg = cfg & 3, instcfg = cfg >> 2;
        Asked tr = { .pasid = true, .exe = i & 2, .priv = i & 4 };
        bool write = i & 1;
        Rights ttd = stage1(k, effective(privcfg, &tr));
        bool fetch = !write && instcfg != DATA &&
                     (tr.exe || instcfg == INSTRUCTION);
        bool ok = write ? ttd.w : fetch ? ttd.x : ttd.r;
        unsigned access = (write ? VIOMMU_WRITE : VIOMMU_READ) |
                          (tr.exe ? VIOMMU_EXEC : 0) |
                          (tr.priv ? VIOMMU_PRIV : 0);
        bool may_read = instcfg == INSTRUCTION ? ttd.x : ttd.r;
        ViommuReply reply;
        uint64_t word[4];

        if (i % (KINDS * 8) == 0) {
            set_overrides(s, privcfg, instcfg);
        }
        g_assert_cmpint(smmu_test_request(s, SSID, VA + k * PAGE, access,
                                          VIOMMU_UNTRANSLATED, &reply), ==,
                        ok ? VIOMMU_OK : VIOMMU_FAULT);
        g_assert_cmpint(smmu_test_event(s, word), ==, !ok);
        if (!ok) {
            /* RnW, InD and PnU after the overrides [SMMU 7.3] */
            g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_PERMISSION);
            g_assert_cmphex(word[1] >> 33 & 7, ==,
                            effective(privcfg, &tr) | fetch << 1 |
                            !write << 2);
            continue;
        }
        g_assert_cmphex(reply.addr, ==, PA + k * PAGE);
        g_assert_false(reply.global);
        g_assert_cmpint(!!(reply.access & VIOMMU_WRITE), ==, ttd.w);
        g_assert_cmpint(!!(reply.access & VIOMMU_READ), ==,
                        may_read || fetch);
    }
    smmu_test_free(s);
}

/* The specification's examples [SMMU 13.7]. */
static void test_examples(void)
{
    enum { USER = 1, RO = 2, UXN = 4, PXN = 8, NOBODY = UXN | PXN };
    static const struct {
        unsigned page;
        Asked tr;
        Completion tc;
    } table[] = {
        { USER, { true, false, false, false }, { true, true, false, false } },
        { USER | RO, { true, true, false, false },
          { true, false, false, false } },
        { USER | RO, { true, false, false, false },
          { true, false, false, false } },
        { 0, { true, false, false, true }, { true, true, false, true } },
        { USER | NOBODY, { true, true, true, false },
          { true, true, false, false } },
        { USER | NOBODY, { true, false, false, false },
          { true, true, false, false } },
        { USER, { true, false, true, false }, { true, true, true, false } },
        /* for a user's execution only: nothing */
        { 0, { true, false, true, false }, { false, false, false, false } },
    };
    Smmu *s = new_stream(SMMUV3_S1, 1);

    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        g_assert_true(guest_tables_map(&s->s1, VA + i * PAGE, PA + i * PAGE,
                                       3, stage1_page(table[i].page)));
        check(s, &table[i].tr, VA + i * PAGE, table[i].tc, PA + i * PAGE);
    }
    /* A fault says no more than that, to whom it was asked for. */
    check(s, &(Asked) { true, false, true, true }, VA + 0x100 * PAGE,
          (Completion) { .priv = true }, 0);
    check(s, &(Asked) { true, true, false, false }, VA + 0x100 * PAGE,
          (Completion) { .priv = false }, 0);
    smmu_test_free(s);
}

/* --- Pages that are clean [SMMU 3.13.7] ---------------------------------- */

#define CLEAN_S1 (SMMUV3_PTE_AF | SMMUV3_PTE_USER | SMMUV3_PTE_RDONLY | \
                  SMMUV3_PTE_DBM)
#define CLEAN_S2 (SMMUV3_PTE_AF | SMMUV3_PTE_MEMATTR | SMMUV3_PTE_S2R | \
                  SMMUV3_PTE_DBM)

static bool is_dirty(Smmu *s, bool second)
{
    uint64_t word = guest_read64(&s->f->mem,
                                 second ? guest_tables_entry(&s->s2, IPA, 3)
                                        : guest_tables_entry(&s->s1, VA, 3));

    return second == !!(word & SMMUV3_PTE_RDONLY);
}

/* Map VA anew, and ask; after that the pages are dirty, or not. */
static void check_clean(Smmu *s, uint64_t page1, uint64_t page2, bool nw,
                        bool writable, bool dirty1, bool dirty2)
{
    const Asked tr = { .pasid = true, .nw = nw };

    g_assert_true(guest_tables_map(&s->s1, VA, IPA, 3, page1));
    g_assert_true(guest_tables_map(&s->s2, IPA, PA, 3, page2));
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    smmu_test_sync(s);
    check(s, &tr, VA, (Completion) { .r = true, .w = writable }, PA);
    g_assert_cmpint(is_dirty(s, false), ==, dirty1);
    g_assert_cmpint(is_dirty(s, true), ==, dirty2);
}

/* [SMMU 3.13.7.1] [SMMU 3.13.3] */
static void test_clean(void)
{
    const uint64_t ro1 = SMMUV3_PTE_AF | SMMUV3_PTE_USER |
                         SMMUV3_PTE_RDONLY;
    Smmu *s = new_stream(SMMUV3_NESTED, 1);
    const Asked write = { .pasid = true };

    s->cd.ha = s->cd.hd = true;
    smmu_test_put_cd(s, SSID);
    s->ste.s2ha = s->ste.s2hd = true;
    smmu_test_put_ste(s);
    /* One that will not write neither marks nor is told that it may; ... */
    check_clean(s, CLEAN_S1, CLEAN_S2, true, false, false, false);
    check_clean(s, SMMUV3_PAGE_S1, CLEAN_S2, true, false, true, false);
    check_clean(s, SMMUV3_PAGE_S1, SMMUV3_PAGE_S2, true, true, true, true);
    /* ... one that will, does.  Also when the first has left an entry. */
    check_clean(s, CLEAN_S1, CLEAN_S2, true, false, false, false);
    check(s, &write, VA, (Completion) { .r = true, .w = true }, PA);
    g_assert_true(is_dirty(s, false));
    g_assert_true(is_dirty(s, true));
    check_clean(s, CLEAN_S1, CLEAN_S2, false, true, true, true);
    /* Read-only in stage 1: neither is marked [SMMU 3.13.7.1]. */
    check_clean(s, ro1, CLEAN_S2, false, false, false, false);
    /* Without hardware's marks, a clean page is read-only. */
    s->cd.ha = s->cd.hd = false;
    smmu_test_put_cd(s, SSID);
    check_clean(s, CLEAN_S1, CLEAN_S2, false, false, false, false);
    smmu_test_free(s);
}

/* --- Without stage 1 ----------------------------------------------------- */

/* Where S1DSS bypasses stage 1, a request without PASID is granted all that it
 * can ask for [SMMU 13.6.4] [SMMU 13.6.5]. */
static void test_bypass(void)
{
    const Asked tr = { .exe = true, .priv = true };
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);
    ViommuReply reply;

    s->ste.eats = EATS_FULL;
    s->ste.s1cdmax = 4;
    s->ste.s1dss = S1DSS_BYPASS;
    smmu_test_put_ste(s);
    for (unsigned cfg = 0; cfg < 16; cfg++) {
        set_overrides(s, cfg & 3, cfg >> 2);
        g_assert_cmpint(ask(s, &tr, PA + 0x123, &reply), ==, VIOMMU_OK);
        g_assert_cmphex(reply.access, ==, RW);
        g_assert_cmphex(reply.addr, ==, PA + 0x123);
        g_assert_false(reply.privileged);
        g_assert_cmphex(reply.size, >=, PAGE);
        /* too wide */
        check(s, &tr, UINT64_C(1) << 48, (Completion) { .r = false }, 0);
    }
    smmu_test_free(s);

    s = new_stream(SMMUV3_NESTED, 2);
    s->ste.s1dss = S1DSS_BYPASS;
    smmu_test_put_ste(s);
    for (unsigned k = 0; k < KINDS; k++) {
        g_assert_true(guest_tables_map(&s->s2, IPA + k * PAGE, PA + k * PAGE,
                                       3, stage2_page(k)));
    }
    for (unsigned i = 0; i < 16 * KINDS * 2; i++) {
        unsigned cfg = i / (KINDS * 2), k = i / 2 % KINDS;
        Asked asks = { .nw = i & 1, .exe = true, .priv = true };

        if (i % (KINDS * 2) == 0) {
            set_overrides(s, cfg & 3, cfg >> 2);
        }
        check(s, &asks, IPA + k * PAGE,
              rule(cfg >> 2, asks, stage2(k, effective(cfg & 3, &asks))),
              IPA + k * PAGE);
    }
    smmu_test_free(s);
}

/* Split-stage ATS without ATSCHK is none [SMMU 3.9.1.2]. */
static void test_split_unchecked(void)
{
    Smmu *s = new_stream(SMMUV3_NESTED, 2);
    const Asked tr = { .pasid = true };
    ViommuReply reply;
    uint64_t word[4];

    guest_set_reg32(s->regs, SMMUV3_CR0,
                    guest_reg32(s->regs, SMMUV3_CR0) &
                    ~SMMUV3_CR0_ATSCHK);
    smmu_test_forget(s);
    g_assert_cmpint(ask(s, &tr, VA, &reply), ==, VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, SMMUV3_F_BAD_ATS_TREQ);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_BAD_ATS_TREQ);
    smmu_test_free(s);
}

/* A page that all ASIDs have is not one that all PASIDs have [SMMU 3.9.1]. */
static void test_global(void)
{
    Smmu *s = new_stream(SMMUV3_S1, 1);

    for (unsigned i = 0; i < 4; i++) {
        const Asked tr = { .pasid = i & 1 };
        uint64_t page = SMMUV3_PAGE_S1 & ~(i & 2 ? 0 : SMMUV3_PTE_NG);

        g_assert_true(guest_tables_map(&s->s1, VA + i * PAGE, PA, 3, page));
        /* from the tables, and from the cache */
        check(s, &tr, VA + i * PAGE, (Completion) { .r = true, .w = true }, PA);
        check(s, &tr, VA + i * PAGE, (Completion) { .r = true, .w = true }, PA);
    }
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-completions/stage1", test_stage1);
    g_test_add_func("/smmu-completions/nested", test_nested);
    g_test_add_func("/smmu-completions/split", test_split);
    g_test_add_func("/smmu-completions/transactions", test_transactions);
    g_test_add_func("/smmu-completions/examples", test_examples);
    g_test_add_func("/smmu-completions/clean", test_clean);
    g_test_add_func("/smmu-completions/bypass", test_bypass);
    g_test_add_func("/smmu-completions/split-unchecked",
                    test_split_unchecked);
    g_test_add_func("/smmu-completions/global", test_global);
    return g_test_run();
}
