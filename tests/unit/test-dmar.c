/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Firmware tables: their bytes, what iasl reads in them, and what is refused.
 */
#include <string.h>

#include <glib/gstdio.h>
#include <hw/iommu/viommu-firmware.h>

/* A description that tests change. */
typedef struct Table {
    ViommuDmar dmar;
    ViommuDmarDrhd drhds[3];
    ViommuDmarRmrr rmrrs[2];
    ViommuDmarAtsr atsrs[2];
    ViommuDmarRhsa rhsas[2];
    ViommuDmarAndd andds[2];
    ViommuDmarSatc satcs[1];
    ViommuDmarSidp sidps[1];
    ViommuDmarScope scopes[8];
} Table;

static const uint8_t path_endpoint[] = { 2 << 3 | 1 };
static const uint8_t path_port[] = { 3 << 3 };
static const uint8_t path_below[] = { 3 << 3, 0x1f << 3 | 7, 1 << 3 };
static const uint8_t path_zero[] = { 0 };
static uint8_t path_long[VIOMMU_DMAR_PATH_MAX + 1];

#define SCOPE(t, id, b, p) \
    { .type = VIOMMU_SCOPE_##t, .enumeration_id = id, .bus = b, .path = p, \
      .n_path = G_N_ELEMENTS(p) }

static const ViommuDmarScope scope_endpoint =
    SCOPE(ENDPOINT, 0, 0, path_endpoint);
static const ViommuDmarScope scope_port = SCOPE(BRIDGE, 0, 0, path_port);
static const ViommuDmarScope scope_below = SCOPE(ENDPOINT, 0, 0x40,
                                                 path_below);
static const ViommuDmarScope scope_ioapic = SCOPE(IOAPIC, 9, 0xff, path_zero);
static const ViommuDmarScope scope_hpet = SCOPE(HPET, 1, 0xf0, path_zero);
static const ViommuDmarScope scope_named = SCOPE(NAMESPACE, 7, 0xf1,
                                                 path_zero);

/* The smallest table. */
static void table_init(Table *t)
{
    *t = (Table) {
        .drhds[0] = { .include_pci_all = true, .base = 0xfed90000,
                      .size = 4096 },
        .dmar = { .address_bits = 39 },
    };
    t->dmar.drhds = t->drhds;
    t->dmar.n_drhds = 1;
    t->dmar.rmrrs = t->rmrrs;
    t->dmar.atsrs = t->atsrs;
    t->dmar.rhsas = t->rhsas;
    t->dmar.andds = t->andds;
    t->dmar.satcs = t->satcs;
    t->dmar.sidps = t->sidps;
}

static void add_unit(Table *t)
{
    t->drhds[t->dmar.n_drhds] = (ViommuDmarDrhd) {
        .base = 0xfed90000 + 0x2000 * t->dmar.n_drhds, .size = 0x2000,
        .include_pci_all = true,
    };
    t->dmar.n_drhds++;
}

/* Everything of the table's kinds, with one unit more. */
static void table_full(Table *t)
{
    const ViommuDmarScope scopes[] = {
        scope_endpoint, scope_port, scope_below, scope_ioapic, scope_hpet,
        scope_named,
    };

    table_init(t);
    add_unit(t);
    memcpy(t->scopes, scopes, sizeof(scopes));
    t->dmar.header.oem_id = "VIOMMU";
    t->dmar.header.oem_table_id = "TEST";
    t->dmar.header.creator_id = "ABCD";
    t->dmar.header.oem_revision = 0x01020304;
    t->dmar.header.creator_revision = 0x0a0b0c0d;
    t->dmar.address_bits = 52;
    t->dmar.interrupt_remapping = true;
    t->dmar.x2apic_opt_out = true;
    t->dmar.dma_control_opt_in = true;
    t->drhds[0].include_pci_all = false;
    t->drhds[0].scopes = t->scopes;
    t->drhds[0].n_scopes = 4;
    t->drhds[1].scopes = &t->scopes[4];
    t->drhds[1].n_scopes = 2;
    t->rmrrs[0] = (ViommuDmarRmrr) {
        .base = 0x10000000, .limit = 0x100fffff, .scopes = &t->scopes[1],
        .n_scopes = 2,
    };
    t->dmar.n_rmrrs = 1;
    t->atsrs[0] = (ViommuDmarAtsr) { .scopes = &t->scopes[1], .n_scopes = 1 };
    t->atsrs[1] = (ViommuDmarAtsr) { .segment = 0x0201, .all_ports = true };
    t->dmar.n_atsrs = 2;
    t->rhsas[0] = (ViommuDmarRhsa) {
        .base = 0xfed92000, .proximity_domain = 0x00010203,
    };
    t->dmar.n_rhsas = 1;
    t->andds[0] = (ViommuDmarAndd) { .number = 7, .name = "\\_SB.I2C0" };
    t->dmar.n_andds = 1;
}

