/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>
#include <string.h>

#include "host-world.h"
#include "hw/iommu/host/abi/vfio.h"

#define COMMAND         0x04
#define COMMAND_MEMORY  0x02
#define COMMAND_MASTER  0x04

void host_config(ViommuVtdConfig *config)
{
    scalable_config(config);
    config->caching_mode = true;
    config->protected_memory = false;
    config->device_iotlb = true;
    config->page_requests = true;
    config->abort_dma = true;
}

void host_start_sim(Host *h, const HostsimConfig *config)
{
    GError *error = NULL;

    memset(h, 0, sizeof(*h));
    h->sim = hostsim_new(config, &error);
    g_assert_no_error(error);
    h->sys = hostsim_syscalls(h->sim);
    for (unsigned i = 0; i < HOST_DEVICES; i++) {
        g_autofree char *name = g_strdup_printf("0000:01:%02x.0", i);
        bool stalls = config->arch == HOSTSIM_SMMUV3 && i == HOST_STALLS;
        HostsimDevice device = {
            .name = name, .group = i + 1, .number = i, .stall = stalls,
            .testdev = { .ats = !stalls, .pri = !stalls, .pasid_bits = 20 },
        };

        h->fd[i] = -1;
        g_assert_true(hostsim_add_device(h->sim, &device, &error));
        g_assert_no_error(error);
    }
}

void host_start_guest(Host *h, const ViommuVtdConfig *config, unsigned pgtt)
{
    h->s = scalable_new(config, pgtt, 4, PRI_PASID);
    h->f = h->s->f;
    h->s->ctx[0] |= (config->device_iotlb ? SPEC_SM_CTX_DTE : 0) |
                    (config->page_requests ? SPEC_SM_CTX_PRE : 0);
    scalable_put_context(h->s);
    if (pgtt == SPEC_PGTT_FIRST) {
        scalable_map(h->s, HOST_VA, HOST_DATA, 1);
    }
    scalable_flush(h->s);
    if (config->page_requests) {
        g_assert_true(guest_page_queue_init(&h->queue, h->s->alloc,
                                            &h->f->regs, 0));
    }
}

bool host_connect(Host *h, GError **error)
{
    int ret;

    h->host = viommu_host_iommufd_new(h->sys, -1, error);
    if (!h->host) {
        return false;
    }
    ret = viommu_host_map(h->host, h->f->ram.base, h->f->ram.size,
                          h->f->ram.host, false);
    if (ret) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST, "map: %d", ret);
    }
    return !ret;
}

bool host_open(Host *h, unsigned i, GError **error)
{
    g_autofree char *path = g_strdup_printf("/dev/vfio/devices/vfio%u", i);

    h->fd[i] = h->sys->open(h->sys->opaque, path, O_RDWR);
    if (h->fd[i] < 0) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST, "open: %d",
                    h->fd[i]);
        return false;
    }
    h->device[i] = viommu_host_device_new(h->host, h->fd[i], error);
    return h->device[i];
}

void host_start_of(Host *h, unsigned pgtt, ViommuNesting nesting)
{
    GError *error = NULL;
    HostsimConfig sim;
    ViommuVtdConfig config;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    host_start_sim(h, &sim);
    host_config(&config);
    host_start_guest(h, &config, pgtt);
    if (host_connect(h, &error) && host_open(h, 0, &error)) {
        viommu_attach_host(h->f->unit, SM_SOURCE, h->device[0],
                           nesting, &error);
    }
    g_assert_no_error(error);
    host_enable(h, 0);
}

void host_start(Host *h)
{
    host_start_of(h, SPEC_PGTT_FIRST, VIOMMU_NESTING_ON);
}

void host_close(Host *h, unsigned i)
{
    g_clear_pointer(&h->device[i], viommu_host_device_free);
    if (h->fd[i] >= 0) {
        h->sys->close(h->sys->opaque, h->fd[i]);
        h->fd[i] = -1;
    }
}

void host_nothing_left(Host *h)
{
    HostsimUsage usage = host_usage(h);

    g_assert_cmpuint(usage.descriptors, ==, 0);
    g_assert_cmpuint(usage.objects, ==, 0);
    g_assert_cmpuint(usage.bound, ==, 0);
    g_assert_cmpuint(usage.pinned, ==, 0);
}

void host_end(Host *h)
{
    for (unsigned i = 0; i < HOST_DEVICES; i++) {
        host_close(h, i);
    }
    g_clear_pointer(&h->host, viommu_host_free);
    host_nothing_left(h);
    if (h->s) {
        scalable_free(h->s);
    }
    hostsim_free(h->sim);
}

HostsimUsage host_usage(Host *h)
{
    HostsimUsage usage;

    hostsim_usage(h->sim, &usage);
    return usage;
}

