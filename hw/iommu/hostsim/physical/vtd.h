/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver of the physical VT-d. */
#ifndef HW_IOMMU_HOSTSIM_PHYSICAL_VTD_H
#define HW_IOMMU_HOSTSIM_PHYSICAL_VTD_H

#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/hostsim/physical/physical.h"
#include "hw/iommu/hostsim/physical/vtd-driver.h"

typedef struct VtdDriver {
    uint64_t cap, ecap;
    uint64_t *root;             /* 256 entries of two words */
    uint8_t *queue;             /* invalidations */
    unsigned tail;              /* next descriptor, of VTD_QUEUE_ENTRIES */
    uint32_t *status;           /* what waits write */
    uint32_t sequence;
    uint8_t *page_queue;
    uint32_t *dids;             /* a bit for each domain ID in use */
} VtdDriver;

#define VTD_DIDS            65536
#define VTD_QUEUE_ENTRIES   128     /* of 32 bytes in a page */
#define VTD_PAGE_QUEUE_PAGES 8      /* 1024 requests */

/** An invalidation descriptor. */
typedef struct VtdDesc {
    uint64_t word[4];
} VtdDesc;

static inline VtdDriver *vtd_driver(Hostsim *sim)
{
    return sim->driver;
}

typedef struct VtdDomain {
    SimDomain base;
    uint16_t did;
    SimTable table;             /* of a paging domain */
    bool tracking;
    IommufdHwptVtdS1 s1;        /* of a nested one, ... */
    uint64_t memory_types;      /* ... of its entry's second word */
} VtdDomain;

static inline VtdDomain *vtd_domain(SimDomain *domain)
{
    return (VtdDomain *)domain;
}

/** Linux's PASID of requests that have none. */
static inline uint32_t vtd_table_pasid(uint32_t pasid)
{
    return pasid == VIOMMU_NO_PASID ? 0 : pasid;
}

/* --- vtd-invalidate.c ---------------------------------------------------- */

/** A paging domain's addresses have changed. */
void vtd_flush_range(VtdDomain *domain, uint64_t first, uint64_t last,
                     bool added);
/** The entry of (device, PASID) is not there any more, or has changed. */
void vtd_flush_entry(SimDevice *device, uint32_t pasid, VtdDomain *old);
void vtd_flush_absent(SimDevice *device, uint32_t pasid, VtdDomain *new);
/** What the user of a nested domain asks for. */
int vtd_invalidate(SimDomain *nested, SimUserArray *array);

/* --- vtd-queue.c --------------------------------------------------------- */

int vtd_queues_init(Hostsim *sim);
void vtd_queues_exit(Hostsim *sim);
/** Run @n descriptors and wait: 0; -ETIMEDOUT when an endpoint did not
 *  complete an invalidation request; -EIO when the queue has stopped. */
int vtd_submit(Hostsim *sim, const VtdDesc *descs, unsigned n);
/** Take in faults and page requests. */
void vtd_interrupt(Hostsim *sim);

#endif
