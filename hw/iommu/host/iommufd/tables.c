/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd: what the requests of a device with a PASID, or without, are behind.
 *
 * A bind allocates a HWPT and attaches it, in place of what was there; the
 * HWPT that is not used any more is destroyed.
 */
#include <errno.h>

#include "hw/iommu/host/iommufd/faults.h"
#include "hw/iommu/host/iommufd/tables.h"
#include "hw/iommu/host/iommufd/viommu.h"

/* Entries of one call; more take several. */
#define ENTRIES_MAX 256
/* A detachment that fails (of memory, or while a reset is under way). */
#define DETACH_TRIES 3

static IommufdHost *host_of(IommufdDevice *device)
{
    return iommufd_host(device->common.host);
}

static IommufdTable *table_of(IommufdDevice *device, uint32_t pasid)
{
    return g_hash_table_lookup(device->tables, GUINT_TO_POINTER(pasid));
}

static bool has_pasid(uint32_t pasid)
{
    return pasid != VIOMMU_NO_PASID;
}

int iommufd_attach(IommufdDevice *device, uint32_t pasid, uint32_t id)
{
    VfioAttachPt args = {
        .argsz = has_pasid(pasid) ? sizeof(args)
                                  : offsetof(VfioAttachPt, pasid),
        .flags = has_pasid(pasid) ? VFIO_ABI_PT_PASID : 0,
        .pt_id = id,
        .pasid = has_pasid(pasid) ? pasid : 0,
    };

    return viommu_host_ioctl(device->common.host, device->fd,
                             VFIO_ABI_DEVICE_ATTACH_PT, &args);
}

int iommufd_detach(IommufdDevice *device, uint32_t pasid)
{
    VfioDetachPt args = {
        .argsz = has_pasid(pasid) ? sizeof(args)
                                  : offsetof(VfioDetachPt, pasid),
        .flags = has_pasid(pasid) ? VFIO_ABI_PT_PASID : 0,
        .pasid = has_pasid(pasid) ? pasid : 0,
    };

    return viommu_host_ioctl(device->common.host, device->fd,
                             VFIO_ABI_DEVICE_DETACH_PT, &args);
}

/* --- Tables -------------------------------------------------------------- */

static int alloc_hwpt(IommufdDevice *device, IommufdHwptAlloc *args,
                      uint32_t *id)
{
    int ret;

    args->size = sizeof(*args);
    args->dev_id = device->id;
    if (device->common.caps.pasid_bits) {
        args->flags |= IOMMUFD_HWPT_PASID;
    }
    ret = iommufd_call(host_of(device), IOMMUFD_HWPT_ALLOC, args);
    *id = args->out_hwpt_id;
    return ret;
}

/* All of the device's requests, with any PASID. */
static int alloc_nested_smmu(IommufdDevice *device,
                             const ViommuHostTable *table, IommufdTable *new)
{
    IommufdHwptSmmuv3 smmu = {
        { GUINT64_TO_LE(table->smmu.ste[0]),
          GUINT64_TO_LE(table->smmu.ste[1]) },
    };
    IommufdHwptAlloc args = {
        .size = sizeof(args), .dev_id = device->id,
        .data_type = IOMMUFD_HWPT_DATA_ARM_SMMUV3,
        .data_len = sizeof(smmu),
        .data = (uintptr_t)&smmu,
    };
    int ret = iommufd_viommu_of(device, &args.pt_id);

    if (ret) {
        return ret;
    }
    if (device->common.caps.stalls) {
        args.flags |= IOMMUFD_HWPT_FAULT_ID;
        args.fault_id = host_of(device)->fault_id;
    }
    ret = iommufd_call(host_of(device), IOMMUFD_HWPT_ALLOC, &args);
    new->hwpt = args.out_hwpt_id;
    return ret;
}

static int alloc_nested(IommufdDevice *device, const ViommuHostTable *table,
                        IommufdTable *new)
{
    IommufdHwptVtdS1 vtd = {
        .flags = (table->vtd.sre ? IOMMUFD_VTD_S1_SRE : 0) |
                 (table->vtd.eafe ? IOMMUFD_VTD_S1_EAFE : 0) |
                 (table->vtd.wpe ? IOMMUFD_VTD_S1_WPE : 0),
        .pgtbl_addr = table->vtd.pgd,
        .addr_width = table->vtd.addr_width,
    };
    IommufdHwptAlloc args = {
        .pt_id = device->parent,
        .data_type = IOMMUFD_HWPT_DATA_VTD_S1,
        .data_len = sizeof(vtd),
        .data = (uintptr_t)&vtd,
    };

    if (device->common.caps.page_requests) {
        args.flags |= IOMMUFD_HWPT_FAULT_ID;
        args.fault_id = host_of(device)->fault_id;
    }
    return alloc_hwpt(device, &args, &new->hwpt);
}

