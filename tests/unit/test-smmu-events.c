/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: which values of stream table entries and context descriptors are
 * errors, the events that the tables' places make, what ATS is answered, and
 * merged events.
 */
#include "smmu.h"

#define VA  UINT64_C(0x7f1234567000)
#define PA  UINT64_C(0x00345000)
#define IPA UINT64_C(0x8123456000)
#define RW  (VIOMMU_READ | VIOMMU_WRITE)
#define HOLE (FIXTURE_RAM * 4)      /* no memory */

static Smmu *new_with(unsigned kind, void (*change)(ViommuSmmuv3Config *))
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    if (change) {
        change(&config);
    }
    return smmu_test_new(&config, kind);
}

static Smmu *new_stream(unsigned kind)
{
    return new_with(kind, NULL);
}

static void with_fwb(ViommuSmmuv3Config *config)
{
    config->fwb = true;
}

static uint64_t ste_at(const Smmu *s)
{
    return s->strtab + SMMU_TEST_SID * SMMUV3_STE_SIZE;
}

static void forget_config(Smmu *s)
{
    guest_smmu_command(&s->commands, 0x04, 31);
    smmu_test_sync(s);
}

/* Change bits of a word of memory, as configuration. */
static void change(Smmu *s, uint64_t at, uint64_t mask, uint64_t value)
{
    guest_write64(&s->f->mem, at,
                  (guest_read64(&s->f->mem, at) & ~mask) | value);
    forget_config(s);
}

/* A refused read: its event, whole; 0 is none. */
static void expect_refused(Smmu *s, uint32_t ssid, ViommuKind kind,
                           unsigned id, uint64_t word[4])
{
    ViommuReply reply;

    g_assert_cmpint(smmu_test_request(s, ssid, VA, VIOMMU_READ, kind, &reply),
                    ==, VIOMMU_FAULT);
    g_assert_cmpint(smmu_test_event(s, word), ==, id != 0);
    if (id) {
        g_assert_cmphex(word[0] & 0xff, ==, id);
        g_assert_cmphex(word[0] >> 32, ==, SMMU_TEST_SID);
    }
    g_assert_false(smmu_test_event(s, word));
}

/* --- Values -------------------------------------------------------------- */

typedef enum Need { ANY, NO_STALL, NO_HTTU, HTTU_1, NO_ATS, OAS_40 } Need;

static void as_needed(ViommuSmmuv3Config *config, Need need)
{
    config->stall = need != NO_STALL;
    config->httu = need == NO_HTTU ? 0 : need == HTTU_1 ? 1 : 2;
    config->ats = config->pri = need != NO_ATS;
    config->oas_bits = need == OAS_40 ? 40 : 48;
}

typedef struct Value {
    unsigned kind, word;
    uint64_t mask, value;
    Need need;
    bool legal;
} Value;

#define BITS(low, width, v) ((UINT64_C(1) << (width)) - 1) << (low), \
                            (uint64_t)(v) << (low)

