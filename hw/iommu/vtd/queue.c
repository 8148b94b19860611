/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands: the invalidation queue [VTD 6.5.2], and the register interface to
 * the same invalidations [VTD 6.5.1].  One thread at a time works
 * (common/work.c).
 */
#include "hw/iommu/vtd/queue.h"

#include "hw/iommu/common/embedder.h"
#include "hw/iommu/common/queue.h"
#include "hw/iommu/vtd/faults.h"
#include "hw/iommu/vtd/forward.h"
#include "hw/iommu/vtd/invalidation.h"
#include "hw/iommu/vtd/registers.h"
#include "hw/iommu/vtd/virtual_command.h"

/* --- Register interface; called locked, return locked -------------------- */

/* The end of @command, which *@undrained notes while the unit waits: the
 * invalidation is not done again then. */
static ViommuCommandState finish(VtdUnit *u, uint64_t *undrained,
                                 uint64_t command)
{
    ViommuCommandState state = viommu_work_finish(&u->common,
                                                  vtd_host_switch_settle);

    if (state != VIOMMU_COMMAND_IDLE) {
        *undrained = state == VIOMMU_COMMAND_DRAINING ? command : 0;
    }
    return state;
}

/* CCMD [VTD 6.5.1.1].  CAIG says what was done: what was asked for, or 0 for a
 * reserved granularity [VTD 11.4.6.1]. */
static ViommuCommandState run_ccmd(VtdUnit *u)
{
    ViommuCommandState state = VIOMMU_COMMAND_DONE;
    uint64_t *reg = vtd_reg(u, VTD_REG_CCMD);
    uint64_t ccmd = *reg;
    unsigned gran = viommu_get(ccmd, VTD_CCMD_CIRG);

    if (gran != VTD_GRAN_RESERVED) {
        bool again = u->ccmd_undrained == ccmd;

        viommu_unit_unlock(&u->common);
        if (!again) {
            vtd_invalidate_context(u, gran, viommu_get(ccmd, VTD_CCMD_DID),
                                   viommu_get(ccmd, VTD_CCMD_SID),
                                   viommu_get(ccmd, VTD_CCMD_FM));
            u->common.work.undrained = true;
        }
        state = finish(u, &u->ccmd_undrained, ccmd);
    }
    if (state == VIOMMU_COMMAND_DONE) {
        *reg = viommu_put(*reg & ~VTD_CCMD_ICC, VTD_CCMD_CAIG, gran);
    }
    return state;
}

/* IOTLB and IVA [VTD 6.5.1.2].  IAIG says what was done, as CAIG does
 * [VTD 11.4.6.3]. */
static ViommuCommandState run_iotlb(VtdUnit *u)
{
    ViommuCommandState state = VIOMMU_COMMAND_DONE;
    uint64_t *reg = vtd_reg(u, VTD_REG_IOTLB);
    uint64_t iotlb = *reg, iva = *vtd_reg(u, VTD_REG_IVA);
    unsigned gran = viommu_get(iotlb, VTD_IOTLB_IIRG);
    unsigned am = viommu_get(iva, VTD_IVA_AM);

    if (gran == VTD_GRAN_PAGES && am > VTD_MAMV) {
        gran = VTD_GRAN_RESERVED;
    }
    if (gran != VTD_GRAN_RESERVED) {
        bool again = u->iotlb_undrained == iotlb;

        viommu_unit_unlock(&u->common);
        if (!again) {
            vtd_invalidate_iotlb(u, gran, viommu_get(iotlb, VTD_IOTLB_DID),
                                 iva & ~(VTD_PAGE_SIZE - 1), am,
                                 iva & VTD_IVA_IH);
            u->common.work.undrained = true;
        }
        state = finish(u, &u->iotlb_undrained, iotlb);
    }
    if (state == VIOMMU_COMMAND_DONE) {
        *reg = viommu_put(*reg & ~VTD_IOTLB_IVT, VTD_IOTLB_IAIG, gran);
    }
    return state;
}

/* --- Descriptors; called unlocked ---------------------------------------- */

