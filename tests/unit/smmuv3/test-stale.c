/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cached tables of SMMUv3's upper levels: which invalidations remove them,
 * which leave them, and that a walk from a cached table decides as one from
 * the first table does.
 */
#include "tests/lib/unit/smmu.h"

#define IOVA    UINT64_C(0x40000000)
#define OLD     UINT64_C(0x100000)
#define NEW     UINT64_C(0x200000)
#define RW      (VIOMMU_READ | VIOMMU_WRITE)
#define VMID    CMD_VMID(SMMU_TEST_VMID)
#define ASID    CMD_ASID(SMMU_TEST_ASID)
#define TABLE_ADDR UINT64_C(0xfffffffff000)

/* of commands by address, for a range: TG, NUM, SCALE */
#define RANGE(num, scale) (CMD_NUM(num) | CMD_SCALE(scale))


static uint64_t table_reads(Smmu *s)
{
    ViommuStats stats;

    viommu_get_stats(s->f->unit, &stats);
    return stats.table_reads;
}

static void command(Smmu *s, uint64_t w0, uint64_t w1)
{
    guest_smmu_command(&s->commands, w0, w1);
    smmu_test_sync(s);
}

/* The page of @addr is at @to, and that takes @reads table reads. */
static void expect(Smmu *s, uint64_t addr, uint64_t to, unsigned reads)
{
    uint64_t before = table_reads(s);
    ViommuReply reply;

    g_assert_cmpint(smmu_test_dma(s, addr, VIOMMU_READ, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, to);
    g_assert_cmpuint(table_reads(s) - before, ==, reads);
}

static Smmu *new_stream(unsigned kind)
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    return smmu_test_new(&config, kind);
}

/* Tables of a granule, in the stage that the stream has; from level 0 or 1. */
static GuestTables *set_granule(Smmu *s, unsigned granule)
{
    static const unsigned tg[3] = { 0, 2, 1 };
    bool one = s->ste.config != SMMUV3_S2;
    GuestTables *t = one ? &s->s1 : &s->s2;
    unsigned bits = one ? 48 : granule == 16 ? 44 : 40;

    g_assert_true(guest_tables_init(t, s->alloc, granule, bits,
                                    !one && granule == 12 ? 1 : 0));
    if (one) {
        s->cd.ttb[0] = t->ttb;
        s->cd.tg[0] = tg[(granule - 12) / 2];
        smmu_test_put_cd(s, 0);
    } else {
        s->ste.s2ttb = t->ttb;
        s->ste.s2tg = tg[(granule - 12) / 2];
        s->ste.s2t0sz = 64 - bits;
        s->ste.s2sl0 = granule == 12 ? 2 - t->start : 3 - t->start;
        smmu_test_put_ste(s);
    }
    return t;
}

/* The descriptor of @level for IOVA gets another table behind it, where the
 * first two pages are at NEW. */
static void replace(Smmu *s, GuestTables *t, unsigned level)
{
    uint64_t size = UINT64_C(1) << t->granule;
    uint64_t at = guest_tables_entry(t, IOVA, level);
    uint64_t attributes = s->ste.config == SMMUV3_S2 ? SMMUV3_PAGE_S2
                                                     : SMMUV3_PAGE_S1;

    guest_write64(&s->f->mem, at, 0);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(guest_tables_map(t, IOVA + i * size, NEW + i * size, 3,
                                       attributes));
    }
}

typedef struct Case {
    uint64_t w0, w1;
    bool removes;
} Case;

static const Case stage1_cases[] = {
    { CMD_NH_VA | VMID | ASID, IOVA, true },
    { CMD_NH_VA | VMID | ASID, IOVA | CMD_LEAF, false },
    { CMD_NH_VA | VMID | ASID, IOVA + 0x1ff000, true },  /* same table */
    { CMD_NH_VA | VMID | ASID, IOVA - 0x1000, false },   /* another one's */
    { CMD_NH_VA | VMID | CMD_ASID(8), IOVA, false },
    { CMD_NH_VA | CMD_VMID(4) | ASID, IOVA, false },
    { CMD_NH_VAA | VMID, IOVA, true },
    { CMD_NH_ASID | VMID | ASID, 0, true },
    { CMD_NH_ASID | VMID | CMD_ASID(8), 0, false },
    { CMD_NH_ASID | CMD_VMID(4) | ASID, 0, false },
    { CMD_NH_ALL | VMID, 0, true },
    { CMD_NH_ALL | CMD_VMID(4), 0, false },
    { CMD_S12_VMALL | VMID, 0, true },
    { CMD_S12_VMALL | CMD_VMID(4), 0, false },
    { CMD_S2_IPA | CMD_VMID(4), IOVA, false },
    { CMD_NSNH_ALL, 0, true },
    /* ranges: (NUM + 1) * 2^SCALE pages */
    { CMD_NH_VA | VMID | ASID | RANGE(3, 1), (IOVA - 0x7000) | CMD_TG_4K,
      true },
    { CMD_NH_VA | VMID | ASID | RANGE(2, 1), (IOVA - 0x7000) | CMD_TG_4K,
      false },
    { CMD_NH_VA | VMID | ASID | RANGE(3, 1),
      (IOVA - 0x7000) | CMD_TG_4K | CMD_LEAF,
      false },
    { CMD_NH_VA | VMID | ASID | RANGE(31, 12), CMD_TG_4K, true },    /* a lot */
    { CMD_NH_VA | VMID | ASID | RANGE(31, 39), CMD_TG_4K, true },    /* more */
};

