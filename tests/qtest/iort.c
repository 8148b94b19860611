/* SPDX-License-Identifier: BSD-3-Clause */
/* The IORT that a machine has for its options. */
#include <string.h>

#include "tests/qtest/acpi.h"
#include "tests/qtest/smmu.h"

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
    case 6:
        {
            const uint8_t *range = at + acpi_get(at + 24, 4);

            /* flags, its ranges: one, where */
            g_string_append_printf(out, " RMR(%x %u %" G_GINT64_MODIFIER "x+%"
                                   G_GINT64_MODIFIER "x",
                                   (unsigned)acpi_get(at + 16, 4),
                                   (unsigned)acpi_get(at + 20, 4),
                                   acpi_get(range, 8),
                                   acpi_get(range + 8, 8));
        }
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

/* A port below the further root bus must not matter before it has numbers. */
#define SECOND_UNIT "-device pxb-pcie,id=pcie.1,bus_nr=64 " \
    "-device arm-smmuv3,primary-bus=pcie.1,ats=on,msi=on " \
    "-device pcie-root-port,id=rp1,bus=pcie.1"

/*
 * QEMU's tables know the buses that have got numbers, which without firmware is
 * the root bus; IDs of the others go to the ITS as they are, if there is one.
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
      "3 @48 SMMU(9050000 1 106 107 109 108 0) @116 ROOT(0 0 0 0+100>0:48)" },
    /* the ITS has what no unit has, unless there is none */
    { "its", "virt,iommu=smmuv3,gic-version=3", "", NULL,
      "3 @48 ITS() @72 SMMU(9050000 1 106 107 109 108 0 0+10000>0:48) "
      "@160 ROOT(0 0 0 0+100>0:72 100+ff00>100:48)" },
    { "its-max", "virt,iommu=smmuv3,gic-version=max,highmem=off", "", NULL,
      "3 @48 ITS() @72 SMMU(9050000 1 106 107 109 108 0 0+10000>0:48) "
      "@160 ROOT(0 0 0 0+100>0:72 100+ff00>100:48)" },
    { "its-4", "virt,iommu=smmuv3,gic-version=4,virtualization=on", "", NULL,
      "3 @48 ITS() @72 SMMU(9050000 1 106 107 109 108 0 0+10000>0:48) "
      "@160 ROOT(0 0 0 0+100>0:72 100+ff00>100:48)" },
    { "its-off", "virt,iommu=smmuv3,gic-version=3,its=off", "", NULL,
      "3 @48 SMMU(9050000 1 106 107 109 108 0) @116 ROOT(0 0 0 0+100>0:48)" },
    /* a machine as it was before its processors' emulation had one */
    { "its-old", "virt-6.1,iommu=smmuv3,gic-version=3", "", NULL,
      "3 @48 SMMU(9050000 1 106 107 109 108 0) @116 ROOT(0 0 0 0+100>0:48)" },
    { "its-off-units", "virt,iommu=smmuv3,gic-version=3,its=off",
      "-device pxb-pcie,id=pcie.1,bus_nr=64 "
      "-device arm-smmuv3,primary-bus=pcie.1,ats=on,msi=on", NULL,
      "3 @48 SMMU(9050000 1 106 107 109 108 0) "
      "@116 SMMU(c000000 1 144 145 147 146 0) "
      "@184 ROOT(0 1 0 0+100>0:48 4000+100>4000:116)" },
    /* nobody is behind the unit */
    { "bypass", "virt,iommu=smmuv3,default-bus-bypass-iommu=on", "", NULL,
      "3 @48 SMMU(9050000 1 106 107 109 108 0) @116 ROOT(0 0 0)" },
    { "bypass-its", "virt,iommu=smmuv3,default-bus-bypass-iommu=on,"
      "gic-version=3", "", NULL,
      "3 @48 ITS() @72 SMMU(9050000 1 106 107 109 108 0 0+10000>0:48) "
      "@160 ROOT(0 0 0 0+10000>0:48)" },
    { "attributes", "virt,iommu=smmuv3",
      "-global arm-smmuv3.ats=on -global arm-smmuv3.pri=on "
      "-global arm-smmuv3.ssidsize=16 -global arm-smmuv3.httu=2",
      "3 @48 SMMU(9050000 5 106 107 109 108 0) "
      "@116 ROOT(0 7 16 0+10000>0:48)",
      "3 @48 SMMU(9050000 5 106 107 109 108 0) @116 ROOT(0 7 16 0+100>0:48)"
    },
    /* an ITS knows the unit's messages by the DeviceID 0 */
    { "msi", "virt,iommu=smmuv3,gic-version=3", "-global arm-smmuv3.msi=on",
      NULL,
      "6 @48 ITS() @72 SMMU(9050000 11 106 107 109 108 1 0+10000>0:48 "
      "0+1>0:48!) @180 ROOT(0 0 0 0+100>0:72 100+ff00>100:48)" },
    /* a GICv2m does not */
    { "msi-frame", "virt,iommu=smmuv3", "-global arm-smmuv3.msi=on", NULL,
      "3 @48 SMMU(9050000 1 106 107 109 108 0) @116 ROOT(0 0 0 0+100>0:48)" },
    { "units", "virt,iommu=smmuv3,gic-version=3", SECOND_UNIT, NULL,
      "6 @48 ITS() @72 SMMU(9050000 1 106 107 109 108 0 0+10000>0:48) "
      "@160 SMMU(c000000 11 144 145 147 146 1 0+10000>0:48 0+1>1:48!) "
      "@268 ROOT(0 1 0 0+100>0:72 100+3f00>100:48 4000+100>4000:160 "
      "4100+bf00>4100:48)" },
    /* a root bus of nobody's, and the only unit not the machine's */
    { "one", "virt", SECOND_UNIT, NULL,
      "3 @48 SMMU(c000000 1 144 145 147 146 0) "
      "@116 ROOT(0 1 0 4000+100>4000:48)" },
    { "one-its", "virt,gic-version=3", SECOND_UNIT, NULL,
      "6 @48 ITS() @72 SMMU(c000000 11 144 145 147 146 1 0+10000>0:48 "
      "0+1>0:48!) @180 ROOT(0 1 0 0+4000>0:48 4000+100>4000:72 "
      "4100+bf00>4100:48)" },
    /* where messages of the host's devices are, for their streams */
    { "nesting", "virt,iommu=smmuv3", "-global arm-smmuv3.nesting=auto", NULL,
      "5 @48 SMMU(9050000 1 106 107 109 108 0) "
      "@116 ROOT(0 0 0 0+100>0:48) "
      "@176 RMR(1 1 8000000+100000 0+100>0:48)" },
    { "nesting-units", "virt,iommu=smmuv3,gic-version=3",
      SECOND_UNIT " -device pxb-pcie,id=pcie.2,bus_nr=128,bus=pcie.0 "
      "-device arm-smmuv3,primary-bus=pcie.2,accel=on", NULL,
      "6 @48 ITS() @72 SMMU(9050000 1 106 107 109 108 0 0+10000>0:48) "
      "@160 SMMU(c000000 11 144 145 147 146 1 0+10000>0:48 0+1>1:48!) "
      "@268 SMMU(c020000 1 148 149 151 150 0 0+10000>0:48) "
      "@356 ROOT(0 1 0 0+100>0:72 100+3f00>100:48 4000+100>4000:160 "
      "4100+3f00>4100:48 8000+100>8000:268 8100+7f00>8100:48) "
      "@516 RMR(1 1 8000000+100000 8000+100>8000:268)" },
    /* a further root bus without a unit is behind that of its device */
    { "shared", "virt,iommu=smmuv3", "-device pxb-pcie,id=pcie.1,bus_nr=64",
      NULL,
      "3 @48 SMMU(9050000 1 106 107 109 108 0) "
      "@116 ROOT(0 0 0 0+100>0:48 4000+100>4000:48)" },
};

