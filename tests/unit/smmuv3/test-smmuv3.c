/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: translation in each configuration, and what invalidation does. */
#include "tests/lib/unit/smmu.h"

#define VA  UINT64_C(0x7f1234567000)
#define PA  UINT64_C(0x00345000)
#define PA2 UINT64_C(0x00678000)
#define IPA UINT64_C(0x8123456000)
#define RW  (VIOMMU_READ | VIOMMU_WRITE)

static void expect(Smmu *s, uint64_t addr, unsigned access, uint64_t to)
{
    ViommuReply reply;

    g_assert_cmpint(smmu_test_dma(s, addr, access, &reply), ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, to);
    g_assert_cmphex(reply.access & access, ==, access);
}

/* The event that a refused request leaves. */
static void expect_event(Smmu *s, uint64_t addr, unsigned access, unsigned id,
                         uint64_t word[4])
{
    ViommuReply reply;

    g_assert_cmpint(smmu_test_dma(s, addr, access, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, id);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(EVENT_ID(word), ==, id);
    g_assert_cmphex(word[0] >> 32, ==, SMMU_TEST_SID);
}

static Smmu *new_stream(unsigned kind)
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    return smmu_test_new(&config, kind);
}

/* [SMMU 6.3.15] [SMMU 6.3.9] */
static void test_disabled(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    ViommuReply reply;

    guest_set_reg32(s->regs, SMMUV3_CR0, 0);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_CR0ACK), ==, 0);
    expect(s, PA, RW, PA);
    /* Without Update, a write changes nothing. */
    guest_set_reg32(s->regs, SMMUV3_GBPA, SMMUV3_GBPA_ABORT);
    expect(s, PA, RW, PA);
    guest_set_reg32(s->regs, SMMUV3_GBPA,
                    SMMUV3_GBPA_UPDATE | SMMUV3_GBPA_ABORT);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_GBPA) >> 31, ==, 0);
    g_assert_cmpint(smmu_test_dma(s, PA, VIOMMU_READ, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_EVENTQ_PROD), ==, 0);
    smmu_test_free(s);
}

