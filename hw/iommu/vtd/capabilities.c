/* SPDX-License-Identifier: BSD-3-Clause */
/* What a unit with given options announces in CAP and ECAP. */
#include "hw/iommu/vtd/capabilities.h"

#include "hw/iommu/vtd/defs.h"

/* CAP [VTD 11.4.2]. */
uint64_t vtd_capabilities(const ViommuVtdConfig *cfg)
{
    bool many = cfg->fault_records > VTD_FRCD_FEW;
    uint64_t cap = VTD_CAP_PSI;

    cap = viommu_put(cap, VTD_CAP_ND, 6);           /* 16-bit domain-ids */
    cap = viommu_put(cap, VTD_CAP_MGAW, cfg->aw_bits - 1);
    cap = viommu_put(cap, VTD_CAP_FRO,
                     (many ? VTD_FRCD_OFFSET_MANY : VTD_FRCD_OFFSET) / 16);
    cap = viommu_put(cap, VTD_CAP_NFR, cfg->fault_records - 1);
    cap = viommu_put(cap, VTD_CAP_SSLPS, 3);        /* 2 MiB and 1 GiB */
    cap = viommu_put(cap, VTD_CAP_MAMV, VTD_MAMV);
    if (cfg->dma_translation) {
        /* Bits 1, 2, 3: tables of 3, 4, 5 levels, up to aw-bits. */
        cap = viommu_put(cap, VTD_CAP_SAGAW,
                         cfg->aw_bits == 39 ? 0x2 :
                         cfg->aw_bits == 48 ? 0x6 : 0xe);
    }
    if (cfg->dma_drain) {
        cap |= VTD_CAP_DRD | VTD_CAP_DWD;
    }
    if (cfg->caching_mode) {
        cap |= VTD_CAP_CM;
    }
    if (cfg->protected_memory) {
        cap |= VTD_CAP_PLMR | VTD_CAP_PHMR;
    }
    if (cfg->posted_interrupts) {
        cap |= VTD_CAP_PI;
    }
    if (cfg->first_stage) {
        cap |= (cfg->fs1gp ? VTD_CAP_FS1GP : 0) |
               (cfg->aw_bits == 57 ? VTD_CAP_FS5LP : 0);
    }
    if (cfg->enhanced_set_pointer) {
        cap |= VTD_CAP_ESRTPS;
        if (cfg->interrupt_remapping) {
            cap |= VTD_CAP_ESIRTPS;
        }
    }
    return cap;
}

/* ECAP.SSTS [VTD 11.4.3]. */
bool vtd_second_stage_supported(const ViommuVtdConfig *cfg)
{
    return cfg->scalable_mode && (!cfg->first_stage || cfg->nested);
}

/*
 * ECAP.SMPWCS [VTD 11.4.3].  Walks always see what processors have written.
 * QEMU's stock model does not announce that; so the unit announces it together
 * with a feature that the stock model lacks, and the default ECAP is the same.
 */
static bool page_walk_snoop(const ViommuVtdConfig *cfg)
{
    return cfg->nested || cfg->dirty_tracking || cfg->page_requests;
}

/* The part of ECAP that needs scalable mode [VTD 11.4.3]. */
static uint64_t scalable_capabilities(const ViommuVtdConfig *cfg)
{
    uint64_t ecap = VTD_ECAP_SMTS | VTD_ECAP_SRS;

    if (vtd_second_stage_supported(cfg)) {
        ecap |= VTD_ECAP_SSTS;
        ecap |= cfg->dirty_tracking ? VTD_ECAP_SSADS : 0;
    }
    if (cfg->first_stage) {
        ecap |= VTD_ECAP_FSTS | VTD_ECAP_ERS;
        ecap |= cfg->extended_access ? VTD_ECAP_EAFS : 0;
    }
    if (cfg->nested) {
        ecap |= VTD_ECAP_NEST;
    }
    if (page_walk_snoop(cfg)) {
        ecap |= VTD_ECAP_SMPWCS;
    }
    if (cfg->page_requests) {
        ecap |= VTD_ECAP_PRS | VTD_ECAP_PDS;
    }
    ecap |= cfg->virtual_commands ? VTD_ECAP_VCS : 0;
    ecap |= cfg->rid_pasid ? VTD_ECAP_RPS : 0;
    ecap |= cfg->rid_priv ? VTD_ECAP_RPRIVS : 0;
    ecap |= cfg->memory_types ? VTD_ECAP_MTS : 0;
    if (cfg->pasid_bits) {
        ecap = viommu_put(ecap | VTD_ECAP_PASID, VTD_ECAP_PSS,
                          cfg->pasid_bits - 1);
    }
    return ecap;
}

/* ECAP [VTD 11.4.3]. */
uint64_t vtd_extended_capabilities(const ViommuVtdConfig *cfg)
{
    uint64_t ecap = VTD_ECAP_QI;

    ecap = viommu_put(ecap, VTD_ECAP_IRO, VTD_IOTLB_OFFSET / 16);
    if (cfg->interrupt_remapping) {
        ecap = viommu_put(ecap | VTD_ECAP_IR, VTD_ECAP_MHMV, VTD_MHMV);
    }
    if (cfg->extended_interrupt_mode) {
        ecap |= VTD_ECAP_EIM;
    }
    if (cfg->device_iotlb) {
        ecap |= VTD_ECAP_DT;
    }
    if (cfg->pass_through) {
        ecap |= VTD_ECAP_PT;
    }
    if (cfg->snoop_control) {
        ecap |= VTD_ECAP_SC;
    }
    if (cfg->scalable_mode) {
        ecap |= scalable_capabilities(cfg);
    }
    ecap |= cfg->coherent ? VTD_ECAP_C : 0;
    ecap |= cfg->abort_dma ? VTD_ECAP_ADMS : 0;
    return ecap;
}
