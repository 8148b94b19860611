/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of options: items of lists, and their values. */
#ifndef HW_IOMMU_MACHINE_WORDS_H
#define HW_IOMMU_MACHINE_WORDS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Take the next item of a comma-separated list off *@rest, in which two
 * commas stand for one.  Returns NULL at the end; free with g_free().
 */
char *option_next(const char **rest);

/* on, yes, true, y or off, no, false, n. */
bool option_bool(const char *text, bool *value);
/* A number in C's notation, not above @max. */
bool option_number(const char *text, uint64_t max, uint64_t *value);

#endif