static const Value ste_values[] = {
    { SMMUV3_S1, 0, BITS(0, 1, 0), ANY, false },        /* V */
    { SMMUV3_S1, 0, BITS(59, 5, 11), ANY, false },      /* S1CDMax */
    { SMMUV3_S1, 0, BITS(59, 5, 10), ANY, true },
    { SMMUV3_S1, 0, BITS(48, 1, 1), ANY, false },       /* S1ContextPtr */
    { SMMUV3_NESTED, 0, BITS(48, 1, 1), ANY, false },
    { SMMUV3_S1, 0, BITS(4, 2, 3), ANY, true },         /* S1Fmt */
    { SMMUV3_S1, 1, BITS(27, 1, 1), NO_STALL, false },  /* S1STALLD */
    { SMMUV3_S1, 1, BITS(27, 1, 1), ANY, true },
    { SMMUV3_S2, 1, BITS(27, 1, 1), NO_STALL, true },
    { SMMUV3_S1, 1, BITS(28, 2, 2), ANY, false },       /* EATS */
    { SMMUV3_S2, 1, BITS(28, 2, 2), ANY, false },
    { SMMUV3_NESTED, 1, BITS(28, 2, 2), ANY, true },
    { SMMUV3_S1, 1, BITS(28, 2, 3), ANY, true },
    { SMMUV3_S1, 1, BITS(28, 2, 2), NO_ATS, true },
    { SMMUV3_S1, 1, BITS(30, 2, 1), ANY, true },        /* STRW, no EL2 */
    { SMMUV3_S2, 2, BITS(32, 6, 15), ANY, false },      /* S2T0SZ */
    { SMMUV3_S2, 2, BITS(32, 6, 40), ANY, false },
    { SMMUV3_S2, 2, BITS(38, 2, 0), ANY, false },       /* S2SL0 */
    { SMMUV3_S2, 2, BITS(38, 2, 3), ANY, false },
    { SMMUV3_S2, 2, BITS(46, 2, 3), ANY, false },       /* S2TG */
    { SMMUV3_S2, 2, BITS(32, 8, 2 << 6 | 24), OAS_40, false },
    { SMMUV3_S2, 2, BITS(32, 8, 2 << 6 | 24), ANY, true },
    { SMMUV3_S2, 2, BITS(51, 1, 0), ANY, false },       /* S2AA64 */
    { SMMUV3_S2, 2, BITS(52, 1, 1), ANY, false },       /* S2ENDI */
    { SMMUV3_S2, 2, BITS(55, 2, 2), NO_HTTU, false },   /* S2HA */
    { SMMUV3_S2, 2, BITS(55, 2, 1), HTTU_1, false },    /* S2HD */
    { SMMUV3_S2, 2, BITS(55, 2, 2), HTTU_1, true },
    { SMMUV3_S2, 2, BITS(55, 2, 3), ANY, true },
    { SMMUV3_S2, 2, BITS(57, 1, 1), NO_STALL, false },  /* S2S */
    { SMMUV3_S2, 2, BITS(57, 1, 1), ANY, true },
    { SMMUV3_S1, 2, BITS(57, 1, 1), NO_STALL, true },   /* not looked at */
    { SMMUV3_S2, 3, BITS(48, 1, 1), ANY, false },       /* S2TTB */
};

static const Value cd_values[] = {
    { SMMUV3_S1, 0, BITS(31, 1, 0), ANY, false },       /* V */
    { SMMUV3_S1, 0, BITS(0, 6, 15), ANY, false },       /* T0SZ */
    { SMMUV3_S1, 0, BITS(0, 6, 40), ANY, false },
    { SMMUV3_S1, 0, BITS(6, 2, 3), ANY, false },        /* TG0 */
    { SMMUV3_S1, 0, BITS(16, 6, 0), ANY, true },        /* T1SZ, with EPD1 */
    { SMMUV3_S1, 0, BITS(22, 9, 0), ANY, false },       /* TG1, without */
    { SMMUV3_S1, 0, BITS(15, 1, 1), ANY, false },       /* ENDI */
    { SMMUV3_S1, 0, BITS(41, 1, 0), ANY, false },       /* AA64 */
    { SMMUV3_S1, 0, BITS(42, 2, 2), NO_HTTU, false },   /* HA */
    { SMMUV3_S1, 0, BITS(42, 2, 1), HTTU_1, false },    /* HD */
    { SMMUV3_S1, 0, BITS(42, 2, 2), HTTU_1, true },
    { SMMUV3_S1, 0, BITS(44, 1, 1), NO_STALL, false },  /* S */
    { SMMUV3_S1, 0, BITS(46, 1, 0), ANY, false },       /* A */
    { SMMUV3_S1, 1, BITS(48, 1, 1), ANY, false },       /* TTB0 */
    { SMMUV3_S1, 2, BITS(48, 1, 1), ANY, true },        /* TTB1, with EPD1 */
};

