/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev's core: invalidations that meet accesses, from its own
 * thread and from others, and the count of stale uses.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "tests/lib/unit/endpoint.h"

#define NONE VIOMMU_NO_PASID

static uint64_t stale(Ep *ep)
{
    return ep_get(ep, TD_STALE_USES);
}

/* Completed, but not done: each use is counted until the entry has gone. */
static void test_keep(void)
{
    const uint64_t control = TD_CONTROL_ATS | TD_CONTROL_PRI;
    Ep *ep = ep_start();

    g_assert_cmpuint(ep_read(ep, 0x5000, 0x2000), ==, TD_OK);
    ep_set(ep, TD_CONTROL, control | TD_CONTROL_KEEP);
    g_assert_true(ep_invalidate(ep, NONE, 0x6000, 0x1000));
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 2);
    g_assert_cmpuint(stale(ep), ==, 0);
    g_assert_cmpuint(ep_read(ep, 0x5000, 0x1000), ==, TD_OK);
    g_assert_cmpuint(stale(ep), ==, 0);
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_OK);
    g_assert_cmpuint(stale(ep), ==, 1);
    g_assert_cmpuint(ep_write(ep, 0x6000, 8), ==, TD_OK);
    g_assert_cmpuint(stale(ep), ==, 2);
    /* what another PASID's, or another range's invalidation covers is not */
    g_assert_true(ep_invalidate(ep, 3, 0x5000, 0x1000));
    g_assert_true(ep_invalidate(ep, NONE, 0x4000, 0x1000));
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(stale(ep), ==, 2);
    /* a new request clears it away */
    ep_run(ep, TD_FLUSH);
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_OK);
    g_assert_cmpuint(stale(ep), ==, 2);
    /* a global one covers all; and the first of a long row is not missed */
    g_assert_true(ep_invalidate_global(ep, 0, 0));
    for (unsigned i = 0; i < 100; i++) {
        g_assert_true(ep_invalidate(ep, 1, 0, 0));
    }
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_OK);
    g_assert_cmpuint(stale(ep), ==, 3);
    ep_set(ep, TD_CONTROL, control);
    g_assert_true(ep_invalidate(ep, NONE, 0x6000, 0x1000));
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_OK);
    g_assert_cmpuint(stale(ep), ==, 3);
    ep_free(ep);
}

/* Not completed, so not stale. */
static void test_ignore(void)
{
    const uint64_t control = TD_CONTROL_ATS | TD_CONTROL_PRI;
    Ep *ep = ep_start();

    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    /* a byte of CONTROL is enough */
    viommu_testdev_write(ep->dev, TD_CONTROL, control | TD_CONTROL_IGNORE, 1);
    g_assert_false(ep_invalidate(ep, NONE, 0x5000, 0x1000));
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 1);
    g_assert_cmpuint(ep_get(ep, TD_ATC_INVALIDATIONS), ==, 1);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 1);
    g_assert_cmpuint(stale(ep), ==, 0);
    ep_set(ep, TD_CONTROL, control);
    g_assert_true(ep_invalidate(ep, NONE, 0x5000, 0x1000));
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 2);
    g_assert_cmpuint(stale(ep), ==, 0);
    ep_free(ep);
}

/* --- An invalidation between the request and its answer ---- */

static unsigned overtakers;
static uint64_t overtaken_page;

static void overtake(Ep *ep)
{
    if (overtakers) {
        overtakers--;
        g_assert_true(ep_invalidate(ep, NONE, overtaken_page, 0x1000));
    }
}

static void test_overtaken(void)
{
    Ep *ep = ep_start();

    ep->on_translate = overtake;
    overtaken_page = 0x5000;
    overtakers = 3;
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 4);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 1);
    /* of another page: does not matter */
    overtakers = 1;
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 5);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 1);
    /* for ever */
    overtakers = UINT32_MAX;
    ep->dmas = 0;
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_TRIES);
    g_assert_cmpuint(ep->dmas, ==, 0);
    g_assert_cmpuint(ep->translations, <=, 5 + 64);
    g_assert_cmpuint(stale(ep), ==, 0);
    ep_free(ep);
}

/* More than the endpoint remembers, only the first of which matters. */
static void overtake_often(Ep *ep)
{
    if (overtakers) {
        overtakers = 0;
        g_assert_true(ep_invalidate(ep, NONE, 0x5000, 0x1000));
        for (unsigned i = 0; i < 1000; i++) {
            g_assert_true(ep_invalidate(ep, 1, 0x5000, 0x1000));
        }
    }
}

