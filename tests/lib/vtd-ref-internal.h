/* SPDX-License-Identifier: BSD-3-Clause */
/* What the reference's files share. */
#ifndef TESTS_LIB_VTD_REF_INTERNAL_H
#define TESTS_LIB_VTD_REF_INTERNAL_H

#include "vtd-ref.h"
#include "vtd-spec.h"

/* Bits from @width up. */
static inline uint64_t vtd_ref_above(unsigned width)
{
    return width >= 64 ? 0 : ~UINT64_C(0) << width;
}

/* @n words, at most eight, from guest memory. */
bool vtd_ref_read(const VtdRef *ref, uint64_t addr, uint64_t *words,
                  unsigned n);
/* Second-stage entries [VTD 9.8], the same in both modes. */
bool vtd_ref_ss_is_leaf(uint64_t entry, unsigned level);
uint64_t vtd_ref_ss_reserved(const VtdRef *ref, uint64_t entry,
                             unsigned level);

#endif
