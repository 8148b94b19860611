/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Work that a unit does outside its lock: commands, and whatever else calls
 * the embedder or waits for endpoints.
 *
 * One thread at a time works.  It holds the lock to look at registers and
 * drops it to invalidate, to drain and to read memory.
 */
#include "hw/iommu/common/work.h"

#include "hw/iommu/common/embedder.h"

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

void viommu_work_switch(Viommu *unit, unsigned todo, bool tell)
{
    unit->work.todo |= todo;
    unit->work.tell |= tell;
    unit->work.switches++;
}

ViommuCommandState viommu_work_finish(Viommu *unit,
                                      bool (*settle)(Viommu *unit))
{
    bool drained = viommu_work_drain(unit), settled = settle(unit);

    viommu_unit_lock(unit);
    if (!viommu_work_wanted(unit)) {
        return VIOMMU_COMMAND_IDLE;
    }
    if (drained && settled) {
        return VIOMMU_COMMAND_DONE;
    }
    unit->work.put_off = !drained;
    return VIOMMU_COMMAND_DRAINING;
}

ViommuCommandState viommu_work_switched(Viommu *unit)
{
    const ViommuInvalidation inv = viommu_everything(VIOMMU_INV_ALL);
    ViommuWork *work = &unit->work;
    uint64_t began = work->switches;
    ViommuCommandState state;
    bool tell = work->tell;

    work->tell = false;
    viommu_unit_unlock(unit);
    if (tell) {
        viommu_unit_invalidate(unit, &inv);
        unit->model->switch_began(unit);
        work->undrained = true;
    }
    state = viommu_work_finish(unit, unit->model->switch_settle);
    if (work->switches != began) {
        /* The next one, whose bit is set, stands for this one, too; or it is
         * forgotten. */
        work->put_off = false;
        return VIOMMU_COMMAND_IDLE;
    }
    return state;
}

void viommu_work_forget(Viommu *unit)
{
    unit->work.todo = 0;
    unit->work.tell = false;
    unit->work.forgotten = true;
    unit->work.switches++;
    unit->work.queue_life++;
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
        work->life = unit->life;
        if (work->forgotten) {
            work->forgotten = false;
            work->undrained = true;
        }
        step(unit, todo);
    }
    work->busy = false;
    more = work->todo;
    viommu_unit_unlock(unit);
    if (more) {
        viommu_unit_run_later(unit);
    }
}
