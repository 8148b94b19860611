/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ACPI tables that a machine has for its options: QEMU's through its firmware
 * configuration device, viommu-machine's through dump-dmar and dump-iort.
 */
#ifndef TESTS_QTEST_ACPI_H
#define TESTS_QTEST_ACPI_H

#include "tests/lib/qtest.h"

/** A little-endian number of @size bytes. */
uint64_t acpi_get(const uint8_t *at, unsigned size);

/**
 * The table with this signature, "DMAR" or "IORT", of `-machine @machine
 * @options`; its checksum is right.  For g_byte_array_unref().
 */
GByteArray *acpi_table(const char *signature, const char *machine,
                       const char *options);

/** The same of a QEMU that runs. */
GByteArray *acpi_table_of(QTest *q, const char *signature, bool virt);
/** All of them, as QEMU hands them to firmware, which fills sums in. */
GByteArray *acpi_tables_of(QTest *q, bool virt);

#endif
