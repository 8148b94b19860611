/* SPDX-License-Identifier: BSD-3-Clause */
#include "blow.h"

void blow_strike(Blow *blow, Viommu *unit)
{
    blow->struck++;
    if (blow->fate == RESET) {
        viommu_reset(unit);
    } else {
        test_stream_must_load(&blow->stream, unit);
    }
}

bool blow_never(Fixture *f)
{
    (void)f;
    return false;
}

bool blow_always(Fixture *f)
{
    (void)f;
    return true;
}

bool blow_when_asked(Fixture *f)
{
    f->drained = blow_always;
    blow_strike(f->outside_opaque, f->unit);
    return true;
}

bool blow_in_endpoint(Fixture *f, const ViommuInvalidation *inv)
{
    (void)inv;
    blow_strike(f->outside_opaque, f->unit);
    return false;
}

static void *reset_main(void *unit)
{
    viommu_reset(unit);
    return NULL;
}

GThread *blow_reset_begin(Viommu *unit, uint64_t offset)
{
    GThread *thread;

    g_assert_cmphex(viommu_mmio_read(unit, offset, 4), !=, 0);
    thread = g_thread_new("reset", reset_main, unit);
    while (viommu_mmio_read(unit, offset, 4)) {
        g_usleep(50);
    }
    return thread;
}

void blow_add(const char *group, const char *name, BlowTest *test)
{
    static const char *const fates[FATES] = { "reset", "load" };

    for (unsigned fate = 0; fate < FATES; fate++) {
        g_autofree char *path = g_strdup_printf("/%s/%s/%s", group, name,
                                                fates[fate]);

        g_test_add_data_func(path, GUINT_TO_POINTER(fate), test);
    }
}
