/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Structures of the public interface that grow: at their end, and never
 * otherwise.  The macro of each function's name passes the size that its
 * caller was compiled with, and the seeds' rule for argsz decides:
 *
 *   smaller than the first form: refused
 *   smaller than ours: what the caller does not know has its default
 *   larger than ours: what we do not know must be zero
 *
 * The function itself, which callers were compiled against before there were
 * sizes, takes the first form.
 */
#ifndef HW_IOMMU_COMMON_ABI_H
#define HW_IOMMU_COMMON_ABI_H

#include <hw/iommu/viommu.h>

/** Bytes of @type up to @last, the last member of its first form. */
#define VIOMMU_ABI_FIRST(type, last) \
    (offsetof(type, last) + sizeof(((type *)0)->last))

/** A structure that a caller fills. */
typedef struct ViommuAbi {
    const char *name;       /* for errors */
    size_t first;           /* VIOMMU_ABI_FIRST() */
    size_t own;             /* sizeof */
} ViommuAbi;

/** Put @size bytes at @from over the defaults at @to.  False with @error
 *  (VIOMMU_ERROR_CONFIG). */
bool viommu_abi_take(const ViommuAbi *abi, void *to, const void *from,
                     size_t size, GError **error);
/** Fill a caller's structure of @size bytes at @to, from @own bytes. */
void viommu_abi_give(void *to, size_t size, const void *from, size_t own);

/** ViommuOps, with the members that are required.  *@to is all of it. */
bool viommu_abi_take_ops(ViommuOps *to, const ViommuOps *from, size_t size,
                         GError **error);
#define VIOMMU_ABI_FIRST_OPS VIOMMU_ABI_FIRST(ViommuOps, ram_written)

#endif
