/* SPDX-License-Identifier: BSD-3-Clause */
#include "endpoint.h"

#include <string.h>

enum {
    STATUS_BUSY   = 1,
    STATUS_DONE   = 2,
    STATUS_FAILED = 3,
};

static ViommuDmaResult on_dma(void *opaque, const ViommuTestdevAccess *access,
                              uint8_t *reason)
{
    Ep *ep = opaque;
    uint64_t at = access->addr;

    ep->dma = *access;
    ep->dmas++;
    if (ep->on_dma) {
        ep->on_dma(ep);
    }
    if (ep->dma_result != VIOMMU_DMA_OK) {
        *reason = 0x55;
        if (ep->dma_result == VIOMMU_DMA_STALLED) {
            g_assert_true(access->can_stall);
            viommu_testdev_stalled(ep->dev, ep->stall_tag);
            if (ep->on_stall) {
                ep->on_stall(ep);
            }
            return VIOMMU_DMA_STALLED;
        }
        return ep->dma_result;
    }
    if (at >= EP_MEMORY) {
        return VIOMMU_DMA_NO_TARGET;
    }
    g_assert_cmpuint(at % EP_PAGE + access->size, <=, EP_PAGE);
    if (access->kind == VIOMMU_UNTRANSLATED) {
        at = ep->page[at / EP_PAGE].to + at % EP_PAGE;
    }
    if (access->access & VIOMMU_WRITE) {
        memcpy(ep->memory + at, access->buf, access->size);
    } else {
        memcpy(access->buf, ep->memory + at, access->size);
    }
    return VIOMMU_DMA_OK;
}

static ViommuDmaResult on_translate(void *opaque,
                                    const ViommuTestdevAccess *access,
                                    ViommuReply *reply)
{
    Ep *ep = opaque;
    const EpPage *page = &ep->page[access->addr / EP_PAGE % EP_PAGES];

    ep->asked = *access;
    ep->translations++;
    g_assert_cmpint(access->kind, ==, VIOMMU_TRANSLATION);
    *reply = (ViommuReply) {
        .addr = page->to + access->addr % EP_PAGE,
        .size = page->size ? page->size : EP_PAGE,
        .access = page->access,
        .snoop = page->snoop,
        .global = page->global,
        .privileged = page->privileged ||
                      ((access->access & VIOMMU_PRIV) && !page->for_users),
        .untranslated_only = page->untranslated_only,
        .interrupt = page->interrupt,
        .reason = ep->translate_result == VIOMMU_DMA_BLOCKED ? 0x66 : 0,
    };
    if (ep->on_translate) {
        ep->on_translate(ep);
    }
    return ep->translate_result;
}

static bool on_page_request(void *opaque, ViommuPageRequest *req)
{
    Ep *ep = opaque;

    ep->page_request = *req;
    ep->page_requests++;
    if (ep->on_page_request) {
        ep->on_page_request(ep);
    }
    return !ep->no_page_requests;
}

static void on_run_later(void *opaque)
{
    Ep *ep = opaque;

    ep->runs_wanted++;
}

static void on_interrupt(void *opaque, unsigned vector)
{
    Ep *ep = opaque;

    g_assert_cmpuint(vector, <, VIOMMU_TESTDEV_VECTORS);
    ep->interrupts++;
}

static int64_t on_clock(void *opaque)
{
    Ep *ep = opaque;

    return ep->now += 1000;
}

static const ViommuTestdevOps ops = {
    .dma = on_dma,
    .translate = on_translate,
    .page_request = on_page_request,
    .run_later = on_run_later,
    .interrupt = on_interrupt,
    .clock_ns = on_clock,
};

Ep *ep_new(const ViommuTestdevConfig *config)
{
    Ep *ep = g_new0(Ep, 1);
    GError *error = NULL;

    ep->memory = g_malloc0(EP_MEMORY);
    for (unsigned i = 0; i < EP_PAGES; i++) {
        ep->page[i].to = (EP_PAGES - 1 - i) * EP_PAGE;
        ep->page[i].access = VIOMMU_READ | VIOMMU_WRITE;
    }
    ep->dev = viommu_testdev_new(config, &ops, ep, &error);
    g_assert_no_error(error);
    return ep;
}