static const Case stage2_cases[] = {
    { CMD_S2_IPA | VMID, IOVA, true },
    { CMD_S2_IPA | VMID, IOVA | CMD_LEAF, false },
    { CMD_S2_IPA | VMID, IOVA + 0x1ff000, true },
    { CMD_S2_IPA | VMID, IOVA - 0x1000, false },
    { CMD_S2_IPA | CMD_VMID(4), IOVA, false },
    { CMD_S12_VMALL | VMID, 0, true },
    { CMD_S12_VMALL | CMD_VMID(4), 0, false },
    { CMD_NH_VA | VMID | ASID, IOVA, false },
    { CMD_NH_ASID | VMID | ASID, 0, false },
    { CMD_NSNH_ALL, 0, true },
    { CMD_S2_IPA | VMID | RANGE(3, 1), (IOVA - 0x7000) | CMD_TG_4K, true },
    { CMD_S2_IPA | VMID | RANGE(2, 1), (IOVA - 0x7000) | CMD_TG_4K, false },
    { CMD_S2_IPA | VMID | RANGE(31, 39), CMD_TG_4K, true },
};

/* A table of @level + 1, cached, is replaced; the page that was not looked at
 * tells whether the cached one is still there. */
static void one_case(unsigned kind, unsigned granule, unsigned level,
                     const Case *c)
{
    Smmu *s = new_stream(kind);
    GuestTables *t = set_granule(s, granule);
    uint64_t attributes = kind == SMMUV3_S2 ? SMMUV3_PAGE_S2
                                            : SMMUV3_PAGE_S1;
    uint64_t size = UINT64_C(1) << granule;
    unsigned all = 4 - t->start;
    ViommuReply reply;

    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(guest_tables_map(t, IOVA + i * size, OLD + i * size, 3,
                                       attributes));
    }
    expect(s, IOVA, OLD, all);
    replace(s, t, level);
    command(s, c->w0, c->w1);
    if (!c->removes) {
        /* Nothing else is in the cache: what may stay does stay. */
        expect(s, IOVA + size, OLD + size, 1);
    } else {
        g_assert_cmpint(smmu_test_dma(s, IOVA + size, RW, &reply), ==,
                        VIOMMU_OK);
        g_assert_cmphex(reply.addr, ==, NEW + size);
    }
    smmu_test_free(s);
}

/* [SMMU 3.17] [SMMU 4.4.2] [SMMU 4.4.3] */
static void test_invalidations(void)
{
    for (unsigned granule = 12; granule <= 16; granule += 2) {
        for (unsigned level = 1; level <= 2; level++) {
            for (unsigned i = 0; i < G_N_ELEMENTS(stage1_cases); i++) {
                one_case(SMMUV3_S1, granule, level, &stage1_cases[i]);
            }
            for (unsigned i = 0; i < G_N_ELEMENTS(stage2_cases); i++) {
                one_case(SMMUV3_S2, granule, level, &stage2_cases[i]);
            }
        }
    }
}

/* --- Nested --------------------------------------------------------------- */

#define IPA     UINT64_C(0x8000000000)

static void map_nested(Smmu *s, uint64_t addr, uint64_t ipa, uint64_t to)
{
    g_assert_true(guest_tables_map(&s->s1, addr, ipa, 3, SMMUV3_PAGE_S1));
    g_assert_true(guest_tables_map(&s->s2, ipa, to, 3, SMMUV3_PAGE_S2));
}

/* A table of stage 1 is moved by stage 2, or changed under it [SMMU 3.17]
 * [SMMU 4.4.3]. */
