/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The long way of a DMA request, from its arrival to its answer [VTD 3.4].  The
 * steps are numbered in resolve() and with_context(); the first that decides
 * ends the request.
 */
#include "hw/iommu/vtd/request.h"

#include <string.h>

#include "hw/iommu/common/span.h"
#include "hw/iommu/vtd/context_cache.h"
#include "hw/iommu/vtd/faults.h"
#include "hw/iommu/vtd/permissions.h"
#include "hw/iommu/vtd/stages.h"

/** One request on its way. */
typedef struct Request {
    VtdUnit *u;
    const ViommuRequest *req;
    ViommuReply *reply;
    VtdWanted wanted;       /* at least one of read and write */
    VtdContext context;
    bool silent;            /* blocked, but nothing is to be recorded */
} Request;

/* --- Answers ------------------------------------------------------------- */

static bool granted(Request *r, uint64_t addr, uint64_t size, uint8_t access)
{
    r->reply->addr = addr;
    r->reply->size = size;
    r->reply->access = access;
    return true;
}

static bool blocked(Request *r, VtdReason reason, uint64_t size)
{
    r->reply->reason = reason;
    r->reply->size = size;
    return false;
}

/* Blocked as an unsupported request, which the unit does not record. */
static bool blocked_silently(Request *r, uint64_t size)
{
    r->silent = true;
    return blocked(r, VTD_FR_NONE, size);
}

/* Whether a protected memory region covers @addr [VTD 11.4.8].  *@size shrinks
 * to the part around @addr that is on the same side of each region. */
static bool is_protected(const VtdUnit *u, uint64_t addr, uint64_t *size)
{
    bool covered = false;

    for (unsigned i = 0; i < 4; i += 2) {
        uint64_t first = viommu_acquire(&u->pmr[i]);
        uint64_t last = viommu_acquire(&u->pmr[i + 1]);

        if (first <= last) {
            /* No region is all of memory, so that the size fits. */
            covered |= addr >= first && addr <= last;
            *size = MIN(*size, viommu_span_size(
                                   viommu_span_beside(addr, first, last)));
        }
    }
    return covered;
}

/*
 * The address stays as it is.  Protected memory regions block such requests,
 * without a fault record [VTD 11.4.8.1]; requests that are translated meet
 * the tables instead.
 */
static bool identity(Request *r)
{
    uint64_t size = vtd_identity_size(r->req->addr);

    if (vtd_in_interrupt_range(r->req->addr)) {
        /* A request with PASID may not lead to the interrupt range; a
         * translated request there is an unsupported one [VTD 3.14]. */
        return r->req->kind != VIOMMU_TRANSLATED && r->context.scalable
               ? blocked(r, VTD_FR_SM_INTERRUPT_ADDRESS, size)
               : blocked_silently(r, size);
    }
    if (viommu_acquire(&r->u->pmr_on) &&
        is_protected(r->u, r->req->addr, &size)) {
        return blocked_silently(r, size);
    }
    return granted(r, r->req->addr, size, VIOMMU_READ | VIOMMU_WRITE);
}

/* --- Translations -------------------------------------------------------- */

/* Reasons that a translation request does not record: the endpoint gets an
 * answer without permissions [VTD 4.1.2] [VTD 7.1.3]. */
static bool is_missing(VtdReason reason)
{
    switch (reason) {
    case VTD_FR_BEYOND_MGAW:
    case VTD_FR_WRITE:
    case VTD_FR_READ:
    case VTD_FR_FS_NOT_PRESENT:
    case VTD_FR_SS_NOT_PRESENT:
    case VTD_FR_SM_NOT_CANONICAL:
    case VTD_FR_SM_PRIVILEGE:
    case VTD_FR_SM_NO_EXECUTE:
    case VTD_FR_SM_BEYOND_MGAW:
    case VTD_FR_SM_WRITE:
    case VTD_FR_SM_READ:
        return true;
    default:
        return false;
    }
}

