/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: IOMMU notifiers.  Who keeps translations of an endpoint
 * (vhost), or mirrors them in the host's IOMMU (VFIO), hears of changes here;
 * so do endpoints with a device-TLB of their own.
 */
#include "qemu/osdep.h"
#include "hw/viommu/core/common.h"
#include "qapi/error.h"
#include "system/dma.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie.h"

/*
 * Users take ranges that are a power of two, naturally aligned and inside
 * what they registered for.  2^63 is the largest whose size fits a word.
 */
#define NOTIFY_MAX_BITS 63

void viommu_notify_range(IOMMUNotifier *n, IOMMUNotifierFlag type,
                         hwaddr first, hwaddr last, hwaddr to,
                         IOMMUAccessFlags perm)
{
    hwaddr at = MAX(first, n->start);
    hwaddr end = MIN(last, n->end);

    if (!(n->notifier_flags & type) || at > end) {
        return;
    }
    for (;;) {
        hwaddr mask = dma_aligned_pow2_mask(at, end, NOTIFY_MAX_BITS);
        IOMMUTLBEvent event = {
            .type = type,
            .entry = {
                .target_as = &address_space_memory,
                .iova = at,
                .translated_addr = perm == IOMMU_NONE ? 0 : to + (at - first),
                .addr_mask = mask,
                .perm = perm,
            },
        };

        memory_region_notify_iommu_one(n, &event);
        if (end - at <= mask) {
            return;
        }
        at += mask + 1;
    }
}

/* Those that only drop what they kept. */
static void notify_unmap(ViommuSpace *space, IOMMUNotifierFlag types,
                             hwaddr first, hwaddr last)
{
    IOMMUNotifier *n;

    IOMMU_NOTIFIER_FOREACH(n, &space->translated) {
        if (n->notifier_flags & IOMMU_NOTIFIER_MAP) {
            continue;
        }
        if (types & IOMMU_NOTIFIER_UNMAP) {
            viommu_notify_range(n, IOMMU_NOTIFIER_UNMAP, first, last, 0,
                                IOMMU_NONE);
        }
        if (types & IOMMU_NOTIFIER_DEVIOTLB_UNMAP) {
            viommu_notify_range(n, IOMMU_NOTIFIER_DEVIOTLB_UNMAP, first, last,
                                0, IOMMU_NONE);
        }
    }
}

/* Who of those that keep translations is to hear of it. */
static IOMMUNotifierFlag types_of(const ViommuInvalidation *inv)
{
    switch (inv->what) {
    case VIOMMU_INV_CONTEXT:
        return IOMMU_NOTIFIER_UNMAP | IOMMU_NOTIFIER_DEVIOTLB_UNMAP;
    case VIOMMU_INV_IOTLB:
        return IOMMU_NOTIFIER_UNMAP;
    case VIOMMU_INV_DEVTLB:
        return IOMMU_NOTIFIER_DEVIOTLB_UNMAP;
    default:
        return IOMMU_NOTIFIER_NONE;
    }
}

void viommu_notify_invalidation(ViommuGlue *glue,
                                const ViommuInvalidation *inv)
{
    IOMMUNotifierFlag types = types_of(inv);
    ViommuSpace *space;

    QLIST_FOREACH(space, &glue->notified, next) {
        uint64_t first, size;
        hwaddr last;

        /* which addresses the guest has named is a matter of the tables */
        if (!types || !viommu_space_alive(space) ||
            !viommu_invalidation_concerns(glue->unit, inv,
                                          viommu_space_source(space),
                                          VIOMMU_NO_PASID, &first, &size)) {
            continue;
        }
        last = first + (size - 1);
        notify_unmap(space, types, first, last);
        if (space->shadow && (types & IOMMU_NOTIFIER_UNMAP)) {
            viommu_shadow_note_range(space, first, last);
        }
    }
}

void viommu_notify_all_gone(ViommuSpace *space)
{
    notify_unmap(space,
                 IOMMU_NOTIFIER_UNMAP | IOMMU_NOTIFIER_DEVIOTLB_UNMAP, 0,
                 UINT64_MAX);
}

