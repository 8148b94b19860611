/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu: configuration of an Arm SMMUv3.
 *
 * "Specification" is Arm's "System Memory Management Unit Architecture
 * Specification, SMMU architecture version 3" (IHI 0070).
 */
#ifndef HW_IOMMU_VIOMMU_SMMUV3_H
#define HW_IOMMU_VIOMMU_SMMUV3_H

#include <hw/iommu/viommu.h>

G_BEGIN_DECLS
#pragma GCC visibility push(default)

/** Wired interrupts: the numbers that ViommuOps.set_line gets. */
enum {
    VIOMMU_SMMUV3_LINE_EVENTQ = 0,
    VIOMMU_SMMUV3_LINE_PRIQ,
    VIOMMU_SMMUV3_LINE_CMD_SYNC,
    VIOMMU_SMMUV3_LINE_GERROR,
    VIOMMU_SMMUV3_LINES,
};

/**
 * Options of a unit.  Start from viommu_smmuv3_config_init(), which sets what
 * QEMU's `-machine virt,iommu=smmuv3` has.  Each member is followed by its
 * name in errors, which is the name of QEMU's property.
 */
typedef struct ViommuSmmuv3Config {
    /** Stage 1 (IDR0.S1P) and stage 2 (IDR0.S2P).  "stage" */
    bool stage1;
    bool stage2;
    /** Bits of StreamIDs: 8 .. 32.  "sidsize" */
    uint8_t sid_bits;
    /** Bits of SubstreamIDs: 0 .. 20.  "ssidsize" */
    uint8_t ssid_bits;
    /** Output address width: 32, 36, 40, 42, 44, 48 or 52.  "oas" */
    uint8_t oas_bits;
    /** ATS (IDR0.ATS).  "ats" */
    bool ats;
    /** Page requests (IDR0.PRI).  Needs ats.  "pri" */
    bool pri;
    /** The stall model (IDR0.STALL_MODEL).  "stall" */
    bool stall;
    /** Flags in translation tables that the unit updates (IDR0.HTTU): 0 none,
     *  1 the access flag, 2 the dirty state, too.  "httu" */
    uint8_t httu;
    /** Changes of block sizes without a break: levels 0 .. 2, default 2
     *  (IDR3.BBML).  The unit itself copes with each level, whatever it shows
     *  to the guest.  A host that walks the guest's tables has to have the
     *  level that is shown.  "bbml" */
    uint8_t bbml;
    /** Range invalidation (IDR3.RIL).  "ril" */
    bool ril;
    /** The EL2 and EL2-E2H regimes (IDR0.HYP).  Needs both stages.  "hyp" */
    bool hyp;
    /** STE.PRIVCFG and INSTCFG override what transactions say
     *  (IDR1.ATTR_PERMS_OVR).  "attr-perms-ovr" */
    bool attr_perms_ovr;
    /** Stage 2 decides about memory types (IDR3.FWB).  Needs stage2.  DMA is
     *  the same for all types.  The types matter where STE.S2PTW keeps stage
     *  1's tables out of Device memory.  "fwb" */
    bool fwb;
    /** Message signalled interrupts (IDR0.MSI).  "msi" */
    bool msi;
    /** log2 of the entries of the translation cache: 4 .. 20, default 16.
     *  "iotlb-bits" */
    uint8_t iotlb_bits;
    /** Address translation operations, by registers (IDR0.ATOS).  "atos" */
    bool atos;
} ViommuSmmuv3Config;

/** Set *@config to the defaults, with which a guest sees what stock QEMU 10.0
 *  shows. */
void viommu_smmuv3_config_init_sized(ViommuSmmuv3Config *config, size_t size);
/** The same for callers that were compiled before structures had sizes; see
 *  viommu.h. */
void viommu_smmuv3_config_init(ViommuSmmuv3Config *config);
#define viommu_smmuv3_config_init(config) \
    viommu_smmuv3_config_init_sized(config, sizeof(ViommuSmmuv3Config))

/**
 * Create an SMMUv3 after power-on.  @config and @ops are copied; @opaque is
 * given to each callback.  The unit knows no RAM before viommu_set_ram().
 * Any thread.
 *
 * Returns the unit, for viommu_free(), or NULL with @error
 * (VIOMMU_ERROR_CONFIG), whose message names the option, the value and what
 * is allowed.
 */
Viommu *viommu_smmuv3_new_sized(const ViommuSmmuv3Config *config,
                                size_t config_size, const ViommuOps *ops,
                                size_t ops_size, void *opaque,
                                GError **error);
Viommu *viommu_smmuv3_new(const ViommuSmmuv3Config *config,
                          const ViommuOps *ops, void *opaque, GError **error);
#define viommu_smmuv3_new(config, ops, opaque, error) \
    viommu_smmuv3_new_sized(config, sizeof(ViommuSmmuv3Config), ops, \
                            sizeof(ViommuOps), opaque, error)

#pragma GCC visibility pop
G_END_DECLS

#endif
