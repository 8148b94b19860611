/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a request to a translation: decoders, contexts, walks, and the caches
 * of translations and tables.
 */
#ifndef HW_IOMMU_SMMUV3_LOOKUP_H
#define HW_IOMMU_SMMUV3_LOOKUP_H

#include "hw/iommu/smmuv3/unit.h"

/* --- tables.c ------------------------------------------------------------ */

/** A stream table entry, decoded: the context without stage 1's tables, and
 *  where the context descriptors are, which have these. */
typedef struct SmmuSte {
    uint8_t config;
    uint8_t s1fmt;
    uint8_t s1dss;
    uint8_t s1cdmax;
    uint64_t s1contextptr;
    SmmuContext context;
} SmmuSte;

/** False: C_BAD_STE. */
bool smmu_decode_ste(const SmmuUnit *u, const uint64_t word[8], SmmuSte *ste);
/** Put stage 1's tables into the context of a stream table entry.  False:
 *  C_BAD_CD. */
bool smmu_decode_cd(const SmmuUnit *u, const uint64_t word[8],
                    SmmuContext *context);

/* --- context.c ----------------------------------------------------------- */

/** In place of a SubstreamID: the context is what the stream table entry alone
 *  says, without stage 1's tables. */
#define SMMU_STE_ONLY (VIOMMU_NO_PASID - 1)

/** A stream's table entry, from memory.  Read-side section. */
SmmuEventId smmu_read_ste(SmmuUnit *u, uint32_t sid, uint64_t word[8],
                          SmmuSte *ste);
/** The context of a stream, from the cache or from memory; valid with
 *  SMMU_EVENT_NONE, else *@fault is the event.  Read-side section. */
SmmuEventId smmu_context(SmmuUnit *u, uint32_t sid, uint32_t ssid,
                         SmmuContext *context, SmmuFault *fault);

/** The cached context of a stream; false: it is not cached.  It is good while
 *  smmu_context_stamp() is still *@stamp. */
bool smmu_context_find(SmmuUnit *u, uint32_t sid, uint32_t ssid,
                       uint64_t *stamp, SmmuContext *context);
/** The stamp that the cached contexts have which are good now; never 0. */
static inline uint64_t smmu_context_stamp(const SmmuUnit *u)
{
    return viommu_acquire(&u->context_gen) + 1;
}

/* --- walk.c -------------------------------------------------------------- */

/** A translation. */
typedef struct SmmuMapping {
    uint64_t page;          /* the output address */
    uint8_t shift;          /* log2 of the size that it is valid for; of a
                             * fault, likewise */
    uint8_t flags;          /* SMMU_MAP_... */
    uint8_t cut;            /* log2 of a page of stage 1 that stage 2 has cut
                             * in pieces, or 0 */
} SmmuMapping;

/** The tags of a context's cached translations and tables: of its ASID, or of
 *  stage 2; and of global pages, which all ASIDs have. */
typedef struct SmmuTags {
    ViommuTag own;
    ViommuTag global;
} SmmuTags;

/* Each returns false with *@fault, and mapping->shift. */

/** The stages that the context has, by the tables. */
bool smmu_walk(SmmuUnit *u, const SmmuContext *context, const SmmuTags *tags,
               uint64_t addr, const SmmuWanted *wanted, SmmuMapping *mapping,
               SmmuFault *fault);
/** The address between the stages, with the permissions that both grant
 *  (split-stage ATS). */
bool smmu_walk_split(SmmuUnit *u, const SmmuContext *context, uint64_t addr,
                     const SmmuWanted *wanted, SmmuMapping *mapping,
                     SmmuFault *fault);
/** Stage 1 alone; when nested, its tables are found through stage 2. */
bool smmu_walk_first(SmmuUnit *u, const SmmuContext *context, uint64_t addr,
                     const SmmuWanted *wanted, SmmuMapping *mapping,
                     SmmuFault *fault);
/** Stage 2 alone, for the fetch of a context descriptor: *@addr is replaced.
 *  @seen is the snapshot of before the stream table entry was read. */
