/* SPDX-License-Identifier: BSD-3-Clause */
/* A board in scalable mode whose endpoint asks for pages. */
#ifndef TESTS_QTEST_PRI_H
#define TESTS_QTEST_PRI_H

#include "tests/qtest/sm.h"

#define PRI_EVENT_ADDR 0xfee05000u
#define PRI_EVENT_DATA 0x71u

typedef struct Pri {
    Sm s;
    GuestPageQueue queue;
    uint64_t page;              /* the test's own */
} Pri;

/** Tables of @pgtt, a queue of 2^@pqs pages, its event. */
void pri_start(Pri *p, unsigned pgtt, unsigned pqs);
/** A register of the endpoint. */
uint64_t pri_get(Pri *p, unsigned offset);
uint32_t pri_prs(Pri *p);
/** One page request, by hand. */
void pri_ask(Pri *p, uint32_t pasid, uint64_t addr, uint32_t request);
/** Software answers, through the queue. */
void pri_respond(Pri *p, uint32_t pasid, unsigned group, unsigned code);
/** What the endpoint's RESPONSE says then. */
uint64_t pri_response(uint32_t pasid, unsigned group, unsigned code);

#endif
