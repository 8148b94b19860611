/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: CMD_SYNC, global errors and interrupt messages, automatic answers
 * to page requests, ranges, and queues that are where or as large as they
 * should not be.
 */
#include <string.h>

#include "tests/lib/unit/smmu.h"

#define VA  UINT64_C(0x7f1234567000)
#define PA  UINT64_C(0x00345000)
#define RW  (VIOMMU_READ | VIOMMU_WRITE)
#define HOLE (FIXTURE_RAM * 4)      /* no memory */
#define PPAR FIELD_MASK(STE_PPAR)

static Smmu *new_stream(unsigned kind)
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    return smmu_test_new(&config, kind);
}

static uint32_t gerrors(const Smmu *s)
{
    return guest_reg32(s->regs, SMMUV3_GERROR) ^
           guest_reg32(s->regs, SMMUV3_GERRORN);
}

static void acknowledge(const Smmu *s)
{
    guest_set_reg32(s->regs, SMMUV3_GERRORN,
                    guest_reg32(s->regs, SMMUV3_GERROR));
}

/* No signal, wire, message to memory, message elsewhere, event [SMMU 4.7.3]
 * [SMMU 3.18]. */
static void test_sync(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t at = 0x5000;

    fixture_forget(s->f);
    guest_smmu_command(&s->commands, CMD_SYNC, 0);
    g_assert_cmpint(g_atomic_int_get(&s->f->pulses[2]), ==, 0);
    guest_smmu_command(&s->commands, CMD_SYNC_IRQ, 0);
    g_assert_cmpint(g_atomic_int_get(&s->f->pulses[2]), ==, 1);
    guest_write64(&s->f->mem, at, UINT64_MAX);
    guest_smmu_command(&s->commands, CMD_SYNC_IRQ | CMD_MSI_DATA(0x12345678),
                       at);
    g_assert_cmphex(guest_read64(&s->f->mem, at), ==, 0xffffffff12345678ull);
    guest_smmu_command(&s->commands, CMD_SYNC_IRQ | CMD_MSI_DATA(5), HOLE + 4);
    g_assert_cmpuint(fixture_msis(s->f), ==, 1);
    g_assert_cmphex(fixture_msi(s->f, 0).addr, ==, HOLE + 4);
    g_assert_cmphex(fixture_msi(s->f, 0).data, ==, 5);
    guest_smmu_command(&s->commands, CMD_SYNC_SEV | CMD_MSI_DATA(5), at);
    g_assert_cmphex(guest_read64(&s->f->mem, at), ==, 0xffffffff12345678ull);
    g_assert_true(guest_smmu_commands_done(&s->commands));
    g_assert_cmphex(gerrors(s), ==, 0);
    smmu_test_free(s);
}

/* Messages of events and of global errors; a message that cannot be written
 * [SMMU 3.18] [SMMU 7.5]. */