static void try_value(const Value *v, unsigned id)
{
    ViommuSmmuv3Config config;
    uint64_t word[4], at, first;
    ViommuReply reply;
    Smmu *s;

    smmu_test_config(&config);
    as_needed(&config, v->need);
    s = smmu_test_new(&config, v->kind);
    at = id == SMMUV3_C_BAD_CD ? s->cds : ste_at(s);
    change(s, at + 8 * v->word, v->mask, v->value);
    smmu_test_dma(s, VA, VIOMMU_READ, &reply);
    first = reply.reason;
    if (v->legal ? first == id : first != id) {
        g_error("entry of kind %u, word %u, %#lx: reason %#lx", v->kind,
                v->word, (unsigned long)v->value, (unsigned long)first);
    }
    if (!v->legal) {
        g_assert_true(smmu_test_event(s, word));
        g_assert_cmphex(word[0], ==, id | (uint64_t)SMMU_TEST_SID << 32);
        g_assert_cmphex(word[1] | word[2] | word[3], ==, 0);
    }
    smmu_test_free(s);
}

static void test_ste_values(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(ste_values); i++) {
        try_value(&ste_values[i], SMMUV3_C_BAD_STE);
    }
}

static void test_cd_values(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cd_values); i++) {
        try_value(&cd_values[i], SMMUV3_C_BAD_CD);
    }
}

static void only_stage1(ViommuSmmuv3Config *config)
{
    config->stage2 = false;
}

static void only_stage2(ViommuSmmuv3Config *config)
{
    config->stage1 = false;
    config->ssid_bits = 0;
}

/* Each Config; stages that there are not; stalls against ATS and S1STALLD. */
static void test_ste_kinds(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t word[4];

    for (unsigned config = 0; config < 4; config++) {
        change(s, ste_at(s), 7 << 1, (uint64_t)config << 1);
        expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED, 0, word);
        expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION, 0, word);
        expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATED, 0, word);
    }
    change(s, ste_at(s), 7 << 1, SMMUV3_S1 << 1);
    change(s, ste_at(s) + 8, 1 << 27, 1 << 27);
    change(s, s->cds, UINT64_C(1) << 44, UINT64_C(1) << 44);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_CD,
                   word);
    smmu_test_free(s);

    s = new_with(SMMUV3_S1, only_stage1);
    change(s, ste_at(s), 7 << 1, SMMUV3_S2 << 1);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_STE,
                   word);
    smmu_test_free(s);
    s = new_with(SMMUV3_BYPASS, only_stage2);
    change(s, ste_at(s), 7 << 1, SMMUV3_S1 << 1);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_STE,
                   word);
    smmu_test_free(s);

    s = new_stream(SMMUV3_NESTED);
    for (unsigned eats = 1; eats < 3; eats++) {
        s->ste.eats = eats;
        s->ste.s2stall = true;
        smmu_test_put_ste(s);
        expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                       SMMUV3_C_BAD_STE, word);
    }
    smmu_test_free(s);
}

/* --- Places -------------------------------------------------------------- */

