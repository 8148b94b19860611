/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scalable mode: from a source-id and a PASID to a context [VTD 3.4.3].
 *
 *   root entry -> context entry -> PASID directory -> PASID table entry
 *
 * A request without PASID uses the context entry's RID_PASID, or PASID 0 when
 * the unit has no RID_PASID (ECAP.RPS).  FPD in each of the last three entries
 * disables the recording of faults that are found behind it.
 */
#include "hw/iommu/vtd/scalable.h"

#include "hw/iommu/vtd/capabilities.h"
#include "hw/iommu/vtd/tables.h"


typedef struct Lookup {
    VtdUnit *u;
    uint64_t root;          /* RTADDR */
    VtdContext *context;
    uint32_t pasid;
    bool has_pasid;
    bool page_requests;     /* are allowed */
    uint64_t directory;
    unsigned pdts;
} Lookup;

/* Context entry: reserved bits, which depend on what ECAP announces, then
 * PASIDE [VTD 9.4]. */
static VtdReason decode_context(Lookup *l, const uint64_t word[4])
{
    VtdUnit *u = l->u;
    uint64_t low_reserved = VTD_SM_CONTEXT_RESERVED | vtd_beyond_haw(u);
    uint64_t high_reserved = VTD_SM_CONTEXT_HIGH_RESERVED;

    if (!u->cfg.device_iotlb) {
        low_reserved |= VTD_SM_CONTEXT_DTE;
    }
    if (!u->cfg.page_requests) {
        low_reserved |= VTD_SM_CONTEXT_PRE;
    }
    if (!u->cfg.pasid_bits) {
        low_reserved |= VTD_SM_CONTEXT_PASIDE;
    }
    if (!u->cfg.rid_pasid) {
        high_reserved |= viommu_field_mask(VTD_SM_CONTEXT_RID_PASID);
    }
    if (!u->cfg.rid_priv) {
        high_reserved |= VTD_SM_CONTEXT_RID_PRIV;
    }
    if ((word[0] & low_reserved) || (word[1] & high_reserved) || word[2] ||
        word[3]) {
        return VTD_FR_SM_CONTEXT_RESERVED;
    }
    l->context->ats = word[0] & VTD_SM_CONTEXT_DTE;
    if (l->has_pasid && !(word[0] & VTD_SM_CONTEXT_PASIDE)) {
        return VTD_FR_SM_PASIDE_CLEAR;
    }
    l->context->privileged = word[1] & VTD_SM_CONTEXT_RID_PRIV;
    l->page_requests = word[0] & VTD_SM_CONTEXT_PRE;
    l->directory = word[0] & VTD_ADDR;
    l->pdts = viommu_get(word[0], VTD_SM_CONTEXT_PDTS);
    if (!l->has_pasid) {
        l->pasid = viommu_get(word[1], VTD_SM_CONTEXT_RID_PASID);
    }
    return VTD_FR_NONE;
}

/* Root entry, which is two pointers: for the lower and the upper 16 devices
 * [VTD 9.2]; then context entry, whose FPD counts if it is not present, too. */
static VtdReason read_context(Lookup *l, uint16_t source)
{
    VtdUnit *u = l->u;
    unsigned devfn = source & 0xff, upper = devfn >> 7;
    uint64_t word[4], table;

    if (viommu_load64(&u->common, (l->root & ~(VTD_PAGE_SIZE - 1)) +
                      (source >> 8) * 16, word, 2)) {
        return VTD_FR_SM_ROOT_ACCESS;
    }
    table = word[upper];
    if (!(table & VTD_ROOT_P)) {
        return VTD_FR_SM_ROOT_NOT_PRESENT;
    }
    if (table & (VTD_ROOT_RESERVED | vtd_beyond_haw(u))) {
        return VTD_FR_SM_ROOT_RESERVED;
    }
    if (viommu_load64(&u->common, (table & VTD_ADDR) +
                      (devfn & 0x7f) * VTD_SM_CONTEXT_SIZE, word, 4)) {
        return VTD_FR_SM_CONTEXT_ACCESS;
    }
    l->context->fpd = word[0] & VTD_CONTEXT_FPD;
    l->context->entry_read = true;
    if (!(word[0] & VTD_CONTEXT_P)) {
        return VTD_FR_SM_CONTEXT_NOT_PRESENT;
    }
    return decode_context(l, word);
}

/* Whether the PASID is beyond the context entry's directory [VTD 9.4], or, in
 * a request with PASID, beyond ECAP.PSS [VTD 11.4.3]. */
static bool pasid_too_large(const Lookup *l)
{
    return l->pasid >> (l->pdts + 7 + VTD_PASID_TABLE_BITS) ||
           (l->has_pasid && l->pasid >> l->u->cfg.pasid_bits);
}

