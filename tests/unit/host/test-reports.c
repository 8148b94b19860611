/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a host reports: all of it comes, once, and belongs to the table that it
 * was about; and a host that has no end of it, or speaks nonsense, holds
 * nobody up.
 */
#include "tests/lib/unit/type1.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "tests/lib/unit/bent.h"
#include "hw/iommu/host/abi/iommufd.h"

/* What one call takes at most (docs/passthrough.md). */
#define RUN_MAX 4096
/* Of a read, at first. */
#define REPORTS 256

static bool readable(Host *h)
{
    struct pollfd fds[4];
    unsigned n = viommu_host_fds(h->host, fds, G_N_ELEMENTS(fds));

    return n && poll(fds, n, 0) > 0;
}

static void request(Host *h, unsigned group)
{
    host_page_request(h, 0, PRI_PASID, HOST_VA + group * HOST_PAGE,
                      TD_REQUEST_READ | TD_REQUEST_LAST |
                      TD_REQUEST_GROUP(group));
}

static bool is_reports(size_t size)
{
    return size >= REPORTS * sizeof(IommufdPgfault) &&
           size % sizeof(IommufdPgfault) == 0;
}

/* Reports of devices that are not here. */
static ssize_t strange_reports(void *buf, unsigned n)
{
    IommufdPgfault *report = buf;

    memset(buf, 0, n * sizeof(*report));
    for (unsigned i = 0; i < n; i++) {
        report[i].dev_id = 0x7fffffff;
        report[i].cookie = i + 1;
    }
    return (ssize_t)(n * sizeof(*report));
}

/* --- All of it ----------------------------------------------------------- */

static ssize_t odd_read(Bent *b, int fd, void *buf, size_t size)
{
    if (is_reports(size) && b->count) {
        b->count--;
        return strange_reports(buf, REPORTS - 1);
    }
    return bent_read(b, fd, buf, size);
}

/* A call ends in the middle of what it has read, of which no descriptor tells. */
static void test_more(void)
{
    unsigned seen = 0;
    uint64_t word[4];
    Host h;
    Bent b;

    bent_start(&h, &b);
    for (unsigned i = 0; i < 60; i++) {
        request(&h, i);
    }
    b.read = odd_read;
    b.count = RUN_MAX / REPORTS;
    g_assert_true(viommu_host_run(h.host));
    while (guest_page_queue_pop(&h.queue, word)) {
        seen++;
    }
    g_assert_cmpuint(seen, ==, RUN_MAX / REPORTS);
    g_assert_false(readable(&h));
    g_assert_false(viommu_host_run(h.host));
    while (guest_page_queue_pop(&h.queue, word)) {
        seen++;
    }
    g_assert_cmpuint(seen, ==, 60);
    for (unsigned i = 0; i < 60; i++) {
        guest_queue_page_response(h.s->queue, SM_SOURCE, PRI_PASID, i, 0);
    }
    fixture_wait(h.f);
    g_assert_cmpuint(host_get(&h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    host_end(&h);
}

/* A group of more requests than a read asks for: kernels answer 0 or EINVAL.
 * (The simulated device has 64 at most, so that the host takes the buffer to
 * be an eighth of what it is.) */
static ssize_t small_read(Bent *b, int fd, void *buf, size_t size)
{
    bool scaled = is_reports(size);
    ssize_t ret = bent_read(b, fd, buf, scaled ? size / 8 : size);

    return ret == -EINVAL && scaled ? -(ssize_t)b->count : ret;
}

static void test_too_small(void)
{
    static const unsigned answers[] = { EINVAL, 0 };

    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        unsigned seen = 0, runs = 0;
        uint64_t word[4];
        Host h;
        Bent b;

        bent_start(&h, &b);
        b.read = small_read;
        b.count = answers[i];
        for (unsigned k = 0; k < 60; k++) {
            host_page_request(&h, 0, PRI_PASID, HOST_VA + k * HOST_PAGE,
                              TD_REQUEST_READ | TD_REQUEST_GROUP(5) |
                              (k == 59 ? TD_REQUEST_LAST : 0));
        }
        while (readable(&h)) {
            g_assert_cmpuint(++runs, <, 10);
            viommu_host_run(h.host);
        }
        while (guest_page_queue_pop(&h.queue, word)) {
            seen++;
        }
        g_assert_cmpuint(seen, ==, 60);
        host_end(&h);
    }
}

/* A descriptor that is readable, and never gives anything. */
static ssize_t empty_read(Bent *b, int fd, void *buf, size_t size)
{
    return is_reports(size) ? 0 : bent_read(b, fd, buf, size);
}

static void test_never(void)
{
    unsigned runs = 0;
    uint64_t word[4];
    Host h;
    Bent b;

    bent_start(&h, &b);
    request(&h, 1);
    b.read = empty_read;
    while (readable(&h)) {
        g_assert_cmpuint(++runs, <, 1000);
        g_assert_false(viommu_host_run(h.host));
    }
    g_assert_cmpuint(host_stats(&h).errors, >, 0);
    b.read = NULL;
    viommu_host_run(h.host);
    g_assert_true(guest_page_queue_pop(&h.queue, word));
    host_end(&h);
}

/* --- Whose they are ------------------------------------------------------ */

static Host *other;         /* who the interrupt's handler works for */
static bool interrupted;

static void put_entry(Host *h, uint32_t pasid, bool present)
{
    if (present) {
        scalable_put_pasid(h->s, pasid);
    } else {
        guest_write64(&h->f->mem, guest_pasid_addr(h->s->alloc, h->s->dir,
                                                   pasid), 0);
    }
    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            pasid);
    fixture_wait(h->f);
}