/* Context cache [VTD 6.5.2.1]. */
static VtdQueueError do_context(VtdUnit *u, const uint64_t d[4])
{
    unsigned gran = viommu_get(d[0], VTD_DESC_G);

    if (gran == VTD_GRAN_RESERVED ||
        (d[0] & VTD_DESC_CONTEXT_RESERVED) || d[1]) {
        return VTD_IQEI_RESERVED;
    }
    vtd_invalidate_context(u, gran, viommu_get(d[0], VTD_DESC_DID),
                           viommu_get(d[0], VTD_DESC_SID),
                           viommu_get(d[0], VTD_DESC_FM));
    u->common.work.undrained = true;
    return VTD_IQEI_NONE;
}

/* IOTLB [VTD 6.5.2.3]. */
static VtdQueueError do_iotlb(VtdUnit *u, const uint64_t d[4])
{
    unsigned gran = viommu_get(d[0], VTD_DESC_G);
    unsigned am = viommu_get(d[1], VTD_DESC_AM);

    if (gran == VTD_GRAN_RESERVED || (d[0] & VTD_DESC_IOTLB_RESERVED) ||
        (d[1] & VTD_DESC_IOTLB_HIGH_RESERVED)) {
        return VTD_IQEI_RESERVED;
    }
    if (gran == VTD_GRAN_PAGES && am > VTD_MAMV) {
        return VTD_IQEI_RESERVED;
    }
    vtd_invalidate_iotlb(u, gran, viommu_get(d[0], VTD_DESC_DID),
                         d[1] & ~(VTD_PAGE_SIZE - 1), am,
                         d[1] & VTD_DESC_IH);
    u->common.work.undrained = true;
    return VTD_IQEI_NONE;
}


/* An ATS invalidation request [PCIe 10.3].  With @sized, the lowest zero bit of
 * the page number tells the size [VTD 6.5.2.5]. */
static void send_devtlb(VtdUnit *u, uint16_t source, uint32_t pasid,
                        bool global, uint64_t addr, bool sized)
{
    ViommuInvalidation inv = {
        .what = VIOMMU_INV_DEVTLB, .source = source, .domain = VIOMMU_ANY,
        .pasid = pasid, .global = global,
        .addr = addr & ~(VTD_PAGE_SIZE - 1), .size = VTD_PAGE_SIZE,
    };

    if (sized) {
        uint64_t pages = inv.addr >> VTD_PAGE_SHIFT;

        inv.size = (pages ^ (pages + 1)) + 1;
        inv.size = inv.size << VTD_PAGE_SHIFT;  /* all ones give 0: 2^64 */
        inv.addr &= ~(inv.size - 1);
    }
    if (!vtd_host_note_devtlb(u, &inv) &&
        !viommu_unit_invalidate(&u->common, &inv)) {
        vtd_source_silent(u, source);
    }
    u->common.work.undrained = true;
}

/* Device-TLB [VTD 6.5.2.5]. */
static VtdQueueError do_devtlb(VtdUnit *u, const uint64_t d[4])
{
    if (!u->cfg.device_iotlb) {
        return VTD_IQEI_TYPE;
    }
    if ((d[0] & VTD_DESC_DEVTLB_RESERVED) ||
        (d[1] & VTD_DESC_DEVTLB_HIGH_RESERVED)) {
        return VTD_IQEI_RESERVED;
    }
    send_devtlb(u, viommu_get(d[0], VTD_DESC_SID), VIOMMU_NO_PASID, false,
                d[1], d[1] & VTD_DESC_S);
    return VTD_IQEI_NONE;
}

/* PASID-based device-TLB [VTD 6.5.2.6]. */
static VtdQueueError do_pdevtlb(VtdUnit *u, const uint64_t d[4])
{
    if (!u->cfg.device_iotlb || !u->cfg.pasid_bits) {
        return VTD_IQEI_TYPE;
    }
    if ((d[0] & VTD_DESC_PDEVTLB_RESERVED) ||
        (d[1] & VTD_DESC_PDEVTLB_HIGH_RESERVED)) {
        return VTD_IQEI_RESERVED;
    }
    send_devtlb(u, viommu_get(d[0], VTD_DESC_PDEVTLB_SID),
                d[1] & VTD_DESC_PDEVTLB_G
                ? VIOMMU_NO_PASID : viommu_get(d[0], VTD_DESC_PASID_FIELD),
                d[1] & VTD_DESC_PDEVTLB_G, d[1], d[1] & VTD_DESC_PDEVTLB_S);
    return VTD_IQEI_NONE;
}

