/* SPDX-License-Identifier: BSD-3-Clause */
/* Words that some threads write and others read, with no lock between. */
#ifndef HW_IOMMU_COMMON_WORD_H
#define HW_IOMMU_COMMON_WORD_H

#include <stdint.h>

/** Read a word; what was done before its viommu_publish() is then seen. */
static inline uint64_t viommu_acquire(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void viommu_publish(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/** A generation number: what was stamped with the one before is void. */
static inline void viommu_advance(uint64_t *generation)
{
    __atomic_fetch_add(generation, 1, __ATOMIC_ACQ_REL);
}

#endif
