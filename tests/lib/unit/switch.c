/* SPDX-License-Identifier: BSD-3-Clause */
#include "switch.h"

#define GBPA_UPDATE UINT32_C(0x80000000)
#define GBPA_ABORT  UINT32_C(0x00100000)

/* In this order: each is something new. */
static const SwitchWay vtd_ways[] = {
    { "te-off", SPEC_GCMD, 0, SPEC_GCMD_TE, SPEC_GSTS, SPEC_GSTS_TES, 0,
      true },
    { "root", SPEC_GCMD, SPEC_GCMD_SRTP, 0, SPEC_GSTS, SPEC_GSTS_RTPS,
      SPEC_GSTS_RTPS, true },
    { "te-on", SPEC_GCMD, SPEC_GCMD_TE, 0, SPEC_GSTS, SPEC_GSTS_TES,
      SPEC_GSTS_TES, true },
    { "root-again", SPEC_GCMD, SPEC_GCMD_SRTP, 0, SPEC_GSTS, SPEC_GSTS_RTPS,
      SPEC_GSTS_RTPS, true },
    { "irt", SPEC_GCMD, SPEC_GCMD_SIRTP, 0, SPEC_GSTS, SPEC_GSTS_IRTPS,
      SPEC_GSTS_IRTPS, true },
    { "ire-on", SPEC_GCMD, SPEC_GCMD_IRE, 0, SPEC_GSTS, SPEC_GSTS_IRES,
      SPEC_GSTS_IRES, true },
    { "cfi-on", SPEC_GCMD, SPEC_GCMD_CFI, 0, SPEC_GSTS, SPEC_GSTS_CFIS,
      SPEC_GSTS_CFIS, true },
    { "irt-again", SPEC_GCMD, SPEC_GCMD_SIRTP, 0, SPEC_GSTS,
      SPEC_GSTS_IRTPS, SPEC_GSTS_IRTPS, true },
    { "cfi-off", SPEC_GCMD, 0, SPEC_GCMD_CFI, SPEC_GSTS, SPEC_GSTS_CFIS, 0,
      true },
    { "ire-off", SPEC_GCMD, 0, SPEC_GCMD_IRE, SPEC_GSTS, SPEC_GSTS_IRES, 0,
      true },
    { "epm-on", SPEC_PMEN, SPEC_PMEN_EPM, 0, SPEC_PMEN, SPEC_PMEN_PRS,
      SPEC_PMEN_PRS, true },
    { "epm-off", SPEC_PMEN, 0, SPEC_PMEN_EPM, SPEC_PMEN, SPEC_PMEN_PRS, 0,
      true },
    { "qie-off", SPEC_GCMD, 0, SPEC_GCMD_QIE, SPEC_GSTS, SPEC_GSTS_QIES, 0,
      false },
    { "qie-on", SPEC_GCMD, SPEC_GCMD_QIE, 0, SPEC_GSTS, SPEC_GSTS_QIES,
      SPEC_GSTS_QIES, false },
};

static const SwitchWay smmu_ways[] = {
    { "atschk-off", SMMUV3_CR0, 0, SMMUV3_CR0_ATSCHK, SMMUV3_CR0ACK,
      SMMUV3_CR0_ATSCHK, 0, true },
    { "smmuen-off", SMMUV3_CR0, 0, SMMUV3_CR0_SMMUEN, SMMUV3_CR0ACK,
      SMMUV3_CR0_SMMUEN, 0, true },
    { "gbpa-abort", SMMUV3_GBPA, GBPA_UPDATE | GBPA_ABORT, 0, SMMUV3_GBPA,
      GBPA_UPDATE, 0, true },
    { "gbpa-pass", SMMUV3_GBPA, GBPA_UPDATE, GBPA_ABORT, SMMUV3_GBPA,
      GBPA_UPDATE, 0, true },
    { "smmuen-on", SMMUV3_CR0, SMMUV3_CR0_SMMUEN, 0, SMMUV3_CR0ACK,
      SMMUV3_CR0_SMMUEN, SMMUV3_CR0_SMMUEN, true },
    { "atschk-on", SMMUV3_CR0, SMMUV3_CR0_ATSCHK, 0, SMMUV3_CR0ACK,
      SMMUV3_CR0_ATSCHK, SMMUV3_CR0_ATSCHK, true },
    { "eventqen-off", SMMUV3_CR0, 0, SMMUV3_CR0_EVENTQEN, SMMUV3_CR0ACK,
      SMMUV3_CR0_EVENTQEN, 0, false },
    { "priqen-on", SMMUV3_CR0, SMMUV3_CR0_PRIQEN, 0, SMMUV3_CR0ACK,
      SMMUV3_CR0_PRIQEN, SMMUV3_CR0_PRIQEN, false },
    { "cmdqen-off", SMMUV3_CR0, 0, SMMUV3_CR0_CMDQEN, SMMUV3_CR0ACK,
      SMMUV3_CR0_CMDQEN, 0, false },
    { "cmdqen-on", SMMUV3_CR0, SMMUV3_CR0_CMDQEN, 0, SMMUV3_CR0ACK,
      SMMUV3_CR0_CMDQEN, SMMUV3_CR0_CMDQEN, false },
};

