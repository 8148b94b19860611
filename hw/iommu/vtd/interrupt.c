/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupt remapping [VTD 5.1] and posting [VTD 5.2].
 *
 * A message in the remappable format names an entry of the interrupt
 * remapping table.  The entry says which message the unit sends instead, or in
 * which posted-interrupt descriptor the unit sets a bit.
 */
#include "hw/iommu/vtd/interrupt.h"

#include <errno.h>

#include "hw/iommu/vtd/faults.h"
#include "hw/iommu/vtd/tags.h"

/* A retry is needed only when a processor has changed the descriptor in
 * between. */
#define POST_RETRIES 64

typedef struct Request {
    VtdUnit *u;
    uint16_t source;
    ViommuSeen seen;        /* before irta was read */
    bool ioapic;
    bool probe;
    uint64_t irta;
    uint32_t index;
    uint64_t irte[2];
    bool remapped;          /* by an entry; else the message stays as it is */
    bool fpd;               /* faults are not recorded */
    bool notify;            /* posted, and *out is the notification */
} Request;

/* Extended interrupt mode: 32-bit destinations [VTD 11.4.10]. */
static bool x2apic(const Request *r)
{
    return r->irta & VTD_IRTA_EIME;
}

/* The handle, plus the subhandle in the data when SHV is set [VTD 5.1.3].
 * IRTA.S says how many entries there are [VTD 11.4.10]. */
static VtdReason find_index(Request *r, const ViommuMsi *in)
{
    uint32_t entries = 2u << viommu_get(r->irta, VTD_IRTA_S);
    uint32_t index = viommu_get(in->addr, VTD_MSI_HANDLE);

    if (in->addr & VTD_MSI_HANDLE_15) {
        index |= 1u << 15;
    }
    r->index = index;
    if (in->addr & VTD_MSI_SHV) {
        if (in->data >> 16) {
            return VTD_FR_IR_REQUEST_RESERVED;
        }
        r->index = index + in->data;
    }
    return r->index < entries ? VTD_FR_NONE : VTD_FR_IR_INDEX;
}

/* The entry, from the interrupt entry cache [VTD 6.4] or from memory. */
static VtdReason fetch(Request *r, bool fill)
{
    VtdUnit *u = r->u;
    uint64_t stamp = vtd_irte_stamp(u);
    ViommuCacheEntry e;

    if (viommu_cache_find(&u->irtes, r->index, 0, &e) && e.stamp == stamp) {
        r->irte[0] = e.value[0];
        r->irte[1] = e.value[1];
        return VTD_FR_NONE;
    }
    if (viommu_load64(&u->common, (r->irta & ~(VTD_PAGE_SIZE - 1)) +
                      r->index * UINT64_C(16), r->irte, 2)) {
        return VTD_FR_IR_ACCESS;
    }
    /* Without caching mode, only present entries are cached [VTD 6.1]. */
    if (fill && ((r->irte[0] & VTD_IRTE_P) || u->cfg.caching_mode)) {
        e = (ViommuCacheEntry) {
            .key = { r->index, 0 },
            .value = { r->irte[0], r->irte[1] },
            .stamp = stamp,
        };
        viommu_cache_fill(&u->irtes, &e, &r->seen);
    }
    return VTD_FR_NONE;
}

/* Whether the unit refuses what the specification forbids: a strict unit does,
 * others count a finding and go on. */
static bool refused(const Request *r, ViommuFinding finding)
{
    if (r->u->cfg.strict) {
        return true;
    }
    if (!r->probe) {
        viommu_found(&r->u->common, finding);
    }
    return false;
}

/* Reserved bits of the remapped format [VTD 9.9] and of the posted format
 * [VTD 9.10]. */
static bool reserved_set(const Request *r)
{
    uint64_t low, high, wide = 0;

    /* The unit does not validate the source of a lenient I/O APIC, so that
     * the type of validation does not matter. */
    if (viommu_get(r->irte[1], VTD_IRTE_SVT) == VTD_SVT_RSVD &&
        (!r->ioapic || refused(r, VIOMMU_FINDING_IOAPIC_SOURCE))) {
        return true;
    }
    if (r->irte[0] & VTD_IRTE_IM_POSTED) {
        low = VTD_IRTE_POSTED_RESERVED;
        high = VTD_IRTE_POSTED_HIGH_RESERVED;
        if (!r->u->cfg.posted_interrupts) {
            low |= VTD_IRTE_IM_POSTED;
        }
    } else {
        low = VTD_IRTE_RESERVED;
        high = VTD_IRTE_HIGH_RESERVED;
        if (!x2apic(r)) {
            wide = VTD_IRTE_DST_RESERVED;
        }
    }
    return (r->irte[0] & low) || (r->irte[1] & high) ||
           ((r->irte[0] & wide) &&
            refused(r, VIOMMU_FINDING_WIDE_DESTINATION));
}

