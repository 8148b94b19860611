/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: each event that DMA can cause, with its fields; the event queue. */
#include "tests/qtest/smmu.h"

#define VA   UINT64_C(0x7f1234567000)
#define IPA  UINT64_C(0x8123456000)
#define PA   (SMMU_RAM + UINT64_C(0x08000000))


static void no_event(SmmuBoard *b)
{
    uint64_t word[4];

    g_assert_false(smmu_event(b, word));
}

/* [SMMU 7.3.3] */
static void test_bad_streamid(void)
{
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    /* The table ends before the stream; CR2.RECINVSID is clear. */
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_QUEUES);
    smmu_set(&b, SMMUV3_STRTAB_BASE_CFG, 4);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_QUEUES | SMMUV3_CR0_SMMUEN);
    smmu_command(&b, CMD_CFGI_STE_RANGE, 31);
    smmu_sync(&b);
    smmu_dma_blocked(&b, VA, false);
    no_event(&b);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_QUEUES);
    smmu_set(&b, SMMUV3_CR2, 2);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_QUEUES | SMMUV3_CR0_SMMUEN);
    smmu_dma_fault(&b, VA, true, SMMUV3_C_BAD_STREAMID, word);
    g_assert_cmphex(word[0], ==, EVENT_WORD0(SMMUV3_C_BAD_STREAMID, b.sid));
    g_assert_cmphex(word[1] | word[2] | word[3], ==, 0);
    smmu_end(&b);
}

/* [SMMU 7.3.4] */
static void test_ste_fetch(void)
{
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_QUEUES);
    smmu_set64(&b, SMMUV3_STRTAB_BASE, SMMU_HOLE);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_QUEUES | SMMUV3_CR0_SMMUEN);
    smmu_command(&b, CMD_CFGI_STE_RANGE, 31);
    smmu_sync(&b);
    smmu_dma_fault(&b, VA, true, SMMUV3_F_STE_FETCH, word);
    g_assert_cmphex(word[3], ==, SMMU_HOLE + b.sid * SMMUV3_STE_SIZE);
    smmu_end(&b);
}

/* Illegal entries: never an abort of the machine [SMMU 7.3.5] [SMMU 5.2.2]. */
static void test_bad_ste(void)
{
    static const struct {
        unsigned config;
        unsigned index;
        uint64_t clear, set;
    } cases[] = {
        { SMMUV3_S1, 0, 1, 0 },                         /* V */
        { SMMUV3_S1, 0, 0, FIELD_PUT(31, STE_S1CDMAX) },
        { SMMUV3_S1, 1, 0, FIELD_MASK(STE_S1STALLD) },
        { SMMUV3_S2, 2, FIELD_MASK(STE_S2AA64), 0 },
        { SMMUV3_S2, 2, 0, FIELD_MASK(STE_S2ENDI) },
        { SMMUV3_S2, 2, 0, FIELD_PUT(3, STE_S2TG) },
        { SMMUV3_S2, 2, 0, FIELD_PUT(63, STE_S2T0SZ) },
        { SMMUV3_S2, 2, FIELD_MASK(STE_S2T0SZ), FIELD_PUT(10, STE_S2T0SZ) },
        { SMMUV3_S2, 2, 0, FIELD_PUT(3, STE_S2SL0) },
        { SMMUV3_S2, 2, FIELD_MASK(STE_S2SL0), 0 },
        { SMMUV3_S2, 2, 0, FIELD_MASK(STE_S2S) },
        { SMMUV3_S2, 3, 0, UINT64_C(1) << 50 },         /* S2TTB */
    };
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested,ssidsize=8", "", SMMUV3_S1);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t at = b.strtab + b.sid * 64 + cases[i].index * 8;

        b.ste.config = cases[i].config;
        smmu_put_ste(&b);
        smmu_put64(&b, at, (smmu_get64(&b, at) & ~cases[i].clear) |
                           cases[i].set);
        smmu_command(&b, CMD_CFGI_STE | CMD_SID(b.sid), CMD_LEAF);
        smmu_sync(&b);
        smmu_dma_fault(&b, IPA, true, SMMUV3_C_BAD_STE, word);
        g_assert_cmphex(word[0], ==, EVENT_WORD0(SMMUV3_C_BAD_STE, b.sid));
    }
    smmu_end(&b);
}

/* Config 1 to 3 are as 0: blocked, and nobody hears of it [SMMU 5.2]. */
static void test_reserved_config(void)
{
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    for (unsigned config = 0; config < 4; config++) {
        b.ste.config = config;
        smmu_put_ste(&b);
        smmu_dma_blocked(&b, VA, true);
        no_event(&b);
    }
    smmu_end(&b);
}

