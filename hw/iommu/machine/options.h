/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The command line.  It speaks QEMU's words, as far as they mean something
 * here.
 */
#ifndef HW_IOMMU_MACHINE_OPTIONS_H
#define HW_IOMMU_MACHINE_OPTIONS_H

#include <netinet/in.h>

#include <hw/iommu/viommu-smmuv3.h>
#include <hw/iommu/viommu-testdev.h>
#include <hw/iommu/viommu-vtd.h>

/* A value of QEMU's type OnOffAuto. */
typedef enum OnOffAuto {
    ON_OFF_AUTO_AUTO,
    ON_OFF_AUTO_ON,
    ON_OFF_AUTO_OFF,
} OnOffAuto;

typedef enum DeviceKind {
    DEVICE_VTD,
    /* only as a part of the machine */
    DEVICE_SMMUV3,
    DEVICE_TESTDEV,
    DEVICE_SINK,
    DEVICE_ROOT_PORT,
    DEVICE_PCI_BRIDGE,
    DEVICE_HOST_TESTDEV,
    DEVICE_VFIO_PCI,
} DeviceKind;

/* One -device. */
typedef struct DeviceOptions {
    DeviceKind kind;
    /* the option's argument, for messages */
    char *text;
    char *id;

    /* intel-iommu */
    ViommuVtdConfig vtd;
    OnOffAuto intremap;
    OnOffAuto eim;
    bool buggy_eim;
    bool pasid_mode;
    bool svm;
    /* the functions that the unit is in front of */
    bool has_scope;
    uint8_t scope[256 / 8];
    /* what the DMAR table says besides */
    char *reserved_regions;
    bool satc;
    bool atc_required;
    bool x2apic_opt_out;
    bool dma_control_opt_in;
    /* accepted, without a meaning here */
    bool ignored_bool;
    uint32_t ignored_number;

    /* arm-smmuv3 */
    bool accel;
    ViommuSmmuv3Config smmu;
    char *stage;

    /* viommu-testdev and bridges; NULL is the root bus, -1 the first free
     * slot */
    char *bus;
    int devfn;
    bool multifunction;
    ViommuTestdevConfig testdev;

    /* host-testdev and vfio-pci, with the four before */
    OnOffAuto nesting;
    char *backend;
    bool stalls;            /* its DMA may wait for software */
    char *fail;
    char *host;
} DeviceOptions;

/* Whose addresses the board has. */
typedef enum MachineKind {
    MACHINE_Q35,
    MACHINE_VIRT,
} MachineKind;

/* Where the qtest client is. */
typedef enum ChannelKind {
    CHANNEL_NONE,
    CHANNEL_STDIO,
    CHANNEL_CONNECT,
    CHANNEL_LISTEN,
} ChannelKind;

typedef struct MachineOptions {
    MachineKind kind;
    bool has_type;          /* it was given */
    uint64_t ram_size;
    /* of virt: an SMMUv3, and ECAM above RAM, for 256 buses */
    bool smmu;
    bool low_ecam;
    /* "TYPE.NAME=VALUE" of -global, in the order given */
    GPtrArray *globals;
    /* of DeviceOptions, in the order given */
    GPtrArray *devices;
    ChannelKind channel;
    /* of a socket: its file, or NULL for TCP */
    char *channel_path;
    struct in_addr channel_address;
    uint16_t channel_port;
    /* NULL is none */
    char *log_path;
    /* where to write the table for firmware, instead of serving; NULL is
     * nowhere */
    char *dump_table;
} MachineOptions;

typedef enum OptionsResult {
    OPTIONS_RUN,        /* *options says what to do */
    OPTIONS_DONE,       /* help or a version was printed */
    OPTIONS_ERROR,
} OptionsResult;

/*
 * Parse a command line.  The caller clears *@options in any case.  An
 * error's message names the option, its value and what is allowed.
 */
OptionsResult machine_options_parse(int argc, char **argv,
                                    MachineOptions *options, GError **error);
void machine_options_clear(MachineOptions *options);

/* Parse the argument of one -device, with what @globals say before (NULL:
 * nothing); "help" prints a list. */
OptionsResult device_options_parse(const char *text, const GPtrArray *globals,
                                   DeviceOptions **device, GError **error);
/* Is @text "TYPE.NAME=VALUE", of a property that there is, and a good value? */
bool device_global_check(const char *text, GError **error);
/* Is there a device that it is about? */
bool device_global_used(const char *text, const MachineOptions *options);
void device_options_free(DeviceOptions *device);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(DeviceOptions, device_options_free)

/*
 * The options of a device of type @name that the machine itself makes, with
 * what @globals say of it.  NULL with @error when one of those is wrong.
 */
DeviceOptions *device_options_builtin(const char *name,
                                      const GPtrArray *globals,
                                      GError **error);

#endif