/* PASID directory entry [VTD 9.5], then the words of the PASID table entry.
 * FPD counts in an entry that is not present, too [VTD 9.6]. */
static VtdReason read_pasid_entry(Lookup *l, uint64_t word[8])
{
    VtdUnit *u = l->u;
    uint64_t dir;

    if (pasid_too_large(l)) {
        return l->has_pasid ? VTD_FR_SM_PASID_TOO_LARGE : VTD_FR_SM_RID_PASID;
    }
    if (viommu_load64(&u->common, l->directory +
                      (l->pasid >> VTD_PASID_TABLE_BITS) * 8, &dir, 1)) {
        return VTD_FR_SM_DIR_ACCESS;
    }
    l->context->fpd |= (dir & VTD_PASID_FPD) != 0;
    if (!(dir & VTD_PASID_P)) {
        return VTD_FR_SM_DIR_NOT_PRESENT;
    }
    if (dir & (VTD_PASID_DIR_RESERVED | vtd_beyond_haw(u))) {
        return VTD_FR_SM_DIR_RESERVED;
    }
    if (viommu_load64(&u->common, (dir & VTD_ADDR) +
                      (l->pasid & viommu_bits(VTD_PASID_TABLE_BITS - 1, 0)) *
                      VTD_PASID_ENTRY_SIZE, word, 8)) {
        return VTD_FR_SM_PASID_ACCESS;
    }
    l->context->fpd |= (word[0] & VTD_PASID_FPD) != 0;
    return word[0] & VTD_PASID_P ? VTD_FR_NONE : VTD_FR_SM_PASID_NOT_PRESENT;
}

/*
 * Reserved bits of a PASID table entry count whatever the type is [VTD 9.6].
 * PGSNP is reserved without ECAP.SC; Linux 5.14 to 5.18 sets it for VFIO's
 * domains all the same, so that only a strict unit refuses it.
 */
static bool pasid_entry_reserved(VtdUnit *u, const uint64_t word[8])
{
    uint64_t ecap = vtd_extended_capabilities(&u->cfg), rest = 0;
    uint64_t reserved[3] = {
        VTD_PASID_RESERVED_0 | vtd_beyond_haw(u),
        VTD_PASID_RESERVED_1,
        VTD_PASID_RESERVED_2 | vtd_beyond_haw(u),
    };

    reserved[0] |= ecap & VTD_ECAP_SSADS ? 0 : VTD_PASID_SSADE;
    reserved[1] &= ecap & VTD_ECAP_MTS ? ~VTD_PASID_MEMORY_TYPES : UINT64_MAX;
    if (!(ecap & VTD_ECAP_SC) && u->cfg.strict) {
        reserved[1] |= VTD_PASID_PGSNP;
    }
    reserved[1] |= ecap & VTD_ECAP_SMPWCS ? 0 : VTD_PASID_PWSNP;
    reserved[2] |= ecap & VTD_ECAP_SRS ? 0 : VTD_PASID_SRE;
    reserved[2] |= ecap & VTD_ECAP_ERS ? 0 : VTD_PASID_ERE;
    reserved[2] |= ecap & VTD_ECAP_EAFS ? 0 : VTD_PASID_EAFE;
    for (unsigned i = 0; i < 8; i++) {
        rest |= i < 3 ? word[i] & reserved[i] : word[i];
    }
    if (!rest && !(ecap & VTD_ECAP_SC) && (word[1] & VTD_PASID_PGSNP)) {
        viommu_found(&u->common, VIOMMU_FINDING_PAGE_SNOOP);
    }
    return rest;
}

/* PASID table entry: reserved bits, then the type, and what the type needs of
 * the unit [VTD 9.6]. */
static VtdReason decode_pasid_entry(Lookup *l, const uint64_t word[8])
{
    const ViommuVtdConfig *cfg = &l->u->cfg;
    VtdContext *c = l->context;
    unsigned fspm = viommu_get(word[2], VTD_PASID_FSPM);
    bool first, second;

    if (pasid_entry_reserved(l->u, word)) {
        return VTD_FR_SM_PASID_RESERVED;
    }
    c->pgtt = viommu_get(word[0], VTD_PASID_PGTT);
    c->did = viommu_get(word[1], VTD_PASID_DID);
    c->ss_levels = viommu_get(word[0], VTD_PASID_AW) + 2;
    c->ss_table = word[0] & VTD_ADDR;
    c->fs_levels = fspm + 4;
    c->fs_table = word[2] & VTD_ADDR;
    c->ssade = word[0] & VTD_PASID_SSADE;
    c->sre = word[2] & VTD_PASID_SRE;
    c->ere = word[2] & VTD_PASID_ERE;
    c->wpe = word[2] & VTD_PASID_WPE;
    c->nxe = word[2] & VTD_PASID_NXE;
    c->eafe = word[2] & VTD_PASID_EAFE;
    c->snoop = (word[1] & VTD_PASID_PGSNP) && cfg->snoop_control;
    c->memory_types = word[1] & VTD_PASID_MEMORY_TYPES;

    first = c->pgtt == VTD_PGTT_FIRST || c->pgtt == VTD_PGTT_NESTED;
    second = c->pgtt == VTD_PGTT_SECOND || c->pgtt == VTD_PGTT_NESTED;
    if (c->pgtt < VTD_PGTT_FIRST || c->pgtt > VTD_PGTT_PASS_THROUGH ||
        (first && !cfg->first_stage) ||
        (first && (fspm > 1 || (fspm == 1 && cfg->aw_bits < 57))) ||
        (second && !vtd_second_stage_supported(cfg)) ||
        (second && !vtd_levels_supported(l->u, c->ss_levels)) ||
        (c->pgtt == VTD_PGTT_NESTED && !cfg->nested) ||
        (c->pgtt == VTD_PGTT_PASS_THROUGH && !cfg->pass_through)) {
        return VTD_FR_SM_PASID_INVALID;
    }
    return VTD_FR_NONE;
}

