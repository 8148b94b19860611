/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: the device "arm-smmuv3", its properties and registers, and
 * what its unit asks of QEMU.
 */
#include "qemu/osdep.h"
#include "arm_smmuv3.h"
#include "endpoint.h"
#include "ram.h"
#include "sink.h"
#include "exec/address-spaces.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/module.h"

/* --- Events from the unit ------------------------------------------------ */

static void smmu_deliver_msi(const ViommuMsi *msi)
{
    viommu_sink_record(VIOMMU_SINK_UNIT, msi);
    address_space_stl_le(&address_space_memory, msi->addr, msi->data,
                         MEMTXATTRS_UNSPECIFIED, NULL);
}

/* The interrupt controller takes the edge. */
static void smmu_pulse(SmmuState *s, unsigned line)
{
    const ViommuMsi msi = { .data = line };

    viommu_sink_record(VIOMMU_SINK_LINE, &msi);
    qemu_irq_pulse(s->irq[line]);
}

static const ViommuInvalidation smmu_everything = {
    .what = VIOMMU_INV_ALL, .source = VIOMMU_ANY, .domain = VIOMMU_ANY,
    .pasid = VIOMMU_NO_PASID,
};

static void smmu_events_bh(void *opaque)
{
    SmmuState *s = opaque;
    ViommuMsi msis[SMMU_EVENTS_MAX];
    unsigned count, lines;
    bool all_changed;

    qemu_mutex_lock(&s->lock);
    count = s->msi_count;
    memcpy(msis, s->msis, count * sizeof(msis[0]));
    lines = s->lines;
    all_changed = s->all_changed;
    s->msi_count = 0;
    s->lines = 0;
    s->all_changed = false;
    qemu_mutex_unlock(&s->lock);

    if (all_changed) {
        smmu_notify(s, &smmu_everything);
    }
    for (unsigned i = 0; i < count; i++) {
        smmu_deliver_msi(&msis[i]);
    }
    for (unsigned i = 0; i < VIOMMU_SMMUV3_LINES; i++) {
        if (lines & (1u << i)) {
            smmu_pulse(s, i);
        }
    }
}

static void smmu_run_bh(void *opaque)
{
    SmmuState *s = opaque;

    viommu_run(s->unit);
}

/* Any thread. */
static void smmu_send_msi(void *opaque, const ViommuMsi *msi)
{
    SmmuState *s = opaque;
    bool known = false;

    if (bql_locked()) {
        smmu_deliver_msi(msi);
        return;
    }
    qemu_mutex_lock(&s->lock);
    for (unsigned i = 0; i < s->msi_count && !known; i++) {
        known = s->msis[i].addr == msi->addr && s->msis[i].data == msi->data;
    }
    if (!known && s->msi_count < SMMU_EVENTS_MAX) {
        s->msis[s->msi_count++] = *msi;
    }
    qemu_mutex_unlock(&s->lock);
    qemu_bh_schedule(s->events);
}

/* Any thread.  The lines are pulsed: a falling edge tells nothing. */
static void smmu_set_line(void *opaque, unsigned line, bool level)
{
    SmmuState *s = opaque;

    if (!level) {
        return;
    }
    if (bql_locked()) {
        smmu_pulse(s, line);
        return;
    }
    qemu_mutex_lock(&s->lock);
    s->lines |= 1u << line;
    qemu_mutex_unlock(&s->lock);
    qemu_bh_schedule(s->events);
}

/* Any thread. */
static void smmu_invalidate(void *opaque, const ViommuInvalidation *inv)
{
    SmmuState *s = opaque;

    if (bql_locked()) {
        smmu_notify(s, inv);
        return;
    }
    qemu_mutex_lock(&s->lock);
    s->all_changed = true;
    qemu_mutex_unlock(&s->lock);
    qemu_bh_schedule(s->events);
}

static bool smmu_devtlb_invalidate(void *opaque,
                                   const ViommuInvalidation *inv)
{
    SmmuState *s = opaque;
    PCIDevice *dev = smmu_device(s, inv->source);
    ViommuTestdev *core = dev ? viommu_endpoint_core(dev) : NULL;

    smmu_invalidate(opaque, inv);
    if (!dev) {
        /* Nobody is there who would complete it. */
        return false;
    }
    return !core || viommu_testdev_invalidate(core, inv);
}

