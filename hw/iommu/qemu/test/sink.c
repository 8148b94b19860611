/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * viommu in QEMU: "viommu-sink".  It records the messages that a unit sends
 * or remaps.  Under `-accel qtest`, where no processor needs the local APIC's
 * registers, it also stands in for the APIC and records all messages that
 * reach system memory untranslated.
 */
#include "qemu/osdep.h"
#include "hw/viommu/test/sink.h"
#include "exec/address-spaces.h"
#include "exec/memory.h"
#include "hw/qdev-core.h"
#include "qapi/error.h"
#include "qom/object.h"
#include "system/qtest.h"
#include "system/reset.h"

OBJECT_DECLARE_SIMPLE_TYPE(ViommuSinkState, VIOMMU_SINK)

#define SINK_MESSAGES_BASE 0xfee00000
#define SINK_MESSAGES_SIZE 0x100000
/* Above the local APIC's window. */
#define SINK_PRIORITY 0x2000

struct ViommuSinkState {
    DeviceState parent;
    ViommuSink *sink;
    MemoryRegion window;
    MemoryRegion messages;
};

/* There is at most one, and units do not know it. */
static ViommuSink *viommu_sink;

void viommu_sink_record(uint32_t source, const ViommuMsi *msi)
{
    if (viommu_sink) {
        viommu_sink_push(viommu_sink, source, msi);
    }
}

static uint64_t sink_read(void *opaque, hwaddr addr, unsigned size)
{
    ViommuSinkState *s = opaque;

    return viommu_sink_read(s->sink, addr, size);
}

static void sink_write(void *opaque, hwaddr addr, uint64_t value,
                       unsigned size)
{
    ViommuSinkState *s = opaque;

    viommu_sink_write(s->sink, addr, value, size);
}

static const MemoryRegionOps sink_ops = {
    .read = sink_read,
    .write = sink_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
    .impl = { .min_access_size = 1, .max_access_size = 8, .unaligned = true },
};

static MemTxResult sink_message_read(void *opaque, hwaddr addr,
                                     uint64_t *value, unsigned size,
                                     MemTxAttrs attrs)
{
    *value = 0;
    return MEMTX_ERROR;
}

static MemTxResult sink_message_write(void *opaque, hwaddr addr,
                                      uint64_t value, unsigned size,
                                      MemTxAttrs attrs)
{
    ViommuMsi msi = { .addr = SINK_MESSAGES_BASE + addr, .data = value };

    viommu_sink_record(attrs.unspecified ? 0 : attrs.requester_id, &msi);
    return MEMTX_OK;
}

static const MemoryRegionOps sink_message_ops = {
    .read_with_attrs = sink_message_read,
    .write_with_attrs = sink_message_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 4 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

/* The last phase: devices that are being reset may still send. */
static void sink_reset_exit(Object *obj, ResetType type)
{
    ViommuSinkState *s = VIOMMU_SINK(obj);

    viommu_sink_reset(s->sink);
}

static void sink_realize(DeviceState *dev, Error **errp)
{
    ViommuSinkState *s = VIOMMU_SINK(dev);

    if (viommu_sink) {
        error_setg(errp, "viommu-sink: there can be only one");
        return;
    }
    s->sink = viommu_sink_new();
    viommu_sink = s->sink;
    memory_region_init_io(&s->window, OBJECT(s), &sink_ops, s, "viommu-sink",
                          VIOMMU_SINK_SIZE);
    memory_region_add_subregion(get_system_memory(), VIOMMU_SINK_BASE,
                                &s->window);
    if (qtest_enabled()) {
        memory_region_init_io(&s->messages, OBJECT(s), &sink_message_ops, s,
                              "viommu-sink-messages", SINK_MESSAGES_SIZE);
        s->messages.disable_reentrancy_guard = true;
        memory_region_add_subregion_overlap(get_system_memory(),
                                            SINK_MESSAGES_BASE, &s->messages,
                                            SINK_PRIORITY);
    }
    qemu_register_resettable(OBJECT(s));
}

static void sink_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    RESETTABLE_CLASS(klass)->phases.exit = sink_reset_exit;
    dc->realize = sink_realize;
    dc->hotpluggable = false;
    dc->desc = "viommu: interrupt messages for tests to read";
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static const TypeInfo sink_info = {
    .name = TYPE_VIOMMU_SINK,
    .parent = TYPE_DEVICE,
    .instance_size = sizeof(ViommuSinkState),
    .class_init = sink_class_init,
};

static void sink_register_types(void)
{
    type_register_static(&sink_info);
}

type_init(sink_register_types)
