/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Threads: devices do DMA while others map, unmap, attach, invalidate, answer
 * page requests, and close.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "tests/guest/testdev.h"
#include "tests/uapi/test-hostsim.h"

#define IOVA    0x10000000u
#define BASE    0x20000000u
#define TABLES  16
#define ROUNDS  200
#define HALF    (4 * PAGE)
#define BOTH    (2 * HALF)

#define CMD_PAGE_REQUEST 10
#define REQUEST_LAST    (1u << 4)
#define OUTSTANDING     0x118

typedef struct Shared {
    Uapi *u;
    UapiDevice a, b;
    uint8_t *memory;
    uint32_t ioas, hwpt;
    atomic_bool stop;
    atomic_uint done, blocked;
} Shared;

/** Device @d writes its half as long as it may. */
static void dma(Shared *s, UapiDevice *d, uint32_t pasid, uint64_t iova)
{
    while (!atomic_load(&s->stop)) {
        unsigned why = uapi_fill(d, pasid, iova, HALF, 3);

        if (why == UAPI_DONE) {
            atomic_fetch_add(&s->done, 1);
        } else {
            uapi_expect(s->u, why, TESTDEV_BLOCKED, "DMA");
            atomic_fetch_add(&s->blocked, 1);
        }
    }
}

static void *dma_a(void *opaque)
{
    Shared *s = opaque;

    dma(s, &s->a, NO_PASID, IOVA);
    return NULL;
}

static void *dma_b(void *opaque)
{
    Shared *s = opaque;

    dma(s, &s->b, 5, IOVA + HALF);
    return NULL;
}

static void shared_open(Uapi *u, Shared *s)
{
    memset(s, 0, sizeof(*s));
    s->u = u;
    s->memory = uapi_memory((TABLES + 4) * PAGE);
    uapi_device_open(u, 0, &s->a);
    uapi_device_open_with(u, 1, s->a.iommu, &s->b);
    s->ioas = uapi_ioas(u, s->a.iommu);
    uapi_expect(u, uapi_hwpt(&s->a, IOMMUFD_HWPT_PASID, s->ioas, &s->hwpt),
                0, "HWPT");
}

static void shared_close(Shared *s)
{
    uapi_close(s->u, s->b.fd);
    uapi_device_close(&s->a);
    uapi_memory_free(s->memory, (TABLES + 4) * PAGE);
}

/** Memory that has been unmapped is not written to any more. */
static void test_unmap(Uapi *u)
{
    pthread_t thread[2];
    Shared s;
    Host h;

    host_open(u, &h, UINT64_MAX);
    shared_open(u, &s);
    uapi_expect(u, uapi_attach(&s.a, NO_PASID, s.hwpt), 0, "attach");
    uapi_expect(u, uapi_attach(&s.b, 5, s.hwpt), 0, "attach");
    pthread_create(&thread[0], NULL, dma_a, &s);
    pthread_create(&thread[1], NULL, dma_b, &s);
    for (unsigned i = 0; i < ROUNDS || !atomic_load(&s.done) ||
         !atomic_load(&s.blocked); i++) {
        uapi_expect(u, uapi_map(&s.a, s.ioas, s.memory, BOTH, IOVA), 0,
                    "map");
        if (i % 4 == 0) {
            poll(NULL, 0, 1);
        }
        uapi_expect(u, uapi_unmap(&s.a, s.ioas, IOVA, BOTH), 0, "unmap");
        memset(s.memory, 0, BOTH);
        for (unsigned k = 0; k < BOTH; k++) {
            uapi_check(u, !s.memory[k], "byte %u has been written to", k);
        }
    }
    atomic_store(&s.stop, true);
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    shared_close(&s);
    host_close(&h);
}

static void test_attach(Uapi *u)
{
    pthread_t thread[2];
    Shared s;
    Host h;

    host_open(u, &h, UINT64_MAX);
    shared_open(u, &s);
    uapi_expect(u, uapi_map(&s.a, s.ioas, s.memory, BOTH, IOVA), 0,
                "map");
    pthread_create(&thread[0], NULL, dma_a, &s);
    pthread_create(&thread[1], NULL, dma_b, &s);
    for (unsigned i = 0; i < ROUNDS || !atomic_load(&s.done) ||
         !atomic_load(&s.blocked); i++) {
        uapi_expect(u, uapi_attach(&s.a, NO_PASID, s.hwpt), 0, "attach");
        uapi_expect(u, uapi_attach(&s.b, 5, s.hwpt), 0, "attach");
        if (i % 4 == 0) {
            poll(NULL, 0, 1);
        }
        uapi_expect(u, uapi_detach(&s.a, NO_PASID), 0, "detach");
        uapi_expect(u, uapi_detach(&s.b, 5), 0, "detach");
    }
    atomic_store(&s.stop, true);
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    shared_close(&s);
    host_close(&h);
}

