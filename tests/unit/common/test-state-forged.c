/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Saved states that no unit has written, with the right digest.  Whatever a
 * word says, the unit that takes it has the registers of its configuration,
 * does nothing that it must not, and works again after reset.
 */
#include "tests/lib/unit/pri.h"
#include "tests/lib/unit/smmu.h"
#include "tests/lib/unit/stream.h"

#define VA      UINT64_C(0x7f1234567000)
#define PA      UINT64_C(0x00345000)

/* Bits of a register that software or the unit can change; all others are as
 * they are after reset. */
typedef struct Changeable {
    uint64_t offset;
    unsigned size;
    uint64_t bits;
} Changeable;

/* What each word is replaced by, besides its own opposite. */
static const uint64_t patterns[] = {
    0, UINT64_MAX, UINT64_C(0x5555555555555555), UINT64_C(1) << 63, 1,
    UINT64_C(0x7fffffffffffffff), UINT64_C(0x00000000ffffffff),
};
#define PATTERNS (G_N_ELEMENTS(patterns) + 1 + 64)

/* The opposite of all bits, a pattern, the opposite of one bit. */
static uint64_t forged(uint64_t word, unsigned i)
{
    return i == 0 ? ~word
           : i <= G_N_ELEMENTS(patterns) ? patterns[i - 1]
           : word ^ UINT64_C(1) << (i - 1 - G_N_ELEMENTS(patterns));
}

static uint64_t read_reg(Viommu *unit, const Changeable *reg)
{
    return viommu_mmio_read(unit, reg->offset, reg->size);
}

static void assert_registers(Viommu *unit, const Changeable *regs, size_t n,
                             const uint64_t *reset)
{
    for (size_t i = 0; i < n; i++) {
        if ((read_reg(unit, &regs[i]) ^ reset[i]) & ~regs[i].bits) {
            g_error("register %#x is %#" G_GINT64_MODIFIER "x after load, "
                    "and %#" G_GINT64_MODIFIER "x after reset",
                    (unsigned)regs[i].offset,
                    (guint64)read_reg(unit, &regs[i]), (guint64)reset[i]);
        }
    }
}

/* --- VT-d ----------------------------------------------------------------- */

#define FRCD(i)     { 0x220 + 16 * (i), 8, ~UINT64_C(0xfff) }, \
                    { 0x228 + 16 * (i), 8, UINT64_C(0xfffffffff000ffff) }

static const Changeable vtd_regs[] = {
    { SPEC_VER, 4, 0 }, { SPEC_CAP, 8, 0 }, { SPEC_ECAP, 8, 0 },
    { SPEC_GCMD, 4, 0 }, { SPEC_GSTS, 4, 0xc7800000 },
    { SPEC_RTADDR, 8, ~UINT64_C(0x3ff) },
    { SPEC_CCMD, 8, UINT64_C(0xf80000000000ffff) },
    { SPEC_FSTS, 4, 0xff73 }, { SPEC_FECTL, 4, 0xc0000000 },
    { SPEC_FEDATA, 4, 0xffff }, { SPEC_FEADDR, 4, 0xfffffffc },
    { SPEC_FEUADDR, 4, 0xffffffff }, { SPEC_AFLOG, 8, 0 },
    { SPEC_PMEN, 4, 0x80000001 }, { SPEC_PLMBASE, 4, 0xfff00000 },
    { SPEC_PLMLIMIT, 4, 0xfff00000 },
    { SPEC_PHMBASE, 8, SPEC_BITS(47, 20) },
    { SPEC_PHMLIMIT, 8, SPEC_BITS(47, 20) },
    { SPEC_IQH, 8, 0x7fff0 }, { SPEC_IQT, 8, 0x7fff0 },
    { SPEC_IQA, 8, ~UINT64_C(0xfff) | 0x807 }, { SPEC_ICS, 4, 1 },
    { SPEC_IECTL, 4, 0xc0000000 }, { SPEC_IEDATA, 4, 0xffff },
    { SPEC_IEADDR, 4, 0xfffffffc }, { SPEC_IEUADDR, 4, 0xffffffff },
    { SPEC_IQERCD, 8, UINT64_C(0xffffffff0000000f) },
    { SPEC_IRTA, 8, ~UINT64_C(0xfff) | 0x80f },
    { SPEC_PQH, 8, 0x7ffe0 }, { SPEC_PQT, 8, 0x7ffe0 },
    { SPEC_PQA, 8, ~UINT64_C(0xfff) | 7 }, { SPEC_PRS, 4, 3 },
    { SPEC_PECTL, 4, 0xc0000000 }, { SPEC_PEDATA, 4, 0xffff },
    { SPEC_PEADDR, 4, 0xfffffffc }, { SPEC_PEUADDR, 4, 0xffffffff },
    { 0xf0, 8, 0 }, { 0xf8, 8, UINT64_C(0xb603ffff00000000) },
    { SPEC_MTRRCAP, 8, 0 }, { SPEC_MTRRDEF, 8, 0 }, { 0x120, 8, 0 },
    { SPEC_MTRR_PHYSMASK9, 8, 0 },
    FRCD(0), FRCD(1),
    { SPEC_VCMD, 8, UINT64_C(0xffffffffffff00ff) },
    { SPEC_VCRSP, 8, UINT64_C(0xfffff00ff) }, { SPEC_VCCAP, 8, 0 },
};