static void test_overtaken_often(void)
{
    Ep *ep = ep_start();

    ep->on_translate = overtake_often;
    overtakers = 1;
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 2);
    ep_free(ep);
}

/* ATS is switched off in the middle, by the endpoint's own DMA. */
static void switch_off(Ep *ep)
{
    ep_set_config(ep, ep_find(ep, TD_CAP_ATS) + TD_ATS_CTRL, 0, 2);
}

static void test_switched_off(void)
{
    Ep *ep = ep_start();

    ep->on_translate = switch_off;
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_NOT_ENABLED);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 0);
    ep_free(ep);

    ep = ep_start();
    ep->on_dma = switch_off;
    g_assert_cmpuint(ep_read(ep, 0x5000, 0x3000), ==, TD_NOT_ENABLED);
    g_assert_cmpuint(ep_get(ep, TD_DONE), ==, 0x1000);
    ep_free(ep);
}

/* --- An invalidation while the access is on its way ---- */

/* What an access does that reaches the unit's queue registers. */
static void invalidate_self(Ep *ep)
{
    g_assert_true(ep_invalidate(ep, NONE, 0, 0));
    /* BAR 0 is out of reach */
    g_assert_cmphex(ep_get(ep, TD_ID), ==, 0);
    ep_set(ep, TD_CONTROL, 0);
    ep_set(ep, TD_COMMAND, TD_ABORT);
    viommu_testdev_run(ep->dev);
}

static void test_self(void)
{
    Ep *ep = ep_start();

    ep->on_dma = invalidate_self;
    g_assert_cmpuint(ep_read(ep, 0x5000, 0x3000), ==, TD_OK);
    g_assert_cmpuint(ep_read(ep, 0x5000, 0x3000), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 6);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 0);
    g_assert_cmpuint(stale(ep), ==, 0);
    ep_free(ep);
}

static void reset_self(Ep *ep)
{
    ep->on_dma = NULL;
    ep->on_translate = NULL;
    ep->on_page_request = NULL;
    viommu_testdev_reset(ep->dev);
}

static void check_reset(Ep *ep)
{
    g_assert_cmphex(ep_get(ep, TD_STATUS), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_DONE), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_COMMANDS), ==, 0);
    g_assert_cmphex(ep_get(ep, TD_BUFFER), ==, 0);
    g_assert_cmphex(ep_get(ep, TD_BUFFER + 0x2000), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmphex(ep_get(ep, TD_PAGE_WAIT), ==, 0);
    g_assert_cmpuint(ep->interrupts, ==, 0);
    ep_free(ep);
}

static Ep *start_reset(void)
{
    Ep *ep = ep_start();

    memset(ep->memory, 0x77, EP_MEMORY);
    ep_set(ep, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI | TD_CONTROL_IRQ);
    ep_set(ep, TD_SRC, 0x5000);
    ep_set(ep, TD_LENGTH, 0x3000);
    return ep;
}

/* Reset out of the command's own access: nothing of it is left. */
static void test_reset_self(void)
{
    Ep *ep = start_reset();

    ep->on_dma = reset_self;
    ep_run(ep, TD_READ);
    check_reset(ep);
    ep = start_reset();
    ep->on_translate = reset_self;
    ep_run(ep, TD_READ);
    check_reset(ep);
    ep = start_reset();
    ep->page[5].access = 0;
    ep->on_page_request = reset_self;
    ep_run(ep, TD_READ);
    check_reset(ep);
    ep = start_reset();
    ep_set(ep, TD_CONTROL, 0);
    ep->on_dma = reset_self;
    ep_run(ep, TD_READ);
    check_reset(ep);
}

static int begun, completed;

static void *invalidate_thread(void *opaque)
{
    Ep *ep = opaque;

    g_atomic_int_set(&begun, 1);
    g_assert_true(ep_invalidate(ep, NONE, 0x5000, 0x1000));
    g_atomic_int_set(&completed, 1);
    return NULL;
}

static pthread_t other;

/* The other thread's invalidation may not complete while this is here. */
static void slow_dma(Ep *ep)
{
    ep->on_dma = NULL;
    g_assert_cmpint(pthread_create(&other, NULL, invalidate_thread, ep), ==,
                    0);
    while (!g_atomic_int_get(&begun)) {
        g_usleep(50);
    }
    /* long enough to be through, but for waiting for this access */
    g_usleep(50000);
    g_assert_cmpint(g_atomic_int_get(&completed), ==, 0);
}

