/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Properties of devices: what a value may be, and where it goes.
 */
#ifndef HW_IOMMU_MACHINE_PROPERTY_H
#define HW_IOMMU_MACHINE_PROPERTY_H

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
    /* a letter, then letters, digits and -._ */
    PROP_ID,
    /* SLOT[.FUNCTION], hexadecimal */
    PROP_ADDR,
    /* ADDR[:ADDR...] */
    PROP_SCOPE,
} PropertyKind;

typedef struct Property {
    const char *name;
    PropertyKind kind;
    size_t offset;          /* in DeviceOptions */
    const char *help;
} Property;

/* QEMU's name of the type. */
const char *property_kind_name(PropertyKind kind);
/* Put @value into @device.  An error names the property, the value and what is
 * allowed. */
bool property_set(DeviceOptions *device, const Property *prop,
                  const char *value, GError **error);

#endif
