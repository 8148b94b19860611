/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * -device: the types, their properties, and what -device help shows.
 */
#include <stdio.h>
#include <string.h>

#include "hw/iommu/machine/bus.h"
#include "hw/iommu/machine/options.h"

typedef enum PropertyKind {
    PROP_BOOL,
    PROP_ON_OFF_AUTO,
    PROP_UINT8,
    PROP_UINT16,
    PROP_UINT32,
    /* or "auto", which leaves the default */
    PROP_BOOL_OR_AUTO,
    PROP_UINT8_OR_AUTO,
    PROP_STRING,
    /* SLOT[.FUNCTION], hexadecimal */
    PROP_ADDR,
    /* ADDR[:ADDR...] */
    PROP_SCOPE,
} PropertyKind;

typedef struct Property {
    const char *name;
    PropertyKind kind;
    size_t offset;
    const char *help;
} Property;

typedef struct DeviceType {
    const char *name;
    DeviceKind kind;
    const char *bus;
    const char *help;
    const Property *properties;
    size_t n_properties;
} DeviceType;

#define OPTION(member) offsetof(DeviceOptions, member)

static const Property vtd_properties[] = {
    { "abort-dma", PROP_BOOL, OPTION(vtd.abort_dma),
      "a root table mode that blocks all DMA" },
    { "aw-bits", PROP_UINT8, OPTION(vtd.aw_bits),
      "address width of the second stage: 39, 48 or 57" },
    { "atc-required", PROP_BOOL, OPTION(atc_required),
      "integrated endpoints need their device-TLB (firmware table)" },
    { "caching-mode", PROP_BOOL, OPTION(vtd.caching_mode), NULL },
    { "coherent", PROP_BOOL, OPTION(vtd.coherent),
      "announce that walks see what processors have written" },
    { "device-iotlb", PROP_BOOL, OPTION(vtd.device_iotlb), NULL },
    { "dirty-tracking", PROP_BOOL, OPTION(vtd.dirty_tracking),
      "accessed and dirty bits of the second stage" },
    { "dma-control-opt-in", PROP_BOOL, OPTION(dma_control_opt_in),
      "no DMA outside of reserved regions (firmware table)" },
    { "dma-drain", PROP_BOOL, OPTION(vtd.dma_drain), NULL },
    { "dma-translation", PROP_BOOL, OPTION(vtd.dma_translation), NULL },
    { "eim", PROP_ON_OFF_AUTO, OPTION(eim), "x2APIC destinations" },
    { "esrtps", PROP_BOOL, OPTION(vtd.enhanced_set_pointer), NULL },
    { "fault-records", PROP_UINT16, OPTION(vtd.fault_records),
      "fault recording registers: 1 .. 256" },
    { "extended-access", PROP_BOOL, OPTION(vtd.extended_access),
      "extended-accessed bits of the first stage" },
    { "fs1gp", PROP_BOOL, OPTION(vtd.fs1gp),
      "1 GiB pages of the first stage" },
    { "fsts", PROP_BOOL, OPTION(vtd.first_stage), "first stage" },
    { "haw-bits", PROP_UINT8, OPTION(vtd.haw_bits), "host address width" },
    { "id", PROP_STRING, OPTION(id), NULL },
    { "intremap", PROP_ON_OFF_AUTO, OPTION(intremap), NULL },
    { "iotlb-bits", PROP_UINT8, OPTION(vtd.iotlb_bits),
      "log2 of the size of the translation cache" },
    { "memory-types", PROP_BOOL, OPTION(vtd.memory_types),
      "memory types of PASID entries, without effect" },
    { "nested", PROP_BOOL, OPTION(vtd.nested), "both stages, nested" },
    { "pasid-bits", PROP_UINT8, OPTION(vtd.pasid_bits),
      "bits of PASIDs: 1 .. 20; 0 for none" },
    { "pmr", PROP_BOOL, OPTION(vtd.protected_memory), NULL },
    { "posted-interrupts", PROP_BOOL, OPTION(vtd.posted_interrupts), NULL },
    { "pri", PROP_BOOL, OPTION(vtd.page_requests), "page requests" },
    { "pt", PROP_BOOL, OPTION(vtd.pass_through), NULL },
    { "rid-pasid", PROP_BOOL, OPTION(vtd.rid_pasid),
      "a PASID for requests without one" },
    { "rid-priv", PROP_BOOL, OPTION(vtd.rid_priv),
      "privileged requests without PASID" },
    { "reserved-regions", PROP_STRING, OPTION(reserved_regions),
      "BASE-LIMIT@DEVICE[+DEVICE...][;...] (firmware table)" },
    { "satc", PROP_BOOL, OPTION(satc),
      "integrated endpoints with a device-TLB (firmware table)" },
    { "scalable-mode", PROP_BOOL, OPTION(vtd.scalable_mode),
      "scalable mode" },
    { "scope", PROP_SCOPE, 0, "functions behind the unit: ADDR[:ADDR...]" },
    { "snoop-control", PROP_BOOL, OPTION(vtd.snoop_control), NULL },
    { "stale-tm", PROP_BOOL, OPTION(vtd.stale_tm), NULL },
    { "svm", PROP_BOOL, OPTION(svm),
      "shared virtual memory: pri, and PASIDs of 20 bits" },
    { "version", PROP_UINT32, OPTION(ignored_number), "no effect" },
    { "virtual-commands", PROP_BOOL, OPTION(vtd.virtual_commands),
      "PASIDs from the unit's allocator" },
    { "x2apic-opt-out", PROP_BOOL, OPTION(x2apic_opt_out),
      "no x2APIC, please (firmware table)" },
    { "x-buggy-eim", PROP_BOOL, OPTION(buggy_eim), NULL },
    { "x-flts", PROP_BOOL, OPTION(vtd.first_stage), "first stage" },
    { "x-pasid-mode", PROP_BOOL, OPTION(pasid_mode), "PASIDs of 20 bits" },
    { "x-scalable-mode", PROP_BOOL, OPTION(vtd.scalable_mode),
      "scalable mode" },
};

