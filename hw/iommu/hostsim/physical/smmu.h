/* SPDX-License-Identifier: BSD-3-Clause */
/* The driver of the physical SMMUv3. */
#ifndef HW_IOMMU_HOSTSIM_PHYSICAL_SMMU_H
#define HW_IOMMU_HOSTSIM_PHYSICAL_SMMU_H

#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/hostsim/physical/physical.h"
#include "hw/iommu/hostsim/physical/smmu-driver.h"

#define SMMU_IDS            65536   /* ASIDs, and VMIDs */
#define SMMU_CMDQ_LOG2      8       /* commands of 16 bytes, in a page */
#define SMMU_EVTQ_LOG2      10      /* events of 32 bytes */

/** A command, or a half of something larger. */
typedef struct SmmuCmd {
    uint64_t word[2];
} SmmuCmd;

typedef struct SmmuDriver {
    uint32_t idr[6];
    uint64_t *streams;          /* first level: one descriptor per bus */
    uint64_t *commands;
    uint64_t *events;
    unsigned prod;              /* of the command queue */
    uint32_t *asids, *vmids;    /* a bit for each that is in use */
} SmmuDriver;

static inline SmmuDriver *smmu_driver(Hostsim *sim)
{
    return sim->driver;
}

typedef enum SmmuKind {
    SMMU_DOMAIN_S1,             /* a paging domain, and may have PASIDs */
    SMMU_DOMAIN_S2,             /* a paging domain, and may be a parent */
    SMMU_DOMAIN_NESTED,         /* the user's context descriptors on top */
} SmmuKind;

typedef struct SmmuViommu SmmuViommu;

typedef struct SmmuDomain {
    SimDomain base;
    SmmuKind kind;
    uint16_t id;                /* ASID or VMID; of a nested one, neither */
    SimTable table;             /* of a paging domain */
    SmmuViommu *viommu;         /* of a nested one, as is the rest */
    uint64_t ste[2];
    bool ats;
} SmmuDomain;

static inline SmmuDomain *smmu_domain(SimDomain *domain)
{
    return (SmmuDomain *)domain;
}

struct SmmuViommu {
    SimViommu base;
    GHashTable *vsids;          /* &SmmuDevice.vsid -> SmmuDevice */
};

typedef struct SmmuDevice {
    SimDevice *device;
    /* context descriptors of paging domains */
    uint64_t *cds;
    unsigned cds_pages;
    bool two_level;
    uint64_t ste[4];            /* what the stream table has */
    /* as a part of a vIOMMU; and whether events are told there */
    SmmuViommu *viommu, *vmaster;
    uint64_t vsid, vmaster_vsid;
} SmmuDevice;

static inline SmmuDevice *smmu_device(SimDevice *device)
{
    return device->phys;
}

static inline uint64_t smmu_load(const uint64_t *at)
{
    return GUINT64_FROM_LE(__atomic_load_n(at, __ATOMIC_ACQUIRE));
}

static inline void smmu_store(uint64_t *at, uint64_t value)
{
    __atomic_store_n(at, GUINT64_TO_LE(value), __ATOMIC_RELEASE);
}

/* --- smmu-streams.c ------------------------------------------------------ */

/** The first level, where each bus has none yet. */
int smmu_streams_init(Hostsim *sim);
void smmu_streams_exit(Hostsim *sim);
/** Room for the device's entry and descriptors; it aborts. */
int smmu_stream_add(SimDevice *device);
void smmu_stream_remove(SimDevice *device);
/** The device's entry, which no request sees half. */
void smmu_stream_put(SimDevice *device, const uint64_t word[4]);
/** A context descriptor; V is the last word to be written. */
int smmu_cd_put(SimDevice *device, uint32_t ssid, const uint64_t word[4]);
/** What the first two words of an entry say of the device's descriptors. */
void smmu_cds_entry(SimDevice *device, uint64_t word[2]);

/* --- smmu-domain.c ------------------------------------------------------- */

int smmu_domain_new(Hostsim *sim, unsigned flags, SimDomain **domain);
void smmu_domain_free(SimDomain *domain);
int smmu_map(SimDomain *domain, uint64_t iova, void *memory, uint64_t size,
             unsigned access);
void smmu_unmap(SimDomain *domain, uint64_t iova, uint64_t size);
void smmu_small_pages(SimDomain *domain);
int smmu_set_dirty(SimDomain *domain, bool on);
void smmu_read_dirty(SimDomain *domain, uint64_t iova, uint64_t size,
                     bool clear, SimDirtyFunc *func, void *opaque);
/** All addresses of (device, PASID) mean something else now. */
void smmu_flush_attachment(SimDevice *device, uint32_t pasid,
                           SmmuDomain *old);

/* --- smmu-viommu.c ------------------------------------------------------- */

int smmu_nested_new(SimDevice *device, SimDomain *parent, SimViommu *viommu,
                    unsigned flags, const SimUserData *data,
                    SimDomain **domain);
int smmu_viommu_new(SimDevice *device, uint32_t type, SimDomain *parent,
                    const SimUserData *data, SimViommu **viommu);
void smmu_viommu_free(SimViommu *viommu);
int smmu_viommu_invalidate(SimViommu *viommu, SimUserArray *array);
int smmu_vdevice_add(SimViommu *viommu, SimDevice *device, uint64_t virt_id);
void smmu_vdevice_remove(SimViommu *viommu, SimDevice *device);

/* --- smmu-queue.c -------------------------------------------------------- */

int smmu_queues_init(Hostsim *sim);
void smmu_queues_exit(Hostsim *sim);
/** Run @n commands and a CMD_SYNC: 0, or -EIO when the queue has stopped.  An
 *  endpoint that does not answer is no error, as in Linux. */
int smmu_submit(Hostsim *sim, const SmmuCmd *commands, unsigned n);
/** Take in events. */
void smmu_interrupt(Hostsim *sim);
void smmu_page_response(SimDevice *device,
                        const ViommuPageResponse *response);

#endif