/* The end of the long way: permissions, then the answer.  @reason is what the
 * look-up ended with. */
static bool conclude(Request *r, const VtdMapping *m, VtdReason reason)
{
    uint64_t size = vtd_size_without_interrupts(r->req, m->shift);

    if (!reason) {
        reason = vtd_check(&r->context, r->wanted.access, m->flags);
    }
    if (r->req->kind == VIOMMU_TRANSLATION && is_missing(reason)) {
        reason = VTD_FR_NONE;
    }
    if (reason) {
        return blocked(r, reason, size);
    }
    if (!(m->flags & (VIOMMU_READ | VIOMMU_WRITE))) {
        return granted(r, r->req->addr, size, 0);
    }
    if (!vtd_answer(r->req, m,
                    vtd_allowed(&r->context, r->wanted.access, m->flags),
                    r->reply)) {
        return blocked(r, r->context.scalable ? VTD_FR_SM_INTERRUPT_ADDRESS
                                              : VTD_FR_INTERRUPT_ADDRESS,
                       MIN(size, VTD_INTR_SIZE));
    }
    return true;
}

static VtdReason look_up(const Request *r, const VtdWanted *wanted,
                         VtdMapping *m)
{
    *m = (VtdMapping) { .shift = VTD_PAGE_SHIFT };
    return r->context.pgtt == VTD_PGTT_SECOND
           ? vtd_second_stage(r->u, &r->context, r->req->addr, wanted, m)
           : vtd_first_stage(r->u, &r->context, r->req->addr, wanted, m);
}

static bool translate(Request *r)
{
    VtdWanted wanted = r->wanted;
    VtdMapping m;
    VtdReason reason = look_up(r, &wanted, &m);

    if (r->req->kind == VIOMMU_TRANSLATION && !reason &&
        vtd_check(&r->context, wanted.access, m.flags)) {
        /*
         * An endpoint that asks for more than the tables grant gets what they
         * grant [VTD 4.1.2].  A second look-up, for that part only, sets the
         * accessed and dirty bits for it.
         */
        wanted.access = vtd_granted_part(&r->context, r->wanted.access,
                                         m.flags);
        reason = look_up(r, &wanted, &m);
    }
    return conclude(r, &m, reason);
}

/*
 * The reason why the context forbids this kind of request.  Translation and
 * translated requests need a context that allows them [VTD 9.3] [VTD 9.4].
 * Execute and privilege need ERE and SRE, whatever the type of translation is
 * [VTD 9.6]; a request without PASID has neither, but for RID_PRIV [VTD 9.4].
 */
static VtdReason forbidden(Request *r)
{
    const VtdContext *c = &r->context;

    if (r->req->pasid == VIOMMU_NO_PASID) {
        r->wanted.access &= VIOMMU_READ | VIOMMU_WRITE;
        if (c->privileged) {
            r->wanted.access |= VIOMMU_PRIV;
        }
    }
    if (r->req->kind != VIOMMU_UNTRANSLATED && !c->ats) {
        return c->scalable ? VTD_FR_SM_DTE_CLEAR : VTD_FR_TYPE_BLOCKED;
    }
    if (r->req->kind == VIOMMU_TRANSLATED) {
        return VTD_FR_NONE;
    }
    if (c->scalable && (r->wanted.access & VIOMMU_EXEC) && !c->ere) {
        return VTD_FR_SM_ERE_CLEAR;
    }
    if (c->scalable && (r->wanted.access & VIOMMU_PRIV) && !c->sre) {
        return VTD_FR_SM_SRE_CLEAR;
    }
    return VTD_FR_NONE;
}

/* --- The request --------------------------------------------------------- */

/*
 * For translation and translated requests, DTE is checked before anything that
 * has to do with PASIDs [VTD 7.1.3].  Translated requests do not meet the
 * tables of the PASID [VTD 4.2.4]: the translation request has met them.
 */