/* What the unit does not have makes an entry illegal [SMMU 7.3.5]. */
static void test_bad_ste_by_option(void)
{
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "stage=1", "", SMMUV3_S2);
    smmu_dma_fault(&b, IPA, true, SMMUV3_C_BAD_STE, word);
    /* Who has no substreams does not look at their number. */
    b.ste.config = SMMUV3_S1;
    b.ste.s1cdmax = 31;
    smmu_put_cd(&b, 0);
    smmu_put_ste(&b);
    smmu_dma_fault(&b, VA, true, SMMUV3_F_TRANSLATION, word);
    smmu_end(&b);
    smmu_start_stream(&b, "stage=2", "", SMMUV3_BYPASS);
    b.ste.config = SMMUV3_S1;
    smmu_put_ste(&b);
    smmu_dma_fault(&b, IPA, true, SMMUV3_C_BAD_STE, word);
    smmu_end(&b);
}

/* [SMMU 7.3.11] [SMMU 5.4.2] */
static void test_bad_cd(void)
{
    static const struct {
        unsigned index;
        uint64_t clear, set;
    } cases[] = {
        { 0, FIELD_MASK(CD_V), 0 },
        { 0, FIELD_MASK(CD_AA64), 0 },
        { 0, FIELD_MASK(CD_A), 0 },
        { 0, 0, FIELD_MASK(CD_ENDI) },
        { 0, 0, FIELD_MASK(CD_S) },
        { 0, 0, FIELD_PUT(3, CD_TG0) },
        { 0, FIELD_MASK(CD_T0SZ), FIELD_PUT(63, CD_T0SZ) },
        { 0, FIELD_MASK(CD_T0SZ), FIELD_PUT(10, CD_T0SZ) },
        { 1, 0, UINT64_C(1) << 50 },                    /* TTB0 */
    };
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t at = b.cds + cases[i].index * 8;

        smmu_put_cd(&b, 0);
        smmu_put64(&b, at, (smmu_get64(&b, at) & ~cases[i].clear) |
                           cases[i].set);
        smmu_command(&b, CMD_CFGI_CD | CMD_SID(b.sid), CMD_LEAF);
        smmu_sync(&b);
        smmu_dma_fault(&b, VA, true, SMMUV3_C_BAD_CD, word);
        g_assert_cmphex(word[0], ==, EVENT_WORD0(SMMUV3_C_BAD_CD, b.sid));
    }
    smmu_end(&b);
}

/* [SMMU 7.3.10] */
static void test_cd_fetch(void)
{
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested", "", SMMUV3_S1);
    b.ste.cd_table = SMMU_HOLE;
    smmu_put_ste(&b);
    smmu_dma_fault(&b, VA, true, SMMUV3_F_CD_FETCH, word);
    g_assert_cmphex(word[3], ==, SMMU_HOLE);
    /* Nested, stage 2 has to have it. */
    b.ste.config = SMMUV3_NESTED;
    b.ste.cd_table = IPA;
    smmu_put_ste(&b);
    smmu_dma_fault(&b, VA, true, SMMUV3_F_TRANSLATION, word);
    g_assert_cmphex(EVENT_S2(word), ==, 1);
    g_assert_cmphex(EVENT_CLASS(word), ==, CLASS_CD);
    g_assert_cmphex(word[3], ==, IPA);
    smmu_end(&b);
}

/* Tables where no memory is [SMMU 7.3.12]. */
static void test_walk_eabt(gconstpointer data)
{
    unsigned kind = GPOINTER_TO_UINT(data);
    uint64_t addr = kind == SMMUV3_S2 ? IPA : VA, word[4];
    GuestTables *tables;
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested", "", kind);
    tables = kind == SMMUV3_S2 ? &b.s2 : &b.s1;
    smmu_put64(&b, guest_tables_entry(tables, addr, 2), SMMU_HOLE | 3);
    smmu_dma_fault(&b, addr, false, SMMUV3_F_WALK_EABT, word);
    g_assert_cmphex(word[2], ==, addr);
    g_assert_cmphex(word[3], ==, SMMU_HOLE + (addr >> 12 & 511) * 8);
    g_assert_cmphex(EVENT_S2(word), ==, kind == SMMUV3_S2);
    /* stage 2 tells what it was walked for */
    g_assert_cmphex(EVENT_CLASS(word), ==, kind == SMMUV3_S2 ? CLASS_IN
                                                             : CLASS_TT);
    smmu_end(&b);
}

