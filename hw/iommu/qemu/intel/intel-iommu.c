/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the device "intel-iommu", its properties and registers,
 * and what its unit asks of QEMU.
 */
#include "qemu/osdep.h"
#include "hw/viommu/intel/intel.h"
#include "hw/viommu/core/passthrough.h"
#include "hw/i386/pc.h"
#include "hw/qdev-properties.h"
#include "kvm/kvm_i386.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "system/system.h"
#include <hw/iommu/viommu-vtd.h>

/* --- What is different about this kind of unit ---------------------------- */

/* PMEN decides whether DMA may bypass the unit; its status comes later. */
#define VTD_PMEN_OFFSET     0x64
#define VTD_PMEN_EPM        (1u << 31)

static bool vtd_blocks_part(ViommuGlue *glue)
{
    return viommu_mmio_read(glue->unit, VTD_PMEN_OFFSET, 4) & VTD_PMEN_EPM;
}

static void vtd_written(ViommuGlue *glue, hwaddr addr, unsigned size)
{
    if (addr < VTD_PMEN_OFFSET + 4 && addr + size > VTD_PMEN_OFFSET) {
        viommu_hits_drop(glue);
        viommu_spaces_update(glue, VIOMMU_ANY, 0);
    }
}

static const char *vtd_mirror_needs(ViommuGlue *glue)
{
    const IntelIOMMUState *s = INTEL_IOMMU_DEVICE(glue->dev);

    return !s->caching_mode ? "caching-mode=on" :
           s->snoop_control ? "snoop-control=off" :
           s->protected_memory ? "pmr=off" : NULL;
}

static const char *vtd_devtlb_needs(ViommuGlue *glue)
{
    return X86_IOMMU_DEVICE(glue->dev)->dt_supported ? NULL
                                                     : "device-iotlb=on";
}

/* ECAP */
#define VTD_ECAP_OFFSET     0x10
#define VTD_ECAP_DT         (1u << 2)
#define VTD_ECAP_PRS        (1u << 29)
#define VTD_ECAP_PASID      (1ull << 40)
#define VTD_ECAP_PSS(ecap)  ((ecap) >> 35 & 0x1f)

static ViommuAnnounced vtd_announced(ViommuGlue *glue)
{
    uint64_t ecap = viommu_mmio_read(glue->unit, VTD_ECAP_OFFSET, 8);

    return (ViommuAnnounced) {
        .ats = ecap & VTD_ECAP_DT,
        .page_requests = ecap & VTD_ECAP_PRS,
        .pasid_bits = ecap & VTD_ECAP_PASID ? VTD_ECAP_PSS(ecap) + 1 : 0,
    };
}

static const ViommuGlueKind vtd_kind = {
    .name = TYPE_INTEL_IOMMU_DEVICE,
    .deliver = vtd_deliver_own_msi,
    .routes_changed = vtd_notify_routes,
    .space_added = vtd_interrupts_init,
    .blocks_part = vtd_blocks_part,
    .written = vtd_written,
    .find_device = vtd_find_device,
    .mirror_needs = vtd_mirror_needs,
    .devtlb_needs = vtd_devtlb_needs,
    .announced = vtd_announced,
};

/* --- Configuration ------------------------------------------------------- */

/*
 * svm=on is short for what shared virtual memory needs of the unit, as far as
 * that is no choice: PASIDs and page requests.
 */
static bool vtd_check_svm(IntelIOMMUState *s, Error **errp)
{
    const char *need = !s->scalable_mode ? "x-scalable-mode=on" :
                       !s->first_stage ? "x-flts/fsts=on" :
                       !X86_IOMMU_DEVICE(s)->dt_supported ?
                       "device-iotlb=on" : NULL;

    if (!s->svm) {
        return true;
    }
    if (need) {
        error_setg(errp, "svm=on: allowed with %s only", need);
        return false;
    }
    s->page_requests = true;
    s->pasid_mode = true;
    return true;
}

