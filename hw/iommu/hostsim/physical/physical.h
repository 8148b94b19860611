/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Between the APIs (iommufd, VFIO's type1) and the driver of the physical
 * IOMMU.  The APIs know no architecture; the driver knows no object table and
 * no descriptor.  Everything here is called with Hostsim.lock held.
 */
#ifndef HW_IOMMU_HOSTSIM_PHYSICAL_PHYSICAL_H
#define HW_IOMMU_HOSTSIM_PHYSICAL_PHYSICAL_H

#include "hw/iommu/hostsim/physical/device.h"
#include "hw/iommu/hostsim/physical/pagetable.h"

typedef struct SimDomain SimDomain;
typedef struct SimViommu SimViommu;

/** Flags of a paging domain. */
enum {
    SIM_DOMAIN_NEST_PARENT = 1 << 0,
    SIM_DOMAIN_DIRTY       = 1 << 1,
    SIM_DOMAIN_PASID       = 1 << 2,
};

/** What requests of a device with some PASID are put behind.  First member
 *  of the driver's own structure. */
struct SimDomain {
    Hostsim *sim;
    SimDomain *parent;          /* of a nested one */
    unsigned flags;             /* of a paging one */
    uint64_t last;              /* of a paging one: the last address */
    GArray *attached;           /* SimAttachment */
    GPtrArray *children;        /* of a parent: nested domains */

    /* The API's: takes a page request (false: nobody will answer it), or
     * NULL; and what it needs for that. */
    bool (*page_request)(SimDomain *domain, SimDevice *device,
                         const ViommuPageRequest *req);
    void *owner;
};

typedef struct SimAttachment {
    SimDevice *device;
    uint32_t pasid;             /* or VIOMMU_NO_PASID */
} SimAttachment;

/** A type of data for nested_new(): VsvaBindData, which has been checked.  The
 *  rest are iommufd's. */
#define SIM_DATA_VSVA   0x80000001u

/** Data of a type that only the driver knows, in the caller's memory. */
typedef struct SimUserData {
    uint32_t type;
    const void *user;
    uint32_t size;
} SimUserData;

/** An array of such. */
typedef struct SimUserArray {
    uint32_t type;
    const void *user;
    uint32_t entry_size;
    uint32_t n;                 /* out: so many have been carried out */
    bool not_iotlb, not_device; /* caches that are left alone */
} SimUserArray;

typedef struct SimPhysOps {
    const char *name;
    /** Make the unit (sim->unit) and have it run. */
    bool (*init)(Hostsim *sim, GError **error);
    void (*exit)(Hostsim *sim);
    /** -ENOMEM; a device begins and ends without attachments. */
    int (*device_add)(SimDevice *device);
    void (*device_remove)(SimDevice *device);
    /** IOVAs that interrupt messages need, and nobody can map. */
    uint64_t msi_first, msi_last;
    /** They are translated, too: without a domain there are none. */
    bool msi_translated;
    /** Nested domains hold for requests with any PASID. */
    bool user_pasid_tables;

    /** As IOMMU_GET_HW_INFO has it: *@type in (0: any) and out; @data has
     *  room for 64 bytes, *@size is what has been written. */
    int (*hw_info)(SimDevice *device, uint32_t *type, void *data,
                   uint32_t *size);
    bool (*can_track_dirty)(Hostsim *sim);

    int (*domain_new)(Hostsim *sim, unsigned flags, SimDomain **domain);
    /** Paging or nested; nothing is attached. */
    void (*domain_free)(SimDomain *domain);
    int (*map)(SimDomain *domain, uint64_t iova, void *memory, uint64_t size,
               unsigned access);
    /** The memory is not reached any more when this returns. */
    void (*unmap)(SimDomain *domain, uint64_t iova, uint64_t size);
    /** Pages of 4 KiB only, from now on. */
    void (*small_pages)(SimDomain *domain);
    int (*set_dirty)(SimDomain *domain, bool on);
    void (*read_dirty)(SimDomain *domain, uint64_t iova, uint64_t size,
                       bool clear, SimDirtyFunc *func, void *opaque);

    /** @viommu or NULL. */
    int (*nested_new)(SimDevice *device, SimDomain *parent, SimViommu *viommu,
                      unsigned flags, const SimUserData *data,
                      SimDomain **domain);
    /** NULL when nested domains have none of their own. */
    int (*invalidate)(SimDomain *nested, SimUserArray *array);

    /** In place of what was there; NULL blocks.  On error that still
     *  holds. */
    int (*attach)(SimDevice *device, uint32_t pasid, SimDomain *domain);
    void (*page_response)(SimDevice *device,
                          const ViommuPageResponse *response);
    /** Take in what the unit reports (it has sent its message). */
    void (*interrupt)(Hostsim *sim);

    /** vIOMMUs: NULL when there are none; the only type.  SimViommu is the
     *  first member of the driver's own structure. */
    uint32_t viommu_type;
    int (*viommu_new)(SimDevice *device, uint32_t type, SimDomain *parent,
                      const SimUserData *data, SimViommu **viommu);
    void (*viommu_free)(SimViommu *viommu);
    int (*viommu_invalidate)(SimViommu *viommu, SimUserArray *array);
    int (*vdevice_add)(SimViommu *viommu, SimDevice *device,
                       uint64_t virt_id);
    void (*vdevice_remove)(SimViommu *viommu, SimDevice *device);
} SimPhysOps;

struct SimViommu {
    Hostsim *sim;
    uint32_t type;
    SimDomain *parent;
    /** The API's: an event record for the vIOMMU's user. */
    void (*event)(SimViommu *viommu, const void *data, size_t size);
    void *owner;
};

extern const SimPhysOps sim_phys_vtd;
extern const SimPhysOps sim_phys_smmu;

/* --- What all drivers use (physical.c) ----------------------------------- */

void sim_domain_init(SimDomain *domain, Hostsim *sim, SimDomain *parent);
void sim_domain_done(SimDomain *domain);
/** What the device's requests with @pasid are behind, or NULL. */
SimDomain *sim_domain_of(SimDevice *device, uint32_t pasid);
/** Record an attachment that the driver has made; NULL: none any more. */
void sim_domain_attached(SimDevice *device, uint32_t pasid,
                         SimDomain *domain);
/** The smallest aligned power of two of pages around a range: its log2, or
 *  64 when only everything will do. */
unsigned sim_range_order(uint64_t first, uint64_t last);
/** (device, PASID) pairs that are not blocked. */
unsigned sim_domain_bound(Hostsim *sim);

/** A page request from the unit's queue: to its domain, or answered. */
void sim_page_request(Hostsim *sim, const ViommuPageRequest *req);

/** An unrecoverable fault from the unit's records. */
typedef struct SimFault {
    uint32_t source;
    uint32_t pasid;
    uint64_t addr;
    uint8_t access;
    uint8_t reason;
} SimFault;
void sim_dma_fault(Hostsim *sim, const SimFault *fault);

/* The unit's callbacks. */
void sim_unit_msi(void *opaque, const ViommuMsi *msi);
bool sim_unit_devtlb(void *opaque, const ViommuInvalidation *inv);
void sim_unit_page_response(void *opaque, const ViommuPageResponse *response);
void sim_unit_stall_resume(void *opaque, uint32_t source, uint16_t tag,
                           ViommuResume action);
void sim_unit_run_later(void *opaque);

#endif
