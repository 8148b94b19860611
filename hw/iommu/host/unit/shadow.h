/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shadow's inside: shadow.c has what the host holds of it, and what becomes
 * of that when guest memory goes; shadow-walk.c looks through the guest's
 * tables.
 */
#ifndef HW_IOMMU_HOST_UNIT_SHADOW_H
#define HW_IOMMU_HOST_UNIT_SHADOW_H

#include "hw/iommu/common/unit.h"
#include "hw/iommu/host/backend.h"
#include "hw/iommu/host/unit/pieces.h"

typedef struct ViommuShadow ViommuShadow;

typedef struct ShadowRange {
    uint64_t first, last;
} ShadowRange;

struct ViommuShadow {
    ViommuHostDevice *device;
    uint32_t pasid;
    /* under the host's lock: */
    ViommuPieces *pieces;
    ShadowRange missing;    /* guest memory that tables led to, but which is
                             * not there; first > last: none */
    bool stale;             /* look at all of it */
    bool lost;              /* the host has not done what it was told, and the
                             * device is blocked */
    /* the unit's: */
    GArray *ranges;         /* ShadowRange: what may be others */
    uint64_t looks;         /* at them so far */
    bool given_up;          /* only take away what is in them */
    bool joined;            /* pieces are as few as they can be */
};

/** All of it is to be looked at. */
ViommuShadow *viommu_shadow_new(ViommuHostDevice *device, uint32_t pasid);
/** The host has forgotten all of it. */
void viommu_shadow_free(ViommuShadow *shadow);
/** @size bytes at @addr may be others; 0 is 2^64. */
void viommu_shadow_note_range(ViommuShadow *shadow, uint64_t addr,
                              uint64_t size);
/** The host has not done what it was told: the device's requests are blocked,
 *  and need to be bound anew. */
bool viommu_shadow_lost(ViommuShadow *shadow);

/* With the host's lock: */

/** Memory goes: no shadow has any of it any more. */
void viommu_shadows_drop_memory(ViommuHost *host, uint64_t addr,
                                uint64_t size);
/** Memory has come: shadows look again for what they did not find. */
void viommu_shadows_note_memory(ViommuHost *host, uint64_t addr,
                                uint64_t size);
/** Is there a shadow of @unit (NULL: of any) that waits for a step? */
bool viommu_shadows_wait(const ViommuHost *host, const Viommu *unit);
/** What the host knows of memory in [@addr, @last] that was written to is
 *  marked.  0, or a negative errno. */
int viommu_shadows_read_dirty(ViommuHost *host, uint64_t addr, uint64_t last);

/* --- Inside: with the host's lock ----------------------------------------- */

/* Where something fails, *@error is what did first. */

/** The host has answered @ret. */
void viommu_shadow_answered(ViommuShadow *shadow, int ret, int *error);
/** One more piece, which overlaps none: 0 or a negative errno. */
int viommu_shadow_map(ViommuShadow *shadow, const ViommuPiece *piece);
/** Remove what there is in [@first, @last], and nothing else.  False: there is
 *  no shadow any more. */
bool viommu_shadow_clear(ViommuShadow *shadow, uint64_t first, uint64_t last,
                         int *error);
/** Tables led to that, and it is not there. */
void viommu_shadow_note_missing(ViommuShadow *shadow, uint64_t first,
                                uint64_t last);
/** No memory is missing. */
void viommu_shadow_forget_missing(ViommuShadow *shadow);

#endif
