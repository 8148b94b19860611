/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: the command queue. */
#include "tests/qtest/smmu.h"

#define VA   UINT64_C(0x7f1234567000)
#define IPA  UINT64_C(0x8123456000)
#define PA   (SMMU_RAM + UINT64_C(0x08000000))
#define PA2  (SMMU_RAM + UINT64_C(0x08001000))


/* What a translation that was cached becomes behind a command [SMMU 4.4.1]
 * [SMMU 4.4.2]. */
static void test_tlbi(void)
{
    static const struct {
        uint64_t w0, w1;
        bool hits;
    } cases[] = {
        { CMD_NH_VA | CMD_ASID(SMMU_ASID) | CMD_VMID(SMMU_VMID), VA, true },
        { CMD_NH_VA | CMD_ASID(SMMU_ASID) | CMD_VMID(SMMU_VMID), VA | 1,
          true },                                       /* leaf */
        { CMD_NH_VA | CMD_ASID(8) | CMD_VMID(SMMU_VMID), VA, false },
        { CMD_NH_VA | CMD_ASID(SMMU_ASID) | CMD_VMID(4), VA, false },
        { CMD_NH_VA | CMD_ASID(SMMU_ASID) | CMD_VMID(SMMU_VMID), VA + 0x1000,
          false },
        { CMD_NH_VAA | CMD_VMID(SMMU_VMID), VA, true },
        { CMD_NH_VAA | CMD_VMID(4), VA, false },
        { CMD_NH_ASID | CMD_ASID(SMMU_ASID) | CMD_VMID(SMMU_VMID), 0, true },
        { CMD_NH_ASID | CMD_ASID(8) | CMD_VMID(SMMU_VMID), 0, false },
        { CMD_NH_ALL | CMD_VMID(SMMU_VMID), 0, true },
        { CMD_NH_ALL | CMD_VMID(4), 0, false },
        { CMD_S12_VMALL | CMD_VMID(SMMU_VMID), 0, true },
        { CMD_S12_VMALL | CMD_VMID(4), 0, false },
        { CMD_NSNH_ALL, 0, true },
        /* ranges: 2 * 2^1 pages of 4 KiB from two pages below, and 1 * 2^1 */
        { CMD_NH_VA | CMD_ASID(SMMU_ASID) | CMD_VMID(SMMU_VMID) | CMD_NUM(1) |
          CMD_SCALE(1), (VA - 0x2000) | CMD_TG_4K, true },
        { CMD_NH_VA | CMD_ASID(SMMU_ASID) | CMD_VMID(SMMU_VMID) |
          CMD_SCALE(1), (VA - 0x2000) | CMD_TG_4K, false },
    };
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested", "", SMMUV3_S1);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        smmu_map(&b, VA, PA);
        smmu_command(&b, CMD_NSNH_ALL, 0);
        smmu_sync(&b);
        smmu_dma_good(&b, VA, PA);
        smmu_map(&b, VA, PA2);
        smmu_command(&b, cases[i].w0, cases[i].w1);
        smmu_sync(&b);
        /* Nothing else is in the cache: what may stay does stay. */
        smmu_dma_good(&b, VA, cases[i].hits ? PA2 : PA);
    }
    smmu_end(&b);
}

