/* SPDX-License-Identifier: BSD-3-Clause */
#include <glib.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "hw/iommu/common/cache.h"
#include "hw/iommu/common/word.h"

_Static_assert(sizeof(ViommuCacheSet) == 128, "a set is two cache lines");

void viommu_cache_init(ViommuCache *cache, unsigned bits)
{
    /* Half as many sets as entries asked for, with three ways each. */
    size_t n = (size_t)1 << (bits - 1);
    void *mem = NULL;

    if (posix_memalign(&mem, 64, n * sizeof(ViommuCacheSet))) {
        g_error("viommu: out of memory for a cache of %zu sets", n);
    }
    cache->sets = mem;
    cache->mask = n - 1;
    cache->epoch = 0;
    viommu_cache_clear(cache);
}

void viommu_cache_destroy(ViommuCache *cache)
{
    free(cache->sets);
    cache->sets = NULL;
}

void viommu_cache_clear(ViommuCache *cache)
{
    memset(cache->sets, 0, (cache->mask + 1) * sizeof(ViommuCacheSet));
}

/* Returns the even sequence number that was there. */
static uint64_t set_lock(ViommuCacheSet *set)
{
    for (;;) {
        uint64_t seq = __atomic_load_n(&set->sequence, __ATOMIC_RELAXED);

        if (!(seq & 1) &&
            __atomic_compare_exchange_n(&set->sequence, &seq, seq + 1, false,
                                        __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            return seq;
        }
        /* Held for a few stores; the holder may have lost its processor. */
        sched_yield();
    }
}

static void set_unlock(ViommuCacheSet *set, uint64_t seq)
{
    __atomic_store_n(&set->sequence, seq + 2, __ATOMIC_RELEASE);
}

/* Release on each: who sees a part also sees the odd sequence number. */
static void put(uint64_t *where, uint64_t value)
{
    __atomic_store_n(where, value, __ATOMIC_RELEASE);
}

/*
 * Whom to replace, by the set's sequence number but in no regular order: when
 * DMA runs through more than the cache holds, again and again, the oldest
 * entry is always the one that is wanted next.
 */
static unsigned some_way(uint64_t seq)
{
    uint64_t mixed = seq * UINT64_C(0x9e3779b97f4a7c15) >> 48;

    return mixed * VIOMMU_CACHE_WAYS >> 16;
}

void viommu_cache_fill(ViommuCache *cache, const ViommuCacheEntry *entry,
                       const ViommuSeen *seen)
{
    ViommuCacheSet *set = viommu_cache_set(cache, entry->key[0],
                                           entry->key[1]);
    uint64_t seq = set_lock(set);
    ViommuCacheEntry *victim = NULL;

    if (__atomic_load_n(&cache->epoch, __ATOMIC_SEQ_CST) == seen->epoch) {
        for (unsigned i = 0; i < VIOMMU_CACHE_WAYS; i++) {
            ViommuCacheEntry *e = &set->way[i];

            if (e->key[0] == entry->key[0] && e->key[1] == entry->key[1]) {
                victim = e;
                break;
            }
            if (!e->stamp && !victim) {
                victim = e;     /* the first: on the line of the sequence */
            }
        }
        if (!victim) {
            victim = &set->way[some_way(seq)];
        }
        put(&victim->key[0], entry->key[0]);
        put(&victim->key[1], entry->key[1]);
        put(&victim->value[0], entry->value[0]);
        put(&victim->value[1], entry->value[1]);
        put(&victim->stamp, entry->stamp);
    }
    set_unlock(set, seq);
}

void viommu_cache_advance(ViommuCache *cache)
{
    __atomic_fetch_add(&cache->epoch, 1, __ATOMIC_SEQ_CST);
}

void viommu_cache_void(ViommuCache *cache, uint64_t *generation)
{
    viommu_cache_advance(cache);
    viommu_advance(generation);
}

void viommu_cache_remove(ViommuCache *cache, uint64_t k0, uint64_t k1)
{
    ViommuCacheSet *set = viommu_cache_set(cache, k0, k1);
    uint64_t seq = set_lock(set);

    for (unsigned i = 0; i < VIOMMU_CACHE_WAYS; i++) {
        ViommuCacheEntry *e = &set->way[i];

        if (e->stamp && e->key[0] == k0 && e->key[1] == k1) {
            put(&e->stamp, 0);
        }
    }
    set_unlock(set, seq);
}
