/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI configuration space: functions, the buses that they are on, and both
 * ways to get at their registers (ports 0xcf8/0xcfc, and ECAM).
 */
#ifndef HW_IOMMU_MACHINE_PCI_PCI_H
#define HW_IOMMU_MACHINE_PCI_PCI_H

#include "hw/iommu/machine/bus.h"

#define PCI_FUNCTIONS    256
#define PCI_CONFIG_SIZE  4096
/* Where a function may answer itself: the first of the extended part. */
#define PCI_EXTENDED      0x100
#define PCI_EXTENDED_SIZE 0x100
#define PCI_BARS         6
#define PCI_DEVFN(slot, fn) ((slot) << 3 | (fn))

enum {
    PCI_VENDOR_ID = 0x00,
    PCI_DEVICE_ID = 0x02,
    PCI_COMMAND = 0x04,
    PCI_STATUS = 0x06,
    PCI_REVISION = 0x08,
    PCI_CLASS = 0x0a,
    PCI_HEADER_TYPE = 0x0e,
    PCI_BAR0 = 0x10,
    /* of bridges */
    PCI_PRIMARY_BUS = 0x18,
    PCI_SECONDARY_BUS = 0x19,
    PCI_SUBORDINATE_BUS = 0x1a,
    PCI_MEMORY_BASE = 0x20,
    PCI_MEMORY_LIMIT = 0x22,
    PCI_SUBSYSTEM_VENDOR_ID = 0x2c,
    PCI_SUBSYSTEM_ID = 0x2e,
    PCI_CAP_POINTER = 0x34,
};

#define PCI_COMMAND_MEMORY 0x0002
#define PCI_COMMAND_MASTER 0x0004
#define PCI_COMMAND_PARITY 0x0040
#define PCI_COMMAND_SERR   0x0100
#define PCI_COMMAND_NOINTX 0x0400
#define PCI_STATUS_CAPS    0x0010
#define PCI_MULTIFUNCTION  0x80

typedef struct PciFunction PciFunction;
typedef struct PciBus PciBus;

struct PciBus {
    /* what bus=NAME says */
    const char *name;
    /* whose secondary bus it is; NULL for the root bus */
    PciFunction *bridge;
    /* slot 31 is somebody else's, who is not modelled */
    bool has_chipset;
    /* not PCI Express: requests bear the bridge's source-id */
    bool conventional;
    /* where functions can be */
    unsigned first_slot, last_slot;
    PciFunction *function[PCI_FUNCTIONS];
};

struct PciFunction {
    const char *type;
    PciBus *bus;
    uint8_t devfn;
    /* of a bridge, else NULL */
    PciBus *secondary;
    /* where these capabilities are; 0: not there */
    uint8_t express, power;
    uint8_t config[PCI_CONFIG_SIZE];
    /* the registers after reset, and which bits software can write */
    uint8_t initial[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE];
    /* memory BARs; size 0 is none */
    BusWindow bar[PCI_BARS];
    /* bytes PCI_EXTENDED .. + PCI_EXTENDED_SIZE - 1 instead of config, with
     * @offset from there and @size 1, 2 or 4; may be NULL */
    uint32_t (*extended_read)(PciFunction *fn, unsigned offset,
                              unsigned size);
    void (*extended_write)(PciFunction *fn, unsigned offset, uint32_t value,
                           unsigned size);
    /* after software wrote @size bytes at @offset of config; may be NULL */
    void (*written)(PciFunction *fn, unsigned offset, unsigned size);
    /* an access that may wait for software does so, by this tag; NULL where
     * none may */
    void (*stalled)(const PciFunction *fn, uint16_t tag);
    /* before the registers get their initial values; may be NULL */
    void (*reset)(PciFunction *fn);
    void (*free)(PciFunction *fn);
};

/* Little-endian fields of a configuration space. */
uint16_t pci_get16(const uint8_t *field);
uint32_t pci_get32(const uint8_t *field);
void pci_set16(uint8_t *field, uint16_t value);
void pci_set32(uint8_t *field, uint32_t value);

/* Set the identity of a function that is all zero. */
void pci_function_init(PciFunction *fn, const char *type, uint16_t vendor,
                       uint16_t device, uint16_t class_code);
