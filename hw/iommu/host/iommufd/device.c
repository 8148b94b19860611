/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommufd: devices, what they and their IOMMU can do, and the parent HWPTs
 * that they share.
 */
#include <errno.h>

#include "hw/iommu/host/iommufd/device.h"
#include "hw/iommu/host/iommufd/faults.h"
#include "hw/iommu/host/iommufd/tables.h"
#include "hw/iommu/host/iommufd/viommu.h"

/* VT-d's ECAP [VTD 11.4.3] */
#define ECAP_NEST   (UINT64_C(1) << 26)
#define ECAP_PRS    (UINT64_C(1) << 29)
/* SMMUv3's IDR0 [SMMU 6.3.1] */
#define IDR0_BOTH_STAGES        3u
#define IDR0_STALL_MODEL(idr)   ((idr) >> 24 & 3)
#define STALL_MODEL_NONE        1

static IommufdHost *host_of(IommufdDevice *device)
{
    return iommufd_host(device->common.host);
}

/* --- What it can do ------------------------------------------------------ */

/* The registers of one kind of IOMMU. */
static int get_registers(IommufdDevice *device, uint32_t type, void *data,
                         uint32_t size)
{
    IommufdHwInfo args = {
        .size = sizeof(args), .dev_id = device->id, .data_len = size,
        .data = (uintptr_t)data,
    };
    int ret = iommufd_call(host_of(device), IOMMUFD_GET_HW_INFO, &args);

    return ret ? ret : args.data_type == type && args.data_len ? 0 : -EPROTO;
}

static int get_caps(IommufdDevice *device)
{
    ViommuHostCaps *caps = &device->common.caps;
    IommufdHwInfo args = { .size = sizeof(args), .dev_id = device->id };
    IommufdHwInfoVtd vtd = { 0 };
    IommufdHwInfoSmmuv3 smmu = { 0 };
    int ret = iommufd_call(host_of(device), IOMMUFD_GET_HW_INFO, &args);

    if (ret) {
        return ret;
    }
    caps->pasid_bits = MIN(args.out_max_pasid_log2, 20);
    caps->ats = !(args.out_capabilities & IOMMUFD_HW_CAP_NO_ATS);
    caps->pasid_exec = args.out_capabilities & IOMMUFD_HW_CAP_PASID_EXEC;
    caps->pasid_priv = args.out_capabilities & IOMMUFD_HW_CAP_PASID_PRIV;
    caps->dirty_tracking =
        args.out_capabilities & IOMMUFD_HW_CAP_DIRTY_TRACKING;
    switch (args.data_type) {
    case IOMMUFD_HW_INFO_INTEL_VTD:
        ret = get_registers(device, args.data_type, &vtd, sizeof(vtd));
        caps->kind = VIOMMU_HOST_VTD;
        caps->vtd_cap = vtd.cap_reg;
        caps->vtd_ecap = vtd.ecap_reg;
        caps->nesting = vtd.ecap_reg & ECAP_NEST;
        caps->page_requests = vtd.ecap_reg & ECAP_PRS;
        break;
    case IOMMUFD_HW_INFO_ARM_SMMUV3:
        ret = get_registers(device, args.data_type, &smmu, sizeof(smmu));
        caps->kind = VIOMMU_HOST_SMMUV3;
        for (unsigned i = 0; i < G_N_ELEMENTS(caps->smmu_idr); i++) {
            caps->smmu_idr[i] = smmu.idr[i];
        }
        caps->nesting = (smmu.idr[0] & IDR0_BOTH_STAGES) == IDR0_BOTH_STAGES;
        caps->stalls = IDR0_STALL_MODEL(smmu.idr[0]) != STALL_MODEL_NONE;
        break;
    default:
        break;
    }
    return ret;
}

/* --- Parents ------------------------------------------------------------- */

