/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A host device in a VFIO container: what the guest takes away is gone before
 * its wait completes, whatever the kernel answers.  Where that cannot be done,
 * the guest has no such device any more.
 */
#include "tests/lib/unit/type1.h"

#include <errno.h>
#include <fcntl.h>

#include "tests/lib/unit/bent.h"

/* What a device's DMA gets that the host has stopped: it may not even go out. */
static void is_stopped(Host *h, uint32_t pasid, uint64_t addr)
{
    const uint64_t secret = 0x5ec2e75ec2e75ec2;

    guest_write64(&h->f->mem, HOST_DATA, secret);
    g_assert_cmpint(host_read(h, 0, pasid, addr), !=, TD_OK);
    g_assert_cmphex(host_get(h, 0, TD_BUFFER), !=, secret);
}

/* Look at one PASID, and wait, with whatever comes of it. */
static void pasid_cache(Type1 *t, uint32_t pasid)
{
    Host *h = &t->h;

    guest_queue_pasid_cache(h->s->queue, SPEC_INV_PASID_GRAN_PASID, SM_DOMAIN,
                            pasid);
    guest_queue_push_wide(h->s->queue, (uint64_t[4]) { SPEC_INV_WAIT });
    guest_queue_ring(h->s->queue);
    fixture_run(h->f);
}

static void forget_entry(Type1 *t, uint32_t pasid)
{
    Host *h = &t->h;

    guest_write64(&h->f->mem, guest_pasid_addr(h->s->alloc, h->s->dir, pasid),
                  0);
    pasid_cache(t, pasid);
}

/* A kernel before 5.12. */
static int no_unmap_all(Bent *b, int fd, unsigned long request, void *arg)
{
    const VfioDmaUnmap *unmap = arg;

    if (request == VFIO_ABI_UNMAP_DMA) {
        b->count++;
        if (unmap->flags & ~VFIO_ABI_UNMAP_GET_DIRTY_BITMAP) {
            return -EINVAL;
        }
        /* and its arithmetic */
        if (unmap->iova + unmap->size < unmap->iova) {
            return -EINVAL;
        }
    }
    return bent_ioctl(b, fd, request, arg);
}