static void table_integrated(Table *t)
{
    table_init(t);
    t->scopes[0] = scope_endpoint;
    t->scopes[1] = scope_endpoint;
    t->scopes[1].flags = VIOMMU_SIDP_NO_PWSNP | VIOMMU_SIDP_ATC_REQUIRED;
    t->satcs[0] = (ViommuDmarSatc) {
        .atc_required = true, .scopes = t->scopes, .n_scopes = 1,
    };
    t->dmar.n_satcs = 1;
    t->sidps[0] = (ViommuDmarSidp) {
        .segment = 0, .scopes = &t->scopes[1], .n_scopes = 1,
    };
    t->dmar.n_sidps = 1;
}

static GByteArray *build(const Table *t)
{
    GError *error = NULL;
    GByteArray *out = viommu_dmar_build(&t->dmar, &error);

    g_assert_no_error(error);
    g_assert_nonnull(out);
    return out;
}

static unsigned sum_of(const GByteArray *out)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < out->len; i++) {
        sum += out->data[i];
    }
    return sum & 0xff;
}

/* --- Bytes ------------------------------------------------------------------ */

/* The checksum is told by the sum. */
static void check_bytes(const Table *t, const uint8_t *want, size_t n)
{
    GByteArray *out = build(t);

    g_assert_cmpuint(sum_of(out), ==, 0);
    out->data[9] = 0;
    g_assert_cmpmem(out->data, out->len, want, n);
    g_byte_array_unref(out);
}

static void test_bytes_full(void)
{
    static const uint8_t want[] = {
        'D', 'M', 'A', 'R', 0xee, 0, 0, 0, 1, 0,
        'V', 'I', 'O', 'M', 'M', 'U', 'T', 'E', 'S', 'T', 0, 0, 0, 0,
        4, 3, 2, 1, 'A', 'B', 'C', 'D', 0x0d, 0x0c, 0x0b, 0x0a,
        51, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        /* DRHD */
        0, 0, 0x34, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0,
        1, 8, 0, 0, 0, 0, 2, 1,
        2, 8, 0, 0, 0, 0, 3, 0,
        1, 12, 0, 0, 0, 0x40, 3, 0, 0x1f, 7, 1, 0,
        3, 8, 0, 0, 9, 0xff, 0, 0,
        /* DRHD of two pages, with all the rest */
        0, 0, 0x20, 0, 1, 1, 0, 0, 0, 0x20, 0xd9, 0xfe, 0, 0, 0, 0,
        4, 8, 0, 0, 1, 0xf0, 0, 0,
        5, 8, 0, 0, 7, 0xf1, 0, 0,
        /* RMRR */
        1, 0, 0x2c, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0,
        0xff, 0xff, 0x0f, 0x10, 0, 0, 0, 0,
        2, 8, 0, 0, 0, 0, 3, 0,
        1, 12, 0, 0, 0, 0x40, 3, 0, 0x1f, 7, 1, 0,
        /* ATSR */
        2, 0, 0x10, 0, 0, 0, 0, 0, 2, 8, 0, 0, 0, 0, 3, 0,
        2, 0, 8, 0, 1, 0, 1, 2,
        /* RHSA */
        3, 0, 20, 0, 0, 0, 0, 0, 0, 0x20, 0xd9, 0xfe, 0, 0, 0, 0,
        3, 2, 1, 0,
        /* ANDD */
        4, 0, 18, 0, 0, 0, 0, 7, '\\', '_', 'S', 'B', '.', 'I', '2', 'C',
        '0', 0,
    };
    Table t;

    table_full(&t);
    check_bytes(&t, want, sizeof(want));
}

static void test_bytes_integrated(void)
{
    static const uint8_t want[] = {
        'D', 'M', 'A', 'R', 0x60, 0, 0, 0, 1, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0x10, 0, 1, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0,
        /* SATC */
        5, 0, 0x10, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0, 2, 1,
        /* SIDP */
        6, 0, 0x10, 0, 0, 0, 0, 0, 1, 8, 0x12, 0, 0, 0, 2, 1,
    };
    Table t;

    table_integrated(&t);
    check_bytes(&t, want, sizeof(want));
}

