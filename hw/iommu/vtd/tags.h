/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tags and stamps: whose a cached entry is [VTD 6.2.1], and which entries an
 * invalidation voids [VTD 6.5].
 */
#ifndef HW_IOMMU_VTD_TAGS_H
#define HW_IOMMU_VTD_TAGS_H

#include "hw/iommu/vtd/unit.h"

/** Key of a first-stage tag [VTD 6.2.1].  (The key of a second-stage tag is the
 *  domain.) */
static inline uint64_t vtd_pasid_key(uint16_t did, uint32_t pasid)
{
    return did | 1u << 23 | (uint64_t)pasid << 24;
}

/* The stamp of a context that is cached now [VTD 6.5.2.1]; never 0. */
static inline uint64_t vtd_context_stamp(const VtdUnit *u)
{
    return viommu_acquire(&u->context_gen) + 1;
}

/* Two PASIDs may share a generation: an invalidation of one then removes the
 * other's translations too. */
static inline uint64_t *vtd_pasid_gen(const VtdUnit *u, uint16_t did,
                                      uint32_t pasid)
{
    return &u->pasid_gens[(did * 0x9e5u + pasid) % VTD_PASID_GENS];
}

/*
 * A stamp is a sum of generations.  Generations only grow, so that the sum
 * stays the same only while none of them changes.  All entries with one key
 * sum up the same generations.
 *
 * First-stage translations also die with their PASID, and with each
 * page-selective invalidation of the domain's second stage.  Only nested ones
 * must die with the latter, but the key does not say which of them are nested
 * [VTD 6.5.2.3].
 */
static inline ViommuTag vtd_second_tag(const VtdUnit *u, uint16_t did)
{
    return (ViommuTag) {
        viommu_acquire(&u->iotlb_gen) +
        viommu_acquire(&u->iotlb_gens[did]) + 1, did,
    };
}

/* [VTD 6.5.2.3] [VTD 6.5.2.4] */
static inline ViommuTag vtd_first_tag(const VtdUnit *u, uint16_t did,
                                      uint32_t pasid)
{
    return (ViommuTag) {
        viommu_acquire(&u->iotlb_gen) +
        viommu_acquire(&u->iotlb_gens[did]) + 1 +
        viommu_acquire(vtd_pasid_gen(u, did, pasid)) +
        viommu_acquire(&u->nested_gens[did]),
        vtd_pasid_key(did, pasid),
    };
}

/* The stamp of an interrupt entry that is cached now [VTD 6.5.2.7]. */
static inline uint64_t vtd_irte_stamp(const VtdUnit *u)
{
    return viommu_acquire(&u->irte_gen) + 1;
}

#endif
