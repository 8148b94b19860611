/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptions of DMAR tables, and reserved regions, that are refused. */
#include <string.h>

#include "tests/lib/unit/dmar.h"

/* --- Bad input ----------------------------------------------------------- */

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
    table_add_unit(t);
    t->drhds[2].include_pci_all = false;
}

static void bad_all_scope(Table *t)
{
    t->drhds[1].scopes = &t->scopes[2];
}

static void bad_twice(Table *t)
{
    table_add_unit(t);
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
    g_byte_array_unref(table_build(&t));

    /* as do addresses of devices, and reserved regions */
    table_full(&t);
    table_add_unit(&t);
    t.drhds[2].segment = 1;
    t.drhds[2].include_pci_all = false;
    t.drhds[2].scopes = t.scopes;
    t.drhds[2].n_scopes = 3;
    bad_rmrr_overlap(&t);
    t.rmrrs[1].segment = 1;
    g_byte_array_unref(table_build(&t));

    /* regions that touch; a page is enough; the last one of all */
    table_full(&t);
    bad_rmrr_overlap(&t);
    t.rmrrs[1].base = 0x10100000;
    t.rmrrs[1].limit = 0x10100fff;
    g_byte_array_unref(table_build(&t));
    t.dmar.address_bits = 64;
    t.rmrrs[1].base = UINT64_MAX - 0xfff;
    t.rmrrs[1].limit = UINT64_MAX;
    g_byte_array_unref(table_build(&t));

    /* a unit with nothing behind it */
    table_full(&t);
    t.drhds[0].n_scopes = 0;
    g_byte_array_unref(table_build(&t));
}

/* --- Reserved regions ---------------------------------------------------- */

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
    g_test_add_func("/dmar-bad/good", test_good);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad_tables); i++) {
        g_autofree char *name = g_strconcat("/dmar-bad/", bad_tables[i].name,
                                            NULL);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_bad);
    }
    g_test_add_func("/dmar-bad/regions/good", test_regions);
    g_test_add_func("/dmar-bad/regions/bad", test_bad_regions);
    return g_test_run();
}
