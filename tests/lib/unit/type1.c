/* SPDX-License-Identifier: BSD-3-Clause */
#include <fcntl.h>

#include "type1.h"

void type1_config(ViommuVtdConfig *config)
{
    host_config(config);
    config->virtual_commands = true;
}

static int open_node(Host *h, const char *path)
{
    int fd = h->sys->open(h->sys->opaque, path, O_RDWR);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static int vfio_ioctl(Host *h, int fd, unsigned long request, void *arg)
{
    return h->sys->ioctl(h->sys->opaque, fd, request, arg);
}

static void open_container(Type1 *t)
{
    g_autofree char *path = g_strdup_printf("/dev/vfio/%u", t->number + 1);
    Host *h = &t->h;
    int32_t fd;

    t->container = fd = open_node(h, "/dev/vfio/vfio");
    t->group = open_node(h, path);
    g_assert_cmpint(vfio_ioctl(h, t->group, VFIO_ABI_GROUP_SET_CONTAINER,
                               &fd), ==, 0);
}

bool type1_connect(Type1 *t, GError **error)
{
    Host *h = &t->h;
    g_autofree char *name = g_strdup_printf("0000:01:%02x.0", t->number);
    uint64_t cap = viommu_mmio_read(hostsim_unit(h->sim), SPEC_CAP, 8);
    int ret;

    h->host = viommu_host_type1_new(h->sys, t->container, cap, error);
    if (!h->host) {
        return false;
    }
    ret = viommu_host_map(h->host, h->f->ram.base, h->f->ram.size,
                          h->f->ram.host, false);
    if (!ret) {
        ret = h->fd[0] = vfio_ioctl(h, t->group, VFIO_ABI_GROUP_GET_DEVICE_FD,
                                    name);
    }
    if (ret < 0) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_HOST, "%s",
                    g_strerror(-ret));
        return false;
    }
    h->device[0] = viommu_host_device_new(h->host, h->fd[0], error);
    return h->device[0];
}

static void add_plain_device(Host *h)
{
    const HostsimDevice device = {
        .name = "0000:01:1f.0", .group = TYPE1_PLAIN + 1,
        .number = TYPE1_PLAIN,
    };
    GError *error = NULL;

    hostsim_add_device(h->sim, &device, &error);
    g_assert_no_error(error);
}

static void start_sides(Type1 *t, const HostsimConfig *sim,
                        const ViommuVtdConfig *config, unsigned number)
{
    host_start_sim(&t->h, sim);
    add_plain_device(&t->h);
    t->number = number;
    host_start_guest(&t->h, config, SPEC_PGTT_FIRST);
    t->h.s->entry.pgtt = SPEC_PGTT_PASS;
    scalable_put_pasid(t->h.s, 0);
    t->h.s->entry.pgtt = SPEC_PGTT_FIRST;
    /* nothing is bound that the guest has not asked for */
    guest_write64(&t->h.f->mem, guest_pasid_addr(t->h.s->alloc, t->h.s->dir,
                                                 PRI_PASID), 0);
    scalable_flush(t->h.s);
    open_container(t);
}

void type1_start_sides(Type1 *t, const HostsimConfig *sim,
                       const ViommuVtdConfig *config)
{
    start_sides(t, sim, config, 0);
}

void type1_prepare_plain(Type1 *t, const HostsimConfig *sim,
                         const ViommuVtdConfig *config)
{
    GError *error = NULL;

    start_sides(t, sim, config, TYPE1_PLAIN);
    type1_connect(t, &error);
    g_assert_no_error(error);
}

void type1_prepare(Type1 *t, const HostsimConfig *sim,
                   const ViommuVtdConfig *config)
{
    GError *error = NULL;

    type1_start_sides(t, sim, config);
    type1_connect(t, &error);
    g_assert_no_error(error);
}

void type1_attach(Type1 *t, ViommuNesting nesting)
{
    GError *error = NULL;

    viommu_attach_host(t->h.f->unit, SM_SOURCE, t->h.device[0], nesting,
                       &error);
    g_assert_no_error(error);
    host_enable(&t->h, 0);
}

uint64_t type1_command(Type1 *t, uint64_t vcmd)
{
    uint64_t response;

    guest_set_reg64(&t->h.f->regs, SPEC_VCMD, vcmd);
    fixture_run(t->h.f);
    response = guest_reg64(&t->h.f->regs, SPEC_VCRSP);
    g_assert_cmphex(response & 1, ==, 0);       /* not in progress */
    return response;
}

