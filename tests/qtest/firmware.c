/* SPDX-License-Identifier: BSD-3-Clause */
/* The DMAR table that a machine has for its options. */
#include <stdio.h>
#include <string.h>

#include "tests/qtest/acpi.h"

#define TABLE_HEADER     48

/* --- Decoding ------------------------------------------------------------ */

/* " TYPE.ID@BUS/DD.F/DD.F" for each entry */
static void tell_scopes(GString *out, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        g_assert_cmpint(end - at, >=, 8);
        g_assert_cmpint(at[1], >=, 8);
        g_assert_cmpint(at[1], <=, end - at);
        g_assert_cmphex(acpi_get(at + 2, 2), ==, 0);
        g_string_append_printf(out, " %u.%u@%02x", at[0], at[4], at[5]);
        for (unsigned i = 6; i < at[1]; i += 2) {
            g_string_append_printf(out, "/%02x.%x", at[i], at[i + 1]);
        }
        at += at[1];
    }
}

static void tell_structure(GString *out, const uint8_t *at, size_t size)
{
    switch (acpi_get(at, 2)) {
    case 0:
        g_string_append_printf(out, " DRHD(%u %u %u 0x%" G_GINT64_MODIFIER "x",
                               at[4], at[5], (unsigned)acpi_get(at + 6, 2),
                               acpi_get(at + 8, 8));
        tell_scopes(out, at + 16, at + size);
        break;
    case 1:
        g_assert_cmphex(acpi_get(at + 4, 2), ==, 0);
        g_string_append_printf(out, " RMRR(%u 0x%" G_GINT64_MODIFIER "x 0x%"
                               G_GINT64_MODIFIER "x",
                               (unsigned)acpi_get(at + 6, 2),
                               acpi_get(at + 8, 8), acpi_get(at + 16, 8));
        tell_scopes(out, at + 24, at + size);
        break;
    case 2:
    case 5:
        g_string_append_printf(out, " %s(%u %u", at[0] == 2 ? "ATSR" : "SATC",
                               at[4], (unsigned)acpi_get(at + 6, 2));
        tell_scopes(out, at + 8, at + size);
        break;
    default:
        g_string_append_printf(out, " %u(", (unsigned)acpi_get(at, 2));
        break;
    }
    g_string_append_c(out, ')');
}

/* The address width, the flags, and each structure. */
static char *tell(const GByteArray *table)
{
    GString *out = g_string_new(NULL);
    size_t at = TABLE_HEADER;

    g_assert_cmpuint(table->len, >=, TABLE_HEADER);
    g_assert_cmpuint(table->data[8], ==, 1);
    g_string_append_printf(out, "%u %u", table->data[36] + 1,
                           table->data[37]);
    while (at < table->len) {
        size_t size = acpi_get(table->data + at + 2, 2);

        g_assert_cmpuint(size, >=, 8);
        g_assert_cmpuint(size, <=, table->len - at);
        tell_structure(out, table->data + at, size);
        at += size;
    }
    return g_string_free(out, FALSE);
}

/* --- Cases --------------------------------------------------------------- */

/* The chipset's own functions, behind the I/O APIC. */
#define IOAPIC " 3.0@ff/00.0"
#define HOST   " 1.0@00/00.0"
#define ICH9   " 1.0@00/1f.0 1.0@00/1f.2 1.0@00/1f.3"
#define UNIT   " DRHD(0 0 0 0xfed90000"

#define TESTDEV(addr) " -device viommu-testdev,addr=" addr

typedef struct Case {
    const char *name;
    const char *options;
    const char *qemu;
    /* NULL: the board does not have what the options name */
    const char *board;
} Case;

