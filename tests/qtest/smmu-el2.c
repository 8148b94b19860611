/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: streams of a hypervisor (STE.STRW, CR2.E2H), as it sees them. */
#include "tests/qtest/smmu.h"

#define VA      UINT64_C(0x7f1234567000)
#define PA      (SMMU_RAM + UINT64_C(0x08000000))
#define PA2     (SMMU_RAM + UINT64_C(0x08001000))

static void put_el2(SmmuBoard *b, uint64_t strw)
{
    uint64_t at = b->strtab + b->sid * SMMUV3_STE_SIZE + 8;

    smmu_put64(b, at, (smmu_get64(b, at) & ~FIELD_MASK(STE_STRW)) |
                      FIELD_PUT(strw, STE_STRW));
    smmu_command(b, CMD_CFGI_STE | CMD_SID(b->sid), CMD_LEAF);
    smmu_sync(b);
}

/* DMA, a change of the page, the command that makes it known [SMMU 3.3.3]. */
static void test_stream(gconstpointer data)
{
    uint32_t e2h = GPOINTER_TO_UINT(data);
    uint64_t asid = e2h ? CMD_ASID(SMMU_ASID) : 0, word[4];
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested,hyp=on", "", SMMUV3_S1);
    g_assert_cmphex(FIELD_GET(smmu_reg(&b, SMMUV3_IDR0), IDR0_HYP), ==, 1);
    smmu_set(&b, SMMUV3_CR2, 2 | e2h);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_CR2), ==, 2 | e2h);
    put_el2(&b, 2);
    smmu_command(&b, CMD_EL2_ALL, 0);
    smmu_sync(&b);
    smmu_map(&b, VA, PA);
    smmu_dma_good(&b, VA, PA);
    smmu_map(&b, VA, PA2);
    smmu_command(&b, CMD_NSNH_ALL | CMD_VMID(SMMU_VMID), 0);
    smmu_command(&b, CMD_EL2_VA | asid, VA);
    smmu_sync(&b);
    smmu_dma_good(&b, VA, PA2);

    /* A page without AP[1] is for EL2, which knows no users, ... */
    g_assert_true(guest_tables_map(&b.s1, VA, PA, 3,
                                   SMMUV3_PTE_AF | SMMUV3_PTE_NG));
    smmu_command(&b, CMD_EL2_VA | asid, VA);
    smmu_sync(&b);
    if (e2h) {
        smmu_dma_fault(&b, VA, true, SMMUV3_F_PERMISSION, word);
    } else {
        smmu_dma_good(&b, VA, PA);
    }
    /* ... and there is no upper half. */
    smmu_dma_fault(&b, UINT64_C(0xffff800000000000), false,
                   SMMUV3_F_TRANSLATION, word);
    put_el2(&b, 3);
    smmu_dma_fault(&b, VA, false, SMMUV3_C_BAD_STE, word);
    smmu_end(&b);
}

/* Who has no EL2 does not look at STRW, and E2H stays clear. */
static void test_without(void)
{
    SmmuBoard b;

    smmu_start_stream(&b, "stage=nested", "", SMMUV3_S1);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_IDR0) & FIELD_MASK(IDR0_HYP), ==, 0);
    smmu_set(&b, SMMUV3_CR2, 3);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_CR2), ==, 2);
    put_el2(&b, 3);
    smmu_map(&b, VA, PA);
    smmu_dma_good(&b, VA, PA);
    smmu_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/smmu-el2/el2", GUINT_TO_POINTER(0), test_stream);
    g_test_add_data_func("/smmu-el2/el2-e2h", GUINT_TO_POINTER(1),
                         test_stream);
    g_test_add_func("/smmu-el2/without", test_without);
    return g_test_run();
}
