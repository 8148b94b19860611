/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev's core: page requests, and commands that wait for pages,
 * without a unit.
 */
#include <string.h>

#include "tests/lib/unit/endpoint.h"

#define NONE VIOMMU_NO_PASID
#define RW   (VIOMMU_READ | VIOMMU_WRITE)
#define R    VIOMMU_READ
#define W    VIOMMU_WRITE

static void test_wait(void)
{
    Ep *ep = ep_waiting();

    g_assert_cmphex(ep->page_request.addr, ==, 0x6000);
    g_assert_cmphex(ep->page_request.access, ==, R);
    g_assert_cmphex(ep->page_request.pasid, ==, NONE);
    g_assert_true(ep->page_request.last);
    g_assert_false(ep->page_request.has_private_data);
    g_assert_cmphex(ep_get(ep, TD_PAGE_WAIT), ==,
                    0x6001 | ep->page_request.group << 1);
    g_assert_cmpuint(ep->interrupts, ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_COMMANDS), ==, 0);
    /* nothing goes on by itself */
    viommu_testdev_run(ep->dev);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);

    ep->page[6].access = R;
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    g_assert_cmpuint(ep->runs_wanted, ==, 1);
    /* registers are for the next command */
    ep_set(ep, TD_SRC, 0);
    ep_set(ep, TD_LENGTH, 1);
    ep_set(ep, TD_CONTROL, 0);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    g_assert_cmpuint(ep_get(ep, TD_DONE), ==, 0x3000);
    g_assert_cmphex(ep_get(ep, TD_PAGE_WAIT), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_REQUESTS), ==, 1);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_RESPONSES), ==, 1);
    g_assert_cmpuint(ep_get(ep, TD_COMMANDS), ==, 1);
    g_assert_cmpuint(ep->interrupts, ==, 1);
    for (unsigned i = 0; i < 0x3000; i++) {
        g_assert_cmphex(viommu_testdev_read(ep->dev, TD_BUFFER + i, 1), ==,
                        (uint8_t)(i * 7 + i / 256));
    }
    /* calls without need */
    viommu_testdev_run(ep->dev);
    g_assert_cmpuint(ep->interrupts, ==, 1);
    ep_free(ep);
}

/* --- As if nothing had happened ---- */

/* The table of pages from which the endpoint's accesses come into being. */
static void give(Ep *ep)
{
    const ViommuPageRequest *req = &ep->page_request;

    ep->page[req->addr / EP_PAGE].access |= req->access & RW;
}

static void give_at_once(Ep *ep)
{
    give(ep);
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
}

/* Registers for one command of each kind. */
static void prepare(Ep *ep, unsigned which)
{
    static const uint64_t list[] = {
        0x40ff0, 0x60008, 0x2100, 0,
        UINT64_MAX, 0x70ffd, 0x1801, 0,
        0x47001, 0x7f003, 0x1, 0,
        UINT64_MAX, 0x90000, 0x20000, 0,
    };

    for (unsigned i = 0; i < sizeof(list); i++) {
        /* crosses a page */
        *ep_at(ep, 0x30ff0 + i) = list[i / 8] >> (8 * (i & 7));
    }
    for (unsigned i = 0; i < 0x20000; i++) {
        *ep_at(ep, 0x40000 + i) = i * 31 + i / 4096;
    }
    for (unsigned i = 0; i < 0x2000 / 8; i++) {
        uint64_t word = GUINT64_TO_LE(testdev_pattern(0x1234567, i));

        memcpy(ep_at(ep, 0xa0000 + 8 * i), &word, 8);
    }
    for (unsigned i = 0; i < 0x8000; i += 8) {
        ep_set(ep, TD_BUFFER + i, i * 0x0101010101010101ull);
    }
    ep_set(ep, TD_SRC, which == 4 ? 0xa0000 : 0x40123);
    ep_set(ep, TD_DST, 0xc0ff1);
    ep_set(ep, TD_LENGTH, which == 4 ? 0x2000 : 0x7654);
    ep_set(ep, TD_PATTERN, 0x1234567);
    ep_set(ep, TD_LOOP_COUNT, 1000);
    ep_set(ep, TD_LOOP_SIZE, 24);
    ep_set(ep, TD_LOOP_STRIDE, 0xff5);
    ep_set(ep, TD_LOOP_FLAGS, which >= 5 ? which - 5 : 0);
    ep_set(ep, TD_SG_ADDR, 0x30ff0);
    ep_set(ep, TD_SG_COUNT, 4);
}

