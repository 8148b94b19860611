/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * SMMUv3: registers under combinations of all options.  What the ID registers
 * say agrees with itself and with the specification [SMMU 6.3], each
 * field that one of them makes RES0 takes no value [SMMU 6.3], and what the
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
    uint32_t idr0 = reg(f, SMMUV3_IDR0), idr1 = reg(f, SMMUV3_IDR1);
    uint32_t idr3 = reg(f, SMMUV3_IDR3);
    static const uint8_t size_of[8] = { 32, 36, 40, 42, 44, 48, 52, 0 };

    g_assert_cmpuint(FIELD_GET(idr0, IDR0_S1P), ==, c->stage1);
    g_assert_cmpuint(FIELD_GET(idr0, IDR0_S2P), ==, c->stage2);
    g_assert_cmpuint(FIELD_GET(idr0, IDR0_HTTU), ==, c->httu);
    g_assert_cmpuint(FIELD_GET(idr0, IDR0_HYP), ==, c->hyp);
    g_assert_cmpuint(FIELD_GET(idr0, IDR0_ATS), ==, c->ats);
    g_assert_cmpuint(FIELD_GET(idr0, IDR0_MSI), ==, c->msi);
    g_assert_cmpuint(FIELD_GET(idr0, IDR0_ATOS), ==, c->atos);
    g_assert_cmpuint(FIELD_GET(idr0, IDR0_PRI), ==, c->pri);
    g_assert_cmpuint(FIELD_GET(idr0, IDR0_STALL_MODEL), ==,
                     c->stall ? STALL_MODEL_BOTH : STALL_MODEL_NONE);
    g_assert_cmpuint(FIELD_GET(idr1, IDR1_SIDSIZE), ==, c->sid_bits);
    g_assert_cmpuint(FIELD_GET(idr1, IDR1_SSIDSIZE), ==, c->ssid_bits);
    g_assert_cmpuint(FIELD_GET(idr1, IDR1_ATTR_PERMS_OVR), ==,
                     c->attr_perms_ovr);
    g_assert_cmpuint(FIELD_GET(idr3, IDR3_FWB), ==, c->fwb);
    g_assert_cmpuint(FIELD_GET(idr3, IDR3_RIL), ==, c->ril);
    g_assert_cmpuint(FIELD_GET(idr3, IDR3_BBML), ==, c->bbml);
    g_assert_cmpuint(size_of[FIELD_GET(reg(f, SMMUV3_IDR5), IDR5_OAS)], ==,
                     c->oas_bits);
}

