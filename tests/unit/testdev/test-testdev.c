/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev's core: capabilities, PASID and the device-TLB, without a
 * unit.
 */
#include <string.h>

#include "tests/lib/unit/endpoint.h"

#define NONE VIOMMU_NO_PASID
#define RW   (VIOMMU_READ | VIOMMU_WRITE)

/* --- Capabilities ---- */

static void refused(bool ats, bool pri, unsigned pasid_bits, const char *text)
{
    const ViommuTestdevConfig config = {
        .ats = ats, .pri = pri, .pasid_bits = (uint8_t)pasid_bits,
    };
    const ViommuTestdevOps ops = { 0 };
    GError *error = NULL;

    g_assert_null(viommu_testdev_new(&config, &ops, NULL, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
    g_assert_nonnull(strstr(error->message, text));
    g_error_free(error);
}

static void test_config(void)
{
    refused(false, true, 0, "pri=on needs ats=on");
    refused(true, false, 21, "pasid-bits=21");
    refused(true, true, 255, "pasid-bits=255");
}

/* Each choice: the chain has what was asked for, in order, without gaps. */
static void test_chain(void)
{
    for (unsigned i = 0; i < 8; i++) {
        ViommuTestdevConfig config = {
            .ats = i & 1, .pri = (i & 3) == 3, .pasid_bits = i & 4 ? 17 : 0,
        };
        unsigned at = VIOMMU_TESTDEV_CONFIG_BASE;
        Ep *ep = ep_new(&config);

        if (config.pasid_bits) {
            g_assert_cmphex(ep_find(ep, TD_CAP_PASID), ==, at);
            g_assert_cmphex(ep_config(ep, at + TD_PASID_CAP, 2), ==, 0x1106);
            at += 16;
        }
        if (config.ats) {
            g_assert_cmphex(ep_find(ep, TD_CAP_ATS), ==, at);
            g_assert_cmphex(ep_config(ep, at + TD_ATS_CAP, 2), ==, 0x60);
            at += 16;
        }
        if (config.pri) {
            g_assert_cmphex(ep_find(ep, TD_CAP_PRI), ==, at);
            g_assert_cmphex(ep_config(ep, at + TD_PRI_STATUS, 2), ==,
                            TD_PRI_STOPPED |
                            (config.pasid_bits ? TD_PRI_PASID : 0));
            g_assert_cmphex(ep_config(ep, at + TD_PRI_CAPACITY, 4), ==, 64);
            at += 16;
        }
        for (; at < 0x200; at += 4) {
            ep_set_config(ep, at, UINT32_MAX, 4);
            g_assert_cmphex(ep_config(ep, at, 4), ==, 0);
        }
        ep_free(ep);
    }
}

static void test_masks(void)
{
    static const struct {
        unsigned at;
        uint32_t value;
    } words[] = {
        { 0x100, 0x1101001b }, { 0x104, 0x00071406 },
        { 0x110, 0x1201000f }, { 0x114, 0x801f0060 },
        { 0x120, 0x00010013 }, { 0x124, 0x80000001 },
        { 0x128, 64 }, { 0x12c, UINT32_MAX },
    };
    Ep *ep = ep_start();

    for (unsigned at = 0x100; at < 0x200; at += 4) {
        ep_set_config(ep, at, UINT32_MAX, 4);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        g_assert_cmphex(ep_config(ep, words[i].at, 4), ==, words[i].value);
    }
    /* bytes, words that are not aligned, and what crosses a doubleword */
    ep_set_config(ep, 0x12d, 0, 1);
    g_assert_cmphex(ep_config(ep, 0x12c, 4), ==, 0xffff00ff);
    ep_set_config(ep, 0x12e, 0x11223344, 4);
    g_assert_cmphex(ep_config(ep, 0x12c, 4), ==, 0x334400ff);
    g_assert_cmphex(ep_config(ep, 0x12a, 4), ==, 0x00ff0000);
    ep_set_config(ep, 0x112, 0x44332211, 4);
    g_assert_cmphex(ep_config(ep, 0x114, 4), ==, 0x801f0060);
    ep_set_config(ep, 0x115, 0x00051234, 4);
    g_assert_cmphex(ep_config(ep, 0x114, 4), ==, 0x05120060 & 0x801f0060);
    ep_set_config(ep, 0x117, 0x80, 1);
    g_assert_cmphex(ep_config(ep, 0x116, 2), ==, 0x8012);
    /* nothing of this may do harm */
    for (unsigned size = 0; size < 9; size++) {
        viommu_testdev_config_write(ep->dev, 0xfe, UINT32_MAX, size);
        viommu_testdev_config_read(ep->dev, 0xfe, size);
        viommu_testdev_config_write(ep->dev, UINT32_MAX - 1, 1, size);
        g_assert_cmphex(
            viommu_testdev_config_read(ep->dev, UINT32_MAX - 1, size), ==, 0);
    }
    viommu_testdev_reset(ep->dev);
    g_assert_cmphex(ep_config(ep, 0x106, 2), ==, 0);
    g_assert_cmphex(ep_config(ep, 0x116, 2), ==, 0);
    g_assert_cmphex(ep_config(ep, 0x124, 4), ==, 0x81000000);
    g_assert_cmphex(ep_config(ep, 0x12c, 4), ==, 0);
    ep_free(ep);
}

/* --- PASID ---- */

static void expect_dma(Ep *ep, uint64_t pasid, uint32_t carried,
                       unsigned reads, unsigned writes)
{
    ep_set(ep, TD_PASID, pasid);
    g_assert_cmpuint(ep_read(ep, 0, 8), ==, TD_OK);
    g_assert_cmphex(ep->dma.pasid, ==, carried);
    g_assert_cmphex(ep->dma.access, ==, reads);
    g_assert_cmpint(ep->dma.kind, ==, VIOMMU_UNTRANSLATED);
    g_assert_cmpuint(ep_write(ep, 0, 8), ==, TD_OK);
    g_assert_cmphex(ep->dma.pasid, ==, carried);
    g_assert_cmphex(ep->dma.access, ==, writes);
}

static void test_pasid(void)
{
    const uint64_t all = TD_PASID_ENABLE | TD_PASID_PRIV | TD_PASID_EXEC;
    ViommuTestdevConfig config = { .pasid_bits = 8 };
    Ep *ep = ep_new(&config);
    unsigned ctrl = ep_find(ep, TD_CAP_PASID) + TD_PASID_CTRL;

    expect_dma(ep, TD_PASID_PRIV | TD_PASID_EXEC | 0x12, NONE, VIOMMU_READ,
               VIOMMU_WRITE);
    ep_set(ep, TD_PASID, all | 0x12);
    g_assert_cmpuint(ep_read(ep, 0, 8), ==, TD_NOT_ENABLED);
    ep_set_config(ep, ctrl, TD_PASID_CTRL_ENABLE, 2);
    expect_dma(ep, all | 0x12, 0x12, VIOMMU_READ, VIOMMU_WRITE);
    expect_dma(ep, all | 0xff, 0xff, VIOMMU_READ, VIOMMU_WRITE);
    ep_set(ep, TD_PASID, all | 0x100);
    g_assert_cmpuint(ep_read(ep, 0, 8), ==, TD_BAD_COMMAND);
    ep_set_config(ep, ctrl, TD_PASID_CTRL_ENABLE | TD_PASID_CTRL_EXEC, 2);
    expect_dma(ep, all | 1, 1, VIOMMU_READ | VIOMMU_EXEC, VIOMMU_WRITE);
    ep_set_config(ep, ctrl, TD_PASID_CTRL_ENABLE | TD_PASID_CTRL_PRIV, 2);
    expect_dma(ep, all | 1, 1, VIOMMU_READ | VIOMMU_PRIV,
               VIOMMU_WRITE | VIOMMU_PRIV);
    expect_dma(ep, TD_PASID_ENABLE | 1, 1, VIOMMU_READ, VIOMMU_WRITE);
    ep_free(ep);

    /* without the capability each PASID works, and no flags */
    config.pasid_bits = 0;
    ep = ep_new(&config);
    expect_dma(ep, all | 0xfffff, 0xfffff, VIOMMU_READ, VIOMMU_WRITE);
    ep_free(ep);
}

/* --- The device-TLB ---- */

static void test_hits(void)
{
    Ep *ep = ep_start();

    memcpy(ep_at(ep, 0x5010), "translated", 10);
    g_assert_cmpuint(ep_read(ep, 0x5010, 10), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 1);
    /* the capability says that requests are aligned */
    g_assert_cmphex(ep->asked.addr, ==, 0x5000);
    g_assert_cmphex(ep->asked.access, ==, VIOMMU_READ);
    g_assert_cmphex(ep->asked.pasid, ==, NONE);
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
    ep_run(ep, TD_FLUSH);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_STALE_USES), ==, 0);
    ep_free(ep);
}

