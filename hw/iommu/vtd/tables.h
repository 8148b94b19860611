/* SPDX-License-Identifier: BSD-3-Clause */
/* Decoders of root, context and second-stage entries. */
#ifndef HW_IOMMU_VTD_TABLES_H
#define HW_IOMMU_VTD_TABLES_H

#include "hw/iommu/vtd/context.h"
#include "hw/iommu/vtd/unit.h"

typedef struct VtdSsEntry {
    bool leaf;
    bool snoop;
    uint8_t access;         /* VIOMMU_READ, VIOMMU_WRITE */
    uint64_t addr;          /* the next table, or the page */
} VtdSsEntry;

/** The bits of an address beyond the host address width. */
uint64_t vtd_beyond_haw(const VtdUnit *u);
/** Whether CAP announces second-stage tables of @levels levels. */
bool vtd_levels_supported(const VtdUnit *u, unsigned levels);
VtdReason vtd_decode_root(const VtdUnit *u, const uint64_t word[2],
                          uint64_t *table);
/** context->fpd is valid with each reason. */
VtdReason vtd_decode_context(const VtdUnit *u, const uint64_t word[2],
                             VtdContext *context);
/** Decode an entry of a second-stage table of @level; all entries of level 1
 *  are leaves.  An entry without permissions is not present: access 0, and the
 *  rest has no meaning. */
VtdReason vtd_decode_ss(const VtdUnit *u, const VtdContext *context,
                        unsigned level, uint64_t word, VtdSsEntry *entry);

#endif