/* Interrupt entry cache [VTD 6.5.2.7]. */
static VtdQueueError do_iec(VtdUnit *u, const uint64_t d[4])
{
    if (!u->cfg.interrupt_remapping) {
        return VTD_IQEI_TYPE;
    }
    if ((d[0] & VTD_DESC_IEC_RESERVED) || d[1]) {
        return VTD_IQEI_RESERVED;
    }
    if ((d[0] & VTD_DESC_IEC_INDEXED) &&
        viommu_get(d[0], VTD_DESC_IM) > VTD_MHMV) {
        return VTD_IQEI_RESERVED;
    }
    vtd_invalidate_irtes(u, d[0] & VTD_DESC_IEC_INDEXED,
                         viommu_get(d[0], VTD_DESC_IIDX),
                         viommu_get(d[0], VTD_DESC_IM));
    u->common.work.undrained = true;
    return VTD_IQEI_NONE;
}

/* PASID cache [VTD 6.5.2.2]. */
static VtdQueueError do_pasid(VtdUnit *u, const uint64_t d[4])
{
    unsigned gran = viommu_get(d[0], VTD_DESC_G);

    if (!u->cfg.scalable_mode) {
        return VTD_IQEI_TYPE;
    }
    if ((d[0] & VTD_DESC_PASID_RESERVED) || d[1] ||
        (gran != VTD_PASID_GRAN_DOMAIN && gran != VTD_PASID_GRAN_PASID &&
         gran != VTD_PASID_GRAN_GLOBAL)) {
        return VTD_IQEI_RESERVED;
    }
    vtd_invalidate_pasid_cache(u, gran,
                               viommu_get(d[0], VTD_DESC_PASID_FIELD));
    u->common.work.undrained = true;
    return VTD_IQEI_NONE;
}

/* PASID-based IOTLB [VTD 6.5.2.4]. */
static VtdQueueError do_piotlb(VtdUnit *u, const uint64_t d[4])
{
    unsigned gran = viommu_get(d[0], VTD_DESC_G);
    bool paged = gran == VTD_GRAN_PAGES;

    if (!u->cfg.scalable_mode) {
        return VTD_IQEI_TYPE;
    }
    if ((d[0] & VTD_DESC_PIOTLB_RESERVED) ||
        (d[1] & VTD_DESC_PIOTLB_HIGH_RESERVED) ||
        (gran != VTD_GRAN_DOMAIN && !paged)) {
        return VTD_IQEI_RESERVED;
    }
    vtd_invalidate_piotlb(u, viommu_get(d[0], VTD_DESC_DID),
                          viommu_get(d[0], VTD_DESC_PASID_FIELD), paged,
                          d[1] & ~(VTD_PAGE_SIZE - 1),
                          viommu_get(d[1], VTD_DESC_AM),
                          d[1] & VTD_DESC_IH);
    u->common.work.undrained = true;
    return VTD_IQEI_NONE;
}

/*
 * Page group response [VTD 7.6.1].  The unit does not check that there was a
 * request: the endpoint knows what it waits for [PCIe 10.4.2].
 */