/* The header's flags and the units' sizes, one after the other. */
static void test_bytes_single(void)
{
    for (unsigned flags = 0; flags < 8; flags++) {
        GByteArray *out;
        Table t;

        if ((flags & 3) == 2) {
            /* no opt-out without interrupt remapping */
            continue;
        }
        table_init(&t);
        t.dmar.interrupt_remapping = flags & 1;
        t.dmar.x2apic_opt_out = flags & 2;
        t.dmar.dma_control_opt_in = flags & 4;
        out = build(&t);
        g_assert_cmpuint(out->data[37], ==, flags);
        g_byte_array_unref(out);
    }
    for (unsigned log = 0; log <= 15; log++) {
        GByteArray *out;
        Table t;

        table_init(&t);
        t.drhds[0].base = 1ull << 32;
        t.drhds[0].size = 4096ull << log;
        out = build(&t);
        g_assert_cmpuint(out->data[53], ==, log);
        g_byte_array_unref(out);
    }
}

/* --- Limits ----------------------------------------------------------------- */

/* Each function of the segment once. */
static void many_scopes(ViommuDmarScope *scopes, uint8_t *paths, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        paths[i] = i;
        scopes[i] = (ViommuDmarScope) {
            .type = VIOMMU_SCOPE_ENDPOINT, .bus = i >> 8, .path = &paths[i],
            .n_path = 1,
        };
    }
}

/* Lengths have 16 bits. */
static void test_longest(void)
{
    enum { FIT = (65535 - 16) / 8, MORE = 65536 };
    g_autofree ViommuDmarScope *scopes = g_new0(ViommuDmarScope, MORE);
    g_autofree uint8_t *paths = g_new0(uint8_t, MORE);
    GError *error = NULL;
    GByteArray *out;
    Table t;

    table_init(&t);
    many_scopes(scopes, paths, MORE);
    t.drhds[0].include_pci_all = false;
    t.drhds[0].scopes = scopes;
    t.drhds[0].n_scopes = FIT;
    out = build(&t);
    g_assert_cmpuint(out->len, ==, 48 + 16 + 8 * FIT);
    g_assert_cmpuint(sum_of(out), ==, 0);
    g_assert_cmphex(out->data[50] | out->data[51] << 8, ==, 16 + 8 * FIT);
    g_byte_array_unref(out);

    for (unsigned n = FIT + 1; n <= MORE; n = n == MORE ? n + 1 : MORE) {
        t.drhds[0].n_scopes = n;
        g_assert_null(viommu_dmar_build(&t.dmar, &error));
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
        g_assert_nonnull(strstr(error->message, "DRHD 0: "));
        g_assert_nonnull(strstr(error->message, "65535"));
        g_clear_error(&error);
    }
}