static uint32_t its_pasid;

/* The guest runs between the first report and the second one. */
static void replace_table(Fixture *f, const ViommuMsi *msi)
{
    (void)f;
    (void)msi;
    if (interrupted) {
        return;
    }
    interrupted = true;
    put_entry(other, its_pasid, false);
    g_assert_cmpuint(host_get(other, 0, TD_PAGE_OUTSTANDING), ==, 0);
    put_entry(other, its_pasid, true);
    for (unsigned group = 9; group < 11; group++) {
        host_page_request(other, 0, its_pasid, HOST_VA, TD_REQUEST_READ |
                          TD_REQUEST_LAST | TD_REQUEST_GROUP(group));
    }
}

static unsigned group_of(const uint64_t word[4])
{
    return word[1] >> 3 & 0x1ff;
}

/* Two requests; the table ends with the first one in the guest's hands. */
static void check_stale(Host *h, uint32_t pasid)
{
    const unsigned wanted[] = { 1, 9, 10 };
    uint64_t word[4];

    other = h;
    its_pasid = pasid;
    interrupted = false;
    guest_set_reg32(&h->f->regs, SPEC_PEADDR, 0xfee00000);
    guest_set_reg32(&h->f->regs, SPEC_PEDATA, 0x41);
    guest_set_reg32(&h->f->regs, SPEC_PECTL, 0);
    h->f->msi = replace_table;
    for (unsigned group = 1; group < 3; group++) {
        host_page_request(h, 0, pasid, HOST_VA, TD_REQUEST_READ |
                          TD_REQUEST_LAST | TD_REQUEST_GROUP(group));
    }
    host_run(h);
    g_assert_true(interrupted);
    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_assert_true(guest_page_queue_pop(&h->queue, word));
        g_assert_cmpuint(group_of(word), ==, wanted[i]);
    }
    g_assert_false(guest_page_queue_pop(&h->queue, word));

    /* what ended with its table is nobody's answer */
    for (unsigned group = 1; group < 3; group++) {
        guest_queue_page_response(h->s->queue, SM_SOURCE, pasid, group, 1);
    }
    fixture_wait(h->f);
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_OUTSTANDING), ==, 2);
    for (unsigned group = 9; group < 11; group++) {
        guest_queue_page_response(h->s->queue, SM_SOURCE, pasid, group, 0);
    }
    fixture_wait(h->f);
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(host_get(h, 0, TD_RESPONSE) & 0xf, ==, 0);
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_UNEXPECTED), ==, 0);
    h->f->msi = NULL;
}