static void test_messages(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    ViommuReply reply;
    uint64_t at = 0x5000;
    ViommuRam ram[2] = {
        { .addr = 0, .size = FIXTURE_RAM, .host = s->f->ram.host },
        { .addr = HOLE, .size = 4096, .readonly = true,
          .host = s->f->ram.host },
    };

    guest_set_reg64(s->regs, SMMUV3_EVENTQ_IRQ_CFG0, at);
    guest_set_reg32(s->regs, SMMUV3_EVENTQ_IRQ_CFG1, 0x77);
    smmu_test_dma(s, VA, VIOMMU_READ, &reply);
    g_assert_cmphex(guest_read64(&s->f->mem, at), ==, 0x77);
    /* The wire, too [SMMU 3.18.2]. */
    g_assert_cmpint(g_atomic_int_get(&s->f->pulses[0]), ==, 1);
    /* Not again while the queue is not empty. */
    guest_write64(&s->f->mem, at, 0);
    smmu_test_dma(s, VA, VIOMMU_READ, &reply);
    g_assert_cmphex(guest_read64(&s->f->mem, at), ==, 0);
    /* Off is off. */
    smmu_test_events(s, 6);
    guest_set_reg32(s->regs, SMMUV3_IRQ_CTRL, SMMUV3_IRQ_GERROR);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_IRQ_CTRLACK), ==,
                    SMMUV3_IRQ_GERROR);
    smmu_test_dma(s, VA, VIOMMU_READ, &reply);
    g_assert_cmphex(guest_read64(&s->f->mem, at), ==, 0);
    guest_set_reg32(s->regs, SMMUV3_IRQ_CTRL, SMMUV3_IRQ_GERROR |
                    SMMUV3_IRQ_PRIQ | SMMUV3_IRQ_EVENTQ);

    /* To read-only memory: an error of its own, with its own message. */
    g_assert_cmpint(viommu_set_ram(s->f->unit, ram, 2), ==, 0);
    guest_set_reg64(s->regs, SMMUV3_GERROR_IRQ_CFG0, at + 8);
    guest_set_reg32(s->regs, SMMUV3_GERROR_IRQ_CFG1, 0x99);
    guest_set_reg64(s->regs, SMMUV3_EVENTQ_IRQ_CFG0, HOLE);
    smmu_test_events(s, 6);
    smmu_test_dma(s, VA, VIOMMU_READ, &reply);
    g_assert_cmphex(gerrors(s), ==, SMMUV3_GERROR_MSI_EVENTQ);
    acknowledge(s);
    g_assert_cmphex(gerrors(s), ==, 0);
    guest_smmu_command(&s->commands, CMD_SYNC_IRQ, HOLE);
    g_assert_cmphex(gerrors(s), ==, SMMUV3_GERROR_MSI_CMDQ);
    g_assert_true(guest_smmu_commands_done(&s->commands));
    smmu_test_free(s);
}

/* The message of global errors is refused, which is one, but no reason for
 * another message [SMMU 7.5.1]. */
static void test_refused_message(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    ViommuRam ram[2] = {
        { .addr = 0, .size = FIXTURE_RAM, .host = s->f->ram.host },
        { .addr = HOLE, .size = 4096, .readonly = true,
          .host = s->f->ram.host },
    };
    int before;

    g_assert_cmpint(viommu_set_ram(s->f->unit, ram, 2), ==, 0);
    guest_set_reg64(s->regs, SMMUV3_GERROR_IRQ_CFG0, HOLE);
    before = g_atomic_int_get(&s->f->pulses[3]);
    guest_smmu_command(&s->commands, CMD_UNKNOWN, 0);
    fixture_run(s->f);
    g_assert_cmphex(gerrors(s), ==, SMMUV3_GERROR_CMDQ |
                    SMMUV3_GERROR_MSI_GERROR);
    g_assert_cmpint(g_atomic_int_get(&s->f->pulses[3]), ==, before + 1);
    smmu_test_free(s);
}

static uint32_t seen_cons;

static void look_at_cons(Fixture *f, const ViommuMsi *msi)
{
    (void)msi;
    seen_cons = guest_reg32(&f->regs, SMMUV3_CMDQ_CONS);
}

/* Who is told that a CMD_SYNC is complete finds it consumed [SMMU 4.7.3]. */
static void test_sync_order(void)
{
    Smmu *s = new_stream(SMMUV3_S1);

    s->f->msi = look_at_cons;
    guest_smmu_command(&s->commands, CMD_SYNC_IRQ, HOLE);
    g_assert_cmpuint(fixture_msis(s->f), ==, 1);
    g_assert_cmphex(seen_cons, ==, guest_reg32(s->regs, SMMUV3_CMDQ_PROD));
    g_assert_cmpint(g_atomic_int_get(&s->f->pulses[2]), ==, 1);
    smmu_test_free(s);
}

/* Each error toggles once until it is acknowledged [SMMU 7.5] [SMMU 6.3.19]
 * [SMMU 6.3.20]. */
