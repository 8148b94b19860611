/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each call of the host fails in each way, at each place of a whole life of
 * two devices: the guest sees the architecture's error, the other device goes
 * on, and nothing is left.
 */
#include <errno.h>

#include "tests/lib/unit/host-lives.h"
#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/host/abi/vfio.h"

#define OTHER       (SM_SOURCE + 8)

/* --- What a guest does --------------------------------------------------- */

/* Wait; an invalidation time-out is what a failing host looks like.  Nothing
 * else may come of it, and the queue goes on. */
static void settle(void *guest)
{
    Host *h = guest;
    const GuestRegs *regs = &h->f->regs;

    for (unsigned i = 0; i < 8; i++) {
        uint32_t fsts;

        guest_queue_push_wide(h->s->queue, (uint64_t[4]) { SPEC_INV_WAIT });
        guest_queue_ring(h->s->queue);
        fixture_run(h->f);
        fsts = guest_reg32(regs, SPEC_FSTS);
        g_assert_cmphex(fsts & 0xff & ~SPEC_FSTS_ITE, ==, 0);
        if (!(fsts & SPEC_FSTS_ITE)) {
            g_assert_cmphex(guest_reg64(regs, SPEC_IQH), ==,
                            guest_reg64(regs, SPEC_IQT));
            return;
        }
        g_assert_true((guest_reg64(regs, SPEC_IQERCD) >> 32 & 0xffff) ==
                          SM_SOURCE ||
                      (guest_reg64(regs, SPEC_IQERCD) >> 32 & 0xffff) ==
                      OTHER);
        guest_set_reg32(regs, SPEC_FSTS, SPEC_FSTS_ITE);
    }
    g_assert_not_reached();
}

static void change_entry(Host *h, unsigned pgtt)
{
    h->s->entry.pgtt = (uint8_t)pgtt;
    scalable_put_pasid(h->s, PRI_PASID);
    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            PRI_PASID);
    settle(h);
}

/* What a guest does with its device: each kind of table, and invalidations. */
static void live(void *guest)
{
    Host *h = guest;

    settle(h);
    change_entry(h, SPEC_PGTT_PASS);
    for (unsigned i = 0; i < 3; i++) {
        guest_ss_map(h->s->alloc, h->s->ss, h->s->ss_levels,
                     0x100000 + i * 2 * HOST_PAGE, HOST_DATA, 1,
                     SPEC_SS_R | SPEC_SS_W);
    }
    change_entry(h, SPEC_PGTT_SECOND);
    guest_ss_map(h->s->alloc, h->s->ss, h->s->ss_levels, 0x100000,
                 HOST_DATA + HOST_PAGE, 1, SPEC_SS_R);
    guest_queue_iotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, 0, 0, false);
    settle(h);
    change_entry(h, SPEC_PGTT_FIRST);
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PRI_PASID,
                       HOST_VA, 0, false);
    guest_queue_piotlb(h->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PRI_PASID,
                       HOST_VA + 8 * HOST_PAGE, 0, true);
    guest_queue_pdevtlb(h->s->queue, SM_SOURCE, PRI_PASID, false, HOST_VA,
                        HOST_PAGE);
    settle(h);
    guest_write64(&h->f->mem, guest_pasid_addr(h->s->alloc, h->s->dir,
                                               PRI_PASID), 0);
    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    settle(h);
    change_entry(h, SPEC_PGTT_FIRST);
}