static void test_bounded(void)
{
    Ep *ep = ep_start();

    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < 300; i++) {
            g_assert_cmpuint(ep_read(ep, i * EP_PAGE, 8), ==, TD_OK);
            g_assert_cmphex(ep->dma.addr, ==, ep->page[i].to);
            g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==,
                             turn ? 256 : MIN(i + 1, 256));
        }
    }
    ep_free(ep);
}

static void test_sizes(void)
{
    static const uint64_t insane[] = { 1, 2048, 3000, 0x1800, UINT64_MAX };
    const uint64_t large = 2 << 20;
    Ep *ep = ep_start();

    for (unsigned i = 0; i < 512; i++) {
        ep->page[i].size = large;
        ep->page[i].to = (512 + i) * EP_PAGE;
    }
    g_assert_cmpuint(ep_read(ep, 0x123000, 8), ==, TD_OK);
    g_assert_cmpuint(ep_read(ep, 0, 0x8000), ==, TD_OK);
    g_assert_cmpuint(ep_write(ep, large - 8, 8), ==, TD_OK);
    g_assert_cmphex(ep->dma.addr, ==, 2 * large - 8);
    g_assert_cmpuint(ep->translations, ==, 1);
    g_assert_cmpuint(ep_read(ep, large, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 2);
    /* a part of it is enough to drop it; what is beside it is not */
    g_assert_true(ep_invalidate(ep, NONE, large + 0x1000, 0x1000));
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 2);
    g_assert_true(ep_invalidate(ep, NONE, large - 0x1000, 0x1000));
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 1);

    /* all addresses; and an invalidation of all of them */
    ep_run(ep, TD_FLUSH);
    ep->page[7].size = 0;
    ep->page[3].size = UINT64_C(1) << 63;
    ep->page[3].to = 0x3000;
    g_assert_cmpuint(ep_read(ep, 0x3000, 8), ==, TD_OK);
    g_assert_cmpuint(ep_read(ep, 0x7000, 8), ==, TD_OK);
    g_assert_cmphex(ep->dma.addr, ==, 0x7000);
    g_assert_cmpuint(ep_read(ep, UINT64_C(1) << 62, 8), ==, TD_NO_TARGET);
    g_assert_true(ep_invalidate(ep, NONE, 0x1234, 0));
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 0);

    /* an answer that makes no sense permits nothing */
    ep_set(ep, TD_CONTROL, TD_CONTROL_ATS);
    for (unsigned i = 0; i < G_N_ELEMENTS(insane); i++) {
        ep->page[9].size = insane[i];
        g_assert_cmpuint(ep_read(ep, 0x9000, 8), ==, TD_NOT_PERMITTED);
    }
    ep_free(ep);
}

