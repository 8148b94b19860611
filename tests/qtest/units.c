/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two units, each with endpoints of its own: tables, faults, queues and
 * events of one are not the other's business.
 */
#include "tests/qtest/sm.h"

#define VA       UINT64_C(0x7f0000400000)
#define SECOND   (BOARD_UNIT + 0x2000)
#define OPTIONS  SM_OPTIONS ",device-iotlb=on,pri=on"
#define ENDPOINT ",pasid-bits=20,ats=on,pri=on"

/* Unit 0 with endpoint 3, unit 1 with all the rest, which is endpoint 4. */
typedef struct Units {
    Sm s[2];
    uint64_t page[2];
} Units;

static uint64_t second_read(void *opaque, uint64_t offset, unsigned size)
{
    return qtest_read(opaque, SECOND + offset, size);
}

static void second_write(void *opaque, uint64_t offset, uint64_t value,
                         unsigned size)
{
    qtest_write(opaque, SECOND + offset, value, size);
}

/* What sm_start() does, for the second unit: the same fixture with other
 * registers and memory behind that of the first. */
static void start_second(Units *u)
{
    Sm *s = &u->s[1];
    Board *b = &s->b;

    b->q = u->s[0].b.q;
    b->bus = u->s[0].b.bus;
    b->mem = u->s[0].b.mem;
    b->unit = SECOND;
    b->regs = (GuestRegs) { second_read, second_write, b->q };
    guest_alloc_init(&b->alloc, &b->mem, BOARD_RAM / 2, BOARD_RAM / 2);
    testdev_init(&b->dev, &b->bus, 1);
    b->source = pci_source(&b->dev.pci);
    b->root = guest_root_new(&b->alloc);
    s->dir = guest_pasid_dir_new(&b->alloc, SM_PDTS);
    s->ctx[0] = s->dir | SPEC_SM_CTX_P | SPEC_SM_CTX_PASIDE |
                SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE |
                SM_PDTS << SPEC_SM_CTX_PDTS_SHIFT;
    sm_put_context(s);
    s->ss_levels = 4;
    g_assert_true(guest_fs_init(&s->fs, &b->alloc, 4, 0));
    s->entry = (GuestPasid) {
        .pgtt = SPEC_PGTT_FIRST, .domain = SM_DOMAIN, .fs = s->fs.table,
        .fs_levels = 4,
    };
    sm_put_pasid(s, 0);
    sm_put_pasid(s, SM_PASID);
    sm_set_mode(s, SPEC_TTM_SCALABLE);
    g_assert_true(guest_queue_init_wide(&b->queue, &b->alloc, &b->regs, 0));
    sm_flush(s);
    g_assert_true(guest_command(&b->regs, SPEC_GCMD_TE, 0));
}

static void start(Units *u)
{
    *u = (Units) { 0 };
    sm_start_with(&u->s[0], OPTIONS ",scope=3", ENDPOINT
                  " -device intel-iommu," OPTIONS
                  " -device viommu-testdev,addr=4" ENDPOINT,
                  SPEC_PGTT_FIRST, 4);
    start_second(u);
    u->s[0].ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
    sm_put_context(&u->s[0]);
    sm_flush(&u->s[0]);
    for (unsigned i = 0; i < 2; i++) {
        u->page[i] = board_pages(&u->s[i].b, 1);
        sm_map(&u->s[i], VA, u->page[i], 1);
        testdev_enable(&u->s[i].b.dev, 32);
    }
}

/* A fault is a matter of the endpoint's unit alone. */
static void unit_fault(Units *u, unsigned which)
{
    const GuestRegs *regs = &u->s[which].b.regs;
    uint64_t value, at = guest_frcd_offset(regs, 0);

    sm_use(&u->s[which], SM_PASID);
    g_assert_cmpint(testdev_dma_read(&u->s[which].b.dev, VA + 0x1000, &value,
                                     8).why, ==, TD_BLOCKED);
    g_assert_cmphex(guest_reg32(regs, SPEC_FSTS) & 3, ==, SPEC_FSTS_PPF);
    g_assert_cmphex(guest_reg32(&u->s[!which].b.regs, SPEC_FSTS) & 3, ==, 0);
    for (unsigned i = 0; i < 8; i++) {
        at = guest_frcd_offset(regs, i);
        if (guest_reg64(regs, at + 8) & SPEC_FRCD_HI_F) {
            g_assert_cmphex(guest_reg64(regs, at + 8) & SPEC_FRCD_HI_SID, ==,
                            u->s[which].b.source);
            guest_set_reg32(regs, at + 12, SPEC_FRCD_HI_F >> 32);
        }
    }
    g_assert_cmphex(guest_reg32(regs, SPEC_FSTS) & 3, ==, 0);
}

static void dma(Units *u, unsigned which)
{
    sm_reads(&u->s[which], SM_PASID, VA + 8, u->page[which] + 8);
    sm_writes(&u->s[which], SM_NONE, VA + 16, u->page[which] + 16);
}