/* Bridges with numbers that software has no right to: no mappings overlap. */
static void test_hostile(void)
{
    const uint64_t port = SMMU_ECAM_HIGH + (2 << 15);
    g_autoptr(GByteArray) table = NULL;
    g_autofree char *got = NULL;
    QTest *q;

    qtest_set_target("aarch64");
    q = qtest_start("-machine virt,iommu=smmuv3,gic-version=3 "
                    "-cpu cortex-a57 -m 256M "
                    "-device pcie-root-port,id=rp0,chassis=9,addr=2 "
                    SECOND_UNIT);
    g_assert_cmphex(qtest_readl(q, port), ==, 0x000c1b36);
    /* primary, secondary, subordinate */
    qtest_writel(q, port + 0x18, 0xff3000);
    table = acpi_table_of(q, "IORT", true);
    got = tell(table);
    g_assert_nonnull(strstr(got, "ROOT(0 1 0 0+4000>0:72 4000+100>4000:160 "
                            "4100+bf00>4100:48)"));
    qtest_end(q);
}

/*
 * StreamIDs of which the table tells are right as long as bus numbers stay: the
 * host bridges' _DSM has function 5, which returns 0.
 */
static void test_numbers(void)
{
    /* if (Arg2 == 5) return 0, in AML: LEqual, Arg2, 5, Return, Zero */
    static const uint8_t code[] = { 0x93, 0x6a, 0x0a, 0x05, 0xa4, 0x00 };

    qtest_set_target("aarch64");
    for (unsigned on = 0; on < 2; on++) {
        QTest *q = qtest_start("-machine virt,iommu=smmuv3 -m 256M %s",
                               on ? "-global arm-smmuv3.nesting=on" : "");
        g_autoptr(GByteArray) tables = acpi_tables_of(q, true);

        g_assert_cmpint(memmem(tables->data, tables->len, code,
                               sizeof(code)) != NULL, ==, on);
        qtest_end(q);
    }
}

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
    if (qtest_is_qemu()) {
        g_test_add_func("/iort/hostile", test_hostile);
        g_test_add_func("/iort/numbers", test_numbers);
    }
    return g_test_run();
}