uint32_t type1_allocate(Type1 *t)
{
    uint64_t response = type1_command(t, SPEC_VCMD_ALLOCATE);

    g_assert_cmphex(response & SPEC_VCRSP_SC, ==, 0);
    return (response & SPEC_VCRSP_PASID) >> SPEC_VCRSP_PASID_SHIFT;
}

unsigned type1_give_back(Type1 *t, uint32_t pasid)
{
    return (type1_command(t, SPEC_VCMD_FREE |
                       (uint64_t)pasid << SPEC_VCMD_PASID_SHIFT) &
            SPEC_VCRSP_SC) >> SPEC_VCRSP_SC_SHIFT;
}

void type1_pasid_cache(Type1 *t, uint32_t pasid)
{
    guest_queue_pasid_cache(t->h.s->queue, SPEC_INV_PASID_GRAN_PASID,
                            SM_DOMAIN, pasid);
    fixture_wait(t->h.f);
}

void type1_bind(Type1 *t, uint32_t pasid)
{
    scalable_put_pasid(t->h.s, pasid);
    type1_pasid_cache(t, pasid);
}

void type1_unbind(Type1 *t, uint32_t pasid)
{
    guest_write64(&t->h.f->mem, guest_pasid_addr(t->h.s->alloc, t->h.s->dir,
                                                 pasid), 0);
    type1_pasid_cache(t, pasid);
}

void type1_start(Type1 *t, HostsimVsva form)
{
    ViommuVtdConfig config;
    HostsimConfig sim;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    sim.vsva = form;
    type1_config(&config);
    type1_prepare(t, &sim, &config);
    type1_attach(t, VIOMMU_NESTING_ON);
    t->pasid = type1_allocate(t);
    type1_bind(t, t->pasid);
}

void type1_start_shadowed(Type1 *t)
{
    ViommuVtdConfig config;
    HostsimConfig sim;

    hostsim_config_init(&sim, HOSTSIM_VTD);
    sim.vsva = HOSTSIM_VSVA_NONE;
    type1_config(&config);
    type1_prepare(t, &sim, &config);
    type1_attach(t, VIOMMU_NESTING_AUTO);
}

void type1_end(Type1 *t)
{
    Host *h = &t->h;
    HostsimUsage usage;

    host_close(h, 0);
    g_clear_pointer(&h->host, viommu_host_free);
    h->sys->close(h->sys->opaque, t->group);
    h->sys->close(h->sys->opaque, t->container);
    usage = host_usage(h);
    g_assert_cmpuint(usage.pasids, ==, 0);
    g_assert_cmpuint(usage.containers, ==, 0);
    g_assert_cmpuint(usage.groups, ==, 0);
    host_end(h);
}

void type1_wait_refused(Host *h)
{
    guest_queue_push_wide(h->s->queue, (uint64_t[4]) { SPEC_INV_WAIT });
    guest_queue_ring(h->s->queue);
    fixture_run(h->f);
    g_assert_cmphex(guest_reg32(&h->f->regs, SPEC_FSTS) & 0xff, ==,
                    SPEC_FSTS_ITE);
    g_assert_cmphex(guest_reg64(&h->f->regs, SPEC_IQERCD) >> 32 & 0xffff, ==,
                    SM_SOURCE);
    guest_set_reg32(&h->f->regs, SPEC_FSTS, SPEC_FSTS_ITE);
}

void type1_pasid_cache_refused(Type1 *t, uint32_t pasid)
{
    guest_queue_pasid_cache(t->h.s->queue, SPEC_INV_PASID_GRAN_PASID,
                            SM_DOMAIN, pasid);
    type1_wait_refused(&t->h);
}

void type1_add(const char *name, void (*test)(gconstpointer form))
{
    static const struct {
        HostsimVsva form;
        const char *name;
    } forms[] = {
        { HOSTSIM_VSVA_MERGED, "merged" },
        { HOSTSIM_VSVA_VERSIONED, "versioned" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autofree char *path = g_strdup_printf("/host-type1/%s/%s", name,
                                                forms[i].name);

        g_test_add_data_func(path, &forms[i].form, test);
    }
}
