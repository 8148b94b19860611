/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The register file: reset values, what writes change, accesses of each size
 * at each offset.  The list is written from chapter 11 of the specification.
 */
#include <string.h>

#include "tests/qtest/board.h"

typedef struct Register {
    const char *name;
    uint16_t offset;
    uint8_t size;
    uint64_t reset;
    uint64_t rw;        /* must keep what is written */
    uint64_t ro;        /* must never change; what is in neither is open */
} Register;

/* Host address width of the default unit, bits above it are open. */
#define ADDR_BITS   SPEC_BITS(38, 12)
#define ALL32       SPEC_BITS(31, 0)
#define ALL64       (~UINT64_C(0))

/*
 * Of a unit with intremap, eim and pmr, except CAP and ECAP.  What a write
 * has further effects for is not here.
 */
static const Register registers[] = {
    { "VER",       SPEC_VER,       4, 0x10, 0, ALL32 },
    { "GCMD",      SPEC_GCMD,      4, 0, 0, 0 },
    { "GSTS",      SPEC_GSTS,      4, 0, 0, ALL32 },
    { "RTADDR",    SPEC_RTADDR,    8, 0, ADDR_BITS, SPEC_BITS(9, 0) },
    { "CCMD",      SPEC_CCMD,      8, 0, SPEC_CCMD_CIRG | SPEC_CCMD_DID,
      SPEC_CCMD_CAIG | SPEC_BITS(58, 34) },
    { "FSTS",      SPEC_FSTS,      4, 0, 0, ALL32 },
    { "FECTL",     SPEC_FECTL,     4, SPEC_ECTL_IM, SPEC_ECTL_IM,
      SPEC_BITS(30, 0) },
    { "FEDATA",    SPEC_FEDATA,    4, 0, SPEC_BITS(15, 0), 0 },
    { "FEADDR",    SPEC_FEADDR,    4, 0, SPEC_BITS(31, 2), SPEC_BITS(1, 0) },
    { "FEUADDR",   SPEC_FEUADDR,   4, 0, ALL32, 0 },
    { "AFLOG",     SPEC_AFLOG,     8, 0, 0, ALL64 },
    { "PLMBASE",   SPEC_PLMBASE,   4, 0, SPEC_BITS(31, 24), 0 },
    { "PLMLIMIT",  SPEC_PLMLIMIT,  4, 0, SPEC_BITS(31, 24), 0 },
    { "PHMBASE",   SPEC_PHMBASE,   8, 0, SPEC_BITS(38, 24), 0 },
    { "PHMLIMIT",  SPEC_PHMLIMIT,  8, 0, SPEC_BITS(38, 24), 0 },
    { "IQH",       SPEC_IQH,       8, 0, 0, ALL64 },
    { "IQT",       SPEC_IQT,       8, 0, SPEC_IQ_OFFSET, ~SPEC_IQ_OFFSET },
    { "IQA",       SPEC_IQA,       8, 0, ADDR_BITS | SPEC_IQA_QS,
      SPEC_BITS(10, 3) },
    { "ICS",       SPEC_ICS,       4, 0, 0, ALL32 },
    { "IECTL",     SPEC_IECTL,     4, SPEC_ECTL_IM, SPEC_ECTL_IM,
      SPEC_BITS(30, 0) },
    { "IEDATA",    SPEC_IEDATA,    4, 0, SPEC_BITS(15, 0), 0 },
    { "IEADDR",    SPEC_IEADDR,    4, 0, SPEC_BITS(31, 2), SPEC_BITS(1, 0) },
    { "IEUADDR",   SPEC_IEUADDR,   4, 0, ALL32, 0 },
    { "IQERCD",    SPEC_IQERCD,    8, 0, 0, ALL64 },
    { "IRTA",      SPEC_IRTA,      8, 0,
      ADDR_BITS | SPEC_IRTA_EIME | SPEC_IRTA_S, SPEC_BITS(10, 4) },
    /* without memory types, they read as zero [VTD 11.4.12] */
    { "MTRRCAP",   SPEC_MTRRCAP,   8, 0, 0, ALL64 },
    { "MTRRDEF",   SPEC_MTRRDEF,   8, 0, 0, ALL64 },
    { "FIX64K",    SPEC_MTRR_FIX64K_00000, 8, 0, 0, ALL64 },
    { "FIX16K_8",  SPEC_MTRR_FIX16K_80000, 8, 0, 0, ALL64 },
    { "FIX16K_A",  SPEC_MTRR_FIX16K_A0000, 8, 0, 0, ALL64 },
    { "FIX4K_C0",  SPEC_MTRR_FIX4K_C0000,  8, 0, 0, ALL64 },
    { "FIX4K_F8",  SPEC_MTRR_FIX4K_F8000,  8, 0, 0, ALL64 },
    { "PHYSBASE0", SPEC_MTRR_PHYSBASE0,    8, 0, 0, ALL64 },
    { "PHYSMASK9", SPEC_MTRR_PHYSMASK9,    8, 0, 0, ALL64 },
    { "VCMD",      SPEC_VCMD,      8, 0, 0, ALL64 },
    { "VCRSP",     SPEC_VCRSP,     8, 0, 0, ALL64 },
    { "VCCAP",     SPEC_VCCAP,     8, 0, 0, ALL64 },
    { "PQH",       SPEC_PQH,       8, 0, 0, ALL64 },
    { "PQT",       SPEC_PQT,       8, 0, 0, ALL64 },
    { "PQA",       SPEC_PQA,       8, 0, 0, ALL64 },
    { "PRS",       SPEC_PRS,       4, 0, 0, ALL32 },
    { "IOTLB",     0xf8,           8, 0,
      SPEC_IOTLB_IIRG | SPEC_IOTLB_DID, SPEC_IOTLB_IAIG | SPEC_BITS(31, 0) },
    { "FRCD lo",   0x220,          8, 0, 0, ALL64 },
    { "FRCD hi",   0x228,          8, 0, 0, ALL64 },
};

