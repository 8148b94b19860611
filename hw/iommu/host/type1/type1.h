/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The backend for VFIO's containers (type1), with the user API for guests'
 * tables where the kernel has it (vSVA).
 *
 *   type1.c          the connection, the address space, dirty pages
 *   info.c           what the kernel tells of itself
 *   tables.c         what the device's requests are behind; invalidations
 *   device.c         the device, what it and the kernel can do; PASIDs
 *   faults.c         faults and answers, through regions of the device
 *
 * A container has one address space, for requests without PASID of all its
 * devices and below each guest's table.  So there is one device in a container,
 * and it holds either guest memory or one shadow.
 *
 * Everything here runs with the host's lock held.
 */
#ifndef HW_IOMMU_HOST_TYPE1_TYPE1_H
#define HW_IOMMU_HOST_TYPE1_TYPE1_H

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
    bool *stale;            /* by index: what nobody asks for any more */
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

/** An ioctl of the container. */
static inline int type1_call(Type1Host *host, unsigned long request,
                             void *arg)
{
    return viommu_host_ioctl(&host->common, host->fd, request, arg);
}

/* --- type1.c ------------------------------------------------------------- */

/** Calls that take something away fail more than once before it counts. */
#define TYPE1_TRIES 3

/** What the container holds from now on.  After an error it holds nothing, or
 *  host->space tells what may be left in it. */
int type1_set_space(Type1Host *host, Type1Space space);
int type1_map(Type1Host *host, uint64_t iova, uint64_t size, void *memory,
              uint32_t flags);
int type1_unmap(Type1Host *host, uint64_t iova, uint64_t size);
/** The bitmap of whole mappings, for the kernel gives no part of one. */
int type1_get_dirty(Type1Host *host, uint64_t iova, uint64_t size,
                    uint64_t *bits);

/* --- info.c -------------------------------------------------------- */

/**
 * All that a "get info" call of @fd has to say: @head, of @head_size bytes,
 * goes in, and *@size bytes come out.  NULL when the kernel refuses.
 */
uint8_t *type1_get_info(Type1Host *host, int fd, unsigned long request,
                        const void *head, uint32_t head_size, uint32_t *size);
/** The capability @id in the chain that begins at @at, which has @need bytes,
 *  or NULL. */
const void *type1_capability(const uint8_t *info, uint32_t size, uint32_t at,
                             uint16_t id, uint32_t need);
/** Copy @size bytes of the capability @id of the container to @cap.  0;
 *  -ENOENT: there is none; -EIO: the kernel tells of nothing. */
int type1_iommu_capability(Type1Host *host, uint16_t id, void *cap,
                           uint32_t size);

/* --- tables.c ------------------------------------------------------ */

/** VFIO_IOMMU_BIND, in the kernel's form. */
int type1_bind_table(Type1Host *host, uint32_t pasid,
                     const ViommuHostTable *table);
/** The opposite.  Some errors pass, so that it is tried more than once. */
int type1_unbind_table(Type1Host *host, uint32_t pasid);
/** Everything, of everybody: does no harm. */
int type1_invalidate_all(Type1Host *host);

int type1_bind(ViommuHostDevice *device, uint32_t pasid,
               const ViommuHostTable *table);
void type1_unbind(ViommuHostDevice *device, uint32_t pasid);
int type1_shadow_map(ViommuHostDevice *device, uint32_t pasid, uint64_t iova,
                     uint64_t size, uint64_t addr, uint8_t access);
int type1_shadow_unmap(ViommuHostDevice *device, uint32_t pasid,
                       uint64_t iova, uint64_t size);
int type1_shadow_dirty(ViommuHostDevice *device, uint32_t pasid,
                       uint64_t iova, uint64_t size, uint64_t *bits);
int type1_invalidate(ViommuHostDevice *device,
                     const ViommuHostInvalidation *list, unsigned n,
                     unsigned *done);

/* --- device.c ------------------------------------------------------ */

ViommuHostDevice *type1_device_new(ViommuHost *host, int fd, GError **error);
void type1_device_free(ViommuHostDevice *device);
int type1_alloc_pasid(ViommuHost *host, uint32_t min, uint32_t max,
                      uint32_t *pasid);
int type1_free_pasid(ViommuHost *host, uint32_t pasid);

/* --- faults.c ------------------------------------------------------ */

/** Find and open what the device has for faults: 0, also when that is
 *  nothing; or what the kernel says. */
int type1_faults_start(Type1Device *device);
void type1_faults_stop(Type1Device *device);
unsigned type1_fds(ViommuHost *host, struct pollfd *fds, unsigned max);
/** Requests with @pasid have lost their table, and so have been answered: those
 *  in the ring are not handed out. */
void type1_faults_forget(Type1Device *device, uint32_t pasid);
bool type1_next_fault(ViommuHost *host, ViommuHostFault *fault);
int type1_respond(ViommuHostDevice *device,
                  const ViommuPageResponse *response, uint32_t cookie);

#endif