static void test_stream_ids(void)
{
    Smmu *s = new_stream(SMMUV3_BYPASS);
    uint64_t word[4], l1 = guest_alloc_pages(s->alloc, 1);
    ViommuRequest req = { .source = 0x100, .pasid = 7, .addr = PA,
                          .access = VIOMMU_READ };
    ViommuReply reply;

    g_assert_cmpint(viommu_translate(s->f->unit, &req, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(word[0], ==, 0x10000007802);
    g_assert_cmphex(word[1] | word[2] | word[3], ==, 0);
    /* RECINVSID off: nothing. */
    guest_set_reg32(s->regs, SMMUV3_CR2, 0);
    g_assert_cmpint(viommu_translate(s->f->unit, &req, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_false(smmu_test_event(s, word));
    guest_set_reg32(s->regs, SMMUV3_CR2, 2);

    /* Two levels: each Span; stream 0x18 needs at least 6. */
    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, l1);
    guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG, 8 | 6 << 6 | 1 << 16);
    for (unsigned span = 0; span < 32; span++) {
        bool good = span == 6 || span == 7;

        change(s, l1, UINT64_MAX, s->strtab | span);
        g_assert_cmpint(smmu_test_dma(s, PA, RW, &reply), ==,
                        good ? VIOMMU_OK : VIOMMU_FAULT);
        g_assert_cmpint(smmu_test_event(s, word), ==, !good);
        g_assert_true(good || (word[0] & 0xff) == SMMUV3_C_BAD_STREAMID);
    }
    /* The table, and then its first level, where nothing is. */
    change(s, l1, UINT64_MAX, HOLE | 7);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                   SMMUV3_F_STE_FETCH, word);
    g_assert_cmphex(word[3], ==, HOLE + SMMU_TEST_SID * 64);
    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, HOLE);
    forget_config(s);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                   SMMUV3_F_STE_FETCH, word);
    g_assert_cmphex(word[3], ==, HOLE);
    g_assert_cmphex(word[1] | word[2], ==, 0);
    smmu_test_free(s);
}

/* Context descriptors that are not there; substreams. */
static void test_descriptors(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t word[4];

    s->ste.cd_table = HOLE;
    smmu_test_put_ste(s);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                   SMMUV3_F_CD_FETCH, word);
    g_assert_cmphex(word[3], ==, HOLE);
    expect_refused(s, 3, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_SUBSTREAMID, word);
    g_assert_cmphex(word[0] & UINT32_MAX, ==, 0x3008);  /* no SSV */

    /* First level of 4 KiB tables: nothing, too far, not there. */
    s->ste.cd_table = s->cds;
    s->ste.s1fmt = 1;
    s->ste.s1cdmax = 10;
    s->ste.s1dss = 3;               /* as 0 */
    smmu_test_put_ste(s);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                   SMMUV3_F_STREAM_DISABLED, word);
    change(s, s->cds + 8, UINT64_MAX, 0);
    expect_refused(s, 0x45, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_SUBSTREAMID,
                   word);
    change(s, s->cds + 8, UINT64_MAX, UINT64_C(1) << 50 | 1);
    expect_refused(s, 0x45, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_SUBSTREAMID,
                   word);
    change(s, s->cds + 8, UINT64_MAX, HOLE | 1);
    expect_refused(s, 0x45, VIOMMU_UNTRANSLATED, SMMUV3_F_CD_FETCH, word);
    g_assert_cmphex(word[3], ==, HOLE + 5 * 64);
    g_assert_cmphex(word[0] & UINT32_MAX, ==, 0x45809);
    expect_refused(s, 1024, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_SUBSTREAMID,
                   word);
    smmu_test_free(s);

    s = new_stream(SMMUV3_S2);
    expect_refused(s, 3, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_SUBSTREAMID, word);
    smmu_test_free(s);
}

