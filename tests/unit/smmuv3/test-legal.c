/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: every combination of the fields that make a stream table entry or
 * a context descriptor ILLEGAL together, against what 5.2.2 and 5.4.2 (and,
 * for start levels, VTCR_EL2 of the Arm architecture) say in tables; fields
 * that say nothing; and accesses of each size at each offset.
 */
#include <inttypes.h>

#include "tests/lib/unit/smmu.h"

#define ADDR    UINT64_C(0x12345000)

/* IPS, S2PS */
static const uint8_t sizes[8] = { 32, 36, 40, 42, 44, 48, 52, 52 };

static uint64_t at(uint64_t value, unsigned shift)
{
    return value << shift;
}

static Smmu *new_stream(unsigned kind, unsigned oas)
{
    ViommuSmmuv3Config config;

    smmu_test_config(&config);
    config.oas_bits = (uint8_t)oas;
    return smmu_test_new(&config, kind);
}

static unsigned reason(Smmu *s, uint64_t addr, ViommuStatus *status)
{
    ViommuReply reply;

    guest_smmu_command(&s->commands, CMD_CFGI_STE | CMD_SID(SMMU_TEST_SID),
                       CMD_LEAF);
    *status = smmu_test_dma(s, addr, VIOMMU_READ, &reply);
    return reply.reason;
}

/* --- Stream table entries ------------------------------------------------ */

typedef struct Ste {
    unsigned config, s1fmt, aa64, tg, t0sz, sl0, ps;
} Ste;

/* Which T0SZ goes with a granule and SL0: up to 16 tables side by side, of
 * two entries at least; and above how many bits of output it exists. */
static const struct {
    uint8_t least, most, oas;
} starts[3][4] = {
    /* 4 KiB */
    { { 30, 39, 0 }, { 21, 33, 0 }, { 16, 24, 42 }, { 1, 0, 0 } },
    /* 64 KiB */
    { { 31, 39, 0 }, { 18, 34, 0 }, { 12, 21, 42 }, { 1, 0, 0 } },
    /* 16 KiB */
    { { 35, 39, 0 }, { 24, 38, 0 }, { 16, 27, 40 }, { 1, 0, 0 } },
};

static bool ste_legal(const Ste *f, unsigned oas)
{
    if (!(f->config & 4) || !(f->config & 2)) {
        return true;
    }
    return f->aa64 && f->tg != 3 && f->t0sz >= starts[f->tg][f->sl0].least &&
           f->t0sz <= starts[f->tg][f->sl0].most &&
           oas > starts[f->tg][f->sl0].oas && 64 - f->t0sz <= oas;
}

static void try_ste(Smmu *s, const Ste *f, unsigned oas)
{
    uint64_t entry = s->strtab + SMMU_TEST_SID * SMMUV3_STE_SIZE;
    bool legal = ste_legal(f, oas);
    ViommuStatus status;
    unsigned why;

    guest_write64(&s->f->mem, entry, 1 | at(f->config, 1) | at(f->s1fmt, 4) |
                                     s->cds | at(f->s1fmt ? 3 : 0, 59));
    guest_write64(&s->f->mem, entry + 16,
                  SMMU_TEST_VMID | at(f->t0sz, 32) | at(f->sl0, 38) |
                  at(f->tg, 46) | at(f->ps, 48) | at(f->aa64, 51));
    why = reason(s, ADDR, &status);
    if (!(f->config & 4)) {
        g_assert_cmpint(status, ==, VIOMMU_FAULT);
        g_assert_cmphex(why, ==, 0);
    } else if (f->config == SMMUV3_BYPASS) {
        g_assert_cmpint(status, ==, VIOMMU_OK);
    } else if (legal != (why != SMMUV3_C_BAD_STE)) {
        g_error("oas %u: config %u s1fmt %u aa64 %u tg %u t0sz %u sl0 %u "
                "ps %u: reason %#x", oas, f->config, f->s1fmt, f->aa64, f->tg,
                f->t0sz, f->sl0, f->ps, why);
    }
}

