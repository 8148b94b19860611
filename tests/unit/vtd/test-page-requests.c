/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page requests: the queue, its events, and who is refused [VTD 7.4] [VTD 7.5].
 */
#include "tests/lib/unit/pri.h"

/* neither RAM nor anything else, and below 2^haw */
#define NOWHERE UINT64_C(0x100000000000)

/* --- The descriptor ------------------------------------------------------ */

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
    const uint64_t pasid = (uint64_t)PRI_PASID << SPEC_PREQ_PASID_SHIFT;
    ViommuPageRequest req = {
        .source = SM_SOURCE, .pasid = PRI_PASID, .addr = PRI_ADDR,
        .access = SM_W, .group = 3, .has_private_data = true,
        .private_data = { 0x1122334455667788, 0x99aabbccddeeff00 },
    };
    Pri p;

    pri_start(&p, 0);
    /* bits 11:0 of the address say nothing */
    pri_ask(&p, PRI_PASID, PRI_ADDR | 0xabc, SM_R, true, 0x155);
    expect(&p, 1 | SPEC_PREQ_PP | sid | pasid,
           PRI_ADDR | SPEC_PREQ_HI_READ | SPEC_PREQ_HI_LPIG | 0x155 << 3, 0, 0);
    pri_ask(&p, PRI_PASID, UINT64_MAX, SM_R | SM_W | SM_X | SM_P, false, 511);
    expect(&p, 1 | SPEC_PREQ_PP | sid | pasid | SPEC_PREQ_EXE |
               SPEC_PREQ_PRIV,
           SPEC_PREQ_HI_ADDR | SPEC_PREQ_HI_READ | SPEC_PREQ_HI_WRITE |
               SPEC_PREQ_HI_PRGI, 0, 0);
    /* execute and privilege come with a PRI_PASID only */
    pri_ask(&p, SM_NONE, 0, SM_W | SM_X | SM_P, true, 0);
    expect(&p, 1 | sid, SPEC_PREQ_HI_WRITE | SPEC_PREQ_HI_LPIG, 0, 0);
    viommu_page_request(p.f->unit, &req);
    expect(&p, 1 | SPEC_PREQ_PP | SPEC_PREQ_PDP | sid | pasid,
           PRI_ADDR | SPEC_PREQ_HI_WRITE | 3 << 3, 0x1122334455667788,
           0x99aabbccddeeff00);
    /* a stop marker, in its order */
    pri_ask(&p, PRI_PASID, 0, 0, true, 0);
    expect(&p, 1 | SPEC_PREQ_PP | sid | pasid, SPEC_PREQ_HI_LPIG, 0, 0);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    g_assert_cmpuint(pri_stats(&p).page_requests, ==, 5);
    g_assert_cmpuint(pri_stats(&p).page_requests_lost, ==, 0);
    pri_stop(&p);
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
        unsigned n = (PRI_ENTRIES << pqs) + 5;
        uint64_t word[4];
        Pri p;

        pri_start(&p, pqs);
        written = 0;
        p.f->ram_written = on_written;
        for (unsigned i = 0; i < n; i++) {
            pri_ask(&p, PRI_PASID, PRI_ADDR + i * 4096, SM_R, true, i % 512);
            g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==,
                            (i + 1) * 32 % (4096u << pqs));
            g_assert_true(guest_page_queue_pop(&p.queue, word));
            g_assert_cmphex(word[1] & SPEC_PREQ_HI_ADDR, ==,
                            PRI_ADDR + i * 4096);
        }
        g_assert_cmpuint(written, ==, n);
        pri_stop(&p);
    }
}

/* --- Events -------------------------------------------------------------- */

