/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/qtest/acpi.h"

#include <string.h>

#include <glib/gstdio.h>

/* QEMU's firmware configuration device: its DMA registers, big-endian. */
#define FW_CFG_DMA_HIGH  0x514
#define FW_CFG_DMA_LOW   0x518
#define FW_CFG_DMA_VIRT  0x09020010
#define FW_CFG_READ      0x02
#define FW_CFG_SELECT    0x08
#define FW_CFG_FILES     0x19
#define FW_CFG_ENTRY     64
#define FW_CFG_NAME      8

/* Where it puts what it is asked for, from the start of RAM. */
#define VIRT_RAM         0x40000000
#define COMMAND          0x1000
#define ANSWER           0x100000

uint64_t acpi_get(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = size; i-- > 0;) {
        value = value << 8 | at[i];
    }
    return value;
}

/* The device is at ports, or on virt in memory. */
static void fw_cfg_read(QTest *q, bool virt, unsigned selector, void *buf,
                        size_t size)
{
    uint32_t ram = virt ? VIRT_RAM : 0;
    const struct {
        uint32_t control;
        uint32_t length;
        uint64_t address;
    } command = {
        GUINT32_TO_BE(selector << 16 | FW_CFG_SELECT | FW_CFG_READ),
        GUINT32_TO_BE(size),
        GUINT64_TO_BE(ram + ANSWER),
    };

    qtest_memwrite(q, ram + COMMAND, &command, sizeof(command));
    if (virt) {
        qtest_writeq(q, FW_CFG_DMA_VIRT, GUINT64_TO_BE(ram + COMMAND));
    } else {
        qtest_out(q, FW_CFG_DMA_HIGH, 0, 4);
        qtest_out(q, FW_CFG_DMA_LOW, GUINT32_TO_BE(COMMAND), 4);
    }
    g_assert_cmphex(qtest_read(q, ram + COMMAND, 4), ==, 0);
    qtest_memread(q, ram + ANSWER, buf, size);
}

GByteArray *acpi_tables_of(QTest *q, bool virt)
{
    GByteArray *tables = g_byte_array_new();
    g_autofree uint8_t *files = NULL;
    uint32_t n;

    fw_cfg_read(q, virt, FW_CFG_FILES, &n, sizeof(n));
    n = GUINT32_FROM_BE(n);
    g_assert_cmpuint(n, <, 1000);
    files = g_malloc0(4 + n * FW_CFG_ENTRY);
    fw_cfg_read(q, virt, FW_CFG_FILES, files, 4 + n * FW_CFG_ENTRY);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *file = files + 4 + i * FW_CFG_ENTRY;
        uint32_t size = file[0] << 24 | file[1] << 16 | file[2] << 8 | file[3];

        if (!strcmp((const char *)file + FW_CFG_NAME, "etc/acpi/tables")) {
            g_byte_array_set_size(tables, size);
            fw_cfg_read(q, virt, file[4] << 8 | file[5], tables->data, size);
        }
    }
    return tables;
}

static GByteArray *checked(GByteArray *table, const char *signature)
{
    uint8_t sum = 0;

    g_assert_cmpuint(table->len, >=, 36);
    g_assert_cmpmem(table->data, 4, signature, 4);
    g_assert_cmpuint(acpi_get(table->data + 4, 4), ==, table->len);
    for (guint i = 0; i < table->len; i++) {
        sum += table->data[i];
    }
    g_assert_cmphex(sum, ==, 0);
    return table;
}

GByteArray *acpi_table_of(QTest *q, const char *signature, bool virt)
{
    g_autoptr(GByteArray) tables = acpi_tables_of(q, virt);
    const uint8_t *at = memmem(tables->data, tables->len, signature, 4);
    GByteArray *table = g_byte_array_new();

    g_assert_nonnull(at);
    g_byte_array_append(table, at, acpi_get(at + 4, 4));
    return checked(table, signature);
}

static GByteArray *table_of_qemu(const char *signature, const char *machine,
                                 const char *options)
{
    QTest *q = qtest_start("-machine %s -m 256M %s", machine, options);
    GByteArray *table = acpi_table_of(q, signature,
                                      g_str_has_prefix(machine, "virt"));

    qtest_end(q);
    return table;
}

static GByteArray *table_of_board(const char *signature, const char *machine,
                                  const char *options)
{
    GByteArray *table = g_byte_array_new();
    g_autofree char *folder = g_dir_make_tmp("viommu-table-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "table", NULL);
    g_autofree char *word = g_ascii_strdown(signature, -1);
    g_autofree char *command = g_strdup_printf(
        "%s -machine %s,dump-%s=%s -m 256M %s", g_getenv("VIOMMU_MACHINE"),
        machine, word, path, options);
    g_autofree char *complaint = NULL;
    g_autofree char *data = NULL;
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
    return checked(table, signature);
}

GByteArray *acpi_table(const char *signature, const char *machine,
                       const char *options)
{
    return qtest_is_qemu() ? table_of_qemu(signature, machine, options)
                           : table_of_board(signature, machine, options);
}
