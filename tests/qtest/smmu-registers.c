/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: registers after reset and under accesses of every kind. */
#include "tests/qtest/smmu.h"

/* What virt's own SMMUv3 shows to a guest, as far as it has it [SMMU 6.3]. */
static void test_identity(void)
{
    SmmuBoard b;
    uint32_t idr0, idr1;

    smmu_start(&b, "", "");
    idr0 = smmu_reg(&b, SMMUV3_IDR0);
    idr1 = smmu_reg(&b, SMMUV3_IDR1);
    g_assert_cmphex(idr0 & 3, ==, 3);                   /* both stages */
    g_assert_cmphex(idr0 >> 2 & 3, ==, 2);              /* AArch64 tables */
    g_assert_cmphex(FIELD_GET(idr0, IDR0_COHACC), ==, 1);
    g_assert_cmphex(idr0 >> 6 & 3, ==, 0);              /* HTTU */
    g_assert_cmphex(FIELD_GET(idr0, IDR0_ATS), ==, 0);
    g_assert_cmphex(FIELD_GET(idr0, IDR0_MSI), ==, 0);
    g_assert_cmphex(FIELD_GET(idr0, IDR0_PRI), ==, 0);
    g_assert_cmphex(FIELD_GET(idr0, IDR0_STALL_MODEL), ==,
                    STALL_MODEL_NONE);
    g_assert_cmphex(idr0 >> 27 & 3, ==, 1);             /* two levels */
    g_assert_cmphex(idr1 & 0x3f, ==, 16);
    g_assert_cmphex(idr1 >> 6 & 0x1f, ==, 0);
    g_assert_cmphex(idr1 >> 16 & 0x1f, ==, 19);
    g_assert_cmphex(idr1 >> 21 & 0x1f, ==, 19);
    g_assert_cmphex(idr1 >> 29, ==, 0);                 /* nothing preset */
    g_assert_cmphex(smmu_reg(&b, SMMUV3_IDR3) >> 10 & 1, ==, 1);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_IDR5) & 0x77, ==, 0x74);
    smmu_end(&b);
}

static void test_reset_values(void)
{
    static const uint32_t zeroes[] = {
        SMMUV3_CR0, SMMUV3_CR0ACK, SMMUV3_CR1, SMMUV3_CR2, SMMUV3_IRQ_CTRL,
        SMMUV3_IRQ_CTRLACK, SMMUV3_GERROR, SMMUV3_GERRORN, SMMUV3_STRTAB_BASE,
        SMMUV3_STRTAB_BASE_CFG, SMMUV3_CMDQ_BASE, SMMUV3_CMDQ_PROD,
        SMMUV3_CMDQ_CONS, SMMUV3_EVENTQ_BASE, SMMUV3_EVENTQ_PROD,
        SMMUV3_EVENTQ_CONS,
    };
    SmmuBoard b;

    smmu_start(&b, "", "");
    for (unsigned i = 0; i < G_N_ELEMENTS(zeroes); i++) {
        g_assert_cmphex(smmu_reg(&b, zeroes[i]), ==, 0);
    }
    /* "Use incoming" shareability; no abort. */
    g_assert_cmphex(smmu_reg(&b, SMMUV3_GBPA), ==, 0x1000);
    smmu_end(&b);
}

/* Which bits take a value [SMMU 6.3]. */
static void test_writable(void)
{
    static const struct {
        uint32_t offset;
        uint64_t bits;
    } cases[] = {
        { SMMUV3_CR1, 0xfff },
        { SMMUV3_CR2, 0x2 },
        { SMMUV3_STRTAB_BASE, 0x40000fffffffffc0 },
        { SMMUV3_STRTAB_BASE_CFG, 0x307ff },
        { SMMUV3_CMDQ_BASE, 0x40000fffffffffff },
        { SMMUV3_EVENTQ_BASE, 0x40000fffffffffff },
        { SMMUV3_PRIQ_BASE, 0x40000fffffffffff },
        { SMMUV3_GERROR_IRQ_CFG0, 0x00000ffffffffffc },
        { SMMUV3_EVENTQ_IRQ_CFG0, 0x00000ffffffffffc },
        { SMMUV3_PRIQ_IRQ_CFG0, 0x00000ffffffffffc },
        { SMMUV3_IDR0, 0 },
        { SMMUV3_IDR1, 0 },
        { SMMUV3_IDR5, 0 },
        { SMMUV3_GERROR, 0 },
    };
    SmmuBoard b;

    smmu_start(&b, "ats=on,pri=on,msi=on", "");
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint32_t offset = cases[i].offset;
        uint32_t low = smmu_reg(&b, offset);

        if (cases[i].bits >> 32) {
            smmu_set64(&b, offset, UINT64_MAX);
            g_assert_cmphex(smmu_reg64(&b, offset), ==, cases[i].bits);
            /* in two halves */
            smmu_set(&b, offset, 0);
            g_assert_cmphex(smmu_reg64(&b, offset), ==,
                            cases[i].bits & ~UINT64_C(0xffffffff));
            smmu_set(&b, offset + 4, 0);
            g_assert_cmphex(smmu_reg64(&b, offset), ==, 0);
        } else {
            smmu_set(&b, offset, UINT32_MAX);
            g_assert_cmphex(smmu_reg(&b, offset), ==,
                            cases[i].bits ? cases[i].bits : low);
        }
    }
    smmu_end(&b);
}

