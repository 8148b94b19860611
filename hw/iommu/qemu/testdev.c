/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: "viommu-testdev", a PCIe endpoint around the core that
 * each machine of this project shares.
 */
#include "qemu/osdep.h"
#include "endpoint.h"
#include "mirror.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pci_device.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "qom/object.h"
#include <hw/iommu/viommu-testdev.h>

#define TYPE_VIOMMU_TESTDEV "viommu-testdev"
OBJECT_DECLARE_SIMPLE_TYPE(ViommuTestdevState, VIOMMU_TESTDEV)

/* BAR 1 */
#define TESTDEV_MSIX_SIZE  0x1000
#define TESTDEV_MSIX_PBA   0x800

struct ViommuTestdevState {
    PCIDevice parent;
    ViommuTestdev *core;
    MemoryRegion registers;
    MemoryRegion msix;
    MemTxAttrs attrs;
    /* property: DMA through a mirror, as a passed-through device's */
    bool mirrored;
    ViommuMirror *mirror;
    Error *blocker;
};

ViommuOfDevice *viommu_of_device;

/* Why did an access fail?  A second look that records nothing. */
static ViommuDmaResult testdev_explain(ViommuTestdevState *s, uint64_t addr,
                                       bool write, uint8_t *reason)
{
    ViommuRequest req = {
        .pasid = VIOMMU_NO_PASID,
        .addr = addr,
        .access = write ? VIOMMU_WRITE : VIOMMU_READ,
        .kind = VIOMMU_UNTRANSLATED,
        .probe = true,
    };
    ViommuReply reply;
    Viommu *unit;

    unit = viommu_of_device ? viommu_of_device(&s->parent, &req.source) : NULL;
    if (!unit) {
        return VIOMMU_DMA_NO_TARGET;
    }
    if (viommu_translate(unit, &req, &reply) != VIOMMU_OK) {
        *reason = reply.reason;
        return VIOMMU_DMA_BLOCKED;
    }
    /* a message that interrupt remapping refused; why is in the record */
    return reply.interrupt ? VIOMMU_DMA_BLOCKED : VIOMMU_DMA_NO_TARGET;
}

/* QEMU's PCI functions know no PASIDs: ask the unit ourselves. */
static ViommuDmaResult testdev_dma_pasid(ViommuTestdevState *s,
                                         uint32_t pasid, uint64_t addr,
                                         void *buf, size_t size, bool write,
                                         uint8_t *reason)
{
    ViommuRequest req = {
        .pasid = pasid,
        .addr = addr,
        .access = write ? VIOMMU_WRITE : VIOMMU_READ,
        .kind = VIOMMU_UNTRANSLATED,
    };
    ViommuDmaResult result = VIOMMU_DMA_OK;
    ViommuReply reply;
    Viommu *unit;

    unit = viommu_of_device ? viommu_of_device(&s->parent, &req.source) : NULL;
    if (!unit) {
        /* without an IOMMU a PASID is a prefix that nobody looks at */
        return pci_dma_rw(&s->parent, addr, buf, size,
                          write ? DMA_DIRECTION_FROM_DEVICE :
                          DMA_DIRECTION_TO_DEVICE, s->attrs) == MEMTX_OK ?
               VIOMMU_DMA_OK : VIOMMU_DMA_NO_TARGET;
    }
    viommu_dma_begin();
    if (viommu_translate(unit, &req, &reply) != VIOMMU_OK) {
        *reason = reply.reason;
        result = VIOMMU_DMA_BLOCKED;
    } else if (address_space_rw(&address_space_memory, reply.addr, s->attrs,
                                buf, size, write) != MEMTX_OK) {
        result = VIOMMU_DMA_NO_TARGET;
    }
    viommu_dma_end();
    return result;
}

static ViommuDmaResult testdev_dma(void *opaque,
                                   const ViommuTestdevAccess *access,
                                   uint8_t *reason)
{
    ViommuTestdevState *s = opaque;
    bool write = access->access & VIOMMU_WRITE;
    MemTxResult result;

    if (unlikely(!(s->parent.config[PCI_COMMAND] & PCI_COMMAND_MASTER))) {
        return VIOMMU_DMA_NO_MASTER;
    }
    if (unlikely(access->pasid != VIOMMU_NO_PASID)) {
        return testdev_dma_pasid(s, access->pasid, access->addr, access->buf,
                                 access->size, write, reason);
    }
    if (unlikely(s->mirror)) {
        return viommu_mirror_rw(s->mirror, access->addr, access->buf,
                                access->size, write) ?
               VIOMMU_DMA_OK : VIOMMU_DMA_BLOCKED;
    }
    result = pci_dma_rw(&s->parent, access->addr, access->buf, access->size,
                        write ? DMA_DIRECTION_FROM_DEVICE :
                        DMA_DIRECTION_TO_DEVICE, s->attrs);
    if (likely(result == MEMTX_OK)) {
        return VIOMMU_DMA_OK;
    }
    return testdev_explain(s, access->addr, write, reason);
}

