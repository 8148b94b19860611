/* SPDX-License-Identifier: BSD-3-Clause */
/* The reference for scalable mode [VTD 3.4.3]. */
#include "vtd-ref-internal.h"

#include <string.h>

/* What a page is asked to do, and by whom. */
typedef struct Ask {
    const VtdRef *ref;
    VtdRefAnswer *answer;
    uint64_t addr;
    bool pasid;
    bool write, read, exec, priv;

    /* of the PASID entry */
    uint64_t pe[4];
    bool wpe, nxe, eafe, ssade, ere, pgsnp;
    unsigned fs_levels, ss_levels, ss_width;

    /* reasons that hold, where the specification gives no order between
     * them and what is wrong further down */
    uint64_t held[3];
} Ask;

static void hold(Ask *q, unsigned reason)
{
    q->held[reason / 64] |= SPEC_BIT(reason % 64);
}

/* The request fails: for @reason, or for one that holds already. */
static void fail(Ask *q, unsigned reason)
{
    if (reason) {
        hold(q, reason);
    }
    memcpy(q->answer->reasons, q->held, sizeof(q->held));
    q->answer->ok = false;
    for (unsigned i = 0; i < q->answer->touches; i++) {
        q->answer->touch[i].must = 0;
    }
}

static bool holds_any(const Ask *q)
{
    return (q->held[0] | q->held[1] | q->held[2]) != 0;
}

static bool holds_only(const Ask *q, unsigned reason)
{
    uint64_t only[3] = { 0 };

    only[reason / 64] = SPEC_BIT(reason % 64);
    return memcmp(q->held, only, sizeof(only)) == 0;
}

static unsigned mgaw(const VtdRef *ref)
{
    return (unsigned)((ref->cap & SPEC_CAP_MGAW) >> SPEC_CAP_MGAW_SHIFT) + 1;
}

static VtdRefTouch *touch(Ask *q, uint64_t addr)
{
    VtdRefTouch *t = &q->answer->touch[q->answer->touches++];

    *t = (VtdRefTouch) { .addr = addr, .via = -1 };
    return t;
}

/* --- Second stage [VTD 3.7] ---------------------------------------------- */

typedef struct Second {
    uint64_t addr;
    uint64_t page;
    unsigned access;
    bool snoop, dirty;
    int leaf;               /* touch of the last entry */
} Second;

/* The second stage's tables [VTD 3.7]: permissions of all levels together
 * [VTD 3.7.1], accessed bits [VTD 3.7.2].  @for_table: the walk of first-stage
 * tables asks, not the request. */
static bool second_stage(Ask *q, uint64_t addr, bool for_table, Second *out)
{
    uint64_t table = q->pe[0] & SPEC_SS_ADDR;

    *out = (Second) { .access = VTD_REF_READ | VTD_REF_WRITE };
    for (unsigned level = q->ss_levels; ; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t at = table + ((addr >> shift) & 511) * 8;
        VtdRefTouch *t;
        uint64_t entry;
        unsigned here;

        if (!vtd_ref_read(q->ref, at, &entry, 1)) {
            fail(q, level == q->ss_levels ? SPEC_FR_SM_SS_TOP_ACCESS
                                          : SPEC_FR_SM_SS_ACCESS);
            return false;
        }
        here = (entry & SPEC_SS_R ? VTD_REF_READ : 0) |
               (entry & SPEC_SS_W ? VTD_REF_WRITE : 0);
        if (!here) {
            fail(q, SPEC_FR_SM_SS_RW);
            return false;
        }
        out->access &= here;
        if (!out->access) {
            /* by all levels together: as if one of them said it alone */
            hold(q, SPEC_FR_SM_SS_RW);
        }
        if (!for_table && q->read && !(out->access & VTD_REF_READ)) {
            hold(q, SPEC_FR_SM_READ);
        }
        if (!for_table && q->write && !(out->access & VTD_REF_WRITE)) {
            hold(q, SPEC_FR_SM_WRITE);
        }
        /* SNP is ignored in scalable mode, where PGSNP is */
        if (entry & vtd_ref_ss_reserved(q->ref, entry, level) &
            ~SPEC_SS_SNP) {
            fail(q, SPEC_FR_SM_SS_RSVD);
            return false;
        }
        t = touch(q, at);
        if (q->ssade) {
            t->may = t->must = SPEC_SS_A;
        }
        if (vtd_ref_ss_is_leaf(entry, level)) {
            out->page = UINT64_C(1) << shift;
            out->addr = (entry & SPEC_SS_ADDR & ~(out->page - 1)) |
                        (addr & (out->page - 1));
            out->snoop = (entry & SPEC_SS_SNP) != 0;
            out->dirty = !q->ssade || (entry & SPEC_SS_D);
            out->leaf = (int)q->answer->touches - 1;
            return true;
        }
        table = entry & SPEC_SS_ADDR;
    }
}

