/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the functions behind an SMMUv3.  A StreamID is the
 * requester's bus, device and function.
 */
#include "qemu/osdep.h"
#include "arm_smmuv3.h"
#include "exec/address-spaces.h"
#include "qapi/error.h"

PCIDevice *smmu_find_device(ViommuGlue *glue, uint32_t sid)
{
    PCIBus *bus = VIOMMU_SMMUV3(glue->dev)->primary_bus;

    return sid > UINT16_MAX ? NULL
                            : pci_find_device(bus, PCI_BUS_NUM(sid),
                                              sid & 0xff);
}

static AddressSpace *smmu_get_address_space(PCIBus *bus, void *opaque,
                                            int devfn)
{
    return viommu_space_get(opaque, bus, devfn);
}

static const PCIIOMMUOps smmu_pci_ops = {
    .get_address_space = smmu_get_address_space,
};

bool smmu_unit_add(SmmuState *s, const ViommuGlueKind *kind, Error **errp)
{
    if (!s->primary_bus) {
        error_setg(errp, "arm-smmuv3: primary-bus is needed: the PCI bus "
                   "that it is in front of");
        return false;
    }
    s->glue = viommu_glue_new(kind, DEVICE(s), errp);
    return s->glue != NULL;
}

void smmu_unit_start(SmmuState *s)
{
    /* what passes through has an answer about all addresses of the output */
    s->glue->direct_bits = s->oas_bits;
    s->glue->pass_size = 1ull << s->oas_bits;
    pci_setup_iommu(s->primary_bus, &smmu_pci_ops, s->glue);
    viommu_can_stall |= s->stall;
}