static VtdReason reason_for_device_tlb(const Request *r, VtdReason reason)
{
    if (reason < VTD_FR_SM_PASIDE_CLEAR || reason > VTD_FR_SM_PASID_INVALID) {
        return reason;
    }
    if (!r->context.ats) {
        return VTD_FR_SM_DTE_CLEAR;
    }
    return r->req->kind == VIOMMU_TRANSLATED && reason >= VTD_FR_SM_RID_PASID
           ? VTD_FR_NONE : reason;
}

/* The answer to a translation request for an interrupt address: the endpoint
 * may write, untranslated only [VTD 4.1.2]. */
static bool interrupt_translation(Request *r)
{
    r->reply->untranslated_only = true;
    return granted(r, r->req->addr, VTD_PAGE_SIZE, VIOMMU_WRITE);
}

/* Without PASID, a write to the interrupt range is an interrupt request;
 * anything else there is an unsupported request [VTD 3.14]. */
static bool interrupt_request(Request *r)
{
    if ((r->wanted.access & (VIOMMU_READ | VIOMMU_WRITE)) != VIOMMU_WRITE) {
        return blocked_silently(r, VTD_INTR_SIZE);
    }
    r->reply->interrupt = true;
    return granted(r, r->req->addr, VTD_INTR_SIZE, VIOMMU_WRITE);
}

/* Addresses beyond CAP.MGAW [VTD 11.4.2] or the context's width [VTD 9.3]
 * [VTD 9.6] are always blocked.  With a first stage, vtd_first_stage() refuses
 * the ones that are not canonical. */
static bool beyond_width(const Request *r)
{
    const VtdContext *c = &r->context;

    return !vtd_has_first_stage(c) &&
           r->req->addr >> vtd_no_first_width(&r->u->cfg, c->pgtt,
                                              c->scalable, c->ss_levels);
}

/* The steps of resolve() that follow once the context allows the request. */
static bool with_context(Request *r)
{
    const ViommuRequest *req = r->req;
    bool asks = req->kind == VIOMMU_TRANSLATION;

    /* 6. A translated request has its address already [VTD 4.2.4]. */
    if (req->kind == VIOMMU_TRANSLATED) {
        return identity(r);
    }
    /* 7. A translation request for an interrupt address [VTD 4.1.2]. */
    if (asks && req->pasid == VIOMMU_NO_PASID &&
        vtd_in_interrupt_range(req->addr)) {
        return interrupt_translation(r);
    }
    r->reply->privileged = asks && (r->wanted.access & VIOMMU_PRIV) &&
                           req->pasid != VIOMMU_NO_PASID;
    /* 8. The address is too wide.  So are all with the same highest bit. */
    if (beyond_width(r)) {
        uint64_t size = vtd_identity_size(req->addr);

        return asks ? granted(r, req->addr, size, 0)
                    : blocked(r, r->context.scalable ? VTD_FR_SM_BEYOND_MGAW
                                                     : VTD_FR_BEYOND_MGAW,
                              size);
    }
    /* 9. Pass-through: the address itself. */
    if (r->context.pgtt == VTD_PGTT_PASS_THROUGH) {
        return identity(r);
    }
    /* 10. The tables. */
    return translate(r);
}