ViommuHostStats host_stats(Host *h)
{
    ViommuHostStats stats;

    viommu_host_get_stats(h->host, &stats);
    return stats;
}

void host_run(Host *h)
{
    struct pollfd fds[4];
    unsigned n = viommu_host_fds(h->host, fds, G_N_ELEMENTS(fds));
    bool more = false;

    while (more || (n && poll(fds, n, 0) > 0)) {
        more = viommu_host_run(h->host);
        n = viommu_host_fds(h->host, fds, G_N_ELEMENTS(fds));
    }
}

void host_run_failing(Host *h, const HostsimFailure *failure)
{
    struct pollfd fds[4];
    unsigned n = viommu_host_fds(h->host, fds, G_N_ELEMENTS(fds));
    unsigned all = n, runs = 0;

    hostsim_fail(h->sim, failure);
    while (n && poll(fds, n, 0) > 0) {
        g_assert_cmpuint(++runs, <, 1000);
        viommu_host_run(h->host);
        n = viommu_host_fds(h->host, fds, G_N_ELEMENTS(fds));
    }
    g_assert_cmpuint(runs, >, 1);
    hostsim_fail(h->sim, NULL);
    viommu_host_run(h->host);
    g_assert_cmpuint(viommu_host_fds(h->host, fds, G_N_ELEMENTS(fds)), ==,
                     all);
}

/* --- The device ---------------------------------------------------------- */

/* As vfio-pci lays out its file; asked for at each use, so that a failure on
 * purpose is no reason for a wrong offset. */
static uint64_t region(unsigned index)
{
    return (uint64_t)index << 40;
}

uint64_t host_get(Host *h, unsigned i, unsigned reg)
{
    uint64_t value = 0;

    g_assert_cmpint(h->sys->pread(h->sys->opaque, h->fd[i], &value, 8,
                                  region(VFIO_ABI_REGION_BAR0) + reg), ==, 8);
    return GUINT64_FROM_LE(value);
}

void host_set(Host *h, unsigned i, unsigned reg, uint64_t value)
{
    value = GUINT64_TO_LE(value);
    g_assert_cmpint(h->sys->pwrite(h->sys->opaque, h->fd[i], &value, 8,
                                   region(VFIO_ABI_REGION_BAR0) + reg), ==,
                    8);
}

void host_enable(Host *h, unsigned i)
{
    uint16_t command = GUINT16_TO_LE(COMMAND_MEMORY | COMMAND_MASTER);

    g_assert_cmpint(h->sys->pwrite(h->sys->opaque, h->fd[i], &command, 2,
                                   region(VFIO_ABI_REGION_CONFIG) + COMMAND),
                    ==, 2);
}

unsigned host_result(Host *h, unsigned i)
{
    uint64_t status = host_get(h, i, TD_STATUS);

    return (status & 3) == 1 ? TD_WAITS : (status & 3) == 2 ? TD_OK :
           status >> 8 & 0xff;
}

unsigned host_command(Host *h, unsigned i, TestdevCommand command)
{
    host_set(h, i, TD_COMMAND, command);
    return host_result(h, i);
}

static void use(Host *h, unsigned i, uint32_t pasid)
{
    host_set(h, i, TD_PASID,
             pasid == SM_NONE ? 0 : TD_PASID_ENABLE | pasid);
}

unsigned host_read(Host *h, unsigned i, uint32_t pasid, uint64_t addr)
{
    use(h, i, pasid);
    host_set(h, i, TD_SRC, addr);
    host_set(h, i, TD_LENGTH, 8);
    return host_command(h, i, TD_READ);
}

void host_good(Host *h, unsigned i, uint32_t pasid, uint64_t addr,
               uint64_t to)
{
    static uint64_t value = 0x1122334455667788;

    value += 0x0101010101010101;
    guest_write64(&h->f->mem, to, value);
    g_assert_cmpint(host_read(h, i, pasid, addr), ==, TD_OK);
    g_assert_cmphex(host_get(h, i, TD_BUFFER), ==, value);
    host_set(h, i, TD_BUFFER, ~value);
    host_set(h, i, TD_DST, addr);
    g_assert_cmpint(host_command(h, i, TD_WRITE), ==, TD_OK);
    g_assert_cmphex(guest_read64(&h->f->mem, to), ==, ~value);
}

void host_blocked(Host *h, unsigned i, uint32_t pasid, uint64_t addr)
{
    g_assert_cmpint(host_read(h, i, pasid, addr), ==, TD_BLOCKED);
}

void host_page_request(Host *h, unsigned i, uint32_t pasid, uint64_t addr,
                       uint32_t request)
{
    use(h, i, pasid);
    host_set(h, i, TD_SRC, addr);
    host_set(h, i, TD_REQUEST, request);
    g_assert_cmpint(host_command(h, i, TD_PAGE_REQUEST), ==, TD_OK);
}
