/* SPDX-License-Identifier: BSD-3-Clause */
/* What a mapping lets a request do, in full. */
#include "hw/iommu/vtd/permissions.h"

/*
 * In legacy mode, read and write [VTD 3.7.1].  In scalable mode, in this order
 * [VTD 7.1.3]: the second stage grants something; user or supervisor; execute;
 * write; read [VTD 3.6.1].
 */
VtdReason vtd_check_all(const VtdContext *context, uint8_t access,
                        uint16_t flags)
{
    bool privileged = access & VIOMMU_PRIV;
    /* A supervisor may write to read-only pages unless WPE is set
     * [VTD 9.6]. */
    bool writable = (flags & VIOMMU_WRITE) &&
                    ((flags & VTD_MAP_RW) || (privileged && !context->wpe));

    if (!context->scalable) {
        return (access & VIOMMU_WRITE) && !writable ? VTD_FR_WRITE :
               (access & VIOMMU_READ) && !(flags & VIOMMU_READ)
               ? VTD_FR_READ : VTD_FR_NONE;
    }
    if (!(flags & (VIOMMU_READ | VIOMMU_WRITE))) {
        return VTD_FR_SS_NOT_PRESENT;
    }
    if (!(flags & VTD_MAP_US) && !privileged) {
        return VTD_FR_SM_PRIVILEGE;
    }
    if ((access & VIOMMU_EXEC) && (flags & VTD_MAP_NX)) {
        return VTD_FR_SM_NO_EXECUTE;
    }
    return (access & VIOMMU_WRITE) && !writable ? VTD_FR_SM_WRITE :
           (access & VIOMMU_READ) && !(flags & VIOMMU_READ)
           ? VTD_FR_SM_READ : VTD_FR_NONE;
}

/* The rights among read, write and execute that the mapping grants one by
 * one. */
static uint8_t granted_of(const VtdContext *context, uint8_t access,
                          uint16_t flags)
{
    uint8_t mode = access & VIOMMU_PRIV, granted = 0;

    for (unsigned bit = VIOMMU_READ; bit <= VIOMMU_EXEC; bit <<= 1) {
        if ((access & bit) && !vtd_check(context, bit | mode, flags)) {
            granted |= bit;
        }
    }
    return granted;
}

uint8_t vtd_allowed_by_first(const VtdContext *context, uint8_t access,
                             uint16_t flags)
{
    return granted_of(context, VIOMMU_READ | VIOMMU_WRITE | access, flags);
}

uint8_t vtd_granted_part(const VtdContext *context, uint8_t access,
                         uint16_t flags)
{
    uint8_t part = (access & VIOMMU_PRIV) |
                   granted_of(context, access, flags);

    return part & (VIOMMU_READ | VIOMMU_WRITE) ? part : part | VIOMMU_READ;
}
