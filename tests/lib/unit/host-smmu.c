/* SPDX-License-Identifier: BSD-3-Clause */
#include "host-smmu.h"

void host_smmu_config(ViommuSmmuv3Config *config)
{
    viommu_smmuv3_config_init(config);
    config->oas_bits = 48;
    config->ssid_bits = 10;
    config->ats = true;
    config->stall = true;
    config->httu = 2;
    config->msi = true;
    config->iotlb_bits = 8;
}

void host_smmu_begin(HostSmmu *t, const ViommuSmmuv3Config *config)
{
    HostsimConfig sim;

    t->later = 0;
    hostsim_config_init(&sim, HOSTSIM_SMMUV3);
    sim.smmu.iotlb_bits = 8;
    host_start_sim(&t->h, &sim);
    t->s = smmu_test_new(config, SMMUV3_S1);
    t->h.f = t->s->f;
    t->s->ste.s1cdmax = config->ssid_bits ? 4 : 0;
    t->s->ste.s1dss = S1DSS_SSID0;
    t->s->ste.eats = config->ats;
    t->s->ste.s1stalld = false;
    for (unsigned i = 0; i < HOST_DEVICES; i++) {
        t->s->ste.eats = config->ats && i != HOST_STALLS;
        host_smmu_put_ste(t, HOST_SID(i));
    }
    t->s->ste.eats = config->ats;
    t->s->cd.asid = SMMU_TEST_ASID + 1;
    smmu_test_put_cd(t->s, HOST_SSID);
    t->s->cd.asid = SMMU_TEST_ASID;
    host_smmu_map(t, 0, HOST_DATA);
}

bool host_smmu_attach(HostSmmu *t, unsigned i, GError **error)
{
    if (!host_open(&t->h, i, error) ||
        !viommu_attach_host(t->h.f->unit, HOST_SID(i), t->h.device[i],
                            VIOMMU_NESTING_AUTO, error)) {
        return false;
    }
    host_enable(&t->h, i);
    return true;
}

void host_smmu_start(HostSmmu *t, unsigned i)
{
    ViommuSmmuv3Config config;
    GError *error = NULL;

    host_smmu_config(&config);
    host_smmu_begin(t, &config);
    if (host_connect(&t->h, &error)) {
        host_smmu_attach(t, i, &error);
    }
    g_assert_no_error(error);
}

void host_smmu_end(HostSmmu *t)
{
    host_end(&t->h);
    smmu_test_free(t->s);
}

void host_smmu_command(HostSmmu *t, uint64_t low, uint64_t high)
{
    guest_smmu_command(&t->s->commands, low, high);
}

void host_smmu_later(HostSmmu *t, uint64_t low, uint64_t high)
{
    const GuestSmmuCommands *q = &t->s->commands;
    uint32_t prod = guest_reg32(q->regs, SMMUV3_CMDQ_PROD) + t->later++;
    uint64_t at = q->base + (prod & ((1u << q->log2) - 1)) * 16;

    g_assert_cmpuint(t->later, <, 1u << q->log2);
    guest_write64(q->mem, at, low);
    guest_write64(q->mem, at + 8, high);
}

void host_smmu_ring(HostSmmu *t)
{
    const GuestSmmuCommands *q = &t->s->commands;
    uint32_t prod = guest_reg32(q->regs, SMMUV3_CMDQ_PROD) + t->later;

    t->later = 0;
    guest_set_reg32(q->regs, SMMUV3_CMDQ_PROD, prod & ((2u << q->log2) - 1));
    fixture_run(t->h.f);
}

void host_smmu_write_ste(HostSmmu *t, uint32_t sid)
{
    uint64_t word[8];

    guest_ste_encode(&t->s->ste, word);
    guest_write_words(&t->h.f->mem, t->s->strtab + sid * SMMUV3_STE_SIZE,
                      word, 8);
}

void host_smmu_put_ste(HostSmmu *t, uint32_t sid)
{
    host_smmu_write_ste(t, sid);
    host_smmu_command(t, CMD_CFGI_STE | CMD_SID(sid), CMD_LEAF);
    smmu_test_sync(t->s);
}

void host_smmu_map(HostSmmu *t, unsigned page, uint64_t to)
{
    uint64_t addr = HOST_VA + page * HOST_PAGE, at;

    if (to) {
        g_assert_true(guest_tables_map(&t->s->s1, addr, to, 3,
                                       SMMUV3_PAGE_S1));
    } else {
        at = guest_tables_entry(&t->s->s1, addr, 3);
        g_assert_cmphex(at, !=, 0);
        guest_write64(&t->h.f->mem, at, 0);
    }
}

void host_smmu_tlbi(HostSmmu *t, unsigned page)
{
    host_smmu_command(t, CMD_NH_VA | CMD_ASID(SMMU_TEST_ASID),
                      (HOST_VA + page * HOST_PAGE) | 1);
}
