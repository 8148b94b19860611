/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A transaction from its arrival to its answer:
 *
 *   SMMUEN clear?    -> GBPA: abort, or itself
 *   StreamID         -> STE -> context descriptor      (configuration cache)
 *   Config           -> abort, itself, or
 *   address          -> stage 1, stage 2, or both      (IOTLB, walk.c)
 *   fault            -> event; terminated, or stalled until software resumes
 */
#include <string.h>

#include "hw/iommu/common/span.h"
#include "hw/iommu/smmuv3/lookup.h"

typedef struct Request {
    SmmuUnit *u;
    const ViommuRequest *req;
    ViommuReply *reply;
    uint8_t access;         /* after the stream table entry's overrides */
    ViommuTlbSeen seen;     /* the snapshot of before the first table is
                             * read */
    SmmuWanted wanted;
    SmmuContext context;
    SmmuFault fault;
    bool silent;            /* the fault makes no event */
    /* what the short way leaves to the long one */
    bool missed;            /* all was found but the translation: */
    uint64_t stamp;         /* - what the context was found by */
    SmmuTags tags;          /* - what the IOTLB was asked for */
} Request;

static bool granted(Request *r, uint64_t addr, uint64_t size, uint8_t access)
{
    viommu_put_reply(r->reply, addr, size, access);
    return true;
}

/* The request, and those for 2^@span addresses around it. */
static bool blocked(Request *r, unsigned span)
{
    viommu_put_reply(r->reply, 0, viommu_span_size(span), 0);
    r->reply->reason = r->fault.id;
    return false;
}

static bool blocked_by(Request *r, SmmuEventId id)
{
    r->fault.id = id;
    return blocked(r, VIOMMU_SPAN_ALL);
}

static bool blocked_silently(Request *r, unsigned span)
{
    r->silent = true;
    return blocked(r, span);
}

/* How far the addresses around the request's are beyond the output size. */
static unsigned beyond_output(const Request *r)
{
    return viommu_span_within(r->req->addr,
                              UINT64_C(1) << r->u->cfg.oas_bits, UINT64_MAX);
}

/* The address stays; it must be within the output size [SMMU 3.4].  While the
 * unit is off, or with a translated transaction, no event tells when it is
 * not [SMMU 3.9.1.3]. */
static bool bypass(Request *r)
{
    unsigned bits = r->u->cfg.oas_bits;

    if (r->req->addr >> bits) {
        if (r->req->kind == VIOMMU_TRANSLATED ||
            !(viommu_acquire(&r->u->cr0) & SMMU_CR0_SMMUEN)) {
            return blocked_silently(r, beyond_output(r));
        }
        r->fault.class = SMMU_CLASS_IN;
        r->fault.id = SMMU_F_ADDR_SIZE;
        return blocked(r, beyond_output(r));
    }
    return granted(r, r->req->addr, UINT64_C(1) << bits,
                   VIOMMU_READ | VIOMMU_WRITE | VIOMMU_EXEC);
}


/* Look into the IOTLB, unless the short way has done that. */
static inline bool find_cached(Request *r, uint64_t addr, SmmuMapping *m)
{
    const SmmuWanted *w = &r->wanted;

    if (r->missed) {
        return false;
    }
    r->tags = smmu_tags(r->u, &r->context);
    /* An entry that does not grant the write which marks a page dirty may be
     * from when the page was clean. */
    return smmu_iotlb_find(r->u, &r->tags, addr, w->any ? 0 : w->needs, m) &&
           (!w->any || (smmu_suffices(w, m->flags) &&
                        !(w->dirties & ~m->flags)));
}

static inline bool look_up(Request *r, SmmuMapping *m)
{
    const SmmuContext *c = &r->context;
    uint64_t addr = smmu_effective(c, r->req->addr);

    if ((c->flags & SMMU_CTX_ATS_SPLIT) &&
        r->req->kind == VIOMMU_TRANSLATION) {
        /* The IOTLB has no entries for addresses between the stages. */
        return smmu_walk_split(r->u, c, addr, &r->wanted, m, &r->fault);
    }
    if (find_cached(r, addr, m)) {
        return true;
    }
    if (!smmu_walk(r->u, c, &r->tags, addr, &r->wanted, m, &r->fault)) {
        return false;
    }
    smmu_iotlb_fill(r->u, &r->tags, addr, &r->wanted, m);
    return true;
}

