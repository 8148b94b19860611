/* SPDX-License-Identifier: BSD-3-Clause */
/* Areas of an IOAS: where they may be, and their memory. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "hw/iommu/common/sorted.h"
#include "hw/iommu/hostsim/iommufd/ioas.h"

/* Linux aligns what it places itself to huge pages at most. */
#define ALIGN_MAX (UINT64_C(2) << 20)

/* --- Memory -------------------------------------------------------------- */

static int pages_new(Hostsim *sim, uint64_t offset, uint64_t size,
                     bool writable, SimPages **result)
{
    SimPages *pages;

    if (!size || size > UINT64_MAX - SIM_PAGE) {
        return -EINVAL;
    }
    if (size > UINT64_MAX - SIM_PAGE - offset) {
        return -EOVERFLOW;
    }
    *result = pages = sim_alloc(sim, sizeof(*pages));
    if (!pages) {
        return -ENOMEM;
    }
    pages->sim = sim;
    pages->refs = 1;
    pages->size = (offset + size + SIM_PAGE - 1) & ~(uint64_t)(SIM_PAGE - 1);
    pages->writable = writable;
    pages->file = -1;
    return 0;
}

int sim_pages_new_user(Hostsim *sim, void *memory, uint64_t size,
                       bool writable, SimPages **pages)
{
    uint64_t addr = (uintptr_t)memory;
    int ret;

    if (size > UINT64_MAX - addr) {
        return -EOVERFLOW;
    }
    ret = pages_new(sim, addr % SIM_PAGE, size, writable, pages);
    if (!ret) {
        (*pages)->base = sim_user_ptr(addr - addr % SIM_PAGE);
    }
    return ret;
}

int sim_pages_new_file(Hostsim *sim, int fd, uint64_t offset, uint64_t size,
                       bool writable, SimPages **pages)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), ret;

    if (copy < 0) {
        return -EBADF;
    }
    ret = pages_new(sim, offset % SIM_PAGE, size, writable, pages);
    if (ret) {
        close(copy);
        return ret;
    }
    (*pages)->file = copy;
    (*pages)->file_offset = offset - offset % SIM_PAGE;
    return 0;
}

void sim_pages_ref(SimPages *pages)
{
    pages->refs++;
}

void sim_pages_unref(SimPages *pages)
{
    if (--pages->refs) {
        return;
    }
    if (pages->file >= 0) {
        close(pages->file);
    }
    g_free(pages);
}

/** Only what a memfd is, and as much as there is of it. */
static int map_file(SimPages *pages)
{
    struct statfs fs;
    struct stat st;
    void *map;

    if (fstatfs(pages->file, &fs) || fstat(pages->file, &st)) {
        return -errno;
    }
    /* 32 bits that some architectures have as a signed number */
    if (((uint32_t)fs.f_type != TMPFS_MAGIC &&
         (uint32_t)fs.f_type != HUGETLBFS_MAGIC) ||
        pages->size > (uint64_t)st.st_size ||
        pages->file_offset > (uint64_t)st.st_size - pages->size) {
        return -EINVAL;
    }
    map = mmap(NULL, pages->size,
               PROT_READ | (pages->writable ? PROT_WRITE : 0), MAP_SHARED,
               pages->file, pages->file_offset);
    if (map == MAP_FAILED) {
        return -errno;
    }
    pages->base = map;
    return 0;
}

static int pages_pin(SimPages *pages)
{
    int ret = 0;

    if (pages->fills) {
        pages->fills++;
        return 0;
    }
    if (pages->file >= 0) {
        ret = map_file(pages);
    }
    if (!ret) {
        ret = sim_pin(pages->sim, pages->base, pages->size, pages->writable);
        if (ret && pages->file >= 0) {
            munmap(pages->base, pages->size);
        }
    }
    if (!ret) {
        pages->fills = 1;
    }
    return ret;
}

static void pages_unpin(SimPages *pages)
{
    if (--pages->fills) {
        return;
    }
    sim_unpin(pages->sim, pages->base, pages->size, pages->writable);
    if (pages->file >= 0) {
        munmap(pages->base, pages->size);
        pages->base = NULL;
    }
}

/* --- Areas --------------------------------------------------------------- */

