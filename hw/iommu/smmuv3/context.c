/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a StreamID and a SubstreamID to a context:
 *
 *   stream table (one or two levels) -> STE -> context descriptor table (one
 *   or two levels, through stage 2 when nested) -> context descriptor
 *
 * and the configuration cache, which keeps the result.  Each invalidation of
 * configuration voids all cached contexts: streams are few, and quickly read
 * again.
 */
#include <string.h>

#include "hw/iommu/smmuv3/lookup.h"

/* --- The cache ----------------------------------------------------------- */

static const ViommuField TAGS_FLAGS = { 0, 32 };
static const ViommuField TAGS_VMID = { 32, 16 };
static const ViommuField TAGS_ASID = { 48, 16 };

static uint64_t slot_key(uint32_t sid, uint32_t ssid)
{
    /* A SubstreamID has 20 bits.  VIOMMU_NO_PASID and SMMU_STE_ONLY get
     * numbers above these. */
    return sid | (uint64_t)(ssid == SMMU_STE_ONLY ? 2u << 20
                                                  : MIN(ssid, 1u << 20)) << 32;
}

static SmmuContextSlot *slot_of(SmmuUnit *u, uint64_t key)
{
    uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);

    return &u->contexts[hash >> (64 - SMMU_CONTEXT_BITS)];
}

static inline bool slot_find(SmmuContextSlot *slot, uint64_t key,
                             uint64_t stamp, SmmuContext *c)
{
    uint64_t before = viommu_acquire(&slot->sequence), tags;

    if (viommu_acquire(&slot->key) != key ||
        viommu_acquire(&slot->stamp) != stamp) {
        return false;
    }
    tags = viommu_acquire(&slot->tags);
    c->flags = viommu_get(tags, TAGS_FLAGS);
    c->vmid = viommu_get(tags, TAGS_VMID);
    c->asid = viommu_get(tags, TAGS_ASID);
    for (unsigned i = 0; i < SMMU_BASES; i++) {
        c->base[i] = viommu_acquire(&slot->base[i]);
    }
    return !(before & 1) && viommu_acquire(&slot->sequence) == before;
}

/* Each invalidation voids all contexts, so the epoch serves as their
 * generation. */
static uint64_t stamp_of(const ViommuSeen *seen)
{
    return seen->epoch + 1;     /* as smmu_context_stamp() */
}

bool smmu_context_find(SmmuUnit *u, uint32_t sid, uint32_t ssid,
                       uint64_t *stamp, SmmuContext *c)
{
    uint64_t key = slot_key(sid, ssid);

    *stamp = smmu_context_stamp(u);
    return slot_find(slot_of(u, key), key, *stamp, c);
}

/* When two threads fill one slot at the same time, the second one leaves it to
 * the first. */
