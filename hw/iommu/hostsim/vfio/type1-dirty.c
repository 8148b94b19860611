/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Dirty pages of a container.  As in Linux, whose type1 asks no IOMMU what
 * was written: each page of each mapping counts as dirty while they are noted,
 * because all of it is pinned and the device could write at any time.
 */
#include <errno.h>

#include "hw/iommu/hostsim/vfio/container.h"

/** Bytes of a bitmap of @bits bits, in words of 64. */
static uint64_t bitmap_bytes(uint64_t bits)
{
    return (bits + 63) / 64 * 8;
}

int sim_type1_check_bitmap(const VfioBitmap *bitmap, uint64_t size)
{
    if (bitmap->pgsize != SIM_PAGE || bitmap->size > SIM_DIRTY_BITMAP_MAX ||
        size < SIM_PAGE ||
        bitmap->size < bitmap_bytes(size / SIM_PAGE)) {
        return -EINVAL;
    }
    return 0;
}

int sim_type1_report_dirty(const SimMapping *mapping, uint64_t base,
                           const VfioBitmap *bitmap)
{
    uint64_t bit = (mapping->iova - base) / SIM_PAGE;
    uint64_t end = bit + (mapping->last - mapping->iova) / SIM_PAGE + 1;

    while (bit < end) {
        void *user = sim_user_ptr(bitmap->data + bit / 64 * 8);
        uint64_t n = MIN(end - bit, 64 - bit % 64), word;

        if (sim_copy_in(&word, user, sizeof(word))) {
            return -EFAULT;
        }
        word |= (n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1) << bit % 64;
        if (sim_copy_out(user, &word, sizeof(word))) {
            return -EFAULT;
        }
        bit += n;
    }
    return 0;
}

static int get_bitmap(const SimType1 *type1, const void *arg, uint32_t argsz)
{
    VfioDirtyGet get;
    uint64_t last;
    guint i;
    int ret;

    if (argsz < sizeof(VfioDirtyBitmap) + sizeof(get)) {
        return -EINVAL;
    }
    if (sim_copy_in(&get, sim_user_at(arg, sizeof(VfioDirtyBitmap)),
                    sizeof(get))) {
        return -EFAULT;
    }
    if (!get.size) {
        return -EINVAL;
    }
    last = get.iova + get.size - 1;
    if (last < get.iova) {
        return -EOVERFLOW;
    }
    ret = sim_type1_check_bitmap(&get.bitmap, get.size);
    if (ret) {
        return ret;
    }
    if ((get.iova | get.size) & (SIM_PAGE - 1) || !type1->dirty ||
        sim_type1_cuts(type1, get.iova, last)) {
        return -EINVAL;
    }
    for (i = sim_type1_find(type1, get.iova); i < type1->mappings->len; i++) {
        const SimMapping *mapping = &g_array_index(type1->mappings,
                                                   SimMapping, i);

        if (mapping->iova > last) {
            break;
        }
        ret = sim_type1_report_dirty(mapping, get.iova, &get.bitmap);
        if (ret) {
            return ret;
        }
    }
    return 0;
}

int sim_type1_dirty_pages(SimType1 *type1, void *arg)
{
    VfioDirtyBitmap dirty;

    if (!type1->v2) {
        return -EACCES;
    }
    if (sim_copy_in(&dirty, arg, sizeof(dirty))) {
        return -EFAULT;
    }
    if (dirty.argsz < sizeof(dirty)) {
        return -EINVAL;
    }
    switch (dirty.flags) {
    case VFIO_ABI_DIRTY_START:
        type1->dirty = true;
        return 0;
    case VFIO_ABI_DIRTY_STOP:
        type1->dirty = false;
        return 0;
    case VFIO_ABI_DIRTY_GET_BITMAP:
        return get_bitmap(type1, arg, dirty.argsz);
    default:
        /* none, an unknown one, or more than one */
        return -EINVAL;
    }
}
