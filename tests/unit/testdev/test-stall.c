/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev's core: accesses that the IOMMU holds, without a unit.
 */
#include <string.h>

#include "tests/lib/unit/endpoint.h"

#define ADDR 0x5ff8
#define TAG  0x1234

/* A READ of 16 bytes across a page, whose first part is held. */
static Ep *held(void)
{
    Ep *ep = ep_start();

    ep_set(ep, TD_CONTROL, 0);
    ep->dma_result = VIOMMU_DMA_STALLED;
    ep->stall_tag = TAG;
    ep_set(ep, TD_SRC, ADDR);
    ep_set(ep, TD_LENGTH, 16);
    ep_run(ep, TD_READ);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    ep->dma_result = VIOMMU_DMA_OK;
    return ep;
}

static void put(Ep *ep, uint64_t addr, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    memcpy(ep_at(ep, addr), &value, 8);
}

static uint64_t buffer(Ep *ep, unsigned at)
{
    return viommu_testdev_read(ep->dev, TD_BUFFER + at, 8);
}

static void test_retry(void)
{
    Ep *ep = held();
    uint64_t first = 0x1122334455667788, second = 0x99aabbccddeeff00;

    put(ep, ADDR, first);
    put(ep, ADDR + 8, second);
    /* another one's tag, and no decision at all */
    viommu_testdev_resume(ep->dev, TAG + 1, VIOMMU_RESUME_RETRY);
    g_assert_cmpuint(ep->runs_wanted, ==, 0);
    viommu_testdev_run(ep->dev);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);

    viommu_testdev_resume(ep->dev, TAG, VIOMMU_RESUME_RETRY);
    g_assert_cmpuint(ep->runs_wanted, ==, 1);
    /* the first decision counts */
    viommu_testdev_resume(ep->dev, TAG, VIOMMU_RESUME_ABORT);
    g_assert_cmpuint(ep->runs_wanted, ==, 1);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    g_assert_cmpuint(ep_get(ep, TD_DONE), ==, 16);
    g_assert_cmphex(buffer(ep, 0), ==, first);
    g_assert_cmphex(buffer(ep, 8), ==, second);
    /* it is over */
    viommu_testdev_resume(ep->dev, TAG, VIOMMU_RESUME_RETRY);
    viommu_testdev_run(ep->dev);
    g_assert_cmpuint(ep_get(ep, TD_COMMANDS), ==, 1);
    ep_free(ep);
}

/* As if it had been done: this part reads as zero, the other one goes on. */
static void test_terminate(void)
{
    Ep *ep = held();
    uint64_t data = 0x1122334455667788;

    put(ep, ADDR, data);
    put(ep, ADDR + 8, data);
    viommu_testdev_resume(ep->dev, TAG, VIOMMU_RESUME_TERMINATE);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    g_assert_cmphex(buffer(ep, 0), ==, 0);
    g_assert_cmphex(buffer(ep, 8), ==, data);
    ep_free(ep);
}

static void test_abort(void)
{
    Ep *ep = held();

    viommu_testdev_resume(ep->dev, TAG, VIOMMU_RESUME_ABORT);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_BLOCKED);
    g_assert_cmphex(ep_get(ep, TD_FAULT_ADDR), ==, ADDR);
    g_assert_cmpuint(ep_get(ep, TD_DONE), ==, 0);
    ep_free(ep);
}

/* Held again and again, and given up by the driver or by a reset. */
static void test_give_up(void)
{
    Ep *ep = held();

    ep->dma_result = VIOMMU_DMA_STALLED;
    viommu_testdev_resume(ep->dev, TAG, VIOMMU_RESUME_RETRY);
    ep->stall_tag = TAG + 1;
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_WAITS);
    ep_run(ep, TD_ABORT);
    g_assert_cmpuint(ep_why(ep), ==, TD_ABORTED);
    g_assert_cmphex(ep_get(ep, TD_FAULT_ADDR), ==, ADDR);
    viommu_testdev_resume(ep->dev, TAG + 1, VIOMMU_RESUME_RETRY);
    viommu_testdev_run(ep->dev);
    g_assert_cmpuint(ep_why(ep), ==, TD_ABORTED);
    ep_free(ep);

    ep = held();
    viommu_testdev_reset(ep->dev);
    viommu_testdev_resume(ep->dev, TAG, VIOMMU_RESUME_RETRY);
    g_assert_cmpuint(ep->runs_wanted, ==, 0);
    ep_free(ep);
}

static void decide(Ep *ep)
{
    viommu_testdev_resume(ep->dev, TAG, VIOMMU_RESUME_RETRY);
    ep->dma_result = VIOMMU_DMA_OK;
    ep->on_stall = NULL;
}

/* Software is quick: the decision is there before the access has come back. */
static void test_early(void)
{
    uint64_t data = 0x1122334455667788, bytes = GUINT64_TO_LE(data);
    Ep *ep = ep_start();

    memcpy(ep_at(ep, ADDR), &bytes, 8);
    memcpy(ep_at(ep, ADDR + 8), &bytes, 8);
    ep_set(ep, TD_CONTROL, 0);
    ep->dma_result = VIOMMU_DMA_STALLED;
    ep->stall_tag = TAG;
    ep->on_stall = decide;
    ep_set(ep, TD_SRC, ADDR);
    ep_set(ep, TD_LENGTH, 16);
    ep_run(ep, TD_READ);
    g_assert_cmpuint(ep->runs_wanted, ==, 1);
    ep_go_on(ep);
    g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    g_assert_cmpuint(ep_get(ep, TD_DONE), ==, 16);
    g_assert_cmphex(buffer(ep, 0), ==, data);
    ep_free(ep);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/testdev-stall/early", test_early);
    g_test_add_func("/testdev-stall/retry", test_retry);
    g_test_add_func("/testdev-stall/terminate", test_terminate);
    g_test_add_func("/testdev-stall/abort", test_abort);
    g_test_add_func("/testdev-stall/give-up", test_give_up);
    return g_test_run();
}