static void test_permissions(void)
{
    Ep *ep = ep_start();

    ep_set(ep, TD_CONTROL, TD_CONTROL_ATS);
    ep->page[5].access = VIOMMU_READ;
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmphex(ep->asked.access, ==, VIOMMU_READ);
    /* lacking: each access asks anew */
    g_assert_cmpuint(ep_write(ep, 0x5008, 8), ==, TD_NOT_PERMITTED);
    g_assert_cmphex(ep->asked.access, ==, RW);
    g_assert_cmphex(ep_get(ep, TD_FAULT_ADDR), ==, 0x5008);
    g_assert_cmphex(ep_get(ep, TD_STATUS) >> 24, ==, 1);
    g_assert_cmpuint(ep_write(ep, 0x5000, 8), ==, TD_NOT_PERMITTED);
    g_assert_cmpuint(ep->translations, ==, 3);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 3);
    /* granted meanwhile, which needs no invalidation */
    ep->page[5].access = RW;
    g_assert_cmpuint(ep_write(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 4);
    g_assert_cmpuint(ep_write(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 4);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 1);
    /* nothing at all is not kept */
    ep->page[6].access = 0;
    g_assert_cmpuint(ep_read(ep, 0x6000, 8), ==, TD_NOT_PERMITTED);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 1);
    ep_free(ep);
}