/** Devices come and go beside others. */
static void test_plug(Uapi *u)
{
    HostsimDevice device = {
        .name = "0000:03:00.0", .group = 3, .number = 3,
        .testdev = { .ats = true, .pri = true, .pasid_bits = 16 },
    };
    pthread_t thread[2];
    Shared s;
    Host h;

    host_open(u, &h, UINT64_MAX);
    shared_open(u, &s);
    uapi_expect(u, uapi_map(&s.a, s.ioas, s.memory, BOTH, IOVA), 0, "map");
    uapi_expect(u, uapi_attach(&s.a, NO_PASID, s.hwpt), 0, "attach");
    uapi_expect(u, uapi_attach(&s.b, 5, s.hwpt), 0, "attach");
    uapi_set_reg(&s.a, TESTDEV_CONTROL, TESTDEV_CONTROL_ATS |
                 TESTDEV_CONTROL_PRI);
    pthread_create(&thread[0], NULL, dma_a, &s);
    pthread_create(&thread[1], NULL, dma_b, &s);
    for (unsigned i = 0; i < 30; i++) {
        UapiDevice d = { .u = u };

        uapi_check(u, hostsim_add_device(h.sim, &device, NULL), "add");
        d.fd = uapi_open(u, "/dev/vfio/devices/vfio3");
        uapi_expect(u, uapi_bind(u, d.fd, s.a.iommu, &d.id), 0, "bind");
        uapi_expect(u, uapi_attach(&d, NO_PASID, s.hwpt), 0, "attach");
        hostsim_remove_device(h.sim, device.name);
        uapi_close(u, d.fd);
    }
    atomic_store(&s.stop, true);
    pthread_join(thread[0], NULL);
    pthread_join(thread[1], NULL);
    shared_close(&s);
    host_close(&h);
}

/* --- Page requests ------------------------------------------------------- */

typedef struct Pages {
    Shared s;
    int fd;
    atomic_uint answered;
} Pages;

/** Answers whatever comes, in batches and backwards. */
static void *answer(void *opaque)
{
    Pages *p = opaque;
    UapiCalls *calls = &p->s.u->calls;
    IommufdPgfault list[16];

    for (;;) {
        struct pollfd ready = { .fd = p->fd, .events = POLLIN };
        ssize_t n;

        if (!poll(&ready, 1, 10) && atomic_load(&p->s.stop)) {
            return NULL;
        }
        n = calls->read(calls->opaque, p->fd, list, sizeof(list));
        for (ssize_t i = n / (ssize_t)sizeof(list[0]); i-- > 0; ) {
            IommufdPageResponse response = { .cookie = list[i].cookie };

            uapi_expect(p->s.u, calls->write(calls->opaque, p->fd, &response,
                                             sizeof(response)), 8, "answer");
            atomic_fetch_add(&p->answered, 1);
        }
    }
}

static void *ask(void *opaque)
{
    Pages *p = opaque;
    UapiDevice *d = &p->s.b;

    for (unsigned i = 0; i < 1000; i++) {
        while (uapi_reg(d, OUTSTANDING) > 32) {
            poll(NULL, 0, 1);
        }
        uapi_set_reg(d, TESTDEV_PASID, TESTDEV_PASID_VALID | 5);
        uapi_set_reg(d, TESTDEV_SRC, (uint64_t)i * PAGE);
        uapi_set_reg(d, TESTDEV_REQUEST, TESTDEV_REQUEST_RW | REQUEST_LAST |
                     (uint64_t)(i % 256) << 16);
        uapi_set_reg(d, TESTDEV_COMMAND, CMD_PAGE_REQUEST);
    }
    return NULL;
}

static void test_pages(Uapi *u)
{
    IommufdFaultQueueAlloc queue = { .size = sizeof(queue) };
    pthread_t asking, answering;
    uint32_t parent, nested;
    UapiTables tables;
    Pages p = { .answered = 0 };
    Host h;

    host_open(u, &h, UINT64_MAX);
    shared_open(u, &p.s);
    uapi_expect(u, uapi_map(&p.s.a, p.s.ioas, p.s.memory,
                            (TABLES + 4) * PAGE, BASE), 0, "map");
    uapi_expect(u, uapi_hwpt(&p.s.b, IOMMUFD_HWPT_NEST_PARENT |
                             IOMMUFD_HWPT_PASID, p.s.ioas, &parent), 0,
                "parent");
    uapi_expect(u, uapi_iommu_ioctl(&p.s.a, IOMMUFD_FAULT_QUEUE_ALLOC,
                                    &queue), 0, "FAULT_QUEUE_ALLOC");
    p.fd = queue.out_fault_fd;
    uapi_tables_init(&tables, p.s.memory, BASE, TABLES);
    uapi_expect(u, uapi_nested(&p.s.b, IOMMUFD_HWPT_FAULT_ID |
                               IOMMUFD_HWPT_PASID, parent, BASE,
                               queue.out_fault_id, &nested), 0, "nested");
    uapi_expect(u, uapi_attach(&p.s.b, 5, nested), 0, "attach");
    pthread_create(&asking, NULL, ask, &p);
    pthread_create(&answering, NULL, answer, &p);
    pthread_join(asking, NULL);
    for (unsigned i = 0; i < UAPI_PATIENCE_MS && uapi_reg(&p.s.b, OUTSTANDING); i++) {
        poll(NULL, 0, 1);
    }
    atomic_store(&p.s.stop, true);
    pthread_join(answering, NULL);
    uapi_expect(u, uapi_reg(&p.s.b, OUTSTANDING), 0, "requests");
    uapi_expect(u, atomic_load(&p.answered), 1000, "answers");
    uapi_close(u, p.fd);
    shared_close(&p.s);
    host_close(&h);
}

const UapiTest host_thread_tests[] = {
    { "hostsim-threads/unmap", test_unmap },
    { "hostsim-threads/attach", test_attach },
    { "hostsim-threads/plug", test_plug },
    { "hostsim-threads/pages", test_pages },
    { NULL, NULL },
};
