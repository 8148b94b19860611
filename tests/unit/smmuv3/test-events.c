/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: the events that the tables' places make, what ATS is answered, and
 * merged events.
 */
#include "tests/lib/unit/smmu.h"

#define VA  SMMU_TEST_VA
#define PA  UINT64_C(0x00345000)
#define IPA UINT64_C(0x8123456000)
#define RW  (VIOMMU_READ | VIOMMU_WRITE)
#define HOLE (FIXTURE_RAM * 4)      /* no memory */

static Smmu *new_stream(unsigned kind)
{
    return smmu_test_new_with(kind, NULL);
}

static void with_fwb(ViommuSmmuv3Config *config)
{
    config->fwb = true;
}

/* --- Places -------------------------------------------------------------- */

/* [SMMU 7.3.3] [SMMU 7.3.4] [SMMU 3.3.1] [SMMU 5.1] */
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
    g_assert_cmphex(word[0], ==, EVENT_WORD0(SMMUV3_C_BAD_STREAMID, 0x100) |
                    EVENT_IN_SSV | EVENT_IN_SSID(7));
    g_assert_cmphex(word[1] | word[2] | word[3], ==, 0);
    /* RECINVSID off: nothing. */
    guest_set_reg32(s->regs, SMMUV3_CR2, 0);
    g_assert_cmpint(viommu_translate(s->f->unit, &req, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_false(smmu_test_event(s, word));
    guest_set_reg32(s->regs, SMMUV3_CR2, 2);

    /* Two levels: each Span; stream 0x18 needs at least 6. */
    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, l1);
    guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG, STRTAB_2LVL(8, 6));
    for (unsigned span = 0; span < 32; span++) {
        bool good = span == 6 || span == 7;

        smmu_test_change(s, l1, UINT64_MAX, s->strtab | span);
        g_assert_cmpint(smmu_test_dma(s, PA, RW, &reply), ==,
                        good ? VIOMMU_OK : VIOMMU_FAULT);
        g_assert_cmpint(smmu_test_event(s, word), ==, !good);
        g_assert_true(good || (EVENT_ID(word)) == SMMUV3_C_BAD_STREAMID);
    }
    /* The table, and then its first level, where nothing is. */
    smmu_test_change(s, l1, UINT64_MAX, HOLE | 7);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                      SMMUV3_F_STE_FETCH, word);
    g_assert_cmphex(word[3], ==, HOLE + SMMU_TEST_SID * 64);
    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, HOLE);
    smmu_test_forget(s);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                      SMMUV3_F_STE_FETCH, word);
    g_assert_cmphex(word[3], ==, HOLE);
    g_assert_cmphex(word[1] | word[2], ==, 0);
    smmu_test_free(s);
}

/* Context descriptors that are not there; substreams [SMMU 7.3.9] [SMMU 7.3.10]
 * [SMMU 5.3] [SMMU 3.3.2]. */
static void test_descriptors(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t word[4];

    s->ste.cd_table = HOLE;
    smmu_test_put_ste(s);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                      SMMUV3_F_CD_FETCH, word);
    g_assert_cmphex(word[3], ==, HOLE);
    smmu_test_refused(s, 3, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_SUBSTREAMID,
                      word);
    g_assert_cmphex(word[0] & UINT32_MAX, ==,
                    SMMUV3_C_BAD_SUBSTREAMID | EVENT_IN_SSID(3));  /* no SSV */

    /* First level of 4 KiB tables: nothing, too far, not there. */
    s->ste.cd_table = s->cds;
    s->ste.s1fmt = 1;
    s->ste.s1cdmax = 10;
    s->ste.s1dss = 3;               /* as 0 */
    smmu_test_put_ste(s);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                      SMMUV3_F_STREAM_DISABLED, word);
    smmu_test_change(s, s->cds + 8, UINT64_MAX, 0);
    smmu_test_refused(s, 0x45, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_SUBSTREAMID,
                      word);
    smmu_test_change(s, s->cds + 8, UINT64_MAX,
                     UINT64_C(1) << 50 | SMMUV3_L1CD_V);
    smmu_test_refused(s, 0x45, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_SUBSTREAMID,
                      word);
    smmu_test_change(s, s->cds + 8, UINT64_MAX, HOLE | 1);
    smmu_test_refused(s, 0x45, VIOMMU_UNTRANSLATED, SMMUV3_F_CD_FETCH, word);
    g_assert_cmphex(word[3], ==, HOLE + 5 * 64);
    g_assert_cmphex(word[0] & UINT32_MAX, ==,
                    SMMUV3_F_CD_FETCH | EVENT_IN_SSV | EVENT_IN_SSID(0x45));
    smmu_test_refused(s, 1024, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_SUBSTREAMID,
                      word);
    smmu_test_free(s);

    s = new_stream(SMMUV3_S2);
    smmu_test_refused(s, 3, VIOMMU_UNTRANSLATED, SMMUV3_C_BAD_SUBSTREAMID,
                      word);
    smmu_test_free(s);
}