static const Case cases[] = {
    { "default", "-device intel-iommu" TESTDEV("3"),
      "48 1" UNIT IOAPIC HOST " 1.0@00/03.0" ICH9 ")",
      "48 1 DRHD(1 0 0 0xfed90000)" },
    { "no-intremap", "-device intel-iommu,intremap=off,aw-bits=39",
      "39 0" UNIT IOAPIC HOST ICH9 ")", "39 0 DRHD(1 0 0 0xfed90000)" },
    { "two-pages", "-device intel-iommu,fault-records=256",
      "48 1 DRHD(0 1 0 0xfed90000" IOAPIC HOST ICH9 ")",
      "48 1 DRHD(1 1 0 0xfed90000)" },
    { "width", "-device intel-iommu,aw-bits=57,haw-bits=50",
      "50 1" UNIT IOAPIC HOST ICH9 ")", "50 1 DRHD(1 0 0 0xfed90000)" },
    { "ats", "-device intel-iommu,device-iotlb=on",
      "48 1" UNIT IOAPIC HOST ICH9 ") ATSR(1 0)",
      "48 1 DRHD(1 0 0 0xfed90000) ATSR(1 0)" },
    { "satc", "-device intel-iommu,device-iotlb=on,satc=on"
      TESTDEV("3,ats=on") TESTDEV("4"),
      "48 1" UNIT IOAPIC HOST " 1.0@00/03.0 1.0@00/04.0" ICH9
      ") ATSR(1 0) SATC(0 0 1.0@00/03.0)",
      "48 1 DRHD(1 0 0 0xfed90000) ATSR(1 0) SATC(0 0 1.0@00/03.0)" },
    { "satc-of-none", "-device intel-iommu,device-iotlb=on,satc=on",
      "48 1" UNIT IOAPIC HOST ICH9 ") ATSR(1 0)",
      "48 1 DRHD(1 0 0 0xfed90000) ATSR(1 0)" },
    { "satc-required",
      "-device intel-iommu,device-iotlb=on,satc=on,atc-required=on"
      TESTDEV("3,ats=on"),
      "48 1" UNIT IOAPIC HOST " 1.0@00/03.0" ICH9
      ") ATSR(1 0) SATC(1 0 1.0@00/03.0)",
      "48 1 DRHD(1 0 0 0xfed90000) ATSR(1 0) SATC(1 0 1.0@00/03.0)" },
    { "opt-out", "-device intel-iommu,x2apic-opt-out=on",
      "48 3" UNIT IOAPIC HOST ICH9 ")", "48 3 DRHD(1 0 0 0xfed90000)" },
    { "opt-in", "-device intel-iommu,dma-control-opt-in=on",
      "48 5" UNIT IOAPIC HOST ICH9 ")", "48 5 DRHD(1 0 0 0xfed90000)" },
    { "regions", "-device 'intel-iommu,reserved-regions="
      "0x100000-0x100fff@00:03.0+b;0x200000-0x2fffff@b'" TESTDEV("3")
      TESTDEV("4.0,id=b"),
      "48 1" UNIT IOAPIC HOST " 1.0@00/03.0 1.0@00/04.0" ICH9
      ") RMRR(0 0x100000 0x100fff 1.0@00/03.0 1.0@00/04.0)"
      " RMRR(0 0x200000 0x2fffff 1.0@00/04.0)",
      "48 1 DRHD(1 0 0 0xfed90000)"
      " RMRR(0 0x100000 0x100fff 1.0@00/03.0 1.0@00/04.0)"
      " RMRR(0 0x200000 0x2fffff 1.0@00/04.0)" },
    { "bridges", "-device intel-iommu,device-iotlb=on,satc=on,"
      "reserved-regions=0x100000-0x100fff@a+p"
      " -device pcie-root-port,id=p,chassis=1,addr=2"
      " -device viommu-testdev,bus=p,id=a,ats=on",
      "48 1" UNIT IOAPIC HOST " 2.0@00/02.0" ICH9
      ") RMRR(0 0x100000 0x100fff 1.0@00/02.0/00.0 2.0@00/02.0) ATSR(1 0)",
      "48 1 DRHD(1 0 0 0xfed90000)"
      " RMRR(0 0x100000 0x100fff 1.0@00/02.0/00.0 2.0@00/02.0) ATSR(1 0)" },
    { "bridge-in-scope", "-device intel-iommu -device intel-iommu,scope=2"
      " -device pcie-root-port,id=p,chassis=1,addr=2" TESTDEV("3")
      " -device viommu-testdev,bus=p,id=a",
      "48 1" UNIT IOAPIC HOST " 1.0@00/03.0" ICH9 ")"
      " DRHD(0 0 0 0xfed92000 2.0@00/02.0)",
      "48 1 DRHD(0 0 0 0xfed92000 2.0@00/02.0) DRHD(1 0 0 0xfed90000)" },
    /* no bus has the number 5 yet */
    { "no-such-bus", "-device intel-iommu,"
      "reserved-regions=0x200000-0x2fffff@05:00.0",
      "48 1" UNIT IOAPIC HOST ICH9 ")", NULL },
    { "host-bridges", "-device intel-iommu"
      " -device pxb-pcie,bus_nr=0x40,id=x,addr=2"
      " -device pcie-root-port,id=p,bus=x,chassis=1,addr=7",
      "48 1" UNIT IOAPIC HOST " 1.0@00/02.0" ICH9 " 2.0@40/07.0)", NULL },
    { "two-units", "-device intel-iommu"
      " -device intel-iommu,scope=3:4.1,fault-records=256,aw-bits=57"
      TESTDEV("3") TESTDEV("4.1,multifunction=on")
      TESTDEV("4.0,multifunction=on"),
      "52 1" UNIT IOAPIC HOST " 1.0@00/04.0" ICH9 ")"
      " DRHD(0 1 0 0xfed92000 1.0@00/03.0 1.0@00/04.1)",
      "52 1 DRHD(0 1 0 0xfed92000 1.0@00/03.0 1.0@00/04.1)"
      " DRHD(1 0 0 0xfed90000)" },
    { "all-scoped", "-device intel-iommu,scope=3"
      " -device intel-iommu,scope=0:1f" TESTDEV("3") TESTDEV("4"),
      "48 1" UNIT IOAPIC " 1.0@00/03.0)"
      " DRHD(0 0 0 0xfed92000" HOST ICH9 ")",
      "48 1" UNIT " 1.0@00/03.0) DRHD(0 0 0 0xfed92000" HOST ")" },
    { "flags-of-all", "-device intel-iommu,scope=3,device-iotlb=on"
      " -device intel-iommu,x2apic-opt-out=on" TESTDEV("3"),
      "48 3" UNIT " 1.0@00/03.0)"
      " DRHD(0 0 0 0xfed92000" IOAPIC HOST ICH9 ") ATSR(1 0)",
      "48 3" UNIT " 1.0@00/03.0) DRHD(1 0 0 0xfed92000) ATSR(1 0)" },
    { "bypass", "-machine default_bus_bypass_iommu=on -device intel-iommu",
      "48 1" UNIT IOAPIC ")", NULL },
};

