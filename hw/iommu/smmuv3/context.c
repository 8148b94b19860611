/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a StreamID and a SubstreamID to a context (3.3):
 *
 *   stream table (one or two levels) -> STE -> context descriptor table (one
 *   or two levels, through stage 2 when nested) -> context descriptor
 *
 * and the configuration cache, which keeps the result.  A cached context
 * fits in four words, so that a slot is one cache line.  Every configuration
 * invalidation voids all of them: streams are few and quickly read again.
 */
#include <string.h>

#include "hw/iommu/smmuv3/unit.h"

/* --- The cache ----------------------------------------------------------- */

/* Words 0 to 2: a table base with, in the bits that it leaves free, ... */
static const ViommuField SLOT_GRANULE = { 0, 2 };
static const ViommuField SLOT_TBI = { 2, 1 };
static const ViommuField SLOT_HAD = { 3, 1 };
static const ViommuField SLOT_INPUT = { 52, 6 };
static const ViommuField SLOT_START = { 58, 2 };
/* ... and in words 0 and 2, the output widths */
static const ViommuField SLOT_OUT = { 60, 3 };
/* word 3 */
static const ViommuField SLOT_FLAGS = { 0, 32 };
static const ViommuField SLOT_VMID = { 32, 16 };
static const ViommuField SLOT_ASID = { 48, 16 };

#define SLOT_TTB viommu_bits(51, 4)

static const uint8_t granules[4] = { 0, 12, 14, 16 };

/* 32, 36, ... 52 bits in three bits */
static unsigned pack_width(unsigned bits)
{
    return bits >= 32 ? (bits - 32) / 2 / 2 + (bits == 42) * 5 : 0;
}

static uint64_t pack_table(const SmmuTable *t, unsigned out_bits)
{
    uint64_t word = t->ttb;

    word = viommu_put(word, SLOT_OUT, pack_width(out_bits));
    word = viommu_put(word, SLOT_GRANULE,
                      t->granule ? (t->granule - 10) / 2 : 0);
    word = viommu_put(word, SLOT_TBI, t->tbi);
    word = viommu_put(word, SLOT_HAD, t->had);
    word = viommu_put(word, SLOT_INPUT, t->input_bits);
    return viommu_put(word, SLOT_START, t->start_level);
}

static void unpack_table(uint64_t word, SmmuTable *t)
{
    t->id = word;
    t->ttb = word & SLOT_TTB;
    t->granule = granules[viommu_get(word, SLOT_GRANULE)];
    t->tbi = viommu_get(word, SLOT_TBI);
    t->had = viommu_get(word, SLOT_HAD);
    t->input_bits = viommu_get(word, SLOT_INPUT);
    t->start_level = viommu_get(word, SLOT_START);
}

static unsigned unpack_width(unsigned packed)
{
    static const uint8_t widths[8] = { 32, 36, 40, 44, 48, 52, 0, 42 };

    return widths[packed];
}

static void pack(const SmmuContext *c, uint64_t value[4])
{
    value[0] = c->s1[0].id;
    value[1] = c->s1[1].id;
    value[2] = c->s2.id;
    value[3] = viommu_put(0, SLOT_FLAGS, c->flags);
    value[3] = viommu_put(value[3], SLOT_VMID, c->vmid);
    value[3] = viommu_put(value[3], SLOT_ASID, c->asid);
}

static void unpack_tags(const uint64_t value[4], SmmuContext *c)
{
    c->s1[0].tbi = viommu_get(value[0], SLOT_TBI);
    c->s1[1].tbi = viommu_get(value[1], SLOT_TBI);
    c->flags = viommu_get(value[3], SLOT_FLAGS);
    c->vmid = viommu_get(value[3], SLOT_VMID);
    c->asid = viommu_get(value[3], SLOT_ASID);
}

/* A stage that does not translate has no tables. */
static void unpack(const uint64_t value[4], SmmuContext *c)
{
    unpack_tags(value, c);
    if (c->flags & SMMU_CTX_S1) {
        unpack_table(value[0], &c->s1[0]);
        unpack_table(value[1], &c->s1[1]);
        c->ips_bits = unpack_width(viommu_get(value[0], SLOT_OUT));
    }
    if (c->flags & SMMU_CTX_S2) {
        unpack_table(value[2], &c->s2);
        c->s2_out_bits = unpack_width(viommu_get(value[2], SLOT_OUT));
    }
}

static uint64_t slot_key(uint32_t sid, uint32_t ssid)
{
    /* A SubstreamID has 20 bits; others stand above all of them. */
    return sid | (uint64_t)(ssid == SMMU_STE_ONLY ? 2u << 20
                                                  : MIN(ssid, 1u << 20)) << 32;
}