/* [SMMU 5.2] [SMMU 3.4] */
static void test_bypass_abort(void)
{
    Smmu *s = new_stream(SMMUV3_BYPASS);
    ViommuReply reply;
    uint64_t word[4];

    expect(s, PA, RW, PA);
    expect_event(s, UINT64_C(1) << 48, VIOMMU_READ, SMMUV3_F_ADDR_SIZE, word);
    s->ste.config = SMMUV3_ABORT;
    smmu_test_put_ste(s);
    g_assert_cmpint(smmu_test_dma(s, PA, VIOMMU_READ, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_false(smmu_test_event(s, word));
    smmu_test_free(s);
}

/* One page through the stage(s), then another one behind an invalidation
 * [SMMU 3.3] [SMMU 3.3.3] [SMMU 4.4]. */
static void test_stage(gconstpointer data)
{
    unsigned kind = GPOINTER_TO_UINT(data);
    Smmu *s = new_stream(kind);
    uint64_t va = kind == SMMUV3_S2 ? IPA : VA, word[4];
    uint64_t vmid = CMD_VMID(SMMU_TEST_VMID);
    uint64_t asid = CMD_ASID(SMMU_TEST_ASID);

    expect_event(s, va, VIOMMU_READ, SMMUV3_F_TRANSLATION, word);
    g_assert_cmphex(word[2], ==, va);
    g_assert_cmphex(word[1] >> 35 & 1, ==, 1);          /* a read */
    g_assert_cmphex(word[1] >> 40 & 3, ==, 2);          /* its input */
    g_assert_cmphex(word[1] >> 39 & 1, ==, kind == SMMUV3_S2);
    if (kind == SMMUV3_NESTED) {
        smmu_test_map(s, va, IPA);
        expect_event(s, va, VIOMMU_WRITE, SMMUV3_F_TRANSLATION, word);
        g_assert_cmphex(word[1] >> 39 & 1, ==, 1);
        g_assert_cmphex(word[1] >> 35 & 1, ==, 0);
        g_assert_cmphex(word[3], ==, IPA);
        g_assert_true(guest_tables_map(&s->s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    } else {
        smmu_test_map(s, va, PA);
    }
    expect(s, va + 0x123, RW, PA + 0x123);
    expect(s, va + 0xff8, VIOMMU_READ, PA + 0xff8);

    /* Stage 1's mapping changes, or stage 2's. */
    if (kind == SMMUV3_S1) {
        smmu_test_map(s, va, PA2);
        guest_smmu_command(&s->commands, CMD_NH_VA | asid | vmid, va);
    } else {
        g_assert_true(guest_tables_map(&s->s2, IPA, PA2, 3, SMMUV3_PAGE_S2));
        guest_smmu_command(&s->commands, CMD_S2_IPA | vmid, IPA);
    }
    smmu_test_sync(s);
    expect(s, va, RW, PA2);
    g_assert_false(smmu_test_event(s, word));
    smmu_test_free(s);
}

/* [SMMU 4.4.2] [SMMU 4.4.3] [SMMU 4.4.4] [SMMU 3.17] */
static void test_stale_until_invalidated(void)
{
    static const struct {
        uint64_t w0, w1;
        bool hits;
    } cases[] = {
        { CMD_NH_VA | CMD_ASID(7) | CMD_VMID(3), VA, true },
        { CMD_NH_VA | CMD_ASID(8) | CMD_VMID(3), VA, false },
        { CMD_NH_VA | CMD_ASID(7) | CMD_VMID(4), VA, false },
        { CMD_NH_VA | CMD_ASID(7) | CMD_VMID(3), VA + 0x1000, false },
        { CMD_NH_VAA | CMD_VMID(3), VA, true },                    /* VAA */
        { CMD_NH_ASID | CMD_ASID(7) | CMD_VMID(3), 0, true },        /* ASID */
        { CMD_NH_ASID | CMD_ASID(8) | CMD_VMID(3), 0, false },
        { CMD_NH_ALL | CMD_VMID(3), 0, true },                     /* NH_ALL */
        { CMD_NH_ALL | CMD_VMID(4), 0, false },
        { CMD_S12_VMALL | CMD_VMID(3), 0, true },
        { CMD_NSNH_ALL, 0, true },
        /* a range of 2 * 2^1 pages of 4 KiB from two pages below */
        { CMD_NH_VA | CMD_ASID(7) | CMD_VMID(3) | CMD_NUM(1) | CMD_SCALE(1),
          (VA - 0x2000) | CMD_TG_4K, true },
        { CMD_NH_VA | CMD_ASID(7) | CMD_VMID(3) | CMD_SCALE(1),
          (VA - 0x2000) | CMD_TG_4K, false },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Smmu *s = new_stream(SMMUV3_S1);

        smmu_test_map(s, VA, PA);
        expect(s, VA, RW, PA);
        smmu_test_map(s, VA, PA2);
        guest_smmu_command(&s->commands, cases[i].w0, cases[i].w1);
        smmu_test_sync(s);
        /* Nothing else is in the cache: what may stay does stay. */
        expect(s, VA, RW, cases[i].hits ? PA2 : PA);
        smmu_test_free(s);
    }
}

/* Pages and blocks of each granule [SMMU 3.4] [ARM D8.2] [ARM D8.3]. */
static void test_granules(void)
{
    static const struct {
        unsigned granule, tg, level;
        uint64_t size;
    } cases[] = {
        { 12, 0, 3, 0x1000 }, { 12, 0, 2, 0x200000 },
        { 12, 0, 1, 0x40000000 }, { 14, 2, 3, 0x4000 },
        { 14, 2, 2, 0x2000000 }, { 16, 1, 3, 0x10000 },
        { 16, 1, 2, 0x20000000 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Smmu *s = new_stream(SMMUV3_S1);
        uint64_t size = cases[i].size, to = size < PA ? PA & -size : 0;
        uint64_t va = VA & -size;
        ViommuReply reply;

        g_assert_true(guest_tables_init(&s->s1, s->alloc, cases[i].granule,
                                        48, 0));
        s->cd.ttb[0] = s->s1.ttb;
        s->cd.tg[0] = cases[i].tg;
        smmu_test_put_cd(s, 0);
        g_assert_true(guest_tables_map(&s->s1, va, to, cases[i].level,
                                       SMMUV3_PAGE_S1));
        for (unsigned again = 0; again < 2; again++) {
            g_assert_cmpint(smmu_test_dma(s, va + size - 8, RW, &reply), ==,
                            VIOMMU_OK);
            g_assert_cmphex(reply.addr, ==, to + size - 8);
            g_assert_cmphex(reply.size, ==, size);
        }
        smmu_test_free(s);
    }
}

/* Access flag and dirty state, by hardware or by faults [SMMU 3.13]
 * [SMMU 3.13.2] [SMMU 3.13.3] [ARM D8.5]. */
static void test_flags(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t attributes = SMMUV3_PTE_USER | SMMUV3_PTE_NG |
                          SMMUV3_PTE_RDONLY | SMMUV3_PTE_DBM;
    uint64_t entry, word[4];

    g_assert_true(guest_tables_map(&s->s1, VA, PA, 3, attributes));
    entry = guest_tables_entry(&s->s1, VA, 3);
    expect_event(s, VA, VIOMMU_READ, SMMUV3_F_ACCESS, word);
    s->cd.affd = true;
    smmu_test_put_cd(s, 0);
    expect(s, VA, VIOMMU_READ, PA);
    g_assert_cmphex(guest_read64(&s->f->mem, entry) & SMMUV3_PTE_AF, ==, 0);
    expect_event(s, VA, VIOMMU_WRITE, SMMUV3_F_PERMISSION, word);

    s->cd.affd = false;
    s->cd.ha = true;
    s->cd.hd = true;
    smmu_test_put_cd(s, 0);
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    smmu_test_sync(s);
    expect(s, VA, VIOMMU_READ, PA);
    g_assert_cmphex(guest_read64(&s->f->mem, entry) &
                    (SMMUV3_PTE_AF | SMMUV3_PTE_RDONLY), ==,
                    SMMUV3_PTE_AF | SMMUV3_PTE_RDONLY);
    /* A read leaves the write to be asked for, which the page allows. */
    for (unsigned probe = 0; probe < 2; probe++) {
        const ViommuRequest req = {
            .source = SMMU_TEST_SID, .pasid = VIOMMU_NO_PASID, .addr = VA,
            .access = VIOMMU_READ, .probe = probe,
        };
        ViommuReply reply;

        guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
        smmu_test_sync(s);
        viommu_dma_begin();
        g_assert_cmpint(viommu_translate(s->f->unit, &req, &reply), ==,
                        VIOMMU_OK);
        viommu_dma_end();
        g_assert_cmpint((reply.access & VIOMMU_WRITE) != 0, ==, probe);
        g_assert_cmphex(guest_read64(&s->f->mem, entry) & SMMUV3_PTE_RDONLY,
                        !=, 0);
    }
    expect(s, VA, VIOMMU_WRITE, PA);
    g_assert_cmphex(guest_read64(&s->f->mem, entry) & SMMUV3_PTE_RDONLY, ==,
                    0);
    smmu_test_free(s);
}

/* Substreams, and what requests without one get [SMMU 3.9] [SMMU 5.2]
 * [SMMU 7.3.7] [SMMU 7.3.9]. */
static void test_substreams(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    ViommuReply reply;
    uint64_t word[4];

    smmu_test_map(s, VA, PA);
    s->ste.s1cdmax = 4;
    s->cd.asid = 9;
    smmu_test_put_cd(s, 5);
    smmu_test_put_ste(s);
    g_assert_cmpint(smmu_test_request(s, 5, VA, RW, VIOMMU_UNTRANSLATED,
                                      &reply), ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, PA);

    g_assert_cmpint(smmu_test_request(s, 16, VA, RW, VIOMMU_UNTRANSLATED,
                                      &reply), ==, VIOMMU_FAULT);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(word[0] & 0xfffff8ff, ==,
                    SMMUV3_C_BAD_SUBSTREAMID | EVENT_IN_SSID(16));
    /* S1DSS: terminate, bypass, substream 0. */
    expect_event(s, VA, VIOMMU_READ, SMMUV3_F_STREAM_DISABLED, word);
    s->ste.s1dss = S1DSS_BYPASS;
    smmu_test_put_ste(s);
    expect(s, PA, RW, PA);
    s->ste.s1dss = S1DSS_SSID0;
    smmu_test_put_ste(s);
    expect(s, VA, RW, PA);
    g_assert_cmpint(smmu_test_request(s, 0, VA, RW, VIOMMU_UNTRANSLATED,
                                      &reply), ==, VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, SMMUV3_F_STREAM_DISABLED);
    g_assert_true(smmu_test_event(s, word));
    /* A descriptor that is not valid. */
    g_assert_cmpint(smmu_test_request(s, 6, VA, RW, VIOMMU_UNTRANSLATED,
                                      &reply), ==, VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, SMMUV3_C_BAD_CD);
    smmu_test_free(s);
}

/* [SMMU 4.1] [SMMU 7.1] */
static void test_command_errors(void)
{
    static const struct {
        uint64_t w0, w1;
        unsigned error;
    } cases[] = {
        { CMD_UNKNOWN, 0, SMMUV3_CERROR_ILL },
        { CMD_CFGI_STE | CMD_SSEC, 0, SMMUV3_CERROR_ILL },           /* SSEC */
        { CMD_EL2_ALL, 0, SMMUV3_CERROR_ILL },                     /* EL2 */
        { CMD_SYNC_RESERVED, 0, SMMUV3_CERROR_ILL },
        { CMD_PRI_RESP, CMD_PRI_CODE(PRI_RESERVED), SMMUV3_CERROR_ILL },
        { CMD_RESUME | CMD_SSEC, 0, SMMUV3_CERROR_ILL },
        { CMD_STALL_TERM | CMD_SSEC, 0, SMMUV3_CERROR_ILL },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        Smmu *s = new_stream(SMMUV3_S1);
        uint32_t before = guest_reg32(s->regs, SMMUV3_CMDQ_CONS), cons;

        guest_smmu_command(&s->commands, cases[i].w0, cases[i].w1);
        guest_smmu_command(&s->commands, CMD_SYNC, 0);
        cons = guest_reg32(s->regs, SMMUV3_CMDQ_CONS);
        g_assert_cmphex(cons, ==, before | cases[i].error << 24);
        g_assert_cmphex(guest_reg32(s->regs, SMMUV3_GERROR), ==,
                        SMMUV3_GERROR_CMDQ);
        /* Replaced and acknowledged, the queue goes on. */
        guest_write64(&s->f->mem, s->commands.base + before * 16, CMD_SYNC);
        guest_set_reg32(s->regs, SMMUV3_GERRORN, SMMUV3_GERROR_CMDQ);
        g_assert_true(guest_smmu_commands_done(&s->commands));
        smmu_test_free(s);
    }
}

/* Without EATS, neither kind of request is let through. */
static void expect_no_ats(Smmu *s)
{
    ViommuReply reply;
    uint64_t word[4];

    g_assert_cmpint(smmu_test_request(s, VIOMMU_NO_PASID, VA, RW,
                                      VIOMMU_TRANSLATION, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_BAD_ATS_TREQ);
    g_assert_cmpint(smmu_test_request(s, VIOMMU_NO_PASID, PA, RW,
                                      VIOMMU_TRANSLATED, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_TRANSL_FORBIDDEN);
}

/* A page, one that is not there, and a translated request. */
static void expect_ats(Smmu *s)
{
    ViommuReply reply;

    g_assert_cmpint(smmu_test_request(s, VIOMMU_NO_PASID, VA, RW,
                                      VIOMMU_TRANSLATION, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, PA);
    g_assert_cmphex(reply.access, ==, RW);
    g_assert_cmpint(smmu_test_request(s, VIOMMU_NO_PASID, VA + 0x1000, RW,
                                      VIOMMU_TRANSLATION, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.access, ==, 0);
    g_assert_cmpint(smmu_test_request(s, VIOMMU_NO_PASID, PA, RW,
                                      VIOMMU_TRANSLATED, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, PA);
}

/* [SMMU 4.5.1] [SMMU 4.5] [SMMU 3.9.1] */
static void test_atc(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    ViommuInvalidation inv;

    smmu_test_map(s, VA, PA);
    expect_no_ats(s);
    s->ste.eats = EATS_FULL;
    smmu_test_put_ste(s);
    expect_ats(s);

    fixture_forget(s->f);
    guest_smmu_command(&s->commands, CMD_ATC_INV | CMD_SID(SMMU_TEST_SID),
                       VA | 1);
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->invalidations->len, ==, 1);
    inv = g_array_index(s->f->invalidations, ViommuInvalidation, 0);
    g_assert_cmpint(inv.what, ==, VIOMMU_INV_DEVTLB);
    g_assert_cmphex(inv.addr, ==, VA & ~UINT64_C(0x1fff));
    g_assert_cmphex(inv.size, ==, 0x2000);

    /* Global is for a PASID; and nothing goes out while the SMMU is off. */
    g_assert_false(inv.global);
    fixture_forget(s->f);
    guest_smmu_command(&s->commands, CMD_ATC_INV | CMD_GLOBAL |
                       CMD_SID(SMMU_TEST_SID), VA);
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->invalidations->len, ==, 1);
    inv = g_array_index(s->f->invalidations, ViommuInvalidation, 0);
    g_assert_false(inv.global);
    guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN);
    fixture_run(s->f);
    fixture_forget(s->f);
    guest_smmu_command(&s->commands, CMD_ATC_INV | CMD_SID(SMMU_TEST_SID),
                       VA);
    guest_smmu_command(&s->commands, CMD_PRI_RESP | CMD_SID(SMMU_TEST_SID),
                       CMD_PRI_CODE(PRI_SUCCESS));
    smmu_test_sync(s);
    g_assert_cmpuint(s->f->invalidations->len, ==, 0);
    g_assert_cmpuint(s->f->responses->len, ==, 0);
    guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_SMMUEN |
                    SMMUV3_CR0_CMDQEN);
    fixture_run(s->f);

    /* An endpoint that does not answer: the next SYNC fails. */
    g_atomic_int_set(&s->f->device_silent, 1);
    guest_smmu_command(&s->commands, CMD_ATC_INV | CMD_SID(SMMU_TEST_SID),
                       CMD_ATC_ALL);
    guest_smmu_command(&s->commands, CMD_SYNC, 0);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_CMDQ_CONS) >> 24, ==,
                    SMMUV3_CERROR_ATC);
    smmu_test_free(s);
}

/* Split-stage ATS: the endpoint gets what stage 1 makes, and its translated
 * requests go through stage 2 [SMMU 13.6.3] [SMMU 3.9.1.3]. */
static void test_split_ats(void)
{
    Smmu *s = new_stream(SMMUV3_NESTED);
    ViommuReply reply;

    smmu_test_map(s, VA, IPA);
    s->ste.eats = EATS_SPLIT;
    smmu_test_put_ste(s);
    /* The rights are those of both stages: there are none yet. */
    g_assert_cmpint(smmu_test_request(s, VIOMMU_NO_PASID, VA + 0x10, RW,
                                      VIOMMU_TRANSLATION, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.access, ==, 0);
    g_assert_cmpint(smmu_test_request(s, VIOMMU_NO_PASID, IPA, RW,
                                      VIOMMU_TRANSLATED, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_true(guest_tables_map(&s->s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    g_assert_cmpint(smmu_test_request(s, VIOMMU_NO_PASID, IPA, RW,
                                      VIOMMU_TRANSLATED, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, PA);
    g_assert_cmpint(smmu_test_request(s, VIOMMU_NO_PASID, VA + 0x10, RW,
                                      VIOMMU_TRANSLATION, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, IPA + 0x10);
    g_assert_cmphex(reply.access, ==, RW);
    expect(s, VA, RW, PA);
    smmu_test_free(s);
}

/* [SMMU 8] [SMMU 8.1] [SMMU 4.5.2] [PCIe 10.4.1] [PCIe 10.4.2] */
static void test_page_requests(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    ViommuPageRequest req = {
        .source = SMMU_TEST_SID, .pasid = 5, .addr = VA,
        .access = VIOMMU_READ, .last = true, .group = 0x155,
    };
    ViommuPageResponse response;
    uint64_t base = guest_alloc_pages(s->alloc, 1);

    /* Nobody takes them: a failure. */
    viommu_page_request(s->f->unit, &req);
    g_assert_cmpuint(s->f->responses->len, ==, 1);
    response = g_array_index(s->f->responses, ViommuPageResponse, 0);
    g_assert_cmpint(response.code, ==, VIOMMU_PAGE_FAILURE);

    guest_set_reg64(s->regs, SMMUV3_PRIQ_BASE, base | 1);
    guest_set_reg32(s->regs, SMMUV3_CR0,
                    guest_reg32(s->regs, SMMUV3_CR0) | SMMUV3_CR0_PRIQEN);
    viommu_page_request(s->f->unit, &req);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_PRIQ_PROD), ==, 1);
    g_assert_cmphex(guest_read64(&s->f->mem, base), ==,
                    SMMU_TEST_SID | PPR_SSID(5) | PPR_READ | PPR_LAST);
    g_assert_cmphex(guest_read64(&s->f->mem, base + 8), ==, VA | 0x155);
    g_assert_cmpint(g_atomic_int_get(&s->f->pulses[1]), ==, 1);

    /* Software answers. */
    fixture_forget(s->f);
    guest_smmu_command(&s->commands, CMD_PRI_RESP | CMD_WITH_SSID(5) |
                       CMD_SID(SMMU_TEST_SID),
                       0x155 | CMD_PRI_CODE(PRI_SUCCESS));
    smmu_test_sync(s);
    response = g_array_index(s->f->responses, ViommuPageResponse, 0);
    g_assert_cmpint(response.code, ==, VIOMMU_PAGE_SUCCESS);
    g_assert_cmpuint(response.pasid, ==, 5);
    g_assert_cmpuint(response.group, ==, 0x155);

    /* A queue of two is full with the second: the third is told to ask
     * again. */
    fixture_forget(s->f);
    viommu_page_request(s->f->unit, &req);
    g_assert_cmpuint(s->f->responses->len, ==, 0);
    viommu_page_request(s->f->unit, &req);
    g_assert_cmpuint(s->f->responses->len, ==, 1);
    response = g_array_index(s->f->responses, ViommuPageResponse, 0);
    g_assert_cmpint(response.code, ==, VIOMMU_PAGE_SUCCESS);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_PRIQ_PROD), ==,
                    SMMUV3_OVERFLOW | 2);
    smmu_test_free(s);
}

/* Address translation operations [SMMU 9] [SMMU 9.1] [SMMU 6.3.38]
 * [SMMU 6.3.39]. */
static void test_gatos(void)
{
    Smmu *s = new_stream(SMMUV3_NESTED);
    uint64_t par;

    smmu_test_map(s, VA, IPA);
    guest_set_reg64(s->regs, SMMUV3_GATOS_SID, SMMU_TEST_SID);
    /* both stages, a read */
    guest_set_reg64(s->regs, SMMUV3_GATOS_ADDR,
                    VA | GATOS_TYPE(3) | GATOS_READ);
    guest_set_reg32(s->regs, SMMUV3_GATOS_CTRL, 1);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_GATOS_CTRL), ==, 0);
    par = guest_reg64(s->regs, SMMUV3_GATOS_PAR);
    g_assert_cmphex(par & 1, ==, 1);
    g_assert_cmphex(PAR_CODE(par), ==, SMMUV3_F_TRANSLATION);
    g_assert_cmphex(par & PAR_ADDR, ==, IPA);
    g_assert_true(guest_tables_map(&s->s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    guest_set_reg32(s->regs, SMMUV3_GATOS_CTRL, 1);
    par = guest_reg64(s->regs, SMMUV3_GATOS_PAR);
    g_assert_cmphex(par & (PAR_ADDR | PAR_FAULT), ==, PA);
    /* No event of all that. */
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_EVENTQ_PROD), ==, 0);
    smmu_test_free(s);
}

/* [SMMU 3.11] */
static void test_state(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    g_autoptr(GBytes) state = NULL;
    g_autofree uint8_t *copy = NULL;
    GError *error = NULL;
    ViommuReply reply;
    gsize size;

    smmu_test_map(s, VA, PA);
    expect(s, VA, RW, PA);
    state = viommu_save(s->f->unit);
    viommu_reset(s->f->unit);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_CR0), ==, 0);
    copy = g_memdup2(g_bytes_get_data(state, &size), g_bytes_get_size(state));
    for (gsize i = 0; i < size; i += 7) {
        copy[i] ^= 0x10;
        g_assert_false(viommu_load(s->f->unit, copy, size, &error));
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_STREAM);
        g_clear_error(&error);
        copy[i] ^= 0x10;
    }
    for (gsize i = 0; i < size; i += 13) {
        g_autofree uint8_t *part = g_memdup2(copy, i);

        g_assert_false(viommu_load(s->f->unit, part, i, NULL));
    }
    g_assert_cmpint(smmu_test_dma(s, VA, RW, &reply), ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, VA);
    g_assert_true(viommu_load(s->f->unit, copy, size, &error));
    g_assert_no_error(error);
    expect(s, VA, RW, PA);
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmuv3/disabled", test_disabled);
    g_test_add_func("/smmuv3/bypass-abort", test_bypass_abort);
    g_test_add_data_func("/smmuv3/stage1", GUINT_TO_POINTER(SMMUV3_S1),
                         test_stage);
    g_test_add_data_func("/smmuv3/stage2", GUINT_TO_POINTER(SMMUV3_S2),
                         test_stage);
    g_test_add_data_func("/smmuv3/nested", GUINT_TO_POINTER(SMMUV3_NESTED),
                         test_stage);
    g_test_add_func("/smmuv3/stale", test_stale_until_invalidated);
    g_test_add_func("/smmuv3/granules", test_granules);
    g_test_add_func("/smmuv3/flags", test_flags);
    g_test_add_func("/smmuv3/substreams", test_substreams);
    g_test_add_func("/smmuv3/command-errors", test_command_errors);
    g_test_add_func("/smmuv3/atc", test_atc);
    g_test_add_func("/smmuv3/split-ats", test_split_ats);
    g_test_add_func("/smmuv3/page-requests", test_page_requests);
    g_test_add_func("/smmuv3/gatos", test_gatos);
    g_test_add_func("/smmuv3/state", test_state);
    return g_test_run();
}