static void test_long_name(void)
{
    g_autofree char *name = g_strnfill(65535 - 8, 'x');
    GError *error = NULL;
    GByteArray *out;
    Table t;

    table_init(&t);
    t.andds[0] = (ViommuDmarAndd) { .number = 1, .name = name };
    t.dmar.n_andds = 1;
    g_assert_null(viommu_dmar_build(&t.dmar, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
    g_assert_nonnull(strstr(error->message, "ANDD 0: "));
    g_clear_error(&error);
    name[65535 - 9] = 0;
    out = build(&t);
    g_assert_cmpuint(out->len, ==, 48 + 16 + 65535);
    g_byte_array_unref(out);
}

static void test_long_path(void)
{
    GByteArray *out;
    Table t;

    table_init(&t);
    t.scopes[0] = scope_port;
    t.scopes[0].path = path_long;
    t.scopes[0].n_path = VIOMMU_DMAR_PATH_MAX;
    t.drhds[0].include_pci_all = false;
    t.drhds[0].scopes = t.scopes;
    t.drhds[0].n_scopes = 1;
    out = build(&t);
    g_assert_cmpuint(out->len, ==, 48 + 16 + 254);
    g_assert_cmpuint(out->data[65], ==, 254);
    g_byte_array_unref(out);
}

/* --- Bad input -------------------------------------------------------------- */

static void bad_oem_id(Table *t)
{
    t->dmar.header.oem_id = "TOOLONG";
}

static void bad_oem_table_id(Table *t)
{
    t->dmar.header.oem_table_id = "NINECHARS";
}

static void bad_creator(Table *t)
{
    t->dmar.header.creator_id = "\xc3\xa4";
}

static void bad_width_low(Table *t)
{
    t->dmar.address_bits = 31;
}

static void bad_width_high(Table *t)
{
    t->dmar.address_bits = 65;
}

static void bad_opt_out(Table *t)
{
    t->dmar.interrupt_remapping = false;
}

static void bad_no_drhd(Table *t)
{
    t->dmar.n_drhds = 0;
}

static void bad_window_zero(Table *t)
{
    t->drhds[0].size = 0;
}

static void bad_window_odd(Table *t)
{
    t->drhds[0].size = 3 * 4096;
}

static void bad_window_part(Table *t)
{
    t->drhds[0].size = 4096 + 1;
}

static void bad_window_large(Table *t)
{
    t->drhds[0].base = 0;
    t->drhds[0].size = 4096 << 16;
}

static void bad_base(Table *t)
{
    t->drhds[1].base = 0xfed93000;
}

static void bad_base_zero(Table *t)
{
    t->drhds[0].base = 0;
}

static void bad_overlap_units(Table *t)
{
    t->drhds[0].base = 0xfed93000;
}

static void bad_two_all(Table *t)
{
    t->drhds[0].include_pci_all = true;
    t->drhds[0].n_scopes = 0;
}

static void bad_all_first(Table *t)
{
    add_unit(t);
    t->drhds[2].include_pci_all = false;
}

static void bad_all_scope(Table *t)
{
    t->drhds[1].scopes = &t->scopes[2];
}

static void bad_twice(Table *t)
{
    add_unit(t);
    t->drhds[2] = t->drhds[1];
    t->drhds[2].base += 0x2000;
    t->drhds[1].include_pci_all = false;
    t->drhds[1].scopes = &t->scopes[1];
    t->drhds[1].n_scopes = 1;
}

static void bad_twice_kind(Table *t)
{
    bad_twice(t);
    t->scopes[6] = scope_port;
    t->scopes[6].type = VIOMMU_SCOPE_ENDPOINT;
    t->drhds[1].scopes = &t->scopes[6];
}

static void bad_twice_ioapic(Table *t)
{
    t->scopes[4] = scope_ioapic;
    t->scopes[4].bus = 0x12;
}

static void bad_type_zero(Table *t)
{
    t->scopes[0].type = 0;
}

static void bad_type_six(Table *t)
{
    t->scopes[0].type = 6;
}

static void bad_type_huge(Table *t)
{
    t->scopes[0].type = (ViommuDmarScopeType)(32 + 1);
}

static void bad_no_path(Table *t)
{
    t->scopes[2].n_path = 0;
}

static void bad_path_long(Table *t)
{
    t->scopes[2].path = path_long;
    t->scopes[2].n_path = G_N_ELEMENTS(path_long);
}

static void bad_flags(Table *t)
{
    t->scopes[0].flags = VIOMMU_SIDP_ATC_HARDENED;
}

static void bad_pci_id(Table *t)
{
    t->scopes[0].enumeration_id = 1;
}

static void bad_undeclared(Table *t)
{
    t->andds[0].number = 8;
}

static void bad_rmrr_order(Table *t)
{
    t->rmrrs[0].limit = t->rmrrs[0].base - 1;
}

static void bad_rmrr_base(Table *t)
{
    t->rmrrs[0].base += 0x800;
}

static void bad_rmrr_limit(Table *t)
{
    t->rmrrs[0].limit++;
}

static void bad_rmrr_width(Table *t)
{
    t->rmrrs[0].limit = (1ull << 52) + 0xfff;
}

static void bad_base_width(Table *t)
{
    t->drhds[0].base = 1ull << 52;
}

static void bad_rmrr_nobody(Table *t)
{
    t->rmrrs[0].n_scopes = 0;
}

static void bad_rmrr_type(Table *t)
{
    t->rmrrs[0].scopes = &t->scopes[3];
    t->rmrrs[0].n_scopes = 1;
}

static void bad_rmrr_overlap(Table *t)
{
    t->rmrrs[1] = t->rmrrs[0];
    t->rmrrs[1].base = 0x100ff000;
    t->rmrrs[1].limit = 0x20000fff;
    t->dmar.n_rmrrs = 2;
}

static void bad_rmrr_inside(Table *t)
{
    bad_rmrr_overlap(t);
    t->rmrrs[1].base = 0x10010000;
    t->rmrrs[1].limit = 0x1001ffff;
}

static void bad_atsr_all(Table *t)
{
    t->atsrs[0].all_ports = true;
}

static void bad_atsr_none(Table *t)
{
    t->atsrs[0].n_scopes = 0;
}

static void bad_atsr_type(Table *t)
{
    t->atsrs[0].scopes = t->scopes;
}

static void bad_rhsa_base(Table *t)
{
    t->rhsas[0].base = 0xfed91000;
}

static void bad_rhsa_twice(Table *t)
{
    t->rhsas[1] = t->rhsas[0];
    t->dmar.n_rhsas = 2;
}

static void bad_andd_empty(Table *t)
{
    t->andds[0].name = "";
}

static void bad_andd_null(Table *t)
{
    t->andds[0].name = NULL;
}

static void bad_andd_text(Table *t)
{
    t->andds[0].name = "\\_SB\n";
}

static void bad_andd_twice(Table *t)
{
    t->andds[1] = t->andds[0];
    t->dmar.n_andds = 2;
}

static void bad_satc_none(Table *t)
{
    t->dmar.n_satcs = 1;
}

static void bad_satc_type(Table *t)
{
    t->satcs[0] = (ViommuDmarSatc) { .scopes = &t->scopes[1], .n_scopes = 1 };
    t->dmar.n_satcs = 1;
}

static void bad_satc_flags(Table *t)
{
    t->scopes[6] = scope_endpoint;
    t->scopes[6].flags = VIOMMU_SIDP_NO_NESTED;
    t->satcs[0] = (ViommuDmarSatc) { .scopes = &t->scopes[6], .n_scopes = 1 };
    t->dmar.n_satcs = 1;
}

static void bad_sidp_flags(Table *t)
{
    t->scopes[6] = scope_endpoint;
    t->scopes[6].flags = 0x20;
    t->sidps[0] = (ViommuDmarSidp) { .scopes = &t->scopes[6], .n_scopes = 1 };
    t->dmar.n_sidps = 1;
}

static const struct {
    const char *name;
    void (*spoil)(Table *t);
    /* two things that the message has */
    const char *where;
    const char *what;
} bad_tables[] = {
    { "oem-id", bad_oem_id, "OEM ID 'TOOLONG'", "6" },
    { "oem-table-id", bad_oem_table_id, "OEM table ID 'NINECHARS'", "8" },
    { "creator", bad_creator, "creator ID", "0xc3" },
    { "width-low", bad_width_low, "width 31", "32 to 64" },
    { "width-high", bad_width_high, "width 65", "32 to 64" },
    { "opt-out", bad_opt_out, "x2APIC", "interrupt remapping" },
    { "no-drhd", bad_no_drhd, "at least one", "DRHD" },
    { "window-zero", bad_window_zero, "DRHD 0", "0x0 bytes" },
    { "window-odd", bad_window_odd, "DRHD 0", "0x3000 bytes" },
    { "window-part", bad_window_part, "DRHD 0", "0x1001 bytes" },
    { "window-large", bad_window_large, "DRHD 0", "0x10000000 bytes" },
    { "base", bad_base, "DRHD 1", "0xfed93000" },
    { "base-zero", bad_base_zero, "DRHD 0", "0x0" },
    { "overlap-units", bad_overlap_units, "DRHD 1", "overlaps that of DRHD 0" },
    { "two-all", bad_two_all, "DRHD 1", "INCLUDE_PCI_ALL is DRHD 0's" },
    { "all-first", bad_all_first, "DRHD 1", "DRHD 2 follows" },
    { "all-scope", bad_all_scope, "DRHD 1, device scope 0", "INCLUDE_PCI_ALL" },
    { "twice", bad_twice, "DRHD 1, device scope 0", "DRHD 0 has" },
    { "twice-kind", bad_twice_kind, "DRHD 1, device scope 0", "DRHD 0 has" },
    { "twice-ioapic", bad_twice_ioapic, "DRHD 1, device scope 0",
      "DRHD 0 has" },
    { "type-zero", bad_type_zero, "DRHD 0, device scope 0 (type 0", "1 to 5" },
    { "type-six", bad_type_six, "DRHD 0, device scope 0 (type 6", "1 to 5" },
    { "type-huge", bad_type_huge, "device scope 0 (type 33", "1 to 5" },
    { "no-path", bad_no_path, "device scope 2", "1 to 124" },
    { "path-long", bad_path_long, "path of 125", "1 to 124" },
    { "flags", bad_flags, "DRHD 0, device scope 0", "SIDP" },
    { "pci-id", bad_pci_id, "ID 1", "enumeration ID" },
    { "undeclared", bad_undeclared, "DRHD 1, device scope 1", "ANDD" },
    { "rmrr-order", bad_rmrr_order, "RMRR 0, 0x10000000-0xfffffff",
      "below the base" },
    { "rmrr-base", bad_rmrr_base, "RMRR 0, 0x10000800", "start of a page" },
    { "rmrr-limit", bad_rmrr_limit, "RMRR 0, 0x10000000-0x10100000",
      "last byte" },
    { "rmrr-width", bad_rmrr_width, "RMRR 0", "52 bits" },
    { "base-width", bad_base_width, "DRHD 0", "52 bits" },
    { "rmrr-nobody", bad_rmrr_nobody, "RMRR 0", "at least one" },
    { "rmrr-type", bad_rmrr_type, "RMRR 0, device scope 0 (type 3",
      "PCI and namespace" },
    { "rmrr-overlap", bad_rmrr_overlap, "RMRR 1, 0x100ff000-0x20000fff",
      "overlaps RMRR 0, 0x10000000-0x100fffff" },
    { "rmrr-inside", bad_rmrr_inside, "RMRR 1", "overlaps RMRR 0" },
    { "atsr-all", bad_atsr_all, "ATSR 0", "ALL_PORTS" },
    { "atsr-none", bad_atsr_none, "ATSR 0", "at least one" },
    { "atsr-type", bad_atsr_type, "ATSR 0, device scope 0", "root ports" },
    { "rhsa-base", bad_rhsa_base, "RHSA 0", "0xfed91000" },
    { "rhsa-twice", bad_rhsa_twice, "RHSA 1", "RHSA 0" },
    { "andd-empty", bad_andd_empty, "ANDD 0", "name" },
    { "andd-null", bad_andd_null, "ANDD 0", "name" },
    { "andd-text", bad_andd_text, "ANDD 0", "0x0a" },
    { "andd-twice", bad_andd_twice, "ANDD 1", "number 7" },
    { "satc-none", bad_satc_none, "SATC 0", "at least one" },
    { "satc-type", bad_satc_type, "SATC 0, device scope 0", "endpoints" },
    { "satc-flags", bad_satc_flags, "SATC 0, device scope 0", "SIDP" },
    { "sidp-flags", bad_sidp_flags, "SIDP 0, device scope 0", "reserved" },
};

static void test_bad(gconstpointer data)
{
    size_t i = GPOINTER_TO_UINT(data);
    GError *error = NULL;
    Table t;

    table_full(&t);
    bad_tables[i].spoil(&t);
    g_assert_null(viommu_dmar_build(&t.dmar, &error));
    g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, bad_tables[i].where));
    g_assert_nonnull(strstr(error->message, bad_tables[i].what));
    g_assert_null(strchr(error->message, '\n'));
    g_error_free(error);
}