static void test_apart(void)
{
    Units u;

    start(&u);
    for (unsigned i = 0; i < 4; i++) {
        dma(&u, i % 2);
        unit_fault(&u, i % 2);
    }
    /* same PASIDs, same domains; an invalidation in one unit only */
    for (unsigned i = 0; i < 2; i++) {
        uint64_t page = board_pages(&u.s[i].b, 1);

        sm_map(&u.s[i], VA, page, 1);
        guest_queue_piotlb(&u.s[i].b.queue, SPEC_GRAN_PAGE, SM_DOMAIN,
                           SM_PASID, VA, 0, true);
        guest_queue_piotlb(&u.s[i].b.queue, SPEC_GRAN_PAGE, SM_DOMAIN, 0, VA,
                           0, true);
        board_sync(&u.s[i].b);
        u.page[i] = page;
        dma(&u, 0);
        dma(&u, 1);
    }
    /* one aborts, one is off */
    sm_set_mode(&u.s[0], SPEC_TTM_ABORT);
    sm_flush(&u.s[0]);
    sm_use(&u.s[0], SM_NONE);
    g_assert_cmpint(testdev_dma_read(&u.s[0].b.dev, VA, NULL, 8).why, ==,
                    TD_BLOCKED);
    dma(&u, 1);
    g_assert_true(guest_command(&u.s[1].b.regs, 0, SPEC_GCMD_TE));
    sm_reads(&u.s[1], SM_NONE, u.page[1], u.page[1]);
    g_assert_cmpint(testdev_dma_read(&u.s[0].b.dev, VA, NULL, 8).why, ==,
                    TD_BLOCKED);
    sm_end(&u.s[0]);
}

/* Page requests, device-TLB invalidations and time-outs. */
static void test_endpoints(void)
{
    GuestPageQueue queue[2];
    Units u;

    start(&u);
    for (unsigned i = 0; i < 2; i++) {
        const GuestRegs *regs = &u.s[i].b.regs;

        g_assert_true(guest_page_queue_init(&queue[i], &u.s[i].b.alloc, regs,
                                            0));
        guest_set_reg32(regs, SPEC_PEDATA, 0x50 + i);
        guest_set_reg32(regs, SPEC_PEADDR, 0xfee01000);
        guest_set_reg32(regs, SPEC_PECTL, 0);
    }
    sink_clear(u.s[0].b.q);
    for (unsigned i = 0; i < 2; i++) {
        Sm *s = &u.s[i];
        SinkMessage msg;
        uint64_t word[4];

        sm_use(s, SM_PASID);
        g_assert_cmpint(testdev_page_request(&s->b.dev, VA, TD_REQUEST_READ |
                                             TD_REQUEST_LAST).why, ==, TD_OK);
        g_assert_false(guest_page_queue_pop(&queue[!i], word));
        g_assert_true(guest_page_queue_pop(&queue[i], word));
        g_assert_cmphex((word[0] & SPEC_PREQ_SID) >> SPEC_PREQ_SID_SHIFT, ==,
                        s->b.source);
        g_assert_true(sink_pop(s->b.q, &msg));
        g_assert_cmphex(msg.data, ==, 0x50 + i);
        g_assert_cmphex(msg.source, ==, SINK_UNIT + i);
        g_assert_cmpuint(sink_count(s->b.q), ==, 0);
        guest_queue_page_response(&s->b.queue, s->b.source, SM_PASID, 0,
                                  SPEC_PRESP_SUCCESS);
        board_sync(&s->b);
        g_assert_cmpuint(testdev_get(&s->b.dev, TD_PAGE_OUTSTANDING), ==, 0);

        testdev_set(&s->b.dev, TD_CONTROL, TD_CONTROL_ATS);
        dma(&u, i);
        g_assert_cmpuint(testdev_get(&s->b.dev, TD_ATC_ENTRIES), ==, 2);
        sm_drop(s, SM_PASID, VA, 4096);
        sm_drop(s, SM_NONE, 0, 0);
        board_sync(&s->b);
        g_assert_cmpuint(testdev_get(&s->b.dev, TD_ATC_ENTRIES), ==, 0);
    }
    /* one endpoint does not answer: the other unit's queue goes on */
    testdev_set(&u.s[1].b.dev, TD_CONTROL, TD_CONTROL_IGNORE);
    sm_drop(&u.s[1], SM_PASID, VA, 4096);
    g_assert_false(guest_queue_wait(&u.s[1].b.queue));
    g_assert_cmphex(guest_reg32(&u.s[1].b.regs, SPEC_FSTS) & SPEC_FSTS_ITE,
                    ==, SPEC_FSTS_ITE);
    sm_drop(&u.s[0], SM_PASID, VA, 4096);
    board_sync(&u.s[0].b);
    g_assert_cmphex(board_reg32(&u.s[0].b, SPEC_FSTS) & 0xff, ==, 0);
    sm_end(&u.s[0]);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/units/apart", test_apart);
    g_test_add_func("/units/endpoints", test_endpoints);
    return g_test_run();
}