/* [PCIe 10.3.2] */
static void test_waits(void)
{
    Ep *ep = ep_start();

    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    ep->on_dma = slow_dma;
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    pthread_join(other, NULL);
    g_assert_cmpint(g_atomic_int_get(&completed), ==, 1);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 0);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 2);
    g_assert_cmpuint(stale(ep), ==, 0);
    ep_free(ep);
}

/* --- Both at full speed ---- */

static int stop;
static uint32_t live;           /* the page that 0x5000 leads to; atomic */
static int broken;

/* What a driver does: change the table, invalidate, take the old page. */
static void *driver_thread(void *opaque)
{
    Ep *ep = opaque;
    uint32_t now = 1;

    while (!g_atomic_int_get(&stop)) {
        uint32_t old = now;

        now = 1 + old % 7;
        __atomic_store_n(&live, now, __ATOMIC_SEQ_CST);
        g_assert_true(ep_invalidate(ep, NONE, 0x5000, 0x1000));
        /* nobody may write there any more */
        __atomic_store_n(&ep->memory[old * EP_PAGE], 0, __ATOMIC_SEQ_CST);
        for (unsigned i = 0; i < 50; i++) {
            if (__atomic_load_n(&ep->memory[old * EP_PAGE],
                                __ATOMIC_SEQ_CST)) {
                g_atomic_int_set(&broken, 1);
            }
        }
    }
    return NULL;
}

static ViommuDmaResult racy_dma(void *opaque,
                                const ViommuTestdevAccess *access,
                                uint8_t *reason)
{
    Ep *ep = opaque;

    (void)reason;
    g_assert_cmpint(access->kind, ==, VIOMMU_TRANSLATED);
    __atomic_store_n(&ep->memory[access->addr], 1, __ATOMIC_SEQ_CST);
    return VIOMMU_DMA_OK;
}

static ViommuDmaResult racy_translate(void *opaque,
                                      const ViommuTestdevAccess *access,
                                      ViommuReply *reply)
{
    (void)opaque;
    (void)access;
    *reply = (ViommuReply) {
        .addr = __atomic_load_n(&live, __ATOMIC_SEQ_CST) * EP_PAGE,
        .size = EP_PAGE,
        .access = VIOMMU_READ | VIOMMU_WRITE,
    };
    return VIOMMU_DMA_OK;
}

static int64_t no_clock(void *opaque)
{
    (void)opaque;
    return 0;
}

static void test_race(void)
{
    static const ViommuTestdevOps ops = {
        .dma = racy_dma, .translate = racy_translate, .clock_ns = no_clock,
    };
    const ViommuTestdevConfig config = { .ats = true };
    Ep *ep = ep_new(&config);
    pthread_t driver;

    viommu_testdev_free(ep->dev);
    ep->dev = viommu_testdev_new(&config, &ops, ep, NULL);
    ep_set_config(ep, ep_find(ep, TD_CAP_ATS) + TD_ATS_CTRL, TD_ATS_ENABLE,
                  2);
    ep_set(ep, TD_CONTROL, TD_CONTROL_ATS);
    ep_set(ep, TD_SRC, 0x5000);
    ep_set(ep, TD_LENGTH, 8);
    ep_set(ep, TD_LOOP_SIZE, 1);
    ep_set(ep, TD_LOOP_COUNT, 20000);
    ep_set(ep, TD_LOOP_FLAGS, 1);
    live = 1;
    g_assert_cmpint(pthread_create(&driver, NULL, driver_thread, ep), ==, 0);
    /* on a busy machine all could be over before the driver has its turn */
    for (unsigned i = 0; i < 10 || !ep_get(ep, TD_ATC_INVALIDATIONS); i++) {
        ep_run(ep, TD_LOOP);
        g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    }
    g_atomic_int_set(&stop, 1);
    pthread_join(driver, NULL);
    g_assert_cmpint(broken, ==, 0);
    g_assert_cmpuint(stale(ep), ==, 0);
    ep_free(ep);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/testdev/stale/keep", test_keep);
    g_test_add_func("/testdev/stale/ignore", test_ignore);
    g_test_add_func("/testdev/stale/overtaken", test_overtaken);
    g_test_add_func("/testdev/stale/overtaken-often", test_overtaken_often);
    g_test_add_func("/testdev/stale/switched-off", test_switched_off);
    g_test_add_func("/testdev/stale/self", test_self);
    g_test_add_func("/testdev/stale/reset-self", test_reset_self);
    g_test_add_func("/testdev/stale/waits", test_waits);
    g_test_add_func("/testdev/stale/race", test_race);
    return g_test_run();
}
