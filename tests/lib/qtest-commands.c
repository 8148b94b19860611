/* SPDX-License-Identifier: BSD-3-Clause */
/* The commands of the qtest protocol, over qtest.c's line. */
#include <inttypes.h>
#include <string.h>

#include "tests/lib/qtest.h"

/* Longest wait for a register or memory to change. */
#define WAIT_TIMEOUT 20000
/* Bytes in one read or write command. */
#define CHUNK 4096

/* What is behind the answer's OK, as a number; nothing is 0. */
G_GNUC_PRINTF(2, 3)
static uint64_t command_value(QTest *q, const char *format, ...)
{
    g_autofree char *text = NULL;
    g_autofree char *answer = NULL;
    uint64_t value = 0;
    va_list ap;

    va_start(ap, format);
    text = g_strdup_vprintf(format, ap);
    va_end(ap);
    answer = qtest_special(q, "%s", text);
    if (*answer) {
        char *end;

        value = g_ascii_strtoull(answer, &end, 0);
        if (*end) {
            qtest_fail(q, "'%s' was answered by 'OK %s'", text, answer);
        }
    }
    return value;
}

static char size_letter(unsigned size)
{
    switch (size) {
    case 1:
        return 'b';
    case 2:
        return 'w';
    case 4:
        return 'l';
    case 8:
        return 'q';
    default:
        g_assert_not_reached();
    }
}

uint32_t qtest_in(QTest *q, uint16_t port, unsigned size)
{
    return command_value(q, "in%c 0x%x", size_letter(size), port);
}

void qtest_out(QTest *q, uint16_t port, uint32_t value, unsigned size)
{
    command_value(q, "out%c 0x%x 0x%x", size_letter(size), port, value);
}

uint64_t qtest_read(QTest *q, uint64_t addr, unsigned size)
{
    return command_value(q, "read%c 0x%" PRIx64, size_letter(size), addr);
}

void qtest_write(QTest *q, uint64_t addr, uint64_t value, unsigned size)
{
    if (size < 8) {
        value &= (1ull << 8 * size) - 1;
    }
    command_value(q, "write%c 0x%" PRIx64 " 0x%" PRIx64, size_letter(size),
                  addr, value);
}

void qtest_memread(QTest *q, uint64_t addr, void *buf, size_t size)
{
    uint8_t *to = buf;

    while (size) {
        size_t n = MIN(size, CHUNK);
        g_autofree char *text = g_strdup_printf("read 0x%" PRIx64 " 0x%zx",
                                                addr, n);
        g_autofree char *answer = qtest_special(q, "%s", text);

        if (strlen(answer) != 2 + 2 * n || !g_str_has_prefix(answer, "0x")) {
            qtest_fail(q, "'%s' was answered by 'OK %s'", text, answer);
        }
        for (size_t i = 0; i < n; i++) {
            int high = g_ascii_xdigit_value(answer[2 + 2 * i]);
            int low = g_ascii_xdigit_value(answer[3 + 2 * i]);

            g_assert_true(high >= 0 && low >= 0);
            to[i] = high << 4 | low;
        }
        addr += n;
        to += n;
        size -= n;
    }
}

void qtest_memwrite(QTest *q, uint64_t addr, const void *buf, size_t size)
{
    const uint8_t *from = buf;

    while (size) {
        size_t n = MIN(size, CHUNK);
        g_autoptr(GString) text = g_string_new(NULL);

        g_string_printf(text, "write 0x%" PRIx64 " 0x%zx 0x", addr, n);
        for (size_t i = 0; i < n; i++) {
            g_string_append_printf(text, "%02x", from[i]);
        }
        g_free(qtest_special(q, "%s", text->str));
        addr += n;
        from += n;
        size -= n;
    }
}

void qtest_memset(QTest *q, uint64_t addr, uint8_t value, size_t size)
{
    command_value(q, "memset 0x%" PRIx64 " 0x%zx 0x%02x", addr, size, value);
}

uint64_t qtest_usage(QTest *q, const char *name)
{
    g_autofree char *answer = qtest_special(q, "viommu-host usage");
    g_autofree char *text = g_strconcat(" ", answer, NULL);
    g_autofree char *key = g_strdup_printf(" %s=", name);
    const char *at = strstr(text, key);

    if (!at) {
        qtest_fail(q, "viommu-host usage has no %s: '%s'", name, answer);
    }
    return g_ascii_strtoull(at + strlen(key), NULL, 0);
}

void qtest_clock_step(QTest *q, int64_t ns)
{
    if (ns) {
        command_value(q, "clock_step %" PRId64, ns);
    } else {
        command_value(q, "clock_step");
    }
}

bool qtest_wait(QTest *q, uint64_t addr, unsigned size, uint64_t mask,
                uint64_t value)
{
    int64_t end = g_get_monotonic_time() + WAIT_TIMEOUT * 1000ll;

    while ((qtest_read(q, addr, size) & mask) != value) {
        if (g_get_monotonic_time() > end) {
            return false;
        }
        qtest_clock_step(q, 1000);
        g_usleep(20);
    }
    return true;
}

void qtest_ask_reset(QTest *q)
{
    /* 0xcf9: bit 1 hard reset, bit 2 do it */
    qtest_out(q, 0xcf9, 0x02, 1);
    qtest_out(q, 0xcf9, 0x06, 1);
}