/* A table in a hole, at each place where one can be [SMMU 7.3.12]. */
static void test_walk_abort(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t word[4], entry = guest_tables_entry(&s->s1, VA, 0);

    guest_write64(&s->f->mem, entry, HOLE | 3);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                      SMMUV3_F_WALK_EABT, word);
    g_assert_cmphex(word[1], ==, EVENT_IN_RNW | EVENT_IN_CLASS(CLASS_TT));
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
        guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
        smmu_test_forget(s);
        smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                          SMMUV3_F_WALK_EABT, word);
        g_assert_cmphex(word[1] >> 39, ==, 1 | class << 1);
        at += class == 1 ? (VA >> 39 & 511) * 8 : 0;
        g_assert_cmphex(word[3], ==, HOLE + (at >> 21 & 511) * 8);
        smmu_test_free(s);
    }
}

/* Addresses too wide: of a table, of a page, and without stage 1 [SMMU 7.3.14]
 * [SMMU 3.4]. */
static void test_address_size(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t word[4];
    ViommuReply reply;

    s->cd.ips = 0;
    smmu_test_put_cd(s, 0);
    guest_write64(&s->f->mem, guest_tables_entry(&s->s1, VA, 1),
                  UINT64_C(1) << 33 | SMMUV3_PTE_VALID |
                      SMMUV3_PTE_TABLE);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                      SMMUV3_F_ADDR_SIZE, word);
    g_assert_cmphex(word[1], ==, EVENT_IN_RNW | EVENT_IN_CLASS(CLASS_IN));
    smmu_test_free(s);

    /* Recorded though S2R is not set: it is stage 1's. */
    s = new_stream(SMMUV3_S2);
    s->ste.s2record = false;
    smmu_test_put_ste(s);
    g_assert_cmpint(smmu_test_dma(s, UINT64_C(1) << 48, VIOMMU_WRITE, &reply),
                    ==, VIOMMU_FAULT);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(EVENT_ID(word), ==, SMMUV3_F_ADDR_SIZE);
    g_assert_cmphex(word[1], ==, EVENT_IN_CLASS(CLASS_IN));
    smmu_test_free(s);
}

/* Stage 2 lets stage 1's table be read, and not be written [SMMU 3.13.5]
 * [SMMU 7.3.16]. */
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
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    smmu_test_sync(s);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                      SMMUV3_F_PERMISSION, word);
    g_assert_cmphex(word[1], ==, EVENT_IN_RNW | EVENT_IN_S2 |
                    EVENT_IN_CLASS(CLASS_TT));         /* TTRnW: a write */
    g_assert_cmphex(word[3], ==, entry & ~UINT64_C(0xfff));
    guest_write64(&s->f->mem, block,
                  guest_read64(&s->f->mem, block) & ~SMMUV3_PTE_S2R);
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    smmu_test_sync(s);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                      SMMUV3_F_PERMISSION, word);
    g_assert_cmphex(word[1] >> 44 & 1, ==, 1);
    smmu_test_free(s);
}

/* Values of STRTAB_BASE_CFG that are reserved, and what the base is aligned
 * to [SMMU 6.3.24] [SMMU 6.3.25]. */
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
                            STRTAB_LINEAR(8) | FIELD_PUT(split, STRTAB_SPLIT) |
                            FIELD_PUT(format, STRTAB_FMT));
            smmu_test_forget(s);
            g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                            VIOMMU_OK);
        }
    }
    /* A span of 2^8 is, for 6 and what is as 6. */
    guest_write64(&s->f->mem, two, s->strtab | 9);
    guest_set_reg64(s->regs, SMMUV3_STRTAB_BASE, two);
    for (unsigned split = 0; split < 32; split++) {
        guest_set_reg32(s->regs, SMMUV3_STRTAB_BASE_CFG,
                        STRTAB_2LVL(8, split));
        smmu_test_forget(s);
        if (split == 8 || split == 10) {
            g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                            VIOMMU_OK);
        } else {
            smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
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
                        STRTAB_2LVL(log2, 8));
        smmu_test_forget(s);
        g_assert_cmpint(smmu_test_dma(s, VA, VIOMMU_READ, &reply), ==,
                        VIOMMU_OK);
    }
    smmu_test_free(s);
}

/* Stage 2 of the page with @addr as MemAttr @type. */
static void set_type(Smmu *s, uint64_t addr, uint64_t type)
{
    smmu_test_change(s, guest_tables_entry(&s->s2, addr, 2), SMMUV3_PTE_MEMATTR,
                     type << 2);
    guest_smmu_command(&s->commands, CMD_NSNH_ALL, 0);
    smmu_test_sync(s);
}

/*
 * A table walk that is protected (S2PTW) refuses stage 1's tables and
 * descriptors in memory that stage 2 calls Device memory; data it does not
 * mind.
 */