/* All four tables [VTD 3.4.3]. */
VtdReason vtd_scalable_context(VtdUnit *u, uint64_t root, uint16_t source,
                               uint32_t pasid, VtdContext *context)
{
    Lookup l = {
        .u = u, .root = root, .context = context,
        .has_pasid = pasid != VIOMMU_NO_PASID,
        .pasid = pasid != VIOMMU_NO_PASID ? pasid : 0,
    };
    uint64_t word[8];
    VtdReason reason;

    context->scalable = true;
    reason = read_context(&l, source);
    context->pasid = l.pasid;
    if (!reason) {
        reason = read_pasid_entry(&l, word);
    }
    return reason ? reason : decode_pasid_entry(&l, word);
}

/* One scan reads at most so many tables of 64 PASIDs. */
#define SCAN_MAX 256

uint32_t vtd_scalable_scan(VtdUnit *u, uint16_t source, uint32_t first,
                           VtdScanned *scanned)
{
    VtdContext context = { 0 };
    Lookup l = {
        .u = u, .root = viommu_acquire(&u->root), .context = &context,
        .has_pasid = true, .pasid = first,
    };
    unsigned per_table = 1u << VTD_PASID_TABLE_BITS;

    scanned->n = 0;
    if (viommu_get(l.root, VTD_RTADDR_TTM) != VTD_TTM_SCALABLE ||
        read_context(&l, source)) {
        return VIOMMU_NO_PASID;
    }
    for (unsigned i = 0; i < SCAN_MAX; i++) {
        uint64_t dir, word;

        if (pasid_too_large(&l) || l.pasid >> VTD_PASID_BITS_MAX) {
            return VIOMMU_NO_PASID;
        }
        if (!viommu_load64(&u->common, l.directory +
                           (l.pasid >> VTD_PASID_TABLE_BITS) * 8, &dir, 1) &&
            (dir & VTD_PASID_P)) {
            for (unsigned k = 0; k < per_table; k++) {
                if (!viommu_load64(&u->common, (dir & VTD_ADDR) +
                                   k * VTD_PASID_ENTRY_SIZE, &word, 1) &&
                    (word & VTD_PASID_P)) {
                    scanned->pasid[scanned->n++] = l.pasid + k;
                }
            }
        }
        l.pasid += per_table;
        if (scanned->n) {
            break;
        }
    }
    return l.pasid;
}

/* The unit goes as far as the context entry and its PRE [VTD 9.4], and leaves
 * the PASID's tables to the software that gets the request [VTD 7.4.1]. */
VtdReason vtd_page_request_context(VtdUnit *u, uint16_t source,
                                   uint32_t pasid, bool *fpd)
{
    uint64_t root = viommu_acquire(&u->root);
    unsigned mode = viommu_get(root, VTD_RTADDR_TTM);
    VtdContext context = { 0 };
    Lookup l = {
        .u = u, .root = root, .context = &context,
        .has_pasid = pasid != VIOMMU_NO_PASID,
        .pasid = pasid != VIOMMU_NO_PASID ? pasid : 0,
    };
    VtdReason reason;

    if (mode != VTD_TTM_SCALABLE) {
        return mode == VTD_TTM_LEGACY ? VTD_FR_LEGACY_PAGE_REQUEST
                                      : VTD_FR_TTM_RESERVED;
    }
    viommu_count(&u->common.stats.context_reads);
    reason = read_context(&l, source);
    *fpd = context.fpd;
    if (reason) {
        return reason;
    }
    if (!l.page_requests) {
        return VTD_FR_SM_PRE_CLEAR;
    }
    return l.has_pasid && pasid_too_large(&l) ? VTD_FR_SM_PASID_TOO_LARGE
                                              : VTD_FR_NONE;
}
