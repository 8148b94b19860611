/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where something is in a sorted array: an address among intervals that do not
 * overlap, or a number among others.  Each array has elements of its own; what
 * they share is the search.
 */
#ifndef HW_IOMMU_COMMON_SORTED_H
#define HW_IOMMU_COMMON_SORTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Does element @i stand before @key? */
typedef bool ViommuStandsBefore(const void *array, size_t i, uint64_t key);

/** How many of the @n elements stand before @key; those are the first ones.
 *  Inlined, with @before. */
static inline __attribute__((always_inline)) size_t
viommu_sorted_position(const void *array, size_t n, uint64_t key,
                       ViommuStandsBefore *before)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (before(array, middle, key)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

#endif