/* All that a guest can do when it has lost trust in its device. */
static void recover(void *guest)
{
    Host *h = guest;

    scalable_put_pasid(h->s, PRI_PASID);
    guest_queue_context(h->s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    guest_queue_iotlb(h->s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    settle(h);
    settle(h);
}

static void *begin(Host **h)
{
    HostsimConfig sim;
    ViommuVtdConfig config;

    *h = g_new0(Host, 1);
    hostsim_config_init(&sim, HOSTSIM_VTD);
    sim.vtd.iotlb_bits = 6;
    host_start_sim(*h, &sim);
    host_config(&config);
    config.iotlb_bits = 6;
    host_start_guest(*h, &config, SPEC_PGTT_FIRST);
    g_assert_true(guest_sm_context_set((*h)->s->alloc, (*h)->s->root, OTHER,
                                       (*h)->s->ctx));
    return *h;
}

static void end(void *guest)
{
    host_end(guest);
    g_free(guest);
}

static const unsigned long requests[] = {
    IOMMUFD_IOAS_ALLOC, IOMMUFD_IOAS_MAP, IOMMUFD_IOAS_COPY,
    IOMMUFD_IOAS_UNMAP, IOMMUFD_OPTION, IOMMUFD_GET_HW_INFO,
    IOMMUFD_HWPT_ALLOC, IOMMUFD_HWPT_INVALIDATE, IOMMUFD_FAULT_QUEUE_ALLOC,
    IOMMUFD_DESTROY, VFIO_ABI_DEVICE_BIND_IOMMUFD, VFIO_ABI_DEVICE_ATTACH_PT,
    VFIO_ABI_DEVICE_DETACH_PT,
};

static const HostLives lives = {
    .requests = requests, .n_requests = G_N_ELEMENTS(requests),
    .source = { SM_SOURCE, OTHER }, .pasid = PRI_PASID,
    .begin = begin, .settle = settle, .live = live, .recover = recover,
    .end = end,
};

/* --- The fault queue ----------------------------------------------------- */

/* A page request, with the host failing when it is read or answered. */
static void ask(HostLife *l, unsigned group, const HostsimFailure *failure)
{
    Host *h = l->h;
    uint64_t word[4];

    host_page_request(h, 0, PRI_PASID, HOST_VA, TD_REQUEST_READ |
                      TD_REQUEST_LAST | TD_REQUEST_GROUP(group));
    hostsim_fail(h->sim, failure);
    for (unsigned i = 0; i < 3; i++) {
        viommu_host_run(h->host);
    }
    while (guest_page_queue_pop(&h->queue, word)) {
        guest_queue_page_response(h->s->queue, SM_SOURCE, PRI_PASID,
                                  (word[1] >> SPEC_PREQ_HI_PRGI_SHIFT) &
                                  0x1ff, 0);
    }
    settle(h);
    hostsim_fail(h->sim, NULL);
}

static void test_fault_queue(void)
{
    static const HostsimCall calls[] = { HOSTSIM_READ, HOSTSIM_WRITE };

    for (size_t c = 0; c < G_N_ELEMENTS(calls); c++) {
        for (size_t e = 0; e <= HOST_ERRORS; e++) {
            HostsimFailure failure = {
                .call = calls[c], .times = 1,
                .error = e < HOST_ERRORS ? host_errors[e] : 0,
            };
            HostLife l;

            host_life_begin(&l, &lives);
            g_assert_true(host_connect(l.h, NULL));
            host_life_attach(&l, 0);
            host_life_attach(&l, 1);
            host_enable(l.h, 0);
            ask(&l, 0, NULL);
            g_assert_cmpuint(host_get(l.h, 0, TD_PAGE_RESPONSES), ==, 1);
            ask(&l, 1, &failure);
            ask(&l, 2, NULL);
            g_assert_cmpuint(host_get(l.h, 0, TD_PAGE_RESPONSES) +
                             host_get(l.h, 0, TD_PAGE_OUTSTANDING), ==, 3);
            if (calls[c] == HOSTSIM_READ && host_error_passes(failure.error)) {
                g_assert_cmpuint(host_get(l.h, 0, TD_PAGE_RESPONSES), ==, 3);
            }
            g_assert_cmpuint(host_get(l.h, 0, TD_PAGE_UNEXPECTED), ==, 0);
            /* translation does not need the queue */
            host_life_check(&l, 0);
            host_life_check(&l, 1);
            /* and whoever still waits gets an answer at the end */
            viommu_detach_host(l.h->f->unit, SM_SOURCE);
            g_assert_cmpuint(host_get(l.h, 0, TD_PAGE_OUTSTANDING), ==, 0);
            host_life_end(&l);
        }
    }
}

/* A queue that is readable, and cannot be read for long: nobody waits for it
 * any more, but what is in it comes when it can be read again. */
static void test_long_failure(void)
{
    static const HostsimFailure failure = {
        .call = HOSTSIM_READ, .error = EIO,
    };
    HostLife l;

    host_life_begin(&l, &lives);
    g_assert_true(host_connect(l.h, NULL));
    host_life_attach(&l, 0);
    host_enable(l.h, 0);
    for (unsigned i = 0; i < 2; i++) {
        host_page_request(l.h, 0, PRI_PASID, HOST_VA, TD_REQUEST_READ |
                          TD_REQUEST_LAST | TD_REQUEST_GROUP(16 + i));
        host_run_failing(l.h, &failure);
        ask(&l, i, NULL);
        g_assert_cmpuint(host_get(l.h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    }
    g_assert_cmpuint(host_get(l.h, 0, TD_PAGE_RESPONSES), ==, 4);
    host_life_end(&l);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    host_lives_add("/host-errors", &lives);
    g_test_add_func("/host-errors/fault-queue", test_fault_queue);
    g_test_add_func("/host-errors/long-failure", test_long_failure);
    return g_test_run();
}