static const Property smmu_properties[] = {
    { "accel", PROP_BOOL, OPTION(accel), "must be off" },
    { "ats", PROP_BOOL_OR_AUTO, OPTION(smmu.ats), "requests of device-TLBs" },
    { "attr-perms-ovr", PROP_BOOL, OPTION(smmu.attr_perms_ovr),
      "stream table entries override privilege and instruction" },
    { "bbml", PROP_UINT8, OPTION(smmu.bbml),
      "block sizes change without a break: level 0 .. 2" },
    { "fwb", PROP_BOOL, OPTION(smmu.fwb), "memory types by stage 2" },
    { "httu", PROP_UINT8, OPTION(smmu.httu),
      "flags that hardware updates: 0 none, 1 access, 2 and dirty" },
    { "hyp", PROP_BOOL, OPTION(smmu.hyp), "EL2's translation regimes" },
    { "iotlb-bits", PROP_UINT8, OPTION(smmu.iotlb_bits),
      "log2 of the size of the translation cache" },
    { "msi", PROP_BOOL, OPTION(smmu.msi), "interrupts as messages" },
    { "oas", PROP_UINT8_OR_AUTO, OPTION(smmu.oas_bits),
      "bits of output addresses" },
    { "pri", PROP_BOOL, OPTION(smmu.pri), "page requests" },
    { "ril", PROP_BOOL_OR_AUTO, OPTION(smmu.ril), "invalidation of ranges" },
    { "sidsize", PROP_UINT8, OPTION(smmu.sid_bits), "bits of StreamIDs" },
    { "ssidsize", PROP_UINT8_OR_AUTO, OPTION(smmu.ssid_bits),
      "bits of SubstreamIDs: 1 .. 20; 0 for none" },
    { "stage", PROP_STRING, OPTION(stage), "1, 2 or nested" },
    { "stall", PROP_BOOL, OPTION(smmu.stall),
      "transactions that wait for software" },
};

