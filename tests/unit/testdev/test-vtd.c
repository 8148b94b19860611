/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * viommu-testdev's core behind a VT-d unit in scalable mode: ATS and page
 * requests from end to end.
 */
#include <string.h>

#include <hw/iommu/viommu-testdev.h>

#include "tests/lib/unit/scalable.h"
#include "tests/lib/testdev.h"

#define PASID  0x1234u
#define VA     UINT64_C(0x7f0012345000)
#define PAGE   UINT64_C(0x1000)
/* below the tables */
#define DATA   UINT64_C(0x400000)
#define OTHER  UINT64_C(0x600000)

typedef struct Lab {
    Scalable *s;
    Fixture *f;
    ViommuTestdev *dev;
    GuestPageQueue queue;
    unsigned interrupts;
    bool run_wanted;
} Lab;

static ViommuStatus ask(Lab *lab, const ViommuTestdevAccess *access,
                        ViommuReply *reply)
{
    ViommuRequest req = {
        .source = SM_SOURCE, .pasid = access->pasid, .addr = access->addr,
        .access = access->access, .kind = access->kind,
    };

    return viommu_translate(lab->f->unit, &req, reply);
}

static ViommuDmaResult on_dma(void *opaque, const ViommuTestdevAccess *access,
                              uint8_t *reason)
{
    Lab *lab = opaque;
    ViommuDmaResult result = VIOMMU_DMA_OK;
    ViommuReply reply;

    viommu_dma_begin();
    if (ask(lab, access, &reply) != VIOMMU_OK) {
        *reason = reply.reason;
        result = VIOMMU_DMA_BLOCKED;
    } else if (reply.interrupt) {
        lab->interrupts++;
    } else if (reply.addr > FIXTURE_RAM - access->size) {
        result = VIOMMU_DMA_NO_TARGET;
    } else if (access->access & VIOMMU_WRITE) {
        memcpy((uint8_t *)lab->f->ram.host + reply.addr, access->buf,
               access->size);
    } else {
        memcpy(access->buf, (uint8_t *)lab->f->ram.host + reply.addr,
               access->size);
    }
    viommu_dma_end();
    return result;
}

static ViommuDmaResult on_translate(void *opaque,
                                    const ViommuTestdevAccess *access,
                                    ViommuReply *reply)
{
    return ask(opaque, access, reply) == VIOMMU_OK ? VIOMMU_DMA_OK
                                                   : VIOMMU_DMA_BLOCKED;
}

static bool on_page_request(void *opaque, ViommuPageRequest *req)
{
    Lab *lab = opaque;

    req->source = SM_SOURCE;
    viommu_page_request(lab->f->unit, req);
    return true;
}

static void on_run_later(void *opaque)
{
    Lab *lab = opaque;

    lab->run_wanted = true;
}

static void on_interrupt(void *opaque, unsigned vector)
{
    (void)opaque;
    (void)vector;
}

static int64_t on_clock(void *opaque)
{
    (void)opaque;
    return g_get_monotonic_time() * 1000;
}

static const ViommuTestdevOps ops = {
    .dma = on_dma,
    .translate = on_translate,
    .page_request = on_page_request,
    .run_later = on_run_later,
    .interrupt = on_interrupt,
    .clock_ns = on_clock,
};

static bool on_devtlb(Fixture *f, const ViommuInvalidation *inv)
{
    Lab *lab = f->endpoint;

    g_assert_cmphex(inv->source, ==, SM_SOURCE);
    return viommu_testdev_invalidate(lab->dev, inv);
}

static void on_page_response(Fixture *f, const ViommuPageResponse *response)
{
    Lab *lab = f->endpoint;

    viommu_testdev_page_response(lab->dev, response);
}

static void set(Lab *lab, unsigned reg, uint64_t value)
{
    viommu_testdev_write(lab->dev, reg, value, 8);
}

static uint64_t get(Lab *lab, unsigned reg)
{
    return viommu_testdev_read(lab->dev, reg, 8);
}

static void config(Lab *lab, unsigned at, uint32_t value, unsigned size)
{
    viommu_testdev_config_write(lab->dev, at, value, size);
}