/* [SMMU 5.2.2] [SMMU 3.4.1] */
static void test_ste(gconstpointer data)
{
    unsigned oas = GPOINTER_TO_UINT(data);
    Smmu *s = new_stream(SMMUV3_NESTED, oas);

    for (unsigned i = 0; i < 8 * 4 * 2 * 4 * 4 * 8; i++) {
        Ste f = {
            .config = i & 7, .s1fmt = i >> 3 & 3, .aa64 = i >> 5 & 1,
            .tg = i >> 6 & 3, .sl0 = i >> 8 & 3, .ps = i >> 10 & 7,
        };
        bool second = (f.config & 6) == 6;

        for (f.t0sz = 0; f.t0sz < 64; f.t0sz += second ? 1 : 13) {
            try_ste(s, &f, oas);
        }
    }
    smmu_test_free(s);
}

/* --- Context descriptors ------------------------------------------------- */

typedef struct Cd {
    unsigned half, tg, tsz, ips, epd, aa64;
    uint64_t ttb;
} Cd;

static bool cd_legal(const Cd *f, unsigned oas)
{
    static const uint8_t granules[2][4] = { { 12, 16, 14, 0 },
                                            { 0, 14, 12, 16 } };
    unsigned granule = granules[f->half][f->tg];
    unsigned bits = MIN(sizes[f->ips], oas);

    if (!f->aa64) {
        return false;
    }
    if (f->epd) {
        return true;
    }
    bits = granule == 16 ? bits : MIN(bits, 48u);
    return granule && f->tsz <= 39 &&
           f->tsz >= (granule == 16 && oas == 52 ? 12 : 16) &&
           !(f->ttb >> bits);
}

static void try_cd(Smmu *s, const Cd *f, unsigned oas)
{
    unsigned shift = 16 * f->half;
    ViommuStatus status;
    unsigned why;

    guest_write64(&s->f->mem, s->cds, at(f->tsz, shift) |
                  at(f->tg, 6 + shift) | at(f->epd, 14 + shift) |
                  at(1, 30 - shift) | at(1, 31) | at(f->ips, 32) |
                  at(f->aa64, 41) | at(1, 45) | at(1, 46) |
                  at(SMMU_TEST_ASID, 48));
    guest_write64(&s->f->mem, s->cds + 8 + 8 * f->half, f->ttb);
    why = reason(s, f->half ? ADDR | at(0x1ffff, 47) : ADDR, &status);
    if (cd_legal(f, oas) != (why != SMMUV3_C_BAD_CD)) {
        g_error("oas %u: half %u tg %u tsz %u ips %u epd %u aa64 %u ttb %#"
                PRIx64 ": reason %#x", oas, f->half, f->tg, f->tsz, f->ips,
                f->epd, f->aa64, f->ttb, why);
    }
}

/* [SMMU 5.4.2] [SMMU 3.4.1] */
static void test_cd(gconstpointer data)
{
    unsigned oas = GPOINTER_TO_UINT(data);
    Smmu *s = new_stream(SMMUV3_S1, oas);

    for (unsigned i = 0; i < 2 * 4 * 8 * 2 * 2 * 6; i++) {
        static const uint8_t bits[6] = { 0, 33, 41, 43, 47, 51 };
        Cd f = {
            .half = i & 1, .tg = i >> 1 & 3, .ips = i >> 3 & 7,
            .epd = i >> 6 & 1, .aa64 = i >> 7 & 1,
        };

        f.ttb = s->s1.ttb | (bits[i >> 8] ? at(1, bits[i >> 8]) : 0);
        for (f.tsz = 0; f.tsz < 64; f.tsz++) {
            try_cd(s, &f, oas);
        }
    }
    smmu_test_free(s);
}