static const Property testdev_properties[] = {
    { "addr", PROP_ADDR, OPTION(devfn), "slot and function: SLOT[.FUNCTION]" },
    { "ats", PROP_BOOL, OPTION(testdev.ats), "a device-TLB" },
    { "bus", PROP_STRING, OPTION(bus), "pcie.0 or a bridge's id" },
    { "id", PROP_STRING, OPTION(id), NULL },
    { "multifunction", PROP_BOOL, OPTION(multifunction), NULL },
    { "pasid-bits", PROP_UINT8, OPTION(testdev.pasid_bits),
      "bits of PASIDs: 1 .. 20; 0 for none" },
    { "pri", PROP_BOOL, OPTION(testdev.pri), "page requests" },
};

static const Property host_testdev_properties[] = {
    { "addr", PROP_ADDR, OPTION(devfn), "slot and function: SLOT[.FUNCTION]" },
    { "ats", PROP_BOOL, OPTION(testdev.ats), "a device-TLB" },
    { "backend", PROP_STRING, OPTION(backend),
      "hostsim (iommufd), or type1 (VFIO with the vSVA API)" },
    { "bus", PROP_STRING, OPTION(bus), "pcie.0" },
    { "fail", PROP_STRING, OPTION(fail),
      "CALL[:REQUEST]:ERROR:AFTER:TIMES, a call of the host that fails" },
    { "id", PROP_STRING, OPTION(id), NULL },
    { "multifunction", PROP_BOOL, OPTION(multifunction), NULL },
    { "nesting", PROP_ON_OFF_AUTO, OPTION(nesting),
      "the host walks the guest's tables" },
    { "pasid-bits", PROP_UINT8, OPTION(testdev.pasid_bits),
      "bits of PASIDs: 1 .. 20; 0 for none" },
    { "pri", PROP_BOOL, OPTION(testdev.pri), "page requests" },
    { "stall", PROP_BOOL, OPTION(stalls),
      "DMA that waits for software (SMMUv3)" },
};

static const Property vfio_properties[] = {
    { "addr", PROP_ADDR, OPTION(devfn), "slot and function: SLOT[.FUNCTION]" },
    { "backend", PROP_STRING, OPTION(backend),
      "iommufd, or type1 (the device's group in a container)" },
    { "bus", PROP_STRING, OPTION(bus), "pcie.0" },
    { "host", PROP_STRING, OPTION(host), "DDDD:BB:DD.F" },
    { "id", PROP_STRING, OPTION(id), NULL },
    { "multifunction", PROP_BOOL, OPTION(multifunction), NULL },
    { "nesting", PROP_ON_OFF_AUTO, OPTION(nesting),
      "the host walks the guest's tables" },
};

static const Property bridge_properties[] = {
    { "addr", PROP_ADDR, OPTION(devfn), "slot and function: SLOT[.FUNCTION]" },
    { "bus", PROP_STRING, OPTION(bus), "pcie.0 or a bridge's id" },
    { "chassis", PROP_UINT8, OPTION(ignored_number), "no effect" },
    { "id", PROP_STRING, OPTION(id), "the name of its bus" },
    { "multifunction", PROP_BOOL, OPTION(multifunction), NULL },
    { "slot", PROP_UINT16, OPTION(ignored_number), "no effect" },
};

static const Property sink_properties[] = {
    { "id", PROP_STRING, OPTION(id), NULL },
};

