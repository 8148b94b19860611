/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: stage 1 of EL2 and of EL2-E2H (STE.STRW, CR2.E2H): which tables
 * and permissions there are, what tags the translations, and the commands
 * that remove them.
 */
#include "tests/lib/unit/smmu.h"

#define VA      UINT64_C(0x7f1234567000)
#define UPPER   UINT64_C(0xffff800000123000)
#define PA      UINT64_C(0x00345000)
#define PA2     UINT64_C(0x00678000)
#define RW      (VIOMMU_READ | VIOMMU_WRITE)
#define PRIV    VIOMMU_PRIV
#define E2H     SMMUV3_CR2_E2H

static uint64_t ste_at(const Smmu *s)
{
    return s->strtab + SMMU_TEST_SID * SMMUV3_STE_SIZE;
}

static void change(Smmu *s, uint64_t at, uint64_t mask, uint64_t value)
{
    guest_write64(&s->f->mem, at,
                  (guest_read64(&s->f->mem, at) & ~mask) | value);
    guest_smmu_command(&s->commands, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    smmu_test_sync(s);
}

static void set_strw(Smmu *s, uint64_t strw)
{
    change(s, ste_at(s) + 8, FIELD_MASK(STE_STRW), FIELD_PUT(strw, STE_STRW));
}

static Smmu *new_stream(unsigned kind, bool hyp, uint32_t cr2)
{
    ViommuSmmuv3Config config;
    Smmu *s;

    smmu_test_config(&config);
    config.hyp = hyp;
    s = smmu_test_new(&config, kind);
    guest_set_reg32(s->regs, SMMUV3_CR2, 2 | cr2);
    set_strw(s, 2);
    return s;
}

static void command(Smmu *s, uint64_t w0, uint64_t w1)
{
    guest_smmu_command(&s->commands, w0, w1);
    smmu_test_sync(s);
}

static void expect(Smmu *s, uint64_t addr, unsigned access, uint64_t to)
{
    ViommuReply reply;

    g_assert_cmpint(smmu_test_dma(s, addr, access, &reply), ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, to);
    g_assert_cmphex(reply.access & access & ~PRIV, ==, access & ~PRIV);
}

static void expect_fault(Smmu *s, uint64_t addr, unsigned access, unsigned id)
{
    uint64_t word[4];
    ViommuReply reply;

    g_assert_cmpint(smmu_test_dma(s, addr, access, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, id);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(EVENT_ID(word), ==, id);
}

static void put_page(Smmu *s, uint64_t attributes)
{
    g_assert_true(guest_tables_map(&s->s1, VA, PA, 3, attributes));
    command(s, CMD_EL2_ALL, 0);
}

/* One privilege level: neither AP[1] nor PXN, PAN nor the tables' bits about
 * users say anything [SMMU 3.3.3] [ARM D8.4]. */
static void test_permissions(void)
{
    const uint64_t page = SMMUV3_PTE_AF;
    Smmu *s = new_stream(SMMUV3_S1, true, 0);
    uint64_t table = guest_tables_entry(&s->s1, VA, 2);

    change(s, s->cds, 0, FIELD_MASK(CD_PAN));
    put_page(s, page);
    expect(s, VA, RW, PA);
    expect(s, VA, RW | PRIV, PA);
    expect(s, VA, VIOMMU_EXEC, PA);
    put_page(s, page | SMMUV3_PTE_USER | SMMUV3_PTE_PXN);
    expect(s, VA, RW, PA);
    expect(s, VA, RW | PRIV, PA);
    expect(s, VA, VIOMMU_EXEC | PRIV, PA);
    put_page(s, page | SMMUV3_PTE_RDONLY);
    expect_fault(s, VA, VIOMMU_WRITE, SMMUV3_F_PERMISSION);
    expect_fault(s, VA, VIOMMU_WRITE | PRIV, SMMUV3_F_PERMISSION);
    put_page(s, page | SMMUV3_PTE_UXN);
    expect_fault(s, VA, VIOMMU_EXEC, SMMUV3_F_PERMISSION);
    expect_fault(s, VA, VIOMMU_EXEC | PRIV, SMMUV3_F_PERMISSION);

    put_page(s, page);
    change(s, table, 0, SMMUV3_TABLE_NO_USER | SMMUV3_TABLE_PXN);
    command(s, CMD_EL2_ALL, 0);
    expect(s, VA, RW, PA);
    expect(s, VA, VIOMMU_EXEC | PRIV, PA);
    change(s, table, 0, SMMUV3_TABLE_UXN);
    command(s, CMD_EL2_ALL, 0);
    expect(s, VA, RW, PA);
    expect_fault(s, VA, VIOMMU_EXEC, SMMUV3_F_PERMISSION);
    expect_fault(s, VA, VIOMMU_EXEC | PRIV, SMMUV3_F_PERMISSION);
    change(s, table, SMMUV3_TABLE_UXN, SMMUV3_TABLE_RDONLY);
    command(s, CMD_EL2_ALL, 0);
    expect_fault(s, VA, VIOMMU_WRITE, SMMUV3_F_PERMISSION);
    change(s, table, SMMUV3_TABLE_RDONLY, 0);
    change(s, s->cds, 0, FIELD_MASK(CD_WXN));
    command(s, CMD_EL2_ALL, 0);
    expect_fault(s, VA, VIOMMU_EXEC, SMMUV3_F_PERMISSION);
    smmu_test_free(s);

    /* With E2H they are what they are for EL1. */
    s = new_stream(SMMUV3_S1, true, E2H);
    put_page(s, page);
    expect_fault(s, VA, VIOMMU_READ, SMMUV3_F_PERMISSION);
    expect(s, VA, RW | PRIV, PA);
    put_page(s, page | SMMUV3_PTE_USER);
    expect(s, VA, RW, PA);
    expect_fault(s, VA, VIOMMU_EXEC | PRIV, SMMUV3_F_PERMISSION);
    smmu_test_free(s);
}

/* One half, which EPD0 does not switch off; what is said of the other one is
 * nothing. */
static void test_halves(void)
{
    Smmu *s = new_stream(SMMUV3_S1, true, 0);

    s->cd.epd[0] = true;
    s->cd.epd[1] = false;
    s->cd.tsz[1] = 0;
    s->cd.tg[1] = 0;
    s->cd.ttb[1] = UINT64_C(1) << 51;
    smmu_test_put_cd(s, 0);
    smmu_test_map(s, VA, PA);
    expect(s, VA, RW, PA);
    expect_fault(s, UPPER, VIOMMU_READ, SMMUV3_F_TRANSLATION);
    change(s, s->cds, 0, FIELD_MASK(CD_ENDI));
    expect_fault(s, VA, VIOMMU_READ, SMMUV3_C_BAD_CD);
    change(s, s->cds, FIELD_MASK(CD_ENDI), 0);
    expect(s, VA, RW, PA);
    /* The same descriptor is none for EL2-E2H. */
    guest_set_reg32(s->regs, SMMUV3_CR2, 2 | E2H);
    change(s, s->cds, 0, 0);
    expect_fault(s, VA, VIOMMU_READ, SMMUV3_C_BAD_CD);
    smmu_test_free(s);

    s = new_stream(SMMUV3_S1, true, E2H);
    g_assert_true(guest_tables_init(&s->s2, s->alloc, 12, 48, 0));
    s->cd.epd[1] = false;
    s->cd.ttb[1] = s->s2.ttb;
    smmu_test_put_cd(s, 0);
    g_assert_true(guest_tables_map(&s->s2, UPPER, PA, 3, SMMUV3_PAGE_S1));
    expect(s, UPPER, RW, PA);
    s->cd.epd[0] = s->cd.epd[1] = true;
    smmu_test_put_cd(s, 0);
    command(s, CMD_EL2_ALL, 0);
    /* ENDI says nothing when there are no tables. */
    change(s, s->cds, 0, FIELD_MASK(CD_ENDI));
    expect_fault(s, UPPER, VIOMMU_READ, SMMUV3_F_TRANSLATION);
    smmu_test_free(s);
}

/* Which values are ILLEGAL, and where STRW is not looked at [SMMU 5.2]. */
static void test_values(void)
{
    static const struct {
        unsigned kind;
        bool hyp;
        unsigned strw;
        bool legal;
    } cases[] = {
        { SMMUV3_S1, true, 0, true }, { SMMUV3_S1, true, 1, false },
        { SMMUV3_S1, true, 2, true }, { SMMUV3_S1, true, 3, false },
        { SMMUV3_S1, false, 1, true }, { SMMUV3_S1, false, 2, true },
        { SMMUV3_S1, false, 3, true },
        { SMMUV3_S2, true, 1, true }, { SMMUV3_S2, true, 3, true },
        { SMMUV3_NESTED, true, 1, true }, { SMMUV3_NESTED, true, 2, true },
        { SMMUV3_BYPASS, true, 3, true },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Smmu *s = new_stream(cases[i].kind, cases[i].hyp, 0);
        bool bypass = cases[i].kind == SMMUV3_BYPASS;
        uint64_t addr = bypass || cases[i].kind == SMMUV3_S2 ? PA : VA;

        set_strw(s, cases[i].strw);
        if (bypass) {
            expect(s, addr, RW, PA);
        } else {
            expect_fault(s, addr, VIOMMU_READ, cases[i].legal
                         ? SMMUV3_F_TRANSLATION : SMMUV3_C_BAD_STE);
        }
        g_assert_cmphex(guest_reg32(s->regs, SMMUV3_IDR0) >> 9 & 1, ==,
                        cases[i].hyp);
        guest_set_reg32(s->regs, SMMUV3_CR2, 3);
        g_assert_cmphex(guest_reg32(s->regs, SMMUV3_CR2), ==,
                        cases[i].hyp ? 3 : 2);
        smmu_test_free(s);
    }
}

/* What each command removes; EL1's ones nothing of EL2's [SMMU 4.4.2]. */
static void test_commands(gconstpointer data)
{
    const uint64_t asid = CMD_ASID(SMMU_TEST_ASID);
    const uint64_t vmid = CMD_VMID(SMMU_TEST_VMID);
    const struct {
        uint64_t w0, w1;
        bool el2, e2h;          /* whether it hits */
    } cases[] = {
        { CMD_EL2_ALL, 0, true, true },
        /* EL2_ASID; without ASIDs, which need not be, all of EL2 */
        { CMD_EL2_ASID | asid, 0, true, true },
        { CMD_EL2_ASID | CMD_ASID(8), 0, true, false },
        { CMD_EL2_VA | asid, VA, true, true },
        { CMD_EL2_VA | asid, VA | CMD_LEAF, true, true },
        { CMD_EL2_VA | CMD_ASID(8), VA, true, false },
        { CMD_EL2_VA | asid, VA + 0x1000, false, false },
        { CMD_EL2_VA | asid | CMD_SCALE(1), (VA - 0x1000) | CMD_TG_4K, true,
          true },
        { CMD_EL2_VAA, VA, true, true },
        { CMD_NH_ALL, 0, false, false }, { CMD_NH_ALL | vmid, 0, false, false },
        { CMD_NH_ASID | asid, 0, false, false },
        { CMD_NH_VA | asid, VA, false, false },
        { CMD_NH_VA | asid | vmid, VA, false, false },
        { CMD_NH_VAA, VA, false, false },
        { CMD_S12_VMALL | vmid, 0, false, false },
    };
    bool e2h = GPOINTER_TO_UINT(data);
    Smmu *s = new_stream(SMMUV3_S1, true, e2h ? E2H : 0);

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        smmu_test_map(s, VA, PA);
        command(s, CMD_EL2_ALL, 0);
        expect(s, VA, RW, PA);
        smmu_test_map(s, VA, PA2);
        command(s, cases[i].w0, cases[i].w1);
        expect(s, VA, RW, (e2h ? cases[i].e2h : cases[i].el2) ? PA2 : PA);
    }
    smmu_test_free(s);
}

/* Global pages of EL2-E2H outlive their ASID, as those of EL1 do
 * [SMMU 4.4.2]. */
static void test_global(void)
{
    const uint64_t asid = CMD_ASID(SMMU_TEST_ASID);
    const uint64_t global = SMMUV3_PTE_USER | SMMUV3_PTE_AF;
    Smmu *s = new_stream(SMMUV3_S1, true, E2H);

    put_page(s, global);
    expect(s, VA, RW, PA);
    g_assert_true(guest_tables_map(&s->s1, VA, PA2, 3, global));
    command(s, CMD_EL2_ASID | asid, 0);
    expect(s, VA, RW, PA);
    command(s, CMD_EL2_VA | asid, VA);
    expect(s, VA, RW, PA2);
    smmu_test_free(s);
}

/* The same ASID in both worlds, with other tables: neither finds what the other
 * one has [SMMU 3.3.3]. */
static void test_worlds(void)
{
    for (uint32_t e2h = 0; e2h < 2; e2h++) {
        Smmu *s = new_stream(SMMUV3_S1, true, e2h);
        GuestTables other;

        g_assert_true(guest_tables_init(&other, s->alloc, 12, 48, 0));
        g_assert_true(guest_tables_map(&other, VA, PA2, 3, SMMUV3_PAGE_S1));
        smmu_test_map(s, VA, PA);
        expect(s, VA, RW, PA);
        set_strw(s, 0);
        s->cd.ttb[0] = other.ttb;
        smmu_test_put_cd(s, 0);
        expect(s, VA, RW, PA2);
        set_strw(s, 2);
        s->cd.ttb[0] = s->s1.ttb;
        smmu_test_put_cd(s, 0);
        g_assert_true(guest_tables_map(&s->s1, VA, 0, 3, 0));
        expect(s, VA, RW, PA);                  /* still cached */
        command(s, CMD_NSNH_ALL, 0);                    /* NSNH: of EL1 only */
        smmu_test_free(s);
    }
}

/* Not announced, not known. */
static void test_not_announced(void)
{
    for (uint64_t op = CMD_EL2_ALL; op <= CMD_EL2_VAA; op++) {
        ViommuSmmuv3Config config;
        Smmu *s;

        smmu_test_config(&config);
        s = smmu_test_new(&config, SMMUV3_S1);
        guest_smmu_command(&s->commands, op, 0);
        fixture_run(s->f);
        g_assert_false(guest_smmu_commands_done(&s->commands));
        g_assert_cmphex(SMMUV3_CONS_ERR(guest_reg32(s->regs, SMMUV3_CMDQ_CONS)),
                        ==, SMMUV3_CERROR_ILL);
        smmu_test_free(s);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-el2/permissions", test_permissions);
    g_test_add_func("/smmu-el2/halves", test_halves);
    g_test_add_func("/smmu-el2/values", test_values);
    g_test_add_data_func("/smmu-el2/commands-el2", GUINT_TO_POINTER(0),
                         test_commands);
    g_test_add_data_func("/smmu-el2/commands-e2h", GUINT_TO_POINTER(1),
                         test_commands);
    g_test_add_func("/smmu-el2/global", test_global);
    g_test_add_func("/smmu-el2/worlds", test_worlds);
    g_test_add_func("/smmu-el2/not-announced", test_not_announced);
    return g_test_run();
}
