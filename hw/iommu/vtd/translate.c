/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DMA request from its arrival to its answer [VTD 3.4] [VTD 3.6]:
 *
 *   interrupt range? -> interrupt request, not DMA
 *   translation off? -> itself, unless in a protected memory region
 *   source-id, PASID -> context                      (context cache, tables)
 *   context          -> blocked, the address itself, or
 *   address          -> first and second stage       (IOTLB, walks)
 *   permissions      -> one check for cached and fresh translations alike
 */
#include <string.h>

#include "hw/iommu/common/span.h"
#include "hw/iommu/vtd/context.h"

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

/* 0xfeexxxxx is no memory for DMA [VTD 3.14]. */
static bool in_interrupt_range(uint64_t addr)
{
    return addr - VTD_INTR_BASE < VTD_INTR_SIZE;
}

/* The size of the largest aligned power of two around @addr that does not touch
 * the interrupt range; for an address within that range, the range's size. */
static uint64_t identity_size(uint64_t addr)
{
    if (in_interrupt_range(addr)) {
        return VTD_INTR_SIZE;
    }
    return viommu_highest_bit(addr ^ VTD_INTR_BASE);
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
    uint64_t size = identity_size(r->req->addr);

    if (in_interrupt_range(r->req->addr)) {
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

/* --- Permissions --------------------------------------------------------- */

/*
 * In legacy mode, read and write [VTD 3.7.1].  In scalable mode, in this order
 * [VTD 7.1.3]: the second stage grants something; user or supervisor; execute;
 * write, read [VTD 3.6.1].
 */
VtdReason vtd_check_all(const VtdContext *context, uint8_t access,
                        uint16_t flags)
{
    bool privileged = access & VIOMMU_PRIV;
    /* A supervisor may write to read-only pages unless WPE is set
     * [VTD 9.6]. */
    bool writable = (flags & VIOMMU_WRITE) &&
                    ((flags & VTD_MAP_RW) || (privileged && !context->wpe));

    if (!context->scalable) {
        return (access & VIOMMU_WRITE) && !writable ? VTD_FR_WRITE :
               (access & VIOMMU_READ) && !(flags & VIOMMU_READ)
               ? VTD_FR_READ : VTD_FR_NONE;
    }
    if (!(flags & (VIOMMU_READ | VIOMMU_WRITE))) {
        return VTD_FR_SS_NOT_PRESENT;
    }
    if (!(flags & VTD_MAP_US) && !privileged) {
        return VTD_FR_SM_PRIVILEGE;
    }
    if ((access & VIOMMU_EXEC) && (flags & VTD_MAP_NX)) {
        return VTD_FR_SM_NO_EXECUTE;
    }
    return (access & VIOMMU_WRITE) && !writable ? VTD_FR_SM_WRITE :
           (access & VIOMMU_READ) && !(flags & VIOMMU_READ)
           ? VTD_FR_SM_READ : VTD_FR_NONE;
}

/*
 * The permissions of an answer.  A mapping that is not marked dirty is not
 * writable, because a requester that keeps the answer must come again for the
 * first write.
 */
static uint8_t allowed(const Request *r, uint16_t flags)
{
    uint8_t mode = r->wanted.access & VIOMMU_PRIV;
    uint8_t access = vtd_granted_to_all(flags);

    if (vtd_has_first_stage(&r->context)) {
        for (unsigned bit = VIOMMU_READ; bit <= VIOMMU_EXEC; bit <<= 1) {
            if (!vtd_check(&r->context, bit | mode, flags)) {
                access |= bit;
            }
        }
        if (!(r->wanted.access & VIOMMU_EXEC)) {
            access &= ~VIOMMU_EXEC;
        }
    }
    return flags & VTD_MAP_DIRTY ? access : access & ~VIOMMU_WRITE;
}

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

/* The part of the 2^@shift bytes around the request's address where requests
 * are DMA: all of it with a PASID, else without the interrupt range
 * [VTD 3.14]. */
static inline uint64_t size_without_interrupts(const ViommuRequest *req,
                                               unsigned shift)
{
    uint64_t size = UINT64_C(1) << shift;

    return req->pasid == VIOMMU_NO_PASID
           ? MIN(size, identity_size(req->addr)) : size;
}

/* The one place where a translation, cached or fresh, becomes an answer.  False
 * when the translation leads to the interrupt range [VTD 3.14]. */
static inline bool answer(const ViommuRequest *req, const VtdMapping *m,
                          uint8_t access, ViommuReply *reply)
{
    uint64_t size = UINT64_C(1) << m->shift;
    uint64_t addr = m->page | (req->addr & (size - 1));

    if (in_interrupt_range(addr)) {
        return false;
    }
    if (m->shift > VTD_PAGE_SHIFT) {
        /* A large page may hold the interrupt range, on either side. */
        size = MIN(size_without_interrupts(req, m->shift),
                   identity_size(addr));
    }
    reply->addr = addr;
    reply->size = size;
    reply->access = access;
    reply->snoop = m->flags & VTD_MAP_SNOOP;
    reply->global = (m->flags & VTD_MAP_GLOBAL) &&
                    req->pasid != VIOMMU_NO_PASID;
    return true;
}

static bool conclude(Request *r, const VtdMapping *m, VtdReason reason)
{
    uint64_t size = size_without_interrupts(r->req, m->shift);

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
    if (!answer(r->req, m, allowed(r, m->flags), r->reply)) {
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

/* The part of the wanted access that a mapping grants.  If that is neither read
 * nor write, read stands for it. */
static uint8_t part_that_is_there(const Request *r, uint16_t flags)
{
    uint8_t mode = r->wanted.access & VIOMMU_PRIV, access = mode;

    for (unsigned bit = VIOMMU_READ; bit <= VIOMMU_EXEC; bit <<= 1) {
        if ((r->wanted.access & bit) &&
            !vtd_check(&r->context, bit | mode, flags)) {
            access |= bit;
        }
    }
    return access & (VIOMMU_READ | VIOMMU_WRITE) ? access
                                                 : access | VIOMMU_READ;
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
        wanted.access = part_that_is_there(r, m.flags);
        reason = look_up(r, &wanted, &m);
    }
    return conclude(r, &m, reason);
}

/* Addresses beyond CAP.MGAW [VTD 11.4.2] or the context's width [VTD 9.3]
 * [VTD 9.6] are always blocked. */
static bool beyond_width(const Request *r)
{
    unsigned width = r->u->cfg.aw_bits;

    if (vtd_has_first_stage(&r->context)) {
        return false;       /* vtd_first_stage() refuses non-canonical ones */
    }
    if (r->context.pgtt == VTD_PGTT_SECOND || !r->context.scalable) {
        width = MIN(width, vtd_levels_width(r->context.ss_levels));
    }
    return r->req->addr >> width;
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

static VtdReason context_get(VtdUnit *u, const ViommuSeen *seen,
                             uint64_t root, uint16_t source, uint32_t pasid,
                             VtdContext *c)
{
    ViommuCacheEntry e;

    return vtd_context_find(u, source, pasid, &e)
           ? vtd_context_unpack(&e, c)
           : vtd_context_read(u, seen, root, source, pasid, c);
}

/*
 * The interrupt range wins over everything [VTD 3.14], then translation that is
 * off [VTD 11.4.4.1], then the table mode: abort [VTD 3.4.4] or a reserved one
 * [VTD 11.4.5].
 */
static bool resolve(Request *r)
{
    const ViommuRequest *req = r->req;
    VtdUnit *u = r->u;
    ViommuSeen seen = viommu_cache_look(&u->contexts);
    uint64_t root = viommu_latched(&u->root, &seen);
    unsigned mode = viommu_get(root, VTD_RTADDR_TTM);
    VtdReason reason;

    if (req->kind == VIOMMU_UNTRANSLATED && req->pasid == VIOMMU_NO_PASID &&
        in_interrupt_range(req->addr)) {
        /* Writes are interrupt requests; anything else is an unsupported
         * request [VTD 3.14]. */
        if ((r->wanted.access & (VIOMMU_READ | VIOMMU_WRITE)) !=
            VIOMMU_WRITE) {
            return blocked_silently(r, VTD_INTR_SIZE);
        }
        r->reply->interrupt = true;
        return granted(r, req->addr, VTD_INTR_SIZE, VIOMMU_WRITE);
    }
    if (!(viommu_acquire(&u->enabled) & VTD_GCMD_TE)) {
        return req->kind == VIOMMU_UNTRANSLATED
               ? identity(r)
               : blocked_silently(r, viommu_span_size(VIOMMU_SPAN_ALL));
    }
    if (mode > VTD_TTM_SCALABLE) {
        return mode == VTD_TTM_ABORT
               ? blocked_silently(r, identity_size(req->addr))
               : blocked(r, VTD_FR_TTM_RESERVED, identity_size(req->addr));
    }
    reason = context_get(u, &seen, root, req->source, req->pasid,
                         &r->context);
    if (reason && req->kind != VIOMMU_UNTRANSLATED) {
        reason = reason_for_device_tlb(r, reason);
    }
    if (!reason) {
        reason = forbidden(r);
    }
    if (reason) {
        return blocked(r, reason, identity_size(req->addr));
    }
    if (req->kind == VIOMMU_TRANSLATED) {
        return identity(r);
    }
    if (req->kind == VIOMMU_TRANSLATION) {
        if (req->pasid == VIOMMU_NO_PASID && in_interrupt_range(req->addr)) {
            return interrupt_translation(r);
        }
        r->reply->privileged = (r->wanted.access & VIOMMU_PRIV) &&
                               req->pasid != VIOMMU_NO_PASID;
    }
    if (beyond_width(r)) {
        /* All addresses with the same highest bit are beyond, too. */
        uint64_t size = identity_size(req->addr);

        return req->kind == VIOMMU_TRANSLATION
               ? granted(r, req->addr, size, 0)
               : blocked(r, r->context.scalable ? VTD_FR_SM_BEYOND_MGAW
                                                : VTD_FR_BEYOND_MGAW, size);
    }
    return r->context.pgtt == VTD_PGTT_PASS_THROUGH ? identity(r)
                                                    : translate(r);
}

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

/** What the short way has found when the IOTLB lacks the translation. */
typedef struct Missed {
    ViommuCacheEntry context;
    ViommuSeen seen;        /* of the context cache, before that look-up */
} Missed;

/*
 * Whether the short way's context is as good as one that is looked up now:
 * nothing has voided it since.  (The removal of one entry advances the epoch
 * both before and after.)
 */
static bool still_current(const VtdUnit *u, const Missed *missed)
{
    return viommu_cache_unchanged(&u->contexts, &missed->seen) &&
           vtd_context_current(u, &missed->context);
}

/* Answers each request.  @missed: the short way has found all but the
 * translation; or NULL. */
static G_GNUC_NO_INLINE ViommuStatus long_way(VtdUnit *u,
                                              const ViommuRequest *req,
                                              ViommuReply *reply,
                                              const Missed *missed)
{
    Request r;
    bool ok;

    /* One assignment for each member, because clearing the context costs time
     * and is not needed. */
    r.u = u;
    r.req = req;
    r.reply = reply;
    r.wanted.access = req->access;
    r.wanted.probe = viommu_only_looks(req);
    r.wanted.look = req->probe;
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

/* --- The short way ------------------------------------------------------- */

/* Whether a second stage has @addr; beyond_width() for the long way. */
static inline bool in_second_width(const VtdUnit *u, uint64_t w0,
                                   unsigned pgtt, uint64_t addr)
{
    unsigned width = u->cfg.aw_bits;

    if (pgtt != VTD_PGTT_PASS_THROUGH || !viommu_get(w0, VTD_CTX_SCALABLE)) {
        width = MIN(width,
                    vtd_levels_width(viommu_get(w0, VTD_CTX_SS_LEVELS)));
    }
    return !(addr >> width);
}

/* Whether all bits above a first stage's width are as the highest below. */
static inline bool in_first_width(uint64_t w0, uint64_t addr)
{
    unsigned width = vtd_levels_width(viommu_get(w0, VTD_CTX_FS_LEVELS));

    return !((addr + (UINT64_C(1) << (width - 1))) >> width);
}

/*
 * Nearly each request finds its context and its translation in the caches, and
 * they grant what it wants.  This way answers these requests and no others.  It
 * takes no snapshot, because it fills no cache, and no section, because it
 * reads no guest memory.  With false, the long way begins anew; with
 * *@has_missed, it goes on from *@missed.
 */
static inline bool short_way(const VtdUnit *u, const ViommuRequest *req,
                             ViommuReply *reply, Missed *missed,
                             bool *has_missed)
{
    const uint64_t uncommon = viommu_field_mask(VTD_CTX_REASON) |
                              viommu_field_mask(VTD_CTX_PRIVILEGED);
    ViommuSeen seen = viommu_cache_look(&u->contexts);
    ViommuCacheEntry e;
    VtdReason reason;
    VtdMapping m;
    ViommuTag tag;
    unsigned pgtt;
    uint16_t did;
    uint8_t access;

    if (req->kind != VIOMMU_UNTRANSLATED || !req->access ||
        (req->access & ~(VIOMMU_READ | VIOMMU_WRITE)) ||
        in_interrupt_range(req->addr) ||
        !(viommu_acquire(&u->enabled) & VTD_GCMD_TE) ||
        vtd_table_mode(u) > VTD_TTM_SCALABLE ||
        !vtd_context_find(u, req->source, req->pasid, &e) ||
        (e.value[0] & uncommon)) {
        return false;
    }
    pgtt = viommu_get(e.value[0], VTD_CTX_PGTT);
    did = viommu_get(e.value[1], VTD_CTX_DID);
    if (pgtt == VTD_PGTT_FIRST || pgtt == VTD_PGTT_NESTED) {
        if (!in_first_width(e.value[0], req->addr)) {
            return false;
        }
        tag = vtd_first_tag(u, did, viommu_get(e.stamp, VTD_CTX_PASID));
    } else {
        if (!in_second_width(u, e.value[0], pgtt, req->addr)) {
            return false;
        }
        if (pgtt == VTD_PGTT_PASS_THROUGH) {
            /* see identity() */
            if (viommu_acquire(&u->pmr_on)) {
                return false;
            }
            viommu_put_reply(reply, req->addr, identity_size(req->addr),
                      VIOMMU_READ | VIOMMU_WRITE);
            return true;
        }
        tag = vtd_second_tag(u, did);
    }
    if (!vtd_iotlb_lookup(u, &tag, req->addr, &m, &reason)) {
        missed->context = e;
        missed->seen = seen;
        *has_missed = true;
        return false;
    }
    access = vtd_granted_to_all(m.flags);
    if (!(m.flags & VTD_MAP_DIRTY)) {
        access &= ~VIOMMU_WRITE;
    }
    if (reason || (req->access & ~access)) {
        return false;
    }
    viommu_put_reply(reply, 0, 0, 0);
    return answer(req, &m, access, reply);
}

ViommuStatus vtd_translate(Viommu *unit, const ViommuRequest *req,
                           ViommuReply *reply)
{
    VtdUnit *u = vtd_unit(unit);
    bool has_missed = false;
    Missed missed;

    return short_way(u, req, reply, &missed, &has_missed)
           ? VIOMMU_OK : long_way(u, req, reply, has_missed ? &missed : NULL);
}

bool vtd_tables(Viommu *unit, uint32_t source, uint32_t pasid,
                ViommuTables *tables)
{
    VtdUnit *u = vtd_unit(unit);
    VtdContext context;
    VtdReason reason;
    ViommuSeen seen;

    if (!(viommu_acquire(&u->enabled) & VTD_GCMD_TE)) {
        return false;
    }
    viommu_read_lock();
    seen = viommu_cache_look(&u->contexts);
    reason = context_get(u, &seen, viommu_latched(&u->root, &seen), source,
                         pasid, &context);
    viommu_read_unlock();
    if (reason || context.pgtt == VTD_PGTT_PASS_THROUGH) {
        return false;
    }
    *tables = (ViommuTables) {
        .stage1 = vtd_has_first_stage(&context),
        .stage2 = context.pgtt != VTD_PGTT_FIRST,
        .domain = context.did,
        .pasid = context.pasid,
    };
    return true;
}
