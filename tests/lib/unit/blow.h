/* SPDX-License-Identifier: BSD-3-Clause */
/* What a unit meets in the middle of something: a reset, or a load. */
#ifndef TESTS_LIB_UNIT_BLOW_H
#define TESTS_LIB_UNIT_BLOW_H

#include "fixture.h"
#include "stream.h"

typedef enum Fate { RESET, LOAD, FATES } Fate;

typedef struct Blow {
    Fate fate;
    TestStream stream;      /* with LOAD */
    unsigned struck;
} Blow;

void blow_strike(Blow *blow, Viommu *unit);
/** Fixture.drained: "no", "yes", and a blow (outside_opaque) and "yes". */
bool blow_never(Fixture *f);
bool blow_always(Fixture *f);
bool blow_when_asked(Fixture *f);
/** Fixture.devtlb: a blow, and no answer. */
bool blow_in_endpoint(Fixture *f, const ViommuInvalidation *inv);
/** viommu_reset() on another thread, as far as it comes while the caller is in a
 *  section: the register at @offset was not 0, and is.  To be joined outside of
 *  sections. */
GThread *blow_reset_begin(Viommu *unit, uint64_t offset);

/** Add a test of each fate, which it gets as a pointer. */
typedef void BlowTest(gconstpointer fate);
void blow_add(const char *group, const char *name, BlowTest *test);

#endif