static void run_one(Ep *ep, unsigned which)
{
    static const TestdevCommand commands[] = {
        TD_READ, TD_WRITE, TD_COPY, TD_FILL, TD_VERIFY,
        TD_LOOP, TD_LOOP, TD_LOOP, TD_LOOP, TD_SG,
    };

    ep_run(ep, commands[which]);
}

#define KINDS 10

static void compare(Ep *a, Ep *b)
{
    for (unsigned reg = TD_STATUS; reg <= TD_COMMANDS; reg += 8) {
        if (reg != TD_LOOP_NS) {
            g_assert_cmphex(ep_get(a, reg), ==, ep_get(b, reg));
        }
    }
    for (unsigned i = 0; i < 0x8000; i += 8) {
        g_assert_cmphex(ep_get(a, TD_BUFFER + i), ==,
                        ep_get(b, TD_BUFFER + i));
    }
    g_assert_cmpint(memcmp(a->memory, b->memory, EP_MEMORY), ==, 0);
}

static void hide(Ep *ep)
{
    for (unsigned i = 0; i < EP_PAGES; i++) {
        ep->page[i].access = 0;
    }
}

static void test_as_if(void)
{
    for (unsigned which = 0; which < KINDS; which++) {
        Ep *plain = ep_start(), *later = ep_start(), *at_once = ep_start();
        unsigned waits = 0;

        prepare(plain, which);
        ep_set(plain, TD_CONTROL, 0);
        run_one(plain, which);
        ep_set(plain, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
        g_assert_cmpuint(ep_why(plain), ==, TD_OK);
        g_assert_cmpuint(plain->translations, ==, 0);
        g_assert_cmpuint(ep_get(plain, TD_DONE), >, 4000);

        prepare(later, which);
        hide(later);
        run_one(later, which);
        while (ep_why(later) == TD_WAITS) {
            g_assert_cmpuint(waits++, <, 1000);
            give(later);
            ep_respond(later, VIOMMU_PAGE_SUCCESS);
            ep_go_on(later);
        }
        g_assert_cmpuint(waits, >, 1);
        g_assert_cmpuint(later->page_requests, ==, waits);
        compare(plain, later);
        g_assert_cmpuint(plain->dmas, ==, later->dmas);

        prepare(at_once, which);
        hide(at_once);
        at_once->on_page_request = give_at_once;
        run_one(at_once, which);
        g_assert_cmpuint(ep_why(at_once), ==, TD_OK);
        g_assert_cmpuint(at_once->runs_wanted, ==, 0);
        g_assert_cmpuint(at_once->page_requests, ==, waits);
        compare(plain, at_once);
        g_assert_cmpuint(ep_get(later, TD_STALE_USES), ==, 0);

        ep_free(plain);
        ep_free(later);
        ep_free(at_once);
    }
}

/* --- How else it can end ---- */

static void test_invalid(void)
{
    Ep *ep = ep_waiting();

    ep_respond(ep, VIOMMU_PAGE_INVALID);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_PAGE_INVALID);
    g_assert_cmphex(ep_get(ep, TD_FAULT_ADDR), ==, 0x6000);
    g_assert_cmpuint(ep_get(ep, TD_DONE), ==, 0x1000);
    g_assert_cmpuint(ep->interrupts, ==, 1);
    g_assert_cmphex(ep_pri_status(ep), ==, TD_PRI_PASID);
    /* and page requests go on */
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_WAITS);
    ep_free(ep);
}