/* The IOMMU refuses to translate at all; or the translated access. */
static void test_refused(void)
{
    Ep *ep = ep_start();

    ep->translate_result = VIOMMU_DMA_BLOCKED;
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_BLOCKED);
    g_assert_cmphex(ep_get(ep, TD_STATUS) >> 16, ==, 0x66);
    ep->translate_result = VIOMMU_DMA_NO_TARGET;
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_NO_TARGET);
    ep->translate_result = VIOMMU_DMA_NO_MASTER;
    g_assert_cmpuint(ep_write(ep, 0x5000, 8), ==, TD_NO_MASTER);
    g_assert_cmpuint(ep->dmas, ==, 0);
    ep->translate_result = VIOMMU_DMA_OK;
    ep->dma_result = VIOMMU_DMA_BLOCKED;
    g_assert_cmpuint(ep_write(ep, 0x5000, 8), ==, TD_BLOCKED);
    g_assert_cmphex(ep_get(ep, TD_STATUS) >> 16, ==, 0x155);
    /* the bus address, not the translated one */
    g_assert_cmphex(ep_get(ep, TD_FAULT_ADDR), ==, 0x5000);
    ep_free(ep);
}

static void test_tags(void)
{
    static const uint64_t pasids[] = {
        0, TD_PASID_ENABLE | 1, TD_PASID_ENABLE | 2,
        TD_PASID_ENABLE | TD_PASID_PRIV | 1,
    };
    Ep *ep = ep_start();

    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < G_N_ELEMENTS(pasids); i++) {
            ep_set(ep, TD_PASID, pasids[i]);
            g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
            g_assert_cmpuint(ep->translations, ==, turn ? 4 : i + 1);
            /* a translated request has no PASID */
            g_assert_cmphex(ep->dma.pasid, ==, NONE);
            g_assert_cmphex(ep->dma.access, ==, VIOMMU_READ);
        }
    }
    g_assert_cmphex(ep->asked.pasid, ==, 1);
    g_assert_cmphex(ep->asked.access, ==, VIOMMU_READ | VIOMMU_PRIV);

    /* both of PASID 1 */
    g_assert_true(ep_invalidate(ep, 1, 0x5000, 0x1000));
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 2);
    g_assert_true(ep_invalidate(ep, NONE, 0x5000, 0x1000));
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 1);
    ep_set(ep, TD_PASID, pasids[2]);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 4);
    g_assert_true(ep_invalidate_global(ep, 0x5000, 0x1000));
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 0);

    /* execute */
    ep_set(ep, TD_CONTROL, TD_CONTROL_ATS);
    ep_set(ep, TD_PASID, TD_PASID_ENABLE | TD_PASID_EXEC | 1);
    g_assert_cmpuint(ep_write(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmphex(ep->asked.access, ==, RW);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_NOT_PERMITTED);
    g_assert_cmphex(ep->asked.access, ==, VIOMMU_READ | VIOMMU_EXEC);
    ep->page[5].access = VIOMMU_READ | VIOMMU_EXEC;
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    ep_free(ep);
}

