/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who waits for a host, and who does not: answers to emulated devices go on
 * while the host is called, and while the embedder is asked for guest memory.
 * Answers to host devices keep their code, and are not lost.  Two devices of
 * one IOMMU group are one for the host.
 */
#include "tests/lib/unit/type1.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "tests/lib/unit/bent.h"
#include "hw/iommu/host/abi/iommufd.h"

/* Not a host device. */
#define EMULATED    0x1234u

/* --- Nobody waits -------------------------------------------------------- */

static Fixture *shared;

/* More requests than the guest's queue has room for, so that the unit answers
 * some by itself. */
static void *emulated_requests(void *opaque)
{
    (void)opaque;
    for (unsigned i = 0; i < 600; i++) {
        const ViommuPageRequest request = {
            .source = EMULATED, .pasid = PRI_PASID, .addr = HOST_VA,
            .access = VIOMMU_READ, .last = true,
            .group = (uint16_t)(i % 512),
        };

        viommu_page_request(shared->unit, &request);
    }
    return NULL;
}

/* They are answered before whoever asked for this goes on. */
static void check_answers(void)
{
    struct timespec end;
    pthread_t thread;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 60;
    g_assert_cmpint(pthread_create(&thread, NULL, emulated_requests, NULL),
                    ==, 0);
    g_assert_cmpint(pthread_timedjoin_np(thread, NULL, &end), ==, 0);
}

static void start(Host *h, Bent *b)
{
    bent_start(h, b);
    shared = h->f;
}

static int slow(Bent *b, int fd, unsigned long request, void *arg)
{
    if (request == IOMMUFD_HWPT_INVALIDATE || request == IOMMUFD_HWPT_ALLOC ||
        request == VFIO_ABI_DEVICE_ATTACH_PT ||
        request == VFIO_ABI_DEVICE_DETACH_PT) {
        b->count++;
        check_answers();
    }
    return bent_ioctl(b, fd, request, arg);
}

static void test_slow_host(void)
{
    GError *error = NULL;
    Host h;
    Bent b;

    start(&h, &b);
    b.ioctl = slow;
    guest_queue_piotlb(h.s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN, PRI_PASID, 0,
                       0, false);
    fixture_wait(h.f);
    g_assert_cmpuint(b.count, ==, 1);
    guest_write64(&h.f->mem, guest_pasid_addr(h.s->alloc, h.s->dir,
                                              PRI_PASID), 0);
    guest_queue_pasid_cache(h.s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            PRI_PASID);
    fixture_wait(h.f);
    g_assert_cmpuint(b.count, ==, 2);
    scalable_put_pasid(h.s, PRI_PASID);
    guest_queue_pasid_cache(h.s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            PRI_PASID);
    fixture_wait(h.f);
    g_assert_cmpuint(b.count, ==, 4);
    viommu_detach_host(h.f->unit, SM_SOURCE);
    g_assert_cmpuint(b.count, >=, 6);
    g_assert_true(viommu_attach_host(h.f->unit, SM_SOURCE, h.device[0],
                                     VIOMMU_NESTING_ON, &error));
    g_assert_cmpuint(h.f->responses->len, >, 100);
    b.ioctl = NULL;
    host_end(&h);
}

static unsigned reads;

static int read_outside(Fixture *f, uint64_t addr, void *buf, size_t size)
{
    (void)f;
    (void)addr;
    memset(buf, 0, size);
    if (!reads++) {
        check_answers();
        /* and on this thread, which has the unit's work in hand */
        emulated_requests(NULL);
    }
    return 0;
}

/* A PASID directory that is not in RAM. */
static void test_callback(void)
{
    Host h;
    Bent b;

    start(&h, &b);
    reads = 0;
    h.f->outside_read = read_outside;
    h.s->ctx[0] = (h.s->ctx[0] & UINT64_C(0xfff)) | (FIXTURE_RAM + 0x100000);
    scalable_put_context(h.s);
    guest_queue_context(h.s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    fixture_wait(h.f);
    g_assert_cmpuint(reads, >, 0);
    g_assert_cmpuint(h.f->responses->len, >, 100);
    h.f->outside_read = NULL;
    host_end(&h);
}

/* --- Answers are kept ---------------------------------------------------- */

static void respond(Host *h, uint32_t pasid, unsigned group, unsigned code)
{
    guest_queue_page_response(h->s->queue, SM_SOURCE, pasid, group, code);
    fixture_wait(h->f);
}

static void request(Host *h, uint32_t pasid, unsigned group)
{
    uint64_t word[4];

    host_page_request(h, 0, pasid, HOST_VA, TD_REQUEST_READ |
                      TD_REQUEST_LAST | TD_REQUEST_GROUP(group));
    host_run(h);
    g_assert_true(guest_page_queue_pop(&h->queue, word));
}

/* The device hears what the guest says; what is no code is a failure
 * [PCIe 10.4.2.2]. */
static void test_codes(gconstpointer form)
{
    static const struct {
        unsigned said, heard;
    } codes[] = { { 0, 0 }, { 1, 1 }, { 15, 15 }, { 2, 15 }, { 14, 15 } };

    /* after a failure, the device makes no more requests */
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        Type1 t;
        Host *h = &t.h;

        type1_start(&t, *(const HostsimVsva *)form);
        request(h, t.pasid, 7);
        respond(h, t.pasid, 7, codes[i].said);
        g_assert_cmphex(host_get(h, 0, TD_RESPONSE) & 0xf, ==,
                        codes[i].heard);
        g_assert_cmpuint(host_get(h, 0, TD_PAGE_OUTSTANDING), ==, 0);
        type1_end(&t);
    }
}

