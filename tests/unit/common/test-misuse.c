/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VMM that breaks the contract of viommu.h: calls that wait for DMA sections,
 * from inside of one, would wait for themselves.  Each is named, and stops.
 */
#include "tests/lib/unit/fixture.h"

typedef struct Misuse {
    const char *name;       /* as the message has it */
    void (*call)(Fixture *f);
} Misuse;

static void call_set_ram(Fixture *f)
{
    (void)viommu_set_ram(f->unit, NULL, 0);
}

static void call_run(Fixture *f)
{
    viommu_run(f->unit);
}

static void call_load(Fixture *f)
{
    (void)viommu_load(f->unit, "", 0, NULL);
}

static void call_free(Fixture *f)
{
    viommu_free(f->unit);
}

static const Misuse misuses[] = {
    { "viommu_set_ram", call_set_ram },
    { "viommu_run", call_run },
    { "viommu_load", call_load },
    { "viommu_free", call_free },
};

static void test_inside(gconstpointer data)
{
    const Misuse *misuse = data;
    g_autofree char *says = g_strdup_printf("*%s(): called inside a DMA "
                                            "section*", misuse->name);
    ViommuVtdConfig config;
    Fixture *f;

    if (g_test_subprocess()) {
        fixture_config(&config);
        f = fixture_new(&config);
        viommu_dma_begin();
        viommu_dma_begin();
        viommu_dma_end();       /* they nest */
        misuse->call(f);
        return;
    }
    g_test_trap_subprocess(NULL, 60 * G_USEC_PER_SEC,
                           G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr(says);
}

/* What the contract allows there. */
static void test_allowed(void)
{
    ViommuVtdConfig config;
    ViommuStats stats;
    Fixture *f;
    GBytes *state;

    fixture_config(&config);
    f = fixture_new(&config);
    viommu_dma_begin();
    g_assert_cmphex(viommu_mmio_read(f->unit, 0, 4), !=, 0);
    viommu_mmio_write(f->unit, 0x18, 0, 4);
    viommu_get_stats(f->unit, &stats);
    state = viommu_save(f->unit);
    viommu_dma_end();
    g_bytes_unref(state);
    fixture_free(f);
}

#ifndef NDEBUG
/* Only a build with assertions looks: a release's hit pays nothing. */
static void test_end_without_begin(void)
{
    if (g_test_subprocess()) {
        viommu_dma_begin();
        viommu_dma_end();
        viommu_dma_end();
        return;
    }
    g_test_trap_subprocess(NULL, 60 * G_USEC_PER_SEC,
                           G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr("*viommu_dma_end(): no DMA section has begun*");
}
#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(misuses); i++) {
        g_autofree char *path = g_strdup_printf("/misuse/inside/%s",
                                                misuses[i].name);

        g_test_add_data_func(path, &misuses[i], test_inside);
    }
    g_test_add_func("/misuse/allowed", test_allowed);
#ifndef NDEBUG
    g_test_add_func("/misuse/end-without-begin", test_end_without_begin);
#endif
    return g_test_run();
}
