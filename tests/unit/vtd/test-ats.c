/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ATS (chapter 4): what an endpoint is told that asks for a translation, and
 * where translated requests may go.
 */
#include "tests/lib/unit/scalable.h"

#include <string.h>

#define PASID   0x1234u
#define VA      UINT64_C(0x7f0000400000)
#define PA      UINT64_C(0x200000)
#define INTR    UINT64_C(0xfee01000)
#define FIRST   SPEC_PGTT_FIRST
#define SECOND  SPEC_PGTT_SECOND
#define NESTED  SPEC_PGTT_NESTED
#define ASK     VIOMMU_TRANSLATION
#define GO      VIOMMU_TRANSLATED
#define PLAIN   VIOMMU_UNTRANSLATED

static Scalable *start(unsigned pgtt)
{
    ViommuVtdConfig config;
    Scalable *s;

    scalable_config(&config);
    config.snoop_control = true;
    config.rid_priv = true;
    config.abort_dma = true;
    s = scalable_new(&config, pgtt, 4, PASID);
    s->ctx[0] |= SPEC_SM_CTX_DTE;
    scalable_put_context(s);
    s->entry.flags2 |= SPEC_PASID2_SRE | SPEC_PASID2_ERE | SPEC_PASID2_NXE |
                       SPEC_PASID2_WPE;
    scalable_put_pasid(s, 0);
    scalable_put_pasid(s, PASID);
    scalable_flush(s);
    return s;
}

static ViommuStatus request(Scalable *s, ViommuKind kind, uint32_t pasid,
                            uint64_t addr, unsigned access,
                            ViommuReply *reply)
{
    ViommuRequest req = {
        .source = SM_SOURCE, .pasid = pasid, .addr = addr,
        .access = (uint8_t)access, .kind = (uint8_t)kind,
    };

    return fixture_ask(s->f, &req, reply);
}

static uint32_t fsts(Scalable *s)
{
    return guest_reg32(&s->f->regs, SPEC_FSTS) & 0xff;
}

