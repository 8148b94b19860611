/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev's core: capabilities, device-TLB and page requests, without
 * a unit.
 */
#include <string.h>

#include "endpoint.h"

#define RW (VIOMMU_READ | VIOMMU_WRITE)

/* --- The device-TLB ---------------------------------------------------------- */

static void test_hits(void)
{
    Ep *ep = ep_start();

    memcpy(ep_at(ep, 0x5010), "translated", 10);
    g_assert_cmpuint(ep_read(ep, 0x5010, 10), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 1);
    g_assert_cmphex(ep->asked.addr, ==, 0x5010);
    g_assert_cmphex(ep->asked.access, ==, VIOMMU_READ);
    g_assert_cmphex(ep->asked.pasid, ==, VIOMMU_NO_PASID);
    g_assert_cmpint(ep->dma.kind, ==, VIOMMU_TRANSLATED);
    g_assert_cmphex(ep->dma.addr, ==, ep->page[5].to + 0x10);
    g_assert_cmphex(ep_get(ep, TD_BUFFER), ==, 0x74616c736e617274);

    g_assert_cmpuint(ep_read(ep, 0x5800, 8), ==, TD_OK);
    g_assert_cmpuint(ep_write(ep, 0x5ff8, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 1);
    g_assert_cmpuint(ep_get(ep, TD_ATC_HITS), ==, 2);
    g_assert_cmpuint(ep_get(ep, TD_ATC_MISSES), ==, 1);
    g_assert_cmpuint(ep_get(ep, TD_ATC_REQUESTS), ==, 1);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 1);

    /* another page */
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 2);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 2);
    g_assert_cmpuint(ep_get(ep, TD_STALE_USES), ==, 0);
    ep_free(ep);
}

static void test_invalidate(void)
{
    Ep *ep = ep_start();

    g_assert_cmpuint(ep_read(ep, 0x5000, 0x2000), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 2);
    g_assert_true(ep_invalidate(ep, VIOMMU_NO_PASID, 0x5000, 0x1000));
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 1);
    g_assert_cmpuint(ep_get(ep, TD_ATC_INVALIDATIONS), ==, 1);

    ep->page[5].to = 0;
    g_assert_cmpuint(ep_read(ep, 0x5000, 0x2000), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 3);
    g_assert_cmphex(ep->asked.addr, ==, 0x5000);
    g_assert_cmpuint(ep_get(ep, TD_STALE_USES), ==, 0);
    ep_free(ep);
}

/* --- Page requests --------------------------------------------------------------- */

static void test_wait_read(void)
{
    Ep *ep = ep_start();

    ep->page[6].access = 0;
    ep_set(ep, TD_CONTROL, ep_get(ep, TD_CONTROL) | TD_CONTROL_IRQ);
    for (unsigned i = 0; i < 0x3000; i++) {
        *ep_at(ep, 0x5000 + i) = i * 7 + i / 256;
    }
    g_assert_cmpuint(ep_read(ep, 0x5000, 0x3000), ==, TD_WAITS);
    g_assert_cmpuint(ep->page_requests, ==, 1);
    g_assert_cmphex(ep->page_request.addr, ==, 0x6000);
    g_assert_cmphex(ep->page_request.access, ==, VIOMMU_READ);
    g_assert_true(ep->page_request.last);
    g_assert_cmphex(ep_get(ep, TD_PAGE_WAIT), ==,
                    0x6001 | ep->page_request.group << 1);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 1);
    g_assert_cmpuint(ep->interrupts, ==, 0);
    /* nothing goes on by itself */
    viommu_testdev_run(ep->dev);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);

    ep->page[6].access = VIOMMU_READ;
    ep_respond(ep, VIOMMU_PAGE_SUCCESS);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    g_assert_cmpuint(ep->runs_wanted, ==, 1);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    g_assert_cmpuint(ep_get(ep, TD_DONE), ==, 0x3000);
    g_assert_cmphex(ep_get(ep, TD_PAGE_WAIT), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_RESPONSES), ==, 1);
    g_assert_cmpuint(ep->interrupts, ==, 1);
    for (unsigned i = 0; i < 0x3000; i++) {
        g_assert_cmphex(viommu_testdev_read(ep->dev, TD_BUFFER + i, 1), ==,
                        (uint8_t)(i * 7 + i / 256));
    }
    ep_free(ep);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/testdev/atc/hits", test_hits);
    g_test_add_func("/testdev/atc/invalidate", test_invalidate);
    g_test_add_func("/testdev/pri/read", test_wait_read);
    return g_test_run();
}
