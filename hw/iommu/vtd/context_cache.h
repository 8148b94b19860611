/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The context cache, which holds what the specification's context-cache
 * [VTD 6.2.2] and PASID-cache [VTD 6.2.3] hold: a VtdContext, packed into the
 * two words and the stamp of a cache entry.
 *
 *   key     source-id; PASID of the request, or VIOMMU_NO_PASID
 *   word 0  the second stage's table in the upper 40 bits; smaller members
 *   word 1  the first stage's table in the upper 40 bits; smaller members
 *   stamp   the generation; below it, the PASID that the first stage's
 *           translations are tagged with
 *
 * The short way of a request reads single members out of these words.  The
 * long way unpacks all of them.
 */
#ifndef HW_IOMMU_VTD_CONTEXT_CACHE_H
#define HW_IOMMU_VTD_CONTEXT_CACHE_H

#include "hw/iommu/vtd/context.h"
#include "hw/iommu/vtd/tags.h"

/* first word, with the second stage's table */
static const ViommuField VTD_CTX_REASON = { 0, 8 };
static const ViommuField VTD_CTX_PGTT = { 8, 3 };
static const ViommuField VTD_CTX_SS_LEVELS = { 11, 3 };
static const ViommuField VTD_CTX_FS_LEVELS = { 14, 3 };
static const ViommuField VTD_CTX_PRIVILEGED = { 17, 1 };
static const ViommuField VTD_CTX_FPD = { 18, 1 };
static const ViommuField VTD_CTX_ATS = { 19, 1 };
static const ViommuField VTD_CTX_SCALABLE = { 20, 1 };
/* second word, with the first stage's table */
static const ViommuField VTD_CTX_DID = { 0, 16 };
static const ViommuField VTD_CTX_FLAGS = { 16, 7 };
/* both; the address without its page offset */
static const ViommuField VTD_CTX_TABLE = { 24, 40 };
/* stamp */
static const ViommuField VTD_CTX_PASID = { 0, 20 };

/** Whether an entry is still valid: no broad invalidation has voided it
 *  [VTD 6.5.2.1]. */
static inline bool vtd_context_current(const VtdUnit *u,
                                       const ViommuCacheEntry *e)
{
    return e->stamp >> VTD_CTX_PASID.width == vtd_context_stamp(u);
}

/** The cached context of a request [VTD 6.2.2] [VTD 6.2.3]; false when there is
 *  none. */
static inline bool vtd_context_find(const VtdUnit *u, uint16_t source,
                                    uint32_t pasid, ViommuCacheEntry *e)
{
    return viommu_cache_find(&u->contexts, source, pasid, e) &&
           vtd_context_current(u, e);
}

/** Unpack a cached context.  Returns the reason when it is a cached fault. */
VtdReason vtd_context_unpack(const ViommuCacheEntry *e, VtdContext *c);

/** Read a context from the tables.  @root is RTADDR, which the caller has read
 *  once: it has the address and the mode.  Read-side section. */
VtdReason vtd_context_tables(VtdUnit *u, uint64_t root, uint16_t source,
                             uint32_t pasid, VtdContext *c);

/** The context of a request: the cached one, or from the tables, which fills
 *  the cache.  @root was read after @seen.  Read-side section. */
VtdReason vtd_context_get(VtdUnit *u, const ViommuSeen *seen, uint64_t root,
                          uint16_t source, uint32_t pasid, VtdContext *c);

#endif