void viommu_notify_sources(ViommuGlue *glue, const PCIBus *bus)
{
    ViommuSpace *space;

    QLIST_FOREACH(space, &glue->notified, next) {
        if (space->bus == bus && viommu_space_alive(space)) {
            viommu_notify_all_gone(space);
            if (space->shadow) {
                viommu_shadow_note_range(space, 0, UINT64_MAX);
            }
        }
    }
}

static PCIDevice *find_behind(ViommuGlue *glue, uint32_t source)
{
    PCIDevice *dev = glue->kind->find_device(glue, source);
    ViommuSpace *space = dev ? viommu_space_of(dev) : NULL;

    return space && space->glue == glue ? dev : NULL;
}

static ViommuTestdev *core_behind(ViommuGlue *glue, uint32_t source)
{
    PCIDevice *dev = find_behind(glue, source);

    return dev ? viommu_endpoint_core(dev) : NULL;
}

/*
 * An invalidation request to a place where no function is, or one that has no
 * device-TLB, meets nobody who would complete it: it times out.
 */
bool viommu_glue_devtlb_invalidate(void *opaque,
                                   const ViommuInvalidation *inv)
{
    ViommuGlue *glue = opaque;
    PCIDevice *dev = find_behind(glue, inv->source);
    ViommuTestdev *core;

    viommu_notify_invalidation(glue, inv);
    if (!dev) {
        return false;
    }
    core = viommu_endpoint_core(dev);
    if (core) {
        return viommu_testdev_invalidate(core, inv);
    }
    /* the others complete at once; vhost has been told just now */
    return pci_is_express(dev) &&
           pcie_find_capability(dev, PCI_EXT_CAP_ID_ATS);
}

void viommu_glue_page_response(void *opaque,
                               const ViommuPageResponse *response)
{
    ViommuTestdev *core = core_behind(opaque, response->source);

    if (core) {
        viommu_testdev_page_response(core, response);
    }
}

void viommu_glue_stall_resume(void *opaque, uint32_t source, uint16_t tag,
                              ViommuResume action)
{
    ViommuTestdev *core = core_behind(opaque, source);

    if (core) {
        viommu_testdev_resume(core, tag, action);
    }
}

static bool may_notify(ViommuSpace *space, IOMMUNotifierFlag flags,
                       Error **errp)
{
    ViommuGlue *glue = space->glue;
    uint32_t source = viommu_space_source(space);
    g_autofree char *name = NULL;
    const char *need = NULL;

    if (flags & IOMMU_NOTIFIER_MAP) {
        if (!glue->kind->mirror_needs) {
            error_setg_errno(errp, ENOTSUP, "%s: a device that mirrors "
                             "mappings (VFIO) cannot be behind it",
                             glue->kind->name);
            return false;
        }
        need = glue->kind->mirror_needs(glue);
    }
    /* without it, vhost asks again for the plain kind */
    if (flags & IOMMU_NOTIFIER_DEVIOTLB_UNMAP) {
        need = glue->kind->devtlb_needs(glue) ?: need;
    }
    if (!need) {
        return true;
    }
    name = g_strdup_printf("%02x:%02x.%x", source >> 8, PCI_SLOT(source),
                           PCI_FUNC(source));
    error_setg_errno(errp, ENOTSUP, "device %s needs %s of %s", name, need,
                     glue->kind->name);
    return false;
}

int viommu_notify_flag_changed(IOMMUMemoryRegion *mr, IOMMUNotifierFlag old,
                               IOMMUNotifierFlag new, Error **errp)
{
    ViommuSpace *space = container_of(mr, ViommuSpace, translated);

    if (!may_notify(space, new, errp)) {
        return -ENOTSUP;
    }
    if (old == IOMMU_NOTIFIER_NONE && new != IOMMU_NOTIFIER_NONE) {
        QLIST_INSERT_HEAD(&space->glue->notified, space, next);
    } else if (old != IOMMU_NOTIFIER_NONE && new == IOMMU_NOTIFIER_NONE) {
        QLIST_REMOVE(space, next);
    }
    qatomic_set(&space->notifier_flags, new);
    if (new & IOMMU_NOTIFIER_MAP) {
        viommu_shadow_start(space);
    } else {
        viommu_shadow_stop(space);
    }
    return 0;
}
