/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A DMA request from its arrival to its answer (3.4, 3.6):
 *
 *   interrupt range? -> interrupt request, not DMA
 *   translation off? -> itself, unless in a protected memory region
 *   source-id        -> root entry -> context entry      (context cache)
 *   translation type -> blocked, itself, or
 *   address          -> second-stage tables              (IOTLB, walk)
 *   permissions      -> one check for cached and fresh translations alike
 */
#include <string.h>

#include "hw/iommu/vtd/unit.h"

/** One request on its way. */
typedef struct Request {
    VtdUnit *u;
    const ViommuRequest *req;
    ViommuReply *reply;
    uint8_t wanted;         /* VIOMMU_READ, VIOMMU_WRITE: at least one */
    VtdContext context;
    bool silent;            /* blocked, but nothing is to be recorded */
    VtdSnapshot seen;       /* taken before the first look at anything */
} Request;

/* --- Context entries and their cache --------------------------------------------- */

static const ViommuField CTX_LEVELS = { 0, 3 };
static const ViommuField CTX_TT = { 3, 2 };
static const ViommuField CTX_FPD = { 5, 1 };
/* second word */
static const ViommuField CTX_DID = { 0, 16 };
static const ViommuField CTX_REASON = { 16, 8 };

static VtdReason context_unpack(const ViommuCacheEntry *e, VtdContext *c)
{
    c->levels = viommu_get(e->value[0], CTX_LEVELS);
    c->tt = viommu_get(e->value[0], CTX_TT);
    c->fpd = viommu_get(e->value[0], CTX_FPD);
    c->table = e->value[0] & ~(VTD_PAGE_SIZE - 1);
    c->did = viommu_get(e->value[1], CTX_DID);
    return viommu_get(e->value[1], CTX_REASON);
}

static void context_pack(const VtdContext *c, VtdReason reason,
                         ViommuCacheEntry *e)
{
    uint64_t word = viommu_put(c->table, CTX_LEVELS, c->levels);

    word = viommu_put(word, CTX_TT, c->tt);
    e->value[0] = viommu_put(word, CTX_FPD, c->fpd);
    word = viommu_put(0, CTX_DID, c->did);
    e->value[1] = viommu_put(word, CTX_REASON, reason);
}

static VtdReason context_read(VtdUnit *u, uint16_t source, VtdContext *c,
                              bool *entry_read)
{
    uint64_t root = vtd_load(&u->root) & ~(VTD_PAGE_SIZE - 1);
    uint64_t word[2], table;
    VtdReason reason;

    *entry_read = false;
    c->fpd = false;
    viommu_count(&u->common.stats.context_reads);
    if (viommu_load64(&u->common, root + (source >> 8) * 16, word, 2)) {
        return VTD_FR_ROOT_ACCESS;
    }
    reason = vtd_decode_root(u, word, &table);
    if (reason) {
        return reason;
    }
    if (viommu_load64(&u->common, table + (source & 0xff) * 16, word, 2)) {
        return VTD_FR_CONTEXT_ACCESS;
    }
    *entry_read = true;
    return vtd_decode_context(u, word, c);
}

static VtdReason context_get(VtdUnit *u, uint16_t source, VtdContext *c)
{
    /* Both before the tables are read: what is invalidated from now on
     * voids the fill. */
    uint64_t epoch = viommu_cache_epoch(&u->contexts);
    uint64_t stamp = vtd_context_stamp(u);
    ViommuCacheEntry e;
    VtdReason reason;
    bool entry_read;

    if (viommu_cache_find(&u->contexts, source, 0, &e) && e.stamp == stamp) {
        return context_unpack(&e, c);
    }
    reason = context_read(u, source, c, &entry_read);
    /* Entries that give a fault are cached in caching mode only (6.1). */
    if (entry_read && (!reason || u->cfg.caching_mode)) {
        e.key[0] = source;
        e.key[1] = 0;
        e.stamp = stamp;
        context_pack(c, reason, &e);
        viommu_cache_fill(&u->contexts, &e, epoch);
    }
    return reason;
}

/* --- Answers --------------------------------------------------------------------------- */

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

/* Blocked as an unsupported request, which leaves no trace in the unit. */
static bool blocked_silently(Request *r, uint64_t size)
{
    r->silent = true;
    return blocked(r, VTD_FR_NONE, size);
}

static bool in_interrupt_range(uint64_t addr)
{
    return addr - VTD_INTR_BASE < VTD_INTR_SIZE;
}

/* The largest aligned power of two around @addr without the interrupt range. */
static uint64_t identity_size(uint64_t addr)
{
    if (in_interrupt_range(addr)) {
        return VTD_PAGE_SIZE;
    }
    return viommu_highest_bit(addr ^ VTD_INTR_BASE);
}