/* A write sets @dirty in the entry behind touch @leaf, -1 for none
 * [VTD 3.6.2] [VTD 3.7.2]. */
static void set_dirty(Ask *q, int leaf, uint64_t dirty)
{
    if (q->write && leaf >= 0) {
        q->answer->touch[leaf].may |= dirty;
        q->answer->touch[leaf].must |= dirty;
    }
}

/*
 * The end of all walks: @fs and @ss are the touches of the entries of the
 * page in each stage, -1 where there is none with a dirty bit.
 */
static void finish(Ask *q, uint64_t addr, uint64_t page, unsigned access,
                   int fs, int ss)
{
    VtdRefAnswer *a = q->answer;

    a->addr = addr;
    a->page = page;
    a->access = access;
    if (vtd_ref_is_interrupt(addr) && !holds_any(q)) {
        /* the tables grant it, so a write may have left its mark */
        set_dirty(q, fs, SPEC_FS_D);
        set_dirty(q, ss, SPEC_SS_D);
        fail(q, SPEC_FR_SM_OUT_INTERRUPT);
        return;
    }
    if (holds_any(q)) {
        if (vtd_ref_is_interrupt(addr)) {
            hold(q, SPEC_FR_SM_OUT_INTERRUPT);
        }
        fail(q, 0);
        return;
    }
    set_dirty(q, fs, SPEC_FS_D);
    set_dirty(q, ss, SPEC_SS_D);
    a->ok = true;
}

static void second_only(Ask *q)
{
    VtdRefAnswer *a = q->answer;
    Second s;

    if (!second_stage(q, q->addr, false, &s)) {
        return;
    }
    a->snoop = s.snoop;
    a->snoop_open = q->pgsnp;
    a->dirty = s.dirty;
    finish(q, s.addr, s.page, s.access | (q->ere ? VTD_REF_EXEC : 0), -1,
           q->ssade ? s.leaf : -1);
}

/* --- First stage, alone and nested [VTD 3.6] [VTD 3.8] ------------------- */

/* Reserved bits of a present first-stage entry [VTD 9.7]. */
static uint64_t fs_reserved(const Ask *q, uint64_t entry, unsigned level)
{
    bool large = level > 1 && (entry & SPEC_FS_PS);
    uint64_t reserved = 0;

    /* nested: addresses are the second stage's affair */
    if (!q->ss_levels) {
        reserved |= SPEC_FS_ADDR & vtd_ref_above(q->ref->haw_bits);
    }
    if (level >= 4 ||
        (level == 3 && !(q->ref->cap & SPEC_CAP_FS1GP))) {
        reserved |= SPEC_FS_PS;
    }
    if (large && level == 2) {
        reserved |= SPEC_BITS(20, 13);
    }
    if (large && level == 3) {
        reserved |= SPEC_BITS(29, 13);
    }
    return reserved;
}

/* The address of the first-stage entry at @addr, through the second stage when
 * nested [VTD 3.8]; @s is the second stage's answer for its page. */
static bool find_entry(Ask *q, uint64_t addr, bool top, uint64_t *at,
                       Second *s)
{
    *at = addr;
    if (!q->ss_levels) {
        return true;
    }
    if (addr & vtd_ref_above(q->ss_width)) {
        fail(q, SPEC_FR_SM_FS_BEYOND);
        return false;
    }
    if (!second_stage(q, addr, true, s)) {
        return false;
    }
    if (!(s->access & VTD_REF_READ)) {
        fail(q, top ? SPEC_FR_SM_FS_TOP_READ : SPEC_FR_SM_FS_READ);
        return false;
    }
    *at = s->addr;
    return true;
}

/* Hardware sets bits in the entry behind touch @fs [VTD 3.6.2], a write which
 * the second stage must allow [VTD 3.8]. */