static void start(Lab *lab, unsigned pgtt)
{
    const ViommuTestdevConfig all = {
        .ats = true, .pri = true, .pasid_bits = 20,
    };
    ViommuVtdConfig vtd;

    *lab = (Lab) { 0 };
    scalable_config(&vtd);
    vtd.page_requests = true;
    lab->s = scalable_new(&vtd, pgtt, 4, PASID);
    lab->f = lab->s->f;
    lab->s->ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
    scalable_put_context(lab->s);
    scalable_flush(lab->s);
    g_assert_true(guest_page_queue_init(&lab->queue, lab->s->alloc,
                                        &lab->f->regs, 0));
    lab->dev = viommu_testdev_new(&all, &ops, lab, NULL);
    g_assert_nonnull(lab->dev);
    lab->f->endpoint = lab;
    lab->f->devtlb = on_devtlb;
    lab->f->page_response = on_page_response;
    /* PASID, ATS, PRI */
    config(lab, 0x00 + TD_PASID_CTRL, 7, 2);
    config(lab, 0x10 + TD_ATS_CTRL, TD_ATS_ENABLE, 2);
    config(lab, 0x20 + TD_PRI_ALLOCATION, 32, 4);
    config(lab, 0x20 + TD_PRI_CTRL, TD_PRI_ENABLE, 2);
    set(lab, TD_PASID, TD_PASID_ENABLE | PASID);
    set(lab, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_PRI);
}

static void finish(Lab *lab)
{
    g_assert_cmpuint(get(lab, TD_PAGE_UNEXPECTED), ==, 0);
    viommu_testdev_free(lab->dev);
    scalable_free(lab->s);
}

static unsigned why(Lab *lab)
{
    uint64_t status = get(lab, TD_STATUS);

    switch (status & 3) {
    case 1:
        return TD_WAITS;
    case 2:
        return TD_OK;
    default:
        return status >> 8 & 0xff;
    }
}

static unsigned run(Lab *lab, TestdevCommand command, uint64_t src,
                    uint64_t dst, uint64_t length)
{
    set(lab, TD_SRC, src);
    set(lab, TD_DST, dst);
    set(lab, TD_LENGTH, length);
    set(lab, TD_COMMAND, command);
    return why(lab);
}

static uint64_t *ram(Lab *lab, uint64_t at)
{
    return (uint64_t *)((uint8_t *)lab->f->ram.host + at);
}

static void map(Lab *lab, uint64_t va, uint64_t pa, uint64_t flags)
{
    g_assert_true(guest_fs_map(&lab->s->fs, lab->s->alloc, va, pa, 1, flags));
}

static void devtlb(Lab *lab, bool global, uint64_t va, uint64_t size)
{
    guest_queue_pdevtlb(lab->s->queue, SM_SOURCE, global ? 0 : PASID, global,
                        va, size);
    fixture_wait(lab->f);
}

/* What a driver does after it has changed a page: both caches. */
static void flush(Lab *lab, uint64_t va)
{
    guest_queue_piotlb(lab->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PASID, va, 0,
                       false);
    devtlb(lab, false, va, PAGE);
}

/* --- ATS ---- */

static void test_ats(void)
{
    Lab lab;

    start(&lab, SPEC_PGTT_FIRST);
    *ram(&lab, DATA) = GUINT64_TO_LE(0x1111);
    *ram(&lab, OTHER) = GUINT64_TO_LE(0x2222);
    map(&lab, VA, DATA, SM_LEAF);
    g_assert_cmpuint(run(&lab, TD_READ, VA, 0, 8), ==, TD_OK);
    g_assert_cmphex(get(&lab, TD_BUFFER), ==, 0x1111);
    g_assert_cmpuint(get(&lab, TD_ATC_ENTRIES), ==, 1);
    /* asked without write intent: accessed but not dirty */
    g_assert_cmphex(scalable_fs_word(lab.s, VA, 1) &
                    (SPEC_FS_A | SPEC_FS_D), ==, SPEC_FS_A);

    /* changed without an invalidation: the old one is used, rightly */
    map(&lab, VA, OTHER, SM_LEAF);
    g_assert_cmpuint(run(&lab, TD_READ, VA, 0, 8), ==, TD_OK);
    g_assert_cmphex(get(&lab, TD_BUFFER), ==, 0x1111);
    flush(&lab, VA);
    g_assert_cmpuint(get(&lab, TD_ATC_ENTRIES), ==, 0);
    g_assert_cmpuint(run(&lab, TD_READ, VA, 0, 8), ==, TD_OK);
    g_assert_cmphex(get(&lab, TD_BUFFER), ==, 0x2222);
    g_assert_cmpuint(get(&lab, TD_ATC_REQUESTS), ==, 2);

    /* a permission less */
    map(&lab, VA, OTHER, SM_LEAF & ~SPEC_FS_RW);
    flush(&lab, VA);
    set(&lab, TD_CONTROL, TD_CONTROL_ATS);
    g_assert_cmpuint(run(&lab, TD_READ, VA, 0, 8), ==, TD_OK);
    g_assert_cmpuint(run(&lab, TD_WRITE, 0, VA, 8), ==, TD_NOT_PERMITTED);
    /* and one more, which takes no invalidation of the device-TLB */
    map(&lab, VA, OTHER, SM_LEAF);
    guest_queue_piotlb(lab.s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PASID, VA, 0,
                       false);
    fixture_wait(lab.f);
    set(&lab, TD_BUFFER, 0x3333);
    g_assert_cmpuint(run(&lab, TD_WRITE, 0, VA, 8), ==, TD_OK);
    g_assert_cmphex(*ram(&lab, OTHER), ==, GUINT64_TO_LE(0x3333));
    g_assert_cmphex(scalable_fs_word(lab.s, VA, 1) & SPEC_FS_D, ==,
                    SPEC_FS_D);
    g_assert_cmpuint(get(&lab, TD_STALE_USES), ==, 0);
    finish(&lab);
}

