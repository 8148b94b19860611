/* SPDX-License-Identifier: BSD-3-Clause */
#include "misuse.h"

#include <hw/iommu/viommu.h>

typedef struct Stopped {
    const Calls *calls;
    const Call *call;
} Stopped;

static void test_stopped(gconstpointer data)
{
    const Stopped *stopped = data;
    g_autofree char *says = g_strdup_printf("*%s(): called inside a DMA "
                                            "section*", stopped->call->name);

    if (g_test_subprocess()) {
        void *world = stopped->calls->start();

        viommu_dma_begin();
        viommu_dma_begin();
        viommu_dma_end();       /* they nest */
        stopped->call->call(world);
        return;
    }
    g_test_trap_subprocess(NULL, 60 * G_USEC_PER_SEC,
                           G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_failed();
    g_test_trap_assert_stderr(says);
}

static void test_allowed(gconstpointer data)
{
    const Calls *calls = data;
    void *world = calls->start();

    for (size_t i = 0; i < calls->n_allowed; i++) {
        g_test_message("%s", calls->allowed[i].name);
        viommu_dma_begin();
        calls->allowed[i].call(world);
        viommu_dma_end();
    }
    calls->end(world);
}

void misuse_add(const Calls *calls)
{
    g_autofree char *allowed = g_strdup_printf("%s/allowed", calls->prefix);

    for (size_t i = 0; i < calls->n_stopped; i++) {
        Stopped *stopped = g_new(Stopped, 1);
        g_autofree char *path = g_strdup_printf("%s/inside/%s", calls->prefix,
                                                calls->stopped[i].name);

        *stopped = (Stopped) { calls, &calls->stopped[i] };
        g_test_add_data_func_full(path, stopped, test_stopped, g_free);
    }
    g_test_add_data_func(allowed, calls, test_allowed);
}
