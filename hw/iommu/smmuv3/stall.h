/* SPDX-License-Identifier: BSD-3-Clause */
/* Transactions that wait for software. */
#ifndef HW_IOMMU_SMMUV3_STALL_H
#define HW_IOMMU_SMMUV3_STALL_H

#include "hw/iommu/smmuv3/events.h"

#define SMMU_STALLS     64

/** A transaction that waits.  Its STAG is its index. */
typedef struct SmmuStall {
    bool used;
    bool recorded;          /* its event is, or was, in the queue; else the
                             * transaction arrives again when there is a
                             * place */
    bool answered;          /* software, or the unit, has decided */
    bool leaving;           /* the endpoint is told as soon as it knows the
                             * tag */
    uint8_t action;         /* a ViommuResume */
    bool host;              /* a host device's; group is the host's name for
                             * it */
    uint16_t group;
    uint32_t source;
    SmmuEvent event;
} SmmuStall;

/** What becomes of a transaction that stalls. */
typedef enum SmmuStalled {
    SMMU_STALLED,           /* it waits */
    SMMU_STALL_NO_ROOM,     /* it is terminated, and its event recorded */
    SMMU_STALL_ENDED,       /* it is terminated like those that wait: SMMUEN is
                             * clear */
} SmmuStalled;

#define SMMU_NO_GROUP (-1)

/** Make a transaction wait, and record its event.  @group is the host's name
 *  for that of a host device, or SMMU_NO_GROUP.  *@tag is its STAG.  When
 *  @over is not NULL and *@over is true once the unit has its lock, nobody waits
 *  any more, and it has ended.  Not locked. */
SmmuStalled smmu_stall(SmmuUnit *u, uint32_t source, const SmmuEvent *event,
                       int group, const bool *over, uint16_t *tag);
/** CMD_RESUME: @action is a ViommuResume.  Not locked. */
void smmu_stall_resume(SmmuUnit *u, uint32_t source, uint16_t tag,
                       unsigned action);
/** Terminate the transactions of @source, or all with VIOMMU_ANY.  Locked. */
void smmu_stall_terminate(SmmuUnit *u, uint32_t source);
/** Tell the host what becomes of a host device's transaction.  Not locked. */
void smmu_stall_tell_host(SmmuUnit *u, uint32_t source, uint16_t group,
                          unsigned action);

/* Both in a step of the unit's work, not locked. */

/** Mark the stalls that are decided as leaving. */
void smmu_stalls_choose(SmmuUnit *u);
/** Tell the endpoints of those that leave, or be called again when they know
 *  the tags. */
void smmu_stalls_tell(SmmuUnit *u);
/** The same without waiting for the next run: a switch waits for endpoints
 *  anyway. */
void smmu_stalls_end(SmmuUnit *u);

/* Saved state has SMMU_STALL_WORDS words for each stall.  Stalls of host
 * devices are not saved, because the host reports them again. */
#define SMMU_STALL_WORDS 5

/** Write all stalls to @words.  Locked. */
void smmu_stalls_save(const SmmuUnit *u, uint64_t *words);
/** Whether a unit can have saved these words. */
bool smmu_stalls_valid(const SmmuUnit *u, const uint64_t *words);
/** Replace all stalls by those of valid words, or by none with NULL.
 *  Locked. */
void smmu_stalls_replace(SmmuUnit *u, const uint64_t *words);

#endif