static void test_stale(void)
{
    Host h;

    host_start(&h);
    check_stale(&h, PRI_PASID);
    host_end(&h);
}

static void test_stale_type1(gconstpointer form)
{
    Type1 t;

    type1_start(&t, *(const HostsimVsva *)form);
    check_stale(&t.h, t.pasid);
    type1_end(&t);
}

/* The table ends while the unit looks for where the request goes: in the
 * guest's context table, which is not in RAM. */
#define CONTEXTS    (FIXTURE_RAM + 0x100000)

static bool armed;
static int responded;
static uint64_t contexts;
static GThread *ending;

static ssize_t tell_response(Bent *b, int fd, const void *buf, size_t size)
{
    ssize_t ret = bent_write(b, fd, buf, size);

    if (size == sizeof(IommufdPageResponse)) {
        g_atomic_int_set(&responded, 1);
    }
    return ret;
}

static void *end_table(void *opaque)
{
    put_entry(opaque, PRI_PASID, false);
    return NULL;
}

static int read_contexts(Fixture *f, uint64_t addr, void *buf, size_t size)
{
    memcpy(buf, f->ram.host + contexts + (addr - CONTEXTS), size);
    if (armed) {
        armed = false;
        ending = g_thread_new("ending", end_table, other);
        while (!g_atomic_int_get(&responded)) {
            g_usleep(50);
        }
    }
    return 0;
}

