/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: what address translation operations answer [SMMU 9.1.3]
 * [SMMU 9.1.4]. */
#include "tests/lib/unit/smmu.h"

#define VA      UINT64_C(0x7f1234567000)
#define PA      UINT64_C(0x00345000)
#define IPA     UINT64_C(0x8123456000)
#define HOLE    UINT64_C(0x40000000)
#define ADDR(par)   ((par) & PAR_ADDR)
#define REASON(par) ((unsigned)((par) >> 1 & 3))
enum { S1 = 1, S2 = 2, BOTH = 3 };
enum { INTERNAL_ERR = 0xfd, INV_STAGE = 0xfe, INV_REQ = 0xff };

static Smmu *new_stream(unsigned kind)
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    return smmu_test_new(&config, kind);
}

/* A read by a user. */
static uint64_t ask(Smmu *s, uint64_t sid, uint64_t type, uint64_t addr)
{
    guest_set_reg64(s->regs, SMMUV3_GATOS_SID, sid);
    guest_set_reg64(s->regs, SMMUV3_GATOS_ADDR,
                    addr | GATOS_TYPE(type) | GATOS_READ);
    guest_set_reg32(s->regs, SMMUV3_GATOS_CTRL, 1);
    fixture_run(s->f);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_GATOS_CTRL), ==, 0);
    return guest_reg64(s->regs, SMMUV3_GATOS_PAR);
}

static void expect(Smmu *s, uint64_t type, uint64_t addr, uint64_t to)
{
    uint64_t par = ask(s, SMMU_TEST_SID, type, addr);

    g_assert_cmphex(par & 1, ==, 0);
    g_assert_cmphex(ADDR(par), ==, to);
    /* ATTR: write-back; SH: inner shareable; not a Device type, which would
     * be outer shareable [SMMU 6.3.40] */
    g_assert_cmphex(PAR_ATTR(par), ==, 0xff);
    g_assert_cmphex(par >> 8 & 3, ==, 3);
}

static void refuse(Smmu *s, uint64_t sid, uint64_t type, uint64_t addr,
                   unsigned code, unsigned reason, uint64_t ipa)
{
    uint64_t par = ask(s, sid, type, addr), word[4];

    g_assert_cmphex(par & 1, ==, 1);
    g_assert_cmphex(PAR_CODE(par), ==, code);
    g_assert_cmphex(REASON(par), ==, reason);
    g_assert_cmphex(ADDR(par), ==, ipa);
    /* nothing is recorded */
    g_assert_false(smmu_test_event(s, word));
}

/* Stages that the unit does not have, or the stream [SMMU 9.1.3] [SMMU 6.3.38]
 * [SMMU 6.3.39]. */
static void test_requests(void)
{
    const uint64_t ssid = GATOS_SSID(3);
    static const struct {
        unsigned kind, types;           /* that are served, a bit each */
    } kinds[] = {
        { SMMUV3_ABORT, 0 }, { SMMUV3_BYPASS, 0 }, { SMMUV3_S1, 1 << S1 },
        { SMMUV3_S2, 1 << S2 }, { SMMUV3_NESTED, 1 << S1 | 1 << S2 |
                                                 1 << BOTH },
    };
    ViommuSmmuv3Config config;
    Smmu *s;

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        uint64_t before;

        s = new_stream(kinds[i].kind);
        refuse(s, SMMU_TEST_SID, 0, VA, INV_REQ, 0, 0);
        for (unsigned type = S1; type <= BOTH; type++) {
            uint64_t par = ask(s, SMMU_TEST_SID, type, 0x1000);
            bool served = kinds[i].types >> type & 1;

            g_assert_cmphex(PAR_CODE(par), ==, served ? SMMUV3_F_TRANSLATION
                                                  : INV_STAGE);
        }
        refuse(s, SMMU_TEST_SID | ssid, S2, VA, INV_REQ, 0, 0);
        refuse(s, 0x4000, S1, VA, SMMUV3_C_BAD_STREAMID, 0, 0);
        /* Without translation, none is asked for [SMMU 6.3.37]. */
        before = guest_reg64(s->regs, SMMUV3_GATOS_PAR);
        guest_set_reg32(s->regs, SMMUV3_CR0, SMMUV3_CR0_CMDQEN);
        g_assert_cmphex(ask(s, SMMU_TEST_SID, S1, VA + 0x1000), ==,
                        before);
        smmu_test_free(s);
    }

    smmu_test_config(&config);
    config.stage2 = false;
    s = smmu_test_new(&config, SMMUV3_S1);
    refuse(s, SMMU_TEST_SID, S2, VA, INV_REQ, 0, 0);
    refuse(s, SMMU_TEST_SID, BOTH, VA, INV_REQ, 0, 0);
    refuse(s, SMMU_TEST_SID, S1, VA, SMMUV3_F_TRANSLATION, 0, 0);
    smmu_test_free(s);
}

/* The parts of a nested stream; stage 1's tables are behind stage 2, whose
 * refusals only who asks for both is told of [SMMU 9.1.4]. */
