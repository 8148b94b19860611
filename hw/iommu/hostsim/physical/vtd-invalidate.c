/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which caches a change concerns: the unit's, by domain and PASID, and those
 * of endpoints with ATS.
 */
#include <errno.h>

#include "hw/iommu/hostsim/physical/vtd.h"

typedef struct Batch {
    Hostsim *sim;
    GArray *descs;
} Batch;

static void batch_begin(Batch *b, Hostsim *sim)
{
    b->sim = sim;
    b->descs = g_array_new(FALSE, FALSE, sizeof(VtdDesc));
}

static void batch_add(Batch *b, uint64_t low, uint64_t high)
{
    VtdDesc desc = { { low, high } };

    g_array_append_val(b->descs, desc);
}

static int batch_end(Batch *b)
{
    int ret = vtd_submit(b->sim, (const VtdDesc *)(void *)b->descs->data,
                         b->descs->len);

    g_array_unref(b->descs);
    return ret;
}

/** Pages as device-TLB descriptors have them: the size in the address. */
static uint64_t devtlb_range(uint64_t addr, unsigned order)
{
    if (order >= 52) {
        return (INT64_MAX & ~UINT64_C(0xfff)) | 1;
    }
    if (!order) {
        return addr & ~UINT64_C(0xfff);
    }
    addr &= ~((UINT64_C(0x1000) << order) - 1);
    return addr | ((UINT64_C(0x800) << order) - 0x1000) | 1;
}

static void add_devtlb(Batch *b, const SimAttachment *a, uint64_t addr,
                       unsigned order)
{
    uint64_t range = devtlb_range(addr, order), sid = a->device->source;

    if (!a->device->ats) {
        return;
    }
    if (a->pasid == VIOMMU_NO_PASID) {
        batch_add(b, DESC_DEVTLB | (sid & 0xffff) << 32, range);
    } else {
        /* S is bit 11 here */
        batch_add(b, DESC_PDEVTLB | (sid & 0xffff) << 16 |
                     (uint64_t)a->pasid << DESC_PASID_SHIFT,
                  (range & ~UINT64_C(1)) | (range & 1) << 11);
    }
}

static void add_piotlb(Batch *b, const VtdDomain *d, uint32_t pasid,
                       uint64_t addr, unsigned order, bool leaf)
{
    VtdDriver *vtd = vtd_driver(b->sim);
    uint64_t low = DESC_PIOTLB | (uint64_t)d->did << DESC_DID_SHIFT |
                   (uint64_t)vtd_table_pasid(pasid) << DESC_PASID_SHIFT;

    if (order > CAP_MAMV(vtd->cap)) {
        batch_add(b, low | DESC_DOMAIN, 0);
    } else {
        addr &= ~((UINT64_C(0x1000) << order) - 1);
        batch_add(b, low | DESC_PAGES, addr | (leaf ? DESC_IH : 0) | order);
    }
}

static void add_iotlb(Batch *b, const VtdDomain *d, uint64_t addr,
                      unsigned order)
{
    VtdDriver *vtd = vtd_driver(b->sim);
    uint64_t low = DESC_IOTLB | (uint64_t)d->did << DESC_DID_SHIFT;

    if (order > CAP_MAMV(vtd->cap)) {
        batch_add(b, low | DESC_DOMAIN, 0);
    } else {
        addr &= ~((UINT64_C(0x1000) << order) - 1);
        batch_add(b, low | DESC_PAGES, addr | order);
    }
}

/** A paging domain's addresses have changed.  Of nested ones, the IOTLB is told
 *  the same range, as Linux does; which of a device's addresses that concerns
 *  cannot be told.  With @added, nothing of before is wrong, and it is for the
 *  IOTLB alone (caching mode). */