static void test_event(void)
{
    Pri p;

    pri_start(&p, 0);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 1);
    g_assert_cmphex(pri_status(&p), ==, SPEC_PRS_PPR);
    g_assert_cmpuint(fixture_msis(p.f), ==, 1);
    g_assert_cmphex(fixture_msi(p.f, 0).addr, ==, PRI_MSI);
    g_assert_cmphex(fixture_msi(p.f, 0).data, ==, 0x51);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_PECTL), ==, 0);
    /* pending: no second message */
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 2);
    g_assert_cmpuint(fixture_msis(p.f), ==, 1);
    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PPR);
    g_assert_cmphex(pri_status(&p), ==, 0);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 3);
    g_assert_cmpuint(fixture_msis(p.f), ==, 2);
    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PPR);

    /* masked: pending until unmasked, or until software has looked */
    guest_set_reg32(p.regs, SPEC_PECTL, (uint32_t)SPEC_ECTL_IM);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 4);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_PECTL), ==,
                    SPEC_ECTL_IM | SPEC_ECTL_IP);
    g_assert_cmpuint(fixture_msis(p.f), ==, 2);
    guest_set_reg32(p.regs, SPEC_PECTL, 0);
    g_assert_cmpuint(fixture_msis(p.f), ==, 3);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_PECTL), ==, 0);
    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PPR);
    guest_set_reg32(p.regs, SPEC_PECTL, (uint32_t)SPEC_ECTL_IM);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 5);
    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PPR);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_PECTL), ==, SPEC_ECTL_IM);
    guest_set_reg32(p.regs, SPEC_PECTL, 0);
    g_assert_cmpuint(fixture_msis(p.f), ==, 3);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    pri_stop(&p);
}

/* --- Overflow ------------------------------------------------------------ */

static void test_full(void)
{
    uint64_t word[4];
    Pri p;

    pri_start(&p, 0);
    for (unsigned i = 0; i < PRI_ENTRIES - 1; i++) {
        pri_ask(&p, PRI_PASID, PRI_ADDR + i * 4096, SM_R, true, i);
    }
    g_assert_cmphex(pri_status(&p), ==, SPEC_PRS_PPR);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, (PRI_ENTRIES - 1) * 32);
    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PPR);
    fixture_forget(p.f);

    /* one entry stays free */
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, false, 400);
    g_assert_cmphex(pri_status(&p), ==, SPEC_PRS_PRO);
    g_assert_cmpuint(fixture_msis(p.f), ==, 1);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    g_assert_cmpuint(pri_stats(&p).page_requests_lost, ==, 1);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 400);
    pri_answered(&p, PRI_PASID, 400, SPEC_PRESP_SUCCESS);
    /* a stop marker is not answered */
    pri_ask(&p, PRI_PASID, 0, 0, true, 0);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, (PRI_ENTRIES - 1) * 32);

    /* room alone does not help */
    for (unsigned i = 0; i < PRI_ENTRIES - 1; i++) {
        g_assert_true(guest_page_queue_pop(&p.queue, word));
        g_assert_cmphex(word[1] & SPEC_PREQ_HI_ADDR, ==, PRI_ADDR + i * 4096);
    }
    pri_ask(&p, SM_NONE, PRI_ADDR, SM_W, true, 7);
    pri_answered(&p, SM_NONE, 7, SPEC_PRESP_SUCCESS);
    g_assert_false(guest_page_queue_pop(&p.queue, word));
    g_assert_cmpuint(fixture_msis(p.f), ==, 1);

    guest_set_reg32(p.regs, SPEC_PRS, SPEC_PRS_PRO);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_W, true, 8);
    g_assert_cmphex(pri_status(&p), ==, SPEC_PRS_PPR);
    g_assert_true(guest_page_queue_pop(&p.queue, word));
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    g_assert_cmpuint(fixture_msis(p.f), ==, 2);
    g_assert_cmpuint(pri_stats(&p).page_responses_automatic, ==, 2);
    g_assert_cmpuint(pri_stats(&p).page_responses, ==, 2);
    g_assert_cmpuint(pri_stats(&p).page_requests_lost, ==, 2);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_FSTS), ==, 0);
    pri_stop(&p);
}

/* What the endpoint gave with the request comes back, last or not. */
static void test_private_data(void)
{
    ViommuPageRequest req = {
        .source = SM_SOURCE, .pasid = PRI_PASID, .addr = PRI_ADDR,
        .access = SM_W, .group = 3,
        .has_private_data = true, .private_data = { 5, 6 },
    };
    const ViommuPageResponse *r;
    Pri p;

    pri_start(&p, 0);
    guest_set_reg64(p.regs, SPEC_PQA, 0);
    viommu_page_request(p.f->unit, &req);
    r = pri_response(&p, 0);
    g_assert_cmpuint(r->code, ==, SPEC_PRESP_INVALID);
    g_assert_true(r->has_private_data);
    g_assert_cmphex(r->private_data[0], ==, 5);
    g_assert_cmphex(r->private_data[1], ==, 6);
    pri_stop(&p);
}

