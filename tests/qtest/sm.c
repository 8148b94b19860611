/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "tests/qtest/sm.h"


static void ram_in_second_stage(Sm *s)
{
    for (uint64_t at = 0; at < SM_SPAN; at += 2 << 20) {
        g_assert_true(guest_ss_map(&s->b.alloc, s->ss, s->ss_levels,
                                   SM_BIAS + at, at, 2, BOARD_RW));
    }
}

/* The tables of a type, and the entry that points at them. */
static void new_tables(Sm *s, unsigned pgtt, unsigned levels)
{
    bool nested = pgtt == SPEC_PGTT_NESTED;
    GuestAlloc *alloc = &s->b.alloc;

    s->ss_levels = pgtt == SPEC_PGTT_SECOND ? levels : 4;
    s->ss = guest_ss_new(alloc);
    g_assert_true(guest_fs_init(&s->fs, alloc,
                                pgtt == SPEC_PGTT_SECOND ? 4 : levels,
                                nested ? SM_BIAS : 0));
    if (nested) {
        ram_in_second_stage(s);
    }
    s->entry = (GuestPasid) {
        .pgtt = (uint8_t)pgtt,
        .domain = SM_DOMAIN,
        .ss = s->ss,
        .ss_levels = (uint8_t)s->ss_levels,
        .fs = s->fs.table + s->fs.bias,
        .fs_levels = (uint8_t)s->fs.levels,
    };
    /* what a type does not use is left zero, as a driver would */
    if (pgtt == SPEC_PGTT_FIRST || pgtt == SPEC_PGTT_PASS) {
        s->entry.ss = 0;
        s->entry.ss_levels = 0;
    }
    if (pgtt == SPEC_PGTT_SECOND || pgtt == SPEC_PGTT_PASS) {
        s->entry.fs = 0;
        s->entry.fs_levels = 0;
    }
    sm_put_pasid(s, 0);
    sm_put_pasid(s, SM_PASID);
}

void sm_start_with(Sm *s, const char *options, const char *more,
                   unsigned pgtt, unsigned levels)
{
    Board *b = &s->b;

    memset(s, 0, sizeof(*s));
    board_start_with(b, options, more);
    b->root = guest_root_new(&b->alloc);
    s->dir = guest_pasid_dir_new(&b->alloc, SM_PDTS);
    s->ctx[0] = s->dir | SPEC_SM_CTX_P | SPEC_SM_CTX_PASIDE |
                SM_PDTS << SPEC_SM_CTX_PDTS_SHIFT;
    sm_put_context(s);
    new_tables(s, pgtt, levels);
    sm_set_mode(s, SPEC_TTM_SCALABLE);
    g_assert_true(guest_queue_init_wide(&b->queue, &b->alloc, &b->regs, 0));
    sm_flush(s);
    board_command(b, SPEC_GCMD_TE, 0);
}

void sm_start(Sm *s, const char *options, unsigned pgtt, unsigned levels)
{
    sm_start_with(s, options, "", pgtt, levels);
}

void sm_start_ats(Sm *s, unsigned pgtt)
{
    sm_start_with(s, SM_ATS_OPTIONS, ",pasid-bits=20,ats=on,pri=on", pgtt,
                  4);
    testdev_enable(&s->b.dev, 32);
    s->ctx[0] |= SPEC_SM_CTX_DTE | SPEC_SM_CTX_PRE;
    sm_put_context(s);
    sm_flush(s);
}

void sm_end(Sm *s)
{
    board_end(&s->b);
}

void sm_tables(Sm *s, unsigned pgtt, unsigned levels)
{
    new_tables(s, pgtt, levels);
    sm_flush(s);
}

void sm_put_context(Sm *s)
{
    g_assert_true(guest_sm_context_set(&s->b.alloc, s->b.root, s->b.source,
                                       s->ctx));
}

void sm_put_pasid(Sm *s, uint32_t pasid)
{
    g_assert_true(guest_pasid_set(&s->b.alloc, s->dir, pasid, &s->entry));
}

