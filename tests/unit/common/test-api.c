/* SPDX-License-Identifier: BSD-3-Clause */
/* The public interface: options, memory, life, statistics. */
#include <errno.h>
#include <string.h>

#include "tests/lib/unit/fixture.h"

#define SOURCE 0x0108

/* --- Options ------------------------------------------------------------- */

typedef struct BadOption {
    const char *option;
    const char *value;      /* as it must appear in the message */
    const char *allowed[3]; /* likewise */
    void (*set)(ViommuVtdConfig *c);
} BadOption;

#define SETTER(name, statement)             \
    static void name(ViommuVtdConfig *c)    \
    {                                       \
        statement;                          \
    }

SETTER(set_aw_0, c->aw_bits = 0)
SETTER(set_aw_40, c->aw_bits = 40)
SETTER(set_aw_64, c->aw_bits = 64)
SETTER(set_aw_255, c->aw_bits = 255)
SETTER(set_haw_31, c->haw_bits = 31)
SETTER(set_haw_53, c->haw_bits = 53)
SETTER(set_haw_255, c->haw_bits = 255)
SETTER(set_frcd_0, c->fault_records = 0)
SETTER(set_frcd_257, c->fault_records = 257)
SETTER(set_frcd_max, c->fault_records = UINT16_MAX)
SETTER(set_iotlb_0, c->iotlb_bits = 0)
SETTER(set_iotlb_3, c->iotlb_bits = 3)
SETTER(set_iotlb_21, c->iotlb_bits = 21)
SETTER(set_iotlb_255, c->iotlb_bits = 255)
SETTER(set_eim, c->interrupt_remapping = false;
       c->extended_interrupt_mode = true)
SETTER(set_posted, c->interrupt_remapping = false;
       c->extended_interrupt_mode = false; c->posted_interrupts = true)

static const BadOption bad_options[] = {
    { "aw-bits", "0", { "39", "48", "57" }, set_aw_0 },
    { "aw-bits", "40", { "39", "48", "57" }, set_aw_40 },
    { "aw-bits", "64", { "39", "48", "57" }, set_aw_64 },
    { "aw-bits", "255", { "39", "48", "57" }, set_aw_255 },
    { "haw-bits", "31", { "32", "52" }, set_haw_31 },
    { "haw-bits", "53", { "32", "52" }, set_haw_53 },
    { "haw-bits", "255", { "32", "52" }, set_haw_255 },
    { "fault-records", "0", { "1", "256" }, set_frcd_0 },
    { "fault-records", "257", { "1", "256" }, set_frcd_257 },
    { "fault-records", "65535", { "1", "256" }, set_frcd_max },
    { "iotlb-bits", "0", { "4", "20" }, set_iotlb_0 },
    { "iotlb-bits", "3", { "4", "20" }, set_iotlb_3 },
    { "iotlb-bits", "21", { "4", "20" }, set_iotlb_21 },
    { "iotlb-bits", "255", { "4", "20" }, set_iotlb_255 },
    { "eim", "on", { "intremap" }, set_eim },
    { "posted-interrupts", "on", { "intremap" }, set_posted },
};

static void test_bad_options(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(bad_options); i++) {
        const BadOption *bad = &bad_options[i];
        ViommuVtdConfig config;
        GError *error = NULL;
        Viommu *unit;

        viommu_vtd_config_init(&config);
        bad->set(&config);
        unit = viommu_vtd_new(&config, fixture_ops(), NULL, &error);
        g_assert_null(unit);
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, bad->option));
        g_assert_nonnull(strstr(error->message, bad->value));
        for (unsigned k = 0; k < 3 && bad->allowed[k]; k++) {
            g_assert_nonnull(strstr(error->message, bad->allowed[k]));
        }
        g_assert_null(strchr(error->message, '\n'));
        g_clear_error(&error);

        /* nobody has to ask why */
        g_assert_null(viommu_vtd_new(&config, fixture_ops(), NULL, NULL));
    }
}

