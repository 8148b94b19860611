/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * -device: the types, their properties, and what -device help shows.
 */
#include <stdio.h>
#include <string.h>

#include "hw/iommu/machine/bus.h"
#include "hw/iommu/machine/property.h"
#include "hw/iommu/machine/words.h"

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
    { "id", PROP_ID, OPTION(id), NULL },
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
    { "strict", PROP_BOOL, OPTION(vtd.strict),
      "refuse what guests in the wild do against the specification" },
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
    { "atos", PROP_BOOL, OPTION(smmu.atos),
      "translations that software asks for by registers" },
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
    { "id", PROP_ID, OPTION(id), NULL },
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
    { "id", PROP_ID, OPTION(id), NULL },
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
    { "id", PROP_ID, OPTION(id), NULL },
    { "multifunction", PROP_BOOL, OPTION(multifunction), NULL },
    { "nesting", PROP_ON_OFF_AUTO, OPTION(nesting),
      "the host walks the guest's tables" },
};

static const Property bridge_properties[] = {
    { "addr", PROP_ADDR, OPTION(devfn), "slot and function: SLOT[.FUNCTION]" },
    { "bus", PROP_STRING, OPTION(bus), "pcie.0 or a bridge's id" },
    { "chassis", PROP_UINT8, OPTION(ignored_number), "no effect" },
    { "id", PROP_ID, OPTION(id), "the name of its bus" },
    { "multifunction", PROP_BOOL, OPTION(multifunction), NULL },
    { "slot", PROP_UINT16, OPTION(ignored_number), "no effect" },
};

static const Property sink_properties[] = {
    { "id", PROP_ID, OPTION(id), NULL },
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
        const char *kind = property_kind_name(prop->kind);

        printf("  %s=<%s>%*s%s%s\n", prop->name, kind,
               prop->help ? (int)(24 - strlen(prop->name) - strlen(kind)) : 0,
               "",
               prop->help ? "- " : "", prop->help ? prop->help : "");
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

/* "TYPE.NAME=VALUE" as three words; false, when it is not. */
static bool split_global(const char *text, char *word[3], GError **error)
{
    const char *dot = strchr(text, '.');
    const char *equals = dot ? strchr(dot, '=') : NULL;

    if (!equals || dot == text || equals == dot + 1) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "expects TYPE.NAME=VALUE");
        return false;
    }
    word[0] = g_strndup(text, dot - text);
    word[1] = g_strndup(dot + 1, equals - (dot + 1));
    word[2] = g_strdup(equals + 1);
    return true;
}

static void free_words(char *word[3])
{
    for (unsigned i = 0; i < 3; i++) {
        g_free(word[i]);
    }
}

/* What it says of devices of @type. */
static bool apply_global(const DeviceType *type, DeviceOptions *device,
                         const char *text, GError **error)
{
    char *word[3];
    const Property *prop;
    bool ok;

    if (!split_global(text, word, error)) {
        return false;
    }
    prop = find_property(type, word[1]);
    ok = strcmp(word[0], type->name) ||
         (prop && property_set(device, prop, word[2], error));
    if (!ok && !prop) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "Property '%s.%s' not found", word[0], word[1]);
    }
    free_words(word);
    return ok;
}

static bool apply_globals(const DeviceType *type, DeviceOptions *device,
                          const GPtrArray *globals, GError **error)
{
    for (guint i = 0; globals && i < globals->len; i++) {
        const char *text = g_ptr_array_index(globals, i);

        if (!apply_global(type, device, text, error)) {
            g_prefix_error(error, "-global %s: ", text);
            return false;
        }
    }
    return true;
}

bool device_global_check(const char *text, GError **error)
{
    const DeviceType *type;
    g_autoptr(DeviceOptions) device = NULL;
    char *word[3];

    if (!split_global(text, word, error)) {
        return false;
    }
    type = find_type(word[0]);
    if (!type) {
        g_set_error(error, MACHINE_ERROR, MACHINE_ERROR_OPTION,
                    "there is no device type '%s' (-device help lists them)",
                    word[0]);
    }
    free_words(word);
    if (!type) {
        return false;
    }
    device = device_options_new(type->kind, text);
    return apply_global(type, device, text, error);
}

bool device_global_used(const char *text, const MachineOptions *options)
{
    g_autofree char *name = g_strndup(text, strcspn(text, "."));
    const DeviceType *type = find_type(name);

    if (type->kind == DEVICE_SMMUV3) {
        return options->smmu;
    }
    for (guint i = 0; i < options->devices->len; i++) {
        const DeviceOptions *device = g_ptr_array_index(options->devices, i);

        if (device->kind == type->kind) {
            return true;
        }
    }
    return false;
}

/* One "NAME=VALUE", or "NAME" for on; as in QEMU, the last of a name counts. */
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
    return property_set(device, prop, equals ? equals + 1 : "on", error)
               ? OPTIONS_RUN : OPTIONS_ERROR;
}

OptionsResult device_options_parse(const char *text, const GPtrArray *globals,
                                   DeviceOptions **device, GError **error)
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
    if (!apply_globals(type, made, globals, error)) {
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

DeviceOptions *device_options_builtin(const char *name,
                                      const GPtrArray *globals,
                                      GError **error)
{
    const DeviceType *type = find_type(name);
    DeviceOptions *device = device_options_new(type->kind, name);

    if (!apply_globals(type, device, globals, error)) {
        g_clear_pointer(&device, device_options_free);
    }
    return device;
}