static void test_global(void)
{
    Ep *ep = ep_start();

    ep->page[5].global = true;
    ep_set(ep, TD_PASID, TD_PASID_ENABLE | 1);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    ep_set(ep, TD_PASID, TD_PASID_ENABLE | 2);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 1);
    /* not for the other privilege, and not without PASID */
    ep_set(ep, TD_PASID, TD_PASID_ENABLE | TD_PASID_PRIV | 2);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 2);
    ep_set(ep, TD_PASID, 0);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 3);
    ep_set(ep, TD_PASID, TD_PASID_ENABLE | 3);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 3);

    g_assert_true(ep_invalidate(ep, 1, 0x5000, 0x1000));
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 3);
    g_assert_true(ep_invalidate_global(ep, 0x5000, 0x1000));
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 0);

    /* said of a request without PASID, it means nothing */
    ep_set(ep, TD_PASID, 0);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    ep_set(ep, TD_PASID, TD_PASID_ENABLE | 3);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 5);
    ep_free(ep);
}

static void test_untranslated_only(void)
{
    Ep *ep = ep_start();

    ep->page[5].untranslated_only = true;
    ep_set(ep, TD_PASID, TD_PASID_ENABLE | TD_PASID_PRIV | 9);
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmpuint(ep_write(ep, 0x5008, 8), ==, TD_OK);
        g_assert_cmpint(ep->dma.kind, ==, VIOMMU_UNTRANSLATED);
        g_assert_cmphex(ep->dma.addr, ==, 0x5008);
        g_assert_cmphex(ep->dma.pasid, ==, 9);
        g_assert_cmphex(ep->dma.access, ==, VIOMMU_WRITE | VIOMMU_PRIV);
        g_assert_cmpuint(ep->translations, ==, 1);
    }
    ep->page[6].interrupt = true;
    g_assert_cmpuint(ep_write(ep, 0x6000, 4), ==, TD_OK);
    g_assert_cmpint(ep->dma.kind, ==, VIOMMU_UNTRANSLATED);
    ep_free(ep);
}

static void test_raw(void)
{
    const ViommuTestdevConfig config = { 0 };
    Ep *ep = ep_new(&config);

    ep_set(ep, TD_CONTROL, TD_CONTROL_RAW);
    g_assert_cmpuint(ep_read(ep, 0x5010, 8), ==, TD_OK);
    g_assert_cmpint(ep->dma.kind, ==, VIOMMU_TRANSLATED);
    g_assert_cmphex(ep->dma.addr, ==, 0x5010);
    ep->dma_result = VIOMMU_DMA_BLOCKED;
    g_assert_cmpuint(ep_write(ep, 0x5010, 8), ==, TD_BLOCKED);
    ep_set(ep, TD_CONTROL, TD_CONTROL_RAW | TD_CONTROL_ATS);
    g_assert_cmpuint(ep_read(ep, 0x5010, 8), ==, TD_BAD_COMMAND);
    ep_set(ep, TD_CONTROL, TD_CONTROL_PRI);
    g_assert_cmpuint(ep_read(ep, 0x5010, 8), ==, TD_BAD_COMMAND);
    /* no capability */
    ep_set(ep, TD_CONTROL, TD_CONTROL_ATS);
    g_assert_cmpuint(ep_read(ep, 0x5010, 8), ==, TD_NOT_ENABLED);
    g_assert_cmpuint(ep_run(ep, TD_TRANSLATE) >> 8 & 0xff, ==,
                     TD_NOT_ENABLED);
    g_assert_cmpuint(ep_run(ep, TD_PAGE_REQUEST) >> 8 & 0xff, ==,
                     TD_NOT_ENABLED);
    g_assert_cmpuint(ep->translations, ==, 0);
    g_assert_cmpuint(ep->page_requests, ==, 0);
    g_assert_false(ep_invalidate(ep, NONE, 0, 0));
    ep_free(ep);
}