static void entry_bits(Ask *q, uint64_t entry, int fs, const Second *s,
                       uint64_t bits)
{
    VtdRefTouch *t = &q->answer->touch[fs];

    t->may |= bits;
    t->must |= bits;
    if (!q->ss_levels) {
        return;
    }
    if ((bits & ~entry) && !(s->access & VTD_REF_WRITE)) {
        hold(q, SPEC_FR_SM_FS_WRITE);
        t->may &= ~bits | entry;
    }
    t->via = s->leaf;
    if (q->ssade) {
        q->answer->touch[s->leaf].if_written = SPEC_SS_D;
    }
}

typedef struct First {
    bool rw, us, xd;
} First;

/* Permissions of all levels together [VTD 3.6.1]. */
static void first_rights(Ask *q, First *f, uint64_t entry)
{
    f->rw = f->rw && (entry & SPEC_FS_RW);
    f->us = f->us && (entry & SPEC_FS_US);
    f->xd = f->xd || (q->nxe && (entry & SPEC_FS_XD));
    if (!q->priv && !f->us) {
        hold(q, SPEC_FR_SM_USER);
    }
    if (q->write && !f->rw && (!q->priv || q->wpe)) {
        hold(q, SPEC_FR_SM_WRITE);
    }
    if (q->exec && f->xd) {
        hold(q, SPEC_FR_SM_EXECUTE);
    }
}

/* The first stage's page is known; @fs is the touch of its entry. */
static void first_page(Ask *q, const First *f, uint64_t addr, uint64_t page,
                       uint64_t entry, int fs, const Second *table)
{
    VtdRefAnswer *a = q->answer;
    unsigned access = VTD_REF_READ;
    Second s = { .dirty = true };

    access |= f->rw || (q->priv && !q->wpe) ? VTD_REF_WRITE : 0;
    access |= q->ere && !f->xd ? VTD_REF_EXEC : 0;
    if (q->ss_levels) {
        if (addr & vtd_ref_above(q->ss_width)) {
            fail(q, SPEC_FR_SM_SS_WIDTH);
            return;
        }
        if (!second_stage(q, addr, false, &s)) {
            return;
        }
        access &= s.access | VTD_REF_EXEC;
        addr = s.addr;
        page = page < s.page ? page : s.page;
    }
    a->snoop = q->pgsnp || s.snoop;
    a->dirty = s.dirty && (entry & SPEC_FS_D);
    if (q->write && (~entry & SPEC_FS_D) && q->ss_levels &&
        !(table->access & VTD_REF_WRITE)) {
        hold(q, SPEC_FR_SM_FS_WRITE);
    }
    if (holds_only(q, SPEC_FR_SM_FS_WRITE)) {
        /* the second stage grants the page, and may have been marked */
        set_dirty(q, q->ssade ? s.leaf : -1, SPEC_SS_D);
    }
    finish(q, addr, page, access, fs, q->ssade ? s.leaf : -1);
}

/* Canonical address, then table by table [VTD 3.6]. */
static void first_stage(Ask *q)
{
    unsigned width = q->fs_levels == 5 ? 57 : 48;
    uint64_t high = q->addr & vtd_ref_above(width - 1);
    uint64_t table = q->pe[2] & SPEC_BITS(63, 12);
    First f = { true, true, false };

    if (high && high != vtd_ref_above(width - 1)) {
        fail(q, SPEC_FR_SM_CANONICAL);
        return;
    }
    for (unsigned level = q->fs_levels; ; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        bool top = level == q->fs_levels;
        uint64_t at, entry, page = UINT64_C(1) << shift;
        Second s = { .leaf = -1 };
        int fs;

        if (!find_entry(q, table + ((q->addr >> shift) & 511) * 8, top, &at,
                        &s)) {
            return;
        }
        if (!vtd_ref_read(q->ref, at, &entry, 1)) {
            fail(q, top ? SPEC_FR_SM_FS_TOP_ACCESS : SPEC_FR_SM_FS_ACCESS);
            return;
        }
        if (!(entry & SPEC_FS_P)) {
            fail(q, SPEC_FR_SM_FS_P);
            return;
        }
        if (entry & fs_reserved(q, entry, level)) {
            fail(q, SPEC_FR_SM_FS_RSVD);
            return;
        }
        touch(q, at);
        fs = (int)q->answer->touches - 1;
        first_rights(q, &f, entry);
        entry_bits(q, entry, fs, &s,
                   SPEC_FS_A | (q->eafe ? SPEC_FS_EA : 0));
        if (level == 1 || (entry & SPEC_FS_PS)) {
            first_page(q, &f, (entry & SPEC_FS_ADDR & ~(page - 1)) |
                              (q->addr & (page - 1)), page, entry, fs, &s);
            return;
        }
        table = entry & SPEC_FS_ADDR;
    }
}