static inline void put_address(const ViommuRequest *req, const SmmuMapping *m,
                               uint8_t access, ViommuReply *reply)
{
    uint64_t size = UINT64_C(1) << m->shift;

    viommu_put_reply(reply, m->page | (req->addr & (size - 1)), size, access);
}

/* The one place where a translation, cached or fresh, becomes the answer to a
 * transaction.  The answer grants the access that the translation was looked
 * up for, too: a fetch of an instruction reads without a permission to
 * read. */
static inline bool answer(const ViommuRequest *req, uint64_t context_flags,
                          uint8_t access, const SmmuMapping *m,
                          ViommuReply *reply)
{
    put_address(req, m,
                smmu_granted(context_flags, access & VIOMMU_PRIV, m->flags) |
                    (access & (VIOMMU_READ | VIOMMU_WRITE)) |
                    (access & VIOMMU_EXEC ? VIOMMU_READ : 0), reply);
    return true;
}

/* The completion of a translation request.  It is never Global: contexts that
 * are shared with a processor (CD.ASET), and those that are not, have each
 * global pages of their own [SMMU 3.9.1]. */
static bool complete(Request *r, const SmmuMapping *m)
{
    bool privileged;
    uint8_t access = smmu_ats_granted(r->context.flags, r->req, m->flags,
                                      &privileged);

    put_address(r->req, m, access, r->reply);
    r->reply->privileged = privileged;
    return true;
}

static bool complete_without_tables(Request *r, uint8_t flags, unsigned span)
{
    const unsigned bits = MIN(span, 63);
    const SmmuMapping m = {
        .page = r->req->addr & ~viommu_bits(bits - 1, 0), .shift = bits,
        .flags = flags,
    };

    return complete(r, &m);
}

static bool nothing_granted(Request *r, unsigned span)
{
    return complete_without_tables(r, 0, span);
}

/* A translation request through stage 1 or 2 gets the permissions that there
 * are, perhaps none [SMMU 3.9.1.2]. */
static bool answer_ats(Request *r)
{
    SmmuMapping m;

    r->wanted = smmu_ats_wanted(r->context.flags, r->req);
    r->wanted.seen = r->seen;
    if (look_up(r, &m)) {
        return complete(r, &m);
    }
    return smmu_is_translation_fault(r->fault.id)
           ? nothing_granted(r, m.shift) : blocked(r, m.shift);
}

static inline bool translate(Request *r)
{
    SmmuMapping m;

    r->wanted = smmu_wanted(r->access, viommu_only_looks(r->req));
    r->wanted.seen = r->seen;
    if (!look_up(r, &m)) {
        return blocked(r, m.shift);
    }
    return answer(r->req, r->context.flags, r->access, &m, r->reply);
}

/* A translated transaction has gone through stage 1 already, or through all
 * stages [SMMU 3.9.1.3] [SMMU 7.3.8] [SMMU 13.6.3]. */
static bool translated(Request *r)
{
    if (r->context.flags & SMMU_CTX_ATS_SPLIT) {
        r->context.flags &= ~SMMU_CTX_S1;
        return translate(r);
    }
    if (!(r->context.flags & SMMU_CTX_ATS)) {
        return blocked_by(r, SMMU_F_TRANSL_FORBIDDEN);
    }
    return bypass(r);
}

/*
 * An ATS translation request [SMMU 3.9.1.2]:
 *
 *   1. the stream has no ATS             F_BAD_ATS_TREQ  [SMMU 7.3.6]
 *   2. there is no context descriptor    blocked; but nothing is granted when
 *                                        stage 2 does not let it be read
 *   3. a stage translates                the permissions that there are
 *   4. S1DSS bypasses stage 1            all that a request without PASID can
 *                                        ask for [SMMU 13.6.4]
 */