static void test_disable(void)
{
    Ep *ep = ep_start();
    unsigned ats = ep_find(ep, TD_CAP_ATS) + TD_ATS_CTRL;
    unsigned pasid = ep_find(ep, TD_CAP_PASID) + TD_PASID_CTRL;

    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    ep_set_config(ep, ats, 0, 2);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 0);
    /* still answered: there is nothing left that it could cover */
    g_assert_true(ep_invalidate(ep, NONE, 0, 0));
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_NOT_ENABLED);
    ep_set_config(ep, ats, TD_ATS_ENABLE, 2);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    g_assert_cmpuint(ep->translations, ==, 2);
    /* the smallest translation unit changes nothing of what is kept */
    ep_set_config(ep, ats, TD_ATS_ENABLE | 3, 2);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 1);
    ep_set_config(ep, ats, TD_ATS_ENABLE, 2);
    ep_set_config(ep, pasid, 0, 2);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 0);
    g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==, TD_OK);
    viommu_testdev_reset(ep->dev);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_ATC_REQUESTS), ==, 0);
    ep_free(ep);
}

static void test_translate(void)
{
    Ep *ep = ep_start();

    ep_set(ep, TD_SRC, 0x5123);
    ep_set(ep, TD_REQUEST, TD_REQUEST_READ);
    ep_run(ep, TD_TRANSLATE);
    g_assert_cmpuint(ep_why(ep), ==, TD_OK);
    g_assert_cmphex(ep->asked.access, ==, VIOMMU_READ);
    g_assert_cmphex(ep_get(ep, TD_TRANS_ADDR), ==, ep->page[5].to + 0x123);
    g_assert_cmphex(ep_get(ep, TD_TRANS_SIZE), ==, 0x1000);
    g_assert_cmphex(ep_get(ep, TD_TRANS_FLAGS), ==,
                    TD_TRANS_ANSWER | TD_TRANS_R | TD_TRANS_W);

    ep->page[5] = (EpPage) {
        .access = RW | VIOMMU_EXEC, .size = 0x200000, .snoop = true,
        .global = true, .privileged = true, .untranslated_only = true,
        .interrupt = true,
    };
    ep_set(ep, TD_PASID, TD_PASID_ENABLE | TD_PASID_PRIV | TD_PASID_EXEC | 7);
    ep_set(ep, TD_REQUEST, TD_REQUEST_WRITE);
    ep_run(ep, TD_TRANSLATE);
    g_assert_cmphex(ep->asked.pasid, ==, 7);
    g_assert_cmphex(ep->asked.access, ==, RW | VIOMMU_EXEC | VIOMMU_PRIV);
    g_assert_cmphex(ep_get(ep, TD_TRANS_SIZE), ==, 0x200000);
    g_assert_cmphex(ep_get(ep, TD_TRANS_FLAGS), ==, TD_TRANS_ANSWER | 0xff);
    g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, 0);
    g_assert_cmpuint(ep_get(ep, TD_ATC_REQUESTS), ==, 2);

    ep->page[5].access = 0;
    g_assert_cmphex(ep_run(ep, TD_TRANSLATE) & 3, ==, 2);
    g_assert_cmphex(ep_get(ep, TD_TRANS_FLAGS) & 7, ==, 0);
    ep->translate_result = VIOMMU_DMA_BLOCKED;
    g_assert_cmphex(ep_run(ep, TD_TRANSLATE), ==, 0x1660103);
    g_assert_cmphex(ep_get(ep, TD_TRANS_FLAGS), ==, 0);
    ep_free(ep);
}

