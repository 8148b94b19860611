/* SPDX-License-Identifier: BSD-3-Clause */
#include "vtd-ref-internal.h"

#include <string.h>

static uint64_t bit(unsigned reason)
{
    return SPEC_BIT(reason);
}

static uint64_t word(const uint8_t *bytes)
{
    uint64_t value = 0;

    for (unsigned i = 8; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    return value;
}

bool vtd_ref_read(const VtdRef *ref, uint64_t addr, uint64_t *words,
                  unsigned n)
{
    uint8_t bytes[64];

    if (!ref->read(ref->opaque, addr, bytes, n * 8)) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        words[i] = word(bytes + 8 * i);
    }
    return true;
}

bool vtd_ref_allows(const VtdRefAnswer *answer, unsigned reason)
{
    return reason < 64 * 3 &&
           (answer->reasons[reason / 64] & SPEC_BIT(reason % 64));
}

bool vtd_ref_is_interrupt(uint64_t addr)
{
    return addr >= SPEC_MSI_BASE && addr <= UINT64_C(0xfeefffff);
}

/* --- Protected memory [VTD 11.4.8] --------------------------------------- */

static bool in_region(const VtdRef *ref, uint64_t base, uint64_t limit,
                      uint64_t addr)
{
    uint64_t low = (UINT64_C(1) << ref->pmr_align) - 1;

    base &= ~low;
    limit |= low;
    return base <= limit && addr >= base && addr <= limit;
}

/* Protected memory [VTD 11.4.8]. */
static bool is_protected(const VtdRef *ref, uint64_t addr)
{
    if (!(ref->pmen & SPEC_PMEN_EPM)) {
        return false;
    }
    if ((ref->cap & SPEC_CAP_PLMR) &&
        in_region(ref, ref->plmbase, ref->plmlimit, addr)) {
        return true;
    }
    return (ref->cap & SPEC_CAP_PHMR) &&
           in_region(ref, ref->phmbase, ref->phmlimit, addr);
}

/* --- Second stage [VTD 3.7] [VTD 9.8] ------------------------------------ */

bool vtd_ref_ss_is_leaf(uint64_t entry, unsigned level)
{
    return level == 1 || (entry & SPEC_SS_PS);
}

/* Reserved bits of a present second-stage entry [VTD 9.8]. */
uint64_t vtd_ref_ss_reserved(const VtdRef *ref, uint64_t entry,
                             unsigned level)
{
    uint64_t reserved = SPEC_BITS(51, 12) & vtd_ref_above(ref->haw_bits);

    if (!vtd_ref_ss_is_leaf(entry, level)) {
        return reserved | SPEC_SS_SNP | SPEC_SS_TM;
    }
    if (!ref->tm_allowed) {
        reserved |= SPEC_SS_TM;
    }
    if (!(ref->ecap & SPEC_ECAP_SC)) {
        reserved |= SPEC_SS_SNP;
    }
    switch (level) {
    case 1:
        break;
    case 2:
        reserved |= SPEC_BITS(20, 12);
        reserved |= ref->cap & SPEC_CAP_SSLPS_2M ? 0 : SPEC_SS_PS;
        break;
    case 3:
        reserved |= SPEC_BITS(29, 12);
        reserved |= ref->cap & SPEC_CAP_SSLPS_1G ? 0 : SPEC_SS_PS;
        break;
    default:
        reserved |= SPEC_SS_PS;
        break;
    }
    return reserved;
}

/* The second stage's tables [VTD 3.7] [VTD 3.7.1]. */
static void walk(const VtdRef *ref, uint64_t table, unsigned levels,
                 uint64_t addr, unsigned access, VtdRefAnswer *answer)
{
    unsigned granted = VTD_REF_READ | VTD_REF_WRITE;
    uint64_t denied = 0;    /* reasons that hold, but later ones may win */

    answer->translated = true;
    for (unsigned level = levels; level >= 1; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t at = table + ((addr >> shift) & 511) * 8;
        uint64_t entry;
        unsigned here;

        if (!vtd_ref_read(ref, at, &entry, 1)) {
            answer->reasons[0] = denied | bit(SPEC_FR_SS_ACCESS);
            return;
        }
        here = (entry & SPEC_SS_R ? VTD_REF_READ : 0) |
               (entry & SPEC_SS_W ? VTD_REF_WRITE : 0);
        granted &= here;
        /*
         * A right that an upper entry withholds may be found missing there
         * or at the end of the walk: the specification gives no order
         * between it and what is wrong further down.
         */
        if (access & ~granted & VTD_REF_READ) {
            denied |= bit(SPEC_FR_READ);
        }
        if (access & ~granted & VTD_REF_WRITE) {
            denied |= bit(SPEC_FR_WRITE);
        }
        if (!here) {
            answer->reasons[0] = denied;
            return;
        }
        if (entry & vtd_ref_ss_reserved(ref, entry, level)) {
            answer->reasons[0] = denied | bit(SPEC_FR_SS_RESERVED);
            return;
        }
        if (vtd_ref_ss_is_leaf(entry, level)) {
            uint64_t page = UINT64_C(1) << shift;

            answer->page = page;
            answer->addr = (entry & SPEC_SS_ADDR & ~(page - 1)) |
                           (addr & (page - 1));
            answer->access = granted;
            answer->snoop = (entry & SPEC_SS_SNP) != 0;
            if (vtd_ref_is_interrupt(answer->addr)) {
                denied |= bit(SPEC_FR_OUT_INTERRUPT);
            }
            answer->reasons[0] = denied;
            answer->ok = denied == 0;
            return;
        }
        table = entry & SPEC_SS_ADDR;
    }
}

