/* SPDX-License-Identifier: BSD-3-Clause */
#include "scalable.h"

#include <string.h>

void scalable_config(ViommuVtdConfig *config)
{
    fixture_config(config);
    config->haw_bits = 46;
    config->dma_drain = true;
    config->scalable_mode = true;
    config->first_stage = true;
    config->nested = true;
    config->pasid_bits = 20;
    config->fs1gp = true;
    config->dirty_tracking = true;
    config->extended_access = true;
}

static void second_stage_ram(Scalable *s)
{
    for (uint64_t at = 0; at < FIXTURE_RAM; at += 2 << 20) {
        g_assert_true(guest_ss_map(s->alloc, s->ss, s->ss_levels,
                                   SM_BIAS + at, at, 2,
                                   SPEC_SS_R | SPEC_SS_W));
    }
}

Scalable *scalable_new(const ViommuVtdConfig *config, unsigned pgtt,
                       unsigned levels, uint32_t pasid)
{
    Scalable *s = g_new0(Scalable, 1);
    bool nested = pgtt == SPEC_PGTT_NESTED;

    s->f = fixture_new(config);
    s->alloc = &s->f->alloc;
    s->queue = &s->f->queue;
    s->root = guest_root_new(s->alloc);
    s->dir = guest_pasid_dir_new(s->alloc, SM_PDTS);
    s->ctx[0] = s->dir | SPEC_SM_CTX_P | SPEC_SM_CTX_PASIDE |
                SM_PDTS << SPEC_SM_CTX_PDTS_SHIFT;
    scalable_put_context(s);
    s->ss_levels = pgtt == SPEC_PGTT_SECOND ? levels : 4;
    s->ss = guest_ss_new(s->alloc);
    g_assert_true(guest_fs_init(&s->fs, s->alloc,
                                pgtt == SPEC_PGTT_SECOND ? 4 : levels,
                                nested ? SM_BIAS : 0));
    if (nested) {
        second_stage_ram(s);
    }
    s->entry = (GuestPasid) {
        .pgtt = (uint8_t)pgtt, .domain = SM_DOMAIN,
        .ss = s->ss, .ss_levels = (uint8_t)s->ss_levels,
        .fs = s->fs.table + s->fs.bias, .fs_levels = (uint8_t)s->fs.levels,
    };
    scalable_put_pasid(s, 0);
    if (pasid != SM_NONE) {
        scalable_put_pasid(s, pasid);
    }
    g_assert_true(guest_set_root(&s->f->regs, s->root |
                                 SPEC_TTM_SCALABLE << SPEC_RTADDR_TTM_SHIFT));
    g_assert_true(guest_queue_init_wide(s->queue, s->alloc, &s->f->regs, 0));
    scalable_flush(s);
    g_assert_true(guest_command(&s->f->regs, SPEC_GCMD_TE, 0));
    return s;
}

void scalable_free(Scalable *s)
{
    fixture_free(s->f);
    g_free(s);
}

void scalable_put_context(Scalable *s)
{
    g_assert_true(guest_sm_context_set(s->alloc, s->root, SM_SOURCE, s->ctx));
}

void scalable_put_pasid(Scalable *s, uint32_t pasid)
{
    g_assert_true(guest_pasid_set(s->alloc, s->dir, pasid, &s->entry));
}

