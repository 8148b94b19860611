/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stall model (3.12.2): a transaction that faults waits until software
 * has looked at its event and resumes it.  The number of those that wait is
 * bounded (IDR5.STALL_MAX); beyond it, transactions are terminated.
 */
#include "hw/iommu/smmuv3/unit.h"

static SmmuStall *free_slot(SmmuUnit *u)
{
    for (unsigned i = 0; i < SMMU_STALLS; i++) {
        if (!u->stalls[i].used) {
            return &u->stalls[i];
        }
    }
    return NULL;
}

bool smmu_stall(SmmuUnit *u, uint32_t source, const SmmuEvent *event,
                int group, uint16_t *tag)
{
    SmmuStall *stall;
    uint64_t at = 0;
    bool recorded = false;

    viommu_read_lock();
    viommu_unit_lock(&u->common);
    stall = free_slot(u);
    if (stall) {
        *tag = stall - u->stalls;
        *stall = (SmmuStall) {
            .used = true, .source = source, .event = *event,
            .host = group != SMMU_NO_GROUP, .group = (uint16_t)group,
        };
        stall->event.word[1] = viommu_put(stall->event.word[1] |
                                          SMMU_EVENT_STALL, SMMU_EVENT_STAG,
                                          *tag);
        recorded = smmu_event_append(u, &stall->event, &at) == SMMU_QUEUED;
        stall->recorded = recorded;
    }
    viommu_read_unlock();
    viommu_unit_unlock(&u->common);
    if (recorded) {
        viommu_count(&u->common.stats.faults_recorded);
        viommu_ram_written(&u->common, at, SMMU_EVENT_SIZE);
    }
    smmu_raise_irqs(u);
    return stall;
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

/*
 * Tell endpoints.  The event of a stall is never lost: while the queue takes
 * none, the transaction waits, and then it arrives anew, since what its event
 * would say may no longer be so (7.2.1).
 */
void smmu_stalls_flush(SmmuUnit *u)
{
    bool inside = viommu_read_held();

    for (unsigned i = 0; i < SMMU_STALLS; i++) {
        SmmuStall *stall = &u->stalls[i], told = { 0 };

        viommu_unit_lock(&u->common);
        if (stall->used && !stall->answered && !stall->recorded &&
            smmu_event_writable(u)) {
            stall->answered = true;
            stall->action = VIOMMU_RESUME_RETRY;
        }
        /* Nobody waits for a host inside an endpoint's access: who answered
         * is about to come here, too. */
        if (stall->used && stall->answered && !(stall->host && inside)) {
            told = *stall;
            stall->used = false;
        }
        viommu_unit_unlock(&u->common);
        if (told.host) {
            smmu_host_resume(u, told.source, told.group, told.action);
        } else if (told.used && u->common.ops.stall_resume) {
            u->common.ops.stall_resume(u->common.opaque, told.source, i,
                                       told.action);
        }
    }
}