/* Stage 2 changes, of itself and below stage 1 [SMMU 4.4.3]. */
static void test_tlbi_ipa(gconstpointer data)
{
    unsigned kind = GPOINTER_TO_UINT(data);
    uint64_t addr = kind == SMMUV3_S2 ? IPA : VA;
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested", "", kind);
    if (kind == SMMUV3_NESTED) {
        smmu_map(&b, addr, IPA);
    }
    g_assert_true(guest_tables_map(&b.s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    smmu_dma_good(&b, addr, PA);
    g_assert_true(guest_tables_map(&b.s2, IPA, PA2, 3, SMMUV3_PAGE_S2));
    smmu_command(&b, CMD_S2_IPA | CMD_VMID(4), IPA);
    smmu_sync(&b);
    smmu_dma_good(&b, addr, PA);
    smmu_command(&b, CMD_S2_IPA | CMD_VMID(SMMU_VMID), IPA);
    /* software that keeps the rules drops what both stages made, too */
    smmu_command(&b, CMD_NH_ALL | CMD_VMID(SMMU_VMID), 0);
    smmu_sync(&b);
    smmu_dma_good(&b, addr, PA2);
    smmu_end(&b);
}

/* Each CFGI reaches what it names [SMMU 4.3] [SMMU 4.3.1]. */
static void test_cfgi(void)
{
    const struct {
        bool descriptor;
        uint64_t w0, w1;
    } cases[] = {
        { false, CMD_CFGI_STE | CMD_SID(0x18), 1 },
        { false, CMD_CFGI_STE_RANGE | CMD_SID(0x10), 3 },     /* 16 streams */
        { false, CMD_CFGI_STE_RANGE, 31 },
        { true, CMD_CFGI_CD | CMD_SID(0x18), 1 },
        { true, CMD_CFGI_CD_ALL | CMD_SID(0x18), 0 },
        { true, CMD_CFGI_STE | CMD_SID(0x18), 1 },
    };
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    g_assert_cmphex(b.sid, ==, 0x18);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint64_t at = cases[i].descriptor
            ? b.cds : b.strtab + b.sid * SMMUV3_STE_SIZE;
        uint64_t word = smmu_get64(&b, at), event[4];

        smmu_map(&b, VA, PA);
        smmu_dma_good(&b, VA, PA);
        /* no longer valid: bit 31 of a descriptor, bit 0 of an entry */
        smmu_put64(&b, at, word & (cases[i].descriptor ? ~0x80000000ull
                                                       : ~1ull));
        smmu_command(&b, cases[i].w0, cases[i].w1);
        smmu_sync(&b);
        smmu_dma_fault(&b, VA, false, cases[i].descriptor
                       ? SMMUV3_C_BAD_CD : SMMUV3_C_BAD_STE, event);
        smmu_put64(&b, at, word);
        smmu_command(&b, cases[i].w0, cases[i].w1);
        smmu_sync(&b);
        smmu_dma_good(&b, VA, PA);
    }
    smmu_end(&b);
}

/* The queue stops at a bad command, until it is replaced and acknowledged
 * [SMMU 4.1] [SMMU 4.8] [SMMU 7.1]. */
static void test_errors(void)
{
    static const struct {
        uint64_t w0, w1;
    } cases[] = {
        { CMD_NONE, 0 },                            /* no such command */
        { CMD_UNKNOWN, 0 },
        { CMD_CFGI_STE | CMD_SSEC, 0 },          /* a secure stream */
        /* EL2 is not announced, nor is MPAM. */
        { CMD_EL2_ALL, 0 }, { CMD_EL2_ASID, 0 }, { CMD_EL2_VA, 0 },
        { CMD_EL2_VAA, 0 }, { CMD_CFGI_VMS_PIDM, 0 },
        { CMD_S12_VMALL, 0 },                   /* nor is stage 2 */
        { CMD_S2_IPA, 0 },
        { CMD_ATC_INV, 0 },                     /* nor ATS, nor PRI */
        { CMD_PRI_RESP, 0 },
        { CMD_RESUME, 0 },                      /* nor stalls */
        { CMD_STALL_TERM, 0 },
        { CMD_SYNC_RESERVED, 0 },              /* a reserved signal */
    };
    SmmuBoard b;
    uint32_t errors = 0;

    smmu_start_stream(&b, "stage=1", "", SMMUV3_S1);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint32_t before = smmu_reg(&b, SMMUV3_CMDQ_CONS) & SMMUV3_CONS_INDEX;
        uint32_t cons;
        uint64_t at = b.commands.base + (before & 63) * 16;

        smmu_command(&b, cases[i].w0, cases[i].w1);
        smmu_command(&b, CMD_SYNC, 0);
        cons = smmu_reg(&b, SMMUV3_CMDQ_CONS);
        g_assert_cmphex(SMMUV3_CONS_ERR(cons), ==, SMMUV3_CERROR_ILL);
        g_assert_cmphex(cons & SMMUV3_CONS_INDEX, ==, before);
        errors ^= SMMUV3_GERROR_CMDQ;
        g_assert_cmphex(smmu_reg(&b, SMMUV3_GERROR), ==, errors);
        smmu_expect_line(&b, LINE_GERROR);
        g_assert_cmpuint(sink_count(b.q), ==, 0);
        /* A doorbell does not wake it. */
        smmu_set(&b, SMMUV3_CMDQ_PROD, smmu_reg(&b, SMMUV3_CMDQ_PROD));
        g_assert_cmphex(smmu_reg(&b, SMMUV3_CMDQ_CONS), ==, cons);
        smmu_put64(&b, at, CMD_SYNC);
        smmu_put64(&b, at + 8, 0);
        smmu_set(&b, SMMUV3_GERRORN, errors);
        g_assert_true(guest_smmu_commands_done(&b.commands));
    }
    smmu_end(&b);
}

