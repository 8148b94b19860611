/* SPDX-License-Identifier: BSD-3-Clause */
#include "pri.h"

void pri_config(ViommuVtdConfig *config)
{
    scalable_config(config);
    config->page_requests = true;
    config->abort_dma = true;
}

void pri_start(Pri *p, unsigned pqs)
{
    ViommuVtdConfig config;

    pri_config(&config);
    p->s = scalable_new(&config, SPEC_PGTT_FIRST, 4, PRI_PASID);
    p->f = p->s->f;
    p->regs = &p->f->regs;
    p->s->ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
    scalable_put_context(p->s);
    scalable_flush(p->s);
    g_assert_true(guest_page_queue_init(&p->queue, p->s->alloc, p->regs,
                                        pqs));
    guest_set_reg32(p->regs, SPEC_PEDATA, 0x51);
    guest_set_reg32(p->regs, SPEC_PEADDR, PRI_MSI);
    guest_set_reg32(p->regs, SPEC_PECTL, 0);
    fixture_forget(p->f);
}

void pri_stop(Pri *p)
{
    scalable_free(p->s);
}

void pri_ask(Pri *p, uint32_t pasid, uint64_t addr, unsigned access,
             bool last, unsigned group)
{
    ViommuPageRequest req = {
        .source = SM_SOURCE, .pasid = pasid, .addr = addr,
        .access = (uint8_t)access, .last = last, .group = (uint16_t)group,
    };

    viommu_page_request(p->f->unit, &req);
}

uint32_t pri_status(Pri *p)
{
    return guest_reg32(p->regs, SPEC_PRS);
}

const ViommuPageResponse *pri_response(Pri *p, unsigned i)
{
    g_assert_cmpuint(p->f->responses->len, >, i);
    return &g_array_index(p->f->responses, ViommuPageResponse, i);
}

void pri_answered(Pri *p, uint32_t pasid, unsigned group, unsigned code)
{
    const ViommuPageResponse *r = pri_response(p, 0);

    g_assert_cmpuint(p->f->responses->len, ==, 1);
    g_assert_cmphex(r->source, ==, SM_SOURCE);
    g_assert_cmphex(r->pasid, ==, pasid);
    g_assert_cmpuint(r->group, ==, group);
    g_assert_cmpuint(r->code, ==, code);
    g_assert_false(r->has_private_data);
    g_array_set_size(p->f->responses, 0);
}

ViommuStats pri_stats(Pri *p)
{
    ViommuStats s;

    viommu_get_stats(p->f->unit, &s);
    return s;
}

void pri_refused(Pri *p, unsigned code)
{
    uint64_t tail = guest_reg64(p->regs, SPEC_PQT);
    uint64_t lost = pri_stats(p).page_requests_lost;

    pri_ask(p, PRI_PASID, PRI_ADDR, SM_R, false, 9);
    pri_ask(p, PRI_PASID, 0, 0, true, 0);
    g_assert_cmpuint(pri_stats(p).page_requests_lost, ==, lost + 2);
    g_assert_cmpuint(p->f->responses->len, ==, 0);
    pri_ask(p, PRI_PASID, PRI_ADDR, SM_R, true, 9);
    pri_answered(p, PRI_PASID, 9, code);
    g_assert_cmphex(guest_reg64(p->regs, SPEC_PQT), ==, tail);
    g_assert_cmphex(pri_status(p), ==, 0);
    g_assert_cmpuint(fixture_msis(p->f), ==, 0);
}