static const DeviceType device_types[] = {
    { "arm-smmuv3", DEVICE_SMMUV3, "System",
      "Arm SMMUv3 (made by -machine virt,iommu=smmuv3)",
      smmu_properties, G_N_ELEMENTS(smmu_properties) },
    { "host-testdev", DEVICE_HOST_TESTDEV, "PCI",
      "viommu-testdev of a simulated host, passed through",
      host_testdev_properties, G_N_ELEMENTS(host_testdev_properties) },
    { "intel-iommu", DEVICE_VTD, "System",
      "Intel VT-d remapping unit",
      vtd_properties, G_N_ELEMENTS(vtd_properties) },
    { "pcie-pci-bridge", DEVICE_PCI_BRIDGE, "PCI",
      "PCI Express to PCI bridge",
      bridge_properties, G_N_ELEMENTS(bridge_properties) },
    { "pcie-root-port", DEVICE_ROOT_PORT, "PCI", "PCI Express root port",
      bridge_properties, G_N_ELEMENTS(bridge_properties) },
    { "vfio-pci", DEVICE_VFIO_PCI, "PCI",
      "PCI device of this host, passed through (VFIO, iommufd)",
      vfio_properties, G_N_ELEMENTS(vfio_properties) },
    { "viommu-sink", DEVICE_SINK, "System",
      "Interrupt messages, readable (always present)",
      sink_properties, G_N_ELEMENTS(sink_properties) },
    { "viommu-testdev", DEVICE_TESTDEV, "PCI",
      "PCI Express endpoint for testing IOMMUs",
      testdev_properties, G_N_ELEMENTS(testdev_properties) },
};

static const char *kind_name(PropertyKind kind)
{
    switch (kind) {
    case PROP_BOOL:
    case PROP_BOOL_OR_AUTO:
        return "bool";
    case PROP_ON_OFF_AUTO:
        return "OnOffAuto";
    case PROP_UINT8:
    case PROP_UINT8_OR_AUTO:
        return "uint8";
    case PROP_UINT16:
        return "uint16";
    case PROP_UINT32:
        return "uint32";
    default:
        return "str";
    }
}

static void print_types(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(device_types); i++) {
        const DeviceType *type = &device_types[i];

        printf("name \"%s\", bus %s, desc \"%s\"\n", type->name, type->bus,
               type->help);
    }
}

static void print_properties(const DeviceType *type)
{
    printf("%s options:\n", type->name);
    for (size_t i = 0; i < type->n_properties; i++) {
        const Property *prop = &type->properties[i];

        printf("  %s=<%s>%*s%s%s\n", prop->name, kind_name(prop->kind),
               prop->help ? (int)(24 - strlen(prop->name) -
                                  strlen(kind_name(prop->kind))) : 0, "",
               prop->help ? "- " : "", prop->help ? prop->help : "");
    }
}

/* "%x[.%x]": @fn is -1 when it is not given. */
static bool parse_addr(const char *text, unsigned *slot, int *fn)
{
    char *end;
    guint64 value;

    if (!g_ascii_isxdigit(*text)) {
        return false;
    }
    value = g_ascii_strtoull(text, &end, 16);
    if (value > 31) {
        return false;
    }
    *slot = value;
    *fn = -1;
    if (*end == '.') {
        if (end[1] < '0' || end[1] > '7' || end[2]) {
            return false;
        }
        *fn = end[1] - '0';
        return true;
    }
    return *end == 0;
}

static bool parse_scope(DeviceOptions *device, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 257);

    if (!parts[0]) {
        return false;
    }
    for (unsigned i = 0; parts[i]; i++) {
        unsigned slot;
        int fn;

        if (!parse_addr(parts[i], &slot, &fn)) {
            return false;
        }
        device->scope[slot] |= fn < 0 ? 0xff : 1u << fn;
    }
    device->has_scope = true;
    return true;
}

