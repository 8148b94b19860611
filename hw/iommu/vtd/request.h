/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two ways of a DMA request.  The short way (translate.c) answers what the
 * caches can answer; the long way (request.c) answers every request.  Where
 * both follow one rule, the rule is here, in address.h or in permissions.h.
 */
#ifndef HW_IOMMU_VTD_REQUEST_H
#define HW_IOMMU_VTD_REQUEST_H

#include "hw/iommu/vtd/address.h"
#include "hw/iommu/vtd/translation.h"
#include "hw/iommu/vtd/unit.h"

/** What the short way has found when the IOTLB lacks the translation. */
typedef struct VtdMissed {
    ViommuCacheEntry context;
    ViommuSeen seen;        /* of the context cache, before that look-up */
} VtdMissed;

/** Answer any request.  @missed: the short way has found all but the
 *  translation; or NULL. */
ViommuStatus vtd_long_way(VtdUnit *u, const ViommuRequest *req,
                          ViommuReply *reply, const VtdMissed *missed);

/** The part of the 2^@shift bytes around the request's address where requests
 *  are DMA: all of it with a PASID, else without the interrupt range
 *  [VTD 3.14]. */
static inline uint64_t vtd_size_without_interrupts(const ViommuRequest *req,
                                                   unsigned shift)
{
    uint64_t size = UINT64_C(1) << shift;

    return req->pasid == VIOMMU_NO_PASID
           ? MIN(size, vtd_identity_size(req->addr)) : size;
}

/** Make an answer of a translation, cached or fresh.  False when it leads to
 *  the interrupt range [VTD 3.14]. */
static inline bool vtd_answer(const ViommuRequest *req, const VtdMapping *m,
                              uint8_t access, ViommuReply *reply)
{
    uint64_t size = UINT64_C(1) << m->shift;
    uint64_t addr = m->page | (req->addr & (size - 1));

    if (vtd_in_interrupt_range(addr)) {
        return false;
    }
    if (m->shift > VTD_PAGE_SHIFT) {
        /* A large page may hold the interrupt range, on either side. */
        size = MIN(vtd_size_without_interrupts(req, m->shift),
                   vtd_identity_size(addr));
    }
    reply->addr = addr;
    reply->size = size;
    reply->access = access;
    reply->snoop = m->flags & VTD_MAP_SNOOP;
    reply->global = (m->flags & VTD_MAP_GLOBAL) &&
                    req->pasid != VIOMMU_NO_PASID;
    return true;
}

#endif