/* What only the DMAR table says. */
static bool vtd_check_firmware(IntelIOMMUState *s, Error **errp)
{
    X86IOMMUState *x86 = X86_IOMMU_DEVICE(s);
    const char *option = NULL, *need = NULL;

    if (s->satc && !x86->dt_supported) {
        option = "satc=on";
        need = "device-iotlb=on";
    } else if (s->atc_required && !s->satc) {
        option = "atc-required=on";
        need = "satc=on";
    } else if (s->x2apic_opt_out && !x86_iommu_ir_supported(x86)) {
        option = "x2apic-opt-out=on";
        need = "intremap=on";
    }
    if (option) {
        error_setg(errp, "%s: allowed with %s only", option, need);
        return false;
    }
    return true;
}

/* The parts of the configuration that concern QEMU, not the unit. */
static bool vtd_check_options(IntelIOMMUState *s, Error **errp)
{
    X86IOMMUState *x86 = X86_IOMMU_DEVICE(s);
    bool remapping = x86_iommu_ir_supported(x86);

    if (s->eim == ON_OFF_AUTO_ON && !remapping) {
        error_setg(errp, "eim=on cannot be selected without intremap=on");
        return false;
    }
    if (s->eim == ON_OFF_AUTO_AUTO) {
        s->eim = remapping && (kvm_irqchip_in_kernel() || s->buggy_eim) ?
                 ON_OFF_AUTO_ON : ON_OFF_AUTO_OFF;
    }
    if (s->eim == ON_OFF_AUTO_ON && !s->buggy_eim &&
        kvm_irqchip_is_split() && !kvm_enable_x2apic()) {
        error_setg(errp, "eim=on needs a host kernel with KVM's x2APIC API "
                   "(Linux 4.7 or newer)");
        return false;
    }
    if (s->posted_interrupts && kvm_irqchip_in_kernel()) {
        error_setg(errp, "posted-interrupts=on needs kernel-irqchip=off: "
                   "KVM's MSI routes cannot post to the guest's descriptors");
        return false;
    }
    return vtd_check_svm(s, errp) && vtd_check_firmware(s, errp);
}

static bool vtd_create_unit(IntelIOMMUState *s, Error **errp)
{
    X86IOMMUState *x86 = X86_IOMMU_DEVICE(s);
    g_autoptr(GError) error = NULL;
    ViommuVtdConfig config;

    viommu_vtd_config_init(&config);
    config.aw_bits = s->aw_bits;
    config.haw_bits = s->haw_bits;
    config.fault_records = s->fault_records;
    config.caching_mode = s->caching_mode;
    config.dma_translation = s->dma_translation;
    config.dma_drain = s->dma_drain;
    config.pass_through = x86->pt_supported;
    config.snoop_control = s->snoop_control;
    config.device_iotlb = x86->dt_supported;
    config.stale_tm = s->stale_tm;
    config.interrupt_remapping = x86_iommu_ir_supported(x86);
    config.extended_interrupt_mode = s->eim == ON_OFF_AUTO_ON;
    config.posted_interrupts = s->posted_interrupts;
    config.protected_memory = s->protected_memory;
    config.enhanced_set_pointer = s->enhanced_set_pointer;
    config.scalable_mode = s->scalable_mode;
    config.first_stage = s->first_stage;
    config.fs1gp = s->fs1gp;
    config.nested = s->nested;
    config.pasid_bits = s->pasid_mode && !s->pasid_bits ? 20 : s->pasid_bits;
    config.dirty_tracking = s->dirty_tracking;
    config.extended_access = s->extended_access;
    config.page_requests = s->page_requests;
    config.virtual_commands = s->virtual_commands;
    config.rid_pasid = s->rid_pasid;
    config.memory_types = s->memory_types;
    config.rid_priv = s->rid_priv;
    config.abort_dma = s->abort_dma;
    config.coherent = s->coherent;
    config.strict = s->strict;
    config.iotlb_bits = s->iotlb_bits;

    s->glue->unit = viommu_vtd_new(&config, &viommu_glue_ops, s->glue,
                                   &error);
    if (!s->glue->unit) {
        error_setg(errp, "%s", error->message);
        return false;
    }
    return true;
}

/* --- The device ---------------------------------------------------------- */

/*
 * What a mirrored device needs is known before the guest runs; later, when
 * the guest switches translation on, there is only the end left.
 */