/* Neighbours of what is refused above. */
static void test_good(void)
{
    Table t;

    table_full(&t);
    /* INCLUDE_PCI_ALL counts for each segment */
    t.drhds[0].include_pci_all = true;
    t.drhds[0].segment = 1;
    t.drhds[0].scopes = &t.scopes[3];
    t.drhds[0].n_scopes = 1;
    g_byte_array_unref(build(&t));

    /* as do addresses of devices, and reserved regions */
    table_full(&t);
    add_unit(&t);
    t.drhds[2].segment = 1;
    t.drhds[2].include_pci_all = false;
    t.drhds[2].scopes = t.scopes;
    t.drhds[2].n_scopes = 3;
    bad_rmrr_overlap(&t);
    t.rmrrs[1].segment = 1;
    g_byte_array_unref(build(&t));

    /* regions that touch; a page is enough; the last one of all */
    table_full(&t);
    bad_rmrr_overlap(&t);
    t.rmrrs[1].base = 0x10100000;
    t.rmrrs[1].limit = 0x10100fff;
    g_byte_array_unref(build(&t));
    t.dmar.address_bits = 64;
    t.rmrrs[1].base = UINT64_MAX - 0xfff;
    t.rmrrs[1].limit = UINT64_MAX;
    g_byte_array_unref(build(&t));

    /* a unit with nothing behind it */
    table_full(&t);
    t.drhds[0].n_scopes = 0;
    g_byte_array_unref(build(&t));
}

