/* SPDX-License-Identifier: BSD-3-Clause */
/* Page requests: the queue, its events, and who answers what (7.4, 7.5). */
#include "scalable.h"

#define PASID   0x1234u
#define ADDR    UINT64_C(0x7f0012345000)
/* neither RAM nor anything else, and below 2^haw */
#define NOWHERE UINT64_C(0x100000000000)
#define MSI     0xfee01000u
#define ENTRIES 128u    /* in a page */

typedef struct Pri {
    Scalable *s;
    Fixture *f;
    const GuestRegs *regs;
    GuestPageQueue queue;
} Pri;

static void config_pri(ViommuVtdConfig *config)
{
    scalable_config(config);
    config->page_requests = true;
}

static void start(Pri *p, unsigned pqs)
{
    ViommuVtdConfig config;

    config_pri(&config);
    p->s = scalable_new(&config, SPEC_PGTT_FIRST, 4, PASID);
    p->f = p->s->f;
    p->regs = &p->f->regs;
    p->s->ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
    scalable_put_context(p->s);
    scalable_flush(p->s);
    g_assert_true(guest_page_queue_init(&p->queue, p->s->alloc, p->regs,
                                        pqs));
    guest_set_reg32(p->regs, SPEC_PEDATA, 0x51);
    guest_set_reg32(p->regs, SPEC_PEADDR, MSI);
    guest_set_reg32(p->regs, SPEC_PECTL, 0);
    fixture_forget(p->f);
}

static void stop(Pri *p)
{
    scalable_free(p->s);
}

static void ask(Pri *p, uint32_t pasid, uint64_t addr, unsigned access,
                bool last, unsigned group)
{
    ViommuPageRequest req = {
        .source = SM_SOURCE, .pasid = pasid, .addr = addr,
        .access = (uint8_t)access, .last = last, .group = (uint16_t)group,
    };

    viommu_page_request(p->f->unit, &req);
}

static uint32_t prs(Pri *p)
{
    return guest_reg32(p->regs, SPEC_PRS);
}

static const ViommuPageResponse *response(Pri *p, unsigned i)
{
    g_assert_cmpuint(p->f->responses->len, >, i);
    return &g_array_index(p->f->responses, ViommuPageResponse, i);
}

/* Exactly one response, for SM_SOURCE, without private data. */
static void answered(Pri *p, uint32_t pasid, unsigned group, unsigned code)
{
    const ViommuPageResponse *r = response(p, 0);

    g_assert_cmpuint(p->f->responses->len, ==, 1);
    g_assert_cmphex(r->source, ==, SM_SOURCE);
    g_assert_cmphex(r->pasid, ==, pasid);
    g_assert_cmpuint(r->group, ==, group);
    g_assert_cmpuint(r->code, ==, code);
    g_assert_false(r->has_private_data);
    g_array_set_size(p->f->responses, 0);
}

static ViommuStats stats(Pri *p)
{
    ViommuStats s;

    viommu_get_stats(p->f->unit, &s);
    return s;
}

/* --- The descriptor -------------------------------------------------------- */