static bool translation_request(Request *r)
{
    const ViommuRequest *req = r->req;

    /* 1 */
    if (!(r->context.flags & (SMMU_CTX_ATS | SMMU_CTX_ATS_SPLIT))) {
        return blocked_by(r, SMMU_F_BAD_ATS_TREQ);
    }
    /* 2 */
    if (smmu_context(r->u, req->source, req->pasid, &r->context,
                     &r->fault)) {
        return smmu_is_translation_fault(r->fault.id)
               ? nothing_granted(r, VIOMMU_SPAN_ALL)
               : blocked(r, VIOMMU_SPAN_ALL);
    }
    /* 3 */
    if (r->context.flags & (SMMU_CTX_S1 | SMMU_CTX_S2)) {
        return answer_ats(r);
    }
    /* 4 */
    return req->addr >> r->u->cfg.oas_bits
           ? nothing_granted(r, beyond_output(r))
           : complete_without_tables(r, SMMU_MAP_ALL, r->u->cfg.oas_bits);
}

/* SMMUEN is clear: GBPA decides about transactions, and there is no ATS
 * [SMMU 6.3.15] [SMMU 3.9.1]. */
static bool disabled(Request *r)
{
    if (r->req->kind != VIOMMU_UNTRANSLATED) {
        return blocked_by(r, r->req->kind == VIOMMU_TRANSLATION
                             ? SMMU_F_BAD_ATS_TREQ
                             : SMMU_F_TRANSL_FORBIDDEN);
    }
    return viommu_acquire(&r->u->gbpa) & SMMU_GBPA_ABORT
           ? blocked_silently(r, VIOMMU_SPAN_ALL) : bypass(r);
}

/* The stream table entry's overrides [SMMU 13.1.4].  A translated transaction
 * has no privilege and no execution: they come with a PASID, which it does not
 * have without IDR3.PASIDTT [SMMU 3.9.1.3]. */
static void override_access(Request *r)
{
    uint8_t access = r->req->access;

    if (r->req->kind == VIOMMU_TRANSLATED) {
        access &= ~(VIOMMU_PRIV | VIOMMU_EXEC);
    }
    r->access = smmu_effective_access(r->context.flags, access);
}

/*
 * A request from the beginning [SMMU 3.3]:
 *
 *   1. SMMUEN is clear                   GBPA decides
 *   2. a translated transaction, and ATSCHK is clear
 *                                        bypass [SMMU 3.9.1.3]
 *   3. the context cannot be read        its event
 *   4. Config says abort                 blocked without an event [SMMU 5.2]
 *   5. without ATSCHK, there is no split-stage ATS [SMMU 13.6.3]
 *   6. by the kind of the request; without a stage that translates, bypass
 */
static bool resolve(Request *r)
{
    const ViommuRequest *req = r->req;
    SmmuUnit *u = r->u;
    uint64_t cr0 = viommu_acquire(&u->cr0);
    bool ats = req->kind != VIOMMU_UNTRANSLATED;

    r->seen = viommu_tlb_look(&u->tlb);
    /* 1 */
    if (!(cr0 & SMMU_CR0_SMMUEN)) {
        return disabled(r);
    }
    /* 2 */
    if (req->kind == VIOMMU_TRANSLATED && !(cr0 & SMMU_CR0_ATSCHK)) {
        return bypass(r);
    }
    /* 3: with ATS, of the stream table entry, which says whether ATS is
     * allowed; a translated transaction has no substream. */
    if (smmu_context(u, req->source, ats ? SMMU_STE_ONLY : req->pasid,
                     &r->context, &r->fault)) {
        /* The stream table entry with the overrides may have been read. */
        override_access(r);
        return blocked(r, VIOMMU_SPAN_ALL);
    }
    /* 4 */
    if (r->context.flags & SMMU_CTX_ABORT) {
        return blocked_silently(r, VIOMMU_SPAN_ALL);
    }
    /* 5 */
    if (!(cr0 & SMMU_CR0_ATSCHK)) {
        r->context.flags &= ~(uint64_t)SMMU_CTX_ATS_SPLIT;
    }
    /* 6 */
    override_access(r);
    switch (req->kind) {
    case VIOMMU_TRANSLATED:
        return translated(r);
    case VIOMMU_TRANSLATION:
        return translation_request(r);
    default:
        break;
    }
    if (!(r->context.flags & (SMMU_CTX_S1 | SMMU_CTX_S2))) {
        return bypass(r);
    }
    return translate(r);
}

