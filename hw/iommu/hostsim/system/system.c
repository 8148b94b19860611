/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulated host as a whole: its life, and what is still in use. */
#include <stdio.h>
#include <string.h>

#include "hw/iommu/hostsim/iommufd/iommufd.h"
#include "hw/iommu/hostsim/physical/physical.h"
#include "hw/iommu/hostsim/vfio/compat.h"
#include "hw/iommu/hostsim/vfio/device.h"

void hostsim_config_init(HostsimConfig *config, HostsimArch arch)
{
    *config = (HostsimConfig) {
        .arch = arch, .pin_limit = UINT64_MAX, .page_limit = UINT64_MAX,
        .mapping_limit = UINT16_MAX,
    };
    viommu_vtd_config_init(&config->vtd);
    config->vtd.aw_bits = 48;
    config->vtd.haw_bits = 52;
    config->vtd.fault_records = 8;
    config->vtd.scalable_mode = true;
    config->vtd.first_stage = true;
    config->vtd.nested = true;
    config->vtd.pasid_bits = 20;
    config->vtd.fs1gp = true;
    config->vtd.dirty_tracking = true;
    config->vtd.device_iotlb = true;
    config->vtd.page_requests = true;
    config->vtd.memory_types = true;
    config->vtd.extended_access = true;
    config->vtd.snoop_control = true;
    viommu_smmuv3_config_init(&config->smmu);
    config->smmu.stage1 = true;
    config->smmu.stage2 = true;
    config->smmu.ssid_bits = 20;
    config->smmu.oas_bits = 48;
    config->smmu.ats = true;
    config->smmu.pri = true;
    config->smmu.stall = true;
    config->smmu.httu = 2;
    config->smmu.ril = true;
    config->smmu.msi = true;
}

/* --- Work that callbacks have left for later ----------------------------- */

/* What is left then is for the end of the next system call. */
#define WORK_MAX 100000

static bool take(bool *note)
{
    return __atomic_exchange_n(note, false, __ATOMIC_ACQ_REL);
}

static SimDevice *device_at(Hostsim *sim, guint i)
{
    SimDevice *device = NULL;

    sim_lock(sim);
    if (i < sim->devices->len) {
        device = g_ptr_array_index(sim->devices, i);
    }
    sim_unlock(sim);
    return device;
}

static void run_ioeventfds(Hostsim *sim)
{
    sim_lock(sim);
    for (guint i = 0; sim->n_ioeventfds && i < sim->devices->len; i++) {
        sim_ioeventfds_run(g_ptr_array_index(sim->devices, i));
    }
    sim_unlock(sim);
}

static void work(Hostsim *sim)
{
    if (__atomic_load_n(&sim->n_ioeventfds, __ATOMIC_RELAXED)) {
        run_ioeventfds(sim);
    }
    for (unsigned n = 0; n < WORK_MAX && take(&sim->kicked); n++) {
        SimDevice *device;

        sim_lock(sim);
        if (take(&sim->run_wanted)) {
            viommu_run(sim->unit);
        }
        if (take(&sim->interrupted)) {
            sim->phys->interrupt(sim);
        }
        sim_unlock(sim);
        for (guint i = 0; (device = device_at(sim, i)); i++) {
            sim_endpoint_run(device);
        }
    }
}

/* --- Devices ------------------------------------------------------------- */

static void device_free(void *opaque)
{
    SimDevice *device = opaque;

    if (device->phys) {
        device->sim->phys->device_remove(device);
    }
    sim_irqs_reset(device);
    pthread_mutex_destroy(&device->irq_lock);
    sim_endpoint_free(device);
    sim_config_free(device);
    g_hash_table_unref(device->domains);
    g_array_unref(device->partial);
    g_free(device->name);
    g_free(device);
}

static bool parse_name(const char *name, uint32_t *source)
{
    unsigned segment, bus, slot, function;
    char rest;

    if (sscanf(name, "%4x:%2x:%2x.%1x%c", &segment, &bus, &slot, &function,
               &rest) != 4 || slot > 31 || function > 7) {
        return false;
    }
    *source = segment << 16 | bus << 8 | slot << 3 | function;
    return true;
}

static bool device_config_ok(Hostsim *sim, const HostsimDevice *config,
                             uint32_t *source, GError **error)
{
    const char *problem = NULL;

    if (!parse_name(config->name, source)) {
        problem = "is not DDDD:BB:DD.F";
    } else if (sim_device_by_name(sim, config->name) ||
               sim_device_by_source(sim, *source)) {
        problem = "is there already";
    } else if (sim_device_by_number(sim, config->number)) {
        problem = "has the number of another one";
    }
    if (problem) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "device '%s' %s", config->name, problem);
    }
    return !problem;
}