static void expect(Pri *p, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
{
    uint64_t word[4];

    g_assert_true(guest_page_queue_pop(&p->queue, word));
    g_assert_cmphex(word[0], ==, w0);
    g_assert_cmphex(word[1], ==, w1);
    g_assert_cmphex(word[2], ==, w2);
    g_assert_cmphex(word[3], ==, w3);
}

static void test_descriptor(void)
{
    const uint64_t sid = (uint64_t)SM_SOURCE << SPEC_PREQ_SID_SHIFT;
    const uint64_t pasid = (uint64_t)PASID << SPEC_PREQ_PASID_SHIFT;
    ViommuPageRequest req = {
        .source = SM_SOURCE, .pasid = PASID, .addr = ADDR, .access = SM_W,
        .group = 3, .has_private_data = true,
        .private_data = { 0x1122334455667788, 0x99aabbccddeeff00 },
    };
    Pri p;

    start(&p, 0);
    /* bits 11:0 of the address say nothing */
    ask(&p, PASID, ADDR | 0xabc, SM_R, true, 0x155);
    expect(&p, 1 | SPEC_PREQ_PP | sid | pasid,
           ADDR | SPEC_PREQ_HI_READ | SPEC_PREQ_HI_LPIG | 0x155 << 3, 0, 0);
    ask(&p, PASID, UINT64_MAX, SM_R | SM_W | SM_X | SM_P, false, 511);
    expect(&p, 1 | SPEC_PREQ_PP | sid | pasid | SPEC_PREQ_EXE |
               SPEC_PREQ_PRIV,
           SPEC_PREQ_HI_ADDR | SPEC_PREQ_HI_READ | SPEC_PREQ_HI_WRITE |
               SPEC_PREQ_HI_PRGI, 0, 0);
    /* execute and privilege come with a PASID only */
    ask(&p, SM_NONE, 0, SM_W | SM_X | SM_P, true, 0);
    expect(&p, 1 | sid, SPEC_PREQ_HI_WRITE | SPEC_PREQ_HI_LPIG, 0, 0);
    viommu_page_request(p.f->unit, &req);
    expect(&p, 1 | SPEC_PREQ_PP | SPEC_PREQ_PDP | sid | pasid,
           ADDR | SPEC_PREQ_HI_WRITE | 3 << 3, 0x1122334455667788,
           0x99aabbccddeeff00);
    /* a stop marker, in its order */
    ask(&p, PASID, 0, 0, true, 0);
    expect(&p, 1 | SPEC_PREQ_PP | sid | pasid, SPEC_PREQ_HI_LPIG, 0, 0);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    g_assert_cmpuint(stats(&p).page_requests, ==, 5);
    g_assert_cmpuint(stats(&p).page_requests_lost, ==, 0);
    stop(&p);
}

/* Each size wraps where it ends, and the writes are told. */
static unsigned written;

static void on_written(Fixture *f, uint64_t addr, uint64_t size)
{
    (void)f;
    (void)addr;
    g_assert_cmpuint(size, ==, SPEC_PREQ_SIZE);
    written++;
}

static void test_wrap(void)
{
    for (unsigned pqs = 0; pqs < 3; pqs++) {
        unsigned n = (ENTRIES << pqs) + 5;
        uint64_t word[4];
        Pri p;

        start(&p, pqs);
        written = 0;
        p.f->ram_written = on_written;
        for (unsigned i = 0; i < n; i++) {
            ask(&p, PASID, ADDR + i * 4096, SM_R, true, i % 512);
            g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==,
                            (i + 1) * 32 % (4096u << pqs));
            g_assert_true(guest_page_queue_pop(&p.queue, word));
            g_assert_cmphex(word[1] & SPEC_PREQ_HI_ADDR, ==, ADDR + i * 4096);
        }
        g_assert_cmpuint(written, ==, n);
        stop(&p);
    }
}

/* --- Events ------------------------------------------------------------------ */

static void test_event(void)
{
    Pri p;

    start(&p, 0);
    ask(&p, PASID, ADDR, SM_R, true, 1);
    g_assert_cmphex(prs(&p), ==, SPEC_PRS_PPR);
    g_assert_cmpuint(fixture_msis(p.f), ==, 1);
    g_assert_cmphex(fixture_msi(p.f, 0).addr, ==, MSI);
    g_assert_cmphex(fixture_msi(p.f, 0).data, ==, 0x51);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_PECTL), ==, 0);
    /* pending: no second message */
    ask(&p, PASID, ADDR, SM_R, true, 2);
    g_assert_cmpuint(fixture_msis(p.f), ==, 1);
    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PPR);
    g_assert_cmphex(prs(&p), ==, 0);
    ask(&p, PASID, ADDR, SM_R, true, 3);
    g_assert_cmpuint(fixture_msis(p.f), ==, 2);
    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PPR);

    /* masked: pending until unmasked, or until software has looked */
    guest_set_reg32(p.regs, SPEC_PECTL, (uint32_t)SPEC_ECTL_IM);
    ask(&p, PASID, ADDR, SM_R, true, 4);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_PECTL), ==,
                    SPEC_ECTL_IM | SPEC_ECTL_IP);
    g_assert_cmpuint(fixture_msis(p.f), ==, 2);
    guest_set_reg32(p.regs, SPEC_PECTL, 0);
    g_assert_cmpuint(fixture_msis(p.f), ==, 3);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_PECTL), ==, 0);
    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PPR);
    guest_set_reg32(p.regs, SPEC_PECTL, (uint32_t)SPEC_ECTL_IM);
    ask(&p, PASID, ADDR, SM_R, true, 5);
    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PPR);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_PECTL), ==, SPEC_ECTL_IM);
    guest_set_reg32(p.regs, SPEC_PECTL, 0);
    g_assert_cmpuint(fixture_msis(p.f), ==, 3);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    stop(&p);
}