static void put_parent(IommufdHost *host, uint32_t id)
{
    IommufdParent *parent = iommufd_parent(host, id);

    if (parent && !--parent->users) {
        if (parent->flags & IOMMUFD_HWPT_DIRTY_TRACKING) {
            viommu_dirty_keep(&host->common);
        }
        iommufd_viommu_stop(host, id);
        g_array_remove_index(host->parents,
                             (guint)(parent - &g_array_index(
                                                  host->parents,
                                                  IommufdParent, 0)));
        iommufd_destroy(host, id);
    }
}

static void use_parent(IommufdDevice *device, IommufdParent *parent)
{
    parent->users++;
    device->parent = parent->id;
    device->parent_flags = parent->flags;
}

/* Of those of @unit, or of any with NULL.  The kernel has to try: only it knows
 * which IOMMUs are alike. */
static bool share_parent(IommufdDevice *device, uint32_t flags,
                         const Viommu *unit)
{
    IommufdHost *host = host_of(device);

    for (guint i = 0; i < host->parents->len; i++) {
        IommufdParent *parent = &g_array_index(host->parents, IommufdParent,
                                               i);

        if ((flags & ~parent->flags) == 0 &&
            (!unit || parent->unit == unit) &&
            !iommufd_attach(device, VIOMMU_NO_PASID, parent->id)) {
            iommufd_detach(device, VIOMMU_NO_PASID);
            use_parent(device, parent);
            return true;
        }
    }
    return false;
}

static int new_parent(IommufdDevice *device, uint32_t flags)
{
    IommufdHost *host = host_of(device);
    IommufdHwptAlloc args = {
        .size = sizeof(args), .flags = flags, .dev_id = device->id,
        .pt_id = host->ioas,
    };
    IommufdParent parent = { .flags = flags };
    int ret = iommufd_call(host, IOMMUFD_HWPT_ALLOC, &args);

    if (!ret) {
        parent.id = args.out_hwpt_id;
        g_array_append_val(host->parents, parent);
        use_parent(device, &g_array_index(host->parents, IommufdParent,
                                          host->parents->len - 1));
    }
    return ret;
}

/* A parent that no other unit's devices have, in place of the device's own. */
static int own_parent(IommufdDevice *device, const Viommu *unit)
{
    IommufdHost *host = host_of(device);
    uint32_t old = device->parent, flags = device->parent_flags;
    int ret;

    if (share_parent(device, flags, unit)) {
        put_parent(host, old);
        return 0;
    }
    if (iommufd_parent(host, old)->users == 1) {
        iommufd_parent(host, old)->unit = unit;
        return 0;
    }
    ret = new_parent(device, flags);
    if (ret) {
        return ret;
    }
    ret = iommufd_viommu_start(device);
    if (ret) {
        put_parent(host, device->parent);
        device->parent = old;
        return ret;
    }
    iommufd_parent(host, device->parent)->unit = unit;
    put_parent(host, old);
    return 0;
}

int iommufd_attached(ViommuHostDevice *common, const Viommu *unit)
{
    IommufdDevice *device = iommufd_device(common);
    const IommufdParent *parent = iommufd_parent(host_of(device),
                                                 device->parent);

    /* A nested table of VT-d's has a name of its own in the kernel. */
    if (common->caps.kind != VIOMMU_HOST_SMMUV3 || !common->caps.nesting ||
        !parent || parent->unit == unit) {
        return 0;
    }
    return viommu_host_note(common, own_parent(device, unit));
}

