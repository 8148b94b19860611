/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the device "arm-smmuv3", its properties and registers, and
 * what its unit asks of QEMU.
 */
#include "qemu/osdep.h"
#include "hw/viommu/arm/arm_smmuv3.h"
#include "exec/address-spaces.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/module.h"

/* --- What is different about this kind of unit --------------------------- */

/*
 * A DeviceID of its own is what an ITS knows it by.  Those of the host bridge
 * 00:00.0, which sends no messages, and of the functions beside it, which
 * cannot be, are nobody else's; there are as many as units.
 */
QEMU_BUILD_BUG_ON(VIOMMU_UNITS_MAX > 8);

static void smmu_deliver(ViommuGlue *glue, const ViommuMsi *msi)
{
    const MemTxAttrs attrs = { .requester_id = glue->index };

    viommu_sink_record(VIOMMU_SINK_UNIT + glue->index, msi);
    address_space_stl_le(&address_space_memory, msi->addr, msi->data, attrs,
                         NULL);
}

/* The interrupt controller takes the edge. */
static void smmu_pulse(ViommuGlue *glue, unsigned line)
{
    const ViommuMsi msi = { .data = line };

    viommu_sink_record(VIOMMU_SINK_LINE + glue->index, &msi);
    qemu_irq_pulse(VIOMMU_SMMUV3(glue->dev)->irq[line]);
}

static const char *smmu_devtlb_needs(ViommuGlue *glue)
{
    return VIOMMU_SMMUV3(glue->dev)->ats ? NULL : "ats=on";
}

/* A guest does not tell of what it maps, so that nothing can be mirrored. */
static const char *smmu_mirror_needs(ViommuGlue *glue)
{
    return glue->nesting == ON_OFF_AUTO_OFF ? "nesting=on" :
           glue->nesting == ON_OFF_AUTO_ON
           ? "iommufd=, because of nesting=on"
           : "iommufd=, because of nesting=auto";
}

static ViommuAnnounced smmu_announced(ViommuGlue *glue)
{
    const SmmuState *s = VIOMMU_SMMUV3(glue->dev);

    return (ViommuAnnounced) {
        .ats = s->ats, .page_requests = s->pri, .pasid_bits = s->ssid_bits,
    };
}

static const ViommuGlueKind smmu_kind = {
    .name = TYPE_VIOMMU_SMMUV3,
    .deliver = smmu_deliver,
    .pulse = smmu_pulse,
    .find_device = smmu_find_device,
    .mirror_needs = smmu_mirror_needs,
    .devtlb_needs = smmu_devtlb_needs,
    .announced = smmu_announced,
};

#define SMMU_OAS_DEFAULT 44

/* --- The device ---------------------------------------------------------- */

/* Called by the machine; it knows it by a prototype of its own. */
void viommu_smmu_default_stage(DeviceState *dev, const char *stage);

void viommu_smmu_default_stage(DeviceState *dev, const char *stage)
{
    VIOMMU_SMMUV3(dev)->machine_stage = stage;
}

/* Stage 2 is the host's, where it walks the guest's tables. */
static const char *smmu_stage(const SmmuState *s)
{
    return s->stage ? s->stage :
           s->nesting != ON_OFF_AUTO_OFF || !s->machine_stage
           ? "1" : s->machine_stage;
}

static bool smmu_stages(SmmuState *s, ViommuSmmuv3Config *config,
                        Error **errp)
{
    const char *stage = smmu_stage(s);
    bool nested = !strcmp(stage, "nested");

    config->stage1 = nested || !strcmp(stage, "1");
    config->stage2 = nested || !strcmp(stage, "2");
    if (!config->stage1 && !config->stage2) {
        error_setg(errp, "stage=%s: allowed are 1, 2 and nested", stage);
        return false;
    }
    if (s->nesting != ON_OFF_AUTO_OFF && config->stage2) {
        error_setg(errp, "%s=%s: allowed with stage=1 only, not stage=%s: "
                   "stage 2 is the host's", s->accel ? "accel" : "nesting",
                   s->accel ? "on" : OnOffAuto_str(s->nesting), stage);
        return false;
    }
    return true;
}