/* Stage 1's table is where stage 2 has nothing [SMMU 7.3.13]. */
static void test_table_in_stage2(void)
{
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested", "", SMMUV3_NESTED);
    smmu_put64(&b, guest_tables_entry(&b.s1, VA, 2), IPA | 3);
    smmu_dma_fault(&b, VA, false, SMMUV3_F_TRANSLATION, word);
    g_assert_cmphex(word[2], ==, VA);
    g_assert_cmphex(word[3] & ~UINT64_C(0xfff), ==, IPA);
    g_assert_cmphex(EVENT_S2(word), ==, 1);
    g_assert_cmphex(EVENT_CLASS(word), ==, CLASS_TT);
    smmu_end(&b);
}

/* [SMMU 7.3.14] */
static void test_addr_size(void)
{
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested", "", SMMUV3_S1);
    /* 40 bits of output in the descriptor */
    smmu_map(&b, VA, UINT64_C(1) << 41);
    smmu_dma_fault(&b, VA, false, SMMUV3_F_ADDR_SIZE, word);
    g_assert_cmphex(word[2], ==, VA);
    b.ste.config = SMMUV3_S2;
    smmu_put_ste(&b);
    smmu_map(&b, IPA, UINT64_C(1) << 41);
    smmu_dma_fault(&b, IPA, true, SMMUV3_F_ADDR_SIZE, word);
    g_assert_cmphex(EVENT_S2(word), ==, 1);
    g_assert_cmphex(word[3], ==, IPA);
    smmu_end(&b);
}

/* [SMMU 7.3.15] [SMMU 7.3.16] */
static void test_access_and_permission(gconstpointer data)
{
    unsigned kind = GPOINTER_TO_UINT(data);
    bool s2 = kind == SMMUV3_S2;
    uint64_t addr = s2 ? IPA : VA, word[4];
    uint64_t page = s2 ? SMMUV3_PAGE_S2 : SMMUV3_PAGE_S1;
    GuestTables *tables;
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested", "", kind);
    tables = s2 ? &b.s2 : &b.s1;
    g_assert_true(guest_tables_map(tables, addr, PA, 3,
                                   page & ~SMMUV3_PTE_AF));
    smmu_dma_fault(&b, addr, false, SMMUV3_F_ACCESS, word);
    g_assert_cmphex(word[2], ==, addr);
    g_assert_cmphex(EVENT_CLASS(word), ==, CLASS_IN);
    g_assert_cmphex(EVENT_S2(word), ==, s2);
    g_assert_true(guest_tables_map(tables, addr, PA, 3, s2
                                   ? page & ~SMMUV3_PTE_S2W
                                   : page | SMMUV3_PTE_RDONLY));
    smmu_dma_reads(&b, addr, PA);
    smmu_dma_fault(&b, addr, true, SMMUV3_F_PERMISSION, word);
    g_assert_cmphex(EVENT_READ(word), ==, 0);
    g_assert_cmphex(EVENT_CLASS(word), ==, CLASS_IN);
    g_assert_cmphex(EVENT_S2(word), ==, s2);
    smmu_end(&b);
}

/* CD.R and STE.S2R: whether software wants to hear of it [SMMU 5.5]. */
static void test_record(gconstpointer data)
{
    unsigned kind = GPOINTER_TO_UINT(data);
    uint64_t addr = kind == SMMUV3_S2 ? IPA : VA;
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested", "", kind);
    b.cd.record = b.ste.s2record = false;
    smmu_put_cd(&b, 0);
    smmu_put_ste(&b);
    smmu_dma_blocked(&b, addr, false);
    no_event(&b);
    smmu_end(&b);
}

/* Two records fit, the third is lost, and software can tell [SMMU 7.4]. */
static void test_overflow(void)
{
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    smmu_events(&b, 1);
    for (unsigned i = 0; i < 4; i++) {
        smmu_dma_blocked(&b, VA + i * 0x1000, false);
    }
    g_assert_cmphex(smmu_reg(&b, SMMUV3_EVENTQ_PROD), ==,
                    SMMUV3_OVERFLOW | 2);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_true(smmu_event(&b, word));
        g_assert_cmphex(word[2], ==, VA + i * 0x1000);
    }
    /* With room again, events come, before it is acknowledged and after. */
    smmu_dma_blocked(&b, VA, false);
    g_assert_true(smmu_event(&b, word));
    smmu_set(&b, SMMUV3_EVENTQ_CONS,
             smmu_reg(&b, SMMUV3_EVENTQ_CONS) | SMMUV3_OVERFLOW);
    smmu_dma_blocked(&b, VA, false);
    g_assert_true(smmu_event(&b, word));
    g_assert_cmphex(smmu_reg(&b, SMMUV3_EVENTQ_PROD) >> 31, ==, 1);
    smmu_end(&b);
}

