/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "hw/iommu/firmware/acpi.h"

/* Places in the header. */
#define HEADER_LENGTH   4
#define HEADER_CHECKSUM 9

bool acpi_fail(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_propagate_error(error, g_error_new_valist(VIOMMU_ERROR,
                                                VIOMMU_ERROR_CONFIG, format,
                                                args));
    va_end(args);
    return false;
}

bool acpi_check_text(const char *field, const char *text, size_t max,
                     GError **error)
{
    size_t length = text ? strlen(text) : 0;

    for (size_t i = 0; i < length; i++) {
        if (!g_ascii_isprint(text[i])) {
            return acpi_fail(error, "%s: character %zu (0x%02x) is not "
                             "printable ASCII", field, i, (uint8_t)text[i]);
        }
    }
    if (length > max) {
        return acpi_fail(error, "%s '%s': at most %zu characters fit", field,
                         text, max);
    }
    return true;
}

bool acpi_check_header(const ViommuAcpiHeader *header, GError **error)
{
    return acpi_check_text("OEM ID", header->oem_id, ACPI_OEM_ID_SIZE,
                           error) &&
           acpi_check_text("OEM table ID", header->oem_table_id,
                           ACPI_OEM_TABLE_ID_SIZE, error) &&
           acpi_check_text("creator ID", header->creator_id,
                           ACPI_CREATOR_ID_SIZE, error);
}

void acpi_put(GByteArray *out, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    for (unsigned i = 0; i < size; i++) {
        bytes[i] = value >> (8 * i);
    }
    g_byte_array_append(out, bytes, size);
}

void acpi_set(GByteArray *out, size_t at, uint32_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        out->data[at + i] = value >> (8 * i);
    }
}

/* @text, which fits, filled up with zero bytes. */
static void put_text(GByteArray *out, const char *text, unsigned size)
{
    uint8_t bytes[8] = { 0 };

    if (text) {
        memcpy(bytes, text, strlen(text));
    }
    g_byte_array_append(out, bytes, size);
}

void acpi_begin(GByteArray *out, const char *signature, unsigned revision,
                const ViommuAcpiHeader *header)
{
    put_text(out, signature, 4);
    acpi_put(out, 0, 4);
    acpi_put(out, revision, 1);
    acpi_put(out, 0, 1);
    put_text(out, header->oem_id, ACPI_OEM_ID_SIZE);
    put_text(out, header->oem_table_id, ACPI_OEM_TABLE_ID_SIZE);
    acpi_put(out, header->oem_revision, 4);
    put_text(out, header->creator_id, ACPI_CREATOR_ID_SIZE);
    acpi_put(out, header->creator_revision, 4);
}

/* All bytes add up to 0. */
void acpi_end(GByteArray *out)
{
    uint8_t sum = 0;

    acpi_set(out, HEADER_LENGTH, out->len, 4);
    for (unsigned i = 0; i < out->len; i++) {
        sum += out->data[i];
    }
    out->data[HEADER_CHECKSUM] = -sum;
}
