/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Primary fault logging [VTD 7.2.1] and event interrupts [VTD 7.3].
 *
 * The unit writes a fault to the next fault recording register.  If that
 * register still holds an older fault, the new one is lost and the unit sets
 * FSTS.PFO.  While PFO is set, all faults are lost.  A fault that equals a
 * recorded one is not recorded a second time.
 */
#include "hw/iommu/vtd/faults.h"

#include "hw/iommu/common/embedder.h"
#include "hw/iommu/common/work.h"

const VtdEvent vtd_event_fault = {
    VTD_REG_FECTL, VTD_REG_FEDATA, VTD_REG_FEADDR, VTD_REG_FEUADDR
};
const VtdEvent vtd_event_invalidation = {
    VTD_REG_IECTL, VTD_REG_IEDATA, VTD_REG_IEADDR, VTD_REG_IEUADDR
};
const VtdEvent vtd_event_page_request = {
    VTD_REG_PECTL, VTD_REG_PEDATA, VTD_REG_PEADDR, VTD_REG_PEUADDR
};

/* The conditions of the fault event [VTD 7.3]. */
#define FSTS_CONDITIONS \
    (VTD_FSTS_PFO | VTD_FSTS_PPF | VTD_FSTS_IQE | VTD_FSTS_ICE | VTD_FSTS_ITE)

/* x2APIC destinations have bits 31:8 in the upper address register
 * [VTD 5.1.6]. */
static void event_send(VtdUnit *u, const VtdEvent *event)
{
    ViommuMsi msi = {
        .addr = *vtd_reg(u, event->addr) | *vtd_reg(u, event->uaddr) << 32,
        .data = *vtd_reg(u, event->data),
    };

    *vtd_reg(u, event->ctl) &= ~VTD_EVENT_IP;
    viommu_unit_post_msi(&u->common, &msi);
}

/* A masked event stays pending (IP) until software unmasks it
 * [VTD 11.4.7.2]. */
void vtd_event_raise(VtdUnit *u, const VtdEvent *event)
{
    uint64_t *ctl = vtd_reg(u, event->ctl);

    *ctl |= VTD_EVENT_IP;
    if (!(*ctl & VTD_EVENT_IM)) {
        event_send(u, event);
    }
}

/* IM clear and IP set: the event is sent now [VTD 11.4.7.2]. */
void vtd_event_unmask(VtdUnit *u, const VtdEvent *event)
{
    uint64_t ctl = *vtd_reg(u, event->ctl);

    if ((ctl & VTD_EVENT_IP) && !(ctl & VTD_EVENT_IM)) {
        event_send(u, event);
    }
}

/* While one condition is set, further ones raise no event: software looks at
 * all of them [VTD 7.3]. */
void vtd_fsts_set(VtdUnit *u, uint64_t bits)
{
    uint64_t *fsts = vtd_reg(u, VTD_REG_FSTS);
    bool quiet = !(*fsts & FSTS_CONDITIONS);

    *fsts |= bits;
    if (quiet) {
        vtd_event_raise(u, &vtd_event_fault);
    }
}

static uint64_t *record(VtdUnit *u, unsigned index)
{
    return &u->common.regs.values[u->frcd + 2 * (size_t)index];
}

/* PPF is the OR of all F bits [VTD 11.4.7.1].  Software that clears all
 * conditions takes a pending event back [VTD 11.4.7.2]. */
void vtd_fsts_update(VtdUnit *u)
{
    uint64_t *fsts = vtd_reg(u, VTD_REG_FSTS);
    bool pending = false;

    for (unsigned i = 0; i < u->cfg.fault_records; i++) {
        pending |= (record(u, i)[1] & VTD_FRCD_F) != 0;
    }
    if (!pending) {
        *fsts &= ~VTD_FSTS_PPF;
    }
    if (!(*fsts & FSTS_CONDITIONS)) {
        *vtd_reg(u, VTD_REG_FECTL) &= ~VTD_EVENT_IP;
    }
}