static int get_parent(IommufdDevice *device)
{
    ViommuHostCaps *caps = &device->common.caps;
    uint32_t flags = (caps->nesting ? IOMMUFD_HWPT_NEST_PARENT : 0) |
                     (caps->dirty_tracking ? IOMMUFD_HWPT_DIRTY_TRACKING : 0) |
                     (caps->pasid_bits ? IOMMUFD_HWPT_PASID : 0);
    int ret;

    if (caps->kind == VIOMMU_HOST_SMMUV3 && caps->nesting) {
        /* Stage 2, which has no PASIDs: those are the guest's tables'. */
        flags = IOMMUFD_HWPT_NEST_PARENT;
    }
    if (share_parent(device, flags, NULL)) {
        return 0;
    }
    ret = new_parent(device, flags);
    if (ret == -EOPNOTSUPP && caps->nesting) {
        /* The hardware could, but this kernel does not. */
        caps->nesting = false;
        flags &= ~IOMMUFD_HWPT_NEST_PARENT;
        ret = new_parent(device, flags);
    }
    if (!ret && device->common.host->dirty) {
        ret = flags & IOMMUFD_HWPT_DIRTY_TRACKING
              ? iommufd_set_dirty(host_of(device), device->parent, true)
              : -EOPNOTSUPP;
    }
    return ret;
}

/* An empty table for the device.  0, or what the kernel says. */
static int empty_table(IommufdDevice *device, uint32_t ioas, uint32_t *id)
{
    IommufdHwptAlloc args = {
        .size = sizeof(args), .dev_id = device->id, .pt_id = ioas,
    };
    int ret = iommufd_call(host_of(device), IOMMUFD_HWPT_ALLOC, &args);

    *id = args.out_hwpt_id;
    return ret;
}

/* Put the device behind a table of its own while another one is behind one: in
 * a group, the kernel refuses that. */
static int try_apart(IommufdDevice *device, uint32_t table)
{
    int ret = iommufd_attach(device, VIOMMU_NO_PASID, table);

    if (!ret) {
        return iommufd_detach(device, VIOMMU_NO_PASID);
    }
    return ret == -EINVAL ? -EBUSY : ret;
}

/* @other is behind nothing; an empty table blocks as well. */
static int try_with(IommufdDevice *device, uint32_t table,
                    IommufdDevice *other, uint32_t ioas)
{
    IommufdHost *host = host_of(device);
    uint32_t blocked;
    int ret = empty_table(other, ioas, &blocked);

    if (ret) {
        return ret;
    }
    ret = iommufd_attach(other, VIOMMU_NO_PASID, blocked);
    if (!ret) {
        ret = try_apart(device, table);
        iommufd_detach(other, VIOMMU_NO_PASID);
    }
    iommufd_destroy(host, blocked);
    return ret;
}

int iommufd_check_group(ViommuHostDevice *common, ViommuHostDevice *other)
{
    IommufdDevice *device = iommufd_device(common);
    IommufdHost *host = host_of(device);
    IommufdIoasAlloc ioas = { .size = sizeof(ioas) };
    uint32_t table;
    int ret = iommufd_call(host, IOMMUFD_IOAS_ALLOC, &ioas);

    if (ret) {
        return ret;
    }
    ret = empty_table(device, ioas.out_ioas_id, &table);
    if (!ret) {
        ret = other ? try_with(device, table, iommufd_device(other),
                               ioas.out_ioas_id) : try_apart(device, table);
        iommufd_destroy(host, table);
    }
    iommufd_destroy(host, ioas.out_ioas_id);
    return ret;
}

/*
 * Whether the device has page requests, no call tells: attach it to an empty
 * address space with a fault queue, and see.
 */
static bool probe_page_requests(IommufdDevice *device)
{
    IommufdHost *host = host_of(device);
    IommufdIoasAlloc ioas = { .size = sizeof(ioas) };
    IommufdHwptAlloc hwpt = {
        .size = sizeof(hwpt), .flags = IOMMUFD_HWPT_FAULT_ID,
        .dev_id = device->id,
    };
    bool able = false;

    if (iommufd_faults_start(host) ||
        iommufd_call(host, IOMMUFD_IOAS_ALLOC, &ioas)) {
        return false;
    }
    hwpt.pt_id = ioas.out_ioas_id;
    hwpt.fault_id = host->fault_id;
    if (!iommufd_call(host, IOMMUFD_HWPT_ALLOC, &hwpt)) {
        able = !iommufd_attach(device, VIOMMU_NO_PASID, hwpt.out_hwpt_id);
        if (able) {
            iommufd_detach(device, VIOMMU_NO_PASID);
        }
        iommufd_destroy(host, hwpt.out_hwpt_id);
    }
    iommufd_destroy(host, ioas.out_ioas_id);
    return able;
}