static void test_defaults(void)
{
    ViommuVtdConfig config;
    GError *error = NULL;
    Viommu *unit;
    uint64_t cap, ecap;

    memset(&config, 0xff, sizeof(config));
    viommu_vtd_config_init(&config);
    unit = viommu_vtd_new(&config, fixture_ops(), NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(viommu_mmio_size(unit), ==, 4096);
    cap = viommu_mmio_read(unit, SPEC_CAP, 8);
    ecap = viommu_mmio_read(unit, SPEC_ECAP, 8);
    g_assert_cmpuint((cap & SPEC_CAP_NFR) >> SPEC_CAP_NFR_SHIFT, ==, 0);
    g_assert_true(cap & SPEC_CAP_SAGAW_39);
    g_assert_false(cap & SPEC_CAP_CM);
    g_assert_true(ecap & SPEC_ECAP_QI);
    g_assert_false(ecap & (SPEC_ECAP_SMTS | SPEC_ECAP_PASID | SPEC_ECAP_PRS));
    viommu_free(unit);
}

/* Each good value of each option gives a unit that says so. */
static void test_good_options(void)
{
    static const uint8_t widths[] = { 39, 48, 57 };
    static const uint16_t records[] = { 1, 2, 222, 223, 256 };
    ViommuVtdConfig config;

    for (unsigned i = 0; i < G_N_ELEMENTS(widths); i++) {
        Fixture *f;
        uint64_t cap;

        fixture_config(&config);
        config.aw_bits = widths[i];
        f = fixture_new(&config);
        cap = guest_reg64(&f->regs, SPEC_CAP);
        g_assert_cmpuint((cap & SPEC_CAP_MGAW) >> SPEC_CAP_MGAW_SHIFT, ==,
                         widths[i] - 1);
        g_assert_true(cap & SPEC_BIT(8 + (widths[i] - 30) / 9));
        g_assert_false(cap & SPEC_CAP_SAGAW & ~(SPEC_BITS(11, 9)));
        fixture_free(f);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(records); i++) {
        Fixture *f;
        uint64_t last;

        fixture_config(&config);
        config.fault_records = records[i];
        f = fixture_new(&config);
        g_assert_cmpuint(guest_frcd_count(&f->regs), ==, records[i]);
        last = guest_frcd_offset(&f->regs, records[i]);
        g_assert_cmpuint(last, <=, viommu_mmio_size(f->unit));
        g_assert_cmpuint(viommu_mmio_size(f->unit) % 4096, ==, 0);
        fixture_free(f);
    }
}

static void test_capabilities_follow(void)
{
    ViommuVtdConfig config;
    Fixture *f;
    uint64_t cap, ecap;

    fixture_config(&config);
    config.caching_mode = true;
    config.dma_drain = true;
    config.snoop_control = true;
    config.pass_through = true;
    config.enhanced_set_pointer = true;
    f = fixture_new(&config);
    cap = guest_reg64(&f->regs, SPEC_CAP);
    ecap = guest_reg64(&f->regs, SPEC_ECAP);
    g_assert_cmphex(cap & (SPEC_CAP_CM | SPEC_CAP_DWD | SPEC_CAP_DRD |
                           SPEC_CAP_PI | SPEC_CAP_PLMR | SPEC_CAP_PHMR |
                           SPEC_CAP_ESRTPS | SPEC_CAP_ESIRTPS), ==,
                    SPEC_CAP_CM | SPEC_CAP_DWD | SPEC_CAP_DRD |
                    SPEC_CAP_PI | SPEC_CAP_PLMR | SPEC_CAP_PHMR |
                    SPEC_CAP_ESRTPS | SPEC_CAP_ESIRTPS);
    g_assert_cmphex(ecap & (SPEC_ECAP_SC | SPEC_ECAP_PT | SPEC_ECAP_DT |
                            SPEC_ECAP_IR | SPEC_ECAP_EIM), ==,
                    SPEC_ECAP_SC | SPEC_ECAP_PT | SPEC_ECAP_DT |
                    SPEC_ECAP_IR | SPEC_ECAP_EIM);
    fixture_free(f);

    config = (ViommuVtdConfig) { 0 };
    viommu_vtd_config_init(&config);
    config.dma_drain = false;
    config.pass_through = false;
    config.snoop_control = false;
    config.device_iotlb = false;
    config.interrupt_remapping = false;
    config.extended_interrupt_mode = false;
    config.dma_translation = false;
    f = fixture_new(&config);
    cap = guest_reg64(&f->regs, SPEC_CAP);
    ecap = guest_reg64(&f->regs, SPEC_ECAP);
    g_assert_cmphex(cap & (SPEC_CAP_CM | SPEC_CAP_DWD | SPEC_CAP_DRD |
                           SPEC_CAP_PI | SPEC_CAP_SAGAW |
                           SPEC_CAP_ESRTPS | SPEC_CAP_ESIRTPS), ==, 0);
    g_assert_cmphex(ecap & (SPEC_ECAP_SC | SPEC_ECAP_PT | SPEC_ECAP_DT |
                            SPEC_ECAP_IR | SPEC_ECAP_EIM), ==, 0);
    fixture_free(f);
}

/* --- Memory -------------------------------------------------------------- */

static void test_set_ram(void)
{
    ViommuVtdConfig config;
    Fixture *f;
    Simple s;
    ViommuReply reply;
    uint8_t *host;
    ViommuRam good[3], bad[3];

    fixture_config(&config);
    f = fixture_new(&config);
    fixture_simple(f, &s, SOURCE, 1, 4);
    g_assert_true(guest_ss_map(&f->alloc, s.table, 4, 0x1000, 0x5000, 1,
                               SPEC_SS_R));
    host = f->ram.host;
    good[0] = (ViommuRam) { .addr = 0, .size = FIXTURE_RAM, .host = host };

    /* each refused list leaves the one before in force */
    bad[0] = good[0];
    bad[0].size = 0;
    g_assert_cmpint(viommu_set_ram(f->unit, bad, 1), ==, -EINVAL);
    bad[0] = good[0];
    bad[0].addr = UINT64_MAX - 0xfff;
    bad[0].size = 0x1001;
    g_assert_cmpint(viommu_set_ram(f->unit, bad, 1), ==, -EINVAL);
    bad[0] = good[0];
    bad[1] = good[0];
    bad[1].addr = FIXTURE_RAM - 8;
    g_assert_cmpint(viommu_set_ram(f->unit, bad, 2), ==, -EINVAL);
    bad[1] = bad[0];
    bad[0].addr = FIXTURE_RAM - 8;      /* the same, not sorted */
    g_assert_cmpint(viommu_set_ram(f->unit, bad, 2), ==, -EINVAL);
    bad[0] = good[0];
    bad[0].host = host + 1;             /* another alignment than addr's */
    bad[0].size -= 8;
    g_assert_cmpint(viommu_set_ram(f->unit, bad, 1), ==, -EINVAL);
    g_assert_cmpint(fixture_translate(f, SOURCE, 0x1234, VIOMMU_READ, &reply),
                    ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, 0x5234);

    /* in pieces, in any order, with the last byte of the address space */
    good[0] = (ViommuRam) { .addr = FIXTURE_RAM / 2, .size = FIXTURE_RAM / 2,
                            .host = host + FIXTURE_RAM / 2 };
    good[1] = (ViommuRam) { .addr = UINT64_MAX - 0xfff, .size = 0x1000,
                            .host = host };
    good[2] = (ViommuRam) { .addr = 0, .size = FIXTURE_RAM / 2,
                            .host = host };
    g_assert_cmpint(viommu_set_ram(f->unit, good, 3), ==, 0);
    guest_queue_iotlb(&f->queue, SPEC_GRAN_GLOBAL, 0, 0, 0, false);
    fixture_wait(f);
    g_assert_cmpint(fixture_translate(f, SOURCE, 0x1234, VIOMMU_READ, &reply),
                    ==, VIOMMU_OK);

    /* none: the tables are gone once what is cached is */
    g_assert_true(guest_iotlb(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, false,
                              NULL));
    g_assert_true(guest_ccmd(&f->regs, SPEC_GRAN_GLOBAL, 0, 0, 0, NULL));
    g_assert_cmpint(viommu_set_ram(f->unit, NULL, 0), ==, 0);
    g_assert_cmpint(fixture_translate(f, SOURCE, 0x1234, VIOMMU_READ, &reply),
                    ==, VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, SPEC_FR_ROOT_ACCESS);
    g_assert_cmphex(reply.access, ==, 0);
    fixture_free(f);
}

/* Tables that are in no RAM go through the callbacks. */
static void test_outside_memory(void)
{
    ViommuVtdConfig config;
    Fixture *f;
    ViommuReply reply;

    fixture_config(&config);
    f = fixture_new(&config);
    g_assert_true(guest_set_root(&f->regs, FIXTURE_RAM * 2));
    g_assert_true(guest_command(&f->regs, SPEC_GCMD_TE, 0));
    g_assert_cmpint(fixture_translate(f, SOURCE, 0, VIOMMU_READ, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, SPEC_FR_ROOT_ACCESS);

    /* now something answers: a root entry to a table in RAM, empty */
    f->outside_result = 0;
    f->outside_value = GUINT64_TO_LE(guest_alloc_pages(&f->alloc, 1) |
                                     SPEC_ROOT_P);
    g_assert_cmpint(fixture_translate(f, SOURCE, 0, VIOMMU_READ, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, SPEC_FR_CTX_NOT_PRESENT);
    fixture_free(f);
}

/* The smallest set of callbacks. */
static void no_msi(void *opaque, const ViommuMsi *msi)
{
    (void)opaque;
    (void)msi;
}

static void no_run(void *opaque)
{
    (void)opaque;
}

static void test_null_callbacks(void)
{
    static const ViommuOps ops = { .send_msi = no_msi, .run_later = no_run };
    ViommuVtdConfig config;
    GError *error = NULL;
    Viommu *unit;
    ViommuReply reply;
    ViommuRequest req = { .source = SOURCE, .pasid = VIOMMU_NO_PASID,
                          .access = VIOMMU_READ };

    fixture_config(&config);
    unit = viommu_vtd_new(&config, &ops, NULL, &error);
    g_assert_no_error(error);
    viommu_mmio_write(unit, SPEC_RTADDR, 0x1000, 8);
    viommu_mmio_write(unit, SPEC_IQA, 0x2000, 8);
    viommu_mmio_write(unit, SPEC_GCMD, SPEC_GCMD_SRTP, 4);
    viommu_mmio_write(unit, SPEC_GCMD, SPEC_GCMD_TE | SPEC_GCMD_QIE, 4);
    viommu_dma_begin();
    g_assert_cmpint(viommu_translate(unit, &req, &reply), ==, VIOMMU_FAULT);
    viommu_dma_end();
    g_assert_cmphex(reply.reason, ==, SPEC_FR_ROOT_ACCESS);
    viommu_mmio_write(unit, SPEC_IQT, 16, 8);
    viommu_run(unit);
    /* the fetch fails: no RAM, no callback */
    g_assert_true(viommu_mmio_read(unit, SPEC_FSTS, 4) & SPEC_FSTS_IQE);
    viommu_free(unit);
    viommu_free(NULL);
}

/* --- Life ---------------------------------------------------------------- */

static void test_units_are_apart(void)
{
    ViommuVtdConfig config;
    Fixture *f[3];
    Simple s[3];
    ViommuReply reply;

    for (unsigned i = 0; i < 3; i++) {
        fixture_config(&config);
        config.aw_bits = (uint8_t)(39 + 9 * i);
        config.fault_records = (uint16_t)(1 + i);
        f[i] = fixture_new(&config);
        fixture_simple(f[i], &s[i], SOURCE, 1, 3 + i);
        g_assert_true(guest_ss_map(&f[i]->alloc, s[i].table, 3 + i, 0x1000,
                                   0x10000 * (i + 1), 1, SPEC_SS_R));
    }
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 3; i++) {
            g_assert_cmpint(fixture_translate(f[i], SOURCE, 0x1008,
                                              VIOMMU_READ, &reply), ==,
                            VIOMMU_OK);
            g_assert_cmphex(reply.addr, ==, 0x10000 * (i + 1) + 8);
        }
    }
    /* a fault of one is no fault of another */
    fixture_translate(f[1], SOURCE, 0x2000, VIOMMU_READ, &reply);
    g_assert_true(guest_reg32(&f[1]->regs, SPEC_FSTS) & SPEC_FSTS_PPF);
    g_assert_cmphex(guest_reg32(&f[0]->regs, SPEC_FSTS), ==, 0);
    g_assert_cmphex(guest_reg32(&f[2]->regs, SPEC_FSTS), ==, 0);
    viommu_reset(f[1]->unit);
    g_assert_cmphex(guest_reg32(&f[1]->regs, SPEC_GSTS), ==, 0);
    g_assert_true(guest_reg32(&f[0]->regs, SPEC_GSTS) & SPEC_GSTS_TES);
    for (unsigned i = 0; i < 3; i++) {
        fixture_free(f[i]);
    }
}

static void test_reset(void)
{
    ViommuVtdConfig config;
    Fixture *f;
    GString *fresh = g_string_new(NULL), *after = g_string_new(NULL);
    Simple s;
    ViommuReply reply;

    fixture_config(&config);
    f = fixture_new(&config);
    viommu_dump(f->unit, fresh);
    fixture_simple(f, &s, SOURCE, 1, 4);
    g_assert_true(guest_ss_map(&f->alloc, s.table, 4, 0x1000, 0x5000, 1,
                               SPEC_SS_R));
    for (unsigned i = 0; i < 0x100; i += 4) {
        if (i != SPEC_GCMD) {
            viommu_mmio_write(f->unit, i, UINT32_MAX, 4);
        }
    }
    fixture_run(f);
    fixture_translate(f, SOURCE, 0x9000, VIOMMU_WRITE, &reply);
    fixture_translate(f, SOURCE, 0x1000, VIOMMU_READ, &reply);
    viommu_reset(f->unit);
    fixture_run(f);
    viommu_dump(f->unit, after);
    g_assert_cmpstr(fresh->str, ==, after->str);
    /* not translating, and nothing remembered */
    g_assert_cmpint(fixture_translate(f, SOURCE, 0x1000, VIOMMU_READ, &reply),
                    ==, VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, 0x1000);
    g_string_free(fresh, TRUE);
    g_string_free(after, TRUE);
    fixture_free(f);
}

/* --- Statistics, probes, domains ----------------------------------------- */

static void test_stats(void)
{
    ViommuVtdConfig config;
    Fixture *f;
    Simple s;
    ViommuStats before, after;
    ViommuReply reply;

    fixture_config(&config);
    f = fixture_new(&config);
    viommu_get_stats(f->unit, &before);
    for (unsigned i = 0; i < sizeof(before) / 8; i++) {
        g_assert_cmpuint(((uint64_t *)&before)[i], ==, 0);
    }
    fixture_simple(f, &s, SOURCE, 1, 4);
    g_assert_true(guest_ss_map(&f->alloc, s.table, 4, 0x1000, 0x5000, 1,
                               SPEC_SS_R));
    viommu_get_stats(f->unit, &before);
    g_assert_cmpuint(before.commands, ==, 3);
    fixture_translate(f, SOURCE, 0x1000, VIOMMU_READ, &reply);
    viommu_get_stats(f->unit, &after);
    g_assert_cmpuint(after.walks, ==, before.walks + 1);
    g_assert_cmpuint(after.table_reads, ==, before.table_reads + 4);
    g_assert_cmpuint(after.context_reads, >, before.context_reads);
    /* a hit reads nothing */
    before = after;
    for (unsigned i = 0; i < 100; i++) {
        fixture_translate(f, SOURCE, 0x1000 + i, VIOMMU_READ, &reply);
    }
    viommu_get_stats(f->unit, &after);
    g_assert_cmpmem(&before, sizeof(before), &after, sizeof(after));
    /* a fault */
    fixture_translate(f, SOURCE, 0x1000, VIOMMU_WRITE, &reply);
    viommu_get_stats(f->unit, &after);
    g_assert_cmpuint(after.faults, ==, before.faults + 1);
    g_assert_cmpuint(after.faults_recorded, ==, before.faults_recorded + 1);
    /* the same again is merged with it */
    fixture_translate(f, SOURCE, 0x1000, VIOMMU_WRITE, &reply);
    viommu_get_stats(f->unit, &after);
    g_assert_cmpuint(after.faults, ==, before.faults + 2);
    g_assert_cmpuint(after.faults_recorded, ==, before.faults_recorded + 1);
    g_assert_cmpuint(after.faults_lost, ==, before.faults_lost + 1);
    fixture_free(f);
}

static void test_probe(void)
{
    ViommuVtdConfig config;
    Fixture *f;
    Simple s;
    ViommuReply reply;

    fixture_config(&config);
    f = fixture_new(&config);
    guest_set_reg32(&f->regs, SPEC_FEADDR, SPEC_MSI_BASE);
    guest_set_reg32(&f->regs, SPEC_FECTL, 0);
    fixture_simple(f, &s, SOURCE, 1, 4);
    fixture_forget(f);
    g_assert_cmpint(fixture_request(f, SOURCE, 0x1000, VIOMMU_READ,
                                    VIOMMU_UNTRANSLATED, true, &reply), ==,
                    VIOMMU_FAULT);
    g_assert_cmphex(reply.reason, ==, SPEC_FR_READ);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_FSTS), ==, 0);
    g_assert_cmpuint(fixture_msis(f), ==, 0);
    fixture_translate(f, SOURCE, 0x1000, VIOMMU_READ, &reply);
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_FSTS), ==, SPEC_FSTS_PPF);
    g_assert_cmpuint(fixture_msis(f), ==, 1);
    g_assert_cmphex(fixture_msi(f, 0).addr, ==, SPEC_MSI_BASE);
    fixture_free(f);
}