/* --- iasl ------------------------------------------------------------------- */

static bool run_iasl(const char *folder, const GByteArray *table,
                     char **listing)
{
    g_autofree char *aml = g_build_filename(folder, "dmar.aml", NULL);
    g_autofree char *dsl = g_build_filename(folder, "dmar.dsl", NULL);
    char *argv[] = { (char *)"iasl", (char *)"-d", aml, NULL };
    g_autoptr(GError) error = NULL;
    g_autofree char *said = NULL;
    g_autofree char *complained = NULL;
    int status;

    g_assert_true(g_file_set_contents(aml, (const char *)table->data,
                                      table->len, &error));
    if (!g_spawn_sync(folder, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
                      &said, &complained, &status, &error)) {
        g_assert_error(error, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT);
        g_unlink(aml);
        return false;
    }
    g_assert_cmpint(status, ==, 0);
    g_assert_true(g_file_get_contents(dsl, listing, NULL, NULL));
    g_assert_null(strstr(*listing, "Incorrect checksum"));
    g_assert_null(strstr(*listing, "Invalid"));
    g_assert_null(strstr(*listing, "Unknown"));
    g_unlink(aml);
    g_unlink(dsl);
    return true;
}

/*
 * "[034h 0052   1]      Flags : 00 [...]" becomes "Flags=00;".  Fields that
 * versions of iasl call differently are left to the tests of bytes.
 */