/* Source-id validation: SVT, SQ, SID [VTD 9.9]. */
static bool source_ok(const Request *r)
{
    static const uint16_t ignored[4] = { 0, 4, 6, 7 };
    uint16_t sid = viommu_get(r->irte[1], VTD_IRTE_SID);
    uint16_t mask = ~ignored[viommu_get(r->irte[1], VTD_IRTE_SQ)];
    uint8_t bus = r->source >> 8;

    switch (viommu_get(r->irte[1], VTD_IRTE_SVT)) {
    case VTD_SVT_SID:
        return (r->source & mask) == (sid & mask);
    case VTD_SVT_BUS:
        return bus >= sid >> 8 && bus <= (sid & 0xff);
    default:
        return true;
    }
}

/* A message to the processor(s) with APIC ID @dest. */
static void compose(uint32_t dest, uint64_t flags, ViommuMsi *out)
{
    out->addr = viommu_put(VTD_INTR_BASE | flags, VTD_MSI_DEST, dest & 0xff);
    out->addr = viommu_put(out->addr, VTD_MSI_DEST_HIGH, dest >> 8);
}

/* The message that a remapped entry stands for [VTD 5.1.4] [VTD 9.9]. */
static void remap(const Request *r, ViommuMsi *out)
{
    uint64_t low = r->irte[0];
    uint32_t dest = viommu_get(low, x2apic(r) ? VTD_IRTE_DST
                                              : VTD_IRTE_DST_XAPIC);

    compose(dest, ((low & VTD_IRTE_DM) ? VTD_MSI_DM : 0) |
                  ((low & VTD_IRTE_RH) ? VTD_MSI_RH : 0), out);
    out->data = VTD_MSI_DATA_ASSERT |
                ((low & VTD_IRTE_TM) ? VTD_MSI_DATA_LEVEL : 0);
    out->data = viommu_put(out->data, VTD_MSI_DATA_VECTOR,
                           viommu_get(low, VTD_IRTE_V));
    out->data = viommu_put(out->data, VTD_MSI_DATA_DLM,
                           viommu_get(low, VTD_IRTE_DLM));
}

/*
 * Whether a notification goes out: ON is clear, and SN is clear or the entry
 * is urgent [VTD 5.2.3].  Sets ON if so.  Processors change the same word at
 * the same time; a notification too many is allowed, a lost one is not.
 */
static VtdReason claim_notification(Request *r, uint64_t at,
                                    uint64_t *control)
{
    Viommu *mem = &r->u->common;
    bool urgent = r->irte[0] & VTD_IRTE_URG;

    for (unsigned i = 0; i < POST_RETRIES; i++) {
        int ret;

        if ((*control & VTD_PID_ON) || ((*control & VTD_PID_SN) && !urgent)) {
            return VTD_FR_NONE;
        }
        ret = viommu_cas64(mem, at, control, *control | VTD_PID_ON);
        if (ret != -EAGAIN) {
            r->notify = !ret;
            return ret ? VTD_FR_IR_PID_ACCESS : VTD_FR_NONE;
        }
    }
    if (viommu_or64(mem, at, VTD_PID_ON, control)) {
        return VTD_FR_IR_PID_ACCESS;
    }
    r->notify = !(*control & VTD_PID_ON);
    return VTD_FR_NONE;
}

/*
 * Posting [VTD 5.2.3], into the descriptor [VTD 9.11].  The unit sets the
 * request bit first and reads ON and SN after that, because a processor that
 * has just cleared ON reads the request bits after it.  Both are atomic
 * operations (the second sets no bit), which keep that order.
 */
static VtdReason post(Request *r, ViommuMsi *out)
{
    Viommu *mem = &r->u->common;
    uint64_t pid = viommu_get(r->irte[0], VTD_IRTE_PDA_LOW) << 6 |
                   viommu_get(r->irte[1], VTD_IRTE_PDA_HIGH) << 32;
    unsigned vector = viommu_get(r->irte[0], VTD_IRTE_V);
    uint64_t word[VTD_PID_SIZE / 8], control, before;
    VtdReason reason;

    if (viommu_load64(mem, pid, word, VTD_PID_SIZE / 8)) {
        return VTD_FR_IR_PID_ACCESS;
    }
    if ((word[4] & VTD_PID_RESERVED) || word[5] || word[6] || word[7]) {
        return VTD_FR_IR_PID_RESERVED;
    }
    if (viommu_or64(mem, pid + vector / 64 * 8,
                    UINT64_C(1) << vector % 64, &before) ||
        viommu_or64(mem, pid + VTD_PID_CONTROL_OFFSET, 0, &control)) {
        return VTD_FR_IR_PID_ACCESS;
    }
    reason = claim_notification(r, pid + VTD_PID_CONTROL_OFFSET, &control);
    if (r->notify) {
        compose(viommu_get(control, x2apic(r) ? VTD_PID_NDST
                                              : VTD_PID_NDST_XAPIC), 0, out);
        out->data = VTD_MSI_DATA_ASSERT | viommu_get(control, VTD_PID_NV);
    }
    return reason;
}