bool smmu_walk_for_cd(SmmuUnit *u, const SmmuContext *context, uint64_t *addr,
                      const ViommuTlbSeen *seen, SmmuFault *fault);

/* --- iotlb.c ------------------------------------------------------------- */

/* Bits of keys, above the VMID */
#define SMMU_KEY_EL2    (UINT64_C(1) << 23)
#define SMMU_KEY_STAGE2 (UINT64_C(1) << 24)

/** The key of stage 1's, and of nested, translations: regime, VMID, and ASID
 *  unless global [SMMU 3.17]. */
static inline uint64_t smmu_stage1_key(const SmmuContext *c, bool global)
{
    return c->vmid | (c->flags & SMMU_CTX_EL2 ? SMMU_KEY_EL2 : 0) |
           (global ? VIOMMU_TAG_GLOBAL : (uint64_t)c->asid << 32);
}

/** Index of u->vmid_gens. */
static inline uint32_t smmu_world(const SmmuContext *c)
{
    return c->flags & SMMU_CTX_EL2 ? SMMU_VMIDS : c->vmid;
}

static inline unsigned smmu_asid_hash(uint32_t world, uint16_t asid)
{
    /* (EL2's number has only bit 16, and must not be as VMID 0.) */
    return ((world + (world >> 16)) * 0x9e5u + asid) % SMMU_ASID_GENS;
}

/*
 * A stamp is the sum of the generations that void an entry.  Generations only
 * grow, so the sum is the same only while none of them changes; all entries
 * with one key have the same generations.
 *
 *   entries of          generations
 *   -----------------------------------------------------------------------
 *   stage 2             all, VMID
 *   stage 1, global     all, VMID, nested of the VMID (but not in EL2)
 *   stage 1, of an ASID the same, and ASID
 *
 * Those of stage 1 die with stage 2's although only nested ones must: the key
 * does not tell which these are.  Global entries outlive their ASID
 * [SMMU 4.4.2].
 */
static inline ViommuTag smmu_stage2_tag(const SmmuUnit *u, uint16_t vmid)
{
    return (ViommuTag) {
        viommu_acquire(&u->iotlb_gen) +
        viommu_acquire(&u->vmid_gens[vmid]) + 1, vmid | SMMU_KEY_STAGE2,
    };
}

/** The stamp of global entries. */
static inline uint64_t smmu_global_stamp(const SmmuUnit *u,
                                         const SmmuContext *c)
{
    uint64_t stamp = viommu_acquire(&u->iotlb_gen) +
                     viommu_acquire(&u->vmid_gens[smmu_world(c)]) + 1;

    return c->flags & SMMU_CTX_EL2
           ? stamp : stamp + viommu_acquire(&u->nested_gens[c->vmid]);
}

static inline uint64_t smmu_asid_gen(const SmmuUnit *u, const SmmuContext *c)
{
    return viommu_acquire(&u->asid_gens[smmu_asid_hash(smmu_world(c),
                                                       c->asid)]);
}

/** SmmuTags.own.stamp as it is now.  While it is the same, so are both
 *  tags. */
static inline uint64_t smmu_own_stamp(const SmmuUnit *u, const SmmuContext *c)
{
    return c->flags & SMMU_CTX_S1
           ? smmu_global_stamp(u, c) + smmu_asid_gen(u, c)
           : smmu_stage2_tag(u, c->vmid).stamp;
}

static inline SmmuTags smmu_tags(const SmmuUnit *u, const SmmuContext *c)
{
    uint64_t stamp;

    if (!(c->flags & SMMU_CTX_S1)) {
        return (SmmuTags) { .own = smmu_stage2_tag(u, c->vmid) };
    }
    stamp = smmu_global_stamp(u, c);
    return (SmmuTags) {
        .own = { stamp + smmu_asid_gen(u, c), smmu_stage1_key(c, false) },
        .global = { stamp, smmu_stage1_key(c, true) },
    };
}