void scalable_flush(Scalable *s)
{
    uint64_t mode = (guest_reg64(&s->f->regs, SPEC_RTADDR) &
                     SPEC_RTADDR_TTM) >> SPEC_RTADDR_TTM_SHIFT;

    guest_queue_context(s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    if (mode != SPEC_TTM_LEGACY) {
        guest_queue_pasid_cache(s->queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    }
    guest_queue_iotlb(s->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    fixture_wait(s->f);
}

ViommuStatus scalable_ask(Scalable *s, uint32_t pasid, uint64_t addr,
                          unsigned access, bool probe, ViommuReply *reply)
{
    ViommuRequest req = {
        .source = SM_SOURCE, .pasid = pasid, .addr = addr,
        .access = (uint8_t)access, .kind = VIOMMU_UNTRANSLATED,
        .probe = probe,
    };

    return fixture_ask(s->f, &req, reply);
}

void scalable_ok(Scalable *s, uint32_t pasid, uint64_t addr, unsigned access,
                 uint64_t to)
{
    ViommuReply reply;
    ViommuStatus status = scalable_ask(s, pasid, addr, access, false, &reply);

    g_assert_cmphex(reply.reason, ==, 0);
    g_assert_cmpint(status, ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, to);
    g_assert_cmphex(reply.access & access & 3, ==, access & 3);
    /* FRI means nothing without PPF */
    g_assert_cmphex(guest_reg32(&s->f->regs, SPEC_FSTS) & 0xff, ==, 0);
}

void scalable_fault(Scalable *s, uint32_t pasid, uint64_t addr,
                    unsigned access, unsigned reason)
{
    const GuestRegs *regs = &s->f->regs;
    uint64_t want = SPEC_FRCD_HI_F | SM_SOURCE |
                    (uint64_t)reason << SPEC_FRCD_HI_FR_SHIFT;
    ViommuReply reply;
    uint64_t at;
    uint32_t fsts;

    g_assert_cmpint(scalable_ask(s, pasid, addr, access, false, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, reason);
    g_assert_cmpint(reply.access, ==, 0);
    if (!(access & SM_W)) {
        want |= SPEC_FRCD_HI_T1;
    }
    if (pasid != SM_NONE) {
        want |= SPEC_FRCD_HI_PP | (uint64_t)pasid << 40;
        want |= access & SM_X ? SPEC_FRCD_HI_EXE : 0;
        want |= access & SM_P ? SPEC_FRCD_HI_PRIV : 0;
    }
    fsts = guest_reg32(regs, SPEC_FSTS);
    g_assert_cmphex(fsts & 0xff, ==, SPEC_FSTS_PPF);
    at = guest_frcd_offset(regs, (fsts & SPEC_FSTS_FRI) >>
                                 SPEC_FSTS_FRI_SHIFT);
    g_assert_cmphex(guest_reg64(regs, at), ==, addr & ~UINT64_C(0xfff));
    g_assert_cmphex(guest_reg64(regs, at + 8), ==, want);
    guest_set_reg32(regs, at + 12, (uint32_t)(SPEC_FRCD_HI_F >> 32));
    g_assert_cmphex(guest_reg32(regs, SPEC_FSTS) & 0xff, ==, 0);
}

void scalable_silent(Scalable *s, uint32_t pasid, uint64_t addr,
                     unsigned access)
{
    ViommuReply reply;

    g_assert_cmpint(scalable_ask(s, pasid, addr, access, false, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmphex(guest_reg32(&s->f->regs, SPEC_FSTS) & 0xff, ==, 0);
}

void scalable_map(Scalable *s, uint64_t va, uint64_t pa, unsigned leaf)
{
    if (s->entry.pgtt == SPEC_PGTT_SECOND) {
        g_assert_true(guest_ss_map(s->alloc, s->ss, s->ss_levels, va, pa,
                                   leaf, SPEC_SS_R | SPEC_SS_W));
    } else {
        g_assert_true(guest_fs_map(&s->fs, s->alloc, va, pa + s->fs.bias,
                                   leaf, SM_LEAF));
    }
}

uint64_t scalable_fs_word(Scalable *s, uint64_t va, unsigned level)
{
    return guest_read64(&s->f->mem, guest_fs_entry(&s->fs, s->alloc, va,
                                                   level, false));
}

uint64_t scalable_ss_word(Scalable *s, uint64_t va, unsigned level)
{
    return guest_read64(&s->f->mem, guest_ss_entry(s->alloc, s->ss,
                                                   s->ss_levels, va, level));
}