/* --- Overflow ------------------------------------------------------------------ */

static void test_full(void)
{
    uint64_t word[4];
    Pri p;

    start(&p, 0);
    for (unsigned i = 0; i < ENTRIES - 1; i++) {
        ask(&p, PASID, ADDR + i * 4096, SM_R, true, i);
    }
    g_assert_cmphex(prs(&p), ==, SPEC_PRS_PPR);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, (ENTRIES - 1) * 32);
    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PPR);
    fixture_forget(p.f);

    /* one entry stays free */
    ask(&p, PASID, ADDR, SM_R, false, 400);
    g_assert_cmphex(prs(&p), ==, SPEC_PRS_PRO);
    g_assert_cmpuint(fixture_msis(p.f), ==, 1);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    g_assert_cmpuint(stats(&p).page_requests_lost, ==, 1);
    ask(&p, PASID, ADDR, SM_R, true, 400);
    answered(&p, PASID, 400, SPEC_PRESP_SUCCESS);
    ask(&p, PASID, 0, 0, true, 0);      /* a stop marker is not answered */
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, (ENTRIES - 1) * 32);

    /* room alone does not help */
    for (unsigned i = 0; i < ENTRIES - 1; i++) {
        g_assert_true(guest_page_queue_pop(&p.queue, word));
        g_assert_cmphex(word[1] & SPEC_PREQ_HI_ADDR, ==, ADDR + i * 4096);
    }
    ask(&p, SM_NONE, ADDR, SM_W, true, 7);
    answered(&p, SM_NONE, 7, SPEC_PRESP_SUCCESS);
    g_assert_false(guest_page_queue_pop(&p.queue, word));
    g_assert_cmpuint(fixture_msis(p.f), ==, 1);

    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PRO);
    ask(&p, PASID, ADDR, SM_W, true, 8);
    g_assert_cmphex(prs(&p), ==, SPEC_PRS_PPR);
    g_assert_true(guest_page_queue_pop(&p.queue, word));
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    g_assert_cmpuint(fixture_msis(p.f), ==, 2);
    g_assert_cmpuint(stats(&p).page_responses_automatic, ==, 2);
    g_assert_cmpuint(stats(&p).page_responses, ==, 2);
    g_assert_cmpuint(stats(&p).page_requests_lost, ==, 2);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_FSTS), ==, 0);
    stop(&p);
}

/* What the endpoint gave with the request comes back, last or not. */
static void test_private_data(void)
{
    ViommuPageRequest req = {
        .source = SM_SOURCE, .pasid = PASID, .addr = ADDR, .access = SM_W,
        .group = 3, .has_private_data = true, .private_data = { 5, 6 },
    };
    const ViommuPageResponse *r;
    Pri p;

    start(&p, 0);
    guest_set_reg64(p.regs, SPEC_PQA, 0);
    viommu_page_request(p.f->unit, &req);
    r = response(&p, 0);
    g_assert_cmpuint(r->code, ==, SPEC_PRESP_INVALID);
    g_assert_true(r->has_private_data);
    g_assert_cmphex(r->private_data[0], ==, 5);
    g_assert_cmphex(r->private_data[1], ==, 6);
    stop(&p);
}

/* --- Queues that cannot be ----------------------------------------------------- */

static void refused(Pri *p, unsigned code)
{
    uint64_t tail = guest_reg64(p->regs, SPEC_PQT);
    uint64_t lost = stats(p).page_requests_lost;

    ask(p, PASID, ADDR, SM_R, false, 9);
    ask(p, PASID, 0, 0, true, 0);
    g_assert_cmpuint(stats(p).page_requests_lost, ==, lost + 2);
    g_assert_cmpuint(p->f->responses->len, ==, 0);
    ask(p, PASID, ADDR, SM_R, true, 9);
    answered(p, PASID, 9, code);
    g_assert_cmphex(guest_reg64(p->regs, SPEC_PQT), ==, tail);
    g_assert_cmphex(prs(p), ==, 0);
    g_assert_cmpuint(fixture_msis(p->f), ==, 0);
}

