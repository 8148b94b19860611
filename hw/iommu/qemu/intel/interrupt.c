/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: interrupt messages.  Those of endpoints and of the I/O APIC
 * come as writes to their address spaces, or as questions of KVM about a
 * route; remapped ones and the unit's own go to the local APICs.
 */
#include "qemu/osdep.h"
#include "hw/viommu/intel/intel.h"
#include "hw/viommu/core/request.h"
#include "hw/i386/apic_internal.h"
#include "qapi/error.h"

static void vtd_deliver_msi(uint32_t source, const ViommuMsi *msi)
{
    MSIMessage message = { .address = msi->addr, .data = msi->data };

    viommu_sink_record(source, msi);
    /*
     * Not through memory: bits 63:40 of the address may hold a part of an
     * x2APIC destination.
     */
    apic_get_class(&error_abort)->send_msi(&message);
}

void vtd_deliver_own_msi(ViommuGlue *glue, const ViommuMsi *msi)
{
    vtd_deliver_msi(VTD_UNIT_SOURCE + glue->index, msi);
}

/* Of a PCI function, or of the I/O APIC, which is none. */
static ViommuMsiResult remap(ViommuGlue *glue, bool is_device,
                             uint32_t source, const ViommuMsi *in,
                             bool probe, ViommuMsi *out)
{
    return is_device
           ? viommu_remap_msi(glue->unit, source, in, probe, out)
           : viommu_remap_ioapic_msi(glue->unit, source, in, probe, out);
}

/* A write of a doubleword is a message. */
static MemTxResult interrupt_message(ViommuSpace *space, hwaddr addr,
                                     uint32_t data)
{
    uint32_t source = viommu_space_source(space);
    ViommuMsi in = { .addr = VTD_INTERRUPT_FIRST + addr, .data = data };
    ViommuMsi out;

    switch (remap(space->glue, space->bus, source, &in, false, &out)) {
    case VIOMMU_MSI_DELIVER:
        vtd_deliver_msi(source, &out);
        return MEMTX_OK;
    case VIOMMU_MSI_POSTED:
        return MEMTX_OK;
    case VIOMMU_MSI_BLOCKED:
    default:
        return MEMTX_ERROR;
    }
}

/* Nothing can be read there; the unit may have a fault to record. */
static MemTxResult interrupt_refuse_read(ViommuSpace *space, hwaddr addr)
{
    const ViommuRequest req = {
        .source = viommu_space_source(space),
        .pasid = VIOMMU_NO_PASID,
        .addr = VTD_INTERRUPT_FIRST + addr,
        .access = VIOMMU_READ,
        .kind = VIOMMU_UNTRANSLATED,
    };
    ViommuReply reply;

    viommu_translate(space->glue->unit, &req, &reply);
    return MEMTX_ERROR;
}

/* The whole of a request: only a doubleword is a message [VTD 3.14]. */
static MemTxResult vtd_interrupt_request(void *opaque, hwaddr addr,
                                         const void *buf, hwaddr len,
                                         bool is_write)
{
    if (!is_write) {
        return interrupt_refuse_read(opaque, addr);
    }
    return len == 4 && addr % 4 == 0 ?
           interrupt_message(opaque, addr, ldl_le_p(buf)) : MEMTX_ERROR;
}

static MemTxResult vtd_interrupt_write(void *opaque, hwaddr addr,
                                       uint64_t value, unsigned size,
                                       MemTxAttrs attrs)
{
    return interrupt_message(opaque, addr, value);
}

static MemTxResult vtd_interrupt_read(void *opaque, hwaddr addr,
                                      uint64_t *value, unsigned size,
                                      MemTxAttrs attrs)
{
    *value = 0;
    return interrupt_refuse_read(opaque, addr);
}

static const MemoryRegionOps vtd_interrupt_ops = {
    .read_with_attrs = vtd_interrupt_read,
    .write_with_attrs = vtd_interrupt_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

void vtd_interrupts_init(ViommuSpace *space)
{
    memory_region_init_io(&space->interrupts, OBJECT(space->glue->dev),
                          &vtd_interrupt_ops, space, "vtd-interrupts",
                          VTD_INTERRUPT_SIZE);
    memory_region_add_subregion_overlap(&space->root, VTD_INTERRUPT_FIRST,
                                        &space->interrupts, 2);
    viommu_request_ops = &vtd_interrupt_ops;
    viommu_request_make = vtd_interrupt_request;
    /* An endpoint's message may come while it reads the unit's registers. */
    space->interrupts.disable_reentrancy_guard = true;
}

/* X86IOMMUClass.int_remap: what KVM's routes for a message should say. */
int vtd_int_remap(X86IOMMUState *x86, MSIMessage *src, MSIMessage *dst,
                  uint16_t sid)
{
    bool is_device = sid != X86_IOMMU_SID_INVALID;
    uint32_t source = is_device ? sid : VTD_IOAPIC_SOURCE;
    PCIDevice *dev = is_device ? vtd_find_device(NULL, source) : NULL;
    IntelIOMMUState *s = dev ? vtd_unit_of_device(dev) : vtd_unit_of_ioapic();
    ViommuMsi in = { .addr = src->address, .data = src->data };
    ViommuMsi out;

    if (!s) {
        *dst = *src;
        return 0;
    }
    /* A question only: the interrupt, and its fault, may never come. */
    if (remap(s->glue, is_device, source, &in, true, &out) !=
        VIOMMU_MSI_DELIVER) {
        return -EINVAL;
    }
    dst->address = out.addr;
    dst->data = out.data;
    return 0;
}

void vtd_notify_routes(ViommuGlue *glue, const ViommuInvalidation *inv)
{
    bool global = inv->count == 0;

    /* all users ask the machine's first unit */
    x86_iommu_iec_notify_all(x86_iommu_get_default(), global, inv->index,
                             global ? 0 : ctz32(inv->count));
}