void vtd_flush_range(VtdDomain *d, uint64_t first, uint64_t last, bool added)
{
    unsigned order = sim_range_order(first, last);
    Batch b;

    batch_begin(&b, d->base.sim);
    if (d->base.attached->len) {
        add_iotlb(&b, d, first, order);
    }
    for (guint i = 0; i < d->base.attached->len && !added; i++) {
        add_devtlb(&b, &g_array_index(d->base.attached, SimAttachment, i),
                   first, order);
    }
    for (guint i = 0; i < d->base.children->len; i++) {
        const VtdDomain *child = g_ptr_array_index(d->base.children, i);

        if (child->base.attached->len) {
            add_iotlb(&b, child, first, order);
        }
        for (guint k = 0; k < child->base.attached->len && !added; k++) {
            add_devtlb(&b, &g_array_index(child->base.attached, SimAttachment,
                                          k), 0, 64);
        }
    }
    batch_end(&b);
}

static void add_pasid(Batch *b, const VtdDomain *d, uint32_t pasid)
{
    batch_add(b, DESC_PASID | DESC_PASID_ONE |
                 (uint64_t)d->did << DESC_DID_SHIFT |
                 (uint64_t)vtd_table_pasid(pasid) << DESC_PASID_SHIFT, 0);
}

/** The entry of (device, PASID) is not there any more, or has changed: no more
 *  than Linux does, for tables of each kind that we have. */
void vtd_flush_entry(SimDevice *device, uint32_t pasid, VtdDomain *old)
{
    SimAttachment a = { device, pasid };
    Batch b;

    batch_begin(&b, device->sim);
    add_pasid(&b, old, pasid);
    batch_add(&b, DESC_IOTLB | DESC_DOMAIN |
                  (uint64_t)old->did << DESC_DID_SHIFT, 0);
    add_devtlb(&b, &a, 0, 64);
    batch_end(&b);
}

/** One that was absent is there: with caching mode. */
void vtd_flush_absent(SimDevice *device, uint32_t pasid, VtdDomain *new)
{
    Batch b;

    batch_begin(&b, device->sim);
    add_pasid(&b, new, pasid);
    add_piotlb(&b, new, pasid, 0, 64, false);
    batch_end(&b);
}

int vtd_invalidate(SimDomain *nested, SimUserArray *array)
{
    VtdDomain *d = vtd_domain(nested);
    uint32_t n = array->n, i;
    int ret = array->type == IOMMUFD_INVALIDATE_VTD_S1 ? 0 : -EINVAL;
    Batch b;

    batch_begin(&b, nested->sim);
    for (i = 0; !ret && i < n; i++) {
        IommufdVtdS1Invalidate inv;
        uint64_t last;
        unsigned order;

        ret = sim_copy_data(&inv, sizeof(inv), sizeof(inv),
                            sim_user_at(array->user,
                                        (uint64_t)i * array->entry_size),
                            array->entry_size);
        if (ret) {
            break;
        }
        if ((inv.flags & ~IOMMUFD_VTD_INVALIDATE_LEAF) || inv.reserved) {
            ret = -EOPNOTSUPP;
            break;
        }
        if (inv.addr % SIM_PAGE || (inv.npages == UINT64_MAX && inv.addr)) {
            ret = -EINVAL;
            break;
        }
        last = inv.npages > (UINT64_MAX - inv.addr) / SIM_PAGE
               ? UINT64_MAX : inv.addr + inv.npages * SIM_PAGE - 1;
        order = inv.npages ? sim_range_order(inv.addr, last) : 0;
        for (guint k = 0; k < nested->attached->len; k++) {
            const SimAttachment *a = &g_array_index(nested->attached,
                                                    SimAttachment, k);

            if (!array->not_iotlb) {
                add_piotlb(&b, d, a->pasid, inv.addr, order,
                           inv.flags & IOMMUFD_VTD_INVALIDATE_LEAF);
            }
            if (!array->not_device) {
                add_devtlb(&b, a, inv.addr, order);
            }
        }
    }
    batch_end(&b);
    array->n = ret ? i : n;
    return ret;
}