static void test_large_and_global(void)
{
    const uint64_t large = 2 << 20, va = VA & ~(large - 1);
    Lab lab;

    start(&lab, SPEC_PGTT_FIRST);
    g_assert_true(guest_fs_map(&lab.s->fs, lab.s->alloc, va, DATA, 2,
                               SM_LEAF));
    map(&lab, va + large, OTHER, SM_LEAF | SPEC_FS_G);
    /* 17 pages, one translation */
    g_assert_cmpuint(run(&lab, TD_FILL, 0, va + 0x1010, 0x10000), ==, TD_OK);
    g_assert_cmpuint(get(&lab, TD_ATC_REQUESTS), ==, 1);
    g_assert_cmphex(*ram(&lab, DATA + 0x1018), ==,
                    GUINT64_TO_LE(0x9e3779b97f4a7c15));
    set(&lab, TD_SRC, va + 0x5678);
    set(&lab, TD_REQUEST, TD_REQUEST_READ | TD_REQUEST_WRITE);
    set(&lab, TD_COMMAND, TD_TRANSLATE);
    g_assert_cmphex(get(&lab, TD_TRANS_ADDR), ==, DATA + 0x5678);
    g_assert_cmphex(get(&lab, TD_TRANS_SIZE), ==, large);
    g_assert_cmphex(get(&lab, TD_TRANS_FLAGS) & 0xe3, ==,
                    TD_TRANS_R | TD_TRANS_W);

    /* a global one is for other PASIDs, whose table is the same here */
    g_assert_cmpuint(run(&lab, TD_READ, va + large, 0, 8), ==, TD_OK);
    g_assert_cmpuint(get(&lab, TD_ATC_REQUESTS), ==, 3);
    set(&lab, TD_PASID, TD_PASID_ENABLE | 0);
    g_assert_cmpuint(run(&lab, TD_READ, va + large, 0, 8), ==, TD_OK);
    g_assert_cmpuint(get(&lab, TD_ATC_REQUESTS), ==, 3);
    g_assert_cmpuint(run(&lab, TD_READ, va, 0, 8), ==, TD_OK);
    g_assert_cmpuint(get(&lab, TD_ATC_REQUESTS), ==, 4);
    g_assert_cmpuint(get(&lab, TD_ATC_ENTRIES), ==, 3);

    devtlb(&lab, false, va + 0x7000, PAGE);
    g_assert_cmpuint(get(&lab, TD_ATC_ENTRIES), ==, 2);
    devtlb(&lab, false, va + large, PAGE);
    g_assert_cmpuint(get(&lab, TD_ATC_ENTRIES), ==, 2);
    devtlb(&lab, true, va + large, PAGE);
    g_assert_cmpuint(get(&lab, TD_ATC_ENTRIES), ==, 1);
    devtlb(&lab, true, 0, UINT64_C(1) << 62);
    g_assert_cmpuint(get(&lab, TD_ATC_ENTRIES), ==, 0);
    finish(&lab);
}