/* --- Queues that cannot be ----------------------------------------------- */

static void test_bad_queue(void)
{
    const uint64_t own = UINT64_C(0xfed90000);
    uint64_t page, before;
    Pri p;

    pri_start(&p, 0);
    page = p.queue.addr;
    /* no queue: Linux says so by an address of 0, too */
    guest_set_reg64(p.regs, SPEC_PQA, 0);
    before = guest_read64(&p.f->mem, 0);
    pri_refused(&p, SPEC_PRESP_INVALID);
    g_assert_cmphex(guest_read64(&p.f->mem, 0), ==, before);

    guest_set_reg64(p.regs, SPEC_PQA, NOWHERE);
    pri_refused(&p, SPEC_PRESP_FAILURE);
    guest_set_reg64(p.regs, SPEC_PQA, SPEC_PQA_ADDR);
    pri_refused(&p, SPEC_PRESP_FAILURE);
    guest_set_reg64(p.regs, SPEC_PQT, 32);
    guest_set_reg64(p.regs, SPEC_PQA, FIXTURE_RAM | 7);
    pri_refused(&p, SPEC_PRESP_FAILURE);
    guest_set_reg64(p.regs, SPEC_PQT, 0);

    /* something that takes writes, such as the unit's own registers */
    p.f->outside_result = 0;
    p.f->outside_value = 0x77;
    guest_set_reg64(p.regs, SPEC_PQA, own);
    pri_refused(&p, SPEC_PRESP_FAILURE);
    g_assert_cmphex(p.f->outside_value, ==, 0x77);

    guest_set_reg64(p.regs, SPEC_PQA, page);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 1);
    g_assert_cmphex(pri_status(&p), ==, SPEC_PRS_PPR);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    pri_stop(&p);
}

static void test_readonly_queue(void)
{
    ViommuRam ram[3];
    Pri p;

    pri_start(&p, 0);
    ram[0] = (ViommuRam) { .addr = 0, .size = p.queue.addr,
                           .host = p.f->ram.host };
    ram[1] = (ViommuRam) { .addr = p.queue.addr, .size = 4096,
                           .host = p.f->ram.host + p.queue.addr,
                           .readonly = true };
    ram[2] = (ViommuRam) { .addr = p.queue.addr + 4096,
                           .size = FIXTURE_RAM - p.queue.addr - 4096,
                           .host = p.f->ram.host + p.queue.addr + 4096 };
    g_assert_cmpint(viommu_set_ram(p.f->unit, ram, 3), ==, 0);
    pri_refused(&p, SPEC_PRESP_FAILURE);
    g_assert_cmphex(guest_read64(&p.f->mem, p.queue.addr), ==, 0);
    pri_stop(&p);
}

/* Head and tail beyond the queue, at any multiple of 32: never a write
 * beside it. */
static void test_out_of_range(void)
{
    uint64_t page, before, after;
    Pri p;

    pri_start(&p, 0);
    page = p.queue.addr;
    before = guest_read64(&p.f->mem, page - 8);
    after = guest_read64(&p.f->mem, page + 4096);
    guest_set_reg64(p.regs, SPEC_PQT, UINT64_MAX);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, SPEC_PQ_OFFSET);
    guest_set_reg64(p.regs, SPEC_PQH, 4096 + 64);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 1);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 0);
    g_assert_cmphex(guest_read64(&p.f->mem, page + 4096 - 32) & 0xff, ==, 1);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 2);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 32);
    /* the head counts as 64 */
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 3);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 32);
    g_assert_cmphex(pri_status(&p), ==, SPEC_PRS_PPR | SPEC_PRS_PRO);
    pri_answered(&p, PRI_PASID, 3, SPEC_PRESP_SUCCESS);
    g_assert_cmphex(guest_read64(&p.f->mem, page - 8), ==, before);
    g_assert_cmphex(guest_read64(&p.f->mem, page + 4096), ==, after);
    pri_stop(&p);
}

