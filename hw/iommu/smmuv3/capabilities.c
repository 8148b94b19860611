/* SPDX-License-Identifier: BSD-3-Clause */
/* What the unit announces in its ID registers, by its options. */
#include "hw/iommu/smmuv3/stall.h"
#include "hw/iommu/smmuv3/unit.h"

/* IDR0 [SMMU 6.3.1].  Both sizes of tags are announced whatever stages there
 * are, as the stock model does. */
static uint64_t idr0_of(const ViommuSmmuv3Config *cfg)
{
    uint64_t idr0 = SMMU_IDR0_COHACC | SMMU_IDR0_ASID16 | SMMU_IDR0_VMID16 |
                    SMMU_IDR0_TERM_MODEL;

    idr0 = viommu_put(idr0, SMMU_IDR0_TTF, SMMU_TTF_AARCH64);
    idr0 = viommu_put(idr0, SMMU_IDR0_TTENDIAN, SMMU_TTENDIAN_LITTLE);
    idr0 = viommu_put(idr0, SMMU_IDR0_STALL_MODEL,
                      cfg->stall ? SMMU_STALL_MODEL_BOTH
                                 : SMMU_STALL_MODEL_NONE);
    idr0 = viommu_put(idr0, SMMU_IDR0_ST_LEVEL, 1);
    idr0 = viommu_put(idr0, SMMU_IDR0_HTTU, cfg->httu);
    return idr0 |
           (cfg->stage1 ? SMMU_IDR0_S1P : 0) |
           (cfg->stage2 ? SMMU_IDR0_S2P : 0) |
           (cfg->atos ? SMMU_IDR0_ATOS : 0) |
           (cfg->ssid_bits ? SMMU_IDR0_CD2L : 0) |
           (cfg->ats ? SMMU_IDR0_ATS : 0) | (cfg->pri ? SMMU_IDR0_PRI : 0) |
           (cfg->msi ? SMMU_IDR0_MSI : 0) | (cfg->hyp ? SMMU_IDR0_HYP : 0);
}

/* IDR1 [SMMU 6.3.2] */
static uint64_t idr1_of(const ViommuSmmuv3Config *cfg)
{
    uint64_t idr1 = cfg->attr_perms_ovr ? SMMU_IDR1_ATTR_PERMS_OVR : 0;

    idr1 = viommu_put(idr1, SMMU_IDR1_SIDSIZE, cfg->sid_bits);
    idr1 = viommu_put(idr1, SMMU_IDR1_SSIDSIZE, cfg->ssid_bits);
    idr1 = viommu_put(idr1, SMMU_IDR1_PRIQS,
                      cfg->pri ? SMMU_QUEUE_LOG2_MAX : 0);
    idr1 = viommu_put(idr1, SMMU_IDR1_EVENTQS, SMMU_QUEUE_LOG2_MAX);
    return viommu_put(idr1, SMMU_IDR1_CMDQS, SMMU_QUEUE_LOG2_MAX);
}

/* IDR3 [SMMU 6.3.4] */
static uint64_t idr3_of(const ViommuSmmuv3Config *cfg)
{
    return viommu_put(0, SMMU_IDR3_BBML, cfg->bbml) |
           (cfg->stage1 ? SMMU_IDR3_HAD : 0) |
           (cfg->ril ? SMMU_IDR3_RIL : 0) |
           (cfg->fwb ? SMMU_IDR3_FWB : 0) |
           (cfg->stage2 ? SMMU_IDR3_XNX : 0);
}

/* IDR5 [SMMU 6.3.6] */
static uint64_t idr5_of(const ViommuSmmuv3Config *cfg)
{
    uint64_t idr5 = SMMU_IDR5_GRAN4K | SMMU_IDR5_GRAN16K | SMMU_IDR5_GRAN64K;

    idr5 = viommu_put(idr5, SMMU_IDR5_OAS, smmu_encoded_size(cfg->oas_bits));
    /* 52-bit input addresses come with the 64 KiB granule. */
    idr5 = viommu_put(idr5, SMMU_IDR5_VAX, cfg->oas_bits == 52);
    return viommu_put(idr5, SMMU_IDR5_STALL_MAX,
                      cfg->stall ? SMMU_STALLS : 0);
}

void smmu_capabilities_init(SmmuUnit *u)
{
    ViommuReg *table = u->common.regs.table;

    table[SMMU_REG_IDR0].reset = idr0_of(&u->cfg);
    table[SMMU_REG_IDR1].reset = idr1_of(&u->cfg);
    table[SMMU_REG_IDR3].reset = idr3_of(&u->cfg);
    table[SMMU_REG_IDR5].reset = idr5_of(&u->cfg);
    viommu_regs_reset(&u->common.regs);
}