static const char all_options[] = "intremap=on,eim=on,pmr=on";

static void check_resets(Board *b)
{
    for (size_t i = 0; i < G_N_ELEMENTS(registers); i++) {
        const Register *reg = &registers[i];

        g_test_message("%s", reg->name);
        g_assert_cmphex(qtest_read(b->q, BOARD_UNIT + reg->offset,
                                   reg->size), ==, reg->reset);
    }
}

/* [VTD 11.4] */
static void test_reset_values(void)
{
    Board b;

    board_start(&b, all_options);
    check_resets(&b);
    board_end(&b);
}

/* Is this bit of the register the start of a command? */
static uint64_t command_bits(const Register *reg)
{
    switch (reg->offset) {
    case SPEC_CCMD:
    case 0xf8:
        return SPEC_BIT(63);
    case SPEC_GCMD:
        return ALL32;
    default:
        return 0;
    }
}

static void write_and_check(Board *b, const Register *reg, uint64_t value)
{
    uint64_t addr = BOARD_UNIT + reg->offset;
    uint64_t got;

    qtest_write(b->q, addr, value & ~command_bits(reg), reg->size);
    got = qtest_read(b->q, addr, reg->size);
    g_test_message("%s: wrote %#" G_GINT64_MODIFIER "x, read %#"
                   G_GINT64_MODIFIER "x", reg->name, value, got);
    g_assert_cmphex(got & reg->rw, ==, value & reg->rw);
    g_assert_cmphex(got & reg->ro, ==, reg->reset & reg->ro);
}

static void test_write_masks(void)
{
    static const uint64_t values[] = {
        ~0ull, 0, 0x5555555555555555ull, 0xaaaaaaaaaaaaaaaaull,
        0x0123456789abcdefull, 0xfedcba9876543210ull,
    };
    Board b;

    board_start(&b, all_options);
    for (size_t i = 0; i < G_N_ELEMENTS(registers); i++) {
        for (size_t v = 0; v < G_N_ELEMENTS(values); v++) {
            write_and_check(&b, &registers[i], values[v]);
        }
        for (unsigned bit = 0; bit < registers[i].size * 8u; bit++) {
            write_and_check(&b, &registers[i], SPEC_BIT(bit));
        }
    }
    board_reset(&b);
    check_resets(&b);
    board_end(&b);
}

static void test_halves(void)
{
    Board b;

    board_start(&b, all_options);
    for (size_t i = 0; i < G_N_ELEMENTS(registers); i++) {
        const Register *reg = &registers[i];
        uint64_t addr = BOARD_UNIT + reg->offset;
        uint64_t value = 0x1234567890abcdefull & ~command_bits(reg);
        uint64_t before, got;

        if (reg->size != 8) {
            continue;
        }
        g_test_message("%s", reg->name);
        before = qtest_readq(b.q, addr);
        qtest_writel(b.q, addr, (uint32_t)value);
        got = qtest_readq(b.q, addr);
        g_assert_cmphex(got & reg->rw & ALL32, ==, value & reg->rw & ALL32);
        g_assert_cmphex(got >> 32, ==, before >> 32);
        qtest_writel(b.q, addr + 4, value >> 32);
        got = qtest_readq(b.q, addr);
        g_assert_cmphex(got & reg->rw, ==, value & reg->rw);
        g_assert_cmphex(qtest_readl(b.q, addr), ==, (uint32_t)got);
        g_assert_cmphex(qtest_readl(b.q, addr + 4), ==, got >> 32);
    }
    board_end(&b);
}

