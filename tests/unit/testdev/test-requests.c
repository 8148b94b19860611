/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev's core: page requests of their own, their credit, and
 * responses, without a unit.
 */
#include <pthread.h>

#include "tests/lib/unit/endpoint.h"

#define NONE VIOMMU_NO_PASID
#define R    VIOMMU_READ
#define W    VIOMMU_WRITE

static unsigned request(Ep *ep, uint64_t addr, uint32_t what)
{
    ep_set(ep, TD_SRC, addr);
    ep_set(ep, TD_REQUEST, what);
    ep_run(ep, TD_PAGE_REQUEST);
    return ep_why(ep);
}

/* [PCIe 10.4] */
static void test_request(void)
{
    Ep *ep = ep_start();
    const ViommuPageRequest *req = &ep->page_request;

    ep_set(ep, TD_PASID, TD_PASID_ENABLE | TD_PASID_PRIV | TD_PASID_EXEC |
           0x777);
    ep_set(ep, TD_PAGE_DATA0, 0x1122334455667788);
    ep_set(ep, TD_PAGE_DATA1, 0x99aabbccddeeff00);
    g_assert_cmpuint(request(ep, 0x123456789abc, TD_REQUEST_READ |
                             TD_REQUEST_DATA | TD_REQUEST_GROUP(511)),
                     ==, TD_OK);
    g_assert_cmphex(req->addr, ==, 0x123456789000);
    g_assert_cmphex(req->pasid, ==, 0x777);
    g_assert_cmphex(req->access, ==, R | VIOMMU_EXEC | VIOMMU_PRIV);
    g_assert_false(req->last);
    g_assert_cmpuint(req->group, ==, 511);
    g_assert_true(req->has_private_data);
    g_assert_cmphex(req->private_data[0], ==, 0x1122334455667788);
    g_assert_cmphex(req->private_data[1], ==, 0x99aabbccddeeff00);

    ep_set(ep, TD_PASID, 0);
    g_assert_cmpuint(request(ep, 0, TD_REQUEST_WRITE | TD_REQUEST_LAST), ==,
                     TD_OK);
    g_assert_cmphex(req->pasid, ==, NONE);
    g_assert_cmphex(req->access, ==, W);
    g_assert_true(req->last);
    g_assert_false(req->has_private_data);
    g_assert_cmphex(req->private_data[0], ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_REQUESTS), ==, 2);
    g_assert_cmphex(ep_get(ep, TD_RESPONSE), ==, 0);

    viommu_testdev_page_response(ep->dev, &(ViommuPageResponse) {
        .pasid = 0x777, .group = 511, .code = VIOMMU_PAGE_INVALID,
        .has_private_data = true, .private_data = { 1, 2 },
    });
    g_assert_cmphex(ep_get(ep, TD_RESPONSE), ==,
                    TD_RESPONSE_CAME | TD_RESPONSE_DATA | TD_RESPONSE_PASID |
                    0x77701ff0001);
    g_assert_cmphex(ep_get(ep, TD_RESPONSE_DATA0), ==, 1);
    g_assert_cmphex(ep_get(ep, TD_RESPONSE_DATA1), ==, 2);
    ep_respond_to(ep, NONE, 0, VIOMMU_PAGE_SUCCESS);
    g_assert_cmphex(ep_get(ep, TD_RESPONSE), ==, TD_RESPONSE_CAME);
    g_assert_cmphex(ep_get(ep, TD_RESPONSE_DATA0), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_RESPONSES), ==, 2);
    g_assert_cmpuint(ep->runs_wanted, ==, 0);
    ep_free(ep);
}