/* A table in a hole, at each place where one can be. */
static void test_walk_abort(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t word[4], entry = guest_tables_entry(&s->s1, VA, 0);

    guest_write64(&s->f->mem, entry, HOLE | 3);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                   SMMUV3_F_WALK_EABT, word);
    g_assert_cmphex(word[1], ==, UINT64_C(1) << 35 | UINT64_C(1) << 40);
    g_assert_cmphex(word[2], ==, VA);
    g_assert_cmphex(word[3], ==, HOLE + (VA >> 30 & 511) * 8);
    smmu_test_free(s);

    /* Stage 2 of the descriptor, of stage 1's table, of the page. */
    for (unsigned class = 0; class < 3; class++) {
        uint64_t at;

        s = new_stream(SMMUV3_NESTED);
        smmu_test_map(s, VA, IPA);
        at = class == 0 ? s->cds : class == 1 ? s->s1.ttb : IPA;
        if (class == 1) {
            /* Elsewhere than the descriptor. */
            s->cd.ttb[0] = at = UINT64_C(0x40000000);
            smmu_test_put_cd(s, 0);
        }
        /* Start tables side by side of level 1: one entry is 1 GiB. */
        guest_write64(&s->f->mem, guest_tables_entry(&s->s2, at, 1),
                      HOLE | 3);
        guest_smmu_command(&s->commands, 0x30, 0);
        forget_config(s);
        expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                       SMMUV3_F_WALK_EABT, word);
        g_assert_cmphex(word[1] >> 39, ==, 1 | class << 1);
        at += class == 1 ? (VA >> 39 & 511) * 8 : 0;
        g_assert_cmphex(word[3], ==, HOLE + (at >> 21 & 511) * 8);
        smmu_test_free(s);
    }
}

/* Addresses too wide: of a table, of a page, and without stage 1. */
static void test_address_size(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t word[4];
    ViommuReply reply;

    s->cd.ips = 0;
    smmu_test_put_cd(s, 0);
    guest_write64(&s->f->mem, guest_tables_entry(&s->s1, VA, 1),
                  UINT64_C(1) << 33 | 3);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                   SMMUV3_F_ADDR_SIZE, word);
    g_assert_cmphex(word[1], ==, UINT64_C(1) << 35 | UINT64_C(2) << 40);
    smmu_test_free(s);

    /* Recorded though S2R is not set: it is stage 1's. */
    s = new_stream(SMMUV3_S2);
    s->ste.s2record = false;
    smmu_test_put_ste(s);
    g_assert_cmpint(smmu_test_dma(s, UINT64_C(1) << 48, VIOMMU_WRITE, &reply),
                    ==, VIOMMU_FAULT);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(word[0] & 0xff, ==, SMMUV3_F_ADDR_SIZE);
    g_assert_cmphex(word[1], ==, UINT64_C(2) << 40);
    smmu_test_free(s);
}

/* Stage 2 lets stage 1's table be read, and not be written. */
static void test_table_permission(void)
{
    Smmu *s = new_stream(SMMUV3_NESTED);
    uint64_t entry, word[4], block;

    s->cd.ha = true;
    smmu_test_put_cd(s, 0);
    g_assert_true(guest_tables_map(&s->s1, VA, IPA, 3,
                                   SMMUV3_PAGE_S1 & ~SMMUV3_PTE_AF));
    entry = guest_tables_entry(&s->s1, VA, 3);
    block = guest_tables_entry(&s->s2, entry, 2);
    guest_write64(&s->f->mem, block,
                  guest_read64(&s->f->mem, block) & ~SMMUV3_PTE_S2W);
    guest_smmu_command(&s->commands, 0x30, 0);
    smmu_test_sync(s);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                   SMMUV3_F_PERMISSION, word);
    g_assert_cmphex(word[1], ==, UINT64_C(1) << 35 | UINT64_C(1) << 39 |
                    UINT64_C(1) << 40);         /* TTRnW: a write */
    g_assert_cmphex(word[3], ==, entry & ~UINT64_C(0xfff));
    guest_write64(&s->f->mem, block,
                  guest_read64(&s->f->mem, block) & ~SMMUV3_PTE_S2R);
    guest_smmu_command(&s->commands, 0x30, 0);
    smmu_test_sync(s);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                   SMMUV3_F_PERMISSION, word);
    g_assert_cmphex(word[1] >> 44 & 1, ==, 1);
    smmu_test_free(s);
}

/* Values of STRTAB_BASE_CFG that are reserved, and what the base is aligned
 * to (6.3.24, 6.3.25). */
