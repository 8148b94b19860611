/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A unit's lock, and the way out of it to the embedder, which is never called
 * with the lock held.
 */
#ifndef HW_IOMMU_COMMON_EMBEDDER_H
#define HW_IOMMU_COMMON_EMBEDDER_H

#include "hw/iommu/common/unit.h"

void viommu_unit_lock(Viommu *unit);
/** Unlock, then send what is in the outbox. */
void viommu_unit_unlock(Viommu *unit);
/** Put one of the unit's own interrupt messages into the outbox. Locked. */
void viommu_unit_post_msi(Viommu *unit, const ViommuMsi *msi);
/** An invalidation of all there is, to be narrowed. */
static inline ViommuInvalidation viommu_everything(ViommuInvalidationType what)
{
    return (ViommuInvalidation) {
        .what = what, .source = VIOMMU_ANY, .domain = VIOMMU_ANY,
        .pasid = VIOMMU_NO_PASID,
    };
}

/** Tell the embedder to drop translations; false if an endpoint's device-TLB
 *  does not answer.  Not locked. */
bool viommu_unit_invalidate(Viommu *unit, const ViommuInvalidation *inv);
/**
 * A page request on its way to software's queue.  When @over is not NULL and
 * *@over, which is atomic, is true where the unit has its lock to put the
 * request there, then nobody waits for an answer any more: there will be none,
 * and software does not hear of it.  Not locked.
 */
void viommu_unit_page_request(Viommu *unit, const ViommuPageRequest *req,
                              const bool *over);
static inline bool viommu_is_over(const bool *over)
{
    return over && __atomic_load_n(over, __ATOMIC_ACQUIRE);
}
/** Send a page response to its endpoint.  Not locked. */
void viommu_unit_page_response(Viommu *unit,
                               const ViommuPageResponse *response);
/**
 * Answer a page request in software's place, if it has an answer: the last of
 * a group, but not a stop marker, which wants none; and each request with
 * private data.  Not locked.
 */
void viommu_unit_answer_page(Viommu *unit, const ViommuPageRequest *req,
                             ViommuPageResponseCode code);
/** Ask for viommu_run().  Not locked. */
void viommu_unit_run_later(Viommu *unit);

#endif
