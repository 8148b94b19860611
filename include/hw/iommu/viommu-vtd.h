/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu: configuration of an Intel VT-d remapping unit.
 *
 * "Specification" is Intel's "Virtualization Technology for Directed I/O
 * Architecture Specification", revision 4.1.
 */
#ifndef HW_IOMMU_VIOMMU_VTD_H
#define HW_IOMMU_VIOMMU_VTD_H

#include <hw/iommu/viommu.h>

G_BEGIN_DECLS
#pragma GCC visibility push(default)

/**
 * Options of a unit.  Start from viommu_vtd_config_init(), which sets the
 * defaults of QEMU's `-device intel-iommu`.  Each member's comment ends with
 * the name of QEMU's property, which is also its name in errors.
 */
typedef struct ViommuVtdConfig {
    /** Address width of second-stage tables: 39, 48 or 57.  "aw-bits" */
    uint8_t aw_bits;
    /**
     * Host address width: guest-physical addresses are below 2^haw_bits; bits
     * above are reserved in the tables.  32 .. 52; 0 is the smaller of
     * aw_bits and 52.  "haw-bits"
     */
    uint8_t haw_bits;
    /** Fault recording registers: 1 .. 256.  "fault-records" */
    uint16_t fault_records;
    /** Caching mode (CAP.CM).  "caching-mode" */
    bool caching_mode;
    /** Address translation.  When off, CAP.SAGAW reports no address widths.
     *  "dma-translation" */
    bool dma_translation;
    /** Read and write draining (CAP.DRD, DWD).  "dma-drain" */
    bool dma_drain;
    /** Pass-through translation type (ECAP.PT).  "pt" */
    bool pass_through;
    /** Snoop control (ECAP.SC).  "snoop-control" */
    bool snoop_control;
    /** Device-TLBs (ECAP.DT).  "device-iotlb" */
    bool device_iotlb;
    /** Ignore bit 62 of second-stage entries (transient mapping), as revisions
     *  before 3.2 of the specification do for units with device-TLBs.  When
     *  off, the bit is reserved.  "stale-tm" */
    bool stale_tm;
    /** Interrupt remapping (ECAP.IR).  "intremap" */
    bool interrupt_remapping;
    /** Extended interrupt mode, x2APIC (ECAP.EIM).  Needs
     *  interrupt_remapping.  "eim" */
    bool extended_interrupt_mode;
    /** Posted interrupts (CAP.PI).  Needs interrupt_remapping.
     *  "posted-interrupts" */
    bool posted_interrupts;
    /** Protected memory regions (CAP.PLMR, PHMR).  "pmr" */
    bool protected_memory;
    /** Enhanced commands that set the root table's and the interrupt remapping
     *  table's pointer: they also invalidate (CAP.ESRTPS, ESIRTPS).
     *  "esrtps" */
    bool enhanced_set_pointer;
    /** Scalable mode (ECAP.SMTS), with second-stage tables.  Needs dma_drain.
     *  "x-scalable-mode" */
    bool scalable_mode;
    /** First-stage tables (ECAP.FSTS); without nested, in place of second-stage
     *  tables.  Needs scalable_mode.  "x-flts" */
    bool first_stage;
    /** Both stages, and nested translation (ECAP.NEST).  Needs first_stage.
     *  "nested" */
    bool nested;
    /** PASIDs of 1 .. 20 bits (ECAP.PASID, PSS), or 0 for none.  Needs
     *  scalable_mode.  "pasid-bits" */
    uint8_t pasid_bits;
    /** 1 GiB pages in first-stage tables (CAP.FS1GP).  "fs1gp" */
    bool fs1gp;
    /** Accessed and dirty bits of second-stage tables (ECAP.SSADS).  Needs
     *  scalable_mode.  "dirty-tracking" */
    bool dirty_tracking;
    /** Page requests (ECAP.PRS).  Needs scalable_mode and device_iotlb.
     *  "pri" */
    bool page_requests;
    /** Virtual commands: PASIDs from the unit's allocator (ECAP.VCS).  Needs
     *  pasid_bits.  "virtual-commands" */
    bool virtual_commands;
    /** RID_PASID, the PASID that stands for requests without PASID (ECAP.RPS).
     *  Needs pasid_bits.  "rid-pasid" */
    bool rid_pasid;
    /**
     * Memory types (ECAP.MTS): PASID entries may have CD, EMTE and PAT.  DMA
     * is coherent whatever they say.  Needs scalable_mode.  "memory-types"
     */
    bool memory_types;
    /** Extended-accessed bits of first-stage tables (ECAP.EAFS).  Needs
     *  first_stage.  "extended-access" */
    bool extended_access;
    /** log2 of the entries of the translation cache: 4 .. 20, default 16.
     *  "iotlb-bits" */
    uint8_t iotlb_bits;
    /** Requests without PASID can be privileged (ECAP.RPRIVS).  Needs
     *  scalable_mode.  "rid-priv" */
    bool rid_priv;
    /** A root table mode in which all DMA is blocked (ECAP.ADMS).
     *  "abort-dma" */
    bool abort_dma;
    /** Announce that the unit sees tables as processors have written them
     *  (ECAP.C).  The unit always does; the option is about the announcement.
     *  "coherent" */
    bool coherent;
    /** Refuse what the specification forbids, also where a unit that is not
     *  strict lets it pass and counts it: see ViommuFinding.  "strict" */
    bool strict;
} ViommuVtdConfig;

/** Set *@config to the defaults: what stock QEMU 10.0 shows to a guest. */
void viommu_vtd_config_init_sized(ViommuVtdConfig *config, size_t size);
/** The same, for programs that were compiled before the function above was
 *  there; see viommu.h. */
void viommu_vtd_config_init(ViommuVtdConfig *config);
#define viommu_vtd_config_init(config) \
    viommu_vtd_config_init_sized(config, sizeof(ViommuVtdConfig))

/**
 * Create a VT-d unit after power-on.  @config and @ops are copied; @opaque
 * is given to each callback.  The unit knows no RAM before viommu_set_ram().
 * Any thread.
 *
 * Returns the unit, for viommu_free(), or NULL with @error
 * (VIOMMU_ERROR_CONFIG), whose message names the option, the value and what
 * is allowed.
 */
Viommu *viommu_vtd_new_sized(const ViommuVtdConfig *config,
                             size_t config_size, const ViommuOps *ops,
                             size_t ops_size, void *opaque, GError **error);
Viommu *viommu_vtd_new(const ViommuVtdConfig *config, const ViommuOps *ops,
                       void *opaque, GError **error);
#define viommu_vtd_new(config, ops, opaque, error) \
    viommu_vtd_new_sized(config, sizeof(ViommuVtdConfig), ops, \
                         sizeof(ViommuOps), opaque, error)

#pragma GCC visibility pop
G_END_DECLS

#endif
