/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host device behind the SMMUv3, on a simulated host: what only that can do.
 * The rest is in smmu-vfio.c.
 */
#include "tests/qtest/smmu.h"

#define VA          UINT64_C(0x12340000)

/* The host's device is the endpoint from here on. */
static void start(SmmuBoard *b)
{
    smmu_start_stream(b, "stage=1,ssidsize=8",
                      "-device host-testdev,addr=4,pasid-bits=8", SMMUV3_S1);
    testdev_init(&b->dev, &b->bus, 1);
    b->sid = pci_source(&b->dev.pci);
    smmu_put_ste(b);
}

/* The host lets a call fail: the CMD_SYNC says so, and is done again. */
static void test_error(void)
{
    uint64_t page;
    SmmuBoard b;

    start(&b);
    page = smmu_pages(&b, 1);
    smmu_map(&b, VA, page);
    smmu_dma_good(&b, VA, page);
    g_free(qtest_special(b.q, "viommu-host fail ioctl:0x3b8d:EIO:0:1"));
    smmu_command(&b, CMD_NSNH_ALL, 0);
    smmu_command(&b, CMD_SYNC, 0);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_GERROR) ^
                    smmu_reg(&b, SMMUV3_GERRORN), ==, SMMUV3_GERROR_CMDQ);
    g_assert_cmphex(smmu_reg(&b, SMMUV3_CMDQ_CONS) >> 24, ==,
                    SMMUV3_CERROR_ATC);
    smmu_set(&b, SMMUV3_GERRORN, smmu_reg(&b, SMMUV3_GERROR));
    smmu_sync(&b);
    smmu_dma_good(&b, VA, page);
    smmu_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (qtest_is_qemu()) {
        g_print("1..0 # SKIP host-testdev is viommu-machine's\n");
        return 0;
    }
    g_test_add_func("/smmu-passthrough/error", test_error);
    return g_test_run();
}