/* Nothing is attached to it any more. */
static void free_table(IommufdDevice *device, const IommufdTable *old)
{
    if (old->type != VIOMMU_HOST_PARENT) {
        iommufd_destroy(host_of(device), old->hwpt);
    }
    if (old->ioas) {
        iommufd_destroy(host_of(device), old->ioas);
    }
}

static int alloc_shadow(IommufdDevice *device, IommufdTable *new)
{
    IommufdIoasAlloc ioas = { .size = sizeof(ioas) };
    IommufdHwptAlloc args = { 0 };
    int ret = iommufd_call(host_of(device), IOMMUFD_IOAS_ALLOC, &ioas);

    if (ret) {
        return ret;
    }
    new->ioas = args.pt_id = ioas.out_ioas_id;
    if (device->common.caps.dirty_tracking) {
        args.flags |= IOMMUFD_HWPT_DIRTY_TRACKING;
    }
    ret = alloc_hwpt(device, &args, &new->hwpt);
    if (ret) {
        iommufd_destroy(host_of(device), new->ioas);
        return ret;
    }
    if (device->common.host->dirty) {
        ret = iommufd_set_dirty(host_of(device), new->hwpt, true);
        if (ret) {
            free_table(device, new);
        }
    }
    return ret;
}

static int alloc_table(IommufdDevice *device, const ViommuHostTable *table,
                       IommufdTable *new)
{
    new->type = table->type;
    switch (table->type) {
    case VIOMMU_HOST_NESTED:
        return device->common.caps.kind == VIOMMU_HOST_SMMUV3
               ? alloc_nested_smmu(device, table, new)
               : alloc_nested(device, table, new);
    case VIOMMU_HOST_SHADOW:
        return alloc_shadow(device, new);
    default:
        new->hwpt = device->parent;
        return 0;
    }
}

/* The kernel has answered what waited, when the old table was let go. */
static void forget_reports(IommufdDevice *device, uint32_t pasid)
{
    /* a table of an SMMUv3 is for the device as a whole */
    iommufd_faults_forget(device, device->common.caps.kind ==
                                  VIOMMU_HOST_SMMUV3, pasid);
}

int iommufd_bind(ViommuHostDevice *common, uint32_t pasid,
                 const ViommuHostTable *table)
{
    IommufdDevice *device = iommufd_device(common);
    IommufdTable *old = table_of(device, pasid);
    IommufdTable new = { 0 };
    int ret = alloc_table(device, table, &new);

    if (ret) {
        return ret;
    }
    ret = iommufd_attach(device, pasid, new.hwpt);
    if (ret) {
        free_table(device, &new);
        return ret;
    }
    if (old) {
        viommu_host_retire(common, pasid);
        forget_reports(device, pasid);
        free_table(device, old);
        *old = new;
    } else {
        g_hash_table_insert(device->tables, GUINT_TO_POINTER(pasid),
                            g_memdup2(&new, sizeof(new)));
    }
    return 0;
}

void iommufd_unbind(ViommuHostDevice *common, uint32_t pasid)
{
    IommufdDevice *device = iommufd_device(common);
    IommufdTable *old = table_of(device, pasid);

    if (!old) {
        return;
    }
    for (unsigned i = 0; i < DETACH_TRIES && !common->gone; i++) {
        int ret = viommu_host_note(common, iommufd_detach(device, pasid));

        if (!ret) {
            break;
        }
        if (i == DETACH_TRIES - 1) {
            /* The guest believes that the table is gone, and the host does not
             * take it away. */
            viommu_host_stop(common, device->fd);
        }
    }
    viommu_host_retire(common, pasid);
    forget_reports(device, pasid);
    free_table(device, old);
    g_hash_table_remove(device->tables, GUINT_TO_POINTER(pasid));
}

/* --- Shadows ------------------------------------------------------------- */