/* Without an option, what belongs to it cannot be switched on. */
static void test_absent(void)
{
    SmmuBoard b;

    smmu_start(&b, "", "");
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_PRIQEN | SMMUV3_CR0_ATSCHK);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_CR0), ==, 0);
    smmu_set(&b, SMMUV3_IRQ_CTRL, 7);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_IRQ_CTRL), ==, 5);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_IRQ_CTRLACK), ==, 5);
    smmu_set64(&b, SMMUV3_PRIQ_BASE, UINT64_MAX);
    g_assert_cmphex(smmu_reg64(&b, SMMUV3_PRIQ_BASE), ==, 0);
    smmu_set(&b, SMMUV3_STATUSR, UINT32_MAX);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_STATUSR), ==, 0);
    smmu_set(&b, SMMUV3_AGBPA, UINT32_MAX);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_AGBPA), ==, 0);
    smmu_set64(&b, SMMUV3_EVENTQ_IRQ_CFG0, UINT64_MAX);
    g_assert_cmphex(smmu_reg64(&b, SMMUV3_EVENTQ_IRQ_CFG0), ==, 0);
    smmu_end(&b);
}

/* Enables are acknowledged; GBPA wants Update with it [SMMU 6.3.10]
 * [SMMU 6.3.15] [SMMU 6.3.18]. */
static void test_updates(void)
{
    SmmuBoard b;

    smmu_start(&b, "", "");
    smmu_set(&b, SMMUV3_CR0, 0xd);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_CR0ACK), ==, 0xd);
    smmu_set(&b, SMMUV3_CR0, 0x4);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_CR0ACK), ==, 0x4);
    smmu_set(&b, SMMUV3_CR0, 0);

    smmu_set(&b, SMMUV3_GBPA, SMMUV3_GBPA_ABORT);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_GBPA), ==, 0x1000);
    smmu_dma_good(&b, SMMU_RAM + 0x2000000, SMMU_RAM + 0x2000000);
    smmu_set(&b, SMMUV3_GBPA, SMMUV3_GBPA_UPDATE | SMMUV3_GBPA_ABORT);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_GBPA), ==, SMMUV3_GBPA_ABORT);
    smmu_dma_blocked(&b, SMMU_RAM + 0x2000000, false);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_EVENTQ_PROD), ==, 0);
    smmu_set(&b, SMMUV3_GBPA, SMMUV3_GBPA_UPDATE);
    smmu_dma_good(&b, SMMU_RAM + 0x2000000, SMMU_RAM + 0x2000000);
    smmu_end(&b);
}

/* The queues' indices are in the second page; the first has them too
 * [SMMU 6.2]. */
static void test_pages(void)
{
    SmmuBoard b;

    smmu_start(&b, "ats=on,pri=on", "");
    for (unsigned offset = 0xa8; offset <= 0xcc; offset += 4) {
        if (offset == 0xb0) {
            offset = 0xc8;
        }
        smmu_set(&b, 0x10000 + offset, 0x80012345u);
        g_assert_cmphex(smmu_reg(&b, 0x10000 + offset), ==, 0x80012345u);
        g_assert_cmphex(smmu_reg(&b, offset), ==, 0x80012345u);
    }
    /* Nothing else is there. */
    g_assert_cmphex(smmu_reg(&b, 0x10000 + SMMUV3_IDR0), ==, 0);
    smmu_end(&b);
}

/* [SMMU 6.2] */
static void test_odd_accesses(void)
{
    SmmuBoard b;
    uint8_t bytes[16];
    uint32_t idr0;

    smmu_start(&b, "", "");
    idr0 = smmu_reg(&b, SMMUV3_IDR0);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(qtest_read(b.q, SMMU_UNIT + i, 1), ==,
                        idr0 >> (8 * i) & 0xff);
    }
    g_assert_cmphex(qtest_read(b.q, SMMU_UNIT + 1, 2), ==,
                    idr0 >> 8 & 0xffff);
    g_assert_cmphex(smmu_reg64(&b, SMMUV3_IDR0), ==,
                    (uint64_t)smmu_reg(&b, SMMUV3_IDR1) << 32 | idr0);
    qtest_write(b.q, SMMU_UNIT + SMMUV3_CR1 + 1, 0x5, 1);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_CR1), ==, 0x500);
    for (unsigned size = 1; size <= 16; size++) {
        qtest_memread(b.q, SMMU_UNIT + 0x1fff0, bytes, size);
        qtest_memwrite(b.q, SMMU_UNIT + 0x1fff0, bytes, size);
        qtest_memread(b.q, SMMU_UNIT + SMMUV3_CMDQ_BASE + 3, bytes, size);
    }
    smmu_end(&b);
}

/* ECAM below RAM. */
static void test_low_ecam(void)
{
    SmmuBoard b;

    smmu_start(&b, "", "-machine highmem-ecam=off");
    g_assert_cmphex(b.sid, ==, 0x18);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_IDR0) & 2, ==, 2);
    smmu_dma_good(&b, SMMU_RAM + 0x2000000, SMMU_RAM + 0x2000000);
    smmu_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-registers/identity", test_identity);
    g_test_add_func("/smmu-registers/reset-values", test_reset_values);
    g_test_add_func("/smmu-registers/writable", test_writable);
    g_test_add_func("/smmu-registers/absent", test_absent);
    g_test_add_func("/smmu-registers/updates", test_updates);
    g_test_add_func("/smmu-registers/pages", test_pages);
    g_test_add_func("/smmu-registers/odd-accesses", test_odd_accesses);
    g_test_add_func("/smmu-registers/low-ecam", test_low_ecam);
    return g_test_run();
}
