/* SPDX-License-Identifier: BSD-3-Clause */
/* Cached tables of both stages. */
#ifndef HW_IOMMU_VTD_PAGING_CACHE_H
#define HW_IOMMU_VTD_PAGING_CACHE_H

#include "hw/iommu/vtd/tags.h"
#include "hw/iommu/vtd/translation.h"

/** A table that a walk goes through. */
typedef struct VtdTable {
    unsigned level;
    uint64_t addr;
    uint16_t flags;         /* the walker's own, below the page size */
} VtdTable;

/** The lowest cached table on the way from the table @top to @addr
 *  [VTD 6.2.5]. */
bool vtd_table_find(const VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    uint64_t top, VtdTable *t);
/** Keep a table, if it is of a level that is kept. */
void vtd_table_fill(VtdUnit *u, const ViommuTag *tag, uint64_t addr,
                    uint64_t top, const VtdWanted *wanted, const VtdTable *t);

#endif