static void test_global_errors(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    ViommuReply reply;
    uint32_t first;

    guest_set_reg64(s->regs, SMMUV3_EVENTQ_BASE, HOLE | 4);
    smmu_test_dma(s, VA, VIOMMU_READ, &reply);
    first = guest_reg32(s->regs, SMMUV3_GERROR);
    g_assert_cmphex(first, ==, SMMUV3_GERROR_EVENTQ);
    g_assert_cmpint(g_atomic_int_get(&s->f->pulses[3]), ==, 1);
    smmu_test_dma(s, VA, VIOMMU_READ, &reply);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_GERROR), ==, first);
    acknowledge(s);
    smmu_test_dma(s, VA, VIOMMU_READ, &reply);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_GERROR), ==, 0);
    g_assert_cmphex(gerrors(s), ==, SMMUV3_GERROR_EVENTQ);
    acknowledge(s);

    /* Commands from nowhere stop the queue; it goes on elsewhere. */
    guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_SMMUEN);
    guest_set_reg64(s->regs, SMMUV3_CMDQ_BASE, HOLE | 4);
    guest_set_reg32(s->regs, SMMUV3_CMDQ_PROD, 1);
    guest_set_reg32(s->regs, SMMUV3_CMDQ_CONS, 0);
    guest_set_reg32(s->regs, SMMUV3_CR0,
                    SMMUV3_CR0_SMMUEN | SMMUV3_CR0_CMDQEN);
    g_assert_cmphex(gerrors(s), ==, SMMUV3_GERROR_CMDQ);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_CMDQ_CONS), ==,
                    SMMUV3_CERROR_ABT << 24);
    smmu_test_free(s);
}

static void request_page_of(Smmu *s, uint32_t pasid, bool last)
{
    ViommuPageRequest req = {
        .source = SMMU_TEST_SID, .pasid = pasid, .addr = VA,
        .access = VIOMMU_READ, .last = last, .group = 3,
    };

    fixture_forget(s->f);
    viommu_page_request(s->f->unit, &req);
}

static void request_page(Smmu *s, bool last)
{
    request_page_of(s, 5, last);
}

static void expect_response(Smmu *s, unsigned code, uint32_t pasid)
{
    ViommuPageResponse response;

    g_assert_cmpuint(s->f->responses->len, ==, 1);
    response = g_array_index(s->f->responses, ViommuPageResponse, 0);
    g_assert_cmpuint(response.code, ==, code);
    g_assert_cmpuint(response.pasid, ==, pasid);
    g_assert_cmpuint(response.group, ==, 3);
}

/* The unit's own responses, with and without the PASID (STE.PPAR) [SMMU 8.1]
 * [PCIe 10.4.2]. */
static void test_page_responses(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t base = guest_alloc_pages(s->alloc, 1);
    uint32_t cr0 = guest_reg32(s->regs, SMMUV3_CR0);

    request_page(s, true);
    expect_response(s, VIOMMU_PAGE_FAILURE, VIOMMU_NO_PASID);
    request_page(s, false);
    g_assert_cmpuint(s->f->responses->len, ==, 0);

    guest_set_reg64(s->regs, SMMUV3_PRIQ_BASE, base);     /* of one */
    guest_set_reg32(s->regs, SMMUV3_CR0, cr0 | SMMUV3_CR0_PRIQEN);
    request_page(s, true);
    g_assert_cmpuint(s->f->responses->len, ==, 0);
    request_page(s, true);
    expect_response(s, VIOMMU_PAGE_SUCCESS, VIOMMU_NO_PASID);
    s->ste.ppar = true;
    smmu_test_put_ste(s);
    request_page(s, true);
    expect_response(s, VIOMMU_PAGE_SUCCESS, 5);
    /* Overflown it stays, with room or without, until acknowledged. */
    guest_set_reg32(s->regs, SMMUV3_PRIQ_CONS, 1);
    request_page(s, true);
    expect_response(s, VIOMMU_PAGE_SUCCESS, 5);
    guest_set_reg32(s->regs, SMMUV3_PRIQ_CONS, SMMUV3_OVERFLOW | 1);
    request_page(s, true);
    g_assert_cmpuint(s->f->responses->len, ==, 0);
    guest_set_reg32(s->regs, SMMUV3_PRIQ_CONS, SMMUV3_OVERFLOW);

    /* A queue that is not in memory; an SMMU that is off. */
    guest_set_reg64(s->regs, SMMUV3_PRIQ_BASE, HOLE);
    request_page(s, true);
    expect_response(s, VIOMMU_PAGE_FAILURE, VIOMMU_NO_PASID);
    g_assert_cmphex(gerrors(s), ==, SMMUV3_GERROR_PRIQ);
    guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN);
    request_page(s, true);
    expect_response(s, VIOMMU_PAGE_FAILURE, VIOMMU_NO_PASID);
    smmu_test_free(s);
}