bool hostsim_add_device(Hostsim *sim, const HostsimDevice *config,
                        GError **error)
{
    SimDevice *device;
    uint32_t source;
    bool ok = false;

    sim_lock(sim);
    if (device_config_ok(sim, config, &source, error)) {
        device = sim_alloc(sim, sizeof(*device));
        if (!device) {
            g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                        "device '%s': no memory", config->name);
            sim_unlock(sim);
            return false;
        }
        device->sim = sim;
        device->name = g_strdup(config->name);
        device->group = config->group;
        device->number = config->number;
        device->source = source;
        device->testdev = config->testdev;
        device->stall = config->stall;
        device->interrupt = sim_irq_raise;
        device->domains = g_hash_table_new(NULL, NULL);
        device->partial = g_array_new(FALSE, FALSE,
                                      sizeof(ViommuPageRequest));
        pthread_mutex_init(&device->irq_lock, NULL);
        sim_irqs_init(device);
        sim_config_init(device);
        ok = sim_endpoint_init(device, error);
        if (ok && sim->phys->device_add(device)) {
            g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                        "device '%s': no memory for its tables",
                        config->name);
            ok = false;
        }
        if (ok) {
            sim_endpoint_enable(device);
            pthread_rwlock_wrlock(&sim->devices_lock);
            g_ptr_array_add(sim->devices, device);
            pthread_rwlock_unlock(&sim->devices_lock);
        } else {
            device_free(device);
        }
    }
    sim_unlock(sim);
    return ok;
}

void hostsim_remove_device(Hostsim *sim, const char *name)
{
    SimDevice *device;

    sim_lock(sim);
    device = sim_device_by_name(sim, name);
    if (device) {
        __atomic_store_n(&device->master, false, __ATOMIC_RELEASE);
        __atomic_store_n(&device->gone, true, __ATOMIC_RELEASE);
        sim_irq_signal(device, SIM_IRQ_ERR, 0);
        sim_irq_signal(device, SIM_IRQ_REQ, 0);
    }
    sim_unlock(sim);
}

/* --- Life ---------------------------------------------------------------- */

static const SimNode nodes[] = {
    { "/dev/iommu", false, sim_open_iommu },
    { "/dev/vfio/devices/vfio", true, sim_open_device },
    { "/dev/vfio/vfio", false, sim_open_container },
    { "/dev/vfio/", true, sim_open_group },
};

/** VFIO's ioctls, on an iommufd in the place of a container. */
static int other_ioctl(SimFile *file, unsigned long request, void *arg)
{
    return sim_compat_ioctl(sim_context_of(file), request, arg);
}

static const SimHostOps host_ops = {
    .nodes = nodes,
    .n_nodes = G_N_ELEMENTS(nodes),
    .work = work,
    .other_ioctl = other_ioctl,
};

Hostsim *hostsim_new(const HostsimConfig *config, GError **error)
{
    Hostsim *sim = g_new0(Hostsim, 1);

    sim->config = *config;
    sim->ops = &host_ops;
    sim->phys = config->arch == HOSTSIM_SMMUV3 ? &sim_phys_smmu
                                               : &sim_phys_vtd;
    pthread_mutex_init(&sim->lock, NULL);
    pthread_rwlock_init(&sim->devices_lock, NULL);
    sim->contexts = g_ptr_array_new();
    sim->groups = g_ptr_array_new();
    sim->pasids = g_hash_table_new(NULL, NULL);
    sim->devices = g_ptr_array_new_with_free_func(device_free);
    sim_descriptors_init(sim);
    sim->ram = sim_ram_new(sim);
    if (!sim->ram) {
        g_set_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG,
                    "no memory for the host");
    } else if (sim->phys->init(sim, error)) {
        return sim;
    }
    hostsim_free(sim);
    return NULL;
}

void hostsim_free(Hostsim *sim)
{
    if (!sim) {
        return;
    }
    sim_descriptors_free(sim);
    /* one by one: a device that goes may be looked for */
    while (sim->devices->len) {
        g_ptr_array_remove_index(sim->devices, sim->devices->len - 1);
    }
    g_ptr_array_unref(sim->devices);
    if (sim->unit) {
        sim->phys->exit(sim);
    }
    sim_ram_free(sim->ram);
    g_ptr_array_unref(sim->contexts);
    g_ptr_array_unref(sim->groups);
    g_hash_table_unref(sim->pasids);
    pthread_rwlock_destroy(&sim->devices_lock);
    pthread_mutex_destroy(&sim->lock);
    g_free(sim);
}

Viommu *hostsim_unit(Hostsim *sim)
{
    return sim->unit;
}

void hostsim_limit_pages(Hostsim *sim, uint64_t limit)
{
    sim_lock(sim);
    sim->config.page_limit = limit;
    sim_unlock(sim);
}

void hostsim_usage(Hostsim *sim, HostsimUsage *usage)
{
    sim_lock(sim);
    *usage = (HostsimUsage) {
        .descriptors = g_hash_table_size(sim->files),
        .containers = sim->n_containers,
        .groups = sim->groups->len,
        .pasids = g_hash_table_size(sim->pasids),
        .bound = sim_domain_bound(sim),
        .pinned = sim_pinned(sim),
        .pages = sim_pages_used(sim),
        .calls = sim->n_calls,
        .ioctls = sim->n_ioctls,
    };
    for (guint i = 0; i < sim->contexts->len; i++) {
        usage->objects +=
            sim_context_objects(g_ptr_array_index(sim->contexts, i));
    }
    sim_unlock(sim);
}
