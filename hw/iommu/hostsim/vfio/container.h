/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO as it was before iommufd: groups of devices, which are put into
 * containers with one address space (type1), and the user API for guests'
 * tables on top of that (vSVA).
 */
#ifndef HW_IOMMU_HOSTSIM_VFIO_CONTAINER_H
#define HW_IOMMU_HOSTSIM_VFIO_CONTAINER_H

#include "hw/iommu/host/abi/vsva.h"
#include "hw/iommu/hostsim/iommufd/objects.h"
#include "hw/iommu/hostsim/physical/physical.h"

typedef struct SimContainer SimContainer;
typedef struct SimGroup SimGroup;
typedef struct SimType1 SimType1;
typedef struct SimVsva SimVsva;

/** Lives as long as its file is open, or a group is in it. */
struct SimContainer {
    Hostsim *sim;
    bool open;
    GPtrArray *groups;          /* SimGroup */
    SimType1 *type1;            /* from VFIO_SET_IOMMU on */
};

/** A group that is open. */
struct SimGroup {
    Hostsim *sim;
    unsigned number;
    SimFile *file;              /* which devices' files hold */
    SimContainer *container;    /* or NULL */
    SimContext *iommufd;        /* in a container's place, or NULL */
    unsigned users;             /* files of devices, in a container */
};

/* --- container.c --------------------------------------------------------- */

/** Makes a file with one reference, or returns a negative errno. */
int sim_open_container(Hostsim *sim, unsigned number, SimFile **file);
/** The container behind a file, or NULL. */
SimContainer *sim_container_of(SimFile *file);
int sim_container_add(SimContainer *container, SimGroup *group);
/** May free the container. */
void sim_container_remove(SimContainer *container, SimGroup *group);

/* --- group.c ------------------------------------------------------------- */

/** As sim_open_container(). */
int sim_open_group(Hostsim *sim, unsigned number, SimFile **file);

/* --- groups.c ------------------------------------------------------------ */

/** The group behind a file, or NULL. */
SimGroup *sim_group_of(const SimFile *file);
/** Has somebody opened the group?  Its devices' own files are no use then. */
bool sim_group_is_open(Hostsim *sim, unsigned number);
/** The devices of a group, one after the other: start with NULL. */
SimDevice *sim_group_device(const SimGroup *group, const SimDevice *last);
/** A file of one of its devices is opened, or closed. */
void sim_group_use(SimGroup *group);
void sim_group_unuse(SimGroup *group);

/* --- type1.c ------------------------------------------------------------- */

struct SimType1 {
    Hostsim *sim;
    SimContainer *container;
    bool v2;                    /* mappings are unmapped as they were made */
    bool dirty;                 /* dirty pages are noted */
    SimDomain *domain;
    GArray *mappings;           /* SimMapping, sorted */
    unsigned available;         /* more mappings */
    unsigned unsettled;         /* mappings that are to get another address
                                 * of the process's */
    SimVsva *vsva;              /* with nesting, or NULL */
};

/** Is @type supported? */
bool sim_type1_has(Hostsim *sim, unsigned long type);
int sim_type1_new(SimContainer *container, unsigned long type,
                  SimType1 **type1);
/** No groups are left. */
void sim_type1_free(SimType1 *type1);
int sim_type1_attach(SimType1 *type1, SimGroup *group);
void sim_type1_detach(SimType1 *type1, SimGroup *group);
int sim_type1_ioctl(SimType1 *type1, unsigned long request, void *arg);

typedef struct SimMapping {
    uint64_t iova, last;
    void *memory;
    unsigned access;
    bool unsettled;
} SimMapping;

/** What VFIO's flags of a mapping allow. */
static inline unsigned sim_vfio_access(uint32_t flags)
{
    return (flags & VFIO_ABI_MAP_READ ? VIOMMU_READ : 0) |
           (flags & VFIO_ABI_MAP_WRITE ? VIOMMU_WRITE : 0);
}

static inline SimMapping *sim_mapping_at(const SimType1 *type1, guint i)
{
    return &g_array_index(type1->mappings, SimMapping, i);
}

/* --- type1-mappings.c ---------------------------------------------------- */

/** Index of the first mapping that ends at or after @iova. */
guint sim_type1_find(const SimType1 *type1, uint64_t iova);
/** Is part of a mapping in the range, and part of it outside? */
bool sim_type1_cuts(const SimType1 *type1, uint64_t iova, uint64_t last);

/* --- type1-info.c, type1-dirty.c ----------------------------------------- */

int sim_type1_get_info(SimType1 *type1, void *arg);
/** What VFIO_IOMMU_GET_INFO tells, with @chain behind it, which is freed;
 *  NULL: -ENODEV, if all else is right. */
int sim_iommu_info(GByteArray *chain, void *arg);
/** What is valid for mappings: the number of ranges. */
#define SIM_TYPE1_RANGES_MAX 2
unsigned sim_type1_ranges(const SimType1 *type1,
                          VfioIovaRange ranges[SIM_TYPE1_RANGES_MAX]);

/* for 2^30 pages and a bit less: Linux's bound */
#define SIM_DIRTY_BITMAP_MAX    (UINT64_C(1) << 28)

int sim_type1_dirty_pages(SimType1 *type1, void *arg);
/** Check a bitmap of the caller's for @size bytes: 0 or -EINVAL. */
int sim_type1_check_bitmap(const VfioBitmap *bitmap, uint64_t size);
/** Set the bits of one mapping in a bitmap that begins at @base. */
int sim_type1_report_dirty(const SimMapping *mapping, uint64_t base,
                           const VfioBitmap *bitmap);

#endif