/* The two faults that a test can inject, as the guest sees them. */
static void test_inject(void)
{
    Lab lab;

    start(&lab, SPEC_PGTT_FIRST);
    map(&lab, VA, DATA, SM_LEAF);
    g_assert_cmpuint(run(&lab, TD_READ, VA, 0, 8), ==, TD_OK);
    set(&lab, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_KEEP);
    map(&lab, VA, OTHER, SM_LEAF);
    flush(&lab, VA);
    g_assert_cmpuint(get(&lab, TD_STALE_USES), ==, 0);
    g_assert_cmpuint(run(&lab, TD_READ, VA, 0, 8), ==, TD_OK);
    g_assert_cmpuint(get(&lab, TD_STALE_USES), ==, 1);

    set(&lab, TD_COMMAND, TD_FLUSH);
    g_assert_cmpuint(run(&lab, TD_READ, VA, 0, 8), ==, TD_OK);
    set(&lab, TD_CONTROL, TD_CONTROL_ATS | TD_CONTROL_IGNORE);
    guest_queue_pdevtlb(lab.s->queue, SM_SOURCE, PASID, false, VA, PAGE);
    g_assert_false(guest_queue_wait(lab.s->queue));
    g_assert_cmphex(guest_reg32(&lab.f->regs, SPEC_FSTS) & SPEC_FSTS_ITE, ==,
                    SPEC_FSTS_ITE);
    g_assert_cmpuint(run(&lab, TD_READ, VA, 0, 8), ==, TD_OK);
    g_assert_cmpuint(get(&lab, TD_STALE_USES), ==, 1);
    finish(&lab);
}

/* A translated request to anywhere: the context decides. */
static void test_raw(void)
{
    Lab lab;

    start(&lab, SPEC_PGTT_FIRST);
    set(&lab, TD_PASID, 0);
    set(&lab, TD_CONTROL, TD_CONTROL_RAW);
    *ram(&lab, DATA) = GUINT64_TO_LE(0x4444);
    g_assert_cmpuint(run(&lab, TD_READ, DATA, 0, 8), ==, TD_OK);
    g_assert_cmphex(get(&lab, TD_BUFFER), ==, 0x4444);
    lab.s->ctx[0] &= ~SPEC_SM_CTX_DTE;
    scalable_put_context(lab.s);
    scalable_flush(lab.s);
    g_assert_cmpuint(run(&lab, TD_READ, DATA, 0, 8), ==, TD_BLOCKED);
    g_assert_cmphex(get(&lab, TD_STATUS) >> 16 & 0xff, !=, 0);
    set(&lab, TD_CONTROL, TD_CONTROL_ATS);
    g_assert_cmpuint(run(&lab, TD_READ, VA, 0, 8), ==, TD_BLOCKED);
    finish(&lab);
}

/* Interrupts go untranslated, whatever the endpoint thinks of ATS. */
static void test_interrupt(void)
{
    Lab lab;

    start(&lab, SPEC_PGTT_FIRST);
    set(&lab, TD_PASID, 0);
    g_assert_cmpuint(run(&lab, TD_WRITE, 0, 0xfee01000, 4), ==, TD_OK);
    g_assert_cmpuint(lab.interrupts, ==, 1);
    set(&lab, TD_CONTROL, TD_CONTROL_RAW);
    g_assert_cmpuint(run(&lab, TD_WRITE, 0, 0xfee01000, 4), ==, TD_BLOCKED);
    g_assert_cmpuint(lab.interrupts, ==, 1);
    finish(&lab);
}

/* --- PRI ---- */

static void go_on(Lab *lab)
{
    while (lab->run_wanted) {
        lab->run_wanted = false;
        viommu_testdev_run(lab->dev);
    }
}

/* What a driver does with one page request.  Returns its page. */
static uint64_t serve(Lab *lab, uint64_t pa, unsigned code)
{
    uint64_t word[4], va;

    g_assert_true(guest_page_queue_pop(&lab->queue, word));
    va = word[1] & SPEC_PREQ_HI_ADDR;
    g_assert_cmphex(word[0] >> SPEC_PREQ_PASID_SHIFT & 0xfffff, ==, PASID);
    g_assert_true(word[1] & SPEC_PREQ_HI_LPIG);
    if (pa) {
        map(lab, va, pa, word[1] & SPEC_PREQ_HI_WRITE
                         ? SM_LEAF : SM_LEAF & ~SPEC_FS_RW);
    }
    guest_queue_page_response(lab->s->queue, SM_SOURCE, PASID,
                              word[1] >> 3 & 511, code);
    fixture_wait(lab->f);
    go_on(lab);
    return va;
}