/* Declare BAR @n; the caller fills in the window's functions. */
void pci_function_add_bar(PciFunction *fn, unsigned n, uint32_t size);
/* Put a capability at @offset into the list, before those added earlier. */
void pci_function_add_cap(PciFunction *fn, unsigned offset, uint8_t id);

/* What a function is; the values of the PCI Express capability's field
 * Device/Port Type [PCIe 7.5.3.2]. */
typedef enum PciExpressType {
    PCI_ENDPOINT = 0x0,
    PCI_ROOT_PORT = 0x4,
    PCI_TO_PCI_BRIDGE = 0x7,
    PCI_INTEGRATED_ENDPOINT = 0x9,
} PciExpressType;

/* An endpoint on @bus. */
static inline PciExpressType pci_endpoint_type(const PciBus *bus)
{
    return bus->bridge ? PCI_ENDPOINT : PCI_INTEGRATED_ENDPOINT;
}

/* The same with the PCI Express capability of such a function. */
void pci_function_add_express(PciFunction *fn, PciExpressType type,
                              unsigned offset);
/* The function can be reset alone [PCIe 6.6.2]. */
void pci_express_allow_reset(PciFunction *fn);
/* After software wrote: true if it asked for a function-level reset. */
bool pci_express_wants_reset(PciFunction *fn);
/* The link's own register, which such a reset leaves alone. */
uint16_t pci_express_link(const PciFunction *fn);
void pci_express_set_link(PciFunction *fn, uint16_t control);

/* The same with a power management capability: D0 and D3hot. */
void pci_function_add_power(PciFunction *fn, unsigned offset);
/* After software wrote, where @state was the power state before. */
void pci_power_written(PciFunction *fn, unsigned state);
/* 0: D0; 3: D3hot, where a function answers configuration accesses, and
 * neither answers nor sends anything else. */
unsigned pci_power_state(const PciFunction *fn);
/* Does the function send requests, and do the bridges above let them pass? */
bool pci_is_awake(const PciFunction *fn);

static inline uint16_t pci_command(const PciFunction *fn)
{
    return fn->config[PCI_COMMAND] | fn->config[PCI_COMMAND + 1] << 8;
}

typedef struct PciRoot {
    Bus *bus;
    PciBus root;
    uint32_t config_address;
    BusWindow ecam;
} PciRoot;

void pci_root_init(PciRoot *root, Bus *bus);
/* Frees the functions too. */
void pci_root_clear(PciRoot *root);
void pci_root_reset(PciRoot *root);

/* The bus with this name, NULL for the root bus. */
PciBus *pci_root_bus(PciRoot *root, const char *name, GError **error);

/*
 * Put @fn at @devfn of @bus, or with -1 into the first free slot.  On success
 * the bus owns it.
 */
bool pci_root_add(PciRoot *root, PciBus *bus, PciFunction *fn, int devfn,
                  bool multifunction, GError **error);

/* Take a function out of its bus; the caller owns it again. */
void pci_root_remove(PciRoot *root, PciFunction *fn);

/* The number that software gave the bus. */
uint8_t pci_bus_number(const PciBus *bus);
/* Bus and devfn as the requests of @fn bear them. */
uint16_t pci_source(const PciFunction *fn);
/* The function on the root bus that @fn is behind, or is. */
const PciFunction *pci_root_function(const PciFunction *fn);

/* Ports 0xcf8 .. 0xcff.  Returns false for another port. */
bool pci_root_port_read(PciRoot *root, uint16_t port, unsigned size,
                        uint32_t *value);
bool pci_root_port_write(PciRoot *root, uint16_t port, unsigned size,
                         uint32_t value);

/* The host bridge of q35 at 00:00.0, and that of virt. */
PciFunction *mch_new(PciRoot *root);
PciFunction *gpex_new(PciRoot *root, bool low_ecam);

/* A PCI Express root port, whose secondary bus is called @name ... */
PciFunction *root_port_new(const char *name);
/* ... and a bridge to a conventional bus. */
PciFunction *pci_bridge_new(const char *name);

#endif
