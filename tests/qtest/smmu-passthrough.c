/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host device behind the SMMUv3: the guest's tables, commands and events go
 * through the host's user API to a simulated host, whose SMMUv3 walks the
 * guest's tables; the data are compared.
 */
#include <string.h>

#include "tests/qtest/smmu.h"

#define VA          UINT64_C(0x12340000)
#define PAGE        UINT64_C(0x1000)
#define UNIT        "stage=1,ssidsize=8,stall=on"
#define RETRY       (1u << 12)

/* A number of what viommu-machine tells of the host. */
static uint64_t usage(SmmuBoard *b, const char *name)
{
    g_autofree char *text = qtest_special(b->q, "viommu-host usage");
    g_autofree char *key = g_strdup_printf("%s=", name);
    const char *at = strstr(text, key);

    g_assert_nonnull(at);
    return g_ascii_strtoull(at + strlen(key), NULL, 0);
}

/* The host's device is the endpoint from here on. */
static void start(SmmuBoard *b, const char *properties)
{
    g_autofree char *more = g_strdup_printf(
        " -device host-testdev,addr=4,pasid-bits=8%s", properties);

    smmu_start_stream(b, UNIT, more, SMMUV3_S1);
    testdev_init(&b->dev, &b->bus, 1);
    b->sid = pci_source(&b->dev.pci);
    testdev_enable(&b->dev, 32);
    b->ste.s1cdmax = 4;
    b->ste.s1dss = 2;
    smmu_put_ste(b);
}

static void use(SmmuBoard *b, unsigned ssid)
{
    testdev_set(&b->dev, TD_PASID, ssid ? TD_PASID_ENABLE | ssid : 0);
}

static void test_dma(void)
{
    uint64_t page;
    SmmuBoard b;

    start(&b, "");
    page = smmu_pages(&b, 2);
    smmu_map(&b, VA, page);
    smmu_dma_good(&b, VA, page);
    g_assert_cmpuint(usage(&b, "bound"), ==, 1);
    smmu_put_cd(&b, 5);
    use(&b, 5);
    smmu_dma_good(&b, VA + 8, page + 8);
    use(&b, 6);
    smmu_dma_blocked(&b, VA, false);
    use(&b, 0);

    smmu_put64(&b, guest_tables_entry(&b.s1, VA, 3),
               (page + PAGE) | 3 | SMMUV3_PAGE_S1);
    smmu_command(&b, CMD_NH_VA | CMD_ASID(SMMU_ASID), VA | 1);
    smmu_sync(&b);
    smmu_dma_good(&b, VA, page + PAGE);

    b.ste.config = SMMUV3_BYPASS;
    smmu_put_ste(&b);
    smmu_dma_good(&b, page, page);
    b.ste.config = SMMUV3_ABORT;
    smmu_put_ste(&b);
    smmu_dma_blocked(&b, page, true);
    g_assert_cmpuint(usage(&b, "bound"), ==, 0);
    smmu_set(&b, SMMUV3_CR0, SMMUV3_CR0_CMDQEN);
    smmu_dma_good(&b, page, page);
    smmu_end(&b);
}

static void test_events(void)
{
    uint64_t word[4];
    SmmuBoard b;

    start(&b, "");
    smmu_dma_fault(&b, VA, false, SMMUV3_F_TRANSLATION, word);
    g_assert_cmphex(word[2], ==, VA);
    g_assert_cmpuint(EVENT_READ(word), ==, 1);
    smmu_expect_line(&b, LINE_EVENTQ);
    use(&b, 7);
    smmu_dma_fault(&b, VA, true, SMMUV3_C_BAD_CD, word);
    g_assert_cmpuint(EVENT_SSV(word), ==, 1);
    g_assert_cmpuint(EVENT_SSID(word), ==, 7);
    smmu_end(&b);
}

static void test_stall(void)
{
    uint64_t page, word[4], value;
    SmmuBoard b;

    start(&b, ",stall=on");
    b.cd.stall = true;
    smmu_put_cd(&b, 0);
    page = smmu_pages(&b, 1);
    smmu_put64(&b, page, 0x1122334455667788);
    g_assert_cmpint(testdev_dma_read(&b.dev, VA, &value, 8).why, ==,
                    TD_WAITS);
    g_assert_true(smmu_event(&b, word));
    g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_TRANSLATION);
    g_assert_cmphex(EVENT_SID(word), ==, b.sid);
    g_assert_cmpuint(EVENT_STALL(word), ==, 1);
    smmu_map(&b, VA, page);
    smmu_command(&b, CMD_RESUME | CMD_SID(b.sid) | RETRY, EVENT_STAG(word));
    smmu_sync(&b);
    g_assert_cmpint(testdev_finish(&b.dev).why, ==, TD_OK);
    g_assert_cmphex(testdev_get(&b.dev, TD_BUFFER), ==, 0x1122334455667788);
    smmu_end(&b);
}

/* The host lets a call fail: the CMD_SYNC says so, and is done again. */
static void test_error(void)
{
    uint64_t page;
    SmmuBoard b;

    start(&b, "");
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
    g_test_add_func("/smmu-passthrough/dma", test_dma);
    g_test_add_func("/smmu-passthrough/events", test_events);
    g_test_add_func("/smmu-passthrough/stall", test_stall);
    g_test_add_func("/smmu-passthrough/error", test_error);
    return g_test_run();
}