static void test_pages(void)
{
    Lab lab;

    start(&lab, SPEC_PGTT_FIRST);
    for (unsigned i = 0; i < 3 * 512; i++) {
        ram(&lab, DATA)[i] = i * 0x10001;
    }
    /* three pages to three others, none of which is there */
    g_assert_cmpuint(run(&lab, TD_COPY, VA, VA + 0x10000, 3 * PAGE), ==,
                     TD_WAITS);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmphex(serve(&lab, DATA + i * PAGE, SPEC_PRESP_SUCCESS), ==,
                        VA + i * PAGE);
        g_assert_cmpuint(why(&lab), ==, TD_WAITS);
        g_assert_cmphex(serve(&lab, OTHER + i * PAGE, SPEC_PRESP_SUCCESS), ==,
                        VA + 0x10000 + i * PAGE);
    }
    g_assert_cmpuint(why(&lab), ==, TD_OK);
    g_assert_cmpuint(get(&lab, TD_DONE), ==, 3 * PAGE);
    g_assert_cmpint(memcmp(ram(&lab, DATA), ram(&lab, OTHER), 3 * PAGE), ==,
                    0);
    g_assert_cmpuint(get(&lab, TD_PAGE_REQUESTS), ==, 6);
    g_assert_cmpuint(get(&lab, TD_STALE_USES), ==, 0);
    /* no fault was recorded on the way */
    g_assert_cmphex(guest_reg32(&lab.f->regs, SPEC_FSTS) & 0xff, ==, 0);

    /* a read-only page that is written to */
    g_assert_cmpuint(run(&lab, TD_WRITE, 0, VA, 8), ==, TD_WAITS);
    serve(&lab, DATA, SPEC_PRESP_SUCCESS);
    g_assert_cmpuint(why(&lab), ==, TD_OK);

    g_assert_cmpuint(run(&lab, TD_READ, VA + 0x20000, 0, 8), ==, TD_WAITS);
    serve(&lab, 0, SPEC_PRESP_INVALID);
    g_assert_cmpuint(why(&lab), ==, TD_PAGE_INVALID);
    g_assert_cmpuint(run(&lab, TD_READ, VA + 0x20000, 0, 8), ==, TD_WAITS);
    serve(&lab, 0, SPEC_PRESP_FAILURE);
    g_assert_cmpuint(why(&lab), ==, TD_PAGE_FAILURE);
    g_assert_cmphex(viommu_testdev_config_read(lab.dev, 0x20 + TD_PRI_STATUS,
                                               2) & TD_PRI_RF, ==, TD_PRI_RF);
    finish(&lab);
}

/* The unit answers in software's place, before the request returns. */
static void test_no_room(void)
{
    uint64_t word[4];
    Lab lab;

    start(&lab, SPEC_PGTT_FIRST);
    set(&lab, TD_SRC, VA);
    for (unsigned i = 0; i < 127; i++) {
        set(&lab, TD_REQUEST, TD_REQUEST_LAST);
        set(&lab, TD_COMMAND, TD_PAGE_REQUEST);
        g_assert_cmpuint(why(&lab), ==, TD_OK);
    }
    /* success each time, and never the page */
    g_assert_cmpuint(run(&lab, TD_READ, VA, 0, 8), ==, TD_TRIES);
    g_assert_cmpuint(get(&lab, TD_PAGE_RESPONSES), ==, 8);
    g_assert_false(lab.run_wanted);
    while (guest_page_queue_pop(&lab.queue, word)) {
    }

    /* page requests forbidden by the context: invalid */
    guest_set_reg32(&lab.f->regs, SPEC_PRS,
                    (uint32_t)(SPEC_PRS_PRO | SPEC_PRS_PPR));
    lab.s->ctx[0] &= ~SPEC_SM_CTX_PRE;
    scalable_put_context(lab.s);
    scalable_flush(lab.s);
    g_assert_cmpuint(run(&lab, TD_READ, VA, 0, 8), ==, TD_PAGE_INVALID);
    finish(&lab);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/testdev/vtd/ats", test_ats);
    g_test_add_func("/testdev/vtd/large-and-global", test_large_and_global);
    g_test_add_func("/testdev/vtd/inject", test_inject);
    g_test_add_func("/testdev/vtd/raw", test_raw);
    g_test_add_func("/testdev/vtd/interrupt", test_interrupt);
    g_test_add_func("/testdev/vtd/pages", test_pages);
    g_test_add_func("/testdev/vtd/no-room", test_no_room);
    return g_test_run();
}
