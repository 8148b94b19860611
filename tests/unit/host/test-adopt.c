/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Host devices that somebody else has bound, as a VMM with a VFIO driver of its
 * own does, and those whose source-id is not known yet.
 */
#include "tests/lib/unit/host-world.h"

#include <fcntl.h>
#include <string.h>

#include "hw/iommu/host/abi/iommufd.h"
#include "hw/iommu/host/abi/vfio.h"

/* No request has it. */
#define NOWHERE 0x10003

/* A VMM's own use of the host: what it has open and bound. */
typedef struct Owner {
    Host h;
    int iommufd;
    uint32_t id;
    uint32_t ioas;
} Owner;

static int call(Owner *o, int fd, unsigned long request, void *arg)
{
    return o->h.sys->ioctl(o->h.sys->opaque, fd, request, arg);
}

static void owner_start(Owner *o)
{
    VfioBindIommufd bind = { .argsz = offsetof(VfioBindIommufd, token) };
    IommufdIoasAlloc ioas = { .size = sizeof(ioas) };
    VfioAttachPt attach = {
        .argsz = offsetof(VfioAttachPt, pasid),
    };
    Host *h = &o->h;
    ViommuVtdConfig config;
    HostsimConfig sim;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    host_start_sim(h, &sim);
    host_config(&config);
    host_start_guest(h, &config, SPEC_PGTT_FIRST);
    o->iommufd = h->sys->open(h->sys->opaque, "/dev/iommu", O_RDWR);
    g_assert_cmpint(o->iommufd, >=, 0);
    h->fd[0] = h->sys->open(h->sys->opaque, "/dev/vfio/devices/vfio0",
                            O_RDWR);
    g_assert_cmpint(h->fd[0], >=, 0);
    bind.iommufd = o->iommufd;
    g_assert_cmpint(call(o, h->fd[0], VFIO_ABI_DEVICE_BIND_IOMMUFD, &bind),
                    ==, 0);
    o->id = bind.out_devid;
    g_assert_cmpint(call(o, o->iommufd, IOMMUFD_IOAS_ALLOC, &ioas), ==, 0);
    o->ioas = ioas.out_ioas_id;
    attach.pt_id = o->ioas;
    g_assert_cmpint(call(o, h->fd[0], VFIO_ABI_DEVICE_ATTACH_PT,
                         &attach), ==, 0);
}

static void owner_connect(Owner *o)
{
    GError *error = NULL;
    Host *h = &o->h;

    h->host = viommu_host_iommufd_new(h->sys, o->iommufd, &error);
    g_assert_no_error(error);
    g_assert_cmpint(viommu_host_map(h->host, h->f->ram.base, h->f->ram.size,
                                    h->f->ram.host, false), ==, 0);
    h->device[0] = viommu_host_device_adopt(h->host, h->fd[0], o->id, &error);
    g_assert_no_error(error);
    host_enable(h, 0);
}

/* The library goes first, then its owner lets go of what is its own. */
static void owner_end(Owner *o)
{
    VfioDetachPt detach = {
        .argsz = offsetof(VfioDetachPt, pasid),
    };
    IommufdDestroy destroy = { .size = sizeof(destroy), .id = o->ioas };
    Host *h = &o->h;

    g_clear_pointer(&h->device[0], viommu_host_device_free);
    g_clear_pointer(&h->host, viommu_host_free);
    g_assert_cmpuint(host_usage(h).bound, ==, 0);
    /* its device, its IOAS, and nothing of ours */
    g_assert_cmpuint(host_usage(h).objects, ==, 2);
    g_assert_cmpint(call(o, h->fd[0], VFIO_ABI_DEVICE_DETACH_PT,
                         &detach), ==, 0);
    g_assert_cmpint(call(o, o->iommufd, IOMMUFD_DESTROY, &destroy), ==, 0);
    host_close(h, 0);
    h->sys->close(h->sys->opaque, o->iommufd);
    host_end(h);
}

static void attach(Owner *o, uint32_t source)
{
    GError *error = NULL;

    g_assert_true(viommu_attach_host(o->h.f->unit, source, o->h.device[0],
                                     VIOMMU_NESTING_ON, &error));
    g_assert_no_error(error);
}

static void test_adopt(void)
{
    Owner o = { 0 };
    Host *h = &o.h;

    owner_start(&o);
    owner_connect(&o);
    /* no more behind what its owner had it behind */
    g_assert_cmpuint(host_usage(h).bound, ==, 0);
    host_blocked(h, 0, SM_NONE, HOST_DATA);
    attach(&o, SM_SOURCE);
    host_good(h, 0, SM_NONE, HOST_VA, HOST_DATA);
    host_good(h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    viommu_detach_host(h->f->unit, SM_SOURCE);
    host_blocked(h, 0, SM_NONE, HOST_VA);
    owner_end(&o);
}

/* A wrong ID: nothing of ours stays, and the owner has its device back. */
static void test_wrong(void)
{
    GError *error = NULL;
    Owner o = { 0 };
    Host *h = &o.h;

    owner_start(&o);
    h->host = viommu_host_iommufd_new(h->sys, o.iommufd, &error);
    g_assert_no_error(error);
    g_assert_null(viommu_host_device_adopt(h->host, h->fd[0], o.ioas,
                                           &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST);
    g_assert_nonnull(strstr(error->message, "IOMMU_GET_HW_INFO"));
    g_clear_error(&error);
    owner_end(&o);
}

/*
 * Until the guest has given the device's bus a number: all of memory while the
 * unit does not translate, nothing while it does.  What another source-id with
 * the same low bits has is not for it.
 */
static void test_nowhere(void)
{
    uint16_t low = NOWHERE & UINT16_MAX;
    Owner o = { 0 };
    Host *h = &o.h;

    owner_start(&o);
    owner_connect(&o);
    g_assert_true(guest_sm_context_set(h->s->alloc, h->s->root, low,
                                       h->s->ctx));
    attach(&o, NOWHERE);
    g_assert_cmpuint(host_usage(h).bound, ==, 0);
    host_blocked(h, 0, SM_NONE, HOST_VA);
    host_blocked(h, 0, PRI_PASID, HOST_VA);
    scalable_flush(h->s);
    host_blocked(h, 0, SM_NONE, HOST_VA);
    host_blocked(h, 0, PRI_PASID, HOST_VA);
    g_assert_true(guest_command(&h->f->regs, 0, SPEC_GCMD_TE));
    host_good(h, 0, SM_NONE, HOST_DATA, HOST_DATA);
    g_assert_true(guest_command(&h->f->regs, SPEC_GCMD_TE, 0));
    host_blocked(h, 0, SM_NONE, HOST_DATA);
    /* there it is */
    viommu_detach_host(h->f->unit, NOWHERE);
    attach(&o, SM_SOURCE);
    host_good(h, 0, SM_NONE, HOST_VA, HOST_DATA);
    host_good(h, 0, PRI_PASID, HOST_VA, HOST_DATA);
    owner_end(&o);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/host-adopt/adopt", test_adopt);
    g_test_add_func("/host-adopt/wrong", test_wrong);
    g_test_add_func("/host-adopt/nowhere", test_nowhere);
    return g_test_run();
}