/** A cached translation; false: there is none, or one that lacks @needs. */
static inline bool smmu_iotlb_find(const SmmuUnit *u, const SmmuTags *tags,
                                   uint64_t addr, uint8_t needs,
                                   SmmuMapping *m)
{
    ViommuCacheEntry e;
    unsigned shift;

    if (!viommu_tlb_find(&u->tlb, &tags->own, addr, &e, &shift) &&
        ((tags->own.key & SMMU_KEY_STAGE2) ||
         !viommu_tlb_find(&u->tlb, &tags->global, addr, &e, &shift))) {
        return false;
    }
    m->flags = e.value[0] & 0xff;
    m->page = e.value[0] & ~UINT64_C(0xfff);
    m->shift = shift;
    return !(needs & ~m->flags);
}

/** Cache a translation, unless an invalidation has come since
 *  wanted->seen. */
void smmu_iotlb_fill(SmmuUnit *u, const SmmuTags *tags, uint64_t addr,
                     const SmmuWanted *wanted, const SmmuMapping *mapping);

/* The caller has advanced the epochs, and bounds @size.  Tables go before the
 * translations to which they lead. */

/** Remove translations of any of the @size bytes at @addr. */
void smmu_iotlb_remove(SmmuUnit *u, const SmmuContext *context, uint64_t addr,
                       uint64_t size);
/** Remove tables on the way to any of the @size bytes at @addr. */
void smmu_tables_remove(SmmuUnit *u, const SmmuContext *context,
                        uint64_t addr, uint64_t size);

/* --- paging_cache.c ------------------------------------------------------ */

/* A cached table's flags are the SMMU_MAP_... that the tables above leave; and
 * this one: its address is from before stage 2. */
#define SMMU_TABLE_IPA (1u << 6)

/** The deepest cached table on the way from the first one, whose id is @top,
 *  to @addr; *@level is its level. */
bool smmu_table_find(const SmmuUnit *u, const ViommuTag *tag,
                     const SmmuTable *stage, uint64_t top, uint64_t addr,
                     ViommuTable *t, unsigned *level);
/** The table of the last level, likewise. */
static inline bool smmu_last_table_find(const SmmuUnit *u,
                                        const ViommuTag *tag,
                                        const SmmuTable *stage, uint64_t top,
                                        uint64_t addr, ViommuTable *t)
{
    unsigned span = smmu_table_span(stage, SMMU_LAST_LEVEL);

    return viommu_tlb_find_table(&u->tlb, UINT64_C(1) << span, tag, addr,
                                 top, t);
}
/** Cache a table, if the cache keeps those of @level. */
void smmu_table_fill(SmmuUnit *u, const ViommuTag *tag,
                     const SmmuTable *stage, uint64_t top, uint64_t addr,
                     unsigned level, uint64_t table, uint16_t flags,
                     const SmmuWanted *wanted);

/**
 * A stage 1 address as tables and invalidations have it: where the top byte is
 * ignored (TBI), it is a sign extension [SMMU 3.4.1] [SMMU 5.4].
 */
static inline uint64_t smmu_effective(const SmmuContext *c, uint64_t addr)
{
    bool upper = addr >> 55 & 1;

    if (!(c->flags & SMMU_CTX_S1) ||
        !viommu_get(c->base[upper], SMMU_BASE_TBI)) {
        return addr;
    }
    return upper ? addr | viommu_bits(63, 56) : addr & viommu_bits(55, 0);
}

/* --- translate.c --------------------------------------------------------- */

/** ViommuModel.translate, tables, remap_msi */
ViommuStatus smmu_translate(Viommu *unit, const ViommuRequest *req,
                            ViommuReply *reply);
bool smmu_tables(Viommu *unit, uint32_t source, uint32_t pasid,
                 ViommuTables *tables);
ViommuMsiResult smmu_remap_msi(Viommu *unit, uint32_t source, bool ioapic,
                               const ViommuMsi *in, bool probe,
                               ViommuMsi *out);

#endif
