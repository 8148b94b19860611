/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stall model (3.12.2): a transaction that faults waits until software
 * has looked at its event and resumes it.  The number of those that wait is
 * bounded (IDR5.STALL_MAX); beyond it, transactions are terminated.
 */
#include "hw/iommu/smmuv3/unit.h"

bool smmu_stall(SmmuUnit *u, uint32_t source, const SmmuEvent *event,
                int group, uint16_t *tag)
{
    bool found = false;

    viommu_unit_lock(&u->common);
    for (unsigned i = 0; i < SMMU_STALLS && !found; i++) {
        SmmuStall *stall = &u->stalls[i];

        if (stall->used) {
            continue;
        }
        *stall = (SmmuStall) {
            .used = true, .source = source, .event = *event,
            .host = group != SMMU_NO_GROUP, .group = (uint16_t)group,
        };
        stall->event.word[1] = viommu_put(stall->event.word[1] |
                                          SMMU_EVENT_STALL, SMMU_EVENT_STAG,
                                          i);
        *tag = i;
        found = true;
    }
    viommu_unit_unlock(&u->common);
    return found;
}

/* A tag that is not waiting, or another stream's, does nothing (4.6.1). */
void smmu_stall_resume(SmmuUnit *u, uint32_t source, uint16_t tag,
                       unsigned action)
{
    viommu_unit_lock(&u->common);
    if (tag < SMMU_STALLS) {
        SmmuStall *stall = &u->stalls[tag];

        if (stall->used && !stall->answered && stall->source == source) {
            stall->answered = true;
            stall->action = action;
            u->common.work.todo |= SMMU_WORK_STALLS;
        }
    }
    viommu_unit_unlock(&u->common);
}

void smmu_stall_terminate(SmmuUnit *u, uint32_t source)
{
    for (unsigned i = 0; i < SMMU_STALLS; i++) {
        SmmuStall *stall = &u->stalls[i];

        if (stall->used && !stall->answered &&
            (source == VIOMMU_ANY || stall->source == source)) {
            stall->answered = true;
            stall->action = VIOMMU_RESUME_ABORT;
            u->common.work.todo |= SMMU_WORK_STALLS;
        }
    }
}