/* A queue where no memory is [SMMU 7.1]. */
static void test_abort(void)
{
    SmmuBoard b;
    uint32_t cr0;

    smmu_start_stream(&b, "", "", SMMUV3_BYPASS);
    cr0 = smmu_reg(&b, SMMUV3_CR0);
    smmu_set(&b, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_CMDQEN);
    smmu_set64(&b, SMMUV3_CMDQ_BASE, SMMU_HOLE | 6);
    smmu_set(&b, SMMUV3_CMDQ_PROD, 0);
    smmu_set(&b, SMMUV3_CMDQ_CONS, 0);
    smmu_set(&b, SMMUV3_CR0, cr0);
    smmu_set(&b, SMMUV3_CMDQ_PROD, 1);
    g_assert_cmphex(SMMUV3_CONS_ERR(smmu_reg(&b, SMMUV3_CMDQ_CONS)), ==,
                    SMMUV3_CERROR_ABT);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_GERROR), ==, SMMUV3_GERROR_CMDQ);
    smmu_end(&b);
}

/* Indices wrap; a full queue is worked off [SMMU 3.5.1]. */
static void test_wrap(void)
{
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_BYPASS);
    for (unsigned round = 0; round < 5; round++) {
        uint32_t cr0 = smmu_reg(&b, SMMUV3_CR0);

        /* off, so that they pile up */
        smmu_set(&b, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_CMDQEN);
        for (unsigned i = 0; i < 64; i++) {
            smmu_command(&b, CMD_NSNH_ALL, 0);
        }
        g_assert_false(guest_smmu_commands_done(&b.commands));
        smmu_set(&b, SMMUV3_CR0, cr0);
        smmu_sync(&b);
    }
    g_assert_cmphex(smmu_reg(&b, SMMUV3_GERROR), ==, 0);
    smmu_end(&b);
}

/* CMD_SYNC tells of itself by wire, and by message, or not [SMMU 4.7.3]
 * [SMMU 3.18]. */
static void test_sync_signal(void)
{
    uint64_t flag;
    SmmuBoard b;

    smmu_start_stream(&b, "msi=on", "", SMMUV3_BYPASS);
    flag = smmu_pages(&b, 1);
    smmu_command(&b, CMD_SYNC, 0);
    smmu_command(&b, CMD_SYNC_SEV, 0);            /* SEV */
    smmu_sync(&b);
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    smmu_command(&b, CMD_SYNC_IRQ, 0);
    smmu_expect_line(&b, LINE_SYNC);
    smmu_command(&b, CMD_SYNC_IRQ | CMD_MSI_DATA(0x55),
                 SMMU_DOORBELL);
    smmu_expect_msi(&b, SMMU_DOORBELL, 0x55, LINE_SYNC);
    /* to memory that software polls; attributes (MSH, MSIAttr) change
     * nothing */
    smmu_command(&b, CMD_SYNC_IRQ | CMD_MSI_ATTRIBUTES |
                 CMD_MSI_DATA(0x12345678), flag);
    smmu_sync(&b);
    g_assert_cmphex(smmu_get64(&b, flag), ==, 0x12345678);
    smmu_expect_line(&b, LINE_SYNC);
    g_assert_cmpuint(sink_count(b.q), ==, 0);
    smmu_end(&b);

    /* Without messages announced, the address says nothing. */
    smmu_start_stream(&b, "msi=off", "", SMMUV3_BYPASS);
    smmu_command(&b, CMD_SYNC_IRQ | CMD_MSI_DATA(0x55),
                 SMMU_DOORBELL);
    smmu_expect_line(&b, LINE_SYNC);
    smmu_end(&b);
}

/* Hints that may be ignored, but not refused [SMMU 4.2]. */
static void test_prefetch(void)
{
    SmmuBoard b;

    smmu_start_stream(&b, "", "", SMMUV3_S1);
    smmu_map(&b, VA, PA);
    smmu_command(&b, CMD_PREFETCH_CONFIG | CMD_SID(b.sid), 0);
    smmu_command(&b, CMD_PREFETCH_ADDR | CMD_SID(b.sid), VA);
    smmu_command(&b, CMD_PREFETCH_ADDR | CMD_SID(b.sid), VA + 0x1000);
    smmu_sync(&b);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_EVENTQ_PROD), ==, 0);
    smmu_dma_good(&b, VA, PA);
    smmu_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-commands/tlbi", test_tlbi);
    g_test_add_data_func("/smmu-commands/tlbi-ipa",
                         GUINT_TO_POINTER(SMMUV3_S2), test_tlbi_ipa);
    g_test_add_data_func("/smmu-commands/tlbi-ipa-nested",
                         GUINT_TO_POINTER(SMMUV3_NESTED), test_tlbi_ipa);
    g_test_add_func("/smmu-commands/cfgi", test_cfgi);
    g_test_add_func("/smmu-commands/errors", test_errors);
    g_test_add_func("/smmu-commands/abort", test_abort);
    g_test_add_func("/smmu-commands/wrap", test_wrap);
    g_test_add_func("/smmu-commands/sync-signal", test_sync_signal);
    g_test_add_func("/smmu-commands/prefetch", test_prefetch);
    return g_test_run();
}