/* Answered, and nothing recorded. */
static ViommuReply ok(Scalable *s, ViommuKind kind, uint32_t pasid,
                      uint64_t addr, unsigned access, unsigned granted)
{
    ViommuReply reply;

    g_assert_cmpint(request(s, kind, pasid, addr, access, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.reason, ==, 0);
    g_assert_cmphex(reply.access, ==, granted);
    g_assert_cmphex(fsts(s), ==, 0);
    return reply;
}

/* Blocked, with this record alone, or with none when @reason is 0. */
static void no(Scalable *s, ViommuKind kind, uint32_t pasid, uint64_t addr,
               unsigned access, unsigned reason)
{
    const GuestRegs *regs = &s->f->regs;
    uint64_t want = SPEC_FRCD_HI_F | SM_SOURCE |
                    (uint64_t)kind << SPEC_FRCD_HI_AT_SHIFT |
                    (uint64_t)reason << SPEC_FRCD_HI_FR_SHIFT;
    ViommuReply reply;
    uint64_t at;

    g_assert_cmpint(request(s, kind, pasid, addr, access, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, reason);
    g_assert_cmphex(reply.access, ==, 0);
    if (!reason) {
        g_assert_cmphex(fsts(s), ==, 0);
        return;
    }
    if (!(access & SM_W)) {
        want |= SPEC_FRCD_HI_T1;
    }
    if (pasid != SM_NONE) {
        want |= SPEC_FRCD_HI_PP | (uint64_t)pasid << 40;
        want |= access & SM_X ? SPEC_FRCD_HI_EXE : 0;
        want |= access & SM_P ? SPEC_FRCD_HI_PRIV : 0;
    }
    g_assert_cmphex(fsts(s), ==, SPEC_FSTS_PPF);
    at = guest_frcd_offset(regs, (guest_reg32(regs, SPEC_FSTS) &
                                  SPEC_FSTS_FRI) >> SPEC_FSTS_FRI_SHIFT);
    g_assert_cmphex(guest_reg64(regs, at), ==, addr & ~UINT64_C(0xfff));
    g_assert_cmphex(guest_reg64(regs, at + 8), ==, want);
    guest_set_reg32(regs, at + 12, (uint32_t)(SPEC_FRCD_HI_F >> 32));
    g_assert_cmphex(fsts(s), ==, 0);
}

static void map(Scalable *s, uint64_t va, uint64_t flags)
{
    g_assert_true(guest_fs_map(&s->fs, s->alloc, va, PA + s->fs.bias, 1,
                               flags));
}

/* --- Completions: R, W, X, Priv ------------------------------------------ */

/* [VTD 4.1.2] */
static void test_access(void)
{
    Scalable *s = start(FIRST);
    ViommuReply r;

    map(s, VA, SM_LEAF);
    map(s, VA + 0x1000, SPEC_FS_P | SPEC_FS_US);
    map(s, VA + 0x2000, SM_LEAF | SPEC_FS_XD);
    map(s, VA + 0x3000, SPEC_FS_P | SPEC_FS_RW);

    r = ok(s, ASK, PASID, VA + 0x123, SM_R | SM_W, SM_R | SM_W);
    g_assert_cmphex(r.addr, ==, PA + 0x123);
    g_assert_cmphex(r.size, ==, 4096);
    g_assert_false(r.privileged);
    g_assert_false(r.untranslated_only);
    g_assert_false(r.global);
    g_assert_false(r.interrupt);
    /* execute only when asked for */
    ok(s, ASK, PASID, VA, SM_R | SM_X, SM_R | SM_W | SM_X);
    ok(s, ASK, PASID, VA + 0x2000, SM_R | SM_X, SM_R);
    ok(s, ASK, PASID, VA + 0x2000, SM_R | SM_W | SM_X, SM_R | SM_W);
    /* what is missing is left out, and no fault */
    ok(s, ASK, PASID, VA + 0x1000, SM_R | SM_W, SM_R);
    ok(s, ASK, PASID, VA + 0x1000, SM_W, SM_R);
    ok(s, ASK, PASID, VA + 0x3000, SM_R | SM_W, 0);
    r = ok(s, ASK, PASID, VA + 0x3000, SM_R | SM_W | SM_P, SM_R | SM_W);
    g_assert_true(r.privileged);
    ok(s, ASK, PASID, VA + 0x4000, SM_R, 0);
    ok(s, ASK, PASID, UINT64_C(1) << 47, SM_R, 0);
    /* without PASID, privilege and execute mean nothing */
    r = ok(s, ASK, SM_NONE, VA, SM_R | SM_X | SM_P, SM_R | SM_W);
    g_assert_false(r.privileged);
    scalable_free(s);
}

/* Who may only read has still been there [VTD 3.6.2]. */
static void test_accessed(void)
{
    Scalable *s = start(FIRST);

    map(s, VA, SPEC_FS_P | SPEC_FS_US | SPEC_FS_XD);
    ok(s, ASK, PASID, VA, SM_R | SM_W | SM_X, SM_R);
    g_assert_cmphex(scalable_fs_word(s, VA, 1) & (SPEC_FS_A | SPEC_FS_D), ==,
                    SPEC_FS_A);
    map(s, VA + 0x1000, SM_LEAF);
    ok(s, ASK, PASID, VA + 0x1000, SM_R, SM_R);
    g_assert_cmphex(scalable_fs_word(s, VA + 0x1000, 1) &
                    (SPEC_FS_A | SPEC_FS_D), ==, SPEC_FS_A);
    ok(s, ASK, PASID, VA + 0x1000, SM_R | SM_W, SM_R | SM_W);
    g_assert_cmphex(scalable_fs_word(s, VA + 0x1000, 1) & SPEC_FS_D, ==,
                    SPEC_FS_D);
    map(s, VA + 0x2000, SPEC_FS_P | SPEC_FS_RW);
    ok(s, ASK, PASID, VA + 0x2000, SM_R | SM_W, 0);
    g_assert_cmphex(scalable_fs_word(s, VA + 0x2000, 1) & SPEC_FS_A, ==, 0);
    scalable_free(s);
}

static void test_rid_priv(void)
{
    Scalable *s = start(FIRST);
    ViommuReply r;

    map(s, VA, SPEC_FS_P | SPEC_FS_RW);
    ok(s, ASK, SM_NONE, VA, SM_R | SM_W, 0);
    s->ctx[1] |= SPEC_SM_CTX1_RID_PRIV;
    scalable_put_context(s);
    scalable_flush(s);
    r = ok(s, ASK, SM_NONE, VA, SM_R | SM_W, SM_R | SM_W);
    g_assert_false(r.privileged);
    scalable_free(s);
}

static void test_global(void)
{
    Scalable *s = start(FIRST);

    map(s, VA, SM_LEAF | SPEC_FS_G);
    g_assert_true(ok(s, ASK, PASID, VA, SM_R, SM_R).global);
    g_assert_true(ok(s, ASK, PASID, VA, SM_R, SM_R).global);
    g_assert_false(ok(s, ASK, SM_NONE, VA, SM_R, SM_R).global);
    map(s, VA + 0x1000, SM_LEAF);
    g_assert_false(ok(s, ASK, PASID, VA + 0x1000, SM_R, SM_R).global);
    scalable_free(s);
}

/* N of the completion. */
static void test_snoop(void)
{
    Scalable *s = start(FIRST);

    map(s, VA, SM_LEAF);
    g_assert_false(ok(s, ASK, PASID, VA, SM_R, SM_R).snoop);
    s->entry.flags1 |= SPEC_PASID1_PGSNP;
    scalable_put_pasid(s, PASID);
    scalable_flush(s);
    g_assert_true(ok(s, ASK, PASID, VA, SM_R, SM_R).snoop);
    scalable_free(s);
}

static void test_sizes(void)
{
    static const unsigned types[] = { FIRST, SECOND, NESTED };

    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        Scalable *s = start(types[i]);
        ViommuReply r;

        scalable_map(s, VA, 0x400000, 2);
        r = ok(s, ASK, PASID, VA + 0x12345, SM_R | SM_W, SM_R | SM_W);
        g_assert_cmphex(r.addr, ==, 0x412345);
        g_assert_cmphex(r.size, ==, 2 << 20);
        if (types[i] != NESTED) {
            /* the second stage of the nested one has 2 MiB pages */
            scalable_map(s, VA + (1 << 30), 0, 3);
            r = ok(s, ASK, PASID, VA + (1 << 30), SM_R,
                   types[i] == FIRST ? SM_R : SM_R | SM_W);
            g_assert_cmphex(r.size, ==, 1 << 30);
        }
        scalable_free(s);
    }
}

/* --- The interrupt range [VTD 3.14] ----------------------------------- */

/* [VTD 3.14] [VTD 4.1.2] */
static void test_interrupt_range(void)
{
    Scalable *s = start(FIRST);
    ViommuReply r;

    map(s, INTR, SM_LEAF);
    for (unsigned access = SM_R; access <= (SM_R | SM_W); access++) {
        r = ok(s, ASK, SM_NONE, INTR, access, SM_W);
        g_assert_true(r.untranslated_only);
        g_assert_cmphex(r.addr, ==, INTR);
        g_assert_cmphex(r.size, ==, 4096);
        g_assert_false(r.interrupt);
    }
    g_assert_true(ok(s, ASK, SM_NONE, 0xfeefffff, SM_W, SM_W)
                  .untranslated_only);
    g_assert_false(ok(s, ASK, SM_NONE, 0xfef00000, SM_W, 0)
                   .untranslated_only);
    g_assert_false(ok(s, ASK, SM_NONE, 0xfedff000, SM_W, 0)
                   .untranslated_only);
    /* with a PASID, it is an address like any other */
    r = ok(s, ASK, PASID, INTR, SM_R, SM_R);
    g_assert_false(r.untranslated_only);
    g_assert_cmphex(r.addr, ==, PA);
    ok(s, PLAIN, PASID, INTR, SM_R, SM_R);
    /* translated requests never go there */
    no(s, GO, SM_NONE, INTR, SM_W, 0);
    no(s, GO, PASID, INTR, SM_W, 0);
    ok(s, GO, PASID, INTR + 0x100000, SM_W, SM_R | SM_W);
    /* and nothing is translated to there */
    g_assert_true(guest_fs_map(&s->fs, s->alloc, VA, INTR, 1, SM_LEAF));
    no(s, ASK, PASID, VA, SM_W, SPEC_FR_SM_OUT_INTERRUPT);
    no(s, ASK, SM_NONE, VA, SM_R, SPEC_FR_SM_OUT_INTERRUPT);
    scalable_free(s);
}

static void test_interrupt_range_pass_through(void)
{
    Scalable *s = start(SECOND);

    s->entry.pgtt = SPEC_PGTT_PASS;
    scalable_put_pasid(s, 0);
    scalable_put_pasid(s, PASID);
    scalable_flush(s);
    g_assert_true(ok(s, ASK, SM_NONE, INTR, SM_W, SM_W).untranslated_only);
    no(s, ASK, PASID, INTR, SM_W, SPEC_FR_SM_OUT_INTERRUPT);
    no(s, PLAIN, PASID, INTR, SM_R, SPEC_FR_SM_OUT_INTERRUPT);
    no(s, GO, PASID, INTR, SM_R, 0);
    g_assert_cmphex(ok(s, ASK, PASID, VA, SM_R, SM_R | SM_W).addr, ==, VA);
    scalable_free(s);
}

/* --- Who may ask, and who may go ----------------------------------------- */

static void test_blocked(void)
{
    Scalable *s = start(FIRST);

    map(s, VA, SM_LEAF);
    s->ctx[0] &= ~SPEC_SM_CTX_DTE;
    scalable_put_context(s);
    scalable_flush(s);
    for (unsigned i = 0; i < 2; i++) {
        ViommuKind kind = i ? GO : ASK;

        no(s, kind, PASID, VA, SM_R, SPEC_FR_SM_DTE);
        no(s, kind, SM_NONE, VA, SM_W, SPEC_FR_SM_DTE);
        /* the interrupt range is no way around */
        no(s, kind, SM_NONE, INTR, SM_W, SPEC_FR_SM_DTE);
    }
    ok(s, PLAIN, PASID, VA, SM_R, SM_R);
    /* DTE comes before all that has to do with PASIDs */
    for (unsigned i = 0; i < 2; i++) {
        ViommuKind kind = i ? GO : ASK;

        no(s, kind, 1 << 14, VA, SM_R, SPEC_FR_SM_DTE);
        no(s, PLAIN, 1 << 14, VA, SM_R, SPEC_FR_SM_PASID_RANGE);
        no(s, kind, PASID + 64, VA, SM_R, SPEC_FR_SM_DTE);
        no(s, PLAIN, PASID + 64, VA, SM_R, SPEC_FR_SM_DIR_P);
        no(s, kind, PASID + 1, VA, SM_R, SPEC_FR_SM_DTE);
        no(s, PLAIN, PASID + 1, VA, SM_R, SPEC_FR_SM_PASID_P);
        s->ctx[0] &= ~SPEC_SM_CTX_PASIDE;
        scalable_put_context(s);
        scalable_flush(s);
        no(s, kind, PASID, VA, SM_R, SPEC_FR_SM_DTE);
        no(s, PLAIN, PASID, VA, SM_R, SPEC_FR_SM_PASIDE);
        s->ctx[0] |= SPEC_SM_CTX_PASIDE;
        scalable_put_context(s);
        scalable_flush(s);
    }

    /* translation is off, or aborts: unsupported requests */
    g_assert_true(guest_command(&s->f->regs, 0, SPEC_GCMD_TE));
    no(s, ASK, PASID, VA, SM_R, 0);
    no(s, GO, SM_NONE, VA, SM_R, 0);
    no(s, ASK, SM_NONE, INTR, SM_W, 0);
    g_assert_true(guest_command(&s->f->regs, SPEC_GCMD_TE, 0));
    g_assert_true(guest_set_root(&s->f->regs, s->root |
                                 SPEC_TTM_ABORT << SPEC_RTADDR_TTM_SHIFT));
    scalable_flush(s);
    no(s, ASK, PASID, VA, SM_R, 0);
    no(s, ASK, SM_NONE, INTR, SM_W, 0);
    no(s, GO, SM_NONE, PA, SM_R, 0);
    no(s, PLAIN, SM_NONE, VA, SM_R, 0);
    /* the mode that does not exist */
    g_assert_true(guest_set_root(&s->f->regs, s->root |
                                 2 << SPEC_RTADDR_TTM_SHIFT));
    no(s, ASK, PASID, VA, SM_R, SPEC_FR_SM_ROOT_TTM);
    no(s, PLAIN, SM_NONE, VA, SM_W, SPEC_FR_SM_ROOT_TTM);
    scalable_free(s);
}

/* A condition that software cannot have meant is a fault for who asks. */
static void test_faults(void)
{
    Scalable *s = start(NESTED);
    uint64_t at = guest_pasid_addr(s->alloc, s->dir, PASID), word;

    scalable_map(s, VA, PA, 1);
    ok(s, ASK, PASID, VA, SM_R | SM_W, SM_R | SM_W);
    word = guest_read64(&s->f->mem, at);
    guest_write64(&s->f->mem, at, word & ~SPEC_PASID_P);
    scalable_flush(s);
    no(s, ASK, PASID, VA, SM_R, SPEC_FR_SM_PASID_P);
    guest_write64(&s->f->mem, at, word | SPEC_BIT(10));
    scalable_flush(s);
    no(s, ASK, PASID, VA, SM_W | SM_P, SPEC_FR_SM_PASID_RSVD);
    guest_write64(&s->f->mem, at, word);
    s->entry.flags2 &= ~(SPEC_PASID2_ERE | SPEC_PASID2_SRE);
    scalable_put_pasid(s, PASID);
    scalable_flush(s);
    no(s, ASK, PASID, VA, SM_R | SM_X, SPEC_FR_SM_ERE);
    no(s, ASK, PASID, VA, SM_R | SM_P, SPEC_FR_SM_SRE);

    at = guest_fs_entry(&s->fs, s->alloc, VA, 4, false);
    word = guest_read64(&s->f->mem, at);
    guest_write64(&s->f->mem, at, word | SPEC_FS_PS);
    scalable_flush(s);
    no(s, ASK, PASID, VA, SM_R, SPEC_FR_SM_FS_RSVD);
    guest_write64(&s->f->mem, at, word & ~SPEC_FS_P);
    scalable_flush(s);
    ok(s, ASK, PASID, VA, SM_R, 0);
    guest_write64(&s->f->mem, at, word);
    at = guest_ss_entry(s->alloc, s->ss, 4, PA + SM_BIAS, 2);
    guest_write64(&s->f->mem, at, 0);
    scalable_flush(s);
    ok(s, ASK, PASID, VA, SM_R, 0);
    no(s, PLAIN, PASID, VA, SM_R, SPEC_FR_SM_SS_RW);
    scalable_free(s);
}

static void test_width(void)
{
    Scalable *s = start(SECOND);

    ok(s, ASK, PASID, UINT64_C(1) << 48, SM_R, 0);
    no(s, PLAIN, PASID, UINT64_C(1) << 48, SM_R, SPEC_FR_SM_WIDTH);
    scalable_free(s);
}

/* Only the context entry has a say about translated requests [VTD 4.2.4]. */
static void test_translated(void)
{
    for (unsigned caching = 0; caching < 2; caching++) {
        ViommuVtdConfig config;
        Scalable *s;
        uint64_t at;

        scalable_config(&config);
        config.caching_mode = caching;
        s = scalable_new(&config, FIRST, 4, PASID);
        s->ctx[0] |= SPEC_SM_CTX_DTE;
        scalable_put_context(s);
        at = guest_pasid_addr(s->alloc, s->dir, 0);
        guest_write64(&s->f->mem, at, 0);
        scalable_flush(s);
        for (unsigned i = 0; i < 2; i++) {
            no(s, PLAIN, SM_NONE, VA, SM_R, SPEC_FR_SM_PASID_P);
            g_assert_cmphex(ok(s, GO, SM_NONE, PA + 8, SM_W, SM_R | SM_W)
                            .addr, ==, PA + 8);
            /* the directory ends there */
            no(s, GO, 1 << 14, PA, SM_W, SPEC_FR_SM_PASID_RANGE);
            /* a PASID whose table has nothing */
            ok(s, GO, PASID + 64, PA, SM_W | SM_P, SM_R | SM_W);
            ok(s, GO, PASID, PA, SM_W | SM_P | SM_X, SM_R | SM_W);
        }
        s->ctx[0] &= ~SPEC_SM_CTX_PASIDE;
        scalable_put_context(s);
        scalable_flush(s);
        no(s, GO, PASID, PA, SM_R, SPEC_FR_SM_PASIDE);
        ok(s, GO, SM_NONE, PA, SM_R, SM_R | SM_W);
        s->ctx[0] &= ~SPEC_SM_CTX_P;
        scalable_put_context(s);
        scalable_flush(s);
        no(s, GO, SM_NONE, PA, SM_R, SPEC_FR_SM_CTX_P);
        scalable_free(s);
    }
}

/* --- Legacy mode --------------------------------------------------------- */

static void test_legacy(void)
{
    ViommuVtdConfig config;
    GuestContext ctx = { .levels = 4, .domain = SM_DOMAIN };
    Scalable *s;
    uint64_t root;

    scalable_config(&config);
    s = scalable_new(&config, SECOND, 4, SM_NONE);
    scalable_map(s, VA, PA, 1);
    ctx.table = s->ss;
    root = guest_root_new(s->alloc);
    g_assert_true(guest_context_set(s->alloc, root, SM_SOURCE, &ctx));
    g_assert_true(guest_set_root(&s->f->regs, root));
    scalable_flush(s);
    no(s, ASK, SM_NONE, VA, SM_R, SPEC_FR_ATS_BLOCKED);
    no(s, GO, SM_NONE, VA, SM_W, SPEC_FR_ATS_BLOCKED);
    ctx.tt = SPEC_TT_PASS;
    g_assert_true(guest_context_set(s->alloc, root, SM_SOURCE, &ctx));
    scalable_flush(s);
    no(s, ASK, SM_NONE, VA, SM_R, SPEC_FR_ATS_BLOCKED);
    no(s, GO, SM_NONE, VA, SM_W, SPEC_FR_ATS_BLOCKED);
    ctx.tt = SPEC_TT_DEVTLB;
    g_assert_true(guest_context_set(s->alloc, root, SM_SOURCE, &ctx));
    scalable_flush(s);
    g_assert_cmphex(ok(s, ASK, SM_NONE, VA, SM_R, SM_R | SM_W).addr, ==, PA);
    ok(s, ASK, SM_NONE, VA + 0x1000, SM_R, 0);
    ok(s, ASK, SM_NONE, UINT64_C(1) << 48, SM_R, 0);
    g_assert_true(ok(s, ASK, SM_NONE, INTR, SM_R, SM_W).untranslated_only);
    ok(s, GO, SM_NONE, PA, SM_R, SM_R | SM_W);
    no(s, GO, SM_NONE, INTR, SM_W, 0);
    g_assert_true(guest_ss_map(s->alloc, s->ss, 4, VA, INTR, 1, SPEC_SS_R));
    scalable_flush(s);
    no(s, ASK, SM_NONE, VA, SM_R, SPEC_FR_OUT_INTERRUPT);
    no(s, ASK, PASID, VA, SM_R, SPEC_FR_SM_ROOT_TTM_PASID);
    scalable_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ats/access", test_access);
    g_test_add_func("/ats/accessed", test_accessed);
    g_test_add_func("/ats/rid-priv", test_rid_priv);
    g_test_add_func("/ats/global", test_global);
    g_test_add_func("/ats/snoop", test_snoop);
    g_test_add_func("/ats/sizes", test_sizes);
    g_test_add_func("/ats/interrupt-range", test_interrupt_range);
    g_test_add_func("/ats/interrupt-range-pass-through",
                    test_interrupt_range_pass_through);
    g_test_add_func("/ats/blocked", test_blocked);
    g_test_add_func("/ats/faults", test_faults);
    g_test_add_func("/ats/width", test_width);
    g_test_add_func("/ats/translated", test_translated);
    g_test_add_func("/ats/legacy", test_legacy);
    return g_test_run();
}