/* --- Capabilities -------------------------------------------------------- */

typedef struct CapCase {
    const char *options;
    unsigned aw;
    unsigned records;
    uint64_t cap_set, cap_clear;
    uint64_t ecap_set, ecap_clear;
} CapCase;

static const CapCase cap_cases[] = {
    { "", 48, 1, SPEC_CAP_DRD | SPEC_CAP_DWD,
      SPEC_CAP_CM | SPEC_CAP_PI | SPEC_CAP_PLMR | SPEC_CAP_PHMR |
      SPEC_CAP_ESRTPS | SPEC_CAP_ESIRTPS,
      SPEC_ECAP_PT | SPEC_ECAP_IR, SPEC_ECAP_SC | SPEC_ECAP_DT },
    { "aw-bits=39", 39, 1, 0, 0, 0, 0 },
    { "aw-bits=48", 48, 1, 0, 0, 0, 0 },
    { "aw-bits=57", 57, 1, 0, 0, 0, 0 },
    { "aw-bits=48,haw-bits=46", 48, 1, 0, 0, 0, 0 },
    { "fault-records=2", 48, 2, 0, 0, 0, 0 },
    { "fault-records=8", 48, 8, 0, 0, 0, 0 },
    { "fault-records=190", 48, 190, 0, 0, 0, 0 },
    { "fault-records=191", 48, 191, 0, 0, 0, 0 },
    { "fault-records=256", 48, 256, 0, 0, 0, 0 },
    { "caching-mode=on", 48, 1, SPEC_CAP_CM, 0, 0, 0 },
    { "dma-drain=off", 48, 1, 0, SPEC_CAP_DRD | SPEC_CAP_DWD, 0, 0 },
    { "pt=off", 48, 1, 0, 0, 0, SPEC_ECAP_PT },
    { "snoop-control=on", 48, 1, 0, 0, SPEC_ECAP_SC, 0 },
    { "device-iotlb=on", 48, 1, 0, 0, SPEC_ECAP_DT | SPEC_ECAP_QI, 0 },
    { "intremap=off", 48, 1, 0, SPEC_CAP_PI | SPEC_CAP_ESIRTPS,
      0, SPEC_ECAP_IR | SPEC_ECAP_EIM | SPEC_ECAP_MHMV },
    { "intremap=on,eim=off", 48, 1, 0, 0, SPEC_ECAP_IR | SPEC_ECAP_MHMV,
      SPEC_ECAP_EIM },
    { "intremap=on,eim=on", 48, 1, 0, 0,
      SPEC_ECAP_IR | SPEC_ECAP_EIM | SPEC_ECAP_MHMV, 0 },
    { "posted-interrupts=on", 48, 1, SPEC_CAP_PI, 0, SPEC_ECAP_IR, 0 },
    { "pmr=on", 48, 1, SPEC_CAP_PLMR | SPEC_CAP_PHMR, 0, 0, 0 },
    { "esrtps=on", 48, 1, SPEC_CAP_ESRTPS | SPEC_CAP_ESIRTPS, 0, 0, 0 },
};

static uint64_t expected_sagaw(unsigned aw)
{
    return SPEC_CAP_SAGAW_39 | (aw >= 48 ? SPEC_CAP_SAGAW_48 : 0) |
           (aw >= 57 ? SPEC_CAP_SAGAW_57 : 0);
}

/* What belongs to features that a legacy-mode unit does not have */
#define CAP_NEVER  (SPEC_CAP_AFL | SPEC_CAP_RWBF | SPEC_CAP_FS1GP | \
                    SPEC_CAP_FS5LP | SPEC_CAP_ECMDS | SPEC_CAP_ZLR | \
                    SPEC_BIT(23) | SPEC_BIT(38) | SPEC_BITS(15, 13))
#define ECAP_NEVER (SPEC_ECAP_MTS | SPEC_ECAP_NEST | SPEC_ECAP_PRS | \
                    SPEC_ECAP_ERS | SPEC_ECAP_SRS | SPEC_ECAP_NWFS | \
                    SPEC_ECAP_EAFS | SPEC_ECAP_PSS | SPEC_ECAP_PASID | \
                    SPEC_ECAP_PDS | SPEC_ECAP_SMTS | SPEC_ECAP_VCS | \
                    SPEC_ECAP_SSADS | SPEC_ECAP_SSTS | SPEC_ECAP_FSTS | \
                    SPEC_ECAP_SMPWCS | SPEC_ECAP_RPS)