static bool resolve(Request *r)
{
    const ViommuRequest *req = r->req;
    VtdUnit *u = r->u;
    ViommuSeen seen = viommu_cache_look(&u->contexts);
    uint64_t root = viommu_latched(&u->root, &seen);
    unsigned mode = viommu_get(root, VTD_RTADDR_TTM);
    VtdReason reason;

    /* 1. The interrupt range [VTD 3.14]. */
    if (req->kind == VIOMMU_UNTRANSLATED && req->pasid == VIOMMU_NO_PASID &&
        vtd_in_interrupt_range(req->addr)) {
        return interrupt_request(r);
    }
    /* 2. Translation is off [VTD 11.4.4.1]: the address itself; without
     * translation, there is nothing for device-TLBs. */
    if (!(viommu_acquire(&u->enabled) & VTD_GCMD_TE)) {
        return req->kind == VIOMMU_UNTRANSLATED
               ? identity(r)
               : blocked_silently(r, viommu_span_size(VIOMMU_SPAN_ALL));
    }
    /* 3. A table mode without tables: abort [VTD 3.4.4], or a reserved one
     * [VTD 11.4.5]. */
    if (mode > VTD_TTM_SCALABLE) {
        return mode == VTD_TTM_ABORT
               ? blocked_silently(r, vtd_identity_size(req->addr))
               : blocked(r, VTD_FR_TTM_RESERVED,
                         vtd_identity_size(req->addr));
    }
    /* 4. The context, cached or from its tables [VTD 3.4]. */
    reason = vtd_context_get(u, &seen, root, req->source, req->pasid,
                             &r->context);
    if (reason && req->kind != VIOMMU_UNTRANSLATED) {
        reason = reason_for_device_tlb(r, reason);
    }
    /* 5. What the context forbids. */
    if (!reason) {
        reason = forbidden(r);
    }
    if (reason) {
        return blocked(r, reason, vtd_identity_size(req->addr));
    }
    return with_context(r);
}

/* Record the fault, unless FPD of an entry forbids it [VTD 7.1.3]. */
static void report(const Request *r)
{
    VtdUnit *u = r->u;
    VtdFault fault = {
        .reason = r->reply->reason,
        .source = r->req->source,
        .write = r->wanted.access & VIOMMU_WRITE,
        .execute = r->wanted.access & VIOMMU_EXEC,
        .privileged = r->wanted.access & VIOMMU_PRIV,
        .at = r->req->kind,
        .pasid = r->req->pasid,
        .info = r->req->addr & ~(VTD_PAGE_SIZE - 1),
    };

    viommu_count(&u->common.stats.faults);
    if (!r->context.fpd) {
        vtd_fault_report(u, &fault);
    }
}

/*
 * Whether the short way's context is as good as one that is looked up now:
 * nothing has voided it since.  (The removal of one entry advances the epoch
 * both before and after.)
 */
static bool still_current(const VtdUnit *u, const VtdMissed *missed)
{
    return viommu_cache_unchanged(&u->contexts, &missed->seen) &&
           vtd_context_current(u, &missed->context);
}

ViommuStatus vtd_long_way(VtdUnit *u, const ViommuRequest *req,
                          ViommuReply *reply, const VtdMissed *missed)
{
    Request r;
    bool ok;

    /* One assignment for each member, because clearing the context costs time
     * and is not needed. */
    r.u = u;
    r.req = req;
    r.reply = reply;
    r.wanted.access = req->access;
    r.wanted.no_marks = viommu_only_looks(req);
    r.wanted.no_fill = req->probe;
    r.wanted.inner = false;
    r.context.fpd = false;
    r.context.scalable = false;
    r.silent = false;
    if (!(req->access & (VIOMMU_READ | VIOMMU_WRITE))) {
        r.wanted.access |= VIOMMU_READ;
    }
    memset(reply, 0, sizeof(*reply));

    viommu_read_lock();
    r.wanted.seen = viommu_tlb_look(&u->tlb);
    r.wanted.missed = missed && still_current(u, missed);
    if (r.wanted.missed) {
        vtd_context_unpack(&missed->context, &r.context);
        ok = translate(&r);
    } else {
        ok = resolve(&r);
    }
    viommu_read_unlock();

    if (ok) {
        return VIOMMU_OK;
    }
    /* The lock of the fault records is not for read-side sections. */
    if (!r.silent && !req->probe) {
        report(&r);
    }
    return VIOMMU_FAULT;
}