static char *fields_of(const char *listing)
{
    g_auto(GStrv) lines = g_strsplit(listing, "\n", -1);
    GString *out = g_string_new(NULL);

    for (unsigned i = 0; lines[i]; i++) {
        char *label = strchr(lines[i], ']');
        char *value = label ? strstr(label, " : ") : NULL;
        char *more;

        if (lines[i][0] != '[' || !value) {
            continue;
        }
        *value = 0;
        value += 3;
        more = strstr(value, " [");
        if (more) {
            *more = 0;
        }
        label = g_strstrip(label + 1);
        if (!g_str_has_prefix(label, "Reserved") &&
            !g_str_has_prefix(label, "Checksum") &&
            !g_str_has_prefix(label, "Size")) {
            g_string_append_printf(out, "%s=%s;", label, g_strstrip(value));
        }
    }
    return g_string_free(out, FALSE);
}

#define HEADER(length, oem, table, oem_revision, creator, revision) \
    "Signature=\"DMAR\";Table Length=" length ";Revision=01;" \
    "Oem ID=\"" oem "\";Oem Table ID=\"" table "\";" \
    "Oem Revision=" oem_revision ";Asl Compiler ID=\"" creator "\";" \
    "Asl Compiler Revision=" revision ";"
#define UNIT(length, flags, segment, base) \
    "Subtable Type=0000;Length=" length ";Flags=" flags ";" \
    "PCI Segment Number=" segment ";Register Base Address=" base ";"
#define DEVICE(type, length, id, bus) \
    "Device Scope Type=" type ";Entry Length=" length ";" \
    "Enumeration ID=" id ";PCI Bus Number=" bus ";"
#define STEP(text) "PCI Path=" text ";"

static const struct {
    const char *name;
    void (*describe)(Table *t);
    const char *fields;
} iasl_tables[] = {
    { "least", table_init,
      HEADER("00000040", "", "", "00000000", "", "00000000")
      "Host Address Width=26;Flags=00;"
      UNIT("0010", "01", "0000", "00000000FED90000") },
    { "full", table_full,
      HEADER("000000EE", "VIOMMU", "TEST", "01020304", "ABCD", "0A0B0C0D")
      "Host Address Width=33;Flags=07;"
      UNIT("0034", "00", "0000", "00000000FED90000")
      DEVICE("01", "08", "00", "00") STEP("02,01")
      DEVICE("02", "08", "00", "00") STEP("03,00")
      DEVICE("01", "0C", "00", "40") STEP("03,00") STEP("1F,07") STEP("01,00")
      DEVICE("03", "08", "09", "FF") STEP("00,00")
      UNIT("0020", "01", "0000", "00000000FED92000")
      DEVICE("04", "08", "01", "F0") STEP("00,00")
      DEVICE("05", "08", "07", "F1") STEP("00,00")
      "Subtable Type=0001;Length=002C;PCI Segment Number=0000;"
      "Base Address=0000000010000000;End Address (limit)=00000000100FFFFF;"
      DEVICE("02", "08", "00", "00") STEP("03,00")
      DEVICE("01", "0C", "00", "40") STEP("03,00") STEP("1F,07") STEP("01,00")
      "Subtable Type=0002;Length=0010;Flags=00;PCI Segment Number=0000;"
      DEVICE("02", "08", "00", "00") STEP("03,00")
      "Subtable Type=0002;Length=0008;Flags=01;PCI Segment Number=0201;"
      "Subtable Type=0003;Length=0014;Base Address=00000000FED92000;"
      "Proximity Domain=00010203;"
      "Subtable Type=0004;Length=0012;Device Number=07;"
      "Device Name=\"\\_SB.I2C0\";" },
};

static void test_iasl(gconstpointer data)
{
    size_t i = GPOINTER_TO_UINT(data);
    g_autofree char *folder = g_dir_make_tmp("viommu-dmar-XXXXXX", NULL);
    g_autofree char *listing = NULL;
    GByteArray *out;
    Table t;

    g_assert_nonnull(folder);
    iasl_tables[i].describe(&t);
    out = build(&t);
    if (run_iasl(folder, out, &listing)) {
        g_autofree char *fields = fields_of(listing);

        g_assert_cmpstr(fields, ==, iasl_tables[i].fields);
    } else {
        g_test_skip("iasl is not installed");
    }
    g_byte_array_unref(out);
    g_rmdir(folder);
}

/* --- Reserved regions ------------------------------------------------------- */

