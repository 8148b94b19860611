#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""qemu-edits.py SOURCE KIND: the one place where files of QEMU are changed.

KIND is viommu or stock.  Each edit is of text that must be there exactly once.
They start from a copy of the original, so that another version of this script
finds what it expects.
"""
import glob
import os
import sys

tree, kind = sys.argv[1:]

# DMA behind an IOMMU.  A PCI Express request does not cross a page of 4 KiB,
# and is refused as a whole.  QEMU cut what was refused, as if a device of
# narrow registers was there, and asked again for each piece: each 4 bytes of
# one request made a fault.
physmem = [
    ('#include "trace.h"\n',
     '#include "trace.h"\n#include "hw/viommu/core/request.h"\n'),
    ("static MemoryRegion io_mem_unassigned;\n", """\
static MemoryRegion io_mem_unassigned;
/* what an IOMMU has refused: a request ends here */
static MemoryRegion io_mem_refused;
"""),
    ("""\
    memory_region_init_io(&io_mem_unassigned, NULL, &unassigned_mem_ops, NULL,
                          NULL, UINT64_MAX);
""", """\
    memory_region_init_io(&io_mem_unassigned, NULL, &unassigned_mem_ops, NULL,
                          NULL, UINT64_MAX);
    memory_region_init_io(&io_mem_refused, NULL, &unassigned_mem_ops, NULL,
                          NULL, UINT64_MAX);
"""),
    ("""\
unassigned:
    return (MemoryRegionSection) { .mr = &io_mem_unassigned };
""", """\
unassigned:
    *plen_out = viommu_request_size(*xlat, *plen_out);
    return (MemoryRegionSection) { .mr = &io_mem_refused };
"""),
    ("    if (section.mr == &io_mem_unassigned) {\n",
     "    if (section.mr == &io_mem_unassigned ||\n"
     "        section.mr == &io_mem_refused) {\n"),
    ("static MemTxResult flatview_write_continue_step(MemTxAttrs attrs,\n",
     """\
/* An access to @mr that is one request however long: make it. */
static bool viommu_made(MemoryRegion *mr, MemTxAttrs attrs, hwaddr addr,
                        void *buf, hwaddr *len, bool is_write,
                        MemTxResult *result)
{
    bool release_lock;

    if (mr == &io_mem_refused) {
        *result = MEMTX_DECODE_ERROR;
    } else if (viommu_request_ops && mr->ops == viommu_request_ops) {
        release_lock = prepare_mmio_access(mr);
        *len = viommu_request_size(addr, *len);
        *result = viommu_request_make(mr->opaque, addr, buf, *len, is_write);
        if (release_lock) {
            bql_unlock();
        }
    } else {
        return false;
    }
    if (!is_write) {
        memset(buf, 0, *len);
    }
    return true;
}