static void test_source_domain(void)
{
    ViommuVtdConfig config;
    Fixture *f;
    Simple s;
    uint32_t domain = 0;
    GuestContext ctx = { .tt = SPEC_TT_PASS, .levels = 4, .domain = 7 };

    fixture_config(&config);
    f = fixture_new(&config);
    g_assert_false(viommu_source_domain(f->unit, SOURCE, &domain));
    fixture_simple(f, &s, SOURCE, 0x1234, 4);
    g_assert_true(viommu_source_domain(f->unit, SOURCE, &domain));
    g_assert_cmphex(domain, ==, 0x1234);
    g_assert_false(viommu_source_domain(f->unit, SOURCE + 1, &domain));
    g_assert_true(guest_context_set(&f->alloc, s.root, SOURCE + 2, &ctx));
    g_assert_false(viommu_source_domain(f->unit, SOURCE + 2, &domain));
    g_assert_cmphex(guest_reg32(&f->regs, SPEC_FSTS), ==, 0);
    fixture_free(f);
}

/* Requests of endpoints with a device-TLB [VTD 4.1] [VTD 9.3]. */
static void test_kinds(void)
{
    ViommuVtdConfig config;
    Fixture *f;
    Simple s;
    ViommuReply reply;
    GuestContext ctx = { .tt = SPEC_TT_DEVTLB, .levels = 4, .domain = 1 };
    const ViommuKind kinds[] = { VIOMMU_TRANSLATION, VIOMMU_TRANSLATED };

    fixture_config(&config);
    f = fixture_new(&config);
    fixture_simple(f, &s, SOURCE, 1, 4);
    g_assert_true(guest_ss_map(&f->alloc, s.table, 4, 0x1000, 0x5000, 1,
                               SPEC_SS_R));
    ctx.table = s.table;
    g_assert_true(guest_context_set(&f->alloc, s.root, SOURCE + 1, &ctx));
    ctx.tt = SPEC_TT_PASS;
    g_assert_true(guest_context_set(&f->alloc, s.root, SOURCE + 2, &ctx));

    /* explicitly blocked: untranslated requests only, and pass-through */
    for (unsigned i = 0; i < 4; i++) {
        uint16_t source = i < 2 ? SOURCE : SOURCE + 2;
        uint64_t at = guest_frcd_offset(&f->regs, i) + 8;

        g_assert_cmpint(fixture_request(f, source, 0x1000, VIOMMU_READ,
                                        kinds[i % 2], false, &reply), ==,
                        VIOMMU_FAULT);
        g_assert_cmphex(reply.reason, ==, SPEC_FR_ATS_BLOCKED);
        g_assert_cmphex((guest_reg64(&f->regs, at) & SPEC_FRCD_HI_AT) >>
                            SPEC_FRCD_HI_AT_SHIFT, ==, 1 + i % 2);
    }
    for (unsigned i = 0; i < 4; i++) {
        guest_set_reg64(&f->regs, guest_frcd_offset(&f->regs, i) + 8,
                        SPEC_FRCD_HI_F);
    }
    /* a translation request gets what there is */
    g_assert_cmpint(fixture_request(f, SOURCE + 1, 0x1000,
                                    VIOMMU_READ | VIOMMU_WRITE,
                                    VIOMMU_TRANSLATION, false, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, 0x5000);
    g_assert_cmphex(reply.access, ==, VIOMMU_READ);
    /* nothing is an answer, too, and no fault */
    g_assert_cmpint(fixture_request(f, SOURCE + 1, 0x9000, VIOMMU_READ,
                                    VIOMMU_TRANSLATION, false, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.access, ==, 0);
    g_assert_cmpint(fixture_request(f, SOURCE + 1, UINT64_C(1) << 48,
                                    VIOMMU_READ, VIOMMU_TRANSLATION, false,
                                    &reply), ==, VIOMMU_OK);
    g_assert_cmphex(reply.access, ==, 0);
    g_assert_false(guest_reg32(&f->regs, SPEC_FSTS) & SPEC_FSTS_PPF);
    /* what it has translated stays as it is */
    g_assert_cmpint(fixture_request(f, SOURCE + 1, 0x123456, VIOMMU_WRITE,
                                    VIOMMU_TRANSLATED, false, &reply), ==,
                    VIOMMU_OK);
    g_assert_cmphex(reply.addr, ==, 0x123456);
    /* a PASID means nothing in legacy mode */
    {
        ViommuRequest req = { .source = SOURCE + 1, .pasid = 5,
                              .addr = 0x1000, .access = VIOMMU_READ };

        viommu_dma_begin();
        g_assert_cmpint(viommu_translate(f->unit, &req, &reply), ==,
                        VIOMMU_FAULT);
        viommu_dma_end();
    }
    fixture_free(f);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/api/options/bad", test_bad_options);
    g_test_add_func("/api/options/defaults", test_defaults);
    g_test_add_func("/api/options/good", test_good_options);
    g_test_add_func("/api/options/capabilities", test_capabilities_follow);
    g_test_add_func("/api/ram/set", test_set_ram);
    g_test_add_func("/api/ram/outside", test_outside_memory);
    g_test_add_func("/api/null", test_null_callbacks);
    g_test_add_func("/api/units", test_units_are_apart);
    g_test_add_func("/api/reset", test_reset);
    g_test_add_func("/api/stats", test_stats);
    g_test_add_func("/api/probe", test_probe);
    g_test_add_func("/api/kinds", test_kinds);
    g_test_add_func("/api/source-domain", test_source_domain);
    return g_test_run();
}
