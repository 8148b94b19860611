/* SPDX-License-Identifier: BSD-3-Clause */
/* The random world of test-differential-sm: what it is, how it changes. */
#ifndef TESTS_LIB_UNIT_DIFFERENTIAL_SM_H
#define TESTS_LIB_UNIT_DIFFERENTIAL_SM_H

#include "fixture.h"
#include "keeper.h"
#include "random.h"
#include "tests/lib/vtd-ref.h"
#include "tests/lib/vtd-scalable.h"

#define SM_DOMAINS      3
#define SM_SPACES       4
#define SM_DIRS         2
#define SM_SLOTS        8
#define SM_SOURCES      4
#define SM_ADDRESSES    24
#define SM_DIR_SIZE     2u      /* PDTS: 2^15 PASIDs */
#define SM_PASS_DOMAIN  0x77
#define SM_SEEN         64
/** Nested: first-stage tables and pages see RAM here, apart from what
 *  sm_change() maps otherwise. */
#define SM_WINDOW       UINT64_C(0x140000000)

/** A second stage. */
typedef struct SmDomain {
    uint16_t id;
    unsigned levels;
    uint64_t table;
    bool bits;              /* SSADE */
} SmDomain;

/** A first stage; nested in a domain, or alone with a domain-id of its own. */
typedef struct SmSpace {
    uint16_t id;
    bool nested;
    unsigned domain;
    unsigned levels;
    uint64_t table;
    uint64_t flags1, flags2;
} SmSpace;

typedef enum SmBinding {
    SM_NOTHING,
    SM_BROKEN,
    SM_FIRST,
    SM_SECOND,
    SM_NESTED,
    SM_PASS,
} SmBinding;

/** A PASID table entry. */
typedef struct SmSlot {
    SmBinding binding;
    unsigned domain;        /* SM_SECOND; of the others from the space */
    uint16_t tag;           /* the domain-id in the entry */
} SmSlot;

typedef struct SmSource {
    uint16_t id;
    unsigned dir;
    bool bound;
} SmSource;

typedef struct SmRequest {
    uint16_t source;
    uint32_t pasid;
    uint64_t addr;
    unsigned access;
    bool probe;
    bool mark;                  /* with probe */
} SmRequest;

/** A request that was asked before a change: both answers are right. */
typedef struct SmOld {
    SmRequest req;
    bool ok;
    uint64_t addr;
} SmOld;

typedef struct SmWorld {
    Fixture *f;
    GRand *rand;
    guint32 seed;
    ViommuVtdConfig config;
    VtdRef ref;
    GuestAlloc config_alloc;    /* root, context, PASID tables, the queue */
    uint64_t config_first;
    uint64_t root;
    uint64_t dirs[SM_DIRS];
    SmDomain domains[SM_DOMAINS];
    SmSpace spaces[SM_SPACES];
    SmSlot slots[SM_DIRS][SM_SLOTS];
    SmSource sources[SM_SOURCES];
    uint64_t addresses[SM_ADDRESSES];
    /* tables to be linked to a second time; then only broad commands do */
    uint64_t seen[SM_SEEN];
    unsigned seen_n;
    bool aliased;
    SmOld old[4];
    unsigned olds;

    Keeper keeper;
    GArray *written;            /* uint64_t: where the unit wrote */
    unsigned step;
    const char *last;
    uint64_t compared, granted, faulted, by_reason[192];
} SmWorld;

/** The PASIDs of the slots.  Slot s may have space s % SM_SPACES only, so
 *  that a domain-id and PASID name one first stage. */
extern const uint32_t sm_pasids[SM_SLOTS];

static inline uint32_t sm_below(SmWorld *w, uint32_t n)
{
    return random_below(w->rand, n);
}

static inline bool sm_chance(SmWorld *w, unsigned percent)
{
    return random_chance(w->rand, percent);
}

static inline uint64_t sm_rand64(SmWorld *w)
{
    return random_u64(w->rand);
}

/** Change something, and invalidate what the architecture demands. */
void sm_change(SmWorld *w);
/** Start again with new tables in memory that was used before. */
void sm_reprogram(SmWorld *w);
/** All caches. */
void sm_flush(SmWorld *w);

/* differential-sm-tables.c: the parts of sm_change() */
/** A PASID table entry has changed, which was @old [VTD 6.5.3.3]. */
void sm_flush_slot(SmWorld *w, unsigned slot, const SmSlot *old,
                   const SmSlot *now);
/** All that hangs on a directory. */
void sm_flush_dir(SmWorld *w, unsigned dir);
/** New tables. */
void sm_draw_space(SmWorld *w, SmSpace *s);
void sm_draw_domain(SmWorld *w, SmDomain *d);
/** Change an entry of a paging table, and invalidate. */
void sm_change_space(SmWorld *w);
void sm_change_domain(SmWorld *w);

void sm_draw_request(SmWorld *w, SmRequest *req);
/** Ask, and compare with the reference. */
void sm_compare(SmWorld *w, unsigned n);
/** Remember answers before a change; ask in between: old or new. */
void sm_before(SmWorld *w);
void sm_between(SmWorld *w);

#endif