static void slot_fill(SmmuContextSlot *slot, uint64_t key,
                      const SmmuContext *c, const ViommuSeen *seen)
{
    uint64_t before = viommu_acquire(&slot->sequence);
    uint64_t tags = viommu_put(0, TAGS_FLAGS, c->flags);

    if ((before & 1) ||
        !__atomic_compare_exchange_n(&slot->sequence, &before, before + 1,
                                     false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) {
        return;
    }
    tags = viommu_put(tags, TAGS_VMID, c->vmid);
    tags = viommu_put(tags, TAGS_ASID, c->asid);
    viommu_publish(&slot->key, key);
    viommu_publish(&slot->stamp, stamp_of(seen));
    viommu_publish(&slot->tags, tags);
    for (unsigned i = 0; i < SMMU_BASES; i++) {
        viommu_publish(&slot->base[i], c->base[i]);
    }
    viommu_publish(&slot->sequence, before + 2);
}

/* --- The tables ---------------------------------------------------------- */

/* The snapshots that a fill takes along, of before the first word is read: one
 * for the context, one for what stage 2 finds on the way to a context
 * descriptor. */
typedef struct Seen {
    ViommuSeen contexts;
    ViommuTlbSeen tlb;
} Seen;

static Seen take_snapshot(const SmmuUnit *u)
{
    return (Seen) { viommu_look(&u->context_gen), viommu_tlb_look(&u->tlb) };
}

/* @addr without its lowest @bits bits. */
static uint64_t aligned(uint64_t addr, unsigned bits)
{
    return addr & ~viommu_bits(MIN(bits, 64) - 1, 0);
}

/* Reserved values of SPLIT are as 6 [SMMU 6.3.25]. */
static unsigned split_of(uint64_t cfg)
{
    unsigned split = viommu_get(cfg, SMMU_STRTAB_SPLIT);

    return split == 8 || split == 10 ? split : 6;
}

/* The address of a stream's entry, or the event that says why there is none
 * [SMMU 3.3.1]. */
static SmmuEventId find_ste(SmmuUnit *u, uint32_t sid, const Seen *seen,
                            uint64_t *at, SmmuFault *fault)
{
    uint64_t cfg = viommu_latched(&u->strtab_cfg, &seen->contexts);
    uint64_t base = viommu_latched(&u->strtab_base, &seen->contexts) &
                    SMMU_STRTAB_ADDR;
    unsigned log2 = viommu_get(cfg, SMMU_STRTAB_LOG2SIZE);
    unsigned split = split_of(cfg), span;
    uint64_t desc, low;

    if ((uint64_t)sid >> MIN(log2, u->cfg.sid_bits)) {
        return SMMU_C_BAD_STREAMID;     /* [SMMU 7.3.3] */
    }
    /* The base is aligned to the size of the table, however large that is
     * [SMMU 6.3.24].  A reserved format is as the linear one
     * [SMMU 6.3.25]. */
    if (viommu_get(cfg, SMMU_STRTAB_FMT) != SMMU_STRTAB_2LVL) {
        *at = aligned(base, log2 + SMMU_STE_LOG2) +
              (uint64_t)sid * SMMU_STE_SIZE;
        return SMMU_EVENT_NONE;
    }
    low = sid & ((1u << split) - 1);
    base = aligned(base, MAX((int)(log2 - split) + SMMU_L1STD_LOG2,
                             SMMU_STRTAB_ADDR_LOW));
    fault->ipa = base + (sid >> split) * SMMU_L1STD_SIZE;
    if (viommu_load64(&u->common, fault->ipa, &desc, 1)) {
        return SMMU_F_STE_FETCH;        /* [SMMU 7.3.4] */
    }
    span = viommu_get(desc, SMMU_L1STD_SPAN);
    /* 0 is invalid, and so is more than the split allows [SMMU 5.1]. */
    if (!span || span > split + 1 || low >> (span - 1)) {
        return SMMU_C_BAD_STREAMID;
    }
    *at = aligned(desc & SMMU_STRTAB_ADDR, span - 1 + SMMU_STE_LOG2) +
          low * SMMU_STE_SIZE;
    return SMMU_EVENT_NONE;
}

/* One fetch from the tables of context descriptors, through stage 2 when
 * there is one [SMMU 3.3.2] [SMMU 7.3.10]. */
static SmmuEventId fetch_cd(SmmuUnit *u, const SmmuContext *c,
                            const Seen *seen, uint64_t at, uint64_t *words,
                            unsigned n, SmmuFault *fault)
{
    if ((c->flags & SMMU_CTX_S2) &&
        !smmu_walk_for_cd(u, c, &at, &seen->tlb, fault)) {
        return fault->id;
    }
    if (viommu_load64(&u->common, at, words, n)) {
        fault->ipa = at;
        return SMMU_F_CD_FETCH;
    }
    return SMMU_EVENT_NONE;
}

/* The context descriptor @index.  With two levels of tables, an entry of the
 * first that is not valid, or points beyond the output size, is an error of
 * the SubstreamID [SMMU 5.3] [SMMU 7.3.9]. */
static SmmuEventId read_cd(SmmuUnit *u, const SmmuSte *ste, const Seen *seen,
                           uint32_t index, SmmuContext *c, SmmuFault *fault)
{
    uint64_t at = ste->s1contextptr, word[8], desc;
    unsigned split = ste->s1fmt == SMMU_S1FMT_4K ? 6 : 10;
    SmmuEventId id;

    if (ste->s1cdmax && (ste->s1fmt == SMMU_S1FMT_4K ||
                         ste->s1fmt == SMMU_S1FMT_64K)) {
        id = fetch_cd(u, c, seen, at + (index >> split) * SMMU_L1CD_SIZE,
                      &desc, 1, fault);
        if (id) {
            return id;
        }
        at = desc & SMMU_L1CD_ADDR;
        if (!(desc & SMMU_L1CD_V) || at >> u->cfg.oas_bits) {
            return SMMU_C_BAD_SUBSTREAMID;
        }
        index &= (1u << split) - 1;
    }
    id = fetch_cd(u, c, seen, at + (uint64_t)index * SMMU_CD_SIZE, word, 8,
                  fault);
    if (id) {
        return id;
    }
    /* [SMMU 7.3.11] */
    return smmu_decode_cd(u, word, c) ? SMMU_EVENT_NONE : SMMU_C_BAD_CD;
}

/*
 * Which context descriptor a transaction uses, if any: the rules of substreams
 * [SMMU 3.9] [SMMU 5.2].
 *
 *   SubstreamID   S1CDMax   S1DSS        descriptor
 *   ------------------------------------------------------------------------
 *   none          0                      0
 *   none          not 0     bypass       none: stage 1 is bypassed
 *   none          not 0     substream 0  0
 *   none          not 0     terminate    F_STREAM_DISABLED [SMMU 7.3.7]
 *   0             not 0     substream 0  F_STREAM_DISABLED
 *   < 2^S1CDMax   not 0                  that one
 *   all others                           C_BAD_SUBSTREAMID [SMMU 7.3.9]
 */
static SmmuEventId select_cd(const SmmuSte *ste, uint32_t ssid,
                             uint32_t *index, bool *bypass)
{
    *index = 0;
    *bypass = false;
    if (ssid == VIOMMU_NO_PASID) {
        if (!ste->s1cdmax) {
            return SMMU_EVENT_NONE;
        }
        switch (ste->s1dss) {
        case SMMU_S1DSS_BYPASS:
            *bypass = true;
            return SMMU_EVENT_NONE;
        case SMMU_S1DSS_SSID0:
            return SMMU_EVENT_NONE;
        default:
            return SMMU_F_STREAM_DISABLED;
        }
    }
    if (!ste->s1cdmax || ssid >> ste->s1cdmax) {
        return SMMU_C_BAD_SUBSTREAMID;
    }
    if (ssid == 0 && ste->s1dss == SMMU_S1DSS_SSID0) {
        /* Descriptor 0 belongs to transactions without a substream. */
        return SMMU_F_STREAM_DISABLED;
    }
    *index = ssid;
    return SMMU_EVENT_NONE;
}

static SmmuEventId read_ste(SmmuUnit *u, uint32_t sid, const Seen *seen,
                            uint64_t word[8], SmmuSte *ste, SmmuFault *fault)
{
    SmmuEventId id;
    uint64_t at;

    viommu_count(&u->common.stats.context_reads);
    id = find_ste(u, sid, seen, &at, fault);
    if (id) {
        return id;
    }
    fault->ipa = at;
    if (viommu_load64(&u->common, at, word, 8)) {
        return SMMU_F_STE_FETCH;
    }
    /* [SMMU 7.3.5] */
    return smmu_decode_ste(u, word, ste) ? SMMU_EVENT_NONE : SMMU_C_BAD_STE;
}

SmmuEventId smmu_read_ste(SmmuUnit *u, uint32_t sid, uint64_t word[8],
                          SmmuSte *ste)
{
    const Seen seen = take_snapshot(u);
    SmmuFault fault;

    return read_ste(u, sid, &seen, word, ste, &fault);
}

/* The whole way [SMMU 3.3.2].  A stream without stage 1 has no substreams
 * [SMMU 7.3.9]. */
static SmmuEventId read_context(SmmuUnit *u, uint32_t sid, uint32_t ssid,
                                const Seen *seen, SmmuContext *c,
                                SmmuFault *fault)
{
    uint64_t word[8];
    uint32_t index;
    SmmuSte ste;
    SmmuEventId id;
    bool bypass;

    id = read_ste(u, sid, seen, word, &ste, fault);
    if (id) {
        return id;
    }
    *c = ste.context;
    if ((c->flags & SMMU_CTX_ABORT) || ssid == SMMU_STE_ONLY) {
        return SMMU_EVENT_NONE;
    }
    if (!(c->flags & SMMU_CTX_S1)) {
        return ssid == VIOMMU_NO_PASID ? SMMU_EVENT_NONE
                                       : SMMU_C_BAD_SUBSTREAMID;
    }
    id = select_cd(&ste, ssid, &index, &bypass);
    if (id || bypass) {
        c->flags &= ~(SMMU_CTX_S1 | SMMU_CTX_S1_STALL);
        return id;
    }
    return read_cd(u, &ste, seen, index, c, fault);
}

SmmuEventId smmu_context(SmmuUnit *u, uint32_t sid, uint32_t ssid,
                         SmmuContext *c, SmmuFault *fault)
{
    uint64_t key = slot_key(sid, ssid);
    SmmuContextSlot *slot = slot_of(u, key);
    const Seen seen = take_snapshot(u);
    SmmuEventId id;

    if (slot_find(slot, key, stamp_of(&seen.contexts), c)) {
        return SMMU_EVENT_NONE;
    }
    memset(c, 0, sizeof(*c));
    memset(fault, 0, sizeof(*fault));
    id = read_context(u, sid, ssid, &seen, c, fault);
    fault->id = id;
    if (!id) {
        slot_fill(slot, key, c, &seen.contexts);
    }
    return id;
}
