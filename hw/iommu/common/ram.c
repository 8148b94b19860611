/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include "hw/iommu/common/ram.h"
#include "hw/iommu/common/sorted.h"
#include "hw/iommu/common/unit.h"

#ifdef VIOMMU_TSAN
char viommu_read_order;
#endif

void viommu_outside_sections(const char *function)
{
    if (viommu_read_held()) {
        g_error("%s(): called inside a DMA section (viommu_dma_begin())",
                function);
    }
}

struct ViommuRamMap {
    size_t n;
    size_t largest;         /* its index; with none, one of no size */
    ViommuRam ranges[];     /* sorted by addr, disjoint */
};

static int compare_ranges(const void *a, const void *b)
{
    const ViommuRam *x = a, *y = b;

    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

static bool range_ok(const ViommuRam *r)
{
    return r->size && r->host && r->addr + (r->size - 1) >= r->addr &&
           ((uintptr_t)r->host & 7) == (r->addr & 7);
}

ViommuRamMap *viommu_ram_map_new(const ViommuRam *ram, size_t n)
{
    ViommuRamMap *map = g_malloc0(sizeof(*map) +
                                  MAX(n, 1) * sizeof(map->ranges[0]));

    map->n = n;
    if (n) {
        memcpy(map->ranges, ram, n * sizeof(*ram));
        qsort(map->ranges, n, sizeof(*ram), compare_ranges);
    }
    for (size_t i = 0; i < n; i++) {
        const ViommuRam *r = &map->ranges[i];

        if (!range_ok(r) || (i && r[-1].addr + (r[-1].size - 1) >= r->addr)) {
            g_free(map);
            return NULL;
        }
        if (r->size > map->ranges[map->largest].size) {
            map->largest = i;
        }
    }
    return map;
}

void viommu_ram_map_free(ViommuRamMap *map)
{
    g_free(map);
}

static bool ends_before(const void *ranges, size_t i, uint64_t addr)
{
    const ViommuRam *r = (const ViommuRam *)ranges + i;

    return r->addr + (r->size - 1) < addr;
}

static const ViommuRam *search_range(const ViommuRamMap *map, uint64_t addr)
{
    size_t at = viommu_sorted_position(map->ranges, map->n, addr,
                                       ends_before);

    return at < map->n && map->ranges[at].addr <= addr ? &map->ranges[at]
                                                       : NULL;
}

/*
 * The range that holds [addr, addr + size), or NULL.  A machine has a handful
 * of ranges, most tables in the largest one.
 */
static const ViommuRam *find_range(Viommu *unit, uint64_t addr, size_t size)
{
    const ViommuRamMap *map =
        __atomic_load_n(&unit->ram, __ATOMIC_ACQUIRE);
    const ViommuRam *r = &map->ranges[map->largest];

    if (addr - r->addr >= r->size) {
        r = search_range(map, addr);
    }
    return r && r->size - (addr - r->addr) >= size ? r : NULL;
}

/*
 * 16 bytes at once, where that is a plain load.  The processors of these two
 * makers, with AVX, promise that an aligned MOVDQA is atomic.  (CMPXCHG16B is
 * atomic in all, but writes.)  ThreadSanitizer does not see it.
 */
#if defined(__x86_64__) && !defined(VIOMMU_TSAN)
typedef uint64_t Pair __attribute__((vector_size(16)));

static bool load_at_once(const uint64_t *p, uint64_t pair[2])
{
    Pair value;

    if (((uintptr_t)p & 15) || !__builtin_cpu_supports("avx") ||
        !(__builtin_cpu_is("intel") || __builtin_cpu_is("amd"))) {
        return false;
    }
    __asm__ volatile ("movdqa %1, %0" : "=x" (value)
                      : "m" (*(const Pair *)(const void *)p) : "memory");
    pair[0] = value[0];
    pair[1] = value[1];
    return true;
}
#else
static bool load_at_once(const uint64_t *p, uint64_t pair[2])
{
    (void)p;
    (void)pair;
    return false;
}
#endif

/*
 * A pair of words that software may replace by one exchange; false when it
 * does so again and again.
 *
 * Low, high, and low again: when low is what it was, no exchange that has
 * changed it came between, unless there were two, there and back.  Software
 * has to invalidate what it has changed, and to wait for that, before it
 * can count on anything; the caller is in a section, which such a wait does
 * not outlast.  So of an entry that is used by the rules, at most one change
 * falls into one reading.
 */
static bool load_pair(const uint64_t *p, uint64_t pair[2])
{
    if (load_at_once(p, pair)) {
        return true;
    }
    pair[0] = __atomic_load_n(p, __ATOMIC_ACQUIRE);
    for (unsigned i = 0; i < VIOMMU_UPDATE_RETRIES; i++) {
        uint64_t again;

        pair[1] = __atomic_load_n(p + 1, __ATOMIC_ACQUIRE);
        again = __atomic_load_n(p, __ATOMIC_ACQUIRE);
        if (again == pair[0]) {
            return true;
        }
        pair[0] = again;
    }
    return false;
}

static int load_entry(const uint64_t *p, uint64_t *words, unsigned n)
{
    for (unsigned i = 0; i < n; i += 2) {
        if (!load_pair(p + i, words + i)) {
            return -EAGAIN;
        }
        words[i] = GUINT64_FROM_LE(words[i]);
        words[i + 1] = GUINT64_FROM_LE(words[i + 1]);
    }
    return 0;
}

int viommu_load64(Viommu *unit, uint64_t addr, uint64_t *words, unsigned n)
{
    size_t size = n * sizeof(uint64_t);
    const ViommuRam *r = find_range(unit, addr, size);

    if (r) {
        const uint64_t *p = (const uint64_t *)((const uint8_t *)r->host +
                                               (addr - r->addr));

        if (n > 1) {
            return load_entry(p, words, n);
        }
        words[0] = GUINT64_FROM_LE(__atomic_load_n(p, __ATOMIC_ACQUIRE));
        return 0;
    }
    if (!unit->ops.mem_read ||
        unit->ops.mem_read(unit->opaque, addr, words, size)) {
        return -EFAULT;
    }
    for (unsigned i = 0; i < n; i++) {
        words[i] = GUINT64_FROM_LE(words[i]);
    }
    return 0;
}

void viommu_ram_written(Viommu *unit, uint64_t addr, uint64_t size)
{
    if (unit->ops.ram_written) {
        unit->ops.ram_written(unit->opaque, addr, size);
    }
}

int viommu_ram_store32(Viommu *unit, uint64_t addr, uint32_t value)
{
    const ViommuRam *r = find_range(unit, addr, sizeof(value));

    if (!r) {
        return -EFAULT;
    }
    if (r->readonly) {
        return -EROFS;
    }
    __atomic_store_n((uint32_t *)((uint8_t *)r->host + (addr - r->addr)),
                     GUINT32_TO_LE(value), __ATOMIC_RELEASE);
    viommu_ram_written(unit, addr, sizeof(value));
    return 0;
}

int viommu_store32(Viommu *unit, uint64_t addr, uint32_t value)
{
    uint32_t le = GUINT32_TO_LE(value);
    int ret = viommu_ram_store32(unit, addr, value);

    if (ret != -EFAULT) {
        return ret;
    }
    if (!unit->ops.mem_write ||
        unit->ops.mem_write(unit->opaque, addr, &le, sizeof(le))) {
        return -EFAULT;
    }
    return 0;
}

int viommu_ram_store64(Viommu *unit, uint64_t addr, const uint64_t *words,
                       unsigned n)
{
    const ViommuRam *r = find_range(unit, addr, n * sizeof(uint64_t));
    uint64_t *p;

    if (!r) {
        return -EFAULT;
    }
    if (r->readonly) {
        return -EROFS;
    }
    p = (uint64_t *)((uint8_t *)r->host + (addr - r->addr));
    for (unsigned i = 0; i < n; i++) {
        __atomic_store_n(p + i, GUINT64_TO_LE(words[i]), __ATOMIC_RELEASE);
    }
    return 0;
}

/*
 * The host address of an aligned 64-bit word for an atomic update.  What is
 * not RAM has no atomic operations.
 */
static int find_word(Viommu *unit, uint64_t addr, uint64_t **word)
{
    const ViommuRam *r = find_range(unit, addr, sizeof(**word));

    if (!r) {
        return -EFAULT;
    }
    if (r->readonly) {
        return -EROFS;
    }
    *word = (uint64_t *)((uint8_t *)r->host + (addr - r->addr));
    return 0;
}

int viommu_cas64(Viommu *unit, uint64_t addr, uint64_t *expected,
                 uint64_t desired)
{
    uint64_t old = GUINT64_TO_LE(*expected);
    uint64_t *word;
    int ret = find_word(unit, addr, &word);

    if (ret) {
        return ret;
    }
    if (!__atomic_compare_exchange_n(word, &old, GUINT64_TO_LE(desired),
                                     false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        *expected = GUINT64_FROM_LE(old);
        return -EAGAIN;
    }
    viommu_ram_written(unit, addr, sizeof(desired));
    return 0;
}

int viommu_or64(Viommu *unit, uint64_t addr, uint64_t bits, uint64_t *old)
{
    uint64_t *word;
    int ret = find_word(unit, addr, &word);

    if (ret) {
        return ret;
    }
    *old = GUINT64_FROM_LE(__atomic_fetch_or(word, GUINT64_TO_LE(bits),
                                             __ATOMIC_SEQ_CST));
    if (bits) {
        viommu_ram_written(unit, addr, sizeof(bits));
    }
    return 0;
}
