/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A storm of page requests from a host device: four PASIDs, answers out of
 * order, and a queue that overflows.  No answer is lost, and none comes twice.
 */
#include <string.h>

#include "tests/lib/unit/host-world.h"

#define REQUESTS    100000u
#define PASIDS      4u
#define ROUND       48u     /* that are under way at once, at most */

/* Page requests that the device may have under way. */
#define CREDIT      64u
#define TAKEN       5u

typedef struct Storm {
    Host h;
    uint32_t seed;
    unsigned sent, overflows;
    uint64_t head;          /* of the queue, which the register knows later */
    /* what the guest has taken out and not answered: PASID << 16 | group */
    uint32_t waiting[4096];
    unsigned n_waiting;
    /* the index is the function's, whatever the PASID (PCIe 10.4.1) */
    bool busy[VIOMMU_PAGE_GROUPS];
} Storm;

static uint32_t draw(Storm *s, uint32_t below)
{
    s->seed = s->seed * 1664525 + 1013904223;
    return (s->seed >> 8) % below;
}

static uint32_t pasid_of(unsigned i)
{
    return PRI_PASID + i;
}

/* The device asks; a group of one to three pages. */
static void ask(Storm *s)
{
    unsigned pasid = draw(s, PASIDS), group = draw(s, VIOMMU_PAGE_GROUPS);
    unsigned pages = 1 + draw(s, 3);

    if (s->busy[group] ||
        host_get(&s->h, 0, TD_PAGE_OUTSTANDING) + pages > CREDIT) {
        return;
    }
    s->busy[group] = true;
    for (unsigned i = 0; i < pages; i++) {
        host_page_request(&s->h, 0, pasid_of(pasid), HOST_VA + i * HOST_PAGE,
                          TD_REQUEST_READ | TD_REQUEST_GROUP(group) |
                          (i == pages - 1 ? TD_REQUEST_LAST : 0));
        s->sent++;
    }
}

/*
 * The guest looks at requests, and tells the unit now and then that it has, so
 * that the queue of 128 entries overflows.  Then it does what a driver does.
 */
static void take(Storm *s, unsigned max)
{
    const GuestRegs *regs = &s->h.f->regs;
    const GuestPageQueue *queue = &s->h.queue;
    bool overflow = guest_reg32(regs, SPEC_PRS) & SPEC_PRS_PRO;

    for (unsigned i = 0; i < max; i++) {
        uint64_t at = queue->addr + s->head, word[2];

        if (s->head == guest_reg64(regs, SPEC_PQT)) {
            break;
        }
        word[0] = guest_read64(&queue->mem, at);
        word[1] = guest_read64(&queue->mem, at + 8);
        s->head = (s->head + SPEC_PREQ_SIZE) % queue->bytes;
        if (word[1] & SPEC_PREQ_HI_LPIG) {
            uint32_t pasid = word[0] >> SPEC_PREQ_PASID_SHIFT & 0xfffff;

            g_assert_cmpuint(s->n_waiting, <, G_N_ELEMENTS(s->waiting));
            s->waiting[s->n_waiting++] =
                (pasid - PRI_PASID) << 16 |
                (word[1] >> SPEC_PREQ_HI_PRGI_SHIFT & 0x1ff);
        }
    }
    if (overflow || !draw(s, 64)) {
        guest_set_reg64(regs, SPEC_PQH, s->head);
    }
    if (overflow) {
        s->overflows++;
        guest_set_reg32(regs, SPEC_PRS, SPEC_PRS_PRO | SPEC_PRS_PPR);
    }
}

/* Some answers, in any order. */
static void answer(Storm *s, unsigned max)
{
    for (unsigned i = 0; i < max && s->n_waiting; i++) {
        unsigned at = draw(s, s->n_waiting);
        uint32_t name = s->waiting[at];

        s->waiting[at] = s->waiting[--s->n_waiting];
        guest_queue_page_response(s->h.s->queue, SM_SOURCE,
                                  pasid_of(name >> 16), name & 0xffff,
                                  draw(s, 2));
    }
    fixture_wait(s->h.f);
}

/* Which groups the device may use again: it had as many answers as it had
 * requests, so none is under way. */
static void settle(Storm *s)
{
    do {
        host_run(&s->h);
        take(s, UINT32_MAX);
        answer(s, UINT32_MAX);
    } while (s->n_waiting);
    g_assert_cmpuint(host_get(&s->h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    memset(s->busy, 0, sizeof(s->busy));
}

static void test_storm(void)
{
    unsigned total = REQUESTS * fixture_scale(), rounds = 0;
    ViommuHostStats stats;
    ViommuStats unit;
    Storm *s = g_new0(Storm, 1);
    Host *h = &s->h;

    s->seed = g_test_rand_int();
    host_start(h);
    for (unsigned i = 1; i < PASIDS; i++) {
        scalable_put_pasid(h->s, pasid_of(i));
    }
    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    fixture_wait(h->f);
    while (s->sent < total) {
        for (unsigned i = 0; i < ROUND; i++) {
            ask(s);
            if (!draw(s, 8)) {
                host_run(h);
            }
            if (!draw(s, 16)) {
                take(s, TAKEN);
                answer(s, draw(s, 8));
            }
        }
        if (!draw(s, 4)) {
            settle(s);
        }
        rounds++;
    }
    settle(s);
    stats = host_stats(h);
    viommu_get_stats(h->f->unit, &unit);
    g_test_message("%u requests in %u rounds, %u overflows; %u answers, of "
                   "which %u of the unit", s->sent, rounds, s->overflows,
                   (unsigned)stats.page_responses,
                   (unsigned)unit.page_responses_automatic);
    g_assert_cmpuint(unit.page_responses, ==, stats.page_responses);
    g_assert_cmpuint(unit.page_responses_automatic, >, 100);
    g_assert_cmpuint(s->overflows, >, 100);
    g_assert_cmpuint(stats.page_requests, ==, s->sent);
    /* The endpoint counts requests of which the answer has come. */
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_REQUESTS), ==, s->sent);
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_UNEXPECTED), ==, 0);
    host_end(h);
    g_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-storm/storm", test_storm);
    return g_test_run();
}