void *sim_area_memory(const SimArea *area)
{
    return area->pages->base + area->start;
}

static bool ends_before(const void *areas, size_t i, uint64_t iova)
{
    const SimArea *area = g_ptr_array_index((const GPtrArray *)areas, i);

    return area->last < iova;
}

/** The place in the array of the first area that ends at or behind @iova. */
static guint area_index(const SimIoas *ioas, uint64_t iova)
{
    return viommu_sorted_position(ioas->areas, ioas->areas->len, iova,
                                  ends_before);
}

SimArea *sim_area_find(const SimIoas *ioas, uint64_t iova, bool or_next)
{
    guint i = area_index(ioas, iova);
    SimArea *area;

    if (i == ioas->areas->len) {
        return NULL;
    }
    area = g_ptr_array_index(ioas->areas, i);
    return or_next || area->iova <= iova ? area : NULL;
}

int sim_area_fill(SimIoas *ioas, SimArea *area, SimDomain *domain)
{
    Hostsim *sim = ioas->object.context->sim;
    int ret = pages_pin(area->pages);

    if (ret) {
        return ret;
    }
    if (ioas->small_pages) {
        sim->phys->small_pages(domain);
    }
    ret = sim->phys->map(domain, area->iova, sim_area_memory(area),
                         area->last - area->iova + 1, area->access);
    if (ret) {
        pages_unpin(area->pages);
    }
    return ret;
}

void sim_area_unfill(SimArea *area, SimDomain *domain)
{
    domain->sim->phys->unmap(domain, area->iova, area->last - area->iova + 1);
    pages_unpin(area->pages);
}

static void unfill_all(SimIoas *ioas, SimArea *area, guint n)
{
    for (guint i = 0; i < n; i++) {
        sim_area_unfill(area, g_ptr_array_index(ioas->domains, i));
    }
}

/** The first byte behind whatever is used or reserved in the range, or 0
 *  when all of it is free. */
static uint64_t behind_used(const SimIoas *ioas, uint64_t first,
                            uint64_t last)
{
    const SimArea *area = sim_area_find(ioas, first, true);

    if (area && area->iova <= last) {
        return area->last + 1;
    }
    for (guint i = 0; i < ioas->reserved->len; i++) {
        const SimReserved *r = &g_array_index(ioas->reserved, SimReserved, i);

        if (r->first <= last && r->last >= first) {
            return r->last == UINT64_MAX ? UINT64_MAX : r->last + 1;
        }
    }
    return 0;
}

/** As Linux places it: the lowest place whose alignment is that of the
 *  memory, but not 0. */
static int place_in(const SimIoas *ioas, uint64_t first, uint64_t last,
                    uint64_t size, uint64_t align, uint64_t offset,
                    uint64_t *iova)
{
    uint64_t at = first;

    for (;;) {
        uint64_t next;

        if (at > UINT64_MAX - (align - 1)) {
            return -ENOSPC;
        }
        at = ((at + align - 1) & ~(align - 1)) | offset;
        if (at >= last || last - at < size - 1) {
            return -ENOSPC;
        }
        next = behind_used(ioas, at, at + size - 1);
        if (!next) {
            *iova = at;
            return 0;
        }
        if (next <= at) {
            return -ENOSPC;
        }
        at = next;
    }
}

static int place(const SimIoas *ioas, uint64_t addr, uint64_t size,
                 uint64_t *iova)
{
    uint64_t align = 1;

    if (size >= UINT64_MAX / 2) {
        return -EOVERFLOW;
    }
    while (align < size && align < ALIGN_MAX && !(addr & align)) {
        align <<= 1;
    }
    if (align < ioas->alignment) {
        return -EINVAL;
    }
    if (!ioas->allowed->len) {
        return place_in(ioas, SIM_PAGE, UINT64_MAX - SIM_PAGE, size, align,
                        addr % SIM_PAGE, iova);
    }
    for (guint i = 0; i < ioas->allowed->len; i++) {
        const SimReserved *a = &g_array_index(ioas->allowed, SimReserved, i);

        if (!place_in(ioas, MAX(a->first, SIM_PAGE), a->last, size, align,
                      addr % SIM_PAGE, iova)) {
            return 0;
        }
    }
    return -ENOSPC;
}