static Fixture *vtd_another(void)
{
    ViommuVtdConfig config;

    fixture_config(&config);
    return fixture_new(&config);
}

static Fixture *vtd_start(void)
{
    Fixture *f = vtd_another();
    Simple simple;

    fixture_simple(f, &simple, SWITCH_SOURCE, 1, 4);
    fixture_wait(f);
    guest_set_reg64(&f->regs, SPEC_IRTA, guest_alloc_pages(&f->alloc, 1));
    return f;
}

static Viommu *make_smmu(const void *config, const ViommuOps *ops,
                         void *opaque, GError **error)
{
    return viommu_smmuv3_new(config, ops, opaque, error);
}

static Fixture *smmu_another(void)
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    return fixture_new_of(make_smmu, &config);
}

static Fixture *smmu_start(void)
{
    Smmu *s = smmu_test_new_with(SMMUV3_S1, NULL);
    Fixture *f = s->f;

    g_free(s);
    return f;
}

const SwitchKind switch_vtd = {
    vtd_ways, G_N_ELEMENTS(vtd_ways), vtd_start, vtd_another,
};
const SwitchKind switch_smmu = {
    smmu_ways, G_N_ELEMENTS(smmu_ways), smmu_start, smmu_another,
};

/* What the guest knows to be on; it does not read what it polls. */
uint32_t switch_value(Fixture *f, const SwitchWay *way)
{
    uint64_t from = way->offset == SPEC_GCMD ? SPEC_GSTS : way->offset;
    uint32_t now = guest_reg32(&f->regs, from);

    if (way->offset == SPEC_GCMD && way->status == SPEC_GSTS) {
        now &= ~(uint32_t)(SPEC_GCMD_SRTP | SPEC_GCMD_SIRTP);
    }
    return (now | way->set) & ~way->clear;
}

void switch_write(Fixture *f, const SwitchWay *way)
{
    if (way->status == SPEC_GSTS && (way->set & SPEC_GCMD_QIE)) {
        /* with IQH, which is 0 since it was switched off: an empty queue */
        viommu_mmio_write(f->unit, SPEC_IQT, 0, 8);
    }
    /* not the fixture's own, which would run until the unit is content */
    viommu_mmio_write(f->unit, way->offset, switch_value(f, way), 4);
}

bool switch_done(Fixture *f, const SwitchWay *way)
{
    return (guest_reg32(&f->regs, way->status) & way->mask) == way->wanted;
}

unsigned switch_told(Fixture *f)
{
    unsigned n = 0;

    pthread_mutex_lock(&f->lock);
    for (guint i = 0; i < f->invalidations->len; i++) {
        n += g_array_index(f->invalidations, ViommuInvalidation, i).what ==
             VIOMMU_INV_ALL;
    }
    pthread_mutex_unlock(&f->lock);
    return n;
}

const SwitchWay *switch_current;

bool switch_slowly(Fixture *f)
{
    g_assert_false(switch_done(f, switch_current));
    return f->asked > SWITCH_ROUNDS;
}

bool switch_never(Fixture *f)
{
    (void)f;
    return false;
}

void switch_begin(Fixture *f, const SwitchWay *way,
                  bool (*drained)(Fixture *f))
{
    switch_current = way;
    f->drained = drained;
    f->asked = 0;
    fixture_forget(f);
}

/* Up to @upto, each is carried out; then that one is under way. */
Fixture *switch_under_way(const SwitchKind *kind, size_t upto)
{
    Fixture *f = kind->start();

    for (size_t i = 0; i < upto; i++) {
        switch_write(f, &kind->ways[i]);
        fixture_run(f);
        g_assert_true(switch_done(f, &kind->ways[i]));
    }
    switch_begin(f, &kind->ways[upto], switch_never);
    switch_write(f, switch_current);
    g_assert_true(!switch_current->told || !switch_done(f, switch_current));
    return f;
}
