/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: IOMMU notifiers.  Who keeps translations of an endpoint
 * (vhost), or mirrors them in the host's IOMMU (VFIO), hears of changes here;
 * so do endpoints with a device-TLB of their own.
 */
#include "qemu/osdep.h"
#include "glue.h"
#include "qapi/error.h"
#include "system/dma.h"
#include "exec/address-spaces.h"
#include "hw/pci/pcie.h"

/*
 * Users take ranges that are a power of two, naturally aligned and inside
 * what they registered for.  2^63 is the largest whose size fits a word.
 */
#define VTD_NOTIFY_MAX_BITS 63

void vtd_notify_range(IOMMUNotifier *n, IOMMUNotifierFlag type, hwaddr first,
                      hwaddr last, hwaddr to, IOMMUAccessFlags perm)
{
    hwaddr at = MAX(first, n->start);
    hwaddr end = MIN(last, n->end);

    if (!(n->notifier_flags & type) || at > end) {
        return;
    }
    for (;;) {
        hwaddr mask = dma_aligned_pow2_mask(at, end, VTD_NOTIFY_MAX_BITS);
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
static void vtd_notify_unmap(VtdSpace *space, IOMMUNotifierFlag types,
                             hwaddr first, hwaddr last)
{
    IOMMUNotifier *n;

    IOMMU_NOTIFIER_FOREACH(n, &space->translated) {
        if (n->notifier_flags & IOMMU_NOTIFIER_MAP) {
            continue;
        }
        if (types & IOMMU_NOTIFIER_UNMAP) {
            vtd_notify_range(n, IOMMU_NOTIFIER_UNMAP, first, last, 0,
                             IOMMU_NONE);
        }
        if (types & IOMMU_NOTIFIER_DEVIOTLB_UNMAP) {
            vtd_notify_range(n, IOMMU_NOTIFIER_DEVIOTLB_UNMAP, first, last, 0,
                             IOMMU_NONE);
        }
    }
}

static bool vtd_in_domain(VtdSpace *space, uint32_t domain)
{
    uint32_t own;

    return domain == VIOMMU_ANY ||
           (viommu_source_domain(space->iommu->unit, vtd_space_source(space),
                                 &own) && own == domain);
}

void vtd_notify_invalidation(IntelIOMMUState *s,
                             const ViommuInvalidation *inv)
{
    bool ranged = inv->what != VIOMMU_INV_CONTEXT && inv->size != 0;
    hwaddr first = ranged ? inv->addr & -inv->size : 0;
    hwaddr last = ranged ? first + (inv->size - 1) : UINT64_MAX;
    VtdSpace *space;

    QLIST_FOREACH(space, &s->notified, next) {
        IOMMUNotifierFlag types = IOMMU_NOTIFIER_UNMAP;

        if (!vtd_space_alive(space)) {
            continue;
        }
        switch (inv->what) {
        case VIOMMU_INV_CONTEXT:
            if (!vtd_source_matches(space, inv->source, inv->source_mask)) {
                continue;
            }
            types |= IOMMU_NOTIFIER_DEVIOTLB_UNMAP;
            break;
        case VIOMMU_INV_IOTLB:
            if (!vtd_in_domain(space, inv->domain)) {
                continue;
            }
            break;
        case VIOMMU_INV_DEVTLB:
            if (!vtd_source_matches(space, inv->source, 0)) {
                continue;
            }
            types = IOMMU_NOTIFIER_DEVIOTLB_UNMAP;
            break;
        default:
            continue;
        }
        vtd_notify_unmap(space, types, first, last);
        if (space->shadow && (types & IOMMU_NOTIFIER_UNMAP)) {
            vtd_shadow_sync(space, first, last);
        }
    }
}

static PCIDevice *vtd_find_behind(const IntelIOMMUState *s, uint32_t source)
{
    PCIDevice *dev = vtd_find_device(source);

    return dev && vtd_unit_of_device(dev) == s ? dev : NULL;
}

/*
 * An invalidation request to a place where no function is, or one that has no
 * device-TLB, meets nobody who would complete it: it times out.
 */
bool vtd_devtlb_invalidate(void *opaque, const ViommuInvalidation *inv)
{
    IntelIOMMUState *s = opaque;
    PCIDevice *dev = vtd_find_behind(s, inv->source);
    ViommuTestdev *core;

    vtd_notify_invalidation(s, inv);
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

void vtd_page_response(void *opaque, const ViommuPageResponse *response)
{
    PCIDevice *dev = vtd_find_behind(opaque, response->source);
    ViommuTestdev *core = dev ? viommu_endpoint_core(dev) : NULL;

    if (core) {
        viommu_testdev_page_response(core, response);
    }
}

const char *vtd_mirror_needs(const IntelIOMMUState *s)
{
    return !s->caching_mode ? "caching-mode=on" :
           s->snoop_control ? "snoop-control=off" :
           s->protected_memory ? "pmr=off" : NULL;
}

static bool vtd_may_notify(VtdSpace *space, IOMMUNotifierFlag flags,
                           Error **errp)
{
    IntelIOMMUState *s = space->iommu;
    g_autofree char *name = NULL;
    uint32_t source = vtd_space_source(space);
    const char *need = NULL;

    if (flags & IOMMU_NOTIFIER_MAP) {
        need = vtd_mirror_needs(s);
    }
    /* without it, vhost asks again for the plain kind */
    if ((flags & IOMMU_NOTIFIER_DEVIOTLB_UNMAP) &&
        !X86_IOMMU_DEVICE(s)->dt_supported) {
        need = "device-iotlb=on";
    }
    if (!need) {
        return true;
    }
    name = g_strdup_printf("%02x:%02x.%x", source >> 8, PCI_SLOT(source),
                           PCI_FUNC(source));
    error_setg_errno(errp, ENOTSUP, "device %s needs %s of intel-iommu",
                     name, need);
    return false;
}

int vtd_notify_flag_changed(IOMMUMemoryRegion *mr, IOMMUNotifierFlag old,
                            IOMMUNotifierFlag new, Error **errp)
{
    VtdSpace *space = container_of(mr, VtdSpace, translated);

    if (!vtd_may_notify(space, new, errp)) {
        return -ENOTSUP;
    }
    if (old == IOMMU_NOTIFIER_NONE && new != IOMMU_NOTIFIER_NONE) {
        QLIST_INSERT_HEAD(&space->iommu->notified, space, next);
    } else if (old != IOMMU_NOTIFIER_NONE && new == IOMMU_NOTIFIER_NONE) {
        QLIST_REMOVE(space, next);
    }
    space->notifier_flags = new;
    if (new & IOMMU_NOTIFIER_MAP) {
        vtd_shadow_start(space);
    } else {
        vtd_shadow_stop(space);
    }
    return 0;
}
