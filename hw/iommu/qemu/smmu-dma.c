/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the DMA address spaces of the functions behind an SMMUv3,
 * and word to those who keep translations (vhost).
 */
#include "qemu/osdep.h"
#include "arm_smmuv3.h"
#include "endpoint.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/pci/pci_bus.h"
#include "qapi/error.h"

/* A StreamID is the requester's bus, device and function. */
static uint32_t smmu_space_sid(const SmmuSpace *space)
{
    return PCI_BUILD_BDF(pci_bus_num(space->bus), space->devfn);
}

static bool smmu_ask(SmmuSpace *space, hwaddr addr, unsigned access,
                     bool probe, ViommuReply *reply)
{
    const ViommuRequest req = {
        .source = smmu_space_sid(space),
        .pasid = VIOMMU_NO_PASID,
        .addr = addr,
        .access = access,
        .kind = VIOMMU_UNTRANSLATED,
        .probe = probe,
    };

    /*
     * QEMU's DMA cannot wait, so a stalled transaction ends here.  Software
     * sees its event and resumes what is gone.
     */
    return viommu_translate(space->smmu->unit, &req, reply) == VIOMMU_OK;
}

QEMU_BUILD_BUG_ON((int)IOMMU_RO != (int)VIOMMU_READ ||
                  (int)IOMMU_WO != (int)VIOMMU_WRITE);

/* Any thread, in a critical section of RCU that spans the access. */
static IOMMUTLBEntry smmu_translate_region(IOMMUMemoryRegion *mr, hwaddr addr,
                                           IOMMUAccessFlags flag, int index)
{
    SmmuSpace *space = container_of(mr, SmmuSpace, region);
    IOMMUTLBEntry entry = { .target_as = &address_space_memory };
    ViommuReply reply;

    if (flag == IOMMU_NONE) {
        /* All that is allowed, without a trace. */
        if (smmu_ask(space, addr, IOMMU_RW, true, &reply) ||
            smmu_ask(space, addr, IOMMU_RO, true, &reply) ||
            smmu_ask(space, addr, IOMMU_WO, true, &reply)) {
            entry.perm = reply.access & IOMMU_RW;
        }
    } else if (smmu_ask(space, addr, flag, false, &reply)) {
        entry.perm = reply.access & IOMMU_RW;
    }
    entry.addr_mask = reply.size > 4096 || entry.perm ? reply.size - 1
                                                      : 4095;
    entry.translated_addr = reply.addr & ~entry.addr_mask;
    entry.iova = addr & ~entry.addr_mask;
    return entry;
}

/* --- Notifiers ----------------------------------------------------------- */

static int smmu_notify_flag_changed(IOMMUMemoryRegion *mr,
                                    IOMMUNotifierFlag old,
                                    IOMMUNotifierFlag new, Error **errp)
{
    SmmuSpace *space = container_of(mr, SmmuSpace, region);

    if (new & IOMMU_NOTIFIER_MAP) {
        error_setg(errp, "arm-smmuv3: a device that mirrors mappings (VFIO) "
                   "cannot be behind it");
        return -EINVAL;
    }
    if (!space->notified && new != IOMMU_NOTIFIER_NONE) {
        QLIST_INSERT_HEAD(&space->smmu->with_notifiers, space, next);
    } else if (space->notified && new == IOMMU_NOTIFIER_NONE) {
        QLIST_REMOVE(space, next);
    }
    space->notified = new != IOMMU_NOTIFIER_NONE;
    return 0;
}

static bool smmu_concerns(const SmmuSpace *space,
                          const ViommuInvalidation *inv)
{
    return inv->source == VIOMMU_ANY ||
           !((smmu_space_sid(space) ^ inv->source) & ~inv->source_mask);
}

/* The largest range whose size fits a word, and another one above it. */
static void smmu_unmap(IOMMUMemoryRegion *mr, IOMMUNotifier *n, hwaddr first,
                       hwaddr last)
{
    IOMMUTLBEvent event = {
        .type = n->notifier_flags & IOMMU_NOTIFIER_DEVIOTLB_UNMAP
                ? IOMMU_NOTIFIER_DEVIOTLB_UNMAP : IOMMU_NOTIFIER_UNMAP,
        .entry = { .target_as = &address_space_memory, .iova = first,
                   .addr_mask = last - first, .perm = IOMMU_NONE },
    };

    memory_region_notify_iommu_one(n, &event);
}