static void test_case(gconstpointer data)
{
    const Case *c = data;
    const char *wanted = qtest_is_qemu() ? c->qemu : c->board;
    g_autoptr(GByteArray) table = acpi_table("DMAR", "q35", c->options);
    g_autofree char *got = tell(table);

    g_assert_cmpstr(got, ==, wanted);
}

/*
 * What stock QEMU 10.0 has for "default" without the endpoint, but for the
 * checksum, which its firmware computes.
 */
static void test_stock(void)
{
    static const uint8_t stock[] = {
        'D', 'M', 'A', 'R', 0x68, 0, 0, 0, 1, 0,
        'B', 'O', 'C', 'H', 'S', ' ',
        'B', 'X', 'P', 'C', ' ', ' ', ' ', ' ', 1, 0, 0, 0,
        'B', 'X', 'P', 'C', 1, 0, 0, 0,
        0x2f, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0x38, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 0, 0, 0, 0,
        3, 8, 0, 0, 0, 0xff, 0, 0,
        1, 8, 0, 0, 0, 0, 0, 0,
        1, 8, 0, 0, 0, 0, 0x1f, 0,
        1, 8, 0, 0, 0, 0, 0x1f, 2,
        1, 8, 0, 0, 0, 0, 0x1f, 3,
    };
    g_autoptr(GByteArray) table = acpi_table("DMAR", "q35",
                                             "-device intel-iommu");

    table->data[9] = 0;
    g_assert_cmpmem(table->data, table->len, stock, sizeof(stock));
}