static VtdQueueError do_page_response(VtdUnit *u, const uint64_t d[4])
{
    ViommuPageResponse response = {
        .source = viommu_get(d[0], VTD_DESC_PRESP_SID),
        .pasid = d[0] & VTD_DESC_PRESP_PP
                 ? viommu_get(d[0], VTD_DESC_PASID_FIELD) : VIOMMU_NO_PASID,
        .group = viommu_get(d[1], VTD_DESC_PRESP_GROUP),
        .code = viommu_get(d[0], VTD_DESC_PRESP_CODE),
        .has_private_data = d[0] & VTD_DESC_PRESP_PDP,
        .private_data = { d[2], d[3] },
    };

    if (!u->cfg.page_requests) {
        return VTD_IQEI_TYPE;
    }
    if ((d[0] & VTD_DESC_PRESP_RESERVED) ||
        (d[1] & VTD_DESC_PRESP_HIGH_RESERVED) ||
        (!response.has_private_data && (d[2] || d[3]))) {
        return VTD_IQEI_RESERVED;
    }
    viommu_unit_page_response(&u->common, &response);
    return VTD_IQEI_NONE;
}

/* Whether the descriptor is still wanted, after a wait: no reset or load has
 * come in between. */
static bool is_wanted(VtdUnit *u)
{
    bool wanted;

    viommu_unit_lock(&u->common);
    wanted = viommu_work_wanted(&u->common);
    viommu_unit_unlock(&u->common);
    return wanted;
}

/*
 * Invalidation wait [VTD 6.5.2.8].  Descriptors are carried out in order, so
 * that a fence (FN) is always kept.
 */
static VtdQueueError do_wait(VtdUnit *u, const uint64_t d[4])
{
    if ((d[0] & VTD_DESC_WAIT_RESERVED) ||
        (d[1] & VTD_DESC_WAIT_HIGH_RESERVED) ||
        ((d[0] & VTD_DESC_PD) && !u->cfg.page_requests)) {
        return VTD_IQEI_RESERVED;
    }
    if (d[0] & VTD_DESC_PD) {
        /*
         * Page-request drain [VTD 7.10].  A page request goes into its queue as
         * it arrives.  One that is on its way is in a section, which the drain
         * waits for.
         */
        u->common.work.undrained = true;
    }
    return VTD_IQEI_NONE;
}

/* The status write of a wait descriptor.  It is a posted one, so that the guest
 * does not hear of its failure. */
static int waited(Viommu *unit, const ViommuCommand *command)
{
    const uint64_t *d = command->word;

    if ((d[0] & VTD_DESC_SW) && is_wanted(vtd_unit(unit))) {
        viommu_read_lock();
        if (viommu_store32(unit, d[1], viommu_get(d[0], VTD_DESC_STATUS))) {
            viommu_count(&unit->stats.command_errors);
        }
        viommu_read_unlock();
    }
    return 0;
}

/* Interrupt of a wait descriptor, after its status write [VTD 6.5.2.9].
 * Locked. */
static void completion_event(VtdUnit *u)
{
    uint64_t *ics = vtd_reg(u, VTD_REG_ICS);

    if (!(*ics & VTD_ICS_IWC)) {
        *ics |= VTD_ICS_IWC;
        vtd_event_raise(u, &vtd_event_invalidation);
    }
}

static unsigned descriptor_type(const uint64_t d[4])
{
    return viommu_get(d[0], VTD_DESC_TYPE_LOW) |
           viommu_get(d[0], VTD_DESC_TYPE_HIGH) << 4;
}

static bool waits(const ViommuCommand *command)
{
    return descriptor_type(command->word) == VTD_DESC_WAIT;
}

/* PASID-based descriptors and page group responses are of the other table
 * modes [VTD 6.5.2]; only the latter use the upper 128 bits. */
static VtdQueueError do_descriptor(VtdUnit *u, const uint64_t d[4])
{
    if ((d[2] || d[3]) && descriptor_type(d) != VTD_DESC_PAGE_RESPONSE) {
        return VTD_IQEI_RESERVED;
    }
    if (descriptor_type(d) >= VTD_DESC_PIOTLB &&
        vtd_table_mode(u) == VTD_TTM_LEGACY) {
        return VTD_IQEI_TYPE;
    }
    switch (descriptor_type(d)) {
    case VTD_DESC_CONTEXT:
        return do_context(u, d);
    case VTD_DESC_IOTLB:
        return do_iotlb(u, d);
    case VTD_DESC_DEVTLB:
        return do_devtlb(u, d);
    case VTD_DESC_IEC:
        return do_iec(u, d);
    case VTD_DESC_WAIT:
        return do_wait(u, d);
    case VTD_DESC_PIOTLB:
        return do_piotlb(u, d);
    case VTD_DESC_PASID:
        return do_pasid(u, d);
    case VTD_DESC_PDEVTLB:
        return do_pdevtlb(u, d);
    case VTD_DESC_PAGE_RESPONSE:
        return do_page_response(u, d);
    default:
        return VTD_IQEI_TYPE;
    }
}