static void smmu_page_response(void *opaque,
                               const ViommuPageResponse *response)
{
    SmmuState *s = opaque;
    PCIDevice *dev = smmu_device(s, response->source);
    ViommuTestdev *core = dev ? viommu_endpoint_core(dev) : NULL;

    if (core) {
        viommu_testdev_page_response(core, response);
    }
}

static void smmu_stall_resume(void *opaque, uint32_t source, uint16_t tag,
                              ViommuResume action)
{
    SmmuState *s = opaque;
    PCIDevice *dev = smmu_device(s, source);
    ViommuTestdev *core = dev ? viommu_endpoint_core(dev) : NULL;

    if (core) {
        viommu_testdev_resume(core, tag, action);
    }
}

/* Any thread. */
static void smmu_run_later(void *opaque)
{
    SmmuState *s = opaque;

    qemu_bh_schedule(s->run);
}

static const ViommuOps smmu_ops = {
    .send_msi = smmu_send_msi,
    .set_line = smmu_set_line,
    .invalidate = smmu_invalidate,
    .devtlb_invalidate = smmu_devtlb_invalidate,
    .page_response = smmu_page_response,
    .stall_resume = smmu_stall_resume,
    .run_later = smmu_run_later,
    .ram_written = viommu_ram_written_to,
};

/* --- Registers ----------------------------------------------------------- */

static uint64_t smmu_register_read(void *opaque, hwaddr addr, unsigned size)
{
    SmmuState *s = opaque;

    return viommu_mmio_read(s->unit, addr, size);
}

static void smmu_register_write(void *opaque, hwaddr addr, uint64_t value,
                                unsigned size)
{
    SmmuState *s = opaque;

    viommu_mmio_write(s->unit, addr, value, size);
}

static const MemoryRegionOps smmu_register_ops = {
    .read = smmu_register_read,
    .write = smmu_register_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

/* --- The device ---------------------------------------------------------- */

static bool smmu_stages(SmmuState *s, ViommuSmmuv3Config *config,
                        Error **errp)
{
    const char *stage = s->stage ? s->stage : "1";
    bool nested = !strcmp(stage, "nested");

    config->stage1 = nested || !strcmp(stage, "1");
    config->stage2 = nested || !strcmp(stage, "2");
    if (!config->stage1 && !config->stage2) {
        error_setg(errp, "stage=%s: allowed are 1, 2 and nested", stage);
        return false;
    }
    return true;
}

static void smmu_realize(DeviceState *dev, Error **errp)
{
    SmmuState *s = VIOMMU_SMMUV3(dev);
    g_autoptr(GError) error = NULL;
    ViommuSmmuv3Config config;

    if (!s->primary_bus) {
        error_setg(errp, "arm-smmuv3: primary-bus is needed: the PCI bus "
                   "that it is in front of");
        return;
    }
    viommu_smmuv3_config_init(&config);
    if (!smmu_stages(s, &config, errp)) {
        return;
    }
    config.sid_bits = s->sid_bits;
    config.ssid_bits = s->ssid_bits;
    config.oas_bits = s->oas_bits;
    config.httu = s->httu;
    config.iotlb_bits = s->iotlb_bits;
    config.ats = s->ats;
    config.pri = s->pri;
    config.stall = s->stall;
    config.ril = s->ril;
    config.msi = s->msi;
    s->unit = viommu_smmuv3_new(&config, &smmu_ops, s, &error);
    if (!s->unit) {
        error_setg(errp, "%s", error->message);
        return;
    }
    qemu_mutex_init(&s->lock);
    s->events = qemu_bh_new(smmu_events_bh, s);
    s->run = qemu_bh_new(smmu_run_bh, s);
    memory_region_init_io(&s->registers, OBJECT(s), &smmu_register_ops, s,
                          "arm-smmuv3", viommu_mmio_size(s->unit));
    sysbus_init_mmio(SYS_BUS_DEVICE(dev), &s->registers);
    for (unsigned i = 0; i < VIOMMU_SMMUV3_LINES; i++) {
        sysbus_init_irq(SYS_BUS_DEVICE(dev), &s->irq[i]);
    }
    viommu_ram_follow(s->unit);
    smmu_spaces_init(s);
}

/* The last phase: endpoints stop their DMA in the ones before. */
static void smmu_reset_exit(Object *obj, ResetType type)
{
    SmmuState *s = VIOMMU_SMMUV3(obj);

    viommu_reset(s->unit);
    qemu_mutex_lock(&s->lock);
    s->msi_count = 0;
    s->lines = 0;
    qemu_mutex_unlock(&s->lock);
}

/* --- Migration: the library's stream as a block of bytes ----------------- */

#define SMMU_SAVED_MAX (1u << 20)

static int smmu_pre_save(void *opaque)
{
    SmmuState *s = opaque;
    size_t size;

    smmu_events_bh(s);
    g_free(s->saved);
    s->saved = g_bytes_unref_to_data(viommu_save(s->unit), &size);
    s->saved_size = size;
    return 0;
}

static int smmu_pre_load(void *opaque)
{
    SmmuState *s = opaque;

    g_clear_pointer(&s->saved, g_free);
    s->saved_size = 0;
    return 0;
}

static int smmu_post_save(void *opaque)
{
    return smmu_pre_load(opaque);
}

static int smmu_post_load(void *opaque, int version)
{
    SmmuState *s = opaque;
    g_autoptr(GError) error = NULL;
    bool ok = viommu_load(s->unit, s->saved, s->saved_size, &error);

    smmu_pre_load(s);
    if (!ok) {
        error_report("arm-smmuv3: %s", error->message);
        return -EINVAL;
    }
    smmu_run_later(s);
    return 0;
}

static bool smmu_saved_size_valid(void *opaque, int version)
{
    SmmuState *s = opaque;

    return s->saved_size <= SMMU_SAVED_MAX;
}

static const VMStateDescription smmu_vmstate = {
    /* not the stock model's name: the contents differ */
    .name = "viommu-smmuv3",
    .version_id = 1,
    .minimum_version_id = 1,
    .priority = MIG_PRI_IOMMU,
    .pre_save = smmu_pre_save,
    .post_save = smmu_post_save,
    .pre_load = smmu_pre_load,
    .post_load = smmu_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(saved_size, SmmuState),
        VMSTATE_VALIDATE("size of the unit's state", smmu_saved_size_valid),
        VMSTATE_VBUFFER_ALLOC_UINT32(saved, SmmuState, 0, NULL, saved_size),
        VMSTATE_END_OF_LIST()
    }
};