static void check_failure(unsigned code)
{
    Ep *ep = ep_waiting();

    ep_respond(ep, code);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_PAGE_FAILURE);
    g_assert_cmphex(ep_get(ep, TD_FAULT_ADDR), ==, 0x6000);
    g_assert_cmphex(ep_pri_status(ep), ==,
                    TD_PRI_PASID | TD_PRI_RF | TD_PRI_STOPPED);
    /* no more of them */
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_PAGE_FAILURE);
    g_assert_cmpuint(ep->page_requests, ==, 1);
    ep_run(ep, TD_PAGE_REQUEST);
    g_assert_cmpuint(ep_why(ep), ==, TD_PAGE_FAILURE);
    /* responses are ignored */
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    g_assert_cmphex(ep_pri_status(ep) & TD_PRI_UPRGI, ==, 0);
    /* until software starts it anew */
    ep_set_config(ep, ep_pri(ep, TD_PRI_CTRL), 0, 2);
    g_assert_cmphex(ep_pri_status(ep) & TD_PRI_RF, ==, TD_PRI_RF);
    ep_set_config(ep, ep_pri(ep, TD_PRI_CTRL), TD_PRI_ENABLE, 2);
    g_assert_cmphex(ep_pri_status(ep), ==, TD_PRI_PASID);
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_WAITS);
    ep_free(ep);
}

static void test_failure(void)
{
    check_failure(VIOMMU_PAGE_FAILURE);
    /* reserved */
    check_failure(2);
    check_failure(14);
}

/* A failure of another group ends it all. */
static void test_failure_of_another(void)
{
    Ep *ep = ep_start();

    ep->page[6].access = 0;
    ep_set(ep, TD_SRC, 0x9000);
    ep_set(ep, TD_REQUEST, TD_REQUEST_READ | TD_REQUEST_LAST |
           TD_REQUEST_GROUP(300));
    ep_run(ep, TD_PAGE_REQUEST);
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_WAITS);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 2);
    ep_respond_to(ep, NONE, 300, VIOMMU_PAGE_FAILURE);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_PAGE_FAILURE);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 0);
    /* but not what was answered before */
    ep_set_config(ep, ep_pri(ep, TD_PRI_STATUS), TD_PRI_RF, 2);
    ep_run(ep, TD_PAGE_REQUEST);
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_WAITS);
    ep->page[6].access = RW;
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    ep_respond_to(ep, NONE, 300, VIOMMU_PAGE_FAILURE);
    g_assert_cmpuint(ep->runs_wanted, ==, 1);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    ep->page[6].access = 0;
    ep_run(ep, TD_FLUSH);
    /* RF is cleared by writing 1, without a new start */
    ep_set_config(ep, ep_pri(ep, TD_PRI_STATUS), TD_PRI_RF, 2);
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_WAITS);
    ep_free(ep);
}

static void succeed(Ep *ep)
{
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
}

/* Success, but the page is not there: not for ever. */
static void test_tries(void)
{
    Ep *ep = ep_waiting();
    unsigned turns = 0;

    while (ep_why(ep) == TD_WAITS) {
        g_assert_cmpuint(turns++, <, 100);
        succeed(ep);
        ep_go_on(ep);
    }
    g_assert_cmpuint(ep_why(ep), ==, TD_TRIES);
    g_assert_cmpuint(ep->page_requests, ==, 8);
    ep->on_page_request = succeed;
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_TRIES);
    g_assert_cmpuint(ep->page_requests, ==, 16);
    /* the next access has its own */
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_TRIES);
    g_assert_cmpuint(ep->page_requests, ==, 24);
    ep_free(ep);
}

