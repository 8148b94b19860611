/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices behind the unit: which of the guest's tables the host walks or
 * has a shadow of, and which faults of the host the guest sees
 * (host/unit/forward.h).
 *
 *   PASID entry, as the guest's commands make it valid    in the host
 *   ------------------------------------------------------------------------
 *   translation off, without PASID                        all of memory
 *   pass-through                                          all of memory
 *   first stage, with nesting                             nested tables
 *   everything else that translates, and legacy mode      shadowed
 *   not present, broken, translation off with a PASID     blocked
 *
 * Requests with PASID 0 are behind the same tables as requests without PASID,
 * because hosts keep PASID 0 for these.
 *
 * A wait descriptor completes after the host has acknowledged all commands
 * before it.  When the host refuses a command, the guest sees a device that
 * does not answer: an invalidation time-out with the device's source-id
 * [VTD 6.5.2.10].
 */
#include "hw/iommu/vtd/forward.h"

#include "hw/iommu/common/embedder.h"
#include "hw/iommu/host/unit/bind.h"
#include "hw/iommu/host/unit/forward-step.h"
#include "hw/iommu/host/unit/pasids.h"
#include "hw/iommu/vtd/address.h"
#include "hw/iommu/vtd/capabilities.h"
#include "hw/iommu/vtd/context_cache.h"
#include "hw/iommu/vtd/faults.h"
#include "hw/iommu/vtd/scalable.h"

#define CANONICAL_HALF_4    47
#define CANONICAL_HALF_5    56

/* --- What the host must be able to do ------------------------------------ */

typedef struct Need {
    uint64_t bit;
    const char *name;
} Need;

static bool refuse(GError **error, const char *format, const char *what)
{
    g_autofree char *text = g_strdup_printf(format, what);

    g_set_error_literal(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST, text);
    return false;
}

static bool has_bits(uint64_t host, uint64_t wanted, const Need *needs,
                     size_t n, GError **error)
{
    for (size_t i = 0; i < n; i++) {
        if ((wanted & needs[i].bit) && !(host & needs[i].bit)) {
            return refuse(error, "the host's IOMMU lacks %s", needs[i].name);
        }
    }
    return true;
}

/* Whether the host can walk the guest's first-stage tables.  The guest may use
 * what the unit's CAP and ECAP announce, so the host needs that too
 * [VTD 11.4.2] [VTD 11.4.3]. */
static bool can_nest(const VtdUnit *u, const ViommuHostCaps *caps,
                     GError **error)
{
    static const Need ecap[] = {
        { VTD_ECAP_SMTS, "scalable mode (ECAP.SMTS)" },
        { VTD_ECAP_NEST, "nested translation (ECAP.NEST)" },
        { VTD_ECAP_FSTS, "first-stage translation (ECAP.FSTS)" },
        { VTD_ECAP_SSTS, "second-stage translation (ECAP.SSTS)" },
        { VTD_ECAP_SRS, "supervisor requests (ECAP.SRS)" },
        { VTD_ECAP_EAFS, "extended accessed flags (ECAP.EAFS)" },
    };
    static const Need cap[] = {
        { VTD_CAP_FS1GP, "1 GiB pages of the first stage (CAP.FS1GP)" },
        { VTD_CAP_FS5LP, "5-level first-stage tables (CAP.FS5LP)" },
    };
    uint64_t needed = vtd_extended_capabilities(&u->cfg);

    if (!u->cfg.scalable_mode || !u->cfg.first_stage) {
        return refuse(error, "nesting needs %s of the unit",
                      u->cfg.scalable_mode ? "x-flts/fsts=on"
                                           : "x-scalable-mode=on");
    }
    if (caps->kind != VIOMMU_HOST_VTD) {
        return refuse(error, "nesting needs %s in the host", "Intel VT-d");
    }
    if (caps->host_pasids && !caps->pasid_bits) {
        return refuse(error, "the host's user API lacks %s",
                      "PASIDs for this device");
    }
    needed |= VTD_ECAP_SMTS | VTD_ECAP_NEST | VTD_ECAP_SSTS;
    if (!has_bits(caps->vtd_ecap, needed, ecap, G_N_ELEMENTS(ecap), error) ||
        !has_bits(caps->vtd_cap, u->common.regs.table[VTD_REG_CAP].reset, cap,
                  G_N_ELEMENTS(cap), error)) {
        return false;
    }
    if (!caps->nesting) {
        return refuse(error, "the host's user API lacks %s",
                      "parents of nested tables");
    }
    if (caps->host_pasids && !u->cfg.virtual_commands) {
        return refuse(error, "nesting needs %s: PASIDs are the host's to give",
                      "virtual-commands=on");
    }
    if (u->cfg.rid_priv) {
        return refuse(error, "nesting needs %s: hosts make no request "
                      "without PASID a privileged one", "rid-priv=off");
    }
    if (u->cfg.memory_types && !caps->memory_types) {
        return refuse(error, "the host's user API lacks %s, which "
                      "memory-types=on promises", "memory types (ECAP.MTS)");
    }
    return true;
}