static void test_bad_queue(void)
{
    const uint64_t own = UINT64_C(0xfed90000);
    uint64_t page, before;
    Pri p;

    start(&p, 0);
    page = p.queue.addr;
    /* no queue: Linux says so by an address of 0, too */
    guest_set_reg64(p.regs, SPEC_PQA, 0);
    before = guest_read64(&p.f->mem, 0);
    refused(&p, SPEC_PRESP_INVALID);
    g_assert_cmphex(guest_read64(&p.f->mem, 0), ==, before);

    guest_set_reg64(p.regs, SPEC_PQA, NOWHERE);
    refused(&p, SPEC_PRESP_FAILURE);
    guest_set_reg64(p.regs, SPEC_PQA, SPEC_PQA_ADDR);
    refused(&p, SPEC_PRESP_FAILURE);
    guest_set_reg64(p.regs, SPEC_PQT, 32);
    guest_set_reg64(p.regs, SPEC_PQA, FIXTURE_RAM | 7);
    refused(&p, SPEC_PRESP_FAILURE);
    guest_set_reg64(p.regs, SPEC_PQT, 0);

    /* something that takes writes, such as the unit's own registers */
    p.f->outside_result = 0;
    p.f->outside_value = 0x77;
    guest_set_reg64(p.regs, SPEC_PQA, own);
    refused(&p, SPEC_PRESP_FAILURE);
    g_assert_cmphex(p.f->outside_value, ==, 0x77);

    guest_set_reg64(p.regs, SPEC_PQA, page);
    ask(&p, PASID, ADDR, SM_R, true, 1);
    g_assert_cmphex(prs(&p), ==, SPEC_PRS_PPR);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    stop(&p);
}

static void test_readonly_queue(void)
{
    ViommuRam ram[3];
    Pri p;

    start(&p, 0);
    ram[0] = (ViommuRam) { .addr = 0, .size = p.queue.addr,
                           .host = p.f->ram.host };
    ram[1] = (ViommuRam) { .addr = p.queue.addr, .size = 4096,
                           .host = p.f->ram.host + p.queue.addr,
                           .readonly = true };
    ram[2] = (ViommuRam) { .addr = p.queue.addr + 4096,
                           .size = FIXTURE_RAM - p.queue.addr - 4096,
                           .host = p.f->ram.host + p.queue.addr + 4096 };
    g_assert_cmpint(viommu_set_ram(p.f->unit, ram, 3), ==, 0);
    refused(&p, SPEC_PRESP_FAILURE);
    g_assert_cmphex(guest_read64(&p.f->mem, p.queue.addr), ==, 0);
    stop(&p);
}

/* Head and tail beyond the queue, at any multiple of 32: never a write
 * beside it. */
static void test_out_of_range(void)
{
    uint64_t page, before, after;
    Pri p;

    start(&p, 0);
    page = p.queue.addr;
    before = guest_read64(&p.f->mem, page - 8);
    after = guest_read64(&p.f->mem, page + 4096);
    guest_set_reg64(p.regs, SPEC_PQT, UINT64_MAX);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, SPEC_PQ_OFFSET);
    guest_set_reg64(p.regs, SPEC_PQH, 4096 + 64);
    ask(&p, PASID, ADDR, SM_R, true, 1);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 0);
    g_assert_cmphex(guest_read64(&p.f->mem, page + 4096 - 32) & 0xff, ==, 1);
    ask(&p, PASID, ADDR, SM_R, true, 2);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 32);
    /* the head counts as 64 */
    ask(&p, PASID, ADDR, SM_R, true, 3);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 32);
    g_assert_cmphex(prs(&p), ==, SPEC_PRS_PPR | SPEC_PRS_PRO);
    answered(&p, PASID, 3, SPEC_PRESP_SUCCESS);
    g_assert_cmphex(guest_read64(&p.f->mem, page - 8), ==, before);
    g_assert_cmphex(guest_read64(&p.f->mem, page + 4096), ==, after);
    stop(&p);
}

/* --- Contexts -------------------------------------------------------------------- */

enum { AT_ROOT, AT_CONTEXT };

typedef struct Refusal {
    const char *name;
    int where;
    unsigned word;
    uint64_t clear, set;
    unsigned reason, code;
} Refusal;

#define FAILURE SPEC_PRESP_FAILURE
#define INVALID SPEC_PRESP_INVALID
#define TABLE   SPEC_BITS(51, 12)

