/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtual commands: VCMD, VCRSP, VCCAP (11.4).  Software that shares PASIDs
 * with others asks the unit for them.
 *
 * They come from a bitmap of the unit's own.  allocate() and give_back() are
 * all that knows it.
 */
#include "hw/iommu/vtd/unit.h"

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
        u->pasids[0] = 1;       /* requests without PASID have 0 */
        if (u->cfg.pasid_bits < 6) {
            u->pasids[0] |= UINT64_MAX << (1u << u->cfg.pasid_bits);
        }
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

static bool give_back(VtdUnit *u, uint32_t pasid)
{
    uint64_t bit = UINT64_C(1) << (pasid % 64);

    if (!pasid || pasid >> u->cfg.pasid_bits ||
        !(u->pasids[pasid / 64] & bit)) {
        return false;
    }
    u->pasids[pasid / 64] &= ~bit;
    u->pasids_full = MIN(u->pasids_full, pasid / 64);
    return true;
}

/* A command is done when the write that gave it returns. */
void vtd_virtual_command(VtdUnit *u)
{
    uint64_t command = u->common.regs.values[u->vcmd], response = 0;
    unsigned status = VTD_VC_SUCCESS;
    uint32_t pasid;

    switch (viommu_get(command, VTD_VCMD_COMMAND)) {
    case VTD_VCMD_NULL:
        break;
    case VTD_VCMD_ALLOCATE:
        pasid = allocate(u);
        if (pasid) {
            response = viommu_put(response, VTD_VCRSP_PASID, pasid);
        } else {
            status = VTD_VC_NO_PASID;
        }
        break;
    case VTD_VCMD_FREE:
        if (!give_back(u, viommu_get(command, VTD_VCMD_PASID))) {
            status = VTD_VC_INVALID_PASID;
        }
        break;
    default:
        status = VTD_VC_UNDEFINED;
        break;
    }
    u->common.regs.values[u->vcmd + 1] = viommu_put(response, VTD_VCRSP_STATUS,
                                             status);
}
