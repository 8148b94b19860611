/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu: firmware tables that tell a guest where the units are.
 *
 * "Specification" is Intel's "Virtualization Technology for Directed I/O
 * Architecture Specification", revision 4.1; its chapter 8 has the tables.
 *
 * The functions wait for nobody: any thread, inside a DMA section too.
 */
#ifndef HW_IOMMU_VIOMMU_FIRMWARE_H
#define HW_IOMMU_VIOMMU_FIRMWARE_H

#include <hw/iommu/viommu.h>

G_BEGIN_DECLS
#pragma GCC visibility push(default)

/** Of the header of an ACPI table: at most 6, 8 and 4 characters of ASCII,
 *  filled up with zero bytes; NULL is empty. */
typedef struct ViommuAcpiHeader {
    const char *oem_id;
    const char *oem_table_id;
    const char *creator_id;
    uint32_t oem_revision;
    uint32_t creator_revision;
} ViommuAcpiHeader;

/** Types of device scope entries (8.3.1). */
typedef enum ViommuDmarScopeType {
    VIOMMU_SCOPE_ENDPOINT = 1,          /* one PCI function */
    VIOMMU_SCOPE_BRIDGE = 2,            /* a bridge and all below it */
    VIOMMU_SCOPE_IOAPIC = 3,
    VIOMMU_SCOPE_HPET = 4,              /* one that sends messages */
    VIOMMU_SCOPE_NAMESPACE = 5,         /* a device that an ANDD declares */
} ViommuDmarScopeType;

/** Properties of SoC integrated devices (8.9); for SIDP structures only. */
enum {
    VIOMMU_SIDP_NO_NESTED = 1 << 0,     /* REQ_WO_PASID_NESTED_NOTALLOWED */
    VIOMMU_SIDP_NO_PWSNP = 1 << 1,      /* REQ_WO_PASID_PWSNP_NOTALLOWED */
    VIOMMU_SIDP_NO_PGSNP = 1 << 2,      /* REQ_WO_PASID_PGSNP_NOTALLOWED */
    VIOMMU_SIDP_ATC_HARDENED = 1 << 3,
    VIOMMU_SIDP_ATC_REQUIRED = 1 << 4,
};

/** A device scope entry: which device a structure is about. */
typedef struct ViommuDmarScope {
    ViommuDmarScopeType type;
    /** VIOMMU_SIDP_NO_NESTED and so on; 0 outside of SIDP */
    uint8_t flags;
    /** of an I/O APIC: its ID in the MADT; of an HPET: its number in the HPET
     *  table; of a namespace device: its number in the ANDD; else 0 */
    uint8_t enumeration_id;
    /** the bus where the path starts */
    uint8_t bus;
    /**
     * devfn of each bridge on the way (device[7:3] function[2:0]), the
     * device's own at last: 1 .. VIOMMU_DMAR_PATH_MAX of them
     */
    const uint8_t *path;
    size_t n_path;
} ViommuDmarScope;

#define VIOMMU_DMAR_PATH_MAX 124

/** A remapping unit (8.3). */
typedef struct ViommuDmarDrhd {
    uint16_t segment;
    /** all PCI functions of the segment that no other unit has; @scopes may
     *  then hold other kinds of devices only */
    bool include_pci_all;
    uint64_t base;          /* of the register window; a multiple of @size */
    uint64_t size;          /* in bytes: 4096 << (0 .. 15) */
    const ViommuDmarScope *scopes;
    size_t n_scopes;
} ViommuDmarDrhd;

/** A reserved memory region: devices go on using it (8.4). */
typedef struct ViommuDmarRmrr {
    uint16_t segment;
    uint64_t base;          /* a multiple of 4096 */
    uint64_t limit;         /* the last byte */
    /** at least one; no I/O APIC and no HPET */
    const ViommuDmarScope *scopes;
    size_t n_scopes;
} ViommuDmarRmrr;

/** Root ports that support device-TLBs below them (8.5). */
typedef struct ViommuDmarAtsr {
    uint16_t segment;
    /** all root ports of the segment; else those in @scopes, which are
     *  VIOMMU_SCOPE_BRIDGE */
    bool all_ports;
    const ViommuDmarScope *scopes;
    size_t n_scopes;
} ViommuDmarAtsr;

/** The NUMA node of a unit (8.6). */
typedef struct ViommuDmarRhsa {
    uint64_t base;          /* a ViommuDmarDrhd's */
    uint32_t proximity_domain;
} ViommuDmarRhsa;

/** A device that is in ACPI's namespace only (8.7). */
typedef struct ViommuDmarAndd {
    /** what scope entries call it */
    uint8_t number;
    /** its full path, as "\\_SB.PCI0.I2C0" */
    const char *name;
} ViommuDmarAndd;

