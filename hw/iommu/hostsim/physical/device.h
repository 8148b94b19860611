/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device of the host: an endpoint behind the physical unit, its
 * configuration space and interrupts, and who has it open.
 */
#ifndef HW_IOMMU_HOSTSIM_PHYSICAL_DEVICE_H
#define HW_IOMMU_HOSTSIM_PHYSICAL_DEVICE_H

#include "hw/iommu/hostsim/kernel/ram.h"

typedef struct SimDevice SimDevice;
struct SimDomain;
struct SimFault;

#define SIM_CONFIG_SIZE 4096
#define SIM_VECTORS_MAX 8

/** Kinds of interrupts, as VFIO counts them. */
enum { SIM_IRQ_INTX, SIM_IRQ_MSI, SIM_IRQ_MSIX, SIM_IRQ_ERR, SIM_IRQ_REQ,
       SIM_IRQ_FAULT,           /* with SimDevice.faults */
       SIM_IRQS };

typedef struct SimIrq {
    unsigned n;                 /* vectors that are enabled */
    int eventfd[SIM_VECTORS_MAX];       /* ours, or -1 */
} SimIrq;

typedef struct SimIoeventfd {
    int fd;                     /* a duplicate; given back when found */
    uint64_t offset, data;
    unsigned size;
} SimIoeventfd;

struct SimDevice {
    Hostsim *sim;
    char *name;
    unsigned group, number;
    uint32_t source;
    ViommuTestdevConfig testdev;
    unsigned pasid_bits;        /* that device and unit have, or 0 */
    bool ats, pri;
    bool ats_enabled;
    bool stall;                 /* its transactions can wait */
    bool gone;                  /* atomic: pulled out */

    /* The endpoint; its lock is taken after Hostsim.lock, if at all. */
    pthread_mutex_t lock;
    ViommuTestdev *endpoint;
    bool run_wanted;            /* atomic */
    bool master;                /* atomic: may make requests */

    /* What VFIO shows; with Hostsim.lock. */
    uint8_t config[SIM_CONFIG_SIZE];
    uint8_t writable[SIM_CONFIG_SIZE];
    uint8_t bar1[SIM_PAGE];
    GArray *ioeventfds;

    pthread_mutex_t irq_lock;   /* innermost */
    SimIrq irqs[SIM_IRQS];

    /* Who has it: one user, by its group or its own file. */
    unsigned opens;             /* files that may use it */
    struct SimIommufdDevice *iommufd;   /* its own file has bound it, ... */
    bool by_group;              /* ... or its group's */

    GHashTable *domains;        /* PASID -> SimDomain; of physical.c */
    GArray *partial;            /* ViommuPageRequest: of groups without end */
    void *phys;                 /* the driver's */

    struct SimFaults *faults;   /* of a container with vSVA, or NULL */

    /* Hears of the endpoint's interrupts; any thread. */
    void (*interrupt)(SimDevice *device, unsigned vector);

    /* Hears of unrecoverable faults, or NULL; the container's. */
    void (*dma_fault)(SimDevice *device, const struct SimFault *fault);
};

/* --- Which there are (devices.c) ----------------------------------------- */

SimDevice *sim_device_by_name(Hostsim *sim, const char *name);
SimDevice *sim_device_by_number(Hostsim *sim, unsigned number);
SimDevice *sim_device_by_source(Hostsim *sim, uint32_t source);

/* --- The endpoint (endpoint.c) ------------------------------------------- */

bool sim_endpoint_init(SimDevice *device, GError **error);
void sim_endpoint_free(SimDevice *device);
/** With Hostsim.lock or without it. */
void sim_endpoint_reset(SimDevice *device);
/** PASIDs, ATS, page requests: whatever both sides can. */
void sim_endpoint_enable(SimDevice *device);
void sim_endpoint_enable_ats(SimDevice *device, bool on);
uint32_t sim_endpoint_config_read(SimDevice *device, unsigned offset,
                                  unsigned size);
/** Without Hostsim.lock, for DMA may take long. */
uint64_t sim_endpoint_read(SimDevice *device, uint64_t offset, unsigned size);
void sim_endpoint_write(SimDevice *device, uint64_t offset, uint64_t value,
                        unsigned size);
/** Goes on with commands that waited. */
void sim_endpoint_run(SimDevice *device);

#endif