/* --- Root, context, PASID [VTD 9.2] [VTD 9.4] [VTD 9.5] [VTD 9.6] -------- */

/* Reserved bits of a PASID table entry [VTD 9.6]. */
static uint64_t pasid_reserved(const Ask *q, unsigned word)
{
    const VtdRef *ref = q->ref;
    uint64_t above = vtd_ref_above(ref->haw_bits), reserved;

    switch (word) {
    case 0:
        reserved = SPEC_BIT(5) | SPEC_BITS(11, 10) | above;
        reserved |= ref->ecap & SPEC_ECAP_SSADS ? 0 : SPEC_PASID_SSADE;
        return reserved;
    case 1:
        /* without memory types, what selects them is reserved, too */
        reserved = SPEC_BITS(22, 16) | SPEC_BITS(63, 25);
        reserved |= (ref->ecap & SPEC_ECAP_SC) || !ref->strict
                        ? 0 : SPEC_PASID1_PGSNP;
        reserved |= ref->ecap & SPEC_ECAP_SMPWCS ? 0 : SPEC_PASID1_PWSNP;
        return reserved;
    case 2:
        reserved = SPEC_BITS(11, 8) | above;
        reserved |= ref->ecap & SPEC_ECAP_SRS ? 0 : SPEC_PASID2_SRE;
        reserved |= ref->ecap & SPEC_ECAP_ERS ? 0 : SPEC_PASID2_ERE;
        reserved |= ref->ecap & SPEC_ECAP_EAFS ? 0 : SPEC_PASID2_EAFE;
        return reserved;
    default:
        return ~UINT64_C(0);
    }
}

/* Whether the unit supports the entry's type and modes [VTD 9.6]. */
static bool pasid_valid(const Ask *q, unsigned pgtt, unsigned aw,
                        unsigned fspm)
{
    const VtdRef *ref = q->ref;
    bool aw_ok = aw <= 4 && (ref->cap & SPEC_CAP_SAGAW & SPEC_BIT(8 + aw));
    bool fspm_ok = fspm == 0 || (fspm == 1 && (ref->cap & SPEC_CAP_FS5LP));

    switch (pgtt) {
    case SPEC_PGTT_FIRST:
        return (ref->ecap & SPEC_ECAP_FSTS) && fspm_ok;
    case SPEC_PGTT_SECOND:
        return (ref->ecap & SPEC_ECAP_SSTS) && aw_ok;
    case SPEC_PGTT_NESTED:
        return (ref->ecap & SPEC_ECAP_NEST) && aw_ok && fspm_ok;
    case SPEC_PGTT_PASS:
        /* AW should be the widest; what another one does is not said */
        q->answer->unspecified = !aw_ok;
        return (ref->ecap & SPEC_ECAP_PT) != 0;
    default:
        return false;
    }
}

static void pass_through(Ask *q)
{
    VtdRefAnswer *a = q->answer;

    if (q->addr & vtd_ref_above(mgaw(q->ref))) {
        fail(q, SPEC_FR_SM_WIDTH);
        return;
    }
    a->translated = false;
    a->dirty = true;
    finish(q, q->addr, 0, VTD_REF_READ | VTD_REF_WRITE |
                          (q->ere ? VTD_REF_EXEC : 0), -1, -1);
}