static ssize_t no_write(Bent *b, int fd, const void *buf, size_t size)
{
    return size == sizeof(IommufdPageResponse) && b->count && b->count--
           ? -EIO : bent_write(b, fd, buf, size);
}

static ssize_t no_pwrite(Bent *b, int fd, const void *buf, size_t size,
                         uint64_t offset)
{
    return size == sizeof(uint32_t) && b->count && b->count--
           ? -EIO : bent_pwrite(b, fd, buf, size, offset);
}

/* Writes fail: a few, or all for as long as it takes. */
static void check_kept(Host *h, Bent *b, uint32_t pasid)
{
    static const unsigned failures[] = { 1, 3, 10, 60 };

    for (size_t i = 0; i < G_N_ELEMENTS(failures); i++) {
        request(h, pasid, 7);
        b->count = failures[i];
        respond(h, pasid, 7, 0);
        fixture_run(h->f);
        g_assert_cmpuint(host_get(h, 0, TD_PAGE_OUTSTANDING), ==, 0);
        g_assert_cmphex(host_get(h, 0, TD_RESPONSE) & 0xf, ==, 0);
        g_assert_cmpuint(host_get(h, 0, TD_PAGE_UNEXPECTED), ==, 0);
        b->count = 0;
        host_good(h, 0, pasid, HOST_VA, HOST_DATA);
    }
    /* for good: the table is another one then, and the host answers */
    request(h, pasid, 7);
    b->count = UINT32_MAX;
    respond(h, pasid, 7, 0);
    fixture_run(h->f);
    g_assert_cmpuint(host_get(h, 0, TD_PAGE_OUTSTANDING), ==, 0);
    b->count = 0;
    host_good(h, 0, pasid, HOST_VA, HOST_DATA);
    g_assert_false(viommu_host_device_gone(h->device[0]));
}

static void test_kept(void)
{
    Host h;
    Bent b;

    start(&h, &b);
    b.write = no_write;
    check_kept(&h, &b, PRI_PASID);
    host_end(&h);
}

static void test_kept_type1(gconstpointer form)
{
    Type1 t;
    Bent b;

    bent_start_type1(&t, &b, *(const HostsimVsva *)form);
    t.pasid = type1_allocate(&t);
    type1_bind(&t, t.pasid);
    b.pwrite = no_pwrite;
    check_kept(&t.h, &b, t.pasid);
    type1_end(&t);
}

/* --- Groups -------------------------------------------------------------- */

static void test_group(void)
{
    GError *error = NULL;
    HostsimConfig sim;
    ViommuVtdConfig config;
    Host h = { 0 };

    hostsim_config_init(&sim, HOSTSIM_VTD);
    h.sim = hostsim_new(&sim, &error);
    h.sys = hostsim_syscalls(h.sim);
    for (unsigned i = 0; i < HOST_DEVICES; i++) {
        g_autofree char *name = g_strdup_printf("0000:01:00.%u", i);
        HostsimDevice device = {
            .name = name, .group = i / 2, .number = i,
            .testdev = { .ats = true, .pri = true, .pasid_bits = 20 },
        };

        h.fd[i] = -1;
        g_assert_true(hostsim_add_device(h.sim, &device, &error));
    }
    host_config(&config);
    host_start_guest(&h, &config, SPEC_PGTT_FIRST);
    g_assert_true(host_connect(&h, &error));
    for (unsigned i = 0; i < HOST_DEVICES; i++) {
        g_assert_true(host_open(&h, i, &error));
    }
    for (unsigned first = 0; first < 2; first++) {
        g_assert_true(viommu_attach_host(h.f->unit, SM_SOURCE,
                                         h.device[first], VIOMMU_NESTING_ON,
                                         &error));
        fixture_run(h.f);
        g_assert_false(viommu_attach_host(h.f->unit, 0x300,
                                          h.device[!first],
                                          VIOMMU_NESTING_AUTO, &error));
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
        g_assert_nonnull(strstr(error->message, "IOMMU group"));
        g_clear_error(&error);
        g_assert_cmpint(viommu_host_device_pass_through(h.device[!first]), ==,
                        -EBUSY);
        host_close(&h, !first);
        g_assert_false(host_open(&h, !first, &error));
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
        g_assert_nonnull(strstr(error->message, "IOMMU group"));
        g_clear_error(&error);
        /* of another group */
        g_assert_true(viommu_attach_host(h.f->unit, 0x300, h.device[2],
                                         VIOMMU_NESTING_ON, &error));
        fixture_run(h.f);
        host_enable(&h, first);
        host_good(&h, first, SM_NONE, HOST_VA, HOST_DATA);
        viommu_detach_host(h.f->unit, 0x300);
        viommu_detach_host(h.f->unit, SM_SOURCE);
        host_close(&h, !first);
        g_assert_true(host_open(&h, !first, &error));
    }
    host_end(&h);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-apart/slow-host", test_slow_host);
    g_test_add_func("/host-apart/callback", test_callback);
    type1_add("codes", test_codes);
    g_test_add_func("/host-apart/kept", test_kept);
    type1_add("kept", test_kept_type1);
    g_test_add_func("/host-apart/group", test_group);
    return g_test_run();
}