static int check_place(const SimIoas *ioas, uint64_t iova, uint64_t size)
{
    const SimArea *area;

    if (iova & (ioas->alignment - 1)) {
        return -EINVAL;
    }
    if (size - 1 > UINT64_MAX - iova) {
        return -EOVERFLOW;
    }
    for (guint i = 0; i < ioas->reserved->len; i++) {
        const SimReserved *r = &g_array_index(ioas->reserved, SimReserved, i);

        if (r->first <= iova + (size - 1) && r->last >= iova) {
            return -EINVAL;
        }
    }
    area = sim_area_find(ioas, iova, true);
    return area && area->iova <= iova + (size - 1) ? -EEXIST : 0;
}

int sim_area_place(const SimIoas *ioas, const SimPages *pages, uint64_t start,
                   uint64_t size, uint64_t *iova)
{
    uint64_t addr = pages->file >= 0 ? pages->file_offset
                                     : (uintptr_t)pages->base;

    if (!size || (size & (ioas->alignment - 1))) {
        return -EINVAL;
    }
    return place(ioas, addr + start, size, iova);
}

int sim_area_map(SimIoas *ioas, SimPages *pages, uint64_t start,
                 uint64_t size, uint64_t *iova, unsigned access, bool alloc)
{
    SimArea *area;
    guint i;
    int ret;

    if (!size || (size & (ioas->alignment - 1))) {
        return -EINVAL;
    }
    ret = alloc ? sim_area_place(ioas, pages, start, size, iova)
                : check_place(ioas, *iova, size);
    if (ret) {
        return ret;
    }
    if ((access & VIOMMU_WRITE) && !pages->writable) {
        return -EPERM;
    }
    if (start % SIM_PAGE & (ioas->alignment - 1)) {
        return -EINVAL;
    }
    area = sim_alloc(ioas->object.context->sim, sizeof(*area));
    if (!area) {
        return -ENOMEM;
    }
    *area = (SimArea) {
        .iova = *iova, .last = *iova + (size - 1), .pages = pages,
        .start = start, .access = access,
    };
    for (i = 0; i < ioas->domains->len; i++) {
        ret = sim_area_fill(ioas, area, g_ptr_array_index(ioas->domains, i));
        if (ret) {
            unfill_all(ioas, area, i);
            g_free(area);
            return ret;
        }
    }
    sim_pages_ref(pages);
    g_ptr_array_insert(ioas->areas, area_index(ioas, *iova), area);
    return 0;
}

int sim_area_cut(SimIoas *ioas, uint64_t last)
{
    SimArea *area = sim_area_find(ioas, last, false);
    uint64_t first = last + 1;
    SimArea *rest;

    if (!area || last == area->iova || last == area->last) {
        return 0;
    }
    if ((first | (area->start + (first - area->iova))) &
        (ioas->alignment - 1)) {
        return -EINVAL;
    }
    rest = sim_alloc(ioas->object.context->sim, sizeof(*rest));
    if (!rest) {
        return -ENOMEM;
    }
    *rest = *area;
    rest->iova = first;
    rest->start += first - area->iova;
    area->last = last;
    /* of each domain, which holds both now */
    area->pages->fills += ioas->domains->len;
    sim_pages_ref(area->pages);
    g_ptr_array_insert(ioas->areas, area_index(ioas, first), rest);
    return 0;
}

int sim_area_unmap(SimIoas *ioas, uint64_t first, uint64_t last,
                   uint64_t *unmapped)
{
    guint from = area_index(ioas, first), i;
    int ret = 0;

    *unmapped = 0;
    for (i = from; i < ioas->areas->len; i++) {
        SimArea *area = g_ptr_array_index(ioas->areas, i);

        if (area->iova > last) {
            break;
        }
        if (area->iova < first || area->last > last) {
            ret = -ENOENT;
            break;
        }
        unfill_all(ioas, area, ioas->domains->len);
        *unmapped += area->last - area->iova + 1;
        sim_pages_unref(area->pages);
        g_free(area);
    }
    if (i > from) {
        g_ptr_array_remove_range(ioas->areas, from, i - from);
    }
    return ret;
}
