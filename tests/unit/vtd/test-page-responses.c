/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Page requests: responses of software, draining, registers, options, and
 * several endpoints at once [VTD 7.6.1] [VTD 7.10].
 */
#include "tests/lib/unit/pri.h"

#include <string.h>

/* --- Responses of software ----------------------------------------------- */

static void test_response(void)
{
    static const unsigned codes[] = { 0, 1, 7, 15 };
    const ViommuPageResponse *r;
    Pri p;

    pri_start(&p, 0);
    /* asked for or not */
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        guest_queue_page_response(p.s->queue, SM_SOURCE, PRI_PASID, 511,
                                  codes[i]);
        fixture_wait(p.f);
        pri_answered(&p, PRI_PASID, 511, codes[i]);
        guest_queue_page_response(p.s->queue, SM_SOURCE, SM_NONE, 0,
                                  codes[i]);
        fixture_wait(p.f);
        pri_answered(&p, SM_NONE, 0, codes[i]);
    }
    guest_queue_page_response(p.s->queue, 0xffff, 0xfffff, 3, 0);
    fixture_wait(p.f);
    r = pri_response(&p, 0);
    g_assert_cmphex(r->source, ==, 0xffff);
    g_assert_cmphex(r->pasid, ==, 0xfffff);
    g_array_set_size(p.f->responses, 0);

    guest_queue_push_wide(p.s->queue, (uint64_t[4]) {
        SPEC_INV_PAGE_RESPONSE | SPEC_INV_PRESP_PDP |
            (uint64_t)SM_SOURCE << SPEC_INV_PRESP_SID_SHIFT,
        2 << SPEC_INV_PRESP_HI_PRGI_SHIFT, 0x1234, UINT64_MAX });
    fixture_wait(p.f);
    r = pri_response(&p, 0);
    g_assert_cmpuint(r->group, ==, 2);
    g_assert_true(r->has_private_data);
    g_assert_cmphex(r->private_data[0], ==, 0x1234);
    g_assert_cmphex(r->private_data[1], ==, UINT64_MAX);
    g_assert_cmpuint(pri_stats(&p).page_responses_automatic, ==, 0);
    g_assert_cmpuint(pri_stats(&p).page_responses, ==, 10);
    pri_stop(&p);
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

    pri_start(&p, 0);
    for (unsigned i = 0; i < 256; i++) {
        uint64_t word[4] = { SPEC_INV_PAGE_RESPONSE, SPEC_INV_PRESP_HI_LPIG };
        uint64_t bit = SPEC_BIT(i % 64);

        if (reserved[i / 64] & bit) {
            word[i / 64] |= bit;
            stops(p.s, word, SPEC_IQEI_RESERVED);
        }
    }
    pri_stop(&p);
}

/* Without the option there is none of this. */
static void test_off(void)
{
    ViommuVtdConfig config;
    Scalable *s;
    Pri p;

    scalable_config(&config);
    s = scalable_new(&config, SPEC_PGTT_FIRST, 4, PRI_PASID);
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
    scalable_map(s, PRI_ADDR, 0x200000, 1);
    s->ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
    scalable_put_context(s);
    scalable_flush(s);
    scalable_fault(s, PRI_PASID, PRI_ADDR, SM_R, SPEC_FR_SM_CTX_RSVD);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 4);
    pri_answered(&p, PRI_PASID, 4, SPEC_PRESP_INVALID);
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

    pri_config(&config);
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

    pri_config(&config);
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

    pri_start(&p, 0);
    for (unsigned i = 0; i < PRI_ENTRIES + 3; i++) {
        pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, i);
        guest_queue_drain(p.s->queue);
        guest_queue_ring(p.s->queue);
        g_assert_true(guest_queue_done(p.s->queue));
    }
    g_assert_cmphex(guest_reg32(p.regs, SPEC_FSTS), ==, 0);
    pri_stop(&p);
}