/* --- What is not announced ----------------------------------------------- */

/*
 * 52 bits with pages of 4 and 16 KiB (IDR5.DS, which is 0) and VMSAv9-128 are
 * not there: CD.DS and STE.S2DS say nothing, and neither does S2FWB
 * [SMMU 5.2.2] [SMMU 5.4.2].
 */
static void test_not_announced(void)
{
    Smmu *s = new_stream(SMMUV3_S1, 52);
    uint64_t entry = s->strtab + SMMU_TEST_SID * SMMUV3_STE_SIZE;
    ViommuStatus status;
    uint32_t idr3 = guest_reg32(s->regs, SMMUV3_IDR3);
    uint32_t idr5 = guest_reg32(s->regs, SMMUV3_IDR5);

    g_assert_cmphex(idr5 >> 3 & 1, ==, 0);              /* D128 */
    g_assert_cmphex(idr5 >> 7 & 1, ==, 0);              /* DS */
    g_assert_cmphex(idr5 >> 10 & 3, ==, 1);             /* VAX */
    g_assert_cmphex(FIELD_GET(idr3, IDR3_FWB), ==, 0);
    g_assert_true(guest_tables_map(&s->s1, ADDR, 0x5000, 3, SMMUV3_PAGE_S1));
    g_assert_cmphex(reason(s, ADDR, &status), ==, 0);
    g_assert_cmpint(status, ==, VIOMMU_OK);
    /* T0SZ below 16 with 4 KiB pages, whatever the reserved bits say */
    s->cd.tsz[0] = 12;
    smmu_test_put_cd(s, 0);
    for (unsigned n = 0; n < 64; n++) {
        guest_write64(&s->f->mem, s->cds + 24, at(1, n));
        g_assert_cmphex(reason(s, ADDR, &status), ==, SMMUV3_C_BAD_CD);
    }
    s->cd.tsz[0] = 16;
    smmu_test_put_cd(s, 0);
    /* S2FWB, and the rest of the entry */
    guest_write64(&s->f->mem, entry + 8,
                  guest_read64(&s->f->mem, entry + 8) | at(1, 25));
    g_assert_cmphex(reason(s, ADDR, &status), ==, 0);
    for (unsigned word = 4; word < 8; word++) {
        guest_write64(&s->f->mem, entry + 8 * word, UINT64_MAX);
        g_assert_cmphex(reason(s, ADDR, &status), ==, 0);
        g_assert_cmpint(status, ==, VIOMMU_OK);
    }
    smmu_test_free(s);
}

/* Memory attributes of both entries: DMA is what it is, whatever they say
 * [SMMU 13]. */
