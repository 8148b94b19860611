/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: registers under combinations of all options.  What the ID registers
 * say agrees with itself and with the specification (6.3.1 to 6.3.8), each
 * field that one of them makes RES0 takes no value (6.3.9 on), and what the
 * specification has no room for is refused.
 */
#include <string.h>

#include "tests/lib/unit/smmu.h"

static uint32_t bits(uint32_t reg, unsigned high, unsigned low)
{
    return reg >> low & ((2u << (high - low)) - 1);
}

static uint64_t ones(unsigned high, unsigned low)
{
    return (UINT64_MAX >> (63 - high)) & ~((UINT64_C(1) << low) - 1);
}

/* --- Combinations -------------------------------------------------------- */

/* All of what is on or off, and each stage; the rest in turn, so that each
 * value meets each. */
#define FLAGS   9u
#define TOTAL   (3u << FLAGS)

static const uint8_t sids[] = { 8, 16, 31, 32 };
static const uint8_t ssids[] = { 0, 1, 20 };
static const uint8_t widths[] = { 32, 36, 40, 42, 44, 48, 52 };

static void combination(unsigned n, ViommuSmmuv3Config *c)
{
    unsigned flags = n % (1u << FLAGS), stage = n >> FLAGS;

    viommu_smmuv3_config_init(c);
    c->iotlb_bits = 4;
    c->stage1 = stage != 1;
    c->stage2 = stage != 0;
    c->ats = flags & 1;
    c->pri = flags & 2;
    c->stall = flags & 4;
    c->ril = flags & 8;
    c->hyp = flags & 16;
    c->attr_perms_ovr = flags & 32;
    c->fwb = flags & 64;
    c->msi = flags & 128;
    c->atos = flags & 256;
    c->httu = n / 3 % 3;
    c->bbml = n / 5 % 3;
    c->sid_bits = sids[n % G_N_ELEMENTS(sids)];
    c->ssid_bits = ssids[n / 7 % G_N_ELEMENTS(ssids)];
    c->oas_bits = widths[n % G_N_ELEMENTS(widths)];
}

/* The option that cannot be as it is; NULL: there is none. */
static const char *contradiction(const ViommuSmmuv3Config *c)
{
    return c->pri && !c->ats ? "pri" :                          /* IDR0.PRI */
           c->ssid_bits && !c->stage1 ? "ssidsize" :
           c->hyp && !(c->stage1 && c->stage2) ? "hyp" :        /* IDR0.Hyp */
           c->fwb && !c->stage2 ? "fwb" : NULL;
}

static const char *later_of(const ViommuSmmuv3Config *c)
{
    return c->fwb && !c->stage2 ? "fwb" :
           c->hyp && !(c->stage1 && c->stage2) ? "hyp" :
           c->ssid_bits && !c->stage1 ? "ssidsize" : "pri";
}

static Viommu *make(const void *config, const ViommuOps *ops, void *opaque,
                    GError **error)
{
    return viommu_smmuv3_new(config, ops, opaque, error);
}

static uint32_t reg(Fixture *f, uint64_t offset)
{
    return (uint32_t)viommu_mmio_read(f->unit, offset, 4);
}

static uint64_t reg64(Fixture *f, uint64_t offset)
{
    return viommu_mmio_read(f->unit, offset, 8);
}

/* --- What is shown ------------------------------------------------------- */

/* Each option stands in its field. */
static void check_options(Fixture *f, const ViommuSmmuv3Config *c)
{
    uint32_t idr0 = reg(f, 0x00), idr1 = reg(f, 0x04), idr3 = reg(f, 0x0c);
    static const uint8_t size_of[8] = { 32, 36, 40, 42, 44, 48, 52, 0 };

    g_assert_cmpuint(bits(idr0, 1, 1), ==, c->stage1);
    g_assert_cmpuint(bits(idr0, 0, 0), ==, c->stage2);
    g_assert_cmpuint(bits(idr0, 7, 6), ==, c->httu);
    g_assert_cmpuint(bits(idr0, 9, 9), ==, c->hyp);
    g_assert_cmpuint(bits(idr0, 10, 10), ==, c->ats);
    g_assert_cmpuint(bits(idr0, 13, 13), ==, c->msi);
    g_assert_cmpuint(bits(idr0, 15, 15), ==, c->atos);
    g_assert_cmpuint(bits(idr0, 16, 16), ==, c->pri);
    g_assert_cmpuint(bits(idr0, 25, 24), ==, c->stall ? 0 : 1);
    g_assert_cmpuint(bits(idr1, 5, 0), ==, c->sid_bits);
    g_assert_cmpuint(bits(idr1, 10, 6), ==, c->ssid_bits);
    g_assert_cmpuint(bits(idr1, 26, 26), ==, c->attr_perms_ovr);
    g_assert_cmpuint(bits(idr3, 8, 8), ==, c->fwb);
    g_assert_cmpuint(bits(idr3, 10, 10), ==, c->ril);
    g_assert_cmpuint(bits(idr3, 12, 11), ==, c->bbml);
    g_assert_cmpuint(size_of[reg(f, 0x14) & 7], ==, c->oas_bits);
}