/* --- Contexts ------------------------------------------------------------ */

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
    g_assert_cmphex(guest_reg64(p->regs, at), ==, PRI_ADDR);
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

    pri_start(&p, 0);
    at = t->where == AT_ROOT ? p.s->root + (SM_SOURCE >> 8) * 16 + 8
         : guest_sm_context_addr(p.s->alloc, p.s->root, SM_SOURCE) +
           8 * t->word;
    word = guest_read64(&p.f->mem, at);
    guest_write64(&p.f->mem, at, (word & ~t->clear) | t->set);
    pri_ask(&p, pasid, PRI_ADDR | 8, SM_W, true, 77);
    pri_answered(&p, pasid, 77, t->code);
    recorded(&p, pasid, t->reason, 0);
    pri_ask(&p, pasid, PRI_ADDR, SM_R | SM_P, false, 77);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    recorded(&p, pasid, t->reason, SPEC_FRCD_HI_PRIV);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 0);
    g_assert_cmphex(pri_status(&p), ==, 0);

    if (t->where == AT_CONTEXT) {
        guest_write64(&p.f->mem, at, (word & ~t->clear) | t->set |
                                     SPEC_SM_CTX_FPD);
        pri_ask(&p, pasid, PRI_ADDR, SM_W, true, 78);
        pri_answered(&p, pasid, 78, t->code);
        g_assert_cmphex(guest_reg32(p.regs, SPEC_FSTS) & 0xff, ==, 0);
    }
    /* who is in order is served */
    guest_write64(&p.f->mem, at, word);
    pri_ask(&p, pasid, PRI_ADDR, SM_W, true, 79);
    g_assert_cmphex(pri_status(&p), ==, SPEC_PRS_PPR);
    g_assert_cmpuint(p.f->responses->len, ==, 0);
    pri_stop(&p);
}

static void test_no_pasid(void)
{
    Pri p;

    pri_start(&p, 0);
    p.s->ctx[0] &= ~(SPEC_SM_CTX_PASIDE | SPEC_SM_CTX_PRE);
    scalable_put_context(p.s);
    pri_ask(&p, SM_NONE, PRI_ADDR, SM_R | SM_X, true, 1);
    pri_answered(&p, SM_NONE, 1, SPEC_PRESP_INVALID);
    recorded(&p, SM_NONE, SPEC_FR_SM_PRE, 0);
    p.s->ctx[0] |= SPEC_SM_CTX_PRE;
    scalable_put_context(p.s);
    pri_ask(&p, SM_NONE, PRI_ADDR, SM_R, true, 2);
    g_assert_cmphex(pri_status(&p), ==, SPEC_PRS_PPR);
    pri_stop(&p);
}

static void test_modes(void)
{
    Pri p;

    pri_start(&p, 0);
    g_assert_true(guest_set_root(p.regs, p.s->root));
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 1);
    pri_answered(&p, PRI_PASID, 1, SPEC_PRESP_INVALID);
    recorded(&p, PRI_PASID, SPEC_FR_SM_ROOT_TTM_PAGE, 0);
    g_assert_true(guest_set_root(p.regs, p.s->root |
                                         2 << SPEC_RTADDR_TTM_SHIFT));
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 1);
    pri_answered(&p, PRI_PASID, 1, SPEC_PRESP_FAILURE);
    recorded(&p, PRI_PASID, SPEC_FR_SM_ROOT_TTM, 0);
    g_assert_true(guest_set_root(p.regs, p.s->root |
                                 SPEC_TTM_ABORT << SPEC_RTADDR_TTM_SHIFT));
    pri_refused(&p, SPEC_PRESP_INVALID);
    g_assert_true(guest_set_root(p.regs, p.s->root |
                                 SPEC_TTM_SCALABLE << SPEC_RTADDR_TTM_SHIFT));
    g_assert_true(guest_command(p.regs, 0, SPEC_GCMD_TE));
    pri_refused(&p, SPEC_PRESP_INVALID);
    g_assert_cmphex(guest_reg32(p.regs, SPEC_FSTS) & 0xff, ==, 0);
    g_assert_true(guest_command(p.regs, SPEC_GCMD_TE, 0));
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 1);
    g_assert_cmphex(pri_status(&p), ==, SPEC_PRS_PPR);
    pri_stop(&p);
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
    return g_test_run();
}