static void test_loop_failures(void)
{
    Ep *ep = ep_start();

    ep->page[6].access = 0;
    ep_set(ep, TD_SRC, 0x5000);
    ep_set(ep, TD_LENGTH, 0x3000);
    ep_set(ep, TD_LOOP_SIZE, 8);
    ep_set(ep, TD_LOOP_COUNT, 6);
    ep_set(ep, TD_LOOP_STRIDE, 0x1000);
    ep_run(ep, TD_LOOP);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    ep_respond(ep, VIOMMU_PAGE_INVALID);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    ep_respond(ep, VIOMMU_PAGE_FAILURE);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    g_assert_cmpuint(ep_get(ep, TD_STATUS) >> 8 & 0xff, ==, TD_PAGE_INVALID);
    g_assert_cmpuint(ep_get(ep, TD_LOOP_FAILURES), ==, 2);
    g_assert_cmpuint(ep_get(ep, TD_DONE), ==, 32);
    g_assert_cmpuint(ep_get(ep, TD_LOOP_NS), >, 0);
    ep_free(ep);

    /* ABORT is the result, not what the loop met before */
    ep = ep_start();
    ep->page[6].access = 0;
    ep_set(ep, TD_SRC, 0x6000);
    ep_set(ep, TD_LENGTH, 8);
    ep_set(ep, TD_LOOP_SIZE, 8);
    ep_set(ep, TD_LOOP_COUNT, 3);
    ep_run(ep, TD_LOOP);
    ep_respond(ep, VIOMMU_PAGE_INVALID);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    ep_run(ep, TD_ABORT);
    g_assert_cmpuint(ep_why(ep), ==, TD_ABORTED);
    g_assert_cmpuint(ep_get(ep, TD_LOOP_FAILURES), ==, 1);
    ep_free(ep);
}

/* --- What software does meanwhile ---- */

static void test_abort(void)
{
    Ep *ep = ep_waiting();
    uint16_t group = ep->page_request.group;

    ep_run(ep, TD_INTERRUPT);
    ep_run(ep, TD_READ);
    ep_run(ep, 0xdead);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    g_assert_cmpuint(ep_get(ep, TD_REFUSED), ==, 3);
    g_assert_cmpuint(ep->interrupts, ==, 0);
    ep_run(ep, TD_ABORT);
    g_assert_cmpuint(ep_why(ep), ==, TD_ABORTED);
    g_assert_cmpuint(ep_get(ep, TD_DONE), ==, 0x1000);
    g_assert_cmpuint(ep->interrupts, ==, 1);
    g_assert_cmpuint(ep_get(ep, TD_COMMANDS), ==, 1);
    /* nothing to abort: nothing happens */
    ep_run(ep, TD_ABORT);
    g_assert_cmpuint(ep_why(ep), ==, TD_ABORTED);
    g_assert_cmpuint(ep_get(ep, TD_COMMANDS), ==, 1);
    g_assert_cmpuint(ep->interrupts, ==, 1);

    /* its group is in use until the response */
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 1);
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_WAITS);
    g_assert_cmpuint(ep->page_request.group, !=, group);
    ep_respond_to(ep, NONE, group, VIOMMU_PAGE_SUCCESS);
    g_assert_cmpuint(ep->runs_wanted, ==, 0);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 1);
    g_assert_cmphex(ep_pri_status(ep), ==, TD_PRI_PASID);

    /* aborted between the response and the run */
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    ep_run(ep, TD_ABORT);
    g_assert_cmpuint(ep_why(ep), ==, TD_ABORTED);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_ABORTED);
    g_assert_cmpuint(ep_get(ep, TD_COMMANDS), ==, 2);
    ep_free(ep);
}

static void test_ats_off(void)
{
    Ep *ep = ep_waiting();

    ep_set_config(ep, ep_find(ep, TD_CAP_ATS) + TD_ATS_CTRL, 0, 2);
    g_assert_cmpuint(ep_why(ep), ==, TD_NOT_ENABLED);
    g_assert_cmpuint(ep->interrupts, ==, 1);
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    g_assert_cmpuint(ep->runs_wanted, ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 0);
    ep_free(ep);
}