/* A full queue: who has a PASID needs an entry that says how it is answered
 * [SMMU 8.1].  And what else is wrong comes before the overflow [SMMU 8.2]. */
static void test_full_queue(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint32_t cr0 = guest_reg32(s->regs, SMMUV3_CR0) | SMMUV3_CR0_PRIQEN;
    uint64_t entry = s->strtab + SMMU_TEST_SID * SMMUV3_STE_SIZE, word;

    guest_set_reg64(s->regs, SMMUV3_PRIQ_BASE,
                    guest_alloc_pages(s->alloc, 1));
    guest_set_reg32(s->regs, SMMUV3_CR0, cr0);
    request_page(s, true);
    word = guest_read64(&s->f->mem, entry);
    guest_write64(&s->f->mem, entry, 0);
    guest_smmu_command(&s->commands, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    smmu_test_sync(s);
    request_page(s, true);
    expect_response(s, VIOMMU_PAGE_FAILURE, VIOMMU_NO_PASID);
    request_page_of(s, VIOMMU_NO_PASID, true);
    expect_response(s, VIOMMU_PAGE_SUCCESS, VIOMMU_NO_PASID);
    guest_write64(&s->f->mem, entry, word);
    guest_smmu_command(&s->commands, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    smmu_test_sync(s);
    request_page(s, true);
    expect_response(s, VIOMMU_PAGE_SUCCESS, VIOMMU_NO_PASID);
    /* Overflown and off, or overflown and refused by memory. */
    guest_set_reg32(s->regs, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_PRIQEN);
    request_page(s, true);
    expect_response(s, VIOMMU_PAGE_FAILURE, VIOMMU_NO_PASID);
    guest_set_reg32(s->regs, SMMUV3_GERRORN, SMMUV3_GERROR_PRIQ);
    guest_set_reg32(s->regs, SMMUV3_CR0, cr0);
    request_page(s, true);
    expect_response(s, VIOMMU_PAGE_FAILURE, VIOMMU_NO_PASID);
    smmu_test_free(s);
}

/* Without LO, an interrupt tells that the queue is no longer empty; with it,
 * that a request was the last of its group, though it be discarded
 * [SMMU 6.3.36]. */
static void test_last_only(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    const int *pulses = &s->f->pulses[1];

    guest_set_reg64(s->regs, SMMUV3_PRIQ_BASE,
                    guest_alloc_pages(s->alloc, 1) | 2);
    guest_set_reg32(s->regs, SMMUV3_CR0, guest_reg32(s->regs, SMMUV3_CR0) |
                                         SMMUV3_CR0_PRIQEN);
    request_page(s, false);
    g_assert_cmpint(g_atomic_int_get(pulses), ==, 1);
    request_page(s, true);
    g_assert_cmpint(g_atomic_int_get(pulses), ==, 1);
    guest_set_reg32(s->regs, SMMUV3_PRIQ_CONS, 2);
    guest_set_reg32(s->regs, SMMUV3_PRIQ_IRQ_CFG2,
                    SMMUV3_PRIQ_CFG2_LO);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_PRIQ_IRQ_CFG2), ==,
                    SMMUV3_PRIQ_CFG2_LO);
    request_page(s, false);
    g_assert_cmpint(g_atomic_int_get(pulses), ==, 1);
    request_page(s, true);
    g_assert_cmpint(g_atomic_int_get(pulses), ==, 2);
    request_page(s, false);
    request_page(s, false);
    request_page(s, true);      /* no room */
    g_assert_cmpuint(s->f->responses->len, ==, 1);
    g_assert_cmpint(g_atomic_int_get(pulses), ==, 3);
    guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_SMMUEN);
    request_page(s, true);
    g_assert_cmpint(g_atomic_int_get(pulses), ==, 3);
    smmu_test_free(s);
}