/* The interrupt comes when the queue stops being empty [SMMU 3.18]. */
static void test_interrupt(gconstpointer data)
{
    bool msi = data != NULL;
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, msi ? "msi=on" : "", "", SMMUV3_S1);
    if (msi) {
        smmu_set(&b, SMMUV3_IRQ_CTRL, 0);
        smmu_set64(&b, SMMUV3_EVENTQ_IRQ_CFG0, SMMU_DOORBELL);
        smmu_set(&b, SMMUV3_EVENTQ_IRQ_CFG1, 0x4b);
        smmu_set(&b, SMMUV3_IRQ_CTRL, 5);
    }
    for (unsigned i = 0; i < 2; i++) {
        smmu_dma_blocked(&b, VA, false);
        if (msi) {
            smmu_expect_msi(&b, SMMU_DOORBELL, 0x4b, LINE_EVENTQ);
        } else {
            smmu_expect_line(&b, LINE_EVENTQ);
        }
        /* not empty any more */
        smmu_dma_blocked(&b, VA, false);
        g_assert_cmpuint(sink_count(b.q), ==, 0);
        g_assert_true(smmu_event(&b, word));
        g_assert_true(smmu_event(&b, word));
    }
    smmu_set(&b, SMMUV3_IRQ_CTRL, 0);
    smmu_dma_blocked(&b, VA, false);
    g_assert_true(smmu_event(&b, word));
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    smmu_end(&b);
}

/* A queue where no memory is, or none at all [SMMU 7.2.1] [SMMU 7.5]. */
static void test_abort(void)
{
    uint64_t word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_CMDQEN | SMMUV3_CR0_SMMUEN);
    smmu_dma_blocked(&b, VA, false);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_EVENTQ_PROD), ==, 0);
    smmu_set64(&b, SMMUV3_EVENTQ_BASE, SMMU_HOLE | 4);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_QUEUES | SMMUV3_CR0_SMMUEN);
    smmu_dma_blocked(&b, VA, false);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_GERROR), ==, SMMUV3_GERROR_EVENTQ);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_EVENTQ_PROD), ==, 0);
    smmu_expect_line(&b, LINE_GERROR);
    smmu_events(&b, 4);
    smmu_set(&b, SMMUV3_GERRORN, SMMUV3_GERROR_EVENTQ);
    smmu_dma_fault(&b, VA, false, SMMUV3_F_TRANSLATION, word);
    smmu_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-events/bad-streamid", test_bad_streamid);
    g_test_add_func("/smmu-events/ste-fetch", test_ste_fetch);
    g_test_add_func("/smmu-events/bad-ste", test_bad_ste);
    g_test_add_func("/smmu-events/reserved-config", test_reserved_config);
    g_test_add_func("/smmu-events/bad-ste-by-option", test_bad_ste_by_option);
    g_test_add_func("/smmu-events/bad-cd", test_bad_cd);
    g_test_add_func("/smmu-events/cd-fetch", test_cd_fetch);
    g_test_add_data_func("/smmu-events/walk-eabt-1",
                         GUINT_TO_POINTER(SMMUV3_S1), test_walk_eabt);
    g_test_add_data_func("/smmu-events/walk-eabt-2",
                         GUINT_TO_POINTER(SMMUV3_S2), test_walk_eabt);
    g_test_add_func("/smmu-events/table-in-stage-2", test_table_in_stage2);
    g_test_add_func("/smmu-events/addr-size", test_addr_size);
    g_test_add_data_func("/smmu-events/rights-1",
                         GUINT_TO_POINTER(SMMUV3_S1),
                         test_access_and_permission);
    g_test_add_data_func("/smmu-events/rights-2",
                         GUINT_TO_POINTER(SMMUV3_S2),
                         test_access_and_permission);
    g_test_add_data_func("/smmu-events/record-1", GUINT_TO_POINTER(SMMUV3_S1),
                         test_record);
    g_test_add_data_func("/smmu-events/record-2", GUINT_TO_POINTER(SMMUV3_S2),
                         test_record);
    g_test_add_func("/smmu-events/overflow", test_overflow);
    g_test_add_data_func("/smmu-events/wire", NULL, test_interrupt);
    g_test_add_data_func("/smmu-events/message", "msi", test_interrupt);
    g_test_add_func("/smmu-events/abort", test_abort);
    return g_test_run();
}
