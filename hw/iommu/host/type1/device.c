/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * VFIO's containers: the device, and what it and the kernel can do.
 *
 * The API tells of no register.  What matters for guests' tables is found out
 * by binding one, behind a PASID that no device uses, and taking it away again.
 */
#include <errno.h>

#include "hw/iommu/host/type1/device.h"
#include "hw/iommu/host/type1/faults.h"
#include "hw/iommu/host/type1/pasids.h"
#include "hw/iommu/host/type1/tables.h"

#define PASID_BITS_MAX  20

/* VT-d's CAP and ECAP [VTD 11.4.2] [VTD 11.4.3] */
#define CAP_FS1GP   (UINT64_C(1) << 56)
#define CAP_FS5LP   (UINT64_C(1) << 60)
#define ECAP_MTS    (UINT64_C(1) << 25)
#define ECAP_NEST   (UINT64_C(1) << 26)
#define ECAP_SRS    (UINT64_C(1) << 31)
#define ECAP_EAFS   (UINT64_C(1) << 34)
#define ECAP_SMTS   (UINT64_C(1) << 43)
#define ECAP_SSTS   (UINT64_C(1) << 46)
#define ECAP_FSTS   (UINT64_C(1) << 47)

static Type1Host *host_of(Type1Device *device)
{
    return type1_host(device->common.host);
}

/* --- What it can do ------------------------------------------------------ */

/** Can a table like that be bound? */
static bool can_bind(Type1Host *host, uint32_t pasid, ViommuHostTable table)
{
    table.type = VIOMMU_HOST_NESTED;
    if (!table.vtd.addr_width) {
        table.vtd.addr_width = 48;
    }
    return !type1_bind_table(host, pasid, &table) &&
           !type1_unbind_table(host, pasid);
}

/** The widest PASID that the device can have. */
static uint8_t find_pasid_bits(Type1Host *host)
{
    for (unsigned bits = PASID_BITS_MAX; bits; bits--) {
        uint32_t pasid;
        bool good;

        if (type1_alloc_pasid(&host->common, 1u << (bits - 1),
                              (1u << bits) - 1, &pasid)) {
            continue;       /* others have all of them */
        }
        good = can_bind(host, pasid, (ViommuHostTable) { 0 });
        type1_free_pasid(&host->common, pasid);
        if (good) {
            return bits;
        }
    }
    return 0;
}

static void find_table_caps(Type1Host *host, ViommuHostCaps *caps)
{
    const struct {
        uint64_t *word;
        uint64_t bit;
        ViommuHostTable table;
    } features[] = {
        { &caps->vtd_ecap, ECAP_SRS, { .vtd.sre = true } },
        { &caps->vtd_ecap, ECAP_EAFS, { .vtd.eafe = true } },
        { &caps->vtd_ecap, ECAP_MTS, { .vtd.emte = true } },
        { &caps->vtd_cap, CAP_FS5LP, { .vtd.addr_width = 57 } },
    };
    uint32_t pasid;

    caps->vtd_ecap = ECAP_SMTS | ECAP_NEST | ECAP_FSTS | ECAP_SSTS;
    /* nothing shows large pages but the register */
    caps->vtd_cap = host->vtd_cap & CAP_FS1GP;
    if (type1_alloc_pasid(&host->common, 1, (1u << caps->pasid_bits) - 1,
                          &pasid)) {
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(features); i++) {
        if (can_bind(host, pasid, features[i].table)) {
            *features[i].word |= features[i].bit;
        }
    }
    type1_free_pasid(&host->common, pasid);
}

static bool can_track_dirty(Type1Host *host)
{
    VfioDirtyBitmap args = {
        .argsz = sizeof(args), .flags = VFIO_ABI_DIRTY_START,
    };

    if (host->common.dirty) {
        return true;
    }
    if (type1_call(host, VFIO_ABI_DIRTY_PAGES, &args)) {
        return false;
    }
    args.flags = VFIO_ABI_DIRTY_STOP;
    (void)type1_call(host, VFIO_ABI_DIRTY_PAGES, &args);
    return true;
}

static void get_caps(Type1Device *device)
{
    Type1Host *host = host_of(device);
    ViommuHostCaps *caps = &device->common.caps;

    caps->dirty_tracking = can_track_dirty(host);
    if (!host->nesting) {
        return;
    }
    caps->kind = VIOMMU_HOST_VTD;
    caps->host_pasids = true;
    caps->pasid_bits = find_pasid_bits(host);
    if (!caps->pasid_bits) {
        return;
    }
    find_table_caps(host, caps);
    /* those without PASID have the container's address space */
    caps->nesting = true;
    caps->memory_types = caps->vtd_ecap & ECAP_MTS;
    /* whether the endpoint can, configuration space tells */
    caps->pasid_exec = caps->pasid_priv = true;
    caps->page_requests = device->faults.entries && device->answers.entries;
}

/* --- Devices ------------------------------------------------------------- */

static bool start(Type1Device *device, GError **error)
{
    VfioDeviceInfo info = { .argsz = offsetof(VfioDeviceInfo, cap_offset) };
    int ret = viommu_host_ioctl(device->common.host, device->fd,
                                VFIO_ABI_DEVICE_GET_INFO, &info);

    if (!ret && !(info.flags & VFIO_ABI_DEVICE_FLAG_PCI)) {
        ret = -ENOTSUP;
    }
    if (ret) {
        return viommu_host_refused(error, "VFIO_DEVICE_GET_INFO", ret);
    }
    ret = host_of(device)->nesting ? type1_faults_start(device) : 0;
    if (ret) {
        return viommu_host_refused(error, "the device's fault regions", ret);
    }
    get_caps(device);
    return true;
}

ViommuHostDevice *type1_device_new(ViommuHost *host, int fd, GError **error)
{
    Type1Device *device;

    if (host->devices->len) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST,
                    "a container has one address space, and so one device");
        return NULL;
    }
    device = g_new0(Type1Device, 1);
    viommu_host_device_init(&device->common, host);
    device->fd = fd;
    device->eventfd = -1;
    device->type = VIOMMU_HOST_BLOCKED;
    device->bound = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    if (!start(device, error)) {
        type1_device_free(&device->common);
        return NULL;
    }
    return &device->common;
}

void type1_device_free(ViommuHostDevice *common)
{
    Type1Device *device = type1_device(common);
    GHashTableIter iter;
    gpointer pasid;

    while (g_hash_table_size(device->bound)) {
        g_hash_table_iter_init(&iter, device->bound);
        g_hash_table_iter_next(&iter, &pasid, NULL);
        type1_unbind(common, GPOINTER_TO_UINT(pasid));
    }
    type1_unbind(common, VIOMMU_NO_PASID);
    type1_faults_stop(device);
    g_hash_table_destroy(device->bound);
    viommu_host_device_destroy(common);
    g_free(device);
}