/* What the registers say of each other; nothing of the options. */
static void check_agreement(Fixture *f)
{
    uint32_t idr0 = reg(f, SMMUV3_IDR0), idr1 = reg(f, SMMUV3_IDR1);
    uint32_t idr3 = reg(f, SMMUV3_IDR3);
    uint32_t idr5 = reg(f, SMMUV3_IDR5), aidr = reg(f, SMMUV3_AIDR);
    bool s1 = FIELD_GET(idr0, IDR0_S1P), s2 = FIELD_GET(idr0, IDR0_S2P);
    bool ats = FIELD_GET(idr0, IDR0_ATS);
    unsigned stalls = FIELD_GET(idr0, IDR0_STALL_MODEL);
    unsigned oas = FIELD_GET(idr5, IDR5_OAS);
    unsigned sid_bits = FIELD_GET(idr1, IDR1_SIDSIZE);
    unsigned ssid_bits = FIELD_GET(idr1, IDR1_SSIDSIZE);

    g_assert_true(s1 || s2);
    g_assert_cmpuint(FIELD_GET(idr0, IDR0_TTF), ==, TTF_AARCH64);
    g_assert_cmpuint(FIELD_GET(idr0, IDR0_TTENDIAN), !=, 1);
    /* Forced stalls are not for PCIe, and 3 is reserved. */
    g_assert_cmpuint(stalls, <, STALL_MODEL_FORCED);
    g_assert_cmpuint(FIELD_GET(idr0, IDR0_ST_LEVEL), <, 2);
    g_assert_true(FIELD_GET(idr0, IDR0_ST_LEVEL) || sid_bits < 7);
    g_assert_true(sid_bits <= 32 && ssid_bits <= 20);
    g_assert_true(ats || !FIELD_GET(idr0, IDR0_PRI));
    g_assert_true((s1 && s2) || !FIELD_GET(idr0, IDR0_HYP));
    g_assert_true((ats && s1 && s2) || !FIELD_GET(idr0, IDR0_NS1ATS));
    g_assert_true((s1 && s2 && FIELD_GET(idr0, IDR0_ATOS)) ||
                  !FIELD_GET(idr0, IDR0_VATOS));
    g_assert_true(s2 || !FIELD_GET(idr0, IDR0_VMW));
    g_assert_true(s1 || !ssid_bits);
    /* 3.1: mandatory with their stage, and none without it */
    g_assert_cmpuint(FIELD_GET(idr3, IDR3_HAD), ==, s1);
    g_assert_cmpuint(FIELD_GET(idr3, IDR3_XNX), ==, s2);
    g_assert_true(s2 || !FIELD_GET(idr3, IDR3_FWB));
    g_assert_cmpuint(FIELD_GET(idr3, IDR3_BBML), <, 3);
    g_assert_cmpuint(FIELD_GET(idr1, IDR1_CMDQS), <=, 19);
    g_assert_cmpuint(FIELD_GET(idr1, IDR1_EVENTQS), <=, 19);
    g_assert_cmpuint(FIELD_GET(idr1, IDR1_PRIQS), <=, 19);
    g_assert_cmpint(FIELD_GET(idr5, IDR5_STALL_MAX) != 0, ==,
                    stalls != STALL_MODEL_NONE);
    g_assert_cmpuint(oas, <=, OAS_52);
    /* 52 bits need pages of 64 KiB. */
    g_assert_true(oas != OAS_52 || FIELD_GET(idr5, IDR5_GRAN64K));
    g_assert_true(!FIELD_GET(idr5, IDR5_VAX) ||
                  FIELD_GET(idr5, IDR5_GRAN64K));
    g_assert_cmpuint(FIELD_GET(idr5, IDR5_VAX), <, 2);
    /* Presets come with REL; ECMDQ is 3.3's, and IDR6. */
    g_assert_cmpuint(bits(idr1, 31, 28), ==, 0);
    g_assert_cmphex(reg(f, SMMUV3_IDR2) | reg(f, SMMUV3_IDR4), ==, 0);
    /*
     * 3.1 may have features of 3.2, such as BBML, RIL and FWB, but none of
     * 3.3 or later [SMMU 2.9]: ATSRECERR and RME; above BBML, and PPS, in IDR3;
     * DS and D128.
     */
    g_assert_cmphex(aidr, ==, 0x01);
    g_assert_cmphex(FIELD_GET(idr0, IDR0_ATSRECERR), ==, 0);
    g_assert_cmphex(FIELD_GET(idr0, IDR0_FROM_3_3), ==, 0);
    g_assert_cmphex(idr3 & ~ones(12, 2), ==, 0);
    g_assert_cmphex(FIELD_GET(idr3, IDR3_FROM_3_3), ==, 0);
    g_assert_cmphex(FIELD_GET(idr5, IDR5_DS), ==, 0);
    g_assert_cmphex(idr5 & (FIELD_MASK(IDR5_RESERVED_3) |
                            FIELD_MASK(IDR5_FROM_3_3) |
                            FIELD_MASK(IDR5_RESERVED_12)), ==, 0);
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
    uint32_t idr0 = reg(f, SMMUV3_IDR0), idr1 = reg(f, SMMUV3_IDR1);
    unsigned oas = size_of[FIELD_GET(reg(f, SMMUV3_IDR5), IDR5_OAS)];
    unsigned ssid_bits = FIELD_GET(idr1, IDR1_SSIDSIZE);
    bool pri = FIELD_GET(idr0, IDR0_PRI), msi = FIELD_GET(idr0, IDR0_MSI);
    bool atos = FIELD_GET(idr0, IDR0_ATOS), hyp = FIELD_GET(idr0, IDR0_HYP);
    uint64_t queue = SMMUV3_BASE_HINT | ones(oas - 1, 5) | 0x1f;
    uint64_t index = SMMUV3_CONS_INDEX, overflow = index | SMMUV3_OVERFLOW;
    uint64_t address = msi ? ones(oas - 1, 2) : 0, data = UINT32_MAX;
    uint64_t messages = SMMUV3_GERROR_MSI_CMDQ | SMMUV3_GERROR_MSI_EVENTQ |
                        SMMUV3_GERROR_MSI_GERROR;
    uint64_t errors = SMMUV3_GERROR_CMDQ | SMMUV3_GERROR_EVENTQ |
                      (msi ? messages : 0) | (pri ? SMMUV3_GERROR_PRIQ : 0) |
                      (pri && msi ? SMMUV3_GERROR_MSI_PRIQ : 0);
    uint64_t stream = ones(FIELD_GET(idr1, IDR1_SIDSIZE) - 1, 0) |
                      (ssid_bits ? GATOS_SSID(0) |
                                  ones(32 + ssid_bits - 1, 32) : 0);
    const Writable all[REGISTERS] = {
        { SMMUV3_IDR0, 4, 0 }, { SMMUV3_IDR1, 4, 0 },
        { SMMUV3_IDR2, 4, 0 }, { SMMUV3_IDR3, 4, 0 },
        { SMMUV3_IDR4, 4, 0 }, { SMMUV3_IDR5, 4, 0 },
        { SMMUV3_IIDR, 4, 0 }, { SMMUV3_AIDR, 4, 0 },
        { SMMUV3_CR1, 4, 0xfff },
        { SMMUV3_CR2, 4,
          SMMUV3_CR2_RECINVSID | (hyp ? SMMUV3_CR2_E2H : 0) },
        { SMMUV3_STATUSR, 4, 0 }, { SMMUV3_AGBPA, 4, 0 },
        { SMMUV3_GERROR, 4, 0 },
        { SMMUV3_GERRORN, 4, errors },
        { SMMUV3_GERROR_IRQ_CFG0, 8, address },
        { SMMUV3_GERROR_IRQ_CFG1, 4, msi ? data : 0 },
        { SMMUV3_GERROR_IRQ_CFG2, 4, msi ? 0x3f : 0 },
        { SMMUV3_STRTAB_BASE, 8, SMMUV3_BASE_HINT | ones(oas - 1, 6) },
        { SMMUV3_STRTAB_BASE_CFG, 4, 0x307ff },
        { SMMUV3_CMDQ_BASE, 8, queue }, { SMMUV3_EVENTQ_BASE, 8, queue },
        { SMMUV3_EVENTQ_PROD, 4, overflow },
        { SMMUV3_EVENTQ_CONS, 4, overflow },
        { SMMUV3_EVENTQ_IRQ_CFG0, 8, address },
        { SMMUV3_EVENTQ_IRQ_CFG1, 4, msi ? data : 0 },
        { SMMUV3_EVENTQ_IRQ_CFG2, 4, msi ? 0x3f : 0 },
        { SMMUV3_PRIQ_BASE, 8, pri ? queue : 0 },
        { SMMUV3_PRIQ_PROD, 4, pri ? overflow : 0 },
        { SMMUV3_PRIQ_CONS, 4, pri ? overflow : 0 },
        { SMMUV3_PRIQ_IRQ_CFG0, 8, pri ? address : 0 },
        { SMMUV3_PRIQ_IRQ_CFG1, 4, pri && msi ? data : 0 },
        /* LO: also of interrupts by wire [SMMU 6.3.1] */
        { SMMUV3_PRIQ_IRQ_CFG2, 4,
          (pri ? SMMUV3_PRIQ_CFG2_LO : 0) | (pri && msi ? 0x3f : 0) },
        { SMMUV3_GATOS_SID, 8, atos ? stream : 0 },
        { SMMUV3_GATOS_ADDR, 8, atos ? ones(63, 6) : 0 },
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
    uint32_t idr0 = reg(f, SMMUV3_IDR0);
    bool pri = FIELD_GET(idr0, IDR0_PRI), ats = FIELD_GET(idr0, IDR0_ATS);
    uint32_t irqs = SMMUV3_IRQ_GERROR | SMMUV3_IRQ_EVENTQ |
                    (pri ? SMMUV3_IRQ_PRIQ : 0);
    uint32_t enables = SMMUV3_CR0_SMMUEN | SMMUV3_CR0_QUEUES |
                       (pri ? SMMUV3_CR0_PRIQEN : 0) |
                       (ats ? SMMUV3_CR0_ATSCHK : 0);
    Writable w[REGISTERS];
    unsigned n = list(f, w);

    for (unsigned i = 0; i < n; i++) {
        uint64_t all = w[i].size == 8 ? UINT64_MAX : UINT32_MAX;

        write_checked(f, &w[i], all);
        write_checked(f, &w[i], UINT64_C(0xa5a5a5a5a5a5a5a5) & all);
        write_checked(f, &w[i], 0);
    }
    /* No operation is asked for while there is no translation [SMMU 6.3.37]. */
    viommu_mmio_write(f->unit, SMMUV3_GATOS_CTRL, 1, 4);
    g_assert_cmphex(reg(f, SMMUV3_GATOS_CTRL), ==, 0);
    g_assert_cmphex(reg64(f, SMMUV3_GATOS_PAR), ==, 0);
    viommu_mmio_write(f->unit, SMMUV3_IRQ_CTRL, irqs ^ UINT32_MAX, 4);
    g_assert_cmphex(reg(f, SMMUV3_IRQ_CTRL), ==, 0);
    g_assert_cmphex(reg(f, SMMUV3_IRQ_CTRLACK), ==, 0);
    viommu_mmio_write(f->unit, SMMUV3_IRQ_CTRL, UINT32_MAX, 4);
    g_assert_cmphex(reg(f, SMMUV3_IRQ_CTRL), ==, irqs);
    g_assert_cmphex(reg(f, SMMUV3_IRQ_CTRLACK), ==, irqs);
    viommu_mmio_write(f->unit, SMMUV3_CR0, UINT32_MAX, 4);
    fixture_run(f);
    g_assert_cmphex(reg(f, SMMUV3_CR0), ==, enables);
    g_assert_cmphex(reg(f, SMMUV3_CR0ACK), ==, enables);
    /* GATOS is there or is not. */
    viommu_mmio_write(f->unit, SMMUV3_GATOS_CTRL, UINT32_MAX, 4);
    fixture_run(f);
    g_assert_cmphex(reg(f, SMMUV3_GATOS_CTRL), ==, 0);
    g_assert_cmpint(reg64(f, SMMUV3_GATOS_PAR) != 0, ==,
                    FIELD_GET(idr0, IDR0_ATOS));
}

/* [SMMU 6.3] [SMMU 6.3.1] [SMMU 6.3.2] [SMMU 6.3.4] [SMMU 6.3.6]
 * [SMMU 3.4.3] */
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
 * which that shows without a stage 1, too [SMMU 6.3.1]. */
static void test_stock(void)
{
    const uint32_t idr0 = FIELD_PUT(TTF_AARCH64, IDR0_TTF) |
                          FIELD_MASK(IDR0_COHACC) | FIELD_MASK(IDR0_ASID16) |
                          FIELD_MASK(IDR0_VMID16) |
                          FIELD_PUT(TTENDIAN_LITTLE, IDR0_TTENDIAN) |
                          FIELD_PUT(STALL_MODEL_NONE, IDR0_STALL_MODEL) |
                          FIELD_MASK(IDR0_TERM_MODEL) |
                          FIELD_PUT(1, IDR0_ST_LEVEL);
    const uint32_t idr3 = FIELD_MASK(IDR3_RIL) | FIELD_PUT(2, IDR3_BBML);

    for (unsigned stage = 0; stage < 3; stage++) {
        ViommuSmmuv3Config config;
        Fixture *f;

        viommu_smmuv3_config_init(&config);
        config.stage1 = stage != 1;
        config.stage2 = stage != 0;
        f = fixture_new_of(make, &config);
        g_assert_cmphex(reg(f, SMMUV3_IDR0), ==,
                        idr0 | FIELD_PUT(config.stage1, IDR0_S1P) |
                        FIELD_PUT(config.stage2, IDR0_S2P));
        g_assert_cmphex(reg(f, SMMUV3_IDR1), ==,
                        FIELD_PUT(16, IDR1_SIDSIZE) |
                        FIELD_PUT(19, IDR1_EVENTQS) |
                        FIELD_PUT(19, IDR1_CMDQS));
        g_assert_cmphex(reg(f, SMMUV3_IDR3), ==,
                        idr3 | FIELD_PUT(config.stage1, IDR3_HAD) |
                        FIELD_PUT(config.stage2, IDR3_XNX));
        g_assert_cmphex(reg(f, SMMUV3_IDR5), ==, 0x74);
        g_assert_cmphex(reg(f, SMMUV3_AIDR), ==, 1);
        g_assert_cmphex(reg(f, SMMUV3_GBPA), ==, 0x1000);
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