/* PASID table entry [VTD 9.6]. */
static void with_pasid_entry(Ask *q)
{
    unsigned pgtt = (unsigned)(q->pe[0] >> SPEC_PASID_PGTT_SHIFT) & 7;
    unsigned aw = (unsigned)(q->pe[0] >> SPEC_PASID_AW_SHIFT) & 7;
    unsigned fspm = (unsigned)(q->pe[2] >> SPEC_PASID2_FSPM_SHIFT) & 3;
    unsigned width = 30 + 9 * aw, most = mgaw(q->ref);

    for (unsigned i = 0; i < 4; i++) {
        if (q->pe[i] & pasid_reserved(q, i)) {
            hold(q, SPEC_FR_SM_PASID_RSVD);
        }
    }
    if (!pasid_valid(q, pgtt, aw, fspm)) {
        hold(q, SPEC_FR_SM_PASID_INVALID);
    }
    if (holds_any(q)) {
        fail(q, 0);
        return;
    }
    q->answer->has_domain = true;
    q->answer->domain = (uint16_t)(q->pe[1] & SPEC_PASID1_DID);
    q->answer->translated = true;
    q->wpe = q->pe[2] & SPEC_PASID2_WPE;
    q->nxe = q->pe[2] & SPEC_PASID2_NXE;
    q->eafe = q->pe[2] & SPEC_PASID2_EAFE;
    q->ere = q->pe[2] & SPEC_PASID2_ERE;
    q->pgsnp = (q->pe[1] & SPEC_PASID1_PGSNP) &&
               (q->ref->ecap & SPEC_ECAP_SC);
    if (q->exec && !q->ere) {
        hold(q, SPEC_FR_SM_ERE);
    }
    if (q->priv && !(q->pe[2] & SPEC_PASID2_SRE)) {
        hold(q, SPEC_FR_SM_SRE);
    }
    if (holds_any(q)) {
        fail(q, 0);
        return;
    }
    if (pgtt == SPEC_PGTT_SECOND || pgtt == SPEC_PGTT_NESTED) {
        q->ss_levels = aw + 2;
        q->ss_width = width < most ? width : most;
        q->ssade = q->pe[0] & SPEC_PASID_SSADE;
    }
    q->fs_levels = fspm == 1 ? 5 : 4;
    switch (pgtt) {
    case SPEC_PGTT_PASS:
        pass_through(q);
        break;
    case SPEC_PGTT_SECOND:
        if (q->addr & vtd_ref_above(q->ss_width)) {
            fail(q, SPEC_FR_SM_WIDTH);
        } else {
            second_only(q);
        }
        break;
    default:
        first_stage(q);
        break;
    }
}

/* Context entry [VTD 9.4], PASID directory entry [VTD 9.5]. */
static void with_context(Ask *q, const uint64_t ctx[4], uint32_t pasid)
{
    const VtdRef *ref = q->ref;
    uint64_t above = vtd_ref_above(ref->haw_bits);
    uint64_t rsvd0 = SPEC_BITS(8, 5) | (SPEC_SM_CTX_DIR & above);
    uint64_t rsvd1 = SPEC_BITS(63, 21);
    unsigned pdts = (unsigned)(ctx[0] >> SPEC_SM_CTX_PDTS_SHIFT) & 7;
    unsigned pss = (unsigned)((ref->ecap & SPEC_ECAP_PSS) >>
                              SPEC_ECAP_PSS_SHIFT);
    uint64_t dir, words[8];

    rsvd0 |= ref->ecap & SPEC_ECAP_DT ? 0 : SPEC_SM_CTX_DTE;
    rsvd0 |= ref->ecap & SPEC_ECAP_PASID ? 0 : SPEC_SM_CTX_PASIDE;
    rsvd0 |= ref->ecap & SPEC_ECAP_PRS ? 0 : SPEC_SM_CTX_PRE;
    rsvd1 |= ref->ecap & SPEC_ECAP_RPS ? 0 : SPEC_SM_CTX1_RID_PASID;
    rsvd1 |= ref->ecap & SPEC_ECAP_RPRIVS ? 0 : SPEC_SM_CTX1_RID_PRIV;
    if ((ctx[0] & rsvd0) || (ctx[1] & rsvd1) || ctx[2] || ctx[3]) {
        fail(q, SPEC_FR_SM_CTX_RSVD);
        return;
    }
    if (q->pasid) {
        if (!(ctx[0] & SPEC_SM_CTX_PASIDE)) {
            fail(q, SPEC_FR_SM_PASIDE);
            return;
        }
    } else {
        pasid = ref->ecap & SPEC_ECAP_RPS
                    ? (uint32_t)(ctx[1] & SPEC_SM_CTX1_RID_PASID) : 0;
        q->priv = ctx[1] & SPEC_SM_CTX1_RID_PRIV;
    }
    if (pasid / SPEC_PASIDS_PER_TABLE >= UINT64_C(1) << (pdts + 7) ||
        (q->pasid && pasid >> pss > 1)) {
        fail(q, q->pasid ? SPEC_FR_SM_PASID_RANGE : SPEC_FR_SM_RID_PASID);
        return;
    }
    if (!vtd_ref_read(ref, (ctx[0] & SPEC_SM_CTX_DIR) +
                               pasid / SPEC_PASIDS_PER_TABLE * 8, &dir, 1)) {
        fail(q, SPEC_FR_SM_DIR_ACCESS);
        return;
    }
    q->answer->fpd = q->answer->fpd || (dir & SPEC_DIR_FPD);
    if (!(dir & SPEC_DIR_P)) {
        fail(q, SPEC_FR_SM_DIR_P);
        return;
    }
    if (dir & (SPEC_BITS(11, 2) | (SPEC_DIR_TABLE & above))) {
        fail(q, SPEC_FR_SM_DIR_RSVD);
        return;
    }
    if (!vtd_ref_read(ref, (dir & SPEC_DIR_TABLE) +
                               pasid % SPEC_PASIDS_PER_TABLE *
                               SPEC_PASID_SIZE, words, 8)) {
        fail(q, SPEC_FR_SM_PASID_ACCESS);
        return;
    }
    q->answer->fpd = q->answer->fpd || (words[0] & SPEC_PASID_FPD);
    if (!(words[0] & SPEC_PASID_P)) {
        fail(q, SPEC_FR_SM_PASID_P);
        return;
    }
    memcpy(q->pe, words, 3 * 8);
    q->pe[3] = words[3] | words[4] | words[5] | words[6] | words[7];
    with_pasid_entry(q);
}

