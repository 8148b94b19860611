/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev's core against a guest that writes anything anywhere, and an
 * IOMMU that does anything at any time.
 */
#include "tests/lib/unit/endpoint.h"

#define STEPS 200000

static uint32_t any(uint32_t below)
{
    return (uint32_t)g_test_rand_int_range(0, (gint32)below);
}

static uint64_t word(void)
{
    uint64_t high = (uint32_t)g_test_rand_int();

    return high << 32 | (uint32_t)g_test_rand_int();
}

/* Groups in use are low numbers, mostly. */
static void anyhow_respond(Ep *ep)
{
    static const uint8_t codes[] = { 0, 0, 0, 0, 0, 1, 1, 2, 15 };
    uint8_t code = codes[any(G_N_ELEMENTS(codes))];

    if (any(2)) {
        ep_respond(ep, code);
    } else {
        ep_respond_to(ep, any(2) ? VIOMMU_NO_PASID : any(4),
                      any(4) ? any(70) : any(65536), code);
    }
}

static void anyhow_invalidate(Ep *ep)
{
    uint64_t size = any(3) ? EP_PAGE << any(10) : 0;
    uint32_t pasid = any(2) ? VIOMMU_NO_PASID : any(4);

    if (any(8)) {
        ep_invalidate(ep, pasid, any(EP_PAGES) * EP_PAGE, size);
    } else {
        ep_invalidate_global(ep, any(EP_PAGES) * EP_PAGE, size);
    }
}

static void anyhow_page(Ep *ep)
{
    static const uint64_t sizes[] = {
        0, 0, 0, 0, 0x2000, 0x10000, 0x200000, 1ull << 63, 1, 0xfff, 0x3000,
    };

    ep->page[any(EP_PAGES)] = (EpPage) {
        .to = any(EP_PAGES) * EP_PAGE,
        .size = sizes[any(G_N_ELEMENTS(sizes))],
        .access = any(8),
        .global = !any(8),
        .untranslated_only = !any(16),
        .interrupt = !any(16),
    };
}

static void anyhow_config(Ep *ep)
{
    unsigned offset = any(8) ? any(0x34) : any(0x100);
    uint32_t value = any(2) ? UINT32_MAX : (uint32_t)word();

    viommu_testdev_config_write(ep->dev, offset, value, 1 + any(4));
    if (any(4)) {
        /* back to work */
        ep_set_config(ep, 0x106, 7, 2);
        ep_set_config(ep, 0x116, TD_ATS_ENABLE, 2);
        ep_set_config(ep, 0x12c, any(80), 4);
        ep_set_config(ep, 0x124, TD_PRI_ENABLE, 2);
    }
}

/* Out of the endpoint's own accesses. */
static void anyhow_inside(Ep *ep)
{
    switch (any(40)) {
    case 0:
        anyhow_invalidate(ep);
        break;
    case 1:
        anyhow_config(ep);
        break;
    case 2:
        ep_set(ep, any(0x150), word());
        ep_get(ep, any(0x150));
        break;
    case 3:
        viommu_testdev_run(ep->dev);
        break;
    case 4:
        anyhow_respond(ep);
        break;
    case 5:
        if (!any(20)) {
            viommu_testdev_reset(ep->dev);
        }
        break;
    case 6:
        anyhow_page(ep);
        break;
    default:
        break;
    }
}

/* Registers of which a large value only means a long test. */
static void anyhow_command(Ep *ep)
{
    uint64_t control = word() & 0xff07;

    if (any(2)) {
        control = (TD_CONTROL_ATS | TD_CONTROL_PRI) | any(2);
    }
    if (!any(8)) {
        control |= TD_CONTROL_IGNORE;
    }
    ep_set(ep, TD_CONTROL, control);
    ep_set(ep, TD_SRC, any(EP_MEMORY));
    ep_set(ep, TD_DST, any(8) ? any(EP_MEMORY) : word());
    ep_set(ep, TD_LENGTH, any(8) ? any(0x8000) : any(0x40000));
    ep_set(ep, TD_PASID, any(2) ? 0 : (word() & 0xfff00000) | any(4));
    ep_set(ep, TD_LOOP_COUNT, any(200));
    ep_set(ep, TD_LOOP_SIZE, any(66));
    ep_set(ep, TD_LOOP_STRIDE, any(0x10000));
    ep_set(ep, TD_LOOP_FLAGS, any(4));
    ep_set(ep, TD_SG_ADDR, any(EP_MEMORY));
    ep_set(ep, TD_SG_COUNT, any(4));
    ep_set(ep, TD_REQUEST, word());
    ep_set(ep, TD_COMMAND, any(14));
}

static void check(Ep *ep)
{
    uint64_t status = ep_get(ep, TD_STATUS);
    bool waits = ep_get(ep, TD_PAGE_WAIT) & 1;

    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), <=, 256);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), <=, 64);
    g_assert_cmpuint(ep_get(ep, TD_STALE_USES), ==, 0);
    g_assert_cmpint((status & 3) == 1, ==, waits);
    if ((status & 3) == 3) {
        g_assert_cmpuint(status >> 8 & 0xff, >=, 1);
        g_assert_cmpuint(status >> 8 & 0xff, <=, 12);
    }
}

static void test_anything(void)
{
    Ep *ep = ep_start();

    ep->on_dma = anyhow_inside;
    ep->on_translate = anyhow_inside;
    ep->on_page_request = anyhow_inside;
    for (unsigned i = 0; i < STEPS; i++) {
        switch (any(10)) {
        case 0:
        case 1:
            anyhow_command(ep);
            break;
        case 2:
            anyhow_page(ep);
            break;
        case 3:
        case 4:
            anyhow_respond(ep);
            break;
        case 5:
            anyhow_invalidate(ep);
            break;
        case 6:
            anyhow_config(ep);
            break;
        case 7:
            if (ep->runs_wanted) {
                ep->runs_wanted--;
                viommu_testdev_run(ep->dev);
            }
            break;
        case 8:
            ep->dma_result = any(8) ? VIOMMU_DMA_OK : any(4);
            ep->translate_result = any(8) ? VIOMMU_DMA_OK : any(4);
            ep->no_page_requests = !any(8);
            break;
        default:
            if (!any(50)) {
                viommu_testdev_reset(ep->dev);
            }
            break;
        }
        check(ep);
    }
    g_test_message("%u accesses, %u translations, %u page requests",
                   ep->dmas, ep->translations, ep->page_requests);
    /* it can always be brought back */
    ep->on_dma = NULL;
    ep->on_translate = NULL;
    ep->on_page_request = NULL;
    ep->dma_result = VIOMMU_DMA_OK;
    viommu_testdev_reset(ep->dev);
    ep->page[0] = (EpPage) { .access = 7 };
    g_assert_cmpuint(ep_read(ep, 0, 8), ==, TD_OK);
    ep_free(ep);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/testdev/hostile/anything", test_anything);
    return g_test_run();
}
