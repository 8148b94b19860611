/* SPDX-License-Identifier: BSD-3-Clause */
#include "smmu.h"

#include <string.h>

#define STREAMS_LOG2 8

void smmu_test_config(ViommuSmmuv3Config *config)
{
    viommu_smmuv3_config_init(config);
    config->stage1 = true;
    config->stage2 = true;
    config->ssid_bits = 10;
    config->oas_bits = 48;
    config->ats = true;
    config->pri = true;
    config->stall = true;
    config->httu = 2;
    config->msi = true;
    config->attr_perms_ovr = true;
    config->atos = true;
    config->iotlb_bits = 8;
}

static Viommu *make(const void *config, const ViommuOps *ops, void *opaque,
                    GError **error)
{
    return viommu_smmuv3_new(config, ops, opaque, error);
}

void smmu_test_events(Smmu *s, unsigned log2)
{
    size_t bytes = (size_t)SMMUV3_EVENT_SIZE << log2;

    s->events_log2 = log2;
    s->events = guest_alloc_pages(s->alloc, (bytes + 4095) / 4096);
    g_assert_cmphex(s->events, !=, 0);
    guest_set_reg64(s->regs, SMMUV3_EVENTQ_BASE, s->events | log2);
    guest_set_reg32(s->regs, SMMUV3_EVENTQ_PROD, 0);
    guest_set_reg32(s->regs, SMMUV3_EVENTQ_CONS, 0);
}

static void fill_stream(Smmu *s, unsigned kind)
{
    s->ste = (GuestSte) {
        .config = kind, .cd_table = s->cds, .vmid = SMMU_TEST_VMID,
        .s2ttb = s->s2.ttb, .s2t0sz = 64 - 40, .s2sl0 = 1, .s2ps = 5,
        .s2record = true, .s2affd = false,
    };
    s->cd = (GuestCd) {
        .ttb = { s->s1.ttb, 0 }, .tsz = { 16, 16 }, .epd = { false, true },
        .tg = { 0, 2 }, .ips = 5, .asid = SMMU_TEST_ASID, .record = true,
    };
    if (kind == SMMUV3_NESTED) {
        s->cd.ips = 2;          /* 40 bits, as stage 2 takes */
    }
}

Smmu *smmu_test_new(const ViommuSmmuv3Config *config, unsigned kind)
{
    Smmu *s = g_new0(Smmu, 1);

    s->f = fixture_new_of(make, config);
    s->alloc = &s->f->alloc;
    s->regs = &s->f->regs;
    s->strtab = guest_alloc_pages(s->alloc, 4);
    s->cds = guest_alloc_pages(s->alloc, 16);
    g_assert_true(guest_smmu_commands_init(&s->commands, s->alloc, s->regs, 6));
    smmu_test_events(s, 6);
    g_assert_true(guest_tables_init(&s->s1, s->alloc, 12, 48, 0));
    g_assert_true(guest_tables_init(&s->s2, s->alloc, 12, 40, 1));
    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, s->strtab);
    guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG, STREAMS_LOG2);
    guest_set_reg32(s->regs, SMMUV3_CR2, 2);
    guest_set_reg32(s->regs, SMMUV3_IRQ_CTRL, 7);
    guest_set_reg32(s->regs, SMMUV3_CR0,
                    SMMUV3_CR0_SMMUEN | SMMUV3_CR0_CMDQEN |
                        SMMUV3_CR0_EVENTQEN | SMMUV3_CR0_ATSCHK);
    fill_stream(s, kind);
    if (kind & 1) {
        smmu_test_put_cd(s, 0);
    }
    smmu_test_put_ste(s);
    if (kind == SMMUV3_NESTED) {
        /* Stage 1's tables, and its descriptors, are found by stage 2. */
        for (uint64_t page = FIXTURE_TABLES; page < FIXTURE_RAM;
             page += 0x200000) {
            g_assert_true(guest_tables_map(&s->s2, page, page, 2,
                                           SMMUV3_PAGE_S2));
        }
    }
    return s;
}

void smmu_test_free(Smmu *s)
{
    fixture_free(s->f);
    g_free(s);
}

void smmu_test_sync(Smmu *s)
{
    guest_smmu_command(&s->commands, CMD_SYNC, 0);
    fixture_run(s->f);
    g_assert_true(guest_smmu_commands_done(&s->commands));
}