static bool check(Viommu *unit, const ViommuHostCaps *caps,
                  ViommuNesting nesting, bool *nested, GError **error)
{
    const VtdUnit *u = vtd_unit(unit);

    if (!u->cfg.caching_mode) {
        return refuse(error, "host devices need %s, or changes of the "
                      "guest's tables go unseen", "caching-mode=on");
    }
    if (u->cfg.protected_memory) {
        return refuse(error, "host devices need %s: their DMA does not meet "
                      "the unit's protected memory regions", "pmr=off");
    }
    if (nesting == VIOMMU_NESTING_OFF) {
        *nested = false;
        return true;
    }
    *nested = can_nest(u, caps, nesting == VIOMMU_NESTING_ON ? error : NULL);
    return *nested || nesting == VIOMMU_NESTING_AUTO;
}

/* --- What the guest's tables say ----------------------------------------- */

static ViommuHostTable table_of(const VtdUnit *u, const VtdContext *c,
                                bool nested)
{
    ViommuHostTable table = { .type = VIOMMU_HOST_SHADOW };

    if (c->pgtt == VTD_PGTT_PASS_THROUGH) {
        table.type = VIOMMU_HOST_PARENT;
    } else if (c->pgtt == VTD_PGTT_FIRST && nested) {
        table.type = VIOMMU_HOST_NESTED;
        table.vtd.pgd = c->fs_table;
        table.vtd.addr_width = vtd_levels_width(c->fs_levels);
        table.vtd.sre = c->sre;
        table.vtd.eafe = c->eafe;
        table.vtd.wpe = c->wpe;
        table.vtd.cd = c->memory_types & VTD_PASID_CD;
        table.vtd.emte = c->memory_types & VTD_PASID_EMTE;
        table.vtd.pat = viommu_get(c->memory_types, VTD_PASID_PAT);
    } else if (vtd_has_first_stage(c)) {
        /* Hosts map nothing in the upper half of canonical addresses
         * [VTD 3.6]. */
        table.width = c->fs_levels == 5 ? CANONICAL_HALF_5 : CANONICAL_HALF_4;
        table.two_stages = c->pgtt == VTD_PGTT_NESTED;
        table.root[0] = c->fs_table;
        table.root[1] = table.two_stages ? c->ss_table : 0;
    } else {
        table.width = vtd_second_width(&u->cfg, c->ss_levels);
        table.root[0] = c->ss_table;
    }
    return table;
}

static void look(Viommu *unit, ViommuHostDevice *device, uint32_t pasid)
{
    ViommuHostTable table = { .type = VIOMMU_HOST_BLOCKED };
    VtdUnit *u = vtd_unit(unit);
    VtdContext c = { 0 };

    if (pasid == 0) {
        return;
    }
    if (!(viommu_acquire(&u->enabled) & VTD_GCMD_TE)) {
        if (pasid == VIOMMU_NO_PASID) {
            table.type = VIOMMU_HOST_PARENT;
        }
    } else if (device->source <= UINT16_MAX) {
        VtdReason reason;

        viommu_read_lock();
        reason = vtd_context_tables(u, viommu_acquire(&u->root),
                                    device->source, pasid, &c);
        viommu_read_unlock();
        if (!reason) {
            table = table_of(u, &c, device->nested &&
                                    (pasid != VIOMMU_NO_PASID ||
                                     device->caps.rid_nesting));
        }
    }
    viommu_forward_bind(device, pasid, &table, c.did, c.pasid);
}

static uint32_t scan(Viommu *unit, ViommuHostDevice *device, uint32_t first)
{
    VtdUnit *u = vtd_unit(unit);
    uint32_t next = VIOMMU_NO_PASID;
    VtdScanned scanned = { 0 };

    if ((viommu_acquire(&u->enabled) & VTD_GCMD_TE) &&
        vtd_table_mode(u) == VTD_TTM_SCALABLE && device->caps.pasid_bits &&
        !(first >> device->caps.pasid_bits)) {
        viommu_read_lock();
        next = vtd_scalable_scan(u, device->source, first, &scanned);
        viommu_read_unlock();
    }
    for (unsigned i = 0; i < scanned.n; i++) {
        if (!(scanned.pasid[i] >> device->caps.pasid_bits)) {
            look(unit, device, scanned.pasid[i]);
        }
    }
    return next;
}

/* --- What the guest invalidates ------------------------------------------ */

/* [VTD 6.5.2.1] */
void vtd_host_note_contexts(VtdUnit *u, bool all, uint16_t source,
                            uint16_t mask)
{
    viommu_forward_note_source(&u->common, all ? VIOMMU_ANY : source, mask);
}

/* [VTD 6.5.2.2] */
void vtd_host_note_pasid(VtdUnit *u, bool all, uint32_t pasid)
{
    if (all) {
        viommu_forward_note_source(&u->common, VIOMMU_ANY, 0);
    } else {
        viommu_forward_note_pasid(&u->common, pasid);
    }
}