static void test_nested(void)
{
    Smmu *s = new_stream(SMMUV3_NESTED);
    uint64_t leaf, block, was;

    smmu_test_map(s, VA, IPA);
    expect(s, S1, VA, IPA);
    refuse(s, SMMU_TEST_SID, S2, IPA, SMMUV3_F_TRANSLATION, 3, 0);
    refuse(s, SMMU_TEST_SID, BOTH, VA, SMMUV3_F_TRANSLATION, 3, IPA);
    g_assert_true(guest_tables_map(&s->s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    expect(s, S2, IPA, PA);
    expect(s, BOTH, VA, PA);

    /* Stage 2 has no page for stage 1's tables. */
    leaf = guest_tables_entry(&s->s1, VA, 3);
    block = guest_tables_entry(&s->s2, leaf, 2);
    was = guest_read64(&s->f->mem, block);
    guest_write64(&s->f->mem, block, 0);
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    guest_smmu_command(&s->commands, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    smmu_test_sync(s);
    if ((leaf ^ s->cds) >> 21) {
        refuse(s, SMMU_TEST_SID, BOTH, VA, SMMUV3_F_TRANSLATION, 2,
               leaf & ~UINT64_C(0xfff));
        refuse(s, SMMU_TEST_SID, S1, VA, SMMUV3_F_WALK_EABT, 0, 0);
    } else {
        refuse(s, SMMU_TEST_SID, BOTH, VA, SMMUV3_F_TRANSLATION, 1, s->cds);
        refuse(s, SMMU_TEST_SID, S1, VA, SMMUV3_F_CD_FETCH, 0, 0);
    }
    guest_write64(&s->f->mem, block, was);

    /* Stage 2's own table is nowhere. */
    guest_write64(&s->f->mem, guest_tables_entry(&s->s2, IPA, 2), HOLE | 3);
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    smmu_test_sync(s);
    expect(s, S1, VA, IPA);
    refuse(s, SMMU_TEST_SID, BOTH, VA, SMMUV3_F_WALK_EABT, 3, 0);
    refuse(s, SMMU_TEST_SID, S2, IPA, SMMUV3_F_WALK_EABT, 3, 0);
    smmu_test_free(s);
}

/* S1DSS lets a stream without substream go past stage 1. */
static void test_bypassed(void)
{
    Smmu *s = new_stream(SMMUV3_NESTED);

    s->ste.s1cdmax = 4;
    s->ste.s1dss = S1DSS_BYPASS;
    smmu_test_put_ste(s);
    g_assert_true(guest_tables_map(&s->s2, IPA, PA, 3, SMMUV3_PAGE_S2));
    expect(s, S1, IPA, IPA);
    expect(s, BOTH, IPA, PA);
    refuse(s, SMMU_TEST_SID, S1, UINT64_C(1) << 48, SMMUV3_F_ADDR_SIZE, 0, 0);
    smmu_test_free(s);
}

/*
 * An operation that is under way, as one that an endpoint's DMA has asked for
 * is: what it is about does not change, and it is over when CR0ACK says that
 * translation is [SMMU 6.3.9.6] [SMMU 6.3.37] [SMMU 9.1].
 */
static void test_under_way(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    Viommu *unit = s->f->unit;
    uint64_t sid = guest_reg64(s->regs, SMMUV3_GATOS_SID);

    viommu_dma_begin();
    viommu_mmio_write(unit, SMMUV3_GATOS_CTRL, 1, 4);
    g_assert_cmphex(viommu_mmio_read(unit, SMMUV3_GATOS_CTRL, 4), ==, 1);
    viommu_mmio_write(unit, SMMUV3_GATOS_SID, ~sid, 8);
    viommu_mmio_write(unit, SMMUV3_GATOS_ADDR, UINT64_MAX, 8);
    viommu_mmio_write(unit, SMMUV3_GATOS_CTRL, 0, 4);
    g_assert_cmphex(viommu_mmio_read(unit, SMMUV3_GATOS_SID, 8), ==, sid);
    g_assert_cmphex(viommu_mmio_read(unit, SMMUV3_GATOS_ADDR, 8), ==, 0);
    g_assert_cmphex(viommu_mmio_read(unit, SMMUV3_GATOS_CTRL, 4), ==, 1);
    viommu_mmio_write(unit, SMMUV3_CR0, SMMUV3_CR0_CMDQEN, 4);
    g_assert_cmphex(viommu_mmio_read(unit, SMMUV3_CR0ACK, 4) & 1, ==, 1);
    viommu_dma_end();
    fixture_run(s->f);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_GATOS_CTRL), ==, 0);
    g_assert_cmphex(PAR_CODE(guest_reg64(s->regs, SMMUV3_GATOS_PAR)), ==,
                    INTERNAL_ERR);
    g_assert_cmphex(guest_reg32(s->regs, SMMUV3_CR0ACK) & 1, ==, 0);
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-atos/requests", test_requests);
    g_test_add_func("/smmu-atos/nested", test_nested);
    g_test_add_func("/smmu-atos/bypassed", test_bypassed);
    g_test_add_func("/smmu-atos/under-way", test_under_way);
    return g_test_run();
}
