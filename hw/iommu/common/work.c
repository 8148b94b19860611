/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Work that a unit does outside its lock: commands, and whatever else calls
 * the embedder or waits for endpoints.
 *
 * One thread at a time works.  It holds the lock to look at registers and
 * drops it to invalidate, to drain and to read memory.
 */
#include "hw/iommu/common/unit.h"

/* Steps of one run, such as commands; the rest waits for the next one. */
#define BATCH 256

bool viommu_work_drain(Viommu *unit)
{
    ViommuWork *work = &unit->work;

    if (work->undrained) {
        viommu_read_drain();
        work->undrained = unit->ops.drained &&
                          !unit->ops.drained(unit->opaque);
    }
    return !work->undrained;
}

void viommu_work_switched(Viommu *unit)
{
    ViommuInvalidation inv = viommu_everything(VIOMMU_INV_ALL);

    viommu_unit_unlock(unit);
    viommu_unit_invalidate(unit, &inv);
    viommu_read_drain();
    viommu_unit_lock(unit);
}

void viommu_work_run(Viommu *unit, ViommuWorkStep *step)
{
    ViommuWork *work = &unit->work;
    bool more;

    viommu_unit_lock(unit);
    if (work->busy) {
        /* Who is working sees the new work before leaving. */
        viommu_unit_unlock(unit);
        return;
    }
    work->busy = true;
    work->put_off = false;
    for (unsigned i = 0; i < BATCH && work->todo && !work->put_off; i++) {
        unsigned todo = work->todo & -work->todo;   /* the lowest bit first */

        work->todo &= ~todo;
        step(unit, todo);
    }
    work->busy = false;
    more = work->todo;
    viommu_unit_unlock(unit);
    if (more) {
        viommu_unit_run_later(unit);
    }
}
