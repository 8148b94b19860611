/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ViommuCache: the one cache behind every cached thing: translations, paging
 * structures, context entries, interrupt remapping entries.
 *
 * It is a fixed-size, set-associative table.  Look-ups take no lock and write
 * nothing: each set has a sequence number that is odd while somebody
 * changes the set, and a reader that saw it change has a miss.
 *
 * Invalidation comes in two ways:
 *  - Broad (a domain, everything): the owner keeps generation numbers and
 *    stamps each entry with the one of its time.  An entry whose stamp is not
 *    the current one is dead.  The cost does not depend on how many there are.
 *  - One key: viommu_cache_remove().  The cost is that of a look-up.
 *
 * The race of a fill against an invalidation: a walker may have read a table,
 * or the register with its address, before software changed it, and fill
 * after software's invalidation.  So each fill needs a ViommuSeen: what the
 * walker has seen of the epoch before it read the first word.  Each
 * invalidation, of whatever kind, advances the epoch before anything else; a
 * fill with an old one is dropped.  Either the fill sees the new epoch, or the
 * removal sees the fill, because both hold the set's lock; and a stamp that was
 * read before the generation advanced is void.
 */
#ifndef HW_IOMMU_COMMON_CACHE_H
#define HW_IOMMU_COMMON_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#define VIOMMU_CACHE_WAYS 3

typedef struct ViommuCacheEntry {
    uint64_t key[2];
    uint64_t value[2];
    uint64_t stamp;         /* 0: empty */
} ViommuCacheEntry;

typedef struct ViommuCacheSet {
    uint64_t sequence;      /* odd: locked by a writer */
    ViommuCacheEntry way[VIOMMU_CACHE_WAYS];
} __attribute__((aligned(64))) ViommuCacheSet;

typedef struct ViommuCache {
    ViommuCacheSet *sets;
    uint64_t mask;          /* number of sets - 1 */
    uint64_t epoch;
} ViommuCache;

/** An empty cache for at least 2^@bits entries, 4 <= @bits <= 24. */
void viommu_cache_init(ViommuCache *cache, unsigned bits);
void viommu_cache_destroy(ViommuCache *cache);
/** Forget everything; nobody may be using the cache. */
void viommu_cache_clear(ViommuCache *cache);

/** What a walker takes along to the fill. */
typedef struct ViommuSeen {
    uint64_t epoch;
} ViommuSeen;

/**
 * Before the first look at anything that a fill is made of: tables, and
 * registers with their addresses; in the read-side section of the fill.  (A
 * cache of which all is voided at once has its generation for an epoch.)
 */
static inline ViommuSeen viommu_look(const uint64_t *epoch)
{
    return (ViommuSeen) { __atomic_load_n(epoch, __ATOMIC_ACQUIRE) };
}

static inline ViommuSeen viommu_cache_look(const ViommuCache *cache)
{
    return viommu_look(&cache->epoch);
}

/** Whether nothing has been invalidated since. */
static inline bool viommu_cache_unchanged(const ViommuCache *cache,
                                          const ViommuSeen *seen)
{
    return __atomic_load_n(&cache->epoch, __ATOMIC_ACQUIRE) == seen->epoch;
}

/** A register with the address of a table, as endpoints see it: not before
 *  they have looked. */
static inline uint64_t viommu_latched(const uint64_t *word,
                                      const ViommuSeen *seen)
{
    (void)seen;
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/**
 * The set of a key.  Neighbouring pages get neighbouring sets, so that a
 * linear run through memory uses the whole cache before it collides, and the
 * processor fetches ahead.
 */
static inline ViommuCacheSet *viommu_cache_set(const ViommuCache *cache,
                                               uint64_t k0, uint64_t k1)
{
    uint64_t h = k1 * UINT64_C(0x9e3779b97f4a7c15);

    return &cache->sets[(k0 + (k0 >> 17) + (h >> 32)) & cache->mask];
}

/** Copy the entry of (@k0, @k1) to *@entry; false if there is none.  The
 *  caller compares entry->stamp with the current one. */
static inline bool viommu_cache_find(const ViommuCache *cache, uint64_t k0,
                                     uint64_t k1, ViommuCacheEntry *entry)
{
    const ViommuCacheSet *set = viommu_cache_set(cache, k0, k1);
    uint64_t before = __atomic_load_n(&set->sequence, __ATOMIC_ACQUIRE);

    for (unsigned i = 0; i < VIOMMU_CACHE_WAYS; i++) {
        const ViommuCacheEntry *e = &set->way[i];

        /* Acquire on each: the sequence is read again after all of them. */
        if (__atomic_load_n(&e->key[0], __ATOMIC_ACQUIRE) == k0 &&
            __atomic_load_n(&e->key[1], __ATOMIC_ACQUIRE) == k1) {
            entry->value[0] = __atomic_load_n(&e->value[0], __ATOMIC_ACQUIRE);
            entry->value[1] = __atomic_load_n(&e->value[1], __ATOMIC_ACQUIRE);
            entry->stamp = __atomic_load_n(&e->stamp, __ATOMIC_ACQUIRE);
            return !(before & 1) && entry->stamp &&
                   before == __atomic_load_n(&set->sequence,
                                             __ATOMIC_ACQUIRE);
        }
    }
    return false;
}

/** Insert @entry unless something was invalidated since @seen. */
void viommu_cache_fill(ViommuCache *cache, const ViommuCacheEntry *entry,
                       const ViommuSeen *seen);

/** Make fills that began before fail; then remove keys. */
void viommu_cache_advance(ViommuCache *cache);
/** The same, then void all that was stamped with *@generation. */
void viommu_cache_void(ViommuCache *cache, uint64_t *generation);
void viommu_cache_remove(ViommuCache *cache, uint64_t k0, uint64_t k1);

#endif
