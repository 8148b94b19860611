/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far an answer holds: the largest naturally aligned range around an
 * address in which all have the same answer, as the log2 of its bytes.  Who
 * looks through an address space goes on behind it, so a hole must not be
 * answered a page at a time; and nothing else may be in it.
 */
#ifndef HW_IOMMU_COMMON_SPAN_H
#define HW_IOMMU_COMMON_SPAN_H

#include <stdint.h>

/** log2 of all addresses. */
#define VIOMMU_SPAN_ALL 64

/** Bytes of a span; 0 for 2^64, as in ViommuReply.size. */
static inline uint64_t viommu_span_size(unsigned span)
{
    return span < VIOMMU_SPAN_ALL ? UINT64_C(1) << span : 0;
}

/** The span around @addr without @other, which is another address. */
static inline unsigned viommu_span_without(uint64_t addr, uint64_t other)
{
    return 63 - __builtin_clzll(addr ^ other);
}

/** The span around @addr within [@first, @last], where it is. */
static inline unsigned viommu_span_within(uint64_t addr, uint64_t first,
                                          uint64_t last)
{
    unsigned span = VIOMMU_SPAN_ALL, other;

    if (first) {
        span = viommu_span_without(addr, first - 1);
    }
    if (last != UINT64_MAX) {
        other = viommu_span_without(addr, last + 1);
        span = other < span ? other : span;
    }
    return span;
}

/** The span on one side of [@first, @last]: within it, or without. */
static inline unsigned viommu_span_beside(uint64_t addr, uint64_t first,
                                          uint64_t last)
{
    return addr < first ? viommu_span_without(addr, first) :
           addr > last ? viommu_span_without(addr, last)
                       : viommu_span_within(addr, first, last);
}

#endif
