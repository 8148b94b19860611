/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "hw/iommu/common/abi.h"

static bool is_zero(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

bool viommu_abi_take(const ViommuAbi *abi, void *to, const void *from,
                     size_t size, GError **error)
{
    if (size < abi->first) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "%s: size %zu: allowed are %zu and more", abi->name,
                    size, abi->first);
        return false;
    }
    if (size > abi->own &&
        !is_zero((const uint8_t *)from + abi->own, size - abi->own)) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "%s: size %zu: this libviommu knows %zu bytes, and what "
                    "follows them is not zero", abi->name, size, abi->own);
        return false;
    }
    memcpy(to, from, MIN(size, abi->own));
    return true;
}

void viommu_abi_give(void *to, size_t size, const void *from, size_t own)
{
    memset(to, 0, size);
    memcpy(to, from, MIN(size, own));
}

bool viommu_abi_take_ops(ViommuOps *to, const ViommuOps *from, size_t size,
                         GError **error)
{
    static const ViommuAbi abi = {
        "ViommuOps", VIOMMU_ABI_FIRST_OPS, sizeof(ViommuOps),
    };

    *to = (ViommuOps) { 0 };
    if (!viommu_abi_take(&abi, to, from, size, error)) {
        return false;
    }
    if (!to->send_msi || !to->run_later) {
        g_set_error_literal(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                            "ops: send_msi and run_later are required");
        return false;
    }
    return true;
}
