/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tables on the way from a source to its translations say. */
#ifndef HW_IOMMU_VTD_CONTEXT_H
#define HW_IOMMU_VTD_CONTEXT_H

#include <stdbool.h>

#include "hw/iommu/vtd/defs.h"

/**
 * What the tables say about the requests of a source, or of a source and a
 * PASID.  In legacy mode, all of it comes from the context entry [VTD 9.3]; in
 * scalable mode, from the context entry [VTD 9.4] and the PASID table entry
 * [VTD 9.6].
 */
typedef struct VtdContext {
    bool scalable;
    bool entry_read;        /* the walk got as far as the context entry */
    bool fpd;               /* faults are not recorded */
    bool ats;               /* translated and translation requests allowed */
    uint8_t pgtt;           /* VTD_PGTT_... */
    uint8_t ss_levels;      /* 3, 4, 5 */
    uint8_t fs_levels;      /* 4, 5 */
    uint16_t did;
    uint32_t pasid;         /* tag of first-stage translations */
    uint64_t ss_table;
    uint64_t fs_table;
    bool ssade;             /* second stage has accessed and dirty bits */
    bool privileged;        /* requests without PASID are (RID_PRIV) */
    bool sre, ere, wpe, nxe, eafe;
    uint64_t memory_types;      /* as in the entry; not cached */
    bool snoop;
} VtdContext;

/** Whether the type of translation has a first stage [VTD 9.6]. */
static inline bool vtd_has_first_stage(const VtdContext *context)
{
    return context->pgtt == VTD_PGTT_FIRST ||
           context->pgtt == VTD_PGTT_NESTED;
}

#endif