/* Guest memory leaves a container, by an API that any kernel has. */
static void test_old_kernel(gconstpointer form)
{
    Bent b;
    Type1 t;
    Host *h = &t.h;

    bent_start_type1(&t, &b, *(const HostsimVsva *)form);
    b.ioctl = no_unmap_all;
    host_good(h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    type1_unbind(&t, 0);
    g_assert_cmpuint(b.count, >, 0);
    host_blocked(h, 0, SM_NONE, HOST_DATA);
    g_assert_cmpuint(host_stats(h).errors, ==, 0);
    g_assert_false(viommu_host_device_gone(h->device[0]));

    /* and comes back */
    scalable_put_pasid(h->s, 0);
    h->s->entry.pgtt = SPEC_PGTT_PASS;
    type1_bind(&t, 0);
    host_good(h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    type1_end(&t);
}

static const HostsimVsva old_forms[] = {
    HOSTSIM_VSVA_MERGED, HOSTSIM_VSVA_VERSIONED, HOSTSIM_VSVA_NONE,
};

/* An unmapping that fails: once, or for good. */
static void test_unmap_fails(gconstpointer form)
{
    HostsimFailure failure = {
        .call = HOSTSIM_IOCTL, .request = VFIO_ABI_UNMAP_DMA, .times = 1,
        .error = ENOMEM,
    };

    for (unsigned forever = 0; forever < 2; forever++) {
        Bent b;
        Type1 t;
        Host *h = &t.h;

        bent_start_type1(&t, &b, *(const HostsimVsva *)form);
        host_good(h, 0, SM_NONE, HOST_DATA, HOST_DATA);
        failure.times = !forever;
        hostsim_fail(h->sim, &failure);
        forget_entry(&t, 0);
        hostsim_fail(h->sim, NULL);
        is_stopped(h, SM_NONE, HOST_DATA);
        g_assert_cmpint(viommu_host_device_gone(h->device[0]), ==, forever);
        g_assert_cmpuint(host_stats(h).errors, >, 0);
        type1_end(&t);
    }
}

/* The same of a guest's table. */
static void test_unbind_fails(gconstpointer form)
{
    HostsimFailure failure = {
        .call = HOSTSIM_IOCTL, .request = VSVA_BIND, .error = ENOMEM,
    };

    for (unsigned forever = 0; forever < 2; forever++) {
        Type1 t;
        Host *h = &t.h;

        type1_start(&t, *(const HostsimVsva *)form);
        host_good(h, 0, t.pasid, HOST_VA, HOST_DATA);
        failure.times = !forever;
        hostsim_fail(h->sim, &failure);
        forget_entry(&t, t.pasid);
        hostsim_fail(h->sim, NULL);
        is_stopped(h, t.pasid, HOST_VA);
        g_assert_cmpint(viommu_host_device_gone(h->device[0]), ==, forever);
        if (!forever) {
            /* the PASID is not lost, and others never noticed */
            host_good(h, 0, SM_NONE, HOST_DATA, HOST_DATA);
            type1_bind(&t, t.pasid);
            host_good(h, 0, t.pasid, HOST_VA, HOST_DATA);
        }
        type1_end(&t);
    }
}

/* A table in another's place, when the old one does not go at first. */
static void test_replace_fails(gconstpointer form)
{
    HostsimFailure failure = {
        .call = HOSTSIM_IOCTL, .request = VSVA_BIND, .error = ENOMEM,
    };

    for (unsigned times = 0; times < 8; times++) {
        GuestFs fs;
        Type1 t;
        Host *h = &t.h;

        type1_start(&t, *(const HostsimVsva *)form);
        host_good(h, 0, t.pasid, HOST_VA, HOST_DATA);
        g_assert_true(guest_fs_init(&fs, h->s->alloc, 4, 0));
        h->s->entry.fs = fs.table;              /* empty */
        scalable_put_pasid(h->s, t.pasid);
        failure.times = times;
        hostsim_fail(h->sim, &failure);
        pasid_cache(&t, t.pasid);
        hostsim_fail(h->sim, NULL);
        is_stopped(h, t.pasid, HOST_VA);
        type1_end(&t);
    }
}

/* What a device keeps goes in the API's own word for it, also right behind an
 * invalidation of the same translations. */
static void test_device_cache(gconstpointer form)
{
    uint64_t at;
    Type1 t;
    Host *h = &t.h;

    type1_start(&t, *(const HostsimVsva *)form);
    host_set(h, 0, TD_CONTROL, TD_CONTROL_ATS);
    h->f->device_silent = true;     /* the unit's embedder has none there */
    at = guest_fs_entry(&h->s->fs, h->s->alloc, HOST_VA, 1, false);
    for (unsigned i = 0; i < 6; i++) {
        uint64_t to = HOST_DATA + i * HOST_PAGE;

        guest_write64(&h->f->mem, at, to | SM_LEAF);
        if (i % 3) {
            guest_queue_piotlb(h->s->queue, SPEC_GRAN_PAGE, SM_DOMAIN,
                               t.pasid, HOST_VA, 0, false);
        } else {
            guest_queue_piotlb(h->s->queue, SPEC_GRAN_DOMAIN, SM_DOMAIN,
                               t.pasid, 0, 0, false);
        }
        if (i != 5) {
            guest_queue_pdevtlb(h->s->queue, SM_SOURCE, t.pasid, false,
                                HOST_VA, HOST_PAGE);
        }
        fixture_wait(h->f);
        host_good(h, 0, t.pasid, HOST_VA, to);
        g_assert_cmpuint(host_get(h, 0, TD_STALE_USES), ==, 0);
    }
    type1_end(&t);
}

/* A group that joins the container of a table's has it, and loses it. */
static void test_join(gconstpointer form)
{
    Type1 t;
    Host *h = &t.h;
    int group;

    type1_start(&t, *(const HostsimVsva *)form);
    g_assert_cmpuint(host_usage(h).bound, ==, 2);
    group = h->sys->open(h->sys->opaque, "/dev/vfio/2", O_RDWR);
    g_assert_cmpint(group, >=, 0);
    g_assert_cmpint(h->sys->ioctl(h->sys->opaque, group,
                                  VFIO_ABI_GROUP_SET_CONTAINER,
                                  &t.container), ==, 0);
    g_assert_cmpuint(host_usage(h).bound, ==, 4);
    type1_unbind(&t, t.pasid);
    g_assert_cmpuint(host_usage(h).bound, ==, 2);
    type1_bind(&t, t.pasid);
    g_assert_cmpuint(host_usage(h).bound, ==, 4);
    h->sys->close(h->sys->opaque, group);
    g_assert_cmpuint(host_usage(h).bound, ==, 2);
    host_good(h, 0, t.pasid, HOST_VA, HOST_DATA);
    type1_end(&t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(old_forms); i++) {
        static const char *const names[] = { "merged", "versioned", "plain" };
        g_autofree char *old = g_strdup_printf(
            "/host-type1/old-kernel/%s", names[i]);
        g_autofree char *fails = g_strdup_printf(
            "/host-type1/unmap-fails/%s", names[i]);

        g_test_add_data_func(old, &old_forms[i], test_old_kernel);
        g_test_add_data_func(fails, &old_forms[i], test_unmap_fails);
    }
    type1_add("unbind-fails", test_unbind_fails);
    type1_add("replace-fails", test_replace_fails);
    type1_add("device-cache", test_device_cache);
    type1_add("join", test_join);
    return g_test_run();
}