/* One address stands for the page of stage 1, though stage 2 cuts it
 * [SMMU 4.4.1]. */
static void test_pieces(void)
{
    uint64_t va = VA & ~UINT64_C(0x1fffff), ipa = UINT64_C(0x8123400000);
    uint64_t tag = CMD_VMID(SMMU_TEST_VMID) |
                   CMD_ASID(SMMU_TEST_ASID);
    ViommuReply reply;

    for (unsigned level = 1; level < 3; level++) {
        Smmu *s = new_stream(SMMUV3_NESTED);

        if (level == 1) {
            va &= ~UINT64_C(0x3fffffff);
            ipa &= ~UINT64_C(0x3fffffff);
        }
        g_assert_true(guest_tables_map(&s->s1, va, ipa, level,
                                       SMMUV3_PAGE_S1));
        for (unsigned i = 0; i < 4; i++) {
            g_assert_true(guest_tables_map(&s->s2, ipa + i * 0x1000,
                                           PA + i * 0x1000, 3,
                                           SMMUV3_PAGE_S2));
            smmu_test_dma(s, va + i * 0x1000, RW, &reply);
            g_assert_cmphex(reply.addr, ==, PA + i * 0x1000);
        }
        guest_write64(&s->f->mem, guest_tables_entry(&s->s1, va, level), 0);
        guest_smmu_command(&s->commands, CMD_NH_VA | tag, va + 0x2000);
        smmu_test_sync(s);
        for (unsigned i = 0; i < 4; i++) {
            g_assert_cmpint(smmu_test_dma(s, va + i * 0x1000, RW, &reply), ==,
                            VIOMMU_FAULT);
        }
        smmu_test_free(s);
    }
}

/* Ranges at the ends of everything: no hang, and nothing stale [SMMU 4.4.1]. */
static void test_ranges(void)
{
    /* of illegal, bits 1 to 3: with pages of 4, 16, 64 KiB */
    static const struct { uint64_t w0, w1; unsigned illegal; } cases[] = {
        { CMD_NUM(31) | CMD_SCALE(31), 0, 0 },
        { CMD_NUM(31) | CMD_SCALE(31), UINT64_MAX << 12, 0 },
        { CMD_NUM(0) | CMD_SCALE(31), VA, 0 },
        /* SCALE has five bits without IDR5.DS. */
        { CMD_NUM(31) | CMD_SCALE(40), 0, 0 },
        { CMD_NUM(31) | CMD_SCALE(63), 0, 0 },
        { CMD_NUM(31) | CMD_SCALE(30), UINT64_C(1) << 63, 0 },
        /* One page: TTL must say of which level; 16 KiB have no level 1. */
        { 0, VA, 0xe }, { CMD_SCALE(32), VA, 0xe },
        { 0, VA | CMD_TTL(1), 4 }, { 0, VA | CMD_TTL(2), 0 },
        { 0, VA | CMD_TTL(3), 0 },
        { CMD_NUM(1), VA, 0 }, { CMD_SCALE(1), VA, 0 },
        { CMD_NUM(1), VA | CMD_TTL(1), 0 },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        for (unsigned tg = 1; tg < 4; tg++) {
            Smmu *s = new_stream(SMMUV3_S1);

            guest_smmu_command(&s->commands, CMD_NH_VA | cases[i].w0,
                               (cases[i].w1 & ~UINT64_C(0xcff)) | CMD_TG(tg));
            fixture_run(s->f);
            g_assert_cmphex(gerrors(s), ==, cases[i].illegal >> tg & 1);
            g_assert_cmpint(guest_smmu_commands_done(&s->commands), ==,
                            !gerrors(s));
            smmu_test_free(s);
        }
    }
}

static int mmio_read(Fixture *f, uint64_t addr, void *buf, size_t size)
{
    /* The unit's own registers, as memory. */
    uint64_t value = viommu_mmio_read(f->unit, addr - HOLE, 8);

    memset(buf, 0, size);
    memcpy(buf, &value, MIN(size, sizeof(value)));
    return 0;
}