/* At 0x220 as long as they end before VCMD; else elsewhere, but over no
 *  other register and inside of two pages. */
static void check_fault_records(unsigned fro, unsigned records)
{
    if (0x220 + records * SPEC_FRCD_STRIDE <= SPEC_VCMD) {
        g_assert_cmphex(fro * 16, ==, 0x220);
    } else {
        g_assert_cmphex(fro * 16, >=, SPEC_VCCAP + 8);
        g_assert_cmphex(fro * 16 + records * SPEC_FRCD_STRIDE, <=, 8192);
    }
}

static void check_caps(const CapCase *c)
{
    uint64_t cap, ecap;
    Board b;

    g_test_message("options '%s'", c->options);
    board_start(&b, c->options);
    cap = board_reg64(&b, SPEC_CAP);
    ecap = board_reg64(&b, SPEC_ECAP);
    g_test_message("CAP %#" G_GINT64_MODIFIER "x, ECAP %#"
                   G_GINT64_MODIFIER "x", cap, ecap);
    g_assert_cmpuint(cap & SPEC_CAP_ND, ==, 6);
    g_assert_cmphex(cap & SPEC_CAP_SAGAW, ==, expected_sagaw(c->aw));
    g_assert_cmpuint((cap & SPEC_CAP_MGAW) >> SPEC_CAP_MGAW_SHIFT, ==,
                     c->aw - 1);
    check_fault_records((cap & SPEC_CAP_FRO) >> SPEC_CAP_FRO_SHIFT,
                        c->records);
    g_assert_cmphex(cap & SPEC_CAP_SSLPS, ==,
                    SPEC_CAP_SSLPS_2M | SPEC_CAP_SSLPS_1G);
    g_assert_cmphex(cap & SPEC_CAP_PSI, ==, SPEC_CAP_PSI);
    g_assert_cmpuint((cap & SPEC_CAP_NFR) >> SPEC_CAP_NFR_SHIFT, ==,
                     c->records - 1);
    g_assert_cmpuint((cap & SPEC_CAP_MAMV) >> SPEC_CAP_MAMV_SHIFT, ==, 18);
    g_assert_cmphex(cap & c->cap_set, ==, c->cap_set);
    g_assert_cmphex(cap & (c->cap_clear | CAP_NEVER), ==, 0);
    g_assert_cmphex(ecap & SPEC_ECAP_QI, ==, SPEC_ECAP_QI);
    g_assert_cmphex((ecap & SPEC_ECAP_IRO) >> SPEC_ECAP_IRO_SHIFT, ==, 0xf);
    g_assert_cmphex(ecap & c->ecap_set, ==, c->ecap_set);
    g_assert_cmphex(ecap & (c->ecap_clear | ECAP_NEVER), ==, 0);
    board_end(&b);
}

/* [VTD 11.4.2] [VTD 11.4.3] */
static void test_capabilities(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cap_cases); i++) {
        check_caps(&cap_cases[i]);
    }
}

/* Exactly what the stock model of QEMU 10.0 shows to a guest by default */
static void test_defaults(void)
{
    Board b;

    board_start(&b, "");
    g_assert_cmphex(board_reg32(&b, SPEC_VER), ==, 0x10);
    g_assert_cmphex(board_reg64(&b, SPEC_CAP), ==, 0x00d2008c222f0606ull);
    g_assert_cmphex(board_reg64(&b, SPEC_ECAP), ==, 0xf00f4a);
    board_end(&b);

    board_start(&b, "dma-translation=off");
    g_assert_cmphex(board_reg64(&b, SPEC_CAP) & SPEC_CAP_SAGAW, ==, 0);
    board_end(&b);
}

/* --- Sizes and alignments ------------------------------------------------ */

static void check_reads(Board *b, unsigned window)
{
    g_autofree uint8_t *bytes = g_malloc0(window + 8);

    for (unsigned at = 0; at < window; at++) {
        bytes[at] = qtest_read(b->q, BOARD_UNIT + at, 1);
    }
    for (unsigned size = 2; size <= 8; size *= 2) {
        for (unsigned at = 0; at + size <= window; at++) {
            uint64_t want = 0;
            uint64_t got = qtest_read(b->q, BOARD_UNIT + at, size);

            for (unsigned i = 0; i < size; i++) {
                want |= (uint64_t)bytes[at + i] << (8 * i);
            }
            if (got != want) {
                g_test_message("%u bytes at %#x", size, at);
                g_assert_cmphex(got, ==, want);
            }
        }
    }
}