static int vtd_check_vfio(Object *child, void *opaque)
{
    IntelIOMMUState *s = object_dynamic_cast(child, "vfio-pci") ?
                         vtd_unit_of_device(PCI_DEVICE(child)) : NULL;
    const char *need = s ? vtd_mirror_needs(s->glue) : NULL;

    if (s && viommu_passed_find(s->glue, PCI_DEVICE(child))) {
        return 0;
    }
    if (s && s->nesting == ON_OFF_AUTO_ON) {
        error_report("intel-iommu: nesting=on: give the unit before the "
                     "vfio-pci device behind it");
        exit(1);
    }
    if (need) {
        error_report("intel-iommu: a vfio-pci device is behind it, which "
                     "needs %s", need);
        exit(1);
    }
    return 0;
}

static void vtd_machine_done(Notifier *notifier, void *unused)
{
    object_child_foreach_recursive(object_get_root(), vtd_check_vfio, NULL);
}

static Notifier vtd_machine_done_notifier = { .notify = vtd_machine_done };

static void vtd_realize(DeviceState *dev, Error **errp)
{
    IntelIOMMUState *s = INTEL_IOMMU_DEVICE(dev);

    if (!vtd_check_options(s, errp) || !vtd_unit_add(s, &vtd_kind, errp) ||
        !vtd_create_unit(s, errp) || !vtd_regions_init(s, errp)) {
        return;
    }
    viommu_glue_start(s->glue, &s->registers, "intel-iommu");
    memory_region_add_subregion(get_system_memory(), vtd_unit_base(s),
                                &s->registers);
    vtd_unit_start(s);
    if (s->glue->index == 0) {
        qemu_add_machine_init_done_notifier(&vtd_machine_done_notifier);
    }
}

static void vtd_reset_exit(Object *obj, ResetType type)
{
    viommu_glue_reset(INTEL_IOMMU_DEVICE(obj)->glue);
}

static const VMStateDescription vtd_vmstate = {
    /* not the stock model's name: the contents differ */
    .name = "viommu-vtd",
    .version_id = 1,
    .minimum_version_id = 1,
    .priority = MIG_PRI_IOMMU,
    .fields = (const VMStateField[]) {
        VMSTATE_VIOMMU(glue, IntelIOMMUState),
        VMSTATE_END_OF_LIST()
    }
};