static void test_pri_off(void)
{
    Ep *ep = ep_waiting();

    /* off: what is outstanding stays so */
    ep_set_config(ep, ep_pri(ep, TD_PRI_CTRL), 0, 2);
    g_assert_cmphex(ep_pri_status(ep), ==, TD_PRI_PASID);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    ep->page[6].access = R;
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    g_assert_cmphex(ep_pri_status(ep), ==, TD_PRI_PASID | TD_PRI_STOPPED);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    ep_free(ep);

    ep = ep_waiting();
    ep_set_config(ep, ep_pri(ep, TD_PRI_CTRL), 0, 2);
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_NOT_PERMITTED);
    g_assert_cmpuint(ep->page_requests, ==, 1);
    ep_free(ep);

    /* reset, which works only while it is off */
    ep = ep_waiting();
    ep_set_config(ep, ep_pri(ep, TD_PRI_CTRL), TD_PRI_ENABLE | TD_PRI_RESET,
                  2);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 1);
    ep_set_config(ep, ep_pri(ep, TD_PRI_CTRL), TD_PRI_RESET, 2);
    g_assert_cmphex(ep_config(ep, ep_pri(ep, TD_PRI_CTRL), 2), ==, 0);
    g_assert_cmpuint(ep_why(ep), ==, TD_NOT_ENABLED);
    g_assert_cmphex(ep_pri_status(ep), ==, TD_PRI_PASID | TD_PRI_STOPPED);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 0);
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    g_assert_cmphex(ep_pri_status(ep) & TD_PRI_UPRGI, ==, TD_PRI_UPRGI);
    ep_free(ep);
}

static void test_pasid_off(void)
{
    Ep *ep = ep_waiting();
    unsigned ctrl = ep_find(ep, TD_CAP_PASID) + TD_PASID_CTRL;

    /* no matter to a command without PASID */
    ep_set_config(ep, ctrl, 0, 2);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    ep_run(ep, TD_ABORT);
    ep_set_config(ep, ctrl, TD_PASID_CTRL_ENABLE, 2);
    ep_set(ep, TD_PASID, TD_PASID_ENABLE | 5);
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_WAITS);
    g_assert_cmphex(ep->page_request.pasid, ==, 5);
    ep_set_config(ep, ctrl, 0, 2);
    g_assert_cmpuint(ep_why(ep), ==, TD_NOT_ENABLED);
    ep_free(ep);
}

static void test_master_off(void)
{
    Ep *ep = ep_waiting();

    ep->translate_result = VIOMMU_DMA_NO_MASTER;
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_NO_MASTER);
    ep_free(ep);

    ep = ep_start();
    ep->page[6].access = 0;
    ep->no_page_requests = true;
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_NO_TARGET);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_REQUESTS), ==, 0);
    ep_free(ep);
}

static void test_reset(void)
{
    Ep *ep = ep_waiting();

    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    viommu_testdev_reset(ep->dev);
    g_assert_cmphex(ep_get(ep, TD_STATUS), ==, 0);
    ep_go_on(ep);
    g_assert_cmphex(ep_get(ep, TD_STATUS), ==, 0);
    g_assert_cmpuint(ep->interrupts, ==, 0);
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_UNEXPECTED), ==, 1);
    /* it works as ever */
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    ep_free(ep);

    ep = ep_waiting();
    viommu_testdev_reset(ep->dev);
    g_assert_cmphex(ep_get(ep, TD_PAGE_WAIT), ==, 0);
    g_assert_cmphex(ep_pri_status(ep), ==, TD_PRI_PASID | TD_PRI_STOPPED);
    /* it is gone while it waits */
    ep_free(ep);
    ep = ep_waiting();
    ep_free(ep);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/testdev/pages/wait", test_wait);
    g_test_add_func("/testdev/pages/as-if", test_as_if);
    g_test_add_func("/testdev/pages/invalid", test_invalid);
    g_test_add_func("/testdev/pages/failure", test_failure);
    g_test_add_func("/testdev/pages/failure-of-another",
                    test_failure_of_another);
    g_test_add_func("/testdev/pages/tries", test_tries);
    g_test_add_func("/testdev/pages/loop-failures", test_loop_failures);
    g_test_add_func("/testdev/pages/abort", test_abort);
    g_test_add_func("/testdev/pages/ats-off", test_ats_off);
    g_test_add_func("/testdev/pages/pri-off", test_pri_off);
    g_test_add_func("/testdev/pages/pasid-off", test_pasid_off);
    g_test_add_func("/testdev/pages/master-off", test_master_off);
    g_test_add_func("/testdev/pages/reset", test_reset);
    return g_test_run();
}
