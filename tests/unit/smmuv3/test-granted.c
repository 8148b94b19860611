/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: what an answer grants besides what was asked for. */
#include "tests/lib/unit/smmu.h"

#define PAGE 0x12345000u

/*
 * INSTCFG makes reads instruction fetches: the answer to a write must not
 * grant them on a page that is not for execution.
 */
static void test_granted(void)
{
    const uint64_t uxn_pxn = SMMUV3_PTE_UXN | SMMUV3_PTE_PXN;
    uint64_t word[8];
    ViommuReply reply;
    ViommuSmmuv3Config config;
    Smmu *s;

    smmu_test_config(&config);
    config.stage2 = false;
    s = smmu_test_new(&config, SMMUV3_S1);

    g_assert_true(guest_tables_map(&s->s1, PAGE, 0x200000, 3,
                                   SMMUV3_PAGE_S1 | uxn_pxn));
    g_assert_cmpint(smmu_test_dma(s, PAGE, VIOMMU_WRITE, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.access & 3, ==, VIOMMU_READ | VIOMMU_WRITE);

    /* STE[115:114], INSTCFG: 3 is instruction */
    guest_ste_encode(&s->ste, word);
    word[1] |= FIELD_MASK(STE_INSTCFG);
    guest_write_words(&s->f->mem,
                      s->strtab + SMMU_TEST_SID * SMMUV3_STE_SIZE, word, 8);
    guest_smmu_command(&s->commands, CMD_CFGI_STE | CMD_SID(SMMU_TEST_SID),
                       CMD_LEAF);
    guest_smmu_command(&s->commands, CMD_NH_ALL, 0);
    smmu_test_sync(s);
    g_assert_cmpint(smmu_test_dma(s, PAGE, VIOMMU_READ, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmpint(smmu_test_dma(s, PAGE, VIOMMU_WRITE, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.access & 3, ==, VIOMMU_WRITE);
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-granted/fetches", test_granted);
    return g_test_run();
}
