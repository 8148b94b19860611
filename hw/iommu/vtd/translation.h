/* SPDX-License-Identifier: BSD-3-Clause */
/* What a look-up of an address is for, and what it finds. */
#ifndef HW_IOMMU_VTD_TRANSLATION_H
#define HW_IOMMU_VTD_TRANSLATION_H

#include <hw/iommu/viommu.h>

#include "hw/iommu/common/tlb.h"
#include "hw/iommu/vtd/defs.h"

/* VtdMapping.flags.  VIOMMU_READ and VIOMMU_WRITE among them are what the
 * second stage grants.  All of them fit in the low bits of a page's address. */
enum {
    VTD_MAP_RW = 1 << 2,        /* first stage: writable */
    VTD_MAP_US = 1 << 3,        /* first stage: for user requests */
    VTD_MAP_NX = 1 << 4,
    VTD_MAP_GLOBAL = 1 << 5,
    VTD_MAP_DIRTY = 1 << 6,     /* a write needs no update of the tables */
    VTD_MAP_SNOOP = 1 << 7,
    /* what a first stage can grant; all of it where there is none */
    VTD_MAP_FS_RIGHTS = VTD_MAP_RW | VTD_MAP_US,
};

typedef struct VtdMapping {
    uint64_t page;          /* output address of the page */
    uint8_t shift;          /* log2 of the size that the mapping is valid for */
    uint16_t flags;
} VtdMapping;

/** What a look-up is for, and which traces it may leave. */
typedef struct VtdWanted {
    uint8_t access;         /* VIOMMU_READ and so on */
    bool no_marks;          /* set no accessed and dirty bits */
    bool no_fill;           /* do not fill the IOTLB, where each missing page
                             * would take an entry of its own */
    bool missed;            /* the IOTLB was looked at, and lacks it */
    bool inner;             /* second stage of a nested walk */
    /* Taken before the first word of any table was read: when software changes
     * a context entry and then invalidates, a translation that was found
     * through the old entry is not filled in. */
    ViommuTlbSeen seen;
} VtdWanted;

#endif