/* One line with these parts. */
static const struct {
    const char *options;
    const char *part;
    const char *what;
} bad_options[] = {
    { "-device intel-iommu,reserved-regions=0x1000", "0x1000'",
      "BASE-LIMIT@DEVICE" },
    { "-device intel-iommu,reserved-regions=0x1000-0x1ffe@00:00.0",
      "0x1000-0x1ffe", "last byte" },
    { "-device intel-iommu,reserved-regions=0x1000-0x1fff@nobody",
      "reserved-regions", "no PCI device 'nobody'" },
    { "-device intel-iommu,id=u,reserved-regions=0x1000-0x1fff@u",
      "reserved-regions", "no PCI device 'u'" },
    { "-device intel-iommu,reserved-regions=0x1000-0x1fff@00:09.0",
      "reserved-regions", "no device at 00:09.0" },
    { "-device 'intel-iommu,reserved-regions=0x1000-0x2fff@00:00.0;"
      "0x2000-0x3fff@00:00.0'", "RMRR 1", "overlaps RMRR 0" },
    { "-device intel-iommu,aw-bits=39,"
      "reserved-regions=0x1000-0x8000000fff@00:00.0", "RMRR 0", "39 bits" },
    { "-device intel-iommu -device intel-iommu", "scope", "unit 0" },
    { "-device intel-iommu,scope=20", "'20'", "SLOT" },
    { "-device intel-iommu,scope=3.8", "'3.8'", "SLOT" },
    { "-device intel-iommu,scope=3:", "'3:'", "SLOT" },
    { "-device intel-iommu,scope=3 -device intel-iommu,scope=4:3.1", "scope",
      "unit 0" },
    { "-device intel-iommu,scope=1 -device intel-iommu,scope=2"
      " -device intel-iommu,scope=3 -device intel-iommu,scope=4"
      " -device intel-iommu,scope=5", "intel-iommu,scope=5", "4 units" },
    { "-device intel-iommu,satc=on", "satc=on", "device-iotlb=on" },
    { "-device intel-iommu,device-iotlb=on,atc-required=on",
      "atc-required=on", "satc=on" },
    { "-device intel-iommu,intremap=off,x2apic-opt-out=on",
      "x2apic-opt-out=on", "intremap=on" },
};

static void test_bad(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad_options); i++) {
        g_autofree char *said = qtest_start_refused(
            "-machine q35 -m 256M %s", bad_options[i].options);
        const char *end = strchr(said, '\n');

        g_test_message("%s", said);
        g_assert_nonnull(strstr(said, bad_options[i].part));
        g_assert_nonnull(strstr(said, bad_options[i].what));
        g_assert_nonnull(end);
        g_assert_cmpstr(end, ==, "\n");
    }
}

/* dump-dmar itself */
static void test_bad_dump(void)
{
    static const char *const bad[] = {
        "-machine q35,dump-dmar=/nonexistent/file -device intel-iommu",
        "-machine q35,dump-dmar=/dev/null/file",
        "-machine virt,iommu=smmuv3,dump-iort=/nonexistent/file",
        "-machine virt,dump-iort=/tmp/file",
        "-machine virt,dump-dmar=/tmp/file",
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *said = qtest_start_refused("%s", bad[i]);
        const char *end = strchr(said, '\n');

        g_assert_nonnull(strstr(said, "=/"));
        g_assert_nonnull(end);
        g_assert_cmpstr(end, ==, "\n");
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strconcat("/firmware/", cases[i].name, NULL);

        /* what one machine does not have is a case of the other */
        if (qtest_is_qemu() ? cases[i].qemu : cases[i].board) {
            g_test_add_data_func(name, &cases[i], test_case);
        }
    }
    g_test_add_func("/firmware/bad", test_bad);
    if (qtest_is_qemu()) {
        /* the board signs with its own name */
        g_test_add_func("/firmware/stock", test_stock);
    } else {
        g_test_add_func("/firmware/bad-dump", test_bad_dump);
    }
    return g_test_run();
}
