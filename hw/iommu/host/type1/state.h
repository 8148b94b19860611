/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The backend for VFIO's containers (type1), with the user API for guests'
 * tables where the kernel has it (vSVA).
 *
 *   type1.c          the connection, dirty pages
 *   container.c      the address space, and what it holds
 *   pasids.c         PASIDs that the kernel gives out
 *   info.c           what the kernel tells of itself
 *   tables.c         what the device's requests are behind; invalidations
 *   device.c         the device, what it and the kernel can do
 *   faults.c         faults and answers, through regions of the device
 *
 * A container has one address space, for requests without PASID of all its
 * devices and below each guest's table.  So there is one device in a container,
 * and it holds either guest memory or one shadow.
 *
 * Everything here runs with the host's lock held.
 */
#ifndef HW_IOMMU_HOST_TYPE1_STATE_H
#define HW_IOMMU_HOST_TYPE1_STATE_H

#include "hw/iommu/host/backend.h"
#include "hw/iommu/host/abi/vsva.h"

typedef enum Type1Space {
    TYPE1_EMPTY,
    TYPE1_PARENT,           /* guest memory, at guest-physical addresses */
    TYPE1_SHADOW,
} Type1Space;

typedef struct Type1Memory {
    uint64_t addr, size;
    void *memory;
} Type1Memory;

typedef struct Type1Host {
    ViommuHost common;      /* first */
    int fd;
    uint64_t vtd_cap;       /* of the hardware, or 0: not known */
    bool nesting;           /* the container has vSVA ... */
    bool merged;            /* ... in the merged form */
    Type1Space space;       /* all that it may hold */
    GArray *memory;         /* Type1Memory: what the parent has, or would */
} Type1Host;

/** A ring in a region of the device. */
typedef struct Type1Ring {
    uint64_t at;            /* offset of the region in the device's file */
    uint8_t *entries;       /* mapped; NULL: there is none */
    size_t map_size;
    uint32_t entry_size, n;
    uint32_t ours, theirs;  /* indices: that we move, and what was read last */
    uint32_t told;          /* ours, as the kernel knows it */
    bool *stale;            /* by index: of a table that has ended */
} Type1Ring;

/** What requests with a PASID are behind. */
typedef struct Type1Bound {
    ViommuHostTable table;
    bool claimed;           /* the PASID was taken for this */
} Type1Bound;

typedef struct Type1Device {
    ViommuHostDevice common;    /* first */
    int fd;
    ViommuHostTableType type;   /* of requests without PASID */
    GHashTable *bound;          /* PASID: Type1Bound */
    Type1Ring faults, answers;
    int eventfd;            /* tells of faults, or -1 */
    ViommuHostQueue queue;
    unsigned irq;           /* its index */
} Type1Device;

static inline Type1Host *type1_host(ViommuHost *host)
{
    return (Type1Host *)host;
}

static inline Type1Device *type1_device(ViommuHostDevice *device)
{
    return (Type1Device *)device;
}

/** Calls that take something away fail more than once before it counts. */
#define TYPE1_TRIES 3

/** An ioctl of the container. */
static inline int type1_call(Type1Host *host, unsigned long request,
                             void *arg)
{
    return viommu_host_ioctl(&host->common, host->fd, request, arg);
}

#endif
