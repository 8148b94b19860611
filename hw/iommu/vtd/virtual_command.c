/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual commands [VTD 11.4]: VCMD, VCRSP, VCCAP.  Software that shares the
 * space of PASIDs with other software asks the unit for PASIDs.
 *
 * A bitmap says which PASIDs the guest has.  The unit gives them out itself,
 * unless a host of host devices wants to do so.  Then the command is in
 * progress (VCRSP.IP) until the host has answered; the host is called outside
 * of the unit's lock.
 */
#include "hw/iommu/vtd/virtual_command.h"

#include "hw/iommu/common/embedder.h"
#include "hw/iommu/host/unit/pasids.h"

size_t vtd_pasid_words(const ViommuVtdConfig *cfg)
{
    if (!cfg->virtual_commands) {
        return 0;
    }
    return cfg->pasid_bits > 6 ? (size_t)1 << (cfg->pasid_bits - 6) : 1;
}

void vtd_pasids_reset(VtdUnit *u)
{
    size_t n = vtd_pasid_words(&u->cfg);

    u->pasids_full = 0;
    for (size_t i = 0; i < n; i++) {
        u->pasids[i] = 0;
    }
    if (n) {
        u->pasids[0] = 1;       /* PASID 0 is for requests without PASID */
        if (u->cfg.pasid_bits < 6) {
            u->pasids[0] |= UINT64_MAX << (1u << u->cfg.pasid_bits);
        }
    }
}

void vtd_pasids_forget(VtdUnit *u, uint64_t *forgotten)
{
    size_t n = vtd_pasid_words(&u->cfg);

    for (size_t i = 0; i < n; i++) {
        forgotten[i] = u->pasids[i];
    }
    vtd_pasids_reset(u);
    for (size_t i = 0; i < n; i++) {
        forgotten[i] &= ~u->pasids[i];
    }
}

/* The lowest free PASID, or 0. */
static uint32_t allocate(VtdUnit *u)
{
    size_t n = vtd_pasid_words(&u->cfg);

    while (u->pasids_full < n) {        /* at most 2^14 words */
        uint64_t *word = &u->pasids[u->pasids_full];

        if (~*word) {
            unsigned bit = __builtin_ctzll(~*word);

            *word |= UINT64_C(1) << bit;
            return u->pasids_full * 64 + bit;
        }
        u->pasids_full++;
    }
    return 0;
}

/* Whether the guest has @pasid. */
static bool is_given(const VtdUnit *u, uint32_t pasid)
{
    return pasid && !(pasid >> u->cfg.pasid_bits) &&
           (u->pasids[pasid / 64] >> pasid % 64 & 1);
}

static void give_back(VtdUnit *u, uint32_t pasid)
{
    u->pasids[pasid / 64] &= ~(UINT64_C(1) << pasid % 64);
    u->pasids_full = MIN(u->pasids_full, pasid / 64);
}

/* Write VCRSP, which ends the command [VTD 11.4]. */
static void respond(VtdUnit *u, unsigned status, uint32_t pasid)
{
    uint64_t response = viommu_put(0, VTD_VCRSP_STATUS, status);

    u->vcmd_running = 0;
    u->common.regs.values[u->vcmd + 1] = viommu_put(response, VTD_VCRSP_PASID,
                                                    pasid);
}

static void allocate_command(VtdUnit *u)
{
    uint32_t pasid = allocate(u);

    respond(u, pasid ? VTD_VC_SUCCESS : VTD_VC_NO_PASID, pasid);
}

static void free_command(VtdUnit *u, uint32_t pasid)
{
    bool given = is_given(u, pasid);

    if (given) {
        give_back(u, pasid);
    }
    respond(u, given ? VTD_VC_SUCCESS : VTD_VC_INVALID_PASID, 0);
}

/* The write of VCMD starts a command [VTD 11.4].  It ends before the write
 * returns, unless a host is asked. */
void vtd_virtual_command(VtdUnit *u)
{
    uint64_t command = u->common.regs.values[u->vcmd];

    if (u->common.regs.values[u->vcmd + 1] & VTD_VCRSP_IP) {
        return;     /* software must wait until the last one has ended */
    }
    switch (viommu_get(command, VTD_VCMD_COMMAND)) {
    case VTD_VCMD_NULL:
        respond(u, VTD_VC_SUCCESS, 0);
        break;
    case VTD_VCMD_ALLOCATE:
    case VTD_VCMD_FREE:
        u->vcmd_running = command;
        u->common.regs.values[u->vcmd + 1] = VTD_VCRSP_IP;
        if (viommu_forward_gives_pasids(&u->common)) {
            u->common.work.todo |= VTD_WORK_VCMD;
        } else {
            vtd_virtual_command_go_on(u);
        }
        break;
    default:
        respond(u, VTD_VC_UNDEFINED, 0);
        break;
    }
}

static void allocate_from_host(VtdUnit *u)
{
    uint32_t max = (1u << u->cfg.pasid_bits) - 1, pasid;
    uint64_t life = u->common.life;
    int ret;

    viommu_unit_unlock(&u->common);
    ret = viommu_forward_alloc_pasid(&u->common, 1, max, &pasid);
    viommu_unit_lock(&u->common);
    if (life != u->common.life) {
        viommu_unit_unlock(&u->common);
        if (!ret) {
            viommu_forward_free_pasid(&u->common, pasid);
        }
        viommu_unit_lock(&u->common);
        return;
    }
    if (ret) {
        respond(u, VTD_VC_NO_PASID, 0);
    } else {
        u->pasids[pasid / 64] |= UINT64_C(1) << pasid % 64;
        respond(u, VTD_VC_SUCCESS, pasid);
    }
}

static void free_to_host(VtdUnit *u, uint32_t pasid)
{
    uint64_t life = u->common.life;
    int ret;

    viommu_unit_unlock(&u->common);
    ret = viommu_forward_free_pasid(&u->common, pasid);
    viommu_unit_lock(&u->common);
    if (life != u->common.life) {
        return;
    }
    if (ret) {
        /* The host refuses: the guest's tables still use the PASID. */
        respond(u, VTD_VC_INVALID_PASID, 0);
    } else {
        free_command(u, pasid);
    }
}

void vtd_virtual_command_go_on(VtdUnit *u)
{
    uint64_t command = u->vcmd_running;
    uint32_t pasid = viommu_get(command, VTD_VCMD_PASID);
    bool host = viommu_forward_gives_pasids(&u->common);

    if (viommu_get(command, VTD_VCMD_COMMAND) == VTD_VCMD_ALLOCATE) {
        if (host) {
            allocate_from_host(u);
        } else {
            allocate_command(u);
        }
    } else if (host && is_given(u, pasid)) {
        free_to_host(u, pasid);
    } else {
        free_command(u, pasid);
    }
}
