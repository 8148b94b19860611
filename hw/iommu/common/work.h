/* SPDX-License-Identifier: BSD-3-Clause */
/* What a unit does outside its lock, one thread at a time. */
#ifndef HW_IOMMU_COMMON_WORK_H
#define HW_IOMMU_COMMON_WORK_H

#include "hw/iommu/common/unit.h"

/** What became of a command, from the queue or from a register. */
typedef enum ViommuCommandState {
    VIOMMU_COMMAND_IDLE,        /* there is none, or it is wanted no more */
    VIOMMU_COMMAND_DRAINING,    /* to be looked at again: something before it
                                 * is not done */
    VIOMMU_COMMAND_DONE,
} ViommuCommandState;

/** Do what one bit of ViommuWork.todo stands for.  Called locked, and returns
 *  locked. */
typedef void ViommuWorkStep(Viommu *unit, unsigned todo);

/**
 * Do unit->work, the lowest bit first, as much as a batch holds; ask for
 * another run when some is left.  Returns at once while another thread is at
 * it, which sees new work before it leaves.  Not locked.
 */
void viommu_work_run(Viommu *unit, ViommuWorkStep *step);
/**
 * Whether what the step does is still wanted: not after a reset or a load,
 * which may come whenever the step is not locked.  In a step, locked.
 */
static inline bool viommu_work_wanted(const Viommu *unit)
{
    return unit->work.life == unit->life;
}
/**
 * Wait for all endpoints that may still use what was invalidated.  False when
 * some of them do so outside of sections, where nobody can wait for them: the
 * step then puts its work back, sets put_off, and is called again in a later
 * run.  In a step, not locked.
 */
bool viommu_work_drain(Viommu *unit);
/**
 * The end of a command that a register gives: wait as viommu_work_drain() does,
 * and let the host carry out a part of it (@settle, which returns whether that
 * was all).  In a step, called not locked, and returns locked; DRAINING asks
 * for the same step again.
 */
ViommuCommandState viommu_work_finish(Viommu *unit,
                                      bool (*settle)(Viommu *unit));
/**
 * A register was written that switches something on, off or over.  Requests go
 * by it from now on; the status that software polls for follows in the step
 * of the bit @todo.  With @tell, answers that endpoints keep may be others.
 * Locked.
 */
void viommu_work_switch(Viommu *unit, unsigned todo, bool tell);
/**
 * The step of a switch, locked: tell the embedder once, wait for all endpoints
 * that go by what was before, as viommu_work_drain() does, and for host
 * devices.  DONE when the status may follow now; DRAINING asks for the same
 * step again.
 */
ViommuCommandState viommu_work_switched(Viommu *unit);
/** Forget all work, because all is forgotten: reset and load.  Locked. */
void viommu_work_forget(Viommu *unit);

#endif