/* The queue goes on in a unit that has loaded the state. */
static void test_state(void)
{
    GError *error = NULL;
    GBytes *stream;
    Pri p;

    pri_start(&p, 0);
    guest_set_reg32(p.regs, SPEC_PECTL, (uint32_t)SPEC_ECTL_IM);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 1);
    stream = viommu_save(p.f->unit);
    viommu_reset(p.f->unit);
    g_assert_cmphex(pri_status(&p), ==, 0);
    g_assert_true(viommu_load(p.f->unit, g_bytes_get_data(stream, NULL),
                              g_bytes_get_size(stream), &error));
    g_assert_cmphex(pri_status(&p), ==, SPEC_PRS_PPR);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 32);
    fixture_forget(p.f);
    guest_set_reg32(p.regs, SPEC_PECTL, 0);
    g_assert_cmpuint(fixture_msis(p.f), ==, 1);
    pri_ask(&p, PRI_PASID, PRI_ADDR, SM_R, true, 2);
    g_assert_cmphex(guest_reg64(p.regs, SPEC_PQT), ==, 64);
    g_bytes_unref(stream);
    pri_stop(&p);
}

/* --- Draining ------------------------------------------------------------ */

/* A context table beside RAM, which is slow to answer. */
#define SLOW    UINT64_C(0x100000000000)

typedef struct Slow {
    Pri p;
    int reading, go_on, draining, drained;
} Slow;

static int slow_read(Fixture *f, uint64_t addr, void *buf, size_t size)
{
    Slow *w = f->outside_opaque;

    g_assert_cmphex(addr, ==, SLOW + (SM_SOURCE & 0x7f) * SPEC_SM_CTX_SIZE);
    g_assert_cmpuint(size, ==, sizeof(w->p.s->ctx));
    for (unsigned i = 0; i < G_N_ELEMENTS(w->p.s->ctx); i++) {
        ((uint64_t *)buf)[i] = GUINT64_TO_LE(w->p.s->ctx[i]);
    }
    g_atomic_int_set(&w->reading, 1);
    while (!g_atomic_int_get(&w->go_on)) {
        g_usleep(100);
    }
    return 0;
}

static void *slow_asker(void *opaque)
{
    Slow *w = opaque;

    pri_ask(&w->p, PRI_PASID, PRI_ADDR, SM_R, true, 1);
    return NULL;
}

static void *drainer(void *opaque)
{
    Slow *w = opaque;

    g_atomic_int_set(&w->draining, 1);
    guest_queue_ring(w->p.s->queue);
    g_atomic_int_set(&w->drained, 1);
    return NULL;
}

/* A request whose context has been looked at is in the queue when a wait that
 * drains is done, though there was nothing to invalidate. */
static void test_drain_waits(void)
{
    Slow *w = g_new0(Slow, 1);
    GThread *threads[2];
    uint64_t word[4];

    pri_start(&w->p, 0);
    guest_write64(&w->p.f->mem, w->p.s->root + (SM_SOURCE >> 8) * 16 + 8,
                  SLOW | SPEC_ROOT_P);
    w->p.f->outside_read = slow_read;
    w->p.f->outside_opaque = w;
    threads[0] = g_thread_new("asker", slow_asker, w);
    while (!g_atomic_int_get(&w->reading)) {
        g_usleep(100);
    }
    guest_queue_drain(w->p.s->queue);
    threads[1] = g_thread_new("drainer", drainer, w);
    while (!g_atomic_int_get(&w->draining)) {
        g_usleep(100);
    }
    /* long enough to be through, but for waiting for the request */
    g_usleep(20000);
    g_assert_cmpint(g_atomic_int_get(&w->drained), ==, 0);
    g_assert_false(guest_queue_done(w->p.s->queue));
    g_atomic_int_set(&w->go_on, 1);
    g_thread_join(threads[1]);
    g_assert_true(guest_queue_done(w->p.s->queue));
    g_assert_true(guest_page_queue_pop(&w->p.queue, word));
    g_thread_join(threads[0]);
    pri_stop(&w->p);
    g_free(w);
}

/* --- Several endpoints at once ------------------------------------------- */

enum { ASKERS = 3 };

typedef struct Crowd {
    Pri p;
    int stop;
    unsigned asked[ASKERS];
} Crowd;

typedef struct Asker {
    Crowd *c;
    unsigned number;
} Asker;