/** Integrated devices with a device-TLB (8.8). */
typedef struct ViommuDmarSatc {
    uint16_t segment;
    /** they do not work without it */
    bool atc_required;
    /** at least one, each a VIOMMU_SCOPE_ENDPOINT */
    const ViommuDmarScope *scopes;
    size_t n_scopes;
} ViommuDmarSatc;

/** Integrated devices with the properties in their scope's flags (8.9). */
typedef struct ViommuDmarSidp {
    uint16_t segment;
    /** at least one, each a VIOMMU_SCOPE_ENDPOINT */
    const ViommuDmarScope *scopes;
    size_t n_scopes;
} ViommuDmarSidp;

/** What a DMAR table says. */
typedef struct ViommuDmar {
    ViommuAcpiHeader header;

    /** DMA addresses are below 2^address_bits: 32 .. 64 */
    uint8_t address_bits;
    /** INTR_REMAP: interrupt remapping */
    bool interrupt_remapping;
    /** X2APIC_OPT_OUT: software should leave x2APIC mode alone.  Needs
     *  interrupt_remapping. */
    bool x2apic_opt_out;
    /** DMA_CTRL_PLATFORM_OPT_IN_FLAG: firmware let no device do DMA outside
     *  of reserved regions, and asks software to go on so */
    bool dma_control_opt_in;

    /** at least one; a segment's include_pci_all is its last */
    const ViommuDmarDrhd *drhds;
    size_t n_drhds;
    const ViommuDmarRmrr *rmrrs;
    size_t n_rmrrs;
    const ViommuDmarAtsr *atsrs;
    size_t n_atsrs;
    const ViommuDmarRhsa *rhsas;
    size_t n_rhsas;
    const ViommuDmarAndd *andds;
    size_t n_andds;
    const ViommuDmarSatc *satcs;
    size_t n_satcs;
    const ViommuDmarSidp *sidps;
    size_t n_sidps;
} ViommuDmar;

/**
 * The DMAR table that says what is in @dmar, with its ACPI header and a right
 * checksum.  Structures stand in the order of their types, as 8.2 demands, and
 * within a type in the order given.  Any thread.
 *
 * Returns the table, for g_byte_array_unref(), or NULL with @error
 * (VIOMMU_ERROR_CONFIG), whose message names the structure, the value and what
 * is allowed.
 */
GByteArray *viommu_dmar_build(const ViommuDmar *dmar, GError **error);

/* --- Reserved regions as users write them -------------------------------- */

/** A device as a user names it. */
typedef struct ViommuReservedDevice {
    /** the device's name, or NULL: then its address is meant */
    char *id;
    uint8_t bus;
    uint8_t devfn;
} ViommuReservedDevice;

typedef struct ViommuReservedRegion {
    uint64_t base;
    uint64_t limit;         /* the last byte */
    ViommuReservedDevice *devices;
    size_t n_devices;       /* at least one */
} ViommuReservedRegion;

/**
 * Read a list of reserved regions, "BASE-LIMIT@DEVICE[+DEVICE...][;...]": BASE
 * and LIMIT are numbers in C's notation with whole pages between them, DEVICE
 * is an address (BB:DD.F, hexadecimal) or a name.  Any thread.
 *
 * Returns an array of ViommuReservedRegion, for g_ptr_array_unref(), which
 * frees the regions too; NULL with @error (VIOMMU_ERROR_CONFIG) that names
 * the part that is wrong.
 */
GPtrArray *viommu_reserved_regions_parse(const char *text, GError **error);

/* --- Arm: the IORT (Arm DEN 0049E, "IO Remapping Table") ----------------- */

/** Where requests go on, with which IDs: to a unit, or past all units. */
typedef struct ViommuIortMapping {
    uint32_t input_base;    /* the first RequesterID, or StreamID */
    uint32_t count;         /* at least one */
    uint32_t output_base;
    /** a place in ViommuIort.smmus, or VIOMMU_IORT_ITS */
    unsigned to;
} ViommuIortMapping;

#define VIOMMU_IORT_ITS UINT_MAX

/** An SMMUv3.  Its StreamIDs are the DeviceIDs of the ITS. */
typedef struct ViommuIortSmmu {
    uint64_t base;          /* of the register window; a multiple of 64 KiB */
    bool coherent;          /* COHACC Override */
    uint8_t httu;           /* HTTU Override, as IDR0.HTTU: 0 .. 2 */
    /** wired interrupts (GSIV), 0 is none */
    uint32_t event_gsiv, pri_gsiv, gerror_gsiv, sync_gsiv;
    /** how many StreamIDs it has, from 0 */
    uint32_t streams;
    /** its own interrupts can be messages, which the ITS knows by this
     *  DeviceID */
    bool msi;
    uint32_t device_id;
} ViommuIortSmmu;