void vtd_host_note_iotlb(VtdUnit *u, const ViommuInvalidation *inv, bool paged)
{
    const ViommuForwardWhich which = {
        .source = VIOMMU_ANY, .domain = inv->domain, .tag = VIOMMU_ANY,
        /* A page-selective one names an address of the second stage, which
         * the host's nested tables do not have [VTD 6.5.2.3]. */
        .shadows_only = paged,
    };
    const ViommuHostInvalidation gone = {
        .all = !paged, .addr = inv->addr, .size = inv->size,
    };

    viommu_forward_note_invalidation(&u->common, &which, &gone);
}

/* [VTD 6.5.2.4] */
void vtd_host_note_piotlb(VtdUnit *u, const ViommuInvalidation *inv)
{
    const ViommuForwardWhich which = {
        .source = VIOMMU_ANY, .domain = inv->domain, .tag = inv->pasid,
    };
    const ViommuHostInvalidation gone = {
        .all = !inv->size, .addr = inv->addr, .size = inv->size,
        .leaf = inv->leaf_only,
    };

    viommu_forward_note_invalidation(&u->common, &which, &gone);
}

/* [VTD 6.5.2.5] [VTD 6.5.2.6] */
bool vtd_host_note_devtlb(VtdUnit *u, const ViommuInvalidation *inv)
{
    const ViommuForwardWhich which = {
        .source = inv->source, .domain = VIOMMU_ANY, .tag = VIOMMU_ANY,
        .one_pasid = !inv->global, .pasid = inv->pasid,
    };
    const ViommuHostInvalidation gone = {
        .all = !inv->size, .addr = inv->addr, .size = inv->size,
        .leaf = true, .device_tlb = true,
    };

    if (!viommu_forward_active(&u->common) ||
        !viommu_forward_has(&u->common, inv->source)) {
        return false;
    }
    viommu_forward_note_invalidation(&u->common, &which, &gone);
    return true;
}

void vtd_host_switched(Viommu *unit)
{
    viommu_forward_note_source(unit, VIOMMU_ANY, 0);
}

bool vtd_host_switch_settle(Viommu *unit)
{
    return vtd_host_settle(vtd_unit(unit));
}

static void run_host(VtdUnit *u, bool later)
{
    viommu_unit_lock(&u->common);
    u->common.work.todo |= VTD_WORK_HOST;
    viommu_unit_unlock(&u->common);
    if (later) {
        viommu_unit_run_later(&u->common);
    } else {
        u->common.model->run(&u->common);
    }
}

void vtd_host_reset(VtdUnit *u, bool later)
{
    viommu_forward_reset(&u->common);
    if (viommu_forward_busy(&u->common)) {
        run_host(u, later);
    }
}

void vtd_host_pasids_gone(VtdUnit *u, const uint64_t *words, size_t n)
{
    if (viommu_forward_gives_pasids(&u->common)) {
        viommu_forward_note_dropped_pasids(&u->common, words, n);
    }
}

static void run_unit(Viommu *unit)
{
    run_host(vtd_unit(unit), false);
}

bool vtd_host_busy(const VtdUnit *u)
{
    return viommu_forward_busy(&u->common);
}

/* What the host refuses is a time-out of its device [VTD 6.5.2.10]. */
bool vtd_host_settle(VtdUnit *u)
{
    uint32_t failed;
    bool more;

    if (!viommu_forward_busy(&u->common)) {
        return true;
    }
    more = viommu_forward_step(&u->common, &vtd_forward_model, &failed);
    if (failed != VIOMMU_ANY) {
        vtd_source_silent(u, failed & UINT16_MAX);
    }
    return !more;
}

/* --- What the host reports ----------------------------------------------- */

/* A fault of the host's IOMMU is recorded as the unit's own, unless FPD of the
 * guest's entries forbids it [VTD 7.1.3]. */
static void fault(Viommu *unit, const ViommuHostFault *host)
{
    const ViommuPageRequest *req = &host->request;
    VtdUnit *u = vtd_unit(unit);
    VtdContext c = { 0 };
    VtdFault record = {
        .reason = host->reason,
        .source = req->source,
        .pasid = req->pasid,
        .info = req->addr & ~(VTD_PAGE_SIZE - 1),
        .write = req->access & VIOMMU_WRITE,
        .execute = req->access & VIOMMU_EXEC,
        .privileged = req->access & VIOMMU_PRIV,
    };

    if (host->type != VIOMMU_HOST_FAULT_UNRECOVERABLE) {
        return;
    }
    viommu_count(&unit->stats.faults);
    viommu_read_lock();
    vtd_context_tables(u, viommu_acquire(&u->root), req->source, req->pasid,
                       &c);
    viommu_read_unlock();
    if (!c.fpd) {
        vtd_fault_report(u, &record);
    }
}

const ViommuForwardModel vtd_forward_model = {
    .check = check,
    .attached = run_unit,
    .run = run_unit,
    .look = look,
    .scan = scan,
    .fault = fault,
};