void smmu_notify(SmmuState *s, const ViommuInvalidation *inv)
{
    SmmuSpace *space;

    QLIST_FOREACH(space, &s->with_notifiers, next) {
        IOMMUNotifier *n;

        if (!smmu_concerns(space, inv)) {
            continue;
        }
        IOMMU_NOTIFIER_FOREACH(n, &space->region) {
            if (inv->size) {
                smmu_unmap(&space->region, n, inv->addr,
                           inv->addr + inv->size - 1);
            } else {
                smmu_unmap(&space->region, n, 0, INT64_MAX);
                smmu_unmap(&space->region, n, 1ull << 63, UINT64_MAX);
            }
        }
    }
}

/* --- Spaces -------------------------------------------------------------- */

static SmmuSpace *smmu_space_new(SmmuState *s, PCIBus *bus, int devfn)
{
    SmmuSpace *space = g_new0(SmmuSpace, 1);
    g_autofree char *name = g_strdup_printf("smmuv3-%02x.%x",
                                            PCI_SLOT(devfn),
                                            PCI_FUNC(devfn));

    space->smmu = s;
    space->bus = bus;
    space->devfn = devfn;
    memory_region_init_iommu(&space->region, sizeof(space->region),
                             TYPE_SMMU_REGION, OBJECT(s), name, UINT64_MAX);
    address_space_init(&space->as, MEMORY_REGION(&space->region), name);
    g_ptr_array_add(s->spaces, space);
    return space;
}

static AddressSpace *smmu_get_address_space(PCIBus *bus, void *opaque,
                                            int devfn)
{
    SmmuState *s = opaque;
    SmmuSpace **spaces = g_hash_table_lookup(s->buses, bus);

    if (!spaces) {
        spaces = g_new0(SmmuSpace *, PCI_DEVFN_MAX);
        /* so that no other bus comes to stand at the same address */
        object_ref(OBJECT(bus));
        if (bus->parent_dev) {
            object_ref(OBJECT(bus->parent_dev));
        }
        g_hash_table_insert(s->buses, bus, spaces);
    }
    if (!spaces[devfn]) {
        spaces[devfn] = smmu_space_new(s, bus, devfn);
    }
    return &spaces[devfn]->as;
}

static const PCIIOMMUOps smmu_pci_ops = {
    .get_address_space = smmu_get_address_space,
};

PCIDevice *smmu_device(SmmuState *s, uint32_t sid)
{
    return sid > UINT16_MAX ? NULL
                            : pci_find_device(s->primary_bus,
                                              PCI_BUS_NUM(sid), sid & 0xff);
}

/* There is one unit in a machine of this kind. */
static SmmuState *smmu_first;

static Viommu *smmu_of_device(PCIDevice *dev, uint32_t *source)
{
    AddressSpace *as = pci_device_iommu_address_space(dev);

    for (unsigned i = 0; i < smmu_first->spaces->len; i++) {
        SmmuSpace *space = g_ptr_array_index(smmu_first->spaces, i);

        if (&space->as == as) {
            *source = smmu_space_sid(space);
            return smmu_first->unit;
        }
    }
    return NULL;
}

/* For a device that can wait, or that knows PASIDs and kinds of requests. */
static ViommuStatus smmu_translate_for(AddressSpace *as,
                                       const ViommuRequest *req,
                                       ViommuReply *reply)
{
    SmmuSpace *space = container_of(as, SmmuSpace, as);

    return viommu_translate(space->smmu->unit, req, reply);
}

void smmu_spaces_init(SmmuState *s)
{
    s->buses = g_hash_table_new(NULL, NULL);
    s->spaces = g_ptr_array_new();
    QLIST_INIT(&s->with_notifiers);
    pci_setup_iommu(s->primary_bus, &smmu_pci_ops, s);
    smmu_first = s;
    viommu_of_device = smmu_of_device;
    viommu_translate_for = smmu_translate_for;
    viommu_can_stall = s->stall;
}

static void smmu_region_class_init(ObjectClass *klass, void *data)
{
    IOMMUMemoryRegionClass *imrc = IOMMU_MEMORY_REGION_CLASS(klass);

    imrc->translate = smmu_translate_region;
    imrc->notify_flag_changed = smmu_notify_flag_changed;
}

static const TypeInfo smmu_region_info = {
    .name = TYPE_SMMU_REGION,
    .parent = TYPE_IOMMU_MEMORY_REGION,
    .class_init = smmu_region_class_init,
};

static void smmu_region_register_types(void)
{
    type_register_static(&smmu_region_info);
}

type_init(smmu_region_register_types)