/** A PCI segment. */
typedef struct ViommuIortRoot {
    uint32_t segment;
    /** ATS Attribute: what the root complex supports */
    bool ats, pri, pasid;
    /** with pasid, bits of PASIDs: 1 .. 20 */
    uint8_t pasid_bits;
    /** what has none bypasses units, and has no DeviceIDs; the inputs do not
     *  overlap */
    const ViommuIortMapping *mappings;
    size_t n_mappings;
} ViommuIortRoot;

/** StreamIDs of a unit. */
typedef struct ViommuIortStreams {
    unsigned smmu;          /* a place in ViommuIort.smmus */
    uint32_t first, count;  /* at least one */
} ViommuIortStreams;

/**
 * Memory that streams go on reaching at its own addresses, whatever else their
 * driver maps (a Reserved Memory Range, which permits remapping by a driver
 * that knows what for).
 */
typedef struct ViommuIortReserved {
    uint64_t base, size;    /* multiples of 64 KiB */
    /** at least one */
    const ViommuIortStreams *streams;
    size_t n_streams;
} ViommuIortReserved;

/** What an IORT says. */
typedef struct ViommuIort {
    ViommuAcpiHeader header;
    /** the interrupt translation service, as the MADT calls it */
    bool its;
    uint32_t its_id;
    const ViommuIortSmmu *smmus;
    size_t n_smmus;
    const ViommuIortRoot *roots;
    size_t n_roots;
    const ViommuIortReserved *reserved;
    size_t n_reserved;
} ViommuIort;

/**
 * The IORT that says what is in @iort: the ITS group, the units, the root
 * complexes, the reserved ranges.  Any thread.
 *
 * Returns the table, for g_byte_array_unref(), or NULL with @error
 * (VIOMMU_ERROR_CONFIG), whose message names the node, the value and what
 * is allowed.
 */
GByteArray *viommu_iort_build(const ViommuIort *iort, GError **error);

/* --- Arm: the device tree ------------------------------------------------ */

/** An SMMUv3's node. */
typedef struct ViommuFdtSmmu {
    uint64_t base, size;    /* of the register window */
    uint32_t phandle;
    bool coherent;
    /** the first of four shared peripheral interrupts of the GIC, edges:
     *  eventq, priq, cmdq-sync, gerror */
    uint32_t spi;
    /** the controller of its interrupt messages, 0 is none; with msi_cells 1
     *  it is an ITS, which knows them by device_id */
    uint32_t msi_parent;
    unsigned msi_cells;
    uint32_t device_id;
} ViommuFdtSmmu;

/**
 * Add the node of @smmu to the root of @fdt, a tree of libfdt with room for
 * it and with addresses and sizes of two cells.  Binding "arm,smmu-v3".
 * Any thread that may use @fdt.
 *
 * Returns true; false with @error (VIOMMU_ERROR_CONFIG).
 */
bool viommu_fdt_add_smmuv3(void *fdt, const ViommuFdtSmmu *smmu,
                           GError **error);

/**
 * Say in the node @path of a PCI host bridge that all its RequesterIDs are
 * StreamIDs of the unit @phandle, and with @ats that the root complex
 * supports ATS.  Bindings "pci-iommu" and "ats-supported".
 *
 * Returns true; false with @error (VIOMMU_ERROR_CONFIG).
 */
bool viommu_fdt_link_pcie(void *fdt, const char *path, uint32_t phandle,
                          bool ats, GError **error);

/**
 * Add a node for the function @devfn of the bus whose host bridge is @path,
 * which says that its accesses may be stalled, and with @pasid_bits above 0
 * that it has PASIDs of so many bits.  Binding "dma-can-stall".
 *
 * Returns true; false with @error (VIOMMU_ERROR_CONFIG).
 */
bool viommu_fdt_add_stalling(void *fdt, const char *path, uint8_t devfn,
                             unsigned pasid_bits, GError **error);

/** Memory that functions go on reaching at its own addresses. */
typedef struct ViommuFdtReserved {
    uint64_t base, size;
    uint32_t phandle;       /* for the range's node */
} ViommuFdtReserved;

/**
 * Say that the function @devfn of the bus whose host bridge is @path reaches
 * what is in @reserved, whatever else its driver maps.  Adds the range's node
 * below /reserved-memory, and the function's, with @phandle, where they are
 * missing.  Bindings "reserved-memory" and "iommu-addresses".
 *
 * Returns true; false with @error (VIOMMU_ERROR_CONFIG).
 */
bool viommu_fdt_reserve(void *fdt, const ViommuFdtReserved *reserved,
                        const char *path, uint8_t devfn, uint32_t phandle,
                        GError **error);

#pragma GCC visibility pop
G_END_DECLS

#endif