static SmmuContextSlot *slot_of(SmmuUnit *u, uint64_t key)
{
    uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);

    return &u->contexts[hash >> (64 - SMMU_CONTEXT_BITS)];
}

static inline bool slot_find(SmmuContextSlot *slot, uint64_t key,
                             SmmuKept *kept)
{
    uint64_t before = viommu_acquire(&slot->sequence);

    if (viommu_acquire(&slot->key) != key ||
        viommu_acquire(&slot->stamp) != kept->stamp) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        kept->word[i] = viommu_acquire(&slot->value[i]);
    }
    return !(before & 1) && viommu_acquire(&slot->sequence) == before;
}

/* Of entries that are made now; never 0. */
static uint64_t current_stamp(const SmmuUnit *u)
{
    return viommu_acquire(&u->context_gen) + 1;
}

bool smmu_context_find(SmmuUnit *u, uint32_t sid, uint32_t ssid,
                       SmmuKept *kept, SmmuContext *c)
{
    uint64_t key = slot_key(sid, ssid);

    kept->stamp = current_stamp(u);
    if (!slot_find(slot_of(u, key), key, kept)) {
        return false;
    }
    unpack_tags(kept->word, c);
    return true;
}

bool smmu_context_unpack(const SmmuUnit *u, const SmmuKept *kept,
                         SmmuContext *c)
{
    if (kept->stamp != current_stamp(u)) {
        return false;
    }
    unpack(kept->word, c);
    return true;
}

/* Two that fill at the same time: the second one goes without. */
static void slot_fill(SmmuContextSlot *slot, uint64_t key, uint64_t stamp,
                      const SmmuContext *c)
{
    uint64_t before = viommu_acquire(&slot->sequence), value[4];

    if ((before & 1) ||
        !__atomic_compare_exchange_n(&slot->sequence, &before, before + 1,
                                     false, __ATOMIC_ACQUIRE,
                                     __ATOMIC_RELAXED)) {
        return;
    }
    pack(c, value);
    viommu_publish(&slot->key, key);
    viommu_publish(&slot->stamp, stamp);
    for (unsigned i = 0; i < 4; i++) {
        viommu_publish(&slot->value[i], value[i]);
    }
    viommu_publish(&slot->sequence, before + 2);
}

/* --- The tables ---------------------------------------------------------- */

/* @addr without its lowest @bits bits. */
static uint64_t aligned(uint64_t addr, unsigned bits)
{
    return addr & ~viommu_bits(MIN(bits, 64) - 1, 0);
}

/* Values that are reserved are as 6 (6.3.25). */
static unsigned split_of(uint64_t cfg)
{
    unsigned split = viommu_get(cfg, SMMU_STRTAB_SPLIT);

    return split == 8 || split == 10 ? split : 6;
}

/* The address of a stream's entry; or the event that says why not. */
static SmmuEventId find_ste(SmmuUnit *u, uint32_t sid, uint64_t *at,
                            SmmuFault *fault)
{
    uint64_t cfg = viommu_acquire(&u->strtab_cfg);
    uint64_t base = viommu_acquire(&u->strtab_base) & SMMU_STRTAB_ADDR;
    unsigned log2 = viommu_get(cfg, SMMU_STRTAB_LOG2SIZE);
    unsigned split = split_of(cfg), span;
    uint64_t desc, low;

    if ((uint64_t)sid >> MIN(log2, u->cfg.sid_bits)) {
        return SMMU_C_BAD_STREAMID;
    }
    /* The base is aligned to the table's size, as large as that may be
     * (6.3.24).  A format that is reserved is linear. */
    if (viommu_get(cfg, SMMU_STRTAB_FMT) != SMMU_STRTAB_2LVL) {
        *at = aligned(base, log2 + 6) + (uint64_t)sid * SMMU_STE_SIZE;
        return SMMU_EVENT_NONE;
    }
    low = sid & ((1u << split) - 1);
    base = aligned(base, MAX((int)(log2 - split) + 3, 6));
    fault->ipa = base + (sid >> split) * 8;
    if (viommu_load64(&u->common, fault->ipa, &desc, 1)) {
        return SMMU_F_STE_FETCH;
    }
    span = viommu_get(desc, SMMU_L1STD_SPAN);
    /* 0 is invalid, as is more than the split allows (5.1). */
    if (!span || span > split + 1 || low >> (span - 1)) {
        return SMMU_C_BAD_STREAMID;
    }
    base = desc & SMMU_STRTAB_ADDR &
           ~((UINT64_C(1) << (span - 1 + 6)) - 1);
    *at = base + low * SMMU_STE_SIZE;
    return SMMU_EVENT_NONE;
}