static const Refusal refusals[] = {
    { "root-p", AT_ROOT, 0, 1, 0, SPEC_FR_SM_ROOT_P, FAILURE },
    { "root-rsvd", AT_ROOT, 0, 0, 2, SPEC_FR_SM_ROOT_RSVD, FAILURE },
    { "context-access", AT_ROOT, 0, TABLE, NOWHERE, SPEC_FR_SM_CTX_ACCESS,
      FAILURE },
    { "context-p", AT_CONTEXT, 0, 1, 0, SPEC_FR_SM_CTX_P, FAILURE },
    { "context-rsvd", AT_CONTEXT, 0, 0, SPEC_BIT(6), SPEC_FR_SM_CTX_RSVD,
      FAILURE },
    { "paside", AT_CONTEXT, 0, SPEC_SM_CTX_PASIDE, 0, SPEC_FR_SM_PASIDE,
      INVALID },
    { "pre", AT_CONTEXT, 0, SPEC_SM_CTX_PRE, 0, SPEC_FR_SM_PRE, INVALID },
    { "pasid-range", AT_CONTEXT, 0, 7u << SPEC_SM_CTX_PDTS_SHIFT, 0,
      SPEC_FR_SM_PASID_RANGE, INVALID },
};

/* The one fault on record, which is then cleared. */
static void recorded(Pri *p, uint32_t pasid, unsigned reason, uint64_t more)
{
    uint64_t at = guest_frcd_offset(p->regs, 0);
    uint32_t fsts = guest_reg32(p->regs, SPEC_FSTS);
    uint64_t want = SPEC_FRCD_HI_F | SPEC_FRCD_HI_T2 | SM_SOURCE | more |
                    (uint64_t)reason << SPEC_FRCD_HI_FR_SHIFT;

    if (pasid != SM_NONE) {
        want |= SPEC_FRCD_HI_PP | (uint64_t)pasid << 40;
    }
    g_assert_cmphex(fsts & 0xff, ==, SPEC_FSTS_PPF);
    at += 16 * ((fsts & SPEC_FSTS_FRI) >> SPEC_FSTS_FRI_SHIFT);
    g_assert_cmphex(guest_reg64(p->regs, at), ==, ADDR);
    g_assert_cmphex(guest_reg64(p->regs, at + 8), ==, want);
    guest_set_reg32(p->regs, at + 12, (uint32_t)(SPEC_FRCD_HI_F >> 32));
    g_assert_cmphex(guest_reg32(p->regs, SPEC_FSTS) & 0xff, ==, 0);
}

static void test_refusal(gconstpointer data)
{
    const Refusal *t = data;
    /* beyond a directory of 2^7 entries, and one of 2^(7 + PDTS) holds it */
    const uint32_t pasid = 1u << 13;
    uint64_t at, word;
    Pri p;

    start(&p, 0);
    at = t->where == AT_ROOT ? p.s->root + (SM_SOURCE >> 8) * 16 + 8
         : guest_sm_context_addr(p.s->alloc, p.s->root, SM_SOURCE) +
           8 * t->word;
    word = guest_read64(&p.f->mem, at);
    guest_write64(&p.f->mem, at, (word & ~t->clear) | t->set);
    ask(&p, pasid, ADDR | 8, SM_W, true, 77);
    answered(&p, pasid, 77, t->code);
    recorded(&p, pasid, t->reason, 0);
    ask(&p, pasid, ADDR, SM_R | SM_P, false, 77);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    recorded(&p, pasid, t->reason, SPEC_FRCD_HI_PRIV);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 0);
    g_assert_cmphex(prs(&p), ==, 0);

    if (t->where == AT_CONTEXT) {
        guest_write64(&p.f->mem, at, (word & ~t->clear) | t->set |
                                     SPEC_SM_CTX_FPD);
        ask(&p, pasid, ADDR, SM_W, true, 78);
        answered(&p, pasid, 78, t->code);
        g_assert_cmphex(guest_reg32(p.regs, SPEC_FSTS) & 0xff, ==, 0);
    }
    /* who is in order is served */
    guest_write64(&p.f->mem, at, word);
    ask(&p, pasid, ADDR, SM_W, true, 79);
    g_assert_cmphex(prs(&p), ==, SPEC_PRS_PPR);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    stop(&p);
}