static bool smmu_start(SmmuState *s, Error **errp)
{
    g_autoptr(GError) error = NULL;
    ViommuSmmuv3Config config;

    if (s->accel) {
        /* the name that newer QEMUs have for it */
        s->nesting = ON_OFF_AUTO_ON;
    }
    s->ats = s->ats_option == ON_OFF_AUTO_ON;
    s->ril = s->ril_option != ON_OFF_AUTO_OFF;
    viommu_smmuv3_config_init(&config);
    if (!smmu_stages(s, &config, errp)) {
        return false;
    }
    config.sid_bits = s->sid_bits;
    config.ssid_bits = s->ssid_bits;
    config.oas_bits = s->oas_bits;
    config.httu = s->httu;
    config.bbml = s->bbml;
    config.iotlb_bits = s->iotlb_bits;
    config.ats = s->ats;
    config.pri = s->pri;
    config.stall = s->stall;
    config.ril = s->ril;
    config.fwb = s->fwb;
    config.msi = s->msi;
    config.hyp = s->hyp;
    config.attr_perms_ovr = s->attr_perms_ovr;
    config.atos = s->atos;
    if (!smmu_unit_add(s, &smmu_kind, errp)) {
        return false;
    }
    s->glue->unit = viommu_smmuv3_new(&config, &viommu_glue_ops, s->glue,
                                      &error);
    if (!s->glue->unit) {
        error_setg(errp, "%s", error->message);
        return false;
    }
    viommu_glue_start(s->glue, &s->registers, "arm-smmuv3");
    sysbus_init_mmio(SYS_BUS_DEVICE(s), &s->registers);
    for (unsigned i = 0; i < VIOMMU_SMMUV3_LINES; i++) {
        sysbus_init_irq(SYS_BUS_DEVICE(s), &s->irq[i]);
    }
    smmu_unit_start(s);
    return true;
}

/* The machine makes one by itself, so what is wrong names the device. */
static void smmu_realize(DeviceState *dev, Error **errp)
{
    ERRP_GUARD();

    if (!smmu_start(VIOMMU_SMMUV3(dev), errp)) {
        error_prepend(errp, TYPE_VIOMMU_SMMUV3 ": ");
    }
}

static void smmu_reset_exit(Object *obj, ResetType type)
{
    viommu_glue_reset(VIOMMU_SMMUV3(obj)->glue);
}

static const VMStateDescription smmu_vmstate = {
    /* not the stock model's name: the contents differ */
    .name = "viommu-smmuv3",
    .version_id = 1,
    .minimum_version_id = 1,
    .priority = MIG_PRI_IOMMU,
    .fields = (const VMStateField[]) {
        VMSTATE_VIOMMU(glue, SmmuState),
        VMSTATE_END_OF_LIST()
    }
};

static const Property smmu_properties[] = {
    DEFINE_PROP_LINK("primary-bus", SmmuState, primary_bus, TYPE_PCI_BUS,
                     PCIBus *),
    /* beyond that of QEMU 10.0's model; newer ones know some of them */
    DEFINE_PROP_BOOL("accel", SmmuState, accel, false),
    DEFINE_PROP_ON_OFF_AUTO("nesting", SmmuState, nesting, ON_OFF_AUTO_OFF),
    DEFINE_PROP_UINT8("sidsize", SmmuState, sid_bits, 16),
    DEFINE_PROP_ON_OFF_AUTO("ats", SmmuState, ats_option, ON_OFF_AUTO_AUTO),
    DEFINE_PROP_BOOL("pri", SmmuState, pri, false),
    DEFINE_PROP_BOOL("stall", SmmuState, stall, false),
    DEFINE_PROP_UINT8("httu", SmmuState, httu, 0),
    DEFINE_PROP_UINT8("bbml", SmmuState, bbml, 2),
    DEFINE_PROP_ON_OFF_AUTO("ril", SmmuState, ril_option, ON_OFF_AUTO_AUTO),
    DEFINE_PROP_BOOL("fwb", SmmuState, fwb, false),
    DEFINE_PROP_BOOL("msi", SmmuState, msi, false),
    DEFINE_PROP_BOOL("hyp", SmmuState, hyp, false),
    DEFINE_PROP_BOOL("attr-perms-ovr", SmmuState, attr_perms_ovr, false),
    DEFINE_PROP_BOOL("atos", SmmuState, atos, false),
    DEFINE_PROP_UINT8("iotlb-bits", SmmuState, iotlb_bits, 16),
};