static MemTxResult flatview_write_continue_step(MemTxAttrs attrs,
"""),
    ("""\
        uint64_t val;
        MemTxResult result;
        bool release_lock = prepare_mmio_access(mr);

        *l = memory_access_size(mr, *l, mr_addr);
        /*
""", """\
        uint64_t val;
        MemTxResult result;
        bool release_lock;

        if (viommu_made(mr, attrs, mr_addr, (void *)buf, l, true, &result)) {
            return result;
        }
        release_lock = prepare_mmio_access(mr);
        *l = memory_access_size(mr, *l, mr_addr);
        /*
"""),
    ("""\
        /* I/O case */
        uint64_t val;
        MemTxResult result;
        bool release_lock = prepare_mmio_access(mr);

""", """\
        /* I/O case */
        uint64_t val;
        MemTxResult result;
        bool release_lock;

        if (viommu_made(mr, attrs, mr_addr, buf, l, false, &result)) {
            return result;
        }
        release_lock = prepare_mmio_access(mr);
"""),
    # Mapping memory is a look, not a request: what it gets where it is refused
    # is a buffer, and filling or emptying that is the request.  A buffer for
    # a part of a request would make two of it.
    ("""\
    hwaddr done = 0;
    hwaddr xlat;
    MemoryRegion *this_mr;

""", """\
    hwaddr done = 0;
    hwaddr xlat;
    MemoryRegion *this_mr;

    attrs = viommu_look(attrs);
"""),
    ("""\
    fv = address_space_to_flatview(as);
    mr = flatview_translate(fv, addr, &xlat, &l, is_write, attrs);

""", """\
    fv = address_space_to_flatview(as);
    mr = flatview_translate(fv, addr, &xlat, &l, is_write,
                            viommu_look(attrs));

"""),
    ("            size_t new_size = used + alloc;\n", """\
            if (mr == &io_mem_refused && alloc < l && used) {
                alloc = 0;
            }
            size_t new_size = used + alloc;
"""),
    # An access to a virtqueue that crossed a page went on in the next physical
    # page; the rest has a translation of its own.
    ("    return address_space_read_continue_cached("
     "MEMTXATTRS_UNSPECIFIED,\n", """\
    if (l < len) {
        MemTxResult first = address_space_read_continue_cached(
            MEMTXATTRS_UNSPECIFIED, buf, l, mr_addr, l, mr);

        return first | address_space_read_cached_slow(
            cache, addr + l, (uint8_t *)buf + l, len - l);
    }
    return address_space_read_continue_cached(MEMTXATTRS_UNSPECIFIED,
"""),
    ("    return address_space_write_continue_cached("
     "MEMTXATTRS_UNSPECIFIED,\n", """\
    if (l < len) {
        MemTxResult first = address_space_write_continue_cached(
            MEMTXATTRS_UNSPECIFIED, buf, l, mr_addr, l, mr);

        return first | address_space_write_cached_slow(
            cache, addr + l, (const uint8_t *)buf + l, len - l);
    }
    return address_space_write_continue_cached(MEMTXATTRS_UNSPECIFIED,
"""),
]

edits = {
    'hw/meson.build': [
        ("subdir('9pfs')\n", "subdir('viommu')\nsubdir('9pfs')\n"),
    ],
    'hw/i386/meson.build': [
        ("if_true: files('intel_iommu.c'))",
         "if_true: viommu_vtd)"),
    ] if kind == 'viommu' else [],
    'system/physmem.c': physmem if kind == 'viommu' else [],
    # the SMMU's device tree node and IORT
    'hw/arm/virt.c': [
        ("static void create_smmu(const VirtMachineState *vms,\n",
         "void viommu_smmu_default_stage(DeviceState *, const char *);\n"
         "void viommu_smmu_place(DeviceState *, hwaddr, int, uint32_t);\n"
         "void viommu_smmu_add_nodes(VirtMachineState *);\n\n"
         "static void create_smmu(const VirtMachineState *vms,\n"),
        ('        object_property_set_str(OBJECT(dev), "stage", "nested", '
         "&error_fatal);\n",
         '        viommu_smmu_default_stage(dev, "nested");\n'),
        ('    node = g_strdup_printf("/smmuv3@%" PRIx64, base);\n',
         "    viommu_smmu_place(dev, base, irq, vms->iommu_phandle);\n"
         "    return;\n\n"
         '    node = g_strdup_printf("/smmuv3@%" PRIx64, base);\n'),
        ("            create_smmu(vms, vms->bus);\n"
         "            if (!vms->default_bus_bypass_iommu) {\n",
         "            create_smmu(vms, vms->bus);\n"
         "            break;\n"
         "            if (!vms->default_bus_bypass_iommu) {\n"),
        ("    if (info->dtb_filename == NULL) {\n"
         "        platform_bus_add_all_fdt_nodes(ms->fdt, ",
         "    viommu_smmu_add_nodes(vms);\n"
         "    if (info->dtb_filename == NULL) {\n"
         "        platform_bus_add_all_fdt_nodes(ms->fdt, "),
        # several units
        ("    machine_class_allow_dynamic_sysbus_dev(mc, TYPE_RAMFB_DEVICE);\n",
         "    machine_class_allow_dynamic_sysbus_dev(mc, TYPE_RAMFB_DEVICE);\n"
         "    machine_class_allow_dynamic_sysbus_dev(mc, TYPE_ARM_SMMUV3);\n"),
    ] if kind == 'viommu' else [],
    'hw/core/sysbus-fdt.c': [
        ("    TYPE_BINDING(TYPE_RAMFB_DEVICE, no_fdt_node),\n",
         "    TYPE_BINDING(TYPE_RAMFB_DEVICE, no_fdt_node),\n"
         '    TYPE_BINDING("arm-smmuv3", no_fdt_node),\n'),
    ] if kind == 'viommu' else [],
    'hw/arm/virt-acpi-build.c': [
        ("static void\nbuild_iort(",
         "bool viommu_build_iort(GArray *, VirtMachineState *);\n\n"
         "static void\nbuild_iort("),
        ("        build_iort(tables_blob, tables->linker, vms);\n",
         "        if (!viommu_build_iort(tables_blob, vms)) {\n"
         "            build_iort(tables_blob, tables->linker, vms);\n"
         "        }\n"),
    ] if kind == 'viommu' else [],
    # StreamIDs in the IORT are right while bus numbers stay
    'hw/pci-host/gpex-acpi.c': [
        ("static void acpi_dsdt_add_pci_osc(Aml *dev)\n",
         "bool viommu_bus_numbers_stay(void);\n\n"
         "static void acpi_dsdt_add_pci_osc(Aml *dev)\n"),
        ("    uint8_t byte_list[1] = {0};\n",
         "    uint8_t byte_list[1] = { viommu_bus_numbers_stay() ? 0x21 : 0 "
         "};\n"),
        ("    aml_append(ifctx, ifctx1);\n    aml_append(method, ifctx);\n\n"
         "    byte_list[0] = 0;\n",
         "    aml_append(ifctx, ifctx1);\n"
         "    if (byte_list[0]) {\n"
         "        ifctx1 = aml_if(aml_equal(aml_arg(2), aml_int(5)));\n"
         "        aml_append(ifctx1, aml_return(aml_int(0)));\n"
         "        aml_append(ifctx, ifctx1);\n"
         "    }\n"
         "    aml_append(method, ifctx);\n\n"
         "    byte_list[0] = 0;\n"),
    ] if kind == 'viommu' else [],
    # Without KVM, too, a frame of messages said that KVM has routes for them,
    # and host devices asked for one.
    'hw/intc/arm_gicv2m.c': [
        ("    kvm_gsi_direct_mapping = true;\n",
         "    kvm_gsi_direct_mapping = kvm_enabled();\n"),
    ] if kind == 'viommu' else [],
    'hw/arm/meson.build': [
        ("if_true: files('smmuv3.c'))", "if_true: viommu_smmuv3)"),
        ("system_ss.add(when: 'CONFIG_ARM_SMMUV3', "
         "if_true: files('smmu-common.c'))\n", ""),
    ] if kind == 'viommu' else [],
    # host devices behind a unit with nesting=auto or on
    'hw/vfio/pci.c': [
        ("static void vfio_realize(PCIDevice *pdev, Error **errp)\n{\n",
         "AddressSpace *viommu_vfio_address_space(PCIDevice *, "
         "IOMMUFDBackend *);\n\n"
         "static void vfio_realize(PCIDevice *pdev, Error **errp)\n{\n"),
        ("                            pci_device_iommu_address_space(pdev), "
         "errp)) {\n",
         "                            viommu_vfio_address_space(pdev, "
         "vbasedev->mdev ?\n"
         "                                NULL : vbasedev->iommufd), "
         "errp)) {\n"),
        ("static bool vfio_add_capabilities(VFIOPCIDevice *vdev, "
         "Error **errp)\n",
         "void viommu_vfio_add_capabilities(PCIDevice *, uint8_t *, "
         "unsigned);\n\n"
         "static bool vfio_add_capabilities(VFIOPCIDevice *vdev, "
         "Error **errp)\n"),
        ("    vfio_add_ext_cap(vdev);\n    return true;\n",
         "    vfio_add_ext_cap(vdev);\n"
         "    viommu_vfio_add_capabilities(pdev, vdev->emulated_config_bits,\n"
         "                                 vdev->config_size);\n"
         "    return true;\n"),
    ] if kind == 'viommu' else [],
    # source-ids follow the numbers of buses
    'hw/pci/pci_bridge.c': [
        ("void pci_bridge_write_config(PCIDevice *d,\n",
         "void viommu_bus_renumbered(PCIBus *);\n\n"
         "void pci_bridge_write_config(PCIDevice *d,\n"),
        ("    pci_default_write_config(d, address, val, len);\n",
         "    pci_default_write_config(d, address, val, len);\n"
         "    viommu_bus_renumbered(&s->sec_bus);\n"),
        ("    conf[PCI_SECONDARY_BUS] = 0;\n",
         "    conf[PCI_SECONDARY_BUS] = 0;\n"
         "    viommu_bus_renumbered(&PCI_BRIDGE(dev)->sec_bus);\n"),
    ] if kind == 'viommu' else [],
    'hw/pci/pci.c': [
        ("static int get_pci_config_device(QEMUFile *f, void *pv, "
         "size_t size,\n",
         "void viommu_bus_renumbered(PCIBus *);\n\n"
         "static int get_pci_config_device(QEMUFile *f, void *pv, "
         "size_t size,\n"),
        ("        pci_bridge_update_mappings(PCI_BRIDGE(s));\n",
         "        pci_bridge_update_mappings(PCI_BRIDGE(s));\n"
         "        viommu_bus_renumbered(&PCI_BRIDGE(s)->sec_bus);\n"),
    ] if kind == 'viommu' else [],
    # several units
    'hw/i386/pc.c': [
        ("        if (pcms->iommu) {\n",
         "        if (viommu_is_further_unit(pcms->iommu, dev)) {\n"
         "            return;\n"
         "        }\n"
         "        if (pcms->iommu) {\n"),
    ] if kind == 'viommu' else [],
    # the DMAR table; QEMU's own function stays, unused
    'hw/i386/acpi-build.c': [
        ("static void\nbuild_dmar_q35(GArray *table_data,",
         "static G_GNUC_UNUSED void\nbuild_dmar_q35(GArray *table_data,"),
        ("        build_dmar_q35(tables_blob, tables->linker, x86ms->oem_id,\n",
         "        viommu_build_dmar(tables_blob, x86ms->oem_id,\n"),
    ] if kind == 'viommu' else [],
}
# What only another version of this script edits goes back to the original.
for kept in glob.glob('**/*.viommu-orig', root_dir=tree, recursive=True):
    # (headers are replaced as a whole, by add_models)
    if not kept.startswith('include/'):
        edits.setdefault(kept.removesuffix('.viommu-orig'), [])

for name, changes in edits.items():
    path = os.path.join(tree, name)
    kept = path + '.viommu-orig'
    try:
        if not os.path.exists(kept):
            with open(path) as f:
                text = f.read()
            with open(kept + '.new', 'w') as f:
                f.write(text)
            os.rename(kept + '.new', kept)
        with open(kept) as f:
            text = f.read()
    except OSError as e:
        sys.exit(f'{name}: {e.strerror}')
    for old, new in changes:
        if text.count(old) != 1:
            sys.exit(f'{name} has not exactly one {old.strip()!r}')
        text = text.replace(old, new)
    with open(path) as f:
        same = f.read() == text
    if not same:
        with open(path + '.new', 'w') as f:
            f.write(text)
        os.rename(path + '.new', path)
