/* SPDX-License-Identifier: BSD-3-Clause */
/* A unit in scalable mode with a page request queue, and one source. */
#ifndef TESTS_LIB_UNIT_PRI_H
#define TESTS_LIB_UNIT_PRI_H

#include "scalable.h"

#define PRI_PASID   0x1234u
#define PRI_ADDR    UINT64_C(0x7f0012345000)
#define PRI_MSI     0xfee01000u
#define PRI_ENTRIES 128u    /* of a queue of one page */

typedef struct Pri {
    Scalable *s;
    Fixture *f;
    const GuestRegs *regs;
    GuestPageQueue queue;
} Pri;

void pri_config(ViommuVtdConfig *config);
/** SM_SOURCE may ask; a queue of 2^@pqs pages, events to PRI_MSI. */
void pri_start(Pri *p, unsigned pqs);
void pri_stop(Pri *p);
/** A page request of SM_SOURCE. */
void pri_ask(Pri *p, uint32_t pasid, uint64_t addr, unsigned access,
             bool last, unsigned group);
uint32_t pri_status(Pri *p);
ViommuStats pri_stats(Pri *p);
/** The response number @i. */
const ViommuPageResponse *pri_response(Pri *p, unsigned i);
/** Exactly one response, for SM_SOURCE, without private data; forget it. */
void pri_answered(Pri *p, uint32_t pasid, unsigned group, unsigned code);
/** Requests get @code and nothing else happens. */
void pri_refused(Pri *p, unsigned code);

#endif