/* With all that adds registers. */
static Pri vtd_start(void)
{
    ViommuVtdConfig config;
    Pri p = { 0 };

    pri_config(&config);
    config.fault_records = 2;
    config.virtual_commands = true;
    config.pasid_bits = 8;
    config.protected_memory = true;
    config.nested = true;
    config.haw_bits = 48;
    p.s = scalable_new(&config, SPEC_PGTT_FIRST, 4, 3);
    p.f = p.s->f;
    p.regs = &p.f->regs;
    return p;
}

/* A bit of everything; nothing is expected of it but that it ends. */
static void vtd_use(Pri *p)
{
    ViommuMsi in = { .addr = guest_msi_addr(7, false) }, out;
    ViommuPageRequest page = {
        .source = SM_SOURCE, .pasid = 3, .addr = VA, .access = VIOMMU_READ,
        .last = true, .group = 5,
    };
    ViommuReply reply;

    fixture_run(p->f);
    fixture_translate(p->f, SM_SOURCE, VA, VIOMMU_READ, &reply);
    scalable_ask(p->s, 3, VA, VIOMMU_WRITE, false, &reply);
    fixture_translate(p->f, 0x55, 0x1000, VIOMMU_WRITE, &reply);
    viommu_remap_msi(p->f->unit, SM_SOURCE, &in, false, &out);
    viommu_page_request(p->f->unit, &page);
    viommu_unexpected_completion(p->f->unit, SM_SOURCE);
    guest_set_reg64(p->regs, SPEC_VCMD, SPEC_VCMD_ALLOCATE);
    guest_ccmd(p->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, NULL);
    guest_iotlb(p->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false, NULL);
    guest_queue_wait(&p->f->queue);
    guest_set_reg32(p->regs, SPEC_FSTS, 0x71);
    guest_queue_wait(&p->f->queue);
    fixture_run(p->f);
    fixture_forget(p->f);
}

/* As new. */
static void vtd_revive(Pri *p)
{
    ViommuReply reply;

    viommu_reset(p->f->unit);
    guest_set_root(p->regs, p->s->root | SPEC_TTM_SCALABLE << 10);
    g_assert_true(guest_command(p->regs, SPEC_GCMD_TE, 0));
    guest_set_reg64(p->regs, SPEC_IQT, 0);
    guest_set_reg64(p->regs, SPEC_IQA, p->f->queue.addr | 0x800);
    g_assert_true(guest_command(p->regs, SPEC_GCMD_QIE, 0));
    p->f->queue.tail = 0;
    fixture_wait(p->f);
    g_assert_cmpint(scalable_ask(p->s, 3, VA, VIOMMU_WRITE, false, &reply),
                    ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, PA);
}

static void test_vtd(void)
{
    uint64_t reset[G_N_ELEMENTS(vtd_regs)];
    unsigned taken = 0, refused = 0;
    Pri p = vtd_start();
    TestStream s;

    viommu_reset(p.f->unit);
    for (size_t i = 0; i < G_N_ELEMENTS(vtd_regs); i++) {
        reset[i] = read_reg(p.f->unit, &vtd_regs[i]);
    }
    scalable_map(p.s, VA, PA, 1);
    vtd_revive(&p);
    vtd_use(&p);
    test_stream_save(&s, p.f->unit);
    for (unsigned i = 0; i < s.words; i++) {
        uint64_t word = test_stream_word(&s, i);

        for (unsigned k = 0; k < PATTERNS; k++) {
            test_stream_set(&s, i, forged(word, k));
            if (test_stream_load(&s, p.f->unit)) {
                taken++;
                assert_registers(p.f->unit, vtd_regs,
                                 G_N_ELEMENTS(vtd_regs), reset);
                vtd_use(&p);
                assert_registers(p.f->unit, vtd_regs,
                                 G_N_ELEMENTS(vtd_regs), reset);
            } else {
                refused++;
            }
        }
        vtd_revive(&p);
        test_stream_set(&s, i, word);
    }
    g_assert_cmpuint(taken, >, 1000);
    g_assert_cmpuint(refused, >, 100);
    test_stream_free(&s);
    scalable_free(p.s);
}