static void test_credit(void)
{
    const uint32_t last = TD_REQUEST_READ | TD_REQUEST_LAST;
    Ep *ep = ep_start();

    ep_set_config(ep, ep_pri(ep, TD_PRI_ALLOCATION), 3, 4);
    g_assert_cmpuint(request(ep, 0, TD_REQUEST_READ), ==, TD_OK);
    g_assert_cmpuint(request(ep, 0x1000, TD_REQUEST_READ), ==, TD_OK);
    g_assert_cmpuint(request(ep, 0x2000, last), ==, TD_OK);
    g_assert_cmpuint(request(ep, 0x3000, last | TD_REQUEST_GROUP(1)), ==,
                     TD_NO_CREDIT);
    ep->page[6].access = 0;
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_NO_CREDIT);
    /* a stop marker is free, and gets no response */
    g_assert_cmpuint(request(ep, 0x3000, TD_REQUEST_LAST), ==, TD_OK);
    g_assert_cmpuint(ep->page_requests, ==, 4);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 3);
    /* without being the last, it is none */
    g_assert_cmpuint(request(ep, 0x3000, 0), ==, TD_NO_CREDIT);
    ep_respond_to(ep, NONE, 0, VIOMMU_PAGE_SUCCESS);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_WAITS);
    ep_run(ep, TD_ABORT);

    /* the capacity is the limit of any allocation; 0 is none */
    ep_set_config(ep, ep_pri(ep, TD_PRI_ALLOCATION), UINT32_MAX, 4);
    for (unsigned i = 0; i < 63; i++) {
        g_assert_cmpuint(request(ep, 0, last | TD_REQUEST_GROUP(2 * i)), ==,
                         TD_OK);
    }
    g_assert_cmpuint(request(ep, 0, last), ==, TD_NO_CREDIT);
    ep_set_config(ep, ep_pri(ep, TD_PRI_CTRL), 0, 2);
    g_assert_cmpuint(request(ep, 0, last), ==, TD_NOT_ENABLED);
    ep_set_config(ep, ep_pri(ep, TD_PRI_CTRL), TD_PRI_RESET, 2);
    ep_set_config(ep, ep_pri(ep, TD_PRI_CTRL), TD_PRI_ENABLE, 2);
    ep_set_config(ep, ep_pri(ep, TD_PRI_ALLOCATION), 0, 4);
    g_assert_cmpuint(request(ep, 0, last), ==, TD_NO_CREDIT);
    ep_free(ep);
}

static void unexpected(Ep *ep, uint32_t pasid, unsigned group)
{
    uint64_t before = ep_get(ep, TD_PAGE_UNEXPECTED);
    unsigned at = ep_pri(ep, TD_PRI_STATUS);

    g_assert_cmphex(ep_pri_status(ep), ==, TD_PRI_PASID);
    ep_respond_to(ep, pasid, group, VIOMMU_PAGE_FAILURE);
    g_assert_cmphex(ep_pri_status(ep), ==, TD_PRI_PASID | TD_PRI_UPRGI);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_UNEXPECTED), ==, before + 1);
    g_assert_cmphex(ep_get(ep, TD_RESPONSE) & TD_RESPONSE_UNEXPECTED, ==,
                    TD_RESPONSE_UNEXPECTED);
    /* cleared by writing 1, but not by 0 */
    ep_set_config(ep, at, TD_PRI_RF, 2);
    g_assert_cmphex(ep_pri_status(ep), ==, TD_PRI_PASID | TD_PRI_UPRGI);
    ep_set_config(ep, at, TD_PRI_UPRGI, 1);
    g_assert_cmphex(ep_pri_status(ep), ==, TD_PRI_PASID);
}

static void test_unexpected(void)
{
    Ep *ep = ep_waiting();
    unsigned group = ep->page_request.group;

    unexpected(ep, NONE, group + 1);
    unexpected(ep, NONE, 512);
    unexpected(ep, NONE, UINT16_MAX);
    unexpected(ep, 0, group);
    unexpected(ep, 0xfffff, group);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    g_assert_cmpuint(ep->runs_wanted, ==, 0);
    ep->page[6].access = R;
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    /* a second one, before the first has had its effect */
    unexpected(ep, NONE, group);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    ep_free(ep);
}

/* --- Responses on another thread ---- */

static void *respond_thread(void *opaque)
{
    Ep *ep = opaque;

    ep->page[ep->page_request.addr / EP_PAGE].access |=
        ep->page_request.access & (R | W);
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    return NULL;
}

static void respond_elsewhere(Ep *ep)
{
    pthread_t thread;

    g_assert_cmpint(pthread_create(&thread, NULL, respond_thread, ep), ==, 0);
    pthread_join(thread, NULL);
}

static void test_thread(void)
{
    Ep *ep = ep_start();

    for (unsigned i = 0; i < EP_PAGES; i++) {
        ep->page[i].access = 0;
    }
    ep->on_page_request = respond_elsewhere;
    g_assert_cmpuint(ep_read(ep, 0x5000, 0x4000), ==, TD_OK);
    g_assert_cmpuint(ep_write(ep, 0x5000, 0x4000), ==, TD_OK);
    g_assert_cmpuint(ep->page_requests, ==, 8);
    ep->on_page_request = NULL;
    g_assert_cmpuint(ep_read(ep, 0x9000, 8), ==, TD_WAITS);
    respond_elsewhere(ep);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    ep_free(ep);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/testdev/requests/request", test_request);
    g_test_add_func("/testdev/requests/credit", test_credit);
    g_test_add_func("/testdev/requests/unexpected", test_unexpected);
    g_test_add_func("/testdev/requests/thread", test_thread);
    return g_test_run();
}