void smmu_test_put_ste(Smmu *s)
{
    uint64_t word[8];

    guest_ste_encode(&s->ste, word);
    guest_write_words(&s->f->mem,
                      s->strtab + SMMU_TEST_SID * SMMUV3_STE_SIZE, word, 8);
    guest_smmu_command(&s->commands, CMD_CFGI_STE | CMD_SID(SMMU_TEST_SID),
                       CMD_LEAF);
    smmu_test_sync(s);
}

void smmu_test_put_cd(Smmu *s, uint32_t ssid)
{
    uint64_t word[8];

    guest_cd_encode(&s->cd, word);
    guest_write_words(&s->f->mem, s->cds + ssid * SMMUV3_CD_SIZE, word, 8);
    guest_smmu_command(&s->commands, CMD_CFGI_CD | CMD_SSID(ssid) |
                  CMD_SID(SMMU_TEST_SID), 1);
    smmu_test_sync(s);
}

void smmu_test_map(Smmu *s, uint64_t addr, uint64_t to)
{
    if (s->ste.config & 1) {
        g_assert_true(guest_tables_map(&s->s1, addr, to, 3, SMMUV3_PAGE_S1));
    }
    if (s->ste.config == SMMUV3_S2) {
        g_assert_true(guest_tables_map(&s->s2, addr, to, 3, SMMUV3_PAGE_S2));
    }
}

bool smmu_test_event(Smmu *s, uint64_t word[4])
{
    uint32_t prod = guest_reg32(s->regs, SMMUV3_EVENTQ_PROD);
    uint32_t cons = guest_reg32(s->regs, SMMUV3_EVENTQ_CONS);
    uint32_t mask = (2u << s->events_log2) - 1;
    uint64_t at = s->events + (cons & (mask >> 1)) * SMMUV3_EVENT_SIZE;

    if ((prod & mask) == (cons & mask)) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        word[i] = guest_read64(&s->f->mem, at + 8 * i);
    }
    guest_set_reg32(s->regs, SMMUV3_EVENTQ_CONS,
                    ((cons + 1) & mask) | (cons & 0x80000000u));
    return true;
}

ViommuStatus smmu_test_request(Smmu *s, uint32_t ssid, uint64_t addr,
                               unsigned access, ViommuKind kind,
                               ViommuReply *reply)
{
    ViommuRequest req = {
        .source = SMMU_TEST_SID, .pasid = ssid, .addr = addr,
        .access = (uint8_t)access, .kind = (uint8_t)kind,
    };

    return fixture_ask(s->f, &req, reply);
}

ViommuStatus smmu_test_dma(Smmu *s, uint64_t addr, unsigned access,
                           ViommuReply *reply)
{
    return smmu_test_request(s, VIOMMU_NO_PASID, addr, access,
                             VIOMMU_UNTRANSLATED, reply);
}

Smmu *smmu_test_new_with(unsigned kind, void (*change)(ViommuSmmuv3Config *))
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    if (change) {
        change(&config);
    }
    return smmu_test_new(&config, kind);
}

uint64_t smmu_test_ste_at(const Smmu *s)
{
    return s->strtab + SMMU_TEST_SID * SMMUV3_STE_SIZE;
}

void smmu_test_forget(Smmu *s)
{
    guest_smmu_command(&s->commands, CMD_CFGI_STE_RANGE, CMD_RANGE_ALL);
    smmu_test_sync(s);
}

void smmu_test_change(Smmu *s, uint64_t at, uint64_t mask, uint64_t value)
{
    guest_write64(&s->f->mem, at,
                  (guest_read64(&s->f->mem, at) & ~mask) | value);
    smmu_test_forget(s);
}

void smmu_test_refused(Smmu *s, uint32_t ssid, ViommuKind kind, unsigned id,
                       uint64_t word[4])
{
    ViommuReply reply;

    g_assert_cmpint(smmu_test_request(s, ssid, SMMU_TEST_VA, VIOMMU_READ,
                                      kind, &reply), ==, VIOMMU_FAULT);
    g_assert_cmpint(smmu_test_event(s, word), ==, id != 0);
    if (id) {
        g_assert_cmphex(word[0] & 0xff, ==, id);
        g_assert_cmphex(word[0] >> 32, ==, SMMU_TEST_SID);
    }
    g_assert_false(smmu_test_event(s, word));
}