static void test_no_pasid(void)
{
    Pri p;

    start(&p, 0);
    p.s->ctx[0] &= ~(SPEC_SM_CTX_PASIDE | SPEC_SM_CTX_PRE);
    scalable_put_context(p.s);
    ask(&p, SM_NONE, ADDR, SM_R | SM_X, true, 1);
    answered(&p, SM_NONE, 1, SPEC_PRESP_INVALID);
    recorded(&p, SM_NONE, SPEC_FR_SM_PRE, 0);
    p.s->ctx[0] |= SPEC_SM_CTX_PRE;
    scalable_put_context(p.s);
    ask(&p, SM_NONE, ADDR, SM_R, true, 2);
    g_assert_cmphex(prs(&p), ==, SPEC_PRS_PPR);
    stop(&p);
}

static void test_modes(void)
{
    Pri p;

    start(&p, 0);
    g_assert_true(guest_set_root(p.regs, p.s->root));
    ask(&p, PASID, ADDR, SM_R, true, 1);
    answered(&p, PASID, 1, SPEC_PRESP_INVALID);
    recorded(&p, PASID, SPEC_FR_SM_ROOT_TTM_PAGE, 0);
    g_assert_true(guest_set_root(p.regs, p.s->root |
                                         2 << SPEC_RTADDR_TTM_SHIFT));
    ask(&p, PASID, ADDR, SM_R, true, 1);
    answered(&p, PASID, 1, SPEC_PRESP_FAILURE);
    recorded(&p, PASID, SPEC_FR_SM_ROOT_TTM, 0);
    g_assert_true(guest_set_root(p.regs, p.s->root |
                                 SPEC_TTM_ABORT << SPEC_RTADDR_TTM_SHIFT));
    refused(&p, SPEC_PRESP_INVALID);
    g_assert_true(guest_set_root(p.regs, p.s->root |
                                 SPEC_TTM_SCALABLE << SPEC_RTADDR_TTM_SHIFT));
    g_assert_true(guest_command(p.regs, 0, SPEC_GCMD_TE));
    refused(&p, SPEC_PRESP_INVALID);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_FSTS) & 0xff, ==, 0);
    g_assert_true(guest_command(p.regs, SPEC_GCMD_TE, 0));
    ask(&p, PASID, ADDR, SM_R, true, 1);
    g_assert_cmphex(prs(&p), ==, SPEC_PRS_PPR);
    stop(&p);
}

/* --- Responses of software ------------------------------------------------------- */

static void test_response(void)
{
    static const unsigned codes[] = { 0, 1, 7, 15 };
    const ViommuPageResponse *r;
    Pri p;

    start(&p, 0);
    /* asked for or not */
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        guest_queue_page_response(p.s->queue, SM_SOURCE, PASID, 511,
                                  codes[i]);
        fixture_wait(p.f);
        answered(&p, PASID, 511, codes[i]);
        guest_queue_page_response(p.s->queue, SM_SOURCE, SM_NONE, 0,
                                  codes[i]);
        fixture_wait(p.f);
        answered(&p, SM_NONE, 0, codes[i]);
    }
    guest_queue_page_response(p.s->queue, 0xffff, 0xfffff, 3, 0);
    fixture_wait(p.f);
    r = response(&p, 0);
    g_assert_cmphex(r->source, ==, 0xffff);
    g_assert_cmphex(r->pasid, ==, 0xfffff);
    g_array_set_size(p.f->responses, 0);

    guest_queue_push_wide(p.s->queue, (uint64_t[4]) {
        SPEC_INV_PAGE_RESPONSE | SPEC_INV_PRESP_PDP |
            (uint64_t)SM_SOURCE << SPEC_INV_PRESP_SID_SHIFT,
        2 << SPEC_INV_PRESP_HI_PRGI_SHIFT, 0x1234, UINT64_MAX });
    fixture_wait(p.f);
    r = response(&p, 0);
    g_assert_cmpuint(r->group, ==, 2);
    g_assert_true(r->has_private_data);
    g_assert_cmphex(r->private_data[0], ==, 0x1234);
    g_assert_cmphex(r->private_data[1], ==, UINT64_MAX);
    g_assert_cmpuint(stats(&p).page_responses_automatic, ==, 0);
    g_assert_cmpuint(stats(&p).page_responses, ==, 10);
    stop(&p);
}