static bool protected_page(const VtdUnit *u, uint64_t addr)
{
    uint64_t first = addr & ~(VTD_PAGE_SIZE - 1);

    for (unsigned i = 0; i < 4; i += 2) {
        if (first >= vtd_load(&u->pmr[i]) && first <= vtd_load(&u->pmr[i + 1])) {
            return true;
        }
    }
    return false;
}

/*
 * The address stays as it is.  Such requests are what protected memory
 * regions are for (11.4.8.1); software keeps remapped ones out by its tables.
 * A block by them is not a fault.
 */
static bool identity(Request *r)
{
    uint64_t size = identity_size(r->req->addr);

    if (in_interrupt_range(r->req->addr)) {
        /* A translated request, or one with a PASID (3.14). */
        return blocked_silently(r, size);
    }
    if (vtd_load(&r->u->pmr_on)) {
        size = VTD_PAGE_SIZE;
        if (protected_page(r->u, r->req->addr)) {
            return blocked_silently(r, size);
        }
    }
    return granted(r, r->req->addr, size, VIOMMU_READ | VIOMMU_WRITE);
}

/* --- Second stage ------------------------------------------------------------------------ */

/* In the second word of an IOTLB entry: */
#define TLB_SNOOP (UINT64_C(1) << 0)
static const ViommuField TLB_REASON = { 8, 8 };     /* caching mode */

static VtdReason missing(uint8_t wanted, uint8_t access)
{
    if (wanted & ~access & VIOMMU_WRITE) {
        return VTD_FR_WRITE;
    }
    return wanted & ~access & VIOMMU_READ ? VTD_FR_READ : VTD_FR_NONE;
}

/* The one check of permissions; for cached and fresh translations. */
static bool conclude(Request *r, const VtdMapping *m, VtdReason reason)
{
    uint64_t size = UINT64_C(1) << m->shift, addr;

    if (!reason) {
        if (r->req->kind == VIOMMU_TRANSLATION) {
            /* Completed with what there is, even nothing (4.1.2). */
            reason = VTD_FR_NONE;
        } else {
            reason = missing(r->wanted, m->access);
        }
    }
    if (reason) {
        return blocked(r, reason, size);
    }
    addr = m->page | (r->req->addr & (size - 1));
    if (in_interrupt_range(addr)) {
        return blocked(r, VTD_FR_INTERRUPT_ADDRESS, VTD_PAGE_SIZE);
    }
    if (m->shift > VTD_PAGE_SHIFT) {
        /* A large page may hold the interrupt range, on either side. */
        size = MIN(size, MIN(identity_size(r->req->addr),
                             identity_size(addr)));
    }
    r->reply->snoop = m->snoop;
    return granted(r, addr, size, m->access);
}

static bool cached(Request *r, uint64_t stamp, VtdMapping *m,
                   VtdReason *reason)
{
    VtdUnit *u = r->u;
    uint64_t sizes = vtd_load(&u->sizes);
    ViommuCacheEntry e;

    for (unsigned size = 0; size < VTD_SIZES; size++) {
        if ((sizes & (1u << size)) &&
            viommu_cache_find(&u->iotlb, r->req->addr >> vtd_size_shift(size),
                              vtd_domain_key(r->context.did, size), &e) &&
            e.stamp == stamp) {
            m->page = e.value[0] & ~(VTD_PAGE_SIZE - 1);
            m->access = e.value[0] & (VTD_PAGE_SIZE - 1);
            m->shift = vtd_size_shift(size);
            m->snoop = e.value[1] & TLB_SNOOP;
            *reason = viommu_get(e.value[1], TLB_REASON);
            return true;
        }
    }
    return false;
}

static void remember(Request *r, const VtdMapping *m, VtdReason reason,
                     uint64_t stamp)
{
    VtdUnit *u = r->u;
    bool negative = reason || !m->access;
    unsigned size = (m->shift - VTD_PAGE_SHIFT) / VTD_LEVEL_BITS;
    ViommuCacheEntry e = { .stamp = stamp };

    if (negative) {
        /* Faulting entries are cached in caching mode, a page at a time. */
        if (!u->cfg.caching_mode || reason == VTD_FR_PAGING_ACCESS) {
            return;
        }
        size = VTD_SIZE_4K;
        e.value[1] = viommu_put(0, TLB_REASON, reason);
    } else {
        e.value[0] = m->page | m->access;
        e.value[1] = m->snoop ? TLB_SNOOP : 0;
    }
    e.key[0] = r->req->addr >> vtd_size_shift(size);
    e.key[1] = vtd_domain_key(r->context.did, size);
    if (!(vtd_load(&u->sizes) & (1u << size))) {
        /* Before the fill, so that a removal either looks for this size or
         * has advanced the epoch before the fill checks it. */
        __atomic_fetch_or(&u->sizes, 1u << size, __ATOMIC_SEQ_CST);
    }
    viommu_cache_fill(&u->iotlb, &e, r->seen.iotlb);
}