static void test_read_sizes(void)
{
    Board b;

    board_start(&b, all_options);
    board_set64(&b, SPEC_RTADDR, 0x123456789a000ull);
    board_set64(&b, SPEC_IQA, 0xfedcba9876007ull);
    board_set64(&b, SPEC_IRTA, 0xabcdef1234805ull);
    board_set32(&b, SPEC_FEDATA, 0x4321);
    board_set32(&b, SPEC_IEADDR, 0xfee12340);
    check_reads(&b, 4096);
    board_end(&b);

    board_start(&b, "fault-records=256");
    check_reads(&b, 8192);
    board_end(&b);
}

/* Bytes of the window that keep what is written, by register */
static void writable_bytes(uint8_t *rw, uint8_t *open)
{
    memset(rw, 0, 4096);
    memset(open, 0, 4096);
    for (size_t i = 0; i < G_N_ELEMENTS(registers); i++) {
        const Register *reg = &registers[i];

        for (unsigned n = 0; n < reg->size; n++) {
            rw[reg->offset + n] = reg->rw >> (8 * n);
            open[reg->offset + n] = ~(reg->rw | reg->ro) >> (8 * n);
        }
    }
    /* the commands, IVA and PMEN have tests of their own */
    for (unsigned n = 0xf0; n < 0xf8; n++) {
        open[n] = 0xff;
    }
    for (unsigned n = SPEC_PMEN; n < SPEC_PMEN + 4; n++) {
        open[n] = 0xff;
    }
}

static bool touches_command(unsigned at, unsigned size)
{
    static const struct {
        unsigned first, last;
    } commands[] = {
        { SPEC_GCMD, SPEC_GCMD + 3 },
        { SPEC_CCMD + 7, SPEC_CCMD + 7 },
        { SPEC_PMEN, SPEC_PMEN + 3 },
        { 0xff, 0xff },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (at <= commands[i].last && at + size > commands[i].first) {
            return true;
        }
    }
    return false;
}

/*
 * Writes of each size at each offset change the bytes that they cover, as
 * far as these are writable, and nothing else.
 */
static void test_write_sizes(void)
{
    g_autofree uint8_t *rw = g_malloc(4096);
    g_autofree uint8_t *open = g_malloc(4096);
    g_autofree uint8_t *model = g_malloc0(4096 + 16);
    GRand *rand = g_rand_new_with_seed(20);
    Board b;

    writable_bytes(rw, open);
    board_start(&b, all_options);
    qtest_memread(b.q, BOARD_UNIT, model, 4096);
    for (unsigned at = 0; at < 0x240; at++) {
        for (unsigned size = 1; size <= 8; size *= 2) {
            uint64_t value = (uint64_t)g_rand_int(rand) << 32 |
                             g_rand_int(rand);
            unsigned from = at & ~7u;

            if (touches_command(at, size)) {
                continue;
            }
            qtest_write(b.q, BOARD_UNIT + at, value, size);
            for (unsigned i = 0; i < size; i++) {
                uint8_t byte = value >> (8 * i);

                model[at + i] = (model[at + i] & ~rw[at + i]) |
                                (byte & rw[at + i]);
            }
            for (unsigned i = from; i < from + 16; i++) {
                uint8_t got = qtest_read(b.q, BOARD_UNIT + i, 1);

                if ((got ^ model[i]) & ~open[i]) {
                    g_test_message("wrote %u bytes at %#x; byte %#x", size,
                                   at, i);
                    g_assert_cmphex(got & ~open[i], ==,
                                    model[i] & ~open[i]);
                }
            }
        }
    }
    g_rand_free(rand);
    board_end(&b);
}

/* Offsets without a register read as zero and ignore writes. */
static void test_holes(void)
{
    Board b;

    board_start(&b, "");
    for (unsigned at = 0x230; at < 0x1000; at += 4) {
        board_set32(&b, at, ~0u);
        g_assert_cmphex(board_reg32(&b, at), ==, 0);
    }
    board_end(&b);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/registers/reset-values", test_reset_values);
    g_test_add_func("/registers/write-masks", test_write_masks);
    g_test_add_func("/registers/halves", test_halves);
    g_test_add_func("/registers/capabilities", test_capabilities);
    g_test_add_func("/registers/defaults", test_defaults);
    g_test_add_func("/registers/read-sizes", test_read_sizes);
    g_test_add_func("/registers/write-sizes", test_write_sizes);
    g_test_add_func("/registers/holes", test_holes);
    return g_test_run();
}
