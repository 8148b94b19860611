/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of the reference have in common. */
#ifndef TESTS_LIB_SMMU_REF_INTERNAL_H
#define TESTS_LIB_SMMU_REF_INTERNAL_H

#include "tests/lib/smmu-ref.h"
#include "tests/lib/smmu-spec.h"

/* One translation regime of one transaction. */
typedef struct Tables {
    bool on;
    uint64_t base;
    unsigned granule;           /* log2 */
    unsigned input;             /* bits */
    unsigned start;             /* level */
    unsigned output;            /* bits */
    bool affd, ha, hd, had;
} Tables;

typedef struct Run {
    const SmmuRef *ref;
    const SmmuRefRequest *req;
    SmmuRefAnswer *a;
    bool priv, inst;            /* after the STE's overrides */
    bool s1, s2;
    bool alone;                 /* EL2 without E2H */
    bool wxn, pan;
    bool s1_stall, s1_record, s2_stall, s2_record;
    bool s2_ptw, s2_fwb;
    unsigned eats;              /* the effective value */
    uint64_t ste[8], cd[8];
    Tables upper, lower, second;
    bool tbi[2];
} Run;

/* What an access needs, or is granted. */
typedef struct Rights {
    bool r, w, x;
} Rights;

static inline uint64_t field(uint64_t word, unsigned low, unsigned width)
{
    return word >> low & ((UINT64_C(1) << width) - 1);
}

static inline bool bit(uint64_t word, unsigned n)
{
    return word >> n & 1;
}

static inline uint64_t below(unsigned n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

static inline unsigned lower_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/** The class of what was being done. */
enum { CD = 0, TT = 1, IN = 2 };

/* smmu-ref.c */
bool smmu_ref_get(const SmmuRef *ref, uint64_t addr, uint64_t *words,
                  unsigned n);
unsigned smmu_ref_size(unsigned code);
unsigned smmu_ref_oas(const SmmuRef *ref);
/* Each makes an event, and is false. */
bool smmu_ref_config_event(Run *run, unsigned id);
bool smmu_ref_fetch_event(Run *run, unsigned id, uint64_t addr);
bool smmu_ref_fault(Run *run, unsigned id, bool s2, unsigned class,
                    uint64_t ipa);
bool smmu_ref_walk_abort(Run *run, bool s2, unsigned class,
                         uint64_t addr);

/* smmu-ref-tables.c */
bool smmu_ref_fetch_ste(Run *run);
/** False: ILLEGAL. */
bool smmu_ref_ste_legal(Run *run, unsigned config);
/** Which descriptor; false with an event, or with run->s1 off: bypassed. */
bool smmu_ref_choose_cd(Run *run, uint32_t *index);
bool smmu_ref_fetch_cd(Run *run, uint32_t index);

/* smmu-ref-walk.c */
bool smmu_ref_first(Run *run, uint64_t addr, Rights want,
                    uint64_t *out, Rights *granted);
bool smmu_ref_second(Run *run, unsigned class, uint64_t ipa,
                     Rights want, uint64_t *out,
                     Rights *granted);

#endif