static void test_nested(void)
{
    static const Case cases[] = {
        { CMD_S2_IPA | VMID, 0, true },       /* S2_IPA of the table */
        { CMD_S12_VMALL | VMID, 0, true },
        { CMD_NSNH_ALL, 0, true },
        { CMD_S2_IPA | CMD_VMID(4), 0, false },
        { CMD_S12_VMALL | CMD_VMID(4), 0, false },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Smmu *s = new_stream(SMMUV3_NESTED);
        const GuestMem *mem = &s->f->mem;
        uint64_t copy = NEW, at, table;
        ViommuReply reply;

        map_nested(s, IOVA, IPA, OLD);
        map_nested(s, IOVA + 0x1000, IPA + 0x1000, OLD + 0x1000);
        /* The table of the last level is put elsewhere by stage 2, and its
         * second page is the first one there. */
        at = guest_tables_entry(&s->s1, IOVA, 2);
        table = guest_read64(mem, at) & TABLE_ADDR;
        guest_write64(mem, at, (IPA + 0x10000) | 3);
        g_assert_true(guest_tables_map(&s->s2, IPA + 0x10000, table, 3,
                                       SMMUV3_PAGE_S2));
        guest_write64(mem, copy + 8, guest_read64(mem, table));
        g_assert_cmpint(smmu_test_dma(s, IOVA, RW, &reply), ==, VIOMMU_OK);
        /* stage 1's descriptor, and that of stage 2 */
        expect(s, IOVA + 0x1000, OLD + 0x1000, 2);
        command(s, CMD_NH_VA | VMID | ASID, (IOVA + 0x1000) | CMD_LEAF);
        expect(s, IOVA + 0x1000, OLD + 0x1000, 2);
        command(s, CMD_NH_VA | VMID | ASID, (IOVA + 0x1000) | CMD_LEAF);

        g_assert_true(guest_tables_map(&s->s2, IPA + 0x10000, copy, 3,
                                       SMMUV3_PAGE_S2));
        command(s, cases[i].w0, cases[i].w1 + IPA + 0x10000);
        if (cases[i].removes) {
            g_assert_cmpint(smmu_test_dma(s, IOVA + 0x1000, RW, &reply), ==,
                            VIOMMU_OK);
            g_assert_cmphex(reply.addr, ==, OLD);
        } else {
            expect(s, IOVA + 0x1000, OLD + 0x1000, 2);
        }
        smmu_test_free(s);
    }
}

/* Stage 2 has put a table of stage 1 in pieces, the other way round; where the
 * table would be without stage 2, there are other descriptors [SMMU 3.17]. */
static void test_pieces(void)
{
    Smmu *s = new_stream(SMMUV3_NESTED);
    const GuestMem *mem = &s->f->mem;
    GuestTables *t = set_granule(s, 16);
    const uint64_t decoy = 0x300000;
    uint64_t at, table;

    g_assert_true(guest_tables_map(t, IOVA, IPA, 3, SMMUV3_PAGE_S1));
    at = guest_tables_entry(t, IOVA, 2);
    table = guest_read64(mem, at) & TABLE_ADDR;
    guest_write64(mem, at, decoy | 3);
    for (unsigned i = 0; i < 16; i++) {
        uint64_t piece = i * UINT64_C(0x1000);

        guest_write64(mem, decoy + piece, IPA | SMMUV3_PAGE_S1 | 3);
        g_assert_true(guest_tables_map(&s->s2, decoy + piece,
                                       table + 0xf000 - piece, 3,
                                       SMMUV3_PAGE_S2));
        g_assert_true(guest_tables_map(&s->s2, IPA + i * UINT64_C(0x10000),
                                       OLD + piece, 3, SMMUV3_PAGE_S2));
        /* 512 descriptors are in a piece */
        guest_write64(mem, table + 0xf000 - piece,
                      (IPA + i * UINT64_C(0x10000)) | SMMUV3_PAGE_S1 | 3);
    }
    for (unsigned i = 0; i < 16; i++) {
        ViommuReply reply;

        g_assert_cmpint(smmu_test_dma(s, IOVA + i * UINT64_C(0x2000000),
                                      RW, &reply), ==, VIOMMU_OK);
        g_assert_cmphex(reply.addr, ==, OLD + i * UINT64_C(0x1000));
    }
    smmu_test_free(s);
}

/* --- The same decisions --------------------------------------------------- */

/* What the tables above take away, they take away from every page
 * [ARM D8.4]. */
