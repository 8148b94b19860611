/* SPDX-License-Identifier: BSD-3-Clause */
/* ACPI tables: their sum, and what iasl reads in them. */
#ifndef TESTS_LIB_UNIT_IASL_H
#define TESTS_LIB_UNIT_IASL_H

#include <stdint.h>

#include <glib.h>

/** The sum of a table's bytes, which is 0 in a good one. */
uint8_t table_sum(const GByteArray *table);
/** iasl's listing of a table that it must take; NULL where there is no
 *  iasl. */
char *iasl_listing(const GByteArray *table);

#endif
