/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access to guest memory.
 *
 * The list of RAM ranges is an immutable snapshot behind one pointer.  Whoever
 * reads guest memory does so inside a read-side section (viommu_read_lock());
 * a new list is published, and the old one freed when no section that
 * could have seen it is left.  Guest memory changes under our feet at any
 * time, so each access here is one atomic load, store or compare-and-swap, and
 * callers decide on the copy they got.
 */
#ifndef HW_IOMMU_COMMON_RAM_H
#define HW_IOMMU_COMMON_RAM_H

#include <hw/iommu/viommu.h>

/* Asks liburcu for its inline read-side functions. */
#define _LGPL_SOURCE
#include <urcu/urcu-bp.h>

typedef struct ViommuRamMap ViommuRamMap;

/*
 * ThreadSanitizer does not see how liburcu orders the end of a section before
 * the end of a drain, so tell it.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VIOMMU_TSAN
#endif
#elif defined(__SANITIZE_THREAD__)
#define VIOMMU_TSAN
#endif
#ifdef VIOMMU_TSAN
void __tsan_acquire(void *addr);
void __tsan_release(void *addr);
extern char viommu_read_order;
#endif

/** Begin a read-side section.  Sections nest and never block. */
static inline void viommu_read_lock(void)
{
    urcu_bp_read_lock();
}

static inline void viommu_read_unlock(void)
{
#ifdef VIOMMU_TSAN
    __tsan_release(&viommu_read_order);
#endif
    urcu_bp_read_unlock();
}

/** Is this thread inside one? */
static inline bool viommu_read_held(void)
{
    return urcu_bp_read_ongoing();
}

/**
 * The first line of each public function that may not be called inside a DMA
 * section: what waits for sections to end, or for a lock that somebody holds
 * who does, would wait for itself.  That is a fault of the VMM's, which no
 * guest can cause, so it ends here, with the name of @function, and not in a
 * hang.  What endpoints call for each access (viommu_translate() and the like)
 * does not ask.
 */
void viommu_outside_sections(const char *function);

/** Wait until each section that has begun has ended; not from inside one. */
static inline void viommu_read_drain(void)
{
    urcu_bp_synchronize_rcu();
#ifdef VIOMMU_TSAN
    __tsan_acquire(&viommu_read_order);
#endif
}

/** A checked, sorted copy of @ram, or NULL if a range is bad. */
ViommuRamMap *viommu_ram_map_new(const ViommuRam *ram, size_t n);
void viommu_ram_map_free(ViommuRamMap *map);

/*
 * The following return 0 or a negative errno: -EFAULT where no memory
 * answers, -EROFS for a write to read-only memory.  @addr is aligned to the
 * access unless stated.  Inside a read-side section only.
 */

/**
 * Load a little-endian 64-bit word atomically; or an entry of @n words, an even
 * number, each pair of which is loaded as a whole: with what was there at one
 * time.  -EAGAIN when somebody does not stop to change it.
 *
 * VT-d software replaces an interrupt remapping entry [VTD 9.10], a context
 * entry [VTD 9.3], or 128 bits of a larger entry, by one exchange.  Of posted
 * interrupt descriptors, each word is changed by itself [VTD 5.2.3].  For an
 * SMMUv3, 64 bits would do: more than these is not read as a whole by
 * all hardware, and software does not count on it [SMMU 3.21.3].
 */
int viommu_load64(Viommu *unit, uint64_t addr, uint64_t *words, unsigned n);
/** Store a 32-bit word; everything that this thread did before is visible to
 *  a guest that sees it. */
int viommu_store32(Viommu *unit, uint64_t addr, uint32_t value);
/** The same in RAM only: -EFAULT elsewhere. */
int viommu_ram_store32(Viommu *unit, uint64_t addr, uint32_t value);
/** Compare-and-swap of a 64-bit word.  On success *@expected was replaced;
 *  -EAGAIN when it was different, and *@expected then has what is there. */
int viommu_cas64(Viommu *unit, uint64_t addr, uint64_t *expected,
                 uint64_t desired);
/** How often a walk tries it on one entry.  Somebody else changes the same
 *  entry; each retry means that it did. */
#define VIOMMU_UPDATE_RETRIES 16
/** Store @n little-endian 64-bit words, each atomically, in order.  In RAM
 *  only, and without a word to the embedder, so that a lock may be held: call
 *  viommu_ram_written() without it. */
int viommu_ram_store64(Viommu *unit, uint64_t addr, const uint64_t *words,
                       unsigned n);
void viommu_ram_written(Viommu *unit, uint64_t addr, uint64_t size);
/** Set bits of a 64-bit word atomically; *@old has what was there.  No bits
 *  make it a load that stays behind all that came before. */
int viommu_or64(Viommu *unit, uint64_t addr, uint64_t bits, uint64_t *old);

#endif