static void testdev_interrupt(void *opaque, unsigned vector)
{
    ViommuTestdevState *s = opaque;
    PCIDevice *pci = &s->parent;

    if (msix_enabled(pci)) {
        msix_notify(pci, vector);
    } else if (msi_enabled(pci)) {
        /* software may have granted fewer than asked for */
        msi_notify(pci, vector % msi_nr_vectors_allocated(pci));
    }
}

static int64_t testdev_clock_ns(void *opaque)
{
    return get_clock();
}

static const ViommuTestdevOps testdev_ops = {
    .dma = testdev_dma,
    .interrupt = testdev_interrupt,
    .clock_ns = testdev_clock_ns,
};

static uint64_t testdev_read(void *opaque, hwaddr addr, unsigned size)
{
    ViommuTestdevState *s = opaque;

    return viommu_testdev_read(s->core, addr, size);
}

static void testdev_write(void *opaque, hwaddr addr, uint64_t value,
                          unsigned size)
{
    ViommuTestdevState *s = opaque;

    s->attrs = (MemTxAttrs) { .requester_id = pci_requester_id(&s->parent) };
    viommu_testdev_write(s->core, addr, value, size);
}

static const MemoryRegionOps testdev_register_ops = {
    .read = testdev_read,
    .write = testdev_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

static void testdev_realize(PCIDevice *pci, Error **errp)
{
    ViommuTestdevState *s = VIOMMU_TESTDEV(pci);
    const ViommuTestdevConfig config = { 0 };

    memory_region_init_io(&s->registers, OBJECT(s), &testdev_register_ops, s,
                          "viommu-testdev", VIOMMU_TESTDEV_BAR0_SIZE);
    /* the core itself answers DMA to its own registers */
    s->registers.disable_reentrancy_guard = true;
    pci_register_bar(pci, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, &s->registers);
    memory_region_init(&s->msix, OBJECT(s), "viommu-testdev-msix",
                       TESTDEV_MSIX_SIZE);
    pci_register_bar(pci, 1, PCI_BASE_ADDRESS_SPACE_MEMORY, &s->msix);

    if (pci_bus_is_express(pci_get_bus(pci)) &&
        pcie_endpoint_cap_init(pci, 0) < 0) {
        error_setg(errp, "viommu-testdev: no room for the PCI Express "
                   "capability");
        return;
    }
    if (msi_init(pci, 0, VIOMMU_TESTDEV_VECTORS, true, true, errp) < 0) {
        return;
    }
    if (msix_init(pci, VIOMMU_TESTDEV_VECTORS, &s->msix, 1, 0, &s->msix, 1,
                  TESTDEV_MSIX_PBA, 0, errp) < 0) {
        msi_uninit(pci);
        return;
    }
    for (unsigned i = 0; i < VIOMMU_TESTDEV_VECTORS; i++) {
        msix_vector_use(pci, i);
    }
    if (s->mirrored) {
        s->mirror = viommu_mirror_new(pci_device_iommu_address_space(pci),
                                      TYPE_VIOMMU_TESTDEV);
        error_setg(&s->blocker, "viommu-testdev: x-mirror=on has no end");
        qdev_add_unplug_blocker(DEVICE(pci), s->blocker);
    }
    s->core = viommu_testdev_new(&config, &testdev_ops, s, NULL);
}

static void testdev_exit(PCIDevice *pci)
{
    ViommuTestdevState *s = VIOMMU_TESTDEV(pci);

    msix_uninit(pci, &s->msix, &s->msix);
    msi_uninit(pci);
    if (pci_is_express(pci) && pci->exp.exp_cap) {
        pcie_cap_exit(pci);
    }
    viommu_testdev_free(s->core);
}

static void testdev_reset_hold(Object *obj, ResetType type)
{
    ViommuTestdevState *s = VIOMMU_TESTDEV(obj);

    viommu_testdev_reset(s->core);
}

static const VMStateDescription testdev_vmstate = {
    .name = TYPE_VIOMMU_TESTDEV,
    .unmigratable = true,
};

static const Property testdev_properties[] = {
    DEFINE_PROP_BOOL("x-mirror", ViommuTestdevState, mirrored, false),
};

static void testdev_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);

    pc->realize = testdev_realize;
    pc->exit = testdev_exit;
    pc->vendor_id = VIOMMU_TESTDEV_VENDOR_ID;
    pc->device_id = VIOMMU_TESTDEV_DEVICE_ID;
    pc->class_id = VIOMMU_TESTDEV_CLASS;
    RESETTABLE_CLASS(klass)->phases.hold = testdev_reset_hold;
    dc->vmsd = &testdev_vmstate;
    device_class_set_props(dc, testdev_properties);
    dc->desc = "viommu: a DMA engine for testing IOMMUs";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo testdev_info = {
    .name = TYPE_VIOMMU_TESTDEV,
    .parent = TYPE_PCI_DEVICE,
    .instance_size = sizeof(ViommuTestdevState),
    .class_init = testdev_class_init,
    .interfaces = (InterfaceInfo[]) {
        { INTERFACE_PCIE_DEVICE },
        { },
    },
};

static void testdev_register_types(void)
{
    type_register_static(&testdev_info);
}

type_init(testdev_register_types)
