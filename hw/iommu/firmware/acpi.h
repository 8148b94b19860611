/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What all ACPI tables share: bytes, header, checksum, and checks of text.
 */
#ifndef HW_IOMMU_FIRMWARE_ACPI_H
#define HW_IOMMU_FIRMWARE_ACPI_H

#include <hw/iommu/viommu-firmware.h>

/* Sizes of ACPI's text fields in bytes. */
#define ACPI_OEM_ID_SIZE       6
#define ACPI_OEM_TABLE_ID_SIZE 8
#define ACPI_CREATOR_ID_SIZE   4

/* Set *@error to VIOMMU_ERROR_CONFIG; returns false. */
G_GNUC_PRINTF(2, 3)
bool acpi_fail(GError **error, const char *format, ...);
/* At most @max characters that can be printed; NULL is none. */
bool acpi_check_text(const char *field, const char *text, size_t max,
                     GError **error);
/* Can @header be written? */
bool acpi_check_header(const ViommuAcpiHeader *header, GError **error);

/* Append @value in @size bytes, 1 .. 8. */
void acpi_put(GByteArray *out, uint64_t value, unsigned size);
/* Change what stands at @at. */
void acpi_set(GByteArray *out, size_t at, uint32_t value, unsigned size);

/* A table's header; acpi_end() fills in length and checksum. */
void acpi_begin(GByteArray *out, const char *signature, unsigned revision,
                const ViommuAcpiHeader *header);
void acpi_end(GByteArray *out);

#endif