static void test_regions(void)
{
    const ViommuReservedRegion *region;
    GError *error = NULL;
    GPtrArray *all = viommu_reserved_regions_parse(
        "0x1000-0x1fff@00:1f.7+nvme0;4096-8191@ff:00.0;"
        "0xfffffffffffff000-0xffffffffffffffff@a", &error);

    g_assert_no_error(error);
    g_assert_cmpuint(all->len, ==, 3);
    region = g_ptr_array_index(all, 0);
    g_assert_cmphex(region->base, ==, 0x1000);
    g_assert_cmphex(region->limit, ==, 0x1fff);
    g_assert_cmpuint(region->n_devices, ==, 2);
    g_assert_null(region->devices[0].id);
    g_assert_cmphex(region->devices[0].bus, ==, 0);
    g_assert_cmphex(region->devices[0].devfn, ==, 0xff);
    g_assert_cmpstr(region->devices[1].id, ==, "nvme0");
    region = g_ptr_array_index(all, 1);
    g_assert_cmphex(region->base, ==, 0x1000);
    g_assert_cmphex(region->limit, ==, 0x1fff);
    g_assert_cmphex(region->devices[0].bus, ==, 0xff);
    g_assert_cmphex(region->devices[0].devfn, ==, 0);
    region = g_ptr_array_index(all, 2);
    g_assert_cmphex(region->limit, ==, UINT64_MAX);
    g_assert_cmpstr(region->devices[0].id, ==, "a");
    g_ptr_array_unref(all);

    all = viommu_reserved_regions_parse("", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(all->len, ==, 0);
    g_ptr_array_unref(all);
}

static void test_bad_regions(void)
{
    static const struct {
        const char *text;
        const char *part;
        const char *what;
    } bad[] = {
        { ";", "''", "BASE-LIMIT" },
        { "0x1000", "'0x1000'", "BASE-LIMIT" },
        { "0x1000-0x1fff", "'0x1000-0x1fff'", "BASE-LIMIT" },
        { "-0x1fff@a", "'-0x1fff@a'", "BASE-LIMIT" },
        { "0x1000--1@a", "'0x1000--1@a'", "BASE-LIMIT" },
        { " 0x1000-0x1fff@a", "' 0x1000", "BASE-LIMIT" },
        { "0x1000-0x1fffz@a", "'0x1000-0x1fffz@a'", "BASE-LIMIT" },
        { "0x1000-0x10000000000000000@a", "'0x1000-", "BASE-LIMIT" },
        { "0x1000-0x1fff@a;0x2000-0x2fff", "'0x2000-0x2fff'", "BASE-LIMIT" },
        { "0x2000-0x1fff@a", "'0x2000-0x1fff@a'", "below the base" },
        { "0x1001-0x1fff@a", "'0x1001-0x1fff@a'", "start of a page" },
        { "0x1000-0x2000@a", "'0x1000-0x2000@a'", "last byte" },
        { "0x1000-0x1fff@", "0x1fff@'", "device is missing" },
        { "0x1000-0x1fff@a+", "0x1fff@a+'", "'' is no device" },
        { "0x1000-0x1fff@0:20.0", "@0:20.0'", "'0:20.0' is no device" },
        { "0x1000-0x1fff@0:1.8", "@0:1.8'", "'0:1.8' is no device" },
        { "0x1000-0x1fff@0:1", "@0:1'", "'0:1' is no device" },
        { "0x1000-0x1fff@0:1.0x", "@0:1.0x'", "'0:1.0x' is no device" },
        { "0x1000-0x1fff@100:1.0", "@100:1.0'", "'100:1.0' is no device" },
        { "0x1000-0x1fff@0:0:1.0", "@0:0:1.0'", "'0:0:1.0' is no device" },
        { "0x1000-0x1fff@:1.0", "@:1.0'", "':1.0' is no device" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *error = NULL;

        g_assert_null(viommu_reserved_regions_parse(bad[i].text, &error));
        g_assert_error(error, VIOMMU_ERROR, VIOMMU_ERROR_CONFIG);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, bad[i].part));
        g_assert_nonnull(strstr(error->message, bad[i].what));
        g_error_free(error);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/dmar/bytes/full", test_bytes_full);
    g_test_add_func("/dmar/bytes/integrated", test_bytes_integrated);
    g_test_add_func("/dmar/bytes/single", test_bytes_single);
    g_test_add_func("/dmar/limits/longest", test_longest);
    g_test_add_func("/dmar/limits/name", test_long_name);
    g_test_add_func("/dmar/limits/path", test_long_path);
    g_test_add_func("/dmar/good", test_good);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad_tables); i++) {
        g_autofree char *name = g_strconcat("/dmar/bad/",
                                            bad_tables[i].name, NULL);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_bad);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(iasl_tables); i++) {
        g_autofree char *name = g_strconcat("/dmar/iasl/",
                                            iasl_tables[i].name, NULL);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_iasl);
    }
    g_test_add_func("/dmar/regions/good", test_regions);
    g_test_add_func("/dmar/regions/bad", test_bad_regions);
    return g_test_run();
}