static void move_contexts(Host *h)
{
    /* of the upper half of the bus */
    uint64_t at = h->s->root + (SM_SOURCE >> 8) * 16 + 8;
    uint64_t word = guest_read64(&h->f->mem, at);

    contexts = word & ~UINT64_C(0xfff);
    h->f->outside_read = read_contexts;
    guest_write64(&h->f->mem, at, CONTEXTS | (word & 0xfff));
    guest_queue_context(h->s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    fixture_wait(h->f);
}

static void test_overtaken(void)
{
    uint64_t word[4];
    Host h;
    Bent b;

    bent_start(&h, &b);
    b.write = tell_response;
    other = &h;
    move_contexts(&h);
    request(&h, 3);
    responded = 0;
    armed = true;
    host_run(&h);
    g_assert_false(armed);
    g_thread_join(ending);
    /* the host has its answer, and the guest is not asked */
    g_assert_false(guest_page_queue_pop(&h.queue, word));
    g_assert_cmpuint(host_get(&h, 0, TD_PAGE_OUTSTANDING), ==, 0);

    /* the same name again */
    put_entry(&h, PRI_PASID, true);
    request(&h, 3);
    host_run(&h);
    g_assert_true(guest_page_queue_pop(&h.queue, word));
    g_assert_false(guest_page_queue_pop(&h.queue, word));
    guest_queue_page_response(h.s->queue, SM_SOURCE, PRI_PASID, 3, 0);
    fixture_wait(h.f);
    g_assert_cmpuint(host_get(&h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    g_assert_cmpuint(host_get(&h, 0, TD_PAGE_UNEXPECTED), ==, 0);
    h.f->outside_read = NULL;
    host_end(&h);
}

/* --- No end of it -------------------------------------------------------- */

static ssize_t strange_read(Bent *b, int fd, void *buf, size_t size)
{
    if (!is_reports(size)) {
        return bent_read(b, fd, buf, size);
    }
    g_assert_cmpuint(++b->count, <=, RUN_MAX);
    return strange_reports(buf, REPORTS);
}

/* Reports of unknown devices. */
static void test_endless(void)
{
    Host h;
    Bent b;

    bent_start(&h, &b);
    b.read = strange_read;
    for (unsigned i = 0; i < 3; i++) {
        b.count = 0;
        g_assert_true(viommu_host_run(h.host));
        g_assert_cmpuint(b.count, <=, RUN_MAX / REPORTS + 1);
    }
    b.read = NULL;
    request(&h, 1);
    host_run(&h);
    g_assert_cmpuint(host_stats(&h).page_requests, ==, 1);
    host_end(&h);
}

/* The ring of a container's device: the kernel's index is always one behind
 * ours, and what the ring has means nothing.  b->opaque is where ours is. */
static ssize_t full_ring(Bent *b, int fd, void *buf, size_t size,
                         uint64_t offset)
{
    ssize_t ret = bent_pread(b, fd, buf, size, offset);
    VsvaFaultRing head;

    if (size == sizeof(head) && ret == sizeof(head)) {
        g_assert_cmpuint(++b->count, <=, RUN_MAX);
        memcpy(&head, buf, sizeof(head));
        head.head = (head.tail + head.nb_entries - 1) % head.nb_entries;
        memcpy(buf, &head, sizeof(head));
    }
    return ret;
}

static void test_endless_ring(gconstpointer form)
{
    Type1 t;
    Bent b;

    bent_start_type1(&t, &b, *(const HostsimVsva *)form);
    b.pread = full_ring;
    for (unsigned i = 0; i < 3; i++) {
        b.count = 0;
        g_assert_true(viommu_host_run(t.h.host));
    }
    g_assert_cmpuint(host_stats(&t.h).page_requests, ==, 0);
    b.pread = NULL;
    type1_end(&t);
}

/* --- Nonsense ------------------------------------------------------------ */

/* A descriptor that no process has. */
static int no_descriptor(Bent *b, int fd, unsigned long request, void *arg)
{
    int ret = bent_ioctl(b, fd, request, arg);
    IommufdFaultQueueAlloc *alloc = arg;

    if (request == IOMMUFD_FAULT_QUEUE_ALLOC && !ret) {
        b->below->close(b->below->opaque, (int)alloc->out_fault_fd);
        alloc->out_fault_fd |= 1u << 31;
        b->count++;
    }
    return ret;
}

static void test_descriptor(void)
{
    GError *error = NULL;
    HostsimConfig sim;
    ViommuVtdConfig config;
    ViommuHostCaps caps;
    Host h;
    Bent b;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    host_start_sim(&h, &sim);
    bent_install(&b, &h);
    b.ioctl = no_descriptor;
    host_config(&config);
    host_start_guest(&h, &config, SPEC_PGTT_FIRST);
    g_assert_true(host_connect(&h, &error));
    g_assert_true(host_open(&h, 0, &error));
    viommu_host_device_get_caps(h.device[0], &caps);
    g_assert_cmpuint(b.count, ==, 1);
    g_assert_false(caps.page_requests);
    host_end(&h);       /* nothing is left in the host */
}

/* An invalidation that succeeds, and has done nothing as far as it says. */
static int none_done(Bent *b, int fd, unsigned long request, void *arg)
{
    int ret = bent_ioctl(b, fd, request, arg);
    IommufdHwptInvalidate *invalidate = arg;

    if (request == IOMMUFD_HWPT_INVALIDATE) {
        g_assert_cmpuint(++b->count, <, 100);
        invalidate->entry_num = ret ? invalidate->entry_num : 0;
    }
    return ret;
}

static void test_none_done(void)
{
    Host h;
    Bent b;

    bent_start(&h, &b);
    b.ioctl = none_done;
    guest_queue_piotlb(h.s->queue, SPEC_GRAN_PAGE, SM_DOMAIN, PRI_PASID,
                       HOST_VA, 0, false);
    fixture_wait(h.f);
    g_assert_cmpuint(b.count, >, 0);
    host_end(&h);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-reports/more", test_more);
    g_test_add_func("/host-reports/too-small", test_too_small);
    g_test_add_func("/host-reports/never", test_never);
    g_test_add_func("/host-reports/stale", test_stale);
    type1_add("stale-reports", test_stale_type1);
    g_test_add_func("/host-reports/overtaken", test_overtaken);
    g_test_add_func("/host-reports/endless", test_endless);
    type1_add("endless-ring", test_endless_ring);
    g_test_add_func("/host-reports/descriptor", test_descriptor);
    g_test_add_func("/host-reports/none-done", test_none_done);
    return g_test_run();
}
