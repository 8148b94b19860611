/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Decoders: from the words of a table entry to what they mean.  No memory is
 * read here.  Each decoder checks in the order in which one fault wins over
 * another [VTD 7.1.3]: present, reserved bits, values that the unit does not
 * support.
 */
#include "hw/iommu/vtd/tables.h"

#include "hw/iommu/vtd/address.h"


/* The host address width, which firmware's DMAR table tells software
 * [VTD 8.1]. */
uint64_t vtd_beyond_haw(const VtdUnit *u)
{
    return UINT64_MAX << u->cfg.haw_bits;
}

/* Root entry [VTD 9.1]. */
VtdReason vtd_decode_root(const VtdUnit *u, const uint64_t word[2],
                          uint64_t *table)
{
    if (!(word[0] & VTD_ROOT_P)) {
        return VTD_FR_ROOT_NOT_PRESENT;
    }
    if ((word[0] & (VTD_ROOT_RESERVED | vtd_beyond_haw(u))) || word[1]) {
        return VTD_FR_ROOT_RESERVED;
    }
    *table = word[0] & VTD_ADDR;
    return VTD_FR_NONE;
}

/* CAP.SAGAW [VTD 11.4.2]. */
bool vtd_levels_supported(const VtdUnit *u, unsigned levels)
{
    return u->cfg.dma_translation && levels >= 3 && levels <= VTD_MAX_LEVEL &&
           vtd_levels_width(levels) <= u->cfg.aw_bits;
}

/* Context entry [VTD 9.3].  FPD counts in an entry that is not present, too.
 * With pass-through, the table's address is ignored. */
VtdReason vtd_decode_context(const VtdUnit *u, const uint64_t word[2],
                             VtdContext *context)
{
    uint64_t reserved = VTD_CONTEXT_RESERVED | vtd_beyond_haw(u);
    unsigned tt = viommu_get(word[0], VTD_CONTEXT_TT);

    context->fpd = word[0] & VTD_CONTEXT_FPD;
    context->ats = tt == VTD_TT_ALL;
    context->pgtt = tt == VTD_TT_PASS_THROUGH ? VTD_PGTT_PASS_THROUGH
                                              : VTD_PGTT_SECOND;
    context->ss_levels = viommu_get(word[1], VTD_CONTEXT_AW) + 2;
    context->did = viommu_get(word[1], VTD_CONTEXT_DID);
    context->ss_table = word[0] & VTD_ADDR;

    if (!(word[0] & VTD_CONTEXT_P)) {
        return VTD_FR_CONTEXT_NOT_PRESENT;
    }
    if (tt == VTD_TT_PASS_THROUGH && u->cfg.pass_through) {
        reserved = VTD_CONTEXT_RESERVED;
    }
    if ((word[0] & reserved) || (word[1] & VTD_CONTEXT_HIGH_RESERVED)) {
        return VTD_FR_CONTEXT_RESERVED;
    }
    switch (tt) {
    case VTD_TT_UNTRANSLATED:
        break;
    case VTD_TT_ALL:
        if (!u->cfg.device_iotlb) {
            return VTD_FR_CONTEXT_INVALID;
        }
        break;
    case VTD_TT_PASS_THROUGH:
        if (!u->cfg.pass_through) {
            return VTD_FR_CONTEXT_INVALID;
        }
        break;
    default:
        return VTD_FR_CONTEXT_INVALID;
    }
    return vtd_levels_supported(u, context->ss_levels)
           ? VTD_FR_NONE : VTD_FR_CONTEXT_INVALID;
}

/* Second-stage paging entry [VTD 9.8]. */
VtdReason vtd_decode_ss(const VtdUnit *u, const VtdContext *context,
                        unsigned level, uint64_t word, VtdSsEntry *entry)
{
    uint64_t reserved = vtd_beyond_haw(u) & VTD_ADDR;
    bool large = (word & VTD_SS_PS) && (level == 2 || level == 3);

    entry->leaf = level == 1 || large;
    entry->access = ((word & VTD_SS_R) ? VIOMMU_READ : 0) |
                    ((word & VTD_SS_W) ? VIOMMU_WRITE : 0);
    entry->snoop = entry->leaf && (word & VTD_SS_SNP);
    entry->addr = word & VTD_ADDR;

    if (!entry->access) {
        return VTD_FR_NONE;
    }
    if (large) {
        /* A large page is aligned to its size. */
        reserved |= viommu_bits(vtd_level_shift(level - 1) - 1,
                                VTD_PAGE_SHIFT);
    }
    if (level > 3) {
        reserved |= VTD_SS_PS;
    }
    /* Scalable mode ignores SNP; the PASID entry has PGSNP instead. */
    if (!context->scalable && (!entry->leaf || !u->cfg.snoop_control)) {
        reserved |= VTD_SS_SNP;
    }
    /* Before revision 3.2, bit 62 was a hint for device-TLBs (transient
     * mapping).  It has been reserved since. */
    if (!(entry->leaf && u->cfg.device_iotlb && u->cfg.stale_tm)) {
        reserved |= VTD_SS_TM;
    }
    if (!(word & reserved)) {
        return VTD_FR_NONE;
    }
    return context->scalable ? VTD_FR_SS_RESERVED : VTD_FR_PAGING_RESERVED;
}