static void test_limits(void)
{
    static const struct {
        uint64_t bits;
        unsigned access;        /* that is refused */
        unsigned allowed;
    } cases[] = {
        { SMMUV3_TABLE_RDONLY, VIOMMU_WRITE, VIOMMU_READ },
        { SMMUV3_TABLE_NO_USER, VIOMMU_READ, VIOMMU_READ | VIOMMU_PRIV },
        { SMMUV3_TABLE_UXN, VIOMMU_EXEC, VIOMMU_READ },
        { SMMUV3_TABLE_PXN, VIOMMU_EXEC | VIOMMU_PRIV, VIOMMU_EXEC },
    };

    for (unsigned i = 0; i < 2 * G_N_ELEMENTS(cases); i++) {
        Smmu *s = new_stream(i % 2 ? SMMUV3_NESTED : SMMUV3_S1);
        uint64_t at = guest_tables_entry(&s->s1, IOVA, 1), reads;
        const uint64_t page = SMMUV3_PAGE_S1 | SMMUV3_PTE_RDONLY;
        ViommuReply reply;

        for (unsigned k = 0; k < 3; k++) {
            /* what a user may write, nobody executes with privilege */
            g_assert_true(guest_tables_map(
                &s->s1, IOVA + k * 0x1000, OLD + k * 0x1000, 3,
                cases[i / 2].access & VIOMMU_EXEC ? page : SMMUV3_PAGE_S1));
            if (i % 2) {
                g_assert_true(guest_tables_map(&s->s2, OLD + k * 0x1000,
                                               OLD + k * 0x1000, 3,
                                               SMMUV3_PAGE_S2));
            }
        }
        guest_write64(&s->f->mem, at,
                      guest_read64(&s->f->mem, at) | cases[i / 2].bits);
        g_assert_cmpint(smmu_test_dma(s, IOVA, cases[i / 2].allowed, &reply),
                        ==, VIOMMU_OK);
        reads = table_reads(s);
        g_assert_cmpint(smmu_test_dma(s, IOVA + 0x1000, cases[i / 2].access,
                                      &reply), ==, VIOMMU_FAULT);
        g_assert_cmpuint(reply.reason, ==, SMMUV3_F_PERMISSION);
        g_assert_cmpuint(table_reads(s) - reads, ==, 1);
        g_assert_cmpint(smmu_test_dma(s, IOVA + 0x2000, cases[i / 2].allowed,
                                      &reply), ==, VIOMMU_OK);
        smmu_test_free(s);
    }
}

/* Access flags and dirty state are written in a cached table, too; when nested,
 * only if stage 2 lets the table be written [SMMU 3.13.5]. */
static void test_updates(void)
{
    const uint64_t clean = SMMUV3_PTE_USER | SMMUV3_PTE_NG |
                           SMMUV3_PTE_RDONLY | SMMUV3_PTE_DBM;

    for (unsigned i = 0; i < 3; i++) {
        bool nested = i > 0, writable = i < 2;
        Smmu *s = new_stream(nested ? SMMUV3_NESTED : SMMUV3_S1);
        const GuestMem *mem = &s->f->mem;
        uint64_t at, page, entry, word[4];
        ViommuReply reply;

        s->cd.ha = s->cd.hd = true;
        smmu_test_put_cd(s, 0);
        for (unsigned k = 0; k < 2; k++) {
            if (nested) {
                map_nested(s, IOVA + k * 0x1000, IPA + k * 0x1000,
                           OLD + k * 0x1000);
            } else {
                smmu_test_map(s, IOVA, OLD);
            }
        }
        at = guest_tables_entry(&s->s1, IOVA, 2);
        page = guest_read64(mem, at) & TABLE_ADDR;
        entry = page + 8;
        guest_write64(mem, entry, clean | 3 | (nested ? IPA + 0x1000
                                                      : OLD + 0x1000));
        if (nested) {
            guest_write64(mem, at, (IPA + 0x10000) | 3);
            g_assert_true(guest_tables_map(
                &s->s2, IPA + 0x10000, page, 3,
                SMMUV3_PAGE_S2 & ~(writable ? 0 : SMMUV3_PTE_S2W)));
        }
        g_assert_cmpint(smmu_test_dma(s, IOVA, VIOMMU_READ, &reply), ==,
                        VIOMMU_OK);
        if (writable) {
            g_assert_cmpint(smmu_test_dma(s, IOVA + 0x1000, RW, &reply), ==,
                            VIOMMU_OK);
            g_assert_cmphex(reply.addr, ==, OLD + 0x1000);
            g_assert_cmphex(guest_read64(mem, entry) & SMMUV3_PTE_AF, !=, 0);
            g_assert_cmphex(guest_read64(mem, entry) & SMMUV3_PTE_RDONLY, ==,
                            0);
            g_assert_false(smmu_test_event(s, word));
        } else {
            g_assert_cmpint(smmu_test_dma(s, IOVA + 0x1000, RW, &reply), ==,
                            VIOMMU_FAULT);
            g_assert_true(smmu_test_event(s, word));
            g_assert_cmphex(word[0] & 0xff, ==, SMMUV3_F_PERMISSION);
            /* S2, and CLASS: a table of stage 1 */
            g_assert_cmphex(word[1] >> 39 & 1, ==, 1);
            g_assert_cmphex(word[1] >> 40 & 3, ==, 1);
            g_assert_cmphex(guest_read64(mem, entry) & SMMUV3_PTE_AF, ==, 0);
        }
        smmu_test_free(s);
    }
}