Ep *ep_start(void)
{
    const ViommuTestdevConfig config = {
        .ats = true, .pri = true, .pasid_bits = 20,
    };
    Ep *ep = ep_new(&config);
    unsigned pri = ep_find(ep, TD_CAP_PRI);

    ep_set_config(ep, ep_find(ep, TD_CAP_PASID) + TD_PASID_CTRL,
                  TD_PASID_CTRL_ENABLE | TD_PASID_CTRL_EXEC |
                  TD_PASID_CTRL_PRIV, 2);
    ep_set_config(ep, ep_find(ep, TD_CAP_ATS) + TD_ATS_CTRL, TD_ATS_ENABLE,
                  2);
    ep_set_config(ep, pri + TD_PRI_ALLOCATION, 32, 4);
    ep_set_config(ep, pri + TD_PRI_CTRL, TD_PRI_ENABLE, 2);
    ep_set(ep, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
    return ep;
}

void ep_free(Ep *ep)
{
    viommu_testdev_free(ep->dev);
    g_free(ep->memory);
    g_free(ep);
}

uint64_t ep_get(Ep *ep, unsigned reg)
{
    return viommu_testdev_read(ep->dev, reg, 8);
}

void ep_set(Ep *ep, unsigned reg, uint64_t value)
{
    viommu_testdev_write(ep->dev, reg, value, 8);
}

uint64_t ep_run(Ep *ep, TestdevCommand command)
{
    ep_set(ep, TD_COMMAND, command);
    return ep_get(ep, TD_STATUS);
}

unsigned ep_why(Ep *ep)
{
    uint64_t status = ep_get(ep, TD_STATUS);

    switch (status & 3) {
    case STATUS_BUSY:
        return TD_WAITS;
    case STATUS_DONE:
        return TD_OK;
    default:
        g_assert_cmpuint(status & 3, ==, STATUS_FAILED);
        g_assert_cmpuint(status >> 8 & 0xff, !=, 0);
        return status >> 8 & 0xff;
    }
}

unsigned ep_read(Ep *ep, uint64_t addr, uint64_t size)
{
    ep_set(ep, TD_SRC, addr);
    ep_set(ep, TD_LENGTH, size);
    ep_run(ep, TD_READ);
    return ep_why(ep);
}

unsigned ep_write(Ep *ep, uint64_t addr, uint64_t size)
{
    ep_set(ep, TD_DST, addr);
    ep_set(ep, TD_LENGTH, size);
    ep_run(ep, TD_WRITE);
    return ep_why(ep);
}

uint32_t ep_config(Ep *ep, unsigned at, unsigned size)
{
    return viommu_testdev_config_read(
        ep->dev, at - VIOMMU_TESTDEV_CONFIG_BASE, size);
}

void ep_set_config(Ep *ep, unsigned at, uint32_t value, unsigned size)
{
    viommu_testdev_config_write(ep->dev, at - VIOMMU_TESTDEV_CONFIG_BASE,
                                value, size);
}

unsigned ep_find(Ep *ep, uint16_t id)
{
    unsigned at = VIOMMU_TESTDEV_CONFIG_BASE;

    for (unsigned i = 0; at && i < 16; i++) {
        uint32_t header = ep_config(ep, at, 4);

        if ((header & 0xffff) == id) {
            g_assert_cmphex(header >> 16 & 0xf, ==, 1);
            return at;
        }
        at = header >> 20;
    }
    return 0;
}

static bool invalidate(Ep *ep, uint32_t pasid, uint64_t addr, uint64_t size,
                       bool global)
{
    ViommuInvalidation inv = {
        .what = VIOMMU_INV_DEVTLB,
        .pasid = pasid,
        .addr = addr,
        .size = size,
        .global = global,
    };

    return viommu_testdev_invalidate(ep->dev, &inv);
}

bool ep_invalidate(Ep *ep, uint32_t pasid, uint64_t addr, uint64_t size)
{
    return invalidate(ep, pasid, addr, size, false);
}

bool ep_invalidate_global(Ep *ep, uint64_t addr, uint64_t size)
{
    return invalidate(ep, 0, addr, size, true);
}

void ep_respond(Ep *ep, uint8_t code)
{
    ViommuPageResponse response = {
        .pasid = ep->page_request.pasid,
        .group = ep->page_request.group,
        .code = code,
        .has_private_data = ep->page_request.has_private_data,
        .private_data = { ep->page_request.private_data[0],
                          ep->page_request.private_data[1] },
    };

    viommu_testdev_page_response(ep->dev, &response);
}

void ep_go_on(Ep *ep)
{
    /* a command has at most as many accesses as the bus has pages */
    for (unsigned i = 0; i < 2 * EP_PAGES && ep->runs_wanted; i++) {
        ep->runs_wanted--;
        viommu_testdev_run(ep->dev);
    }
    g_assert_cmpuint(ep->runs_wanted, ==, 0);
}

uint8_t *ep_at(Ep *ep, uint64_t addr)
{
    return ep->memory + ep->page[addr / EP_PAGE].to + addr % EP_PAGE;
}

unsigned ep_pri(Ep *ep, unsigned reg)
{
    return ep_find(ep, TD_CAP_PRI) + reg;
}

uint16_t ep_pri_status(Ep *ep)
{
    return ep_config(ep, ep_pri(ep, TD_PRI_STATUS), 2);
}

void ep_respond_to(Ep *ep, uint32_t pasid, unsigned group, unsigned code)
{
    ViommuPageResponse response = {
        .pasid = pasid, .group = (uint16_t)group, .code = (uint8_t)code,
    };

    viommu_testdev_page_response(ep->dev, &response);
}

Ep *ep_waiting(void)
{
    Ep *ep = ep_start();

    ep->page[6].access = 0;
    for (unsigned i = 0; i < 0x3000; i++) {
        *ep_at(ep, 0x5000 + i) = i * 7 + i / 256;
    }
    ep_set(ep, TD_CONTROL, ep_get(ep, TD_CONTROL) | TD_CONTROL_IRQ);
    g_assert_cmpuint(ep_read(ep, 0x5000, 0x3000), ==, TD_WAITS);
    g_assert_cmpuint(ep->page_requests, ==, 1);
    g_assert_cmpuint(ep_get(ep, TD_PAGE_OUTSTANDING), ==, 1);
    return ep;
}
