/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd: the kernel's objects, as the other files use them.
 */
#include <errno.h>

#include "hw/iommu/host/iommufd/objects.h"

#define DIRTY_PAGE 4096     /* that a bit stands for */

IommufdParent *iommufd_parent(const IommufdHost *host, uint32_t id)
{
    for (guint i = 0; i < host->parents->len; i++) {
        IommufdParent *parent = &g_array_index(host->parents, IommufdParent,
                                               i);

        if (parent->id == id) {
            return parent;
        }
    }
    return NULL;
}

/* Returns whether it is still there. */
static bool destroy(IommufdHost *host, uint32_t id)
{
    IommufdDestroy args = { .size = sizeof(args), .id = id };
    int ret = iommufd_call(host, IOMMUFD_DESTROY, &args);

    return ret && ret != -ENOENT;
}

/* [UAPI 004 "destroy any object"] */
void iommufd_destroy(IommufdHost *host, uint32_t id)
{
    if (destroy(host, id)) {
        g_array_append_val(host->garbage, id);
    }
}

void iommufd_collect(IommufdHost *host)
{
    guint kept = 0;

    /* In order: what is kept may keep what comes after it. */
    for (guint i = 0; i < host->garbage->len; i++) {
        uint32_t id = g_array_index(host->garbage, uint32_t, i);

        if (destroy(host, id)) {
            g_array_index(host->garbage, uint32_t, kept++) = id;
        }
    }
    g_array_set_size(host->garbage, kept);
}

bool iommufd_readable(IommufdHost *host, int fd)
{
    struct pollfd pollfd = { .fd = fd, .events = POLLIN };

    host->common.stats.calls++;
    return host->common.sys->poll(host->common.sys->opaque, &pollfd, 1,
                                  0) > 0 && (pollfd.revents & POLLIN);
}

int iommufd_set_dirty(IommufdHost *host, uint32_t hwpt, bool on)
{
    IommufdHwptSetDirty args = {
        .size = sizeof(args), .hwpt_id = hwpt,
        .flags = on ? IOMMUFD_HWPT_DIRTY_TRACKING_ENABLE : 0,
    };

    return iommufd_call(host, IOMMUFD_HWPT_SET_DIRTY_TRACKING, &args);
}

int iommufd_get_dirty(IommufdHost *host, uint32_t hwpt, uint64_t iova,
                      uint64_t size, uint64_t *bits)
{
    IommufdHwptGetDirty args = {
        .size = sizeof(args), .hwpt_id = hwpt, .iova = iova, .length = size,
        .page_size = DIRTY_PAGE, .data = (uintptr_t)bits,
    };

    return iommufd_call(host, IOMMUFD_HWPT_GET_DIRTY_BITMAP, &args);
}