/* What the registers say of each other; nothing of the options. */
static void check_agreement(Fixture *f)
{
    uint32_t idr0 = reg(f, 0x00), idr1 = reg(f, 0x04), idr3 = reg(f, 0x0c);
    uint32_t idr5 = reg(f, 0x14), aidr = reg(f, 0x1c);
    bool s1 = bits(idr0, 1, 1), s2 = bits(idr0, 0, 0);
    bool ats = bits(idr0, 10, 10);
    unsigned stalls = bits(idr0, 25, 24);

    g_assert_true(s1 || s2);
    g_assert_cmpuint(bits(idr0, 3, 2), ==, 2);          /* AArch64 alone */
    g_assert_cmpuint(bits(idr0, 22, 21), !=, 1);        /* TTENDIAN */
    g_assert_cmpuint(stalls, <, 2);     /* 2 is not for PCIe; 3 is reserved */
    g_assert_cmpuint(bits(idr0, 28, 27), <, 2);         /* ST_LEVEL */
    g_assert_true(bits(idr0, 28, 27) || bits(idr1, 5, 0) < 7);
    g_assert_true(bits(idr1, 5, 0) <= 32 && bits(idr1, 10, 6) <= 20);
    g_assert_true(ats || !bits(idr0, 16, 16));          /* PRI */
    g_assert_true((s1 && s2) || !bits(idr0, 9, 9));     /* Hyp */
    g_assert_true((ats && s1 && s2) || !bits(idr0, 11, 11));    /* NS1ATS */
    g_assert_true((s1 && s2 && bits(idr0, 15, 15)) ||
                  !bits(idr0, 20, 20));                 /* VATOS */
    g_assert_true(s2 || !bits(idr0, 17, 17));           /* VMW */
    g_assert_true(s1 || !bits(idr1, 10, 6));            /* SSIDSIZE */
    /* 3.1: mandatory with their stage, and none without it */
    g_assert_cmpuint(bits(idr3, 2, 2), ==, s1);         /* HAD */
    g_assert_cmpuint(bits(idr3, 4, 4), ==, s2);         /* XNX */
    g_assert_true(s2 || !bits(idr3, 8, 8));             /* FWB */
    g_assert_cmpuint(bits(idr3, 12, 11), <, 3);         /* BBML */
    g_assert_true(bits(idr1, 25, 21) <= 19 && bits(idr1, 20, 16) <= 19 &&
                  bits(idr1, 15, 11) <= 19);
    g_assert_cmpint(bits(idr5, 31, 16) != 0, ==, stalls != 1);  /* STALL_MAX */
    g_assert_cmpuint(idr5 & 7, <, 7);                   /* OAS */
    g_assert_true((idr5 & 7) != 6 || bits(idr5, 6, 6)); /* 52: 64 KiB pages */
    g_assert_true(!bits(idr5, 11, 10) || bits(idr5, 6, 6));     /* VAX */
    g_assert_cmpuint(bits(idr5, 11, 10), <, 2);
    /* Presets come with REL; ECMDQ is 3.3's, and IDR6. */
    g_assert_cmpuint(bits(idr1, 31, 28), ==, 0);
    g_assert_cmphex(reg(f, 0x08) | reg(f, 0x10), ==, 0);        /* IDR2, 4 */
    /*
     * 3.1 may have features of 3.2, such as BBML, RIL and FWB, but none of
     * 3.3 or later (2.9): ATSRECERR and RME; above BBML, and PPS, in IDR3; DS
     * and D128.
     */
    g_assert_cmphex(aidr, ==, 0x01);
    g_assert_cmphex(idr0 & (1u << 23 | 7u << 29), ==, 0);
    g_assert_cmphex(idr3 & ~ones(12, 2), ==, 0);
    g_assert_cmphex(idr3 & (1u << 5 | 1u << 6), ==, 0);
    g_assert_cmphex(idr5 & (1u << 7 | 1u << 8 | 1u << 9 | 1u << 3 |
                            0xf000u), ==, 0);
}

