/* SPDX-License-Identifier: BSD-3-Clause */
/* The DMAR table: its bytes, its limits, and what iasl reads in it. */
#include <string.h>

#include "tests/lib/unit/dmar.h"
#include "tests/lib/unit/iasl.h"

/* --- Bytes --------------------------------------------------------------- */

/* The checksum is told by the sum. */
static void check_bytes(const Table *t, const uint8_t *want, size_t n)
{
    GByteArray *out = table_build(t);

    g_assert_cmpuint(table_sum(out), ==, 0);
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
        out = table_build(&t);
        g_assert_cmpuint(out->data[37], ==, flags);
        g_byte_array_unref(out);
    }
    for (unsigned log = 0; log <= 15; log++) {
        GByteArray *out;
        Table t;

        table_init(&t);
        t.drhds[0].base = 1ull << 32;
        t.drhds[0].size = 4096ull << log;
        out = table_build(&t);
        g_assert_cmpuint(out->data[53], ==, log);
        g_byte_array_unref(out);
    }
}

/* --- Limits -------------------------------------------------------------- */

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
    out = table_build(&t);
    g_assert_cmpuint(out->len, ==, 48 + 16 + 8 * FIT);
    g_assert_cmpuint(table_sum(out), ==, 0);
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
    out = table_build(&t);
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
    out = table_build(&t);
    g_assert_cmpuint(out->len, ==, 48 + 16 + 254);
    g_assert_cmpuint(out->data[65], ==, 254);
    g_byte_array_unref(out);
}

/* --- iasl ---------------------------------------------------------------- */

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
    g_autofree char *listing = NULL;
    GByteArray *out;
    Table t;

    iasl_tables[i].describe(&t);
    out = table_build(&t);
    listing = iasl_listing(out);
    if (listing) {
        g_autofree char *fields = fields_of(listing);

        g_assert_null(strstr(listing, "Invalid"));
        g_assert_null(strstr(listing, "Unknown"));
        g_assert_cmpstr(fields, ==, iasl_tables[i].fields);
    } else {
        g_test_skip("iasl is not installed");
    }
    g_byte_array_unref(out);
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
    for (unsigned i = 0; i < G_N_ELEMENTS(iasl_tables); i++) {
        g_autofree char *name = g_strconcat("/dmar/iasl/",
                                            iasl_tables[i].name, NULL);

        g_test_add_data_func(name, GUINT_TO_POINTER(i), test_iasl);
    }
    return g_test_run();
}
