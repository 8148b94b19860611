/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each call of the host fails in each way, at each place of a whole life of
 * two devices: the guest sees the architecture's error, the other device goes
 * on, and nothing is left.
 */
#include <errno.h>

#include "host-lives.h"
#include "host.h"
#include "hw/iommu/host/iommufd-abi.h"
#include "hw/iommu/host/vfio-abi.h"

#define OTHER       (SM_SOURCE + 8)
/* --- A life -------------------------------------------------------------- */

typedef struct Life {
    Host h;
    bool connected;         /* and RAM is mapped */
    bool attached[2];
    unsigned asked;
} Life;

/* Wait; an invalidation time-out is what a failing host looks like.  Nothing
 * else may come of it, and the queue goes on. */
static void settle(Host *h)
{
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

static void attach(Life *l, unsigned i, uint32_t source)
{
    GError *error = NULL;

    l->attached[i] = host_open(&l->h, i, &error) &&
                     viommu_attach_host(l->h.f->unit, source, l->h.device[i],
                                        VIOMMU_NESTING_AUTO, &error);
    g_assert_cmpint(l->attached[i], ==, !error);
    if (error) {
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
        g_error_free(error);
    }
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
static void live(Host *h)
{
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
static void recover(Host *h)
{
    scalable_put_pasid(h->s, PRI_PASID);
    guest_queue_context(h->s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    guest_queue_iotlb(h->s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    settle(h);
    settle(h);
}

/* Does what the guest set up work now? */
static void check_device(Life *l, unsigned i)
{
    Host *h = &l->h;

    if (l->attached[i] && !viommu_host_device_gone(h->device[i])) {
        host_enable(h, i);
        host_good(h, i, PRI_PASID, HOST_VA, HOST_DATA);
        host_good(h, i, SM_NONE, HOST_VA, HOST_DATA);
    }
}

static void begin_life(Life *l)
{
    HostsimConfig sim;
    ViommuVtdConfig config;

    *l = (Life) { 0 };
    hostsim_config_init(&sim, HOSTSIM_VTD);
    sim.vtd.iotlb_bits = 6;
    host_start_sim(&l->h, &sim);
    host_config(&config);
    config.iotlb_bits = 6;
    host_start_guest(&l->h, &config, SPEC_PGTT_FIRST);
    g_assert_true(guest_sm_context_set(l->h.s->alloc, l->h.s->root, OTHER,
                                       l->h.s->ctx));
}

/* From the connection to a second device.  Returns how many devices were left
 * without any error. */
static unsigned one_life(const HostsimFailure *failure)
{
    unsigned whole = 0;
    Life l;
    Host *h = &l.h;

    begin_life(&l);
    hostsim_fail(h->sim, failure);
    l.connected = host_connect(h, NULL);
    if (l.connected) {
        attach(&l, 0, SM_SOURCE);
        attach(&l, 1, OTHER);
        live(h);
        hostsim_fail(h->sim, NULL);
        recover(h);
        for (unsigned i = 0; i < 2; i++) {
            check_device(&l, i);
            whole += l.attached[i] && !viommu_host_device_gone(h->device[i]);
        }
    }
    hostsim_fail(h->sim, NULL);
    host_end(h);
    return whole;
}

/* --- Calls --------------------------------------------------------------- */

static const unsigned long requests[] = {
    IOMMUFD_IOAS_ALLOC, IOMMUFD_IOAS_MAP, IOMMUFD_IOAS_COPY,
    IOMMUFD_IOAS_UNMAP, IOMMUFD_OPTION, IOMMUFD_GET_HW_INFO,
    IOMMUFD_HWPT_ALLOC, IOMMUFD_HWPT_INVALIDATE, IOMMUFD_FAULT_QUEUE_ALLOC,
    IOMMUFD_DESTROY, VFIO_ABI_DEVICE_BIND_IOMMUFD, VFIO_ABI_DEVICE_ATTACH_PT,
    VFIO_ABI_DEVICE_DETACH_PT,
};

/* How often a life without errors makes this call. */
static unsigned count_calls(unsigned long request)
{
    uint64_t n;
    Life l;

    begin_life(&l);
    g_assert_true(host_connect(&l.h, NULL));
    attach(&l, 0, SM_SOURCE);
    attach(&l, 1, OTHER);
    live(&l.h);
    recover(&l.h);
    check_device(&l, 0);
    check_device(&l, 1);
    n = request ? hostsim_ioctls(l.h.sim, request) : host_usage(&l.h).ioctls;
    host_end(&l.h);
    return (unsigned)n;
}

static const HostLives lives = {
    requests, G_N_ELEMENTS(requests), count_calls, one_life,
};

static void test_each(void)
{
    host_lives_each(&lives);
}

static void test_from_then_on(void)
{
    host_lives_from_then_on(&lives);
}

static void test_open(void)
{
    static const HostsimCall calls[] = { HOSTSIM_OPEN, HOSTSIM_CLOSE };

    for (size_t c = 0; c < G_N_ELEMENTS(calls); c++) {
        for (unsigned at = 0; at < 3; at++) {
            HostsimFailure failure = {
                .call = calls[c], .after = at, .times = 1, .error = EIO,
            };

            one_life(&failure);
        }
    }
}

/* --- The fault queue ----------------------------------------------------- */

/* A page request, with the host failing when it is read or answered. */
static void ask(Life *l, const HostsimFailure *failure)
{
    Host *h = &l->h;
    uint64_t word[4];

    host_page_request(h, 0, PRI_PASID, HOST_VA, TD_REQUEST_READ |
                      TD_REQUEST_LAST | TD_REQUEST_GROUP(l->asked % 16));
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
    l->asked++;
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
            Life l;

            begin_life(&l);
            g_assert_true(host_connect(&l.h, NULL));
            attach(&l, 0, SM_SOURCE);
            attach(&l, 1, OTHER);
            host_enable(&l.h, 0);
            ask(&l, NULL);
            g_assert_cmpuint(host_get(&l.h, 0, TD_PAGE_RESPONSES), ==, 1);
            ask(&l, &failure);
            ask(&l, NULL);
            g_assert_cmpuint(host_get(&l.h, 0, TD_PAGE_RESPONSES) +
                             host_get(&l.h, 0, TD_PAGE_OUTSTANDING), ==, 3);
            if (calls[c] == HOSTSIM_READ && host_error_passes(failure.error)) {
                g_assert_cmpuint(host_get(&l.h, 0, TD_PAGE_RESPONSES), ==, 3);
            }
            g_assert_cmpuint(host_get(&l.h, 0, TD_PAGE_UNEXPECTED), ==, 0);
            /* translation does not need the queue */
            check_device(&l, 0);
            check_device(&l, 1);
            /* and whoever still waits gets an answer at the end */
            viommu_detach_host(l.h.f->unit, SM_SOURCE);
            g_assert_cmpuint(host_get(&l.h, 0, TD_PAGE_OUTSTANDING), ==, 0);
            host_end(&l.h);
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
    Life l;

    begin_life(&l);
    g_assert_true(host_connect(&l.h, NULL));
    attach(&l, 0, SM_SOURCE);
    host_enable(&l.h, 0);
    for (unsigned i = 0; i < 2; i++) {
        host_page_request(&l.h, 0, PRI_PASID, HOST_VA, TD_REQUEST_READ |
                          TD_REQUEST_LAST | TD_REQUEST_GROUP(16 + i));
        host_run_failing(&l.h, &failure);
        ask(&l, NULL);
        g_assert_cmpuint(host_get(&l.h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    }
    g_assert_cmpuint(host_get(&l.h, 0, TD_PAGE_RESPONSES), ==, 4);
    host_end(&l.h);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-errors/long-failure", test_long_failure);
    g_test_add_func("/host-errors/each", test_each);
    g_test_add_func("/host-errors/from-then-on", test_from_then_on);
    g_test_add_func("/host-errors/open", test_open);
    g_test_add_func("/host-errors/fault-queue", test_fault_queue);
    return g_test_run();
}