static void test_attributes(void)
{
    static const struct {
        bool cd;
        uint8_t word, low, width;
    } fields[] = {
        { false, 1, 2, 2 }, { false, 1, 4, 2 }, { false, 1, 6, 2 }, /* S1C.. */
        { false, 1, 13, 4 },                    /* CONT */
        { false, 1, 17, 1 },                    /* DCP */
        { false, 1, 32, 4 }, { false, 1, 36, 1 },       /* MemAttr, MTCFG */
        { false, 1, 37, 4 }, { false, 1, 44, 2 },       /* ALLOCCFG, SHCFG */
        { false, 1, 46, 2 },                    /* NSCFG */
        { false, 1, 52, 12 },                   /* IMPLEMENTATION DEFINED */
        { false, 2, 40, 6 },                    /* S2IR0, S2OR0, S2SH0 */
        { false, 2, 59, 5 },
        { true, 0, 8, 6 }, { true, 0, 24, 6 },  /* IR, OR, SH */
        { true, 0, 47, 1 },                     /* ASET */
        { true, 1, 0, 1 }, { true, 2, 0, 1 },   /* NSCFG0, NSCFG1 */
        { true, 1, 60, 4 }, { true, 2, 60, 4 }, /* HWU */
        { true, 3, 0, 63 }, { true, 4, 0, 63 }, /* MAIR */
        { true, 5, 0, 63 }, { true, 6, 0, 63 }, /* AMAIR */
        { true, 7, 0, 63 },
    };
    Smmu *s = new_stream(SMMUV3_NESTED, 48);
    uint64_t entry = s->strtab + SMMU_TEST_SID * SMMUV3_STE_SIZE;

    smmu_test_map(s, ADDR, UINT64_C(0x87654000));
    g_assert_true(guest_tables_map(&s->s2, 0x87654000, 0x5000, 3,
                                   SMMUV3_PAGE_S2));
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        uint64_t place = (fields[i].cd ? s->cds : entry) +
                         8 * fields[i].word;
        uint64_t was = guest_read64(&s->f->mem, place);

        for (unsigned n = 0; n <= fields[i].width; n++) {
            uint64_t mask = n < fields[i].width
                            ? at(1, n) : at(1, fields[i].width) - 1;
            ViommuStatus status;

            guest_write64(&s->f->mem, place, was ^ at(mask, fields[i].low));
            g_assert_cmphex(reason(s, ADDR, &status), ==, 0);
            g_assert_cmpint(status, ==, VIOMMU_OK);
        }
        guest_write64(&s->f->mem, place, was);
    }
    smmu_test_free(s);
}

/* --- Accesses ------------------------------------------------------------ */

/* Each size, at each offset and past the end: the bytes of a read are what
 * reads of single bytes give; writes of anything leave a unit that a reset
 * brings back [SMMU 6.2]. */
static void test_accesses(void)
{
    Smmu *s = new_stream(SMMUV3_S1, 48);
    uint64_t end = viommu_mmio_size(s->f->unit) + 16;
    g_autofree uint8_t *bytes = g_new0(uint8_t, end + 8);

    for (uint64_t offset = 0; offset < end + 8; offset++) {
        bytes[offset] = (uint8_t)viommu_mmio_read(s->f->unit, offset, 1);
    }
    for (uint64_t offset = 0; offset < end; offset++) {
        uint64_t expected = 0;

        for (unsigned size = 1; size <= 8; size++) {
            expected |= at(bytes[offset + size - 1], 8 * (size - 1));
            g_assert_cmphex(viommu_mmio_read(s->f->unit, offset, size), ==,
                            expected);
        }
    }
    for (uint64_t offset = 0; offset < end; offset++) {
        for (unsigned size = 1; size <= 8; size++) {
            viommu_mmio_write(s->f->unit, offset,
                              at(g_test_rand_int(), 32) | g_test_rand_int(),
                              size);
        }
        if (offset % 64 == 0) {
            fixture_run(s->f);
            smmu_test_dma(s, ADDR, VIOMMU_READ, &(ViommuReply) { 0 });
        }
    }
    viommu_reset(s->f->unit);
    for (uint64_t offset = 0; offset < 0x20; offset++) {
        g_assert_cmphex(viommu_mmio_read(s->f->unit, offset, 1), ==,
                        bytes[offset]);
    }
    smmu_test_free(s);
}

int main(int argc, char **argv)
{
    static const uint8_t widths[] = { 32, 40, 42, 44, 48, 52 };

    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(widths); i++) {
        g_autofree char *ste = g_strdup_printf("/smmu-legal/ste-%u",
                                               widths[i]);
        g_autofree char *cd = g_strdup_printf("/smmu-legal/cd-%u", widths[i]);

        g_test_add_data_func(ste, GUINT_TO_POINTER(widths[i]), test_ste);
        g_test_add_data_func(cd, GUINT_TO_POINTER(widths[i]), test_cd);
    }
    g_test_add_func("/smmu-legal/not-announced", test_not_announced);
    g_test_add_func("/smmu-legal/attributes", test_attributes);
    g_test_add_func("/smmu-legal/accesses", test_accesses);
    return g_test_run();
}