/* --- What takes a value -------------------------------------------------- */

typedef struct Writable {
    uint32_t offset;
    unsigned size;
    uint64_t mask;
} Writable;

#define REGISTERS 34

/* As the ID registers have it. */
static unsigned list(Fixture *f, Writable *w)
{
    static const uint8_t size_of[8] = { 32, 36, 40, 42, 44, 48, 52, 0 };
    uint32_t idr0 = reg(f, 0x00), idr1 = reg(f, 0x04);
    unsigned oas = size_of[reg(f, 0x14) & 7], ssids_at = bits(idr1, 10, 6);
    bool pri = bits(idr0, 16, 16), msi = bits(idr0, 13, 13);
    bool atos = bits(idr0, 15, 15), hyp = bits(idr0, 9, 9);
    uint64_t queue = UINT64_C(1) << 62 | ones(oas - 1, 5) | 0x1f;
    uint64_t index = 0xfffff, overflow = index | UINT64_C(1) << 31;
    uint64_t address = msi ? ones(oas - 1, 2) : 0, data = UINT32_MAX;
    uint64_t errors = 0x05 | (msi ? 0xb0 : 0) | (pri ? 0x08 : 0) |
                      (pri && msi ? 0x40 : 0);
    uint64_t stream = ones(bits(idr1, 5, 0) - 1, 0) |
                      (ssids_at ? UINT64_C(1) << 52 |
                                  ones(32 + ssids_at - 1, 32) : 0);
    const Writable all[REGISTERS] = {
        { 0x00, 4, 0 }, { 0x04, 4, 0 }, { 0x08, 4, 0 }, { 0x0c, 4, 0 },
        { 0x10, 4, 0 }, { 0x14, 4, 0 }, { 0x18, 4, 0 }, { 0x1c, 4, 0 },
        { 0x28, 4, 0xfff },
        { 0x2c, 4, 2 | hyp },                           /* RECINVSID, E2H */
        { 0x40, 4, 0 }, { 0x48, 4, 0 }, { 0x60, 4, 0 },
        { 0x64, 4, errors },
        { 0x68, 8, address }, { 0x70, 4, msi ? data : 0 },
        { 0x74, 4, msi ? 0x3f : 0 },
        { 0x80, 8, UINT64_C(1) << 62 | ones(oas - 1, 6) },
        { 0x88, 4, 0x307ff },
        { 0x90, 8, queue }, { 0xa0, 8, queue },
        { 0x100a8, 4, overflow }, { 0x100ac, 4, overflow },
        { 0xb0, 8, address }, { 0xb8, 4, msi ? data : 0 },
        { 0xbc, 4, msi ? 0x3f : 0 },
        { 0xc0, 8, pri ? queue : 0 },
        { 0x100c8, 4, pri ? overflow : 0 },
        { 0x100cc, 4, pri ? overflow : 0 },
        { 0xd0, 8, pri ? address : 0 }, { 0xd8, 4, pri && msi ? data : 0 },
        /* LO: also of interrupts by wire (6.3.1, MSI) */
        { 0xdc, 4, (pri ? UINT64_C(1) << 31 : 0) | (pri && msi ? 0x3f : 0) },
        { 0x108, 8, atos ? stream : 0 },
        { 0x110, 8, atos ? ones(63, 6) : 0 },
    };

    memcpy(w, all, sizeof(all));
    return REGISTERS;
}

static void write_checked(Fixture *f, const Writable *w, uint64_t value)
{
    uint64_t before = viommu_mmio_read(f->unit, w->offset, w->size);

    viommu_mmio_write(f->unit, w->offset, value, w->size);
    fixture_run(f);
    g_assert_cmphex(viommu_mmio_read(f->unit, w->offset, w->size), ==,
                    (value & w->mask) | (before & ~w->mask));
}