/* Of a wait descriptor behind a request that a device-TLB has not answered. */
enum { TIMED_OUT = -1 };

/*
 * A unit sends requests to device-TLBs and goes on.  It notices a time-out at
 * the wait descriptor, which it drops, and fetches no more until software
 * clears ITE [VTD 6.5.2.10].
 */
static int execute(Viommu *unit, const ViommuCommand *command)
{
    VtdUnit *u = vtd_unit(unit);

    return waits(command) && viommu_acquire(&u->timed_out)
           ? TIMED_OUT : (int)do_descriptor(u, command->word);
}

static void set_head(VtdUnit *u, const ViommuCommand *command)
{
    *vtd_reg(u, VTD_REG_IQH) = viommu_put(0, VTD_IQ_INDEX, command->next);
}

static void consume(Viommu *unit, const ViommuCommand *command)
{
    VtdUnit *u = vtd_unit(unit);

    set_head(u, command);
    if (waits(command) && (command->word[0] & VTD_DESC_IF)) {
        completion_event(u);
    }
}

/* The queue stops at the descriptor that IQH points to [VTD 6.5.2.10]. */
static void queue_error(VtdUnit *u, VtdQueueError error)
{
    uint64_t *iqercd = vtd_reg(u, VTD_REG_IQERCD);

    viommu_count(&u->common.stats.command_errors);
    *iqercd = viommu_put(*iqercd, VTD_IQERCD_IQEI, error);
    vtd_fsts_set(u, VTD_FSTS_IQE);
}

static void timeout_error(VtdUnit *u)
{
    uint64_t *iqercd = vtd_reg(u, VTD_REG_IQERCD);

    viommu_count(&u->common.stats.command_errors);
    *iqercd = viommu_put(*iqercd, VTD_IQERCD_ITESID, u->timed_out - 1);
    viommu_publish(&u->timed_out, 0);
    vtd_fsts_set(u, VTD_FSTS_ITE);
}

static void stop(Viommu *unit, const ViommuCommand *command, int error)
{
    VtdUnit *u = vtd_unit(unit);

    if (error == TIMED_OUT) {
        viommu_count(&unit->stats.commands);
        set_head(u, command);
        timeout_error(u);
    } else {
        queue_error(u, (VtdQueueError)error);
    }
}

/* A completion that no request waits for: FSTS.ICE [VTD 11.4.7.1]. */
void vtd_unexpected_completion(Viommu *unit, uint32_t source)
{
    VtdUnit *u = vtd_unit(unit);
    uint64_t *iqercd = vtd_reg(u, VTD_REG_IQERCD);

    viommu_unit_lock(unit);
    *iqercd = viommu_put(*iqercd, VTD_IQERCD_ICESID, source);
    vtd_fsts_set(u, VTD_FSTS_ICE);
    viommu_unit_unlock(unit);
}

/* Errors of the queue's set-up, which all descriptors would meet
 * [VTD 11.4.9.9]. */
static VtdQueueError queue_setup(const VtdUnit *u, uint64_t iqa,
                                 uint64_t head, uint64_t tail)
{
    /* Head and tail count in units of 16 bytes, whatever the width. */
    uint64_t end = UINT64_C(1) << (viommu_get(iqa, VTD_IQA_QS) +
                                   VTD_IQ_ENTRIES_SHIFT);
    bool wide = iqa & VTD_IQA_DW;

    if (vtd_table_mode(u) == VTD_TTM_RESERVED) {
        return VTD_IQEI_TABLE_MODE;
    }
    if (vtd_table_mode(u) == VTD_TTM_SCALABLE && !wide) {
        return VTD_IQEI_WIDTH;
    }
    if (tail >= end || head >= end) {
        return VTD_IQEI_TAIL;
    }
    return wide && (tail | head) % 2 ? VTD_IQEI_MISALIGNED : VTD_IQEI_NONE;
}

