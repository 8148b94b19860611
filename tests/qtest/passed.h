/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices behind the unit: checks that hold whatever the machine and the
 * host.  Each begins with a machine that was just started.
 */
#ifndef TESTS_QTEST_PASSED_H
#define TESTS_QTEST_PASSED_H

#include "tests/qtest/pri.h"

#define PASSED_VA   UINT64_C(0x7f0000400000)
#define PASSED_PAGE UINT64_C(0x1000)

/** sm_start_with(), and what endpoint 0 has is switched on and allowed. */
void passed_start(Sm *s, const char *options, const char *more,
                  unsigned pgtt);
/** DMA that the host's IOMMU refuses. */
void passed_blocked(Sm *s, uint32_t pasid, uint64_t va, bool write);
/** Invalidate the page, or the PASID's entry, and wait. */
void passed_piotlb(Sm *s, uint32_t pasid, uint64_t va);
void passed_pasid_cache(Sm *s, uint32_t pasid);

/** Translation off, tables of 4 levels, pass-through, none, off again. */
void passed_legacy(Board *b);
/** Requests without PASID and with SM_PASID. */
void passed_first_stage(Sm *s);
/** The same without PASID, with second-stage tables. */
void passed_second_stage(Sm *s);
/** What the guest unmaps and invalidates is gone; what it maps is there. */
void passed_invalidation(Sm *s);
/** Entries come, and go again, with PASID-cache invalidations; @bound is told
 *  how many PASIDs have come after each one. */
void passed_pasids_come(Sm *s, void (*bound)(Sm *s, unsigned n));
void passed_pasids_go(Sm *s);
/** The next page request that comes to the guest. */
void passed_take_request(Pri *p, uint64_t word[4]);
/** Wait until the endpoint has its answers. */
void passed_answered(Pri *p);
/** A request for a page by hand, as it comes to the guest. */
void passed_ask(Pri *p, uint32_t pasid, uint64_t va);
/** An interrupt of endpoint 0 is a message of the guest's, and one. */
void passed_interrupt(Board *b);
/**
 * What a device does by itself is heard while the client asks the machine
 * nothing: @begin starts it, and after a silence the first question, @heard,
 * finds it.  A silence may have been too short for a busy machine: then @undo
 * takes back what came late, and a longer one follows.
 */
void passed_silence(Pri *p, void (*begin)(Pri *p), bool (*heard)(Pri *p),
                    void (*undo)(Pri *p));
/** Such a page request: its @heard and @undo. */
bool passed_page_heard(Pri *p);
void passed_page_undo(Pri *p);
/** An access that waits until the guest has made the page available. */
void passed_demand(Pri *p);

#endif
