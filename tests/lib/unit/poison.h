/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Endpoints on their own threads, against a control thread that changes
 * tables and invalidates.
 *
 * Each address is mapped to a page whose words say which address they belong
 * to.  The control thread gives an address another page, invalidates, waits
 * as a guest does, and then poisons the page that it took away.  An
 * endpoint that still finds poison has used a translation after the wait.
 */
#ifndef TESTS_LIB_UNIT_POISON_H
#define TESTS_LIB_UNIT_POISON_H

#include "fixture.h"

#define POISON          UINT64_C(0xdeadbeefdeadbeef)
#define POISON_DATA     (UINT64_C(1) << 20)     /* guest-physical */
#define POISON_ADDRESSES 16     /* at the most */
#define POISON_SPARES   4

typedef struct Poison {
    Fixture *f;
    unsigned addresses;
    uint64_t page_of[POISON_ADDRESSES];
    uint64_t spare[POISON_SPARES];  /* poisoned longest ago first */
    int stop;                       /* atomic, as are all counters */
    unsigned uses, stale, strange, denied;
} Poison;

typedef struct PoisonEndpoint PoisonEndpoint;
struct PoisonEndpoint {
    Poison *p;
    void *world;            /* the test's own */
    uint16_t source;        /* likewise */
    /** Translate address @i; in a DMA section. */
    ViommuStatus (*translate)(PoisonEndpoint *e, unsigned i, GRand *rand,
                              ViommuReply *reply);
    int reads;              /* of a page, at the most */
    bool yields;            /* after each section */
    guint32 seed;
    unsigned sections;      /* done; atomic */
    GThread *thread;
};

/** Pages for @addresses and the spare ones; none is mapped yet. */
void poison_init(Poison *p, Fixture *f, unsigned addresses);
/** Whether @page is one of these. */
bool poison_has(const Poison *p, uint64_t page);
uint64_t *poison_word(const Poison *p, uint64_t page);
/** Address @i gets the page that is returned; the test then maps it,
 *  invalidates, and calls poison_moved(). */
uint64_t poison_move(Poison *p, unsigned i);
void poison_moved(Poison *p, unsigned i, uint64_t page);

void poison_start(PoisonEndpoint *e);
/** End @n endpoints. */
void poison_stop(Poison *p, PoisonEndpoint *e, unsigned n);
/** No endpoint has seen anything but its own pages. */
void poison_check(const Poison *p);

/** Add to a counter that others read. */
void poison_count(unsigned *counter);
/** Let the others run until @counter has grown by @n. */
void poison_wait(unsigned *counter, unsigned n);

#endif
