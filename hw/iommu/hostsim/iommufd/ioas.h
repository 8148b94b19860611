/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * I/O address spaces of iommufd: areas of memory, and the paging domains that
 * they are mapped in.  As in Linux, memory is pinned while there is a domain,
 * and IOVAs can be restricted by devices (reserved) and by the user
 * (allowed).
 */
#ifndef HW_IOMMU_HOSTSIM_IOMMUFD_IOAS_H
#define HW_IOMMU_HOSTSIM_IOMMUFD_IOAS_H

#include "hw/iommu/hostsim/iommufd/iommufd.h"
#include "hw/iommu/hostsim/physical/physical.h"

/** Memory that areas are parts of. */
typedef struct SimPages {
    Hostsim *sim;
    unsigned refs;
    unsigned fills;             /* areas in domains; pinned while there are */
    uint8_t *base;              /* of the first page */
    uint64_t size;              /* of whole pages */
    bool writable;
    int file;                   /* or -1: mapped while pinned */
    uint64_t file_offset;
} SimPages;

typedef struct SimArea {
    uint64_t iova, last;
    SimPages *pages;
    uint64_t start;             /* byte in pages */
    unsigned access;            /* VIOMMU_READ, VIOMMU_WRITE */
} SimArea;

typedef struct SimReserved {
    uint64_t first, last;
    const void *owner;
} SimReserved;

typedef struct SimIoas {
    SimObject object;
    GPtrArray *areas;           /* SimArea, by iova */
    GArray *reserved;           /* SimReserved */
    GArray *allowed;            /* SimReserved */
    GPtrArray *domains;         /* SimDomain */
    GPtrArray *hwpts;           /* SimHwpt; the same, for their objects */
    uint64_t alignment;
    bool small_pages;
} SimIoas;

/** Or NULL. */
SimIoas *sim_ioas_new(SimContext *context);
/** What is not reserved: IommufdIovaRange, for g_array_unref(). */
GArray *sim_ioas_holes(SimIoas *ioas);
/** No large pages, so that what is mapped can be cut.  -EINVAL when domains
 *  hold something already. */
int sim_ioas_set_small_pages(SimIoas *ioas);
/** What is there now goes into the domain, too, and what comes. */
int sim_ioas_add_domain(SimIoas *ioas, SimDomain *domain);
void sim_ioas_remove_domain(SimIoas *ioas, SimDomain *domain);
/** Does what there is fit to a coarser alignment?  0 or -EADDRINUSE. */
int sim_ioas_check_alignment(const SimIoas *ioas, uint64_t alignment);
/** IOVAs that nobody may use: 0, or -EADDRINUSE. */
int sim_ioas_reserve(SimIoas *ioas, uint64_t first, uint64_t last,
                     const void *owner);
void sim_ioas_unreserve(SimIoas *ioas, const void *owner);

/* --- Areas (areas.c) ----------------------------------------------------- */

/** -EOVERFLOW when @memory + @size wraps; -EINVAL for no size, or for all
 *  that there could be; -ENOMEM. */
int sim_pages_new_user(Hostsim *sim, void *memory, uint64_t size,
                       bool writable, SimPages **pages);
/** -EBADF, and the same. */
int sim_pages_new_file(Hostsim *sim, int fd, uint64_t offset, uint64_t size,
                       bool writable, SimPages **pages);
void sim_pages_ref(SimPages *pages);
void sim_pages_unref(SimPages *pages);

/** The area that holds @iova, or the first one behind it with @or_next. */
SimArea *sim_area_find(const SimIoas *ioas, uint64_t iova, bool or_next);
/**
 * Map @size bytes from byte @start of @pages at *@iova, or where there is
 * room with @alloc.  Takes no reference on error.
 */
int sim_area_map(SimIoas *ioas, SimPages *pages, uint64_t start,
                 uint64_t size, uint64_t *iova, unsigned access, bool alloc);
/** Where there is room. */
int sim_area_place(const SimIoas *ioas, const SimPages *pages, uint64_t start,
                   uint64_t size, uint64_t *iova);
/** All areas in the range, which must be there as a whole. */
int sim_area_unmap(SimIoas *ioas, uint64_t first, uint64_t last,
                   uint64_t *unmapped);
/** The area that holds @last ends there, and another one begins behind it;
 *  for small pages.  -EINVAL when that is within a page. */
int sim_area_cut(SimIoas *ioas, uint64_t last);
/** Into one domain, or out of it. */
int sim_area_fill(SimIoas *ioas, SimArea *area, SimDomain *domain);
void sim_area_unfill(SimArea *area, SimDomain *domain);
void *sim_area_memory(const SimArea *area);

#endif
