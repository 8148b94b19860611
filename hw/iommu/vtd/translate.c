/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way of a DMA request begins here: the short way, and from where that
 * ends, the long way (request.c).
 */
#include "hw/iommu/vtd/translate.h"

#include "hw/iommu/vtd/context_cache.h"
#include "hw/iommu/vtd/iotlb.h"
#include "hw/iommu/vtd/permissions.h"
#include "hw/iommu/vtd/request.h"

typedef enum Outcome {
    UNDECIDED,          /* the long way begins anew */
    MISSED,             /* the context is cached, its translation is not */
    ANSWERED,
} Outcome;

/* Pass-through.  Whether a protected memory region covers the address is the
 * long way's to say [VTD 11.4.8.1]. */
static inline Outcome pass_through(const VtdUnit *u, const ViommuRequest *req,
                                   ViommuReply *reply)
{
    if (viommu_acquire(&u->pmr_on)) {
        return UNDECIDED;
    }
    viommu_put_reply(reply, req->addr, vtd_identity_size(req->addr),
                     VIOMMU_READ | VIOMMU_WRITE);
    return ANSWERED;
}

static inline Outcome from_iotlb(const VtdUnit *u, const ViommuTag *tag,
                                 const ViommuRequest *req, ViommuReply *reply)
{
    VtdReason reason;
    VtdMapping m;
    uint8_t access;

    if (!vtd_iotlb_lookup(u, tag, req->addr, &m, &reason)) {
        return MISSED;
    }
    access = vtd_until_dirty(vtd_granted_to_all(m.flags), m.flags);
    if (reason || (req->access & ~access)) {
        return UNDECIDED;
    }
    viommu_put_reply(reply, 0, 0, 0);
    return vtd_answer(req, &m, access, reply) ? ANSWERED : UNDECIDED;
}

/*
 * Nearly each request finds its context and its translation in the caches, and
 * they grant what it wants.  This way answers these requests and no others.  It
 * takes no snapshot, because it fills no cache, and no section, because it
 * reads no guest memory.  With MISSED, the long way goes on from *@missed.
 */
static inline Outcome short_way(const VtdUnit *u, const ViommuRequest *req,
                                ViommuReply *reply, VtdMissed *missed)
{
    const uint64_t uncommon = viommu_field_mask(VTD_CTX_REASON) |
                              viommu_field_mask(VTD_CTX_PRIVILEGED);
    ViommuSeen seen = viommu_cache_look(&u->contexts);
    ViommuCacheEntry e;
    ViommuTag tag;
    Outcome outcome;
    uint64_t w0;
    unsigned pgtt;
    uint16_t did;

    if (req->kind != VIOMMU_UNTRANSLATED || !req->access ||
        (req->access & ~(VIOMMU_READ | VIOMMU_WRITE)) ||
        vtd_in_interrupt_range(req->addr) ||
        !(viommu_acquire(&u->enabled) & VTD_GCMD_TE) ||
        vtd_table_mode(u) > VTD_TTM_SCALABLE ||
        !vtd_context_find(u, req->source, req->pasid, &e) ||
        (e.value[0] & uncommon)) {
        return UNDECIDED;
    }
    w0 = e.value[0];
    pgtt = viommu_get(w0, VTD_CTX_PGTT);
    did = viommu_get(e.value[1], VTD_CTX_DID);
    if (pgtt == VTD_PGTT_FIRST || pgtt == VTD_PGTT_NESTED) {
        if (!vtd_is_canonical(viommu_get(w0, VTD_CTX_FS_LEVELS), req->addr)) {
            return UNDECIDED;
        }
        tag = vtd_first_tag(u, did, viommu_get(e.stamp, VTD_CTX_PASID));
    } else {
        if (req->addr >> vtd_no_first_width(&u->cfg, pgtt,
                                            viommu_get(w0, VTD_CTX_SCALABLE),
                                            viommu_get(w0,
                                                       VTD_CTX_SS_LEVELS))) {
            return UNDECIDED;
        }
        if (pgtt == VTD_PGTT_PASS_THROUGH) {
            return pass_through(u, req, reply);
        }
        tag = vtd_second_tag(u, did);
    }
    outcome = from_iotlb(u, &tag, req, reply);
    if (outcome == MISSED) {
        missed->context = e;
        missed->seen = seen;
    }
    return outcome;
}

ViommuStatus vtd_translate(Viommu *unit, const ViommuRequest *req,
                           ViommuReply *reply)
{
    VtdUnit *u = vtd_unit(unit);
    VtdMissed missed;
    Outcome outcome = short_way(u, req, reply, &missed);

    return outcome == ANSWERED
           ? VIOMMU_OK
           : vtd_long_way(u, req, reply, outcome == MISSED ? &missed : NULL);
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
    reason = vtd_context_get(u, &seen, viommu_latched(&u->root, &seen),
                             source, pasid, &context);
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