/* The next descriptor [VTD 6.5.2]. */
static bool next(Viommu *unit, ViommuCommand *command)
{
    VtdUnit *u = vtd_unit(unit);
    uint64_t iqa = *vtd_reg(u, VTD_REG_IQA);
    unsigned units = iqa & VTD_IQA_DW ? 2 : 1;
    uint64_t end = UINT64_C(1) << (viommu_get(iqa, VTD_IQA_QS) +
                                   VTD_IQ_ENTRIES_SHIFT);
    uint64_t head = viommu_get(*vtd_reg(u, VTD_REG_IQH), VTD_IQ_INDEX);
    uint64_t tail = viommu_get(*vtd_reg(u, VTD_REG_IQT), VTD_IQ_INDEX);
    VtdQueueError error = queue_setup(u, iqa, head, tail);

    if (!(*vtd_reg(u, VTD_REG_GCMD) & *vtd_reg(u, VTD_REG_GSTS) &
          VTD_GCMD_QIE) ||
        (*vtd_reg(u, VTD_REG_FSTS) & (VTD_FSTS_IQE | VTD_FSTS_ITE)) ||
        head == tail) {
        return false;
    }
    if (error) {
        queue_error(u, error);
        return false;
    }
    command->at = (iqa & ~(VTD_PAGE_SIZE - 1)) + head * 16;
    command->words = 2 * units;
    command->next = (head + units) % end;
    return true;
}

static const ViommuCommandQueue queue = {
    .next = next,
    .waits = waits,
    .settle = vtd_host_switch_settle,
    .execute = execute,
    .waited = waited,
    .consume = consume,
    .stop = stop,
    .unreadable = VTD_IQEI_FETCH,
};

static void step(Viommu *unit, unsigned todo)
{
    ViommuCommandState state = VIOMMU_COMMAND_IDLE;
    VtdUnit *u = vtd_unit(unit);

    switch (todo) {
    case VTD_WORK_SWITCH:
        state = viommu_work_switched(unit);
        if (state == VIOMMU_COMMAND_DONE) {
            vtd_switched(u);
        }
        break;
    case VTD_WORK_CCMD:
        state = run_ccmd(u);
        break;
    case VTD_WORK_IOTLB:
        state = run_iotlb(u);
        break;
    case VTD_WORK_QUEUE:
        state = viommu_queue_step(unit, &queue);
        break;
    case VTD_WORK_HOST:
        viommu_unit_unlock(unit);
        vtd_host_settle(u);
        viommu_unit_lock(unit);
        break;
    case VTD_WORK_VCMD:
        vtd_virtual_command_go_on(u);
        break;
    }
    if (state == VIOMMU_COMMAND_DRAINING ||
        (state == VIOMMU_COMMAND_DONE && todo == VTD_WORK_QUEUE)) {
        unit->work.todo |= todo;
    }
    if (vtd_host_busy(u)) {
        /* after the queue, unless a wait brings it before */
        unit->work.todo |= VTD_WORK_HOST;
    }
}

unsigned vtd_work_wanted(VtdUnit *u)
{
    uint64_t response = u->common.regs.values[u->vcmd + 1];

    return (*vtd_reg(u, VTD_REG_GSTS) & VTD_GCMD_QIE ? VTD_WORK_QUEUE : 0) |
           (*vtd_reg(u, VTD_REG_CCMD) & VTD_CCMD_ICC ? VTD_WORK_CCMD : 0) |
           (*vtd_reg(u, VTD_REG_IOTLB) & VTD_IOTLB_IVT ? VTD_WORK_IOTLB : 0) |
           (response & VTD_VCRSP_IP ? VTD_WORK_VCMD : 0);
}

void vtd_run(Viommu *unit)
{
    viommu_work_run(unit, step);
}