void sm_flush(Sm *s)
{
    GuestQueue *queue = &s->b.queue;

    guest_queue_context(queue, SPEC_GRAN_GLOBAL, 0, 0, 0);
    if (guest_reg64(&s->b.regs, SPEC_RTADDR) & SPEC_RTADDR_TTM) {
        guest_queue_pasid_cache(queue, SPEC_INV_PASID_GRAN_GLOBAL, 0, 0);
    }
    guest_queue_iotlb(queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    board_sync(&s->b);
}

void sm_drop(Sm *s, uint32_t pasid, uint64_t addr, uint64_t size)
{
    GuestQueue *queue = &s->b.queue;
    uint16_t source = s->b.source;

    if (size && pasid == SM_NONE) {
        guest_queue_devtlb(queue, source, addr, size);
    } else if (size) {
        guest_queue_pdevtlb(queue, source, pasid, false, addr, size);
    } else if (pasid == SM_NONE) {
        guest_queue_push(queue, SPEC_INV_DEVTLB |
                         (uint64_t)source << SPEC_INV_DEVTLB_SID_SHIFT,
                         SPEC_INV_DEVTLB_HI_ADDR | SPEC_INV_DEVTLB_HI_S);
    } else {
        guest_queue_push(queue, SPEC_INV_PASID_DEVTLB |
                         (uint64_t)source << SPEC_INV_PDEVTLB_SID_SHIFT |
                         (uint64_t)pasid << SPEC_INV_PASID_SHIFT,
                         SPEC_INV_DEVTLB_HI_ADDR | SPEC_INV_PDEVTLB_HI_S);
    }
}

void sm_set_mode(Sm *s, unsigned ttm)
{
    g_assert_true(guest_set_root(&s->b.regs, s->b.root |
                                 (uint64_t)ttm << SPEC_RTADDR_TTM_SHIFT));
}

void sm_map_flags(Sm *s, uint64_t va, uint64_t pa, unsigned leaf,
                  uint64_t flags)
{
    if (s->entry.pgtt == SPEC_PGTT_SECOND) {
        g_assert_true(guest_ss_map(&s->b.alloc, s->ss, s->ss_levels, va, pa,
                                   leaf, flags));
    } else {
        g_assert_true(guest_fs_map(&s->fs, &s->b.alloc, va, pa + s->fs.bias,
                                   leaf, flags));
    }
}

void sm_map(Sm *s, uint64_t va, uint64_t pa, unsigned leaf)
{
    sm_map_flags(s, va, pa, leaf,
                 s->entry.pgtt == SPEC_PGTT_SECOND ? BOARD_RW : SM_LEAF);
}

uint64_t sm_fs_at(Sm *s, uint64_t va, unsigned level)
{
    uint64_t at = guest_fs_entry(&s->fs, &s->b.alloc, va, level, false);

    g_assert_cmphex(at, !=, 0);
    return at;
}

uint64_t sm_ss_at(Sm *s, uint64_t addr, unsigned level)
{
    uint64_t at = guest_ss_entry(&s->b.alloc, s->ss, s->ss_levels, addr,
                                 level);

    g_assert_cmphex(at, !=, 0);
    return at;
}

void sm_use(Sm *s, uint32_t pasid)
{
    testdev_set(&s->b.dev, TD_PASID,
                pasid == SM_NONE ? 0 : TD_PASID_ENABLE | pasid);
}

/* --- Expectations -------------------------------------------------------- */

void sm_reads(Sm *s, uint32_t pasid, uint64_t va, uint64_t pa)
{
    sm_use(s, pasid);
    board_dma_reads(&s->b, va, pa);
}

void sm_writes(Sm *s, uint32_t pasid, uint64_t va, uint64_t pa)
{
    sm_use(s, pasid);
    board_dma_writes(&s->b, va, pa);
}

void sm_good(Sm *s, uint32_t pasid, uint64_t va, uint64_t pa)
{
    sm_use(s, pasid);
    board_dma_good(&s->b, va, pa);
    board_no_fault(&s->b);
}

void sm_either(Sm *s, uint32_t pasid, uint64_t va, uint64_t one,
               uint64_t other)
{
    uint64_t value = 0;

    sm_use(s, pasid);
    board_put64(&s->b, one, 1);
    board_put64(&s->b, other, 2);
    g_assert_cmpint(testdev_dma_read(&s->b.dev, va, &value, 8).why, ==,
                    TD_OK);
    value = GUINT64_FROM_LE(value);
    g_assert_true(value == 1 || value == 2);
}

void sm_take_record(Sm *s, uint32_t pasid, uint64_t va, const SmRecord *want)
{
    Board *b = &s->b;
    uint32_t fsts = board_reg32(b, SPEC_FSTS);
    unsigned record = (fsts & SPEC_FSTS_FRI) >> SPEC_FSTS_FRI_SHIFT;
    uint64_t offset = guest_frcd_offset(&b->regs, record);
    uint64_t hi = SPEC_FRCD_HI_F | b->source |
                  (uint64_t)want->reason << SPEC_FRCD_HI_FR_SHIFT |
                  (uint64_t)want->at << SPEC_FRCD_HI_AT_SHIFT |
                  (want->write ? 0 : SPEC_FRCD_HI_T1);

    if (pasid != SM_NONE) {
        hi |= SPEC_FRCD_HI_PP | (uint64_t)pasid << SPEC_FRCD_HI_PN_SHIFT;
        hi |= want->execute ? SPEC_FRCD_HI_EXE : 0;
        hi |= want->privileged ? SPEC_FRCD_HI_PRIV : 0;
    }
    g_assert_cmphex(fsts & 0xff, ==, SPEC_FSTS_PPF);
    g_assert_cmphex(board_reg64(b, offset + 8), ==, hi);
    g_assert_cmphex(board_reg64(b, offset), ==, va & SPEC_FRCD_LO_FI);
    board_clear_fault(b, record);
    board_no_fault(b);
}

static uint8_t blocked(Sm *s, uint32_t pasid, uint64_t va, bool write)
{
    Board *b = &s->b;
    uint64_t value = 0;
    TestdevResult result;

    board_no_fault(b);
    sm_use(s, pasid);
    result = write ? testdev_dma_write(&b->dev, va, &value, sizeof(value))
                   : testdev_dma_read(&b->dev, va, &value, sizeof(value));
    g_assert_cmpint(result.why, ==, TD_BLOCKED);
    g_assert_cmpint(result.write, ==, write);
    g_assert_cmphex(result.fault_addr, ==, va);
    g_assert_cmpuint(result.done, ==, 0);
    return result.reason;
}

void sm_fault(Sm *s, uint32_t pasid, uint64_t va, bool write, uint8_t reason)
{
    SmRecord want = { .reason = reason, .write = write };
    uint8_t told = blocked(s, pasid, va, write);

    sm_take_record(s, pasid, va, &want);
    /* the endpoint need not know; but what it knows must be right */
    if (told) {
        g_assert_cmphex(told, ==, reason);
    }
}

void sm_silent(Sm *s, uint32_t pasid, uint64_t va, bool write)
{
    blocked(s, pasid, va, write);
    board_no_fault(&s->b);
}
