/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sizes that callers say [UAPI 000 "argsz"]: smaller than the first form is
 * refused; less than the library knows leaves defaults; more is taken while
 * the rest is zero.
 */
#include <hw/iommu/viommu-smmuv3.h>
#include <hw/iommu/viommu-testdev.h>
#include <hw/iommu/viommu-vtd.h>
#include <string.h>

static void send_msi(void *opaque, const ViommuMsi *msi)
{
    (void)opaque;
    (void)msi;
}

static void run_later(void *opaque)
{
    (void)opaque;
}

static const ViommuOps ops = { .send_msi = send_msi, .run_later = run_later };

/* Callers of tomorrow. */
typedef struct LaterConfig {
    ViommuVtdConfig now;
    uint64_t more[4];
} LaterConfig;
typedef struct LaterOps {
    ViommuOps now;
    void (*more)(void *opaque);
} LaterOps;
typedef struct LaterStats {
    ViommuStats now;
    uint64_t more[4];
} LaterStats;

static void refused(Viommu *unit, GError **error, const char *says)
{
    g_assert_null(unit);
    g_assert_error(*error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
    g_assert_nonnull(strstr((*error)->message, says));
    g_clear_error(error);
}

static void test_config(void)
{
    GError *error = NULL;
    LaterConfig config;
    Viommu *unit;

    memset(&config, 0xff, sizeof(config));
    viommu_vtd_config_init_sized(&config.now, sizeof(config));
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(config.more[i], ==, 0);
    }
    unit = viommu_vtd_new_sized(&config.now, sizeof(config), &ops,
                                sizeof(ops), NULL, &error);
    g_assert_no_error(error);
    viommu_free(unit);

    for (unsigned i = 0; i < 4; i++) {
        config.more[i] = UINT64_C(1) << 63;
        refused(viommu_vtd_new_sized(&config.now, sizeof(config), &ops,
                                     sizeof(ops), NULL, &error), &error,
                "ViommuVtdConfig: size ");
        config.more[i] = 0;
    }
    for (size_t size = 0; size <= offsetof(ViommuVtdConfig, iotlb_bits);
         size++) {
        refused(viommu_vtd_new_sized(&config.now, size, &ops, sizeof(ops),
                                     NULL, &error), &error, "allowed are ");
    }
}

/* What a caller does not know has its default, whatever is behind it. */
static void test_config_before(void)
{
    const size_t size = offsetof(ViommuVtdConfig, iotlb_bits) + 1;
    GError *error = NULL;
    ViommuVtdConfig config;
    uint64_t ecap;
    Viommu *unit;

    memset(&config, 1, sizeof(config));
    viommu_vtd_config_init_sized(&config, size);
    g_assert_true(config.coherent);     /* not touched */
    unit = viommu_vtd_new_sized(&config, size, &ops, sizeof(ops), NULL,
                                &error);
    g_assert_no_error(error);
    ecap = viommu_mmio_read(unit, 0x10, 8);
    g_assert_cmphex(ecap & 1, ==, 0);   /* ECAP.C */
    viommu_free(unit);
}

static void test_ops(void)
{
    LaterOps later = { .now = ops };
    GError *error = NULL;
    ViommuVtdConfig config;
    Viommu *unit;

    viommu_vtd_config_init(&config);
    unit = viommu_vtd_new_sized(&config, sizeof(config), &later.now,
                                sizeof(later), NULL, &error);
    g_assert_no_error(error);
    viommu_free(unit);
    later.more = run_later;
    refused(viommu_vtd_new_sized(&config, sizeof(config), &later.now,
                                 sizeof(later), NULL, &error), &error,
            "ViommuOps: size ");
    refused(viommu_vtd_new_sized(&config, sizeof(config), &ops,
                                 sizeof(ops) - 1, NULL, &error), &error,
            "ViommuOps: size ");
}

static void test_smmuv3(void)
{
    struct { ViommuSmmuv3Config now; uint32_t more; } config;
    GError *error = NULL;
    Viommu *unit;

    viommu_smmuv3_config_init_sized(&config.now, sizeof(config));
    unit = viommu_smmuv3_new_sized(&config.now, sizeof(config), &ops,
                                   sizeof(ops), NULL, &error);
    g_assert_no_error(error);
    viommu_free(unit);
    config.more = 1;
    refused(viommu_smmuv3_new_sized(&config.now, sizeof(config), &ops,
                                    sizeof(ops), NULL, &error), &error,
            "ViommuSmmuv3Config: size ");
    refused(viommu_smmuv3_new_sized(&config.now, 4, &ops, sizeof(ops), NULL,
                                    &error), &error,
            "ViommuSmmuv3Config: size 4: allowed are ");
}

static void test_stats(void)
{
    GError *error = NULL;
    ViommuVtdConfig config;
    LaterStats stats;
    Viommu *unit;

    viommu_vtd_config_init(&config);
    unit = viommu_vtd_new(&config, &ops, NULL, &error);
    g_assert_no_error(error);
    (void)viommu_mmio_read(unit, 0xff8, 4);
    memset(&stats, 0xff, sizeof(stats));
    viommu_get_stats_sized(unit, &stats.now, sizeof(stats));
    g_assert_cmpuint(stats.now.bad_accesses, ==, 1);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(stats.more[i], ==, 0);
    }
    /* as much as fits, and nothing behind it */
    memset(&stats, 0xff, sizeof(stats));
    viommu_get_stats_sized(unit, &stats.now, 16);
    g_assert_cmphex(stats.now.table_reads, ==, 0);
    g_assert_cmphex(stats.now.context_reads, ==, UINT64_MAX);
    viommu_free(unit);
}

static void test_testdev(void)
{
    struct { ViommuTestdevConfig now; uint8_t more[8]; } config = { 0 };
    const ViommuTestdevOps testdev_ops = { 0 };
    GError *error = NULL;
    ViommuTestdev *dev;

    dev = viommu_testdev_new_sized(&config.now, sizeof(config), &testdev_ops,
                                   sizeof(testdev_ops), NULL, &error);
    g_assert_no_error(error);
    viommu_testdev_free(dev);
    config.more[7] = 1;
    g_assert_null(viommu_testdev_new_sized(&config.now, sizeof(config),
                                           &testdev_ops, sizeof(testdev_ops),
                                           NULL, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
    g_error_free(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/abi-sizes/config", test_config);
    g_test_add_func("/abi-sizes/config-before", test_config_before);
    g_test_add_func("/abi-sizes/ops", test_ops);
    g_test_add_func("/abi-sizes/smmuv3", test_smmuv3);
    g_test_add_func("/abi-sizes/stats", test_stats);
    g_test_add_func("/abi-sizes/testdev", test_testdev);
    return g_test_run();
}
