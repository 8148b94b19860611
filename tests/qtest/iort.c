/* SPDX-License-Identifier: BSD-3-Clause */
/* The IORT that a machine has for its options. */
#include <string.h>

#include "tests/qtest/acpi.h"

#define TABLE_HEADER 48

/* Mappings: " FIRST+COUNT>OUTPUT:REFERENCE", with "!" for a single one. */
static void tell_mappings(GString *out, const uint8_t *node)
{
    const uint8_t *at = node + acpi_get(node + 12, 4);

    for (uint64_t n = acpi_get(node + 8, 4); n > 0; n--, at += 20) {
        g_string_append_printf(out, " %x+%" G_GINT64_MODIFIER "x>%x:%u%s",
                               (unsigned)acpi_get(at, 4),
                               acpi_get(at + 4, 4) + 1,
                               (unsigned)acpi_get(at + 8, 4),
                               (unsigned)acpi_get(at + 12, 4),
                               at[16] & 1 ? "!" : "");
    }
}

static void tell_node(GString *out, const uint8_t *at)
{
    switch (at[0]) {
    case 0:
        g_string_append(out, " ITS(");
        break;
    case 2:
        /* segment, ATS attribute, bits of PASIDs */
        g_string_append_printf(out, " ROOT(%u %x %u",
                               (unsigned)acpi_get(at + 28, 4),
                               (unsigned)acpi_get(at + 24, 4),
                               (unsigned)acpi_get(at + 33, 2));
        break;
    case 4:
        /* base, flags, interrupts, which mapping is its DeviceID's */
        g_string_append_printf(out, " SMMU(%" G_GINT64_MODIFIER "x %x",
                               acpi_get(at + 16, 8),
                               (unsigned)acpi_get(at + 24, 4));
        for (unsigned i = 44; i < 60; i += 4) {
            g_string_append_printf(out, " %u",
                                   (unsigned)acpi_get(at + i, 4));
        }
        g_string_append_printf(out, " %u", (unsigned)acpi_get(at + 64, 4));
        break;
    default:
        g_string_append_printf(out, " ?%u(", at[0]);
        break;
    }
    tell_mappings(out, at);
    g_string_append_c(out, ')');
}

/* The revision, and each node with its place. */
static char *tell(const GByteArray *table)
{
    GString *out = g_string_new(NULL);
    size_t at = TABLE_HEADER;

    g_string_append_printf(out, "%u", table->data[8]);
    for (uint64_t n = acpi_get(table->data + 36, 4); n > 0; n--) {
        size_t size;

        g_assert_cmpuint(at + 16, <=, table->len);
        size = acpi_get(table->data + at + 1, 2);
        g_assert_cmpuint(size, >=, 16);
        g_assert_cmpuint(at + size, <=, table->len);
        g_string_append_printf(out, " @%zu", at);
        tell_node(out, table->data + at);
        at += size;
    }
    g_assert_cmpuint(at, ==, table->len);
    return g_string_free(out, FALSE);
}

/*
 * QEMU's tables know the buses that have got numbers, which without firmware is
 * the root bus; IDs of the others go to the ITS as they are.
 */
typedef struct Case {
    const char *name;
    const char *machine;
    const char *options;
    /* NULL: not on this machine */
    const char *board, *qemu;
} Case;

static const Case cases[] = {
    { "default", "virt,iommu=smmuv3", "",
      "3 @48 SMMU(9050000 1 106 107 109 108 0) "
      "@116 ROOT(0 0 0 0+10000>0:48)",
      "3 @48 ITS() @72 SMMU(9050000 1 106 107 109 108 0 0+10000>0:48) "
      "@160 ROOT(0 0 0 0+100>0:72 100+ff00>100:48)" },
    { "attributes", "virt,iommu=smmuv3",
      "-global arm-smmuv3.ats=on -global arm-smmuv3.pri=on "
      "-global arm-smmuv3.ssidsize=16 -global arm-smmuv3.httu=2",
      "3 @48 SMMU(9050000 5 106 107 109 108 0) "
      "@116 ROOT(0 7 16 0+10000>0:48)",
      "3 @48 ITS() @72 SMMU(9050000 5 106 107 109 108 0 0+10000>0:48) "
      "@160 ROOT(0 7 16 0+100>0:72 100+ff00>100:48)" },
};

static void test_case(gconstpointer data)
{
    const Case *c = data;
    g_autoptr(GByteArray) table = NULL;
    g_autofree char *got = NULL;

    qtest_set_target("aarch64");
    table = acpi_table("IORT", c->machine, c->options);
    got = tell(table);
    g_assert_cmpstr(got, ==, qtest_is_qemu() ? c->qemu : c->board);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strconcat("/iort/", cases[i].name, NULL);

        if (qtest_is_qemu() ? cases[i].qemu : cases[i].board) {
            g_test_add_data_func(name, &cases[i], test_case);
        }
    }
    return g_test_run();
}