static const Property vtd_properties[] = {
    DEFINE_PROP_UINT32("version", IntelIOMMUState, version, 0),
    DEFINE_PROP_ON_OFF_AUTO("eim", IntelIOMMUState, eim, ON_OFF_AUTO_AUTO),
    DEFINE_PROP_BOOL("x-buggy-eim", IntelIOMMUState, buggy_eim, false),
    DEFINE_PROP_UINT8("aw-bits", IntelIOMMUState, aw_bits, 48),
    DEFINE_PROP_BOOL("caching-mode", IntelIOMMUState, caching_mode, false),
    DEFINE_PROP_BOOL("x-scalable-mode", IntelIOMMUState, scalable_mode,
                     false),
    DEFINE_PROP_BOOL("scalable-mode", IntelIOMMUState, scalable_mode, false),
    DEFINE_PROP_BOOL("x-flts", IntelIOMMUState, first_stage, false),
    DEFINE_PROP_BOOL("fsts", IntelIOMMUState, first_stage, false),
    DEFINE_PROP_BOOL("snoop-control", IntelIOMMUState, snoop_control, false),
    DEFINE_PROP_BOOL("x-pasid-mode", IntelIOMMUState, pasid_mode, false),
    DEFINE_PROP_UINT8("pasid-bits", IntelIOMMUState, pasid_bits, 0),
    DEFINE_PROP_BOOL("svm", IntelIOMMUState, svm, false),
    DEFINE_PROP_BOOL("dma-drain", IntelIOMMUState, dma_drain, true),
    DEFINE_PROP_BOOL("dma-translation", IntelIOMMUState, dma_translation,
                     true),
    DEFINE_PROP_BOOL("stale-tm", IntelIOMMUState, stale_tm, false),
    DEFINE_PROP_BOOL("fs1gp", IntelIOMMUState, fs1gp, true),
    /* beyond the stock model's */
    DEFINE_PROP_UINT8("haw-bits", IntelIOMMUState, haw_bits, 0),
    DEFINE_PROP_UINT16("fault-records", IntelIOMMUState, fault_records, 1),
    DEFINE_PROP_BOOL("posted-interrupts", IntelIOMMUState, posted_interrupts,
                     false),
    DEFINE_PROP_BOOL("pmr", IntelIOMMUState, protected_memory, false),
    DEFINE_PROP_BOOL("esrtps", IntelIOMMUState, enhanced_set_pointer, false),
    DEFINE_PROP_BOOL("nested", IntelIOMMUState, nested, false),
    DEFINE_PROP_BOOL("dirty-tracking", IntelIOMMUState, dirty_tracking,
                     false),
    DEFINE_PROP_BOOL("extended-access", IntelIOMMUState, extended_access,
                     false),
    DEFINE_PROP_BOOL("pri", IntelIOMMUState, page_requests, false),
    DEFINE_PROP_BOOL("virtual-commands", IntelIOMMUState, virtual_commands,
                     false),
    DEFINE_PROP_BOOL("rid-pasid", IntelIOMMUState, rid_pasid, false),
    DEFINE_PROP_BOOL("memory-types", IntelIOMMUState, memory_types, false),
    DEFINE_PROP_BOOL("rid-priv", IntelIOMMUState, rid_priv, false),
    DEFINE_PROP_BOOL("abort-dma", IntelIOMMUState, abort_dma, false),
    DEFINE_PROP_BOOL("coherent", IntelIOMMUState, coherent, false),
    DEFINE_PROP_BOOL("strict", IntelIOMMUState, strict, false),
    DEFINE_PROP_STRING("scope", IntelIOMMUState, scope),
    DEFINE_PROP_BOOL("satc", IntelIOMMUState, satc, false),
    DEFINE_PROP_BOOL("atc-required", IntelIOMMUState, atc_required, false),
    DEFINE_PROP_BOOL("x2apic-opt-out", IntelIOMMUState, x2apic_opt_out,
                     false),
    DEFINE_PROP_BOOL("dma-control-opt-in", IntelIOMMUState,
                     dma_control_opt_in, false),
    DEFINE_PROP_STRING("reserved-regions", IntelIOMMUState,
                       reserved_regions),
    DEFINE_PROP_ON_OFF_AUTO("nesting", IntelIOMMUState, nesting,
                            ON_OFF_AUTO_OFF),
    DEFINE_PROP_UINT8("iotlb-bits", IntelIOMMUState, iotlb_bits, 16),
};

/* "findings": what the unit has let pass, as "NAME COUNT, ..." */
static char *vtd_get_findings(Object *obj, Error **errp)
{
    ViommuGlue *glue = INTEL_IOMMU_DEVICE(obj)->glue;
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; glue && viommu_finding_name(i); i++) {
        uint64_t count = viommu_finding_count(glue->unit, i);

        if (count) {
            g_string_append_printf(text, "%s%s %" PRIu64,
                                   text->len ? ", " : "",
                                   viommu_finding_name(i), count);
        }
    }
    return g_string_free(text, false);
}

static void vtd_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    X86IOMMUClass *xc = X86_IOMMU_DEVICE_CLASS(klass);

    RESETTABLE_CLASS(klass)->phases.exit = vtd_reset_exit;
    dc->vmsd = &vtd_vmstate;
    device_class_set_props(dc, vtd_properties);
    object_class_property_add_str(klass, "findings", vtd_get_findings, NULL);
    dc->hotpluggable = false;
    dc->desc = "Intel IOMMU (VT-d) DMA Remapping device";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    xc->realize = vtd_realize;
    xc->int_remap = vtd_int_remap;
}

static const TypeInfo vtd_info = {
    .name = TYPE_INTEL_IOMMU_DEVICE,
    .parent = TYPE_X86_IOMMU_DEVICE,
    .instance_size = sizeof(IntelIOMMUState),
    .class_init = vtd_class_init,
};

static void vtd_register_types(void)
{
    type_register_static(&vtd_info);
}

type_init(vtd_register_types)