static bool set_number(DeviceOptions *device, const Property *prop,
                       const char *value, uint64_t max, GError **error)
{
    void *field = (char *)device + prop->offset;
    uint64_t number;

    if (!option_number(value, max, &number)) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "Property '%s' expects a number from 0 to %"
                    G_GUINT64_FORMAT ", not '%s'", prop->name, max, value);
        return false;
    }
    switch (prop->kind) {
    case PROP_UINT8:
    case PROP_UINT8_OR_AUTO:
        *(uint8_t *)field = number;
        break;
    case PROP_UINT16:
        *(uint16_t *)field = number;
        break;
    default:
        *(uint32_t *)field = number;
        break;
    }
    return true;
}

static bool set_bool(DeviceOptions *device, const Property *prop,
                     const char *value, GError **error)
{
    bool on;

    if (prop->kind == PROP_ON_OFF_AUTO && !strcmp(value, "auto")) {
        *(OnOffAuto *)((char *)device + prop->offset) = ON_OFF_AUTO_AUTO;
        return true;
    }
    if (!option_bool(value, &on)) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "Property '%s' expects 'on'%s or 'off', not '%s'",
                    prop->name,
                    prop->kind == PROP_ON_OFF_AUTO ? ", 'auto'" : "", value);
        return false;
    }
    if (prop->kind == PROP_ON_OFF_AUTO) {
        *(OnOffAuto *)((char *)device + prop->offset) =
            on ? ON_OFF_AUTO_ON : ON_OFF_AUTO_OFF;
    } else {
        *(bool *)((char *)device + prop->offset) = on;
    }
    return true;
}

static bool set_string(DeviceOptions *device, const Property *prop,
                       const char *value, GError **error)
{
    const char *allowed = NULL;
    unsigned slot;
    int fn;

    switch (prop->kind) {
    case PROP_STRING: {
        char **field = (char **)((char *)device + prop->offset);

        g_free(*field);
        *field = g_strdup(value);
        break;
    }
    case PROP_ADDR:
        if (parse_addr(value, &slot, &fn)) {
            *(int *)((char *)device + prop->offset) =
                slot << 3 | (fn < 0 ? 0 : fn);
        } else {
            allowed = "SLOT[.FUNCTION], hexadecimal, to 1f.7";
        }
        break;
    case PROP_SCOPE:
        if (!parse_scope(device, value)) {
            allowed = "SLOT[.FUNCTION][:SLOT[.FUNCTION]...], hexadecimal, "
                      "to 1f.7";
        }
        break;
    default:
        break;
    }
    if (allowed) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "Property '%s' expects %s, not '%s'", prop->name, allowed,
                    value);
        return false;
    }
    return true;
}

static bool set_property(DeviceOptions *device, const Property *prop,
                         const char *value, GError **error)
{
    bool is_auto = !strcmp(value, "auto");

    switch (prop->kind) {
    case PROP_BOOL_OR_AUTO:
        return is_auto || set_bool(device, prop, value, error);
    case PROP_UINT8_OR_AUTO:
        return is_auto || set_number(device, prop, value, UINT8_MAX, error);
    case PROP_BOOL:
    case PROP_ON_OFF_AUTO:
        return set_bool(device, prop, value, error);
    case PROP_UINT8:
        return set_number(device, prop, value, UINT8_MAX, error);
    case PROP_UINT16:
        return set_number(device, prop, value, UINT16_MAX, error);
    case PROP_UINT32:
        return set_number(device, prop, value, UINT32_MAX, error);
    default:
        return set_string(device, prop, value, error);
    }
}

static const Property *find_property(const DeviceType *type,
                                     const char *name)
{
    for (size_t i = 0; i < type->n_properties; i++) {
        if (!strcmp(type->properties[i].name, name)) {
            return &type->properties[i];
        }
    }
    return NULL;
}

static const DeviceType *find_type(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(device_types); i++) {
        if (!strcmp(device_types[i].name, name)) {
            return &device_types[i];
        }
    }
    return NULL;
}

