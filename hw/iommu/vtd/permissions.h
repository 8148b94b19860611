/* SPDX-License-Identifier: BSD-3-Clause */
/* What a mapping lets a request do. */
#ifndef HW_IOMMU_VTD_PERMISSIONS_H
#define HW_IOMMU_VTD_PERMISSIONS_H

#include "hw/iommu/vtd/context.h"
#include "hw/iommu/vtd/translation.h"

/** vtd_check() in full. */
VtdReason vtd_check_all(const VtdContext *context, uint8_t access,
                        uint16_t flags);

/** The part of read and write that a mapping with these flags grants to each
 *  request, whatever the context: what both stages grant [VTD 3.8] to users
 *  [VTD 3.6.1]. */
static inline uint8_t vtd_granted_to_all(uint16_t flags)
{
    return !(flags & VTD_MAP_US) ? 0 :
           (flags & VTD_MAP_RW) ? flags & (VIOMMU_READ | VIOMMU_WRITE)
                                : flags & VIOMMU_READ;
}

/** The one check of permissions [VTD 3.6.1] [VTD 3.7.1] [VTD 3.8].  VTD_FR_NONE
 *  when @access is granted. */
static inline VtdReason vtd_check(const VtdContext *context, uint8_t access,
                                  uint16_t flags)
{
    if (!(access & ~VIOMMU_PRIV & ~vtd_granted_to_all(flags))) {
        return VTD_FR_NONE;
    }
    return vtd_check_all(context, access, flags);
}

/** The rights of an answer that a requester may keep.  A page that its tables
 *  do not call dirty yet is not writable: the requester has to come again for
 *  the first write, which sets the bit [VTD 3.6.2] [VTD 3.7.2]. */
static inline uint8_t vtd_until_dirty(uint8_t access, uint16_t flags)
{
    return flags & VTD_MAP_DIRTY ? access : access & ~VIOMMU_WRITE;
}

/** With a first stage, what a mapping grants depends on the request. */
uint8_t vtd_allowed_by_first(const VtdContext *context, uint8_t access,
                             uint16_t flags);

/** The rights of the answer to a request for @access. */
static inline uint8_t vtd_allowed(const VtdContext *context, uint8_t access,
                                  uint16_t flags)
{
    uint8_t allowed = vtd_granted_to_all(flags);

    if (vtd_has_first_stage(context)) {
        allowed |= vtd_allowed_by_first(context, access, flags);
    }
    return vtd_until_dirty(allowed, flags);
}

/** The part of @access that is granted.  If that is neither read nor write,
 *  read stands for it. */
uint8_t vtd_granted_part(const VtdContext *context, uint8_t access,
                         uint16_t flags);

#endif
