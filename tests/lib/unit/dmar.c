/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "dmar.h"

static const uint8_t path_endpoint[] = { 2 << 3 | 1 };
static const uint8_t path_port[] = { 3 << 3 };
static const uint8_t path_below[] = { 3 << 3, 0x1f << 3 | 7, 1 << 3 };
static const uint8_t path_zero[] = { 0 };
const uint8_t path_long[VIOMMU_DMAR_PATH_MAX + 1];

#define SCOPE(t, id, b, p) \
    { .type = VIOMMU_SCOPE_##t, .enumeration_id = id, .bus = b, .path = p, \
      .n_path = G_N_ELEMENTS(p) }

const ViommuDmarScope scope_endpoint =
    SCOPE(ENDPOINT, 0, 0, path_endpoint);
const ViommuDmarScope scope_port = SCOPE(BRIDGE, 0, 0, path_port);
static const ViommuDmarScope scope_below = SCOPE(ENDPOINT, 0, 0x40,
                                                 path_below);
const ViommuDmarScope scope_ioapic = SCOPE(IOAPIC, 9, 0xff, path_zero);
static const ViommuDmarScope scope_hpet = SCOPE(HPET, 1, 0xf0, path_zero);
static const ViommuDmarScope scope_named = SCOPE(NAMESPACE, 7, 0xf1,
                                                 path_zero);

void table_init(Table *t)
{
    *t = (Table) {
        .drhds[0] = { .include_pci_all = true, .base = 0xfed90000,
                      .size = 4096 },
        .dmar = { .address_bits = 39 },
    };
    t->dmar.drhds = t->drhds;
    t->dmar.n_drhds = 1;
    t->dmar.rmrrs = t->rmrrs;
    t->dmar.atsrs = t->atsrs;
    t->dmar.rhsas = t->rhsas;
    t->dmar.andds = t->andds;
    t->dmar.satcs = t->satcs;
    t->dmar.sidps = t->sidps;
}

void table_add_unit(Table *t)
{
    t->drhds[t->dmar.n_drhds] = (ViommuDmarDrhd) {
        .base = 0xfed90000 + 0x2000 * t->dmar.n_drhds, .size = 0x2000,
        .include_pci_all = true,
    };
    t->dmar.n_drhds++;
}

void table_full(Table *t)
{
    const ViommuDmarScope scopes[] = {
        scope_endpoint, scope_port, scope_below, scope_ioapic, scope_hpet,
        scope_named,
    };

    table_init(t);
    table_add_unit(t);
    memcpy(t->scopes, scopes, sizeof(scopes));
    t->dmar.header.oem_id = "VIOMMU";
    t->dmar.header.oem_table_id = "TEST";
    t->dmar.header.creator_id = "ABCD";
    t->dmar.header.oem_revision = 0x01020304;
    t->dmar.header.creator_revision = 0x0a0b0c0d;
    t->dmar.address_bits = 52;
    t->dmar.interrupt_remapping = true;
    t->dmar.x2apic_opt_out = true;
    t->dmar.dma_control_opt_in = true;
    t->drhds[0].include_pci_all = false;
    t->drhds[0].scopes = t->scopes;
    t->drhds[0].n_scopes = 4;
    t->drhds[1].scopes = &t->scopes[4];
    t->drhds[1].n_scopes = 2;
    t->rmrrs[0] = (ViommuDmarRmrr) {
        .base = 0x10000000, .limit = 0x100fffff, .scopes = &t->scopes[1],
        .n_scopes = 2,
    };
    t->dmar.n_rmrrs = 1;
    t->atsrs[0] = (ViommuDmarAtsr) { .scopes = &t->scopes[1], .n_scopes = 1 };
    t->atsrs[1] = (ViommuDmarAtsr) { .segment = 0x0201, .all_ports = true };
    t->dmar.n_atsrs = 2;
    t->rhsas[0] = (ViommuDmarRhsa) {
        .base = 0xfed92000, .proximity_domain = 0x00010203,
    };
    t->dmar.n_rhsas = 1;
    t->andds[0] = (ViommuDmarAndd) { .number = 7, .name = "\\_SB.I2C0" };
    t->dmar.n_andds = 1;
}

void table_integrated(Table *t)
{
    table_init(t);
    t->scopes[0] = scope_endpoint;
    t->scopes[1] = scope_endpoint;
    t->scopes[1].flags = VIOMMU_SIDP_NO_PWSNP | VIOMMU_SIDP_ATC_REQUIRED;
    t->satcs[0] = (ViommuDmarSatc) {
        .atc_required = true, .scopes = t->scopes, .n_scopes = 1,
    };
    t->dmar.n_satcs = 1;
    t->sidps[0] = (ViommuDmarSidp) {
        .segment = 0, .scopes = &t->scopes[1], .n_scopes = 1,
    };
    t->dmar.n_sidps = 1;
}

GByteArray *table_build(const Table *t)
{
    GError *error = NULL;
    GByteArray *out = viommu_dmar_build(&t->dmar, &error);

    g_assert_no_error(error);
    g_assert_nonnull(out);
    return out;
}