/* --- Devices ------------------------------------------------------------- */

static bool bind_device(IommufdDevice *device, GError **error)
{
    VfioBindIommufd bind = {
        .argsz = offsetof(VfioBindIommufd, token),
        .iommufd = host_of(device)->fd,
    };
    int ret = viommu_host_ioctl(device->common.host, device->fd,
                                VFIO_ABI_DEVICE_BIND_IOMMUFD, &bind);

    if (ret) {
        return viommu_host_refused(error, "VFIO_DEVICE_BIND_IOMMUFD", ret);
    }
    device->id = bind.out_devid;
    return true;
}

/* What its owner has attached it to is not ours. */
static bool take_device(IommufdDevice *device, uint32_t id, GError **error)
{
    int ret;

    device->id = id;
    ret = iommufd_detach(device, VIOMMU_NO_PASID);
    return !ret ||
           viommu_host_refused(error, "VFIO_DEVICE_DETACH_IOMMUFD_PT", ret);
}

static bool start(IommufdDevice *device, GError **error)
{
    ViommuHostCaps *caps = &device->common.caps;
    int ret = get_caps(device);

    if (ret) {
        return viommu_host_refused(error, "IOMMU_GET_HW_INFO", ret);
    }
    ret = get_parent(device);
    if (ret) {
        return viommu_host_refused(error, "IOMMU_HWPT_ALLOC of a parent",
                                   ret);
    }
    if (caps->kind == VIOMMU_HOST_SMMUV3) {
        ret = caps->nesting ? iommufd_viommu_start(device) : 0;
        if (ret == -EOPNOTSUPP || ret == -ENOTTY) {
            caps->nesting = false;
        } else if (ret) {
            return viommu_host_refused(error, "IOMMU_VIOMMU_ALLOC", ret);
        }
        caps->stalls = caps->stalls && caps->nesting &&
                       !iommufd_faults_start(host_of(device));
        caps->rid_nesting = caps->nesting;
        return true;
    }
    caps->rid_nesting = caps->nesting;
    caps->page_requests = caps->page_requests && caps->nesting &&
                          probe_page_requests(device);
    return true;
}

static IommufdDevice *make_device(ViommuHost *host, int fd)
{
    IommufdDevice *device = g_new0(IommufdDevice, 1);

    iommufd_collect(iommufd_host(host));
    viommu_host_device_init(&device->common, host);
    device->fd = fd;
    device->tables = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    return device;
}

static ViommuHostDevice *finish(IommufdDevice *device, bool ok)
{
    if (!ok) {
        iommufd_device_free(&device->common);
        return NULL;
    }
    return &device->common;
}

ViommuHostDevice *iommufd_device_new(ViommuHost *host, int fd,
                                     GError **error)
{
    IommufdDevice *device = make_device(host, fd);

    return finish(device, bind_device(device, error) &&
                          start(device, error));
}

ViommuHostDevice *iommufd_device_adopt(ViommuHost *host, int fd, uint32_t id,
                                       GError **error)
{
    IommufdDevice *device = make_device(host, fd);

    return finish(device, take_device(device, id, error) &&
                          start(device, error));
}

void iommufd_device_free(ViommuHostDevice *common)
{
    IommufdDevice *device = iommufd_device(common);
    GHashTableIter iter;
    gpointer pasid;

    while (g_hash_table_size(device->tables)) {
        g_hash_table_iter_init(&iter, device->tables);
        g_hash_table_iter_next(&iter, &pasid, NULL);
        iommufd_unbind(common, GPOINTER_TO_UINT(pasid));
    }
    iommufd_detached(common);
    iommufd_faults_forget(device, true, 0);
    put_parent(host_of(device), device->parent);
    g_hash_table_destroy(device->tables);
    viommu_host_device_destroy(common);
    g_free(device);
}
