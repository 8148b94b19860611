/* SPDX-License-Identifier: BSD-3-Clause */
/* SMMUv3: how its twins are made, and what is done with them. */
#include "smmu.h"
#include "twins.h"

static Viommu *make_smmu(const void *config, const ViommuOps *ops,
                         void *opaque, GError **error)
{
    return viommu_smmuv3_new(config, ops, opaque, error);
}

static struct {
    uint64_t strtab, commands, events;
    GuestTables tables;
    uint64_t bias;              /* nested: RAM is there for stage 1 */
} smmu;

static void map_at(uint64_t to)
{
    for (uint64_t at = 0; at < 0x4000; at += 0x1000) {
        g_assert_true(guest_tables_map(&smmu.tables, SMMU_TEST_VA + at,
                                       smmu.bias + to + at, 3,
                                       SMMUV3_PAGE_S1));
    }
}

static void smmu_remap(Fixture *f)
{
    smmu.tables.alloc = &f->alloc;
    map_at(TWINS_SCRATCH + 0x8000);
}

static Fixture *smmu_make(unsigned variant)
{
    ViommuSmmuv3Config config;
    uint64_t at;
    Fixture *f;
    Smmu *s;

    smmu_test_config(&config);
    config.iotlb_bits = 14;
    config.sid_bits = 16;
    config.msi = variant != 1;
    s = smmu_test_new(&config, variant == 2 ? SMMUV3_NESTED : SMMUV3_S1);
    s->ste.s1cdmax = 4;
    s->ste.s1dss = S1DSS_SSID0;
    s->ste.eats = EATS_FULL;
    smmu_test_put_ste(s);
    /* MEV */
    at = smmu_test_ste_at(s) + 8;
    guest_write64(&s->f->mem, at,
                  guest_read64(&s->f->mem, at) | FIELD_MASK(STE_MEV));
    for (unsigned ssid = 0; ssid < 3; ssid++) {
        s->cd.stall = ssid == 2;
        s->cd.asid = (uint16_t)(SMMU_TEST_ASID + ssid);
        smmu_test_put_cd(s, ssid);
    }
    smmu.tables = s->s1;
    smmu.bias = variant == 2 ? FIXTURE_TABLES : 0;
    map_at(TWINS_SCRATCH);
    smmu.strtab = s->strtab;
    smmu.commands = s->commands.base;
    smmu.events = s->events;
    f = s->f;
    g_free(s);
    twins_renew(f, make_smmu, &config);
    return f;
}

static void smmu_set_up(Twins *t)
{
    twins_write(t, SMMUV3_CR0, 0, 4);
    twins_write(t, SMMUV3_STRTAB_BASE, smmu.strtab, 8);
    twins_write(t, SMMUV3_STRTAB_BASE_CFG, 8, 4);
    twins_write(t, SMMUV3_CMDQ_BASE, smmu.commands | 6, 8);
    twins_write(t, SMMUV3_CMDQ_PROD, 0, 4);
    twins_write(t, SMMUV3_CMDQ_CONS, 0, 4);
    twins_write(t, SMMUV3_EVENTQ_BASE, smmu.events | twins_below(t, 4), 8);
    twins_write(t, SMMUV3_EVENTQ_PROD, 0, 4);
    twins_write(t, SMMUV3_EVENTQ_CONS, 0, 4);
    twins_write(t, SMMUV3_PRIQ_BASE, TWINS_SCRATCH | 2, 8);
    twins_write(t, SMMUV3_PRIQ_PROD, 0, 4);
    twins_write(t, SMMUV3_PRIQ_CONS, 0, 4);
    twins_write(t, SMMUV3_CR2, 2, 4);
    twins_write(t, SMMUV3_IRQ_CTRL, 7, 4);
    twins_write(t, SMMUV3_GERRORN,
                guest_reg32(&t->of[0].f->regs, SMMUV3_GERROR), 4);
    twins_write(t, SMMUV3_CR0, twins_below(t, 4) ? 0x1f : 0x1e, 4);
}

static void smmu_command(Twins *t, uint64_t word[2])
{
    static const uint8_t opcodes[] = {
        0x01, 0x03, 0x04, 0x05, 0x06, 0x10, 0x11, 0x12, 0x13, 0x28, 0x2a,
        0x30, 0x40, 0x40, 0x40, 0x41, 0x44, 0x44, 0x44, 0x45, 0x46, 0x46, 0x46,
        0x46, 0x46,
    };
    uint64_t opcode = opcodes[twins_below(t, G_N_ELEMENTS(opcodes))];

    word[0] = opcode | CMD_SID(SMMU_TEST_SID);
    word[1] = 0;
    switch (opcode) {
    case 0x11: case 0x12:
        word[0] = opcode | CMD_ASID(SMMU_TEST_ASID + twins_below(t, 3));
        word[1] = SMMU_TEST_VA;
        break;
    case 0x13: case 0x2a:
        word[0] = opcode | CMD_VMID(SMMU_TEST_VMID);
        word[1] = SMMU_TEST_VA;
        break;
    case 0x40:
        word[1] = 52;
        break;
    case 0x41:
        word[1] = twins_below(t, 8) | CMD_PRI_CODE(PRI_SUCCESS);
        break;
    case 0x44:
        word[0] |= twins_below(t, 2) ? CMD_RETRY : 0;
        word[1] = twins_below(t, 5);
        break;
    case 0x46:
        if (twins_below(t, 2)) {
            word[0] = opcode | CMD_CS(1) | CMD_MSI_DATA(twins_below(t, 99));
            word[1] = twins_page(t);
        }
        break;
    default:
        break;
    }
    if (!twins_below(t, 16)) {
        word[twins_below(t, 2)] |= twins_word(t);
    }
}