static void test_stream_table(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    unsigned sids = guest_reg32(s->regs, SMMUV3_IDR1) & 63;
    uint64_t two = guest_alloc_pages(s->alloc, 1), word[4];
    ViommuReply reply;

    smmu_test_map(s, VA, PA);
    guest_write64(&s->f->mem, two, s->strtab | 7);      /* 64 entries */
    for (unsigned format = 0; format < 4; format++) {
        for (unsigned split = 0; split < 32; split++) {
            /* A span of 64 is too long for none of the splits. */
            guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE,
                            format == 1 ? two : s->strtab);
            guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG,
                            8 | split << 6 | format << 16);
            forget_config(s);
            g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                            VIOMMU_OK);
        }
    }
    /* A span of 2^8 is, for 6 and what is as 6. */
    guest_write64(&s->f->mem, two, s->strtab | 9);
    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, two);
    for (unsigned split = 0; split < 32; split++) {
        guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG,
                        8 | split << 6 | 1 << 16);
        forget_config(s);
        if (split == 8 || split == 10) {
            g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                            VIOMMU_OK);
        } else {
            expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                           SMMUV3_C_BAD_STREAMID, word);
        }
    }
    /* A size beyond the StreamIDs that there are still counts for the base:
     * the table is at 0. */
    g_assert_cmpuint(sids, <, 20);
    guest_write64(&s->f->mem, 0, s->strtab | 9);
    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, FIXTURE_RAM / 2);
    for (unsigned log2 = 32; log2 < 64; log2++) {
        guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG,
                        log2 | 8 << 6 | 1 << 16);
        forget_config(s);
        g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                        VIOMMU_OK);
    }
    smmu_test_free(s);
}

/* Stage 2 of the page with @addr as MemAttr @type. */
static void set_type(Smmu *s, uint64_t addr, uint64_t type)
{
    change(s, guest_tables_entry(&s->s2, addr, 2), SMMUV3_PTE_MEMATTR,
           type << 2);
    guest_smmu_command(&s->commands, 0x30, 0);
    smmu_test_sync(s);
}

/*
 * A table walk that is protected (S2PTW) refuses stage 1's tables and
 * descriptors in memory that stage 2 calls Device memory; data it does not
 * mind.
 */
static void try_types(bool fwb)
{
    Smmu *s = fwb ? new_with(SMMUV3_NESTED, with_fwb)
                  : new_stream(SMMUV3_NESTED);
    uint64_t entry, word[4];
    ViommuReply reply;

    smmu_test_map(s, VA, IPA);
    entry = guest_tables_entry(&s->s1, VA, 3);
    /* apart from the context descriptors' block */
    g_assert_cmphex(entry >> 21, ==, s->cds >> 21);
    s->ste.s2fwb = true;            /* without IDR3.FWB it says nothing */
    for (uint64_t type = 0; type < 16; type++) {
        bool device = fwb ? !(type & 4) : type < 4;

        g_assert_true(guest_tables_map(&s->s2, IPA, 0x345000, 3,
                                       (SMMUV3_PAGE_S2 & ~SMMUV3_PTE_MEMATTR) |
                                       type << 2));
        set_type(s, entry, type);
        for (unsigned ptw = 0; ptw < 2; ptw++) {
            s->ste.s2ptw = ptw;
            smmu_test_put_ste(s);
            if (!ptw || !device) {
                g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply),
                                ==, VIOMMU_OK);
                continue;
            }
            expect_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                           SMMUV3_F_PERMISSION, word);
            /* RnW, S2, and CLASS: a context descriptor */
            g_assert_cmphex(word[1] & ~(UINT64_C(1) << 44), ==,
                            UINT64_C(1) << 35 | UINT64_C(1) << 39);
            g_assert_cmphex(word[3], ==, s->cds);
        }
    }
    smmu_test_free(s);
}

static void test_table_types(void)
{
    try_types(false);
    try_types(true);
}

/* --- ATS ----------------------------------------------------------------- */