/* As qdev's own properties: what the unit was made of does not change. */
static bool smmu_may_set(Object *obj, const char *name, Error **errp)
{
    if (DEVICE(obj)->realized) {
        error_setg(errp, "Attempt to set property '%s' on device of type "
                   "'%s' after it was realized", name, TYPE_VIOMMU_SMMUV3);
        return false;
    }
    return true;
}

static void smmu_set_stage(Object *obj, const char *value, Error **errp)
{
    SmmuState *s = VIOMMU_SMMUV3(obj);

    if (smmu_may_set(obj, "stage", errp)) {
        g_free(s->stage);
        s->stage = g_strdup(value);
    }
}

static char *smmu_get_stage(Object *obj, Error **errp)
{
    return g_strdup(smmu_stage(VIOMMU_SMMUV3(obj)));
}

/* A number of bits, or "auto", which is the default. */
static void smmu_set_bits(Object *obj, const char *name, const char *value,
                          uint8_t by_default, uint8_t *bits, Error **errp)
{
    unsigned number = by_default;

    if (!smmu_may_set(obj, name, errp)) {
        return;
    }
    if (strcmp(value, "auto") &&
        (qemu_strtoui(value, NULL, 0, &number) < 0 || number > UINT8_MAX)) {
        error_setg(errp, "%s=%s: a number of bits, or auto, is needed", name,
                   value);
        return;
    }
    *bits = number;
}

static void smmu_set_oas(Object *obj, const char *value, Error **errp)
{
    smmu_set_bits(obj, "oas", value, SMMU_OAS_DEFAULT,
                  &VIOMMU_SMMUV3(obj)->oas_bits, errp);
}

static char *smmu_get_oas(Object *obj, Error **errp)
{
    return g_strdup_printf("%u", VIOMMU_SMMUV3(obj)->oas_bits);
}

static void smmu_set_ssidsize(Object *obj, const char *value, Error **errp)
{
    smmu_set_bits(obj, "ssidsize", value, 0, &VIOMMU_SMMUV3(obj)->ssid_bits,
                  errp);
}

static char *smmu_get_ssidsize(Object *obj, Error **errp)
{
    return g_strdup_printf("%u", VIOMMU_SMMUV3(obj)->ssid_bits);
}

static void smmu_init(Object *obj)
{
    VIOMMU_SMMUV3(obj)->oas_bits = SMMU_OAS_DEFAULT;
}

static void smmu_finalize(Object *obj)
{
    g_free(VIOMMU_SMMUV3(obj)->stage);
}

static void smmu_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = smmu_realize;
    dc->vmsd = &smmu_vmstate;
    device_class_set_props(dc, smmu_properties);
    object_class_property_add_str(klass, "stage", smmu_get_stage,
                                  smmu_set_stage);
    object_class_property_set_description(klass, "stage",
                                          "1, 2 or nested");
    object_class_property_add_str(klass, "oas", smmu_get_oas, smmu_set_oas);
    object_class_property_set_description(klass, "oas",
                                          "bits of output addresses, or auto "
                                          "(44)");
    object_class_property_add_str(klass, "ssidsize", smmu_get_ssidsize,
                                  smmu_set_ssidsize);
    object_class_property_set_description(klass, "ssidsize",
                                          "bits of SubstreamIDs, or auto (0, "
                                          "none)");
    RESETTABLE_CLASS(klass)->phases.exit = smmu_reset_exit;
    dc->desc = "Arm SMMUv3";
    dc->hotpluggable = false;
    /* where the machine has room for it */
    dc->user_creatable = true;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo smmu_info = {
    .name = TYPE_VIOMMU_SMMUV3,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(SmmuState),
    .instance_init = smmu_init,
    .instance_finalize = smmu_finalize,
    .class_init = smmu_class_init,
};

static void smmu_register_types(void)
{
    type_register_static(&smmu_info);
}

type_init(smmu_register_types)