int iommufd_shadow_map(ViommuHostDevice *common, uint32_t pasid,
                       uint64_t iova, uint64_t size, uint64_t addr,
                       uint8_t access)
{
    IommufdDevice *device = iommufd_device(common);
    const IommufdTable *table = table_of(device, pasid);
    IommufdIoasCopy args = {
        .size = sizeof(args),
        .flags = IOMMUFD_MAP_FIXED_IOVA |
                 (access & VIOMMU_READ ? IOMMUFD_MAP_READABLE : 0) |
                 (access & VIOMMU_WRITE ? IOMMUFD_MAP_WRITEABLE : 0),
        .src_ioas_id = host_of(device)->ioas,
        .length = size, .dst_iova = iova, .src_iova = addr,
    };

    if (!table || !table->ioas) {
        return -ENOENT;
    }
    /* The pages are pinned already, so this shares them. */
    args.dst_ioas_id = table->ioas;
    return iommufd_call(host_of(device), IOMMUFD_IOAS_COPY, &args);
}

int iommufd_shadow_unmap(ViommuHostDevice *common, uint32_t pasid,
                         uint64_t iova, uint64_t size)
{
    IommufdDevice *device = iommufd_device(common);
    const IommufdTable *table = table_of(device, pasid);
    IommufdIoasUnmap args = {
        .size = sizeof(args), .iova = iova, .length = size,
    };

    if (!table || !table->ioas) {
        return -ENOENT;
    }
    args.ioas_id = table->ioas;
    return iommufd_call(host_of(device), IOMMUFD_IOAS_UNMAP, &args);
}

int iommufd_shadow_dirty(ViommuHostDevice *common, uint32_t pasid,
                         uint64_t iova, uint64_t size, uint64_t *bits)
{
    IommufdDevice *device = iommufd_device(common);
    const IommufdTable *table = table_of(device, pasid);

    return !table || !table->ioas
           ? -ENOENT : iommufd_get_dirty(host_of(device), table->hwpt, iova,
                                         size, bits);
}

int iommufd_shadows_set_dirty(IommufdDevice *device, bool on)
{
    gpointer table;
    GHashTableIter iter;
    int ret = 0;

    g_hash_table_iter_init(&iter, device->tables);
    while (!ret && g_hash_table_iter_next(&iter, NULL, &table)) {
        const IommufdTable *t = table;

        if (t->ioas && device->common.caps.dirty_tracking) {
            ret = iommufd_set_dirty(host_of(device), t->hwpt, on);
        } else if (t->ioas && on) {
            ret = -EOPNOTSUPP;
        }
    }
    return ret;
}

/* --- Invalidation -------------------------------------------------------- */

static IommufdVtdS1Invalidate entry_of(const ViommuHostInvalidation *inv)
{
    /* Device-TLBs are part of it. */
    IommufdVtdS1Invalidate entry = {
        .npages = UINT64_MAX,
        .flags = inv->leaf ? IOMMUFD_VTD_INVALIDATE_LEAF : 0,
    };

    if (!inv->all) {
        entry.addr = inv->addr;
        entry.npages = inv->size >> 12;
    }
    return entry;
}

int iommufd_invalidate(ViommuHostDevice *common,
                       const ViommuHostInvalidation *list, unsigned n,
                       unsigned *done)
{
    IommufdDevice *device = iommufd_device(common);
    IommufdVtdS1Invalidate entries[ENTRIES_MAX];

    *done = 0;
    while (*done < n) {
        uint32_t pasid = list[*done].pasid;
        const IommufdTable *table = table_of(device, pasid);
        IommufdHwptInvalidate args = {
            .size = sizeof(args), .data = (uintptr_t)entries,
            .data_type = IOMMUFD_INVALIDATE_VTD_S1,
            .entry_len = sizeof(entries[0]),
        };
        unsigned given;
        int ret;

        while (args.entry_num < ENTRIES_MAX && *done + args.entry_num < n &&
               list[*done + args.entry_num].pasid == pasid) {
            entries[args.entry_num] = entry_of(&list[*done + args.entry_num]);
            args.entry_num++;
        }
        given = args.entry_num;
        if (!table || table->type != VIOMMU_HOST_NESTED) {
            return -ENOENT;
        }
        args.hwpt_id = table->hwpt;
        common->host->stats.invalidation_calls++;
        ret = iommufd_call(host_of(device), IOMMUFD_HWPT_INVALIDATE, &args);
        if (ret && args.entry_num >= given) {
            /* It failed before it looked at them. */
            return ret;
        }
        if (ret) {
            *done += args.entry_num;
            return ret;
        }
        *done += given;
    }
    return 0;
}