static void test_ats_rules(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t word[4];
    uint32_t cr0 = guest_reg32(s->regs, SMMUV3_CR0);

    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION,
                   SMMUV3_F_BAD_ATS_TREQ, word);
    g_assert_cmphex(word[2], ==, VA);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATED,
                   SMMUV3_F_TRANSL_FORBIDDEN, word);
    g_assert_cmphex(word[1], ==, UINT64_C(1) << 35);
    g_assert_cmphex(word[2], ==, VA);

    /* EATS is ignored in bypass. */
    s->ste.eats = 1;
    s->ste.config = SMMUV3_BYPASS;
    smmu_test_put_ste(s);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION,
                   SMMUV3_F_BAD_ATS_TREQ, word);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATED,
                   SMMUV3_F_TRANSL_FORBIDDEN, word);

    /* Errors of configuration make no event. */
    s->ste.config = SMMUV3_S1;
    s->ste.cd_table = HOLE;
    smmu_test_put_ste(s);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION, 0, word);
    expect_refused(s, 3, VIOMMU_TRANSLATION, 0, word);
    change(s, ste_at(s), 1, 0);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION, 0, word);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATED, 0, word);

    /* Nor does an SMMU that is off let ATS through. */
    guest_set_reg32(s->regs, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_SMMUEN);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION,
                   SMMUV3_F_BAD_ATS_TREQ, word);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATED,
                   SMMUV3_F_TRANSL_FORBIDDEN, word);
    smmu_test_free(s);

    /* Split-stage without the check of translated requests is off. */
    s = new_stream(SMMUV3_NESTED);
    s->ste.eats = 2;
    smmu_test_put_ste(s);
    guest_set_reg32(s->regs, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_ATSCHK);
    expect_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION,
                   SMMUV3_F_BAD_ATS_TREQ, word);
    smmu_test_free(s);
}

/* --- Merging ------------------------------------------------------------- */

static void test_merging(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t word[4];
    ViommuReply reply;

    for (unsigned mev = 0; mev < 2; mev++) {
        change(s, ste_at(s) + 8, 1 << 19, mev << 19);
        smmu_test_dma(s, VA, VIOMMU_READ, &reply);
        smmu_test_dma(s, VA + 8, VIOMMU_READ, &reply);
        smmu_test_dma(s, VA + 8, VIOMMU_WRITE, &reply);
        smmu_test_dma(s, VA + 0x1000, VIOMMU_WRITE, &reply);
        g_assert_true(smmu_test_event(s, word));
        g_assert_cmphex(word[2], ==, VA);
        g_assert_true(smmu_test_event(s, word));
        g_assert_cmphex(word[2], ==, VA + 8);
        g_assert_true(smmu_test_event(s, word));
        g_assert_cmpint(smmu_test_event(s, word), ==, !mev);
        g_assert_false(smmu_test_event(s, word));
        /* One that was taken is not repeated by the next. */
        smmu_test_dma(s, VA + 0x1000, VIOMMU_WRITE, &reply);
        g_assert_true(smmu_test_event(s, word));
    }
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-events/ste-values", test_ste_values);
    g_test_add_func("/smmu-events/cd-values", test_cd_values);
    g_test_add_func("/smmu-events/ste-kinds", test_ste_kinds);
    g_test_add_func("/smmu-events/stream-ids", test_stream_ids);
    g_test_add_func("/smmu-events/descriptors", test_descriptors);
    g_test_add_func("/smmu-events/walk-abort", test_walk_abort);
    g_test_add_func("/smmu-events/address-size", test_address_size);
    g_test_add_func("/smmu-events/table-permission", test_table_permission);
    g_test_add_func("/smmu-events/table-types", test_table_types);
    g_test_add_func("/smmu-events/stream-table", test_stream_table);
    g_test_add_func("/smmu-events/ats-rules", test_ats_rules);
    g_test_add_func("/smmu-events/merging", test_merging);
    return g_test_run();
}
