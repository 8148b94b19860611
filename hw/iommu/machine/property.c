/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "hw/iommu/machine/bus.h"
#include "hw/iommu/machine/property.h"
#include "hw/iommu/machine/words.h"

const char *property_kind_name(PropertyKind kind)
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

static bool is_id(const char *text)
{
    return g_ascii_isalpha(*text) &&
           !text[strspn(text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
                        "-._")];
}

static bool set_string(DeviceOptions *device, const Property *prop,
                       const char *value, GError **error)
{
    const char *allowed = NULL;
    unsigned slot;
    int fn;

    switch (prop->kind) {
    case PROP_STRING:
    case PROP_ID: {
        char **field = (char **)((char *)device + prop->offset);

        if (prop->kind == PROP_ID && !is_id(value)) {
            allowed = "a letter, then letters, digits, '-', '.' and '_'";
        } else if (!*value) {
            allowed = "something";
        } else {
            g_free(*field);
            *field = g_strdup(value);
        }
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

bool property_set(DeviceOptions *device, const Property *prop,
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