/* A probe leaves no tables behind: it has not marked stage 2's page. */
static void test_probe(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    ViommuRequest req = {
        .source = SMMU_TEST_SID, .pasid = VIOMMU_NO_PASID, .addr = IOVA,
        .access = VIOMMU_READ, .probe = true,
    };
    ViommuReply reply;

    smmu_test_map(s, IOVA, OLD);
    for (unsigned i = 0; i < 2; i++) {
        uint64_t before = table_reads(s);

        viommu_dma_begin();
        g_assert_cmpint(viommu_translate(s->f->unit, &req, &reply), ==,
                        VIOMMU_OK);
        viommu_dma_end();
        g_assert_cmpuint(table_reads(s) - before, ==, 4);
    }
    smmu_test_free(s);
}

/* Another context descriptor with the same ASID does not find the tables of
 * the first one. */
static void test_other_table(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    GuestTables other;

    smmu_test_map(s, IOVA, OLD);
    g_assert_true(guest_tables_init(&other, s->alloc, 12, 48, 0));
    g_assert_true(guest_tables_map(&other, IOVA + 0x1000, NEW, 3,
                                   SMMUV3_PAGE_S1));
    expect(s, IOVA, OLD, 4);
    s->cd.ttb[0] = other.ttb;
    smmu_test_put_cd(s, 0);
    expect(s, IOVA + 0x1000, NEW, 4);
    smmu_test_free(s);
}

/*
 * A VMID and an ASID have nested tables, then stage 1 alone: whatever was
 * invalidated how often, nothing of the old tables comes back [SMMU 3.17].
 */
static void test_nested_then_first(void)
{
    Smmu *s = new_stream(SMMUV3_NESTED);
    const unsigned pages = 4;
    uint64_t nested = s->cd.ttb[0];
    GuestTables first;

    map_nested(s, IOVA, OLD, OLD);
    g_assert_true(guest_tables_init(&first, s->alloc, 12, 48, 0));
    g_assert_true(guest_tables_map(&first, IOVA, NEW, 3, SMMUV3_PAGE_S1));
    for (unsigned i = 0; i < pages; i++) {
        command(s, CMD_S2_IPA | VMID, OLD | CMD_LEAF);
    }
    for (unsigned n = 1; n < 2 * pages; n++) {
        ViommuReply reply;

        s->ste.config = SMMUV3_NESTED;
        s->cd.ttb[0] = nested;
        smmu_test_put_cd(s, 0);
        smmu_test_put_ste(s);
        command(s, CMD_NH_ALL | VMID, 0);
        g_assert_cmpint(smmu_test_dma(s, IOVA, VIOMMU_READ, &reply), ==,
                        VIOMMU_OK);
        g_assert_cmphex(reply.addr, ==, OLD);
        s->ste.config = SMMUV3_S1;
        s->cd.ttb[0] = first.ttb;
        smmu_test_put_cd(s, 0);
        smmu_test_put_ste(s);
        for (unsigned i = 0; i < n; i++) {
            command(s, CMD_NH_ALL | VMID, 0);
        }
        g_assert_cmpint(smmu_test_dma(s, IOVA, VIOMMU_READ, &reply), ==,
                        VIOMMU_OK);
        g_assert_cmphex(reply.addr, ==, NEW);
    }
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-stale/invalidations", test_invalidations);
    g_test_add_func("/smmu-stale/nested", test_nested);
    g_test_add_func("/smmu-stale/pieces", test_pieces);
    g_test_add_func("/smmu-stale/limits", test_limits);
    g_test_add_func("/smmu-stale/updates", test_updates);
    g_test_add_func("/smmu-stale/probe", test_probe);
    g_test_add_func("/smmu-stale/other-table", test_other_table);
    g_test_add_func("/smmu-stale/nested-then-first", test_nested_then_first);
    return g_test_run();
}
