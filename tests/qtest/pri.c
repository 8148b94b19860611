/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/qtest/pri.h"

void pri_start(Pri *p, unsigned pgtt, unsigned pqs)
{
    Board *b = &p->s.b;

    sm_start_ats(&p->s, pgtt);
    g_assert_true(guest_page_queue_init(&p->queue, &b->alloc, &b->regs,
                                        pqs));
    board_set32(b, SPEC_PEDATA, PRI_EVENT_DATA);
    board_set32(b, SPEC_PEADDR, PRI_EVENT_ADDR);
    board_set32(b, SPEC_PECTL, 0);
    sink_clear(b->q);
}

uint64_t pri_get(Pri *p, unsigned offset)
{
    return testdev_get(&p->s.b.dev, offset);
}

uint32_t pri_prs(Pri *p)
{
    return board_reg32(&p->s.b, SPEC_PRS);
}

void pri_ask(Pri *p, uint32_t pasid, uint64_t addr, uint32_t request)
{
    sm_use(&p->s, pasid);
    g_assert_cmpint(testdev_page_request(&p->s.b.dev, addr, request).why, ==,
                    TD_OK);
}

void pri_respond(Pri *p, uint32_t pasid, unsigned group, unsigned code)
{
    guest_queue_page_response(&p->s.b.queue, p->s.b.source, pasid, group,
                              code);
    board_sync(&p->s.b);
}

uint64_t pri_response(uint32_t pasid, unsigned group, unsigned code)
{
    return TD_RESPONSE_CAME | code | (uint64_t)group << 16 |
           (pasid == SM_NONE ? 0 : TD_RESPONSE_PASID |
                                   (uint64_t)pasid << 32);
}
