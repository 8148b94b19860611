/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulated host as a whole: its life, and what is still in use. */
#include "hw/iommu/hostsim/objects.h"

void hostsim_config_init(HostsimConfig *config, HostsimArch arch)
{
    *config = (HostsimConfig) { .arch = arch, .pin_limit = UINT64_MAX };
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

Hostsim *hostsim_new(const HostsimConfig *config, GError **error)
{
    Hostsim *sim = g_new0(Hostsim, 1);

    (void)error;
    sim->config = *config;
    pthread_mutex_init(&sim->lock, NULL);
    sim->contexts = g_ptr_array_new();
    sim_descriptors_init(sim);
    return sim;
}

void hostsim_free(Hostsim *sim)
{
    if (!sim) {
        return;
    }
    sim_descriptors_free(sim);
    g_ptr_array_unref(sim->contexts);
    pthread_mutex_destroy(&sim->lock);
    g_free(sim);
}

void hostsim_usage(Hostsim *sim, HostsimUsage *usage)
{
    sim_lock(sim);
    *usage = (HostsimUsage) {
        .descriptors = g_hash_table_size(sim->files),
        .containers = sim->n_containers,
        .calls = sim->n_calls,
        .ioctls = sim->n_ioctls,
    };
    for (guint i = 0; i < sim->contexts->len; i++) {
        usage->objects +=
            sim_context_objects(g_ptr_array_index(sim->contexts, i));
    }
    sim_unlock(sim);
}
