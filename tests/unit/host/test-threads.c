/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices on several threads: DMA and page requests of one device,
 * reports taken in, the guest's changes and answers, another device that comes
 * and goes, and an emulated one.
 */
#include "tests/lib/unit/host-world.h"

#define OTHER   (SM_SOURCE + 8)
#define ROUNDS  300u

typedef struct Threads {
    Host h;
    int done;               /* atomic */
    uint64_t translated;
} Threads;

static bool over(Threads *t)
{
    return __atomic_load_n(&t->done, __ATOMIC_ACQUIRE);
}

/* Device 0: each access reaches one of two pages, or waits for nobody. */
static void *device_thread(void *opaque)
{
    Threads *t = opaque;
    Host *h = &t->h;
    unsigned group = 0;     /* none has an index that still waits */

    for (unsigned i = 0; !over(t); i++) {
        unsigned why = host_read(h, 0, i & 1 ? PRI_PASID : SM_NONE, HOST_VA);

        g_assert_true(why == TD_OK || why == TD_BLOCKED);
        if (why == TD_OK) {
            uint64_t value = host_get(h, 0, TD_BUFFER);

            g_assert_true(value == 1 || value == 2);
        }
        if (host_get(h, 0, TD_PAGE_OUTSTANDING) < 16) {
            host_page_request(h, 0, PRI_PASID, HOST_VA, TD_REQUEST_READ |
                              TD_REQUEST_LAST |
                              TD_REQUEST_GROUP(group++ % 512));
        }
    }
    return NULL;
}

static void *report_thread(void *opaque)
{
    Threads *t = opaque;

    while (!over(t)) {
        viommu_host_run(t->h.host);
        g_usleep(50);
    }
    return NULL;
}

/* Another device of the host comes and goes. */
static void *plug_thread(void *opaque)
{
    Threads *t = opaque;
    Host *h = &t->h;

    while (!over(t)) {
        GError *error = NULL;

        g_assert_true(host_open(h, 1, &error));
        g_assert_true(viommu_attach_host(h->f->unit, OTHER, h->device[1],
                                         VIOMMU_NESTING_AUTO, &error));
        g_assert_no_error(error);
        viommu_detach_host(h->f->unit, OTHER);
        host_close(h, 1);
    }
    return NULL;
}

/* An emulated endpoint in the same domain. */
static void *endpoint_thread(void *opaque)
{
    Threads *t = opaque;

    while (!over(t)) {
        ViommuReply reply;

        scalable_ask(t->h.s, PRI_PASID, HOST_VA, SM_R, true, &reply);
        __atomic_fetch_add(&t->translated, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void answer_pages(Host *h)
{
    uint64_t word[4];

    while (guest_page_queue_pop(&h->queue, word)) {
        guest_queue_page_response(h->s->queue, SM_SOURCE, PRI_PASID,
                                  word[1] >> SPEC_PREQ_HI_PRGI_SHIFT & 0x1ff,
                                  0);
    }
    if (guest_reg32(&h->f->regs, SPEC_PRS)) {
        guest_set_reg32(&h->f->regs, SPEC_PRS, SPEC_PRS_PRO | SPEC_PRS_PPR);
    }
}

static void test_threads(void)
{
    void *(*const run[])(void *) = {
        device_thread, report_thread, plug_thread, endpoint_thread,
    };
    pthread_t thread[G_N_ELEMENTS(run)];
    Threads *t = g_new0(Threads, 1);
    Host *h = &t->h;
    uint64_t at;

    host_start(h);
    g_assert_true(guest_sm_context_set(h->s->alloc, h->s->root, OTHER,
                                       h->s->ctx));
    guest_write64(&h->f->mem, HOST_DATA, 1);
    guest_write64(&h->f->mem, HOST_DATA + HOST_PAGE, 2);
    at = guest_fs_entry(&h->s->fs, h->s->alloc, HOST_VA, 1, false);
    for (size_t i = 0; i < G_N_ELEMENTS(run); i++) {
        pthread_create(&thread[i], NULL, run[i], t);
    }
    while (!__atomic_load_n(&t->translated, __ATOMIC_RELAXED)) {
        g_usleep(50);       /* on a busy machine all could be over before */
    }
    for (unsigned i = 0; i < ROUNDS * fixture_scale(); i++) {
        guest_write64(&h->f->mem, at,
                      (HOST_DATA + (i & 1) * HOST_PAGE) | SM_LEAF);
        for (unsigned k = 0; k < 2; k++) {
            guest_queue_piotlb(h->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN,
                               k ? PRI_PASID : 0, HOST_VA, 0, true);
        }
        answer_pages(h);
        if (i % 16 == 7) {
            h->s->entry.pgtt = i & 16 ? SPEC_PGTT_FIRST : SPEC_PGTT_PASS;
            scalable_put_pasid(h->s, PRI_PASID);
            guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_PASID,
                                    SM_DOMAIN, PRI_PASID);
        }
        fixture_wait_long(h->f);
    }
    __atomic_store_n(&t->done, 1, __ATOMIC_RELEASE);
    for (size_t i = 0; i < G_N_ELEMENTS(run); i++) {
        pthread_join(thread[i], NULL);
    }
    for (unsigned i = 0; i < 4; i++) {
        host_run(h);
        answer_pages(h);
        fixture_wait_long(h->f);
    }
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_UNEXPECTED), ==, 0);
    host_end(h);
    g_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-threads/threads", test_threads);
    return g_test_run();
}