static void check_writable(Fixture *f)
{
    uint32_t idr0 = reg(f, 0x00);
    bool pri = bits(idr0, 16, 16), ats = bits(idr0, 10, 10);
    uint32_t irqs = 5 | (pri ? 2 : 0);
    uint32_t enables = 0x0d | (pri ? 2 : 0) | (ats ? 0x10 : 0);
    Writable w[REGISTERS];
    unsigned n = list(f, w);

    for (unsigned i = 0; i < n; i++) {
        uint64_t all = w[i].size == 8 ? UINT64_MAX : UINT32_MAX;

        write_checked(f, &w[i], all);
        write_checked(f, &w[i], UINT64_C(0xa5a5a5a5a5a5a5a5) & all);
        write_checked(f, &w[i], 0);
    }
    /* No operation is asked for while there is no translation (6.3.37). */
    viommu_mmio_write(f->unit, 0x100, 1, 4);
    g_assert_cmphex(reg(f, 0x100), ==, 0);
    g_assert_cmphex(reg64(f, 0x118), ==, 0);
    viommu_mmio_write(f->unit, 0x50, irqs ^ UINT32_MAX, 4);
    g_assert_cmphex(reg(f, 0x50) | reg(f, 0x54), ==, 0);
    viommu_mmio_write(f->unit, 0x50, UINT32_MAX, 4);
    g_assert_cmphex(reg(f, 0x50), ==, irqs);
    g_assert_cmphex(reg(f, 0x54), ==, irqs);
    viommu_mmio_write(f->unit, 0x20, UINT32_MAX, 4);
    fixture_run(f);
    g_assert_cmphex(reg(f, 0x20), ==, enables);
    g_assert_cmphex(reg(f, 0x24), ==, enables);
    /* GATOS is there or is not. */
    viommu_mmio_write(f->unit, 0x100, UINT32_MAX, 4);
    fixture_run(f);
    g_assert_cmphex(reg(f, 0x100), ==, 0);
    g_assert_cmpint(reg64(f, 0x118) != 0, ==, bits(idr0, 15, 15));
}

static void test_combinations(void)
{
    unsigned made = 0;

    for (unsigned n = 0; n < TOTAL; n++) {
        ViommuSmmuv3Config config;
        const char *wrong;

        combination(n, &config);
        wrong = contradiction(&config);
        if (wrong) {
            g_autoptr(GError) error = NULL;

            g_assert_null(viommu_smmuv3_new(&config, fixture_ops(), NULL,
                                            &error));
            g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
            g_assert_true(g_str_has_prefix(error->message, wrong) ||
                          g_str_has_prefix(error->message,
                                           later_of(&config)));
            continue;
        }
        for (unsigned turn = 0; turn < 2; turn++) {
            Fixture *f = fixture_new_of(make, &config);

            check_options(f, &config);
            check_agreement(f);
            check_writable(f);
            check_agreement(f);
            fixture_free(f);
            /* once more with other widths */
            config.oas_bits = widths[n / 11 % G_N_ELEMENTS(widths)];
            config.sid_bits = sids[n / 13 % G_N_ELEMENTS(sids)];
        }
        made++;
    }
    g_assert_cmpuint(made, >, TOTAL / 8);
    g_test_message("%u of %u combinations are units", made, TOTAL);
}

/* The default is what QEMU 10.0's own model shows, stage by stage; but HAD,
 * which that shows without a stage 1, too. */
static void test_stock(void)
{
    const uint32_t idr0 = 2u << 2 | 1u << 4 | 1u << 12 | 1u << 18 | 2u << 21 |
                          1u << 24 | 1u << 26 | 1u << 27;
    const uint32_t idr3 = 1u << 10 | 2u << 11;

    for (unsigned stage = 0; stage < 3; stage++) {
        ViommuSmmuv3Config config;
        Fixture *f;

        viommu_smmuv3_config_init(&config);
        config.stage1 = stage != 1;
        config.stage2 = stage != 0;
        f = fixture_new_of(make, &config);
        g_assert_cmphex(reg(f, 0x00), ==,
                        idr0 | config.stage1 << 1 | config.stage2);
        g_assert_cmphex(reg(f, 0x04), ==, 16u | 19u << 16 | 19u << 21);
        g_assert_cmphex(reg(f, 0x0c), ==,
                        idr3 | config.stage1 << 2 | config.stage2 << 4);
        g_assert_cmphex(reg(f, 0x14), ==, 0x74);
        g_assert_cmphex(reg(f, 0x1c), ==, 1);
        g_assert_cmphex(reg(f, 0x44), ==, 0x1000);
        fixture_free(f);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smmu-identity/combinations", test_combinations);
    g_test_add_func("/smmu-identity/stock", test_stock);
    return g_test_run();
}