/* Whether the context has the flag of the fault's stage. */
static bool stage_flag(const Request *r, uint32_t s1, uint32_t s2)
{
    return r->context.flags & (r->fault.s2 ? s2 : s1);
}

/* Only faults of a translation stall, and none of ATS [SMMU 3.12.2]
 * [SMMU 5.5]. */
static bool can_stall(const Request *r)
{
    return smmu_is_translation_fault(r->fault.id) &&
           r->req->kind == VIOMMU_UNTRANSLATED &&
           stage_flag(r, SMMU_CTX_S1_STALL, SMMU_CTX_S2_STALL);
}

/*
 * Whether a fault makes an event:
 *
 *   C_BAD_STREAMID          of transactions, with CR2.RECINVSID [SMMU 7.3.3]
 *   translation request     F_BAD_ATS_TREQ alone [SMMU 3.9.1.2]
 *   translated transaction  no errors of configuration [SMMU 3.9.1.3]
 *   faults of a translation with CD.R or STE.S2R [SMMU 5.5]; a stage 1 that
 *                           does not translate has no CD.R
 *   all others              always [SMMU 7.2.1]
 */
static bool is_recorded(const Request *r)
{
    if (r->fault.id == SMMU_C_BAD_STREAMID) {
        return r->req->kind == VIOMMU_UNTRANSLATED &&
               (viommu_acquire(&r->u->cr2) & SMMU_CR2_RECINVSID);
    }
    switch (r->req->kind) {
    case VIOMMU_TRANSLATION:
        return r->fault.id == SMMU_F_BAD_ATS_TREQ;
    case VIOMMU_TRANSLATED:
        if (!smmu_is_translation_fault(r->fault.id) &&
            r->fault.id != SMMU_F_TRANSL_FORBIDDEN &&
            r->fault.id != SMMU_F_WALK_EABT) {
            return false;
        }
        break;
    default:
        break;
    }
    return !smmu_is_translation_fault(r->fault.id) ||
           (!r->fault.s2 && !(r->context.flags & SMMU_CTX_S1)) ||
           stage_flag(r, SMMU_CTX_S1_RECORD, SMMU_CTX_S2_RECORD);
}

/* Stall, or record an event and terminate [SMMU 3.12]. */
static ViommuStatus report(Request *r)
{
    SmmuEvent event = smmu_event_of(r->req, r->access, &r->fault);

    viommu_count(&r->u->common.stats.faults);
    if (can_stall(r)) {
        switch (smmu_stall(r->u, r->req->source, &event, SMMU_NO_GROUP, NULL,
                           &r->reply->stall_tag)) {
        case SMMU_STALLED:
            return VIOMMU_STALLED;
        case SMMU_STALL_ENDED:
            /* SMMUEN has been cleared, which ends it like those that wait
             * already. */
            return VIOMMU_FAULT;
        default:
            break;
        }
    }
    if (is_recorded(r)) {
        smmu_event_record(r->u, &event, r->context.flags & SMMU_CTX_MEV);
    }
    return VIOMMU_FAULT;
}

/*
 * Whether the context that the short way has found is still what a look-up
 * would find now, in this section: nothing has voided it since.
 */
static bool can_resume(Request *r)
{
    r->seen = viommu_tlb_look(&r->u->tlb);
    return (viommu_acquire(&r->u->cr0) & SMMU_CR0_SMMUEN) &&
           r->stamp == smmu_context_stamp(r->u) &&
           r->tags.own.stamp == smmu_own_stamp(r->u, &r->context);
}

static G_GNUC_NO_INLINE bool resolve_anew(Request *r)
{
    r->access = smmu_effective_access(0, r->req->access);
    r->context.flags = 0;
    r->missed = false;
    return resolve(r);
}

/* Any request.  With r->missed, the short way has done all but the
 * translation. */
