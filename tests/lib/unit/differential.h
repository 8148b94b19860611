/* SPDX-License-Identifier: BSD-3-Clause */
/* The random world of test-differential: what it is, and how it changes. */
#ifndef TESTS_LIB_UNIT_DIFFERENTIAL_H
#define TESTS_LIB_UNIT_DIFFERENTIAL_H

#include "fixture.h"
#include "random.h"
#include "tests/lib/vtd-ref.h"

#define DOMAINS     4
#define SOURCES     8
#define ADDRESSES   24

typedef struct Domain {
    uint16_t id;
    unsigned levels;
    uint64_t table;
    /* tables of this domain, to be linked to a second time */
    uint64_t seen[16];
    unsigned seen_n;
    /* one table stands at several places: page-selective is not enough */
    bool aliased;
} Domain;

typedef enum Binding {
    BIND_NONE,
    BIND_DOMAIN,
    BIND_PASS,
    BIND_BROKEN,
} Binding;

typedef struct Source {
    uint16_t id;
    Binding binding;
    unsigned domain;        /* index, with BIND_DOMAIN */
    uint16_t tag;           /* the domain-id that its context entry is
                               cached with */
} Source;

typedef struct World {
    Fixture *f;
    GRand *rand;
    ViommuVtdConfig config;
    VtdRef ref;
    uint64_t root;
    uint64_t pages;         /* where the allocator starts again */
    Domain domains[DOMAINS];
    Source sources[SOURCES];
    uint64_t addresses[ADDRESSES];
    unsigned step;
    const char *last;       /* what was done last */
    uint64_t compared, granted, faulted;
} World;

/* A random number below @n. */
static inline uint32_t below(World *w, uint32_t n)
{
    return random_below(w->rand, n);
}

static inline bool chance(World *w, unsigned percent)
{
    return random_chance(w->rand, percent);
}

static inline uint64_t rand64(World *w)
{
    return random_u64(w->rand);
}

/** Change something, and invalidate what the architecture demands. */
void world_change(World *w);
/** Start again with new tables in memory that was used before. */
void world_reprogram(World *w);

/** An address near those that the tables know. */
uint64_t world_address(World *w);
/** Translate @n random requests and compare with the reference. */
void world_compare(World *w, unsigned n);

#endif
