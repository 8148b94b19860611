/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A VMM that breaks the contract of viommu-host.h: whatever calls the host, or
 * waits for somebody who does, stops inside a DMA section.
 */
#include "tests/lib/unit/host-world.h"
#include "tests/lib/unit/misuse.h"

/* In vain: these stop before they look at it. */
#define ADDR    UINT64_C(0x100000000)

static void *start(void)
{
    Host *h = g_new(Host, 1);

    host_start(h);
    return h;
}

static void end(void *world)
{
    host_end(world);
    g_free(world);
}

/* --- Stopped ------------------------------------------------------------- */

static void call_iommufd_new(void *world)
{
    const Host *h = world;

    (void)viommu_host_iommufd_new(h->sys, -1, NULL);
}

static void call_type1_new(void *world)
{
    const Host *h = world;

    (void)viommu_host_type1_new(h->sys, -1, 0, NULL);
}

static void call_free(void *world)
{
    (void)world;
    viommu_host_free(NULL);
}

static void call_map(void *world)
{
    const Host *h = world;

    (void)viommu_host_map(h->host, ADDR, 0, NULL, false);
}

static void call_map_file(void *world)
{
    const Host *h = world;

    (void)viommu_host_map_file(h->host, ADDR, 0, -1, 0, NULL, false);
}

static void call_unmap(void *world)
{
    const Host *h = world;

    (void)viommu_host_unmap(h->host, ADDR, 0);
}

static void call_set_dirty(void *world)
{
    const Host *h = world;

    (void)viommu_host_set_dirty_tracking(h->host, true);
}

static void call_get_dirty(void *world)
{
    const Host *h = world;

    (void)viommu_host_get_dirty(h->host, 0, 0, 0, NULL);
}

static void call_fds(void *world)
{
    const Host *h = world;

    (void)viommu_host_fds(h->host, NULL, 0);
}

static void call_run(void *world)
{
    const Host *h = world;

    (void)viommu_host_run(h->host);
}

static void call_get_stats(void *world)
{
    ViommuHostStats stats;
    const Host *h = world;

    viommu_host_get_stats(h->host, &stats);
}

static void call_device_new(void *world)
{
    const Host *h = world;

    (void)viommu_host_device_new(h->host, -1, NULL);
}

static void call_device_adopt(void *world)
{
    const Host *h = world;

    (void)viommu_host_device_adopt(h->host, -1, 0, NULL);
}

static void call_device_free(void *world)
{
    (void)world;
    viommu_host_device_free(NULL);
}

static void call_pass_through(void *world)
{
    const Host *h = world;

    (void)viommu_host_device_pass_through(h->device[0]);
}

static void call_nested(void *world)
{
    const Host *h = world;

    (void)viommu_host_device_nested(h->device[0]);
}

static void call_attach(void *world)
{
    const Host *h = world;

    (void)viommu_attach_host(h->f->unit, SM_SOURCE, h->device[0],
                             VIOMMU_NESTING_ON, NULL);
}

/* Where there is none. */
static void call_detach(void *world)
{
    const Host *h = world;

    viommu_detach_host(h->f->unit, SM_SOURCE + 8);
}

static const Call stopped[] = {
    { "viommu_host_iommufd_new", call_iommufd_new },
    { "viommu_host_type1_new", call_type1_new },
    { "viommu_host_free", call_free },
    { "viommu_host_map", call_map },
    { "viommu_host_map_file", call_map_file },
    { "viommu_host_unmap", call_unmap },
    { "viommu_host_set_dirty_tracking", call_set_dirty },
    { "viommu_host_get_dirty", call_get_dirty },
    { "viommu_host_fds", call_fds },
    { "viommu_host_run", call_run },
    { "viommu_host_get_stats_sized", call_get_stats },
    { "viommu_host_device_new", call_device_new },
    { "viommu_host_device_adopt", call_device_adopt },
    { "viommu_host_device_free", call_device_free },
    { "viommu_host_device_pass_through", call_pass_through },
    { "viommu_host_device_nested", call_nested },
    { "viommu_attach_host", call_attach },
    { "viommu_detach_host", call_detach },
};

/* --- Allowed ------------------------------------------------------------- */

static void call_syscalls(void *world)
{
    (void)world;
    g_assert_nonnull(viommu_syscalls()->ioctl);
}

static void call_get_caps(void *world)
{
    ViommuHostCaps caps;
    const Host *h = world;

    viommu_host_device_get_caps(h->device[0], &caps);
    g_assert_true(caps.nesting);
}

static void call_gone(void *world)
{
    const Host *h = world;

    g_assert_false(viommu_host_device_gone(h->device[0]));
}

static const Call allowed[] = {
    { "viommu_syscalls", call_syscalls },
    { "viommu_host_device_get_caps_sized", call_get_caps },
    { "viommu_host_device_gone", call_gone },
};

int main(int argc, char **argv)
{
    static const Calls calls = {
        .prefix = "/host-misuse", .start = start, .end = end,
        .stopped = stopped, .n_stopped = G_N_ELEMENTS(stopped),
        .allowed = allowed, .n_allowed = G_N_ELEMENTS(allowed),
    };

    g_test_init(&argc, &argv, NULL);
    misuse_add(&calls);
    return g_test_run();
}