/* --- SMMUv3 --------------------------------------------------------------- */

#define QUEUE_BASE  UINT64_C(0x400fffffffffffff)
#define QUEUE_INDEX UINT64_C(0x800fffff)
#define MSI_ADDR    UINT64_C(0x000ffffffffffffc)

static const Changeable smmu_regs[] = {
    { SMMUV3_IDR0, 4, 0 }, { SMMUV3_IDR1, 4, 0 }, { 0x08, 4, 0 },
    { SMMUV3_IDR3, 4, 0 }, { 0x10, 4, 0 }, { SMMUV3_IDR5, 4, 0 },
    { 0x18, 4, 0 }, { 0x1c, 4, 0 },
    { SMMUV3_CR0, 4, 0x1f }, { SMMUV3_CR0ACK, 4, 0x1f },
    { SMMUV3_CR1, 4, 0xfff }, { SMMUV3_CR2, 4, 0x7 },
    { SMMUV3_STATUSR, 4, 0 }, { SMMUV3_GBPA, 4, 0x801f3f1f },
    { SMMUV3_AGBPA, 4, 0 }, { SMMUV3_IRQ_CTRL, 4, 7 },
    { SMMUV3_IRQ_CTRL + 4, 4, 7 }, { SMMUV3_GERROR, 4, 0xfd },
    { SMMUV3_GERRORN, 4, 0x1fd },
    { SMMUV3_GERROR_IRQ_CFG0, 8, MSI_ADDR },
    { SMMUV3_GERROR_IRQ_CFG1, 4, UINT32_MAX },
    { SMMUV3_GERROR_IRQ_CFG1 + 4, 4, 0x3f },
    { SMMUV3_STRTAB_BASE, 8, UINT64_C(0x400fffffffffffc0) },
    { SMMUV3_STRTAB_BASE_CFG, 4, 0x307ff },
    { SMMUV3_CMDQ_BASE, 8, QUEUE_BASE }, { SMMUV3_CMDQ_PROD, 4, 0xfffff },
    { SMMUV3_CMDQ_CONS, 4, 0x7f0fffff },
    { SMMUV3_EVENTQ_BASE, 8, QUEUE_BASE },
    { SMMUV3_EVENTQ_PROD, 4, QUEUE_INDEX },
    { SMMUV3_EVENTQ_CONS, 4, QUEUE_INDEX },
    { SMMUV3_EVENTQ_IRQ_CFG0, 8, MSI_ADDR },
    { SMMUV3_EVENTQ_IRQ_CFG1, 4, UINT32_MAX },
    { SMMUV3_EVENTQ_IRQ_CFG1 + 4, 4, 0x3f },
    { SMMUV3_PRIQ_BASE, 8, QUEUE_BASE },
    { SMMUV3_PRIQ_PROD, 4, QUEUE_INDEX },
    { SMMUV3_PRIQ_CONS, 4, QUEUE_INDEX },
    { SMMUV3_PRIQ_IRQ_CFG0, 8, MSI_ADDR },
    { SMMUV3_PRIQ_IRQ_CFG1, 4, UINT32_MAX },
    { SMMUV3_PRIQ_IRQ_CFG2, 4, 0x8000003f },
    { SMMUV3_GATOS_CTRL, 4, 1 },
    { SMMUV3_GATOS_SID, 8, UINT64_C(0x1fffffffffffff) },
    { SMMUV3_GATOS_ADDR, 8, ~UINT64_C(0x3f) },
    /* reserved in a fault's and in an address's format */
    { SMMUV3_GATOS_PAR, 8, UINT64_C(0xff0ffffffffffff7) },
    { 0xfd0, 4, 0 }, { 0xfe0, 4, 0 }, { 0xfe4, 4, 0 }, { 0xfe8, 4, 0 },
    { 0xff0, 4, 0 }, { 0xff4, 4, 0 }, { 0xff8, 4, 0 }, { 0xffc, 4, 0 },
};