static bool second_stage(Request *r)
{
    VtdUnit *u = r->u;
    uint64_t stamp = vtd_iotlb_stamp(u, r->context.did);
    VtdReason reason;
    VtdMapping m = { 0 };

    /*
     * Software may add permissions without invalidating, so a cached
     * translation that lacks one is not the last word (6.2.3).  In caching mode
     * it must invalidate then too.
     */
    if (cached(r, stamp, &m, &reason) &&
        (u->cfg.caching_mode || !missing(r->wanted, m.access))) {
        return conclude(r, &m, reason);
    }
    m = (VtdMapping) { 0 };
    reason = vtd_walk(u, &r->context, r->req->addr, &r->seen, &m);
    if (!r->req->probe) {
        remember(r, &m, reason, stamp);
    }
    return conclude(r, &m, reason);
}

/* Addresses beyond MGAW and the context's width are always blocked. */
static bool beyond_width(const Request *r)
{
    unsigned width = MIN(vtd_levels_width(r->context.levels),
                         r->u->cfg.aw_bits);

    return r->req->addr >> width;
}

/* --- The request ------------------------------------------------------------------------------ */

static bool resolve(Request *r)
{
    const ViommuRequest *req = r->req;
    VtdUnit *u = r->u;
    VtdReason reason;

    r->seen = vtd_snapshot(u);
    if (req->kind == VIOMMU_UNTRANSLATED && req->pasid == VIOMMU_NO_PASID &&
        in_interrupt_range(req->addr)) {
        /* Only writes are interrupt requests (3.14); the rest has no
         * meaning there. */
        if (r->wanted != VIOMMU_WRITE) {
            return blocked_silently(r, VTD_INTR_SIZE);
        }
        r->reply->interrupt = true;
        return granted(r, req->addr, VTD_INTR_SIZE, VIOMMU_WRITE);
    }
    if (!(vtd_load(&u->gsts) & VTD_GCMD_TE)) {
        return req->kind == VIOMMU_UNTRANSLATED
               ? identity(r) : blocked_silently(r, VTD_PAGE_SIZE);
    }
    reason = context_get(u, req->source, &r->context);
    if (reason) {
        return blocked(r, reason, identity_size(req->addr));
    }
    if (req->pasid != VIOMMU_NO_PASID ||
        (req->kind != VIOMMU_UNTRANSLATED &&
         r->context.tt != VTD_TT_ALL)) {
        return blocked(r, VTD_FR_TYPE_BLOCKED, VTD_PAGE_SIZE);
    }
    if (req->kind == VIOMMU_TRANSLATED) {
        return identity(r);
    }
    if (beyond_width(r)) {
        /* All addresses with the same highest bit are beyond, too. */
        uint64_t size = identity_size(req->addr);

        return req->kind == VIOMMU_TRANSLATION
               ? granted(r, req->addr, size, 0)
               : blocked(r, VTD_FR_BEYOND_MGAW, size);
    }
    return r->context.tt == VTD_TT_PASS_THROUGH ? identity(r)
                                                : second_stage(r);
}

static void report(const Request *r)
{
    VtdUnit *u = r->u;
    VtdFault fault = {
        .reason = r->reply->reason,
        .source = r->req->source,
        .write = r->wanted & VIOMMU_WRITE,
        .at = r->req->kind,
        .pasid = r->req->pasid,
        .info = r->req->addr & ~(VTD_PAGE_SIZE - 1),
    };

    viommu_count(&u->common.stats.faults);
    if (!r->context.fpd) {
        vtd_fault_report(u, &fault);
    }
}

ViommuStatus vtd_translate(Viommu *unit, const ViommuRequest *req,
                           ViommuReply *reply)
{
    Request r = {
        .u = vtd_unit(unit), .req = req, .reply = reply,
        .wanted = req->access & (VIOMMU_READ | VIOMMU_WRITE),
    };
    bool ok;

    if (!r.wanted) {
        r.wanted = VIOMMU_READ;
    }
    memset(reply, 0, sizeof(*reply));

    viommu_read_lock();
    ok = resolve(&r);
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

bool vtd_source_domain(Viommu *unit, uint32_t source, uint32_t *domain)
{
    VtdUnit *u = vtd_unit(unit);
    VtdContext context = { 0 };
    VtdReason reason;

    if (!(vtd_load(&u->gsts) & VTD_GCMD_TE)) {
        return false;
    }
    viommu_read_lock();
    reason = context_get(u, source, &context);
    viommu_read_unlock();
    *domain = context.did;
    return !reason && context.tt != VTD_TT_PASS_THROUGH;
}