/* The queue stops at what is pushed, for this reason. */
static void stops(Scalable *s, const uint64_t word[4], unsigned reason)
{
    const GuestRegs *regs = &s->f->regs;

    guest_queue_push_wide(s->queue, word);
    guest_queue_ring(s->queue);
    g_assert_cmphex(guest_reg32(regs, SPEC_FSTS), ==, SPEC_FSTS_IQE);
    g_assert_cmphex(guest_reg64(regs, SPEC_IQERCD) & SPEC_IQERCD_IQEI, ==,
                    reason);
    g_assert_cmpuint(s->f->responses->len, ==, 0);
    /* take it back */
    s->queue->tail = (s->queue->tail + s->queue->bytes - 32) %
                     s->queue->bytes;
    guest_set_reg64(regs, SPEC_IQT, s->queue->tail);
    guest_set_reg32(regs, SPEC_FSTS, SPEC_FSTS_IQE);
    fixture_wait(s->f);
}

static void test_response_reserved(void)
{
    static const uint64_t reserved[4] = {
        SPEC_BITS(63, 52) | SPEC_BITS(8, 6),
        SPEC_BITS(63, 12) | SPEC_BITS(1, 0), UINT64_MAX, UINT64_MAX,
    };
    Pri p;

    start(&p, 0);
    for (unsigned i = 0; i < 256; i++) {
        uint64_t word[4] = { SPEC_INV_PAGE_RESPONSE, SPEC_INV_PRESP_HI_LPIG };
        uint64_t bit = SPEC_BIT(i % 64);

        if (reserved[i / 64] & bit) {
            word[i / 64] |= bit;
            stops(p.s, word, SPEC_IQEI_RESERVED);
        }
    }
    stop(&p);
}

/* Without the option there is none of this. */
static void test_off(void)
{
    ViommuVtdConfig config;
    Scalable *s;
    Pri p;

    scalable_config(&config);
    s = scalable_new(&config, SPEC_PGTT_FIRST, 4, PASID);
    p = (Pri) { .s = s, .f = s->f, .regs = &s->f->regs };
    g_assert_cmphex(guest_reg64(p.regs, SPEC_ECAP) &
                    (SPEC_ECAP_PRS | SPEC_ECAP_PDS), ==, 0);
    for (uint64_t at = SPEC_PQH; at <= SPEC_PEUADDR; at += 4) {
        guest_set_reg32(p.regs, at, UINT32_MAX);
        g_assert_cmphex(guest_reg32(p.regs, at), ==, 0);
    }
    stops(s, (uint64_t[4]) { SPEC_INV_PAGE_RESPONSE, SPEC_INV_PRESP_HI_LPIG },
          SPEC_IQEI_TYPE);
    stops(s, (uint64_t[4]) { SPEC_INV_WAIT | SPEC_INV_WAIT_PD },
          SPEC_IQEI_RESERVED);
    scalable_map(s, ADDR, 0x200000, 1);
    s->ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
    scalable_put_context(s);
    scalable_flush(s);
    scalable_fault(s, PASID, ADDR, SM_R, SPEC_FR_SM_CTX_RSVD);
    ask(&p, PASID, ADDR, SM_R, true, 4);
    answered(&p, PASID, 4, SPEC_PRESP_INVALID);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_FSTS) & 0xff, ==, 0);
    scalable_free(s);
}

static void test_registers(void)
{
    static const uint64_t writable[][2] = {
        { SPEC_PQH, SPEC_PQ_OFFSET }, { SPEC_PQT, SPEC_PQ_OFFSET },
        { SPEC_PQA, SPEC_PQA_ADDR | SPEC_PQA_PQS },
    };
    ViommuVtdConfig config;
    Fixture *f;

    config_pri(&config);
    f = fixture_new(&config);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_ECAP) &
                    (SPEC_ECAP_PRS | SPEC_ECAP_PDS), ==,
                    SPEC_ECAP_PRS | SPEC_ECAP_PDS);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_PECTL), ==, SPEC_ECTL_IM);
    for (size_t i = 0; i < G_N_ELEMENTS(writable); i++) {
        g_assert_cmphex(guest_reg64(&f->regs, writable[i][0]), ==, 0);
        guest_set_reg64(&f->regs, writable[i][0], UINT64_MAX);
        g_assert_cmphex(guest_reg64(&f->regs, writable[i][0]), ==,
                        writable[i][1]);
    }
    guest_set_reg32(&f->regs, SPEC_PRS, UINT32_MAX);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_PRS), ==, 0);
    guest_set_reg32(&f->regs, SPEC_PEDATA, UINT32_MAX);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_PEDATA), ==, 0xffff);
    guest_set_reg32(&f->regs, SPEC_PEADDR, UINT32_MAX);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_PEADDR), ==, 0xfffffffc);
    guest_set_reg32(&f->regs, SPEC_PEUADDR, UINT32_MAX);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_PEUADDR), ==, UINT32_MAX);
    viommu_reset(f->unit);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_PQA), ==, 0);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_PECTL), ==, SPEC_ECTL_IM);
    fixture_free(f);
}

