/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules about addresses, each of which several ways to an answer follow. */
#ifndef HW_IOMMU_VTD_ADDRESS_H
#define HW_IOMMU_VTD_ADDRESS_H

#include <hw/iommu/viommu-vtd.h>

#include "hw/iommu/vtd/defs.h"

/** log2 of the bytes that a table of @level maps; of level 0, a page
 *  [VTD 3.5]. */
static inline unsigned vtd_level_shift(unsigned level)
{
    return VTD_PAGE_SHIFT + VTD_LEVEL_BITS * level;
}

/** Address width in bits that tables of @levels levels translate
 *  [VTD 3.5]. */
static inline unsigned vtd_levels_width(unsigned levels)
{
    return vtd_level_shift(levels);
}

/** Address width of second-stage tables of @levels levels: theirs, and no more
 *  than CAP.MGAW [VTD 3.7].  Addresses beyond it are blocked. */
static inline unsigned vtd_second_width(const ViommuVtdConfig *cfg,
                                        unsigned levels)
{
    return MIN(cfg->aw_bits, vtd_levels_width(levels));
}

/** Address width of a context without first stage.  A PASID entry's
 *  pass-through has no tables, so that CAP.MGAW alone counts [VTD 9.6]; that
 *  of a context entry has an AW [VTD 9.3]. */
static inline unsigned vtd_no_first_width(const ViommuVtdConfig *cfg,
                                          unsigned pgtt, bool scalable,
                                          unsigned levels)
{
    return pgtt != VTD_PGTT_PASS_THROUGH || !scalable
           ? vtd_second_width(cfg, levels) : cfg->aw_bits;
}

/** Whether an address is canonical for first-stage tables of @levels levels:
 *  all bits from the highest one of the width on are equal [VTD 3.6]. */
static inline bool vtd_is_canonical(unsigned levels, uint64_t addr)
{
    unsigned width = vtd_levels_width(levels);

    return !((addr + (UINT64_C(1) << (width - 1))) >> width);
}

/** 0xfeexxxxx is no memory for DMA [VTD 3.14]. */
static inline bool vtd_in_interrupt_range(uint64_t addr)
{
    return addr - VTD_INTR_BASE < VTD_INTR_SIZE;
}

/** The size of the largest aligned power of two around @addr that does not
 *  touch the interrupt range; for an address within that range, the range's
 *  size [VTD 3.14]. */
static inline uint64_t vtd_identity_size(uint64_t addr)
{
    if (vtd_in_interrupt_range(addr)) {
        return VTD_INTR_SIZE;
    }
    return viommu_highest_bit(addr ^ VTD_INTR_BASE);
}

#endif