/* --- Root and context [VTD 3.4] [VTD 9.1] [VTD 9.3] ---------------------- */

static void fail(VtdRefAnswer *answer, unsigned reason)
{
    answer->reasons[0] = bit(reason);
}

/* Context entry [VTD 9.3]. */
static void with_context(const VtdRef *ref, const uint64_t ctx[2],
                         uint64_t addr, unsigned access,
                         VtdRefAnswer *answer)
{
    unsigned tt = (unsigned)((ctx[0] & SPEC_CTX_TT) >> SPEC_CTX_TT_SHIFT);
    unsigned aw = (unsigned)(ctx[1] & SPEC_CTX_HI_AW);
    unsigned mgaw = (unsigned)((ref->cap & SPEC_CAP_MGAW) >>
                               SPEC_CAP_MGAW_SHIFT) + 1;
    unsigned width = 30 + 9 * aw;

    if ((ctx[0] & (SPEC_CTX_RSVD |
                   (SPEC_CTX_SSPTPTR & vtd_ref_above(ref->haw_bits)))) ||
        (ctx[1] & SPEC_CTX_HI_RSVD)) {
        fail(answer, SPEC_FR_CTX_RESERVED);
        return;
    }
    if (tt == 3 || (tt == SPEC_TT_PASS && !(ref->ecap & SPEC_ECAP_PT)) ||
        (tt == SPEC_TT_DEVTLB && !(ref->ecap & SPEC_ECAP_DT))) {
        fail(answer, SPEC_FR_CTX_INVALID);
        return;
    }
    /* AW n is bit n of SAGAW, which has five */
    if (aw > 4 || !(ref->cap & SPEC_CAP_SAGAW & SPEC_BIT(8 + aw))) {
        fail(answer, SPEC_FR_CTX_INVALID);
        return;
    }
    answer->has_domain = true;
    answer->domain = (uint16_t)((ctx[1] & SPEC_CTX_HI_DID) >>
                                SPEC_CTX_HI_DID_SHIFT);
    if (addr & vtd_ref_above(width < mgaw ? width : mgaw)) {
        fail(answer, SPEC_FR_ADDR_TOO_WIDE);
        return;
    }
    if (tt == SPEC_TT_PASS) {
        answer->ok = true;
        answer->addr = addr;
        answer->access = VTD_REF_READ | VTD_REF_WRITE;
        return;
    }
    walk(ref, ctx[0] & SPEC_CTX_SSPTPTR, aw + 2, addr, access, answer);
}

/* Root entry [VTD 9.1], context entry [VTD 9.3]. */
static void with_tables(const VtdRef *ref, uint16_t source, uint64_t addr,
                        unsigned access, VtdRefAnswer *answer)
{
    uint64_t root[2], ctx[2];

    if (!vtd_ref_read(ref, (ref->rtaddr & ~UINT64_C(0xfff)) +
                             (source >> 8) * UINT64_C(16), root, 2)) {
        fail(answer, SPEC_FR_ROOT_ACCESS);
        return;
    }
    if (!(root[0] & SPEC_ROOT_P)) {
        fail(answer, SPEC_FR_ROOT_NOT_PRESENT);
        return;
    }
    if ((root[0] & (SPEC_ROOT_RSVD |
                    (SPEC_ROOT_CTP & vtd_ref_above(ref->haw_bits)))) ||
        root[1]) {
        fail(answer, SPEC_FR_ROOT_RESERVED);
        return;
    }
    if (!vtd_ref_read(ref, (root[0] & SPEC_ROOT_CTP) +
                             (source & 0xff) * UINT64_C(16), ctx, 2)) {
        fail(answer, SPEC_FR_CTX_ACCESS);
        return;
    }
    /* FPD counts in an entry that is not present, too [VTD 9.3] */
    answer->fpd = (ctx[0] & SPEC_CTX_FPD) != 0;
    if (!(ctx[0] & SPEC_CTX_P)) {
        fail(answer, SPEC_FR_CTX_NOT_PRESENT);
        return;
    }
    with_context(ref, ctx, addr, access, answer);
}

void vtd_ref_translate(const VtdRef *ref, uint16_t source, uint64_t addr,
                       unsigned access, VtdRefAnswer *answer)
{
    memset(answer, 0, sizeof(*answer));
    if (vtd_ref_is_interrupt(addr)) {
        answer->interrupt = true;
        answer->ok = true;
        answer->addr = addr;
        answer->access = VTD_REF_WRITE;
        return;
    }
    if (ref->gsts & SPEC_GSTS_TES) {
        with_tables(ref, source, addr, access, answer);
        return;
    }
    if (is_protected(ref, addr)) {
        answer->protected_memory = true;
        return;
    }
    answer->ok = true;
    answer->addr = addr;
    answer->access = VTD_REF_READ | VTD_REF_WRITE;
}
