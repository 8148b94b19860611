/* SPDX-License-Identifier: BSD-3-Clause */
/* Reserved regions as users write them. */
#include <errno.h>
#include <string.h>

#include "hw/iommu/firmware/dmar.h"

static void region_free(void *data)
{
    ViommuReservedRegion *region = data;

    for (size_t i = 0; i < region->n_devices; i++) {
        g_free(region->devices[i].id);
    }
    g_free(region->devices);
    g_free(region);
}

/* A number in C's notation, up to @stop. */
static bool parse_number(const char **at, char stop, uint64_t *value)
{
    char *end;

    /* no sign, no space: those would pass g_ascii_strtoull() */
    if (!g_ascii_isdigit(**at)) {
        return false;
    }
    errno = 0;
    *value = g_ascii_strtoull(*at, &end, 0);
    if (errno || *end != stop) {
        return false;
    }
    *at = end + 1;
    return true;
}

/* One or two hexadecimal digits, at most @max, before @stop. */
static bool parse_hex(const char **at, char stop, unsigned max,
                      unsigned *value)
{
    const char *from = *at;

    *value = 0;
    while (g_ascii_isxdigit(**at) && *at - from < 2) {
        *value = *value << 4 | g_ascii_xdigit_value(*(*at)++);
    }
    if (*at == from || **at != stop || *value > max) {
        return false;
    }
    *at += stop != 0;
    return true;
}

/* An address has colons, a name has none. */
static bool parse_device(const char *text, ViommuReservedDevice *device)
{
    const char *at = text;
    unsigned bus, slot, function;

    if (!strchr(text, ':')) {
        device->id = g_strdup(text);
        return *text != 0;
    }
    if (!parse_hex(&at, ':', 0xff, &bus) ||
        !parse_hex(&at, '.', 0x1f, &slot) ||
        !parse_hex(&at, 0, 7, &function)) {
        return false;
    }
    device->bus = bus;
    device->devfn = slot << 3 | function;
    return true;
}

static bool parse_devices(const char *text, ViommuReservedRegion *region,
                          GError **error)
{
    g_auto(GStrv) names = g_strsplit(text, "+", -1);
    size_t n = g_strv_length(names);

    region->devices = g_new0(ViommuReservedDevice, n);
    region->n_devices = n;
    for (size_t i = 0; i < n; i++) {
        if (!parse_device(names[i], &region->devices[i])) {
            return acpi_fail(error, "'%s' is no device, neither its address "
                             "(BB:DD.F, hexadecimal) nor its name", names[i]);
        }
    }
    return n || acpi_fail(error, "a device is missing behind '@'");
}

static bool parse_region(const char *text, ViommuReservedRegion *region,
                         GError **error)
{
    const char *at = text;

    if (!parse_number(&at, '-', &region->base) ||
        !parse_number(&at, '@', &region->limit)) {
        return acpi_fail(error, "expects BASE-LIMIT@DEVICE[+DEVICE...]");
    }
    return dmar_check_region(region->base, region->limit, error) &&
           parse_devices(at, region, error);
}

GPtrArray *viommu_reserved_regions_parse(const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ";", -1);
    GPtrArray *regions = g_ptr_array_new_with_free_func(region_free);

    for (size_t i = 0; parts[i]; i++) {
        ViommuReservedRegion *region = g_new0(ViommuReservedRegion, 1);

        g_ptr_array_add(regions, region);
        if (!parse_region(parts[i], region, error)) {
            g_prefix_error(error, "reserved region '%s': ", parts[i]);
            g_ptr_array_unref(regions);
            return NULL;
        }
    }
    return regions;
}