/* The high word of a fault recording register [VTD 11.4.7.6]. */
static uint64_t encode(const VtdFault *f)
{
    uint64_t word = VTD_FRCD_F;

    word = viommu_put(word, VTD_FRCD_FR, f->reason);
    word = viommu_put(word, VTD_FRCD_SID, f->source);
    word = viommu_put(word, VTD_FRCD_AT, f->at);
    if (f->page_request) {
        word |= VTD_FRCD_T2_PAGE;
    } else if (!f->write) {
        word |= VTD_FRCD_T1_READ;
    }
    if (f->pasid != VIOMMU_NO_PASID) {
        word = viommu_put(word, VTD_FRCD_PV, f->pasid) | VTD_FRCD_PP;
        word |= (f->execute ? VTD_FRCD_EXE : 0) |
                (f->privileged ? VTD_FRCD_PRIV : 0);
    }
    return word;
}

/* Whether a record holds the same fault, which software has not cleared
 * [VTD 7.2.1]. */
static bool repeats(VtdUnit *u, uint64_t info, uint64_t word)
{
    for (unsigned i = 0; i < u->cfg.fault_records; i++) {
        if (record(u, i)[0] == info && record(u, i)[1] == word) {
            return true;
        }
    }
    return false;
}

/* Primary fault logging [VTD 7.2.1]. */
void vtd_fault_report(VtdUnit *u, const VtdFault *fault)
{
    uint64_t word = encode(fault);
    uint64_t *fsts = vtd_reg(u, VTD_REG_FSTS);
    uint64_t *slot;

    viommu_unit_lock(&u->common);
    slot = record(u, u->next_frcd);
    if ((*fsts & VTD_FSTS_PFO) || repeats(u, fault->info, word)) {
        viommu_count(&u->common.stats.faults_lost);
    } else if (slot[1] & VTD_FRCD_F) {
        viommu_count(&u->common.stats.faults_lost);
        vtd_fsts_set(u, VTD_FSTS_PFO);
    } else {
        viommu_count(&u->common.stats.faults_recorded);
        slot[0] = fault->info;
        slot[1] = word;
        if (!(*fsts & VTD_FSTS_PPF)) {
            *fsts = viommu_put(*fsts, VTD_FSTS_FRI, u->next_frcd);
        }
        vtd_fsts_set(u, VTD_FSTS_PPF);
        u->next_frcd = (u->next_frcd + 1) % u->cfg.fault_records;
    }
    viommu_unit_unlock(&u->common);
}

/* The queue sets FSTS.ITE at the next wait, for the first such source
 * [VTD 6.5.2.10]. */
void vtd_source_silent(VtdUnit *u, uint16_t source)
{
    viommu_unit_lock(&u->common);
    if (viommu_work_wanted(&u->common) && !u->timed_out) {
        viommu_publish(&u->timed_out, 1 + (uint64_t)source);
    }
    viommu_unit_unlock(&u->common);
}

/* PV, EXE and PRIV need PP; T1 and T2 together would be an atomic operation,
 * which no request of ours is [VTD 11.4.7.6]. */
bool vtd_fault_record_valid(const uint64_t word[2])
{
    const uint64_t of_pasid = viommu_field_mask(VTD_FRCD_PV) | VTD_FRCD_EXE |
                              VTD_FRCD_PRIV;

    return viommu_get(word[1], VTD_FRCD_AT) <= VIOMMU_TRANSLATED &&
           ((word[1] & VTD_FRCD_PP) || !(word[1] & of_pasid)) &&
           !((word[1] & VTD_FRCD_T1_READ) && (word[1] & VTD_FRCD_T2_PAGE));
}

/* An event is pending only while it is masked and its condition is set
 * [VTD 11.4.7.2]. */
static void derive_event(VtdUnit *u, const VtdEvent *event, bool reason)
{
    uint64_t *ctl = vtd_reg(u, event->ctl);

    if (!reason || !(*ctl & VTD_EVENT_IM)) {
        *ctl &= ~VTD_EVENT_IP;
    }
}

void vtd_faults_derive(VtdUnit *u)
{
    uint64_t *fsts = vtd_reg(u, VTD_REG_FSTS);

    *fsts |= VTD_FSTS_PPF;
    vtd_fsts_update(u);
    if (!(*fsts & VTD_FSTS_PPF)) {
        *fsts = viommu_put(*fsts, VTD_FSTS_FRI, 0);
    }
    derive_event(u, &vtd_event_fault, *fsts & FSTS_CONDITIONS);
    derive_event(u, &vtd_event_invalidation,
                 *vtd_reg(u, VTD_REG_ICS) & VTD_ICS_IWC);
    derive_event(u, &vtd_event_page_request,
                 *vtd_reg(u, VTD_REG_PRS) & (VTD_PRS_PPR | VTD_PRS_PRO));
}