static void test_config(void)
{
    ViommuVtdConfig config;
    GError *error = NULL;
    Fixture *f;

    /* with them, walks are said to snoop */
    fixture_config(&config);
    config.scalable_mode = config.first_stage = true;
    f = fixture_new(&config);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_ECAP) & SPEC_ECAP_SMPWCS, ==,
                    0);
    fixture_free(f);
    config.page_requests = true;
    f = fixture_new(&config);
    g_assert_cmphex(guest_reg64(&f->regs, SPEC_ECAP) & SPEC_ECAP_SMPWCS, ==,
                    SPEC_ECAP_SMPWCS);
    fixture_free(f);

    config_pri(&config);
    config.device_iotlb = false;
    g_assert_null(viommu_vtd_new(&config, fixture_ops(), NULL, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
    g_assert_cmpstr(error->message, ==,
                    "pri=on: allowed with device-iotlb=on only");
    g_clear_error(&error);
    fixture_config(&config);
    config.page_requests = true;
    g_assert_null(viommu_vtd_new(&config, fixture_ops(), NULL, &error));
    g_assert_cmpstr(error->message, ==,
                    "pri=on: allowed with x-scalable-mode=on only");
    g_clear_error(&error);
}

/* A wait that drains page requests comes back, whatever the queue is like. */
static void test_drain(void)
{
    Pri p;

    start(&p, 0);
    for (unsigned i = 0; i < ENTRIES + 3; i++) {
        ask(&p, PASID, ADDR, SM_R, true, i);
        guest_queue_drain(p.s->queue);
        guest_queue_ring(p.s->queue);
        g_assert_true(guest_queue_done(p.s->queue));
    }
    g_assert_cmphex(guest_reg32(p.regs, SPEC_FSTS), ==, 0);
    stop(&p);
}

/* The queue goes on in a unit that has loaded the state. */
static void test_state(void)
{
    GError *error = NULL;
    GBytes *stream;
    Pri p;

    start(&p, 0);
    guest_set_reg32(p.regs, SPEC_PECTL, (uint32_t)SPEC_ECTL_IM);
    ask(&p, PASID, ADDR, SM_R, true, 1);
    stream = viommu_save(p.f->unit);
    viommu_reset(p.f->unit);
    g_assert_cmphex(prs(&p), ==, 0);
    g_assert_true(viommu_load(p.f->unit, g_bytes_get_data(stream, NULL),
                              g_bytes_get_size(stream), &error));
    g_assert_cmphex(prs(&p), ==, SPEC_PRS_PPR);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 32);
    fixture_forget(p.f);
    guest_set_reg32(p.regs, SPEC_PECTL, 0);
    g_assert_cmpuint(fixture_msis(p.f), ==, 1);
    ask(&p, PASID, ADDR, SM_R, true, 2);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 64);
    g_bytes_unref(stream);
    stop(&p);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/page-request/descriptor", test_descriptor);
    g_test_add_func("/page-request/wrap", test_wrap);
    g_test_add_func("/page-request/event", test_event);
    g_test_add_func("/page-request/full", test_full);
    g_test_add_func("/page-request/private-data", test_private_data);
    g_test_add_func("/page-request/bad-queue", test_bad_queue);
    g_test_add_func("/page-request/readonly-queue", test_readonly_queue);
    g_test_add_func("/page-request/out-of-range", test_out_of_range);
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        char *path = g_strdup_printf("/page-request/refused/%s",
                                     refusals[i].name);

        g_test_add_data_func(path, &refusals[i], test_refusal);
        g_free(path);
    }
    g_test_add_func("/page-request/no-pasid", test_no_pasid);
    g_test_add_func("/page-request/modes", test_modes);
    g_test_add_func("/page-request/response", test_response);
    g_test_add_func("/page-request/response-reserved",
                    test_response_reserved);
    g_test_add_func("/page-request/off", test_off);
    g_test_add_func("/page-request/registers", test_registers);
    g_test_add_func("/page-request/config", test_config);
    g_test_add_func("/page-request/drain", test_drain);
    g_test_add_func("/page-request/state", test_state);
    return g_test_run();
}
