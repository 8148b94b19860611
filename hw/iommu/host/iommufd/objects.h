/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The backend for Linux's iommufd.
 *
 *   iommufd.c          the connection, the parent address space, dirty bits
 *   objects.c          the kernel's objects, as all of these use them
 *   device.c           devices and what they can do
 *   tables.c           what (device, PASID) are behind; invalidations
 *   faults.c           page requests
 *   viommu.c           SMMUv3's vIOMMUs: commands, events
 *
 * Objects, and what keeps each of them:
 *
 *   IOAS ◀── parent HWPT ◀── nested HWPTs ◀── (device, PASID)
 *     ▲                          │
 *     └ shadow IOASes copy       └──▶ fault queue ◀── its descriptor
 *
 * With SMMUv3 a vIOMMU stands between the parent and nested HWPTs, which are
 * of devices as a whole; vDEVICEs and an event queue keep it.
 *
 * Everything here runs with the host's lock held.
 */
#ifndef HW_IOMMU_HOST_IOMMUFD_OBJECTS_H
#define HW_IOMMU_HOST_IOMMUFD_OBJECTS_H

#include "hw/iommu/host/backend.h"
#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/host/abi/vfio.h"

/** A paging HWPT on the IOAS of guest memory.  Devices behind IOMMUs of one
 *  kind share it; with SMMUv3, those of one unit of the guest's do: parent and
 *  vIOMMU stand for what the guest's ASIDs and StreamIDs belong to. */
typedef struct IommufdParent {
    uint32_t id;
    const Viommu *unit;     /* or NULL: of none yet */
    uint32_t flags;         /* IOMMUFD_HWPT_... */
    unsigned users;
} IommufdParent;

/** Of a parent (SMMUv3). */
typedef struct IommufdViommu {
    uint32_t id;
    uint32_t parent;
    /* the event queue; fd -1: none */
    uint32_t veventq;
    int event_fd;
    uint32_t sequence;      /* of the next event */
    uint32_t lost;          /* to be reported */
    ViommuHostQueue queue;
    /* what was read; bytes at .. n - 1 are still to be handed out */
    size_t at, n;
    uint8_t events[2560];   /* 64 records of 40 bytes */
} IommufdViommu;

typedef struct IommufdHost {
    ViommuHost common;      /* first */
    int fd;
    bool owns_fd;
    uint32_t ioas;
    GArray *parents;        /* IommufdParent */
    GPtrArray *viommus;     /* IommufdViommu */
    /* the fault queue; fd -1: there is none, because no device needs it or the
     * kernel has none */
    uint32_t fault_id;
    int fault_fd;
    ViommuHostQueue fault_queue;
    /* what was read from it; reports from .. n - 1 are still to be handed
     * out */
    IommufdPgfault *reports;
    size_t reports_max, reports_n, reports_at;
    uint32_t lost;          /* to be reported first */
    bool events_first;      /* the next time */
    GArray *garbage;        /* IDs that something else still kept, in the
                             * order of their destruction */
} IommufdHost;

/** What (device, PASID) are attached to, when it is not the parent. */
typedef struct IommufdTable {
    uint32_t hwpt;
    uint32_t ioas;          /* of a shadow, else 0 */
    ViommuHostTableType type;
} IommufdTable;

typedef struct IommufdDevice {
    ViommuHostDevice common;    /* first */
    int fd;
    uint32_t id;
    uint32_t parent;
    uint32_t parent_flags;
    uint32_t vdevice;       /* or 0 */
    GHashTable *tables;     /* PASID: IommufdTable */
} IommufdDevice;

static inline IommufdHost *iommufd_host(ViommuHost *host)
{
    return (IommufdHost *)host;
}

static inline IommufdDevice *iommufd_device(ViommuHostDevice *device)
{
    return (IommufdDevice *)device;
}

/** An ioctl of /dev/iommu. */
static inline int iommufd_call(IommufdHost *host, unsigned long request,
                               void *arg)
{
    return viommu_host_ioctl(&host->common, host->fd, request, arg);
}

/** The parent with the ID @id; NULL. */
IommufdParent *iommufd_parent(const IommufdHost *host, uint32_t id);
/** Destroy an object, or later, if something still keeps it: a device that
 *  has vanished keeps its tables until its descriptor is closed. */
void iommufd_destroy(IommufdHost *host, uint32_t id);
/** Try again with what was kept. */
void iommufd_collect(IommufdHost *host);
/** Of a HWPT. */
int iommufd_set_dirty(IommufdHost *host, uint32_t hwpt, bool on);
/** OR a bit for each 4 KiB that was written to into @bits. */
int iommufd_get_dirty(IommufdHost *host, uint32_t hwpt, uint64_t iova,
                      uint64_t size, uint64_t *bits);
/** Does a read of @fd give something, or would it? */
bool iommufd_readable(IommufdHost *host, int fd);

#endif
