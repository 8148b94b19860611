/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The DMAR table that a machine has for its options: QEMU's through its
 * firmware configuration device, viommu-machine's through dump-dmar.
 */
#include <stdio.h>
#include <string.h>

#include <glib/gstdio.h>

#include "tests/lib/qtest.h"

/* QEMU's firmware configuration device: its DMA registers, big-endian. */
#define FW_CFG_DMA_HIGH  0x514
#define FW_CFG_DMA_LOW   0x518
#define FW_CFG_READ      0x02
#define FW_CFG_SELECT    0x08
#define FW_CFG_FILES     0x19
#define FW_CFG_ENTRY     64
#define FW_CFG_NAME      8

/* Where it puts what it is asked for. */
#define COMMAND          0x1000
#define ANSWER           0x100000

#define TABLE_HEADER     48

static uint64_t get(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = size; i-- > 0;) {
        value = value << 8 | at[i];
    }
    return value;
}

/* --- Reading ------------------------------------------------------------- */

static void fw_cfg_read(QTest *q, unsigned selector, void *buf, size_t size)
{
    const struct {
        uint32_t control;
        uint32_t length;
        uint64_t address;
    } command = {
        GUINT32_TO_BE(selector << 16 | FW_CFG_SELECT | FW_CFG_READ),
        GUINT32_TO_BE(size),
        GUINT64_TO_BE(ANSWER),
    };

    qtest_memwrite(q, COMMAND, &command, sizeof(command));
    qtest_out(q, FW_CFG_DMA_HIGH, 0, 4);
    qtest_out(q, FW_CFG_DMA_LOW, GUINT32_TO_BE(COMMAND), 4);
    g_assert_cmphex(qtest_read(q, COMMAND, 4), ==, 0);
    qtest_memread(q, ANSWER, buf, size);
}

/* The file with all tables. */
static GByteArray *fw_cfg_tables(QTest *q)
{
    GByteArray *tables = g_byte_array_new();
    g_autofree uint8_t *files = NULL;
    uint32_t n;

    fw_cfg_read(q, FW_CFG_FILES, &n, sizeof(n));
    n = GUINT32_FROM_BE(n);
    g_assert_cmpuint(n, <, 1000);
    files = g_malloc0(4 + n * FW_CFG_ENTRY);
    fw_cfg_read(q, FW_CFG_FILES, files, 4 + n * FW_CFG_ENTRY);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *file = files + 4 + i * FW_CFG_ENTRY;
        uint32_t size = file[0] << 24 | file[1] << 16 | file[2] << 8 | file[3];

        if (!strcmp((const char *)file + FW_CFG_NAME, "etc/acpi/tables")) {
            g_byte_array_set_size(tables, size);
            fw_cfg_read(q, file[4] << 8 | file[5], tables->data, size);
        }
    }
    return tables;
}

static GByteArray *table_of_qemu(const char *options)
{
    QTest *q = qtest_start("-machine q35 -m 256M %s", options);
    g_autoptr(GByteArray) tables = fw_cfg_tables(q);
    const uint8_t *at = memmem(tables->data, tables->len, "DMAR", 4);
    GByteArray *table = g_byte_array_new();

    qtest_end(q);
    g_assert_nonnull(at);
    g_byte_array_append(table, at, get(at + 4, 4));
    return table;
}

static GByteArray *table_of_board(const char *options)
{
    g_autofree char *folder = g_dir_make_tmp("viommu-dmar-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "dmar", NULL);
    g_autofree char *command = g_strdup_printf(
        "%s -machine q35,dump-dmar=%s -m 256M %s", g_getenv("VIOMMU_MACHINE"),
        path, options);
    g_autofree char *complaint = NULL;
    g_autofree char *data = NULL;
    GByteArray *table = g_byte_array_new();
    int status;
    gsize size;

    g_assert_true(g_spawn_command_line_sync(command, NULL, &complaint,
                                            &status, NULL));
    g_assert_cmpstr(complaint, ==, "");
    g_assert_cmpint(status, ==, 0);
    g_assert_true(g_file_get_contents(path, &data, &size, NULL));
    g_byte_array_append(table, (const uint8_t *)data, size);
    g_unlink(path);
    g_rmdir(folder);
    return table;
}

/* --- Decoding ------------------------------------------------------------ */

/* " TYPE.ID@BUS/DD.F/DD.F" for each entry */
static void tell_scopes(GString *out, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        g_assert_cmpint(end - at, >=, 8);
        g_assert_cmpint(at[1], >=, 8);
        g_assert_cmpint(at[1], <=, end - at);
        g_assert_cmphex(get(at + 2, 2), ==, 0);
        g_string_append_printf(out, " %u.%u@%02x", at[0], at[4], at[5]);
        for (unsigned i = 6; i < at[1]; i += 2) {
            g_string_append_printf(out, "/%02x.%x", at[i], at[i + 1]);
        }
        at += at[1];
    }
}

static void tell_structure(GString *out, const uint8_t *at, size_t size)
{
    switch (get(at, 2)) {
    case 0:
        g_string_append_printf(out, " DRHD(%u %u %u 0x%" G_GINT64_MODIFIER "x",
                               at[4], at[5], (unsigned)get(at + 6, 2),
                               get(at + 8, 8));
        tell_scopes(out, at + 16, at + size);
        break;
    case 1:
        g_assert_cmphex(get(at + 4, 2), ==, 0);
        g_string_append_printf(out, " RMRR(%u 0x%" G_GINT64_MODIFIER "x 0x%"
                               G_GINT64_MODIFIER "x",
                               (unsigned)get(at + 6, 2), get(at + 8, 8),
                               get(at + 16, 8));
        tell_scopes(out, at + 24, at + size);
        break;
    case 2:
    case 5:
        g_string_append_printf(out, " %s(%u %u", at[0] == 2 ? "ATSR" : "SATC",
                               at[4], (unsigned)get(at + 6, 2));
        tell_scopes(out, at + 8, at + size);
        break;
    default:
        g_string_append_printf(out, " %u(", (unsigned)get(at, 2));
        break;
    }
    g_string_append_c(out, ')');
}

/* The address width, the flags, and each structure. */
static char *tell(const GByteArray *table)
{
    GString *out = g_string_new(NULL);
    size_t at = TABLE_HEADER;
    uint8_t sum = 0;

    g_assert_cmpuint(table->len, >=, TABLE_HEADER);
    for (unsigned i = 0; i < table->len; i++) {
        sum += table->data[i];
    }
    g_assert_cmpuint(sum, ==, 0);
    g_assert_cmpuint(get(table->data + 4, 4), ==, table->len);
    g_assert_cmpuint(table->data[8], ==, 1);
    g_string_append_printf(out, "%u %u", table->data[36] + 1,
                           table->data[37]);
    while (at < table->len) {
        size_t size = get(table->data + at + 2, 2);

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
    g_autoptr(GByteArray) table = NULL;
    g_autofree char *got = NULL;

    table = qtest_is_qemu() ? table_of_qemu(c->options)
                            : table_of_board(c->options);
    got = tell(table);
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
    g_autoptr(GByteArray) table = NULL;

    table = table_of_qemu("-device intel-iommu");
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
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *said = qtest_start_refused("%s", bad[i]);
        const char *end = strchr(said, '\n');

        g_assert_nonnull(strstr(said, "dump-dmar=/"));
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