/* What PCIe forbids to say [PCIe 10.2.3] is counted, and permits nothing. */
static void test_bad_answers(void)
{
    const uint64_t user = TD_PASID_ENABLE | 7, priv = user | TD_PASID_PRIV;
    const uint64_t exec = user | TD_PASID_EXEC;
    const struct {
        uint64_t pasid;
        unsigned stu;
        EpPage page;
        uint64_t rules;
    } table[] = {
        { 0, 0, { .to = 0x6000, .access = RW, .global = true },
          TD_BAD_GLOBAL },
        { user, 0, { .to = 0x6000, .access = RW, .global = true }, 0 },
        { user, 0, { .to = 0x6000, .access = RW, .privileged = true },
          TD_BAD_PRIV },
        { 0, 0, { .to = 0x6000, .access = RW, .privileged = true },
          TD_BAD_PRIV },
        { user, 0, { .to = 0x6000, .access = RW | VIOMMU_EXEC }, TD_BAD_X },
        { exec, 0, { .to = 0x6000, .access = RW | VIOMMU_EXEC }, 0 },
        { exec, 0, { .to = 0x6000, .access = VIOMMU_WRITE | VIOMMU_EXEC },
          TD_BAD_X_ONLY },
        { user, 0, { .to = 0x6000, .size = 0x3000, .access = RW },
          TD_BAD_SIZE },
        { user, 0, { .to = 0x6000, .size = 0x800, .access = RW }, TD_BAD_SIZE },
        { user, 1, { .to = 0x6000, .size = 0x1000, .access = RW },
          TD_BAD_SIZE },
        { user, 0, { .to = 0x6000, .size = 0x2000, .access = RW },
          TD_BAD_ALIGNED },
        { user, 0, { .to = 0x7000, .size = 0x2000, .access = RW }, 0 },
        /* with nothing granted, the rest means nothing */
        { 0, 0, { .to = 0x6000, .global = true, .privileged = true }, 0 },
        /* not against the rules, but no permission for who asks */
        { priv, 0, { .to = 0x6000, .access = RW, .for_users = true }, 0 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        Ep *ep = ep_start();
        /* Global is ignored where it means nothing. */
        bool usable = !(table[i].rules & ~TD_BAD_GLOBAL) &&
                      table[i].page.access && !table[i].page.for_users;

        ep->page[5] = table[i].page;
        ep_set(ep, TD_CONTROL, TD_CONTROL_ATS);
        ep_set_config(ep, ep_find(ep, TD_CAP_ATS) + TD_ATS_CTRL,
                      TD_ATS_ENABLE | table[i].stu, 2);
        ep_set(ep, TD_PASID, table[i].pasid);
        g_assert_cmpuint(ep_read(ep, 0x5000, 8), ==,
                         usable ? TD_OK : TD_NOT_PERMITTED);
        g_assert_cmphex(ep_get(ep, TD_BAD_ANSWERS), ==,
                        table[i].rules ? table[i].rules | 1 : 0);
        g_assert_cmpuint(ep_get(ep, TD_ATC_ENTRIES), ==, usable);
        /* TRANSLATE shows what it is told, and counts, too. */
        ep_set(ep, TD_SRC, 0x5000);
        ep_set(ep, TD_REQUEST, TD_REQUEST_WRITE);
        ep_run(ep, TD_TRANSLATE);
        g_assert_cmphex(ep_get(ep, TD_BAD_ANSWERS), ==,
                        table[i].rules ? table[i].rules | 2 : 0);
        viommu_testdev_reset(ep->dev);
        g_assert_cmphex(ep_get(ep, TD_BAD_ANSWERS), ==, 0);
        ep_free(ep);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/testdev/config", test_config);
    g_test_add_func("/testdev/capabilities/chain", test_chain);
    g_test_add_func("/testdev/capabilities/masks", test_masks);
    g_test_add_func("/testdev/pasid", test_pasid);
    g_test_add_func("/testdev/atc/hits", test_hits);
    g_test_add_func("/testdev/atc/bounded", test_bounded);
    g_test_add_func("/testdev/atc/sizes", test_sizes);
    g_test_add_func("/testdev/atc/permissions", test_permissions);
    g_test_add_func("/testdev/atc/refused", test_refused);
    g_test_add_func("/testdev/atc/tags", test_tags);
    g_test_add_func("/testdev/atc/global", test_global);
    g_test_add_func("/testdev/atc/untranslated-only", test_untranslated_only);
    g_test_add_func("/testdev/atc/raw", test_raw);
    g_test_add_func("/testdev/atc/disable", test_disable);
    g_test_add_func("/testdev/atc/bad-answers", test_bad_answers);
    g_test_add_func("/testdev/atc/translate", test_translate);
    return g_test_run();
}