/* Root entry [VTD 9.2]. */
static void with_root(Ask *q, uint16_t source, uint32_t pasid)
{
    const VtdRef *ref = q->ref;
    uint64_t root, ctx[4];

    if (!vtd_ref_read(ref, (ref->rtaddr & ~UINT64_C(0xfff)) +
                               (source >> 7) * UINT64_C(8), &root, 1)) {
        fail(q, SPEC_FR_SM_ROOT_ACCESS);
        return;
    }
    if (!(root & SPEC_ROOT_P)) {
        fail(q, SPEC_FR_SM_ROOT_P);
        return;
    }
    if (root & (SPEC_ROOT_RSVD |
                (SPEC_ROOT_CTP & vtd_ref_above(ref->haw_bits)))) {
        fail(q, SPEC_FR_SM_ROOT_RSVD);
        return;
    }
    if (!vtd_ref_read(ref, (root & SPEC_ROOT_CTP) +
                               (source & 0x7f) * SPEC_SM_CTX_SIZE, ctx, 4)) {
        fail(q, SPEC_FR_SM_CTX_ACCESS);
        return;
    }
    q->answer->fpd = (ctx[0] & SPEC_SM_CTX_FPD) != 0;
    if (!(ctx[0] & SPEC_SM_CTX_P)) {
        fail(q, SPEC_FR_SM_CTX_P);
        return;
    }
    with_context(q, ctx, pasid);
}

void vtd_ref_request(const VtdRef *ref, uint16_t source, uint32_t pasid,
                     uint64_t addr, unsigned access, VtdRefAnswer *answer)
{
    bool has_pasid = pasid != VTD_REF_NO_PASID;
    unsigned ttm = (unsigned)((ref->rtaddr & SPEC_RTADDR_TTM) >>
                              SPEC_RTADDR_TTM_SHIFT);
    Ask ask = {
        .ref = ref, .answer = answer, .addr = addr, .pasid = has_pasid,
        .read = access & VTD_REF_READ, .write = access & VTD_REF_WRITE,
        .exec = has_pasid && (access & VTD_REF_EXEC),
        .priv = has_pasid && (access & VTD_REF_PRIV),
    };

    if (!has_pasid && (vtd_ref_is_interrupt(addr) ||
                       !(ref->gsts & SPEC_GSTS_TES))) {
        vtd_ref_translate(ref, source, addr, access, answer);
        return;
    }
    if (ttm != SPEC_TTM_SCALABLE) {
        if (!has_pasid) {
            vtd_ref_translate(ref, source, addr, access, answer);
            return;
        }
        memset(answer, 0, sizeof(*answer));
        fail(&ask, SPEC_FR_SM_ROOT_TTM_PASID);
        return;
    }
    memset(answer, 0, sizeof(*answer));
    with_root(&ask, source, pasid);
}