static const Property smmu_properties[] = {
    DEFINE_PROP_LINK("primary-bus", SmmuState, primary_bus, TYPE_PCI_BUS,
                     PCIBus *),
    /* beyond the stock model's */
    DEFINE_PROP_UINT8("sidsize", SmmuState, sid_bits, 16),
    DEFINE_PROP_UINT8("ssidsize", SmmuState, ssid_bits, 0),
    DEFINE_PROP_UINT8("oas", SmmuState, oas_bits, 44),
    DEFINE_PROP_BOOL("ats", SmmuState, ats, false),
    DEFINE_PROP_BOOL("pri", SmmuState, pri, false),
    DEFINE_PROP_BOOL("stall", SmmuState, stall, false),
    DEFINE_PROP_UINT8("httu", SmmuState, httu, 0),
    DEFINE_PROP_BOOL("ril", SmmuState, ril, true),
    DEFINE_PROP_BOOL("msi", SmmuState, msi, false),
    DEFINE_PROP_UINT8("iotlb-bits", SmmuState, iotlb_bits, 16),
};

/*
 * The machine itself asks for "nested" when it has made the device, which is
 * after -global has been looked at.  It is a default: the first word stays.
 */
static void smmu_set_stage(Object *obj, const char *value, Error **errp)
{
    SmmuState *s = VIOMMU_SMMUV3(obj);

    if (!s->stage) {
        s->stage = g_strdup(value);
    }
}

static char *smmu_get_stage(Object *obj, Error **errp)
{
    SmmuState *s = VIOMMU_SMMUV3(obj);

    return g_strdup(s->stage ? s->stage : "1");
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
    RESETTABLE_CLASS(klass)->phases.exit = smmu_reset_exit;
    dc->desc = "Arm SMMUv3";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo smmu_info = {
    .name = TYPE_VIOMMU_SMMUV3,
    .parent = TYPE_SYS_BUS_DEVICE,
    .instance_size = sizeof(SmmuState),
    .class_init = smmu_class_init,
};

static void smmu_register_types(void)
{
    type_register_static(&smmu_info);
}

type_init(smmu_register_types)
