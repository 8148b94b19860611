/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The context cache (6.2.2): what the tables say about a source, or a source
 * and a PASID, in the two words of a cache entry.
 *
 * Each word is the address of a table, in its upper 40 bits, and smaller
 * members below.  A cached translation is found and checked with the few of
 * them that this takes; the rest is unpacked when there is more to do.
 *
 * The stamp holds the generation above the PASID that the first stage is
 * tagged with.
 */
#ifndef HW_IOMMU_VTD_CONTEXT_H
#define HW_IOMMU_VTD_CONTEXT_H

#include "hw/iommu/vtd/unit.h"

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

/** Whether no broad invalidation has voided an entry. */
static inline bool vtd_context_current(const VtdUnit *u,
                                       const ViommuCacheEntry *e)
{
    return e->stamp >> VTD_CTX_PASID.width == vtd_context_stamp(u);
}

/** The cached context of a request; false when there is none. */
static inline bool vtd_context_find(const VtdUnit *u, uint16_t source,
                                    uint32_t pasid, ViommuCacheEntry *e)
{
    return viommu_cache_find(&u->contexts, source, pasid, e) &&
           vtd_context_current(u, e);
}

/** All of a cached context, and the reason if it is a fault. */
VtdReason vtd_context_unpack(const ViommuCacheEntry *e, VtdContext *c);

/** A context from the tables at @root, of the mode that @root says: RTADDR as
 *  it was read once.  Read-side section. */
VtdReason vtd_context_tables(VtdUnit *u, uint64_t root, uint16_t source,
                             uint32_t pasid, VtdContext *c);

/** The same; fills the cache.  @root was read after @seen. */
VtdReason vtd_context_read(VtdUnit *u, const ViommuSeen *seen, uint64_t root,
                           uint16_t source, uint32_t pasid, VtdContext *c);

#endif
