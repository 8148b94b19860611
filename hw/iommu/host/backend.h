/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The seam between the models and a host kernel's user API.  A model says
 * what the guest's tables make of a host device's requests, which of the
 * guest's invalidations concern it, and takes what the host reports; it does
 * not know which API is behind that.  A backend knows the API, and nothing
 * of a guest.
 *
 *   vtd, smmuv3 ──▶ seam.c ──▶ ViommuHostBackend ──▶ ViommuSyscalls
 *                                iommufd.c            the kernel, or
 *                                type1.c (vSVA)       hostsim
 *
 * Results are 0 or a negative errno as the host gave it.  Calls for one host
 * are made one at a time (ViommuHost.lock), never with a unit's lock held and
 * never in a DMA section.
 */
#ifndef HW_IOMMU_HOST_BACKEND_H
#define HW_IOMMU_HOST_BACKEND_H

#include <pthread.h>

#include <hw/iommu/viommu-host.h>

/** What kind of IOMMU the host has, and so of what form guest tables are. */
typedef enum ViommuHostKind {
    VIOMMU_HOST_NONE,
    VIOMMU_HOST_VTD,
    VIOMMU_HOST_SMMUV3,
} ViommuHostKind;

/** What the host can do for a device. */
typedef struct ViommuHostCaps {
    ViommuHostKind kind;
    bool nesting;           /* guest tables under the parent address space */
    bool page_requests;     /* faults of nested tables come to user space */
    bool dirty_tracking;
    uint8_t pasid_bits;     /* 0: no PASIDs */
    uint64_t vtd_cap, vtd_ecap;     /* the hardware's registers */
    uint32_t smmu_idr[6];
} ViommuHostCaps;

/** What the guest's tables say of a device's requests with one PASID, or
 *  without. */
typedef enum ViommuHostTableType {
    VIOMMU_HOST_BLOCKED,
    VIOMMU_HOST_PARENT,     /* guest-physical addresses (pass-through) */
    VIOMMU_HOST_NESTED,     /* the guest's stage 1 */
    VIOMMU_HOST_SHADOW,     /* tables that the host cannot walk: what the
                             * embedder maps and unmaps (caching mode) */
} ViommuHostTableType;

typedef struct ViommuHostTable {
    ViommuHostTableType type;
    /* with VIOMMU_HOST_NESTED: */
    struct {
        uint64_t pgd;       /* guest-physical */
        uint8_t addr_width;
        bool sre, eafe, wpe;
        bool pcd, pwt, emte, cd;
        uint32_t pat, emt;
    } vtd;
    struct {
        uint64_t ste[2];    /* as the guest wrote it */
    } smmu;
} ViommuHostTable;

/** VT-d: translations that nested tables of (device, PASID) have lost. */
typedef struct ViommuHostInvalidation {
    uint32_t pasid;         /* or VIOMMU_NO_PASID */
    bool all;               /* else addr and size */
    bool leaf;
    uint64_t addr;
    uint64_t size;          /* bytes: pages, a power of two */
} ViommuHostInvalidation;

typedef enum ViommuHostFaultType {
    VIOMMU_HOST_FAULT_PAGE_REQUEST,
    VIOMMU_HOST_FAULT_UNRECOVERABLE,    /* VT-d: record it as the guest's */
    VIOMMU_HOST_FAULT_EVENT,            /* SMMUv3: an event record */
    VIOMMU_HOST_FAULT_LOST,             /* so many reports were lost */
} ViommuHostFaultType;

/** Something that the host reports. */
typedef struct ViommuHostFault {
    ViommuHostFaultType type;
    struct ViommuHostDevice *device;    /* NULL with LOST */
    ViommuPageRequest request;  /* source is filled in by the seam */
    uint8_t reason;             /* of the model's architecture */
    uint64_t event[4];
    uint32_t lost;
} ViommuHostFault;

typedef struct ViommuHost ViommuHost;
typedef struct ViommuHostDevice ViommuHostDevice;

typedef struct ViommuHostBackend {
    const char *name;
    void (*free)(ViommuHost *host);

    /** The parent address space: guest-physical to the process's memory. */
    int (*map)(ViommuHost *host, uint64_t addr, uint64_t size, void *memory,
               bool readonly);
    int (*unmap)(ViommuHost *host, uint64_t addr, uint64_t size);

    /** Put the device's requests with @pasid (or VIOMMU_NO_PASID) behind
     *  @table, in place of what they were behind: one call of the host where
     *  its API can replace.  After an error the old table still holds. */
    int (*bind)(ViommuHostDevice *device, uint32_t pasid,
                const ViommuHostTable *table);
    /** Block them.  Never fails as far as the guest sees: a host that cannot
     *  any more has no device any more. */
    void (*unbind)(ViommuHostDevice *device, uint32_t pasid);

    /** VT-d: @n invalidations, in as few calls as the API allows; *@done
     *  have been carried out when it fails. */
    int (*invalidate)(ViommuHostDevice *device,
                      const ViommuHostInvalidation *list, unsigned n,
                      unsigned *done);
    /** SMMUv3: @n commands as the guest wrote them, for all its devices.
     *  Of an API without such commands, NULL. */
    int (*commands)(ViommuHost *host, uint64_t (*list)[2], unsigned n,
                    unsigned *done);

    /** Take one report from the host: 1 with *@fault, 0 when there is none,
     *  or a negative errno.  Does not wait. */
    int (*next_fault)(ViommuHost *host, ViommuHostFault *fault);
    /** The guest's answer to a group.  -ENOENT: nobody waits for it. */
    int (*respond)(ViommuHostDevice *device,
                   const ViommuPageResponse *response);

    /** PASIDs that the host gives out, or NULL where PASIDs are the guest's
     *  own. */
    int (*alloc_pasid)(ViommuHost *host, uint32_t min, uint32_t max,
                       uint32_t *pasid);
    int (*free_pasid)(ViommuHost *host, uint32_t pasid);
} ViommuHostBackend;

/** A connection to the host: an iommufd, or a VFIO container.  First member
 *  of each backend's own structure. */
struct ViommuHost {
    const ViommuHostBackend *backend;
    const ViommuSyscalls *sys;
    pthread_mutex_t lock;
    GPtrArray *devices;     /* ViommuHostDevice */
    uint64_t calls;         /* system calls so far, for tests and statistics */
};

struct ViommuHostDevice {
    ViommuHost *host;
    ViommuHostCaps caps;
    Viommu *unit;           /* with source: where the guest sees it, or NULL */
    uint32_t source;
};

#endif