/*
 * The order of checks is the order in which faults win [VTD 5.1.4]: the
 * request, the index, the entry's presence, its reserved bits, the source.
 * FPD counts in an entry that is not present, too [VTD 9.9].
 */
static VtdReason resolve(Request *r, const ViommuMsi *in, ViommuMsi *out)
{
    VtdReason reason = find_index(r, in);

    if (!reason) {
        reason = fetch(r, !r->probe);
    }
    if (reason) {
        return reason;
    }
    r->fpd = r->irte[0] & VTD_IRTE_FPD;
    if (!(r->irte[0] & VTD_IRTE_P)) {
        return VTD_FR_IR_NOT_PRESENT;
    }
    if (reserved_set(r)) {
        return VTD_FR_IR_RESERVED;
    }
    if (!source_ok(r) &&
        (!r->ioapic || refused(r, VIOMMU_FINDING_IOAPIC_SOURCE))) {
        return VTD_FR_IR_SOURCE;
    }
    if (!(r->irte[0] & VTD_IRTE_IM_POSTED)) {
        remap(r, out);
        return VTD_FR_NONE;
    }
    return r->probe ? VTD_FR_NONE : post(r, out);
}

/*
 * Remapping on or off, the format of the message, then its entry [VTD 5.1.4].
 * All of it is in one read-side section, for which GSTS waits when software
 * switches these registers [VTD 11.4.4.2].
 */
static VtdReason arrive(Request *r, const ViommuMsi *in, ViommuMsi *out)
{
    uint64_t enabled = viommu_acquire(&r->u->enabled);

    r->seen = viommu_cache_look(&r->u->irtes);
    r->irta = viommu_latched(&r->u->irta, &r->seen);
    r->remapped = enabled & VTD_GCMD_IRE;
    if (r->remapped && !(in->addr & VTD_MSI_REMAPPABLE)) {
        /* Compatibility format: with CFI only, and never in x2APIC mode
         * [VTD 5.1.4]. */
        if (!(enabled & VTD_GCMD_CFI) || x2apic(r)) {
            return VTD_FR_IR_COMPAT_BLOCKED;
        }
        r->remapped = false;
    }
    return r->remapped ? resolve(r, in, out) : VTD_FR_NONE;
}

/* The fault record has the index in bits 63:48 [VTD 11.4.7.6]. */
static ViommuMsiResult blocked(const Request *r, VtdReason reason)
{
    VtdUnit *u = r->u;
    VtdFault fault = {
        .reason = reason, .source = r->source, .pasid = VIOMMU_NO_PASID,
        .write = true,
        .info = viommu_put(0, VTD_FRCD_INDEX, r->index),
    };

    if (!r->probe) {
        viommu_count(&u->common.stats.interrupts_blocked);
        viommu_count(&u->common.stats.faults);
        if (!r->fpd) {
            vtd_fault_report(u, &fault);
        }
    }
    return VIOMMU_MSI_BLOCKED;
}

/* The fault is recorded behind the section.  A posted message is delivered only
 * when it brings a notification [VTD 5.2.3]. */
ViommuMsiResult vtd_remap_msi(Viommu *unit, uint32_t source, bool ioapic,
                              const ViommuMsi *in, bool probe,
                              ViommuMsi *out)
{
    VtdUnit *u = vtd_unit(unit);
    Request r = {
        .u = u, .source = source, .ioapic = ioapic, .probe = probe,
    };
    VtdReason reason;

    viommu_read_lock();
    reason = arrive(&r, in, out);
    viommu_read_unlock();
    if (reason) {
        return blocked(&r, reason);
    }
    if (!r.remapped) {
        *out = *in;
        return VIOMMU_MSI_DELIVER;
    }
    if (!(r.irte[0] & VTD_IRTE_IM_POSTED)) {
        viommu_count(&unit->stats.interrupts_remapped);
        return VIOMMU_MSI_DELIVER;
    }
    viommu_count(&unit->stats.interrupts_posted);
    if (r.notify) {
        /* The notification is an ordinary message to a processor. */
        return VIOMMU_MSI_DELIVER;
    }
    return VIOMMU_MSI_POSTED;
}