static void smmu_use(Smmu *s)
{
    ViommuPageRequest page = {
        .source = SMMU_TEST_SID, .pasid = VIOMMU_NO_PASID, .addr = VA,
        .access = VIOMMU_READ, .last = true, .group = 5,
    };
    ViommuReply reply;

    fixture_run(s->f);
    smmu_test_dma(s, VA, VIOMMU_READ, &reply);
    smmu_test_dma(s, VA + 0x1000, VIOMMU_WRITE, &reply);
    smmu_test_request(s, 1, VA, VIOMMU_READ, VIOMMU_TRANSLATION, &reply);
    viommu_page_request(s->f->unit, &page);
    guest_set_reg64(s->regs, SMMUV3_GATOS_SID, SMMU_TEST_SID);
    guest_set_reg64(s->regs, SMMUV3_GATOS_ADDR, VA | 1 << 10);
    guest_set_reg32(s->regs, SMMUV3_GATOS_CTRL, 1);
    for (unsigned tag = 0; tag < 64; tag += 9) {
        guest_smmu_command(&s->commands, 0x44 | 1 << 12 |
                           (uint64_t)SMMU_TEST_SID << 32, tag);
    }
    guest_smmu_command(&s->commands, 0x30, 0);
    guest_smmu_command(&s->commands, 0x46, 0);
    guest_set_reg32(s->regs, SMMUV3_GERRORN,
                    guest_reg32(s->regs, SMMUV3_GERROR));
    guest_set_reg32(s->regs, SMMUV3_EVENTQ_CONS,
                    guest_reg32(s->regs, SMMUV3_EVENTQ_PROD));
    guest_smmu_command(&s->commands, 0x45 | (uint64_t)SMMU_TEST_SID << 32, 0);
    fixture_run(s->f);
    fixture_forget(s->f);
    g_array_set_size(s->f->resumes, 0);
}

static void smmu_revive(Smmu *s)
{
    ViommuReply reply;

    viommu_reset(s->f->unit);
    s->commands.prod = 0;
    guest_set_reg64(s->regs, SMMUV3_CMDQ_BASE,
                    s->commands.base | s->commands.log2);
    guest_set_reg64(s->regs, SMMUV3_EVENTQ_BASE, s->events | s->events_log2);
    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, s->strtab);
    guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG, 8);
    guest_set_reg32(s->regs, SMMUV3_IRQ_CTRL, 7);
    guest_set_reg32(s->regs, SMMUV3_CR0, 0x1f);
    smmu_test_sync(s);
    g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, PA);
    /* one transaction waits */
    g_assert_cmpint(smmu_test_dma(s, VA + 0x1000, VIOMMU_READ, &reply), ==,
                    VIOMMU_STALLED);
    fixture_forget(s->f);
}

static void test_smmu(void)
{
    uint64_t reset[G_N_ELEMENTS(smmu_regs)];
    unsigned taken = 0, refused = 0;
    ViommuSmmuv3Config config;
    TestStream stream;
    Smmu *s;

    smmu_test_config(&config);
    config.hyp = true;
    config.sid_bits = 16;
    s = smmu_test_new(&config, SMMUV3_S1);
    viommu_reset(s->f->unit);
    for (size_t i = 0; i < G_N_ELEMENTS(smmu_regs); i++) {
        reset[i] = read_reg(s->f->unit, &smmu_regs[i]);
    }
    s->cd.stall = true;
    smmu_test_map(s, VA, PA);
    guest_set_reg64(s->regs, SMMUV3_CMDQ_BASE,
                    s->commands.base | s->commands.log2);
    s->commands.prod = 0;
    guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN);
    smmu_test_put_cd(s, 0);
    smmu_revive(s);
    test_stream_save(&stream, s->f->unit);
    for (unsigned i = 0; i < stream.words; i++) {
        uint64_t word = test_stream_word(&stream, i);

        for (unsigned k = 0; k < PATTERNS; k++) {
            test_stream_set(&stream, i, forged(word, k));
            if (test_stream_load(&stream, s->f->unit)) {
                taken++;
                assert_registers(s->f->unit, smmu_regs,
                                 G_N_ELEMENTS(smmu_regs), reset);
                smmu_use(s);
                assert_registers(s->f->unit, smmu_regs,
                                 G_N_ELEMENTS(smmu_regs), reset);
            } else {
                refused++;
            }
        }
        smmu_revive(s);
        test_stream_set(&stream, i, word);
    }
    g_assert_cmpuint(taken, >, 1000);
    g_assert_cmpuint(refused, >, 100);
    test_stream_free(&stream);
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/state-forged/vtd", test_vtd);
    g_test_add_func("/state-forged/smmu", test_smmu);
    return g_test_run();
}