/* One fetch of context descriptors, through stage 2 when there is one. */
static SmmuEventId fetch_cd(SmmuUnit *u, const SmmuContext *c, uint64_t at,
                            uint64_t *words, unsigned n, SmmuFault *fault)
{
    if ((c->flags & SMMU_CTX_S2) && !smmu_walk_for_cd(u, c, &at, fault)) {
        return fault->id;
    }
    if (viommu_load64(&u->common, at, words, n)) {
        fault->ipa = at;
        return SMMU_F_CD_FETCH;
    }
    return SMMU_EVENT_NONE;
}

static SmmuEventId read_cd(SmmuUnit *u, const SmmuSte *ste, uint32_t index,
                           SmmuContext *c, SmmuFault *fault)
{
    uint64_t at = ste->s1contextptr, word[8], desc;
    unsigned split = ste->s1fmt == SMMU_S1FMT_4K ? 6 : 10;
    SmmuEventId id;

    if (ste->s1cdmax && (ste->s1fmt == SMMU_S1FMT_4K ||
                         ste->s1fmt == SMMU_S1FMT_64K)) {
        id = fetch_cd(u, c, at + (index >> split) * 8, &desc, 1, fault);
        if (id) {
            return id;
        }
        at = desc & SMMU_L1CD_ADDR;
        if (!(desc & SMMU_L1CD_V) || at >> u->cfg.oas_bits) {
            return SMMU_C_BAD_SUBSTREAMID;
        }
        index &= (1u << split) - 1;
    }
    id = fetch_cd(u, c, at + (uint64_t)index * SMMU_CD_SIZE, word, 8, fault);
    if (id) {
        return id;
    }
    if (!smmu_decode_cd(u, word, c)) {
        return SMMU_C_BAD_CD;
    }
    for (unsigned i = 0; i < 2; i++) {
        c->s1[i].id = pack_table(&c->s1[i], c->ips_bits);
    }
    return SMMU_EVENT_NONE;
}

/* Which descriptor, if any (3.9, 5.2): substream rules. */
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
        /* It belongs to transactions without a substream. */
        return SMMU_F_STREAM_DISABLED;
    }
    *index = ssid;
    return SMMU_EVENT_NONE;
}

static SmmuEventId read_ste(SmmuUnit *u, uint32_t sid, uint64_t word[8],
                            SmmuSte *ste, SmmuFault *fault)
{
    SmmuEventId id;
    uint64_t at;

    viommu_count(&u->common.stats.context_reads);
    id = find_ste(u, sid, &at, fault);
    if (id) {
        return id;
    }
    fault->ipa = at;
    if (viommu_load64(&u->common, at, word, 8)) {
        return SMMU_F_STE_FETCH;
    }
    return smmu_decode_ste(u, word, ste) ? SMMU_EVENT_NONE : SMMU_C_BAD_STE;
}

SmmuEventId smmu_read_ste(SmmuUnit *u, uint32_t sid, uint64_t word[8],
                          SmmuSte *ste)
{
    SmmuFault fault;

    return read_ste(u, sid, word, ste, &fault);
}

static SmmuEventId read_context(SmmuUnit *u, uint32_t sid, uint32_t ssid,
                                SmmuContext *c, SmmuFault *fault)
{
    uint64_t word[8];
    uint32_t index;
    SmmuSte ste;
    SmmuEventId id;
    bool bypass;

    id = read_ste(u, sid, word, &ste, fault);
    if (id) {
        return id;
    }
    *c = ste.context;
    c->s2.id = pack_table(&c->s2, c->s2_out_bits);
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
    return read_cd(u, &ste, index, c, fault);
}

SmmuEventId smmu_context(SmmuUnit *u, uint32_t sid, uint32_t ssid,
                         SmmuContext *c, SmmuFault *fault)
{
    uint64_t key = slot_key(sid, ssid);
    SmmuContextSlot *slot = slot_of(u, key);
    /* Before the tables are read: what is invalidated from now on voids the
     * fill. */
    SmmuKept kept = { .stamp = current_stamp(u) };
    SmmuEventId id;

    if (slot_find(slot, key, &kept)) {
        unpack(kept.word, c);
        return SMMU_EVENT_NONE;
    }
    memset(c, 0, sizeof(*c));
    memset(fault, 0, sizeof(*fault));
    id = read_context(u, sid, ssid, c, fault);
    fault->id = id;
    if (!id) {
        slot_fill(slot, key, kept.stamp, c);
    }
    return id;
}