static DeviceOptions *device_options_new(DeviceKind kind, const char *text)
{
    DeviceOptions *device = g_new0(DeviceOptions, 1);

    device->kind = kind;
    device->text = g_strdup(text);
    device->devfn = -1;
    viommu_vtd_config_init(&device->vtd);
    viommu_smmuv3_config_init(&device->smmu);
    return device;
}

void device_options_free(DeviceOptions *device)
{
    if (device) {
        g_free(device->text);
        g_free(device->id);
        g_free(device->bus);
        g_free(device->reserved_regions);
        g_free(device->stage);
        g_free(device->backend);
        g_free(device->fail);
        g_free(device->host);
        g_free(device);
    }
}

/* One "NAME=VALUE", or "NAME" for on. */
static OptionsResult parse_item(const DeviceType *type,
                                DeviceOptions *device, char *item,
                                GError **error)
{
    char *equals = strchr(item, '=');
    const Property *prop;

    if (!equals && (!strcmp(item, "help") || !strcmp(item, "?"))) {
        print_properties(type);
        return OPTIONS_DONE;
    }
    if (equals) {
        *equals = 0;
    }
    prop = find_property(type, item);
    if (!prop) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "Property '%s.%s' not found", type->name, item);
        return OPTIONS_ERROR;
    }
    return set_property(device, prop, equals ? equals + 1 : "on", error)
               ? OPTIONS_RUN : OPTIONS_ERROR;
}

OptionsResult device_options_parse(const char *text, DeviceOptions **device,
                                   GError **error)
{
    const char *rest = text;
    g_autofree char *first = option_next(&rest);
    const char *name = first ? first : "";
    const DeviceType *type;
    OptionsResult result = OPTIONS_RUN;
    DeviceOptions *made;
    char *item;

    if (g_str_has_prefix(name, "driver=")) {
        name += strlen("driver=");
    }
    if (!strcmp(name, "help") || !strcmp(name, "?")) {
        print_types();
        return OPTIONS_DONE;
    }
    type = find_type(name);
    if (!type) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "'%s' is not a valid device model name (-device help "
                    "lists them)", name);
        return OPTIONS_ERROR;
    }
    made = device_options_new(type->kind, text);
    if (type->kind == DEVICE_SMMUV3 && !g_str_has_prefix(rest, "help")) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "'%s' is part of -machine virt,iommu=smmuv3; its "
                    "properties are -global %s.NAME=VALUE", name, name);
        result = OPTIONS_ERROR;
    }
    while (result == OPTIONS_RUN && (item = option_next(&rest))) {
        result = parse_item(type, made, item, error);
        g_free(item);
    }
    if (result == OPTIONS_RUN) {
        *device = made;
    } else {
        device_options_free(made);
    }
    return result;
}

/* "TYPE.NAME=VALUE" */
static bool apply_global(const DeviceType *type, DeviceOptions *device,
                         const char *text, GError **error)
{
    g_autofree char *copy = g_strdup(text);
    char *dot = strchr(copy, '.');
    char *equals = dot ? strchr(dot, '=') : NULL;
    const Property *prop;

    if (!equals) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "expects TYPE.NAME=VALUE");
        return false;
    }
    *dot = 0;
    *equals = 0;
    prop = strcmp(copy, type->name) ? NULL : find_property(type, dot + 1);
    if (!prop) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "Property '%s.%s' not found (those of %s are known)",
                    copy, dot + 1, type->name);
        return false;
    }
    return set_property(device, prop, equals + 1, error);
}

DeviceOptions *device_options_builtin(const char *name,
                                      const GPtrArray *globals,
                                      GError **error)
{
    const DeviceType *type = find_type(name);
    DeviceOptions *device = device_options_new(type->kind, name);

    for (guint i = 0; i < globals->len; i++) {
        const char *text = g_ptr_array_index(globals, i);

        if (!apply_global(type, device, text, error)) {
            g_prefix_error(error, "-global %s: ", text);
            device_options_free(device);
            return NULL;
        }
    }
    return device;
}