static void *asker_main(void *opaque)
{
    Asker *a = opaque;
    unsigned n = 0;

    while (!g_atomic_int_get(&a->c->stop)) {
        uint64_t addr = (uint64_t)(n + 1) << 12;

        pri_ask(&a->c->p, PRI_PASID, addr, SM_R, true, a->number);
        n++;
    }
    a->c->asked[a->number] = n;
    return NULL;
}

/* Whole descriptors, and those of each endpoint in its order. */
static void take_all(Crowd *c, uint64_t last[ASKERS], unsigned *taken)
{
    uint64_t word[4];

    while (guest_page_queue_pop(&c->p.queue, word)) {
        uint64_t group = (word[1] & SPEC_PREQ_HI_PRGI) >>
                         SPEC_PREQ_HI_PRGI_SHIFT;

        g_assert_cmphex(word[0] & SPEC_PREQ_TYPE, ==, SPEC_PREQ_TYPE_PAGE);
        g_assert_cmpuint(group, <, ASKERS);
        g_assert_cmphex(word[1] & SPEC_PREQ_HI_ADDR, >, last[group]);
        last[group] = word[1] & SPEC_PREQ_HI_ADDR;
        ++*taken;
    }
    guest_set_reg32(c->p.regs, SPEC_PRS, SPEC_PRS_PRO | SPEC_PRS_PPR);
}

/* After PRE is gone, invalidated and drained, nothing more arrives. */
static void take_away(Crowd *c)
{
    Scalable *s = c->p.s;
    uint64_t tail;

    s->ctx[0] &= ~SPEC_SM_CTX_PRE;
    scalable_put_context(s);
    guest_queue_context(s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    guest_queue_drain(s->queue);
    guest_queue_ring(s->queue);
    g_assert_true(guest_queue_done(s->queue));
    tail = guest_reg64(c->p.regs, SPEC_PQT);
    for (unsigned i = 0; i < 500; i++) {
        g_assert_cmphex(guest_reg64(c->p.regs, SPEC_PQT), ==, tail);
    }
    s->ctx[0] |= SPEC_SM_CTX_PRE;
    scalable_put_context(s);
}

static void test_crowd(void)
{
    Crowd *c = g_new0(Crowd, 1);
    uint64_t last[ASKERS] = { 0 };
    unsigned taken = 0, asked = 0;
    GThread *threads[ASKERS];
    Asker askers[ASKERS];
    ViommuStats s;

    pri_start(&c->p, 0);
    for (unsigned i = 0; i < ASKERS; i++) {
        askers[i] = (Asker) { c, i };
        threads[i] = g_thread_new("asker", asker_main, &askers[i]);
    }
    for (unsigned i = 0; i < 200 * fixture_scale() || taken < 1000; i++) {
        take_all(c, last, &taken);
        if (i % 4 == 3) {
            take_away(c);
        }
    }
    g_atomic_int_set(&c->stop, 1);
    for (unsigned i = 0; i < ASKERS; i++) {
        g_thread_join(threads[i]);
        asked += c->asked[i];
    }
    take_all(c, last, &taken);
    s = pri_stats(&c->p);
    g_test_message("asked %u, taken %u, answered %u", asked, taken,
                   (unsigned)s.page_responses);
    g_assert_cmpuint(s.page_requests, ==, asked);
    g_assert_cmpuint(s.page_requests_lost, ==, 0);
    g_assert_cmpuint(taken + s.page_responses_automatic, ==, asked);
    g_assert_cmpuint(c->p.f->responses->len, ==, s.page_responses_automatic);
    pri_stop(&c->p);
    g_free(c);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/page-response/response", test_response);
    g_test_add_func("/page-response/response-reserved",
                    test_response_reserved);
    g_test_add_func("/page-response/off", test_off);
    g_test_add_func("/page-response/registers", test_registers);
    g_test_add_func("/page-response/config", test_config);
    g_test_add_func("/page-response/drain", test_drain);
    g_test_add_func("/page-response/state", test_state);
    g_test_add_func("/page-response/drain-waits", test_drain_waits);
    g_test_add_func("/page-response/crowd", test_crowd);
    return g_test_run();
}