static void try_types(bool fwb)
{
    Smmu *s = fwb ? smmu_test_new_with(SMMUV3_NESTED, with_fwb)
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
            smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_UNTRANSLATED,
                              SMMUV3_F_PERMISSION, word);
            /* RnW, S2, and CLASS: a context descriptor */
            g_assert_cmphex(word[1] & ~EVENT_IN_TTRNW, ==,
                            EVENT_IN_RNW | EVENT_IN_S2);
            g_assert_cmphex(word[3], ==, s->cds);
        }
    }
    smmu_test_free(s);
}

/* [SMMU 5.2] [SMMU 7.3.16] */
static void test_table_types(void)
{
    try_types(false);
    try_types(true);
}

/* --- ATS ----------------------------------------------------------------- */

/* The words of events about requests that ATS is not allowed to. */
static void check_ats_events(Smmu *s)
{
    uint64_t word[4];
    ViommuReply reply;

    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION,
                      SMMUV3_F_BAD_ATS_TREQ, word);
    /* R, and a span of one */
    g_assert_cmphex(word[1], ==, TREQ_R | TREQ_SPAN(1));
    g_assert_cmphex(word[2], ==, VA);
    g_assert_cmphex(word[3], ==, 0);
    g_assert_cmpint(smmu_test_request(s, VIOMMU_NO_PASID, VA + 0x123,
                                      VIOMMU_WRITE | VIOMMU_EXEC |
                                      VIOMMU_PRIV, VIOMMU_TRANSLATION,
                                      &reply), ==, VIOMMU_FAULT);
    g_assert_true(smmu_test_event(s, word));
    /* W, too; X and PRIV come with a PASID only [SMMU 13.7] */
    g_assert_cmphex(word[1], ==, TREQ_R | TREQ_W | TREQ_SPAN(1));
    g_assert_cmphex(word[2], ==, VA);
    g_assert_cmpint(smmu_test_request(s, 3, VA + 0x123, VIOMMU_WRITE |
                                      VIOMMU_EXEC | VIOMMU_PRIV,
                                      VIOMMU_TRANSLATION, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_true(smmu_test_event(s, word));
    g_assert_cmphex(word[1], ==, TREQ_R | TREQ_W | TREQ_X |
                    TREQ_PRIV | TREQ_SPAN(1));
    g_assert_cmphex(word[2], ==, VA);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATED,
                      SMMUV3_F_TRANSL_FORBIDDEN, word);
    g_assert_cmphex(word[1], ==, EVENT_IN_RNW);
    g_assert_cmphex(word[2], ==, VA);
}

/* [SMMU 7.3.6] [SMMU 7.3.8] [PCIe 10.2.2] */
static void test_ats_rules(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t word[4];
    uint32_t cr0 = guest_reg32(s->regs, SMMUV3_CR0);

    check_ats_events(s);

    /* EATS is ignored in bypass. */
    s->ste.eats = EATS_FULL;
    s->ste.config = SMMUV3_BYPASS;
    smmu_test_put_ste(s);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION,
                      SMMUV3_F_BAD_ATS_TREQ, word);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATED,
                      SMMUV3_F_TRANSL_FORBIDDEN, word);

    /* Errors of configuration make no event. */
    s->ste.config = SMMUV3_S1;
    s->ste.cd_table = HOLE;
    smmu_test_put_ste(s);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION, 0, word);
    smmu_test_refused(s, 3, VIOMMU_TRANSLATION, 0, word);
    smmu_test_change(s, smmu_test_ste_at(s), 1, 0);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION, 0, word);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATED, 0, word);

    /* Nor does an SMMU that is off let ATS through. */
    guest_set_reg32(s->regs, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_SMMUEN);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION,
                      SMMUV3_F_BAD_ATS_TREQ, word);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATED,
                      SMMUV3_F_TRANSL_FORBIDDEN, word);
    smmu_test_free(s);

    /* Split-stage without the check of translated requests is off. */
    s = new_stream(SMMUV3_NESTED);
    s->ste.eats = EATS_SPLIT;
    smmu_test_put_ste(s);
    guest_set_reg32(s->regs, SMMUV3_CR0, cr0 & ~SMMUV3_CR0_ATSCHK);
    smmu_test_refused(s, VIOMMU_NO_PASID, VIOMMU_TRANSLATION,
                      SMMUV3_F_BAD_ATS_TREQ, word);
    smmu_test_free(s);
}

/* --- Merging ------------------------------------------------------------- */

/* [SMMU 7.3.1] */
static void test_merging(void)
{
    Smmu *s = new_stream(SMMUV3_S1);
    uint64_t word[4];
    ViommuReply reply;

    for (unsigned mev = 0; mev < 2; mev++) {
        smmu_test_change(s, smmu_test_ste_at(s) + 8, FIELD_MASK(STE_MEV),
                         FIELD_PUT(mev, STE_MEV));
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