static void smmu_push(Twins *t)
{
    const GuestRegs *regs = &t->of[0].f->regs;
    uint32_t prod = guest_reg32(regs, SMMUV3_CMDQ_PROD) & 127;
    uint64_t word[2];

    smmu_command(t, word);
    if (guest_reg64(regs, SMMUV3_CMDQ_BASE) == (smmu.commands | 6)) {
        for (unsigned i = 0; i < t->n; i++) {
            guest_write_words(&t->of[i].f->mem, smmu.commands +
                              (prod & 63) * UINT64_C(16), word, 2);
        }
        twins_write(t, SMMUV3_CMDQ_PROD, (prod + 1) & 127, 4);
    }
    if (!twins_below(t, 3)) {
        twins_write(t, SMMUV3_GERRORN, guest_reg32(regs, SMMUV3_GERROR), 4);
    }
}

static void smmu_ask(Twins *t)
{
    /* few different ones, so that events repeat others */
    ViommuRequest req = {
        .source = twins_below(t, 8) ? SMMU_TEST_SID : 0x19,
        .pasid = twins_below(t, 2) ? 1 + twins_below(t, 2)
                                   : VIOMMU_NO_PASID,
        .addr = SMMU_TEST_VA + (2 + twins_below(t, 4)) * UINT64_C(0x1000) +
                twins_below(t, 4096),
        .access = VIOMMU_READ,
    };

    if (!twins_below(t, 3)) {
        req.access = (uint8_t)(1 + twins_below(t, 3));
        req.kind = twins_below(t, 3);
        req.probe = !twins_below(t, 4);
    }

    twins_ask(t, &req);
}

static void smmu_page(Twins *t)
{
    ViommuPageRequest req = {
        .source = SMMU_TEST_SID, .pasid = 1, .addr = SMMU_TEST_VA,
        .access = VIOMMU_READ, .last = twins_below(t, 2),
        .group = (uint16_t)twins_below(t, 8),
    };

    twins_page_request(t, &req);
}

static uint64_t some_smmu_register(Twins *t)
{
    static const uint32_t others[] = {
        SMMUV3_EVENTQ_PROD, SMMUV3_EVENTQ_CONS, SMMUV3_PRIQ_PROD,
        SMMUV3_PRIQ_CONS, 0xfd0, 0xfe0,
    };

    return twins_below(t, 4) ? twins_below(t, 0x48) * 4
                             : others[twins_below(t, G_N_ELEMENTS(others))];
}

static void smmu_register(Twins *t)
{
    uint64_t offset = some_smmu_register(t);

    switch (twins_below(t, 4)) {
    case 0:
        twins_write(t, SMMUV3_GATOS_SID, SMMU_TEST_SID, 8);
        twins_write(t, SMMUV3_GATOS_ADDR, SMMU_TEST_VA |
                    twins_below(t, 64) << 6, 8);
        twins_write(t, SMMUV3_GATOS_CTRL, 1, 4);
        break;
    case 1:
        twins_write(t, SMMUV3_EVENTQ_CONS,
                    guest_reg32(&t->of[0].f->regs, SMMUV3_EVENTQ_PROD), 4);
        twins_write(t, SMMUV3_PRIQ_CONS,
                    guest_reg32(&t->of[0].f->regs, SMMUV3_PRIQ_PROD), 4);
        break;
    default:
        twins_write(t, offset, twins_value(t), twins_below(t, 2) ? 4 : 8);
        break;
    }
    twins_read(t, some_smmu_register(t), 8);
    twins_read(t, offset, 4);
}

static void smmu_step(Twins *t)
{
    switch (twins_below(t, 14)) {
    case 0:
        if (!twins_below(t, 3)) {
            smmu_set_up(t);
        }
        break;
    case 1: case 2: case 3: case 4:
        smmu_push(t);
        break;
    case 5: case 6: case 7:
        smmu_ask(t);
        break;
    case 8:
        smmu_page(t);
        break;
    case 9:
        smmu_register(t);
        break;
    default:
        twins_embedder(t);
        break;
    }
}

const TwinsModel twins_smmu = { "smmu", 3, smmu_make, smmu_step,
                                smmu_remap };