static G_GNUC_NO_INLINE ViommuStatus long_way(Request *r)
{
    ViommuStatus status = VIOMMU_OK;

    r->fault = (SmmuFault) { 0 };
    r->silent = false;

    viommu_read_lock();
    if (!(r->missed && can_resume(r) ? translate(r) : resolve_anew(r))) {
        /* In the same section: a thread that switches translation off, or
         * resets the unit, waits for this section, and the event is recorded
         * by then. */
        status = r->silent || r->req->probe ? VIOMMU_FAULT : report(r);
    }
    viommu_read_unlock();
    return status;
}

/*
 * The short way of a transaction whose context and translation are cached.
 * It reads no memory, so the caller's DMA section is all that it needs.  With
 * false, the long way follows: from the beginning, or with r->missed, from
 * where the short way has ended.
 */
static inline bool short_way(Request *r)
{
    const uint32_t unusual = SMMU_CTX_FORCE_PRIV | SMMU_CTX_FORCE_USER |
                             SMMU_CTX_FORCE_DATA | SMMU_CTX_FORCE_INST |
                             SMMU_CTX_ABORT;
    const ViommuRequest *req = r->req;
    const SmmuContext *c = &r->context;
    uint8_t access;
    SmmuMapping m;

    r->missed = false;
    if (req->kind != VIOMMU_UNTRANSLATED ||
        !(viommu_acquire(&r->u->cr0) & SMMU_CR0_SMMUEN) ||
        !smmu_context_find(r->u, req->source, req->pasid, &r->stamp,
                           &r->context) ||
        (c->flags & unusual) || !(c->flags & (SMMU_CTX_S1 | SMMU_CTX_S2))) {
        return false;
    }
    access = smmu_effective_access(0, req->access);
    r->tags = smmu_tags(r->u, c);
    if (!smmu_iotlb_find(r->u, &r->tags, smmu_effective(c, req->addr),
                         smmu_needs(access), &m)) {
        r->access = access;
        r->missed = true;
        return false;
    }
    return answer(req, 0, access, &m, r->reply);
}

ViommuStatus smmu_translate(Viommu *unit, const ViommuRequest *req,
                            ViommuReply *reply)
{
    Request r;

    /* The short way needs no more members than these. */
    r.u = smmu_unit(unit);
    r.req = req;
    r.reply = reply;
    return short_way(&r) ? VIOMMU_OK : long_way(&r);
}

bool smmu_tables(Viommu *unit, uint32_t source, uint32_t pasid,
                 ViommuTables *tables)
{
    SmmuUnit *u = smmu_unit(unit);
    SmmuContext context;
    SmmuFault fault;
    SmmuEventId id;
    uint64_t cut;

    if (!(viommu_acquire(&u->cr0) & SMMU_CR0_SMMUEN)) {
        return false;
    }
    viommu_read_lock();
    id = smmu_context(u, source, pasid, &context, &fault);
    viommu_read_unlock();
    if (id || !(context.flags & (SMMU_CTX_S1 | SMMU_CTX_S2))) {
        return false;
    }
    /* A TLBI for one address of a page of stage 1 is for all of the page
     * [SMMU 4.4.1]. */
    cut = __atomic_load_n(&u->cut_sizes, __ATOMIC_SEQ_CST);
    *tables = (ViommuTables) {
        .cut = cut && (context.flags & SMMU_CTX_S2) ? viommu_highest_bit(cut)
                                                    : 0,
        .stage1 = context.flags & SMMU_CTX_S1,
        .stage2 = context.flags & SMMU_CTX_S2,
        .domain = context.flags & SMMU_CTX_S2 ? context.vmid : context.asid,
        .pasid = VIOMMU_NO_PASID,
        .aliases = (context.flags & SMMU_CTX_S1) &&
                   (viommu_get(context.base[0], SMMU_BASE_TBI) ||
                    viommu_get(context.base[1], SMMU_BASE_TBI)),
    };
    return true;
}

/* To an SMMU, interrupt messages of endpoints are writes like others. */
ViommuMsiResult smmu_remap_msi(Viommu *unit, uint32_t source, bool ioapic,
                               const ViommuMsi *in, bool probe,
                               ViommuMsi *out)
{
    (void)unit;
    (void)ioapic;
    (void)source;
    (void)probe;
    *out = *in;
    return VIOMMU_MSI_DELIVER;
}