/* Queues of all sizes, in registers, over each other [SMMU 3.5.1]
 * [SMMU 6.3.2]. */
static void test_hostile_queues(void)
{
    for (unsigned log2 = 0; log2 < 32; log2++) {
        Smmu *s = new_stream(SMMUV3_S1);
        ViommuReply reply;

        s->f->outside_read = mmio_read;
        guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_SMMUEN);
        guest_set_reg64(s->regs, SMMUV3_CMDQ_BASE,
                        (log2 & 1 ? HOLE : s->commands.base) | log2);
        guest_set_reg64(s->regs, SMMUV3_EVENTQ_BASE,
                        s->commands.base | log2);
        guest_set_reg64(s->regs, SMMUV3_PRIQ_BASE, s->cds | log2);
        guest_set_reg32(s->regs, SMMUV3_CMDQ_PROD, 0x5a5a5);
        guest_set_reg32(s->regs, SMMUV3_EVENTQ_PROD, 0x7ffff);
        guest_set_reg32(s->regs, SMMUV3_CR0, 0x1f);
        for (unsigned i = 0; i < 8; i++) {
            smmu_test_dma(s, VA + i, VIOMMU_READ, &reply);
            request_page(s, i & 1);
            guest_set_reg32(s->regs, SMMUV3_CMDQ_PROD, i * 0x1357);
            acknowledge(s);
        }
        fixture_run(s->f);
        smmu_test_free(s);
    }
}

/* Tables that point to themselves, or to the registers [SMMU 3.3.1]
 * [SMMU 5.1]. */
static void test_hostile_tables(void)
{
    for (unsigned kind = SMMUV3_S1; kind <= SMMUV3_NESTED; kind++) {
        Smmu *s = new_stream(kind);
        uint64_t tables[3] = { s->s1.ttb, s->s2.ttb, HOLE };
        ViommuReply reply;

        s->f->outside_read = mmio_read;
        for (unsigned i = 0; i < 3; i++) {
            for (unsigned k = 0; k < 512; k++) {
                guest_write64(&s->f->mem, s->s1.ttb + 8 * k, tables[i] | 3);
                guest_write64(&s->f->mem, s->s2.ttb + 8 * k, tables[i] | 3);
            }
            guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
            guest_smmu_command(&s->commands, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
            smmu_test_sync(s);
            for (unsigned k = 0; k < 64; k++) {
                smmu_test_request(s, VIOMMU_NO_PASID,
                                  VA ^ UINT64_C(1) << k, RW,
                                  VIOMMU_UNTRANSLATED, &reply);
            }
        }
        /* The stream table as its own first level, as descriptors. */
        s->ste.cd_table = s->strtab;
        s->ste.s1cdmax = 10;
        s->ste.s1fmt = 1;
        smmu_test_put_ste(s);
        guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG,
                        STRTAB_2LVL(63, 31));
        smmu_test_dma(s, VA, VIOMMU_READ, &reply);
        guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG,
                        STRTAB_2LVL(63, 10));
        smmu_test_request(s, 9, VA, VIOMMU_READ, VIOMMU_UNTRANSLATED, &reply);
        smmu_test_free(s);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-queues/sync", test_sync);
    g_test_add_func("/smmu-queues/messages", test_messages);
    g_test_add_func("/smmu-queues/refused-message", test_refused_message);
    g_test_add_func("/smmu-queues/sync-order", test_sync_order);
    g_test_add_func("/smmu-queues/global-errors", test_global_errors);
    g_test_add_func("/smmu-queues/page-responses", test_page_responses);
    g_test_add_func("/smmu-queues/full-queue", test_full_queue);
    g_test_add_func("/smmu-queues/last-only", test_last_only);
    g_test_add_func("/smmu-queues/pieces", test_pieces);
    g_test_add_func("/smmu-queues/ranges", test_ranges);
    g_test_add_func("/smmu-queues/hostile-queues", test_hostile_queues);
    g_test_add_func("/smmu-queues/hostile-tables", test_hostile_tables);
    return g_test_run();
}
