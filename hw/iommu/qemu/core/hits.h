/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: translations that a unit gave and has not taken back.
 *
 * What QEMU does around a translation leaves little time for the translation
 * itself, so each space keeps those that it has got, as a device-TLB would.
 * The unit says when to drop them, after it has dropped its own: whoever reads
 * the generation before the unit's answer has an answer that is not older.
 */
#ifndef HW_VIOMMU_HITS_H
#define HW_VIOMMU_HITS_H

#include "exec/memory.h"
#include "exec/address-spaces.h"
#include "qemu/atomic.h"
#include "qemu/bitops.h"
#include <hw/iommu/viommu.h>

/*
 * Two in a cache line: where DMA goes through many pages, each look costs what
 * it takes to get the line.  A space has 512 KiB of them, of which it uses as
 * many pages as its DMA touches.
 */
#define VIOMMU_HITS 16384

typedef struct ViommuHit {
    uint64_t who;               /* sequence number, PASID and source */
    uint64_t generation;
    hwaddr page;
    hwaddr to;                  /* with permissions and log2 of the size */
} QEMU_ALIGNED(32) ViommuHit;

/* Of who: 16 bits of source, 21 of PASID, and the rest a sequence number that
 * is odd while the hit is written. */
#define VIOMMU_HIT_SEQUENCE (1ull << 37)
#define VIOMMU_HIT_WHO      (VIOMMU_HIT_SEQUENCE - 1)
/* Of to: */
#define VIOMMU_HIT_SHIFT    MAKE_64BIT_MASK(0, 6)
#define VIOMMU_HIT_PERM     6
#define VIOMMU_HIT_ADDR     MAKE_64BIT_MASK(12, 52)

typedef struct ViommuHits {
    ViommuHit *table;           /* VIOMMU_HITS of them */
    unsigned replacements;      /* of live hits, wanted so far */
    unsigned trust;             /* up to VIOMMU_HITS_TRUST */
    unsigned passed_by;         /* without a look, so far */
} ViommuHits;

/*
 * Where one look in five or less finds something, all but a few pass by: with
 * DMA all over memory, waiting for a line of the table is a good part of a
 * translation.  The few find out when that has changed.
 */
#define VIOMMU_HITS_TRUST       64
#define VIOMMU_HITS_FOUND       4       /* added; a miss takes 1 */
#define VIOMMU_HITS_FEW         64      /* one in */

/* False: no memory. */
bool viommu_hits_init(ViommuHits *hits);
/* Keep what was asked for after @generation was read: from @to on, for the
 * bits in @mask.  Any thread. */
void viommu_hits_fill(ViommuHits *hits, uint32_t source, uint32_t pasid,
                      hwaddr addr, uint64_t generation, hwaddr to,
                      hwaddr mask, IOMMUAccessFlags perm);

/* Whether to look now; and if so, to keep what was not found. */
static inline bool viommu_hits_look(ViommuHits *hits)
{
    unsigned n;

    if (likely(qatomic_read(&hits->trust))) {
        return true;
    }
    n = qatomic_read(&hits->passed_by) + 1;
    qatomic_set(&hits->passed_by, n);
    return n % VIOMMU_HITS_FEW == 0;
}

/* What has come of a look.  Threads may lose what others add. */
static inline void viommu_hits_looked(ViommuHits *hits, bool found)
{
    unsigned trust = qatomic_read(&hits->trust);

    if (found && trust < VIOMMU_HITS_TRUST) {
        qatomic_set(&hits->trust, trust + VIOMMU_HITS_FOUND);
    } else if (!found && trust) {
        qatomic_set(&hits->trust, trust - 1);
    }
}

/* Whether there can be hits of @pasid: it is one, or none. */
static inline bool viommu_hits_know(uint32_t pasid)
{
    return pasid == VIOMMU_NO_PASID || pasid < 1u << 20;
}

static inline uint64_t viommu_hit_who(uint32_t source, uint32_t pasid)
{
    return source | (uint64_t)(pasid & MAKE_64BIT_MASK(0, 21)) << 16;
}

/* PASIDs start at different places, with nothing to add for none. */
static inline ViommuHit *viommu_hit_of(const ViommuHits *hits, uint32_t pasid,
                                       hwaddr page)
{
    return &hits->table[(page + (pasid + 1) * 0x9e5) % VIOMMU_HITS];
}

/* Any thread. */
static inline bool viommu_hits_read(const ViommuHits *hits, uint32_t source,
                                    uint32_t pasid, hwaddr addr,
                                    IOMMUAccessFlags flag,
                                    uint64_t generation, IOMMUTLBEntry *entry)
{
    hwaddr page = addr >> 12;
    ViommuHit *hit = viommu_hit_of(hits, pasid, page);
    uint64_t who = qatomic_load_acquire(&hit->who);
    hwaddr to = qatomic_read(&hit->to);

    if (((who ^ viommu_hit_who(source, pasid)) &
         (VIOMMU_HIT_WHO | VIOMMU_HIT_SEQUENCE)) ||
        qatomic_read(&hit->page) != page ||
        qatomic_read(&hit->generation) != generation ||
        (flag & ~(to >> VIOMMU_HIT_PERM))) {
        return false;
    }
    entry->target_as = &address_space_memory;
    entry->addr_mask = (1ull << (to & VIOMMU_HIT_SHIFT)) - 1;
    entry->translated_addr = to & VIOMMU_HIT_ADDR;
    entry->iova = addr & ~entry->addr_mask;
    entry->perm = to >> VIOMMU_HIT_PERM & IOMMU_RW;
    smp_rmb();
    return qatomic_read(&hit->who) == who;
}

/* The same, as it is used: *@keep is whether to keep what was not found. */
static inline bool viommu_hits_find(ViommuHits *hits, uint32_t source,
                                    uint32_t pasid, hwaddr addr,
                                    IOMMUAccessFlags flag,
                                    uint64_t generation, IOMMUTLBEntry *entry,
                                    bool *keep)
{
    bool found;

    *keep = viommu_hits_look(hits);
    if (!*keep) {
        return false;
    }
    found = viommu_hits_read(hits, source, pasid, addr, flag, generation,
                             entry);
    viommu_hits_looked(hits, found);
    return found;
}

#endif
