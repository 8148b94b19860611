/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A unit's saved state, whose words a test changes as somebody does who also
 * makes the digest anew.
 */
#ifndef TESTS_LIB_UNIT_STREAM_H
#define TESTS_LIB_UNIT_STREAM_H

#include <hw/iommu/viommu.h>

typedef struct TestStream {
    uint8_t *data;
    gsize size;
    gsize first;            /* where the words of the state begin */
    unsigned words;
} TestStream;

void test_stream_save(TestStream *s, Viommu *unit);
void test_stream_free(TestStream *s);
uint64_t test_stream_word(const TestStream *s, unsigned i);
void test_stream_set(TestStream *s, unsigned i, uint64_t value);
/** As version 1 was, which lacks @n words from number @at on. */
void test_stream_age(TestStream *s, unsigned at, unsigned n);
/** A stream that is refused has one line that says why, and leaves the unit as
 *  it was. */
bool test_stream_load(const TestStream *s, Viommu *unit);
/** The same for one that is taken. */
void test_stream_must_load(const TestStream *s, Viommu *unit);
/** Registers, for comparisons.  The caller frees it. */
char *test_dump(Viommu *unit);

#endif
